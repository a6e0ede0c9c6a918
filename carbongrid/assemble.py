# SPDX-License-Identifier: Apache-2.0
"""From estimates to an inventory: pieces, cells of every level, null masks, half-widths.

Everything here is a sum or a mask; no number is made. The order is: lattice -> merged tables -> pieces -> finest
cells -> coarser cells. Levels nest, so every coarser level is an exact sum of the one before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.coverage import Parts, parts, shares
from carbongrid.crs import project_polygon, square_areas
from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import Wkb, polygonal
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Activity, ActivityTable, Border, Cells, FactorRow, Inventory, Layer, Lines, Pieces
from carbongrid.model import Estimates
from carbongrid.montecarlo import Interval, Model
from carbongrid.nearby import nearby
from carbongrid.pieces import cell_sums, pieces, roll_up
from carbongrid.sectors import FIGURE, INTERVALS, KIND_SECTOR, SECTORS, Band, bit, weights
from carbongrid.uncertainty import grouped_half_widths, half_widths, mean_quality

type Area = Polygon | MultiPolygon

INTERNAL_LEVELS = (5_000, 10_000)
"""Sums kept for small scales only: dataset tiles draw from them, no collection shows them."""
_BLOCK = 1_000
"""Side in metres of the squares that the border is cut into before it is cut into cells."""
SLIVER = 1e-9
"""Share of a cell below which it counts as outside: 0.01 mm2 of a square metre, the size of rounding."""


@dataclass(frozen=True)
class Place:
    """Where an inventory lies: the finest window over its boundary and what of each cell is inside.

    ``index`` int64 flat indices of cells with inside area > 0, ascending; ``share`` planar share inside.
    """

    window: Window
    boundary: Area
    index: NDArray[np.int64]
    share: NDArray[np.float64]

    @classmethod
    def of(cls, boundary: Area, crs: str, levels: Sequence[int]) -> "Place":
        """The place of a CRS84 boundary on the finest of ``levels`` (metres); edges are straight in CRS84."""
        projected = project_polygon(boundary, crs)
        grid = Grid.of(crs, min(levels))
        window = Window.around(grid, projected.bounds, max(INTERNAL_LEVELS))
        share = shares(projected, window).ravel()
        index = np.flatnonzero(share > SLIVER)
        return cls(window, projected, index, np.where(share[index] > 1 - SLIVER, 1.0, share[index]))

    def share_of(self, polygon: Area) -> NDArray[np.float64]:
        """Planar share of every cell of ``index`` inside both the boundary and a projected polygon."""
        if polygon.equals_exact(self.boundary) or polygon.covers(self.boundary):
            return self.share
        return shares(polygonal(polygon.intersection(self.boundary)), self.window).ravel()[self.index]

    @cached_property
    def area_m2(self) -> NDArray[np.float64]:
        """Geodesic inside area of each cell, to 0.1 m2."""
        west, south = self.window.corners(self.index)
        grid = self.window.grid
        return np.round(self.share * square_areas(grid.crs, west, south, grid.cell_size), 1)


@dataclass(frozen=True)
class Tables:
    """Bands, factors and common rows of all kinds in one numbering, and each kind's lines in it."""

    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    lines: Mapping[str, Lines]

    @classmethod
    def merge(cls, estimates: Mapping[str, Estimates]) -> "Tables":
        """Renumber every kind's lines; rows and factors that several kinds share become one, so they err together."""
        bands = tuple(sorted({b for e in estimates.values() for b in e.bands}))
        factors = tuple({f.id: f for e in estimates.values() for f in e.factors}.values())
        rows = tuple({r.id: r for e in estimates.values() for r in e.rows}.values())
        band_at = {b: i for i, b in enumerate(bands)}
        factor_at = {f.id: i for i, f in enumerate(factors)}
        row_at = {r.id: i for i, r in enumerate(rows)}
        lines = {
            kind: replace(
                e.lines,
                band=_renumber(e.lines.band, [band_at[b] for b in e.bands]),
                factor=_renumber(e.lines.factor, [factor_at[f.id] for f in e.factors]),
                row=_renumber(e.lines.row, [row_at[r.id] for r in e.rows]),
            )
            for kind, e in estimates.items()
        }
        return cls(bands, factors, rows, lines)


def _renumber(old: NDArray[np.int16], new: list[int]) -> NDArray[np.int16]:
    """Map indices through ``new``; -1 (none) stays."""
    table = np.array([*new, -1], np.int16)
    return table[old]


