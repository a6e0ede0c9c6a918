# SPDX-License-Identifier: Apache-2.0
"""What is published now: inventories and their collections, as one immutable snapshot a request.

A snapshot costs one ``stat`` per inventory while no pointer has moved. It keeps the files of its releases mapped, so
an answer that began on it ends on it, whatever is published or pruned meanwhile.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from carbongrid.errors import CarbongridError, Gone, NotFound
from carbongrid.grid import Grid
from carbonstore.collections import tms
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.collection import Collection
from carbonstore.collections.fields import Text
from carbonstore.collections.quads import Box
from carbonstore.collections.source_collection import source_collection
from carbonstore.collections.unit_collection import UnitCollection
from carbonstore.releases import disk, edition
from carbonstore.releases.edition import Edition
from carbonstore.releases.stored import Release

_COARSE = 5_000
"""Metres from which cells say no more than units do."""
SYNTHETIC = {"ko": "합성 자료", "en": "synthetic"}


def _labelled(title: str, label: str) -> str:
    return title if label in title else f"{title} ({label})"


@dataclass(frozen=True)
class Published:
    """An inventory in one edition: its releases by year, ascending."""

    edition: Edition
    releases: Mapping[int, Release]

    @property
    def id(self) -> str:
        """The inventory's id."""
        return self.edition.inventory

    @property
    def years(self) -> tuple[int, ...]:
        """Published years, ascending."""
        return tuple(self.releases)

    @property
    def newest(self) -> int:
        """The highest year published, whenever it was built."""
        return max(self.releases)

    @property
    def manifest(self) -> Mapping[str, Any]:
        """Manifest of the newest year: titles, licences and notes hold for the inventory."""
        return self.releases[self.newest].manifest

    @property
    def title(self) -> Text:
        """Title in the languages that are served; a synthetic inventory says so."""
        title: Text = self.manifest["title"]
        return {k: _labelled(title[k], label) if self.synthetic else title[k] for k, label in SYNTHETIC.items()}

    @property
    def synthetic(self) -> bool:
        """Whether any of its years is made up."""
        return any(r.manifest["synthetic"] for r in self.releases.values())

    @property
    def tile_sets(self) -> tuple[str, ...]:
        """Ids of the tile matrix sets that its tiles come in."""
        return tms.offered(self.manifest["country"])

    @property
    def grid(self) -> Grid:
        """Grid of the finest level; the same in every year."""
        return self.releases[self.newest].grid

    @property
    def levels(self) -> tuple[int, ...]:
        """Published levels in metres."""
        return self.releases[self.newest].levels

    @property
    def all_levels(self) -> tuple[int, ...]:
        """Levels in metres that the whole dataset is drawn in, finest first: published ones and coarser sums of them.

        Where no cells are published, only the coarsest sums are.
        """
        newest = self.releases[self.newest]
        coarse = [level for level in newest.internal_levels if level >= min(newest.levels, default=_COARSE)]
        return tuple(sorted((*newest.levels, *coarse)))

    @property
    def finest(self) -> CellCollection:
        """The finest cells that are drawn: published, or where none are a sum of them."""
        return self.collection(self.all_levels[0])

    @property
    def bbox(self) -> Box:
        """(west, south, east, north) in CRS84 of the finest cells of the newest year."""
        return self.collection(self.releases[self.newest].grid.cell_size).bbox

    def release(self, year: int) -> Release:
        """The release of a year; NotFound naming the published years."""
        if year not in self.releases:
            raise NotFound(f"{year} is not published", where="year", allowed=self.years)
        return self.releases[year]

    @cached_property
    def collections(self) -> Mapping[str, Collection]:
        """Its collections by id: cells of every published level and units of every level, newest year and history, then
        the sources of the newest year.
        """
        kinds = self.releases[self.newest].source_kinds
        newest = [
            *(self.collection(level) for level in self.levels),
            *self.units.values(),
            *(source_collection(self, kind) for kind in kinds),
        ]
        both = [c.over(history=history) for c in newest for history in (False, True)]
        return MappingProxyType({c.id: c for c in both})

    @cached_property
    def units(self) -> Mapping[str, UnitCollection]:
        """Units of the newest year by their level, coarse to fine."""
        levels = self.releases[self.newest].unit_levels
        return MappingProxyType({level: UnitCollection(self, False, level) for level in levels})

    def collection(self, level: int, *, history: bool = False) -> CellCollection:
        """Cells of one level, also of an internal one, which no listing shows."""
        return CellCollection(self, history, level)


