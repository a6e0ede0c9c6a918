# SPDX-License-Identifier: Apache-2.0
"""What is published now: inventories and their cell collections, as one immutable snapshot a request.

A snapshot costs one ``stat`` per inventory while no pointer has moved. It keeps the files of its releases mapped, so
an answer that began on it ends on it, whatever is published or pruned meanwhile.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any

from carbongrid.errors import CarbongridError, Gone, NotFound
from carbongrid.grid import Grid, Window
from carbonstore import disk, edition, tms
from carbonstore.edition import Edition
from carbonstore.fields import Field, Text, cell_fields, named
from carbonstore.quads import CRS84, Box, crs_uri
from carbonstore.stored import Level, Release

SYNTHETIC = {"ko": "합성 자료", "en": "synthetic"}
HISTORY = "-history"


def level_name(level: int) -> str:
    """Suffix of a level: ``100m``, ``1km``."""
    return f"{level // 1000}km" if level % 1000 == 0 else f"{level}m"


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
        """Title by language; a synthetic inventory says so."""
        title: Text = self.manifest["title"]
        return {k: _labelled(v, SYNTHETIC[k]) for k, v in title.items()} if self.synthetic else title

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
        """Published and internal levels in metres, finest first."""
        newest = self.releases[self.newest]
        return tuple(sorted((*newest.levels, *newest.internal_levels)))

    @property
    def bbox(self) -> Box:
        """(west, south, east, north) in CRS84 of the finest cells of the newest year."""
        return self.collection(self.levels[0]).bbox

    def release(self, year: int) -> Release:
        """The release of a year; NotFound naming the published years."""
        if year not in self.releases:
            raise NotFound(f"{year} is not published", where="year", allowed=self.years)
        return self.releases[year]

    def collection_id(self, level: int, *, history: bool = False) -> str:
        """Id of its cells of a level."""
        return f"{self.id}-{level_name(level)}{HISTORY if history else ''}"

    @cached_property
    def collections(self) -> Mapping[str, "Collection"]:
        """Its cell collections by id: newest year and history of every published level."""
        both = [self.collection(level, history=h) for level in self.levels for h in (False, True)]
        return MappingProxyType({c.id: c for c in both})

    def collection(self, level: int, *, history: bool = False) -> "Collection":
        """Cells of one level, also of an internal one, which no listing shows."""
        return Collection(self, level, history)


@dataclass(frozen=True)
class Collection:
    """The cells of one level: of the newest year, or of every published year."""

    published: Published
    level: int
    history: bool

    @property
    def id(self) -> str:
        """Collection id, e.g. ``sejong-100m-history``."""
        return self.published.collection_id(self.level, history=self.history)

    @property
    def inventory(self) -> str:
        """Id of its inventory."""
        return self.published.id

    @property
    def edition(self) -> str:
        """Id of the edition it is cut from."""
        return self.published.edition.id

    @property
    def synthetic(self) -> bool:
        """Whether its data are made up."""
        return self.published.synthetic

    @property
    def years(self) -> tuple[int, ...]:
        """Years it holds, ascending."""
        return self.published.years if self.history else (self.published.newest,)

    @property
    def newest(self) -> int:
        """The highest year published."""
        return self.published.newest

    @cached_property
    def title(self) -> Text:
        """Title by language."""
        cells = level_name(self.level)
        years = f"{self.years[0]}–{self.years[-1]}" if len(self.years) > 1 else str(self.newest)
        title = self.published.title
        return {
            "ko": f"{title['ko']} 탄소지도 {cells} 격자, {years}",
            "en": f"{title['en']}: carbon map, {cells} cells, {years}",
        }

    @cached_property
    def description(self) -> Text:
        """Description by language."""
        size = level_name(self.level)
        which = ("발행된 모든 연도", "every published year") if self.history else ("최신 연도", "the newest year")
        text = {
            "ko": f"{size} 격자별 온실가스 배출량과 흡수량 (tCO2e/년), {which[0]}.",
            "en": f"Greenhouse gas emissions and absorption by cell of {size}, in tCO2e a year; {which[1]}.",
        }
        notes = self.published.manifest["notes"]
        return {k: " ".join([v, *(note[k] for note in notes)]) for k, v in text.items()}

    @cached_property
    def bbox(self) -> Box:
        """(west, south, east, north) in CRS84 degrees of all its cells."""
        boxes = [self.extent(y) for y in self.years]
        low, high = zip(*((b[:2], b[2:]) for b in boxes), strict=True)
        return min(w for w, _ in low), min(s for _, s in low), max(e for e, _ in high), max(n for _, n in high)

    def extent(self, year: int) -> Box:
        """(west, south, east, north) in CRS84 degrees of its cells of one year."""
        west, south, east, north = self.release(year).manifest["extent"][str(self.level)]
        return west, south, east, north

    @property
    def interval(self) -> tuple[str, str]:
        """First and last day it holds, as dates."""
        return f"{self.years[0]}-01-01", f"{self.years[-1]}-12-31"

    @property
    def licences(self) -> Sequence[Mapping[str, str]]:
        """Licence and attribution of every source."""
        stated: Sequence[Mapping[str, str]] = self.published.manifest["licences"]
        return stated

    @property
    def attribution(self) -> str:
        """Attributions on one line."""
        return "; ".join(dict.fromkeys(entry["attribution"] for entry in self.licences))

    @cached_property
    def crs(self) -> tuple[str, ...]:
        """URIs of the CRSs that items come in, CRS84 first (contract 4)."""
        korean = (5186,) if self.published.manifest["country"] == "kor" else ()
        codes = dict.fromkeys((4326, 3857, self.published.grid.epsg, *korean))
        return CRS84, *(crs_uri(code) for code in codes)

    @property
    def storage_crs(self) -> str:
        """URI of the CRS that both doors call the storage CRS."""
        return CRS84

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """Its properties by name, in published order."""
        given = {s for y in self.years for s, of in self.release(y).manifest["data_years"].items() if of != y}
        epsg = self.published.grid.epsg
        units = any(self.release(y).manifest.get("units") for y in self.years)
        found = cell_fields(epsg, self.level, synthetic=self.synthetic, data_years=given, units=units)
        return MappingProxyType(named(found))

    def zooms(self, tms_id: str) -> tuple[int, int]:
        """First and last zoom of its tiles in a set; UnknownName for an unknown one, NotFound for one not offered."""
        tiles, offered = tms.named(tms_id), self.published.tile_sets
        if tms_id not in offered:
            raise NotFound(f"{self.id} has no tiles in {tms_id}", where="tileMatrixSetId", allowed=offered)
        return tiles.zooms(self.level)

    def release(self, year: int) -> Release:
        """The release of one of its years; NotFound otherwise."""
        if year not in self.years:
            raise NotFound(f"{self.id} holds no year {year}", where="year", allowed=self.years)
        return self.published.releases[year]

    def stored(self, year: int) -> Level:
        """Mapped columns of one of its years."""
        return self.release(year).level(self.level)

    @cached_property
    def window(self) -> Window:
        """Smallest window around those of all its years; cell numbers of a batch count in it."""
        windows = [self.stored(y).window for y in self.years]
        left, top = min(w.left for w in windows), max(w.top for w in windows)
        right, bottom = max(w.left + w.ncol for w in windows), min(w.top - w.nrow for w in windows)
        return Window(windows[0].grid, left, top, right - left, top - bottom)


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
