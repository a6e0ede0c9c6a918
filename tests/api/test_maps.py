# SPDX-License-Identifier: Apache-2.0
"""PNG tiles over HTTP: colours of the style documents, values of the items, the addresses and rules of vector tiles."""

from math import floor
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer
from starlette.testclient import TestClient

from carbonserver import styles
from carbonserver.styles import Style
from tests.api.test_tiles import MIDDLE, URL, web_tile
from tests.store.test_raster import decoded
from tests.toy import CORNERS, toy_cell

TOY = "/collections/toy-100m"
TO_WEB = Transformer.from_crs("EPSG:5179", "EPSG:3857", always_xy=True)
CELLS = [(-300, -200), (-200, -200), (-300, 300), (0, 200), (100, 300), (-100, 100)]
"""South-west corners of cells with buildings and road, with road only, null forest, forest, road, and of the shed."""


def pixel(corner: tuple[int, int], z: int = 16) -> tuple[int, int, int, int]:
    """Tile row and column, and pixel row and column, of a toy cell's middle."""
    x, y = TO_WEB.transform(CORNERS[5179][0] + corner[0] + 50, CORNERS[5179][1] + corner[1] + 50)
    half = 20037508.342789244
    across, down = ((v * 2**z * 256) / (2 * half) for v in (x + half, half - y))
    return floor(down) // 256, floor(across) // 256, floor(down) % 256, floor(across) % 256


def items(api: TestClient, collection: str = "toy-100m") -> dict[str, dict[str, Any]]:
    answer = api.get(f"/collections/{collection}/items").json()["features"]
    return {f["properties"]["cell_id"]: f["properties"] for f in answer}


