# SPDX-License-Identifier: Apache-2.0
"""Clients of OGC API - Processes against ``carbongrid serve``: OWSLib and a plain curl script, at once and as jobs."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import shapely
from owslib.ogcapi.processes import Processes

from tests.acceptance.conftest import ROOT, await_health, free_port
from tests.conftest import missing
from tests.toy import on_earth, toy_store


@pytest.fixture(scope="module")
def toy_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """``carbongrid serve`` with its worker over the toy city."""
    data, port = tmp_path_factory.mktemp("toy"), free_port()
    toy_store(data, (2023,))
    environment = os.environ | {"CARBONGRID_DATA": str(data), "CARBONGRID_PORT": str(port)}
    environment.pop("CARBONGRID_URL", None)
    command = [sys.executable, "-m", "carbonserver", "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            await_health(f"http://localhost:{port}", process)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def region() -> dict[str, object]:
    import json

    polygon: dict[str, object] = json.loads(shapely.to_geojson(on_earth(shapely.box(-400, -400, 400, 400), 5179)))
    return polygon


def test_owslib_runs_a_process_at_once_and_as_a_job(toy_server: str) -> None:
    client = Processes(toy_server)
    assert {"echo", "estimate-region"} <= {p["id"] for p in client.processes()}
    assert client.process("estimate-region")["inputs"].keys() >= {"region", "year"}
    inputs, outputs = {"region": {"value": region()}, "year": 2023}, {"totals": {}}
    now = client.execute("estimate-region", inputs, outputs)
    assert now["totals"]["years"][0]["kg"]["emission_total"] > 0
    job = client.execute("estimate-region", inputs, outputs, async_=True)
    here = f"{toy_server}/jobs/{job['jobID']}"
    deadline = time.monotonic() + 120
    while httpx.get(here).json()["status"] in ("accepted", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert httpx.get(f"{here}/results").json() == now


def test_a_plain_curl_script_runs_cancels_and_reads(toy_server: str) -> None:
    if shutil.which("curl") is None:
        missing("curl")
    script = ["sh", str(Path(ROOT) / "examples" / "processes.sh"), toy_server]
    said = subprocess.run(script, check=True, capture_output=True, text=True, timeout=240).stdout.splitlines()
    now, later = '{"text":"안녕, curl"}', '{"text":"later"}'
    assert said == ["# at once", now, "# as a job", "successful", later, "# cancelled", "dismissed"]
