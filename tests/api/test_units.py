# SPDX-License-Identifier: Apache-2.0
"""Units over HTTP: sums are the release's, both doors say the same, files and tiles hold the outlines."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas
import httpx
import mapbox_vector_tile
import pytest
import shapely
from babel import Locale
from pygeoapi.api import API, APIRequest, itemtypes
from pyproj import Transformer
from starlette.testclient import TestClient

from carbon_provider.tilesets import TileSet
from carbonserver.app import create_app
from carbonserver.config import Place, pygeoapi_config
from carbonserver.settings import Settings
from carbonserver.styles import OUTLINE, Style
from carbonstore.collections import tms
from carbonstore.releases.catalogue import Catalogue, Snapshot
from tests.store.test_raster import decoded
from tests.toy_units import CODE_1, CODE_2, toy_units_store

URL = "http://carbon.example"
LEVELS = ("nation", "sido", "sigungu", "dong")
ALL = [f"toy-{level}{history}" for level in LEVELS for history in ("", "-history")]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("units")
    toy_units_store(folder)
    return folder


@pytest.fixture(scope="module")
def snapshot(root: Path) -> Snapshot:
    return Catalogue(root).snapshot()


@pytest.fixture(scope="module")
def api(root: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(root, URL)), base_url=URL, follow_redirects=False) as client:
        yield client


def items(api: TestClient, collection: str, **params: object) -> dict[str, Any]:
    answer = api.get(f"/collections/{collection}/items", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def kilograms(features: list[dict[str, Any]], figure: str, year: int) -> int:
    """What the tonnes of a year's items add up to."""
    return sum(round(1000 * f["properties"][figure]) for f in features if f["properties"]["year"] == year)


@pytest.mark.parametrize("collection", ALL)
def test_items_add_up_to_the_manifest(api: TestClient, snapshot: Snapshot, collection: str) -> None:
    features, published = items(api, collection)["features"], snapshot.inventories["toy"]
    for year in snapshot.collection(collection).years:
        for figure in ("emission_buildings", "emission_transport", "emission_total", "absorption_forest", "net"):
            assert kilograms(features, figure, year) == published.release(year).manifest["totals"]["kg"][figure]


def test_collections_are_listed_with_their_extent_and_links(api: TestClient) -> None:
    listed = {c["id"]: c for c in api.get("/collections?f=json").json()["collections"]}
    assert set(ALL) <= set(listed)
    dong = listed["toy-dong"]
    assert "법정동, 2023" in dong["title"]
    west, south, east, north = dong["extent"]["spatial"]["bbox"][0]
    assert (round(west, 4), round(south, 4), round(east, 4), round(north, 4)) == (127.3291, 36.509, 127.3347, 36.5162)
    rels = {link["rel"].rsplit("/", 1)[-1] for link in dong["links"]}
    assert {"items", "queryables", "sortables", "tilesets-vector", "styles"} <= rels
    assert "tilesets-map" in rels
    assert "tilesets-coverage" not in rels


def test_pages_follow_each_other_and_name_the_edition(api: TestClient) -> None:
    address, seen = f"{URL}/collections/toy-dong-history/items?limit=2", []
    while address:
        page = api.get(address).json()
        assert page["numberMatched"] == 6
        seen += [f["id"] for f in page["features"]]
        address = next((n["href"] for n in page["links"] if n["rel"] == "next"), "")
        assert not address or "edition=" in address
    assert seen == [f"{code}.{year}" for year in (2022, 2023) for code in (CODE_1, CODE_2, "unallocated")]


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"bbox": "127.334,36.512,127.3341,36.5121"},
        {"bbox": "0,0,1,1"},
        {"datetime": "2022-06-01"},
        {"sortby": "-net_per_ha,unit_name"},
        {"properties": "unit_name,coverage"},
        {"unit_code": CODE_2},
        {"unit_name": "둘동", "limit": "1"},
        {"filter": "coverage < 0.9 OR unit_name IS NULL", "limit": "2"},
        {"filter": "S_INTERSECTS(geometry, POINT(127.3300 36.5120))"},
        {"crs": "http://www.opengis.net/def/crs/EPSG/0/5179"},
        {"skipGeometry": "true"},
        {"limit": "2", "offset": "3"},
    ],
)
def test_both_doors_give_the_same_features(api: TestClient, root: Path, params: dict[str, str]) -> None:
    for collection in ("toy-dong", "toy-dong-history", "toy-sigungu-history"):
        ours, theirs = items(api, collection, **params), stock(root, collection, params)
        assert ours["features"] == theirs["features"]
        assert ours["numberMatched"] == theirs["numberMatched"]


