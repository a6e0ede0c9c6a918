# SPDX-License-Identifier: Apache-2.0
"""Laws of splitting over cells and regions, on drawn shapes: nothing is lost, wherever a line is cut."""

import numpy as np
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st
from shapely import Polygon
from shapely.ops import split as divided

from carbongrid.coverage import parts
from carbongrid.geometry.wkb import Wkb
from carbongrid.pieces import apportion, pieces, roll_up
from tests.model.town import BEYOND, PLACE, Town
from tests.shapes import complement, placed

INNER = st.integers(50, 2450).map(lambda m: m + 0.25)
"""Metres from the window's corner, well inside of it."""
POINTS = st.tuples(INNER, INNER)


def convex(points: list[tuple[float, float]]) -> Polygon:
    """The hull of drawn points, of 100 m2 at least."""
    hull = shapely.MultiPoint(points).convex_hull
    assume(isinstance(hull, Polygon) and hull.area > 100)
    assert isinstance(hull, Polygon)
    return hull


HULLS = st.lists(POINTS, min_size=3, max_size=9)


@given(
    total=st.integers(-(10**9), 10**12),
    weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=50),
    data=st.data(),
)
def test_a_total_is_kept_and_no_part_is_a_kilogram_off(total, weights, data):
    n = len(weights)
    cells = data.draw(st.lists(st.integers(0, 10**9), min_size=n, max_size=n, unique=True))
    weight = np.array(weights)
    found = apportion(np.array([0, n]), np.array([total]), weight, np.array(cells))
    exact = total * (weight / weight.sum())
    assert found.sum() == total
    assert np.abs(found - exact).max() < 1 + 1e-3


@given(points=HULLS, first=POINTS, second=POINTS, kg=st.integers(0, 10**8))
def test_a_polygon_cut_in_two_has_the_same_cells(points, first, second, kg):
    hull, (a, b) = convex(points), (np.array(first), np.array(second))
    assume(np.hypot(*(b - a)) > 1)
    halves = divided(hull, shapely.LineString([a - 1e4 * (b - a), b + 1e4 * (b - a)])).geoms
    assume(len(halves) == 2 and min(h.area for h in halves) > 1)
    whole, two = (parts(Wkb.from_shapely(placed(list(s), PLACE)), PLACE) for s in ([hull], halves))
    m2 = [np.bincount(p.cell, p.measure, PLACE.size) for p in (whole, two)]
    assert np.abs(m2[0] - m2[1]).max() < 1e-3
    shares = apportion(np.array([0, 2]), np.array([kg]), two.total, np.arange(2))
    one = pieces(whole, np.zeros(1, np.int32), np.array([kg]), PLACE)
    other = pieces(two, np.arange(2, dtype=np.int32), shares, PLACE)
    assert one.kg.sum() == other.kg.sum() == kg
    by_cell = [np.bincount(np.repeat(p.cells, np.diff(p.ptr)), p.kg, PLACE.size) for p in (one, other)]
    assert np.abs(by_cell[0] - by_cell[1]).max() <= 3, "a kilogram a piece: one of the whole, two of the halves"


@given(source=HULLS, region=HULLS, kg=st.integers(0, 10**9))
def test_a_region_and_its_complement_are_the_whole(source, region, kg):
    town = Town.of(placed([convex(source)], PLACE), np.array([[kg, kg // 3, 7]]))
    inside = placed([convex(region)], PLACE)[0]
    within, beyond = town.sums(inside), town.sums(complement(inside, BEYOND))
    assert np.array_equal(within.kg + beyond.kg, town.kg)
    assert town.kg.tolist() == [kg, kg // 3, 7]


@given(kg=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=60), data=st.data())
def test_coarser_cells_sum_to_the_same(kg, data):
    parent = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(kg), max_size=len(kg))))
    coarse = roll_up(np.array([kg]), parent, 5)
    assert coarse.sum() == sum(kg)
    assert coarse[0].tolist() == [sum(v for v, p in zip(kg, parent, strict=True) if p == i) for i in range(5)]
