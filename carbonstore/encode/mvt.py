# SPDX-License-Identifier: Apache-2.0
"""Records as Mapbox Vector Tiles 2.1: exact values, null = the key is absent.

A tile holds each cell whose interior meets it, drawn whole: what sticks out is the buffer that renderers want, and
no cell is ever cut. Other geometries are cut a little outside of it (``mvt_shapes``). Numbers are the doubles that a
JSON reader gets from items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import NotFound
from carbongrid.grid import Window
from carbongrid.lattice import project_lattice
from carbonstore.collections import quads, tms
from carbonstore.collections.batch import Batch, Part
from carbonstore.collections.cell_collection import CellCollection, level_name
from carbonstore.collections.collection import Collection
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.quads import Box
from carbonstore.collections.selection import known
from carbonstore.collections.tms import EXTENT, TileMatrixSet
from carbonstore.encode import mvt_kernel as kernel
from carbonstore.encode.mvt_shapes import MARGIN, Paths
from carbonstore.encode.near import near
from carbonstore.releases.catalogue import Published, Snapshot
from carbonstore.text import Bytes, Ints

F64 = NDArray[np.float64]
_FINE = 1 / 16
"""Tile units by which an interpolated corner may miss: a sixteenth disappears in rounding to whole units."""
_LEAST = 0.25
"""Tile units by which a cell must reach into a tile: what is 1 before rounding is in, however the cell is turned."""


def tile(
    collection: Collection, tms_id: str, z: int, x: int, y: int, *, year: int | None = None,
    properties: Sequence[str] | None = None,
) -> bytes:  # fmt: skip
    """One tile of a collection, named after it; b"" where it holds no cell.

    ``year`` None = the newest it holds; ``properties`` None = the default ones. UnknownName for an unknown set or
    property, NotFound for a tile outside the matrix, the collection's zooms or the sets that it is offered in.
    """
    tiles = tms.named(tms_id)
    first, last = collection.zooms(tms_id)
    if not first <= z <= last:
        raise NotFound(
            f"{collection.id} has no tiles of zoom {z} in {tiles.id}", where="tile", allowed=[f"{first}–{last}"]
        )
    names, frame = _names(collection, properties), _Frame(tiles, z, x, y)
    year = year or collection.years[-1]
    if isinstance(collection, CellCollection):
        return _layer(collection, year, frame, collection.id, names)
    return _layer_of_shapes(collection, year, frame, collection.id, names)


def dataset_tile(
    snapshot: Snapshot, tms_id: str, z: int, x: int, y: int, *, properties: Sequence[str] | None = None
) -> bytes:
    """One tile over all inventories of the set: a layer each, named by its id, newest year; cells follow the zoom."""
    frame = _Frame(tms.named(tms_id), z, x, y)
    layers = []
    for published in (p for p in snapshot.inventories.values() if tms_id in p.tile_sets):
        collection = published.collection(level_at(published, frame.tiles, z))
        names = _names(collection, properties)
        level = level_name(collection.level)
        layers.append(_layer(collection, collection.newest, frame, published.id, names, level=level))
    return b"".join(layers)


def level_at(published: Published, tiles: TileMatrixSet, z: int) -> int:
    """The finest level in metres whose tiles have begun at a zoom, else the coarsest."""
    begun = [level for level in published.all_levels if tiles.zooms(level)[0] <= z]
    return min(begun, default=max(published.all_levels))


def _names(collection: Collection, properties: Sequence[str] | None) -> tuple[str, ...]:
    """Properties in published order; the code and ``year`` always, for they are the record's id."""
    if properties is None:
        return tuple(f.name for f in collection.fields.values() if f.tile)
    chosen = {known(collection, name, "properties") for name in properties} | {collection.code, "year"}
    return tuple(name for name in collection.fields if name in chosen)


