# SPDX-License-Identifier: Apache-2.0
"""One attempt at a job in a process of its own: bounded by the system, heard over a pipe, gone with its parent.

This module is loaded once into the process that the others are forked from, so that a job starts in milliseconds.
"""

import importlib
import resource
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from carbongrid.errors import TooLarge
from carbonstore.releases.catalogue import Catalogue
from processes import registry
from processes.answer import perform
from processes.base import Context, Process
from processes.body import parse
from processes.errors import problem
from processes.jobs.bounds import bound
from processes.jobs.job import Limits, Made, Task
from processes.jobs.results import ResultFiles
from processes.schema import Words

_TOLD_S = 0.25
"""Progress is told no more often than that."""
_RESERVED = 2 << 30
"""Bytes that a process may reserve beyond its limit without using them: compiled kernels do. Used ones are watched."""


@dataclass(frozen=True)
class Site:
    """What every job of a worker works with: data folder, public address, and the module that declares processes."""

    data: Path
    url: str = ""
    processes: str = registry.__name__

    @property
    def results(self) -> ResultFiles:
        """The results of its jobs."""
        return ResultFiles(self.data / "jobs" / "results")


@dataclass(frozen=True)
class Progress:
    """Percent done, and the stage."""

    percent: int
    stage: Words


@dataclass(frozen=True)
class Finished:
    """A stored result, and the hash of what was published when it was read."""

    made: Made
    state: str


@dataclass(frozen=True)
class Failed:
    """Why there is no result: a problem's members."""

    problem: dict[str, object]


type Told = Progress | Finished | Failed
"""What comes over the pipe; the last is Finished or Failed, or the process died."""


def ready() -> None:
    """Does nothing: the first process waits until everything is loaded, and that must not be a job's."""


def run(pipe: Connection, site: Site, task: Task, limits: Limits) -> None:
    """Body of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bound(limits.cpu_s, limits.memory + _RESERVED)
    try:
        told: Told = _attempt(pipe, site, task, limits)
    except MemoryError:
        told = Failed(over(megabytes(limits.memory)))
    except Exception as error:
        told = Failed(problem(error).body())
    pipe.send(told)


def over(limit: str) -> dict[str, object]:
    """The problem of a job that needed more than it may have."""
    return problem(TooLarge(f"the job needed more than {limit}, its limit here")).body()


def megabytes(memory: int) -> str:
    """A limit of memory as it is told."""
    return f"{memory >> 20:,} MiB of memory"


def resident(pid: int | None) -> int:
    """Bytes of memory of its own that a process uses; 0 where the system does not say."""
    try:
        _, pages, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except OSError:
        return 0
    return (int(pages) - int(shared)) * resource.getpagesize()


def _attempt(pipe: Connection, site: Site, task: Task, limits: Limits) -> Finished:
    catalogue = Catalogue(site.data)
    state = catalogue.snapshot().hash
    declared: dict[str, Process] = importlib.import_module(site.processes).PROCESSES
    context = Context(catalogue, site.url, _Teller(pipe), job=True)
    process = declared[task.process]
    made = perform(process, parse(task.body, most=process.max_values), context)
    body = made.body()
    if len(body) > limits.result:
        raise TooLarge(f"the result has {len(body):,} bytes, at most {limits.result:,} are kept")
    return Finished(site.results.write(task, made.media_type, body, made.edition), state)


@dataclass
class _Teller:
    """Sends progress, but not every bit of it."""

    pipe: Connection
    last: float = field(default=-_TOLD_S)

    def __call__(self, share: float, stage: Words) -> None:
        now = time.monotonic()
        if now - self.last >= _TOLD_S:
            self.last = now
            self.pipe.send(Progress(min(99, max(0, round(100 * share))), stage))


parse(b"0")  # loads its kernel here once, so that no forked process has to
