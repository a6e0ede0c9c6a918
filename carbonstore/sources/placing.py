# SPDX-License-Identifier: Apache-2.0
"""The tasks of reading: each takes some rows of a source a step further, wherever it runs.

``place`` reads, projects and repairs; ``meter`` tells what meters add to pools; ``cut`` clips to boundary and extent
and counts. Between them lies what needs all rows at once (:mod:`carbonstore.sources.pipeline`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.crs import project_polygon
from carbongrid.geometry.wkb import Wkb
from carbongrid.nearby import Nearby, nearby
from carbonstore.building.partials import Made, Part
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.report import KindReport, exact_sum
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features, activity_table, whole_table
from carbonstore.sources.formats import read_format, read_rows
from carbonstore.sources.geometry import Overlap, Overlay, Repairs, clip, footprints, overlaps, project, repair
from carbonstore.sources.location import Lie, check_datum
from carbonstore.sources.pooling import Meters, Pooling, with_energy
from carbonstore.sources.table import Rows

type Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Spot:
    """What is known of placed objects of one kind without their columns, by row where it is an array.

    ``used``: still in use; ``near``: they meet the boundary; ``boxes`` (n, 4) in the grid CRS; ``drawn``: how many were
    points.
    """

    kind: str
    crs: str
    encoding: str | None
    rows_sha256: str | None
    notes: tuple[str, ...]
    drawn: int
    repairs: Repairs
    lie: Lie
    used: NDArray[np.bool_]
    near: NDArray[np.bool_]
    boxes: NDArray[np.float64]
    wkb: Wkb

    def __len__(self) -> int:
        return len(self.used)


@dataclass(frozen=True)
class Slot:
    """One kind of the objects that a task placed, and what was learnt of them since: ``columns`` after joins, energy
    and membership after pooling (by row in use); ``again``: rows that an earlier source has already.
    """

    part: Part
    number: int
    columns: Columns | None = None
    energy: NDArray[np.float64] | None = None
    in_pool: NDArray[np.float64] | None = None
    again: NDArray[np.bool_] | None = None

    def __reduce__(self) -> tuple[type["Slot"], tuple[Any, ...]]:
        """Travels without what is read from its part."""
        return Slot, (self.part, self.number, self.columns, self.energy, self.in_pool, self.again)

    @cached_property
    def spot(self) -> Spot:
        """What is known of the objects without their columns."""
        found: Spot = self.part.brief[self.number]
        return found

    def features(self) -> Features:
        """The objects without their geometry."""
        found: Features = self.part.body[self.number]
        if self.again is not None:
            found = found.reject(self.again, "repeated in another source")
        return found if self.columns is None else replace(found, columns=self.columns)

    @property
    def used(self) -> NDArray[np.bool_]:
        """Rows still in use."""
        return self.spot.used if self.again is None else self.spot.used & ~self.again

    def outlines(self) -> NDArray[np.object_]:
        """WKB of every row to the millimetre, None where there is none: what the same object has in every source."""
        rounded = shapely.set_precision(self.spot.wkb.to_shapely(), 1e-3, mode="pointwise")
        return np.asarray(shapely.to_wkb(rounded), object)

    def whole(self) -> Features:
        """The objects with their geometry and, where it was pooled, the energy of their pools."""
        features = replace(self.features(), geometry=self.spot.wkb.to_shapely(), sizes=None)
        if self.energy is None or self.in_pool is None:
            return features
        return replace(features, columns=with_energy(features, self.energy, self.in_pool))


def place(context: ReadContext, spec: SourceSpec, rows: Rows | None) -> Made:
    """Objects of a source, or some ``rows`` of it, in the grid CRS and valid: a Spot and Features of every kind."""
    found = read_format(spec, context) if rows is None else [read_rows(spec, context, rows)]
    placed = [_placed(spec, features, context) for features in found]
    return Made(tuple(spot for spot, _ in placed), tuple(features for _, features in placed))


def _placed(spec: SourceSpec, read: Features, context: ReadContext) -> tuple[Spot, Features]:
    check_datum(read.crs, context.crs, spec.place)
    projected = project(read, context.crs)
    near = context.near.intersects(shapely.bounds(projected.geometry), projected.geometry)
    lie = Lie.of(read, projected, near)
    outlines, drawn = footprints(projected)
    features, repairs = repair(outlines)
    boxes = shapely.bounds(features.geometry)
    if drawn or repairs.count:
        near = context.near.intersects(boxes, features.geometry)
    if spec.base_year is not None and features.kind == "forests":
        own = np.asarray(features.columns.get("base_year", np.full(len(features), np.nan)), np.float64)
        columns = {**features.columns, "base_year": np.where(np.isnan(own), float(spec.base_year), own)}
        features = replace(features, columns=columns)
    spot = Spot(
        kind=features.kind,
        crs=read.crs,
        encoding=features.encoding,
        rows_sha256=features.rows_sha256,
        notes=features.notes,
        drawn=drawn,
        repairs=repairs,
        lie=lie,
        used=features.used,
        near=near,
        boxes=boxes,
        wkb=Wkb.from_shapely(features.geometry),
    )
    nowhere = np.full(len(features), None, object)
    return spot, replace(features, geometry=nowhere, sizes=features.measures())


def meter(context: ReadContext, pooling: Pooling, slot: Slot) -> Made:
    """What the meters of buildings add to pools: Meters."""
    shapes = slot.spot.wkb.to_shapely()[slot.used]
    return Made(Meters.of(whole_table(slot.features()), shapes, pooling, context.weight), None)


@dataclass(frozen=True)
class _Clipped:
    """Objects after overlap and clipping, with each row's measure as read, without overlap, and cut away by reason."""

    features: Features
    overlap: Overlap
    read: NDArray[np.float64]
    whole: NDArray[np.float64]
    lost: Mapping[str, NDArray[np.float64]]

    @property
    def inside(self) -> NDArray[np.float64]:
        """Share of each whole object that remains, 0 .. 1."""
        share = np.divide(self.features.measures(), self.whole, out=np.zeros(len(self.whole)), where=self.whole > 0)
        return np.minimum(share, 1.0)


