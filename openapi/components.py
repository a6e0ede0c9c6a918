# SPDX-License-Identifier: Apache-2.0
"""Reusable parts of the document: schemas, parameters and responses, none of them remote.

Shapes follow OGC 17-069r4 (Features 1), 18-058r1 (Features 2), 20-057 (Tiles 1), 17-083r4 (Tile Matrix Sets 2) and
18-062r2 (Processes 1); parameter definitions are those that CITE's suites look for, word for word.
"""

from typing import Any

type Json = dict[str, Any]

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
FORMATS = {
    "json": "JSON or GeoJSON",
    "geojson": "GeoJSON",
    "html": "HTML",
    "jsonld": "JSON-LD (schema.org)",
    "jsonfg": "OGC Features and Geometries JSON 1.0",
    "csv": "CSV, geometry as well-known text",
    "parquet": "GeoParquet 1.1",
    "fgb": "FlatGeobuf",
    "gpkg": "GeoPackage",
    "mvt": "Mapbox Vector Tile",
    "png": "PNG",
    "tilejson": "TileJSON 3.0",
    "mapbox": "Mapbox style document",
}
TEXT: Json = {"type": "string"}
LANGUAGES: Json = {"type": "string", "enum": ["ko", "ko-KR", "en", "en-US"]}
GEOMETRIES = ["LineString", "MultiLineString", "Polygon", "MultiPolygon"]
"""Types that geometries of records have."""
LINKS: Json = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}


def ref(kind: str, name: str) -> Json:
    """A reference inside the document."""
    return {"$ref": f"#/components/{kind}/{name}"}


def thing(required: list[str], **properties: Json) -> Json:
    """Schema of an object."""
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def many(items: Json, **more: Any) -> Json:
    """Schema of an array."""
    return {"type": "array", "items": items, **more}


def query(name: str, schema: Json, description: str) -> Json:
    """An optional query parameter in form style, not exploded."""
    head = {"name": name, "in": "query", "required": False, "description": description}
    return head | {"schema": schema, "style": "form", "explode": False}


