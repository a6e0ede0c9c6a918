# SPDX-License-Identifier: Apache-2.0
"""Units in vector tiles: outlines as the items have them, exact values, and every kind of geometry."""

from itertools import pairwise
from math import floor
from pathlib import Path

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from carbongrid.errors import NotFound
from carbonstore.collections import cells, tms
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.tms import EXTENT
from carbonstore.collections.unit_collection import UnitCollection
from carbonstore.encode import mvt
from carbonstore.encode.mvt_shapes import MARGIN
from carbonstore.releases.catalogue import Catalogue, Published
from tests.toy_units import CODE_1, CODE_2, toy_units_store

WEB = "WebMercatorQuad"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Published:
    root: Path = tmp_path_factory.mktemp("units")
    toy_units_store(root)
    return Catalogue(root).snapshot().inventories["toy"]


def place(set_id: str, z: int, lon: float, lat: float) -> tuple[int, int]:
    """Column and row of the tile that holds a point."""
    tiles = tms.named(set_id)
    x, y = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True).transform(lon, lat)
    side = tiles.side / (1 << z)
    return floor((x - tiles.west) / side), floor((tiles.north - y) / side)


def decoded(tile: bytes, layer: str) -> list[dict[str, object]]:
    """Features with geometries in tile units, y down."""
    found = mapbox_vector_tile.decode(tile, default_options={"y_coord_down": True})
    return list(found[layer]["features"])


@pytest.mark.parametrize(("set_id", "z"), [(WEB, 10), (WEB, 14), (WEB, 16), ("WorldCRS84Quad", 13), ("KR5179", 9)])
def test_outlines_are_the_published_ones_to_a_tile_unit(toy: Published, set_id: str, z: int) -> None:
    """Area by area: what a tile draws differs from the cut outline by a unit along the border at most."""
    dongs = UnitCollection(toy, False, "dong")
    x, y = place(set_id, z, 127.3315, 36.5145)
    features = decoded(mvt.tile(dongs, set_id, z, x, y), dongs.id)
    tiles = tms.named(set_id)
    unit = tiles.side / (1 << z) / EXTENT
    outlines = dict(zip(dongs.known, dongs.shapes(2023, slice(None)), strict=True))
    west, _, _, north = tiles.bounds(z, x, y)
    to = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True)
    square = shapely.box(-MARGIN, -MARGIN, 4096 + MARGIN, 4096 + MARGIN)
    assert CODE_1 in {f["properties"]["unit_code"] for f in features}
    for feature in features:
        drawn = shapely.geometry.shape(feature["geometry"])
        exact = shapely.transform(
            outlines[feature["properties"]["unit_code"]],
            lambda xy: np.column_stack(
                [(to.transform(*xy.T)[0] - west) / unit, (north - to.transform(*xy.T)[1]) / unit]
            ),
        ).intersection(square)
        assert drawn.is_valid
        assert drawn.symmetric_difference(exact).area <= 1.5 * exact.length + 4


def test_values_are_those_of_items(toy: Published) -> None:
    dongs = UnitCollection(toy, False, "dong")
    x, y = place(WEB, 12, 127.3315, 36.5145)
    items = dict(zip(dongs.known, _records(dongs), strict=True))
    properties = [f["properties"] for f in decoded(mvt.tile(dongs, WEB, 12, x, y), "toy-dong")]
    assert {p["unit_code"] for p in properties} == {CODE_1, CODE_2}
    for record in properties:
        expected = items[record["unit_code"]]
        assert record == {k: v for k, v in expected.items() if dongs.fields[k].tile and v is not None}
    chosen = decoded(mvt.tile(dongs, WEB, 12, x, y, properties=["unit_name", "net_per_ha"]), "toy-dong")
    assert {tuple(f["properties"]) for f in chosen} == {("unit_code", "unit_name", "year", "net_per_ha")}


def _records(collection: UnitCollection) -> list[dict[str, object]]:
    batch = cells.read(collection, CellQuery())
    columns = {name: c.values.tolist() for name, c in batch.columns.items()}
    nulls = {name: c.null.tolist() for name, c in batch.columns.items()}
    return [{n: None if nulls[n][i] else columns[n][i] for n in columns} for i in range(len(batch))]


@pytest.mark.parametrize(("level", "first"), [("nation", 4), ("sido", 4), ("sigungu", 7), ("dong", 10)])
def test_zooms_follow_the_level(toy: Published, level: str, first: int) -> None:
    units = UnitCollection(toy, False, level)
    assert units.zooms(WEB) == (first, 16)
    assert units.zooms("KR5179") == (max(0, first - 6), 10)
    with pytest.raises(NotFound):
        mvt.tile(units, WEB, first - 1, 0, 0)


def test_a_unit_smaller_than_a_tile_unit_is_one(toy: Published) -> None:
    """At zoom 4 the toy city is a twentieth of a unit; it is drawn as one unit, clockwise on the screen."""
    nation = UnitCollection(toy, False, "nation")
    x, y = place(WEB, 4, 127.3315, 36.5145)
    (feature,) = decoded(mvt.tile(nation, WEB, 4, x, y), "toy-nation")
    (ring,) = feature["geometry"]["coordinates"]
    assert shapely.Polygon(ring).area == 1
    turn = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    assert turn > 0
    assert mvt.tile(nation, WEB, 4, 0, 0) == b""
