# SPDX-License-Identifier: Apache-2.0
"""The table that every comparison with a peer prints: seconds on both sides, and whether the results agree."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table: what was done, seconds on each side, and whether the results agree."""

    what: str
    peer: str
    ours_s: float
    peer_s: float
    agree: bool

    @property
    def ratio(self) -> float:
        """How many times faster than the peer."""
        return self.peer_s / self.ours_s

    def __str__(self) -> str:
        verdict = "equal" if self.agree else "DIFFERENT"
        ours, peer = f"{self.ours_s * 1e3:.2f} ms", f"{self.peer} {self.peer_s * 1e3:.1f} ms"
        return f"{self.what}: {ours}, {peer} = {self.ratio:.1f}x, {verdict}"


def best[T](work: Callable[[], T], rounds: int) -> tuple[T, float]:
    """The result and the fewest seconds of some rounds, the first not counted."""
    result, fewest = work(), float("inf")
    for _ in range(rounds):
        start = perf_counter()
        result = work()
        fewest = min(fewest, perf_counter() - start)
    return result, fewest


def show(rows: Sequence[Row]) -> int:
    """Print the table; 1 where a result differs from the peer's."""
    for row in rows:
        print(row, flush=True)
    return 0 if all(row.agree for row in rows) else 1
