# SPDX-License-Identifier: Apache-2.0
"""Records as an Arrow table: the form that CSV, columnar files and databases are written from."""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from carbonstore.collections import quads
from carbonstore.collections.batch import Batch
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.fields import Field
from carbonstore.collections.quads import OutputCrs
from carbonstore.collections.shapes import Geometries, Shapes, Squares

_HEAD = np.frombuffer(struct.pack("<BIII", 1, 3, 1, 5), np.uint8)
"""Start of a WKB polygon: little-endian, one ring of five points."""
_LINE, _POLYGON = 1, 3
"""Type ids of GEOS."""


def table(batch: Batch) -> pa.Table:
    """Column ``id`` (the feature ids), then the batch's properties in their order; null is null. A property that is
    called ``id`` itself stands in its place: with ``year`` it says the same.

    Numbers with decimals are float64, as a JSON reader gets them, others int64; dates are date32.
    """
    fields = batch.collection.fields
    columns = {name: array(column, fields[name]) for name, column in batch.columns.items()}
    return pa.table({"id": pa.array(batch.feature_ids, pa.string()), **columns})


def arrow_type(field: Field) -> pa.DataType:
    """Type of the column that holds a property."""
    if field.format == "date":
        return pa.date32()
    number = pa.float64() if field.decimals else pa.int64()
    return {"string": pa.string(), "boolean": pa.bool_(), "integer": pa.int64(), "number": number}[field.type]


def array(column: Column, field: Field) -> pa.Array:
    """One column of the table."""
    if isinstance(column, Number):
        return pa.array(column.values, arrow_type(field), mask=column.null)
    return _labels(column).cast(arrow_type(field))


def _labels(column: Labels) -> pa.Array:
    """The texts as they lie in the pool, taken by row."""
    n = len(column.offsets) - 1
    buffers = [None, pa.py_buffer(column.offsets.astype("int64").tobytes()), pa.py_buffer(column.pool.tobytes())]
    pool = pa.Array.from_buffers(pa.large_string(), n, buffers)
    if column.boolean:
        pool = pc.equal(pool, "true")
    return pool.take(pa.array(column.codes, mask=column.null))


def geometry(batch: Batch, to: OutputCrs) -> pa.Array:
    """Geometries as WKB in a published CRS, easting or longitude first as files have it; of one type, maybe null."""
    where = batch.geometry
    if isinstance(where, Shapes):
        return pa.array(shapely.to_wkb(several(where.in_crs(to)), byte_order=1), pa.large_binary())
    return _squares(where, to)


def _squares(squares: Squares, to: OutputCrs) -> pa.Array:
    """Polygons of cells; ring from the south-west."""
    x, y, corners = quads.vertices(squares.window, squares.index, to)
    ring, n = corners[:, [0, 1, 2, 3, 0]], len(corners)
    wkb = np.empty((n, _HEAD.size + ring.shape[1] * 16), np.uint8)
    wkb[:, : _HEAD.size] = _HEAD
    wkb[:, _HEAD.size :] = (np.stack([x[ring], y[ring]], axis=2) / to.scale).astype("<f8").reshape(n, 10).view(np.uint8)
    offsets = np.arange(n + 1, dtype=np.int64) * wkb.shape[1]
    return pa.Array.from_buffers(pa.large_binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(wkb)])


def several(geometry: Geometries) -> Geometries:
    """Polygons as multipolygons, lines as multilines: a column of a file has one type."""
    out = geometry.copy()
    for single, make in ((_POLYGON, shapely.multipolygons), (_LINE, shapely.multilinestrings)):
        at = np.flatnonzero(shapely.get_type_id(geometry) == single)
        out[at] = make(geometry[at], indices=np.arange(len(at))) if len(at) else geometry[at]
    return out
