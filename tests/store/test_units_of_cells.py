# SPDX-License-Identifier: Apache-2.0
"""Cells name the dong that holds most of them, in items and, where asked for, in tiles."""

from collections import Counter

import mapbox_vector_tile
import pytest

from carbon_provider.tilesets import TileSet
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.encode import mvt
from carbonstore.encode.geojson import feature_dicts
from carbonstore.releases.catalogue import Catalogue, Snapshot
from tests.toy_units import CODE_1, CODE_2, toy_units_store


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    root = tmp_path_factory.mktemp("units")
    toy_units_store(root)
    return Catalogue(root).snapshot().collection("toy-100m-history")


def test_cells_carry_code_and_name_of_their_unit(city: Collection) -> None:
    found = feature_dicts(cells.read(city, CellQuery()))
    pairs = Counter(
        (f["properties"]["year"], f["properties"]["unit_code"], f["properties"]["unit_name"]) for f in found
    )
    # 6 rows of 6 columns a year: dong 1 west of 60 m (its half of the corner's column too), dong 2 to 200 m and 300 m
    per_year = {(CODE_1, "하나동"): 24, (CODE_2, "둘동"): 5, (None, None): 7}
    assert pairs == {(year, *unit): n for year in (2022, 2023) for unit, n in per_year.items()}


def test_cells_are_found_and_sorted_by_their_unit(city: Collection) -> None:
    found = cells.read(city, CellQuery(where=(("unit_code", CODE_2),)))
    assert found.matched == 10
    last = cells.read(city, CellQuery(sortby=("-unit_code", "year"), limit=1))
    assert feature_dicts(last)[0]["properties"]["unit_name"] == "둘동"


def test_tiles_name_the_unit_where_asked(city: Collection) -> None:
    tiles = TileSet.of_collection(city, "WebMercatorQuad")
    row, _, column, _ = tiles.limits(12)
    place = ("WebMercatorQuad", 12, column, row)
    plain, asked = mvt.tile(city, *place), mvt.tile(city, *place, properties=["unit_code", "unit_name"])
    drawn = [[f["properties"] for f in mapbox_vector_tile.decode(t)[city.id]["features"]] for t in (plain, asked)]
    assert not any("unit_code" in p for p in drawn[0])
    items = {
        f["properties"]["cell_id"]: f["properties"] for f in feature_dicts(cells.read(city, CellQuery(years=(2023,))))
    }
    assert len(drawn[1]) > 0
    assert all(p.get("unit_name") == items[p["cell_id"]]["unit_name"] for p in drawn[1])


def test_an_inventory_without_units_has_no_such_property(toy: Snapshot) -> None:
    assert "unit_code" not in toy.collection("toy-100m").fields
