# SPDX-License-Identifier: Apache-2.0
"""Control totals: the sum is met to the kilogram, what is known stands, and the right errors cancel."""

import numpy as np
import pytest

from carbongrid import buildings, roads
from carbongrid.benchmark import Control, benchmark, fuel_kilograms, gas_of, kilograms, lines_of, lines_of_carrier
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FactorSet
from carbongrid.uncertainty import half_widths
from tests.model.activity import by_band, kg, table

KOR, UZB = (FactorSet.load(c) for c in ("kor", "uzb"))


def control(tonnes, **fields):
    values = {"u_pct": 30.0, "status": "derived", "source": "national balance"} | fields
    return Control("balance", kilograms(tonnes, "tCO2e"), **values)


def houses(n=50, **columns):
    rng = np.random.default_rng(8)
    area = rng.uniform(60, 400, n).tolist()
    return buildings.estimate(table("buildings", area, use=["house"] * n, storeys=[1.0] * n, **columns), UZB, 2022)


def half_width(e, chosen):
    return half_widths(e.lines.kg, e.lines, chosen.astype(np.int64), e.factors, e.rows)


def test_the_modelled_sum_meets_the_control_to_the_kilogram():
    e = houses()
    gas = lines_of(e, sector="buildings", scope=1)
    scaled, scale = benchmark(e, control(1_000), gas)
    assert int(scaled.lines.kg[lines_of(scaled, sector="buildings", scope=1)].sum()) == 1_000_000
    assert scale == pytest.approx(1e6 / e.lines.kg[gas].sum())
    assert kg(scaled, "buildings.residential.2.co2") == kg(e, "buildings.residential.2.co2"), "scope 2 is not chosen"
    assert scaled.notes["benchmark_scale.balance"] == scale
    ratio = scaled.lines.kg[gas] / e.lines.kg[gas]
    assert np.abs(ratio - scale).max() <= 1 / e.lines.kg[gas].min()


def test_a_control_of_co2_leaves_the_other_gases_in_proportion():
    e = houses()
    gas = lines_of(e, sector="buildings", scope=1)
    co2 = np.array([b.gas == "co2" for b in e.bands])[e.lines.band]
    assert 0 < e.lines.kg[gas & ~co2].sum() < 0.01 * e.lines.kg[gas & co2].sum()
    scaled, scale = benchmark(e, control(1_000, gas=gas_of("ktCO2")), gas)
    chosen = lines_of(scaled, sector="buildings", scope=1)
    is_co2 = np.array([b.gas == "co2" for b in scaled.bands])[scaled.lines.band]
    assert int(scaled.lines.kg[chosen & is_co2].sum()) == 1_000_000
    assert scaled.lines.kg[chosen & ~is_co2].sum() == pytest.approx(scale * e.lines.kg[gas & ~co2].sum(), abs=1)
    kept = {f.u_pct for f in scaled.factors if "@" not in f.id} - {0.0}
    assert kept, "factors of methane and nitrous oxide stay as uncertain as they were"
    assert gas_of("ktCO2e") is None
    assert gas_of("ktCO2eq") is None


def test_what_is_metered_stands_and_only_the_rest_is_scaled():
    meters = [50_000.0] + [None] * 49
    e = houses(gas_kwh_gcv=meters)
    scaled, _ = benchmark(e, control(1_000), lines_of(e, sector="buildings", scope=1))
    assert kg(scaled, source=0) == kg(e, source=0)
    assert int(scaled.lines.kg[lines_of(scaled, sector="buildings", scope=1)].sum()) == 1_000_000
    assert scaled.quality.tolist() == [2] + [3] * 49
    assert e.quality.tolist() == [2] + [4] * 49, "the estimate it came from is unchanged"


def test_the_controls_width_takes_the_place_of_rows_and_factors():
    e = houses(400)
    gas = lines_of(e, sector="buildings", scope=1)
    before = half_width(e, gas) / e.lines.kg[gas].sum()
    assert before > 0.40, "the intensity alone is 40 % wide"
    scaled, _ = benchmark(e, control(5_000), gas)
    chosen = lines_of(scaled, sector="buildings", scope=1)
    own = 0.30 / np.sqrt(400)
    assert half_width(scaled, chosen) / 5e6 == pytest.approx(np.hypot(0.30, own), rel=0.03)


