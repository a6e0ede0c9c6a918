# SPDX-License-Identifier: Apache-2.0
"""Tiles of pixels read back with GDAL: the right cell under every pixel, the release's kilograms in every cell."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.io import MemoryFile

from carbongrid.errors import NotFound, UnknownName
from carbongrid.grid import Grid, Window
from carbonstore.collections import cells, tms
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.encode import pixels, png, raster, stamp
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from tests.square import square_inventory
from tests.toy import toy_publication

WEB, GEO, KR = "WebMercatorQuad", "WorldCRS84Quad", "KR5179"
CLASSES = raster.Classes(
    null=(188, 188, 188, 255),
    zero=(255, 255, 255, 255),
    breaks=(1.0, 10.0, 100.0),
    colors=((1, 0, 0, 255), (2, 0, 0, 255), (3, 0, 0, 255), (4, 0, 0, 255)),
)


@pytest.fixture(scope="module")
def square(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """10,000 cells of random kilograms, labelled synthetic."""
    root, inventory = tmp_path_factory.mktemp("square"), square_inventory(100)
    write(inventory, toy_publication(inventory), root)
    edition.publish(root, inventory.id)
    return Catalogue(root).snapshot().collections[f"{inventory.id}-100m"]


def decoded(body: bytes) -> NDArray[np.uint8]:
    """Bands of a PNG as GDAL reads them, a palette as its colours: (4, 256, 256)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with MemoryFile(body) as file, file.open() as image:
            bands: NDArray[np.uint8] = image.read()
            if image.count == 1:
                colors = image.colormap(1)
                bands = np.array([colors[k] for k in range(256) if k in colors], np.uint8)[bands[0]].transpose(2, 0, 1)
            return bands


def centres(tiles: tms.TileMatrixSet, z: int, x: int, y: int) -> tuple[NDArray[Any], NDArray[Any]]:
    west, _, east, north = tiles.bounds(z, x, y)
    at = (np.arange(256) + 0.5) * (east - west) / 256
    lattice = np.meshgrid(west + at, north - at)
    return lattice[0], lattice[1]


