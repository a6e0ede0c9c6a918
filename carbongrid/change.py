# SPDX-License-Identifier: Apache-2.0
"""Uncertainty of a change between two years: what both years have in common cancels (IPCC 2006 V1 Ch. 3.2.3, type A).

    U² = Σ_common (P_after - P_before)²  +  Σ_else (P_before² + P_after²)  +  own_before² + own_after²

``P`` is the linear part of a key (factor group, table row) in kg. A row is common where both years use it unchanged; a
factor group where both years use the same factors of it. Own errors of sources (type B: meters, counts) are of a year.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray

from carbongrid.inventory import FactorRow, Lines
from carbongrid.montecarlo import KeySums, Model
from carbongrid.uncertainty import JOIN


@dataclass(frozen=True)
class Side:
    """One year's amount: its tables, and its signed kilograms by what they depend on."""

    model: Model
    sums: KeySums

    @classmethod
    def of(cls, model: Model, lines: Lines, sign: NDArray[np.int64]) -> "Side":
        """Of lines that count with ``sign`` (n_lines,) -1, 0 or +1; ``lines.kg`` may be any part of each line."""
        return cls(model, KeySums.of(lines, sign))

    @property
    def half_width(self) -> float:
        """Of the amount itself, kg."""
        return self.model.half_width(self.sums)


def change_half_width(before: Side, after: Side) -> float:
    """95 % half-width in kg of what ``after`` is more than ``before`` (approach 1)."""
    parts = before.model.parts(before.sums), after.model.parts(after.sums)
    common = common_keys(before.model, after.model)
    return hypot(*_terms(*parts, common), before.sums.own, after.sums.own)


def _terms(before: Mapping[str, float], after: Mapping[str, float], common: Collection[str]) -> list[float]:
    """What each key brings: the difference where it is common, both parts where it is not."""
    keys = before.keys() | after.keys()
    pairs = [(key, before.get(key, 0.0), after.get(key, 0.0)) for key in sorted(keys)]
    return [a - b if key in common else hypot(a, b) for key, b, a in pairs]


def common_keys(before: Model, after: Model) -> set[str]:
    """Keys of ``Model.parts`` that err alike in both years."""
    groups, others = _groups(before), _groups(after)
    rows = {row for row in before.rows if JOIN not in row.id} & {row for row in after.rows if JOIN not in row.id}
    same = {group for group in groups.keys() & others.keys() if groups[group] == others[group]}
    return {f"factor {group}" for group in same} | {f"row {row.id}" for row in rows}


def _groups(model: Model) -> dict[str, set[FactorRow]]:
    """Factors of each group."""
    found: dict[str, set[FactorRow]] = {}
    for factor in model.factors:
        found.setdefault(factor.group, set()).add(factor)
    return found
