# SPDX-License-Identifier: Apache-2.0
"""Routes of the map page: ``/map`` (HTML and its JSON twin), its files, and the styles of every cell collection."""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any, Protocol

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from carbongrid.errors import CarbongridError, NotFound
from carbonserver import answers, styles
from carbonserver.errors import error_response
from carbonserver.settings import Settings

VIEWER = Path(__file__).parent / "viewer"
SECURITY = {
    # MapLibre's worker is a file of our own; its style sheet carries small icons as data: images.
    "Content-Security-Policy": (
        "default-src 'self'; worker-src 'self'; img-src 'self' data: blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""By suffix, because the platform's own table may differ and a browser refuses a module of another type."""
PAGE = {"html": "text/html", "json": "application/json"}
LISTING = {"json": "application/json"}
STYLE = {"mapbox": styles.MEDIA_TYPE, "json": "application/json"}
PAGE_STATE = ("f", "lang", "inventory", "sector", "year", "cell")
COARSE = {5_000: 6, 10_000: 0}
"""Levels that exist in dataset tiles only, and the zoom from which they are drawn."""


class Shown(styles.Drawn, Protocol):
    """What the page tells of a collection; ``carbonstore.catalogue.Collection`` has it."""

    @property
    def inventory(self) -> str: ...
    @property
    def history(self) -> bool: ...
    @property
    def years(self) -> tuple[int, ...]: ...
    @property
    def newest(self) -> int: ...
    @property
    def edition(self) -> str: ...
    @property
    def synthetic(self) -> bool: ...


class Published(Protocol):
    """One state of the catalogue; ``carbonstore.catalogue.Snapshot`` is one."""

    @property
    def hash(self) -> str: ...
    @property
    def collections(self) -> Mapping[str, Any]: ...


class Source(Protocol):
    """Where snapshots come from; ``carbonstore.catalogue.Catalogue`` is one."""

    def snapshot(self) -> Published: ...


type Endpoint = Callable[[Request], Awaitable[Response]]


def routes(settings: Settings, catalogue: Source) -> list[BaseRoute]:
    """Routes to put before pygeoapi's. ``/map/static`` leaves pygeoapi's own ``/static`` alone."""
    pages = Pages(settings.url, catalogue)
    return [
        Route("/map", _refusing(pages.page)),
        Mount("/map/static", Files(directory=VIEWER)),
        Route("/collections/{collection}/styles", _refusing(pages.listing)),
        Route("/collections/{collection}/styles/{style}", _refusing(pages.style)),
    ]


def _refusing(answer: Callable[[Request], Response]) -> Endpoint:
    """Domain errors become OGC exceptions here too, so that the routes work in any Starlette app."""

    async def endpoint(request: Request) -> Response:
        try:
            return answer(request)
        except CarbongridError as error:
            return error_response(error)

    return endpoint


class Pages:
    """The answers, bound to a base address and a catalogue."""

    def __init__(self, url: str, catalogue: Source) -> None:
        self.url, self.catalogue = url, catalogue

    def page(self, request: Request) -> Response:
        """The map page, or with ``f=json`` the inventories, levels and styles it is made from."""
        answers.only(request, PAGE_STATE)
        variant = answers.choose(request, PAGE)
        if variant.format == "html":
            head = {**SECURITY, "Vary": answers.VARY, "Cache-Control": answers.LIVE}
            return FileResponse(VIEWER / "map.html", headers=head, media_type=MEDIA_TYPES[".html"])
        snapshot = self.catalogue.snapshot()
        return self._made_from(request, variant, snapshot.hash, site(snapshot.collections.values(), self.url))

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
        collection, style = self._collection(request), styles.Style.named(request.path_params["style"])
        variant = answers.choose(request, STYLE)
        return self._made_from(request, variant, collection.edition, styles.document(style, collection, self.url))

    def _collection(self, request: Request) -> Shown:
        name = request.path_params["collection"]
        known: Mapping[str, Shown] = self.catalogue.snapshot().collections
        if name not in known:
            raise NotFound(f"no collection '{name}'", where="collectionId")
        return known[name]

    def _made_from(self, request: Request, variant: answers.Variant, edition: str, value: Any) -> Response:
        head = answers.headers(request, variant, edition, self.url, {})
        if answers.not_modified(request, head["ETag"]):
            return answers.unchanged(head)
        return answers.respond(request, variant, orjson.dumps(value), head)


def site(collections: Iterable[Shown], url: str) -> dict[str, Any]:
    """What the page shows, in both languages: inventories with their years, extent, licences and levels; styles."""
    drawn = [c for c in collections if not c.history]
    inventories = {c.inventory: c for c in drawn}
    minzoom = {**COARSE, **{c.level: c.min_zoom for c in drawn}}
    named = (styles.Style.named(style_id) for style_id in styles.ids())
    return {
        "inventories": [_inventory(c, [d for d in drawn if d.inventory == c.inventory]) for c in inventories.values()],
        "levels": [{"level": _short(m), "minzoom": minzoom[m]} for m in sorted(minzoom, reverse=True)],
        "styles": [{"id": style.id, "title": dict(style.title), "property": style.property} for style in named],
        "links": [
            {"rel": "self", "type": "application/json", "href": f"{url}/map?f=json"},
            {"rel": "alternate", "type": "text/html", "href": f"{url}/map"},
            {"rel": "data", "type": "application/json", "href": f"{url}/collections"},
        ],
    }


def _inventory(any_level: Shown, levels: list[Shown]) -> dict[str, Any]:
    licences = [{"licence": licence, "attribution": attribution} for licence, attribution in any_level.licences]
    return {
        "id": any_level.inventory,
        "title": dict(any_level.inventory_title),
        "years": sorted(any_level.years),
        "newest": any_level.newest,
        "edition": any_level.edition,
        "bbox": list(any_level.bbox),
        "synthetic": any_level.synthetic,
        "licences": licences,
        "levels": [{"level": _short(c.level), "collection": c.id} for c in sorted(levels, key=lambda c: c.level)],
    }


def _short(metres: int) -> str:
    """The level as dataset tiles name it: ``100m``, ``1km``."""
    return f"{metres // 1000}km" if metres >= 1000 else f"{metres}m"


class Files(StaticFiles):
    """The page's files with the page's headers: revalidated by ETag, never sniffed."""

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Starlette's answer (304 by ETag included) with our media types and headers."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        media_type = MEDIA_TYPES.get(PurePath(full_path).suffix)
        if media_type and response.status_code == 200:
            response.headers["Content-Type"] = media_type
        response.headers.update({**SECURITY, "Cache-Control": answers.LIVE})
        return response