def stock(root: Path, collection: str, params: dict[str, str]) -> dict[str, Any]:
    """The page as stock pygeoapi gives it."""
    collections = Catalogue(root).snapshot().collections.values()
    pygeoapi = API(pygeoapi_config(collections, Place(str(root), URL)), {})
    args = dict(httpx.URL("/", params=params).params.multi_items())
    asked = APIRequest.from_flask(
        SimpleNamespace(headers={}, args=args, path_info="/", data=b""), [Locale("ko", "KR"), Locale("en", "US")]
    )
    _, status, answer = itemtypes.get_collection_items(pygeoapi, asked, collection)
    assert status == 200, answer
    found: dict[str, Any] = json.loads(answer)
    return found


def test_an_item_by_its_code(api: TestClient) -> None:
    one = api.get(f"/collections/toy-dong/items/{CODE_2}.2023").json()
    assert one["properties"]["unit_name"] == "둘동"
    assert api.get("/collections/toy-dong/items/unallocated.2023").json()["geometry"] is None
    moved = api.get(f"/collections/toy-dong/items/{CODE_2}")
    assert (moved.status_code, moved.headers["location"]) == (303, f"{URL}/collections/toy-dong/items/{CODE_2}.2023")
    older = api.get(f"/collections/toy-dong/items/{CODE_2}.2022")
    assert older.status_code == 404
    assert f"toy-dong-history/items/{CODE_2}.2022" in older.text
    assert api.get("/collections/toy-dong/items/36110.2023").status_code == 404


def test_schema_names_geometry_units_and_roles(api: TestClient) -> None:
    schema = api.get("/collections/toy-dong/schema?f=json").json()["properties"]
    assert schema["geometry"]["format"] == "geometry-polygon-or-multipolygon"
    assert schema["emission_total_per_ha"]["x-ogc-unit"] == "t{CO2e}/(har.a)"
    assert set(schema) == set(api.get("/collections/toy-dong/queryables?f=json").json()["properties"])
    assert set(schema) - {"geometry"} == set(api.get("/collections/toy-dong/sortables?f=json").json()["properties"])
    assert set(items(api, "toy-dong")["features"][0]["properties"]) == set(schema) - {"geometry"}


@pytest.mark.parametrize(("form", "suffix"), [("parquet", "parquet"), ("fgb", "fgb"), ("gpkg", "gpkg")])
def test_files_hold_every_unit_with_its_outline(api: TestClient, tmp_path: Path, form: str, suffix: str) -> None:
    answer = api.get("/collections/toy-dong/items", params={"f": form})
    path = tmp_path / f"units.{suffix}"
    path.write_bytes(answer.content)
    read = geopandas.read_parquet if form == "parquet" else geopandas.read_file
    table = read(path)
    features = items(api, "toy-dong")["features"]
    assert sorted(table["unit_code"]) == sorted(f["properties"]["unit_code"] for f in features)
    assert round(1000 * table["emission_total"].sum()) == kilograms(features, "emission_total", 2023)
    by_code = table.set_index("unit_code").geometry
    for feature in features:
        found, expected = by_code[feature["properties"]["unit_code"]], feature["geometry"]
        assert found is None if expected is None else found.equals(shapely.geometry.shape(expected))


