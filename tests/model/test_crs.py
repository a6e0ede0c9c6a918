# SPDX-License-Identifier: Apache-2.0
"""Straight edges in CRS84, and true areas."""

import numpy as np
import pytest
import shapely
from pyproj import Geod

from carbongrid.crs import CRS84, areal_scale, densify, geodesic_area, project_polygon, square_areas, transformer
from carbongrid.errors import InvalidInput

RNG = np.random.default_rng(5)
PLACES = [("EPSG:5179", 127.1, 37.5), ("EPSG:32642", 67.8, 40.1), ("EPSG:25832", 9.7, 50.9)]
MILLIMETRE = 1e-3


def ring(lon: float, lat: float, radius: float, n: int = 12) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False) + RNG.uniform(0, 0.3, n)
    points = np.stack([lon + radius * np.cos(angle), lat + radius * np.sin(angle)], axis=1)
    return np.concatenate([points, points[:1]])


def test_transformers_take_longitude_first() -> None:
    east, north = transformer("EPSG:4326", "EPSG:5179").transform(127.5, 38.0)
    assert (round(east, 6), round(north, 3)) == (1_000_000.0, 2_000_000.0)  # the origin of EPSG:5179
    assert transformer(CRS84, "EPSG:5179") is transformer(CRS84, "EPSG:5179")


@pytest.mark.parametrize(("crs", "lon", "lat"), PLACES)
@pytest.mark.parametrize("radius", [0.001, 0.05, 1.0])
def test_edges_are_straight_in_crs84_to_a_hundredth_of_a_millimetre(
    crs: str, lon: float, lat: float, radius: float
) -> None:
    outline, to = ring(lon, lat, radius), transformer(CRS84, crs)
    chords = shapely.linestrings(np.stack([(d := densify([outline], to)[0])[:-1], d[1:]], axis=1))
    edge, along = RNG.integers(0, len(outline) - 1, 500), RNG.random((500, 1))
    true = shapely.points(
        np.stack(to.transform(*(outline[edge] + (outline[edge + 1] - outline[edge]) * along).T), axis=1)
    )
    assert shapely.STRtree(chords).query_nearest(true, return_distance=True)[1].max() <= 0.01 * MILLIMETRE


@pytest.mark.parametrize(("crs", "lon", "lat"), PLACES)
def test_points_of_an_edge_are_the_same_bits_in_both_directions(crs: str, lon: float, lat: float) -> None:
    rings = [ring(lon, lat, radius) for radius in (0.00003, 0.2, 1.3)]
    forward = densify(rings, transformer(CRS84, crs))
    backward = densify([r[::-1] for r in rings], transformer(CRS84, crs))
    assert [len(r) > 13 for r in forward] == [False, True, True]
    for a, b in zip(forward, backward, strict=True):
        assert np.array_equal(a, b[::-1])
        assert np.array_equal(a[0], a[-1])


def test_open_chains_keep_both_ends() -> None:
    to = transformer(CRS84, "EPSG:5179")
    chains = [np.array([[127.0, 37.0], [128.0, 37.0], [128.0, 38.0]]), np.array([[127.0, 37.0], [127.0, 37.0]])]
    long, short = densify(chains, to)
    assert np.array_equal(long[[0, -1]], np.stack(to.transform([127.0, 128.0], [37.0, 38.0]), axis=1))
    assert len(long) > 100
    assert len(short) == 2


def test_neighbours_still_share_their_border() -> None:
    west, east = shapely.box(126.9, 37.4, 127.0, 37.6), shapely.box(127.0, 37.4, 127.2, 37.6)
    a, b = (project_polygon(p, "EPSG:5179") for p in (west, east))
    assert shapely.area(shapely.intersection(a, b)) == 0.0
    assert shapely.union(a, b).area == pytest.approx(
        project_polygon(shapely.box(126.9, 37.4, 127.2, 37.6), "EPSG:5179").area, rel=1e-12
    )
    assert len(shapely.union(a, b).interiors) == 0


