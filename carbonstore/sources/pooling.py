# SPDX-License-Identifier: Apache-2.0
"""Metered energy of buildings replaced by what their parcels' pools let one see (``carbongrid.disclosure``).

A parcel is all buildings of one parcel number; a building without one is a parcel by itself, known by its place. So
meters of lots that were joined and meters that a building file brings itself are treated alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
type Weight = Callable[[ActivityTable], F64]

POOLED = "pooled"
"""Column that tells the model which energy is a part of a pool's."""
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
class _Meters:
    """All buildings in use, in a row: hashed parcel ``key``, ``energy`` (n, carriers), ``left_out`` likewise."""

    key: I64
    energy: F64
    left_out: Mask

    @classmethod
    def of(cls, tables: Sequence[ActivityTable], pooling: Pooling) -> Self:
        """What the buildings of all tables bring."""
        energy = [np.stack([np.asarray(t.columns[c], np.float64) for c in ENERGY], axis=1) for t in tables]
        left_out = [_left_out(t, pooling) for t in tables]
        return cls(parcel_keys(tables, pooling.salt), np.vstack(energy), np.vstack(left_out))

    @property
    def counted(self) -> F64:
        """Energy that pools are formed of, NaN where there is no such meter."""
        return np.where(self.left_out, np.nan, self.energy)


def pool_energy(
    buildings: Sequence[Features], tables: Sequence[ActivityTable], weight: Weight, pooling: Pooling
) -> tuple[list[dict[str, NDArray[Any]]], Pooled | None]:
    """Each source's columns with pooled energy, and the pools; None where nothing is metered.

    ``tables`` hold the rows in use, whole; ``weight`` tells each one's part in a pool (floor area x intensity). Parcels
    that no pool takes lose their meters and are modelled.
    """
    if pooling.earlier is None and not any(np.isfinite(t.columns[c]).any() for t in tables for c in ENERGY):
        return [dict(f.columns) for f in buildings], None
    meters = _Meters.of(tables, pooling)
    metered = _parcels(meters, tables)
    pools = form(metered, pooling.rule, pooling.earlier)
    shared = spread(pools.total, pools.of(meters.key), _weights(tables, weight, meters.left_out))
    energy = np.where(meters.left_out, meters.energy, shared)
    ends = np.cumsum([len(t) for t in tables])
    in_pool = np.where(pools.of(meters.key) >= 0, 1.0, np.nan)
    parts = [slice(end - len(t), end) for t, end in zip(tables, ends, strict=True)]
    columns = [_with_energy(f, energy[part], in_pool[part]) for f, part in zip(buildings, parts, strict=True)]
    return columns, Pooled(pools, _report(pools, metered, meters.key, shared, pooling.rule))


def metered_parcels(tables: Sequence[ActivityTable], pooling: Pooling) -> Metered:
    """Parcels with meters as they would be pooled, from tables with the energy as it was read."""
    return _parcels(_Meters.of(tables, pooling), tables)


def parcel_keys(tables: Sequence[ActivityTable], salt: str) -> I64:
    """64-bit keyed hashes of each building's parcel, (n,): of its number, or of its place where it has none."""
    secret = blake2b(salt.encode(), digest_size=32).digest()
    names = (name for table in tables for name in _parcel_names(table))
    digests = b"".join(blake2b(name.encode(), digest_size=8, key=secret).digest() for name in names)
    return np.frombuffer(digests, "<i8").astype(np.int64)


def _parcel_names(table: ActivityTable) -> list[str]:
    """Parcel numbers; a building without one is known by the metre of its centre, since row numbers shift."""
    names = table.columns["pnu"].copy()
    alone = np.flatnonzero([name is None for name in names.tolist()])
    place = shapely.get_coordinates(shapely.centroid(table.geometry.to_shapely()[alone])) if len(alone) else ()
    names[alone] = [f"{x:.0f} {y:.0f}" for x, y in place]
    return [str(name) for name in names]


def _weights(tables: Sequence[ActivityTable], weight: Weight, left_out: Mask) -> F64:
    """Each building's part in its pool by carrier, (n, carriers); 0 where unknown or left out."""
    expected = np.concatenate([np.asarray(weight(t), np.float64) for t in tables])
    positive = np.where(np.isfinite(expected) & (expected > 0), expected, 0.0)
    return np.where(left_out, 0.0, positive[:, None])


def _left_out(table: ActivityTable, pooling: Pooling) -> Mask:
    masks = pooling.left_out(table)
    return np.stack([masks.get(c, np.zeros(len(table), bool)) for c in ENERGY], axis=1)


def _parcels(meters: _Meters, tables: Sequence[ActivityTable]) -> Metered:
    """Parcels with a meter that counts, where their largest buildings stand."""
    rows = np.flatnonzero(np.isin(meters.key, meters.key[np.isfinite(meters.counted).any(axis=1)]))
    key, parcel = np.unique(meters.key[rows], return_inverse=True)
    counted = np.nan_to_num(meters.counted[rows])
    energy = np.stack([np.bincount(parcel, e, len(key)) for e in counted.T], axis=1)
    size = np.concatenate([t.measure for t in tables])[rows]
    largest = rows[np.lexsort((size, parcel))[np.cumsum(np.bincount(parcel, minlength=len(key))) - 1]]
    geometry = np.concatenate([t.geometry.to_shapely() for t in tables])
    place = shapely.get_coordinates(shapely.point_on_surface(geometry[largest]))
    east, north = (np.floor(place.T / CELL).astype(np.int64)) if len(place) else np.zeros((2, 0), np.int64)
    return Metered(key, east, north, energy)


def _with_energy(features: Features, energy: F64, in_pool: F64) -> dict[str, NDArray[Any]]:
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
