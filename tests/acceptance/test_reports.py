# SPDX-License-Identifier: Apache-2.0
"""What the real extracts hold, as GDAL reads them; nothing vanishes between the file and the map."""

from typing import Any

import pytest

from tests.acceptance.conftest import CASES, World


def kinds(world: World, inventory: str, year: int) -> dict[str, dict[str, Any]]:
    return {k["kind"]: k for k in world.release(inventory, year).manifest["report"]["kinds"]}


def test_songpa(world: World) -> None:
    report = kinds(world, "songpa", 2024)
    assert set(report) == {"buildings", "roads"}
    assert report["buildings"]["read"] == 1357
    assert report["roads"]["measure_read"] / 1000 == pytest.approx(85.7, abs=0.05)


def test_bad_hersfeld(world: World) -> None:
    report = kinds(world, "badhersfeld", 2024)
    assert report["buildings"]["read"] == 11_280
    assert report["roads"]["measure_read"] / 1000 == pytest.approx(730.2, abs=0.05)
    assert report["forests"]["read"] > 90
    assert report["forests"]["measure_used"] > 5e6


@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_read_is_used_plus_rejected(world: World, inventory: str, year: int) -> None:
    for kind in kinds(world, inventory, year).values():
        assert kind["read"] == kind["used"] + sum(kind["rejected"].values())
        accounted = (
            kind["measure_used"]
            + kind["clipped_measure"]
            + kind["overlap_removed"]
            + sum(kind["rejected_measure"].values())
        )
        assert accounted == pytest.approx(kind["measure_read"], rel=1e-6)


@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_the_share_that_rests_on_placeholders_is_stated(world: World, inventory: str, year: int) -> None:
    share = world.release(inventory, year).manifest["report"]["placeholder_share"]
    assert 0 < share <= 1
