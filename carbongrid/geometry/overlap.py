# SPDX-License-Identifier: Apache-2.0
"""Kernels of :mod:`carbongrid.zonal`: how much of a source in a cell lies on one side of a border.

Coordinates are cell units from the cell's lower left corner, y upwards. An edge is (y0, y1, x0, x1) with y0 < y1, and
R(e) the points right of it within its rows and left of x = 1. A side is given by its edges, rows of ``side``: y0, y1,
x0, x1 and the sign of R(e) in the sum that is 1 on the side and 0 off it; sorted, so that sums are the same bits.
"""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from carbongrid.geometry.rings import LINE, point, right_of, ring_area
from carbongrid.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]


@kernel
def _right_of_both(y0: float, y1: float, x0: float, x1: float, v0: float, v1: float, u0: float, u1: float) -> float:
    """Area of R(e) and R(f) together: right of the larger of two lines over their common rows, a trapezoid or two."""
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
def edge_measure(side: F64, count: int, y0: float, y1: float, x0: float, x1: float) -> tuple[float, float]:
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
    inside, whole = edge_measure(side, count, y0, y1, x0, x1)
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
def share_of(side: F64, count: int, data: U8, table: I64, rings: int, west: float, south: float, size: float) -> float:
    """Share on the side of one source's part in the cell with this lower left corner, 0 to 1."""
    inside, whole = 0.0, 0.0
    for ring in range(rings):
        at, points, role = table[ring, 0], table[ring, 1], table[ring, 2]
        wind = 1.0 if role == LINE else right_of(ring_area(data, at, points), role)
        ax, ay = 0.0, 0.0
        for j in range(points):
            bx, by = point(data, at, j)
            bx, by = (bx - west) / size, (by - south) / size
            a, t = 0.0, 0.0
            if j > 0 and role == LINE:
                a, t = _segment(side, count, ax, ay, bx, by)
            elif j > 0:
                a, t = _polygon_edge(side, count, ax, ay, bx, by)
            inside, whole = inside + wind * a, whole + wind * t
            ax, ay = bx, by
    return min(1.0, max(0.0, inside / whole)) if whole > 0.0 else 0.0
