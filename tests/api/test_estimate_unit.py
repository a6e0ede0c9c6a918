# SPDX-License-Identifier: Apache-2.0
"""estimate-region of a unit by its code: the published kilograms, also where they differ from a cut by the outline."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import shapely
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbongrid.sectors import INTERVALS, figures
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from processes.web.routes import routes
from tests.toy import NORTH, SOUTH, WEST, toy_inventory, toy_publication
from tests.toy_units import CODE_1, CODE_2, DONG_2, toy_map, toy_units_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("units")
    toy_units_store(root)
    return root


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Catalogue(store), "http://test.example"))) as opened:
        yield opened


def ask(client: TestClient, region: object, **inputs: object) -> Any:
    body = {"inputs": {"region": region, **inputs}, "outputs": {"totals": {}}, "response": "document"}
    return client.post("/processes/estimate-region/execution", content=orjson.dumps(body)).json()


def published(store: Path, level: str, code: str, year: int) -> Mapping[str, int]:
    """Kilograms and half-widths of the stored table."""
    release = Catalogue(store).snapshot().inventory("toy").release(year)
    units = release.units(level)
    row = units.code.tolist().index(code)
    sums = figures(release.bands, np.stack([column.astype(np.int64) for column in units.kg]))
    half = {f"{name}_u95": int(column[row]) for name, column in zip(INTERVALS, units.u95, strict=True)}
    return {name: int(v[row]) for name, v in sums.items()} | half


@pytest.mark.parametrize(
    ("level", "code"), [("dong", CODE_1), ("dong", CODE_2), ("sigungu", "36110"), ("sido", "36"), ("nation", "KR")]
)
def test_a_unit_answers_with_its_published_kilograms(client: TestClient, store: Path, level: str, code: str) -> None:
    made = ask(client, {"unit": code}, year=[2022, 2023])["totals"]
    for year in made["years"]:
        expected = published(store, level, code, year["year"])
        known = {name: kg for name, kg in year["kg"].items() if kg is not None}
        assert known == {name: expected[name] for name in known}
        assert known["emission_total"] > 0 or code == CODE_2
        for name, kg in year["unrounded_kg"].items():
            assert kg is None or kg == pytest.approx(known[name], abs=6)


@pytest.mark.parametrize("history", ["", "-history"])
@pytest.mark.parametrize(("level", "code"), [("dong", CODE_1), ("dong", CODE_2), ("sigungu", "36110")])
def test_a_link_to_a_unit_s_item_answers_as_its_code(client: TestClient, level: str, code: str, history: str) -> None:
    link = {"href": f"http://test.example/collections/toy-{level}{history}/items/{code}.2023"}
    by_code, by_link = (ask(client, region, year=[2022, 2023]) for region in ({"unit": code}, link))
    assert by_link["totals"] == by_code["totals"]
    whole = [year["kg"]["emission_total"] for year in by_link["totals"]["years"]]
    assert whole[0] > 0 or code == CODE_2
    by_cells = ask(client, link, method="cells")["totals"]
    assert by_cells == ask(client, {"unit": code}, method="cells")["totals"]


def test_a_link_to_an_outline_that_changed_is_that_outline(tmp_path: Path) -> None:
    """Of the year before, the dong was 60 m wide and is 80 m wide now: the link means what it shows, 60 m."""
    inventories = {year: toy_inventory(year) for year in (2022, 2023)}
    for year, east in ((2022, 60), (2023, 80)):
        made = toy_map(inventories[year], outlines=(shapely.box(WEST, SOUTH, east, NORTH), DONG_2))
        write(inventories[year], replace(toy_publication(inventories[year]), units=made), tmp_path)
    edition.publish(tmp_path, "toy")
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path), "http://test.example"))) as opened:
        item = "/collections/toy-dong-history/items/{}.{}"
        link = {"href": item.format(CODE_1, 2022)}
        first, second = ask(opened, link, year=[2022, 2023])["totals"]["years"]
        assert first["kg"] == ask(opened, {"unit": CODE_1}, year=2022)["totals"]["years"][0]["kg"]
        (now,) = ask(opened, {"unit": CODE_1}, year=2023)["totals"]["years"]
        assert second["kg"]["emission_total"] < now["kg"]["emission_total"]


def test_dongs_and_their_sigungu_add_up(client: TestClient) -> None:
    def bands(code: str) -> list[int]:
        return [band["kg"] or 0 for band in ask(client, {"unit": code})["totals"]["years"][0]["bands"]]

    dongs = [a + b for a, b in zip(bands(CODE_1), bands(CODE_2), strict=True)]
    assert dongs == bands("36110") == bands("KR")
    assert sum(dongs) > 0


def test_other_choices_keep_the_published_bands(client: TestClient) -> None:
    whole = ask(client, {"value": {"unit": CODE_1}})["totals"]["years"][0]
    part = ask(client, {"unit": CODE_1}, sectors=["transport"])["totals"]["years"][0]
    assert part["bands"] == [band for band in whole["bands"] if band["sector"] == "transport"]
    assert part["kg"]["emission_total"] == part["kg"]["emission_transport"] == whole["kg"]["emission_transport"]


@pytest.mark.parametrize(
    ("region", "place", "words"),
    [
        ({"unit": "3611010199"}, "/inputs/region/unit", ["'3611010199'", CODE_1]),
        ({"unit": "unallocated"}, "/inputs/region/unit", ["unallocated", CODE_1]),
        ({"unit": 36110}, "/inputs/region/unit", ["code of a unit"]),
        ({"value": {"unit": "x"}}, "/inputs/region/value/unit", ["'x'"]),
    ],
)
def test_unknown_units_are_refused_with_what_is_allowed(
    client: TestClient, region: object, place: str, words: list[str]
) -> None:
    answer = ask(client, region)
    assert answer["status"] == 400
    text = orjson.dumps(answer).decode()
    assert place in text
    assert all(word in text for word in words)
