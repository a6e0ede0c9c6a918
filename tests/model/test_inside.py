# SPDX-License-Identifier: Apache-2.0
"""Sums inside a region of the toy city (tests/toy.py); every expectation is a sum a reader can do."""

import math
import random
from functools import cache

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from carbongrid.region import Region
from carbongrid.sectors import SECTORS
from processes.regions.inside import Choice, Inside, Stock, Taken, inside, spans, sub_cell
from tests.toy import CORNERS, KG, LOSS, SHOP, toy_inventory

WEST, SOUTH, EAST, NORTH = -300, -200, 250, 400
EVERYTHING = Choice(SECTORS)


@cache
def stock() -> Stock:
    return Stock.of(toy_inventory())


def on_earth(shape: shapely.Polygon) -> shapely.Polygon:
    """A shape in toy metres as CRS84."""
    to = Transformer.from_crs("EPSG:5179", "OGC:CRS84", always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(to.transform(*(xy + CORNERS[5179]).T)))


def box(west: float, south: float, east: float, north: float) -> shapely.Polygon:
    return shapely.box(west, south, east, north)


def within(shape: shapely.Polygon, choice: Choice = EVERYTHING) -> Inside:
    region = Region.from_polygon(on_earth(shape))
    return inside(stock(), region.on(stock().cells.window), choice)


WHOLE = box(WEST - 50, SOUTH - 50, EAST + 50, NORTH + 50)


def test_the_whole_city() -> None:
    whole = within(WHOLE)
    assert dict(zip(whole.bands, whole.kg.tolist(), strict=True)) == KG
    assert whole.figures == {
        "emission_buildings": 500 + 1000 + 1009,
        "emission_buildings_scope1": 500,
        "emission_buildings_scope2": 1000 + 1009,
        "emission_transport": 9000 + 50,
        "emission_total": 2509 + 9050,
        "absorption_forest": 4001 - 1000,
        "absorption_forest_gross": 4001,
        "net": 11559 - 3001,
    }
    assert whole.unrounded_figures == pytest.approx(whole.figures)
    assert whole.quality == 2


def test_the_western_half_takes_whole_cells() -> None:
    west = within(box(WEST, SOUTH, -100, NORTH))
    assert west.figures["emission_buildings"] == 1500 + 500
    assert west.figures["emission_transport"] == 900 + 1000 + 20
    assert west.figures["absorption_forest"] == 3001


def test_a_cut_cell_gives_the_share_of_its_sources_not_of_its_area() -> None:
    """The line x = -110 halves what the shop has in the cell -200..-100, of which a tenth lies east of it."""
    east_of_line = box(-110, 100, 0, 200)
    by_sources = within(east_of_line).figures["emission_buildings"]
    by_cells = within(east_of_line, Choice(SECTORS, method="cells")).figures["emission_buildings"]
    assert by_sources == 500 / 2 + 499
    assert by_cells == pytest.approx(500 / 10 + 499, abs=1)


def test_region_and_complement_are_the_whole_to_the_kilogram() -> None:
    draw = random.Random(7)
    cuts = [-110.0, -95.0, 0.0, 50.0, 1e-3] + [draw.uniform(WEST, EAST) for _ in range(40)]
    for cut in cuts:
        west, east = within(box(WEST - 9, SOUTH - 9, cut, NORTH + 9)), within(box(cut, SOUTH - 9, EAST + 9, NORTH + 9))
        assert np.array_equal(west.kg + east.kg, np.array([KG[b] for b in west.bands])), cut


def test_null_is_not_zero() -> None:
    """Forest is unknown in the row -200..-100 and there is none in the east of the row 100..200."""
    unknown, none = within(box(WEST, SOUTH, EAST, -100)), within(box(0, 100, 200, 200))
    assert (unknown.figures["absorption_forest"], none.figures["absorption_forest"]) == (None, 0)
    assert (unknown.half_widths["absorption_forest_u95"], none.half_widths["absorption_forest_u95"]) == (None, 0)
    assert unknown.figures["net"] == unknown.figures["emission_total"] == 1500 + 5000 + 50
    assert {r["kg"] for r in unknown.band_rows() if r["sector"] == "forest"} == {None}
    assert (unknown.null, unknown.incomplete, none.incomplete) == (0b100, 0b100, 0)


