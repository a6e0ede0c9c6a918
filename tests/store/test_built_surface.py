# SPDX-License-Identifier: Apache-2.0
"""GHS-BUILT-S: square metres a pixel stay square metres, whatever the projection; no data is not 65,535 m2."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput
from carbonstore.sources import SourceTable, read_source
from tests.store.inventories import CRS, SOUTH, WEST, context, spec


def raster(path: Path, values: NDArray[Any], crs: str, size: float) -> Path:
    """A raster whose upper left corner lies 500 m east and 1,500 m north of the place's corner."""
    x, y = transformer(CRS, crs).transform(WEST + 500, SOUTH + 1_500)
    profile = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype, "crs": crs}
    with rasterio.open(path, "w", driver="GTiff", transform=from_origin(x, y, size, size), **profile) as file:
        file.write(values, 1)
    return path


def read(folder: Path, **keys: Any) -> SourceTable:
    (table,) = read_source(spec(folder, kind="built_surface", path="built.tif", **keys), context())
    return table


BUILT = np.array([[0, 1_200, 65_535], [40, 6_400, 0]], np.uint16)


@pytest.mark.parametrize(("crs", "size"), [("ESRI:54009", 100.0), (CRS84, 1 / 1_200)])
def test_sums_stay_and_no_data_is_counted(crs: str, size: float, tmp_path: Path) -> None:
    raster(tmp_path / "built.tif", BUILT, "EPSG:4326" if crs == CRS84 else crs, size)
    assert BUILT.sum() == 1_200 + 65_535 + 40 + 6_400, "what a plain reader adds up"
    table = read(tmp_path)
    assert table.table.measure.sum() == pytest.approx(1_200 + 40 + 6_400, rel=1e-9)
    assert sorted(table.table.measure.round().tolist()) == [40, 1_200, 6_400]
    assert table.report.notes[-1] == "no data: 1 pixels"
    assert np.isnan(table.table.columns["storeys"]).all()


def test_another_value_may_mean_no_data(tmp_path: Path) -> None:
    raster(tmp_path / "built.tif", np.where(BUILT == 65_535, 7_777, BUILT).astype(np.uint16), "ESRI:54009", 100.0)
    assert read(tmp_path, nodata=7_777).table.measure.sum() == pytest.approx(7_640)


def test_a_raster_of_fractions_is_something_else(tmp_path: Path) -> None:
    raster(tmp_path / "built.tif", BUILT.astype(np.float32), "ESRI:54009", 100.0)
    with pytest.raises(InvalidInput, match="1 bands of float32"):
        read(tmp_path)
