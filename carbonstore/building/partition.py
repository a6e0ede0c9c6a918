# SPDX-License-Identifier: Apache-2.0
"""A build in partitions: tasks over slices of the sources, in this process, on its own Dask workers or on a cluster.

Every task leaves a file named by the hash of what it was made from (:mod:`carbonstore.building.partials`). A build that
was killed finds the files of the tasks that were done, checks them and goes on. Results come back in the order of the
tasks and every sum over them is one of whole numbers, so a release is the same bytes however it was partitioned.
"""

import os
import resource
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from time import perf_counter
from typing import Any, Protocol, Self

import numpy as np

from carbongrid.errors import InvalidInput
from carbonstore.building.partials import Filed, Held, Made, Part, save, sound
from carbonstore.releases import disk

type Task = Callable[..., Made]
type Progress = Callable[[str, int, int], None]

ROWS = 1 << 17
"""Rows of a source that one task takes."""
FEW = 8
"""Tasks of a stage up to which starting workers takes longer than the work."""
FOLDER = "work"


@dataclass(frozen=True)
class Job:
    """Arguments of a task, and a text in which everything they hold is told apart from other jobs of its stage."""

    args: tuple[Any, ...]
    key: str = ""


class Run(Protocol):
    """Something that runs the tasks of a stage."""

    @property
    def rows(self) -> int:
        """Rows of a source that one task takes."""

    def map(self, stage: str, task: Task, jobs: Sequence[Job]) -> list[Part]:
        """What the task makes of every job, in their order."""


@dataclass(frozen=True)
class InMemory:
    """Runs tasks one after another and keeps what they make in memory; for readers that build nothing."""

    progress: Progress
    rows: int = np.iinfo(np.int64).max

    def map(self, stage: str, task: Task, jobs: Sequence[Job]) -> list[Part]:
        """What the task makes of every job, in their order."""
        made: list[Part] = []
        for done, job in enumerate(jobs):
            self.progress(stage, done, len(jobs))
            made.append(Held(*task(*job.args)))
        self.progress(stage, len(jobs), len(jobs))
        return made