@dataclass(frozen=True)
class _Frame:
    """A tile's square on the ground and in tile units (x right, y down, 0..4096)."""

    tiles: TileMatrixSet
    z: int
    x: int
    y: int

    @property
    def bounds(self) -> Box:
        """(west, south, east, north) in the set's CRS; NotFound outside the matrix."""
        return self.tiles.bounds(self.z, self.x, self.y)

    @property
    def unit(self) -> float:
        """Side of a tile unit in units of the set's CRS."""
        return self.tiles.side / (1 << self.z) / EXTENT

    def box(self) -> Box:
        """A box in CRS84 that holds the tile."""
        return quads.surrounding(self.bounds, self.tiles.crs)

    def lattice(self, window: Window) -> tuple[F64, F64]:
        """Corners of a window in whole tile units."""
        x, y = project_lattice(window, self.tiles.crs, self.unit * self.tiles.metres * _FINE)
        west, _, _, north = self.bounds
        return np.rint((x - west) / self.unit), np.rint((north - y) / self.unit)


def _layer(
    collection: CellCollection, year: int, frame: _Frame, name: str, names: Sequence[str], *, level: str | None = None
) -> bytes:
    """The layer of the cells that meet a tile; b"" without any."""
    stored = collection.stored(year)
    box = quads.overlap(frame.box(), collection.extent(year))
    block = None if box is None else quads.around(stored.window, box)
    if block is None:
        return b""
    x, y = frame.lattice(quads.part(stored.window, block))
    inside = quads.meets(x[None], y[None], np.array([0.0, 0.0, EXTENT, EXTENT]), _LEAST)[0]
    rows = stored.rows_in(block)
    row, col = np.divmod(stored.index[rows], stored.window.ncol)
    row, col = row - block[0], col - block[2]
    met = inside[row, col]
    if not met.any():
        return b""
    batch = _batch(collection, year, rows[met], names)
    shapes = kernel.Shapes(x, y, row[met], col[met], batch.key)
    return _encode(name, _columns(batch, level), _Cells(shapes))


def _layer_of_shapes(collection: Collection, year: int, frame: _Frame, name: str, names: Sequence[str]) -> bytes:
    """The layer of the records whose geometry meets a tile or its margin; b"" without any."""
    west, _, _, north = frame.bounds
    rows, geometry = near(collection, year, frame.tiles.crs, frame.bounds, MARGIN * frame.unit)
    paths = Paths.of(geometry, west, north, frame.unit, few=collection.few)
    if not len(paths.at):
        return b""
    batch = _batch(collection, year, rows[paths.at], names)
    return _encode(name, batch.columns, _Paths(paths, batch.key))


def _batch(collection: Collection, year: int, rows: Ints, names: Sequence[str]) -> Batch:
    part = Part(year, rows, slice(0, len(rows)))
    return replace(collection.batch([part], len(rows), len(rows)), names=tuple(names))


def _columns(batch: Batch, level: str | None) -> Mapping[str, Column]:
    """The columns, with the level's name where the tile mixes levels."""
    if level is None:
        return batch.columns
    return {**batch.columns, "level": Labels.of([level], np.zeros(len(batch), np.int64))}


@dataclass(frozen=True)
class _Values:
    """The layer's value table in three runs: doubles, then integers, then texts; ``codes`` (n, keys) point into it."""

    codes: Ints
    doubles: Ints
    integers: Ints
    texts: tuple[tuple[Labels, Ints], ...]

    @classmethod
    def of(cls, columns: Sequence[Column]) -> "_Values":
        """Number the values; ``texts`` are the labels that occur, by column."""
        codes = np.empty((len(columns[0].null), len(columns)), np.int64)
        reals = [k for k, c in enumerate(columns) if isinstance(c, Number) and c.decimals]
        wholes = [k for k, c in enumerate(columns) if isinstance(c, Number) and not c.decimals]
        doubles = _numbers(columns, reals, 0, codes)
        integers = _numbers(columns, wholes, len(doubles), codes)
        first, texts = len(doubles) + len(integers), []
        for k, column in enumerate(columns):
            if isinstance(column, Labels):
                codes[:, k], used = _used(column, first)
                texts.append((column, used))
                first += len(used)
        return cls(codes, doubles, integers, tuple(texts))


def _numbers(columns: Sequence[Column], chosen: Sequence[int], first: int, codes: Ints) -> Ints:
    """Words of some columns of numbers; their value numbers go into ``codes`` (n, columns)."""
    if not chosen:
        return np.empty(0, np.int64)
    values = [np.ascontiguousarray(columns[k].values).view(np.int64) for k in chosen]
    null = np.stack([columns[k].null for k in chosen])
    return kernel.dictionary(np.stack(values), null, first, codes, np.array(chosen, np.int64))


