# SPDX-License-Identifier: Apache-2.0
"""``carbongrid worker``: runs jobs; and the one that ``carbongrid serve`` keeps beside itself."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from carbonserver.settings import Settings

_PAUSE_S = 2.0
_GRACE_S = 10.0


@click.command()
@click.option("--slots", type=click.IntRange(1, 256), help="Jobs at a time (default: one a processor).")
@click.option("--with-parent", is_flag=True, hidden=True, help="End when standard input is closed.")
def worker(slots: int | None, with_parent: bool) -> None:
    """Run the jobs that servers of this data folder (or CARBONGRID_DATABASE) have accepted, until interrupted."""
    from processes.jobs.callbacks import Allowed, Callbacks
    from processes.jobs.child import Site
    from processes.jobs.engine import Engine
    from processes.jobs.journal import Journal

    settings, stop = Settings.from_env(), threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    if with_parent:
        threading.Thread(target=_follow, args=(stop,), daemon=True).start()
    journal, site = Journal.open(settings.data), Site(settings.data, settings.url)
    Engine(journal, site, slots or os.cpu_count() or 1, Callbacks(Allowed.from_env())).run(stop)


def _follow(stop: threading.Event) -> None:
    sys.stdin.buffer.read()
    stop.set()


@contextmanager
def beside(settings: Settings) -> Iterator[None]:
    """A worker as long as the block runs: started again where it dies, ended with this process however that ends."""
    environment = os.environ | {"CARBONGRID_DATA": str(settings.data), "CARBONGRID_URL": settings.url}
    command, stop = [sys.executable, "-m", "carbonserver", "worker", "--with-parent"], threading.Event()

    def supervise() -> None:
        while not stop.is_set():
            with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as process:
                while process.poll() is None and not stop.wait(0.2):
                    pass
                assert process.stdin is not None
                process.stdin.close()
                try:
                    process.wait(_GRACE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
            stop.wait(_PAUSE_S)

    thread = threading.Thread(target=supervise, name="worker")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
