# SPDX-License-Identifier: Apache-2.0
"""The order along a Hilbert curve, and columns of bytes that are picked from."""

import numpy as np
import shapely

from carbongrid.geometry.hilbert import along_curve
from carbongrid.geometry.wkb import Wkb


def test_each_place_is_a_neighbour_of_the_one_before() -> None:
    """The property that makes it Hilbert's curve: it fills a square without a jump."""
    side = 64
    x, y = (v.ravel().astype(float) for v in np.meshgrid(np.arange(side), np.arange(side)))
    order = along_curve(x, y)
    assert sorted(order.tolist()) == list(range(side * side))
    step = np.abs(np.diff(x[order])) + np.abs(np.diff(y[order]))
    assert (step == 1).all()


def test_points_at_one_place_keep_their_order() -> None:
    assert along_curve(np.full(5, 7.0), np.full(5, -3.0)).tolist() == [0, 1, 2, 3, 4]
    assert along_curve(np.empty(0), np.empty(0)).tolist() == []


def test_runs_of_rows_are_compact() -> None:
    """Boxes around runs of 1,024 random points cover the square about once; in random order, every run covers it."""
    rng = np.random.default_rng(1)
    x, y = rng.uniform(size=(2, 65_536))
    order = along_curve(x, y)
    runs = np.stack([x[order], y[order]], axis=1).reshape(64, 1024, 2)
    assert np.prod(np.ptp(runs, axis=1), axis=1).sum() < 2


def test_geometries_that_are_picked_are_those_of_their_rows() -> None:
    shapes = [shapely.Point(i, 0).buffer(1 + i % 3, quad_segs=1 + i % 5) for i in range(50)]
    column = Wkb.from_shapely([*shapes, None])
    rows = np.array([50, 3, 3, 49, 0], np.int64)
    taken = column.take(rows)
    assert len(taken) == 5
    found = taken.to_shapely()
    assert found[0] is None
    assert [shapely.equals_exact(a, shapes[i]) for a, i in zip(found[1:], rows[1:], strict=True)] == [True] * 4
