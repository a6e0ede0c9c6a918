# SPDX-License-Identifier: Apache-2.0
"""Kernels of :mod:`carbongrid.zonal`: a border cut at the lattice, and shares of sources in the cells it cuts.

Coordinates are cell units, y upwards. An edge piece is a row (y0, y1, x0, x1, wind) with y0 < y1: ``wind`` is what it
adds to the winding number of the points on its right. R(e) is the set of points right of edge e within its rows.
"""

from math import floor, sqrt

import numpy as np
from numpy.typing import NDArray

from carbongrid.rings import LINE, coordinate, kernel, right_of, ring_area, ring_table

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
U8 = NDArray[np.uint8]


@kernel
def _area(xy: F64, first: int, last: int) -> float:
    """Signed area of the ring in rows ``first:last``, counter-clockwise positive."""
    twice = 0.0
    for j in range(first, last - 1):
        twice += (xy[j, 0] - xy[first, 0]) * (xy[j + 1, 1] - xy[first, 1])
        twice -= (xy[j + 1, 0] - xy[first, 0]) * (xy[j, 1] - xy[first, 1])
    return 0.5 * twice


@kernel
def _most_pieces(xy: F64, size: float, ncol: int, nrow: int) -> int:
    """Upper bound of the edge pieces: no edge crosses more rows and columns than there are, or than it is long."""
    most = 0
    for j in range(1, xy.shape[0]):
        most += min(floor(abs(xy[j, 1] - xy[j - 1, 1]) / size) + 1, nrow) + 1
        most += min(floor(abs(xy[j, 0] - xy[j - 1, 0]) / size) + 1, ncol) + 1
        most += min(floor(abs(xy[j, 1] - xy[j - 1, 1]) / size) + 1, nrow) + 1
    return most


@kernel
def _cut_row(
    key: I64,
    edges: F64,
    n: int,
    row: int,
    ncol: int,
    row_key: int,
    x: float,
    y: float,
    x_end: float,
    y_end: float,
    x0: float,
    y0: float,
    run: float,
    wind: float,
) -> int:
    """Cut one edge's stretch within a row at the columns. ``run`` = dx/dy of the edge through (x0, y0). -> new count.

    A piece on a lattice line belongs to the cell right of it unless the edge goes on to the left. All that lies west of
    the window is column -1, where only rows matter; what lies east of it is dropped.
    """
    right = x_end > x
    while y < y_end:
        column = floor(x)
        if x_end < x and x == column:
            column -= 1
        if column >= ncol and x_end >= x:
            return n
        column = min(max(column, -1), ncol)
        next_x = float(column + 1 if right else column)
        if x_end == x or (right and x_end <= next_x) or (not right and (x_end >= next_x or column < 0)):
            x_next, y_next = x_end, y_end
        else:
            x_next, y_next = next_x, min(y_end, max(y, y0 + (next_x - x0) / run))
        if y_next > y and column < ncol:
            key[n] = row_key + column + 1
            edges[n, 0], edges[n, 1] = y - row, y_next - row
            edges[n, 2], edges[n, 3], edges[n, 4] = x - column, x_next - column, wind
            n += 1
        if x_next == x_end:
            return n
        x, y = x_next, y_next
    return n


@kernel
def _cut_edge(
    key: I64, edges: F64, n: int, ncol: int, nrow: int, x0: float, y0: float, x1: float, y1: float, wind: float
) -> int:
    """Cut one edge at rows and columns, upwards: the same arithmetic in either direction. -> new count."""
    if y0 > y1:
        x0, y0, x1, y1, wind = x1, y1, x0, y0, -wind
    y, high = max(y0, 0.0), min(y1, float(nrow))
    if y >= high:
        return n
    run = (x1 - x0) / (y1 - y0)
    x, row = x0 + run * (y - y0), floor(y)
    while y < high:
        top = min(row + 1.0, high)
        x_top = x1 if top == y1 else x0 + run * (top - y0)
        row_key = (nrow - 1 - row) * (ncol + 1)
        n = _cut_row(key, edges, n, row, ncol, row_key, x, y, x_top, top, x0, y0, run, wind)
        x, y, row = x_top, top, row + 1
    return n


