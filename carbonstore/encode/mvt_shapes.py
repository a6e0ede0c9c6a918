# SPDX-License-Identifier: Apache-2.0
"""Geometries of records as paths of a vector tile: clipped to the tile and a margin, in whole units, degenerate ones
left out.

Polygons and lines are cut by GEOS; what is left is walked once by a kernel that writes the commands of MVT 2.1
(section 4.3). A polygon may shrink to nothing on the way, and so may a line; their records are not in the tile.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from carbongrid.geometry.rings import HOLE, LINE, ZERO, point, ring_table
from carbongrid.geometry.wkb import Wkb
from carbongrid.jit import kernel
from carbonstore.collections.shapes import Geometries, in_units
from carbonstore.collections.tms import EXTENT
from carbonstore.encode.mvt_kernel import varint
from carbonstore.text import Bytes, Ints

MARGIN = 64
"""Units around a tile up to which geometries are kept: the width of what renderers draw along its edge."""
BEND = 1.0
"""Units by which a simplified line may miss its own bends."""
LINES, POLYGONS = 2, 3
"""Types of geometry (section 4.3.4)."""
_RING = 12
"""Most bytes of a ring's commands; a point takes up to ten, fewer than in WKB."""


@dataclass(frozen=True)
class Paths:
    """Records that leave something in a tile: ``at`` their places among those given; the path of the k-th is
    ``commands[offsets[k]:offsets[k + 1]]``, of ``kind`` LINES or POLYGONS.
    """

    at: Ints
    commands: Bytes
    offsets: Ints
    kind: int

    @classmethod
    def of(cls, geometry: Geometries, west: float, north: float, unit: float, *, few: bool = False) -> "Paths":
        """Of geometries, all lines or all polygons, in the tile whose corner is (west, north) in their CRS.

        ``few``: each with the bends that can be seen, valid in whole units, and none left out as too small.
        """
        drawn = in_units(geometry, west, north, unit)
        inside = _clipped(drawn)
        if few:
            inside = _simple(inside)
        wkb = Wkb.from_shapely(inside)
        out = np.empty(len(wkb.data) + len(wkb) * _RING, np.uint8)
        ends = _paths(wkb.data, wkb.offsets, out)
        at = np.flatnonzero(np.diff(ends) > 0)
        lines = len(geometry) > 0 and shapely.get_dimensions(geometry).max() == 1
        return cls(at, out[: ends[-1]], np.append(ends[at], ends[-1]), LINES if lines else POLYGONS)


def _clipped(drawn: Geometries) -> Geometries:
    """What lies in the tile and its margin, None where nothing does; most lie wholly in and are not cut."""
    low, high = -MARGIN, EXTENT + MARGIN
    bounds = shapely.bounds(drawn)
    across = np.flatnonzero((bounds[:, :2] < low).any(axis=1) | (bounds[:, 2:] > high).any(axis=1))
    out = drawn.copy()
    cut = shapely.clip_by_rect(drawn[across], low, low, high, high)
    out[across] = [_pieces(g, d) for g, d in zip(cut, shapely.get_dimensions(drawn[across]), strict=True)]
    return out


def _pieces(cut: shapely.Geometry, dimension: int) -> shapely.Geometry | None:
    """The parts of a cut that are of a dimension: it may leave points and lines where it only touches."""
    parts = [g for g in shapely.get_parts(cut) if shapely.get_dimensions(g) == dimension and not g.is_empty]
    if not parts:
        return None
    return shapely.MultiLineString(parts) if dimension == 1 else shapely.MultiPolygon(parts)


def _simple(inside: Geometries) -> Geometries:
    """Polygons with whole coordinates and few of them, valid; one that is smaller than a unit is a unit square."""
    bent = shapely.simplify(inside, BEND, preserve_topology=False)
    whole = shapely.set_precision(bent, 1.0)
    small = np.flatnonzero(shapely.is_empty(whole) & ~shapely.is_missing(inside))
    place = shapely.point_on_surface(inside[small])
    x, y = np.floor(shapely.get_x(place)), np.floor(shapely.get_y(place))
    whole[small] = shapely.box(x, y, x + 1, y + 1)
    return np.asarray(whole, object)


