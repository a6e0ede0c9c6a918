# SPDX-License-Identifier: Apache-2.0
"""Documents: landing page, OpenAPI, schemas, queryables are ours; others are pygeoapi's, checked at the door.

All of them depend on everything that is published, so their entity tags hold the hash of all editions (contract 4).
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from carbongrid.errors import InvalidInput
from carbonserver import answers
from carbonserver.answers import Variant
from carbonserver.conformance import declared
from carbonserver.host import state_of
from carbonserver.landing import OPENAPI, landing_page
from carbonserver.params import names
from carbonserver.resource import Passed, Resource, document
from carbonstore.collections.collection import Collection
from processes.registry import PROCESSES

DOCUMENT = {"json": "application/json", "html": "text/html", "jsonld": "application/ld+json"}
PAGE = {"json": "application/json", "html": "text/html"}
SCHEMA = {"json": "application/schema+json", "html": "text/html"}
API_DOCUMENT = {"json": OPENAPI, "html": "text/html"}
DRAFT = "https://json-schema.org/draft/2020-12/schema"

PROFILES = ("properties", "feature")
"""Forms of a collection's schema: the logical properties (OGC 23-058r2), or the GeoJSON feature around them."""

type Make = Callable[[Request, Variant], Mapping[str, Any]]


class Pages:
    """The documents' routes; ``rest`` is pygeoapi's app."""

    def __init__(self, url: str, rest: ASGIApp, *, public_jobs: bool = False) -> None:
        self.url, self.rest, self.public_jobs = url, rest, public_jobs

    def routes(self) -> list[BaseRoute]:
        """Routes to put before pygeoapi's."""
        return [
            Route("/healthz", Resource(self._health)),
            Route("/openapi", Resource(self._openapi)),
            self._route("/", DOCUMENT, self._landing, "landing_page.html"),
            self._route("/conformance", PAGE, self._conformance, "conformance.html"),
            self._route("/collections", DOCUMENT),
            self._route("/collections/{collection}", DOCUMENT),
            self._route("/collections/{collection}/schema", SCHEMA, self._schema, "collections/schema.html", "profile"),
            self._route(
                "/collections/{collection}/queryables",
                SCHEMA,
                self._queryables,
                "collections/schema.html",
                *("properties", "profile"),
            ),
            self._route("/collections/{collection}/sortables", SCHEMA, self._sortables, "collections/schema.html"),
        ]

    def _route(
        self, path: str, formats: Mapping[str, str], make: Make | None = None, template: str = "", *parameters: str
    ) -> Route:
        """A document with the parameters ``f``, ``lang`` and those named; without ``make`` it is pygeoapi's."""

        def answer(request: Request) -> Response:
            answers.only(request, ("f", "lang", *parameters))
            variant = answers.choose(request, formats)
            self._exists(request)
            if make is None or variant.format == "jsonld":
                return Passed(self.rest, request.url.path)
            return document(request, variant, self.url, template, lambda: make(request, variant))

        return Route(path, Resource(answer))

    def _openapi(self, request: Request) -> Response:
        """The document as it was made with the state, tagged by what it says, or Swagger UI over it."""
        answers.only(request, ("f", "lang"))
        variant = answers.choose(request, API_DOCUMENT)
        if variant.format == "html":
            return document(request, variant, self.url, "openapi/swagger.html", dict)
        state = state_of(request)
        head = answers.shared_headers(variant, state.openapi_hash, self.url)
        return answers.reply(request, variant, head, lambda: state.openapi)

    @staticmethod
    def _exists(request: Request) -> None:
        """NotFound for a collection that the path names in vain."""
        if "collection" in request.path_params:
            state_of(request).snapshot.collection(request.path_params["collection"])

    def _conformance(self, request: Request, _variant: Variant) -> Mapping[str, Any]:
        return declared(state_of(request).snapshot.collections, PROCESSES, public_jobs=self.public_jobs)

    def _landing(self, _request: Request, variant: Variant) -> Mapping[str, Any]:
        return landing_page(self.url, variant.language, public_jobs=self.public_jobs)

    def _schema(self, request: Request, variant: Variant) -> Mapping[str, Any]:
        """The properties, or with ``profile=feature`` the GeoJSON feature that holds them.

        GDAL takes the types of its fields from the latter (link ``describedby``); without it a column whose first page
        is null, a sector that nobody covers, would be text. A property that is not required may be null.
        """
        properties = self._json_schema(request, variant, "schema")
        if _profile(request) == PROFILES[0]:
            return {**properties, "additionalProperties": False}
        return {**properties, "$id": f"{properties['$id']}?profile=feature", **_feature(properties["properties"])}

    def _queryables(self, request: Request, variant: Variant) -> Mapping[str, Any]:
        """Every property can be a filter; nothing else can (additionalProperties, OGC 19-079r2, 6.2)."""
        return {**self._json_schema(request, variant, "queryables"), "additionalProperties": False}

    def _sortables(self, request: Request, variant: Variant) -> Mapping[str, Any]:
        """Every property but the geometry can be a key of ``sortby``."""
        document = self._json_schema(request, variant, "sortables")
        keys = {name: schema for name, schema in document["properties"].items() if name != "geometry"}
        return {**document, "properties": keys, "additionalProperties": False}

    def _json_schema(self, request: Request, variant: Variant, kind: str) -> dict[str, Any]:
        collection = state_of(request).snapshot.collection(request.path_params["collection"])
        return {
            "$schema": DRAFT,
            "$id": f"{self.url}/collections/{collection.id}/{kind}",
            "type": "object",
            "title": collection.title[variant.language],
            "properties": properties(collection, variant.language, names(request.query_params, "properties")),
        }

    @staticmethod
    def _health(request: Request) -> Response:
        """Alive, and able to read the catalogue; inventories that cannot be read are counted, not named."""
        answers.only(request, ())
        snapshot = state_of(request).snapshot
        body = {"status": "ok", "collections": len(snapshot.collections), "faults": len(snapshot.faults)}
        return Response(orjson.dumps(body), headers={"Cache-Control": "no-store"}, media_type="application/json")


def _profile(request: Request) -> str:
    profile = request.query_params.get("profile", PROFILES[0])
    if profile not in PROFILES:
        raise InvalidInput(f"'{profile}' is no profile", where="profile", allowed=PROFILES)
    return profile


def _feature(fields: Mapping[str, Any]) -> dict[str, Any]:
    plain = {name: field for name, field in fields.items() if name != "geometry"}
    inner = {"type": "object", "properties": plain}
    geometry = fields["geometry"]
    members = {"type": {"const": "Feature"}, "id": {"type": "string"}, "geometry": geometry, "properties": inner}
    return {"properties": members, "required": ["type", "geometry", "properties"]}


def properties(collection: Collection, language: str, chosen: tuple[str, ...] | None = None) -> dict[str, Any]:
    """JSON Schema of the geometry and of each property, all or the chosen ones."""
    fields = {name: f.schema(language) for name, f in collection.fields.items() if chosen is None or name in chosen}
    return {"geometry": {"format": collection.geometry_format, "x-ogc-role": "primary-geometry"}, **fields}
