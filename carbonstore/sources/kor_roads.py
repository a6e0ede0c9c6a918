# SPDX-License-Identifier: Apache-2.0
"""표준노드링크 (MOCT_LINK): directional road links with rank, lanes and speed limit; volumes come separately.

A link is one direction, so its volume is that direction's. Links not in use (ROAD_USE 1) are left out; ramps (CONNECT
other than 000) take the class of a ramp, whose default volume is smaller; 0 lanes and 0 km/h are unknown.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbonstore.activity import complete, read_column, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.definitions import definition, present
from carbonstore.sources.features import Features
from carbonstore.sources.shapefiles import Layer, combined, layer_crs, read_layers
from carbonstore.sources.table import row_ids

CRS = "EPSG:5186"
_RAMPS_BUT = ("000", "0")
_NOT_IN_USE = "1"


def read(spec: SourceSpec) -> Features:
    """Links of all parts; InvalidInput where LINK_ID or ROAD_RANK is missing."""

    def wanted(_: str, fields: Sequence[str]) -> list[str]:
        return list(_names(fields, spec).values())

    layers = read_layers(spec, wanted)
    found = [layer_crs(spec, layer, CRS) for layer in layers]
    pairs = zip(layers, found, strict=True)
    parts = [_features(spec, layer, crs, notes) for layer, (crs, notes) in pairs]
    return combined(spec, parts, [crs for crs, _ in found])


def _names(fields: Sequence[str], spec: SourceSpec) -> dict[str, str]:
    return present("kor_roads", fields, spec.place, required=["id", "class"])


def _features(spec: SourceSpec, layer: Layer, crs: str, notes: tuple[str, ...]) -> Features:
    names = _names(layer.table.column_names, spec)
    columns: dict[str, NDArray[Any]] = {}
    unparsed: dict[str, int] = {}
    for column in (c for c in names if c not in ("in_use", "connect")):
        columns[column], bad = read_column(column, "roads", layer.table[names[column]], spec.place)
        unparsed |= {column: bad} if bad else {}
    n = layer.table.num_rows
    blank = np.full(n, None, object)
    use = texts(layer.table[names["in_use"]]) if "in_use" in names else blank
    connect = texts(layer.table[names["connect"]]) if "connect" in names else blank
    columns["class"], ramps = _ramps(columns["class"], connect)
    columns["oneway"] = np.ones(n)
    ids = row_ids(columns.pop("id"), n)
    features = Features.of("roads", ids, layer.geometry, complete(columns, "roads", n), crs)
    notes = (*notes, f"{ramps} links are ramps") if ramps else notes
    features = replace(features, unparsed=unparsed, encoding=layer.encoding, notes=notes)
    return features.reject(np.array([u == _NOT_IN_USE for u in use.tolist()], bool), "not in use")


def _ramps(rank: NDArray[np.object_], connect: NDArray[np.object_]) -> tuple[NDArray[np.object_], int]:
    """Classes with ramps as ``*_link``, and how many ramps there are."""
    ramp_of = {row["rank"]: row["class"] for row in definition("kor_ramps")}
    ramp = [c is not None and c not in _RAMPS_BUT for c in connect.tolist()]
    rows = zip(rank.tolist(), ramp, strict=True)
    return np.array([ramp_of.get(r, r) if is_ramp else r for r, is_ramp in rows], object), sum(ramp)
