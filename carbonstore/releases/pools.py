# SPDX-License-Identifier: Apache-2.0
"""Pools of metered parcels in a release, the private values beside it, and what ``verify`` asks of both.

A release holds ``pools.arrow`` (total and contributors by carrier) and ``pool-members.arrow`` (hashed parcel, pool,
level): nothing in them tells more than its cells do. What each parcel contributed lies in ``private/{release}.arrow``
of the data folder, readable by its owner only; it is part of no release, and only serves to tell in the next build of
the year which meters changed.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from carbongrid.disclosure import OPEN, Pools, Rule
from carbongrid.errors import Corrupt
from carbonstore.activity import ENERGY
from carbonstore.releases import arrow, disk

if TYPE_CHECKING:
    from carbonstore.releases.stored import Release

POOLS, MEMBERS, PRIVATE = "pools.arrow", "pool-members.arrow", "private"
_SAME = 1e-9
"""Relative difference up to which a total counts as the sum of its members."""


def save(folder: Path, pools: Pools) -> None:
    """Write the public part into a release's folder."""
    totals = dict(zip(ENERGY, pools.total.T.copy(), strict=True))
    contributors = {f"{c}_contributors": n for c, n in zip(ENERGY, pools.contributors.T.copy(), strict=True)}
    arrow.save(folder / POOLS, totals | contributors)
    arrow.save(folder / MEMBERS, {"key": pools.key, "pool": pools.pool, "level": pools.level})


def load(pools: arrow.Table, members: arrow.Table) -> Pools:
    """Inverse of :func:`save`; what each member contributed is not known."""
    total = np.stack([pools.column(c) for c in ENERGY], axis=1)
    key = members.column("key")
    return Pools(
        key=key,
        pool=members.column("pool"),
        level=members.column("level"),
        value=np.full((len(key), len(ENERGY)), np.nan),
        total=total,
        contributors=np.stack([pools.column(f"{c}_contributors") for c in ENERGY], axis=1),
        waiting=np.zeros(total.shape, bool),
    )


def rule(release: "Release") -> Rule:
    """The rule that its pools were formed by."""
    return Rule(**release.manifest["report"]["disclosure"]["rule"])


def keep_values(root: Path, release: str, pools: Pools) -> None:
    """Write what each member contributed where only the owner of the data folder can read it."""
    folder = root / PRIVATE
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temp = folder / f"{disk.TEMP}{release}"
    temp.unlink(missing_ok=True)
    temp.touch(mode=0o600)
    arrow.save(temp, {"key": pools.key, **dict(zip(ENERGY, pools.value.T.copy(), strict=True))})
    temp.rename(folder / f"{release}.arrow")
    disk.sync_folder(folder)


def with_values(release: "Release") -> Pools | None:
    """A release's pools with what each member contributed, NaN where that was not kept; None where it has no pools."""
    pools, path = release.pools, release.path.parent.parent / PRIVATE / f"{release.id}.arrow"
    if pools is None or not path.exists():
        return pools
    table = arrow.Table(path)
    if not np.array_equal(table.column("key"), pools.key):
        raise Corrupt("it is not of the pools of that release", where=f"{PRIVATE}/{path.name}")
    return replace(pools, value=np.stack([table.column(c) for c in ENERGY], axis=1))


def forget_values(root: Path) -> None:
    """Remove the private values of releases that are gone."""
    for path in (root / PRIVATE).glob("[0-9a-f]*.arrow"):
        if not (root / "releases" / path.stem).exists():
            path.unlink(missing_ok=True)


def check(release: "Release") -> None:
    """Corrupt unless every pool passes the rule, and no other release of the year tears a pool apart."""
    pools = with_values(release)
    if pools is None:
        return
    _structure(release, pools)
    _passing(release, pools)
    for other in _siblings(release):
        _untorn(release, pools, other)


def _fail(release: "Release", what: str) -> None:
    raise Corrupt(what, where=f"release {release.id}, {POOLS}")


def _structure(release: "Release", pools: Pools) -> None:
    if not (np.diff(pools.key) > 0).all():
        _fail(release, "a parcel is in two pools, or members are out of order")
    if not np.array_equal(np.unique(pools.pool), np.arange(len(pools))):
        _fail(release, "a pool has no member, or a member no pool")


def _passing(release: "Release", pools: Pools) -> None:
    """By the stored counts, and in full where the values were kept."""
    members, least = np.bincount(pools.pool, minlength=len(pools)), rule(release).contributors
    used = pools.total > 0
    few = used & (pools.contributors < least) | (pools.contributors > members[:, None])
    if few.any() or not used.any(axis=1).all():
        _fail(release, f"a pool has a carrier with fewer than {least} contributors")
    known, sums = pools.known, pools.concentration
    if not rule(release).passes(sums)[known].all():
        _fail(release, "a pool does not pass the rule on its own members")
    if not np.allclose(sums.total[known], pools.total[known], rtol=_SAME, atol=0):
        _fail(release, "a pool's total is not the sum of its members")


def _siblings(release: "Release") -> Sequence["Release"]:
    """The other releases of the same inventory and year that were built before."""
    found = []
    mine = _built(release.path)
    for path in sorted(release.path.parent.glob("[0-9a-f]*")):
        record = _built(path)
        same = record and mine and all(record[k] == mine[k] for k in ("inventory", "year"))
        if same and path != release.path and record["built"] < mine["built"]:
            found.append(release.open(path))
    return found


def _built(path: Path) -> dict[str, Any]:
    """When and of what a release was built; empty where that is not said."""
    try:
        record: dict[str, Any] = orjson.loads((path / "built.json").read_bytes())
    except FileNotFoundError:
        return {}
    return record


def _untorn(release: "Release", pools: Pools, other: "Release") -> None:
    """Each pool of an earlier release is one here, with the same members; else the two differ by a few parcels."""
    before = other.pools
    if before is None:
        return
    number = pools.of(before.key)
    first = np.full(len(before), OPEN)
    first[before.pool] = number
    members = np.bincount(pools.pool, minlength=len(pools) + 1)  # one more: what is in no pool counts there
    kept = np.bincount(number[number != OPEN], minlength=len(pools) + 1)
    torn = (number == OPEN) | (number != first[before.pool]) | (kept != members)[number]
    if torn.any():
        _fail(release, f"pools of release {other.id} were not kept: {int(torn.sum())} parcels moved between pools")
