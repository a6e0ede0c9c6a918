# SPDX-License-Identifier: Apache-2.0
"""Area and length in cells, against numbers seen by eye and against shapely cell by cell."""

import numpy as np
import pytest
import shapely

from carbongrid.coverage import Parts, measures, parts, shares
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from tests.shapes import cut_by_cells, local, measure, placed, squares, star, window

SMALL = Window(Grid(5179, 100), 0, 3, 4, 3)
"""4 x 3 cells from the origin; flat indices 0..3 in the north, 8..11 in the south."""


def split(*shapes: shapely.Geometry, on: Window = SMALL) -> Parts:
    return parts(Wkb.from_shapely(list(shapes)), on)


def by_cell(found: Parts) -> dict[int, float]:
    return dict(zip(found.cell.tolist(), found.measure.tolist(), strict=True))


def test_a_square_over_four_cells() -> None:
    found = split(shapely.box(90, 80, 130, 110))
    assert by_cell(found) == pytest.approx({8: 200.0, 9: 600.0, 4: 100.0, 5: 300.0}, rel=1e-14)
    assert found.cell.tolist() == [4, 5, 8, 9]
    assert found.total == pytest.approx([1200.0], rel=1e-14)
    assert found.outside.tolist() == [0.0]


def test_a_hole_and_two_polygons() -> None:
    ring = shapely.box(0, 0, 100, 100).difference(shapely.box(20, 20, 80, 80))
    found = split(shapely.MultiPolygon([ring, shapely.box(350, 250, 390, 300)]))
    assert by_cell(found) == pytest.approx({8: 6400.0, 3: 2000.0}, rel=1e-14)


def test_edges_on_the_lattice_stay_in_their_cells() -> None:
    assert by_cell(split(shapely.box(100, 100, 300, 200))) == {5: 10_000.0, 6: 10_000.0}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([(50, 50), (250, 50)], {8: 50.0, 9: 100.0, 10: 50.0}),
        ([(50, 100), (250, 100)], {4: 50.0, 5: 100.0, 6: 50.0}),  # on a lattice line: the cells north of it
        ([(100, 50), (100, 250)], {9: 50.0, 5: 100.0, 1: 50.0}),  # the cells east of it
        (
            [(0, 0), (300, 300)],
            {8: 141.42135623730951, 5: 141.42135623730951, 2: 141.42135623730951},
        ),  # through corners
        ([(10, 10), (10, 10), (10, 30)], {8: 20.0}),
    ],
)
@pytest.mark.parametrize("turn", [False, True])
def test_lines(line: list[tuple[float, float]], expected: dict[int, float], turn: bool) -> None:
    found = by_cell(split(shapely.LineString(line[::-1] if turn else line)))
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("box", "inside", "cells"),
    [
        ((-60, 10, 40, 20), 400.0, [8]),
        ((360, 10, 460, 20), 400.0, [11]),
        ((10, -60, 20, 40), 400.0, [8]),
        ((10, 260, 20, 360), 400.0, [0]),
        ((-1000, -1000, 1000, 1000), 120_000.0, list(range(12))),
        ((-60, -60, -10, -10), 0.0, []),
        ((500, 10, 600, 20), 0.0, []),
        ((0, 0, 400, 300), 120_000.0, list(range(12))),  # exactly the window
    ],
)
def test_what_leaves_the_window_is_clipped_and_counted(box: tuple[float, ...], inside: float, cells: list[int]) -> None:
    shape = shapely.box(*box)
    found = split(shape, shape.reverse())
    assert found.total == pytest.approx([inside] * 2)
    assert found.outside == pytest.approx([shape.area - inside] * 2)
    assert found.cell.tolist() == cells * 2


def test_a_triangle_that_crosses_every_side() -> None:
    triangle = shapely.Polygon([(-200, -100), (700, 100), (100, 600)])
    found = split(triangle)
    _, cell, pieces = cut_by_cells([triangle], SMALL)
    assert by_cell(found) == pytest.approx(dict(zip(cell.tolist(), shapely.area(pieces), strict=True)), rel=1e-12)
    assert found.total[0] + found.outside[0] == pytest.approx(triangle.area, rel=1e-14)


def test_lines_that_leave_the_window_are_counted() -> None:
    found = split(
        shapely.LineString([(-50, 50), (450, 50)]),
        shapely.MultiLineString([[(10, -30), (10, 20)], [(900, 0), (900, 7)]]),
    )
    assert found.total == pytest.approx([400.0, 20.0])
    assert found.outside == pytest.approx([100.0, 37.0])


def test_nothing_gives_nothing() -> None:
    found = split(shapely.Polygon(), shapely.LineString([(5, 5), (5, 5)]), shapely.box(10, 10, 20, 20))
    assert found.source.tolist() == [2]
    assert found.total.tolist() == [0.0, 0.0, 100.0]
    assert found.start.tolist() == [0, 0, 0, 1]
    assert len(split().cell) == 0


