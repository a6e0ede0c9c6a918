# SPDX-License-Identifier: Apache-2.0
"""Vector tables: GeoPackage, GeoJSON and Shapefile through GDAL, GeoParquet through Arrow.

A table states its CRS or the inventory file does; without either it is refused. Where both do, the author's word counts
and the report says so.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.activity import complete, known_columns, read_column, resolve
from carbonstore.source_spec import SourceSpec
from carbonstore.sources.dbf import shapefile_encoding
from carbonstore.sources.features import Features

SUFFIXES = (".gpkg", ".geojson", ".json", ".shp", ".parquet", ".geoparquet")
_PARQUET = (".parquet", ".geoparquet")
_ROW = "row"


@dataclass(frozen=True)
class _Layer:
    """Attributes as an Arrow table, WKB beside it, the CRS that the file states, its encoding where it has one."""

    table: pa.Table
    wkb: NDArray[np.object_]
    crs: str | None
    encoding: str | None = None


def read(spec: SourceSpec) -> Features:
    """The table's rows in its own CRS; InvalidInput for no CRS, an unknown column or layer, undecodable text."""
    suffix = spec.path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidInput(f"'{spec.path.name}' is no table", where=f"{spec.place}.path", allowed=SUFFIXES)
    layer = _parquet(spec) if suffix in _PARQUET else _ogr(spec)
    crs = crs_of(spec, layer.crs)
    geometry = shapely.from_wkb(layer.wkb, on_invalid="ignore")
    features = features_of(spec, layer.table, geometry, crs)
    return replace(features, notes=_notes(spec, layer), encoding=layer.encoding)


def features_of(
    spec: SourceSpec, table: pa.Table, geometry: NDArray[np.object_], crs: str, *, decimal_comma: bool = False
) -> Features:
    """Activity columns of an attribute table by their contract names, with their geometry."""
    kind = spec.provides[0]
    names = resolve(_renames(spec), table.column_names, known_columns(kind, spec.kind), spec.place)
    columns: dict[str, NDArray[Any]] = {}
    unparsed: dict[str, int] = {}
    for name, own in names.items():
        columns[name], bad = read_column(name, kind, table[own], spec.place, decimal_comma=decimal_comma)
        unparsed |= {name: bad} if bad else {}
    ids = row_ids(columns.pop("id", None), table.num_rows)
    features = Features.of(kind, ids, geometry, complete(columns, kind, table.num_rows), crs)
    return replace(features, unparsed=unparsed)


def row_ids(ids: NDArray[np.object_] | None, n: int) -> NDArray[np.object_]:
    """Ids as text; rows without one are named by their number, from 1."""
    given = ids if ids is not None else np.full(n, None, object)
    return np.array([i if i is not None else f"{_ROW}/{row}" for row, i in enumerate(given.tolist(), 1)], object)


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


def _parquet(spec: SourceSpec) -> _Layer:
    """GeoParquet 1.x: geometry as WKB, CRS as PROJJSON (absent means OGC:CRS84, null means unknown)."""
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
    fields = [f for f in file.schema_arrow.names if f != name]
    table = file.read(columns=[*_wanted(spec, fields), name])
    crs = (
        "OGC:CRS84"
        if "crs" not in column
        else None
        if column["crs"] is None
        else _authority(CRS.from_json_dict(column["crs"]))
    )
    return _Layer(table.drop_columns([name]), np.array(table[name].to_pylist(), object), crs)


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
