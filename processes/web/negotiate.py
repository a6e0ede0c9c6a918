# SPDX-License-Identifier: Apache-2.0
"""How a request asks and is answered: parameters, language, a document as JSON or as a page, errors likewise."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from carbongrid.errors import CarbongridError, InvalidInput, UnknownName, brief
from processes.answer import dump
from processes.base import JSON, LANGUAGE_TAGS, LANGUAGES
from processes.errors import HEADERS, problem

HTML = "text/html; charset=utf-8"
FRESH: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})
"""Jobs and errors are of the moment: no cache may keep them."""
ALONE: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox allow-popups; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
    }
)
"""Of values that a browser may open: they are what they say, and neither run anything nor act for this server."""
REQUEST_ID = "carbongrid.request_id"
"""Key of the ASGI scope under which the server names the request."""


class Pages(Protocol):
    """Draws documents as HTML; ``headers`` go with every page."""

    headers: Mapping[str, str]

    def draw(self, request: Request, template: str, document: Mapping[str, object], language: str) -> bytes:
        """The page of a document."""


@dataclass(frozen=True)
class Page:
    """A document, and the template that shows it to people; ``stable``: it may be kept and asked for by entity tag."""

    document: Mapping[str, object]
    template: str
    status: int = 200
    headers: Mapping[str, str] = FRESH
    stable: bool = False


type Endpoint = Callable[[Request], Awaitable[Response | Page]]


def answering(endpoint: Endpoint, pages: Pages | None) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint with its documents in the form asked for, and every exception as its problem in that form."""

    async def answer(request: Request) -> Response:
        try:
            made = await endpoint(request)
            return made if isinstance(made, Response) else shown(made, request, pages)
        except Exception as error:
            return refused(error, request, pages)

    return answer


def shown(made: Page, request: Request, pages: Pages | None) -> Response:
    """A document as JSON, or drawn; 304 where it is stable and the client has it."""
    headers, media = dict(made.headers), JSON
    if wants_html(request):
        if pages is None:
            raise InvalidInput("there are no HTML pages here", where="f", allowed=["json"])
        body, media = pages.draw(request, made.template, made.document, language(request)), HTML
        headers |= pages.headers
    else:
        body = dump(made.document)
    headers["Content-Language"] = language(request)
    headers["Vary"] = "Accept, Accept-Language"
    if made.stable:
        headers["ETag"] = etag = f'"{sha256(body).hexdigest()[:16]}"'
        held = request.headers.get("if-none-match", "").split(",")
        if any(tag.strip().removeprefix("W/") in (etag, "*") for tag in held):
            return Response(None, 304, headers)
    return Response(body, made.status, headers, media)


def refused(error: Exception, request: Request, pages: Pages | None) -> Response:
    """The problem of an exception; as a page only where that can be drawn."""
    told = problem(error, request.scope.get(REQUEST_ID))
    headers = dict(FRESH) | (dict(HEADERS.get(type(error), {})) if isinstance(error, CarbongridError) else {})
    try:
        return shown(Page(told.body(), "exception.html", told.status, headers), request, pages)
    except CarbongridError:
        return Response(dump(told.body()), told.status, headers, JSON)


def wants_html(request: Request) -> bool:
    """``f`` decides; without it an Accept header that names HTML and not JSON."""
    chosen = request.query_params.get("f")
    if chosen is not None and chosen not in ("json", "html"):
        raise InvalidInput(f"'{brief(chosen)}' is no format here", where="f", allowed=["json", "html"])
    accept = request.headers.get("accept", "")
    return chosen == "html" or (chosen is None and "text/html" in accept and "json" not in accept)


def known(request: Request, *names: str) -> None:
    """Refuse query parameters that mean nothing here."""
    for name in request.query_params:
        if name not in names:
            raise UnknownName(name, names, kind="query parameter", where=name)


def language(request: Request) -> str:
    """``lang``, else the first of Accept-Language that is spoken here, else Korean."""
    asked = request.query_params.get("lang")
    if asked is not None and asked not in LANGUAGE_TAGS:
        raise InvalidInput(f"'{asked}' is not spoken here", where="lang", allowed=LANGUAGE_TAGS)
    for part in (request.headers.get("accept-language", "") if asked is None else asked).split(","):
        tag = part.partition(";")[0].strip().partition("-")[0].lower()
        if tag in LANGUAGES:
            return tag
    return LANGUAGES[0]


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """An integer query parameter in its range."""
    given = request.query_params.get(name, str(default))
    if not given.isdecimal() or not low <= int(given) <= high:
        raise InvalidInput(f"'{brief(given)}' is no {name}", where=name, allowed=[f"{low} to {high}"])
    return int(given)
