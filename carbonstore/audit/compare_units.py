# SPDX-License-Identifier: Apache-2.0
"""Units of two releases beside each other, a unit whose code changed as one: codes are matched as of the second."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbongrid.sectors import Band
from carbonstore.releases.stored import Release
from carbonstore.releases.unit_levels import UnitLevel


@dataclass(frozen=True)
class UnitChange:
    """Units of one level, what lies in none not counted: how many there are, were added or removed, and of the common
    ones how many differ in kilograms or state. ``recoded``: code before -> after, where it changed.
    """

    level: str
    units: int
    added: int
    removed: int
    changed: int
    recoded: Mapping[str, str]


def unit_changes(before: Release, after: Release) -> tuple[UnitChange, ...]:
    """Of the levels that both releases hold."""
    bands = tuple(sorted({*before.bands, *after.bands}))
    return tuple(_level(before, after, bands, n) for n in after.unit_levels if n in before.unit_levels)


def _level(before: Release, after: Release, bands: Sequence[Band], name: str) -> UnitChange:
    old = _records(before.units_as_of(name, after.year), before.bands, bands)
    new = _records(after.units_as_of(name, after.year), after.bands, bands)
    both = old.keys() & new.keys()
    given = before.units(name).code[:-1]
    pairs = zip(given.tolist(), before.codes_as_of(given, after.year).tolist(), strict=True)
    return UnitChange(
        level=name,
        units=len(new),
        added=len(new.keys() - both),
        removed=len(old.keys() - both),
        changed=sum(old[code] != new[code] for code in both),
        recoded={a: b for a, b in pairs if a != b},
    )


def _records(units: UnitLevel, own: Sequence[Band], bands: Sequence[Band]) -> dict[str, tuple[int, ...]]:
    """Kilograms by band and masks of every unit by its code; 0 of a band that the release does not have."""
    by_band = dict(zip(own, units.kg, strict=True))
    nothing = [0] * len(units)
    columns = [by_band[band].tolist() if band in by_band else nothing for band in bands]
    rows = zip(*columns, units.null.tolist(), units.incomplete.tolist(), strict=True)
    return dict(list(zip(units.code.tolist(), rows, strict=True))[:-1])
