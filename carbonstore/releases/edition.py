# SPDX-License-Identifier: Apache-2.0
"""Editions: which release stands for which year of an inventory, switched in one step.

``editions/{inventory}/{edition}.json`` is immutable and named by the hash of its bytes. The one pointer,
``editions/{inventory}/current``, holds the edition in force, those before it and all that are kept, so one
``os.replace`` changes the three together. Writers hold one lock; readers hold none: they read the old pointer or the
new one, never a mixture.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import orjson

from carbongrid.errors import Corrupt, Gone, InvalidInput, NotFound
from carbonstore.releases import disk, pools
from carbonstore.releases.release import Built, built, opened
from carbonstore.releases.stored import Release

POINTER = "current"
LEAST_KEPT = 2
"""A reader that resolved an edition just before a publish must be able to finish: never keep fewer."""


@dataclass(frozen=True)
class Edition:
    """Immutable answer to "which release stands for which year"."""

    id: str
    inventory: str
    years: Mapping[int, str]

    @classmethod
    def of(cls, inventory: str, years: Mapping[int, str]) -> "Edition":
        """The edition of these releases, named by its content."""
        years = MappingProxyType(dict(sorted(years.items())))
        return cls(disk.digest(_document(inventory, years))[:16], inventory, years)

    @classmethod
    def parse(cls, raw: bytes, name: str) -> "Edition":
        """Inverse of :attr:`document`; Corrupt where the bytes are not the ones the name promises."""
        if disk.digest(raw)[:16] != name:
            raise Corrupt("its bytes are not the ones it is named after", where=f"edition {name}")
        record = orjson.loads(raw)
        return cls(name, record["inventory"], MappingProxyType({int(y): r for y, r in record["years"].items()}))

    @property
    def document(self) -> bytes:
        """Its file's bytes."""
        return _document(self.inventory, self.years)


def _document(inventory: str, years: Mapping[int, str]) -> bytes:
    record = {"inventory": inventory, "years": {str(y): r for y, r in sorted(years.items())}}
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


@dataclass(frozen=True)
class Pointer:
    """What ``current`` says: the edition in force, those ``rollback`` returns to, all that are kept; newest first."""

    current: str
    previous: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()

    @classmethod
    def parse(cls, raw: bytes) -> "Pointer":
        """Inverse of :attr:`document`."""
        record = orjson.loads(raw)
        return cls(record["current"], tuple(record["previous"]), tuple(record["kept"]))

    @property
    def document(self) -> bytes:
        """Its file's bytes."""
        return orjson.dumps({"current": self.current, "previous": self.previous, "kept": self.kept})

    def to(self, edition: str, previous: tuple[str, ...]) -> "Pointer":
        """This pointer with another edition in force."""
        return Pointer(edition, previous, (edition, *(e for e in self.kept if e != edition)))


def inventories(root: Path) -> list[str]:
    """Ids of the inventories that have an edition in force, sorted."""
    return sorted(path.parent.name for path in (root / "editions").glob(f"*/{POINTER}"))


def pointer(root: Path, inventory: str) -> Pointer:
    """What is in force and kept; NotFound where nothing is published."""
    try:
        return Pointer.parse((root / "editions" / inventory / POINTER).read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            f"nothing is published of '{inventory}'", where="inventory", allowed=inventories(root)
        ) from error


def load(root: Path, inventory: str, edition: str) -> Edition:
    """A kept edition; InvalidInput for a malformed name, Gone for one that is not kept (contract 4)."""
    if re.fullmatch(r"[0-9a-f]{16}", edition) is None:
        raise InvalidInput(f"'{edition}' is no edition", where="edition", allowed=["16 hex digits"])
    gone = Gone(f"edition {edition} of '{inventory}' is not kept any more", where="edition")
    if edition not in pointer(root, inventory).kept:
        raise gone
    try:
        return Edition.parse((root / "editions" / inventory / f"{edition}.json").read_bytes(), edition)
    except FileNotFoundError as error:  # pruned since the pointer was read
        raise gone from error


def releases(root: Path, edition: Edition) -> dict[int, Release]:
    """The edition's releases by year, opened; Gone where one was pruned meanwhile."""
    try:
        return {year: opened(root / "releases" / release) for year, release in edition.years.items()}
    except NotFound as error:
        raise Gone(f"edition {edition.id} of '{edition.inventory}' is not kept any more", where="edition") from error


def current(root: Path, inventory: str) -> Edition:
    """The edition in force; NotFound where nothing is published."""
    while True:
        name = pointer(root, inventory).current
        try:
            return load(root, inventory, name)
        except Gone:
            if pointer(root, inventory).current == name:  # not merely published and pruned while we looked
                raise Corrupt("the pointer names an edition that is not there", where=f"editions/{inventory}") from None


