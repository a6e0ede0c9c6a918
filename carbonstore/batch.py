# SPDX-License-Identifier: Apache-2.0
"""A page of cell records as columns, made when they are asked for; what every encoder speaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.grid import Window
from carbongrid.jit import kernel
from carbongrid.sectors import FIGURE, FIGURES, INTERVALS, SECTORS, bit, missing_text, sector_mask
from carbonstore import text
from carbonstore.catalogue import Collection
from carbonstore.columns import Column, Labels, Number
from carbonstore.stored import Level
from carbonstore.unit_levels import UnitLevel

Ints = NDArray[np.int64]
_ALL = (1 << len(SECTORS)) - 1
_IN_KG = dict.fromkeys([*FIGURE, *(f"{name}_u95" for name in INTERVALS)])
"""Properties that are stored as kilograms, in published order."""


@kernel
def combine(weights: Ints, kg: Ints) -> Ints:
    """Figures (figures, cells) = weights (figures, bands) of -1, 0, 1 times kilograms (bands, cells)."""
    out = np.zeros((weights.shape[0], kg.shape[1]), np.int64)
    for f in range(weights.shape[0]):
        for b in range(weights.shape[1]):
            if weights[f, b] != 0:
                for i in range(kg.shape[1]):
                    out[f, i] += weights[f, b] * kg[b, i]
    return out


@dataclass(frozen=True)
class Part:
    """Records of one year: ``rows`` of the stored level, and where each stands ``at`` in the batch."""

    year: int
    rows: Ints
    at: Ints | slice


@dataclass(frozen=True)
class CellBatch:
    """Records in answer order.

    ``year`` int16 and ``index`` int64 by record, the index flat in ``window``; ``names`` are the properties chosen;
    ``matched`` is how many records the query has in all, ``next_cursor`` where the next page begins (None: no more).
    """

    collection: Collection
    window: Window
    year: NDArray[np.int16]
    index: Ints
    parts: tuple[Part, ...]
    names: tuple[str, ...]
    matched: int
    next_cursor: str | None = None

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The chosen properties by name, in published order."""
        return {name: self.column(name) for name in self.names}

    def column(self, name: str) -> Column:
        """Any one property of the collection."""
        if name in _IN_KG:
            null = self._null_figures[name.removesuffix("_u95")]
            return Number(np.where(null, 0, self.kg[name]), null, 3)
        return self._others[name]()

    @cached_property
    def cell_id(self) -> Labels:
        """Cell codes."""
        grid = self.window.grid
        east, north = self.window.corners(self.index)
        prefix = text.utf8(f"CRS{grid.epsg}RES{grid.cell_size}mN")
        return Labels(*text.cell_codes(prefix, east, north), np.arange(len(self), dtype=np.int64))

    @property
    def feature_ids(self) -> list[str]:
        """``{cell_id}.{year}`` of every record."""
        return [f"{cell}.{year}" for cell, year in zip(self.cell_id.texts, self.year, strict=True)]

    @cached_property
    def kg(self) -> Mapping[str, Ints]:
        """Whole kilograms of every figure and half-width, int64; 0 where null."""
        figures, half = np.empty((len(FIGURES), len(self)), np.int64), np.empty((len(INTERVALS), len(self)), np.int64)
        for part in self.parts:
            level = self.collection.stored(part.year)
            bands = _take(level.kg, part.rows)
            figures[:, part.at] = combine(self.collection.release(part.year).weights, bands)
            half[:, part.at] = _take(level.u95, part.rows)
        return dict(zip(_IN_KG, [*figures, *half], strict=True))

    @cached_property
    def null_sectors(self) -> NDArray[np.uint8]:
        """Mask of the sectors that are null, by record."""
        return self._gather(lambda level: level.null, np.uint8)

    @cached_property
    def missing_sectors(self) -> NDArray[np.uint8]:
        """Mask of the sectors that are null or incomplete, by record."""
        return self._gather(lambda level: level.incomplete, np.uint8) | self.null_sectors

    def _gather(self, column: Any, dtype: type[Any]) -> NDArray[Any]:
        out = np.empty(len(self), dtype)
        for part in self.parts:
            out[part.at] = column(self.collection.stored(part.year))[part.rows]
        return out

    @cached_property
    def _null_figures(self) -> Mapping[str, NDArray[np.bool_]]:
        """A figure is null where all the sectors it needs are (contract 2)."""
        masks = {m: (self.null_sectors & m) == m for m in {sector_mask(f) for f in FIGURES}}
        return {f.name: masks[sector_mask(f)] for f in FIGURES}

    @cached_property
    def _others(self) -> Mapping[str, Callable[[], Column]]:
        """How each property that is no figure is made."""
        data_years = {f"data_year_{s}": partial(self._data_year, s) for s in SECTORS}
        return {
            "cell_id": lambda: self.cell_id,
            "kr_code": self._kr_code,
            "unit_code": partial(self._unit, lambda units: units.code),
            "unit_name": partial(self._unit, lambda units: units.name),
            "year": lambda: Number(self.year.astype(np.int64), np.zeros(len(self), np.bool_)),
            "time_start": lambda: self._day("01-01"),
            "time_end": lambda: self._day("12-31"),
            "area_m2": self._area,
            "quality": self._quality,
            "status": self._status,
            "missing": self._missing,
            "synthetic": self._synthetic,
            **data_years,
        }

    def _kr_code(self) -> Labels:
        return Labels(*text.kr_codes(self.window.grid.cell_size, *self.window.corners(self.index)))

    def _unit(self, column: Callable[[UnitLevel], NDArray[np.object_]]) -> Labels:
        """A text of the unit that holds most of each cell; null where none does or the year has no units."""
        texts: list[str] = []
        codes = np.full(len(self), -1, np.int64)
        for part in self.parts:
            stored, release = self.collection.stored(part.year), self.collection.release(part.year)
            if stored.unit is not None and release.cell_unit_level is not None:
                row = stored.unit[part.rows].astype(np.int64)
                codes[part.at] = np.where(row < 0, -1, row + len(texts))
                texts += column(release.units(release.cell_unit_level))[:-1].tolist()
        return Labels.of(texts, codes)

    def _day(self, day: str) -> Labels:
        years = self.collection.years
        return Labels.of([f"{y}-{day}" for y in years], np.searchsorted(years, self.year))

    def _area(self) -> Number:
        area = self._gather(lambda level: level.area_m2, np.float64)
        return Number(np.rint(area * 10).astype(np.int64), np.zeros(len(self), np.bool_), 1)

    def _quality(self) -> Number:
        quality = self._gather(lambda level: level.quality, np.int64)
        return Number(quality, quality == 0)

    def _status(self) -> Labels:
        code = np.where(self.null_sectors == _ALL, 2, np.where(self.missing_sectors != 0, 1, 0))
        return Labels.of(["ok", "partial", "missing"], code)

    def _missing(self) -> Labels:
        names = [missing_text(mask) or "" for mask in range(_ALL + 1)]
        mask = self.missing_sectors.astype(np.int64)
        return Labels.of(names, np.where(mask == 0, -1, mask))

    def _data_year(self, sector: str) -> Number:
        """Null where the sector is null or its data are of the record's own year."""
        of = np.zeros(len(self), np.int64)
        for part in self.parts:
            of[part.at] = self.collection.release(part.year).manifest["data_years"].get(sector, part.year)
        null = (of == self.year) | ((self.null_sectors & bit(sector)) != 0)
        return Number(np.where(null, 0, of), null)

    def _synthetic(self) -> Labels:
        given = np.empty(len(self), np.bool_)
        for part in self.parts:
            given[part.at] = self.collection.release(part.year).manifest["synthetic"]
        return Labels.of(["true"], np.where(given, 0, -1), boolean=True)


def _take(columns: tuple[NDArray[Any], ...], rows: Ints) -> Ints:
    """Rows of several stored columns as int64, shape (columns, rows)."""
    out = np.empty((len(columns), len(rows)), np.int64)
    for target, column in zip(out, columns, strict=True):
        target[:] = column[rows]
    return out


def rows_in(level: Level, block: tuple[int, int, int, int]) -> Ints:
    """Positions in a stored level, ascending, of the cells within (row0, row1, col0, col1), half open."""
    row0, row1, col0, col1 = block
    first = np.arange(row0, row1, dtype=np.int64) * level.window.ncol
    start, stop = np.searchsorted(level.index, first + col0), np.searchsorted(level.index, first + col1)
    length = stop - start
    skipped = np.repeat(start - np.cumsum(length) + length, length)
    return skipped + np.arange(len(skipped), dtype=np.int64)
