# SPDX-License-Identifier: Apache-2.0
"""From an inventory file to a release: read, estimate, assemble, check, write. One way, nothing published.

A failure at any step leaves the data folder as it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid import buildings, forests, roads
from carbongrid.assemble import Place, assemble, total_intervals, total_percentiles
from carbongrid.coverage import Parts, parts
from carbongrid.crs import project_polygon
from carbongrid.drafts import Draft, chunk_drafts, join
from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbongrid.geometry.wkb import polygonal
from carbongrid.grid import Window
from carbongrid.inventory import ActivityTable, Inventory
from carbongrid.model import Estimates
from carbongrid.sectors import KIND_SECTOR, KINDS
from carbongrid.uncertainty import placeholder_share
from carbonstore.activity import ENERGY
from carbonstore.building.balance import balance
from carbonstore.building.partials import Made, Part
from carbonstore.building.partition import (
    ONE_PROCESS,
    Job,
    Partitioning,
    Run,
    Timed,
    digest,
    partitioned,
    program_digest,
)
from carbonstore.inventory.controls import controlled, told
from carbonstore.inventory.inventory_file import InventoryFile, read
from carbonstore.places.unit_maps import Known, unit_map
from carbonstore.places.unit_outlines import unit_outlines
from carbonstore.releases import disk, pools
from carbonstore.releases.release import Publication, Release, built, opened, write
from carbonstore.releases.source_features import Described
from carbonstore.releases.unit_levels import UnitMap
from carbonstore.releases.verify import RUN
from carbonstore.sources import ReadContext, Reading, SourceTable, read_sources
from carbonstore.sources.features import joined
from carbonstore.sources.pooling import POOLED, Pooling

Progress = Callable[[str, int, int], None]
Model = Callable[[ActivityTable, FactorSet, int], Draft]
MODELS: Mapping[str, Model] = {"buildings": buildings.draft, "roads": roads.draft, "forests": forests.draft}
SYNTHETIC = {
    "ko": "합성자료: 실제 배출량이 아닙니다.",
    "en": "Synthetic data: these are not real emissions.",
}
POOLED_NOTE = {
    "ko": "계량된 에너지는 셋 이상의 필지를 묶어 연면적과 원단위로 나눈 값입니다. 개별 필지의 사용량이 아닙니다.",
    "en": "Metered energy is pooled over three or more parcels and shared by floor area x intensity: "
    "no value is that of a single parcel.",
}


def silent(stage: str, done: int, total: int) -> None:
    """Progress for callers that want none."""


def build(
    path: Path, root: Path, *, year: int | None = None, progress: Progress = silent, how: Partitioning = ONE_PROCESS
) -> Release:
    """Build one immutable release under ``root`` from an inventory file; InvalidInput names the key at fault.

    ``how`` it is partitioned (default: here, task by task) changes no byte of the release. Seconds and memory lie
    beside it in ``run.json``.
    """
    timed = Timed(progress)
    timed("check", 0, 1)
    file = read(path) if year is None else read(path).with_year(year)
    return build_file(file, root, timed, how)


def build_file(
    file: InventoryFile, root: Path, progress: Progress = silent, how: Partitioning = ONE_PROCESS
) -> Release:
    """The same from an inventory file that was read and checked, or made of what a client sent."""
    timed = progress if isinstance(progress, Timed) else Timed(progress)
    factors = file.factor_set
    base = digest(file.year, input_hashes(file, {}), program_digest())
    timed("check", 1, 1)
    with partitioned(root, f"{file.id}-{file.year}", base, how, timed) as run:
        reading = read_sources(file.sources, read_context(file, factors, timed), pooling(file, factors, root), run)
        place = Place.of(file.boundary.polygon, file.crs, file.levels)
        gridded = _estimate(reading, factors, file.year, place.window, run)
        estimates = controlled({k: g.estimates for k, g in gridded.items()}, file.benchmarks, factors, file.year)
        timed("grid", 0, 1)
        inventory = _assemble(file, reading, place, gridded, estimates)
        timed("grid", 1, 1)
        described = {kind: one.described for kind, one in gridded.items()}
        release = _write(file, reading, inventory, estimates, described, root, timed)
    disk.switch(release.path / RUN, orjson.dumps(timed.as_dict(), option=orjson.OPT_INDENT_2))
    return release


def _write(
    file: InventoryFile,
    reading: Reading,
    inventory: Inventory,
    estimates: Mapping[str, Estimates],
    described: Mapping[str, Described],
    root: Path,
    progress: Progress,
) -> Release:
    progress("units", 0, 1)
    units = _units(file, reading, inventory, estimates)
    progress("units", 1, 1)
    progress("write", 0, 1)
    publication = replace(_publication(file, reading, inventory, estimates, units), described=described)
    release = write(inventory, publication, root)
    if reading.pooled is not None:
        pools.keep_values(root, release.id, reading.pooled.pools)
    progress("write", 1, 1)
    return release


def read_context(file: InventoryFile, factors: FactorSet, progress: Progress) -> ReadContext:
    """What the readers of an inventory file are told."""
    weight = partial(buildings.expected_energy, factors=factors)
    return ReadContext(file.crs, file.boundary.polygon, file.year, weight=weight, progress=progress, factors=factors)


def pooling(file: InventoryFile, factors: FactorSet, root: Path) -> Pooling | None:
    """How the inventory's meters are pooled: on from the pools of its newest release of the year; None where open.

    InvalidInput where the rule changed since: under another rule the year's pools would have to be torn apart.
    """
    if file.disclosure != "pooled":
        return None
    rule, before = factors.country.disclosure, _pooled_before(file, root)
    if before is not None and pools.rule(before) != rule:
        raise InvalidInput(
            f"the meters of {file.year} are pooled by another rule since release {before.id}",
            where=f"{factors.country.id}/country.toml: disclosure",
            allowed=[str(pools.rule(before)), "another year"],
        )
    earlier = None if before is None else pools.with_values(before)
    left_out = partial(buildings.meters_left_out, factors=factors)
    return Pooling(rule, f"{file.id} {file.year}", earlier, left_out)


def _pooled_before(file: InventoryFile, root: Path) -> Release | None:
    """The newest release of the inventory's year that has pools."""
    newest_first = (opened(root / "releases" / b.id) for b in reversed(built(root, file.id)) if b.year == file.year)
    return next((release for release in newest_first if release.pools is not None), None)


