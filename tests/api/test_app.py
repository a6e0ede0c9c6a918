# SPDX-License-Identifier: Apache-2.0
"""The whole server: documents, caching, editions, publishing while it runs, errors, and what is around a request."""

import csv
import gzip
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from carbongrid.errors import CarbongridError
from carbonserver.app import create_app
from carbonserver.errors import domain_error
from carbonserver.middleware import BodyLimit
from carbonserver.settings import Settings
from carbonserver.warm import warm
from carbonstore.releases import catalogue, edition, stored
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from tests.toy import toy_cell, toy_inventory, toy_publication, toy_store

Json = dict[str, Any]
URL = "http://carbon.example"
ITEMS = "/collections/toy-100m/items"
HOUSE = toy_cell(-300, -200)
EN = {"Accept-Language": "en"}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[tuple[TestClient, Path]]:
    """A server over a folder that the test may change."""
    toy_store(tmp_path, (2022,))
    with TestClient(create_app(Settings(tmp_path, URL)), base_url=URL, raise_server_exceptions=False) as client:
        yield client, tmp_path


def rels(document: Json) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


# -- documents -------------------------------------------------------------------------------------------------------


def test_every_link_of_the_landing_page_answers(api: TestClient) -> None:
    page = api.get("/").json()
    assert {"self", "service-desc", "service-doc", "conformance", "data", "related"} <= rels(page).keys()
    assert "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector" in rels(page)
    for link in page["links"]:
        assert link["href"].startswith(f"{URL}/")
        answer = api.get(link["href"])
        assert answer.status_code == 200, link["href"]
        assert answer.headers["content-type"].partition(";")[0] == link["type"].partition(";")[0], link["href"]


def test_the_landing_page_speaks_korean_and_english(api: TestClient) -> None:
    assert api.get("/").json()["title"] == "탄소공간지도"
    english = api.get("/", headers=EN)
    assert (english.json()["title"], english.headers["content-language"]) == ("Carbon spatial map", "en-US")
    assert api.get("/?lang=en-US", headers={"Accept-Language": "ko"}).json()["title"] == "Carbon spatial map"
    assert api.get("/", headers={"Accept-Language": "fr, en;q=0.5, ko;q=0.7"}).json()["title"] == "탄소공간지도"


@pytest.mark.parametrize(
    "path", ["/", "/conformance", "/collections", "/processes", "/processes/echo", "/tileMatrixSets", "/tiles"]
)
@pytest.mark.parametrize("f", ["json", "html"])
def test_a_language_that_is_not_spoken_is_refused(api: TestClient, path: str, f: str) -> None:
    for tag in ("xx", "", "x" * 200, "uz-UZ"):
        answer = api.get(path, params={"f": f, "lang": tag})
        assert (answer.status_code, answer.json()["where"]) == (400, "lang")


def test_descriptions_of_processes_are_revalidated(api: TestClient) -> None:
    for path in ("/processes", "/processes/echo"):
        korean, english = api.get(path), api.get(path, headers=EN)
        assert korean.headers["etag"] != english.headers["etag"]
        held = {"If-None-Match": f'"other", W/{korean.headers["etag"]}'}
        again = api.get(path, headers=held)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == korean.headers["etag"]
        assert api.get(path, headers=held | EN).status_code == 200


def test_collections(api: TestClient) -> None:
    document = api.get("/collections", headers=EN).json()
    levels = ("100m", "500m", "1km")
    assert {c["id"] for c in document["collections"]} == {
        *(f"{city}-{level}{history}" for city in ("toy", "steppe") for level in levels for history in ("", "-history")),
        *(f"{city}-{kind}" for city in ("toy", "steppe") for kind in ("buildings", "roads", "forests")),
    }
    for collection in document["collections"]:
        assert api.get(f"/collections/{collection['id']}", headers=EN).json() == collection


