# SPDX-License-Identifier: Apache-2.0
"""Forests: oracles T01-T04 and T06 by name; stands whose kilograms are a sum a reader can do."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from carbongrid import forests
from carbongrid.errors import InvalidInput
from carbongrid.factors import FOLDER, FactorSet
from tests.model.activity import by_band, kg, table

KOR, UZB, IPCC = (FactorSet.load(c) for c in ("kor", "uzb", "ipcc"))
GROWTH, LOSS = "forest.growth.1.co2", "forest.loss.1.co2"
HECTARE = 10_000.0


def estimate(measure, factors=KOR, year=2023, inside=None, **columns):
    return forests.estimate(table("forests", measure, inside, **columns), factors, year)


# --- the gain equation ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("oracle", "increment", "coefficients", "carbon", "tolerance"),
    [
        ("T01 pine", 5.70, (0.42, 1.48, 0.26, 0.51), 2.28, 0.005),
        ("T02 oak", 5.65, (0.66, 1.60, 0.39, 0.48), 3.98, 0.005),
        ("T03 larch", 9.54, (0.45, 1.34, 0.29, 0.51), 3.79, 0.01),
    ],
)
def test_t01_to_t03_carbon_gain_of_published_stands(oracle, increment, coefficients, carbon, tolerance):
    assert forests.gain(increment, *coefficients) == pytest.approx(carbon, abs=tolerance), oracle


@pytest.mark.parametrize(
    ("species", "coefficients"),
    [
        ("강원지방소나무", (0.42, 1.48, 0.26, 0.51)),
        ("신갈나무", (0.66, 1.60, 0.39, 0.48)),
        ("일본잎갈나무", (0.45, 1.34, 0.29, 0.51)),
    ],
)
def test_the_species_table_holds_the_coefficients_of_the_oracles(species, coefficients):
    table_ = KOR.tables["species"]
    i = table_.text("name").index(species)
    assert tuple(table_.number(c)[i] for c in ("density", "bef", "root_shoot", "carbon_fraction")) == coefficients


@pytest.mark.parametrize(
    ("half", "increment", "coefficients", "carbon_half"),
    [
        (0.74, 5.70, (0.42, 1.48, 0.26, 0.51), 0.30),
        (1.08, 9.54, (0.45, 1.34, 0.29, 0.51), 0.43),
        (0.37, 5.65, (0.66, 1.60, 0.39, 0.48), 0.26),
    ],
)
def test_t04_the_interval_of_the_increment_keeps_its_ratio(half, increment, coefficients, carbon_half):
    assert forests.gain(half, *coefficients) == pytest.approx(carbon_half, abs=0.01)
    ratio = forests.gain(half, *coefficients) / forests.gain(increment, *coefficients)
    assert ratio == pytest.approx(half / increment)


def test_t06_gain_less_loss_of_korea_2011():
    value = dict(zip(KOR.tables["controls"].id, KOR.tables["controls"].number("value"), strict=True))
    gain, loss = value["kor.forest.gain.2011"], value["kor.forest.loss.2011"]
    assert forests.net_removal(gain, loss) == 38_815
    assert KOR.parameter("forest_loss_ratio") == pytest.approx(loss / gain, abs=2e-4)


@pytest.mark.parametrize(
    ("species", "tonnes"),
    [
        ("강원지방소나무", 1.4646), ("중부지방소나무", 1.5491), ("일본잎갈나무", 1.4546), ("리기다소나무", 1.6912),
        ("곰솔", 1.7600), ("잣나무", 1.7076), ("삼나무", 1.0546), ("편백", 1.2930), ("굴참나무", 2.2414),
        ("신갈나무", 2.5834), ("붉가시나무", 2.9552), ("밤나무", 3.5410), ("대나무", 0.5642), ("상록활엽수", 3.6677),
    ],
)  # fmt: skip
def test_tonnes_of_co2_per_cubic_metre_of_stem(species, tonnes):
    assert forests.tco2_per_m3(KOR, species) == pytest.approx(tonnes, abs=5e-4)


# --- age --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mapped", "base", "year", "now"),
    [
        (3, 2023, 2023, 3),
        (3, 2020, 2023, 3),  # 25 + 3 = 28 years
        (3, 2020, 2025, 3),  # 25 + 5 = 30: class III is 21 .. 30 years
        (3, 2020, 2026, 4),
        (3, 2010, 2025, 4),  # 25 + 15 = 40
        (6, 2010, 2025, 6),
        (9, 2023, 2023, 6),
        (2, 2023, 2010, 1),  # an older inventory year than the map
        (3, np.nan, 2023, 3),
    ],
)
def test_age_classes_advance_from_the_maps_base_year(mapped, base, year, now):
    assert forests.age_classes(np.array([float(mapped)]), np.array([float(base)]), year).tolist() == [now]


# --- stands -----------------------------------------------------------------------------------------------------


def test_a_dense_pine_stand_of_25_years():
    # 2 ha x 10.8 t/ha x 1.0 = 21.6 t gross; losses 0.339 of it
    e = estimate([2 * HECTARE], species=["11"], age_class=[3.0], density=["C"])
    assert by_band(e) == {GROWTH: 21_600, LOSS: 7_322}
    assert (e.quality.tolist(), e.imputed.tolist(), e.missing.tolist()) == ([4], [False], [False])


def test_type_age_and_density_each_pick_their_row():
    e = estimate(
        [HECTARE] * 4, species=["32", "77", "14", 11.0], age_class=[3.0, 4.0, 9.0, "2"], density=["A", "B", "C", "C"]
    )
    # oak III x sparse, mixed IV x medium, rigida pine VI+, pine II
    assert [kg(e, GROWTH, i) for i in range(4)] == [6_500, 8_400, 5_000, 9_000]


def test_a_base_year_advances_the_increment():
    old = estimate([HECTARE], species=["11"], age_class=[2.0], density=["C"], base_year=[2010.0], year=2022)
    assert kg(old, GROWTH) == 10_800  # 15 + 12 = 27 years: class III


def test_unknown_age_and_density_take_their_own_rows_and_are_counted():
    e = estimate([HECTARE] * 2, species=["11", "11"], age_class=[None, 3.0], density=["C", None])
    assert [kg(e, GROWTH, i) for i in (0, 1)] == [10_400, 9_720]  # national mean; 10.8 x 0.9
    assert (e.notes["age_unknown"], e.notes["density_unknown"]) == (1, 1)
    assert (e.quality.tolist(), e.imputed.tolist()) == ([5, 4], [True, False])


def test_osm_leaf_type_or_land_cover_finds_a_default_row():
    e = estimate(
        [HECTARE] * 4,
        IPCC,
        species=["needleleaved", "broadleaved", None, None],
        land_cover=["wood", "forest", "wood", None],
    )
    assert [kg(e, GROWTH, i) for i in range(4)] == [10_000, 9_000, 9_500, 9_500]
    assert e.notes["type_unknown"] == 1
    assert e.notes["placeholder_kg"] == kg(e)
    assert e.quality.tolist() == [5] * 4


def test_central_asian_land_covers_have_their_own_rows():
    e = estimate([HECTARE] * 3, UZB, land_cover=["saxaul", "tugai", "juniper"])
    assert [kg(e, GROWTH, i) for i in range(3)] == [310, 2_000, 600]


def test_codes_that_are_no_forest_are_listed_for_the_reader_and_give_nothing():
    assert forests.forest_codes(KOR, forest=False) == {"81", "82", "91", "92", "93", "94", "95", "99"}
    assert {"11", "32", "77", "78", "needleleaved"} <= forests.forest_codes(KOR)
    assert {"10", "95", "111", "126", "wood", "forest"} <= forests.cover_codes(KOR)
    assert {"30", "40", "50", "60", "80"} <= forests.cover_codes(UZB, forest=False)
    assert "20" in forests.cover_codes(UZB), "desert shrub"
    e = estimate([HECTARE] * 2, species=["91", "95"], age_class=[None, None])
    assert (kg(e), e.missing.any(), e.notes["not_forest"]) == (0, False, 2)


@pytest.mark.parametrize("factors", [KOR, UZB, IPCC], ids=lambda f: f.country.id)
def test_every_forest_code_of_every_pack_has_an_increment(factors):
    codes = sorted(forests.forest_codes(factors))
    e = estimate([HECTARE] * len(codes), factors, species=codes)
    assert not e.missing.any()
    assert set(e.lines.source.tolist()) == set(range(len(codes)))


def test_a_stand_without_area_is_missing():
    assert estimate([0.0, np.nan, 1.0], species=["11"] * 3).missing.tolist() == [True, True, False]


def test_growth_and_loss_share_their_rows_so_a_net_figure_errs_less():
    e = estimate([HECTARE], species=["11"], age_class=[3.0], density=["C"])
    assert [e.rows[r].id for r in e.lines.row] == [
        "kor.increment.conifer.3+kor.density.C",
        "kor.increment.conifer.3+kor.density.C+kor.forest.loss",
    ]
    assert len({int(f) for f in e.lines.factor}) == 1


def test_only_what_lies_inside_counts():
    e = estimate([2 * HECTARE], inside=[0.25], species=["11"], age_class=[3.0], density=["C"])
    assert by_band(e) == {GROWTH: 5_400, LOSS: 1_831}


def test_order_and_scale():
    rng = np.random.default_rng(7)
    n = 300
    area, codes = rng.uniform(100, 1e6, n), rng.choice(["11", "32", "77", "78", "99", "?"], n)
    age = np.where(rng.random(n) < 0.8, rng.integers(1, 10, n), np.nan)
    density = rng.choice(["A", "B", "C", ""], n)
    order = rng.permutation(n)
    a, b, double = (
        estimate(
            (k * area[o]).tolist(), species=codes[o].tolist(), age_class=age[o].tolist(), density=density[o].tolist()
        )
        for k, o in ((1, np.arange(n)), (1, order), (2, np.arange(n)))
    )
    assert (by_band(a), a.notes, a.rows) == (by_band(b), b.notes, b.rows)
    per_stand = [np.bincount(e.lines.source, e.lines.kg, n) for e in (a, b)]
    assert np.array_equal(per_stand[0][order], per_stand[1])
    assert kg(double) == pytest.approx(2 * kg(a), abs=3 * n)


# --- species, diameter, land cover ------------------------------------------------------------------------------


def test_a_species_volume_increment_stands_where_the_age_is_unknown():
    # larch 9.54 m3/ha x 1.4546 t/m3 = 13.88 t/ha; oak 5.65 x 2.5834 = 14.60; pine of the centre has no row: 10.4
    e = estimate([HECTARE] * 3, species=["13", "32", "11"], density=["C"] * 3)
    assert [kg(e, GROWTH, i) for i in range(3)] == [13_877, 14_596, 10_400]
    assert e.notes["species_increment"] == 2
    assert "kor.volume.02.0+kor.density.C" in {r.id for r in e.rows}


def test_a_known_age_takes_the_type_and_age_row_before_a_species_at_any_age():
    e = estimate([HECTARE], species=["13"], age_class=[3.0], density=["C"])
    assert (kg(e, GROWTH), e.notes["species_increment"]) == (10_800, 0)


def test_a_species_by_age_row_stands_before_everything(tmp_path):
    folder = shutil.copytree(FOLDER / "kor", tmp_path / "kor")
    path = folder / "volume_increments.csv"
    row = "x,일본잎갈나무,3,10.0,2019,m3/ha/yr,20,verified,a table by species and age"
    path.write_text(path.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    e = estimate([HECTARE], FactorSet.read(folder, IPCC), species=["13"], age_class=[3.0], density=["C"])
    assert kg(e, GROWTH) == round(10_000 * 1.45456377)
    assert (e.quality.tolist(), e.imputed.tolist()) == ([4], [False])


def test_a_diameter_class_gives_an_age_where_the_map_has_none():
    # medium (2) is taken as class IV: conifer 9.0 t/ha
    e = estimate(
        [HECTARE] * 2, species=["11", "11"], age_class=[None, 3.0], diameter_class=[2.0, 2.0], density=["C"] * 2
    )
    assert [kg(e, GROWTH, i) for i in (0, 1)] == [9_000, 10_800]
    assert (e.notes["age_from_diameter"], e.notes["age_unknown"]) == (1, 1)
    assert (e.quality.tolist(), e.imputed.tolist()) == ([5, 4], [True, False])
    assert "kor.increment.conifer.4+kor.density.C+kor.diameter.2" in {r.id for r in e.rows}


def test_bamboo_has_its_own_row():
    assert kg(estimate([HECTARE], species=["78"], density=["C"]), GROWTH) == 5_000


def test_classes_of_a_land_cover_map():
    # WorldCover: tree cover, shrubland, cropland, built-up; Copernicus: closed broad-leaved forest
    codes = ["10", "20", "40", "50", "114"]
    e = estimate([HECTARE] * 5, UZB, land_cover=codes)
    assert [kg(e, GROWTH, i) for i in range(5)] == [600, 50, 0, 0, 2_000]
    assert (e.notes["not_forest"], e.notes["type_unknown"], e.missing.any()) == (2, 0, False)


def test_a_stand_map_without_species_has_its_types():
    e = estimate(
        [HECTARE] * 4, land_cover=["침엽수림", "활엽수림", "혼효림", "죽림"], age_class=[3.0] * 4, density=["C"] * 4
    )
    assert [kg(e, GROWTH, i) for i in range(4)] == [10_800, 13_000, 11_900, 5_000]


def test_a_species_code_is_no_land_cover_class():
    # KOFTR 10 is a conifer, WorldCover 10 any tree cover
    stand, cover = estimate([HECTARE], species=["10"]), estimate([HECTARE], land_cover=["10"])
    assert [e.rows[0].id for e in (stand, cover)] == ["kor.density.unknown"] * 2
    assert {r.id for e in (stand, cover) for r in e.rows} >= {"kor.increment.conifer.0", "kor.increment.mixed.0"}


# --- stocks -----------------------------------------------------------------------------------------------------


def test_two_editions_of_a_map_give_the_stock_difference():
    # 120 m3 of larch in 2015, 150 m3 in 2020: 30 x 1.4546 / 5 a year
    first, second = (forests.stock(v, KOR, "일본잎갈나무") for v in (120.0, 150.0))
    assert forests.stock_change(first, second, 2015, 2020) == pytest.approx(30 * 1.4546 / 5, abs=1e-3)
    assert forests.stock_change(second, first, 2015, 2020) < 0, "a stock may fall"
    with pytest.raises(InvalidInput, match="the second map is of 2015"):
        forests.stock_change(first, second, 2015, 2015)


def test_the_version_of_the_species_table_is_chosen_by_the_country():
    versions = KOR.tables["species"].text("version")
    assert (versions.count("nifos-129-v1.2"), versions.count("nifos-2014")) == (22, 3)
    other = replace(KOR, country=replace(KOR.country, species_version="nifos-2014"))
    assert forests.tco2_per_m3(KOR, "신갈나무") == pytest.approx(2.5834, abs=5e-5)
    assert forests.tco2_per_m3(other, "신갈나무") == pytest.approx(0.663 * 1.603 * 1.388 * 0.48 * 44 / 12)
