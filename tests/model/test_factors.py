# SPDX-License-Identifier: Apache-2.0
"""Country packs: every row says where it is from; what does not cannot load. Oracles T08-T12, T18, T28, T32 by name."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from carbongrid.curves import Curve
from carbongrid.errors import InvalidInput, NotFound, UnknownName
from carbongrid.factors import FOLDER, FactorSet, countries
from carbongrid.inventory import Activity
from carbongrid.schemas import MERGE, SCHEMAS
from carbongrid.tables import STATUS, Table
from carbongrid.units import EnergyUnit, energy

KOR, UZB, IPCC = (FactorSet.load(c) for c in ("kor", "uzb", "ipcc"))
END_USER = "combustion_consumption"


@pytest.fixture
def folder(tmp_path):
    """A copy of the Korean pack to spoil."""
    return shutil.copytree(FOLDER / "kor", tmp_path / "kor")


def spoil(path, row_id, **fields):
    """Rewrite fields of one row of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert any(r["id"] == row_id for r in rows)
    for row in rows:
        if row["id"] == row_id:
            row.update(fields)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def electricity(factors, year):
    (gas,) = {f.gas for f in factors.factors if f.carrier == "electricity" and f.basis == END_USER}
    return factors.lookup("electricity", year, gas=gas, basis=END_USER)


# --- what is in the packs ---------------------------------------------------------------------------------------


def test_there_are_three_packs():
    assert countries() == ("ipcc", "kor", "uzb")


@pytest.mark.parametrize("country", countries())
def test_every_table_row_of_every_pack_has_provenance(country):
    factors = FactorSet.load(country)
    for name, table in factors.tables.items():
        if not SCHEMAS[name].provenance:
            continue
        for i in range(len(table)):
            row = table.activity(i)
            assert row.status in STATUS, row.id
            assert len(row.source) > 8, row.id
            certain = name == "roads_classes" and not table.number("motor")[i]  # no motor traffic: 0 by definition
            assert row.u_pct > 0 or certain, row.id
            assert table.text("basis")[i], row.id


@pytest.mark.parametrize("country", countries())
def test_every_factor_row_is_complete(country):
    for f in FactorSet.load(country).factors:
        assert f.unit
        assert f.basis
        assert f.scope in (1, 2, 3)
        assert f.gas in ("co2", "ch4", "n2o", "co2e_unsplit")
        assert f.until >= f.year >= 1990
        assert f.status in STATUS
        assert f.source
        assert f.u_pct > 0


@pytest.mark.parametrize(("country", "crs"), [("kor", "EPSG:5179"), ("uzb", "EPSG:32642"), ("ipcc", None)])
def test_a_country_names_its_crs(country, crs):
    assert FactorSet.load(country).country.crs == crs


def test_where_no_real_row_exists_the_row_is_a_wide_placeholder():
    factor, _ = electricity(IPCC, 2023)
    assert factor.status == "placeholder"
    assert factor.u_pct >= 50
    for table in ("intensities", "increments", "roads_classes"):
        rows = [IPCC.tables[table].activity(i) for i in range(len(IPCC.tables[table]))]
        assert all(r.u_pct >= 60 for r in rows if r.status == "placeholder")


# --- oracles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "kwh_per_m2"), [(2018, 128), (2019, 121), (2020, 118), (2021, 119), (2022, 122), (2023, 117)]
)
def test_t08_national_energy_over_floor_area_is_the_published_intensity(year, kwh_per_m2):
    value = dict(zip(KOR.tables["controls"].id, KOR.tables["controls"].number("value"), strict=True))
    kwh = energy(value[f"kor.buildings.energy.{year}"] * 1000, "toe", "kWh")
    assert kwh / (value[f"kor.buildings.floor_area.{year}"] * 1e5) == pytest.approx(kwh_per_m2, abs=0.5)
    assert value[f"kor.buildings.intensity.{year}"] == kwh_per_m2


