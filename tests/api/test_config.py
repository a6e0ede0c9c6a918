# SPDX-License-Identifier: Apache-2.0
"""Settings, and the configuration that is written for stock pygeoapi."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pygeoapi.config import validate_config
from pygeoapi.plugin import load_plugin
from pygeoapi.util import yaml_load

from carbongrid.errors import InvalidInput
from carbongrid.sectors import KINDS
from carbonserver.config import ENVIRONMENT, Place, processor, pygeoapi_config, to_yaml, write_stock
from carbonserver.settings import Settings
from carbonstore.collections.collection import Collection
from carbonstore.releases.catalogue import Catalogue
from openapi import sejong
from processes.registry import PROCESSES
from tests.toy import toy_store

ROOT = Path(__file__).parents[2]
VARIABLES = ("CARBONGRID_DATA", "CARBONGRID_URL", "CARBONGRID_PORT")
Json = dict[str, Any]


@pytest.fixture
def toy(tmp_path: Path) -> list[Collection]:
    toy_store(tmp_path)
    return list(Catalogue(tmp_path).snapshot().collections.values())


# -- settings --------------------------------------------------------------------------------------------------------


def test_settings_have_defaults() -> None:
    settings = Settings.from_env(env={})
    assert settings.data == Path.cwd() / ".carbongrid"
    assert (settings.url, settings.port) == ("http://localhost:5000", 5000)


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    env = {"CARBONGRID_DATA": str(tmp_path), "CARBONGRID_URL": "https://carbon.example/v1/", "CARBONGRID_PORT": "8080"}
    settings = Settings.from_env(env=env)
    assert (settings.data, settings.url, settings.port) == (tmp_path, "https://carbon.example/v1", 8080)
    assert Settings.from_env(env={"CARBONGRID_PORT": "8080"}).url == "http://localhost:8080"
    assert Settings.from_env(port=81, env={"CARBONGRID_PORT": "8080"}).port == 81


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CARBONGRID_PORT", "http"),
        ("CARBONGRID_PORT", "70000"),
        ("CARBONGRID_PORT", "-1"),
        ("CARBONGRID_URL", "carbon.example"),
        ("CARBONGRID_URL", "ftp://carbon.example"),
        ("CARBONGRID_URL", "http://carbon.example/?x=1"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        Settings.from_env(env={name: value})


SEJONG_CELLS, SEJONG_UNITS = ("100m", "500m", "1km"), ("nation", "sido", "sigungu", "dong", "zoning")

# -- configuration ---------------------------------------------------------------------------------------------------


def load(text: str, path: Path) -> Json:
    """A configuration as pygeoapi reads it."""
    path.write_text(text)
    with path.open(encoding="utf-8") as file:
        return dict(yaml_load(file))


def test_the_configuration_satisfies_pygeoapis_schema(toy: list[Collection]) -> None:
    assert validate_config(pygeoapi_config(toy, Place("data", "http://carbon.example")))


def test_the_committed_configuration_is_that_of_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    committed = load((ROOT / "pygeoapi-config.yml").read_text(), tmp_path / "config.yml")
    fixed = replace(ENVIRONMENT, data=".carbongrid", url="http://localhost:5000", port=5000)
    assert committed == pygeoapi_config(sejong.collections(), fixed)
    assert set(committed["resources"]) == {
        *(f"sejong-{name}{history}" for name in (*SEJONG_CELLS, *SEJONG_UNITS) for history in ("", "-history")),
        *(f"sejong-{kind}" for kind in KINDS),
        *PROCESSES,
    }


def test_the_committed_configuration_reads_the_same_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(VARIABLES, ("/srv/data", "https://carbon.example", "81"), strict=True):
        monkeypatch.setenv(name, value)
    config = load((ROOT / "pygeoapi-config.yml").read_text(), tmp_path / "config.yml")
    assert config["server"]["url"] == "https://carbon.example"
    assert config["server"]["bind"]["port"] == 81
    providers = config["resources"]["sejong-1km"]["providers"]
    assert {p["data"] for p in providers} == {"/srv/data"}
    assert config["resources"]["echo"]["processor"]["url"] == "https://carbon.example"


def test_yaml_gives_back_the_configuration(tmp_path: Path, toy: list[Collection]) -> None:
    config = pygeoapi_config(toy, Place("data", "http://carbon.example"))
    assert load(to_yaml(config), tmp_path / "config.yml") == config
    assert "&id" not in to_yaml(pygeoapi_config(toy, ENVIRONMENT)), "anchors are hard to edit"


def test_titles_and_sources_are_in_two_languages(toy: list[Collection]) -> None:
    resource = pygeoapi_config(toy, ENVIRONMENT)["resources"]["toy-1km"]
    for language in ("ko", "en"):
        assert "1km" in resource["title"][language]
        assert "Carbongrid toy city (CC0-1.0)" in resource["description"][language]
    assert "합성" in resource["title"]["ko"]


def test_every_plugin_that_is_named_can_be_loaded_without_a_store() -> None:
    config = pygeoapi_config(sejong.collections(), Place("/nowhere", "http://carbon.example"))
    for resource in config["resources"].values():
        for definition in resource.get("providers", []):
            assert load_plugin("provider", definition).data == "/nowhere"
        if resource["type"] == "process":
            assert load_plugin("process", resource["processor"]).metadata["inputs"]
    manager = {**config["server"]["manager"], "processes": {}}
    assert load_plugin("process_manager", manager)


def test_processors_are_found_by_the_name_of_their_process() -> None:
    assert processor("estimate-region") == "processes.estimate_region.EstimateRegionProcessor"


def test_files_for_stock_pygeoapi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, folder = tmp_path / "data", tmp_path / "stock"
    toy_store(data)
    paths = write_stock(Settings(data, "http://carbon.example"), folder)
    assert [p.name for p in paths] == ["pygeoapi-config.yml", "openapi.json"]
    with paths[0].open(encoding="utf-8") as file:
        config = yaml_load(file)
    assert validate_config(config)
    document = json.loads(paths[1].read_text())
    collections = {p.split("/")[2] for p in document["paths"] if p.startswith("/collections/")}
    assert collections == {k for k in config["resources"] if k.startswith("toy-")}


def test_stock_pygeoapi_serves_what_was_written(tmp_path: Path) -> None:
    """In an interpreter of its own: no shim of ours is loaded there."""
    data = tmp_path / "data"
    toy_store(data)
    config, document = write_stock(Settings(data, "http://carbon.example"), tmp_path / "stock")
    env = os.environ | {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(document)}
    program = """
