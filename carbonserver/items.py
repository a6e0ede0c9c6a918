# SPDX-License-Identifier: Apache-2.0
"""Items and single features as raw GeoJSON and JSON-FG bytes, as files, and as pages drawn from GeoJSON; JSON-LD is
pygeoapi's.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from carbongrid.errors import InvalidInput
from carbonserver import answers, params
from carbonserver.answers import Variant
from carbonserver.downloads import Download
from carbonserver.errors import error_response
from carbonserver.host import state_of
from carbonserver.resource import Passed, Resource, body, page_headers
from carbonstore.collections import cells
from carbonstore.collections.batch import Batch
from carbonstore.collections.cells import CellQuery, Elsewhere
from carbonstore.collections.collection import Collection
from carbonstore.encode import geojson, jsonfg
from carbonstore.encode.files import FILES, Extract, FileFormat

GEOJSON = "application/geo+json"
FORMATS = {
    "json": GEOJSON,
    "geojson": GEOJSON,
    "_json": "application/json",
    "html": "text/html",
    "jsonld": "application/ld+json",
    "jsonfg": "application/fg+json",
}
PAGE_FORMATS = FORMATS | {name: f.media for name, f in FILES.items()}
SEARCHED = ("json", "geojson", "_json")
RAW = (*SEARCHED, "jsonfg", "html")
PAGE_ROWS = 50
"""Records of an HTML page where no limit is asked for."""
PAGE = (
    *("f", "lang", "limit", "bbox", "bbox-crs", "crs", "datetime", "properties", "skipGeometry", "sortby"),
    *("resulttype", "offset", "cursor", "edition", "filter", "filter-lang", "filter-crs"),
)
FEATURE = ("f", "lang", "crs", "edition")
TITLES = {
    "self": {"ko": "이 문서", "en": "This document"},
    "alternate": {"ko": "다른 형식", "en": "Another representation"},
    "next": {"ko": "다음 쪽", "en": "Next page"},
    "prev": {"ko": "이전 쪽", "en": "Previous page"},
    "collection": {"ko": "컬렉션", "en": "The collection"},
}

type Link = dict[str, str]


class Items:
    """The routes of items; ``rest`` is pygeoapi's app."""

    def __init__(self, url: str, rest: ASGIApp) -> None:
        self.url, self.rest = url, rest

    def routes(self) -> list[BaseRoute]:
        """Routes to put before pygeoapi's."""
        return [
            Route("/collections/{collection}/items", Resource(self._page, self._search)),
            Route("/collections/{collection}/items/{feature:path}", Resource(self._feature)),
        ]

    def _page(self, request: Request) -> Response:
        collection = _collection(request)
        answers.only(request, (*PAGE, *collection.fields))
        variant = answers.choose(request, PAGE_FORMATS)
        page = Page.of(request.query_params, collection, self.url, variant)
        if variant.format in FILES:
            return self._file(request, page)
        if variant.format not in RAW:
            return Passed(self.rest)
        return self._reply(request, collection, variant, "collections/items/index.html", page.body)

    def _search(self, request: Request, body: bytes) -> Response:
        """The page of a filter that is sent as the body, CQL2 JSON by default; its links say the same with GET."""
        collection = _collection(request)
        answers.only(request, (*(name for name in PAGE if name != "filter"), *collection.fields))
        variant = answers.choose(request, {name: PAGE_FORMATS[name] for name in SEARCHED})
        given = {"filter-lang": "cql2-json", **request.query_params, "filter": _text(body)}
        page = Page.of(given, collection, self.url, variant)
        head = answers.headers(request, variant, collection.edition, self.url, {"Content-Crs": f"<{page.crs}>"})
        kept = {name: value for name, value in head.items() if name != "ETag"} | {"Cache-Control": "no-store"}
        return answers.respond(request, variant, page.body(), kept)

    def _file(self, request: Request, page: "Page") -> Response:
        """The page as a file; where no ``limit`` is given, everything that matches."""
        form, variant = FILES[page.variant.format], replace(page.variant, coding="identity")
        head = answers.headers(request, variant, page.collection.edition, self.url, {"Content-Crs": f"<{page.crs}>"})
        if answers.not_modified(request, head["ETag"]):
            return answers.unchanged(head)
        extract = page.extract(form)
        return Download(
            lambda stopped: form.write(replace(extract, stopped=stopped)),
            head,
            form.media,
            f"{page.collection.id}.{form.suffix}",
        )

    def _feature(self, request: Request) -> Response:
        collection, name = _collection(request), request.path_params["feature"]
        answers.only(request, FEATURE)
        variant = answers.choose(request, FORMATS)
        crs = params.crs(request.query_params, collection).uri
        try:
            batch = cells.get(collection, name)
        except Elsewhere as found:
            return self._elsewhere(request, found)
        if variant.format not in RAW:
            return Passed(self.rest)
        address = f"{self.url}/collections/{collection.id}/items/{quote(name)}"
        encoded = jsonfg.feature if variant.format == "jsonfg" else geojson.feature
        links = _representations(address, request.query_params, variant)
        links.append(_collection_link(self.url, collection, variant))
        return self._reply(
            request,
            collection,
            variant,
            "collections/items/item.html",
            lambda: encoded(batch, {"links": links}, crs=crs),
        )

    def _elsewhere(self, request: Request, found: Elsewhere) -> Response:
        """303 from a cell to its newest record; 404 with a link from an older year to the history."""
        query = f"?{request.url.query}" if request.url.query else ""
        address = f"{self.url}/collections/{found.collection}/items/{quote(found.feature)}"
        if found.redirect:
            return RedirectResponse(address + query, 303)
        return error_response(found, [{"rel": "related", "type": GEOJSON, "href": address}])

    def _reply(
        self, request: Request, collection: Collection, variant: Variant, template: str, make: Callable[[], bytes]
    ) -> Response:
        """The GeoJSON that ``make`` gives, or the page drawn from it."""
        more = {"Content-Crs": f"<{params.crs(request.query_params, collection).uri}>", **page_headers(variant)}
        head = answers.headers(request, variant, collection.edition, self.url, more)
        if variant.format != "html":
            return answers.reply(request, variant, head, make)
        return answers.reply(request, variant, head, lambda: body(request, variant, template, orjson.loads(make())))