def test_published_parts_of_building_energy_stay_within_the_national_total():
    controls = KOR.tables["controls"]
    total = controls.number("value")[controls.at("kor.buildings.energy.2021")]
    for name, share in (("energy_by_use", 0.87), ("energy_by_region", 0.78)):
        parts = controls.number("value")[[n == name for n in controls.text("name")]]
        assert parts.sum() / total == pytest.approx(share, abs=0.01), "the largest uses and provinces, not all"


def test_national_energy_per_area_rises_with_degree_days():
    controls = KOR.tables["controls"]
    values = dict(zip(controls.id, controls.number("value"), strict=True))
    years = sorted(range(2018, 2024), key=lambda y: values[f"kor.degree_days.{y}"])
    intensity = [values[f"kor.buildings.intensity.{y}"] for y in years]
    assert years == [2023, 2020, 2021, 2019, 2022, 2018]
    assert intensity == [117, 118, 119, 121, 122, 128]


def test_t09_400_mwh_at_0_4_t_per_mwh_are_160_t(folder):
    spoil(folder / "factors.csv", "kr_el_2023", value="0.4")
    factors = FactorSet.read(folder, IPCC)
    factor, _ = electricity(factors, 2023)
    mwh = factors.amount(np.array([400.0]), EnergyUnit("MWh"), factor)
    assert mwh[0] * factors.kg_co2e(factor) == 160_000


def test_t10_10000_mwh_of_2023_are_4173_t():
    factor, used_year = electricity(KOR, 2023)
    amount = KOR.amount(np.array([10_000_000.0]), EnergyUnit("kWh"), factor)
    assert (amount[0], used_year) == (10_000.0, 2023)
    assert round(amount[0] * KOR.kg_co2e(factor)) == 4_173_000


def test_t11_the_new_factor_is_8_1_per_cent_lower():
    mean, _ = KOR.lookup("electricity_3yr_mean", 2022, gas="co2e_unsplit", basis=END_USER)
    new, _ = electricity(KOR, 2023)
    assert 100 * (new.value / mean.value - 1) == pytest.approx(-8.1, abs=0.05)


def test_kr_el_2020_follows_from_the_three_year_mean():
    three = [electricity(KOR, y)[0].value for y in (2020, 2021, 2022)]
    assert three[0] == pytest.approx(3 * 0.4541 - 0.4509 - 0.4312)
    assert np.mean(three) == pytest.approx(0.4541)


def test_t12_capital_district_heat_is_35971_8_kg_per_tj():
    rows = KOR.gases("district_heat.capital", 2021, "supplier")
    assert [f.gas for f, _ in rows] == ["ch4", "co2", "n2o"]
    total = sum(KOR.kg_co2e(f) for f, _ in rows)
    assert total == pytest.approx(35936 + 28 * 0.6534 + 265 * 0.0661)
    assert total == pytest.approx(35971.8, abs=0.1)
    assert total * energy(1, "kWh", "TJ") == pytest.approx(0.1295, abs=5e-5)


def test_t28_sector_shares_of_uzbekistan_add_up_to_100():
    controls = UZB.tables["controls"]
    shares = [v for v, name in zip(controls.number("value"), controls.text("name"), strict=True) if name == "share"]
    assert sorted(shares) == [4, 5, 6, 8, 14, 17, 22, 24]
    assert sum(shares) == 100


def test_t32_10000_kwh_of_billed_gas_are_1_821_t_co2():
    (_, co2, _) = KOR.gases("city_gas", 2023, "combustion")
    factor = co2[0]
    amount = KOR.amount(np.array([10_000.0]), EnergyUnit("kWh", "GCV"), factor)
    assert amount[0] * KOR.kg_co2e(factor) == pytest.approx(1821, abs=1)


def test_the_gas_factor_follows_from_the_guideline_value_and_the_calorific_ratio():
    net, _ = IPCC.lookup("natural_gas", 2023, gas="co2", basis="combustion")
    ratio = KOR.ncv_per_gcv("city_gas")
    assert ratio == pytest.approx(38.5 / 42.7, abs=1e-4)
    assert net.value * ratio * energy(1, "kWh", "TJ") == pytest.approx(0.1821, abs=5e-5)
    # on the wrong basis the same gas would give 10.9 % more
    assert net.value * energy(1, "kWh", "TJ") / 0.1821 == pytest.approx(1.109, abs=1e-3)


