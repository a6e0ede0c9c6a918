# SPDX-License-Identifier: Apache-2.0
"""Buildings: each expectation is a sum a reader can do with the factors of the Korean pack."""

import csv
import shutil

import geopandas
import numpy as np
import pytest

from carbongrid import buildings, drafts
from carbongrid.errors import InvalidInput
from carbongrid.factors import FOLDER, FactorSet
from tests.model.activity import by_band, kg, table

KOR, UZB, IPCC = (FactorSet.load(c) for c in ("kor", "uzb", "ipcc"))
ELECTRICITY = 0.4173  # kg CO2e per kWh, end user 2023
GAS = 0.1821  # kg CO2 per kWh GCV
NET_TJ = 3.6e-6 * 0.9017  # TJ NCV per kWh GCV
HOME_1 = "buildings.residential.1"
HOME_2 = "buildings.residential.2"


def estimate(measure, year=2023, factors=KOR, inside=None, **columns):
    return buildings.estimate(table("buildings", measure, inside, **columns), factors, year)


# --- use, storeys, floor area -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        ("house", "detached"),
        ("apartments", "apartment"),
        ("Office", "office"),
        ("01000", "detached"),
        ("1000", "detached"),
        ("02001", "apartment"),
        ("단독주택", "detached"),
        ("제1종 근린생활시설", "retail"),
        ("10000", "school"),
        ("14000", "office"),
        ("17000", "factory"),
        ("창고시설", "warehouse"),
        ("21000", "farm"),
    ],
)
def test_uses_are_recognised_in_every_spelling(use, kind):
    found = buildings.kinds(table("buildings", [1.0], use=[use]), KOR)
    assert (found.names[found.at[0]], found.known[0]) == (kind, True)


def test_an_unknown_use_takes_the_default_row_and_is_counted():
    e = estimate([100.0] * 4, use=["yes", None, "spaceport", "office"], storeys=[1.0] * 4)
    assert e.notes["use_unknown"] == 3
    assert e.quality.tolist() == [5, 5, 5, 4]
    assert kg(e, "buildings.other.2.co2e_unsplit", 0) == kg(e, "buildings.other.2.co2e_unsplit", 2) > 0
    assert "kor.eui.other" in {r.id for r in e.rows}


def test_storeys_height_and_floor_area_follow_the_recorded_rules():
    t = table(
        "buildings",
        [100.0] * 6,
        use=["house"] * 6,
        floor_area_m2=[250.0, None, None, None, 0.0, None],
        storeys=[None, 4.0, None, None, None, 0.0],
        height_m=[None, None, 10.0, None, 1.2, None],
    )
    size = buildings.shape(t, KOR, buildings.kinds(t, KOR))
    assert size.rule.tolist() == [0, 1, 2, 3, 2, 3]  # a zero in a register means unknown
    assert size.storeys.tolist() == [2, 4, 3, 2, 1, 2]  # 10 m / 3.0 m = 3; at least one; detached houses have 2
    assert size.height_m.tolist() == [6.0, 12.0, 10.0, 6.0, 1.2, 6.0]
    assert size.floor_area_m2.tolist() == [250, 400, 300, 200, 100, 200]


def test_imputed_storeys_are_counted_flagged_and_graded():
    e = estimate([100.0] * 3, use=["house"] * 3, storeys=[2.0, None, None], height_m=[None, 9.0, None])
    assert (e.notes["storeys_from_height"], e.notes["storeys_default"]) == (1, 1)
    assert e.quality.tolist() == [4, 4, 5]
    assert e.imputed.all()
    assert "kor.eui.detached+ipcc.height_per_storey" in {r.id for r in e.rows}
    assert "kor.eui.detached+kor.storeys.detached" in {r.id for r in e.rows}


