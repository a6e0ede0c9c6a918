# SPDX-License-Identifier: Apache-2.0
"""OGC API - Features, parts 1 to 3 and Common 3: what CITE's features10 suite checks, and what lies beyond its letter.

Nothing is skipped for lack of a capability: the document has no free-form parameter, no remote reference, and every
items path declares ``limit``, ``bbox`` and ``datetime`` as the suite looks for them.
"""

import re
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import pytest
import shapely.geometry
from pyproj import Transformer
from starlette.testclient import TestClient

from carbongrid.sectors import FIGURE
from tests.toy import toy_cell

Json = dict[str, Any]
GEOJSON = "application/geo+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
ITEMS = "/collections/toy-100m-history/items"
CELL = f"{toy_cell(-100, -100)}.2023"


def collections(api: TestClient) -> list[str]:
    return [c["id"] for c in api.get("/collections").json()["collections"]]


def pages(api: TestClient, address: str) -> list[Json]:
    """The page of an address and all that its ``next`` links lead to."""
    found = [api.get(address).json()]
    while following := [link["href"] for link in found[-1]["links"] if link["rel"] == "next"]:
        found.append(api.get(following[0]).json())
    return found


# -- Part 1: Core ----------------------------------------------------------------------------------------------------


def test_features_1_core(api: TestClient) -> None:
    """Items of every collection: type, id, links with rel and type, timeStamp, exact numbers, CRS84 geometry."""
    for name in collections(api):
        answer = api.get(f"/collections/{name}/items", params={"limit": 7})
        page = answer.json()
        assert page["type"] == "FeatureCollection"
        assert page["numberReturned"] == len(page["features"]) <= 7
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", page["timeStamp"])
        links = {(link["rel"], link["type"]) for link in page["links"]}
        assert {("self", GEOJSON), ("alternate", "text/html")} <= links
        assert answer.headers["content-crs"] == f"<{CRS84}>"
        for feature in page["features"]:
            assert feature["type"] == "Feature"
            assert isinstance(feature["id"], str)
            if feature["geometry"] is not None:
                west, south, east, north = shapely.geometry.shape(feature["geometry"]).bounds
                assert 60 < west <= east < 132
                assert 33 < south <= north < 43


def test_numbers_matched_are_the_sum_of_all_pages(api: TestClient) -> None:
    for limit in (1, 7, 50, 10_000):
        found = pages(api, f"{ITEMS}?limit={limit}")
        ids = [f["id"] for page in found for f in page["features"]]
        assert len(ids) == len(set(ids)) == found[0]["numberMatched"] == 72
        assert all(len(page["features"]) == limit for page in found[:-1])


@pytest.mark.parametrize("limit", ["0", "-1", "unlimited", "1.5", ""])
def test_a_limit_that_is_none_is_refused(api: TestClient, limit: str) -> None:
    assert api.get(ITEMS, params={"limit": limit}).status_code == 400


def test_an_unknown_parameter_is_refused_on_every_items_path(api: TestClient, document: Json) -> None:
    paths = [p for p in document["paths"] if p.endswith("/items")]
    assert len(paths) == len(collections(api))
    for path in paths:
        assert api.get(path, params={"unknownQueryParameter": "value"}).status_code == 400


@pytest.mark.parametrize(
    ("box", "matched"),
    [
        ("-180,-90,180,90", 72),
        ("-180,-90,-1000,180,90,1000", 72),
        ("127.3291,36.5108,127.3358,36.5162", 72),
        ("5,50,6,51", 0),
        ("177,-20,-177,-10", 0),
        ("-180,85,180,90", 0),
        ("-180,-90,180,-85", 0),
    ],
)
def test_bbox(api: TestClient, box: str, matched: int) -> None:
    """The world, a box with heights, the extent, elsewhere, over the date line, both poles."""
    assert api.get(ITEMS, params={"bbox": box}).json()["numberMatched"] == matched


@pytest.mark.parametrize("box", ["1,2,3", "1,2,3,x", "1,2,3,4,5", "", "2,2,1", "0,10,1,5"])
def test_a_bbox_that_is_none_is_refused(api: TestClient, box: str) -> None:
    assert api.get(ITEMS, params={"bbox": box}).status_code == 400


