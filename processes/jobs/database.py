# SPDX-License-Identifier: Apache-2.0
"""Where the job journal lives: one file of SQLite, or PostgreSQL where several hosts share it.

Both run the same statements (``journal.sql``). A connection belongs to one thread. The database's clock is the only
one.
"""

import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, LiteralString, Protocol, cast

import psycopg
from psycopg.rows import dict_row

from carbongrid.errors import CarbongridError
from carbonstore.collections.queries import named

type Row = Mapping[str, Any]
type Mode = Literal["read", "write", "alone"]
_BUSY_S = 30.0
_CONNECT_S = 10
_SUBMISSIONS = 0x6361_7262
"""Key of PostgreSQL's advisory lock under which jobs are accepted, so that the queue's limit holds."""


class Session(Protocol):
    """An open transaction."""

    def rows(self, name: str, **values: object) -> list[Row]:
        """Run the named statement and return its rows."""

    def change(self, name: str, **values: object) -> int:
        """Run the named statement and return the number of rows it changed."""


class Database(Protocol):
    """Runs named statements in transactions."""

    def transaction(self, mode: Mode = "write") -> AbstractContextManager[Session]:
        """A transaction that commits at its end or not at all; ``alone``: no other such one runs meanwhile."""

    def close(self) -> None:
        """Close the calling thread's connection."""


class Unreachable(CarbongridError):
    """The database does not answer; what was asked may be asked again."""

    def __init__(self) -> None:
        super().__init__("the job journal does not answer; try again later")


@cache
def statements(now: str, skip_locked: str, octets: str, parameter: str) -> Mapping[str, str]:
    """The statements by name in one dialect; ``parameter`` is the form of a named value."""
    found = named(files(__package__).joinpath("journal.sql").read_text("utf-8"))
    words = {":now": now, ":skip_locked": skip_locked, ":bytes": octets}

    def translated(text: str) -> str:
        return re.sub(r":(\w+)", lambda m: words.get(m[0]) or ("" if m[0] in words else m.expand(parameter)), text)

    return {name: translated(text) for name, text in found.items()}


class Sqlite:
    """A file in WAL mode, synced at every commit; readers never wait for the writer."""

    _SQL = statements("((julianday('now') - 2440587.5) * 86400.0)", "", "BLOB", r":\1")

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._local = path, threading.local()

    @contextmanager
    def transaction(self, mode: Mode = "write") -> Iterator[Session]:
        """One writer at a time: every one is alone."""
        try:
            connection = self._connection()
            connection.execute("BEGIN" if mode == "read" else "BEGIN IMMEDIATE")
            try:
                yield _Ran(connection.execute, self._SQL)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise Unreachable from error

    def close(self) -> None:
        """Close the calling thread's connection."""
        if connection := self._local.__dict__.pop("connection", None):
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        if "connection" not in self._local.__dict__:
            connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            self._local.connection = connection
        return cast(sqlite3.Connection, self._local.connection)


class Postgres:
    """A database named by its address; a broken connection is replaced by the next transaction."""

    _SQL = statements("CAST(extract(epoch FROM clock_timestamp()) AS DOUBLE PRECISION)",
                      "FOR UPDATE SKIP LOCKED", "BYTEA", r"%(\1)s")  # fmt: skip

    def __init__(self, address: str) -> None:
        self._address, self._local = address, threading.local()

    @contextmanager
    def transaction(self, mode: Mode = "write") -> Iterator[Session]:
        """Read committed; ``alone`` waits for an advisory lock."""
        try:
            connection = self._connection()
            with connection.transaction():
                if mode == "alone":
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SUBMISSIONS,))
                yield _Ran(lambda sql, values: connection.execute(cast(LiteralString, sql), values), self._SQL)
        except psycopg.OperationalError as error:
            self.close()
            raise Unreachable from error

    def close(self) -> None:
        """Close the calling thread's connection."""
        if connection := self._local.__dict__.pop("connection", None):
            connection.close()

    def _connection(self) -> psycopg.Connection[dict[str, Any]]:
        held = self._local.__dict__.get("connection")
        if held is None or held.closed:
            made = psycopg.connect(self._address, autocommit=True, connect_timeout=_CONNECT_S, row_factory=dict_row)
            self._local.connection = held = made
        return cast("psycopg.Connection[dict[str, Any]]", held)


class _Ran:
    """Statements of one dialect on one open connection."""

    def __init__(self, execute: Any, sql: Mapping[str, str]) -> None:
        self._execute, self._sql = execute, sql

    def rows(self, name: str, **values: object) -> list[Row]:
        """Run the named statement and return its rows."""
        return [dict(row) for row in self._execute(self._sql[name], values).fetchall()]

    def change(self, name: str, **values: object) -> int:
        """Run the named statement and return the number of rows it changed."""
        return int(self._execute(self._sql[name], values).rowcount)
