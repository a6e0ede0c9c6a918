# SPDX-License-Identifier: Apache-2.0
"""Which records of a collection a query names: rows of every year, found without making a record."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.collections.batch import Batch, Part
from carbonstore.collections.collection import Collection, split_id
from carbonstore.collections.columns import Labels, Number
from carbonstore.collections.quads import Box
from carbonstore.filter import Filter

Ints = NDArray[np.int64]
MAX_IDS = 10_000


@dataclass(frozen=True)
class CellQuery:
    """What is asked of a collection.

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
    """Matching rows of what is stored of one year, ascending; None = all ``size`` of them."""

    year: int
    size: int
    rows: Ints | None = None

    @property
    def count(self) -> int:
        """How many."""
        return self.size if self.rows is None else len(self.rows)

    def slice(self, start: int, stop: int) -> Ints:
        """The start-th to stop-th of them, half open."""
        return np.arange(start, stop, dtype=np.int64) if self.rows is None else self.rows[start:stop]

    def keep(self, mask: NDArray[np.bool_]) -> "YearRows":
        """Those that a mask over them keeps."""
        return replace(self, rows=self.slice(0, self.count)[mask])

    def among(self, rows: Ints | None) -> "YearRows":
        """Those that are among some rows, ascending; None = all."""
        if rows is None:
            return self
        return replace(self, rows=rows if self.rows is None else np.intersect1d(rows, self.rows, assume_unique=True))


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
        keys = None if query.ids is None else _keys_of_ids(collection, query.ids)
        years = []
        for year in wanted:
            found = YearRows(year, len(collection.stored(year)))
            found = found if boxes is None else found.among(_in_boxes(collection, year, boxes))
            years.append(found if keys is None else found.among(collection.find(year, keys.get(year, []))))
        selection = cls(collection, tuple(years))
        for name, value in query.where:
            selection = selection._equal(known(collection, name, "filter"), value)
        return selection

    @property
    def total(self) -> int:
        """How many records match."""
        return sum(y.count for y in self.years)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """Where each year's records stand among all, half open."""
        return list(pairwise(np.cumsum([0, *(y.count for y in self.years)]).tolist()))

    def batch(self, slices: Sequence[tuple[int, int]]) -> Batch:
        """The records of these (start, stop) of every year, end to end."""
        parts, at = [], 0
        for year, (start, stop) in zip(self.years, slices, strict=True):
            if start < stop:
                parts.append(Part(year.year, year.slice(start, stop), slice(at, at + stop - start)))
                at += stop - start
        return self.collection.batch(parts, at, self.total)

    def _equal(self, name: str, value: object) -> "Selection":
        """Those where a property equals a value."""
        if name in self.collection.codes:
            keys = self.collection.keys_named(name, str(value))
            years = [y.among(self.collection.find(y.year, keys)) for y in self.years]
        else:
            whole = [(0, y.count) for y in self.years]
            wanted = self.collection.called(name, value) if isinstance(value, str) else value
            mask = _equals(self.batch(whole).column(name), name, wanted)
            years = [y.keep(mask[a:b]) for y, (a, b) in zip(self.years, self.spans, strict=True)]
        return replace(self, years=tuple(years))


def _boxes(bbox: Box) -> list[Box]:
    """One or, across the antimeridian, two boxes with west <= east."""
    if len(bbox) != 4 or not all(isfinite(v) for v in bbox):
        raise InvalidInput("it takes four finite numbers", where="bbox", allowed=["west,south,east,north"])
    west, south, east, north = bbox
    if south > north:
        raise InvalidInput(f"south {south} is above north {north}", where="bbox", allowed=["west,south,east,north"])
    return [bbox] if west <= east else [(west, south, 180.0, north), (-180.0, south, east, north)]


def _in_boxes(collection: Collection, year: int, boxes: Sequence[Box]) -> Ints | None:
    """Rows that match one of some boxes; None = all of them."""
    found = [rows for box in boxes if (rows := collection.touching(year, box)) is not None]
    if len(found) != len(boxes):
        return None
    return found[0] if len(found) == 1 else np.union1d(*found)


def _keys_of_ids(collection: Collection, ids: Sequence[str]) -> dict[int, list[int]]:
    """Keys by year of feature ids; ids of other collections or years match nothing."""
    if len(ids) > MAX_IDS:
        raise InvalidInput(f"{len(ids)} ids are too many", where="ids", allowed=[f"up to {MAX_IDS}"])
    found: dict[int, list[int]] = {}
    for feature_id in ids:
        code, year = split_id(feature_id)
        if year is not None:
            found.setdefault(year, []).extend(collection.keys_named(collection.code, code))
    return found


def _equals(column: Number | Labels, name: str, value: object) -> NDArray[np.bool_]:
    if isinstance(column, Labels):
        wanted = str(value).lower() if column.boolean else str(value)
        codes = [k for k, label in enumerate(column.texts) if label == wanted]
        return np.isin(column.codes, codes)
    try:
        scaled = Decimal(str(value)).scaleb(column.decimals)
    except InvalidOperation as error:
        raise InvalidInput(f"'{value}' is no number", where=name, allowed=["a number"]) from error
    whole = scaled.is_finite() and scaled == scaled.to_integral_value() and abs(scaled) < 2**63
    return ~column.null & (column.scaled == int(scaled)) if whole else np.zeros(len(column.null), np.bool_)
