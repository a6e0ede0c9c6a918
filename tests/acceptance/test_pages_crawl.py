# SPDX-License-Identifier: Apache-2.0
"""Every HTML page in a real browser for which no other host exists: nothing fails, nothing is asked of anybody else."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from carbonserver.app import create_app
from carbonserver.settings import Settings
from tests.toy_units import toy_units_store
from tools import browser as tool

SMALL = {"width": 900, "height": 700}
MAP = re.compile(r"/map\b(?!/)")
ALIKE = re.compile(r"/collections/toy-(nation|sido|sigungu|dong-history)\b")
"""Pages of units like those of legal dongs, which are visited."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("toy")
    toy_units_store(root, (2023,))
    port = tool.free_port()
    url = f"http://localhost:{port}"
    with tool.serving(create_app(Settings(root, url, port)), port):
        yield url


def kind(address: str) -> str:
    """Addresses that one template answers for one collection."""
    return re.sub(r"/items/[^?]+|cursor=[^&]+", "…", address)


def test_every_page_loads_with_all_other_hosts_blocked(chrome: Browser, site: str) -> None:
    """The map page has its own tests; documents that are no pages are only asked for."""
    seen = tool.visit(chrome, f"{site}/?lang=en", viewport=SMALL, locale="en-US")
    page, waiting, known, titles = seen.page, [f"{site}/?lang=en"], {kind(f"{site}/?lang=en")}, set[str]()
    while waiting:
        answer = page.goto(waiting.pop())
        assert answer is not None
        assert answer.status == 200, answer.url
        page.evaluate("window.ready")
        titles.add(page.title())
        hrefs: list[str] = page.eval_on_selector_all("a[href]:not([hreflang])", "all => all.map(a => a.href)")
        for href in hrefs:
            if not href.startswith(site):
                assert href.startswith("https://creativecommons.org/"), href
            elif kind(href) not in known and "#" not in href and not MAP.search(href) and not ALIKE.search(href):
                known.add(kind(href))
                if re.search(r"f=(json|jsonld|tilejson|csv|parquet|fgb|gpkg)\b|f=mvt", href):
                    assert page.request.get(href).ok, href
                else:
                    waiting.append(href)
    foreign = [r for r in seen.requests if not r.startswith((f"{site}/", "data:", "blob:"))]
    page.context.close()
    assert (seen.complaints, foreign) == ([], [])
    assert len(titles) > 40


@pytest.mark.parametrize(("language", "words"), [("ko", "총배출량"), ("en", "Emissions in total")])
def test_a_record_is_drawn_and_read_in_the_readers_language(
    chrome: Browser, site: str, language: str, words: str
) -> None:
    seen = tool.visit(chrome, f"{site}/collections/toy-500m/items?lang={language}", viewport=SMALL)
    seen.page.locator("tbody a").first.click()
    seen.page.evaluate("window.ready")
    assert seen.page.locator("html").get_attribute("lang") == language
    assert seen.page.get_by_role("rowheader", name=words, exact=True).is_visible()
    drawn = seen.page.locator(".picture canvas").screenshot()
    assert len(set(drawn)) > 100, "a picture of one colour would be a few bytes of PNG"
    seen.page.locator("a[hreflang]:not([aria-current])").click()
    assert seen.page.locator("html").get_attribute("lang") == {"ko": "en", "en": "ko"}[language]
    assert seen.complaints == []
    seen.page.context.close()


def test_swagger_ui_shows_the_operations(chrome: Browser, site: str) -> None:
    seen = tool.visit(chrome, f"{site}/openapi?lang=en", viewport=SMALL)
    seen.page.locator("#operations-tag-processes").click()
    assert seen.page.get_by_text("/processes/estimate-region/execution").first.is_visible()
    assert seen.complaints == []
    seen.page.context.close()
