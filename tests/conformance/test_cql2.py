# SPDX-License-Identifier: Apache-2.0
"""Features part 3 (filter), sortables of Common 3 and CQL2 (21-065r2): one test a class.

What a filter must give is worked out here in Python, from the unfiltered records; a null is neither in a condition nor
in its negation.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
import shapely
from shapely.geometry import shape
from starlette.testclient import TestClient

type Json = dict[str, Any]
type Where = Callable[[Json], bool]

HERE = "/collections/toy-100m-history"
ITEMS = f"{HERE}/items"


@pytest.fixture(scope="module")
def records(api: TestClient) -> list[Json]:
    found: list[Json] = api.get(ITEMS, params={"limit": 10_000}).json()["features"]
    return found


def held(api: TestClient, records: list[Json], text: str, where: Where) -> None:
    """The filter keeps exactly the records for which ``where`` holds of the properties, some but not all."""
    wanted = [f["id"] for f in records if where(f["properties"])]
    assert 0 < len(wanted) < len(records), f"{text} decides nothing"
    _gives(api, text, wanted)


def placed(api: TestClient, records: list[Json], text: str, where: Callable[[shapely.Geometry], bool]) -> None:
    """The same of the geometry."""
    wanted = [f["id"] for f in records if where(shape(f["geometry"]))]
    assert 0 < len(wanted) < len(records), f"{text} decides nothing"
    _gives(api, text, wanted)


def _gives(api: TestClient, text: str, wanted: list[str]) -> None:
    lang = "cql2-json" if text.startswith("{") else "cql2-text"
    answer = api.get(ITEMS, params={"filter": text, "filter-lang": lang, "limit": 10_000})
    assert answer.status_code == 200, answer.text
    assert [f["id"] for f in answer.json()["features"]] == wanted, text
    assert answer.json()["numberMatched"] == len(wanted)


def greater(name: str, bound: float) -> Where:
    return lambda p: p[name] is not None and p[name] > bound


def test_features_3_filter(api: TestClient, document: Json) -> None:
    """Parameters are declared on every items path; a wrong filter, language or CRS is 400, never ignored."""
    for path in (p for p in document["paths"] if p.endswith("/items")):
        declared = {p["name"]: p["schema"] for p in document["paths"][path]["get"]["parameters"]}
        assert {"filter", "filter-lang", "filter-crs"} <= declared.keys(), path
        assert set(declared["filter-lang"]["enum"]) == {"cql2-text", "cql2-json", "cql-text"}
    for query in (
        {"filter": "nothing > 1"},
        {"filter": "net >"},
        {"filter": "net > 1", "filter-lang": "ecql"},
        {"filter": "net > 1", "filter-crs": "http://www.opengis.net/def/crs/0/unsupported"},
        {"filter": "unknown(net) = 1"},
    ):
        assert api.get(ITEMS, params=query).status_code == 400, query


def test_features_3_features_filter(api: TestClient, records: list[Json]) -> None:
    held(api, records, "emission_total > 1", greater("emission_total", 1))
    both = api.get(ITEMS, params={"filter": "emission_total > 1", "datetime": "2023-06-01", "limit": 100}).json()
    assert {f["properties"]["year"] for f in both["features"]} == {2023}


def test_common_3_core_roles(api: TestClient) -> None:
    properties = api.get(f"{HERE}/schema").json()["properties"]
    roles = [field["x-ogc-role"] for field in properties.values() if "x-ogc-role" in field]
    assert roles.count("primary-geometry") == 1
    assert {"primary-interval-start", "primary-interval-end"} <= set(roles)


def test_common_3_queryables(api: TestClient) -> None:
    """What is listed can be used in a filter, and nothing else can."""
    schema = api.get(f"{HERE}/queryables").json()
    assert schema["additionalProperties"] is False
    for name in schema["properties"]:
        assert api.get(ITEMS, params={"filter": f"{name} IS NULL", "limit": 1}).status_code == 200, name


def test_common_3_sortables(api: TestClient, records: list[Json]) -> None:
    links = {link["rel"]: link["href"] for link in api.get(HERE).json()["links"]}
    schema = api.get(links["http://www.opengis.net/def/rel/ogc/1.0/sortables"]).json()
    assert schema["type"] == "object"
    for name in schema["properties"]:
        found = api.get(ITEMS, params={"sortby": f"-{name}", "limit": 10_000}).json()["features"]
        values = [f["properties"][name] for f in found if f["properties"].get(name) is not None]
        assert values == sorted(values, reverse=True), name
        assert len(found) == len(records)


def test_cql2_cql2_text(api: TestClient, records: list[Json]) -> None:
    def where(p: Json) -> bool:
        return p["year"] == 2022 or (p["year"] == 2023 and p["status"] == "ok")

    held(api, records, "year = 2022 OR year = 2023 AND status = 'ok'", where)


def test_cql2_cql2_json(api: TestClient, records: list[Json]) -> None:
    tree = {
        "op": "and",
        "args": [{"op": ">", "args": [{"property": "net"}, 0]}, {"op": "=", "args": [{"property": "year"}, 2023]}],
    }
    where: Where = lambda p: p["year"] == 2023 and greater("net", 0)(p)  # noqa: E731
    held(api, records, json.dumps(tree), where)
    posted = api.post(ITEMS, params={"limit": 10_000}, json=tree).json()
    assert posted["numberMatched"] == sum(where(f["properties"]) for f in records)


def test_cql2_basic_cql2(api: TestClient, records: list[Json]) -> None:
    for sign, compare in (
        ("=", lambda a: a == 1.01),
        ("<>", lambda a: a != 1.01),
        ("<", lambda a: a < 1.01),
        (">", lambda a: a > 1.01),
        ("<=", lambda a: a <= 1.01),
        (">=", lambda a: a >= 1.01),
    ):
        text = f"emission_total {sign} 1.01"
        held(api, records, text, lambda p, c=compare: p["emission_total"] is not None and c(p["emission_total"]))  # type: ignore[misc]
    held(api, records, "NOT net > 0", lambda p: p["net"] is not None and p["net"] <= 0)
    held(api, records, "absorption_forest IS NULL", lambda p: p["absorption_forest"] is None)
    held(api, records, "absorption_forest IS NOT NULL", lambda p: p["absorption_forest"] is not None)


def test_cql2_advanced_comparison_operators(api: TestClient, records: list[Json]) -> None:
    held(api, records, "net BETWEEN 0.5 AND 2", lambda p: p["net"] is not None and 0.5 <= p["net"] <= 2)
    held(api, records, "status IN ('partial', 'missing')", lambda p: p["status"] in ("partial", "missing"))
    held(api, records, "status LIKE 'p_rt%'", lambda p: p["status"] == "partial")


def test_cql2_case_insensitive_comparison(api: TestClient, records: list[Json]) -> None:
    held(api, records, "CASEI(status) = CASEI('PARTIAL')", lambda p: p["status"] == "partial")


def test_cql2_accent_insensitive_comparison(api: TestClient, records: list[Json]) -> None:
    held(api, records, "ACCENTI(status) = ACCENTI('pärtial')", lambda p: p["status"] == "partial")


BOX = shapely.box(127.331, 36.511, 127.3325, 36.5135)
CORNERS = "127.331, 36.511, 127.3325, 36.5135"


def test_cql2_basic_spatial_functions(api: TestClient, records: list[Json]) -> None:
    placed(api, records, f"S_INTERSECTS(geometry, BBOX({CORNERS}))", BOX.intersects)
    point = shape(records[0]["geometry"]).centroid
    placed(api, records, f"S_INTERSECTS(geometry, {point.wkt})", point.intersects)


def test_cql2_basic_spatial_functions_plus(api: TestClient, records: list[Json]) -> None:
    for geometry in (
        BOX,
        shapely.LineString([(127.330, 36.511), (127.335, 36.5155)]),
        shapely.MultiPoint([(127.331, 36.512), (127.334, 36.515)]),
        shapely.MultiPolygon([BOX]),
    ):
        placed(api, records, f"S_INTERSECTS(geometry, {geometry.wkt})", geometry.intersects)


def test_cql2_spatial_functions(api: TestClient, records: list[Json]) -> None:
    line = shapely.LineString([(127.330, 36.511), (127.335, 36.5155)])
    cell = shape(records[7]["geometry"])
    for name, geometry, where in (
        ("S_DISJOINT", BOX, BOX.disjoint),
        ("S_WITHIN", BOX, BOX.contains),
        ("S_CONTAINS", cell.centroid, cell.centroid.within),
        ("S_CROSSES", line, line.crosses),
        ("S_OVERLAPS", BOX, BOX.overlaps),
        ("S_EQUALS", cell, cell.equals),
        ("S_TOUCHES", cell, cell.touches),
    ):
        placed(api, records, f"{name}(geometry, {geometry.wkt})", where)


def test_cql2_temporal_functions(api: TestClient, records: list[Json]) -> None:
    first: Where = lambda p: p["year"] == 2022  # noqa: E731
    second: Where = lambda p: p["year"] == 2023  # noqa: E731
    period = "INTERVAL(time_start, time_end)"
    held(api, records, "T_BEFORE(time_start, DATE('2022-06-01'))", first)
    held(api, records, "T_AFTER(time_start, TIMESTAMP('2022-06-01T00:00:00Z'))", second)
    held(api, records, f"T_INTERSECTS({period}, INTERVAL('2023-07-01', '..'))", second)
    held(api, records, f"T_DURING({period}, INTERVAL('2021-12-31', '2023-01-01'))", first)
    held(api, records, f"T_CONTAINS({period}, INTERVAL('2022-03-01', '2022-04-01'))", first)
    held(api, records, f"T_EQUALS({period}, INTERVAL('2022-01-01', '2022-12-31'))", first)
    held(api, records, f"T_DISJOINT({period}, INTERVAL('2022-02-01', '2022-03-01'))", second)


def test_cql2_property_property(api: TestClient, records: list[Json]) -> None:
    def where(p: Json) -> bool:
        pair = p["emission_buildings"], p["emission_transport"]
        return None not in pair and pair[0] > pair[1]

    held(api, records, "emission_buildings > emission_transport", where)


def test_cql2_arithmetic(api: TestClient, records: list[Json]) -> None:
    def where(p: Json) -> bool:
        return p["emission_transport"] is not None and 10_000 * p["emission_transport"] / p["area_m2"] > 0.9

    held(api, records, "10000 * emission_transport / area_m2 > 0.9", where)
    held(api, records, "-net > 0.1", lambda p: p["net"] is not None and -p["net"] > 0.1)
    held(api, records, "year % 2 = 1", lambda p: p["year"] == 2023)