@pytest.mark.parametrize("kind", ["polygons", "lines"])
def test_against_shapely_cell_by_cell(kind: str) -> None:
    rng, place = np.random.default_rng(2), window(40, 40)
    shapes = []
    for i in range(150):
        x, y, radius = *rng.uniform(0, 4000, 2), 10 ** rng.uniform(0.3, 2.8)
        shape = star(rng, x, y, radius, int(rng.integers(3, 60)), hole=i % 2 == 0)
        if i % 3 == 0:
            shape = shapely.MultiPolygon([shape, star(rng, x + 2.5 * radius, y, radius / 2, 9)])
        shapes.append((shape.reverse() if i % 4 == 0 else shape) if kind == "polygons" else shape.boundary)
    shapes = placed(shapes, place)
    found = parts(Wkb.from_shapely(shapes), place)
    ours, theirs = np.zeros((2, len(shapes), place.size))
    np.add.at(ours, (found.source, found.cell), found.measure)
    source, cell, pieces = cut_by_cells(shapes, place)
    np.add.at(theirs, (source, cell), measure(pieces))
    own = measure(shapes)
    assert (np.abs(ours - theirs).max(axis=1) / own).max() < 1e-9
    assert found.total + found.outside == pytest.approx(own, rel=1e-9)
    assert (found.outside > 0).sum() > 5


def test_ring_direction_does_not_matter() -> None:
    rng, place = np.random.default_rng(8), window()
    shapes = placed([star(rng, 1000, 1000, 600, 40, hole=True) for _ in range(20)], place)
    forward, backward = (parts(Wkb.from_shapely(s), place) for s in (shapes, shapely.reverse(shapes)))
    assert np.array_equal(forward.cell, backward.cell)
    assert forward.measure == pytest.approx(backward.measure, rel=0, abs=1e-10)


def test_the_window_does_not_matter() -> None:
    rng, near, far = np.random.default_rng(9), window(20, 20), window(60, 50, left=9_480, bottom=19_380)
    shapes = placed([star(rng, *rng.uniform(500, 1500, 2), 300, 30) for _ in range(50)], near)
    a, b = (parts(Wkb.from_shapely(shapes), w) for w in (near, far))
    assert np.array_equal(a.measure, b.measure)
    assert [near.cell(i) for i in a.cell] == [far.cell(i) for i in b.cell]


def test_measures_of_whole_geometries() -> None:
    ring = shapely.box(0, 0, 50, 10).difference(shapely.box(1, 1, 2, 2))
    shapes = [
        ring.reverse(),
        shapely.MultiPolygon([ring, shapely.box(60, 0, 61, 1)]),
        shapely.LineString([(0, 0), (3, 4), (3, 5)]),
        shapely.Polygon(),
    ]
    assert measures(Wkb.from_shapely(shapes)).tolist() == [499.0, 500.0, 6.0, 0.0]


def test_shares_of_a_boundary_are_exact_where_cells_are_whole() -> None:
    place = window(30, 20)
    boundary = placed([star(np.random.default_rng(4), 1500, 1000, 950, 25, hole=True)], place)[0]
    found = shares(boundary, place)
    assert found.shape == (20, 30)
    _, cell, pieces = cut_by_cells([boundary], place)
    expected = np.zeros(place.size)
    expected[cell] = shapely.area(pieces) / 1e4
    assert found.ravel() == pytest.approx(expected, abs=1e-11)
    whole = shapely.contains(local([boundary], place)[0], squares(place, np.arange(place.size)))
    assert (found.ravel()[whole] == 1.0).all()
    assert whole.sum() > 50
    assert (found == 0.0).sum() > 50


def test_shares_work_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    place = window(30, 20)
    boundary = placed([star(np.random.default_rng(4), 1500, 1000, 1300, 60)], place)[0]
    whole = shares(boundary, place)
    monkeypatch.setattr("carbongrid.coverage._STRIP", 90)
    assert shares(boundary, place) == pytest.approx(whole, abs=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_coordinates_that_are_not_finite_are_refused(bad: float) -> None:
    with np.errstate(invalid="ignore"):
        wkb = Wkb.from_shapely([shapely.box(0, 0, 1, 1), shapely.LineString([(0, 0), (5, bad)])])
    with pytest.raises(InvalidInput, match="geometry 1 has coordinates that are not finite"):
        parts(wkb, SMALL)


def test_other_kinds_are_refused() -> None:
    with pytest.raises(
        InvalidInput, match=r"geometry 1 is no 2-D little-endian WKB.*Polygon, MultiPolygon, LineString"
    ):
        split(shapely.box(0, 0, 1, 1), shapely.Point(0, 0))
    blob = np.frombuffer(shapely.to_wkb(shapely.box(0, 0, 1, 1), byte_order=0), np.uint8)
    with pytest.raises(InvalidInput, match="geometry 0"):
        measures(Wkb(blob, np.array([0, len(blob)])))


def test_unaligned_bytes_are_read_as_they_are() -> None:
    wkb = Wkb.from_shapely([shapely.box(10, 10, 30, 20)])
    for shift in range(8):
        moved = Wkb(np.r_[np.zeros(shift, np.uint8), wkb.data], wkb.offsets + shift)
        assert measures(moved).tolist() == [200.0]
