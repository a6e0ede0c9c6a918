# SPDX-License-Identifier: Apache-2.0
"""What happens to every source after its format was read: placed, repaired, joined, clipped, counted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import project_polygon, transformer
from carbongrid.errors import InvalidInput
from carbongrid.inventory import ActivityTable
from carbongrid.wkb import Wkb
from carbonstore.boundary import areas_of
from carbonstore.report import JoinReport, KindReport, SourceReport
from carbonstore.source_spec import SourceSpec
from carbonstore.sources import delimited, osm, table
from carbonstore.sources.features import Features, with_unique_ids
from carbonstore.sources.geometry import Overlap, Repairs, clip, footprints, overlaps, project, repair
from carbonstore.sources.location import check_location
from carbonstore.sources.parcel_energy import Meters, share_energy

type Area = Polygon | MultiPolygon
type Weight = Callable[[ActivityTable], NDArray[np.float64]]
type Progress = Callable[[str, int, int], None]


def floor_area(buildings: ActivityTable) -> NDArray[np.float64]:
    """Default weight for sharing parcel energy: floor area in m2, else footprint x storeys, else footprint."""
    known = np.asarray(buildings.columns["floor_area_m2"], np.float64)
    storeys = np.nan_to_num(np.asarray(buildings.columns["storeys"], np.float64), nan=1.0)
    return np.where(np.isfinite(known), known, buildings.measure * storeys)


def _silent(stage: str, done: int, total: int) -> None:
    """No progress."""


@dataclass(frozen=True)
class ReadContext:
    """Where and when sources are read for: grid CRS, boundary in CRS84 and projected (densified), inventory year.

    ``weight``: each building's part in its parcel's energy (default: floor area); ``progress(stage, done, total)``.
    """

    crs: str
    boundary: Area
    year: int
    projected: Area = field(default_factory=Polygon)
    weight: Weight = floor_area
    progress: Progress = _silent

    def __post_init__(self) -> None:
        if self.projected.is_empty:
            object.__setattr__(self, "projected", project_polygon(self.boundary, self.crs))


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
    """All sources of an inventory: tables in the order of the file, and one report a source."""

    tables: tuple[SourceTable, ...]
    reports: tuple[SourceReport, ...]


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


def read_sources(specs: Sequence[SourceSpec], context: ReadContext) -> Reading:
    """Read all sources of an inventory. Parcel energy (``join``) is shared over the buildings of all of them before
    clipping, so that a parcel on the border keeps its energy on the buildings that lie outside.

    InvalidInput names the source and what is wrong: unreadable, no CRS, unknown column, outside the boundary, empty.
    """
    placed: list[_Placed] = []
    meters: list[tuple[SourceSpec, Meters]] = []
    for done, spec in enumerate(specs):
        context.progress("read", done, len(specs))
        if spec.join:
            meters.append((spec, delimited.read_meters(spec, context.year)))
        else:
            placed += _place(spec, context)
    context.progress("read", len(specs), len(specs))
    placed, joins = _join(placed, meters, context)
    tables = []
    for done, one in enumerate(placed):
        context.progress("clip", done, len(placed))
        tables.append(_cut(one, context))
    context.progress("clip", len(placed), len(placed))
    _refuse_empty(tables)
    encodings = {spec.place: meter.encoding for spec, meter in meters}
    reports = [_report(spec, placed, tables, joins.get(spec.place), encodings.get(spec.place)) for spec in specs]
    return Reading(tuple(tables), tuple(reports))


def _place(spec: SourceSpec, context: ReadContext) -> list[_Placed]:
    return [_placed(spec, features, context) for features in _read_format(spec)]


def _read_format(spec: SourceSpec) -> list[Features]:
    if spec.kind == "osm":
        return osm.read(spec.path, spec.provides, spec.place)
    reader = table.read if spec.kind == "table" else delimited.read
    features = reader(spec)
    return [with_unique_ids(features, spec.place)]


def _placed(spec: SourceSpec, features: Features, context: ReadContext) -> _Placed:
    projected = project(features, context.crs)
    stated = [project_polygon(spec.extent, context.crs)] if spec.extent is not None else []
    check_location(projected, features, [context.projected, *stated], spec.place)
    repaired, repairs = repair(footprints(projected))
    if spec.base_year is not None and features.kind == "forests":
        columns = {**repaired.columns, "base_year": np.full(len(features), float(spec.base_year))}
        repaired = replace(repaired, columns=columns)
    return _Placed(spec, repaired, features.crs, repairs)


def _table(
    features: Features, whole: NDArray[np.float64], inside: NDArray[np.float64], rows: NDArray[np.bool_]
) -> ActivityTable:
    return ActivityTable(
        kind=features.kind,
        id=features.id[rows],
        geometry=Wkb.from_shapely(features.geometry[rows]),
        measure=whole[rows],
        inside=inside[rows],
        columns={name: values[rows] for name, values in features.columns.items()},
    )


def _join(
    placed: list[_Placed], meters: Sequence[tuple[SourceSpec, Meters]], context: ReadContext
) -> tuple[list[_Placed], Mapping[str, JoinReport]]:
    at = [i for i, p in enumerate(placed) if p.features.kind == "buildings"]
    if not meters:
        return placed, {}
    if not at:
        raise InvalidInput(
            "there are no buildings to join to", where=meters[0][0].place, allowed=["a source that provides buildings"]
        )
    whole = [
        _table(p.features, p.features.measures(), np.ones(len(p.features)), p.features.used)
        for p in (placed[i] for i in at)
    ]
    weight = [np.asarray(context.weight(t), np.float64) for t in whole]
    reports: dict[str, JoinReport] = {}
    for spec, meter in meters:
        columns, reports[spec.place] = share_energy(meter, [placed[i].features for i in at], weight)
        for i, new in zip(at, columns, strict=True):
            placed[i] = replace(placed[i], features=replace(placed[i].features, columns=new))
    return placed, reports


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
    activity = _table(features, clipped.whole, clipped.inside, features.used)
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