def path(name: str, schema: Json, description: str) -> Json:
    """A path parameter."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": schema}


def formats(*names: str) -> Json:
    """The parameter ``f`` with the formats of one resource, the default first."""
    text = "; ".join(f"`{n}`: {FORMATS[n]}" for n in names)
    return query("f", {"type": "string", "enum": list(names), "default": names[0]}, f"Output format, {text}.")


def limit(default: int, maximum: int) -> Json:
    """The parameter ``limit``."""
    schema = {"type": "integer", "minimum": 1, "maximum": maximum, "default": default}
    return query("limit", schema, f"Features of a page; a larger number than {maximum} is answered with {maximum}.")


def crs(uris: list[str]) -> Json:
    """The parameter ``crs``: a reference system of the answer, in the axis order of its authority."""
    schema = {"type": "string", "format": "uri", "enum": uris, "default": CRS84}
    return query("crs", schema, "Coordinate reference system of the answer, axes in the order of its authority.")


def bbox_crs(uris: list[str]) -> Json:
    """The parameter ``bbox-crs``."""
    schema = {"type": "string", "format": "uri", "enum": uris, "default": CRS84}
    return query("bbox-crs", schema, "Coordinate reference system of bbox, axes in the order of its authority.")


def filter_crs(uris: list[str]) -> Json:
    """The parameter ``filter-crs``."""
    schema = {"type": "string", "format": "uri", "enum": uris, "default": CRS84}
    return query("filter-crs", schema, "Coordinate reference system of the filter's geometries, axes likewise.")


EDITION: Json = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
PARAMETERS: dict[str, Json] = {
    "bbox": query(
        "bbox",
        many({"type": "number"}, minItems=4, maxItems=6),
        "Only features whose geometry intersects or touches the box: west, south, east, north (in bbox-crs).",
    ),
    "datetime": query(
        "datetime",
        TEXT,
        "Only features whose year intersects this date, date-time or interval (RFC 3339; `..` is open): `2023-07-01`, "
        "`2022-01-01/2023-12-31`, `2023-01-01T00:00:00Z/..`. A bare year is not valid.",
    ),
    "filter": query(
        "filter",
        TEXT,
        "Only features for which this CQL2 condition is true: `net > 10 AND status = 'ok'`, "
        "`S_INTERSECTS(geometry, BBOX(127.2,36.4,127.3,36.5))`. Names are those of the queryables.",
    ),
    "filter-lang": query(
        "filter-lang",
        {"type": "string", "enum": ["cql2-text", "cql2-json", "cql-text"], "default": "cql2-text"},
        "Language of the filter; `cql-text` is what older clients call `cql2-text`.",
    ),
    "edition": query("edition", EDITION, "Answer from this published edition; 410 when it is no longer kept."),
    "cursor": query("cursor", TEXT, "Place of the page, as given by a `next` link."),
    "offset": query("offset", {"type": "integer", "minimum": 0, "default": 0}, "Features to skip."),
    "skipGeometry": query("skipGeometry", {"type": "boolean", "default": False}, "Leave geometries out (null)."),
    "resulttype": query(
        "resulttype",
        {"type": "string", "enum": ["results", "hits"], "default": "results"},
        "`hits` counts only: numberMatched without features.",
    ),
    "lang": query("lang", LANGUAGES, "Language of titles; without it the header Accept-Language decides."),
    "profile": query(
        "profile",
        {"type": "string", "enum": ["properties", "feature"], "default": "properties"},
        "The logical properties, or the GeoJSON feature that holds them.",
    ),
    "featureId": path("featureId", TEXT, "Feature id, `{code}.{year}`; a bare code redirects to its newest record."),
    "tileMatrix": path("tileMatrix", TEXT, "Identifier of the tile matrix (zoom level)."),
    "tileRow": path("tileRow", {"type": "integer", "minimum": 0}, "Row, counted from the north."),
    "tileCol": path("tileCol", {"type": "integer", "minimum": 0}, "Column, counted from the west."),
}

_BOX: Json = many(many({"type": "number"}, minItems=4, maxItems=6), minItems=1)
_INTERVAL: Json = many(many({"type": "string", "nullable": True}, minItems=2, maxItems=2), minItems=1)
_LIMITS: Json = {
    name: {"type": "integer", "minimum": 0} for name in ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
}
SCHEMAS: dict[str, Json] = {
    "exception": thing(
        ["type"],
        **dict.fromkeys(("type", "code", "title", "description", "detail", "instance", "where"), TEXT),
        status={"type": "integer"},
        allowed=many(TEXT),
        links=LINKS,
    ),
    "link": thing(
        ["href", "rel"],
        href=TEXT,
        rel=TEXT,
        type=TEXT,
        hreflang=TEXT,
        title=TEXT,
        templated={"type": "boolean"},
        length={"type": "integer"},
    ),
    "landingPage": thing(["links"], title=TEXT, description=TEXT, links=LINKS),
    "conformance": thing(["conformsTo"], conformsTo=many(TEXT)),
    "collections": thing(["collections", "links"], collections=many(ref("schemas", "collection")), links=LINKS),
    "collection": thing(
        ["id", "links"],
        id=TEXT,
        title=TEXT,
        description=TEXT,
        keywords=many(TEXT),
        links=LINKS,
        extent=thing([], spatial=thing([], bbox=_BOX, crs=TEXT), temporal=thing([], interval=_INTERVAL, trs=TEXT)),
        itemType=TEXT,
        crs=many(TEXT),
        storageCrs=TEXT,
    ),
    "schema": {"type": "object", "description": "JSON Schema of a feature's properties."},
    "geometry": thing(["type"], type={"type": "string", "enum": GEOMETRIES}, coordinates=many({})),
    "tileSets": thing(["tilesets"], tilesets=many(ref("schemas", "tileSet")), links=LINKS),
    "tileSet": thing(
        ["dataType", "crs", "links"],
        title=TEXT,
        description=TEXT,
        dataType={"type": "string", "enum": ["vector", "map", "coverage"]},
        crs=TEXT,
        tileMatrixSetURI=TEXT,
        tileMatrixSetLimits=many(thing(["tileMatrix", *_LIMITS], tileMatrix=TEXT, **_LIMITS)),
        layers=many({"type": "object"}),
        boundingBox={"type": "object"},
        links=LINKS,
    ),
    "tileJson": thing(
        ["tilejson", "tiles", "vector_layers"],
        tilejson=TEXT,
        tiles=many(TEXT),
        vector_layers=many({"type": "object"}),
        bounds=many({"type": "number"}, minItems=4, maxItems=4),
        center=many({"type": "number"}, minItems=3, maxItems=3),
        minzoom={"type": "integer"},
        maxzoom={"type": "integer"},
        name=TEXT,
        attribution=TEXT,
    ),
    "tileMatrixSets": thing(["tileMatrixSets"], tileMatrixSets=many({"type": "object"}), links=LINKS),
    "tileMatrixSet": thing(["tileMatrices"], id=TEXT, title=TEXT, uri=TEXT, crs=TEXT, tileMatrices=many({})),
    "map": thing(
        ["inventories", "styles", "links"],
        inventories=many({"type": "object", "required": ["id", "title", "years", "bbox", "levels"]}),
        styles=many({"type": "object", "required": ["id", "title", "property"]}),
        links=LINKS,
    ),
    "health": thing(["status"], status={"type": "string", "enum": ["ok"]}, collections={"type": "integer"}),
}


def answer(description: str, content: dict[str, Json]) -> Json:
    """A response by media type."""
    return {"description": description, "content": {media: {"schema": schema} for media, schema in content.items()}}


def page(schema: str, description: str, media: str = "application/json", *, linked: bool = False) -> Json:
    """A response in JSON or as an HTML page, where ``linked`` also as JSON-LD."""
    more: dict[str, Json] = {"application/ld+json": {"type": "object"}} if linked else {}
    return answer(description, {media: ref("schemas", schema), "text/html": TEXT, **more})


def _failure(description: str) -> Json:
    return answer(description, {"application/json": ref("schemas", "exception")})


RESPONSES: dict[str, Json] = {
    "InvalidParameter": _failure("A parameter is unknown or its value is not valid; the text names what is allowed."),
    "NotFound": _failure("The resource does not exist."),
    "NotAcceptable": _failure("None of the accepted media types can be served."),
    "Gone": _failure("The edition named was published once and is no longer kept."),
    "TooLarge": _failure("The body or the request exceeds a stated limit."),
    "ServerError": _failure("An unexpected error; the text holds the request's id."),
    "SeeOther": {
        "description": "The name is a cell's or a unit's own: its newest record has another name.",
        "headers": {
            "Location": {"description": "Address of the record.", "schema": {"type": "string", "format": "uri"}}
        },
    },
    "NotModified": {"description": "What the client holds (If-None-Match) is current."},
}


def get(tag: str, operation: str, summary: str, parameters: list[Json], ok: Json, *failures: str) -> Json:
    """A path with GET: every operation may also answer 400, 406 and 500."""
    codes = {"SeeOther": "303", "NotModified": "304", "NotFound": "404", "Gone": "410"}
    responses = {"200": ok, "400": ref("responses", "InvalidParameter"), "406": ref("responses", "NotAcceptable")}
    responses |= {codes[f]: ref("responses", f) for f in failures} | {"500": ref("responses", "ServerError")}
    body = {"tags": [tag], "operationId": operation, "summary": summary, "parameters": parameters}
    return {"get": body | {"responses": dict(sorted(responses.items()))}}


def params(*names: str) -> list[Json]:
    """References to shared parameters."""
    return [ref("parameters", n) for n in names]
