# SPDX-License-Identifier: Apache-2.0
"""Inputs that can only be checked against what is published: which inventory, which level, which years."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import shapely
from shapely.geometry import MultiPolygon, Polygon

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.collections.cell_collection import level_name
from carbonstore.releases.catalogue import Published
from carbonstore.releases.stored import Release
from processes.base import Placed

type Area = Polygon | MultiPolygon


@lru_cache(maxsize=64)
def boundary(release: Release) -> Area:
    """Boundary of a release in CRS84, prepared for many tests."""
    shape = shapely.from_wkb(release.boundary)
    shapely.prepare(shape)
    if not isinstance(shape, Polygon | MultiPolygon):
        raise TypeError(f"the boundary of release {release.id} is no polygon")
    return shape


def inventory_of(name: object, polygon: Area, published: Mapping[str, Published], at: str) -> Published:
    """The inventory named, or the only one that has the region.

    Of several that meet it the only one that holds all of it counts; else InvalidInput lists them. ``at`` is the
    region's place in the request.
    """
    if name is not None and name not in published:
        raise UnknownName(str(name), published, kind="inventory", where="/inputs/inventory")
    asked = list(published.values()) if name is None else [published[str(name)]]
    meeting = [p for p in asked if overlap(outline(p), polygon)]
    if not meeting:
        raise outside(polygon, asked, at)
    if len(meeting) > 1:
        meeting = [p for p in meeting if outline(p).covers(polygon)] or meeting
    if len(meeting) > 1:
        names = [p.id for p in meeting]
        raise InvalidInput("several inventories hold this region; name one", where="/inputs/inventory", allowed=names)
    return meeting[0]


def outline(published: Published) -> Area:
    """Boundary of an inventory in its newest year, CRS84."""
    return boundary(published.releases[published.newest])


def overlap(a: Area, b: Area) -> bool:
    """Whether two polygons share more than edges."""
    return bool(a.intersects(b) and not a.touches(b))


def outside(polygon: Area, asked: Sequence[Published], at: str) -> InvalidInput:
    """The error for a region that no inventory has, with the extents that are served."""
    served = [f"{p.id} {extent(p.bbox)}" for p in asked] or ["nothing is published yet"]
    return InvalidInput(f"the region {extent(polygon.bounds)} lies outside what is served", where=at, allowed=served)


def extent(box: Sequence[float]) -> str:
    """A bounding box in degrees, for messages."""
    return f"[{', '.join(f'{v:.4f}' for v in box)}]"


def level_of(name: object, sizes: Sequence[int]) -> int:
    """Of these sizes (m) that of the level named by its collection's suffix; the finest by default."""
    levels = {level_name(size): size for size in sizes}
    if name is not None and name not in levels:
        raise UnknownName(str(name), levels, kind="level", where="/inputs/level")
    return levels[str(name)] if name is not None else min(levels.values())


def years_of(given: object, published: Sequence[int]) -> list[int]:
    """Years asked for, in their order and once each; the newest by default."""
    asked = [p for p in given if isinstance(p, Placed)] if isinstance(given, tuple) else []
    for one in asked:
        if one.value not in published:
            raise InvalidInput(f"{one.value} is not published", where=one.at, allowed=published)
    years = [p.value for p in asked if isinstance(p.value, int)]
    return list(dict.fromkeys(years)) or [max(published)]
