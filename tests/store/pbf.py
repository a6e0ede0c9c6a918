# SPDX-License-Identifier: Apache-2.0
"""A minimal writer of OpenStreetMap PBF (protocol buffers: osmformat.proto), so that tests need no binary file.

One uncompressed-coordinates block: nodes, ways and relations with tags. Coordinates to 1e-7 degree.
"""

import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

Tags = Mapping[str, str]
Node = tuple[int, float, float, Tags]
Way = tuple[int, Sequence[int], Tags]
Relation = tuple[int, Sequence[tuple[str, int]], Tags]
"""(id, ((role, way id), …), tags)"""


def write_pbf(path: Path, nodes: Sequence[Node], ways: Sequence[Way], relations: Sequence[Relation] = ()) -> None:
    """Write objects in the order nodes, ways, relations, ids ascending."""
    strings = _Strings()
    groups = [
        b"".join(_field(1, _node(n, strings)) for n in nodes),
        b"".join(_field(3, _way(w, strings)) for w in ways),
        b"".join(_field(4, _relation(r, strings)) for r in relations),
    ]
    table = b"".join(_field(1, s) for s in strings.known)
    block = _field(1, table) + b"".join(_field(2, group) for group in groups if group)
    header = _field(4, b"OsmSchema-V0.6")
    path.write_bytes(_blob(b"OSMHeader", header) + _blob(b"OSMData", block))


class _Strings:
    """The block's string table; entry 0 is reserved."""

    def __init__(self) -> None:
        self.known: list[bytes] = [b""]

    def __call__(self, text: str) -> int:
        encoded = text.encode()
        if encoded not in self.known:
            self.known.append(encoded)
        return self.known.index(encoded)


def _node(node: Node, strings: _Strings) -> bytes:
    id, lon, lat, tags = node
    place = _number(8, _zigzag(round(lat * 1e7))) + _number(9, _zigzag(round(lon * 1e7)))
    return _number(1, _zigzag(id)) + _tags(tags, strings) + place


def _way(way: Way, strings: _Strings) -> bytes:
    id, refs, tags = way
    return _number(1, id) + _tags(tags, strings) + _field(8, _deltas(refs))


def _relation(relation: Relation, strings: _Strings) -> bytes:
    id, members, tags = relation
    roles = b"".join(_varint(strings(role)) for role, _ in members)
    kinds = b"".join(_varint(1) for _ in members)
    ids = _deltas([member for _, member in members])
    return _number(1, id) + _tags(tags, strings) + _field(8, roles) + _field(9, ids) + _field(10, kinds)


def _tags(tags: Tags, strings: _Strings) -> bytes:
    keys = b"".join(_varint(strings(k)) for k in tags)
    values = b"".join(_varint(strings(v)) for v in tags.values())
    return (_field(2, keys) + _field(3, values)) if tags else b""


def _deltas(values: Sequence[int]) -> bytes:
    return b"".join(_varint(_zigzag(b - a)) for a, b in zip([0, *values], values, strict=False))


def _blob(kind: bytes, content: bytes) -> bytes:
    body = _number(2, len(content)) + _field(3, zlib.compress(content))
    head = _field(1, kind) + _number(3, len(body))
    return struct.pack(">I", len(head)) + head + body


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
