# SPDX-License-Identifier: Apache-2.0
"""OGC API - Tiles and Tile Matrix Sets: what CITE's tiles10 suite checks, and what lies beyond its letter."""

from itertools import pairwise
from typing import Any

import mapbox_vector_tile
import pytest
from starlette.testclient import TestClient

from tests.store.test_raster import decoded

Json = dict[str, Any]
MVT = "application/vnd.mapbox-vector-tile"
OGC = "http://www.opengis.net/def/rel/ogc/1.0"
TOY = "/collections/toy-100m/tiles/WebMercatorQuad"
REGISTERED = ("WebMercatorQuad", "WorldCRS84Quad")


def limits(api: TestClient, path: str) -> list[Json]:
    found: list[Json] = api.get(path).json()["tileMatrixSetLimits"]
    return found


def places(api: TestClient, path: str) -> list[tuple[str, int, int]]:
    """Up to four tiles of every matrix inside the limits: (matrix, row, column)."""
    return [
        (limit["tileMatrix"], row, col)
        for limit in limits(api, path)
        for row in sorted({limit["minTileRow"], limit["maxTileRow"]})
        for col in sorted({limit["minTileCol"], limit["maxTileCol"]})
    ]


@pytest.mark.parametrize("tms", [*REGISTERED, "KR5179"])
def test_all_tiles_inside_the_limits_answer_200(api: TestClient, tms: str) -> None:
    path = f"/collections/toy-100m/tiles/{tms}"
    found = places(api, path)
    assert found
    for z, row, col in found:
        answer = api.get(f"{path}/{z}/{row}/{col}?f=mvt")
        assert (answer.status_code, answer.headers["content-type"]) == (200, MVT)


def test_tiles_1_core(api: TestClient) -> None:
    """A tile by the template; far outside 404 or 400, and never a server error."""
    z, row, col = places(api, TOY)[-1]
    assert mapbox_vector_tile.decode(api.get(f"{TOY}/{z}/{row}/{col}").content).keys() == {"toy-100m"}
    far = 2_147_483_647
    for place in (
        f"{z}/{far}/{far}",
        f"{z}/{row}/{far}",
        f"{z}/{far}/{col}",
        f"{z}/-1/0",
        "99/0/0",
        f"{z}/x/0",
        f"{far}/0/0",
    ):
        assert api.get(f"{TOY}/{place}").status_code in (400, 404), place
    assert api.get(f"/collections/toy-100m/tiles/Nope/{z}/{row}/{col}").status_code == 404


def test_tiles_1_tilesets_list(api: TestClient) -> None:
    """The landing page and each collection link the list by a relation that begins as CITE expects, as JSON."""
    for start in ("/", "/collections/toy-100m"):
        links = [link for link in api.get(start).json()["links"] if link["rel"].startswith(f"{OGC}/tilesets-")]
        hrefs = [link["href"] for link in links if "/tiles" in link["href"] and "f=json" in link["href"]]
        assert hrefs, start
        tilesets = api.get(hrefs[0]).json()["tilesets"]
        assert {t["tileMatrixSetURI"].rsplit("/", 1)[1] for t in tilesets} >= set(REGISTERED)
        for tileset in tilesets:
            assert tileset["dataType"] in ("vector", "map", "coverage")
            (here,) = [
                link["href"]
                for link in tileset["links"]
                if link["rel"] in ("self", "item") and not link.get("templated")
            ][:1]
            assert api.get(here).status_code == 200


def test_tiles_1_tileset(api: TestClient) -> None:
    about = api.get(TOY).json()
    assert about["tileMatrixSetURI"] == "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
    assert about["crs"].endswith("/EPSG/0/3857")
    (template,) = [link["href"] for link in about["links"] if link.get("templated") and link["type"] == MVT]
    for variable in ("{tileMatrix}", "{tileRow}", "{tileCol}"):
        assert variable in template
    z, row, col = places(api, TOY)[0]
    address = template.replace("{tileMatrix}", z).replace("{tileRow}", str(row)).replace("{tileCol}", str(col))
    assert api.get(address).status_code == 200
    schemes = [link["href"] for link in about["links"] if link["rel"].endswith("/tiling-scheme")]
    assert api.get(schemes[0]).json()["id"] == "WebMercatorQuad"


