# SPDX-License-Identifier: Apache-2.0
"""Approach 2 beside approach 1: they agree where both are valid, and part where they should."""

from math import exp, hypot, log1p, sqrt

import numpy as np
import pytest

from carbongrid.inventory import Activity, FactorRow
from carbongrid.montecarlo import DRAWS, KeySums, Model, multipliers
from carbongrid.uncertainty import combine, half_widths
from tests.model.activity import lines


def factor(u_pct, group="g"):
    return FactorRow(f"{group}.{u_pct}", group, u_pct, "verified", "test")


def row(name, u_pct):
    return Activity(name, u_pct, "verified", "test")


def plus(made):
    return np.ones(len(made.kg), np.int64)


def drawn(made, factors, rows, sign=None):
    """Half the 2.5 .. 97.5 percentile range in kg."""
    totals = Model(factors, rows).totals(KeySums.of(made, plus(made) if sign is None else sign))
    low, high = np.percentile(totals, [2.5, 97.5])
    return (high - low) / 2


def closed(made, factors, rows, sign=None):
    return half_widths(made.kg, made, plus(made) if sign is None else sign, factors, rows)


# --- where both are valid ---------------------------------------------------------------------------------------


def test_t22_a_product_of_5_and_3_per_cent():
    made = lines([100_000], row=[0])
    assert drawn(made, [factor(3)], [row("r", 5)]) == pytest.approx(5_831, rel=0.02)


def test_t23_a_shared_factor_does_not_average_away():
    made = lines([1000] * 10_000, u_own=20)
    assert 100 * drawn(made, [factor(3)], []) / 1e7 == pytest.approx(3.007, rel=0.02)


def test_t33_fifty_thousand_cells_of_one_intensity_err_as_the_intensity():
    made = lines([1000] * 50_000, row=[0] * 50_000)
    width = 100 * drawn(made, [factor(0)], [row("eui", 40)]) / 5e7
    # 40 % is log-normal: its 2.5 and 97.5 percentiles by the closed formula, computed apart
    sigma = sqrt(log1p((0.40 / 1.96) ** 2))
    by_hand = 50 * (exp(1.96 * sigma - sigma**2 / 2) - exp(-1.96 * sigma - sigma**2 / 2))
    assert by_hand == pytest.approx(39.8, abs=0.3)
    assert width == pytest.approx(by_hand, rel=0.02)
    assert width == pytest.approx(40, rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_closed_form_and_draws_agree_within_two_per_cent(seed):
    rng = np.random.default_rng(seed)
    n = 400
    u = rng.uniform(2, 20, 5)
    factors = [factor(float(u[0]), "a"), factor(float(u[1]), "b"), factor(float(u[2]), "b")]
    rows = [row("x", float(u[3])), row("y", float(u[4])), row("x+y", combine(float(u[3]), float(u[4])))]
    made = lines(
        rng.integers(1, 5000, n), factor=rng.integers(0, 3, n), row=rng.integers(-1, 3, n), u_own=np.float32(25)
    )
    assert drawn(made, factors, rows) == pytest.approx(closed(made, factors, rows), rel=0.02)


def test_what_an_emission_and_a_removal_share_cancels():
    made = lines([100_000, 60_000], factor=[0, 0], row=[0, -1])
    sign = np.array([1, -1], np.int64)
    assert drawn(made, [factor(10)], [row("r", 5)], sign) == pytest.approx(hypot(4000, 5000), rel=0.02)


def test_sums_by_key_give_approach_1():
    rng = np.random.default_rng(9)
    n = 300
    made = lines(
        rng.integers(1, 99, n),
        source=np.sort(rng.integers(0, 90, n)),
        factor=rng.integers(0, 2, n),
        row=rng.integers(-1, 3, n),
        u_own=12,
    )
    factors, rows = [factor(40, "a"), factor(7, "b")], [row("x", 50), row("y", 9), row("x+y", combine(50, 9))]
    sign = rng.choice([-1, 0, 1], n).astype(np.int64)
    model = Model(factors, rows)
    assert model.half_width(KeySums.of(made, sign)) == pytest.approx(closed(made, factors, rows, sign), rel=1e-6)


# --- where approach 1 is not ------------------------------------------------------------------------------------


def test_a_large_uncertainty_is_skewed_and_never_negative():
    made = lines([1_000_000])
    got = Model([factor(150)], []).interval(made, plus(made))
    sigma = sqrt(log1p((1.5 / 1.96) ** 2))
    assert got.method == "approach_2"
    assert got.low == pytest.approx(1e6 * exp(-1.96 * sigma - sigma**2 / 2), rel=0.01)
    assert got.median == pytest.approx(1e6 * exp(-(sigma**2) / 2), rel=0.01)
    assert got.high == pytest.approx(1e6 * exp(1.96 * sigma - sigma**2 / 2), rel=0.01)
    assert 0 < got.low < got.median < 1_000_000 < got.high
    assert got.high - 1_000_000 > 1_000_000 - got.low


def test_small_uncertainties_keep_the_closed_form():
    made = lines([100_000, 50_000], u_own=5)
    got = Model([factor(20)], []).interval(made, plus(made))
    half = hypot(30_000, 5_000, 2_500)
    assert (got.method, got.low, got.median, got.high) == (
        "approach_1", round(150_000 - half), 150_000, round(150_000 + half),
    )  # fmt: skip


def test_a_large_uncertainty_that_does_not_matter_keeps_the_closed_form():
    # 100 % of 1 t beside 10 % of 100 t: 1 % of U², the border
    little, more = lines([99_000, 900], factor=[0, 1]), lines([99_000, 1_100], factor=[0, 1])
    model = Model([factor(10, "a"), factor(100, "b")], [])
    assert model.interval(little, plus(little)).method == "approach_1"
    assert model.interval(more, plus(more)).method == "approach_2"


def test_combined_rows_err_with_the_rows_they_join():
    # both lines in x, one in y too: 1 - independent rows would make less
    rows = [row("x", 50), row("y", 10), row("x+y", combine(50, 10))]
    joined = lines([50_000, 50_000], row=[0, 2])
    alone = lines([100_000], row=[0])
    assert drawn(joined, [factor(0)], rows) == pytest.approx(hypot(drawn(alone, [factor(0)], rows), 5_000), rel=0.02)


def test_the_same_inventory_gives_the_same_percentiles():
    made = lines([100_000, 3], factor=[0, 1], u_own=3)
    factors = [factor(60, "a"), factor(5, "b")]
    assert Model(factors, []).interval(made, plus(made)) == Model(factors, []).interval(made, plus(made))


def test_nothing_has_no_width():
    made = lines([])
    got = Model([], []).interval(made, plus(made))
    assert (got.method, got.low, got.median, got.high) == ("approach_1", 0, 0, 0)


@pytest.mark.parametrize("u", [3.0, 30.0, 31.0, 100.0, 300.0])
def test_multipliers_have_mean_1_and_the_stated_deviation(u):
    z = np.random.default_rng(3).standard_normal(400_000)
    m = multipliers(z, u)
    assert m.mean() == pytest.approx(1, rel=0.02)
    assert m.std() == pytest.approx(u / 196, rel=0.1)
    assert (m >= 0).all()


def test_as_many_draws_as_it_takes():
    assert DRAWS >= 2_000
