# SPDX-License-Identifier: Apache-2.0
"""CQL2 over HTTP and through stock pygeoapi: GET, POST, pages, CRS, refusals, and the same features at both doors."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pygeoapi.api import itemtypes
from pygeoapi.provider.base import ProviderGenericError
from starlette.testclient import TestClient

from carbon_provider import cql2
from carbon_provider.features import CarbonGridProvider
from carbonstore.releases.catalogue import Catalogue
from tests.cql2_trees import Trees

ITEMS = "/collections/toy-100m/items"
HISTORY = "/collections/toy-100m-history/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
MIDDLE = "S_INTERSECTS(geometry, POINT(1835050 985050))"
"""The middle of the cell (0, 0), northing first."""


def ids(document: dict[str, Any]) -> list[str]:
    return [f["id"] for f in document["features"]]


def ask(api: TestClient, path: str = ITEMS, **params: str) -> dict[str, Any]:
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# Text, and what stock pygeoapi's own parsers made of it: conformance 5.6.
CASES = {
    "year = 2022 OR year = 2023 AND status = 'ok'": 59,  # not 46: AND binds tighter
    "NOT (status = 'ok' OR year = 2022)": 13,  # crashed
    "missing = ''": 0,  # crashed
    "-net > 0.7 AND year = 2023": 4,  # crashed
    "status LIKE 'p_rtial' AND year = 2023": 13,  # single character was '.'
    "T_INTERSECTS(time_start, INTERVAL('2022-01-01', '2022-12-31'))": 36,  # was TimeOverlaps
    "T_AFTER(time_start, TIMESTAMP('2022-06-01T00:00:00Z'))": 36,  # crashed
    "S_INTERSECTS(geometry, BBOX(127.0, 36.0, 128.0, 37.0))": 72,  # was a function
    "absorption_forest <= 0 OR NOT absorption_forest <= 0": 60,  # nulls were kept by NOT
    '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[127.0,36.0,128.0,37.0]}]}': 72,  # x 127-36
    '{"op":"between","args":[{"property":"year"},2022,2022]}': 36,  # crashed
}


@pytest.mark.parametrize(("text", "count"), CASES.items())
def test_what_pygeofilters_parsers_get_wrong_is_right_at_both_doors(
    api: TestClient, stock: Any, text: str, count: int
) -> None:
    lang = "cql2-json" if text.startswith("{") else "cql2-text"
    params = {"filter": text, "filter-lang": lang, "limit": "100"}
    raw = ask(api, HISTORY, **params)
    status, _, document = stock("toy-100m-history", **params)
    assert (status, raw["numberMatched"], document["numberMatched"]) == (200, count, count)
    assert document["features"] == raw["features"]
    assert raw["numberReturned"] == count


def test_random_filters_give_the_same_features_at_both_doors(api: TestClient, stock: Any, cities: Path) -> None:
    history = Catalogue(cities).snapshot().collections["toy-100m-history"]
    trees = Trees(seed=9, box=history.bbox)
    for _ in range(120):
        text = trees.tree().text
        params = {"filter": text, "properties": "cell_id", "skipGeometry": "true", "limit": "100"}
        raw, (status, _, document) = ask(api, HISTORY, **params), stock("toy-100m-history", **params)
        assert status == 200, text
        assert ids(document) == ids(raw), text
        assert document["numberMatched"] == raw["numberMatched"] == len(ids(raw)), text


@pytest.mark.parametrize("text", [MIDDLE, "S_INTERSECTS(geometry, BBOX(1835001, 985001, 1835099, 985099))"])
def test_filter_crs_says_where_a_geometry_lies(api: TestClient, stock: Any, text: str) -> None:
    params = {"filter": text, "filter-crs": f"{EPSG}5179", "crs": f"{EPSG}5179"}
    raw, (status, _, document) = ask(api, **params), stock("toy-100m", **params)
    assert status == 200
    assert ids(raw) == ids(document) == ["CRS5179RES100mN1835000E985000.2023"]
    assert raw["features"][0]["geometry"]["coordinates"][0][0] == [1835000.0, 985000.0]


def test_a_filter_goes_with_every_other_parameter(api: TestClient) -> None:
    text = "emission_transport > 0"
    assert ask(api, HISTORY, filter=text)["numberMatched"] == 20
    assert ask(api, HISTORY, filter=text, datetime="2022-01-01/..", status="ok")["numberMatched"] == 6
    assert ask(api, filter=text, resulttype="hits")["numberMatched"] == 10
    best = ask(api, filter=text, sortby="-net", limit="1", properties="net")
    assert best["features"][0]["properties"] == {"net": 2.41}


def test_next_keeps_the_filter_and_pages_add_up(api: TestClient) -> None:
    address, seen = f"{HISTORY}?filter=emission_transport%3E0%20AND%20net%20%3C%202&limit=6", []
    while address:
        document = api.get(address).json()
        assert document["numberMatched"] == 10  # nine of 2023 but the house, and one of 2022
        seen += ids(document)
        address = next((link["href"] for link in document["links"] if link["rel"] == "next"), "")
    assert len(set(seen)) == len(seen) == 10


def test_a_filter_may_be_posted_and_its_pages_are_addresses(api: TestClient) -> None:
    body = {"op": ">", "args": [{"property": "emission_transport"}, 0]}
    answer = api.post(f"{ITEMS}?limit=4&sortby=-net", json=body)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["cache-control"] == "no-store"
    assert "etag" not in answer.headers
    found = answer.json()
    assert (found["numberMatched"], found["numberReturned"]) == (10, 4)
    following = next(link["href"] for link in found["links"] if link["rel"] == "next")
    assert json.loads(parse_qs(urlsplit(following).query)["filter"][0]) == body
    assert set(ids(found)).isdisjoint(ids(api.get(following).json()))
    text = api.post(f"{ITEMS}?filter-lang=cql2-text", content=b"emission_transport > 0")
    assert text.json()["numberMatched"] == 10


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[1]", b'{"op":"="}', b'{"type":"Feature"}'])
def test_a_body_that_is_no_filter_is_refused(api: TestClient, body: bytes) -> None:
    answer = api.post(ITEMS, content=body)
    assert answer.status_code == 400
    assert answer.json()["where"] == "filter"


def test_the_body_of_stock_is_read_alike(stock: Any) -> None:
    body = json.dumps({"op": "between", "args": [{"property": "absorption_forest"}, 0, 0]}).encode()
    assert stock("toy-100m", body=body)[2]["numberMatched"] == 26


REFUSED = {
    "nett > 1": "did you mean 'net'",
    "status > 5": "text with number",
    "distance(net) > 1": "'distance'",
    "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 1 0, 0 1, 0 0)))": "Self-intersection",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items())
def test_both_doors_name_what_is_wrong(api: TestClient, stock: Any, text: str, reason: str) -> None:
    answer = api.get(ITEMS, params={"filter": text})
    assert (answer.status_code, answer.json()["where"]) == (400, "filter")
    status, _, document = stock("toy-100m", filter=text)
    assert status == 400
    assert reason in answer.json()["description"]
    assert reason in document["description"]


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"filter": "net >"}, "filter"),
        ({"filter": "net > 1", "filter-lang": "cql"}, "filter-lang"),
        ({"filter": "net > 1", "filter-crs": f"{EPSG}32633"}, "filter-crs"),
        ({"filter-crs": f"{EPSG}4326"}, "filter-crs"),
        ({"filter": "(" * 3_000 + "net = 1" + ")" * 3_000}, "filter"),
    ],
)
def test_what_goes_round_the_filter_is_checked(api: TestClient, params: dict[str, str], where: str) -> None:
    answer = api.get(ITEMS, params=params)
    assert (answer.status_code, answer.json()["where"]) == (400, where)


def test_stock_refuses_what_the_raw_door_refuses(stock: Any) -> None:
    assert stock("toy-100m", filter="net >")[0] == 400
    status, _, document = stock("toy-100m", **{"filter": "net > 1", "filter-crs": f"{EPSG}32633"})
    assert (status, "filter-crs" in document["description"]) == (400, True)


def test_html_of_a_filter_holds_what_it_found(api: TestClient) -> None:
    found = api.get(ITEMS, params={"filter": "status = 'ok' AND emission_total > 1", "f": "html"})
    assert found.status_code == 200
    expected = ids(ask(api, filter="status = 'ok' AND emission_total > 1"))
    assert expected
    assert all(name in found.text for name in expected)
    assert api.get(ITEMS, params={"filter": "nett > 1", "f": "html"}).status_code == 400


def test_the_provider_replaces_pygeoapis_parsers(cities: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract of the shim: the names exist, and a pygeoapi without them is refused, not answered wrongly."""
    assert all(getattr(itemtypes, name).__module__.startswith("carbon") for name in cql2.NAMES)
    monkeypatch.delattr(itemtypes, "parse_cql2_text")
    with pytest.raises(RuntimeError, match="parse_cql2_text"):
        cql2.install()
    provider = CarbonGridProvider({"name": "x", "type": "feature", "data": str(cities), "collection": "toy-100m"})
    with pytest.raises(ProviderGenericError, match="nett"):
        provider.query(filterq=cql2.parse("nett > 1"))


