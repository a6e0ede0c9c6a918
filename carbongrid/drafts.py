# SPDX-License-Identifier: Apache-2.0
"""From flows to inventory lines: rounded once, sorted, numbered; made for a slice of the sources at a time and joined.

``collect`` rounds every flow to whole kilograms of what lies inside the boundary and sorts the lines by source and
band. ``in_chunks`` runs a model over a few hundred thousand sources at a time, so that millions of buildings need no
more scratch memory than one slice; the result is the same as over the whole table at once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import Activity, ActivityTable, FactorRow, Lines
from carbongrid.model import Estimates, Flow, Grades, Notes
from carbongrid.sectors import Band
from carbongrid.uncertainty import JOIN, placeholder_lines

CHUNK = 1 << 18
"""Sources estimated at a time."""
KEY_BITS = 15
"""Bits of a sort key for each of band, factor and row; with 18 of the source in its slice they fill 63."""


@dataclass(frozen=True)
class Draft:
    """Lines of some sources before they are joined: ``used_year`` by factor id says whose year's value it is."""

    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    lines: Lines
    used_year: Mapping[str, int]
    grades: Grades
    notes: Notes


def collect(table: ActivityTable, flows: Sequence[Flow], grades: Grades, notes: Notes) -> Draft:
    """Round, drop lines of 0 kg, number bands, factors and rows by sorted id, sort lines by source and band."""
    _check_finite(table, flows)
    flows = [f for f in flows if (f.kg > 0).any()]
    bands = tuple(sorted({f.bands[i] for f in flows for i in np.unique(f.band[f.kg > 0])}))
    factors = tuple({f.factor.id: f.factor for f in sorted(flows, key=lambda f: f.factor.id)}.values())
    rows = tuple(sorted({r.id: r for f in flows for r in f.common.rows}.values(), key=lambda r: r.id))
    lines = _sorted(_concatenate(table, flows, bands, factors, rows))
    return Draft(bands, factors, rows, lines, {f.factor.id: f.used_year for f in flows}, grades, notes)


def in_chunks(model: Callable[[ActivityTable], Draft], table: ActivityTable, year: int) -> Estimates:
    """Run a model over slices of a table and join what it drafts; the same as over the whole table at once."""
    return join(chunk_drafts(model, table), year)


def chunk_drafts(model: Callable[[ActivityTable], Draft], table: ActivityTable) -> list[Draft]:
    """What a model drafts of slices of a table, to be joined with those of other tables."""
    starts = range(0, max(len(table), 1), CHUNK)
    return [model(_slice(table, i, i + CHUNK)) for i in starts]


def _slice(table: ActivityTable, start: int, stop: int) -> ActivityTable:
    if start == 0 and stop >= len(table):
        return table
    return ActivityTable(
        kind=table.kind,
        id=table.id[start:stop],
        geometry=Wkb(table.geometry.data, table.geometry.offsets[start : stop + 1]),
        measure=table.measure[start:stop],
        inside=table.inside[start:stop],
        columns={name: values[start:stop] for name, values in table.columns.items()},
    )


def join(drafts: Sequence[Draft], year: int) -> Estimates:
    """One estimate from drafts of consecutive sources: tables by sorted id, notes added up."""
    bands = tuple(sorted({b for d in drafts for b in d.bands}))
    factors = tuple(sorted({f.id: f for d in drafts for f in d.factors}.values(), key=lambda f: f.id))
    rows = tuple(sorted({r.id: r for d in drafts for r in d.rows}.values(), key=lambda r: r.id))
    lines, rows = used_rows(_join_lines(drafts, bands, factors, rows), rows)
    used_year = {name: y for d in drafts for name, y in d.used_year.items()}
    notes = placeholder_notes(lines, factors, rows) | _year_notes(used_year, lines, factors, year)
    return Estimates(
        bands=bands,
        factors=factors,
        rows=rows,
        lines=lines,
        missing=np.concatenate([d.grades.missing for d in drafts]),
        quality=np.concatenate([d.grades.quality for d in drafts]),
        imputed=np.concatenate([d.grades.imputed for d in drafts]),
        notes={**_added([d.notes for d in drafts]), **notes},
    )


def _added(notes: Sequence[Notes]) -> dict[str, float | str]:
    """Counts add up; a text stands as it is in every part that has it."""
    total: dict[str, float | str] = {}
    for name, value in (item for n in notes for item in n.items()):
        before = total.get(name, 0)
        total[name] = value if isinstance(value, str) or isinstance(before, str) else before + value
    return total


