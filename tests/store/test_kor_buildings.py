# SPDX-License-Identifier: Apache-2.0
"""GIS건물통합정보 by release day, zipped and in parts; 건축물대장 joined to it; energy of lots by its layouts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.sources import Reading, SourceTable, read_source, read_sources
from tests.store.inventories import CRS, SOUTH, WEST, context, spec, square
from tests.store.official import P, Q, R, register, shapefile, text, title_rows, zipped

HOUSES = [square(100, 100, 10), square(200, 100, 20)]
FACTS: dict[str, Sequence[Any]] = {
    "A0": ["S1", "S1"],
    "A1": ["", "B2"],
    "A2": [P, Q],
    "A8": ["01000", "14000"],
    "A9": ["단독주택", "업무시설"],
    "A13": ["1988-03-01", ""],
    "A14": [250.5, 0.0],
    "A16": [0.0, 31.5],
}


def al_d010(path: Path, fields: int, crs: str, *, prj: bool = True, **more: Sequence[Any]) -> Path:
    return shapefile(path, HOUSES, register(2, fields, **(FACTS | more)), crs, prj=prj)


def read(path: Path, **keys: Any) -> SourceTable:
    (table,) = read_source(spec(path.parent, kind="kor_buildings", path=path.name, **keys), context())
    return table


@pytest.mark.parametrize(
    ("day", "fields", "crs"),
    [("20221105", 23, "EPSG:5174"), ("20230705", 24, "EPSG:5186"), ("20240109", 29, "EPSG:5186")],
)
@pytest.mark.parametrize("prj", [True, False])
def test_each_release_by_its_own_definition(day: str, fields: int, crs: str, prj: bool, tmp_path: Path) -> None:
    path = al_d010(tmp_path / f"AL_D010_11_{day}.shp", fields, crs, prj=prj, A26=[3, 0])
    table = read(path)
    columns = table.table.columns
    assert table.table.id.tolist() == ["S1", "S1/B2"], "A1 is blank here, so the key is A0 with A1"
    assert columns["pnu"].tolist() == [P, Q]
    assert columns["use"].tolist() == ["01000", "14000"], "codes are text: their zeros stay"
    assert columns["floor_area_m2"] == pytest.approx([250.5, np.nan], nan_ok=True), "0 m² is unknown"
    assert columns["height_m"] == pytest.approx([np.nan, 31.5], nan_ok=True)
    assert columns["year_built"] == pytest.approx([1988, np.nan], nan_ok=True)
    storeys = [3, np.nan] if fields == 29 else [np.nan, np.nan]
    assert columns["storeys"] == pytest.approx(storeys, nan_ok=True), "storeys came with the 29 columns"
    assert table.table.measure == pytest.approx([100, 400], rel=1e-3)
    at = shapely.bounds(table.table.geometry.to_shapely())[:, :2]
    corners = np.array([[WEST + 100, SOUTH + 100], [WEST + 200, SOUTH + 100]])
    assert at == pytest.approx(corners, abs=1.5), "no datum was lost"
    assert any("states no CRS" in note for note in table.report.notes) is not prj


def test_the_number_of_columns_must_be_that_of_the_day(tmp_path: Path) -> None:
    path = al_d010(tmp_path / "AL_D010_11_20221105.shp", 29, "EPSG:5186")
    with pytest.raises(InvalidInput, match=r"29 columns A0, A1, …: not the layout of .* 20221105 .*23 columns"):
        read(path)
    assert read(path, release="20240109").report.used == 2, "the author may say which definition holds"


def test_a_column_that_moved_is_seen_by_what_it_holds(tmp_path: Path) -> None:
    shifted = {"A2": ["11710", "11710"], "A1": [P, Q]}
    path = al_d010(tmp_path / "AL_D010_11_20240109.shp", 29, "EPSG:5186", **shifted)
    with pytest.raises(InvalidInput, match=r"column A2 holds no parcel numbers \('11710'\)"):
        read(path)


def test_a_name_without_a_day_asks_for_it(tmp_path: Path) -> None:
    path = al_d010(tmp_path / "AL_D010_seoul.shp", 29, "EPSG:5186")
    with pytest.raises(InvalidInput, match=r"source 1\.release: is missing"):
        read(path)
    with pytest.raises(InvalidInput, match="'20241301' is no day"):
        read(path, release="20241301")
    with pytest.raises(InvalidInput, match="does not begin like a building layer"):
        read(al_d010(tmp_path / "buildings_20240101.shp", 29, "EPSG:5186"))


def test_zip_in_a_zip_and_a_province_in_parts(tmp_path: Path) -> None:
    first = al_d010(tmp_path / "AL_D010_11_20221105.shp", 23, "EPSG:5174")
    second = shapefile(
        tmp_path / "AL_D010_11_20221105(2).shp",
        [square(300, 100, 30)],
        register(1, 23, A0=["S9"], A2=[R], A8=["02000"]),
        "EPSG:5174",
    )
    inner = [zipped(tmp_path / f"{shp.stem}.zip", [shp]) for shp in (first, second)]
    table = read(zipped(tmp_path / "national.zip", inner))
    assert table.table.measure == pytest.approx([400, 100, 900], rel=1e-3) or table.report.used == 3
    assert sorted(table.table.id.tolist()) == ["S1", "S1/B2", "S9"]
    listed = spec(tmp_path, kind="kor_buildings", path=[f.name for f in inner])
    (again,) = read_source(listed, context())
    assert again.report.used == 3
    assert [f.name for f in listed.files] == [f.name for f in inner], "every part is hashed"


def test_two_releases_of_one_province_would_count_twice(tmp_path: Path) -> None:
    both = [al_d010(tmp_path / f"AL_D010_11_{day}.shp", 29, "EPSG:5186") for day in ("20240109", "20250109")]
    with pytest.raises(InvalidInput, match="holds several releases"):
        read(zipped(tmp_path / "all.zip", both))


def test_the_same_row_in_two_parts_counts_once(tmp_path: Path) -> None:
    first = al_d010(tmp_path / "AL_D010_11_20240109.shp", 29, "EPSG:5186")
    second = al_d010(tmp_path / "AL_D010_11_20240109(2).shp", 29, "EPSG:5186")
    report = read(zipped(tmp_path / "parts.zip", [first, second])).report
    assert (report.read, report.used, report.rejected) == (4, 2, {"repeated row": 2})
    assert report.rejected_measure["repeated row"] == pytest.approx(500, rel=1e-3), "m² by reason"


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_a_damaged_zip(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "AL_D010_11_20240109.zip").write_bytes(content)
    with pytest.raises(InvalidInput, match="is no zip file"):
        read(tmp_path / "AL_D010_11_20240109.zip")


def test_the_relatives_of_the_layer(tmp_path: Path) -> None:
    facility = {"UFID": ["U1", "U2"], "PNU": [P, Q], "HEIGHT": [9.0, 0.0], "GRND_FLR": [3, 0]}
    table = read(shapefile(tmp_path / "F_FAC_BUILDING_11_201907.shp", HOUSES, facility, "EPSG:5174"))
    assert table.table.columns["storeys"] == pytest.approx([3, np.nan], nan_ok=True)
    moved = register(2, 37, A0=["1", "2"], A1=[P, Q], A24=[120.0, 0.0], A35=["19990101", ""])
    table = read(shapefile(tmp_path / "AL_D162_11_20240109.shp", HOUSES, moved, "EPSG:5186"))
    assert table.table.columns["pnu"].tolist() == [P, Q]
    assert table.table.columns["floor_area_m2"] == pytest.approx([120, np.nan], nan_ok=True)
    assert table.table.columns["use"].tolist() == [None, None], "what is not known of the layout is not guessed"


def test_a_mislabelled_datum_is_found_or_named(tmp_path: Path) -> None:
    """5174 read as 5186 lies 100 km off: refused. Read as 5181 it lies 315 m off: nobody can see it, so it is named."""
    path = al_d010(tmp_path / "AL_D010_11_20221105.shp", 23, "EPSG:5174", prj=False)
    with pytest.raises(InvalidInput, match=r"100\.\d km away.*EPSG:5174"):
        read(path, crs="EPSG:5186")
    notes = " ".join(read(path).report.notes)
    assert "EPSG:5181 (313 m)" in notes, "in Seoul"
    assert "EPSG:2097 (256 m)" in notes


def test_a_prj_of_an_unregistered_datum_is_not_taken_for_another(tmp_path: Path) -> None:
    path = al_d010(tmp_path / "AL_D010_11_20221105.shp", 23, "EPSG:5174")
    prj = path.with_suffix(".prj")
    names = ("Korean_1985_Modified_Korea_Central_Belt", "GCS_Korean_Datum_1985", "D_Korean_Datum_1985")
    wkt = pyproj.CRS(5174).to_wkt("WKT1_ESRI")
    for i, name in enumerate(names):
        wkt = wkt.replace(name, f"Bessel_{i}")
    prj.write_text(wkt)
    with pytest.raises(InvalidInput, match=r"source 1\.crs: .*no known way to EPSG:5179"):
        read(path)
    assert read(path, crs="EPSG:5174").report.used == 2


def test_the_distances_between_the_datums_are_those_of_the_ground() -> None:
    """The table of data.md 2.1: Sejong hall in each CRS."""
    at = {
        c: pyproj.Transformer.from_crs(4326, c, always_xy=True).transform(127.289, 36.480) for c in (5174, 5181, 5186)
    }
    assert at[5174] == pytest.approx((225_827, 331_039), abs=1)
    assert np.hypot(*np.subtract(at[5174], at[5181])) == pytest.approx(315, abs=1)
    assert np.hypot(*np.subtract(at[5181], at[5186])) == pytest.approx(100_000, abs=1)


# --- 건축물대장 -----------------------------------------------------------------------------------------------------


def joined(folder: Path, *rows: dict[str, Any], **keys: Any) -> Reading:
    al_d010(folder / "AL_D010_11_20221105.shp", 23, "EPSG:5174")
    if rows:
        text(folder / "mart_djy_03.txt", title_rows(*rows))
    specs = [
        spec(folder, kind="kor_buildings", path="AL_D010_11_20221105.shp"),
        replace(spec(folder, **({"kind": "kor_register", "path": "mart_djy_03.txt"} | keys)), place="source 2"),
    ]
    return read_sources(specs, context())


OFFICE = {"main_no": "0002", "floor_area_m2": "1,200", "use": "14000", "storeys": "4", "year_built": "20010203"}


def test_the_register_fills_what_the_map_does_not_say_and_nothing_else(tmp_path: Path) -> None:
    house = {"main_no": "0001", "floor_area_m2": "999", "use": "02000", "storeys": "2", "height_m": "0"}
    orphan = {"main_no": "0077", "floor_area_m2": "50"}
    reading = joined(tmp_path, house, OFFICE, orphan)
    columns = reading.tables[0].table.columns
    assert columns["floor_area_m2"] == pytest.approx([250.5, 1200]), "the map's own 250.5 m² stands"
    assert columns["use"].tolist() == ["01000", "14000"]
    assert columns["storeys"].tolist() == [2, 4]
    assert columns["year_built"].tolist() == [1988, 2001]
    join = reading.reports[1].join
    assert join is not None
    assert (join.left, join.matched, join.left_orphans) == (3, 2, 1)
    assert join.filled == {"floor_area_m2": 1, "storeys": 2, "year_built": 1}
    assert reading.reports[1].encoding == "cp949"


def test_site_summaries_are_left_out(tmp_path: Path) -> None:
    summary = {"main_no": "0002", "book_type": "1", "floor_area_m2": "8000"}
    reading = joined(tmp_path, OFFICE, summary)
    assert reading.tables[0].table.columns["floor_area_m2"][1] == 1200, "9,200 would count the site twice"
    join = reading.reports[1].join
    assert join is not None
    assert join.rejected == {"site summary (총괄표제부)": 1}
    with pytest.raises(InvalidInput, match="holds site summaries"):
        joined(tmp_path, summary)


def test_entries_of_one_parcel_add_up_and_block_lots_have_no_parcel(tmp_path: Path) -> None:
    annex = {"main_no": "0002", "floor_area_m2": "300", "use": "18000", "storeys": "1"}
    block = {"main_no": "0002", "land_type": "2", "floor_area_m2": "5"}
    reading = joined(tmp_path, annex, OFFICE, block)
    columns = reading.tables[0].table.columns
    assert columns["floor_area_m2"][1] == 1500
    assert columns["storeys"][1] == 4, "of the largest entry"
    join = reading.reports[1].join
    assert join is not None
    assert join.rejected == {"no parcel number": 1}


def test_a_register_of_another_layout_is_refused(tmp_path: Path) -> None:
    text(tmp_path / "mart_djy_03.txt", "1|2|3\r\n")
    with pytest.raises(InvalidInput, match="rows have 3 fields where 77 columns are named"):
        joined(tmp_path)


# --- 건물에너지 -----------------------------------------------------------------------------------------------------


def energy(folder: Path, files: dict[str, str], carrier: str = "gas") -> Reading:
    for name, content in files.items():
        text(folder / name, content)
    return joined(folder, kind="kor_energy", path=list(files), carrier=carrier)


BULK = "{ym}|서울 송파구|올림픽로|11710|10100|0|{main}|0000||||||{kwh}\r\n"
KEYS = "11710|10100|0|{main}|0000|{ym}|{kwh}\r\n"


@pytest.mark.parametrize("form", [BULK, KEYS, KEYS.replace("\r\n", "|합성\r\n")])
def test_layouts_of_the_energy_register_by_their_fields(form: str, tmp_path: Path) -> None:
    months = "".join(form.format(ym=f"2024{m:02d}", main="0001", kwh="1,000") for m in range(1, 13))
    orphan = form.format(ym="202401", main="0099", kwh="7")
    reading = energy(tmp_path, {"gas.txt": months + orphan})
    assert reading.tables[0].table.columns["gas_kwh_gcv"] == pytest.approx([12_000, np.nan], nan_ok=True)
    join = reading.reports[1].join
    assert join is not None
    assert (join.left, join.matched_share, join.partial) == (2, 0.5, 1)


def test_a_file_a_month_is_one_year(tmp_path: Path) -> None:
    files = {f"{m:02d}.txt": KEYS.format(ym=f"2024{m:02d}", main="0001", kwh="10") for m in range(1, 13)}
    reading = energy(tmp_path, files, "electricity")
    assert reading.tables[0].table.columns["electricity_kwh"][0] == 120
    join = reading.reports[1].join
    assert join is not None
    assert (join.read, join.partial) == (12, 0)


def test_unknown_layouts_and_carriers(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="rows have 3 fields, which is no known layout"):
        energy(tmp_path, {"gas.txt": "1|2|3\r\n"})
    with pytest.raises(InvalidInput, match="the files differ in layout"):
        energy(tmp_path, {"1.txt": BULK.format(ym="202401", main="0001", kwh="1"), "2.txt": KEYS})
    with pytest.raises(UnknownName, match="did you mean 'heat'"):
        energy(tmp_path, {"gas.txt": KEYS}, "heet")


def test_a_key_of_another_kind_means_nothing_here(tmp_path: Path) -> None:
    text(tmp_path / "gas.txt", KEYS)
    with pytest.raises(InvalidInput, match=r"source 1\.layer: is no key of kind 'kor_energy'"):
        spec(tmp_path, kind="kor_energy", path="gas.txt", carrier="gas", layer="x")


def test_the_test_place_is_in_seoul() -> None:
    assert context().crs == CRS
