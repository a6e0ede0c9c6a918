# SPDX-License-Identifier: Apache-2.0
"""Exact area of polygons and length of lines in every cell of a window, straight from WKB.

Polygons: every edge adds the signed area to its right to the cells of the rows it crosses, and a running sum along the
row turns that into the covered area (the accumulation buffer of font rasterisers; no geometry is ever built).
Lines: each segment is walked from cell to cell. A point on a lattice line belongs to the cell north-east of it, as in
:meth:`carbongrid.grid.Grid.cell_at`. Kernels count rows from the south, in cell units from the geometry's own lower
left cell, so that results do not depend on the window; windows and their flat indices count rows from the north.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.errors import InvalidInput
from carbongrid.geometry.rings import LINE, ZERO, frozen, point, right_of, ring_table
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Window
from carbongrid.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

_SLIVER = 1e-10
"""Parts below this share of their source, or of a cell where the source is larger, are rounding noise and left out."""
_NO_KIND = -np.inf
"""Stands in a kernel's result for a geometry of another kind."""
_STRIP = 4_000_000
"""Cells that :func:`shares` holds at a time beside its result."""


@dataclass(frozen=True)
class Parts:
    """Source x cell, sorted by source, then by flat index in ``window``.

    ``source`` int32, ``cell`` int64 and ``measure`` float64 (m2 of polygons, m of lines) are equally long; source ``i``
    owns ``start[i]:start[i + 1]`` (int64) of them. ``total`` is the measure of each source inside the window and
    ``outside`` what the window clipped away.
    """

    window: Window
    source: NDArray[np.int32]
    cell: I64
    measure: F64
    start: I64
    total: F64
    outside: F64

    @classmethod
    def joined(cls, found: Sequence["Parts"]) -> Self:
        """Parts of consecutive sources over one window."""
        sources = np.cumsum([0, *(len(p.total) for p in found)])
        at = np.cumsum([0, *(len(p.cell) for p in found)])
        return cls(
            found[0].window,
            np.concatenate([p.source + np.int32(n) for p, n in zip(found, sources, strict=False)]),
            np.concatenate([p.cell for p in found]),
            np.concatenate([p.measure for p in found]),
            np.concatenate([np.zeros(1, np.int64), *(p.start[1:] + n for p, n in zip(found, at, strict=False))]),
            np.concatenate([p.total for p in found]),
            np.concatenate([p.outside for p in found]),
        )


def parts(wkb: Wkb, window: Window) -> Parts:
    """Area (m2) or length (m) of every geometry in every cell that it meets.

    Geometries are in the window's CRS: valid (Multi)Polygons, in any ring direction, and (Multi)LineStrings. What lies
    outside the window is clipped and counted. InvalidInput for other kinds and for coordinates that are not finite.
    """
    west, south, _, _ = window.bounds
    start, cell, measure, total, outside = _parts(
        frozen(wkb.data, np.uint8),
        frozen(wkb.offsets, np.int64),
        west,
        south,
        float(window.grid.cell_size),
        window.ncol,
        window.nrow,
    )
    _check(outside)
    n = int(start[-1])
    source = np.repeat(np.arange(len(total), dtype=np.int32), np.diff(start))
    return Parts(window, source, cell[:n].copy(), measure[:n].copy(), start, total, outside)


def measures(wkb: Wkb) -> F64:
    """Area (m2) of polygons and length (m) of lines, whole geometries, planar."""
    found = _measures(frozen(wkb.data, np.uint8), frozen(wkb.offsets, np.int64))
    _check(found)
    return found


def _check(values: F64) -> None:
    """InvalidInput at the first geometry that a kernel could not take."""
    if np.isfinite(values).all():
        return
    i = int(np.argmin(np.isfinite(values)))
    if np.isnan(values[i]):
        raise InvalidInput(f"geometry {i} has coordinates that are not finite")
    raise InvalidInput(
        f"geometry {i} is no 2-D little-endian WKB of a kind that can be gridded",
        allowed=["Polygon", "MultiPolygon", "LineString", "MultiLineString"],
    )