def test_a_collection_says_what_it_holds_and_whose_it_is(api: TestClient) -> None:
    toy = api.get("/collections/toy-100m-history", headers=EN).json()
    assert "synthetic" in toy["title"]
    assert "Carbongrid toy city (CC0-1.0)" in toy["description"]
    assert rels(toy)["license"] == "https://creativecommons.org/publicdomain/zero/1.0/"
    assert toy["extent"]["temporal"]["interval"] == [["2022-01-01T00:00:00Z", "2023-12-31T23:59:59Z"]]
    west, south, east, north = toy["extent"]["spatial"]["bbox"][0]
    assert (west, south, east, north) == pytest.approx((127.3291, 36.5108, 127.3358, 36.5162), abs=1e-4)
    assert toy["crs"][0] == toy["storageCrs"] == "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    assert [uri.rsplit("/", 1)[1] for uri in toy["crs"][1:]] == ["4326", "3857", "5179", "5186"]
    steppe = api.get("/collections/steppe-100m", headers=EN).json()
    assert "synthetic" not in steppe["title"]
    assert [uri.rsplit("/", 1)[1] for uri in steppe["crs"][1:]] == ["4326", "3857", "32642"]


def test_every_link_of_a_collection_answers(api: TestClient) -> None:
    for link in api.get("/collections/toy-100m").json()["links"]:
        if link["rel"] != "license":
            answer = api.get(link["href"])
            assert answer.status_code == 200, link["href"]
            assert answer.headers["content-type"].partition(";")[0] == link["type"].partition(";")[0], link["href"]


def test_schema_and_queryables(api: TestClient) -> None:
    for kind in ("schema", "queryables"):
        answer = api.get(f"/collections/toy-100m/{kind}", headers=EN)
        assert answer.headers["content-type"] == "application/schema+json"
        document = answer.json()
        assert document["$id"] == f"{URL}/collections/toy-100m/{kind}"
        net = document["properties"]["net"]
        assert (net["title"], net["type"], net["x-ogc-unit"]) == ("Net emissions", "number", "t{CO2e}/a")
        assert document["properties"]["time_end"]["x-ogc-role"] == "primary-interval-end"
        assert document["properties"]["geometry"]["x-ogc-role"] == "primary-geometry"
    item = api.get(ITEMS, params={"limit": 1}).json()["features"][0]
    assert item["properties"].keys() == document["properties"].keys() - {"geometry"}
    korean = api.get("/collections/toy-100m/schema").json()
    assert korean["properties"]["net"]["title"] == "순배출량"


def test_tile_matrix_sets(api: TestClient) -> None:
    for path in ("/tileMatrixSets", "/TileMatrixSets"):
        assert [s["id"] for s in api.get(path).json()["tileMatrixSets"]] == [
            "WebMercatorQuad",
            "WorldCRS84Quad",
            "KR5179",
        ]
        assert api.get(f"{path}/WorldCRS84Quad").json()["tileMatrices"][0]["matrixWidth"] == 2
        assert api.get(f"{path}/Nope").status_code == 404
        assert "Republic of Korea" in api.get(path, params={"f": "html", "lang": "en"}).text


def test_the_korean_tile_matrix_set(api: TestClient) -> None:
    """Northing before easting, as EPSG:5179 has its axes; the scale is that of pixels of 0.28 mm."""
    document = api.get("/tileMatrixSets/KR5179", params={"lang": "en"}).json()
    assert (document["id"], document["uri"]) == ("KR5179", f"{URL}/tileMatrixSets/KR5179")
    assert document["crs"] == "http://www.opengis.net/def/crs/EPSG/0/5179"
    assert document["orderedAxes"] == ["Northing", "Easting"]
    matrices = document["tileMatrices"]
    assert [m["id"] for m in matrices] == [str(z) for z in range(11)]
    assert all(m["pointOfOrigin"] == [4_000_000, -200_000] and m["tileWidth"] == 256 for m in matrices)
    assert [matrices[z]["cellSize"] for z in (0, 1, 10)] == [2088.96, 1044.48, 2.04]
    assert matrices[10]["scaleDenominator"] == pytest.approx(2.04 / 0.00028)
    assert [(m["matrixWidth"], m["matrixHeight"]) for m in matrices[:3]] == [(4, 6), (8, 12), (16, 24)]


HTML = [
    *("/", "/openapi", "/conformance", "/collections", "/collections/toy-100m", "/collections/toy-100m/schema"),
    *("/collections/toy-100m/queryables", ITEMS, f"{ITEMS}/{HOUSE}.2023", "/tileMatrixSets", "/processes", "/map"),
    *("/tileMatrixSets/WebMercatorQuad", "/tileMatrixSets/KR5179", "/processes/echo", "/processes/estimate-region"),
]


