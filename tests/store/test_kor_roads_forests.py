# SPDX-License-Identifier: Apache-2.0
"""표준노드링크 with volumes by link, 임상도 with its land that is no forest."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable
from carbongrid.roads import estimate, traffic
from carbonstore.report import JoinReport
from carbonstore.sources import Reading, SourceTable, read_source, read_sources
from tests.store.inventories import CRS, context, line, spec, square
from tests.store.official import shapefile, text, zipped

# --- 표준노드링크 ---------------------------------------------------------------------------------------------------

BOTH_PARTS = shapely.MultiLineString([line((0, 300), (100, 300)), line((150, 300), (200, 300))])
LINKS = [line((0, 0), (100, 0)), line((100, 10), (0, 10)), line((0, 200), (300, 200)), BOTH_PARTS]
FIELDS: dict[str, Sequence[Any]] = {
    "LINK_ID": ["1610000100", "1610000200", "1610000300", "0610000400"],
    "LANES": [4, 4, 0, 2],
    "ROAD_RANK": ["101", "101", "107", "103"],
    "ROAD_NAME": ["경부고속도로", "경부고속도로", "-", "-"],
    "ROAD_USE": ["0", "0", "1", "0"],
    "CONNECT": ["000", "101", "000", "000"],
    "MAX_SPD": [100, 60, 0, 0],
}


def links(folder: Path, **columns: Sequence[Any]) -> Path:
    return shapefile(folder / "MOCT_LINK.shp", LINKS, FIELDS | columns, "EPSG:5186")


def roads(path: Path) -> SourceTable:
    (table,) = read_source(spec(path.parent, kind="kor_roads", path=path.name), context())
    return table


def test_links_as_the_standard_has_them(tmp_path: Path) -> None:
    table = roads(links(tmp_path))
    assert table.table.id.tolist() == ["1610000100", "1610000200", "0610000400"], "keys are text"
    assert table.table.columns["class"].tolist() == ["101", "motorway_link", "103"], "a link with CONNECT is a ramp"
    assert table.table.columns["lanes"] == pytest.approx([4, 4, 2])
    assert table.table.columns["speed_kmh"] == pytest.approx([100, 60, np.nan], nan_ok=True), "0 km/h is unknown"
    assert table.table.measure == pytest.approx([100, 100, 150], rel=1e-4), "both parts of a MultiLineString, no gap"
    report = table.report
    assert (report.read, report.used, report.rejected) == (4, 3, {"not in use": 1})
    assert report.rejected_measure["not in use"] == pytest.approx(300, rel=1e-4), "metres"
    assert "1 links are ramps" in report.notes


def test_a_link_is_one_direction_so_its_default_volume_is_half_the_road_s(tmp_path: Path) -> None:
    table = roads(links(tmp_path)).table
    flow = traffic(table, FactorSet.load("kor"))
    assert flow.aadt.sum(axis=0) == pytest.approx([25_000, 5_000, 6_500])


def test_zipped_links(tmp_path: Path) -> None:
    assert roads(zipped(tmp_path / "[2024-01-01]NODELINKDATA.zip", [links(tmp_path)])).report.used == 3


def test_a_layer_that_is_no_link_layer(tmp_path: Path) -> None:
    nodes = shapefile(tmp_path / "MOCT_NODE.shp", LINKS, {"NODE_ID": list("1234")}, "EPSG:5186")
    with pytest.raises(InvalidInput, match="the file lacks the column 'LINK_ID'"):
        roads(nodes)


def volumes(folder: Path, rows: Sequence[str], encoding: str = "cp949", **keys: Any) -> Reading:
    links(folder)
    text(folder / "volumes.csv", "\r\n".join(rows) + "\r\n", encoding)
    specs = [
        spec(folder, kind="kor_roads", path="MOCT_LINK.shp"),
        replace(spec(folder, kind="kor_volumes", path="volumes.csv", **keys), place="source 2"),
    ]
    return read_sources(specs, context())


def join_of(reading: Reading) -> JoinReport:
    join = reading.reports[1].join
    assert join is not None
    return join


def table_of(reading: Reading) -> ActivityTable:
    return reading.tables[0].table


@pytest.mark.parametrize("encoding", ["cp949", "utf-8", "utf-8-sig"])
def test_daily_averages_by_link(encoding: str, tmp_path: Path) -> None:
    rows = ["LINK_ID,aadt,비고", '1610000100,"41,250",가', "0610000400,-,나", "9990000000,7,다"]
    reading = volumes(tmp_path, rows, encoding)
    assert table_of(reading).columns["aadt"] == pytest.approx([41_250, np.nan, np.nan], nan_ok=True)
    join = join_of(reading)
    assert (join.key, join.left, join.matched, join.left_orphans) == ("link_id", 3, 2, 1)
    assert (join.right, join.right_orphans) == (3, 1)
    assert join.filled == {"aadt": 1}


def test_the_twelve_classes_of_the_census(tmp_path: Path) -> None:
    rows = ["LINK_ID," + ",".join(f"{i}종" for i in range(1, 13)), "1610000100,100,20,30,4,1,1,1,1,1,1,1,-"]
    columns = table_of(volumes(tmp_path, rows)).columns
    found = {v: columns[f"aadt_{v}"][0] for v in ("car", "bus", "truck_small", "truck_medium", "truck_large")}
    assert found == {"car": 100, "bus": 20, "truck_small": 30, "truck_medium": 4, "truck_large": 7}
    assert np.isnan(columns["aadt_car"][1:]).all()


def hours(link: str, date: str, count: int = 24, per_hour: int = 10) -> list[str]:
    return [f"{link},{date},{hour},{per_hour}" for hour in range(count)]


def test_hours_become_a_day_only_where_all_are_there(tmp_path: Path) -> None:
    head = "LINK_ID,date,hour,volume"
    rows = [head, *hours("1610000100", "20240401"), *hours("1610000100", "20240402", per_hour=20)]
    rows += hours("1610000200", "20240401", 23)
    rows += [rows[1], "1610000100,20240403,25,9", ",20240401,1,5"]
    reading = volumes(tmp_path, rows)
    assert table_of(reading).columns["aadt"] == pytest.approx([360, np.nan, np.nan], nan_ok=True), "(240 + 480) / 2"
    join = join_of(reading)
    assert join.read == 48 + 23 + 3
    assert join.used == 48
    assert join.rejected == {
        "day with hours missing": 23,
        "repeated row": 1,
        "no hour of a day": 1,
        "no link id": 1,
    }


def test_hours_with_a_speed_become_an_average_day_hour_by_hour(tmp_path: Path) -> None:
    # two days: 10 vehicles an hour at 30 km/h, 30 at 50; at 8 o'clock of the second day the speed is unknown
    rows = ["LINK_ID,date,hour,volume,speed_kmh"]
    rows += [f"{row},30" for row in hours("1610000100", "20240401")]
    rows += [f"{row},50" for row in hours("1610000100", "20240402", per_hour=30)]
    rows[1 + 24 + 8] = rows[1 + 24 + 8].removesuffix("50") + "-"
    reading = volumes(tmp_path, rows)
    columns = table_of(reading).columns
    assert columns["aadt"][0] == 480
    assert columns["volume_h00"][0] == columns["volume_h08"][0] == 20
    assert columns["speed_h00"][0] == pytest.approx((10 * 30 + 30 * 50) / 40)
    assert columns["speed_h08"][0] == 30
    assert np.isnan(columns["volume_h00"][1:]).all()
    assert join_of(reading).filled == {"aadt": 1}
    made = estimate(table_of(reading), FactorSet.load("kor"), 2024)
    assert (made.notes["hourly"], made.notes["counted"]) == (1, 1)


def test_an_unknown_hour_makes_its_day_unknown(tmp_path: Path) -> None:
    rows = ["LINK_ID,hour,volume_car", *hours("1610000100", "x")]
    rows = [row.replace(",x", "") for row in rows]
    rows[5] = "1610000100,4,-"
    assert np.isnan(table_of(volumes(tmp_path, rows)).columns["aadt_car"]).all(), "230 would be too few"


def test_volumes_that_cannot_be_joined(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"source 2: link 1 has 2 daily averages|source 1: link 1 has 2"):
        volumes(tmp_path, ["LINK_ID,aadt", "1,5", "1,6"])
    with pytest.raises(InvalidInput, match="there is no link id"):
        volumes(tmp_path, ["link,aadt", "1,5"])
    with pytest.raises(InvalidInput, match="there is no volume"):
        volumes(tmp_path, ["LINK_ID,cars", "1,5"])
    assert table_of(
        volumes(tmp_path, ["링크;대수", "1610000100;5,5"], separator=";", columns={"link_id": "링크", "aadt": "대수"})
    ).columns["aadt"][0] == pytest.approx(5.5)


def test_volumes_need_roads(tmp_path: Path) -> None:
    text(tmp_path / "volumes.csv", "LINK_ID,aadt\n1,5\n")
    with pytest.raises(InvalidInput, match="no roads to join to"):
        read_sources([spec(tmp_path, kind="kor_volumes", path="volumes.csv")], context())


def test_a_column_name_that_means_nothing(tmp_path: Path) -> None:
    text(tmp_path / "volumes.csv", "LINK_ID,aadt\n1,5\n")
    with pytest.raises(UnknownName, match="did you mean 'aadt'"):
        spec(tmp_path, kind="kor_volumes", path="volumes.csv", columns={"aadd": "aadt"})


# --- 임상도 ---------------------------------------------------------------------------------------------------------

STANDS = [square(200 * i, 1_000, 100) for i in range(6)]
CODES: dict[str, Sequence[Any]] = {
    "KOFTR_GROUP_CD": ["11", "33", "93", "81", "", ""],
    "FRTP_CD": ["1", "2", "0", "0", "4", "0"],
    "AGCLS_CD": ["3", "5", "", "", "", ""],
    "DMCLS_CD": ["2", "1", "", "", "", ""],
    "DNST_CD": ["C", "A", "", "", "", ""],
}


def forests(
    folder: Path, name: str = "44200.shp", columns: dict[str, Sequence[Any]] = CODES, **keys: Any
) -> SourceTable:
    path = folder / name
    if path.suffix == ".shp":
        shapefile(path, STANDS, {k[:10]: v for k, v in columns.items()}, CRS, prj=False)
    else:
        import geopandas

        geopandas.GeoDataFrame(dict(columns), geometry=STANDS, crs=CRS).to_file(path)
    (table,) = read_source(spec(folder, kind="kor_forest", path=name, **keys), context())
    return table


@pytest.mark.parametrize("name", ["44200.shp", "im5000.gpkg"])
def test_stands_with_whole_or_cut_column_names(name: str, tmp_path: Path) -> None:
    table = forests(tmp_path, name, base_year=2020)
    columns = table.table.columns
    assert columns["species"].tolist() == ["11", "33", None]
    assert columns["land_cover"].tolist() == ["침엽수림", "활엽수림", "죽림"], "where the species is empty"
    assert columns["age_class"] == pytest.approx([3, 5, np.nan], nan_ok=True)
    assert columns["density"].tolist() == ["C", "A", None]
    assert columns["base_year"].tolist() == [2020] * 3


def test_land_that_is_no_forest_is_left_out_with_its_area(tmp_path: Path) -> None:
    """A naive reader would let fields (93), unstocked land (81) and land without a type absorb."""
    report = forests(tmp_path).report
    assert (report.read, report.used, report.rejected) == (6, 3, {"non-forest code": 3})
    assert report.rejected_measure["non-forest code"] == pytest.approx(30_000), "m²"
    assert report.measure_used == pytest.approx(30_000)


@pytest.mark.parametrize("code", ["81", "82", "91", "92", "93", "94", "95", "99"])
def test_every_code_that_is_no_forest(code: str, tmp_path: Path) -> None:
    columns = CODES | {"KOFTR_GROUP_CD": ["11", code, code, code, code, code]}
    assert forests(tmp_path, columns=columns).report.rejected == {"non-forest code": 5}


def test_slivers_on_a_seam_are_taken_off_the_later_stand(tmp_path: Path) -> None:
    shapes = [square(0, 0, 100), square(99, 0, 100)]
    shapefile(tmp_path / "a.shp", shapes, {"KOFTR_GROU": ["11", "11"]}, CRS)
    (table,) = read_source(spec(tmp_path, kind="kor_forest", path="a.shp"), context())
    assert table.table.measure.sum() == pytest.approx(19_900)
    assert table.report.overlap_removed == pytest.approx(100), "m²"


def test_a_layer_without_species(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the file lacks the column 'KOFTR_GROUP_CD'"):
        forests(tmp_path, columns={"FRTP_CD": CODES["FRTP_CD"]})
