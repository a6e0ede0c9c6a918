# SPDX-License-Identifier: Apache-2.0
"""Metered energy of buildings replaced by what their parcels' pools let one see (``carbongrid.disclosure``).

A parcel is all buildings of one parcel number; a building without one is a parcel by itself, known by its place. So
meters of lots that were joined and meters that a building file brings itself are treated alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.disclosure import CELL, LEVELS, NEAREST, Metered, Pools, Rule, cells, form, moved, spread
from carbongrid.inventory import ActivityTable
from carbonstore.activity import ENERGY
from carbonstore.sources.features import Features

type F64 = NDArray[np.float64]
type I64 = NDArray[np.int64]
type Mask = NDArray[np.bool_]
type Shapes = NDArray[np.object_]
type Weight = Callable[[ActivityTable], F64]

POOLED = "pooled"
"""Column that tells the model which energy is a part of a pool's."""
_DECIMALS = 6
"""To which shares of a meter add up to it again: without their noise, pools of one sum are equal to the last bit."""
MOVED_AT = (100, 500, 1000)
"""Cell sizes in metres for which the report says how much energy pools moved into another cell."""


def _none(table: ActivityTable) -> Mapping[str, Mask]:
    """Every meter counts."""
    return {}


@dataclass(frozen=True)
class Pooling:
    """How meters are pooled: the rule, and the pools that were published for the same year before, if any.

    ``salt`` keys the hashes that stand for parcels. ``left_out``: energy column -> buildings (n,) whose meter is
    charged elsewhere in the inventory; it is no part of any pool.
    """

    rule: Rule
    salt: str
    earlier: Pools | None = None
    left_out: Callable[[ActivityTable], Mapping[str, Mask]] = _none


@dataclass(frozen=True)
class Pooled:
    """The pools of an inventory, carriers in the order of ENERGY, and what the report says of them."""

    pools: Pools
    report: Mapping[str, Any]


@dataclass(frozen=True)
class Meters:
    """Buildings in use, in a row: hashed parcel ``key``, ``energy`` (n, carriers), ``left_out`` and ``weight`` alike,
    ``size`` of their outlines and the 100 m cell (``east``, ``north``) in which they stand.
    """

    key: I64
    energy: F64
    left_out: Mask
    weight: F64
    size: F64
    east: I64
    north: I64

    @classmethod
    def of(cls, table: ActivityTable, shapes: Shapes, pooling: Pooling, weight: Weight | None = None) -> Self:
        """What the buildings of a table bring, given their outlines apart from it.

        ``weight`` tells each one's part in a pool (floor area x intensity).
        """
        energy = np.stack([np.asarray(table.columns[c], np.float64) for c in ENERGY], axis=1)
        left_out = _left_out(table, pooling)
        place = shapely.get_coordinates(shapely.point_on_surface(shapes))
        east, north = np.floor(place.reshape(-1, 2).T / CELL).astype(np.int64)
        key = _keys(table, shapes, pooling.salt)
        return cls(key, energy, left_out, _weights(table, weight, left_out), table.measure, east, north)

    @classmethod
    def joined(cls, parts: Sequence["Meters"]) -> Self:
        """Those of all tables, in a row."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    @property
    def counted(self) -> F64:
        """Energy that pools are formed of, NaN where there is no such meter."""
        return np.where(self.left_out, np.nan, self.energy)


def pool_meters(meters: Meters, pooling: Pooling) -> tuple[F64, F64, Pooled] | None:
    """Every building's pooled energy (n, carriers), which of them are in a pool (1, else NaN), and the pools.

    Parcels that no pool takes lose their meters and are modelled. None where nothing is metered.
    """
    if pooling.earlier is None and not np.isfinite(meters.energy).any():
        return None
    metered = _parcels(meters)
    pools = form(metered, pooling.rule, pooling.earlier)
    member = pools.of(meters.key)
    shared = spread(pools.total, member, meters.weight)
    energy = np.where(meters.left_out, meters.energy, shared)
    pooled = Pooled(pools, _report(pools, metered, meters.key, shared, pooling.rule))
    return energy, np.where(member >= 0, 1.0, np.nan), pooled


def metered_parcels(tables: Sequence[ActivityTable], pooling: Pooling) -> Metered:
    """Parcels with meters as they would be pooled, from tables with the energy as it was read."""
    return _parcels(Meters.joined([Meters.of(t, t.geometry.to_shapely(), pooling) for t in tables]))


def parcel_keys(tables: Sequence[ActivityTable], salt: str) -> I64:
    """64-bit keyed hashes of each building's parcel, (n,): of its number, or of its place where it has none."""
    return np.concatenate([_keys(table, table.geometry.to_shapely(), salt) for table in tables])


