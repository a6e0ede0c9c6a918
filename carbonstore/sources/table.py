# SPDX-License-Identifier: Apache-2.0
"""Vector tables: GeoPackage, GeoJSON, Shapefile (zipped too) and geodatabase by GDAL, GeoParquet by Arrow.

A table states its CRS or the inventory file does; without either it is refused. Where both do, the author's word counts
and the report says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.activity import complete, known_columns, read_column, resolve, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.archive import opened
from carbonstore.sources.dbf import shapefile_encoding
from carbonstore.sources.features import Features, numbered, shared_ids

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".zip", ".gdb", ".parquet", ".geoparquet")
_PARQUET = (".parquet", ".geoparquet")
_ROW = "row"
_UNNAMED = pa.array(["", "-"])
"""Texts that are no id."""


@dataclass(frozen=True)
class _Layer:
    """Attributes as an Arrow table, WKB beside it, the CRS that the file states, its encoding where it has one."""

    table: pa.Table
    wkb: NDArray[np.object_]
    crs: str | None
    encoding: str | None = None


@dataclass(frozen=True)
class Rows:
    """Some consecutive rows of a file. ``ids`` of rows (from ``start``) that had to be told apart from rows anywhere in
    the file, and the ``repeats``: rows that are there already.
    """

    start: int
    stop: int
    ids: Mapping[int, str]
    repeats: tuple[int, ...]


def slices(spec: SourceSpec, size: int) -> tuple[list[Rows], int] | None:
    """A GeoParquet file of more than ``size`` rows in slices, and how many ids several rows share; else None."""
    if spec.kind != "table" or spec.path.suffix.lower() not in _PARQUET:
        return None
    file, name, _ = _opened(spec)
    n = int(file.metadata.num_rows)
    if n <= size:
        return None
    own = resolve(_renames(spec), _fields(file, name), known_columns(spec.provides[0], spec.kind), spec.place).get("id")
    whole = [Rows(i, min(i + size, n), {}, ()) for i in range(0, n, size)]
    cells = file.read(columns=[own])[own] if own else None
    if cells is None or _differ(cells):
        return whole, 0
    ids = row_ids(texts(cells, f"{spec.place}.id"), n)
    rows = shared_ids(ids)
    if not len(rows):
        return whole, 0
    shapes = file.read(columns=[name])[name].take(pa.array(rows)).to_pylist()
    named, repeats, shared = numbered(ids[rows].tolist(), shapely.to_wkb(shapely.from_wkb(shapes, on_invalid="ignore")))
    return [_rows(i, min(i + size, n), rows, named, repeats) for i in range(0, n, size)], shared


def _differ(ids: pa.ChunkedArray) -> bool:
    """Whether every row has an id of its own, told without a Python object a row; False where texts must be read."""
    if ids.null_count or not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)):
        return False
    trimmed = pc.utf8_trim_whitespace(ids)
    return bool(pc.count_distinct(trimmed).as_py() == len(ids) and not pc.any(pc.is_in(trimmed, _UNNAMED)).as_py())


def _rows(
    start: int, stop: int, rows: NDArray[np.intp], named: NDArray[np.object_], repeats: NDArray[np.bool_]
) -> Rows:
    here = slice(*np.searchsorted(rows, [start, stop]))
    at = (rows[here] - start).tolist()
    ids = dict(zip(at, named[here].tolist(), strict=True))
    return Rows(start, stop, ids, tuple((rows[here][repeats[here]] - start).tolist()))


def read(spec: SourceSpec, rows: Rows | None = None) -> Features:
    """The table's rows in its own CRS; InvalidInput for no CRS, an unknown column or layer, undecodable text."""
    suffix = spec.path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInput(f"'{spec.path.name}' is no table", where=f"{spec.place}.path", allowed=SUFFIXES)
    layer = _parquet(spec, rows) if suffix in _PARQUET else _zipped(spec) if suffix == ".zip" else _ogr(spec)
    crs = crs_of(spec, layer.crs)
    geometry = shapely.from_wkb(layer.wkb, on_invalid="ignore")
    features = features_of(spec, layer.table, geometry, crs, first=rows.start + 1 if rows else 1)
    return replace(features, notes=_notes(spec, layer), encoding=layer.encoding)


