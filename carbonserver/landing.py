# SPDX-License-Identifier: Apache-2.0
"""The landing page as JSON: pygeoapi's has no place for links to the map and to the dataset's tilesets."""

from typing import Any

from carbonserver.config import DESCRIPTION, TITLE

OGC = "http://www.opengis.net/def/rel/ogc/1.0"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
TITLES = {
    "self": {"ko": "이 문서 (JSON)", "en": "This document as JSON"},
    "html": {"ko": "이 문서 (HTML)", "en": "This document as HTML"},
    "jsonld": {"ko": "이 문서 (JSON-LD)", "en": "This document as JSON-LD"},
    "openapi": {"ko": "OpenAPI 정의 (JSON)", "en": "The OpenAPI definition as JSON"},
    "openapi-html": {"ko": "OpenAPI 정의 (HTML)", "en": "The OpenAPI definition as HTML"},
    "conformance": {"ko": "적합성 클래스", "en": "Conformance classes"},
    "data": {"ko": "컬렉션", "en": "Collections"},
    "tilesets": {"ko": "전체 자료의 벡터 타일셋", "en": "Vector tilesets of the whole dataset"},
    "schemes": {"ko": "타일 행렬 집합", "en": "Tile matrix sets"},
    "processes": {"ko": "프로세스", "en": "Processes"},
    "jobs": {"ko": "작업 목록", "en": "Jobs"},
    "map": {"ko": "지도", "en": "Map"},
    "wmts": {"ko": "WMTS 1.0.0 (지도 타일)", "en": "WMTS 1.0.0 of the map tiles"},
}
_LINKS = (
    ("self", "/?f=json", "application/json", "self"),
    ("alternate", "/?f=html", "text/html", "html"),
    ("alternate", "/?f=jsonld", "application/ld+json", "jsonld"),
    ("service-desc", "/openapi", OPENAPI, "openapi"),
    ("service-doc", "/openapi?f=html", "text/html", "openapi-html"),
    ("conformance", "/conformance", "application/json", "conformance"),
    ("data", "/collections", "application/json", "data"),
    (f"{OGC}/tilesets-vector", "/tiles?f=json", "application/json", "tilesets"),
    (f"{OGC}/tiling-schemes", "/tileMatrixSets", "application/json", "schemes"),
    (f"{OGC}/processes", "/processes", "application/json", "processes"),
    ("related", "/map", "text/html", "map"),
    ("related", "/wmts/1.0.0/WMTSCapabilities.xml", "application/xml", "wmts"),
)
_JOBS = (f"{OGC}/job-list", "/jobs", "application/json", "jobs")


def landing_page(base: str, language: str, *, public_jobs: bool = False) -> dict[str, Any]:
    """The document in ``ko`` or ``en``; every address starts with ``base``."""
    return {
        "title": TITLE[language],
        "description": DESCRIPTION[language],
        "links": [
            {"rel": rel, "type": media, "title": TITLES[title][language], "href": base + path}
            for rel, path, media, title in (*_LINKS, *((_JOBS,) if public_jobs else ()))
        ],
    }
