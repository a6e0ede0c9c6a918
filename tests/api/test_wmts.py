# SPDX-License-Identifier: Apache-2.0
"""WMTS read by GDAL and OWSLib from a running server: the pixels are the release's values in the style's colours."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
import rasterio
import shapely
from owslib.wmts import WebMapTileService
from pyproj import Transformer
from rasterio.windows import Window
from starlette.testclient import TestClient

from carbonserver.app import create_app
from carbonserver.settings import Settings
from carbonserver.styles import Style, ids
from carbonserver.wmts import CAPABILITIES
from carbonstore.collections import tms
from tests.api.test_maps import CELLS, items, pixel
from tests.store.test_raster import decoded
from tests.toy import CORNERS, toy_cell
from tools import browser as tool

OWS = "{http://www.opengis.net/ows/1.1}"
WMTS = "{http://www.opengis.net/wmts/1.0}"


@pytest.fixture(scope="module")
def live(cities: Path) -> Iterator[str]:
    port = tool.free_port()
    url = f"http://localhost:{port}"
    with tool.serving(create_app(Settings(cities, url, port=port)), port):
        yield url


def color(style: Style, value: float | None) -> tuple[int, ...]:
    return tuple(bytes.fromhex(style.ramp.color(value)[1:]))


@pytest.mark.parametrize("tms_id", list(tms.SETS))
def test_gdal_draws_the_release(api: TestClient, live: str, tms_id: str) -> None:
    """A mosaic of the finest tiles, at the middle of cells: GDAL finds them by the corners and CRS of each set."""
    records, style = items(api), Style.named("net")
    source = f"WMTS:{live}{CAPABILITIES},layer=toy-100m,style=net,tilematrixset={tms_id}"
    with rasterio.open(source) as image:
        to = Transformer.from_crs("EPSG:5179", tms.named(tms_id).crs, always_xy=True)
        for east, north in CELLS:
            x, y = to.transform(CORNERS[5179][0] + east + 50, CORNERS[5179][1] + north + 50)
            row, col = image.index(x, y)
            got = image.read(window=Window(col, row, 1, 1))[:, 0, 0]
            wanted = color(style, records[toy_cell(east, north)]["net"])
            assert tuple(int(v) for v in got[:3]) == wanted, (east, north)


def test_gdal_lists_every_layer_and_style(live: str) -> None:
    with rasterio.open(f"WMTS:{live}{CAPABILITIES}") as catalogue:
        listed = "".join(catalogue.subdatasets)
    for name in ("toy-100m", "toy-1km-history", "steppe-500m", "toy-forests"):
        assert f"layer={name}," in listed
    assert not re.search(r"layer=toy-forests,(?:(?!WMTS:).)*style=total", listed)


@pytest.mark.parametrize("tms_id", list(tms.SETS))
def test_gdal_draws_a_stand_in_the_colour_of_its_density(api: TestClient, live: str, tms_id: str) -> None:
    """By its own area, not by a cell's."""
    (stand,) = api.get("/collections/toy-forests/items").json()["features"]
    said, style = stand["properties"], Style.named("forest")
    shape = shapely.geometry.shape(stand["geometry"])
    source = f"WMTS:{live}{CAPABILITIES},layer=toy-forests,style=forest,tilematrixset={tms_id}"
    to = Transformer.from_crs("OGC:CRS84", tms.named(tms_id).crs, always_xy=True)
    with rasterio.open(source) as image:
        inside = shape.representative_point()
        row, col = image.index(*to.transform(inside.x, inside.y))
        got = image.read(window=Window(col, row, 1, 1))[:, 0, 0]
    wanted = color(style, said["absorption_forest"] / said["area_m2"] * 10_000)
    assert tuple(int(v) for v in got) == (*wanted, 255)


