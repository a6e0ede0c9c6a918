# SPDX-License-Identifier: Apache-2.0
"""Publishers that are killed and readers that follow their cursors, all on one folder; used by a test and a benchmark.

Version ``v`` of the toy city has ``v`` times the kilograms of the table, and 2022 has twice those of 2023. So the sum
over every page of a walk through the history tells whether all of its pages came from one version.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from carbongrid.errors import Gone
from carbongrid.inventory import Inventory
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import Publication, write
from tests.toy import KG, scaled, toy_inventory, toy_publication

FORK = get_context("forkserver")
"""Children of a fork server that has no threads a fork could break, and has done one round already."""
FORK.set_forkserver_preload(["tests.store.warm"])
PAGE = 10
COLLECTION = "toy-100m-history"
EMITTED = sum(kg for band, kg in KG.items() if band.sector != "forest")


@dataclass
class Outcome:
    """What was seen: complete walks, walks cut short by a pruned edition, walks of mixed pages, unexpected errors."""

    publishes: int = 0
    kills: int = 0
    walks: int = 0
    gone: int = 0
    mixed: int = 0
    errors: list[str] = field(default_factory=list)


@cache
def _first_version(year: int) -> tuple[Inventory, Publication]:
    inventory = toy_inventory(year)
    return inventory, toy_publication(inventory)


def publish_version(root: Path, version: int) -> None:
    """Build both years of a version, publish them together, forget all but two editions."""
    for year in (2022, 2023):
        inventory, publication = _first_version(year)
        write(scaled(inventory, version), publication, root)
    edition.publish(root, "toy")
    edition.prune(root, "toy", keep=2)


def _publisher(root: Path, first: int, tally: Any) -> None:
    """Publish version after version until killed; the tally has no lock that could die with us."""
    for version in range(first, first + 1_000_000):
        publish_version(root, version)
        tally.value = version


def _reader(root: Path, stop: Any, results: "Queue[Outcome]") -> None:
    """Walk through the history page by page, each walk on the edition it began with, as a client following ``next``."""
    seen, catalogue = Outcome(), Catalogue(root)
    while not stop.is_set():
        try:
            sums = walk(catalogue)
        except Gone:
            seen.gone += 1
        except Exception as error:  # whatever it is, it must reach the test
            seen.errors.append(repr(error))
        else:
            seen.walks += 1
            version, rest = divmod(sums[2023], EMITTED)
            seen.mixed += rest != 0 or sums[2022] != 2 * version * EMITTED
    results.put(seen)


def walk(catalogue: Catalogue) -> dict[int, int]:
    """Kilograms emitted by year over all pages; every page asks for the edition and the cursor of the one before."""
    sums, chance = {2022: 0, 2023: 0}, random.Random(time.monotonic_ns())
    name, cursor = None, None
    while True:
        collection = catalogue.snapshot().at(COLLECTION, name)
        page = cells.read(collection, CellQuery(limit=PAGE, cursor=cursor))
        for year, kg in zip(page.year.tolist(), page.kg["emission_total"].tolist(), strict=True):
            sums[year] += kg
        name, cursor = collection.edition, page.next_cursor
        if cursor is None:
            return sums
        time.sleep(0.2 if chance.random() < 0.02 else 0.001)  # a client's way; some sleep until they are too late


def stress(root: Path, *, publishes: int, kills: int, readers: int, seed: int = 1) -> Outcome:
    """Publish at least so often while publishers are killed with SIGKILL at random moments and readers walk."""
    publish_version(root, 1)
    stop, results = FORK.Event(), FORK.Queue()
    watching = [_start(_reader, root, stop, results) for _ in range(readers)]
    total = Outcome()
    _publish_and_kill(root, total, publishes, kills, random.Random(seed))
    stop.set()
    for _ in watching:
        seen = results.get(timeout=60)
        total.walks, total.gone = total.walks + seen.walks, total.gone + seen.gone
        total.mixed, total.errors = total.mixed + seen.mixed, total.errors + seen.errors
    for process in watching:
        process.join()
    return total


def _publish_and_kill(root: Path, total: Outcome, publishes: int, kills: int, chance: random.Random) -> None:
    """Runs of a publisher, each ended by a kill after its share of the publishes and a random moment more."""
    tally = FORK.RawValue("q", 1)
    for run in range(kills):
        process = _start(_publisher, root, tally.value + 1, tally)
        goal = 1 + publishes * (run + 1) // kills
        while tally.value < goal and process.is_alive():
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.join()
        total.kills += process.exitcode == -9
    total.publishes = tally.value - 1


def _start(target: Callable[..., None], *args: object) -> ForkServerProcess:
    process = FORK.Process(target=target, args=args, daemon=True)
    process.start()
    return process
