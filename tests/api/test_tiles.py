# SPDX-License-Identifier: Apache-2.0
"""Tiles over HTTP and through the provider: exact values, limits, metadata that clients can read."""

import json
from math import asinh, floor, pi, radians, tan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mapbox_vector_tile
import pytest
from babel import Locale
from pygeoapi.api import API, APIRequest, tiles
from pygeoapi.provider.base import ProviderGenericError
from pyproj import Transformer
from starlette.testclient import TestClient

from carbon_provider.tiles import CarbonTileProvider
from carbon_provider.tilesets import TileSet
from carbonserver.config import Place, pygeoapi_config
from carbonstore.collections import tms
from carbonstore.releases.catalogue import Catalogue
from tests.toy import toy_cell

Json = dict[str, Any]
MVT = "application/vnd.mapbox-vector-tile"
URL = "http://carbon.example"
TOY = "/collections/toy-100m/tiles/WebMercatorQuad"
MIDDLE = (127.3325, 36.5135)
HOUSE = toy_cell(-300, -200)


def web_tile(lon: float, lat: float, z: int) -> tuple[int, int]:
    """(row, column) of the Web Mercator tile that holds a point."""
    n = 2**z
    return floor((1 - asinh(tan(radians(lat))) / pi) / 2 * n), floor((lon + 180) / 360 * n)


