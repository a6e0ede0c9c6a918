# SPDX-License-Identifier: Apache-2.0
"""Compiled writers of Mapbox Vector Tiles 2.1: one pass over the cells, protobuf bytes straight into a buffer.

Field tags are those of the specification's vector_tile.proto, given where they are written.
"""

from typing import NamedTuple

import numpy as np
from numba import uint64, uintp
from numpy.typing import NDArray

from carbongrid.jit import kernel
from carbonstore.text import Bytes, Ints, put

Flags = NDArray[np.bool_]
_SLOT_BITS = 13
_SLOTS = 1 << _SLOT_BITS


@kernel
def varint(out: Bytes, at: int, value: int) -> int:
    """Write a non-negative number in base 128, lowest digits first; returns where it ends, as all writers here do.

    Unsigned, which spares the tests for a negative index.
    """
    rest = uint64(value)
    while rest >= uint64(128):
        out[uintp(at)] = (rest & uint64(127)) | uint64(128)
        at, rest = at + 1, rest >> uint64(7)
    out[uintp(at)] = rest
    return at + 1


@kernel
def varint_size(value: int) -> int:
    """Bytes that :func:`varint` takes: below 2**28 without a branch that depends on the number."""
    if value < 1 << 28:
        return 1 + (value >= 1 << 7) + (value >= 1 << 14) + (value >= 1 << 21)
    size = 5
    while value >= 1 << 35:
        size, value = size + 1, value >> 7
    return size


@kernel
def dictionary(bits: Ints, null: Flags, first: int, codes: Ints, keys: Ints) -> Ints:
    """Values of several columns (columns, n) as words, and their numbers from ``first`` on into ``codes[:, keys]``.

    ``codes`` is (n, keys of the layer); -1 = null. Numbers follow first appearance, record by record. A value takes the
    number that it has where its slot remembers it, by the top bits of a product, which every bit of a word reaches: the
    low ones of a round double are all zero. A slot remembers one value, so a rare one may be listed twice: a table that
    stays in the processor's cache is five times as fast as one that holds them all.
    """
    columns, n = bits.shape
    held, number = np.zeros(_SLOTS, np.int64), np.full(_SLOTS, -1, np.int64)
    words, count = np.empty(columns * n, np.int64), 0
    for i in range(n):
        for c in range(columns):
            if null[c, i]:
                codes[i, keys[c]] = -1
                continue
            word = bits[c, i]
            slot = uintp((uint64(word) * uint64(0x9E3779B97F4A7C15)) >> uint64(64 - _SLOT_BITS))
            if number[slot] < 0 or held[slot] != word:
                held[slot], number[slot] = word, first + count
                words[count] = word
                count += 1
            codes[i, keys[c]] = number[slot]
    return words[:count]


class Shapes(NamedTuple):
    """Cells of a tile: ``x`` and ``y`` of the corner lattice in whole tile units; every cell's place in it, and id."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    row: Ints
    col: Ints
    ids: Ints


@kernel
def _path(moves: Ints, shapes: Shapes, i: int) -> int:
    """MoveTo, LineTo x 3, ClosePath around a cell, clockwise on the screen as exterior rings are; returns its size.

    Moves are zigzag numbers (section 4.3.2).
    """
    row, col = shapes.row[i], shapes.col[i]
    moves[0], moves[3], moves[10] = 9, 26, 15
    at, x, y = 1, np.int64(0), np.int64(0)
    for k in range(4):  # NW, NE, SE, SW
        r, c = row + k // 2, col + (1 if k in (1, 2) else 0)
        dx, dy = np.int64(shapes.x[r, c]) - x, np.int64(shapes.y[r, c]) - y
        moves[at], moves[at + 1] = (dx << 1) ^ (dx >> 63), (dy << 1) ^ (dy >> 63)
        x, y = x + dx, y + dy
        at += 3 if k == 0 else 2
    size = 0
    for k in range(11):
        size += varint_size(moves[k])
    return size


@kernel
def _tags_size(codes: Ints, i: int) -> int:
    size = 0
    for k in range(codes.shape[1]):
        if codes[i, k] >= 0:
            size += varint_size(k) + varint_size(codes[i, k])
    return size


@kernel
def _head(out: Bytes, at: int, id: int, codes: Ints, i: int, kind: int, path: int) -> int:
    """Begin a Feature (Layer field 2) up to the size of its geometry's ``path``; ``kind``: 2 = lines, 3 = polygons."""
    tags, id_size = _tags_size(codes, i), 1 + varint_size(id)
    out[at] = 0x12
    at = varint(out, at + 1, id_size + 1 + varint_size(tags) + tags + 2 + 1 + varint_size(path) + path)
    out[at] = 0x08  # Feature field 1: id
    at = varint(out, at + 1, id)
    out[at] = 0x12  # Feature field 2: tags
    at = varint(out, at + 1, tags)
    for k in range(codes.shape[1]):
        if codes[i, k] >= 0:
            at = varint(out, varint(out, at, k), codes[i, k])
    out[at] = 0x18  # Feature field 3: the type
    out[at + 1] = kind
    out[at + 2] = 0x22  # Feature field 4: geometry
    return varint(out, at + 3, path)


@kernel
def paths(out: Bytes, at: int, ids: Ints, kind: int, commands: Bytes, offsets: Ints, codes: Ints) -> int:
    """Write a Feature per path that is encoded already; ``codes`` (n, keys) are value numbers, -1 = no such key."""
    for i in range(len(ids)):
        at = _head(out, at, ids[i], codes, i, kind, offsets[i + 1] - offsets[i])
        at = put(out, at, commands, offsets[i], offsets[i + 1])
    return at


@kernel
def features(out: Bytes, at: int, shapes: Shapes, codes: Ints) -> int:
    """Write a Feature per cell; ``codes`` as of :func:`paths`."""
    moves = np.empty(11, np.int64)
    for i in range(len(shapes.ids)):
        at = _head(out, at, shapes.ids[i], codes, i, 3, _path(moves, shapes, i))
        for k in range(11):
            at = varint(out, at, moves[k])
    return at


@kernel
def doubles(out: Bytes, at: int, words: Ints) -> int:
    """Write values (Layer field 4) as double_value (Value field 3) from their bits."""
    for i in range(len(words)):
        out[at], out[at + 1], out[at + 2] = 0x22, 9, 0x19
        word = uint64(words[i])
        for k in range(8):
            out[at + 3 + k] = (word >> uint64(8 * k)) & uint64(255)
        at += 11
    return at


@kernel
def integers(out: Bytes, at: int, words: Ints) -> int:
    """Write values as sint_value (Value field 6)."""
    for i in range(len(words)):
        zigzag = (words[i] << 1) ^ (words[i] >> 63)
        out[at] = 0x22
        at = varint(out, at + 1, 1 + varint_size(zigzag))
        out[at] = 0x30
        at = varint(out, at + 1, zigzag)
    return at


@kernel
def strings(out: Bytes, at: int, pool: Bytes, offsets: Ints, chosen: Ints) -> int:
    """Write values as string_value (Value field 1): texts ``chosen`` of a pool."""
    for i in range(len(chosen)):
        start, stop = offsets[chosen[i]], offsets[chosen[i] + 1]
        out[at] = 0x22
        at = varint(out, at + 1, 1 + varint_size(stop - start) + stop - start)
        out[at] = 0x0A
        at = varint(out, at + 1, stop - start)
        at = put(out, at, pool, start, stop)
    return at
