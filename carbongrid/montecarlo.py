# SPDX-License-Identifier: Apache-2.0
"""Uncertainty by approach 2 (IPCC 2006 V1 Ch. 3.2.3.2): draws of factors and common rows, for large uncertainties.

    total = Σ_k S_k · Π_(keys in k) g,      g = 1 in the mean

The kilograms are summed once by the keys they depend on (factor, common row); only the keys are drawn, tens of them,
so a draw costs the same for a village and a nation. A key of more than 30 % is log-normal (what is uncertain by a
factor is not symmetric, and no energy is below zero), any other is normal, cut at zero. Own errors of sources are
independent and many: they enter by their variance, as one normal term.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from carbongrid.inventory import Activity, FactorRow, Lines
from carbongrid.uncertainty import JOIN

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

DRAWS = 20_000
"""Ten times the usual 2,000: percentiles of 2,000 draws err by 2 % (one standard error) of the width."""
SEED = 2006
"""The same inventory gives the same percentiles."""
LARGE_PCT = 30.0
"""Above this half 95 % interval approach 1 is no longer valid (V1 Ch. 3.2.3.1) and errors are log-normal."""
MATTERS = 0.01
"""Share of a total's squared half-width from which a key that large makes approach 1 invalid for it."""
PERCENTILES = (2.5, 50.0, 97.5)
Z95 = 1.96
"""Half a 95 % interval is 1.96 standard deviations."""


@dataclass(frozen=True)
class Interval:
    """A total's 95 % interval in kg: percentiles 2.5, 50 and 97.5; ``method`` approach_1 or approach_2."""

    method: str
    low: int
    median: int
    high: int


def multipliers(z: F64, u_pct: float) -> F64:
    """Standard normal deviates as factors with mean 1 and standard deviation u / 1.96, by the size of u."""
    sd = u_pct / 100 / Z95
    if u_pct <= LARGE_PCT:
        return np.maximum(1 + sd * z, 0.0)  # zero is 6.5 deviations away: cutting shifts no moment
    sigma = np.sqrt(np.log1p(sd * sd))
    factor: F64 = np.exp(sigma * z - sigma * sigma / 2)
    return factor


def bounds(mean: F64, half_width: F64) -> tuple[F64, F64]:
    """95 % intervals of single amounts by mean and half-width, with the same shapes as :func:`multipliers`."""
    u = np.divide(half_width, mean, out=np.zeros(len(mean)), where=mean > 0)
    sigma = np.sqrt(np.log1p((u / Z95) ** 2))
    large = u > LARGE_PCT / 100
    low = np.where(large, np.exp(-Z95 * sigma - sigma**2 / 2), 1 - u)
    high = np.where(large, np.exp(Z95 * sigma - sigma**2 / 2), 1 + u)
    return mean * low, mean * high


