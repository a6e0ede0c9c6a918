# SPDX-License-Identifier: Apache-2.0
"""One consistent state per request: the catalogue's snapshot with the pygeoapi API and OpenAPI document made from it.

Publishing another year or inventory shows in the next request: when the snapshot's hash has changed, a new state is
built beside the old one and swapped in; requests that began on the old state end on it.
"""

import logging
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from carbonserver.compat import SCOPE_KEY, starlette_app
from carbonserver.config import Place, api_document, pygeoapi_config
from carbonserver.settings import Settings
from carbonstore.releases.catalogue import Catalogue, Snapshot

LOG = logging.getLogger("carbongrid")
STATE_KEY = "carbongrid.state"


@dataclass(frozen=True, slots=True)
class State:
    """What one request works with; ``openapi``: the document as JSON bytes, ``openapi_hash``: 16 hex of its SHA-256."""

    snapshot: Snapshot
    api: Any
    openapi: bytes
    openapi_hash: str


class Host:
    """Holds the current state of a catalogue for any number of threads."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self.settings, self.catalogue = settings, catalogue
        self._lock = Lock()
        self._state: State | None = None
        self._unusable = ""

    def state(self) -> State:
        """The state of what is published now."""
        snapshot, state = self.catalogue.snapshot(), self._state
        if state is not None and snapshot.hash in (state.snapshot.hash, self._unusable):
            return state
        with self._lock:
            if self._state is None or self._state.snapshot.hash != snapshot.hash:
                self._state = self._switched(snapshot)
            return self._state

    def _switched(self, snapshot: Snapshot) -> State:
        """The state of a new snapshot; where it cannot be made, the one before goes on and the cause is logged once."""
        try:
            return self._build(snapshot)
        except Exception:
            if self._state is None:
                raise
            LOG.exception("what is published now cannot be served; the state before goes on")
            self._unusable = snapshot.hash
            return self._state

    def _build(self, snapshot: Snapshot) -> State:
        collections = list(snapshot.collections.values())
        config = pygeoapi_config(collections, Place.of(self.settings))
        document = orjson.dumps(api_document(config, collections))
        for inventory, fault in snapshot.faults.items():
            LOG.warning("%s is not served: %s", inventory, fault)
        digest = sha256(document).hexdigest()[:16]
        return State(snapshot, starlette_app().API(config, document.decode()), document, digest)


def state_of(request: Request) -> State:
    """The state that a request is pinned to."""
    state: State = request.scope[STATE_KEY]
    return state


class PinState:
    """Resolve the state once a request, so that no answer mixes two editions."""

    def __init__(self, app: ASGIApp, host: Host) -> None:
        self.app, self.host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] == "http":
            state = self.host.state()
            scope[STATE_KEY], scope[SCOPE_KEY] = state, state.api
        await self.app(scope, receive, send)
