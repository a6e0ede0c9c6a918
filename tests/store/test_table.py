# SPDX-License-Identifier: Apache-2.0
"""Tables: every format, every way a CRS, an encoding, a column or a geometry is wrong in real files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from carbongrid.crs import CRS84, project_polygon
from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.places.boundary import polygon_of
from carbonstore.places.reproject import reprojected
from carbonstore.sources import ReadContext, SourceTable, read_source
from tests.store.inventories import CRS, SOUTH, WEST, context, line, spec, square

FORMATS = ("town.gpkg", "town.geojson", "town.shp", "town.parquet")


def write(path: Path, geometry: Sequence[shapely.Geometry | None], crs: str | None = CRS, **columns: Any) -> Path:
    """Geometries given on EPSG:5179, written in another CRS (``None``: on EPSG:5179, but saying nothing)."""
    frame = geopandas.GeoDataFrame(columns, geometry=list(geometry), crs=CRS)
    frame = frame if crs is None else frame.to_crs(crs)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path, engine="pyogrio")
    if crs is None and path.suffix == ".shp":
        path.with_suffix(".prj").unlink()
    return path


def read(path: Path, provides: str = "buildings", **keys: Any) -> SourceTable:
    (table,) = read_source(spec(path.parent, kind="table", path=path.name, provides=[provides], **keys), context())
    return table


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("crs", ["EPSG:5179", "EPSG:5186"])
def test_every_format_and_crs_gives_the_same_table(name: str, crs: str, tmp_path: Path) -> None:
    crs = "EPSG:4326" if name.endswith("geojson") else crs
    houses = [square(100, 100, 10), square(200, 100, 20)]
    path = write(tmp_path / name, houses, crs, A2=["1171010100100040020"] * 2, A14=[250.5, 0.0], A9=["아파트", "-"])
    table = read(path, columns={"pnu": "A2", "floor_area_m2": "A14", "use": "A9"})
    assert table.table.measure == pytest.approx([100, 400], rel=1e-5)
    assert table.table.inside.tolist() == [1.0, 1.0]
    assert table.table.columns["pnu"].tolist() == ["1171010100100040020"] * 2
    assert table.table.columns["floor_area_m2"] == pytest.approx([250.5, np.nan], nan_ok=True), "0 m2 means unknown"
    assert table.table.columns["use"].tolist() == ["아파트", None]
    assert table.table.id.tolist() == ["row/1", "row/2"]


def test_columns_that_already_have_the_contract_s_names_need_no_renaming(tmp_path: Path) -> None:
    path = write(
        tmp_path / "roads.gpkg", [line((0, 0), (100, 0))], id=["17"], aadt=[1200], aadt_bus=["1,034"], lanes=[2]
    )
    columns = read(path, "roads").table.columns
    assert {c: columns[c][0] for c in ("aadt", "aadt_bus", "lanes")} == {"aadt": 1200, "aadt_bus": 1034, "lanes": 2}
    assert list(columns) == ["class", "lanes", "speed_kmh", "aadt", "oneway", "aadt_bus"]


# --- CRS ---------------------------------------------------------------------------------------------------------


def test_links_without_motor_traffic_are_left_out_whatever_the_format(tmp_path: Path) -> None:
    ways = [line((0, 100 * i), (100 + i, 100 * i)) for i in range(4)]
    path = write(tmp_path / "roads.gpkg", ways, **{"class": ["primary", "footway", "B 27", None]})
    table = read(path, "roads")
    assert table.table.columns["class"].tolist() == ["primary", "B 27", None], "unknown classes are the model's matter"
    assert table.report.rejected == {"class without motor traffic": 1}
    assert table.report.rejected_measure == {"class without motor traffic": pytest.approx(101)}


def test_a_shapefile_without_prj_needs_the_author_s_word(tmp_path: Path) -> None:
    path = write(tmp_path / "town.shp", [square(0, 0, 100)], None, use=["x"])
    with pytest.raises(InvalidInput, match=r"source 1\.crs: is missing: 'town\.shp' states no CRS .*EPSG:5186"):
        read(path)
    assert read(path, crs="EPSG:5179").table.measure == pytest.approx([10_000])


def test_a_geoparquet_file_with_an_unknown_crs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "town.parquet"
    geopandas.GeoDataFrame({"use": ["x"]}, geometry=[square(0, 0, 100)]).to_parquet(path)
    with pytest.raises(InvalidInput, match=r"source 1\.crs: is missing"):
        read(path)


def test_the_author_s_crs_overrides_the_file_s_and_the_report_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "town.gpkg", [square(0, 0, 100)], use=["x"])
    frame = geopandas.read_file(path).set_crs("EPSG:5186", allow_override=True)
    frame.to_file(tmp_path / "wrong.gpkg")
    table = read(tmp_path / "wrong.gpkg", crs="EPSG:5179")
    assert table.table.measure == pytest.approx([10_000])
    assert table.report.notes == ("the file states EPSG:5186, the inventory EPSG:5179",)


@pytest.mark.parametrize("really", ["EPSG:5181", "EPSG:5174"])
def test_the_old_false_northing_is_found_and_both_old_datums_are_named(really: str, tmp_path: Path) -> None:
    """EPSG:5181 and 5174 lie 315 m apart, EPSG:5186 100 km north of both: coordinates cannot tell the first two."""
    path = write(tmp_path / "town.shp", [square(1_000, 1_000, 100)], really, use=["x"])
    path.with_suffix(".prj").unlink()
    with pytest.raises(
        InvalidInput, match=r"9\d\.\d km away\. Its coordinates look like EPSG:5174 or EPSG:5181"
    ) as caught:
        read(path, crs="EPSG:5186")
    assert "not EPSG:5186: read so they lie inside" in caught.value.sentence


def test_swapped_axes_are_found(tmp_path: Path) -> None:
    (house,) = reprojected([square(0, 0, 100)], CRS, CRS84)
    swapped = shapely.transform(house, lambda xy: xy[:, ::-1])
    geopandas.GeoDataFrame({"use": ["x"]}, geometry=[swapped], crs="EPSG:4326").to_file(tmp_path / "town.gpkg")
    with pytest.raises(InvalidInput, match=r"no coordinate is possible.*axes look swapped"):
        read(tmp_path / "town.gpkg")
    northing_first = shapely.transform(square(0, 0, 100), lambda xy: xy[:, ::-1])
    geopandas.GeoDataFrame({"use": ["x"]}, geometry=[northing_first], crs=CRS).to_file(tmp_path / "metres.gpkg")
    with pytest.raises(InvalidInput, match="axes look swapped"):
        read(tmp_path / "metres.gpkg")


def test_degrees_called_metres_are_found(tmp_path: Path) -> None:
    (house,) = reprojected([square(0, 0, 100)], CRS, CRS84)
    geopandas.GeoDataFrame({"use": ["x"]}, geometry=[house], crs="EPSG:5186").to_file(tmp_path / "town.gpkg")
    with pytest.raises(InvalidInput, match="look like OGC:CRS84, not EPSG:5186"):
        read(tmp_path / "town.gpkg")


# --- encoding ----------------------------------------------------------------------------------------------------


def korean_shapefile(folder: Path, cpg: str | None) -> Path:
    path = write(folder / "town.shp", [square(0, 0, 100)])
    wkb = shapely.to_wkb([square(0, 0, 100)])
    pyogrio.raw.write(
        path, wkb, [np.array(["공동주택"], object)], ["use"], geometry_type="Polygon", crs=CRS, encoding="cp949"
    )
    path.with_suffix(".cpg").unlink()
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


@pytest.mark.parametrize("cpg", ["949", "cp949", None], ids=["949", "cp949", "no cpg"])
def test_korean_text_is_read_whatever_the_cpg_says(cpg: str | None, tmp_path: Path) -> None:
    assert read(korean_shapefile(tmp_path, cpg)).table.columns["use"].tolist() == ["공동주택"]


def test_a_stated_encoding_that_cannot_be_is_refused_not_replaced(tmp_path: Path) -> None:
    path = korean_shapefile(tmp_path, None)
    with pytest.raises(InvalidInput, match=r"source 1\.encoding: 'town\.dbf' is not text in utf-8"):
        read(path, encoding="utf-8")
    assert read(path, encoding="cp949").table.columns["use"].tolist() == ["공동주택"]


def test_half_a_character_at_a_field_s_end_is_no_other_encoding(tmp_path: Path) -> None:
    path = korean_shapefile(tmp_path, None)
    table = bytearray(path.with_suffix(".dbf").read_bytes())
    width, text = table[32 + 16], "가".encode("cp949")
    start = int.from_bytes(table[8:10], "little") + 1
    assert width % 2 == 0, "the field holds whole characters, so shift them by one byte"
    table[start : start + width] = (b"x" + text * width)[:width]
    path.with_suffix(".dbf").write_bytes(table)
    assert read(path).table.columns["use"][0].startswith("x가가")


# --- columns, layers, files --------------------------------------------------------------------------------------


def test_an_unknown_column_names_those_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "town.gpkg", [square(0, 0, 100)], A13=["x"], A14=[1.0])
    with pytest.raises(UnknownName, match=r"source 1\.columns: unknown column 'A15', did you mean 'A14'.*A13, A14"):
        read(path, columns={"floor_area_m2": "A15"})


def test_a_parcel_number_stored_as_a_float_has_lost_its_digits(tmp_path: Path) -> None:
    path = write(tmp_path / "town.gpkg", [square(0, 0, 100)], pnu=[1.1710101001000400e18])
    with pytest.raises(InvalidInput, match=r"source 1\.pnu: the key is stored as a decimal number, digits are lost"):
        read(path)
    whole = write(tmp_path / "whole.gpkg", [square(0, 0, 100)], pnu=[1171010100100040020])
    assert read(whole).table.columns["pnu"].tolist() == ["1171010100100040020"]


def test_of_several_layers_one_is_named(tmp_path: Path) -> None:
    frame = geopandas.GeoDataFrame({"use": ["x"]}, geometry=[square(0, 0, 100)], crs=CRS)
    for layer in ("houses", "sheds"):
        frame.to_file(tmp_path / "town.gpkg", layer=layer)
    with pytest.raises(InvalidInput, match=r"source 1\.layer: is missing: the file has several layers .*houses, sheds"):
        read(tmp_path / "town.gpkg")
    with pytest.raises(UnknownName, match="did you mean 'houses'"):
        read(tmp_path / "town.gpkg", layer="house")
    assert len(read(tmp_path / "town.gpkg", layer="houses").table) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("town.csv", "'town.csv' is no table"),
        ("town.gpkg", "'town.gpkg' cannot be read"),
        ("town.parquet", "'town.parquet' is no GeoParquet file"),
    ],
)
def test_a_file_that_is_no_table(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("no table")
    with pytest.raises(InvalidInput, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["town.gpkg", "town.parquet"])
def test_an_empty_table_is_an_empty_source(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="source 1: the source is empty"):
        read(write(tmp_path / name, [], use=[]))


# --- ids ---------------------------------------------------------------------------------------------------------


def test_repeated_rows_go_and_repeated_ids_are_numbered(tmp_path: Path) -> None:
    houses = [square(0, 0, 10), square(0, 0, 10), square(50, 0, 10), square(90, 0, 10)]
    table = read(write(tmp_path / "town.gpkg", houses, id=["a", "a", "a", "b"]))
    assert table.table.id.tolist() == ["a", "a#2", "b"]
    assert table.report.rejected == {"repeated row": 1}
    assert table.report.notes == ("1 ids occur more than once and were numbered",)


# --- geometry ----------------------------------------------------------------------------------------------------


def bow_tie(east: float) -> shapely.Polygon:
    return shapely.Polygon([(WEST + east + x, SOUTH + y) for x, y in [(0, 0), (10, 10), (10, 0), (0, 10)]])


def test_geometries_are_repaired_and_their_areas_compared(tmp_path: Path) -> None:
    shells = shapely.MultiPolygon([square(100, 0, 30), square(110, 10, 10)])
    collection = shapely.GeometryCollection([square(200, 0, 10), line((200, 0), (250, 0)), shapely.Point(WEST, SOUTH)])
    solid = shapely.force_3d(square(300, 0, 10), 35.0)
    path = write(
        tmp_path / "town.gpkg", [bow_tie(0), shells, collection, solid], id=["tie", "nested", "mixed", "solid"]
    )
    table, report = read(path).table, read(path).report
    assert table.measure == pytest.approx([50, 900 - 100, 100, 100])
    assert not shapely.has_z(table.geometry.to_shapely()).any()
    assert (report.repaired, report.used) == (3, 4)
    assert report.area_before_repair == pytest.approx(0 + 1_000 + 100)
    assert report.area_after_repair == pytest.approx(50 + 800 + 100)
    assert [(r.id, round(r.before), round(r.after)) for r in report.repairs] == [
        ("nested", 1_000, 800),
        ("tie", 0, 50),
        ("mixed", 100, 100),
    ]


def test_rows_without_usable_geometry_are_counted_by_reason(tmp_path: Path) -> None:
    geometries = [square(0, 0, 10), None, shapely.Polygon(), line((0, 0), (10, 0))]
    report = read(write(tmp_path / "town.gpkg", geometries, id=["a", "b", "c", "d"])).report
    assert report.rejected == {"no readable geometry": 1, "no polygon with an area": 2}
    assert (report.read, report.used) == (4, 1)


def test_an_unclosed_ring_is_unreadable_and_counted(tmp_path: Path) -> None:
    good = shapely.to_wkb(square(0, 0, 10))
    open_ring = bytearray(good)
    open_ring[-16:] = np.array([WEST + 5, SOUTH + 5]).tobytes()
    pyogrio.raw.write(
        tmp_path / "town.gpkg",
        np.array([good, bytes(open_ring)], object),
        [np.array(["a", "b"], object)],
        ["id"],
        geometry_type="Polygon",
        crs=CRS,
    )
    report = read(tmp_path / "town.gpkg").report
    assert report.used == 1
    assert report.rejected == {"no readable geometry": 1}


def test_jizzakh_s_nested_shell_loses_the_city_counted_twice(shared_data: Path, tmp_path: Path) -> None:
    """Sharof Rashidov district: 1,368 km2 as drawn, 1,259 km2 with the city as a hole (EPSG:32642)."""
    file = "jizzakh_districts_osm_raw.geojson"
    folder = shared_data / "uzbekistan"
    region = polygon_of(file, folder, "boundary")
    source = spec(folder, kind="table", path=file, provides=["forests"], columns={"id": "ADM2_EN"})
    (table,) = read_source(source, ReadContext("EPSG:32642", region, 2024, project_polygon(region, "EPSG:32642")))
    assert (table.report.read, table.report.used, table.report.repaired) == (13, 13, 13)
    worst = table.report.repairs[0]
    assert "Rashid" in worst.id
    assert (worst.before / 1e6, worst.after / 1e6) == pytest.approx((1_368.1, 1_258.6), abs=0.1)


# --- clipping ----------------------------------------------------------------------------------------------------


def test_what_crosses_the_border_is_clipped_and_measured(tmp_path: Path) -> None:
    roads = [line((3_900, 100), (4_300, 100)), line((4_500, 0), (4_600, 0)), line((0, 200), (100, 200))]
    table = read(write(tmp_path / "roads.gpkg", roads, id=["a", "b", "c"]), "roads")
    assert table.table.id.tolist() == ["a", "c"]
    assert table.table.measure == pytest.approx([400, 100])
    assert table.table.inside == pytest.approx([0.25, 1.0], abs=1e-3)
    assert table.report.rejected == {"outside the boundary": 1}
    assert table.report.rejected_measure == pytest.approx({"outside the boundary": 100})
    assert table.report.clipped["boundary"] == pytest.approx(300, abs=0.1)
    assert shapely.length(table.table.geometry.to_shapely()) == pytest.approx([100, 100], abs=0.1)


def test_what_only_touches_the_border_is_outside(tmp_path: Path) -> None:
    corner = shapely.box(WEST - 100, SOUTH - 100, WEST, SOUTH)
    table = read(write(tmp_path / "town.gpkg", [square(0, 0, 10), corner], id=["in", "touching"]))
    assert table.table.id.tolist() == ["in"]


def test_a_row_cut_by_boundary_and_then_lost_to_the_extent_is_rejected_whole(tmp_path: Path) -> None:
    extent = list(reprojected([square(0, 0, 2_000)], CRS, CRS84)[0].bounds)
    roads = [line((3_900, 100), (4_300, 100)), line((1_900, 100), (2_300, 100))]
    table = read(write(tmp_path / "roads.gpkg", roads, id=["a", "b"]), "roads", extent=extent)
    assert table.report.rejected_measure == pytest.approx({"outside the extent": 400})
    assert table.report.clipped == pytest.approx({"boundary": 0, "extent": 300}, abs=5)
    assert abs(table.report.gap) < 1e-9


def test_a_polygon_covered_by_earlier_ones_is_left_out(tmp_path: Path) -> None:
    stands = [square(0, 0, 100), square(100, 0, 100), square(50, 10, 50), square(190, 0, 20)]
    table = read(write(tmp_path / "stands.gpkg", stands, id=["a", "b", "c", "d"]), "forests")
    assert table.table.id.tolist() == ["a", "b", "d"]
    assert table.report.rejected == {"covered by others": 1}
    assert table.table.measure == pytest.approx([10_000, 10_000, 200])
    assert table.report.overlap_removed == pytest.approx(200)


def test_forest_stands_know_when_they_were_surveyed(tmp_path: Path) -> None:
    path = write(tmp_path / "stands.gpkg", [square(0, 0, 100)], species=["11"], age_class=["3"], density=["B"])
    columns: Mapping[str, Any] = read(path, "forests", base_year=2015).table.columns
    assert (columns["base_year"][0], columns["age_class"][0], columns["density"][0]) == (2015, 3, "B")


def test_yes_and_no_and_dates_in_the_forms_files_have_them(tmp_path: Path) -> None:
    ways = [line((0, 10 * i), (100, 10 * i)) for i in range(5)]
    roads = read(write(tmp_path / "roads.gpkg", ways, oneway=["yes", "N", "1", "-", "maybe"]), "roads")
    assert roads.table.columns["oneway"] == pytest.approx([1, 0, 1, np.nan, np.nan], nan_ok=True)
    assert roads.report.unparsed == {"oneway": 1}
    plain = read(write(tmp_path / "plain.gpkg", ways[:2], oneway=[True, False]), "roads")
    assert plain.table.columns["oneway"].tolist() == [1, 0]
    built = np.array(["1997-03-14", "2020-01-01"], "datetime64[D]")
    houses = write(tmp_path / "town.gpkg", [square(0, 0, 10), square(50, 0, 10)], year_built=built)
    assert read(houses).table.columns["year_built"].tolist() == [1997, 2020]


def test_values_that_are_no_numbers_are_missing_and_counted(tmp_path: Path) -> None:
    houses = [square(20 * i, 0, 10) for i in range(4)]
    path = write(
        tmp_path / "town.gpkg",
        houses,
        height_m=["6", "-1", "tall", "1,234.5"],
        year_built=["19970314", "1988-08-31", "0", "x"],
    )
    table = read(path)
    assert table.table.columns["height_m"] == pytest.approx([6, np.nan, np.nan, 1234.5], nan_ok=True)
    assert table.table.columns["year_built"] == pytest.approx([1997, 1988, np.nan, np.nan], nan_ok=True)
    assert table.report.unparsed == {"height_m": 1, "year_built": 1}
    assert table.report.present == {"height_m": 2, "year_built": 2}