def assemble(
    id: str,
    year: int,
    place: Place,
    boundary: Area,
    tables: Mapping[str, ActivityTable],
    estimates: Mapping[str, Estimates],
    coverage: Mapping[str, Area],
    levels: Sequence[int],
    split: Mapping[str, Parts] | None = None,
) -> Inventory:
    """Pieces, cells and masks from estimates. ``coverage``: per sector the projected polygon its sources cover.

    ``boundary`` is CRS84, ``levels`` in metres, each a multiple of the finest. Sums are exact at every level.
    ``split``: the parts of every table in the place's window, where they are known already.
    """
    merged = Tables.merge(estimates)
    found = split or {kind: parts(table.geometry, place.window) for kind, table in tables.items()}
    split = {kind: settled(part, place) for kind, part in found.items()}
    layers = {
        kind: _layer(kind, tables[kind], estimates[kind], merged.lines[kind], split[kind], place) for kind in tables
    }
    finest = _finest(place, merged.bands, layers, *_masks(place, coverage, split, estimates))
    draft = Inventory(
        id,
        year,
        place.window.grid,
        shapely.to_wkb(boundary),
        merged.bands,
        merged.factors,
        merged.rows,
        layers,
        {place.window.grid.cell_size: finest},
        border(place),
    )
    return at_levels(draft, [*levels, *INTERNAL_LEVELS])


def at_levels(draft: Inventory, levels: Sequence[int]) -> Inventory:
    """An inventory of finest cells and pieces with these levels (m) beside the finest, half-widths and quality found.

    The more the coarsest level holds of the window, the less work: its rows are gone through one by one.
    """
    draft = replace(draft, cells=_levels(draft.cells[draft.grid.cell_size], levels))
    return replace(draft, cells=_assessed(draft))


def settled(found: Parts, place: Place) -> Parts:
    """Parts that lie on the outer side of the boundary's own edge belong to the cell inside it.

    A road along a boundary that runs on the lattice has length in cells of which nothing is inside. Each such part
    takes the adjacent cell with the most inside (sides before corners); InvalidInput where there is none.
    """
    astray = np.flatnonzero(~np.isin(found.cell, place.index))
    if not len(astray):
        return found
    ncol = place.window.ncol
    near = found.cell[astray, None] + np.array([-1, ncol, 1, -ncol, ncol - 1, ncol + 1, -ncol - 1, 1 - ncol])
    at = np.minimum(np.searchsorted(place.index, near), len(place.index) - 1)
    share = np.where(place.index[at] == near, place.share[at], 0.0)
    if (lost := share.max(axis=1) == 0).any():
        raise InvalidInput(f"source {found.source[astray[lost][0]]} lies outside the boundary")
    share[:, :4] *= 2  # a side's neighbour before a corner's
    best = share.argmax(axis=1)
    cell = found.cell.copy()
    cell[astray] = near[np.arange(len(astray)), best]
    return replace(found, cell=cell)


def _layer(kind: str, table: ActivityTable, estimate: Estimates, lines: Lines, split: Parts, place: Place) -> Layer:
    made = pieces(split, lines.source, lines.kg, place.window)
    return Layer(kind, table.id, table.geometry, estimate.quality, estimate.imputed, lines, made)