def test_tiles_1_geodata_tilesets(api: TestClient) -> None:
    for collection in api.get("/collections").json()["collections"]:
        rels = {link["rel"] for link in collection["links"]}
        assert f"{OGC}/tilesets-vector" in rels
        assert api.get(f"/collections/{collection['id']}/tiles").json()["tilesets"]


def test_tiles_1_dataset_tilesets(api: TestClient) -> None:
    """One layer an inventory; the level of the cells follows the zoom and their sum stays."""
    found = [p for p in places(api, "/tiles/WebMercatorQuad") if int(p[0]) in (4, 8, 11, 13)]
    assert found
    drawn: dict[str, set[str]] = {}
    for z, row, col in found:
        tile = mapbox_vector_tile.decode(api.get(f"/tiles/WebMercatorQuad/{z}/{row}/{col}").content)
        for layer in tile.values():
            drawn.setdefault(z, set()).update(f["properties"]["level"] for f in layer["features"])
    assert drawn["4"] <= {"10km"}
    assert drawn["8"] <= {"1km"}
    assert {"100m"} >= drawn["13"]


def test_tiles_1_datetime(api: TestClient) -> None:
    z, row, col = next(p for p in places(api, TOY) if p[0] == "13")
    address = f"/collections/toy-100m-history/tiles/WebMercatorQuad/{z}/{row}/{col}"
    for time, year in (("2022-06-01", 2022), ("2022-01-01/2023-12-31", 2023), (None, 2023)):
        answer = api.get(address, params={"datetime": time} if time else None)
        assert answer.headers["ogcapi-datetime"] == f"{year}-01-01/{year}-12-31"
        features = mapbox_vector_tile.decode(answer.content)["toy-100m-history"]["features"]
        assert {f["properties"]["year"] for f in features} == {year}
    empty = api.get(address, params={"datetime": "1999-01-01"})
    assert (empty.status_code, empty.content) == (200, b"")


