# SPDX-License-Identifier: Apache-2.0
"""The part of a region around an object: the same answers as from the whole region, whatever else was asked."""

import pickle

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from carbongrid.nearby import FEW, SIDES, Nearby
from tests.shapes import star

Shapes = NDArray[np.object_]


@pytest.fixture(scope="module")
def coast() -> shapely.MultiPolygon:
    """A mainland 60 km across with a lake, and islands; thousands of vertices."""
    rng = np.random.default_rng(4)
    mainland = star(rng, 0, 0, 30_000, 3_000, hole=True)
    islands = [star(rng, 40_000 + 900 * i, -5_000, 300, 12) for i in range(30)]
    region = shapely.MultiPolygon([mainland, *islands])
    assert shapely.get_num_coordinates(region) > FEW
    return region


@pytest.fixture(scope="module")
def houses() -> Shapes:
    rng = np.random.default_rng(5)
    at = rng.uniform([-34_000, -34_000], [68_000, 34_000], (4_000, 2))
    small = shapely.box(*at.T, *(at + rng.uniform(5, 60, (4_000, 2))).T)
    large = [star(rng, *rng.uniform(-30_000, 30_000, 2), r, 20) for r in (900, 4_000, 20_000, 90_000)]
    return np.array([*small, *large, shapely.Polygon()], object)


def test_answers_are_those_of_the_whole_region(coast: shapely.MultiPolygon, houses: Shapes) -> None:
    near, boxes = Nearby(coast), shapely.bounds(houses)
    meets, lies = near.intersects(boxes, houses), near.covers(boxes, houses)
    assert np.array_equal(meets, shapely.intersects(coast, houses))
    assert np.array_equal(lies, shapely.covers(coast, houses))
    assert 0 < lies.sum() < meets.sum() < len(houses)
    cut, wanted = near.intersection(houses), shapely.intersection(coast, houses)
    assert np.allclose(shapely.area(cut), shapely.area(wanted), rtol=0, atol=1e-4)
    assert shapely.is_valid(cut).all()


def test_a_cut_does_not_depend_on_what_else_was_asked(coast: shapely.MultiPolygon, houses: Shapes) -> None:
    together = Nearby(coast).intersection(houses)
    for some in (houses[::7], houses[::-1][:50]):
        alone = Nearby(coast).intersection(some)
        same = together[::7] if len(some) > 50 else together[::-1][:50]
        assert shapely.to_wkb(alone).tolist() == shapely.to_wkb(same).tolist()


def test_an_object_is_served_by_a_small_part(coast: shapely.MultiPolygon) -> None:
    near = Nearby(coast)
    (part,) = near.around(np.array([[29_000.0, 10.0, 29_020.0, 30.0]]))
    assert shapely.get_num_coordinates(part) < 0.2 * shapely.get_num_coordinates(coast)
    assert shapely.bounds(part)[2] - shapely.bounds(part)[0] <= 1.5 * SIDES[0]
    copy = pickle.loads(pickle.dumps(near))
    assert copy.around(np.array([[29_000.0, 10.0, 29_020.0, 30.0]]))[0].equals_exact(part, 0)


def test_what_only_touches_the_region_meets_it() -> None:
    teeth = [(x, 0.0 if i % 2 else -1.0) for i, x in enumerate(np.linspace(0, 10_000, 1_001))]
    region = shapely.Polygon([*teeth, (10_000, 10_000), (0, 10_000)])
    on_edge = np.array(
        [shapely.LineString([(0, 500), (0, 900)]), shapely.box(-50, 500, 0, 900), shapely.box(-50, 500, -1, 900)],
        object,
    )
    near, boxes = Nearby(region), shapely.bounds(on_edge)
    assert near.intersects(boxes, on_edge).tolist() == [True, True, False]
    assert near.covers(boxes, on_edge).tolist() == [True, False, False]
