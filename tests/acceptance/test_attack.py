# SPDX-License-Identifier: Apache-2.0
"""The row-space attack over everything published: cells of all levels, units with what lies in none, records of
sources, regions nested and around each single parcel, both years, two editions of one year with late parcels.

Rows are what the product itself makes of a release (its pieces, its split over units, its cut of a region). The last
test needs no model at all: other meters of the same pool sums publish the same bytes.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shutil import copytree

import numpy as np
import pyogrio
import pytest
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from carbongrid.crs import CRS84
from carbonstore.activity import ENERGY
from carbonstore.building.build import build
from carbonstore.places.reproject import reprojected
from carbonstore.releases.stored import Release
from carbonstore.sample import write_sample
from tests.acceptance.conftest import World
from tests.acceptance.meters import Meters, Shown, meters, published
from tests.model.attack import pool_rows, recoverable

I64 = NDArray[np.int64]

SIZES = (100, 500, 1000)
REACH = 10
"""Cells of 100 m to each side of the middle of Sejong's parcels: the attack looks at the pools that reach in there, and
knows every other meter."""
SMALL, CODE, YEAR = "junggu", "11140", 2023
"""A second synthetic place, of 10 km2, built here."""
FACTORS = ("kr_el_2023", "kr_citygas_kwh_gcv")


@cache
def sejong(world: World, year: int) -> Meters:
    return meters(world.root / "samples" / "sejong" / f"sejong-{year}.toml", world.release("sejong", year))


def around(place: Meters, reach: float) -> I64:
    """Members of all pools that have a parcel near the middle."""
    middle = np.median(place.metered.east), np.median(place.metered.north)
    near = np.maximum(np.abs(place.metered.east - middle[0]), np.abs(place.metered.north - middle[1])) <= reach
    return np.flatnonzero(np.isin(place.pools.pool, np.unique(place.pool[near & (place.pool >= 0)])))


def discs(place: Meters, keys: I64) -> Iterator[Polygon]:
    """Nested circles around some parcels, in CRS84."""
    rng = np.random.default_rng(len(keys))
    at = np.searchsorted(place.metered.key, rng.choice(keys, 8, replace=False))
    for row in at:
        centre = shapely.Point(100 * place.metered.east[row] + 50, 100 * place.metered.north[row] + 50)
        circles = [centre.buffer(radius) for radius in (60, 90, 91, 150, 400, 1500)]
        yield from reprojected(circles, place.release.grid.crs, CRS84)


def figures(shown: Shown, keys: I64) -> sp.csr_array:
    """Everything that is published of these meters and of all that they are summed with."""
    place = shown.place
    rows = [shown.whole(), *(shown.by_cell(size) for size in SIZES), shown.by_source(), shown.by_parcel()]
    rows += [shown.by_unit(level) for level in place.release.unit_levels]
    held = keys[np.isin(keys, shown.parcel)]
    assert len(held) > 50
    rows += [shown.in_region(region) for region in (*shown.around_parcels(held), *discs(place, held))]
    return sp.csr_array(sp.vstack(rows))


def found(rows: sp.csr_array) -> list[int]:
    """Meters (columns) that the rows give away; rows of length 1, so that none drowns in the largest."""
    length = np.sqrt(rows.multiply(rows).sum(axis=1))
    some = np.flatnonzero(length > 0)
    assert len(some) > rows.shape[1], "fewer figures than meters give nothing away for the wrong reason"
    given: list[int] = recoverable((sp.diags_array(1 / length[some]) @ rows[some]).toarray()).tolist()
    return given


@pytest.mark.parametrize("year", [2022, 2023])
@pytest.mark.parametrize("carrier", ["el", "citygas_kwh"])
def test_no_meter_of_the_sample_is_recovered_from_all_that_is_published(world: World, year: int, carrier: str) -> None:
    """The history adds nothing: each year has meters of its own."""
    place = sejong(world, year)
    (factor,) = (f for f in published(place) if f.startswith(f"kr_{carrier}_"))
    shown, members = Shown.of(place, factor), around(place, REACH)
    everything = figures(shown, place.pools.key[members])
    rows = shown.over_meters(everything, pool_rows(place.pools.pool))[:, members]
    assert found(rows) == []


def test_the_same_attack_finds_meters_that_are_not_pooled(world: World) -> None:
    """It is able to fail: the same figures of the same place, each parcel's meter shared over its own buildings."""
    place = sejong(world, 2023)
    shown, members = Shown.of(place, FACTORS[0]), around(place, REACH)
    keys = place.pools.key[members]
    everything = figures(shown, keys)
    own = np.flatnonzero(np.isin(shown.parcel, keys))
    parcel = sp.csr_array(
        (np.ones(len(own)), (own, np.searchsorted(keys, shown.parcel[own]))), (len(shown.piece), len(keys))
    )
    assert len(found(sp.csr_array(everything @ parcel))) > 0.9 * len(np.unique(shown.parcel[own]))


@dataclass(frozen=True)
class Town:
    """A small synthetic place: its inventory file and what was built of it."""

    file: Path
    releases: tuple[Release, ...]

    @property
    def meters(self) -> list[Meters]:
        return [meters(self.file, release) for release in self.releases]


