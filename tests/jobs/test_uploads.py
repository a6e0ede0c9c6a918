# SPDX-License-Identifier: Apache-2.0
"""Files and activity data as jobs: the process of a job may have files read by another one, within its own limits."""

import threading
import time
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
from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.service import Service
from processes.web.routes import routes
from tests.api.files import GEOPACKAGE, frame, qualified, written

EXECUTION = "/processes/estimate-region/execution"
LON, LAT = 127.28, 36.49


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A server with a worker beside it."""
    service, stop = Service(tmp_path), threading.Event()
    worker = threading.Thread(target=Engine(service.journal, Site(tmp_path), 1).run, args=(stop,))
    worker.start()
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path), "", service=service))) as opened:
        yield opened
    stop.set()
    worker.join()


def results(client: TestClient, body: dict[str, Any]) -> Any:
    """The results of the request as a job."""
    accepted = client.post(EXECUTION, content=orjson.dumps(body), headers={"Prefer": "respond-async"})
    assert accepted.status_code == 201, accepted.text
    here, deadline = accepted.headers["location"], time.monotonic() + 300
    while client.get(here).json()["status"] in ("accepted", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return client.get(f"{here}/results").json()


def test_a_job_gives_what_a_request_gives(client: TestClient) -> None:
    region, house = (
        shapely.box(LON - 0.01, LAT - 0.01, LON + 0.01, LAT + 0.01),
        shapely.box(LON, LAT, LON + 2e-4, LAT + 2e-4),
    )
    inputs = {
        "region": qualified(written(frame([region], "EPSG:4326"), GEOPACKAGE), GEOPACKAGE),
        "buildings": qualified(
            written(frame([house], "EPSG:4326", electricity_kwh=[10_000_000]), GEOPACKAGE), GEOPACKAGE
        ),
        "country": "kor",
        "year": 2023,
    }
    body = {"inputs": inputs, "outputs": {"totals": {}, "cells": {}}, "response": "document"}
    made = results(client, body)
    assert made["totals"]["years"][0]["kg"]["emission_buildings"] == 4_173_000
    assert made == client.post(EXECUTION, content=orjson.dumps(body)).json()
    wide = mapping(shapely.box(LON - 0.5, LAT - 0.5, LON + 0.5, LAT + 0.5))
    body = {"inputs": inputs | {"region": wide, "level": "1km"}, "outputs": {"totals": {}}, "response": "document"}
    assert client.post(EXECUTION, content=orjson.dumps(body)).status_code == 413
    assert results(client, body)["totals"]["years"][0]["kg"]["emission_buildings"] == 4_173_000


def test_a_job_with_a_bad_file_fails_with_the_reason(client: TestClient) -> None:
    bad = qualified(b"SQLite format 3\0" + bytes(500), GEOPACKAGE)
    told = results(client, {"inputs": {"region": bad}, "outputs": {"totals": {}}})
    assert (told["status"], told["where"]) == (400, "/inputs/region/value")
    assert "cannot be read as GeoPackage" in told["detail"]
