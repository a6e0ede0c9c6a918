# SPDX-License-Identifier: Apache-2.0
"""The job journal on SQLite and PostgreSQL: one state machine, fenced by attempts, bounded, and one token's own."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from carbongrid.errors import InvalidInput
from processes.jobs.database import Database, Postgres, Sqlite, Unreachable
from processes.jobs.job import ANYONE, Busy, Job, Limits, Made, Submission, Task, caller_of, new_id
from processes.jobs.journal import Journal
from processes.jobs.results import ResultFiles
from tests import postgres
from tests.conftest import missing

ALICE, BOB = caller_of("Bearer alice-alice-alice"), caller_of("bearer bob-bob-bob-bob-bob")
MADE = Made("file", "application/json", "0" * 64, 2, "e1")
QUICK = Limits(lease_s=0.2)
PROBLEM = {"status": 500, "detail": "it died"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS")
    with postgres.cluster() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Journal]:
    """Opens the test's journal with limits, as a web process and a worker would."""
    database: Database = Sqlite(tmp_path / "journal.sqlite")
    if request.param == "postgres":
        database = Postgres(request.getfixturevalue("address"))
        Journal(database)
        with database.transaction() as session:
            session._sql = {"clear": "TRUNCATE carbongrid_job, carbongrid_request"}  # type: ignore[attr-defined]
            session.change("clear")
    return lambda limits=QUICK: Journal(database, limits)


@pytest.fixture
def journal(opened: Callable[..., Journal]) -> Journal:
    return opened()


def asked(text: str = "a", caller: str = ANYONE, state: str = "s") -> Submission:
    return Submission("echo", "1.0.0", b'{"inputs": {"text": "%s"}}' % text.encode(), caller, state)


def claimed(journal: Journal, worker: str = "w") -> Task:
    task = journal.claim(worker)
    assert task is not None
    return task


def submitted(journal: Journal, text: str, caller: str) -> Job:
    """Jobs of one millisecond have no order."""
    time.sleep(0.002)
    return journal.submit(asked(text, caller))


def found(journal: Journal, job: str) -> Job:
    row = journal.find(job)
    assert row is not None
    return row


def test_a_job_goes_from_accepted_to_successful(journal: Journal) -> None:
    job = journal.submit(asked())
    assert (job.status, job.attempt, job.progress, job.started) == ("accepted", 0, 0, None)
    assert abs(job.created - time.time()) < 5
    task = claimed(journal)
    assert (task.id, task.attempt, task.body) == (job.id, 1, b'{"inputs": {"text": "a"}}')
    assert journal.claim("other") is None
    journal.progress(task, 40, {"ko": "반", "en": "half"})
    half = found(journal, job.id)
    assert (half.status, half.progress, half.message) == ("running", 40, {"ko": "반", "en": "half"})
    assert journal.succeed(task, MADE, "s")
    done = found(journal, job.id)
    assert (done.status, done.progress, done.made, done.message) == ("successful", 100, MADE, None)
    assert done.started is not None
    assert done.finished is not None
    assert done.created <= done.started <= done.finished
    assert journal.results() == {"file"}


def test_only_the_attempt_that_holds_the_job_commits(journal: Journal) -> None:
    job = journal.submit(asked())
    late = claimed(journal, "asleep")
    assert journal.held("asleep") == {(job.id, 1)}
    time.sleep(0.3)
    taken = claimed(journal, "awake")
    assert (taken.id, taken.attempt) == (job.id, 2)
    assert journal.held("asleep") == set()
    assert not journal.succeed(late, MADE, "s")
    assert not journal.fail(late, PROBLEM)
    journal.progress(late, 99, {"ko": "", "en": "late"})
    assert found(journal, job.id).progress == 0
    assert journal.succeed(taken, MADE, "s")
    assert not journal.succeed(taken, MADE, "s")


def test_a_worker_that_says_it_is_alive_keeps_its_job(journal: Journal) -> None:
    journal.submit(asked())
    claimed(journal, "alive")
    for _ in range(4):
        time.sleep(0.1)
        journal.renew("alive")
        assert journal.claim("other") is None


