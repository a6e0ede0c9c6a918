# SPDX-License-Identifier: Apache-2.0
"""Units as a collection: exact sums, keys over years, the record of what lies in none, outlines as published."""

from pathlib import Path

import numpy as np
import orjson
import pytest
import shapely

from carbongrid.errors import NotFound
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery, Elsewhere
from carbonstore.collections.unit_collection import UnitCollection
from carbonstore.encode import geojson, jsonfg
from carbonstore.filter import Filter, parse
from carbonstore.releases.catalogue import Catalogue, Published
from tests.toy_units import CODE_1, CODE_2, toy_units_store

LEVELS = ("nation", "sido", "sigungu", "dong")
DONG_2 = (127.334, 36.512, 127.3341, 36.5121)
"""A box in the middle of dong 2."""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Published:
    root: Path = tmp_path_factory.mktemp("units")
    toy_units_store(root)
    return Catalogue(root).snapshot().inventories["toy"]


@pytest.fixture
def dongs(toy: Published) -> UnitCollection:
    return UnitCollection(toy, False, "dong")


def features(collection: UnitCollection, **query: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = geojson.feature_dicts(cells.read(collection, CellQuery(**query)))
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_items_add_up_to_cells_and_manifest(toy: Published, level: str) -> None:
    """To the kilogram, in every figure and year."""
    units, squares = UnitCollection(toy, True, level), toy.collection(100, history=True)
    for year in (2022, 2023):
        mine, theirs = (cells.read(c, CellQuery(years=(year,))).kg for c in (units, squares))
        for figure, kg in toy.release(year).manifest["totals"]["kg"].items():
            if not figure.endswith("_u95"):
                assert mine[figure].sum() == theirs[figure].sum() == kg
    tonnes = sum(round(1000 * f["properties"]["emission_total"]) for f in features(units, years=(2023,)))
    assert tonnes == toy.release(2023).manifest["totals"]["kg"]["emission_total"]


def test_a_record_says_what_its_unit_is(dongs: UnitCollection) -> None:
    first, second, rest = features(dongs)
    assert [f["id"] for f in (first, second, rest)] == [f"{CODE_1}.2023", f"{CODE_2}.2023", "unallocated.2023"]
    assert (
        first["properties"] | {"unit_name": "하나동", "unit_level": "dong", "coverage": 0.999997} == first["properties"]
    )
    assert second["properties"]["coverage"] == pytest.approx(0.686, abs=1e-3)
    assert rest["geometry"] is rest["properties"]["unit_name"] is rest["properties"]["coverage"] is None
    assert list(first["properties"])[:7] == [
        *("unit_code", "unit_name", "unit_level", "year", "time_start", "time_end", "coverage")
    ]


def test_densities_are_the_figure_by_inside_area(dongs: UnitCollection) -> None:
    for record in (f["properties"] for f in features(dongs)):
        for name in ("emission_total", "emission_buildings", "net"):
            expected = record[name] / (record["area_m2"] / 10_000)
            assert record[f"{name}_per_ha"] == pytest.approx(expected, abs=5.1e-4)


def test_outlines_keep_nine_decimals_and_stay_disjoint(toy: Published, dongs: UnitCollection) -> None:
    first, second = (shapely.geometry.shape(f["geometry"]) for f in features(dongs)[:2])
    stored = toy.release(2023).units("dong").geometry.to_shapely()
    assert first.equals_exact(stored[0], 1e-9)
    assert first.intersection(second).area < 1e-12
    raw = geojson.features(cells.read(dongs, CellQuery()))
    decimals = {
        len(str(v).split(".")[1]) for v in np.ravel(orjson.loads(raw)["features"][0]["geometry"]["coordinates"])
    }
    assert max(decimals) == 9


@pytest.mark.parametrize("epsg", [4326, 3857, 5179, 5186])
def test_outlines_in_every_crs_lie_where_the_outline_does(dongs: UnitCollection, epsg: int) -> None:
    from pyproj import Transformer

    uri = f"http://www.opengis.net/def/crs/EPSG/0/{epsg}"
    batch = cells.read(dongs, CellQuery())
    found = orjson.loads(geojson.features(batch, crs=uri))["features"]
    to = Transformer.from_crs("OGC:CRS84", f"EPSG:{epsg}", always_xy=True)
    swapped = epsg in (4326, 5179, 5186)
    for feature, outline in zip(found[:2], batch.geometry.geometry[:2], strict=True):
        got = shapely.get_coordinates(shapely.geometry.shape(feature["geometry"]))
        expected = np.column_stack(to.transform(*shapely.get_coordinates(outline).T))
        assert np.abs(got[:, ::-1] - expected if swapped else got - expected).max() < 1e-4
    assert found[2]["geometry"] is None
    assert orjson.loads(jsonfg.features(batch, {}, crs=uri))["features"][2]["place"] is None


def test_a_box_finds_what_touches_it_and_what_lies_nowhere(toy: Published, dongs: UnitCollection) -> None:
    codes = [f["properties"]["unit_code"] for f in features(dongs, bbox=DONG_2)]
    assert codes == [CODE_2, "unallocated"]
    assert [f["id"] for f in features(dongs, bbox=(0.0, 0.0, 1.0, 1.0))] == ["unallocated.2023"]
    west, south, *_ = dongs.bbox
    assert len(features(dongs, bbox=dongs.bbox)) == 3
    assert len(features(UnitCollection(toy, False, "nation"), bbox=(west, south, west, south))) in (1, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S_INTERSECTS(geometry, BBOX(127.334,36.512,127.3341,36.5121))", [CODE_2]),
        ("NOT S_INTERSECTS(geometry, BBOX(127.334,36.512,127.3341,36.5121))", [CODE_1]),
        ("S_DISJOINT(geometry, BBOX(127.334,36.512,127.3341,36.5121))", [CODE_1]),
        ("geometry IS NULL", ["unallocated"]),
        (f"unit_code = '{CODE_2}'", [CODE_2]),
        ("unit_name LIKE '하%'", [CODE_1]),
        ("unit_name IS NULL OR coverage < 0.9", [CODE_2, "unallocated"]),
        ("emission_transport > 1", [CODE_1, CODE_2]),
        ("emission_transport_per_ha < 0.1", ["unallocated"]),
    ],
)
def test_filters(dongs: UnitCollection, text: str, expected: list[str]) -> None:
    query = CellQuery(filter=Filter.of(parse(text), dongs.fields))
    assert cells.read(dongs, query).code.values.tolist() == expected


