# SPDX-License-Identifier: Apache-2.0
"""Results of jobs as files: written beside, synced, then renamed, so that a name never stands for half a result.

A file is named by job and attempt. It is a result only once the journal says so; all others are swept away.
"""

import hashlib
import os
import time
from collections.abc import Collection
from pathlib import Path

from processes.jobs.job import Made, Task

_STALE_S = 3600.0
"""A file without a job is swept when it is older than any commit can take."""


class ResultFiles:
    """A folder of results, one for all workers of a journal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, task: Task, media_type: str, body: bytes, edition: str | None) -> Made:
        """Store a result durably; OSError where the disk refuses, and then nothing is left."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{task.id}.{task.attempt}"
        beside = self._folder / f".{name}.part"
        try:
            with beside.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._folder / name)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        self._sync()
        return Made(name, media_type, hashlib.sha256(body).hexdigest(), len(body), edition)

    def read(self, made: Made) -> bytes:
        """The bytes of a result; OSError where the file is gone or is not what was committed."""
        body = (self._folder / made.file).read_bytes()
        if hashlib.sha256(body).hexdigest() != made.sha256:
            raise OSError(f"result {made.file} is damaged")
        return body

    def drop(self, made: Made) -> None:
        """Delete a result."""
        (self._folder / made.file).unlink(missing_ok=True)

    def sweep(self, kept: Collection[str], stale_s: float = _STALE_S) -> int:
        """Delete files that no job names and that nobody can be about to commit; how many."""
        if not self._folder.is_dir():
            return 0
        before = time.time() - stale_s
        old = [f for f in self._folder.iterdir() if f.name not in kept and f.stat().st_mtime < before]
        for file in old:
            file.unlink(missing_ok=True)
        return len(old)

    def _sync(self) -> None:
        """Make the new name durable."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
