# SPDX-License-Identifier: Apache-2.0
"""Servers as processes of their own, two of each as there are two cores: ours, the floor, tipg, martin, pygeoapi.

python -m benchmarks.servers ours|floor ROOT PATH PORT CACHE     (one process, as started below)
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import orjson
import uvicorn
import yaml
from pygeoapi.openapi import get_oas
from starlette.testclient import TestClient

from carbonserver.app import create_app
from carbonserver.settings import Settings
from carbonstore.collections import tms

PROCESSES = 2
TILES, ITEMS, LAYER = "cell_tiles", "cell_items", "cells"
"""Peers' tables, and the layer of tiles."""
COMPARED_FROM = 11
"""Zoom from which 100 m cells are asked for here: one before the first that is published, for a tile of 25,000."""


def floor(headers: list[tuple[bytes, bytes]], body: bytes) -> Callable[..., object]:
    """An ASGI app of nothing but an answer."""

    async def app(scope, _receive, send):  # type: ignore[no-untyped-def]
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    return app


def serve(what: str, root: str, path: str, port: int, cache: int) -> None:
    """The process of one side: ours, or the floor with what ours answers in gzip."""
    tms._ZOOMS = tuple((size, min(zoom, COMPARED_FROM) if size == 100 else zoom) for size, zoom in tms._ZOOMS)
    app = create_app(Settings(Path(root), f"http://localhost:{port}", tile_cache=cache << 20))
    if what == "floor":
        with TestClient(app).stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            app = floor(answer.headers.raw, b"".join(answer.iter_raw()))  # type: ignore[assignment]
    uvicorn.run(app, port=port, log_level="error", access_log=False, lifespan="off")


@contextmanager
def ours(root: Path, path: str, cache: int = 64, what: str = "ours") -> Iterator[tuple[int, ...]]:
    """Ports of our server with so many MiB of tile cache; ``path`` is asked once."""
    with _running([_own(what, root, path, port, cache) for port in _ports(PROCESSES)], path) as ports:
        yield ports


def _own(what: str, root: Path, path: str, port: int, cache: int) -> tuple[int, list[str], Mapping[str, str]]:
    return port, [sys.executable, "-m", "benchmarks.servers", what, str(root), path, str(port), str(cache)], {}


@contextmanager
def tipg(address: str, properties: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Tipg over the tables, tiles with the same ``properties``, whole cells, and no lower limit than ours."""
    settings = {
        "DATABASE_URL": address,
        "TIPG_TABLE_CONFIG__public_cell_tiles__properties": orjson.dumps(properties).decode(),
        "TIPG_MAX_FEATURES_PER_TILE": "100000",
        "TIPG_TILE_BUFFER": "0",
        "TIPG_TILE_CLIP": "false",
    }
    command = [sys.executable, "-m", "uvicorn", "tipg.main:app", "--log-level", "error", "--no-access-log", "--port"]
    started = [(port, [*command, str(port)], settings) for port in _ports(PROCESSES)]
    with _running(started, "/healthz") as ports:
        yield ports


@contextmanager
def pygeoapi(address: str, folder: Path, properties: Sequence[str]) -> Iterator[tuple[int, ...]]:
    """Stock pygeoapi with its PostgreSQL provider over the items."""
    config = _pygeoapi_config(address, properties)
    (folder / "pygeoapi.yml").write_text(yaml.safe_dump(config))
    (folder / "pygeoapi-openapi.yml").write_text(yaml.safe_dump(get_oas(config)))
    settings = {
        "PYGEOAPI_CONFIG": str(folder / "pygeoapi.yml"),
        "PYGEOAPI_OPENAPI": str(folder / "pygeoapi-openapi.yml"),
    }
    command = [sys.executable, "-m", "uvicorn", "pygeoapi.starlette_app:APP", "--log-level", "error"]
    started = [(port, [*command, "--no-access-log", "--port", str(port)], settings) for port in _ports(PROCESSES)]
    with _running(started, "/conformance?f=json") as ports:
        yield ports


def _pygeoapi_config(address: str, properties: Sequence[str]) -> dict[str, object]:
    at = urlsplit(address)
    database = {
        "host": at.hostname,
        "port": at.port,
        "dbname": at.path.strip("/"),
        "user": at.username,
        "password": "",
        "search_path": ["public"],
    }
    provider = {"type": "feature", "name": "PostgreSQL", "data": database, "id_field": "id", "table": ITEMS}
    limits = {"default_items": 10, "max_items": 10_000}
    english = {"en": "Cells"}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 0},
            "url": "http://localhost",
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "map": {"url": "http://localhost/{z}/{x}/{y}", "attribution": ""},
            "limits": limits,
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": english,
                "description": english,
                "keywords": {"en": ["cells"]},
                "keywords_type": "theme",
                "terms_of_service": "",
                "url": "http://localhost",
            },
            "license": {"name": "CC0-1.0", "url": "http://localhost"},
            "provider": {"name": "benchmark", "url": "http://localhost"},
            "contact": {"name": "benchmark"},
        },
        "resources": {
            ITEMS: {
                "type": "collection",
                "title": english,
                "description": english,
                "keywords": {"en": ["cells"]},
                "extents": {
                    "spatial": {"bbox": [-180, -90, 180, 90], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}
                },
                "limits": limits,
                "providers": [provider | {"geom_field": "geom", "properties": list(properties)}],
            }
        },
    }


@contextmanager
def martin(address: str, folder: Path, columns: Mapping[str, str], cache: int) -> Iterator[tuple[int, ...]]:
    """Martin with so many MiB of cache over the tiles; ``columns`` are names and types of SQL."""
    (port,) = _ports(1)
    table = {"schema": "public", "table": TILES, "srid": 3857, "geometry_column": "geom", "id_column": "id"}
    shape = {"geometry_type": "POLYGON", "extent": 4096, "buffer": 0, "clip_geom": False, "layer_id": LAYER}
    postgres = {
        "connection_string": address,
        "pool_size": 2 * PROCESSES,
        "auto_publish": False,
        "tables": {TILES: {**table, **shape, "properties": dict(columns)}},
    }
    config = {
        "listen_addresses": f"127.0.0.1:{port}",
        "worker_processes": PROCESSES,
        "cache": {"size_mb": 2 * cache, "tile_size_mb": cache},
        "postgres": postgres,
    }
    path = folder / f"martin-{cache}.yaml"
    path.write_text(yaml.safe_dump(config))
    with _running([(port, ["martin", "--config", str(path)], {"RUST_LOG": "error"})], "/health") as ports:
        yield ports


def has_martin() -> bool:
    """Whether its binary is on the PATH."""
    return shutil.which("martin") is not None


def _ports(number: int) -> list[int]:
    """Free TCP ports of the loopback interface."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@contextmanager
def _running(started: Sequence[tuple[int, list[str], Mapping[str, str]]], path: str) -> Iterator[tuple[int, ...]]:
    """Processes that answer at their ports, until the end of the block."""
    with ExitStack() as stack:
        for port, command, settings in started:
            process = stack.enter_context(subprocess.Popen(command, env=os.environ | settings))
            stack.callback(process.terminate)
            _await(f"http://127.0.0.1:{port}{path}", process)
        yield tuple(port for port, _, _ in started)


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        try:
            if httpx.get(url, timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
        if process.poll() is not None:
            break
    raise RuntimeError(f"{url} did not answer")


if __name__ == "__main__":
    serve(*sys.argv[1:4], *map(int, sys.argv[4:6]))
