# SPDX-License-Identifier: Apache-2.0
"""What of an inventory lies inside a region: kilograms, half-widths, gaps. Pure: no files, no requests.

Two methods (architecture, decision 6). ``sources``: whole cells by running sums, and in the cells that the border cuts
every piece by the share of its own geometry inside. ``cells``: every cell by the share of its own area inside, which
asks nothing about where in a cell its sources stand; its quality is one grade worse and its interval wider by

    U² = U_model² + (1.96)² Σ_cut cells s (1 - s) K²

with ``s`` the share of the cell inside and ``K`` its kilograms: the variance of a cell whose kilograms all come from
one spot that may be anywhere in it, independent between cells. It is the most a cell can hide: an upper limit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.inventory import Activity, Border, Cells, FactorRow, Inventory, Layer, Lines
from carbongrid.pieces import Running
from carbongrid.sectors import FIGURE, FIGURES, INTERVALS, Band, bit, sector_mask, weights
from carbongrid.uncertainty import grouped_half_widths
from carbongrid.zonal import Cover, Cut, RegionSums, Squares, cell_sums_in, cells_cover, layer_sums
from carbongrid.zoned import SLIVER

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
METHODS = ("sources", "cells")
Z95 = 1.96
"""Half-width of a 95 % interval in standard deviations."""
WORST = 5
"""Worst quality grade."""


@dataclass(frozen=True)
class Stock:
    """An inventory made ready for region sums. Immutable once made; share it between threads."""

    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    layers: tuple[Layer, ...]
    running: tuple[Running, ...]
    cells: Cells
    border: Border
    squares: Squares

    @classmethod
    def of(cls, inventory: Inventory) -> Self:
        """Running sums of every layer over the finest cells."""
        layers = tuple(inventory.layers.values())
        n = len(inventory.bands)
        running = tuple(Running.from_pieces(layer.pieces, layer.lines.band, n) for layer in layers)
        finest = inventory.cells[inventory.grid.cell_size]
        squares = Squares.of(finest, inventory.border)
        return cls(
            inventory.bands, inventory.factors, inventory.rows, layers, running, finest, inventory.border, squares
        )


@dataclass(frozen=True)
class Choice:
    """What is asked for: which sectors, in which mode, by which method."""

    sectors: tuple[str, ...]
    mode: str = "end_user"
    method: str = "sources"

    @property
    def mask(self) -> int:
        """Sector mask of the sectors."""
        return sum(bit(s) for s in self.sectors)


@dataclass(frozen=True)
class Inside:
    """The answer for one inventory: by band whole and unrounded kilograms, area, sector masks, intervals, quality.

    ``area_m2``: geodesic, of region ∩ boundary. ``null``: sectors null over the whole region; ``incomplete``: null or
    incomplete anywhere in it. ``u95``: half-width in kg by figure of INTERVALS, where it is known. ``quality``:
    emission-weighted mean grade, None where nothing is known.
    """

    bands: tuple[Band, ...]
    choice: Choice
    kg: I64
    unrounded: F64
    area_m2: float
    null: int
    incomplete: int
    u95: Mapping[str, float]
    quality: int | None

    @classmethod
    def nothing(cls, bands: tuple[Band, ...], choice: Choice) -> Self:
        """No kilograms, no area, and nothing known of intervals."""
        zero = np.zeros(len(bands), np.int64)
        return cls(bands, choice, zero, zero.astype(np.float64), 0.0, choice.mask, choice.mask, {}, None)

    @cached_property
    def figures(self) -> dict[str, int | None]:
        """Published figures in whole kg, those of the chosen sectors; None where none of their sectors is known."""
        sums = weights(self.bands, self.choice.mode, self.choice.sectors) @ self.kg
        return {name: self._known(name, int(v)) for name, v in zip(FIGURE, sums, strict=True) if self._asked(name)}

    @cached_property
    def unrounded_figures(self) -> dict[str, float | None]:
        """The same before rounding to whole kilograms per piece."""
        sums = weights(self.bands, self.choice.mode, self.choice.sectors) @ self.unrounded
        return {name: self._known(name, float(v)) for name, v in zip(FIGURE, sums, strict=True) if self._asked(name)}

    @cached_property
    def half_widths(self) -> dict[str, int | None]:
        """``{figure}_u95`` in whole kg of the figures of INTERVALS that are asked for."""
        known = {n: self._known(n, self.u95.get(n)) for n in INTERVALS if self._asked(n)}
        return {f"{n}_u95": None if u95 is None else round(u95) for n, u95 in known.items()}

    def band_rows(self) -> list[dict[str, object]]:
        """Kilograms by band that counts in the mode and sectors; kg None where the sector is null."""
        return [
            asdict(b) | {"kg": None if self.null & bit(b.sector) else kg}
            for b, kg in zip(self.bands, self.kg.tolist(), strict=True)
            if b.sector in self.choice.sectors and self.choice.mode in b.modes
        ]

    def _asked(self, name: str) -> bool:
        return bool(sector_mask(FIGURE[name]) & self.choice.mask)

    def _known[T](self, name: str, value: T) -> T | None:
        needed = sector_mask(FIGURE[name]) & self.choice.mask
        return None if needed & self.null == needed else value


def inside(stock: Stock, cut: Cut, choice: Choice) -> Inside:
    """Sum an inventory inside a region cut on its window."""
    taken = Taken.of(cells_cover(cut, stock.cells, stock.border, stock.squares))
    sums, parts = _by_cells(stock, cut, taken) if choice.method == "cells" else _by_sources(stock, cut)
    held = Held.of(stock.layers, parts)
    met = taken.at[taken.share > SLIVER]
    null, incomplete = stock.cells.null[met], stock.cells.incomplete[met]
    return Inside(
        stock.bands,
        choice,
        kg=sum((s.kg for s in sums), np.zeros(len(stock.bands), np.int64)),
        unrounded=sum((s.unrounded for s in sums), np.zeros(len(stock.bands))),
        area_m2=round(float(stock.cells.area_m2[taken.at] @ taken.share), 1),
        null=int(np.bitwise_and.reduce(null)) & choice.mask if len(null) else choice.mask,
        incomplete=int(np.bitwise_or.reduce(incomplete | null)) & choice.mask if len(null) else choice.mask,
        u95=intervals(stock, held, choice, taken),
        quality=grade(held, choice),
    )


def _by_sources(stock: Stock, cut: Cut) -> tuple[list[RegionSums], list["Part"]]:
    n = len(stock.bands)
    sums = [
        layer_sums(cut, layer.pieces, layer.lines.source, layer.lines.band, n, layer.geometry, running)
        for layer, running in zip(stock.layers, stock.running, strict=True)
    ]
    return sums, [shared(layer, s) for layer, s in zip(stock.layers, sums, strict=True)]


def _by_cells(stock: Stock, cut: Cut, taken: "Taken") -> tuple[list[RegionSums], list["Part"]]:
    sums = [cell_sums_in(cut, stock.cells, stock.border)]
    return sums, [weighed(layer, stock.cells.index[taken.at], taken.share) for layer in stock.layers]


@dataclass(frozen=True)
class Taken:
    """Cells that the region meets: their positions, and the share (0 to 1] of the inside area of each in it."""

    at: I64
    share: F64

    @classmethod
    def of(cls, found: Cover) -> Self:
        """Whole cells and cut cells together."""
        whole = spans(found.runs[:, 0], found.runs[:, 1])
        share = np.concatenate([np.ones(len(whole)), found.share])
        met = share > 0
        return cls(np.concatenate([whole, found.piece])[met], share[met])


@dataclass(frozen=True)
class Part:
    """Pieces of one layer with something inside: their lines, in any order and often more than once, and kilograms."""

    line: I64
    kg: F64


def shared(layer: Layer, sums: RegionSums) -> Part:
    """Pieces of a layer inside by the sources' own geometry."""
    whole = spans(layer.pieces.ptr[sums.runs[:, 0]], layer.pieces.ptr[sums.runs[:, 1]])
    line = np.concatenate([layer.pieces.line[whole], layer.pieces.line[sums.piece]])
    return Part(line.astype(np.int64), np.concatenate([layer.pieces.kg[whole], sums.kg_piece]).astype(np.float64))


