# SPDX-License-Identifier: Apache-2.0
"""A small place built from all the official Korean formats at once, on grids down to 10 m: every kilogram is kept."""

import json
from pathlib import Path

import numpy as np
import pytest

from carbonstore.building.build import build
from carbonstore.releases.release import Release
from tests.store.inventories import PLACE, line, square
from tests.store.official import P, Q, register, shapefile, text, title_rows

SOURCES = """
[[source]]
kind = "kor_buildings"
path = "AL_D010_11_20240109.shp"
{terms}

[[source]]
kind = "kor_register"
path = "mart_djy_03.txt"
{terms}

[[source]]
kind = "kor_energy"
path = "electricity.txt"
carrier = "electricity"
{terms}

[[source]]
kind = "kor_roads"
path = "MOCT_LINK.shp"
{terms}

[[source]]
kind = "kor_volumes"
path = "volumes.csv"
{terms}

[[source]]
kind = "kor_forest"
path = "11710.shp"
base_year = 2020
{terms}
"""
TERMS = 'licence = "CC0-1.0"\nattribution = "Test"'


def inventory(folder: Path, levels: list[int]) -> Path:
    box = [round(v, 6) for v in PLACE.buffer(-0.002).bounds]
    head = f"""[inventory]
id = "tiny"
title = {{ ko = "작은 곳", en = "Tiny" }}
country = "kor"
year = 2024
boundary = {box}
levels = {levels}
disclosure = "open"
"""
    path = folder / "tiny.toml"
    path.write_text(head + SOURCES.format(terms=TERMS))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two houses, two links (one across the boundary), two stands and a field."""
    houses = [square(1_003, 1_007, 33), square(1_530, 1_530, 51)]
    facts = register(2, 29, A0=["S1", "S2"], A2=[P, Q], A8=["02000", "14000"], A14=[900.0, 0.0], A26=[3, 0])
    shapefile(tmp_path / "AL_D010_11_20240109.shp", houses, facts, "EPSG:5186")
    text(tmp_path / "mart_djy_03.txt", title_rows({"main_no": "0002", "floor_area_m2": "2000", "use": "14000"}))
    months = (f"11710|10100|0|0001|0000|2024{m:02d}|1000\r\n" for m in range(1, 13))
    text(tmp_path / "electricity.txt", "".join(months))
    links = [line((500, 600), (2_500, 650)), line((2_500, 640), (9_000, 590))]
    ranks = {"LINK_ID": ["1", "2"], "ROAD_RANK": ["103", "107"], "ROAD_USE": ["0", "0"], "MAX_SPD": [60, 0]}
    shapefile(tmp_path / "MOCT_LINK.shp", links, ranks, "EPSG:5186")
    text(tmp_path / "volumes.csv", "LINK_ID,aadt\n1,12345\n")
    stands = [square(1_800, 1_800, 333), square(2_133, 1_800, 77), square(2_500, 2_500, 50)]
    codes = {"KOFTR_GROU": ["11", "33", "93"], "AGCLS_CD": ["3", "4", ""], "DNST_CD": ["C", "B", ""]}
    shapefile(tmp_path / "11710.shp", stands, codes, "EPSG:5179")
    return tmp_path


@pytest.mark.parametrize("levels", [[25, 100, 500, 1000], [10, 100]])
def test_every_level_holds_the_kilograms_of_the_sources(levels: list[int], folder: Path) -> None:
    release: Release = build(inventory(folder, levels), folder / "data")
    whole = release.inventory()
    expected = np.zeros(len(whole.bands), np.int64)
    for layer in whole.layers.values():
        np.add.at(expected, layer.lines.band, layer.lines.kg)
    assert set(whole.layers) == {"buildings", "roads", "forests"}
    assert (expected > 0).sum() >= 4
    assert list(whole.cells)[: len(levels)] == levels, "coarser ones follow"
    for level, cells in whole.cells.items():
        np.testing.assert_array_equal(cells.kg.sum(axis=1), expected, err_msg=f"{level} m")
    release.verify()


def test_the_report_says_what_became_of_every_row(folder: Path) -> None:
    release = build(inventory(folder, [100]), folder / "data")
    report = json.loads((release.path / "report.json").read_bytes())
    sources = {s["format"]: s for s in report["sources"]}
    assert sources["kor_register"]["join"]["filled"]["floor_area_m2"] == 1
    assert sources["kor_energy"]["join"]["matched_share"] == 1
    assert sources["kor_volumes"]["join"]["filled"] == {"aadt": 1}
    (forests,) = sources["kor_forest"]["kinds"]
    assert forests["rejected"] == {"non-forest code": 1}
    assert forests["rejected_measure"] == {"non-forest code": pytest.approx(2_500, abs=1)}
    (roads,) = sources["kor_roads"]["kinds"]
    assert roads["clipped_measure"] > 5_000, "metres of the second link outside"
    assert report["summary"]["notes"]["roads"]["counted"] == 1
    inputs = set(release.manifest["inputs"])
    assert {"AL_D010_11_20240109.dbf", "volumes.csv", "mart_djy_03.txt", "11710.shp"} <= inputs
