# SPDX-License-Identifier: Apache-2.0
"""What docs/promises.md promises of running servers: small by default, at length with CARBONGRID_SOAK=1 (make soak)."""

import asyncio
import hashlib
import os
import random
import re
import select
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.releases.catalogue import Catalogue
from processes.jobs.child import Site
from processes.jobs.job import Limits
from processes.jobs.journal import Journal
from processes.web.routes import routes
from tests.jobs.servers import Server, serving
from tests.jobs.test_engine import ended, watch_commits
from tests.toy import on_earth, toy_store

ROOT = Path(__file__).parents[2]
SOAK = bool(os.environ.get("CARBONGRID_SOAK"))
CYCLES, JOBS = (50, 200) if SOAK else (2, 8)
REQUESTS, CLIENTS = (10_000, 48) if SOAK else (200, 16)
SUBMITS = 1_100 if SOAK else 60
MIB = 1 << 20
PATIENCE = httpx.Timeout(240)
type Ask = Callable[[httpx.AsyncClient, int], Awaitable[Any]]


def echo(text: str, pause: float = 0) -> dict[str, Any]:
    inputs = {"text": text} | ({"pause": pause} if pause else {})
    return {"inputs": inputs, "outputs": {"text": {}}, "response": "document"}


def submit(server: Server, text: str, pause: float = 0.2) -> str:
    answer = httpx.post(
        f"{server.url}/processes/echo/execution",
        json=echo(text, pause),
        headers={"Prefer": "respond-async"},
        timeout=PATIENCE,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["jobID"])