def test_a_job_that_kills_its_process_fails_at_the_third_time(journal: Journal) -> None:
    job = journal.submit(asked())
    for attempt in (1, 2, 3):
        task = claimed(journal)
        assert task.attempt == attempt
        journal.crashed(task, PROBLEM)
    end = found(journal, job.id)
    assert (end.status, end.problem) == ("failed", PROBLEM)
    assert journal.claim("w") is None


def test_a_job_whose_workers_die_fails_at_the_third_time(journal: Journal) -> None:
    job = journal.submit(asked())
    for attempt in (1, 2, 3):
        assert claimed(journal, f"w{attempt}").attempt == attempt
        time.sleep(0.25)
    assert journal.claim("w4") is None
    assert journal.give_up(PROBLEM) == 1
    assert found(journal, job.id).status == "failed"


def test_an_orderly_stop_is_no_crash(journal: Journal) -> None:
    job = journal.submit(asked())
    for _ in range(5):
        journal.release(claimed(journal))
    assert (found(journal, job.id).status, claimed(journal).attempt) == ("accepted", 6)


def test_dismissing_ends_a_job_in_any_state(journal: Journal) -> None:
    waiting = journal.submit(asked())
    assert journal.dismiss(waiting.id).status == "dismissed"  # type: ignore[union-attr]
    assert journal.claim("w") is None
    job = journal.submit(asked())
    task = claimed(journal)
    journal.dismiss(job.id)
    assert journal.held("w") == set()
    assert not journal.succeed(task, MADE, "s")
    done = journal.submit(asked())
    journal.succeed(claimed(journal), MADE, "s")
    assert journal.dismiss(done.id).made is None  # type: ignore[union-attr]
    assert journal.results() == set()
    assert journal.dismiss("nothing") is None


def test_one_tokens_equal_requests_are_one_job(journal: Journal) -> None:
    first = journal.submit(asked(caller=ALICE))
    spaced = replace(asked(caller=ALICE), body=b'{ "inputs" : {"text":"a"} }')
    assert journal.submit(spaced).id == first.id
    journal.succeed(claimed(journal), MADE, "s")
    assert journal.submit(asked(caller=ALICE)).made == MADE
    others = [asked("b", ALICE), asked(caller=BOB), asked(caller=ALICE, state="published since"), asked(), asked()]
    assert len({first.id, *(journal.submit(o).id for o in others)}) == 6


def test_a_failed_or_dismissed_job_is_run_anew(journal: Journal) -> None:
    first = journal.submit(asked(caller=ALICE))
    journal.fail(claimed(journal), PROBLEM)
    second = journal.submit(asked(caller=ALICE))
    journal.dismiss(second.id)
    assert len({first.id, second.id, journal.submit(asked(caller=ALICE)).id}) == 3


def test_a_result_of_another_edition_is_not_given_for_this_one(journal: Journal) -> None:
    first = journal.submit(asked(caller=ALICE))
    journal.succeed(claimed(journal), MADE, "published since")
    assert journal.submit(asked(caller=ALICE)).id != first.id


def test_the_queue_is_bounded(opened: Callable[..., Journal]) -> None:
    journal = opened(Limits(queue=7, queue_own=3, queue_bytes=1 << 20))
    for n in range(3):
        journal.submit(asked(str(n), ALICE))
    with pytest.raises(Busy, match="of one token"):
        journal.submit(asked("3", ALICE))
    for n in range(4):
        journal.submit(asked(str(n)))
    with pytest.raises(Busy, match="the queue is full"):
        journal.submit(asked("4"))
    journal.fail(claimed(journal), PROBLEM)
    with pytest.raises(Busy, match="the queue is full"):
        journal.submit(asked("x" * (1 << 20)))
    journal.submit(asked("4"))


def test_the_bound_holds_under_submissions_at_the_same_time(opened: Callable[..., Journal]) -> None:
    journal = opened(Limits(queue=20))

    def submit(n: int) -> bool:
        try:
            return bool(journal.submit(asked(str(n))))
        except Busy:
            return False

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(submit, range(60))) == 20


