# SPDX-License-Identifier: Apache-2.0
"""Units and sources on the map page: drawn, coloured, opened and told as the API has them, in either language."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import shapely
from playwright.sync_api import Browser, expect

from carbonserver.app import create_app
from carbonserver.settings import Settings
from carbonserver.styles import Style
from tests.acceptance.test_map import SMALL, Site, number, press, visit
from tests.toy_units import CODE_1, CODE_2, toy_units_store
from tools import browser as tool
from tools.browser import Visit

SIZE = {
    "dong": ("area_m2", 10_000),
    "buildings": ("area_m2", 10_000),
    "roads": ("length_m", 100),
    "forests": ("area_m2", 10_000),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("units")
    toy_units_store(root)
    port = tool.free_port()
    url = f"http://localhost:{port}"
    with tool.serving(create_app(Settings(root, url, port)), port):
        yield Site(url)


def features(site: Site, collection: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.get(f"collections/{collection}/items?f=json&limit=100")["features"]
    return [f for f in found if f["geometry"]]


def inside(feature: dict[str, Any]) -> list[float]:
    point = shapely.geometry.shape(feature["geometry"]).representative_point()
    return [point.x, point.y]


def colour(feature: dict[str, Any], layer: str, style: Style) -> str:
    said, (size, hectare) = feature["properties"], SIZE[layer]
    value = said[style.figure]
    return style.ramp.color(None if value is None else value * hectare / said[size])


def choose_layer(seen: Visit, layer: str) -> None:
    seen.page.locator("select[name=layer]").select_option(layer)
    seen.settle()


@pytest.mark.parametrize(
    ("layer", "sector"), [("dong", "total"), ("dong", "net"), ("buildings", "buildings"), ("forests", "forest")]
)
def test_records_have_the_colours_of_their_densities(
    site: Site, chrome: Browser, opened: list[Visit], layer: str, sector: str
) -> None:
    seen = visit(chrome, opened, site.address(zoom=14.5, sector=sector), viewport=SMALL)
    choose_layer(seen, layer)
    records = features(site, f"toy-{layer}")
    assert seen.colors([inside(f) for f in records]) == [colour(f, layer, Style.named(sector)) for f in records]
    offered = seen.page.locator("#sectors input").evaluate_all("all => all.map(radio => radio.value)")
    assert offered == ([sector] if layer != "dong" else ["net", "total", "buildings", "transport", "forest"])


def test_an_older_year_of_units_is_drawn_from_the_history(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(zoom=14.5, layer="dong", sector="transport", year=2022), viewport=SMALL)
    span = "datetime=2022-01-01/2022-12-31"
    older = [f for f in site.get(f"collections/toy-dong-history/items?f=json&{span}")["features"] if f["geometry"]]
    style = Style.named("transport")
    assert seen.colors([inside(f) for f in older]) == [colour(f, "dong", style) for f in older]


def test_the_card_of_a_unit_says_what_the_api_says(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(zoom=14.5, layer="dong", sector="total"))
    unit = next(f for f in features(site, "toy-dong") if f["properties"]["unit_code"] == CODE_1)
    press(seen, inside(unit))
    card, said = seen.page.locator("#card"), unit["properties"]
    expect(card.locator("h2")).to_have_text("하나동")
    assert number(card.locator(".figure b").text_content()) == said["emission_total"]
    assert card.locator("[data-fact=quality]").text_content() == str(said["quality"])
    assert card.locator("[data-fact=code]").text_content() == CODE_1
    assert number(card.locator("[data-fact=coverage]").text_content()) == pytest.approx(said["coverage"], abs=5e-4)
    linked = httpx.get(card.locator("[data-link=json]").get_attribute("href") or "").raise_for_status().json()
    assert linked["properties"] == said
    assert httpx.get(card.locator("[data-link=about]").get_attribute("href") or "").status_code == 200


def test_the_years_of_a_unit_are_those_of_its_history(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(zoom=14.5, layer="dong", sector="transport", record=CODE_2))
    rows = site.get(f"collections/toy-dong-history/items?f=json&unit_code={CODE_2}")["features"]
    first, last = (row["properties"]["emission_transport"] for row in rows)
    chart = seen.page.locator("#card .trend")
    assert chart.locator("circle").count() == 2
    expect(chart.locator("svg")).to_have_attribute("aria-label", f"Transport. 2022: {first:g} ± 0; 2023: {last:g} ± 0")
    expect(chart.locator(".hint")).to_contain_text("2022 → 2023:")
    words = chart.locator(".hint").text_content() or ""
    assert number(words.split(": ")[1].split(" ")[0].removeprefix("+")) == pytest.approx(last - first, abs=6e-4)


def test_the_card_of_a_building_says_what_it_rests_on(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(zoom=15, layer="buildings", lang="ko"))
    shop = next(f for f in features(site, "toy-buildings") if f["properties"]["id"] == "shop")
    press(seen, inside(shop))
    card, said = seen.page.locator("#card"), shop["properties"]
    expect(card.locator("h2")).to_have_text("shop")
    assert number(card.locator(".figure b").text_content()) == said["emission_buildings"]
    assert card.locator("[data-fact=imputed]").text_content() == ("예" if said["imputed"] else "아니요")
    assert seen.page.locator("#synthetic").is_visible()


def test_a_road_is_hit_a_little_beside_it(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    seen = visit(chrome, opened, site.address(zoom=15, layer="roads"))
    road = features(site, "toy-roads")[0]
    line = shapely.geometry.shape(road["geometry"])
    point = line.interpolate(0.4, normalized=True)
    at = seen.page.evaluate(
        "point => { const p = carbongrid.map.project(point); return [p.x, p.y]; }", [point.x, point.y]
    )
    seen.page.mouse.click(at[0] + 2, at[1] + 3)
    seen.settle()
    expect(seen.page.locator("[data-fact=code]")).to_have_text(road["properties"]["id"])
    expect(seen.page.locator("#legend")).to_contain_text("strip 100 m wide")


def test_a_layer_that_is_drawn_from_nearer_says_so_and_goes_there(
    site: Site, chrome: Browser, opened: list[Visit]
) -> None:
    seen = visit(chrome, opened, site.address(zoom=9, layer="buildings"))
    seen.page.locator("#legend button").click()
    seen.page.wait_for_function("carbongrid.map.getZoom() === 13")
    expect(seen.page.locator("#legend button")).to_have_count(0)


def test_keys_alone_reach_a_unit_and_the_table_lists_them(site: Site, chrome: Browser, opened: list[Visit]) -> None:
    unit = next(f for f in features(site, "toy-dong") if f["properties"]["unit_code"] == CODE_2)
    lon, lat = inside(unit)
    narrow = {"width": 390, "height": 780}
    address = f"{site.url}/map?inventory=toy&layer=dong&sector=total&lang=en#map=14.5/{lat}/{lon}"
    seen = visit(chrome, opened, address, viewport=narrow)
    seen.page.locator("#map canvas").focus()
    seen.page.keyboard.press("Enter")
    expect(seen.page.locator("[data-fact=code]")).to_have_text(CODE_2)
    seen.page.locator("#table summary").click()
    dense = sorted(features(site, "toy-dong"), key=lambda f: -f["properties"]["emission_total_per_ha"])
    names = [f["properties"]["unit_name"] for f in dense]
    listed = seen.page.locator("#table tbody tr button").all_text_contents()
    assert listed == [name for name in names if name in listed] != []
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= narrow["width"]
