# SPDX-License-Identifier: Apache-2.0
"""A town that nobody built: its rows, sent to the server, give the grid that ``carbongrid build`` makes of them."""

from pathlib import Path
from typing import Any

import geopandas
import orjson
import pytest
import shapely
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.building.build import build
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.encode.geojson import feature_dicts
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.edition import publish
from processes.web.routes import routes
from tests.api.files import GEOPACKAGE, qualified, written

BOX = (9.655, 50.8366, 9.80, 50.89)
COLUMNS = {
    "buildings": {"id": "osm_id", "use": "building", "storeys": "levels", "height_m": "height_m"},
    "roads": {"id": "osm_id", "class": "highway", "lanes": "lanes", "speed_kmh": "maxspeed", "oneway": "oneway"},
    "forests": {"id": "osm_id", "land_cover": "landuse"},
}
FILES = {"buildings": "buildings", "roads": "roads", "forests": "landuse"}


@pytest.fixture(scope="module")
def town(shared_data: Path) -> dict[str, geopandas.GeoDataFrame]:
    """Its rows by kind, with the columns that mean something here."""
    read = {k: geopandas.read_parquet(shared_data / f"city/badhersfeld_{f}.parquet") for k, f in FILES.items()}
    return {k: table[[*COLUMNS[k].values(), "geometry"]] for k, table in read.items()}


def inventory_file(town: dict[str, geopandas.GeoDataFrame], folder: Path) -> Path:
    """The same rows as a user of ``carbongrid build`` has them: GeoParquet and an inventory file."""
    head = f'id = "town"\ntitle = {{ ko = "마을", en = "Town" }}\nyear = 2024\nboundary = {list(BOX)}\n'
    head += 'crs = "EPSG:25832"\nfactors = "ipcc"\ndisclosure = "open"\n'
    text = f"[inventory]\n{head}"
    for kind, table in town.items():
        table.to_parquet(folder / f"{kind}.parquet")
        names = ", ".join(f'"{name}" = "{own}"' for name, own in COLUMNS[kind].items())
        text += f'\n[[source]]\nkind = "table"\nprovides = ["{kind}"]\npath = "{kind}.parquet"\n'
        text += f'columns = {{ {names} }}\nlicence = "ODbL-1.0"\nattribution = "© OpenStreetMap contributors"\n'
    (folder / "town.toml").write_text(text)
    return folder / "town.toml"


def numbers(records: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(r["id"], r["properties"]) for r in records]


def test_uploaded_rows_give_the_grid_of_the_build(town: dict[str, geopandas.GeoDataFrame], tmp_path: Path) -> None:
    release = build(inventory_file(town, tmp_path), tmp_path)
    publish(tmp_path, "town")
    built = Catalogue(tmp_path).snapshot().inventories["town"]
    inputs: dict[str, Any] = {kind: qualified(written(table, GEOPACKAGE), GEOPACKAGE) for kind, table in town.items()}
    inputs |= {"region": mapping(shapely.box(*BOX)), "columns": COLUMNS, "crs": "EPSG:25832"}
    inputs |= {"factors": "ipcc", "year": 2024}
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path), "http://x"))) as client:
        for level in (100, 500, 1000):
            asked = {"inputs": inputs | {"level": built.collection(level).name}}
            asked |= {"outputs": {"totals": {}, "cells": {}}, "response": "document"}
            answer = client.post("/processes/estimate-region/execution", content=orjson.dumps(asked))
            assert answer.status_code == 200, answer.text
            made = answer.json()
            expected = feature_dicts(cells.read(built.collection(level), CellQuery()))
            assert numbers(made["cells"]["features"]) == numbers(expected)
            stated = release.manifest["totals"]["kg"]
            figures = {k: v for k, v in made["totals"]["years"][0]["kg"].items() if k in stated}
            assert figures == {k: stated[k] for k in figures}
            assert len(figures) >= 8
            assert figures["emission_buildings"] > 10_000_000
            assert figures["emission_transport"] > 10_000_000
            assert figures["absorption_forest_gross"] > 10_000_000
            around = mapping(shapely.box(*BOX).buffer(0.01))
            whole = asked | {"inputs": {"region": around, "level": built.collection(level).name}}
            answer = client.post("/processes/estimate-region/execution", content=orjson.dumps(whole))
            assert numbers(answer.json()["cells"]["features"]) == numbers(expected)
