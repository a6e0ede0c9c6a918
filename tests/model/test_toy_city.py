# SPDX-License-Identifier: Apache-2.0
"""The toy city: four buildings, two roads, one stand, in Korea 2023. Its totals are the sums written here."""

import numpy as np
import pytest

from carbongrid import buildings, forests, roads
from carbongrid.factors import FactorSet
from carbongrid.sectors import figures
from tests.model.activity import by_band, table

KOR = FactorSet.load("kor")

HOUSES = table(
    "buildings",
    [100.0, 500.0, 200.0, 1000.0],
    use=["01000", "02000", "office", "17000"],
    storeys=[2.0, None, None, None],  # the house: 2 storeys by register
    height_m=[None, None, 12.0, None],  # the office: 12 m = 4 storeys; the factory: 1 storey by default
    electricity_kwh=[None, 300_000.0, None, None],  # the flats: metered
    gas_kwh_gcv=[None, 500_000.0, None, None],
    heat_mj=[None, 100_000.0, None, None],
    pnu=["3611010100100010000"] * 4,
)
STREETS = table(
    "roads", [1000.0, 500.0], class_=["103", "residential"], speed_kmh=[60.0, None], aadt_car=[8000.0, None]
)
WOOD = table("forests", [30_000.0], species=["32"], age_class=[3.0], density=["C"])

# kWh = m2 x storeys x kWh/m2
HOUSE, OFFICE, FACTORY = 100 * 2 * 130, 200 * 4 * 150, 1000 * 1 * 120
ELECTRICITY = {"house": 0.35 * HOUSE, "flats": 300_000, "office": 0.7 * OFFICE, "factory": 0.7 * FACTORY}
GAS = {"house": 0.65 * HOUSE, "flats": 500_000, "office": 0.3 * OFFICE, "factory": 0.3 * FACTORY}
NET_GJ = 3.6e-3 * 0.9017  # GJ NCV per kWh GCV
USE = {"house": "residential", "flats": "residential", "office": "commercial", "factory": "industrial"}


def by_use(energy, kg_per_kwh, scope, gas):
    """Each building rounded by itself, summed by use."""
    sums: dict[str, int] = {}
    for name, kwh in energy.items():
        band = f"buildings.{USE[name]}.{scope}.{gas}"
        sums[band] = sums.get(band, 0) + round(kwh * kg_per_kwh)
    return sums


def test_buildings():
    expected = (
        by_use(ELECTRICITY, 0.4173, 2, "co2e_unsplit")
        | by_use(GAS, 0.1821, 1, "co2")
        | by_use(GAS, NET_GJ * 0.005 * 28, 1, "ch4")
        | by_use(GAS, NET_GJ * 0.0001 * 265, 1, "n2o")
        # 0.1 TJ of Sejong's district heat
        | {f"buildings.residential.2.{gas}": kg for gas, kg in (("co2", 4136), ("ch4", 2), ("n2o", 2))}
    )
    assert by_band(buildings.estimate(HOUSES, KOR, 2023)) == expected


def test_roads():
    grams = {
        c: KOR.curves[c].at(np.array([60.0]))[0]
        for c in ("PC_G_1.4-2.0.IV+", "PC_HYB.IV", "PC_D_1.4-2.0.III+", "PC_LPG.I+")
    }
    # 8,000 cars a day, 1 km: 48 % petrol, 7 % hybrid, 35 % diesel, 8 % LPG, 2 % electric
    km = 365 * 8000
    petrol = km * (0.48 * grams["PC_G_1.4-2.0.IV+"] + 0.07 * grams["PC_HYB.IV"]) / 1e6 * 44.3  # GJ
    diesel = km * 0.35 * grams["PC_D_1.4-2.0.III+"] / 1e6 * 43.0
    lpg = km * 0.08 * grams["PC_LPG.I+"] / 1e6 * 47.3
    e = roads.estimate(STREETS, KOR, 2023)
    first = {}
    for band, kg, source in zip(e.lines.band, e.lines.kg, e.lines.source, strict=True):
        if source == 0:
            first[e.bands[band].gas] = first.get(e.bands[band].gas, 0) + int(kg)
    assert first == {
        "co2": round(petrol * 69.3) + round(diesel * 74.1) + round(lpg * 63.1),
        "ch4": round(petrol * 0.0038 * 28) + round(diesel * 0.0039 * 28) + round(lpg * 0.062 * 28),
        "n2o": round(petrol * 0.0057 * 265) + round(diesel * 0.0039 * 265) + round(lpg * 0.0002 * 265),
    }
    assert e.notes["aadt_default"] == 1


def test_forest():
    # 3 ha of Mongolian oak, 21-30 years, dense: 13.0 t/ha
    assert by_band(forests.estimate(WOOD, KOR, 2023)) == {
        "forest.growth.1.co2": 39_000,
        "forest.loss.1.co2": 13_221,
    }


def test_published_figures_are_sums_of_bands():
    estimates = [
        buildings.estimate(HOUSES, KOR, 2023),
        roads.estimate(STREETS, KOR, 2023),
        forests.estimate(WOOD, KOR, 2023),
    ]
    bands = tuple(b for e in estimates for b in e.bands)
    kg = np.array([v for e in estimates for v in by_band(e).values()])
    total = {name: int(v) for name, v in figures(bands, kg).items()}
    assert total["absorption_forest"] == 39_000 - 13_221
    assert total["absorption_forest_gross"] == 39_000
    assert total["emission_total"] == total["emission_buildings"] + total["emission_transport"]
    assert total["net"] == total["emission_total"] - total["absorption_forest"]
    assert total["emission_buildings_scope2"] == pytest.approx(sum(ELECTRICITY.values()) * 0.4173 + 4140, abs=4)
    territorial = figures(bands, kg, "territorial")
    assert territorial["emission_total"] == total["emission_total"] - total["emission_buildings_scope2"]
