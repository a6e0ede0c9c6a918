# SPDX-License-Identifier: Apache-2.0
"""Conformance classes this server declares: only what it implements and tests, whatever pygeoapi lists by itself.

pygeoapi declares by code module, not by instance: read-only collections would claim Features Part 4.
"""

_SPEC = "http://www.opengis.net/spec"


def _classes(standard: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{_SPEC}/{standard}/conf/{name}" for name in names)


COMMON = (
    *_classes("ogcapi-common-1/1.0", "core", "landing-page", "json", "html", "oas30"),
    *_classes("ogcapi-common-2/1.0", "collections"),
)
FEATURES = (
    *_classes("ogcapi-features-1/1.0", "core", "oas30", "html", "geojson"),
    *_classes("ogcapi-features-2/1.0", "crs"),
    *_classes("ogcapi-features-3/1.0", "queryables", "queryables-query-parameters"),
    *_classes("ogcapi-features-3/1.0", "filter", "features-filter"),
    *_classes("ogcapi-common-3/1.0", "schemas", "core-roles", "queryables", "sortables"),
    *_classes("cql2/1.0", "cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators"),
    *_classes("cql2/1.0", "case-insensitive-comparison", "accent-insensitive-comparison"),
    *_classes("cql2/1.0", "basic-spatial-functions", "basic-spatial-functions-plus", "spatial-functions"),
    *_classes("cql2/1.0", "temporal-functions", "property-property", "arithmetic"),
)
TILES = (
    *_classes("ogcapi-tiles-1/1.0", "core", "tileset", "tilesets-list", "geodata-tilesets", "dataset-tilesets"),
    *_classes("ogcapi-tiles-1/1.0", "datetime", "oas30", "mvt"),
    *_classes("tms/2.0", "tilematrixset", "json-tilematrixset", "tilematrixsetlimits"),
    *_classes("tms/2.0", "tilesetmetadata", "json-tilesetmetadata"),
)
PROCESSES = _classes("ogcapi-processes-1/1.0", "core", "ogc-process-description", "json", "oas30")
