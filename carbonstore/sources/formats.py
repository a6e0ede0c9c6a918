# SPDX-License-Identifier: Apache-2.0
"""Which module reads which kind of source."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from carbongrid.factors import FactorSet
from carbongrid.roads import motor_classes
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources import (
    built_surface,
    delimited,
    footprints,
    kor_buildings,
    kor_forest,
    kor_roads,
    osm,
    overture,
    postgis,
    raster,
    table,
)
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features, with_unique_ids

type Reader = Callable[[SourceSpec, ReadContext], Features]

READERS: Mapping[str, Reader] = {
    "table": lambda spec, context: table.read(spec),
    "delimited": lambda spec, context: delimited.read(spec),
    "kor_buildings": lambda spec, context: kor_buildings.read(spec),
    "kor_roads": lambda spec, context: kor_roads.read(spec),
    "kor_forest": lambda spec, context: kor_forest.read(spec),
    "overture": overture.read,
    "footprints": footprints.read,
    "raster": raster.read,
    "built_surface": built_surface.read,
    "postgis": lambda spec, context: postgis.read(spec),
}
"""Reader of every kind that gives one kind of object; each in its own CRS, before anything is projected or clipped."""


def read_format(spec: SourceSpec, context: ReadContext) -> list[Features]:
    """The objects of one source, one entry a kind; ids unique, repeated rows left out."""
    if spec.kind == "osm":
        return osm.read(spec.path, spec.provides, spec.place, context.factors)
    features = READERS[spec.kind](spec, context)
    if features.kind == "roads":
        features = _with_motor_traffic(features, context.factors)
    return [with_unique_ids(features, spec.place)]


def read_rows(spec: SourceSpec, context: ReadContext, rows: table.Rows) -> Features:
    """Some rows of a table; ids unique in all of it, rows repeated anywhere left out."""
    features = table.read(spec, rows)
    if features.kind == "roads":
        features = _with_motor_traffic(features, context.factors)
    ids, repeats = features.id.copy(), np.zeros(len(features), bool)
    ids[list(rows.ids)] = list(rows.ids.values())
    repeats[list(rows.repeats)] = True
    return replace(features, id=ids).reject(repeats, "repeated row")


def _with_motor_traffic(features: Features, factors: FactorSet) -> Features:
    """Links of classes that the country's table knows to be without motor traffic are left out; others stay."""
    still = {*factors.tables["roads_classes"].text("class")} - motor_classes(factors)
    classes = features.columns["class"].tolist()
    return features.reject(np.array([c in still for c in classes], bool), "class without motor traffic")
