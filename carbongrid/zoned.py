# SPDX-License-Identifier: Apache-2.0
"""Many zones in one pass: what they take of cells and pieces, shared out in whole kilograms.

Every zone is covered as a region is (:mod:`carbongrid.zonal`): runs of whole cells, and shares of what its border cuts.
A cut piece is then split over all zones that have some of it, and over what lies in none, by largest remainder: zones
that tile a place sum to it, to the kilogram, in whatever order they come. Zones that overlap cannot tile anything: of a
piece that several have twice, each takes its own share, rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.geometry.rings import frozen
from carbongrid.grid import Window
from carbongrid.inventory import Cells, Pieces
from carbongrid.jit import kernel
from carbongrid.map_units import code_hash
from carbongrid.pieces import Running, apportion, identity
from carbongrid.unit_shapes import UNALLOCATED
from carbongrid.zonal import Cover

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]

SLIVER = 1e-4
"""Share of a cell (1 m2 of 100 m) below which its gaps are not the zone's, nor an overlap meant: an edge meant to run
along the lattice is straight in CRS84 and leaves it by 4 mm in 500 m."""
_NOISE = 1e-9
"""Share below which a part is rounding."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Pieces of one layer by zone: their line, what of their kilograms lies in the zone, and the zone."""

    line: I64
    kg: F64
    zone: I64


@dataclass(frozen=True, slots=True)
class Zoned:
    """What ``n`` zones take, in the order of zones.

    ``runs`` int64 (k, 2): positions of occupied cells wholly inside, ends exclusive, of the zones ``run_zone``.
    ``piece`` int64, ``zone`` int64 and ``share`` float64 (0 to 1) are equally long: one each cut piece and zone.
    """

    n: int
    runs: I64
    run_zone: I64
    piece: I64
    zone: I64
    share: F64

    @classmethod
    def of(cls, found: Sequence[Cover]) -> Self:
        """The covers of all zones."""
        every = np.arange(len(found))
        none = np.zeros(0, np.int64)
        return cls(
            len(found),
            np.concatenate([none.reshape(0, 2), *(c.runs for c in found)]),
            np.repeat(every, [len(c.runs) for c in found]),
            np.concatenate([none, *(c.piece for c in found)]),
            np.repeat(every, [len(c.piece) for c in found]),
            np.concatenate([np.zeros(0), *(c.share for c in found)]),
        )

    def between(self, first: int, last: int) -> "Zoned":
        """What the zones ``first:last`` take, numbered from 0."""
        run = slice(*np.searchsorted(self.run_zone, [first, last]))
        cut = slice(*np.searchsorted(self.zone, [first, last]))
        return Zoned(
            last - first,
            self.runs[run],
            self.run_zone[run] - first,
            self.piece[cut],
            self.zone[cut] - first,
            self.share[cut],
        )

    def over(self, running: Running) -> I64:
        """Kilograms (bands, n) of the whole cells, by running sums over the cells that ``runs`` count in."""
        out = np.zeros((running.sums.shape[1], self.n), np.int64)
        np.add.at(out.T, self.run_zone, running.sums[self.runs[:, 1]] - running.sums[self.runs[:, 0]])
        return out

    def whole[T: np.generic](self, values: NDArray[T]) -> NDArray[T]:
        """Sums (rows, n) of the whole cells of values by cell, (rows, cells)."""
        out = np.zeros((len(values), self.n), values.dtype)
        _add_runs(frozen(values, values.dtype), frozen(self.runs, np.int64), frozen(self.run_zone, np.int64), out)
        return out

    def masks(self, cells: Cells) -> tuple[U8, U8]:
        """Sector masks (null, incomplete) by zone: null in every cell it has, null or incomplete in any."""
        null, incomplete = np.full(self.n, 0xFF, np.uint8), np.zeros(self.n, np.uint8)
        either = cells.null | cells.incomplete
        runs, zone = frozen(self.runs, np.int64), frozen(self.run_zone, np.int64)
        _mask_runs(frozen(cells.null, np.uint8), frozen(either, np.uint8), runs, zone, null, incomplete)
        met = self.share > SLIVER
        np.bitwise_and.at(null, self.zone[met], cells.null[self.piece[met]])
        np.bitwise_or.at(incomplete, self.zone[met], either[self.piece[met]])
        return null, incomplete


