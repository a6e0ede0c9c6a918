# SPDX-License-Identifier: Apache-2.0
"""Built surface rasters (GHS-BUILT-S R2023A): square metres of buildings a pixel, where nobody mapped the buildings.

A pixel is a count of metres, never a class and never to be interpolated: each becomes one square of that area at its
centre, drawn in the grid's CRS, whatever the raster's (Mollweide, or degrees). So sums stay; uses, storeys and heights
are unknown. 0 is no building; no data (65535) is counted, not added.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from carbongrid.crs import transformer
from carbonstore.activity import complete
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features
from carbonstore.sources.raster import Pixels, band
from carbonstore.sources.shapefiles import combined

NODATA = 65_535


def read(spec: SourceSpec, context: ReadContext) -> Features:
    """Squares of all tiles in the grid's CRS; InvalidInput for a raster without CRS, of fractions, off the boundary."""
    parts = [_read(spec, path, context) for path in spec.paths]
    return combined(spec, parts, [context.crs] * len(parts))


def _read(spec: SourceSpec, path: Path, context: ReadContext) -> Features:
    with band(spec, path, context, "one band of whole square metres") as (raster, crs, window):
        return _features(spec, path, raster, crs, window, context)


def _features(spec: SourceSpec, path: Path, raster: Any, crs: str, window: Pixels, context: ReadContext) -> Features:
    top, bottom, left, right = window
    values = np.asarray(raster.read(1, window=Window(left, top, right - left, bottom - top)), np.int64)
    unknown = values == _nodata(spec, raster)
    row, col = np.nonzero((values > 0) & ~unknown)
    geometry = _squares(raster.transform, (row + top, col + left), crs, context.crs, values[row, col])
    ids = np.array([f"{path.stem}/{r}-{c}" for r, c in zip((row + top).tolist(), (col + left).tolist(), strict=True)])
    features = Features.of("buildings", ids.astype(object), geometry, complete({}, "buildings", len(ids)), context.crs)
    notes = (f"pixels in {crs}, each a square of its built surface",)
    return replace(features, notes=(*notes, *([f"no data: {int(unknown.sum())} pixels"] if unknown.any() else [])))


def _nodata(spec: SourceSpec, raster: Any) -> float:
    given = spec.options["nodata"]
    return float(given if given is not None else NODATA if raster.nodata is None else raster.nodata)


def _squares(
    at: Any, pixel: tuple[NDArray[np.int64], NDArray[np.int64]], crs: str, grid_crs: str, area: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Squares of ``area`` m2 in the grid's CRS around the centres of pixels (row, column)."""
    row, col = pixel[0] + 0.5, pixel[1] + 0.5
    x, y = at.a * col + at.b * row + at.c, at.d * col + at.e * row + at.f
    east, north = transformer(crs, grid_crs).transform(x, y)
    half = np.sqrt(area) / 2
    return np.asarray(shapely.box(east - half, north - half, east + half, north + half), object)