def tile(api: TestClient, base: str, z: int, **params: str) -> Json:
    row, col = web_tile(*MIDDLE, z)
    answer = api.get(f"{base}/{z}/{row}/{col}", params=params or None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MVT
    return dict(mapbox_vector_tile.decode(answer.content))


def values(layer: Json) -> dict[tuple[str, int], Json]:
    return {(f["properties"]["cell_id"], f["properties"]["year"]): f["properties"] for f in layer["features"]}


# -- tiles of a collection -------------------------------------------------------------------------------------------


def test_a_tile_holds_the_numbers_of_the_items(api: TestClient) -> None:
    """One tile of zoom 13 holds the toy; every attribute is the item's, null = absent."""
    shown = values(tile(api, TOY, 13)["toy-100m"])
    items = {
        f["properties"]["cell_id"]: f["properties"] for f in api.get("/collections/toy-100m/items").json()["features"]
    }
    assert len(shown) == 36
    assert shown[HOUSE, 2023]["emission_buildings"] == 1.5
    assert "absorption_forest" not in shown[HOUSE, 2023]
    for (cell, _), properties in shown.items():
        assert properties == {k: v for k, v in items[cell].items() if k in properties}
        left_out = {"kr_code", "time_start", "time_end", "area_m2", "absorption_forest_gross"}
        assert items[cell].keys() - properties.keys() - left_out == {
            k for k, v in items[cell].items() if v is None and k not in left_out
        }


def test_types_of_tile_values(api: TestClient) -> None:
    shown = values(tile(api, TOY, 13)["toy-100m"])[HOUSE, 2023]
    assert (type(shown["year"]), type(shown["quality"]), type(shown["net"])) == (int, int, float)
    assert shown["synthetic"] is True


def test_properties_choose_attributes_and_keep_the_id(api: TestClient) -> None:
    shown = values(tile(api, TOY, 13, properties="time_end,net")["toy-100m"])[HOUSE, 2023]
    assert shown == {"cell_id": HOUSE, "year": 2023, "time_end": "2023-12-31", "net": 2.41}


@pytest.mark.parametrize(
    ("datetime", "year", "tonnes"),
    [(None, 2023, 1.5), ("2022-05-05", 2022, 3.0), ("2022-01-01/2023-01-01", 2023, 1.5), ("../2022-12-31", 2022, 3.0)],
)
def test_the_newest_year_that_datetime_meets_is_drawn_and_named(
    api: TestClient, datetime: str | None, year: int, tonnes: float
) -> None:
    base, params = TOY.replace("100m", "100m-history"), {"datetime": datetime} if datetime else {}
    row, col = web_tile(*MIDDLE, 13)
    answer = api.get(f"{base}/13/{row}/{col}", params=params)
    assert answer.headers["ogcapi-datetime"] == f"{year}-01-01/{year}-12-31"
    layer = mapbox_vector_tile.decode(answer.content)["toy-100m-history"]
    assert values(layer)[HOUSE, year]["emission_buildings"] == tonnes


def test_a_time_without_a_year_draws_nothing(api: TestClient) -> None:
    row, col = web_tile(*MIDDLE, 13)
    answer = api.get(f"{TOY}/13/{row}/{col}?datetime=2022-05-05")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "ogcapi-datetime" not in answer.headers


def test_an_empty_tile_inside_the_limits_is_200(api: TestClient) -> None:
    """Every tile of the limits of zoom 16 answers; all 36 cells lie in them, and one has none."""
    limits = {n["tileMatrix"]: n for n in api.get(TOY).json()["tileMatrixSetLimits"]}["16"]
    seen: set[str] = set()
    for row in range(limits["minTileRow"], limits["maxTileRow"] + 1):
        for col in range(limits["minTileCol"], limits["maxTileCol"] + 1):
            answer = api.get(f"{TOY}/16/{row}/{col}")
            assert answer.status_code == 200
            decoded = mapbox_vector_tile.decode(answer.content) if answer.content else {}
            seen |= {cell for layer in decoded.values() for cell, _ in values(layer)}
    assert len(seen) == 36


@pytest.mark.parametrize(
    "place",
    ["11/1/1", "17/1/1", "13/0/0", "13/-1/0", "13/2147483647/2147483647", "13/x/1", "13/1/1.5", "99/0/0", "-1/0/0"],
)
def test_tiles_outside_are_not_found(api: TestClient, place: str) -> None:
    answer = api.get(f"{TOY}/{place}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["code"] == "NotFound"


def test_unknown_sets_formats_and_parameters(api: TestClient) -> None:
    row, col = web_tile(*MIDDLE, 13)
    place = f"13/{row}/{col}"
    assert api.get(f"/collections/toy-100m/tiles/Nope/{place}").status_code == 404
    assert api.get(f"/collections/nowhere/tiles/WebMercatorQuad/{place}").status_code == 404
    for query in ("f=png", "colour=red", "datetime=2023", "properties=colour", "edition=x"):
        assert api.get(f"{TOY}/{place}?{query}").status_code == 400, query
    assert api.get(f"{TOY}/{place}", headers={"Accept": "image/png"}).status_code == 406
    assert api.get(f"{TOY}/{place}", headers={"Accept": MVT}).status_code == 200


# -- tiles of the dataset --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("z", "level", "size"),
    [(5, "10km", 10000), (7, "5km", 5000), (9, "1km", 1000), (11, "500m", 500), (13, "100m", 100)],
)
def test_the_level_of_dataset_tiles_follows_the_zoom(api: TestClient, z: int, level: str, size: int) -> None:
    """The sums stay whatever the level: 2.509 t of buildings over all cells."""
    layer = tile(api, "/tiles/WebMercatorQuad", z)["toy"]
    assert {f["properties"]["level"] for f in layer["features"]} == {level}
    assert all(f"RES{size}m" in f["properties"]["cell_id"] for f in layer["features"])
    assert sum(f["properties"]["emission_buildings"] for f in layer["features"]) == pytest.approx(2.509)


def test_dataset_tiles_have_a_layer_an_inventory(api: TestClient) -> None:
    world = mapbox_vector_tile.decode(api.get("/tiles/WebMercatorQuad/0/0/0").content)
    assert set(world) == {"toy", "steppe"}
    assert {f["properties"]["year"] for f in world["steppe"]["features"]} == {2024}


def test_dataset_tiles_of_a_year_leave_out_inventories_without_it(api: TestClient) -> None:
    answer = api.get("/tiles/WebMercatorQuad/0/0/0?datetime=2022-01-01/2022-12-31")
    world = mapbox_vector_tile.decode(answer.content)
    assert set(world) == {"toy"}
    assert sum(f["properties"]["emission_buildings"] for f in world["toy"]["features"]) == pytest.approx(2 * 2.509)
    assert answer.headers["ogcapi-datetime"] == "2022-01-01/2022-12-31"
    assert api.get("/tiles/WebMercatorQuad/0/0/0?datetime=2031-01-01").content == b""


def test_dataset_tiles_take_no_edition(api: TestClient) -> None:
    assert api.get(f"/tiles/WebMercatorQuad/0/0/0?edition={'0' * 16}").status_code == 400


# -- documents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["/collections/toy-100m/tiles", "/tiles"])
def test_tileset_lists_lead_to_tiles(api: TestClient, base: str) -> None:
    """As CITE walks them: list -> self link -> item template -> a tile of its limits."""
    listed = api.get(base).json()["tilesets"]
    assert [t["tileMatrixSetURI"].rsplit("/", 1)[1] for t in listed] == list(tms.SETS)
    for summary in listed:
        links = {n["rel"]: n for n in summary["links"]}
        tileset = api.get(links["self"]["href"]).json()
        template = next(n for n in tileset["links"] if n["rel"] == "item")
        assert (template["type"], template["templated"]) == (MVT, True)
        assert "edition" not in template["href"]
        limits = tileset["tileMatrixSetLimits"][-1]
        place = {"tileMatrix": limits["tileMatrix"], "tileRow": limits["minTileRow"], "tileCol": limits["maxTileCol"]}
        assert api.get(template["href"].format(**place)).status_code == 200
        scheme = links["http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"]["href"]
        assert api.get(scheme).json()["uri"] == summary["tileMatrixSetURI"]


def test_tileset_metadata(api: TestClient) -> None:
    tileset = api.get(TOY, headers={"Accept-Language": "en"}).json()
    assert tileset["dataType"] == "vector"
    assert tileset["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    assert [n["tileMatrix"] for n in tileset["tileMatrixSetLimits"]] == ["12", "13", "14", "15", "16"]
    (layer,) = tileset["layers"]
    assert (layer["id"], layer["geometryDimension"]) == ("toy-100m", 2)
    assert layer["propertiesSchema"]["properties"]["net"]["x-ogc-unit"] == "t{CO2e}/a"
    assert tileset["attribution"] == "Carbongrid toy city"
    world = api.get("/collections/toy-100m/tiles/WorldCRS84Quad").json()
    assert [n["tileMatrix"] for n in world["tileMatrixSetLimits"]] == ["11", "12", "13", "14", "15"]


def test_korean_tiles_hold_the_values_of_web_mercator(api: TestClient) -> None:
    """The toy's middle is at (984979, 1835095) in EPSG:5179: column 567 // 4, row 1036 // 4 of matrix 6."""
    easting, northing = Transformer.from_crs("OGC:CRS84", "EPSG:5179", always_xy=True).transform(*MIDDLE)
    side = 256 * 2088.96 / 2**6
    row, col = floor((4_000_000 - northing) / side), floor((easting + 200_000) / side)
    base = "/collections/toy-100m/tiles/KR5179"
    drawn = mapbox_vector_tile.decode(api.get(f"{base}/6/{row}/{col}").content)
    assert values(drawn["toy-100m"]) == values(tile(api, TOY, 13)["toy-100m"])
    everything = mapbox_vector_tile.decode(api.get(f"/tiles/KR5179/6/{row}/{col}").content)
    assert set(everything) == {"toy"}
    assert len(everything["toy"]["features"]) == 36
    assert api.get(f"{base}/6/{col}/{row}").status_code == 404
    assert api.get(f"{base}/11/0/0").status_code == 404
    assert api.get(f"{base}/5/{row // 2}/{col // 2}").status_code == 404


def test_korean_tiles_are_of_korean_inventories(api: TestClient) -> None:
    assert api.get("/collections/steppe-100m/tiles/KR5179").status_code == 404
    listed = api.get("/collections/steppe-100m/tiles").json()["tilesets"]
    assert [t["tileMatrixSetURI"].rsplit("/", 1)[1] for t in listed] == ["WebMercatorQuad", "WorldCRS84Quad"]
    (layer,) = api.get("/tiles/KR5179").json()["layers"]
    assert layer["id"] == "toy"


def test_tilejson(api: TestClient) -> None:
    """TileJSON 3.0: arrays, {z}/{y}/{x} in OGC order, a vector layer with its fields."""
    document = api.get(f"{TOY}?f=tilejson").json()
    assert document["tilejson"] == "3.0.0"
    assert document["tiles"] == [f"{URL}{TOY}/{{z}}/{{y}}/{{x}}?f=mvt"]
    assert (document["minzoom"], document["maxzoom"]) == (12, 16)
    west, south, east, north = document["bounds"]
    assert west < MIDDLE[0] < east
    assert south < MIDDLE[1] < north
    assert document["center"][2] == 12
    (layer,) = document["vector_layers"]
    assert layer["id"] == "toy-100m"
    assert (layer["fields"]["net"], layer["fields"]["status"], layer["fields"]["synthetic"]) == (
        "Number",
        "String",
        "Boolean",
    )
    everything = api.get("/tiles/WebMercatorQuad?f=tilejson").json()
    assert {n["id"] for n in everything["vector_layers"]} == {"toy", "steppe"}
    assert everything["vector_layers"][0]["fields"]["level"] == "String"


def test_tilejson_is_of_web_mercator_only(api: TestClient) -> None:
    assert api.get("/tiles/WorldCRS84Quad?f=tilejson").status_code == 400
    assert api.get("/tiles/Nope").status_code == 404
    assert api.get("/collections/toy-100m/tiles/Nope").status_code == 404


def test_limits_hold_the_extent_and_no_more() -> None:
    """A box of a quarter of the world in tile units: 64 x 64 tiles of zoom 7 from (32, 32) on."""
    box = (-90.0, 0.0, 90.0, 66.51326044311186)
    layer = SimpleNamespace(bbox=box)
    tileset = TileSet("", {}, tms.named("WebMercatorQuad"), (0, 16), (layer,))  # type: ignore[arg-type]
    assert tileset.limits(0) == (0, 0, 0, 0)
    assert tileset.limits(2) == (1, 1, 1, 2)
    assert tileset.limits(7) == (32, 63, 32, 95)


# -- the stock door --------------------------------------------------------------------------------------------------


def provider(data: Path) -> CarbonTileProvider:
    form = {"name": "mvt", "mimetype": MVT}
    options = {"zoom": {"min": 12, "max": 16}, "schemes": list(tms.SETS)}
    definition = {"name": "x", "type": "tile", "data": str(data), "collection": "toy-100m"}
    return CarbonTileProvider({**definition, "format": form, "options": options})


def test_the_provider_gives_the_same_bytes(api: TestClient, cities: Path) -> None:
    row, col = web_tile(*MIDDLE, 13)
    raw = api.get(f"{TOY}/13/{row}/{col}").content
    assert provider(cities).get_tiles("toy-100m", "WebMercatorQuad", "13", str(row), str(col), "mvt") == raw


@pytest.mark.parametrize(
    "place", [("Nope", "13", "1", "1"), ("WebMercatorQuad", "99", "0", "0"), ("WebMercatorQuad", "x", "0", "0")]
)
def test_the_provider_refuses_what_is_not_there(cities: Path, place: tuple[str, str, str, str]) -> None:
    with pytest.raises(ProviderGenericError) as refusal:
        provider(cities).get_tiles("toy-100m", *place, "mvt")
    assert refusal.value.http_status_code == 404


def test_making_a_provider_reads_nothing(tmp_path: Path) -> None:
    made = provider(tmp_path / "nowhere")
    assert made.get_layer() == "toy-100m"
    assert [s.tileMatrixSet for s in made.get_tiling_schemes()] == [s.id for s in tms.SETS.values() if not s.own]


def test_stock_metadata_without_f_is_json(api: TestClient, cities: Path) -> None:
    """Stock providers answer 500 to a tileset without `f`, and TileJSON with strings for arrays."""
    collections = Catalogue(cities).snapshot().collections.values()
    pygeoapi = API(pygeoapi_config(collections, Place(str(cities), URL)), {})

    def ask(**params: str) -> Any:
        request = SimpleNamespace(headers={}, args=params, path_info="/", data=b"")
        asked = APIRequest(request, [Locale("ko", "KR"), Locale("en", "US")])
        _, status, body = tiles.get_collection_tiles_metadata(pygeoapi, asked, "toy-100m", "WebMercatorQuad")
        assert status == 200
        return body

    raw = api.get(TOY, headers={"Accept-Language": "en"}).json()
    assert json.loads(ask()) == raw
    assert json.loads(ask(f="tilejson"))["tiles"][0].endswith("{z}/{y}/{x}?f=mvt")
    assert "<html" in ask(f="html")


def test_html_pages_of_tiles_do_not_break(api: TestClient) -> None:
    for path in ("/collections/toy-100m/tiles", TOY, f"{TOY}/metadata"):
        answer = api.get(path, params={"f": "html"})
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")