def lines_of(folder: Path) -> Iterator[tuple[Path, list[list[str]]]]:
    """Meter files and their rows as fields."""
    for path in sorted(folder.glob("energy_*.txt")):
        yield path, [line.split("|") for line in path.read_bytes().decode("cp949").split("\r\n")[:-1]]


def rewrite(path: Path, rows: list[list[str]]) -> None:
    path.write_bytes("".join(f"{'|'.join(row)}\r\n" for row in rows).encode("cp949"))


def pnu(row: list[str]) -> str:
    """Parcel number of a row; the register counts land types from 0, the cadastre from 1."""
    sigungu, dong, land, main, sub = row[:5]
    return f"{sigungu}{dong}{int(land) + 1}{main}{sub}"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (file,) = write_sample(SMALL, tmp_path_factory.mktemp("attacked") / "sample", (YEAR,), code=CODE)
    return file


@pytest.fixture(scope="module")
def town(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Two editions of one year: every ninth metered parcel comes late."""
    root = tmp_path_factory.mktemp("editions")
    early = copytree(sample.parent, root / "early")
    late = set(sorted({pnu(row) for _, rows in lines_of(early) for row in rows})[::9])
    for path, rows in lines_of(early):
        rewrite(path, [row for row in rows if pnu(row) not in late])
    first = build(early / sample.name, root)
    return Town(sample, (first, build(sample, root)))


@pytest.mark.parametrize("factor", FACTORS)
def test_two_editions_with_late_parcels_give_no_meter_away(town: Town, factor: str) -> None:
    before, after = town.meters
    keys = after.pools.key
    assert set(before.pools.key) < set(keys), "pools stay, late parcels are added"
    rows = []
    for place in (before, after):
        shown = Shown.of(place, factor)
        rows.append(shown.over_meters(figures(shown, place.pools.key), pool_rows(place.pools.of(keys))))
    assert found(sp.csr_array(sp.vstack(rows))) == []


def test_sums_of_both_editions_are_exact(town: Town) -> None:
    """Kilograms of every cell and unit level are those of the lines; the pools hold what the meters read."""
    for release in town.releases:
        wanted = [band["kg"] for band in release.manifest["totals"]["bands"]]
        assert all(release.cells(size).kg.sum(axis=1).tolist() == wanted for size in SIZES)
        for level in release.unit_levels:
            assert [int(kg.sum()) for kg in release.units(level).kg] == wanted
    (path,) = town.file.parent.glob("AL_D010_*.shp")
    named = set(pyogrio.read_dataframe(path, columns=["A2"], read_geometry=False, encoding="cp949").A2)
    read = {p.name: sum(int(r[6]) for r in rows if pnu(r) in named) for p, rows in lines_of(town.file.parent)}
    pools = town.releases[-1].pools
    assert pools is not None
    for total, carrier in zip(pools.total.sum(axis=0), ("electricity", "gas", "heat"), strict=True):
        assert total == read[f"energy_{carrier}_{YEAR}_synthetic.txt"] > 0


def shifted(folder: Path, pool_of: dict[str, int]) -> int:
    """Move a fiftieth of some meters to others of their pool, month by month; returns how many rows changed."""
    changed = 0
    for path, rows in lines_of(folder):
        by_pool: dict[tuple[int, str], list[list[str]]] = defaultdict(list)
        for row in rows:
            if pnu(row) in pool_of:
                by_pool[pool_of[pnu(row)], row[5]].append(row)
        for group in by_pool.values():
            for giver, taker in zip(group[::2], group[1::2], strict=False):
                amount = int(giver[6]) // 50
                giver[6], taker[6] = str(int(giver[6]) - amount), str(int(taker[6]) + amount)
                changed += 2 * (amount > 0)
        rewrite(path, rows)
    return changed


def test_what_is_published_are_the_same_bytes_for_other_meters_of_the_same_pool_sums(
    sample: Path, town: Town, tmp_path: Path
) -> None:
    """So nothing that leaves the build, whatever is made of it, tells more of a meter than its pool's sum."""
    whole = build(sample, tmp_path / "as-read")
    place = meters(sample, whole)
    of = dict(zip(place.buildings.columns["pnu"].tolist(), place.pools.of(place.key).tolist(), strict=True))
    other = copytree(sample.parent, tmp_path / "other")
    assert shifted(other, {number: pool for number, pool in of.items() if number and pool >= 0}) > 1000
    moved = build(other / sample.name, tmp_path / "moved")
    again = meters(other / sample.name, moved)
    changed = (again.metered.energy != place.metered.energy).any(axis=1)
    assert changed.mean() > 0.5
    names = {path.name for path in whole.path.glob("*.arrow")}
    assert {
        "cells-100.arrow",
        "units-dong.arrow",
        "units-zoning.arrow",
        "pools.arrow",
        "lines-buildings.arrow",
    } <= names
    for path in whole.path.glob("*.arrow"):
        assert path.read_bytes() == (moved.path / path.name).read_bytes(), path.name
    told = {key for key in whole.manifest if whole.manifest[key] != moved.manifest[key]}
    assert told <= {"inputs", "report", "files"}
    reports = [dict(release.manifest["report"]["disclosure"]) for release in (whole, moved)]
    energies = [dict(report.pop("energy")) for report in reports]
    assert energies[0].keys() == energies[1].keys() == set(ENERGY)
    assert energies[0] == energies[1]
    assert [r for r in reports[0] if reports[0][r] != reports[1][r]] in ([], ["moved"])
