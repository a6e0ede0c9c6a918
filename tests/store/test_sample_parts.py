# SPDX-License-Identifier: Apache-2.0
"""The sample's generator piece by piece: tables byte for byte, plots, mosaics, routes, meters, gaps."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from carbongrid.errors import InvalidInput
from carbonstore.sample import PLACES, Recipe
from carbonstore.sample.buildings import SLOTS, build
from carbonstore.sample.energy import CARRIERS, Meters, intensities, monthly, quantities
from carbonstore.sample.forest import grow
from carbonstore.sample.layout import Lattice, Plots, Use
from carbonstore.sample.network import CITY, COUNTY, EXPRESSWAY, LOCAL, NATIONAL, Network
from carbonstore.sample.parcels import Parcels, number
from carbonstore.sample.place import Frame, Units, place_of, settled, smooth
from carbonstore.sample.roads import draw, traffic
from carbonstore.sample.shapefile import Column, table
from carbonstore.sample.terrain import Terrain

RECIPE = Recipe(PLACES["sejong"])


@pytest.fixture(scope="module")
def frame() -> Frame:
    return Frame.of(RECIPE.place)


def plots(*uses: Use, u: float = 60.0, v: float = 45.0) -> Plots:
    """Plots of 120 m x 90 m in a row, 200 m apart, in the new town."""
    n = len(uses)
    centre = np.stack([223_600.0 + 200 * np.arange(n), np.full(n, 433_700.0)], 1)
    return Plots(centre, np.tile([u, 0.0], (n, 1)), np.tile([0.0, v], (n, 1)), np.array(uses, np.int64))


NOWHERE = np.array([shapely.linestrings([[0, 0], [1, 1]])], object)


# --- tables ----------------------------------------------------------------------------------------------------------


def test_a_table_is_dbase_with_fixed_widths_and_a_fixed_date() -> None:
    made = table([Column("NAME", np.array(["산", "b"]), 4), Column("N", np.array([1.5, np.nan]), 5, 2)])
    assert made[:4] == bytes([3, 70, 1, 1])  # dBASE III, 1970-01-01
    assert made[8:12] == bytes([33 + 2 * 32, 0, 10, 0])  # header and record length
    assert made[97:] == b" " + "산".encode("cp949") + b"   1.50" + b" b" + b"   " + b"     " + b"\x1a"


def test_text_wider_than_its_column_is_refused_not_cut() -> None:
    with pytest.raises(InvalidInput, match="wider than 3 bytes"):
        table([Column("NAME", np.array(["세종"]), 3)])


def test_a_character_that_cp949_does_not_have_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        table([Column("NAME", np.array(["ʻ"]), 8)])


# --- place -----------------------------------------------------------------------------------------------------------


def test_units_find_the_dong_of_a_point_and_the_nearest_one_outside(frame: Frame) -> None:
    (centre,) = frame.centres(("36110107",))
    dong = frame.dongs.names[frame.dongs.locate(centre[None])[0]]
    assert dong == "나성동"
    north = np.array([[215_000.0, 470_000.0]])
    assert frame.dongs.names[frame.dongs.locate(north)[0]] == "소정면"


def test_sejong_has_24_dongs_and_125_ris(frame: Frame) -> None:
    assert (len(frame.dongs.codes), len(frame.ris.codes)) == (24, 125)
    assert frame.boundary.area == pytest.approx(465.2e6, rel=1e-3)


def test_a_place_not_drawn_by_hand_takes_its_quarters_from_the_units_names(frame: Frame) -> None:
    place = settled(place_of("elsewhere", "36110"), frame)
    assert len(place.urban) == 14  # 동
    assert place.towns == ("3611025021",)  # first ri of 조치원읍
    assert len(place.seats) == 9  # 면
    assert settled(PLACES["sejong"], frame) is PLACES["sejong"]


def test_smoothing_keeps_the_ends_of_a_line() -> None:
    line = shapely.get_coordinates(smooth(((127.0, 36.0), (127.1, 36.0), (127.1, 36.1))))
    assert line[0] == pytest.approx([200_000, 377_912], abs=500)
    assert len(line) > 10


def test_units_of_a_city_without_rural_parts_have_no_ris() -> None:
    assert Units.load("ri", "11110").codes == ()


def test_streams_of_stages_are_independent_and_repeatable() -> None:
    assert RECIPE.rng("roads").random() == RECIPE.rng("roads").random()
    assert RECIPE.rng("roads").random() != RECIPE.rng("forest").random()
    assert replace(RECIPE, seed=2).rng("roads").random() != RECIPE.rng("roads").random()


# --- plots and buildings ---------------------------------------------------------------------------------------------


def test_splitting_a_plot_keeps_its_area_but_for_the_lanes() -> None:
    parts = plots(Use.COMMERCIAL).split(4, 3, gap=1.0)
    assert len(parts) == 12
    area = 4 * np.abs(parts.u[:, 0] * parts.v[:, 1])
    assert area.tolist() == pytest.approx([120 * 90 / 12] * 12)
    assert parts.centre.mean(0) == pytest.approx(plots(Use.COMMERCIAL).centre[0])


def test_blocks_of_a_lattice_are_the_squares_between_its_streets() -> None:
    lattice = Lattice.draw(np.zeros(2), np.full(2, 100.0), (100.0, 50.0), 0.0, 0.0)
    blocks = lattice.blocks(5.0)
    assert np.unique(2 * np.linalg.norm(blocks.u, axis=1)).round(6).tolist() == [90.0]  # 100 m less 5 m on each side
    assert np.unique(2 * np.linalg.norm(blocks.v, axis=1)).round(6).tolist() == [40.0]
    one = np.zeros(len(blocks), bool)
    one[len(one) // 2] = True
    streets = lattice.streets(one, every=3)
    assert (len(streets.nodes), len(streets.edges)) == (4, 4)  # one block, four streets around it


def test_buildings_stand_on_their_plots_and_know_their_measures() -> None:
    made = build(plots(*SLOTS), NOWHERE, RECIPE)
    assert len(made) > len(SLOTS) / 2
    here = plots(*SLOTS)
    assert (np.abs(shapely.get_coordinates(shapely.centroid(made.outline)) - here.centre[made.plot]) < [60, 45]).all()
    assert made.footprint_m2 == pytest.approx(shapely.area(made.outline))
    levels = made.storeys + made.basements
    assert (made.floor_area_m2 <= made.footprint_m2 * levels + 0.01).all()
    assert (made.floor_area_m2 >= 0.7 * made.footprint_m2 * levels - 0.01).all()
    assert (made.approved <= np.datetime64("2023-12-31")).all()


def test_no_building_stands_on_a_street() -> None:
    through = np.array([shapely.linestrings([[223_000, 433_700], [226_000, 433_700]])], object)
    free, crossed = (build(plots(Use.OFFICE, Use.OFFICE, Use.OFFICE), s, RECIPE) for s in (NOWHERE, through))
    assert len(free) > 0
    assert len(crossed) == 0


def test_of_two_plots_in_one_place_only_one_is_built() -> None:
    twice = Plots.join([plots(Use.BARN), plots(Use.BARN)])
    assert len(build(twice, NOWHERE, RECIPE)) == 1


def test_parcels_of_a_dong_are_numbered_once(frame: Frame) -> None:
    here = Plots.join([plots(Use.COMMERCIAL).split(4, 3), plots(Use.BARN)])
    parcels = number(here, frame, RECIPE)
    assert len(set(parcels.pnu.tolist())) == 13
    assert set(parcels.dong.tolist()) == {"3611011000"}  # 어진동
    assert set(parcels.name.tolist()) == {"어진동"}
    assert parcels.area_m2[-1] == 120 * 90


def test_lot_numbers_read_as_in_the_registers() -> None:
    parcels = Parcels(
        np.array(["3611025021"] * 2), np.array(["원리"] * 2), np.array([False, True]), np.array([12, 3]),
        np.array([4, 0]), np.ones(2),
    )  # fmt: skip
    assert parcels.lot.tolist() == ["12-4", "산 3"]
    assert parcels.pnu.tolist() == ["3611025021100120004", "3611025021200030000"]


# --- meters ----------------------------------------------------------------------------------------------------------


def one_parcel(gas: bool, heat: bool) -> dict[str, float]:
    """Annual energy of a single parcel with flats, no chance in it but the year's."""
    stock = build(plots(Use.APARTMENTS), NOWHERE, RECIPE)
    flats = stock.take(stock.code == "02000")
    meters = Meters({"electricity": np.array([True]), "gas": np.array([gas]), "heat": np.array([heat])}, np.zeros(1))
    per_m2 = {c: quantities(c, 2022, flats, meters, RECIPE)[0] / flats.floor_area_m2.sum() for c in CARRIERS}
    return per_m2 | {"heat": per_m2["heat"] / 3.6}


