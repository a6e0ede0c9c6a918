# SPDX-License-Identifier: Apache-2.0
"""Compiled writers of GeoJSON: vertices once each, then features as copies of bytes and exact decimal numbers."""

from typing import NamedTuple

import numpy as np
from numba import njit

from carbonstore.text import Bytes, Ints, put, put_fixed, put_int

NUMBER, TEXT, LITERAL = 0, 1, 2
"""Kinds of property: a scaled number, a text in quotes, a bare literal."""
VERTEX = 48
"""Bytes kept for one vertex: two numbers of up to 21 characters, brackets and a comma."""


class Records(NamedTuple):
    """What identifies n records and where they lie.

    ``ids`` and ``id_offsets`` are cell codes, ``year`` int64; ``corners`` (n, 4) are vertex numbers counter-clockwise,
    or (n, 0) for null geometries; ``vertices`` are vertex texts ``VERTEX`` bytes apart and ``lengths`` theirs.
    """

    ids: Bytes
    id_offsets: Ints
    year: Ints
    corners: Ints
    vertices: Bytes
    lengths: Ints


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
    no_ring: Bytes
    end: Bytes
    null: Bytes


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _ring(out: Bytes, at: int, i: int, r: Records) -> int:
    """The four corners and the first again, comma-separated."""
    for k in range(5):
        v = r.corners[i, k % 4]
        at = put(out, at, r.vertices, v * VERTEX, v * VERTEX + r.lengths[v])
        out[at] = 44
        at += 1
    return at - 1


@njit(cache=True, nogil=True)
def _value(out: Bytes, at: int, i: int, k: int, p: Properties, null: Bytes) -> int:
    """Property ``k`` of record ``i``."""
    slot = p.slots[k]
    if p.kinds[k] == NUMBER:
        if p.null[slot, i] == 0:
            return put_fixed(out, at, p.scaled[slot, i], p.places[k])
        return put(out, at, null, 0, len(null))
    if p.codes[slot, i] < 0:
        return put(out, at, null, 0, len(null))
    label = p.base[slot] + p.codes[slot, i]
    out[at] = 34  # ", overwritten by a literal
    quotes = 1 if p.kinds[k] == TEXT else 0
    at = put(out, at + quotes, p.pool, p.offsets[label], p.offsets[label + 1])
    out[at] = 34
    return at + quotes


@njit(cache=True, nogil=True)
def features(out: Bytes, at: int, r: Records, p: Properties, phrases: Phrases) -> int:
    """Write comma-separated Features from ``out[at]`` on; returns where they end. The caller gives enough room."""
    for i in range(len(r.year)):
        at = put(out, at, phrases.start, 0, len(phrases.start))
        at = put(out, at, r.ids, r.id_offsets[i], r.id_offsets[i + 1])
        out[at] = 46  # .
        at = put_int(out, at + 1, r.year[i])
        at = put(out, at, phrases.after_id, 0, len(phrases.after_id))
        if r.corners.shape[1] == 0:
            at = put(out, at, phrases.no_ring, 0, len(phrases.no_ring))
        else:
            at = put(out, at, phrases.ring, 0, len(phrases.ring))
            at = _ring(out, at, i, r)
            at = put(out, at, phrases.after_ring, 0, len(phrases.after_ring))
        for k in range(len(p.kinds)):
            at = put(out, at, p.keys, p.key_offsets[k], p.key_offsets[k + 1])
            at = _value(out, at, i, k, p, phrases.null)
        at = put(out, at, phrases.end, 0, len(phrases.end))
        out[at] = 44
        at += 1
    return at - 1 if len(r.year) > 0 else at
