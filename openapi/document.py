# SPDX-License-Identifier: Apache-2.0
"""Build the OpenAPI 3.0 document from pygeoapi's configuration, the data dictionary and the declared processes."""

from collections.abc import Mapping
from typing import Any

from carbonstore.encode.files import FILES
from openapi.components import (
    PARAMETERS,
    RESPONSES,
    SCHEMAS,
    TEXT,
    Json,
    answer,
    bbox_crs,
    crs,
    filter_crs,
    formats,
    get,
    limit,
    many,
    page,
    params,
    path,
    query,
    ref,
    thing,
)
from openapi.tiles import BINARY, pixel_tiles, vector_tiles, wmts

_MEDIA = {name: form.media for name, form in FILES.items()}
"""Media types of items as files, by the value of ``f``."""

STYLE = "application/vnd.mapbox.style+json"
GEOJSON = "application/geo+json"


_CONTENT = ("contentMediaType", "contentEncoding")

type Fields = Mapping[str, Json]
"""JSON Schema by property name."""


def document(config: Json, fields: Mapping[str, Fields], processes: Json) -> Json:
    """The whole document.

    ``config``: pygeoapi's configuration (server, metadata, resources); ``fields``: the properties of each collection by
    its id; ``processes``: paths, schemas and tags of the processes (``processes.web.openapi.parts``).
    """
    collections = {k: v for k, v in config["resources"].items() if v["type"] == "collection"}
    paths = _common() | wmts() | vector_tiles("", "dataset", "the whole dataset", _schemes(collections))
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


def _common() -> dict[str, Json]:
    page_params = [formats("json", "html", "jsonld"), *params("lang")]
    plain = [formats("json", "html"), *params("lang")]
    matrix_id = path("tileMatrixSetId", TEXT, "Identifier of the tile matrix set.")
    open_api = page("schema", "This document.", "application/vnd.oai.openapi+json;version=3.0")
    return {
        "/": get(
            "server",
            "getLandingPage",
            "Landing page",
            page_params,
            page("landingPage", "Links to everything.", linked=True),
        ),
        "/openapi": get("server", "getOpenApi", "This document", plain, open_api),
        "/conformance": get(
            "server", "getConformance", "Conformance classes", plain, page("conformance", "Declared classes.")
        ),
        "/collections": get(
            "server",
            "getCollections",
            "All collections",
            page_params,
            page("collections", "Every collection.", linked=True),
        ),
        "/tileMatrixSets": get(
            "server", "getTileMatrixSetsList", "Tile matrix sets", plain, page("tileMatrixSets", "Known sets.")
        ),
        "/tileMatrixSets/{tileMatrixSetId}": get(
            "server",
            "getTileMatrixSet",
            "A tile matrix set",
            [matrix_id, *plain],
            page("tileMatrixSet", "Its definition."),
            "NotFound",
        ),
        "/map": _map(),
        "/healthz": get(
            "server",
            "getHealth",
            "Is the server alive?",
            [],
            answer("It answers and can read the catalogue.", {"application/json": ref("schemas", "health")}),
        ),
    }


def _map() -> Json:
    """The map page; its JSON twin lists inventories, years, levels and styles."""
    parameters = [formats("html", "json"), *params("lang")]
    state = {
        "inventory": "Inventory shown.",
        "layer": "Layer shown: grid, a level of units, or a kind of source.",
        "sector": "Style shown.",
        "record": "Code of the record that is opened.",
        "cell": "The same, in addresses of older pages.",
    }
    parameters += [query(name, TEXT, text) for name, text in state.items()]
    parameters.append(query("year", {"type": "integer"}, "Year shown."))
    ok = answer("The page, or what it is made from.", {"text/html": TEXT, "application/json": ref("schemas", "map")})
    return get("server", "getMap", "The map", parameters, ok)


def _schemes(collections: Mapping[str, Json]) -> list[str]:
    """Tile matrix sets of the dataset: those that any collection offers, in a stable order."""
    found = [p["options"]["schemes"] for c in collections.values() for p in c["providers"] if p["type"] == "tile"]
    return list(dict.fromkeys(s for schemes in found for s in schemes))


def _collection(name: str, resource: Json, fields: Fields, limits: Json) -> dict[str, Json]:
    title, base = _text(resource["title"]), f"/collections/{name}"
    features, tiles = (next(p for p in resource["providers"] if p["type"] == t) for t in ("feature", "tile"))
    describe = [formats("json", "html", "jsonld"), *params("lang")]
    schema_params = [formats("json", "html"), *params("lang")]
    schema = page("schema", "JSON Schema.", "application/schema+json")
    return {
        base: get(
            name,
            f"describe.{name}",
            f"About {title}",
            describe,
            page("collection", "Metadata.", linked=True),
            "NotFound",
        ),
        f"{base}/schema": get(
            name, f"schema.{name}", f"Properties of {title}", [*schema_params, *params("profile")], schema, "NotFound"
        ),
        f"{base}/queryables": get(
            name, f"queryables.{name}", f"Queryables of {title}", schema_params, schema, "NotFound"
        ),
        f"{base}/sortables": get(
            name,
            f"sortables.{name}",
            f"Properties that {title} can be sorted by",
            schema_params,
            schema,
            "NotFound",
        ),
        f"{base}/items": _items(name, title, features["crs"], fields, limits),
        f"{base}/items/{{featureId}}": _item(name, title, features["crs"]),
        **vector_tiles(base, name, title, tiles["options"]["schemes"]),
        **pixel_tiles(base, name, title, tiles["options"]["schemes"], _in_tonnes(fields) if _cells(fields) else []),
        **_styles(base, name, title),
    }


