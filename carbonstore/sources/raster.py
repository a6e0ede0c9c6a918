# SPDX-License-Identifier: Apache-2.0
"""Land cover rasters (ESA WorldCover and others): pixels of a forest class as stands, gathered in blocks.

A stand is the outline of a class's pixels within one block of the raster (about 100 m a side). Every edge keeps the
pixels' corners, so its area is that of the pixels on the ground, whatever their size in degrees: at 40° N a WorldCover
pixel is 66 m², not 100. Other classes, and pixels without data, are counted with their area and give no stand.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from pyproj import Geod
from rasterio.errors import RasterioIOError
from rasterio.features import geometry_mask, shapes
from rasterio.windows import Window

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FactorSet
from carbongrid.forests import cover_codes
from carbonstore.activity import complete
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.places.reproject import reprojected
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features
from carbonstore.sources.shapefiles import combined
from carbonstore.sources.table import crs_of

_GEOD = Geod(ellps="WGS84")
_ROWS = 2048
"""Rows of a strip: what of a tile is held at once."""
_STEP_DEG = 0.01

type Areas = dict[int, float]
type Pixels = tuple[int, int, int, int]
"""A window: first and last row, first and last column, half open."""


@dataclass(frozen=True)
class _Tile:
    """A raster to read: pixel transform, CRS, window of the boundary, block in pixels (down, across), legend."""

    path: Path
    crs: str
    at: Any
    window: tuple[int, int, int, int]
    block: tuple[int, int]
    legend: Mapping[int, str]
    nodata: float | None


def read(spec: SourceSpec, context: ReadContext) -> Features:
    """Stands of all tiles; InvalidInput for a raster without CRS or classes, off the boundary, or of unknown values."""
    parts = [_read(spec, path, context) for path in spec.paths]
    features = combined(spec, parts, [p.crs for p in parts])
    if not len(features):
        raise InvalidInput(
            f"no pixel inside the boundary is of a forest class ({'; '.join(features.notes)})",
            where=spec.place,
            allowed=[f"{value} ({name})" for value, name in _legend(spec, context.factors).items() if name],
        )
    return features


def _legend(spec: SourceSpec, factors: FactorSet) -> Mapping[int, str]:
    """Pixel value -> land cover of the country's table, "" for what takes up no carbon.

    UnknownName for a cover that the table does not know: it would silently grow like the default forest.
    """
    forest, known = cover_codes(factors), cover_codes(factors) | cover_codes(factors, forest=False)
    given: Mapping[int, str] | None = spec.options["classes"]
    if given is None:
        return {int(code): code if code in forest else "" for code in sorted(known) if code.isdigit()}
    for name in given.values():
        if name and name not in forest:
            raise UnknownName(name, forest, kind="land cover", where=f"{spec.place}.classes")
    return given


def _read(spec: SourceSpec, path: Path, context: ReadContext) -> Features:
    with band(spec, path, context, "one band of whole numbers: a class each") as (raster, crs, window):
        return _features(spec, _tile(spec, path, raster, crs, window, context), raster, context)


@contextmanager
def band(spec: SourceSpec, path: Path, context: ReadContext, allowed: str) -> Iterator[tuple[Any, str, Pixels]]:
    """An open raster of one band of integers, its CRS, and the window of its pixels that meet the boundary.

    InvalidInput for what is no raster, has no CRS, other bands than ``allowed``, or lies elsewhere.
    """
    place = f"{spec.place}.path"
    try:
        with rasterio.open(path) as raster:
            crs = crs_of(spec, raster.crs.to_wkt() if raster.crs else None)
            if raster.count != 1 or not np.issubdtype(np.dtype(raster.dtypes[0]), np.integer):
                what = f"'{path.name}' has {raster.count} bands of {raster.dtypes[0]}"
                raise InvalidInput(what, where=place, allowed=[allowed])
            window = window_of(raster, crs, context)
            if window is None:
                raise InvalidInput(f"'{path.name}' does not meet the boundary", where=place, allowed=["tiles that do"])
            yield raster, crs, window
    except RasterioIOError as error:
        raise InvalidInput(f"'{path.name}' is no raster", where=place, allowed=["GeoTIFF"]) from error


def _tile(spec: SourceSpec, path: Path, raster: Any, crs: str, window: Pixels, context: ReadContext) -> _Tile:
    given = spec.options["nodata"]
    block = _block(raster.transform, crs, spec.options["block_m"], context)
    nodata = given if given is not None else raster.nodata
    return _Tile(path, crs, raster.transform, window, block, _legend(spec, context.factors), nodata)


def window_of(raster: Any, crs: str, context: ReadContext) -> Pixels | None:
    """First and last + 1 row and column that cover the boundary; None where they do not meet."""
    outline = shapely.segmentize(context.boundary, _STEP_DEG)
    west, south, east, north = shapely.bounds(reprojected([outline], CRS84, crs)[0])
    cols, rows = zip(*(~raster.transform @ corner for corner in ((west, north), (east, south))), strict=True)
    top, bottom = max(0, int(np.floor(min(rows)))), min(raster.height, int(np.ceil(max(rows))))
    left, right = max(0, int(np.floor(min(cols)))), min(raster.width, int(np.ceil(max(cols))))
    return (top, bottom, left, right) if top < bottom and left < right else None


def _block(at: Any, crs: str, metres: int, context: ReadContext) -> tuple[int, int]:
    """Pixels of a block down and across, so that it is about ``metres`` a side at the boundary's middle."""
    middle = context.boundary.representative_point()
    x, y = transformer(CRS84, crs).transform(middle.x, middle.y)
    lon, lat = transformer(crs, CRS84).transform([x, x + abs(at.a), x], [y, y, y + abs(at.e)])
    _, _, across = _GEOD.inv(lon[0], lat[0], lon[1], lat[1])
    _, _, down = _GEOD.inv(lon[0], lat[0], lon[2], lat[2])
    return max(1, round(metres / down)), max(1, round(metres / across))