@dataclass(frozen=True)
class Snapshot:
    """Everything published at one moment. ``faults``: inventories that could not be read, and why."""

    root: Path
    inventories: Mapping[str, Published]
    faults: Mapping[str, str]

    @cached_property
    def collections(self) -> Mapping[str, Collection]:
        """Every listed collection by id."""
        return MappingProxyType({k: c for p in self.inventories.values() for k, c in p.collections.items()})

    @cached_property
    def hash(self) -> str:
        """16 hex digits that change whenever any edition does."""
        text = ",".join(f"{p.id}:{p.edition.id}" for p in self.inventories.values())
        return disk.digest(text.encode())[:16]

    def inventory(self, id: str, edition_id: str | None = None) -> Published:
        """An inventory, of the edition in force or of an older kept one; NotFound, Gone or InvalidInput otherwise."""
        if id not in self.inventories:
            raise NotFound(f"there is no inventory '{id}'", where="inventory", allowed=self.inventories)
        now = self.inventories[id]
        if edition_id is None or edition_id == now.edition.id:
            return now
        edition.load(self.root, id, edition_id)  # what is still open may be kept no longer
        return _opened(self.root, id, edition_id)

    def collection(self, id: str) -> Collection:
        """A collection of the editions in force; NotFound otherwise."""
        if id not in self.collections:
            raise NotFound(f"there is no collection '{id}'", where="collection", allowed=self.collections)
        return self.collections[id]

    def at(self, id: str, edition_id: str | None) -> Collection:
        """A collection as an edition has it (None: in force); InvalidInput where malformed, Gone where not kept."""
        now = self.collection(id)
        older = self.inventory(now.inventory, edition_id).collections
        if id not in older:
            raise NotFound(f"edition {edition_id} holds no '{id}'", where="collection", allowed=older)
        return older[id]


@lru_cache(maxsize=8)
def _opened(root: Path, inventory: str, name: str) -> Published:
    """A kept edition with its releases; the last few stay open for clients that follow their links."""
    found = edition.load(root, inventory, name)
    return Published(found, MappingProxyType(edition.releases(root, found)))


class Catalogue:
    """Door to the published editions below a folder; shared by all threads of a process."""

    def __init__(self, root: Path) -> None:
        self.root, self._editions = root, str(root / "editions")
        self._lock = Lock()
        self._seen: tuple[tuple[tuple[str, int, int], ...], Snapshot] | None = None

    def snapshot(self) -> Snapshot:
        """What is published now; the same object until a pointer moves."""
        moved = self._pointers()
        seen = self._seen
        if seen is not None and seen[0] == moved:
            return seen[1]
        with self._lock:
            if self._seen is None or self._seen[0] != moved:
                self._seen = moved, self._read()
            return self._seen[1]

    def unmoved(self) -> Snapshot | None:
        """The snapshot of before while no pointer has moved, else None: never slow."""
        seen = self._seen
        return seen[1] if seen is not None and seen[0] == self._pointers() else None

    def _pointers(self) -> tuple[tuple[str, int, int], ...]:
        """Name, inode and time of every pointer file: a switch always changes the inode."""
        found = []
        with suppress(FileNotFoundError), os.scandir(self._editions) as folders:
            for folder in folders:  # os, not pathlib, which takes ten times as long: this runs in every request
                with suppress(FileNotFoundError, NotADirectoryError):
                    state = os.stat(f"{folder.path}/{edition.POINTER}")
                    found.append((folder.name, state.st_ino, state.st_mtime_ns))
        return tuple(sorted(found))

    def _read(self) -> Snapshot:
        inventories, faults = {}, {}
        for name in edition.inventories(self.root):
            try:
                inventories[name] = self._published(name)
            except CarbongridError as error:  # one bad inventory must not take the others down
                faults[name] = error.sentence
        return Snapshot(self.root, MappingProxyType(inventories), MappingProxyType(faults))

    def _published(self, inventory: str) -> Published:
        """The edition in force; again where it was published over and pruned while it was being opened."""
        while True:
            name = edition.current(self.root, inventory).id
            try:
                return _opened(self.root, inventory, name)
            except Gone:
                if edition.current(self.root, inventory).id == name:
                    raise
