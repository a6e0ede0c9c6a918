# SPDX-License-Identifier: Apache-2.0
"""Roads: oracles T13, T16, T17 by name; links whose kilograms are a sum a reader can do."""

import csv
import shutil

import geopandas
import numpy as np
import pytest

from carbongrid import roads
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FOLDER, FactorSet
from tests.model.activity import by_band, kg, table

KOR, UZB, IPCC = (FactorSet.load(c) for c in ("kor", "uzb", "ipcc"))
CO2 = "transport.road.1.co2"


def estimate(measure, factors=KOR, year=2023, inside=None, **columns):
    return roads.estimate(table("roads", measure, inside, **columns), factors, year)


def at(curve, *speeds):
    return IPCC.curves[curve].at(np.array(speeds, np.float64))


# --- curves -----------------------------------------------------------------------------------------------------


def test_t13_petrol_car_euro_4_by_equation_25():
    assert at("PC_G_1.4-2.0.IV+", 10, 50, 90, 130) == pytest.approx([107.52, 56.22, 53.74, 64.39], abs=0.01)


@pytest.mark.parametrize(
    ("curve", "speeds", "mj_per_km"),
    [
        ("BUS_STD_D.III", (20, 50), (15.397, 10.040)),
        ("BUS_STD_D.V.SCR", (20, 50), (13.545, 8.984)),
        ("BUS_STD_D.VI.DPF+SCR", (20, 50), (13.981, 9.255)),
        ("BUS_STD_CNG.II", (6, 40, 75), (24.72, 24.72, 24.72)),
    ],
)
def test_t16_buses_of_the_2019_guidebook(curve, speeds, mj_per_km):
    assert at(curve, *speeds) == pytest.approx(mj_per_km, abs=1e-3)


def test_t17_speeds_outside_the_range_are_clamped():
    curve = IPCC.curves["PC_G_1.4-2.0.IV+"]
    assert (curve.vmin, curve.vmax) == (10, 130)
    assert at(curve.id, 3)[0] == at(curve.id, 10)[0]
    assert at(curve.id, 170)[0] == at(curve.id, 130)[0]
    assert curve.outside(np.array([3.0, 10, 130, 130.5])).tolist() == [True, False, False, True]


def test_grams_become_energy_by_the_curves_own_fuel():
    curve = IPCC.curves["PC_G_1.4-2.0.IV+"]
    grams = curve.at(np.array([50.0]))
    assert roads.mj_per_km(IPCC, curve, np.array([50.0])) == pytest.approx(grams * 44.3 / 1000)
    bus = IPCC.curves["BUS_STD_D.III"]
    assert roads.mj_per_km(IPCC, bus, np.array([50.0])) == pytest.approx([10.040], abs=1e-3)


# --- links ------------------------------------------------------------------------------------------------------