def weighed(layer: Layer, cell: I64, share: F64) -> Part:
    """Pieces of a layer inside, each by the share of its cell; ``cell`` are flat indices with their shares."""
    pieces = layer.pieces
    if not len(pieces.cells):
        return Part(np.zeros(0, np.int64), np.zeros(0))
    held = np.minimum(np.searchsorted(pieces.cells, cell), len(pieces.cells) - 1)
    occupied = pieces.cells[held] == cell
    first, last = pieces.ptr[held[occupied]], pieces.ptr[held[occupied] + 1]
    at = spans(first, last)
    return Part(pieces.line[at].astype(np.int64), pieces.kg[at] * np.repeat(share[occupied], last - first))


def spans(first: I64, last: I64) -> I64:
    """All integers of the ranges ``first[i]:last[i]``, one after another."""
    size = last - first
    return np.repeat(first - np.r_[0, np.cumsum(size)[:-1]] if len(size) else first, size) + np.arange(size.sum())


@dataclass(frozen=True)
class Held:
    """The line of every piece inside, sources numbered through all layers, its kilograms and its source's grade."""

    lines: Lines
    kg: F64
    quality: NDArray[np.uint8]

    @classmethod
    def of(cls, layers: Sequence[Layer], parts: Sequence[Part]) -> Self:
        """Gather the parts of every layer."""
        first = np.cumsum([0, *(len(layer.id) for layer in layers)])
        taken = [_taken(layer, part.line, int(n)) for layer, part, n in zip(layers, parts, first, strict=False)]
        quality = [layer.quality[layer.lines.source[part.line]] for layer, part in zip(layers, parts, strict=True)]
        fields = {name: np.concatenate([getattr(t, name) for t in taken]) for name in Lines.__dataclass_fields__}
        dense = np.unique(fields["source"], return_inverse=True)[1].astype(np.int32)
        return cls(Lines(**fields | {"source": dense}), np.concatenate([p.kg for p in parts]), np.concatenate(quality))