def _masks(
    place: Place,
    coverage: Mapping[str, Area],
    split: Mapping[str, Parts],
    estimates: Mapping[str, Estimates],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Sector masks (null, incomplete) of the finest cells: what sources cover, and which of them have no value."""
    null = np.zeros(len(place.index), np.uint8)
    incomplete = np.zeros(len(place.index), np.uint8)
    for sector in SECTORS:
        known = place.share_of(coverage[sector]) if sector in coverage else np.zeros(len(place.index))
        null[known <= SLIVER] |= bit(sector)
        incomplete[known < place.share - SLIVER] |= bit(sector)
    for kind, part in split.items():
        unknown = part.cell[estimates[kind].missing[part.source]]
        incomplete[np.isin(place.index, unknown)] |= bit(KIND_SECTOR[kind])
    return null, incomplete


def _finest(
    place: Place,
    bands: tuple[Band, ...],
    layers: Mapping[str, Layer],
    null: NDArray[np.uint8],
    incomplete: NDArray[np.uint8],
) -> Cells:
    kg = np.zeros((len(bands), len(place.index)), np.int64)
    for layer in layers.values():
        at = _positions(place, layer.pieces)
        kg[:, at] += cell_sums(layer.pieces, layer.lines.band, len(bands))
        null[at] &= np.uint8(~bit(KIND_SECTOR[layer.kind]) & 0xFF)
    half = np.zeros((len(INTERVALS), len(place.index)), np.int64)
    return Cells(
        place.window,
        place.index,
        place.share,
        place.area_m2,
        kg,
        null,
        incomplete | null,
        half,
        np.zeros(len(place.index), np.uint8),
    )


def _positions(place: Place, made: Pieces) -> NDArray[np.int64]:
    at = np.searchsorted(place.index, made.cells)
    if not np.array_equal(place.index[np.minimum(at, len(place.index) - 1)], made.cells):
        raise AssertionError("a piece lies in a cell without inside area")
    return at


def coarsen(cells: Cells, factor: int) -> Cells:
    """A coarser level: sums of kilograms and areas, null where all children are, incomplete where any is.

    Half-widths and quality follow from pieces, not from children: they are left at 0 for :func:`_assessed`.
    """
    parent = cells.window.parents(cells.index, factor)
    order = np.argsort(parent, kind="stable")
    index, first = np.unique(parent[order], return_index=True)
    return Cells(
        window=cells.window.coarsen(factor),
        index=index,
        share=np.add.reduceat(cells.share[order], first) / factor**2,
        area_m2=np.round(np.add.reduceat(cells.area_m2[order], first), 1),
        kg=roll_up(cells.kg, np.searchsorted(index, parent), len(index)),
        null=np.bitwise_and.reduceat(cells.null[order], first),
        incomplete=np.bitwise_or.reduceat(cells.incomplete[order], first),
        u95=np.zeros((len(INTERVALS), len(index)), np.int64),
        quality=np.zeros(len(index), np.uint8),
    )


def _levels(finest: Cells, levels: Sequence[int]) -> dict[int, Cells]:
    size = finest.window.grid.cell_size
    return {level: finest if level == size else coarsen(finest, level // size) for level in sorted({size, *levels})}


def border(place: Place) -> Border:
    """Cell ∩ boundary of the cells that the boundary cuts, clipped kilometre by kilometre so that each cut is small."""
    cut, size = place.index[place.share < 1], place.window.grid.cell_size
    west, south = place.window.corners(cut)
    corner = np.stack([west // _BLOCK, south // _BLOCK], axis=1) * _BLOCK
    block, which = np.unique(corner, axis=0, return_inverse=True)
    squares = np.asarray(shapely.box(*block.T, *(block + _BLOCK).T), object)
    blocks = nearby(place.boundary).intersection(squares)
    shape = shapely.intersection(blocks[which.ravel()], shapely.box(west, south, west + size, south + size))
    return Border(cut, Wkb.from_shapely([polygonal(g) for g in shape]))


@dataclass(frozen=True)
class Account:
    """All kinds' lines and pieces in one numbering, for sums and intervals over several sectors.

    ``line``, ``cell`` (flat index in the finest window), ``kg`` and ``grade`` (its source's quality) are by piece.
    """

    lines: Lines
    line: NDArray[np.int64]
    cell: NDArray[np.int64]
    kg: NDArray[np.int64]
    grade: NDArray[np.uint8]

    @classmethod
    def of(cls, layers: Sequence[Layer]) -> "Account":
        """Concatenate layers; sources and lines are numbered through."""
        first_line = np.cumsum([0, *(len(layer.lines.kg) for layer in layers)])
        line = [layer.pieces.line + n for layer, n in zip(layers, first_line, strict=False)]
        return cls(
            all_lines(layers),
            np.concatenate(line).astype(np.int64),
            np.concatenate([np.repeat(layer.pieces.cells, np.diff(layer.pieces.ptr)) for layer in layers]),
            np.concatenate([layer.pieces.kg for layer in layers]),
            np.concatenate([layer.quality[layer.lines.source[layer.pieces.line]] for layer in layers]),
        )


def interval_signs(bands: Sequence[Band]) -> NDArray[np.int64]:
    """Sign of each band in each of INTERVALS, shape (intervals, bands)."""
    names = list(FIGURE)
    return weights(bands)[[names.index(n) for n in INTERVALS]]


def _assessed(inventory: Inventory) -> dict[int, Cells]:
    """Absolute half-widths of every cell, a source's pieces in it erring together, and its quality (method 2.6).

    Rows of the coarsest cells are taken one after another, so that no more than the pieces of one row are gathered.
    """
    signs = interval_signs(inventory.bands)
    u95 = {size: np.zeros((len(INTERVALS), len(c.index)), np.int64) for size, c in inventory.cells.items()}
    quality = {size: np.zeros(len(c.index), np.uint8) for size, c in inventory.cells.items()}
    coarsest, finest = max(inventory.cells), inventory.cells[inventory.grid.cell_size].window
    for row in range(inventory.cells[coarsest].window.nrow):
        strip = _strip(list(inventory.layers.values()), row, coarsest // inventory.grid.cell_size)
        for size, cells in inventory.cells.items():
            rows = coarsest // size * cells.window.ncol
            here = slice(*np.searchsorted(cells.index, [row * rows, (row + 1) * rows]))
            index = cells.index[here]
            group = np.searchsorted(index, finest.parents(strip.cell, size // inventory.grid.cell_size))
            tables = (inventory.factors, inventory.rows)
            bands = strip.lines.band
            widths = grouped_half_widths(strip.line, strip.kg, group, strip.lines, bands, signs, *tables, len(index))
            u95[size][:, here] = np.rint(widths).astype(np.int64)
            quality[size][here] = mean_quality(strip.kg, strip.grade, group, len(index))
    return {size: replace(c, u95=u95[size], quality=quality[size]) for size, c in inventory.cells.items()}


def _strip(layers: Sequence[Layer], row: int, height: int) -> Account:
    """The pieces in a row of coarse cells, ``height`` fine ones high, each with a copy of its line."""
    first_source = np.cumsum([0, *(len(layer.id) for layer in layers)])
    lines, cell, kg, grade = [], [], [], []
    for layer, n in zip(layers, first_source, strict=False):
        pieces, ncol = layer.pieces, layer.pieces.window.ncol
        first, last = np.searchsorted(pieces.cells, [row * height * ncol, (row + 1) * height * ncol])
        own = slice(pieces.ptr[first], pieces.ptr[last])
        line = pieces.line[own]
        lines.append({f.name: getattr(layer.lines, f.name)[line] for f in fields(Lines)})
        grade.append(layer.quality[lines[-1]["source"]])
        lines[-1]["source"] = (lines[-1]["source"] + n).astype(np.int32)
        cell.append(np.repeat(pieces.cells[first:last], np.diff(pieces.ptr[first : last + 1])))
        kg.append(pieces.kg[own])
    columns = {f.name: np.concatenate([one[f.name] for one in lines]) for f in fields(Lines)}
    count = len(columns["kg"])
    every = np.arange(count, dtype=np.int64)
    return Account(Lines(**columns), every, np.concatenate(cell), np.concatenate(kg), np.concatenate(grade))


def all_lines(layers: Sequence[Layer]) -> Lines:
    """The lines of all layers, their sources numbered through."""
    first_source = np.cumsum([0, *(len(layer.id) for layer in layers)])
    columns = {f.name: np.concatenate([getattr(layer.lines, f.name) for layer in layers]) for f in fields(Lines)}
    source = [layer.lines.source + n for layer, n in zip(layers, first_source, strict=False)]
    return Lines(**columns | {"source": np.concatenate(source).astype(np.int32)})


def total_intervals(inventory: Inventory) -> dict[str, int]:
    """Absolute 95 % half-width of the inventory's totals in kg, by figure; empty without sources."""
    if not inventory.layers:
        return {}
    lines = all_lines(list(inventory.layers.values()))
    signs = interval_signs(inventory.bands)
    return {
        name: round(half_widths(lines.kg, lines, sign[lines.band], inventory.factors, inventory.rows))
        for name, sign in zip(INTERVALS, signs, strict=True)
    }


def total_percentiles(inventory: Inventory) -> dict[str, Interval]:
    """95 % interval of the inventory's totals by figure, drawn where approach 1 is invalid; empty without sources."""
    if not inventory.layers:
        return {}
    lines = all_lines(list(inventory.layers.values()))
    model = Model(inventory.factors, inventory.rows)
    signs = interval_signs(inventory.bands)
    return {name: model.interval(lines, sign[lines.band]) for name, sign in zip(INTERVALS, signs, strict=True)}
