# SPDX-License-Identifier: Apache-2.0
"""A cell's number taken apart: source rows, activity, factors, shares. The parts add up to it, kilogram by kilogram.

Metered energy of buildings is said as far as the release may: where meters were pooled, a building's activity is its
part of a pool and is called so; where a release holds meters that were not, the metered buildings of a cell are told
of together, and what they used only where they are enough.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.disclosure import Rule
from carbongrid.errors import Corrupt, InvalidInput, NotFound
from carbongrid.factors import EmissionFactor, FactorSet, countries
from carbongrid.grid import Cell, parse_kr_code
from carbongrid.inventory import Activity, FactorRow, Lines
from carbongrid.sectors import FIGURE, FIGURES, INTERVALS, missing_text, sector_mask
from carbongrid.uncertainty import JOIN
from carbonstore.releases.release import model_digest
from carbonstore.releases.stored import Level, Release

I64 = NDArray[np.int64]

KOREAN_GRID = 5179
"""EPSG code of the CRS that Korean grid codes are written on."""
METERED, POOLED = "metered", "pooled"
LEAST_SOURCES = Rule().contributors
"""Metered buildings that must share a line before what they used is told."""


@dataclass(frozen=True)
class Part:
    """What one inventory line puts into the cell.

    ``source`` is its id, None where ``sources`` metered ones are told of together; ``activity`` is that of the whole
    source in the factor's unit, None where it may not be told; ``kg`` of ``line_kg`` (all that lies inside the
    boundary) are in this cell; ``u_kg`` are the half 95 % intervals of its own, common and factor part in kg.
    """

    kind: str
    source: str | None
    sources: int
    band: str
    measured: str | None
    activity: float | None
    factor: Mapping[str, Any]
    row: Mapping[str, Any] | None
    kg: int
    line_kg: int
    quality: int
    imputed: bool
    u_kg: Mapping[str, float]

    @property
    def share(self) -> float:
        """Share of the line that lies in the cell."""
        return self.kg / self.line_kg

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"share": round(self.share, 6)}


@dataclass(frozen=True)
class Explanation:
    """One cell of a release: published ``kg`` and ``u95`` by figure (None: not known), and all ``parts`` of it.

    ``uncertainty``: figure -> half-widths in kg of every factor group and table row, and of all own errors together;
    the root of the sum of their squares is the published ``u95``. ``missing`` names sectors that are incomplete.
    """

    cell: str
    level: int
    inventory: str
    year: int
    release: str
    synthetic: bool
    missing: str | None
    kg: Mapping[str, int | None]
    u95: Mapping[str, int | None]
    uncertainty: Mapping[str, Mapping[str, float]]
    parts: tuple[Part, ...]
    inputs: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "parts"}
        return plain | {"parts": [p.as_dict() for p in self.parts]}


def find_cell(release: Release, code: str) -> Cell:
    """A cell by its code at any level (``CRS5179RES100mN…E…``, or a Korean grid code on EPSG:5179)."""
    found = _parsed(release, code)
    size = found.size if found else 0
    index = release.level(size).window.index(found) if found and size in release.levels else None
    if found is None or index is None or _position(release.level(size), index) is None:
        raise NotFound(f"{release.inventory_id} {release.year} has no cell '{code}'", where="cell")
    return found


def _parsed(release: Release, code: str) -> Cell | None:
    finest = release.grid.cell_size
    attempts = [release.grid.coarsen(size // finest).parse for size in release.levels]
    for parse in [*attempts, *([parse_kr_code] if release.grid.epsg == KOREAN_GRID else [])]:
        try:
            return parse(code)
        except InvalidInput:
            continue
    return None


def _position(level: Level, index: int) -> int | None:
    at = int(np.searchsorted(level.index, index))
    return at if at < len(level.index) and level.index[at] == index else None


def explain(release: Release, cell: Cell) -> Explanation:
    """Take a cell's number apart; Corrupt should the parts not add up to what is published."""
    level = release.level(cell.size)
    index = level.window.index(cell)
    at = None if index is None else _position(level, index)
    if index is None or at is None:
        raise NotFound(f"{release.inventory_id} {release.year} has no such cell", where="cell")
    lines = [_Share.of(release, kind, index, cell.size) for kind in release.kinds]
    parts = tuple(p for share in lines for p in _told(share))
    _check(release, parts, {b.key: int(kg[at]) for b, kg in zip(release.bands, level.kg, strict=True)})
    null = int(level.null[at])
    known = {f.name for f in FIGURES if null & sector_mask(f) != sector_mask(f)}
    sums = release.weights @ np.array([int(kg[at]) for kg in level.kg], np.int64)
    return Explanation(
        cell=level.window.grid.code(cell),
        level=cell.size,
        inventory=release.inventory_id,
        year=release.year,
        release=release.id,
        synthetic=bool(release.manifest["synthetic"]),
        missing=missing_text(int(level.incomplete[at])),
        kg={f.name: int(v) if f.name in known else None for f, v in zip(FIGURES, sums, strict=True)},
        u95={n: int(u[at]) if n in known else None for n, u in zip(INTERVALS, level.u95, strict=True)},
        uncertainty={name: _parts_of_error(lines, name) for name in INTERVALS if name in known},
        parts=tuple(sorted(parts, key=lambda p: (-p.kg, p.kind, p.source or "", p.band))),
        inputs=dict(release.manifest["inputs"]),
    )


def _check(release: Release, parts: Sequence[Part], published: Mapping[str, int]) -> None:
    sums = dict.fromkeys(published, 0)
    for part in parts:
        sums[part.band] += part.kg
    for band, kg in published.items():
        if sums[band] != kg:
            raise Corrupt(
                f"the parts add up to {sums[band]} kg instead of {kg} kg", where=f"release {release.id}, {band}"
            )


