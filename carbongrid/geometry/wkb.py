# SPDX-License-Identifier: Apache-2.0
"""Geometry columns as raw little-endian WKB bytes and offsets: what Arrow holds and what the kernels walk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.geometry.rings import frozen
from carbongrid.jit import kernel


@dataclass(frozen=True)
class Wkb:
    """``data`` uint8 and ``offsets`` int64 (n + 1): geometry ``i`` is ``data[offsets[i]:offsets[i + 1]]``.

    2-D little-endian (Multi)Polygon or (Multi)LineString. Arrow's binary layout, so wrapping a column copies nothing.
    A missing geometry (None) has no bytes.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @classmethod
    def from_shapely(cls, geometries: NDArray[np.object_] | list[shapely.Geometry]) -> Self:
        """Encode shapely geometries as 2-D little-endian WKB."""
        encoded = shapely.to_wkb(np.asarray(geometries, object), output_dimension=2, byte_order=1)
        blobs = [blob or b"" for blob in encoded]
        sizes = np.fromiter(map(len, blobs), np.int64, len(blobs))
        return cls(np.frombuffer(b"".join(blobs), np.uint8), np.r_[0, np.cumsum(sizes)].astype(np.int64))

    def to_shapely(self, rows: NDArray[np.intp] | None = None) -> NDArray[np.object_]:
        """Decode these rows, or all, to an array of shapely geometries."""
        raw, at = memoryview(np.ascontiguousarray(self.data)), self.offsets
        first, last = (at[:-1], at[1:]) if rows is None else (at[rows], at[rows + 1])
        blobs = np.empty(len(first), object)
        blobs[:] = [bytes(raw[a:b]) or None for a, b in zip(first.tolist(), last.tolist(), strict=True)]
        return np.asarray(shapely.from_wkb(blobs), object)

    @classmethod
    def joined(cls, parts: Sequence["Wkb"]) -> Self:
        """The geometries of all parts, one part after another."""
        first = np.cumsum([0, *(int(p.offsets[-1] - p.offsets[0]) for p in parts)])
        offsets = [p.offsets[1:] - p.offsets[0] + n for p, n in zip(parts, first, strict=False)]
        data = [p.data[p.offsets[0] : p.offsets[-1]] for p in parts]
        none = np.empty(0, np.uint8)
        return cls(np.concatenate([none, *data]), np.concatenate([np.zeros(1, np.int64), *offsets]))

    def take(self, rows: NDArray[np.int64]) -> "Wkb":
        """The geometries of these rows, in this order; only their bytes are read."""
        return Wkb(*gathered(self.data, self.offsets, rows))


def gathered(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Some entries of a column of bytes (texts, geometries) end to end, and their offsets (n + 1)."""
    start = offsets[rows]
    ends = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(offsets[rows + 1] - start, out=ends[1:])
    out = np.empty(int(ends[-1]), np.uint8)
    _gather(frozen(data, np.uint8), frozen(start, np.int64), ends, out)
    return out, ends


@kernel
def _gather(data: NDArray[np.uint8], start: NDArray[np.int64], ends: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    for i in range(len(start)):
        for k in range(ends[i + 1] - ends[i]):
            out[ends[i] + k] = data[start[i] + k]


def polygonal(geometry: shapely.Geometry) -> Polygon | MultiPolygon:
    """The polygons of a geometry: a cut may leave points and lines where it only touches."""
    if isinstance(geometry, Polygon | MultiPolygon):
        return geometry
    return MultiPolygon([g for g in getattr(geometry, "geoms", ()) if isinstance(g, Polygon)])
