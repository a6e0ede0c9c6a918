# SPDX-License-Identifier: Apache-2.0
"""Records as files for other programs: CSV, GeoParquet, FlatGeobuf and GeoPackage, written piece by piece.

However many records there are, only one piece of them is in memory. Coordinates come easting or longitude first, as
these formats want it whatever the authority's order (OGC 12-128r18, 1.1.1.1.1: GeoPackage; GeoParquet 1.1, CRS).
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO, RawIOBase
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyarrow import csv
from pyogrio.raw import write_arrow
from pyproj import CRS

from carbonstore.collections import cells
from carbonstore.collections.batch import Batch
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.quads import CRS84, OutputCrs
from carbonstore.encode import table as arrow

GEOMETRY = "geometry"
ROWS = 50_000
"""Records in memory at a time."""
_BLOCK = 1 << 20
FLATGEOBUF = "FlatGeobuf"


class Stopped(Exception):
    """Nobody waits for the file any more."""


@dataclass(frozen=True)
class Extract:
    """What a file holds: records in ``pages``, to be written once, each with the properties ``names``.

    ``crs`` is a URI of the collection; ``stopped``: give up the work.
    """

    collection: Collection
    pages: Iterator[Batch]
    names: tuple[str, ...] | None = None
    crs: str = CRS84
    geometry: bool = True
    stopped: Callable[[], bool] = bool

    @classmethod
    def of(cls, collection: Collection, query: CellQuery, *, crs: str = CRS84, geometry: bool = True) -> "Extract":
        """The records of a query, looked for now: what is wrong with it is said before a file begins."""
        return cls(collection, cells.pages(collection, query, ROWS), query.properties, crs, geometry)

    @cached_property
    def to(self) -> OutputCrs:
        """The CRS of the file."""
        return OutputCrs.of(self.crs, self.collection.crs)

    @cached_property
    def schema(self) -> pa.Schema:
        """Columns of every piece."""
        return self._table(cells.read(self.collection, CellQuery(limit=0, properties=self.names))).schema

    def tables(self) -> Iterator[pa.Table]:
        """The pieces; Stopped where nobody waits any more."""
        for batch in self.pages:
            if self.stopped():
                raise Stopped
            yield self._table(batch)

    def _table(self, batch: Batch) -> pa.Table:
        found = arrow.table(batch)
        return found.append_column(GEOMETRY, arrow.geometry(batch, self.to)) if self.geometry else found


@dataclass(frozen=True)
class FileFormat:
    """A format: value of ``f``, media type, suffix, whether it can be without geometry, and what writes it."""

    id: str
    media: str
    suffix: str
    title: str
    bare: bool
    write: Callable[[Extract], Iterator[bytes]]


def _csv(extract: Extract) -> Iterator[bytes]:
    """Comma-separated values with a header (RFC 4180); geometry is a column of well-known text."""
    header = True
    for piece in extract.tables():
        out = BytesIO()
        csv.write_csv(_with_text(piece, extract), out, csv.WriteOptions(include_header=header))
        header = False
        yield out.getvalue()
    if header:
        yield (",".join(f'"{name}"' for name in extract.schema.names) + "\n").encode()


def _with_text(piece: pa.Table, extract: Extract) -> pa.Table:
    if not extract.geometry:
        return piece
    shapes = shapely.from_wkb(piece[GEOMETRY].to_numpy())
    text = shapely.to_wkt(shapes, rounding_precision=extract.to.decimals)
    return piece.set_column(piece.num_columns - 1, GEOMETRY, pa.array(text, pa.string()))


class _Sink(RawIOBase):
    """A file that hands out what was written since it was asked last."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        """It can be written, and no more."""
        return True

    def write(self, data: Any) -> int:
        """Keep the bytes until they are taken."""
        self._written.append(bytes(data))
        return len(self._written[-1])

    def taken(self) -> bytes:
        """The bytes since the last call."""
        taken, self._written = b"".join(self._written), []
        return taken


def _parquet(extract: Extract) -> Iterator[bytes]:
    """GeoParquet 1.1, one row group a piece, Zstandard."""
    sink = _Sink()
    schema = extract.schema.with_metadata({"geo": orjson.dumps(_geo(extract))}) if extract.geometry else extract.schema
    with pq.ParquetWriter(pa.PythonFile(sink, "w"), schema, compression="zstd") as writer:
        for piece in extract.tables():
            writer.write_table(piece)
            yield sink.taken()
    yield sink.taken()


def _geo(extract: Extract) -> dict[str, Any]:
    """The file's metadata ``geo`` (GeoParquet 1.1): a CRS left out is OGC:CRS84."""
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": [extract.collection.geometry_type]}
    if extract.crs == CRS84:
        column["bbox"] = list(extract.collection.bbox)
    else:
        column["crs"] = CRS(extract.to.name).to_json_dict()
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}


def _gdal(driver: str, suffix: str, extract: Extract) -> Iterator[bytes]:
    """A format that GDAL writes: to a file first, because it is not written from front to back."""
    with tempfile.TemporaryDirectory(prefix="carbongrid-") as folder:
        path = Path(folder) / f"{extract.collection.id}.{suffix}"
        batches = (batch for piece in extract.tables() for batch in piece.to_batches())
        place = {"geometry_name": GEOMETRY, "geometry_type": extract.collection.geometry_type, "crs": extract.to.name}
        # FlatGeobuf's index has no place for a record without geometry
        bare = driver == FLATGEOBUF and not extract.collection.placed
        index = {"layer_options": {"SPATIAL_INDEX": "NO"}} if bare else {}
        reader = pa.RecordBatchReader.from_batches(extract.schema, batches)
        try:
            write_arrow(reader, path, layer=extract.collection.id, driver=driver, **place, **index)
        except RuntimeError as error:  # what GDAL makes of a stream that ended in an exception
            if extract.stopped():
                raise Stopped from error
            raise
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block


FILES = MappingProxyType(
    {
        f.id: f
        for f in (
            FileFormat("csv", "text/csv", "csv", "CSV", True, _csv),
            FileFormat("parquet", "application/vnd.apache.parquet", "parquet", "GeoParquet", True, _parquet),
            FileFormat("fgb", "application/flatgeobuf", "fgb", "FlatGeobuf", False, partial(_gdal, FLATGEOBUF, "fgb")),
            FileFormat(
                "gpkg", "application/geopackage+sqlite3", "gpkg", "GeoPackage", False, partial(_gdal, "GPKG", "gpkg")
            ),
        )
    }
)
"""Formats by the value of ``f``."""
