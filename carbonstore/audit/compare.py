# SPDX-License-Identifier: Apache-2.0
"""What changed between two releases: inputs, model, factors, totals, sources and cells; all that is equal is left out.

Cells are matched by their place on the lattice, sources by their id, bands by their name, so releases of two years,
two editions or two extents can be compared as long as they stand on one grid. Units are matched by code, over changes
of codes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, NotFound
from carbongrid.sectors import Band, weights
from carbonstore.audit.compare_totals import TotalChange, total_changes
from carbonstore.audit.compare_units import UnitChange, unit_changes
from carbonstore.releases.edition import current, load, releases
from carbonstore.releases.stored import Level, Release, opened

I64 = NDArray[np.int64]

LARGEST = 10
"""Cells of the finest level that are named."""
SETTINGS = ("schema", "inventory", "year", "country", "synthetic", "grid", "levels", "gwp_set", "data_years", "title")
_REFERENCE = re.compile(r"(?P<name>[a-z0-9-]+)(\.(?P<year>\d{4}))?(@(?P<edition>[0-9a-f]{16}))?")
FORMS = ("a release id", "ID", "ID.YEAR", "ID@EDITION", "ID.YEAR@EDITION")


def find(root: Path, reference: str) -> Release:
    """A release by its id, or by inventory, year (default: the newest) and edition (default: the one in force)."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise InvalidInput(f"'{reference}' names no release", allowed=FORMS)
    if (root / "releases" / reference / "manifest.json").exists():
        return opened(root / "releases" / reference)
    name, edition = match["name"], match["edition"]
    of = releases(root, load(root, name, edition) if edition else current(root, name))
    year = int(match["year"] or max(of))
    if year not in of:
        raise NotFound(f"'{name}' has no year {year}", where=reference, allowed=of)
    return of[year]


