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
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
I16 = NDArray[np.int16]


def combine(*u_pct: float) -> float:
    """Uncertainty of a product in per cent: root of the sum of squares (Eq. 3.1)."""
    return hypot(*u_pct)


@dataclass(frozen=True)
class Errors:
    """Error terms of lines: each errs along its factor's group, its elementary common rows and its source.

    Terms with the same key err together, in whichever lines they stand. ``factor_key`` int64 and ``factor_u`` float64
    are by factor, ``row_key`` and ``row_u`` (rows + 1, parts) by common row (the last for none); ``first_own`` is the
    key of source 0. Keys are dense from 0 to ``n_keys``; u are shares (not per cent), 0 where there is no term.
    """

    factor_key: I64
    factor_u: F64
    row_key: I64
    row_u: F64
    first_own: int
    n_keys: int

    @classmethod
    def of(cls, lines: Lines, factors: Sequence[FactorRow], rows: Sequence[Activity]) -> Self:
        """All three parts of every line's error."""
        groups = {g: i for i, g in enumerate(sorted({f.group for f in factors}))}
        factor_key = np.array([groups[f.group] for f in factors], np.int64)
        factor_u = np.array([f.u_pct for f in factors], np.float64) / 100
        first_own = len(groups) + len(rows)
        n_keys = first_own + int(lines.source.max(initial=-1)) + 1
        return cls(factor_key, factor_u, *_row_terms(rows, len(groups)), first_own, n_keys)

    @property
    def tables(self) -> tuple[I64, F64, I64, F64, int]:
        """Its parts in the order of the kernel."""
        return self.factor_key, self.factor_u, self.row_key, self.row_u, self.first_own


def _row_terms(rows: Sequence[Activity], first_key: int) -> tuple[I64, F64]:
    """Keys and shares, shape (rows + 1, parts), of the elementary rows behind each common row; u 0 where none is."""
    element = {r.id: i for i, r in enumerate(rows) if JOIN not in r.id}
    parts = [[element[name] for name in r.id.split(JOIN)] for r in rows]
    width = max((len(p) for p in parts), default=0)
    table = np.array([[*p, *[-1] * (width - len(p))] for p in [*parts, []]], np.int64)
    u_pct = np.array([*(r.u_pct for r in rows), 0.0])
    return first_key + table, u_pct[table] / 100  # row -1, as every missing part, meets the empty last entry


@kernel
def _root_sums(
    start: I64, order: I64, line: I64, kg: F64, signs: I64, kind: I16, factor: I16, row: I16, source: I32, u_own: F32,
    factor_key: I64, factor_u: F64, row_key: I64, row_u: F64, first_own: int, scratch: F64,
) -> F64:  # fmt: skip
    """Half-width of each run of pieces ``order[start[g]:start[g + 1]]``: √Σ_key (Σ sign·kg·u)², (signs, runs).

    ``signs`` (signs, kinds) by the ``kind`` of a line. ``scratch`` holds zeros, one a key, and is left so.
    """
    out = np.zeros((len(signs), len(start) - 1))
    for g in range(len(start) - 1):
        for s in range(len(signs)):
            total = 0.0
            for adding in (True, False):
                for at in range(start[g], start[g + 1]):
                    i = order[at]
                    j = line[i]
                    sign = signs[s, kind[j]]
                    if sign == 0:
                        continue
                    signed = kg[i] * sign
                    for t in range(row_key.shape[1] + 2):
                        if t == 0:
                            key, u = factor_key[factor[j]], factor_u[factor[j]]
                        elif t <= row_key.shape[1]:
                            key, u = row_key[row[j], t - 1], row_u[row[j], t - 1]
                        else:
                            key, u = first_own + source[j], np.float64(u_own[j]) / 100
                        if not u > 0:
                            continue
                        if adding:
                            scratch[key] += signed * u
                        else:
                            total += scratch[key] * scratch[key]
                            scratch[key] = 0.0
            out[s, g] = np.sqrt(total)
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
    kind = (sign + 1).astype(np.int16)
    widths: F64 = grouped_half_widths(line, kg, group, lines, kind, np.array([[-1, 0, 1]]), factors, rows, n_groups)[0]
    return widths


def grouped_half_widths(
    line: I64,
    kg: I64 | F64,
    group: I64,
    lines: Lines,
    kind: NDArray[np.int16],
    signs: I64,
    factors: Sequence[FactorRow],
    rows: Sequence[Activity],
    n_groups: int,
) -> F64:
    """As :func:`piece_half_widths` for several figures at once, (figures, n_groups).

    ``signs`` (figures, kinds): sign of the lines of each ``kind`` (their band, say) in each figure.
    """
    errors = Errors.of(lines, factors, rows)
    order = np.argsort(group, kind="stable")
    start = np.searchsorted(group, np.arange(n_groups + 1), sorter=order).astype(np.int64)
    widths: F64 = _root_sums(
        start,
        order,
        np.ascontiguousarray(line, np.int64),
        np.ascontiguousarray(kg, np.float64),
        np.ascontiguousarray(signs, np.int64),
        np.ascontiguousarray(kind, np.int16),
        np.ascontiguousarray(lines.factor),
        np.ascontiguousarray(lines.row),
        np.ascontiguousarray(lines.source),
        np.ascontiguousarray(lines.u_own),
        *errors.tables,
        np.zeros(errors.n_keys),
    )
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
