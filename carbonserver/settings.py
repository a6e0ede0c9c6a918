# SPDX-License-Identifier: Apache-2.0
"""Settings of a running server: little, and from the environment only."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast, get_args
from urllib.parse import urlsplit

from carbongrid.errors import InvalidInput

DATA_FOLDER = ".carbongrid"
PORT = 5000
DEFAULT_ITEMS = 1000
"""Features of a page without ``limit``: what GDAL and QGIS ask for anyway."""
MAX_ITEMS = 10_000
"""Largest page. A larger ``limit`` is answered with this many features and a ``next`` link (OGC 17-069r4, 7.15.2)."""
MAX_BODY = 90 * 2**20
"""Bytes of a request body; anything larger is refused unread."""
TILE_CACHE = 64 * 2**20
"""Bytes of compressed tiles that a process keeps."""


type JobLists = Literal["private", "public"]


@dataclass(frozen=True, slots=True)
class Settings:
    """``data``: folder of releases and editions; ``url``: public base address without a trailing slash.

    ``tile_cache``: bytes of compressed tiles that a process keeps; 0 keeps none. ``jobs``: whether ``/jobs`` lists the
    jobs of a bearer token only, or without one the anonymous jobs of everybody.
    """

    data: Path
    url: str = f"http://localhost:{PORT}"
    host: str = "127.0.0.1"
    port: int = PORT
    tile_cache: int = TILE_CACHE
    jobs: JobLists = "private"

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _base_url(self.url))

    @classmethod
    def from_env(cls, host: str = "127.0.0.1", port: int | None = None, env: Mapping[str, str] = os.environ) -> Self:
        """Settings from the environment variables of docs/operations.md; InvalidInput names the wrong one.

        A ``port`` given here wins over the environment.
        """
        port = port or _port(env.get("CARBONGRID_PORT") or str(PORT))
        url = env.get("CARBONGRID_URL") or f"http://localhost:{port}"
        cache = _mebibytes(env.get("CARBONGRID_CACHE") or str(TILE_CACHE >> 20))
        jobs = _job_lists(env.get("CARBONGRID_JOBS") or "private")
        return cls(Path(env.get("CARBONGRID_DATA") or DATA_FOLDER).absolute(), url, host, port, cache, jobs)

    @property
    def public_jobs(self) -> bool:
        """Whether anonymous jobs are listed."""
        return self.jobs == "public"


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise InvalidInput(f"'{text}' is not a TCP port", where="CARBONGRID_PORT", allowed=["1 .. 65535"])
    return int(text)


def _job_lists(text: str) -> JobLists:
    modes = get_args(JobLists.__value__)
    if text not in modes:
        raise InvalidInput(f"'{text}' is no way to list jobs", where="CARBONGRID_JOBS", allowed=modes)
    return cast(JobLists, text)


def _mebibytes(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise InvalidInput(f"'{text}' is no size in MiB", where="CARBONGRID_CACHE", allowed=["0 .. 999999"])
    return int(text) << 20


def _base_url(url: str) -> str:
    """The address without trailing slashes: every link of the API is made from it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise InvalidInput(
            f"'{url}' is not an address", where="CARBONGRID_URL", allowed=["http(s)://host[:port][/path]"]
        )
    return url.rstrip("/")


def database_address(given: str, env: Mapping[str, str] = os.environ) -> str:
    """A connection string, or the value of the environment variable that is named: so no password need be typed."""
    if "://" in given or "=" in given:
        return given
    if given not in env:
        raise InvalidInput(
            f"no environment variable is called '{given}'",
            where="--to",
            allowed=["postgresql://user@host/database", "the name of a variable that holds it"],
        )
    return env[given]
