# SPDX-License-Identifier: Apache-2.0
"""Tables and queries of a PostGIS database, read only: geometry as WKB, every attribute as text.

The connection comes from an environment variable (``CARBONGRID_DATABASE``), never from the inventory file, and is named
in no message. Rows are ordered by id and geometry, so that the same rows make the same release; the report holds their
hash, because a database has no file to hash, which the release lists among its inputs.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from psycopg import sql

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.activity import known_columns, resolve
from carbonstore.collections.queries import refusal
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.features import Features
from carbonstore.sources.table import crs_of, features_of

_UNKNOWN_SRID = 0
_WAIT_S = 10


def read(spec: SourceSpec) -> Features:
    """The rows in the CRS their geometry states; InvalidInput for no connection, table, column, geometry or CRS."""
    address = os.environ.get(spec.options["variable"])
    if not address:
        raise InvalidInput(
            f"the environment variable {spec.options['variable']} is not set",
            where=spec.place,
            allowed=["postgresql://user@host/database"],
        )
    try:
        with psycopg.connect(address, connect_timeout=_WAIT_S) as connection:
            connection.read_only = True
            names, rows = _rows(connection, spec)
    except psycopg.errors.Error as error:
        what = refusal(error, f"the database named by {spec.options['variable']}")
        raise InvalidInput(what, where=spec.place, allowed=["a table or SELECT that may be read"]) from None
    return _features(spec, names, rows)


def _rows(connection: psycopg.Connection[Any], spec: SourceSpec) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Wanted columns and rows: their text, then WKB and SRID."""
    source = _source(spec)
    cursor = connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(source))
    available = [column.name for column in cursor.description or ()]
    geometry = spec.options["geometry"]
    if geometry not in available:
        raise UnknownName(geometry, available, kind="column", where=f"{spec.place}.geometry")
    fields = [name for name in available if name != geometry]
    renames = spec.columns if isinstance(spec.columns, dict) else {}
    names = list(dict.fromkeys(resolve(renames, fields, known_columns(spec.provides[0]), spec.place).values()))
    shape = sql.Identifier(geometry)
    picked = [sql.SQL("{}::text").format(sql.Identifier(name)) for name in names]
    picked += [sql.SQL("ST_AsBinary(ST_Force2D({}))").format(shape), sql.SQL("ST_SRID({})").format(shape)]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(picked), source)
    return names, sorted(connection.execute(query).fetchall(), key=_order)


def _source(spec: SourceSpec) -> sql.Composable:
    table: str | None = spec.options["table"]
    if table is not None:
        return sql.SQL("{} AS source").format(sql.Identifier(*table.split(".")))
    query: str = spec.options["query"]
    return sql.SQL("({}) AS source").format(_Text(query.rstrip().removesuffix(";")))


class _Text(sql.Composable):
    """The author's own SELECT, as it stands."""

    def as_bytes(self, context: Any = None) -> bytes:
        return str(self._obj).encode()


def _order(row: Sequence[Any]) -> tuple[tuple[bool, str], ...]:
    return tuple((value is None, value.hex() if isinstance(value, bytes) else str(value)) for value in row)


def _features(spec: SourceSpec, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Features:
    if not rows:
        raise InvalidInput("the source is empty", where=spec.place, allowed=["a table with at least one row"])
    columns = list(zip(*rows, strict=True))
    table = pa.table({name: pa.array(columns[i], pa.large_string()) for i, name in enumerate(names)})
    blobs: NDArray[np.object_] = np.empty(len(rows), object)
    blobs[:] = columns[-2]
    geometry = np.asarray(shapely.from_wkb(blobs, on_invalid="ignore"), object)
    if not names:
        table = pa.table({"_": pa.nulls(len(rows))})
    features = features_of(spec, table, geometry, _crs(spec, columns[-1]))
    digest = _digest(names, rows)
    return replace(features, notes=(f"{len(rows):,} rows, sha256 {digest}",), rows_sha256=digest)


def _crs(spec: SourceSpec, srids: Sequence[int | None]) -> str:
    if spec.crs is not None:
        return spec.crs
    found = sorted({s for s in srids if s is not None})
    if len(found) != 1 or found[0] == _UNKNOWN_SRID:
        what = "is missing: the geometry states no SRID" if found in ([], [0]) else f"the rows have SRIDs {found}"
        raise InvalidInput(what, where=f"{spec.place}.crs", allowed=["EPSG:<code>, such as EPSG:5186"])
    return crs_of(spec, f"EPSG:{found[0]}")


def _digest(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> str:
    digest = hashlib.sha256(repr(tuple(names)).encode())
    for row in rows:
        digest.update(repr(row).encode())
    return digest.hexdigest()