def test_a_source_without_a_value_makes_its_sector_incomplete() -> None:
    assert within(box(100, 300, 200, 400)).incomplete == 0b001
    assert within(box(100, 300, 200, 400)).null == 0


@pytest.mark.parametrize("slip", [0.0, 1e-9, -1e-9, 1e-3, -1e-3])
def test_an_edge_along_the_lattice_does_not_meet_the_next_row(slip: float) -> None:
    """Forest has gaps in the row -100..0, and none in the row above it."""
    above = within(box(WEST, 0 - slip, 200, 100 + slip))
    assert (above.null, above.incomplete) == (0, 0)
    below = within(box(WEST, -100 + slip, 200, 0 + slip))
    assert (below.null, below.incomplete) == (0, 0b100)


def test_only_the_sectors_asked_for() -> None:
    forest = within(box(WEST, SOUTH, EAST, -100), Choice(("forest",)))
    assert forest.figures == {"absorption_forest": None, "absorption_forest_gross": None, "net": None}
    assert forest.half_widths == {"absorption_forest_u95": None, "net_u95": None}
    buildings = within(WHOLE, Choice(("buildings",)))
    assert (buildings.figures["emission_total"], buildings.figures["net"]) == (2509, 2509)
    assert "emission_transport" not in buildings.figures
    assert {r["sector"] for r in buildings.band_rows()} == {"buildings"}


def test_territorial_leaves_out_what_the_grid_burns_elsewhere() -> None:
    territorial = within(WHOLE, Choice(SECTORS, mode="territorial"))
    assert territorial.figures["emission_total"] == 500 + 9050
    assert {r["scope"] for r in territorial.band_rows()} == {1}


def test_intervals_are_of_what_lies_inside() -> None:
    """Grid factor 5 %, fuel factor 3 %, one row of traffic counts 20 %, every source 10 % of its own."""
    own = [1500, 999, 10, 5050, 4000]
    variance = (2509 * 0.05) ** 2 + (9050 * 0.03) ** 2 + (9050 * 0.2) ** 2 + sum((kg * 0.1) ** 2 for kg in own)
    assert within(WHOLE).half_widths["emission_total_u95"] == round(math.sqrt(variance))
    shop = within(box(-200, 100, 0, 200))
    assert shop.half_widths["emission_total_u95"] == round(999 * math.hypot(0.05, 0.1))
    assert shop.half_widths["net_u95"] == shop.half_widths["emission_total_u95"]
    stand = within(box(WEST, 200, -100, NORTH))
    assert stand.half_widths["absorption_forest_u95"] == round(3001 * math.hypot(0.3, 0.1))


def test_area_weighting_says_that_it_is_coarser() -> None:
    line = box(-110, 100, -100, 200)
    by_cells = within(line, Choice(SECTORS, method="cells"))
    hidden = 1.96 * 500 * math.sqrt(0.1 * 0.9)
    assert by_cells.half_widths["emission_total_u95"] == round(math.hypot(50 * math.hypot(0.05, 0.1), hidden))
    assert (within(line).quality, by_cells.quality) == (2, 3)
    taken = Taken(np.array([0, 1]), np.array([0.1, 1.0]))
    assert sub_cell(np.array([[500, 9]]), np.array([1]), taken) == pytest.approx(hidden)


def test_a_region_with_nothing_in_it() -> None:
    nothing = within(box(100, 0, 190, 90))
    assert set(nothing.figures.values()) == {0}
    assert nothing.quality is None
    assert nothing.half_widths == {"emission_total_u95": 0, "absorption_forest_u95": 0, "net_u95": 0}


def test_half_a_cell_beyond_the_boundary_counts_for_nothing() -> None:
    rows = within(box(225, SOUTH, EAST, NORTH)), within(box(225, SOUTH, EAST + 25, NORTH))
    assert np.array_equal(rows[0].kg, rows[1].kg)


def test_bands_are_named_in_full() -> None:
    rows = within(WHOLE).band_rows()
    assert {"sector": "forest", "use": "loss", "scope": 1, "gas": "co2", "kg": KG[LOSS]} in rows
    assert {"sector": "buildings", "use": "commercial", "scope": 2, "gas": "co2e_unsplit", "kg": KG[SHOP]} in rows


def test_spans() -> None:
    assert spans(np.array([3, 7, 7]), np.array([5, 7, 9])).tolist() == [3, 4, 7, 8]
    assert spans(np.zeros(0, np.int64), np.zeros(0, np.int64)).tolist() == []
