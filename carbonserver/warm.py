# SPDX-License-Identifier: Apache-2.0
"""Compile or load every kernel of the raw routes before the first client needs it.

The first start after an installation compiles for some ten seconds; later ones load from numba's cache in about one.
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from threading import Thread

from starlette.applications import Starlette

from carbon_provider.tilesets import TileSet
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.encode import geojson, mvt
from carbonstore.releases.catalogue import Catalogue

LOG = logging.getLogger("carbongrid")
TMS = "WebMercatorQuad"


def lifespan(catalogue: Catalogue) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """Starlette's lifespan: warm up beside the first requests, never in their way."""

    @asynccontextmanager
    async def run(_app: Starlette) -> AsyncIterator[None]:
        Thread(target=_quietly, args=(catalogue,), name="warm-up", daemon=True).start()
        yield

    return run


def _quietly(catalogue: Catalogue) -> None:
    try:
        warm(catalogue)
    except Exception:
        LOG.warning("the warm-up failed; the first requests will be slower", exc_info=True)


def warm(catalogue: Catalogue) -> int:
    """Read, encode and draw a little of the first collection; returns the bytes made, 0 where nothing is published."""
    first = next(iter(catalogue.snapshot().collections.values()), None)
    return 0 if first is None else sum(len(part) for part in (_page(first), _tile(first)))


def _page(collection: Collection) -> bytes:
    west, south, east, north = collection.bbox
    centre = (west + east) / 2, (south + north) / 2
    query = CellQuery(bbox=(*centre, east, north), sortby=("-net",), limit=10)
    return geojson.features(cells.read(collection, query))


def _tile(collection: Collection) -> bytes:
    """The first tile of its limits at its lowest zoom."""
    tileset = TileSet.of_collection(collection, TMS)
    zoom = tileset.zooms[0]
    row, _, column, _ = tileset.limits(zoom)
    return mvt.tile(collection, TMS, zoom, column, row)
