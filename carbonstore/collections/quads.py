# SPDX-License-Identifier: Apache-2.0
"""The cells as clients see them: corner vertices in an output CRS, rounded as published, and which box they touch.

Vertices are whole multiples of 10^-decimals of the CRS's unit (CRS84: 1e-7 degrees, about 1 cm). Every test of a cell
against a box uses these published vertices, so an answer can be checked from its own coordinates.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from carbongrid.crs import transformer
from carbongrid.errors import UnknownName
from carbongrid.grid import Window
from carbongrid.jit import kernel
from carbongrid.lattice import corners_of

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
_BLOCK = 8
Box = tuple[float, float, float, float]
Ints = NDArray[np.int64]


def crs_uri(epsg: int) -> str:
    """OGC URI of an EPSG CRS."""
    return f"http://www.opengis.net/def/crs/EPSG/0/{epsg}"


@dataclass(frozen=True, slots=True)
class OutputCrs:
    """A CRS that coordinates are published in; ``swapped``: its authority puts northing or latitude first."""

    uri: str
    name: str
    decimals: int
    swapped: bool

    @classmethod
    def of(cls, uri: str, allowed: tuple[str, ...]) -> "OutputCrs":
        """The CRS of one of the ``allowed`` URIs; UnknownName otherwise."""
        if uri not in allowed:
            raise UnknownName(uri, allowed, kind="CRS", where="crs")
        return _output_crs(uri)

    @property
    def scale(self) -> float:
        """Published units per CRS unit."""
        return float(10**self.decimals)


@lru_cache(maxsize=64)
def _output_crs(uri: str) -> OutputCrs:
    if uri == CRS84:
        return OutputCrs(uri, "OGC:CRS84", 7, False)
    name = f"EPSG:{uri.rsplit('/', 1)[1]}"
    crs = CRS(name)
    swapped = crs.axis_info[0].direction == "north"
    return OutputCrs(uri, name, 7 if crs.is_geographic else 3, swapped)


WGS84 = _output_crs(CRS84)


def project(
    easting: NDArray[np.float64], northing: NDArray[np.float64], grid_crs: str, to: OutputCrs
) -> tuple[Ints, Ints]:
    """Published (x, y) of points in the grid CRS, int64, x to the east whatever the authority's order."""
    x, y = easting, northing
    if to.name != grid_crs:
        x, y = transformer(grid_crs, to.name).transform(easting, northing)
    return np.rint(np.asarray(x) * to.scale).astype(np.int64), np.rint(np.asarray(y) * to.scale).astype(np.int64)


def vertices(window: Window, index: Ints, to: OutputCrs = WGS84) -> tuple[Ints, Ints, Ints]:
    """Published corners of some cells, each vertex once: x, y, and vertex numbers by cell (n, 4), SW, SE, NE, NW."""
    cells, inverse = index, None
    if len(index) > 1 and not (np.diff(index) > 0).all():
        cells, inverse = np.unique(index, return_inverse=True)
    found = corners_of(window, cells)
    x, y = project(found.easting.astype(np.float64), found.northing.astype(np.float64), window.grid.crs, to)
    return x, y, found.of_cell if inverse is None else np.ascontiguousarray(found.of_cell[inverse])


def extent(window: Window, index: Ints) -> Box:
    """(west, south, east, north) in CRS84 degrees of cells in row-major order, from their published vertices."""
    row, col = np.divmod(index, window.ncol)
    by_col = np.argsort(col, kind="stable")
    ends = [_ends(row, np.arange(len(row))), _ends(col[by_col], by_col)]
    x, y, _ = vertices(window, index[np.unique(np.concatenate(ends))])
    s = WGS84.scale
    return float(x.min() / s), float(y.min() / s), float(x.max() / s), float(y.max() / s)


def _ends(key: Ints, position: Ints) -> Ints:
    """Positions of the first and last of each run of equal keys."""
    change = np.flatnonzero(np.diff(key)) + 1
    chosen: Ints = position[np.concatenate([[0], change, change - 1, [len(key) - 1]])]
    return chosen


