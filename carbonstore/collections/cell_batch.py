# SPDX-License-Identifier: Apache-2.0
"""Records of cells: codes of the grid, squares, and the unit that holds most of each."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from carbongrid.grid import Window
from carbonstore import text
from carbonstore.collections.batch import FigureBatch
from carbonstore.collections.columns import Column, Labels
from carbonstore.collections.shapes import Squares
from carbonstore.releases.stored import Release
from carbonstore.releases.unit_levels import UnitLevel

if TYPE_CHECKING:
    from carbonstore.collections.cell_collection import CellCollection


@dataclass(frozen=True)
class CellBatch(FigureBatch):
    """Records of cells; ``key`` is the flat index in the collection's window."""

    collection: "CellCollection"

    @property
    def window(self) -> Window:
        """What keys count in."""
        return self.collection.window

    @property
    def geometry(self) -> Squares:
        """Squares of the grid."""
        return Squares(self.window, self.key)

    @cached_property
    def code(self) -> Labels:
        """Cell codes."""
        grid = self.window.grid
        east, north = self.window.corners(self.key)
        prefix = text.utf8(f"CRS{grid.epsg}RES{grid.cell_size}mN")
        return Labels(*text.cell_codes(prefix, east, north), np.arange(len(self), dtype=np.int64))

    def makers(self) -> dict[str, Callable[[], Column]]:
        """Also the Korean code and the unit."""
        return {
            **super().makers(),
            "kr_code": self._kr_code,
            "unit_code": partial(self._unit, self._codes),
            "unit_name": partial(self._unit, lambda release, units: units.name),
        }

    def _kr_code(self) -> Labels:
        return Labels(*text.kr_codes(self.window.grid.cell_size, *self.window.corners(self.key)))

    def _codes(self, release: Release, units: UnitLevel) -> NDArray[np.object_]:
        """Codes of the newest year in every year, as the collections of units have them."""
        return release.codes_as_of(units.code, self.collection.newest)

    def _unit(self, column: Callable[[Release, UnitLevel], NDArray[np.object_]]) -> Labels:
        """A text of the unit that holds most of each cell; null where none does or the year has no units."""
        texts: list[str] = []
        codes = np.full(len(self), -1, np.int64)
        for part in self.parts:
            stored, release = self.collection.stored(part.year), self.collection.release(part.year)
            if stored.unit is not None and release.cell_unit_level is not None:
                row = stored.unit[part.rows].astype(np.int64)
                codes[part.at] = np.where(row < 0, -1, row + len(texts))
                texts += column(release, release.units(release.cell_unit_level))[:-1].tolist()
        return Labels.of(texts, codes)
