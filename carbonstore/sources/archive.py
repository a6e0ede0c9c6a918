# SPDX-License-Identifier: Apache-2.0
"""Zips of shapefiles, also zips in them: unpacked into a folder that is gone when they have been read."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO

from carbongrid.errors import InvalidInput

SUFFIXES = (".shp", ".zip", ".gdb", ".gpkg", ".geojson")
"""Layers that the official formats come in."""
_PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")
_DEPTH = 3
"""How deep zips may lie in one another."""


@contextmanager
def opened(path: Path, place: str) -> Iterator[list[Path]]:
    """The layer's file, or the shapefiles of a zip in a folder that is gone afterwards; InvalidInput for a bad zip."""
    if path.suffix.lower() != ".zip":
        yield [path]
        return
    with TemporaryDirectory(prefix="carbongrid-") as folder:
        try:
            with path.open("rb") as file:
                _unpack(file, Path(folder), _DEPTH)
        except zipfile.BadZipFile as error:
            raise InvalidInput(f"'{path.name}' is no zip file", where=f"{place}.path", allowed=SUFFIXES) from error
        found = sorted(Path(folder).rglob("*.shp"), key=lambda p: (p.name, str(p)))
        if not found:
            raise InvalidInput(f"'{path.name}' holds no shapefile", where=f"{place}.path", allowed=["a zip with .shp"])
        yield found


def _unpack(file: IO[bytes], folder: Path, depth: int) -> None:
    """Shapefile parts of a zip, and of zips in it, each zip into a folder of its own; names in it choose no folder."""
    with zipfile.ZipFile(file) as archive:
        for number, member in enumerate(archive.infolist()):
            name = Path(member.filename.replace("\\", "/")).name
            suffix = Path(name).suffix.lower()
            with archive.open(member) as content:
                if suffix == ".zip" and depth > 1:
                    inner = folder / str(number)
                    inner.mkdir()
                    _unpack(BytesIO(content.read()), inner, depth - 1)
                elif suffix in _PARTS:
                    with (folder / f"{Path(name).stem}{suffix}").open("wb") as out:
                        copyfileobj(content, out)