def surrounding(bounds: Box, crs: str) -> Box:
    """The CRS84 box around a box in another CRS, by its densified edge."""
    lon, lat = transformer(crs, WGS84.name).transform(*_edge(bounds))
    return float(np.min(lon)), float(np.min(lat)), float(np.max(lon)), float(np.max(lat))


def overlap(a: Box, b: Box) -> Box | None:
    """What two boxes share, edges included; None where nothing."""
    box = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return box if box[0] <= box[2] and box[1] <= box[3] else None


def _edge(box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """33 points along each side of a box."""
    west, south, east, north = box
    t = np.linspace(0.0, 1.0, 33)
    x, y, one = west + (east - west) * t, south + (north - south) * t, np.ones(33)
    return np.concatenate([x, x, west * one, east * one]), np.concatenate([south * one, north * one, y, y])


def around(window: Window, box: Box) -> tuple[int, int, int, int] | None:
    """(row0, row1, col0, col1), half open, of cells that may touch a CRS84 box: its densified edge and a cell more."""
    x, y = transformer(WGS84.name, window.grid.crs).transform(*_edge(box))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):  # part of the box lies outside the projection's domain
        return 0, window.nrow, 0, window.ncol
    # 33 points an edge: the arc between two rises by 1/1024 of the edge's own sag above its chord
    sag = max(np.ptp(x), np.ptp(y)) / 1024 + window.grid.cell_size
    return clip(window, (x.min() - sag, y.min() - sag, x.max() + sag, y.max() + sag))


