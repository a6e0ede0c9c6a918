# SPDX-License-Identifier: Apache-2.0
"""The output ``cells`` over the published map: cells of a region add up to its totals at every level."""

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest
import rasterio
import shapely
from pyproj import Transformer
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.encode.cog import MEDIA_TYPE as COG
from carbonstore.encode.geojson import feature_dicts
from carbonstore.releases.catalogue import Catalogue
from processes.web.routes import routes
from tests.toy import CORNERS, toy_cell, toy_store

WEST, SOUTH, EAST, NORTH = -300, -200, 250, 400
FIGURES = ("emission_buildings", "emission_transport", "emission_total", "absorption_forest", "net")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    root = tmp_path_factory.mktemp("store")
    toy_store(root)
    return Catalogue(root)


@pytest.fixture(scope="module")
def client(catalogue: Catalogue) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(catalogue, "http://x"))) as opened:
        yield opened


def region(shape: shapely.Geometry) -> dict[str, Any]:
    """A shape in toy metres as CRS84."""
    to = Transformer.from_crs("EPSG:5179", "OGC:CRS84", always_xy=True)
    return dict(mapping(shapely.transform(shape, lambda xy: np.column_stack(to.transform(*(xy + CORNERS[5179]).T)))))


def ask(client: TestClient, shape: shapely.Geometry, media: str = "application/geo+json", **inputs: Any) -> Any:
    outputs = {"totals": {}, "cells": {"format": {"mediaType": media}}}
    body = {"inputs": {"region": region(shape)} | inputs, "outputs": outputs, "response": "document"}
    answer = client.post("/processes/estimate-region/execution", content=orjson.dumps(body))
    assert answer.status_code == 200, answer.text
    return answer.json()


WHOLE = shapely.box(WEST - 50, SOUTH - 50, EAST + 50, NORTH + 50)
REGIONS = {
    "whole": WHOLE,
    "west": shapely.box(WEST, SOUTH, -110, NORTH),
    "a circle": shapely.Point(-60, 40).buffer(190),
    "two parts": shapely.MultiPolygon([shapely.box(-290, -190, -180, 133), shapely.box(7, -77, 222, 333)]),
    "within a cell": shapely.box(-255, -165, -245, -155),
}


@pytest.mark.parametrize("method", ["sources", "cells"])
@pytest.mark.parametrize("level", [100, 500, 1000])
@pytest.mark.parametrize("name", REGIONS)
def test_cells_add_up_to_the_totals(client: TestClient, name: str, level: int, method: str) -> None:
    suffix = "1km" if level == 1000 else f"{level}m"
    made = ask(client, REGIONS[name], level=suffix, method=method)
    kg = made["totals"]["years"][0]["kg"]
    rows = [f["properties"] for f in made["cells"]["features"]]
    for figure in FIGURES:
        known = [r[figure] for r in rows if r[figure] is not None]
        assert (round(1000 * sum(known)) if known else None) == kg[figure], figure
    assert sum(r["area_m2"] for r in rows) == pytest.approx(made["totals"]["area_m2"], abs=0.1 * len(rows))


@pytest.mark.parametrize("level", [100, 500, 1000])
def test_the_cells_of_everything_are_those_that_are_published(
    client: TestClient, catalogue: Catalogue, level: int
) -> None:
    published = catalogue.snapshot().inventories["toy"].collection(level)
    made = ask(client, WHOLE, level=published.name)["cells"]["features"]
    expected = feature_dicts(cells.read(published, CellQuery()))
    assert [f["id"] for f in made] == [f["id"] for f in expected]
    assert [f["geometry"] for f in made] == [f["geometry"] for f in expected]
    own = ("area_m2", "emission_total_u95", "absorption_forest_u95", "net_u95", "quality")  # the toy invents these
    for one, other in zip(made, expected, strict=True):
        assert {k: v for k, v in one["properties"].items() if k not in own} == {
            k: v for k, v in other["properties"].items() if k not in own
        }


def test_a_cut_cell_holds_what_of_its_sources_is_inside(client: TestClient) -> None:
    """The line x = -110 halves the 500 kg that the shop has in its western cell."""
    rows = {f["id"]: f["properties"] for f in ask(client, REGIONS["west"])["cells"]["features"]}
    cut = rows[f"{toy_cell(-200, 100)}.2023"]
    assert (cut["emission_buildings"], cut["area_m2"]) == (0.25, pytest.approx(9_000, rel=3e-3))
    by_area = ask(client, REGIONS["west"], method="cells")["cells"]["features"]
    cut = next(f["properties"] for f in by_area if f["id"] == f"{toy_cell(-200, 100)}.2023")
    assert cut["emission_buildings"] == 0.45
    assert cut["emission_total_u95"] > 1.96 * 0.3 * 0.5 * 0.99


def test_years_sectors_and_mode_are_those_asked_for(client: TestClient) -> None:
    older = ask(client, WHOLE, year=2022)["cells"]["features"]
    assert {f["properties"]["year"] for f in older} == {2022}
    assert round(1000 * sum(f["properties"]["emission_total"] for f in older)) == 2 * 11_559
    both = ask(client, WHOLE, year=[2022, 2023], level="1km")["cells"]["features"]
    assert {f["id"].rpartition(".")[2] for f in both} == {"2022", "2023"}
    houses = [f["properties"] for f in ask(client, WHOLE, sectors=["buildings"])["cells"]["features"]]
    assert round(1000 * sum(r["emission_total"] or 0 for r in houses)) == 2509
    assert {r["emission_transport"] for r in houses} == {None}
    inside = [f["properties"] for f in ask(client, WHOLE, mode="territorial")["cells"]["features"]]
    assert round(1000 * sum(r["emission_buildings"] or 0 for r in inside)) == 500


def test_a_raster_is_no_larger_than_the_region(client: TestClient) -> None:
    value = ask(client, REGIONS["west"], COG)["cells"]
    assert value["mediaType"] == COG
    with rasterio.MemoryFile(base64.b64decode(value["value"])) as memory, memory.open() as raster:
        assert (raster.width, raster.height) == (2, 6)
        east, north = CORNERS[5179]
        assert (raster.bounds.left, raster.bounds.top) == (east - 300, north + 400)
        total = raster.read(raster.descriptions.index("emission_buildings") + 1)
    assert round(1000 * float(np.nansum(total))) == 1500 + 250