@dataclass(frozen=True, slots=True)
class Shares:
    """Cut pieces over the zones that have them: parts by piece, the rest last, and where each zone's part belongs.

    Part ``at[i]`` is entry ``entry[i]`` of a :class:`Zoned`; ``own`` are the entries of pieces that zones have twice.
    """

    count: int
    piece: I64
    start: I64
    weight: F64
    key: I64
    at: I64
    entry: I64
    own: NDArray[np.bool_]

    @classmethod
    def of(cls, zoned: Zoned, place: I64, codes: Sequence[str]) -> Self:
        """From what zones take; ``place`` is the identity of each entry's cell, ``codes`` name the zones.

        Equal remainders follow a hash of cell and code, as in the published units.
        """
        kept = np.flatnonzero(zoned.share > _NOISE)
        entry = kept[np.lexsort((zoned.zone[kept], zoned.piece[kept]))]
        piece, share = zoned.piece[entry], zoned.share[entry]
        first = np.flatnonzero(np.diff(piece, prepend=-1))
        group = np.repeat(np.arange(len(first)), np.diff(np.r_[first, len(piece)]))
        held = np.bincount(group, share, len(first))
        left = 1.0 - held > _NOISE
        start = np.r_[first, len(piece)] + np.r_[0, np.cumsum(left)]
        at = np.arange(len(piece)) + np.r_[0, np.cumsum(left)][group]
        hashes = np.array([code_hash(code) for code in (*codes, UNALLOCATED)], np.int64)
        weight, key = np.empty(start[-1]), np.empty(start[-1], np.int64)
        rest = start[1:][left] - 1
        weight[at], key[at] = share, place[entry] ^ hashes[zoned.zone[entry]]
        weight[rest], key[rest] = 1.0 - held[left], place[entry[first[left]]] ^ hashes[-1]
        twice = (held > 1.0 + SLIVER)[group]
        return cls(len(zoned.piece), piece[first], start, weight, key, at, entry, twice)

    def kilograms(self, kg: I64) -> I64:
        """Whole kilograms of every entry, from those of all pieces."""
        out = np.zeros(self.count, np.int64)
        out[self.entry] = apportion(self.start, kg[self.piece], self.weight, self.key)[self.at]
        if self.own.any():
            group = np.searchsorted(self.start, self.at[self.own], "right") - 1
            exact = kg[self.piece[group]] * self.weight[self.at[self.own]]
            out[self.entry[self.own]] = np.floor(exact + 0.5).astype(np.int64)
        return out


def cell_identities(window: Window, index: I64, zoned: Zoned) -> I64:
    """Identity of each entry's cell where the pieces are the cells ``index`` themselves."""
    return identity(window, index[zoned.piece])


def piece_identities(pieces: Pieces, zoned: Zoned) -> I64:
    """Identity of the cell in which each entry's piece lies."""
    cell = np.searchsorted(pieces.ptr, zoned.piece, "right") - 1
    return identity(pieces.window, pieces.cells[cell])


@kernel
def _add_runs(values: NDArray[np.generic], runs: I64, zone: I64, out: NDArray[np.generic]) -> None:
    for row in range(values.shape[0]):
        for k in range(runs.shape[0]):
            total = out[row, zone[k]]
            for i in range(runs[k, 0], runs[k, 1]):
                total += values[row, i]
            out[row, zone[k]] = total


@kernel
def _mask_runs(null: U8, either: U8, runs: I64, zone: I64, out_null: U8, out_either: U8) -> None:
    for k in range(runs.shape[0]):
        for i in range(runs[k, 0], runs[k, 1]):
            out_null[zone[k]] &= null[i]
            out_either[zone[k]] |= either[i]
