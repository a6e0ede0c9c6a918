# SPDX-License-Identifier: Apache-2.0
"""The map page in a real browser that can reach nothing but our server: what it draws and says is what the API says.

Two toy cities are published side by side, a synthetic one in Korea (2022, 2023) and one near Jizzakh (2024).
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Route, expect

from carbonserver.app import create_app
from carbonserver.settings import Settings
from carbonserver.styles import Style, hectares
from tests.toy import toy_cell, toy_store
from tools import browser as tool
from tools.browser import Visit

SMALL = {"width": 720, "height": 480}
"""A map drawn in software takes its time by the pixel."""
SECTORS = ("net", "total", "buildings", "transport", "forest")


CITIES = (
    ("sejong", 2022, "net"),
    ("sejong", 2023, "transport"),
    ("songpa", 2024, "buildings"),
    ("badhersfeld", 2024, "forest"),
)


class Site(NamedTuple):
    """A running server and the places of its cities in the map's address."""

    url: str

    def get(self, path: str) -> Any:
        """JSON of a path."""
        return httpx.get(f"{self.url}/{path}", follow_redirects=True).raise_for_status().json()

    def records(self, inventory: str, level: str, year: int) -> list[dict[str, Any]]:
        """All cells of a year as the API gives them."""
        span = f"{year}-01-01/{year}-12-31"
        answer = self.get(f"collections/{inventory}-{level}-history/items?f=json&limit=1000&datetime={span}")
        features: list[dict[str, Any]] = answer["features"]
        return features

    def middle(self, inventory: str) -> tuple[float, float]:
        """Longitude and latitude of the middle of an inventory."""
        found = next(i for i in self.get("map?f=json")["inventories"] if i["id"] == inventory)
        west, south, east, north = found["bbox"]
        return (west + east) / 2, (south + north) / 2

    def address(self, inventory: str = "toy", zoom: float = 15, **state: Any) -> str:
        """Address of the map over the middle of an inventory."""
        lon, lat = self.middle(inventory)
        query = "&".join(f"{k}={v}" for k, v in {"inventory": inventory, "lang": "en", **state}.items())
        return f"{self.url}/map?{query}#map={zoom}/{lat:.5f}/{lon:.5f}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("toys")
    toy_store(root)
    toy_store(root, (2024,), id="steppe", epsg=32642, synthetic=False)
    port = tool.free_port()
    url = f"http://localhost:{port}"
    with tool.serving(create_app(Settings(root, url, port)), port):
        yield Site(url)


def visit(chrome: Browser, opened: list[Visit], url: str, **context: Any) -> Visit:
    seen = tool.visit(chrome, url, **{"viewport": {"width": 960, "height": 640}, "locale": "ko-KR"} | context)
    opened.append(seen)
    seen.settle()
    return seen


def centre(feature: dict[str, Any]) -> list[float]:
    """Mean of the corners of a cell, CRS84."""
    ring = feature["geometry"]["coordinates"][0][:-1]
    return [sum(xy[i] for xy in ring) / len(ring) for i in (0, 1)]


def density(feature: dict[str, Any], figure: str, metres: int) -> float | None:
    value = feature["properties"][figure]
    return None if value is None else value / hectares(metres)


def choose_sector(seen: Visit, sector: str) -> None:
    seen.page.locator(f"input[name=sector][value={sector}]").check()
    seen.settle()


def choose_year(seen: Visit, year: int) -> None:
    seen.page.locator("select[name=year]").select_option(str(year))
    seen.settle()


def test_every_cell_has_the_colour_of_its_api_value(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(), viewport=SMALL)
    drawn: dict[tuple[str, int], list[str]] = {}
    for year in (2022, 2023):
        choose_year(seen, year)
        cells = site.records("toy", "100m", year)
        for sector in SECTORS:
            choose_sector(seen, sector)
            style = Style.named(sector)
            expected = [style.ramp.color(density(cell, style.figure, 100)) for cell in cells]
            drawn[sector, year] = seen.colors([centre(cell) for cell in cells])
            assert drawn[sector, year] == expected
    assert len(cells) == 36
    assert drawn["total", 2022] != drawn["total", 2023]
    assert {Style.named("forest").ramp.no_data} < set(drawn["forest", 2023])


