# SPDX-License-Identifier: Apache-2.0
"""The job journal: every state of every job, and the only thing that web processes and workers share.

Each method is one transaction. What a worker writes is fenced by the attempt it holds: once the job was dismissed, or
given to another worker because this one seemed dead, its writes change nothing and it learns so.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import orjson

from processes.jobs.database import Database, Postgres, Session, Sqlite
from processes.jobs.job import ANYONE, Busy, Job, Limits, Made, Submission, Task, new_id
from processes.schema import Words

DATABASE = "CARBONGRID_DATABASE"
"""Environment variable: ``postgresql://…`` where several hosts share the journal."""
FOLDER = "jobs"
"""Folder of the journal and the results below the data folder."""
_CREATE = ("create_job", "create_request", "create_open", "create_listed", "create_once")


class Journal:
    """Accepts, hands out and finishes jobs."""

    def __init__(self, database: Database, limits: Limits | None = None) -> None:
        self._database, self.limits = database, limits or Limits()
        with database.transaction("alone") as session:
            for name in _CREATE:
                session.change(name)

    @classmethod
    def open(cls, data: Path, limits: Limits | None = None) -> "Journal":
        """The journal of a data folder: in PostgreSQL where CARBONGRID_DATABASE is set, else a file."""
        address = os.environ.get(DATABASE)
        return cls(Postgres(address) if address else Sqlite(data / FOLDER / "journal.sqlite"), limits)

    def close(self) -> None:
        """Close the calling thread's connection."""
        self._database.close()

    # For the web

    def submit(self, submission: Submission) -> Job:
        """A new job, or the caller's own one of the same request; Busy where the queue is full."""
        fingerprint = new_id() if submission.caller == ANYONE else submission.fingerprint()
        with self._database.transaction("alone") as session:
            same = session.rows("same", caller=submission.caller, fingerprint=fingerprint)
            return Job.of(same[0]) if same else self._accept(session, submission, fingerprint)

    def _accept(self, session: Session, given: Submission, fingerprint: str) -> Job:
        load, size = session.rows("load", caller=given.caller)[0], len(given.body)
        if load["jobs"] >= self.limits.queue or load["bytes"] + size > self.limits.queue_bytes:
            raise Busy("the queue is full", where="jobs", allowed=[f"{self.limits.queue:,} jobs at a time"])
        if load["own"] >= self.limits.queue_own:
            raise Busy("too many of your jobs wait", where="jobs", allowed=[f"{self.limits.queue_own} of one token"])
        job, named = new_id(), {"process": given.process, "caller": given.caller, "state": given.state}
        (row,) = session.rows("accept", id=job, fingerprint=fingerprint, size=size, **named)
        session.change("keep_request", id=job, body=given.body)
        return Job.of(row)

    def find(self, job: str) -> Job | None:
        """The job of an id."""
        with self._database.transaction("read") as session:
            rows = session.rows("find", id=job)
        return Job.of(rows[0]) if rows else None

    def listed(
        self, caller: str, *, status: str = "", process: str = "", limit: int, offset: int
    ) -> tuple[list[Job], int]:
        """One page of a caller's jobs, newest first, and how many there are; empty filters let all pass."""
        chosen = {"caller": caller, "status": status, "process": process}
        with self._database.transaction("read") as session:
            total = session.rows("counted", **chosen)[0]["jobs"]
            return [Job.of(r) for r in session.rows("listed", **chosen, limit=limit, offset=offset)], total

    def dismiss(self, job: str) -> Job | None:
        """End a job, or take back its result; the worker that runs it finds out. None where there is no such job."""
        with self._database.transaction() as session:
            session.change("dismiss", id=job)
            session.change("forget_request", id=job)
            rows = session.rows("find", id=job)
        return Job.of(rows[0]) if rows else None

    # For workers

    def claim(self, worker: str) -> Task | None:
        """The next job that waits, or one whose worker has not been heard of for a lease."""
        bounds = {"crashes": self.limits.crashes, "running": self.limits.running_own}
        with self._database.transaction() as session:
            rows = session.rows("claim", worker=worker, lease_s=self.limits.lease_s, **bounds)
            if not rows:
                return None
            (request,) = session.rows("request", id=rows[0]["id"])
        return Task(rows[0]["id"], rows[0]["attempt"], rows[0]["process"], bytes(request["body"]))

    def held(self, worker: str) -> set[tuple[str, int]]:
        """(job, attempt) that this worker still holds: all others it must end."""
        with self._database.transaction("read") as session:
            return {(r["id"], r["attempt"]) for r in session.rows("held", worker=worker)}

    def renew(self, worker: str) -> None:
        """Say that a worker is alive."""
        with self._database.transaction() as session:
            session.change("renew", worker=worker, lease_s=self.limits.lease_s)

    def progress(self, task: Task, percent: int, message: Words) -> None:
        """Tell how far an attempt has come."""
        text = orjson.dumps(dict(message)).decode()
        with self._database.transaction() as session:
            session.change("progress", id=task.id, attempt=task.attempt, progress=percent, message=text)

    def succeed(self, task: Task, made: Made, state: str) -> bool:
        """Commit a result; False where this attempt holds the job no more and its result must be thrown away.

        ``state``: what was published when it was read. Where that is not what was published when the job was accepted,
        a later equal request runs anew.
        """
        return self._end("succeed", task, made=made.text(), state=state)

    def fail(self, task: Task, problem: Mapping[str, object]) -> bool:
        """Commit a failure."""
        return self._end("fail", task, problem=orjson.dumps(problem).decode())

    def crashed(self, task: Task, problem: Mapping[str, object]) -> None:
        """The attempt's process died: the job waits again, or fails with ``problem`` after the last crash allowed."""
        text = orjson.dumps(problem).decode()
        if not self._end("fail_at_last", task, problem=text, crashes=self.limits.crashes):
            self._again(task, crashed=1)

    def release(self, task: Task) -> None:
        """An orderly stop: the job waits again."""
        self._again(task, crashed=0)

    def give_up(self, problem: Mapping[str, object]) -> int:
        """Fail the jobs whose workers died as often as allowed; how many."""
        text = orjson.dumps(problem).decode()
        with self._database.transaction() as session:
            lost = session.rows("give_up", problem=text, crashes=self.limits.crashes)
            for row in lost:
                session.change("forget_request", id=row["id"])
        return len(lost)

    def expire(self) -> int:
        """Forget what ended longer ago than results are kept; how many."""
        with self._database.transaction() as session:
            rows = session.rows("expired", keep_s=self.limits.keep_s)
            return sum(session.change("forget", id=r["id"]) for r in rows)

    def results(self) -> set[str]:
        """Names of all result files that belong to a job."""
        with self._database.transaction("read") as session:
            return {made.file for r in session.rows("results") if (made := Made.of(r["made"]))}

    def _end(self, name: str, task: Task, **values: object) -> bool:
        with self._database.transaction() as session:
            ended = session.change(name, id=task.id, attempt=task.attempt, **values) == 1
            if ended:
                session.change("forget_request", id=task.id)
        return ended

    def _again(self, task: Task, crashed: int) -> None:
        with self._database.transaction() as session:
            session.change("again", id=task.id, attempt=task.attempt, crashed=crashed)