@pytest.mark.parametrize(
    ("time", "matched"),
    [
        ("2022-06-01", 36),
        ("2022-06-01T12:00:00Z", 36),
        ("2022-01-01/2023-12-31", 72),
        ("2022-01-01T00:00:00Z/2022-12-31T23:59:59Z", 36),
        ("../2022-12-31", 36),
        ("2023-01-01/..", 36),
        ("2031-01-01", 0),
        ("1990-01-01/1991-01-01", 0),
    ],
)
def test_datetime(api: TestClient, time: str, matched: int) -> None:
    """Instants, intervals, half-open ones; outside the extent an empty 200."""
    answer = api.get(ITEMS, params={"datetime": time})
    assert (answer.status_code, answer.json()["numberMatched"]) == (200, matched)


@pytest.mark.parametrize("time", ["2023", "yesterday", "2023-13-01", "2023-06-01/2022-06-01"])
def test_a_datetime_that_is_none_is_refused(api: TestClient, time: str) -> None:
    assert api.get(ITEMS, params={"datetime": time}).status_code == 400


def test_a_feature_has_its_links(api: TestClient) -> None:
    feature = api.get(f"/collections/toy-100m/items/{CELL}").json()
    assert (feature["type"], feature["id"]) == ("Feature", CELL)
    links = {(link["rel"], link["type"]): link["href"] for link in feature["links"]}
    assert {("self", GEOJSON), ("alternate", "text/html"), ("collection", "application/json")} <= links.keys()
    assert api.get(links["collection", "application/json"]).json()["id"] == "toy-100m"
    assert api.get("/collections/toy-100m/items/nothing").status_code == 404


def test_features_1_oas30(document: Json) -> None:
    """Parameter definitions as CITE looks for them, on every items path."""
    for path in (p for p in document["paths"] if p.endswith("/items")):
        declared = {p["name"]: p for p in document["paths"][path]["get"]["parameters"]}
        for name in ("limit", "bbox", "datetime"):
            found = declared[name]
            assert (found["in"], found["required"], found["style"], found["explode"]) == ("query", False, "form", False)
        limit, box = declared["limit"]["schema"], declared["bbox"]["schema"]
        assert limit["type"] == "integer"
        assert limit["minimum"] <= limit["default"] <= limit["maximum"]
        assert (box["type"], box["minItems"], box["maxItems"], box["items"]["type"]) == ("array", 4, 6, "number")
        assert declared["datetime"]["schema"]["type"] == "string"
        assert not any(p["schema"].get("type") == "object" for p in declared.values()), "free-form"


def test_features_1_html(api: TestClient) -> None:
    for path in (ITEMS, f"/collections/toy-100m/items/{CELL}"):
        page = api.get(path, headers={"Accept": "text/html"})
        assert page.headers["content-type"].startswith("text/html")
        assert CELL.partition(".")[0] in page.text or "limit" in path or path == ITEMS
        assert 'type="application/geo+json"' in page.text


def test_features_1_geojson(api: TestClient) -> None:
    for path in (ITEMS, f"/collections/toy-100m/items/{CELL}"):
        for headers in ({}, {"Accept": GEOJSON}):
            assert api.get(path, headers=headers).headers["content-type"] == GEOJSON
        assert api.get(path, headers={"Accept": "application/vnd.foo"}).status_code == 406


# -- Part 2: CRS -----------------------------------------------------------------------------------------------------


def test_features_2_crs(api: TestClient) -> None:
    """Every CRS that a collection lists: Content-Crs, and the place that PROJ gives in the authority's axis order."""
    collection = api.get("/collections/toy-100m").json()
    assert collection["crs"][0] == collection["storageCrs"] == CRS84
    for path in (f"/collections/toy-100m/items/{CELL}", "/collections/toy-100m/items"):
        for uri in collection["crs"]:
            answer = api.get(path, params={"crs": uri})
            assert answer.headers["content-crs"] == f"<{uri}>"
    base = api.get(f"/collections/toy-100m/items/{CELL}").json()["geometry"]["coordinates"][0]
    for uri in collection["crs"][1:]:
        code = uri.rsplit("/", 1)[1]
        to = Transformer.from_crs("OGC:CRS84", f"EPSG:{code}")  # axes as the authority has them
        moved = api.get(f"/collections/toy-100m/items/{CELL}", params={"crs": uri}).json()["geometry"]["coordinates"][0]
        tolerance = 1e-6 if code == "4326" else 0.02
        for (lon, lat), place in zip(base, moved, strict=True):
            assert place == pytest.approx(to.transform(lon, lat), abs=tolerance), uri


