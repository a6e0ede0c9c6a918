# SPDX-License-Identifier: Apache-2.0
"""What the sector models share: reading activity columns, common table rows, and turning demands into flows.

A **demand** is energy of many sources; a **flow** is such activity under one emission factor (one gas), not yet
rounded. ``carbongrid.drafts`` makes inventory lines of flows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbongrid.inventory import Activity, ActivityTable, FactorRow, Lines
from carbongrid.sectors import USES, Band
from carbongrid.tables import Table
from carbongrid.uncertainty import JOIN, combine
from carbongrid.units import EnergyUnit

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
type Notes = Mapping[str, float | str]


@dataclass(frozen=True)
class Estimates:
    """Lines of one source kind with the tables they index; ``kg`` is what lies inside: rint(whole x inside).

    Per source: ``missing`` bool (no estimate possible), ``quality`` uint8 1 best .. 5, ``imputed`` bool (its activity
    was imputed by a recorded rule). ``notes``: counts of imputations and clampings, substituted factor years,
    kilograms that rest on placeholders.
    """

    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    lines: Lines
    missing: NDArray[np.bool_]
    quality: NDArray[np.uint8]
    imputed: NDArray[np.bool_]
    notes: dict[str, float | str]


@dataclass(frozen=True)
class Common:
    """Common rows of sources: ``rows`` and, per source, the index of its row (-1 none), int64."""

    rows: tuple[Activity, ...]
    index: I64

    @classmethod
    def none(cls, n: int) -> "Common":
        """No common row at all."""
        return cls((), np.full(n, -1, np.int64))

    @classmethod
    def of(cls, parts: Sequence[tuple[Sequence[Activity], I64]]) -> "Common":
        """Combine several rows a source takes at once; each part is (rows, index per source, -1 = not taken).

        The combined row's id joins the ids with ``+``, its u is the root of the sum of squares; the elementary rows
        are kept beside it, so that sources that share only one of them still err together in it.
        """
        offsets = np.cumsum([0, *(len(rows) for rows, _ in parts)])
        elements = [r for rows, _ in parts for r in rows]
        sizes = [len(rows) + 1 for rows, _ in parts]
        code = np.zeros(len(parts[0][1]), np.int64)
        for (_, index), size in zip(parts, sizes, strict=True):
            code = code * size + index + 1
        taken = np.zeros(int(np.prod(sizes)), bool)
        taken[code] = True
        digits = np.unravel_index(np.flatnonzero(taken), sizes)
        combos = np.column_stack(digits).tolist()
        joined = [joint([elements[offsets[k] + d - 1] for k, d in enumerate(combo) if d]) for combo in combos]
        rows = {r.id: r for r in (*elements, *(j for j in joined if j is not None))}
        position = {name: i for i, name in enumerate(rows)}
        at = np.full(len(taken), -1, np.int64)
        at[taken] = [-1 if j is None else position[j.id] for j in joined]
        return cls(tuple(rows.values()), at[code])

    def take(self, chosen: NDArray[np.intp] | I64) -> "Common":
        """The same rows for some of the sources."""
        return replace(self, index=self.index[chosen])


def joint(rows: Sequence[Activity]) -> Activity | None:
    """The row that stands for several at once; None for none."""
    if not rows:
        return None
    if len(rows) == 1:
        return rows[0]
    status = next((s for s in ("placeholder", "literature", "derived") if s in {r.status for r in rows}), "verified")
    return Activity(
        JOIN.join(r.id for r in rows), combine(*(r.u_pct for r in rows)), status, "; ".join(r.source for r in rows)
    )


@dataclass(frozen=True)
class Flow:
    """Activity of some sources under one factor, before rounding.

    ``source`` int64; ``bands`` with ``band`` int64 per entry; ``activity`` in the factor's own unit; ``kg`` float64 kg
    CO2e of the whole source; ``u_own`` per cent. ``used_year``: the year whose factor value was used.
    """

    source: I64
    bands: tuple[Band, ...]
    band: I64
    factor: FactorRow
    used_year: int
    common: Common
    u_own: F64
    activity: F64
    kg: F64


@dataclass(frozen=True)
class Demand:
    """Energy that some sources use of one carrier in a year, before any factor.

    ``source`` int64; ``use`` int64 positions in ``USES[sector]``; ``energy`` float64 in ``unit``; ``u_own`` per cent.
    """

    sector: str
    source: I64
    use: I64
    energy: F64
    unit: EnergyUnit
    common: Common
    u_own: F64

    def take(self, chosen: NDArray[np.intp]) -> "Demand":
        """The demand of some of its entries."""
        picked = {name: getattr(self, name)[chosen] for name in ("source", "use", "energy", "u_own")}
        return replace(self, common=self.common.take(chosen), **picked)


def emit(demand: Demand, factors: FactorSet, year: int, carrier: str, basis: str) -> Iterator[Flow]:
    """One flow for each gas that the set splits the carrier into: E = AD x EF (IPCC 2006 V2 Eq. 2.1)."""
    for factor, used_year in factors.gases(carrier, year, basis):
        amount = factors.amount(demand.energy, demand.unit, factor)
        yield Flow(
            source=demand.source,
            bands=tuple(Band(demand.sector, use, factor.scope, factor.gas) for use in USES[demand.sector]),
            band=demand.use,
            factor=factor.row,
            used_year=used_year,
            common=demand.common,
            u_own=demand.u_own,
            activity=amount,
            kg=amount * factors.kg_co2e(factor),
        )


@dataclass(frozen=True)
class Grades:
    """Per source: no estimate possible, quality 1 best .. 5, activity imputed (see :class:`Estimates`)."""

    missing: NDArray[np.bool_]
    quality: NDArray[np.uint8]
    imputed: NDArray[np.bool_]


def numbers(table: ActivityTable, column: str) -> F64:
    """A numeric activity column, float64 with NaN = missing; all missing where the table lacks it."""
    if column not in table.columns:
        return np.full(len(table), np.nan)
    raw = table.columns[column]
    if raw.dtype.kind in "fiub":
        return raw.astype(np.float64)
    found = words(table, column)
    return np.array([_number(w) for w in found.distinct], np.float64)[found.index] if len(raw) else np.empty(0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def known_amounts(table: ActivityTable, column: str) -> F64:
    """A column of amounts: NaN = missing, 0 is a value; InvalidInput names the source of a negative or infinite one."""
    values = numbers(table, column)
    wrong = (values < 0) | np.isinf(values)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise InvalidInput(
            f"{column} {values[i]:g} is impossible", where=f"{table.kind} {table.id[i]}", allowed=[">= 0", "missing"]
        )
    return values


@dataclass(frozen=True)
class Words:
    """A text column as its distinct words and, per source, the index of its word, int32; "" stands for missing."""

    distinct: tuple[str, ...]
    index: NDArray[np.int32]

    def find(self, index_of: Mapping[str, int]) -> I64:
        """Position of every source's word, -1 where unknown: one look-up per distinct word."""
        found = np.array([index_of.get(w, -1) for w in self.distinct], np.int64)
        return found[self.index] if len(self.index) else np.empty(0, np.int64)

    def map(self, spelling: Callable[[str], str]) -> "Words":
        """The same sources with every word replaced; words that become one share their index."""
        return _distinct([spelling(w) for w in self.distinct], self.index)