import json, sys
from pygeoapi.flask_app import APP
client = APP.test_client()
items = client.get("/collections/toy-1km-history/items?year=2023&f=json").get_json()
tiles = client.get("/collections/toy-100m/tiles/WebMercatorQuad?f=tilejson").get_json()
echo = {"inputs": {"text": "hello"}, "outputs": {"text": {}}, "response": "document"}
said = client.post("/processes/echo/execution", json=echo)
links = [l["href"] for l in client.get("/collections/toy-1km?f=json").get_json()["links"]]
paths = [href.removeprefix("http://carbon.example") for href in links if "carbon.example" in href]
pages = ["/", "/conformance", "/openapi", "/collections", "/processes", "/processes/echo", "/collections/toy-100m"]
parts = ("items", "schema", "queryables", "tiles", "tiles/WebMercatorQuad")
pages += ["/collections/toy-100m/" + part for part in parts]
pages.append("/collections/toy-1km/items/" + items["features"][0]["id"])
drawn = {path: client.get(path + "?f=html&lang=en") for path in pages}
print(json.dumps({
    "pages": {path: page.get_data(as_text=True) for path, page in drawn.items() if page.status_code == 200},
    "collections": len(client.get("/collections?f=json").get_json()["collections"]),
    "tonnes": sum(f["properties"]["emission_total"] for f in items["features"]),
    "tiles": tiles["tiles"],
    "echo": said.status_code,
    "gone": client.get("/collections/toy-1km/items?edition=" + "0" * 16).status_code,
    "dead": [path for path in paths if client.get(path).status_code != 200],
    "links": len(paths),
    "shims": sorted(m for m in sys.modules if m.startswith("carbonserver")),
}))
"""
    ran = subprocess.run([sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert seen["tonnes"] == pytest.approx(11.559)
    assert seen["collections"] == 9
    assert seen["tiles"] == ["http://carbon.example/collections/toy-100m/tiles/WebMercatorQuad/{z}/{y}/{x}?f=mvt"]
    assert (seen["echo"], seen["gone"], seen["shims"]) == (200, 410, [])
    assert len(seen["pages"]) == 13
    for path, page in seen["pages"].items():
        assert re.search(r'<html lang="en">', page), path
        assert not re.search(r'(src|<link[^>]*href)="(?!/static/)', page), f"{path} asks another host"
    assert "tCO₂e/yr" in seen["pages"]["/collections/toy-100m/items"]
    assert seen["dead"] == [], "a collection leads where stock pygeoapi has nothing"
    assert seen["links"] > 8
