# SPDX-License-Identifier: Apache-2.0
"""Routes of the map page: ``/map`` (HTML and its JSON twin), its files, and the styles of every cell collection."""

import os
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from carbongrid.errors import CarbongridError
from carbonserver import answers, styles
from carbonserver.errors import error_response
from carbonserver.html import SECURITY, STATIC
from carbonserver.resource import Resource
from carbonserver.settings import Settings
from carbonstore.collections.cell_collection import CellCollection, level_name
from carbonstore.collections.collection import Collection
from carbonstore.releases.catalogue import Catalogue, Published, Snapshot

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""By suffix, because the platform's own table may differ and a browser refuses a module of another type."""
PAGE = {"html": "text/html", "json": "application/json"}
LISTING = {"json": "application/json"}
STYLE = {"mapbox": styles.MEDIA_TYPE, "json": "application/json"}
PAGE_STATE = ("f", "lang", "inventory", "layer", "sector", "year", "record", "cell")


def routes(settings: Settings, catalogue: Catalogue) -> list[BaseRoute]:
    """Routes to put before pygeoapi's; its ``/static`` holds our files, as in stock pygeoapi (``templates.static``)."""
    pages = Pages(settings.url, catalogue)
    return [
        Route("/map", Resource(_refusing(pages.page))),
        Mount("/map/static", Files(directory=STATIC)),
        Mount("/static", Files(directory=STATIC)),
        Route("/collections/{collection}/styles", Resource(_refusing(pages.listing))),
        Route("/collections/{collection}/styles/{style}", Resource(_refusing(pages.style))),
    ]


def _refusing(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Domain errors become OGC exceptions here already, so that the routes work in any Starlette app."""

    def answered(request: Request) -> Response:
        try:
            return answer(request)
        except CarbongridError as error:
            return error_response(error)

    return answered


class Pages:
    """The answers, bound to a base address and a catalogue."""

    def __init__(self, url: str, catalogue: Catalogue) -> None:
        self.url, self.catalogue = url, catalogue

    def page(self, request: Request) -> Response:
        """The map page, or with ``f=json`` the inventories, levels and styles it is made from."""
        answers.only(request, PAGE_STATE)
        variant = answers.choose(request, PAGE)
        if variant.format == "html":
            head = {**SECURITY, "Vary": answers.VARY, "Cache-Control": answers.LIVE}
            return FileResponse(STATIC / "map.html", headers=head, media_type=MEDIA_TYPES[".html"])
        snapshot = self.catalogue.snapshot()
        return self._made_from(request, variant, snapshot.hash, site(snapshot, self.url))

    def listing(self, request: Request) -> Response:
        """The styles of a collection."""
        answers.only(request, ("f", "lang"))
        variant = answers.choose(request, LISTING)
        collection = self._collection(request)
        return self._made_from(
            request, variant, collection.edition, styles.listing(collection, variant.language, self.url)
        )

    def style(self, request: Request) -> Response:
        """One style as a Mapbox style document."""
        answers.only(request, ("f", "lang"))
        collection = self._collection(request)
        style = styles.Style.of(collection, request.path_params["style"])
        variant = answers.choose(request, STYLE)
        return self._made_from(request, variant, collection.edition, styles.document(style, collection, self.url))

    def _collection(self, request: Request) -> Collection:
        return self.catalogue.snapshot().collection(request.path_params["collection"])

    def _made_from(self, request: Request, variant: answers.Variant, edition: str, value: Any) -> Response:
        head = answers.headers(request, variant, edition, self.url, {})
        if answers.not_modified(request, head["ETag"]):
            return answers.unchanged(head)
        return answers.respond(request, variant, orjson.dumps(value), head)


def site(snapshot: Snapshot, url: str) -> dict[str, Any]:
    """What the page shows, in both languages: inventories with their years, extent, licences and levels; styles."""
    named = (styles.Style.named(style_id) for style_id in styles.ids())
    return {
        "inventories": [_inventory(published) for published in snapshot.inventories.values()],
        "styles": [{"id": style.id, "title": dict(style.title), "property": style.figure} for style in named],
        "links": [
            {"rel": "self", "type": "application/json", "href": f"{url}/map?f=json"},
            {"rel": "alternate", "type": "text/html", "href": f"{url}/map"},
            {"rel": "data", "type": "application/json", "href": f"{url}/collections"},
        ],
    }


def _inventory(published: Published) -> dict[str, Any]:
    return {
        "id": published.id,
        "title": published.manifest["title"],
        "years": published.years,
        "newest": published.newest,
        "edition": published.edition.id,
        "bbox": published.bbox,
        "synthetic": published.synthetic,
        "licences": published.manifest["licences"],
        "levels": [_level(published, level) for level in reversed(published.all_levels)],
        "styles": list(styles.ids()),
        "layers": [_layer(c) for c in published.collections.values() if _own_layer(c)],
    }


def _own_layer(collection: Collection) -> bool:
    """Whether a collection is a layer of its own: cells are one together, a history goes with its newest year."""
    return not isinstance(collection, CellCollection) and not collection.history


def _layer(collection: Collection) -> dict[str, Any]:
    """A level of units or a kind of source: where it is published, how its records are known and coloured."""
    history = collection.over(history=True)
    return {
        "id": collection.name,
        "kind": "sources" if history is collection else "units",
        "title": collection.subject,
        "collection": collection.id,
        "history": history.id if history is not collection else None,
        "years": history.years,
        "code": collection.code,
        "hectare": collection.hectare,
        "minzoom": collection.zooms(styles.SCHEME)[0],
        "styles": styles.ids_of(collection),
    }


def _level(published: Published, level: int) -> dict[str, Any]:
    """A level from coarse to fine: from which zoom it is drawn, and its collection, null where it is internal."""
    listed = level in published.levels
    return {
        "level": level_name(level),
        "minzoom": published.collection(level).zooms(styles.SCHEME)[0],
        "collection": published.collection(level).id if listed else None,
    }


class Files(StaticFiles):
    """The page's files with its headers: revalidated by ETag, never sniffed, gzipped where such a copy exists."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Starlette's answer (304 by ETag included) with our media types and headers."""
        packed = Path(f"{os.fspath(full_path)}.gz")
        gzipped = "gzip" in Headers(scope=scope).get("accept-encoding", "") and packed.is_file()
        if gzipped:
            full_path, stat_result = packed, packed.stat()
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update({**SECURITY, "Cache-Control": answers.LIVE, "Vary": "Accept-Encoding"})
        if response.status_code == 200:
            response.headers.update(_representation(PurePath(full_path), gzipped))
        return response


def _representation(path: PurePath, gzipped: bool) -> dict[str, str]:
    """Media type, by the suffix below ``.gz``, and content coding."""
    media_type = MEDIA_TYPES.get(path.with_suffix("").suffix if gzipped else path.suffix, "application/octet-stream")
    return {"Content-Type": media_type} | ({"Content-Encoding": "gzip"} if gzipped else {})
