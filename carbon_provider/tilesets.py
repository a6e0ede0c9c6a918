# SPDX-License-Identifier: Apache-2.0
"""Tilesets as documents: OGC tileset metadata with limits (17-083r4, 20-057) and TileJSON 3.0, for both doors.

pygeoapi's own are unusable: TileJSON with strings for arrays, no limits, links that are not marked as templates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Any

from pyproj import Transformer

from carbongrid.errors import InvalidInput, NotFound
from carbonstore import tms
from carbonstore.catalogue import Collection, Snapshot
from carbonstore.fields import Field, Text
from carbonstore.quads import CRS84, Box, crs_uri
from carbonstore.tms import TileMatrixSet

type Json = dict[str, Any]

MVT = "application/vnd.mapbox-vector-tile"
OGC = "http://www.opengis.net/def/rel/ogc/1.0"
TILEJSON_SET = "WebMercatorQuad"
"""The one tile matrix set that TileJSON knows."""
LEVEL = Field(
    "level",
    "string",
    {"ko": "격자 크기", "en": "Cell size"},
    {"ko": "격자 한 변의 길이, 줌에 따라 달라집니다.", "en": "Side of the cells; it follows the zoom."},
)
TITLES = {
    "self": {"ko": "타일셋 정보", "en": "Tileset metadata"},
    "item": {"ko": "벡터 타일", "en": "Vector tiles"},
    "tilejson": {"ko": "TileJSON", "en": "TileJSON"},
    "scheme": {"ko": "타일 행렬 집합", "en": "Tile matrix set"},
    "layer": {"ko": "컬렉션", "en": "The collection"},
}


@dataclass(frozen=True)
class Layer:
    """A layer of the tiles: MVT layer name, texts, extent in CRS84, the properties it carries by default."""

    id: str
    title: Text
    description: Text
    bbox: Box
    fields: tuple[Field, ...]
    attribution: str


@dataclass(frozen=True)
class TileSet:
    """Tiles of one resource in one tile matrix set; ``path`` is the resource's, below the base address."""

    path: str
    title: Text
    tiles: TileMatrixSet
    zooms: tuple[int, int]
    layers: tuple[Layer, ...]

    @classmethod
    def of_collection(cls, collection: Collection, tms_id: str) -> "TileSet":
        """Tiles of a collection: one layer, named as the collection."""
        fields = tuple(f for f in collection.fields.values() if f.tile)
        layer = Layer(
            collection.id, collection.title, collection.description, collection.bbox, fields, collection.attribution
        )
        path = f"/collections/{collection.id}"
        return cls(path, collection.title, tms.named(tms_id), collection.zooms(tms_id), (layer,))

    @classmethod
    def of_dataset(cls, snapshot: Snapshot, tms_id: str) -> "TileSet":
        """Tiles of everything: a layer an inventory, whose cells grow as the zoom falls."""
        tiles = tms.named(tms_id)
        title = {"ko": "전체 자료", "en": "The whole dataset"}
        return cls("", title, tiles, (0, tiles.last), tuple(_inventory_layers(snapshot, tms_id)))

    @property
    def bbox(self) -> Box:
        """Extent of all layers in CRS84."""
        west, south, east, north = zip(*(layer.bbox for layer in self.layers), strict=True)
        return min(west), min(south), max(east), max(north)

    def limits(self, z: int) -> tuple[int, int, int, int]:
        """(first row, last row, first column, last column) of the tiles of a zoom that meet the extent."""
        side = self.tiles.side / (1 << z)
        west, south, east, north = _project(self.bbox, self.tiles.crs)
        rows = _span((self.tiles.north - north) / side, (self.tiles.north - south) / side, self.tiles.rows << z)
        return *rows, *_span((west - self.tiles.west) / side, (east - self.tiles.west) / side, self.tiles.columns << z)

    def check(self, z: int, x: int, y: int) -> None:
        """NotFound for a tile outside the zooms or limits; the message says what they are."""
        first, last = self.zooms
        if not (first <= z <= last and self.layers):
            raise NotFound(f"there are no tiles of zoom {z} here", where="tileMatrix", allowed=[f"{first} .. {last}"])
        row0, row1, col0, col1 = self.limits(z)
        if not (row0 <= y <= row1 and col0 <= x <= col1):
            allowed = [f"rows {row0} .. {row1}", f"columns {col0} .. {col1}"]
            raise NotFound(f"zoom {z} has no tile in row {y}, column {x}", where="tile", allowed=allowed)

    def metadata(self, base: str, language: str) -> Json:
        """The tileset as OGC JSON (17-083r4, 7.2): limits by zoom, layers with their properties, templated link."""
        about = self.summary(base, language)
        if not self.layers:
            return about
        return about | {
            "tileMatrixSetLimits": [self._limits(z) for z in range(self.zooms[0], self.zooms[1] + 1)],
            "boundingBox": _bounding_box(self.bbox),
            "attribution": self.attribution,
            "layers": [self._layer(layer, base, language) for layer in self.layers],
        }

    def summary(self, base: str, language: str) -> Json:
        """What a list of tilesets says of it."""
        return {
            "title": f"{self.title[language]}, {self.tiles.id}",
            "dataType": "vector",
            "crs": tiling_crs(self.tiles),
            "tileMatrixSetURI": self.tiles.address(base),
            "links": list(self._links(base, language)),
        }

    def tilejson(self, base: str, language: str) -> Json:
        """The tileset as TileJSON 3.0; InvalidInput for another set than WebMercatorQuad."""
        if self.tiles.id != TILEJSON_SET:
            raise InvalidInput(f"TileJSON describes tiles of {TILEJSON_SET} only", where="f", allowed=["json"])
        document = {"tilejson": "3.0.0", "name": self.title[language], "scheme": "xyz"}
        zooms = {"minzoom": self.zooms[0], "maxzoom": self.zooms[1]}
        layers = [
            {"id": n.id, "description": n.title[language], "fields": _kinds(n.fields)} | zooms for n in self.layers
        ]
        extent = self._tilejson_extent() if self.layers else {}
        template = f"{self._address(base)}/{{z}}/{{y}}/{{x}}?f=mvt"
        return {**document, **zooms, **extent, "tiles": [template], "vector_layers": layers}

    @property
    def attribution(self) -> str:
        """Attributions of all layers on one line."""
        return "; ".join(dict.fromkeys(layer.attribution for layer in self.layers))

    def _tilejson_extent(self) -> Json:
        west, south, east, north = self.bbox
        centre = [round((west + east) / 2, 7), round((south + north) / 2, 7), self.zooms[0]]
        return {"bounds": [west, south, east, north], "center": centre, "attribution": self.attribution}

    def _address(self, base: str) -> str:
        return f"{base}{self.path}/tiles/{self.tiles.id}"

    def _links(self, base: str, language: str) -> Iterator[Json]:
        here = self._address(base)
        template = f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt"
        yield _link("self", "application/json", f"{here}?f=json", TITLES["self"][language])
        yield _link("item", MVT, template, TITLES["item"][language]) | {"templated": True}
        scheme = f"{base}/tileMatrixSets/{self.tiles.id}"
        yield _link(f"{OGC}/tiling-scheme", "application/json", scheme, TITLES["scheme"][language])
        if self.tiles.id == TILEJSON_SET:
            yield _link("describedby", "application/json", f"{here}?f=tilejson", TITLES["tilejson"][language])

    def _limits(self, z: int) -> Json:
        names = ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
        return {"tileMatrix": str(z), **dict(zip(names, self.limits(z), strict=True))}

    def _layer(self, layer: Layer, base: str, language: str) -> Json:
        schema = {"type": "object", "properties": {f.name: f.schema(language) for f in layer.fields}}
        about = {"id": layer.id, "title": layer.title[language], "description": layer.description[language]}
        links = [_link("related", "application/json", f"{base}{self.path}", TITLES["layer"][language])]
        return about | {
            "dataType": "vector",
            "geometryDimension": 2,
            "minTileMatrix": str(self.zooms[0]),
            "maxTileMatrix": str(self.zooms[1]),
            "boundingBox": _bounding_box(layer.bbox),
            "propertiesSchema": schema,
            **({"links": links} if self.path else {}),
        }