def _taken(layer: Layer, line: I64, first_source: int) -> Lines:
    taken = Lines(**{name: getattr(layer.lines, name)[line] for name in Lines.__dataclass_fields__})
    return replace(taken, source=taken.source + np.int32(first_source))


def intervals(stock: Stock, held: Held, choice: Choice, taken: Taken) -> dict[str, float]:
    """95 % half-widths in kg of the figures of INTERVALS."""
    matrix = weights(stock.bands, choice.mode, choice.sectors)
    signs = {f.name: matrix[i] for i, f in enumerate(FIGURES) if f.name in INTERVALS}
    tables = stock.factors, stock.rows
    every, one = np.arange(len(held.kg), dtype=np.int64), np.zeros(len(held.kg), np.int64)
    both = held.lines, held.lines.band, np.stack(list(signs.values()))
    widths = grouped_half_widths(every, held.kg, one, *both, *tables, 1)[:, 0]
    model = dict(zip(signs, widths.tolist(), strict=True))
    if choice.method == "sources":
        return model
    return {n: float(np.hypot(model[n], sub_cell(stock.cells.kg, signs[n], taken))) for n in model}


def sub_cell(kg: I64, sign: I64, taken: Taken) -> float:
    """Half-width in kg of not knowing where inside a cut cell its kilograms stand; kg (bands, cells)."""
    cut = taken.share < 1
    share, whole = taken.share[cut], (sign @ kg[:, taken.at[cut]]).astype(np.float64)
    return Z95 * float(np.sqrt(np.sum(share * (1 - share) * whole**2)))


def grade(held: Held, choice: Choice) -> int | None:
    """Emission-weighted mean quality, 1 best .. 5; one worse by ``cells``; None where there is nothing to weigh."""
    weight = np.abs(held.kg)
    if not weight.sum():
        return None
    mean = int(np.floor(np.average(held.quality, weights=weight) + 0.5))
    return min(WORST, mean + (choice.method == "cells"))
