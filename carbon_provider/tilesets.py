# SPDX-License-Identifier: Apache-2.0
"""Tilesets as documents: OGC tileset metadata with limits (17-083r4, 20-057) and TileJSON 3.0, for both doors.

pygeoapi's own are unusable: TileJSON with strings for arrays, no limits, links that are not marked as templates.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor
from types import MappingProxyType
from typing import Any

from pyproj import Transformer

from carbongrid.errors import InvalidInput, NotFound
from carbonstore.collections import tms
from carbonstore.collections.collection import Collection
from carbonstore.collections.fields import DENSITY, Field, Text
from carbonstore.collections.quads import CRS84, Box, crs_uri
from carbonstore.collections.tms import TileMatrixSet
from carbonstore.releases.catalogue import Snapshot

type Json = dict[str, Any]

MVT = "application/vnd.mapbox-vector-tile"
PNG = "image/png"
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
    "style": {"ko": "양식", "en": "The style"},
    "tilejson": {"ko": "TileJSON", "en": "TileJSON"},
    "scheme": {"ko": "타일 행렬 집합", "en": "Tile matrix set"},
    "layer": {"ko": "컬렉션", "en": "The collection"},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What tiles hold: the data type of OGC, the value of ``f``, the media type, a title, and more of TileJSON."""

    data: str
    format: str
    media: str
    title: Text
    tilejson: Mapping[str, Any] = MappingProxyType({})


VECTOR = Kind("vector", "mvt", MVT, {"ko": "벡터 타일", "en": "Vector tiles"})
MAP = Kind("map", "png", PNG, {"ko": "지도 타일 (PNG)", "en": "Map tiles (PNG)"})
COVERAGE = Kind(
    "coverage",
    "png",
    PNG,
    {"ko": "값 타일 (24비트 PNG)", "en": "Value tiles (24-bit PNG)"},
    MappingProxyType(
        {"encoding": "custom", "redFactor": 655.36, "greenFactor": 2.56, "blueFactor": 0.01, "baseShift": 1000}
    ),
)
"""Pixels of t CO2e/(ha a): the factors are those of MapLibre's ``raster-dem``, in which such tiles are drawn."""
DIMENSIONS = MappingProxyType({"Polygon": 2, "MultiPolygon": 2, "MultiLineString": 1, "Point": 0})
"""Of the types of geometry that collections have."""


@dataclass(frozen=True)
class Layer:
    """A layer of the tiles: MVT layer name, texts, extent in CRS84, the properties it carries by default, and how many
    dimensions its geometries have."""

    id: str
    title: Text
    description: Text
    bbox: Box
    fields: tuple[Field, ...]
    attribution: str
    dimension: int = 2


