# SPDX-License-Identifier: Apache-2.0
"""Regions that must be refused, collected: what is sent, the place that is named, a word of the reason, the status.

They lie near the toy city (127.33 E, 36.51 N), so nothing but their fault can be the reason.
"""

import base64
import io
import math
import random
import sqlite3
import struct
import tempfile
import zipfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import mapping

from tests.api.files import GEOJSON, GEOPACKAGE, KML, ZIP, frame, qualified, shapefile, written, zipped

LON, LAT = 127.33, 36.51
BOX = shapely.box(LON, LAT, LON + 0.004, LAT + 0.003)
SQUARE = [list(p) for p in BOX.exterior.coords]
HOLE = [[LON + 0.001, LAT + 0.001], [LON + 0.002, LAT + 0.001], [LON + 0.002, LAT + 0.002], [LON + 0.001, LAT + 0.001]]


@dataclass(frozen=True)
class Bad:
    """One case; ``at`` is what the pointer ends in, below /inputs/region."""

    region: Any
    at: str
    word: str
    status: int = 400


def polygon(*rings: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": list(rings)}


def multi(*polygons: Any) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": list(polygons)}


def moved(ring: list[list[float]], east: float, north: float) -> list[list[float]]:
    return [[x + east, y + north] for x, y in ring]


def tangle(vertices: int) -> list[list[float]]:
    """A ring that crosses itself almost everywhere: to repair it would take seconds to for ever."""
    draw = random.Random(3)
    ring = [[LON + draw.random() / 100, LAT + draw.random() / 100] for _ in range(vertices)]
    return [*ring, ring[0]]


def bomb(member: str, size: int) -> bytes:
    """A small zip that unfolds to so many bytes."""
    return zipped(shapefile(frame([BOX], "EPSG:4326")) | {member: bytes(size)})


def link_in_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("region.shp")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def lying_zip() -> bytes:
    """A zip whose directory says that a member is shorter than it is."""
    data = bytearray(zipped(shapefile(frame([BOX], "EPSG:4326"))))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 5)
    return bytes(data)


def without(suffix: str) -> bytes:
    return zipped({n: d for n, d in shapefile(frame([BOX], "EPSG:5179")).items() if not n.endswith(suffix)})


def gpkg(shapes: list[Any], crs: str | None = "EPSG:4326") -> dict[str, Any]:
    return qualified(written(frame(shapes, crs), GEOPACKAGE), GEOPACKAGE)


def with_wkb(wkb: bytes) -> dict[str, Any]:
    """A GeoPackage with a row whose geometry is just these bytes."""
    with tempfile.NamedTemporaryFile(suffix=".gpkg") as file:
        Path(file.name).write_bytes(written(frame([BOX], "EPSG:4326"), GEOPACKAGE))
        with closing(sqlite3.connect(file.name)) as database:
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                database.execute(f'DROP TRIGGER "{name}"')
            database.execute("UPDATE layer SET geom = ?", (b"GP\0\x01" + struct.pack("<i", 4326) + wkb,))
            database.commit()
        return qualified(Path(file.name).read_bytes(), GEOPACKAGE)


def nested(depth: int) -> bytes:
    """Well-known binary of a point in so many collections."""
    return struct.pack("<BII", 1, 7, 1) * depth + struct.pack("<BIdd", 1, 1, LON, LAT)


ARC = struct.pack("<BIIBII6d", 1, 10, 1, 1, 8, 3, LON, LAT, LON + 0.01, LAT, LON, LAT)
VRT = b'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/vsicurl/http://%s/x.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
ENTITIES = b'<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "aaaa">]><kml>&a;</kml>'
CROSSED = polygon([SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3], SQUARE[0]])
MANY = [[LON + i * 1e-7, LAT] for i in range(200_001)]

