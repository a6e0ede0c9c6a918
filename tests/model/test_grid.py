# SPDX-License-Identifier: Apache-2.0
"""Grids, codes and windows: every function and its inverse."""

import numpy as np
import pytest

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput
from carbongrid.grid import Axis, Cell, Grid, Window, kr_code, parse_kr_code

RNG = np.random.default_rng(26)
KOREA = Grid(5179, 100)


@pytest.mark.parametrize(
    ("lon", "lat", "size", "code"),
    [
        (126.9780, 37.5665, 1000, "다사5352"),  # Seoul city hall
        (126.9780, 37.5665, 100, "다사539520"),
        (126.9780, 37.5665, 10, "다사53905203"),
        (126.9395916, 37.6127044, 10, "다사50535717"),  # as published for a Seoul trail
    ],
)
def test_t26_korean_code_of_known_places(lon: float, lat: float, size: int, code: str) -> None:
    cell = Grid(5179, size).cell_at(*transformer(CRS84, "EPSG:5179").transform(lon, lat))
    assert kr_code(cell) == code
    assert parse_kr_code(code) == cell


@pytest.mark.parametrize(("size", "code"), [(500, "다마71b61b"), (100, "다마715615"), (1000, "다마7161")])
def test_korean_code_of_published_sample(size: int, code: str) -> None:
    assert kr_code(Grid(5179, size).cell_at(971_500, 1_761_500)) == code


@pytest.mark.parametrize("size", [10, 100, 500, 1000])
def test_korean_code_and_its_inverse(size: int) -> None:
    for east, north in RNG.uniform((700_000, 1_300_000), (1_400_000, 2_100_000), (200, 2)):
        cell = Grid(5179, size).cell_at(east, north)
        assert parse_kr_code(kr_code(cell)) == cell


@pytest.mark.parametrize(
    "text", ["", "다사", "하사5352", "다하5352", "다사535", "다사53521", "다사53c52a", "5352다사", " 다사5352"]
)
def test_what_is_no_korean_code(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a Korean grid code"):
        parse_kr_code(text)


def test_cells_of_other_sizes_have_no_korean_code() -> None:
    with pytest.raises(InvalidInput, match="cells of 25 m have no Korean code"):
        kr_code(Cell(25, 40_000, 80_000))


@pytest.mark.parametrize("epsg", [5179, 32642, 25832])
@pytest.mark.parametrize("size", [10, 100, 500, 1000])
def test_code_and_its_inverse(epsg: int, size: int) -> None:
    grid = Grid(epsg, size)
    for east, north in RNG.uniform(-2e6, 6e6, (100, 2)):
        cell = grid.cell_at(east, north)
        assert grid.parse(grid.code(cell)) == cell
        assert cell.west <= east < cell.west + size
        assert cell.south <= north < cell.south + size


def test_code_is_the_south_west_corner() -> None:
    assert KOREA.code(KOREA.cell_at(953_050, 1_945_099.9)) == "CRS5179RES100mN1945000E953000"
    assert KOREA.coarsen(10).code(Cell(1000, 953, 1945)) == "CRS5179RES1000mN1945000E953000"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("CRS5179RES100mN1945000", "is not a cell code"),
        ("CRS5179RES100mN1945000E953000 ", "is not a cell code"),
        ("CRS5186RES100mN1945000E953000", "is no cell of EPSG:5179"),
        ("CRS5179RES500mN1945000E953000", "is no cell of EPSG:5179 at 100 m"),
        ("CRS5179RES100mN1945050E953000", "is no cell"),
    ],
)
def test_what_is_no_code(text: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        KOREA.parse(text)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2263", "EPSG:999999", "nonsense"])
def test_a_grid_needs_a_projected_crs_in_metres(crs: str) -> None:
    with pytest.raises(InvalidInput, match=crs):
        Grid.of(crs, 100)


def test_axis_and_its_inverse() -> None:
    axis = Axis(100)
    assert [axis.bin(x) for x in (-0.1, 0, 99.9, 100)] == [-1, 0, 0, 1]
    for x in RNG.uniform(-1e6, 1e6, 200):
        lower, upper = axis[axis.bin(x)]
        assert lower <= x < upper


def test_window_around_bounds() -> None:
    found = Window.around(KOREA, (953_050.0, 1_945_001.0, 954_200.0, 1_946_999.0), 1000)
    assert found.bounds == (953_000.0, 1_945_000.0, 955_000.0, 1_947_000.0)
    assert (found.ncol, found.nrow, found.size) == (20, 20, 400)


def test_window_index_and_its_inverse() -> None:
    window = Window(KOREA, -3, 8, 7, 5)
    assert [window.index(window.cell(i)) for i in range(window.size)] == list(range(35))
    assert window.cell(0) == Cell(100, -3, 7)  # north-west
    assert window.cell(34) == Cell(100, 3, 3)  # south-east
    assert window.index(Cell(100, -4, 7)) is None
    assert window.index(Cell(100, -3, 8)) is None
    west, south = window.corners(np.arange(35))
    assert [(w, s) for w, s in zip(west, south, strict=True)] == [
        (window.cell(i).west, window.cell(i).south) for i in range(35)
    ]


@pytest.mark.parametrize("factor", [2, 5, 10])
def test_a_parent_holds_its_children(factor: int) -> None:
    window = Window(KOREA, -20, 40, 30, 20)
    coarse = window.coarsen(factor)
    assert coarse.bounds == window.bounds
    index = np.arange(window.size)
    for i, parent in zip(index, window.parents(index, factor), strict=True):
        cell = window.cell(i)
        assert coarse.cell(parent) == coarse.grid.cell_at(cell.west, cell.south)


def test_a_window_off_the_coarser_lattice_has_no_parents() -> None:
    with pytest.raises(InvalidInput, match="lattice 5 times coarser"):
        Window(KOREA, 1, 10, 10, 10).coarsen(5)
