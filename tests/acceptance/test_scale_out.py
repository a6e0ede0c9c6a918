# SPDX-License-Identifier: Apache-2.0
"""The parts of deploy/compose.yml as processes of their own, one of them killed midway: the same results."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import shapely
import yaml

from carbonserver.cli import main
from carbonstore.building.build import build
from carbonstore.building.partition import Partitioning
from processes.jobs.database import Postgres
from processes.jobs.journal import Journal
from tests import postgres
from tests.acceptance.conftest import ROOT, free_port
from tests.conftest import missing
from tests.jobs.servers import Server, serving
from tests.jobs.test_engine import children_of, ended, until
from tests.store.test_partition import bytes_of, write_town
from tests.toy import on_earth, toy_store

PATIENCE = httpx.Timeout(240)
SILENT = subprocess.DEVNULL


@contextmanager
def started(*command: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A program of ours, ended with the block."""
    environment = os.environ | settings
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=SILENT, stderr=SILENT) as process:
        try:
            yield process
        finally:
            process.kill()


DASK = (sys.executable, "-m", "dask")


def test_a_builder_killed_midway_changes_no_byte_of_a_release(tmp_path: Path) -> None:
    """A scheduler and two builders; the first is killed while it has tasks."""
    (tmp_path / "town").mkdir()
    town = write_town(tmp_path / "town")
    whole = bytes_of(build(town, tmp_path / "whole"))
    scheduler = f"tcp://127.0.0.1:{free_port()}"
    port = scheduler.rpartition(":")[2]
    builder = ("worker", scheduler, "--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--no-dashboard")
    with ExitStack() as stack:
        stack.enter_context(started(*DASK, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"))
        builders = [
            stack.enter_context(started(*DASK, *builder, "--local-directory", str(tmp_path / str(n)))) for n in range(2)
        ]
        await_builders(scheduler, 2)
        told: list[tuple[str, int]] = []

        def progress(stage: str, done: int, total: int) -> None:
            told.append((stage, total))
            if done == 3 and total > 8:
                builders[0].kill()

        made = build(town, tmp_path / "cluster", progress=progress, how=Partitioning(rows=3, scheduler=scheduler))
        assert builders[0].wait(10) != 0, "it was killed while tasks were waiting"
        assert builders[1].poll() is None
    assert max(total for _, total in told) > 8
    assert bytes_of(made) == whole


def await_builders(scheduler: str, count: int) -> None:
    from distributed import Client

    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            with Client(scheduler, timeout=5) as client:
                client.wait_for_workers(count, timeout=240)
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("no scheduler")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS")
    with postgres.cluster() as address:
        yield address


def requests() -> dict[str, dict[str, Any]]:
    """An aggregate over a grid of zones, and an estimate, by process."""
    squares = [shapely.box(e, n, e + 150, n + 150) for e in range(-300, 250, 150) for n in range(-200, 400, 150)]
    zones = [
        {"type": "Feature", "id": str(i), "properties": {}, "geometry": shapely.geometry.mapping(on_earth(s, 5179))}
        for i, s in enumerate(squares)
    ]
    layer = {"value": {"type": "FeatureCollection", "features": zones}}
    rest = {"outputs": {"totals": {}}, "response": "document"}
    return {
        "aggregate": {"inputs": {"collection": "toy-100m", "zones": layer}, **rest},
        "estimate-region": {"inputs": {"region": {"value": zones[5]["geometry"]}, "inventory": "toy"}, **rest},
    }


def job(server: Server, process: str, request: dict[str, Any]) -> str:
    here, asynchronous = f"{server.url}/processes/{process}/execution", {"Prefer": "respond-async"}
    answer = httpx.post(here, json=request, headers=asynchronous, timeout=PATIENCE)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["jobID"])


def test_any_server_answers_for_jobs_of_any_worker_also_when_one_is_killed(database: str, tmp_path: Path) -> None:
    toy_store(tmp_path, (2023,))
    settings = {"CARBONGRID_DATABASE": database, "CARBONGRID_DATA": str(tmp_path)}
    worker = (sys.executable, "-m", "carbonserver", "worker", "--slots", "2")
    with ExitStack() as stack:
        workers = [stack.enter_context(started(*worker, **settings)) for _ in range(2)]
        webs = [stack.enter_context(serving(tmp_path, "--no-worker", CARBONGRID_DATABASE=database)) for _ in range(2)]
        journal = Journal(Postgres(database))
        slow = {"inputs": {"text": "slow", "pause": 3}, "outputs": {"text": {}}, "response": "document"}
        echoes = [job(webs[n % 2], "echo", slow) for n in range(6)]
        until(lambda: children_of(workers[0].pid) or None)
        workers[0].kill()
        now = {name: ask(webs[0], name, request) for name, request in requests().items()}
        jobs = {name: job(webs[1], name, request) for name, request in requests().items()}
        assert {ended(journal, id, 300).status for id in [*echoes, *jobs.values()]} == {"successful"}
        for name, id in jobs.items():
            answers = [httpx.get(f"{web.url}/jobs/{id}/results", timeout=PATIENCE).json() for web in webs]
            assert answers == [now[name]] * 2
        journal.close()
    assert max(r["years"][0]["kg"]["emission_total"] for r in now["aggregate"]["totals"]) > 0


def ask(server: Server, process: str, request: dict[str, Any]) -> Any:
    answer = httpx.post(f"{server.url}/processes/{process}/execution", json=request, timeout=PATIENCE)
    return answer.raise_for_status().json()


def test_the_example_runs_commands_that_there_are() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())["services"]
    commands = {name: shlex.split(s["command"]) for name, s in services.items() if "command" in s}
    assert commands.keys() == {"web", "worker", "scheduler", "builder"}
    assert isinstance(main, click.Group)
    for program, command, *arguments in commands.values():
        if program == "carbongrid":
            main.commands[command].make_context(command, list(arguments))
        else:
            known = subprocess.run([*DASK, command, "--help"], capture_output=True, text=True, check=True).stdout
            assert all(a in known for a in arguments if a.startswith("--"))
    proxy = (ROOT / "deploy" / "nginx.conf").read_text()
    assert "server web:5000" in proxy
    assert "client_max_body_size 90m" in proxy
