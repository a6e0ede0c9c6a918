# SPDX-License-Identifier: Apache-2.0
"""Geometry of source objects: projected, repaired, of one dimension, clipped; each step maps Features to Features."""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiLineString, MultiPolygon

from carbongrid.geometry.wkb import Wkb
from carbongrid.nearby import Nearby
from carbonstore.places.reproject import reprojected
from carbonstore.report import LISTED, Measure, Repair, exact_sum
from carbonstore.sources.features import DIMENSION, Features

type Geometries = NDArray[np.object_]

SLIVER_M2 = 1e-3
"""Overlaps below this are rounding of shared edges, not objects lying on one another."""


TOUCH = 1e-6
"""Metres or square metres inside a region up to which an object only touches it."""


@dataclass(frozen=True)
class Repairs:
    """How many geometries were made valid, their summed measures before and after, and the largest changes."""

    count: int = 0
    before: Measure = 0.0
    after: Measure = 0.0
    largest: tuple[Repair, ...] = ()


def project(features: Features, crs: str) -> Features:
    """2-D geometries in another CRS, vertex by vertex; rows whose coordinates cannot be projected are left out."""
    geometry = reprojected(features.geometry, features.crs, crs)
    bounds = shapely.bounds(geometry)
    lost = ~np.isfinite(bounds).all(axis=1) & features.used & ~shapely.is_empty(geometry)
    geometry[lost] = None
    return replace(features, geometry=geometry, crs=crs).reject(lost, "coordinates outside the CRS")


def footprints(features: Features) -> tuple[Features, int]:
    """Buildings given as points become squares of their footprint, so that they lie somewhere and cover something.

    Footprint = floor area / storeys (one where unknown), in the projected CRS; points without floor area are left out.
    Also how many were drawn.
    """
    points = features.used & np.isin(shapely.get_type_id(features.geometry), (0, 4))
    if features.kind != "buildings" or not points.any():
        return features, 0
    storeys = np.nan_to_num(features.columns["storeys"], nan=1.0)
    half = np.sqrt(features.columns["floor_area_m2"] / np.maximum(storeys, 1.0)) / 2
    drawn = points & np.isfinite(half)
    at = shapely.get_coordinates(shapely.centroid(features.geometry[drawn]))
    geometry = features.geometry.copy()
    geometry[drawn] = shapely.box(*(at - half[drawn, None]).T, *(at + half[drawn, None]).T)
    squares = replace(features, geometry=geometry)
    return squares.reject(points & ~drawn, "point without floor area"), int(drawn.sum())


def repair(features: Features) -> tuple[Features, Repairs]:
    """Valid geometries of the kind's dimension only: ``make_valid`` by linework, other parts dropped, sizes compared.

    Linework turns a shell nested in a shell into a hole; the structure method would count its area twice.
    """
    dimension = DIMENSION[features.kind]
    kinds = shapely.get_type_id(features.geometry)
    plain = np.isin(kinds, (3, 6) if dimension == 2 else (1, 5))
    suspect = features.used & ~(plain & shapely.is_valid(features.geometry))
    before = features.measures()
    geometry = features.geometry.copy()
    geometry[suspect] = parts_of(shapely.make_valid(geometry[suspect], method="linework"), dimension)
    repaired = replace(features, geometry=geometry)
    after = repaired.measures()
    empty = repaired.used & ~(after > 0)
    what = "no polygon with an area" if dimension == 2 else "no line with a length"
    changed = suspect & ~empty
    return repaired.reject(empty, what), _repairs(features.id[changed], before[changed], after[changed])


def _repairs(ids: Geometries, before: NDArray[np.float64], after: NDArray[np.float64]) -> Repairs:
    order = np.argsort(-np.abs(before - after), kind="stable")[:LISTED]
    largest = tuple(Repair(str(ids[i]), float(before[i]), float(after[i])) for i in order)
    return Repairs(len(ids), exact_sum(before), exact_sum(after), largest)


