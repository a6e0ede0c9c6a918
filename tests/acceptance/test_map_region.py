# SPDX-License-Identifier: Apache-2.0
"""Estimating a region on the map in a browser: drawn, uploaded, watched, cancelled; the card says what JSON says."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import geopandas
import httpx
import pytest
import shapely
from playwright.sync_api import Page, expect

from carbonserver.app import create_app
from carbonserver.settings import Settings
from processes.jobs.child import Site
from processes.jobs.engine import Engine
from processes.jobs.journal import Journal
from tests.toy import CORNERS, on_earth, toy_store
from tools import browser as tool

LATER = 60_000
"""Milliseconds: the first job waits for its worker to load."""


class Served(NamedTuple):
    url: str
    data: Path

    def totals(self, region: Any, **inputs: Any) -> Any:
        """What the process answers at once."""
        request = {"inputs": {"region": {"value": region}, **inputs}, "outputs": {"totals": {}}, "response": "document"}
        answer = httpx.post(f"{self.url}/processes/estimate-region/execution", json=request, timeout=60)
        return answer.raise_for_status().json()["totals"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    data, port = tmp_path_factory.mktemp("regions"), tool.free_port()
    toy_store(data)
    url = f"http://localhost:{port}"
    with tool.serving(create_app(Settings(data, url, port=port)), port):
        yield Served(url, data)


@contextmanager
def working(served: Served, processes: str = "processes.registry") -> Iterator[None]:
    """A worker beside the server."""
    stop = threading.Event()
    engine = Engine(Journal.open(served.data), Site(served.data, served.url, processes), 1)
    thread = threading.Thread(target=engine.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def page(served: Served, chromium: str) -> Iterator[Page]:
    """The map over the middle of the toy city; nothing may go wrong on it."""
    (lon, lat) = on_earth(shapely.Point(0, 0), 5179).coords[0][:2]
    with tool.chromium(chromium) as chrome:
        address = f"{served.url}/map?inventory=toy&sector=total&year=2022&lang=en#map=14/{lat:.5f}/{lon:.5f}"
        seen = tool.visit(chrome, address, viewport={"width": 1100, "height": 800}, locale="en-US")
        seen.page.locator("#region summary").click()
        yield seen.page
        seen.page.context.close()
    assert [c for c in seen.complaints if "400" not in c] == []


def at(page: Page, east: float, north: float) -> tuple[float, float]:
    """Where a place of the toy city is on the screen."""
    lng, lat = on_earth(shapely.Point(east, north), 5179).coords[0][:2]
    x, y = page.evaluate("p => { const at = carbongrid.map.project(p); return [at.x, at.y]; }", [lng, lat])
    return float(x), float(y)


def card(page: Page) -> int:
    """Kilograms on the card."""
    figure = page.locator("#estimate .figure")
    figure.wait_for(timeout=LATER)
    return int(figure.get_attribute("data-kg") or "")


def test_the_limits_stand_there_before_anything_is_sent(page: Page) -> None:
    expect(page.locator("#region-limits")).to_contain_text("up to 10 MiB")


def test_a_drawn_polygon_has_the_total_of_the_process(served: Served, page: Page) -> None:
    page.locator("#region-draw").click()
    for corner in ((-350, -350), (350, -350), (250, 300)):
        page.mouse.click(*at(page, *corner))
    expect(page.get_by_role("button", name="Close it")).to_be_enabled()
    page.mouse.dblclick(*at(page, -300, 250))
    with working(served):
        with page.expect_request("**/execution") as sent:
            page.get_by_role("button", name="Estimate").click()
        request = json.loads(sent.value.post_data or "")
        shown = card(page)
    region = request["inputs"]["region"]["value"]
    assert len(region["coordinates"][0]) == 5
    totals = served.totals(region, year=2022)
    kg = totals["years"][0]["kg"]
    assert shown == kg["emission_total"] > 0
    words = page.locator("#estimate").inner_text()
    assert f"{kg['emission_total'] / 1000:,.3f}".rstrip("0").rstrip(".") in words
    assert f"± {kg['emission_total_u95'] / 1000:,.3f}".rstrip("0").rstrip(".") in words.replace("\u00a0", " ")
    with page.expect_download() as got:
        page.locator("#estimate a[download='totals.json']").click()
    assert json.loads(Path(got.value.path()).read_text()) == totals
    with page.expect_popup() as opened:
        page.locator("#estimate a", has_text="report").click()
    expect(opened.value.locator("h1")).to_be_visible()
    with working(served), page.expect_download(timeout=LATER) as file:
        page.get_by_role("button", name="Download the cells").click()
    cells = geopandas.read_file(file.value.path())
    assert round(cells["emission_total"].sum() * 1000) == shown


def test_a_zipped_shapefile_in_metres_is_the_same_region(served: Served, page: Page, tmp_path: Path) -> None:
    east, north = CORNERS[5179]
    square = shapely.box(east - 330, north - 310, east + 290, north + 270)
    geopandas.GeoDataFrame({"id": [1]}, geometry=[square], crs="EPSG:5179").to_file(tmp_path / "r.shp")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for part in tmp_path.glob("r.*"):
            archive.write(part, part.name)
    file = {"name": "region.zip", "mimeType": "application/zip", "buffer": packed.getvalue()}
    page.locator("#region-file").set_input_files(file)  # type: ignore[arg-type]
    with working(served):
        page.get_by_role("button", name="Estimate").click()
        shown = card(page)
    same = geopandas.GeoSeries([square], crs="EPSG:5179").to_crs("OGC:CRS84").iloc[0]
    assert shown == served.totals(shapely.geometry.mapping(same), year=2022)["years"][0]["kg"]["emission_total"] > 0


def test_a_running_job_shows_its_progress_and_is_cancelled(served: Served, page: Page) -> None:
    region = shapely.geometry.mapping(on_earth(shapely.box(-300, -300, 300, 300), 5179))
    file = {"name": "r.geojson", "mimeType": "application/geo+json", "buffer": json.dumps(region).encode()}
    page.locator("#region-file").set_input_files(file)  # type: ignore[arg-type]
    with working(served, "tests.trials"):
        page.get_by_role("button", name="Estimate").click()
        page.get_by_text("slowly").wait_for(timeout=LATER)
        assert page.locator("#region progress").get_attribute("value") is not None
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("Cancelled.").wait_for()
        jobs, _ = Journal.open(served.data).listed("", limit=1, offset=0)
        assert jobs[0].status == "dismissed"
    assert page.locator("#estimate .figure").count() == 0


def test_a_refusal_is_told_in_the_servers_words(served: Served, page: Page) -> None:
    bow = {"type": "Polygon", "coordinates": [[[127, 36.5], [127.1, 36.6], [127.1, 36.5], [127, 36.6], [127, 36.5]]]}
    file = {"name": "bow.geojson", "mimeType": "application/geo+json", "buffer": json.dumps(bow).encode()}
    page.locator("#region-file").set_input_files(file)  # type: ignore[arg-type]
    with working(served):
        page.get_by_role("button", name="Estimate").click()
        page.locator("#region-work .refusal").wait_for(timeout=LATER)
    expect(page.locator("#region-work .refusal")).to_contain_text("crosses itself")
    expect(page.get_by_role("button", name="Estimate")).to_be_enabled()


def test_drawing_works_by_keyboard_alone(page: Page) -> None:
    page.locator("#region-draw").focus()
    page.keyboard.press("Enter")
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft"):
        page.keyboard.press("Enter")
        page.keyboard.press(key)
        page.evaluate("carbongrid.settled()")
    page.keyboard.press("Enter")
    page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Close it")).to_be_enabled()
    page.get_by_role("button", name="Close it").click()
    expect(page.get_by_text("The region is ready.")).to_be_visible()
