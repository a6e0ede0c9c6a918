# SPDX-License-Identifier: Apache-2.0
"""Invented land cover of a region in the layout of ESA WorldCover: tiles of 3 x 3 degrees in EPSG:4326, uint8.

0 is no data, classes go from 10 (trees) to 80 (water). Pixels are 3 arc seconds, not the real 0.3: a tile has 13
million of them, not 1.3 billion.

Trees stand on the highest ground, shrubs below them, water in the lowest; towns are built up and surrounded by fields.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import cKDTree

from carbonstore.sample.districts import Districts
from carbonstore.sample.osm_roads import Settled
from carbonstore.sample.place import F64

TILE_DEG = 3
PIXELS_PER_DEG = 1200
TREES, SHRUBS, GRASS, FIELDS, BUILT, BARE, WATER = 10, 20, 30, 40, 50, 60, 80
SHARES: Mapping[int, float] = {WATER: 0.02, BARE: 0.22, GRASS: 0.62, SHRUBS: 0.11, TREES: 0.03}
"""Classes from the lowest ground to the highest and the share of the region that each takes before towns are built."""
_WAVES_DEG = ((0.9, 1.0), (0.35, 0.6), (0.12, 0.35))
"""Wavelength in degrees and weight of the noise that stands for height."""
_SOUTH = 1.6
"""How much higher the south is than the north: spread of the noise per region."""
_BUILT_M, _FIELDS_M = 700.0, 3_500.0
_MARGIN_DEG = 0.05


@dataclass(frozen=True)
class Ground:
    """Height of the region on its own lattice of pixels: row 0 is the most northern; ``steps`` part the classes."""

    west: float
    north: float
    cover: NDArray[np.uint8]


def shape_ground(districts: Districts, settled: Settled, rng: np.random.Generator) -> Ground:
    """Land cover of the whole bounding box, on pixels that the tiles share."""
    west, south, east, north = shapely.total_bounds(districts.outline) + np.array([-1, -1, 1, 1]) * _MARGIN_DEG
    left, top = int(np.floor(west * PIXELS_PER_DEG)), int(np.ceil(north * PIXELS_PER_DEG))
    shape = top - int(np.floor(south * PIXELS_PER_DEG)), int(np.ceil(east * PIXELS_PER_DEG)) - left
    height = _height(shape, rng)
    inside = geometry_mask(districts.outline, shape, _at(left / PIXELS_PER_DEG, top / PIXELS_PER_DEG), invert=True)
    bounds = np.quantile(height[inside], np.cumsum(list(SHARES.values()))[:-1])
    cover = np.array(list(SHARES), np.uint8)[np.searchsorted(bounds, height)]
    return Ground(left / PIXELS_PER_DEG, top / PIXELS_PER_DEG, _settled(cover, districts, settled, left, top))


def _at(west: float, north: float) -> Affine:
    """Pixel corners (column, row) to degrees."""
    return Affine(1 / PIXELS_PER_DEG, 0, west, 0, -1 / PIXELS_PER_DEG, north)


def _height(shape: tuple[int, int], rng: np.random.Generator) -> F64:
    """Smooth noise that rises towards the south."""
    total = np.linspace(0, _SOUTH, shape[0])[:, None] * np.ones(shape[1])
    for wave, weight in _WAVES_DEG:
        step = wave * PIXELS_PER_DEG / 2
        coarse = gaussian_filter(rng.standard_normal([int(n / step) + 4 for n in shape]), 0.7)
        rows, columns = (np.arange(n) / step + 1 for n in shape)
        total += weight / coarse.std() * _resampled(coarse, rows, columns)
    return total


def _resampled(coarse: F64, rows: F64, columns: F64) -> F64:
    """Cubic interpolation on a lattice of rows x columns, a strip at a time."""
    parts = [
        map_coordinates(coarse, np.stack(np.meshgrid(strip, columns, indexing="ij")), order=3, mode="nearest")
        for strip in np.array_split(rows, max(1, len(rows) // 256))
    ]
    return np.concatenate(parts)


def _settled(
    cover: NDArray[np.uint8], districts: Districts, settled: Settled, left: int, top: int
) -> NDArray[np.uint8]:
    """Towns and the fields around them put on the ground; trees, shrubs and water stay where they are."""
    lonlat = districts.to_degrees(settled.place)
    scale = np.array([np.cos(np.deg2rad(lonlat[:, 1].mean())), 1.0]) * 111_320.0
    tree = cKDTree(lonlat * scale)
    columns = (left + np.arange(cover.shape[1]) + 0.5) / PIXELS_PER_DEG * scale[0]
    out = cover.copy()
    for row in range(cover.shape[0]):
        lat = np.full(len(columns), (top - row - 0.5) / PIXELS_PER_DEG * scale[1])
        away = tree.query(np.stack([columns, lat], 1), distance_upper_bound=_FIELDS_M)[0]
        free = ~np.isin(cover[row], (TREES, SHRUBS, WATER))
        out[row, free & (away < _FIELDS_M)] = FIELDS
        out[row, free & (away < _BUILT_M)] = BUILT
    return out


def write_tiles(folder: Path, stem: str, ground: Ground) -> list[Path]:
    """Write the tiles that the region meets, named by their south-west corner as WorldCover's are."""
    paths = []
    for lat, lon in _corners(ground):
        name = f"{stem}_{'N' if lat >= 0 else 'S'}{abs(lat):02d}{'E' if lon >= 0 else 'W'}{abs(lon):03d}_Map.tif"
        paths.append(folder / name)
        _write_tile(paths[-1], lat, lon, ground)
    return paths


def _corners(ground: Ground) -> Iterator[tuple[int, int]]:
    """(latitude, longitude) of the south-west corners of the tiles that a ground lies in."""
    south = ground.north - ground.cover.shape[0] / PIXELS_PER_DEG
    east = ground.west + ground.cover.shape[1] / PIXELS_PER_DEG
    for lat in range(int(np.floor(south / TILE_DEG)), int(np.ceil(ground.north / TILE_DEG))):
        for lon in range(int(np.floor(ground.west / TILE_DEG)), int(np.ceil(east / TILE_DEG))):
            yield lat * TILE_DEG, lon * TILE_DEG


def _write_tile(path: Path, lat: int, lon: int, ground: Ground) -> None:
    size = TILE_DEG * PIXELS_PER_DEG
    tile = np.zeros((size, size), np.uint8)
    row = round(((lat + TILE_DEG) - ground.north) * PIXELS_PER_DEG)
    column = round((ground.west - lon) * PIXELS_PER_DEG)
    here, there = _overlap(row, ground.cover.shape[0], size), _overlap(column, ground.cover.shape[1], size)
    tile[here[0], there[0]] = ground.cover[here[1], there[1]]
    profile = {
        "driver": "GTiff", "width": size, "height": size, "count": 1, "dtype": "uint8", "crs": "EPSG:4326",
        "transform": _at(lon, lat + TILE_DEG), "nodata": 0,
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "sparse_ok": True,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as raster:
        raster.update_tags(TIFFTAG_IMAGEDESCRIPTION="synthetic (합성자료): invented land cover, no measurement")
        raster.write(tile, 1)


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """Where a run that begins at ``start`` meets 0 .. size: the slice of the tile and that of the run."""
    first, last = max(0, start), min(size, start + length)
    return slice(first, max(first, last)), slice(first - start, max(first, last) - start)