def clip(window: Window, bounds: Box) -> tuple[int, int, int, int] | None:
    """(row0, row1, col0, col1), half open, of the window's cells within bounds in metres; None without any."""
    size = window.grid.cell_size
    col0, col1 = int((bounds[0] - window.west) // size), int((bounds[2] - window.west) // size) + 1
    row0, row1 = int((window.north - bounds[3]) // size), int((window.north - bounds[1]) // size) + 1
    row0, row1, col0, col1 = max(row0, 0), min(row1, window.nrow), max(col0, 0), min(col1, window.ncol)
    return (row0, row1, col0, col1) if row0 < row1 and col0 < col1 else None


def part(window: Window, block: tuple[int, int, int, int]) -> Window:
    """The sub-window of rows and columns (row0, row1, col0, col1), half open."""
    row0, row1, col0, col1 = block
    return Window(window.grid, window.left + col0, window.top - row0, col1 - col0, row1 - row0)


def touching(window: Window, box: Box) -> NDArray[np.bool_]:
    """Which cells of a window touch a CRS84 box, its edge included; shape (nrow, ncol).

    Blocks of 8 x 8 cells that lie inside or outside by more than a cell are settled by their corners; only cells of
    the others are projected one by one, so the cost follows the box's outline, not its area.
    """
    blocks = -(-window.nrow // _BLOCK), -(-window.ncol // _BLOCK)
    coarse = Window(window.grid, window.left, window.top, blocks[1] * _BLOCK, blocks[0] * _BLOCK)
    x, y = _block_corners(coarse)
    low, high = _block_ranges(x), _block_ranges(y)
    limits = tuple(float(v) * WGS84.scale for v in box)
    state = _settle(*low, *high, limits)
    mask = np.broadcast_to((state == 1)[:, None, :, None], (blocks[0], _BLOCK, blocks[1], _BLOCK)).copy()
    row, col = np.nonzero(state == 0)
    lon, lat = _block_lattices(coarse, row, col)
    mask[row, :, col, :] = meets(lon.astype(np.float64), lat.astype(np.float64), np.array(limits), 0.0)
    return mask.reshape(coarse.nrow, coarse.ncol)[: window.nrow, : window.ncol]


def _block_lattices(window: Window, row: Ints, col: Ints) -> tuple[Ints, Ints]:
    """Published corner vertices of blocks, two arrays of shape (blocks, 9, 9)."""
    size, k = window.grid.cell_size, np.arange(_BLOCK + 1)
    east = window.west + size * (col[:, None, None] * _BLOCK + k[None, None, :])
    north = window.north - size * (row[:, None, None] * _BLOCK + k[None, :, None])
    shape = (len(row), _BLOCK + 1, _BLOCK + 1)
    return project(np.broadcast_to(east, shape), np.broadcast_to(north, shape), window.grid.crs, WGS84)


def _block_corners(window: Window) -> tuple[Ints, Ints]:
    size = window.grid.cell_size * _BLOCK
    east = window.west + size * np.arange(window.ncol // _BLOCK + 1, dtype=np.float64)
    north = window.north - size * np.arange(window.nrow // _BLOCK + 1, dtype=np.float64)
    return project(*np.meshgrid(east, north), window.grid.crs, WGS84)


def _block_ranges(v: Ints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Least and greatest of the four corners of every block."""
    four = np.stack([v[:-1, :-1], v[:-1, 1:], v[1:, :-1], v[1:, 1:]]).astype(np.float64)
    return four.min(axis=0), four.max(axis=0)


def _settle(
    x0: NDArray[np.float64],
    x1: NDArray[np.float64],
    y0: NDArray[np.float64],
    y1: NDArray[np.float64],
    box: tuple[float, ...],
) -> NDArray[np.int8]:
    """1 = the block is inside, -1 = outside, 0 = look closer; a cell's width of margin covers the bend of its edges."""
    dx, dy = (x1 - x0) / _BLOCK, (y1 - y0) / _BLOCK
    inside = (x0 - dx > box[0]) & (x1 + dx < box[2]) & (y0 - dy > box[1]) & (y1 + dy < box[3])
    outside = (x1 + dx < box[0]) | (x0 - dx > box[2]) | (y1 + dy < box[1]) | (y0 - dy > box[3])
    return inside.astype(np.int8) - outside.astype(np.int8)


@kernel
def meets(x: NDArray[np.float64], y: NDArray[np.float64], box: NDArray[np.float64], least: float) -> NDArray[np.bool_]:
    """Which quadrilaterals of lattices meet a box (xmin, ymin, xmax, ymax) by ``least`` or more; 0 lets them touch.

    Lattices of shape (lattices, nrow + 1, ncol + 1) give a mask (lattices, nrow, ncol). Separating axes: the box's two,
    then the four edges of the quadrilateral (convex, either direction of turning).
    """
    number, nrow, ncol = x.shape[0], x.shape[1] - 1, x.shape[2] - 1
    mask = np.zeros((number, nrow, ncol), np.bool_)
    qx, qy = np.empty(4), np.empty(4)
    for b in range(number):
        for r in range(nrow):
            for c in range(ncol):
                qx[0], qy[0] = x[b, r + 1, c], y[b, r + 1, c]
                qx[1], qy[1] = x[b, r + 1, c + 1], y[b, r + 1, c + 1]
                qx[2], qy[2] = x[b, r, c + 1], y[b, r, c + 1]
                qx[3], qy[3] = x[b, r, c], y[b, r, c]
                left, right = min(qx[0], qx[1], qx[2], qx[3]), max(qx[0], qx[1], qx[2], qx[3])
                low, high = min(qy[0], qy[1], qy[2], qy[3]), max(qy[0], qy[1], qy[2], qy[3])
                if right < box[0] + least or left > box[2] - least or high < box[1] + least or low > box[3] - least:
                    continue
                within = left - least >= box[0] and right + least <= box[2]
                within = within and low - least >= box[1] and high + least <= box[3]
                mask[b, r, c] = within or not _apart(qx, qy, box, least)  # well inside, no edge can part them
    return mask


@kernel
def _apart(qx: NDArray[np.float64], qy: NDArray[np.float64], box: NDArray[np.float64], least: float) -> bool:
    """Whether an edge of the quadrilateral has the whole box on its outer side."""
    turn = (qx[2] - qx[0]) * (qy[3] - qy[1]) - (qx[3] - qx[1]) * (qy[2] - qy[0])
    sign = 1.0 if turn > 0 else -1.0
    for k in range(4):
        j = (k + 1) % 4
        ex, ey = (qx[j] - qx[k]) * sign, (qy[j] - qy[k]) * sign
        bx = box[0] if ey > 0 else box[2]  # the box's corner furthest to the left of the edge
        by = box[3] if ex > 0 else box[1]
        depth = ex * (by - qy[k]) - ey * (bx - qx[k])
        if depth < least * np.sqrt(ex * ex + ey * ey):
            return True
    return False
