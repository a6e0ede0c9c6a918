# SPDX-License-Identifier: Apache-2.0
"""Other servers on the published tables: tipg and pygeoapi's own PostgreSQL provider answer what we answer."""

import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import shapely
from shapely.geometry import shape
from starlette.testclient import TestClient

from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.encode import geojson
from carbonstore.postgis import publish as postgis
from carbonstore.releases.catalogue import Catalogue
from tests import postgres
from tests.conftest import missing
from tests.store.publishing import publish_version

SCHEMA = f'["{postgis.SCHEMA}"]'


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Collection]]:
    """Address of a database that holds the toy city, and its cells of 100 m as we serve them."""
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS (postgresql-15-postgis-3)")
    root = tmp_path_factory.mktemp("maps")
    publish_version(root, 1)
    with postgres.cluster() as address:
        published = Catalogue(root).snapshot().inventory("toy")
        postgis.publish(published, address)
        yield address, published.collection(100)


def served(collection: Collection) -> dict[str, dict[str, Any]]:
    return {f["id"]: f for f in geojson.feature_dicts(cells.read(collection, CellQuery()))}


def test_tipg_serves_the_view(maps: tuple[str, Collection], monkeypatch: pytest.MonkeyPatch) -> None:
    address, collection = maps
    monkeypatch.setitem(os.environ, "DATABASE_URL", address)
    monkeypatch.setitem(os.environ, "TIPG_DB_SCHEMAS", SCHEMA)
    from tipg.main import app

    expected = served(collection)
    with TestClient(app) as client:
        answer = client.get("/collections/carbongrid.toy_100m/items?limit=1000&f=geojson")
        assert answer.status_code == 200, answer.text
        features = answer.json()["features"]
    assert {f["properties"]["id"] for f in features} == expected.keys()
    for feature in features:
        ours = expected[feature["properties"]["id"]]
        assert {k: feature["properties"][k] for k in ours["properties"]} == ours["properties"]
        theirs, mine = (shapely.get_coordinates(shape(f["geometry"]).normalize()) for f in (feature, ours))
        assert theirs == pytest.approx(mine, abs=1e-6)


def test_stock_pygeoapi_serves_the_history(maps: tuple[str, Collection]) -> None:
    from pygeoapi.provider.sql import PostgreSQLProvider

    address, collection = maps
    at = urlsplit(address)
    provider = PostgreSQLProvider(
        {
            "name": "PostgreSQL",
            "type": "feature",
            "data": {
                "host": at.hostname,
                "port": at.port,
                "dbname": "carbon",
                "user": at.username,
                "password": "",
                "search_path": [postgis.SCHEMA, "public"],
            },
            "id_field": "id",
            "table": "toy_100m_history",
            "geom_field": "geom",
        }
    )
    found = provider.query(limit=1000, properties=[("year", "2023")])
    expected = served(collection)
    assert {f["id"] for f in found["features"]} == expected.keys()
    for feature in found["features"]:
        assert feature["properties"]["net"] == expected[feature["id"]]["properties"]["net"]