def _used(column: Labels, first: int) -> tuple[Ints, Ints]:
    """Value numbers by record, and the texts that occur in the order of their numbers."""
    count = len(column.offsets) - 1
    occurs = np.zeros(count, np.bool_)
    occurs[column.codes[column.codes >= 0]] = True
    number = np.append(np.cumsum(occurs) - 1 + first, -1)
    return number[column.codes], np.flatnonzero(occurs)


class _Drawing(Protocol):
    """What the records of a layer look like: ``room`` for all paths in bytes, and the writer of their features."""

    @property
    def room(self) -> int: ...

    def write(self, out: Bytes, at: int, codes: Ints) -> int: ...


@dataclass(frozen=True)
class _Cells:
    """Squares of a lattice."""

    shapes: kernel.Shapes

    @property
    def room(self) -> int:
        return len(self.shapes.ids) * 8 * 6

    def write(self, out: Bytes, at: int, codes: Ints) -> int:
        return kernel.features(out, at, self.shapes, codes)


@dataclass(frozen=True)
class _Paths:
    """Geometries of their own, with the keys of their records."""

    paths: Paths
    ids: Ints

    @property
    def room(self) -> int:
        return len(self.paths.commands) + 10 * len(self.ids)

    def write(self, out: Bytes, at: int, codes: Ints) -> int:
        paths = self.paths
        return kernel.paths(out, at, self.ids, paths.kind, paths.commands, paths.offsets, codes)


def _encode(name: str, columns: Mapping[str, Column], drawing: _Drawing) -> bytes:
    """A layer: version 2, name, features, keys, values, extent, in this order."""
    values = _Values.of(list(columns.values()))
    head, tail = _message(15, 2) + _text(1, name), _message(5, EXTENT)
    keys = b"".join(_text(3, key) for key in columns)
    out = np.empty(_PREFIX + _room(values, drawing.room + len(head) + len(keys) + len(tail)), np.uint8)
    at = drawing.write(out, _copy(out, _PREFIX, head), values.codes)
    at = kernel.doubles(out, _copy(out, at, keys), values.doubles)
    at = kernel.integers(out, at, values.integers)
    for labels, used in values.texts:
        if labels.boolean:
            at = _copy(out, at, b"".join(_BOOLEAN[labels.texts[k]] for k in used))
        else:
            at = kernel.strings(out, at, labels.pool, labels.offsets, used)
    end = _copy(out, at, tail)
    prefix = b"\x1a" + _number(end - _PREFIX)
    _copy(out, _PREFIX - len(prefix), prefix)
    return out[_PREFIX - len(prefix) : end].tobytes()


_PREFIX = 11
"""Bytes kept for the tag and the length of a layer."""
_BOOLEAN = {"true": b"\x22\x02\x38\x01", "false": b"\x22\x02\x38\x00"}
"""Values of bool_value (Value field 7)."""


def _room(values: _Values, fixed: int) -> int:
    """Bytes that a layer cannot exceed, ``fixed`` of them for what is no value: a feature has a frame and tags."""
    n, keys = values.codes.shape
    texts = sum(int(np.diff(labels.offsets).max(initial=0) + 12) * len(used) for labels, used in values.texts)
    numbers = 11 * len(values.doubles) + 13 * len(values.integers)
    return int(fixed + n * (24 + keys * 6) + numbers + texts + 16)


def _copy(out: Bytes, at: int, data: bytes) -> int:
    out[at : at + len(data)] = np.frombuffer(data, np.uint8)
    return at + len(data)


def _number(value: int) -> bytes:
    out = np.empty(10, np.uint8)
    return out[: kernel.varint(out, 0, value)].tobytes()


def _message(field: int, value: int) -> bytes:
    """A varint field."""
    return bytes([field << 3]) + _number(value)


def _text(field: int, value: str) -> bytes:
    """A text field."""
    raw = value.encode()
    return bytes([field << 3 | 2]) + _number(len(raw)) + raw
