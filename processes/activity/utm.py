# SPDX-License-Identifier: Apache-2.0
"""The UTM zone of a region: the grid's CRS where nobody names one."""

from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from shapely import MultiPolygon, Polygon

from carbongrid.errors import InvalidInput


def utm_zone(polygon: Polygon | MultiPolygon) -> str:
    """``EPSG:326xx`` or ``EPSG:327xx`` (WGS 84 / UTM) of the middle of a CRS84 polygon, exceptions of Norway included.

    InvalidInput near the poles, where UTM has no zone.
    """
    west, south, east, north = polygon.bounds
    middle = ((west + east) / 2, (south + north) / 2)
    found = query_utm_crs_info("WGS 84", AreaOfInterest(*middle, *middle))
    zones = sorted(f"EPSG:{info.code}" for info in found)
    if not zones:
        raise InvalidInput("there is no UTM zone here", where="/inputs/crs", allowed=["a projected CRS in metres"])
    return zones[0]
