# SPDX-License-Identifier: Apache-2.0
"""Around every request: an id, neutral errors, a limit on bodies, and CORS."""

import logging
from collections.abc import Awaitable, Callable
from secrets import token_hex

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carbongrid.errors import TooLarge
from carbonserver.errors import error_response, unexpected_response
from carbonserver.settings import MAX_BODY

LOG = logging.getLogger("carbongrid")
EXPOSED = (
    "Content-Crs",
    "Link",
    "Location",
    "ETag",
    "Carbongrid-Edition",
    "OGCAPI-datetime",
    "Request-Id",
    "Preference-Applied",
    "Retry-After",
)


class RequestId:
    """Give every request an id, name it in the answer, and turn the unexpected into a neutral 500 that holds it.

    The cause goes to the log only: no message, path or query of the inside reaches a client.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = token_hex(8)
        scope["carbongrid.request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"request-id", request_id.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            LOG.exception("request %s failed: %s %s", request_id, scope["method"], scope["path"])
            if started:
                raise
            await unexpected_response(request_id)(scope, receive, send_with_id)


class BodyLimit:
    """Refuse bodies above a limit with 413: by Content-Length before reading, else as soon as it is passed.

    In the second case the app that reads the body meets TooLarge, which it answers as any domain error.
    """

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        length = dict(scope["headers"]).get(b"content-length", b"0")
        too_large = TooLarge(f"the body exceeds {self.limit // 2**20} MiB", where="body")
        if not length.isdigit() or int(length) > self.limit:
            await error_response(too_large)(scope, receive, send)
            return
        await self.app(scope, _counted(receive, self.limit, too_large), send)


def _counted(receive: Receive, limit: int, too_large: TooLarge) -> Callable[[], Awaitable[Message]]:
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > limit:
            raise too_large
        return message

    return counted


class Cors(CORSMiddleware):
    """Open data: any origin may read; no credentials."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "HEAD", "POST", "DELETE", "OPTIONS"],
            allow_headers=["*"],
            expose_headers=EXPOSED,
            max_age=86400,
        )