def features_of(
    spec: SourceSpec,
    table: pa.Table,
    geometry: NDArray[np.object_],
    crs: str,
    *,
    decimal_comma: bool = False,
    first: int = 1,
) -> Features:
    """Activity columns of an attribute table by their contract names, with their geometry; ``first``: its first row."""
    kind = spec.provides[0]
    names = resolve(_renames(spec), table.column_names, known_columns(kind, spec.kind), spec.place)
    columns: dict[str, NDArray[Any]] = {}
    unparsed: dict[str, int] = {}
    for name, own in names.items():
        columns[name], bad = read_column(name, kind, table[own], spec.place, decimal_comma=decimal_comma)
        unparsed |= {name: bad} if bad else {}
    ids = row_ids(columns.pop("id", None), table.num_rows, first)
    features = Features.of(kind, ids, geometry, complete(columns, kind, table.num_rows), crs)
    return replace(features, unparsed=unparsed)


def row_ids(ids: NDArray[np.object_] | None, n: int, first: int = 1) -> NDArray[np.object_]:
    """Ids as text; rows without one are named by their number, from ``first``."""
    given = ids if ids is not None else np.full(n, None, object)
    return np.array([i if i is not None else f"{_ROW}/{row}" for row, i in enumerate(given.tolist(), first)], object)


def _zipped(spec: SourceSpec) -> _Layer:
    """The shapefile of a zip; the one named by ``layer`` where it holds several."""
    with opened(spec.path, spec.place) as files:
        names = {file.stem: file for file in files}
        if spec.layer is None and len(files) > 1:
            raise InvalidInput("is missing: the zip has several layers", where=f"{spec.place}.layer", allowed=names)
        if spec.layer is not None and spec.layer not in names:
            raise UnknownName(spec.layer, names, kind="layer", where=f"{spec.place}.layer")
        return _ogr(replace(spec, path=names[spec.layer] if spec.layer else files[0], layer=None))


def _ogr(spec: SourceSpec) -> _Layer:
    path = spec.path
    is_shapefile = path.suffix.lower() == ".shp"
    encoding = shapefile_encoding(path, spec.encoding, spec.place) if is_shapefile else spec.encoding
    layer = _layer_name(spec)
    try:
        columns = _wanted(spec, list(pyogrio.read_info(path, layer=layer, encoding=encoding)["fields"]))
        meta, table = pyogrio.read_arrow(path, layer=layer, columns=columns, encoding=encoding)
    except (DataSourceError, DataLayerError) as error:
        raise InvalidInput(f"'{path.name}' cannot be read", where=f"{spec.place}.path", allowed=SUFFIXES) from error
    name = meta["geometry_name"] or "wkb_geometry"
    if name not in table.column_names:
        raise InvalidInput(
            f"'{path.name}' holds no geometry", where=f"{spec.place}.path", allowed=["a layer with geometry"]
        )
    wkb = np.array(table[name].to_pylist(), object)
    return _Layer(table.drop_columns([name]), wkb, meta["crs"], encoding)


def _wanted(spec: SourceSpec, fields: Sequence[str]) -> list[str]:
    names = resolve(_renames(spec), fields, known_columns(spec.provides[0]), spec.place)
    return list(dict.fromkeys(names.values()))


def _renames(spec: SourceSpec) -> Mapping[str, str]:
    """Renames of a table; headerless text has its columns named already."""
    return spec.columns if isinstance(spec.columns, Mapping) else {}


