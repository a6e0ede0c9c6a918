# SPDX-License-Identifier: Apache-2.0
"""Small steps on the file system that everything durable is made of: hash, write through, switch, lock."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

TEMP = ".tmp-"
"""Prefix of whatever is not whole yet; readers never look at it and the next writer sweeps it."""


def digest(data: bytes) -> str:
    """sha256 in hex."""
    return sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file in hex."""
    running = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            running.update(block)
    return running.hexdigest()


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write(path: Path, data: bytes) -> None:
    """Write a new file through to the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def switch(path: Path, data: bytes) -> None:
    """Replace a file in one step: whoever opens ``path`` reads the old bytes or the new ones, also after a crash."""
    temp = path.with_name(f"{TEMP}{path.name}-{os.getpid()}")
    try:
        write(temp, data)
        os.replace(temp, path)
    finally:
        temp.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the one writers' lock of a folder. The kernel frees it when its holder dies, however it dies.

    BlockingIOError where another holds it and we do not ``wait``.
    """
    path.mkdir(parents=True, exist_ok=True)
    fd = os.open(path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(fd)


@contextmanager
def temp_folder(root: Path, parent: Path, name: str) -> Iterator[Path]:
    """A folder in ``parent`` to build in, locked while it is built; it is gone afterwards unless it was renamed."""
    with locked(root):
        parent.mkdir(parents=True, exist_ok=True)
        sweep(parent)
        path = parent / f"{TEMP}{name}-{os.getpid()}-{time.monotonic_ns()}"
        path.mkdir()
        fd = os.open(path, os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(fd)


def sweep(parent: Path) -> None:
    """Remove what dead writers left in a folder. Under the lock only; a living writer's folder is locked and stays."""
    for path in parent.glob(f"{TEMP}*"):
        with suppress(FileNotFoundError, BlockingIOError):
            _sweep(path)


def _sweep(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(path)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Remove a file or a folder; a folder loses its name first, so that nobody meets half of it."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    hidden = path if path.name.startswith(TEMP) else path.rename(path.with_name(f"{TEMP}{path.name}-removed"))
    shutil.rmtree(hidden)
