# SPDX-License-Identifier: Apache-2.0
"""compare-years by HTTP over the toy city: 2022 has twice the kilograms of 2023 from the same activity and factors."""

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
from processes.web.routes import routes
from tests.toy import EAST, NORTH, SOUTH, WEST, on_earth, toy_store
from tests.toy_units import CODE_1, CODE_2, toy_units_store


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("store")
    toy_units_store(root)
    with served(root) as opened:
        yield opened


def served(root: Path) -> TestClient:
    return TestClient(Starlette(routes=routes(Catalogue(root), "http://test.example")))


def ask(client: TestClient, **inputs: object) -> Any:
    body = {"inputs": inputs, "outputs": {"changes": {}}, "response": "document"}
    return client.post("/processes/compare-years/execution", content=orjson.dumps(body))


def changes(client: TestClient, **inputs: object) -> dict[str, Any]:
    got = ask(client, **inputs)
    assert got.status_code == 200, got.text
    made: dict[str, Any] = got.json()["changes"]
    return made


def test_the_whole_and_its_sectors(client: TestClient) -> None:
    made = changes(client)
    assert (made["inventory"], made["years"]) == ("toy", [2022, 2023])
    net = made["whole"]["net"]
    assert (net["before"], net["after"], net["change"]) == (2 * 8558, 8558, -8558)
    assert (net["activity"], net["factors"], net["recalculation"]) == (0.0, 0.0, -8558.0)
    assert net["significant"] is (net["change_u95"] < 8558)
    assert {s: one["change"] for s, one in made["sectors"].items()} == {
        "buildings": -2509,
        "transport": -9050,
        "forest": -3001,
    }
    assert made["told"]["model_changed"] is False
    assert set(made) == {"inventory", "edition", "mode", "years", "whole", "sectors", "told"}


def test_units_and_zones_add_up_to_the_whole(client: TestClient) -> None:
    west = shapely.box(WEST - 50, SOUTH - 50, -110, NORTH + 50)
    east = shapely.box(-110, SOUTH - 50, EAST + 50, NORTH + 50)
    features = [
        {"type": "Feature", "id": name, "properties": None, "geometry": mapping(on_earth(shape, 5179))}
        for name, shape in (("west", west), ("east", east))
    ]
    halves = changes(client, zones={"type": "FeatureCollection", "features": features})
    assert [zone["id"] for zone in halves["zones"]] == ["west", "east"]
    for figure, whole in halves["whole"].items():
        for part in ("before", "after", "change"):
            assert sum(zone["figures"][figure][part] for zone in halves["zones"]) == whole[part]
        causes = ("activity", "factors", "recalculation")
        assert sum(zone["figures"][figure][c] for zone in halves["zones"] for c in causes) == pytest.approx(
            whole["change"], abs=0.5
        )


def test_units_have_their_published_kilograms_in_both_years(client: TestClient) -> None:
    made = changes(client, zones="toy-dong")
    assert [zone["id"] for zone in made["zones"]] == [CODE_1, CODE_2]
    for zone in made["zones"]:
        body = {"inputs": {"region": {"unit": zone["id"]}, "year": [2022, 2023]}, "outputs": {"totals": {}}}
        totals = client.post("/processes/estimate-region/execution", content=orjson.dumps(body)).json()
        first, second = (year["kg"]["emission_total"] for year in totals["years"])
        figure = zone["figures"]["emission_total"]
        assert (figure["before"], figure["after"]) == (first, second)


@pytest.mark.parametrize("level", ["100m", "500m", "1km"])
def test_cells_add_up_and_are_named(client: TestClient, level: str) -> None:
    made = changes(client, level=level)
    cells, whole = made["cells"], made["whole"]
    for figure in ("emission_total", "absorption_forest", "net"):
        assert sum(cell["figures"][figure]["change"] for cell in cells["largest"]) == whole[figure]["change"]
    assert cells["changed"] == len(cells["largest"])
    sizes = [abs(cell["figures"]["net"]["change"]) for cell in cells["largest"]]
    assert sizes == sorted(sizes, reverse=True)
    for cell in cells["largest"][:5]:
        item = f"/collections/toy-{level}/items/{cell['cell_id']}"
        body = {"inputs": {"region": {"href": item}}, "outputs": {"totals": {}}}
        totals = client.post("/processes/estimate-region/execution", content=orjson.dumps(body)).json()
        assert totals["years"][0]["kg"]["net"] == cell["figures"]["net"]["after"]
    ups = sum(c["figures"]["net"]["significant"] and c["figures"]["net"]["change"] > 0 for c in cells["largest"])
    assert cells["significantly_up"] == ups


def test_sectors_and_order_of_years(client: TestClient) -> None:
    part = changes(client, sectors=["transport"], year=[2023, 2022])
    assert (part["years"], list(part["sectors"])) == ([2022, 2023], ["transport"])
    assert "absorption_forest" not in part["whole"]
    assert part["whole"]["net"]["change"] == -9050


@pytest.mark.parametrize(
    ("inputs", "pointer"),
    [
        ({"year": 2023}, "/inputs/year"),
        ({"year": [2023, 2023]}, "/inputs/year"),
        ({"year": [2022, 2031]}, "/inputs/year/1"),
        ({"inventory": "toi"}, "/inputs/inventory"),
        ({"zones": "toy-gu"}, "/inputs/zones"),
        ({"level": "250m"}, "/inputs/level"),
    ],
)
def test_refusals_name_the_place(client: TestClient, inputs: dict[str, object], pointer: str) -> None:
    got = ask(client, **inputs)
    assert (got.status_code, got.json().get("where")) == (400, pointer), got.text


def test_one_year_or_several_inventories(tmp_path: Path) -> None:
    toy_store(tmp_path, years=(2023,))
    with served(tmp_path) as client:
        assert ask(client).json()["where"] == "/inputs/year"
    toy_store(tmp_path, years=(2023,), id="jizzakh", epsg=32642)
    with served(tmp_path) as client:
        assert ask(client).json()["where"] == "/inputs/inventory"
