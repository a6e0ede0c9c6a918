# SPDX-License-Identifier: Apache-2.0
"""Overture Maps GeoParquet: buildings, road segments, forest land, each from its nested columns only what is needed.

Rows outside the boundary's box are skipped by their ``bbox`` and counted. Speed limits are the first one given; a
segment with the flag ``is_link`` is a ramp. Data: © OpenStreetMap contributors, Overture Maps Foundation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from carbongrid.crs import CRS84
from carbongrid.errors import InvalidInput
from carbongrid.roads import motor_classes
from carbonstore.activity import complete, numbers, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features
from carbonstore.sources.shapefiles import combined
from carbonstore.sources.table import row_ids

_KMH = {"mph": 1.609344}
_FOREST = ("forest", "wood")
_NO_TRAFFIC, _NOT_FOREST = "class without motor traffic", "non-forest code"

type Columns = dict[str, NDArray[Any]]
type Left = Mapping[str, NDArray[np.bool_]]


def read(spec: SourceSpec, context: ReadContext) -> Features:
    """Objects of one kind from all files; InvalidInput where a file is no Overture layer of that kind."""
    parts = [_read(spec, path, context) for path in spec.paths]
    return combined(spec, parts, [CRS84] * len(parts))


def _read(spec: SourceSpec, path: Path, context: ReadContext) -> Features:
    kind = spec.provides[0]
    table, skipped = _near(spec, path, _WANTED[kind], context)
    columns, left = _COLUMNS[kind](table, context)
    n = table.num_rows
    geometry = shapely.from_wkb(np.array(table["geometry"].to_pylist(), object), on_invalid="ignore")
    ids = row_ids(texts(table["id"]), n)
    features = Features.of(kind, ids, np.asarray(geometry, object), complete(columns, kind, n), CRS84)
    for reason, rows in left.items():
        features = features.reject(rows, reason)
    return replace(features, unread={"outside the boundary": skipped} if skipped else {})


def _near(spec: SourceSpec, path: Path, wanted: Sequence[str], context: ReadContext) -> tuple[pa.Table, int]:
    """Rows whose ``bbox`` meets the boundary's, and how many do not."""
    west, south, east, north = context.boundary.bounds
    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        lacking = [c for c in ("id", "geometry", "bbox", wanted[0]) if c not in names]
        if lacking:
            raise InvalidInput(
                f"'{path.name}' lacks the column '{lacking[0]}': it is no Overture layer of {spec.provides[0]}",
                where=f"{spec.place}.path",
                allowed=["id", "geometry", "bbox", *wanted],
            )
        box = [pc.field("bbox", "xmin") <= east, pc.field("bbox", "xmax") >= west]
        box += [pc.field("bbox", "ymin") <= north, pc.field("bbox", "ymax") >= south]
        where = box[0] & box[1] & box[2] & box[3]
        columns = ["id", "geometry", *(c for c in wanted if c in names)]
        table = pq.read_table(path, columns=columns, filters=where)
    except (OSError, pa.ArrowInvalid) as error:
        raise InvalidInput(
            f"'{path.name}' is no GeoParquet file", where=f"{spec.place}.path", allowed=[".parquet"]
        ) from error
    return table, file.metadata.num_rows - table.num_rows


def _buildings(table: pa.Table, context: ReadContext) -> tuple[Columns, Left]:
    """The use is the class, else its broader subtype."""
    use = _either(_text(table, "class"), _text(table, "subtype"))
    height, storeys = (_numbers(table, name) for name in ("height", "num_floors"))
    return {"use": use, "height_m": height, "storeys": storeys}, {}


def _roads(table: pa.Table, context: ReadContext) -> tuple[Columns, Left]:
    classes = _text(table, "class")
    links = [_flagged(flags, "is_link") for flags in _rows(table, "road_flags")]
    named = [f"{c}_link" if c and link else c for c, link in zip(classes.tolist(), links, strict=True)]
    speed = np.array([_speed(limits) for limits in _rows(table, "speed_limits")], np.float64)
    motor = motor_classes(context.factors)
    roads = _text(table, "subtype")
    still = [s not in (None, "road") or c not in motor for s, c in zip(roads.tolist(), named, strict=True)]
    return {"class": np.array(named, object), "speed_kmh": speed}, {_NO_TRAFFIC: np.array(still, bool)}


def _forests(table: pa.Table, context: ReadContext) -> tuple[Columns, Left]:
    """Land cover by its subtype, land by its class: forest and wood only."""
    pairs = zip(_text(table, "class").tolist(), _text(table, "subtype").tolist(), strict=True)
    forest = [c in _FOREST or s in _FOREST for c, s in pairs]
    cover = np.array(["forest" if f else None for f in forest], object)
    return {"land_cover": cover}, {_NOT_FOREST: ~np.array(forest, bool)}


def _text(table: pa.Table, name: str) -> NDArray[np.object_]:
    return texts(table[name]) if name in table.column_names else np.full(table.num_rows, None, object)


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return numbers(table[name], least=0.0, zero=False)[0]


def _rows(table: pa.Table, name: str) -> list[Any]:
    return table[name].to_pylist() if name in table.column_names else [None] * table.num_rows


def _either(first: NDArray[np.object_], second: NDArray[np.object_]) -> NDArray[np.object_]:
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([a if a is not None else b for a, b in pairs], object)


def _flagged(flags: Sequence[Mapping[str, Any]] | None, name: str) -> bool:
    return any(name in (flag.get("values") or ()) for flag in flags or ())


def _speed(limits: Sequence[Mapping[str, Any]] | None) -> float:
    """km/h of the first limit that has a value; NaN where there is none."""
    for limit in limits or ():
        most = limit.get("max_speed") or {}
        if most.get("value"):
            return float(most["value"]) * _KMH.get(most.get("unit") or "", 1.0)
    return float("nan")


_WANTED = {
    "buildings": ("class", "subtype", "height", "num_floors"),
    "roads": ("class", "subtype", "speed_limits", "road_flags"),
    "forests": ("subtype", "class"),
}
_COLUMNS: Mapping[str, Callable[[pa.Table, ReadContext], tuple[Columns, Left]]] = {
    "buildings": _buildings,
    "roads": _roads,
    "forests": _forests,
}
