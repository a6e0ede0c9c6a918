# SPDX-License-Identifier: Apache-2.0
"""Explained kilograms are the published ones; uncertainty adds up to the published half-width; meters stay private."""

from dataclasses import replace
from math import hypot
from pathlib import Path

import numpy as np
import pytest

from carbongrid.errors import Corrupt, NotFound
from carbonstore.audit import explain as explaining
from carbonstore.audit.explain import explain, find_cell
from carbonstore.releases.release import write
from carbonstore.releases.stored import Release
from tests.toy import toy_cell, toy_inventory, toy_publication, toy_store


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return toy_store(tmp_path_factory.mktemp("toy"), years=(2023,))[0]


def at(release: Release, code: str) -> explaining.Explanation:
    return explain(release, find_cell(release, code))


def test_the_house_by_eye(toy: Release) -> None:
    found = at(toy, toy_cell(-300, -200))
    assert found.kg["emission_buildings"] == 1500
    assert found.kg["emission_transport"] == 910
    assert found.kg["absorption_forest"] is None
    assert found.missing == "forest"
    roads = [p for p in found.parts if p.kind == "roads"]
    assert [(p.source, p.band, p.kg, p.line_kg) for p in roads] == [
        ("east", "transport.road.1.co2", 900, 5000),
        ("east", "transport.road.1.ch4", 10, 50),
    ]
    assert roads[0].share == 0.18
    assert roads[0].u_kg == {"own": 90, "common": 180, "factor": 27}
    assert roads[0].row is not None
    assert (roads[0].row["id"], roads[0].factor["id"]) == ("aadt", "fuel")


def test_errors_that_go_together_are_added_before_squaring(toy: Release) -> None:
    parts = at(toy, toy_cell(-300, -200)).uncertainty["emission_total"]
    # grid 5 % of 1500, fuel 3 % and the row 20 % of 910, own 10 % of each source
    assert parts == {"row aadt": 182, "own": round(hypot(150, 91), 3), "factor grid": 75, "factor fuel": 27.3}


@pytest.mark.parametrize("size", [100, 500, 1000])
def test_every_cell_of_the_toy_adds_up(toy: Release, size: int) -> None:
    level = toy.level(size)
    for i, index in enumerate(level.index.tolist()):
        found = explain(toy, level.window.cell(index))
        for band, kg in zip(toy.bands, level.kg, strict=True):
            assert sum(p.kg for p in found.parts if p.band == band.key) == kg[i]


def test_removals_lessen_the_net_but_are_parts_with_kilograms(toy: Release) -> None:
    found = at(toy, toy_cell(-300, 300))
    assert {p.band: p.kg for p in found.parts} == {"forest.growth.1.co2": 1001, "forest.loss.1.co2": 250}
    assert (found.kg["absorption_forest"], found.kg["net"]) == (751, -751)
    assert found.uncertainty["net"] == {"factor wood": 225.3, "own": 75.1}


def test_few_metered_buildings_do_not_tell_what_they_used(toy: Release) -> None:
    """The toy city pools nothing, and its buildings took no common row: they are metered."""
    parts = [p for p in at(toy, toy_cell(-300, -200)).parts if p.kind == "buildings"]
    assert {(p.source, p.sources, p.measured, p.activity) for p in parts} == {(None, 1, "metered", None)}
    assert "house" not in str(at(toy, toy_cell(-300, -200)).as_dict())
    whole = [p for p in at(toy, toy_cell(-1000, 0)[:7] + "RES1000mN1835000E984000").parts if p.kind == "buildings"]
    assert {p.sources for p in whole} == {2}  # shop and hall


def test_enough_metered_buildings_are_told_of_together(tmp_path: Path) -> None:
    inventory = toy_inventory()
    layer = inventory.layers["buildings"]
    factor = np.zeros_like(layer.lines.factor)
    band = np.full_like(layer.lines.band, layer.lines.band[-1])  # all of one band: house, house, shop, hall
    cells = {s: replace(c, kg=c.kg.copy()) for s, c in inventory.cells.items()}
    for c in cells.values():
        buildings = sorted(set(layer.lines.band.tolist()))
        total = c.kg[buildings].sum(axis=0)
        c.kg[buildings] = 0
        c.kg[band[0]] = total
    made = replace(layer, lines=replace(layer.lines, band=band, factor=factor))
    inventory = replace(inventory, cells=cells, layers=dict(inventory.layers) | {"buildings": made})
    release = write(inventory, toy_publication(inventory, levels=(100, 500, 1000, 10_000)), tmp_path)
    level = release.level(10_000)
    (part,) = [p for p in explain(release, level.window.cell(int(level.index[0]))).parts if p.kind == "buildings"]
    assert (part.sources, part.activity, part.kg) == (3, 4.0, 2509)


def test_korean_codes_and_other_levels(toy: Release) -> None:
    level = toy.level(500)
    cell = level.window.cell(int(level.index[0]))
    assert find_cell(toy, level.window.grid.code(cell)) == cell
    from carbongrid.grid import kr_code

    assert find_cell(toy, kr_code(cell)) == cell


@pytest.mark.parametrize(
    "code", ["다사5352", "CRS5179RES100mN0E0", "CRS32642RES100mN0E0", "CRS5179RES5000mN1835000E985000", "x"]
)
def test_what_is_no_cell_is_not_found(toy: Release, code: str) -> None:
    with pytest.raises(NotFound, match="no cell"):
        find_cell(toy, code)


def test_parts_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    inventory = toy_inventory()
    cells = dict(inventory.cells)
    cells[100] = replace(cells[100], kg=cells[100].kg + (cells[100].kg > 0))
    release = write(replace(inventory, cells=cells), toy_publication(inventory), tmp_path)
    with pytest.raises(Corrupt, match="instead of"):
        at(release, toy_cell(-300, -200))


def test_factors_of_another_model_are_shown_without_their_value(toy: Release) -> None:
    (part, *_) = at(toy, toy_cell(-300, 300)).parts
    assert part.factor == {"id": "wood", "group": "wood", "u_pct": 30.0, "status": "placeholder", "source": "toy"}
