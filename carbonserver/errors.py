# SPDX-License-Identifier: Apache-2.0
"""Errors as OGC exceptions in JSON: ``{code, description}`` with the status, the place and what is allowed."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carbongrid.errors import CarbongridError
from carbonserver.answers import NotAcceptable
from carbonstore.errors import ogc_exception

JSON = "application/json"
_HTTP = {404: "NotFound", 405: "MethodNotAllowed", 406: "NotAcceptable", 413: "ContentTooLarge"}


def error_response(error: CarbongridError, links: Sequence[Mapping[str, str]] = ()) -> Response:
    """The answer to a request that a domain error ended; ``links`` lead to where the client may go on."""
    status, code, text = ogc_exception(error)
    if isinstance(error, NotAcceptable):
        status, code = 406, "NotAcceptable"
    more: dict[str, Any] = {"where": error.where, "allowed": list(error.allowed), "links": list(links)}
    headers = {"Link": ", ".join(f'<{link["href"]}>; rel="{link["rel"]}"' for link in links)} if links else {}
    return _exception(status, code, text, {k: v for k, v in more.items() if v}, headers)


def unexpected_response(request_id: str) -> Response:
    """The neutral answer to what nobody expected; the cause is in the log under the id."""
    return _exception(500, "NoApplicableCode", f"An unexpected error; the operator finds it as {request_id}.", {}, {})


def http_exception(request: Request, error: Exception) -> Response:
    """Starlette's own refusals (no such path, no such method) in the same form."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    text = f"{HTTPStatus(status).phrase}: {request.method} {request.url.path}"
    return _exception(status, _HTTP.get(status, "InvalidParameterValue"), text, {}, error.headers or {})


def domain_error(_request: Request, error: Exception) -> Response:
    """Starlette's handler for domain errors."""
    assert isinstance(error, CarbongridError)
    return error_response(error)


def _exception(
    status: int, code: str, description: str, more: Mapping[str, Any], headers: Mapping[str, str]
) -> Response:
    body = {"type": code, "code": code, "description": description, "status": status, **more}
    return Response(orjson.dumps(body), status, {"Cache-Control": "no-store", **headers}, JSON)
