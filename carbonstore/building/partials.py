# SPDX-License-Identifier: Apache-2.0
"""What one task of a build made, as one file: a brief and a body, arrays mapped back into memory without a copy.

A file ends in the sha256 of what stands before it, so one that was cut short or changed is found out and made again.
It is this build's own scratch, in its own folder: Python's pickle with the arrays out of band (PEP 574).
"""

import mmap
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

_MAGIC, _ALIGN, _DIGEST = b"CGPART01", 64, 32


class Made(NamedTuple):
    """What a task returns: the ``brief`` is looked at by whoever plans the next step, the ``body`` by the next task."""

    brief: Any
    body: Any


class Part(Protocol):
    """Something that was made, wherever it lies. Equal ``digest`` means equal content."""

    @property
    def digest(self) -> str:
        """sha256 of the content; empty where nobody needs it."""

    @property
    def brief(self) -> Any:
        """The part that plans are made of."""

    @property
    def body(self) -> Any:
        """The rest."""


@dataclass(frozen=True)
class Held:
    """A part in memory."""

    brief: Any
    body: Any
    digest: str = ""


@dataclass(frozen=True)
class Filed:
    """A part in a file."""

    path: Path
    digest: str

    @property
    def brief(self) -> Any:
        """The part that plans are made of, mapped."""
        return _load(self.path, 0)

    @property
    def body(self) -> Any:
        """The rest, mapped."""
        return _load(self.path, 1)


def save(path: Path, made: Made) -> Filed:
    """Write a part in one step; a file of that name is replaced."""
    temp, running = path.with_name(f".tmp-{path.name}-{os.getpid()}"), sha256()
    try:
        with temp.open("wb") as file:
            for block in _blocks(made):
                running.update(block)
                file.write(block)
            file.write(running.digest())
        temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)
    return Filed(path, running.hexdigest())


def _blocks(made: Made) -> Iterator[bytes | memoryview]:
    """Magic, number of buffers of brief and body, all their sizes, then the buffers, each aligned."""
    groups = [_pickled(value) for value in made]
    sizes = [len(b) for group in groups for b in group]
    head = _MAGIC + np.array([len(groups[0]), len(groups[1]), *sizes], "<i8").tobytes()
    yield head + _padding(len(head))
    for buffer in (b for group in groups for b in group):
        yield buffer
        yield _padding(len(buffer))


def _pickled(value: Any) -> list[bytes | memoryview]:
    arrays: list[pickle.PickleBuffer] = []
    stream = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    return [stream, *(a.raw() for a in arrays)]


def _padding(length: int) -> bytes:
    return bytes(-length % _ALIGN)


def sound(path: Path) -> Filed | None:
    """The part in a file, or None where there is none or its content is not what was written."""
    running = sha256()
    try:
        left = path.stat().st_size - _DIGEST
        with path.open("rb") as file:
            while left > 0 and (block := file.read(min(left, 1 << 20))):
                running.update(block)
                left -= len(block)
            intact = left == 0 and file.read() == running.digest()
    except OSError:
        return None
    return Filed(path, running.hexdigest()) if intact else None


def _load(path: Path, group: int) -> Any:
    """Brief (0) or body (1). The map is private, so arrays are writable and the file never changes."""
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    counts = np.frombuffer(view, "<i8", 2, len(_MAGIC))
    sizes = np.frombuffer(view, "<i8", int(counts.sum()), len(_MAGIC) + 16)
    first = 0 if group == 0 else int(counts[0])
    head = len(_MAGIC) + 16 + 8 * len(sizes)
    ends = head + len(_padding(head)) + np.cumsum(sizes + -sizes % _ALIGN)
    starts = ends - (sizes + -sizes % _ALIGN)
    buffers = [view[starts[i] : starts[i] + sizes[i]] for i in range(first, first + int(counts[group]))]
    return pickle.loads(buffers[0], buffers=buffers[1:])