def _join_lines(
    drafts: Sequence[Draft], bands: Sequence[Band], factors: Sequence[FactorRow], rows: Sequence[Activity]
) -> Lines:
    """Lines of all drafts in one numbering, filled in place: a second copy of them all is never held."""
    band_at = {b: i for i, b in enumerate(bands)}
    factor_at = {f.id: i for i, f in enumerate(factors)}
    row_at = {r.id: i for i, r in enumerate(rows)}
    ends = np.cumsum([0, *(len(d.lines.kg) for d in drafts)])
    firsts = np.cumsum([0, *(len(d.grades.missing) for d in drafts)])
    whole = _empty(int(ends[-1]))
    for i, d in enumerate(drafts):
        at = slice(ends[i], ends[i + 1])
        whole.source[at] = d.lines.source + np.int32(firsts[i])
        whole.band[at] = _table([band_at[b] for b in d.bands])[d.lines.band]
        whole.factor[at] = _table([factor_at[f.id] for f in d.factors])[d.lines.factor]
        whole.row[at] = _table([row_at[r.id] for r in d.rows])[d.lines.row]
        whole.u_own[at], whole.activity[at], whole.kg[at] = d.lines.u_own, d.lines.activity, d.lines.kg
    return whole


def _empty(n: int) -> Lines:
    return Lines(
        source=np.empty(n, np.int32),
        band=np.empty(n, np.int16),
        factor=np.empty(n, np.int16),
        row=np.empty(n, np.int16),
        u_own=np.empty(n, np.float32),
        activity=np.empty(n, np.float64),
        kg=np.empty(n, np.int64),
    )


def _table(new: Sequence[int]) -> NDArray[np.int16]:
    """New numbers of old ones; -1 (none) meets the last entry and stays."""
    return np.array([*new, -1], np.int16)


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
    kg = _join([f.kg for f in flows]).astype(np.float64) * table.inside[source]
    return Lines(
        source=source.astype(np.int32),
        band=_join([_table([band_at.get(b, -1) for b in f.bands])[f.band] for f in flows]).astype(np.int16),
        factor=_join([np.full(len(f.source), factor_at[f.factor.id], np.int16) for f in flows]).astype(np.int16),
        row=_join([_table([row_at[r.id] for r in f.common.rows])[f.common.index] for f in flows]).astype(np.int16),
        u_own=_join([f.u_own for f in flows]).astype(np.float32),
        activity=_join([f.activity for f in flows]).astype(np.float64),
        kg=np.rint(kg).astype(np.int64),
    )


def _join(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.generic]:
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _sorted(lines: Lines) -> Lines:
    kept = np.flatnonzero(lines.kg)
    key = lines.source[kept].astype(np.int64)
    for part in (lines.band, lines.factor, lines.row):
        key = (key << KEY_BITS) + part[kept] + 1
    return pick(lines, kept[np.argsort(key, kind="stable")])


def pick(lines: Lines, at: NDArray[np.intp]) -> Lines:
    """Some of the lines, in this order."""
    return Lines(
        source=lines.source[at],
        band=lines.band[at],
        factor=lines.factor[at],
        row=lines.row[at],
        u_own=lines.u_own[at],
        activity=lines.activity[at],
        kg=lines.kg[at],
    )


def used_rows(lines: Lines, rows: tuple[Activity, ...]) -> tuple[Lines, tuple[Activity, ...]]:
    """Leave out table rows that no line takes, itself or as a part of a combined row."""
    taken = {rows[i].id for i in np.unique(lines.row) if i >= 0}
    parts = taken | {name for joined in taken for name in joined.split(JOIN)}
    kept = tuple(r for r in rows if r.id in parts)
    position = {r.id: i for i, r in enumerate(kept)}
    new = np.array([*(position.get(r.id, -1) for r in rows), -1], np.int16)
    return replace(lines, row=new[lines.row]), kept


def placeholder_notes(lines: Lines, factors: Sequence[FactorRow], rows: Sequence[Activity]) -> dict[str, float | str]:
    """Kilograms of all lines, and of those that rest on a placeholder."""
    return {"placeholder_kg": int(lines.kg[placeholder_lines(lines, factors, rows)].sum()), "kg": int(lines.kg.sum())}


def _year_notes(
    used_year: Mapping[str, int], lines: Lines, factors: Sequence[FactorRow], year: int
) -> dict[str, float | str]:
    """Factors whose year is not the inventory's, e.g. ``kr_el_2023 (2023 for 2024)``, and the kilograms they carry."""
    used = {name: y for name, y in used_year.items() if y != year}
    at = [i for i, f in enumerate(factors) if f.id in used]
    carried = np.isin(lines.factor, at)
    if not carried.any():
        return {}
    names = [factors[i].id for i in np.unique(lines.factor[carried])]
    return {
        "factor_year_substituted": ", ".join(f"{n} ({used[n]} for {year})" for n in names),
        "factor_year_substituted_kg": int(lines.kg[carried].sum()),
    }
