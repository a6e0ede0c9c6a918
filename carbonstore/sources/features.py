# SPDX-License-Identifier: Apache-2.0
"""Source objects on their way from the file to the model, and the ledger that loses none of them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import ActivityTable
from carbongrid.sectors import KINDS

DIMENSION = {kind: 1 if kind == "roads" else 2 for kind in KINDS}
"""Roads are lines, buildings and forests areas."""


@dataclass(frozen=True)
class Features:
    """Objects of one kind. No row is dropped: ``fate`` is "" while it is in use, else the reason it was left out.

    ``geometry``: shapely, in ``crs``; None where unreadable. ``columns``: activity columns by contract name.
    ``raw`` and ``unread`` count tagged objects that the format's reader could not turn into rows.
    ``sizes``: measures of the rows where their geometry is kept elsewhere (and is None here).
    ``rows_sha256``: hash of what was read where there is no file to hash.
    """

    kind: str
    id: NDArray[np.object_]
    geometry: NDArray[np.object_]
    columns: Mapping[str, NDArray[Any]]
    fate: NDArray[np.object_]
    crs: str
    unread: Mapping[str, int] = field(default_factory=dict)
    unparsed: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    encoding: str | None = None
    rows_sha256: str | None = None
    sizes: NDArray[np.float64] | None = None

    @classmethod
    def of(
        cls,
        kind: str,
        id: NDArray[np.object_],
        geometry: NDArray[np.object_],
        columns: Mapping[str, NDArray[Any]],
        crs: str,
    ) -> Self:
        """Rows all still in use; rows without a geometry are left out at once."""
        fate = np.full(len(id), "", object)
        fate[shapely.is_missing(geometry)] = "no readable geometry"
        return cls(kind, id, geometry, columns, fate, crs)

    def __len__(self) -> int:
        return len(self.id)

    @property
    def used(self) -> NDArray[np.bool_]:
        """Rows still in use."""
        return np.equal(self.fate, "")

    def reject(self, rows: NDArray[np.bool_], reason: str) -> Self:
        """The same objects with these rows (bool mask) left out for a reason; a row keeps its first reason."""
        return replace(self, fate=np.where(rows & self.used, reason, self.fate).astype(object))

    def rejected(self) -> dict[str, int]:
        """Reason -> number of rows left out."""
        return dict(Counter(self.fate[~self.used].tolist()))

    def measures(self) -> NDArray[np.float64]:
        """Area (m2 for projected geometry) or length of every row, 0 where there is no geometry."""
        if self.sizes is not None:
            return self.sizes
        size = shapely.length(self.geometry) if DIMENSION[self.kind] == 1 else shapely.area(self.geometry)
        return np.nan_to_num(np.asarray(size, np.float64), nan=0.0)


def with_unique_ids(features: Features, place: str) -> Features:
    """Leave out rows that repeat both id and geometry, and number the rows that share only an id (``17``, ``17#2`` …).

    In the wild ids repeat (a register's key that is blank or no key at all), so a repeated id alone is no error.
    """
    if len(features) == 0:
        raise InvalidInput("the source is empty", where=place, allowed=["a source with at least one object"])
    rows = shared_ids(features.id)
    ids, repeats = features.id.copy(), np.zeros(len(features), bool)
    ids[rows], repeats[rows], shared = numbered(features.id[rows].tolist(), shapely.to_wkb(features.geometry[rows]))
    notes = (*features.notes, *id_notes(shared))
    return replace(features, id=ids, notes=notes).reject(repeats, "repeated row")


def shared_ids(ids: NDArray[np.object_]) -> NDArray[np.intp]:
    """Rows whose id another row has too, ascending."""
    coded = pa.array(ids, pa.large_string()).dictionary_encode().indices.to_numpy()
    return np.flatnonzero(np.bincount(coded)[coded] > 1)


def numbered(ids: Sequence[str], shapes: Iterable[Any]) -> tuple[NDArray[np.object_], NDArray[np.bool_], int]:
    """Ids told apart by a number, which rows repeat an earlier one with its shape, and how many ids were shared."""
    seen: dict[str, int] = {}
    named, repeats, met = [], [], set[tuple[str, Any]]()
    for id, shape in zip(ids, shapes, strict=True):
        repeats.append((id, shape) in met)
        met.add((id, shape))
        seen[id] = seen.get(id, 0) + (not repeats[-1])
        named.append(id if seen[id] == 1 else f"{id}#{seen[id]}")
    return np.array(named, object), np.array(repeats, bool), sum(n > 1 for n in seen.values())


def id_notes(shared: int) -> tuple[str, ...]:
    """What the report says of ids that several rows had."""
    return (f"{shared} ids occur more than once and were numbered",) if shared else ()


def activity_table(
    features: Features, whole: NDArray[np.float64], inside: NDArray[np.float64], rows: NDArray[np.bool_]
) -> ActivityTable:
    """These rows for the model: ``whole`` measures (m2 or m) and the share of each that is ``inside``."""
    return ActivityTable(
        kind=features.kind,
        id=features.id[rows],
        geometry=Wkb.from_shapely(features.geometry[rows]),
        measure=whole[rows],
        inside=inside[rows],
        columns={name: values[rows] for name, values in features.columns.items()},
    )


def whole_table(features: Features) -> ActivityTable:
    """The rows in use, unclipped; without geometry where that is kept elsewhere."""
    if features.sizes is None:
        return activity_table(features, features.measures(), np.ones(len(features)), features.used)
    rows = np.flatnonzero(features.used)
    nowhere = Wkb(np.empty(0, np.uint8), np.zeros(len(rows) + 1, np.int64))
    columns = {name: values[rows] for name, values in features.columns.items()}
    return ActivityTable(features.kind, features.id[rows], nowhere, features.sizes[rows], np.ones(len(rows)), columns)


def joined(tables: Sequence[ActivityTable]) -> ActivityTable:
    """Tables of one kind as one, in their order; a column that one of them lacks is missing there."""
    found = [t for t in tables if len(t)] or list(tables[:1])
    if len(found) == 1:
        return found[0]
    names = sorted({name for table in found for name in table.columns})
    return ActivityTable(
        kind=found[0].kind,
        id=np.concatenate([t.id for t in found]),
        geometry=Wkb.joined([t.geometry for t in found]),
        measure=np.concatenate([t.measure for t in found]),
        inside=np.concatenate([t.inside for t in found]),
        columns={name: np.concatenate([_column(t, name, found) for t in found]) for name in names},
    )


def _column(table: ActivityTable, name: str, all_tables: Sequence[ActivityTable]) -> NDArray[np.generic]:
    """A column, or missing values of the kind that the other tables have."""
    if name in table.columns:
        return table.columns[name]
    like = next(t.columns[name] for t in all_tables if name in t.columns)
    return np.full(len(table), None if like.dtype == object else np.nan, like.dtype)
