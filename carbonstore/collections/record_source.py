# SPDX-License-Identifier: Apache-2.0
"""The records of one year as a filter reads them: columns part by part, geometries, bounds of their blocks.

Bounds of a property are computed when a filter first asks for it and kept as long as the release is open: two numbers
for 1,024 records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbonstore.collections.batch import Part as BatchPart
from carbonstore.collections.collection import Collection
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.fields import Field
from carbonstore.collections.figures import IN_KG, FigureColumns
from carbonstore.collections.quads import Box
from carbonstore.filter.source import AT_ONCE, BLOCK, Ints, Part, Tally
from carbonstore.filter.truth import Mask, Range


@dataclass(frozen=True)
class RecordSource:
    """The records of one year of a collection, in stored order."""

    collection: Collection
    year: int

    @property
    def fields(self) -> Mapping[str, Field]:
        """Properties of the collection."""
        return self.collection.fields

    def __len__(self) -> int:
        return len(self.collection.stored(self.year))

    def column(self, name: str, rows: Part) -> Column:
        """A property of some records; kilograms are summed without a copy of what is stored."""
        stored = self.collection.stored(self.year)
        if name in IN_KG and isinstance(stored, FigureColumns):
            return stored.figure(name, rows, self.collection.release(self.year).weights)
        listed = np.arange(rows.start, rows.stop, dtype=np.int64) if isinstance(rows, slice) else rows
        size = len(listed)
        return self.collection.batch([BatchPart(self.year, listed, slice(0, size))], size, size).column(name)

    def shapes(self, rows: Part) -> NDArray[Any]:
        """Geometries with the vertices that clients get."""
        return self.collection.shapes(self.year, rows)

    def near(self, box: Box) -> Ints | None:
        """Records that may touch a box."""
        return self.collection.near(self.year, box)

    def lookup(self, name: str, texts: Sequence[str]) -> Ints | None:
        """Records by their codes."""
        return self.collection.lookup(self.year, name, texts)

    def bounds(self, name: str) -> Range | Tally | None:
        """What the blocks of a property hold; nothing is known of codes."""
        if name in self.collection.scattered:
            return None
        kept = self.collection.stored(self.year).bounds
        if name not in kept:
            columns = [self.column(name, part) for part in _parts(len(self))]
            numbers = [c for c in columns if isinstance(c, Number)]
            kept[name] = _range(numbers) if numbers else _tally([c for c in columns if isinstance(c, Labels)])
        found: Range | Tally = kept[name]
        return found


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
