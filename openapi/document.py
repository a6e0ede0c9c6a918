# SPDX-License-Identifier: Apache-2.0
"""Build the OpenAPI 3.0 document from pygeoapi's configuration, the data dictionary and the declared processes."""

from collections.abc import Mapping
from typing import Any

from openapi.components import (
    PARAMETERS,
    RESPONSES,
    SCHEMAS,
    TEXT,
    Json,
    answer,
    bbox_crs,
    crs,
    formats,
    limit,
    many,
    page,
    path,
    query,
    ref,
    thing,
)

MVT = "application/vnd.mapbox-vector-tile"
STYLE = "application/vnd.mapbox.style+json"
GEOJSON = "application/geo+json"


_CONTENT = ("contentMediaType", "contentEncoding")

type Fields = Mapping[str, Json]
"""JSON Schema by property name."""


def document(config: Json, fields: Mapping[str, Fields], processes: Json) -> Json:
    """The whole document.

    ``config``: pygeoapi's configuration (server, metadata, resources); ``fields``: the properties of each collection by
    its id; ``processes``: paths, schemas and tags of the processes (``processes.openapi.parts``).
    """
    collections = {k: v for k, v in config["resources"].items() if v["type"] == "collection"}
    paths = _common() | _tiles("", "dataset", "the whole dataset", _schemes(collections))
    for name, resource in collections.items():
        paths |= _collection(name, resource, fields[name], config["server"]["limits"])
    every = {name: schema for properties in fields.values() for name, schema in properties.items()}
    return {
        "openapi": "3.0.3",
        "info": _info(config),
        "servers": [{"url": config["server"]["url"]}],
        "tags": [{"name": n} for n in ("server", "dataset", *collections)] + processes["tags"],
        "paths": paths | _oas30(processes["paths"]),
        "components": {
            "parameters": PARAMETERS | {_filter(n): _equality(n, schema) for n, schema in every.items()},
            "schemas": processes["components"]["schemas"] | SCHEMAS | _feature_schemas(every),
            "responses": RESPONSES,
        },
    }


def _text(value: Any) -> str:
    """English of a text in several languages, Korean beside it where it differs."""
    return value if isinstance(value, str) else " / ".join(dict.fromkeys([value["en"], value["ko"]]))


def _info(config: Json) -> Json:
    metadata = config["metadata"]
    licence = {"name": _text(metadata["license"]["name"]), "url": metadata["license"]["url"]}
    identification = metadata["identification"]
    return {
        "title": _text(identification["title"]),
        "description": _text(identification["description"]),
        "version": config["server"]["api_rules"]["api_version"],
        "license": licence,
    }


def _get(tag: str, operation: str, summary: str, parameters: list[Json], ok: Json, *failures: str) -> Json:
    """A path with GET: every operation may also answer 400, 406 and 500."""
    codes = {"NotFound": "404", "Gone": "410", "NotModified": "304"}
    responses = {"200": ok, "400": ref("responses", "InvalidParameter"), "406": ref("responses", "NotAcceptable")}
    responses |= {codes[f]: ref("responses", f) for f in failures} | {"500": ref("responses", "ServerError")}
    body = {"tags": [tag], "operationId": operation, "summary": summary, "parameters": parameters}
    return {"get": body | {"responses": dict(sorted(responses.items()))}}


def _params(*names: str) -> list[Json]:
    return [ref("parameters", n) for n in names]


