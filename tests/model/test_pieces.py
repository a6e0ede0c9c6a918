# SPDX-License-Identifier: Apache-2.0
"""Whole kilograms: conservation first, then fairness, then independence of order and window."""

from itertools import pairwise

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from carbongrid.coverage import parts
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Pieces
from carbongrid.pieces import Running, apportion, cell_sums, identity, pieces, roll_up
from tests.shapes import placed, star, window

I64 = NDArray[np.int64]


def split(total: int, weights: list[float], cells: list[int] | None = None) -> list[int]:
    cell = np.arange(len(weights)) if cells is None else np.array(cells)
    return apportion(np.array([0, len(weights)]), np.array([total]), np.array(weights, float), cell).tolist()


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [
        (10, [1], [10]),
        (10, [1, 1], [5, 5]),
        (10, [6, 3, 1], [6, 3, 1]),
        (100, [1, 1, 1.01], [33, 33, 34]),
        (7, [0.5, 0.3, 0.2], [4, 2, 1]),  # 3.5, 2.1, 1.4: floors 3, 2, 1, and the one left goes to .5
        (5, [0.52, 0.26, 0.22], [3, 1, 1]),  # 2.6, 1.3, 1.1
        (-7, [0.5, 0.3, 0.2], [-4, -2, -1]),
        (0, [3, 2], [0, 0]),
        (1, [1e-9, 1, 1e-9], [0, 1, 0]),
        (3_000_000_001, [2.0, 1.0], [2_000_000_001, 1_000_000_000]),
    ],
)
def test_largest_remainder(total: int, weights: list[float], expected: list[int]) -> None:
    assert split(total, weights) == expected


def test_every_group_keeps_its_total() -> None:
    rng = np.random.default_rng(1)
    start = np.r_[0, np.cumsum(rng.integers(0, 40, 500))]
    total = np.where(np.diff(start) > 0, rng.integers(-(10**6), 10**9, 500), 0)
    weight, cell = rng.exponential(1, start[-1]), rng.integers(0, 10**6, start[-1])
    found = apportion(start, total, weight, cell)
    for a, b, kg in zip(start[:-1], start[1:], total, strict=True):
        exact = kg * weight[a:b] / weight[a:b].sum() if b > a else np.zeros(0)
        assert found[a:b].sum() == kg
        assert np.abs(found[a:b] - exact).max(initial=0) < 1


def test_ties_follow_the_cell_not_its_place_in_the_list() -> None:
    cells = np.arange(1000) * 7919
    shuffled = np.random.default_rng(3).permutation(cells)
    a, b = (dict(zip(c.tolist(), split(300, [1.0] * 1000, c.tolist()), strict=True)) for c in (cells, shuffled))
    assert a == b
    assert sum(a.values()) == 300


def test_ties_are_scattered() -> None:
    """By cell order the first 500 of 1000 equal cells would get all; hashed, halves and odd cells get their part."""
    got = np.array(split(500, [1.0] * 1000))
    assert 200 < got[:500].sum() < 300
    assert 200 < got[::2].sum() < 300


def test_rounding_noise_moves_nothing() -> None:
    """Remainders of n/32 kg, at the very edge of a decimal step, with noise of 1e-13."""
    rng = np.random.default_rng(4)
    for total in range(1, 200, 2):
        weight, cell = rng.integers(1, 9, 16) / 32, rng.integers(0, 10**9, 16).tolist()
        noisy = weight * (1 + rng.uniform(-1e-13, 1e-13, 16))
        assert split(total, weight.tolist(), cell) == split(total, noisy.tolist(), cell)


def city(n: int = 60, seed: int = 6) -> tuple[NDArray[np.object_], NDArray[np.int32], I64]:
    """Stars in metres from the window's corner, two to four lines each, kilograms."""
    rng = np.random.default_rng(seed)
    shapes = np.array([star(rng, *rng.uniform(500, 1500, 2), 10 ** rng.uniform(0.5, 2.6), 20) for _ in range(n)])
    source = np.repeat(np.arange(n, dtype=np.int32), rng.integers(2, 5, n))
    return shapes, source, rng.integers(0, 20_000, len(source))


