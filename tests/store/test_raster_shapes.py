# SPDX-License-Identifier: Apache-2.0
"""Geometries as pixels beside GDAL's own rasteriser: the same pixel for the same centre, nothing too small."""

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from carbonstore.encode.pixels import SIDE
from carbonstore.encode.raster_shapes import WIDTH, Drawing


def drawing(*shapes: shapely.Geometry | None) -> Drawing:
    return Drawing.of(np.array(shapes, object))


def codes(count: int) -> NDArray[np.uint8]:
    return np.arange(1, count + 1, dtype=np.uint8)


def by_gdal(shapes: list[shapely.Geometry]) -> NDArray[np.uint8]:
    return rasterize(zip(shapes, range(1, len(shapes) + 1), strict=True), (SIDE, SIDE), dtype=np.uint8)


def blob(rng: np.random.Generator) -> shapely.Geometry:
    """A star of random rays with a hole, some of it beside the tile."""
    middle, turn = rng.uniform(-40, SIDE + 40, 2), np.sort(rng.uniform(0, 2 * np.pi, 24))
    ray = np.stack([np.cos(turn), np.sin(turn)], axis=1) * rng.uniform(4, 60, (24, 1))
    star = shapely.make_valid(shapely.Polygon(middle + ray))
    return shapely.difference(star, shapely.Point(middle).buffer(rng.uniform(1, 5)))


@pytest.mark.parametrize("seed", range(20))
def test_areas_are_those_of_gdal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shapes = [blob(rng) for _ in range(30)]
    shapes = [s for s in shapes if s.geom_type in ("Polygon", "MultiPolygon")]
    drawn = drawing(*shapes)
    drawn.fill(codes(len(shapes)))
    assert (drawn.image == by_gdal(shapes)).mean() > 0.9999, "a centre on an edge itself may fall to either side"


@pytest.mark.parametrize("seed", range(20))
def test_what_tiles_a_place_tiles_its_pixels(seed: int) -> None:
    """Voronoi cells, the outer ones cut: every pixel is drawn once, whichever way a shared edge runs."""
    points = shapely.MultiPoint(np.random.default_rng(seed).uniform(0, SIDE, (60, 2)))
    tile = shapely.box(-10, -10, SIDE + 10, SIDE + 10)
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(points, extend_to=tile)), tile)
    count = np.zeros((SIDE, SIDE), int)
    for cell in cells:
        drawn = drawing(cell)
        drawn.fill(codes(1))
        count += drawn.image
    assert (count == 1).all()


def test_corners_by_hand() -> None:
    """Two squares that meet at 2.5 and at a centre: the left and upper edges belong to a square."""
    drawn = drawing(shapely.box(0, 0, 2.5, 2), None, shapely.box(2.5, 0, 4, 2))
    drawn.fill(codes(3))
    assert drawn.image[:3, :5].tolist() == [[1, 1, 3, 3, 0], [1, 1, 3, 3, 0], [0, 0, 0, 0, 0]]


def test_a_ring_inside_a_ring_stays_empty() -> None:
    drawn = drawing(shapely.difference(shapely.box(-50, -50, 400, 400), shapely.box(100, 100, 150, 120)))
    drawn.fill(codes(1))
    assert drawn.image.sum() == SIDE * SIDE - 50 * 20
    assert not drawn.image[100:120, 100:150].any()


def test_small_areas_show_by_their_outline() -> None:
    hut = shapely.box(10.6, 20.6, 10.9, 20.9)
    filled, traced = drawing(hut), drawing(hut)
    filled.fill(codes(1))
    traced.trace(codes(1))
    assert not filled.image.any()
    assert np.argwhere(traced.image).tolist() == [[20, 10]]


def test_lines_are_wide_and_without_gaps() -> None:
    """From far outside to far outside; a pixel of the picture lies within the width of the line."""
    line = shapely.LineString([(-1000, -300), (128, 128), (2000, 300)])
    drawn = drawing(line)
    drawn.trace(codes(1))
    rows, cols = np.nonzero(drawn.image)
    assert shapely.distance(line, shapely.points(cols + 0.5, rows + 0.5)).max() < WIDTH
    assert (np.count_nonzero(drawn.image, axis=0) >= WIDTH).all(), "every column of the tile is crossed"
    assert rows.max() < SIDE


def test_lines_beside_the_tile_leave_it_empty() -> None:
    drawn = drawing(shapely.MultiLineString([[(-90, 5), (-5, 90)], [(300, 0), (300, 256)], [(-50, 100), (100, -50.5)]]))
    drawn.trace(codes(1))
    assert np.count_nonzero(drawn.image[60:]) == 0
