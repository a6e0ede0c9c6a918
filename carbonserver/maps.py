# SPDX-License-Identifier: Apache-2.0
"""Tiles of pixels over HTTP: maps in a style (OGC 20-058), and coverages whose pixels are the values (contract 5)."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from carbon_provider.tiles import known_set
from carbon_provider.tilesets import PNG, TILEJSON_SET, TileSet
from carbongrid.errors import InvalidInput, UnknownName
from carbonserver import answers, params, styles
from carbonserver.resource import Resource, document
from carbonserver.styles import Style
from carbonserver.tiles import ONE_TILE, TILESET_PAGE, collection_of, drawn, listing, place_of
from carbonstore.collections.cell_collection import CellCollection, of_cells
from carbonstore.collections.collection import Collection
from carbonstore.encode import raster
from carbonstore.encode.raster import Place

TILE = {"png": PNG}
LIST = {"json": "application/json"}
TILESET = {"json": "application/json", "tilejson": "application/json"}

type Make = Callable[[Place, int | None], bytes]


class Maps:
    """The routes of map tiles of every collection, and of coverage tiles of cells."""

    def __init__(self, url: str) -> None:
        self.url = url

    def routes(self) -> list[BaseRoute]:
        """Routes to put before pygeoapi's."""
        here = "/collections/{collection}"
        return [
            *self._family(f"{here}/map/tiles", self._map, self._maps),
            *self._family(f"{here}/styles/{{style}}/map/tiles", self._map, self._maps),
            *self._family(f"{here}/coverage/tiles", self._values, self._coverages, "properties"),
        ]

    def _family(
        self,
        path: str,
        make: Callable[[Request], Make],
        tileset: Callable[[Request, str], TileSet],
        *more: str,
    ) -> Iterator[BaseRoute]:
        """A tile, its tileset and the list of tilesets; ``more`` parameters are those of all three."""

        def tile(request: Request) -> Response:
            answers.only(request, ("f", "datetime", "edition", *more))
            return self._tile(request, tileset, make(request))

        def about(request: Request) -> Response:
            answers.only(request, ("f", "lang", *more))
            tms_id = known_set(request.path_params["tms"])
            offered = TILESET if tms_id == TILEJSON_SET else LIST
            variant, found = answers.choose(request, offered), tileset(request, tms_id)
            describe = found.tilejson if variant.format == "tilejson" else found.metadata
            about = describe(self.url, variant.language)
            return document(request, variant, self.url, TILESET_PAGE, lambda: about)

        def every(request: Request) -> Response:
            answers.only(request, ("f", "lang", *more))
            variant, offered = answers.choose(request, LIST), collection_of(request).published.tile_sets
            sets = [tileset(request, tms_id) for tms_id in offered]
            return listing(self.url, request, variant, sets)

        yield Route(path + ONE_TILE, Resource(tile))
        yield Route(path + "/{tms}", Resource(about))
        yield Route(path, Resource(every))

    def tile(self, request: Request) -> Response:
        """A map tile: ``path_params`` of the request name collection, tms, z, y, x and maybe style."""
        return self._tile(request, self._maps, self._map(request))

    def _tile(self, request: Request, tileset: Callable[[Request, str], TileSet], make: Make) -> Response:
        collection, place = collection_of(request), place_of(request)
        tileset(request, place[0]).check(*place[1:])
        chosen = answers.choose(request, TILE, translated=False)
        variant = replace(chosen, coding="identity")  # a PNG is deflated already
        years = params.years(request.query_params, collection)
        head = answers.headers(request, variant, collection.edition, self.url, drawn(years))
        return answers.reply(request, variant, head, lambda: make(place, years[-1] if years else None))

    @staticmethod
    def _map(request: Request) -> Make:
        collection, style = _drawn(request)
        return lambda place, year: raster.styled(collection, place, year, style.figure, classes(style))

    @staticmethod
    def _maps(request: Request, tms_id: str) -> TileSet:
        collection, style = _drawn(request)
        named, default = (style.id, style.title), "style" not in request.path_params
        return TileSet.of_map(collection, tms_id, named, style.figure, default=default)

    @staticmethod
    def _values(request: Request) -> Make:
        collection = of_cells(collection_of(request))
        return lambda place, year: raster.values(collection, place, year, _figure(request, collection))

    @staticmethod
    def _coverages(request: Request, tms_id: str) -> TileSet:
        collection = of_cells(collection_of(request))
        return TileSet.of_values(collection, tms_id, _figure(request, collection))


def classes(style: Style) -> raster.Classes:
    """The colours of a style as pixels have them."""
    ramp = style.ramp
    colors = tuple(_color(text) for text in ramp.colors)
    return raster.Classes(_color(ramp.no_data), _color(ramp.zero), ramp.breaks, colors, _color(styles.OUTLINE))


def _drawn(request: Request) -> tuple[Collection, Style]:
    """The collection of the path in its style, by default its own."""
    collection = collection_of(request)
    return collection, Style.of(collection, request.path_params.get("style"))


def _figure(request: Request, collection: CellCollection) -> str:
    """The one property whose values the pixels hold."""
    chosen = params.names(request.query_params, "properties") or (Style.of(collection).figure,)
    drawable = raster.figures(collection)
    if len(chosen) != 1:
        raise InvalidInput("a value tile holds one property", where="properties", allowed=drawable)
    if chosen[0] not in drawable:
        raise UnknownName(chosen[0], drawable, kind="property in tonnes", where="properties")
    return chosen[0]


def _color(text: str) -> tuple[int, int, int, int]:
    """``#rrggbb`` as an opaque colour."""
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue, 255