def test_owslib_reads_layers_limits_times_and_tiles(api: TestClient, live: str) -> None:
    service = WebMapTileService(f"{live}/wmts")
    shown = {c["id"] for c in api.get("/collections?f=json").json()["collections"]}
    assert set(service.contents) == shown
    assert list(service["toy-forests"].styles) == ["forest"]
    layer = service["toy-100m-history"]
    assert layer.dimensions["Time"]["values"] == ["2022-01-01", "2023-01-01"]
    assert list(layer.styles) == list(ids())
    assert [k for k, v in layer.styles.items() if v["isDefault"]] == ["total"]
    row, col, *at = pixel((0, 200))
    limits = layer.tilematrixsetlinks["WebMercatorQuad"].tilematrixlimits["16"]
    assert limits.mintilerow <= row <= limits.maxtilerow
    for year, tonnes in ((2022, 2.0), (2023, 1.0)):
        tile = service.gettile(
            layer="toy-100m-history", style="total", tilematrixset="WebMercatorQuad", tilematrix="16", row=row,
            column=col, format="image/png", time=f"{year}-01-01",
        )  # fmt: skip
        got = decoded(tile.read())[:3, at[0], at[1]]
        assert tuple(int(v) for v in got) == color(Style.named("total"), tonnes)


def test_kvp_and_address_give_the_same_tile(api: TestClient) -> None:
    row, col, *_ = pixel((0, 200))
    by_address = api.get(f"/collections/toy-100m/styles/net/map/tiles/WebMercatorQuad/16/{row}/{col}")
    asked = {"SERVICE": "WMTS", "Request": "GetTile", "version": "1.0.0", "layer": "toy-100m", "style": "net"}
    place = {"format": "image/png", "TileMatrixSet": "WebMercatorQuad", "TileMatrix": "16", "TileRow": str(row)}
    by_keys = api.get("/wmts", params={**asked, **place, "TileCol": str(col)})
    assert by_keys.content == by_address.content
    assert by_keys.headers["etag"] == by_address.headers["etag"]


@pytest.mark.parametrize(
    ("query", "status", "code", "locator"),
    [
        ("service=WMS&request=GetCapabilities", 400, "InvalidParameterValue", "service"),
        ("service=WMTS", 400, "InvalidParameterValue", "request"),
        ("service=WMTS&request=GetTile&layer=toy-100m", 400, "InvalidParameterValue", "style"),
        ("service=WMTS&request=GetCapabilities&colour=red", 400, "InvalidParameterValue", "colour"),
        (
            "service=WMTS&request=GetTile&layer=toy-100m&style=&format=image/png&tilematrixset=WebMercatorQuad"
            "&tilematrix=16&tilerow=0&tilecol=0",
            404,
            "TileOutOfRange",
            "tile",
        ),
    ],
)
def test_errors_are_ows_reports(api: TestClient, query: str, status: int, code: str, locator: str) -> None:
    answer = api.get(f"/wmts?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/xml")
    exception = Xml.fromstring(answer.content).find(f"{OWS}Exception")
    assert exception is not None
    assert (exception.get("exceptionCode"), exception.get("locator")) == (code, locator)
    assert exception.findtext(f"{OWS}ExceptionText")


def test_matrices_are_those_of_the_json(api: TestClient) -> None:
    """Scale denominators and corners by WMTS are those of the tile matrix sets' own documents."""
    root = Xml.fromstring(api.get(CAPABILITIES).content)
    sets = {s.findtext(f"{OWS}Identifier"): s for s in root.iterfind(f"{WMTS}Contents/{WMTS}TileMatrixSet")}
    assert list(sets) == list(tms.SETS)
    for name in ("KR5179", "WebMercatorQuad", "WorldCRS84Quad"):
        document = api.get(f"/tileMatrixSets/{name}?f=json").json()["tileMatrices"]
        for given, matrix in zip(document, sets[name].iterfind(f"{WMTS}TileMatrix"), strict=False):
            assert float(str(matrix.findtext(f"{WMTS}ScaleDenominator"))) == pytest.approx(given["scaleDenominator"])
            corner = [float(v) for v in str(matrix.findtext(f"{WMTS}TopLeftCorner")).split()]
            assert np.allclose(corner, given["pointOfOrigin"])


