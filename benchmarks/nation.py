# SPDX-License-Identifier: Apache-2.0
"""A drawn nation for benchmarks: 10 million cells of 100 m and 7.2 million buildings, published as a release."""

from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.coverage import parts
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Border, Cells, FactorRow, Inventory, Layer, Lines
from carbongrid.pieces import cell_sums, pieces
from carbonstore.releases import edition
from carbonstore.releases.release import write
from tests.toy import CORNERS, HOUSE_1, HOUSE_2, coarser, on_earth, toy_publication

ID, SIDE, BUILDINGS = "nation", 3200, 7_200_000
WEST, NORTH = 800_000, 2_100_000
"""Upper left corner of the square in EPSG:5179."""
BANDS = (HOUSE_1, HOUSE_2)


def nation(share: float = 1.0) -> Inventory:
    """A square of cells with buildings of 6 to 24 m anywhere in it; ``share`` of its cells and of its buildings."""
    side = max(100, round(SIDE * share**0.5 / 100) * 100)
    window = Window(Grid(5179, 100), WEST // 100, NORTH // 100, side, side)
    layer = _buildings(window, round(BUILDINGS * share))
    index = np.arange(side * side, dtype=np.int64)
    kg = np.zeros((len(BANDS), side * side), np.int64)
    kg[:, layer.pieces.cells] = cell_sums(layer.pieces, layer.lines.band, len(BANDS))
    none, one = np.zeros(side * side, np.uint8), np.ones(side * side)
    u95 = np.zeros((3, side * side), np.int64)
    finest = Cells(window, index, one, one * 10_000, kg, none, none, u95, none + np.uint8(2))
    cells = {100: finest} | {size: coarser(finest, size // 100) for size in (500, 1000, 5000, 10_000)}
    factors = (FactorRow("grid", "grid", 5.0, "official", "drawn"), FactorRow("fuel", "fuel", 3.0, "official", "drawn"))
    east, north = CORNERS[5179]
    west, south, right, top = window.bounds
    outline = on_earth(shapely.box(west - east, south - north, right - east, top - north), 5179)
    boundary = bytes(shapely.to_wkb(outline, byte_order=1))
    border = Border(np.empty(0, np.int64), Wkb.from_shapely([]))
    return Inventory(ID, 2023, window.grid, boundary, BANDS, factors, (), {layer.kind: layer}, cells, border)


def _buildings(window: Window, n: int) -> Layer:
    """Squares anywhere in a window, each with a line in both bands."""
    rng = np.random.default_rng(5)
    west, south, east, north = window.bounds
    half = rng.uniform(3, 12, n)
    x, y = rng.uniform(west + 12, east - 12, n), rng.uniform(south + 12, north - 12, n)
    wkb, k = _squares(x, y, half), len(BANDS)
    kg = rng.lognormal(8, 1, n * k).astype(np.int64) + 1
    source, band = np.repeat(np.arange(n, dtype=np.int32), k), np.tile(np.arange(k, dtype=np.int16), n)
    none = np.full(n * k, -1, np.int16)
    lines = Lines(source, band, band, none, np.full(n * k, 20, np.float32), np.ones(n * k), kg)
    split = pieces(parts(wkb, window), source, kg, window)
    names = np.arange(n).astype(str).astype(object)
    return Layer("buildings", names, wkb, np.full(n, 2, np.uint8), np.zeros(n, np.bool_), lines, split)


def _squares(x: NDArray[np.float64], y: NDArray[np.float64], half: NDArray[np.float64]) -> Wkb:
    """Squares as WKB, without an object each."""
    one = np.dtype([("head", "<u1"), ("kind", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))])
    out = np.zeros(len(x), one)
    out["head"], out["kind"], out["rings"], out["points"] = 1, 3, 1, 5
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)], np.float64)
    out["xy"] = np.stack([x, y], axis=1)[:, None, :] + half[:, None, None] * corners
    return Wkb(out.view(np.uint8).reshape(-1), np.arange(len(x) + 1, dtype=np.int64) * one.itemsize)


def published(root: Path, share: float = 1.0) -> Inventory:
    """Write and publish the nation below a folder."""
    made = nation(share)
    write(made, toy_publication(made), root)
    edition.publish(root, ID)
    return made
