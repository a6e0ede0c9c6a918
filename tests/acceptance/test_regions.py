# SPDX-License-Identifier: Apache-2.0
"""Regions over real cities: the whole, the complement, and independent sums by shapely and exactextract."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import CRS84, project_polygon, transformer
from carbongrid.inventory import Inventory, Layer
from carbongrid.region import Region
from carbongrid.zonal import layer_cover
from carbongrid.zoned import Shares, Zoned, piece_identities
from carbonstore.releases.stored import Release
from processes.regions.inside import Choice, Inside, inside
from processes.regions.stocks import stock
from tests.acceptance.conftest import CASES, World

ALL = ("buildings", "transport", "forest")
SOURCES = Choice(ALL)
CELLS = Choice(ALL, method="cells")


def answer(release: Release, polygon: Polygon | MultiPolygon, choice: Choice = SOURCES) -> Inside:
    ready = stock(release)
    return inside(ready, Region.from_polygon(polygon).on(ready.cells.window), choice)


def blob(release: Release, seed: int, radius: float) -> Polygon:
    """A ragged polygon of about ``radius`` metres around a source of the inventory, in CRS84."""
    whole = release.inventory()
    rng = np.random.default_rng(seed)
    layer = whole.layers["buildings"]
    centre = shapely.centroid(shapes(release)[int(rng.integers(len(layer.id)))])
    angle = np.sort(rng.uniform(0, 2 * np.pi, 24))
    reach = radius * rng.uniform(0.5, 1.5, 24)
    ring = np.stack([centre.x + reach * np.cos(angle), centre.y + reach * np.sin(angle)], axis=1)
    lon, lat = transformer(whole.grid.crs, CRS84).transform(ring[:, 0], ring[:, 1])
    polygon = Polygon(np.stack([lon, lat], axis=1))
    return polygon if polygon.is_valid else Polygon(polygon.convex_hull)


@lru_cache(maxsize=8)
def shapes(release: Release) -> NDArray[np.object_]:
    return release.inventory().layers["buildings"].geometry.to_shapely()


def complement(release: Release, polygon: Polygon) -> Polygon:
    """Everything else, far beyond the boundary, with the same edges."""
    west, south, east, north = shapely.from_wkb(release.inventory().boundary).bounds
    shell = shapely.box(west - 1, south - 1, east + 1, north + 1)
    return Polygon(shell.exterior, [polygon.exterior])


@pytest.mark.parametrize("method", ["sources", "cells"])
@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_the_boundary_gives_the_manifest_to_the_kilogram(
    world: World, server: str, inventory: str, year: int, method: str
) -> None:
    release = world.release(inventory, year)
    region = json.loads((release.path / "boundary.geojson").read_text())
    inputs = {"region": region, "inventory": inventory, "year": year, "method": method}
    body = {"inputs": inputs, "outputs": {"totals": {}}, "response": "document"}
    got = httpx.post(f"{server}/processes/estimate-region/execution", json=body, timeout=60)
    assert got.status_code == 200, got.text
    only = got.json()["totals"]["years"][0]
    stated: dict[str, Any] = release.manifest["totals"]["kg"]
    names = [n for n in stated if method == "sources" or not n.endswith("_u95")]
    assert {n: only["kg"][n] for n in names} == {n: stated[n] for n in names}


@pytest.mark.parametrize(("inventory", "year"), CASES[:3])
def test_a_region_and_its_complement_give_the_whole(world: World, inventory: str, year: int) -> None:
    release = world.release(inventory, year)
    total = np.array([b["kg"] for b in release.manifest["totals"]["bands"]], np.int64)
    cut = 0
    for seed in range(100):
        polygon = blob(release, seed, 200 * 1.03**seed)
        inner, outer = answer(release, polygon), answer(release, complement(release, polygon))
        np.testing.assert_array_equal(inner.kg + outer.kg, total)
        cut += 0 < inner.kg.sum() < total.sum()
    assert cut > 90, "the cuts really cut"


def overlay(layer: Layer, release: Release, polygon: Polygon, bands: int) -> tuple[NDArray[np.float64], int]:
    """Kilograms by band inside a polygon, by intersecting the unsplit sources; and how many are only partly inside."""
    projected = project_polygon(polygon, release.inventory().grid.crs)
    geometry = layer.geometry.to_shapely()
    measure = shapely.length if layer.kind == "roads" else shapely.area
    share = measure(shapely.intersection(geometry, projected)) / measure(geometry)
    out = np.zeros(bands)
    np.add.at(out, layer.lines.band, layer.lines.kg * share[layer.lines.source])
    return out, int(((share > 0) & (share < 1)).sum())


@pytest.mark.parametrize("inventory", ["songpa", "badhersfeld"])
def test_sources_against_an_overlay_of_the_unsplit_sources(world: World, inventory: str) -> None:
    release = world.release(inventory, 2024)
    whole = release.inventory()
    for seed, radius in enumerate((150, 400, 1000)):
        polygon = blob(release, 1000 + seed, radius)
        got = answer(release, polygon)
        expected, slack = np.zeros(len(whole.bands)), np.zeros(len(whole.bands))
        for layer in whole.layers.values():
            kg, _ = overlay(layer, release, polygon, len(whole.bands))
            expected += kg
            slack += pieces_of_cut_sources(layer, release, polygon, len(whole.bands))
        assert got.kg.sum() > 0
        assert (np.abs(got.unrounded - expected) <= slack + 1e-6).all()


def pieces_of_cut_sources(layer: Layer, release: Release, polygon: Polygon, bands: int) -> NDArray[np.float64]:
    """1 kg for every piece of a source that is only partly inside: what splitting into whole kilograms may move."""
    projected = project_polygon(polygon, release.inventory().grid.crs)
    cut = shapely.intersects(layer.geometry.to_shapely(), projected.boundary)
    of_cut = layer.pieces.line[cut[layer.lines.source[layer.pieces.line]]]
    return np.bincount(layer.lines.band[of_cut], minlength=bands).astype(np.float64)


def square_kilometres(whole: Inventory) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Every finest cell's own inside geometry and area."""
    cells = whole.cells[100]
    west, south = cells.window.corners(cells.index)
    geometry = shapely.box(west, south, west + 100, south + 100)
    cut = np.searchsorted(cells.index, whole.border.cells)
    geometry[cut] = whole.border.geometry.to_shapely()
    return geometry, shapely.area(geometry)


