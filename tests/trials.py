# SPDX-License-Identifier: Apache-2.0
"""Processes that try a worker: they burn, hog, die or work. ``python -m tests.trials DATA SLOTS`` is a worker."""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

from processes.base import Context, Execution, Results
from processes.echo import ECHO
from processes.estimate_region import ESTIMATE_REGION
from processes.jobs.job import Limits

QUICK = Limits(lease_s=4.0, cpu_s=2, wall_s=8.0, memory=600 << 20, result=100_000)


def work(execution: Execution, context: Context) -> Results:
    """What ``text`` says: ``burn``, ``hog``, ``sleep``, ``die``, ``long``; anything else is given back at once."""
    text = execution.inputs["text"]
    while text == "burn":
        pass
    if text == "hog":
        bytearray(3 << 30)
    filled = []
    while text == "fill":
        filled.append(b"\1" * (1 << 24))
    if text == "sleep":
        time.sleep(60)
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "leak":
        raise RuntimeError("secret postgres://u:p@h")
    return Results({"text": "x" * 200_000 if text == "long" else text})


def slow(execution: Execution, context: Context) -> Results:
    """Takes half a minute and says so."""
    for step in range(100):
        context.report(step / 100, {"ko": "천천히", "en": "slowly"})
        time.sleep(0.3)
    return Results({})


PROCESSES = {p.id: p for p in (ECHO, replace(ECHO, id="trial", run=work), replace(ESTIMATE_REGION, run=slow))}


def main() -> None:
    from processes.jobs.child import Site
    from processes.jobs.engine import Engine
    from processes.jobs.journal import Journal

    data, slots = Path(sys.argv[1]), int(sys.argv[2])
    journal = Journal.open(data, replace(QUICK, crashes=1000))
    Engine(journal, Site(data, "", "tests.trials"), slots).run(threading.Event())


if __name__ == "__main__":
    main()
