# SPDX-License-Identifier: Apache-2.0
"""What estimate-region answers beside its totals, by HTTP over the toy city with its dongs: profile, report."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely
from shapely.geometry import mapping
from starlette.applications import Starlette
from starlette.testclient import TestClient

from carbonstore.releases.catalogue import Catalogue
from processes.web.routes import routes
from tests.toy import EAST, NORTH, SOUTH, WEST, on_earth
from tests.toy_units import CODE_1, toy_units_store
from tools import browser as tool

URL = "http://test.example"
WHOLE = mapping(on_earth(shapely.box(WEST - 50, SOUTH - 50, EAST + 50, NORTH + 50), 5179))
CUT = mapping(on_earth(shapely.Polygon([(-280, -150), (120, -90), (170, 330), (-240, 360)]), 5179))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    toy_units_store(root)
    return root


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(Catalogue(store), URL))) as opened:
        yield opened


def ask(
    client: TestClient, region: object, outputs: dict[str, Any], response: str = "document", **inputs: object
) -> Any:
    body = {"inputs": {"region": region, **inputs}, "outputs": outputs, "response": response}
    got = client.post("/processes/estimate-region/execution", content=orjson.dumps(body))
    assert got.status_code == 200, got.text
    return got.json() if response == "document" else got


# Profile


def test_profile_of_the_city(client: TestClient) -> None:
    made = ask(client, WHOLE, {"totals": {}, "profile": {}})
    [year] = made["profile"]["years"]
    assert year["shares"]["sector"] == {"buildings": round(2509 / 11559, 6), "transport": round(9050 / 11559, 6)}
    assert year["shares"]["scope"] == {"1": round((500 + 9050) / 11559, 6), "2": round(2009 / 11559, 6)}
    assert sum(year["shares"]["use"].values()) == pytest.approx(1, abs=1e-5)
    area = made["totals"]["area_m2"] / 1e6
    assert year["per_km2_kg"]["emission_total"] == pytest.approx(11559 / area, abs=0.1)
    trend = made["profile"]["trend"]
    assert [(y["year"], y["kg"]["net"]) for y in trend["years"]] == [(2022, 2 * 8558), (2023, 8558)]
    assert trend["change"]["net"] == {"kg": -8558, "share": -0.5}


def test_profile_names_the_unit_around(client: TestClient) -> None:
    small = mapping(on_earth(shapely.box(-250, 0, -150, 100), 5179))
    around = ask(client, small, {"profile": {}})["profile"]["surroundings"]
    assert (around["unit_level"], around["unit_code"], around["unit_name"]) == ("dong", CODE_1, "하나동")
    [year] = around["years"]
    published = ask(client, {"unit": CODE_1}, {"totals": {}})["totals"]["years"][0]["kg"]
    own = ask(client, small, {"totals": {}})["totals"]["years"][0]["kg"]
    assert year["kg"] == {name: published[name] for name in year["kg"]}
    assert year["share_of_unit"]["emission_total"] == round(own["emission_total"] / published["emission_total"], 6)
    assert ask(client, WHOLE, {"profile": {}})["profile"]["surroundings"] is None


def test_profile_of_a_unit_and_of_nothing_emitted(client: TestClient) -> None:
    unit = ask(client, {"unit": CODE_1}, {"profile": {}})["profile"]
    assert [y["year"] for y in unit["trend"]["years"]] == [2022, 2023]
    nothing = ask(client, CUT, {"profile": {}}, sectors=["forest"])["profile"]["years"][0]
    assert nothing["shares"] == {"sector": {}, "scope": {}, "use": {}}


# Report


class Outline(HTMLParser):
    """What of a page a reader's program would load, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(v) for k, v in attrs if k in ("src", "srcset") or (tag == "link" and k == "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_report_says_what_the_totals_say(client: TestClient) -> None:
    made = ask(client, CUT, {"totals": {}, "report": {}}, language="en")
    page, kg = Outline(made["report"]), made["totals"]["years"][0]["kg"]
    for figure in ("emission_total", "absorption_forest", "net"):
        assert f"{kg[figure] / 1000:,.1f}" in page.text
        assert f"± {kg[f'{figure}_u95'] / 1000:,.1f}" in page.text
    assert "Synthetic data" in page.text
    assert made["totals"]["edition"] in page.text
    assert "CC0-1.0" in page.text
    assert {"svg", "rect", "table", "style"} <= set(page.tags)
    assert page.tags.count("rect") == 2 * 3, "two years of emissions, absorption and net"


def test_the_report_stands_alone_in_both_languages(client: TestClient) -> None:
    korean = ask(client, CUT, {"report": {}}, "raw")
    assert korean.headers["content-type"] == "text/html; charset=utf-8"
    page = Outline(korean.text)
    assert "합성 자료" in page.text
    assert "지역 탄소 보고서" in page.text
    assert (page.loads, "script" in page.tags) == ([], False)
    assert '<html lang="ko">' in korean.text
    assert '<html lang="en">' in ask(client, CUT, {"report": {}}, "raw", language="en").text


def test_all_outputs_come_where_none_is_named(client: TestClient) -> None:
    body = {"inputs": {"region": CUT}, "response": "document"}
    got = client.post("/processes/estimate-region/execution", content=orjson.dumps(body)).json()
    assert list(got) == ["totals", "profile", "cells", "report"]


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_report_is_one_page_of_a4(client: TestClient, chromium: str, language: str) -> None:
    """With two years, their chart and the unit around; nothing is wider than the paper."""
    small = mapping(on_earth(shapely.box(-250, 0, -150, 100), 5179))
    made = ask(client, small, {"report": {}}, "raw", language=language).text
    assert CODE_1 in made
    with tool.chromium(chromium) as browser:
        page = browser.new_page(viewport={"width": 695, "height": 1039})  # A4 less its margins, in CSS pixels
        page.emulate_media(media="print")
        page.set_content(made)
        chart = page.locator("svg").bounding_box()
        width = page.evaluate("document.documentElement.scrollWidth")
        pages = re.findall(rb"/Type\s*/Page\b", page.pdf(prefer_css_page_size=True))
    assert chart is not None
    assert chart["width"] > 250
    assert (width, len(pages)) == (695, 1)