def test_colours_one_can_check_by_eye(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    """House: 1.5 t on its hectare in 2023, 3 t in 2022. Forest is not covered in its row. Nothing stands east of it."""
    house = next(c for c in site.records("toy", "100m", 2023) if c["properties"]["cell_id"] == toy_cell(-300, -200))
    seen = visit(chrome, opened, site.address(sector="buildings", year=2023))
    assert seen.colors([centre(house)]) == ["#f2c75c"]  # from 1 to 3
    choose_year(seen, 2022)
    assert seen.colors([centre(house)]) == ["#e99d53"]  # from 3 to 10
    choose_sector(seen, "forest")
    assert seen.colors([centre(house)]) == ["#bcbcbc"]  # no data
    assert seen.colors([[127.0, 36.0]]) != ["#bcbcbc"]  # far outside: nothing is drawn


@pytest.mark.parametrize(
    ("inventory", "year", "sector"),
    [
        ("sejong", 2022, "net"),
        ("sejong", 2023, "transport"),
        ("songpa", 2024, "buildings"),
        ("badhersfeld", 2024, "forest"),
    ],
)
def test_cities_have_the_colours_of_their_api_values(
    server: str, chrome: Browser, opened: list[Visit], inventory: str, year: int, sector: str
) -> None:
    """Every cell of 100 m in view over the middle of a city."""
    city = Site(server)
    seen = visit(chrome, opened, city.address(inventory, zoom=13, sector=sector, year=year), viewport=SMALL)
    (west, south), (east, north) = seen.page.evaluate("carbongrid.map.getBounds().toArray()")
    span = f"datetime={year}-01-01/{year}-12-31&bbox={west},{south},{east},{north}"
    features = city.get(f"collections/{inventory}-100m-history/items?f=json&limit=10000&{span}")["features"]
    inside = [f for f in features if west < centre(f)[0] < east and south < centre(f)[1] < north]
    assert len(inside) > 500
    style = Style.named(sector)
    expected = [style.ramp.color(density(f, style.figure, 100)) for f in inside]
    assert len(set(expected)) >= 3
    assert seen.colors([centre(f) for f in inside]) == expected


@pytest.mark.parametrize(("zoom", "metres", "words"), [(12.2, 100, "100 m"), (11.2, 500, "500 m"), (9.2, 1000, "1 km")])
def test_level_follows_the_zoom(
    site: Site, chrome: Browser, opened: list[Visit], zoom: float, metres: int, words: str
) -> None:
    seen = visit(chrome, opened, site.address(zoom=zoom, sector="transport", year=2023))
    cells = site.records("toy", words.replace(" ", ""), 2023)
    style = Style.named("transport")
    expected = [style.ramp.color(density(cell, style.figure, metres)) for cell in cells]
    assert seen.colors([centre(cell) for cell in cells]) == expected
    expect(seen.page.locator("#legend")).to_contain_text(f"Grid of {words}")


def press(seen: Visit, point: list[float]) -> None:
    at = seen.page.evaluate("point => { const p = carbongrid.map.project(point); return [p.x, p.y]; }", point)
    seen.page.mouse.click(*at)
    seen.settle()


def number(text: str | None) -> float:
    return float((text or "").replace(",", "").replace("−", "-"))


def test_card_says_what_the_api_says(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    """The cell on the north road that the stand does not touch: 1 t of CO2 a year, half-width 0.1 t."""
    seen = visit(chrome, opened, site.address(sector="total", year=2023))
    (cell,) = (c for c in site.records("toy", "100m", 2023) if c["properties"]["cell_id"] == toy_cell(0, 200))
    press(seen, centre(cell))
    card, said = seen.page.locator("#card"), cell["properties"]
    value, half = said["emission_total"], said["emission_total_u95"]
    assert (value, half) == (1.0, 0.1)
    assert number(card.locator(".figure b").text_content()) == value
    expect(card.locator(".interval")).to_have_text("95 % interval 0.9 – 1.1 (± 0.1)")
    expect(card.locator(".density")).to_have_text("1 tCO₂e/ha/yr")
    facts = {key: card.locator(f"[data-fact={key}]").text_content() for key in ("code", "level", "quality", "area")}
    assert facts == {
        "code": said["cell_id"],
        "level": "100 m",
        "quality": str(said["quality"]),
        "area": f"{round(said['area_m2']):,} m²",
    }
    links = card.locator(".request a")
    record = f"/collections/toy-100m/items/{said['cell_id']}.2023"
    expect(links.first).to_have_text(f"GET {record}")
    linked = httpx.get(card.locator("[data-link=json]").get_attribute("href") or "").raise_for_status().json()
    assert urlsplit(links.first.get_attribute("href") or "").path == record
    assert linked["properties"] == said


def test_card_of_an_incomplete_cell_names_what_is_missing(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    """House: 1.5 t of buildings, 0.91 t of transport; forest is not covered."""
    seen = visit(chrome, opened, site.address(sector="forest", year=2023, record=toy_cell(-300, -200)))
    card = seen.page.locator("#card")
    expect(card.locator(".figure")).to_have_text("no data")
    expect(card.locator("[data-fact=status]")).to_have_text("partly estimated")
    expect(card.locator("[data-fact=missing]")).to_have_text("forest")
    rows = {r.split("\t")[0]: r.split("\t")[-1] for r in card.locator(".figures tr").all_inner_texts()}
    assert rows["Buildings"] == "1.5"
    assert rows["Total emission"].startswith("2.4 ±")
    assert rows["Forest absorption"] == "no data"


def test_an_older_year_is_asked_of_the_history(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(sector="buildings", year=2022, cell=toy_cell(-300, -200)))
    link = seen.page.locator("#card .request a").first
    assert number(seen.page.locator("#card .figure b").text_content()) == 3.0
    assert urlsplit(link.get_attribute("href") or "").path.startswith("/collections/toy-100m-history/items/")


def test_notes_are_in_sight(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(year=2023))
    expect(seen.page.locator("#synthetic")).to_be_visible()
    expect(seen.page.locator("#synthetic")).to_contain_text("Synthetic data: the values of Toy city")
    expect(seen.page.locator("#licences")).to_have_text("Carbongrid toy city (CC0-1.0)")
    expect(seen.page.locator("h1")).to_have_text("Net emission, Toy city 2023")
    expect(seen.page.locator("#legend")).to_contain_text("tCO₂e/ha/yr")
    expect(seen.page.locator("#legend")).to_contain_text("No data")


def test_choosing_an_inventory_goes_there(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(year=2023))
    seen.page.locator("select[name=inventory]").select_option("steppe")
    seen.settle()
    lon, lat = site.middle("steppe")
    bounds = seen.page.evaluate("carbongrid.map.getBounds().toArray()")
    assert bounds[0][0] < lon < bounds[1][0]
    assert bounds[0][1] < lat < bounds[1][1]
    expect(seen.page.locator("select[name=year]")).to_have_value("2024")
    expect(seen.page.locator("#synthetic")).to_be_hidden()
    cells = site.records("steppe", "100m", 2024)
    ramp = Style.named("net").ramp
    assert seen.colors([centre(c) for c in cells]) == [ramp.color(density(c, "net", 100)) for c in cells]


def test_an_address_restores_the_page(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    first = visit(chrome, opened, site.address(sector="transport", year=2022, lang="ko"))
    (cell,) = (c for c in site.records("toy", "100m", 2022) if c["properties"]["cell_id"] == toy_cell(0, 200))
    press(first, centre(cell))
    state = {k: v[0] for k, v in parse_qs(urlsplit(first.page.url).query).items()}
    assert state == {
        "inventory": "toy", "sector": "transport", "year": "2022", "lang": "ko", "record": toy_cell(0, 200),
        "layer": "grid",
    }  # fmt: skip
    second = visit(chrome, opened, first.page.url)
    for part in ("h1", "#card", "#legend"):
        assert second.page.locator(part).inner_text() == first.page.locator(part).inner_text()
    assert second.page.url == first.page.url


def test_language_switch_keeps_the_rest(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(sector="forest", year=2022, lang="ko"))
    expect(seen.page.locator("h1")).to_have_text("장난감 도시 2022년 산림 흡수")
    assert seen.page.evaluate("document.documentElement.lang") == "ko"
    before = urlsplit(seen.page.url).fragment
    seen.page.locator("#languages a[lang=en]").click()
    expect(seen.page.locator("h1")).to_have_text("Forest absorption, Toy city 2022")
    seen.page.evaluate("window.ready")
    assert urlsplit(seen.page.url).fragment == before


def test_keys_alone_reach_a_value(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    (cell,) = (c for c in site.records("toy", "100m", 2023) if c["properties"]["cell_id"] == toy_cell(0, 200))
    lon, lat = centre(cell)
    seen = visit(chrome, opened, f"{site.url}/map?inventory=toy&sector=total&lang=en#map=16/{lat}/{lon}")
    seen.page.locator("#map canvas").focus()
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("[data-fact=code]")).to_have_text(toy_cell(0, 200))
    expect(seen.page.locator("#announce")).to_have_text(re.compile(r"Total emission 1 tCO₂e/yr"))
    seen.settle()
    seen.page.keyboard.press("Escape")
    expect(seen.page.locator("#card")).to_have_text("Click the map for a value with its 95 % interval.")


def test_table_twin_lists_the_largest_cells_in_view(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(sector="total", year=2023))
    seen.page.locator("#table summary").click()
    rows = seen.page.locator("#table tbody tr")
    expect(rows).to_have_count(10)
    values = [number(text) for text in rows.locator("td:nth-child(2)").all_text_contents()]
    cells = [c["properties"]["emission_total"] for c in site.records("toy", "100m", 2023)]
    assert values == sorted((round(v, 1) for v in cells if v is not None), reverse=True)[:10]
    rows.first.locator("button").click()
    seen.settle()
    assert number(seen.page.locator("#card .figure b").text_content()) == 2.41  # house 1.5, road 0.9 + 0.01


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_contrast_is_enough(site: Site, chrome: Browser, opened: list[Visit], scheme: str) -> None:
    """WCAG 2.1, 1.4.3: at least 4.5 : 1 for the panel's words, in both colour schemes."""
    seen = visit(chrome, opened, site.address(year=2023), color_scheme=scheme)
    pairs = seen.page.evaluate(_COLOURS)
    assert len(pairs) >= 6
    assert [p for p in pairs if contrast(p[1], p[2]) < 4.5] == []


_COLOURS = """() => {
  const paper = getComputedStyle(document.querySelector('#panel')).backgroundColor;
  const chip = '#sectors label:nth-of-type(2) span';
  return ['h1', '.brand', '.pair span', chip, 'figcaption', '.ticks', '.hint', '#links a']
    .map(s => [s, getComputedStyle(document.querySelector(s)).color, paper]);
}"""


def contrast(a: str, b: str) -> float:
    """Contrast ratio of two CSS colours ``rgb(r, g, b)``."""
    light, dark = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    channels = [int(v) / 255 for v in re.findall(r"\d+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_without_the_library_the_page_says_so_in_both_languages(site: Site, chrome: Browser) -> None:
    page = chrome.new_context().new_page()

    def gone(route: Route) -> None:
        route.fulfill(status=404)

    page.route("**/vendor/**", gone)
    page.goto(f"{site.url}/map")
    page.evaluate("window.ready")
    message = page.locator("#message")
    expect(message).to_be_visible()
    expect(message).to_contain_text("지도 라이브러리(MapLibre)가 설치되지 않았습니다")
    expect(message).to_contain_text("The map library (MapLibre) is not installed")
    page.context.close()


def test_a_title_is_never_markup(site: Site, chrome: Browser) -> None:
    """An inventory's words come from a file that somebody else wrote."""
    page = chrome.new_context().new_page()
    twin = site.get("map?f=json")
    hostile = "<img src=x onerror=\"document.title='taken'\">"
    for inventory in twin["inventories"]:
        inventory["title"] = {"ko": hostile, "en": hostile}
        inventory["licences"] = [{"licence": hostile, "attribution": hostile}]
    page.route("**/map?f=json", lambda route: route.fulfill(json=twin))
    page.goto(site.address(year=2023))
    page.evaluate("window.ready")
    expect(page.locator("h1")).to_contain_text(hostile)
    expect(page.locator("#licences")).to_contain_text(hostile)
    assert page.locator("#panel img, #licences img, .plate img").count() == 0
    assert page.title().endswith("Carbongrid")
    page.context.close()
