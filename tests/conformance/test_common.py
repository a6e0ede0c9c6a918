# SPDX-License-Identifier: Apache-2.0
"""OGC API - Common, parts 1 and 2 (19-072, 20-024): one test a class."""

from typing import Any

from openapi_spec_validator import validate
from starlette.testclient import TestClient

from tests.api.conftest import URL

Json = dict[str, Any]
HTML = {"Accept": "text/html"}
RESOURCES = ("/", "/conformance", "/collections", "/collections/toy-100m", "/processes", "/tileMatrixSets", "/tiles")


def test_common_1_core(api: TestClient) -> None:
    """GET with declared parameters only, errors told, conformance at its path."""
    assert all(uri.startswith("http://www.opengis.net/spec/") for uri in api.get("/conformance").json()["conformsTo"])
    for path in RESOURCES:
        assert api.get(path).status_code == 200
        refused = api.get(path, params={"nonsense": "1"})
        assert refused.status_code == 400, path
        assert "nonsense" in refused.text
        assert api.get(path, headers={"Accept": "application/vnd.nothing"}).status_code == 406 or path == "/processes"
    assert api.get("/nowhere").status_code == 404


def test_common_1_landing_page(api: TestClient) -> None:
    page = api.get("/").json()
    rels = {link["rel"] for link in page["links"]}
    assert {"self", "alternate", "service-desc", "service-doc", "conformance", "data"} <= rels
    assert "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector" in rels
    assert page["title"]
    assert all(link["href"].startswith(URL) and link["type"] for link in page["links"])


def test_common_1_json(api: TestClient) -> None:
    for path in RESOURCES:
        assert api.get(path).headers["content-type"] == "application/json", path


def test_common_1_html(api: TestClient) -> None:
    for path in RESOURCES:
        answer = api.get(path, headers=HTML)
        assert answer.headers["content-type"].startswith("text/html"), path
        assert answer.text.lstrip().startswith("<!doctype html>"), path
        assert api.get(path, params={"f": "html"}).headers["content-type"] == answer.headers["content-type"]


def test_common_1_oas30(api: TestClient, document: Json) -> None:
    validate(api.get("/openapi").json())
    assert document["openapi"].startswith("3.0.")
    for path in ("/", "/conformance", "/collections", "/collections/toy-100m"):
        operation = document["paths"][path]["get"]
        assert {"200", "400", "500"} <= operation["responses"].keys()


def test_common_2_collections(api: TestClient) -> None:
    """The list and each collection say the same, with extent, links and CRS."""
    listed = api.get("/collections").json()
    assert {"self", "alternate"} <= {link["rel"] for link in listed["links"]}
    assert len(listed["collections"]) >= 3
    for collection in listed["collections"]:
        here = f"/collections/{collection['id']}"
        assert api.get(here).json() == collection
        links = {(link["rel"], link["type"]): link["href"] for link in collection["links"]}
        assert ("items", "application/geo+json") in links
        assert ("self", "application/json") in links
        west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
        assert -180 <= west < east <= 180
        assert -90 <= south < north <= 90
        assert all(link["type"] for link in collection["links"])
    assert api.get("/collections/nothing").status_code == 404
