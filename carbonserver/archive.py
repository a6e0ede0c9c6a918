# SPDX-License-Identifier: Apache-2.0
"""All vector tiles of a collection or of the whole dataset in one file: PMTiles 3, which maps draw without a server.

The bytes in it are the server's own tiles, gzipped, in the order of their Hilbert numbers ("clustered"); those that
hold nothing are left out, as the format wants it.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from isal import igzip
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

from carbon_provider.tilesets import TILEJSON_SET, TileSet
from carbongrid.errors import InvalidInput
from carbonserver.answers import GZIP_LEVEL
from carbonstore.collections.collection import Collection
from carbonstore.encode import mvt
from carbonstore.releases.catalogue import Snapshot

EVERYTHING = "all"
"""The name under which the dataset is exported, one layer an inventory."""
type Progress = Callable[[str, int, int], None]
type Make = Callable[[int, int, int], bytes]
"""The tile (z, x, y), "" where it holds nothing."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What is to be written: tileset, its tiles, and what the file says of its data."""

    tileset: TileSet
    make: Make
    about: Mapping[str, Any]

    @classmethod
    def of(cls, snapshot: Snapshot, name: str, year: int | None = None) -> "Archive":
        """A collection by its id, or the dataset; ``year`` None = the newest. NotFound names what there is."""
        if name == EVERYTHING:
            return cls._of_dataset(snapshot, year)
        collection = snapshot.collection(name)
        drawn = collection.release(year or collection.years[-1]).year

        def make(z: int, x: int, y: int) -> bytes:
            return mvt.tile(collection, TILEJSON_SET, z, x, y, year=drawn)

        return cls(TileSet.of_collection(collection, TILEJSON_SET), make, _about([collection]) | {"year": drawn})

    @classmethod
    def _of_dataset(cls, snapshot: Snapshot, year: int | None) -> "Archive":
        if year is not None:
            raise InvalidInput("the dataset is exported with the newest year of each inventory", where="--year")
        tileset = TileSet.of_dataset(snapshot, TILEJSON_SET)
        if not tileset.layers:
            raise InvalidInput("nothing is published", where=EVERYTHING)
        finest = [p.finest for p in snapshot.inventories.values()]
        return cls(tileset, lambda z, x, y: mvt.dataset_tile(snapshot, TILEJSON_SET, z, x, y), _about(finest))

    def write(self, path: Path, zooms: tuple[int, int] | None, language: str, progress: Progress) -> int:
        """Write the file and return how many tiles it holds; it appears under its name only when it is whole.

        ``zooms`` None = all of the tileset, else the first and last, within those; InvalidInput otherwise.
        """
        first, last = self._zooms(zooms)
        with _appearing(path) as file:
            writer, written = Writer(file), 0
            for z in range(first, last + 1):
                places = self._places(z)
                for done, (number, x, y) in enumerate(places, 1):
                    tile = self.make(z, x, y)
                    if tile:
                        writer.write_tile(number, igzip.compress(tile, GZIP_LEVEL, mtime=0))
                        written += 1
                    if done % 64 == 0 or done == len(places):
                        progress(f"zoom {z}", done, len(places))
            if not written:
                raise InvalidInput(
                    "no tile of these zooms holds anything", where="--zoom", allowed=[f"{first} .. {last}"]
                )
            writer.finalize(self._header(first), self._metadata(language, first, last))
        return written

    def _zooms(self, chosen: tuple[int, int] | None) -> tuple[int, int]:
        first, last = self.tileset.zooms
        if chosen is not None and not first <= chosen[0] <= chosen[1] <= last:
            raise InvalidInput(
                f"there are no tiles of zooms {chosen[0]} to {chosen[1]}", where="--zoom", allowed=[f"{first}-{last}"]
            )
        return chosen or (first, last)

    def _places(self, z: int) -> list[tuple[int, int, int]]:
        """(Hilbert number, x, y) of the tiles of the limits, in the order of the numbers."""
        row0, row1, col0, col1 = self.tileset.limits(z)
        tiles = ((x, y) for y in range(row0, row1 + 1) for x in range(col0, col1 + 1))
        return sorted((zxy_to_tileid(z, x, y), x, y) for x, y in tiles)

    def _header(self, first: int) -> dict[str, Any]:
        """What of the header the writer does not know: degrees are in units of 1e-7."""
        west, south, east, north = (round(v * 1e7) for v in self.tileset.bbox)
        bounds = {"min_lon_e7": west, "min_lat_e7": south, "max_lon_e7": east, "max_lat_e7": north}
        centre = {"center_zoom": first, "center_lon_e7": (west + east) // 2, "center_lat_e7": (south + north) // 2}
        return {"tile_type": TileType.MVT, "tile_compression": Compression.GZIP, **bounds, **centre}

    def _metadata(self, language: str, first: int, last: int) -> dict[str, Any]:
        """The JSON of the archive: names of layers and fields, attribution, licences, edition, whether synthetic."""
        told = self.tileset.tilejson("", language)
        layers = [layer | {"minzoom": first, "maxzoom": last} for layer in told["vector_layers"]]
        description = " ".join(layer.description[language] for layer in self.tileset.layers)
        return {
            "name": told["name"],
            "description": description,
            "attribution": self.tileset.attribution,
            "type": "overlay",
            "vector_layers": layers,
            **self.about,
        }


def _about(collections: Sequence[Collection]) -> dict[str, Any]:
    licences = {entry["licence"]: None for c in collections for entry in c.licences}
    return {
        "synthetic": any(c.synthetic for c in collections),
        "editions": {c.inventory: c.edition for c in collections},
        "licences": list(licences),
    }


@contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its name when it is done, and is gone where it is not."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
