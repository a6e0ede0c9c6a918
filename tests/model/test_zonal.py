# SPDX-License-Identifier: Apache-2.0
"""Kilograms of regions: exact with the complement, and equal to what shapely and exactextract find."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import shapely
from exactextract import exact_extract
from exactextract.feature import JSONFeatureSource
from exactextract.raster import NumPyRasterSource
from numpy.typing import NDArray

from carbongrid.coverage import shares
from carbongrid.crs import CRS84, transformer
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import Border, Cells
from carbongrid.region import Region
from carbongrid.zonal import Cut, cell_sums_in, inside_area, layer_sums
from tests.model.town import BANDS, BEYOND, EAST, NORTH, PLACE, SOUTH, WEST, Town
from tests.shapes import complement, cut_by_cells, local, measure, placed, squares, star, window


@cache
def town(kind: str) -> Town:
    rng = np.random.default_rng(11)
    x, y = rng.uniform((0, 0), (3000, 2500), (300, 2)).T
    radius = 10 ** rng.uniform(0.5, 2, 300) if kind == "buildings" else 10 ** rng.uniform(1.5, 2.7, 300)
    stars = [
        star(rng, a, b, r, int(rng.integers(4, 15)), hole=i % 3 == 0)
        for i, (a, b, r) in enumerate(zip(x, y, radius, strict=True))
    ]
    if kind == "roads":
        stars = [s.boundary for s in stars]
    if kind == "forests":
        stars = [
            shapely.MultiPolygon([star(rng, 1400, 1200, 1150, 150, hole=True), shapely.box(2700, 2000, 2960, 2440)])
        ]
    clipped = shapely.intersection(stars, shapely.box(0, 0, 3000, 2500))
    turned = [s.reverse() if i % 2 else s for i, s in enumerate(clipped)]
    return Town.of(placed(turned, PLACE), rng.integers(0, 3000 if kind != "forests" else 10**6, (len(turned), 4)))


KINDS = ("buildings", "roads", "forests")


def regions(n: int, seed: int) -> list[shapely.Geometry]:
    """Stars, some with holes, some of two parts, some far beyond the window."""
    rng, out = np.random.default_rng(seed), []
    for i in range(n):
        x, y, radius = *rng.uniform((0, 0), (3000, 2500)), 10 ** rng.uniform(1, 3.4)
        shape = star(rng, x, y, radius, int(rng.integers(3, 80)), hole=i % 2 == 1)
        if i % 5 == 0:
            shape = shapely.MultiPolygon([shape, star(rng, x + 2.2 * radius, y, radius, 11)])
        out.append(placed([shape], PLACE)[0])
    return out


@pytest.mark.parametrize("kind", KINDS)
def test_a_region_and_its_complement_give_the_whole(kind: str) -> None:
    layer = town(kind)
    for region in regions(100, seed=1):
        inside, outside = layer.sums(region), layer.sums(complement(region, BEYOND))
        assert (inside.kg + outside.kg).tolist() == layer.kg.tolist()
        assert inside.unrounded + outside.unrounded == pytest.approx(layer.kg, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_the_direction_of_rings_does_not_matter(kind: str) -> None:
    layer = town(kind)
    for region in regions(40, seed=2):
        a, b = layer.sums(region), layer.sums(region.reverse())
        assert np.array_equal(a.kg, b.kg)
        assert np.array_equal(a.kg_piece, b.kg_piece)
        assert np.array_equal(a.share, b.share)


def odd_squares() -> Town:
    """2,400 squares of 10 m, every fifth across a lattice line, each with four lines of odd kilograms."""
    rng, on = np.random.default_rng(3), window(10, 10)
    x, y = (v.ravel() for v in np.mgrid[5:995:20, 15:975:20])
    return Town.of(placed(shapely.box(x, y, x + 10, y + 10), on), rng.integers(0, 50, (len(x), 4)) * 2 + 1, on)


def test_two_hundred_cuts_through_middles_and_edges() -> None:
    """Most cut pieces are exact halves of odd kilograms, where rounding both sides alone fails (as is seen here)."""
    layer, rng = odd_squares(), np.random.default_rng(4)
    west, south, east, north = layer.pieces.window.bounds
    around = shapely.box(west - 50, south - 50, east + 50, north + 50)
    alone = 0
    for i in range(200):
        middles = i % 2 == 1  # else any of middles, edges and lattice lines
        x0, x1 = rng.choice(np.arange(10, 480, 20) if middles else np.arange(0, 480, 5), 2) + np.array([0, 500])
        y0, y1 = rng.choice(np.arange(20, 480, 20) if middles else np.arange(0, 480, 5), 2) + np.array([0, 500])
        box, notch = shapely.box(x0, y0, x1, y1), [(x0 + 10, y0 + 10), (x0 + 10, y1 - 10), (x1 - 10, y1 - 10)]
        triangle = shapely.Polygon([(x0, y0), (x1, y0), (x0 + 300, y1)])
        shape = (box, shapely.Polygon(box.exterior, [notch]), triangle)[i // 2 % 3]
        region = placed([shape], layer.pieces.window)[0]
        a, b = layer.sums(region), layer.sums(complement(region, around))
        assert (a.kg + b.kg).tolist() == layer.kg.tolist()
        both = [
            np.floor(layer.pieces.kg[s.piece] * s.share + 0.5).sum() + layer.running.over(s.runs).sum() for s in (a, b)
        ]
        alone += sum(both) != layer.kg.sum()
    assert alone > 70


@pytest.mark.parametrize("kind", KINDS)
def test_against_a_shapely_overlay_of_the_pieces(kind: str) -> None:
    layer = town(kind)
    split, band = layer.overlay()
    size = measure(split)
    for region in regions(60, seed=5):
        found = layer.sums(region)
        here = measure(shapely.intersection(split, local([region], PLACE)[0])) / size
        expected = np.bincount(band, layer.pieces.kg * here, BANDS)
        assert found.unrounded == pytest.approx(expected, rel=1e-9, abs=1e-6)
        assert np.abs(found.share - here[found.piece]).max(initial=0) < 1e-8
        assert np.abs(found.kg - expected).max() < 3 * np.sqrt(len(found.piece) + 1)


def test_a_region_of_whole_cells_needs_no_share() -> None:
    layer = town("buildings")
    found = layer.sums(shapely.box(WEST + 500, SOUTH + 300, WEST + 900, SOUTH + 700))
    west, south = PLACE.corners(layer.pieces.cells)
    cell = (west >= WEST + 500) & (west < WEST + 900) & (south >= SOUTH + 300) & (south < SOUTH + 700)
    kg = np.diff(layer.running.sums, axis=0)
    assert found.kg.tolist() == kg[cell].sum(axis=0).tolist()
    assert found.unrounded == pytest.approx(found.kg, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_and_nothing(kind: str) -> None:
    layer = town(kind)
    whole = layer.sums(BEYOND)
    assert whole.kg.tolist() == layer.kg.tolist()
    assert len(whole.piece) == 0
    assert (whole.runs[:, 1] - whole.runs[:, 0]).sum() == len(layer.pieces.cells)
    for away in (
        shapely.box(WEST - 900, SOUTH, WEST - 100, NORTH),
        shapely.box(EAST + 100, SOUTH, EAST + 900, NORTH),
        shapely.Polygon(),
    ):
        assert layer.sums(away).kg.tolist() == [0, 0, 0]


def test_half_a_square() -> None:
    layer = Town.of(placed([shapely.box(10, 10, 30, 30)], PLACE), np.array([[100, 41, 7]]))
    found = layer.sums(shapely.box(WEST, SOUTH, WEST + 20, SOUTH + 90))
    assert found.unrounded == pytest.approx([50, 20.5, 3.5])
    assert (found.kg + layer.sums(complement(shapely.box(WEST, SOUTH, WEST + 20, SOUTH + 90), BEYOND)).kg).tolist() == [
        100,
        41,
        7,
    ]
    assert found.share == pytest.approx([0.5] * 3)
    assert (found.kg_piece.tolist(), len(found.runs)) == (found.kg.tolist(), 0)


def test_roads_on_lattice_lines() -> None:
    """Each belongs to the cells north-east of it, in the pieces as in the region."""
    roads = [shapely.LineString([(100, 0), (100, 1000)]), shapely.LineString([(0, 200), (1000, 200)])]
    layer = Town.of(placed(roads, PLACE), np.array([[1000], [3000]]))
    region = shapely.box(
        WEST + 50, SOUTH + 150, WEST + 250, SOUTH + 450
    )  # 300 m of the first road, 200 m of the second
    found = layer.sums(region)
    assert found.kg.tolist() == [300 + 600, 0, 0]
    assert found.unrounded == pytest.approx([900, 0, 0])
    assert (found.kg + layer.sums(complement(region, BEYOND)).kg).tolist() == [4000, 0, 0]


def test_pieces_of_one_source_share_one_share() -> None:
    found = town("buildings").sums(regions(1, seed=9)[0])
    layer = town("buildings")
    cell = np.repeat(layer.pieces.cells, np.diff(layer.pieces.ptr))[found.piece]
    source = layer.line_source[layer.pieces.line[found.piece]]
    same = (np.diff(cell) == 0) & (np.diff(source) == 0)
    assert same.sum() > 20
    assert (np.diff(found.share)[same] == 0).all()


def test_a_crowd_of_vertices_in_one_cell() -> None:
    """50,000 vertices between two lattice lines: sorting and carrying must not grow with their square."""
    layer, rng = town("buildings"), np.random.default_rng(6)
    x = np.linspace(1210, 1290, 25_000)
    comb = np.concatenate(
        [np.stack([x, rng.uniform(1255, 1295, len(x))], 1), np.stack([x, rng.uniform(1205, 1245, len(x))], 1)[::-1]]
    )
    region = placed([shapely.Polygon(comb)], PLACE)[0]
    a, b = layer.sums(region), layer.sums(complement(region, BEYOND))
    assert (a.kg + b.kg).tolist() == layer.kg.tolist()


def test_another_window_is_a_mistake() -> None:
    layer = town("buildings")
    cut = Cut.of(BEYOND, window(10, 10))
    with pytest.raises(ValueError, match="another window"):
        layer_sums(cut, layer.pieces, layer.line_source, layer.line_band, BANDS, layer.geometry, layer.running)


# --- method "cells"


@dataclass(frozen=True)
class City:
    """Cells within a boundary that cuts some of them."""

    boundary: shapely.Polygon
    cells: Cells
    border: Border


@cache
def city(cut: bool = True) -> City:
    rng = np.random.default_rng(12)
    boundary = placed([star(rng, 1500, 1250, 1200, 40) if cut else shapely.box(0, 0, 3000, 2500)], PLACE)[0]
    share = shares(boundary, PLACE).ravel()
    index = np.flatnonzero(share)
    on_border = index[share[index] < 1]
    _, cell, shape = cut_by_cells([boundary], PLACE)
    inside = dict(zip(cell.tolist(), placed(shape, PLACE), strict=True))
    border = Border(on_border, Wkb.from_shapely([inside[int(i)] for i in on_border]))
    none = np.zeros(len(index), np.uint8)
    kg = rng.integers(0, 100_000, (BANDS, len(index)))
    area = share[index] * rng.uniform(10_005, 10_007, len(index))
    return City(boundary, Cells(PLACE, index, share[index], area, kg, none, none, kg, none), border)


def inside_shares(place: City, region: shapely.Geometry) -> NDArray[np.float64]:
    """Share of each cell's inside area that lies in the region, by shapely."""
    boundary, where = local([place.boundary, region], PLACE)
    cells = squares(PLACE, place.cells.index)
    whole = shapely.within(cells, boundary)
    cells[~whole] = shapely.intersection(cells[~whole], boundary)
    return shapely.area(shapely.intersection(cells, where)) / shapely.area(cells)


