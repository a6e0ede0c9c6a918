# SPDX-License-Identifier: Apache-2.0
"""The map page's routes over the toy city, and the script that installs its library."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonserver import styles, viewer_routes
from carbonserver.settings import Settings
from carbonstore.releases.catalogue import Catalogue
from tests.toy import toy_store
from tools import vendor

URL = "http://carbon.example"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    root = tmp_path_factory.mktemp("store")
    toy_store(root)
    toy_store(root, (2024,), id="steppe", epsg=32642, synthetic=False)
    app = Starlette(routes=viewer_routes.routes(Settings(root, URL), Catalogue(root)))
    with TestClient(app, base_url=URL) as client:
        yield client


def test_page_is_html_and_allows_nothing_foreign(client: TestClient) -> None:
    answer = client.get("/map?inventory=toy&sector=net&year=2023&lang=en")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "worker-src 'self'" in policy
    assert not re.search(r"unsafe|https?:|\*", policy)


class Addresses(HTMLParser):
    """Every src and href of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("src", "href") and value]


def test_every_address_of_the_page_is_its_own_and_answers(client: TestClient) -> None:
    page = Addresses()
    page.feed(client.get("/map").text)
    ours = [a for a in page.found if a.startswith("map")]
    assert all(not urlsplit(a).scheme and not urlsplit(a).netloc for a in page.found)
    assert len(ours) >= 4
    assert {a: client.get(f"/{a}").status_code for a in ours} == dict.fromkeys(ours, 200)


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("js/main.js", "text/javascript; charset=utf-8"),
        ("vendor/maplibre-gl.mjs", "text/javascript; charset=utf-8"),
        ("vendor/maplibre-gl-worker.mjs", "text/javascript; charset=utf-8"),
        ("map.css", "text/css; charset=utf-8"),
        ("locale/ko.json", "application/json"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_files_have_their_media_type_and_are_revalidated(client: TestClient, path: str, media_type: str) -> None:
    answer = client.get(f"/map/static/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    again = client.get(f"/map/static/{path}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "no-cache" in again.headers["cache-control"]


def test_library_comes_gzipped_to_those_who_take_it(client: TestClient) -> None:
    path = "/map/static/vendor/maplibre-gl.mjs"
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == plain.headers["content-type"] == "text/javascript; charset=utf-8"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.content == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]


@pytest.mark.parametrize("path", ["nothing.js", "../styles.py", "%2e%2e/styles.py", "vendor/../../styles.py"])
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/map/static/{path}").status_code == 404


def test_twin_names_every_inventory_in_both_languages(client: TestClient) -> None:
    twin = client.get("/map?f=json")
    toy, steppe = sorted(twin.json()["inventories"], key=lambda i: i["id"], reverse=True)
    assert (toy["id"], toy["years"], toy["newest"], toy["synthetic"]) == ("toy", [2022, 2023], 2023, True)
    assert toy["title"] == {"ko": "장난감 도시", "en": "Toy city"}
    assert toy["licences"] == [{"licence": "CC0-1.0", "attribution": "Carbongrid toy city"}]
    assert (steppe["years"], steppe["synthetic"]) == ([2024], False)
    west, south, east, north = toy["bbox"]
    assert 127 < west < east < 128
    assert 36 < south < north < 37
    assert twin.headers["carbongrid-edition"] in twin.headers["etag"]


def test_twin_lists_levels_from_coarse_to_fine_with_their_collections(client: TestClient) -> None:
    toy = next(i for i in client.get("/map?f=json").json()["inventories"] if i["id"] == "toy")
    assert [(v["level"], v["minzoom"], v["collection"]) for v in toy["levels"]] == [
        ("10km", 0, None),
        ("5km", 6, None),
        ("1km", 8, "toy-1km"),
        ("500m", 10, "toy-500m"),
        ("100m", 12, "toy-100m"),
    ]


def test_an_empty_store_has_an_empty_twin(tmp_path: Path) -> None:
    app = Starlette(routes=viewer_routes.routes(Settings(tmp_path, URL), Catalogue(tmp_path)))
    assert TestClient(app).get("/map?f=json").json()["inventories"] == []


def test_listing_leads_to_every_style(client: TestClient) -> None:
    listing = client.get("/collections/toy-100m/styles?lang=ko").json()
    assert listing["default"] == "net"
    assert {s["id"]: s["title"] for s in listing["styles"]} == {
        "net": "순배출", "total": "총배출", "buildings": "건물", "transport": "수송", "forest": "산림 흡수",
    }  # fmt: skip
    for style in listing["styles"]:
        (link,) = style["links"]
        answer = client.get(link["href"].removeprefix(URL))
        assert (answer.status_code, answer.headers["content-type"]) == (200, link["type"])


@pytest.mark.parametrize(
    ("collection", "hectares", "zooms"), [("toy-100m", 1, (12, 16)), ("toy-1km-history", 100, (8, 16))]
)
def test_style_draws_the_collections_own_tiles(
    client: TestClient, collection: str, hectares: float, zooms: tuple[int, int]
) -> None:
    answer = client.get(f"/collections/{collection}/styles/total")
    assert answer.headers["content-type"] == "application/vnd.mapbox.style+json"
    style = answer.json()
    (layer,) = style["layers"]
    source = style["sources"][layer["source"]]
    assert (style["version"], layer["type"], layer["source-layer"]) == (8, "fill", collection)
    assert source["tiles"] == [f"{URL}/collections/{collection}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?f=mvt"]
    assert (source["minzoom"], source["maxzoom"]) == zooms
    assert "Carbongrid toy city" in source["attribution"]
    by_level = layer["paint"]["fill-color"][-1][1][2]
    assert by_level[0] == "match"
    assert by_level[-1] == hectares
    assert dict(zip(by_level[2:-1:2], by_level[3:-1:2], strict=True)) == {
        "100m": 1, "500m": 25, "1km": 100, "5km": 2500, "10km": 10000,
    }  # fmt: skip


def test_style_carries_its_legend(client: TestClient) -> None:
    metadata = client.get("/collections/toy-100m/styles/forest").json()["metadata"]
    legend = metadata["carbongrid:legend"]
    assert (legend["property"], legend["unit"]["en"]) == ("absorption_forest", "tCO₂e/ha/yr")
    assert len(legend["colors"]) == len(legend["breaks"]) + 1
    assert (legend["no_data"], legend["zero"]) == ("#bcbcbc", "#ffffff")


def test_style_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/collections/toy-100m/styles/net")
    again = client.get("/collections/toy-100m/styles/net", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["carbongrid-edition"] == first.headers["carbongrid-edition"]


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/collections/toy-100m/styles/co2", 404, "co2"),
        ("/collections/nowhere-100m/styles/net", 404, "nowhere-100m"),
        ("/collections/nowhere-100m/styles", 404, "nowhere-100m"),
        ("/collections/toy-100m/styles/net?colour=red", 400, "colour"),
        ("/collections/toy-100m/styles/net?f=sld", 400, "sld"),
        ("/map?f=xml", 400, "xml"),
        ("/map?year=2023&town=toy", 400, "town"),
    ],
)
def test_refusals_are_ogc_exceptions(client: TestClient, path: str, status: int, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/json")
    assert says in answer.json()["description"]


def test_both_languages_say_the_same_things() -> None:
    ko, en = (json.loads((viewer_routes.STATIC / "locale" / f"{lang}.json").read_text()) for lang in ("ko", "en"))
    assert ko.keys() == en.keys()
    slots = re.compile(r"\{\w+\}")
    assert {k: sorted(slots.findall(v)) for k, v in ko.items()} == {k: sorted(slots.findall(v)) for k, v in en.items()}
    assert all(re.search("[가-힣]", ko[k]) for k in ("title", "inventory", "legend_no_data", "error_vendor"))


def test_every_text_the_page_asks_for_exists() -> None:
    texts = json.loads((viewer_routes.STATIC / "locale" / "en.json").read_text())
    page = (viewer_routes.STATIC / "map.html").read_text()
    asked = set(re.findall(r'data-(?:text|label)="(\w+)"', page))
    for script in (viewer_routes.STATIC / "js").glob("*.js"):
        asked |= set(re.findall(r"\btext\('(\w+)'", script.read_text()))
    asked |= {styles.Style.named(i).figure for i in styles.ids()}
    assert len(asked) > 30
    assert asked <= texts.keys()


def test_vendored_library_is_whole_and_licensed() -> None:
    assert vendor.is_current(), "python tools/vendor.py"
    listed = (vendor.VENDOR / vendor.SUMS).read_text()
    assert all(f"  {name}\n" in listed for name in vendor.DIST)
    licences = {p.stem: p.read_text() for p in (vendor.VENDOR / "licences").iterdir()}
    assert "Redistribution and use" in licences["maplibre-gl"]
    assert "SmartBear" in licences["swagger-ui-dist"]
    assert not any("scarf" in name for name in licences)
    assert len(licences) > 15


def test_a_changed_or_missing_file_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "package-lock.json").write_text("{}")
    copy = tmp_path / "vendor"
    copy.mkdir()
    for name in vendor.DIST:
        (copy / name).write_text(name)
    (copy / vendor.SUMS).write_text(vendor.sums(copy, tmp_path / "package-lock.json"))
    assert vendor.is_current(copy, tmp_path)
    (copy / vendor.DIST[0]).write_text("changed")
    assert not vendor.is_current(copy, tmp_path)
    (copy / vendor.DIST[0]).write_text(vendor.DIST[0])
    (tmp_path / "package-lock.json").write_text('{"a": 1}')
    assert not vendor.is_current(copy, tmp_path)


def test_without_npm_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(vendor.VendorError, match=r"npm was not found: install Node.js .* /map waits for it"):
        vendor.find_npm()


def test_lock_has_hashes_and_names_no_registry() -> None:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    installed = {name: p for name, p in packages.items() if name}
    assert all(p["integrity"].startswith("sha512-") for p in installed.values())
    assert not any("resolved" in p for p in installed.values())


def test_no_third_party_file_is_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "carbonserver/viewer"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not [f for f in tracked.stdout.split() if "vendor" in f or "maplibre" in f]
    assert "carbonserver/viewer/map.html" in tracked.stdout


@pytest.mark.parametrize("path", ["/map", "/collections/toy-100m/styles", "/collections/toy-100m/styles/net"])
def test_nothing_can_be_written(client: TestClient, path: str) -> None:
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200
