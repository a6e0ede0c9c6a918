# SPDX-License-Identifier: Apache-2.0
"""Pools of metered parcels: what is published depends on sums over pools only, so no meter can be worked out from it.

Every metered parcel belongs to at most one pool, and all members get the pool's total by weight. A pool closes when its
**own** members pass the rule: testing a cell on all its parcels, those of closed pools included, gives single parcels
away by subtraction. Pools are formed bottom-up on nested cells; what is left over joins the nearest pool that still
passes, and where there is none it is not published (its parcels are modelled like those without a meter).

Within a year a pool that was published stays: new parcels pool among themselves, and a changed meter counts only once
those that changed pass the rule by themselves, else the difference of two editions would be one parcel's.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from carbongrid.errors import InvalidInput
from carbongrid.jit import kernel

type F64 = NDArray[np.float64]
type I64 = NDArray[np.int64]
type Mask = NDArray[np.bool_]

CELL = 100
"""Cells in which parcels are located, metres."""
LEVELS = (100, 500, 1000, 5000, 10_000)
"""Cell sizes in metres on which pools are formed, whatever levels are published: so pools do not depend on those."""
NEAREST = 0
"""Level of a member that joined the nearest pool because its root cell could not close."""
OPEN = -1
"""Pool of a parcel that is in none."""
_CANDIDATES = 200
"""Nearest members whose pools are tried for a parcel that is left over."""
_UNCHANGED = 1e-9
"""Relative difference up to which a meter counts as unchanged (a parcel's shares added up again)."""


@dataclass(frozen=True, slots=True)
class Concentration:
    """What a rule looks at, each (groups, carriers): contributors with energy, total, largest and second largest."""

    count: I64
    total: F64
    first: F64
    second: F64

    @classmethod
    def of(cls, energy: F64, group: I64, groups: int) -> Self:
        """Of ``energy`` (n, carriers), at least 0, by ``group`` (n,) in 0 .. groups - 1."""
        shape = (groups, energy.shape[1])
        sums = cls(np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape), np.zeros(shape))
        _tally(np.ascontiguousarray(energy), np.ascontiguousarray(group), *sums.parts)
        return sums

    @property
    def parts(self) -> tuple[I64, F64, F64, F64]:
        """Its arrays in the order of the kernels."""
        return self.count, self.total, self.first, self.second


@kernel
def _tally(energy: F64, group: I64, count: I64, total: F64, first: F64, second: F64) -> None:
    """Add members one by one, in their order."""
    for i in range(len(group)):
        _add(energy[i], group[i], count, total, first, second)


@kernel
def _add(energy: F64, g: int, count: I64, total: F64, first: F64, second: F64) -> None:
    """Add a member of ``energy`` (carriers,) to group ``g``."""
    for c in range(len(energy)):
        with_it = _grown(energy[c], count[g, c], total[g, c], first[g, c], second[g, c])
        count[g, c], total[g, c], first[g, c], second[g, c] = with_it


@kernel
def _grown(value: float, count: int, total: float, first: float, second: float) -> tuple[int, float, float, float]:
    """One sum with one more member."""
    return count + (value > 0), total + value, max(first, value), max(second, min(first, value))


@kernel
def _may_be_told(
    count: int, total: float, first: float, second: float, contributors: int, dominance_pct: float, p_pct: float
) -> bool:
    """Whether one sum passes the rule."""
    rest = total - first - second
    return total > 0 and count >= contributors and 100 * first <= dominance_pct * total and 100 * rest >= p_pct * first


@kernel
def _each(
    count: I64, total: F64, first: F64, second: F64, contributors: int, dominance_pct: float, p_pct: float
) -> Mask:
    out = np.zeros(count.shape, np.bool_)
    for g in range(count.shape[0]):
        for c in range(count.shape[1]):
            out[g, c] = _may_be_told(
                count[g, c], total[g, c], first[g, c], second[g, c], contributors, dominance_pct, p_pct
            )
    return out


