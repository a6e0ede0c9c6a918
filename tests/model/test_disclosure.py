# SPDX-License-Identifier: Apache-2.0
"""Pools hide meters: the attack of ``attack.py`` finds none, and finds many where the naive rule forms the pools."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from carbongrid.disclosure import (
    LEVELS,
    NEAREST,
    OPEN,
    Concentration,
    Metered,
    Pools,
    Rule,
    cells,
    form,
    moved,
    spread,
)
from carbongrid.errors import InvalidInput
from carbongrid.factors import FOLDER, FactorSet, read_country
from tests.model.attack import Town, everything, parcels_shown, recoverable, sums_shown, town

RULE = Rule()
SEEDS = range(4)


def metered(*parcels: tuple[int, int, float]) -> Metered:
    """Parcels (east, north, kWh) with one carrier, keys in their order; cells of 100 m."""
    east, north, energy = zip(*parcels, strict=True)
    key = np.arange(len(parcels), dtype=np.int64)
    return Metered(key, np.array(east, np.int64), np.array(north, np.int64), np.array(energy, np.float64)[:, None])


def pools_of(pools: Pools, n: int) -> list[int]:
    return pools.of(np.arange(n, dtype=np.int64)).tolist()


def passes(*energy: float, rule: Rule = RULE) -> bool:
    """Whether one sum of these passes."""
    column = np.array(energy, np.float64)[:, None]
    return bool(rule.passes(Concentration.of(column, np.zeros(len(energy), np.int64), 1))[0])


def test_a_sum_needs_three_contributors() -> None:
    assert passes(10, 10, 10)
    assert not passes(10, 10)
    assert not passes(10, 10, 0), "a meter that reads 0 hides nobody"
    assert passes(10, 10, 10, 0)
    assert not passes(0, 0, 0), "a sum of 0 gives all of them away"


def test_nobody_may_dominate_a_sum() -> None:
    assert passes(80, 10, 10)
    assert not passes(81, 10, 9)


def test_the_second_largest_must_not_know_the_largest() -> None:
    assert not passes(60, 36, 4), "whoever uses 36 knows the largest to 4 of 60"
    assert passes(60, 34, 6)
    assert passes(60, 36, 4, rule=Rule(p_pct=5))


def test_a_rule_out_of_range_is_refused() -> None:
    for wrong in ({"contributors": 2}, {"contributors": 3.5}, {"dominance_pct": 100}, {"p_pct": 0}, {"p_pct": "10"}):
        with pytest.raises(InvalidInput):
            Rule(**wrong)  # type: ignore[arg-type]


def test_each_carrier_must_pass() -> None:
    energy = np.array([[10, 5], [10, 0], [10, 0]], np.float64)
    assert not RULE.passes(Concentration.of(energy, np.zeros(3, np.int64), 1))[0], "one user of gas"
    energy[:, 1] = 0
    assert RULE.passes(Concentration.of(energy, np.zeros(3, np.int64), 1))[0], "no user of gas"


def test_pools_close_at_the_smallest_level_that_passes() -> None:
    three = [(0, 0, 10), (0, 0, 11), (0, 0, 12)]
    pools = form(metered(*three, (1, 1, 10), (2, 2, 11), (3, 4, 12)), RULE)
    assert pools_of(pools, 6) == [0, 0, 0, 1, 1, 1]
    assert pools.level.tolist() == [100, 100, 100, 500, 500, 500]
    assert pools.total[:, 0].tolist() == [33, 33]
    assert pools.contributors[:, 0].tolist() == [3, 3]


def test_parents_are_tested_on_what_is_left_over_only() -> None:
    """The naive rule closes the parcel at (1, 1) with its neighbours' cell, which shows it by subtraction."""
    pools = form(metered((0, 0, 10), (0, 0, 11), (0, 0, 12), (1, 1, 10), (7, 7, 9), (8, 8, 8)), RULE)
    assert pools_of(pools, 6) == [0, 0, 0, 1, 1, 1]
    assert pools.level.tolist() == [100, 100, 100, 1000, 1000, 1000]