def test_cells_against_shapely_and_exactextract(world: World, tmp_path: Path) -> None:
    release = world.release("badhersfeld", 2024)
    whole = release.inventory()
    cells = whole.cells[100]
    geometry, area = square_kilometres(whole)
    raster = in_raster(whole, tmp_path / "cells.tif", area)
    for seed in range(50):
        polygon = blob(release, 2000 + seed, float(np.geomspace(300, 10_000, 50)[seed]))
        got = answer(release, polygon, CELLS).unrounded
        projected = project_polygon(polygon, whole.grid.crs)
        share = shapely.area(shapely.intersection(geometry, projected)) / area
        np.testing.assert_allclose(got, cells.kg @ share, rtol=1e-12, atol=1e-6)
        boundary = project_polygon(shapely.from_wkb(whole.boundary), whole.grid.crs)
        clipped = projected.intersection(boundary)
        np.testing.assert_allclose(exactextract_sums(raster, clipped, len(whole.bands)), got, rtol=1e-6, atol=1e-3)


def in_raster(whole: Inventory, path: Path, area: NDArray[np.float64]) -> Path:
    """Kilograms of each band a full cell would hold at the density of its inside part, as a GeoTIFF."""
    import rasterio
    from rasterio.transform import from_origin

    cells = whole.cells[100]
    window = cells.window
    values = np.zeros((len(whole.bands), window.size))
    values[:, cells.index] = cells.kg * (10_000 / area)
    shape = (len(whole.bands), window.nrow, window.ncol)
    profile = {"driver": "GTiff", "height": shape[1], "width": shape[2], "count": shape[0], "dtype": "float64"}
    transform = from_origin(window.west, window.north, 100, 100)
    with rasterio.open(path, "w", crs=whole.grid.crs, transform=transform, **profile) as target:
        target.write(values.reshape(shape))
    return path


def exactextract_sums(raster: Path, polygon: Polygon | MultiPolygon, bands: int) -> NDArray[np.float64]:
    from exactextract import exact_extract

    feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(polygon)}
    found = exact_extract(str(raster), [feature], ["sum"])[0]["properties"]
    names = [f"band_{i + 1}_sum" for i in range(bands)] if bands > 1 else ["sum"]
    return np.array([found[name] or 0.0 for name in names])