def _inventory_layers(snapshot: Snapshot, tms_id: str) -> Iterator[Layer]:
    for published in (p for p in snapshot.inventories.values() if tms_id in p.tile_sets):
        finest = published.collection(published.levels[0])
        fields = tuple(f for f in finest.fields.values() if f.tile)
        yield Layer(
            published.id, published.title, finest.description, published.bbox, (*fields, LEVEL), finest.attribution
        )


def _span(start: float, stop: float, count: int) -> tuple[int, int]:
    """First and last of the unit bins that an interval meets with its inside, within 0 .. count - 1."""
    first = min(max(floor(start), 0), count - 1)
    return first, min(max(ceil(stop) - 1, first), count - 1)


@lru_cache(maxsize=512)
def _project(box: Box, crs: str) -> Box:
    """Envelope of a CRS84 box in a tile matrix set's CRS, x before y."""
    if crs == "OGC:CRS84":
        return box
    west, south, east, north = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform_bounds(*box)
    return west, south, east, north


def tiling_crs(tiles: TileMatrixSet) -> str:
    """URI of a tile matrix set's CRS."""
    return CRS84 if tiles.crs == "OGC:CRS84" else crs_uri(int(tiles.crs.removeprefix("EPSG:")))


def _bounding_box(box: Box) -> Json:
    return {"lowerLeft": list(box[:2]), "upperRight": list(box[2:]), "crs": CRS84}


def _kinds(fields: tuple[Field, ...]) -> Mapping[str, str]:
    """Types as TileJSON names them (3.3.2): Number, Boolean or String."""
    kinds = {"number": "Number", "integer": "Number", "boolean": "Boolean"}
    return {f.name: kinds.get(f.type, "String") for f in fields}


def _link(rel: str, media: str, href: str, title: str) -> Json:
    return {"rel": rel, "type": media, "title": title, "href": href}
