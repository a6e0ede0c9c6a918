# SPDX-License-Identifier: Apache-2.0
"""Sources = pieces = cells at every level, in whole kilograms, on two real cities and the sample; null stays null."""

import numpy as np
import pytest

from carbongrid.sectors import bit, figures
from tests.acceptance.conftest import CASES, World


@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_every_level_holds_the_kilograms_of_the_sources(world: World, inventory: str, year: int) -> None:
    release = world.release(inventory, year)
    whole = release.inventory()
    expected = np.zeros(len(whole.bands), np.int64)
    in_pieces = np.zeros_like(expected)
    for layer in whole.layers.values():
        np.add.at(expected, layer.lines.band, layer.lines.kg)
        np.add.at(in_pieces, layer.lines.band[layer.pieces.line], layer.pieces.kg)
    assert expected.sum() > 1_000_000
    np.testing.assert_array_equal(in_pieces, expected)
    for level, cells in whole.cells.items():
        np.testing.assert_array_equal(cells.kg.sum(axis=1), expected, err_msg=f"{level} m")
    assert [b["kg"] for b in release.manifest["totals"]["bands"]] == expected.tolist()


@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_the_manifest_states_the_figures_of_its_bands(world: World, inventory: str, year: int) -> None:
    release = world.release(inventory, year)
    whole = release.inventory()
    bands = np.array([b["kg"] for b in release.manifest["totals"]["bands"]], np.int64)
    stated = release.manifest["totals"]["kg"]
    for name, kg in figures(whole.bands, bands).items():
        assert stated[name] in (int(kg), None)
    assert stated["net"] == stated["emission_total"] - (stated["absorption_forest"] or 0)
    release.verify()


@pytest.mark.parametrize(("inventory", "year"), CASES)
def test_area_inside_is_the_same_at_every_level(world: World, inventory: str, year: int) -> None:
    areas = [cells.area_m2.sum() for cells in world.release(inventory, year).inventory().cells.values()]
    np.testing.assert_allclose(areas, areas[0], rtol=1e-9)


def test_songpa_knows_nothing_of_forest_nor_of_what_lies_outside_the_extract(world: World) -> None:
    whole = world.release("songpa", 2024).inventory()
    cells = whole.cells[100]
    assert (cells.null & bit("forest")).all()
    assert world.release("songpa", 2024).manifest["totals"]["kg"]["absorption_forest"] is None
    outside = (cells.null & bit("buildings")).astype(bool)
    # The extract is 6 km2 of the district's 34: most cells are null, none of them holds a kilogram.
    assert 0.7 < outside.mean() < 0.9
    assert not cells.kg[:, outside].any()
    inside = ~(cells.incomplete & bit("buildings")).astype(bool)
    assert inside.any()
    empty = inside & (cells.kg.sum(axis=0) == 0)
    assert empty.any(), "covered cells without a source are 0, not null"


def test_a_coarser_cell_is_null_only_where_all_its_children_are(world: World) -> None:
    whole = world.release("songpa", 2024).inventory()
    fine, coarse = whole.cells[100], whole.cells[1000]
    parent = np.searchsorted(coarse.index, fine.window.parents(fine.index, 10))
    for sector in ("buildings", "transport", "forest"):
        null = (fine.null & bit(sector)) > 0
        children = np.bincount(parent, minlength=len(coarse.index))
        nulls = np.bincount(parent, null, len(coarse.index))
        np.testing.assert_array_equal((coarse.null & bit(sector)) > 0, nulls == children)
        known = np.bincount(parent, (fine.incomplete & bit(sector)) > 0, len(coarse.index))
        np.testing.assert_array_equal((coarse.incomplete & bit(sector)) > 0, known > 0)
