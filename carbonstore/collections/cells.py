# SPDX-License-Identifier: Apache-2.0
"""The one read path: a query on a collection gives a batch of records, their exact number, or one record.

Records stand in the order year, then key (cells row by row from the north-west, units by code), unless sorted; ties
keep that order.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, NotFound
from carbonstore import text
from carbonstore.collections.batch import Batch, Part
from carbonstore.collections.collection import Collection, split_id
from carbonstore.collections.columns import Labels, Number
from carbonstore.collections.record_source import RecordSource
from carbonstore.collections.selection import CellQuery, Selection, known

__all__ = ["Batch", "CellQuery", "Elsewhere", "count", "get", "pages", "read"]

Ints = NDArray[np.int64]


class Elsewhere(NotFound):
    """The record is in ``collection`` as ``feature``; ``redirect``: the name asked for leads there (303)."""

    def __init__(self, what: str, collection: str, feature: str, *, redirect: bool) -> None:
        super().__init__(what, where="featureId", allowed=[f"{collection}/items/{feature}"])
        self.collection, self.feature, self.redirect = collection, feature, redirect


def read(collection: Collection, query: CellQuery) -> Batch:
    """The page of records that a query names; InvalidInput says what is wrong with it."""
    names = _names(collection, query.properties)
    order = [_sort_key(collection, key) for key in query.sortby]
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise InvalidInput("offset and limit cannot be negative", where="offset, limit")
    found = _selected(collection, query)
    batch = _sorted_page(found, query, order) if order else _page(found, query)
    return replace(batch, names=names)


def pages(collection: Collection, query: CellQuery, rows: int) -> Iterator[Batch]:
    """The page of a query in natural order, in pieces of so many records: checked and looked for once, at the call."""
    names = _names(collection, query.properties)
    found = Selection.of(collection, query)
    first, last = _bounds(found, query)
    return (
        replace(found.batch(_slices(found, start, min(last, start + rows))), names=names)
        for start in range(first, last, rows)
    )


def count(collection: Collection, query: CellQuery) -> int:
    """How many records match, whatever page is asked for."""
    return _selected(collection, query).total


def _selected(collection: Collection, query: CellQuery) -> Selection:
    """Every record that matches: the filter looks at what the rest of the query leaves."""
    found = Selection.of(collection, query)
    if query.filter is None:
        return found
    years = [replace(y, rows=query.filter.select(RecordSource(collection, y.year), y.rows)) for y in found.years]
    return replace(found, years=tuple(years))


def get(collection: Collection, feature_id: str) -> Batch:
    """One record by its id; Elsewhere for a bare code or an older year, NotFound otherwise."""
    code, year = split_id(feature_id)
    if year is None:
        return _bare(collection, code)
    found = read(collection, CellQuery(ids=(feature_id,)))
    if len(found) == 1 and found.feature_ids[0] == feature_id:
        return found
    if len(found) == 1:
        here = found.feature_ids[0]
        raise Elsewhere(f"'{feature_id}' is called '{here}' now", collection.id, here, redirect=True)
    history = collection.over(history=True)
    if not collection.history and count(history, CellQuery(ids=(feature_id,))) == 1:
        raise Elsewhere(f"'{feature_id}' is of a year that is not the newest", history.id, feature_id, redirect=False)
    raise _no_record(collection, feature_id)


def _bare(collection: Collection, code: str) -> Batch:
    found = () if collection.history else read(collection, CellQuery(ids=(f"{code}.{collection.newest}",))).feature_ids
    if not found:
        raise _no_record(collection, code)
    full = found[0]
    raise Elsewhere(f"'{code}' is a {collection.code}, '{full}' its record", collection.id, full, redirect=True)


def _no_record(collection: Collection, feature_id: str) -> NotFound:
    return NotFound(f"{collection.id} has no record '{feature_id}'", where="featureId")


def _names(collection: Collection, chosen: Sequence[str] | None) -> tuple[str, ...]:
    for name in chosen or ():
        known(collection, name, "properties")
    return tuple(name for name in collection.fields if chosen is None or name in chosen)


def _sort_key(collection: Collection, key: str) -> tuple[str, bool]:
    """(name, descending) of a key such as ``-net``."""
    return known(collection, key.lstrip("+- "), "sortby"), key.startswith("-")


def _page(found: Selection, query: CellQuery) -> Batch:
    """A page in natural order: a slice of every year."""
    start, stop = _bounds(found, query)
    return _with_cursor(found.batch(_slices(found, start, stop)), more=stop < found.total)


def _bounds(found: Selection, query: CellQuery) -> tuple[int, int]:
    """First and last record of the page among all that match, half open."""
    start = query.offset if query.cursor is None else _after(found, *_decode(query.cursor, found.collection))
    return start, found.total if query.limit is None else min(found.total, start + query.limit)


def _slices(found: Selection, start: int, stop: int) -> list[tuple[int, int]]:
    """The part of these records that each year has, in its own numbers."""
    return [(max(0, start - a), max(0, min(stop, b) - a)) for a, b in found.spans]


def _after(found: Selection, year: int, key: int) -> int:
    """How many records stand at or before this one in natural order."""
    total = 0
    for y in found.years:
        if y.year < year:
            total += y.count
        elif y.year == year:
            keys = found.collection.keys(year, slice(None) if y.rows is None else y.rows)
            total += int(np.searchsorted(keys, key, side="right"))
    return total


def _sorted_page(found: Selection, query: CellQuery, order: Sequence[tuple[str, bool]]) -> Batch:
    """A page in sorted order: sort all matches by their keys, then gather the page from every year."""
    whole = found.batch([(0, y.count) for y in found.years])
    keys = [key for name, descending in reversed(order) for key in _sort_keys(whole.column(name), descending)]
    ranked = np.lexsort(keys)
    start = query.offset
    if query.cursor is not None:
        year, key = _decode(query.cursor, found.collection)
        last = np.flatnonzero((whole.year[ranked] == year) & (whole.key[ranked] == key))
        if len(last) == 0:
            raise InvalidInput("it does not belong to this query", where="cursor")
        start = int(last[0]) + 1
    chosen = ranked[start : None if query.limit is None else start + query.limit]
    parts = []
    for part in whole.parts:
        first = np.arange(len(whole), dtype=np.int64)[part.at][0]
        at = np.flatnonzero(whole.year[chosen] == part.year)
        parts.append(Part(part.year, part.rows[chosen[at] - first], at))
    batch = found.collection.batch(parts, len(chosen), found.total)
    return _with_cursor(batch, more=start + len(chosen) < found.total)


def _sort_keys(column: Number | Labels, descending: bool) -> list[Ints]:
    """Keys for lexsort, the weightier one last: the values' rank, then nulls after everything else.

    Labels of several years may repeat a text; equal texts rank equal, so that the next key decides.
    """
    if isinstance(column, Labels):
        rank = np.append(text.ranks(column.pool, column.offsets), 0)[column.codes]
    else:
        rank = column.scaled
    return [-rank if descending else rank, column.null.astype(np.int64)]


def _with_cursor(batch: Batch, *, more: bool) -> Batch:
    """The batch with the cursor of the next page: the id of its last record, made opaque."""
    return replace(batch, next_cursor=_encode(batch.feature_ids[-1])) if more and len(batch) else batch


def _encode(feature_id: str) -> str:
    return urlsafe_b64encode(feature_id.encode()).decode().rstrip("=")


def _decode(cursor: str, collection: Collection) -> tuple[int, int]:
    """(year, key) of the last record of the page before; InvalidInput for anything but a cursor of ours."""
    wrong = InvalidInput("it is no cursor of this collection", where="cursor", allowed=["the one of a next link"])
    try:
        feature_id = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except ValueError:
        raise wrong from None
    code, year = split_id(feature_id)
    keys = collection.keys_named(collection.code, code)
    if not keys or year not in collection.years or _encode(feature_id) != cursor:
        raise wrong
    return year, keys[0]