@pytest.mark.parametrize("cut", [False, True])
def test_cells_against_shapely_cell_by_cell(cut: bool) -> None:
    place = city(cut)
    for region in regions(50, seed=7):
        found, share = cell_sums_in(Cut.of(region, PLACE), place.cells, place.border), inside_shares(place, region)
        assert found.unrounded == pytest.approx((place.cells.kg * share).sum(axis=1), rel=1e-12, abs=1e-6)
        assert found.kg_piece.shape == (BANDS, len(found.piece))
        area = inside_area(Cut.of(region, PLACE), place.cells, place.border)
        assert area.planar_m2 == pytest.approx(shapely.intersection(place.boundary, region).area, rel=1e-9, abs=1e-6)
        assert area.geodesic_m2 == pytest.approx(share @ place.cells.area_m2, rel=1e-12, abs=1e-6)


@pytest.mark.parametrize("cut", [False, True])
def test_cells_of_a_region_and_its_complement(cut: bool) -> None:
    place = city(cut)
    for region in regions(60, seed=8):
        a, b, turned = (
            cell_sums_in(Cut.of(r, PLACE), place.cells, place.border)
            for r in (region, complement(region, BEYOND), region.reverse())
        )
        assert (a.kg + b.kg).tolist() == place.cells.kg.sum(axis=1).tolist()
        assert np.array_equal(a.kg, turned.kg)