DESCRIBED = "(Title )*(Abstract )*(Keywords )*"
MODELS = {
    "Capabilities": "(ServiceIdentification )?(ServiceProvider )?(OperationsMetadata )?(Contents )?(Themes )*"
    "(ServiceMetadataURL )*",
    "ServiceIdentification": f"{DESCRIBED}ServiceType (ServiceTypeVersion )+(Profile )*(Fees )?(AccessConstraints )*",
    "ServiceProvider": "ProviderName (ProviderSite )?ServiceContact ",
    "OperationsMetadata": "(Operation ){2,}(Parameter )*(Constraint )*(ExtendedCapabilities )?",
    "Operation": "(DCP )+(Parameter )*(Constraint )*(Metadata )*",
    "DCP": "HTTP ",
    "HTTP": "(Get |Post )+",
    "Get": "(Constraint )*",
    "Constraint": "(AllowedValues |AnyValue |NoValues |ValuesReference ).*",
    "AllowedValues": "(Value |Range )+",
    "Contents": "(Layer )*(TileMatrixSet )*",
    "Layer": f"{DESCRIBED}(WGS84BoundingBox )*(Identifier )?(BoundingBox )*(Metadata )*(DatasetDescriptionSummary )*"
    "(Style )+(Format )+(InfoFormat )*(Dimension )*(TileMatrixSetLink )+(ResourceURL )*",
    "WGS84BoundingBox": "LowerCorner UpperCorner ",
    "Style": f"{DESCRIBED}Identifier (LegendURL )*",
    "Dimension": f"{DESCRIBED}Identifier (UOM )?(UnitSymbol )?(Default )?(Current )?(Value )+",
    "TileMatrixSetLink": "TileMatrixSet (TileMatrixSetLimits )?",
    "TileMatrixSetLimits": "(TileMatrixLimits )+",
    "TileMatrixLimits": "TileMatrix MinTileRow MaxTileRow MinTileCol MaxTileCol ",
    "TileMatrixSet": f"{DESCRIBED}Identifier (BoundingBox )?SupportedCRS (WellKnownScaleSet )?(TileMatrix )+",
    "TileMatrix": f"{DESCRIBED}Identifier ScaleDenominator TopLeftCorner TileWidth TileHeight MatrixWidth "
    "MatrixHeight ",
}
"""Children of elements in their order: OGC 07-057r7 (annex B, wmtsGetCapabilities_response) and OWS Common 1.1."""


def test_elements_stand_in_the_order_of_the_schema(api: TestClient) -> None:
    root = Xml.fromstring(api.get(CAPABILITIES).content)
    seen = set()
    for element in root.iter():
        name = element.tag.partition("}")[2]
        children = "".join(f"{child.tag.partition('}')[2]} " for child in element)
        if children:
            assert re.fullmatch(MODELS[name], children), (name, children)
            seen.add(name)
    assert seen >= MODELS.keys() - {"ServiceProvider"}
    assert root.get("version") == "1.0.0"
    for template in root.iter(f"{WMTS}ResourceURL"):
        assert template.get("resourceType") == "tile"
        assert {"{TileMatrix}", "{TileRow}", "{TileCol}"} <= set(re.findall(r"\{\w+\}", str(template.get("template"))))


def test_the_document_says_synthetic_and_whose_data(api: TestClient) -> None:
    text = api.get(f"{CAPABILITIES}?lang=en-US").text
    assert "synthetic" in text
    assert "Carbongrid toy city" in text
    assert api.get(CAPABILITIES, headers={"If-None-Match": api.get(CAPABILITIES).headers["etag"]}).status_code == 304
    assert api.get(f"{CAPABILITIES}?f=json").status_code == 400