@kernel
def _paths(data: Bytes, offsets: Ints, out: Bytes) -> Ints:
    """Write the commands of every geometry; ends of their bytes, of shape (n + 1,)."""
    ends = np.zeros(len(offsets), np.int64)
    table, at = np.empty((64, 3), np.int64), 0
    moves = np.empty((64, 2), np.int64)
    for i in range(len(offsets) - 1):
        if offsets[i] < offsets[i + 1]:
            table, rings = ring_table(data, offsets[i], table)
            longest = 0
            for r in range(rings):
                longest = max(longest, table[r, 1])
            if longest > len(moves):
                moves = np.empty((2 * longest, 2), np.int64)
            at = _rings(data, table, rings, moves, out, at)
        ends[i + 1] = at
    return ends


@kernel
def _rings(data: Bytes, table: Ints, rings: int, moves: Ints, out: Bytes, at: int) -> int:
    """All rings of a geometry, the cursor going on from one to the next; holes of a shell that vanished go with it."""
    x, y, gone = ZERO, ZERO, False
    for r in range(rings):
        role = table[r, 2]
        if role == HOLE and gone:
            continue
        n = _whole(data, table[r, 0], table[r, 1], role, moves)
        if role != HOLE:
            gone = n == 0
        if n > 0:
            at, x, y = _commands(moves, n, role, out, at, x, y)
    return at


@kernel
def _whole(data: Bytes, first: int, points: int, role: int, moves: Ints) -> int:
    """Points of a ring in whole units without repeats, as many as are left: 0 where it has shrunk to nothing.

    Shells turn clockwise on the screen, holes the other way (section 4.3.4.4).
    """
    n = 0
    for j in range(points):
        fx, fy = point(data, first, j)
        x, y = np.int64(np.rint(fx)), np.int64(np.rint(fy))
        if n == 0 or moves[n - 1, 0] != x or moves[n - 1, 1] != y:
            moves[n, 0], moves[n, 1] = x, y
            n += 1
    if role == LINE:
        return n if n > 1 else 0
    if n > 1 and moves[0, 0] == moves[n - 1, 0] and moves[0, 1] == moves[n - 1, 1]:
        n -= 1
    twice = _twice_area(moves, n)
    if n < 3 or twice == 0:
        return 0
    if (twice > 0) == (role == HOLE):
        for k in range(n // 2):
            for axis in range(2):
                moves[k, axis], moves[n - 1 - k, axis] = moves[n - 1 - k, axis], moves[k, axis]
    return n


@kernel
def _twice_area(moves: Ints, n: int) -> int:
    """Surveyor's formula; positive where a ring turns clockwise on the screen."""
    twice = ZERO
    for k in range(n):
        after = (k + 1) % n
        twice += moves[k, 0] * moves[after, 1] - moves[after, 0] * moves[k, 1]
    return twice


@kernel
def _commands(moves: Ints, n: int, role: int, out: Bytes, at: int, x: int, y: int) -> tuple[int, int, int]:
    """MoveTo the first point, LineTo the others and, around an area, ClosePath; where they end, and the cursor."""
    for k in range(n):
        if k < 2:
            at = varint(out, at, 9 if k == 0 else ((n - 1) << 3) | 2)
        dx, dy = moves[k, 0] - x, moves[k, 1] - y
        at = varint(out, at, (dx << 1) ^ (dx >> 63))
        at = varint(out, at, (dy << 1) ^ (dy >> 63))
        x, y = moves[k, 0], moves[k, 1]
    if role != LINE:
        out[at] = 15
        at += 1
    return at, x, y
