# SPDX-License-Identifier: Apache-2.0
"""estimate-region over the toy city (tests/toy.py) by HTTP and through pygeoapi: kilograms, shapes, refusals."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import orjson
import pytest
import shapely
from pygeoapi.process.manager.base import get_manager
from pyproj import Geod, Transformer
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbongrid.sectors import SECTORS
from carbonstore.releases.catalogue import Catalogue
from processes.estimate_region import MAX_BODY
from processes.regions.totals import totals_schema
from processes.web.routes import routes
from tests.toy import CORNERS, toy_cell, toy_store

URL = "http://test.example/carbon"
WEST, SOUTH, EAST, NORTH = -300, -200, 250, 400


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two inventories: the toy city near Sejong (2022, 2023) and one near Jizzakh (2023)."""
    root = tmp_path_factory.mktemp("store")
    toy_store(root)
    toy_store(root, years=(2023,), id="jizzakh", epsg=32642)
    return root


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Catalogue(store), URL))) as opened:
        yield opened


def polygon(shape: shapely.Geometry, epsg: int = 5179) -> shapely.Geometry:
    """A shape in toy metres as CRS84."""
    to = Transformer.from_crs(f"EPSG:{epsg}", "OGC:CRS84", always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(to.transform(*(xy + CORNERS[epsg]).T)))


def box(west: float, south: float, east: float, north: float, epsg: int = 5179) -> dict[str, Any]:
    return dict(mapping(polygon(shapely.box(west, south, east, north), epsg)))


WHOLE = box(WEST - 50, SOUTH - 50, EAST + 50, NORTH + 50)


def ask(client: TestClient, region: object, **inputs: object) -> Any:
    body = {"inputs": {"region": region, **inputs}, "outputs": {"totals": {}}, "response": "document"}
    return client.post("/processes/estimate-region/execution", content=orjson.dumps(body))


def totals(client: TestClient, region: object, **inputs: object) -> dict[str, Any]:
    answer = ask(client, region, **inputs)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["totals"]
    return made


def refusal(client: TestClient, region: object, **inputs: object) -> tuple[str, str, list[str]]:
    answer = ask(client, region, **inputs)
    body = answer.json()
    assert (answer.status_code, body["status"]) == (400, 400), answer.text
    return body["where"], body["detail"], body.get("allowed", [])


# What it answers


def test_the_shape_of_the_contract(client: TestClient, store: Path) -> None:
    made = totals(client, WHOLE)
    assert list(made) == ["inventory", "edition", "mode", "method", "area_m2", "status", "missing", "years"]
    assert {k: made[k] for k in ("inventory", "mode", "method", "status", "missing")} == {
        "inventory": "toy",
        "mode": "end_user",
        "method": "sources",
        "status": "partial",
        "missing": "buildings,forest",
    }
    assert made["edition"] == Catalogue(store).snapshot().inventories["toy"].edition.id
    [year] = made["years"]
    assert list(year) == ["year", "kg", "unrounded_kg", "quality", "bands"]
    assert year["year"] == 2023
    assert year["kg"]["emission_total_u95"] > 0
    schema = orjson.dumps(totals_schema()).replace(b'"nullable":true,', b"").replace(b',"nullable":true', b"")
    jsonschema.Draft202012Validator.check_schema(orjson.loads(schema))


def test_the_boundary_gives_the_totals_of_the_manifest(client: TestClient, store: Path) -> None:
    published = Catalogue(store).snapshot().inventories["toy"]
    for year in (2022, 2023):
        release = published.release(year)
        outline = dict(mapping(shapely.from_wkb(release.boundary)))
        stated = release.manifest["totals"]
        for method in ("sources", "cells"):
            made = totals(client, outline, year=year, method=method)["years"][0]
            figures = {k: v for k, v in made["kg"].items() if not k.endswith("_u95")}
            assert figures == {k: v for k, v in stated["kg"].items() if not k.endswith("_u95")}
            bands = [{k: b[k] for k in ("sector", "use", "scope", "gas", "kg")} for b in stated["bands"]]
            assert made["bands"] == bands


def test_years_come_in_the_order_asked(client: TestClient) -> None:
    made = totals(client, WHOLE, year=[2022, 2023, 2022])["years"]
    assert [(y["year"], y["kg"]["emission_total"]) for y in made] == [(2022, 2 * 11559), (2023, 11559)]
    assert totals(client, WHOLE, year=2022)["years"][0]["kg"]["net"] == 2 * (11559 - 3001)


