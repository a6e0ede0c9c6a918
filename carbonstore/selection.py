# SPDX-License-Identifier: Apache-2.0
"""Which records of a cell collection a query names: rows of every year, found without making a record."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.grid import Window, parse_kr_code
from carbonstore import quads
from carbonstore.batch import CellBatch, Part, rows_in
from carbonstore.catalogue import Collection
from carbonstore.columns import Labels, Number
from carbonstore.filter import Filter
from carbonstore.quads import Box
from carbonstore.stored import Level

Ints = NDArray[np.int64]
MAX_IDS = 10_000


@dataclass(frozen=True)
class CellQuery:
    """What is asked of a cell collection.

    ``years`` None = all it holds. ``bbox`` (west, south, east, north) in CRS84, touching included; west > east crosses
    the antimeridian. ``ids`` feature ids. ``properties`` None = all. ``sortby`` names with an optional sign, ``-net``
    descends; nulls come last. ``where`` equalities (name, value) that must all hold; null equals nothing. ``filter``: a
    condition (CQL2) that must be true. ``cursor`` of the batch before, instead of ``offset``. ``limit`` None = no
    limit.
    """

    years: tuple[int, ...] | None = None
    bbox: Box | None = None
    ids: tuple[str, ...] | None = None
    properties: tuple[str, ...] | None = None
    sortby: tuple[str, ...] = ()
    offset: int = 0
    cursor: str | None = None
    limit: int | None = None
    where: tuple[tuple[str, object], ...] = ()
    filter: Filter | None = None


def known(collection: Collection, name: str, where: str) -> str:
    """The name of one of the collection's properties; UnknownName otherwise."""
    if name not in collection.fields:
        raise UnknownName(name, collection.fields, kind="property", where=where)
    return name


@dataclass(frozen=True)
class YearRows:
    """Matching rows of one year's stored level, ascending; None = all of them."""

    year: int
    level: Level
    rows: Ints | None

    @property
    def count(self) -> int:
        """How many."""
        return len(self.level.index) if self.rows is None else len(self.rows)

    def slice(self, start: int, stop: int) -> Ints:
        """The start-th to stop-th of them, half open."""
        return np.arange(start, stop, dtype=np.int64) if self.rows is None else self.rows[start:stop]

    def keep(self, mask: NDArray[np.bool_]) -> "YearRows":
        """Those that a mask over them keeps."""
        return replace(self, rows=self.slice(0, self.count)[mask])


@dataclass(frozen=True)
class Selection:
    """Every record that matches, in natural order."""

    collection: Collection
    years: tuple[YearRows, ...]

    @classmethod
    def of(cls, collection: Collection, query: CellQuery) -> "Selection":
        """Narrow down by years, bbox, ids, then equalities."""
        boxes = None if query.bbox is None else _boxes(query.bbox)
        wanted = collection.years if query.years is None else [y for y in collection.years if y in query.years]
        ids = None if query.ids is None else _cells_of_ids(collection, query.ids)
        years = []
        for year in wanted:
            stored = YearRows(year, collection.stored(year), None)
            stored = stored if boxes is None else _in_boxes(stored, boxes, collection)
            years.append(stored if ids is None else with_cells(stored, ids.get(year, []), collection.window))
        found = cls(collection, tuple(years))
        for name, value in query.where:
            found = found._equal(known(collection, name, "filter"), value)
        return found

    @property
    def total(self) -> int:
        """How many records match."""
        return sum(y.count for y in self.years)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where each year's records stand among all, half open."""
        return list(pairwise(np.cumsum([0, *(y.count for y in self.years)]).tolist()))

    def batch(self, slices: Sequence[tuple[int, int]]) -> CellBatch:
        """The records of these (start, stop) of every year, end to end."""
        parts, at = [], 0
        for year, (start, stop) in zip(self.years, slices, strict=True):
            if start < stop:
                parts.append(Part(year.year, year.slice(start, stop), slice(at, at + stop - start)))
                at += stop - start
        return make_batch(self.collection, parts, at, self.total)

    def _equal(self, name: str, value: object) -> "Selection":
        """Those where a property equals a value."""
        if name in ("cell_id", "kr_code"):
            cells = cell_named(self.collection, name, str(value))
            years = [with_cells(y, cells, self.collection.window) for y in self.years]
        else:
            whole = [(0, y.count) for y in self.years]
            mask = _equals(self.batch(whole).column(name), name, value)
            years = [y.keep(mask[a:b]) for y, (a, b) in zip(self.years, self.spans, strict=True)]
        return replace(self, years=tuple(years))


