# SPDX-License-Identifier: Apache-2.0
"""Jobs over HTTP: asynchronous execution, status, list, results and dismissal (18-062r2, 7.11 to 7.13)."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from carbongrid.errors import InvalidInput, brief
from processes.answer import dump
from processes.base import JSON, LANGUAGES, Process
from processes.jobs import STATES, Job, caller_of
from processes.service import Service

FRESH = {"Cache-Control": "no-store"}
"""Jobs and errors are of the moment: no cache may keep them."""
LONGEST_WAIT_S = 30
"""A ``wait`` of Prefer is honoured up to this."""
_POLL_S = 0.1
_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/"


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
        caller = caller_of(request.headers.get("authorization"))
        job = await self._work(lambda: self._service.submit(process, body, caller, state))
        deadline = asyncio.get_running_loop().time() + prefer.wait_s
        while prefer.wait_s and job.open and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_S)
            job = await self._found(job.id, caller)
        if prefer.wait_s and not job.open:
            return await self._result(job, {"Preference-Applied": f"wait={prefer.wait_s}"})
        headers = {"Location": f"{self._url}/jobs/{job.id}", "Preference-Applied": "respond-async"}
        return Response(dump(self._info(job, LANGUAGES[0])), 201, headers | FRESH, JSON)

    async def status(self, request: Request, language: str) -> Response:
        """Status of a job; with DELETE dismiss it."""
        caller, name = caller_of(request.headers.get("authorization")), request.path_params["job"]
        act = self._service.dismiss if request.method == "DELETE" else self._service.find
        job = await self._work(lambda: act(name, caller))
        return Response(dump(self._info(job, language)), 200, FRESH, JSON)

    async def results(self, request: Request) -> Response:
        """The results as they were asked for, or the exception of a failed job."""
        caller = caller_of(request.headers.get("authorization"))
        return await self._result(await self._work(lambda: self._service.find(request.path_params["job"], caller)), {})

    async def listed(self, request: Request, language: str, offset: int, limit: int) -> Response:
        """A page of the caller's jobs, newest first."""
        caller, query = caller_of(request.headers.get("authorization")), request.query_params
        status, kind = query.get("status", ""), query.get("type", "process")
        if status and status not in STATES:
            raise InvalidInput(f"'{brief(status)}' is no status", where="status", allowed=STATES)
        if kind != "process":
            raise InvalidInput(f"'{brief(kind)}' is no type of job", where="type", allowed=["process"])
        process = query.get("processID", "")
        jobs, total = await self._work(lambda: self._service.listed(caller, status, process, limit, offset))
        links = [_link(f"{self._url}/jobs?{request.url.query}".rstrip("?"), "self")]
        if offset + limit < total:
            following = request.url.include_query_params(offset=offset + limit, limit=limit).query
            links.append(_link(f"{self._url}/jobs?{following}", "next"))
        body = {"jobs": [self._info(j, language) for j in jobs], "numberMatched": total, "links": links}
        return Response(dump(body), 200, FRESH, JSON)

    async def _result(self, job: Job, headers: dict[str, str]) -> Response:
        if job.problem is not None:
            return Response(dump(dict(job.problem)), int(job.problem["status"]), headers | FRESH, JSON)
        body = await self._work(lambda: self._service.result(job))
        made = job.made
        assert made is not None
        edition = {"Carbongrid-Edition": made.edition} if made.edition else {}
        return Response(body, 200, headers | edition | FRESH | {"Content-Type": made.media_type})

    async def _found(self, name: str, caller: str) -> Job:
        return await self._work(lambda: self._service.find(name, caller))

    async def _work[T](self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, act)

    def _info(self, job: Job, language: str) -> dict[str, object]:
        """statusInfo.yaml."""
        here = f"{self._url}/jobs/{job.id}"
        links = [_link(here, "self")]
        if job.status == "successful":
            links.append(_link(f"{here}/results", f"{_RELATION}results"))
        if job.problem is not None:
            links.append(_link(f"{here}/results", f"{_RELATION}exceptions"))
        times = {k: _time(getattr(job, k)) for k in ("created", "started", "finished", "updated")}
        told = job.problem["detail"] if job.problem else job.message and job.message[language]
        info: dict[str, object] = {"jobID": job.id, "processID": job.process, "type": "process", "status": job.status}
        optional = {"message": told, **times}
        return info | {"progress": job.progress} | {k: v for k, v in optional.items() if v} | {"links": links}


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _link(href: str, rel: str) -> dict[str, str]:
    return {"href": href, "rel": rel, "type": JSON}