@pytest.mark.parametrize(
    ("region", "suspect"),
    [
        (
            {
                "type": "Polygon",
                "coordinates": [[[127.1, 37.5], [127.12, 37.52], [127.12, 37.5], [127.1, 37.52], [127.1, 37.5]]],
            },
            "127.11",
        ),
        ({"type": "Polygon", "coordinates": []}, "empty"),
        (
            {
                "type": "Polygon",
                "coordinates": [[[960000, 1945000], [961000, 1945000], [961000, 1946000], [960000, 1945000]]],
            },
            "metres",
        ),
        (
            {"type": "Polygon", "coordinates": [[[37.5, 127.1], [37.5, 127.12], [37.52, 127.12], [37.5, 127.1]]]},
            "latitude before longitude",
        ),
    ],
    ids=["self-crossing", "empty", "projected metres", "swapped axes"],
)
def test_a_bad_region_is_refused_with_the_place_and_the_suspect(
    server: str, region: dict[str, Any], suspect: str
) -> None:
    body = {"inputs": {"region": region, "inventory": "songpa"}, "outputs": {"totals": {}}, "response": "document"}
    got = httpx.post(f"{server}/processes/estimate-region/execution", json=body, timeout=60)
    assert got.status_code == 400
    assert "/inputs/region" in got.text
    assert suspect in got.text


TIE = 0.1
"""Kilograms from a half within which rounding outlines to 9 decimals may decide."""


def uploaded(release: Release) -> list[dict[str, Any]]:
    """Published outlines of the dongs as a client has them: 9 decimals, named by their codes."""
    level = release.units("dong")
    shapes = shapely.transform(level.geometry.to_shapely()[:-1], lambda xy: np.round(xy, 9))
    pairs = zip(level.code[:-1].tolist(), shapes, strict=True)
    return [
        {"type": "Feature", "id": code, "properties": {}, "geometry": shapely.geometry.mapping(s)} for code, s in pairs
    ]


def loose(release: Release) -> dict[str, int]:
    """By dong, how many kilograms may fall otherwise: one a piece that lies in two or more others, or in another and in
    none, and one a piece whose halves nearly tie, which 9 decimals (0.1 mm) decide."""
    level, ready = release.units("dong"), stock(release)
    codes = level.code[:-1].tolist()
    regions = [Region.from_polygon(shape) for shape in level.geometry.to_shapely()[:-1]]
    cuts = [region.on(ready.cells.window) for region in regions]
    count = dict.fromkeys(codes, 0)
    for layer in ready.layers:
        zoned = Zoned.of([layer_cover(cut, layer.pieces, layer.lines.source, layer.geometry) for cut in cuts])
        shares = Shares.of(zoned, piece_identities(layer.pieces, zoned), codes)
        group = np.searchsorted(shares.start, shares.at, "right") - 1
        exact = layer.pieces.kg[shares.piece[group]] * shares.weight[shares.at]
        parts = np.diff(shares.start)[group]
        doubtful = (parts > 2) | ((parts == 2) & (np.abs(exact % 1.0 - 0.5) < TIE))
        for zone in zoned.zone[shares.entry[doubtful]].tolist():
            count[codes[zone]] += 1
    return count


@pytest.mark.parametrize("inventory", ["songpa", "sejong"])
def test_every_dongs_outline_uploaded_gives_the_published_dong(world: World, server: str, inventory: str) -> None:
    release = world.release(inventory, {"songpa": 2024, "sejong": 2023}[inventory])
    level, free = release.units("dong"), loose(release)
    kg = np.stack([column.astype(np.int64) for column in level.kg])
    exact = 0
    for row, feature in enumerate(uploaded(release)):
        inputs = {"region": feature["geometry"], "inventory": inventory}
        body = {"inputs": inputs, "outputs": {"totals": {}}, "response": "document"}
        got = httpx.post(f"{server}/processes/estimate-region/execution", json=body, timeout=60)
        assert got.status_code == 200, got.text
        found = np.array([band["kg"] or 0 for band in got.json()["totals"]["years"][0]["bands"]])
        off = int(np.abs(found - kg[:, row]).sum())
        assert off <= free[feature["id"]], (feature["id"], off)
        exact += off == 0
    assert exact > 0


@pytest.mark.parametrize("inventory", ["songpa", "sejong"])
def test_all_dongs_uploaded_at_once_are_the_published_ones(world: World, server: str, inventory: str) -> None:
    release = world.release(inventory, {"songpa": 2024, "sejong": 2023}[inventory])
    level = release.units("dong")
    zones = {"type": "FeatureCollection", "features": uploaded(release)}
    body = {"inputs": {"collection": f"{inventory}-100m", "zones": zones}, "response": "document"}
    got = httpx.post(f"{server}/processes/aggregate/execution", json=body, timeout=120).json()
    net = (release.weights @ np.stack([column.astype(np.int64) for column in level.kg]))[-1]
    free = loose(release)
    for row, published in zip(got["totals"], net[:-1].tolist(), strict=True):
        assert abs((row["years"][0]["kg"]["net"] or 0) - published) <= free[row["id"]], row["id"]
    [year] = got["summary"]["years"]
    assert abs(year["whole_kg"]["net"] - year["kg"]["net"] - net[-1]) <= sum(free.values())
