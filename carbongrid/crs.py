# SPDX-License-Identifier: Apache-2.0
"""Coordinate reference systems: cached transformers, straight edges in CRS84, true areas.

Axis order is always (longitude or easting, latitude or northing).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Proj, Transformer
from shapely import MultiPolygon, Polygon

from carbongrid.errors import InvalidInput

F64 = NDArray[np.float64]

CRS84 = "OGC:CRS84"
TOLERANCE = 1e-5
"""Metres by which a projected edge may miss the edge that is straight in CRS84 (architecture, decision 5)."""
TOLERANCE_DEGREES = 1e-10
"""The same on the ground for edges that are straight in a projected CRS and come into CRS84."""
_CHECKED = 16
"""Edges cut into more parts than this are measured chord by chord; shorter ones follow the square law."""
_GEOD = Geod(ellps="WGS84")
_GEODESIC_STEP = 0.01
"""Degrees between the points of an edge in :func:`geodesic_area`: a parallel bends 1.5 cm off in between."""


@lru_cache(maxsize=64)
def transformer(src: str, dst: str) -> Transformer:
    """Transformer from one CRS to another, (x, y) order on both sides whatever the authority says."""
    return Transformer.from_crs(src, dst, always_xy=True)


@lru_cache(maxsize=64)
def _projection(crs: str) -> Proj:
    return Proj(crs)


def areal_scale(crs: str, easting: NDArray[np.number], northing: NDArray[np.number]) -> F64:
    """Planar area / geodesic area at points of a projected CRS, same shape as the input (dimensionless, about 1)."""
    lon, lat = transformer(crs, CRS84).transform(np.asarray(easting, np.float64), np.asarray(northing, np.float64))
    return np.asarray(_projection(crs).get_factors(lon, lat).areal_scale, np.float64)


def square_areas(crs: str, west: NDArray[np.number], south: NDArray[np.number], size: float) -> F64:
    """Geodesic areas (m2) of squares of ``size`` metres given by their south-west corners; within 1e-7 up to 1 km."""
    return size * size / areal_scale(crs, west + size / 2, south + size / 2)


def geodesic_area(polygon: Polygon | MultiPolygon) -> float:
    """Area in m2 on the WGS 84 ellipsoid of a CRS84 polygon whose edges are straight in CRS84; holes are left out."""
    fine = shapely.segmentize(polygon, _GEODESIC_STEP)
    outlines = [(part.exterior, 1.0) for part in _polygons(fine)]
    outlines += [(hole, -1.0) for part in _polygons(fine) for hole in part.interiors]
    return float(sum(sign * abs(_GEOD.geometry_area_perimeter(Polygon(ring))[0]) for ring, sign in outlines))


@lru_cache(maxsize=8)
def project_polygon(
    polygon: Polygon | MultiPolygon, crs: str, src: str = CRS84, tolerance: float = TOLERANCE
) -> Polygon | MultiPolygon:
    """The polygon in another CRS, its edges (straight in ``src``) densified until they miss by <= ``tolerance``.

    ``tolerance`` is in units of ``crs``: 0.01 mm of a projected one. The points of an edge do not depend on the
    direction in which the ring runs, so polygons that share an edge still share it. InvalidInput where the projection
    cannot hold the polygon.
    """
    rings = [shapely.get_coordinates(ring) for part in _polygons(polygon) for ring in (part.exterior, *part.interiors)]
    dense = iter(densify(rings, transformer(src, crs), tolerance) if rings else ())
    parts = [Polygon(next(dense), [next(dense) for _ in part.interiors]) for part in _polygons(polygon)]
    return parts[0] if len(parts) == 1 and isinstance(polygon, Polygon) else MultiPolygon(parts)


def _polygons(polygon: Polygon | MultiPolygon) -> list[Polygon]:
    parts = polygon.geoms if isinstance(polygon, MultiPolygon) else [polygon]
    return [part for part in parts if not part.is_empty]


def densify(rings: Sequence[F64], to: Transformer, tolerance: float = TOLERANCE) -> list[F64]:
    """Project chains of points (n, 2), open or closed, with enough points between to keep edges straight in the source.

    Returns one (m, 2) array a chain. Points of an edge are computed from its smaller end, so they are the same bits in
    both directions. ``tolerance`` is the largest distance, in units of the target, between an edge and its chords.
    """
    start = np.concatenate([ring[:-1] for ring in rings])
    end = np.concatenate([ring[1:] for ring in rings])
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    low, high = np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)
    count, points = _subdivide(low, high, to, tolerance)
    first = np.cumsum(count + 1) - (count + 1)
    edge = np.repeat(np.arange(len(count)), count + 1)
    step = np.arange(len(edge)) - first[edge]
    turned = points[first[edge] + np.where(swap[edge], count[edge] - step, step)]
    chain_edges = np.cumsum([len(ring) - 1 for ring in rings])
    last = np.zeros(len(count), bool)
    last[chain_edges - 1] = True
    kept = (step < count[edge]) | last[edge]
    size = np.add.reduceat(count, np.r_[0, chain_edges[:-1]]) + 1
    return np.split(turned[kept], np.cumsum(size)[:-1])


def _subdivide(low: F64, high: F64, to: Transformer, tolerance: float) -> tuple[NDArray[np.int64], F64]:
    """Number of chords of each edge, and the projected points of all edges, ends included, one edge after the other."""
    quarter = np.array([0.0, 0.25, 0.5, 0.75, 1.0])[:, None, None]
    probe = _project((low + (high - low) * quarter).reshape(-1, 2), to).reshape(5, -1, 2)
    count = _parts_needed(_miss(probe[0], probe[4], probe[1:4]).max(axis=0), tolerance)
    while True:
        edge = np.repeat(np.arange(len(count)), count + 1)
        step = np.arange(len(edge)) - (np.cumsum(count + 1) - (count + 1))[edge]
        at_end = step == count[edge]
        source = low[edge] + (high - low)[edge] * (step / count[edge])[:, None]
        source[at_end] = high
        points = _project(source, to)
        chord = np.flatnonzero((count[edge] > _CHECKED) & ~at_end)
        if not len(chord):
            return count, points
        middle = _project((source[chord] + source[chord + 1]) / 2, to)
        worst = np.zeros(len(count))
        np.maximum.at(worst, edge[chord], _miss(points[chord], points[chord + 1], middle))
        if not (worst > tolerance).any():
            return count, points
        count = np.where(worst > tolerance, count * _parts_needed(worst, tolerance), count)


def _parts_needed(miss: F64, tolerance: float) -> NDArray[np.int64]:
    """Chords that keep an edge within the tolerance: the miss falls with the square of their length."""
    return np.maximum(1, np.ceil(np.sqrt(miss / (0.9 * tolerance)))).astype(np.int64)


def _miss(start: F64, end: F64, point: F64) -> F64:
    """Distance of points from the line through the ends of their chords."""
    chord, offset = end - start, point - start
    length = np.hypot(chord[..., 0], chord[..., 1])
    cross = np.abs(chord[..., 0] * offset[..., 1] - chord[..., 1] * offset[..., 0])
    return np.asarray(cross / np.where(length == 0, 1, length), np.float64)


def _project(points: F64, to: Transformer) -> F64:
    x, y = to.transform(points[:, 0], points[:, 1])
    projected = np.stack([x, y], axis=1)
    if not np.isfinite(projected).all():
        bad = points[np.argmin(np.isfinite(projected).all(axis=1))]
        raise InvalidInput(f"longitude {bad[0]:g}, latitude {bad[1]:g} lies outside what the map projection can hold")
    return projected
