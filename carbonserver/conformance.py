# SPDX-License-Identifier: Apache-2.0
"""Conformance classes as data: what each part of the server can claim, declared where that part is configured.

pygeoapi declares by code module, not by instance: read-only collections would claim Features Part 4. Every class here
has a test named after it in ``tests/conformance`` (``ogcapi-tiles-1/1.0/conf/mvt``: ``test_tiles_1_mvt``); without one
the tests fail.
"""

from collections.abc import Sized

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
    *_classes("ogcapi-tiles-1/1.0", "datetime", "oas30", "mvt", "png"),
    *_classes("tms/2.0", "tilematrixset", "json-tilematrixset", "tilematrixsetlimits"),
    *_classes("tms/2.0", "tilesetmetadata", "json-tilesetmetadata"),
)
PROCESSES = _classes("ogcapi-processes-1/1.0", "core", "ogc-process-description", "json", "html", "oas30", "dismiss")

JOB_LIST = _classes("ogcapi-processes-1/1.0", "job-list")
"""Where ``/jobs`` lists anonymous jobs: clients and CITE expect a list without credentials."""


def declared(collections: Sized, processes: Sized, *, public_jobs: bool = False) -> dict[str, list[str]]:
    """The document ``/conformance`` of a server with these collections and processes."""
    data = (*FEATURES, *TILES) if len(collections) else ()
    run = (*PROCESSES, *(JOB_LIST if public_jobs else ())) if len(processes) else ()
    return {"conformsTo": sorted({*COMMON, *data, *run})}
