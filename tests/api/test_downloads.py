# SPDX-License-Identifier: Apache-2.0
"""Items as files hold, read by other programs, the records that GeoJSON holds; and JSON-FG tells time and place."""

from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import anyio
import duckdb
import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely
from pyproj import CRS
from starlette.testclient import TestClient

from carbonserver.downloads import Download
from carbonstore.collections.cells import CellQuery
from carbonstore.encode import files
from carbonstore.releases.catalogue import Catalogue

ITEMS = "/collections/toy-100m-history/items"
MERCATOR = "http://www.opengis.net/def/crs/EPSG/0/3857"
FORMATS = sorted(files.FILES)
WRONG = (("properties=nothing", "nothing"), ("cursor=bm9uZQ.5", "cursor"), ("filter=nothing%3D1", "nothing"))
"""Queries that must be refused before a file begins, and the word that names what is wrong."""


def features(api: TestClient, query: str = "") -> list[dict[str, Any]]:
    answer = api.get(f"{ITEMS}?f=json&limit=10000{query}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["features"])


def frame(form: str, body: bytes, tmp_path: Path) -> gpd.GeoDataFrame:
    if form == "csv":
        table = pd.read_csv(StringIO(body.decode()), dtype={"kr_code": str})
        return gpd.GeoDataFrame(table, geometry=gpd.GeoSeries.from_wkt(table.pop("geometry")), crs="OGC:CRS84")
    if form == "parquet":
        return gpd.read_parquet(BytesIO(body))
    (tmp_path / f"x.{form}").write_bytes(body)
    return gpd.read_file(tmp_path / f"x.{form}")


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_holds_every_record_unless_a_limit_is_given(api: TestClient, form: str, tmp_path: Path) -> None:
    answer = api.get(f"{ITEMS}?f={form}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == files.FILES[form].media
    assert f"toy-100m-history.{files.FILES[form].suffix}" in answer.headers["content-disposition"]
    expected = {f["id"]: f for f in features(api)}
    found = frame(form, answer.content, tmp_path)
    assert set(found["id"]) == expected.keys()
    assert len(found) == len(expected)
    for row in found.itertuples():
        feature = expected[row.id]
        assert shapely.equals(row.geometry, shapely.geometry.shape(feature["geometry"]))
        net = feature["properties"]["net"]
        assert row.net == net or (net is None and pd.isna(row.net))
    total = sum(f["properties"]["emission_total"] or 0 for f in expected.values())
    assert found["emission_total"].sum() == pytest.approx(total, abs=1e-9)
    assert len(frame(form, api.get(f"{ITEMS}?f={form}&limit=5").content, tmp_path)) == 5


@pytest.mark.parametrize("form", ["parquet", "fgb", "gpkg"])
def test_a_file_is_in_the_crs_asked_for_and_says_so(api: TestClient, form: str, tmp_path: Path) -> None:
    found = frame(form, api.get(f"{ITEMS}?f={form}&crs={MERCATOR}&datetime=2023-06-01").content, tmp_path)
    assert CRS(found.crs) == CRS("EPSG:3857")
    expected = features(api, f"&crs={MERCATOR}&datetime=2023-06-01")
    shapes = {f["id"]: shapely.geometry.shape(f["geometry"]) for f in expected}
    assert all(shapely.equals(row.geometry, shapes[row.id]) for row in found.itertuples())


def test_a_file_narrows_down_as_a_page_does(api: TestClient, tmp_path: Path) -> None:
    one = features(api)[7]
    west, south, east, north = shapely.geometry.shape(one["geometry"]).buffer(-1e-4).bounds
    query = f"&bbox={west},{south},{east},{north}&properties=net,year"
    body = api.get(f"{ITEMS}?f=csv{query}").text
    expected = features(api, query)
    assert len(expected) == 2, "one cell, two years"
    assert body.splitlines()[0] == '"id","year","net","geometry"'
    assert [line.split(",")[0].strip('"') for line in body.splitlines()[1:]] == [f["id"] for f in expected]


def test_nothing_matching_is_an_empty_file(api: TestClient, tmp_path: Path) -> None:
    for form in FORMATS:
        answer = api.get(f"{ITEMS}?f={form}&datetime=1999-01-01")
        assert answer.status_code == 200
        assert len(frame(form, answer.content, tmp_path)) == 0


def test_duckdb_reads_the_geoparquet(api: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "cells.parquet"
    path.write_bytes(api.get(f"{ITEMS}?f=parquet").content)
    query = f"SELECT year, count(*), round(sum(emission_total) * 1000)::BIGINT FROM '{path}' GROUP BY 1 ORDER BY 1"
    rows = duckdb.sql(query).fetchall()
    for year, count, kg in rows:
        of = [f["properties"] for f in features(api) if f["properties"]["year"] == year]
        assert count == len(of)
        assert kg == round(sum(p["emission_total"] or 0 for p in of) * 1000)
    assert [year for year, _, _ in rows] == [2022, 2023]
    assert b"geo" in pq.read_schema(path).metadata


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("f=gpkg&sortby=net", "natural order"),
        ("f=csv&resulttype=hits", "natural order"),
        ("f=fgb&skipGeometry=true", "always has geometry"),
        *((f"f={form}&{query}", word) for form in FORMATS for query, word in WRONG),
    ],
)
def test_what_a_file_cannot_be_is_refused(api: TestClient, query: str, word: str) -> None:
    answer = api.get(f"{ITEMS}?{query}")
    assert answer.status_code == 400
    assert word in answer.text


def test_a_file_has_an_entity_tag_and_no_body_where_none_is_wanted(api: TestClient) -> None:
    first = api.get(f"{ITEMS}?f=csv")
    assert api.get(f"{ITEMS}?f=csv", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    head = api.head(f"{ITEMS}?f=csv")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == first.headers["etag"]


def test_collections_link_their_files(api: TestClient) -> None:
    links = api.get("/collections/toy-100m?f=json").json()["links"]
    enclosed = {link["type"]: link["href"] for link in links if "items?f=" in link["href"] and link["rel"] == "related"}
    assert enclosed.keys() == {f.media for f in files.FILES.values()}
    assert all(api.get(href).status_code == 200 for href in enclosed.values())


def test_pieces_are_small_and_work_stops_when_the_client_is_gone(
    api: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def endless(stopped: Any) -> Any:
        while not stopped():
            made.append(1)
            yield b"x" * 1000

    async def receive() -> dict[str, str]:
        while len(made) < 5:
            await anyio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await anyio.sleep(0.001)

    async def run() -> None:
        with anyio.fail_after(5):
            await Download(endless, {}, "text/csv", "x.csv")({"type": "http", "method": "GET"}, receive, send)

    anyio.run(run)
    assert 5 <= len(made) < 100
    monkeypatch.setattr(files, "ROWS", 7)
    assert len(frame("csv", api.get(f"{ITEMS}?f=csv").content, Path())) == len(features(api))


def test_a_file_that_nobody_waits_for_is_given_up_and_leaves_nothing(cities: Path, tmp_path: Path) -> None:
    collection = Catalogue(cities).snapshot().collection("toy-100m-history")
    asked: list[int] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "ROWS", 20)
        found = files.Extract.of(collection, CellQuery())
        extract = replace(found, stopped=lambda: asked.append(1) or len(asked) > 1)
        patched.setattr("tempfile.tempdir", str(tmp_path))
        with pytest.raises(files.Stopped):
            list(files.FILES["gpkg"].write(extract))
    assert list(tmp_path.iterdir()) == []
    assert len(asked) <= 3, "one piece was made, not four"


def test_json_fg_tells_time_and_place(api: TestClient) -> None:
    plain = api.get(f"{ITEMS}?f=jsonfg&limit=3").json()
    assert plain["conformsTo"] == ["http://www.opengis.net/spec/json-fg-1/1.0/conf/core"]
    assert "coordRefSys" not in plain
    for feature, same in zip(plain["features"], features(api), strict=False):
        year = same["properties"]["year"]
        assert feature == same | {"time": {"interval": [f"{year}-01-01", f"{year}-12-31"]}, "place": None}
    projected = api.get(f"{ITEMS}?f=jsonfg&limit=3&crs={MERCATOR}").json()
    assert projected["coordRefSys"] == MERCATOR
    for feature, same in zip(projected["features"], features(api, f"&crs={MERCATOR}"), strict=False):
        assert feature["geometry"] is None
        assert feature["place"] == same["geometry"]
    one = api.get(f"{ITEMS}/{plain['features'][0]['id']}?f=jsonfg")
    assert one.headers["content-type"] == "application/fg+json"
    assert one.json()["time"] == plain["features"][0]["time"]
    assert one.json()["conformsTo"] == plain["conformsTo"]