@pytest.mark.parametrize("name", ["crs", "bbox-crs"])
def test_an_unsupported_crs_is_refused(api: TestClient, name: str) -> None:
    query = {name: "http://www.opengis.net/def/crs/0/unsupported", "bbox": "1,2,3,4"}
    assert api.get(ITEMS, params=query).status_code == 400
    assert (
        api.get(
            f"/collections/toy-100m/items/{CELL}", params={"crs": query[name]} if name == "crs" else query
        ).status_code
        == 400
    )


def test_a_box_in_another_crs_finds_the_same(api: TestClient) -> None:
    box = (127.3300, 36.5115, 127.3330, 36.5140)
    here = [f["id"] for f in api.get(ITEMS, params={"bbox": ",".join(map(str, box))}).json()["features"]]
    assert 0 < len(here) < 72
    turned = f"{box[1]},{box[0]},{box[3]},{box[2]}"
    query = {"bbox": turned, "bbox-crs": f"{EPSG}4326"}
    assert [f["id"] for f in api.get(ITEMS, params=query).json()["features"]] == here


# -- Part 3 and Common 3 ---------------------------------------------------------------------------------------------


def test_features_3_queryables(api: TestClient) -> None:
    for name in collections(api):
        answer = api.get(f"/collections/{name}/queryables")
        assert answer.headers["content-type"] == "application/schema+json"
        schema = answer.json()
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["type"] == "object"
        assert schema["$id"].endswith(f"/collections/{name}/queryables")
        assert "year" in schema["properties"]
        assert [name for name in schema["properties"] if name in FIGURE], "something that is added up"
        links = {link["rel"]: link["href"] for link in api.get(f"/collections/{name}").json()["links"]}
        assert api.get(links["http://www.opengis.net/def/rel/ogc/1.0/queryables"]).status_code == 200


def test_features_3_queryables_query_parameters(api: TestClient) -> None:
    """Each queryable is a parameter; its value keeps exactly the features that have it."""
    everything = api.get(ITEMS).json()["features"]
    queryables = api.get(ITEMS.replace("items", "queryables")).json()["properties"]
    for name, about in queryables.items():
        values = [f["properties"].get(name) for f in everything]
        known = next((v for v in values if v is not None), None)
        if name == "geometry" or known is None or about["type"] == "boolean":
            continue
        found = api.get(f"{ITEMS}?{name}={quote(str(known))}").json()
        assert found["numberMatched"] == values.count(known), name


def test_common_3_schemas(api: TestClient) -> None:
    """The schema names every property that a feature has, with a type, and roles for the interval."""
    for name in collections(api):
        schema = api.get(f"/collections/{name}/schema").json()["properties"]
        feature = api.get(f"/collections/{name}/items", params={"limit": 1}).json()["features"][0]
        assert feature["properties"].keys() <= schema.keys()
        assert schema["time_start"]["x-ogc-role"] == "primary-interval-start"
        assert schema["time_end"]["x-ogc-role"] == "primary-interval-end"
        assert schema["geometry"]["x-ogc-role"] == "primary-geometry"
        kinds = {"string": str, "number": (int, float), "integer": int, "boolean": bool}
        for key, value in feature["properties"].items():
            assert value is None or isinstance(value, kinds[schema[key]["type"]]), key


def test_pages_are_stable_and_complete_over_their_links(api: TestClient) -> None:
    found = pages(api, f"{ITEMS}?limit=20&sortby=cell_id,year")
    keys = [(f["properties"]["cell_id"], f["properties"]["year"]) for page in found for f in page["features"]]
    assert all(a < b for a, b in pairwise(keys))
