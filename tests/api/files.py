# SPDX-License-Identifier: Apache-2.0
"""Files as clients send them, made on the spot."""

import base64
import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas
import shapely

GEOJSON, GEOPACKAGE = "application/geo+json", "application/geopackage+sqlite3"
KML, ZIP, CSV = "application/vnd.google-earth.kml+xml", "application/zip", "text/csv"
_SUFFIX = {GEOJSON: ("geojson", "GeoJSON"), GEOPACKAGE: ("gpkg", "GPKG"), KML: ("kml", "KML")}


def qualified(data: bytes, media: str) -> dict[str, Any]:
    """A file as a qualified value."""
    return {"value": base64.b64encode(data).decode(), "mediaType": media, "encoding": "base64"}


def frame(shapes: list[shapely.Geometry], crs: str | None, **columns: list[Any]) -> geopandas.GeoDataFrame:
    """A table of shapes."""
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=crs)


def written(table: geopandas.GeoDataFrame, media: str, **layers: geopandas.GeoDataFrame) -> bytes:
    """The bytes of a file of a table, and of further ``layers`` by name."""
    with tempfile.TemporaryDirectory() as folder:
        if media == ZIP:
            return zipped(shapefile(table))
        suffix, driver = _SUFFIX[media]
        path = Path(folder) / f"layer.{suffix}"
        table.to_file(path, driver=driver, engine="pyogrio")
        for name, layer in layers.items():
            layer.to_file(path, layer=name, driver=driver, engine="pyogrio", mode="a")
        return path.read_bytes()


def shapefile(table: geopandas.GeoDataFrame, stem: str = "region") -> dict[str, bytes]:
    """The files of a Shapefile by name."""
    with tempfile.TemporaryDirectory() as folder:
        table.to_file(Path(folder) / f"{stem}.shp", engine="pyogrio")
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip of files by name."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()
