# SPDX-License-Identifier: Apache-2.0
"""Shapes to test kernels with, and slow references by shapely.

References work in metres from the window's south-west corner: that shift is exact, and GEOS loses fewer digits there.
"""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from carbongrid.grid import Grid, Window

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def window(ncol: int = 20, nrow: int = 20, size: int = 100, left: int = 9_500, bottom: int = 19_400) -> Window:
    """A window in Seoul (EPSG:5179); its south-west corner is (left, bottom) x size metres."""
    return Window(Grid(5179, size), left, bottom + nrow, ncol, nrow)


def local(geometries: object, window: Window) -> NDArray[np.object_]:
    """Geometries in metres from the window's south-west corner."""
    return shapely.transform(np.asarray(geometries, object), lambda xy: xy - np.array(window.bounds[:2]))


def placed(geometries: object, window: Window) -> NDArray[np.object_]:
    """Inverse of :func:`local`, for shapes given in metres from the corner (multiples of 2**-20 m move exactly)."""
    return shapely.transform(np.asarray(geometries, object), lambda xy: xy + np.array(window.bounds[:2]))


def squares(window: Window, index: I64) -> NDArray[np.object_]:
    """Cells as polygons in metres from the window's south-west corner."""
    row, col = np.divmod(index, window.ncol)
    size, south = window.grid.cell_size, window.nrow - 1 - row
    return shapely.box(col * size, south * size, (col + 1) * size, (south + 1) * size)


def measure(shapes: NDArray[np.object_]) -> F64:
    """Area of polygons, length of lines."""
    return np.where(shapely.get_dimensions(shapes) == 2, shapely.area(shapes), shapely.length(shapes))


def cut_by_cells(geometries: object, window: Window) -> tuple[I64, I64, NDArray[np.object_]]:
    """Source, cell and (source and cell) by shapely, in metres from the corner, wherever they share area or length."""
    shapes = local(geometries, window)
    cells = squares(window, np.arange(window.size))
    source, cell = shapely.STRtree(cells).query(shapes, predicate="intersects")
    pieces = shapely.intersection(shapes[source], cells[cell])
    met = shapely.get_dimensions(pieces) == shapely.get_dimensions(shapes[source])
    return source[met], cell[met], pieces[met]


def star(rng: np.random.Generator, x: float, y: float, radius: float, n: int, hole: bool = False) -> shapely.Polygon:
    """A polygon of ``n`` vertices around (x, y), every radius between half and the whole of ``radius``."""
    angle = (np.arange(n) + rng.uniform(0, 0.8, n)) * 2 * np.pi / n
    ring = (rng.uniform(0.5, 1, n) * radius)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centre = np.array([x, y])
    return shapely.Polygon(centre + ring, [centre + 0.4 * ring] if hole else None)


def complement(polygon: BaseGeometry, box: BaseGeometry) -> shapely.MultiPolygon:
    """``box`` minus a polygon inside it, with the very same vertices."""
    parts = shapely.get_parts(polygon)
    holes = [ring for part in parts for ring in part.interiors]
    outer = shapely.Polygon(box.exterior, [part.exterior for part in parts])
    return shapely.MultiPolygon([outer, *(shapely.Polygon(ring) for ring in holes)])
