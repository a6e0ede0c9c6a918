# SPDX-License-Identifier: Apache-2.0
"""Whole kilograms of every inventory line in every cell, and their exact sums.

A line's kilograms are split over the parts of its source by largest remainder (Hare-Niemeyer): everyone gets the
whole kilograms of its share, and those left go to the largest remainders. Equal remainders (to 1e-4 kg: the whole
cells of one forest) follow a hash of the cell's column and row from the CRS origin, never cell order, which would
tilt a region's sum by hundreds of kilograms; nor does the result depend on the window or on the order of sources.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.coverage import Parts
from carbongrid.errors import InvalidInput
from carbongrid.geometry.rings import ZERO, frozen
from carbongrid.grid import Window
from carbongrid.inventory import Pieces
from carbongrid.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U64 = NDArray[np.uint64]


def identity(window: Window, index: I64) -> I64:
    """One int64 a cell from its column and row counted from the CRS origin: the same in every window."""
    row, col = np.divmod(index, window.ncol)
    return ((window.top - 1 - row) << 32) | ((window.left + col) & 0xFFFF_FFFF)


def apportion(group_start: I64, total: I64, weight: F64, cell: I64) -> I64:
    """Split whole kilograms over groups of weights by largest remainder; every group's parts sum to its total.

    Group ``g`` owns ``group_start[g]:group_start[g + 1]`` of ``weight`` (> 0) and ``cell`` (:func:`identity`), and
    ``total[g]`` kg of either sign, below 2**52. Empty groups take nothing: their total must be 0.
    """
    return _apportioned(group_start[:-1], group_start[1:], total, weight, cell)


def _apportioned(first: I64, last: I64, total: I64, weight: F64, cell: I64) -> I64:
    out = np.zeros(int((last - first).sum()), np.int64)
    _apportion(
        frozen(first, np.int64),
        frozen(last, np.int64),
        frozen(total, np.int64),
        frozen(weight, np.float64),
        frozen(cell, np.int64),
        out,
    )
    return out


def pieces(parts: Parts, line_source: NDArray[np.int32], line_kg: I64, window: Window) -> Pieces:
    """Every line split over the parts of its source. Lines are sorted by source; one source may have several.

    ``line_kg`` int64 is what lies inside the window. InvalidInput where a line has kilograms and its source no part.
    """
    if window != parts.window:
        raise ValueError("parts were computed for another window")
    start = parts.start
    first, last = start[line_source], start[line_source.astype(np.int64) + 1]
    homeless = (first == last) & (line_kg != 0)
    if homeless.any():
        at = int(np.argmax(homeless))
        raise InvalidInput(f"source {line_source[at]} has {line_kg[at]} kg but no area or length inside the grid")
    cells, position = _occupied(parts.cell, window.size)
    work = _Work(first, last, line_kg, parts.measure, identity(window, parts.cell), position)
    kept = [] if work.size > _AT_A_TIME else list(work.slices())
    count = np.zeros(len(cells), np.int64)
    for _, piece_of, kg in kept or work.slices():
        _count(piece_of, kg, count)
    ptr = np.append(0, np.cumsum(count))
    line, kilograms = np.empty(ptr[-1], np.int32), np.empty(ptr[-1], np.int64)
    free = ptr[:-1].copy()
    for lines, piece_of, kg in kept or work.slices():
        _place(lines, piece_of, kg, free, line, kilograms)
    occupied = count > 0
    return Pieces(window, cells[occupied], np.append(ptr[:-1][occupied], ptr[-1]), line, kilograms)


def _occupied(cell: I64, size: int) -> tuple[I64, I64]:
    """As ``np.unique(cell, return_inverse=True)``: without sorting where the cells of the window are not far more."""
    if size > 32 * len(cell):
        cells, position = np.unique(cell, return_inverse=True)
        return cells, position.astype(np.int64)
    number = np.zeros(size, np.int64)
    number[cell] = 1
    cells = np.flatnonzero(number)
    number[cells] = np.arange(len(cells))
    return cells, number[cell]


_AT_A_TIME = 1 << 22
"""Pieces that are held before they are sorted into their cells."""


@dataclass(frozen=True)
class _Work:
    """What lines are split by, gone through twice: to count the pieces of every cell, and to put them there.

    Where they are many, splitting twice takes less than sorting once, and no more memory than a slice. Line ``i`` owns
    parts ``first[i]:last[i]`` of ``weight``, ``key`` and ``at`` (position of the part's cell among those occupied).
    """

    first: I64
    last: I64
    kg: I64
    weight: F64
    key: I64
    at: I64

    @property
    def size(self) -> int:
        """How many pieces there are, those of 0 kg included."""
        return int((self.last - self.first).sum())

    def slices(self) -> Iterator[tuple[NDArray[np.int32], I64, I64]]:
        """Line, position of the cell and kilograms of every piece, some lines at a time."""
        ends = np.cumsum(self.last - self.first)
        bounds = np.searchsorted(ends, np.arange(_AT_A_TIME, ends[-1] if len(ends) else 0, _AT_A_TIME))
        for i, j in pairwise([0, *np.unique(bounds[bounds > 0]).tolist(), len(ends)]):
            first, last = self.first[i:j], self.last[i:j]
            kg = _apportioned(first, last, self.kg[i:j], self.weight, self.key)
            line, at = np.empty(len(kg), np.int32), np.empty(len(kg), np.int64)
            _unfold(i, first, last, self.at, line, at)
            yield line, at, kg


@kernel
def _unfold(number: int, first: I64, last: I64, at: I64, out_line: NDArray[np.int32], out_at: I64) -> None:
    """Line, counted from ``number``, and cell of every piece."""
    k = 0
    for i in range(len(first)):
        for j in range(first[i], last[i]):
            out_line[k], out_at[k] = number + i, at[j]
            k += 1


@kernel
def _count(at: I64, kg: I64, count: I64) -> None:
    """Count the pieces of every cell that are not 0 kg."""
    for i in range(len(at)):
        if kg[i] != 0:
            count[at[i]] += 1


@kernel
def _place(lines: NDArray[np.int32], at: I64, kg: I64, free: I64, out_line: NDArray[np.int32], out_kg: I64) -> None:
    """Put pieces at the next free place of their cells; as they come in the order of lines, so they lie there."""
    for i in range(len(at)):
        if kg[i] != 0:
            out_line[free[at[i]]], out_kg[free[at[i]]] = lines[i], kg[i]
            free[at[i]] += 1


def cell_sums(pieces: Pieces, line_band: NDArray[np.int16], n_bands: int) -> I64:
    """Kilograms of every occupied cell by band, exact, (n_bands, len(pieces.cells))."""
    out = np.zeros((n_bands, len(pieces.cells)), np.int64)
    _add_up(
        frozen(pieces.ptr, np.int64),
        frozen(pieces.line, np.int32),
        frozen(pieces.kg, np.int64),
        frozen(line_band, np.int16),
        out,
    )
    return out


@kernel
def _add_up(ptr: I64, line: NDArray[np.int32], kg: I64, band: NDArray[np.int16], out: I64) -> None:
    for cell in range(len(ptr) - 1):
        for i in range(ptr[cell], ptr[cell + 1]):
            out[band[line[i]], cell] += kg[i]


def roll_up(kg: I64, parent: I64, n_parents: int) -> I64:
    """Exact sums of a (bands, cells) array by parent index, (bands, n_parents)."""
    out = np.zeros((len(kg), n_parents), np.int64)
    for band, row in enumerate(kg):
        np.add.at(out[band], parent, row)
    return out


@dataclass(frozen=True)
class Running:
    """Running sums over cells in row-major order: any run of cells in a row is one subtraction.

    ``sums`` int64 (len(cells) + 1, n_bands): row ``i`` is the sum of the first ``i`` cells.
    """

    sums: I64

    @classmethod
    def from_kg(cls, kg: I64) -> Self:
        """From kilograms by cell, (n_bands, cells)."""
        sums = np.zeros((kg.shape[1] + 1, kg.shape[0]), np.int64)
        np.cumsum(kg.T, axis=0, out=sums[1:])
        return cls(sums)

    @classmethod
    def from_pieces(cls, pieces: Pieces, line_band: NDArray[np.int16], n_bands: int) -> Self:
        """From pieces; positions are those of ``pieces.cells``."""
        return cls.from_kg(cell_sums(pieces, line_band, n_bands))

    def over(self, runs: I64) -> I64:
        """Kilograms by band, (n_bands,), of all cells in ``runs`` (k, 2) of positions, ends exclusive."""
        return np.asarray((self.sums[runs[:, 1]] - self.sums[runs[:, 0]]).sum(axis=0), np.int64)


@kernel
def _mixed(key: int) -> np.uint64:
    """Finaliser of SplitMix64: a bijection in which every bit depends on every other."""
    z = np.uint64(key) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@kernel
def _kth_largest(values: U64, n: int, k: int) -> np.uint64:
    """Hoare's selection among the first ``n``, in place; the values are hashed, so the middle is a good pivot."""
    low, high, target = 0, n - 1, n - k
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if target <= j:
            high = j
        elif target >= i:
            low = i
        else:
            break
    chosen: np.uint64 = values[target]
    return chosen


@kernel
def _split(total: int, weight: F64, key: I64, first: int, last: int, out: I64, at: int, rank: U64, work: U64) -> None:
    """One group into ``out`` from ``at``. ``rank`` orders parts by remainder in steps of 1e-4, then by the cell's hash.

    The steps begin off any simple fraction, so that rounding noise cannot move 1/32 kg from one step to the next.
    """
    n, whole, sign, weights = last - first, abs(total), 1 if total >= 0 else -1, 0.0
    for j in range(first, last):
        weights += weight[j]
    left = whole
    for j in range(n):
        exact = whole * (weight[first + j] / weights)
        kg = floor(exact)
        left -= kg
        out[at + j] = sign * kg
        step = np.uint64(floor((exact - kg) * 1e4 + 0.381966))
        rank[j] = step << np.uint64(50) | _mixed(key[first + j]) >> np.uint64(14)
        work[j] = rank[j]
    if left <= 0:
        return
    least = _kth_largest(work, n, min(left, n))
    for j in range(n):
        if rank[j] > least:
            out[at + j] += sign
            left -= 1
    for j in range(n):
        if left > 0 and rank[j] == least:
            out[at + j] += sign
            left -= 1


@kernel
def _apportion(first: I64, last: I64, total: I64, weight: F64, key: I64, out: I64) -> None:
    size = 1
    for g in range(first.shape[0]):
        size = max(size, last[g] - first[g])
    rank, work, at = np.empty(size, np.uint64), np.empty(size, np.uint64), ZERO
    for g in range(first.shape[0]):
        if last[g] - first[g] == 1:
            out[at] = total[g]
        elif last[g] > first[g]:
            _split(total[g], weight, key, first[g], last[g], out, at, rank, work)
        at += last[g] - first[g]
