# SPDX-License-Identifier: Apache-2.0
"""Domain errors -> OGC exceptions (RFC 7807 members; ``exception.yaml`` of OGC API - Processes Part 1).

The body is served as ``application/json``: CITE and most clients look for exactly that, and it has every member of
problem+json. What is not meant for clients becomes a neutral 500 with a reference; its cause goes to the log only.
"""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from carbongrid.errors import CarbongridError, NotFound
from carbonstore.errors import ogc_exception
from processes.jobs.database import Unreachable
from processes.jobs.job import RETRY_S, Busy, NoToken

LOG = logging.getLogger(__name__)
_URI = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NO_SUCH_PROCESS = _URI + "no-such-process"
NO_SUCH_JOB = _URI + "no-such-job"
RESULT_NOT_READY = _URI + "result-not-ready"


class NoSuchProcess(NotFound):
    """The process id names nothing here."""


class NoSuchJob(NotFound):
    """The job id names nothing here."""


class NotReady(NotFound):
    """The job has no results yet."""


KINDS: dict[type[CarbongridError], tuple[int, str]] = {
    NoSuchProcess: (404, NO_SUCH_PROCESS),
    NoSuchJob: (404, NO_SUCH_JOB),
    NotReady: (404, RESULT_NOT_READY),
    NoToken: (401, "Unauthorized"),
    Busy: (429, "TooManyRequests"),
    Unreachable: (503, "ServiceUnavailable"),
}
"""Status and type of what Part 1 or jobs add; all others are as in ``carbonstore.errors``."""
HEADERS: dict[type[CarbongridError], Mapping[str, str]] = {
    NoToken: {"WWW-Authenticate": "Bearer"},
    Busy: {"Retry-After": str(RETRY_S)},
    Unreachable: {"Retry-After": str(RETRY_S)},
}
"""Headers of a response to an error."""


@dataclass(frozen=True)
class Problem:
    """An exception as a client reads it."""

    status: int
    type: str
    title: str
    detail: str
    where: str = ""
    allowed: tuple[str, ...] = ()

    def body(self) -> dict[str, object]:
        """JSON members; ``where`` is the place (a JSON pointer into the request), ``allowed`` what is right there."""
        body: dict[str, object] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.where:
            body["where"] = self.where
        if self.allowed:
            body["allowed"] = list(self.allowed)
        return body


def problem(error: Exception, reference: str | None = None) -> Problem:
    """What the client is told about an error; ``reference`` is the request's id where it has one."""
    kind = KINDS.get(type(error)) if isinstance(error, CarbongridError) else None
    status, code, detail = (*kind, str(error)) if kind else ogc_exception(error)
    if not isinstance(error, CarbongridError) or status == HTTPStatus.INTERNAL_SERVER_ERROR:
        reference = reference or secrets.token_hex(8)
        LOG.error("process failed, reference %s", reference, exc_info=error)
        return Problem(status, code, HTTPStatus(status).phrase, f"{detail} The operator finds it as {reference}.")
    return Problem(status, code, HTTPStatus(status).phrase, detail, error.where, error.allowed)