def _collection(request: Request) -> Collection:
    """The collection of the path, as the edition asked for has it."""
    edition = request.query_params.get("edition")
    return state_of(request).snapshot.at(request.path_params["collection"], edition)


def _text(body: bytes) -> str:
    """The filter in a body."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise InvalidInput("the body is not UTF-8", where="filter", allowed=["CQL2 JSON"]) from None


@dataclass(frozen=True)
class Page:
    """One page of items: the checked query and what its links are made of. ``start`` records lie before the page."""

    given: params.Params
    collection: Collection
    url: str
    variant: Variant
    query: CellQuery
    crs: str
    geometry: bool
    hits: bool
    start: int

    @classmethod
    def of(cls, given: params.Params, collection: Collection, url: str, variant: Variant) -> "Page":
        """Check every parameter; InvalidInput names the first that is wrong."""
        cursor, start = _place(given)
        query = CellQuery(
            years=params.years(given, collection),
            bbox=params.bbox(given, collection),
            properties=params.names(given, "properties"),
            sortby=params.names(given, "sortby") or (),
            offset=start if cursor is None else 0,
            cursor=cursor,
            limit=PAGE_ROWS if variant.format == "html" and "limit" not in given else params.limit(given),
            where=params.equalities(given, collection.fields),
            filter=params.cql2(given, collection),
        )
        crs = params.crs(given, collection).uri
        geometry, hits = not params.flag(given, "skipGeometry"), params.hits_only(given)
        return cls(given, collection, url, variant, query, crs, geometry, hits, start)

    def body(self) -> bytes:
        """The FeatureCollection."""
        batch = self._read()
        head = {"timeStamp": _now(), "links": list(self._links(batch))}
        encoder = jsonfg.features if self.variant.format == "jsonfg" else geojson.features
        return encoder(batch, head, crs=self.crs, geometry=self.geometry)

    def extract(self, form: FileFormat) -> Extract:
        """What a file of the page holds; InvalidInput for what files have not."""
        if self.hits or self.query.sortby:
            allowed = ["files list records in natural order, without resulttype and sortby"]
            raise InvalidInput(f"a file cannot be that ({form.title})", where="sortby, resulttype", allowed=allowed)
        if not (self.geometry or form.bare):
            raise InvalidInput(f"{form.title} always has geometry", where="skipGeometry", allowed=["false"])
        whole = "limit" not in self.given
        query = replace(self.query, limit=None) if whole else self.query
        return Extract.of(self.collection, query, crs=self.crs, geometry=self.geometry)

    def _read(self) -> Batch:
        """The page's records, or none of them and their number."""
        if not self.hits:
            return cells.read(self.collection, self.query)
        counted = replace(self.query, limit=0, offset=0, cursor=None, sortby=())
        return replace(cells.read(self.collection, counted), next_cursor=None)

    @cached_property
    def address(self) -> str:
        """The collection's items without a query."""
        return f"{self.url}/collections/{self.collection.id}/items"

    def _links(self, batch: Batch) -> Iterable[Link]:
        yield from _representations(self.address, self.given, self.variant)
        if batch.next_cursor is not None:
            place = {"cursor": f"{batch.next_cursor}.{self.start + len(batch)}"}
            yield self._link("next", place)
        if self.start > 0:
            yield self._link("prev", {"offset": str(max(0, self.start - (self.query.limit or 0)))})
        yield _collection_link(self.url, self.collection, self.variant)

    def _link(self, rel: str, place: Link) -> Link:
        """A link to another page of this edition: the same query from another place."""
        kept = {k: v for k, v in self.given.items() if k not in ("edition", "cursor", "offset", "limit")}
        query = {"edition": self.collection.edition, **place, "limit": str(self.query.limit), **kept}
        return _link(rel, GEOJSON, f"{self.address}?{_encoded(query)}", self.variant)


