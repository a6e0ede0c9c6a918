# SPDX-License-Identifier: Apache-2.0
"""Kernels of :mod:`carbongrid.zonal`: a border cut at the lattice, and the walk along the rows it crosses.

Coordinates are cell units, y upwards. An edge piece is a row (y0, y1, x0, x1, wind) with y0 < y1: ``wind`` is what it
adds to the winding number of the points on its right.
"""

from math import floor

import numpy as np
from numpy.typing import NDArray

from carbongrid.geometry.overlap import edge_measure, share_of
from carbongrid.geometry.rings import ZERO, right_of, ring_table
from carbongrid.jit import kernel

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
    """Edge pieces of rings ``xy[start[k]:start[k + 1]]`` (metres): key and edges of :class:`carbongrid.zonal.Cut`."""
    most = _most_pieces(xy, size, ncol, nrow)
    key, edges, n = np.empty(most, np.int64), np.empty((most, 5)), ZERO
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
    """Shell sort of the first ``n`` rows: an order that depends on values alone, in which sums are the same bits."""
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
    """Pass a cell's edges: ``profile`` (height, change of winding) is then that of the next cell's left side."""
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
    count, low = ZERO, 0.0
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
    out: tuple[I64, F64, NDArray[np.bool_]],
    n: int,
    side: F64,
    count: int,
    region: bool,
    first: int,
    last: int,
    lines: tuple[I32, I32],
    outlines: tuple[U8, I64],
    table: I64,
    west: float,
    south: float,
    size: float,
) -> tuple[int, I64]:
    """Shares of all pieces of one cell; a source's lines stand together and have one share. -> count, ring table."""
    piece, corner, inside = out
    line, line_source = lines
    data, offsets = outlines
    before, share = -2, 0.0
    for k in range(first, last):
        source = line_source[line[k]]
        if source != before and source >= 0:
            table, rings = ring_table(data, offsets[source], table)
            share = share_of(side, count, data, table, rings, west, south, size)
        elif source != before:
            share, _ = edge_measure(side, count, 0.0, 1.0, 0.0, 0.0)
            share = min(1.0, max(0.0, share))
        before = source
        piece[n], corner[n], inside[n] = k, share, region
        n += 1
    return n, table


@kernel
def _stretch(key: I64, i: int, ncol: int) -> tuple[int, int, int, int]:
    """The edges of one cell from the i-th on: (where they stop, row, column, column of the next edge in this row).

    The last is ``ncol`` where no edge of the row follows.
    """
    wide, stop = ncol + 1, i
    while stop < key.shape[0] and key[stop] == key[i]:
        stop += 1
    row, column = key[i] // wide, key[i] % wide - 1
    follows = stop < key.shape[0] and key[stop] // wide == row
    return stop, row, column, key[stop] % wide - 1 if follows else ncol


@kernel
def _whole(profile: F64, n: int) -> bool:
    """Whether all of a left side is inside, so that the cells up to the next edge are."""
    return bool(n == 2 and profile[0, 0] == 0.0 and profile[1, 0] == 1.0)


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

    ``line_source`` -1 stands for the whole square of the cell. Each cell with edges is followed by the cells without
    up to the next edge of its row: ``behind`` is 0 for the one, 1 for the others.
    """
    m, n_runs, before = key.shape[0], 0, -1
    n, n_profile, i = ZERO, ZERO, ZERO
    runs = np.empty((m, 2), np.int64)
    piece, corner, inside = np.empty(1024, np.int64), np.empty(1024), np.empty(1024, np.bool_)
    profile, side, table = np.empty((2 * m + 2, 2)), np.empty((3 * m + 4, 5)), np.empty((64, 3), np.int64)
    while i < m:
        stop, row, column, after = _stretch(key, i, ncol)
        if row != before:
            before, n_profile = row, 0
        at, top = row * ncol + column, south + (nrow - 1 - row) * size
        for behind in range(2):
            if behind:
                n_profile = _carry(profile, n_profile, edges, i, stop)
            if (column < 0 and not behind) or (n_profile == 0 and behind):
                continue
            first, last = (at + 1, row * ncol + after) if behind else (at, at + 1)
            a, b = _position(cells, first), _position(cells, last)
            if a == b:
                continue
            if behind and _whole(profile, n_profile):
                runs[n_runs, 0], runs[n_runs, 1], n_runs = a, b, n_runs + 1
                continue
            count, region = _corner_side(side, profile, n_profile, edges, i, i if behind else stop)
            piece, corner, inside = _room(piece, corner, inside, n + ptr[b] - ptr[a])
            out, lines, outlines = (piece, corner, inside), (line, line_source), (data, offsets)
            for c in range(a, b):
                left = west + (cells[c] % ncol) * size
                n, table = _cut_cell(
                    out, n, side, count, region, ptr[c], ptr[c + 1], lines, outlines, table, left, top, size
                )
        i = stop
    return runs, piece, corner, inside, n_runs, n
