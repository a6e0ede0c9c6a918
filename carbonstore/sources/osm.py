# SPDX-License-Identifier: Apache-2.0
"""OpenStreetMap extracts (.osm, .osm.gz, .osm.pbf) through GDAL's OSM driver: buildings, roads, forests.

Counts and lengths are as GDAL reads them. Tagged objects are counted first by a reader of our own, so an object that
GDAL cannot assemble (a forest whose outline leaves the extract) is reported and does not vanish.
Data: © OpenStreetMap contributors, ODbL 1.0.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbongrid.roads import motor_classes
from carbonstore.activity import complete
from carbonstore.sources import osm_tags
from carbonstore.sources.features import Features
from carbonstore.sources.osm_raw import RawObject, from_layer, tagged_objects

SUFFIXES = (".osm", ".osm.gz", ".osm.pbf", ".pbf")
type Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class _Theme:
    """How a kind is found: GDAL layer and filter, our own test of a raw object, and its activity columns."""

    layer: str
    where: str
    wanted: Callable[[RawObject], bool]
    columns: Callable[[Columns], tuple[dict[str, NDArray[Any]], dict[str, int]]]


def read(path: Path, kinds: Sequence[str], place: str, factors: FactorSet) -> list[Features]:
    """Objects of the kinds asked for, in CRS84, in GDAL's order; InvalidInput where the file is no OSM extract.

    ``factors`` tell which ``highway`` values carry motor traffic.
    """
    if not path.name.endswith(SUFFIXES):
        raise InvalidInput(f"'{path.name}' is not an OpenStreetMap extract", where=f"{place}.path", allowed=SUFFIXES)
    raw = _raw_objects(path, kinds, place)
    motor = motor_classes(factors)
    return [_read_kind(path, kind, [o for o in raw if THEMES[kind].wanted(o)], place, motor) for kind in kinds]


def _read_kind(path: Path, kind: str, raw: Sequence[RawObject], place: str, motor: frozenset[str]) -> Features:
    theme = THEMES[kind]
    table = _layer(path, theme.layer, theme.where, place)
    columns = {name: table[name].to_pylist() for name in table.column_names if name != "wkb_geometry"}
    activity, unparsed = theme.columns(columns)
    ids = _ids(columns)
    blobs = np.array(table["wkb_geometry"].to_pylist(), object)
    geometry = shapely.from_wkb(blobs, on_invalid="ignore")
    features = Features.of(kind, ids, geometry, complete(activity, kind, len(ids)), "OGC:CRS84")
    if kind == "roads":
        moving = np.array([c in motor for c in columns["highway"]], bool)
        features = features.reject(~moving, "class without motor traffic")
    have = set(ids.tolist())
    unread = Counter(_why_unread(kind, o) for o in raw if o.key not in have)
    return replace(features, unread=dict(unread), unparsed=unparsed, notes=_notes(path, len(ids)))


def _notes(path: Path, n: int) -> tuple[str, ...]:
    notes = []
    if path.name.endswith(".pbf"):
        notes.append("tagged objects were counted in GDAL's layers: relations it cannot assemble are not among them")
    if n == 0:
        notes.append("the extract holds none: if they were left out of it, leave them out of provides too")
    return tuple(notes)


def _ids(columns: Columns) -> NDArray[np.object_]:
    """``way/1`` or ``relation/1``: GDAL's lines are ways, its multipolygons either."""
    ways = columns.get("osm_way_id")
    if ways is None:
        return np.array([f"way/{i}" for i in columns["osm_id"]], object)
    pairs = zip(columns["osm_id"], ways, strict=True)
    return np.array([f"relation/{r}" if r else f"way/{w}" for r, w in pairs], object)


def _layer(path: Path, layer: str, where: str, place: str, *, geometry: bool = True) -> pa.Table:
    # GDAL would write an index file beside a gzipped source; the author's folder is not ours to write in.
    pyogrio.set_gdal_config_options({"CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO"})
    source = f"/vsigzip/{path.resolve()}" if path.suffix == ".gz" else str(path)
    with as_file(files("carbonstore.sources") / "osmconf.ini") as config:
        try:
            return pyogrio.read_arrow(
                source, layer=layer, where=where, read_geometry=geometry, CONFIG_FILE=str(config)
            )[1]
        except (DataSourceError, DataLayerError) as error:
            raise InvalidInput(
                f"'{path.name}' is not a readable OpenStreetMap extract", where=f"{place}.path", allowed=SUFFIXES
            ) from error