def _keys(table: ActivityTable, shapes: Shapes, salt: str) -> I64:
    secret = blake2b(salt.encode(), digest_size=32).digest()
    names = _parcel_names(table, shapes)
    digests = b"".join(blake2b(name.encode(), digest_size=8, key=secret).digest() for name in names)
    return np.frombuffer(digests, "<i8").astype(np.int64)


def _parcel_names(table: ActivityTable, shapes: Shapes) -> list[str]:
    """Parcel numbers; a building without one is known by the metre of its centre, since row numbers shift."""
    names = table.columns["pnu"].copy()
    alone = np.flatnonzero([name is None for name in names.tolist()])
    place = shapely.get_coordinates(shapely.centroid(shapes[alone])) if len(alone) else ()
    names[alone] = [f"{x:.0f} {y:.0f}" for x, y in place]
    return [str(name) for name in names]


def _weights(table: ActivityTable, weight: Weight | None, left_out: Mask) -> F64:
    """Each building's part in its pool by carrier, (n, carriers); 0 where unknown or left out."""
    expected = np.asarray(weight(table), np.float64) if weight is not None else np.ones(len(table))
    positive = np.where(np.isfinite(expected) & (expected > 0), expected, 0.0)
    return np.where(left_out, 0.0, positive[:, None])


def _left_out(table: ActivityTable, pooling: Pooling) -> Mask:
    masks = pooling.left_out(table)
    return np.stack([masks.get(c, np.zeros(len(table), bool)) for c in ENERGY], axis=1)


def _parcels(meters: Meters) -> Metered:
    """Parcels with a meter that counts, where their largest buildings stand."""
    counted = meters.counted
    rows = np.flatnonzero(np.isin(meters.key, meters.key[np.isfinite(counted).any(axis=1)]))
    key, parcel = np.unique(meters.key[rows], return_inverse=True)
    shares = np.stack([np.bincount(parcel, e, len(key)) for e in np.nan_to_num(counted[rows]).T], axis=1)
    energy = np.round(shares, _DECIMALS)
    order = np.lexsort((meters.size[rows], parcel))
    largest = rows[order[np.cumsum(np.bincount(parcel, minlength=len(key))) - 1]]
    return Metered(key, meters.east[largest], meters.north[largest], energy)


def with_energy(features: Features, energy: F64, in_pool: F64) -> dict[str, NDArray[Any]]:
    """Columns with other energy in the rows in use, and ``pooled``: 1 where it is a part of a pool's, else NaN."""
    columns: dict[str, NDArray[Any]] = {**features.columns, POOLED: np.full(len(features), np.nan)}
    columns[POOLED][features.used] = in_pool
    for name, pooled in zip(ENERGY, energy.T, strict=True):
        columns[name] = np.array(columns[name], np.float64)
        columns[name][features.used] = pooled
    return columns


def _report(pools: Pools, metered: Metered, key: I64, shared: F64, rule: Rule) -> dict[str, Any]:
    """What may be said in public: nothing in it adds up to a meter (sums are over pools)."""
    member = pools.of(metered.key)
    level = {str(size): int((pools.level == size).sum()) for size in LEVELS}
    return {
        "rule": asdict(rule),
        "parcels": len(metered),
        "pools": len(pools),
        "pooled": {**level, "nearest": int((pools.level == NEAREST).sum())},
        "modelled": int((member < 0).sum()),
        "waiting": {c: int(n) for c, n in zip(ENERGY, pools.waiting.sum(axis=0), strict=True) if n},
        "energy": {c: round(float(t), 3) for c, t in zip(ENERGY, pools.total.sum(axis=0), strict=True)},
        "moved": _moved(pools, metered, key, shared, rule),
    }


def _moved(pools: Pools, metered: Metered, key: I64, shared: F64, rule: Rule) -> dict[str, dict[str, float | None]]:
    """Carrier -> cell size -> share of the energy that pools brought into another cell."""
    row = np.flatnonzero(np.isin(metered.key, pools.key))
    member = np.searchsorted(pools.key, metered.key[row])
    known = pools.known[pools.pool[member]]
    row, member = row[known], member[known]
    parcel = np.searchsorted(metered.key[row], key)
    hit = np.flatnonzero(parcel < len(row))
    hit = hit[metered.key[row[parcel[hit]]] == key[hit]]
    out: dict[str, dict[str, float | None]] = {}
    for c, name in enumerate(ENERGY):
        before = pools.value[member, c]
        if not before.any():
            continue
        after = np.bincount(parcel[hit], np.nan_to_num(shared[hit, c]), len(row))
        out[name] = {
            str(size): _rounded(
                moved(before, after, cells(metered.east[row], metered.north[row], size), pools.pool[member], rule)
            )
            for size in MOVED_AT
        }
    return out


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
