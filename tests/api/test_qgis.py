# SPDX-License-Identifier: Apache-2.0
"""QGIS reads our layers: its own provider without windows, and what later versions send, replayed over HTTP."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pyproj import Transformer
from starlette.testclient import TestClient

from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.encode import geojson
from carbonstore.releases.catalogue import Catalogue
from tests.api.watched import Watched, watched
from tests.conftest import missing

PYTHON = Path("/usr/bin/python3")
PLUGINS = Path("/usr/lib/qgis/plugins")
"""Where the Debian packages python3-qgis and qgis-providers lie."""
BOX = (127.331, 36.511, 127.332, 36.513)
HISTORY = "toy-100m-history"

type Features = Mapping[str, dict[str, Any]]


@pytest.fixture(scope="module")
def live(cities: Path) -> Iterator[Watched]:
    with watched(cities) as app:
        yield app


@pytest.fixture(scope="module")
def qgis(live: Watched, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Read one layer with QGIS."""
    if not (PYTHON.exists() and PLUGINS.is_dir() and list(PLUGINS.glob("*wfs*"))):
        missing("QGIS (python3-qgis, qgis-providers)")

    home = str(tmp_path_factory.mktemp("qgis"))
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "QGIS_CUSTOM_CONFIG_PATH": home, "HOME": home}

    def read(collection: str, **asked: Any) -> dict[str, Any]:
        live.asked.clear()
        script = Path(__file__).with_name("qgis_reads.py")
        given = json.dumps([{"collection": collection, "page": 10, **asked}])
        command = [str(PYTHON), str(script), live.url]
        answer = subprocess.run(
            command, check=False, input=given, capture_output=True, text=True, timeout=180, env=environment
        )
        assert answer.returncode == 0, answer.stderr
        found: dict[str, Any] = json.loads(answer.stdout)[0]
        assert found["valid"], answer.stderr
        return found

    return read


@pytest.fixture(scope="module")
def released(cities: Path) -> Features:
    """Every record of both years, by id."""
    history = Catalogue(cities).snapshot().collections[HISTORY]
    return {f["id"]: f for f in geojson.feature_dicts(cells.read(history, CellQuery()))}


def three(records: Features) -> dict[str, list[Any]]:
    """What the script prints of each record."""
    names = ("year", "emission_total", "net")
    return {id: [f["properties"][n] for n in names] for id, f in records.items()}


def meets(feature: dict[str, Any]) -> bool:
    """Whether a cell's box meets BOX (cells of the toy lie almost straight)."""
    x, y = zip(*feature["geometry"]["coordinates"][0], strict=True)
    return bool(min(x) <= BOX[2] and max(x) >= BOX[0] and min(y) <= BOX[3] and max(y) >= BOX[1])


def test_every_page_of_a_layer(qgis: Callable[..., dict[str, Any]], live: Watched, released: Features) -> None:
    layer = qgis(HISTORY)
    assert layer["features"] == three(released)
    assert layer["crs"] == "EPSG:4326"
    assert {layer["fields"][n] for n in ("time_start", "time_end")} == {"Date"}
    assert (layer["fields"]["year"], layer["fields"]["net"]) == ("Integer", "Real")
    followed = [a.query["cursor"] for a in live.asked if "cursor" in a.query]
    assert len(set(followed)) == len(followed) == 7  # 72 records, ten a page


def test_a_rectangle_is_pushed_down(qgis: Callable[..., dict[str, Any]], live: Watched, released: Features) -> None:
    layer = qgis(HISTORY, box=BOX)
    assert layer["features"] == three({id: f for id, f in released.items() if meets(f)})
    assert len(layer["features"]) == 12
    boxes = [a.query["bbox"] for a in live.asked if "bbox" in a.query]
    assert boxes
    assert all([float(v) for v in box.split(",")] == pytest.approx(BOX) for box in boxes)


