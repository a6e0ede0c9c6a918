# SPDX-License-Identifier: Apache-2.0
"""Progress of long work: bars on a terminal, one line a finished stage elsewhere."""

from time import monotonic
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Bars:
    """A ``progress(stage, done, total)`` callable that draws; use it as a context manager."""

    def __init__(self, title: str, console: Console) -> None:
        self._title, self._console = title, console
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        columns = (
            TextColumn(f"{title} · {{task.description}}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Progress(*columns, console=console, disable=not console.is_terminal)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report ``done`` of ``total`` steps of a stage."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._started[stage] = monotonic()
        self._bars.update(self._tasks[stage], completed=done, total=total)
        if done >= total and not self._console.is_terminal:
            seconds = monotonic() - self._started[stage]
            self._console.print(f"{self._title} · {stage}: {total} ({seconds:.1f} s)", highlight=False)