@kernel
def cut_border(
    xy: F64, start: I64, role: I64, west: float, south: float, size: float, ncol: int, nrow: int
) -> tuple[I64, F64]:
    """Edge pieces of rings ``xy[start[k]:start[k + 1]]`` (metres): keys as in :class:`carbongrid.zonal.Cut`, and edges."""
    most = _most_pieces(xy, size, ncol, nrow)
    key, edges, n = np.empty(most, np.int64), np.empty((most, 5)), 0
    for k in range(role.shape[0]):
        wind = right_of(_area(xy, start[k], start[k + 1]), role[k])
        for j in range(start[k] + 1, start[k + 1]):
            ax, ay = (xy[j - 1, 0] - west) / size, (xy[j - 1, 1] - south) / size
            bx, by = (xy[j, 0] - west) / size, (xy[j, 1] - south) / size
            n = _cut_edge(key, edges, n, ncol, nrow, ax, ay, bx, by, wind)
    return key[:n], edges[:n]


@kernel
def _later(rows: F64, a: int, b: int) -> bool:
    """Whether row ``a`` sorts after row ``b``, by columns from the left."""
    for column in range(rows.shape[1]):
        if rows[a, column] != rows[b, column]:
            return bool(rows[a, column] > rows[b, column])
    return False


@kernel
def _sort(rows: F64, n: int) -> None:
    """Shell sort of the first ``n`` rows: an order that depends on the values alone, in which sums are the same bits."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            j = i
            while j >= gap and _later(rows, j - gap, j):
                for column in range(rows.shape[1]):
                    rows[j, column], rows[j - gap, column] = rows[j - gap, column], rows[j, column]
                j -= gap
        gap //= 3


@kernel
def _carry(profile: F64, n: int, edges: F64, first: int, last: int) -> int:
    """Pass a cell's edges: ``profile`` (height, change of winding, upwards) then holds for the next cell's left side."""
    for j in range(first, last):
        for end in range(2):
            profile[n, 0] = edges[j, end]
            profile[n, 1] = edges[j, 4] if end == 0 else -edges[j, 4]
            n += 1
    _sort(profile, n)
    kept, j = 0, 0
    while j < n:
        height, change = profile[j, 0], 0.0
        while j < n and profile[j, 0] == height:
            change += profile[j, 1]
            j += 1
        if change != 0.0:
            profile[kept, 0], profile[kept, 1] = height, change
            kept += 1
    return kept


@kernel
def _corner_side(side: F64, profile: F64, n: int, edges: F64, first: int, last: int) -> tuple[int, bool]:
    """Edges in a cell of the side that holds its upper left corner, in canonical order -> (how many, is it the region).

    The side's stretches of the cell's left border come in as edges at x = 0.
    """
    top = 0.0
    for j in range(n):
        if profile[j, 0] < 1.0:
            top += profile[j, 1]
    region = top > 0.5
    sign, wind = (1.0, 0.0) if region else (-1.0, 1.0)
    count, low = 0, 0.0
    for j in range(n + 1):
        height = profile[j, 0] if j < n else 1.0
        if wind > 0.5 and height > low:
            side[count, 0], side[count, 1], side[count, 2], side[count, 3], side[count, 4] = low, height, 0.0, 0.0, 1.0
            count += 1
        if j < n:
            wind += sign * profile[j, 1]
            low = height
    for j in range(first, last):
        for column in range(4):
            side[count, column] = edges[j, column]
        side[count, 4] = sign * edges[j, 4]
        count += 1
    _sort(side, count)
    return count, region


@kernel
def _right_of_both(y0: float, y1: float, x0: float, x1: float, v0: float, v1: float, u0: float, u1: float) -> float:
    """Area of R(e) and R(f) left of x = 1, over their common rows: below the larger of two lines, a trapezoid or two."""
    low, high = max(y0, v0), min(y1, v1)
    if high <= low:
        return 0.0
    e, f = (x1 - x0) / (y1 - y0), (u1 - u0) / (v1 - v0)
    a0, a1 = x0 + e * (low - y0), x0 + e * (high - y0)
    b0, b1 = u0 + f * (low - v0), u0 + f * (high - v0)
    d0, d1 = a0 - b0, a1 - b1
    if d0 >= 0.0 and d1 >= 0.0:
        return (high - low) * (1.0 - 0.5 * (a0 + a1))
    if d0 <= 0.0 and d1 <= 0.0:
        return (high - low) * (1.0 - 0.5 * (b0 + b1))
    t = d0 / (d0 - d1)
    x = a0 + (a1 - a0) * t
    below = t * (1.0 - 0.5 * (max(a0, b0) + x))
    return (high - low) * (below + (1.0 - t) * (1.0 - 0.5 * (max(a1, b1) + x)))


@kernel
def _edge_measure(side: F64, count: int, y0: float, y1: float, x0: float, x1: float) -> tuple[float, float]:
    """Area right of an upward source edge within the cell: (on the side, in all)."""
    inside = 0.0
    for f in range(count):
        if side[f, 0] >= y1:
            break
        inside += side[f, 4] * _right_of_both(y0, y1, x0, x1, side[f, 0], side[f, 1], side[f, 2], side[f, 3])
    return inside, _right_of_both(y0, y1, x0, x1, 0.0, 1.0, 0.0, 0.0)


@kernel
def _polygon_edge(side: F64, count: int, ax: float, ay: float, bx: float, by: float) -> tuple[float, float]:
    """Signed area that one edge of a source polygon adds in the cell: (on the side, in all)."""
    sign = 1.0
    if ay > by:
        ax, ay, bx, by, sign = bx, by, ax, ay, -1.0
    if by <= 0.0 or ay >= 1.0 or ay == by or min(ax, bx) >= 1.0:
        return 0.0, 0.0
    run = (bx - ax) / (by - ay)
    y0, y1 = max(ay, 0.0), min(by, 1.0)
    x0, x1 = ax + run * (y0 - ay), (bx if y1 == by else ax + run * (y1 - ay))
    if x0 >= 1.0 and x1 >= 1.0:
        return 0.0, 0.0
    if x0 > 1.0:
        x0, y0 = 1.0, min(y1, y0 + (1.0 - x0) / run)
    elif x1 > 1.0:
        x1, y1 = 1.0, min(y1, y0 + (1.0 - x0) / run)
    if y1 <= y0:
        return 0.0, 0.0
    inside, whole = _edge_measure(side, count, y0, y1, x0, x1)
    return sign * inside, sign * whole


@kernel
def _between(start: float, step: float, low: float, high: float, t0: float, t1: float) -> tuple[float, float]:
    """Part of [t0, t1] in which ``start + t step`` lies in [low, high); empty as (1, 0)."""
    if step == 0.0:
        return (t0, t1) if low <= start < high else (1.0, 0.0)
    a, b = (low - start) / step, (high - start) / step
    return max(t0, min(a, b)), min(t1, max(a, b))


@kernel
def _segment(side: F64, count: int, ax: float, ay: float, bx: float, by: float) -> tuple[float, float]:
    """Length of one segment of a source line in the cell: (on the side, in all)."""
    dx, dy = bx - ax, by - ay
    t0, t1 = _between(ax, dx, 0.0, 1.0, 0.0, 1.0)
    t0, t1 = _between(ay, dy, 0.0, 1.0, t0, t1)
    if t1 <= t0:
        return 0.0, 0.0
    length, inside = sqrt(dx * dx + dy * dy), 0.0
    for f in range(count):
        u0, u1 = _between(ay, dy, side[f, 0], side[f, 1], t0, t1)
        run = (side[f, 3] - side[f, 2]) / (side[f, 1] - side[f, 0])
        ahead, step = ax - side[f, 2] - run * (ay - side[f, 0]), dx - run * dy
        if step > 0.0:
            u0 = max(u0, -ahead / step)
        elif step < 0.0:
            u1 = min(u1, -ahead / step)
        elif ahead <= 0.0:
            continue
        if u1 > u0:
            inside += side[f, 4] * length * (u1 - u0)
    return inside, length * (t1 - t0)


@kernel
def _share(side: F64, count: int, data: U8, table: I64, rings: int, west: float, south: float, size: float) -> float:
    """Share on the side of one source's part in the cell with this lower left corner, 0 to 1."""
    inside, whole = 0.0, 0.0
    for ring in range(rings):
        at, points, role = table[ring, 0], table[ring, 1], table[ring, 2]
        wind = 1.0 if role == LINE else right_of(ring_area(data, at, points), role)
        ax, ay = (coordinate(data, at, 0) - west) / size, (coordinate(data, at, 1) - south) / size
        for j in range(1, points):
            bx, by = (coordinate(data, at, 2 * j) - west) / size, (coordinate(data, at, 2 * j + 1) - south) / size
            if role == LINE:
                a, t = _segment(side, count, ax, ay, bx, by)
            else:
                a, t = _polygon_edge(side, count, ax, ay, bx, by)
            inside, whole = inside + wind * a, whole + wind * t
            ax, ay = bx, by
    return min(1.0, max(0.0, inside / whole)) if whole > 0.0 else 0.0


