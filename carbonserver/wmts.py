# SPDX-License-Identifier: Apache-2.0
"""WMTS 1.0.0 (OGC 07-057r7) over the map tiles: what clients read that know no OGC API, by address and by KVP.

A layer is a collection, its styles are ours, a history has the dimension ``Time``. Tiles are those of
``carbonserver.maps`` at their own addresses, which the capabilities give as templates.
"""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode
from xml.etree import ElementTree as Xml

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from carbon_provider.tilesets import PNG, TileSet
from carbongrid.errors import CarbongridError, InvalidInput, NotFound
from carbonserver import answers, styles
from carbonserver.answers import Variant
from carbonserver.config import DESCRIPTION, TITLE
from carbonserver.host import state_of
from carbonserver.maps import Maps
from carbonserver.matrix_sets import definition
from carbonserver.resource import Resource
from carbonserver.styles import Style
from carbonstore.collections.collection import Collection
from carbonstore.collections.tms import SETS, TileMatrixSet
from carbonstore.releases.catalogue import Snapshot

VERSION = "1.0.0"
CAPABILITIES = f"/wmts/{VERSION}/WMTSCapabilities.xml"
XML = "application/xml"
WMTS, OWS, XLINK = "http://www.opengis.net/wmts/1.0", "http://www.opengis.net/ows/1.1", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
WELL_KNOWN = {"WebMercatorQuad": "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"}
PLACE = ("layer", "style", "format", "tilematrixset", "tilematrix", "tilerow", "tilecol")
"""What a KVP request for a tile names (07-057r7, table 29)."""
KNOWN = (
    "service",
    "request",
    "version",
    "acceptversions",
    "sections",
    "updatesequence",
    "acceptformats",
    "time",
    *PLACE,
)

for _prefix, _uri in (("", WMTS), ("ows", OWS), ("xlink", XLINK)):
    Xml.register_namespace(_prefix, _uri)


class Wmts:
    """The routes of WMTS under a base address."""

    def __init__(self, url: str, maps: Maps) -> None:
        self.url, self.maps = url, maps

    def routes(self) -> list[BaseRoute]:
        """Routes to put before pygeoapi's."""
        return [Route(CAPABILITIES, Resource(self._document)), Route("/wmts", Resource(self._kvp))]

    def _document(self, request: Request) -> Response:
        answers.only(request, ("lang",))
        return self._capabilities(request)

    def _capabilities(self, request: Request) -> Response:
        snapshot = state_of(request).snapshot
        variant = Variant("xml", XML, answers.language(request), answers.coding(request))
        head = answers.shared_headers(variant, snapshot.hash, self.url)
        return answers.reply(request, variant, head, lambda: capabilities(snapshot, self.url, variant.language))

    def _kvp(self, request: Request) -> Response:
        """A request as key-value pairs, whose keys may be in any case; errors are OWS exception reports."""
        pairs = {key.lower(): value for key, value in request.query_params.multi_items()}
        try:
            _check(pairs)
            if pairs["request"].lower() == "getcapabilities":
                return self._capabilities(request)
            return self._tile(request, pairs)
        except CarbongridError as error:
            return _report(error)

    def _tile(self, request: Request, pairs: Mapping[str, str]) -> Response:
        names = {"collection": "layer", "tms": "tilematrixset", "z": "tilematrix", "y": "tilerow", "x": "tilecol"}
        path = {name: pairs[key] for name, key in names.items()} | ({"style": pairs["style"]} if pairs["style"] else {})
        query = urlencode({"f": "png"} | ({"datetime": pairs["time"]} if "time" in pairs else {}))
        scope = {**request.scope, "path_params": path, "query_string": query.encode()}
        return self.maps.tile(Request(scope, request.receive))


def _check(pairs: Mapping[str, str]) -> None:
    """InvalidInput, ``where`` the key is, unless a request that we answer is complete."""
    for key in pairs:
        if key not in KNOWN:
            raise InvalidInput(f"unknown parameter '{key}'", where=key, allowed=KNOWN)
    _one_of(pairs, "service", "WMTS")
    _one_of(pairs, "request", "GetCapabilities", "GetTile")
    if pairs["request"].lower() == "gettile":
        missing = next((key for key in PLACE if key not in pairs), None)
        if missing:
            raise InvalidInput(f"'{missing}' is missing", where=missing)
        _one_of(pairs, "format", PNG)


def _one_of(pairs: Mapping[str, str], key: str, *allowed: str) -> None:
    if pairs.get(key, "").lower() not in [value.lower() for value in allowed]:
        raise InvalidInput(f"'{pairs.get(key, '')}' is no value of it", where=key, allowed=allowed)


def _report(error: CarbongridError) -> Response:
    """An OWS exception report (06-121r3, 8)."""
    code = "TileOutOfRange" if isinstance(error, NotFound) and error.where == "tile" else "InvalidParameterValue"
    report = Xml.Element(_ows("ExceptionReport"), {"version": VERSION})
    exception = Xml.SubElement(report, _ows("Exception"), {"exceptionCode": code, "locator": error.where or "request"})
    Xml.SubElement(exception, _ows("ExceptionText")).text = error.sentence
    status = 404 if isinstance(error, NotFound) else 400
    return Response(_bytes(report), status, {"Cache-Control": "no-store"}, XML)