def test_expected_energy_is_floor_area_times_intensity():
    t = table("buildings", [100.0, 50.0, 0.0], use=["apartments", "office", "office"], storeys=[5.0, 2.0, 2.0])
    assert buildings.expected_energy(t, KOR)[:2].tolist() == [100 * 5 * 120, 50 * 2 * 150]
    assert np.isnan(buildings.expected_energy(t, KOR)[2])


# --- modelled energy --------------------------------------------------------------------------------------------


def test_a_house_by_intensity():
    # 100 m2 x 2 storeys x 130 kWh/m2 = 26,000 kWh: 65 % heat by gas, 35 % electricity
    e = estimate([100.0], use=["01000"], storeys=[2.0])
    gas_tj = 26_000 * 0.65 * NET_TJ
    assert by_band(e) == {
        f"{HOME_1}.ch4": round(gas_tj * 5 * 28),
        f"{HOME_1}.co2": round(26_000 * 0.65 * GAS),
        f"{HOME_1}.n2o": round(gas_tj * 0.1 * 265),
        f"{HOME_2}.co2e_unsplit": round(26_000 * 0.35 * ELECTRICITY),
    }
    assert kg(e, f"{HOME_1}.co2") == 3077
    assert kg(e, f"{HOME_2}.co2e_unsplit") == 3797


def test_uzbek_electricity_is_co2_alone_and_gas_is_on_the_net_basis():
    # 100 m2 x 280 kWh/m2 = 28,000 kWh NCV: 75 % gas at 56.1 kg/GJ, 25 % electricity at 0.61
    e = estimate([100.0], factors=UZB, use=["house"], storeys=[1.0])
    assert kg(e, f"{HOME_1}.co2") == round(21_000 * 3.6e-3 * 56.1) == 4241
    assert kg(e, f"{HOME_2}.co2") == 7_000 * 0.61


def test_only_what_lies_inside_counts():
    whole = estimate([100.0], use=["house"], storeys=[2.0])
    half = estimate([100.0], inside=[0.5], use=["house"], storeys=[2.0])
    assert kg(half, f"{HOME_1}.co2") == round(26_000 * 0.65 * GAS / 2)
    assert half.lines.activity.tolist() == whole.lines.activity.tolist(), "activity is the whole source's"


def test_activity_times_factor_explains_every_line():
    e = estimate([321.0], use=["office"], storeys=[3.0])
    by_id = {f.id: f for f in KOR.factors}
    for i, value in enumerate(e.lines.kg):
        factor = by_id[e.factors[e.lines.factor[i]].id]
        assert round(e.lines.activity[i] * KOR.kg_co2e(factor)) == value


# --- meters -----------------------------------------------------------------------------------------------------


def test_meters_replace_the_intensity_and_need_no_floor_area():
    e = estimate([0.0], use=["02000"], electricity_kwh=[10_000.0], gas_kwh_gcv=[20_000.0])
    assert kg(e, f"{HOME_2}.co2e_unsplit") == 4173
    assert kg(e, f"{HOME_1}.co2") == 3642
    assert kg(e, f"{HOME_1}.ch4") == round(20_000 * NET_TJ * 5 * 28)
    assert (e.lines.row == -1).all(), "no common row"
    assert set(e.lines.u_own.tolist()) == {5.0}
    assert (e.quality.tolist(), e.imputed.tolist(), e.missing.tolist()) == ([2], [False], [False])


def test_a_meter_that_is_absent_is_not_modelled_and_zero_is_a_value():
    e = estimate([100.0, 100.0], use=["house"] * 2, electricity_kwh=[1000.0, 0.0], gas_kwh_gcv=[None, None])
    assert by_band(e) == {f"{HOME_2}.co2e_unsplit": 417}
    assert not e.missing.any()
    assert e.notes["metered"] == 2


