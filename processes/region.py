# SPDX-License-Identifier: Apache-2.0
"""The input ``region`` -> a checked region: GeoJSON, or a link to an item of this server, resolved in process.

No address is ever fetched (architecture, decision 13): a link is read as text, and only one that names an item of a
collection published here means anything.
"""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import shapely

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import CarbongridError, InvalidInput, NotFound
from carbongrid.region import Box, Region
from carbonstore.catalogue import Collection, Snapshot
from processes.base import Link, Placed
from processes.schema import Json, point, refuse

GEOJSON = ("Polygon", "MultiPolygon", "Feature", "FeatureCollection")
_ITEM = re.compile(r"/collections/([^/]+)/items/([^/]+)")


def schema() -> Json:
    """JSON schema of the input."""
    position: Json = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 4}
    ring: Json = {"type": "array", "items": position, "minItems": 4}
    rings: Json = {"type": "array", "items": ring, "minItems": 1}
    polygon = _typed("Polygon", "coordinates", rings)
    multi = _typed("MultiPolygon", "coordinates", {"type": "array", "items": rings, "minItems": 1})
    feature = _typed("Feature", "geometry", {"oneOf": [polygon, multi]})
    collection = _typed("FeatureCollection", "features", {"type": "array", "items": feature, "minItems": 1})
    code: Json = {"unit": {"type": "string"}}
    unit: Json = {"type": "object", "properties": code, "required": ["unit"], "additionalProperties": False}
    return {"oneOf": [polygon, multi, feature, collection, unit]}


def _typed(name: str, member: str, value: Json) -> Json:
    properties = {"type": {"type": "string", "enum": [name]}, member: value}
    return {"type": "object", "properties": properties, "required": ["type", member]}


def resolve(given: object, snapshot: Snapshot, url: str) -> tuple[Region, str]:
    """The region of a checked input value and its place in the request; InvalidInput naming the place otherwise."""
    if isinstance(given, Link):
        return Region.from_polygon(item(given, snapshot, url)), given.at
    if not isinstance(given, Placed) or not isinstance(given.value, dict):
        raise refuse("a region is expected", "/inputs/region", *GEOJSON)
    return Region.from_geojson(given.value, where=given.at, served=served(snapshot)), given.at


def served(snapshot: Snapshot) -> Box | None:
    """CRS84 bounds of all that is published, to recognise swapped axes; None while nothing is."""
    boxes = np.array([p.bbox for p in snapshot.inventories.values()])
    if not len(boxes):
        return None
    (west, south), (east, north) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def item(link: Link, snapshot: Snapshot, url: str) -> shapely.Polygon:
    """The cell that a link to an item of this server names, as a polygon in CRS84."""
    here = point(link.at, "href")
    address = urlsplit(link.href.removeprefix(url))
    found = _ITEM.fullmatch(address.path)
    if address.scheme or address.netloc or found is None:
        raise refuse("only an item of this server is taken by reference", here, f"{url}/collections/…/items/…")
    collection, feature = (unquote(part) for part in found.groups())
    try:
        return cell(snapshot.at(collection, dict(parse_qsl(address.query)).get("edition")), feature)
    except CarbongridError as error:
        raise InvalidInput(error.what, where=here, allowed=error.allowed) from None


def cell(collection: Collection, feature: str) -> shapely.Polygon:
    """Square of a feature id ``{cell_id}.{year}`` (or a bare cell id: newest year); NotFound where there is none."""
    code, _, year = feature.partition(".")
    level = collection.stored(int(year) if year.isdecimal() else collection.newest)
    found = level.window.grid.parse(code)
    index = level.window.index(found)
    at = np.searchsorted(level.index, -1 if index is None else index)
    if index is None or at == len(level.index) or level.index[at] != index or (year and not year.isdecimal()):
        raise NotFound(f"there is no item '{feature}' in {collection.id}")
    square = shapely.box(found.west, found.south, found.west + found.size, found.south + found.size)
    to = transformer(level.window.grid.crs, CRS84)
    return shapely.transform(square, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1])))
