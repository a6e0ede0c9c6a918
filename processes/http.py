# SPDX-License-Identifier: Apache-2.0
"""Routes of OGC API - Processes: list, description, execution, and the (always empty) jobs.

They go ahead of pygeoapi's; HTML pages are left to it (``html``). Every process has a few threads of its own, so that a
slow one starves neither tiles nor the other processes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from carbongrid.errors import CarbongridError, InvalidInput, UnknownName, brief
from carbonstore.catalogue import Catalogue
from processes.answer import Answer, dump, perform
from processes.base import JSON, LANGUAGE_TAGS, LANGUAGES, Context, Process
from processes.body import parse, read
from processes.errors import HEADERS, NoSuchProcess, problem
from processes.jobs_http import FRESH, Jobs, Preference
from processes.registry import PROCESSES
from processes.service import Service

THREADS = 8
"""Executions of one process at a time; further ones wait."""
REQUEST_ID = "carbongrid.request_id"
"""Key of the ASGI scope under which the server names the request."""
_EXECUTE = "http://www.opengis.net/def/rel/ogc/1.0/execute"
_SUMMARY = ("id", "version", "title", "description", "keywords", "jobControlOptions", "outputTransmission")

type Endpoint = Callable[[Request], Awaitable[Response]]


def routes(catalogue: Catalogue, url: str, html: ASGIApp | None = None, service: Service | None = None) -> list[Route]:
    """Routes over a catalogue; ``url`` is the public address, ``html`` the app that draws HTML pages."""
    context = Context(catalogue, url.rstrip("/"))
    served = Jobs(service or Service(catalogue.root), context.url)
    pools = {name: ThreadPoolExecutor(THREADS, thread_name_prefix=name) for name in PROCESSES}

    async def processes(request: Request) -> Response:
        known(request, "f", "lang", "limit", "offset")
        return described(listing(context.url, language(request), *page(request)), request)

    async def process(request: Request) -> Response:
        known(request, "f", "lang")
        return described(description(named(request), context.url, language(request)), request)

    async def execution(request: Request) -> Response:
        known(request, "f")
        asked, prefer = named(request), Preference.of(request)
        body = await read(request.stream(), request.headers.get("content-length"), asked.max_body)
        if prefer.asynchronous:
            return await served.submit(asked, body, catalogue.snapshot().hash, prefer, request)
        work = asyncio.get_running_loop().run_in_executor
        return responded(await work(pools[asked.id], lambda: perform(asked, parse(body), context)))

    async def jobs(request: Request) -> Response:
        known(request, "f", "lang", "limit", "offset", "status", "type", "processID")
        chosen = number(request, "offset", 0, 0, 1_000_000), number(request, "limit", 100, 1, 1_000)
        return await served.listed(request, language(request), *chosen)

    async def job(request: Request) -> Response:
        known(request, "f", "lang")
        return await served.status(request, language(request))

    async def results(request: Request) -> Response:
        known(request, "f")
        return await served.results(request)

    pages = [("/processes", processes), ("/processes/{process}", process), ("/jobs", jobs)]
    return [
        *(Route(path, guarded(paged(endpoint, html)), methods=["GET"]) for path, endpoint in pages),
        Route("/processes/{process}/execution", guarded(execution), methods=["POST"]),
        Route("/jobs/{job}", guarded(job), methods=["GET", "DELETE"]),
        Route("/jobs/{job}/results", guarded(results), methods=["GET"]),
    ]


def guarded(endpoint: Endpoint) -> Endpoint:
    """The endpoint with every exception turned into its problem."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception as error:
            told = problem(error, request.scope.get(REQUEST_ID))
            headers = FRESH | dict(HEADERS.get(type(error), {})) if isinstance(error, CarbongridError) else FRESH
            return Response(dump(told.body()), told.status, headers=headers, media_type=JSON)

    return answer


def paged(endpoint: Endpoint, html: ASGIApp | None) -> Endpoint:
    """The endpoint for JSON; requests for HTML go to the app that draws pages."""

    async def answer(request: Request) -> Response:
        if not wants_html(request):
            return await endpoint(request)
        if html is None:
            raise InvalidInput("there are no HTML pages here", where="f", allowed=["json"])
        return Passed(html)

    return answer


class Passed(Response):
    """A response that another ASGI app makes from the same request."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        """Hand the request over."""
        await self._app(scope, receive, send)


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


def page(request: Request) -> tuple[int, int]:
    """(offset, limit) of the process list."""
    return number(request, "offset", 0, 0, 1_000_000), number(request, "limit", len(PROCESSES), 1, 10_000)


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """An integer query parameter in its range."""
    given = request.query_params.get(name, str(default))
    if not given.isdecimal() or not low <= int(given) <= high:
        raise InvalidInput(f"'{brief(given)}' is no {name}", where=name, allowed=[f"{low} to {high}"])
    return int(given)


def named(request: Request) -> Process:
    """The process of the path."""
    asked = request.path_params["process"]
    if asked not in PROCESSES:
        raise NoSuchProcess(f"there is no process '{brief(asked)}'", allowed=PROCESSES)
    return PROCESSES[asked]


def link(href: str, rel: str, media_type: str = JSON) -> dict[str, str]:
    """A link object."""
    return {"href": href, "rel": rel, "type": media_type}


def listing(url: str, spoken: str, offset: int, limit: int) -> dict[str, object]:
    """The process list: a page of summaries and its links."""
    shown = list(PROCESSES.values())[offset : offset + limit]
    links = [link(f"{url}/processes?f=json", "self"), link(f"{url}/processes?f=html", "alternate", "text/html")]
    if offset + limit < len(PROCESSES):
        links.append(link(f"{url}/processes?limit={limit}&offset={offset + limit}", "next"))
    return {"processes": [summary(p, url, spoken) for p in shown], "links": links}


def summary(process: Process, url: str, spoken: str) -> dict[str, object]:
    """A process in the list."""
    full = process.describe(spoken)
    return {k: full[k] for k in _SUMMARY} | {"links": [link(f"{url}/processes/{process.id}", "self")]}


def description(process: Process, url: str, spoken: str) -> dict[str, object]:
    """The description of one process with its links."""
    here = f"{url}/processes/{process.id}"
    links = [
        link(f"{here}?f=json", "self"),
        link(f"{here}?f=html", "alternate", "text/html"),
        link(f"{here}/execution", _EXECUTE),
    ]
    return process.describe(spoken) | {"links": links}


def described(value: dict[str, object], request: Request) -> Response:
    """A JSON page in the language asked for, or 304; the entity tag is its hash, for no edition is in it."""
    body = dump(value)
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    headers = {"Content-Language": language(request), "Vary": "Accept, Accept-Language", "ETag": etag}
    headers["Cache-Control"] = "public, no-cache"
    held = request.headers.get("if-none-match", "").split(",")
    if any(tag.strip().removeprefix("W/") in (etag, "*") for tag in held):
        return Response(None, 304, headers)
    return Response(body, headers=headers, media_type=JSON)


def responded(made: Answer) -> Response:
    """The response of a finished execution."""
    headers = {"Carbongrid-Edition": made.edition} if made.edition else {}
    return Response(made.body(), headers=headers | {"Content-Type": made.media_type})
