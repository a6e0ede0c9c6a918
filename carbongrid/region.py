# SPDX-License-Identifier: Apache-2.0
"""A client's region: GeoJSON to a valid (Multi)Polygon in CRS84, or a refusal that names the place and the suspect.

Nothing is repaired silently: what a region is must not depend on our guess.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NoReturn, Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import CRS84, project_polygon, transformer
from carbongrid.errors import InvalidInput, TooLarge
from carbongrid.grid import Window
from carbongrid.zonal import Cut

F64 = NDArray[np.float64]
Box = tuple[float, float, float, float]

MAX_VERTICES = 200_000
MAX_POLYGONS = 5_000
"""Limits of contract.md 6."""
MAX_EDGES_IN_CELL = 20_000
"""A border drawn to 5 mm in a cell of 100 m. Summing such a cell takes a second; ten times as many, a minute."""
_GEOMETRIES = ("Polygon", "MultiPolygon")
_KINDS = (*_GEOMETRIES, "Feature", "FeatureCollection")
_CRS84_NAMES = ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4326")
_NEAR = 10.0
"""Degrees around an inventory beyond which a region is cut off: projections are made for their own surroundings."""


@dataclass(frozen=True)
class Region:
    """A validated region: ``polygon`` in CRS84 (longitude, latitude), edges straight there."""

    polygon: Polygon | MultiPolygon

    @classmethod
    def from_geojson(cls, value: object, *, where: str = "", served: Box | None = None) -> Self:
        """Region from a parsed GeoJSON Polygon, MultiPolygon, or Feature or FeatureCollection of them.

        The features of a collection are merged (their overlaps count once); the polygons of a MultiPolygon must not
        overlap (OGC Simple Features). Coordinates beyond the second are ignored. ``where`` is the JSON pointer of
        ``value``; ``served`` the CRS84 bounds of what is published, to recognise swapped axes. Raises InvalidInput with
        a pointer to the place, or TooLarge beyond MAX_VERTICES and MAX_POLYGONS.
        """
        given = list(members(value, where))
        count = sum(len(polygons) for _, polygons in given)
        if count > MAX_POLYGONS:
            raise TooLarge(f"{count} polygons, more than the {MAX_POLYGONS} a region may have", where=where)
        shapes = Reader(served).shapes(given)
        return cls(shapes[0] if len(shapes) == 1 else _merged(shapes))

    @classmethod
    def from_polygon(cls, polygon: Polygon | MultiPolygon, *, where: str = "") -> Self:
        """Region from a CRS84 geometry; InvalidInput unless it is a valid polygon that is not empty."""
        if polygon.is_empty:
            raise InvalidInput("the polygon is empty", where=where)
        _check_valid(polygon, where)
        return cls(polygon)

    def on(self, window: Window) -> Cut:
        """The region's border, densified, projected and cut at the lattice of a window.

        What lies over 10 degrees from the window is cut off first. TooLarge where the border crowds into one cell:
        there every edge is weighed against every edge of every source.
        """
        cut = Cut.of(project_polygon(self._near(window), window.grid.crs), window)
        _, crowd = np.unique(cut.key[cut.key % (window.ncol + 1) != 0], return_counts=True)
        if (most := crowd.max(initial=0)) > MAX_EDGES_IN_CELL:
            what = f"{most} edges of the border in one cell of {window.grid.cell_size} m"
            raise TooLarge(f"{what}, more than {MAX_EDGES_IN_CELL}: simplify it")
        return cut

    def _near(self, window: Window) -> Polygon | MultiPolygon:
        west, south, east, north = window.bounds
        x, y = transformer(window.grid.crs, CRS84).transform([west, east, east, west], [south, south, north, north])
        near = (min(x) - _NEAR, min(y) - _NEAR, max(x) + _NEAR, max(y) + _NEAR)
        bounds = self.polygon.bounds
        if bounds[0] >= near[0] and bounds[1] >= near[1] and bounds[2] <= near[2] and bounds[3] <= near[3]:
            return self.polygon
        parts = shapely.get_parts(shapely.intersection(self.polygon, shapely.box(*near)))
        return MultiPolygon([part for part in parts if part.geom_type == "Polygon"])


def _merged(shapes: Sequence[Polygon | MultiPolygon]) -> Polygon | MultiPolygon:
    """One geometry of the features of a collection."""
    whole = shapely.union_all(list(shapes))
    if not isinstance(whole, (Polygon, MultiPolygon)):
        raise InvalidInput("the features do not make a polygon")
    return whole


def members(
    value: object, where: str, kinds: tuple[str, ...] = _KINDS
) -> Iterator[tuple[str, list[tuple[str, object]]]]:
    """Each geometry as its pointer and its polygons, each polygon as (pointer, coordinates)."""
    if not isinstance(value, Mapping):
        _refuse("must be a GeoJSON object", where)
    kind = value.get("type")
    if kind not in kinds:
        raise InvalidInput(f"type {kind!r} is no region", where=f"{where}/type", allowed=kinds)
    _check_crs(value, where)
    if kind == "FeatureCollection":
        for i, feature in enumerate(_listed(value.get("features"), f"{where}/features")):
            yield from members(feature, f"{where}/features/{i}", ("Feature",))
    elif kind == "Feature":
        yield from members(value.get("geometry"), f"{where}/geometry", _GEOMETRIES)
    elif kind == "Polygon":
        yield where, [(f"{where}/coordinates", value.get("coordinates"))]
    else:
        at = f"{where}/coordinates"
        yield where, [(f"{at}/{i}", polygon) for i, polygon in enumerate(_listed(value.get("coordinates"), at))]


def _listed(value: object, where: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        _refuse("must be an array", where)
    if not value:
        _refuse("is empty", where)
    return value


def _check_crs(value: Mapping[str, Any], where: str) -> None:
    """RFC 7946 has no ``crs`` member; an old one is accepted only where it says what is meant anyway."""
    given = value.get("crs")
    if given is None:
        return
    properties = given.get("properties") if isinstance(given, Mapping) else None
    name = properties.get("name") if isinstance(properties, Mapping) else given
    if name not in _CRS84_NAMES:
        raise InvalidInput(
            f"coordinates in {name!r}: GeoJSON is longitude, latitude", where=f"{where}/crs", allowed=[CRS84]
        )


class Reader:
    """Reads rings, keeping count of vertices."""

    def __init__(self, served: Box | None, most: int = MAX_VERTICES) -> None:
        self.served, self.most = served, most
        self.vertices = 0

    def shapes(self, members: Sequence[tuple[str, list[tuple[str, object]]]]) -> list[Polygon | MultiPolygon]:
        """One valid geometry a member."""
        rings = [(where, [self._polygon(at, value) for at, value in polygons]) for where, polygons in members]
        self._check_place(rings)
        return [_shape(where, polygons) for where, polygons in rings]

    def _polygon(self, where: str, value: object) -> list[F64]:
        return [self._ring(f"{where}/{i}", ring) for i, ring in enumerate(_listed(value, where))]

    def _ring(self, where: str, value: object) -> F64:
        positions = _listed(value, where)
        self.vertices += len(positions)
        if self.vertices > self.most:
            raise TooLarge(f"more than the {self.most} vertices that are taken", where=where)
        ring = _positions(positions, where)
        if len(ring) < 4:
            _refuse(f"a ring of {len(ring)} positions: it takes 4, the last equal to the first", where)
        if not np.array_equal(ring[0], ring[-1]):
            _refuse(f"the ring is not closed: it begins at {_place(ring[0])} and ends at {_place(ring[-1])}", where)
        _check_range(ring, where)
        return ring

    def _check_place(self, members: Sequence[tuple[str, list[list[F64]]]]) -> None:
        """Swapped axes and the antimeridian, which a single position cannot show."""
        for where, polygons in members:
            for rings in polygons:
                if np.ptp(rings[0][:, 0]) > 180.0:
                    _refuse(
                        "a ring wider than 180 degrees: crossing the antimeridian? Cut it there (RFC 7946, 3.1.9)",
                        where,
                    )
        if self.served is None:
            return
        shells = np.concatenate([rings[0] for _, polygons in members for rings in polygons])
        (west, south), (east, north) = shells.min(axis=0), shells.max(axis=0)
        if not _meet((west, south, east, north), self.served) and _meet((south, west, north, east), self.served):
            _refuse(
                "lies outside what is served, but inside with the axes swapped: latitude before longitude?",
                members[0][0],
            )


def _meet(a: Box, b: Box) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def _positions(value: Sequence[Any], where: str) -> F64:
    """A ring's positions as float64 (n, 2); refuses at the first that is none."""
    try:
        if set(map(type, chain.from_iterable(value))) <= {int, float}:
            array = np.array(value, np.float64)
            if array.ndim == 2 and array.shape[1] >= 2 and np.isfinite(array).all():
                return np.ascontiguousarray(array[:, :2])
    except (TypeError, ValueError, OverflowError):
        pass  # the loop below says where and why
    return np.array([_position(position, f"{where}/{i}") for i, position in enumerate(value)])