def made(on: Window, near: Window) -> tuple[Pieces, NDArray[np.int32], I64]:
    shapes, source, kg = city()
    return pieces(parts(Wkb.from_shapely(placed(shapes, near)), on), source, kg, on), source, kg


def per_line(found: Pieces, lines: int) -> I64:
    return np.bincount(found.line, found.kg, lines).astype(np.int64)


def test_lines_equal_pieces_equal_cells() -> None:
    place = window()
    found, source, kg = made(place, place)
    assert np.array_equal(per_line(found, len(kg)), kg)
    band = (np.arange(len(source)) % 3).astype(np.int16)
    cells = cell_sums(found, band, 3)
    assert cells.sum(axis=1).tolist() == [int(kg[band == b].sum()) for b in range(3)]
    coarse = roll_up(cells, place.parents(found.cells, 5), 16)
    assert coarse.sum() == kg.sum()
    coarser = roll_up(coarse, place.coarsen(5).parents(np.arange(16), 2), 4)
    assert np.array_equal(coarser, roll_up(cells, place.parents(found.cells, 10), 4))


def test_pieces_stand_by_cell_then_line_and_hold_no_zero() -> None:
    place = window()
    found, _, _ = made(place, place)
    assert (np.diff(found.cells) > 0).all()
    assert found.ptr[[0, -1]].tolist() == [0, len(found.kg)]
    assert (found.kg != 0).all()
    assert all((np.diff(found.line[a:b]) > 0).all() for a, b in zip(found.ptr[:-1], found.ptr[1:], strict=True))
    assert (found.cells.dtype, found.line.dtype, found.kg.dtype) == (np.int64, np.int32, np.int64)


def test_the_window_does_not_matter() -> None:
    near, far = window(), window(50, 60, left=9_470, bottom=19_390)
    a, b = (made(w, near)[0] for w in (near, far))
    listed = [
        sorted(
            zip(
                found.line.tolist(),
                map(w.cell, np.repeat(found.cells, np.diff(found.ptr))),
                found.kg.tolist(),
                strict=True,
            )
        )
        for found, w in ((a, near), (b, far))
    ]
    assert listed[0] == listed[1]


def test_the_order_of_sources_and_the_direction_of_rings_do_not_matter() -> None:
    place = window()
    shapes, _, _ = city()
    kg = np.arange(len(shapes)) * 101 + 1
    order = np.random.default_rng(2).permutation(len(shapes))

    def made_of(rows: I64, turned: bool) -> Pieces:
        some = placed(shapes[rows], place)
        found = parts(Wkb.from_shapely(shapely.reverse(some) if turned else some), place)
        return pieces(found, np.arange(len(rows), dtype=np.int32), kg[rows], place)

    plain, mixed = made_of(np.arange(len(shapes)), False), made_of(order, True)
    cell = [np.repeat(p.cells, np.diff(p.ptr)).tolist() for p in (plain, mixed)]
    a = sorted(zip(cell[0], plain.line.tolist(), plain.kg.tolist(), strict=True))
    b = sorted(zip(cell[1], order[mixed.line].tolist(), mixed.kg.tolist(), strict=True))
    assert a == b


def test_lines_of_one_source_are_split_alike() -> None:
    place = window()
    shapes, _, _ = city(n=1)
    found = pieces(
        parts(Wkb.from_shapely(placed(shapes, place)), place), np.zeros(2, np.int32), np.array([777, 777]), place
    )
    assert np.array_equal(found.kg[found.line == 0], found.kg[found.line == 1])


