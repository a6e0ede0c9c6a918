# SPDX-License-Identifier: Apache-2.0
"""What the sector models share: reading activity columns, common table rows, and turning flows into inventory lines.

A **demand** is energy of many sources; a **flow** is such activity under one emission factor (one gas). ``collect``
rounds every flow once, to whole kilograms of what lies inside the boundary, and sorts the lines by source and band.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbongrid.inventory import Activity, ActivityTable, FactorRow, Lines
from carbongrid.sectors import USES, Band
from carbongrid.tables import Table
from carbongrid.uncertainty import JOIN, combine, placeholder_lines
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
        elements = [r for rows, _ in parts for r in rows]
        offsets = np.cumsum([0, *(len(rows) for rows, _ in parts)])
        taken = np.column_stack([np.where(i >= 0, i + offsets[k], -1) for k, (_, i) in enumerate(parts)])
        combos, index = np.unique(taken, axis=0, return_inverse=True)
        joined = [joint([elements[e] for e in combo if e >= 0]) for combo in combos]
        rows = {r.id: r for r in (*elements, *(j for j in joined if j is not None))}
        position = {name: i for i, name in enumerate(rows)}
        at = np.array([-1 if j is None else position[j.id] for j in joined], np.int64)
        return cls(tuple(rows.values()), at[index.ravel()] if len(at) else index.ravel().astype(np.int64))

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
    words, index = np.unique([str(v).strip() for v in raw], return_inverse=True)
    return np.array([_number(w) for w in words], np.float64)[index] if len(raw) else np.empty(0)


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


def text(table: ActivityTable, column: str) -> NDArray[np.object_]:
    """A text activity column as stripped text, "" = missing; whole numbers lose their decimals (``11.0`` is ``11``)."""
    if column not in table.columns:
        return np.full(len(table), "", object)
    return np.array([_word(v) for v in table.columns[column]], object)


def _word(value: object) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def translate(words: NDArray[np.object_], index_of: Mapping[str, int]) -> I64:
    """Position of every word, -1 where unknown: one look-up per distinct word."""
    distinct, inverse = np.unique(words.astype(str), return_inverse=True)
    found = np.array([index_of.get(str(w), -1) for w in distinct], np.int64)
    return found[inverse] if len(words) else np.empty(0, np.int64)


def activities(table: Table) -> tuple[Activity, ...]:
    """All rows of a table as common rows."""
    return tuple(table.activity(i) for i in range(len(table)))


def kinds_index(table: Table) -> dict[str, int]:
    """Row of each kind in a table whose ``kinds`` column lists several."""
    return {kind: i for i, kinds in enumerate(table.text("kinds")) for kind in kinds.split()}


def collect(table: ActivityTable, year: int, flows: Sequence[Flow], grades: Grades, notes: Notes) -> Estimates:
    """Round, drop lines of 0 kg, number bands, factors and rows by sorted id, sort lines by source and band."""
    _check_finite(table, flows)
    flows = [f for f in flows if (f.kg > 0).any()]
    bands = tuple(sorted({f.bands[i] for f in flows for i in np.unique(f.band[f.kg > 0])}))
    factors = tuple({f.factor.id: f.factor for f in sorted(flows, key=lambda f: f.factor.id)}.values())
    rows = tuple(sorted({r.id: r for f in flows for r in f.common.rows}.values(), key=lambda r: r.id))
    lines = _sorted(_concatenate(table, flows, bands, factors, rows))
    lines, rows = _used_rows(lines, rows)
    totals = _placeholder_notes(lines, factors, rows) | _year_notes(flows, lines, factors, year)
    return Estimates(bands, factors, rows, lines, grades.missing, grades.quality, grades.imputed, {**notes, **totals})


def _check_finite(table: ActivityTable, flows: Sequence[Flow]) -> None:
    for flow in flows:
        finite = np.isfinite(flow.kg)
        if not finite.all():
            source = flow.source[np.argmin(finite)]
            raise InvalidInput("the estimate is not finite", where=f"{table.kind} {table.id[source]}")


def _concatenate(
    table: ActivityTable,
    flows: Sequence[Flow],
    bands: tuple[Band, ...],
    factors: tuple[FactorRow, ...],
    rows: tuple[Activity, ...],
) -> Lines:
    band_at = {b: i for i, b in enumerate(bands)}
    factor_at = {f.id: i for i, f in enumerate(factors)}
    row_at = {r.id: i for i, r in enumerate(rows)}
    source = _join([f.source for f in flows])
    whole = _join([f.kg for f in flows]).astype(np.float64)
    kg = whole * table.inside[source]
    return Lines(
        source=source.astype(np.int32),
        band=_join([np.array([band_at.get(b, -1) for b in f.bands])[f.band] for f in flows]).astype(np.int16),
        factor=_join([np.full(len(f.source), factor_at[f.factor.id]) for f in flows]).astype(np.int16),
        row=_join([_renumber(f.common, row_at) for f in flows]).astype(np.int16),
        u_own=_join([f.u_own for f in flows]).astype(np.float32),
        activity=_join([f.activity for f in flows]).astype(np.float64),
        kg=np.rint(kg).astype(np.int64),
    )


def _join(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _renumber(common: Common, row_at: Mapping[str, int]) -> I64:
    table = np.array([*(row_at[r.id] for r in common.rows), -1], np.int64)
    return table[common.index]


def _sorted(lines: Lines) -> Lines:
    order = np.lexsort((lines.row, lines.factor, lines.band, lines.source))
    return _pick(lines, order[lines.kg[order] != 0])


def _pick(lines: Lines, at: NDArray[np.intp]) -> Lines:
    return Lines(
        source=lines.source[at],
        band=lines.band[at],
        factor=lines.factor[at],
        row=lines.row[at],
        u_own=lines.u_own[at],
        activity=lines.activity[at],
        kg=lines.kg[at],
    )


def _used_rows(lines: Lines, rows: tuple[Activity, ...]) -> tuple[Lines, tuple[Activity, ...]]:
    """Leave out table rows that no line takes, itself or as a part of a combined row."""
    taken = {rows[i].id for i in np.unique(lines.row) if i >= 0}
    parts = taken | {name for joined in taken for name in joined.split(JOIN)}
    kept = tuple(r for r in rows if r.id in parts)
    position = {r.id: i for i, r in enumerate(kept)}
    new = np.array([*(position.get(r.id, -1) for r in rows), -1], np.int16)
    return replace(lines, row=new[lines.row]), kept


def _placeholder_notes(lines: Lines, factors: Sequence[FactorRow], rows: Sequence[Activity]) -> dict[str, float | str]:
    return {"placeholder_kg": int(lines.kg[placeholder_lines(lines, factors, rows)].sum()), "kg": int(lines.kg.sum())}


def _year_notes(flows: Sequence[Flow], lines: Lines, factors: Sequence[FactorRow], year: int) -> dict[str, float | str]:
    """Factors whose year is not the inventory's, e.g. ``kr_el_2023 (2023 for 2024)``, and the kilograms they carry."""
    used = {f.factor.id: f.used_year for f in flows if f.used_year != year}
    at = [i for i, f in enumerate(factors) if f.id in used]
    carried = np.isin(lines.factor, at)
    if not carried.any():
        return {}
    names = [factors[i].id for i in np.unique(lines.factor[carried])]
    return {
        "factor_year_substituted": ", ".join(f"{n} ({used[n]} for {year})" for n in names),
        "factor_year_substituted_kg": int(lines.kg[carried].sum()),
    }
