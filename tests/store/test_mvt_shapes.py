# SPDX-License-Identifier: Apache-2.0
"""Geometries in vector tiles, decoded by an independent reader: where they lie, what is cut, what vanishes."""

from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from carbonstore.collections import tms
from carbonstore.collections.shapes import in_crs
from carbonstore.collections.tms import EXTENT
from carbonstore.encode import mvt_kernel
from carbonstore.encode.mvt_shapes import LINES, MARGIN, POLYGONS, Paths

Z, X, Y = 12, 3488, 1596
"""A tile near Sejong."""


class Tile:
    """A tile of a set, and how it is drawn on."""

    def __init__(self, tms_id: str) -> None:
        self.set = tms.named(tms_id)
        z, x, y = {"WebMercatorQuad": (Z, X, Y), "WorldCRS84Quad": (11, 3488, 610), "KR5179": (6, 142, 263)}[tms_id]
        self.west, _, _, self.north = self.set.bounds(z, x, y)
        self.unit = self.set.side / (1 << z) / EXTENT

    def earth(self, shapes: list[shapely.Geometry]) -> Any:
        """Shapes in tile units (y down) as CRS84."""
        to = Transformer.from_crs(self.set.crs, "OGC:CRS84", always_xy=True)
        place = np.array([self.west, self.north])
        flip = np.array([self.unit, -self.unit])
        return shapely.transform(
            np.array(shapes, object), lambda xy: np.column_stack(to.transform(*(xy * flip + place).T))
        )

    def paths(self, shapes: list[shapely.Geometry]) -> Paths:
        return Paths.of(in_crs(self.earth(shapes), self.set.crs), self.west, self.north, self.unit)


@pytest.fixture(params=["WebMercatorQuad", "WorldCRS84Quad", "KR5179"])
def tile(request: pytest.FixtureRequest) -> Tile:
    return Tile(request.param)


def decoded(paths: Paths) -> list[shapely.Geometry]:
    """The geometries as another program reads them, in tile units, y down."""
    out = np.empty(len(paths.commands) + 64 * len(paths.at) + 64, np.uint8)
    codes = np.full((len(paths.at), 1), -1, np.int64)
    end = mvt_kernel.paths(out, 0, paths.at, paths.kind, paths.commands, paths.offsets, codes)
    body = b"\x78\x02\x0a\x01a" + out[:end].tobytes() + b"\x28\x80\x20"
    layer = mapbox_vector_tile.decode(  # type: ignore[no-untyped-call]
        b"\x1a" + varint(len(body)) + body, default_options={"y_coord_down": True}
    )["a"]
    assert [f["id"] for f in layer["features"]] == paths.at.tolist()
    return [shapely.geometry.shape(f["geometry"]) for f in layer["features"]]


def varint(value: int) -> bytes:
    out = np.empty(10, np.uint8)
    return out[: mvt_kernel.varint(out, 0, value)].tobytes()


def test_a_polygon_with_a_hole_comes_back(tile: Tile) -> None:
    """However its rings turn: a hole that turned like its shell would be read as a second polygon."""
    shell, hole = [(100, 100), (900, 100), (900, 800), (100, 800)], [(300, 300), (500, 300), (500, 600), (300, 600)]
    wanted = shapely.Polygon(shell, [hole])
    given = [shapely.Polygon(s, [h]) for s in (shell, shell[::-1]) for h in (hole, hole[::-1])]
    found = decoded(tile.paths(given))
    assert len(found) == 4
    assert all(g.equals(wanted) for g in found)


def test_a_line_comes_back_as_it_runs(tile: Tile) -> None:
    line = shapely.LineString([(10, 20), (400, 30), (400, 31), (3000, 4000)])
    paths = tile.paths([line, line.reverse()])
    assert paths.kind == LINES
    assert [list(g.coords) for g in decoded(paths)] == [list(line.coords), list(line.reverse().coords)]


def test_random_polygons_lie_where_they_are(tile: Tile) -> None:
    rng = np.random.default_rng(3)
    given = [shapely.Point(*rng.uniform(-300, 4400, 2)).buffer(rng.uniform(5, 300), quad_segs=4) for _ in range(300)]
    paths = tile.paths([*given])
    assert paths.kind == POLYGONS
    window = shapely.box(-MARGIN, -MARGIN, EXTENT + MARGIN, EXTENT + MARGIN)
    for at, found in zip(paths.at.tolist(), decoded(paths), strict=True):
        wanted = given[at].intersection(window)
        low = found.bounds
        assert min(low) >= -MARGIN
        assert max(low) <= EXTENT + MARGIN
        assert shapely.hausdorff_distance(found, wanted) <= 0.71, "half a unit along each axis"
    missing = set(range(len(given))) - set(paths.at.tolist())
    assert all(given[i].intersection(window).area < 4 for i in missing)
    assert missing, "some lie outside"


def test_lines_are_cut_at_the_margin(tile: Tile) -> None:
    zigzag = shapely.LineString([(-500, 1000), (5000, 1000), (5000, 2000), (-500, 2000)])
    (found,) = decoded(tile.paths([zigzag]))
    assert found.geom_type == "MultiLineString"
    assert found.bounds == (-MARGIN, 1000, EXTENT + MARGIN, 2000)
    assert found.length == 2 * (EXTENT + 2 * MARGIN)


def test_what_shrinks_to_nothing_is_not_there(tile: Tile) -> None:
    speck, dash = shapely.box(10.1, 10.1, 10.3, 10.3), shapely.LineString([(5.1, 5.1), (5.2, 5.2)])
    house, road = shapely.box(20, 20, 30, 30), shapely.LineString([(0, 0), (9, 9)])
    assert tile.paths([speck, house]).at.tolist() == [1]
    assert tile.paths([dash, road, dash]).at.tolist() == [1]
    pierced = shapely.Polygon(shapely.box(100, 100, 200, 200).exterior, [speck.exterior.coords])
    assert decoded(tile.paths([shapely.Polygon(pierced.exterior)]))[0].area == 10_000
    both = shapely.MultiPolygon([speck, house])
    assert decoded(tile.paths([both]))[0].equals(house)


def test_nothing_is_left_of_what_only_touches_the_margin(tile: Tile) -> None:
    corner = shapely.box(EXTENT + MARGIN, 0, EXTENT + 500, 100)
    assert len(tile.paths([corner]).at) == 0
    assert len(tile.paths([]).at) == 0
