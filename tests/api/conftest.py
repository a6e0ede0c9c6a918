# SPDX-License-Identifier: Apache-2.0
"""The whole server over two toy cities: ``toy`` (EPSG:5179, 2022 and 2023, synthetic) and ``steppe`` (32642, 2024)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from babel import Locale
from pygeoapi.api import API, APIRequest, itemtypes
from starlette.testclient import TestClient

from carbonserver.app import create_app
from carbonserver.config import Place, pygeoapi_config
from carbonserver.settings import Settings
from carbonstore.releases.catalogue import Catalogue
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


@pytest.fixture(scope="session")
def stock(cities: Path) -> Callable[..., tuple[int, dict[str, str], Any]]:
    """Stock pygeoapi's items over the same folder: (status, headers, document) of a query or of one feature."""
    collections = Catalogue(cities).snapshot().collections.values()
    pygeoapi = API(pygeoapi_config(collections, Place(str(cities), URL)), {})

    def call(collection: str, feature: str | None = None, body: bytes = b"", **params: str) -> tuple[int, Any, Any]:
        target = httpx.URL("/", params=params)
        request = SimpleNamespace(headers={}, args=dict(target.params.multi_items()), path_info="/", data=body)
        asked = APIRequest.from_flask(request, [Locale("ko", "KR"), Locale("en", "US")])
        if feature is None:
            headers, status, answer = itemtypes.get_collection_items(pygeoapi, asked, collection)
        else:
            headers, status, answer = itemtypes.get_collection_item(pygeoapi, asked, collection, feature)
        return int(status), headers, json.loads(answer)

    return call