def history(root: Path, inventory: str) -> list[Edition]:
    """Every kept edition, the latest in force first."""
    return [load(root, inventory, name) for name in pointer(root, inventory).kept]


def publish(root: Path, inventory: str, years: Sequence[int] | None = None) -> str:
    """Put the newest release of each named year (default: all) into force in one switch; returns the edition's id.

    Every release is verified first. Other years stay as they are. Publishing what is in force changes nothing.
    """
    with disk.locked(root):
        newest = _newest(root, inventory)
        old = _pointer_or_none(root, inventory)
        before = dict(load(root, inventory, old.current).years) if old else {}
        edition = Edition.of(inventory, before | {year: newest[year].id for year in _chosen(newest, years, inventory)})
        _check(root, edition)
        return _put(root, edition, old)


def _newest(root: Path, inventory: str) -> dict[int, Built]:
    """The newest release of each built year."""
    return {release.year: release for release in built(root, inventory)}


def _chosen(newest: Mapping[int, Built], years: Sequence[int] | None, inventory: str) -> Sequence[int]:
    if not newest:
        raise NotFound(f"no release of '{inventory}' was built", where="inventory")
    absent = sorted(set(years or ()) - set(newest))
    if absent:
        raise NotFound(f"no release of {', '.join(map(str, absent))} was built", where="year", allowed=sorted(newest))
    return sorted(newest) if years is None else sorted(set(years))


def _pointer_or_none(root: Path, inventory: str) -> Pointer | None:
    try:
        return pointer(root, inventory)
    except NotFound:
        return None


def _check(root: Path, edition: Edition) -> None:
    """All releases sound, and on one grid: a history that changed its cells could not be read as one collection."""
    chosen = [Release.open(root / "releases" / name) for name in edition.years.values()]
    for release in chosen:
        release.verify()
    grids = {(release.grid, release.levels) for release in chosen}
    if len(grids) > 1:
        stated = "; ".join(f"{grid.crs} {levels} m" for grid, levels in sorted(grids, key=str))
        raise InvalidInput(f"years differ in grid or levels: {stated}; build them again alike", where="publish")


def _put(root: Path, edition: Edition, old: Pointer | None) -> str:
    folder = root / "editions" / edition.inventory
    folder.mkdir(parents=True, exist_ok=True)
    disk.sweep(folder)
    if old is not None and old.current == edition.id:
        return edition.id
    disk.switch(folder / f"{edition.id}.json", edition.document)
    previous = () if old is None else (old.current, *old.previous)
    disk.switch(folder / POINTER, (old or Pointer(edition.id)).to(edition.id, previous).document)
    return edition.id


def rollback(root: Path, inventory: str) -> str:
    """Put the edition before the one in force back; NotFound where none is kept. Returns its id."""
    with disk.locked(root):
        old = pointer(root, inventory)
        if not old.previous:
            raise NotFound(f"no edition of '{inventory}' before {old.current} is kept", where="rollback")
        edition = load(root, inventory, old.previous[0])
        _check(root, edition)
        disk.switch(root / "editions" / inventory / POINTER, old.to(edition.id, old.previous[1:]).document)
        return edition.id


def prune(root: Path, inventory: str, keep: int = LEAST_KEPT) -> list[str]:
    """Forget all but the last ``keep`` editions and remove the releases that nothing names; returns those forgotten.

    The newest release of each year stays, published or not. The pointer forgets first, so a crash leaves only files
    that nobody reads, and the next prune removes them.
    """
    if keep < LEAST_KEPT:
        raise InvalidInput(f"{keep} is too few editions to keep", where="keep", allowed=[f"{LEAST_KEPT} or more"])
    with disk.locked(root):
        old = pointer(root, inventory)
        kept = old.kept[:keep]
        previous = tuple(e for e in old.previous if e in kept)
        new = replace(old, kept=kept, previous=previous)
        if new != old:
            disk.switch(root / "editions" / inventory / POINTER, new.document)
        _remove_unnamed(root, inventory, kept)
        return list(old.kept[keep:])


def _remove_unnamed(root: Path, inventory: str, kept: Sequence[str]) -> None:
    folder = root / "editions" / inventory
    named = {release for name in kept for release in load(root, inventory, name).years.values()}
    named |= {release.id for release in _newest(root, inventory).values()}
    for path in folder.glob("*.json"):
        if path.stem not in kept:
            disk.remove(path)
    for release in built(root, inventory):
        if release.id not in named:
            disk.remove(root / "releases" / release.id)
    pools.forget_values(root)
    disk.sweep(folder)
    disk.sweep(root / "releases")
