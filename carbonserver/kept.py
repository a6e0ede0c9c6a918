# SPDX-License-Identifier: Apache-2.0
"""Tiles kept as they were sent, compressed, in a bounded cache of each process; a hit compresses nothing again.

An answer is kept for what is published now (the hash of all editions), an address and a content coding, so that a
switch of an edition needs no clearing: what belongs to the state before is never asked for again and falls out. A tile
that is asked for again and again by clients who read Brotli is compressed with it once, after an answer was sent. Of
many who ask at once for a tile that is not kept, one has it made and the others wait for it.

This stands outside everything else, for what is around a request costs more than a hit: what the request's id and CORS
add to an answer is taken off before it is kept, and put on anew.
"""

import re
from asyncio import Event
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from secrets import token_hex
from time import monotonic

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carbonserver import answers
from carbonserver.middleware import EXPOSED
from carbonserver.settings import TILE_CACHE
from carbonstore.releases.catalogue import Catalogue

HOT = 3
"""Hits of a gzipped tile after which it is worth Brotli, which takes a fifth to a third off its size."""
RECENT = 0.001
"""Seconds for which what is published is not looked up again under load."""
OVERHEAD = 1024
"""Bytes that an entry takes beside its body, roughly."""
_TILE = re.compile(r"(/collections/[^/]+(/map|/coverage|/styles/[^/]+/map)?)?/tiles/[^/]+/\d+/\d+/\d+")
_UNCHANGED = (b"content-type", b"content-length", b"content-encoding")
"""Headers that a 304 does without."""

CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", ", ".join(EXPOSED).encode()),
)
"""What ``middleware.Cors`` adds to an answer for another origin."""
Key = tuple[str, str, bytes, str]
"""Hash of all editions, path, query, content coding."""


