# SPDX-License-Identifier: Apache-2.0
"""Units of the map: two units that overlap and leave a gap in the toy city, and real outlines of Jizzakh.

Unit 11 reaches from the west to 60 m east of the corner; unit 12 begins 20 m inside it, ends at 200 m east and 300 m
north, and hangs 200 m out of the city in the south. The gap is the strip east of 200 and what lies north of unit 12.
"""

from functools import cache
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from carbongrid.crs import geodesic_area, project_polygon
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import polygonal
from carbongrid.map_units import Allocation
from carbongrid.sectors import bit
from carbongrid.unit_shapes import UNALLOCATED, Units
from tests.toy import (
    BANDS,
    EAST,
    GROWTH,
    HOUSE_1,
    HOUSE_2,
    LOSS,
    METHANE,
    NORTH,
    ROAD,
    SHOP,
    SOUTH,
    WEST,
    on_earth,
    toy_inventory,
)

FIRST, SECOND = shapely.box(WEST, SOUTH, 60, NORTH), shapely.box(40, SOUTH - 200, 200, 300)
CITY = shapely.box(WEST, SOUTH, EAST, NORTH)
FOREST = shapely.box(WEST, -50, EAST, NORTH)


def earthly(shape: shapely.Polygon) -> shapely.Polygon | shapely.MultiPolygon:
    """Toy metres in CRS84."""
    return polygonal(on_earth(shape, 5179))


def outline(shape: shapely.Polygon) -> shapely.Polygon | shapely.MultiPolygon:
    """Toy metres in the grid CRS, by way of CRS84."""
    return project_polygon(earthly(shape), "EPSG:5179")


def toy_units() -> Units:
    """Given in the wrong order, as files do."""
    return Units.of(["12", "11"], ["둘", "하나"], [earthly(SECOND), earthly(FIRST)], "EPSG:5179")


@cache
def allocation() -> Allocation:
    coverage = {"buildings": outline(CITY), "transport": outline(CITY), "forest": outline(FOREST)}
    missing = {"buildings": np.array([False, False, False, True])}
    return Allocation.of(toy_inventory(), toy_units(), coverage, missing)


def test_units_and_the_rest_hold_the_kilograms_of_the_city() -> None:
    table = allocation().table(toy_inventory())
    assert table.code.tolist() == ["11", "12", UNALLOCATED]
    by_band = {band: table.kg[BANDS.index(band)].tolist() for band in BANDS}
    assert by_band == {
        HOUSE_1: [500, 0, 0],
        HOUSE_2: [1000, 0, 0],
        SHOP: [1009, 0, 0],
        ROAD: [3500 + 4000, 400 + 1000, 100],
        METHANE: [30 + 6, 4 + 10, 0],
        GROWTH: [4001, 0, 0],
        LOSS: [1000, 0, 0],
    }
    assert table.kg.sum(axis=1).tolist() == toy_inventory().cells[100].kg.sum(axis=1).tolist()


def test_a_higher_level_is_the_sum_by_code() -> None:
    inventory = toy_inventory()
    units, above, nation = (allocation().table(inventory, digits) for digits in (None, 1, 0))
    assert above.code.tolist() == ["1", UNALLOCATED]
    assert nation.code.tolist() == ["", UNALLOCATED]
    assert above.kg[:, 0].tolist() == nation.kg[:, 0].tolist() == units.kg[:, :2].sum(axis=1).tolist()
    assert above.kg[:, 1].tolist() == units.kg[:, 2].tolist()
    assert above.coverage[0] == pytest.approx((216_000 + 70_000) / (216_000 + 102_000), rel=1e-4)


def test_areas_and_the_covered_share_of_units() -> None:
    table = allocation().table(toy_inventory())
    assert table.area_m2 == pytest.approx([360 * 600, 140 * 500, 50 * 600 + 140 * 100], rel=1e-3)
    assert table.coverage[0] == pytest.approx(1, rel=1e-5)  # a straight line in CRS84 bends by millimetres in the plane
    assert table.coverage[1] == pytest.approx(70_000 / (70_000 + 32_000), rel=1e-4)
    assert np.isnan(table.coverage[2])


def test_masks_follow_what_sources_cover_in_the_unit() -> None:
    table = allocation().table(toy_inventory())
    assert not table.null.any()
    assert table.incomplete.tolist() == [bit("forest"), bit("forest"), bit("forest") | bit("buildings")]


def test_a_unit_without_any_source_of_a_sector_is_null() -> None:
    coverage = {"buildings": outline(CITY), "transport": outline(CITY), "forest": outline(shapely.box(-300, 0, 0, 400))}
    table = Allocation.of(toy_inventory(), toy_units(), coverage, {}).table(toy_inventory())
    assert table.null.tolist() == [0, bit("forest"), bit("forest")]
    assert table.incomplete.tolist() == [bit("forest")] * 3


def test_half_widths_and_quality_of_what_lies_in_no_unit() -> None:
    """100 kg of road: own error 10 %, fuel 3 %, traffic 20 %."""
    table = allocation().table(toy_inventory())
    assert table.u95[:, 2].tolist() == [23, 0, 23]
    assert table.quality.tolist() == [2, 2, 2]


