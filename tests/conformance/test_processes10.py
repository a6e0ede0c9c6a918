# SPDX-License-Identifier: Apache-2.0
"""OGC API - Processes, part 1 (18-062r2): one test a class that is declared.

``echo`` is asked with every kind of input that CITE's ets-ogcapi-processes10 sends; nothing is skipped for want of one.
"""

import base64
import email
import threading
import time
from collections.abc import Iterator
from email.message import Message
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from carbonserver.app import create_app
from carbonserver.settings import Settings
from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.journal import Journal
from tests.api.conftest import URL
from tests.toy import toy_store

Json = dict[str, Any]
EXCEPTION = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"
RELATION = "http://www.opengis.net/def/rel/ogc/1.0"
ASYNC = {"Prefer": "respond-async"}
TEXT = "teststring"
TIFF = base64.b64encode(b"II*\0" + bytes(60)).decode()
GIVEN: Json = {
    "text": TEXT,
    "mixed": {"value": TEXT},
    "number": 1.5,
    "count": 3,
    "array": [1, 2, 3],
    "bbox": {"bbox": [51.9, 7, 52, 7.1], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"},
    "object": {"value": {"value": TEXT}},
    "image": {"value": TIFF, "mediaType": "image/tiff; application=geotiff"},
}
BACK = GIVEN | {"mixed": TEXT, "object": {"value": TEXT}, "image": TIFF}
"""What comes back: a qualified value without its qualification."""


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server that lists anonymous jobs, with a worker."""
    data = tmp_path_factory.mktemp("public")
    toy_store(data, (2023,))
    stop = threading.Event()
    worker = threading.Thread(target=Engine(Journal.open(data), Site(data, URL), 2).run, args=(stop,))
    worker.start()
    with TestClient(create_app(Settings(data, URL, jobs="public")), base_url=URL, follow_redirects=False) as client:
        yield client
    stop.set()
    worker.join()


def run(client: TestClient, inputs: Json, headers: Json | None = None, **rest: Any) -> Any:
    return client.post("/processes/echo/execution", json={"inputs": inputs, **rest}, headers=headers)


def ended(client: TestClient, accepted: Any) -> Json:
    """Status of a job once it is over."""
    assert accepted.status_code == 201, accepted.text
    deadline = time.monotonic() + 120
    while (info := client.get(accepted.headers["location"]).json())["status"] in ("accepted", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return dict(info)


def parts(answer: Any) -> dict[str, Message]:
    raw = b"Content-Type: " + answer.headers["content-type"].encode() + b"\r\n\r\n" + answer.content
    payload = email.message_from_bytes(raw).get_payload()
    assert isinstance(payload, list)
    return {str(part["Content-ID"]).strip("<>"): part for part in payload if isinstance(part, Message)}


def test_processes_1_core(public: TestClient) -> None:
    """List, description, execution now and as a job, raw and document, by value and by reference, all exceptions."""
    listed = public.get("/processes?limit=1").json()
    assert len(listed["processes"]) == 1
    assert "next" in {link["rel"] for link in listed["links"]}
    listed = public.get("/processes").json()
    assert {"echo", "estimate-region"} <= {p["id"] for p in listed["processes"]}
    for process in listed["processes"]:
        about = public.get(f"/processes/{process['id']}").json()
        assert about["version"] == process["version"]
        assert f"{RELATION}/execute" in {link["rel"] for link in about["links"]}
    landing = {link["rel"] for link in public.get("/?f=json").json()["links"]}
    assert {f"{RELATION}/processes", f"{RELATION}/job-list"} <= landing


@pytest.mark.parametrize("kind", GIVEN)
def test_every_kind_of_input_comes_back(public: TestClient, kind: str) -> None:
    given = {kind: GIVEN[kind]}
    answer = run(public, given, response="document", outputs={kind: {"transmissionMode": "value"}})
    assert (answer.status_code, answer.json()) == (200, {kind: BACK[kind]})
    accepted = run(public, given, ASYNC, response="document", outputs={kind: {"transmissionMode": "value"}})
    assert ended(public, accepted)["status"] == "successful"
    assert public.get(f"{accepted.headers['location']}/results").json() == {kind: BACK[kind]}


def test_values_by_reference_come_back_unread(public: TestClient) -> None:
    link = {"href": "https://example.invalid/testgeotiff.tiff", "type": "image/tiff; application=geotiff"}
    assert run(public, {"image": link}, response="document", outputs={"image": {}}).json() == {"image": link}


def test_raw_and_document_and_the_default_of_all_outputs(public: TestClient) -> None:
    one = run(public, {"text": TEXT}, response="raw", outputs={"text": {}})
    assert (one.text, one.headers["content-type"]) == (TEXT, "text/plain; charset=utf-8")
    two = parts(run(public, {"text": TEXT, "object": {"value": {"a": 1}}}, response="raw"))
    assert two.keys() == {"text", "object"}
    assert two["text"].get_payload(decode=True) == TEXT.encode()
    assert run(public, GIVEN, response="document").json() == BACK
    again = ended(public, accepted := run(public, GIVEN, ASYNC))
    assert again["status"] == "successful"
    results = public.get(f"{accepted.headers['location']}/results")
    assert results.headers["content-type"].startswith("multipart/related")
    assert parts(results).keys() == BACK.keys()


def test_what_is_not_there_is_refused_by_the_standards_own_exceptions(public: TestClient) -> None:
    unknown = public.post("/processes/nothing/execution", json={})
    assert (unknown.status_code, unknown.json()["type"]) == (404, f"{EXCEPTION}/no-such-process")
    for path in ("/jobs/nothing", "/jobs/nothing/results"):
        lost = public.get(path)
        assert (lost.status_code, lost.json()["type"]) == (404, f"{EXCEPTION}/no-such-job")
    slow = run(public, {"text": TEXT, "pause": 20}, ASYNC).headers["location"]
    early = public.get(f"{slow}/results")
    assert (early.status_code, early.json()["type"]) == (404, f"{EXCEPTION}/result-not-ready")
    assert public.delete(slow).status_code == 200
    wrong = run(public, {"image": {"value": TIFF, "mediaType": "wrong/type"}})
    assert (wrong.status_code, wrong.json()["where"]) == (400, "/inputs/image/mediaType")


def test_what_takes_too_long_to_wait_for_must_be_a_job(public: TestClient) -> None:
    refused = run(public, {"text": TEXT, "pause": 60})
    assert (refused.status_code, refused.json()["allowed"]) == (413, ["respond-async"])
    assert "Prefer: respond-async" in refused.json()["detail"]
    accepted = run(public, {"text": TEXT, "pause": 60}, ASYNC)
    assert accepted.status_code == 201
    assert public.delete(accepted.headers["location"]).status_code == 200


def test_a_wait_is_honoured_and_said_so(public: TestClient) -> None:
    waited = run(public, {"text": TEXT}, {"Prefer": "respond-async, wait=25"}, response="document")
    assert (waited.status_code, waited.json()) == (200, {"text": TEXT})
    assert waited.headers["preference-applied"] == "wait=25"


def test_processes_1_ogc_process_description(public: TestClient) -> None:
    for process in public.get("/processes").json()["processes"]:
        about = public.get(f"/processes/{process['id']}").json()
        for kind in ("inputs", "outputs"):
            assert about[kind]
            assert all(one["schema"] and one["title"] for one in about[kind].values())
        assert {"sync-execute", "async-execute", "dismiss"} == set(about["jobControlOptions"])
    schemas = {k: i["schema"] for k, i in public.get("/processes/echo").json()["inputs"].items()}
    assert schemas["bbox"]["allOf"][0] == {"format": "ogc-bbox"}
    assert [one["type"] for one in schemas["mixed"]["oneOf"]] == ["string", "object"]
    assert (schemas["array"]["items"]["type"], schemas["image"]["contentEncoding"]) == ("integer", "binary")


def test_processes_1_json(public: TestClient) -> None:
    for path in ("/processes", "/processes/echo", "/jobs"):
        assert public.get(path).headers["content-type"] == "application/json"
    wrong = run(public, {"nothing": 1})
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/json")


def test_processes_1_html(public: TestClient) -> None:
    job = ended(public, run(public, {"text": "안녕 <b>"}, ASYNC, response="document"))["jobID"]
    shown = {"/processes": "estimate-region", "/processes/echo": "<form", "/jobs": job, f"/jobs/{job}": "100 %"}
    for path, words in (shown | {f"/jobs/{job}/results": "안녕 &lt;b&gt;"}).items():
        answer = public.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith("text/html"), path
        assert words in answer.text, path


def test_processes_1_oas30(public: TestClient, document: Json) -> None:
    """The document describes the requests, and what is answered is as it says."""
    for name in ("echo", "estimate-region"):
        operation = document["paths"][f"/processes/{name}/execution"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert {"inputs", "outputs", "response"} <= schema["properties"].keys()
        assert {"200", "201", "400", "404", "413"} <= operation["responses"].keys()
    accepted = run(public, {"text": TEXT}, ASYNC)
    info = document["paths"]["/jobs/{jobId}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    listed = document["paths"]["/jobs"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert info["required"] == ["jobID", "status", "type"]
    for answer, schema in (
        (accepted.json(), info),
        (ended(public, accepted), info),
        (public.get("/jobs").json(), listed | {"definitions": {}}),
    ):
        jsonschema.validate(answer, _closed(document, schema))


def _closed(document: Json, schema: Json) -> Json:
    """The schema with the components its inner references lead to."""
    return {**schema, "components": document["components"]}


def test_processes_1_job_list(public: TestClient, api: TestClient) -> None:
    """Without credentials: the anonymous jobs, with links; a private server declares no list and has none."""
    uri = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/job-list"
    assert uri in public.get("/conformance").json()["conformsTo"]
    accepted = run(public, {"text": TEXT}, ASYNC).json()["jobID"]
    mine = run(public, {"text": TEXT}, ASYNC | {"Authorization": "Bearer a-secret-of-my-own"}).json()["jobID"]
    answer = public.get("/jobs")
    assert answer.status_code == 200
    assert {"jobs", "links"} <= answer.json().keys()
    ids = [job["jobID"] for job in answer.json()["jobs"]]
    assert accepted in ids
    assert mine not in ids, "a token's jobs are its own, also where lists are public"
    assert all({"jobID", "status", "type"} <= job.keys() for job in answer.json()["jobs"])
    first = public.get("/jobs?limit=1").json()
    assert len(first["jobs"]) == 1
    assert [link["rel"] for link in first["links"]] == ["self", "next"]
    assert uri not in api.get("/conformance").json()["conformsTo"]
    assert api.get("/jobs").status_code == 401
    assert api.get("/jobs?f=html").status_code == 401


def test_processes_1_dismiss(public: TestClient) -> None:
    """A job that is dismissed says so, has no results any more, and a second time is told the same; others are not."""
    accepted = run(public, {"text": TEXT, "pause": 30}, ASYNC)
    here = accepted.headers["location"]
    for _ in range(2):
        answer = public.delete(here)
        assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    assert public.get(here).json()["status"] == "dismissed"
    assert public.get(f"{here}/results").status_code == 410
    lost = public.delete("/jobs/nothing")
    assert (lost.status_code, lost.json()["type"]) == (404, f"{EXCEPTION}/no-such-job")