@pytest.mark.parametrize(
    ("carrier", "product"),
    [
        ("gasoline", "motor_gasoline"),
        ("diesel", "gas_diesel_oil"),
        ("natural_gas", "natural_gas"),
        ("lpg", "liquefied_petroleum_gases"),
        ("other_bituminous_coal", "other_bituminous_coal"),
        ("lignite", "lignite"),
    ],
)
def test_fuel_factors_are_44_12_of_the_guideline_carbon_content(shared_data, carrier, product):
    with (shared_data / "factors/ipcc/par_carbon_content_per_energy.csv").open(encoding="utf-8") as file:
        rows = {(r["product"], r["property"]): float(r["value"]) for r in csv.DictReader(file)}
    (factor, _), *_ = [f for f in IPCC.gases(carrier, 2023, "combustion") if f[0].gas == "co2"]
    assert factor.value / 1000 == pytest.approx(rows[product, "def"] * 44 / 12, rel=0.01)


# --- look-up by year and basis ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "used"), [(2022, 2022), (2023, 2023), (2024, 2023), (2031, 2023), (2020, 2020), (2005, 2020)]
)
def test_a_year_without_a_row_takes_the_newest_not_later_else_the_oldest(asked, used):
    factor, used_year = electricity(KOR, asked)
    assert (factor.year, used_year) == (used, used)


def test_a_guideline_default_stands_until_replaced():
    factor, used_year = IPCC.lookup("natural_gas", 2023, gas="co2", basis="combustion")
    assert (factor.year, used_year) == (2006, 2023)


def test_bases_are_never_mixed():
    assert electricity(UZB, 2022)[0].value == 0.61
    lifecycle, _ = UZB.lookup("electricity", 2022, gas="co2e_unsplit", basis="lifecycle")
    assert lifecycle.value == 1.1676
    with pytest.raises(
        NotFound, match=r"no factor for electricity co2e_unsplit on the basis combustion_consumption"
    ) as e:
        UZB.lookup("electricity", 2022, gas="co2e_unsplit", basis=END_USER)
    assert "electricity co2e_unsplit lifecycle" in e.value.allowed


def test_an_unknown_carrier_is_named():
    with pytest.raises(NotFound, match="no factor for peat co2"):
        KOR.gases("peat", 2023, "combustion")


def test_wood_is_a_memo_item_outside_every_total():
    with pytest.raises(NotFound):
        IPCC.gases("wood", 2023, "combustion")


def test_the_supplier_of_heat_follows_the_administrative_code():
    supplier = KOR.country.heat_supplier
    assert [supplier(c) for c in ("36110", "11710", "41220", "41111", "", "27")] == [
        "sejong", "capital", "pyeongtaek", "capital", "capital", "daegu",
    ]  # fmt: skip


def test_an_unknown_country_lists_those_there_are():
    with pytest.raises(UnknownName, match="did you mean 'kor'") as e:
        FactorSet.load("korea")
    assert e.value.allowed == ("ipcc", "kor", "uzb")


def test_a_country_completes_itself_from_the_fall_back_pack_row_by_row():
    classes = UZB.tables["roads_classes"]
    own = dict(zip(classes.text("class"), classes.id, strict=True))
    assert own["trunk"] == "uzb.aadt.trunk"
    assert own["motorway"] == "ipcc.aadt.motorway"
    assert len(own) == len(classes), f"one row a {MERGE['roads_classes']}"


# --- what may not load ------------------------------------------------------------------------------------------

TABLES_ROWS = [
    ("factors.csv", "kr_el_2023"),
    ("intensities.csv", "kor.eui.office"),
    ("storeys.csv", "kor.storeys.office"),
    ("roads_classes.csv", "kor.aadt.primary"),
    ("mix.csv", "kor.mix.urban"),
    ("fleet.csv", "kor.fleet.car.0"),
    ("species.csv", "kor.species.01"),
    ("volume_increments.csv", "kor.volume.01.0"),
    ("diameter_classes.csv", "kor.diameter.2"),
    ("increments.csv", "kor.increment.conifer.3"),
    ("crown_density.csv", "kor.density.B"),
    ("parameters.csv", "kor.forest.loss"),
    ("conversions.csv", "kr_citygas_ncv_per_gcv"),
]