@kernel
def _position(cells: I64, index: int) -> int:
    """First position whose cell is not before ``index``."""
    low, high = 0, cells.shape[0]
    while low < high:
        middle = (low + high) // 2
        if cells[middle] < index:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _room(piece: I64, corner: F64, inside: NDArray[np.bool_], need: int) -> tuple[I64, F64, NDArray[np.bool_]]:
    """The three columns, made longer where ``need`` rows do not fit."""
    have = piece.shape[0]
    if need <= have:
        return piece, corner, inside
    size = max(need, 2 * have)
    piece2, corner2, inside2 = np.empty(size, np.int64), np.empty(size), np.empty(size, np.bool_)
    for j in range(have):
        piece2[j], corner2[j], inside2[j] = piece[j], corner[j], inside[j]
    return piece2, corner2, inside2


@kernel
def _cut_cell(
    piece: I64,
    corner: F64,
    inside: NDArray[np.bool_],
    n: int,
    side: F64,
    count: int,
    region: bool,
    first: int,
    last: int,
    line: I32,
    line_source: I32,
    data: U8,
    offsets: I64,
    table: I64,
    west: float,
    south: float,
    size: float,
) -> tuple[int, I64]:
    """Shares of all pieces of one cell; lines of one source stand together and share one share. -> count, ring table."""
    before, share = -2, 0.0
    for k in range(first, last):
        source = line_source[line[k]]
        if source != before and source >= 0:
            table, rings = ring_table(data, offsets[source], table)
            share = _share(side, count, data, table, rings, west, south, size)
        elif source != before:
            share, _ = _edge_measure(side, count, 0.0, 1.0, 0.0, 0.0)
            share = min(1.0, max(0.0, share))
        before = source
        piece[n], corner[n], inside[n] = k, share, region
        n += 1
    return n, table