def parts_of(geometries: Geometries, dimension: int) -> Geometries:
    """Each geometry's parts of one dimension as one (Multi)Polygon or (Multi)LineString; empty ones stay empty."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    parts, inner = shapely.get_parts(parts, return_index=True)
    owner = owner[inner]
    keep = shapely.get_dimensions(parts) == dimension
    parts, owner = parts[keep], owner[keep]
    gather = shapely.multipolygons if dimension == 2 else shapely.multilinestrings
    whole = np.full(len(geometries), MultiPolygon() if dimension == 2 else MultiLineString(), object)
    if len(parts):
        gather(parts, indices=owner, out=whole)
    single = np.bincount(owner, minlength=len(geometries)) == 1
    whole[owner[single[owner]]] = parts[single[owner]]
    return whole


def clip(features: Features, region: Nearby, reason: str) -> tuple[Features, NDArray[np.float64]]:
    """What lies inside a region (same CRS) and the measure cut away from each row; rows wholly outside are left out."""
    used, before, boxes = features.used, features.measures(), shapely.bounds(features.geometry)
    inside = region.covers(boxes, features.geometry)
    crossing = used & ~inside & region.intersects(boxes, features.geometry)
    geometry = features.geometry.copy()
    geometry[crossing] = parts_of(region.intersection(geometry[crossing]), DIMENSION[features.kind])
    clipped = replace(features, geometry=geometry)
    after = np.minimum(clipped.measures(), before)
    gone = used & ~inside & ~(crossing & (after > TOUCH))
    clipped = replace(clipped, geometry=np.where(gone, features.geometry, geometry))
    return clipped.reject(gone, f"outside the {reason}"), np.where(crossing & ~gone, before - after, 0.0)


@dataclass(frozen=True)
class Overlay:
    """Pairs of rows whose boxes meet: ``earlier`` and ``later`` int64, ascending by later, then earlier.

    An earlier row that is among the same rows counts from 0; -1, -2, … are the first, second, … of ``others``.
    """

    earlier: NDArray[np.int64]
    later: NDArray[np.int64]
    others: Wkb


@dataclass(frozen=True)
class Overlap:
    """Pairs of objects lying on one another, the area they share, what was taken off each row (0 unless removed)."""

    pairs: int
    area: Measure
    removed: NDArray[np.float64]


def overlaps(features: Features, overlay: Overlay, *, remove: bool) -> tuple[Features, Overlap]:
    """Count objects that lie on one another; with ``remove`` the later row gives way: no ground counts twice."""
    geometry = np.concatenate([features.geometry, overlay.others.to_shapely()[::-1]])  # -1 is the first of the others
    a, b = geometry[overlay.earlier], geometry[overlay.later]
    shared = np.zeros(len(a))
    met = np.flatnonzero(shapely.intersects(a, b))
    shared[met] = shapely.area(shapely.intersection(a[met], b[met]))
    real = shared > SLIVER_M2
    a, later, found = a[real], overlay.later[real], exact_sum(shared[real])
    removed = np.zeros(len(features))
    if not remove or not len(a):
        return features, Overlap(len(a), found, removed)
    before = features.measures()
    kept = features.geometry.copy()
    rows, first = np.unique(later, return_index=True)
    for row, start, stop in zip(rows, first, [*first[1:], len(later)], strict=True):
        rest = shapely.difference(features.geometry[row], shapely.union_all(a[start:stop]))
        kept[row] = parts_of(np.array([rest], object), 2)[0]
    thinner = replace(features, geometry=kept)
    removed = before - thinner.measures()
    covered = thinner.used & ~(thinner.measures() > SLIVER_M2)
    thinner = replace(thinner, geometry=np.where(covered, features.geometry, kept))
    removed[covered] = 0.0
    return thinner.reject(covered, "covered by others"), Overlap(len(a), found, removed)