@pytest.mark.parametrize("field", ["source", "year", "basis", "status", "u_pct"])
@pytest.mark.parametrize(("file", "row"), TABLES_ROWS)
def test_a_row_without_provenance_does_not_load(folder, file, row, field):
    spoil(folder / file, row, **{field: ""})
    with pytest.raises(InvalidInput, match=f"the field '{field}' is empty") as e:
        FactorSet.read(folder, IPCC)
    assert file in e.value.where
    assert row in e.value.where


@pytest.mark.parametrize("field", ["unit", "scope", "gas", "value", "carrier", "group"])
def test_a_factor_without_its_meaning_does_not_load(folder, field):
    spoil(folder / "factors.csv", "kr_el_2023", **{field: " "})
    with pytest.raises(InvalidInput, match=rf"kor/factors.csv line \d+ \(kr_el_2023\): the field '{field}' is empty"):
        FactorSet.read(folder, IPCC)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"value": "4173"}, "out of bounds"),  # g taken for t
        ({"value": "0.4173", "unit": "kgCO2eq/TJ", "gas": "co2"}, "weighs no co2"),
        ({"basis": "direct"}, "unknown basis 'direct'"),
        ({"basis": "combustion"}, "scope 2 does not go with the basis combustion"),
        ({"status": "guess"}, "unknown status 'guess'"),
        ({"u_pct": "-3"}, "u_pct -3 is out of bounds"),
        ({"u_pct": "three"}, "the field 'u_pct' is no number: 'three'"),
        ({"year": "1066"}, "year 1066 is out of bounds"),
        ({"year": "2022"}, "'kr_el_2022' is the same carrier, gas, basis and year"),
        ({"unit": "tCO2eq/MW"}, "unknown energy unit 'MW', did you mean 'MWh'"),
        ({"value": "nan"}, "is no number"),
    ],
)
def test_an_impossible_factor_does_not_load(folder, fields, message):
    spoil(folder / "factors.csv", "kr_el_2023", **fields)
    with pytest.raises(InvalidInput, match=message) as e:
        FactorSet.read(folder, IPCC)
    assert "kr_el_2023" in e.value.where


@pytest.mark.parametrize(
    ("file", "row", "fields", "message"),
    [
        ("mix.csv", "kor.mix.urban", {"car": "0.9"}, "the shares add up to 1.08, not 1"),
        ("fleet.csv", "kor.fleet.car.0", {"share": "0.5"}, r"fleet.csv \(car, 2026\): the shares add up to 1.02"),
        ("intensities.csv", "kor.eui.office", {"share_gas": "0.4"}, "the shares add up to 1.1, not 1"),
        ("fleet.csv", "kor.fleet.car.0", {"curve": "PC_G_1.4-2.0.VI"}, "did you mean 'PC_G_1.4-2.0.I'"),
        ("roads_classes.csv", "kor.aadt.primary", {"mix": "kor.mix.urbn"}, "did you mean 'kor.mix.urban'"),
    ],
)
def test_tables_that_contradict_each_other_do_not_load(folder, file, row, fields, message):
    spoil(folder / file, row, **fields)
    with pytest.raises(InvalidInput, match=message):
        FactorSet.read(folder, IPCC)


