# SPDX-License-Identifier: Apache-2.0
"""OGC API - Processes over HTTP and through stock pygeoapi: descriptions, echo, exceptions, limits, no shared state."""

import email
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import orjson
import pytest
from pygeoapi.api import API, APIRequest
from pygeoapi.api import processes as stock
from pygeoapi.process.base import JobNotFoundError
from pygeoapi.process.manager.base import get_manager
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from carbonstore.releases.catalogue import Catalogue
from processes.base import Process
from processes.echo import ECHO
from processes.jobs.manager import CarbonManager, RefusedError
from processes.registry import PROCESSES
from processes.web import openapi
from processes.web.routes import routes

URL = "http://test.example/carbon"
TYPES = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"


class Plain:
    """Pages without a look."""

    headers: Mapping[str, str] = MappingProxyType({"Content-Security-Policy": "default-src 'self'"})

    def draw(self, request: Request, template: str, document: Mapping[str, object], language: str) -> bytes:
        return str(dict(document)).encode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = Starlette(routes=routes(Catalogue(tmp_path_factory.mktemp("empty")), URL, Plain()))
    with TestClient(app) as opened:
        yield opened


def execute(client: TestClient, inputs: object, **rest: object) -> Any:
    return client.post("/processes/echo/execution", content=orjson.dumps({"inputs": inputs, **rest}))


def document(client: TestClient, inputs: object, **rest: object) -> Any:
    answer = execute(client, inputs, response="document", **rest)
    assert answer.status_code == 200, answer.text
    return answer.json()


# What is offered


def test_list(client: TestClient) -> None:
    listed = client.get("/processes", params={"lang": "en"}).json()
    assert [p["id"] for p in listed["processes"]] == list(PROCESSES)
    assert listed["processes"][0]["title"] == "Echo"
    assert listed["processes"][0]["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]
    assert {link["rel"] for link in listed["links"]} == {"self", "alternate"}


def test_list_pages(client: TestClient) -> None:
    first = client.get("/processes", params={"limit": 1}).json()
    assert len(first["processes"]) == 1
    following = next(link["href"] for link in first["links"] if link["rel"] == "next")
    second = client.get(following.removeprefix(URL)).json()
    assert [p["id"] for p in first["processes"] + second["processes"]] == list(PROCESSES)[:2]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda p: p.id)
def test_description(client: TestClient, process: Process) -> None:
    answer = client.get(f"/processes/{process.id}", headers={"Accept-Language": "fr, en;q=0.8"})
    described = answer.json()
    assert answer.headers["content-language"] == "en"
    assert described["title"] == process.title["en"]
    assert set(described["inputs"]) == set(process.inputs)
    assert described["outputTransmission"] == ["value"]
    for put in [*described["inputs"].values(), *described["outputs"].values()]:
        jsonschema.Draft202012Validator.check_schema(put["schema"])
    execution = next(link for link in described["links"] if link["rel"].endswith("/execute"))
    assert execution["href"] == f"{URL}/processes/{process.id}/execution"


def test_html_is_drawn_from_the_same_documents(client: TestClient) -> None:
    drawn = client.get("/processes", params={"f": "html"})
    assert drawn.text == str(client.get("/processes").json())
    assert drawn.headers["content-security-policy"] == "default-src 'self'"
    held = drawn.headers["etag"]
    assert client.get("/processes", params={"f": "html"}, headers={"If-None-Match": held}).status_code == 304
    assert client.get("/processes/echo", headers={"Accept": "text/html"}).text.startswith("{'id': 'echo'")
    assert client.get(
        "/processes/echo", headers={"Accept": "text/html", "User-Agent": "x"}, params={"f": "json"}
    ).json()


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda p: p.id)
def test_openapi_request_schema_accepts_the_example(process: Process) -> None:
    schema = orjson.loads(
        orjson.dumps({**openapi.request_schema(process), "components": openapi.parts()["components"]})
    )
    jsonschema.validate(process.example, schema)
    process.accept(process.example)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**process.example, "inputs": {"nothing": 1}}, schema)


