# SPDX-License-Identifier: Apache-2.0
"""estimate-region of a unit by its code: the published kilograms, also where they differ from a cut by the outline."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbongrid.sectors import INTERVALS, figures
from carbonstore.releases.catalogue import Catalogue
from processes.web.routes import routes
from tests.toy_units import CODE_1, CODE_2, toy_units_store


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
