# SPDX-License-Identifier: Apache-2.0
"""A large square city of random kilograms: many cells and many distinct values, for encoders and benchmarks."""

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Window
from carbongrid.inventory import Border, Cells, Inventory, Layer, Lines, Pieces
from tests.toy import (
    CORNERS,
    GROWTH,
    HOUSE_1,
    HOUSE_2,
    LEVELS,
    LOSS,
    ROAD,
    coarser,
    on_earth,
    tenth,
    toy_inventory,
    toy_window,
)


def square_inventory(side: int, year: int = 2023, id: str = "square", seed: int = 7, epsg: int = 5179) -> Inventory:
    """``side`` x ``side`` cells (a multiple of 100) north-east of the toy: seeded kilograms in five bands."""
    toy = toy_window(epsg)
    window = Window(toy.grid, toy.left + toy.ncol, toy.top - toy.nrow + side, side, side)
    bands = (HOUSE_1, HOUSE_2, ROAD, GROWTH, LOSS)
    index = np.arange(side * side, dtype=np.int64)
    kg = np.random.default_rng(seed).lognormal(9, 2, (len(bands), side * side)).astype(np.int64) + 1
    band_of = {"buildings": (0, 1), "roads": (2,), "forests": (3, 4)}
    layers = {kind: _square_layer(kind, rows, kg[list(rows)], window) for kind, rows in band_of.items()}
    none = np.zeros(side * side, np.uint8)
    share = np.ones(side * side)
    finest = Cells(window, index, share, share * 10_000, kg, none, none, tenth(kg, bands), none + np.uint8(2))
    cells = {size: finest if size == 100 else coarser(finest, size // 100) for size in LEVELS}
    factors = toy_inventory(year, id, epsg).factors
    west, south, east, north = window.bounds
    e0, n0 = CORNERS[epsg]
    box = on_earth(shapely.box(west - e0, south - n0, east - e0, north - n0), epsg)
    boundary = bytes(shapely.to_wkb(box, byte_order=1))
    border = Border(np.empty(0, np.int64), Wkb.from_shapely([]))
    return Inventory(id, year, window.grid, boundary, bands, factors, (), layers, cells, border)


def _square_layer(kind: str, bands: tuple[int, ...], kg: NDArray[np.int64], window: Window) -> Layer:
    """One source a cell, one line a source and band."""
    n, k = kg.shape[1], len(bands)
    west, south = window.corners(np.arange(n, dtype=np.int64))
    line_source, line_band = np.repeat(np.arange(n), k).astype(np.int32), np.tile(bands, n).astype(np.int16)
    none = np.zeros(n * k, np.int16)
    flat = np.ascontiguousarray(kg.T).ravel()
    lines = Lines(line_source, line_band, none, none - np.int16(1), none.astype(np.float32), none.astype(float), flat)
    ptr = np.arange(n + 1, dtype=np.int64) * k
    pieces = Pieces(window, np.arange(n, dtype=np.int64), ptr, np.arange(n * k, dtype=np.int32), flat)
    shapes = Wkb.from_shapely(shapely.box(west, south, west + 100, south + 100))
    names = np.array([f"{kind}-{i}" for i in range(n)], object)
    return Layer(kind, names, shapes, np.full(n, 2, np.uint8), np.zeros(n, np.bool_), lines, pieces)