@pytest.fixture
def petrol(tmp_path):
    """Korea with nothing but T13's petrol car on the road."""
    folder = shutil.copytree(FOLDER / "kor", tmp_path / "kor")
    header = (folder / "fleet.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    row = dict.fromkeys(header, "test") | {"vehicle": "car", "carrier": "gasoline", "curve": "PC_G_1.4-2.0.IV+"}
    row |= {"id": "test.car", "share": "1", "year": "2023", "u_pct": "15", "status": "placeholder"}
    with (folder / "fleet.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerow(row)
    return FactorSet.read(folder, IPCC)


def test_a_link_of_petrol_cars(petrol):
    # 1,000 cars a day x 365 x 2 km x 56.218 g/km = 41.04 t petrol x 44.3 GJ/t x 69.3 kg/GJ
    e = estimate([2000.0], petrol, aadt_car=[1000.0], speed_kmh=[50.0], class_=["primary"])
    assert kg(e) == pytest.approx(365 * 1000 * 2 * 0.0562180 * 44.3 * 69.3 / 1000, abs=1)
    assert by_band(e) == {CO2: 125_990}


def test_electric_cars_emit_nothing_on_the_road():
    # 2 % of the Korean cars: 98 % of the vehicle-km burn something
    fleet = KOR.tables["fleet"]
    share = dict(
        zip(zip(fleet.text("vehicle"), fleet.text("carrier"), strict=True), fleet.number("share"), strict=True)
    )
    assert share["car", "electricity"] == 0.02
    e = estimate([1000.0], aadt_car=[1000.0], speed_kmh=[50.0])
    assert not any("electric" in f.id for f in e.factors)
    assert {f.id for f in e.factors} == {
        f"ipcc.{fuel}_road.{gas}" for fuel in ("gasoline", "diesel", "lpg") for gas in ("co2", "ch4", "n2o")
    }


def test_gas_cars_use_the_petrol_curves_energy_and_emit_methane():
    # Uzbek cars: 45 % on CNG. MJ/km x 56.1 kg/GJ, 92 kg CH4 and 3 kg N2O per TJ
    e = estimate([1000.0], UZB, aadt_car=[1000.0], speed_kmh=[50.0])
    mj = at("PC_G_le1.4.II", 50)[0] * 44.3 / 1000
    tj = 365 * 1000 * 0.45 * mj * 1e-6
    lines = {e.factors[f].id: int(v) for f, v in zip(e.lines.factor, e.lines.kg, strict=True)}
    assert lines["ipcc.cng_road.co2"] == round(tj * 56_100)
    assert lines["ipcc.cng_road.ch4"] == round(tj * 92 * 28)
    assert lines["ipcc.cng_road.n2o"] == round(tj * 3 * 265)
    assert e.lines.band[np.isin([e.factors[f].id for f in e.lines.factor], ["uzb.gasoline_road.co2"])].tolist() == [
        e.lines.band[[e.factors[f].id for f in e.lines.factor].index("ipcc.cng_road.co2")]
    ], "both fuels feed one band"


def test_volumes_by_vehicle_replace_total_and_mix():
    split = estimate([1000.0], aadt_car=[820.0], aadt_van=[30.0], aadt_bus=[30.0], aadt_truck=[120.0], speed_kmh=[40.0])
    mixed = estimate([1000.0], aadt=[1000.0], class_=["primary"], speed_kmh=[40.0])  # 82, 3, 3, 12 %
    assert by_band(split) == by_band(mixed)
    both = estimate(
        [1000.0], aadt=[9e9], aadt_car=[820.0], aadt_van=[30.0], aadt_bus=[30.0], aadt_truck=[120.0], speed_kmh=[40.0]
    )
    assert by_band(both) == by_band(split)


def test_other_vehicles_of_the_fleet_have_columns_too():
    small, all_trucks = (
        estimate([1000.0], speed_kmh=[40.0], **{c: [100.0]}) for c in ("aadt_truck_small", "aadt_truck")
    )
    assert 0 < kg(small) < kg(all_trucks)
    with pytest.raises(UnknownName, match="unknown column 'aadt_trucks', did you mean 'aadt_truck'"):
        estimate([1000.0], aadt_trucks=[100.0])


def test_volumes_count_both_directions_unless_the_link_is_one_way():
    classes = ["primary"] * 4 + ["motorway"] * 2
    e = estimate(
        [1000.0] * 6,
        class_=classes,
        oneway=[0.0, 1.0, None, None, None, 0.0],
        aadt=[None, None, None, 20_000.0, None, None],
    )
    two_way, one_way, unsaid, counted, motorway, motorway_two_way = (kg(e, CO2, i) for i in range(6))
    assert one_way == pytest.approx(two_way / 2, abs=3)
    assert unsaid == two_way == counted, "the default of a Korean primary road is 20,000 in both directions"
    assert motorway == pytest.approx(motorway_two_way / 2, abs=3), "a motorway is one-way unless said otherwise"
    given = estimate([1000.0] * 2, class_=["primary"] * 2, aadt=[5000.0] * 2, oneway=["yes", "no"])
    assert kg(given, CO2, 0) == kg(given, CO2, 1), "a given volume is the link's own"


def test_clamped_links_are_counted():
    e = estimate([1000.0] * 3, class_=["101", "103", "service"], speed_kmh=[100.0, 70.0, 4.0])
    assert e.notes["speed_clamped"] == 2  # trucks end at 86 km/h; cars start at 10


def test_counted_and_default_volumes_differ_in_quality_and_error():
    e = estimate([1000.0] * 2, class_=["primary"] * 2, aadt=[20_000.0, None])
    assert (e.quality.tolist(), e.imputed.tolist()) == ([2, 5], [False, True])
    assert kg(e, source=0) == kg(e, source=1)
    rows = {int(s): e.rows[r].id for s, r in zip(e.lines.source, e.lines.row, strict=True)}
    assert rows[0] == "kor.mix.urban+kor.fuel_shares+ipcc.curve_fleet"
    assert rows[1] == "kor.aadt.primary+kor.mix.urban+kor.fuel_shares+ipcc.curve_fleet"
    own = {int(s): float(u) for s, u in zip(e.lines.source, e.lines.u_own, strict=True)}
    assert own == {0: 10.0, 1: 60.0}
    assert (e.notes["counted"], e.notes["aadt_default"]) == (1, 1)


def test_a_class_unknown_without_a_volume_is_missing():
    e = estimate([1000.0] * 3, class_=["hyperloop", "hyperloop", None], aadt=[None, 100.0, None])
    assert e.missing.tolist() == [True, False, True]
    assert (e.notes["class_unknown"], kg(e, source=0)) == (3, 0)
    assert kg(e, source=1) > 0


def test_a_volume_of_zero_is_zero_and_not_missing():
    e = estimate([1000.0], class_=["primary"], aadt=[0.0])
    assert (len(e.lines.kg), e.missing.tolist(), e.imputed.tolist()) == (0, [False], [False])


def test_a_negative_volume_is_refused():
    with pytest.raises(InvalidInput, match="roads 0: aadt -5 is impossible"):
        estimate([1000.0], class_=["primary"], aadt=[-5.0])


def test_part_of_a_link_is_part_of_its_kilograms(petrol):
    e = estimate([2000.0], petrol, inside=[0.25], aadt_car=[1000.0], speed_kmh=[50.0])
    assert kg(e) == 31_497  # 125,990 / 4


def test_korean_ranks_and_osm_classes_with_motor_traffic():
    motor = roads.motor_classes(KOR)
    assert {"101", "102", "103", "104", "105", "106", "107", "108", "primary", "service", "motorway_link"} <= motor
    assert not motor & {"footway", "track", "path", "cycleway", "steps", "pedestrian", "bridleway", "platform"}
    assert "101" not in roads.motor_classes(UZB)


def test_links_without_motor_traffic_give_nothing():
    e = estimate([1000.0] * 2, IPCC, class_=["footway", "track"])
    assert (kg(e), e.missing.any()) == (0, False)
    assert (e.notes["no_motor_traffic"], e.notes["aadt_default"]) == (2, 0)


# --- properties -------------------------------------------------------------------------------------------------


@pytest.fixture
def network():
    rng = np.random.default_rng(5)
    n = 400
    return table(
        "roads",
        rng.uniform(20, 3000, n).tolist(),
        rng.uniform(0.1, 1, n).tolist(),
        class_=rng.choice(["101", "103", "primary", "residential", "none"], n).tolist(),
        aadt=np.where(rng.random(n) < 0.5, rng.uniform(0, 5e4, n), np.nan).tolist(),
        speed_kmh=np.where(rng.random(n) < 0.7, rng.uniform(5, 120, n), np.nan).tolist(),
        oneway=rng.choice([0.0, 1.0, np.nan], n).tolist(),
    )


def test_the_order_of_links_changes_nothing(network):
    order = np.random.default_rng(6).permutation(len(network))
    other = type(network)(
        network.kind, network.id[order], network.geometry, network.measure[order], network.inside[order],
        {c: v[order] for c, v in network.columns.items()},
    )  # fmt: skip
    a, b = (roads.estimate(t, KOR, 2023) for t in (network, other))
    assert (a.bands, a.factors, a.rows, a.notes) == (b.bands, b.factors, b.rows, b.notes)
    per_link = [np.bincount(e.lines.source, e.lines.kg, len(network)) for e in (a, b)]
    assert np.array_equal(per_link[0][order], per_link[1])


def test_twice_the_length_is_twice_the_emission(network):
    double = type(network)(
        network.kind, network.id, network.geometry, 2 * network.measure, network.inside, network.columns
    )
    a, b = (roads.estimate(t, KOR, 2023) for t in (network, double))
    assert kg(b) == pytest.approx(2 * kg(a), abs=1.5 * len(b.lines.kg))
    assert np.array_equal(a.missing, b.missing)


@pytest.mark.parametrize("factors", [KOR, UZB, IPCC], ids=lambda f: f.country.id)
def test_an_empty_table_gives_an_empty_estimate(factors):
    assert len(estimate([], factors, class_=[]).lines.kg) == 0


def test_motor_classes_of_bad_hersfeld_are_314_km_of_730(shared_data):
    frame = geopandas.read_parquet(shared_data / "city/badhersfeld_roads.parquet").to_crs("EPSG:25832")
    km = frame.length / 1000
    assert km.sum() == pytest.approx(730.2, abs=0.1)
    assert km[frame.highway.isin(roads.motor_classes(IPCC))].sum() == pytest.approx(314, abs=0.5)
    e = roads.estimate(table("roads", frame.length.tolist(), class_=frame.highway.tolist()), IPCC, 2023)
    assert not e.missing.any(), "every class is listed"
    assert e.notes["placeholder_kg"] == e.notes["kg"] == kg(e)


# --- hours ------------------------------------------------------------------------------------------------------


def hourly(volume, speed=None):
    columns = {f"volume_h{h:02d}": [float(v)] for h, v in enumerate(volume)}
    return columns | ({f"speed_h{h:02d}": [float(v)] for h, v in enumerate(speed)} if speed is not None else {})


def test_hours_at_one_speed_are_the_day(petrol):
    # 12 x 50 + 12 x 33.33… = 1,000 cars a day, all at 50 km/h
    day = estimate([2000.0], petrol, aadt_car=[1000.0], speed_kmh=[50.0])
    hours = estimate([2000.0], petrol, speed_kmh=[50.0], aadt_car=[1.0], **hourly([50] * 12 + [400 / 12] * 12))
    assert by_band(hours) == by_band(day) == {CO2: 125_990}
    assert (hours.notes["hourly"], hours.notes["counted"], hours.quality.tolist()) == (1, 1, [2])


def test_every_hour_burns_at_its_own_speed(petrol):
    # 600 cars at 20 km/h and 400 at 90, 1 km: q · L · ef(v) hour by hour
    volume, speed = [0] * 24, [50] * 24
    volume[8], speed[8], volume[14], speed[14] = 600, 20, 400, 90
    e = estimate([1000.0], petrol, aadt_car=[1.0], **hourly(volume, speed))
    grams = 600 * at("PC_G_1.4-2.0.IV+", 20)[0] + 400 * at("PC_G_1.4-2.0.IV+", 90)[0]
    assert kg(e) == round(365 * grams / 1e6 * 44.3 * 69.3)
    mean = estimate([1000.0], petrol, aadt_car=[1000.0], speed_kmh=[0.6 * 20 + 0.4 * 90])
    assert kg(e) > 1.1 * kg(mean), "use is convex in speed: a mean speed says too little"


def test_a_link_with_hours_missing_falls_back_and_is_counted():
    volume = [100.0] * 24
    short = hourly(volume) | {"volume_h03": [None]}
    e = estimate([1000.0], class_=["primary"], aadt=[5000.0], speed_kmh=[40.0], **short)
    assert (e.notes["hourly"], e.notes["hourly_incomplete"]) == (0, 1)
    assert by_band(e) == by_band(estimate([1000.0], class_=["primary"], aadt=[5000.0], speed_kmh=[40.0]))


def test_hours_take_the_mix_of_the_class_or_the_split_of_the_vehicles():
    mixed = estimate([1000.0], class_=["primary"], speed_kmh=[40.0], **hourly([1000 / 24] * 24))
    assert by_band(mixed) == by_band(estimate([1000.0], class_=["primary"], aadt=[1000.0], speed_kmh=[40.0]))
    parts = {"aadt_car": [8.2], "aadt_van": [0.3], "aadt_bus": [0.3], "aadt_truck": [1.2]}
    split = estimate([1000.0], class_=["motorway"], speed_kmh=[40.0], **parts, **hourly([1000 / 24] * 24))
    assert kg(split) == pytest.approx(kg(mixed), abs=3)


def test_a_fast_hour_is_clamped_and_counted(petrol):
    speed = [50] * 23 + [170]
    empty, driven = ([100] * 23 + [v] for v in (0, 100))
    assert estimate([1.0], petrol, aadt_car=[1.0], **hourly(empty, speed)).notes["speed_clamped"] == 0
    assert estimate([1.0], petrol, aadt_car=[1.0], **hourly(driven, speed)).notes["speed_clamped"] == 1


# --- fuels by year ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "share"),
    [(2008, 0.08), (2010, 0.08), (2011, 0.08), (2012, 0.15), (2022, 0.15), (2023, 0.45), (2030, 0.45)],
)
def test_gas_cars_of_uzbekistan_by_year(year, share):
    e = estimate([1000.0], UZB, year=year, aadt_car=[1000.0], speed_kmh=[50.0])
    lines = {e.factors[f].id: int(v) for f, v in zip(e.lines.factor, e.lines.kg, strict=True)}
    mj = at("PC_G_le1.4.II", 50)[0] * 44.3 / 1000
    assert lines["ipcc.cng_road.co2"] == pytest.approx(365 * 1000 * share * mj * 56.1e-3, abs=1)


def test_a_fleet_of_another_year_is_recorded():
    others = "bus 2023 for 2022, car 2012 for 2022, truck 2023 for 2022, van 2023 for 2022"
    assert estimate([1.0], UZB, year=2022, aadt_car=[1.0]).notes["fleet_year_substituted"] == others
    assert "fleet_year_substituted" not in estimate([1.0], UZB, year=2023, aadt_car=[1.0]).notes


def test_methane_and_nitrous_oxide_of_a_petrol_and_a_diesel_fleet():
    e = estimate([1000.0], aadt_truck=[1000.0], speed_kmh=[60.0])
    lines = {e.factors[f].id: int(v) for f, v in zip(e.lines.factor, e.lines.kg, strict=True)}
    tj = lines["ipcc.diesel_road.co2"] / 74_100
    assert lines["ipcc.diesel_road.ch4"] == pytest.approx(tj * 3.9 * 28, abs=1)
    assert lines["ipcc.diesel_road.n2o"] == pytest.approx(tj * 3.9 * 265, abs=1)


def test_a_fleet_of_electric_cars_adds_nothing_and_is_no_gap(tmp_path):
    folder = shutil.copytree(FOLDER / "kor", tmp_path / "kor")
    text = (folder / "fleet.csv").read_text(encoding="utf-8").splitlines()
    electric = "ev.car,car,electricity,,1,2023,share of vehicle-km,15,placeholder,test of a fleet"
    (folder / "fleet.csv").write_text("\n".join([text[0], electric, ""]), encoding="utf-8")
    e = estimate([1000.0], FactorSet.read(folder, IPCC), aadt_car=[1000.0], speed_kmh=[50.0])
    assert (kg(e), e.missing.any(), e.bands) == (0, False, ())


def test_the_reciprocal_form_of_heavy_vehicles():
    curve = roads.Curve("c", "diesel", "g/km", "1/(cV2+bV+a)", (0.001, 8e-5, -6e-7, 0, 0, 0, 0, 0), 10, 60, None)
    assert curve.at(np.array([50.0])) == pytest.approx([1 / (0.001 + 0.004 - 0.0015)])
