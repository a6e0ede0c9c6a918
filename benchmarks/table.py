# SPDX-License-Identifier: Apache-2.0
"""The table that every comparison with a peer prints: seconds on both sides, and whether the results agree."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: what was done, seconds on each side, and whether the results agree.

    ``goal`` and ``floor`` are the ratios wanted and promised, 0 where none is.
    """

    what: str
    peer: str
    ours_s: float
    peer_s: float
    agree: bool
    goal: float = 0
    floor: float = 0

    @property
    def ratio(self) -> float:
        """How many times faster than the peer."""
        return self.peer_s / self.ours_s

    @property
    def kept(self) -> bool:
        """Whether the results agree and the promise holds."""
        return self.agree and self.ratio >= self.floor

    def __str__(self) -> str:
        verdict = "equal" if self.agree else "DIFFERENT"
        ours, peer = f"{self.ours_s * 1e3:.2f} ms", f"{self.peer} {self.peer_s * 1e3:.1f} ms"
        return f"{self.what}: {ours}, {peer} = {self.ratio:.1f}x, {verdict}{self._wanted()}"

    def _wanted(self) -> str:
        if not self.goal:
            return ""
        met = "met" if self.ratio >= self.goal else "above the floor" if self.ratio >= self.floor else "MISSED"
        return f"; goal {self.goal:g}x, floor {self.floor:g}x: {met}"


def best[T](work: Callable[[], T], rounds: int) -> tuple[T, float]:
    """The result and the fewest seconds of some rounds, the first not counted."""
    result, fewest = work(), float("inf")
    for _ in range(rounds):
        start = perf_counter()
        result = work()
        fewest = min(fewest, perf_counter() - start)
    return result, fewest


def show(rows: Sequence[Row]) -> int:
    """Print the table; 1 where a result differs from the peer's or a promise does not hold."""
    for row in rows:
        print(row, flush=True)
    return 0 if all(row.kept for row in rows) else 1