def shares(polygon: Polygon | MultiPolygon, window: Window) -> F64:
    """Share of every cell that lies inside a projected polygon, (nrow, ncol); exactly 0 outside and 1 inside."""
    wkb = Wkb.from_shapely([polygon])
    out = np.zeros(window.size)
    rows = max(1, _STRIP // window.ncol)
    for row in range(0, window.nrow, rows):
        strip = Window(window.grid, window.left, window.top - row, window.ncol, min(rows, window.nrow - row))
        found = parts(wkb, strip)
        out[found.cell + row * window.ncol] = found.measure / window.grid.cell_size**2
    out[np.abs(out - 1.0) < 10 * _SLIVER] = 1.0
    return out.reshape(window.nrow, window.ncol)


@kernel
def _survey(data: U8, table: I64, rings: int, sizes: F64) -> tuple[float, float, float, float, float]:
    """One pass over a geometry: (min x, min y, max x, max y, whole area or length); min x NaN if any is not finite.

    ``sizes`` receives the signed area, counter-clockwise positive, or the length of every ring.
    """
    west, south, east, north, whole, check = np.inf, np.inf, -np.inf, -np.inf, 0.0, 0.0
    for ring in range(rings):
        at, role, size = table[ring, 0], table[ring, 2], 0.0
        x0, y0, ax, ay = 0.0, 0.0, 0.0, 0.0
        for j in range(table[ring, 1]):
            x, y = point(data, at, j)
            west, east, south, north = min(west, x), max(east, x), min(south, y), max(north, y)
            check += 0.0 * (x + y)
            if j == 0:
                x0, y0 = x, y
            bx, by = x - x0, y - y0
            size += sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay)) if role == LINE else 0.5 * (ax * by - bx * ay)
            ax, ay = bx, by
        sizes[ring] = size
        whole += size if role == LINE else role * abs(size)
    return west if check == 0.0 else np.nan, south, east, north, whole


@kernel
def _measures(data: U8, offsets: I64) -> F64:
    out, table, sizes = np.zeros(offsets.shape[0] - 1), np.empty((64, 3), np.int64), np.empty(64)
    for i in range(out.shape[0]):
        table, rings = ring_table(data, offsets[i], table)
        if rings > sizes.shape[0]:
            sizes = np.empty(2 * rings)
        _, _, _, _, whole = _survey(data, table, rings, sizes)
        out[i] = whole if rings >= 0 else _NO_KIND
    return out


@kernel
def _add_span(acc: F64, base: int, width: int, x0: float, x1: float, rise: float) -> None:
    """Area to the right of an edge that crosses one row from ``x0`` to ``x1`` and climbs ``rise`` (signed)."""
    a, b = min(x0, x1), max(x0, x1)
    if a >= width:
        return
    if b <= 0.0:
        acc[base] += rise
        return
    if a < 0.0:
        left = rise * -a / (b - a)
        acc[base] += left
        rise, a = rise - left, 0.0
    if b > width:
        rise, b = rise * (width - a) / (b - a), float(width)
    first, last = floor(a), min(floor(b), width - 1)
    if b <= first + 1:
        middle = 0.5 * (a + b) - first
        acc[base + first] += rise * (1.0 - middle)
        acc[base + first + 1] += rise * middle
        return
    slope = rise / (b - a)
    reach = first + 1 - a
    acc[base + first] += 0.5 * slope * reach * reach
    carry = slope * reach * (1.0 - 0.5 * reach)
    for column in range(first + 1, last):
        acc[base + column] += carry + 0.5 * slope
        carry = 0.5 * slope
    reach = b - last
    acc[base + last] += carry + slope * reach * (1.0 - 0.5 * reach)
    acc[base + last + 1] += 0.5 * slope * reach * reach


@kernel
def _add_edge(acc: F64, width: int, height: int, x0: float, y0: float, x1: float, y1: float, sign: float) -> None:
    """One polygon edge, row by row; the same arithmetic in either direction."""
    if y0 > y1:
        x0, y0, x1, y1, sign = x1, y1, x0, y0, -sign
    y, high = max(y0, 0.0), min(y1, float(height))
    if y >= high:
        return
    slope = (x1 - x0) / (y1 - y0)
    x = x0 + slope * (y - y0)
    row = floor(y)
    while y < high:
        top = min(row + 1.0, high)
        x_top = x1 if top == y1 else x0 + slope * (top - y0)
        _add_span(acc, row * (width + 1), width, x, x_top, sign * (top - y))
        x, y, row = x_top, top, row + 1


@kernel
def _add_segment(acc: F64, width: int, height: int, x0: float, y0: float, x1: float, y1: float) -> None:
    """Length of one line segment in each cell it passes."""
    dx, dy = x1 - x0, y1 - y0
    length = sqrt(dx * dx + dy * dy)
    column, row = floor(x0), floor(y0)
    t = 0.0 if length > 0.0 else 1.0
    while t < 1.0:
        tx = (column + (dx > 0.0) - x0) / dx if dx != 0.0 else 2.0
        ty = (row + (dy > 0.0) - y0) / dy if dy != 0.0 else 2.0
        after = max(t, min(1.0, tx, ty))
        if 0 <= column < width and 0 <= row < height:
            acc[row * (width + 1) + column] += length * (after - t)
        t = after
        if tx <= ty:
            column += 1 if dx > 0.0 else -1
        else:
            row += 1 if dy > 0.0 else -1