def cut(context: ReadContext, spec: SourceSpec, slot: Slot, overlay: Overlay) -> Made:
    """Clip to boundary ∩ extent, counting overlaps on the way: a KindReport of these rows, and their ActivityTable."""
    extent = nearby(project_polygon(spec.extent, context.crs)) if spec.extent is not None else None
    clipped = _clip(slot.whole(), slot.spot.near, overlay, context.near, extent)
    features = clipped.features
    table = activity_table(features, clipped.whole, clipped.inside, features.used)
    return Made(_kind_report(slot.spot.repairs, clipped), table)


def _clip(
    features: Features, near: NDArray[np.bool_], overlay: Overlay, boundary: Nearby, extent: Nearby | None
) -> _Clipped:
    """Overlap first (forests: taken off the later polygon), then what lies outside boundary and extent."""
    read = features.measures()
    features = features.reject(~near, "outside the boundary")
    overlap = Overlap(0, 0.0, np.zeros(len(features)))
    if features.kind != "roads":
        features, overlap = overlaps(features, overlay, remove=features.kind == "forests")
    features, over_boundary = clip(features, boundary, "boundary")
    over_extent = np.zeros(len(features))
    if extent is not None:
        features, over_extent = clip(features, extent, "extent")
    lost = {"boundary": over_boundary, "extent": over_extent}
    return _Clipped(features, overlap, read, read - overlap.removed, lost)


def _kind_report(repairs: Repairs, clipped: _Clipped) -> KindReport:
    features, overlap = clipped.features, clipped.overlap
    used, rejected = features.used, features.rejected()
    return KindReport(
        kind=features.kind,
        raw=len(features) + sum(features.unread.values()),
        unread=features.unread,
        read=len(features),
        used=int(used.sum()),
        rejected=rejected,
        measure_read=exact_sum(clipped.read),
        measure_used=exact_sum(features.measures()[used]),
        rejected_measure={reason: exact_sum(clipped.whole[features.fate == reason]) for reason in rejected},
        clipped={reason: exact_sum(lost[used]) for reason, lost in clipped.lost.items()},
        repaired=repairs.count,
        area_before_repair=repairs.before,
        area_after_repair=repairs.after,
        repairs=repairs.largest,
        overlap_pairs=overlap.pairs,
        overlap_measure=overlap.area,
        overlap_removed=exact_sum(overlap.removed),
        unparsed=features.unparsed,
        present=_present(features),
    )


def _present(features: Features) -> dict[str, int]:
    """How many of the rows in use have a value, by column."""
    used = features.used
    counts = {name: int(_known(values[used]).sum()) for name, values in features.columns.items()}
    return {name: n for name, n in counts.items() if n}


def _known(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype == object:
        return np.array([v is not None for v in values.tolist()], bool)
    return np.isfinite(values)