def test_district_heat_of_sejong_splits_into_gases():
    # 1 TJ: 41,356 kg CO2, 0.7436 kg CH4, 0.0743 kg N2O
    e = estimate([0.0], use=["02000"], heat_mj=[1e6], pnu=["3611010100100040020"])
    assert by_band(e) == {f"{HOME_2}.ch4": 21, f"{HOME_2}.co2": 41_356, f"{HOME_2}.n2o": 20}
    assert {f.id for f in e.factors} == {"kr_dh_sejong", "kr_dh_sejong_ch4", "kr_dh_sejong_n2o"}


def test_the_heat_supplier_follows_the_parcel_else_the_region_else_the_default():
    heat = {"use": ["02000"], "heat_mj": [1e6]}
    band = f"{HOME_2}.co2"
    assert kg(estimate([0.0], **heat), band) == 35_936
    assert kg(estimate([0.0], factors=FactorSet.load("kor", region="36110"), **heat), band) == 41_356
    two = estimate([0.0, 0.0], use=["02000"] * 2, heat_mj=[1e6, 1e6], pnu=["2711010100100040020", None])
    assert [kg(two, band, i) for i in (0, 1)] == [52_792, 35_936]


def test_gas_of_filling_stations_is_left_out_and_counted():
    e = estimate([10.0, 10.0], use=["19000", "14000"], gas_kwh_gcv=[5e6, 100.0], electricity_kwh=[100.0, 100.0])
    assert e.notes["gas_meters_left_out"] == 1
    assert kg(e, "buildings.industrial.1.co2", 0) == 0
    assert kg(e, "buildings.commercial.1.co2", 1) == 18


def test_a_building_with_nothing_usable_is_missing():
    e = estimate([0.0, 100.0], use=["house", "house"])
    assert e.missing.tolist() == [True, False]
    assert kg(e, source=0) == 0


@pytest.mark.parametrize("column", ["electricity_kwh", "gas_kwh_gcv", "heat_mj", "floor_area_m2"])
@pytest.mark.parametrize("value", [-1.0, np.inf])
def test_an_impossible_amount_is_refused_with_its_source(column, value):
    with pytest.raises(InvalidInput, match=rf"buildings 1: {column} {value:g} is impossible"):
        estimate([1.0, 1.0], use=["house"] * 2, **{column: [1.0, value]})


# --- years, placeholders, properties ----------------------------------------------------------------------------


def test_a_substituted_factor_year_is_recorded_and_flagged():
    e = estimate([0.0], year=2025, use=["house"], electricity_kwh=[1000.0], gas_kwh_gcv=[1000.0])
    assert e.notes["factor_year_substituted"] == "kr_el_2023 (2023 for 2025)"
    assert e.notes["factor_year_substituted_kg"] == 417
    exact = estimate([0.0], year=2022, use=["house"], electricity_kwh=[1000.0])
    assert "factor_year_substituted" not in exact.notes
    assert kg(exact) == 431


def test_placeholder_kilograms_are_counted():
    # meters rest on published factors, the modelled house on a placeholder intensity
    e = estimate([0.0, 100.0], use=["house"] * 2, electricity_kwh=[1e6, None], storeys=[None, 2.0])
    assert e.notes["kg"] == kg(e)
    assert e.notes["placeholder_kg"] == kg(e, source=1) > 0
    assert kg(e, source=0) == 417_300
    germany = estimate([100.0], factors=IPCC, use=["house"])
    assert germany.notes["placeholder_kg"] == kg(germany)


@pytest.fixture
def town():
    """500 mixed buildings, seeded; large enough that doubling and rounding stay within 1 kg a line."""
    rng = np.random.default_rng(3)
    n = 500

    def some(values, share):
        return np.where(rng.random(n) < share, values, np.nan)

    return table(
        "buildings",
        rng.uniform(50, 2000, n),
        rng.uniform(0.2, 1, n),
        use=rng.choice(["01000", "02000", "office", "yes", "school", "17000"], n).tolist(),
        storeys=some(rng.integers(1, 20, n).astype(float), 0.5),
        height_m=some(rng.uniform(2, 60, n), 0.3),
        electricity_kwh=some(rng.uniform(1e3, 1e6, n), 0.3),
        gas_kwh_gcv=some(rng.uniform(1e3, 1e6, n), 0.2),
        heat_mj=some(rng.uniform(1e3, 1e6, n), 0.1),
    )


