# SPDX-License-Identifier: Apache-2.0
"""A server of our own and a headless Chromium that reaches nothing else: for the README's picture and browser tests."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, sync_playwright
from starlette.types import ASGIApp

FLAGS = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--force-color-profile=srgb",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost",
)
"""WebGL in software, and no name but localhost resolves: a page that loads here loads on a closed network."""
START_SECONDS = 60


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(app: ASGIApp, port: int) -> Iterator[None]:
    """Serve an ASGI app on a loopback port from a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start on port {port}")
        time.sleep(0.02)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@contextmanager
def chromium(executable: str | None = None) -> Iterator[Browser]:
    """The distribution's Chromium, headless; RuntimeError where there is none. Nothing is downloaded."""
    path = executable or shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise RuntimeError("chromium was not found: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page and everything that went wrong on it."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until the map shows what was asked for last."""
        self.page.locator("body[aria-busy=false]").wait_for()
        self.page.evaluate("window.carbongrid.settled()")

    def colors(self, points: list[list[float]]) -> list[str]:
        """Colours (``#rrggbb``) that the map draws at CRS84 points, read from WebGL; the panel does not hide them."""
        drawn: list[str] = self.page.evaluate(_READ, points)
        return drawn


_READ = """points => new Promise(resolve => {
  const map = window.carbongrid.map;
  map.once('render', () => {
    const canvas = map.getCanvas(), gl = canvas.getContext('webgl2'), scale = canvas.width / canvas.clientWidth;
    resolve(points.map(point => {
      const { x, y } = map.project(point), left = Math.floor(x * scale), bottom = Math.floor(canvas.height - y * scale);
      const pixel = new Uint8Array(4);
      gl.readPixels(left, bottom, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
      return '#' + [...pixel.slice(0, 3)].map(v => v.toString(16).padStart(2, '0')).join('');
    }));
  });
  map.triggerRepaint();
})"""


def _miss(seen: Visit, request: Request) -> None:
    """A request that failed; leaving a page cuts off what it still loads, which is none."""
    if request.failure != "net::ERR_ABORTED":
        seen.complaints.append(f"request failed: {request.url}")


def visit(browser: Browser, url: str, **context: Any) -> Visit:
    """Open an address of our own server and wait for its first picture; ``context`` goes to playwright."""
    page = browser.new_context(**context).new_page()
    seen = Visit(page, "{0.scheme}://{0.netloc}".format(urlsplit(url)))
    page.on("pageerror", lambda error: seen.complaints.append(f"script: {error}"))
    page.on("console", lambda message: _hear(seen, message))
    page.on("requestfailed", lambda request: _miss(seen, request))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("response", lambda response: _answer(seen, response))
    page.goto(url)
    page.evaluate("window.ready")
    return seen


def _hear(seen: Visit, message: ConsoleMessage) -> None:
    if message.type in ("error", "warning"):
        seen.complaints.append(f"console: {message.text}")


def _answer(seen: Visit, response: Response) -> None:
    if response.status >= 400:
        seen.complaints.append(f"{response.status}: {response.url}")