def kind_table(reading: Reading, kind: str) -> ActivityTable | None:
    """All sources of one kind as one table, in the order of the file."""
    found = [t.table for t in reading.tables if t.kind == kind and len(t.table)]
    return joined(found) if found else None


@dataclass(frozen=True)
class _Gridded:
    """One kind: what is left of its tables once they are estimated, the estimate, its parts in the finest cells, and
    what of the tables is published.
    """

    table: ActivityTable
    estimates: Estimates
    parts: Parts
    described: Described


def _estimate_part(factors: FactorSet, year: int, window: Window, kind: str, part: Part) -> Made:
    """Estimate some sources and split them over the cells."""
    table: ActivityTable = part.body
    drafts = chunk_drafts(lambda rows: MODELS[kind](rows, factors, year), table)
    said = Described.of(table, withheld(table, factors) if kind == "buildings" else {})
    return Made((drafts, parts(table.geometry, window), replace(table, columns={}), said), None)


def _estimate(reading: Reading, factors: FactorSet, year: int, window: Window, run: Run) -> dict[str, _Gridded]:
    """Everything that was read, by kind."""
    own = [(t.kind, part) for t in reading.tables for part, n in zip(t.parts, _sizes(t), strict=True) if n]
    jobs = [Job(job, f"{job[0]} {job[1].digest}") for job in own]
    made = run.map("estimate", partial(_estimate_part, factors, year, window), jobs)
    out = {}
    for kind in KINDS:
        found = [part.brief for (k, _), part in zip(own, made, strict=True) if k == kind]
        if found:
            drafts, split, tables, said = zip(*found, strict=True)
            whole = join([d for one in drafts for d in one], year)
            described = Described.joined(said, [len(t) for t in tables])
            out[kind] = _Gridded(joined(tables), whole, Parts.joined(split), replace(described, missing=whole.missing))
    return out


def withheld(table: ActivityTable, factors: FactorSet) -> dict[str, NDArray[np.bool_]]:
    """Energy column -> buildings (n,) whose reading is not shown: it is charged elsewhere, or in no pool where there
    are pools.
    """
    left_out, inside = buildings.meters_left_out(table, factors), table.columns.get(POOLED)
    none = np.zeros(len(table), bool)
    outside = none if inside is None else ~(np.asarray(inside, np.float64) > 0)
    return {name: left_out.get(name, none) | outside for name in ENERGY}


def _sizes(table: SourceTable) -> list[int]:
    return [part.brief.used for part in table.parts]


def _assemble(
    file: InventoryFile,
    reading: Reading,
    place: Place,
    gridded: Mapping[str, _Gridded],
    estimates: Mapping[str, Estimates],
) -> Inventory:
    coverage = {sector: project_polygon(area, file.crs) for sector, area in _coverage(reading).items()}
    tables, split = ({k: getattr(g, name) for k, g in gridded.items()} for name in ("table", "parts"))
    return assemble(
        file.id, file.year, place, file.boundary.polygon, tables, estimates, coverage, file.levels, split or None
    )


