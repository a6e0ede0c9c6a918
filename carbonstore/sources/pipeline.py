# SPDX-License-Identifier: Apache-2.0
"""What happens to every source after its format was read: placed, repaired, joined, clipped, counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.crs import project_polygon, transformer
from carbongrid.errors import InvalidInput
from carbongrid.inventory import ActivityTable
from carbonstore.boundary import areas_of
from carbonstore.report import JoinReport, KindReport, SourceReport
from carbonstore.source_spec import SourceSpec
from carbonstore.sources.context import Area, ReadContext
from carbonstore.sources.features import Features, activity_table, whole_table
from carbonstore.sources.formats import read_format
from carbonstore.sources.geometry import Overlap, Repairs, clip, footprints, overlaps, project, repair
from carbonstore.sources.joins import Join, apply_joins, read_join
from carbonstore.sources.location import check_datum, check_location, quiet_suspects
from carbonstore.sources.pooling import Pooled, Pooling, pool_energy


@dataclass(frozen=True)
class SourceTable:
    """Activity of one kind from one source, its report, and where it has a say.

    ``coverage``: boundary ∩ extent in CRS84; outside it the kind's sector is null, not zero.
    """

    kind: str
    table: ActivityTable
    report: KindReport
    coverage: Area
    spec: SourceSpec


@dataclass(frozen=True)
class Reading:
    """All sources of an inventory: tables in the order of the file, one report a source, pools of metered parcels.

    ``hashes``: sha256 of the rows of sources that are no files, by the place of the source.
    """

    tables: tuple[SourceTable, ...]
    reports: tuple[SourceReport, ...]
    pooled: Pooled | None = None
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Placed:
    """Objects of one kind in the grid CRS, repaired, not yet joined or clipped."""

    spec: SourceSpec
    features: Features
    source_crs: str
    repairs: Repairs


def read_source(spec: SourceSpec, context: ReadContext) -> list[SourceTable]:
    """Read one source by itself (no joins between sources); one table a kind."""
    return list(read_sources([spec], context).tables)


def read_sources(specs: Sequence[SourceSpec], context: ReadContext, pooling: Pooling | None = None) -> Reading:
    """Read all sources of an inventory. Rows that are joined (meters, registers, counts) meet the objects of
    all of them before clipping, so that a parcel on the border keeps its energy on the buildings that lie outside.

    With ``pooling``, meters are pooled after that, and no report adds up what single parcels use.
    InvalidInput names the source and what is wrong: unreadable, no CRS, unknown column, outside the boundary, empty.
    """
    placed: list[_Placed] = []
    joins: list[Join] = []
    for done, spec in enumerate(specs):
        context.progress("read", done, len(specs))
        if spec.join_key:
            joins.append(read_join(spec, context))
        else:
            placed += _place(spec, context)
    context.progress("read", len(specs), len(specs))
    placed = _once(placed)
    joined, join_reports = apply_joins([p.features for p in placed], joins, context)
    joined, pooled = _pool(joined, context, pooling)
    placed = [replace(p, features=f) for p, f in zip(placed, joined, strict=True)]
    tables = []
    for done, one in enumerate(placed):
        context.progress("clip", done, len(placed))
        tables.append(_cut(one, context))
    context.progress("clip", len(placed), len(placed))
    _refuse_empty(tables)
    encodings = {join.spec.place: join.rows.encoding for join in joins}
    if pooling is not None:
        join_reports = {place: join.without_sums() for place, join in join_reports.items()}
    reports = [_report(spec, placed, tables, join_reports.get(spec.place), encodings.get(spec.place)) for spec in specs]
    return Reading(tuple(tables), tuple(reports), pooled, _hashes(placed))


def _hashes(placed: Sequence[_Placed]) -> dict[str, str]:
    """Hashes of rows that came from no file."""
    found = ((p.spec.place, p.features.rows_sha256) for p in placed)
    return {place: digest for place, digest in found if digest is not None}


def _once(placed: Sequence[_Placed]) -> list[_Placed]:
    """Objects that an earlier source has already, left out: a folder of parts with the combined file beside it.

    The same object is one of the same kind with the same outline to the millimetre, whatever its id.
    """
    kinds = [one.features.kind for one in placed]
    if len(set(kinds)) == len(kinds):
        return list(placed)
    seen: dict[str, set[bytes]] = {}
    out = []
    for one in placed:
        before = seen.setdefault(one.features.kind, set())
        blobs = shapely.to_wkb(shapely.set_precision(one.features.geometry, 1e-3, mode="pointwise"))
        again = np.array([blob in before for blob in blobs], bool)
        features = one.features.reject(again, "repeated in another source")
        before.update(blob for blob, used in zip(blobs, features.used, strict=True) if used)
        out.append(replace(one, features=features))
    return out


def _pool(
    objects: Sequence[Features], context: ReadContext, pooling: Pooling | None
) -> tuple[list[Features], Pooled | None]:
    """The objects with the pooled energy of the buildings, of all sources together."""
    out = list(objects)
    at = [i for i, features in enumerate(out) if features.kind == "buildings"]
    if pooling is None or not at:
        return out, None
    buildings = [out[i] for i in at]
    columns, pooled = pool_energy(buildings, [whole_table(f) for f in buildings], context.weight, pooling)
    for i, new in zip(at, columns, strict=True):
        out[i] = replace(out[i], columns=new)
    return out, pooled


def _place(spec: SourceSpec, context: ReadContext) -> list[_Placed]:
    return [_placed(spec, features, context) for features in read_format(spec, context)]


def _placed(spec: SourceSpec, features: Features, context: ReadContext) -> _Placed:
    check_datum(features.crs, context.crs, spec.place)
    projected = project(features, context.crs)
    stated = [project_polygon(spec.extent, context.crs)] if spec.extent is not None else []
    check_location(projected, features, [context.projected, *stated], spec.place)
    repaired, repairs = repair(footprints(projected))
    repaired = replace(repaired, notes=(*repaired.notes, *quiet_suspects(features)))
    if spec.base_year is not None and features.kind == "forests":
        own = np.asarray(repaired.columns.get("base_year", np.full(len(features), np.nan)), np.float64)
        columns = {**repaired.columns, "base_year": np.where(np.isnan(own), float(spec.base_year), own)}
        repaired = replace(repaired, columns=columns)
    return _Placed(spec, repaired, features.crs, repairs)


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


def _cut(placed: _Placed, context: ReadContext) -> SourceTable:
    """Clip to boundary ∩ extent, and count overlaps on the way."""
    spec = placed.spec
    extent = project_polygon(spec.extent, context.crs) if spec.extent is not None else None
    clipped = _clip(placed.features, context.projected, extent)
    features = clipped.features
    activity = activity_table(features, clipped.whole, clipped.inside, features.used)
    coverage = context.boundary if spec.extent is None else areas_of(context.boundary.intersection(spec.extent))
    return SourceTable(features.kind, activity, _kind_report(placed.repairs, clipped), coverage, spec)


def _clip(features: Features, boundary: Area, extent: Area | None) -> _Clipped:
    """Overlap first (forests: taken off the later polygon), then what lies outside boundary and extent."""
    read = features.measures()
    features = _near(features, boundary)
    overlap = Overlap(0, 0.0, np.zeros(len(features)))
    if features.kind != "roads":
        features, overlap = overlaps(features, remove=features.kind == "forests")
    features, over_boundary = clip(features, boundary, "boundary")
    over_extent = np.zeros(len(features))
    if extent is not None:
        features, over_extent = clip(features, extent, "extent")
    lost = {"boundary": over_boundary, "extent": over_extent}
    return _Clipped(features, overlap, read, read - overlap.removed, lost)


def _near(features: Features, boundary: Area) -> Features:
    """Leave out what does not meet the boundary before anything costly is done with it."""
    shapely.prepare(boundary)
    return features.reject(~shapely.intersects(boundary, features.geometry), "outside the boundary")


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
        measure_read=float(clipped.read.sum()),
        measure_used=float(features.measures()[used].sum()),
        rejected_measure={reason: float(clipped.whole[features.fate == reason].sum()) for reason in rejected},
        clipped={reason: float(lost[used].sum()) for reason, lost in clipped.lost.items()},
        repaired=repairs.count,
        area_before_repair=repairs.before,
        area_after_repair=repairs.after,
        repairs=repairs.largest,
        overlap_pairs=overlap.pairs,
        overlap_measure=overlap.area,
        overlap_removed=float(overlap.removed.sum()),
        unparsed=features.unparsed,
        present=_present(features),
        notes=features.notes,
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


def _refuse_empty(tables: Sequence[SourceTable]) -> None:
    for spec in {t.spec.place: t.spec for t in tables}.values():
        reports = [t.report for t in tables if t.spec is spec]
        if any(r.used for r in reports):
            continue
        counts = "; ".join(r.sentence() for r in reports)
        raise InvalidInput(
            f"the source is empty: nothing of it can be used inside the boundary ({counts})",
            where=spec.place,
            allowed=["a source with objects inside boundary and extent"],
        )


def _report(
    spec: SourceSpec,
    placed: Sequence[_Placed],
    tables: Sequence[SourceTable],
    join: JoinReport | None,
    encoding: str | None,
) -> SourceReport:
    own = [p for p in placed if p.spec is spec]
    crs = own[0].source_crs if own else None
    operation = transformer(crs, own[0].features.crs).description if crs else None
    return SourceReport(
        name=spec.path.name,
        format=spec.kind,
        licence=spec.licence,
        attribution=spec.attribution,
        synthetic=spec.synthetic,
        crs=crs,
        operation=operation,
        encoding=own[0].features.encoding if own else encoding,
        kinds=tuple(t.report for t in tables if t.spec is spec),
        join=join,
    )
