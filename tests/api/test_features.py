# SPDX-License-Identifier: Apache-2.0
"""Items and features over HTTP and through stock pygeoapi: the toy city's tonnes, and one answer at both doors."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyproj
import pytest
from pygeoapi.provider.base import ProviderGenericError
from starlette.testclient import TestClient

from carbon_provider.features import CarbonGridProvider
from carbon_provider.temporal import matching_years
from carbongrid.errors import InvalidInput
from tests.toy import toy_cell

Json = dict[str, Any]
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
ITEMS = "/collections/toy-100m/items"
HISTORY = "/collections/toy-100m-history/items"
HOUSE = toy_cell(-300, -200)
MIDDLE = toy_cell(0, 0)


def page(api: TestClient, path: str, **params: Any) -> Json:
    answer = api.get(path, params=params or None)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def refused(api: TestClient, path: str, status: int, **params: Any) -> str:
    answer = api.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert {"code", "description", "status"} <= answer.json().keys()
    return str(answer.json()["description"])


def links(document: Json) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in document["links"]}


def ids(document: Json) -> list[str]:
    return [feature["id"] for feature in document["features"]]


# -- one record ------------------------------------------------------------------------------------------------------


def test_a_record_in_tonnes(api: TestClient) -> None:
    """1500 kg of the house, 900 + 10 kg of the east road; forest is not covered there."""
    answer = api.get(f"{ITEMS}/{HOUSE}.2023")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert feature["id"] == f"{HOUSE}.2023"
    properties = feature["properties"]
    assert {k: properties[k] for k in properties if k.startswith(("emission", "absorption", "net"))} == {
        "emission_buildings": 1.5,
        "emission_buildings_scope1": 0.5,
        "emission_buildings_scope2": 1.0,
        "emission_transport": 0.91,
        "emission_total": 2.41,
        "absorption_forest": None,
        "absorption_forest_gross": None,
        "net": 2.41,
        "emission_total_u95": 0.241,
        "absorption_forest_u95": None,
        "net_u95": 0.241,
    }
    assert (properties["cell_id"], properties["year"]) == (HOUSE, 2023)
    assert (properties["time_start"], properties["time_end"]) == ("2023-01-01", "2023-12-31")
    assert (properties["status"], properties["missing"]) == ("partial", "forest")
    assert properties["synthetic"] is True


def test_a_record_lies_where_its_code_says(api: TestClient) -> None:
    ring = api.get(f"{ITEMS}/{HOUSE}.2023").json()["geometry"]["coordinates"][0]
    to = pyproj.Transformer.from_crs("EPSG:5179", "OGC:CRS84", always_xy=True)
    south, west = (int(n) for n in HOUSE.removeprefix("CRS5179RES100mN").split("E"))
    corners = [(west, south), (west + 100, south), (west + 100, south + 100), (west, south + 100), (west, south)]
    for vertex, corner in zip(ring, corners, strict=True):
        assert vertex == pytest.approx(to.transform(*corner), abs=1e-7)


def test_a_record_has_one_id_in_newest_and_history(api: TestClient) -> None:
    newest, history = (api.get(f"{path}/{HOUSE}.2023").json() for path in (ITEMS, HISTORY))
    assert {k: newest[k] for k in ("id", "geometry", "properties")} == {
        k: history[k] for k in ("id", "geometry", "properties")
    }


def test_a_bare_cell_redirects_to_its_newest_record(api: TestClient) -> None:
    answer = api.get(f"{ITEMS}/{HOUSE}?crs={EPSG}5179")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"http://carbon.example{ITEMS}/{HOUSE}.2023?crs=")
    assert api.get(f"{HISTORY}/{HOUSE}").status_code == 404


def test_a_year_no_longer_newest_is_404_with_a_link_into_the_history(api: TestClient) -> None:
    answer = api.get(f"{ITEMS}/{HOUSE}.2022")
    there = f"http://carbon.example{HISTORY}/{HOUSE}.2022"
    assert answer.status_code == 404
    assert links(answer.json()) == {"related": there}
    assert answer.headers["link"] == f'<{there}>; rel="related"'
    assert api.get(urlsplit(there).path).json()["properties"]["emission_buildings"] == 3.0


@pytest.mark.parametrize("name", ["nothing", f"{HOUSE}.1999", f"{HOUSE}.2023.1", "CRS5179RES100mN1E1.2023", "%20"])
def test_other_ids_are_not_found(api: TestClient, name: str) -> None:
    refused(api, f"{ITEMS}/{name}", 404)


def test_links_of_a_record(api: TestClient) -> None:
    found = links(api.get(f"{ITEMS}/{HOUSE}.2023").json())
    assert found["self"] == f"http://carbon.example{ITEMS}/{HOUSE}.2023"
    assert found["collection"] == "http://carbon.example/collections/toy-100m"


# -- pages -----------------------------------------------------------------------------------------------------------


def test_a_page_holds_everything_and_its_total(api: TestClient) -> None:
    """36 cells; 500 + 1000 + 1009 kg of buildings, 9050 of transport, 4001 - 1000 of forest."""
    found = page(api, ITEMS)
    assert found["type"] == "FeatureCollection"
    assert found["numberMatched"] == found["numberReturned"] == len(found["features"]) == 36
    totals = {"emission_buildings": 2.509, "emission_transport": 9.05, "emission_total": 11.559}
    totals |= {"absorption_forest": 3.001, "net": 8.558}
    for name, tonnes in totals.items():
        assert sum(f["properties"][name] or 0 for f in found["features"]) == pytest.approx(tonnes, abs=1e-9)


def test_the_history_holds_every_year_of_every_cell(api: TestClient) -> None:
    found = page(api, HISTORY)
    assert found["numberMatched"] == 72
    by_year = {2022: 0.0, 2023: 0.0}
    for feature in found["features"]:
        by_year[feature["properties"]["year"]] += feature["properties"]["emission_total"]
    assert by_year == {2022: pytest.approx(2 * 11.559), 2023: pytest.approx(11.559)}


@pytest.mark.parametrize("limit", [1, 7, 36, 71, 72, 10000])
@pytest.mark.parametrize("more", [{}, {"sortby": "-net,cell_id"}, {"bbox": "127.33,36.512,127.3345,36.515"}])
def test_next_leads_through_every_record_once(api: TestClient, limit: int, more: dict[str, str]) -> None:
    whole = ids(page(api, HISTORY, **more))
    found, document = [], page(api, HISTORY, limit=limit, **more)
    while True:
        assert document["numberMatched"] == len(whole)
        found += ids(document)
        if "next" not in links(document):
            break
        document = api.get(links(document)["next"]).json()
    assert found == whole


def test_next_names_the_edition_and_prev_leads_back(api: TestClient) -> None:
    first = page(api, ITEMS, limit=10, sortby="-net")
    query = dict(parse_qsl(urlsplit(links(first)["next"]).query))
    assert len(query["edition"]) == 16
    assert query.keys() == {"edition", "cursor", "limit", "sortby"}
    assert "prev" not in links(first)
    second = api.get(links(first)["next"]).json()
    assert ids(api.get(links(second)["prev"]).json()) == ids(first)
    third = api.get(links(second)["next"]).json()
    assert ids(api.get(links(third)["prev"]).json()) == ids(second)


def test_offset_counts_records(api: TestClient) -> None:
    whole = ids(page(api, ITEMS))
    assert ids(page(api, ITEMS, offset=30, limit=4)) == whole[30:34]
    assert ids(page(api, ITEMS, offset=36)) == []
    assert ids(api.get(links(page(api, ITEMS, offset=5, limit=4))["next"]).json()) == whole[9:13]


def test_hits_count_without_listing(api: TestClient) -> None:
    found = page(api, HISTORY, resulttype="hits", year=2022)
    assert (found["numberMatched"], found["numberReturned"], found["features"]) == (36, 0, [])
    assert "next" not in links(found)


def test_a_limit_above_the_largest_page_is_clamped(api: TestClient) -> None:
    assert page(api, ITEMS, limit=10_000_000)["numberReturned"] == 36


def test_links_of_a_page(api: TestClient) -> None:
    found = links(page(api, ITEMS, limit=36, f="json"))
    assert found["self"] == f"http://carbon.example{ITEMS}?f=json&limit=36"
    assert found["alternate"].endswith("f=jsonld&limit=36")
    assert found["collection"] == "http://carbon.example/collections/toy-100m"


def test_the_time_of_the_answer_is_now(api: TestClient) -> None:
    before = datetime.now(UTC)
    stamp = datetime.fromisoformat(page(api, ITEMS, limit=1)["timeStamp"])
    assert -0.002 < (stamp - before).total_seconds() < 60


# -- parameters ------------------------------------------------------------------------------------------------------


def test_bbox_takes_cells_that_only_touch_it(api: TestClient) -> None:
    """The corner (0, 0) is shared by four cells; the box is that one point."""
    south_west = api.get(f"{ITEMS}/{MIDDLE}.2023").json()["geometry"]["coordinates"][0][0]
    point = ",".join(map(str, [*south_west, *south_west]))
    around = {toy_cell(e, n) for e in (-100, 0) for n in (-100, 0)}
    assert set(ids(page(api, ITEMS, bbox=point))) == {f"{cell}.2023" for cell in around}


def test_bbox_in_another_crs_means_the_same(api: TestClient) -> None:
    box = (127.3310, 36.5120, 127.3340, 36.5140)
    expected = ids(page(api, ITEMS, bbox=",".join(map(str, box))))
    assert 4 <= len(expected) < 36
    swapped = ",".join(map(str, (box[1], box[0], box[3], box[2])))
    assert ids(page(api, ITEMS, bbox=swapped, **{"bbox-crs": f"{EPSG}4326"})) == expected
    to = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True)
    mercator = ",".join(map(str, [*to.transform(*box[:2]), *to.transform(*box[2:])]))
    assert ids(page(api, ITEMS, bbox=mercator, **{"bbox-crs": f"{EPSG}3857"})) == expected


def test_a_box_with_northing_first_meets_what_lies_in_it(api: TestClient) -> None:
    """A box of EPSG:5179 around the middle of one cell; its envelope in degrees touches no other."""
    found = page(api, ITEMS, bbox="1835040,985040,1835060,985060", **{"bbox-crs": f"{EPSG}5179"})
    assert ids(found) == [f"{MIDDLE}.2023"]


def test_bbox_forms(api: TestClient) -> None:
    assert page(api, ITEMS, bbox="127,36,-5,128,37,99")["numberMatched"] == 36
    assert page(api, ITEMS, bbox="177,65,-177,70")["numberMatched"] == 0
    assert page(api, ITEMS, bbox="120,-90,-170,90")["numberMatched"] == 36, "across the antimeridian"
    assert page(api, ITEMS, bbox="-180,-90,180,90")["numberMatched"] == 36


@pytest.mark.parametrize(
    "bbox", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,0,1,1", "0,0,inf,1", "0,2,1,1", "1,2,3,4,5,6,7"]
)
def test_a_broken_bbox_is_refused(api: TestClient, bbox: str) -> None:
    assert "bbox" in refused(api, ITEMS, 400, bbox=bbox)


def test_bbox_crs_is_refused_alone_and_unknown(api: TestClient) -> None:
    assert "bbox-crs" in refused(api, ITEMS, 400, **{"bbox-crs": CRS84})
    assert "bbox-crs" in refused(api, ITEMS, 400, bbox="0,0,1,1", **{"bbox-crs": f"{EPSG}27700"})
    assert "bbox" in refused(api, ITEMS, 400, bbox="5,4,3,2", **{"bbox-crs": f"{EPSG}3857"})


@pytest.mark.parametrize("epsg", [4326, 3857, 5179, 5186])
def test_another_crs_is_exact_and_in_the_order_of_its_authority(api: TestClient, epsg: int) -> None:
    uri = f"{EPSG}{epsg}"
    answer = api.get(f"{ITEMS}/{MIDDLE}.2023", params={"crs": uri})
    assert answer.headers["content-crs"] == f"<{uri}>"
    first = answer.json()["geometry"]["coordinates"][0][0]
    expected = pyproj.Transformer.from_crs("EPSG:5179", f"EPSG:{epsg}").transform(1835000, 985000)
    assert first == pytest.approx(expected, abs=1e-7 if epsg == 4326 else 1e-3)
    listed = next(f for f in page(api, ITEMS, crs=uri)["features"] if f["id"] == f"{MIDDLE}.2023")
    assert listed["geometry"] == answer.json()["geometry"]


def test_crs_is_crs84_unless_asked_and_unknown_ones_are_refused(api: TestClient) -> None:
    assert api.get(ITEMS).headers["content-crs"] == f"<{CRS84}>"
    for path in (ITEMS, f"{ITEMS}/{HOUSE}.2023"):
        assert CRS84 in refused(api, path, 400, crs=f"{EPSG}32642")
    assert api.get("/collections/steppe-100m/items", params={"crs": f"{EPSG}32642"}).status_code == 200


@pytest.mark.parametrize(
    ("when", "years"),
    [
        ("2023-07-01", {2023}),
        ("2023-12-31", {2023}),
        ("2022-12-31T23:59:59Z", {2022}),
        ("2023-01-01T08:59:59+09:00", {2022}),
        ("2023-01-01T09:00:00+09:00", {2023}),
        ("2022-12-31/2023-01-01", {2022, 2023}),
        ("../2022-12-31", {2022}),
        ("/2022-06-01", {2022}),
        ("2023-01-01/..", {2023}),
        ("2022-06-01T00:00:00.5Z/", {2022, 2023}),
        ("../..", {2022, 2023}),
        ("2031-01-01", set()),
        ("1990-01-01/2021-12-31", set()),
    ],
)
def test_datetime_matches_by_intersection(api: TestClient, when: str, years: set[int]) -> None:
    found = page(api, HISTORY, datetime=when)
    assert {f["properties"]["year"] for f in found["features"]} == years
    assert found["numberMatched"] == 36 * len(years)


@pytest.mark.parametrize(
    "text", ["2023", "2023-07", "", "today", "2023-02-30", "2023-07-01T00:00:00", "2023-01-01/2022-01-01", "a/b"]
)
def test_other_datetimes_are_refused_naming_the_form(api: TestClient, text: str) -> None:
    message = refused(api, HISTORY, 400, datetime=text)
    assert "datetime" in message
    assert "2023-07-01" in message or "ends before it starts" in message


def test_years_are_matched_without_any_server() -> None:
    assert matching_years(None, (2022, 2023)) == (2022, 2023)
    assert matching_years("2023-01-01t00:00:00z", (2022, 2023)) == (2023,)
    assert matching_years("2023-01-01T00:00:00 00:00", (2022, 2023)) == (2023,), "a plus sign that was not encoded"
    assert matching_years("0000-01-01T00:00:00Z/2022-12-31", (2022, 2023)) == (2022,), "QGIS's open start"
    assert matching_years("0000-02-29", (2022, 2023)) == ()
    for text in ("0001-01-01T00:00:00+23:59", "0000-02-30", "0000-13-01/2023-01-01", "2022-01-01/0000-01-01"):
        with pytest.raises(InvalidInput):
            matching_years(text, (2022,))


def test_no_datetime_is_no_filter(api: TestClient) -> None:
    assert page(api, HISTORY)["numberMatched"] == 72


def test_properties_choose_and_filter(api: TestClient) -> None:
    found = page(api, ITEMS, properties="net,cell_id", emission_buildings="1.5")
    assert [f["properties"] for f in found["features"]] == [{"cell_id": HOUSE, "net": 2.41}]
    assert page(api, HISTORY, cell_id=HOUSE)["numberMatched"] == 2
    assert page(api, HISTORY, year="2022", status="ok", limit=1)["numberMatched"] == 23
    assert page(api, ITEMS, synthetic="true")["numberMatched"] == 36


def test_sortby_ranks_with_nulls_last(api: TestClient) -> None:
    def values(**params: str) -> list[float | None]:
        return [f["properties"]["absorption_forest"] for f in page(api, ITEMS, **params)["features"]]

    assert values(sortby="-absorption_forest")[:5] == [0.751, 0.75, 0.75, 0.75, 0.0]
    assert values(sortby="+absorption_forest")[-6:] == [None] * 6
    assert values(sortby="absorption_forest")[29] == 0.751


def test_geometry_can_be_left_out(api: TestClient) -> None:
    found = page(api, ITEMS, skipGeometry="true", limit=3)
    assert [f["geometry"] for f in found["features"]] == [None] * 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "unlimited"),
        ("limit", "1.5"),
        ("limit", ""),
        ("limit", "9" * 30),
        ("offset", "-1"),
        ("offset", "x"),
        ("resulttype", "all"),
        ("skipGeometry", "maybe"),
        ("sortby", "colour"),
        ("properties", "colour"),
        ("emission_total", "much"),
        ("cursor", "x"),
        ("cursor", "eA.5"),
        ("f", "xml"),
        ("filter", "net>"),
        ("filter-lang", "ecql"),
        ("filter-crs", "http://www.opengis.net/def/crs/EPSG/0/32633"),
        ("q", "forest"),
        ("colour", "red"),
        ("LIMIT", "1"),
    ],
)
def test_what_is_not_declared_is_refused(api: TestClient, name: str, value: str) -> None:
    assert name in refused(api, ITEMS, 400, **{name: value})


def test_a_parameter_cannot_be_given_twice_or_with_its_rival(api: TestClient) -> None:
    assert "twice" in refused(api, f"{ITEMS}?limit=1&limit=2", 400)
    cursor = dict(parse_qsl(urlsplit(links(page(api, ITEMS, limit=1))["next"]).query))["cursor"]
    assert "offset" in refused(api, ITEMS, 400, cursor=cursor, offset=1)


def test_a_cursor_of_another_collection_is_refused(api: TestClient) -> None:
    cursor = dict(parse_qsl(urlsplit(links(page(api, "/collections/steppe-100m/items", limit=1))["next"]).query))
    assert "cursor" in refused(api, ITEMS, 400, cursor=cursor["cursor"])


def test_an_unknown_collection_is_not_found(api: TestClient) -> None:
    assert "toy-100m" in refused(api, "/collections/nowhere/items", 404)
    refused(api, "/collections/nowhere/items/x", 404)


# -- the stock door --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"limit": "5", "offset": "30"},
        {"bbox": "127.3310,36.5120,127.3340,36.5140"},
        {"datetime": "2022-01-01/2022-12-31"},
        {"sortby": "-net,cell_id", "limit": "7"},
        {"properties": "net,cell_id", "year": "2023"},
        {"skipGeometry": "true"},
        {"crs": f"{EPSG}5186", "limit": "3"},
        {"status": "partial"},
    ],
    ids=str,
)
def test_both_doors_give_the_same_features(api: TestClient, stock: Any, params: dict[str, str]) -> None:
    raw = page(api, HISTORY, **params)
    status, headers, document = stock("toy-100m-history", **params)
    assert status == 200
    assert headers["Content-Crs"] == f"<{params.get('crs', CRS84)}>"
    assert document["features"] == raw["features"]
    assert document["features"]
    assert document["numberMatched"] == raw["numberMatched"]
    assert document["numberReturned"] == raw["numberReturned"]


def test_both_doors_give_the_same_feature(api: TestClient, stock: Any) -> None:
    _, _, document = stock("toy-100m", f"{HOUSE}.2023")
    raw = api.get(f"{ITEMS}/{HOUSE}.2023").json()
    assert {k: v for k, v in document.items() if k != "links"} == {k: v for k, v in raw.items() if k != "links"}


def test_stock_counts_and_refuses_like_the_raw_door(stock: Any, api: TestClient) -> None:
    _, _, hits = stock("toy-100m-history", resulttype="hits")
    assert (hits["numberMatched"], hits["features"]) == (72, [])
    for params in ({"colour": "red"}, {"datetime": "2023"}, {"resulttype": "all"}, {"edition": "x"}, {"q": "forest"}):
        status, _, document = stock("toy-100m", **params)
        assert (status, api.get(ITEMS, params=params).status_code) == (400, 400), params
        assert document["code"] == "InvalidParameterValue"
    assert stock("toy-100m", edition="0" * 16)[0] == 410
    assert stock("toy-100m", "nothing")[0] == 404
    assert stock("toy-100m", f"{HOUSE}.2022")[0] == 404


def test_stock_pages_through_everything(stock: Any) -> None:
    found: list[str] = []
    for offset in range(0, 72, 10):
        found += ids(stock("toy-100m-history", limit="10", offset=str(offset))[2])
    assert len(found) == len(set(found)) == 72


# -- the provider ----------------------------------------------------------------------------------------------------


def provider(data: Path, collection: str = "toy-100m") -> CarbonGridProvider:
    return CarbonGridProvider({"name": "x", "type": "feature", "data": str(data), "collection": collection})


def test_making_a_provider_reads_nothing(tmp_path: Path) -> None:
    made = provider(tmp_path / "nowhere")
    with pytest.raises(ProviderGenericError) as refusal:
        _ = made.fields
    assert refusal.value.http_status_code == 404


def test_fields_are_fresh_and_described(cities: Path) -> None:
    first, second = provider(cities).fields, provider(cities).fields
    assert first == second
    first["net"].pop("title")
    assert "title" in provider(cities).fields["net"]
    assert second["net"]["x-ogc-unit"] == "t{CO2e}/a"
    assert second["status"]["values"] == ["ok", "partial", "missing", "masked"]
    assert second["time_start"]["x-ogc-role"] == "primary-interval-start"


def test_unexpected_errors_keep_their_secret(cities: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carbonstore.collections.cells.read", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        provider(cities).query()