def _features(spec: SourceSpec, tile: _Tile, raster: Any, context: ReadContext) -> Features:
    outline = reprojected([shapely.segmentize(context.boundary, _STEP_DEG)], CRS84, tile.crs)[0]
    stands: list[tuple[str, str, shapely.Geometry]] = []
    areas: Areas = defaultdict(float)
    for top, bottom in _strips(tile):
        values = _values(raster, tile, top, bottom)
        _refuse_unknown(values, outline, tile, top, spec)
        stands += _stands(values, outline, tile, top)
        for value, area in _areas(values, outline, tile, top, context.crs).items():
            areas[value] += area
    geometry = np.empty(len(stands), object)
    geometry[:] = [shape for _, _, shape in stands]
    ids = np.array([id for id, _, _ in stands], object)
    columns = {"land_cover": np.array([name for _, name, _ in stands], object)}
    features = Features.of("forests", ids, geometry, complete(columns, "forests", len(ids)), tile.crs)
    return replace(features, notes=_notes(tile, areas, context.factors))


def _strips(tile: _Tile) -> Iterator[tuple[int, int]]:
    """Rows of the window in strips that end where blocks do."""
    top, bottom, _, _ = tile.window
    step = max(1, _ROWS // tile.block[0]) * tile.block[0]
    starts = [top, *range(top - top % step + step, bottom, step), bottom]
    yield from pairwise(starts)


def _values(raster: Any, tile: _Tile, top: int, bottom: int) -> NDArray[np.int64]:
    left, right = tile.window[2:]
    values = raster.read(1, window=Window(left, top, right - left, bottom - top))
    return np.asarray(values, np.int64)


def _inside(
    shape: tuple[int, ...], outline: shapely.Geometry, tile: _Tile, top: int, *, touched: bool
) -> NDArray[np.bool_]:
    """Pixels in the boundary: those it touches, or those whose centre it holds."""
    at = tile.at @ tile.at.translation(tile.window[2], top)
    return np.asarray(geometry_mask([outline], shape, at, all_touched=touched, invert=True), bool)


def _refuse_unknown(
    values: NDArray[np.int64], outline: shapely.Geometry, tile: _Tile, top: int, spec: SourceSpec
) -> None:
    """A value that the legend does not name is no class to be guessed; 0 is no data unless it is named."""
    found = np.unique(values[_inside(values.shape, outline, tile, top, touched=True)]).tolist()
    unknown = [v for v in found if v not in tile.legend and not _blank(v, tile)]
    if unknown:
        raise InvalidInput(
            f"'{tile.path.name}' has pixels of {unknown[0]}, which the legend does not name",
            where=f"{spec.place}.classes",
            allowed=[str(v) for v in tile.legend],
        )


def _blank(value: int, tile: _Tile) -> bool:
    return value == tile.nodata or (value == 0 and 0 not in tile.legend)


def _stands(
    values: NDArray[np.int64], outline: shapely.Geometry, tile: _Tile, top: int
) -> list[tuple[str, str, shapely.Geometry]]:
    """(id, land cover, outline) of every forest class in every block, in the raster's CRS."""
    inside = _inside(values.shape, outline, tile, top, touched=True)
    left = tile.window[2]
    row, col = np.arange(values.shape[0]) + top, np.arange(values.shape[1]) + left
    across = int(col[-1] // tile.block[1]) + 1
    block = (row // tile.block[0])[:, None] * across + (col // tile.block[1])[None, :]
    base = int(block.min())
    found: list[tuple[str, str, shapely.Geometry]] = []
    for value, name in tile.legend.items():
        mask = inside & (values == value)
        if not name or _blank(value, tile) or not mask.any():
            continue
        for key, pixels in _outlines((block - base).astype(np.int32), mask).items():
            stand = shapely.transform(pixels, lambda xy: _placed(xy, tile.at, left, top))
            row_col = divmod(key + base, across)
            found.append((f"{tile.path.stem}/{value}/{row_col[0]}-{row_col[1]}", name, stand))
    return found


def _outlines(block: NDArray[np.int32], mask: NDArray[np.bool_]) -> dict[int, shapely.Geometry]:
    """Pixels of each block in pixel coordinates, with a vertex at every pixel's corner: neighbours share them all."""
    parts: dict[int, list[shapely.Polygon]] = defaultdict(list)
    for outline, key in shapes(block, mask=mask, connectivity=4):
        rings = outline["coordinates"]
        parts[int(key)].append(shapely.Polygon(rings[0], rings[1:]))
    return {key: shapely.segmentize(shapely.MultiPolygon(p), 1.0) for key, p in parts.items()}


def _placed(xy: NDArray[np.float64], at: Any, left: int, top: int) -> NDArray[np.float64]:
    col, row = xy[:, 0] + left, xy[:, 1] + top
    return np.column_stack([at.a * col + at.b * row + at.c, at.d * col + at.e * row + at.f])


def _areas(values: NDArray[np.int64], outline: shapely.Geometry, tile: _Tile, top: int, crs: str) -> Areas:
    """m² by value of pixels whose centre is in the boundary: by row, since pixels in degrees shrink with latitude."""
    inside = _inside(values.shape, outline, tile, top, touched=False)
    middle = sum(tile.window[2:]) // 2
    rows = np.arange(values.shape[0]) + top
    corners = shapely.box(np.full(len(rows), middle), rows, np.full(len(rows), middle + 1), rows + 1)
    pixels = shapely.transform(corners, lambda xy: _placed(xy, tile.at, 0, 0))
    each = shapely.area(reprojected(pixels, tile.crs, crs))
    return {int(v): float(((values == v) & inside).sum(axis=1) @ each) for v in np.unique(values[inside])}


def _notes(tile: _Tile, areas: Areas, factors: FactorSet) -> tuple[str, ...]:
    """What of the boundary is no forest, and what has no data, in km²."""
    table = factors.tables["land_cover"]
    names = dict(zip(table.text("code"), table.text("name"), strict=True))
    notes = []
    for value, area in sorted(areas.items()):
        if _blank(value, tile):
            notes.append(f"no data: {area / 1e6:,.3f} km²")
        elif not tile.legend[value]:
            notes.append(f"class {value} ({names.get(str(value), 'other')}) is no forest: {area / 1e6:,.3f} km²")
    return tuple(notes)
