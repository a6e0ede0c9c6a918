# SPDX-License-Identifier: Apache-2.0
"""The whole server over two toy cities: ``toy`` (EPSG:5179, 2022 and 2023, synthetic) and ``steppe`` (32642, 2024)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from carbonserver.app import create_app
from carbonserver.settings import Settings
from tests.toy import toy_store

URL = "http://carbon.example"


@pytest.fixture(scope="session")
def cities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data folder; nothing changes it."""
    root = tmp_path_factory.mktemp("cities")
    toy_store(root)
    toy_store(root, (2024,), id="steppe", epsg=32642, synthetic=False)
    return root


@pytest.fixture(scope="session")
def api(cities: Path) -> Iterator[TestClient]:
    """A client of the server over the two cities."""
    with TestClient(create_app(Settings(cities, URL)), base_url=URL, follow_redirects=False) as client:
        yield client
