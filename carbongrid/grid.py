# SPDX-License-Identifier: Apache-2.0
"""Regular grids of square cells on a projected CRS: axes, cells, windows, codes, each with its inverse.

Coordinates are (easting, northing) in metres, always in that order. A grid's lattice passes through the
origin (0, 0) of its CRS, so grids of 100 m, 500 m and 1 km on one CRS nest exactly.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import floor
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from carbongrid.errors import InvalidInput

_CODE = re.compile(r"CRS(\d+)RES(\d+)mN(-?\d+)E(-?\d+)")
_EAST = "가나다라마바사"
_NORTH = "가나다라마바사아"


@dataclass(frozen=True, slots=True)
class Axis:
    """Equal bins along one axis through 0: ``axis.bin(x)`` and ``axis[i]`` are inverses."""

    step: int

    def bin(self, x: float) -> int:
        """Index of the half-open bin [lower, upper) that holds ``x`` (metres)."""
        return floor(x / self.step)

    def __getitem__(self, i: int) -> tuple[int, int]:
        return i * self.step, (i + 1) * self.step


class Cell(NamedTuple):
    """One grid square: its size in metres and its column and row counted from the CRS origin."""

    size: int
    col: int
    row: int

    @property
    def west(self) -> int:
        """Easting of the south-west corner, m."""
        return self.col * self.size

    @property
    def south(self) -> int:
        """Northing of the south-west corner, m."""
        return self.row * self.size


@dataclass(frozen=True, slots=True)
class Grid:
    """A lattice of square cells of ``cell_size`` metres on the projected CRS ``EPSG:{epsg}``."""

    epsg: int
    cell_size: int

    @classmethod
    def of(cls, crs: str, cell_size: int) -> Self:
        """Grid on a CRS given as text (``"EPSG:5179"``); InvalidInput unless projected, in metres, with a code."""
        return cls(projected_epsg(crs), cell_size)

    @property
    def crs(self) -> str:
        """The CRS as authority text, e.g. ``EPSG:5179``."""
        return f"EPSG:{self.epsg}"

    @property
    def axis(self) -> Axis:
        """Both axes: the same bins from the origin."""
        return Axis(self.cell_size)

    def cell_at(self, easting: float, northing: float) -> Cell:
        """The cell that holds a point; points on a lattice line belong to the cell north-east of it."""
        return Cell(self.cell_size, self.axis.bin(easting), self.axis.bin(northing))

    def code(self, cell: Cell) -> str:
        """Code by the south-west corner, e.g. ``CRS5179RES100mN1945000E953000`` (Reg. (EU) 2018/1799 Art. 3)."""
        return f"CRS{self.epsg}RES{cell.size}mN{cell.south}E{cell.west}"

    def parse(self, code: str) -> Cell:
        """Inverse of :meth:`code`; InvalidInput for another CRS, another size or a corner off the lattice."""
        match = _CODE.fullmatch(code)
        if match is None:
            raise InvalidInput(f"'{code}' is not a cell code", allowed=[f"CRS{self.epsg}RES{self.cell_size}mN…E…"])
        epsg, size, north, east = (int(g) for g in match.groups())
        if (epsg, size) != (self.epsg, self.cell_size) or north % size or east % size:
            raise InvalidInput(f"'{code}' is no cell of {self.crs} at {self.cell_size} m")
        return Cell(size, east // size, north // size)

    def coarsen(self, factor: int) -> Self:
        """The grid whose cells are ``factor`` x ``factor`` of these."""
        return type(self)(self.epsg, self.cell_size * factor)


@lru_cache(maxsize=64)
def projected_epsg(crs: str) -> int:
    """EPSG number of a projected CRS in metres; InvalidInput naming what is wrong otherwise."""
    try:
        parsed = CRS.from_user_input(crs)
    except Exception as error:
        raise InvalidInput(f"'{crs}' is not a known CRS", allowed=["EPSG:<code>"]) from error
    epsg = parsed.to_epsg()
    if epsg is None or not parsed.is_projected or any(a.unit_name != "metre" for a in parsed.axis_info):
        raise InvalidInput(
            f"'{crs}' is not a projected CRS in metres with an EPSG code", allowed=["EPSG:5179", "EPSG:32642", "…"]
        )
    return epsg


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of cells. Arrays over it have shape (nrow, ncol), **row 0 in the north**, C order.

    ``left`` is the grid column of its west edge, ``top`` the grid row just north of its north edge
    (so the northernmost cells have grid row ``top - 1``). A flat index is ``row * ncol + col``, int64.
    """

    grid: Grid
    left: int
    top: int
    ncol: int
    nrow: int

    @classmethod
    def around(cls, grid: Grid, bounds: tuple[float, float, float, float], align: int) -> Self:
        """Smallest window over (west, south, east, north) metres whose edges are multiples of ``align`` metres."""
        west, south, east, north = bounds
        k = align // grid.cell_size
        left, bottom = floor(west / align) * k, floor(south / align) * k
        right, top = (floor(east / align) + 1) * k, (floor(north / align) + 1) * k
        return cls(grid, left, top, right - left, top - bottom)

    @property
    def west(self) -> float:
        """Easting of the west edge, m."""
        return float(self.left * self.grid.cell_size)

    @property
    def north(self) -> float:
        """Northing of the north edge, m."""
        return float(self.top * self.grid.cell_size)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(west, south, east, north) in metres."""
        size = self.grid.cell_size
        return self.west, self.north - self.nrow * size, self.west + self.ncol * size, self.north

    @property
    def size(self) -> int:
        """Number of cells."""
        return self.nrow * self.ncol

    def index(self, cell: Cell) -> int | None:
        """Flat index of a cell, or None outside the window."""
        row, col = self.top - 1 - cell.row, cell.col - self.left
        return row * self.ncol + col if 0 <= row < self.nrow and 0 <= col < self.ncol else None

    def cell(self, index: int) -> Cell:
        """Inverse of :meth:`index`."""
        row, col = divmod(int(index), self.ncol)
        return Cell(self.grid.cell_size, self.left + col, self.top - 1 - row)

    def corners(self, index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """South-west corners (easting, northing) in metres of many cells, int64, same shape as ``index``."""
        row, col = np.divmod(index, self.ncol)
        size = self.grid.cell_size
        return (self.left + col) * size, (self.top - 1 - row) * size

    def coarsen(self, factor: int) -> Self:
        """The same rectangle on cells ``factor`` times as wide; its edges must lie on that lattice."""
        if any(v % factor for v in (self.left, self.top, self.ncol, self.nrow)):
            raise InvalidInput(f"the window does not lie on a lattice {factor} times coarser")
        grid = self.grid.coarsen(factor)
        return type(self)(grid, self.left // factor, self.top // factor, self.ncol // factor, self.nrow // factor)

    def parents(self, index: NDArray[np.int64], factor: int) -> NDArray[np.int64]:
        """Flat index in ``coarsen(factor)`` of the cell that holds each of these cells."""
        row, col = np.divmod(index, self.ncol)
        parent: NDArray[np.int64] = (row // factor) * (self.ncol // factor) + col // factor
        return parent


def kr_code(cell: Cell) -> str:
    """National point number style code of a 1 km, 500 m, 100 m or 10 m cell of EPSG:5179, e.g. ``다마71b61b`` (500 m).

    Letters name the 100 km square counted from (700000, 1300000): easting first. 1 km has 2+2 digits,
    100 m 3+3, 10 m 4+4; 500 m has the kilometre digits with a (lower half) or b (upper half) each.
    """
    east, north = cell.west - 700_000, cell.south - 1_300_000
    letters = _EAST[east // 100_000] + _NORTH[north // 100_000]
    return letters + _digits(east % 100_000, cell.size) + _digits(north % 100_000, cell.size)


def _digits(metres: int, size: int) -> str:
    if size == 500:
        return f"{metres // 1000:02d}{'ab'[metres % 1000 // 500]}"
    width = {1000: 2, 100: 3, 10: 4}.get(size)
    if width is None:
        raise InvalidInput(f"cells of {size} m have no Korean code", allowed=[10, 100, 500, 1000])
    return f"{metres // size:0{width}d}"


def parse_kr_code(code: str) -> Cell:
    """Inverse of :func:`kr_code`; InvalidInput where the text is no such code."""
    match = re.fullmatch(
        rf"([{_EAST}])([{_NORTH}])(?:(\d\d[ab])(\d\d[ab])|(\d{{2}})(\d{{2}})|(\d{{3}})(\d{{3}})|(\d{{4}})(\d{{4}}))",
        code,
    )
    if match is None:
        raise InvalidInput(
            f"'{code}' is not a Korean grid code", allowed=["다사5352", "다마71b61b", "다사539520", "다사53905203"]
        )
    east, north = (g for g in match.groups()[2:] if g is not None)
    size = 500 if east[-1] in "ab" else {2: 1000, 3: 100, 4: 10}[len(east)]
    origin_east = 700_000 + 100_000 * _EAST.index(match[1])
    origin_north = 1_300_000 + 100_000 * _NORTH.index(match[2])
    return Cell(size, (origin_east + _metres(east, size)) // size, (origin_north + _metres(north, size)) // size)


def _metres(digits: str, size: int) -> int:
    if size == 500:
        return int(digits[:2]) * 1000 + 500 * "ab".index(digits[2])
    return int(digits) * size
