# SPDX-License-Identifier: Apache-2.0
"""Delimited text, headed or not, any separator, strict encoding: rows with geometry (WKT, lon/lat) or parcel energy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import shapely
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbonstore.activity import (
    ENERGY,
    ENERGY_COLUMNS,
    PNU_PARTS,
    SKIPPED,
    flat,
    numbers,
    pnu_from_parts,
    resolve,
    texts,
)
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.encoding import file_blocks, find_encoding
from carbonstore.sources.features import Features
from carbonstore.sources.parcel_energy import Meters, meters
from carbonstore.sources.table import features_of

_WKT, _LON, _LAT = "wkt", "lon", "lat"
_BLOCK = 16 << 20
"""Bytes read at once: no row may be longer, and an outline of a whole region may have megabytes of text."""


@dataclass(frozen=True)
class Text:
    """All fields as text under contract names or the header's, and the rows with a wrong number of fields."""

    table: pa.Table
    ragged: int
    encoding: str


def read(spec: SourceSpec) -> Features:
    """Rows with geometry, in the CRS the inventory file states (lon/lat: CRS84 if it states none).

    Rows with a wrong number of fields are counted as unread. InvalidInput for a missing geometry or CRS.
    """
    text = read_text(spec)
    names = text.table.column_names
    place = {g: _own_name(spec, g) for g in (_WKT, _LON, _LAT)}
    if place[_WKT] in names:
        geometry, crs = _from_wkt(text.table[place[_WKT]]), spec.crs
    elif place[_LON] in names and place[_LAT] in names:
        geometry, crs = _points(text.table[place[_LON]], text.table[place[_LAT]]), spec.crs or "OGC:CRS84"
    else:
        raise InvalidInput(
            "there is no geometry column", where=f"{spec.place}.columns", allowed=["wkt", "lon and lat", 'join = "pnu"']
        )
    if crs is None:
        raise InvalidInput(
            "is missing: text states no CRS", where=f"{spec.place}.crs", allowed=["EPSG:<code>, such as EPSG:5186"]
        )
    attributes = text.table.drop_columns([n for n in place.values() if n in names])
    named = replace(spec, columns={k: v for k, v in _renames(spec).items() if k not in place})
    features = features_of(named, attributes, geometry, crs, decimal_comma=spec.separator == ";")
    unread = {"wrong number of fields": text.ragged} if text.ragged else {}
    return replace(features, unread=unread, encoding=text.encoding)


def read_meters(spec: SourceSpec, year: int) -> Meters:
    """Parcel energy of one year: rows of the year summed by PNU (given, or composed from the registers' keys)."""
    text = read_text(spec)
    names = resolve(_renames(spec), text.table.column_names, ENERGY_COLUMNS, spec.place)
    carriers = [c for c in ENERGY if c in names]
    if not carriers:
        raise InvalidInput("there is no energy column", where=f"{spec.place}.columns", allowed=tuple(ENERGY))
    unparsed: dict[str, int] = {}
    energy: dict[str, NDArray[np.float64]] = {}
    for carrier in carriers:
        energy[carrier], bad = numbers(text.table[names[carrier]], least=0.0, decimal_comma=spec.separator == ";")
        unparsed |= {carrier: bad} if bad else {}
    pnu = _pnu(text.table, names, spec)
    months = _months(text.table, names)
    return meters(
        pnu, months, energy, year, ragged=text.ragged, unparsed=unparsed, encoding=text.encoding, place=spec.place
    )


def _renames(spec: SourceSpec) -> Mapping[str, str]:
    return spec.columns if isinstance(spec.columns, Mapping) else {}


def _own_name(spec: SourceSpec, name: str) -> str:
    return _renames(spec).get(name, name)


def _pnu(table: pa.Table, names: Mapping[str, str], spec: SourceSpec) -> NDArray[np.object_]:
    if "pnu" in names:
        return texts(table[names["pnu"]])
    if any(part not in names for part in PNU_PARTS):
        raise InvalidInput(
            "there is no parcel number", where=f"{spec.place}.columns", allowed=["pnu", " + ".join(PNU_PARTS)]
        )
    return pnu_from_parts({part: texts(table[names[part]]) for part in PNU_PARTS})