def test_pages_follow_each_other_by_code_and_year(toy: Published) -> None:
    history = UnitCollection(toy, True, "dong")
    seen, cursor = [], None
    while True:
        page = cells.read(history, CellQuery(limit=1, cursor=cursor))
        seen += page.feature_ids
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [f"{code}.{year}" for year in (2022, 2023) for code in (CODE_1, CODE_2, "unallocated")]
    by_name = cells.read(history, CellQuery(sortby=("-unit_name", "year"), limit=3))
    assert by_name.code.values.tolist() == [CODE_1, CODE_1, CODE_2]


def test_one_record_by_its_id(toy: Published, dongs: UnitCollection) -> None:
    assert cells.get(dongs, f"{CODE_2}.2023").code.values.tolist() == [CODE_2]
    assert cells.get(dongs, "unallocated.2023").kg["emission_transport"].tolist() == [100]
    with pytest.raises(Elsewhere) as newest:
        cells.get(dongs, CODE_2)
    assert (newest.value.feature, newest.value.redirect) == (f"{CODE_2}.2023", True)
    with pytest.raises(Elsewhere) as older:
        cells.get(dongs, f"{CODE_2}.2022")
    assert (older.value.collection, older.value.redirect) == ("toy-dong-history", False)
    for unknown in ("3611010300.2023", "36110.2023", f"{CODE_2}.1999", "unallocated.2024"):
        with pytest.raises(NotFound):
            cells.get(dongs, unknown)