def test_openapi_refers_to_nothing_outside() -> None:
    for reference in orjson.dumps(openapi.parts()).decode().split('"$ref":"')[1:]:
        assert reference.partition('"')[0].removeprefix("#/components/schemas/") in openapi.schemas()


# echo


def test_echo_gives_every_kind_back(client: TestClient) -> None:
    given = {
        "text": "탄소 <b>&\"'\u2028😀</b>",
        "mixed": {"a": [1, None]},
        "number": -1.5,
        "count": 3,
        "array": [1, 2, 3],
        "bbox": {"bbox": [51.9, 7, 52, 7.1], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
        "object": {"nested": {"deep": True}},
        "image": "TU0AKg==",
    }
    assert document(client, given) == given


def test_echo_as_the_conformance_suite_sends_it(client: TestClient) -> None:
    """Every plain string is "teststring", object kinds are qualified values, all outputs are asked for by value."""
    outputs = {k: {"transmissionMode": "value"} for k in ECHO.outputs}
    inputs = {"text": "teststring", "mixed": {"value": "teststring"}, "image": "teststring"}
    raw = execute(client, inputs, outputs=outputs)
    assert raw.headers["content-type"].startswith("multipart/related")
    assert b"teststring" in raw.content
    assert document(client, inputs, outputs=outputs) == inputs | {"mixed": "teststring"}
    one = execute(client, {"text": "teststring"}, outputs={"text": outputs["text"]}, response="raw")
    assert (one.headers["content-type"], one.text) == ("text/plain; charset=utf-8", "teststring")
    wrong = execute(client, {"image": {"type": "wrong/type_1"}}, outputs=outputs)
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/json")
    assert client.post("/processes/echo/execution", content=b'{"invalid-execute-request":"true)"}').status_code == 400


def test_echo_returns_links_unread(client: TestClient) -> None:
    tiff = {"href": "https://raw.example.com/a.tif", "format": {"mediaType": "image/tiff; application=geotiff"}}
    assert document(client, {"image": tiff}) == {"image": tiff}


def test_echo_takes_qualified_base64(client: TestClient) -> None:
    media = "image/tiff; application=geotiff"
    image = {"value": "TU0AKg==", "format": {"mediaType": media, "encoding": "base64"}}
    answer = execute(client, {"image": image}, outputs={"image": {}})
    assert (answer.headers["content-type"], answer.content) == (media, b"MM\x00*")


def test_raw_outputs_are_parts(client: TestClient) -> None:
    answer = execute(client, {"text": "a", "array": [1]})
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    payload = email.message_from_bytes(head + answer.content).get_payload()
    parts = [(p["Content-ID"], p.get_payload(decode=True)) for p in payload if isinstance(p, Message)]
    assert parts == [("<text>", b"a"), ("<array>", b"[1]")]


def test_pause_delays_the_answer_and_is_bounded(client: TestClient) -> None:
    start = time.monotonic()
    assert document(client, {"text": "a", "pause": 0.2}) == {"text": "a"}
    assert time.monotonic() - start >= 0.2
    assert execute(client, {"text": "a", "pause": 61}).json()["allowed"] == ["0 to 60 s"]


def test_wait_alone_is_answered_in_the_request(client: TestClient) -> None:
    body = orjson.dumps({"inputs": {"text": "a"}, "response": "document"})
    answer = client.post("/processes/echo/execution", content=body, headers={"Prefer": "wait=5"})
    assert (answer.status_code, answer.json()) == (200, {"text": "a"})


# Exceptions


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/processes/nothing", 404, TYPES + "no-such-process"),
        ("POST", "/processes/nothing/execution", 404, TYPES + "no-such-process"),
        ("GET", "/jobs/nothing", 404, TYPES + "no-such-job"),
        ("DELETE", "/jobs/nothing", 404, TYPES + "no-such-job"),
        ("GET", "/jobs/nothing/results", 404, TYPES + "no-such-job"),
        ("GET", "/processes?limit=0", 400, "InvalidParameterValue"),
        ("GET", "/processes?limit=ten", 400, "InvalidParameterValue"),
        ("GET", "/processes?page=2", 400, "InvalidParameterValue"),
        ("GET", "/processes/echo?f=xml", 400, "InvalidParameterValue"),
        ("POST", "/processes/echo/execution?mode=sync", 400, "InvalidParameterValue"),
    ],
)
def test_exceptions_have_the_types_of_the_standard(
    client: TestClient, method: str, path: str, status: int, kind: str
) -> None:
    answer = client.request(method, path)
    body = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert (body["type"], body["status"]) == (kind, status)
    assert {"title", "detail"} < set(body)


