# SPDX-License-Identifier: Apache-2.0
"""What a job is: its states, its place in the journal, its limits, and whose it is.

    accepted -> running -> successful | failed | dismissed        running -> accepted after a crash or an orderly stop

Every start raises ``attempt``, and only the attempt that is running may write: a job may be started more than once, and
is finished exactly once.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import orjson

from carbongrid.errors import CarbongridError, InvalidInput
from processes.schema import Words

type Status = Literal["accepted", "running", "successful", "failed", "dismissed"]
STATES: tuple[Status, ...] = ("accepted", "running", "successful", "failed", "dismissed")
OPEN: tuple[Status, ...] = ("accepted", "running")
ANYONE = ""
"""Caller of a job without a token: whoever knows its id."""
RETRY_S = 10
"""What a refused caller is told to wait, s."""
_TOKEN = re.compile(r"[\x21-\x7e]{16,512}")


@dataclass(frozen=True)
class Limits:
    """Bounds of the queue and of one job; sizes in bytes, times in seconds."""

    queue: int = 1000
    queue_bytes: int = 1 << 30
    queue_own: int = 5
    running_own: int = 2
    crashes: int = 3
    lease_s: float = 15.0
    keep_s: float = 7 * 86400.0
    cpu_s: int = 300
    wall_s: float = 600.0
    memory: int = 2 << 30
    result: int = 50 << 20


class Busy(CarbongridError):
    """The queue is full; the same request may be sent again after RETRY_S."""


class NoToken(CarbongridError):
    """The request needs a bearer token and has none."""


@dataclass(frozen=True)
class Made:
    """A stored result: its file, media type, SHA-256, bytes, and the edition it was read from."""

    file: str
    media_type: str
    sha256: str
    length: int
    edition: str | None = None

    def text(self) -> str:
        """As JSON."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        """From JSON."""
        return None if text is None else cls(**orjson.loads(text))


@dataclass(frozen=True)
class Submission:
    """An execute request that passed every check. ``state``: hash of what is published when it is accepted."""

    process: str
    version: str
    body: bytes
    caller: str = ANYONE
    state: str = ""

    def fingerprint(self) -> str:
        """The same for requests that must give the same result."""
        request = orjson.dumps(orjson.loads(self.body), option=orjson.OPT_SORT_KEYS)
        return _digest(self.process.encode(), self.version.encode(), self.state.encode(), request)


@dataclass(frozen=True)
class Job:
    """A row of the journal; times in seconds since 1970."""

    id: str
    process: str
    caller: str
    status: Status
    attempt: int
    progress: int
    message: Words | None
    problem: Mapping[str, Any] | None
    made: Made | None
    created: float
    started: float | None
    updated: float
    finished: float | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """A job from its row."""
        texts = {k: row[k] and orjson.loads(row[k]) for k in ("message", "problem")}
        plain = (
            "id",
            "process",
            "caller",
            "status",
            "attempt",
            "progress",
            "created",
            "started",
            "updated",
            "finished",
        )
        return cls(**{k: row[k] for k in plain}, **texts, made=Made.of(row["made"]))

    @property
    def open(self) -> bool:
        """Whether it may still be worked on."""
        return self.status in OPEN


@dataclass(frozen=True)
class Task:
    """One attempt at a job, as a worker holds it."""

    id: str
    attempt: int
    process: str
    body: bytes


def new_id() -> str:
    """128 random bits: who has the id of an anonymous job may read and dismiss it, so it must not be guessed."""
    return secrets.token_urlsafe(16)


def caller_of(authorization: str | None) -> str:
    """Hash of the bearer secret in an Authorization header, ANYONE without one; InvalidInput for what is none."""
    if authorization is None:
        return ANYONE
    scheme, _, secret = authorization.partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(secret.strip()):
        allowed = ["Bearer followed by 16 to 512 characters of your choice"]
        raise InvalidInput("this is no token", where="Authorization", allowed=allowed)
    return _digest(b"carbongrid token", secret.strip().encode())


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(len(p).to_bytes(8, "big") + p for p in parts)).hexdigest()
