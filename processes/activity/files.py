# SPDX-License-Identifier: Apache-2.0
"""One table of activity data as a source of the build: a file in a folder, and what an inventory file says of it."""

from collections.abc import Mapping
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS
from pyproj.exceptions import CRSError

from carbongrid.errors import InvalidInput, TooLarge, UnknownName
from carbonstore.activity import SKIPPED, known_columns
from carbonstore.inventory.source_spec import SourceSpec
from processes.base import ASYNC, Placed, Upload
from processes.uploads.files import CSV, GEOJSON, Rows, rows

MAX_ROWS, MAX_ROWS_AT_ONCE = 200_000, 50_000
"""Most rows of a table: of a job, and of a request that waits for its answer."""
_SEPARATORS = ",;\t|"


def source(kind: str, inputs: Mapping[str, object], folder: Path, job: bool) -> SourceSpec:
    """A source of buildings, roads or forests, its rows written below ``folder``; TooLarge beyond the limits."""
    given = _upload(inputs[kind])
    columns, crs = _member(inputs, "columns", kind), _member(inputs, "source_crs", kind)
    form = "delimited" if given.media_type == CSV else "table"
    path = folder / f"{kind}.{'csv' if form == 'delimited' else 'parquet'}"
    if form == "delimited":
        count = given.data.count(b"\n") - (columns is None or isinstance(columns, dict))
        path.write_bytes(given.data)
    else:
        found = rows(given)
        count = found.table.num_rows
    most = MAX_ROWS if job else MAX_ROWS_AT_ONCE
    if count > most:
        better = [f"{most:,} rows"] if job else [f"{most:,} rows", ASYNC]
        raise TooLarge(f"{count:,} rows", where=given.at, allowed=better)
    if form == "table":
        _write(found, path)
    return SourceSpec(
        kind=form,
        path=path,
        provides=(kind,),
        licence="",
        attribution="",
        place=f"/inputs/{kind}",
        columns=_columns(columns, kind, form),
        crs=_crs(crs, kind),
        separator=_separator(given.data) if form == "delimited" else ",",
    )


def _upload(given: object) -> Upload:
    """A file, or GeoJSON as it stands in the request."""
    if isinstance(given, Upload):
        return given
    assert isinstance(given, Placed)
    return Upload(orjson.dumps(given.value), GEOJSON, given.at)


def _member(inputs: Mapping[str, object], name: str, kind: str) -> object:
    value = inputs.get(name, {})
    return value.get(kind) if isinstance(value, dict) else None


def _write(found: Rows, path: Path) -> None:
    """Rows as GeoParquet 1.1, the CRS that the file stated beside them."""
    crs = None if found.crs is None else _projjson(found.crs)
    column = {"encoding": "WKB", "geometry_types": [], "crs": crs}
    meta = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    table = found.table.append_column("geometry", pa.array(found.wkb, pa.binary()))
    pq.write_table(table.replace_schema_metadata({"geo": orjson.dumps(meta)}), path)


def _projjson(crs: str) -> object:
    try:
        return CRS.from_user_input(crs).to_json_dict()
    except CRSError:
        return None


def _columns(given: object, kind: str, form: str) -> Mapping[str, str] | tuple[str, ...]:
    """Renames, or the names of headerless text in order, each a column that the kind can have."""
    known, at = known_columns(kind, form), f"/inputs/columns/{kind}"
    if given is None:
        return {}
    if isinstance(given, list) and form != "delimited":
        raise InvalidInput("a list of names is for text without a header", where=at, allowed=['{"name": "own name"}'])
    for name in given if isinstance(given, list | dict) else ():
        if not known(name) and not (isinstance(given, list) and name == SKIPPED):
            raise UnknownName(name, known.names, kind="column", where=at)
    if isinstance(given, list):
        return tuple(given)
    assert isinstance(given, dict)
    for name, own in given.items():
        if not isinstance(own, str):
            raise InvalidInput("the name of a column is expected", where=f"{at}/{name}", allowed=["text"])
    return dict(given)


def _crs(given: object, kind: str) -> str | None:
    if given is None:
        return None
    try:
        CRS.from_authority(*str(given).split(":", 1))
    except (CRSError, TypeError):
        where = f"/inputs/source_crs/{kind}"
        raise InvalidInput(f"'{given}' is not a known CRS", where=where, allowed=["EPSG:<code>"]) from None
    return str(given)


def _separator(data: bytes) -> str:
    """The separator that occurs most in the first line."""
    first = data.split(b"\n", 1)[0].decode("latin-1")
    return max(_SEPARATORS, key=first.count)
