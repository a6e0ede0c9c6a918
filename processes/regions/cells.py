# SPDX-License-Identifier: Apache-2.0
"""The output ``cells``: the records of a cell collection as a file, by the encoders of items and downloads."""

from collections.abc import Callable, Mapping

from carbongrid.errors import InvalidInput, TooLarge
from carbonstore.collections import cells
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.cells import CellQuery
from carbonstore.encode import geojson
from carbonstore.encode.cog import MEDIA_TYPE as COG
from carbonstore.encode.cog import cog
from carbonstore.encode.files import FILES, Extract
from processes.base import Encoded, Output
from processes.schema import Binary, Declared, Json, Text

MAX_RECORDS = 200_000
"""Records of a vector file; a raster holds more (``carbonstore.encode.cog``)."""
GEOJSON = "application/geo+json"
_CSV, _GPKG = FILES["csv"], FILES["gpkg"]


def schema() -> Json:
    """JSON schema of the cells as GeoJSON."""
    members: Json = {"type": {"type": "string", "enum": ["FeatureCollection"]}, "features": {"type": "array"}}
    members["features"] = {"type": "array", "items": {"type": "object"}}
    return {"type": "object", "properties": members, "required": list(members)}


CELLS = Output(
    Declared(schema, GEOJSON),
    {"ko": "격자", "en": "Cells"},
    {
        "ko": "지역 안의 격자별 값(t CO2e/년). GeoJSON, CSV, COG, GeoPackage. 격자 크기는 level로 고른다.",
        "en": "Values by cell in the region, t CO2e a year, as GeoJSON, CSV, COG or GeoPackage; level is their size.",
    },
    others=(Text(media_type=_CSV.media), Binary(COG), Binary(_GPKG.media)),
)


def encoded(collection: CellCollection, media_type: str) -> Encoded:
    """Every record of a collection in the media type asked for; TooLarge beyond MAX_RECORDS."""
    return Encoded(media_type, _WRITERS[media_type](collection))


def _one_year(collection: CellCollection) -> bytes:
    if len(collection.years) > 1:
        where = "/outputs/cells/format/mediaType"
        raise InvalidInput("a raster holds one year", where=where, allowed=[GEOJSON, _CSV.media, _GPKG.media])
    return cog(collection, collection.newest)


def _counted(collection: CellCollection) -> CellQuery:
    if (n := cells.count(collection, CellQuery())) > MAX_RECORDS:
        what = f"the region has {n:,} cells of {collection.level} m, at most {MAX_RECORDS:,} are written"
        raise TooLarge(what, where="/outputs/cells", allowed=["a coarser level", COG])
    return CellQuery()


def _features(collection: CellCollection) -> bytes:
    return geojson.features(cells.read(collection, _counted(collection)))


def _file(name: str) -> Callable[[CellCollection], bytes]:
    return lambda collection: b"".join(FILES[name].write(Extract.of(collection, _counted(collection))))


_WRITERS: Mapping[str, Callable[[CellCollection], bytes]] = {
    GEOJSON: _features,
    _CSV.media: _file("csv"),
    COG: _one_year,
    _GPKG.media: _file("gpkg"),
}
