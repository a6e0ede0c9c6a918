# SPDX-License-Identifier: Apache-2.0
"""The API's document: valid and whole without a network, current, and true of the running server."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from carbonserver.config import ENVIRONMENT, pygeoapi_config
from carbonserver.settings import DEFAULT_ITEMS, MAX_ITEMS
from carbonstore.releases.catalogue import Catalogue
from openapi import generate, sejong
from tests.toy import toy_cell, toy_store

Json = dict[str, Any]
VALUES = {
    "styleId": "total",
    "featureId": f"{toy_cell(0, 0)}.2023",
    "tileMatrixSetId": "WebMercatorQuad",
    "tileMatrix": "0",
    "tileRow": "0",
    "tileCol": "0",
    "jobId": "none",
    "outputId": "none",
}


@pytest.fixture(scope="module")
def document(api: TestClient) -> Json:
    return dict(api.get("/openapi").json())


def nodes(part: Any) -> Iterator[Json]:
    """Every object inside a document."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from nodes(value)
    elif isinstance(part, list):
        for value in part:
            yield from nodes(value)


def resolved(document: Json, part: Json) -> Json:
    while "$ref" in part:
        at: Any = document
        for key in part["$ref"].removeprefix("#/").split("/"):
            at = at[key]
        part = at
    return part


def parameters(document: Json, operation: Json) -> dict[str, Json]:
    found = [resolved(document, p) for p in operation["parameters"]]
    return {p["name"]: p for p in found}


def test_the_document_is_valid_without_a_network(document: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "create_connection", refuse)
    validate(document)
    assert re.fullmatch(r"3\.0\.\d+", document["openapi"])


def test_nothing_is_remote_and_every_reference_leads_somewhere(document: Json) -> None:
    references = [n["$ref"] for n in nodes(document) if isinstance(n.get("$ref"), str)]
    assert len(references) > 100
    for reference in references:
        assert reference.startswith("#/components/")
        assert resolved(document, {"$ref": reference})


def test_the_validator_would_see_a_fault(document: Json) -> None:
    broken = json.loads(json.dumps(document))
    broken["paths"]["/collections"]["get"].pop("responses")
    with pytest.raises(Exception, match="responses"):
        validate(broken)


def test_no_parameter_takes_anything(document: Json) -> None:
    """CITE skips its unknown-parameter test where a free-form object is declared."""
    for part in nodes(document):
        if part.get("in") == "query":
            schema = part["schema"]
            assert schema.get("type") != "object"
            assert "additionalProperties" not in schema


def test_operations_have_ids_of_their_own(document: Json) -> None:
    ids = [o["operationId"] for p in document["paths"].values() for o in p.values()]
    assert len(ids) == len(set(ids))
    assert any(".collection.vector.getTile" in i for i in ids)
    assert "dataset.dataset.vector.getTile" in ids


def test_every_items_path_declares_what_cite_looks_for(document: Json) -> None:
    paths = [p for p in document["paths"] if p.endswith("/items")]
    assert len(paths) == 18
    for path in paths:
        declared = parameters(document, document["paths"][path]["get"])
        assert {"limit", "bbox", "datetime", "edition", "cursor", "crs", "bbox-crs", "year", "f"} <= declared.keys()
        for name in ("limit", "bbox", "datetime"):
            definition = declared[name]
            assert (definition["in"], definition["required"], definition["style"]) == ("query", False, "form")
            assert definition["explode"] is False
        limit = declared["limit"]["schema"]
        assert (limit["type"], limit["minimum"]) == ("integer", 1)
        assert (limit["maximum"], limit["default"]) == (MAX_ITEMS, DEFAULT_ITEMS)
        assert MAX_ITEMS >= 10_000
        box = declared["bbox"]["schema"]
        assert (box["type"], box["minItems"], box["maxItems"], box["items"]) == ("array", 4, 6, {"type": "number"})
        assert declared["datetime"]["schema"] == {"type": "string"}


def test_every_path_answers_as_declared(api: TestClient, document: Json) -> None:
    """Each GET with its path parameters filled in gives a declared status and media type."""
    for template, operations in document["paths"].items():
        if "get" not in operations or "history/tiles" in template:
            continue
        values = VALUES | ({"tileMatrixSetId": "WorldCRS84Quad"} if "/tiles/" in template else {})
        path = re.sub(r"{(\w+)}", lambda m, v=values: v[m[1]], template)
        answer = api.get(path)
        responses = operations["get"]["responses"]
        assert str(answer.status_code) in responses, path
        content = resolved(document, responses[str(answer.status_code)]).get("content", {})
        media = answer.headers["content-type"].partition(";")[0]
        assert media in {m.partition(";")[0] for m in content}, path


def test_declared_query_parameters_are_accepted(api: TestClient, document: Json) -> None:
    """Every parameter of items is known to the server: its name is never what is refused."""
    declared = parameters(document, document["paths"]["/collections/toy-100m/items"]["get"])
    assert len(declared) > 30
    for name, definition in declared.items():
        schema = definition["schema"]
        value = schema.get("default", schema.get("enum", ["1"])[0])
        answer = api.get("/collections/toy-100m/items", params={name: str(value).replace("True", "true")})
        assert "unknown parameter" not in answer.text, name


def test_the_document_names_this_server(document: Json) -> None:
    assert document["servers"] == [{"url": "http://carbon.example"}]


# -- the committed documents -----------------------------------------------------------------------------------------


def test_committed_documents_are_current() -> None:
    assert generate.stale() == [], "run `make openapi`"


def test_the_committed_document_is_valid_and_has_a_fixed_address() -> None:
    folder = Path(generate.__file__).parent
    document = json.loads((folder / "openapi.json").read_text())
    validate(document)
    assert document["servers"] == [{"url": "http://localhost:5000"}]
    assert {"/collections/sejong-100m/items", "/processes/estimate-region/execution"} <= document["paths"].keys()
    assert yaml.safe_load((folder / "openapi.yml").read_text()) == document


def test_writing_twice_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBONGRID_URL", "http://elsewhere.example")
    assert generate.documents() == generate.documents()
    assert "elsewhere" not in "".join(generate.documents().values())


def test_check_names_what_is_out_of_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    monkeypatch.setattr(generate.stale, "__defaults__", (tmp_path,))
    (tmp_path / "openapi").mkdir()
    checked = CliRunner().invoke(generate.main, ["--check"])
    assert checked.exit_code == 1
    assert "out of date: openapi/openapi.json" in checked.output
    assert CliRunner().invoke(generate.main).exit_code == 0
    assert CliRunner().invoke(generate.main, ["--check"]).exit_code == 0


def test_an_excerpt_of_manifests_describes_the_collections(tmp_path: Path) -> None:
    """What `--describe` keeps of a published inventory makes the same metadata as the inventory itself."""
    toy_store(tmp_path, id=sejong.INVENTORY)
    published = list(Catalogue(tmp_path).snapshot().collections.values())
    planned = sejong.collections(sejong.described(tmp_path))
    assert pygeoapi_config(planned, ENVIRONMENT) == pygeoapi_config(published, ENVIRONMENT)