def _place(given: params.Params) -> tuple[str | None, int]:
    """(cursor of the store, records before the page) from ``cursor`` (``{store's}.{records}``) or ``offset``."""
    offset, token = params.whole(given, "offset", 0, 0), given.get("cursor")
    if token is None:
        return None, offset
    if "offset" in given:
        raise InvalidInput("a page begins at a cursor or at an offset, not both", where="cursor, offset")
    cursor, _, records = token.rpartition(".")
    if not (cursor and records.isascii() and records.isdecimal() and len(records) < 19):
        raise InvalidInput("it is no cursor of this collection", where="cursor", allowed=["a next link's"])
    return cursor, int(records)


def _representations(address: str, given: params.Params, variant: Variant) -> list[Link]:
    """Links to this and the other representations of a resource."""
    kept = {k: v for k, v in given.items() if k != "f"}
    asked = {"f": variant.format} if "f" in given else {}
    here = _encoded({**asked, **kept})
    others = {f: f"{address}?{_encoded({'f': f, **kept})}" for f in ("html", "jsonld")}
    alternates = [_link("alternate", FORMATS[f], href, variant) for f, href in others.items()]
    return [_link("self", variant.media, f"{address}?{here}" if here else address, variant), *alternates]


def _collection_link(url: str, collection: Collection, variant: Variant) -> Link:
    return _link("collection", "application/json", f"{url}/collections/{collection.id}", variant)


def _link(rel: str, media: str, href: str, variant: Variant) -> Link:
    return {"rel": rel, "type": media, "title": TITLES[rel][variant.language], "href": href}


def _encoded(query: Link) -> str:
    """A query string that a person can read: separators of lists and addresses stay as they are."""
    return urlencode(query, safe=":/,", quote_via=quote)


def _now() -> str:
    """When the answer was made (OGC 17-069r4, requirement 29)."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
