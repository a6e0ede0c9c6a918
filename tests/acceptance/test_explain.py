# SPDX-License-Identifier: Apache-2.0
"""Cells of real cities and the sample explained: kilograms exact, half-widths as published, meters pooled only."""

import json
from math import hypot

import numpy as np
import pytest
from click.testing import CliRunner

from carbongrid.sectors import INTERVALS
from carbonserver.cli import main
from carbonstore.audit.explain import Explanation, explain
from carbonstore.releases.stored import Release
from tests.acceptance.conftest import CASES, World


def some(release: Release, size: int, most: int) -> list[tuple[int, Explanation]]:
    """Positions and explanations of cells that hold something, evenly picked, the largest among them."""
    level = release.level(size)
    total = np.sum(level.kg, axis=0)
    held = np.flatnonzero(total)
    picked = sorted({int(total.argmax()), *held[:: max(1, len(held) // most)].tolist()})
    return [(i, explain(release, level.window.cell(int(level.index[i])))) for i in picked]


@pytest.mark.parametrize("size", [100, 1000])
@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_parts_are_the_published_kilograms_and_half_widths(world: World, inventory: str, year: int, size: int) -> None:
    release = world.release(inventory, year)
    level = release.level(size)
    for i, found in some(release, size, 12):
        for band, kg in zip(release.bands, level.kg, strict=True):
            assert sum(p.kg for p in found.parts if p.band == band.key) == kg[i]
        for name, u95 in zip(INTERVALS, level.u95, strict=True):
            if name in found.uncertainty:
                assert hypot(*found.uncertainty[name].values()) == pytest.approx(float(u95[i]), abs=1)


def test_a_part_is_activity_times_factor_times_share(world: World) -> None:
    """Songpa's electricity: kWh x kg/kWh of whole buildings; 0.4173 t/MWh is the factor's public value."""
    release = world.release("songpa", 2024)
    parts = [p for _, found in some(release, 100, 40) for p in found.parts if p.factor["id"] == "kr_el_2023"]
    assert len(parts) > 20
    for p in parts:
        assert p.activity is not None
        assert p.activity * 417.3 * p.share == pytest.approx(p.kg, abs=1 + p.kg * 1e-6)


def test_metered_buildings_of_the_sample_are_pooled_only(world: World) -> None:
    release = world.release("sejong", 2023)
    assert release.pools is not None
    found = [p for _, e in some(release, 100, 40) for p in e.parts if p.kind == "buildings"]
    assert {p.measured for p in found} == {None, "pooled"}
    assert all((p.row is None) == (p.measured == "pooled") for p in found)


def test_the_command_says_the_same_as_text_and_json(world: World) -> None:
    release = world.release("songpa", 2024)
    (_, largest), *_ = sorted(some(release, 100, 1), key=lambda item: -(item[1].kg["net"] or 0))
    runner = CliRunner(env={"CARBONGRID_DATA": str(world.root), "COLUMNS": "250"}, catch_exceptions=False)
    said = json.loads(runner.invoke(main, ["explain", f"{largest.cell}.2024", "--json"]).stdout)
    assert sum(p["kg"] for p in said["parts"]) == said["kg"]["emission_total"] == largest.kg["emission_total"]
    assert said["parts"][0]["factor"]["source"]
    text = runner.invoke(main, ["explain", largest.cell, "--inventory", "songpa"]).stdout
    assert f"{largest.kg['emission_total']:,}" in text
    refused = runner.invoke(main, ["explain", "CRS5179RES100mN0E0"])
    assert refused.exit_code == 2
    assert len(refused.stderr.strip().splitlines()) == 1
