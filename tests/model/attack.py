# SPDX-License-Identifier: Apache-2.0
"""The strongest reader of a map: knows pools, weights and floor areas, and combines every published figure.

Everything published is linear in what the meters read. So a meter is given away exactly when its unit vector lies in
the space that the rows of published figures span.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from carbongrid.disclosure import LEVELS, Metered, cells, spread

type F64 = NDArray[np.float64]
type I64 = NDArray[np.int64]


def recoverable(rows: F64) -> I64:
    """Columns (meters) that some combination of the rows (published figures, meters) gives by itself."""
    _, singular, right = np.linalg.svd(rows, full_matrices=False)
    basis = right[singular > 1e-9 * singular.max()]
    return np.flatnonzero((basis**2).sum(axis=0) > 1 - 1e-7)


def recoverable_by_blocks(rows: csr_array) -> I64:
    """The same for many sparse rows: meters that no row connects cannot help to tell each other."""
    _, block = connected_components(rows.T @ rows, directed=False)
    found = []
    for members in _groups(block):
        some = rows[:, members]
        dense = some[np.flatnonzero(np.diff(some.indptr))].toarray()
        if len(dense):
            found += members[recoverable(dense)].tolist()
    return np.array(sorted(found), np.int64)


def pool_rows(pool: I64) -> csr_array:
    """Rows that span all that a map of pools shows: each pool's sum, over the meters (-1: in no pool)."""
    inside = np.flatnonzero(pool >= 0)
    shape = (int(pool.max()) + 1, len(pool))
    return csr_array((np.ones(len(inside)), (pool[inside], inside)), shape)


def _groups(label: NDArray[np.int32]) -> list[I64]:
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


@dataclass(frozen=True)
class Town:
    """Metered parcels with the weights that everybody can work out."""

    metered: Metered
    weight: F64

    def take(self, rows: NDArray[np.bool_]) -> "Town":
        return Town(self.metered.take(rows), self.weight[rows])


def town(seed: int, n: int = 120, giants: int = 4) -> Town:
    """Villages in 30 x 30 km and farms between them; electricity everywhere, gas in most parcels, a few giants."""
    rng = np.random.default_rng(seed)
    villages = rng.uniform(0, 300, (12, 2))
    near = villages[rng.integers(0, 12, n - n // 5)] + rng.normal(0, 2.5, (n - n // 5, 2))
    place = np.vstack([near, rng.uniform(0, 300, (n // 5, 2))]).astype(np.int64)
    weight = rng.lognormal(5, 1, n)
    energy = np.rint(weight[:, None] * rng.lognormal(3, 1, (n, 2)))
    energy[rng.random(n) < 0.25, 1] = 0
    energy[rng.integers(0, n, giants)] *= 200
    return Town(Metered(np.arange(n, dtype=np.int64), place[:, 0], place[:, 1], energy), weight)


def parcels_shown(town: Town, pool: I64, column: I64 | None = None, columns: int = 0) -> F64:
    """Rows that regions around single parcels give, (parcels, meters): each parcel's part of its pool's meters.

    A parcel in no pool (-1) is modelled and shows nothing. ``column``: the meter that is in use for each parcel, where
    a parcel has several (before and after a correction).
    """
    column = np.arange(len(pool)) if column is None else column
    inside = np.flatnonzero(pool >= 0)
    member = np.zeros((int(pool.max()) + 1, max(columns, len(pool))))
    member[pool[inside], column[inside]] = 1
    weight = np.repeat(town.weight[:, None], member.shape[1], axis=1)
    return np.nan_to_num(spread(member, pool, weight))


def sums_shown(town: Town, shown: F64, seed: int = 0) -> F64:
    """Rows of all cells of all levels, of the whole, and of regions: nested discs, random heaps of parcels."""
    place = town.metered
    rows = [shown.sum(axis=0)[None, :]]
    for size in LEVELS:
        _, cell = np.unique(cells(place.east, place.north, size), return_inverse=True)
        rows.append(_grouped(shown, cell))
    rng = np.random.default_rng(seed)
    for _ in range(10):
        far = np.hypot(place.east - rng.uniform(0, 300), place.north - rng.uniform(0, 300))
        rows += [shown[far < radius].sum(axis=0)[None, :] for radius in np.sort(far)[[3, 4, 9, 30]]]
        rows.append(shown[rng.random(len(far)) < 0.5].sum(axis=0)[None, :])
    return np.vstack(rows)


def everything(town: Town, pool: I64, column: I64 | None = None, columns: int = 0) -> F64:
    """Rows of all that one edition shows of one carrier: single parcels, cells, regions."""
    shown = parcels_shown(town, pool, column, columns)
    return np.vstack([shown, sums_shown(town, shown)])


def _grouped(shown: F64, group: NDArray[np.intp]) -> F64:
    out = np.zeros((int(group.max()) + 1, shown.shape[1]))
    np.add.at(out, group, shown)
    return out
