# SPDX-License-Identifier: Apache-2.0
"""A change between two years is surer than its years where they share a table: closed form, limits, and draws."""

from dataclasses import replace
from math import hypot

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbongrid.change import Side, change_half_width, common_keys
from carbongrid.inventory import Activity, FactorRow
from carbongrid.montecarlo import Z95, Model
from tests.model.activity import lines

ROW, OTHER = Activity("eui", 40.0, "verified", "t"), Activity("storeys", 25.0, "verified", "t")
BOTH = Activity("eui+storeys", hypot(40, 25), "verified", "t")


def factor(name, u_pct, group):
    return FactorRow(name, group, u_pct, "verified", "t")


GAS, POWER, POWER_NEXT = factor("gas", 5.0, "gas"), factor("el.2022", 3.0, "el"), factor("el.2023", 3.0, "el")


def side(kg, factors, rows=(), sign=None, **given):
    made = lines(kg, **given)
    return Side.of(Model(factors, rows), made, np.ones(len(kg), np.int64) if sign is None else np.array(sign))


def test_what_does_not_change_has_no_uncertainty_where_all_of_it_is_common():
    one = side([1000, 2000], [GAS], [ROW], row=[0, 0])
    assert one.half_width > 1000
    assert change_half_width(one, one) == 0


def test_a_common_factor_counts_on_the_difference_only():
    before, after = side([100_000], [GAS]), side([130_000], [GAS])
    assert change_half_width(before, after) == pytest.approx(0.05 * 30_000)


def test_factors_of_two_years_do_not_cancel():
    before, after = side([100_000], [POWER]), side([130_000], [POWER_NEXT])
    assert change_half_width(before, after) == pytest.approx(0.03 * hypot(100_000, 130_000))


def test_a_group_is_common_only_with_all_its_factors():
    mixed = Model([POWER, replace(POWER, id="el.ch4")], [ROW]), Model([POWER, replace(POWER, id="el.n2o")], [ROW])
    assert common_keys(*mixed) == {"row eui"}
    assert common_keys(mixed[0], mixed[0]) == {"row eui", "factor el"}


def test_a_row_with_another_uncertainty_is_another_row():
    wider = replace(ROW, u_pct=50.0)
    before = side([1000], [factor("f", 0.0, "f")], [ROW], row=[0])
    after = side([1000], [factor("f", 0.0, "f")], [wider], row=[0])
    assert change_half_width(before, after) == pytest.approx(hypot(400, 500))


def test_joined_rows_share_their_elements():
    plain = side([1000], [factor("f", 0.0, "f")], [ROW], row=[0])
    joined = side([1500], [factor("f", 0.0, "f")], [ROW, OTHER, BOTH], row=[2])
    assert change_half_width(plain, joined) == pytest.approx(hypot(0.4 * 500, 0.25 * 1500))


def test_own_errors_are_of_a_year():
    before, after = (side([1000], [factor("f", 0.0, "f")], u_own=10) for _ in range(2))
    assert change_half_width(before, after) == pytest.approx(hypot(100, 100))


def test_a_removal_that_grows_with_an_emission_of_the_same_row_cancels():
    free = factor("f", 0.0, "f")
    before = side([1000, 400], [free], [ROW], row=[0, 0], source=[0, 1], sign=[1, -1])
    after = side([1500, 900], [free], [ROW], row=[0, 0], source=[0, 1], sign=[1, -1])
    assert change_half_width(before, after) == pytest.approx(0, abs=1e-9)


@given(st.lists(st.integers(0, 10**6), min_size=3, max_size=3), st.lists(st.integers(0, 10**6), min_size=3, max_size=3))
def test_it_lies_between_full_cancelling_and_none(before, after):
    """Never wider than two years that know nothing of each other, and the same in both directions."""
    one, two = (side(kg, [GAS, POWER], [ROW], factor=[0, 1, 0], row=[0, -1, -1], u_own=5) for kg in (before, after))
    width = change_half_width(one, two)
    assert width <= hypot(one.half_width, two.half_width) * (1 + 1e-12)
    assert width >= hypot(one.sums.own, two.sums.own) * (1 - 1e-12)
    assert change_half_width(two, one) == pytest.approx(width)


def test_against_draws_of_everything_that_errs():
    """Errors drawn once a key that both years share, and once a year for the rest."""
    kg = {"before": np.array([90_000.0, 40_000.0]), "after": np.array([70_000.0, 55_000.0])}
    before = side(kg["before"], [GAS, POWER], [ROW], factor=[0, 1], row=[0, -1], u_own=8)
    after = side(kg["after"], [GAS, POWER_NEXT], [ROW], factor=[0, 1], row=[0, -1], u_own=8)
    rng, n = np.random.default_rng(3), 400_000
    gas, eui = (1 + u / 100 / Z95 * rng.standard_normal(n) for u in (5, 40))
    drawn = {}
    for name, amount in kg.items():
        own = 1 + 0.08 / Z95 * rng.standard_normal((2, n))
        power = 1 + 0.03 / Z95 * rng.standard_normal(n)
        drawn[name] = amount[0] * gas * eui * own[0] + amount[1] * power * own[1]
    low, high = np.percentile(drawn["after"] - drawn["before"], [2.5, 97.5])
    assert change_half_width(before, after) == pytest.approx((high - low) / 2, rel=0.02)
