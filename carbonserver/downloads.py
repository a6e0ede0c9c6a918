# SPDX-License-Identifier: Apache-2.0
"""Items as files: sent while they are written, given up as soon as the client is gone."""

from collections.abc import Callable, Iterator, Mapping
from threading import Event

import anyio
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from carbonstore.encode.files import Stopped

Make = Callable[[Callable[[], bool]], Iterator[bytes]]
"""From "has the work been given up?" to the file, piece by piece."""


class Download(Response):
    """200 with a body of unknown length, made in worker threads; a HEAD request makes none.

    A fault after the first piece breaks the connection without the last chunk: no client takes half a file for whole.
    """

    def __init__(self, make: Make, head: Mapping[str, str], media: str, name: str) -> None:
        super().__init__(None, 200, dict(head), media)
        del self.headers["content-length"]
        self.headers["content-disposition"] = f'attachment; filename="{name}"'
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, watching for the client to leave."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        gone = Event()
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, receive, gone)
            await self._send(send, gone)
            group.cancel_scope.cancel()

    async def _send(self, send: Send, gone: Event) -> None:
        try:
            async for piece in iterate_in_threadpool(self._make(gone.is_set)):
                if gone.is_set():
                    return
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except Stopped:
            return
        await send({"type": "http.response.body"})


async def _watch(receive: Receive, gone: Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()