def capabilities(snapshot: Snapshot, base: str, language: str) -> bytes:
    """The capabilities document: service, operations, a layer a collection, the tile matrix sets."""
    root = Xml.Element(_wmts("Capabilities"), {"version": VERSION})
    service = Xml.SubElement(root, _ows("ServiceIdentification"))
    _texts(service, _ows, Title=TITLE[language], Abstract=DESCRIPTION[language])
    _texts(service, _ows, ServiceType="OGC WMTS", ServiceTypeVersion=VERSION)
    operations = Xml.SubElement(root, _ows("OperationsMetadata"))
    for name in ("GetCapabilities", "GetTile"):
        _operation(operations, name, f"{base}/wmts?")
    contents = Xml.SubElement(root, _wmts("Contents"))
    for collection in snapshot.collections.values():
        contents.append(_layer(collection, base, language))
    used = dict.fromkeys(t for p in snapshot.inventories.values() for t in p.tile_sets)
    for tms_id in used:
        contents.append(_matrix_set(SETS[tms_id], base, language))
    Xml.SubElement(root, _wmts("ServiceMetadataURL"), {HREF: base + CAPABILITIES})
    return _bytes(root)


def _operation(parent: Xml.Element, name: str, address: str) -> None:
    operation = Xml.SubElement(parent, _ows("Operation"), {"name": name})
    http = Xml.SubElement(Xml.SubElement(operation, _ows("DCP")), _ows("HTTP"))
    get = Xml.SubElement(http, _ows("Get"), {HREF: address})
    constraint = Xml.SubElement(get, _ows("Constraint"), {"name": "GetEncoding"})
    Xml.SubElement(Xml.SubElement(constraint, _ows("AllowedValues")), _ows("Value")).text = "KVP"


def _layer(collection: Collection, base: str, language: str) -> Xml.Element:
    layer = Xml.Element(_wmts("Layer"))
    about = f"{collection.description[language]} {collection.attribution}"
    _texts(layer, _ows, Title=collection.title[language], Abstract=about)
    west, south, east, north = collection.bbox
    box = Xml.SubElement(layer, _ows("WGS84BoundingBox"))
    _texts(box, _ows, LowerCorner=f"{west} {south}", UpperCorner=f"{east} {north}")
    _texts(layer, _ows, Identifier=collection.id)
    default = styles.default(collection)
    for style_id in styles.ids_of(collection):
        style = Xml.SubElement(layer, _wmts("Style"), {"isDefault": str(style_id == default).lower()})
        _texts(style, _ows, Title=Style.named(style_id).title[language], Identifier=style_id)
    _texts(layer, _wmts, Format=PNG)
    if collection.history:
        _time(layer, collection)
    for tms_id in collection.published.tile_sets:
        layer.append(_limits(TileSet.of_collection(collection, tms_id)))
    place = "{Style}/map/tiles/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}?f=png"
    time = "&datetime={Time}" if collection.history else ""
    template = f"{base}/collections/{collection.id}/styles/{place}{time}"
    Xml.SubElement(layer, _wmts("ResourceURL"), {"format": PNG, "resourceType": "tile", "template": template})
    return layer


def _time(layer: Xml.Element, collection: Collection) -> None:
    """The years as the days they begin with: a bare year is no ``datetime``."""
    days = [f"{year}-01-01" for year in collection.years]
    dimension = Xml.SubElement(layer, _wmts("Dimension"))
    _texts(dimension, _ows, Identifier="Time", UOM="ISO8601")
    _texts(dimension, _wmts, Default=days[-1])
    for day in days:
        Xml.SubElement(dimension, _wmts("Value")).text = day


def _limits(tileset: TileSet) -> Xml.Element:
    """The zooms and tiles of a layer in one tile matrix set."""
    link = Xml.Element(_wmts("TileMatrixSetLink"))
    _texts(link, _wmts, TileMatrixSet=tileset.tiles.id)
    every = Xml.SubElement(link, _wmts("TileMatrixSetLimits"))
    names = ("MinTileRow", "MaxTileRow", "MinTileCol", "MaxTileCol")
    for z in range(tileset.zooms[0], tileset.zooms[1] + 1):
        limits = Xml.SubElement(every, _wmts("TileMatrixLimits"))
        _texts(limits, _wmts, TileMatrix=z, **dict(zip(names, tileset.limits(z), strict=True)))
    return link


def _matrix_set(tiles: TileMatrixSet, base: str, language: str) -> Xml.Element:
    """The set as WMTS writes it: corners in the axis order of the CRS, as in our JSON."""
    found = Xml.Element(_wmts("TileMatrixSet"))
    code = "OGC:1.3:CRS84" if tiles.crs == "OGC:CRS84" else tiles.crs.replace(":", "::")
    _texts(found, _ows, Title=tiles.title[language], Identifier=tiles.id, SupportedCRS=f"urn:ogc:def:crs:{code}")
    if tiles.id in WELL_KNOWN:
        _texts(found, _wmts, WellKnownScaleSet=WELL_KNOWN[tiles.id])
    for given in definition(tiles, base, language)["tileMatrices"]:
        matrix = Xml.SubElement(found, _wmts("TileMatrix"))
        _texts(matrix, _ows, Identifier=given["id"])
        corner = " ".join(map(str, given["pointOfOrigin"]))
        _texts(matrix, _wmts, ScaleDenominator=given["scaleDenominator"], TopLeftCorner=corner)
        sizes = ("TileWidth", "TileHeight", "MatrixWidth", "MatrixHeight")
        _texts(matrix, _wmts, **{name: given[name[0].lower() + name[1:]] for name in sizes})
    return found


def _texts(parent: Xml.Element, named: Callable[[str], str], **texts: object) -> None:
    """A child with a text each, in their order."""
    for name, text in texts.items():
        Xml.SubElement(parent, named(name)).text = str(text)


def _wmts(name: str) -> str:
    return f"{{{WMTS}}}{name}"


def _ows(name: str) -> str:
    return f"{{{OWS}}}{name}"


def _bytes(root: Xml.Element) -> bytes:
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written
