# SPDX-License-Identifier: Apache-2.0
"""Routes of OGC API - Processes: list, description, execution, jobs; every document as JSON and as a page.

They go ahead of pygeoapi's. Every process has a few threads of its own, so that a slow one starves neither tiles nor
the other processes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carbongrid.errors import brief
from carbonstore.releases.catalogue import Catalogue
from processes.answer import Answer, dump, finished
from processes.base import Context, Process
from processes.body import parse, read
from processes.errors import NoSuchProcess
from processes.jobs.service import Service
from processes.jobs.status import RELATION, link
from processes.registry import PROCESSES
from processes.web import forms
from processes.web.jobs import Jobs, Preference
from processes.web.negotiate import ALONE, Endpoint, Page, Pages, answering, known, language, number, wants_html

THREADS = 8
"""Executions of one process at a time; further ones wait."""
_SUMMARY = ("id", "version", "title", "description", "keywords", "jobControlOptions", "outputTransmission")
_KEPT = MappingProxyType({"Cache-Control": "public, no-cache"})


def routes(catalogue: Catalogue, url: str, pages: Pages | None = None, service: Service | None = None) -> list[Route]:
    """Routes over a catalogue; ``url`` is the public address, ``pages`` draws HTML where there is any."""
    context, served = Context(catalogue, url.rstrip("/")), service or Service(catalogue.root)
    jobs = Jobs(served, context.url)
    processes = Processes(context, jobs, served.public)
    endpoints: list[tuple[str, str, Endpoint]] = [
        ("/processes", "GET", processes.listed),
        ("/processes/{process}", "GET", processes.described),
        ("/processes/{process}/execution", "POST", processes.executed),
        ("/jobs", "GET", jobs.listed),
        ("/jobs/{job}", "GET", jobs.status),
        ("/jobs/{job}", "DELETE", jobs.dismissed),
        ("/jobs/{job}", "POST", jobs.dismissed_by_form),
        ("/jobs/{job}/results", "GET", jobs.results),
        ("/jobs/{job}/results/{output}", "GET", jobs.output),
    ]
    return [Route(path, answering(endpoint, pages), methods=[method]) for path, method, endpoint in endpoints]


class Processes:
    """Endpoints of the processes themselves."""

    def __init__(self, context: Context, jobs: Jobs, public: bool) -> None:
        self._context, self._jobs, self._public = context, jobs, public
        self._pools = {name: ThreadPoolExecutor(THREADS, thread_name_prefix=name) for name in PROCESSES}

    async def listed(self, request: Request) -> Page:
        """The process list: a page of summaries and its links."""
        known(request, "f", "lang", "limit", "offset")
        offset, limit = number(request, "offset", 0, 0, 1_000_000), number(request, "limit", len(PROCESSES), 1, 10_000)
        url, spoken = self._context.url, language(request)
        shown = list(PROCESSES.values())[offset : offset + limit]
        links = [link(f"{url}/processes?f=json", "self"), link(f"{url}/processes?f=html", "alternate", "text/html")]
        if offset + limit < len(PROCESSES):
            links.append(link(f"{url}/processes?limit={limit}&offset={offset + limit}", "next"))
        if self._public:
            links.append(link(f"{url}/jobs", f"{RELATION}job-list"))
        document = {"processes": [summary(p, url, spoken) for p in shown], "links": links}
        return Page(document, "processes/index.html", headers=_KEPT, stable=True)

    async def described(self, request: Request) -> Page:
        """The description of one process."""
        known(request, "f", "lang")
        document = description(named(request), self._context.url, language(request))
        return Page(document, "processes/process.html", headers=_KEPT, stable=True)

    async def executed(self, request: Request) -> Response:
        """Run a process: at once, as a job, or as a job whose page a browser is sent to."""
        known(request, "f", "lang")
        process, prefer = named(request), Preference.of(request)
        body = await read(request.stream(), request.headers.get("content-length"), process.max_body)
        form = forms.media(request.headers.get("content-type", ""))
        if form is not None:
            body = await self._work(process, lambda: dump(forms.request_of(process, form, body)))
        state = self._context.catalogue.snapshot().hash
        if form is not None and wants_html(request):
            return await self._jobs.submit_form(process, body, state, request)
        if prefer.asynchronous:
            return await self._jobs.submit(process, body, state, prefer, request)
        return responded(await self._work(process, lambda: self._at_once(process, body)))

    def _at_once(self, process: Process, body: bytes) -> Answer:
        asked = process.accept(parse(body, most=process.max_values))
        process.at_once(asked, len(body))
        return finished(process, asked, self._context)

    async def _work[T](self, process: Process, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pools[process.id], act)


def named(request: Request) -> Process:
    """The process of the path."""
    asked = request.path_params["process"]
    if asked not in PROCESSES:
        raise NoSuchProcess(f"there is no process '{brief(asked)}'", allowed=PROCESSES)
    return PROCESSES[asked]


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
        link(f"{here}/execution", f"{RELATION}execute"),
    ]
    return process.describe(spoken) | {"links": links}


def responded(made: Answer) -> Response:
    """The response of a finished execution."""
    headers = {"Carbongrid-Edition": made.edition} if made.edition else {}
    return Response(made.body(), headers={**headers, **ALONE, "Content-Type": made.media_type})
