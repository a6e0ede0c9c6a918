# SPDX-License-Identifier: Apache-2.0
"""GeoParquet 1.1 of many small shapes: WKB columns written as bytes, without an object a geometry."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyproj import CRS

from carbonstore.sample.place import F64


def rectangles(low: F64, high: F64) -> pa.Array:
    """Polygons between corners (n, 2), exterior counter-clockwise; coordinates rounded to centimetres."""
    (x0, y0), (x1, y1) = np.round(low, 2).T, np.round(high, 2).T
    ring = np.stack([x0, y0, x1, y0, x1, y1, x0, y1, x0, y0], 1)
    head = np.frombuffer(b"\x01" + np.array([3, 1, 5], "<u4").tobytes(), np.uint8)
    return _wkb(head, ring)


def segments(start: F64, end: F64) -> pa.Array:
    """Lines of two points (n, 2), rounded to centimetres."""
    head = np.frombuffer(b"\x01" + np.array([2, 2], "<u4").tobytes(), np.uint8)
    return _wkb(head, np.round(np.concatenate([start, end], 1), 2))


def _wkb(head: NDArray[np.uint8], coordinates: F64) -> pa.Array:
    n, values = coordinates.shape
    records = np.empty((n, len(head) + 8 * values), np.uint8)
    records[:, : len(head)] = head
    records[:, len(head) :] = np.ascontiguousarray(coordinates, "<f8").view(np.uint8).reshape(n, 8 * values)
    offsets = np.arange(n + 1, dtype=np.int32) * records.shape[1]
    return pa.Array.from_buffers(pa.binary(), n, [None, pa.py_buffer(offsets), pa.py_buffer(records)])


def geo_metadata(crs: str, geometry_type: str) -> str:
    """The file's ``geo`` key (GeoParquet 1.1)."""
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": [geometry_type], "crs": CRS(crs).to_json_dict()}
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}})