def _raw_objects(path: Path, kinds: Sequence[str], place: str) -> list[RawObject]:
    if not path.name.endswith(".pbf"):
        return tagged_objects(path, lambda o: any(THEMES[k].wanted(o) for k in kinds), f"{place}.path")
    found: list[RawObject] = []
    for layer, element in (
        ("points", "node"),
        ("lines", "way"),
        ("multipolygons", ""),
        ("other_relations", "relation"),
    ):
        usable = [k for k in kinds if layer != "points" or k != "roads"]
        where = " OR ".join(f"({_ANY[k]})" for k in usable)
        table = _layer(path, layer, where, place, geometry=False) if usable else None
        if table is not None:
            columns = {c: table[c].to_pylist() for c in table.column_names}
            found += _multipolygons(columns) if element == "" else from_layer(element, columns)
    return found


def _multipolygons(columns: Columns) -> list[RawObject]:
    ways = {k: v for k, v in columns.items() if k != "osm_way_id"}
    relations = [o for o in from_layer("relation", ways) if o.id != "None"]
    closed = [o for o in from_layer("way", {**ways, "osm_id": columns["osm_way_id"]}) if o.id != "None"]
    # A road among the areas is one that carries area=yes: GDAL makes lines of all others.
    return [replace(o, tags={**o.tags, "area": "yes"}, closed=True) for o in (*relations, *closed)]


def _why_unread(kind: str, raw: RawObject) -> str:
    if raw.tags.get("area") == "yes" and kind == "roads":
        return "area, not a line"
    if raw.element == "node":
        return "point without an outline"
    if raw.element == "relation" and raw.tags.get("type") != "multipolygon":
        return "relation that is no multipolygon"
    if raw.element == "way" and not raw.closed and kind != "roads":
        return "way that is not closed"
    return "geometry not assembled"


def _is_building(raw: RawObject) -> bool:
    return raw.tags.get("building", "no") != "no"


def _is_road(raw: RawObject) -> bool:
    """Nodes with ``highway`` are crossings, stops and lamps, not roads."""
    return "highway" in raw.tags and raw.element != "node"


def _is_forest(raw: RawObject) -> bool:
    return raw.tags.get("landuse") == "forest" or raw.tags.get("natural") == "wood"


def _building_columns(tags: Columns) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    storeys, bad_storeys = osm_tags.counts(tags["building:levels"])
    height, bad_height = osm_tags.metres(tags["height"])
    built, bad_built = osm_tags.years(tags["start_date"])
    # building=yes says that there is a building, not what it is for.
    use = np.array([None if v == "yes" else v for v in tags["building"]], object)
    columns = {"use": use, "storeys": storeys, "height_m": height, "year_built": built}
    return columns, _bad(storeys=bad_storeys, height_m=bad_height, year_built=bad_built)


def _road_columns(tags: Columns) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    lanes, bad_lanes = osm_tags.counts(tags["lanes"])
    speed, bad_speed = osm_tags.kilometres_per_hour(tags["maxspeed"])
    oneway = osm_tags.oneway(tags["oneway"], tags["highway"], tags["junction"])
    columns = {"class": np.array(tags["highway"], object), "lanes": lanes, "speed_kmh": speed, "oneway": oneway}
    return columns, _bad(lanes=bad_lanes, speed_kmh=bad_speed)


def _forest_columns(tags: Columns) -> tuple[dict[str, NDArray[Any]], dict[str, int]]:
    cover = ["forest" if landuse == "forest" else "wood" for landuse in tags["landuse"]]
    return {"species": np.array(tags["leaf_type"], object), "land_cover": np.array(cover, object)}, {}


def _bad(**counts: int) -> dict[str, int]:
    return {name: n for name, n in counts.items() if n}


_ANY = {
    "buildings": "building IS NOT NULL AND building <> 'no'",
    "roads": "highway IS NOT NULL",
    "forests": "landuse = 'forest' OR \"natural\" = 'wood'",
}
THEMES = {
    "buildings": _Theme("multipolygons", _ANY["buildings"], _is_building, _building_columns),
    "roads": _Theme("lines", _ANY["roads"], _is_road, _road_columns),
    "forests": _Theme("multipolygons", _ANY["forests"], _is_forest, _forest_columns),
}
"""What each kind is in OpenStreetMap: ``building=*``, ``highway=*`` lines, ``landuse=forest`` and ``natural=wood``."""