def _common() -> dict[str, Json]:
    page_params = [formats("json", "html", "jsonld"), *_params("lang")]
    plain = [formats("json", "html"), *_params("lang")]
    matrix_id = path("tileMatrixSetId", TEXT, "Identifier of the tile matrix set.")
    open_api = page("schema", "This document.", "application/vnd.oai.openapi+json;version=3.0")
    return {
        "/": _get("server", "getLandingPage", "Landing page", page_params, page("landingPage", "Links to everything.")),
        "/openapi": _get("server", "getOpenApi", "This document", plain, open_api),
        "/conformance": _get(
            "server", "getConformance", "Conformance classes", plain, page("conformance", "Declared classes.")
        ),
        "/collections": _get(
            "server", "getCollections", "All collections", page_params, page("collections", "Every collection.")
        ),
        "/tileMatrixSets": _get(
            "server", "getTileMatrixSetsList", "Tile matrix sets", plain, page("tileMatrixSets", "Known sets.")
        ),
        "/tileMatrixSets/{tileMatrixSetId}": _get(
            "server",
            "getTileMatrixSet",
            "A tile matrix set",
            [matrix_id, *plain],
            page("tileMatrixSet", "Its definition."),
            "NotFound",
        ),
        "/healthz": _get(
            "server",
            "getHealth",
            "Is the server alive?",
            [],
            answer("It answers and can read the catalogue.", {"application/json": ref("schemas", "health")}),
        ),
    }


def _schemes(collections: Mapping[str, Json]) -> list[str]:
    """Tile matrix sets of the dataset: those that any collection offers, in a stable order."""
    found = [p["options"]["schemes"] for c in collections.values() for p in c["providers"] if p["type"] == "tile"]
    return list(dict.fromkeys(s for schemes in found for s in schemes))


def _collection(name: str, resource: Json, fields: Fields, limits: Json) -> dict[str, Json]:
    title, base = _text(resource["title"]), f"/collections/{name}"
    features, tiles = (next(p for p in resource["providers"] if p["type"] == t) for t in ("feature", "tile"))
    describe = [formats("json", "html", "jsonld"), *_params("lang")]
    schema_params = [formats("json", "html"), *_params("lang")]
    schema = page("schema", "JSON Schema.", "application/schema+json")
    return {
        base: _get(name, f"describe.{name}", f"About {title}", describe, page("collection", "Metadata."), "NotFound"),
        f"{base}/schema": _get(
            name, f"schema.{name}", f"Properties of {title}", [*schema_params, *_params("profile")], schema, "NotFound"
        ),
        f"{base}/queryables": _get(
            name, f"queryables.{name}", f"Queryables of {title}", schema_params, schema, "NotFound"
        ),
        f"{base}/items": _items(name, title, features["crs"], fields, limits),
        f"{base}/items/{{featureId}}": _item(name, title, features["crs"]),
        **_tiles(base, name, title, tiles["options"]["schemes"]),
        **_styles(base, name, title),
    }


def _items(name: str, title: str, uris: list[str], fields: Fields, limits: Json) -> Json:
    names = list(fields)
    choose = query("properties", many({"type": "string", "enum": names}), "Only these properties.")
    order = query(
        "sortby", many({"type": "string", "pattern": f"^[+-]?({'|'.join(names)})$"}), "Sort keys, - descending."
    )
    parameters = [
        formats("json", "geojson", "html", "jsonld", "csv"),
        limit(limits["default_items"], limits["max_items"]),
        *_params("bbox", "datetime", "edition", "cursor", "offset", "lang", "resulttype", "skipGeometry"),
        bbox_crs(uris),
        crs(uris),
        choose,
        order,
        *_params(*map(_filter, fields)),
    ]
    ok = answer(
        "A page of features.", {GEOJSON: ref("schemas", "featureCollection"), "text/html": TEXT, "text/csv": TEXT}
    )
    summary = f"Features of {title}"
    return _get(name, f"items.{name}", summary, parameters, ok, "NotFound", "Gone", "NotModified")


def _item(name: str, title: str, uris: list[str]) -> Json:
    parameters = [*_params("featureId", "edition", "lang"), crs(uris), formats("json", "geojson", "html", "jsonld")]
    ok = answer("The feature.", {GEOJSON: ref("schemas", "feature"), "text/html": TEXT})
    return _get(name, f"item.{name}", f"A feature of {title}", parameters, ok, "NotFound", "Gone", "NotModified")


def _filter(name: str) -> str:
    """Component name of the parameter that filters by a property."""
    return f"property.{name}"


def _equality(name: str, field: Json) -> Json:
    """The parameter that keeps features with one value of a property; annotations of the property stay out."""
    plain = {k: v for k, v in field.items() if k in ("type", "format", "enum")}
    return query(name, plain, f"Only features with this value of: {field['title']}.")


