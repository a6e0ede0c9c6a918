# SPDX-License-Identifier: Apache-2.0
"""A page of records as columns, made when they are asked for; what every encoder speaks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.jit import kernel
from carbongrid.sectors import FIGURES, INTERVALS, SECTORS, bit, missing_text, sector_mask
from carbonstore.collections.collection import Collection, FigureCollection
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.figures import IN_KG, FigureColumns
from carbonstore.collections.shapes import Shapes, Squares

Ints = NDArray[np.int64]
_ALL = (1 << len(SECTORS)) - 1


@kernel
def combine(weights: Ints, kg: Ints) -> Ints:
    """Figures (figures, records) = weights (figures, bands) of -1, 0, 1 times kilograms (bands, records)."""
    out = np.zeros((weights.shape[0], kg.shape[1]), np.int64)
    for f in range(weights.shape[0]):
        for b in range(weights.shape[1]):
            if weights[f, b] != 0:
                for i in range(kg.shape[1]):
                    out[f, i] += weights[f, b] * kg[b, i]
    return out


@dataclass(frozen=True)
class Part:
    """Records of one year: ``rows`` of what is stored, and where each stands ``at`` in the batch."""

    year: int
    rows: Ints
    at: Ints | slice


@dataclass(frozen=True)
class Batch(ABC):
    """Records in answer order.

    ``year`` int16 and ``key`` int64 by record; ``names`` are the properties chosen; ``matched`` is how many records the
    query has in all, ``next_cursor`` where the next page begins (None: no more).
    """

    collection: Collection
    year: NDArray[np.int16]
    key: Ints
    parts: tuple[Part, ...]
    names: tuple[str, ...]
    matched: int
    next_cursor: str | None = None

    def __len__(self) -> int:
        return len(self.key)

    @property
    @abstractmethod
    def code(self) -> Labels:
        """What feature ids begin with."""

    @property
    @abstractmethod
    def geometry(self) -> Squares | Shapes:
        """Where the records lie."""

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The chosen properties by name, in published order."""
        return {name: self.column(name) for name in self.names}

    def column(self, name: str) -> Column:
        """Any one property of the collection."""
        return self._makers[name]()

    @property
    def feature_ids(self) -> list[str]:
        """``{code}.{year}`` of every record."""
        return [f"{code}.{year}" for code, year in zip(self.code.values, self.year, strict=True)]

    @cached_property
    def _makers(self) -> Mapping[str, Callable[[], Column]]:
        """How each property is made."""
        return self.makers()

    def makers(self) -> dict[str, Callable[[], Column]]:
        """How each property is made: here those that every record has; subclasses add theirs."""
        return {
            self.collection.code: lambda: self.code,
            "year": lambda: Number(self.year.astype(np.int64), np.zeros(len(self), np.bool_)),
            "time_start": lambda: self._day("01-01"),
            "time_end": lambda: self._day("12-31"),
            "synthetic": self._synthetic,
        }

    def _day(self, day: str) -> Labels:
        years = self.collection.years
        return Labels.of([f"{y}-{day}" for y in years], np.searchsorted(years, self.year))

    def _synthetic(self) -> Labels:
        given = np.empty(len(self), np.bool_)
        for part in self.parts:
            given[part.at] = self.collection.release(part.year).manifest["synthetic"]
        return Labels.of(["true"], np.where(given, 0, -1), boolean=True)


@dataclass(frozen=True)
class FigureBatch(Batch):
    """Records with figures: kilograms by sector, their half-widths, what is missing."""

    collection: FigureCollection

    def column(self, name: str) -> Column:
        """Any one property of the collection."""
        if name in IN_KG:
            null = self.null_figures[name.removesuffix("_u95")]
            return Number(np.where(null, 0, self.kg[name]), null, 3)
        return super().column(name)

    @cached_property
    def kg(self) -> Mapping[str, Ints]:
        """Whole kilograms of every figure and half-width, int64; 0 where null."""
        figures, half = np.empty((len(FIGURES), len(self)), np.int64), np.empty((len(INTERVALS), len(self)), np.int64)
        for part in self.parts:
            stored = self.collection.stored(part.year)
            bands = _take(stored.kg, part.rows)
            figures[:, part.at] = combine(self.collection.release(part.year).weights, bands)
            half[:, part.at] = _take(stored.u95, part.rows)
        return dict(zip(IN_KG, [*figures, *half], strict=True))

    @cached_property
    def null_sectors(self) -> NDArray[np.uint8]:
        """Mask of the sectors that are null, by record."""
        return self.gather(lambda stored: stored.null, np.uint8)

    @cached_property
    def missing_sectors(self) -> NDArray[np.uint8]:
        """Mask of the sectors that are null or incomplete, by record."""
        return self.gather(lambda stored: stored.incomplete, np.uint8) | self.null_sectors

    @cached_property
    def null_figures(self) -> Mapping[str, NDArray[np.bool_]]:
        """A figure is null where all the sectors it needs are (contract 2)."""
        masks = {m: (self.null_sectors & m) == m for m in {sector_mask(f) for f in FIGURES}}
        return {f.name: masks[sector_mask(f)] for f in FIGURES}

    @cached_property
    def decimetres(self) -> Ints:
        """Inside area in tenths of a square metre."""
        return np.rint(self.gather(lambda stored: stored.area_m2, np.float64) * 10).astype(np.int64)

    def gather(self, column: Callable[[FigureColumns], NDArray[Any]], dtype: type[Any]) -> NDArray[Any]:
        """A stored column, by record."""
        out = np.empty(len(self), dtype)
        for part in self.parts:
            out[part.at] = column(self.collection.stored(part.year))[part.rows]
        return out

    def makers(self) -> dict[str, Callable[[], Column]]:
        """Also what describes the figures."""
        data_years = {f"data_year_{s}": partial(self._data_year, s) for s in SECTORS}
        return {
            **super().makers(),
            "area_m2": lambda: Number(self.decimetres, np.zeros(len(self), np.bool_), 1),
            "quality": self._quality,
            "status": self._status,
            "missing": self._missing,
            **data_years,
        }

    def _quality(self) -> Number:
        quality = self.gather(lambda stored: stored.quality, np.int64)
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


def _take(columns: tuple[NDArray[Any], ...], rows: Ints) -> Ints:
    """Rows of several stored columns as int64, shape (columns, rows)."""
    out = np.empty((len(columns), len(rows)), np.int64)
    for target, column in zip(out, columns, strict=True):
        target[:] = column[rows]
    return out
