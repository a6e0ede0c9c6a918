# SPDX-License-Identifier: Apache-2.0
"""Buildings, roads and forests through the read path of every collection: records, pages, filters, files, tiles."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import shapely.geometry

from carbongrid.errors import InvalidInput, NotFound
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery, Elsewhere
from carbonstore.collections.source_collection import SourceCollection, source_collection
from carbonstore.encode import geojson, mvt, near
from carbonstore.encode.files import FILES, Extract
from carbonstore.filter import Filter, parse
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from carbonstore.releases.source_features import Described
from tests.store.test_source_features import many
from tests.toy import toy_inventory, toy_publication

SAID = {
    "buildings": Described(
        {
            "use": pa.array(["주택", "shop", "shop", ""], pa.large_string()),
            "pnu": pa.array(["1", "22", "1", ""], pa.large_string()),
            "floor_area_m2": np.array([400.126, 1200.0, np.nan, 80.0]),
            "electricity_kwh": np.array([5.0, 7.0, np.nan, np.nan]),
        }
    ),
    "roads": Described({"oneway": np.array([1.0, 0.0]), "aadt": np.array([np.nan, 900.0])}),
    "forests": Described({"species": pa.array(["소나무"], pa.large_string())}),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy city of two years with what its sources say, and a town of 3,000 houses."""
    root = tmp_path_factory.mktemp("sources")
    for year in (2022, 2023):
        made = toy_inventory(year)
        write(made, replace(toy_publication(made), described=SAID), root)
    town = replace(many(3_000), id="town")
    write(town, toy_publication(town), root)
    for name in ("toy", "town"):
        edition.publish(root, name)
    return root


def collection(root: Path, kind: str, inventory: str = "toy") -> SourceCollection:
    return source_collection(Catalogue(root).snapshot().inventory(inventory), kind)


@pytest.fixture
def houses(root: Path) -> SourceCollection:
    return collection(root, "buildings")


@pytest.fixture
def town(root: Path) -> SourceCollection:
    return collection(root, "buildings", "town")


def features(of: SourceCollection, query: CellQuery | None = None) -> dict[str, dict[str, Any]]:
    document = orjson.loads(geojson.features(cells.read(of, query or CellQuery())))
    return {f["properties"]["id"]: f for f in document["features"]}


def test_records_add_up_to_the_sector(root: Path) -> None:
    for kind, figure in (("buildings", "emission_buildings"), ("roads", "emission_transport")):
        of = collection(root, kind)
        told = [f["properties"][figure] for f in features(of).values()]
        kg = sum(round(1000 * tonnes) for tonnes in told if tonnes is not None)
        assert kg == of.release(2023).manifest["totals"]["kg"][figure]


def test_a_record_says_what_was_read_and_what_was_made_of_it(houses: SourceCollection) -> None:
    found = features(houses)
    house = found["house"]
    assert house["id"] == "house.2023"
    assert house["properties"] == {
        "id": "house",
        "pnu": "1",
        "use": "주택",
        "floor_area_m2": 400.13,
        "electricity_kwh": 5.0,
        "year": 2023,
        "time_start": "2023-01-01",
        "time_end": "2023-12-31",
        "area_m2": pytest.approx(400, rel=1e-3),
        "emission_buildings": 1.5,
        "emission_buildings_scope1": 0.5,
        "emission_buildings_scope2": 1.0,
        "quality": 2,
        "status": "ok",
        "missing": None,
        "imputed": False,
        "synthetic": True,
    }
    assert house["geometry"]["type"] == "Polygon"
    assert shapely.geometry.shape(house["geometry"]).exterior.is_ccw


def test_a_source_without_a_value_is_null_and_says_so(houses: SourceCollection) -> None:
    shed = features(houses)["shed"]["properties"]
    assert (shed["emission_buildings"], shed["status"], shed["missing"]) == (None, "missing", "buildings")
    assert (shed["use"], shed["electricity_kwh"]) == (None, None)


def test_yes_no_and_unknown(root: Path) -> None:
    roads = {name: f["properties"] for name, f in features(collection(root, "roads")).items()}
    assert (roads["east"]["oneway"], roads["north"]["oneway"]) == (True, False)
    assert (roads["east"]["aadt"], roads["north"]["aadt"]) == (None, 900.0)


def test_only_the_newest_year(houses: SourceCollection) -> None:
    assert houses.years == (2023,)
    assert cells.count(houses, CellQuery(years=(2022,))) == 0
    with pytest.raises(NotFound):
        cells.get(houses, "house.2022")


def test_one_record_by_its_id(houses: SourceCollection) -> None:
    assert cells.get(houses, "shop.2023").feature_ids == ["shop.2023"]
    with pytest.raises(Elsewhere) as found:
        cells.get(houses, "shop")
    assert (found.value.feature, found.value.redirect) == ("shop.2023", True)
    with pytest.raises(NotFound):
        cells.get(houses, "church.2023")


def test_pages_follow_one_another(town: SourceCollection) -> None:
    met: list[str] = []
    cursor = None
    while True:
        page = cells.read(town, CellQuery(limit=701, cursor=cursor))
        met += page.feature_ids
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(met) == len(set(met)) == 3_000 == page.matched
    assert met == cells.read(town, CellQuery()).feature_ids
    with pytest.raises(InvalidInput):
        cells.read(town, CellQuery(cursor="aG91c2U"))


