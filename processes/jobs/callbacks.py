# SPDX-License-Identifier: Apache-2.0
"""Callbacks of jobs (18-062r2, clause 13): off unless the operator names the servers that may be called.

Client input opens no socket by itself: a callback goes to an origin of CARBONGRID_CALLBACKS or the request is
refused. Redirects are not followed, a call ends after a few seconds, and no call changes what becomes of the job.
"""

import http.client
import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from carbongrid.errors import InvalidInput, UnknownName
from processes.schema import named, point, refuse

LOG = logging.getLogger(__name__)
ALLOW = "CARBONGRID_CALLBACKS"
"""Environment variable: origins (``https://host[:port]``) that may be called, with commas between; none by default."""
TIMEOUT_S = 5.0
_MEMBERS = ("successUri", "inProgressUri", "failedUri")


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Where to tell of success (with the results), progress and failure (with the status)."""

    success: str
    progress: str | None = None
    failed: str | None = None

    @classmethod
    def of(cls, given: object, at: str) -> Self:
        """From an execute request; InvalidInput naming the place."""
        if not isinstance(given, dict):
            raise refuse(f"an object is expected, not {named(given)}", at, *_MEMBERS)
        for name, value in given.items():
            if name not in _MEMBERS:
                raise UnknownName(name, _MEMBERS, kind="member of a subscriber", where=point(at, name))
            if not isinstance(value, str):
                raise refuse(f"an address is expected, not {named(value)}", point(at, name))
        if _MEMBERS[0] not in given:
            raise refuse(f"'{_MEMBERS[0]}' is missing", at, *_MEMBERS)
        return cls(given["successUri"], given.get("inProgressUri"), given.get("failedUri"))


def origin(address: str) -> str:
    """``scheme://host:port`` of an address, '' where it has none that can be called."""
    try:
        parts = urlsplit(address)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    except (ValueError, KeyError):
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname and "@" not in parts.netloc else ""


@dataclass(frozen=True)
class Allowed:
    """Origins that may be called."""

    origins: frozenset[str] = frozenset()

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """The allow-list of the environment; InvalidInput for an entry that is no origin."""
        entries = [e.strip() for e in env.get(ALLOW, "").split(",") if e.strip()]
        for entry in entries:
            if not origin(entry) or urlsplit(entry).path not in ("", "/"):
                raise InvalidInput(f"'{entry}' is no origin", where=ALLOW, allowed=["https://host[:port]"])
        return cls(frozenset(map(origin, entries)))

    def check(self, subscriber: Subscriber | None) -> None:
        """InvalidInput for an address that may not be called."""
        if subscriber is None:
            return
        if not self.origins:
            raise InvalidInput("callbacks are not offered here", where="/subscriber")
        given = (subscriber.success, subscriber.progress, subscriber.failed)
        for name, address in zip(_MEMBERS, given, strict=True):
            if address is not None and origin(address) not in self.origins:
                place = point("/subscriber", name)
                raise InvalidInput("this server is not called from here", where=place, allowed=sorted(self.origins))


class Callbacks:
    """Tells subscribers, each message once, beside the engine's own work."""

    def __init__(self, allowed: Allowed | None = None) -> None:
        self._allowed = allowed or Allowed()
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="callbacks")

    def tell(self, address: str | None, body: bytes, media_type: str) -> None:
        """Send a message; a server that does not take it is named in the log."""
        if address is not None and origin(address) in self._allowed.origins:
            self._threads.submit(_send, address, body, media_type)

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()


def _send(address: str, body: bytes, media_type: str) -> None:
    parts = urlsplit(address)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(str(parts.hostname), parts.port, timeout=TIMEOUT_S)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body, {"Content-Type": media_type})
        status = connection.getresponse().status
        if status >= 300:
            LOG.warning("a callback to %s was answered %d", origin(address), status)
    except (OSError, http.client.HTTPException) as error:
        LOG.warning("a callback to %s failed: %s", origin(address), type(error).__name__)
    finally:
        connection.close()