def test_what_is_left_at_the_root_joins_the_nearest_pool_that_still_passes() -> None:
    near, far = [(0, 0, 10.0)] * 3, [(300, 0, 1000.0)] * 3
    pools = form(metered(*near, *far, (120, 0, 20), (110, 0, 900)), RULE)
    assert pools_of(pools, 8) == [0, 0, 0, 1, 1, 1, 0, 1], "900 would dominate the nearest pool"
    assert pools.level[6:].tolist() == [NEAREST, NEAREST]
    assert pools.total[:, 0].tolist() == [50, 3900]


def test_a_parcel_that_dominates_everything_is_in_no_pool() -> None:
    pools = form(metered((0, 0, 10), (0, 0, 10), (0, 0, 10), (0, 0, 1e6)), RULE)
    assert pools_of(pools, 4) == [OPEN] * 4, "at the root all four fail, and there is no pool to join"
    pools = form(metered((0, 0, 10), (0, 0, 10), (0, 0, 10), (200, 0, 1e6)), RULE)
    assert pools_of(pools, 4) == [0, 0, 0, OPEN]


def test_nobody_is_metered() -> None:
    nobody = Metered(*(np.zeros(0, np.int64),) * 3, np.zeros((0, 3)))
    pools = form(nobody, RULE)
    assert len(pools) == 0
    assert len(form(nobody, RULE, pools)) == 0
    assert pools.of(np.array([7])).tolist() == [OPEN]


@pytest.mark.parametrize("seed", SEEDS)
def test_pools_are_disjoint_and_each_passes_on_its_own_members(seed: int) -> None:
    place = town(seed, n=2_000)
    pools = form(place.metered, RULE)
    assert len(np.unique(pools.key)) == len(pools.key) > 1_900
    assert RULE.passes(pools.concentration).all()
    ranked = [np.sort(pools.value[pools.pool == g], axis=0)[::-1] for g in range(len(pools))]
    for members in ranked:
        for largest, second, *rest in members.T:
            assert largest == 0 or sum(rest) >= 0.1 * largest, f"{second} knows {largest}"


def test_pools_do_not_depend_on_where_the_lattice_is_counted_from() -> None:
    place = town(1, n=500).metered
    pools = form(place, RULE)
    shifted = form(replace(place, east=place.east + 100, north=place.north - 300), RULE)
    np.testing.assert_array_equal(pools.pool, shifted.pool)


def test_spread_keeps_every_sum() -> None:
    place = town(2, n=1_000)
    pools = form(place.metered, RULE)
    weight = np.repeat(place.weight[pools.key][:, None], 2, axis=1)
    shared = np.nan_to_num(spread(pools.total, pools.pool, weight))
    for g in range(len(pools)):
        np.testing.assert_allclose(shared[pools.pool == g].sum(axis=0), pools.total[g], rtol=1e-12)
    np.testing.assert_allclose(shared.sum(axis=0), place.metered.energy[pools.key].sum(axis=0), rtol=1e-12)


def test_spread_by_weight_equally_without_and_nothing_outside() -> None:
    pool = np.array([0, 0, 1, 1, OPEN])
    weight = np.array([1.0, 3, 0, 0, 5])[:, None]
    shared = spread(np.array([[100.0], [50.0]]), pool, weight)[:, 0]
    assert shared[:4].tolist() == [25, 75, 25, 25]
    assert np.isnan(shared[4])
    assert np.isnan(spread(np.array([[0.0], [50.0]]), pool, weight)[:2]).all(), "no such meter is not a meter of 0"


def test_energy_moved_to_another_cell() -> None:
    before, cell = np.array([10.0, 20, 30, 40, 50, 60]), np.array([0, 1, 0, 1, 0, 1])
    after, pool = np.array([15.0, 15, 35, 35, 55, 55]), np.array([0, 0, 1, 1, 2, 2])
    assert moved(before, after, cell, pool, RULE) == pytest.approx(15 / 210)
    assert moved(before, after, np.zeros(6, np.int64), pool, RULE) == 0
    two = np.array([0, 1, 0, 1, 0, 0])
    assert moved(before, after, two, pool, RULE) is None, "two pools alone would tell what one of them moved"


# --- the attack ---------------------------------------------------------------------------------------------------


