# SPDX-License-Identifier: Apache-2.0
"""Vector tiles, tileset lists and tileset metadata, of each collection and of the whole dataset, as raw bytes."""

from collections.abc import Sequence
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from carbon_provider.temporal import matching_years
from carbon_provider.tiles import known_set, tile_numbers
from carbon_provider.tilesets import MVT, TileSet
from carbonserver import answers, params
from carbonserver.answers import Variant
from carbonserver.host import state_of
from carbonserver.resource import Resource, document
from carbonstore.collections import tms
from carbonstore.collections.collection import Collection
from carbonstore.encode import mvt
from carbonstore.releases.catalogue import Published, Snapshot

TILE = {"mvt": MVT}
LIST = {"json": "application/json", "html": "text/html"}
TILESET = {"json": "application/json", "tilejson": "application/json", "html": "text/html"}
TILESET_PAGE = "collections/tiles/metadata.html"
ONE_TILE = "/{tms}/{z}/{y}/{x}"


class Tiles:
    """The routes of tiles below an address."""

    def __init__(self, url: str) -> None:
        self.url = url

    def routes(self) -> list[BaseRoute]:
        """Routes to put before pygeoapi's."""
        collection = "/collections/{collection}/tiles"
        return [
            Route(collection + ONE_TILE, Resource(self._tile)),
            Route(collection + "/{tms}/metadata", Resource(self._collection_tileset)),
            Route(collection + "/{tms}", Resource(self._collection_tileset)),
            Route(collection, Resource(self._collection_list)),
            Route("/tiles" + ONE_TILE, Resource(self._dataset_tile)),
            Route("/tiles/{tms}", Resource(self._dataset_tileset)),
            Route("/tiles", Resource(self._dataset_list)),
        ]

    def _tile(self, request: Request) -> Response:
        answers.only(request, ("f", "datetime", "properties", "edition"))
        collection, place = collection_of(request), place_of(request)
        TileSet.of_collection(collection, place[0]).check(*place[1:])
        variant = answers.choose(request, TILE, translated=False)
        years, chosen = params.years(request.query_params, collection), params.names(request.query_params, "properties")
        head = answers.headers(request, variant, collection.edition, self.url, drawn(years))

        def make() -> bytes:
            return mvt.tile(collection, *place, year=years[-1], properties=chosen) if years else b""

        return answers.reply(request, variant, head, make)

    def _dataset_tile(self, request: Request) -> Response:
        answers.only(request, ("f", "datetime", "properties"))
        snapshot, place = state_of(request).snapshot, place_of(request)
        TileSet.of_dataset(snapshot, place[0]).check(*place[1:])
        variant = answers.choose(request, TILE, translated=False)
        shown = at_time(snapshot, request.query_params.get("datetime"))
        chosen = params.names(request.query_params, "properties")
        newest = sorted(p.newest for p in shown.inventories.values())
        head = answers.shared_headers(variant, snapshot.hash, self.url, drawn(newest))
        return answers.reply(request, variant, head, lambda: mvt.dataset_tile(shown, *place, properties=chosen))

    def _collection_tileset(self, request: Request) -> Response:
        answers.only(request, ("f", "lang"))
        tileset = TileSet.of_collection(collection_of(request), known_set(request.path_params["tms"]))
        return self._about(request, tileset, answers.choose(request, TILESET))

    def _dataset_tileset(self, request: Request) -> Response:
        answers.only(request, ("f", "lang"))
        tileset = TileSet.of_dataset(state_of(request).snapshot, known_set(request.path_params["tms"]))
        return self._about(request, tileset, answers.choose(request, TILESET))

    def _about(self, request: Request, tileset: TileSet, variant: Variant) -> Response:
        make = tileset.tilejson if variant.format == "tilejson" else tileset.metadata
        about = make(self.url, variant.language)
        return document(request, variant, self.url, TILESET_PAGE, lambda: about)

    def _collection_list(self, request: Request) -> Response:
        answers.only(request, ("f", "lang"))
        variant, collection = answers.choose(request, LIST), collection_of(request)
        sets = [TileSet.of_collection(collection, tms_id) for tms_id in collection.published.tile_sets]
        return listing(self.url, request, variant, sets)

    def _dataset_list(self, request: Request) -> Response:
        answers.only(request, ("f", "lang"))
        variant = answers.choose(request, LIST)
        sets = [TileSet.of_dataset(state_of(request).snapshot, tms_id) for tms_id in tms.SETS]
        return listing(self.url, request, variant, [s for s in sets if s.layers or not s.tiles.own])


def listing(url: str, request: Request, variant: Variant, sets: Sequence[TileSet]) -> Response:
    """The list of the tilesets of one resource."""
    here = f"{url}{sets[0].path}/tiles?f=json{sets[0].query}"
    title = {"ko": "타일셋", "en": "Tilesets"}[variant.language]
    link = {"rel": "self", "type": "application/json", "title": title, "href": here}
    summaries = [s.summary(url, variant.language) for s in sets]
    listed = {"tilesets": summaries, "links": [link]}
    return document(request, variant, url, "collections/tiles/index.html", lambda: listed)


def collection_of(request: Request) -> Collection:
    """The collection of the path, in the edition that the query names or the one in force."""
    edition = request.query_params.get("edition")
    return state_of(request).snapshot.at(request.path_params["collection"], edition)


def place_of(request: Request) -> tuple[str, int, int, int]:
    """(tile matrix set, z, x, y) of the path; NotFound where there can be no such tile."""
    path = request.path_params
    return known_set(path["tms"]), *tile_numbers(path["z"], path["x"], path["y"])


def drawn(years: Sequence[int]) -> dict[str, str]:
    """Header that names the year drawn: the newest of those that were asked for (contract 5)."""
    return {"OGCAPI-datetime": f"{years[-1]}-01-01/{years[-1]}-12-31"} if years else {}


def at_time(snapshot: Snapshot, datetime: str | None) -> Snapshot:
    """The snapshot as if only the years that ``datetime`` meets were published, without inventories that have none."""
    if datetime is None:
        return snapshot
    met = {name: _restricted(p, matching_years(datetime, p.years)) for name, p in snapshot.inventories.items()}
    kept = {name: published for name, published in met.items() if published.releases}
    return Snapshot(snapshot.root, MappingProxyType(kept), snapshot.faults)


def _restricted(published: Published, years: tuple[int, ...]) -> Published:
    return Published(published.edition, MappingProxyType({year: published.releases[year] for year in years}))
