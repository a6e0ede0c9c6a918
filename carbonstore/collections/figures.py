# SPDX-License-Identifier: Apache-2.0
"""Columns that records of every kind with figures store alike: kilograms by band, half-widths, masks, quality, area."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from carbongrid.sectors import FIGURE, FIGURES, INTERVALS, Band, sector_mask
from carbonstore.collections.columns import Number
from carbonstore.releases import arrow

Ints = NDArray[np.int64]
Rows = slice | Ints
"""Some rows of what is stored, ascending."""
HALF_WIDTHS = {f"{name}_u95": name for name in INTERVALS}
"""Figure by the name of its half-width."""
IN_KG = (*FIGURE, *HALF_WIDTHS)
"""Properties that are stored as kilograms, in published order."""
_FIGURE_ROW = {figure.name: row for row, figure in enumerate(FIGURES)}
_MASKS = ("null", "incomplete", "quality")


class Stored(Protocol):
    """Mapped columns of the records of one year. ``bounds`` is what filters learned of them; it never changes."""

    @property
    def bounds(self) -> dict[str, Any]:
        """Kept by ``carbonstore.collections.record_source`` as long as the release is open."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class FigureColumns:
    """Mapped columns of records (see ``carbongrid.inventory.Cells``): ``kg`` holds one int32 or int64 column per band
    and ``u95`` one per figure of INTERVALS; ``null`` and ``incomplete`` are masks of sectors; ``area_m2`` is geodesic.
    """

    area_m2: NDArray[np.float64]
    null: NDArray[np.uint8]
    incomplete: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    kg: tuple[NDArray[Any], ...]
    u95: tuple[NDArray[Any], ...]
    bounds: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __len__(self) -> int:
        """Records."""
        return len(self.area_m2)

    @staticmethod
    def read(table: arrow.Table, bands: tuple[Band, ...]) -> dict[str, Any]:
        """These columns of a file by the name of their field."""
        return {
            **{name: table.column(name) for name in ("area_m2", *_MASKS)},
            "kg": tuple(table.column(b.key) for b in bands),
            "u95": tuple(table.column(name) for name in HALF_WIDTHS),
        }

    def taken(self, rows: Ints) -> dict[str, Any]:
        """These columns of some rows, in their order, by the name of their field."""
        plain = {name: getattr(self, name)[rows] for name in ("area_m2", *_MASKS)}
        return plain | {name: tuple(column[rows] for column in getattr(self, name)) for name in ("kg", "u95")}

    def masks(self) -> dict[str, NDArray[np.uint8]]:
        """Masks and quality, for a file."""
        return {name: getattr(self, name) for name in _MASKS}

    def kilograms(self, bands: tuple[Band, ...]) -> dict[str, NDArray[Any]]:
        """Kilograms by band and half-widths, for a file."""
        by_band = {band.key: kg for band, kg in zip(bands, self.kg, strict=True)}
        return {**by_band, **dict(zip(HALF_WIDTHS, self.u95, strict=True))}

    def figure(self, name: str, rows: Rows, weights: NDArray[np.int64]) -> Number:
        """A property of IN_KG of some rows, summed without a copy of what is stored. ``weights``: (figures, bands)."""
        figure = HALF_WIDTHS.get(name, name)
        needed = sector_mask(FIGURE[figure])
        null = (self.null[rows] & needed) == needed
        kg = self._half_widths(figure, rows) if name in HALF_WIDTHS else self._sums(weights[_FIGURE_ROW[figure]], rows)
        kg[null] = 0
        return Number(kg, null, 3)

    def _sums(self, weights: NDArray[np.int64], rows: Rows) -> Ints:
        kg = np.zeros(len(self.null[rows]), np.int64)
        for weight, band in zip(weights, self.kg, strict=True):
            if weight > 0:
                kg += band[rows]
            elif weight < 0:
                kg -= band[rows]
        return kg

    def _half_widths(self, figure: str, rows: Rows) -> Ints:
        return self.u95[INTERVALS.index(figure)][rows].astype(np.int64)