def test_sorted_pages_follow_one_another_too(town: SourceCollection) -> None:
    whole = cells.read(town, CellQuery(sortby=("-area_m2", "id")))
    area = whole.column("area_m2").values
    assert (np.diff(area.astype(float)) <= 0).all()
    first = cells.read(town, CellQuery(sortby=("-area_m2", "id"), limit=10))
    after = cells.read(town, CellQuery(sortby=("-area_m2", "id"), limit=10, cursor=first.next_cursor))
    assert [*first.feature_ids, *after.feature_ids] == whole.feature_ids[:20]
    by_id = cells.read(town, CellQuery(sortby=("id",))).column("id").values.tolist()
    assert by_id == sorted(by_id)


def test_a_box_takes_what_touches_it(town: SourceCollection) -> None:
    shapes = town.level.geometry.to_shapely()
    west, south, east, north = town.bbox
    rng = np.random.default_rng(9)
    for _ in range(20):
        x, y = np.sort(rng.uniform([west, south], [east, north], (2, 2)), axis=0).T
        box = (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
        expected = int(shapely.intersects(shapes, shapely.box(*box)).sum())
        assert cells.read(town, CellQuery(bbox=box, limit=0)).matched == expected
    assert cells.read(town, CellQuery(bbox=town.bbox, limit=0)).matched == 3_000


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("use = 'shop'", ["hall", "shop"]),
        ("use IS NULL", ["shed"]),
        ("pnu = '1'", ["hall", "house"]),
        ("pnu IN ('22', 'x')", ["shop"]),
        ("pnu LIKE '2%'", ["shop"]),
        ("id = 'shed'", ["shed"]),
        ("floor_area_m2 > 300 AND emission_buildings < 1.2", ["shop"]),
        ("NOT (electricity_kwh > 6)", ["house"]),
        ("status = 'missing'", ["shed"]),
        ("imputed = false", ["hall", "house", "shed", "shop"]),
    ],
)
def test_filters(houses: SourceCollection, text: str, wanted: list[str]) -> None:
    query = CellQuery(filter=Filter.of(parse(text, "cql2-text"), houses.fields))
    assert sorted(features(houses, query)) == wanted


def test_equalities(root: Path) -> None:
    roads = collection(root, "roads")
    assert list(features(roads, CellQuery(where=(("oneway", "false"),)))) == ["north"]
    assert list(features(roads, CellQuery(where=(("oneway", True),)))) == ["east"]


def test_spatial_filters_look_at_outlines(town: SourceCollection) -> None:
    shapes = town.level.geometry.to_shapely()
    west, south, east, north = town.bbox
    triangle = shapely.Polygon([(west, south), (east, south), (west, north)])
    text = f"S_INTERSECTS(geometry, {triangle.wkt})"
    query = CellQuery(filter=Filter.of(parse(text, "cql2-text"), town.fields), limit=0)
    assert cells.read(town, query).matched == int(shapely.intersects(shapes, triangle).sum())


@pytest.mark.parametrize("kind", ["buildings", "roads", "forests"])
def test_parquet_holds_every_record(root: Path, kind: str) -> None:
    of = collection(root, kind)
    raw = b"".join(FILES["parquet"].write(Extract.of(of, CellQuery(), crs=of.crs[0], geometry=True)))
    found = pq.read_table(io.BytesIO(raw))
    assert found.column("id").to_pylist() == [f["properties"]["id"] for f in features(of).values()]
    assert set(of.fields) <= set(found.column_names)
    if kind == "roads":
        assert dict(zip(found["id"].to_pylist(), found["oneway"].to_pylist(), strict=True)) == {
            "east": True,
            "north": False,
        }


@pytest.mark.parametrize("kind", ["buildings", "roads", "forests"])
def test_tiles_hold_the_values_of_items(root: Path, kind: str) -> None:
    of, z = collection(root, kind), {"buildings": 13}.get(kind, 10)
    assert of.zooms("WebMercatorQuad") == (z, 16)
    west, south, east, north = of.bbox
    x = int(((west + east) / 2 + 180) / 360 * 2**z)
    lat = np.radians((south + north) / 2)
    y = int((1 - np.log(np.tan(lat) + 1 / np.cos(lat)) / np.pi) / 2 * 2**z)
    raw = mvt.tile(of, "WebMercatorQuad", z, x, y)
    layer = mapbox_vector_tile.decode(raw)[of.id]  # type: ignore[no-untyped-call]
    items = features(of)
    assert layer["features"]
    for feature in layer["features"]:
        told = feature["properties"]
        item = items[told["id"]]["properties"]
        default = {name for name, f in of.fields.items() if f.tile}
        assert told == {k: v for k, v in item.items() if k in default and v is not None}
    with pytest.raises(NotFound):
        mvt.tile(of, "WebMercatorQuad", z - 1, x // 2, y // 2)


def test_a_tile_with_too_many_keeps_the_largest(town: SourceCollection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST", 500)
    rows = town.largest(2023, np.arange(3_000), 500)
    assert len(rows) == 500
    assert (np.diff(rows) > 0).all()
    least = town.level.size[rows].min()
    assert (np.delete(town.level.size, rows) <= least).all()
    west, south, _, _ = town.bbox
    z = 13
    x, lat = int((west + 180) / 360 * 2**z), np.radians(south)
    y = int((1 - np.log(np.tan(lat) + 1 / np.cos(lat)) / np.pi) / 2 * 2**z)
    raw = mvt.tile(town, "WebMercatorQuad", z, x, y)
    assert 0 < len(mapbox_vector_tile.decode(raw)[town.id]["features"]) <= 500  # type: ignore[no-untyped-call]
