# SPDX-License-Identifier: Apache-2.0
"""Tables in zips and geodatabases, as agencies hand them out."""

from pathlib import Path
from typing import Any

import geopandas
import pytest

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.building.build import input_hashes
from carbonstore.inventory.inventory_file import read as read_inventory
from carbonstore.sources import SourceTable, read_source
from tests.store.inventories import CRS, context, spec, square
from tests.store.official import shapefile, zipped

HOUSES = [square(100, 100, 10), square(200, 100, 20)]


def table(folder: Path, **keys: Any) -> SourceTable:
    (found,) = read_source(spec(folder, **{"kind": "table", "provides": ["buildings"]} | keys), context())
    return found


def geodatabase(path: Path, **layers: geopandas.GeoDataFrame) -> Path:
    for name, frame in layers.items():
        frame.to_file(path, layer=name, driver="OpenFileGDB", engine="pyogrio")
    return path


def test_a_zipped_shapefile_is_a_table_with_its_code_page(tmp_path: Path) -> None:
    shp = shapefile(tmp_path / "houses.shp", HOUSES, {"use": ["아파트", "창고"]}, "EPSG:5186")
    zipped(tmp_path / "houses.zip", [shp])
    shp.unlink()
    found = table(tmp_path, path="houses.zip")
    assert found.table.columns["use"].tolist() == ["아파트", "창고"]
    assert found.table.measure == pytest.approx([100, 400], rel=1e-5)


def test_of_several_shapefiles_in_a_zip_one_is_named(tmp_path: Path) -> None:
    files = [shapefile(tmp_path / f"{n}.shp", HOUSES[:k], {"use": ["x"] * k}, CRS) for k, n in ((1, "a"), (2, "b"))]
    zipped(tmp_path / "town.zip", files)
    with pytest.raises(InvalidInput, match=r"several layers.*allowed: a, b"):
        table(tmp_path, path="town.zip")
    with pytest.raises(UnknownName, match="'c'"):
        table(tmp_path, path="town.zip", layer="c")
    assert len(table(tmp_path, path="town.zip", layer="b").table) == 2


def test_a_geodatabase_is_a_table_and_all_its_files_are_inputs(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"use": ["아파트", "창고"]}, geometry=HOUSES, crs=CRS)
    geodatabase(tmp_path / "town.gdb", houses=frame)
    found = table(tmp_path, path="town.gdb", layer="houses")
    assert found.table.columns["use"].tolist() == ["아파트", "창고"]
    assert found.table.measure == pytest.approx([100, 400], rel=1e-5)
    west, south, east, north = context().boundary.bounds
    (tmp_path / "town.toml").write_text(
        f"""[inventory]
id = "town"
title = {{ ko = "가", en = "A" }}
country = "kor"
year = 2024
boundary = [{west}, {south}, {east}, {north}]

[[source]]
kind = "table"
path = "town.gdb"
provides = ["buildings"]
licence = "CC0-1.0"
attribution = "test"
"""
    )
    hashes = input_hashes(read_inventory(tmp_path / "town.toml"), {})
    assert {p.name for p in (tmp_path / "town.gdb").iterdir()} <= set(hashes)


def test_stands_come_from_a_geodatabase_of_several_sheets(tmp_path: Path) -> None:
    """A geodatabase keeps whole names (KOFTR_GROUP_CD) where a DBF cuts them."""
    sheets = {
        name: geopandas.GeoDataFrame(
            {"KOFTR_GROUP_CD": [code], "AGCLS_CD": ["3"], "DNST_CD": ["C"], "FRTP_CD": ["1"]},
            geometry=[square(east, 100, 100)],
            crs=CRS,
        )
        for name, code, east in (("S1", "11", 0), ("S2", "93", 200), ("S3", "31", 400))
    }
    geodatabase(tmp_path / "im5000.gdb", **sheets)
    found = table(tmp_path, kind="kor_forest", provides=["forests"], path="im5000.gdb", base_year=2020)
    assert found.table.columns["species"].tolist() == ["11", "31"]
    assert found.table.measure == pytest.approx([10_000, 10_000])
    assert found.report.rejected == {"non-forest code": 1}
