# SPDX-License-Identifier: Apache-2.0
"""The sample's meters against its published map: what it shows depends on sums of pools only, and gives none away."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from carbongrid.disclosure import Concentration, Pools, Rule, cells, form
from carbonstore.activity import ENERGY
from tests.acceptance.conftest import World
from tests.acceptance.meters import Meters, meters, published
from tests.model.attack import pool_rows, recoverable_by_blocks

pytestmark = pytest.mark.parametrize("year", [2022, 2023])
RULE = Rule()


@cache
def sejong(world: World, year: int) -> Meters:
    return meters(world.root / "samples" / "sejong" / f"sejong-{year}.toml", world.release("sejong", year))


def test_meters_pass_the_rule_in_every_pool(world: World, year: int) -> None:
    place = sejong(world, year)
    inside = place.pool >= 0
    assert inside.mean() > 0.95
    sums = Concentration.of(place.metered.energy[inside], place.pool[inside], len(place.pools))
    whole = np.isclose(sums.total, place.pools.total, rtol=1e-9).all(axis=1)
    assert whole.mean() > 0.95, "pools across the border hold parcels that the map does not"
    assert RULE.passes(sums)[whole].all()
    place.release.verify()


def test_what_is_shown_of_a_building_is_its_weight_times_one_number_of_its_pool(world: World, year: int) -> None:
    """So every cell, region and single building is a combination of pool sums."""
    place = sejong(world, year)
    pool, carriers = place.pools.of(place.key), published(place)
    assert len(carriers) >= 3, "electricity, gas and heat, gas and heat in several gases"
    for shown in carriers.values():
        has = np.flatnonzero(np.isfinite(shown))
        assert (pool[has] >= 0).all(), "every metered building is in a pool"
        rate = shown[has] / place.weight[has]
        largest, least = np.zeros(len(place.pools)), np.full(len(place.pools), np.inf)
        np.maximum.at(largest, pool[has], rate)
        np.minimum.at(least, pool[has], rate)
        used = largest > 0
        assert used.any()
        np.testing.assert_allclose(largest[used], least[used], rtol=1e-9)


def test_the_attack_recovers_no_parcel(world: World, year: int) -> None:
    """Members of a pool that lie across the border are as unknown as the others."""
    pools = sejong(world, year).pools
    assert recoverable_by_blocks(pool_rows(pools.pool)).tolist() == []


def test_the_attack_recovers_parcels_where_meters_are_shown_in_cells(world: World, year: int) -> None:
    """The same attack on plain sums of cells: it is able to fail."""
    place = sejong(world, year)
    _, cell = np.unique(cells(place.metered.east, place.metered.north, 100), return_inverse=True)
    found = recoverable_by_blocks(pool_rows(cell.astype(np.int64)))
    assert len(found) > 500, "parcels that are alone in their cell of 100 m"


def shown_of_buildings(place: Meters) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What the source collection tells: by record its place among the readings, and its energy (n, carriers)."""
    level = place.release.sources("buildings")
    row = {name: i for i, name in enumerate(place.buildings.id.tolist())}
    raw, at = level.texts("source_id", np.arange(len(level)))
    ids = [raw[a:b].tobytes().decode() for a, b in pairwise(at.tolist())]
    nothing = np.full(len(level), np.nan)
    energy = np.stack([level.numbers.get(name, nothing) for name in ENERGY], axis=1)
    return np.array([row[i] for i in ids]), energy


def test_source_collections_show_parts_of_pools_only(world: World, year: int) -> None:
    """Energy of a record is its weight times one number of its pool; a record in no pool shows none."""
    place = sejong(world, year)
    row, energy = shown_of_buildings(place)
    pool = place.pools.of(place.key)[row]
    assert np.isnan(energy[pool < 0]).all()
    for shown in energy.T:
        has = np.flatnonzero(np.isfinite(shown))
        assert len(has) > 500
        rate = shown[has] / place.weight[row[has]]
        largest, least = np.zeros(len(place.pools)), np.full(len(place.pools), np.inf)
        np.maximum.at(largest, pool[has], rate)
        np.minimum.at(least, pool[has], rate)
        np.testing.assert_allclose(largest[largest > 0], least[largest > 0], rtol=1e-9)


