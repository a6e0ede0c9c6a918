# SPDX-License-Identifier: Apache-2.0
"""Intervals of totals in real releases: percentiles by the method that is valid, beside the closed half-widths."""

import pytest

from carbongrid.sectors import INTERVALS
from tests.acceptance.conftest import CASES, World


@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_every_known_total_has_an_interval_around_it(world: World, inventory: str, year: int) -> None:
    totals = world.release(inventory, year).manifest["totals"]
    assert set(totals["interval"]) == {name for name in INTERVALS if totals["kg"][name] is not None}
    for name, interval in totals["interval"].items():
        kg, half = totals["kg"][name], totals["kg"][f"{name}_u95"]
        assert interval["low"] <= kg <= interval["high"]
        if interval["method"] == "approach_1":
            assert (interval["low"], interval["median"], interval["high"]) == pytest.approx(
                (kg - half, kg, kg + half), abs=1
            )
        else:  # the same spread but for its shape
            assert interval["high"] - interval["low"] == pytest.approx(2 * half, rel=0.1)


def test_songpa_rests_on_rows_of_more_than_30_per_cent(world: World) -> None:
    """All of Songpa is modelled from placeholders of 25 to 75 %: approach 1 is invalid, the interval is skewed."""
    totals = world.release("songpa", 2024).manifest["totals"]
    interval = totals["interval"]["emission_total"]
    assert interval["method"] == "approach_2"
    assert interval["low"] > 0
    assert interval["high"] - interval["median"] > interval["median"] - interval["low"]