def test_sortables_are_the_properties_that_sortby_takes(api: TestClient) -> None:
    answer = api.get("/collections/toy-100m/sortables", headers={"Accept-Language": "en"})
    assert answer.headers["content-type"] == "application/schema+json"
    document = answer.json()
    assert document["additionalProperties"] is False
    assert "geometry" not in document["properties"]
    assert document["properties"]["net"]["x-ogc-unit"] == "t{CO2e}/a"
    for name in document["properties"]:
        assert api.get(ITEMS, params={"sortby": f"-{name}", "limit": "1"}).status_code == 200, name
    links = api.get("/collections/toy-100m?f=json").json()["links"]
    sortables = "http://www.opengis.net/def/rel/ogc/1.0/sortables"
    assert [x["href"] for x in links if x["rel"] == sortables] == [f"{api.base_url}/collections/toy-100m/sortables"]


def test_every_queryable_can_be_filtered_by_and_nothing_else(api: TestClient) -> None:
    document = api.get("/collections/toy-100m/queryables?f=json").json()
    assert document["additionalProperties"] is False
    for name in document["properties"]:
        assert ask(api, filter=f"{name} IS NULL OR {name} IS NOT NULL")["numberMatched"] == 36, name


def test_the_classes_that_clients_look_for_are_declared(api: TestClient) -> None:
    """QGIS pushes filters down where it finds these four; GDAL where it finds the first and the second."""
    declared = api.get("/conformance?f=json").json()["conformsTo"]
    spec = "http://www.opengis.net/spec"
    for name in ("ogcapi-features-3/1.0/conf/features-filter", "ogcapi-features-3/1.0/conf/filter"):
        assert f"{spec}/{name}" in declared
    for name in ("cql2-text", "cql2-json", "basic-cql2", "basic-spatial-functions", "temporal-functions"):
        assert f"{spec}/cql2/1.0/conf/{name}" in declared
    assert f"{spec}/cql2/1.0/conf/functions" not in declared