@pytest.mark.parametrize(("gas", "heat"), [(True, False), (False, True), (True, True)])
def test_the_carriers_of_a_parcel_add_up_to_its_intensity(gas: bool, heat: bool) -> None:
    flat = intensities()["02000"]
    energy = one_parcel(gas, heat)
    assert (energy["gas"] > 0, energy["heat"] > 0) == (gas, heat)
    assert energy["electricity"] == pytest.approx(flat.kwh_m2 * (1 - flat.heat), rel=0.08)  # 2 % of chance a year
    assert sum(energy.values()) == pytest.approx(flat.kwh_m2, rel=0.08)


def test_without_pipes_half_of_the_heat_is_electric_and_the_rest_has_no_meter() -> None:
    flat = intensities()["02000"]
    energy = one_parcel(gas=False, heat=False)
    assert energy["electricity"] == pytest.approx(flat.kwh_m2 * (1 - flat.heat / 2), rel=0.08)
    assert energy["gas"] == energy["heat"] == 0


def test_months_are_whole_and_add_up_to_the_year() -> None:
    months = monthly("heat", 2023, np.array([0.0, 12_000.0]), RECIPE)
    assert months.shape == (2, 12)
    assert months[0].sum() == 0
    assert months[1].sum() == pytest.approx(12_000, abs=6)
    assert months[1, 0] > 5 * months[1, 6]  # January, July


