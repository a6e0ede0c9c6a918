# SPDX-License-Identifier: Apache-2.0
"""Real clients fetch every cell with the totals of the manifest: GDAL, geopandas, an MVT decoder."""

import math
import subprocess
from pathlib import Path
from typing import Any

import geopandas
import mapbox_vector_tile
import pytest

from tests.acceptance.conftest import World, fetch


def matched(server: str, collection: str) -> int:
    return int(fetch(f"{server}/collections/{collection}/items", params={"limit": 1}).json()["numberMatched"])


def total(world: World, inventory: str, year: int, figure: str) -> float:
    return float(world.release(inventory, year).manifest["totals"]["kg"][figure]) / 1000


def test_ogr2ogr_fetches_every_cell_of_the_sample(world: World, server: str, ogr2ogr: str, tmp_path: Path) -> None:
    out = tmp_path / "cells.gpkg"
    command = [ogr2ogr, str(out), f"OAPIF:{server}", "sejong-500m", "-oo", "PAGE_SIZE=700"]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    cells = geopandas.read_file(out)
    assert len(cells) == matched(server, "sejong-500m") > 1_800
    assert cells["cell_id"].is_unique
    assert cells["emission_total"].sum() == pytest.approx(total(world, "sejong", 2023, "emission_total"), abs=5e-4)
    assert cells["absorption_forest"].sum() == pytest.approx(
        total(world, "sejong", 2023, "absorption_forest"), abs=5e-4
    )


@pytest.mark.parametrize(("collection", "year"), [("songpa-100m", 2024), ("badhersfeld-100m", 2024)])
def test_geopandas_reads_real_cities(world: World, server: str, collection: str, year: int) -> None:
    cells = geopandas.read_file(f"OAPIF:{server}/collections/{collection}")
    assert len(cells) == matched(server, collection)
    inventory = collection.removesuffix("-100m")
    assert cells["emission_total"].sum() == pytest.approx(total(world, inventory, year, "emission_total"), abs=5e-4)
    if inventory == "songpa":
        assert cells["absorption_forest"].isna().all()


@pytest.mark.parametrize(
    ("kind", "figure"),
    [("buildings", "emission_buildings"), ("roads", "emission_transport"), ("forests", "absorption_forest")],
)
def test_geopandas_reads_every_source_of_the_sample(world: World, server: str, kind: str, figure: str) -> None:
    sources = geopandas.read_file(f"OAPIF:{server}/collections/sejong-{kind}")
    release = world.release("sejong", 2023)
    assert len(sources) == matched(server, f"sejong-{kind}") == len(release.sources(kind))
    assert sources.geometry.is_valid.all()
    assert sources[figure].sum() == pytest.approx(total(world, "sejong", 2023, figure), abs=5e-4)


def tile_of(longitude: float, latitude: float, zoom: int) -> tuple[int, int]:
    n = 2**zoom
    y = (1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2
    return int((longitude + 180) / 360 * n), int(y * n)


def tile_bounds(zoom: int, x: int, y: int) -> tuple[float, float, float, float]:
    def latitude(row: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**zoom))))

    return x / 2**zoom * 360 - 180, latitude(y + 1), (x + 1) / 2**zoom * 360 - 180, latitude(y)


@pytest.mark.parametrize("collection", ["sejong-100m", "badhersfeld-100m"])
def test_a_tile_holds_the_exact_values_of_the_items_it_meets(server: str, collection: str) -> None:
    box = fetch(f"{server}/collections/{collection}?f=json").json()["extent"]["spatial"]["bbox"][0]
    zoom = 13
    x, y = tile_of((box[0] + box[2]) / 2, (box[1] + box[3]) / 2, zoom)
    answer = fetch(f"{server}/collections/{collection}/tiles/WebMercatorQuad/{zoom}/{y}/{x}")
    assert answer.status_code == 200
    layer = mapbox_vector_tile.decode(answer.content)[collection]
    drawn = {(f["properties"]["cell_id"], f["properties"]["year"]): f["properties"] for f in layer["features"]}
    west, south, east, north = tile_bounds(zoom, x, y)
    unit = (east - west) / 4096
    inner = (west + unit, south + unit, east - unit, north - unit)
    params: dict[str, Any] = {"bbox": ",".join(map(str, inner)), "limit": 10_000}
    items = fetch(f"{server}/collections/{collection}/items", params=params).json()["features"]
    assert len(items) > 500
    for item in items:
        wanted = item["properties"]
        got = drawn[wanted["cell_id"], wanted["year"]]
        for name in (
            "emission_total",
            "emission_buildings",
            "emission_transport",
            "absorption_forest",
            "net",
            "net_u95",
        ):
            assert got.get(name) == wanted[name], (wanted["cell_id"], name)
