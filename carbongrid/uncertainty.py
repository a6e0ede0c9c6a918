# SPDX-License-Identifier: Apache-2.0
"""Uncertainty by approach 1 (IPCC 2006 V1 Ch. 3, Eq. 3.1 and 3.2) with the three parts of the method kept apart.

    U² = Σ_groups (Σ s·E·u_factor)² + Σ_rows (Σ s·E·u_row)² + Σ_sources (Σ s·E·u_own)²

Emission factors of one group err together, so do all sources that took the same table row (an intensity, a default
volume, a storey rule); what is left is a source's own error, which alone averages away. The sums inside a square are
signed: +1 for an emission, -1 for a removal in a net figure. All u are half 95 % intervals in per cent; results are
absolute half-widths in kg CO2e. A common row whose id joins others by ``+`` stands for all of them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.inventory import Activity, FactorRow, Lines, Pieces
from carbongrid.jit import kernel

JOIN = "+"
"""Joins the ids of the rows that a combined common row stands for."""

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def combine(*u_pct: float) -> float:
    """Uncertainty of a product in per cent: root of the sum of squares (Eq. 3.1)."""
    return hypot(*u_pct)


@dataclass(frozen=True)
class Errors:
    """Error terms of lines, CSR by line: line ``i`` errs by the shares ``u[first[i]:first[i+1]]`` along those ``key``.

    Terms with the same key err together, in whichever lines they stand. ``first`` and ``key`` int64 (keys dense from 0
    to ``n_keys``: factor groups, then common rows, then sources), ``u`` float64.
    """

    first: I64
    key: I64
    u: F64
    n_keys: int

    @classmethod
    def of(cls, lines: Lines, factors: Sequence[FactorRow], rows: Sequence[Activity]) -> Self:
        """All three parts of every line's error."""
        groups = {g: i for i, g in enumerate(sorted({f.group for f in factors}))}
        key, u = _row_terms(lines.row, rows, len(groups))
        group_of = np.array([groups[f.group] for f in factors], np.int64)
        u_factor = np.array([f.u_pct for f in factors], np.float64)
        n_shared = len(groups) + len(rows)
        keys = np.column_stack([group_of[lines.factor], key, n_shared + lines.source.astype(np.int64)])
        shares = np.column_stack([u_factor[lines.factor], u, lines.u_own.astype(np.float64)]) / 100
        known = shares > 0
        first = np.r_[0, np.cumsum(known.sum(axis=1))].astype(np.int64)
        return cls(first, keys[known], shares[known], n_shared + int(lines.source.max(initial=-1)) + 1)


def _row_terms(row: NDArray[np.int16], rows: Sequence[Activity], first_key: int) -> tuple[I64, F64]:
    """Keys and u_pct, shape (lines, parts), of the elementary rows behind each line's common row; u 0 where none is."""
    element = {r.id: i for i, r in enumerate(rows) if JOIN not in r.id}
    parts = [[element[name] for name in r.id.split(JOIN)] for r in rows]
    width = max((len(p) for p in parts), default=0)
    table = np.array([[*p, *[-1] * (width - len(p))] for p in [*parts, []]], np.int64)
    u_pct = np.array([*(r.u_pct for r in rows), 0.0])
    picked = table[row]  # row -1 meets the empty last line of the table
    return first_key + picked, u_pct[picked]


@kernel
def _root_sums(start: I64, line: I64, kg: F64, first: I64, key: I64, u: F64, scratch: F64) -> F64:
    """Half-width of each run of pieces ``start[g]:start[g+1]``: √Σ_key (Σ kg·u)².

    ``first`` CSR of the error terms (``key``, ``u``) by line. ``scratch`` holds zeros, one a key, and is left so.
    """
    out = np.zeros(len(start) - 1)
    for g in range(len(out)):
        for i in range(start[g], start[g + 1]):
            for t in range(first[line[i]], first[line[i] + 1]):
                scratch[key[t]] += kg[i] * u[t]
        total = 0.0
        for i in range(start[g], start[g + 1]):
            for t in range(first[line[i]], first[line[i] + 1]):
                total += scratch[key[t]] * scratch[key[t]]
                scratch[key[t]] = 0.0
        out[g] = np.sqrt(total)
    return out


