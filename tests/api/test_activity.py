# SPDX-License-Identifier: Apache-2.0
"""Activity data that a client sends: published kilograms, cells that add up, refusals at their place, nothing kept."""

import base64
import csv
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import orjson
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbongrid.errors import TooLarge
from carbonstore.encode.cog import MEDIA_TYPE as COG
from carbonstore.releases.catalogue import Catalogue
from processes.activity import tables as activity
from processes.answer import perform
from processes.base import Context
from processes.estimate_region import ESTIMATE_REGION
from processes.web.routes import routes
from tests.api.files import CSV, GEOJSON, GEOPACKAGE, frame, qualified, written

EXAMPLES = 2_000 if os.environ.get("CARBONGRID_SOAK") else 25
LON, LAT = 127.28, 36.49
REGION = mapping(shapely.box(LON - 0.02, LAT - 0.01, LON + 0.02, LAT + 0.01))
EAST, NORTH = Transformer.from_crs("OGC:CRS84", "EPSG:5179", always_xy=True).transform(LON, LAT)
HOUSE = shapely.box(EAST, NORTH, EAST + 20, NORTH + 10)
HECTARE = shapely.box(EAST - 300, NORTH - 300, EAST - 200, NORTH - 200)
KOREA = {"country": "kor", "year": 2023}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server on which nothing is published."""
    with TestClient(Starlette(routes=routes(Catalogue(tmp_path_factory.mktemp("empty")), "http://x"))) as opened:
        yield opened


def ask(client: TestClient, inputs: dict[str, Any], output: str = "totals", media: str | None = None) -> Any:
    asked = {output: {"format": {"mediaType": media}} if media else {}}
    body = {"inputs": {"region": REGION} | inputs, "outputs": asked, "response": "document"}
    return client.post("/processes/estimate-region/execution", content=orjson.dumps(body))


def totals(client: TestClient, **inputs: Any) -> Any:
    answer = ask(client, KOREA | inputs)
    assert answer.status_code == 200, answer.text
    return answer.json()["totals"]


def features(shapes: list[Any], **columns: list[Any]) -> dict[str, Any]:
    """A table in EPSG:5179 as GeoJSON."""
    made: dict[str, Any] = orjson.loads(written(frame(shapes, "EPSG:5179", **columns).to_crs(4326), GEOJSON))
    made.pop("crs", None)
    return made


def gpkg(shapes: list[Any], crs: str | None = "EPSG:5179", **columns: list[Any]) -> dict[str, Any]:
    return qualified(written(frame(shapes, crs, **columns), GEOPACKAGE), GEOPACKAGE)


def text(data: str) -> dict[str, Any]:
    return {"value": data, "mediaType": CSV}


# Kilograms


@pytest.mark.parametrize(
    "buildings",
    [
        features([HOUSE], electricity_kwh=[10_000_000]),
        gpkg([HOUSE], electricity_kwh=[10_000_000]),
        qualified(orjson.dumps(features([HOUSE], electricity_kwh=[10_000_000])), GEOJSON),
        text(f"lon,lat,floor_area_m2,electricity_kwh\n{LON},{LAT},200,10000000\n"),
        qualified(f"lon;lat;floor_area_m2;electricity_kwh\n{LON};{LAT};200;10000000\n".encode(), CSV),
    ],
    ids=["geojson", "geopackage", "geojson file", "csv", "semicolons"],
)
def test_electricity_of_korea_2023(client: TestClient, buildings: dict[str, Any]) -> None:
    """T10: 10,000 MWh x 0.4173 t/MWh."""
    found = totals(client, buildings=buildings)
    assert found["years"][0]["kg"]["emission_buildings"] == 4_173_000
    assert (found["inventory"], found["status"], found["missing"]) == ("upload", "partial", "transport,forest")


def test_gas_by_its_gross_calorific_value(client: TestClient) -> None:
    """T32: 10,000 kWh of city gas are 1,821 kg of CO2."""
    bands = totals(client, buildings=features([HOUSE], gas_kwh_gcv=[10_000]))["years"][0]["bands"]
    assert {b["gas"]: b["kg"] for b in bands if b["scope"] == 1} == {"co2": 1821, "ch4": 5, "n2o": 1}


def test_floor_area_alone_is_estimated_with_a_wider_interval(client: TestClient) -> None:
    kg = totals(client, buildings=features([HOUSE], floor_area_m2=[400.0], use=["공동주택"]))["years"][0]["kg"]
    assert kg["emission_buildings"] > 1000
    assert kg["emission_total_u95"] > 0.2 * kg["emission_total"]


def test_forest_rows_give_the_published_uptake_of_a_hectare(client: TestClient) -> None:
    """30-year pine takes up 10.8 tCO2/ha; larch 9.54 m3/ha are 3.79 tC, oak 5.65 m3/ha 3.98 tC (T02, T03)."""
    stands = [shapely.transform(HECTARE, lambda xy, east=east: xy + np.array([east, 0])) for east in (0, 150, 300)]
    forests = gpkg(stands, species=["11", "13", "32"], age_class=[3, None, None], density=["C", "C", "C"])
    found = totals(client, forests=forests)
    growth, loss = 10_800 + 13_877 + 14_596, sum(round(0.339 * v) for v in (10_800, 13_877, 14_596))
    kg = found["years"][0]["kg"]
    assert kg["absorption_forest_gross"] == growth
    assert kg["absorption_forest"] == pytest.approx(growth - loss, abs=1)
    assert (kg["emission_total"], found["missing"]) == (None, "buildings,transport")


def test_land_cover_gives_the_type(client: TestClient) -> None:
    one = totals(client, forests=gpkg([HECTARE], land_cover=["10"]), factors="ipcc")["years"][0]["kg"]
    assert one["absorption_forest_gross"] == 9_500
    assert totals(client, forests=gpkg([HECTARE], land_cover=["40"]))["years"][0]["kg"]["absorption_forest"] == 0


def test_roads_by_volume(client: TestClient) -> None:
    """Twice the vehicles, twice the kilograms; both kinds of table add up in one grid."""
    line = shapely.LineString([(EAST, NORTH), (EAST + 1000, NORTH)])
    once, twice = (
        totals(client, roads=features([line], **{"class": ["trunk"], "aadt": [n]}))["years"][0]["kg"]
        for n in (1e4, 2e4)
    )
    assert once["emission_transport"] > 100_000
    assert twice["emission_transport"] == pytest.approx(2 * once["emission_transport"], abs=20)
    both = totals(
        client,
        roads=features([line], **{"class": ["trunk"], "aadt": [1e4]}),
        buildings=features([HOUSE], electricity_kwh=[10_000]),
    )
    assert both["years"][0]["kg"]["emission_total"] == once["emission_transport"] + 4173
    assert both["missing"] == "forest"


def test_a_road_that_leaves_the_region_counts_by_its_length_inside(client: TestClient) -> None:
    line = shapely.LineString([(EAST, NORTH), (EAST + 40_000, NORTH)])
    kg = totals(client, roads=features([line], **{"class": ["trunk"], "aadt": [1e4]}))["years"][0]["kg"]
    short = shapely.LineString([(EAST, NORTH), (EAST + 1000, NORTH)])
    one = totals(client, roads=features([short], **{"class": ["trunk"], "aadt": [1e4]}))["years"][0]["kg"]
    assert kg["emission_transport"] / one["emission_transport"] == pytest.approx(1.79, abs=0.02)


def test_several_years_take_the_factors_of_each(client: TestClient) -> None:
    years = totals(client, buildings=features([HOUSE], electricity_kwh=[10_000_000]), year=[2023, 2022])["years"]
    assert [y["year"] for y in years] == [2023, 2022]
    assert years[0]["kg"]["emission_buildings"] == 4_173_000 != years[1]["kg"]["emission_buildings"]


def test_columns_are_named_as_the_file_has_them(client: TestClient) -> None:
    table = gpkg([HOUSE], strom=[10_000_000])
    found = totals(client, buildings=table, columns={"buildings": {"electricity_kwh": "strom"}})
    assert found["years"][0]["kg"]["emission_buildings"] == 4_173_000
    bare = text(f"{LON},{LAT},x,200,10000000\n")
    names = ["lon", "lat", "_", "floor_area_m2", "electricity_kwh"]
    found = totals(client, buildings=bare, columns={"buildings": names})
    assert found["years"][0]["kg"]["emission_buildings"] == 4_173_000


def test_a_crs_that_the_data_do_not_state_may_be_said(client: TestClient) -> None:
    wkt = text(f'wkt,electricity_kwh\n"{HOUSE.wkt}",10000\n')
    for table in (wkt, gpkg([HOUSE], None, electricity_kwh=[10_000])):
        answer = ask(client, KOREA | {"buildings": table})
        assert (answer.status_code, answer.json()["where"]) == (400, "/inputs/source_crs/buildings")
        found = totals(client, buildings=table, source_crs={"buildings": "EPSG:5179"})
        assert found["years"][0]["kg"]["emission_buildings"] == 4173


def test_anywhere_on_land_with_the_defaults_of_the_ipcc(client: TestClient) -> None:
    """Nairobi lies in UTM zone 37 south; the grid is that of the zone."""
    region, house = (mapping(shapely.box(36.8, -1.3, 36.8 + d, -1.3 + d)) for d in (0.02, 0.0003))
    house = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": house}]}
    inputs = {"region": region, "buildings": house, "factors": "ipcc", "year": 2024}
    answer = ask(client, inputs, "cells")
    assert answer.status_code == 200, answer.text
    assert answer.json()["cells"]["features"][0]["properties"]["cell_id"].startswith("CRS32737RES100m")
    assert ask(client, inputs).json()["totals"]["years"][0]["kg"]["emission_buildings"] > 0


def test_what_became_of_the_rows_is_told(client: TestClient) -> None:
    """Two houses, one far away, one a line; a row without anything is a guess."""
    shapes = [
        HOUSE,
        shapely.transform(HOUSE, lambda xy: xy + 9e4),
        shapely.LineString([(EAST, NORTH), (EAST + 9, NORTH)]),
    ]
    buildings = gpkg(shapes, electricity_kwh=[10_000, 10_000, 10_000])
    (year,) = ask(client, KOREA | {"buildings": buildings}, "activity").json()["activity"]["years"]
    (kind,) = year["kinds"]
    assert (year["year"], kind["read"], kind["used"]) == (2023, 3, 1)
    assert sum(kind["rejected"].values()) == 2
    assert kind["rejected"]["outside the boundary"] == 1
    guessed = ask(client, KOREA | {"buildings": features([HOUSE])}, "activity").json()["activity"]["years"][0]
    assert (year["placeholder_share"], guessed["placeholder_share"] > 0.5) == (0.0, True)


# Cells


TABLES = {
    "buildings": features(
        [HOUSE, shapely.transform(HOUSE, lambda xy: xy + np.array([91, 3]))],
        electricity_kwh=[7_777_777, 331],
    ),
    "forests": gpkg([HECTARE], species=["1"], age_class=[3]),
}


def cells(client: TestClient, media: str, level: str) -> Any:
    answer = ask(client, KOREA | TABLES | {"level": level}, "cells", media)
    assert answer.status_code == 200, answer.text
    return answer.json()["cells"]


@pytest.mark.parametrize("level", ["100m", "500m", "1km"])
def test_cells_of_every_format_add_up_to_the_totals(client: TestClient, level: str) -> None:
    kg = totals(client, **TABLES)["years"][0]["kg"]
    rows = [f["properties"] for f in cells(client, GEOJSON, level)["features"]]
    assert round(1000 * sum(r["net"] for r in rows)) == kg["net"]
    assert {r["status"] for r in rows} == {"partial"}

    table = cells(client, CSV, level)
    assert table["mediaType"] == CSV
    found = list(csv.DictReader(io.StringIO(table["value"])))
    assert [float(r["net"]) for r in found] == [r["net"] for r in rows]

    packed = cells(client, GEOPACKAGE, level)
    with tempfile.NamedTemporaryFile(suffix=".gpkg") as file:
        Path(file.name).write_bytes(base64.b64decode(packed["value"]))
        assert geopandas.read_file(file.name)["net"].tolist() == [r["net"] for r in rows]

    image = base64.b64decode(cells(client, COG, level)["value"])
    with rasterio.MemoryFile(image) as memory, memory.open() as raster:
        assert (raster.crs.to_epsg(), raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"]) == (5179, "COG")
        net = raster.read(raster.descriptions.index("net") + 1)
        transport = raster.read(raster.descriptions.index("emission_transport") + 1)
        assert raster.transform.a == int(level.replace("km", "000").replace("m", ""))
    assert round(1000 * float(np.nansum(net))) == kg["net"]
    assert np.isfinite(net).sum() == len(rows)
    assert np.isnan(transport).all()


def test_raw_cells_come_in_their_own_media_type(client: TestClient) -> None:
    body = {"inputs": {"region": REGION} | KOREA | TABLES, "outputs": {"cells": {"format": {"mediaType": GEOPACKAGE}}}}
    answer = client.post("/processes/estimate-region/execution", content=orjson.dumps(body))
    assert answer.headers["content-type"] == GEOPACKAGE
    assert answer.content.startswith(b"SQLite format 3")


def test_a_raster_holds_one_year(client: TestClient) -> None:
    answer = ask(client, KOREA | TABLES | {"year": [2022, 2023]}, "cells", COG)
    assert (answer.status_code, answer.json()["where"]) == (400, "/outputs/cells/format/mediaType")
    both = ask(client, KOREA | TABLES | {"year": [2022, 2023], "level": "1km"}, "cells").json()["cells"]["features"]
    assert {f["properties"]["year"] for f in both} == {2022, 2023}


def test_nothing_that_was_sent_is_kept(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    totals(client, **TABLES)
    cells(client, COG, "1km")
    assert ask(client, KOREA | {"buildings": features([HOUSE])} | {"level": "7m"}).status_code == 400
    assert list(tmp_path.iterdir()) == []


# What is refused

FAR = features([shapely.box(EAST + 50_000, NORTH, EAST + 50_020, NORTH + 10)])
DEEP = text('wkt\n"' + "GEOMETRYCOLLECTION(" * 200_000 + "POINT(0 0)" + ")" * 200_000 + '"\n')
DEEP_JSON = qualified(
    b'{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":'
    + b'{"type":"GeometryCollection","geometries":[' * 50_000
    + b'{"type":"Point","coordinates":[0,0]}'
    + b"]}" * 50_000
    + b"}]}",
    GEOJSON,
)
HOUSES = features([HOUSE], electricity_kwh=[1.0])
ROAD = features([shapely.LineString([(EAST, NORTH), (EAST + 90, NORTH)])], aadt=[1000])


@pytest.mark.parametrize(
    ("inputs", "where", "word"),
    [
        ({"buildings": HOUSES, "year": 2023}, "/inputs/factors", "need factors"),
        ({"buildings": HOUSES, "country": "kor"}, "/inputs/year", "0 years"),
        ({"buildings": HOUSES, "country": "kor", "year": list(range(2000, 2011))}, "/inputs/year", "11 years"),
        (KOREA | {"buildings": HOUSES, "country": "ger"}, "/inputs/country", "unknown value"),
        (KOREA | {"buildings": HOUSES, "country": "uzb"}, "/inputs/region", "outside"),
        (KOREA | {"buildings": HOUSES, "factors": "uzb"}, "/inputs/region", "outside"),
        (KOREA | {"buildings": HOUSES, "inventory": "toy"}, "/inputs/inventory", "of their own"),
        (KOREA | {"buildings": HOUSES, "crs": "EPSG:4326"}, "/inputs/crs", "not a projected CRS"),
        (KOREA | {"buildings": HOUSES, "crs": "here"}, "/inputs/crs", "not a known CRS"),
        (KOREA | {"buildings": HOUSES, "source_crs": {"buildings": "x"}}, "/inputs/source_crs/buildings", "known CRS"),
        (KOREA | {"buildings": HOUSES, "columns": {"houses": {}}}, "/inputs/columns/houses", "unknown property"),
        (KOREA | {"buildings": HOUSES, "columns": {"buildings": {"uze": "x"}}}, "/inputs/columns/buildings", "'use'"),
        (KOREA | {"buildings": HOUSES, "columns": {"buildings": {"use": "x"}}}, "/inputs/columns/buildings", "column"),
        (KOREA | {"buildings": HOUSES, "columns": {"buildings": {"use": 3}}}, "/inputs/columns/buildings/use", "name"),
        (KOREA | {"buildings": HOUSES, "columns": {"buildings": ["use"]}}, "/inputs/columns/buildings", "header"),
        (KOREA | {"buildings": FAR}, "/inputs/buildings", "outside the boundary"),
        (KOREA | {"buildings": features([shapely.Point(EAST, NORTH)])}, "/inputs/buildings", "nothing of it"),
        (KOREA | {"roads": features([HOUSE])}, "/inputs/roads", "nothing of it"),
        (KOREA | {"buildings": {"type": "FeatureCollection", "features": []}}, "/inputs/buildings", ""),
        (KOREA | {"buildings": {"type": "Topology"}}, "/inputs/buildings", "GeoJSON"),
        (KOREA | {"buildings": 5}, "/inputs/buildings", "object is expected"),
        (KOREA | {"buildings": text("")}, "/inputs/buildings", ""),
        (KOREA | {"buildings": text("a,b\n")}, "/inputs/buildings", ""),
        (KOREA | {"buildings": text("a,b\n1,2\n")}, "/inputs/columns/buildings", "no geometry column"),
        (KOREA | {"buildings": DEEP, "source_crs": {"buildings": "EPSG:4326"}}, "/inputs/buildings", "no readable"),
        (KOREA | {"buildings": DEEP_JSON}, "/inputs/buildings/value", "GeoJSON"),
        (KOREA | {"buildings": text("lon,lat\nx,y\n")}, "/inputs/buildings", ""),
        (KOREA | {"buildings": qualified(b"\xff\xfe\x00,\n\x01", CSV)}, "/inputs/columns/buildings", "1 fields"),
        (KOREA | {"buildings": qualified(b"SQLite format 3\0", GEOPACKAGE)}, "/inputs/buildings/value", "GeoPackage"),
        (KOREA | {"buildings": gpkg([HOUSE], electricity_kwh=["many"])} | {"level": "7m"}, "/inputs/level", "unknown"),
        (KOREA | {"roads": ROAD, "level": "7m"}, "/inputs/level", "unknown level"),
        (KOREA | {"roads": ROAD, "columns": {"roads": {"aadt_ufo": "aadt"}}}, "/inputs/roads", "aadt_bus"),
        ({"columns": {"buildings": {}}}, "/inputs/columns", "goes with activity data"),
        ({"crs": "EPSG:5179"}, "/inputs/crs", "goes with activity data"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_at_its_place(client: TestClient, inputs: dict[str, Any], where: str, word: str) -> None:
    answer = ask(client, inputs)
    told = answer.json()
    assert answer.status_code == 400, told
    assert told["where"] == where, told
    assert word in told["detail"]
    assert "/tmp" not in answer.text


CELLS_OF_TEXT = st.one_of(
    st.sampled_from([str(LON), str(LAT), "100", "-1", "1e999", "nan", "", "-", '"', "가", "1,5", "POINT(127 36)"]),
    st.text(max_size=6),
)
LINES = st.lists(st.lists(CELLS_OF_TEXT, max_size=5).map(",".join), max_size=5).map("\n".join)


@settings(max_examples=EXAMPLES)
@given(head=st.sampled_from(["lon,lat,floor_area_m2", "wkt,use", "id,lon,lat,gas_kwh_gcv", "lon;lat", ""]), lines=LINES)
def test_generated_tables_never_break_the_server(client: TestClient, head: str, lines: str) -> None:
    for kind in ("buildings", "forests"):
        answer = ask(client, KOREA | {kind: text(f"{head}\n{lines}"), "source_crs": {kind: "EPSG:5179"}})
        assert answer.status_code in (200, 400), answer.text
        assert answer.status_code == 200 or answer.json()["where"].startswith("/inputs"), answer.text


def test_suspects_are_named(client: TestClient) -> None:
    """Jizzakh lies at 67.8 E, 40.1 N: both orders of its axes are possible on earth. Korean belts are 100 km apart."""
    swapped = mapping(shapely.box(40.1, 67.8, 40.12, 67.82))
    answer = ask(client, {"region": swapped, "buildings": HOUSES, "country": "uzb", "year": 2023}).json()
    assert (answer["where"], "latitude before longitude" in answer["detail"]) == ("/inputs/region", True)
    old = (
        frame([HOUSE], "EPSG:5179", electricity_kwh=[1.0]).to_crs("EPSG:5181").set_crs("EPSG:5186", allow_override=True)
    )
    answer = ask(client, KOREA | {"buildings": qualified(written(old, GEOPACKAGE), GEOPACKAGE)}).json()
    assert answer["where"] == "/inputs/buildings"
    assert "EPSG:5181" in answer["detail"]


def test_korean_text_in_its_old_encoding(client: TestClient) -> None:
    table = f"경도,위도,연면적,전기\n{LON},{LAT},200,10000\n".encode("cp949")
    names = {"lon": "경도", "lat": "위도", "floor_area_m2": "연면적", "electricity_kwh": "전기"}
    found = totals(client, buildings=qualified(table, CSV), columns={"buildings": names})
    assert found["years"][0]["kg"]["emission_buildings"] == 4173


def test_a_form_with_files_is_an_execute_request(client: TestClient) -> None:
    """multipart/form-data, as curl and pages send it: files by their suffix, everything else as text."""
    region = written(frame([shapely.box(LON - 0.01, LAT - 0.01, LON + 0.01, LAT + 0.01)], "EPSG:4326"), GEOPACKAGE)
    house = written(frame([HOUSE], "EPSG:5179", kwh=[10_000_000]), GEOPACKAGE)
    fields = {
        "country": "kor",
        "year": "2023",
        "columns": '{"buildings": {"electricity_kwh": "kwh"}}',
        "outputs": "totals",
    }
    files = {"region": ("구역.gpkg", region), "buildings": ("건물.gpkg", house)}
    sent = client.post("/processes/estimate-region/execution", data=fields, files=files)
    assert sent.status_code == 200, sent.text
    assert sent.json()["totals"]["years"][0]["kg"]["emission_buildings"] == 4_173_000


def test_profile_and_report_of_data_that_were_sent(client: TestClient) -> None:
    body = {"inputs": {"region": REGION, "language": "en"} | KOREA | TABLES, "response": "document"}
    answer = client.post("/processes/estimate-region/execution", content=orjson.dumps(body))
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert set(made) == {"totals", "profile", "cells", "report", "activity"}
    assert made["profile"]["surroundings"] is None
    assert "Uploaded data" in str(made["report"])


def test_limits_of_one_request_and_of_a_job(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = mapping(shapely.box(LON, LAT, LON + 0.7, LAT + 0.7))
    answer = ask(client, KOREA | {"region": wide, "buildings": HOUSES})
    assert (answer.status_code, answer.json()["where"]) == (413, "/inputs/region")
    assert "Prefer: respond-async" in answer.json()["allowed"]
    many = text("lon,lat\n" + f"{LON},{LAT}\n" * 50_001)
    answer = ask(client, KOREA | {"buildings": many})
    assert (answer.status_code, answer.json()["where"]) == (413, "/inputs/buildings/value")
    monkeypatch.setattr(activity, "MAX_KM2", 100)
    body = {"inputs": {"region": wide, "buildings": HOUSES} | KOREA}
    with pytest.raises(TooLarge, match="measures"):
        perform(ESTIMATE_REGION, body, Context(Catalogue(Path("nowhere")), "", job=True))


def test_a_table_is_limited_by_its_own_bytes(client: TestClient) -> None:
    answer = ask(client, KOREA | {"buildings": {"value": "A" * (70 << 20), "mediaType": GEOPACKAGE}})
    assert (answer.status_code, answer.json()["where"]) == (413, "/inputs/buildings/value")


def test_an_invalid_outline_is_repaired_and_counted_as_in_the_build(client: TestClient) -> None:
    """Regions are never repaired, because a region is a question; sources are, because a build must not fail on one."""
    bow = shapely.Polygon([(EAST, NORTH), (EAST + 10, NORTH + 10), (EAST + 10, NORTH), (EAST, NORTH + 10)])
    kg = totals(client, buildings=features([bow], electricity_kwh=[10_000]))["years"][0]["kg"]
    assert kg["emission_buildings"] == 4173
