# SPDX-License-Identifier: Apache-2.0
"""Corners of cells in another CRS: what tiles and GeoJSON draw from. No cell geometry is ever stored.

A window of (nrow, ncol) cells has a lattice of (nrow + 1, ncol + 1) corners, row 0 in the north. Corners are shared, so
each is projected (and formatted) once, not four times.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from carbongrid.crs import transformer
from carbongrid.grid import Window

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_CURVATURE = 5e-7
"""1/m, bound on how fast projected lattice lines bend, at local scale: 2 tan(latitude) / R up to 57 degrees."""


def project_lattice(window: Window, crs: str, tolerance: float = 0.0) -> tuple[F64, F64]:
    """X and Y (longitude and latitude) of all corners of a window in another CRS, each (nrow + 1, ncol + 1).

    ``tolerance`` 0 projects every corner. Otherwise corners are interpolated bilinearly between exact control points so
    close that they miss by at most ``tolerance`` metres on the ground (0.05 m: every 8 cells of 100 m), up to latitude
    57; corners of neighbouring windows then differ by as much.
    """
    size = window.grid.cell_size
    step = max(1, int(sqrt(8 * tolerance / _CURVATURE) / size))
    if step == 1:
        return _project(window, np.arange(window.nrow + 1), np.arange(window.ncol + 1), crs)
    rows, columns = _controls(window.nrow, step), _controls(window.ncol, step)
    x, y = _project(window, rows, columns, crs)
    return _fill(x, rows, columns), _fill(y, rows, columns)


def _controls(cells: int, step: int) -> I64:
    """Every ``step``-th corner and the last."""
    return np.append(np.arange(0, cells, step), cells)


def _project(window: Window, rows: I64, columns: I64, crs: str) -> tuple[F64, F64]:
    size = window.grid.cell_size
    easting, northing = np.meshgrid(window.west + columns * size, window.north - rows * size)
    x, y = transformer(window.grid.crs, crs).transform(easting, northing)
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def _fill(values: F64, rows: I64, columns: I64) -> F64:
    """Bilinear interpolation from control points at ``rows`` x ``columns`` to every corner between."""
    return _along(_along(values.T, columns).T, rows)


def _along(values: F64, controls: I64) -> F64:
    """Linear interpolation along the first axis."""
    at = np.arange(controls[-1] + 1)
    low = np.minimum(np.searchsorted(controls, at, "right") - 1, len(controls) - 2)
    weight = ((at - controls[low]) / (controls[low + 1] - controls[low]))[:, None]
    between: F64 = values[low] * (1 - weight) + values[low + 1] * weight
    return between


@dataclass(frozen=True)
class Corners:
    """Distinct corners of some cells: ``easting`` and ``northing`` int64 m, (vertices,), rows from the north.

    ``of_cell`` int64 (cells, 4) are the positions of each cell's corners, counter-clockwise from the south-west.
    """

    easting: I64
    northing: I64
    of_cell: I64

    def project(self, src: str, dst: str) -> tuple[F64, F64]:
        """X and Y (longitude and latitude) of every vertex in another CRS, exact."""
        x, y = transformer(src, dst).transform(self.easting.astype(np.float64), self.northing.astype(np.float64))
        return np.asarray(x, np.float64), np.asarray(y, np.float64)


def corners_of(window: Window, index: I64) -> Corners:
    """The lattice vertices that a sparse set of cells needs, each once. ``index`` int64 flat indices, ascending."""
    row, column = np.divmod(index, window.ncol)
    width = window.ncol + 1
    north_west = row * width + column
    upper = _distinct(np.stack([north_west, north_west + 1], axis=1).ravel())
    vertex = _distinct(np.sort(np.concatenate([upper, upper + width]), kind="stable"))
    top, bottom = np.searchsorted(vertex, north_west), np.searchsorted(vertex, north_west + width)
    of_cell = np.stack([bottom, bottom + 1, top + 1, top], axis=1)
    vertex_row, vertex_column = np.divmod(vertex, width)
    size = window.grid.cell_size
    return Corners((window.left + vertex_column) * size, (window.top - vertex_row) * size, of_cell)


def _distinct(ordered: I64) -> I64:
    """An ascending array without repetitions."""
    distinct: I64 = ordered[np.diff(ordered, prepend=-1) != 0]
    return distinct
