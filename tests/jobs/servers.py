# SPDX-License-Identifier: Apache-2.0
"""``carbongrid serve`` as clients and accidents meet it: processes of its own, killed and started again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

import psutil

from tests.acceptance.conftest import ROOT, await_health, free_port


@dataclass(frozen=True)
class Server:
    """A running server, its worker included."""

    url: str
    process: "subprocess.Popen[bytes]"

    @property
    def web(self) -> psutil.Process:
        """The process that answers."""
        return psutil.Process(self.process.pid)

    def kill_web(self) -> None:
        """The process that answers dies; its worker has to notice by itself."""
        self.process.kill()
        self.process.wait()

    def kill_all(self) -> None:
        """Everything dies at once, jobs included."""
        for one in [*self.web.children(recursive=True), self.web]:
            if one.is_running():
                one.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(data: Path, *options: str, **settings: str) -> Iterator[Server]:
    """A server over a data folder, stopped in an orderly way unless it is dead by then."""
    port = free_port()
    environment = os.environ | {"CARBONGRID_DATA": str(data), "CARBONGRID_PORT": str(port)} | settings
    environment.pop("CARBONGRID_URL", None)
    command = [sys.executable, "-m", "carbonserver", "serve", *options]
    with (
        TemporaryFile() as said,
        subprocess.Popen(command, env=environment, cwd=ROOT, stdout=said, stderr=said) as process,
    ):
        server = Server(f"http://localhost:{port}", process)
        try:
            await_health(server.url, process, 180)
            yield server
        except BaseException:
            said.seek(0)
            print(said.read().decode()[-20_000:])
            raise
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    server.kill_all()
