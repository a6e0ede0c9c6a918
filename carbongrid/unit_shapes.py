# SPDX-License-Identifier: Apache-2.0
"""Outlines of units made disjoint (architecture, decision 6): published ones overlap and leave gaps.

Each is projected, densified, and loses what units of smaller codes have of it; of zoning, what more specific classes
have. What was wrong with them as they came is measured: the closure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import CRS84, project_polygon, transformer
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import polygonal
from carbongrid.nearby import nearby

type Area = Polygon | MultiPolygon
I64 = NDArray[np.int64]
Texts = NDArray[np.object_]

UNALLOCATED = "unallocated"
"""Code of what lies inside the inventory and in no unit."""
NOISE_M2 = 0.01
"""Area that overlays of projected outlines get wrong at most: kilometres of border, 1e-9 m off."""
_DECIMALS = 2
"""Of square metres that are told: the same noise."""
_SLIVER_M = 0.01
"""Metres of width below which a part between two outlines is the two drawings of one edge."""


@dataclass(frozen=True)
class Closure:
    """How far published outlines are from covering the inventory once, planar m2.

    ``overlap_m2`` counts an area that lies in k units k - 1 times; ``overlapping`` are the pairs of units that share
    area; ``gap_m2`` lies inside the boundary and in no unit, ``outside_m2`` in a unit and outside the boundary.
    """

    overlap_m2: float
    overlapping: int
    gap_m2: float
    outside_m2: float


@dataclass(frozen=True)
class Units:
    """Units of one level by ascending code. ``outline``: projected and disjoint (Multi)Polygons, object array."""

    crs: str
    code: Texts
    name: Texts
    outline: Texts
    raw: Texts

    def __len__(self) -> int:
        return len(self.code)

    @classmethod
    def of(
        cls,
        codes: Sequence[str],
        names: Sequence[str],
        outlines: Sequence[Area],
        crs: str,
        seniority: Sequence[str] | None = None,
    ) -> Self:
        """Units from valid CRS84 outlines in any order.

        ``seniority``: what several share is of the smallest of these, by default of the smallest code. InvalidInput
        where a code appears twice, or where others leave nothing of a unit.
        """
        order, code, name, raw = _ascending(codes, names, outlines, crs)
        place = np.argsort(np.argsort(np.asarray(seniority or codes, str)[order], kind="stable"))
        outline = _disjoint(raw, place)
        if (gone := shapely.is_empty(outline)).any():
            raise InvalidInput(f"other units cover all of unit '{code[gone][0]}'")
        return cls(crs, code, name, outline, raw)

    @classmethod
    def ranked(
        cls, codes: Sequence[str], names: Sequence[str], outlines: Sequence[Area], rank: Sequence[int], crs: str
    ) -> Self:
        """Units some of which are parents drawn over others: what several share is of the lowest rank, then code.

        Parents are what lower ranks leave of them, in ``raw`` too: that they overlap is no error. Units of which no
        more is left than slivers between two drawings of one edge are left out. InvalidInput for a code given twice.
        """
        order, code, name, raw = _ascending(codes, names, outlines, crs)
        ranks = np.asarray(rank, np.int64)[order]
        place = np.empty(len(order), np.int64)
        place[np.argsort(ranks, kind="stable")] = np.arange(len(order))
        outline = column([_without_slivers(g) for g in _disjoint(raw, place)])
        raw = np.where(ranks > 0, outline, raw)
        left = ~shapely.is_empty(outline)
        return cls(crs, code[left], name[left], outline[left], raw[left])

    def within(self, boundary: Area) -> Self:
        """Those that share area with a projected boundary."""
        met = shapely.area(nearby(boundary).intersection(self.outline)) > NOISE_M2
        return type(self)(self.crs, self.code[met], self.name[met], self.outline[met], self.raw[met])

    def published(self) -> Texts:
        """The disjoint outlines in CRS84."""
        back = transformer(self.crs, CRS84)
        return np.asarray(shapely.transform(self.outline, lambda xy: np.column_stack(back.transform(*xy.T))), object)

    def closure(self, boundary: Area) -> Closure:
        """What is wrong with the outlines as they came, against a projected boundary."""
        low, high = shapely.STRtree(self.raw).query(self.raw, predicate="intersects")
        low, high = low[low < high], high[low < high]
        shared = shapely.area(shapely.intersection(self.raw[low], self.raw[high]))
        covered = float(shapely.area(nearby(boundary).intersection(self.outline)).sum())
        return Closure(
            overlap_m2=float(shapely.area(self.raw).sum() - shapely.area(self.outline).sum()),
            overlapping=int((shared > 1e-3).sum()),
            gap_m2=max(0.0, round(boundary.area - covered, _DECIMALS)),
            outside_m2=max(0.0, round(float(shapely.area(self.outline).sum()) - covered, _DECIMALS)),
        )


def column(values: Sequence[object]) -> Texts:
    """An object array, also of geometries."""
    out = np.empty(len(values), object)
    out[:] = values
    return out


def _valid(outline: Area) -> Area:
    return outline if outline.is_valid else polygonal(shapely.make_valid(outline))


def _ascending(
    codes: Sequence[str], names: Sequence[str], outlines: Sequence[Area], crs: str
) -> tuple[list[int], Texts, Texts, Texts]:
    """The order of the codes, and codes, names and projected outlines in it; InvalidInput for a code that is taken."""
    order = sorted(range(len(codes)), key=lambda i: codes[i])
    code = column([codes[i] for i in order])
    if (again := [a for a, b in pairwise(code) if a == b]) or UNALLOCATED in code:
        raise InvalidInput(f"'{again[0] if again else UNALLOCATED}' cannot be the code of a unit: taken")
    raw = column([_valid(project_polygon(outlines[i], crs)) for i in order])
    return order, code, column([names[i] for i in order]), raw


def _disjoint(raw: Texts, place: I64) -> Texts:
    """Each outline minus all whose place comes before its own."""
    unit, other = shapely.STRtree(raw).query(raw, predicate="intersects")
    before = place[other] < place[unit]
    unit, other = unit[before], other[before]
    out = raw.copy()
    for i in np.unique(unit):
        out[i] = polygonal(shapely.difference(raw[i], shapely.union_all(raw[other[unit == i]])))
    return out


def _without_slivers(outline: Area) -> Area:
    """The outline without parts that are narrower than a centimetre all along."""
    parts = shapely.get_parts(outline)
    wide = parts[shapely.area(parts) > _SLIVER_M / 2 * shapely.length(parts)]
    return wide[0] if len(wide) == 1 else MultiPolygon(wide.tolist())
