# SPDX-License-Identifier: Apache-2.0
"""Buildings, roads and forests over HTTP, as any collection: items, one record, filters, files, tiles, style, pages."""

import json
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
from starlette.testclient import TestClient

from carbon_provider.features import CarbonGridProvider
from carbongrid.sectors import KIND_SECTOR, KINDS
from tests.toy import KG

FIGURE = {"buildings": "emission_buildings", "roads": "emission_transport", "forests": "absorption_forest"}
FIRST_ZOOM = {"buildings": 13, "roads": 10, "forests": 10}


def items(api: TestClient, kind: str, **params: Any) -> dict[str, Any]:
    answer = api.get(f"/collections/toy-{kind}/items", params={"limit": 1000, **params})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def names(document: dict[str, Any]) -> list[str]:
    return sorted(f["properties"]["id"] for f in document["features"])


@pytest.mark.parametrize("kind", KINDS)
def test_records_add_up_to_the_bands_of_their_sector(api: TestClient, kind: str) -> None:
    told = [f["properties"][FIGURE[kind]] for f in items(api, kind)["features"]]
    bands = {b: kg for b, kg in KG.items() if b.sector == KIND_SECTOR[kind]}
    wanted = sum(-kg if band.use == "loss" else kg for band, kg in bands.items())
    assert sum(round(1000 * tonnes) for tonnes in told if tonnes is not None) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_both_doors_give_the_same(api: TestClient, cities: Path, kind: str) -> None:
    """The raw route, and the provider that stock pygeoapi would ask."""
    provider = CarbonGridProvider(
        {"name": "x", "type": "feature", "data": str(cities), "collection": f"toy-{kind}", "id_field": "id"}
    )
    theirs = provider.query(limit=1000)
    ours = items(api, kind)
    assert theirs["features"] == ours["features"]
    assert theirs["numberMatched"] == ours["numberMatched"]
    one = ours["features"][0]
    assert provider.get(one["id"])["properties"] == one["properties"]


def test_one_record(api: TestClient) -> None:
    answer = api.get("/collections/toy-buildings/items/shop.2023")
    assert answer.json()["properties"]["emission_buildings"] == 0.999
    bare = api.get("/collections/toy-buildings/items/shop", follow_redirects=False)
    assert bare.status_code == 303
    assert bare.headers["location"].endswith("/collections/toy-buildings/items/shop.2023")
    assert api.get("/collections/toy-buildings/items/shop.2022").status_code == 404
    assert api.get("/collections/toy-buildings/items/mall.2023").status_code == 404


def test_only_the_newest_year_matches(api: TestClient) -> None:
    assert items(api, "roads", datetime="2023-06-01/..")["numberMatched"] == 2
    assert items(api, "roads", datetime="2022-06-01")["numberMatched"] == 0


def test_paging_by_links(api: TestClient) -> None:
    found, address = [], "/collections/toy-buildings/items?limit=1"
    while address:
        page = api.get(address).json()
        found += names(page)
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert sorted(found) == ["hall", "house", "shed", "shop"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("emission_buildings_scope1 > 0", ["house"]),
        ("emission_buildings IS NULL", ["shed"]),
        ("id IN ('hall', 'house')", ["hall", "house"]),
        ("area_m2 > 1000", ["shop"]),
        ("status = 'missing' OR imputed = true", ["shed"]),
    ],
)
def test_filters(api: TestClient, text: str, wanted: list[str]) -> None:
    assert names(items(api, "buildings", filter=text)) == wanted


def test_what_is_unknown_is_refused_by_name(api: TestClient) -> None:
    for params in ({"filter": "net > 1"}, {"properties": "net"}, {"sortby": "net"}, {"net": "1"}):
        answer = api.get("/collections/toy-buildings/items", params=params)
        assert answer.status_code == 400
        assert "net" in answer.json()["description"]