def test_columns_and_ids_are_checked(folder):
    path = folder / "storeys.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("kinds", "kind", 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match="the column 'kinds' is missing"):
        FactorSet.read(folder, IPCC)
    path.write_text(text.replace("value", "value,comment", 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match="unknown column 'comment'"):
        FactorSet.read(folder, IPCC)
    path.write_text(text.replace("kor.storeys.office", "kor.storeys.retail", 1), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"the id 'kor.storeys.retail' stands twice"):
        FactorSet.read(folder, IPCC)


def test_a_country_file_names_its_missing_key(folder):
    path = folder / "country.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("gwp_set", "gvp_set"), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"kor/country\.toml: the key 'gwp_set' is missing"):
        FactorSet.read(folder, IPCC)


@pytest.mark.parametrize(
    ("file", "row", "fields", "message"),
    [
        ("species.csv", "kor.species.01", {"density": "420"}, "density 420 is out of bounds"),  # kg/m3
        ("species.csv", "kor.species.01", {"carbon_fraction": "51"}, "carbon_fraction 51 is out of bounds"),
        ("increments.csv", "kor.increment.conifer.3", {"value": "10800"}, "value 10800 is out of bounds"),
        ("conversions.csv", "kr_citygas_ncv_per_gcv", {"value": "1.109"}, "ncv_per_gcv 1.109 is out of bounds"),
        ("conversions.csv", "kr_citygas_ncv", {"value": "9420"}, "ncv_mj_per_nm3 9420 is out of bounds"),  # kcal
        ("roads_classes.csv", "kor.aadt.primary", {"speed_kmh": "500"}, "speed_kmh 500 is out of bounds"),
        ("storeys.csv", "kor.storeys.office", {"value": "0"}, "value 0 is out of bounds"),
        ("land_cover.csv", "kor.cover.10", {"forest_type": "jungle"}, "unknown forest_type 'jungle'"),
        ("forest_codes.csv", "kor.koftr.13", {"species": "larch"}, "unknown species 'larch'"),
        ("volume_increments.csv", "kor.volume.01.0", {"species": "pine"}, "unknown species 'pine'"),
    ],
)
def test_slips_of_units_and_names_do_not_load(folder, file, row, fields, message):
    cover = "id,code,name,forest,forest_type\nkor.cover.10,10,tree cover,1,mixed\n"
    (folder / "land_cover.csv").write_text(cover, encoding="utf-8")
    spoil(folder / file, row, **fields)
    with pytest.raises(InvalidInput, match=message) as e:
        FactorSet.read(folder, IPCC)
    assert e.value.where == f"kor/{file} ({row})"


def test_a_country_chooses_among_the_sets_there_are(folder):
    path = folder / "country.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"AR5"', '"AR6"'), encoding="utf-8")
    assert FactorSet.read(folder, IPCC).gwp == {"ch4": 27.9, "n2o": 273}
    path.write_text(text.replace('"AR5"', '"AR4"'), encoding="utf-8")
    assert FactorSet.read(folder, IPCC).gwp == {"ch4": 25, "n2o": 298}
    path.write_text(text.replace('"AR5"', '"AR7"'), encoding="utf-8")
    with pytest.raises(UnknownName, match="unknown set 'AR7', did you mean 'AR"):
        FactorSet.read(folder, IPCC)
    path.write_text(text.replace("nifos-129-v1.2", "nifos-129"), encoding="utf-8")
    with pytest.raises(UnknownName, match=r"unknown version 'nifos-129', did you mean 'nifos-129-v1\.2'"):
        FactorSet.read(folder, IPCC)


def test_degree_days_follow_the_longest_region_and_the_newest_year(folder):
    rows = [("", 2020, 2600), ("36", 2020, 2500), ("36", 2022, 2450), ("36110", 2010, 2700)]
    head = "id,region,value,year,basis,u_pct,status,source\n"
    body = "".join(f"hdd.{r}.{y},{r},{v},{y},base 18 C,5,placeholder,a test table\n" for r, y, v in rows)
    (folder / "degree_days.csv").write_text(head + body, encoding="utf-8")
    factors = FactorSet.read(folder, IPCC)

    def hdd(region, year):
        row = factors.degree_days(region, year)
        return row and factors.degree_days_value(row)

    assert [hdd("36110", 2022), hdd("36120", 2022), hdd("36120", 2021), hdd("36120", 2015), hdd("", 2022)] == [
        2700, 2450, 2500, 2500, 2600,
    ]  # fmt: skip
    assert KOR.degree_days("36110", 2022) is None, "Korea has no table of its own yet"


# --- speed curves -----------------------------------------------------------------------------------------------


def curve(form, vmin, vmax, *coefficients, unit="g/km"):
    full = (*coefficients, *[0.0] * (8 - len(coefficients)))
    return Curve("c", "gasoline", unit, form, full, vmin, vmax, Activity("c", 25, "verified", "test"))


@pytest.mark.parametrize(
    ("known_bad", "message"),
    [
        # vein, petrol before ECE, >= 1.4 l: a*V+b where the guidebook has a*V^b
        (curve("a+bV+cV2", 10, 60, -0.583, 681), "the curve gives 6809 g/km at 10 km/h"),
        # vein, conventional diesel: +2.084 for -2.084
        (curve("a+bV+cV2", 10, 130, 118.489, 2.084, 0.014), "lowest at its lowest speed"),
        # pollemission, petrol > 2.0 l Euro 1: -4.26e2 for -4.26e-2
        (curve("eq25", 10, 130, 230, 0.0694, -426, -0.000446), "the curve gives -"),
        # pollemission, petrol <= 1.4 l Euro 4: 2.6e2 for 2.60e-2
        (curve("eq25", 10, 130, 136, 260, -1.65, 0.000228, 0.0312), "the curve gives 0.0"),
    ],
)
def test_t18_known_bad_transcriptions_are_rejected(known_bad, message):
    with pytest.raises(InvalidInput, match=message):
        known_bad.checked(where="curves.csv")


def test_t18_the_right_transcriptions_load():
    assert curve("a+bV+cV2", 10, 130, 118.489, -2.084, 0.014).checked().at(np.array([50.0]))[0] == pytest.approx(
        49.3, abs=0.1
    )
    assert curve("aV^b+cV^d", 10, 60, 681, -0.583).checked().at(np.array([30.0]))[0] == pytest.approx(93.8, abs=0.1)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (curve("a+bV+cV2", 10, 130, 60, -1.2, 0.0145), "rises too steeply"),
        (curve("eq25+f/V", 10, 130, 80, 0, 4, 0, -0.03, 900), "more than one valley"),
        (curve("a+bV+cV2", 10, 130, 30, 0.5, 0), "lowest at its lowest speed"),
    ],
)
def test_impossible_shapes_are_rejected(bad, message):
    with pytest.raises(InvalidInput, match=message):
        bad.checked()


