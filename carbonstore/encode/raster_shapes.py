# SPDX-License-Identifier: Apache-2.0
"""Geometries as pixels of a tile: areas by the centre of the pixel, edges and roads by what they run through.

A pixel belongs to the area that holds its centre, so units that tile a place tile the picture too: an edge that two of
them share is computed alike for both. What is smaller than a pixel still shows, by its outline.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.geometry.rings import LINE, point, ring_table
from carbongrid.geometry.wkb import Wkb
from carbongrid.jit import kernel
from carbonstore.collections.shapes import Geometries
from carbonstore.encode.pixels import SIDE
from carbonstore.text import Bytes, Ints

WIDTH = 2
"""Pixels of a road."""


@dataclass(frozen=True)
class Drawing:
    """Geometries in pixels of a tile, x to the right, y down: all areas or all lines."""

    wkb: Wkb
    image: Bytes

    @classmethod
    def of(cls, geometry: Geometries) -> "Drawing":
        """Of geometries in pixels, None where a record has none; nothing is drawn yet."""
        return cls(Wkb.from_shapely(geometry), np.zeros((SIDE, SIDE), np.uint8))

    def fill(self, codes: Bytes) -> None:
        """Every area in its own code, the later over the earlier."""
        toggles = np.zeros((SIDE, SIDE + 1), np.bool_)
        _fill(self.wkb.data, self.wkb.offsets, codes, self.image, toggles)

    def trace(self, codes: Bytes) -> None:
        """Every outline in a code, one pixel wide, every line ``WIDTH``."""
        _trace(self.wkb.data, self.wkb.offsets, codes, self.image)


@kernel
def _fill(data: Bytes, offsets: Ints, codes: Bytes, image: Bytes, toggles: NDArray[np.bool_]) -> None:
    """Even-odd by rows of centres: every edge toggles the first centre to its right, a row is read from the left."""
    table = np.empty((64, 3), np.int64)
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        table, rings = ring_table(data, offsets[i], table)
        top, bottom, left, right = SIDE, -1, SIDE, 0
        for r in range(rings):
            for j in range(table[r, 1] - 1):
                ax, ay = point(data, table[r, 0], j)
                bx, by = point(data, table[r, 0], j + 1)
                if ay > by:  # the same arithmetic from either side
                    ax, ay, bx, by = bx, by, ax, ay
                first, last = _centres(ay, by)
                for row in range(first, last):
                    x = ax + (row + 0.5 - ay) * (bx - ax) / (by - ay)
                    col = int(min(max(np.ceil(x - 0.5), 0.0), float(SIDE)))
                    toggles[row, col] = not toggles[row, col]
                    left, right = min(left, col), max(right, col)
                if first < last:
                    top, bottom = min(top, first), max(bottom, last - 1)
        for row in range(top, bottom + 1):
            inside = False
            for col in range(left, right + 1):
                inside = inside != toggles[row, col]
                toggles[row, col] = False
                if inside and col < SIDE:
                    image[row, col] = codes[i]


@kernel
def _centres(low: float, high: float) -> tuple[int, int]:
    """Rows, half open, whose centres lie in [low, high), within the tile."""
    first = np.ceil(min(max(low, 0.0), float(SIDE)) - 0.5)
    last = np.ceil(min(max(high, 0.0), float(SIDE)) - 0.5)
    return int(first), int(last)


@kernel
def _trace(data: Bytes, offsets: Ints, codes: Bytes, image: Bytes) -> None:
    """Walk every edge in steps of at most a pixel."""
    table = np.empty((64, 3), np.int64)
    for i in range(len(offsets) - 1):
        if offsets[i] == offsets[i + 1]:
            continue
        table, rings = ring_table(data, offsets[i], table)
        for r in range(rings):
            width = WIDTH if table[r, 2] == LINE else 1
            for j in range(table[r, 1] - 1):
                ax, ay = point(data, table[r, 0], j)
                bx, by = point(data, table[r, 0], j + 1)
                start, stop = _seen(ax, bx - ax, 0.0, 1.0)
                start, stop = _seen(ay, by - ay, start, stop)
                if start <= stop:
                    _walk(image, ax, ay, bx - ax, by - ay, start, stop, codes[i], width)


@kernel
def _seen(a: float, d: float, start: float, stop: float) -> tuple[float, float]:
    """The part of an edge, in shares of its length, that lies in the tile or ``WIDTH`` beside it along one axis."""
    low, high = -float(WIDTH), float(SIDE + WIDTH)
    if d == 0.0:
        return (start, stop) if low <= a <= high else (1.0, 0.0)
    one, two = (low - a) / d, (high - a) / d
    return max(start, min(one, two)), min(stop, max(one, two))


@kernel
def _walk(
    image: Bytes, ax: float, ay: float, dx: float, dy: float, start: float, stop: float, code: int, width: int
) -> None:
    steps = int(np.ceil(max(abs(dx), abs(dy)) * (stop - start))) + 1
    for k in range(steps + 1):
        t = start + (stop - start) * k / steps
        row, col = int(np.floor(ay + t * dy - (width - 1) / 2)), int(np.floor(ax + t * dx - (width - 1) / 2))
        for i in range(max(row, 0), min(row + width, SIDE)):
            for j in range(max(col, 0), min(col + width, SIDE)):
                image[i, j] = code