def test_csv_holds_outlines_as_text(api: TestClient) -> None:
    import csv

    rows = list(csv.DictReader(io.StringIO(api.get("/collections/toy-dong/items?f=csv").text)))
    assert [r["unit_code"] for r in rows] == [CODE_1, CODE_2, "unallocated"]
    assert shapely.from_wkt(rows[0]["geometry"]).geom_type == "MultiPolygon"
    assert rows[2]["geometry"] == ""


def test_features_in_json_fg_and_html(api: TestClient) -> None:
    crs = "http://www.opengis.net/def/crs/EPSG/0/5179"
    first, _, rest = items(api, "toy-dong", f="jsonfg", crs=crs)["features"]
    assert first["geometry"] is None
    assert first["place"]["type"] == "Polygon"
    assert rest["place"] is rest["geometry"] is None
    page = api.get("/collections/toy-dong/items?f=html").text
    assert "하나동" in page
    assert "둘동" in api.get(f"/collections/toy-dong/items/{CODE_2}.2023?f=html").text
    assert api.get("/collections/toy-dong?f=html").status_code == 200


def test_tiles_and_what_describes_them(api: TestClient, snapshot: Snapshot) -> None:
    told = api.get("/collections/toy-dong/tiles/WebMercatorQuad?f=tilejson").json()
    assert (told["minzoom"], told["maxzoom"]) == (10, 16)
    assert "unit_code" in told["vector_layers"][0]["fields"]
    tileset = TileSet.of_collection(snapshot.collection("toy-dong"), "WebMercatorQuad")
    row, _, col, _ = tileset.limits(12)
    answer = api.get(told["tiles"][0].format(z=12, x=col, y=row))
    assert answer.headers["ogcapi-datetime"] == "2023-01-01/2023-12-31"
    layer = mapbox_vector_tile.decode(answer.content)["toy-dong"]
    assert {f["properties"]["unit_code"] for f in layer["features"]} == {CODE_1, CODE_2}
    older = api.get(f"/collections/toy-dong-history/tiles/WebMercatorQuad/12/{row}/{col}?datetime=2022-01-01")
    drawn = mapbox_vector_tile.decode(older.content)["toy-dong-history"]["features"]
    assert {f["properties"]["year"] for f in drawn} == {2022}
    metadata = api.get("/collections/toy-dong/tiles/WebMercatorQuad?f=json").json()
    assert metadata["layers"][0]["geometryDimension"] == 2


def test_maps_and_wmts_show_units_whose_values_are_in_no_pixels(api: TestClient) -> None:
    assert api.get("/collections/toy-dong/map/tiles").status_code == 200
    for path in ("coverage/tiles", "coverage/tiles/WebMercatorQuad/12/1/1"):
        answer = api.get(f"/collections/toy-dong/{path}")
        assert answer.status_code == 404
        assert "does not hold cells" in answer.text
    capabilities = api.get("/wmts/1.0.0/WMTSCapabilities.xml").text
    assert {">toy-100m<", ">toy-dong<", ">toy-dong-history<"} <= set(re.findall(r">[\w-]+<", capabilities))
    paths = api.get("/openapi?f=json").json()["paths"]
    assert "/collections/toy-dong/map/tiles" in paths
    assert "/collections/toy-dong/coverage/tiles" not in paths