@dataclass(frozen=True, slots=True)
class Rule:
    """When a sum may be published: ``contributors`` or more have energy, none above ``dominance_pct`` of the total, and
    what the two largest leave over is at least ``p_pct`` of the largest (p % rule: the second largest, who knows
    itself, cannot estimate the largest better than that).
    """

    contributors: int = 3
    dominance_pct: float = 80
    p_pct: float = 10

    def __post_init__(self) -> None:
        if not isinstance(self.contributors, int) or self.contributors < 3:
            raise InvalidInput(f"{self.contributors!r} are too few", where="contributors", allowed=["3 or more"])
        for name in ("dominance_pct", "p_pct"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < 100:
                raise InvalidInput(f"{value!r} is out of range", where=name, allowed=["above 0, below 100"])

    def each(self, sums: Concentration) -> Mask:
        """Whether each sum passes, (groups, carriers); a sum of 0 does not: it would tell that all of it is 0."""
        return _each(*sums.parts, *self.numbers)

    @property
    def numbers(self) -> tuple[int, float, float]:
        """Its numbers in the order of the kernels."""
        return self.contributors, float(self.dominance_pct), float(self.p_pct)

    def passes(self, sums: Concentration) -> Mask:
        """Whether each group passes in every carrier that it uses, and uses any, (groups,)."""
        used = sums.total > 0
        passes: Mask = (self.each(sums) | ~used).all(axis=1) & used.any(axis=1)
        return passes


@dataclass(frozen=True)
class Metered:
    """Parcels with meters: ``key`` int64 (n,) ascending, ``east`` and ``north`` int64 (n,) numbers of their 100 m cell
    counted from the CRS origin, ``energy`` float64 (n, carriers), 0 where a parcel has no such meter.
    """

    key: I64
    east: I64
    north: I64
    energy: F64

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: NDArray[np.intp] | Mask) -> "Metered":
        """Some of them."""
        return Metered(self.key[rows], self.east[rows], self.north[rows], self.energy[rows])


@dataclass(frozen=True)
class Pools:
    """Disjoint pools and their members, each sorted: ``key`` int64 (members,) ascending, ``pool`` int64 its number,
    ``level`` int64 the cell size at which it was pooled (NEAREST: at the root), ``value`` float64 (members, carriers)
    the energy that is in use for it, NaN where that is not known.

    ``total`` float64 and ``contributors`` int64 are (pools, carriers). ``waiting`` bool (pools, carriers): meters have
    changed since the total was published, but too few of them to show it. ``value`` must never be published.
    """

    key: I64
    pool: I64
    level: I64
    value: F64
    total: F64
    contributors: I64
    waiting: Mask

    def __len__(self) -> int:
        return len(self.total)

    @property
    def concentration(self) -> Concentration:
        """Of the values in use; pools with unknown ones count as 0."""
        return Concentration.of(np.nan_to_num(self.value), self.pool, len(self))

    @property
    def known(self) -> Mask:
        """Pools all of whose members' values are known, (pools,)."""
        unknown = np.isnan(self.value).any(axis=1)
        known: Mask = np.bincount(self.pool[unknown], minlength=len(self)) == 0
        return known

    def holds(self, key: I64) -> Mask:
        """Whether each key is a member."""
        held: Mask = self.of(key) != OPEN
        return held

    def of(self, key: I64) -> I64:
        """Pool number of each key, OPEN where it is in none."""
        if not len(self.key):
            return np.full(len(key), OPEN, np.int64)
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[at] == key, self.pool[at], OPEN)


def form(metered: Metered, rule: Rule, earlier: Pools | None = None) -> Pools:
    """Pools of these parcels. Those of ``earlier``, published for the same year, stay with all their members."""
    if earlier is None:
        return _new(metered, rule)
    kept = _kept(metered, rule, earlier)
    return _joint(kept, _new(metered.take(~earlier.holds(metered.key)), rule))


