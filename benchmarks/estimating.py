# SPDX-License-Identifier: Apache-2.0
"""Estimates of a nation: 7.2 million buildings, 1.5 million links, 300,000 stands, without their geometry.

    python -m benchmarks.estimating [SHARE OF IT]

Peak memory is that of the process, inputs included. The promises: buildings below 60 s, everything below 6 GiB.
"""

import resource
import sys
import time

import numpy as np
from numpy.typing import NDArray

from carbongrid import buildings, forests, roads
from carbongrid.factors import FactorSet
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import ActivityTable

MODELS = {"buildings": buildings.estimate, "roads": roads.estimate, "forests": forests.estimate}
SIZES = {"buildings": 7_200_000, "roads": 1_500_000, "forests": 300_000}
MOST_SECONDS, MOST_GIB = 60.0, 6.0


def activity(kind: str, n: int) -> ActivityTable:
    """Drawn activity of one kind; two in three buildings have a meter, half of the links a volume."""
    rng = np.random.default_rng(7)

    def some(share: float, low: float, high: float) -> NDArray[np.float64]:
        return np.where(rng.random(n) < share, rng.uniform(low, high, n), np.nan)

    def words(*values: str) -> NDArray[np.object_]:
        return np.array(values, object)[rng.integers(0, len(values), n)]

    columns = {
        "buildings": lambda: {
            "use": words("01000", "02000", "03000", "10000", "14000", "17000"),
            "floor_area_m2": some(0.6, 50, 5000),
            "storeys": np.rint(some(0.7, 1, 20)),
            "height_m": some(0.5, 3, 60),
            "electricity_kwh": some(0.6, 1e3, 1e6),
            "gas_kwh_gcv": some(0.4, 1e3, 1e6),
            "heat_mj": some(0.1, 1e3, 1e6),
        },
        "roads": lambda: {"class": words("101", "103", "104", "107"), "aadt": some(0.5, 1, 5e4)},
        "forests": lambda: {"species": words("11", "32", "77"), "age_class": np.rint(some(0.9, 1, 9))},
    }[kind]()
    nowhere = Wkb(np.empty(0, np.uint8), np.zeros(n + 1, np.int64))
    return ActivityTable(kind, np.arange(n).astype(object), nowhere, rng.uniform(50, 2000, n), np.ones(n), columns)


def main() -> int:
    """Print seconds and memory by kind; 1 where a promise does not hold."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    factors, slowest = FactorSet.load("kor"), 0.0
    for kind, size in SIZES.items():
        table = activity(kind, round(size * share))
        start = time.perf_counter()
        made = MODELS[kind](table, factors, 2023)
        slowest = max(slowest, time.perf_counter() - start)
        print(
            f"{kind}: {len(table):,} sources, {len(made.lines.kg):,} lines, {time.perf_counter() - start:.1f} s", end=""
        )
        print(f", peak {peak_gib():.2f} GiB, {made.lines.kg.sum() / 1e6:,.0f} kt")
    return 1 if slowest > MOST_SECONDS or peak_gib() > MOST_GIB else 0


def peak_gib() -> float:
    """Most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    sys.exit(main())
