# SPDX-License-Identifier: Apache-2.0
"""Clients that are given a tileset or TileJSON and nothing else: MapLibre and OpenLayers in Chromium."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser
from pyproj import Transformer
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from carbonserver.app import create_app
from carbonserver.settings import Settings
from carbonserver.styles import Style
from tests.conftest import missing
from tests.toy import CORNERS, toy_cell, toy_store
from tools import browser as tool
from tools import vendor

WEB = "WebMercatorQuad"
SIZE = {"width": 640, "height": 640}
CELLS = [(-300, -200), (-200, -200), (-300, 300), (0, 200), (100, 300), (-100, 100)]
"""South-west corners of cells of the toy: with a house, a road, null forest, forest, and with nothing."""
MAPLIBRE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/map/static/vendor/maplibre-gl.css">
<div id="map" style="position:absolute;inset:0"></div><script type="module">
import * as maplibre from '/map/static/vendor/maplibre-gl.mjs';
const map = new maplibre.Map({container: 'map', style: %s, center: %s, zoom: 15, fadeDuration: 0,
  attributionControl: false});
window.carbongrid = {map};
window.ready = new Promise(done => map.once('idle', () => done()));
</script>"""


OPENLAYERS = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<div id="map" style="position:absolute;inset:0"></div><script src="/ol.js"></script><script>
const colors = Object.fromEntries(%s), center = %s;
const fill = feature => new ol.style.Style({fill: new ol.style.Fill({color: colors[feature.get('net')]})});
const layer = %s;
const map = new ol.Map({target: 'map', layers: [layer], controls: [], pixelRatio: 1,
  view: new ol.View({center: ol.proj.fromLonLat(center), zoom: 16, constrainResolution: true})});
const source = layer.getSource();
const known = new Promise(done => source.getState() === 'ready' ? done()
  : source.on('change', () => source.getState() === 'ready' && done()));
window.ready = known.then(() => new Promise(done => { map.once('rendercomplete', () => done()); map.render(); }));
window.read = points => points.map(point => {
  const [x, y] = map.getPixelFromCoordinate(ol.proj.fromLonLat(point)).map(Math.floor);
  const canvas = document.querySelector('.ol-layer canvas');
  return '#' + [...canvas.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)]
    .map(v => v.toString(16).padStart(2, '0')).join('');
});
</script>"""
OL_LAYERS = {
    "vector": """new ol.layer.VectorTile({style: fill, source: new ol.source.OGCVectorTile(
      {url: '/collections/toy-100m/tiles/WebMercatorQuad?f=json', format: new ol.format.MVT()})})""",
    "map": """new ol.layer.Tile({source: new ol.source.OGCMapTile(
      {url: '/collections/toy-100m/styles/net/map/tiles/WebMercatorQuad?f=json', interpolate: false})})""",
}
NPM = Path(__file__).parent / "npm"
"""Lock of the browser clients that only tests use."""


class Probes:
    """Our app, and beside it pages of one map each, of the same origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.pages: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self.pages:
            media = "text/javascript" if scope["path"].endswith(".js") else "text/html"
            await Response(self.pages[scope["path"]], media_type=media)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class Site(NamedTuple):
    """A running server of the toy city, and the pages beside it."""

    url: str
    probes: Probes

    def items(self) -> dict[str, dict[str, Any]]:
        answer = httpx.get(f"{self.url}/collections/toy-100m/items?f=json", timeout=60).json()
        return {f["properties"]["cell_id"]: f["properties"] for f in answer["features"]}

    def maplibre(self, name: str, source: Mapping[str, Any], layer: Mapping[str, Any]) -> str:
        """Address of a page with one source and one layer."""
        style = {"version": 8, "sources": {"s": dict(source)}, "layers": [{"id": "l", "source": "s", **layer}]}
        self.probes.pages[f"/{name}"] = MAPLIBRE % (json.dumps(style), json.dumps(lonlat(-50, 100)))
        return f"{self.url}/{name}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("toy")
    toy_store(root)
    port = tool.free_port()
    url = f"http://localhost:{port}"
    probes = Probes(create_app(Settings(root, url, port=port)))
    with tool.serving(probes, port):
        yield Site(url, probes)