def test_a_part_and_its_complement(client: TestClient) -> None:
    """The line x = -110 halves the 500 kg of the shop in one cell; the house and the stand lie west of it."""
    west = totals(client, box(WEST, SOUTH, -110, NORTH))["years"][0]
    east = totals(client, box(-110, SOUTH, EAST, NORTH))["years"][0]
    assert west["kg"]["emission_buildings"] == 1500 + 250
    assert west["unrounded_kg"]["emission_buildings"] == pytest.approx(1750, abs=0.01)
    assert west["kg"]["absorption_forest"] == 3001
    for figure in ("emission_buildings", "emission_transport", "net"):
        whole = {"emission_buildings": 2509, "emission_transport": 9050, "net": 8558}[figure]
        assert west["kg"][figure] + east["kg"][figure] == whole


def test_area_is_geodesic_and_ends_at_the_boundary(client: TestClient) -> None:
    made = totals(client, WHOLE)["area_m2"]
    city = polygon(shapely.box(WEST, SOUTH, EAST, NORTH))
    true = abs(Geod(ellps="WGS84").geometry_area_perimeter(city)[0])
    assert made == pytest.approx(true, rel=1e-5)
    assert made == pytest.approx(550 * 600, rel=2e-3)


def test_null_is_said_and_not_summed_as_zero(client: TestClient) -> None:
    south = totals(client, box(WEST, SOUTH, EAST, -100))
    assert (south["status"], south["missing"]) == ("partial", "forest")
    kg = south["years"][0]["kg"]
    assert (kg["absorption_forest"], kg["absorption_forest_u95"], kg["net"]) == (None, None, 6550)
    nothing = totals(client, box(WEST, SOUTH, EAST, -100), sectors=["forest"])
    assert (nothing["status"], nothing["missing"]) == ("missing", "forest")
    assert totals(client, box(0, 100, 100, 200))["status"] == "ok"


def test_sectors_mode_and_method(client: TestClient) -> None:
    kg = totals(client, WHOLE, sectors=["buildings", "transport"])["years"][0]["kg"]
    assert (kg["emission_total"], kg["net"], "absorption_forest" in kg) == (11559, 11559, False)
    assert totals(client, WHOLE, sectors="buildings")["years"][0]["kg"]["emission_total"] == 2509
    territorial = totals(client, WHOLE, mode="territorial")
    assert (territorial["mode"], territorial["years"][0]["kg"]["emission_buildings"]) == ("territorial", 500)
    cells, sources = (totals(client, box(-110, 100, 0, 200), method=m)["years"][0] for m in ("cells", "sources"))
    assert (sources["kg"]["emission_buildings"], sources["quality"]) == (250 + 499, 2)
    assert cells["kg"]["emission_buildings"] == pytest.approx(50 + 499, abs=1)
    assert cells["quality"] == 3
    assert cells["kg"]["emission_total_u95"] > sources["kg"]["emission_total_u95"]


def test_every_spelling_of_a_region(client: TestClient) -> None:
    feature = {"type": "Feature", "properties": None, "geometry": WHOLE}
    spellings = [
        WHOLE,
        {"value": WHOLE},
        {"value": WHOLE, "mediaType": "application/geo+json"},
        feature,
        {"type": "FeatureCollection", "features": [feature]},
        {"type": "MultiPolygon", "coordinates": [WHOLE["coordinates"]]},
    ]
    answers = [totals(client, spelling) for spelling in spellings]
    assert all(a == answers[0] for a in answers)


def test_an_own_item_by_reference_is_resolved_in_process(client: TestClient) -> None:
    house = f"/collections/toy-100m/items/{toy_cell(-300, -200)}"
    for href in (f"{URL}{house}.2023", f"{URL}{house}.2023?f=json", f"{house}.2023", f"{URL}{house}"):
        kg = totals(client, {"href": href})["years"][0]["kg"]
        assert (kg["emission_buildings"], kg["emission_transport"]) == (1500, 900 + 10), href