def test_no_job_is_lost_or_done_twice_when_servers_are_killed(tmp_path: Path) -> None:
    """By turns the web process alone and everything at once, at any moment; the journal stays whole."""
    journal, draw, jobs = Journal.open(tmp_path), random.Random(3), dict[str, str]()
    commits = watch_commits(tmp_path)
    for cycle in range(CYCLES):
        with serving(tmp_path) as server:
            texts = [f"{cycle} {n}" for n in range(JOBS // CYCLES)]
            jobs |= {submit(server, text): text for text in texts}
            time.sleep(draw.uniform(0, 4))
            server.kill_web() if cycle % 2 else server.kill_all()
        with sqlite3.connect(tmp_path / "jobs" / "journal.sqlite") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with serving(tmp_path):
        rows = {job: ended(journal, job, 600) for job in jobs}
    failed = [r for r in rows.values() if r.status != "successful"]
    assert all(r.status == "failed" and r.attempt >= Limits().crashes for r in failed), failed
    assert len(failed) <= CYCLES // 2, "a job fails only if every one of its attempts was killed"
    done = {job for job, row in rows.items() if row.status == "successful"}
    assert commits() == dict.fromkeys(done, 1)
    for job in done:
        made = rows[job].made
        assert made is not None
        body = Site(tmp_path).results.read(made)
        assert (body.decode(), hashlib.sha256(body).hexdigest()) == (f'{{"text":"{jobs[job]}"}}', made.sha256)


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("toys")
    toy_store(data)
    return data


@pytest.fixture(scope="module")
def servers(toys: Path) -> Iterator[list[Server]]:
    """Two servers, each with a worker, over one data folder."""
    with serving(toys) as first, serving(toys) as second:
        yield [first, second]


def together(count: int, clients: int, ask: Ask) -> list[Any]:
    """Answers to ``count`` requests by so many clients at the same time."""

    async def run() -> list[Any]:
        waiting = iter(range(count))
        answers: list[Any] = [None] * count
        async with httpx.AsyncClient(timeout=PATIENCE, limits=httpx.Limits(max_connections=clients)) as client:

            async def work() -> None:
                for n in waiting:
                    answers[n] = await ask(client, n)

            async with asyncio.TaskGroup() as group:
                for _ in range(clients):
                    group.create_task(work())
        return answers

    return asyncio.run(run())


def regions(server: Server) -> list[tuple[dict[str, Any], Any]]:
    """Requests for regions that differ, and what each is answered when asked alone."""
    squares = [on_earth(shapely.box(-300, -200, -100 + 40 * n, 300), 5179) for n in range(8)]
    asked = [
        {
            "inputs": {"region": {"value": shapely.geometry.mapping(s)}},
            "outputs": {"totals": {}},
            "response": "document",
        }
        for s in squares
    ]
    alone = [httpx.post(f"{server.url}/processes/estimate-region/execution", json=a, timeout=PATIENCE) for a in asked]
    return [(a, answer.raise_for_status().json()) for a, answer in zip(asked, alone, strict=True)]


def test_nobody_gets_anothers_answer(servers: list[Server]) -> None:
    """Mixed processes, inputs, servers, now and as jobs, all at the same time."""
    known = regions(servers[0])
    assert len({str(answer) for _, answer in known}) > 4

    async def ask(client: httpx.AsyncClient, n: int) -> bool:
        server = servers[n % 2]
        if n % 4 == 0:
            request, expected = known[n // 4 % len(known)]
            answer = await client.post(f"{server.url}/processes/estimate-region/execution", json=request)
        elif n % 4 == 1:
            answer, expected = await as_job(client, servers, n), {"text": f"job {n}"}
        else:
            answer = await client.post(f"{server.url}/processes/echo/execution", json=echo(f"text {n}"))
            expected = {"text": f"text {n}"}
        return bool(answer.status_code == 200 and answer.json() == expected)

    assert Counter(together(REQUESTS, CLIENTS, ask)) == {True: REQUESTS}


async def as_job(client: httpx.AsyncClient, servers: list[Server], n: int) -> httpx.Response:
    """Submitted to one server, watched and read on the other."""
    path = f"{servers[n % 2].url}/processes/echo/execution"
    accepted = await client.post(path, json=echo(f"job {n}"), headers={"Prefer": "respond-async"})
    assert accepted.status_code == 201, accepted.text
    here = f"{servers[1 - n % 2].url}/jobs/{accepted.json()['jobID']}"
    while (await client.get(here)).json()["status"] in ("accepted", "running"):
        await asyncio.sleep(0.2)
    return await client.get(f"{here}/results")


def test_a_burst_of_submits_is_bounded(tmp_path: Path) -> None:
    """Of one token 5 are taken, of everybody 1,000; the others are told when to come back; threads and memory stay."""
    token = {"Authorization": "Bearer a-token-of-the-burst"}

    def asking(server: Server, headers: dict[str, str]) -> Ask:
        async def ask(client: httpx.AsyncClient, n: int) -> tuple[int, str | None]:
            path, head = f"{server.url}/processes/echo/execution", {"Prefer": "respond-async", **headers}
            answer = await client.post(path, json=echo(f"burst {n}", 60), headers=head)
            return answer.status_code, answer.headers.get("retry-after")

        return ask

    with serving(tmp_path) as server:
        own = Counter(together(SUBMITS, 64, asking(server, token)))
        assert own == {(201, None): 5, (429, "10"): SUBMITS - 5}
        threads, memory = server.web.num_threads(), server.web.memory_info().rss
        all_of_them = Counter(together(SUBMITS, 64, asking(server, {})))
        assert server.web.num_threads() <= threads + 4
        assert server.web.memory_info().rss <= memory + 50 * MIB
    taken = min(SUBMITS, Limits().queue - 5)
    assert all_of_them == Counter({(201, None): taken, (429, "10"): SUBMITS - taken})


def high_water(server: Server) -> int:
    """The most memory that the process that answers has ever used, bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) << 10


def talk(server: Server, head: str, body: Iterator[bytes]) -> tuple[bytes, int]:
    """First line of the answer to a request written by hand, and how many bytes were sent before it came."""
    at, sent = urlsplit(server.url), 0
    with socket.create_connection((at.hostname, at.port or 80), timeout=60) as wire:
        wire.sendall(f"POST {head} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode())
        try:
            for part in body:
                if select.select([wire], [], [], 0)[0]:
                    break
                wire.sendall(part)
                sent += len(part)
        except OSError:
            pass  # the server has had enough
        try:
            return wire.recv(64), sent
        except OSError:
            return b"", sent


def test_large_bodies_are_refused_unread(servers: list[Server]) -> None:
    """1 GB declared is refused by its declaration; 100 MB in chunks before the end, in little memory."""
    server = servers[0]
    regions(server)
    before = high_water(server)
    for path in ("/processes/echo/execution", "/processes/estimate-region/execution", "/collections/toy-100m/items"):
        first, _ = talk(server, path, iter([f"Content-Length: {1 << 30}\r\n\r\n".encode()]))
        assert first.startswith(b"HTTP/1.1 413"), (path, first)
    chunk = b"100000\r\n" + b"[" * MIB + b"\r\n"
    endless = iter([b"Transfer-Encoding: chunked\r\n\r\n", *(chunk for _ in range(100))])
    first, sent = talk(server, "/processes/echo/execution", endless)
    assert not first or first.startswith(b"HTTP/1.1 413")  # nothing where the connection was cut while it was sending
    assert sent < 100 * MIB
    assert high_water(server) <= before + 32 * MIB
    assert httpx.get(f"{server.url}/healthz", timeout=PATIENCE).status_code == 200


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path_factory.mktemp("none")), "http://x.example"))) as opened:
        yield opened


WORDS = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(
    ["<>&\"'", "한글 \u2028\u2029 😀", "\0\x1f"]
)


@given(WORDS, st.dictionaries(WORDS, WORDS, max_size=3))
def test_every_text_comes_back_as_it_was(client: TestClient, text: str, inner: dict[str, str]) -> None:
    request = {"inputs": {"text": text, "object": {"value": inner}}, "response": "document"}
    answer = client.post("/processes/echo/execution", json=request)
    assert answer.json() == {"text": text, "object": inner}
    raw = client.post("/processes/echo/execution", json=request | {"response": "raw", "outputs": {"text": {}}})
    assert raw.content == text.encode()


def test_every_promise_has_the_test_it_names() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.+?) \|$", (ROOT / "docs" / "promises.md").read_text(), re.M)
    assert [int(number) for number, _ in rows] == [*range(1, 14), 15]
    for number, names in rows:
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", names)
        assert named, number
        for file, test in named:
            assert f"def {test}(" in (ROOT / file).read_text(), (number, file, test)
