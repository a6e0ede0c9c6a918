# SPDX-License-Identifier: Apache-2.0
"""Columns on disk: one Arrow IPC file, uncompressed, one record batch, mapped into memory without a copy.

The map is private (copy on write), so arrays come out writable although the file never changes: a kernel then meets
one array type whether its input was read or computed, and is compiled once.
"""

import mmap
import os
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carbongrid.geometry.wkb import Wkb

_INT32 = np.iinfo(np.int32)
_NO_DESCRIPTOR: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
"""A map needs no open file: a release has twenty, a server many releases, a process a thousand descriptors."""


def narrow(values: NDArray[np.int64]) -> NDArray[np.int32] | NDArray[np.int64]:
    """The same whole numbers in half the bytes where every one of them fits into int32."""
    fits = len(values) == 0 or (int(values.min()) >= _INT32.min and int(values.max()) <= _INT32.max)
    return values.astype(np.int32) if fits else values


def geometry(wkb: Wkb) -> pa.Array:
    """A WKB column as Arrow large_binary; the bytes are not copied."""
    offsets, data = np.ascontiguousarray(wkb.offsets, np.int64), np.ascontiguousarray(wkb.data)
    return pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(wkb), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )


def lists(offsets: NDArray[np.int64], children: Mapping[str, NDArray[Any]]) -> pa.Array:
    """Rows of records: row ``i`` holds records ``offsets[i]:offsets[i + 1]`` of the child columns."""
    records = pa.StructArray.from_arrays([pa.array(c) for c in children.values()], list(children))
    return pa.LargeListArray.from_arrays(pa.array(offsets), records)


def save(path: Path, columns: Mapping[str, Any]) -> None:
    """Write columns (numpy or Arrow arrays of one length) as one record batch, through to the disk."""
    batch = pa.record_batch({name: c if isinstance(c, pa.Array) else pa.array(c) for name, c in columns.items()})
    with path.open("wb") as file:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


class Table:
    """A mapped file. The map outlives the file's name: a release that is pruned stays readable for whoever holds it."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY, **_NO_DESCRIPTOR)

    @cached_property
    def _batch(self) -> pa.RecordBatch:
        return pa.ipc.open_file(pa.BufferReader(pa.py_buffer(self._map))).get_batch(0)

    def __len__(self) -> int:
        return int(self._batch.num_rows)

    @property
    def names(self) -> list[str]:
        """Column names in file order."""
        return list(self._batch.schema.names)

    def column(self, name: str) -> NDArray[Any]:
        """A numeric column; no copy."""
        return self._primitive(self._batch.column(name))

    def strings(self, name: str) -> NDArray[np.object_]:
        """A text column as Python strings."""
        return np.array(self._batch.column(name).to_pylist(), object)

    def holds_text(self, name: str) -> bool:
        """Whether a column holds texts, plain or coded."""
        kind = self._batch.schema.field(name).type
        return bool(pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))

    def coded(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """A dictionary column: codes, of which there is no copy, and texts."""
        column = self._batch.column(name)
        return self._primitive(column.indices), tuple(column.dictionary.to_pylist())

    def wkb(self, name: str) -> Wkb:
        """A column of geometries, or of texts as bytes; no copy."""
        column = self._batch.column(name)
        _, offsets, data = column.buffers()
        bounds = self._view(offsets, np.dtype(np.int64), len(column) + 1)
        return Wkb(self._view(data, np.dtype(np.uint8), int(bounds[-1])), bounds)

    def records(self, name: str) -> tuple[NDArray[np.int64], dict[str, NDArray[Any]]]:
        """Inverse of :func:`lists`: offsets and child columns; no copy."""
        column = self._batch.column(name)
        offsets = self._view(column.buffers()[1], np.dtype(np.int64), len(column) + 1)
        records = column.values
        return offsets, {f.name: self._primitive(records.field(f.name)) for f in records.type}

    def _primitive(self, array: pa.Array) -> NDArray[Any]:
        return self._view(array.buffers()[1], np.dtype(array.type.to_pandas_dtype()), len(array))

    def _view(self, buffer: pa.Buffer | None, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
        """The buffer as an array over our own map, since Arrow's view of it would be read-only."""
        if buffer is None or count == 0:
            return np.zeros(count, dtype)
        return np.frombuffer(self._map, dtype, count, buffer.address - self._address)

    @cached_property
    def _address(self) -> int:
        return int(pa.py_buffer(self._map).address)
