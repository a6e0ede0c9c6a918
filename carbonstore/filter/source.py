# SPDX-License-Identifier: Apache-2.0
"""What a filter reads: columns by name and geometries of rows, whatever they are rows of; and the two views of it.

``Rows`` shows rows, ``Blocks`` the blocks of ``BLOCK`` rows end to end by what each may hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.fields import Field
from carbonstore.collections.quads import Box
from carbonstore.filter.truth import Floats, Mask, Range, Truth

Ints = NDArray[np.int64]
BLOCK = 1024
"""Rows of a block."""
AT_ONCE = 64
"""Blocks that are evaluated together."""

type Part = slice | Ints
"""Some rows of a source, ascending."""


@dataclass(frozen=True, slots=True)
class Tally:
    """The texts that blocks of a column hold: ``present`` of shape (blocks, texts); ``null``: some row has none."""

    texts: Sequence[str]
    present: Mask
    null: Mask

    def outcome(self, table: Mask) -> Truth:
        """Of a test whose outcome by text is ``table``."""
        return Truth(self.present[:, table].any(axis=1), self.present[:, ~table].any(axis=1), self.null)

    def numbers(self, table: Floats) -> Range:
        """The numbers that the texts stand for."""
        low = np.where(self.present, table, np.inf).min(axis=1, initial=np.inf)
        high = np.where(self.present, table, -np.inf).max(axis=1, initial=-np.inf)
        return Range(low, high, self.null, self.present.any(axis=1))


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of rows."""

    labels: Labels

    @property
    def texts(self) -> Sequence[str]:
        """The distinct ones."""
        return self.labels.texts

    @property
    def null(self) -> Mask:
        """Rows without a text."""
        return self.labels.null

    def outcome(self, table: Mask) -> Truth:
        """Of a test whose outcome by text is ``table``."""
        return Truth.where(np.append(table, False)[self.labels.codes], ~self.null)

    def numbers(self, table: Floats) -> Range:
        """The numbers that the texts stand for."""
        return Range.exact(np.append(table, 0.0)[self.labels.codes], self.null)


class Source(Protocol):
    """Rows with properties and a geometry. Only ``column`` and ``shapes`` must know anything; the rest makes it quick.

    Whatever it is asked for depends on the source alone, never on the query, so it may keep what it computed.
    """

    @property
    def fields(self) -> Mapping[str, Field]:
        """Its properties by name."""
        ...

    def __len__(self) -> int: ...

    def column(self, name: str, rows: Part) -> Column:
        """A property of some rows."""
        ...

    def shapes(self, rows: Part) -> NDArray[Any]:
        """Geometries of some rows in CRS84, None where a row has none."""
        ...

    def near(self, box: Box) -> Ints | None:
        """Rows that may touch a CRS84 box, ascending: all that do are among them; None = all."""
        ...

    def lookup(self, name: str, texts: Sequence[str]) -> Ints | None:
        """Rows whose property is one of these texts, ascending; None where it must be looked for."""
        ...

    def bounds(self, name: str) -> Range | Tally | None:
        """What the blocks of a property hold; None where that is not known."""
        ...


@dataclass(frozen=True)
class Rows:
    """Some rows of a source. ``near`` keeps rows near a literal for all parts of one evaluation."""

    source: Source
    rows: Part
    near: dict[int, Ints | None] = field(default_factory=dict)
    _columns: dict[str, Column] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many."""
        return self.rows.stop - self.rows.start if isinstance(self.rows, slice) else len(self.rows)

    def numbers(self, name: str) -> Range:
        """A property that holds numbers."""
        column = self._column(name)
        assert isinstance(column, Number)
        return Range.exact(column.values.astype(np.float64, copy=False), column.null)

    def texts(self, name: str) -> Texts:
        """A property that holds texts."""
        column = self._column(name)
        assert isinstance(column, Labels)
        return Texts(column)

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = self.source.column(name, self.rows)
        return self._columns[name]

    def shapes(self) -> NDArray[Any]:
        """Their geometries."""
        return self.source.shapes(self.rows)

    def places(self, shape: shapely.Geometry) -> Ints | None:
        """Positions of the rows that may touch a geometry; None = all."""
        key = id(shape)
        if key not in self.near:
            west, south, east, north = shapely.bounds(shape)
            self.near[key] = self.source.near((west, south, east, north))
        found = self.near[key]
        if found is None:
            return None
        if isinstance(self.rows, slice):
            first, last = np.searchsorted(found, [self.rows.start, self.rows.stop])
            inside: Ints = found[first:last] - self.rows.start
            return inside
        return np.flatnonzero(np.isin(self.rows, found, assume_unique=True))

    def pick(self, places: Ints) -> "Rows":
        """Those at some positions."""
        rows = places + self.rows.start if isinstance(self.rows, slice) else self.rows[places]
        return Rows(self.source, rows)


@dataclass(frozen=True)
class Blocks:
    """The blocks of a source."""

    source: Source

    @property
    def size(self) -> int:
        """How many."""
        return -(-len(self.source) // BLOCK)

    def numbers(self, name: str) -> Range:
        """What a property that holds numbers ranges over."""
        bounds = self.source.bounds(name)
        return bounds if isinstance(bounds, Range) else Range.anything(self.size)

    def texts(self, name: str) -> Tally | None:
        """Which texts a property holds; None where that is not known."""
        bounds = self.source.bounds(name)
        return bounds if isinstance(bounds, Tally) else None


type View = Rows | Blocks
