# SPDX-License-Identifier: Apache-2.0
"""Jobs over HTTP: asynchronous execution, status, list, results and dismissal (18-062r2, 7.11 to 7.13)."""

import asyncio
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import orjson
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from carbongrid.errors import InvalidInput, NotFound, brief
from processes.answer import dump, single
from processes.base import JSON, LANGUAGES, Process
from processes.jobs.job import STATES, Job, Made, caller_of
from processes.jobs.service import Service
from processes.jobs.status import link, status_info
from processes.registry import PROCESSES
from processes.web.negotiate import ALONE, FRESH, Page, known, language, number, wants_html

LONGEST_WAIT_S = 30
"""A ``wait`` of Prefer is honoured up to this."""
LOOK_AGAIN_S = 2
"""How often the page of an open job asks again."""
_POLL_S = 0.1


@dataclass(frozen=True)
class Preference:
    """What the Prefer headers (RFC 7240) ask for: an asynchronous run, and how many seconds its caller waits first."""

    asynchronous: bool = False
    wait_s: int = 0

    @classmethod
    def of(cls, request: Request) -> "Preference":
        """From a request; what is not understood is passed over, as the RFC says."""
        words = [w.strip().lower() for w in ",".join(request.headers.getlist("prefer")).split(",")]
        waits = [int(found[1]) for w in words if (found := re.fullmatch(r'wait\s*=\s*"?(\d{1,6})"?', w))]
        return cls("respond-async" in words, min(waits[0], LONGEST_WAIT_S) if waits else 0)


class Jobs:
    """Endpoints over a service; its work has a few threads of its own."""

    def __init__(self, service: Service, url: str) -> None:
        self._service, self._url = service, url
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="jobs")

    async def submit(self, process: Process, body: bytes, state: str, prefer: Preference, request: Request) -> Response:
        """201 and where the job is; the results themselves where they are there within the caller's ``wait``."""
        caller = _caller(request)
        job = await self._work(lambda: self._service.submit(process, body, caller, state))
        deadline = asyncio.get_running_loop().time() + prefer.wait_s
        while prefer.wait_s and job.open and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_S)
            job = await self._find(job.id, caller)
        if prefer.wait_s and not job.open:
            return await self._result(job, {"Preference-Applied": f"wait={prefer.wait_s}"})
        headers = {"Location": f"{self._url}/jobs/{job.id}", "Preference-Applied": "respond-async"}
        return Response(dump(status_info(job, self._url, LANGUAGES[0])), 201, {**headers, **FRESH}, JSON)

    async def submit_form(self, process: Process, body: bytes, state: str, request: Request) -> Response:
        """A form of a page: the browser goes on to the page of the job."""
        job = await self._work(lambda: self._service.submit(process, body, _caller(request), state))
        return self._to_page(job.id, request)

    async def status(self, request: Request) -> Page:
        """Status of a job; its page looks again by itself as long as it is open."""
        known(request, "f", "lang")
        job = await self._asked(request)
        again = {"Refresh": str(LOOK_AGAIN_S)} if job.open and wants_html(request) else {}
        return Page(status_info(job, self._url, language(request)), "jobs/job.html", headers={**again, **FRESH})

    async def dismissed(self, request: Request) -> Page:
        """End a job and forget its results."""
        known(request, "f", "lang")
        job = await self._work(lambda: self._service.dismiss(request.path_params["job"], _caller(request)))
        return Page(status_info(job, self._url, language(request)), "jobs/job.html")

    async def dismissed_by_form(self, request: Request) -> Response:
        """The same for a page, whose forms cannot send DELETE; back to the page."""
        await self.dismissed(request)
        return self._to_page(request.path_params["job"], request)

    async def results(self, request: Request) -> Response | Page:
        """The results as they were asked for, or the exception of a failed job; a page where they are one document."""
        known(request, "f", "lang")
        job = await self._asked(request)
        if not wants_html(request) or job.made is None or job.made.media_type != JSON:
            return await self._result(job, {})
        results = orjson.loads(await self._bytes(job))
        info = status_info(job, self._url, language(request))
        here = f"{self._url}/jobs/{job.id}/results"
        links = [link(f"{here}?f=json", "self"), link(f"{self._url}/jobs/{job.id}", "up", "text/html")]
        return Page({"job": info, "results": results, "links": links}, "jobs/results.html")

    async def output(self, request: Request) -> Response:
        """One output of a document of results, in its own media type, to be kept as a file."""
        known(request, "lang")
        job, name = await self._asked(request), request.path_params["output"]
        document = orjson.loads(await self._bytes(job)) if job.made and job.made.media_type == JSON else {}
        process = PROCESSES.get(job.process)
        if process is None or not isinstance(document, dict) or name not in document or name not in process.outputs:
            raise NotFound(f"the results of this job have no output '{brief(name)}'", where="output")
        made = single(process.outputs[name].schema, document[name])
        return Response(made.body(), headers={**FRESH, **ALONE, **_edition(job.made), "Content-Type": made.media_type})

    async def listed(self, request: Request) -> Page:
        """A page of the caller's jobs, newest first."""
        known(request, "f", "lang", "limit", "offset", "status", "type", "processID")
        offset, limit = number(request, "offset", 0, 0, 1_000_000), number(request, "limit", 100, 1, 1_000)
        status, kind = request.query_params.get("status", ""), request.query_params.get("type", "process")
        if status and status not in STATES:
            raise InvalidInput(f"'{brief(status)}' is no status", where="status", allowed=STATES)
        if kind != "process":
            raise InvalidInput(f"'{brief(kind)}' is no type of job", where="type", allowed=["process"])
        process, caller = request.query_params.get("processID", ""), _caller(request)
        jobs, total = await self._work(lambda: self._service.listed(caller, status, process, limit, offset))
        links = [link(f"{self._url}/jobs?{request.url.query}".rstrip("?"), "self")]
        if offset + limit < total:
            following = request.url.include_query_params(offset=offset + limit, limit=limit).query
            links.append(link(f"{self._url}/jobs?{following}", "next"))
        infos = [status_info(j, self._url, language(request)) for j in jobs]
        return Page({"jobs": infos, "numberMatched": total, "links": links}, "jobs/index.html")

    async def _result(self, job: Job, headers: Mapping[str, str]) -> Response:
        """The stored bytes, or the problem, of a job that has ended."""
        if job.problem is not None:
            return Response(dump(dict(job.problem)), int(job.problem["status"]), {**headers, **FRESH}, JSON)
        body = await self._bytes(job)
        media = job.made.media_type if job.made else JSON
        return Response(body, 200, {**headers, **_edition(job.made), **FRESH, "Content-Type": media, **ALONE})

    async def _bytes(self, job: Job) -> bytes:
        return await self._work(lambda: self._service.result(job))

    async def _asked(self, request: Request) -> Job:
        return await self._find(request.path_params["job"], _caller(request))

    async def _find(self, name: str, caller: str) -> Job:
        return await self._work(lambda: self._service.find(name, caller))

    async def _work[T](self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    def _to_page(self, job: str, request: Request) -> Response:
        return RedirectResponse(f"{self._url}/jobs/{job}?f=html&lang={language(request)}", 303, FRESH)


def _caller(request: Request) -> str:
    return caller_of(request.headers.get("authorization"))


def _edition(made: Made | None) -> dict[str, str]:
    return {"Carbongrid-Edition": made.edition} if made and made.edition else {}
