# SPDX-License-Identifier: Apache-2.0
"""What a request asks to be summed: a region or a unit, of one inventory, by one choice."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from carbongrid.region import Region
from carbongrid.sectors import SECTORS
from carbonstore.collections.collection import split_id
from carbonstore.collections.unit_collection import UnitCollection
from carbonstore.releases.catalogue import Published, Snapshot
from carbonstore.releases.stored import Release
from processes.activity import tables as activity
from processes.base import Context, Link, Placed
from processes.choice import inventory_of
from processes.regions.clipped import clipped
from processes.regions.inside import Choice, Inside, Stock
from processes.regions.region import linked, resolve, served
from processes.regions.stocks import estimate, stock
from processes.regions.units import Unit, has, holder, named


@dataclass(frozen=True)
class Place:
    """What is summed: a region, or a unit by its code, of one inventory. ``kept``: it outlives the request.

    ``linked``: code of the unit whose item a link names; the region is the outline that it has there.
    """

    published: Published
    what: Region | Placed
    kept: bool = True
    linked: Placed | None = None

    def region(self, release: Release) -> Region:
        """Its outline in a release."""
        return self.what if isinstance(self.what, Region) else Unit.of(release, self.what).region

    def in_year(self, release: Release) -> bool:
        """Whether a release has it: a unit may be younger."""
        return isinstance(self.what, Region) or has(release, self.what)

    def estimate(self, release: Release, choice: Choice) -> Inside:
        """One year. The published table rests on sources: by ``cells`` a unit is an outline like any other."""
        cut = estimate(release, self.region(release), choice, kept=self.kept)
        unit = self._unit(release) if choice.method == "sources" else None
        return cut if unit is None else unit.published(cut)

    def _unit(self, release: Release) -> Unit | None:
        """The published unit that it is; that of a link only where its outline is the one linked to."""
        if isinstance(self.what, Placed):
            return Unit.of(release, self.what)
        if self.linked is None or not has(release, self.linked):
            return None
        unit = Unit.of(release, self.linked)
        return unit if unit.region == self.what else None

    def clipped(self, years: Sequence[int], choice: Choice, level: int) -> Published:
        """The inventory with the region's cells of one level in these years. A made one is the region's already."""
        if not self.kept and choice == Choice(SECTORS):
            return self.published
        cuts = {}
        for year in years:
            release = self.published.release(year)
            ready = stock(release) if self.kept else Stock.of(release.inventory())
            cuts[year] = ready, self.region(release).on(ready.cells.window)
        return clipped(self.published, cuts, choice, level)


@contextmanager
def asked(inputs: Mapping[str, object], context: Context) -> Iterator[Place]:
    """The place of a request, in the published map or in the inventory of the activity data that it brings."""
    snapshot = context.catalogue.snapshot()
    if not activity.given(inputs):
        yield place(inputs, snapshot, context.url)
        return
    code = named(inputs["region"])
    if code is not None:
        holding = holder(code, None, snapshot.inventories)
        region = Unit.of(holding.release(holding.newest), code).region
    else:
        region, _ = resolve(inputs["region"], snapshot, context.url, activity.extent(inputs))
    with activity.inventory(inputs, region, context) as made:
        yield Place(made, region, kept=False)


def place(inputs: Mapping[str, object], snapshot: Snapshot, url: str) -> Place:
    """The region or unit asked for and the inventory that has it."""
    name, code = inputs.get("inventory"), named(inputs["region"])
    if code is not None:
        return Place(holder(code, name, snapshot.inventories), code)
    region, at = resolve(inputs["region"], snapshot, url, served(snapshot))
    published = inventory_of(name, region.polygon, snapshot.inventories, at)
    return Place(published, region, linked=_linked_unit(inputs["region"], snapshot, url, published.id))


def _linked_unit(given: object, snapshot: Snapshot, url: str, inventory: str) -> Placed | None:
    """The code of the inventory's unit whose item a link names; None for any other region."""
    if not isinstance(given, Link):
        return None
    collection, feature = linked(given, snapshot, url)
    unit = isinstance(collection, UnitCollection) and collection.inventory == inventory
    return Placed(split_id(feature)[0], given.at) if unit else None


def choice_of(inputs: Mapping[str, object]) -> Choice:
    """Sectors, mode and method of checked inputs; those that a process does not take are as by default."""
    given = inputs["sectors"]
    sectors = tuple(s for s in SECTORS if isinstance(given, Sequence) and s in given)
    return Choice(sectors, str(inputs["mode"]), str(inputs.get("method", "sources")))
