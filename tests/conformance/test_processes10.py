# SPDX-License-Identifier: Apache-2.0
"""OGC API - Processes, part 1 (18-062r2): one test a class that is declared."""

from typing import Any

from starlette.testclient import TestClient

Json = dict[str, Any]
EXCEPTION = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0"


def test_processes_1_core(api: TestClient) -> None:
    """List, description, execution; unknown things with the exceptions of the standard."""
    listed = api.get("/processes").json()
    assert {"echo", "estimate-region"} <= {p["id"] for p in listed["processes"]}
    for process in listed["processes"]:
        about = api.get(f"/processes/{process['id']}").json()
        assert about["version"] == process["version"]
        assert "http://www.opengis.net/def/rel/ogc/1.0/execute" in {link["rel"] for link in about["links"]}
    asked = {"inputs": {"text": "teststring"}, "outputs": {"text": {}}, "response": "document"}
    assert api.post("/processes/echo/execution", json=asked).json() == {"text": "teststring"}
    unknown = api.post("/processes/nothing/execution", json={})
    assert (unknown.status_code, unknown.json()["type"]) == (404, f"{EXCEPTION}/no-such-process")
    for path in ("/jobs/nothing", "/jobs/nothing/results"):
        lost = api.get(path)
        assert (lost.status_code, lost.json()["type"]) == (404, f"{EXCEPTION}/no-such-job")


def test_processes_1_ogc_process_description(api: TestClient) -> None:
    for process in api.get("/processes").json()["processes"]:
        about = api.get(f"/processes/{process['id']}").json()
        for kind in ("inputs", "outputs"):
            assert about[kind]
            assert all(one["schema"] and one["title"] for one in about[kind].values())
        assert about["jobControlOptions"]


def test_processes_1_json(api: TestClient) -> None:
    for path in ("/processes", "/processes/echo"):
        assert api.get(path).headers["content-type"] == "application/json"
    wrong = api.post("/processes/echo/execution", json={"inputs": {"nothing": 1}})
    assert (wrong.status_code, wrong.headers["content-type"]) == (400, "application/json")


def test_processes_1_html(api: TestClient) -> None:
    for path in ("/processes", "/processes/echo", "/jobs"):
        answer = api.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith("text/html"), path
    assert "estimate-region" in api.get("/processes?f=html").text


def test_processes_1_oas30(document: Json) -> None:
    for name in ("echo", "estimate-region"):
        operation = document["paths"][f"/processes/{name}/execution"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert {"inputs", "outputs", "response"} <= schema["properties"].keys()
        assert {"200", "400", "404"} <= operation["responses"].keys()


def test_processes_1_dismiss(api: TestClient) -> None:
    """A job that is dismissed says so, has no results any more, and a second time is told the same; others are not."""
    asked = {"inputs": {"text": "teststring"}, "outputs": {"text": {}}, "response": "document"}
    accepted = api.post("/processes/echo/execution", json=asked, headers={"Prefer": "respond-async"})
    assert accepted.status_code == 201
    here = accepted.headers["location"].removeprefix(str(api.base_url))
    answer = api.delete(here)
    assert (answer.status_code, answer.json()["status"]) == (200, "dismissed")
    assert api.get(here).json()["status"] == "dismissed"
    assert api.get(f"{here}/results").status_code == 410
    lost = api.delete("/jobs/nothing")
    assert (lost.status_code, lost.json()["type"]) == (404, f"{EXCEPTION}/no-such-job")
