# SPDX-License-Identifier: Apache-2.0
"""Records as GeoJSON (RFC 7946) bytes, or as GeoJSON in another published CRS (OGC API Features Part 2).

Coordinates and values are exact decimals of whole numbers, so what a client parses is what the store holds. Every
other form of an item (the dictionaries that pygeoapi wants) is parsed from these bytes: the doors cannot differ.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from carbonstore import text
from carbonstore.collections import quads
from carbonstore.collections.batch import Batch
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.quads import CRS84, OutputCrs
from carbonstore.collections.shapes import Shapes
from carbonstore.encode import geojson_kernel as kernel
from carbonstore.encode.geojson_shapes import shape_texts
from carbonstore.text import Bytes, Ints

Head = Mapping[str, Any]
_PHRASES = kernel.Phrases(
    start=text.utf8('{"type":"Feature","id":"'),
    after_id=text.utf8('","geometry":'),
    ring=text.utf8('{"type":"Polygon","coordinates":[['),
    after_ring=text.utf8("]]}"),
    properties=text.utf8(',"properties":{'),
    end=text.utf8("}}"),
)
_FIXED = 128
"""Most bytes of a feature's fixed phrases, year and comma."""
_NUMBER = 23
"""Most bytes of a number: 20 digits, sign, point."""


def features(batch: Batch, head: Head | None = None, *, crs: str = CRS84, geometry: bool = True) -> bytes:
    """A FeatureCollection. ``head``: further members (links, timeStamp); the counts are always the batch's own.

    ``crs`` is one of the collection's URIs; axes come in the order of its authority.
    """
    members = {"numberMatched": batch.matched, "numberReturned": len(batch), **(head or {})}
    start = b'{"type":"FeatureCollection",' + orjson.dumps(members)[1:-1] + b',"features":['
    return _write(batch, start, b"]}", crs, geometry)


def feature(batch: Batch, head: Head | None = None, *, crs: str = CRS84, geometry: bool = True) -> bytes:
    """The Feature of a batch of one. ``head``: further members, such as links."""
    if len(batch) != 1:
        raise ValueError(f"a feature needs a batch of one record, not {len(batch)}")
    body = _write(batch, b"", b"", crs, geometry)
    return b"{" + orjson.dumps(head)[1:-1] + b"," + body[1:] if head else body


def feature_dicts(batch: Batch, *, skip_geometry: bool = False, crs: str = CRS84) -> list[dict[str, Any]]:
    """The features as fresh dictionaries, for callers that change them."""
    parsed: list[dict[str, Any]] = orjson.loads(_write(batch, b"[", b"]", crs, not skip_geometry))
    return parsed


def _write(batch: Batch, start: bytes, end: bytes, crs: str, geometry: bool) -> bytes:
    records = _records(batch, OutputCrs.of(crs, batch.collection.crs) if geometry else None)
    properties = _properties(batch.columns, len(batch))
    out = np.empty(len(start) + _room(records, properties) + len(end), np.uint8)
    out[: len(start)] = np.frombuffer(start, np.uint8)
    at = kernel.features(out, len(start), records, properties, _PHRASES)
    out[at : at + len(end)] = np.frombuffer(end, np.uint8)
    return out[: at + len(end)].tobytes()


def _records(batch: Batch, to: OutputCrs | None) -> kernel.Records:
    """Ids and geometry; no CRS = no geometry."""
    code, none, empty = batch.code, np.empty((len(batch), 0), np.int64), np.empty(0, np.int64)
    ids = (code.pool, code.offsets, code.codes, batch.year.astype(np.int64))
    where = None if to is None else batch.geometry
    no_vertices, nothing = np.empty(0, np.uint8), np.full(len(batch), -1, np.int64)
    if to is None or where is None:
        return kernel.Records(*ids, none, no_vertices, empty, no_vertices, empty, nothing)
    if isinstance(where, Shapes):
        return kernel.Records(*ids, none, no_vertices, empty, *shape_texts(where.in_crs(to), to))
    x, y, corners = quads.vertices(where.window, where.index, to)
    first, second = (y, x) if to.swapped else (x, y)
    return kernel.Records(*ids, corners, *kernel.vertices(first, second, to.decimals), no_vertices, empty, nothing)


def _properties(columns: Mapping[str, Column], n: int) -> kernel.Properties:
    """Columns stacked as the kernel takes them, in their order."""
    numbers = [c for c in columns.values() if isinstance(c, Number)]
    labels = [_escaped(c) for c in columns.values() if isinstance(c, Labels)]
    keys, key_offsets = text.pool([f'{"," if k else ""}"{name}":' for k, name in enumerate(columns)])
    pool, offsets, base = _end_to_end(labels)
    return kernel.Properties(
        keys=keys,
        key_offsets=key_offsets,
        kinds=np.array([_kind(c) for c in columns.values()], np.int64),
        slots=_slots(columns),
        places=np.array([c.decimals if isinstance(c, Number) else 0 for c in columns.values()], np.int64),
        scaled=np.stack([c.scaled for c in numbers]) if numbers else np.empty((0, n), np.int64),
        null=np.stack([c.null.view(np.uint8) for c in numbers]) if numbers else np.empty((0, n), np.uint8),
        codes=np.stack([c.codes for c in labels]) if labels else np.empty((0, n), np.int64),
        base=base,
        pool=pool,
        offsets=offsets,
    )


def _room(r: kernel.Records, p: kernel.Properties) -> int:
    """Bytes that the features cannot exceed."""
    longest = int(np.diff(p.offsets).max(initial=4)) + 3
    each = _FIXED + len(p.keys) + len(p.scaled) * _NUMBER + len(p.codes) * longest
    ring = 5 * (int(r.lengths.max(initial=0)) + 1)
    code = int(np.diff(r.id_offsets).max(initial=0))
    return len(r.year) * (each + ring + code) + len(r.shapes) + 8


def _kind(column: Column) -> int:
    if isinstance(column, Number):
        return kernel.NUMBER
    return kernel.LITERAL if column.boolean else kernel.TEXT


def _slots(columns: Mapping[str, Column]) -> Ints:
    """Place of each property in the stack of its own kind."""
    is_number = np.array([isinstance(c, Number) for c in columns.values()], bool)
    return np.where(is_number, np.cumsum(is_number), np.cumsum(~is_number)).astype(np.int64) - 1


def _escaped(column: Labels) -> Labels:
    """Labels as the inside of JSON strings; our codes and names hold nothing to escape, so most pass as they are."""
    pool = column.pool
    if not ((pool == 34) | (pool == 92) | (pool < 32)).any():
        return column
    inside = [orjson.dumps(label).decode()[1:-1] for label in column.texts]
    return Labels.of(inside, column.codes, boolean=column.boolean)


def _end_to_end(labels: list[Labels]) -> tuple[Bytes, Ints, Ints]:
    """All texts in one pool, their offsets, and the number of each column's first text."""
    pool = np.concatenate([np.empty(0, np.uint8), *(c.pool for c in labels)])
    shift = np.cumsum([0, *(len(c.pool) for c in labels)])
    offsets = np.concatenate([np.zeros(1, np.int64), *(c.offsets[1:] + s for c, s in zip(labels, shift, strict=False))])
    base = np.cumsum([0, *(len(c.offsets) - 1 for c in labels)])[:-1]
    return pool, offsets.astype(np.int64), base.astype(np.int64)
