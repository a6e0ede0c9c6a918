# SPDX-License-Identifier: Apache-2.0
"""What changed between two inventories of one place, whether it is more than their errors, and where it comes from.

**Significance**: as :mod:`carbongrid.change` has it for totals. A group of factors and a common row that are the same
in both years err alike and cancel in the difference; own errors of sources are of a year. The difference is a figure
like any other, by zone: lines of the first year with the sign turned, in the closed form of
:mod:`carbongrid.uncertainty`.

**Causes**, for every source, band and group of factors, with E = A F (activity, kilograms per unit of it)::

    activity       (A1 - A0) (F0 + F1) / 2        and all of what is only in one of the years
    factors        E1 - E0 - activity             where the factor is another one
    recalculation  E1 - E0 - activity             where it is the same and still gives other kilograms

The three add up to the change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.inventory import Activity, FactorRow, Layer, Lines
from carbongrid.sectors import FIGURE, INTERVALS, SECTORS, Band, weights
from carbongrid.uncertainty import JOIN, grouped_half_widths
from carbongrid.zoned import Entries

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
CAUSES = ("activity", "factors", "recalculation")
_ROUNDED = 1.0
"""Kilograms by which rounding lines to whole kilograms may change what a unit of activity gives."""
_BEFORE = "@before"
"""Marks what a first year does not share with the second."""


@dataclass(frozen=True)
class Side:
    """One year: its lines of all kinds end to end, in the numbering of the pair; ``first`` line by kind.

    ``key`` int64 by line: source, band and group of factors, the same number in both years; ``activity`` per kilogram;
    ``factor_id`` int64: equal numbers are one factor.
    """

    lines: Lines
    first: Mapping[str, int]
    key: I64
    per_kg: F64
    factor_id: I64

    def joined(self, entries: Mapping[str, Entries]) -> Entries:
        """Entries by kind as entries of all lines."""
        none = np.zeros(0, np.int64)
        return Entries(
            np.concatenate([none, *(one.line + self.first[kind] for kind, one in entries.items())]),
            np.concatenate([np.zeros(0), *(one.kg for one in entries.values())]),
            np.concatenate([none, *(one.zone for one in entries.values())]),
        )


@dataclass(frozen=True)
class Changes:
    """Kilograms (bands, n) before and after in ``n`` zones, half-widths of the differences (INTERVALS, n), and what of
    them each of CAUSES explains, (causes, bands, n)."""

    bands: tuple[Band, ...]
    before: I64
    after: I64
    u95: F64
    causes: F64

    def figures(self, mode: str = "end_user", sectors: Sequence[str] = SECTORS) -> list[dict[str, dict[str, object]]]:
        """By zone and figure: kilograms before and after, change, causes, and for INTERVALS half-width and whether the
        change exceeds it."""
        matrix = weights(self.bands, mode, sectors)
        before, after, causes = matrix @ self.before, matrix @ self.after, matrix @ self.causes
        shown = [(i, f.name) for i, f in enumerate(FIGURE.values()) if set(f.sectors) & set(sectors)]
        return [
            {name: self._figure(name, z, before[i, z], after[i, z], causes[:, i, z]) for i, name in shown}
            for z in range(self.before.shape[1])
        ]

    def _figure(self, name: str, zone: int, before: np.int64, after: np.int64, causes: F64) -> dict[str, object]:
        change = int(after - before)
        made: dict[str, object] = {"before": int(before), "after": int(after), "change": change}
        made |= {cause: round(float(kg), 1) for cause, kg in zip(CAUSES, causes, strict=True)}
        if name in INTERVALS:
            half = float(self.u95[INTERVALS.index(name), zone])
            made |= {"change_u95": round(half), "significant": abs(change) > half}
        return made


@dataclass(frozen=True)
class Year:
    """What of an inventory a comparison needs."""

    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    layers: Mapping[str, Layer]


@dataclass(frozen=True)
class Pair:
    """Two years in one numbering of bands, sources, factors and rows."""

    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    before: Side
    after: Side

    @classmethod
    def of(cls, before: Year, after: Year) -> Self:
        """Match two years; sources of one kind are one where their ids are equal."""
        bands = tuple(sorted({*before.bands, *after.bands}))
        kinds = tuple(dict.fromkeys([*before.layers, *after.layers]))
        factors = (*_apart(before.factors, after.factors), *after.factors)
        rows = (*_rows_apart(before.rows, after.rows), *after.rows)
        names = {name: i for i, name in enumerate(sorted({f.id for f in factors}))}
        groups = {name: i for i, name in enumerate(sorted({f.group.removesuffix(_BEFORE) for f in factors}))}
        group = np.array([groups[f.group.removesuffix(_BEFORE)] for f in factors], np.int64)
        ids = np.array([names[f.id] for f in factors], np.int64)
        sources = _numbered(before, after, kinds)
        offsets = (0, 0), (len(before.factors), len(before.rows))
        sides = [
            _side(year, own, bands, *offset, group, ids)
            for year, own, offset in zip((before, after), sources, offsets, strict=True)
        ]
        first, second = _dense(*sides)
        return cls(bands, factors, rows, first, second)

    def changes(
        self,
        before: Mapping[str, Entries],
        after: Mapping[str, Entries],
        n: int,
        mode: str = "end_user",
        sectors: Sequence[str] = SECTORS,
    ) -> Changes:
        """Compare ``n`` zones by the pieces of each kind in each year."""
        old, new = self.before.joined(before), self.after.joined(after)
        kg = [self._sums(side, entries, n) for side, entries in self._both(old, new)]
        half = self._half_widths(old, new, n, mode, sectors)
        return Changes(self.bands, kg[0], kg[1], half, self._causes(old, new, n))

    def whole(self, mode: str = "end_user", sectors: Sequence[str] = SECTORS) -> Changes:
        """Compare all that there is, as one zone."""
        return self.changes(_every_line(self.before), _every_line(self.after), 1, mode, sectors)

    def _sums(self, side: Side, entries: Entries, n: int) -> I64:
        out = np.zeros((len(self.bands), n), np.int64)
        np.add.at(out, (side.lines.band[entries.line], entries.zone), np.rint(entries.kg).astype(np.int64))
        return out

    def _half_widths(self, old: Entries, new: Entries, n: int, mode: str, sectors: Sequence[str]) -> F64:
        columns = {
            name: np.concatenate([getattr(side.lines, name)[e.line] for side, e in self._both(old, new)])
            for name in Lines.__dataclass_fields__
        }
        lines = Lines(**columns)
        signs = weights(self.bands, mode, sectors)[[list(FIGURE).index(name) for name in INTERVALS]]
        every, kg = np.arange(len(lines.kg), dtype=np.int64), np.r_[-old.kg, new.kg]
        zone = np.r_[old.zone, new.zone]
        return grouped_half_widths(every, kg, zone, lines, lines.band, signs, self.factors, self.rows, n)

    def _both(self, old: Entries, new: Entries) -> tuple[tuple[Side, Entries], tuple[Side, Entries]]:
        return (self.before, old), (self.after, new)

    def _causes(self, old: Entries, new: Entries, n: int) -> F64:
        """Change by cause, (causes, bands, n)."""
        keys = max((int(s.key.max(initial=-1)) for s in (self.before, self.after)), default=-1) + 1
        at = np.concatenate([e.zone * keys + s.key[e.line] for s, e in self._both(old, new)])
        place, own = np.unique(at, return_inverse=True)
        own_of = np.split(own, [len(old.line)])
        kg, activity, factor = np.zeros((2, len(place))), np.zeros((2, len(place))), np.full((2, len(place)), -1)
        band = np.zeros(len(place), np.int64)
        for year, (side, entries) in enumerate(self._both(old, new)):
            kg[year] = np.bincount(own_of[year], entries.kg, len(place))
            activity[year] = np.bincount(own_of[year], entries.kg * side.per_kg[entries.line], len(place))
            factor[year, own_of[year]] = side.factor_id[entries.line]
            band[own_of[year]] = side.lines.band[entries.line]
        out = np.zeros((len(CAUSES), len(self.bands), n))
        for cause, part in enumerate(_split(kg, activity, factor)):
            np.add.at(out[cause], (band, place // max(keys, 1)), part)
        return out


def _split(kg: F64, activity: F64, factor: NDArray[np.int64]) -> F64:
    """(causes, keys) of kilograms, activity and factor (years, keys)."""
    change, both = kg[1] - kg[0], (activity > 0).all(axis=0)
    gives = np.divide(kg, activity, out=np.zeros_like(kg), where=activity > 0)
    by_activity = np.where(both, (activity[1] - activity[0]) * gives.mean(axis=0), change)
    rest, same = change - by_activity, factor[0] == factor[1]
    rounding = same & (np.abs(rest) <= _ROUNDED)
    by_activity, rest = np.where(rounding, change, by_activity), np.where(rounding, 0.0, rest)
    return np.stack([by_activity, np.where(same, 0.0, rest), np.where(same, rest, 0.0)])


def _every_line(side: Side) -> dict[str, Entries]:
    """All lines of a side, kind by kind, in one zone."""
    ends, made = [*side.first.values(), len(side.lines.kg)][1:], {}
    for (kind, first), last in zip(side.first.items(), ends, strict=True):
        line, kg = np.arange(last - first, dtype=np.int64), side.lines.kg[first:last].astype(np.float64)
        made[kind] = Entries(line, kg, np.zeros_like(line))
    return made


def _apart(before: Sequence[FactorRow], after: Sequence[FactorRow]) -> list[FactorRow]:
    """Factors of the first year, in groups of their own where the group is not the same in both."""
    changed = {factor.group for factor in {*before} ^ {*after}}
    return [replace(f, group=f.group + _BEFORE) if f.group in changed else f for f in before]


def _rows_apart(before: Sequence[Activity], after: Sequence[Activity]) -> list[Activity]:
    """Common rows of the first year, renamed where they are not the same in both."""
    changed = {row.id for row in {*before} - {*after} if JOIN not in row.id}
    parts = {row.id: [p + _BEFORE if p in changed else p for p in row.id.split(JOIN)] for row in before}
    return [replace(row, id=JOIN.join(parts[row.id])) for row in before]


def _numbered(before: Year, after: Year, kinds: Sequence[str]) -> tuple[dict[str, I64], dict[str, I64]]:
    """Number of each source by kind in both years: equal ids of a kind, equal numbers."""
    found: tuple[dict[str, I64], dict[str, I64]] = ({}, {})
    first = 0
    for kind in kinds:
        ids = [year.layers[kind].id if kind in year.layers else np.zeros(0, object) for year in (before, after)]
        known, number = np.unique(np.concatenate(ids).astype(str), return_inverse=True)
        for own, part in zip(found, np.split(number + first, [len(ids[0])]), strict=True):
            own[kind] = part.astype(np.int64)
        first += len(known)
    return found


def _side(
    year: Year,
    numbers: Mapping[str, I64],
    bands: Sequence[Band],
    first_factor: int,
    first_row: int,
    group: I64,
    ids: I64,
) -> Side:
    given = [(kind, layer.lines) for kind, layer in year.layers.items()]
    starts = np.cumsum([0, *(len(lines.kg) for _, lines in given)]).tolist()
    column = {
        name: np.concatenate([np.zeros(0, kind), *(getattr(lines, name) for _, lines in given)])
        for name, kind in (("band", np.int16), ("factor", np.int16), ("row", np.int16), ("u_own", np.float32))
    }
    activity, kg = (np.concatenate([np.zeros(0), *(getattr(x, n) for _, x in given)]) for n in ("activity", "kg"))
    source = np.concatenate([np.zeros(0, np.int64), *(numbers[kind][lines.source] for kind, lines in given)])
    band = np.array([bands.index(b) for b in year.bands], np.int16)[column["band"]]
    factor, row = column["factor"] + np.int16(first_factor), column["row"]
    row = np.where(row >= 0, row + np.int16(first_row), np.int16(-1)).astype(np.int16)
    lines = Lines(source.astype(np.int32), band, factor, row, column["u_own"], activity, kg.astype(np.int64))
    key = (source * len(bands) + band) * (int(group.max(initial=0)) + 1) + group[factor]
    per_kg = np.divide(activity, kg, out=np.zeros_like(activity), where=kg != 0)
    return Side(lines, dict(zip(year.layers, starts, strict=False)), key, per_kg, ids[factor])


def _dense(before: Side, after: Side) -> tuple[Side, Side]:
    """Dense keys; sources of the first year are numbered beyond those of the second, for their errors are its own."""
    dense = np.unique(np.r_[before.key, after.key], return_inverse=True)[1]
    keys = np.split(dense.astype(np.int64), [len(before.key)])
    count = np.int32(max(s.lines.source.max(initial=-1) for s in (before, after)) + 1)
    lines = replace(before.lines, source=before.lines.source + count)
    return replace(before, lines=lines, key=keys[0]), replace(after, key=keys[1])
