# SPDX-License-Identifier: Apache-2.0
"""The engine of a worker: takes jobs from the journal, runs each in a process of its own, and commits what it made.

Any number of workers may share a journal. What one of them writes is fenced (see :mod:`.journal`), so it may die,
sleep or lose its database at any moment: another one starts its jobs again, and each job ends once.
"""

import logging
import multiprocessing
import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import orjson

from processes.answer import dump
from processes.base import JSON, LANGUAGES
from processes.errors import Problem
from processes.jobs import child
from processes.jobs.callbacks import Callbacks, Subscriber
from processes.jobs.child import Failed, Finished, Progress, Site, Told, megabytes, over, resident
from processes.jobs.database import Unreachable
from processes.jobs.job import Task
from processes.jobs.journal import Journal
from processes.jobs.status import status_info

LOG = logging.getLogger(__name__)
TICK_S = 0.2
"""How often the journal is asked for new and dismissed jobs."""
_HOUSE_S = 60.0
_DIED = Problem(500, "NoApplicableCode", "Internal Server Error", "Every process that worked on this job died.").body()


@dataclass
class _Run:
    """A process at work; ``end`` commits its outcome, once there is one."""

    task: Task
    process: BaseProcess
    pipe: Connection
    until: float
    end: Callable[[], object] | None = field(default=None)


class Engine:
    """Runs up to ``slots`` jobs of a journal at a time."""

    def __init__(self, journal: Journal, site: Site, slots: int, callbacks: Callbacks | None = None) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._journal, self._site, self._slots = journal, site, slots
        self._callbacks = callbacks or Callbacks()
        self._runs: dict[tuple[str, int], _Run] = {}
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([child.__name__, site.processes])
        self._renewed = self._kept_house = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; then the jobs at hand go back to the queue."""
        self._load()
        try:
            while not stop.is_set():
                try:
                    self.step()
                except Unreachable:
                    LOG.warning("the job journal does not answer")
                    stop.wait(1.0)
        finally:
            self._hand_back()
            self._callbacks.close()

    def _load(self) -> None:
        """Load what every job needs, before any lease runs."""
        first = self._context.Process(target=child.ready, daemon=True)
        first.start()
        first.join()

    def step(self) -> None:
        """One round: take, hear, commit, let go."""
        self._take()
        pipes = {run.pipe: run for run in self._runs.values() if run.end is None}
        if pipes:
            for pipe in wait(list(pipes), TICK_S):
                self._hear(pipes[pipe])  # type: ignore[index]  # wait returns what it was given
        else:
            time.sleep(TICK_S)
        self._watch()
        self._commit()
        self._keep_house()

    def _take(self) -> None:
        while len(self._runs) < self._slots and (task := self._journal.claim(self.name)):
            ours, theirs = self._context.Pipe(duplex=False)
            given = (theirs, self._site, task, self._journal.limits)
            process = self._context.Process(target=child.run, args=given, daemon=True)
            process.start()
            theirs.close()
            until = time.monotonic() + self._journal.limits.wall_s
            self._runs[task.id, task.attempt] = _Run(task, process, ours, until)
            self._tell(task)

    def _hear(self, run: _Run) -> None:
        try:
            told: Told = run.pipe.recv()
        except (EOFError, OSError):
            run.end = self._died(run)
            return
        if isinstance(told, Progress):
            self._journal.progress(run.task, told.percent, told.stage)
        elif isinstance(told, Failed):
            run.end = lambda: self._journal.fail(run.task, told.problem)
        else:
            run.end = lambda: self._keep(run.task, told)

    def _died(self, run: _Run) -> Callable[[], object]:
        """What to do about a process that ended without a word."""
        run.process.join()
        limits = self._journal.limits
        if run.process.exitcode == -signal.SIGXCPU:
            return lambda: self._journal.fail(run.task, over(f"{limits.cpu_s} s of processor time"))
        LOG.warning("the process of job %s died (%s), attempt %d", run.task.id, run.process.exitcode, run.task.attempt)
        return lambda: self._journal.crashed(run.task, _DIED)

    def _keep(self, task: Task, done: Finished) -> None:
        """Commit a result; one that lost its job is deleted."""
        if not self._journal.succeed(task, done.made, done.state):
            job = self._journal.find(task.id)
            if job is None or job.made != done.made:
                self._site.results.drop(done.made)

    def _watch(self) -> None:
        """End what was dismissed, given to another worker, or takes too long; stay alive to the others."""
        if not self._runs:
            return
        held, now = self._journal.held(self.name), time.monotonic()
        for key, run in self._runs.items():
            if key not in held:
                run.process.kill()
                run.end = run.end or _nothing
            elif run.end is None and (limit := self._exceeded(run, now)):
                run.process.kill()
                run.end = lambda task=run.task, limit=limit: self._journal.fail(task, over(limit))
        if now - self._renewed > self._journal.limits.lease_s / 4:
            self._journal.renew(self.name)
            self._renewed = now

    def _exceeded(self, run: _Run, now: float) -> str | None:
        """The limit that a process has passed."""
        limits = self._journal.limits
        if now > run.until:
            return f"{limits.wall_s:g} s"
        return megabytes(limits.memory) if resident(run.process.pid) > limits.memory else None

    def _commit(self) -> None:
        """Settle what has ended; what the journal cannot take now is tried again in the next round."""
        for key, run in list(self._runs.items()):
            if run.end is not None:
                run.end()
                self._tell(run.task)
                del self._runs[key]
                run.pipe.close()
                run.process.join()

    def _tell(self, task: Task) -> None:
        """Tell the subscriber, where the request names one, what the job has come to."""
        job = self._journal.find(task.id) if b'"subscriber"' in task.body else None
        if job is None or job.attempt != task.attempt:
            return
        given = orjson.loads(task.body).get("subscriber")
        whom = given and Subscriber.of(given, "/subscriber")
        if whom and job.made:
            self._callbacks.tell(whom.success, self._site.results.read(job.made), job.made.media_type)
        elif whom:
            address = whom.progress if job.open else whom.failed
            self._callbacks.tell(address, dump(status_info(job, self._site.url, LANGUAGES[0])), JSON)

    def _keep_house(self) -> None:
        now = time.monotonic()
        if now - self._kept_house < min(_HOUSE_S, self._journal.limits.lease_s):
            return
        self._kept_house = now
        self._journal.give_up(_DIED)
        self._journal.expire()
        self._site.results.sweep(self._journal.results())

    def _hand_back(self) -> None:
        for run in self._runs.values():
            run.process.kill()
            run.process.join()
        for run in self._runs.values():
            try:
                self._journal.release(run.task)
            except Unreachable:
                LOG.warning("job %s waits for its lease to end", run.task.id)
        self._runs.clear()


def _nothing() -> None:
    """The outcome of an attempt that nobody waits for."""
