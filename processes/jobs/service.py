# SPDX-License-Identifier: Apache-2.0
"""What a web process may do with jobs: accept, show, list, dismiss and hand out results, each only to its owner."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from carbongrid.errors import Gone
from processes.base import Process
from processes.body import parse
from processes.errors import NoSuchJob, NotReady
from processes.jobs.callbacks import Allowed
from processes.jobs.child import Site
from processes.jobs.job import ANYONE, Job, Limits, NoToken, Submission
from processes.jobs.journal import Journal


@dataclass
class Service:
    """Jobs of a data folder. The journal is opened by the first request about jobs. ``public``: anyone's are listed."""

    data: Path
    public: bool = False
    limits: Limits | None = None
    callbacks: Allowed = field(default_factory=Allowed)

    @cached_property
    def journal(self) -> Journal:
        """The journal."""
        return Journal.open(self.data, self.limits)

    def submit(self, process: Process, body: bytes, caller: str, state: str) -> Job:
        """Check an execute request and put it into the queue; InvalidInput, TooLarge or Busy."""
        self.callbacks.check(process.accept(parse(body, most=process.max_values)).subscriber)
        return self.journal.submit(Submission(process.id, process.version, body, caller, state))

    def find(self, job: str, caller: str) -> Job:
        """A job of this caller, or an anonymous one; NoSuchJob for all others, as if they were not there."""
        found = self.journal.find(job)
        if found is None or found.caller not in (ANYONE, caller):
            raise NoSuchJob("there is no such job, or it belongs to another token")
        return found

    def listed(self, caller: str, status: str, process: str, limit: int, offset: int) -> tuple[list[Job], int]:
        """A page of the caller's jobs; NoToken where anonymous ones are not listed."""
        if caller == ANYONE and not self.public:
            raise NoToken("the list of jobs needs a token", where="Authorization", allowed=["Bearer"])
        return self.journal.listed(caller, status=status, process=process, limit=limit, offset=offset)

    def dismiss(self, job: str, caller: str) -> Job:
        """End a job and forget its result."""
        found = self.find(job, caller)
        ended = self.journal.dismiss(job)
        if found.made is not None:
            Site(self.data).results.drop(found.made)
        return found if ended is None else ended

    def result(self, job: Job) -> bytes:
        """The result of a successful job; NotReady or Gone where there is none."""
        if job.open:
            raise NotReady("the job has not ended")
        if job.made is None:
            raise Gone("the job was dismissed; its results are gone")
        return Site(self.data).results.read(job.made)