def _layer_name(spec: SourceSpec) -> str | None:
    try:
        layers = [str(name) for name in pyogrio.list_layers(spec.path)[:, 0]]
    except DataSourceError as error:
        raise InvalidInput(
            f"'{spec.path.name}' cannot be read", where=f"{spec.place}.path", allowed=SUFFIXES
        ) from error
    if spec.layer is None and len(layers) > 1:
        raise InvalidInput("is missing: the file has several layers", where=f"{spec.place}.layer", allowed=layers)
    if spec.layer is not None and spec.layer not in layers:
        raise UnknownName(spec.layer, layers, kind="layer", where=f"{spec.place}.layer")
    return spec.layer


def _parquet(spec: SourceSpec, rows: Rows | None) -> _Layer:
    """GeoParquet 1.x: geometry as WKB, CRS as PROJJSON (absent means OGC:CRS84, null means unknown)."""
    file, name, column = _opened(spec)
    names = [*_wanted(spec, _fields(file, name)), name]
    table = file.read(columns=names) if rows is None else _sliced(file, names, rows)
    crs = (
        "OGC:CRS84"
        if "crs" not in column
        else None
        if column["crs"] is None
        else _authority(CRS.from_json_dict(column["crs"]))
    )
    return _Layer(table.drop_columns([name]), np.array(table[name].to_pylist(), object), crs)


def _opened(spec: SourceSpec) -> tuple[pq.ParquetFile, str, dict[str, Any]]:
    """The file, the name of its geometry column and what it says of it."""
    try:
        file = pq.ParquetFile(spec.path)
        meta = json.loads((file.schema_arrow.metadata or {})[b"geo"])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise InvalidInput(
            f"'{spec.path.name}' is no GeoParquet file", where=f"{spec.place}.path", allowed=SUFFIXES
        ) from error
    name = meta["primary_column"]
    column = meta["columns"][name]
    if column.get("encoding") != "WKB":
        raise InvalidInput(f"the geometry is encoded as {column.get('encoding')}", where=spec.place, allowed=["WKB"])
    return file, name, column


def _fields(file: pq.ParquetFile, geometry: str) -> list[str]:
    return [f for f in file.schema_arrow.names if f != geometry]


def _sliced(file: pq.ParquetFile, names: Sequence[str], rows: Rows) -> pa.Table:
    """Some rows, from the row groups that hold them."""
    ends = np.cumsum([file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)])
    groups = range(
        int(np.searchsorted(ends, rows.start, "right")), int(np.searchsorted(ends, rows.stop - 1, "right")) + 1
    )
    first = int(ends[groups[0] - 1]) if groups[0] else 0
    return file.read_row_groups(list(groups), columns=list(names)).slice(rows.start - first, rows.stop - rows.start)


def _authority(crs: CRS) -> str:
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.to_wkt()


def crs_of(spec: SourceSpec, stated: str | None) -> str:
    """The author's CRS, else the one the file states; InvalidInput where neither says or PROJ knows no way from it."""
    if spec.crs is not None:
        return spec.crs
    if stated is None:
        raise InvalidInput(
            f"is missing: '{spec.path.name}' states no CRS",
            where=f"{spec.place}.crs",
            allowed=["EPSG:<code>, such as EPSG:5186"],
        )
    try:
        return _authority(CRS.from_user_input(stated))
    except CRSError as error:
        raise InvalidInput("the file's CRS is unknown", where=f"{spec.place}.crs", allowed=["EPSG:<code>"]) from error


def _notes(spec: SourceSpec, layer: _Layer) -> tuple[str, ...]:
    notes: list[str] = []
    if spec.crs and layer.crs and CRS.from_user_input(spec.crs) != CRS.from_user_input(layer.crs):
        stated = CRS.from_user_input(layer.crs)
        notes.append(
            f"the file states {_authority(stated) if stated.to_authority() else stated.name}, the inventory {spec.crs}"
        )
    return tuple(notes)