def half_widths(
    kg_by_line: I64 | F64,
    lines: Lines,
    sign: I64,
    factors: Sequence[FactorRow],
    rows: Sequence[Activity],
) -> float:
    """95 % half-width in kg of Σ sign·kg over lines.

    ``sign`` per line -1, 0 or +1; ``kg_by_line`` is ``lines.kg`` or any part of it (a region's share of every line).
    """
    line = np.arange(len(lines.kg), dtype=np.int64)
    widths = piece_half_widths(line, kg_by_line, np.zeros_like(line), lines, sign, factors, rows, 1)
    return float(widths[0])


def cell_half_widths(
    pieces: Pieces,
    lines: Lines,
    sign: I64,
    factors: Sequence[FactorRow],
    rows: Sequence[Activity],
    parents: I64,
    n_groups: int,
) -> F64:
    """95 % half-width in kg of every group of cells, float64 (n_groups,).

    ``parents``: group of each occupied cell (aligned with ``pieces.cells``), -1 to leave it out. A source's pieces in
    one group err together, so they are summed before squaring; over several groups the widths do not add up.
    """
    group = np.repeat(parents, np.diff(pieces.ptr))
    return piece_half_widths(pieces.line.astype(np.int64), pieces.kg, group, lines, sign, factors, rows, n_groups)


def piece_half_widths(
    line: I64,
    kg: I64 | F64,
    group: I64,
    lines: Lines,
    sign: I64,
    factors: Sequence[FactorRow],
    rows: Sequence[Activity],
    n_groups: int,
) -> F64:
    """As :func:`cell_half_widths` for loose pieces: their line, kilograms and group (-1 to leave out), in any order."""
    errors = Errors.of(lines, factors, rows)
    counted = np.flatnonzero((sign[line] != 0) & (group >= 0))
    counted = counted[np.argsort(group[counted], kind="stable")]
    start = np.searchsorted(group[counted], np.arange(n_groups + 1, dtype=np.int64)).astype(np.int64)
    line = line[counted]
    signed = (kg[counted] * sign[line]).astype(np.float64)
    widths: F64 = _root_sums(start, line, signed, errors.first, errors.key, errors.u, np.zeros(errors.n_keys))
    return widths


def mean_quality(kg: I64, grade: NDArray[np.uint8], group: I64, n_groups: int) -> NDArray[np.uint8]:
    """Emission-weighted mean quality (1 best .. 5) of every group of pieces, uint8; 0 where nothing is known.

    ``kg`` and ``grade`` (that of its source) are by piece, ``group`` -1 leaves one out. Weighted by the pieces
    themselves, so that a coarse cell does not average grades that were rounded before.
    """
    kept = group >= 0
    weight = np.abs(kg[kept]).astype(np.float64)
    total = np.bincount(group[kept], weight, n_groups)
    graded = np.bincount(group[kept], weight * grade[kept], n_groups)
    mean = np.divide(graded, total, out=np.zeros(n_groups), where=total > 0)
    return np.floor(mean + 0.5).astype(np.uint8)


def placeholder_share(
    kg_by_line: I64 | F64, lines: Lines, factors: Sequence[FactorRow], rows: Sequence[Activity]
) -> float:
    """Share (0..1) of the kilograms that rest on a placeholder factor or table row; removals count like emissions."""
    kg = np.abs(kg_by_line).astype(np.float64)
    total = float(kg.sum())
    return float(kg[placeholder_lines(lines, factors, rows)].sum()) / total if total else 0.0


def placeholder_lines(lines: Lines, factors: Sequence[FactorRow], rows: Sequence[Activity]) -> NDArray[np.bool_]:
    """Which lines rest on a factor or common row of status ``placeholder``, bool (n_lines,)."""
    factor = np.array([f.status == "placeholder" for f in factors] + [False])
    row = np.array([r.status == "placeholder" for r in rows] + [False])
    either: NDArray[np.bool_] = factor[lines.factor] | row[lines.row]
    return either