def color_at(api: TestClient, base: str, corner: tuple[int, int], **params: str) -> tuple[int, ...]:
    tile_row, tile_col, row, col = pixel(corner)
    answer = api.get(f"{base}/WebMercatorQuad/16/{tile_row}/{tile_col}", params=params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    return tuple(int(v) for v in decoded(answer.content)[:, row, col])


@pytest.mark.parametrize("style_id", styles.ids())
def test_pixels_have_the_colours_of_the_style_document(api: TestClient, style_id: str) -> None:
    style, records = Style.named(style_id), items(api)
    for corner in CELLS:
        wanted = style.ramp.color(records[toy_cell(*corner)][style.figure])
        got = color_at(api, f"{TOY}/styles/{style_id}/map/tiles", corner)
        assert "#{:02x}{:02x}{:02x}".format(*got[:3]) == wanted, (style_id, corner)
        assert got[3] == 255


def test_the_map_without_a_style_is_the_total(api: TestClient) -> None:
    row, col = web_tile(*MIDDLE, 13)
    place = f"WebMercatorQuad/13/{row}/{col}"
    plain, total = (api.get(f"{TOY}{p}/map/tiles/{place}") for p in ("", "/styles/total"))
    assert plain.content == total.content
    assert plain.content != api.get(f"{TOY}/styles/net/map/tiles/{place}").content


@pytest.mark.parametrize("figure", ["emission_total", "net", "absorption_forest", "emission_total_u95"])
def test_pixels_hold_the_values_of_the_items(api: TestClient, figure: str) -> None:
    """A cell of 100 m is a nominal hectare, so the density is the item's number."""
    records = items(api)
    for corner in CELLS:
        red, green, blue, alpha = color_at(api, f"{TOY}/coverage/tiles", corner, properties=figure)
        wanted = records[toy_cell(*corner)][figure]
        assert (alpha == 0) == (wanted is None), (figure, corner)
        if wanted is not None:
            assert (65536 * red + 256 * green + blue) / 100 - 1000 == pytest.approx(wanted, abs=0.0051)


def test_coarser_cells_are_divided_by_their_hectares(api: TestClient) -> None:
    (cell,) = (c for c in items(api, "toy-500m").values() if c["cell_id"].endswith("N1835000E985000"))
    red, green, blue, _ = color_at(api, "/collections/toy-500m/coverage/tiles", (100, 100))
    assert (65536 * red + 256 * green + blue) / 100 - 1000 == pytest.approx(cell["emission_total"] / 25, abs=0.0051)


def test_datetime_draws_the_newest_year_it_meets(api: TestClient) -> None:
    base = "/collections/toy-100m-history/coverage/tiles"
    old, new = (color_at(api, base, (0, 200), datetime=d) for d in ("2022-05-05", "2022-01-01/.."))
    tonnes = [(65536 * c[0] + 256 * c[1] + c[2]) / 100 - 1000 for c in (old, new)]
    assert tonnes == [2.0, 1.0]
    row, col, *_ = pixel((0, 200))
    answer = api.get(f"{base}/WebMercatorQuad/16/{row}/{col}?datetime=2022-05-05")
    assert answer.headers["ogcapi-datetime"] == "2022-01-01/2022-12-31"
    none = api.get(f"{base}/WebMercatorQuad/16/{row}/{col}?datetime=1999-05-05")
    assert none.status_code == 200
    assert not decoded(none.content)[3].any()


@pytest.mark.parametrize("base", ["/map/tiles", "/styles/net/map/tiles", "/coverage/tiles"])
def test_pngs_have_the_addresses_and_caching_of_vector_tiles(api: TestClient, base: str) -> None:
    row, col = web_tile(*MIDDLE, 13)
    place = f"{TOY}{base}/WebMercatorQuad/13/{row}/{col}"
    answer = api.get(place)
    edition = answer.headers["carbongrid-edition"]
    assert answer.headers["etag"].startswith(f'"{edition}.')
    assert answer.headers["cache-control"] == "public, no-cache"
    assert "content-encoding" not in answer.headers
    assert api.get(place, headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    assert "immutable" in api.get(f"{place}?edition={edition}").headers["cache-control"]
    for wrong in ("11/1/1", "17/1/1", "13/0/0", "13/2147483647/2147483647", "13/x/1"):
        assert api.get(f"{TOY}{base}/WebMercatorQuad/{wrong}").status_code == 404, wrong
    assert api.get(f"{TOY}{base}/Nope/13/{row}/{col}").status_code == 404
    assert api.get(f"{place}?f=mvt").status_code == 400
    assert api.get(place, headers={"Accept": "image/jpeg"}).status_code == 406


def test_wrong_styles_and_properties(api: TestClient) -> None:
    row, col = web_tile(*MIDDLE, 13)
    place = f"WebMercatorQuad/13/{row}/{col}"
    assert api.get(f"{TOY}/styles/nope/map/tiles/{place}").status_code == 404
    assert api.get(f"{TOY}/map/tiles/{place}?properties=net").status_code == 400
    for value in ("colour", "quality", "net,emission_total"):
        answer = api.get(f"{TOY}/coverage/tiles/{place}?properties={value}")
        assert (answer.status_code, answer.json()["where"]) == (400, "properties"), value


@pytest.mark.parametrize(("base", "kind"), [("/map", "map"), ("/styles/forest/map", "map"), ("/coverage", "coverage")])
def test_tilesets_of_pixels_lead_to_tiles(api: TestClient, base: str, kind: str) -> None:
    """Collection -> list -> tileset -> template -> a tile, in every tile matrix set."""
    links = {n["rel"]: n["href"] for n in api.get(f"{TOY}?f=json").json()["links"]}
    assert links[f"http://www.opengis.net/def/rel/ogc/1.0/tilesets-{kind}"] == f"{URL}{TOY}/{kind}/tiles?f=json"
    listed = api.get(f"{TOY}{base}/tiles").json()["tilesets"]
    assert len(listed) == 3
    for summary in listed:
        about = {n["rel"]: n for n in summary["links"]}
        tileset = api.get(about["self"]["href"]).json()
        assert (tileset["dataType"], tileset["layers"][0]["dataType"]) == (kind, kind)
        template = next(n for n in tileset["links"] if n["rel"] == "item")
        assert (template["type"], template["templated"]) == ("image/png", True)
        limits = tileset["tileMatrixSetLimits"][-1]
        place = {"tileMatrix": limits["tileMatrix"], "tileRow": limits["minTileRow"], "tileCol": limits["maxTileCol"]}
        tile = api.get(template["href"].format(**place))
        assert tile.headers["content-type"] == "image/png"


def test_a_styled_tileset_names_its_style_and_a_coverage_its_unit(api: TestClient) -> None:
    english = {"Accept-Language": "en"}
    style = api.get(f"{TOY}/styles/net/map/tiles/WebMercatorQuad", headers=english).json()["style"]
    assert (style["id"], style["title"]) == ("net", "Net emission")
    assert api.get(style["links"][0]["href"]).json()["version"] == 8
    tileset = api.get(f"{TOY}/coverage/tiles/KR5179?properties=net", headers=english).json()
    (properties,) = (layer["propertiesSchema"]["properties"] for layer in tileset["layers"])
    assert properties["net"]["x-ogc-unit"] == "t{CO2e}/(har.a)"
    assert "synthetic" in tileset["title"]


def test_tilejson_of_pixels(api: TestClient) -> None:
    """MapLibre's raster-dem reads heights with the factors; the template has the property."""
    document = api.get(f"{TOY}/coverage/tiles/WebMercatorQuad?f=tilejson&properties=net").json()
    assert document["tiles"] == [f"{URL}{TOY}/coverage/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=png&properties=net"]
    factors = [document[name] for name in ("redFactor", "greenFactor", "blueFactor", "baseShift")]
    assert np.dot(factors[:3], (1, 134, 160)) - factors[3] == pytest.approx(0)  # 100000 = 65536 + 134 x 256 + 160
    assert document["vector_layers"] == []
    assert api.get(f"{TOY}/map/tiles/KR5179?f=tilejson").status_code == 400


def test_sets_of_other_countries_are_not_offered(api: TestClient) -> None:
    assert len(api.get("/collections/steppe-100m/map/tiles").json()["tilesets"]) == 2
    assert api.get("/collections/steppe-100m/map/tiles/KR5179").status_code == 404