@pytest.mark.parametrize(
    "href",
    [
        "https://example.com/collections/toy-100m/items/x",
        "file:///etc/passwd",
        f"{URL}.evil.example/collections/toy-100m/items/x",
        f"{URL}/collections/nothing/items/x",
        f"{URL}/collections/toy-100m/items/x",
        f"{URL}/collections/toy-100m/items/{toy_cell(0, 5000)}.2023",
        f"{URL}/collections/toy-100m/items/{toy_cell(-300, -200)}.1999",
        f"{URL}/collections/toy-100m/items/{toy_cell(-300, -200)}.x",
        f"{URL}/collections/toy-100m/items/{toy_cell(-300, -200)}.2023?edition=zz",
    ],
)
def test_other_links_are_refused(client: TestClient, href: str) -> None:
    assert refusal(client, {"href": href})[0] == "/inputs/region/href"


def test_raw_single_output_and_headers(client: TestClient) -> None:
    body = orjson.dumps({"inputs": {"region": WHOLE}, "outputs": {"totals": {}}})
    answer = client.post("/processes/estimate-region/execution", content=body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["carbongrid-edition"] == answer.json()["edition"]
    assert answer.json() == totals(client, WHOLE)


def test_without_outputs_all_come_in_parts(client: TestClient) -> None:
    """18-062r2, requirement 27: omitted means all; several raw values are multipart/related."""
    answer = client.post("/processes/estimate-region/execution", content=orjson.dumps({"inputs": {"region": WHOLE}}))
    assert answer.headers["content-type"].startswith("multipart/related")
    assert b"Content-ID: <totals>" in answer.content
    assert b"Content-ID: <cells>" in answer.content


# What it refuses


def test_which_inventory(client: TestClient) -> None:
    assert totals(client, box(WEST, SOUTH, EAST, NORTH, 32642))["inventory"] == "jizzakh"
    both = {"type": "MultiPolygon", "coordinates": [WHOLE["coordinates"], box(0, 0, 50, 50, 32642)["coordinates"]]}
    assert refusal(client, both) == (
        "/inputs/inventory",
        "/inputs/inventory: several inventories hold this region; name one (allowed: jizzakh, toy)",
        ["jizzakh", "toy"],
    )
    assert totals(client, both, inventory="toy")["years"][0]["kg"]["emission_total"] == 11559
    pointer, _, allowed = refusal(client, WHOLE, inventory="toi")
    assert (pointer, allowed) == ("/inputs/inventory", ["jizzakh", "toy"])


def test_outside_names_what_is_served(client: TestClient) -> None:
    pointer, detail, allowed = refusal(client, box(50_000, 0, 50_100, 100))
    assert pointer == "/inputs/region"
    assert "lies outside what is served" in detail
    assert [a.split(" ")[0] for a in allowed] == ["jizzakh", "toy"]
    assert refusal(client, WHOLE, inventory="jizzakh")[0] == "/inputs/region"


@pytest.mark.parametrize(
    ("inputs", "pointer", "allowed"),
    [
        ({"year": 2031}, "/inputs/year", ["2022", "2023"]),
        ({"year": [2023, 2021]}, "/inputs/year/1", ["2022", "2023"]),
        ({"year": "2023"}, "/inputs/year", ["1990 to 2100 a"]),
        ({"sectors": ["forests"]}, "/inputs/sectors/0", sorted(SECTORS)),
        ({"level": "250m"}, "/inputs/level", ["100m", "1km", "500m"]),
        ({"mode": "consumption"}, "/inputs/mode", ["end_user", "territorial"]),
        ({"method": "magic"}, "/inputs/method", ["cells", "sources"]),
        ({"regoin": WHOLE}, "/inputs/regoin", None),
    ],
)
def test_wrong_inputs(client: TestClient, inputs: dict[str, object], pointer: str, allowed: list[str] | None) -> None:
    found = refusal(client, WHOLE, **inputs)
    assert found[0] == pointer
    assert allowed is None or found[2] == allowed


def test_an_unknown_output_is_refused_by_name(client: TestClient) -> None:
    body = {"inputs": {"region": WHOLE}, "outputs": {"cell": {}}}
    answer = client.post("/processes/estimate-region/execution", content=orjson.dumps(body)).json()
    assert answer["where"] == "/outputs/cell"
    assert {"cells", "totals"} <= set(answer["allowed"])


LON, LAT = polygon(shapely.Point(0, 0)).coords[0]


def ring(*points: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*points, points[0]]]}


