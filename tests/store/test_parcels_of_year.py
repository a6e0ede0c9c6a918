# SPDX-License-Identifier: Apache-2.0
"""Meters of a year in which a province's code changed: 강원 was 42 until June 2023 and 51 after."""

import numpy as np
import shapely

from carbonstore.sources.features import Features
from carbonstore.sources.joins import of_year
from carbonstore.sources.parcel_energy import meters, share_energy
from carbonstore.sources.parcels import parcels_of_year

BEFORE, AFTER = "4211010100100010000", "5111010100100010000"
SEJONG = "3611010100100010000"


def test_months_before_and_after_the_change_are_one_parcel() -> None:
    """Five months of 100 kWh under the old number, seven under the new: 1200 kWh of the building on it, whose register
    is older than both."""
    pnu = np.array([BEFORE] * 5 + [AFTER] * 7, object)
    months = np.array([f"2023{m:02}" for m in range(1, 13)], object)
    meter = meters(pnu, months, {"electricity_kwh": np.full(12, 100.0)}, 2023)
    assert (meter.pnu.tolist(), meter.partial_years) == ([AFTER], 0)
    columns = {"pnu": np.array([BEFORE, SEJONG], object), "electricity_kwh": np.full(2, np.nan)}
    shapes = shapely.box([0, 20], 0, [10, 30], 10)
    houses = Features.of("buildings", np.array(["a", "b"], object), shapes, columns, "EPSG:5179")
    joined, report = share_energy(meter, [of_year(houses, 2023)], [np.ones(2)])
    assert joined[0]["electricity_kwh"].tolist()[0] == 1200.0
    assert np.isnan(joined[0]["electricity_kwh"][1])
    assert report.matched == 1


def test_the_year_before_keeps_the_old_number() -> None:
    assert parcels_of_year(np.array([BEFORE, AFTER, None], object), 2022).tolist() == [BEFORE, BEFORE, None]


def test_nothing_is_copied_where_no_code_changed() -> None:
    pnu = np.array([SEJONG, None], object)
    assert parcels_of_year(pnu, 2024) is pnu
    assert parcels_of_year(np.array([None], object), 2024).tolist() == [None]