@kernel
def cover(
    key: I64,
    edges: F64,
    cells: I64,
    ptr: I64,
    line: I32,
    line_source: I32,
    data: U8,
    offsets: I64,
    west: float,
    south: float,
    size: float,
    ncol: int,
    nrow: int,
) -> tuple[I64, I64, F64, NDArray[np.bool_], int, int]:
    """Columns of :class:`carbongrid.zonal.Cover` (runs, piece, corner, inside) and how many runs and pieces there are.

    ``line_source`` -1 stands for the whole square of the cell.
    """
    m, n, n_runs, n_profile, row, i = key.shape[0], 0, 0, 0, -1, 0
    runs = np.empty((m, 2), np.int64)
    piece, corner, inside = np.empty(1024, np.int64), np.empty(1024), np.empty(1024, np.bool_)
    profile, side, table = np.empty((2 * m + 2, 2)), np.empty((3 * m + 4, 5)), np.empty((64, 3), np.int64)
    while i < m:
        stop = i
        while stop < m and key[stop] == key[i]:
            stop += 1
        if key[i] // (ncol + 1) != row:
            row, n_profile = key[i] // (ncol + 1), 0
        column = key[i] % (ncol + 1) - 1
        after = key[stop] % (ncol + 1) - 1 if stop < m and key[stop] // (ncol + 1) == row else ncol
        for behind in range(2):
            if behind:
                n_profile = _carry(profile, n_profile, edges, i, stop)
                first, last = row * ncol + column + 1, row * ncol + after
            else:
                first, last = row * ncol + column, row * ncol + column + 1
            if (column < 0 and not behind) or (n_profile == 0 and behind):
                continue
            a, b = _position(cells, first), _position(cells, last)
            if behind and n_profile == 2 and profile[0, 0] == 0.0 and profile[1, 0] == 1.0:
                if b > a:
                    runs[n_runs, 0], runs[n_runs, 1], n_runs = a, b, n_runs + 1
                continue
            if b > a:
                count, region = _corner_side(side, profile, n_profile, edges, i, i if behind else stop)
                piece, corner, inside = _room(piece, corner, inside, n + ptr[b] - ptr[a])
            for c in range(a, b):
                n, table = _cut_cell(
                    piece,
                    corner,
                    inside,
                    n,
                    side,
                    count,
                    region,
                    ptr[c],
                    ptr[c + 1],
                    line,
                    line_source,
                    data,
                    offsets,
                    table,
                    west + (cells[c] % ncol) * size,
                    south + (nrow - 1 - row) * size,
                    size,
                )
        i = stop
    return runs, piece, corner, inside, n_runs, n