def test_the_order_in_a_file_changes_nothing() -> None:
    first, turned = (
        Units.of(codes, codes, [earthly(s) for s in shapes], "EPSG:5179")
        for codes, shapes in ((["11", "12"], [FIRST, SECOND]), (["12", "11"], [SECOND, FIRST]))
    )
    assert [g.wkb for g in first.outline] == [g.wkb for g in turned.outline]


def test_outlines_are_published_as_they_are_summed() -> None:
    """The smaller code keeps the overlap; what is published covers no place twice."""
    first, second = toy_units().published()
    assert geodesic_area(first) == pytest.approx(216_000, rel=1e-3)
    assert geodesic_area(second) == pytest.approx(102_000, rel=1e-3)
    assert first.intersection(second).area < 1e-12


def test_closure_counts_overlap_gap_and_what_hangs_out() -> None:
    closure = toy_units().closure(outline(CITY))
    assert closure.overlapping == 1
    assert closure.overlap_m2 == pytest.approx(20 * 500, abs=1)
    assert closure.gap_m2 == pytest.approx(44_000, abs=5)
    assert closure.outside_m2 == pytest.approx(32_000, abs=5)


def test_units_elsewhere_are_left_out() -> None:
    shapes = [earthly(FIRST), earthly(shapely.box(900, 0, 950, 50))]
    units = Units.of(["11", "13"], ["하나", "셋"], shapes, "EPSG:5179")
    assert units.within(outline(CITY)).code.tolist() == ["11"]


@pytest.mark.parametrize(
    ("codes", "second", "what"),
    [
        (["11", "11"], SECOND, "'11' cannot be the code"),
        (["11", UNALLOCATED], SECOND, "'unallocated' cannot be the code"),
        (["11", "12"], shapely.box(0, 0, 10, 10), "cover all of unit '12'"),
    ],
)
def test_codes_must_stand_for_one_place_each(codes: list[str], second: shapely.Polygon, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        Units.of(codes, codes, [earthly(FIRST), earthly(second)], "EPSG:5179")


def ranked(**rank: int) -> Units:
    """Squares of 100 m at 0, 100, … east, classes by name; ``p`` and ``q`` are drawn over the first three."""
    places = {"a": (0, 100), "b": (100, 200), "c": (150, 300), "p": (0, 300), "q": (0, 400)}
    shapes = [earthly(shapely.box(*(west, 0, east, 100))) for west, east in (places[c] for c in rank)]
    return Units.ranked(list(rank), [c.upper() for c in rank], shapes, list(rank.values()), "EPSG:5179")


def areas(units: Units) -> dict[str, int]:
    return {c: round(float(a)) for c, a in zip(units.code, shapely.area(units.outline), strict=True)}


def test_parents_keep_what_no_specific_unit_covers() -> None:
    assert areas(ranked(a=0, b=0, c=0, q=3, p=1)) == {"a": 10_000, "b": 10_000, "c": 10_000, "q": 10_000}
    assert areas(ranked(p=1, q=3)) == {"p": 30_000, "q": 10_000}
    assert areas(ranked(b=0, p=2, q=1)) == {"b": 10_000, "q": 30_000}, "the lower rank first, whatever the codes"


def test_a_parent_counts_as_no_overlap_but_two_specific_units_do() -> None:
    closure = ranked(a=0, b=0, c=0, p=1, q=3).closure(outline(CITY))
    assert closure.overlapping == 1
    assert closure.overlap_m2 == pytest.approx(5_000, abs=1)


def test_two_drawings_of_one_edge_leave_no_sliver_to_the_parent() -> None:
    shapes = [earthly(shapely.box(0, 0, 100, 100)), earthly(shapely.box(-0.004, 0, 100.004, 100))]
    assert Units.ranked(["a", "p"], ["A", "P"], shapes, [0, 1], "EPSG:5179").code.tolist() == ["a"]


def test_districts_of_jizzakh_become_disjoint(shared_data: Path) -> None:
    _, table = pyogrio.read_arrow(shared_data / "uzbekistan" / "jizzakh_districts_osm.gpkg")
    geometry = next(n for n in table.column_names if n in ("geom", "geometry", "wkb_geometry"))
    shapes = [polygonal(shapely.make_valid(g)) for g in shapely.from_wkb(table[geometry].to_pylist())]
    codes = [str(c) for c in table["soato"].to_pylist()]
    units = Units.of(codes, table["ADM2_UZ"].to_pylist(), shapes, "EPSG:32642")
    assert len(units) == 13
    assert units.code[0] == "1708201"
    assert units.name[-1] == "Jizzax shahri"
    low, high = shapely.STRtree(units.outline).query(units.outline, predicate="intersects")
    shared = shapely.area(shapely.intersection(units.outline[low], units.outline[high]))[low < high]
    assert shared.max() < 0.01
    closure = units.closure(polygonal(shapely.union_all(units.outline)))
    assert closure.gap_m2 == closure.outside_m2 == 0
    lost = shapely.area(units.raw).sum() - shapely.union_all(units.raw).area
    assert closure.overlap_m2 == pytest.approx(lost, abs=1)
