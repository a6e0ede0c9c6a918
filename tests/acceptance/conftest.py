# SPDX-License-Identifier: Apache-2.0
"""The world of the acceptance tests: two real cities and the sample, built once, served by the real command."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from carbonstore.building.build import build
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.edition import publish
from carbonstore.releases.stored import Release
from carbonstore.sample import write_sample
from tools import browser as tool
from tools.browser import Visit

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CASES = [("songpa", 2024), ("badhersfeld", 2024), ("sejong", 2022), ("sejong", 2023)]


@dataclass(frozen=True)
class World:
    """A data folder with everything published."""

    root: Path

    def release(self, inventory: str, year: int) -> Release:
        return Catalogue(self.root).snapshot().collections[f"{inventory}-100m-history"].release(year)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> World:
    root = tmp_path_factory.mktemp("world")
    for name in ("songpa", "badhersfeld"):
        build(EXAMPLES / f"{name}.toml", root)
        publish(root, name)
    for file in write_sample("sejong", root / "samples" / "sejong"):
        build(file, root)
    publish(root, "sejong")
    return World(root)


def fetch(url: str, params: dict[str, Any] | None = None) -> httpx.Response:
    """GET with patience: the first request of a kind may wait for kernels to compile."""
    return httpx.get(url, params=params, timeout=60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(world: World) -> Iterator[str]:
    """Base address of ``carbongrid serve`` over the world."""
    port = free_port()
    environment = os.environ | {"CARBONGRID_DATA": str(world.root), "CARBONGRID_PORT": str(port)}
    environment.pop("CARBONGRID_URL", None)
    command = [sys.executable, "-m", "carbonserver", "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        base = f"http://localhost:{port}"
        try:
            await_health(base, process)
            yield base
        finally:
            process.terminate()


def await_health(base: str, process: "subprocess.Popen[bytes]", seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{base}/healthz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not answer within {seconds} s (exit code {process.poll()})")


@pytest.fixture(scope="module")
def chrome(chromium: str) -> Iterator[Browser]:
    with tool.chromium(chromium) as browser:
        yield browser


@pytest.fixture
def opened(chrome: Browser) -> Iterator[list[Visit]]:
    """Pages of a test: afterwards none may have complained or asked another server for anything."""
    visits: list[Visit] = []
    yield visits
    for seen in visits:
        foreign = [r for r in seen.requests if not r.startswith((f"{seen.origin}/", "data:", "blob:"))]
        seen.page.context.close()
        assert (seen.complaints, foreign) == ([], [])