def test_fuel_sold_leaves_the_error_of_the_emission_factor():
    e = houses(400)
    gas = lines_of(e, sector="buildings", scope=1)
    exact = control(5_000, u_pct=0.0, keeps_factors=True)
    scaled, _ = benchmark(e, exact, gas)
    relative = half_width(scaled, lines_of(scaled, sector="buildings", scope=1)) / 5e6
    assert relative == pytest.approx(np.hypot(0.036, 0.30 / np.sqrt(400)), rel=0.05)
    assert scaled.factors == e.factors


def test_the_pattern_stays_a_placeholder_and_is_counted():
    e = houses()
    scaled, _ = benchmark(e, control(1_000), lines_of(e, sector="buildings", scope=1))
    assert "balance+balance.pattern" in {r.id for r in scaled.rows}
    assert scaled.notes["placeholder_kg"] == scaled.notes["kg"] == kg(scaled)


@pytest.mark.parametrize(("tonnes", "unusual"), [(250, False), (300, False), (20, True), (3_000, True)])
def test_a_scale_outside_one_half_to_two_is_said(tonnes, unusual):
    e = houses()
    scaled, scale = benchmark(e, control(tonnes), lines_of(e, sector="buildings", scope=1))
    assert (not 0.5 <= scale <= 2) == unusual
    assert ("benchmark_unusual.balance" in scaled.notes) == unusual


def test_roads_meet_the_fuel_sold():
    e = roads.estimate(table("roads", [5_000.0, 9_000.0], class_=["trunk", "residential"]), UZB, 2023)
    total = sum(by_band(e).values())
    sold = round(1.25 * total)
    scaled, scale = benchmark(
        e, Control("fuel", sold, 10, "verified", "fuel sold", keeps_factors=True), lines_of(e, sector="transport")
    )
    assert kg(scaled) == sold
    assert scale == pytest.approx(1.25, abs=1e-6)
    assert scaled.quality.tolist() == [3, 3]


def test_each_fuel_sold_is_met_by_its_own_lines():
    e = roads.estimate(table("roads", [5_000.0, 9_000.0], class_=["trunk", "residential"]), UZB, 2023)
    sold = {"cng_road": 500_000, "gasoline_road": 600_000, "diesel_road": 300_000}
    scaled = e
    for carrier, kilos in sold.items():
        fuel = Control(carrier, kilos, 5, "verified", "fuel sold", keeps_factors=True)
        scaled, _ = benchmark(scaled, fuel, lines_of_carrier(scaled, UZB, carrier))
    for carrier, kilos in sold.items():
        assert int(scaled.lines.kg[lines_of_carrier(scaled, UZB, carrier)].sum()) == kilos
    lpg = [x.lines.kg[lines_of_carrier(x, UZB, "lpg_road")].sum() for x in (e, scaled)]
    assert lpg[0] == lpg[1] > 0
    with pytest.raises(UnknownName, match="unknown carrier 'cng_rail', did you mean 'cng_road'"):
        lines_of_carrier(e, UZB, "cng_rail")


def test_nothing_to_scale_and_a_control_below_what_is_known_are_refused():
    e = houses(1, gas_kwh_gcv=[50_000.0])
    gas = lines_of(e, sector="buildings", scope=1)
    with pytest.raises(InvalidInput, match="nothing modelled to scale"):
        benchmark(e, control(1_000), gas)
    mixed = houses(2, gas_kwh_gcv=[5e6, None])
    with pytest.raises(InvalidInput, match="kg are metered or counted, more than the control of 1000"):
        benchmark(mixed, control(1), lines_of(mixed, sector="buildings", scope=1))
    with pytest.raises(UnknownName, match="unknown sector 'forest'"):
        lines_of(e, sector="forest")


def test_units_of_controls():
    assert kilograms(0.69, "MtCO2e") == 690_000_000
    assert kilograms(3, "ktCO2eq") == kilograms(3, "GgCO2") == 3_000_000
    with pytest.raises(InvalidInput, match="'MW' is no mass of CO2e"):
        kilograms(1, "MW")
    # 1 TJ of petrol: 69,300 kg CO2, 3.8 kg CH4, 5.7 kg N2O
    assert fuel_kilograms(KOR, "gasoline_road", 1, "TJ NCV", 2023) == round(69_300 + 3.8 * 28 + 5.7 * 265)
    assert fuel_kilograms(KOR, "gasoline_road", 1000, "t", 2023) == round(44.3 * (69_300 + 3.8 * 28 + 5.7 * 265))
    with pytest.raises(InvalidInput, match="'barrel' is no amount of fuel"):
        fuel_kilograms(KOR, "gasoline_road", 1, "barrel", 2023)