@pytest.mark.parametrize("path", HTML)
def test_pages_for_people_do_not_break(api: TestClient, path: str) -> None:
    for options in ({"params": {"f": "html"}}, {"headers": {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}}):
        answer = api.get(path, **options)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/", "/collections", "/collections/toy-100m", ITEMS, f"{ITEMS}/{HOUSE}.2023"])
def test_json_ld(api: TestClient, path: str) -> None:
    answer = api.get(path, params={"f": "jsonld"})
    assert answer.headers["content-type"] == "application/ld+json"
    assert answer.json()


def test_health(api: TestClient) -> None:
    assert api.get("/healthz").json() == {"status": "ok", "collections": 18, "faults": 0}


def test_nothing_published_is_no_error(tmp_path: Path) -> None:
    with TestClient(create_app(Settings(tmp_path, URL))) as client:
        assert client.get("/collections").json()["collections"] == []
        assert client.get("/tiles/WebMercatorQuad").json()["dataType"] == "vector"
        assert client.get("/tiles/WebMercatorQuad/0/0/0").status_code == 404
        for path in ("/", "/openapi", "/conformance", "/tiles", "/healthz"):
            assert client.get(path).status_code == 200


def test_the_warm_up_makes_a_page_and_a_tile(cities: Path, tmp_path: Path) -> None:
    assert warm(Catalogue(cities)) > 10_000
    assert warm(Catalogue(tmp_path)) == 0


# -- negotiation and caching -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/geo+json", "application/geo+json"),
        ("application/json", "application/json"),
        ("application/json, application/geo+json;q=0.9", "application/json"),
        ("*/*", "application/geo+json"),
        ("application/*", "application/geo+json"),
        ("text/html;q=0.2, application/geo+json;q=0.4", "application/geo+json"),
        ("application/vnd.foo, application/geo+json;q=0.1", "application/geo+json"),
        ("application/ld+json", "application/ld+json"),
    ],
)
def test_accept_decides_the_media_type(api: TestClient, accept: str, media: str) -> None:
    answer = api.get(ITEMS, params={"limit": 1}, headers={"Accept": accept})
    assert answer.headers["content-type"] == media
    assert "Accept" in answer.headers["vary"]


@pytest.mark.parametrize("path", ["/", "/collections", ITEMS, f"{ITEMS}/{HOUSE}.2023", "/tiles", "/openapi"])
def test_what_cannot_be_served_is_406(api: TestClient, path: str) -> None:
    answer = api.get(path, headers={"Accept": "application/vnd.foo, application/geo+json;q=0, */*;q=0"})
    assert (answer.status_code, answer.json()["code"]) == (406, "NotAcceptable")


CACHED = ["/", "/collections", "/openapi", "/tiles", "/collections/toy-100m/schema", ITEMS, f"{ITEMS}/{HOUSE}.2023"]


@pytest.mark.parametrize("path", [*CACHED, "/collections/toy-100m/tiles/WebMercatorQuad/12/1601/3496", "/?f=html"])
def test_entity_tags_revalidate(api: TestClient, path: str) -> None:
    first = api.get(path)
    assert first.status_code == 200
    tag = first.headers["etag"]
    state, variant = tag.strip('"').split(".")
    assert (len(state), len(variant)) == (16, 8)
    assert first.headers.get("carbongrid-edition", state) == state
    assert ("carbongrid-edition" in first.headers) == ("/items" in path or "/toy-100m/tiles/" in path)
    for held in (tag, f'"other", W/{tag}', "*"):
        again = api.get(path, headers={"If-None-Match": held})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert api.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_entity_tags_tell_variants_apart(api: TestClient) -> None:
    asked: list[dict[str, str]] = [
        {},
        {"Accept": "application/json"},
        {"Accept-Language": "en"},
        {"Accept-Encoding": "identity"},
    ]
    tags = {api.get(ITEMS, headers=headers).headers["etag"] for headers in asked}
    assert len(tags) == 4
    assert len({tag.split(".")[0] for tag in tags}) == 1


