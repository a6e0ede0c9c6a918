# SPDX-License-Identifier: Apache-2.0
"""The cells of a region: whole ones as they are stored, cut ones with what of them lies inside.

Their sums are the region's totals, to the kilogram, at every level. By ``sources`` half-widths and quality are found
anew from the pieces inside, as in a build. By ``cells`` a cut cell keeps the relative half-width of the whole one, to
which comes that of not knowing where in it its kilograms stand (``processes.regions.inside``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from carbongrid.assemble import INTERNAL_LEVELS, at_levels, coarsen, interval_signs
from carbongrid.grid import Window
from carbongrid.inventory import Cells, Inventory, Layer, Pieces
from carbongrid.pieces import Running, cell_sums
from carbongrid.sectors import SECTORS, weights
from carbongrid.zonal import Cut, cell_sums_in, cells_cover, layer_sums
from carbonstore.releases.catalogue import Published
from carbonstore.releases.edition import Edition
from carbonstore.releases.stored import Level, Release
from processes.regions.inside import WORST, Z95, Choice, Stock, Taken, spans

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]


def clipped(published: Published, cuts: Mapping[int, tuple[Stock, Cut]], choice: Choice, level: int) -> Published:
    """The inventory with nothing but the cells of a region at one level (metres), for the years of ``cuts``."""
    releases = {year: _clipped(published.release(year), *cut, choice, level) for year, cut in sorted(cuts.items())}
    return Published(Edition.of(published.id, published.edition.years), releases)


def _clipped(release: Release, stock: Stock, cut: Cut, choice: Choice, level: int) -> Release:
    cells = (_by_cells if choice.method == "cells" else _by_sources)(release, stock, cut, choice, level)
    return release.with_level(level, _level(cells, release.level(level)))


def _by_sources(release: Release, stock: Stock, cut: Cut, choice: Choice, level: int) -> Cells:
    """Pieces inside -> cells, as the build makes them."""
    wanted = _wanted(stock, choice)
    layers = [_cut_layer(layer, run, cut, wanted) for layer, run in zip(stock.layers, stock.running, strict=True)]
    finest = _taken(stock, cut, choice, [layer.pieces.cells for layer in layers])
    for layer in layers:
        at = np.searchsorted(finest.index, layer.pieces.cells)
        finest.kg[:, at] += cell_sums(layer.pieces, layer.lines.band, len(stock.bands))
    draft = Inventory(
        id=release.inventory_id,
        year=release.year,
        grid=release.grid,
        boundary=b"",
        bands=stock.bands,
        factors=stock.factors,
        rows=stock.rows,
        layers={layer.kind: layer for layer in layers},
        cells={release.grid.cell_size: finest},
        border=stock.border,
    )
    return at_levels(draft, [level, max(INTERNAL_LEVELS)]).cells[level]


def _wanted(stock: Stock, choice: Choice) -> NDArray[np.bool_]:
    """Bands that count in the sectors and the mode asked for."""
    return np.asarray(weights(stock.bands, choice.mode, choice.sectors).any(axis=0), np.bool_)


def _cut_layer(layer: Layer, running: Running, cut: Cut, wanted: NDArray[np.bool_]) -> Layer:
    """A layer with the pieces inside, those of bands that are not wanted left out."""
    pieces, lines = layer.pieces, layer.lines
    sums = layer_sums(cut, pieces, lines.source, lines.band, len(wanted), layer.geometry, running)
    whole = spans(pieces.ptr[sums.runs[:, 0]], pieces.ptr[sums.runs[:, 1]])
    at, kg = np.concatenate([whole, sums.piece]), np.concatenate([pieces.kg[whole], sums.kg_piece])
    kept = (kg != 0) & wanted[lines.band[pieces.line[at]]]
    order = np.argsort(at[kept], kind="stable")
    at, kg = at[kept][order], kg[kept][order]
    cells, count = np.unique(pieces.cells[np.searchsorted(pieces.ptr, at, "right") - 1], return_counts=True)
    ptr = np.append(0, np.cumsum(count)).astype(np.int64)
    return replace(layer, pieces=Pieces(pieces.window, cells, ptr, pieces.line[at], kg))


def _taken(stock: Stock, cut: Cut, choice: Choice, occupied: Sequence[I64]) -> Cells:
    """The finest cells inside, without kilograms; a cell with pieces inside is there even if nothing else of it is."""
    cells, found = stock.cells, Taken.of(cells_cover(cut, stock.cells, stock.border))
    at = np.unique(np.concatenate([found.at, *(np.searchsorted(cells.index, index) for index in occupied)]))
    share = np.zeros(len(at))
    share[np.searchsorted(at, found.at)] = found.share
    unasked = np.uint8(Choice(SECTORS).mask & ~choice.mask)
    return Cells(
        window=cells.window,
        index=cells.index[at],
        share=cells.share[at] * share,
        area_m2=np.round(cells.area_m2[at] * share, 1),
        kg=np.zeros((len(stock.bands), len(at)), np.int64),
        null=cells.null[at] | unasked,
        incomplete=cells.incomplete[at] & np.uint8(choice.mask),
        u95=np.zeros((len(cells.u95), len(at)), np.int64),
        quality=np.zeros(len(at), np.uint8),
    )


def _by_cells(release: Release, stock: Stock, cut: Cut, choice: Choice, level: int) -> Cells:
    """Cells by the share of their area; a coarser cell's half-width in proportion to what of it is inside."""
    finest, sums = _taken(stock, cut, choice, []), cell_sums_in(cut, stock.cells, stock.border)
    whole, wanted = spans(sums.runs[:, 0], sums.runs[:, 1]), _wanted(stock, choice)
    for at, kg in ((whole, stock.cells.kg[:, whole]), (sums.piece, sums.kg_piece)):
        inside = np.isin(stock.cells.index[at], finest.index)
        finest.kg[:, np.searchsorted(finest.index, stock.cells.index[at][inside])] = kg[:, inside] * wanted[:, None]
    factor = level // release.grid.cell_size
    signs, full = interval_signs(stock.bands), stock.cells.kg[:, np.searchsorted(stock.cells.index, finest.index)]
    share = finest.share / stock.cells.share[np.searchsorted(stock.cells.index, finest.index)]
    hidden = Z95**2 * share * (1 - share) * ((signs * wanted) @ full).astype(np.float64) ** 2
    made = finest if factor == 1 else coarsen(finest, factor)
    parent = np.searchsorted(made.index, finest.window.parents(finest.index, factor))
    variance = np.stack([np.bincount(parent, row, len(made.index)) for row in hidden])
    stored = release.level(level)
    rows = np.searchsorted(stored.index, made.index)
    before = signs @ np.stack([column[rows] for column in stored.kg]).astype(np.int64)
    part = np.divide((signs * wanted) @ made.kg, before, out=np.zeros(before.shape), where=before != 0)
    known = np.stack([column[rows] for column in stored.u95]) * np.abs(part)
    quality = stored.quality[rows]
    worse = np.where(quality == 0, 0, np.minimum(quality + 1, WORST)).astype(np.uint8)
    return replace(made, u95=np.rint(np.hypot(known, np.sqrt(variance))).astype(np.int64), quality=worse)


def _level(cells: Cells, stored: Level) -> Level:
    """Cells in the smallest window that holds them, with the units of the stored ones."""
    row, col = np.divmod(cells.index, cells.window.ncol)
    top, left = (int(v.min()) if len(v) else 0 for v in (row, col))
    nrow, ncol = (int(v.max(initial=first)) - first + 1 for v, first in ((row, top), (col, left)))
    window = Window(cells.window.grid, cells.window.left + left, cells.window.top - top, ncol, nrow)
    unit = None if stored.unit is None else stored.unit[np.searchsorted(stored.index, cells.index)]
    return Level(
        window=window,
        index=(row - top) * ncol + col - left,
        share=cells.share,
        area_m2=cells.area_m2,
        null=cells.null,
        incomplete=cells.incomplete,
        quality=cells.quality,
        kg=tuple(cells.kg),
        u95=tuple(cells.u95),
        unit=unit,
    )
