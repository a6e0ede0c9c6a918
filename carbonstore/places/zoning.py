# SPDX-License-Identifier: Apache-2.0
"""Zoning districts of an inventory: all land of one class in one unit (``36110-UQA111``), disjoint, once.

A zone lies in the unit that it states; where that is none (a city whose units are its districts), in the one that
holds its inner point, or in the nearest: outlines of units are generalised, overlap and leave gaps.
Specific classes come before their generic parents, which keep what no specific zone covers.
"""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import CRS84, TOLERANCE_DEGREES, project_polygon
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import polygonal
from carbongrid.unit_shapes import Units
from carbonstore.inventory.units_spec import ZoningSpec
from carbonstore.places.boundary import areas_of
from carbonstore.places.reproject import reprojected
from carbonstore.sources import kor_zoning

type Area = Polygon | MultiPolygon
Texts = NDArray[np.object_]

_FAR = 0.01
"""Degrees (about 1 km) beyond which a zone belongs to no unit."""


@dataclass(frozen=True)
class Holders:
    """Units that zones lie in: ``code`` and ``outline`` (CRS84) of all that are drawn, several rows of one code too.

    ``own``: codes of those that the inventory has. ``names`` by code. ``read``: stated codes of any day as these are.
    """

    code: Texts
    outline: Texts
    own: Set[str]
    names: Mapping[str, str]
    read: Callable[[Texts], Texts]

    def of(self, zones: kor_zoning.Zones, area: Texts) -> Texts:
        """Code of the unit of each zone, whose shape ``area`` is; None of one that lies far from all."""
        stated, drawn = self.read(zones.sigungu), np.unique(self.code.astype(str))
        known = np.isin(stated.astype(str), drawn)
        out = stated.copy()
        out[~known] = self.at(reprojected(shapely.point_on_surface(area[~known]), zones.crs, CRS84))
        return out

    def at(self, points: Texts) -> Texts:
        """Code of the unit that each CRS84 point lies in or nearest to, own before others; None where all are far."""
        out = np.full(len(points), None, object)
        point, row = shapely.STRtree(self.outline).query_nearest(points, max_distance=_FAR)
        others = np.array([c not in self.own for c in self.code[row].tolist()], bool)
        order = np.lexsort((row, others, point))
        found, first = np.unique(point[order], return_index=True)
        out[found] = self.code[row[order][first]]
        return out


@dataclass(frozen=True)
class Districts:
    """Districts that share area with the inventory; ``report`` says what was read and what was left out."""

    units: Units
    report: Mapping[str, Any]
    licence: str
    attribution: str


def districts(spec: ZoningSpec, boundary: Area, crs: str, holders: Holders) -> Districts:
    """Districts inside a CRS84 boundary; InvalidInput where no zone lies in the inventory's units."""
    zones = kor_zoning.read(spec.paths, spec.place, crs=spec.crs, encoding=spec.encoding)
    area = np.empty(len(zones.code), object)
    area[:] = [areas_of(g) if g is not None else Polygon() for g in zones.geometry]
    drawn = ~shapely.is_empty(area)
    holder = holders.of(zones, area)
    here = drawn & np.array([h in holders.own for h in holder.tolist()], bool)
    named = here & np.array([c is not None for c in zones.code.tolist()], bool)
    units = _dissolved(zones, area, holder, np.flatnonzero(named), crs, holders.names)
    units = units.within(project_polygon(boundary, crs))
    if not len(units):
        raise InvalidInput("no zone lies in the inventory", where=f"{spec.place}.path", allowed=["layers of the place"])
    report = {
        "layers": list(zones.layers),
        "absent": list(zones.absent),
        "crs": zones.crs,
        "zones": len(zones.code),
        "used": int(named.sum()),
        "elsewhere": int((drawn & ~here).sum()),
        "without_area": int((~drawn).sum()),
        "without_code": int((here & ~named).sum()),
        "without_code_m2": round(float(shapely.area(area[here & ~named]).sum())),
    }
    return Districts(units, report, spec.licence, spec.attribution)


def _dissolved(
    zones: kor_zoning.Zones, area: Texts, holder: Texts, rows: NDArray[np.intp], crs: str, names: Mapping[str, str]
) -> Units:
    """Zones of these rows by unit and class. Edges are straight in the layers' CRS, so they are densified from it."""
    key = np.array([f"{holder[i]}-{zones.code[i]}" for i in rows], object)
    code, first, at = np.unique(key.astype(str), return_index=True, return_inverse=True)
    each = np.split(rows[np.argsort(at, kind="stable")], np.cumsum(np.bincount(at, minlength=len(code)))[:-1])
    whole = [polygonal(shapely.union_all(area[of])) for of in each] if len(code) else []
    name = [f"{names.get(holder[i], holder[i])} {zones.name[i]}" for i in rows[first]]
    outlines = [areas_of(project_polygon(g, CRS84, zones.crs, TOLERANCE_DEGREES)) for g in whole]
    return Units.ranked(code.tolist(), name, outlines, zones.rank[rows[first]].tolist(), crs)