# --- forest ----------------------------------------------------------------------------------------------------------


def test_stands_are_a_coverage_and_keep_away_from_houses(frame: Frame) -> None:
    recipe = replace(RECIPE, stand_area_m2=400_000.0)
    terrain = Terrain.raise_hills(frame, recipe)
    house = np.array([[217_000.0, 449_000.0]])
    stands = grow(frame, terrain, house, recipe)
    assert shapely.is_valid(stands.outline).all()
    assert shapely.coverage_is_valid(stands.outline)
    wooded = stands.outline[stands.age > 0]
    assert shapely.area(wooded).sum() / frame.boundary.area == pytest.approx(0.44, abs=0.08)
    straight = shapely.convex_hull(stands.outline)
    assert (shapely.area(stands.outline) / shapely.area(straight)).mean() < 0.97  # edges wander


def test_another_forest_share_moves_the_tree_line(frame: Frame) -> None:
    low, high = (Terrain.raise_hills(frame, replace(RECIPE, forest_share=s)).tree_line for s in (0.2, 0.6))
    assert low > high


# --- roads -----------------------------------------------------------------------------------------------------------


def triangle() -> Network:
    nodes = np.array([[0.0, 0.0], [1_000.0, 0.0], [0.0, 2_000.0]])
    edges = np.array([[0, 1], [1, 2], [0, 2]])
    none = np.zeros(3, bool)
    return Network(nodes, edges, np.array([NATIONAL, COUNTY, EXPRESSWAY]), np.array([True, False, False]), none)


def test_each_edge_has_a_link_a_direction_on_the_right_hand_side() -> None:
    roads = draw(triangle(), RECIPE)
    assert roads.ends.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1], [0, 2], [2, 0]]
    there, back = (shapely.get_coordinates(line) for line in roads.lines[:2])
    assert there.tolist() == [[0, -4], [1_000, -4]]  # a straight street eastwards keeps south of its axis
    assert back.tolist() == [[1_000, 4], [0, 4]]
    assert shapely.length(roads.lines[4]) == pytest.approx(2_000, rel=0.05)  # an expressway hardly bends


def test_traffic_of_the_two_directions_adds_up_and_grows_by_the_year(frame: Frame) -> None:
    network = triangle()
    first, second = (traffic(y, network, frame, RECIPE) for y in (2022, 2023))
    assert first.shape == (6,)
    both = first.reshape(3, 2)
    assert (np.abs(both[:, 0] / both.sum(1) - 0.5) < 0.05).all()
    assert second.sum() / first.sum() == pytest.approx(1.021, abs=0.05)
    assert both.sum(1)[2] > both.sum(1)[1]  # expressway against county road


def test_ranks_are_those_of_the_standard() -> None:
    assert (EXPRESSWAY, NATIONAL, CITY, LOCAL, COUNTY) == (101, 103, 104, 106, 107)