def _units(file: InventoryFile, reading: Reading, inventory: Inventory, estimates: Mapping[str, Estimates]) -> UnitMap:
    """The inventory by units of its country; none without outlines or without anything to sum."""
    outlines = unit_outlines(file)
    if outlines is None or not inventory.layers:
        return UnitMap()
    coverage = {sector: project_polygon(area, file.crs) for sector, area in _coverage(reading).items()}
    known = Known(coverage, {kind: estimates[kind].missing for kind in inventory.layers})
    return unit_map(inventory, outlines, known)


def _coverage(reading: Reading) -> dict[str, Polygon | MultiPolygon]:
    """By sector the CRS84 area in which its sources have a say: there no source means zero, elsewhere null."""
    areas: dict[str, Polygon | MultiPolygon] = {}
    for table in reading.tables:
        sector = KIND_SECTOR[table.kind]
        areas[sector] = polygonal(areas[sector].union(table.coverage)) if sector in areas else table.coverage
    return areas


def _publication(
    file: InventoryFile, reading: Reading, inventory: Inventory, estimates: Mapping[str, Estimates], units: UnitMap
) -> Publication:
    terms = [(file.boundary.licence, file.boundary.attribution), *((s.licence, s.attribution) for s in file.sources)]
    terms += units.terms
    pooled = reading.pooled
    u95 = total_intervals(inventory)
    notes = [
        file.boundary.note,
        *told(file.benchmarks, inventory, estimates, u95),
        *([POOLED_NOTE] if pooled else []),
        *([SYNTHETIC] if file.synthetic else []),
    ]
    return Publication(
        title=dict(file.title),
        country=file.country or "",
        licences=tuple(t for t in dict.fromkeys(terms) if t[1]),
        synthetic=file.synthetic,
        notes=tuple(dict(n) for n in notes if n),
        levels=file.cells,
        coverage={sector: shapely.to_wkb(area) for sector, area in _coverage(reading).items()},
        inputs=input_hashes(file, reading.hashes),
        u95=u95,
        intervals=total_percentiles(inventory),
        report=_report(reading, inventory, estimates, units),
        units=units,
        pools=None if pooled is None else pooled.pools,
        gwp_set=f"IPCC {file.factor_set.country.gwp_set} GWP-100",
    )


def input_hashes(file: InventoryFile, rows: Mapping[str, str]) -> dict[str, str]:
    """sha256 of everything that is read, by file name: the inventory file, sources with companions, areas as outlines;
    the ``rows`` of a database (by place of the source), which has no file, as source and table.

    A name that an earlier source has too is told apart by the number of its source.
    """
    hashes = {file.path.name: _sha256(file.path), "boundary": _outline_sha256(file.boundary.polygon)}
    for name, spec in (("units", file.units), ("zoning", file.zoning)):
        hashes |= {f"{name}: {path.name}": _sha256(path) for path in (spec.files if spec else ())}
    for number, source in enumerate(file.sources, 1):
        if source.extent is not None:
            hashes[f"source {number}: extent"] = _outline_sha256(source.extent)
        if source.place in rows:
            hashes[f"source {number}: {source.path.name}"] = rows[source.place]
        for path in source.files:
            found = _sha256(path)
            name = path.name if hashes.get(path.name, found) == found else f"source {number}: {path.name}"
            hashes[name] = found
    return hashes


def _outline_sha256(area: Polygon | MultiPolygon) -> str:
    return sha256(shapely.to_wkb(area, byte_order=1)).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _report(
    reading: Reading, inventory: Inventory, estimates: Mapping[str, Estimates], units: UnitMap
) -> dict[str, Any]:
    kinds = [t.report.as_dict() for t in reading.tables]
    shares = {
        kind: placeholder_share(layer.lines.kg, layer.lines, inventory.factors, inventory.rows)
        for kind, layer in inventory.layers.items()
    }
    kg = {kind: int(np.abs(layer.lines.kg).sum()) for kind, layer in inventory.layers.items()}
    total = sum(kg.values())
    summary = {
        "kinds": kinds,
        "placeholder_share": sum(shares[k] * kg[k] for k in kg) / total if total else 0.0,
        "placeholder_share_by_kind": shares,
        "notes": {kind: dict(e.notes) for kind, e in estimates.items()},
        "units": units.report(),
        "exact": balance(inventory, units),
        "without_value": {kind: int(e.missing.sum()) for kind, e in estimates.items()},
        **({} if reading.pooled is None else {"disclosure": dict(reading.pooled.report)}),
    }
    return {"summary": summary, "sources": [r.as_dict() for r in reading.reports]}