@pytest.mark.parametrize("tms_id", ["WebMercatorQuad", "KR5179"])
@pytest.mark.parametrize("style_id", ["total", "net", "forest"])
def test_pixels_of_units_have_the_colours_of_their_densities(api: TestClient, tms_id: str, style_id: str) -> None:
    """Two pixels within each dong by its published outline, in the newest year, and the border between them."""
    style, tiles = Style.named(style_id), tms.named(tms_id)
    z = tiles.zooms_from(10)[1]
    to = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True)
    seen = set()
    for dong in items(api, "toy-dong")["features"][:2]:
        said, outline = dong["properties"], shapely.geometry.shape(dong["geometry"])
        point = outline.representative_point()
        x, y = to.transform(point.x, point.y)
        side = tiles.side / 2**z
        (col, right), (row, down) = divmod((x - tiles.west) / side, 1), divmod((tiles.north - y) / side, 1)
        path = f"/collections/toy-dong/styles/{style_id}/map/tiles/{tms_id}/{z}/{int(row)}/{int(col)}"
        pixels = decoded(api.get(path).content)
        value = said[style.figure]
        wanted = style.ramp.color(None if value is None else value * 10_000 / said["area_m2"])
        got = pixels[:, int(down * 256), int(right * 256)]
        assert "#{:02x}{:02x}{:02x}".format(*got[:3]) == wanted
        assert got[3] == 255
        seen |= {"#{:02x}{:02x}{:02x}".format(*p[:3]) for p in pixels.reshape(4, -1).T if p[3]}
    assert OUTLINE in seen


def test_the_default_map_of_units_is_the_total_of_the_year_asked_for(api: TestClient, snapshot: Snapshot) -> None:
    row, _, col, _ = TileSet.of_collection(snapshot.collection("toy-dong"), "WebMercatorQuad").limits(14)
    place = f"WebMercatorQuad/14/{row}/{col}"
    newest = api.get(f"/collections/toy-dong/map/tiles/{place}")
    older = api.get(f"/collections/toy-dong-history/map/tiles/{place}?datetime=2022-06-01")
    assert newest.content == api.get(f"/collections/toy-dong/styles/total/map/tiles/{place}").content
    assert older.headers["ogcapi-datetime"] == "2022-01-01/2022-12-31"
    assert older.status_code == 200
    assert not decoded(api.get(f"/collections/toy-dong/map/tiles/{place}?datetime=1990-06-01").content)[3].any()


def test_a_style_draws_density_over_the_units_tiles(api: TestClient, snapshot: Snapshot) -> None:
    style = api.get("/collections/toy-dong/styles/total").json()
    (layer,) = style["layers"]
    assert ["/", ["*", ["get", "emission_total"], 10_000], ["get", "area_m2"]] in layer["paint"]["fill-color"][-1]
    (template,) = style["sources"]["cells"]["tiles"]
    row, _, col, _ = TileSet.of_collection(snapshot.collection("toy-dong"), "WebMercatorQuad").limits(12)
    features = mapbox_vector_tile.decode(api.get(template.format(z=12, x=col, y=row)).content)["toy-dong"]["features"]
    assert {f["properties"]["unit_name"] for f in features} == {"하나동", "둘동"}
    assert all({"emission_total", "area_m2"} <= f["properties"].keys() for f in features)


def test_a_link_to_a_unit_is_a_region(api: TestClient, snapshot: Snapshot) -> None:
    """Its outline as it is published; the kilograms are those of a cut, which rounds every piece alone."""
    body = {
        "inputs": {
            "inventory": "toy",
            "region": {"href": f"{URL}/collections/toy-dong/items/{CODE_1}.2023"},
            "sectors": ["transport"],
        },
        "outputs": {"totals": {}},
        "response": "document",
    }
    answer = api.post("/processes/estimate-region/execution", json=body)
    assert answer.status_code == 200, answer.text
    kg = answer.json()["totals"]["years"][0]["kg"]["emission_transport"]
    units = snapshot.inventories["toy"].units["dong"]
    (record,) = (f for f in items(api, units.id)["features"] if f["id"] == f"{CODE_1}.2023")
    assert abs(kg - 1000 * record["properties"]["emission_transport"]) <= 5
    body["inputs"]["region"] = {"href": f"{URL}/collections/toy-dong/items/unallocated.2023"}  # type: ignore[index]
    refused = api.post("/processes/estimate-region/execution", json=body)
    assert refused.status_code == 400
    assert "no area" in refused.text