_INLINE: dict[str, Bad] = {
    "null": Bad(None, "", "object is expected"),
    "a number": Bad(7, "", "object is expected"),
    "an array": Bad([SQUARE], "", "object is expected"),
    "well-known text": Bad("POLYGON((0 0,1 0,1 1,0 0))", "", "object is expected"),
    "an empty object": Bad({}, "/type", "is no region"),
    "a point": Bad({"type": "Point", "coordinates": [LON, LAT]}, "/type", "is no region"),
    "a line": Bad({"type": "LineString", "coordinates": SQUARE}, "/type", "is no region"),
    "a geometry collection": Bad({"type": "GeometryCollection", "geometries": []}, "/type", "is no region"),
    "a type in lower case": Bad(polygon(SQUARE) | {"type": "polygon"}, "/type", "is no region"),
    "a type that is a list": Bad(polygon(SQUARE) | {"type": ["Polygon"]}, "/type", "is no region"),
    "a topology": Bad({"type": "Topology", "objects": {}}, "/type", "is no region"),
    "no coordinates": Bad({"type": "Polygon"}, "/coordinates", "must be an array"),
    "null coordinates": Bad({"type": "Polygon", "coordinates": None}, "/coordinates", "must be an array"),
    "empty coordinates": Bad(polygon(), "/coordinates", "is empty"),
    "an empty ring": Bad(polygon([]), "/coordinates/0", "is empty"),
    "an empty multipolygon": Bad(multi(), "/coordinates", "is empty"),
    "an empty part": Bad(multi([SQUARE], []), "/coordinates/1", "is empty"),
    "a feature without geometry": Bad({"type": "Feature", "geometry": None}, "/geometry", "must be a GeoJSON object"),
    "a feature in a feature": Bad(
        {"type": "Feature", "geometry": {"type": "Feature", "geometry": polygon(SQUARE)}}, "/geometry/type", "no region"
    ),
    "no features": Bad({"type": "FeatureCollection"}, "/features", "must be an array"),
    "an empty collection": Bad({"type": "FeatureCollection", "features": []}, "/features", "is empty"),
    "a collection of geometries": Bad(
        {"type": "FeatureCollection", "features": [polygon(SQUARE)]}, "/features/0/type", "is no region"
    ),
    "one bad of two features": Bad(
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": g} for g in (polygon(SQUARE), 3)]},
        "/features/1/geometry",
        "must be a GeoJSON object",
    ),
    "a ring of three": Bad(polygon(SQUARE[:2] + SQUARE[:1]), "/coordinates/0", "takes 4"),
    "an open ring": Bad(polygon(SQUARE[:-1]), "/coordinates/0", "not closed"),
    "a position of one number": Bad(polygon([[LON], *SQUARE[1:]]), "/coordinates/0/0", "position must be"),
    "a text for a number": Bad(polygon([SQUARE[0], ["127", LAT], *SQUARE[2:]]), "/coordinates/0/1/0", "be a number"),
    "a boolean for a number": Bad(polygon([SQUARE[0], [True, LAT], *SQUARE[2:]]), "/coordinates/0/1/0", "be a number"),
    "null for a number": Bad(polygon([SQUARE[0], [None, LAT], *SQUARE[2:]]), "/coordinates/0/1/0", "be a number"),
    "an enormous number": Bad(polygon([SQUARE[0], [1e300, LAT], *SQUARE[2:]]), "/coordinates/0/1", "projected metres"),
    "rings too deep": Bad(polygon([SQUARE]), "/coordinates/0/0", ""),
    "a multipolygon's depth in a polygon": Bad(multi(SQUARE), "/coordinates/0/0/0", "position must be"),
    "crossing itself": Bad(CROSSED, "", "crosses itself"),
    "a tangle of 300": Bad(polygon(tangle(300)), "", "crosses itself"),
    "a tangle of 1,000": Bad(polygon(tangle(1000)), "", "crosses itself"),
    "no area": Bad(polygon([SQUARE[0], SQUARE[1], SQUARE[0], SQUARE[0]]), "", ""),
    "all the same point": Bad(polygon([SQUARE[0]] * 5), "", ""),
    "a hole outside": Bad(polygon(SQUARE, moved(HOLE, 1, 0)), "", "hole lies outside"),
    "holes in each other": Bad(polygon(SQUARE, HOLE, HOLE), "", ""),
    "a hole as large as its polygon": Bad(polygon(SQUARE, SQUARE), "", ""),
    "overlapping parts": Bad(multi([SQUARE], [moved(SQUARE, 0.001, 0.001)]), "", "overlap"),
    "a part inside another": Bad(multi([SQUARE], [HOLE]), "", "inside another"),
    "a part given twice": Bad(multi([SQUARE], [SQUARE]), "", ""),
    "a spike": Bad(polygon([*SQUARE[:2], [LON + 0.01, LAT + 0.002], SQUARE[1], *SQUARE[2:]]), "", ""),
    "swapped axes": Bad(polygon([p[::-1] for p in SQUARE]), "/coordinates/0/0", "latitude before longitude"),
    "metres of EPSG:5179": Bad(
        mapping(shapely.box(985000, 1835000, 985500, 1835500)), "/coordinates/0/0", "projected metres"
    ),
    "metres of web maps": Bad(
        mapping(shapely.box(14174000, 4370000, 14175000, 4371000)), "/coordinates/0/0", "projected metres"
    ),
    "longitude from 0 to 360 east of 180": Bad(polygon(moved(SQUARE, 100, 0)), "/coordinates/0/0", "out of range"),
    "beyond the pole": Bad(polygon(moved(SQUARE, -100, 60)), "/coordinates/0/0", "not longitude, latitude"),
    "across the antimeridian": Bad(mapping(shapely.box(-179.9, 36, 179.9, 37)), "", "antimeridian"),
    "the other side of the earth": Bad(mapping(shapely.box(-70, -30, -69.9, -29.9)), "", "outside what is served"),
    "the zero island": Bad(mapping(shapely.box(0, 0, 0.001, 0.001)), "", "outside what is served"),
    "beside what is served": Bad(polygon(moved(SQUARE, 0.2, 0)), "", "outside what is served"),
    "another crs member": Bad(
        polygon(SQUARE) | {"crs": {"type": "name", "properties": {"name": "EPSG:5179"}}}, "/crs", "longitude, latitude"
    ),
    "a crs by address": Bad(
        polygon(SQUARE) | {"crs": {"type": "link", "properties": {"href": "http://127.0.0.1:1/"}}}, "/crs", "longitude"
    ),
    "too many vertices": Bad(polygon([*MANY, [LON, LAT + 1], MANY[0]]), "/coordinates/0", "vertices", 413),
    "too many polygons": Bad(multi(*([SQUARE] for _ in range(5_001))), "", "polygons", 413),
    "a unit and a polygon": Bad(polygon(SQUARE) | {"unit": "36110"}, "/unit", "nothing beside it"),
    "a unit that is a number": Bad({"unit": 36110}, "/unit", "code of a unit"),
    "a link elsewhere": Bad({"href": "http://127.0.0.1:1/x"}, "/href", "only an item of this server"),
    "a link to a file": Bad({"href": "file:///etc/passwd"}, "/href", "only an item of this server"),
    "a link that is a number": Bad({"href": 5}, "/href", "address is expected"),
}
_FILES: dict[str, Bad] = {
    "a file without its type": Bad({"value": "AAAA"}, "/mediaType", "needs its media type"),
    "a file of another type": Bad({"value": "AAAA", "mediaType": "image/png"}, "/mediaType", "no accepted file"),
    "no base64": Bad({"value": "%%%", "mediaType": ZIP}, "/value", "base64"),
    "Hangul for base64": Bad({"value": "가나다", "mediaType": ZIP}, "/value", "base64"),
    "another encoding": Bad({"value": "AAAA", "mediaType": ZIP, "encoding": "gzip"}, "/encoding", "encoding"),
    "an empty file": Bad(qualified(b"", GEOPACKAGE), "/value", "no GeoPackage"),
    "noise": Bad(qualified(bytes(range(256)) * 9, GEOPACKAGE), "/value", "no GeoPackage"),
    "a zip that says GeoPackage": Bad(qualified(without(".cpg"), GEOPACKAGE), "/value", "like a zipped Shapefile"),
    "a VRT that says GeoPackage": Bad(qualified(VRT % b"127.0.0.1:1", GEOPACKAGE), "/value", "no GeoPackage"),
    "a VRT that says KML": Bad(qualified(VRT % b"127.0.0.1:1", KML), "/value", "cannot be read as KML"),
    "a cut GeoPackage": Bad(
        qualified(written(frame([BOX], "EPSG:4326"), GEOPACKAGE)[:20_000], GEOPACKAGE), "/value", "GeoPackage"
    ),
    "KML with entities": Bad(qualified(ENTITIES, KML), "/value", "declares entities"),
    "KML without a place": Bad(qualified(b"<kml><Document/></kml>", KML), "/value", "KML"),
    "GeoJSON that is no JSON": Bad(qualified(b"{'type'}", GEOJSON), "/value", "not JSON"),
    "GeoJSON nested 200,000 deep": Bad(qualified(b"[" * 200_000, GEOJSON), "/value", "deep"),
    "GeoJSON of a crossing": Bad(
        qualified(b'{"type":"Polygon","coordinates":[[[127,36],[128,37],[128,36],[127,37],[127,36]]]}', GEOJSON),
        "/value",
        "crosses itself",
    ),
    "no .prj": Bad(qualified(without(".prj"), ZIP), "/value", "states no coordinate reference system"),
    "no .shx": Bad(qualified(without(".shx"), ZIP), "/value", "no .shx"),
    "no .dbf": Bad(qualified(without(".dbf"), ZIP), "/value", "no .dbf"),
    "no .shp": Bad(qualified(zipped({"a.txt": b"x"}), ZIP), "/value", "0 Shapefiles"),
    "an empty zip": Bad(qualified(zipped({}), ZIP), "/value", "zipped Shapefile"),
    "two Shapefiles": Bad(
        qualified(zipped(shapefile(frame([BOX], 4326), "a") | shapefile(frame([BOX], 4326), "b")), ZIP), "/value", "2 S"
    ),
    "a zip in a zip": Bad(qualified(zipped({"region.zip": without(".cpg")}), ZIP), "/value", "another archive"),
    "a name that leads out": Bad(qualified(zipped({"../region.shp": b"x"}), ZIP), "/value", "leads out"),
    "an absolute name": Bad(qualified(zipped({"/etc/region.shp": b"x"}), ZIP), "/value", "leads out"),
    "a drive's name": Bad(qualified(zipped({"C:\\region.shp": b"x"}), ZIP), "/value", "leads out"),
    "a link in a zip": Bad(qualified(link_in_zip(), ZIP), "/value", "holds a link"),
    "a zip with many members": Bad(qualified(zipped({f"{i}.txt": b"" for i in range(65)}), ZIP), "/value", "65", 413),
    "a zip bomb": Bad(qualified(bomb("region.sbn", 60_000_000), ZIP), "/value", "unfolds", 413),
    "a zip that lies": Bad(qualified(lying_zip(), ZIP), "/value", "damaged"),
    "a damaged zip": Bad(qualified(without(".cpg")[:-40], ZIP), "/value", "zip"),
    "a Shapefile of noise": Bad(
        qualified(zipped({f"r{s}": b"noise" * 99 for s in (".shp", ".shx", ".dbf", ".prj")}), ZIP), "/value", "cannot"
    ),
    "points in a file": Bad(gpkg([shapely.Point(LON, LAT)]), "/value/features/0/geometry/type", "no region"),
    "a missing shape": Bad(gpkg([BOX, None]), "/value/features/1/geometry", "there is no geometry"),
    "an empty shape": Bad(gpkg([shapely.Polygon()]), "/coordinates", "empty"),
    "a crossing in a file": Bad(
        gpkg([BOX, shapely.Polygon(CROSSED["coordinates"][0])]), "features/1/geometry", "cross"
    ),
    "swapped axes in a file": Bad(gpkg([shapely.transform(BOX, np.fliplr)]), "", "latitude before long"),
    "metres that say degrees": Bad(gpkg([shapely.box(985000, 1835000, 985100, 1835100)]), "", "projected metres"),
    "degrees that say metres": Bad(gpkg([BOX], "EPSG:5179"), "/value", "look like degrees"),
    "a file without a CRS": Bad(gpkg([BOX], None), "/value", "states no coordinate reference system"),
    "no number in a file": Bad(gpkg([shapely.Polygon([(LON, LAT), (math.inf, LAT), (LON, LAT + 1)])]), "", ""),
    "a collection in a file": Bad(with_wkb(nested(1)), "/value/features/0/geometry/type", "is no region"),
    "collections 100 deep": Bad(with_wkb(nested(100)), "/value/features/0/geometry", "none that can be read"),
    "collections 200,000 deep": Bad(with_wkb(nested(200_000)), "/value", "damaged"),
    "a curve": Bad(with_wkb(ARC), "/value/features/0/geometry", "none that can be read"),
    "an unknown kind": Bad(with_wkb(struct.pack("<BII", 1, 99, 1)), "/value/features/0/geometry", "none that can be"),
    "a polygon that promises too much": Bad(
        with_wkb(struct.pack("<BII", 1, 3, 2**31)), "/value/features/0", "none that"
    ),
    "two layers": Bad(
        qualified(written(frame([BOX], 4326), GEOPACKAGE, b=frame([BOX], 4326)), GEOPACKAGE), "/value", "2 layers"
    ),
    "a large file": Bad(
        {"value": base64.b64encode(bytes(11 << 20)).decode(), "mediaType": ZIP}, "/value", "more than the", 413
    ),
}
BAD: dict[str, Bad] = _INLINE | _FILES
"""By name."""