def test_the_attack_gains_nothing_from_source_collections(world: World, year: int) -> None:
    """Rows of every record beside those of the pools: no combination of them gives a meter by itself."""
    place = sejong(world, year)
    row, energy = shown_of_buildings(place)
    pool, pools = place.pools.of(place.key)[row], pool_rows(place.pools.pool)
    for c, shown in enumerate(energy.T):
        has = np.flatnonzero(np.isfinite(shown))
        share = shown[has] / place.pools.total[pool[has], c]
        assert (share > 0).all()
        assert (share < 1).any()
        records = sp.diags_array(share) @ pools[pool[has]]
        assert recoverable_by_blocks(sp.csr_array(sp.vstack([pools, records]))).tolist() == []


def test_the_attack_recovers_meters_from_records_that_showed_them(world: World, year: int) -> None:
    """The same attack on records of meters as they were read: it is able to fail."""
    place = sejong(world, year)
    alone = sp.eye_array(len(place.pools.pool), format="csr")[:200]
    found = recoverable_by_blocks(sp.csr_array(sp.vstack([pool_rows(place.pools.pool), alone])))
    assert len(found) >= 200


def test_no_record_shows_what_a_meter_read(world: World, year: int) -> None:
    """Neither a building's energy nor that of all buildings of a parcel is a reading, to the thousandth that is shown;
    by chance a part of a pool may come close, so a few are within a hundredth.
    """
    place = sejong(world, year)
    row, energy = shown_of_buildings(place)
    at = np.searchsorted(place.metered.key, place.key[row])
    at = np.minimum(at, len(place.metered) - 1)
    known = place.metered.key[at] == place.key[row]
    for c in range(len(ENERGY)):
        has = np.flatnonzero(known & np.isfinite(energy[:, c]))
        read = place.metered.energy[at[has], c]
        told, parcel = energy[has, c], np.bincount(at[has], energy[has, c], len(place.metered))[at[has]]
        metered = read > 0
        assert metered.sum() > 300
        for value in (told, parcel):
            gap = np.abs(value[metered] - read[metered])
            assert (gap > 1e-3).all(), "a reading"
            assert (gap < 0.01 * read[metered]).mean() < 0.1, "no more than chance"


def test_two_editions_with_late_parcels_give_none_away(world: World, year: int) -> None:
    place = sejong(world, year)
    rng = np.random.default_rng(year)
    late = rng.random(len(place.metered)) < 0.02
    first = form(place.metered.take(~late), RULE)
    kept, anew = form(place.metered, RULE, first), form(place.metered, RULE)

    def attack(second: Pools) -> int:
        both = [pool_rows(p.of(place.metered.key)) for p in (first, second)]
        return len(recoverable_by_blocks(sp.csr_array(sp.vstack(both))))

    assert attack(kept) == 0
    assert attack(anew) > 0, "pools formed anew would give some away"


def test_sums_are_those_of_the_meters(world: World, year: int) -> None:
    place = sejong(world, year)
    report = place.release.manifest["report"]["disclosure"]
    for c, name in enumerate(ENERGY):
        assert report["energy"][name] == pytest.approx(place.pools.total[:, c].sum(), abs=1e-3)
    pools = form(place.metered, RULE)
    held = np.isin(place.metered.key, pools.key)
    np.testing.assert_allclose(pools.total.sum(axis=0), place.metered.energy[held].sum(axis=0), rtol=1e-12)


def test_the_report_says_what_pooling_cost(world: World, year: int) -> None:
    report = sejong(world, year).release.manifest["report"]["disclosure"]
    assert sum(report["pooled"].values()) + report["modelled"] == report["parcels"]
    assert report["pooled"]["100"] > 1_000
    for by_size in report["moved"].values():
        assert 0.5 > by_size["100"] > by_size["500"] > by_size["1000"] > 0
