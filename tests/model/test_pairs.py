# SPDX-License-Identifier: Apache-2.0
"""Changes between two years of the toy city: causes add up, what is unchanged cancels, significance follows."""

from dataclasses import replace

import numpy as np
import pytest

from carbongrid.assemble import Account, interval_signs
from carbongrid.change import Side, change_half_width
from carbongrid.inventory import Inventory
from carbongrid.montecarlo import Model
from carbongrid.pairs import CAUSES, Changes, Pair, Year
from carbongrid.sectors import INTERVALS
from tests.toy import scaled, toy_inventory


def year(inventory: Inventory) -> Year:
    return Year(inventory.bands, inventory.factors, inventory.rows, inventory.layers)


def busier(inventory: Inventory, times: float) -> Inventory:
    """The same inventory with more activity, and kilograms in proportion."""
    made = scaled(inventory, round(times))
    layers = {
        kind: replace(layer, lines=replace(layer.lines, activity=layer.lines.activity * round(times)))
        for kind, layer in made.layers.items()
    }
    return replace(made, layers=layers)


def other_factors(inventory: Inventory, times: int) -> Inventory:
    """The same activity with other factors."""
    made = scaled(inventory, times)
    return replace(made, factors=tuple(replace(f, id=f"{f.id}-new") for f in made.factors))


def whole(before: Inventory, after: Inventory) -> Changes:
    return Pair.of(year(before), year(after)).whole()


CITY = toy_inventory()


def test_a_year_beside_itself_changes_nothing_and_errs_by_its_sources_alone() -> None:
    found = whole(CITY, CITY)
    np.testing.assert_array_equal(found.before, found.after)
    assert not found.causes.any()
    sure = {k: replace(v, lines=replace(v.lines, u_own=v.lines.u_own * 0)) for k, v in CITY.layers.items()}
    assert not whole(replace(CITY, layers=sure), replace(CITY, layers=sure)).u95.any()
    assert found.u95.all()
    figures = found.figures()[0]
    assert figures["net"]["after"] == 11559 - 3001
    assert not any(figure.get("significant") for figure in figures.values())


@pytest.mark.parametrize(
    ("after", "cause"),
    [(busier(CITY, 2), "activity"), (other_factors(CITY, 2), "factors"), (scaled(CITY, 2), "recalculation")],
)
def test_a_doubling_is_explained_by_its_cause(after: Inventory, cause: str) -> None:
    found = whole(CITY, after)
    for name, figure in found.figures()[0].items():
        assert figure["change"] == figure["before"], name
        assert {c: figure[c] for c in CAUSES} == {c: (float(figure["change"]) if c == cause else 0.0) for c in CAUSES}


def test_causes_add_up_when_all_of_them_play() -> None:
    rng = np.random.default_rng(1)
    after = other_factors(busier(CITY, 3), 2)
    layer = after.layers["roads"]
    activity = layer.lines.activity * rng.uniform(0.5, 2, len(layer.lines.kg))
    after = replace(
        after, layers={**after.layers, "roads": replace(layer, lines=replace(layer.lines, activity=activity))}
    )
    found = whole(CITY, after)
    assert found.causes.sum(axis=0) == pytest.approx((found.after - found.before).astype(float))


def test_a_source_of_one_year_only_is_activity() -> None:
    buildings = CITY.layers["buildings"]
    renamed = replace(buildings, id=np.array([f"new-{name}" for name in buildings.id], object))
    found = whole(CITY, replace(CITY, layers={**CITY.layers, "buildings": renamed}))
    assert not found.causes.sum(axis=0).any()
    none = whole(CITY, replace(CITY, layers={k: v for k, v in CITY.layers.items() if k != "forests"}))
    figures = none.figures()[0]
    assert (figures["absorption_forest"]["change"], figures["absorption_forest"]["activity"]) == (-3001, -3001.0)


def test_unchanged_factors_cancel_and_changed_ones_do_not() -> None:
    """Twice the activity: unchanged factors and rows err as in one year; changed ones add in squares."""
    one = INTERVALS.index("emission_total")
    same, changed = whole(CITY, busier(CITY, 2)).u95[one, 0], whole(CITY, other_factors(busier(CITY, 2), 1)).u95[one, 0]
    assert changed > same > 0
    kg = {b: int(k) for b, k in zip(CITY.bands, CITY.cells[100].kg.sum(axis=1), strict=True)}
    grid = sum(k for b, k in kg.items() if b.sector == "buildings")
    road = sum(k for b, k in kg.items() if b.sector == "transport")
    shared = np.hypot(np.hypot(0.05 * grid, 0.03 * road), 0.20 * road)
    both = np.hypot(np.hypot(np.hypot(1, 2) * 0.05 * grid, np.hypot(1, 2) * 0.03 * road), 0.20 * road)
    own = same**2 - shared**2
    assert own > 0, "sources err in each year anew"
    assert changed**2 - both**2 == pytest.approx(own, rel=1e-6)


def test_a_changed_common_row_errs_in_each_year() -> None:
    after = replace(busier(CITY, 2), rows=tuple(replace(r, source="another count") for r in CITY.rows))
    assert whole(CITY, after).u95[0, 0] > whole(CITY, busier(CITY, 2)).u95[0, 0]


def test_a_small_change_is_not_significant_and_a_large_one_is() -> None:
    loud = {
        kind: replace(layer, lines=replace(layer.lines, u_own=np.full_like(layer.lines.u_own, 300)))
        for kind, layer in CITY.layers.items()
    }
    unsure = replace(CITY, layers=loud)
    assert not whole(unsure, busier(unsure, 2)).figures()[0]["emission_total"]["significant"]
    assert whole(CITY, busier(CITY, 2)).figures()[0]["emission_total"]["significant"]


def test_the_whole_is_as_sure_as_the_change_of_totals() -> None:
    """Two roads to one number: by zone here, by keys in ``carbongrid.change``."""
    after = replace(busier(CITY, 3), rows=tuple(replace(r, source="another count") for r in CITY.rows))
    for second in (busier(CITY, 2), other_factors(CITY, 2), after):
        found = whole(CITY, second)
        for i, name in enumerate(INTERVALS):
            sides = [_side(city, name) for city in (CITY, second)]
            assert found.u95[i, 0] == pytest.approx(change_half_width(*sides), rel=1e-9)


def _side(inventory: Inventory, figure: str) -> Side:
    account = Account.of(list(inventory.layers.values()))
    signs = interval_signs(inventory.bands)[INTERVALS.index(figure)]
    return Side.of(Model(inventory.factors, inventory.rows), account.lines, signs[account.lines.band])
