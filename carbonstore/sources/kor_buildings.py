# SPDX-License-Identifier: Apache-2.0
"""GIS건물통합정보 (VWorld ``AL_D010_<sido>_<yyyymmdd>``) and its relatives ``AL_D162`` and ``F_FAC_BUILDING``.

The columns A0, A1, … mean what the definition of the release's day says (``kor_buildings.csv``), never what stands at a
position; number of columns and contents are checked against it. A1 is blank or repeated in some provinces, so the key
is A0 with A1. Zeros in height, storeys and floor area are unknown.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.activity import complete, read_column, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.definitions import definition
from carbonstore.sources.features import Features
from carbonstore.sources.shapefiles import Layer, combined, layer_crs, read_layers
from carbonstore.sources.table import row_ids

PREFIXES = ("AL_D010", "AL_D162", "F_FAC_BUILDING")
_NAME = re.compile(rf"({'|'.join(PREFIXES)})(?:_[^_]+)*?_(\d{{6}}(?:\d\d)?)(?!\d)")
_NUMBERED = re.compile(r"A\d+")
_PNU = re.compile(r"\d{19}")


@dataclass(frozen=True)
class Layout:
    """What the columns of a release mean: contract column -> names in the file; how many there are, if known."""

    name: str
    fields: int | None
    crs: str | None
    columns: Mapping[str, tuple[str, ...]]


def read(spec: SourceSpec) -> Features:
    """All parts of one release; InvalidInput where days differ, or a file is not what its name and day promise."""
    layouts: dict[str, Layout] = {}

    def wanted(name: str, fields: Sequence[str]) -> list[str]:
        layouts[name] = layout_of(name, fields, spec)
        return [own for names in layouts[name].columns.values() for own in names]

    layers = read_layers(spec, wanted)
    _same_release(spec, [layer.name for layer in layers])
    found = [layer_crs(spec, layer, layouts[layer.name].crs) for layer in layers]
    parts = [
        replace(_features(spec, layer, layouts[layer.name], crs), notes=(f"layout {layouts[layer.name].name}", *notes))
        for layer, (crs, notes) in zip(layers, found, strict=True)
    ]
    return combined(spec, parts, [crs for crs, _ in found])


def layout_of(name: str, fields: Sequence[str], spec: SourceSpec) -> Layout:
    """The layout of a file by its name's prefix and day and its columns' number; InvalidInput where none fits."""
    prefix, day = _prefix_and_day(name, spec)
    rows = [r for r in definition("kor_buildings") if r["prefix"] == prefix and r["first"] <= day <= r["last"]]
    count = sum(1 for field in fields if _NUMBERED.fullmatch(field))
    fitting = [r for r in rows if not r["fields"] or int(r["fields"]) == count]
    if not fitting:
        known = {r["layout"]: r["fields"] for r in definition("kor_buildings") if r["prefix"] == prefix}
        raise InvalidInput(
            f"'{name}' has {count} columns A0, A1, …: not the layout of a release of {day}",
            where=f"{spec.place}.path",
            allowed=[f"{layout}: {n} columns" for layout, n in known.items()],
        )
    first = fitting[0]
    columns: dict[str, tuple[str, ...]] = {}
    for row in (r for r in fitting if r["layout"] == first["layout"] and r["name"] in fields):
        columns[row["column"]] = (*columns.get(row["column"], ()), row["name"])
    for column in ("id", "pnu"):
        if column not in columns:
            own = next(r["name"] for r in fitting if r["column"] == column)
            raise UnknownName(own, fields, kind="column", where=f"{spec.place}.path")
    return Layout(first["layout"], int(first["fields"] or 0) or None, first["crs"] or None, columns)


def _prefix_and_day(name: str, spec: SourceSpec) -> tuple[str, str]:
    match = _NAME.match(name)
    prefix = match[1] if match else next((p for p in PREFIXES if name.startswith(p)), None)
    if prefix is None:
        raise InvalidInput(
            f"'{name}' does not begin like a building layer", where=f"{spec.place}.path", allowed=PREFIXES
        )
    day = spec.options["release"] or (match[2] if match else None)
    if day is None:
        what = f"is missing: '{name}' does not name its day, and columns mean what that day's definition says"
        raise InvalidInput(what, where=f"{spec.place}.release", allowed=["yyyymmdd"])
    return prefix, day if len(day) == 8 else f"{day}01"


def _same_release(spec: SourceSpec, names: Sequence[str]) -> None:
    """Two days of one province would count its buildings twice."""
    days = {_prefix_and_day(name, spec) for name in names}
    if len(days) > 1:
        releases = sorted(f"{prefix} of {day}" for prefix, day in days)
        raise InvalidInput("holds several releases", where=f"{spec.place}.path", allowed=[f"one of: {releases}"])


def _features(spec: SourceSpec, layer: Layer, layout: Layout, crs: str) -> Features:
    columns: dict[str, NDArray[Any]] = {}
    unparsed: dict[str, int] = {}
    for column, names in layout.columns.items():
        if column != "id":
            columns[column], bad = read_column(column, "buildings", layer.table[names[0]], spec.place)
            unparsed |= {column: bad} if bad else {}
    _check_keys(columns["pnu"], layout, spec)
    ids = row_ids(_key(layer.table, layout.columns["id"]), layer.table.num_rows)
    features = Features.of("buildings", ids, layer.geometry, complete(columns, "buildings", len(ids)), crs)
    return replace(features, unparsed=unparsed, encoding=layer.encoding)


def _key(table: pa.Table, names: Sequence[str]) -> NDArray[np.object_]:
    """A0, and A1 where it has one, as one key; None where both are blank."""
    parts = zip(*(texts(table[name]).tolist() for name in names), strict=True)
    return np.array(["/".join(p for p in row if p is not None) or None for row in parts], object)


def _check_keys(pnu: NDArray[np.object_], layout: Layout, spec: SourceSpec) -> None:
    """Most parcel numbers must be 19 digits: else the columns are not those of the layout."""
    given = [p for p in pnu.tolist() if p is not None]
    good = sum(1 for p in given if _PNU.fullmatch(p))
    if given and good < len(given) / 2:
        name = layout.columns["pnu"][0]
        raise InvalidInput(
            f"column {name} holds no parcel numbers ('{given[0]}'): the columns are not those of {layout.name}",
            where=f"{spec.place}.path",
            allowed=["19 digits"],
        )