def naive(place: Town) -> NDArray[np.int64]:
    """The rule as it is often worded: a cell that fails takes the smallest parent that passes on **all** its parcels;
    parcels of cells that pass keep their meters (each is a pool of its own here)."""
    m = place.metered
    base = cells(m.east, m.north, 100)
    todo = np.zeros(len(m), bool)
    for cell in np.unique(base):
        todo[base == cell] = not passes_rows(m, base == cell)
    pool, used = np.arange(len(m)), len(m)
    for size in LEVELS[1:]:
        parent = cells(m.east, m.north, size)
        for cell in np.unique(parent[todo]):
            if passes_rows(m, parent == cell):
                pool[todo & (parent == cell)] = used
                todo &= parent != cell
                used += 1
    return pool


def passes_rows(m: Metered, rows: NDArray[np.bool_]) -> bool:
    energy = m.energy[rows]
    return bool(RULE.passes(Concentration.of(energy, np.zeros(len(energy), np.int64), 1))[0])


@pytest.mark.parametrize("seed", SEEDS)
def test_no_meter_follows_from_all_that_is_shown(seed: int) -> None:
    place = town(seed)
    pools = form(place.metered, RULE)
    rows = everything(place, pools.of(place.metered.key))
    assert len(rows) > 2 * len(place.weight)
    assert recoverable(rows).tolist() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_attack_catches_the_naive_rule(seed: int) -> None:
    place = town(seed)
    pool = naive(place)
    kept = np.bincount(pool)[pool] == 1
    assert len(recoverable(everything(place, pool))) >= kept.sum() > 0
    from_cells = recoverable(sums_shown(place, parcels_shown(place, pool)))
    assert len(from_cells) > 0, "sums of cells alone give meters away"


def test_the_attack_is_exact() -> None:
    a_b, b_c, a_b_c = [1.0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 0]
    assert recoverable(np.array([a_b, b_c])).tolist() == []
    assert recoverable(np.array([a_b, a_b_c])).tolist() == [2]
    assert recoverable(np.array([a_b, b_c, a_b_c])).tolist() == [0, 1, 2]


# --- a second edition of the same year ----------------------------------------------------------------------------

LATE = 12
"""Parcels of the town that only the second edition has."""


def two_editions(seed: int) -> tuple[Town, NDArray[np.bool_]]:
    place = town(seed)
    late = np.zeros(len(place.weight), bool)
    late[np.random.default_rng(seed + 100).permutation(len(late))[:LATE]] = True
    return place, late


@pytest.mark.parametrize("seed", SEEDS)
def test_late_parcels_pool_among_themselves(seed: int) -> None:
    place, late = two_editions(seed)
    first = form(place.metered.take(~late), RULE)
    second = form(place.metered, RULE, first)
    np.testing.assert_array_equal(second.of(first.key), first.pool)
    np.testing.assert_array_equal(second.total[: len(first)], first.total)
    assert not np.isin(second.of(np.flatnonzero(late)), first.pool).any()
    assert RULE.passes(second.concentration).all()
    key = place.metered.key
    rows = np.vstack([everything(place, first.of(key)), everything(place, second.of(key))])
    assert recoverable(rows).tolist() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_attack_catches_pools_that_do_not_stay(seed: int) -> None:
    """Formed anew, or with late parcels in old pools, each edition is safe by itself and their difference is not."""
    place, late = two_editions(seed)
    key, first = place.metered.key, form(place.metered.take(~late), RULE)
    before = everything(place, first.of(key))
    anew = form(place.metered, RULE).of(key)
    assert len(recoverable(everything(place, anew))) == 0
    assert len(recoverable(np.vstack([before, everything(place, anew)]))) > 0
    joined = first.of(key)
    old = np.flatnonzero(joined >= 0)
    for row in np.flatnonzero(late):
        far = np.hypot(
            place.metered.east[old] - place.metered.east[row], place.metered.north[old] - place.metered.north[row]
        )
        joined[row] = first.of(key)[old[far.argmin()]]
    assert len(recoverable(np.vstack([before, everything(place, joined)]))) > 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("carrier", [0, 1])
