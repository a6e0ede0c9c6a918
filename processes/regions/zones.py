# SPDX-License-Identifier: Apache-2.0
"""The input ``zones`` of aggregate: units that are published here, by their collection, or a client's own layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbongrid.errors import UnknownName
from carbongrid.sectors import SECTORS
from carbongrid.zones import Zone, zones_of
from carbonstore.collections.collection import HISTORY
from carbonstore.releases.catalogue import Published, Snapshot
from carbonstore.releases.stored import Release
from carbonstore.releases.unit_levels import UnitLevel
from processes.base import Placed
from processes.regions.inside import Choice, Inside
from processes.regions.region import served
from processes.regions.stocks import stock
from processes.regions.tally import tally
from processes.regions.units import Unit
from processes.schema import refuse


@dataclass(frozen=True)
class Layer:
    """Zones that do not change from year to year."""

    zones: Sequence[Zone]

    def zones_of(self, release: Release) -> Sequence[Zone]:
        """The zones."""
        return self.zones

    def sums(self, release: Release, choice: Choice) -> dict[str | int, Inside]:
        """What of a release lies in each zone, by its id."""
        ready = stock(release)
        cuts = [zone.region.on(ready.cells.window) for zone in self.zones]
        found = tally(ready, cuts, [str(zone.id) for zone in self.zones], choice)
        return {zone.id: inside for zone, inside in zip(self.zones, found, strict=True)}


@dataclass(frozen=True)
class Units:
    """Published units of one level, as each year has them: their kilograms are the published ones.

    Codes are those of ``year`` in every year, so a unit whose code changed is one zone.
    """

    level: str
    year: int

    def zones_of(self, release: Release) -> Sequence[Zone]:
        """The units of a release by their outlines."""
        return outlines(release.units_as_of(self.level, self.year))

    def sums(self, release: Release, choice: Choice) -> dict[str | int, Inside]:
        """Every unit of a release by its code, then what lies in none; by ``cells`` units are outlines like any other.

        Without the outlines' own cuts no half-widths are known but those of all sectors of the end user.
        """
        level = release.units_as_of(self.level, self.year)
        found = Layer(self.zones_of(release)).sums(release, choice) if choice != Choice(SECTORS) else {}
        if choice.method == "cells":
            return found
        none = Inside.nothing(release.bands, choice)
        return {code: Unit(level, row).published(found.get(code, none)) for row, code in enumerate(level.code.tolist())}


def outlines(level: UnitLevel) -> list[Zone]:
    """Published units as zones."""
    return [Zone(code, Unit(level, row).region) for row, code in enumerate(level.code[:-1].tolist())]


@dataclass(frozen=True)
class Outlines:
    """Published units of another inventory: outlines, which may lie across this one in any way."""

    published: Published
    level: str

    def zones_of(self, release: Release) -> Sequence[Zone]:
        """The units of the other inventory's newest year, whatever the release."""
        return outlines(self.published.release(self.published.newest).units(self.level))

    def sums(self, release: Release, choice: Choice) -> dict[str | int, Inside]:
        """What of a release lies in each of them."""
        return Layer(self.zones_of(release)).sums(release, choice)


def zones_in(given: object, published: Published, snapshot: Snapshot) -> Layer | Units | Outlines:
    """The zones of a checked input value; InvalidInput naming the place, or UnknownName of what is published."""
    if not isinstance(given, Placed):
        raise refuse("zones are expected", "/inputs/zones", "FeatureCollection")
    if isinstance(given.value, str):
        return _named(given.value, published, snapshot.inventories, given.at)
    return Layer(zones_of(given.value, where=given.at, served=served(snapshot)))


def _named(name: str, published: Published, inventories: Mapping[str, Published], at: str) -> Units | Outlines:
    known = {f"{p.id}-{level}": (p, level) for p in inventories.values() for level in p.release(p.newest).unit_levels}
    found = known.get(name.removesuffix(HISTORY))
    if found is None:
        raise UnknownName(name, known, kind="collection of units", where=at)
    owner, level = found
    return Units(level, published.newest) if owner.id == published.id else Outlines(owner, level)
