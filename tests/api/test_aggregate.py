# SPDX-License-Identifier: Apache-2.0
"""aggregate by HTTP over the toy city with its dongs (tests/toy_units.py): kilograms, names, refusals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.stored import Release
from processes.aggregate import MAX_BODY
from processes.web.routes import routes
from tests.toy import EAST, KG, NORTH, SOUTH, WEST, on_earth
from tests.toy_units import CODE_1, CODE_2, toy_units_store

MIDDLE = -110
"""Halves the 500 kg of the shop in one cell; the house and the stand lie west of it."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    toy_units_store(root)
    return root


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Catalogue(store), "http://test.example"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def release(store: Path) -> Release:
    return Catalogue(store).snapshot().inventories["toy"].release(2023)


def layer(**zones: shapely.Geometry) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": [feature(shape, id=name) for name, shape in zones.items()]}


def feature(shape: shapely.Geometry, **members: object) -> dict[str, Any]:
    return {"type": "Feature", "properties": None, "geometry": mapping(on_earth(shape, 5179)), **members}


WEST_HALF = shapely.box(WEST - 50, SOUTH - 50, MIDDLE, NORTH + 50)
EAST_HALF = shapely.box(MIDDLE, SOUTH - 50, EAST + 50, NORTH + 50)
HALVES = layer(west=WEST_HALF, east=EAST_HALF)


def ask(client: TestClient, zones: object, collection: str = "toy-100m", **inputs: object) -> Any:
    body = {"inputs": {"collection": collection, "zones": zones, **inputs}, "response": "document"}
    return client.post("/processes/aggregate/execution", content=orjson.dumps(body))


def answer(client: TestClient, zones: object, collection: str = "toy-100m", **inputs: object) -> dict[str, Any]:
    got = ask(client, zones, collection, **inputs)
    assert got.status_code == 200, got.text
    made: dict[str, Any] = got.json()
    return made


def kilograms(rows: list[dict[str, Any]], figure: str) -> dict[str, int]:
    return {row["id"]: row["years"][0]["kg"][figure] for row in rows}


def test_two_halves_sum_to_the_whole(client: TestClient) -> None:
    made = answer(client, HALVES)
    assert kilograms(made["totals"], "emission_buildings") == {"west": 1750, "east": 759}
    assert kilograms(made["totals"], "absorption_forest") == {"west": 3001, "east": 0}
    [year] = made["summary"]["years"]
    assert (year["year"], year["kg"]) == (2023, year["whole_kg"])
    assert year["kg"]["net"] == 11559 - 3001
    assert (made["summary"]["zones"], made["summary"]["collection"]) == (2, "toy-100m")
    row = made["totals"][0]
    assert list(row) == ["id", "area_m2", "status", "missing", "years"]
    assert row["years"][0]["kg"]["emission_total_u95"] > 0


def test_a_zone_is_what_the_region_is(client: TestClient) -> None:
    body = {"inputs": {"region": HALVES["features"][0]}, "outputs": {"totals": {}}, "response": "document"}
    alone = client.post("/processes/estimate-region/execution", content=orjson.dumps(body)).json()["totals"]
    zone = answer(client, HALVES)["totals"][0]
    assert {k: zone[k] for k in ("area_m2", "status", "missing")} == {
        k: alone[k] for k in ("area_m2", "status", "missing")
    }
    assert zone["years"][0]["kg"] == alone["years"][0]["kg"]


def test_published_units_are_the_published_ones(client: TestClient, release: Release) -> None:
    made = answer(client, "toy-dong")
    level = release.units("dong")
    assert [row["id"] for row in made["totals"]] == [CODE_1, CODE_2, "unallocated"]
    sums = release.weights @ [column.astype("int64") for column in level.kg]
    assert list(kilograms(made["totals"], "emission_total").values()) == sums[4].tolist()
    widths = [row["years"][0]["kg"]["emission_total_u95"] for row in made["totals"]]
    assert widths == level.u95[0].tolist()
    [year] = made["summary"]["years"]
    assert year["kg"] == year["whole_kg"]
    nation = answer(client, "toy-nation")["totals"]
    assert sum(row["years"][0]["kg"]["net"] for row in nation) == 11559 - 3001


def test_published_outlines_uploaded_give_the_published_units(client: TestClient, release: Release) -> None:
    """Named by their codes they are split by the same rule, so even ties fall alike."""
    level = release.units("dong")
    shapes = level.geometry.to_shapely()[:-1]
    features = [
        {"type": "Feature", "id": code, "properties": {}, "geometry": mapping(shape)}
        for code, shape in zip(level.code[:-1].tolist(), shapes, strict=True)
    ]
    made = answer(client, {"type": "FeatureCollection", "features": features})["totals"]
    assert kilograms(made, "net") == {
        row["id"]: row["years"][0]["kg"]["net"] for row in answer(client, "toy-dong")["totals"][:-1]
    }