def test_tiles_hold_no_text_to_translate(api: TestClient) -> None:
    tile = "/collections/toy-100m/tiles/WebMercatorQuad/12/1601/3496"
    korean, english = api.get(tile), api.get(tile, headers=EN)
    assert korean.headers["etag"] == english.headers["etag"]
    assert "content-language" not in korean.headers
    assert "Accept-Language" not in korean.headers["vary"]


def test_gzip_and_identity_hold_the_same(api: TestClient) -> None:
    plain = api.get(f"{ITEMS}?limit=20", headers={"Accept-Encoding": "identity"})
    packed = api.get(f"{ITEMS}?limit=20", headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 3
    assert packed.json()["features"] == plain.json()["features"]
    refused = api.get(f"{ITEMS}?limit=20", headers={"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    small = api.get("/healthz", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in small.headers


def test_equal_bodies_pack_to_equal_bytes(api: TestClient) -> None:
    with api.stream("GET", "/openapi", headers={"Accept-Encoding": "gzip"}) as one:
        first = b"".join(one.iter_raw())
    with api.stream("GET", "/openapi", headers={"Accept-Encoding": "gzip"}) as two:
        assert b"".join(two.iter_raw()) == first
    assert json.loads(gzip.decompress(first))["openapi"].startswith("3.0")


def test_what_names_its_edition_never_changes(api: TestClient) -> None:
    live = api.get(ITEMS, params={"limit": 1})
    assert live.headers["cache-control"] == "public, no-cache"
    pinned = api.get(rels(live.json())["next"])
    assert "immutable" in pinned.headers["cache-control"]


@pytest.mark.parametrize("path", [*CACHED, "/conformance", "/collections/toy-100m", "/map", "/healthz"])
def test_head_is_get_without_a_body(api: TestClient, path: str) -> None:
    headers = {"Accept-Encoding": "identity"}
    got, head = api.get(path, headers=headers), api.head(path, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    volatile = {"request-id", "date", "content-length"}
    assert {k: v for k, v in head.headers.items() if k not in volatile} == {
        k: v for k, v in got.headers.items() if k not in volatile
    }
    assert int(head.headers["content-length"]) == pytest.approx(len(got.content), abs=3), "the time stamp may differ"


def test_csv_comes_from_pygeoapi_in_the_same_numbers(api: TestClient) -> None:
    answer = api.get(ITEMS, params={"f": "csv", "cell_id": HOUSE})
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["emission_buildings"], row["absorption_forest"], row["status"]) == ("1.5", "", "partial")


# -- methods and cross-origin ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [ITEMS, f"{ITEMS}/{HOUSE}.2023", "/collections", "/tiles/WebMercatorQuad/0/0/0"])
def test_resources_are_read_only(api: TestClient, path: str) -> None:
    queried = ["POST"] if path == ITEMS else []  # a filter as the body
    allow = ", ".join(["GET, HEAD, OPTIONS", *queried])
    allowed = api.options(path)
    assert (allowed.status_code, allowed.headers["allow"]) == (204, allow)
    for method in {"POST", "PUT", "DELETE", "PATCH"} - {*queried}:
        answer = api.request(method, path, content=b"{}", headers={"Content-Type": "application/geo+json"})
        assert (answer.status_code, answer.headers["allow"]) == (405, allow)
        assert answer.json()["code"] == "MethodNotAllowed"


def test_any_origin_may_read_the_headers_it_needs(api: TestClient) -> None:
    origin = {"Origin": "https://map.example"}
    for path in (ITEMS, "/collections", "/tiles/WebMercatorQuad/0/0/0", "/nowhere", f"{ITEMS}?limit=0"):
        answer = api.get(path, headers=origin)
        assert answer.headers["access-control-allow-origin"] == "*", path
        exposed = answer.headers["access-control-expose-headers"]
        assert {"Content-Crs", "Link", "Location", "ETag", "Carbongrid-Edition"} <= set(exposed.split(", "))
    preflight = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefer"}
    answer = api.options("/processes/echo/execution", headers=preflight)
    assert answer.status_code == 200
    assert "POST" in answer.headers["access-control-allow-methods"]


def test_unknown_parameters_are_refused_everywhere(api: TestClient) -> None:
    for path in ("/", "/conformance", "/collections", "/collections/toy-100m", "/openapi", "/tiles", "/healthz", ITEMS):
        answer = api.get(path, params={"colour": "red"})
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidParameterValue"), path
        assert "colour" in answer.json()["description"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/collections/nowhere", "/collections/nowhere/schema", "/static/no.css", "/map/x"]
)
def test_paths_that_lead_nowhere_are_ogc_exceptions(api: TestClient, path: str) -> None:
    answer = api.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    assert answer.json()["code"] == "NotFound"


def test_the_unexpected_gets_a_neutral_text_and_an_id(
    live: tuple[TestClient, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    client, _ = live
    monkeypatch.setattr("carbonstore.collections.cells.read", broken)
    with caplog.at_level(logging.ERROR, "carbongrid"):
        answer = client.get(ITEMS)
    request_id = answer.headers["request-id"]
    assert (answer.status_code, answer.json()["code"]) == (500, "NoApplicableCode")
    assert request_id in answer.json()["description"]
    assert "hunter2" not in answer.text
    assert request_id in caplog.text
    assert "hunter2" in caplog.text


def test_every_answer_has_its_own_id(api: TestClient) -> None:
    assert len({api.get("/healthz").headers["request-id"] for _ in range(5)}) == 5


# -- bodies ----------------------------------------------------------------------------------------------------------


class Meter:
    """An app that reads its body to the end and counts."""

    def __init__(self) -> None:
        self.read = 0

    async def __call__(self, request: Request) -> Response:
        async for chunk in request.stream():
            self.read += len(chunk)
        return PlainTextResponse(str(self.read))


def metered(meter: Meter) -> Starlette:
    route = Route("/", meter.__call__, methods=["POST"])
    return Starlette(routes=[route], exception_handlers={CarbongridError: domain_error})


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    meter = Meter()
    client = TestClient(BodyLimit(metered(meter), 2**20))
    assert client.post("/", content=b"x" * 2**20).text == str(2**20)
    answer = client.post("/", content=b"x" * (2**20 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "ContentTooLarge")
    assert "1 MiB" in answer.json()["description"]
    assert meter.read == 2**20
    assert client.post("/", headers={"Content-Length": "many"}, content=b"").status_code == 413


def test_a_body_without_a_length_is_cut_off_at_the_limit() -> None:
    meter = Meter()
    client = TestClient(BodyLimit(metered(meter), 2**20))
    answer = client.post("/", content=(b"x" * 65536 for _ in range(64)))
    assert answer.status_code == 413
    assert meter.read <= 2**20


def test_the_server_has_the_limit(api: TestClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": str(91 * 2**20)}
    assert api.post("/processes/echo/execution", headers=headers, content=b"").status_code == 413


# -- editions --------------------------------------------------------------------------------------------------------


def publish(root: Path, year: int) -> str:
    inventory = toy_inventory(year)
    write(inventory, toy_publication(inventory), root)
    return edition.publish(root, "toy")


def test_another_year_shows_without_restart(live: tuple[TestClient, Path]) -> None:
    client, root = live
    before = client.get("/collections/toy-100m").json()
    assert before["extent"]["temporal"]["interval"][0][1] == "2022-12-31T23:59:59Z"
    tags = {path: client.get(path).headers["etag"] for path in CACHED[:-1]}
    assert client.get(f"{ITEMS}/{HOUSE}.2022").json()["properties"]["emission_buildings"] == 3.0
    publish(root, 2023)
    after = client.get("/collections/toy-100m").json()
    assert after["extent"]["temporal"]["interval"] == [["2023-01-01T00:00:00Z", "2023-12-31T23:59:59Z"]]
    assert after["title"].endswith("2023")
    for path, tag in tags.items():
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 200, path
    assert client.get(f"{ITEMS}/{HOUSE}.2023").json()["properties"]["emission_buildings"] == 1.5
    assert client.get(f"{ITEMS}/{HOUSE}.2022").status_code == 404
    assert client.get(f"{ITEMS}/{HOUSE}", follow_redirects=False).headers["location"].endswith(".2023")
    assert "2023" in client.get(f"{ITEMS}?f=html").text


def test_another_inventory_shows_without_restart(live: tuple[TestClient, Path]) -> None:
    client, root = live
    assert client.get("/collections/steppe-1km").status_code == 404
    toy_store(root, (2024,), id="steppe", epsg=32642)
    assert client.get("/collections/steppe-1km").status_code == 200
    assert client.get("/collections/steppe-1km/items").json()["numberMatched"] == 4
    assert "/collections/steppe-1km/items" in client.get("/openapi").json()["paths"]
    assert len(client.get("/collections").json()["collections"]) == 18


def test_pages_go_on_in_the_edition_they_began_in(live: tuple[TestClient, Path]) -> None:
    client, root = live
    first = client.get(f"{ITEMS}?limit=30&properties=year")
    publish(root, 2023)
    second = client.get(rels(first.json())["next"])
    assert second.headers["carbongrid-edition"] == first.headers["carbongrid-edition"]
    features = [*first.json()["features"], *second.json()["features"]]
    assert len(features) == 36
    assert {f["properties"]["year"] for f in features} == {2022}
    assert client.get(ITEMS).headers["carbongrid-edition"] != first.headers["carbongrid-edition"]


def test_editions_that_are_gone_or_malformed(live: tuple[TestClient, Path]) -> None:
    client, root = live
    old = client.get(ITEMS).headers["carbongrid-edition"]
    tile = "/collections/toy-100m/tiles/WebMercatorQuad/12/1601/3496"
    paths = [ITEMS, f"{ITEMS}/{HOUSE}.2022", tile]
    publish(root, 2023)
    publish(root, 2024)
    assert [client.get(path, params={"edition": old}).status_code for path in paths] == [200, 200, 200]
    edition.prune(root, "toy", 2)
    for path in paths:
        gone = client.get(path, params={"edition": old})
        assert (gone.status_code, gone.json()["code"]) == (410, "Gone")
        assert client.get(path, params={"edition": "0" * 16}).status_code == 410
        for malformed in ("x", "0" * 15, "G" * 16, "../" * 5 + "0", ""):
            assert client.get(path, params={"edition": malformed}).status_code == 400, malformed


def test_a_broken_inventory_takes_no_other_down(
    live: tuple[TestClient, Path], caplog: pytest.LogCaptureFixture
) -> None:
    _, root = live
    toy_store(root, (2024,), id="steppe", epsg=32642)
    release = Catalogue(root).snapshot().inventories["steppe"].releases[2024]
    (root / "releases" / release.id / "manifest.json").write_text("{}")
    catalogue._opened.cache_clear()
    stored.forget(root / "releases" / release.id)
    with caplog.at_level(logging.WARNING, "carbongrid"), TestClient(create_app(Settings(root, URL))) as fresh:
        assert fresh.get("/healthz").json() == {"status": "ok", "collections": 9, "faults": 1}
        assert fresh.get(ITEMS).status_code == 200
    assert "steppe is not served" in caplog.text


def test_a_state_that_cannot_be_served_leaves_the_one_before(
    live: tuple[TestClient, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client, root = live
    assert client.get(f"{ITEMS}?limit=1").status_code == 200
    monkeypatch.setattr("carbonserver.host.api_document", lambda *_: 1 / 0)
    publish(root, 2023)
    with caplog.at_level(logging.ERROR, "carbongrid"):
        years = [client.get(ITEMS).json()["features"][0]["properties"]["year"] for _ in range(3)]
    assert years == [2022] * 3
    assert caplog.text.count("cannot be served") == 1
    monkeypatch.undo()
    publish(root, 2024)
    assert client.get(ITEMS).json()["features"][0]["properties"]["year"] == 2024


def test_two_servers_in_one_process_do_not_mix(tmp_path: Path, api: TestClient) -> None:
    toy_store(tmp_path, (2031,), id="other")
    with TestClient(create_app(Settings(tmp_path, "http://other.example"))) as other:
        theirs = other.get("/collections").json()
        ours = api.get("/collections").json()
    assert {c["id"].split("-")[0] for c in theirs["collections"]} == {"other"}
    assert {c["id"].split("-")[0] for c in ours["collections"]} == {"toy", "steppe"}
    assert urlsplit(rels(theirs)["self"]).netloc == "other.example"