def test_refusals_hold_place_and_allowed(client: TestClient) -> None:
    body = execute(client, {"array": [1, "2"]}).json()
    assert (body["status"], body["where"]) == (400, "/inputs/array/1")
    assert body["detail"] == "/inputs/array/1: an integer is expected, not the text '2'"
    assert execute(client, {"txt": "a"}).json()["allowed"] == sorted(ECHO.inputs)


@pytest.mark.parametrize("where", ["inputs", "value", "path", "query", "pointer"])
def test_refusals_do_not_repeat_long_input(client: TestClient, where: str) -> None:
    long = "x" * 50_000
    answer = {
        "inputs": lambda: execute(client, {long: 1}),
        "value": lambda: client.post(
            "/processes/estimate-region/execution", json={"inputs": {"region": {}, "mode": long}}
        ),
        "pointer": lambda: execute(client, {"bbox": {"bbox": [1, 2, 3, 4], long: 1}}),
        "path": lambda: client.get(f"/processes/{long}"),
        "query": lambda: client.get(f"/processes?{long}=1"),
    }[where]()
    assert answer.status_code in (400, 404)
    assert len(answer.content) < 1_500


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"null", b"5", b"{", b'{"inputs": NaN}', b'{"inputs": 5}', b'{"inputs": []}',
     b'{"inputs": {"number": 1e999}}', b"[" * 100_000, b'{"inputs": {}}', b'{"subscriber": "x"}', b"\xff\xfe",
     b'{"inputs": {"text": "a", "text": "b"}}'],
)  # fmt: skip
def test_hostile_bodies_are_bad_requests(client: TestClient, body: bytes) -> None:
    answer = client.post("/processes/echo/execution", content=body)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_large_bodies_are_refused_by_their_declared_and_by_their_real_size(client: TestClient) -> None:
    declared = client.post("/processes/echo/execution", content=b"x" * (ECHO.max_body + 1))
    assert (declared.status_code, declared.json()["type"]) == (413, "ContentTooLarge")

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 65536

    chunked = client.post("/processes/echo/execution", content=endless())
    assert chunked.status_code == 413


