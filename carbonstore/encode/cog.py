# SPDX-License-Identifier: Apache-2.0
"""Figures of a cell collection as a Cloud Optimized GeoTIFF in the grid's own CRS: a band a figure, t CO2e/yr a cell.

Null is NaN, the nodata value; a cell outside the collection is null too. Overviews hold means of cells, as their names
say: a sum belongs to one size of cell.
"""

import tempfile
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from carbongrid.errors import TooLarge
from carbonstore.collections.batch import Part
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.columns import Number
from carbonstore.encode.raster import figures

MEDIA_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
MAX_PIXELS = 2_500_000
"""Cells of a window: 158 km on a side at 100 m."""


def cog(collection: CellCollection, year: int) -> bytes:
    """All figures of one year; TooLarge for a window of more than MAX_PIXELS cells."""
    level, window = collection.stored(year), collection.stored(year).window
    if window.ncol * window.nrow > MAX_PIXELS:
        raise TooLarge(f"the raster has {window.ncol:,} x {window.nrow:,} cells, at most {MAX_PIXELS:,} are written")
    every = len(level.index)
    batch = collection.batch([Part(year, np.arange(every), slice(0, every))], every, every)
    names, size = figures(collection), window.grid.cell_size
    west, _, _, north = window.bounds
    profile = {
        "driver": "COG",
        "width": window.ncol,
        "height": window.nrow,
        "count": len(names),
        "dtype": "float64",
        "nodata": float("nan"),
        "crs": window.grid.crs,
        "transform": Affine(size, 0, west, 0, -size, north),
        "compress": "DEFLATE",
        "predictor": "YES",
        "overview_resampling": "AVERAGE",
    }
    with tempfile.TemporaryDirectory(prefix="carbongrid-") as folder:
        path = Path(folder) / "cells.tif"
        with rasterio.open(path, "w", **profile) as raster:
            raster.update_tags(collection=collection.id, year=str(year), overviews="mean of cells")
            for band, name in enumerate(names, 1):
                column = batch.column(name)
                assert isinstance(column, Number)
                pixels = np.full(window.nrow * window.ncol, np.nan)
                pixels[level.index] = np.where(column.null, np.nan, column.values)
                raster.write(pixels.reshape(window.nrow, window.ncol), band)
                raster.set_band_description(band, name)
                raster.set_band_unit(band, str(collection.fields[name].unit))
        return path.read_bytes()
