# SPDX-License-Identifier: Apache-2.0
"""A region's kilograms: whole cells by running sums, cut cells piece by piece (architecture, decision 6).

The cost follows the perimeter, not the area. The border is cut at the lattice once (:class:`Cut`); what the winding
along a cell's left side says of the cells behind it is whole, empty or cut. Every cut piece is split by the share of
its own geometry inside: with R(e) = all points right of edge e, the area of source and region in a cell is a signed sum
of area(R(e) and R(f)) over pairs of their edges. No geometry is built, so there is no case in which building it fails.

**Region + complement = whole, to the kilogram**: per piece the share of the side that holds the cell's upper left
corner is computed and rounded half up; the other side gets the rest. Both requests do the same arithmetic in the same
order, whatever the direction of their rings.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.geometry.rings import frozen
from carbongrid.geometry.walk import cover, cut_border
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Window
from carbongrid.inventory import Border, Cells, Pieces
from carbongrid.pieces import Running

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

_SQUARE = -1
"""Source number of a cell that is its own source and lies wholly inside the boundary."""


@dataclass(frozen=True)
class Cut:
    """A projected region's border, cut at the lattice of ``window``.

    ``key`` int64 ascending, one an edge piece: row x (ncol + 1) + column + 1, rows from the north, column -1 for all
    that lies west of the window. ``edges`` (n, 5): lower y, upper y, x at the lower, x at the upper end in cell units
    from the cell's lower left corner, and what the edge adds to the winding on its right.
    """

    window: Window
    key: I64
    edges: F64

    @classmethod
    def of(cls, polygon: Polygon | MultiPolygon, window: Window) -> Self:
        """Cut a polygon in the window's CRS: valid, rings in any direction."""
        outlines = [(ring, role) for part in _polygons(polygon) for ring, role in _rings(part)]
        xy = [shapely.get_coordinates(ring) for ring, _ in outlines]
        start = np.cumsum([0, *(len(points) for points in xy)])
        west, south, _, _ = window.bounds
        key, edges = cut_border(
            frozen(np.concatenate([np.zeros((0, 2)), *xy]), np.float64),
            frozen(start, np.int64),
            frozen(np.array([role for _, role in outlines]), np.int64),
            west,
            south,
            float(window.grid.cell_size),
            window.ncol,
            window.nrow,
        )
        order = np.argsort(key, kind="stable")
        return cls(window, key[order], edges[order])

    @property
    def rows(self) -> tuple[int, int]:
        """First row that the border meets, and the row after the last; (0, 0) where it meets none."""
        if not len(self.key):
            return 0, 0
        return int(self.key[0]) // (self.window.ncol + 1), int(self.key[-1]) // (self.window.ncol + 1) + 1


def _polygons(polygon: Polygon | MultiPolygon) -> list[Polygon]:
    return [part for part in getattr(polygon, "geoms", [polygon]) if not part.is_empty]


def _rings(polygon: Polygon) -> list[tuple[shapely.LinearRing, int]]:
    return [(polygon.exterior, 1), *((hole, -1) for hole in polygon.interiors)]


@dataclass(frozen=True)
class Cover:
    """What a region takes of cells and of the pieces in cut cells.

    ``runs`` int64 (k, 2): positions of occupied cells that lie wholly inside, ends exclusive. ``piece`` int64 are the
    pieces in cut cells; ``corner`` float64 the share of each on the side of its cell's upper left corner, and
    ``inside`` bool whether that side is the region's.
    """

    runs: I64
    piece: I64
    corner: F64
    inside: NDArray[np.bool_]

    @property
    def share(self) -> F64:
        """Share of each cut piece that lies in the region, 0 to 1."""
        return np.where(self.inside, self.corner, 1.0 - self.corner)

    def kilograms(self, kg: I64) -> I64:
        """Whole kilograms inside, of the kilograms of each cut piece (last axis)."""
        near = np.floor(kg * self.corner + 0.5).astype(np.int64)
        return np.where(self.inside, near, kg - near)


@dataclass(frozen=True)
class RegionSums:
    """Kilograms of a region by band, and what they are made of.

    ``kg`` int64 (n_bands,) sums whole kilograms, exact with the complement; ``unrounded`` float64 sums shares. They
    differ by about 0.3 x sqrt(cut pieces). ``piece`` int64 and ``share`` float64 are the cut pieces (method "cells":
    cut cells, as positions) and ``kg_piece`` what they give: (pieces,), or (n_bands, cells) for "cells". ``runs`` int64
    (k, 2) are the positions of whole cells, ends exclusive.
    """

    kg: I64
    unrounded: F64
    piece: I64
    share: F64
    kg_piece: I64
    runs: I64


def layer_cover(cut: Cut, pieces: Pieces, line_source: I32, geometry: Wkb) -> Cover:
    """Method "sources": every cut piece by the share of source and cell inside the region."""
    _same(cut.window, pieces.window)
    return _cover(cut, pieces.cells, pieces.ptr, pieces.line, line_source, geometry)


