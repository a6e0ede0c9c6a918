# SPDX-License-Identifier: Apache-2.0
"""Building footprints drawn from imagery: Google Open Buildings (CSV with WKT), Microsoft (a GeoJSON feature a line).

Files are shards of the world, so objects outside the boundary's box are counted and dropped before their geometry is
read. No use, no storeys; Microsoft's height -1 means unknown, and so does any height that is not positive.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import shapely
from numpy.typing import NDArray

from carbongrid.crs import CRS84
from carbongrid.errors import InvalidInput
from carbonstore.activity import complete, numbers, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features
from carbonstore.sources.shapefiles import combined
from carbonstore.sources.table import row_ids

_GOOGLE = ("latitude", "longitude", "geometry")
_MARGIN = 0.01
"""Degrees around the boundary's box: Google's coordinates are of the centre, a building reaches beyond it."""
_BATCH = 10_000
OUTSIDE, UNREADABLE = "outside the boundary", "line that is no feature"

type Box = tuple[float, float, float, float]


def read(spec: SourceSpec, context: ReadContext) -> Features:
    """Footprints of all shards in CRS84; InvalidInput for a file that is neither form."""
    west, south, east, north = context.boundary.bounds
    box = (west - _MARGIN, south - _MARGIN, east + _MARGIN, north + _MARGIN)
    parts = [_read(path, box, spec.place) for path in spec.paths]
    return combined(spec, parts, [CRS84] * len(parts))


def _read(path: Path, box: Box, place: str) -> Features:
    first = _first_line(path, place)
    if first.startswith(b"{"):
        return _microsoft(path, box)
    if all(name in first.decode("utf-8", "ignore") for name in _GOOGLE):
        return _google(path, box)
    raise InvalidInput(
        f"'{path.name}' is no file of footprints",
        where=f"{place}.path",
        allowed=["Google: CSV with latitude, longitude and geometry", "Microsoft: a GeoJSON feature a line"],
    )


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _first_line(path: Path, place: str) -> bytes:
    try:
        with _open(path) as file:
            return file.readline(1 << 20).removeprefix(b"\xef\xbb\xbf")
    except (OSError, EOFError) as error:
        allowed = [".csv.gz", ".geojsonl"]
        raise InvalidInput(f"'{path.name}' cannot be read", where=f"{place}.path", allowed=allowed) from error


def _google(path: Path, box: Box) -> Features:
    as_text = pcsv.ConvertOptions(column_types={"geometry": pa.string(), "full_plus_code": pa.string()})
    table = pcsv.read_csv(path, parse_options=pcsv.ParseOptions(newlines_in_values=True), convert_options=as_text)
    lon, _ = numbers(table["longitude"])
    lat, _ = numbers(table["latitude"])
    near = _within(lon, lat, box)
    geometry = np.asarray(shapely.from_wkt(texts(table["geometry"])[near], on_invalid="ignore"), object)
    codes = texts(table["full_plus_code"])[near] if "full_plus_code" in table.column_names else None
    features = _features(row_ids(codes, len(geometry)), geometry, {})
    return replace(features, unread=_counted({OUTSIDE: int((~near).sum())}))


def _microsoft(path: Path, box: Box) -> Features:
    near: list[NDArray[np.object_]] = [np.empty(0, object)]
    heights: list[float] = []
    unread = {OUTSIDE: 0, UNREADABLE: 0}
    for lines in _batches(path):
        shapes = np.asarray(shapely.from_geojson(lines, on_invalid="ignore"), object)
        unreadable, outside = shapely.is_missing(shapes), _outside(shapes, box)
        unread[UNREADABLE] += int(unreadable.sum())
        unread[OUTSIDE] += int(outside.sum())
        rows = np.flatnonzero(~unreadable & ~outside)
        near.append(shapes[rows])
        heights += [_height(lines[i]) for i in rows.tolist()]
    geometry = np.concatenate(near)
    features = _features(row_ids(None, len(geometry)), geometry, {"height_m": np.array(heights, np.float64)})
    return replace(features, unread=_counted(unread))


def _batches(path: Path) -> Iterator[list[str]]:
    """Lines that are not blank, some thousands at a time."""
    with _open(path) as file:
        lines = (line.decode("utf-8", "backslashreplace") for line in file if line.strip())
        while batch := list(islice(lines, _BATCH)):
            yield batch


def _height(line: str) -> float:
    """Metres of a feature that is known to be readable; NaN where it has none, or -1."""
    height = (json.loads(line).get("properties") or {}).get("height")
    return float(height) if isinstance(height, int | float) and height > 0 else float("nan")


def _within(lon: NDArray[np.float64], lat: NDArray[np.float64], box: Box) -> NDArray[np.bool_]:
    """Inside the box, or nowhere: rows without coordinates stay, to be counted with their geometry."""
    west, south, east, north = box
    outside = (lon < west) | (lon > east) | (lat < south) | (lat > north)
    return ~outside


def _outside(shapes: NDArray[np.object_], box: Box) -> NDArray[np.bool_]:
    """Shapes whose box does not meet the box; empty ones are not outside, but counted as without area."""
    west, south, east, north = shapely.bounds(shapes).T
    return np.asarray((west > box[2]) | (east < box[0]) | (south > box[3]) | (north < box[1]), bool)


def _features(ids: NDArray[np.object_], geometry: NDArray[np.object_], columns: dict[str, NDArray[Any]]) -> Features:
    return Features.of("buildings", ids, geometry, complete(columns, "buildings", len(ids)), CRS84)


def _counted(counts: dict[str, int]) -> dict[str, int]:
    return {reason: n for reason, n in counts.items() if n}