@pytest.mark.parametrize(
    ("region", "place", "suspect"),
    [
        (ring((LON, LAT), (LON + 0.01, LAT + 0.01), (LON + 0.01, LAT), (LON, LAT + 0.01)), "", "crosses itself"),
        ({"type": "Polygon", "coordinates": []}, "/coordinates", "is empty"),
        ({"type": "MultiPolygon", "coordinates": []}, "/coordinates", "is empty"),
        ({"type": "FeatureCollection", "features": []}, "/features", "is empty"),
        (ring((985_000, 1_835_000), (985_100, 1_835_000), (985_100, 1_835_100)), "/coordinates/0/0",
         "projected metres"),
        (ring((LAT, LON), (LAT, LON + 0.01), (LAT + 0.01, LON)), "/coordinates/0/0", "latitude before longitude"),
        (ring((40.061, 69.76), (40.062, 69.76), (40.062, 69.762)), "", "latitude before longitude"),
        ({"type": "Polygon", "coordinates": [[[LON, LAT], [LON, "x"], [LON, LAT], [LON, LAT]]]},
         "/coordinates/0/1/1", "must be a number"),
        ({"type": "Point", "coordinates": [LON, LAT]}, "/type", "is no region"),
        ({"unit": "36110"}, "/unit", "no administrative units"),
        ({}, "/type", "is no region"),
    ],
)  # fmt: skip
def test_bad_regions_get_the_place_and_the_suspect(
    client: TestClient, region: object, place: str, suspect: str
) -> None:
    for given, at in ((region, "/inputs/region"), ({"value": region}, "/inputs/region/value")):
        pointer, detail, _ = refusal(client, given)
        assert pointer == at + place
        assert suspect in detail


def test_a_region_that_is_no_object(client: TestClient) -> None:
    for given in (5, "POLYGON", [], None):
        assert refusal(client, given)[0] == "/inputs/region"


def test_too_large_regions_are_413(client: TestClient) -> None:
    answer = client.post("/processes/estimate-region/execution", content=b" " * (MAX_BODY + 1))
    assert (answer.status_code, answer.json()["type"]) == (413, "ContentTooLarge")
    many = [[LON + i * 1e-7, LAT] for i in range(200_001)]
    assert ask(client, {"type": "Polygon", "coordinates": [[*many, [LON, LAT + 1], many[0]]]}).status_code == 413


# Stock pygeoapi and concurrency


def test_stock_pygeoapi_gives_the_same_answer(client: TestClient, store: Path) -> None:
    name = "processes.estimate_region.EstimateRegionProcessor"
    resources = {"estimate-region": {"type": "process", "processor": {"name": name, "data": str(store)}}}
    manager = get_manager(
        {"server": {"manager": {"name": "processes.jobs.manager.CarbonManager"}}, "resources": resources}
    )
    asked = {"requested_outputs": {"totals": {}}, "requested_response": "document"}
    made = manager.execute_process("estimate-region", {"region": WHOLE}, **asked)
    assert made[2] == {"totals": totals(client, WHOLE)}
    assert made[4]["Carbongrid-Edition"] == made[2]["totals"]["edition"]


def test_pausing_echoes_do_not_hold_up_estimates(client: TestClient) -> None:
    pause = orjson.dumps({"inputs": {"text": "a", "pause": 1.5}})
    with ThreadPoolExecutor(12) as pool:
        waiting = [pool.submit(client.post, "/processes/echo/execution", content=pause) for _ in range(10)]
        time.sleep(0.2)
        assert totals(client, WHOLE)["status"] == "partial"
        assert not any(w.done() for w in waiting)


def test_eight_threads_alternating_processes_get_their_own_answers(client: TestClient) -> None:
    """House, shop and stand lie in regions of their own; every fourth request is an echo."""
    regions = [box(WEST, SOUTH, -200, -100), box(-200, 100, 0, 200), box(WEST, 200, -100, NORTH)]
    expected = [(1500, 0), (999, 0), (0, 3001)]

    def one(i: int) -> bool:
        if i % 4 == 3:
            body = orjson.dumps({"inputs": {"count": i}, "response": "document"})
            return bool(client.post("/processes/echo/execution", content=body).json() == {"count": i})
        kg = totals(client, regions[i % 3])["years"][0]["kg"]
        return (kg["emission_buildings"], kg["absorption_forest"] or 0) == expected[i % 3]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(240)))