def _distinct(spelled: Sequence[str], index: NDArray[np.int32]) -> Words:
    position, new = _numbered(spelled)
    return Words(position, new[index] if len(index) else index)


def words(table: ActivityTable, column: str, first: int | None = None) -> Words:
    """A text activity column, stripped; whole numbers lose their decimals (``11.0`` is ``11``).

    With ``first`` only so many characters of every word: far fewer words than where each source has its own.
    """
    if column not in table.columns:
        return Words(("",), np.zeros(len(table), np.int32))
    cells = np.asarray(table.columns[column]).tolist()
    if first is not None:
        cells = [_word(v)[:first] for v in cells]
    distinct, index = _numbered(cells)
    return _distinct([_word(v) for v in distinct], index)


def _numbered[T](values: Sequence[T]) -> tuple[tuple[T, ...], NDArray[np.int32]]:
    """The distinct values as they come, and the number of each value among them."""
    position = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return tuple(position), np.fromiter(map(position.__getitem__, values), np.int32, len(values))


def _word(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return "" if isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return str(value).strip()


def activities(table: Table) -> tuple[Activity, ...]:
    """All rows of a table as common rows."""
    return tuple(table.activity(i) for i in range(len(table)))


def kinds_index(table: Table) -> dict[str, int]:
    """Row of each kind in a table whose ``kinds`` column lists several."""
    return {kind: i for i, kinds in enumerate(table.text("kinds")) for kind in kinds.split()}
