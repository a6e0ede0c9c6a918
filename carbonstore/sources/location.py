# SPDX-License-Identifier: Apache-2.0
"""Does a layer lie where its author says? Refuses layers that do not, and names the mistake that would explain it.

Quiet datum errors are the dangerous ones: a Korean layer on the old Bessel datum read as the new one moves by 315 m,
the old false northing read as the new one by 100 km. Coordinates cannot show the first; the second is found here.
"""

from collections.abc import Sequence
from math import hypot

import numpy as np
import shapely
from pyproj import CRS
from shapely import MultiPolygon, Polygon

from carbongrid.crs import transformer
from carbongrid.errors import InvalidInput
from carbonstore.sources.features import Features
from carbonstore.sources.geometry import centre

_KOREAN = ("EPSG:5174", "EPSG:5181", "EPSG:5186", "EPSG:5179", "EPSG:5187", "EPSG:5185", "EPSG:2097")
_UZBEK = ("EPSG:32641", "EPSG:32642", "EPSG:32643", "EPSG:28411", "EPSG:28412")
_COMMON = ("OGC:CRS84", "EPSG:3857")

type Area = Polygon | MultiPolygon

HALF = 0.5


def check_location(features: Features, original_crs: str, areas: Sequence[Area], place: str) -> None:
    """InvalidInput where a layer lies elsewhere. ``areas``: the boundary and, if stated, the extent, in the grid CRS.

    A layer may be larger than the boundary, or lie across its edge, so being centred elsewhere is not enough: it must
    also leave out the boundary's middle, and less than half of its objects may meet the boundary.
    """
    used = features.geometry[features.used]
    if not len(used):
        return
    boundary, middle = areas[0], shapely.Point(centre(used))
    if any(area.intersects(middle) for area in areas):
        return
    if shapely.box(*shapely.total_bounds(used)).intersects(boundary.representative_point()):
        return
    shapely.prepare(boundary)
    if shapely.intersects(boundary, used).mean() >= HALF:
        return
    away = middle.distance(boundary) / 1000
    where = _lon_lat(middle, features.crs)
    hint = _suspect(middle, features.crs, original_crs, boundary)
    raise InvalidInput(
        f"the {features.kind} lie outside the boundary: their centre {where} is {away:,.1f} km away{hint}",
        where=place,
        allowed=["a source that lies in the boundary", "the crs its coordinates are really in"],
    )


def _suspect(middle: shapely.Point, grid_crs: str, stated: str, boundary: Area) -> str:
    x, y = transformer(grid_crs, stated).transform(middle.x, middle.y)
    if boundary.intersects(shapely.Point(transformer(stated, grid_crs).transform(y, x))):
        return ". Its axes look swapped: read as (y, x) it lies inside"
    for crs in _candidates(stated):
        east, north = _transformed(crs, grid_crs, x, y)
        if np.isfinite(east) and boundary.intersects(shapely.Point(east, north)):
            shift = hypot(east - middle.x, north - middle.y) / 1000
            return (
                f". Its coordinates look like {crs}, not {_name(stated)}: read so they lie inside ({shift:,.1f} km off)"
            )
    return ""


def _candidates(stated: str) -> Sequence[str]:
    own = _name(stated)
    return [c for c in (*_KOREAN, *_UZBEK, *_COMMON) if c != own]


def _transformed(crs: str, grid_crs: str, x: float, y: float) -> tuple[float, float]:
    if crs == "OGC:CRS84" and not (abs(x) <= 180 and abs(y) <= 90):
        return np.inf, np.inf
    east, north = transformer(crs, grid_crs).transform(x, y)
    return float(east), float(north)


def _name(crs: str) -> str:
    parsed = CRS.from_user_input(crs)
    epsg = parsed.to_epsg()
    return f"EPSG:{epsg}" if epsg else parsed.name


def _lon_lat(point: shapely.Point, crs: str) -> str:
    lon, lat = transformer(crs, "OGC:CRS84").transform(point.x, point.y)
    return f"({lon:.4f}, {lat:.4f})"