@kernel
def _rasterise(
    acc: F64,
    width: int,
    height: int,
    data: U8,
    table: I64,
    rings: int,
    sizes: F64,
    west: float,
    south: float,
    size: float,
) -> None:
    """Add every ring to the accumulator of (height, width + 1) cells whose lower left corner is (west, south).

    Differences to a lattice point are exact, so a coordinate on a lattice line becomes an exact integer.
    """
    for ring in range(rings):
        at, points, role = table[ring, 0], table[ring, 1], table[ring, 2]
        sign = right_of(sizes[ring], role)
        ax, ay = 0.0, 0.0
        for j in range(points):
            bx, by = point(data, at, j)
            bx, by = (bx - west) / size, (by - south) / size
            if j > 0 and role == LINE:
                _add_segment(acc, width, height, ax, ay, bx, by)
            elif j > 0:
                _add_edge(acc, width, height, ax, ay, bx, by, sign)
            ax, ay = bx, by


@kernel
def _room(cell: I64, measure: F64, need: int) -> tuple[I64, F64]:
    """Both columns, made longer where ``need`` rows do not fit."""
    have = cell.shape[0]
    if need <= have:
        return cell, measure
    size = max(need, 2 * have)
    cell2, measure2 = np.empty(size, np.int64), np.empty(size)
    for j in range(have):
        cell2[j], measure2[j] = cell[j], measure[j]
    return cell2, measure2


@kernel
def _collect(
    acc: F64,
    width: int,
    height: int,
    corner: int,
    ncol: int,
    unit: float,
    line: bool,
    least: float,
    cell: I64,
    measure: F64,
    k: int,
) -> int:
    """Empty the accumulator, north-west cell (flat index ``corner``) first, into rows from ``k``; return their end."""
    for row in range(height - 1, -1, -1):
        covered = 0.0
        for column in range(width):
            at = row * (width + 1) + column
            covered = acc[at] if line else covered + acc[at]
            acc[at] = 0.0
            if covered > least:
                cell[k], measure[k] = corner + (height - 1 - row) * ncol + column, covered * unit
                k += 1
        acc[row * (width + 1) + width] = 0.0
    return k


@kernel
def _parts(
    data: U8, offsets: I64, west: float, south: float, size: float, ncol: int, nrow: int
) -> tuple[I64, I64, F64, F64, F64]:
    """(start, cell, measure, total, outside) of :class:`Parts`; the second and third may be longer than is filled.

    ``outside`` is NaN where coordinates are not finite and ``_NO_KIND`` for other kinds of geometry.
    """
    n, k = offsets.shape[0] - 1, ZERO
    table, sizes, acc = np.empty((64, 3), np.int64), np.empty(64), np.zeros(4096)
    start, cell, measure = np.zeros(n + 1, np.int64), np.empty(2 * n, np.int64), np.empty(2 * n)
    total, outside = np.zeros(n), np.zeros(n)
    for i in range(n):
        start[i + 1] = k
        table, rings = ring_table(data, offsets[i], table)
        if rings > sizes.shape[0]:
            sizes = np.empty(2 * rings)
        x0, y0, x1, y1, whole = _survey(data, table, rings, sizes)
        if rings < 1 or np.isnan(x0) or whole <= 0.0:
            outside[i] = _NO_KIND if rings < 0 else (x0 if np.isnan(x0) else 0.0)
            continue
        left, right = floor((x0 - west) / size), floor((x1 - west) / size)
        bottom, top = floor((y0 - south) / size), floor((y1 - south) / size)
        clipped = left < 0 or bottom < 0 or right >= ncol or top >= nrow
        left, bottom, right, top = max(left, 0), max(bottom, 0), min(right, ncol - 1), min(top, nrow - 1)
        width, height = max(right - left + 1, 0), max(top - bottom + 1, 0)
        cell, measure = _room(cell, measure, k + width * height)
        corner = (nrow - 1 - top) * ncol + left
        if width == 1 and height == 1 and not clipped:
            cell[k], measure[k] = corner, whole
            k += 1
        elif width * height > 0:
            if height * (width + 1) > acc.shape[0]:
                acc = np.zeros(2 * height * (width + 1))
            line = table[0, 2] == LINE
            unit = size if line else size * size
            least = _SLIVER * min(1.0, whole / unit)
            _rasterise(acc, width, height, data, table, rings, sizes, west + left * size, south + bottom * size, size)
            k = _collect(acc, width, height, corner, ncol, unit, line, least, cell, measure, k)
        for j in range(start[i + 1], k):
            total[i] += measure[j]
        if clipped and whole - total[i] > 1e-9 * whole:
            outside[i] = whole - total[i]
        start[i + 1] = k
    return start, cell, measure, total, outside
