# SPDX-License-Identifier: Apache-2.0
"""What a request asks to be summed: a region or a unit, of one inventory, by one choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbongrid.region import Region
from carbongrid.sectors import SECTORS
from carbonstore.catalogue import Published, Snapshot
from carbonstore.stored import Release
from processes.base import Placed
from processes.choice import inventory_of
from processes.inside import Choice, Inside
from processes.region import resolve
from processes.stocks import estimate
from processes.units import Unit, holder, named


@dataclass(frozen=True)
class Place:
    """What is summed: a region, or a unit by its code, of one inventory."""

    published: Published
    what: Region | Placed

    def estimate(self, release: Release, choice: Choice) -> Inside:
        """One year. The published table rests on sources: by ``cells`` a unit is an outline like any other."""
        if isinstance(self.what, Region):
            return estimate(release, self.what, choice)
        unit = Unit.of(release, self.what)
        cut = estimate(release, unit.region, choice)
        return unit.published(cut) if choice.method == "sources" else cut


def place(inputs: Mapping[str, object], snapshot: Snapshot, url: str) -> Place:
    """The region or unit asked for and the inventory that has it."""
    name, code = inputs.get("inventory"), named(inputs["region"])
    if code is not None:
        return Place(holder(code, name, snapshot.inventories), code)
    region, at = resolve(inputs["region"], snapshot, url)
    return Place(inventory_of(name, region.polygon, snapshot.inventories, at), region)


def choice_of(inputs: Mapping[str, object]) -> Choice:
    """Sectors, mode and method of checked inputs; those that a process does not take are as by default."""
    given = inputs["sectors"]
    sectors = tuple(s for s in SECTORS if isinstance(given, Sequence) and s in given)
    return Choice(sectors, str(inputs["mode"]), str(inputs.get("method", "sources")))
