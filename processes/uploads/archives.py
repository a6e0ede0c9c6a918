# SPDX-License-Identifier: Apache-2.0
"""A client's zip with one Shapefile: every promise it makes is checked before a byte is unpacked."""

import os
import stat
import zipfile

from carbongrid.errors import InvalidInput, TooLarge

MEMBERS, TOTAL, RATIO = 64, 200_000_000, 100
"""Most members, bytes and bytes per compressed byte of a zip (reliability, section 3.2)."""
_PARTS = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_NEEDED = (".shp", ".shx", ".dbf")
_ENCRYPTED = 1


def unpacked(path: str) -> str:
    """Unpack the Shapefile of a zip beside it, under names of our own; the path of its ``.shp``.

    InvalidInput or TooLarge for what is no zip of exactly one Shapefile, or wants more than it may have.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive.infolist())
            for suffix, member in members.items():
                with open(f"{os.path.dirname(path)}/layer{suffix}", "xb") as out:
                    out.write(archive.read(member))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        raise InvalidInput("the zip is damaged or of an unknown kind") from error
    return f"{os.path.dirname(path)}/layer.shp"


def _checked(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The parts of the only Shapefile by suffix."""
    if len(members) > MEMBERS:
        raise TooLarge(f"the zip has {len(members)} members, at most {MEMBERS} are read")
    for member in members:
        _check_name(member)
    total, packed = sum(m.file_size for m in members), sum(m.compress_size for m in members)
    if total > TOTAL or total > RATIO * max(packed, 1):
        raise TooLarge(f"the zip unfolds from {packed:,} to {total:,} bytes: at most {TOTAL:,} and {RATIO} times")
    shapes = [m for m in members if _suffix(m.filename) == ".shp"]
    if len(shapes) != 1:
        raise InvalidInput(f"the zip holds {len(shapes)} Shapefiles", allowed=["one .shp with its .shx and .dbf"])
    return _parts(members, os.path.splitext(shapes[0].filename)[0])


def _parts(members: list[zipfile.ZipInfo], stem: str) -> dict[str, zipfile.ZipInfo]:
    own = {s: m for m in members if os.path.splitext(m.filename)[0] == stem and (s := _suffix(m.filename)) in _PARTS}
    if missing := [suffix for suffix in _NEEDED if suffix not in own]:
        raise InvalidInput(f"the Shapefile has no {' and no '.join(missing)}", allowed=["a .shp with .shx and .dbf"])
    return own


def _check_name(member: zipfile.ZipInfo) -> None:
    name = member.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or ":" in name:
        raise InvalidInput("a name in the zip leads out of it", allowed=["names inside the zip"])
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InvalidInput("the zip holds a link", allowed=["files"])
    if member.flag_bits & _ENCRYPTED:
        raise InvalidInput("the zip is encrypted", allowed=["a zip without a password"])
    if _suffix(name) in (".zip", ".kmz", ".gz", ".7z", ".rar"):
        raise InvalidInput("the zip holds another archive", allowed=["a zip of one Shapefile"])


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()
