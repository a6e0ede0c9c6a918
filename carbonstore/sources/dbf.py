# SPDX-License-Identifier: Apache-2.0
"""The encoding of a shapefile's attribute table, found from its bytes.

Korean DBFs are CP949 and often come without a .cpg; GDAL then takes them for Latin-1 and returns mojibake silently.
"""

import codecs
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from carbonstore.sources.encoding import find_encoding

_HEADER, _FIELD = 32, 32


def shapefile_encoding(path: Path, stated: str | None, place: str) -> str | None:
    """Encoding of the .dbf beside a .shp: the author's word, the .cpg's, or the first that decodes all its text.

    None where there is no .dbf. InvalidInput where the text is not in the stated encoding.
    """
    table = _beside(path, ".dbf")
    if table is None:
        return None
    return find_encoding(table, _text(table.read_bytes()), stated or _code_page(path), place, separate=True)


def _beside(path: Path, suffix: str) -> Path | None:
    found = (path.with_suffix(s) for s in (suffix, suffix.upper()))
    return next((f for f in found if f.is_file()), None)


def _code_page(path: Path) -> str | None:
    """What the .cpg says, if Python knows it: ``949``, ``cp949``, ``UTF-8`` …"""
    file = _beside(path, ".cpg")
    name = file.read_text("ascii", "replace").strip() if file else ""
    for candidate in (f"cp{name}", name):
        try:
            return codecs.lookup(candidate).name
        except LookupError:
            continue
    return None


def _text(data: bytes) -> Iterator[bytes]:
    """Field names and non-ASCII values of the character fields of a dBase table, one block each."""
    count, start, size = struct.unpack_from("<IHH", data, 4)
    headers = [data[at : at + _FIELD] for at in range(_HEADER, start - 1, _FIELD)]
    yield from (header[:11].split(b"\0")[0] for header in headers)
    records = np.frombuffer(data, np.uint8, count * size, start).reshape(count, size)
    at = 1
    for header in headers:
        form, width = chr(header[11]), header[16]
        if form == "C":
            field = records[:, at : at + width]
            yield from (value.tobytes().rstrip(b" \0") for value in field[(field >= 0x80).any(axis=1)])
        at += width
