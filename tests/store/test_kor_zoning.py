# SPDX-License-Identifier: Apache-2.0
"""용도지역: every code known or refused, parents marked, missing layers named."""

from pathlib import Path

import pytest

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.sources.kor_zoning import read
from tests.store.inventories import square
from tests.store.official import shapefile, zipped


def layer(path: Path, *codes: str, crs: str = "EPSG:5186") -> Path:
    columns = {"ATRB_SE": list(codes), "DGM_NM": ["주거"] * len(codes)}
    return shapefile(path, [square(100 * i, 0, 90) for i in range(len(codes))], columns, crs)


def test_layers_are_read_together_and_the_missing_ones_named(tmp_path: Path) -> None:
    urban = layer(tmp_path / "UPIS_C_UQ111.shp", "UQA121", "UQA01X", "", "UQA430")
    rural = zipped(tmp_path / "klip.zip", [layer(tmp_path / "KLIP_C_UQ112.shp", "UQB100")])
    zones = read([urban, rural], "zones")
    assert zones.code.tolist() == ["UQA121", "UQA01X", None, "UQA430", "UQB100"]
    assert zones.name.tolist()[0] == "제1종일반주거지역"
    assert zones.rank.tolist() == [0, 2, 0, 0, 0], "a parent lies over its children"
    assert (zones.layers, zones.absent) == (("UQ111", "UQ112"), ("UQ113", "UQ114", "UQ115"))
    assert zones.crs == "EPSG:5186"
    assert len(zones.geometry) == 5


def test_a_code_of_a_wrong_table_is_refused(tmp_path: Path) -> None:
    """UQA113 circulates as 제1종일반주거지역; it is no code."""
    with pytest.raises(UnknownName, match=r"zones: UPIS_C_UQ111: unknown zoning code 'UQA113'"):
        read([layer(tmp_path / "UPIS_C_UQ111.shp", "UQA121", "UQA113")], "zones")


def test_layers_must_agree_and_be_zoning(tmp_path: Path) -> None:
    both = [layer(tmp_path / "UQ111.shp", "UQA121"), layer(tmp_path / "UQ112.shp", "UQB100", crs="EPSG:5174")]
    with pytest.raises(InvalidInput, match="different CRS"):
        read(both, "zones")
    other = shapefile(tmp_path / "x.shp", [square(0, 0, 1)], {"NAME": ["a"]}, "EPSG:5186")
    with pytest.raises(UnknownName, match="unknown column 'ATRB_SE'"):
        read([other], "zones")