def test_tiles_1_oas30(document: Json) -> None:
    """An operation id that holds ``.getTile``, of every collection and of the dataset, with its path parameters."""
    operations = {o["operationId"]: o for p in document["paths"].values() for o in p.values()}
    tiles = [o for name, o in operations.items() if name.endswith(".vector.getTile")]
    assert "dataset.dataset.vector.getTile" in operations
    assert "toy-100m.collection.vector.getTile" in operations
    for operation in tiles:
        declared = {p["name"]: p for p in operation["parameters"]}
        assert {"tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"} <= declared.keys()
        assert all(declared[n]["required"] for n in ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"))


def test_tiles_1_mvt(api: TestClient) -> None:
    """The numbers of a tile are those of the items."""
    z, row, col = next(p for p in places(api, TOY) if p[0] == "13")
    for headers in ({}, {"Accept": MVT}):
        answer = api.get(f"{TOY}/{z}/{row}/{col}", headers=headers)
        assert answer.headers["content-type"] == MVT
    shown = {
        f["properties"]["cell_id"]: f["properties"]
        for f in mapbox_vector_tile.decode(answer.content)["toy-100m"]["features"]
    }
    items = {
        f["properties"]["cell_id"]: f["properties"] for f in api.get("/collections/toy-100m/items").json()["features"]
    }
    assert shown
    assert all(items[cell]["emission_total"] == shown[cell].get("emission_total") for cell in shown)
    assert api.get(f"{TOY}/{z}/{row}/{col}?f=png").status_code == 400


# -- Tile Matrix Sets 2.0 --------------------------------------------------------------------------------------------


def test_tms_2_tilematrixset(api: TestClient) -> None:
    """Every set that is listed is defined: each matrix halves the pixel of the one before."""
    for one in api.get("/tileMatrixSets").json()["tileMatrixSets"]:
        matrices = api.get(f"/tileMatrixSets/{one['id']}").json()["tileMatrices"]
        sizes = [m["cellSize"] for m in matrices]
        assert all(a == pytest.approx(2 * b, rel=1e-9) for a, b in pairwise(sizes))
        for matrix in matrices:
            assert matrix["tileWidth"] == matrix["tileHeight"] == 256
            assert len(matrix["pointOfOrigin"]) == 2


def test_tms_2_json_tilematrixset(api: TestClient) -> None:
    for name in (*REGISTERED, "KR5179"):
        answer = api.get(f"/tileMatrixSets/{name}")
        assert answer.headers["content-type"].startswith("application/json")
        document = answer.json()
        assert document["id"] == name
        assert {"crs", "uri", "tileMatrices"} <= document.keys()
        keys = {
            "id",
            "scaleDenominator",
            "cellSize",
            "pointOfOrigin",
            "tileWidth",
            "tileHeight",
            "matrixWidth",
            "matrixHeight",
        }
        assert all(keys <= matrix.keys() for matrix in document["tileMatrices"])


def test_tms_2_tilematrixsetlimits(api: TestClient) -> None:
    """Limits are exact: a tile beside them is 404."""
    for limit in limits(api, TOY):
        z = limit["tileMatrix"]
        assert limit["minTileRow"] <= limit["maxTileRow"]
        outside = f"{TOY}/{z}/{limit['maxTileRow'] + 1}/{limit['minTileCol']}"
        assert api.get(outside).status_code == 404
        assert api.get(f"{TOY}/{z}/{limit['minTileRow']}/{limit['minTileCol'] - 1}").status_code == 404


def test_tms_2_tilesetmetadata(api: TestClient) -> None:
    about = api.get(TOY).json()
    assert {"title", "dataType", "crs", "tileMatrixSetURI", "links", "layers", "boundingBox"} <= about.keys()
    (layer,) = about["layers"]
    assert (layer["id"], layer["dataType"]) == ("toy-100m", "vector")
    assert "emission_total" in layer["propertiesSchema"]["properties"]


def test_tms_2_json_tilesetmetadata(api: TestClient) -> None:
    for path in (TOY, "/tiles/WebMercatorQuad"):
        answer = api.get(path, params={"f": "json"})
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json()["tileMatrixSetLimits"], list)


def test_a_tilejson_can_be_drawn(api: TestClient) -> None:
    """TileJSON 3.0: arrays where stock pygeoapi has strings, and the names that clients fill in."""
    for path in (TOY, "/tiles/WebMercatorQuad"):
        tilejson = api.get(path, params={"f": "tilejson"}).json()
        assert tilejson["tilejson"] == "3.0.0"
        assert "/{z}/{y}/{x}" in tilejson["tiles"][0]
        assert len(tilejson["bounds"]) == 4
        assert tilejson["vector_layers"]


@pytest.mark.parametrize("kind", ["map", "coverage"])
def test_tiles_1_png(api: TestClient, kind: str) -> None:
    """Every tile of the limits of a zoom is a PNG that GDAL reads, 256 x 256, whether anything lies in it or not."""
    base = f"/collections/toy-100m/{kind}/tiles/WebMercatorQuad"
    shown = False
    for z, row, col in (p for p in places(api, base) if p[0] == "15"):
        answer = api.get(f"{base}/{z}/{row}/{col}", headers={"Accept": "image/png"})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
        image = decoded(answer.content)
        assert image.shape == (4, 256, 256)
        shown |= bool(image[3].any())
    assert shown
    assert api.get(f"{base}/15/0/0").status_code == 404
