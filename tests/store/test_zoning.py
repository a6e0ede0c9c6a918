# SPDX-License-Identifier: Apache-2.0
"""Zoning districts of an inventory: one record a sigungu and class, parents once, the rest ``unzoned``."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shapely

from carbongrid.crs import CRS84
from carbongrid.errors import CarbongridError, InvalidInput, UnknownName
from carbongrid.unit_shapes import Units
from carbonstore.building import build
from carbonstore.building.balance import balance
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.encode.geojson import feature_dicts
from carbonstore.inventory.inventory_file import InventoryFile, read
from carbonstore.places.reproject import reprojected
from carbonstore.places.unit_maps import unit_map
from carbonstore.places.unit_outlines import unit_outlines
from carbonstore.places.zoning import Districts, Holders
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import Release, write
from carbonstore.releases.unit_levels import UnitMap
from tests.store.inventories import CRS, TERMS, square
from tests.store.official import shapefile
from tests.toy import BANDS, NORTH, ROAD, SHOP, SOUTH, WEST, on_earth, toy_inventory, toy_publication
from tests.toy_units import toy_known, toy_outlines

SOURCE = '[[source]]\nkind = "osm"\npath = "x.osm.gz"\nprovides = ["roads"]\nextent = "boundary"\n'
ZONES = [
    ("UQA121", square(0, 0, 1000)),
    ("UQA121", square(1000, 0, 500)),
    ("UQA220", square(1500, 0, 500)),
    ("UQA000", square(0, 0, 2000)),
    ("", square(0, 2000, 1000)),
    ("UQA430", square(0, 40_000, 1000)),
]
"""Two parts of one class, another, their parent over all, one without a code, one far outside."""


def layer(folder: Path, zones: list[tuple[str, shapely.Polygon]] = ZONES) -> None:
    columns = {"ATRB_SE": [code for code, _ in zones], "DGM_NM": ["주거"] * len(zones)}
    shapefile(folder / "UPIS_C_UQ111.shp", [zone for _, zone in zones], columns, "EPSG:5186")


def inventory_file(folder: Path, zoning: str = "", head: str = 'country = "kor"') -> InventoryFile:
    """A box of 2 x 2 km in Gangnam, Seoul, with zoning."""
    (folder / "x.osm.gz").touch()
    west, south, east, north = shapely.bounds(reprojected([square(0, 0, 2000)], CRS, CRS84)[0])
    terms = "".join(f'{k} = "{v}"\n' for k, v in TERMS.items())
    table = zoning or f'path = ["UPIS_C_UQ111.shp"]\n{terms}'
    text = (
        f'[inventory]\nid = "box"\ntitle = {{ ko = "상자", en = "Box" }}\nyear = 2024\n{head}\n'
        f"boundary = [{west}, {south}, {east}, {north}]\n[zoning]\n{table}\n{SOURCE}"
    )
    (folder / "box.toml").write_text(text, encoding="utf-8")
    return read(folder / "box.toml")


def found(folder: Path) -> Districts:
    outlines = unit_outlines(inventory_file(folder))
    assert outlines is not None
    assert outlines.zoning is not None
    return outlines.zoning


def test_all_land_of_a_class_in_a_sigungu_is_one_district(tmp_path: Path) -> None:
    layer(tmp_path)
    units = found(tmp_path).units
    assert units.code.tolist() == ["11680-UQA000", "11680-UQA121", "11680-UQA220"]
    assert units.name.tolist() == ["강남구 도시지역", "강남구 제1종일반주거지역", "강남구 일반상업지역"]
    hectares = (shapely.area(units.outline) / 1e4).round(1).tolist()
    assert hectares == pytest.approx([400 - 125 - 25, 125, 25], abs=0.1), "the parent keeps what is left"
    low, high = np.triu_indices(3, 1)
    assert shapely.area(shapely.intersection(units.outline[low], units.outline[high])).max() < 0.01


def test_the_report_counts_what_is_left_out(tmp_path: Path) -> None:
    layer(tmp_path)
    report = found(tmp_path).report
    counts = {k: report[k] for k in ("zones", "used", "elsewhere", "without_code", "without_area")}
    assert counts == {"zones": 6, "used": 4, "elsewhere": 1, "without_code": 1, "without_area": 0}
    assert report["without_code_m2"] == pytest.approx(1e6, rel=1e-3)
    assert (report["layers"], len(report["absent"])) == (["UQ111"], 4)


def test_a_zone_in_a_gap_belongs_to_the_nearest_unit_and_an_own_one_comes_first() -> None:
    boxes = np.array([shapely.box(0, 0, 1, 1), shapely.box(1.001, 0, 2, 1), shapely.box(0.9, 0, 1, 1)], object)
    holders = Holders(np.array(["11110", "11140", "11170"], object), boxes, {"11170"}, {}, lambda codes: codes)
    points = shapely.points([[1.0008, 0.5], [0.95, 0.5], [0.1, 0.1], [50, 50]])
    assert holders.at(points).tolist() == ["11140", "11170", "11110", None]


@pytest.mark.parametrize(
    ("stated", "code"), [("11650", "11650-UQA121"), ("11999", "11680-UQA121"), ("", "11680-UQA121")]
)
def test_a_zone_lies_where_it_says_unless_no_unit_is_called_so(tmp_path: Path, stated: str, code: str) -> None:
    """The box meets two gu of Seoul: 11680, which holds the middle of the zone, and 11650."""
    columns = {"ATRB_SE": ["UQA121"], "SIGNGU_SE": [stated]}
    shapefile(tmp_path / "UPIS_C_UQ111.shp", [square(0, 0, 1000)], columns, "EPSG:5186")
    assert found(tmp_path).units.code.tolist() == [code]


def test_zoning_is_an_input_and_says_when_it_is_synthetic(tmp_path: Path) -> None:
    layer(tmp_path)
    file = inventory_file(tmp_path)
    assert {"zoning: UPIS_C_UQ111.shp", "zoning: UPIS_C_UQ111.dbf"} <= build.input_hashes(file, {}).keys()
    assert not file.synthetic
    assert file.zoning is not None
    assert replace(file, zoning=replace(file.zoning, synthetic=True)).synthetic


@pytest.mark.parametrize(
    ("zoning", "head", "what"),
    [
        ('path = "none.shp"', 'country = "kor"', "no file 'none.shp'"),
        ('path = "UPIS_C_UQ111.shp"', 'country = "kor"', "licence"),
        ('paht = "UPIS_C_UQ111.shp"', 'country = "kor"', "path"),
        ('path = "UPIS_C_UQ111.shp"', 'country = "uzb"', 'no zoning.*country = "kor"'),
    ],
)
def test_mistakes_in_the_table_are_named(tmp_path: Path, zoning: str, head: str, what: str) -> None:
    layer(tmp_path)
    with pytest.raises(CarbongridError, match=what):
        inventory_file(tmp_path, zoning, head)


def test_zones_of_another_place_are_refused(tmp_path: Path) -> None:
    layer(tmp_path, [("UQA430", square(0, 40_000, 1000))])
    with pytest.raises(InvalidInput, match="no zone lies in the inventory"):
        found(tmp_path)


def test_codes_that_no_table_knows_are_refused(tmp_path: Path) -> None:
    layer(tmp_path, [("UQA113", square(0, 0, 1000))])
    with pytest.raises(UnknownName, match="zoning: UPIS_C_UQ111: unknown zoning code 'UQA113'"):
        found(tmp_path)


def test_units_too_coarse_for_zoning_are_refused(tmp_path: Path) -> None:
    """Outlines of provinces cannot tell in which sigungu a zone lies."""
    layer(tmp_path)
    outline = reprojected([square(-5000, -5000, 20_000)], CRS, CRS84)[0]
    text = f'{{"type": "Feature", "properties": {{"c": "11", "n": "서울"}}, "geometry": {shapely.to_geojson(outline)}}}'
    (tmp_path / "sido.geojson").write_text(text, encoding="utf-8")
    terms = "".join(f'{k} = "{v}"\n' for k, v in TERMS.items())
    table = f'path = "UPIS_C_UQ111.shp"\n{terms}[units]\npath = "sido.geojson"\nlevel = "sido"\ncode = "c"\n'
    file = inventory_file(tmp_path, f'{table}name = "n"\n{terms}')
    with pytest.raises(InvalidInput, match="'sido' is too coarse for zoning"):
        unit_outlines(file)


def zoned_map() -> UnitMap:
    """The toy city: its south-west to 60 m east of the corner is one class, its parent reaches to 200 m."""
    shapes = [shapely.box(WEST, SOUTH, 60, 300), shapely.box(WEST, SOUTH, 200, NORTH)]
    units = Units.ranked(
        ["36110-UQA121", "36110-UQA000"],
        ["장난감시 주거", "장난감시 도시"],
        [on_earth(s, 5179) for s in shapes],
        [0, 3],
        "EPSG:5179",
    )
    districts = Districts(units, {"layers": ["UQ111"]}, "CC0-1.0", "toy")
    inventory = toy_inventory()
    return unit_map(inventory, replace(toy_outlines(), zoning=districts), toy_known())


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    inventory = toy_inventory()
    publication = replace(toy_publication(inventory), units=zoned_map())
    return write(inventory, publication, tmp_path_factory.mktemp("zoned"))


def test_districts_and_what_lies_in_none_hold_every_kilogram(release: Release) -> None:
    assert release.unit_levels == ("nation", "sido", "sigungu", "dong", "zoning")
    assert release.cell_unit_level == "dong", "cells are named by administrative units"
    zoning, dong = release.units("zoning"), release.units("dong")
    assert zoning.code.tolist() == ["36110-UQA000", "36110-UQA121", "unzoned"]
    assert [int(kg.sum()) for kg in zoning.kg] == [int(kg.sum()) for kg in dong.kg]
    shop, road = (zoning.kg[BANDS.index(band)].tolist() for band in (SHOP, ROAD))
    assert sum(shop) == 1009
    assert road == [1400, 7500, 100], "what dongs of the same borders have"
    release.verify()


def test_zoning_is_served_like_any_level(release: Release) -> None:
    root = release.path.parents[1]
    edition.publish(root, "toy")
    snapshot = Catalogue(root).snapshot()
    assert {"toy-zoning", "toy-zoning-history"} <= snapshot.collections.keys()
    found = feature_dicts(cells.read(snapshot.collection("toy-zoning"), CellQuery()))
    assert [f["id"] for f in found] == ["36110-UQA000.2023", "36110-UQA121.2023", "unzoned.2023"]
    assert [f["geometry"] is None for f in found] == [False, False, True]
    assert {f["properties"]["unit_level"] for f in found} == {"zoning"}
    tonnes = sum(round(1000 * f["properties"]["emission_total"]) for f in found)
    assert tonnes == release.manifest["totals"]["kg"]["emission_total"]


def test_the_release_says_what_zoning_is(release: Release) -> None:
    (entry,) = (e for e in release.manifest["units"] if e["level"] == "zoning")
    assert (entry["digits"], entry["rest"], entry["count"]) == (None, "unzoned", 2)
    assert entry["title"]["ko"] == "용도지역"
    assert entry["closure"]["overlap_m2"] == 0
    table = pa.ipc.open_file(str(release.path / "units-zoning.arrow")).read_all()
    assert table["geometry"].null_count == 1


def test_the_balance_and_the_report_name_zoning() -> None:
    units = zoned_map()
    assert balance(toy_inventory(), units)["stages"][-1] == "units zoning"
    report = units.report()["zoning"]
    assert report["unzoned_kg"] > 0
    assert report["read"] == {"layers": ["UQ111"]}
    assert ("CC0-1.0", "toy") in units.terms