def spread(total: F64, pool: I64, weight: F64) -> F64:
    """Each object's part of its pool's total, (n, carriers), NaN outside pools and for carriers the pool has not.

    ``weight`` (n, carriers) is at least 0; a pool all of whose objects have none is shared equally. Parts add up to
    the total but for rounding.
    """
    inside = pool >= 0
    out = np.full(weight.shape, np.nan)
    for c in range(weight.shape[1]):
        sums = np.bincount(pool[inside], weight[inside, c], len(total))
        part = np.where(sums[pool[inside]] > 0, weight[inside, c], 1.0)
        sums = np.bincount(pool[inside], part, len(total))
        used = np.where(total[:, c] > 0, total[:, c], np.nan)
        out[inside, c] = used[pool[inside]] * (part / sums[pool[inside]])
    return out


def cells(east: I64, north: I64, size: int) -> I64:
    """One number for the cell of ``size`` metres that holds each 100 m cell."""
    factor = size // CELL
    return (east // factor << 32) + north // factor


def moved(before: F64, after: F64, cell: I64, pool: I64, rule: Rule) -> float | None:
    """Share of one carrier's energy that pools brought into another cell; (n,) each, by member.

    None where the pools that moved any do not pass the rule themselves: the figure would tell what one parcel uses.
    """
    distinct, at = np.unique(cell, return_inverse=True)
    place = np.unique(pool * len(distinct) + at, return_inverse=True)[1].astype(np.int64)
    change = np.bincount(place, after - before)
    owner = np.zeros(len(change), np.int64)
    owner[place] = pool
    by_pool = np.bincount(owner, np.abs(change)) / 2
    total = float(before.sum())
    amount = np.where(by_pool > _UNCHANGED * total, by_pool, 0.0)[:, None]
    if not amount.any():
        return 0.0
    told = rule.passes(Concentration.of(amount, np.zeros(len(amount), np.int64), 1))[0]
    return float(amount.sum() / total) if told else None


def _new(metered: Metered, rule: Rule) -> Pools:
    """Pools of parcels that none holds yet; parcels that can join no pool are left out."""
    pool, level = _bottom_up(metered, rule)
    left = np.flatnonzero(pool == OPEN)
    pool[left], level[left] = _nearest(metered, pool, left, rule), NEAREST
    inside = pool >= 0
    return _pools(metered.key[inside], pool[inside], level[inside], metered.energy[inside])


def _pools(key: I64, pool: I64, level: I64, value: F64) -> Pools:
    n = int(pool.max()) + 1 if len(pool) else 0
    sums = Concentration.of(value, pool, n)
    return Pools(key, pool, level, value, sums.total, sums.count, np.zeros(sums.total.shape, bool))


def _bottom_up(metered: Metered, rule: Rule) -> tuple[I64, I64]:
    """Pool and level of every parcel: a cell's parcels that are still open become one pool if they pass."""
    pool, level = np.full(len(metered), OPEN, np.int64), np.zeros(len(metered), np.int64)
    closed = 0
    for size in LEVELS:
        rows = np.flatnonzero(pool == OPEN)
        _, group = np.unique(cells(metered.east[rows], metered.north[rows], size), return_inverse=True)
        groups = int(group.max()) + 1 if len(group) else 0
        passes = rule.passes(Concentration.of(metered.energy[rows], group.astype(np.int64), groups))
        number = closed - 1 + np.cumsum(passes)
        taken = passes[group]
        pool[rows[taken]], level[rows[taken]] = number[group[taken]], size
        closed += int(passes.sum())
    return pool, level


def _nearest(metered: Metered, pool: I64, left: NDArray[np.intp], rule: Rule) -> I64:
    """Pool of each parcel left over at the root, in order of key: the nearest that still passes with it, or OPEN."""
    inside = np.flatnonzero(pool >= 0)
    if not len(inside) or not len(left):
        return np.full(len(left), OPEN, np.int64)
    place = np.stack([metered.east, metered.north], axis=1).astype(np.float64)
    sums = Concentration.of(metered.energy[inside], pool[inside], int(pool.max()) + 1)
    far, member = cKDTree(place[inside]).query(place[left], k=range(1, 1 + min(_CANDIDATES, len(inside))))
    candidate = pool[inside[member]]
    order = np.lexsort((candidate, far))
    near = np.take_along_axis(candidate, order, axis=1)
    return _adopted(metered.energy[left], near, *sums.parts, *rule.numbers)


@kernel
def _adopted(
    energy: F64, near: I64, count: I64, total: F64, first: F64, second: F64,
    contributors: int, dominance_pct: float, p_pct: float,
) -> I64:  # fmt: skip
    """The first of its candidates ``near`` (n, candidates) that each member may join; sums grow as they do."""
    out = np.full(len(energy), OPEN, np.int64)
    for i in range(len(energy)):
        for g in near[i]:
            if _takes(energy[i], g, count, total, first, second, contributors, dominance_pct, p_pct):
                _add(energy[i], g, count, total, first, second)
                out[i] = g
                break
    return out


@kernel
def _takes(
    energy: F64, g: int, count: I64, total: F64, first: F64, second: F64,
    contributors: int, dominance_pct: float, p_pct: float,
) -> bool:  # fmt: skip
    """Whether a group still passes with one more member, in every carrier that is used then."""
    for c in range(len(energy)):
        n, t, a, b = _grown(energy[c], count[g, c], total[g, c], first[g, c], second[g, c])
        if t > 0 and not _may_be_told(n, t, a, b, contributors, dominance_pct, p_pct):
            return False
    return True


def _kept(metered: Metered, rule: Rule, earlier: Pools) -> Pools:
    """Published pools with the corrections that may be shown, carrier by carrier."""
    now = _now(metered, earlier)
    known = earlier.known[:, None]
    before = np.where(known[earlier.pool], earlier.value, now)
    differs = np.abs(now - before) > _UNCHANGED * np.maximum(now, before)
    change = Concentration.of(np.where(differs, np.abs(now - before), 0.0), earlier.pool, len(earlier))
    after = Concentration.of(np.where(differs, now, before), earlier.pool, len(earlier))
    changed = np.where(known, change.total > 0, np.abs(after.total - earlier.total) > _UNCHANGED * earlier.total)
    shown = known & changed & rule.each(change) & rule.each(after)
    return replace(
        earlier,
        value=np.where(shown[earlier.pool] & differs, now, earlier.value),
        total=np.where(shown, after.total, earlier.total),
        contributors=np.where(shown, after.count, earlier.contributors),
        waiting=changed & ~shown,
    )


def _now(metered: Metered, earlier: Pools) -> F64:
    """Energy of every member as it is metered now; 0 where its meters are gone."""
    energy = np.zeros(earlier.value.shape)
    at = np.searchsorted(metered.key, earlier.key)
    there = np.flatnonzero(at < len(metered))
    there = there[metered.key[at[there]] == earlier.key[there]]
    energy[there] = metered.energy[at[there]]
    return energy


def _joint(kept: Pools, new: Pools) -> Pools:
    """Both, the new pools numbered after the kept ones."""
    key = np.concatenate([kept.key, new.key])
    order = np.argsort(key)
    return Pools(
        key=key[order],
        pool=np.concatenate([kept.pool, new.pool + len(kept)])[order],
        level=np.concatenate([kept.level, new.level])[order],
        value=np.concatenate([kept.value, new.value])[order],
        total=np.concatenate([kept.total, new.total]),
        contributors=np.concatenate([kept.contributors, new.contributors]),
        waiting=np.concatenate([kept.waiting, new.waiting]),
    )
