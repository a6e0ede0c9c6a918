# SPDX-License-Identifier: Apache-2.0
"""ASGI building blocks: a read-only resource, a request handed on, and cache headers around another app's pages."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carbonserver import answers, html
from carbonserver.answers import Variant
from carbonserver.host import state_of

ALLOW = "GET, HEAD, OPTIONS"

type Search = Callable[[Request, bytes], Response]
"""Answers a query that is sent as a body; it changes nothing."""


class Resource:
    """A resource that can only be read; ``answer`` runs in a worker thread, so that it may compute and map files.

    ``search`` answers POST, likewise.

    As an ASGI app it takes every method of its path: nothing else (pygeoapi's routes) sees the others.
    """

    def __init__(self, answer: Callable[[Request], Response], search: Search | None = None) -> None:
        self._answer, self._search = answer, search
        self._allow = ALLOW if search is None else f"{ALLOW}, POST"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        method = scope["method"]
        if method in ("GET", "HEAD"):
            response = await run_in_threadpool(self._answer, Request(scope, receive))
        elif method == "POST" and self._search is not None:
            request = Request(scope, receive)
            response = await run_in_threadpool(self._search, request, await request.body())
        elif method == "OPTIONS":
            response = Response(None, 204, {"Allow": self._allow})
        else:
            raise HTTPException(405, headers={"Allow": self._allow})
        await response(scope, receive, send)


class Passed(Response):
    """An answer that another app gives to the same request, at the same or another path."""

    def __init__(self, app: ASGIApp, path: str | None = None) -> None:
        super().__init__()
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on."""
        await self._app(scope if self._path is None else {**scope, "path": self._path}, receive, send)


def document(
    request: Request, variant: Variant, base_url: str, template: str, make: Callable[[], Mapping[str, Any]]
) -> Response:
    """A document made from all that is published: as JSON, or as the page that ``template`` draws from the same."""
    head = answers.shared_headers(variant, state_of(request).snapshot.hash, base_url, page_headers(variant))
    return answers.reply(request, variant, head, lambda: body(request, variant, template, make()))


def body(request: Request, variant: Variant, template: str, made: Mapping[str, Any]) -> bytes:
    """The bytes of a document in the variant's format."""
    if variant.format != "html":
        return orjson.dumps(made)
    return html.page(state_of(request).api.tpl_config, template, made, variant.language, request.query_params)


def page_headers(variant: Variant) -> Mapping[str, str]:
    """Headers that only a page for people has."""
    return html.SECURITY if variant.media.startswith("text/html") else answers.EMPTY


class Revalidated:
    """Pages of another app with the headers of ours: they depend on all that is published, so on all editions' hash.

    Answers that bring their own ETag (files) or are no 200 pass as they are.
    """

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        self._app, self._base_url = app, base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection; the whole page is held until its headers are known.

        The variant is chosen, or refused (``lang``), before the page is made.
        """
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        variant = Variant("", "", answers.language(request), answers.coding(request))
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app(scope, receive, hold)
        start = Headers(raw=held[0]["headers"])
        if held[0]["status"] != 200 or "etag" in start:
            for message in held:
                await send(message)
            return
        body = b"".join(message.get("body", b"") for message in held[1:])
        made = replace(variant, media=start["content-type"])
        await self._answer(request, made, start, body)(scope, receive, send)

    def _answer(self, request: Request, variant: Variant, start: Headers, body: bytes) -> Response:
        kept = {name: start[name] for name in ("content-crs", "link") if name in start}
        more = kept | dict(page_headers(variant))
        head = answers.shared_headers(variant, state_of(request).snapshot.hash, self._base_url, more)
        return answers.reply(request, variant, head, lambda: body)
