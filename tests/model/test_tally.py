# SPDX-License-Identifier: Apache-2.0
"""Many zones at once over the toy city and a drawn town: they sum to the whole, and each is what a region alone is."""

import numpy as np
import pytest
import shapely

from carbongrid.region import Region
from carbongrid.sectors import INTERVALS, SECTORS
from processes.regions import tally as tallying
from processes.regions.inside import METHODS, Choice, Inside, Stock, inside
from processes.regions.tally import tally
from tests.square import square_inventory
from tests.toy import EAST, KG, NORTH, SOUTH, WEST, on_earth, toy_inventory

FAR = shapely.box(WEST - 5000, SOUTH - 5000, EAST + 5000, NORTH + 5000)


def zones(shapes: list[shapely.Geometry], choice: Choice, stock: Stock, names: list[str] | None = None) -> list[Inside]:
    cuts = [Region.from_polygon(on_earth(shape, 5179)).on(stock.cells.window) for shape in shapes]
    return tally(stock, cuts, names or [str(i) for i in range(len(shapes))], choice)


def strips(rng: np.random.Generator, n: int, within: shapely.Geometry = FAR) -> list[shapely.Geometry]:
    """A place cut into polygons that share every edge: Voronoi cells of some points in it."""
    west, south, east, north = within.bounds
    points = shapely.MultiPoint(rng.uniform((west, south), (east, north), (n, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(points, extend_to=within))
    return [part for cell in cells for part in shapely.get_parts(cell.intersection(within)) if part.area > 0]


@pytest.fixture(scope="module")
def toy() -> Stock:
    return Stock.of(toy_inventory())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(8))
def test_zones_that_tile_the_city_sum_to_it(toy: Stock, seed: int, method: str) -> None:
    rng = np.random.default_rng(seed)
    city = shapely.box(WEST - 60, SOUTH - 60, EAST + 60, NORTH + 60)
    shapes = [*strips(rng, 40, city), FAR.difference(city)]
    found = zones(shapes, Choice(SECTORS, method=method), toy)
    assert dict(zip(toy.bands, sum(z.kg for z in found).tolist(), strict=True)) == KG
    assert sum(z.unrounded for z in found) == pytest.approx([KG[band] for band in toy.bands], abs=0.01)
    assert sum(z.area_m2 for z in found) == pytest.approx(toy.cells.area_m2.sum(), abs=len(found))


@pytest.mark.parametrize("method", METHODS)
def test_one_zone_is_what_the_region_alone_is(toy: Stock, method: str) -> None:
    """Whole kilograms may differ by one where a piece is cut in just two halves; all else is the same number."""
    rng, choice = np.random.default_rng(3), Choice(SECTORS, method=method)
    for shape in strips(rng, 12):
        [one] = zones([shape], choice, toy)
        alone = inside(toy, Region.from_polygon(on_earth(shape, 5179)).on(toy.cells.window), choice)
        assert np.abs(one.kg - alone.kg).max() <= 1
        assert one.unrounded == pytest.approx(alone.unrounded, abs=1e-9)
        assert (one.null, one.incomplete, one.quality) == (alone.null, alone.incomplete, alone.quality)
        assert one.area_m2 == pytest.approx(alone.area_m2, abs=0.11)
        for name in INTERVALS:
            assert one.u95[name] == pytest.approx(alone.u95[name], abs=1.0)


def test_the_order_of_zones_does_not_matter(toy: Stock) -> None:
    shapes = strips(np.random.default_rng(4), 30, shapely.box(WEST, SOUTH, EAST, NORTH))
    names = [f"zone-{i}" for i in range(len(shapes))]
    forth = zones(shapes, Choice(SECTORS), toy, names)
    back = zones(shapes[::-1], Choice(SECTORS), toy, names[::-1])[::-1]
    for a, b in zip(forth, back, strict=True):
        np.testing.assert_array_equal(a.kg, b.kg)


def test_zones_that_overlap_take_their_own_share_each(toy: Stock) -> None:
    half = shapely.box(WEST - 50, SOUTH - 50, -110, NORTH + 50)
    alone, first, second = (
        z.kg for z in (*zones([half], Choice(SECTORS), toy), *zones([half, half], Choice(SECTORS), toy))
    )
    np.testing.assert_array_equal(first, alone)
    np.testing.assert_array_equal(second, alone)


def test_nothing_lies_in_a_zone_elsewhere(toy: Stock) -> None:
    [none] = zones([shapely.box(20_000, 0, 20_100, 100)], Choice(SECTORS), toy)
    assert (none.kg.sum(), none.area_m2, none.quality) == (0, 0.0, None)
    assert set(none.figures.values()) == {None}
    assert tally(toy, [], [], Choice(SECTORS)) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_few_zones_at_a_time_give_the_same(toy: Stock, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = strips(np.random.default_rng(5), 20)
    whole = zones(shapes, Choice(SECTORS, method=method), toy)
    monkeypatch.setattr(tallying, "_AT_A_TIME", 3)
    parts = zones(shapes, Choice(SECTORS, method=method), toy)
    assert [(z.u95, z.quality) for z in parts] == [(z.u95, z.quality) for z in whole]


def test_two_hundred_polygons_tile_a_city_of_ten_thousand_cells() -> None:
    stock = Stock.of(square_inventory(100))
    shapes = strips(np.random.default_rng(6), 200, shapely.box(0, -9_000, 20_000, 9_000))
    cuts = [Region.from_polygon(on_earth(shape, 5179)).on(stock.cells.window) for shape in shapes]
    for method in METHODS:
        found = tally(stock, cuts, [str(i) for i in range(len(cuts))], Choice(SECTORS, method=method))
        np.testing.assert_array_equal(sum(z.kg for z in found), stock.cells.kg.sum(axis=1))
