# SPDX-License-Identifier: Apache-2.0
"""What is of the moment is not kept by caches, and odd ids meet our own errors."""

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize("path", ["/jobs", "/jobs/x", "/processes/nope", "/collections/toy-100m/items/a/b"])
def test_jobs_and_errors_are_not_stored(api: TestClient, path: str) -> None:
    assert api.get(path).headers["Cache-Control"] == "no-store"


def test_an_id_with_a_slash_is_no_record(api: TestClient) -> None:
    got = api.get("/collections/toy-100m/items/a/b")
    assert got.status_code == 404
    assert got.json()["where"] == "featureId"
    assert "X-Powered-By" not in got.headers