def test_other_choices_keep_the_published_kilograms(client: TestClient) -> None:
    whole = answer(client, "toy-dong")["totals"]
    part = answer(client, "toy-dong", sectors=["buildings"])["totals"]
    assert kilograms(part, "emission_total") == kilograms(whole, "emission_buildings")
    assert part[0]["years"][0]["kg"]["emission_total_u95"] > 0
    assert part[-1]["years"][0]["kg"]["emission_total_u95"] is None
    cells = answer(client, "toy-dong", method="cells")
    assert [row["id"] for row in cells["totals"]] == [CODE_1, CODE_2]
    assert cells["totals"][0]["years"][0]["quality"] == whole[0]["years"][0]["quality"] + 1


def test_years_of_a_history(client: TestClient) -> None:
    rows = answer(client, HALVES, "toy-100m-history")["totals"]
    assert [(y["year"], y["kg"]["emission_buildings"]) for y in rows[0]["years"]] == [(2022, 3500), (2023, 1750)]
    assert [y["year"] for y in answer(client, HALVES, year=2022)["totals"][0]["years"]] == [2022]
    assert answer(client, HALVES, "toy-1km")["totals"] == answer(client, HALVES)["totals"]


def test_zones_are_named_by_id_property_or_number(client: TestClient) -> None:
    features = [
        feature(WEST_HALF, id=7),
        feature(EAST_HALF) | {"properties": {"id": "east"}},
        feature(shapely.box(0, 0, 50, 50)),
    ]
    made = answer(client, {"type": "FeatureCollection", "features": features})["totals"]
    assert [row["id"] for row in made] == [7, "east", 2]


def test_the_example_is_accepted_and_a_raw_answer_has_both_outputs(client: TestClient) -> None:
    body = {"inputs": {"collection": "toy-100m", "zones": HALVES}}
    got = client.post("/processes/aggregate/execution", content=orjson.dumps(body))
    assert got.headers["content-type"].startswith("multipart/related")
    described = client.get("/processes/aggregate?lang=en").json()
    assert described["example"]["inputs"]["zones"]["features"][0]["id"] == "west"


@pytest.mark.parametrize(
    ("zones", "inputs", "pointer"),
    [
        ("toy-dnog", {}, "/inputs/zones"),
        ("toy-100m", {}, "/inputs/zones"),
        (feature(WEST_HALF), {}, "/inputs/zones"),
        ({"type": "FeatureCollection"}, {}, "/inputs/zones"),
        ({"type": "FeatureCollection", "features": []}, {}, "/inputs/zones/features"),
        ({"type": "FeatureCollection", "features": [5]}, {}, "/inputs/zones/features/0"),
        ({"type": "FeatureCollection", "features": [feature(WEST_HALF, id=1.5)]}, {}, "/inputs/zones/features/0/id"),
        (layer(a=WEST_HALF) | {"features": [feature(WEST_HALF, id="a")] * 2}, {}, "/inputs/zones/features/1/id"),
        (layer(a=shapely.Point(0, 0)), {}, "/inputs/zones/features/0/geometry/type"),
        (HALVES, {"collection": "toy-250m"}, "/inputs/collection"),
        (HALVES, {"year": 1999}, "/inputs/year"),
        (HALVES, {"method": "guess"}, "/inputs/method"),
        (5, {}, "/inputs/zones"),
    ],
)
def test_refusals_name_the_place(client: TestClient, zones: object, inputs: dict[str, Any], pointer: str) -> None:
    got = ask(client, zones, **inputs)
    assert (got.status_code, got.json().get("where")) == (400, pointer), got.text


def test_a_crossing_zone_is_refused_and_nothing_is_answered(client: TestClient) -> None:
    bow = shapely.Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    got = ask(client, layer(good=WEST_HALF, bow=bow))
    assert got.json()["where"] == "/inputs/zones/features/1/geometry"
    assert "crosses itself" in got.json()["detail"]


def test_limits(client: TestClient) -> None:
    body = b" " * (MAX_BODY + 1)
    assert client.post("/processes/aggregate/execution", content=body).status_code == 413
    small = feature(shapely.box(0, 0, 1, 1))
    many = [small | {"id": i} for i in range(10_001)]
    assert ask(client, {"type": "FeatureCollection", "features": many}).status_code == 413
    assert KG