def make_batch(collection: Collection, parts: Sequence[Part], n: int, matched: int) -> CellBatch:
    """A batch of ``n`` records from parts that tell where their rows stand in it."""
    year, index = np.empty(n, np.int16), np.empty(n, np.int64)
    for part in parts:
        year[part.at] = part.year
        level = collection.stored(part.year)
        index[part.at] = renumber(level.index[part.rows], level.window, collection.window)
    return CellBatch(collection, collection.window, year, index, tuple(parts), tuple(collection.fields), matched)


def renumber(index: Ints, window: Window, to: Window) -> Ints:
    """Flat indices of one window in another on the same grid."""
    if window == to:
        return index
    row, col = np.divmod(index, window.ncol)
    return (row + to.top - window.top) * to.ncol + col + window.left - to.left


def _boxes(bbox: Box) -> list[Box]:
    """One or, across the antimeridian, two boxes with west <= east."""
    if len(bbox) != 4 or not all(isfinite(v) for v in bbox):
        raise InvalidInput("it takes four finite numbers", where="bbox", allowed=["west,south,east,north"])
    west, south, east, north = bbox
    if south > north:
        raise InvalidInput(f"south {south} is above north {north}", where="bbox", allowed=["west,south,east,north"])
    return [bbox] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _in_boxes(year: YearRows, boxes: Sequence[Box], collection: Collection) -> YearRows:
    extent = collection.bbox
    found = [rows for box in boxes if (rows := _in_box(year.level, box, extent)) is not None]
    if len(found) != len(boxes):
        return year
    return replace(year, rows=found[0] if len(found) == 1 else np.union1d(*found))


def _in_box(level: Level, box: Box, extent: Box) -> Ints | None:
    """Rows of the cells that touch a box; None = all of them."""
    shared = quads.overlap(box, extent)
    if shared == extent:
        return None
    block = None if shared is None else quads.around(level.window, shared)
    if block is None:
        return np.empty(0, np.int64)
    rows = rows_in(level, block)
    mask = quads.touching(quads.part(level.window, block), box)
    row, col = np.divmod(level.index[rows], level.window.ncol)
    touched: Ints = rows[mask[row - block[0], col - block[2]]]
    return touched


def _cells_of_ids(collection: Collection, ids: Sequence[str]) -> dict[int, list[int]]:
    """Flat indices by year of feature ids; ids of other grids or years match nothing."""
    if len(ids) > MAX_IDS:
        raise InvalidInput(f"{len(ids)} ids are too many", where="ids", allowed=[f"up to {MAX_IDS}"])
    found: dict[int, list[int]] = {}
    for feature_id in ids:
        cell, _, year = feature_id.partition(".")
        if re.fullmatch(r"[1-9][0-9]{0,3}", year):
            found.setdefault(int(year), []).extend(cell_named(collection, "cell_id", cell))
    return found


def cell_named(collection: Collection, name: str, code: str) -> list[int]:
    """Flat index of a cell by one of its codes; nothing where the code is none of this grid."""
    grid = collection.window.grid
    try:
        cell = grid.parse(code) if name == "cell_id" else parse_kr_code(code)
    except InvalidInput:
        return []
    index = collection.window.index(cell) if cell.size == grid.cell_size else None
    same = index is not None and (name != "cell_id" or grid.code(cell) == code)  # 007 is not 7
    return [index] if index is not None and same else []


def with_cells(year: YearRows, cells: Sequence[int], window: Window) -> YearRows:
    """Those of a year's records whose cell is one of these, numbered in the collection's window."""
    level = year.level
    row, col = np.divmod(np.unique(np.array(cells, np.int64)), window.ncol)
    row, col = row + level.window.top - window.top, col + window.left - level.window.left
    inside = (row >= 0) & (row < level.window.nrow) & (col >= 0) & (col < level.window.ncol)
    index = (row * level.window.ncol + col)[inside]
    at = np.searchsorted(level.index, index)
    at = at[level.index[np.minimum(at, len(level.index) - 1)] == index]
    return replace(year, rows=at if year.rows is None else np.intersect1d(at, year.rows))


def _equals(column: Number | Labels, name: str, value: object) -> NDArray[np.bool_]:
    if isinstance(column, Labels):
        wanted = "true" if column.boolean and str(value).lower() == "true" else str(value)
        codes = [k for k, label in enumerate(column.texts) if label == wanted]
        return np.isin(column.codes, codes)
    try:
        scaled = Decimal(str(value)).scaleb(column.decimals)
    except InvalidOperation as error:
        raise InvalidInput(f"'{value}' is no number", where=name, allowed=["a number"]) from error
    whole = scaled.is_finite() and scaled == scaled.to_integral_value() and abs(scaled) < 2**63
    return ~column.null & (column.scaled == int(scaled)) if whole else np.zeros(len(column.null), np.bool_)