@dataclass(frozen=True)
class Names:
    """What is only in the second, only in the first, and in both but different."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @classmethod
    def of(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> "Names":
        """Compare two mappings by key."""
        both = before.keys() & after.keys()
        return cls(
            tuple(sorted(after.keys() - before.keys())),
            tuple(sorted(before.keys() - after.keys())),
            tuple(sorted(k for k in both if before[k] != after[k])),
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def counts(self) -> dict[str, int]:
        """How many of each."""
        return {"added": len(self.added), "removed": len(self.removed), "changed": len(self.changed)}


@dataclass(frozen=True)
class CellChange:
    """A cell whose kilograms or state differ, with its ``net`` in kg before and after (None: no such cell)."""

    cell: str
    before: int | None
    after: int | None
    bands: tuple[str, ...]


@dataclass(frozen=True)
class LevelChange:
    """Cells of one level: how many there are, were added or removed, and of the common ones how many differ."""

    level: int
    cells: int
    added: int
    removed: int
    changed: int


@dataclass(frozen=True)
class Comparison:
    """Everything that differs from ``before`` to ``after`` (release ids). ``totals``: figure or band -> kg of both.

    ``levels`` and ``largest`` are None where the releases stand on different grids.
    """

    before: str
    after: str
    settings: Mapping[str, tuple[Any, Any]]
    model_changed: bool
    inputs: Names
    factors: Names
    rows: Names
    figures: Mapping[str, tuple[int | None, int | None]]
    bands: Mapping[str, tuple[int, int]]
    sources: Mapping[str, Names]
    levels: tuple[LevelChange, ...] | None
    largest: tuple[CellChange, ...] | None
    units: tuple[UnitChange, ...]
    changes: Mapping[str, TotalChange]

    @property
    def same(self) -> bool:
        """Whether it is one and the same release."""
        return self.before == self.after

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; of sources only counts."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain |= {name: asdict(plain[name]) for name in ("inputs", "factors", "rows")}
        plain["sources"] = {kind: names.counts() for kind, names in self.sources.items()}
        plain["units"] = [asdict(c) for c in self.units]
        plain["changes"] = {name: asdict(c) for name, c in self.changes.items()}
        for name in ("levels", "largest"):
            plain[name] = None if plain[name] is None else [asdict(c) for c in plain[name]]
        return plain | {"same": self.same}


def compare(before: Release, after: Release) -> Comparison:
    """What changed from one release to the other."""
    old, new = before.manifest, after.manifest
    one_grid = old["grid"] == new["grid"]
    levels = [s for s in before.levels if s in after.levels]
    return Comparison(
        before=before.id,
        after=after.id,
        settings=_changed(*({k: m.get(k) for k in SETTINGS} for m in (old, new))),
        model_changed=old["model"] != new["model"],
        inputs=Names.of(old["inputs"], new["inputs"]),
        factors=_by_id(old["factors"], new["factors"]),
        rows=_by_id(old["rows"], new["rows"]),
        figures=_changed(old["totals"]["kg"], new["totals"]["kg"]),
        bands=_changed(_band_kg(before), _band_kg(after), absent=0),
        sources={k: n for k in sorted({*before.kinds, *after.kinds}) if (n := _sources(before, after, k))},
        levels=tuple(_Cells.of(before, after, size).change() for size in levels) if one_grid else None,
        largest=_Cells.of(before, after, levels[0]).largest() if one_grid and levels else None,
        units=unit_changes(before, after),
        changes=total_changes(before, after),
    )


def _band_kg(release: Release) -> dict[str, int]:
    return {b.key: t["kg"] for b, t in zip(release.bands, release.manifest["totals"]["bands"], strict=True)}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any], absent: Any = None) -> dict[str, tuple[Any, Any]]:
    keys = dict.fromkeys([*before, *after])
    pairs = {k: (before.get(k, absent), after.get(k, absent)) for k in keys}
    return {k: (a, b) for k, (a, b) in pairs.items() if a != b}


def _by_id(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> Names:
    return Names.of({r["id"]: r for r in before}, {r["id"]: r for r in after})


def _sources(before: Release, after: Release, kind: str) -> Names:
    """Sources by id whose kilograms, in any band, differ."""
    bands = tuple(sorted({*before.bands, *after.bands}))
    (old, old_kg), (new, new_kg) = (_source_kg(r, kind, bands) for r in (before, after))
    both = sorted(old.keys() & new.keys())
    same = (old_kg[[old[k] for k in both]] == new_kg[[new[k] for k in both]]).all(axis=1)
    changed = tuple(k for k, is_same in zip(both, same.tolist(), strict=True) if not is_same)
    return Names(tuple(sorted(new.keys() - old.keys())), tuple(sorted(old.keys() - new.keys())), changed)


def _source_kg(release: Release, kind: str, bands: Sequence[Band]) -> tuple[dict[str, int], I64]:
    """Row of each source id, and kilograms (rows, bands); sources of one id count together."""
    if kind not in release.kinds:
        return {}, np.zeros((0, len(bands)), np.int64)
    layer = release.layer(kind)
    row: dict[str, int] = {}
    of = np.array([row.setdefault(str(name), len(row)) for name in layer.id], np.int64)
    column = np.array([bands.index(b) for b in release.bands], np.int64)
    kg = np.zeros((len(row), len(bands)), np.int64)
    np.add.at(kg, (of[layer.lines.source], column[layer.lines.band]), layer.lines.kg)
    return row, kg


@dataclass(frozen=True)
class _Cells:
    """The cells of one level of both releases on one axis: ``code`` of each place, what differs by band and state."""

    before: Level
    after: Level
    bands: tuple[Band, ...]
    place: I64
    at: tuple[I64, I64]
    kg: tuple[I64, I64]
    differs: NDArray[np.bool_]

    @classmethod
    def of(cls, before: Release, after: Release, size: int) -> "_Cells":
        levels = (before.level(size), after.level(size))
        bands = tuple(sorted({*before.bands, *after.bands}))
        places = [_places(level) for level in levels]
        place = np.union1d(*places)
        at = tuple(_find(p, place) for p in places)
        kg = tuple(_kg(level, r.bands, bands, a) for level, r, a in zip(levels, (before, after), at, strict=True))
        states = [_state(level, a) for level, a in zip(levels, at, strict=True)]
        differs = (kg[0] != kg[1]).any(axis=0) | (states[0] != states[1]).any(axis=0)
        return cls(levels[0], levels[1], bands, place, (at[0], at[1]), (kg[0], kg[1]), differs)

    def change(self) -> LevelChange:
        """Counts of the level."""
        added, removed = self.at[0] < 0, self.at[1] < 0
        changed = int((self.differs & ~added & ~removed).sum())
        size = self.after.window.grid.cell_size
        return LevelChange(size, len(self.after.index), int(added.sum()), int(removed.sum()), changed)

    def largest(self) -> tuple[CellChange, ...]:
        """Cells whose kilograms differ most, by the sum of what their bands differ."""
        size = np.abs(self.kg[1] - self.kg[0]).sum(axis=0)
        chosen = np.flatnonzero(self.differs)
        chosen = chosen[np.lexsort((self.place[chosen], -size[chosen]))][:LARGEST]
        return tuple(self._one(int(i)) for i in chosen)

    def _one(self, i: int) -> CellChange:
        level, at = (self.before, self.at[0]) if self.at[0][i] >= 0 else (self.after, self.at[1])
        net = weights(self.bands)[-1]
        before, after = (int(net @ kg[:, i]) if a[i] >= 0 else None for kg, a in zip(self.kg, self.at, strict=True))
        changed = tuple(b.key for b, a, z in zip(self.bands, self.kg[0][:, i], self.kg[1][:, i], strict=True) if a != z)
        return CellChange(level.window.grid.code(level.window.cell(int(level.index[at[i]]))), before, after, changed)


def _places(level: Level) -> I64:
    """One ascending-comparable number for each cell's place on the lattice, whatever the window."""
    east, north = level.window.corners(level.index)
    size = level.window.grid.cell_size
    return (north // size << 32) + east // size


def _find(places: I64, wanted: I64) -> I64:
    """Position of each wanted place, -1 where there is none."""
    order = np.argsort(places)
    at = np.minimum(np.searchsorted(places[order], wanted), len(places) - 1)
    return np.where(places[order][at] == wanted, order[at], -1).astype(np.int64)


def _kg(level: Level, own: Sequence[Band], bands: Sequence[Band], at: I64) -> I64:
    """Kilograms (bands, places), 0 where the release has no such band or cell."""
    out = np.zeros((len(bands), len(at)), np.int64)
    there = at >= 0
    for band, kg in zip(own, level.kg, strict=True):
        out[bands.index(band), there] = kg[at[there]]
    return out


def _state(level: Level, at: I64) -> NDArray[np.uint8]:
    """Null and incomplete masks (2, places); 255 where there is no cell."""
    out = np.full((2, len(at)), 255, np.uint8)
    there = at >= 0
    for row, mask in zip(out, (level.null, level.incomplete), strict=True):
        row[there] = mask[at[there]]
    return out
