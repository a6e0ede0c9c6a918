# SPDX-License-Identifier: Apache-2.0
"""A region named by the code of a published unit: its kilograms are the published ones, not a second reckoning.

A cut by the unit's outline rounds every piece alone, the published table shares out each piece over all units; they
may differ by kilograms. So whole kilograms, area, gaps and, for all sectors of the end user, half-widths and quality
are taken from the table; the outline gives what the table does not hold: unrounded kilograms and other choices.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import numpy as np

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.geometry.wkb import polygonal
from carbongrid.region import Region
from carbongrid.sectors import INTERVALS, SECTORS
from carbonstore.releases.catalogue import Published
from carbonstore.releases.stored import Release
from carbonstore.releases.unit_levels import UnitLevel
from processes.base import Placed
from processes.regions.inside import Choice, Inside
from processes.regions.region import mended
from processes.schema import point, refuse


def named(given: object) -> Placed | None:
    """The code of ``{"unit": code}`` with its place; None for any other region; InvalidInput unless it is a text."""
    if not isinstance(given, Placed) or not isinstance(given.value, dict) or "unit" not in given.value:
        return None
    code = Placed(given.value["unit"], point(given.at, "unit"))
    if not isinstance(code.value, str) or len(given.value) > 1:
        raise refuse("the code of a unit is expected, and nothing beside it", code.at, '{"unit": "code"}')
    return code


def holder(code: Placed, name: object, published: Mapping[str, Published]) -> Published:
    """The inventory named, or the only one with the unit; InvalidInput or UnknownName otherwise."""
    if name is not None and name not in published:
        raise UnknownName(str(name), published, kind="inventory", where="/inputs/inventory")
    asked = list(published.values()) if name is None else [published[str(name)]]
    by_id = {p.id: codes(p.release(p.newest)) for p in asked}
    if not any(by_id.values()):
        raise refuse("no administrative units are published here; send the outline", code.at)
    holding = [p for p in asked if p.release(p.newest).own_code(str(code.value)) in by_id[p.id]]
    if not holding:
        raise UnknownName(str(code.value), {c for known in by_id.values() for c in known}, kind="unit", where=code.at)
    if len(holding) > 1:
        names = [p.id for p in holding]
        raise InvalidInput("several inventories hold this unit; name one", where="/inputs/inventory", allowed=names)
    return holding[0]


def codes(release: Release) -> Mapping[str, tuple[UnitLevel, int]]:
    """Level and row of every unit of a release by its code; what lies in none has no code."""
    levels = [release.units(level) for level in release.unit_levels]
    return {code: (level, row) for level in levels for row, code in enumerate(level.code[:-1].tolist())}


def has(release: Release, code: Placed) -> bool:
    """Whether a release has the unit of a code of any day."""
    return release.own_code(str(code.value)) in codes(release)


class Unit:
    """One unit in one release."""

    def __init__(self, level: UnitLevel, row: int) -> None:
        self._level, self._row = level, row

    @classmethod
    def of(cls, release: Release, code: Placed) -> Self:
        """The unit of a code; UnknownName where the release has none (an older year may not)."""
        found, own = codes(release), release.own_code(str(code.value))
        if own not in found:
            raise UnknownName(str(code.value), found, kind=f"unit of {release.year}", where=code.at)
        return cls(*found[own])

    @property
    def region(self) -> Region:
        """Its published outline."""
        return Region.from_polygon(mended(polygonal(self._level.shapes.geometry[self._row])))

    def published(self, cut: Inside) -> Inside:
        """A cut by the outline, with everything that is published of the unit in place of it."""
        level, row, mask = self._level, self._row, cut.choice.mask
        made = replace(
            cut,
            kg=np.array([int(column[row]) for column in level.kg], np.int64),
            area_m2=float(level.area_m2[row]),
            null=int(level.null[row]) & mask,
            incomplete=int(level.incomplete[row] | level.null[row]) & mask,
        )
        if cut.choice != Choice(SECTORS):
            return made
        u95 = {name: float(column[row]) for name, column in zip(INTERVALS, level.u95, strict=True)}
        return replace(made, u95=u95, quality=int(level.quality[row]) or None)
