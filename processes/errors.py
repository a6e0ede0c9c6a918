# SPDX-License-Identifier: Apache-2.0
"""Domain errors -> OGC exceptions (RFC 7807 members; ``exception.yaml`` of OGC API - Processes Part 1).

The body is served as ``application/json``: CITE and most clients look for exactly that, and it has every member of
problem+json. What is not meant for clients becomes a neutral 500 with a reference; its cause goes to the log only.
"""

import logging
import secrets
from dataclasses import dataclass
from http import HTTPStatus

from carbongrid.errors import CarbongridError, NotFound
from carbonstore.errors import ogc_exception

LOG = logging.getLogger(__name__)
_URI = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/"
NO_SUCH_PROCESS = _URI + "no-such-process"
NO_SUCH_JOB = _URI + "no-such-job"


class NoSuchProcess(NotFound):
    """The process id names nothing here."""


class NoSuchJob(NotFound):
    """The job id names nothing here."""


TYPES: dict[type[CarbongridError], str] = {NoSuchProcess: NO_SUCH_PROCESS, NoSuchJob: NO_SUCH_JOB}
"""Exceptions that Part 1 gives a type of their own; all others have the code of ``carbonstore.errors``."""


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
    status, code, detail = ogc_exception(error)
    if not isinstance(error, CarbongridError) or status >= 500:
        reference = reference or secrets.token_hex(8)
        LOG.error("process failed, reference %s", reference, exc_info=error)
        return Problem(status, code, HTTPStatus(status).phrase, f"{detail} The operator finds it as {reference}.")
    kind = TYPES.get(type(error), code)
    return Problem(status, kind, HTTPStatus(status).phrase, detail, error.where, error.allowed)
