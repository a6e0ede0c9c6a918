# SPDX-License-Identifier: Apache-2.0
"""Small activity tables for tests: ids "0", "1", …; the models never look at geometry."""

from collections.abc import Sequence

import numpy as np

from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import ActivityTable, Lines
from carbongrid.model import Estimates
from carbongrid.sectors import Band


def table(
    kind: str, measure: Sequence[float], inside: Sequence[float] | None = None, **columns: Sequence[object]
) -> ActivityTable:
    """A table of ``kind``; numbers become float64 (None = NaN), anything else text (None = missing)."""
    n = len(measure)
    return ActivityTable(
        kind=kind,
        id=np.array([str(i) for i in range(n)], object),
        geometry=Wkb(np.empty(0, np.uint8), np.zeros(n + 1, np.int64)),
        measure=np.array(measure, np.float64),
        inside=np.ones(n) if inside is None else np.array(inside, np.float64),
        columns={name.rstrip("_"): _column(values) for name, values in columns.items()},
    )


def _column(values: Sequence[object]) -> np.ndarray:
    if any(isinstance(v, str) for v in values):
        return np.array(values, object)
    return np.array([np.nan if v is None else v for v in values], np.float64)


def kg(estimate: Estimates, band: str | None = None, source: int | None = None) -> int:
    """Kilograms of a band (text form) and source; of everything by default."""
    lines, chosen = estimate.lines, np.ones(len(estimate.lines.kg), bool)
    if band is not None:
        wanted = Band.parse(band)
        if wanted not in estimate.bands:
            return 0
        chosen &= lines.band == estimate.bands.index(wanted)
    if source is not None:
        chosen &= lines.source == source
    return int(lines.kg[chosen].sum())


def by_band(estimate: Estimates) -> dict[str, int]:
    """Kilograms by band."""
    return {b.key: kg(estimate, b.key) for b in estimate.bands}


def lines(
    kg: Sequence[int],
    *,
    source: Sequence[int] | None = None,
    factor: Sequence[int] | None = None,
    row: Sequence[int] | None = None,
    u_own: Sequence[float] | float = 0.0,
) -> Lines:
    """Bare inventory lines: one source each, factor 0, no common row."""
    n = len(kg)
    return Lines(
        source=np.array(range(n) if source is None else source, np.int32),
        band=np.zeros(n, np.int16),
        factor=np.array([0] * n if factor is None else factor, np.int16),
        row=np.array([-1] * n if row is None else row, np.int16),
        u_own=np.broadcast_to(np.array(u_own, np.float32), n).copy(),
        activity=np.ones(n),
        kg=np.array(kg, np.int64),
    )
