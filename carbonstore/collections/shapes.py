# SPDX-License-Identifier: Apache-2.0
"""Where records lie: squares of a grid, or geometries of their own; both as whole decimals of a published CRS.

Squares keep the decimals of ``quads``. Geometries keep two more in degrees, one in metres: about a tenth of a
millimetre, so that outlines that share a vertex still share it.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.crs import transformer
from carbongrid.grid import Window
from carbonstore.collections.quads import WGS84, Box, OutputCrs

Ints = NDArray[np.int64]
Geometries = NDArray[np.object_]


@dataclass(frozen=True)
class Squares:
    """Cells of a window by their flat index."""

    window: Window
    index: Ints


@dataclass(frozen=True)
class Shapes:
    """Two-dimensional geometries in CRS84, None where a record has none; those of ``published`` as clients get them."""

    geometry: Geometries

    def __len__(self) -> int:
        return len(self.geometry)

    @classmethod
    def published(cls, geometry: Geometries) -> "Shapes":
        """Geometries in CRS84 with the decimals that clients get."""
        return cls(_rounded(geometry, fine(WGS84)))

    def take(self, rows: Ints) -> "Shapes":
        """Those of some rows."""
        return Shapes(self.geometry[rows])

    def in_crs(self, to: OutputCrs) -> Geometries:
        """Geometries in a published CRS with its decimals, x to the east whatever the authority's order."""
        if to.name == WGS84.name:
            return self.geometry
        return _rounded(in_crs(self.geometry, to.name), fine(to))

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.geometry)

    @cached_property
    def _nowhere(self) -> Ints:
        """Rows without geometry."""
        return np.flatnonzero(shapely.is_missing(self.geometry))

    def near(self, box: Box) -> Ints:
        """Rows, ascending, whose bounds meet a box, and those without geometry."""
        return np.union1d(self._tree.query(_box(box)), self._nowhere)

    def touching(self, box: Box) -> Ints:
        """Rows, ascending, that touch a box, and those without geometry."""
        return np.union1d(self._tree.query(_box(box), predicate="intersects"), self._nowhere)


def in_crs(geometry: Geometries, crs: str) -> Geometries:
    """CRS84 geometries in another CRS, x before y."""
    to = transformer(WGS84.name, crs)
    return np.asarray(shapely.transform(geometry, lambda xy: np.column_stack(to.transform(*xy.T))), object)


def in_units(geometry: Geometries, west: float, north: float, unit: float) -> Geometries:
    """Projected geometries in ``unit`` from the corner (west, north) of a tile, x to the right, y down."""
    corner, scale = np.array([west, north]), np.array([1 / unit, -1 / unit])
    return np.asarray(shapely.transform(geometry, lambda xy: (xy - corner) * scale), object)


def fine(to: OutputCrs) -> OutputCrs:
    """A published CRS with the decimals of geometries."""
    return replace(to, decimals=9 if to.decimals == WGS84.decimals else to.decimals + 1)


def scaled(geometry: Geometries, to: OutputCrs) -> Ints:
    """Coordinates (vertices, 2) of geometries that are published in a CRS, as whole decimals."""
    return np.rint(shapely.get_coordinates(geometry) * fine(to).scale).astype(np.int64)


def _rounded(geometry: Geometries, to: OutputCrs) -> Geometries:
    return np.asarray(shapely.transform(geometry, lambda xy: np.rint(xy * to.scale) / to.scale), object)


def _box(box: Box) -> shapely.Geometry:
    """A box, also one without width or height."""
    west, south, east, north = box
    if west < east and south < north:
        return shapely.box(*box)
    return shapely.Point(west, south) if box[:2] == box[2:] else shapely.LineString([(west, south), (east, north)])
