# SPDX-License-Identifier: Apache-2.0
"""Small places and files for the readers' tests: a 4 x 4 km square in Seoul on EPSG:5179, and what to read in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shapely

from carbongrid.crs import CRS84, project_polygon
from carbonstore.inventory.source_spec import SourceSpec, source_spec
from carbonstore.inventory.toml_keys import Keys
from carbonstore.places.reproject import reprojected
from carbonstore.sources import ReadContext

CRS = "EPSG:5179"
WEST, SOUTH = 958_000.0, 1_944_000.0
"""South-west corner of the square (easting, northing), m."""
TERMS = {"licence": "CC0-1.0", "attribution": "Test"}


def square(east: float, north: float, size: float) -> shapely.Polygon:
    """A square of ``size`` metres whose corner lies (east, north) metres from the place's corner."""
    return shapely.box(WEST + east, SOUTH + north, WEST + east + size, SOUTH + north + size)


def line(*points: tuple[float, float]) -> shapely.LineString:
    """A line through points given in metres from the place's corner."""
    return shapely.LineString([(WEST + x, SOUTH + y) for x, y in points])


PLACE = reprojected([square(0, 0, 4_000)], CRS, CRS84)[0]
"""The square in CRS84; its edges, straight there, bulge by centimetres from those of the grid."""


def context(year: int = 2024, **given: Any) -> ReadContext:
    """What readers of the place are told."""
    return ReadContext(CRS, PLACE, year, project_polygon(PLACE, CRS), **given)


def spec(folder: Path, **keys: Any) -> SourceSpec:
    """A checked source of a file in ``folder``; licence and attribution filled in."""
    values: Mapping[str, Any] = TERMS | keys
    return source_spec(Keys(values, "test.toml: source 1", folder), PLACE)
