# SPDX-License-Identifier: Apache-2.0
"""Is a release what its manifest says? Hashes first, then the chain of exact sums, masks and ranges, pools."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import Corrupt
from carbongrid.inventory import Cells
from carbongrid.sectors import FIGURES, SECTORS, bit, sector_mask, weights
from carbongrid.unit_cells import NO_UNIT
from carbonstore.building.balance import unit_sums
from carbonstore.releases import disk, pools, source_features
from carbonstore.releases.unit_levels import UnitLevel

if TYPE_CHECKING:
    from carbonstore.releases.stored import Release

Ints = NDArray[np.int64]
VALIDATION = "validation.json"
RUN = "run.json"
"""How long the stages of a build took, and how much memory."""
UNHASHED = frozenset({"manifest.json", "built.json", RUN, VALIDATION})
"""Files of a release that its manifest does not name: itself, when it was built, and how well the model predicts."""


def verify(release: "Release") -> None:
    """Raise Corrupt, naming file, band or level, unless hashes, conservation, masks, ranges and pools all hold."""
    _hashes(release)
    levels = {size: release.cells(size) for size in (*release.levels, *release.internal_levels)}
    for size, cells in levels.items():
        _ranges(release, size, cells)
        _masks(release, f"cells {size} m", cells)
    _conserved(release, levels)
    _units(release)
    for size, cells in levels.items():
        _nested(release, size, levels[release.grid.cell_size], cells)
    _totals(release, levels[release.grid.cell_size])
    for where, fault in source_features.check(release):
        _fail(release, where, fault)
    pools.check(release)


def _fail(release: "Release", where: str, what: str) -> None:
    raise Corrupt(what, where=f"release {release.id}, {where}")


def _hashes(release: "Release") -> None:
    wanted = release.manifest["files"]
    if disk.file_digest(release.path / "manifest.json")[:16] != release.id:
        _fail(release, "manifest.json", "it is not the one that the release is named after")
    found = {p.name for p in release.path.iterdir()} - UNHASHED
    if found != set(wanted):
        _fail(release, "files", f"missing or unknown: {', '.join(sorted(found ^ set(wanted)))}")
    for name, sha in wanted.items():
        if disk.file_digest(release.path / name) != sha:
            _fail(release, name, "its bytes are not the ones the manifest names")


def _ranges(release: "Release", size: int, cells: Cells) -> None:
    """Cells ascending inside the window; every number finite and of the right sign."""
    index, where = cells.index, f"cells {size} m"
    if len(index) == 0 or index[0] < 0 or index[-1] >= cells.window.size or not (np.diff(index) > 0).all():
        _fail(release, where, "cell numbers are not ascending inside the window")
    for name, values, top in (("share", cells.share, 1 + 1e-9), ("area_m2", cells.area_m2, np.inf)):
        if not (np.isfinite(values).all() and (values >= 0).all() and (values <= top).all()):
            _fail(release, where, f"{name} holds a value that is not finite or out of range")
    if (cells.u95 < 0).any() or (cells.quality > 5).any():
        _fail(release, where, "a half-width is negative or a quality is above 5")


def _masks(release: "Release", where: str, records: "Cells | UnitLevel") -> None:
    """What is null is incomplete too, and holds no kilogram."""
    if (records.null & ~records.incomplete).any():
        _fail(release, where, "a sector is null without being incomplete")
    for sector in SECTORS:
        null = (records.null & bit(sector)) != 0
        if any(kg[null].any() for b, kg in zip(release.bands, records.kg, strict=True) if b.sector == sector):
            _fail(release, where, f"a record without {sector} has kilograms of {sector}")


def _units(release: "Release") -> None:
    """Every level of units, with what lies in none, holds what the cells hold; nesting levels are sums by code."""
    wanted = np.array([b["kg"] for b in release.manifest["totals"]["bands"]], np.int64)
    levels = [release.units(name) for name in release.unit_levels]
    lowest = None if release.cell_unit_level is None else release.units(release.cell_unit_level)
    for units in levels:
        where = f"units {units.level}"
        if units.code[-1] != units.rest or not (units.code[:-1][1:] > units.code[:-2]).all():
            _fail(release, where, "codes do not ascend, or the last record is not what lies in no unit")
        if not (np.isfinite(units.area_m2) & (units.area_m2 >= 0)).all() or (units.quality > 5).any():
            _fail(release, where, "an area is not finite or negative, or a quality is above 5")
        _masks(release, where, units)
        _equal(release, where, unit_sums(units), wanted)
    if lowest is not None:
        for units in levels:
            if units.digits is not None:
                _rolled_up(release, units, lowest)
        for size in (*release.levels, *release.internal_levels):
            _rows_of_cells(release, size, len(lowest) - 1)


def _rolled_up(release: "Release", units: UnitLevel, lowest: UnitLevel) -> None:
    """A higher unit is the sum of the lowest ones whose code begins with its own."""
    own = [code[: units.digits] for code in lowest.code[:-1].tolist()]
    code, at = np.unique(own, return_inverse=True)
    stated = units.code[:-1].tolist() if units.digits else [""]
    sums = [np.bincount(at, kg[:-1], len(code)) for kg in lowest.kg]
    if code.tolist() != stated or any((a != b[:-1]).any() for a, b in zip(sums, units.kg, strict=True)):
        _fail(release, f"units {units.level}", f"a unit is not the sum of its {lowest.level} units")


def _rows_of_cells(release: "Release", size: int, units: int) -> None:
    rows = release.level(size).unit
    if rows is None or ((rows < NO_UNIT) | (rows >= units)).any():
        _fail(release, f"cells {size} m", "a cell does not say which unit it lies in")


def _conserved(release: "Release", levels: dict[int, Cells]) -> None:
    """Manifest = lines = pieces = every level, band by band, and pieces = finest cells cell by cell."""
    n = len(release.bands)
    wanted = np.array([b["kg"] for b in release.manifest["totals"]["bands"]], np.int64)
    finest = levels[release.grid.cell_size]
    by_line, by_cell = np.zeros(n, np.int64), np.zeros_like(finest.kg)
    for kind in release.kinds:
        lines, pieces = release.lines(kind), release.pieces(kind)
        np.add.at(by_line, lines.band, lines.kg)
        split = np.zeros(len(lines.kg), np.int64)
        np.add.at(split, pieces.line, pieces.kg)
        if not np.array_equal(split, lines.kg):
            _fail(release, f"pieces of {kind}", "they do not add up to their lines")
        owner = np.repeat(np.searchsorted(finest.index, pieces.cells), np.diff(pieces.ptr))
        np.add.at(by_cell, (lines.band[pieces.line], owner), pieces.kg)
    _equal(release, "lines", by_line, wanted)
    if not np.array_equal(by_cell, finest.kg):
        _fail(release, "pieces", "they do not add up to the finest cells")
    for size, cells in levels.items():
        _equal(release, f"cells {size} m", cells.kg.sum(axis=1), wanted)


def _equal(release: "Release", where: str, found: Ints, wanted: Ints) -> None:
    for band, a, b in zip(release.bands, found, wanted, strict=True):
        if a != b:
            _fail(release, where, f"{band.key} adds up to {a} kg instead of {b} kg")


def _nested(release: "Release", size: int, finest: Cells, cells: Cells) -> None:
    """Each coarse cell is the sum of its finest cells, null where all are, incomplete where any is."""
    parent = finest.window.parents(finest.index, size // finest.window.grid.cell_size)
    index, at = np.unique(parent, return_inverse=True)
    kg = np.zeros((len(index), len(cells.kg)), np.int64)
    np.add.at(kg, at, finest.kg.T)
    null, incomplete = np.full(len(index), 0xFF, np.uint8), np.zeros(len(index), np.uint8)
    np.bitwise_and.at(null, at, finest.null)
    np.bitwise_or.at(incomplete, at, finest.incomplete)
    expected: tuple[NDArray[Any], ...] = (index, kg.T, null, incomplete)
    found: tuple[NDArray[Any], ...] = (cells.index, cells.kg, cells.null, cells.incomplete)
    if not all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True)):
        _fail(release, f"cells {size} m", "a cell is not the roll-up of its finest cells")


def figure_totals(release_bands: Any, kg: Ints, null: int) -> dict[str, int | None]:
    """Figures of the whole from kilograms by band; null where all sectors of a figure are null everywhere."""
    sums = weights(release_bands) @ kg
    masks = [sector_mask(f) for f in FIGURES]
    return {f.name: None if null & m == m else int(v) for f, m, v in zip(FIGURES, masks, sums, strict=True)}


def _totals(release: "Release", finest: Cells) -> None:
    null = int(np.bitwise_and.reduce(finest.null))
    expected = figure_totals(release.bands, finest.kg.sum(axis=1), null)
    stated = release.manifest["totals"]["kg"]
    for name, value in expected.items():
        if stated[name] != value:
            _fail(release, "manifest.json", f"{name} is {stated[name]} kg instead of {value} kg")
    for name, interval in release.manifest["totals"].get("interval", {}).items():
        if not interval["low"] <= interval["median"] <= interval["high"]:
            _fail(release, "manifest.json", f"the percentiles of {name} do not ascend")
