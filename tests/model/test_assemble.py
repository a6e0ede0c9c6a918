# SPDX-License-Identifier: Apache-2.0
"""From estimates to cells: exact sums at every level, masks by coverage, half-widths, border cells."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from carbongrid.assemble import Place, Tables, assemble, border, coarsen, settled, total_intervals, total_percentiles
from carbongrid.coverage import parts, shares
from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Activity, ActivityTable, FactorRow, Inventory, Lines
from carbongrid.model import Estimates
from carbongrid.montecarlo import Interval
from carbongrid.sectors import Band, bit

EAST, NORTH = 985_000, 1_835_000
LEVELS = (100, 500, 1000)
ELECTRICITY = Band("buildings", "residential", 2, "co2e_unsplit")
PETROL = Band("transport", "road", 1, "co2")


def boundary(width: float = 1000, height: float = 1000) -> shapely.Polygon:
    """A box from (EAST, NORTH) in EPSG:5179, as CRS84; its edges bend off the lattice by less than a centimetre."""
    box = shapely.segmentize(shapely.box(EAST, NORTH, EAST + width, NORTH + height), 100)
    return shapely.transform(box, transformer("EPSG:5179", CRS84).transform, interleaved=False)


def table(kind: str, *shapes: shapely.Geometry) -> ActivityTable:
    moved = [shapely.transform(s, lambda xy: np.asarray(xy) + np.array([EAST, NORTH])) for s in shapes]
    size = np.array([s.length if kind == "roads" else s.area for s in shapes])
    names = np.array([f"{kind}-{i}" for i in range(len(shapes))], object)
    return ActivityTable(kind, names, Wkb.from_shapely(moved), size, np.ones(len(shapes)), {})


def estimates(
    kg: list[int], band: Band, factor: FactorRow, *, u_own: float = 0.0, missing: list[int] | None = None
) -> Estimates:
    """One line a source that has kilograms."""
    n = len(kg)
    unknown = np.isin(np.arange(n), missing or [])
    source = np.flatnonzero(~unknown).astype(np.int32)
    zeros = np.zeros(len(source), np.int16)
    lines = Lines(
        source,
        zeros,
        zeros,
        zeros,
        np.full(len(source), u_own, np.float32),
        np.ones(len(source)),
        np.array(kg, np.int64)[source],
    )
    row = Activity(f"row of {band.sector}", 0.0, "literature", "test")
    return Estimates((band,), (factor,), (row,), lines, unknown, np.full(n, 3, np.uint8), np.zeros(n, bool), {})


GRID_FACTOR = FactorRow("el", "electricity", 10.0, "verified", "test")
FUEL_FACTOR = FactorRow("petrol", "petrol", 30.0, "verified", "test")


def city(coverage_height: float = 1000, missing: list[int] | None = None) -> Inventory:
    """Two houses (1001 kg over four cells, 500 kg in one) and a road of 1000 kg along ten cells."""
    houses = table("buildings", shapely.box(90, 90, 110, 110), shapely.box(820, 820, 840, 840))
    road = table("roads", shapely.LineString([(0, 450), (1000, 450)]))
    place = Place.of(boundary(), "EPSG:5179", LEVELS)
    known = {
        "buildings": shapely.box(EAST, NORTH, EAST + 1000, NORTH + coverage_height).intersection(place.boundary),
        "transport": place.boundary,
    }
    return assemble(
        "toy",
        2023,
        place,
        boundary(),
        {"buildings": houses, "roads": road},
        {
            "buildings": estimates([1001, 500], ELECTRICITY, GRID_FACTOR, missing=missing),
            "roads": estimates([1000], PETROL, FUEL_FACTOR),
        },
        known,
        LEVELS,
    )


def test_every_level_holds_every_kilogram() -> None:
    made = city()
    assert made.bands == (ELECTRICITY, PETROL)
    assert list(made.cells) == [100, 500, 1000, 5000, 10000]
    for cells in made.cells.values():
        assert cells.kg.sum(axis=1).tolist() == [1501, 1000]


def test_a_house_over_four_cells_gives_each_its_quarter() -> None:
    cells = city().cells[100]
    west, south = cells.window.corners(cells.index)
    at = {(int(w) - EAST, int(s) - NORTH): kg for w, s, kg in zip(west, south, cells.kg[0], strict=True) if kg}
    corner = [at[0, 0], at[100, 0], at[0, 100], at[100, 100]]
    assert sorted(corner) == [250, 250, 250, 251]
    assert at[800, 800] == 500
    assert len(at) == 5


def test_the_quarter_of_500_m_cells_adds_up() -> None:
    cells = city().cells[500]
    west, south = cells.window.corners(cells.index)
    inside = (west >= EAST) & (south >= NORTH) & (west < EAST + 1000) & (south < NORTH + 1000)
    kg = {
        (int(w) - EAST, int(s) - NORTH): tuple(k)
        for w, s, k in zip(west[inside], south[inside], cells.kg.T[inside], strict=True)
    }
    assert kg == {(0, 500): (0, 0), (500, 500): (500, 0), (0, 0): (1001, 500), (500, 0): (0, 500)}


def test_what_no_source_covers_is_null_and_what_is_half_covered_is_incomplete() -> None:
    cells = city(coverage_height=850).cells[100]
    _, south = cells.window.corners(cells.index)
    row = (south - NORTH) // 100
    null, incomplete = (cells.null & bit("buildings")) > 0, (cells.incomplete & bit("buildings")) > 0
    full = cells.share == 1
    assert not null[full & (row <= 8)].any()
    assert null[full & (row == 9)].all()
    assert incomplete[full & (row >= 8)].all()
    assert not incomplete[full & (row < 8)].any()
    assert (cells.null & bit("forest")).all(), "no source provides forest"
    assert not (cells.null & bit("transport"))[full].any(), "covered without a road is zero"


def test_a_coarser_cell_is_incomplete_where_a_child_is_null() -> None:
    cells = city(coverage_height=850).cells[1000]
    at = int(np.argmax(cells.share))
    assert not cells.null[at] & bit("buildings")
    assert cells.incomplete[at] & bit("buildings")


def test_a_source_without_a_value_makes_its_cell_incomplete() -> None:
    made = city(missing=[1])
    cells = made.cells[100]
    west, south = cells.window.corners(cells.index)
    unknown = (cells.incomplete & bit("buildings")) > 0
    holds = (west == EAST + 800) & (south == NORTH + 800)
    assert unknown[holds].all()
    assert not unknown[(cells.share == 1) & ~holds].any()
    assert cells.kg[0].sum() == 1001


def test_half_widths_follow_the_factor() -> None:
    made = city()
    assert total_intervals(made) == {
        "emission_total": round(np.hypot(0.10 * 1501, 0.30 * 1000)),
        "absorption_forest": 0,
        "net": round(np.hypot(0.10 * 1501, 0.30 * 1000)),
    }
    cells = made.cells[100]
    lonely = int(np.argmax(cells.kg[0]))
    assert cells.kg[:, lonely].tolist() == [500, 0]
    assert cells.u95[:, lonely].tolist() == [50, 0, 50]


def test_percentiles_stand_beside_the_half_widths() -> None:
    # 1501 kg of one band and 1000 of another; no error is above 30 %: approach 1, symmetric
    made = city()
    half = round(np.hypot(0.10 * 1501, 0.30 * 1000))
    assert total_percentiles(made)["emission_total"] == Interval("approach_1", 2501 - half, 2501, 2501 + half)
    assert total_percentiles(replace(made, layers={})) == {}


def test_border_cells_keep_what_is_inside() -> None:
    place = Place.of(boundary(950, 1030), "EPSG:5179", LEVELS)
    cut = border(place)
    area = shapely.area(cut.geometry.to_shapely())
    share = place.share[np.searchsorted(place.index, cut.cells)]
    np.testing.assert_allclose(area, share * 10_000, atol=1e-3)
    assert place.area_m2.sum() == pytest.approx(950 * 1030, rel=1e-3)


def test_the_place_covers_the_boundary_to_the_square_millimetre() -> None:
    place = Place.of(boundary(950, 1030), "EPSG:5179", LEVELS)
    assert place.share.sum() * 10_000 == pytest.approx(place.boundary.area, abs=1e-3)


def test_coarsening_twice_is_coarsening_once() -> None:
    fine = city().cells[100]
    twice, once = coarsen(coarsen(fine, 5), 2), coarsen(fine, 10)
    np.testing.assert_array_equal(twice.kg, once.kg)
    np.testing.assert_array_equal(twice.index, once.index)
    np.testing.assert_array_equal(twice.incomplete, once.incomplete)
    np.testing.assert_allclose(twice.share, once.share, rtol=1e-12)


def test_rows_and_factors_that_two_kinds_share_become_one() -> None:
    houses, road = (estimates([1000], band, GRID_FACTOR) for band in (ELECTRICITY, PETROL))
    merged = Tables.merge({"buildings": houses, "roads": road})
    assert merged.bands == (ELECTRICITY, PETROL)
    assert [f.id for f in merged.factors] == ["el"]
    assert merged.lines["roads"].band.tolist() == [1]
    assert merged.lines["roads"].factor.tolist() == [0]
    assert merged.lines["roads"].row.tolist() == [1]


def on_the_lattice() -> Place:
    """One square kilometre whose projected boundary runs exactly on the lattice."""
    outline = shapely.box(EAST, NORTH, EAST + 1000, NORTH + 1000)
    window = Window.around(Grid(5179, 100), outline.bounds, 10_000)
    share = shares(outline, window).ravel()
    return Place(window, outline, np.flatnonzero(share), share[share > 0])


def test_a_road_along_the_boundary_belongs_to_the_cells_inside() -> None:
    place = on_the_lattice()
    road = table("roads", shapely.LineString([(1000, 0), (1000, 1000)]), shapely.LineString([(0, 1000), (1000, 1000)]))
    found = parts(road.geometry, place.window)
    assert not np.isin(found.cell, place.index).any(), "by the rule of lattice lines they lie north-east of it"
    inside = settled(found, place)
    assert np.isin(inside.cell, place.index).all()
    assert inside.measure.sum() == 2000
    west, south = place.window.corners(inside.cell[inside.source == 0])
    assert set(west - EAST) == {900}
    assert sorted(south - NORTH) == list(range(0, 1000, 100))


def test_a_source_far_outside_is_refused() -> None:
    place = on_the_lattice()
    road = table("roads", shapely.LineString([(3000, 0), (3000, 50)]))
    with pytest.raises(InvalidInput, match="outside the boundary"):
        settled(parts(road.geometry, place.window), place)


def test_quality_of_a_coarse_cell_is_weighed_by_its_pieces_not_by_rounded_grades() -> None:
    houses = table("buildings", *(shapely.box(x, 10, x + 10, 20) for x in (10, 50, 110)))
    made = replace(estimates([50, 50, 50], ELECTRICITY, GRID_FACTOR), quality=np.array([3, 2, 2], np.uint8))
    place = Place.of(boundary(), "EPSG:5179", LEVELS)
    whole = assemble("toy", 2023, place, boundary(), {"buildings": houses}, {"buildings": made}, {}, LEVELS)
    # Cells: (3 + 2) / 2 = 2.5 -> 3, and 2. Their parent: (3 + 2 + 2) / 3 = 2.33 -> 2; from the cells' own it were 2.67.
    assert sorted(whole.cells[100].quality[whole.cells[100].quality > 0]) == [2, 3]
    assert set(whole.cells[1000].quality) == {0, 2}
