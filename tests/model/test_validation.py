# SPDX-License-Identifier: Apache-2.0
"""Held-out parcels against a model whose answer is known: bias, error, coverage, and what must not be told."""

import numpy as np
import pytest

from carbongrid.factors import FactorSet
from carbongrid.validation import Comparison, validate
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
