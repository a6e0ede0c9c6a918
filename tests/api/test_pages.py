# SPDX-License-Identifier: Apache-2.0
"""HTML pages say what their JSON twins say, in two languages, escaped, and with nothing of another host in them."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
from jinja2 import Environment, FileSystemLoader
from starlette.testclient import TestClient

from carbonserver import html
from tests.api.conftest import URL
from tests.toy import toy_cell

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CELL = f"/collections/toy-100m/items/{toy_cell(-100, -100)}.2023"
PAGES = (
    "/",
    "/openapi",
    "/conformance",
    "/collections",
    "/collections/toy-100m",
    "/collections/toy-100m/schema",
    "/collections/toy-100m/queryables",
    "/collections/toy-100m/sortables",
    "/collections/toy-100m/items",
    CELL,
    "/collections/toy-100m/tiles",
    "/collections/toy-100m/tiles/WebMercatorQuad",
    "/tiles",
    "/tiles/WebMercatorQuad",
    "/tileMatrixSets",
    "/tileMatrixSets/KR5179",
    "/tileMatrixSets/WebMercatorQuad",
    "/processes",
    "/processes/estimate-region",
)


class Seen(HTMLParser):
    """What a page holds: (tag, attributes) of every element, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_stays_on_its_server(api: TestClient, path: str, language: str) -> None:
    answer = api.get(path, params={"lang": language}, headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"] == html.SECURITY["Content-Security-Policy"]
    assert answer.headers["etag"]
    page = Seen(answer.text)
    assert page.all("html") == [{"lang": language}]
    assert [tag for tag, _ in page.tags].count("h1") == [tag for tag, _ in page.tags].count("title") == 1
    assert all(cell.get("scope") in ("col", "row") for cell in page.all("th"))
    assert {a.get("lang") for a in page.all("a") if "hreflang" in a} == {"ko", "en"}
    assert bool(re.search("[가-힣]{2,}", answer.text.partition("<main")[0].replace("한국어", ""))) is (language == "ko")
    sources = [a.get("src") for t in ("script", "img") for a in page.all(t)] + [a["href"] for a in page.all("link")]
    assert all(s is None or s.startswith("/static/") for s in sources), "a path, so that any host name works"
    assert not any("style" in a or any(k.startswith("on") for k in a) for _, a in page.tags), "the policy forbids it"
    scripts = re.findall(r"<script(?![^>]*src=)([^>]*)>", answer.text)
    assert all("application/geo+json" in s for s in scripts), "data, never code"


def test_figures_are_those_of_the_json_with_units(api: TestClient) -> None:
    record = api.get(CELL).json()["properties"]
    page = Seen(api.get(CELL, params={"lang": "en"}, headers=HTML).text)
    assert record["emission_total"] > 0
    for name in ("emission_total", "emission_buildings", "absorption_forest_u95"):
        assert f"{record[name]:,.3f}" in page.words
    assert "Emissions in total" in page.words
    assert "tCO₂e/yr" in page.words
    assert "Synthetic data" in page.words
    assert "Carbongrid toy city (CC0-1.0)" in page.words
    korean = Seen(api.get(CELL, params={"lang": "ko"}, headers=HTML).text).words
    assert "총배출량" in korean
    assert "tCO₂e/년" in korean
    assert "합성 자료" in korean


def test_null_is_said_and_is_not_zero(api: TestClient) -> None:
    features = api.get("/collections/toy-100m/items").json()["features"]
    unknown = next(f for f in features if f["properties"]["absorption_forest"] is None)
    page = Seen(api.get(f"/collections/toy-100m/items/{unknown['id']}", params={"lang": "en"}, headers=HTML).text)
    assert "no data" in page.words


def test_items_are_paged_for_people_and_keep_the_query(api: TestClient) -> None:
    first = api.get("/collections/toy-100m-history/items?lang=en&status=ok", headers=HTML)
    assert len(Seen(first.text).all("tr")) == 1 + min(
        50, api.get("/collections/toy-100m-history/items?status=ok").json()["numberMatched"]
    )
    page = Seen(api.get("/collections/toy-100m/items?lang=en&limit=5&sortby=-net", headers=HTML).text)
    following = next(a["href"] for a in page.all("a") if a.get("rel") == "next")
    assert following is not None
    assert following.startswith("/collections/toy-100m/items?edition=")
    assert "sortby=-net" in following
    shown = Seen(api.get(following, headers=HTML).text)
    ids = [f["id"] for f in api.get("/collections/toy-100m/items?limit=5&sortby=-net&offset=5").json()["features"]]
    assert [
        f"{a['href']}".rsplit("/", 1)[1].partition("?")[0] for a in shown.all("a") if "/items/CRS" in f"{a['href']}"
    ] == ids
    switch = next(a["href"] for a in page.all("a") if a.get("hreflang") == "ko")
    assert switch == "?limit=5&sortby=-net&lang=ko"


def test_every_link_of_every_page_answers(api: TestClient) -> None:
    """The whole site, from the landing page on; addresses of one kind (records, queries) are followed twice."""
    waiting, seen, kinds = ["/?lang=en"], set[str](), dict[str, int]()
    while waiting:
        path = waiting.pop()
        answer = api.get(path, headers=HTML)
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        for anchor in Seen(answer.text).all("a"):
            href = anchor["href"] or ""
            if href.startswith(("#", "?")) or (anchor.get("rel") == "license external"):
                continue
            href = urljoin(path, href)
            assert href.startswith("/"), (path, href)
            kind = re.sub(r"/items/[^?]+|cursor=[^&]+|offset=\d+", "…", href)
            if href not in seen and kinds.get(kind, 0) < 2:
                kinds[kind] = kinds.get(kind, 0) + 1
                seen.add(href)
                waiting.append(href)
    assert len(seen) > 100
    assert any("/items/" in path for path in seen)


def test_text_of_data_never_becomes_markup() -> None:
    """A title, an id or an attribute may hold anything."""
    evil = '"><script>alert(1)</script>&'
    config = {
        "server": {"url": URL, "api_rules": {"api_version": "1"}},
        "metadata": {
            "identification": {"title": evil, "description": evil, "keywords": [evil]},
            "license": {"name": evil, "url": URL},
        },
        "carbongrid": {"ours": True, "fields": {}},
        "resources": {
            "x": {
                "type": "collection",
                "title": {"ko": evil, "en": evil},
                "extents": {"spatial": {"bbox": [0, 0, 1, 1]}, "temporal": {"begin": 2023, "end": 2024}},
            }
        },
    }
    feature = {"id": evil, "geometry": {"type": "Point", "coordinates": [0, 0]}, "properties": {evil: evil}}
    links = [
        {"rel": r, "type": evil, "title": evil, "href": f"{URL}/collections/x?{evil}"}
        for r in ("collection", "next", "self")
    ]
    for template, document in (
        ("collections/items/index.html", {"features": [feature], "numberMatched": 1, "links": links}),
        ("collections/items/item.html", feature | {"links": links}),
        ("landing_page.html", {"links": links}),
    ):
        made = html.page(config, template, document, "en", {"q": evil}).decode()
        assert "<script>alert" not in made
        assert "alert(1)" in made


def test_pages_speak_both_languages_completely() -> None:
    texts = (
        Environment(loader=FileSystemLoader(html.TEMPLATES), autoescape=True).get_template("_text.html").module.texts
    )  # type: ignore[attr-defined]
    assert texts["ko"].keys() == texts["en"].keys()
    assert not set(texts["ko"]) & set(dir(dict)), "t.items would be the method of a dict"
    sources = {p: p.read_text() for p in Path(html.TEMPLATES).rglob("*.html") if p.name != "_text.html"}
    asked = {word for text in sources.values() for word in re.findall(r"\bt\.(\w+)", text)} - {"get"}
    assert len(asked) > 60
    assert asked <= texts["ko"].keys()
    for path, text in sources.items():
        assert not re.search(r"https?://(?!www\.opengis\.net)", text), path
        assert not re.search("[가-힣]", text.replace("한국어", "").replace('"합성"', "")), (
            f"{path}: words belong in _text.html"
        )


def test_the_list_says_a_sentence_and_keeps_the_rest(api: TestClient) -> None:
    described = api.get("/collections/toy-100m?lang=en").json()["description"]
    first, stop, rest = described.partition(". ")
    page = api.get("/collections?lang=en", headers=HTML).text
    assert rest
    assert f"{first}{stop}<details><summary>More</summary>{rest}</details>".rstrip() in page


def test_a_published_title_shows_at_once(tmp_path: Path) -> None:
    """pygeoapi keeps the first configuration it translated; two servers of one process must not share it."""
    from carbonserver.app import create_app
    from carbonserver.settings import Settings
    from tests.toy import toy_store

    for name in ("first", "second"):
        toy_store(tmp_path / name, (2024,), id=name)
        with TestClient(create_app(Settings(tmp_path / name, URL)), base_url=URL) as client:
            page = client.get("/collections", headers=HTML).text
            assert f"{name}-100m" in page
            assert f"{name}-100m" in client.get("/", headers=HTML).text


@pytest.mark.parametrize(("collection", "layer"), [("toy-500m-history", "500m"), ("toy-roads", "roads")])
def test_a_collection_leads_to_its_layer_of_the_map(api: TestClient, collection: str, layer: str) -> None:
    page = Seen(api.get(f"/collections/{collection}?lang=en", headers=HTML).text)
    assert f"/map?inventory=toy&layer={layer}&lang=en" in [a["href"] for a in page.all("a")]