def middle_tile(collection: Collection, tms_id: str, z: int) -> tuple[str, int, int, int]:
    tiles = tms.named(tms_id)
    west, south, east, north = collection.bbox
    x, y = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True).transform(
        (west + east) / 2, (south + north) / 2
    )
    side = tiles.side / 2**z
    return tms_id, z, int((x - tiles.west) // side), int((tiles.north - y) // side)


def by_pixel(collection: Collection, place: tuple[str, int, int, int]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Row and column, in the collection's window, of the cell under every pixel by pyproj alone."""
    tiles, window = tms.named(place[0]), collection.window
    x, y = centres(tiles, *place[1:])
    east, north = Transformer.from_crs(tiles.crs, window.grid.crs, always_xy=True).transform(x, y)
    size = window.grid.cell_size
    return np.ceil((window.north - north) / size).astype(int) - 1, np.floor((east - window.west) / size).astype(int)


PLACES = [(WEB, 12), (WEB, 13), (WEB, 16), (GEO, 11), (GEO, 14), (KR, 6), (KR, 9)]


@pytest.mark.parametrize(("tms_id", "z"), PLACES)
def test_every_pixel_shows_the_cell_that_holds_its_centre(square: Collection, tms_id: str, z: int) -> None:
    """No pixel of 65,536 differs from projecting each by itself, though only one in 60 is projected."""
    place = middle_tile(square, tms_id, z)
    row, col = by_pixel(square, place)
    got = pixels.under_tile(square.window, tms.named(tms_id), *place[1:])
    assert got is not None
    row0, row1, col0, col1 = got.block
    inside = (row >= row0) & (row < row1) & (col >= col0) & (col < col1)
    wanted = np.where(inside, (row - row0) * (col1 - col0) + col - col0, -1)
    assert np.array_equal(got.cell, wanted)
    assert inside.any()


@pytest.mark.parametrize(("epsg", "lonlat"), [(32642, (68.0, 40.1)), (32633, (15.2, 66.5)), (5186, (126.6, 33.4))])
def test_other_grids_and_high_latitudes(epsg: int, lonlat: tuple[float, float]) -> None:
    """At the lowest zoom of 1 km cells, where a tile is widest and bends most."""
    grid = Grid(epsg, 1000)
    east, north = Transformer.from_crs("OGC:CRS84", grid.crs, always_xy=True).transform(*lonlat)
    window = Window(grid, int(east // 1000) - 60, int(north // 1000) + 60, 120, 120)
    tiles = tms.named(WEB)
    mx, my = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True).transform(*lonlat)
    side = tiles.side / 2**8
    x, y = int((mx - tiles.west) // side), int((tiles.north - my) // side)
    px, py = centres(tiles, 8, x, y)
    e, n = Transformer.from_crs(tiles.crs, grid.crs, always_xy=True).transform(px, py)
    got = pixels.under_tile(window, tiles, 8, x, y)
    assert got is not None
    row0, row1, col0, col1 = got.block
    row, col = np.ceil((window.north - n) / 1000) - 1 - row0, np.floor((e - window.west) / 1000) - col0
    inside = (row >= 0) & (row < row1 - row0) & (col >= 0) & (col < col1 - col0)
    assert np.array_equal(got.cell, np.where(inside, row * (col1 - col0) + col, -1))


@pytest.mark.parametrize(("tms_id", "z"), PLACES)
def test_a_value_tile_holds_the_densities_of_the_items(square: Collection, tms_id: str, z: int) -> None:
    """(65536 R + 256 G + B) / 100 - 1000 is the item's tonnes a hectare, to half a hundredth, clamped."""
    place = middle_tile(square, tms_id, z)
    red, green, blue, alpha = decoded(raster.values(square, place, 2023, "net")).astype(np.int64)
    row, col = by_pixel(square, place)
    batch = cells.read(square, CellQuery())
    tonnes = np.full((square.window.nrow, square.window.ncol), np.nan)
    tonnes.ravel()[batch.key] = batch.column("net").values
    inside = (row >= 0) & (row < square.window.nrow) & (col >= 0) & (col < square.window.ncol)
    assert np.array_equal(alpha == 255, inside)
    got = ((65536 * red + 256 * green + blue) / 100 - 1000)[inside]
    wanted = np.clip(tonnes[row[inside], col[inside]], -1000, 166_772.15)  # what three bytes hold
    assert np.abs(got - wanted).max() < 0.00501


def test_colours_are_those_of_the_classes(square: Collection) -> None:
    place = middle_tile(square, WEB, 13)
    image = decoded(raster.styled(square, place, 2023, "emission_total", CLASSES))
    row, col = by_pixel(square, place)
    batch = cells.read(square, CellQuery())
    tonnes = np.zeros((square.window.nrow, square.window.ncol))
    tonnes.ravel()[batch.key] = batch.column("emission_total").values
    wanted = 1 + sum((tonnes[row, col] >= b).astype(int) for b in CLASSES.breaks)
    outside = np.ones((256, 256), bool)
    outside[stamp.box()] = False
    assert np.array_equal(image[0][outside], wanted[outside])
    assert set(np.unique(wanted)) == {1, 2, 3, 4}
    assert (image[3] == 255).all()


def test_a_synthetic_picture_says_so(square: Collection) -> None:
    place = middle_tile(square, WEB, 13)
    styled, valued = (
        raster.styled(square, place, 2023, "net", CLASSES),
        raster.values(square, place, 2023, "net"),
    )
    for body in (styled, valued):
        assert b"tEXtWarning\0synthetic data" in body
    part = decoded(styled)[0][stamp.box()]
    assert {64, 255} <= set(np.unique(part))


def test_a_tile_beside_the_cells_or_the_years_is_clear(square: Collection) -> None:
    tms_id, z, x, y = middle_tile(square, WEB, 14)
    for place, year in (((tms_id, z, x + 100, y), 2023), ((tms_id, z, x, y), None)):
        for body in (
            raster.values(square, place, year, "net"),
            raster.styled(square, place, year, "net", CLASSES),
        ):
            assert not decoded(body)[3].any()
            assert len(body) < 900


def test_what_cannot_be_drawn_is_named(square: Collection) -> None:
    place = middle_tile(square, WEB, 14)
    for name in ("quality", "cell_id", "colour"):
        with pytest.raises(UnknownName, match=name):
            raster.values(square, place, 2023, name)
    with pytest.raises(NotFound):
        raster.values(square, (WEB, 14, 2**14, 0), 2023, "net")


def some_images() -> Iterator[NDArray[np.uint8]]:
    rng = np.random.default_rng(3)
    for shape in ((1, 1, 4), (3, 7, 4), (256, 256, 4)):
        yield rng.integers(0, 256, shape, np.uint8)


def test_gdal_reads_back_what_was_written(tmp_path: Path) -> None:
    for image in some_images():
        assert np.array_equal(decoded(png.rgba(image)), image.transpose(2, 0, 1))
    palette: list[png.Color] = [(0, 0, 0, 0), (1, 2, 3, 255), (250, 0, 9, 128)]
    index = np.random.default_rng(5).integers(0, 3, (40, 30)).astype(np.uint8)
    assert np.array_equal(decoded(png.indexed(index, palette)), np.array(palette, np.uint8)[index].transpose(2, 0, 1))
