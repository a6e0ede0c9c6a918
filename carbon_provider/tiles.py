# SPDX-License-Identifier: Apache-2.0
"""Cells as vector tiles of pygeoapi: complete under stock ``pygeoapi serve``, with documents that clients can read."""

from typing import Any, override

from pygeoapi.provider.base_mvt import BaseMVTProvider

from carbon_provider import stores
from carbon_provider.errors import as_ogc
from carbon_provider.tilesets import TileSet
from carbongrid.errors import NotFound
from carbonstore.collections.collection import Collection
from carbonstore.collections.tms import SETS
from carbonstore.encode import mvt

type Json = dict[str, Any]


class CarbonTileProvider(BaseMVTProvider):
    """Tile provider; ``data`` is the data folder and ``collection`` the collection's id.

    pygeoapi makes one for every request, so the constructor reads nothing.
    """

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)  # type: ignore[no-untyped-call]  # pygeoapi annotates nothing here
        self.collection_id: str = provider_def["collection"]
        self._service_url = ""

    def get_layer(self) -> str:
        """Name of the one layer: the collection's id."""
        return self.collection_id

    def get_tiles_service(
        self, baseurl: str | None = None, servicepath: str | None = None, *_: object, **__: object
    ) -> Json:
        """Links of the tileset list."""
        self._service_url = servicepath or f"{baseurl}/collections/{self.collection_id}/tiles"
        links: Json = self.get_tms_links()  # type: ignore[no-untyped-call]
        return {"links": [{**n, "templated": True} if n["rel"] == "item" else n for n in links["links"]]}

    @override
    def get_tiles(
        self, layer: str | None = None, tileset: str = "", z: str = "", y: str = "", x: str = "", format_: str = "mvt"
    ) -> bytes:
        """One tile, empty where no cell lies; NotFound outside the zooms, limits or known sets."""
        with as_ogc():
            collection = self._collection()
            place = tile_numbers(z, x, y)
            TileSet.of_collection(collection, known_set(tileset)).check(*place)
            return mvt.tile(collection, tileset, *place)

    def get_metadata(  # type: ignore[override]  # pygeoapi's own two bases disagree
        self, dataset: str, server_url: str, layer: str | None = None, tileset: str = "",
        metadata_format: str | None = None, **texts: Any,
    ) -> Json:  # fmt: skip
        """The tileset's document; JSON also where no format is asked for, which pygeoapi answers with an error."""
        language = "ko" if str(texts.get("language") or "").startswith("ko") else "en"
        with as_ogc():
            described = TileSet.of_collection(self._collection(), known_set(tileset))
            if (metadata_format or "json").lower() == "tilejson":
                return described.tilejson(server_url, language)
            document = described.metadata(server_url, language)
        return document if (metadata_format or "json").lower() != "html" else _page(document, dataset, tileset)

    def _collection(self) -> Collection:
        return stores.collection(self.data, self.collection_id)

    def __repr__(self) -> str:
        return f"<CarbonTileProvider> {self.collection_id}"


def tile_numbers(z: str, x: str, y: str) -> tuple[int, int, int]:
    """(z, x, y) as integers; NotFound for anything else, since no matrix has such a tile."""
    if not all(n.isascii() and n.isdecimal() and len(n) < 10 for n in (z, x, y)):
        raise NotFound(f"there is no tile {z}/{y}/{x}", where="tile")
    return int(z), int(x), int(y)


def known_set(tms_id: str) -> str:
    """The id of a tile matrix set; NotFound where a path names another."""
    if tms_id not in SETS:
        raise NotFound(f"there is no tile matrix set '{tms_id}'", where="tileMatrixSetId", allowed=SETS)
    return tms_id


def _page(document: Json, dataset: str, tileset: str) -> Json:
    """What pygeoapi's HTML template reads."""
    here, item = document["links"][0]["href"], document["links"][1]["href"]
    shown = {key: document[key] for key in ("title", "crs", "tileMatrixSetURI", "boundingBox", "attribution")}
    return {
        "id": dataset,
        "title": document["title"],
        "tileset": tileset,
        "collections_path": item,
        "json_url": here,
        "tilejson_url": here.replace("f=json", "f=tilejson"),
        "metadata": shown,
    }