@dataclass(slots=True)
class Entry:
    """An answer as it was sent: headers, body, entity tag, media type; ``hits`` since."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    etag: str
    media: str
    hits: int = 0

    @classmethod
    def of(cls, start: Message, body: bytes) -> "Entry":
        """From the messages of an answer."""
        named = dict(start["headers"])
        media = named[b"content-type"].decode("latin-1")
        own = [(n, v) for n, v in start["headers"] if n != b"request-id" and not n.startswith(b"access-control-")]
        return cls(own, body, named[b"etag"].decode("latin-1"), media)

    @property
    def size(self) -> int:
        """Bytes that it takes in the cache."""
        return len(self.body) + OVERHEAD

    @property
    def gzipped(self) -> bool:
        """Whether a better compression is possible."""
        return (b"content-encoding", b"gzip") in self.headers


class Entries:
    """The least recently used fall out when all together take more than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self.limit, self.size = limit, 0
        self._entries: OrderedDict[Key, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        """What is kept under a key."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Key, entry: Entry) -> None:
        """Keep an answer, unless it alone is larger than a quarter of the whole."""
        if 4 * entry.size > self.limit:
            return
        before = self._entries.pop(key, None)
        self.size += entry.size - (before.size if before else 0)
        self._entries[key] = entry
        while self.size > self.limit:
            self.size -= self._entries.popitem(last=False)[1].size


@dataclass(frozen=True, slots=True)
class _Asked:
    """What of a request for a tile decides its answer; ``codings`` are those to look for, the best first.

    ``accept`` and ``held`` (If-None-Match) as the client sent them; ``foreign``: a page of another origin asks.
    """

    path: str
    query: bytes
    accept: str
    codings: tuple[str, ...]
    held: str
    foreign: bool

    @property
    def coding(self) -> str:
        """What the app answers in: gzip wherever that is accepted, and Brotli only where nothing else is."""
        return "gzip" if "gzip" in self.codings else self.codings[0]

    @classmethod
    def of(cls, scope: Scope) -> "_Asked | None":
        """None where the request is for something else, or names an edition: that may be kept no longer."""
        if scope["type"] != "http" or scope["method"] != "GET" or b"edition" in scope["query_string"]:
            return None
        if _TILE.fullmatch(scope["path"]) is None:
            return None
        accept, encoding, held, foreign = "*/*", "", "", False
        for name, value in scope["headers"]:
            if name == b"accept":
                accept = value.decode("latin-1")
            elif name == b"accept-encoding":
                encoding = value.decode("latin-1")
            elif name == b"if-none-match":
                held = value.decode("latin-1")
            elif name == b"origin":
                foreign = True
        query = scope["query_string"]
        return cls(scope["path"], query, "*/*" if b"f=" in query else accept, answers.codings(encoding), held, foreign)


class Kept:
    """Answers to requests for tiles from memory where they are kept, else from ``app``, whose answers it keeps."""

    def __init__(self, app: ASGIApp, catalogue: Catalogue, limit: int = TILE_CACHE) -> None:
        self.app, self.catalogue, self.entries = app, catalogue, Entries(limit)
        self._looked, self._hash = 0.0, ""
        self._making: dict[Key, Event] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        asked = _Asked.of(scope)
        state = self._recent() if asked else ""
        if asked is None or not state:
            await self.app(scope, receive, send)
            return
        found = list(self._find(state, asked)) or await self._awaited(state, asked)
        if not found:
            await self._make(state, asked, scope, receive, send)
            return
        coding, entry = found[0]
        await _answer(asked, [e for _, e in found], send)
        entry.hits += 1
        if entry.hits == HOT and coding == "gzip" and asked.codings[0] == "br" and entry.gzipped:
            await self._compress(state, asked, scope, receive)

    def _recent(self) -> str:
        """The state as it was at most a millisecond ago: looking takes a fifth of the time of a whole hit."""
        now = monotonic()
        if now - self._looked > RECENT:
            self._looked, self._hash = now, self._state()
        return self._hash

    def _state(self) -> str:
        """Hash of what is published; "" where that has just changed and the app has to look."""
        snapshot = self.catalogue.unmoved()
        return snapshot.hash if snapshot else ""

    def _find(self, state: str, asked: _Asked) -> Iterator[tuple[str, Entry]]:
        """Kept answers that the client accepts, the best first."""
        for coding in asked.codings:
            entry = self.entries.get((state, asked.path, asked.query, coding))
            if entry is not None and answers.accepts(asked.accept, entry.media):
                yield coding, entry

    async def _awaited(self, state: str, asked: _Asked) -> list[tuple[str, Entry]]:
        """What another request for the same has made meanwhile; empty where there was none, or it came to nothing."""
        making = self._making.get((state, asked.path, asked.query, asked.coding))
        if making is None:
            return []
        await making.wait()
        return list(self._find(state, asked))

    async def _make(self, state: str, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer while others who ask for the same wait."""
        key = (state, asked.path, asked.query, asked.coding)
        made = self._making.setdefault(key, Event())
        try:
            await self._keep(state, asked, scope, receive, send)
        finally:
            self._making.pop(key, None)
            made.set()

    async def _keep(self, state: str, asked: _Asked, scope: Scope, receive: Receive, send: Send) -> None:
        """The app's answer, kept where it is a tile and nothing was published meanwhile."""
        start: Message = {}
        parts: list[bytes] = []

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                parts.append(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, noted)
        if start.get("status") == 200 and self._state() == state:
            self.entries.put((state, asked.path, asked.query, asked.coding), Entry.of(start, b"".join(parts)))

    async def _compress(self, state: str, asked: _Asked, scope: Scope, receive: Receive) -> None:
        """Have the app answer the same request in Brotli, for the next one."""
        kept = [(name, value) for name, value in scope["headers"] if name not in (b"accept-encoding", b"if-none-match")]
        again = {**scope, "headers": [*kept, (b"accept-encoding", b"br")]}
        only_br = _Asked(asked.path, asked.query, asked.accept, ("br",), "", False)
        await self._keep(state, only_br, again, receive, _nowhere)


async def _nowhere(_message: Message) -> None:
    """Where an answer goes that nobody waits for."""


async def _answer(asked: _Asked, found: list[Entry], send: Send) -> None:
    """The best entry, or 304 where the client holds any of them."""
    more = [(b"request-id", token_hex(8).encode()), *(CORS if asked.foreign else ())]
    tags = _tags(asked.held) if asked.held else frozenset()
    for entry in found if tags else ():
        if entry.etag in tags or "*" in tags:
            headers = [(name, value) for name, value in entry.headers if name not in _UNCHANGED]
            await send({"type": "http.response.start", "status": 304, "headers": headers + more})
            await send({"type": "http.response.body", "body": b""})
            return
    await send({"type": "http.response.start", "status": 200, "headers": found[0].headers + more})
    await send({"type": "http.response.body", "body": found[0].body})


@lru_cache(maxsize=256)
def _tags(held: str) -> frozenset[str]:
    return frozenset(answers.entity_tags(held))
