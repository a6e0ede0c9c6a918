# SPDX-License-Identifier: Apache-2.0
"""The cells of one year as a filter reads them: columns part by part, published outlines, bounds of their blocks.

Bounds of a property are computed when a filter first asks for it and kept as long as the release is open: two numbers
for 1,024 cells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.sectors import FIGURE, FIGURES, INTERVALS, sector_mask
from carbonstore import quads
from carbonstore.batch import Part as BatchPart
from carbonstore.batch import rows_in
from carbonstore.catalogue import Collection
from carbonstore.columns import Column, Labels, Number
from carbonstore.fields import Field
from carbonstore.filter.source import AT_ONCE, BLOCK, Ints, Part, Tally
from carbonstore.filter.truth import Mask, Range
from carbonstore.quads import WGS84, Box
from carbonstore.selection import YearRows, cell_named, make_batch, with_cells
from carbonstore.stored import Level

CODES = ("cell_id", "kr_code")
"""Properties that name the cell: each value is another, and none is stored."""
_HALF_WIDTHS = {f"{name}_u95": name for name in INTERVALS}
_FIGURE_ROW = {figure.name: row for row, figure in enumerate(FIGURES)}


@dataclass(frozen=True)
class CellSource:
    """The cells of one year of a collection, in stored order."""

    collection: Collection
    year: int

    @property
    def level(self) -> Level:
        """Their stored columns."""
        return self.collection.stored(self.year)

    @property
    def fields(self) -> Mapping[str, Field]:
        """Properties of the collection."""
        return self.collection.fields

    def __len__(self) -> int:
        return len(self.level.index)

    def column(self, name: str, rows: Part) -> Column:
        """A property of some cells; kilograms are summed without a copy of what is stored."""
        figure = _HALF_WIDTHS.get(name, name)
        if figure not in FIGURE:
            return self._described(name, rows)
        needed = sector_mask(FIGURE[figure])
        null = (self.level.null[rows] & needed) == needed
        kg = self._half_widths(figure, rows) if name in _HALF_WIDTHS else self._kilograms(figure, rows)
        kg[null] = 0
        return Number(kg, null, 3)

    def _kilograms(self, figure: str, rows: Part) -> Ints:
        weights = self.collection.release(self.year).weights[_FIGURE_ROW[figure]]
        kg = np.zeros(_size(rows), np.int64)
        for weight, band in zip(weights, self.level.kg, strict=True):
            if weight > 0:
                kg += band[rows]
            elif weight < 0:
                kg -= band[rows]
        return kg

    def _half_widths(self, figure: str, rows: Part) -> Ints:
        return self.level.u95[INTERVALS.index(figure)][rows].astype(np.int64)

    def _described(self, name: str, rows: Part) -> Column:
        """A property that is no sum of kilograms, as encoders get it."""
        listed = np.arange(rows.start, rows.stop, dtype=np.int64) if isinstance(rows, slice) else rows
        size = len(listed)
        return make_batch(self.collection, [BatchPart(self.year, listed, slice(0, size))], size, size).column(name)

    def shapes(self, rows: Part) -> NDArray[Any]:
        """Outlines with the vertices that clients get."""
        x, y, corners = quads.vertices(self.level.window, self.level.index[rows])
        rings = np.stack([x[corners], y[corners]], axis=2) / WGS84.scale
        return np.asarray(shapely.polygons(rings), object)

    def near(self, box: Box) -> Ints | None:
        """Cells whose rows and columns may reach into a box."""
        shared = quads.overlap(box, self.collection.bbox)
        if shared == self.collection.bbox:
            return None
        block = None if shared is None else quads.around(self.level.window, shared)
        return np.empty(0, np.int64) if block is None else rows_in(self.level, block)

    def lookup(self, name: str, texts: Sequence[str]) -> Ints | None:
        """Cells by their codes."""
        if name not in CODES:
            return None
        cells = [cell for text in texts for cell in cell_named(self.collection, name, text)]
        found = with_cells(YearRows(self.year, self.level, None), cells, self.collection.window)
        return found.slice(0, found.count)

    def bounds(self, name: str) -> Range | Tally | None:
        """What the blocks of a property hold; nothing is known of codes."""
        if name in CODES:
            return None
        kept = self.level.bounds
        if name not in kept:
            columns = [self.column(name, part) for part in _parts(len(self))]
            numbers = [c for c in columns if isinstance(c, Number)]
            kept[name] = _range(numbers) if numbers else _tally([c for c in columns if isinstance(c, Labels)])
        found: Range | Tally = kept[name]
        return found


def _size(rows: Part) -> int:
    return rows.stop - rows.start if isinstance(rows, slice) else len(rows)


def _parts(size: int) -> Iterator[slice]:
    step = AT_ONCE * BLOCK
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def _range(parts: Sequence[Number]) -> Range:
    """Least and greatest number of every block of the parts."""
    found: list[tuple[Mask, ...]] = []
    for part in parts:
        starts = np.arange(0, len(part.null), BLOCK)
        low = np.minimum.reduceat(np.where(part.null, np.inf, part.values), starts)
        high = np.maximum.reduceat(np.where(part.null, -np.inf, part.values), starts)
        null, value = np.logical_or.reduceat(part.null, starts), np.logical_or.reduceat(~part.null, starts)
        found.append((low, high, null, value))
    return Range(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _tally(parts: Sequence[Labels]) -> Tally:
    """Texts that every block of the parts holds."""
    texts = list(dict.fromkeys(text for part in parts for text in part.texts))
    place = {text: k for k, text in enumerate(texts)}
    present: list[Mask] = []
    for part in parts:
        table = np.array([*(place[t] for t in part.texts), len(texts)], np.int64)  # the last column: null
        for start in range(0, len(part.codes), BLOCK):
            held = np.bincount(table[part.codes[start : start + BLOCK]], minlength=len(texts) + 1) > 0
            present.append(held)
    found = np.stack(present)
    return Tally(texts, found[:, :-1], found[:, -1])
