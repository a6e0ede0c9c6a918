# SPDX-License-Identifier: Apache-2.0
"""Delimited text: encodings, separators, numbers as people write them; and parcel energy shared over buildings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pytest
import shapely

from carbongrid.crs import CRS84
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.inventory import ActivityTable
from carbonstore.activity import numbers, pnu_from_parts, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.places.reproject import reprojected
from carbonstore.sources import Reading, SourceTable, read_source, read_sources
from tests.store.inventories import CRS, SOUTH, WEST, context, spec, square

KEYS = ["sigungu_code", "dong_code", "land_type", "main_no", "sub_no", "use_ym", "electricity_kwh", "_"]


def read(path: Path, provides: str = "buildings", **keys: Any) -> SourceTable:
    source = spec(path.parent, kind="delimited", path=path.name, provides=[provides], **keys)
    (table,) = read_source(source, context())
    return table


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


# --- geometry in text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_wkt_in_any_encoding_and_with_any_separator(separator: str, encoding: str, tmp_path: Path) -> None:
    wkt = square(100, 100, 10).wkt
    quoted = wkt if separator not in ",;" else f'"{wkt}"'
    rows = [["번호", "용도", "연면적", "wkt"], ["7", "공동주택", "250", quoted]]
    path = write(tmp_path / "town.csv", "\r\n".join(separator.join(r) for r in rows), encoding)
    columns = {"id": "번호", "use": "용도", "floor_area_m2": "연면적"}
    table = read(path, separator=separator, columns=columns, crs=CRS)
    assert table.table.id.tolist() == ["7"]
    assert table.table.columns["use"].tolist() == ["공동주택"]
    assert table.table.columns["floor_area_m2"].tolist() == [250]
    assert table.table.measure == pytest.approx([100])


def test_points_become_squares_of_their_footprint(tmp_path: Path) -> None:
    (at,) = reprojected([shapely.Point(WEST + 500, SOUTH + 500)], CRS, CRS84)
    at_point = [f"a,{at.x},{at.y},1200,3", f"b,{at.x},{at.y},100,", f"c,{at.x},{at.y},-,2", "d,,,9,1"]
    rows = "\n".join(["id,lon,lat,floor_area_m2,storeys", *at_point])
    table = read(write(tmp_path / "schools.csv", rows))
    assert table.table.id.tolist() == ["a", "b"]
    assert table.table.measure == pytest.approx([400, 100])
    centre = table.table.geometry.to_shapely()[0].centroid
    assert (centre.x - WEST, centre.y - SOUTH) == pytest.approx((500, 500), abs=1e-3)
    assert table.report.rejected == {"point without floor area": 1, "no readable geometry": 1}
    assert table.report.notes == ("2 points were drawn as squares of floor area / storeys",)


def test_headerless_text_gets_its_names_from_the_inventory(tmp_path: Path) -> None:
    row = f"7|x|{square(0, 0, 10).wkt}|02000\n"
    table = read(write(tmp_path / "town.txt", row), separator="|", columns=["id", "_", "wkt", "use"], crs=CRS)
    assert (table.table.id.tolist(), table.table.columns["use"].tolist()) == (["7"], ["02000"])


def test_keys_keep_their_zeros(tmp_path: Path) -> None:
    path = write(tmp_path / "town.csv", f'id,use,wkt\n007,02000,"{square(0, 0, 10).wkt}"\n')
    table = read(path, crs=CRS)
    assert (table.table.id.tolist(), table.table.columns["use"].tolist()) == (["007"], ["02000"])


def test_rows_with_a_wrong_number_of_fields_are_counted(tmp_path: Path) -> None:
    good = f"a|{square(0, 0, 10).wkt}"
    path = write(tmp_path / "town.txt", f"id|wkt\n{good}\nb|c|d\n{good.replace('a|', 'e|')}\nf\n")
    report = read(path, separator="|", crs=CRS).report
    assert (report.raw, report.read, report.unread) == (4, 2, {"wrong number of fields": 2})


def test_quotes_are_letters_where_the_separator_is_a_bar(tmp_path: Path) -> None:
    path = write(tmp_path / "town.txt", f'use|wkt\n"A" 동|{square(0, 0, 10).wkt}\n5" pipe|{square(20, 0, 10).wkt}\n')
    assert read(path, separator="|", crs=CRS).table.columns["use"].tolist() == ['"A" 동', '5" pipe']


def test_text_has_no_crs_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "town.csv", f'id,wkt\n1,"{square(0, 0, 10).wkt}"\n')
    with pytest.raises(InvalidInput, match=r"source 1\.crs: is missing"):
        read(path)


@pytest.mark.parametrize(
    ("text", "keys", "message"),
    [
        ("id,use\n1,x\n", {}, r"source 1\.columns: there is no geometry column .*wkt, lon and lat"),
        ("id,wkt\n", {"crs": CRS}, "source 1: the source is empty"),
        ("", {"crs": CRS}, "holds no rows of fields"),
        (
            "1|2|3\n4|5|6\n",
            {"crs": CRS, "separator": "|", "columns": ["id", "wkt"]},
            "3 fields where 2 columns are named",
        ),
        ("id,wkt\n1,x\n", {"crs": CRS, "columns": {"use": "USE"}}, "unknown column 'USE'"),
        ("id,wkt\n1,x\n", {"crs": CRS}, "source is empty.*no readable geometry 1"),
    ],
)
def test_text_that_cannot_be_used(text: str, keys: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=message):
        read(write(tmp_path / "town.txt", text), **keys)


def test_a_stated_encoding_is_believed_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "town.csv", f'use,wkt\n아파트,"{square(0, 0, 10).wkt}"\n', "cp949")
    with pytest.raises(InvalidInput, match=r"source 1\.encoding: 'town\.csv' is not text in utf-8: byte \d+"):
        read(path, crs=CRS, encoding="utf-8")
    assert read(path, crs=CRS).table.columns["use"].tolist() == ["아파트"]


# --- numbers and keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("6,633,735", 6_633_735), ("1,234.5", 1_234.5), (" 12 ", 12), ("1e3", 1_000), ("+3", 3), (".5", 0.5)),
        *(("30354,355", 30_354.355), ("12,5", 12.5), ("1\u2009234", 1_234), ("1\u00a0234,5", 1_234.5)),
        *(("-", np.nan), ("", np.nan), (None, np.nan), ("0", 0), ("-0", 0)),
    ],
)
def test_numbers_as_people_write_them(text: str | None, value: float) -> None:
    values, bad = numbers(pa.array([text], pa.string()))
    assert values == pytest.approx([value], nan_ok=True)
    assert bad == 0


@pytest.mark.parametrize("text", ["abc", "1.2.3", "1,2,3", "0x10", "--", "N/A"])
def test_what_is_no_number_is_missing_and_counted(text: str) -> None:
    values, bad = numbers(pa.array([text, "1"]))
    assert values == pytest.approx([np.nan, 1], nan_ok=True)
    assert bad == 1


def test_a_comma_is_decimal_where_semicolons_separate() -> None:
    values, _ = numbers(pa.array(["1,234"]), decimal_comma=True)
    assert values.tolist() == [1.234]
    values, _ = numbers(pa.array(["1,234"]))
    assert values.tolist() == [1_234]


def test_zero_is_a_quantity_of_energy_but_no_storey() -> None:
    assert numbers(pa.array([0.0, -1.0]), least=0.0)[0] == pytest.approx([0, np.nan], nan_ok=True)
    assert np.isnan(numbers(pa.array([0.0]), least=0.0, zero=False)[0]).all()


def test_missing_text_is_none() -> None:
    assert texts(pa.array([" a ", "-", "", None])).tolist() == ["a", None, None, None]
    assert texts(pa.array([12.0, None])).tolist() == ["12", None]


def test_a_pnu_is_composed_from_the_register_s_keys_with_the_land_type_moved_by_one() -> None:
    parts = {
        "sigungu_code": ["11710", "11710", "11710", "1171"],
        "dong_code": ["10100", "10100", "10100", "10100"],
        "land_type": ["0", "1", "2", "0"],
        "main_no": ["4", "0012", "0001", "0001"],
        "sub_no": ["20", None, "0000", "0000"],
    }
    keys = pnu_from_parts({k: np.array(v, object) for k, v in parts.items()})
    assert keys.tolist() == ["1171010100100040020", "1171010100200120000", None, None], "block lots have no PNU"


@pytest.mark.parametrize(("words", "asked"), [("школа детский сад", False), ("ШКОЛА", False), ("дома", True)])
def test_russian_in_cp1251_is_never_taken_for_korean(words: str, asked: bool, tmp_path: Path) -> None:
    """Many Russian words decode as CP949 hanja too: then the author is asked, and nothing is guessed."""
    path = write(tmp_path / "town.csv", f'use,wkt\n{words},"{square(0, 0, 10).wkt}"\n', "cp1251")
    stated = read(path, crs=CRS, encoding="cp1251")
    assert stated.table.columns["use"].tolist() == [words]
    if asked:
        with pytest.raises(InvalidInput, match="reads as cp949 and as cp1251"):
            read(path, crs=CRS)
    else:
        assert read(path, crs=CRS).table.columns["use"].tolist() == [words]


def test_short_korean_words_are_still_korean(tmp_path: Path) -> None:
    for word in ("공동주택", "학교", "제1종근린생활시설", "창고", "한국"):
        path = write(tmp_path / "town.csv", f'use,wkt\n{word},"{square(0, 0, 10).wkt}"\n', "cp949")
        assert read(path, crs=CRS).table.columns["use"].tolist() == [word]


# --- parcel energy -----------------------------------------------------------------------------------------------


def houses(folder: Path, pnu: Sequence[str | None], floor_area: Sequence[float | None], **columns: Any) -> Path:
    frame = geopandas.GeoDataFrame(
        {"pnu": list(pnu), "floor_area_m2": list(floor_area), **columns},
        geometry=[square(100 * (i % 30), 20 * (i // 30), 10) for i in range(len(pnu))],
        crs=CRS,
    )
    frame.to_file(folder / "houses.gpkg")
    return folder / "houses.gpkg"


def meters(folder: Path, rows: Sequence[str], name: str = "energy.txt") -> Path:
    return write(folder / name, "\r\n".join(rows) + "\r\n", "cp949")


def joined(folder: Path, *files: tuple[str, list[str] | dict[str, str]], year: int = 2024, **given: Any) -> Reading:
    """Houses and meter files, each (name, columns), read together."""
    specs = [spec(folder, kind="table", path="houses.gpkg", provides=["buildings"])]
    text = {"kind": "delimited", "join": "pnu", "separator": "|"}
    specs += [spec(folder, path=name, columns=columns, **text) for name, columns in files]
    specs = [_placed(s, i) for i, s in enumerate(specs, 1)]
    return read_sources(specs, context(year, **given))


def _placed(source: SourceSpec, i: int) -> SourceSpec:
    return replace(source, place=f"test.toml: source {i}")


P, Q, R = "1171010100100010000", "1171010100100020000", "1171010100100030000"
SIMPLE = ["pnu", "use_ym", "electricity_kwh"]


def months(pnu: str, kwh: float, year: int = 2024) -> list[str]:
    return [f"{pnu}|{year}{m:02d}|{kwh}" for m in range(1, 13)]


def test_a_parcel_s_year_is_shared_by_floor_area(tmp_path: Path) -> None:
    houses(tmp_path, [P, P, Q], [100, 300, 50])
    meters(tmp_path, [*months(P, 100), *months(Q, 7), *months(P, 999, 2023)])
    reading = joined(tmp_path, ("energy.txt", SIMPLE))
    assert reading.tables[0].table.columns["electricity_kwh"] == pytest.approx([300, 900, 84], rel=1e-15)
    join = reading.reports[1].join
    assert join is not None
    assert (join.read, join.used, join.rejected) == (36, 24, {"other year": 12})
    assert (join.left, join.matched, join.matched_share) == (2, 2, 1.0)


def test_orphans_on_both_sides_are_counted(tmp_path: Path) -> None:
    houses(tmp_path, [P, None, R], [100, 100, 100])
    meters(tmp_path, [*months(P, 100), *months(Q, 10)])
    reading = joined(tmp_path, ("energy.txt", SIMPLE))
    join = reading.reports[1].join
    assert join is not None
    assert (join.left, join.matched, join.left_orphans) == (2, 1, 1)
    assert (join.right, join.right_orphans) == (3, 2)
    assert (join.left_sums, join.matched_sums) == ({"electricity_kwh": 1_320}, {"electricity_kwh": 1_200})
    assert join.matched_share == 0.5
    assert np.isnan(reading.tables[0].table.columns["electricity_kwh"][1:]).all(), "unmetered is missing, not zero"


def test_sums_are_kept_to_1e_9_whatever_the_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    parcels = [f"11710101001{i:04d}0000" for i in range(40)]
    pnu = rng.choice(parcels, 400).tolist()
    houses(tmp_path, pnu, rng.lognormal(5, 3, 400).tolist())
    kwh = dict(zip(parcels, rng.lognormal(8, 2, 40), strict=True))
    meters(tmp_path, [row for p, k in kwh.items() for row in months(p, k)])
    table = joined(tmp_path, ("energy.txt", SIMPLE)).tables[0].table
    for parcel in set(pnu):
        shared = table.columns["electricity_kwh"][table.columns["pnu"] == parcel]
        assert shared.sum() == pytest.approx(12 * kwh[parcel], rel=1e-9)


def test_without_any_weight_buildings_share_equally(tmp_path: Path) -> None:
    houses(tmp_path, [P, P], [100, 300])
    meters(tmp_path, months(P, 100))
    reading = joined(tmp_path, ("energy.txt", SIMPLE), weight=lambda t: np.full(len(t), np.nan))
    assert reading.tables[0].table.columns["electricity_kwh"] == pytest.approx([600, 600])


def test_the_model_may_weigh_by_intensity(tmp_path: Path) -> None:
    houses(tmp_path, [P, P], [100, 100], use=["office", "warehouse"])
    meters(tmp_path, months(P, 100))

    def expected(table: ActivityTable) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.where(table.columns["use"] == "office", 150.0, 50.0)

    columns = joined(tmp_path, ("energy.txt", SIMPLE), weight=expected).tables[0].table.columns
    assert columns["electricity_kwh"] == pytest.approx([900, 300])


def test_unknown_floor_area_falls_back_on_footprint_and_storeys(tmp_path: Path) -> None:
    houses(tmp_path, [P, P], [None, 300], storeys=[1, 1])
    meters(tmp_path, months(P, 100))
    columns = joined(tmp_path, ("energy.txt", SIMPLE)).tables[0].table.columns
    assert columns["electricity_kwh"] == pytest.approx([1_200 * 100 / 400, 1_200 * 300 / 400])


def test_a_parcel_across_the_border_keeps_its_energy_on_the_house_outside(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame(
        {"pnu": [P, P], "floor_area_m2": [100.0, 100.0]}, geometry=[square(0, 0, 10), square(-500, 0, 10)], crs=CRS
    )
    frame.to_file(tmp_path / "houses.gpkg")
    meters(tmp_path, months(P, 100))
    reading = joined(tmp_path, ("energy.txt", SIMPLE))
    assert reading.tables[0].table.columns["electricity_kwh"].tolist() == [600]
    assert reading.tables[0].report.rejected == {"outside the boundary": 1}


def test_registers_keys_headerless_cp949_three_carriers(tmp_path: Path) -> None:
    """As the official files: no header, CP949, keys in parts, one carrier a file; block lots have no parcel number."""
    houses(tmp_path, [P, Q], [100, 100])
    keys = "11710|10100|0|0001|0000"
    meters(tmp_path, [f"{keys}|202401|1,234|합성", "11710|10100|2|0001|0000|202401|5|합성"], "el.txt")
    meters(tmp_path, [f"{keys}|202401|-|합성", "11710|10100|0|0002|0000|202401|0|합성"], "gas.txt")
    gas = [k.replace("electricity_kwh", "gas_kwh_gcv") for k in KEYS]
    reading = joined(tmp_path, ("el.txt", KEYS), ("gas.txt", gas))
    columns = reading.tables[0].table.columns
    assert columns["electricity_kwh"] == pytest.approx([1_234, np.nan], nan_ok=True)
    assert columns["gas_kwh_gcv"] == pytest.approx([np.nan, 0], nan_ok=True), "a dash is missing, a zero is zero"
    electricity = reading.reports[1]
    assert electricity.join is not None
    assert electricity.join.rejected == {"no parcel number": 1}
    assert electricity.join.partial == 1
    assert electricity.encoding == "cp949"


def test_headed_text_may_be_renamed(tmp_path: Path) -> None:
    houses(tmp_path, [P], [100])
    meters(tmp_path, ["lot|month|kWh", f"{P}|2024-01|10", f"{P}|2024-02|20"])
    source = {"pnu": "lot", "use_ym": "month", "electricity_kwh": "kWh"}
    reading = joined(tmp_path, ("energy.txt", source))
    assert reading.tables[0].table.columns["electricity_kwh"].tolist() == [30]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["pnu", "use_ym", "_"], r"source 2\.columns: there is no energy column .*electricity_kwh"),
        (["_", "use_ym", "electricity_kwh"], r"source 2\.columns: there is no parcel number .*pnu, sigungu_code \+"),
    ],
)
def test_a_join_needs_keys_and_energy(columns: list[str], message: str, tmp_path: Path) -> None:
    houses(tmp_path, [P], [100])
    meters(tmp_path, months(P, 100))
    with pytest.raises(InvalidInput, match=message):
        joined(tmp_path, ("energy.txt", columns))


def test_a_file_of_other_years_says_which(tmp_path: Path) -> None:
    houses(tmp_path, [P], [100])
    meters(tmp_path, [*months(P, 100, 2021), *months(P, 100, 2022)])
    with pytest.raises(InvalidInput, match=r"source 2: holds no row of 2024 .*it holds 2021, 2022"):
        joined(tmp_path, ("energy.txt", SIMPLE))


def test_a_join_without_buildings(tmp_path: Path) -> None:
    meters(tmp_path, months(P, 100))
    source = spec(tmp_path, kind="delimited", path="energy.txt", join="pnu", separator="|", columns=SIMPLE)
    with pytest.raises(InvalidInput, match="no buildings to join to"):
        read_sources([source], context())


def test_an_unknown_energy_column_is_refused(tmp_path: Path) -> None:
    meters(tmp_path, months(P, 100))
    with pytest.raises(UnknownName, match="did you mean 'gas_kwh_gcv'"):
        spec(tmp_path, kind="delimited", path="energy.txt", join="pnu", columns=["pnu", "gas_kwh"])
