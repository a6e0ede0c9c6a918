# SPDX-License-Identifier: Apache-2.0
"""pygeoapi's configuration, made from what is published.

``carbonserver`` builds it in memory for every state of the catalogue; ``carbongrid config`` writes it for stock
pygeoapi; the committed ``pygeoapi-config.yml`` is what it says of the Sejong sample (a test compares them).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import yaml

from carbonserver import styles
from carbonserver.html import STATIC, TEMPLATES
from carbonserver.settings import DEFAULT_ITEMS, MAX_ITEMS, Settings
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.collection import Collection
from carbonstore.collections.quads import CRS84
from carbonstore.encode.files import FILES
from carbonstore.releases.catalogue import Catalogue
from openapi.document import document
from processes.registry import PROCESSES
from processes.web.openapi import parts

type Json = dict[str, Any]

LANGUAGES = ["ko-KR", "en-US"]
MVT = "application/vnd.mapbox-vector-tile"
TITLE = {"ko": "탄소공간지도", "en": "Carbon spatial map"}
DESCRIPTION = {
    "ko": "건물·교통 부문 온실가스 배출량과 산림 흡수량을 격자 단위로 제공하는 OGC API",
    "en": "Greenhouse gas emissions of buildings and transport and absorption by forests on exact grids, as OGC API",
}
KEYWORDS = {
    "ko": ["탄소공간지도", "온실가스", "배출량", "흡수량", "격자"],
    "en": ["carbon map", "greenhouse gas", "emissions", "absorption", "grid"],
}
SYNTHETIC = {"ko": ["합성"], "en": ["synthetic"]}
LICENCE = {"ko": "자료별 이용조건은 각 컬렉션에 있음", "en": "Each collection names its own licences"}
LICENCE_PAGES = {
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "KOGL-1": "https://www.kogl.or.kr/info/license.do",
}
"""Pages of licences by id (KOGL-1: Korea Open Government Licence, type 1), for links of relation ``license``."""
OGC = "http://www.opengis.net/def/rel/ogc/1.0"
STYLES = f"{OGC}/styles"
"""Relation of a collection's list of styles (OGC API - Styles, a draft)."""
TILESETS = {"map": "지도 타일 (PNG) · Map tiles (PNG)", "coverage": "값 타일 (PNG) · Value tiles (PNG)"}
"""Relation ``tilesets-{}`` and path, and title of the tiles of pixels (OGC 20-057, table 2); values are of cells."""
MANAGER = "processes.jobs.manager.CarbonManager"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a configuration is used: data folder, public address, and the socket stock pygeoapi binds.

    The texts may hold ``${VARIABLE:-default}``, which pygeoapi replaces when it reads the file. ``ours``: this server
    answers, which has a map and styles; stock pygeoapi has neither, so nothing may lead there.
    """

    data: str
    url: str
    host: str = "127.0.0.1"
    port: int | str = 5000
    ours: bool = False
    templates: str = str(TEMPLATES)
    static: str = str(STATIC)

    @classmethod
    def of(cls, settings: Settings, *, ours: bool = True) -> "Place":
        """The place of a running server."""
        return cls(str(settings.data), settings.url, settings.host, settings.port, ours)


ENVIRONMENT = Place(
    data="${CARBONGRID_DATA:-.carbongrid}",
    url="${CARBONGRID_URL:-http://localhost:5000}",
    port="${CARBONGRID_PORT:-5000}",
    templates="carbonserver/templates",
    static="carbonserver/viewer",
)
"""The place of the committed file: the same environment variables that ``carbongrid`` reads."""


def pygeoapi_config(collections: Iterable[Collection], place: Place) -> Json:
    """The whole configuration: server, metadata, and a resource for every collection and process."""
    shown = list(collections)
    resources = {c.id: _collection(c, place) for c in shown}
    return {
        "server": _server(place),
        "logging": {"level": "ERROR"},
        "metadata": _metadata(place.url),
        "carbongrid": {
            "ours": place.ours,
            "fields": _dictionary(shown),
            "drawn": {c.id: styles.default(c) for c in shown},
        },
        "resources": resources | {name: _process(name, place) for name in PROCESSES},
    }


def _dictionary(collections: Iterable[Collection]) -> Json:
    """What HTML pages need to name and write a value: title, UCUM unit and decimals of every property."""
    fields = {name: field for c in collections for name, field in c.fields.items()}
    return {name: {"title": dict(f.title), "unit": f.unit, "decimals": f.decimals} for name, f in fields.items()}


def _server(place: Place) -> Json:
    return {
        "bind": {"host": place.host, "port": place.port},
        "url": place.url,
        "mimetype": "application/json; charset=UTF-8",
        "encoding": "utf-8",
        "languages": list(LANGUAGES),
        "cors": True,
        "limits": {"default_items": DEFAULT_ITEMS, "max_items": MAX_ITEMS, "on_exceed": "throttle"},
        "templates": {"path": place.templates, "static": place.static},
        "map": {"url": f"{place.url}/static/icon.svg", "attribution": ""},
        "api_rules": {"api_version": version("carbongrid")},
        "manager": {"name": MANAGER, "connection": "", "output_dir": ""},
    }


def _metadata(url: str) -> Json:
    identification = {"title": TITLE, "description": DESCRIPTION, "keywords": KEYWORDS, "keywords_type": "theme"}
    return {
        "identification": {**identification, "terms_of_service": f"{url}/collections", "url": url},
        "license": {"name": LICENCE, "url": f"{url}/collections"},
        "provider": {"name": "Carbongrid", "url": url},
        "contact": {"name": "Carbongrid", "url": url},
    }


def _collection(collection: Collection, place: Place) -> Json:
    first, last = (int(day[:4]) for day in collection.interval)
    span = {"begin": datetime(first, 1, 1, tzinfo=UTC), "end": datetime(last, 12, 31, 23, 59, 59, tzinfo=UTC)}
    return {
        "type": "collection",
        "title": dict(collection.title),
        "description": described(collection),
        "keywords": keywords(collection),
        "links": _links(collection, place),
        "extents": {
            "spatial": {"bbox": list(collection.bbox), "crs": CRS84},
            "temporal": {**span, "resolution": "P1Y"},
        },
        "providers": [_features(collection, place), _tiles(collection, place)],
    }


def described(collection: Collection) -> dict[str, str]:
    """The description by language with sources and licences: the licence travels with every copy of the text."""
    stated = dict.fromkeys(f"{entry['attribution']} ({entry['licence']})" for entry in collection.licences)
    heads = {"ko": "출처", "en": "Sources"}
    return {lang: f"{collection.description[lang]} {head}: {'; '.join(stated)}" for lang, head in heads.items()}


def keywords(collection: Collection) -> dict[str, list[str]]:
    """The keywords by language; made-up data says so among them, which pages show as a label."""
    more = SYNTHETIC if collection.synthetic else {}
    return {language: [*words, *more.get(language, ())] for language, words in KEYWORDS.items()}


def _links(collection: Collection, place: Place) -> list[Json]:
    """Licences that have a page, the schema from which GDAL takes the types of its fields, and what only we answer."""
    known = dict.fromkeys(e["licence"] for e in collection.licences if e["licence"] in LICENCE_PAGES)
    licences = [{"rel": "license", "type": "text/html", "title": n, "href": LICENCE_PAGES[n]} for n in known]
    here = f"{place.url}/collections/{collection.id}"
    feature = f"{here}/schema?profile=feature"
    schema = {"rel": "describedby", "type": "application/schema+json", "title": "GeoJSON Feature", "href": feature}
    pictures = [
        {"rel": "related", "type": "text/html", "title": "지도 · Map", "href": f"{place.url}/map"},
        *(
            {"rel": f"{OGC}/tilesets-{kind}", "type": "application/json", "title": title}
            | {"href": f"{here}/{kind}/tiles?f=json"}
            for kind, title in TILESETS.items()
            if kind == "map" or isinstance(collection, CellCollection)
        ),
        {"rel": f"{OGC}/sortables", "type": "application/schema+json", "title": "정렬 속성 · Sortables"}
        | {"href": f"{here}/sortables"},
        *(
            {"rel": "related", "type": form.media, "title": form.title, "href": f"{here}/items?f={name}"}
            for name, form in FILES.items()
        ),
        {"rel": STYLES, "type": "application/json", "title": "양식 · Styles", "href": f"{here}/styles"},
    ]
    return [*licences, *(pictures if place.ours else []), schema]


def _features(collection: Collection, place: Place) -> Json:
    return {
        "type": "feature",
        "name": "carbon_provider.features.CarbonGridProvider",
        "data": place.data,
        "collection": collection.id,
        "crs": list(collection.crs),
        "storage_crs": CRS84,
        "include_extra_query_parameters": True,
    }


def _tiles(collection: Collection, place: Place) -> Json:
    first, last = collection.zooms("WebMercatorQuad")
    return {
        "type": "tile",
        "name": "carbon_provider.tiles.CarbonTileProvider",
        "data": place.data,
        "collection": collection.id,
        "format": {"name": "mvt", "mimetype": MVT},
        "options": {"zoom": {"min": first, "max": last}, "schemes": list(collection.published.tile_sets)},
    }


def _process(name: str, place: Place) -> Json:
    return {"type": "process", "processor": {"name": processor(name), "data": place.data, "url": place.url}}


def processor(name: str) -> str:
    """Dotted name of a process's pygeoapi processor: ``estimate-region`` is EstimateRegionProcessor of its module."""
    words = name.split("-")
    return f"processes.{'_'.join(words)}.{''.join(w.capitalize() for w in words)}Processor"


def api_document(config: Json, collections: Iterable[Collection]) -> Json:
    """The OpenAPI document of a configuration."""
    fields = {c.id: {n: f.schema() for n, f in c.fields.items()} for c in collections}
    return document(config, fields, parts())


def to_yaml(document: Json) -> str:
    """A document as YAML without anchors; ``${…}`` stays unquoted, where alone pygeoapi replaces it."""
    return yaml.dump(document, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=120)


class _Plain(yaml.SafeDumper):
    """Writes repeated values out instead of naming them: people read these files, and not every tool knows anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Never use anchors."""
        return True


def write_stock(settings: Settings, directory: Path) -> list[Path]:
    """Write ``pygeoapi-config.yml`` and ``openapi.json`` of everything published, for stock ``pygeoapi serve``."""
    collections = list(Catalogue(settings.data).snapshot().collections.values())
    config = pygeoapi_config(collections, Place.of(settings, ours=False))
    texts = {
        "pygeoapi-config.yml": to_yaml(config).encode(),
        "openapi.json": orjson.dumps(api_document(config, collections), option=orjson.OPT_INDENT_2) + b"\n",
    }
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in texts.items():
        (directory / name).write_bytes(data)
    return [directory / name for name in texts]