@dataclass(frozen=True)
class _Share:
    """Lines of one kind that have kilograms in a cell: ``line`` int64 ascending, ``kg`` int64."""

    release: Release
    kind: str
    lines: Lines
    line: I64
    kg: I64

    @classmethod
    def of(cls, release: Release, kind: str, index: int, size: int) -> "_Share":
        pieces, lines = release.pieces(kind), release.lines(kind)
        parents = pieces.window.parents(pieces.cells, size // release.grid.cell_size)
        within = np.repeat(parents == index, np.diff(pieces.ptr))
        line, at = np.unique(pieces.line[within].astype(np.int64), return_inverse=True)
        kg = np.zeros(len(line), np.int64)
        np.add.at(kg, at, pieces.kg[within])
        return cls(release, kind, lines, line, kg)

    @property
    def metered(self) -> NDArray[np.bool_]:
        """Lines that rest on a meter of the building: those that took no common row."""
        if self.kind != "buildings":
            return np.zeros(len(self.line), bool)
        metered: NDArray[np.bool_] = self.lines.row[self.line] < 0
        return metered


def _told(share: _Share) -> Iterator[Part]:
    """Every line by itself, but meters that are in no pool together."""
    table = share.release.layer(share.kind)
    together = share.metered & (share.release.pools is None)
    for n in np.flatnonzero(~together).tolist():
        line = int(share.line[n])
        source = int(share.lines.source[line])
        measured = POOLED if share.metered[n] else None
        yield _part(
            share, [n], str(table.id[source]), measured, int(table.quality[source]), bool(table.imputed[source])
        )
    keys = np.stack([share.lines.band[share.line], share.lines.factor[share.line]])
    for band, factor in np.unique(keys[:, together], axis=1).T.tolist():
        rows = np.flatnonzero(together & (keys[0] == band) & (keys[1] == factor)).tolist()
        worst = int(table.quality[share.lines.source[share.line[rows]]].max())
        yield _part(share, rows, None, METERED, worst, False)


def _part(
    share: _Share, rows: Sequence[int], source: str | None, measured: str | None, quality: int, imputed: bool
) -> Part:
    """One or more lines of one band, factor and row."""
    at, lines = share.line[list(rows)], share.lines
    first, kg = int(at[0]), share.kg[list(rows)]
    factor, row = share.release.factors[lines.factor[first]], int(lines.row[first])
    common = share.release.rows[row] if row >= 0 else None
    sources = len(np.unique(lines.source[at]))
    told = source is not None or sources >= LEAST_SOURCES
    own = float(np.sqrt(((kg * lines.u_own[at].astype(np.float64) / 100) ** 2).sum()))
    total = int(kg.sum())
    return Part(
        kind=share.kind,
        source=source,
        sources=sources,
        band=share.release.bands[lines.band[first]].key,
        measured=measured,
        activity=float(lines.activity[at].sum()) if told else None,
        factor=_factor(share.release, factor),
        row=None if common is None else asdict(common),
        kg=total,
        line_kg=int(lines.kg[at].sum()),
        quality=quality,
        imputed=imputed,
        u_kg={
            "own": round(own, 3),
            "common": round(abs(total) * (common.u_pct if common else 0.0) / 100, 3),
            "factor": round(abs(total) * factor.u_pct / 100, 3),
        },
    )


def _factor(release: Release, row: FactorRow) -> dict[str, Any]:
    """The factor as it was used; its value and unit where this is the model that the release was built by."""
    used = asdict(row)
    if release.manifest["model"]["sources_sha256"] == model_digest() and row.id in _registry():
        known = _registry()[row.id]
        used |= {"value": known.value, "unit": known.unit, "basis": known.basis, "year": known.year}
    return used


@lru_cache(maxsize=1)
def _registry() -> Mapping[str, EmissionFactor]:
    return {f.id: f for country in countries() for f in FactorSet.load(country).factors}


def _parts_of_error(shares: Sequence[_Share], figure: str) -> dict[str, float]:
    """Half-widths in kg by what errs together (method 2.6), largest first; ``own`` is of all sources together."""
    sums: dict[str, float] = {}
    own = 0.0
    for share in shares:
        sign = np.array([FIGURE[figure].weight(b) for b in share.release.bands], np.int64)[share.lines.band[share.line]]
        signed = (share.kg * sign).astype(np.float64)
        _, source = np.unique(share.lines.source[share.line], return_inverse=True)
        own += float((np.bincount(source, signed * share.lines.u_own[share.line] / 100) ** 2).sum())
        for name, amount in _shared_errors(share, signed):
            sums[name] = sums.get(name, 0.0) + amount
    found = {name: round(abs(v), 3) for name, v in sums.items() if v} | {"own": round(float(np.sqrt(own)), 3)}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _shared_errors(share: _Share, signed: NDArray[np.float64]) -> Iterator[tuple[str, float]]:
    factors, rows = share.release.factors, share.release.rows
    by_factor = np.bincount(share.lines.factor[share.line], signed, len(factors))
    for factor, kg in zip(factors, by_factor.tolist(), strict=True):
        yield f"factor {factor.group}", kg * factor.u_pct / 100
    by_row = np.bincount(share.lines.row[share.line].astype(np.int64) + 1, signed, len(rows) + 1)[1:]
    u_pct = {r.id: r.u_pct for r in rows}
    for row, kg in zip(rows, by_row.tolist(), strict=True):
        yield from ((f"row {name}", kg * u_pct[name] / 100) for name in _elements(row))


def _elements(row: Activity) -> list[str]:
    return row.id.split(JOIN)
