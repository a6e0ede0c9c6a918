# SPDX-License-Identifier: Apache-2.0
"""Domain errors -> OGC exceptions (RFC 7807 members; ``exception.yaml`` of OGC API - Processes Part 1).

The body is served as ``application/json``: CITE and most clients look for exactly that, and it has every member of
problem+json. An error outside the table becomes a neutral 500 with a reference; its cause goes to the log only.
"""

import logging
import secrets
from dataclasses import dataclass

from carbongrid.errors import CarbongridError, Gone, InvalidInput, NotFound, TooLarge

LOG = logging.getLogger(__name__)
_URI = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NO_SUCH_PROCESS = _URI + "no-such-process"
NO_SUCH_JOB = _URI + "no-such-job"
RESULT_NOT_READY = _URI + "result-not-ready"


class NoSuchProcess(NotFound):
    """The process id names nothing here."""


class NoSuchJob(NotFound):
    """The job id names nothing here."""


TABLE: dict[type[CarbongridError], tuple[int, str, str]] = {
    NoSuchProcess: (404, NO_SUCH_PROCESS, "No such process"),
    NoSuchJob: (404, NO_SUCH_JOB, "No such job"),
    NotFound: (404, "NotFound", "Not found"),
    Gone: (410, "Gone", "No longer kept"),
    TooLarge: (413, "ContentTooLarge", "Too large"),
    InvalidInput: (400, "InvalidParameterValue", "Invalid input"),
}
"""Error class -> (HTTP status, exception type, title); of an error's classes the nearest one that is listed counts."""


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
    if isinstance(error, CarbongridError):
        for kind in type(error).__mro__:
            if kind in TABLE:
                status, name, title = TABLE[kind]
                return Problem(status, name, title, error.sentence, error.where, error.allowed)
    reference = reference or secrets.token_hex(8)
    LOG.error("process failed, reference %s", reference, exc_info=error)
    detail = f"The process failed. Reference for the operator: {reference}"
    return Problem(500, "NoApplicableCode", "Internal error", detail)
