# SPDX-License-Identifier: Apache-2.0
"""What happens to every source after its format was read: placed, repaired, joined, clipped, counted.

Rows go through these steps in slices (:mod:`carbonstore.sources.placing`); here is what needs all of them at once:
ids, the place of a layer, joins, pools, and which objects may lie on one another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import groupby, pairwise
from time import time_ns

import numpy as np
from numpy.typing import NDArray

from carbongrid.crs import project_polygon, transformer
from carbongrid.errors import InvalidInput
from carbongrid.geometry.boxes import meeting
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import ActivityTable
from carbonstore.building.partials import Part
from carbonstore.building.partition import InMemory, Job, Run, digest
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.places.boundary import areas_of
from carbonstore.report import JoinReport, KindReport, SourceReport
from carbonstore.sources.context import Area, ReadContext, silent
from carbonstore.sources.features import id_notes, joined
from carbonstore.sources.geometry import Overlay
from carbonstore.sources.joins import Join, apply_joins, read_join
from carbonstore.sources.location import Lie, check_location, quiet_suspects
from carbonstore.sources.placing import Slot, cut, meter, place
from carbonstore.sources.pooling import Meters, Pooled, Pooling, pool_meters
from carbonstore.sources.table import Rows, slices


@dataclass(frozen=True)
class SourceTable:
    """Activity of one kind from one source, its report, and where it has a say.

    ``parts`` hold the slices of its ActivityTable. ``coverage``: boundary ∩ extent in CRS84; outside it the kind's
    sector is null, not zero.
    """

    kind: str
    parts: tuple[Part, ...]
    report: KindReport
    coverage: Area
    spec: SourceSpec

    @cached_property
    def table(self) -> ActivityTable:
        """All of it."""
        return joined([part.body for part in self.parts])


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
class _Layer:
    """One kind of objects of one source, in slices; ``shared``: how many of its ids several rows had."""

    spec: SourceSpec
    slots: tuple[Slot, ...]
    shared: int

    @property
    def kind(self) -> str:
        return self.slots[0].spot.kind

    @property
    def notes(self) -> tuple[str, ...]:
        """What the report says of it in words."""
        spots = [s.spot for s in self.slots]
        drawn = sum(s.drawn for s in spots)
        squares = (f"{drawn} points were drawn as squares of floor area / storeys",) if drawn else ()
        quiet = quiet_suspects(Lie.joined([s.lie for s in spots]), spots[0].crs)
        return (*spots[0].notes, *id_notes(self.shared), *squares, *quiet)


def read_source(spec: SourceSpec, context: ReadContext) -> list[SourceTable]:
    """Read one source by itself (no joins between sources); one table a kind."""
    return list(read_sources([spec], context).tables)


def read_sources(
    specs: Sequence[SourceSpec], context: ReadContext, pooling: Pooling | None = None, run: Run | None = None
) -> Reading:
    """Read all sources of an inventory. Rows that are joined (meters, registers, counts) meet the objects of
    all of them before clipping, so that a parcel on the border keeps its energy on the buildings that lie outside.

    With ``pooling``, meters are pooled after that, and no report adds up what single parcels use. ``run`` executes the
    steps of slices; the result does not depend on how they are sliced.
    InvalidInput names the source and what is wrong: unreadable, no CRS, unknown column, outside the boundary, empty.
    """
    run = run or InMemory(context.progress)
    quiet = replace(context, progress=silent)
    layers = _place([s for s in specs if not s.join_key], quiet, run)
    joins = [read_join(s, context) for s in specs if s.join_key]
    layers, join_reports = _join(_once(layers), joins, context)
    layers, pooled = _pool(layers, quiet, pooling, run)
    tables = _cut(layers, quiet, run)
    _refuse_empty(tables)
    encodings = {join.spec.place: join.rows.encoding for join in joins}
    if pooling is not None:
        join_reports = {place: join.without_sums() for place, join in join_reports.items()}
    reports = [
        _report(s, layers, tables, join_reports.get(s.place), encodings.get(s.place), context.crs) for s in specs
    ]
    return Reading(tuple(tables), tuple(reports), pooled, _hashes(layers))


def _place(specs: Sequence[SourceSpec], context: ReadContext, run: Run) -> list[_Layer]:
    """The objects of all sources, checked to lie where their authors say."""
    plan: list[tuple[SourceSpec, Rows | None]] = []
    shared: dict[int, int] = {}
    for spec in specs:
        sliced = slices(spec, run.rows)
        shared[id(spec)] = sliced[1] if sliced else 0
        plan += [(spec, rows) for rows in sliced[0]] if sliced else [(spec, None)]
    parts = run.map("read", partial(place, context), [Job(job, _read_key(*job)) for job in plan])
    layers = []
    for _, group in groupby(zip(plan, parts, strict=True), key=lambda one: id(one[0][0])):
        read = list(group)
        spec = read[0][0][0]
        for number in range(len(read[0][1].brief)):
            slots = tuple(Slot(part, number) for _, part in read)
            layers.append(_Layer(spec, slots, shared[id(spec)]))
    for layer in layers:
        _check(layer, context)
    return layers


def _read_key(spec: SourceSpec, rows: Rows | None) -> str:
    """A database is read anew every time: nothing tells what its rows are before they are read."""
    when = time_ns() if not spec.files else 0
    return digest(spec.place, rows, when)


def _check(layer: _Layer, context: ReadContext) -> None:
    spots = [s.spot for s in layer.slots]
    stated = [project_polygon(layer.spec.extent, context.crs)] if layer.spec.extent is not None else []
    lie, areas = Lie.joined([s.lie for s in spots]), [context.projected, *stated]
    check_location(lie, layer.kind, (spots[0].crs, context.crs), areas, layer.spec.place)


def _hashes(layers: Sequence[_Layer]) -> dict[str, str]:
    """Hashes of rows that came from no file."""
    found = ((layer.spec.place, layer.slots[0].spot.rows_sha256) for layer in layers)
    return {place: sha for place, sha in found if sha is not None}


def _changed(layers: Sequence[_Layer], slots: Sequence[Slot]) -> list[_Layer]:
    """The layers with other slots, given in a row."""
    rest = iter(slots)
    return [replace(layer, slots=tuple(next(rest) for _ in layer.slots)) for layer in layers]


def _join(
    layers: Sequence[_Layer], joins: Sequence[Join], context: ReadContext
) -> tuple[list[_Layer], Mapping[str, JoinReport]]:
    """The layers with what rows of other sources tell of their objects."""
    if not joins:
        return list(layers), {}
    slots = [s for layer in layers for s in layer.slots]
    features, reports = apply_joins([s.features() for s in slots], joins, context)
    return _changed(layers, [replace(s, columns=f.columns) for s, f in zip(slots, features, strict=True)]), reports


def _once(layers: Sequence[_Layer]) -> list[_Layer]:
    """Objects that an earlier source has already, left out: a folder of parts with the combined file beside it.

    The same object is one of the same kind with the same outline to the millimetre, whatever its id.
    """
    kinds = [layer.kind for layer in layers]
    if len(set(kinds)) == len(kinds):
        return list(layers)
    seen: dict[str, set[bytes]] = {}
    out = []
    for layer in layers:
        before = seen.setdefault(layer.kind, set())
        outlines = [slot.outlines() for slot in layer.slots]
        again = [np.array([outline in before for outline in found], bool) for found in outlines]
        slots = tuple(replace(slot, again=rows) for slot, rows in zip(layer.slots, again, strict=True))
        for slot, found in zip(slots, outlines, strict=True):
            before.update(outline for outline, used in zip(found, slot.used, strict=True) if used)
        out.append(replace(layer, slots=slots))
    return out


def _pool(
    layers: Sequence[_Layer], context: ReadContext, pooling: Pooling | None, run: Run
) -> tuple[list[_Layer], Pooled | None]:
    """The layers with the pooled energy of the buildings, of all sources together."""
    slots = [s for layer in layers for s in layer.slots]
    own = [s for s in slots if s.spot.kind == "buildings"]
    if pooling is None or not own:
        return list(layers), None
    task = partial(meter, context, replace(pooling, earlier=None))
    found = run.map("pool", task, [Job((s,), _slot_key(s)) for s in own])
    pools = pool_meters(Meters.joined([part.brief for part in found]), pooling)
    if pools is None:
        return list(layers), None
    energy, in_pool, pooled = pools
    ends = np.cumsum([0, *(int(s.used.sum()) for s in own)])
    shares = {id(s): slice(ends[i], ends[i + 1]) for i, s in enumerate(own)}
    new = [replace(s, energy=energy[at], in_pool=in_pool[at]) if (at := shares.get(id(s))) else s for s in slots]
    return _changed(layers, new), pooled


def _slot_key(slot: Slot) -> str:
    columns = [a for pair in sorted((slot.columns or {}).items()) for a in pair]
    learnt = [a for a in (slot.energy, slot.in_pool, slot.again) if a is not None]
    return digest(slot.part.digest, slot.number, *columns, *learnt)


def _cut(layers: Sequence[_Layer], context: ReadContext, run: Run) -> list[SourceTable]:
    """Activity inside boundary and extent."""
    jobs = [
        Job((layer.spec, slot, overlay), digest(_slot_key(slot), overlay.earlier, overlay.later, overlay.others.data))
        for layer in layers
        for slot, overlay in zip(layer.slots, _overlays(layer), strict=True)
    ]
    parts = iter(run.map("clip", partial(cut, context), jobs))
    tables = []
    for layer in layers:
        own = tuple(next(parts) for _ in layer.slots)
        extent, report = layer.spec.extent, KindReport.total([part.brief for part in own], layer.notes)
        coverage = context.boundary if extent is None else areas_of(context.boundary.intersection(extent))
        tables.append(SourceTable(layer.kind, own, report, coverage, layer.spec))
    return tables


def _overlays(layer: _Layer) -> list[Overlay]:
    """For each slice the pairs of its objects, and of earlier ones, that may lie on one another. Roads cross."""
    spots = [s.spot for s in layer.slots]
    boxes = [np.where((s.used & s.spot.near)[:, None], s.spot.boxes, np.nan) for s in layer.slots]
    pairs = meeting(np.concatenate(boxes) if layer.kind != "roads" else np.empty((0, 4)))
    first = np.cumsum([0, *(len(s) for s in spots)])
    out = []
    for start, stop in pairwise(first):
        earlier, later = pairs[slice(*np.searchsorted(pairs[:, 1], [start, stop]))].T
        strangers = np.unique(earlier[earlier < start])
        at = np.where(earlier < start, -1 - np.searchsorted(strangers, earlier), earlier - start)
        out.append(Overlay(at, later - start, _gathered(strangers, [s.wkb for s in spots], first)))
    return out


def _gathered(rows: NDArray[np.int64], geometry: Sequence[Wkb], first: NDArray[np.int64]) -> Wkb:
    """Geometries of some rows of a layer, counted through its slices."""
    part = np.searchsorted(first, rows, "right") - 1
    blobs = []
    for row, i in zip(rows - first[part], part, strict=True):
        offsets = geometry[i].offsets
        blobs.append(geometry[i].data[offsets[row] : offsets[row + 1]])
    ends = np.cumsum([0, *(len(b) for b in blobs)]).astype(np.int64)
    return Wkb(np.concatenate([np.empty(0, np.uint8), *blobs]), ends)


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
    layers: Sequence[_Layer],
    tables: Sequence[SourceTable],
    join: JoinReport | None,
    encoding: str | None,
    grid_crs: str,
) -> SourceReport:
    own = [layer.slots[0].spot for layer in layers if layer.spec is spec]
    crs = own[0].crs if own else None
    operation = transformer(crs, grid_crs).description if crs else None
    return SourceReport(
        name=spec.path.name,
        format=spec.kind,
        licence=spec.licence,
        attribution=spec.attribution,
        synthetic=spec.synthetic,
        crs=crs,
        operation=operation,
        encoding=own[0].encoding if own else encoding,
        kinds=tuple(t.report for t in tables if t.spec is spec),
        join=join,
    )
