# SPDX-License-Identifier: Apache-2.0
"""Callbacks: off by default, only to servers that the operator names, and never of any consequence for the job."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbongrid.errors import InvalidInput
from carbonstore.releases.catalogue import Catalogue
from processes.jobs.callbacks import Allowed, Callbacks, origin
from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.service import Service
from processes.web.routes import routes
from tests.jobs.test_engine import ended

URL = "http://test.example"


class Hearing(HTTPServer):
    """A server that keeps what it is sent; ``/moved`` sends its caller elsewhere."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.heard: list[tuple[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hearing

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((self.path, orjson.loads(body)))
        self.send_response(302 if self.path == "/moved" else 204)
        if self.path == "/moved":
            self.send_header("Location", "/trap")
        self.end_headers()

    do_GET = do_POST  # noqa: N815  # the name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hearing() -> Iterator[Hearing]:
    server = Hearing()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def submit(service: Service, subscriber: Any, text: str = "안녕", prefer: str = "respond-async") -> Any:
    body = {"inputs": {"text": text}, "outputs": {"text": {}}, "response": "document", "subscriber": subscriber}
    with TestClient(Starlette(routes=routes(Catalogue(service.data), URL, service=service))) as client:
        return client.post("/processes/echo/execution", json=body, headers={"Prefer": prefer})


def run(service: Service, job: str) -> str:
    """Work on what waits; afterwards every message has been sent."""
    stop = threading.Event()
    engine = Engine(service.journal, Site(service.data, URL), 1, Callbacks(service.callbacks))
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    status = ended(service.journal, job).status
    stop.set()
    thread.join()
    return status


def test_callbacks_are_off_by_default(tmp_path: Path) -> None:
    answer = submit(Service(tmp_path), {"successUri": "https://partner.example/done"})
    assert (answer.status_code, answer.json()["where"]) == (400, "/subscriber")
    assert Allowed.from_env({}) == Allowed()


def test_an_allowed_server_hears_of_progress_and_gets_the_results(tmp_path: Path, hearing: Hearing) -> None:
    service = Service(tmp_path, callbacks=Allowed.from_env({"CARBONGRID_CALLBACKS": hearing.url}))
    whom = {"successUri": f"{hearing.url}/done?of=me", "inProgressUri": f"{hearing.url}/moved"}
    job = submit(service, whom).json()["jobID"]
    assert run(service, job) == "successful"
    (first, info), (second, results) = hearing.heard
    assert (first, info["jobID"], info["status"]) == ("/moved", job, "running")
    assert (second, results) == ("/done?of=me", {"text": "안녕"})


def test_a_failing_job_tells_so(tmp_path: Path, hearing: Hearing) -> None:
    service = Service(tmp_path, callbacks=Allowed(frozenset({hearing.url})))
    subscriber = {"successUri": f"{hearing.url}/done", "failedUri": f"{hearing.url}/failed"}
    body = {"inputs": {"region": {"unit": "nowhere"}}, "subscriber": subscriber}
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path), URL, service=service))) as client:
        asked = client.post("/processes/estimate-region/execution", json=body, headers={"Prefer": "respond-async"})
    assert run(service, asked.json()["jobID"]) == "failed"
    assert [(path, told["status"]) for path, told in hearing.heard] == [("/failed", "failed")]


def test_a_server_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    gone = "http://127.0.0.1:9"
    service = Service(tmp_path, callbacks=Allowed(frozenset({gone})))
    assert run(service, submit(service, {"successUri": f"{gone}/done"}).json()["jobID"]) == "successful"


@pytest.mark.parametrize(
    ("subscriber", "where"),
    [
        ("x", "/subscriber"),
        ({}, "/subscriber"),
        ({"successUri": 1}, "/subscriber/successUri"),
        ({"successUri": "http://127.0.0.1:9/a", "url": "x"}, "/subscriber/url"),
        ({"successUri": "http://127.0.0.1/a"}, "/subscriber/successUri"),
        ({"successUri": "http://127.0.0.1:9@evil.example/a"}, "/subscriber/successUri"),
        ({"successUri": "http://127.0.0.1:9/a", "failedUri": "file:///etc/passwd"}, "/subscriber/failedUri"),
        ({"successUri": "http://127.0.0.1:9/a", "inProgressUri": "https://127.0.0.1:9"}, "/subscriber/inProgressUri"),
    ],
)
def test_other_servers_are_not_called(tmp_path: Path, subscriber: Any, where: str) -> None:
    service = Service(tmp_path, callbacks=Allowed(frozenset({"http://127.0.0.1:9"})))
    answer = submit(service, subscriber)
    assert (answer.status_code, answer.json()["where"]) == (400, where)


def test_only_jobs_tell(tmp_path: Path) -> None:
    service = Service(tmp_path, callbacks=Allowed(frozenset({"http://127.0.0.1:9"})))
    answer = submit(service, {"successUri": "http://127.0.0.1:9/a"}, prefer="respond-sync")
    assert (answer.status_code, answer.json()["where"]) == (400, "/subscriber")


def test_the_list_of_the_operator_is_checked() -> None:
    assert origin("https://A.example") == "https://a.example:443"
    for wrong in ("partner.example", "ftp://x", "https://x/path", "https://u@x"):
        with pytest.raises(InvalidInput):
            Allowed.from_env({"CARBONGRID_CALLBACKS": f"https://ok.example, {wrong}"})