@dataclass(frozen=True)
class TileSet:
    """Tiles of one resource in one tile matrix set; ``path`` is the resource's, below the base address.

    ``query`` is what the address of a tile holds beside ``f``; ``style`` the id and title of a map's style.
    """

    path: str
    title: Text
    tiles: TileMatrixSet
    zooms: tuple[int, int]
    layers: tuple[Layer, ...]
    kind: Kind = VECTOR
    query: str = ""
    style: tuple[str, Text] | None = None

    @classmethod
    def of_collection(cls, collection: Collection, tms_id: str) -> "TileSet":
        """Tiles of a collection: one layer, named as the collection."""
        fields = tuple(f for f in collection.fields.values() if f.tile)
        layer = Layer(
            collection.id,
            collection.title,
            collection.description,
            collection.bbox,
            fields,
            collection.attribution,
            DIMENSIONS[collection.geometry_type],
        )
        path = f"/collections/{collection.id}"
        return cls(path, collection.title, tms.named(tms_id), collection.zooms(tms_id), (layer,))

    @classmethod
    def of_map(
        cls, collection: Collection, tms_id: str, style: tuple[str, Text], figure: str, *, default: bool = False
    ) -> "TileSet":
        """A collection drawn in a style (its id and title) that colours a figure; ``default``: without its name."""
        vector = cls.of_collection(collection, tms_id)
        title = {k: f"{v}: {style[1][k]}" for k, v in collection.title.items()}
        path = f"{vector.path}/map" if default else f"{vector.path}/styles/{style[0]}/map"
        layers = (replace(vector.layers[0], fields=(collection.fields[figure],)),)
        return replace(vector, path=path, title=title, layers=layers, kind=MAP, style=style)

    @classmethod
    def of_values(cls, collection: Collection, tms_id: str, figure: str) -> "TileSet":
        """The densities of a figure of a collection, to be read from the pixels."""
        vector, field = cls.of_collection(collection, tms_id), collection.fields[figure]
        title = {k: f"{v}: {field.title[k]}" for k, v in collection.title.items()}
        layers = (replace(vector.layers[0], fields=(_density(field),)),)
        path, query = f"{vector.path}/coverage", f"&properties={figure}"
        return replace(vector, path=path, title=title, layers=layers, kind=COVERAGE, query=query)

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
            **self._styled(base, language),
        }

    def summary(self, base: str, language: str) -> Json:
        """What a list of tilesets says of it."""
        return {
            "title": f"{self.title[language]}, {self.tiles.id}",
            "dataType": self.kind.data,
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
        template = f"{self._address(base)}/{{z}}/{{y}}/{{x}}?f={self.kind.format}{self.query}"
        vectors = layers if self.kind is VECTOR else []  # 3.3: the key is required, pictures have no layers
        return {**document, **zooms, **extent, "tiles": [template], "vector_layers": vectors, **self.kind.tilejson}

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
        template = f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f={self.kind.format}{self.query}"
        about, title = f"{here}?f=json{self.query}", self.kind.title[language]
        yield _link("self", "application/json", about, TITLES["self"][language])
        yield _link("item", self.kind.media, template, title) | {"templated": True}
        scheme = f"{base}/tileMatrixSets/{self.tiles.id}"
        yield _link(f"{OGC}/tiling-scheme", "application/json", scheme, TITLES["scheme"][language])
        if self.tiles.id == TILEJSON_SET:
            tilejson = f"{here}?f=tilejson{self.query}"
            yield _link("describedby", "application/json", tilejson, TITLES["tilejson"][language])

    def _limits(self, z: int) -> Json:
        names = ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
        return {"tileMatrix": str(z), **dict(zip(names, self.limits(z), strict=True))}

    def _layer(self, layer: Layer, base: str, language: str) -> Json:
        schema = {"type": "object", "properties": {f.name: f.schema(language) for f in layer.fields}}
        about = {"id": layer.id, "title": layer.title[language], "description": layer.description[language]}
        collection = f"{base}/collections/{layer.id}"
        links = [_link("related", "application/json", collection, TITLES["layer"][language])]
        return about | {
            "dataType": self.kind.data,
            **({"geometryDimension": layer.dimension} if self.kind is VECTOR else {}),
            "minTileMatrix": str(self.zooms[0]),
            "maxTileMatrix": str(self.zooms[1]),
            "boundingBox": _bounding_box(layer.bbox),
            "propertiesSchema": schema,
            **({"links": links} if self.path else {}),
        }

    def _styled(self, base: str, language: str) -> Json:
        """The style of a map and where its document lies."""
        if self.style is None:
            return {}
        name, title = self.style
        sheet = f"{base}/collections/{self.layers[0].id}/styles/{name}"
        links = [_link("stylesheet", "application/vnd.mapbox.style+json", sheet, TITLES["style"][language])]
        return {"style": {"id": name, "title": title[language], "links": links}}


def _density(field: Field) -> Field:
    """A figure as pixels hold it: by nominal hectare."""
    text = {
        "ko": f"{field.description['ko']} 격자의 명목 면적 1 ha당 값.",
        "en": f"{field.description['en']} By nominal hectare of the cell.",
    }
    return replace(field, description=text, unit=DENSITY, decimals=2)


def _inventory_layers(snapshot: Snapshot, tms_id: str) -> Iterator[Layer]:
    for published in (p for p in snapshot.inventories.values() if tms_id in p.tile_sets):
        finest = published.finest
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