def layer_sums(
    cut: Cut,
    pieces: Pieces,
    line_source: I32,
    line_band: NDArray[np.int16],
    n_bands: int,
    geometry: Wkb,
    running: Running,
) -> RegionSums:
    """Kilograms of one layer inside a region. ``geometry`` holds the sources, already clipped to the boundary."""
    found = layer_cover(cut, pieces, line_source, geometry)
    kg, band = pieces.kg[found.piece], line_band[pieces.line[found.piece]]
    inside, share = found.kilograms(kg), found.share
    whole = running.over(found.runs)
    rounded = np.zeros(n_bands, np.int64)
    np.add.at(rounded, band, inside)
    parts = np.bincount(band, kg * share, n_bands)
    return RegionSums(whole + rounded, whole + parts, found.piece, share, inside, found.runs)


@dataclass(frozen=True, slots=True)
class Squares:
    """Cells as sources of their own, ready for many regions: ``each`` int64 and ``line`` int32 count them, ``source``
    int32 is the row of the border's geometry, or the square itself."""

    each: I64
    line: I32
    source: I32

    @classmethod
    def of(cls, cells: Cells, border: Border) -> Self:
        """For the finest level, to which ``border`` belongs."""
        n = len(cells.index)
        source = np.full(n, _SQUARE, np.int32)
        at = np.searchsorted(cells.index, border.cells)
        here = np.flatnonzero(at < n)
        here = here[cells.index[at[here]] == border.cells[here]]
        source[at[here]] = here
        return cls(np.arange(n + 1), np.arange(n, dtype=np.int32), source)


def cells_cover(cut: Cut, cells: Cells, border: Border, squares: Squares | None = None) -> Cover:
    """Method "cells": every cell is a source of its own, its square or, where the boundary cuts it, what is inside.

    ``cells`` is the finest level, to which ``border`` belongs. With ``squares`` the cost follows the perimeter alone.
    """
    _same(cut.window, cells.window)
    if squares is not None:
        return _cover(cut, cells.index, squares.each, squares.line, squares.source, border.geometry)
    north, south = cut.rows
    low, high = np.searchsorted(cells.index, [north * cut.window.ncol, south * cut.window.ncol])
    index = cells.index[low:high]
    source = np.full(len(index), _SQUARE, np.int32)
    at = np.searchsorted(index, border.cells)
    here = np.flatnonzero(at < len(index))
    here = here[index[at[here]] == border.cells[here]]
    source[at[here]] = here
    each = np.arange(len(index) + 1)
    found = _cover(cut, index, each, each[:-1], source, border.geometry)
    return replace(found, runs=found.runs + low, piece=found.piece + low)


def cell_sums_in(cut: Cut, cells: Cells, border: Border) -> RegionSums:
    """Kilograms of a region when only cells are at hand: area-weighted, by the same walk and the same rounding."""
    found = cells_cover(cut, cells, border)
    kg, share = cells.kg[:, found.piece], found.share
    inside = found.kilograms(kg)
    whole = _over_runs(cells.kg, found.runs)
    return RegionSums(
        whole + inside.sum(axis=1), whole + (kg * share).sum(axis=1), found.piece, share, inside, found.runs
    )


@dataclass(frozen=True)
class Area:
    """Area of region and boundary together, m2: in the plane of the grid's CRS, and on the ellipsoid."""

    planar_m2: float
    geodesic_m2: float


def inside_area(cut: Cut, cells: Cells, border: Border) -> Area:
    """Area of the region inside the boundary; the geodesic one weights each cell's inside area by the same share."""
    found = cells_cover(cut, cells, border)
    planar, geodesic = (
        float(_over_runs(area, found.runs) + area[found.piece] @ found.share) for area in (cells.share, cells.area_m2)
    )
    return Area(planar * cells.window.grid.cell_size**2, geodesic)


def _over_runs[T: np.generic](values: NDArray[T], runs: I64) -> NDArray[T]:
    """Sum over the cells (last axis) in ``runs``."""
    inside = np.concatenate([np.arange(a, b) for a, b in runs]) if len(runs) else np.zeros(0, np.int64)
    return np.asarray(values[..., inside].sum(axis=-1))


def _same(region: Window, other: Window) -> None:
    if region != other:
        raise ValueError("the region was cut for another window")


def _cover(cut: Cut, cells: I64, ptr: I64, line: NDArray[np.integer], line_source: I32, geometry: Wkb) -> Cover:
    west, south, _, _ = cut.window.bounds
    window = cut.window
    runs, piece, corner, inside, n_runs, n_pieces = cover(
        frozen(cut.key, np.int64),
        frozen(cut.edges, np.float64),
        frozen(cells, np.int64),
        frozen(ptr, np.int64),
        frozen(line, np.int32),
        frozen(line_source, np.int32),
        frozen(geometry.data, np.uint8),
        frozen(geometry.offsets, np.int64),
        west,
        south,
        float(window.grid.cell_size),
        window.ncol,
        window.nrow,
    )
    return Cover(runs[:n_runs], piece[:n_pieces], corner[:n_pieces], inside[:n_pieces])