def test_holes_and_parts_are_kept() -> None:
    holed = shapely.box(127.0, 37.0, 127.1, 37.1).difference(shapely.box(127.02, 37.02, 127.05, 37.05))
    both = shapely.MultiPolygon([holed, shapely.box(127.2, 37.0, 127.3, 37.1)])
    projected = project_polygon(both, "EPSG:5179")
    assert [len(p.interiors) for p in projected.geoms] == [1, 0]
    assert project_polygon(holed, "EPSG:5179").equals(projected.geoms[0])
    assert project_polygon(shapely.Polygon(), "EPSG:5179").is_empty


def test_straight_edges_matter() -> None:
    box = shapely.box(67.2, 39.8, 68.7, 40.8)  # 1.5 x 1 degrees at Jizzakh
    corners = shapely.transform(box, transformer(CRS84, "EPSG:32642").transform, interleaved=False)
    missed = shapely.area(shapely.symmetric_difference(corners, project_polygon(box, "EPSG:32642")))
    assert missed / 1e6 == pytest.approx(46, abs=1)  # km2


def test_what_a_projection_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="latitude 95 lies outside what the map projection can hold"):
        densify([np.array([[10.0, 50.0], [10.0, 95.0]])], transformer(CRS84, "EPSG:25832"))


def test_areal_scale_on_a_central_meridian_is_the_square_of_the_scale_factor() -> None:
    assert areal_scale("EPSG:32642", np.array([500_000.0]), np.array([4_400_000.0])) == pytest.approx(
        0.9996**2, abs=1e-9
    )
    assert areal_scale("EPSG:5179", np.array([[1_000_000.0]]), np.array([[2_000_000.0]])).shape == (1, 1)


@pytest.mark.parametrize(("crs", "lon", "lat"), PLACES)
@pytest.mark.parametrize("size", [100, 1000])
def test_geodesic_areas_of_cells(crs: str, lon: float, lat: float, size: int) -> None:
    east, north = (
        np.asarray(v) // size * size
        for v in transformer(CRS84, crs).transform(*RNG.uniform((lon - 2, lat - 2), (lon + 2, lat + 2), (20, 2)).T)
    )
    found = square_areas(crs, east, north, size)
    for e, n, area in zip(east, north, found, strict=True):
        outline = shapely.transform(
            shapely.segmentize(shapely.box(e, n, e + size, n + size), size / 10),
            transformer(crs, CRS84).transform,
            interleaved=False,
        )
        assert area == pytest.approx(Geod(ellps="GRS80").geometry_area_perimeter(outline)[0], rel=1e-7)


def authalic(west: float, south: float, east: float, north: float) -> float:
    """Area between meridians and parallels of WGS 84 in closed form, m2."""
    a, f = 6_378_137.0, 1 / 298.257223563
    e = np.sqrt(f * (2 - f))
    s = np.sin(np.radians([south, north]))
    q = s / (1 - (e * s) ** 2) + np.arctanh(e * s) / e
    return float(np.radians(east - west) * (a * (1 - f)) ** 2 / 2 * (q[1] - q[0]))


def test_geodesic_area_of_a_box_between_parallels() -> None:
    box = (67.2, 39.8, 68.7, 40.8)
    assert geodesic_area(shapely.box(*box)) == pytest.approx(authalic(*box), rel=1e-7)


def test_geodesic_area_leaves_holes_out_in_any_direction() -> None:
    outer, inner = (126.0, 36.0, 127.0, 37.0), (126.2, 36.2, 126.4, 36.4)
    holed = shapely.box(*outer).difference(shapely.box(*inner))
    expected = authalic(*outer) - authalic(*inner)
    for polygon in (holed, holed.reverse(), shapely.MultiPolygon([holed])):
        assert geodesic_area(polygon) == pytest.approx(expected, rel=1e-7)