def _tiles(base: str, tag: str, title: str, schemes: list[str]) -> dict[str, Json]:
    """Tileset list, tileset metadata and tiles; CITE finds tiles by an operationId that holds ``.getTile``."""
    operation = f"{tag}.{'collection' if base else 'dataset'}.vector"
    pages = ["html"] if base else []
    matrix_set = path("tileMatrixSetId", {"type": "string", "enum": schemes}, "Identifier of the tile matrix set.")
    choose = query("properties", many(TEXT), "Attributes of the tile's features instead of the default ones.")
    select = [formats("mvt"), choose, *_params("datetime", *(["edition"] if base else []))]
    tile = answer("The tile; empty where nothing lies.", {MVT: {"type": "string", "format": "binary"}})
    meta = answer("Metadata.", {"application/json": {"oneOf": [ref("schemas", "tileSet"), ref("schemas", "tileJson")]}})
    lists = [formats("json", *pages), *_params("lang")]
    about = [matrix_set, formats("json", "tilejson", *pages), *_params("lang")]
    place = [matrix_set, *_params("tileMatrix", "tileRow", "tileCol")]
    of = f"of {title}"
    one = f"{base}/tiles/{{tileMatrixSetId}}"
    return {
        f"{base}/tiles": _get(
            tag, f"{operation}.getTileSetsList", f"Tilesets {of}", lists, page("tileSets", "Tilesets."), "NotFound"
        ),
        one: _get(tag, f"{operation}.getTileSet", f"A tileset {of}", about, meta, "NotFound"),
        f"{one}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _get(
            tag, f"{operation}.getTile", f"A tile {of}", [*place, *select], tile, "NotFound", "Gone", "NotModified"
        ),
    }


def _styles(base: str, tag: str, title: str) -> dict[str, Json]:
    """The list of styles, and a style as a Mapbox style document over the collection's own tiles."""
    lists = answer("Styles by id, with links to their documents.", {"application/json": {"type": "object"}})
    document = answer("The style.", {STYLE: {"type": "object"}})
    style = path("styleId", TEXT, "Identifier of the style.")
    return {
        f"{base}/styles": _get(
            tag,
            f"{tag}.getStyles",
            f"Styles of {title}",
            [formats("json"), *_params("lang")],
            lists,
            "NotFound",
            "NotModified",
        ),
        f"{base}/styles/{{styleId}}": _get(
            tag,
            f"{tag}.getStyle",
            f"A style of {title}",
            [style, formats("mapbox", "json"), *_params("lang")],
            document,
            "NotFound",
            "NotModified",
        ),
    }


def _feature_schemas(fields: Fields) -> dict[str, Json]:
    count = {"type": "integer", "minimum": 0}
    properties = {
        n: {k: v for k, v in f.items() if not k.startswith("x-")} | {"nullable": True} for n, f in fields.items()
    }
    feature = thing(
        ["type", "id", "geometry", "properties"],
        type={"type": "string", "enum": ["Feature"]},
        id=TEXT,
        geometry={"nullable": True, "allOf": [ref("schemas", "geometry")]},
        properties={"type": "object", "properties": properties},
        links=many(ref("schemas", "link")),
    )
    collection = thing(
        ["type", "features"],
        type={"type": "string", "enum": ["FeatureCollection"]},
        features=many(ref("schemas", "feature")),
        links=many(ref("schemas", "link")),
        timeStamp={"type": "string", "format": "date-time"},
        numberMatched=count,
        numberReturned=count,
    )
    return {"feature": feature, "featureCollection": collection}


def _oas30(part: Any) -> Any:
    """The part without the JSON Schema keywords that OpenAPI 3.0 lacks: encoded content is ``format: byte`` there."""
    if isinstance(part, list):
        return [_oas30(item) for item in part]
    if not isinstance(part, dict):
        return part
    kept = {key: _oas30(value) for key, value in part.items() if key not in _CONTENT}
    return kept if len(kept) == len(part) else {**kept, "format": "byte"}
