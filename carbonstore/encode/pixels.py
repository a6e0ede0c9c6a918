# SPDX-License-Identifier: Apache-2.0
"""Which cell lies under the centre of every pixel of a tile: exactly as if each centre were projected by itself.

A pixel belongs to the cell whose square in the **grid's own CRS** holds its centre (south and west edges included), so
cells keep their exact borders in every tile matrix set. Only a lattice of centres is projected; the rest is
interpolated, and what falls nearer to a border than the interpolation can miss is projected after all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.crs import transformer
from carbongrid.grid import Window
from carbongrid.jit import kernel
from carbonstore.collections import quads
from carbonstore.collections.tms import TileMatrixSet

SIDE = 256
"""Pixels along the side of a tile."""
_STEP = 8
"""Pixels between two projected ones."""
_CONTROLS = SIDE // _STEP + 1
_NOWHERE, _DOUBTFUL = -1, -2
F64 = NDArray[np.float64]
Ints = NDArray[np.int64]
Block = tuple[int, int, int, int]


@dataclass(frozen=True)
class Pixels:
    """The cells under a tile: ``block`` (row0, row1, col0, col1) of a window, half open, holds all of them.

    ``cell`` int32 (256, 256), row 0 in the north: flat number of the cell in the block, -1 outside the window.
    """

    block: Block
    cell: NDArray[np.int32]


def under_tile(window: Window, tiles: TileMatrixSet, z: int, x: int, y: int) -> Pixels | None:
    """The cells of a window under a tile's pixels; None where the tile lies beside it. NotFound outside the matrix."""
    west, _, _, north = tiles.bounds(z, x, y)
    pixel = tiles.side / (1 << z) / SIDE
    at = (np.arange(_CONTROLS) * _STEP + 0.5) * pixel
    x_at, y_at = np.meshgrid(west + at, north - at)
    easting, northing = _project(x_at, y_at, tiles, window)
    if not (np.isfinite(easting).all() and np.isfinite(northing).all()):
        return None  # no tile of a grid's own extent reaches beyond its projection
    miss = max(_miss(easting), _miss(northing))
    size = window.grid.cell_size
    ends = easting.min() - size, northing.min() - size, easting.max() + size, northing.max() + size
    block = quads.clip(window, ends)
    if block is None:
        return None
    part = quads.part(window, block)
    cell = _interpolated(easting, northing, part.west, part.north, float(size), miss, part.nrow, part.ncol)
    _settle(cell, (west, north), pixel, tiles, part)
    return Pixels(block, cell)


def _project(x: F64, y: F64, tiles: TileMatrixSet, window: Window) -> tuple[F64, F64]:
    """Easting and northing in the grid's CRS of points of a tile matrix set."""
    if tiles.crs == window.grid.crs:
        return x, y
    easting, northing = transformer(tiles.crs, window.grid.crs).transform(x, y)
    return np.asarray(easting), np.asarray(northing)


def _miss(values: F64) -> float:
    """Metres by which interpolation in a lattice may miss: what it misses, in one twice as coarse, of this one.

    That is four times as much as is to be expected, for the error grows with the square of the step.
    """
    c = values[::2, ::2]
    rows, columns = (c[1:] + c[:-1]) / 2, (c[:, 1:] + c[:, :-1]) / 2
    middle = (rows[:, 1:] + rows[:, :-1]) / 2
    exact = values[1::2, ::2], values[::2, 1::2], values[1::2, 1::2]
    return max(float(np.abs(a - b).max()) for a, b in zip((rows, columns, middle), exact, strict=True)) + 1e-6


@kernel
def _interpolated(
    easting: F64, northing: F64, west: float, north: float, size: float, miss: float, nrow: int, ncol: int
) -> NDArray[np.int32]:
    """Cell of every pixel, -1 outside; -2 where its centre lies within ``miss`` of a border."""
    cell = np.empty((SIDE, SIDE), np.int32)
    near = miss / size
    for i in range(SIDE):
        r, v = i // _STEP, (i % _STEP) / _STEP
        for j in range(SIDE):
            c, u = j // _STEP, (j % _STEP) / _STEP
            a, b = (1 - u) * (1 - v), u * (1 - v)
            d, e = (1 - u) * v, u * v
            right = (
                a * easting[r, c] + b * easting[r, c + 1] + d * easting[r + 1, c] + e * easting[r + 1, c + 1] - west
            ) / size
            down = (
                north
                - a * northing[r, c]
                - b * northing[r, c + 1]
                - d * northing[r + 1, c]
                - e * northing[r + 1, c + 1]
            ) / size
            col, row = np.floor(right), np.floor(down)
            beside = min(right - col, col + 1 - right, down - row, row + 1 - down)
            if beside <= near:
                cell[i, j] = -2
            elif 0 <= row < nrow and 0 <= col < ncol:
                cell[i, j] = np.int32(row * ncol + col)
            else:
                cell[i, j] = -1
    return cell


def _settle(
    cell: NDArray[np.int32], corner: tuple[float, float], pixel: float, tiles: TileMatrixSet, window: Window
) -> None:
    """Project the centres of doubtful pixels one by one."""
    row, col = np.nonzero(cell == _DOUBTFUL)
    if not len(row):
        return
    x, y = corner[0] + (col + 0.5) * pixel, corner[1] - (row + 0.5) * pixel
    easting, northing = _project(x, y, tiles, window)
    size = window.grid.cell_size
    right = np.floor((easting - window.west) / size).astype(np.int64)
    down = np.ceil((window.north - northing) / size).astype(np.int64) - 1  # a south edge belongs to the cell above it
    inside = (right >= 0) & (right < window.ncol) & (down >= 0) & (down < window.nrow)
    cell[row, col] = np.where(inside, down * window.ncol + right, _NOWHERE)
