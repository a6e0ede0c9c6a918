# SPDX-License-Identifier: Apache-2.0
"""Jobs over HTTP: accepted, watched, finished by a worker, private to their token, bounded, dismissed."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.releases.catalogue import Catalogue
from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.job import Limits
from processes.jobs.service import Service
from processes.web.routes import routes

URL = "http://test.example"
ALICE, BOB = ({"Authorization": f"Bearer {name}-chose-this-secret"} for name in ("alice", "bob"))
TYPES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path, limits=Limits(queue=6, queue_own=4))


@pytest.fixture
def client(tmp_path: Path, service: Service) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path), URL, service=service))) as opened:
        yield opened


@pytest.fixture
def worker(tmp_path: Path, service: Service) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Engine(service.journal, Site(tmp_path), 2).run, args=(stop,))
    thread.start()
    yield
    stop.set()
    thread.join()


def submit(client: TestClient, text: str = "안녕 <&>", prefer: str = "respond-async", **headers: str) -> Any:
    body = {"inputs": {"text": text}, "outputs": {"text": {}}, "response": "document"}
    return client.post("/processes/echo/execution", json=body, headers={"Prefer": prefer} | headers)


def place(answer: Any) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"]).removeprefix(URL)


def test_a_job_is_accepted_run_and_answered(client: TestClient, worker: None) -> None:
    accepted = submit(client)
    assert accepted.headers["preference-applied"] == "respond-async"
    assert accepted.json().items() >= {"processID": "echo", "type": "process", "status": "accepted"}.items()
    here = place(accepted)
    while (info := client.get(here).json())["status"] in ("accepted", "running"):
        pass
    assert (info["status"], info["progress"]) == ("successful", 100)
    (results,) = [link["href"] for link in info["links"] if link["rel"].endswith("/results")]
    assert client.get(results.removeprefix(URL)).json() == {"text": "안녕 <&>"}
    waited = submit(client, "b", "respond-async, wait=30")
    assert (waited.status_code, waited.json()) == (200, {"text": "b"})
    assert waited.headers["preference-applied"] == "wait=30"


def test_results_are_not_ready_and_then_gone(client: TestClient) -> None:
    here = place(submit(client))
    early = client.get(f"{here}/results")
    assert (early.status_code, early.json()["type"]) == (404, TYPES + "result-not-ready")
    assert client.delete(here).json()["status"] == "dismissed"
    assert client.get(here).json()["status"] == "dismissed"
    assert client.get(f"{here}/results").status_code == 410


def test_wrong_requests_are_refused_before_they_are_accepted(client: TestClient) -> None:
    body = {"inputs": {"count": "1"}}
    answer = client.post("/processes/echo/execution", json=body, headers={"Prefer": "respond-async"})
    assert (answer.status_code, answer.json()["where"]) == (400, "/inputs/count")


def test_one_token_never_sees_anothers_jobs(client: TestClient) -> None:
    here = place(submit(client, **ALICE))
    for headers in ({}, BOB):
        answers = [client.get(here, headers=headers), client.delete(here, headers=headers)]
        answers.append(client.get(f"{here}/results", headers=headers))
        assert [(a.status_code, a.json()["type"]) for a in answers] == [(404, TYPES + "no-such-job")] * 3
    assert client.get(here, headers=ALICE).json()["status"] == "accepted"
    assert place(submit(client, **ALICE)) == here
    assert [len(client.get("/jobs", headers=h).json()["jobs"]) for h in (ALICE, BOB)] == [1, 0]


def test_the_list_needs_a_token(client: TestClient) -> None:
    answer = client.get("/jobs")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert client.get("/jobs", headers={"Authorization": "Bearer short"}).status_code == 400


def test_a_full_queue_says_when_to_come_back(client: TestClient) -> None:
    own = [submit(client, str(n), **ALICE) for n in range(5)]
    assert [a.status_code for a in own] == [201] * 4 + [429]
    others = [submit(client, str(n)) for n in range(3)]
    assert [a.status_code for a in others] == [201, 201, 429]
    assert others[-1].headers["retry-after"] == "10"


def test_lists_have_pages_and_filters(client: TestClient) -> None:
    for n in range(3):
        submit(client, str(n), **ALICE)
    first = client.get("/jobs?limit=2", headers=ALICE).json()
    following = next(link["href"] for link in first["links"] if link["rel"] == "next").removeprefix(URL)
    assert [len(first["jobs"]), len(client.get(following, headers=ALICE).json()["jobs"])] == [2, 1]
    assert client.get("/jobs?status=failed", headers=ALICE).json()["jobs"] == []
    assert client.get("/jobs?status=lost", headers=ALICE).status_code == 400