def test_a_constant_use_is_a_possible_curve():
    flat = curve("eea2019", 6, 75, 0, 0, 515, 0, 0, 0, 20.8333333333333, unit="MJ/km")
    assert flat.checked().at(np.array([6.0, 40.0, 75.0])) == pytest.approx(24.72, abs=1e-3)


def test_a_spoilt_curve_file_names_the_row(folder):
    shutil.copy(FOLDER / "ipcc" / "curves.csv", folder / "curves.csv")
    spoil(folder / "curves.csv", "PC_G_le1.4.IV+", b="260")
    with pytest.raises(InvalidInput, match=r"curves.csv \(PC_G_le1.4.IV\+\): the curve gives"):
        FactorSet.read(folder, IPCC)


def test_tables_read_alone(tmp_path):
    path = tmp_path / "gwp.csv"
    path.write_text(
        "id,set,gas,value,year,basis,u_pct,status,source\nAR5.ch4,AR5,ch4,28,2013,GWP100,40,literature,AR5\n"
    )
    table = Table.read(path, SCHEMAS["gwp"])
    assert table.at("AR5.ch4") == 0
    assert table.activity(0) == Activity("AR5.ch4", 40.0, "literature", "AR5")
    with pytest.raises(UnknownName, match=r"did you mean 'AR5.ch4'"):
        table.at("AR5.ch5")


# --- the method text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_method_text_documents_every_table_and_column(name):
    text = (Path(__file__).parents[2] / "docs" / "method.md").read_text(encoding="utf-8")
    line = next(row for row in text.splitlines() if row.startswith(f"| `{name}.csv` | {MERGE.get(name, '')}"))
    schema = SCHEMAS[name]
    own = (*schema.text, *schema.number, *schema.optional_text, *schema.optional_number)
    assert [c for c in own if f"`{c}`" not in line] == []
