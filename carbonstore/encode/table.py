# SPDX-License-Identifier: Apache-2.0
"""Cell records as an Arrow table: the form that CSV, columnar files and databases are written from."""

import struct

import numpy as np
import pyarrow as pa

from carbonstore import quads
from carbonstore.batch import CellBatch
from carbonstore.columns import Column, Labels, Number
from carbonstore.fields import FIELD, Field
from carbonstore.quads import OutputCrs

_HEAD = np.frombuffer(struct.pack("<BIII", 1, 3, 1, 5), np.uint8)
"""Start of a WKB polygon: little-endian, one ring of five points."""


def table(batch: CellBatch) -> pa.Table:
    """Column ``id`` (the feature ids), then the batch's properties in their order; null is null.

    Numbers with decimals are float64, as a JSON reader gets them, others int64; dates are date32.
    """
    columns = {name: array(column, FIELD[name]) for name, column in batch.columns.items()}
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
        pool = pa.array([True] * n, pa.bool_())
    return pool.take(pa.array(column.codes, mask=column.null))


def polygons(batch: CellBatch, to: OutputCrs) -> pa.Array:
    """The cells as WKB polygons in a published CRS, easting or longitude first as files have it; ring from the SW."""
    x, y, corners = quads.vertices(batch.window, batch.index, to)
    ring = corners[:, [0, 1, 2, 3, 0]]
    wkb = np.empty((len(batch), _HEAD.size + ring.shape[1] * 16), np.uint8)
    wkb[:, : _HEAD.size] = _HEAD
    wkb[:, _HEAD.size :] = (
        (np.stack([x[ring], y[ring]], axis=2) / to.scale).astype("<f8").reshape(len(batch), 10).view(np.uint8)
    )
    offsets = np.arange(len(batch) + 1, dtype=np.int64) * wkb.shape[1]
    return pa.Array.from_buffers(pa.large_binary(), len(batch), [None, pa.py_buffer(offsets), pa.py_buffer(wkb)])
