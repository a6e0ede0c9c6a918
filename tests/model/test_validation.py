# SPDX-License-Identifier: Apache-2.0
"""Held-out parcels against a model whose answer is known: bias, error, coverage, and what must not be told."""

import numpy as np
import pytest

from carbongrid.factors import FactorSet
from carbongrid.validation import Comparison, by_chance, validate
from tests.model.activity import table

KOR = FactorSet.load("kor")
HOUSE = 130.0
"""kWh/m2 of a detached house in the Korean pack, 35 % electricity, 65 % gas."""


def city(n=2000, spread_pct=35.0, scale=1.0, seed=1, use="house", size=100.0, **more):
    """Houses of 100 m2, one a parcel, metered at ``scale`` times the model's energy, spread log-normally."""
    rng = np.random.default_rng(seed)
    sigma = spread_pct / 196
    factor = scale * np.exp(rng.normal(-(sigma**2) / 2, sigma, n))
    kwh = size * HOUSE * factor
    columns = {
        "pnu": [f"11710{i:014d}" for i in range(n)],
        "use": [use] * n,
        "floor_area_m2": np.full(n, size),
        "electricity_kwh": 0.35 * kwh,
        "gas_kwh_gcv": 0.65 * kwh,
    }
    return table("buildings", [size] * n, **(columns | more))


def fit(t, quantity="energy_kwh", **options):
    return validate(t, KOR, 2023, **options)["all"][quantity]


def test_a_fifth_of_the_metered_parcels_is_held_out():
    got = validate(city(1001), KOR, 2023)
    assert got["parcels"] == {"metered": 1001, "held_out": 201, "not_comparable": 0, "in_small_uses": 0}
    assert got["all"]["co2e_kg"]["parcels"] == got["uses"]["residential"]["co2e_kg"]["parcels"] == 201


@pytest.mark.parametrize("quantity", ["energy_kwh", "co2e_kg"])
def test_the_stated_spread_is_covered_and_twice_of_it_is_not(quantity):
    assert 90 <= fit(city(spread_pct=35), quantity)["coverage_pct"] <= 99.9
    doubled = fit(city(spread_pct=70), quantity)
    assert doubled["coverage_pct"] < 90
    assert doubled["verdict"] == "under"


def test_coverage_is_that_of_the_normal_law():
    # spread hypot(35, 30) % is exactly what the model states: 95 of 100 intervals hold
    assert fit(city(8000, spread_pct=np.hypot(35, 30)))["coverage_pct"] == pytest.approx(95, abs=1.5)


def test_bias_is_predicted_over_metered():
    assert fit(city(scale=1.25))["bias_pct"] == pytest.approx(-20, abs=1)
    assert fit(city(scale=0.8))["bias_pct"] == pytest.approx(25, abs=1.5)


def test_without_spread_there_is_no_error():
    got = fit(city(spread_pct=0))
    assert (got["bias_pct"], got["mape_pct"], got["coverage_pct"]) == (0, 0, 100)
    assert got["rmse"] == pytest.approx(0, abs=1e-6)
    assert got["verdict"] == "over"


def test_error_by_hand():
    c = Comparison(np.array([100.0, 200.0]), np.array([110.0, 180.0]), np.array([9.0, 40.0])).fit()
    # errors +10 and -20: -10 of 300, mean of 10 % and 10 %, root of (100 + 400) / 2; 101..119 misses 100
    assert (c.bias_pct, c.mape_pct, c.rmse, c.coverage_pct) == (-3.3, 10, 15.8, 50)


def missed(misses, n):
    """A fit of ``n`` parcels of 100 kg of which so many intervals miss."""
    observed = np.where(np.arange(n) < misses, 200.0, 100.0)
    return Comparison(observed, np.full(n, 100.0), np.full(n, 10.0)).fit()


def test_what_chance_explains_is_no_fault_of_the_intervals():
    # P(k <= 8 of 12 at 0.95) = 0.22 %, P(k <= 9) = 1.96 %: 9 of 12 happen by luck, 8 do not
    assert by_chance(12) == (75.0, 100.0)
    assert [(f.coverage_pct, f.verdict) for f in (missed(3, 12), missed(4, 12))] == [(75.0, "ok"), (66.7, "under")]
    assert missed(0, 12).verdict == "ok"
    # of many parcels chance explains little and the range that is asked for counts
    low, high = by_chance(10_000)
    assert (low, high) == (pytest.approx(94.4, abs=0.1), pytest.approx(95.6, abs=0.1))
    assert [missed(n, 10_000).verdict for n in (50, 300, 999, 1_100)] == ["over", "ok", "ok", "under"]


def test_honest_intervals_of_few_parcels_are_seldom_blamed():
    held = np.random.default_rng(7).binomial(12, 0.95, 20_000)
    blamed = [missed(12 - k, 12).verdict != "ok" for k in range(13)]
    assert np.mean(np.array(blamed)[held]) < 0.005
    assert np.mean(100 * held / 12 < 90) > 0.1, "the plain threshold would blame every ninth"


def test_the_buildings_of_a_parcel_count_together():
    t = city(400)
    pnu = np.repeat(t.columns["pnu"][:200], 2)
    paired = city(400, pnu=pnu)
    assert validate(paired, KOR, 2023)["parcels"]["metered"] == 200


def test_electricity_alone_says_nothing_about_all_energy():
    got = validate(city(gas_kwh_gcv=np.full(2000, np.nan)), KOR, 2023)["all"]
    assert "energy_kwh" not in got
    assert got["co2e_kg"]["parcels"] == 400


def test_gas_that_is_charged_elsewhere_is_no_meter_of_the_building():
    code = next(c for c, meter in KOR.codes("building_uses", "gas_meter").items() if meter == "left_out")
    assert validate(city(use=code), KOR, 2023)["parcels"]["metered"] == 0


def test_unmetered_buildings_are_no_part_of_it():
    half = np.where(np.arange(2000) % 2, np.nan, 5000.0)
    got = validate(city(electricity_kwh=half, gas_kwh_gcv=half), KOR, 2023)
    assert got["parcels"]["metered"] == 1000


def test_parcels_without_a_floor_area_are_counted():
    got = validate(city(500, floor_area_m2=[np.nan] * 500, size=0.0), KOR, 2023)
    assert got["parcels"]["not_comparable"] == 100
    assert got["all"] == {}


def test_few_or_dominated_parcels_are_not_told_of():
    few = validate(city(40), KOR, 2023)  # 8 held out
    assert few["parcels"]["in_small_uses"] == 8
    assert few["uses"] == few["all"] == {}
    kwh = np.r_[1e9, np.full(99, 5000.0)]
    one = validate(city(100, electricity_kwh=kwh, gas_kwh_gcv=kwh), KOR, 2023, share=1.0)
    assert one["uses"] == {}


def test_the_draw_is_by_seed():
    t = city()
    assert validate(t, KOR, 2023) == validate(t, KOR, 2023)
    assert validate(t, KOR, 2023, seed=1) != validate(t, KOR, 2023)