def test_cells_against_exactextract() -> None:
    place = city(cut=False)
    raster = np.zeros((BANDS, PLACE.size))
    raster[:, place.cells.index] = place.cells.kg
    bands = [
        NumPyRasterSource(r.reshape(PLACE.nrow, PLACE.ncol), WEST, SOUTH, EAST, NORTH, name=str(i))
        for i, r in enumerate(raster)
    ]
    for region in regions(30, seed=10):
        feature = JSONFeatureSource(
            [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(region)}]
        )
        theirs = exact_extract(bands, feature, ["sum"])[0]["properties"]
        ours = cell_sums_in(Cut.of(region, PLACE), place.cells, place.border).unrounded
        assert ours == pytest.approx([theirs[f"{i}_sum"] for i in range(BANDS)], rel=1e-6, abs=0.01)


def test_areas_of_the_whole() -> None:
    place = city()
    area = inside_area(Cut.of(BEYOND, PLACE), place.cells, place.border)
    assert area.planar_m2 == pytest.approx(place.boundary.area, rel=1e-10)
    assert area.geodesic_m2 == pytest.approx(place.cells.area_m2.sum())
    assert inside_area(Cut.of(shapely.Polygon(), PLACE), place.cells, place.border).planar_m2 == 0.0


def test_from_crs84_to_kilograms() -> None:
    """A region and its complement as clients send them: edges straight in CRS84, densified on the way."""
    rng, layer, place = np.random.default_rng(13), town("buildings"), city()
    back = transformer(PLACE.grid.crs, CRS84)
    world = shapely.box(125.0, 36.0, 129.0, 39.0)
    for _ in range(20):
        metric = star(rng, *rng.uniform((WEST, SOUTH), (EAST, NORTH)), 10 ** rng.uniform(2, 3.3), 25, hole=True)
        region = shapely.transform(metric, back.transform, interleaved=False)
        cuts = [Region.from_polygon(r).on(PLACE) for r in (region, complement(region, world))]
        sums = [
            layer_sums(c, layer.pieces, layer.line_source, layer.line_band, BANDS, layer.geometry, layer.running)
            for c in cuts
        ]
        assert (sums[0].kg + sums[1].kg).tolist() == layer.kg.tolist()
        cells = [cell_sums_in(c, place.cells, place.border) for c in cuts]
        assert (cells[0].kg + cells[1].kg).tolist() == place.cells.kg.sum(axis=1).tolist()
