# SPDX-License-Identifier: Apache-2.0
"""Which rows of a source a filter is true for, looking only where it may be.

Three steps, each on what the one before left: candidates (codes looked up, geometries near a literal), blocks whose
least and greatest values allow it, then the rows themselves, part by part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from carbonstore.fields import Field
from carbonstore.filter.compiler import compiled
from carbonstore.filter.conditions import Condition
from carbonstore.filter.geometry import in_crs84
from carbonstore.filter.source import AT_ONCE, BLOCK, Blocks, Ints, Part, Rows, Source
from carbonstore.filter.syntax import Tree
from carbonstore.quads import WGS84, OutputCrs

WORTH = 8
"""The blocks of a source are consulted where at least one row in so many is left to look at."""
NOWHERE, PERHAPS, THROUGHOUT = 0, 1, 2

type States = NDArray[np.uint8]


@dataclass(frozen=True)
class Filter:
    """A filter that was checked against the properties of its rows."""

    condition: Condition

    @classmethod
    def of(cls, tree: Tree, fields: Mapping[str, Field], crs: OutputCrs = WGS84) -> "Filter":
        """Of a syntax tree whose geometries are in ``crs``; InvalidInput names what is wrong with it."""
        return cls(compiled(in_crs84(tree, crs), fields))

    def select(self, source: Source, rows: Ints | None = None, *, blocks: bool = True) -> Ints | None:
        """The rows among these (None = all, else ascending) for which it is true; None = all of the source.

        ``blocks``: consult the bounds of blocks. The answer is the same without, only later.
        """
        hint = self.condition.candidates(source)
        if hint is not None:
            rows = hint if rows is None else np.intersect1d(rows, hint, assume_unique=True)
        size = len(source) if rows is None else len(rows)
        state = self._states(source, consult=blocks and size * WORTH >= len(source))
        near: dict[int, Ints | None] = {}
        found = [np.empty(0, np.int64)]
        for part, sure in _runs(len(source), state) if rows is None else _chunks(rows, state):
            found.append(_listed(part) if sure else self._true(Rows(source, part, near)))
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


def _runs(size: int, state: States) -> Iterator[tuple[Part, bool]]:
    """Blocks of one state end to end, cut into parts; whether it is true throughout."""
    bounds = [0, *(np.flatnonzero(np.diff(state)) + 1).tolist(), len(state)]
    for first, last in pairwise(bounds):
        if first == last or state[first] == NOWHERE:
            continue
        sure = bool(state[first] == THROUGHOUT)
        for start in range(first, last, AT_ONCE):
            yield slice(start * BLOCK, min(min(start + AT_ONCE, last) * BLOCK, size)), sure


def _chunks(rows: Ints, state: States) -> Iterator[tuple[Part, bool]]:
    """Some rows, less those of blocks where it is true nowhere."""
    kept = rows[state[rows // BLOCK] != NOWHERE]
    for start in range(0, len(kept), AT_ONCE * BLOCK):
        yield kept[start : start + AT_ONCE * BLOCK], False


def _listed(part: Part) -> Ints:
    return np.arange(part.start, part.stop, dtype=np.int64) if isinstance(part, slice) else part