def test_no_meter_follows_from_corrections(seed: int, carrier: int) -> None:
    """A third of the meters change between editions; each parcel then has two readings, and neither is given away."""
    place, late = two_editions(seed)
    rng, n = np.random.default_rng(seed), len(place.weight)
    first = form(place.metered.take(~late), RULE)
    changed = rng.random(n) < 0.35
    energy = np.where(
        changed[:, None], np.rint(place.metered.energy * rng.uniform(1.2, 1.5, (n, 1))), place.metered.energy
    )
    second = form(replace(place.metered, energy=energy), RULE, first)
    key = place.metered.key
    in_use = np.arange(n)
    new = second.value[:, carrier] != place.metered.energy[second.key, carrier]
    in_use[second.key[new]] += n
    assert second.waiting.any()
    assert (in_use >= n).any(), "some corrections are shown"
    rows = [everything(place, first.of(key), None, 2 * n), everything(place, second.of(key), in_use, 2 * n)]
    assert recoverable(np.vstack(rows)).tolist() == []
    naively = np.where(changed & (place.metered.energy[:, carrier] > 0), np.arange(n) + n, np.arange(n))
    shown = np.vstack([rows[0], everything(place, second.of(key), naively, 2 * n)])
    assert changes_given_away(shown, n) > changes_given_away(np.vstack(rows), n) == 0


def changes_given_away(rows: NDArray[np.float64], n: int) -> int:
    """Parcels whose difference between the readings is given away: insiders of the first edition then know both."""
    later = np.hstack([rows[:, :n] + rows[:, n:], rows[:, n:]])  # the second reading is the first + the difference
    return int((recoverable(later) >= n).sum())


def corrected(*energy: float, first: Pools) -> Pools:
    return form(metered(*((0, 0, e) for e in energy)), RULE, first)


def test_a_correction_waits_until_three_have_changed() -> None:
    first = form(metered(*((0, 0, e) for e in (100, 100, 100, 100))), RULE)
    one = corrected(130, 100, 100, 100, first=first)
    assert one.total.tolist() == [[400]]
    assert one.waiting.tolist() == [[True]]
    dominated = corrected(190, 105, 105, 100, first=first)
    assert dominated.total.tolist() == [[400]], "90 of 100 kWh of change are one parcel's"
    three = corrected(130, 120, 120, 100, first=one)
    assert three.total.tolist() == [[470]]
    assert three.waiting.tolist() == [[False]]
    assert three.value[:, 0].tolist() == [130, 120, 120, 100]


def test_a_meter_that_vanishes_stays_in_the_pool_until_three_have() -> None:
    first = form(metered(*((0, 0, e) for e in (100, 100, 100, 100))), RULE)
    without = Metered(
        *(a[1:] for a in (metered(*((0, 0, 100.0),) * 4).key, *(np.zeros(4, np.int64),) * 2)), np.full((3, 1), 100.0)
    )
    second = form(without, RULE, first)
    assert pools_of(second, 4) == [0, 0, 0, 0]
    assert second.total.tolist() == [[400]]
    assert second.waiting.any()


def test_what_was_in_use_is_not_known_any_more() -> None:
    """Without the values of the release before, a total stays as it was published."""
    first = form(metered(*((0, 0, e) for e in (100, 100, 100, 100))), RULE)
    forgotten = replace(first, value=np.full((4, 1), np.nan))
    same = corrected(100, 100, 100, 100, first=forgotten)
    assert not same.waiting.any()
    more = corrected(130, 120, 120, 100, first=forgotten)
    assert more.total.tolist() == [[400]]
    assert more.waiting.all()
    assert np.isnan(more.value).all()


def test_the_same_meters_give_the_same_pools_again() -> None:
    place = town(3).metered
    first = form(place, RULE)
    second = form(place, RULE, first)
    for name in ("key", "pool", "level", "value", "total", "contributors", "waiting"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name))


def test_the_rule_comes_from_the_country_pack(tmp_path: Path) -> None:
    assert FactorSet.load("kor").country.disclosure == Rule(contributors=3, dominance_pct=80, p_pct=10)
    head = (FOLDER / "kor" / "country.toml").read_text(encoding="utf-8")
    (tmp_path / "country.toml").write_text(head.replace("p_pct = 10", "p_pct = 15"), encoding="utf-8")
    assert read_country(tmp_path).disclosure.p_pct == 15
    for wrong in ("p_pct = 0", "k = 3", "contributors = 2"):
        wrongly = head[: head.index("[disclosure]")] + f"[disclosure]\n{wrong}\n"
        (tmp_path / "country.toml").write_text(wrongly, encoding="utf-8")
        with pytest.raises(InvalidInput, match=wrong.split()[0]):
            read_country(tmp_path)