@pytest.fixture(scope="module")
def openlayers(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of OpenLayers, from npm by the lock beside this file."""
    try:
        modules = vendor.install(tmp_path_factory.mktemp("npm"), NPM)
    except vendor.VendorError as error:
        missing(str(error))
    return (modules / "ol" / "dist" / "ol.js").read_text()


TO_CRS84 = Transformer.from_crs("EPSG:5179", "OGC:CRS84", always_xy=True)


def lonlat(east: float, north: float) -> list[float]:
    """Longitude and latitude of a place in the toy's own metres."""
    return list(TO_CRS84.transform(CORNERS[5179][0] + east, CORNERS[5179][1] + north))


def drawn(chrome: Browser, url: str) -> list[str]:
    """Colours in the middle of CELLS; the page must have met no error and no other host."""
    seen = tool.visit(chrome, url, viewport=SIZE)
    colors = seen.colors([lonlat(e + 50, n + 50) for e, n in CELLS])
    foreign = [r for r in seen.requests if not r.startswith((f"{seen.origin}/", "data:", "blob:"))]
    seen.page.context.close()
    assert (seen.complaints, foreign) == ([], [])
    return colors


def wanted(site: Site, style: Style) -> list[str]:
    records = site.items()
    return [style.ramp.color(records[toy_cell(e, n)][style.figure]) for e, n in CELLS]


def test_maplibre_draws_vector_tiles_from_tilejson_alone(site: Site, chrome: Browser) -> None:
    style = Style.named("net")
    fill = {"fill-color": style.ramp.expression(style.figure, ["get", style.figure]), "fill-antialias": False}
    source = {"type": "vector", "url": f"{site.url}/collections/toy-100m/tiles/{WEB}?f=tilejson"}
    url = site.maplibre("vector", source, {"type": "fill", "source-layer": "toy-100m", "paint": fill})
    assert drawn(chrome, url) == wanted(site, style)


def test_maplibre_draws_map_tiles_from_tilejson_alone(site: Site, chrome: Browser) -> None:
    tilejson = f"{site.url}/collections/toy-100m/styles/forest/map/tiles/{WEB}?f=tilejson"
    paint = {"raster-resampling": "nearest", "raster-fade-duration": 0}
    url = site.maplibre("map", {"type": "raster", "url": tilejson, "tileSize": 256}, {"type": "raster", "paint": paint})
    assert drawn(chrome, url) == wanted(site, Style.named("forest"))


def test_maplibre_reads_values_from_the_pixels(site: Site, chrome: Browser) -> None:
    """From black at 0 to blue at 2.55 t/(ha a): blue is the value in hundredths, and null stays clear."""
    figure, tilejson = "emission_total", f"{site.url}/collections/toy-100m/coverage/tiles/{WEB}?f=tilejson"
    told = httpx.get(tilejson, timeout=60).json()
    factors = {name: told[name] for name in ("encoding", "redFactor", "greenFactor", "blueFactor", "baseShift")}
    ramp = ["interpolate", ["linear"], ["elevation"], 0, "#000000", 2.55, "#0000ff"]
    layer = {"type": "color-relief", "paint": {"resampling": "nearest", "color-relief-color": ramp}}
    url = site.maplibre("values", {"type": "raster-dem", "url": tilejson, "tileSize": 256, **factors}, layer)
    records = site.items()
    for color, (east, north) in zip(drawn(chrome, url), CELLS, strict=True):
        value = records[toy_cell(east, north)][figure]
        assert int(color[5:], 16) == pytest.approx(min(255, 100 * value), abs=3), (east, north)
        assert color[1:5] == "0000"


@pytest.mark.parametrize("kind", list(OL_LAYERS))
def test_openlayers_draws_tiles_from_the_tileset_alone(site: Site, chrome: Browser, openlayers: str, kind: str) -> None:
    """Vectors are coloured by the number that each feature carries; maps come in their colours."""
    style = Style.named("net")
    known = [(record["net"], style.ramp.color(record["net"])) for record in site.items().values()]
    page = OPENLAYERS % (json.dumps(known), json.dumps(lonlat(-50, 100)), OL_LAYERS[kind])
    site.probes.pages |= {"/ol.js": openlayers, f"/ol-{kind}": page}
    seen = tool.visit(chrome, f"{site.url}/ol-{kind}", viewport=SIZE)
    complaints = list(seen.complaints)  # before we read pixels, of which Chromium complains
    colors = seen.page.evaluate("points => read(points)", [lonlat(e + 50, n + 50) for e, n in CELLS])
    seen.page.context.close()
    assert complaints == []
    assert colors == wanted(site, style)