def permuted(t, order):
    return type(t)(
        t.kind, t.id[order], t.geometry, t.measure[order], t.inside[order], {c: v[order] for c, v in t.columns.items()}
    )


def test_lines_are_sorted_by_source_then_band_and_never_zero(town):
    lines = buildings.estimate(town, KOR, 2023).lines
    key = lines.source.astype(np.int64) * 100 + lines.band
    assert (np.diff(key) >= 0).all()
    assert (lines.kg > 0).all()
    assert [a.dtype.name for a in (lines.source, lines.band, lines.factor, lines.row, lines.u_own, lines.kg)] == [
        "int32", "int16", "int16", "int16", "float32", "int64",
    ]  # fmt: skip


def test_the_order_of_sources_changes_nothing(town):
    order = np.random.default_rng(4).permutation(len(town))
    a, b = buildings.estimate(town, KOR, 2023), buildings.estimate(permuted(town, order), KOR, 2023)
    assert (a.bands, a.factors, a.rows, a.notes) == (b.bands, b.factors, b.rows, b.notes)
    assert by_band(a) == by_band(b)
    per_source = [np.bincount(e.lines.source, e.lines.kg, len(town)) for e in (a, b)]
    assert np.array_equal(per_source[0][order], per_source[1])
    assert np.array_equal(a.quality[order], b.quality)


def test_twice_the_activity_is_twice_the_emission(town):
    twice = type(town)(
        town.kind, town.id, town.geometry, 2 * town.measure, town.inside,
        {c: 2 * v if c in ("electricity_kwh", "gas_kwh_gcv", "heat_mj") else v for c, v in town.columns.items()},
    )  # fmt: skip
    a, b = buildings.estimate(town, KOR, 2023), buildings.estimate(twice, KOR, 2023)
    sums = [np.bincount(e.lines.source, e.lines.kg, len(town)) for e in (a, b)]
    assert np.abs(sums[1] - 2 * sums[0]).max() <= 12  # 1.5 kg of rounding in each of at most 8 bands
    assert sums[1].sum() == pytest.approx(2 * sums[0].sum(), rel=1e-6)


def test_a_source_added_changes_no_other(town):
    without = buildings.estimate(permuted(town, np.arange(499)), KOR, 2023)
    whole = buildings.estimate(town, KOR, 2023)
    assert kg(whole) - kg(whole, source=499) == kg(without)


@pytest.mark.parametrize("factors", [KOR, UZB, IPCC], ids=lambda f: f.country.id)
def test_an_empty_table_gives_an_empty_estimate(factors):
    e = estimate([], factors=factors)
    assert (len(e.lines.kg), e.bands, e.factors, e.rows) == (0, (), (), ())


def test_real_buildings_of_songpa_all_get_a_value(shared_data):
    frame = geopandas.read_parquet(shared_data / "korea/seoul_songpa_buildings.parquet").to_crs("EPSG:5179")
    t = table("buildings", frame.area, use=frame.building.tolist(), storeys=frame.levels.astype(float).tolist())
    e = buildings.estimate(t, KOR, 2023)
    assert (len(t), e.missing.sum()) == (1357, 0)
    assert e.notes["use_unknown"] == 470, "building=yes"
    # every kind uses 40 .. 128 kWh/m2 of electricity (unheated ones less)
    floor = buildings.shape(t, KOR, buildings.kinds(t, KOR)).floor_area_m2.sum()
    scope2 = sum(v for k, v in by_band(e).items() if ".2." in k)
    assert 40 * ELECTRICITY < scope2 / floor < 128 * ELECTRICITY