def test_one_token_does_not_fill_the_workers(opened: Callable[..., Journal]) -> None:
    journal = opened(Limits())
    own = [submitted(journal, str(n), ALICE).id for n in range(3)]
    others = submitted(journal, "a", BOB).id
    taken = [claimed(journal).id for _ in range(3)]
    assert taken == [*own[:2], others]
    assert journal.claim("w") is None


def test_workers_at_the_same_time_take_different_jobs(opened: Callable[..., Journal]) -> None:
    journal = opened(Limits())
    jobs = {journal.submit(asked(str(n))).id for n in range(24)}
    start = threading.Barrier(6)

    def work(n: int) -> list[str]:
        start.wait()
        return [claimed(journal, f"w{n}").id for _ in range(4)]

    with ThreadPoolExecutor(6) as threads:
        taken = [job for part in threads.map(work, range(6)) for job in part]
    assert (set(taken), len(taken)) == (jobs, 24)


def test_lists_are_a_callers_own_newest_first(journal: Journal) -> None:
    mine = [submitted(journal, str(n), ALICE).id for n in range(3)]
    journal.submit(asked(caller=BOB))
    jobs, total = journal.listed(ALICE, limit=2, offset=1)
    assert ([j.id for j in jobs], total) == ([mine[1], mine[0]], 3)
    claimed(journal)
    jobs, total = journal.listed(ALICE, status="running", limit=9, offset=0)
    assert ([j.id for j in jobs], total) == ([mine[0]], 1)
    assert journal.listed(ALICE, process="other", limit=9, offset=0) == ([], 0)
    assert journal.listed(ANYONE, limit=9, offset=0) == ([], 0)


def test_what_ended_is_forgotten_after_its_time(opened: Callable[..., Journal]) -> None:
    journal = opened(Limits(keep_s=0.1))
    done, waiting = submitted(journal, "a", ANYONE), submitted(journal, "b", ANYONE)
    journal.succeed(claimed(journal), MADE, "s")
    assert journal.expire() == 0
    time.sleep(0.15)
    assert journal.expire() == 1
    assert journal.find(done.id) is None
    assert journal.find(waiting.id) is not None


def test_another_process_finds_everything(tmp_path: Path) -> None:
    first = Journal(Sqlite(tmp_path / "j.sqlite"))
    job = first.submit(asked())
    first.close()
    assert found(Journal(Sqlite(tmp_path / "j.sqlite")), job.id) == job


def test_a_database_that_is_away_is_said_to_be() -> None:
    with pytest.raises(Unreachable) as away:
        Journal(Postgres("postgresql://me:secret@127.0.0.1:1/none"))
    assert "secret" not in str(away.value)


def test_tokens_are_kept_as_hashes() -> None:
    assert len({ALICE, BOB, ANYONE}) == 3
    assert "alice" not in ALICE
    for wrong in ("Bearer short", "Basic YWxhZGRpbjpvcGVu", "Bearer " + "x" * 513, "Bearer with space in the text"):
        with pytest.raises(InvalidInput):
            caller_of(wrong)


def test_ids_are_not_to_be_guessed() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert min(map(len, ids)) >= 22


# Result files


def test_a_result_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, task = ResultFiles(tmp_path / "results"), Task("job", 1, "echo", b"")
    made = files.write(task, "text/plain", b"abc", "e")
    assert (files.read(made), made.length) == (b"abc", 3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            files.write(replace(task, attempt=2), "text/plain", b"def", "e")
    assert [f.name for f in (tmp_path / "results").iterdir()] == ["job.1"]
    (tmp_path / "results" / "job.1").write_bytes(b"abd")
    with pytest.raises(OSError, match="damaged"):
        files.read(made)


def test_results_without_a_job_are_swept(tmp_path: Path) -> None:
    files = ResultFiles(tmp_path)
    made = [files.write(Task("job", n, "echo", b""), "text/plain", b"", None) for n in (1, 2)]
    assert files.sweep({"job.2"}) == 0
    assert files.sweep({"job.2"}, stale_s=0) == 1
    files.drop(made[1])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_opened_is_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """Also at a thread's first connection: the client is told to come back."""
    (tmp_path / "journal.sqlite").mkdir()
    with pytest.raises(Unreachable):
        Journal(Sqlite(tmp_path / "journal.sqlite"))
