# SPDX-License-Identifier: Apache-2.0
"""The README's examples do what it says."""

import json
import re

import httpx
import pytest

from tests.acceptance.conftest import ROOT, fetch

TEXT = (ROOT / "README.md").read_text()
ADDRESSES = sorted(
    set(re.findall(r"http://localhost:5000(/[^\s>`\"')]*)", TEXT)) - {"/processes/estimate-region/execution"}
)


def test_the_region_of_the_readme_has_an_answer(server: str) -> None:
    [body] = re.findall(r"-d '(\{.*?\})'\n", TEXT, re.S)
    got = httpx.post(f"{server}/processes/estimate-region/execution", json=json.loads(body), timeout=60)
    assert got.status_code == 200, got.text
    totals = got.json()["totals"]
    assert [year["year"] for year in totals["years"]] == [2022, 2023]
    assert all(year["kg"]["emission_total"] > 1_000_000 for year in totals["years"])


@pytest.mark.parametrize("path", ADDRESSES)
def test_the_addresses_of_the_readme_answer(server: str, path: str) -> None:
    assert fetch(server + path).status_code == 200


def test_there_are_addresses_to_try() -> None:
    assert {"/map", "/collections", "/openapi"} <= set(ADDRESSES)