def _cells(fields: Fields) -> bool:
    """Whether a collection with these properties holds cells, of which alone there are tiles of values."""
    return "cell_id" in fields


def _in_tonnes(fields: Fields) -> list[str]:
    """Names of the properties that maps can draw."""
    return [name for name, schema in fields.items() if schema.get("x-ogc-unit") == "t{CO2e}/a"]


def _items(name: str, title: str, uris: list[str], fields: Fields, limits: Json) -> Json:
    names = list(fields)
    choose = query("properties", many({"type": "string", "enum": names}), "Only these properties.")
    order = query(
        "sortby", many({"type": "string", "pattern": f"^[+-]?({'|'.join(names)})$"}), "Sort keys, - descending."
    )
    parameters = [
        formats("json", "geojson", "html", "jsonld", "jsonfg", *FILES),
        limit(limits["default_items"], limits["max_items"]),
        *params("bbox", "datetime", "edition", "cursor", "offset", "lang", "resulttype", "skipGeometry"),
        bbox_crs(uris),
        crs(uris),
        *params("filter", "filter-lang"),
        filter_crs(uris),
        choose,
        order,
        *params(*map(_filter, fields)),
    ]
    texts: dict[str, Json] = {"text/html": TEXT, "application/ld+json": {"type": "object"}}
    listed = ref("schemas", "featureCollection")
    ok = answer(
        "A page of features; as a file all of them, where no limit is given.",
        {GEOJSON: listed, "application/fg+json": listed, **texts, **dict.fromkeys(_MEDIA.values(), BINARY)},
    )
    summary = f"Features of {title}"
    found = get(name, f"items.{name}", summary, parameters, ok, "NotFound", "Gone", "NotModified")
    return found | _search(name, title, parameters[1:])


def _search(name: str, title: str, parameters: list[Json]) -> Json:
    """The same page by POST, with the filter as the body."""
    others = [formats("json", "geojson"), *(p for p in parameters if p != ref("parameters", "filter"))]
    ok = answer("A page of features.", {GEOJSON: ref("schemas", "featureCollection")})
    found = get(
        name, f"search.{name}", f"Features of {title} that a filter is true for", others, ok, "NotFound", "Gone"
    )
    body = {"description": "The condition, in CQL2 JSON.", "required": True}
    body["content"] = {"application/json": {"schema": {"type": "object"}}}
    return {"post": found["get"] | {"requestBody": body}}


def _item(name: str, title: str, uris: list[str]) -> Json:
    choices = formats("json", "geojson", "html", "jsonld", "jsonfg")
    parameters = [*params("featureId", "edition", "lang"), crs(uris), choices]
    feature = ref("schemas", "feature")
    texts: dict[str, Json] = {"text/html": TEXT, "application/ld+json": {"type": "object"}}
    ok = answer("The feature.", {GEOJSON: feature, "application/fg+json": feature, **texts})
    failures = ("SeeOther", "NotFound", "Gone", "NotModified")
    return get(name, f"item.{name}", f"A feature of {title}", parameters, ok, *failures)


def _filter(name: str) -> str:
    """Component name of the parameter that filters by a property."""
    return f"property.{name}"


def _equality(name: str, field: Json) -> Json:
    """The parameter that keeps features with one value of a property; annotations of the property stay out."""
    plain = {k: v for k, v in field.items() if k in ("type", "format", "enum")}
    return query(name, plain, f"Only features with this value of: {field['title']}.")


def _styles(base: str, tag: str, title: str) -> dict[str, Json]:
    """The list of styles, and a style as a Mapbox style document over the collection's own tiles."""
    lists = answer("Styles by id, with links to their documents.", {"application/json": {"type": "object"}})
    document = answer("The style.", {STYLE: {"type": "object"}})
    style = path("styleId", TEXT, "Identifier of the style.")
    return {
        f"{base}/styles": get(
            tag,
            f"{tag}.getStyles",
            f"Styles of {title}",
            [formats("json"), *params("lang")],
            lists,
            "NotFound",
            "NotModified",
        ),
        f"{base}/styles/{{styleId}}": get(
            tag,
            f"{tag}.getStyle",
            f"A style of {title}",
            [style, formats("mapbox", "json"), *params("lang")],
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
