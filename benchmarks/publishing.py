# SPDX-License-Identifier: Apache-2.0
"""Publishing under fire: 1,000 publishes, 200 publishers killed with SIGKILL, two readers following their cursors.

    python -m benchmarks.publishing [PUBLISHES KILLS]

The promise (reliability): no answer mixes editions, and what is in force at the end verifies.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from carbonstore.releases import edition
from tests.store.publishing import Outcome, stress


def run(publishes: int = 1_000, kills: int = 200) -> tuple[Outcome, float]:
    """What readers saw, and the seconds it took; raises Corrupt where the end does not verify."""
    with TemporaryDirectory() as folder:
        root, start = Path(folder), time.perf_counter()
        outcome = stress(root, publishes=publishes, kills=kills, readers=2)
        for release in edition.releases(root, edition.current(root, "toy")).values():
            release.verify()
        return outcome, time.perf_counter() - start


def main() -> int:
    """Print the outcome; 1 where an answer was mixed or failed."""
    outcome, seconds = run(*(int(a) for a in sys.argv[1:3]))
    print(
        f"{outcome.publishes:,} publishes, {outcome.kills} kills, {outcome.walks:,} whole walks, "
        f"{outcome.gone} ended by 410, {outcome.mixed} mixed, {len(outcome.errors)} errors, {seconds:.0f} s"
    )
    return 1 if outcome.mixed or outcome.errors else 0


if __name__ == "__main__":
    sys.exit(main())