def _months(table: pa.Table, names: Mapping[str, str]) -> NDArray[np.object_] | None:
    """``yyyymm`` or ``yyyy`` of every row; None where the file has no time and all rows count."""
    name = names.get("use_ym") or names.get("year")
    if name is None:
        return None
    found = texts(table[name])
    return np.array([m.replace("-", "").replace(".", "")[:6] if m else None for m in found], object)


def read_text(spec: SourceSpec) -> Text:
    """All files of a source as one table of text; InvalidInput where they differ in columns or hold no rows."""
    parts = [_read_file(spec, path) for path in spec.paths]
    for path, part in zip(spec.paths, parts, strict=True):
        if part.table.column_names != parts[0].table.column_names:
            raise InvalidInput(
                f"'{path.name}' has other columns than '{spec.path.name}'",
                where=f"{spec.place}.path",
                allowed=parts[0].table.column_names,
            )
    encodings = dict.fromkeys(part.encoding for part in parts)
    return Text(pa.concat_tables([p.table for p in parts]), sum(p.ragged for p in parts), " | ".join(encodings))


def _read_file(spec: SourceSpec, path: Path) -> Text:
    encoding = find_encoding(path, file_blocks(path), spec.encoding, spec.place)
    ragged: list[pcsv.InvalidRow] = []

    def skip(row: pcsv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    reading, parsing = _options(spec, encoding, skip)
    try:
        with pcsv.open_csv(path, reading, parsing) as stream:
            columns = stream.schema.names
        ragged.clear()
        # Everything is read as text: as numbers, keys would lose their zeros.
        as_text = pcsv.ConvertOptions(column_types=dict.fromkeys(columns, pa.string()))
        table = pcsv.read_csv(path, reading, parsing, as_text)
    except pa.ArrowInvalid as error:
        raise InvalidInput(
            f"'{path.name}' holds no rows of fields", where=f"{spec.place}.path", allowed=["delimited text"]
        ) from error
    if not table.num_rows:
        raise _nothing_readable(spec, ragged, len(columns))
    return Text(table, len(ragged), encoding)


def _nothing_readable(spec: SourceSpec, ragged: list[pcsv.InvalidRow], columns: int) -> InvalidInput:
    if ragged:
        what = f"rows have {ragged[0].actual_columns} fields where {columns} columns are named"
        return InvalidInput(what, where=f"{spec.place}.columns", allowed=["one name a field", "the right separator"])
    return InvalidInput("the source is empty", where=spec.place, allowed=["a source with at least one row"])


def _options(
    spec: SourceSpec, encoding: str, skip: Callable[[pcsv.InvalidRow], str]
) -> tuple[pcsv.ReadOptions, pcsv.ParseOptions]:
    """Headerless where the inventory file lists the names. Quotes mean something in comma-like formats only."""
    names = (
        [f"{SKIPPED}{i}" if n == SKIPPED else n for i, n in enumerate(spec.columns)]
        if isinstance(spec.columns, tuple)
        else None
    )
    quoted = spec.separator in ",;\t"
    plain = "utf-8" if encoding == "utf-8-sig" else encoding
    reading = pcsv.ReadOptions(column_names=names, encoding=plain, block_size=_BLOCK)
    parsing = pcsv.ParseOptions(
        delimiter=spec.separator,
        quote_char='"' if quoted else False,
        newlines_in_values=quoted,
        invalid_row_handler=skip,
    )
    return reading, parsing


def _from_wkt(cells: Any) -> NDArray[np.object_]:
    """Shapes; None for what is none, for curves, and for collections in collections: GEOS reads those by recursion, and
    200,000 in one another end the process.
    """
    curved = pc.match_substring_regex(cells, "CURVE|SURFACE|CIRCULAR", ignore_case=True)
    nested = pc.greater(pc.count_substring(cells, "COLLECTION", ignore_case=True), 1)
    cells = pc.if_else(pc.or_(curved, nested), pa.scalar(None, pa.string()), cells)
    return np.asarray(shapely.from_wkt(texts(cells), on_invalid="ignore"), object)


def _points(lon: Any, lat: Any) -> NDArray[np.object_]:
    x, _ = numbers(flat(lon))
    y, _ = numbers(flat(lat))
    known = np.isfinite(x) & np.isfinite(y)
    geometry = np.full(len(x), None, object)
    geometry[known] = shapely.points(x[known], y[known])
    return geometry
