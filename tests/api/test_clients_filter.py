# SPDX-License-Identifier: Apache-2.0
"""Real clients push their conditions down as CQL2: what they sent, and that what came back is right."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyogrio
import pytest
from owslib.ogcapi.features import Features

from tests.api.watched import Watched, watched
from tests.toy import toy_cell


@pytest.fixture(scope="module")
def live(cities: Path) -> Iterator[Watched]:
    """A server over the two cities, and what it is asked."""
    with watched(cities) as app:
        yield app


READ = "import sys, pyogrio; print(len(pyogrio.read_dataframe(sys.argv[1], where=sys.argv[2])))"
"""Runs apart: GDAL waits for the answer without letting go of Python's lock, which the server needs."""
WHERE = {
    "emission_total > 1": (7, "emission_total > 1"),
    "net >= 0.003 AND status = 'partial'": (7, "(net >= 0.003) AND (status = 'partial')"),
    "status IN ('partial', 'missing') AND NOT (year = 2022)": (13, "NOT (year = 2022)"),  # IN it does itself
    "missing LIKE '%forest%'": (12, "missing LIKE '%forest%'"),
    "absorption_forest IS NULL": (6, "(absorption_forest IS NULL)"),
    "emission_total BETWEEN 1.009 AND 1.01": (4, "(emission_total >= 1.009) AND (emission_total <= 1.01)"),
}
"""What a user asks GDAL, how many cells match, and what GDAL asks the server."""


@pytest.mark.parametrize(("where", "expected"), WHERE.items())
def test_gdal_gets_what_it_asks_for(live: Watched, where: str, expected: tuple[int, str]) -> None:
    live.asked.clear()
    reading = [sys.executable, "-c", READ, f"OAPIF:{live.url}/collections/toy-100m", where]
    answer = subprocess.run(reading, check=True, capture_output=True, timeout=60)
    assert (int(answer.stdout), live.filters) == (expected[0], [expected[1]])


def test_ogr2ogr_gets_what_it_asks_for(live: Watched, ogr2ogr: str, tmp_path: Path) -> None:
    live.asked.clear()
    out = tmp_path / "cells.geojson"
    command = [ogr2ogr, str(out), f"OAPIF:{live.url}", "toy-100m", "-where", "emission_total > 1 AND status = 'ok'"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(pyogrio.read_dataframe(out)) == 1
    assert live.filters == ["(emission_total > 1) AND (status = 'ok')"]


def test_owslib_sends_a_filter(live: Watched) -> None:
    live.asked.clear()
    found = Features(live.url).collection_items("toy-100m", filter="net < 0", limit=10)
    assert live.filters == ["net < 0"]
    assert {f["id"] for f in found["features"]} == {f"{toy_cell(e, n)}.2023" for e in (-300, -200) for n in (200, 300)}