# --- climate and efficiency -------------------------------------------------------------------------------------


def spoilt(tmp_path, row, **fields):
    """The Korean pack with one intensity changed."""
    folder = shutil.copytree(FOLDER / "kor", tmp_path / "kor")
    path = folder / "intensities.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    next(r for r in rows if r["id"] == row).update(fields)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return FactorSet.read(folder, IPCC)


def test_the_heating_share_scales_with_degree_days():
    # an office heats with 30 % of its energy; Korea's reference is 2,450 K d
    cold, mild, unsaid = ({"hdd": [v]} for v in (3675.0, 2450.0, None))
    base = kg(estimate([1000.0], use=["office"], storeys=[1.0]), "buildings.commercial.2.co2e_unsplit")
    assert base == round(1000 * 150 * 0.7 * ELECTRICITY)
    for columns, factor in ((cold, 0.3 * 1.5 + 0.7), (mild, 1), (unsaid, 1)):
        e = estimate([1000.0], use=["office"], storeys=[1.0], **columns)
        assert kg(e, "buildings.commercial.2.co2e_unsplit") == round(1000 * 150 * 0.7 * factor * ELECTRICITY)


def test_meters_know_the_weather_already():
    cold = estimate([0.0], use=["office"], electricity_kwh=[1e4], hdd=[9000.0])
    assert kg(cold) == 4173


def test_degree_days_of_the_country_are_a_common_row():
    e = estimate([100.0], factors=UZB, use=["house"], storeys=[1.0])
    assert {r.id for r in e.rows} >= {"uzb.hdd", "uzb.eui.house+uzb.hdd"}
    own = estimate([100.0], factors=UZB, use=["house"], storeys=[1.0], hdd=[2600.0])
    assert "uzb.hdd" not in {r.id for r in own.rows}
    assert by_band(own) == by_band(e), "2,600 K d is the reference"


def test_a_useful_heat_intensity_is_divided_by_the_efficiency_of_its_carrier(tmp_path):
    useful = spoilt(tmp_path, "kor.eui.office", eui_kind="useful")
    site, heat = (estimate([1000.0], factors=f, use=["office"], storeys=[1.0]) for f in (KOR, useful))
    assert kg(heat, "buildings.commercial.2.co2e_unsplit") == kg(site, "buildings.commercial.2.co2e_unsplit")
    gas = 1000 * 150 * 0.3 * GAS
    assert kg(site, "buildings.commercial.1.co2") == round(gas)
    assert kg(heat, "buildings.commercial.1.co2") == round(gas * (0.3 / 0.85 + 0.7))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"eui_kind": "net"}, "unknown eui_kind 'net'"),
        ({"use": "housing"}, "unknown use 'housing'"),
        ({"kwh_per_m2": "0.15"}, "kwh_per_m2 0.15 is out of bounds"),
        ({"heating": "30"}, "heating 30 is out of bounds"),
    ],
)
def test_an_impossible_intensity_does_not_load(tmp_path, fields, message):
    with pytest.raises(InvalidInput, match=message) as e:
        spoilt(tmp_path, "kor.eui.office", **fields)
    assert e.value.where == "kor/intensities.csv (kor.eui.office)"


def test_slices_of_a_table_give_what_the_whole_gives(town, monkeypatch):
    whole = buildings.estimate(town, KOR, 2025)
    monkeypatch.setattr(drafts, "CHUNK", 64)
    parts = buildings.estimate(town, KOR, 2025)
    assert (parts.bands, parts.factors, parts.rows, parts.notes) == (
        whole.bands,
        whole.factors,
        whole.rows,
        whole.notes,
    )
    for name in ("source", "band", "factor", "row", "u_own", "activity", "kg"):
        assert np.array_equal(getattr(parts.lines, name), getattr(whole.lines, name)), name
    for name in ("missing", "quality", "imputed"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name)), name
