# SPDX-License-Identifier: Apache-2.0
"""The part of a large region around an object: a nation's border has a million vertices, a house is near ten of them.

A region is cut into squares, each out of the one above it, only where it is asked for. An object is served by the
smallest square that surely surrounds it; which one that is depends on the object alone, so what is made with it does
not depend on what else was asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.coverage import shares
from carbongrid.grid import Grid, Window

type Area = Polygon | MultiPolygon
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]
Shapes = NDArray[np.object_]

SIDES = tuple(2_000 * 4**k for k in range(5))
"""Sides of the squares in metres, smallest first."""
_MARGIN = 0.25
"""What a square holds beyond each side, in sides: objects up to half a side wide lie in that of their centre."""
_CELL = 250
"""Side in metres of the cells that are known to lie wholly inside, or wholly outside."""
_MOST = 1 << 24
"""Cells up to which they are not made larger."""
_TOUCH = 1.0
"""Metres around a box that count too, so that an object on the edge of a cell is looked at."""
_POLYGON = 3
FEW = 500
"""Vertices up to which a region is not cut at all."""


class Nearby:
    """A projected region and what was cut out of it so far. Not for several threads at once; see :func:`nearby`."""

    def __init__(self, region: Area) -> None:
        self.region = region
        self._few = int(shapely.get_num_coordinates(region)) <= FEW
        self._squares: dict[tuple[int, int, int], shapely.Geometry] = {}

    def __reduce__(self) -> tuple[Callable[[Area], "Nearby"], tuple[Area]]:
        """Travels without what was cut."""
        return nearby, (self.region,)

    def around(self, boxes: F64) -> Shapes:
        """What of the region lies around each box (n, 4), west, south, east, north; maybe more, never less inside it.

        The whole region for boxes that are too large, or not finite.
        """
        out = np.full(len(boxes), self.region, object)
        if self._few or not len(boxes):
            return out
        wide = np.nan_to_num(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]), nan=np.inf)
        level = np.searchsorted(np.array(SIDES) * 2 * _MARGIN, wide)
        for k, side in enumerate(SIDES):
            rows = np.flatnonzero(level == k)
            at = np.floor((boxes[rows, :2] + boxes[rows, 2:]) / 2 / side).astype(np.int64)
            squares, which = np.unique(at, axis=0, return_inverse=True)
            out[rows] = self._cut(k, squares)[which.ravel()]
        return out

    def _cut(self, level: int, squares: I64) -> Shapes:
        """The region in squares (n, 2) of a level."""
        if level == len(SIDES):
            return np.full(len(squares), self.region, object)
        keys = [(level, x, y) for x, y in squares.tolist()]
        new = squares[[i for i, key in enumerate(keys) if key not in self._squares]]
        if len(new):
            above, which = np.unique(new // 4, axis=0, return_inverse=True)
            side, margin = SIDES[level], SIDES[level] * _MARGIN
            boxes = np.hstack([new * side - margin, (new + 1) * side + margin])
            made = _clipped(self._cut(level + 1, above), which.ravel(), boxes)
            self._squares |= zip(((level, x, y) for x, y in new.tolist()), made, strict=True)
        out = np.empty(len(keys), object)
        out[:] = [self._squares[key] for key in keys]
        return out

    def intersection(self, geometries: Shapes) -> Shapes:
        """What of every geometry lies in the region."""
        return np.asarray(shapely.intersection(geometries, self.around(shapely.bounds(geometries))), object)

    def intersects(self, boxes: F64, geometries: Shapes) -> Mask:
        """Whether each geometry, with its box (n, 4), shares a point with the region."""
        return self._told(boxes, geometries, shapely.intersects)

    def covers(self, boxes: F64, geometries: Shapes) -> Mask:
        """Whether each geometry, with its box (n, 4), lies in the region."""
        return self._told(boxes, geometries, shapely.covered_by)

    def _told(self, boxes: F64, geometries: Shapes, predicate: Callable[[Shapes, Shapes], Mask]) -> Mask:
        """Cells wholly inside or outside tell without a look at the geometry."""
        if self._few:
            shapely.prepare(self.region)
            return np.asarray(_TURNED[predicate](self.region, geometries), bool)
        inside, outside = self._cells.within(boxes)
        rows = np.flatnonzero(~(inside | outside))
        inside[rows] = predicate(geometries[rows], self.around(boxes[rows]))
        return inside

    @cached_property
    def _cells(self) -> "_Cells":
        return _Cells.of(self.region)


_TURNED: Mapping[Callable[..., Mask], Callable[..., Mask]] = {
    shapely.intersects: shapely.intersects,
    shapely.covered_by: shapely.covers,
}
"""The same predicates with the region, which is prepared, first."""


def _clipped(areas: Shapes, which: I64, boxes: F64) -> Shapes:
    """What of area ``which`` (n,) lies in each box (n, 4): polygons that cross its edge are cut, the others taken."""
    polygons, owner = shapely.get_parts(areas, return_index=True)
    squares = np.asarray(shapely.box(*boxes.T), object)
    box, polygon = shapely.STRtree(polygons).query(squares)
    own = owner[polygon] == which[box]
    box, shapes = box[own], polygons[polygon[own]]
    bounds = shapely.bounds(shapes)
    crossing = (bounds[:, :2] < boxes[box, :2]).any(axis=1) | (bounds[:, 2:] > boxes[box, 2:]).any(axis=1)
    shapes[crossing] = shapely.intersection(shapes[crossing], squares[box[crossing]])
    found, row = shapely.get_parts(shapes, return_index=True)
    area = shapely.get_type_id(found) == _POLYGON
    out = np.full(len(boxes), MultiPolygon(), object)
    if area.any():
        order = np.argsort(box[row[area]], kind="stable")
        shapely.multipolygons(found[area][order], indices=box[row[area]][order], out=out)
    return out


@lru_cache(maxsize=2)
def nearby(region: Area) -> Nearby:
    """A region to be asked about many objects; equal regions share what was cut out of them."""
    return Nearby(region)


@dataclass(frozen=True)
class _Cells:
    """Sums over the cells up to each row (from the north) and column: of cells wholly inside, and wholly outside."""

    window: Window
    inside: NDArray[np.int32]
    outside: NDArray[np.int32]

    @classmethod
    def of(cls, region: Area) -> Self:
        """The cells around a region, larger ones where they would be too many."""
        side = _CELL
        while (
            window := Window.around(Grid(0, side), region.bounds, side)
        ).size > _MOST:  # the grid's CRS plays no part
            side *= 2
        share = shares(region, window)
        return cls(window, _sums(share == 1), _sums(share == 0))

    def within(self, boxes: F64) -> tuple[Mask, Mask]:
        """Boxes all of whose cells lie inside, and those whose cells all lie outside; touching counts as sharing."""
        finite = np.isfinite(boxes).all(axis=1)
        size, window = self.window.grid.cell_size, self.window
        west, south, east, north = (np.where(finite, b, 0.0) for b in boxes.T)
        left, right = (np.floor((x - window.west) / size) for x in (west - _TOUCH, east + _TOUCH))
        top, bottom = (np.floor((window.north - y) / size) for y in (north + _TOUCH, south - _TOUCH))
        beyond = (left < 0) | (top < 0) | (right >= window.ncol) | (bottom >= window.nrow)
        a, b = (np.clip(v, 0, window.ncol).astype(np.int64) for v in (left, right + 1))
        c, d = (np.clip(v, 0, window.nrow).astype(np.int64) for v in (top, bottom + 1))
        cells = np.maximum(b - a, 0) * np.maximum(d - c, 0)
        counts = [s[d, b] - s[c, b] - s[d, a] + s[c, a] for s in (self.inside, self.outside)]
        return finite & ~beyond & (counts[0] == cells), finite & (counts[1] == cells)


def _sums(cells: Mask) -> NDArray[np.int32]:
    out = np.zeros((cells.shape[0] + 1, cells.shape[1] + 1), np.int32)
    np.cumsum(np.cumsum(cells, axis=0, dtype=np.int32), axis=1, out=out[1:, 1:])
    return out