@pytest.mark.parametrize(
    ("where", "datetime", "years"),
    [
        ("\"time_start\" >= '2023-01-01'", "2023-01-01/9999-12-31T00:00:00Z", {2023}),
        ("\"time_end\" <= '2022-12-31'", "0000-01-01T00:00:00Z/2022-12-31", {2022}),
        ("\"time_start\" = '2022-01-01'", "2022-01-01", {2022}),
    ],
)
def test_times_are_pushed_down(
    qgis: Callable[..., dict[str, Any]], live: Watched, released: Features, where: str, datetime: str, years: set[int]
) -> None:
    layer = qgis(HISTORY, where=where)
    wanted = three({id: f for id, f in released.items() if f["properties"]["year"] in years})
    assert layer["features"] == wanted
    assert len(wanted) == 36
    assert {a.query["datetime"] for a in live.asked if "datetime" in a.query} == {datetime}


LATER: dict[str, Callable[[dict[str, Any]], bool]] = {
    '("emission_total" > 1)': lambda p: p["emission_total"] > 1,
    "(net > ( - (1)))": lambda p: p["net"] is not None and p["net"] > -1,
    "(status = 'ok')": lambda p: p["status"] == "ok",
    "(status <> 'ok')": lambda p: p["status"] != "ok",
    "status IN ('partial','missing')": lambda p: p["status"] in ("partial", "missing"),
    "status NOT IN ('partial','missing')": lambda p: p["status"] == "ok",
    "(missing LIKE '%forest%')": lambda p: "forest" in (p["missing"] or ""),
    "(status NOT LIKE 'part%')": lambda p: not p["status"].startswith("part"),
    "(CASEI(status) LIKE CASEI('OK'))": lambda p: p["status"] == "ok",
    '("absorption_forest" IS NULL)': lambda p: p["absorption_forest"] is None,
    '("absorption_forest" IS NOT NULL)': lambda p: p["absorption_forest"] is not None,
    "(NOT (synthetic = TRUE))": lambda p: not p["synthetic"],
    '"emission_total" BETWEEN 1.009 AND 1.01': lambda p: 1.009 <= p["emission_total"] <= 1.01,
    '"emission_total" NOT BETWEEN 0.5 AND 100': lambda p: p["emission_total"] < 0.5,
    "(\"time_start\" >= DATE('2023-01-01'))": lambda p: p["year"] == 2023,
    '(("emission_total" > 1) AND ("time_end" < DATE(\'2023-01-01\')))': lambda p: (
        p["emission_total"] > 1 and p["year"] == 2022
    ),
    '((("emission_total" - 1) * 2) >= 0.02)': lambda p: (p["emission_total"] - 1) * 2 >= 0.02,
}
"""Conditions as QGIS writes them since 3.32, and what they mean."""


@pytest.mark.parametrize("condition", LATER)
def test_conditions_of_later_versions(api: TestClient, released: Features, condition: str) -> None:
    sent = {"limit": "1000", "filter": condition, "filter-lang": "cql2-text"}
    answer = api.get(f"/collections/{HISTORY}/items", params=sent)
    assert answer.status_code == 200, answer.text
    wanted = {id for id, f in released.items() if LATER[condition](f["properties"])}
    assert {f["id"] for f in answer.json()["features"]} == wanted


@pytest.mark.parametrize("epsg", [None, 4326, 5179])
def test_shapes_of_later_versions(api: TestClient, released: Features, epsg: int | None) -> None:
    """A box and a point in the layer's CRS, axes as its authority has them."""
    to = Transformer.from_crs("OGC:CRS84", f"EPSG:{epsg}" if epsg else "OGC:CRS84")  # the authority's order
    x, y = to.transform(BOX[::2], BOX[1::2])
    lowest, highest = (min(x), min(y)), (max(x), max(y))
    crs = {"filter-crs": f"http://www.opengis.net/def/crs/EPSG/0/{epsg}"} if epsg else {}
    numbers = ",".join(map(repr, (*lowest, *highest)))
    inside = {id for id, f in released.items() if meets(f)}
    for condition, wanted in (
        (f"S_INTERSECTS(geometry,BBOX({numbers}))", inside),
        (f"S_INTERSECTS(geometry,POINT({x[0]!r} {y[0]!r}))", None),
    ):
        sent = {"limit": "1000", "filter": condition, "filter-lang": "cql2-text", **crs}
        answer = api.get(f"/collections/{HISTORY}/items", params=sent)
        assert answer.status_code == 200, answer.text
        found = {f["id"] for f in answer.json()["features"]}
        assert found == wanted if wanted else (len(found) == 2 and found < inside)