@dataclass(frozen=True)
class KeySums:
    """Signed kilograms of one figure by what they depend on.

    ``factor`` and ``row`` int64 (k,) index the tables (row -1: none), ``kg`` float64 (k,); ``own`` is the half-width
    in kg of all sources' own errors together.
    """

    factor: I64
    row: I64
    kg: F64
    own: float

    @classmethod
    def of(cls, lines: Lines, sign: I64) -> Self:
        """Sums over lines that count with ``sign`` (n_lines,) -1, 0 or +1."""
        signed = (lines.kg * sign).astype(np.float64)
        width = int(lines.row.max(initial=-1)) + 2
        kg = np.bincount(lines.factor.astype(np.int64) * width + lines.row + 1, signed)
        keys = np.flatnonzero(kg)
        own = np.bincount(lines.source, signed * lines.u_own / 100)
        return cls(keys // width, keys % width - 1, kg[keys], float(np.sqrt((own**2).sum())))

    @property
    def total(self) -> float:
        """Their sum, kg."""
        return float(self.kg.sum())


@dataclass(frozen=True)
class Model:
    """The tables that lines index: what errs together, and by how much."""

    factors: Sequence[FactorRow]
    rows: Sequence[Activity]

    def interval(self, lines: Lines, sign: I64) -> Interval:
        """95 % interval of Σ sign·kg over lines, by draws where approach 1 is invalid for it."""
        sums = KeySums.of(lines, sign)
        if not self.needs_draws(sums):
            half = self.half_width(sums)
            return Interval("approach_1", round(sums.total - half), round(sums.total), round(sums.total + half))
        low, median, high = np.percentile(self.totals(sums), PERCENTILES).tolist()
        return Interval("approach_2", round(low), round(median), round(high))

    def half_width(self, sums: KeySums) -> float:
        """Approach 1 of these sums in kg, the same as ``uncertainty.half_widths`` over their lines."""
        return float(np.sqrt(sum(p * p for p in self.parts(sums).values()) + sums.own**2))

    def needs_draws(self, sums: KeySums) -> bool:
        """Whether keys of more than 30 % make up so much of the interval that approach 1 is invalid."""
        large = sum(p * p for p in self.parts(sums, LARGE_PCT).values())
        return large > MATTERS * self.half_width(sums) ** 2

    def totals(self, sums: KeySums) -> F64:
        """Drawn totals in kg, (DRAWS,)."""
        by_factor, by_row, own = self._drawn
        total = sums.own / Z95 * own
        for factor, row, kg in zip(sums.factor.tolist(), sums.row.tolist(), sums.kg.tolist(), strict=True):
            total += kg * by_factor[factor] * by_row[row]
        return total

    @cached_property
    def _drawn(self) -> tuple[list[F64], list[F64], F64]:
        """Multipliers of every factor and of every row (the last one, for no row, is 1), and deviates of own errors."""
        keys = list(
            dict.fromkeys([*(f"factor {f.group}" for f in self.factors), *(e for r in self.rows for e in _elements(r))])
        )
        own, *deviates = _deviates(len(keys) + 1, DRAWS, SEED)
        z = dict(zip(keys, deviates, strict=True))
        u_pct = {f"row {r.id}": r.u_pct for r in self.rows}
        by_factor = [multipliers(z[f"factor {f.group}"], f.u_pct) for f in self.factors]
        by_row = [np.prod([multipliers(z[e], u_pct[e]) for e in _elements(r)], axis=0) for r in self.rows]
        return by_factor, [*by_row, np.ones(DRAWS)], own

    def parts(self, sums: KeySums, above: float = 0.0) -> dict[str, float]:
        """Linear part in kg of every key, counting only terms of more than ``above`` per cent."""
        u_row = {f"row {r.id}": r.u_pct for r in self.rows}
        parts: dict[str, float] = {}
        for factor, row, kg in zip(sums.factor.tolist(), sums.row.tolist(), sums.kg.tolist(), strict=True):
            terms = [(f"factor {self.factors[factor].group}", self.factors[factor].u_pct)]
            if row >= 0:
                terms += [(element, u_row[element]) for element in _elements(self.rows[row])]
            for key, u_pct in terms:
                if u_pct > above:
                    parts[key] = parts.get(key, 0.0) + kg * u_pct / 100
        return parts


def _elements(row: Activity) -> list[str]:
    """Keys of the elementary rows that a common row stands for."""
    return [f"row {name}" for name in row.id.split(JOIN)]


def _deviates(keys: int, draws: int, seed: int) -> F64:
    """Standard normal deviates (keys, draws), one in each of ``draws`` equal slices of probability for every key.

    Latin hypercube: each key's own distribution is met exactly, chance is only in how keys meet. Rows come one by one
    from the generator, so a further key leaves the others' draws as they are.
    """
    rng = np.random.default_rng(seed)
    slices = ndtri((np.arange(draws) + 0.5) / draws)
    return np.stack([rng.permutation(slices) for _ in range(keys)])
