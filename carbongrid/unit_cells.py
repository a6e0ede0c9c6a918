# SPDX-License-Identifier: Apache-2.0
"""Which unit holds most of each cell, on every level of cells; outlines of higher units as unions of lower ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.coverage import parts
from carbongrid.geometry.wkb import Wkb, polygonal
from carbongrid.inventory import Cells
from carbongrid.nearby import nearby
from carbongrid.unit_shapes import Units

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
Texts = NDArray[np.object_]

NO_UNIT = -1
_DECIMALS = 3
"""Areas are compared to 0.001 m2: the two halves of a cell are equal, and the smaller code has it."""
_SNAP = 1e-5
"""Metres within which edges of neighbours are one edge: outlines are good to 0.01 mm (architecture, decision 5)."""


def cell_units(units: Units, boundary: Polygon | MultiPolygon, cells: Mapping[int, Cells]) -> dict[int, I32]:
    """By cell level, for each cell the number of the unit with most area in it and in a projected boundary.

    NO_UNIT where no unit has any. Equal areas go to the smaller code.
    """
    inside = _column([polygonal(g) for g in nearby(boundary).intersection(units.outline)])
    size = min(cells)
    found = parts(Wkb.from_shapely(inside), cells[size].window)
    source = found.source.astype(np.int64)
    return {level: _largest(found.cell, source, found.measure, cells[size], c) for level, c in cells.items()}


def _largest(cell: I64, unit: I64, measure: NDArray[np.float64], finest: Cells, level: Cells) -> I32:
    """The unit of the largest sum in every cell of a level, from areas in finest cells."""
    factor = level.window.grid.cell_size // finest.window.grid.cell_size
    parent = finest.window.parents(cell, factor)
    pair, which = np.unique(np.stack([parent, unit]), axis=1, return_inverse=True)
    area = np.round(np.bincount(which.ravel(), measure, pair.shape[1]), _DECIMALS)
    order = np.lexsort((pair[1], -area, pair[0]))
    held, first = np.unique(pair[0][order], return_index=True)
    out = np.full(len(level.index), NO_UNIT, np.int32)
    at = np.searchsorted(level.index, held)
    known = (at < len(level.index)) & (level.index[np.minimum(at, len(level.index) - 1)] == held)
    out[at[known]] = pair[1][order][first][known]
    return out


def merged(units: Units, digits: int) -> Units:
    """Units of the first ``digits`` of the code; their outlines are unions of those below, names are theirs no more."""
    group = np.array([code[:digits] for code in units.code], object)
    code = sorted(set(group.tolist()))
    outline = _column([_union(units.outline[group == c]) for c in code])
    return Units(units.crs, _column(code), _column(code), outline, outline)


def _union(outlines: Texts) -> Polygon | MultiPolygon:
    return polygonal(shapely.union_all(outlines, grid_size=_SNAP))


def _column(values: Sequence[object]) -> Texts:
    out = np.empty(len(values), object)
    out[:] = values
    return out
