# SPDX-License-Identifier: Apache-2.0
"""A nation from GeoParquet to a release: 7.2 million synthetic buildings, 1.5 million links, 300,000 stands.

    python -m benchmarks.national [SHARE OF IT] [FOLDER]

Built three times, each in a process of its own: whole; killed (SIGKILL) at a random task; and on from there with two
Dask workers. The last must be the first to the byte. Prints seconds and memory by stage. SHARE is 0.01 unless given;
1 is the nation. The sample stays in FOLDER where one is given, and is not written anew.
"""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory

import orjson

from carbonstore.building.build import build
from carbonstore.building.partition import Partitioning
from carbonstore.releases.verify import RUN
from carbonstore.sample.scale import write_scaled

BUILDINGS = 7_200_000
TASKS = frozenset({"read", "pool", "clip", "estimate"})
type Progress = Callable[[str, int, int], None]


def sample(folder: Path, share: float) -> Path:
    """The inventory file of a share of the nation."""
    file = folder / "korea-2023.toml"
    if not file.exists():
        write_scaled("korea", None, folder, round(BUILDINGS * share), (2023,), 1)
    return file


def made(file: Path, root: Path, how: Partitioning, kill_after: int | None = None) -> dict[str, bytes] | None:
    """The bytes of the release that a process of its own builds; None where it was killed after so many tasks."""
    process = get_context("spawn").Process(target=_build, args=(file, root, how, kill_after))
    process.start()
    process.join()
    if process.exitcode == -signal.SIGKILL:
        return None
    if process.exitcode:
        raise SystemExit(f"the build failed: {process.exitcode}")
    (release,) = (root / "releases").iterdir()
    unhashed = (RUN, "built.json")
    return {path.name: path.read_bytes() for path in release.iterdir() if path.name not in unhashed}


def _build(file: Path, root: Path, how: Partitioning, kill_after: int | None) -> None:
    """What the process does."""
    release = build(file, root, how=how, progress=partial(_bar, [kill_after or 0]))
    print("\r" + " " * 60, end="\r")
    cpu = sum(u.ru_utime + u.ru_stime for u in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))
    print(f"{how.workers} worker(s): {cpu:,.0f} s of CPU time")
    _show(orjson.loads((release.path / RUN).read_bytes()))


def _bar(left: list[int], stage: str, done: int, total: int) -> None:
    """A bar; the end of this process at the task at which the count is 0."""
    filled = 30 * done // max(total, 1)
    print(f"\r{stage:>9} [{'#' * filled}{'.' * (30 - filled)}] {done}/{total}  ", end="", flush=True)
    left[0] -= stage in TASKS and done > 0
    if left[0] == 0 and stage in TASKS and done > 0:
        os.kill(os.getpid(), signal.SIGKILL)


def _show(run: dict[str, dict[str, float]]) -> None:
    """Seconds and memory by stage."""
    print(f"{'stage':>9} {'seconds':>9} {'peak GiB so far':>16}")
    for stage, seconds in run["seconds"].items():
        print(f"{stage:>9} {seconds:9.1f} {run['peak_kib_by_stage'][stage] / 2**20:16.2f}")
    peak = {name: round(kib / 2**20, 2) for name, kib in run["peak_kib"].items()}
    print(f"{'all':>9} {sum(run['seconds'].values()):9.1f}  {peak}", flush=True)


def run(folder: Path, share: float) -> int:
    """Sample, build, kill, resume; 1 where the bytes differ."""
    file = sample(folder / f"share-{share:g}", share)
    with TemporaryDirectory(dir=folder) as scratch:
        whole = made(file, Path(scratch) / "whole", Partitioning())
        after = Random(os.getpid()).randrange(1, 4)
        if made(file, Path(scratch) / "again", Partitioning(), kill_after=after) is not None:
            raise SystemExit("the build ended before it could be killed")
        print(f"\nkilled after {after} tasks; on from there")
        resumed = made(file, Path(scratch) / "again", Partitioning(workers=2))
    print("equal to the byte" if resumed == whole else "DIFFERENT")
    return int(resumed != whole)


def main() -> int:
    """1 where a resumed build differs."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 0.01
    if len(sys.argv) > 2:
        return run(Path(sys.argv[2]), share)
    with TemporaryDirectory() as folder:
        return run(Path(folder), share)


if __name__ == "__main__":
    sys.exit(main())