def test_uniform_field() -> None:
    """T29: 1 t/ha over an irregular polygon: every whole cell of 1 ha gets 1 t, the sum is the area at every level."""
    place = window(30, 30)
    field = star(np.random.default_rng(29), 1500, 1500, 1400, 21, hole=True)
    kg = round(field.area / 10)
    found = parts(Wkb.from_shapely(placed([field], place)), place)
    split = pieces(found, np.zeros(1, np.int32), np.array([kg]), place)
    cells = np.zeros((1, place.size), np.int64)
    cells[:, split.cells] = cell_sums(split, np.zeros(1, np.int16), 1)
    whole = np.abs(found.measure - 10_000) < 1e-6
    assert whole.sum() > 50
    assert set(cells[0, found.cell[whole]]) <= {999, 1000, 1001}
    assert np.abs(cells[0, found.cell] - found.measure / 10).max() < 1.5
    for factor in (1, 5, 10):
        assert roll_up(cells, place.parents(np.arange(place.size), factor), place.size // factor**2).sum() == kg


def test_kilograms_without_a_place_are_refused() -> None:
    place = window()
    away = parts(Wkb.from_shapely([shapely.box(0, 0, 10, 10), *placed([shapely.box(0, 0, 9, 9)], place)]), place)
    nothing = pieces(away, np.arange(2, dtype=np.int32), np.array([0, 5]), place)
    assert (nothing.line.tolist(), nothing.kg.tolist()) == ([1], [5])
    with pytest.raises(InvalidInput, match="source 0 has 12 kg but no area or length inside the grid"):
        pieces(away, np.arange(2, dtype=np.int32), np.array([12, 5]), place)


def test_no_lines_give_no_pieces() -> None:
    place = window()
    found = pieces(parts(Wkb.from_shapely([]), place), np.zeros(0, np.int32), np.zeros(0, np.int64), place)
    assert (len(found.cells), found.ptr.tolist()) == (0, [0])
    assert cell_sums(found, np.zeros(0, np.int16), 2).shape == (2, 0)
    assert Running.from_pieces(found, np.zeros(0, np.int16), 2).sums.tolist() == [[0, 0]]


def test_running_sums_of_runs() -> None:
    running = Running.from_kg(np.array([[1, 2, 3, 4], [10, 0, 0, 5]]))
    assert running.sums.tolist() == [[0, 0], [1, 10], [3, 10], [6, 10], [10, 15]]
    assert running.over(np.array([[1, 3]])).tolist() == [5, 0]
    assert running.over(np.array([[0, 1], [3, 4]])).tolist() == [5, 15]
    assert running.over(np.zeros((0, 2), np.int64)).tolist() == [0, 0]


def test_identity_counts_from_the_crs_origin() -> None:
    near, far = window(), window(50, 60, left=9_470, bottom=19_390)
    index = np.arange(near.size)
    same = np.array([far.index(near.cell(i)) for i in index])
    assert np.array_equal(identity(near, index), identity(far, same))
    west = Window(Grid(5179, 100), -5, 5, 10, 10)
    assert len(set(identity(west, np.arange(100)).tolist())) == 100


def test_pieces_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Window(Grid(5179, 100), 0, 20, 20, 20)
    rng = np.random.default_rng(2)
    corner = rng.uniform(50, 1_500, (40, 2))
    boxes = [shapely.box(x, y, x + w, y + w) for (x, y), w in zip(corner, rng.uniform(5, 400, 40), strict=True)]
    split = parts(Wkb.from_shapely(boxes), place)
    source = np.sort(rng.integers(0, 40, 90)).astype(np.int32)
    kg = rng.integers(-50, 5_000, 90)
    whole = pieces(split, source, kg, place)
    monkeypatch.setattr("carbongrid.pieces._AT_A_TIME", 7)
    for name in ("cells", "ptr", "line", "kg"):
        np.testing.assert_array_equal(getattr(pieces(split, source, kg, place), name), getattr(whole, name))
    assert whole.kg.sum() == kg.sum()
    assert all((np.diff(whole.line[a:b]) > 0).all() for a, b in pairwise(whole.ptr))


def test_pieces_are_the_same_in_one_slice_and_in_many(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    shapes = placed([star(rng, *rng.uniform(300, 1700, 2), 290, 9) for _ in range(60)], window())
    split = parts(Wkb.from_shapely(shapes), window())
    source, kg = np.arange(60, dtype=np.int32), rng.integers(1, 10**6, 60)
    whole = pieces(split, source, kg, split.window)
    monkeypatch.setattr("carbongrid.pieces._AT_A_TIME", 50)
    sliced = pieces(split, source, kg, split.window)
    assert whole.kg.sum() == kg.sum()
    for name in ("cells", "ptr", "line", "kg"):
        assert np.array_equal(getattr(whole, name), getattr(sliced, name)), name
