# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL cluster of our own with PostGIS, on a free port of this machine, gone after the tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")
_EXTENSION = Path("/usr/share/postgresql/15/extension/postgis.control")


def available() -> bool:
    """Whether Debian's PostgreSQL 15 and PostGIS are there (and, for root, the user that may run them)."""
    return (BINARIES / "initdb").is_file() and _EXTENSION.is_file() and (os.geteuid() != 0 or _runuser() is not None)


@contextmanager
def cluster() -> Iterator[str]:
    """Connection string of a fresh database ``carbon`` with the extension; only a socket and the loopback listen."""
    folder = Path(tempfile.mkdtemp(prefix="carbongrid-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        port = _free_port()
        data = folder / "data"
        _run(["initdb", "-D", str(data), "-A", "trust", "-U", "carbon", "-E", "UTF8", "--locale=C", "-N"])
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _run(["pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start"])
        try:
            address = f"postgresql://carbon@127.0.0.1:{port}"
            _prepare(address)
            yield f"{address}/carbon"
        finally:
            _run(["pg_ctl", "-D", str(data), "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(address: str) -> None:
    import psycopg

    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE carbon")
    with psycopg.connect(f"{address}/carbon", autocommit=True) as connection:
        connection.execute("CREATE EXTENSION postgis")


def _run(command: Sequence[str]) -> None:
    """PostgreSQL refuses to run as root: then it runs as its own user."""
    program = [str(BINARIES / command[0]), *command[1:]]
    runuser = _runuser()
    as_user = [runuser, "-u", "postgres", "--", *program] if os.geteuid() == 0 and runuser else program
    subprocess.run(as_user, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _runuser() -> str | None:
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return None
    return shutil.which("runuser") or shutil.which("runuser", path="/sbin:/usr/sbin")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
