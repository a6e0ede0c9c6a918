# SPDX-License-Identifier: Apache-2.0
"""The promises of the job engine: one commit a job under kills, cancelled within a second, every limit named."""

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import psutil
import pytest

from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.job import Job, Submission
from processes.jobs.journal import Journal
from tests.trials import QUICK

ROOT = Path(__file__).parents[2]
KILLS, JOBS = (100, 200) if os.environ.get("CARBONGRID_SOAK") else (2, 8)


def asked(text: str, process: str = "trial", pause: float = 0) -> Submission:
    inputs = {"text": text} | ({"pause": pause} if pause else {})
    return Submission(process, "1.0.0", orjson.dumps({"inputs": inputs, "outputs": {"text": {}}}))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal.open(tmp_path, QUICK)


@pytest.fixture
def worker(tmp_path: Path, journal: Journal) -> Iterator[Engine]:
    """An engine with two slots, in a thread."""
    stop, engine = threading.Event(), Engine(journal, Site(tmp_path, "", "tests.trials"), 2)
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    yield engine
    stop.set()
    thread.join()


def until[T](ask: Callable[[], T | None], seconds: float = 120) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := ask()) is not None:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing within {seconds} s")


def ended(journal: Journal, job: str, seconds: float = 120) -> Job:
    def look() -> Job | None:
        found = journal.find(job)
        return found if found and not found.open else None

    return until(look, seconds)


def in_state(journal: Journal, job: str, status: str) -> Job:
    def look() -> Job | None:
        found = journal.find(job)
        return found if found and found.status == status else None

    return until(look)


def children_of(pid: int) -> list[psutil.Process]:
    """Processes that work on jobs: the forkserver's children."""
    below = psutil.Process(pid).children(recursive=True)
    return [p for p in below if len(p.parents()) > 2 and "forkserver" in " ".join(p.parent().cmdline())]  # type: ignore[union-attr]


def test_a_job_is_run_and_its_result_kept(worker: Engine, journal: Journal, tmp_path: Path) -> None:
    done = ended(journal, journal.submit(asked("안녕 <&>")).id)
    assert done.status == "successful"
    assert done.made is not None
    assert Site(tmp_path).results.read(done.made) == "안녕 <&>".encode()
    assert done.made.media_type == "text/plain; charset=utf-8"
    assert done.made.sha256 == hashlib.sha256("안녕 <&>".encode()).hexdigest()


def test_progress_is_told_while_it_runs(worker: Engine, journal: Journal) -> None:
    job = journal.submit(asked("a", "echo", pause=1.5)).id
    seen = set()
    while (found := journal.find(job)) and found.open:
        seen.add((found.progress, found.message and found.message["en"]))
        time.sleep(0.05)
    assert len(seen) > 3
    assert {text for _, text in seen} <= {None, "waiting"}
    assert found is not None
    assert found.progress == 100


def test_a_dismissed_job_is_gone_within_a_second(worker: Engine, journal: Journal, tmp_path: Path) -> None:
    before = children_of(os.getpid())
    job = journal.submit(asked("burn")).id
    in_state(journal, job, "running")
    (process,) = until(lambda: [p for p in children_of(os.getpid()) if p not in before] or None)
    start = time.monotonic()
    assert journal.dismiss(job).status == "dismissed"  # type: ignore[union-attr]
    process.wait(timeout=1)
    assert time.monotonic() - start < 1
    assert journal.find(job).status == "dismissed"  # type: ignore[union-attr]
    assert not (tmp_path / "jobs" / "results").exists()


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("burn", "2 s of processor time"),
        ("hog", "600 MiB of memory"),
        ("fill", "600 MiB of memory"),
        ("sleep", "8 s"),
        ("long", "at most 100,000"),
    ],
)
def test_every_limit_is_named_and_neighbours_go_on(worker: Engine, journal: Journal, text: str, limit: str) -> None:
    job, neighbour = journal.submit(asked(text)).id, journal.submit(asked("fine", "echo", pause=0.5)).id
    assert ended(journal, neighbour).status == "successful"
    failed = ended(journal, job)
    assert failed.status == "failed"
    assert failed.problem is not None
    assert failed.problem["status"] == 413
    assert limit in failed.problem["detail"]
    assert failed.attempt == 1