def test_the_unexpected_is_a_neutral_500(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(*_: object) -> None:
        raise RuntimeError("secret postgres://u:p@h")

    monkeypatch.setitem(PROCESSES, "echo", Process(**{**vars(ECHO), "run": leak}))
    answer = execute(client, {"text": "a"})
    assert (answer.status_code, answer.json()["type"]) == (500, "NoApplicableCode")
    assert "secret" not in answer.text


# Stock pygeoapi


@pytest.fixture
def manager(tmp_path: Path) -> CarbonManager:
    processors = {"echo": "processes.echo.EchoProcessor"}
    resources = {
        k: {"type": "process", "processor": {"name": name, "data": str(tmp_path)}} for k, name in processors.items()
    }
    config = {"server": {"manager": {"name": "processes.jobs.manager.CarbonManager"}}, "resources": resources}
    made = get_manager(config)
    assert isinstance(made, CarbonManager)
    return made


def test_manager_executes(manager: CarbonManager) -> None:
    _, media, value, status, headers = manager.execute_process("echo", {"text": "a"}, requested_response="document")
    assert (media, value, status.value) == ("application/json", {"text": "a"}, "successful")
    assert headers == {"Content-Type": "application/json"}
    _, media, value, _, _ = manager.execute_process("echo", {"text": "a"}, requested_outputs={"text": {}})
    assert (media, value) == ("text/plain; charset=utf-8", "a")


def test_manager_refuses_in_pygeoapi_terms(manager: CarbonManager) -> None:
    with pytest.raises(RefusedError) as refused:
        manager.execute_process("echo", {"count": 1.5})
    assert (refused.value.http_status_code, refused.value.ogc_exception_code) == (400, "InvalidParameterValue")
    assert refused.value.message == "/inputs/count: an integer is expected, not the number 1.5"
    with pytest.raises(RefusedError) as refused:
        manager.execute_process("nothing", {})
    assert refused.value.ogc_exception_code == TYPES + "no-such-process"
    with pytest.raises(RefusedError):
        manager.execute_process("echo", {"number": float("nan")})


def test_manager_keeps_no_jobs(manager: CarbonManager) -> None:
    assert manager.get_jobs() == {"jobs": [], "numberMatched": 0}
    for call in (manager.get_job, manager.get_job_result, manager.delete_job):
        with pytest.raises(JobNotFoundError):
            call("any")


def test_manager_has_no_shared_state(manager: CarbonManager) -> None:
    before = dict(vars(manager))
    manager.execute_process("echo", {"text": "a"})
    assert vars(manager) == before


def test_stock_pygeoapi_describes_and_executes(tmp_path: Path) -> None:
    """The handlers of ``pygeoapi serve`` over our manager and processors, without any of our routes."""
    processor = {"name": "processes.echo.EchoProcessor", "data": str(tmp_path)}
    config = {
        "server": {"url": URL, "languages": ["ko-KR", "en-US"], "map": {"url": "", "attribution": ""}, "limits": {}}
        | {"mimetype": "application/json", "encoding": "utf-8", "bind": {"host": "", "port": 0}}
        | {"manager": {"name": "processes.jobs.manager.CarbonManager"}},
        "logging": {"level": "CRITICAL"},
        "metadata": {"identification": {"title": "", "description": ""}, "license": {}, "provider": {}},
        "resources": {"echo": {"type": "process", "processor": processor}},
    }
    api = API(config, {})

    def handled(handler: Callable[..., Any]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            asked = await APIRequest.from_starlette(request, api.locales)
            headers, status, content = handler(api, asked, *request.path_params.values())
            return Response(content, status, headers)

        return endpoint

    describe, perform = handled(stock.describe_processes), handled(stock.execute_process)
    paths = [Route("/p", describe), Route("/p/{id}", describe), Route("/p/{id}/x", perform, methods=["POST"])]
    client = TestClient(Starlette(routes=paths))
    assert client.get("/p?f=json&lang=ko").json()["processes"][0]["title"] == "되돌리기"
    described = client.get("/p/echo?f=json&lang=en").json()
    assert described["inputs"] == orjson.loads(orjson.dumps(ECHO.describe("en")))["inputs"]
    answer = client.post("/p/echo/x", json={"inputs": {"array": [1, 2]}, "response": "document"})
    assert (answer.status_code, answer.json()) == (200, {"array": [1, 2]})
    wrong = client.post("/p/echo/x", json={"inputs": {"array": "1"}})
    assert (wrong.status_code, wrong.json()["type"]) == (400, "InvalidParameterValue")


def test_eight_threads_get_their_own_answers(manager: CarbonManager) -> None:
    def ask(i: int) -> object:
        made = manager.execute_process("echo", {"count": i, "pause": i % 3 / 500}, requested_response="document")
        return made[2]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(400))) == [{"count": i} for i in range(400)]
