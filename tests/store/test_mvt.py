# SPDX-License-Identifier: Apache-2.0
"""Tiles decoded by an independent reader against the items of the same collection."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from carbongrid.errors import NotFound, UnknownName
from carbonstore.collections import cells, quads, tms
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.encode import geojson, mvt
from carbonstore.encode.mvt_kernel import dictionary, varint, varint_size
from carbonstore.releases.catalogue import Snapshot

WEB, GEO, KR = "WebMercatorQuad", "WorldCRS84Quad", "KR5179"
READ: Callable[..., dict[str, Any]] = mapbox_vector_tile.decode


def decode(body: bytes) -> dict[str, list[dict[str, Any]]]:
    layers = READ(body, default_options={"y_coord_down": True}) if body else {}
    assert all(layer["extent"] == 4096 and layer["version"] == 2 for layer in layers.values())
    return {name: layer["features"] for name, layer in layers.items()}


def tiles_over(collection: Collection, tms_id: str, z: int) -> list[tuple[int, int]]:
    """(x, y) of the tiles that the collection's bbox meets."""
    tiles = tms.named(tms_id)
    west, south, east, north = collection.bbox
    to = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True)
    (x0, x1), (y0, y1) = to.transform([west, east], [south, north])
    side = tiles.side / 2**z
    columns = range(int((x0 - tiles.west) // side), int((x1 - tiles.west) // side) + 1)
    rows = range(int((tiles.north - y1) // side), int((tiles.north - y0) // side) + 1)
    return [(x, y) for y in rows for x in columns]


def in_tile(collection: Collection, tms_id: str, z: int, x: int, y: int) -> dict[str, shapely.Polygon]:
    """Every cell in exact tile units, not rounded, by pyproj alone."""
    tiles = tms.named(tms_id)
    batch = cells.read(collection, CellQuery())
    west, _, _, north = tiles.bounds(z, x, y)
    unit = tiles.side / 2**z / 4096
    e, n = batch.window.corners(batch.key)
    size = batch.window.grid.cell_size
    to = Transformer.from_crs(batch.window.grid.crs, tiles.crs, always_xy=True)
    corner = [to.transform(e + dx * size, n + dy * size) for dx, dy in ((0, 0), (1, 0), (1, 1), (0, 1))]
    rings = np.array([np.stack([(cx - west) / unit, (north - cy) / unit], axis=1) for cx, cy in corner]).transpose(
        1, 0, 2
    )
    return dict(zip(batch.code.texts, [shapely.Polygon(r) for r in rings], strict=True))


@pytest.mark.parametrize(("tms_id", "z"), [(WEB, 12), (WEB, 13), (WEB, 15), (GEO, 11), (GEO, 13), (KR, 6), (KR, 9)])
def test_a_tile_holds_the_items_that_meet_it_with_equal_values(square: Snapshot, tms_id: str, z: int) -> None:
    collection = square.collections["square-100m"]
    items = {
        f["properties"]["cell_id"]: f["properties"] for f in geojson.feature_dicts(cells.read(collection, CellQuery()))
    }
    chosen = tiles_over(collection, tms_id, z)
    seen: set[str] = set()
    for x, y in chosen if len(chosen) < 20 else chosen[:: len(chosen) // 12]:
        drawn = in_tile(collection, tms_id, z, x, y)
        features = decode(mvt.tile(collection, tms_id, z, x, y)).get("square-100m", [])
        found = {f["properties"]["cell_id"]: f for f in features}
        assert len(found) == len(features)
        clearly = {c for c, q in drawn.items() if q.intersects(shapely.box(1, 1, 4095, 4095))}
        barely = {c for c, q in drawn.items() if q.intersects(shapely.box(0, 0, 4096, 4096))}
        assert clearly <= set(found) <= barely
        for cell, feature in found.items():
            expected = {k: v for k, v in items[cell].items() if collection.fields[k].tile and v is not None}
            assert feature["properties"] == expected
            ring = np.array(feature["geometry"]["coordinates"][0][:4])
            exact = np.array(drawn[cell].exterior.coords)[[3, 2, 1, 0]]
            assert np.abs(ring - exact).max() <= 0.5 + 1 / 16
        seen |= set(found)
    assert len(chosen) > 20 or seen == set(items)


def test_values_have_the_types_of_the_contract(toy: Snapshot) -> None:
    collection = toy.collections["toy-100m"]
    (x, y), *_ = tiles_over(collection, WEB, 12)
    raw = decode(mvt.tile(collection, WEB, 12, x, y, properties=tuple(collection.fields)))["toy-100m"]
    properties = raw[0]["properties"]
    kinds = {name: type(value) for name, value in properties.items()}
    assert {name for name, kind in kinds.items() if kind is float} == {
        name for name, field in collection.fields.items() if field.type == "number"
    }
    assert (kinds["year"], kinds["quality"], kinds["synthetic"], kinds["time_start"]) == (int, int, bool, str)
    assert properties["kr_code"] == "다바847353"
    assert properties["time_end"] == "2023-12-31"


def test_null_is_an_absent_key(toy: Snapshot) -> None:
    collection = toy.collections["toy-100m"]
    (x, y), *_ = tiles_over(collection, WEB, 12)
    features = {
        f["properties"]["cell_id"]: f["properties"] for f in decode(mvt.tile(collection, WEB, 12, x, y))["toy-100m"]
    }
    assert len(features) == 36
    null = cells.read(collection, CellQuery()).column("absorption_forest").null
    assert [("absorption_forest" in p, "absorption_forest_u95" in p) for p in features.values()] == [
        (not n,) * 2 for n in null
    ]
    assert sum("missing" in p for p in features.values()) == 13


def test_rings_are_clockwise_on_the_screen(square: Snapshot) -> None:
    collection = square.collections["square-1km"]
    (x, y), *_ = tiles_over(collection, WEB, 8)
    rings = [f["geometry"]["coordinates"][0] for f in decode(mvt.tile(collection, WEB, 8, x, y))["square-1km"]]
    areas = [sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(r)) for r in rings]
    assert min(areas) > 0  # positive with y down: an exterior ring (MVT 2.1, 4.3.3.3)


def test_chosen_properties_and_the_id(toy: Snapshot) -> None:
    collection = toy.collections["toy-100m"]
    (x, y), *_ = tiles_over(collection, WEB, 14)
    features = decode(mvt.tile(collection, WEB, 14, x, y, properties=["net"]))["toy-100m"]
    assert {tuple(f["properties"]) for f in features} == {("cell_id", "year", "net")}
    with pytest.raises(UnknownName, match="did you mean 'net'"):
        mvt.tile(collection, WEB, 14, x, y, properties=["nett"])


def test_history_draws_the_newest_year_or_the_one_asked_for(toy: Snapshot) -> None:
    collection = toy.collections["toy-1km-history"]
    (x, y), *_ = tiles_over(collection, WEB, 8)
    for year, factor in ((None, 1), (2023, 1), (2022, 2)):
        features = decode(mvt.tile(collection, WEB, 8, x, y, year=year))["toy-1km-history"]
        assert {f["properties"]["year"] for f in features} == {year or 2023}
        assert sum(round(1000 * f["properties"]["net"]) for f in features) == factor * 8558
    with pytest.raises(NotFound, match="2022, 2023"):
        mvt.tile(collection, WEB, 8, x, y, year=2021)


def test_inside_the_limits_and_empty_is_an_empty_tile(toy: Snapshot) -> None:
    assert mvt.tile(toy.collections["toy-100m"], WEB, 12, 0, 0) == b""
    assert mvt.tile(toy.collections["toy-100m"], GEO, 11, 4095, 2047) == b""
    assert mvt.dataset_tile(toy, WEB, 3, 0, 0) == b""


OUTSIDE = [
    (WEB, 11, 1, 1),
    (WEB, 17, 1, 1),
    (WEB, -1, 0, 0),
    (WEB, 12, 4096, 0),
    (WEB, 12, 0, 4096),
    (WEB, 12, -1, 0),
    (GEO, 16, 0, 0),
    (GEO, 11, 0, 2048),
]


@pytest.mark.parametrize(("tms_id", "z", "x", "y"), OUTSIDE)
def test_outside_the_limits_is_not_found(toy: Snapshot, tms_id: str, z: int, x: int, y: int) -> None:
    with pytest.raises(NotFound):
        mvt.tile(toy.collections["toy-100m"], tms_id, z, x, y)


def test_an_unknown_set_is_refused(toy: Snapshot) -> None:
    with pytest.raises(UnknownName, match="tile matrix set 'Nope'"):
        mvt.tile(toy.collections["toy-100m"], "Nope", 12, 0, 0)
    with pytest.raises(UnknownName):
        mvt.dataset_tile(toy, "Nope", 0, 0, 0)


LEVELS = {0: "10km", 5: "10km", 6: "5km", 7: "5km", 8: "1km", 9: "1km", 10: "500m", 11: "500m", 12: "100m", 16: "100m"}


@pytest.mark.parametrize(("z", "level"), LEVELS.items())
def test_the_dataset_tile_has_a_layer_an_inventory_at_the_level_of_the_zoom(toy: Snapshot, z: int, level: str) -> None:
    for name, published in toy.inventories.items():
        total = 0
        shown: set[str] = set()
        for x, y in tiles_over(published.collection(10_000), WEB, z):
            layer = decode(mvt.dataset_tile(toy, WEB, z, x, y)).get(name, [])
            total += sum(round(1000 * f["properties"]["net"]) for f in layer if f["properties"]["cell_id"] not in shown)
            shown |= {f["properties"]["cell_id"] for f in layer}
            assert {f["properties"]["level"] for f in layer} <= {level}
        assert total == 8558


def test_one_dataset_tile_shows_all_inventories(toy: Snapshot) -> None:
    assert set(decode(mvt.dataset_tile(toy, WEB, 0, 0, 0))) == {"toy", "twin"}
    geographic = [decode(mvt.dataset_tile(toy, GEO, 0, x, 0)) for x in (0, 1)]
    assert [set(g) for g in geographic] == [set(), {"toy", "twin"}]


def test_a_tile_is_the_same_bytes_each_time(square: Snapshot) -> None:
    collection = square.collections["square-500m"]
    (x, y), *_ = tiles_over(collection, WEB, 10)
    assert mvt.tile(collection, WEB, 10, x, y) == mvt.tile(collection, WEB, 10, x, y) != b""


def test_tile_bounds_are_those_of_the_standard() -> None:
    """OGC 17-083r4 annex D: the scale denominator of matrix 0 is 559082264.0287178 and a pixel is 0.28 mm."""
    assert tms.named(WEB).side / 256 / 0.00028 == pytest.approx(559082264.0287178, rel=1e-12)
    assert tms.named(GEO).side / 256 / 0.00028 * math.pi * 6378137 / 180 == pytest.approx(279541132.0143589, rel=1e-12)
    assert tms.named(GEO).bounds(1, 3, 1) == (90, -90, 180, 0)


def test_varints_are_protobufs() -> None:
    out = np.empty(10, np.uint8)
    for value, raw in (
        (0, b"\x00"),
        (1, b"\x01"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (2**35, b"\x80" * 5 + b"\x01"),
    ):
        assert out[: varint(out, 0, value)].tobytes() == raw
        assert varint_size(value) == len(raw)


def test_the_dictionary_gives_back_every_value_and_repeats_few() -> None:
    rng = np.random.default_rng(2)
    bits = np.concatenate([rng.integers(-5, 2000, (2, 5000)), rng.integers(-(2**62), 2**62, (1, 5000))])
    null = rng.random((3, 5000)) < 0.1
    codes = np.full((5000, 5), 99, np.int64)
    words = dictionary(bits, null, 7, codes, np.array([0, 4, 2]))
    assert (codes[:, [1, 3]] == 99).all(), "other keys are left alone"
    numbers = codes.T[[0, 4, 2]]
    assert (numbers[null] == -1).all()
    assert (words[numbers[~null] - 7] == bits[~null]).all()
    different = len(np.unique(bits[~null]))
    assert different <= len(words) < 0.75 * (~null).sum()


def test_a_dictionary_of_few_values_holds_each_once_in_order_of_appearance() -> None:
    bits = np.array([[5, 5, -1, 0], [0, 5, 7, -1]])
    codes = np.empty((4, 2), np.int64)
    words = dictionary(bits, np.zeros((2, 4), np.bool_), 0, codes, np.array([0, 1]))
    assert words.tolist() == [5, 0, -1, 7]
    assert codes.tolist() == [[0, 1], [0, 0], [2, 3], [1, 2]]


def test_meets_needs_depth_on_every_axis() -> None:
    """A square on its tip whose edge x + y = d cuts 0.2 off a box's corner is out where more is needed."""
    d = 0.2 * math.sqrt(2)
    x = np.array([[[-15, -5], [d - 5, d + 5]]])
    y = np.array([[[d - 5, d + 5], [-15, -5]]])
    box = np.array([0.0, 0.0, 100.0, 100.0])
    for turn in (slice(None), slice(None, None, -1)):  # corners in either direction of turning
        met = [bool(quads.meets(x[:, turn], y[:, turn], box, least).all()) for least in (0.0, 0.1, 0.19, 0.21, 0.25)]
        assert met == [True, True, True, False, False]


def test_korean_tiles_begin_at_their_origin_and_hold_the_country() -> None:
    """Matrix 0 begins at (-200000, 4000000) with 2088.96 m a pixel; EPSG:5179's area of use lies in 4 x 6 tiles."""
    korea = tms.named(KR)
    assert korea.bounds(0, 0, 0) == pytest.approx((-200_000, 3_465_226.24, 334_773.76, 4_000_000))
    assert korea.bounds(10, 0, 0)[2] + 200_000 == pytest.approx(256 * 2.04)
    use = CRS(korea.crs).area_of_use
    assert use is not None
    to = Transformer.from_crs("OGC:CRS84", korea.crs, always_xy=True)
    west, south, east, north = to.transform_bounds(use.west, use.south, use.east, use.north)
    assert korea.bounds(0, 0, 5)[0] < west < east < korea.bounds(0, 3, 5)[2]
    assert korea.bounds(0, 3, 5)[1] < south < north < korea.north
    for x, y in ((4, 0), (0, 6), (-1, 0)):
        with pytest.raises(NotFound):
            korea.bounds(0, x, y)


def test_other_countries_have_no_korean_tiles(toy: Snapshot) -> None:
    assert toy.collections["toy-100m"].published.tile_sets == (WEB, GEO, KR)
    assert toy.collections["twin-100m"].published.tile_sets == (WEB, GEO)
    with pytest.raises(NotFound, match="twin-100m has no tiles in KR5179"):
        mvt.tile(toy.collections["twin-100m"], KR, 6, 141, 259)
