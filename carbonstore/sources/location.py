# SPDX-License-Identifier: Apache-2.0
"""Does a layer lie where its author says? Refuses layers that do not, and names the mistake that would explain it.

Quiet datum errors are the dangerous ones: a Korean layer on the old Bessel datum read as the new one moves by 315 m,
the old false northing read as the new one by 100 km. Coordinates cannot show the first, so where the second is found
every CRS that fits is named: taking the wrong one of them would be the quiet error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod
from shapely import MultiPolygon, Polygon

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput
from carbonstore.sources.features import Features

_KOREAN = ("EPSG:5174", "EPSG:5181", "EPSG:5186", "EPSG:5179", "EPSG:5187", "EPSG:5185", "EPSG:2097")
_UZBEK = ("EPSG:32641", "EPSG:32642", "EPSG:32643", "EPSG:28411", "EPSG:28412")
_COMMON = (CRS84, "EPSG:3857")

type Area = Polygon | MultiPolygon
type F64 = NDArray[np.float64]

HALF = 0.5
_BELTS = ("EPSG:5174", "EPSG:5181", "EPSG:2097")
_TAKEN_FOR = dict.fromkeys(_BELTS, _BELTS) | {"EPSG:28411": ("EPSG:32641",), "EPSG:28412": ("EPSG:32642",)}
"""Systems on an old datum, or mixed up with one, and those some hundred metres apart that they are taken for."""
_GEOD = Geod(ellps="WGS84")
_SAME_M, _QUIET_M = 1.0, 1000.0


@dataclass(frozen=True)
class Lie:
    """Where the objects in use lie: centres of their boxes as read (n, 2) and projected (m, 2), the box of them all
    (projected), and how many meet the boundary.
    """

    read: F64
    projected: F64
    bounds: F64
    meeting: int

    @classmethod
    def of(cls, original: Features, projected: Features, meets: NDArray[np.bool_]) -> Self:
        """Of a layer before and after it was projected; ``meets``: rows that meet the boundary."""
        used = projected.geometry[projected.used]
        meeting = int(meets[projected.used].sum())
        bounds = shapely.total_bounds(used) if len(used) else np.full(4, np.nan)
        return cls(_centres(original.geometry[original.used]), _centres(used), bounds, meeting)

    @classmethod
    def joined(cls, parts: Sequence["Lie"]) -> Self:
        """Of all parts of a layer together."""
        boxes = np.stack([p.bounds for p in parts if len(p.projected)] or [np.full(4, np.nan)])
        return cls(
            np.concatenate([p.read for p in parts]),
            np.concatenate([p.projected for p in parts]),
            np.r_[boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)],
            sum(p.meeting for p in parts),
        )

    @property
    def centre(self) -> tuple[float, float]:
        """As read: the median of the centres, unmoved by a few far outliers."""
        return _median(self.read)

    @property
    def middle(self) -> shapely.Point | None:
        """The same in the grid CRS; None where nothing could be projected."""
        return shapely.Point(_median(self.projected)) if len(self.projected) else None


def _centres(geometries: NDArray[np.object_]) -> F64:
    west, south, east, north = shapely.bounds(geometries).T
    return np.column_stack([(west + east) / 2, (south + north) / 2])


def _median(centres: F64) -> tuple[float, float]:
    x, y = np.nanmedian(centres, axis=0)
    return float(x), float(y)


def check_location(lie: Lie, kind: str, crs: tuple[str, str], areas: Sequence[Area], place: str) -> None:
    """InvalidInput where a layer lies elsewhere. ``areas``: the boundary and, if stated, the extent, in the grid CRS.

    ``crs``: the layer's and the grid's. A layer may be larger than the boundary, or lie across its edge, so being
    centred elsewhere is not enough: it must also leave out the boundary's middle, and less than half of its objects may
    meet the boundary.
    """
    if not len(lie.read) or _fits(lie, areas):
        return
    stated, grid = crs
    hint = _suspects(*lie.centre, grid, stated, areas[0])
    raise InvalidInput(
        f"the {kind} lie outside the boundary: {_whereabouts(lie.middle, grid, areas[0])}{hint}",
        where=place,
        allowed=["a source that lies in the boundary", "the crs its coordinates are really in"],
    )


def _fits(lie: Lie, areas: Sequence[Area]) -> bool:
    middle, boundary = lie.middle, areas[0]
    if middle is None:
        return False
    if any(area.intersects(middle) for area in areas):
        return True
    if shapely.box(*lie.bounds).intersects(boundary.representative_point()):
        return True
    return lie.meeting >= HALF * len(lie.projected)


def _whereabouts(middle: shapely.Point | None, crs: str, boundary: Area) -> str:
    if middle is None:
        return "no coordinate is possible in their CRS"
    lon, lat = transformer(crs, CRS84).transform(middle.x, middle.y)
    return f"their centre ({lon:.4f}, {lat:.4f}) is {middle.distance(boundary) / 1000:,.1f} km away"


def _suspects(x: float, y: float, grid_crs: str, stated: str, boundary: Area) -> str:
    """The mistakes that would explain where the layer lies: swapped axes, or every CRS in which it would lie inside."""
    if _inside(stated, y, x, grid_crs, boundary):
        return ". Its axes look swapped: read as (y, x) it lies inside"
    found = [c for c in (*_KOREAN, *_UZBEK, *_COMMON) if c != _name(stated) and _inside(c, x, y, grid_crs, boundary)]
    if not found:
        return ""
    return f". Its coordinates look like {' or '.join(found)}, not {_name(stated)}: read so they lie inside"


def _inside(crs: str, x: float, y: float, grid_crs: str, boundary: Area) -> bool:
    if crs == CRS84 and not (abs(x) <= 180 and abs(y) <= 90):
        return False
    east, north = transformer(crs, grid_crs).transform(x, y)
    return bool(np.isfinite(east) and np.isfinite(north) and boundary.intersects(shapely.Point(east, north)))


def _name(crs: str) -> str:
    parsed = CRS.from_user_input(crs)
    epsg = parsed.to_epsg()
    return f"EPSG:{epsg}" if epsg else parsed.name


def check_datum(crs: str, grid_crs: str, place: str) -> None:
    """InvalidInput where PROJ knows no way between the datums: it would take one for the other, hundreds of metres off.

    So it is with a .prj that describes an old datum under a name that nobody has registered.
    """
    unregistered = CRS.from_user_input(crs).to_authority() is None
    if unregistered and "Ballpark" in transformer(crs, grid_crs).description:
        raise InvalidInput(
            f"the file's CRS '{_name(crs)}' has a datum with no known way to {grid_crs}: "
            "it would lie some hundred metres off",
            where=f"{place}.crs",
            allowed=["EPSG:<code>, such as EPSG:5174"],
        )


def quiet_suspects(lie: Lie, crs: str) -> tuple[str, ...]:
    """A note on CRS that would move the layer by less than a kilometre: no check can tell them apart, a reader can.

    Only Korean and Central Asian systems whose datums are mixed up in practice (Bessel, Pulkovo 1942).
    """
    if not len(lie.read):
        return ()
    x, y = lie.centre
    here = transformer(crs, CRS84).transform(x, y)
    near = []
    for other in (c for c in _TAKEN_FOR.get(_name(crs), ()) if c != _name(crs)):
        there = transformer(other, CRS84).transform(x, y)
        distance = _GEOD.inv(*here, *there)[2] if np.isfinite(there).all() else np.inf
        if _SAME_M < distance < _QUIET_M:
            near.append(f"{other} ({distance:.0f} m)")
    if not near:
        return ()
    return (f"read as {_name(crs)}; if it were really {' or '.join(near)}, it would lie so far off unseen",)
