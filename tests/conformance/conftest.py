# SPDX-License-Identifier: Apache-2.0
"""The server over the two toy cities, and its OpenAPI document with every reference filled in."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.api.conftest import api, cities

__all__ = ["api", "cities", "document"]


@pytest.fixture(scope="session")
def document(api: TestClient) -> dict[str, Any]:
    """The document found as CITE finds it: by the service-desc link of exactly this media type."""
    media = "application/vnd.oai.openapi+json;version=3.0"
    links = api.get("/").json()["links"]
    (href,) = [link["href"] for link in links if (link["rel"], link["type"]) == ("service-desc", media)]
    answer = api.get(href)
    assert answer.headers["content-type"] == media
    parsed = answer.json()
    filled: dict[str, Any] = _filled(parsed, parsed)
    return filled


def _filled(document: dict[str, Any], part: Any) -> Any:
    if isinstance(part, list):
        return [_filled(document, item) for item in part]
    if not isinstance(part, dict):
        return part
    if isinstance(part.get("$ref"), str):
        target: Any = document
        for key in part["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        return target if "schemas" in part["$ref"] else _filled(document, target)
    return {key: _filled(document, value) for key, value in part.items()}