@dataclass(frozen=True)
class Partitioning:
    """``workers`` processes of our own, or those of the Dask ``scheduler`` (tcp://host:port); ``rows`` of a source a
    task. Workers on other machines must see the data folder and the sources under the same paths.
    """

    workers: int = 1
    rows: int = ROWS
    scheduler: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("CARBONGRID_WORKERS", self.workers), ("CARBONGRID_ROWS", self.rows)):
            if value < 1:
                raise InvalidInput(f"{value} is too few", where=name, allowed=["1 or more"])
        if self.scheduler is not None and "://" not in self.scheduler:
            raise InvalidInput(
                f"'{self.scheduler}' is no address", where="CARBONGRID_SCHEDULER", allowed=["tcp://host:port"]
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """From CARBONGRID_WORKERS (default: one a core), CARBONGRID_ROWS and CARBONGRID_SCHEDULER."""
        cores = len(os.sched_getaffinity(0))
        workers = _whole("CARBONGRID_WORKERS", env.get("CARBONGRID_WORKERS"), cores)
        rows = _whole("CARBONGRID_ROWS", env.get("CARBONGRID_ROWS"), ROWS)
        return cls(workers, rows, env.get("CARBONGRID_SCHEDULER") or None)


ONE_PROCESS = Partitioning()
"""Without Dask, so that any script may build: worker processes import the main module anew."""


def _whole(name: str, text: str | None, default: int) -> int:
    if text and not text.isdecimal():
        raise InvalidInput(f"'{text}' is no whole number", where=name, allowed=["1 or more"])
    return int(text) if text else default


@dataclass
class Timed:
    """Seconds by stage and the most memory of this process up to its end; tells progress on."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    _last: float = field(default_factory=perf_counter)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Count the time since the last report for this stage."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self.peaks[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._last = now
        self.progress(stage, done, total)

    def as_dict(self) -> dict[str, Any]:
        """JSON form: seconds by stage; KiB of this process and of its largest worker that has ended."""
        own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return {
            "seconds": {stage: round(s, 3) for stage, s in self.seconds.items()},
            "peak_kib_by_stage": self.peaks,
            "peak_kib": {"build": own, "largest_worker": children},
        }


@dataclass
class OnFiles:
    """Runs tasks whose results are files in ``folder``, named by ``base`` and the job; on Dask where it pays."""

    folder: Path
    base: str
    how: Partitioning
    progress: Progress
    _cluster: Any = None

    @property
    def rows(self) -> int:
        """Rows of a source that one task takes."""
        return self.how.rows

    def map(self, stage: str, task: Task, jobs: Sequence[Job]) -> list[Part]:
        """What the task makes of every job, in their order; what an earlier run made is not made again."""
        self.progress(stage, 0, len(jobs))
        paths = [self.folder / f"{stage}-{i:05d}-{self._name(stage, job)}" for i, job in enumerate(jobs)]
        found: dict[int, Part] = {i: part for i, part in enumerate(map(sound, paths)) if part is not None}
        todo = [i for i in range(len(jobs)) if i not in found]
        run = self._on_dask if self._pays(len(todo)) else _in_turn
        for done, (i, part) in enumerate(run(task, [(i, jobs[i].args, paths[i]) for i in todo]), len(found) + 1):
            found[i] = part
            self.progress(stage, done, len(jobs))
        if not todo:
            self.progress(stage, len(jobs), len(jobs))
        return [found[i] for i in range(len(jobs))]

    def _name(self, stage: str, job: Job) -> str:
        return sha256(f"{self.base}\0{stage}\0{job.key}".encode()).hexdigest()[:24]

    def _pays(self, tasks: int) -> bool:
        return self._cluster is not None or (tasks > FEW and (self.how.workers > 1 or self.how.scheduler is not None))

    def _on_dask(self, task: Task, todo: Sequence[tuple[int, tuple[Any, ...], Path]]) -> Iterator[tuple[int, Part]]:
        from distributed import as_completed  # noqa: PLC0415 - takes a second to import, and small builds need none

        if self._cluster is None:
            self._cluster = _client(self.how, self.folder)
        client = self._cluster.client
        shared = client.scatter(task, broadcast=True, hash=False)
        at = {client.submit(_filed, shared, args, path, pure=False): i for i, args, path in todo}
        for future, part in as_completed(list(at), with_results=True):
            yield at[future], part

    def close(self) -> None:
        """Stop workers that were started here."""
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None


def _in_turn(task: Task, todo: Sequence[tuple[int, tuple[Any, ...], Path]]) -> Iterator[tuple[int, Part]]:
    for i, args, path in todo:
        yield i, _filed(task, args, path)


def _filed(task: Task, args: tuple[Any, ...], path: Path) -> Filed:
    """Run a task and keep what it makes; this is what a worker executes."""
    return save(path, task(*args))


@dataclass
class _Client:
    """A client, and the cluster behind it where that is ours."""

    client: Any
    cluster: Any = None

    def close(self) -> None:
        self.client.close()
        if self.cluster is not None:
            self.cluster.close()


def _client(how: Partitioning, folder: Path) -> _Client:
    from distributed import Client, LocalCluster  # noqa: PLC0415

    if how.scheduler is not None:
        try:
            return _Client(Client(how.scheduler, timeout=5))
        except OSError as error:
            raise InvalidInput(
                f"no Dask scheduler answers at '{how.scheduler}'",
                where="CARBONGRID_SCHEDULER",
                allowed=["the address that `dask scheduler` prints"],
            ) from error
    cluster = LocalCluster(
        n_workers=how.workers,
        threads_per_worker=1,
        memory_limit=0,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        local_directory=str(folder),
        silence_logs="ERROR",
    )
    return _Client(Client(cluster), cluster)


@contextmanager
def partitioned(root: Path, name: str, base: str, how: Partitioning, progress: Progress) -> Iterator[OnFiles]:
    """A run of the build ``name`` from inputs hashed to ``base``. Its files are gone once it ends well, as are those of
    the same build from other inputs; they stay where it is killed or fails. Two equal builds wait for one another.
    """
    folder = root / FOLDER / f"{name}-{base[:16]}"
    with disk.locked(folder):
        run = OnFiles(folder, base, how, progress)
        try:
            yield run
        finally:
            run.close()
        rmtree(folder, ignore_errors=True)
    for path in (root / FOLDER).glob(f"{name}-????????????????"):
        with suppress(OSError), disk.locked(path, wait=False):
            rmtree(path, ignore_errors=True)
    with suppress(OSError):
        (root / FOLDER).rmdir()


def digest(*arrays: Any) -> str:
    """sha256 over arrays and texts, for the key of a job."""
    running = sha256()
    for array in arrays:
        if isinstance(array, np.ndarray) and array.dtype != object:
            running.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
        elif isinstance(array, np.ndarray):
            running.update("\0".join("" if v is None else f"={v}" for v in array.tolist()).encode() + b"\1")
        else:
            running.update(repr(array).encode() + b"\1")
    return running.hexdigest()


@cache
def program_digest() -> str:
    """sha256 over the version and the sources of what computes: other code takes nothing from an earlier run."""
    here = Path(__file__).parents[1]
    running = sha256(version("carbongrid").encode())
    for path in sorted([*here.rglob("*.py"), *(here.parent / "carbongrid").rglob("*.*")]):
        if path.suffix in (".py", ".csv", ".toml"):
            running.update(f"{path.relative_to(here.parent)}\0".encode() + path.read_bytes())
    return running.hexdigest()
