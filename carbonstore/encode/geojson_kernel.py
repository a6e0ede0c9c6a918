# SPDX-License-Identifier: Apache-2.0
"""Compiled writers of GeoJSON: vertices once each, then features as copies of bytes and exact decimal numbers."""

from typing import NamedTuple

import numpy as np

from carbongrid.jit import kernel
from carbonstore.text import Bytes, Ints, put, put_fixed, put_int

NUMBER, TEXT, LITERAL = 0, 1, 2
"""Kinds of property: a scaled number, a text in quotes, a bare literal."""
VERTEX = 48
"""Bytes kept for one vertex: two numbers of up to 21 characters, brackets and a comma."""


class Records(NamedTuple):
    """What identifies n records and where they lie.

    ``ids`` and ``id_offsets`` are texts of codes, ``id`` (n) their numbers; ``year`` int64. Squares: ``corners`` (n, 4)
    are vertex numbers counter-clockwise; ``vertices`` are vertex texts ``VERTEX`` bytes apart and ``lengths`` theirs.
    Any other geometry: ``corners`` is (n, 0) and ``shape`` (n) the number of a whole text in ``shapes``, -1 = null.
    """

    ids: Bytes
    id_offsets: Ints
    id: Ints
    year: Ints
    corners: Ints
    vertices: Bytes
    lengths: Ints
    shapes: Bytes
    shape_offsets: Ints
    shape: Ints


class Properties(NamedTuple):
    """Columns in two stacks: for property k its key text, kind, slot in the stack of its kind, and decimals.

    ``scaled`` and ``null`` are (numbers, n); ``codes`` (labels, n) count from ``base``, the column's first text in
    ``pool``.
    """

    keys: Bytes
    key_offsets: Ints
    kinds: Ints
    slots: Ints
    places: Ints
    scaled: Ints
    null: Bytes
    codes: Ints
    base: Ints
    pool: Bytes
    offsets: Ints


class Phrases(NamedTuple):
    """The fixed parts of a feature, around id, geometry and properties."""

    start: Bytes
    after_id: Bytes
    ring: Bytes
    after_ring: Bytes
    properties: Bytes
    end: Bytes


@kernel
def vertices(first: Ints, second: Ints, decimals: int) -> tuple[Bytes, Ints]:
    """Text ``[first,second]`` of every vertex, ``VERTEX`` bytes apart, and its length."""
    n = len(first)
    out, length = np.empty(n * VERTEX, np.uint8), np.empty(n, np.int64)
    for i in range(n):
        at = i * VERTEX
        out[at] = 91  # [
        at = put_fixed(out, at + 1, first[i], decimals)
        out[at] = 44  # ,
        at = put_fixed(out, at + 1, second[i], decimals)
        out[at] = 93  # ]
        length[i] = at + 1 - i * VERTEX
    return out, length


@kernel
def _number(out: Bytes, at: int, scaled: int, null: int, places: int) -> int:
    return put_null(out, at) if null != 0 else put_fixed(out, at, scaled, places)


@kernel
def _label(out: Bytes, at: int, pool: Bytes, start: int, stop: int) -> int:
    out[at] = 34  # "
    at = put(out, at + 1, pool, start, stop)
    out[at] = 34
    return at + 1


@kernel
def put_null(out: Bytes, at: int) -> int:
    """Write ``null``."""
    out[at], out[at + 1], out[at + 2], out[at + 3] = 110, 117, 108, 108
    return at + 4


@kernel
def features(out: Bytes, at: int, r: Records, p: Properties, phrases: Phrases) -> int:
    """Write comma-separated Features from ``out[at]`` on; returns where they end. The caller gives enough room.

    Fields are taken out of their tuples first: each access in the loop would count references.
    """
    ids, id_offsets, id, year, corners, vertex, lengths, shapes, shape_offsets, shape = r
    keys, key_offsets, kinds, slots, places, scaled, null, codes, base, pool, offsets = p
    start, after_id, ring, after_ring, properties, end = phrases
    for i in range(len(year)):
        at = put(out, at, start, 0, len(start))
        at = put(out, at, ids, id_offsets[id[i]], id_offsets[id[i] + 1])
        out[at] = 46  # .
        at = put_int(out, at + 1, year[i])
        at = put(out, at, after_id, 0, len(after_id))
        if corners.shape[1] > 0:
            at = put(out, at, ring, 0, len(ring))
            for k in range(5):
                v = corners[i, k % 4]
                at = put(out, at, vertex, v * VERTEX, v * VERTEX + lengths[v])
                out[at] = 44  # ,
                at += 1
            at = put(out, at - 1, after_ring, 0, len(after_ring))
        elif shape[i] < 0:
            at = put_null(out, at)
        else:
            at = put(out, at, shapes, shape_offsets[shape[i]], shape_offsets[shape[i] + 1])
        at = put(out, at, properties, 0, len(properties))
        for k in range(len(kinds)):
            at = put(out, at, keys, key_offsets[k], key_offsets[k + 1])
            slot = slots[k]
            if kinds[k] == NUMBER:
                at = _number(out, at, scaled[slot, i], null[slot, i], places[k])
            elif codes[slot, i] < 0:
                at = put_null(out, at)
            else:
                label = base[slot] + codes[slot, i]
                if kinds[k] == TEXT:
                    at = _label(out, at, pool, offsets[label], offsets[label + 1])
                else:
                    at = put(out, at, pool, offsets[label], offsets[label + 1])
        at = put(out, at, end, 0, len(end))
        out[at] = 44
        at += 1
    return at - 1 if len(year) > 0 else at
