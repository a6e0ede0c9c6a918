# SPDX-License-Identifier: Apache-2.0
import pytest

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.units import ENERGY_MJ, EnergyUnit, FactorUnit, energy


def test_a_toe_is_11_63_mwh():
    assert energy(1, "toe", "MWh") == pytest.approx(11.63, abs=1e-12)
    assert energy(1, "toe", "GJ") == pytest.approx(41.868, abs=1e-12)


@pytest.mark.parametrize("unit", ENERGY_MJ)
@pytest.mark.parametrize("other", ENERGY_MJ)
def test_conversion_and_back_is_the_same_amount(unit, other):
    assert energy(energy(7.3, unit, other), other, unit) == pytest.approx(7.3, rel=1e-14)


def test_gross_energy_meets_a_net_factor_only_through_the_ratio():
    gross, net = EnergyUnit.parse("kWh GCV"), EnergyUnit.parse("MJ NCV")
    assert gross.to(net, 0.9) == pytest.approx(3.6 * 0.9)
    assert net.to(gross, 0.9) == pytest.approx(1 / 3.6 / 0.9)
    with pytest.raises(InvalidInput, match="GCV cannot meet a factor per NCV"):
        gross.to(net)


def test_energy_without_a_calorific_basis_never_meets_a_fuel_factor():
    with pytest.raises(InvalidInput, match="of delivery"):
        EnergyUnit.parse("kWh").to(EnergyUnit.parse("TJ NCV"), 0.9)


@pytest.mark.parametrize(
    ("text", "value", "kg_per_gj"),
    [
        ("kgCO2/TJ NCV", 56100, 56.1),
        ("kgCO2/kWh GCV", 0.1821, 0.1821 / 3.6 * 1000),
        ("tCO2eq/MWh", 0.36, 100.0),  # 360 kg per 3.6 GJ
        ("gCO2eq/kWh", 360, 100.0),
        ("kgCH4/TJ", 5, 0.005),
    ],
)
def test_factor_units_are_read_and_comparable(text, value, kg_per_gj):
    assert FactorUnit.parse(text).kg_per_gj(value) == pytest.approx(kg_per_gj)


@pytest.mark.parametrize("text", ["kgCO2", "kgCO2/TJ HHV", "lbCO2/MWh", "kgSO2/TJ", "kgCO2/furlong", ""])
def test_other_units_are_refused(text):
    with pytest.raises(InvalidInput):
        FactorUnit.parse(text)


def test_the_nearest_energy_unit_is_suggested():
    with pytest.raises(UnknownName, match="did you mean 'MWh'"):
        energy(1, "Mwh", "MJ")
