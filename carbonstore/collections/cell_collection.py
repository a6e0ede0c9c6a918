# SPDX-License-Identifier: Apache-2.0
"""The cells of one level as a collection. The key of a cell is its flat index in the window around all years."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, NotFound
from carbongrid.grid import Window, parse_kr_code
from carbonstore.collections import quads, tms
from carbonstore.collections.cell_batch import CellBatch
from carbonstore.collections.collection import ALL, Collection, FigureCollection, Ints
from carbonstore.collections.fields import CELL_FIELDS, Field, Text, cell_fields
from carbonstore.collections.figures import Rows
from carbonstore.collections.quads import WGS84, Box
from carbonstore.releases.stored import Level


def level_name(level: int) -> str:
    """Suffix of a level: ``100m``, ``1km``."""
    return f"{level // 1000}km" if level % 1000 == 0 else f"{level}m"


@dataclass(frozen=True)
class CellCollection(FigureCollection):
    """The cells of one level in metres."""

    level: int

    code = "cell_id"
    codes = ("cell_id", "kr_code")
    geometry_type = "Polygon"
    geometry_format = "geometry-polygon"
    batch_type = CellBatch

    @property
    def name(self) -> str:
        """The level's name."""
        return level_name(self.level)

    @property
    def subject(self) -> Text:
        """Cells of a size."""
        return {"ko": f"{self.name} 격자", "en": f"{self.name} cells"}

    @property
    def about(self) -> Text:
        """Emissions and absorption by cell."""
        return {
            "ko": f"{self.name} 격자별 온실가스 배출량과 흡수량 (tCO2e/년)",
            "en": f"Greenhouse gas emissions and absorption by cell of {self.name}, in tCO2e a year",
        }

    @property
    def first_zoom(self) -> int:
        """The finer the cells, the later."""
        return tms.web_zoom(self.level)

    def stored(self, year: int) -> Level:
        """Mapped columns of one of its years."""
        return self.release(year).level(self.level)

    def extent(self, year: int) -> Box:
        """As the manifest has it."""
        west, south, east, north = self.release(year).manifest["extent"][str(self.level)]
        return west, south, east, north

    def described(self, *, data_years: Iterable[str]) -> Iterable[Field]:
        """Properties of cells."""
        units = any(self.release(y).manifest.get("units") for y in self.years)
        epsg = self.published.grid.epsg
        return cell_fields(epsg, self.level, synthetic=self.synthetic, data_years=set(data_years), units=units)

    @property
    def every_field(self) -> Sequence[Field]:
        """Those of every inventory."""
        return CELL_FIELDS

    @cached_property
    def window(self) -> Window:
        """Smallest window around those of all its years; keys count in it."""
        windows = [self.stored(y).window for y in self.years]
        left, top = min(w.left for w in windows), max(w.top for w in windows)
        right, bottom = max(w.left + w.ncol for w in windows), min(w.top - w.nrow for w in windows)
        return Window(windows[0].grid, left, top, right - left, top - bottom)

    def keys(self, year: int, rows: Rows = ALL) -> Ints:
        """Flat indices in the collection's window."""
        level = self.stored(year)
        return renumber(level.index[rows], level.window, self.window)

    def keys_named(self, name: str, text: str) -> Sequence[int]:
        """The cell of a code; nothing where it is none of this grid."""
        grid = self.window.grid
        try:
            cell = grid.parse(text) if name == "cell_id" else parse_kr_code(text)
        except InvalidInput:
            return []
        index = self.window.index(cell) if cell.size == grid.cell_size else None
        same = index is not None and (name != "cell_id" or grid.code(cell) == text)  # 007 is not 7
        return [index] if index is not None and same else []

    def find(self, year: int, keys: Sequence[int]) -> Ints:
        """Rows of cells, without renumbering all that are stored."""
        level, window = self.stored(year), self.window
        row, col = np.divmod(np.unique(np.array(keys, np.int64)), window.ncol)
        row, col = row + level.window.top - window.top, col + window.left - level.window.left
        inside = (row >= 0) & (row < level.window.nrow) & (col >= 0) & (col < level.window.ncol)
        index = (row * level.window.ncol + col)[inside]
        at = np.searchsorted(level.index, index)
        there: Ints = at[level.index[np.minimum(at, len(level.index) - 1)] == index]
        return there

    def touching(self, year: int, box: Box) -> Ints | None:
        """By their published vertices."""
        level, block = self.stored(year), self._block(year, box)
        if block is None:
            return None
        rows = level.rows_in(block)
        if not len(rows):
            return rows
        mask = quads.touching(quads.part(level.window, block), box)
        row, col = np.divmod(level.index[rows], level.window.ncol)
        touched: Ints = rows[mask[row - block[0], col - block[2]]]
        return touched

    def near(self, year: int, box: Box) -> Ints | None:
        """Cells whose rows and columns may reach into a box."""
        block = self._block(year, box)
        return None if block is None else self.stored(year).rows_in(block)

    def _block(self, year: int, box: Box) -> tuple[int, int, int, int] | None:
        """Rows and columns, half open, of cells that may touch a box, maybe none; None where the box holds all."""
        shared = quads.overlap(box, self.bbox)
        if shared == self.bbox:
            return None
        return (shared and quads.around(self.stored(year).window, shared)) or (0, 0, 0, 0)

    def shapes(self, year: int, rows: Rows) -> NDArray[Any]:
        """Squares of the grid, in CRS84."""
        level = self.stored(year)
        x, y, corners = quads.vertices(level.window, level.index[rows])
        return np.asarray(shapely.polygons(np.stack([x[corners], y[corners]], axis=2) / WGS84.scale), object)


def renumber(index: Ints, window: Window, to: Window) -> Ints:
    """Flat indices of one window in another on the same grid."""
    if window == to:
        return index
    row, col = np.divmod(index, window.ncol)
    return (row + to.top - window.top) * to.ncol + col + window.left - to.left


def of_cells(collection: Collection) -> CellCollection:
    """The collection, where its records are cells; NotFound otherwise."""
    if isinstance(collection, CellCollection):
        return collection
    raise NotFound(f"{collection.id} does not hold cells of a grid", where="collectionId", allowed=["cells"])
