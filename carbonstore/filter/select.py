# SPDX-License-Identifier: Apache-2.0
"""Which rows of a source a filter is true for, looking only where it may be.

Three steps, each on what the one before left: candidates (codes looked up, geometries near a literal), blocks whose
least and greatest values allow it, then the rows themselves, part by part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbonstore.collections.fields import Field
from carbonstore.collections.quads import WGS84, OutputCrs
from carbonstore.filter.compiler import Called, compiled, verbatim
from carbonstore.filter.conditions import Condition
from carbonstore.filter.geometry import in_crs84
from carbonstore.filter.source import AT_ONCE, BLOCK, Blocks, Ints, Part, Rows, Source
from carbonstore.filter.syntax import Tree

WORTH = 8
"""The blocks of a source are consulted where at least one row in so many is left to look at."""
NOWHERE, PERHAPS, THROUGHOUT = 0, 1, 2

type States = NDArray[np.uint8]


@dataclass(frozen=True)
class Filter:
    """A filter that was checked against the properties of its rows."""

    condition: Condition

    @classmethod
    def of(cls, tree: Tree, fields: Mapping[str, Field], crs: OutputCrs = WGS84, called: Called = verbatim) -> "Filter":
        """Of a syntax tree whose geometries are in ``crs``; InvalidInput names what is wrong with it."""
        return cls(compiled(in_crs84(tree, crs), fields, called))

    def select(self, source: Source, rows: Ints | None = None, *, scan: bool = False) -> Ints | None:
        """The rows among these (None = all, else ascending) for which it is true; None = all of the source.

        ``scan``: look at each of them. The answer is the same, only later.
        """
        hint = None if scan else self.condition.candidates(source)
        if hint is not None:
            rows = hint if rows is None else np.intersect1d(rows, hint, assume_unique=True)
        size = len(source) if rows is None else len(rows)
        state = self._states(source, consult=not scan and size * WORTH >= len(source))
        near: dict[int, Ints | None] = {}
        parts = _parts(len(source), np.flatnonzero(state == PERHAPS)) if rows is None else _chunks(rows, state)
        found = [np.empty(0, np.int64), *(self._true(Rows(source, part, near)) for part in parts)]
        if rows is None and (state == THROUGHOUT).any():
            chosen = np.sort(np.concatenate([*found, _rows_of(np.flatnonzero(state == THROUGHOUT), len(source))]))
        else:
            chosen = np.concatenate(found)
        return None if len(chosen) == len(source) else chosen

    def _states(self, source: Source, *, consult: bool) -> States:
        """By block: is it true nowhere, perhaps, or throughout?"""
        blocks = Blocks(source)
        if not consult:
            return np.full(blocks.size, PERHAPS, np.uint8)
        outcome = self.condition.outcome(blocks)
        throughout = ~outcome.false & ~outcome.unknown
        return np.where(outcome.true, np.where(throughout, THROUGHOUT, PERHAPS), NOWHERE).astype(np.uint8)

    def _true(self, view: Rows) -> Ints:
        """Those for which it is true."""
        places = np.flatnonzero(self.condition.outcome(view).true)
        return places + view.rows.start if isinstance(view.rows, slice) else view.rows[places]


def _parts(size: int, blocks: Ints) -> Iterator[Part]:
    """The rows of some blocks, so many at once: a slice where they stand end to end."""
    for start in range(0, len(blocks), AT_ONCE):
        some = blocks[start : start + AT_ONCE]
        together = some[-1] - some[0] + 1 == len(some)
        yield slice(int(some[0]) * BLOCK, min(int(some[-1] + 1) * BLOCK, size)) if together else _rows_of(some, size)


def _rows_of(blocks: Ints, size: int) -> Ints:
    """Rows of blocks, ascending; the last block of a source may be short."""
    rows: Ints = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
    return rows[rows < size] if len(rows) and rows[-1] >= size else rows


def _chunks(rows: Ints, state: States) -> Iterator[Part]:
    """Some rows, less those of blocks where it is true nowhere."""
    kept = rows[state[rows // BLOCK] != NOWHERE]
    return (kept[start : start + AT_ONCE * BLOCK] for start in range(0, len(kept), AT_ONCE * BLOCK))
