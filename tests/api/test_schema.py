# SPDX-License-Identifier: Apache-2.0
"""Schemas of a collection: the logical properties, and the GeoJSON feature from which GDAL takes field types."""

from starlette.testclient import TestClient


def test_the_feature_form_holds_the_properties(api: TestClient) -> None:
    plain = api.get("/collections/toy-100m/schema").json()
    feature = api.get("/collections/toy-100m/schema?profile=feature").json()
    inner = feature["properties"]["properties"]["properties"]
    assert inner == {name: field for name, field in plain["properties"].items() if name != "geometry"}
    assert inner["absorption_forest"]["type"] == "number"
    assert feature["required"] == ["type", "geometry", "properties"]


def test_the_collection_links_to_it(api: TestClient) -> None:
    links = api.get("/collections/toy-100m?f=json").json()["links"]
    [link] = [entry for entry in links if entry["rel"] == "describedby"]
    assert link["type"] == "application/schema+json"
    assert api.get(link["href"]).json()["properties"]["type"] == {"const": "Feature"}


def test_another_profile_is_refused(api: TestClient) -> None:
    got = api.get("/collections/toy-100m/schema?profile=gml")
    assert got.status_code == 400
    assert "feature" in got.json()["description"]


def test_a_collection_leads_to_its_styles(api: TestClient) -> None:
    links = api.get("/collections/toy-100m?f=json").json()["links"]
    (there,) = (link["href"] for link in links if link["rel"] == "http://www.opengis.net/def/rel/ogc/1.0/styles")
    styles = api.get(there).json()["styles"]
    assert {style["id"] for style in styles} == {"total", "buildings", "transport", "forest", "net"}
    assert api.get(styles[0]["links"][0]["href"]).json()["version"] == 8
