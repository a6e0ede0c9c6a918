# SPDX-License-Identifier: Apache-2.0
"""Corners of cells in other reference systems."""

import numpy as np
import pytest

from carbongrid.crs import CRS84, transformer
from carbongrid.grid import Grid, Window
from carbongrid.lattice import corners_of, project_lattice


def at(epsg: int, lon: float, lat: float, size: int = 100, ncol: int = 70, nrow: int = 50) -> Window:
    grid = Grid(epsg, size)
    cell = grid.cell_at(*transformer(CRS84, grid.crs).transform(lon, lat))
    return Window(grid, cell.col, cell.row, ncol, nrow)


def test_every_corner_exactly() -> None:
    place = Window(Grid(5179, 100), 10_000, 20_002, 3, 2)  # its south-west corner is the projection's origin
    lon, lat = project_lattice(place, CRS84)
    assert lon.shape == lat.shape == (3, 4)
    assert (round(lon[2, 0], 12), round(lat[2, 0], 12)) == (127.5, 38.0)
    east, north = transformer(CRS84, "EPSG:5179").transform(lon, lat)
    assert east == pytest.approx(np.tile([1_000_000, 1_000_100, 1_000_200, 1_000_300], (3, 1)), abs=1e-6)
    assert north == pytest.approx(np.repeat([[2_000_200], [2_000_100], [2_000_000]], 4, axis=1), abs=1e-6)


def test_in_its_own_crs_the_lattice_is_itself() -> None:
    place = at(5179, 127, 37)
    for tolerance in (0.0, 0.05):
        east, north = project_lattice(place, "EPSG:5179", tolerance)
        assert np.array_equal(east[0], place.west + 100 * np.arange(71))
        assert north[:, 0] == pytest.approx(place.north - 100 * np.arange(51), abs=1e-9)


@pytest.mark.parametrize(("epsg", "lon"), [(5179, 127.9), (32642, 67.5), (25832, 9.7)])
@pytest.mark.parametrize("lat", [34, 38, 51, 57])
@pytest.mark.parametrize("crs", ["EPSG:3857", CRS84])
@pytest.mark.parametrize(("size", "tolerance"), [(100, 0.05), (100, 1.0), (500, 1.0), (1000, 5.0)])
def test_interpolated_corners_keep_the_tolerance(
    epsg: int, lon: float, lat: float, crs: str, size: int, tolerance: float
) -> None:
    place = at(epsg, lon, lat, size)
    scale = np.cos(np.radians(lat))
    metres = (scale, scale) if crs == "EPSG:3857" else (111_320 * scale, 111_320)
    for exact, near, metre in zip(
        project_lattice(place, crs), project_lattice(place, crs, tolerance), metres, strict=True
    ):
        assert 0 < np.abs(exact - near).max() * metre <= tolerance


def test_small_and_odd_windows_are_interpolated_too() -> None:
    for ncol, nrow in ((1, 1), (1, 40), (9, 8), (17, 3)):
        place = at(5179, 127, 37, ncol=ncol, nrow=nrow)
        exact, near = (np.stack(project_lattice(place, "EPSG:3857", t)) for t in (0.0, 0.05))
        assert exact.shape == near.shape == (2, nrow + 1, ncol + 1)
        assert np.abs(exact - near).max() < 0.07


def test_corners_of_two_cells_that_touch() -> None:
    place = Window(Grid(5179, 100), 0, 2, 3, 2)
    found = corners_of(place, np.array([1, 3]))  # north middle and south west: they share one corner
    vertices = list(zip(found.easting.tolist(), found.northing.tolist(), strict=True))
    assert vertices == [(100, 200), (200, 200), (0, 100), (100, 100), (200, 100), (0, 0), (100, 0)]
    assert [[vertices[v] for v in cell] for cell in found.of_cell] == [
        [(100, 100), (200, 100), (200, 200), (100, 200)],
        [(0, 0), (100, 0), (100, 100), (0, 100)],
    ]


@pytest.mark.parametrize("cells", [0, 1, 100, 3000, 3500])
def test_corners_of_sparse_cells(cells: int) -> None:
    place = at(5179, 127, 37)
    index = np.sort(np.random.default_rng(cells).choice(place.size, cells, replace=False))
    found = corners_of(place, index)
    west, south = place.corners(index)
    x, y = found.easting[found.of_cell], found.northing[found.of_cell]
    assert np.array_equal(x, west[:, None] + np.array([0, 100, 100, 0]))
    assert np.array_equal(y, south[:, None] + np.array([0, 0, 100, 100]))
    assert len(set(zip(found.easting.tolist(), found.northing.tolist(), strict=True))) == len(found.easting)
    assert len(found.easting) == len(np.unique(found.of_cell))


def test_sparse_corners_project_as_the_lattice_does() -> None:
    place = at(5179, 127, 37)
    lon, lat = corners_of(place, np.arange(place.size)).project(place.grid.crs, CRS84)
    whole = project_lattice(place, CRS84)
    assert np.array_equal(lon, whole[0].ravel())
    assert np.array_equal(lat, whole[1].ravel())
