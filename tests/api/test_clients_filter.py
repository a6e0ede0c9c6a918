# SPDX-License-Identifier: Apache-2.0
"""Real clients push their conditions down as CQL2: what they sent, and that what came back is right."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pyogrio
import pytest
import uvicorn
from owslib.ogcapi.features import Features
from starlette.types import ASGIApp, Receive, Scope, Send

from carbonserver.app import create_app
from carbonserver.settings import Settings
from tests.acceptance.conftest import free_port
from tests.toy import toy_cell


class Watched:
    """An app, and the filters that it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.filters: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.filters += parse_qs(scope["query_string"].decode()).get("filter", [])
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def live(cities: Path) -> Iterator[tuple[str, Watched]]:
    """Address of a server over the two cities, and what it is asked."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = Watched(create_app(Settings(cities, url)))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield url, app
    server.should_exit = True
    thread.join(timeout=10)


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
def test_gdal_gets_what_it_asks_for(live: tuple[str, Watched], where: str, expected: tuple[int, str]) -> None:
    url, app = live
    app.filters.clear()
    reading = [sys.executable, "-c", READ, f"OAPIF:{url}/collections/toy-100m", where]
    answer = subprocess.run(reading, check=True, capture_output=True, timeout=60)
    assert (int(answer.stdout), app.filters) == (expected[0], [expected[1]])


def test_ogr2ogr_gets_what_it_asks_for(live: tuple[str, Watched], ogr2ogr: str, tmp_path: Path) -> None:
    url, app = live
    app.filters.clear()
    out = tmp_path / "cells.geojson"
    command = [ogr2ogr, str(out), f"OAPIF:{url}", "toy-100m", "-where", "emission_total > 1 AND status = 'ok'"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert len(pyogrio.read_dataframe(out)) == 1
    assert app.filters == ["(emission_total > 1) AND (status = 'ok')"]


def test_owslib_sends_a_filter(live: tuple[str, Watched]) -> None:
    url, app = live
    app.filters.clear()
    found = Features(url).collection_items("toy-100m", filter="net < 0", limit=10)
    assert app.filters == ["net < 0"]
    assert {f["id"] for f in found["features"]} == {f"{toy_cell(e, n)}.2023" for e in (-300, -200) for n in (200, 300)}