def test_a_job_that_kills_its_process_fails_and_others_go_on(worker: Engine, journal: Journal) -> None:
    job, neighbour = journal.submit(asked("die")).id, journal.submit(asked("fine")).id
    failed = ended(journal, job)
    assert (failed.status, failed.attempt) == ("failed", 3)
    assert ended(journal, neighbour).status == "successful"


def test_the_unexpected_says_nothing_of_the_inside(worker: Engine, journal: Journal) -> None:
    failed = ended(journal, journal.submit(asked("leak")).id)
    assert failed.problem is not None
    assert failed.problem["status"] == 500
    assert "secret" not in str(failed.problem)


def test_an_orderly_stop_hands_jobs_back(journal: Journal, tmp_path: Path) -> None:
    job, stop = journal.submit(asked("sleep")).id, threading.Event()
    engine = Engine(journal, Site(tmp_path, "", "tests.trials"), 1)
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    in_state(journal, job, "running")
    stop.set()
    thread.join(timeout=5)
    assert in_state(journal, job, "accepted").attempt == 1


@contextmanager
def worker_process(data: Path, slots: int = 2) -> Iterator["subprocess.Popen[bytes]"]:
    command = [sys.executable, "-m", "tests.trials", str(data), str(slots)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_worker_takes_its_processes_along_and_another_finishes(journal: Journal, tmp_path: Path) -> None:
    jobs = [journal.submit(asked(str(n), "echo", pause=2)).id for n in range(2)]
    with worker_process(tmp_path) as first:
        for job in jobs:
            in_state(journal, job, "running")
        working = until(lambda: found if len(found := children_of(first.pid)) == 2 else None)
        first.send_signal(signal.SIGKILL)
        psutil.wait_procs(working, timeout=1)
        assert not [p for p in working if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    with worker_process(tmp_path):
        assert [(ended(journal, job).status, ended(journal, job).attempt) for job in jobs] == [("successful", 2)] * 2


def test_every_job_is_committed_once_under_random_kills(journal: Journal, tmp_path: Path) -> None:
    """Two workers; one of them or one of their processes is killed again and again while jobs run."""
    draw = random.Random(6)
    jobs = {journal.submit(asked(f"text {n}", "echo", pause=0.3)).id: f"text {n}" for n in range(JOBS)}
    commits = watch_commits(tmp_path)
    with worker_process(tmp_path) as a, worker_process(tmp_path) as b:
        workers = [a, b]
        for _ in range(KILLS):
            time.sleep(draw.uniform(0.1, 0.6))
            at = draw.randrange(2)
            victims = children_of(workers[at].pid) if draw.random() < 0.5 else []
            if victims:
                draw.choice(victims).kill()
                continue
            workers[at].kill()
            workers[at].wait()
            workers[at] = subprocess.Popen(workers[at].args, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            rows = {job: ended(journal, job, 120) for job in jobs}
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
    assert {r.status for r in rows.values()} == {"successful"}
    assert commits() == dict.fromkeys(jobs, 1)
    files = Site(tmp_path).results
    assert {job: files.read(r.made).decode() for job, r in rows.items() if r.made} == jobs
    with sqlite3.connect(tmp_path / "jobs" / "journal.sqlite") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def watch_commits(data: Path) -> Callable[[], dict[str, int]]:
    """Counts, inside the journal, how often each job became successful."""
    with sqlite3.connect(data / "jobs" / "journal.sqlite") as connection:
        connection.execute("CREATE TABLE commits (id TEXT)")
        connection.execute(
            "CREATE TRIGGER committed AFTER UPDATE OF status ON carbongrid_job WHEN NEW.status = 'successful' "
            "BEGIN INSERT INTO commits VALUES (NEW.id); END"
        )

    def count() -> dict[str, int]:
        with sqlite3.connect(data / "jobs" / "journal.sqlite") as connection:
            return dict(connection.execute("SELECT id, count(*) FROM commits GROUP BY id").fetchall())

    return count
