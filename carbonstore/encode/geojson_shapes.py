# SPDX-License-Identifier: Apache-2.0
"""Geometries of records as GeoJSON texts: points, lines and polygons, single and several, as exact decimals."""

import numpy as np
import shapely

from carbongrid.geometry.wkb import Wkb
from carbongrid.jit import kernel
from carbonstore import text
from carbonstore.collections.quads import OutputCrs
from carbonstore.collections.shapes import Geometries, fine, scaled
from carbonstore.text import Bytes, Ints, number, put, put_fixed

_TYPES = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")
"""By type number of WKB, from 1 on."""
_VERTEX, _FRAME = 48, 64
"""Most bytes of a vertex, and of what stands around a geometry's coordinates."""


def shape_texts(geometry: Geometries, to: OutputCrs) -> tuple[Bytes, Ints, Ints]:
    """Texts of geometries that are published in a CRS, end to end, their offsets, and the text of each or -1 = none.

    Axes come in the order of the authority.
    """
    xy = scaled(geometry, to)
    if to.swapped:
        xy = np.ascontiguousarray(xy[:, ::-1])
    wkb, heads = Wkb.from_shapely(geometry), text.pool([f'{{"type":"{t}","coordinates":' for t in _TYPES])
    out = np.empty(len(xy) * _VERTEX + len(wkb) * _FRAME + 2 * len(wkb.data), np.uint8)
    offsets = _texts(out, wkb.data, wkb.offsets, xy, fine(to).decimals, *heads)
    code = np.where(shapely.is_missing(geometry), -1, np.arange(len(geometry)))
    return out[: offsets[-1]], offsets, code


@kernel
def _texts(out: Bytes, wkb: Bytes, offsets: Ints, xy: Ints, decimals: int, heads: Bytes, head_offsets: Ints) -> Ints:
    """Write every geometry; offsets of the texts."""
    ends, at, v = np.zeros(len(offsets), np.int64), 0, 0
    for i in range(len(offsets) - 1):
        p = offsets[i]
        if p < offsets[i + 1]:
            kind = number(wkb, p + 1)
            at = put(out, at, heads, head_offsets[kind - 1], head_offsets[kind])
            if kind > 3:
                at, v = _several(out, at, wkb, p + 5, xy, v, decimals)
            else:
                at, p, v = _single(out, at, wkb, p, xy, v, decimals)
            out[at] = 125  # }
            at += 1
        ends[i + 1] = at
    return ends


@kernel
def _several(out: Bytes, at: int, wkb: Bytes, p: int, xy: Ints, v: int, decimals: int) -> tuple[int, int]:
    """Coordinates of the parts from their number on; where they end, and the next vertex."""
    n = number(wkb, p)
    p, out[at] = p + 4, 91  # [
    at += 1
    for _ in range(n):
        at, p, v = _single(out, at, wkb, p, xy, v, decimals)
        out[at] = 44  # ,
        at += 1
    out[at - 1] = 93  # ]
    return at, v


@kernel
def _single(out: Bytes, at: int, wkb: Bytes, p: int, xy: Ints, v: int, decimals: int) -> tuple[int, int, int]:
    """Coordinates of a point, line or polygon; where they end, in the text, in the WKB, among the vertices."""
    kind, p = number(wkb, p + 1), p + 5
    if kind == 1:
        return _vertex(out, at, xy, v, decimals), p + 16, v + 1
    if kind == 2:
        return _line(out, at, wkb, p, xy, v, decimals)
    n = number(wkb, p)
    p, out[at] = p + 4, 91
    at += 1
    for _ in range(n):
        at, p, v = _line(out, at, wkb, p, xy, v, decimals)
        out[at] = 44
        at += 1
    out[at - 1] = 93
    return at, p, v


@kernel
def _line(out: Bytes, at: int, wkb: Bytes, p: int, xy: Ints, v: int, decimals: int) -> tuple[int, int, int]:
    n = number(wkb, p)
    out[at] = 91
    at += 1
    for k in range(n):
        at = _vertex(out, at, xy, v + k, decimals)
        out[at] = 44
        at += 1
    out[at - 1] = 93
    return at, p + 4 + 16 * n, v + n


@kernel
def _vertex(out: Bytes, at: int, xy: Ints, v: int, decimals: int) -> int:
    out[at] = 91
    at = put_fixed(out, at + 1, xy[v, 0], decimals)
    out[at] = 44
    at = put_fixed(out, at + 1, xy[v, 1], decimals)
    out[at] = 93
    return at + 1
