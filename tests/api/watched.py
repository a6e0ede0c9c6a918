# SPDX-License-Identifier: Apache-2.0
"""A running server that remembers what real clients asked it."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from carbonserver.app import create_app
from carbonserver.settings import Settings
from tests.acceptance.conftest import free_port


class Asked(NamedTuple):
    """One request."""

    path: str
    query: Mapping[str, str]


class Watched:
    """An app at an address, and what it was asked."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self.app, self.url = app, url
        self.asked: list[Asked] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.asked.append(Asked(scope["path"], dict(parse_qsl(scope["query_string"].decode()))))
        await self.app(scope, receive, send)

    @property
    def filters(self) -> list[str]:
        """The conditions among them."""
        return [a.query["filter"] for a in self.asked if "filter" in a.query]


@contextmanager
def watched(root: Path) -> Iterator[Watched]:
    """The server over a data folder."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = Watched(create_app(Settings(root, url)), url)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield app
    server.should_exit = True
    thread.join(timeout=10)
