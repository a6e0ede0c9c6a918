# SPDX-License-Identifier: Apache-2.0
"""Tagged OpenStreetMap objects as they stand in the file, counted before anything builds geometry from them.

GDAL drops what it cannot assemble without a word; the difference between this list and its rows is what vanished.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast
from xml.parsers import expat

from carbongrid.errors import InvalidInput

_OBJECTS = ("node", "way", "relation")


@dataclass(frozen=True, slots=True)
class RawObject:
    """A tagged node, way or relation: its kind and id, its tags, and whether a way is closed."""

    element: str
    id: str
    tags: Mapping[str, str]
    closed: bool

    @property
    def key(self) -> str:
        """``way/123``: how the object is named everywhere in this project."""
        return f"{self.element}/{self.id}"


def tagged_objects(path: Path, wanted: Callable[[RawObject], bool], place: str) -> list[RawObject]:
    """Objects of an .osm or .osm.gz file that ``wanted`` accepts, in file order, read as a stream."""
    scanner = _Scanner(wanted)
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as unpacked:
                scanner.run(cast("IO[bytes]", unpacked))
        else:
            with path.open("rb") as file:
                scanner.run(file)
    except (expat.ExpatError, OSError, EOFError) as error:
        raise InvalidInput(f"'{path.name}' is not readable OpenStreetMap XML ({error})", where=place) from error
    return scanner.found


class _Scanner:
    """Expat handlers that keep one object at a time."""

    def __init__(self, wanted: Callable[[RawObject], bool]) -> None:
        self.found: list[RawObject] = []
        self._wanted = wanted
        self._open: tuple[str, str] | None = None
        self._tags: dict[str, str] = {}
        self._refs: list[str | None] = []

    def run(self, file: IO[bytes]) -> None:
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.ParseFile(file)

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name in _OBJECTS:
            self._open, self._tags, self._refs = (name, attributes.get("id", "")), {}, []
        elif name == "tag" and self._open:
            self._tags[attributes.get("k", "")] = attributes.get("v", "")
        elif name == "nd" and self._open and self._open[0] == "way":
            self._refs.append(attributes.get("ref"))

    def _end(self, name: str) -> None:
        if name not in _OBJECTS or self._open is None:
            return
        if self._tags:
            closed = len(self._refs) > 2 and self._refs[0] == self._refs[-1]
            found = RawObject(*self._open, self._tags, closed)
            if self._wanted(found):
                self.found.append(found)
        self._open = None


def from_layer(element: str, columns: Mapping[str, Sequence[Any]]) -> Iterator[RawObject]:
    """The same objects as far as one of GDAL's layers shows them: for formats that only GDAL reads (.osm.pbf)."""
    names = [c for c in columns if c != "osm_id"]
    for i, id in enumerate(columns["osm_id"]):
        yield RawObject(element, str(id), {c: columns[c][i] for c in names if columns[c][i] is not None}, False)
