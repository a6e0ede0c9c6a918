# SPDX-License-Identifier: Apache-2.0
"""Requests over kept connections of this machine, read no further than needed to know where an answer ends."""

import gzip
import re
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle
from statistics import median

CONNECTIONS = 4
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_GZIP = re.compile(rb"\r\ncontent-encoding: *gzip", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Target:
    """The processes of one server, and what is asked of it: ``coding`` is what the client accepts."""

    name: str
    ports: tuple[int, ...]
    paths: tuple[str, ...]
    coding: str = "identity"


class Connection:
    """One kept connection."""

    def __init__(self, port: int, coding: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._coding = coding
        self._room = memoryview(bytearray(1 << 25))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def get(self, path: str) -> tuple[bytes, memoryview]:
        """Head and body as sent; the body's memory is used again by the next request. RuntimeError for no 200."""
        asked = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nAccept-Encoding: {self._coding}\r\n\r\n"
        self._socket.sendall(asked.encode())
        got = end = 0
        while not end:
            got += self._read(got)
            end = bytes(self._room[: min(got, 4096)]).find(b"\r\n\r\n") + 1
        head, start = bytes(self._room[: end + 1]), end + 3
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: {head[:200]!r}")
        if length := _LENGTH.search(head):
            stop = start + int(length[1])
            while got < stop:
                got += self._read(got)
        else:
            while self._room[got - len(_LAST_CHUNK) : got] != _LAST_CHUNK:
                got += self._read(got)
        return head, self._room[start:got]

    def _read(self, at: int) -> int:
        got = self._socket.recv_into(self._room[at:])
        if got == 0:
            raise RuntimeError("the server hung up")
        return got


def body(target: Target, path: str) -> bytes:
    """What is sent under a path, decoded."""
    with closing(Connection(target.ports[0], target.coding)) as connection:
        head, sent = connection.get(path)
        plain = _joined(bytes(sent)) if _CHUNKED.search(head) else bytes(sent)
    return gzip.decompress(plain) if _GZIP.search(head) else plain


def _joined(chunks: bytes) -> bytes:
    """The chunks of a body end to end."""
    parts = []
    while chunks:
        size, _, rest = chunks.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        parts.append(rest[:length])
        chunks = rest[length + 2 :] if length else b""
    return b"".join(parts)


def rate(target: Target, seconds: float) -> float:
    """Requests per second over some connections, each with its own share of the paths."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        shares = [target.paths[k::CONNECTIONS] or target.paths for k in range(CONNECTIONS)]
        ports = [target.ports[k % len(target.ports)] for k in range(CONNECTIONS)]
        counts = pool.map(_count, ports, shares, [target.coding] * CONNECTIONS, [seconds] * CONNECTIONS)
        return sum(counts)


def _count(port: int, paths: Sequence[str], coding: str, seconds: float) -> float:
    """Requests per second of one connection."""
    with closing(Connection(port, coding)) as connection:
        connection.get(paths[0])
        start = time.perf_counter()
        for count, path in enumerate(cycle(paths), 1):
            connection.get(path)
            if (spent := time.perf_counter() - start) > seconds:
                return count / spent
    raise AssertionError


def race(ours: Target, peer: Target, rounds: int = 5, seconds: float = 1.5) -> tuple[float, float]:
    """Seconds a request of both: medians of rounds in turns, so that other load meets both alike."""
    for target in (ours, peer):
        for path in target.paths:  # caches fill, plans are made, on every process
            for port in target.ports:
                with closing(Connection(port, target.coding)) as connection:
                    connection.get(path)
    pairs = [(rate(ours, seconds), rate(peer, seconds)) for _ in range(rounds)]
    mine, theirs = zip(*pairs, strict=True)
    return 1 / median(mine), 1 / median(theirs)