def _position(value: object, where: str) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) < 2:
        _refuse("a position must be [longitude, latitude]", where)
    return _number(value[0], f"{where}/0"), _number(value[1], f"{where}/1")


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse("must be a number", where)
    if not abs(value) <= sys.float_info.max:
        _refuse("must be finite", where)
    return float(value)


def _check_range(ring: F64, where: str) -> None:
    wrong = (np.abs(ring[:, 0]) > 180.0) | (np.abs(ring[:, 1]) > 90.0)
    if not wrong.any():
        return
    i = int(np.argmax(wrong))
    x, y = np.abs(ring).max(axis=0)
    suspect = "out of range"
    if max(x, y) > 1000.0:
        suspect = "looks like projected metres"
    elif x <= 90.0 and y <= 180.0:
        suspect = "latitude before longitude?"
    raise InvalidInput(
        f"position {_place(ring[i])} is not longitude, latitude: {suspect}",
        where=f"{where}/{i}",
        allowed=["longitude -180..180", "latitude -90..90"],
    )


def _shape(where: str, polygons: list[list[F64]]) -> Polygon | MultiPolygon:
    parts = [Polygon(rings[0], rings[1:]) for rings in polygons]
    shape = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    _check_valid(shape, where)
    return shape


def _check_valid(shape: Polygon | MultiPolygon, where: str) -> None:
    """OGC validity, with GEOS's reason in plain words and the place it found."""
    if shape.is_valid:
        return
    reason = shapely.is_valid_reason(shape)
    found = re.fullmatch(r"([^\[]*)\[([^\]]*)\]", reason)
    what = found[1].strip() if found else reason
    place = f" at {_place([float(v) for v in found[2].split()])}" if found else ""
    words = {
        "Self-intersection": "the border crosses itself, or polygons overlap,",
        "Ring Self-intersection": "a ring touches or crosses itself",
        "Nested shells": "a polygon lies inside another",
        "Hole lies outside shell": "a hole lies outside its polygon",
        "Holes are nested": "a hole lies inside another",
        "Interior is disconnected": "holes cut the inside in two",
        "Too few points in geometry component": "a ring has no area",
        "Duplicate Rings": "a ring appears twice",
    }
    _refuse(words.get(what, what) + place, where)


def _place(position: Any) -> str:
    return f"({float(position[0]):.7g}, {float(position[1]):.7g})"


def _refuse(what: str, where: str) -> NoReturn:
    raise InvalidInput(what, where=where)
