# SPDX-License-Identifier: Apache-2.0
"""A cached tile over HTTP beside the floor: a bare ASGI app that sends the same bytes and headers from a constant.

    python -m benchmarks.serving

Both run in uvicorn processes of their own and answer one connection in turns, so other load meets both alike. Also
told: PNG tiles made anew, and their size beside the vector tile of the same place. The promise: 70 % of the floor.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import uvicorn
from starlette.testclient import TestClient

from benchmarks.servers import floor
from carbon_provider.tilesets import TileSet
from carbonserver.app import create_app
from carbonserver.maps import DEFAULT_STYLE, classes
from carbonserver.settings import Settings
from carbonserver.styles import Style
from carbonstore.collections.collection import Collection
from carbonstore.encode import mvt, raster
from carbonstore.encode.raster import Place
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from tests.square import square_inventory
from tests.toy import toy_publication

SIDE, ROUNDS, REQUESTS, PROMISE = 300, 9, 1_500, 0.7
HEAD = b"GET %s HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n"


def serve(what: str, root: str, path: str, port: int) -> None:
    """The process of one side: ours, or the floor with what ours answers."""
    app = create_app(Settings(Path(root), f"http://localhost:{port}"))
    if what == "floor":
        with TestClient(app).stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
            app = floor(answer.headers.raw, b"".join(answer.iter_raw()))  # type: ignore[assignment]
    uvicorn.run(app, port=port, log_level="error", access_log=False, lifespan="off")


@contextmanager
def running(what: str, root: Path, path: str) -> Iterator[int]:
    """The port of a server process that has answered a few times."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "benchmarks.serving", what, str(root), path, str(port)]
    with subprocess.Popen(command) as process:
        try:
            _await(f"http://127.0.0.1:{port}{path}")
            yield port
        finally:
            process.terminate()


def _await(url: str) -> None:
    for _ in range(600):
        try:
            if httpx.get(url, timeout=60).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer")


def ask(port: int, path: str, requests: int) -> tuple[float, bytes]:
    """Seconds a request over one connection, and the body."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request, room = HEAD % path.encode(), memoryview(bytearray(1 << 22))
        connection.sendall(request)
        size, body = _first(connection, room)
        start = time.perf_counter()
        for _ in range(requests):
            connection.sendall(request)
            got = 0
            while got < size:
                got += connection.recv_into(room[got:size])
        return (time.perf_counter() - start) / requests, body


def _first(connection: socket.socket, room: memoryview) -> tuple[int, bytes]:
    """Bytes of a whole answer, and its body."""
    got, size = 0, len(room)
    while got < size:
        got += connection.recv_into(room[got:])
        head, found, _ = bytes(room[:got]).partition(b"\r\n\r\n")
        if found:
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            size = len(head) + 4 + int(length.split(b":")[1])
    return size, bytes(room[len(head) + 4 : size])


def over_http(root: Path, path: str) -> tuple[float, float, int]:
    """Microseconds of ours and of the floor, medians of rounds in turns, and the size of the body."""
    with running("ours", root, path) as ours, running("floor", root, path) as bare:
        warm = [ask(port, path, 200)[1] for port in (ours, bare)]
        assert warm[0] == warm[1], "the two sides send different bodies"
        pairs = [(ask(ours, path, REQUESTS)[0], ask(bare, path, REQUESTS)[0]) for _ in range(ROUNDS)]
    mine, floors = (median(side) * 1e6 for side in zip(*pairs, strict=True))
    return mine, floors, len(warm[0])


def middle(collection: Collection, z: int) -> Place:
    """The tile in the middle of the limits of a zoom."""
    row0, row1, col0, col1 = TileSet.of_collection(collection, "WebMercatorQuad").limits(z)
    return "WebMercatorQuad", z, (col0 + col1) // 2, (row0 + row1) // 2


def anew(collection: Collection, z: int) -> None:
    """Milliseconds and bytes of a tile made anew: vector, map, values."""
    place, style = middle(collection, z), Style.named(DEFAULT_STYLE)
    year, figure = collection.newest, style.figure
    makers: dict[str, Callable[[], bytes]] = {
        "vector": lambda: mvt.tile(collection, *place),
        "map PNG": lambda: raster.styled(collection, place, year, figure, classes(style)),
        "value PNG": lambda: raster.values(collection, place, year, figure),
    }
    for name, make in makers.items():
        make()
        spent = []
        for _ in range(20):
            start = time.perf_counter()
            body = make()
            spent.append(time.perf_counter() - start)
        print(f"z{z} {name}: {min(spent) * 1e3:.2f} ms, {len(body):,} bytes")


def main() -> int:
    """Print the rows; 1 where the promise does not hold."""
    if len(sys.argv) == 5:
        serve(*sys.argv[1:4], int(sys.argv[4]))
        return 0
    with TemporaryDirectory() as folder:
        root, inventory = Path(folder), square_inventory(SIDE)
        write(inventory, toy_publication(inventory), root)
        edition.publish(root, inventory.id)
        collection = Catalogue(root).snapshot().collections[f"{inventory.id}-100m"]
        for z in (12, 13, 14):
            anew(collection, z)
        shares = []
        for z in (13, 14):
            tms_id, _, x, y = middle(collection, z)
            mine, bare, size = over_http(root, f"/collections/{collection.id}/tiles/{tms_id}/{z}/{y}/{x}")
            shares.append(bare / mine)
            print(f"z{z} cached, gzip, {size:,} bytes: {mine:.0f} us, floor {bare:.0f} us = {bare / mine:.0%} of it")
    return 0 if min(shares) >= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main())
