# SPDX-License-Identifier: Apache-2.0
"""Tile matrix sets as documents (OGC 17-083r4): the list and the sets of our own; pygeoapi has the registered ones.

pygeoapi's list is fixed when it is installed, so it cannot name a set that this server defines.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from pyproj import CRS
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from carbon_provider.tiles import known_set
from carbon_provider.tilesets import tiling_crs
from carbonserver import answers
from carbonserver.host import state_of
from carbonserver.resource import Passed, Resource, document
from carbonstore.collections.tms import SETS, TileMatrixSet

type Json = dict[str, Any]

FORMATS = {"json": "application/json", "html": "text/html"}
PIXELS = 256
"""Width and height of a tile in cells of its matrix."""
PIXEL = 0.00028
"""Metres of a pixel on the screen, by which scale denominators are defined (17-083r4, 6.2.3)."""
PATHS = ("/tileMatrixSets", "/TileMatrixSets")
"""The path of OGC API Tiles, and pygeoapi's."""


class MatrixSets:
    """The routes of tile matrix sets; ``rest`` is pygeoapi's app."""

    def __init__(self, url: str, rest: ASGIApp) -> None:
        self.url, self.rest = url, rest

    def routes(self) -> list[BaseRoute]:
        """Routes to put before pygeoapi's."""
        one = [Route(path + "/{tileMatrixSetId}", Resource(self._one)) for path in PATHS]
        return [*(Route(path, Resource(self._list)) for path in PATHS), *one]

    def _list(self, request: Request) -> Response:
        answers.only(request, ("f", "lang"))
        variant = answers.choose(request, FORMATS)
        inventories = state_of(request).snapshot.inventories.values()
        offered = {tms_id for published in inventories for tms_id in published.tile_sets}
        sets = [s for s in SETS.values() if s.id in offered or not s.own]
        listed = listing(sets, self.url, variant.language)
        return document(request, variant, self.url, "tilematrixsets/index.html", lambda: listed)

    def _one(self, request: Request) -> Response:
        answers.only(request, ("f", "lang"))
        tiles = SETS[known_set(request.path_params["tileMatrixSetId"])]
        variant = answers.choose(request, FORMATS)
        if not tiles.own:
            return Passed(self.rest, request.url.path.replace(*PATHS))
        defined = definition(tiles, self.url, variant.language)
        return document(request, variant, self.url, "tilematrixsets/tilematrixset.html", lambda: defined)


def listing(offered: Sequence[TileMatrixSet], base: str, language: str) -> Json:
    """The sets that tiles come in with its URI, CRS and the address of its definition (OGC 20-057, 9.3)."""
    title = {"ko": "타일 행렬 집합", "en": "Tile matrix sets"}[language]
    sets = [
        {
            "id": s.id,
            "title": s.title[language],
            "uri": s.address(base),
            "crs": tiling_crs(s),
            "links": [_self(f"{base}/tileMatrixSets/{s.id}", s.title[language])],
        }
        for s in offered
    ]
    return {"tileMatrixSets": sets, "links": [_self(f"{base}/tileMatrixSets?f=json", title)]}


def definition(tiles: TileMatrixSet, base: str, language: str) -> Json:
    """A set by OGC 17-083r4, 6: ``pointOfOrigin`` in the axis order of the CRS, all matrices from the upper left."""
    return {
        "id": tiles.id,
        "title": tiles.title[language],
        "uri": tiles.address(base),
        "crs": tiling_crs(tiles),
        "orderedAxes": [axis.name for axis in CRS(tiles.crs).axis_info],
        "tileMatrices": list(_matrices(tiles)),
    }


def _matrices(tiles: TileMatrixSet) -> Iterator[Json]:
    northing_first = CRS(tiles.crs).axis_info[0].direction == "north"
    origin = [tiles.north, tiles.west] if northing_first else [tiles.west, tiles.north]
    for z in range(tiles.last + 1):
        cell = tiles.side / PIXELS / (1 << z)
        yield {
            "id": str(z),
            "scaleDenominator": cell * tiles.metres / PIXEL,
            "cellSize": cell,
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": origin,
            "tileWidth": PIXELS,
            "tileHeight": PIXELS,
            "matrixWidth": tiles.columns << z,
            "matrixHeight": tiles.rows << z,
        }


def _self(href: str, title: str) -> Json:
    return {"rel": "self", "type": "application/json", "title": title, "href": href}