def test_a_box_and_another_crs(api: TestClient) -> None:
    shop = api.get("/collections/toy-buildings/items/shop.2023").json()["geometry"]["coordinates"][0]
    lon, lat = shop[0]
    assert names(items(api, "buildings", bbox=f"{lon},{lat},{lon},{lat}")) == ["shop"]
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    turned = items(api, "buildings", filter="id = 'shop'", crs=crs)["features"][0]["geometry"]["coordinates"][0]
    assert turned == [[y, x] for x, y in shop]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_names_geometry_units_and_both_languages(api: TestClient, kind: str) -> None:
    schema = api.get(f"/collections/toy-{kind}/schema").json()["properties"]
    lines = "linestring" if kind == "roads" else "polygon"
    assert schema["geometry"]["format"] == f"geometry-{lines}-or-multi{lines}"
    assert schema[FIGURE[kind]]["x-ogc-unit"] == "t{CO2e}/a"
    korean, english = (
        api.get(f"/collections/toy-{kind}", headers={"Accept-Language": language}).json()["title"]
        for language in ("ko", "en")
    )
    assert korean != english
    assert kind in english


@pytest.mark.parametrize("form", ["csv", "parquet", "fgb", "gpkg", "jsonfg"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_format(api: TestClient, kind: str, form: str) -> None:
    answer = api.get(f"/collections/toy-{kind}/items", params={"f": form})
    assert answer.status_code == 200
    assert len(answer.content) > 100


@pytest.mark.parametrize("kind", KINDS)
def test_tiles_from_their_first_zoom_on(api: TestClient, kind: str) -> None:
    tiles = api.get(f"/collections/toy-{kind}/tiles/WebMercatorQuad", params={"f": "tilejson"}).json()
    first = FIRST_ZOOM[kind]
    assert (tiles["minzoom"], tiles["maxzoom"]) == (first, 16)
    limits = api.get(f"/collections/toy-{kind}/tiles/WebMercatorQuad").json()["tileMatrixSetLimits"]
    at = next(one for one in limits if one["tileMatrix"] == str(first))
    seen = set()
    for row in range(at["minTileRow"], at["maxTileRow"] + 1):
        for col in range(at["minTileCol"], at["maxTileCol"] + 1):
            answer = api.get(f"/collections/toy-{kind}/tiles/WebMercatorQuad/{first}/{row}/{col}")
            assert answer.status_code == 200
            if answer.content:
                layers = mapbox_vector_tile.decode(answer.content)  # type: ignore[no-untyped-call]
                seen |= {f["properties"]["id"] for f in layers[f"toy-{kind}"]["features"]}
    assert sorted(seen) == names(items(api, kind))
    above = api.get(f"/collections/toy-{kind}/tiles/WebMercatorQuad/{first - 1}/0/0")
    assert above.status_code == 404


def test_no_pixels_hold_values_of_sources(api: TestClient) -> None:
    assert api.get("/collections/toy-buildings/coverage/tiles").status_code == 404
    assert api.get("/collections/toy-buildings/styles/net/map/tiles").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_the_style_is_that_of_its_sector(api: TestClient, kind: str) -> None:
    sector = KIND_SECTOR[kind]
    listed = api.get(f"/collections/toy-{kind}/styles").json()
    assert [s["id"] for s in listed["styles"]] == [sector]
    style = api.get(f"/collections/toy-{kind}/styles/{sector}").json()
    (layer,) = style["layers"]
    assert layer["type"] == ("line" if kind == "roads" else "fill")
    assert layer["source-layer"] == f"toy-{kind}"
    asked = style["sources"]["cells"]["tiles"][0].split("properties=")[1].split(",")
    size = "length_m" if kind == "roads" else "area_m2"
    assert {size, FIGURE[kind]} <= set(asked)
    assert size in json.dumps(layer["paint"])
    refused = api.get(f"/collections/toy-{kind}/styles/net")
    assert refused.status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_pages_show_titles_and_units(api: TestClient, kind: str) -> None:
    for path in ("", "/items", "/schema", "/queryables", "/tiles"):
        page = api.get(f"/collections/toy-{kind}{path}", headers={"Accept": "text/html"})
        assert page.status_code == 200, path
    page = api.get(f"/collections/toy-{kind}/items", headers={"Accept": "text/html"}).text
    assert f"/collections/toy-{kind}/styles/{KIND_SECTOR[kind]}" in page
    one = items(api, kind)["features"][0]["id"]
    assert api.get(f"/collections/toy-{kind}/items/{one}", headers={"Accept": "text/html"}).status_code == 200
