# SPDX-License-Identifier: Apache-2.0
"""The input ``region`` -> a checked region: GeoJSON, a file, or a link to an item of this server, resolved in process.

No address is ever fetched (architecture, decision 13): a link is read as text, and only one that names an item of a
collection published here means anything.
"""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError, ProjError
from shapely import MultiPolygon, Polygon
from shapely.geometry import mapping

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import CarbongridError, InvalidInput, NotFound, TooLarge
from carbongrid.geometry.wkb import polygonal
from carbongrid.grid import Cell
from carbongrid.region import MAX_VERTICES, Box, Region
from carbonstore.collections import cells
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.collection import Collection
from carbonstore.places.reproject import reprojected
from carbonstore.releases.catalogue import Snapshot
from processes.base import Link, Placed, Upload
from processes.body import parse
from processes.schema import Json, point, refuse
from processes.uploads.files import GEOJSON as GEOJSON_FILE
from processes.uploads.files import Rows, rows

GEOJSON = ("Polygon", "MultiPolygon", "Feature", "FeatureCollection")
_ITEM = re.compile(r"/collections/([^/]+)/items/([^/]+)")


def schema() -> Json:
    """JSON schema of the input."""
    code: Json = {"unit": {"type": "string"}}
    unit: Json = {"type": "object", "properties": code, "required": ["unit"], "additionalProperties": False}
    return {"oneOf": [*_geometries(), _feature(), layer_schema(), unit]}


def layer_schema() -> Json:
    """JSON schema of a FeatureCollection of polygons."""
    return _typed("FeatureCollection", "features", {"type": "array", "items": _feature(), "minItems": 1})


def _feature() -> Json:
    return _typed("Feature", "geometry", {"oneOf": _geometries()})


def _geometries() -> list[Json]:
    position: Json = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 4}
    ring: Json = {"type": "array", "items": position, "minItems": 4}
    rings: Json = {"type": "array", "items": ring, "minItems": 1}
    polygons: Json = {"type": "array", "items": rings, "minItems": 1}
    return [_typed("Polygon", "coordinates", rings), _typed("MultiPolygon", "coordinates", polygons)]


def _typed(name: str, member: str, value: Json) -> Json:
    properties = {"type": {"type": "string", "enum": [name]}, member: value}
    return {"type": "object", "properties": properties, "required": ["type", member]}


def resolve(given: object, snapshot: Snapshot, url: str, near: Box | None) -> tuple[Region, str]:
    """The region of a checked input value and its place in the request; InvalidInput naming the place otherwise.

    ``near``: CRS84 box around where regions can be, to recognise swapped axes; None for anywhere.
    """
    if isinstance(given, Upload):
        return Region.from_geojson(geojson(given), where=given.at, served=near), given.at
    if isinstance(given, Link):
        return Region.from_polygon(item(given, snapshot, url)), given.at
    if not isinstance(given, Placed) or not isinstance(given.value, dict):
        raise refuse("a region is expected", "/inputs/region", *GEOJSON)
    return Region.from_geojson(given.value, where=given.at, served=near), given.at


def geojson(upload: Upload) -> object:
    """The polygons of a file as GeoJSON, so that whatever a region must be holds for files too.

    Vertices are brought to CRS84 one by one: a ring drawn in EPSG:5179 is the ring that its vertices make in GeoJSON.
    """
    if upload.media_type == GEOJSON_FILE:
        return parse(upload.data, upload.at)
    read = rows(upload)
    shapes = shapely.from_wkb(read.wkb, on_invalid="ignore")
    if (count := int(shapely.get_num_coordinates(shapes).sum())) > MAX_VERTICES:
        raise TooLarge(f"{count} vertices, more than the {MAX_VERTICES} a region may have", where=upload.at)
    if (missing := shapely.is_missing(shapes)).any():
        where = f"{upload.at}/features/{int(np.argmax(missing))}/geometry"
        raise refuse("there is no geometry, or none that can be read", where, "Polygon", "MultiPolygon")
    moved = reprojected(shapes, _checked_crs(read, shapes, upload), CRS84)
    features = [{"type": "Feature", "geometry": mapping(s)} for s in moved.tolist()]
    return {"type": "FeatureCollection", "features": features}


def _checked_crs(read: Rows, shapes: NDArray[np.object_], upload: Upload) -> str:
    """The CRS that the file states, where its coordinates can be in it."""
    if read.crs is None:
        known = ["a Shapefile with its .prj", "a GeoPackage with a spatial reference system", "GeoJSON or KML"]
        raise refuse("the file states no coordinate reference system", upload.at, *known)
    try:
        crs = CRS.from_user_input(read.crs)
        transformer(read.crs, CRS84)
    except (CRSError, ProjError):
        raise refuse("the file's coordinate reference system is unknown", upload.at, "one with an EPSG code") from None
    west, south, east, north = np.abs(shapely.total_bounds(shapes))
    if crs.is_projected and max(west, east) <= 180 and max(south, north) <= 90:
        raise refuse(f"the coordinates look like degrees, the file states {crs.name}", upload.at, "the true CRS")
    return read.crs


def served(snapshot: Snapshot) -> Box | None:
    """CRS84 bounds of all that is published, to recognise swapped axes; None while nothing is."""
    boxes = np.array([p.bbox for p in snapshot.inventories.values()])
    if not len(boxes):
        return None
    (west, south), (east, north) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def item(link: Link, snapshot: Snapshot, url: str) -> Polygon | MultiPolygon:
    """The area of the item of this server that a link names, in CRS84."""
    try:
        return outline(*linked(link, snapshot, url))
    except CarbongridError as error:
        raise InvalidInput(error.what, where=point(link.at, "href"), allowed=error.allowed) from None


def linked(link: Link, snapshot: Snapshot, url: str) -> tuple[Collection, str]:
    """The collection and the feature id that a link to an item of this server names, of the edition it names."""
    here = point(link.at, "href")
    address = urlsplit(link.href.removeprefix(url))
    found = _ITEM.fullmatch(address.path)
    if address.scheme or address.netloc or found is None:
        raise refuse("only an item of this server is taken by reference", here, f"{url}/collections/…/items/…")
    collection, feature = (unquote(part) for part in found.groups())
    return snapshot.at(collection, dict(parse_qsl(address.query)).get("edition")), feature


def outline(collection: Collection, feature: str) -> Polygon | MultiPolygon:
    """Area in CRS84 of a feature id ``{code}.{year}`` (or a bare code: newest year); NotFound where there is none."""
    code, _, year = feature.partition(".")
    (part,) = cells.get(collection, feature if year else f"{code}.{collection.newest}").parts
    if isinstance(collection, CellCollection):
        return square(collection.window.grid.parse(code), collection.window.grid.crs)
    (found,) = collection.shapes(part.year, part.rows)
    if not isinstance(found, Polygon | MultiPolygon):
        raise NotFound(f"item '{feature}' of {collection.id} has no area")
    return mended(found)


def mended(outline: Polygon | MultiPolygon) -> Polygon | MultiPolygon:
    """An outline made valid: cut to nine decimals, it may cross itself."""
    return outline if outline.is_valid else polygonal(shapely.make_valid(outline))


def square(cell: Cell, crs: str) -> Polygon:
    """A cell of a grid, its corners in CRS84 as exactly as they come."""
    to = transformer(crs, CRS84)
    whole = shapely.box(cell.west, cell.south, cell.west + cell.size, cell.south + cell.size)
    return shapely.transform(whole, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1])))
