# SPDX-License-Identifier: Apache-2.0
"""The toy city: 36 cells of 100 m, four buildings, two roads, one stand; every sum can be done by eye.

It stands across a corner of the 500 m and 1 km lattices, so no level is trivial. Distances below are metres east and
north of that corner, the point (0, 0). Columns run from -300 to 250: the last one is cut in half by the boundary. Rows
run from -200 to 400.

    kg of 2023            whole      by cell
    house                 1500       1500  in (-300..-200, -200..-100): 1000 of scope 2, 500 of scope 1
    shop                   999       500 + 499 of scope 2 in two cells side by side
    hall                    10       3 + 3 + 2 + 2 of scope 2 around (0, 0)
    shed                     -       no estimate is possible: buildings are incomplete in its cell
    east road             5000       900 + 1000 + 1000 + 1000 + 1000 + 100 of CO2 in the row -200..-100; and 50 of CH4
    north road            4000       4 x 1000 of CO2 in the column 0..100, rows -100..300
    stand            4001 - 1000     growth 1001 + 3 x 1000, loss 4 x 250

Forest is covered only north of -50: null in the row -200..-100, incomplete in -100..0. 2022 has twice the kilograms of
2023.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Geod, Transformer

from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Activity, Border, Cells, FactorRow, Inventory, Layer, Lines, Pieces
from carbongrid.sectors import FIGURES, INTERVALS, Band, bit, weights
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Snapshot
from carbonstore.releases.release import Publication, Release, write

CORNERS = {5179: (985_000, 1_835_000), 32642: (565_000, 4_435_000)}
"""The toy's point (0, 0) by EPSG code, near Sejong and near Jizzakh, in the middle of a 10 km cell."""
LEVELS = (100, 500, 1_000, 5_000, 10_000)
WEST, SOUTH, EAST, NORTH = -300, -200, 250, 400

HOUSE_2 = Band("buildings", "residential", 2, "co2e_unsplit")
HOUSE_1 = Band("buildings", "residential", 1, "co2")
SHOP = Band("buildings", "commercial", 2, "co2e_unsplit")
ROAD = Band("transport", "road", 1, "co2")
METHANE = Band("transport", "road", 1, "ch4")
GROWTH = Band("forest", "growth", 1, "co2")
LOSS = Band("forest", "loss", 1, "co2")
BANDS = tuple(sorted((HOUSE_1, HOUSE_2, SHOP, ROAD, METHANE, GROWTH, LOSS)))

Split = Mapping[tuple[int, int], int]
"""Kilograms of one line by the cell whose south-west corner this is."""

BUILDINGS: dict[str, tuple[shapely.Geometry, dict[Band, Split]]] = {
    "house": (
        shapely.box(-260, -170, -240, -150),
        {HOUSE_1: {(-300, -200): 500}, HOUSE_2: {(-300, -200): 1000}},
    ),
    "shop": (shapely.box(-120, 110, -80, 140), {SHOP: {(-200, 100): 500, (-100, 100): 499}}),
    "hall": (shapely.box(-5, -5, 5, 5), {SHOP: {(-100, 0): 3, (0, 0): 3, (-100, -100): 2, (0, -100): 2}}),
    "shed": (shapely.box(120, 320, 130, 330), {}),
}
ROADS: dict[str, tuple[shapely.Geometry, dict[Band, Split]]] = {
    "east": (
        shapely.LineString([(-290, -150), (210, -150)]),
        {
            METHANE: {(-300, -200): 10, (-200, -200): 10, (-100, -200): 10, (0, -200): 10, (100, -200): 10},
            ROAD: {(-300, -200): 900, (200, -200): 100} | {(e, -200): 1000 for e in (-200, -100, 0, 100)},
        },
    ),
    "north": (shapely.LineString([(50, -100), (50, 300)]), {ROAD: {(0, n): 1000 for n in (-100, 0, 100, 200)}}),
}
FORESTS: dict[str, tuple[shapely.Geometry, dict[Band, Split]]] = {
    "stand": (
        shapely.box(-280, 220, -120, 380),
        {
            GROWTH: {(-300, 300): 1001, (-200, 300): 1000, (-300, 200): 1000, (-200, 200): 1000},
            LOSS: {(-300, 300): 250, (-200, 300): 250, (-300, 200): 250, (-200, 200): 250},
        },
    ),
}
KINDS = {"buildings": BUILDINGS, "roads": ROADS, "forests": FORESTS}
KG = {HOUSE_1: 500, HOUSE_2: 1000, SHOP: 1009, ROAD: 9000, METHANE: 50, GROWTH: 4001, LOSS: 1000}
"""Kilograms of 2023 by band, as in the table above."""


def toy_inventory(year: int = 2023, id: str = "toy", epsg: int = 5179, scale: int = 1) -> Inventory:
    """The toy city of one year, ``scale`` times the table's kilograms; 2022 has twice those of any other year."""
    return scaled(_toy(year, id, epsg), scale * (2 if year == 2022 else 1))


def scaled(inventory: Inventory, scale: int) -> Inventory:
    """The same inventory with ``scale`` times the kilograms, half-widths included."""
    layers = {
        kind: replace(
            layer,
            lines=replace(layer.lines, kg=layer.lines.kg * scale),
            pieces=replace(layer.pieces, kg=layer.pieces.kg * scale),
        )
        for kind, layer in inventory.layers.items()
    }
    cells = {size: replace(c, kg=c.kg * scale, u95=c.u95 * scale) for size, c in inventory.cells.items()}
    return replace(inventory, layers=layers, cells=cells)


@lru_cache(maxsize=16)
def _toy(year: int, id: str, epsg: int) -> Inventory:
    window = toy_window(epsg)
    layers = {kind: _layer(kind, sources, window) for kind, sources in KINDS.items()}
    finest = _finest(window, layers)
    cells = {size: finest if size == 100 else coarser(finest, size // 100) for size in LEVELS}
    factors = (
        FactorRow("grid", "grid", 5.0, "official", "toy"),
        FactorRow("fuel", "fuel", 3.0, "official", "toy"),
        FactorRow("wood", "wood", 30.0, "placeholder", "toy"),
    )
    rows = (Activity("aadt", 20.0, "default", "toy"),)
    boundary = shapely.to_wkb(on_earth(shapely.box(WEST, SOUTH, EAST, NORTH), epsg), byte_order=1)
    return Inventory(id, year, window.grid, bytes(boundary), BANDS, factors, rows, layers, cells, _border(window, epsg))


def toy_window(epsg: int = 5179) -> Window:
    """The 10 km square of 100 m cells around the toy city."""
    east, north = CORNERS[epsg]
    return Window(Grid(epsg, 100), (east - 5000) // 100, (north + 5000) // 100, 100, 100)


def toy_cell(east: int, north: int, epsg: int = 5179) -> str:
    """Code of the 100 m cell whose south-west corner lies this far from (0, 0)."""
    e0, n0 = CORNERS[epsg]
    return f"CRS{epsg}RES100mN{n0 + north}E{e0 + east}"


def of_cells(snapshot: Snapshot) -> tuple[CellCollection, ...]:
    """The collections of cells among those published."""
    return tuple(c for c in snapshot.collections.values() if isinstance(c, CellCollection))


def toy_publication(
    inventory: Inventory, synthetic: bool = True, levels: Sequence[int] = (100, 500, 1000)
) -> Publication:
    """What is said about the toy city."""
    epsg = inventory.grid.epsg
    city = shapely.box(WEST, SOUTH, EAST, NORTH)
    covered = {"buildings": city, "transport": city, "forest": shapely.box(WEST, -50, EAST, NORTH)}
    return Publication(
        title={"ko": "장난감 도시", "en": "Toy city"},
        country="kor" if epsg == 5179 else "uzb",
        licences=(("CC0-1.0", "Carbongrid toy city"),),
        synthetic=synthetic,
        notes=({"ko": "시험용 도시입니다.", "en": "A city for tests."},),
        levels=tuple(levels),
        coverage={s: bytes(shapely.to_wkb(on_earth(g, epsg), byte_order=1)) for s, g in covered.items()},
        inputs={"toy.txt": "0" * 64},
        u95=_whole_u95(inventory),
        report={"summary": {"buildings": {"read": 4, "used": 4, "rejected": {}}}},
    )


def toy_store(
    root: Path, years: Sequence[int] = (2022, 2023), id: str = "toy", epsg: int = 5179, synthetic: bool = True
) -> list[Release]:
    """Write a release of each year below ``root`` and publish them as one edition."""
    inventories = [toy_inventory(year, id, epsg) for year in years]
    releases = [write(i, toy_publication(i, synthetic), root) for i in inventories]
    edition.publish(root, id)
    return releases


def on_earth(shape: shapely.Geometry, epsg: int) -> shapely.Geometry:
    """A shape in toy metres as CRS84, corner by corner."""
    to = Transformer.from_crs(f"EPSG:{epsg}", "OGC:CRS84", always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(to.transform(*(xy + CORNERS[epsg]).T)))


def _index(window: Window, corner: tuple[int, int]) -> int:
    east, north = CORNERS[window.grid.epsg]
    index = window.index(window.grid.cell_at(east + corner[0], north + corner[1]))
    assert index is not None
    return index


def _layer(kind: str, sources: Mapping[str, tuple[shapely.Geometry, dict[Band, Split]]], window: Window) -> Layer:
    lines = [(s, band, split) for s, (_, bands) in enumerate(sources.values()) for band, split in sorted(bands.items())]
    shapes = [shapely.transform(g, lambda xy: xy + CORNERS[window.grid.epsg]) for g, _ in sources.values()]
    number = {"buildings": 0, "roads": 1, "forests": 2}[kind]
    return Layer(
        kind,
        np.array(list(sources), object),
        Wkb.from_shapely(shapes),
        np.full(len(sources), 2, np.uint8),
        np.zeros(len(sources), np.bool_),
        Lines(
            np.array([s for s, _, _ in lines], np.int32),
            np.array([BANDS.index(b) for _, b, _ in lines], np.int16),
            np.full(len(lines), number, np.int16),
            np.full(len(lines), 0 if kind == "roads" else -1, np.int16),
            np.full(len(lines), 10, np.float32),
            np.ones(len(lines)),
            np.array([sum(split.values()) for _, _, split in lines], np.int64),
        ),
        _pieces([split for _, _, split in lines], window),
    )


def _pieces(splits: Sequence[Split], window: Window) -> Pieces:
    flat = sorted((_index(window, cell), line, kg) for line, split in enumerate(splits) for cell, kg in split.items())
    cell, line, kg = (np.array(column) for column in zip(*flat, strict=True))
    cells, start = np.unique(cell, return_index=True)
    return Pieces(window, cells, np.append(start, len(cell)).astype(np.int64), line.astype(np.int32), kg)


def _finest(window: Window, layers: Mapping[str, Layer]) -> Cells:
    corner = [(e, n) for n in range(NORTH - 100, SOUTH - 1, -100) for e in range(WEST, EAST, 100)]
    index = np.array([_index(window, c) for c in corner], np.int64)
    kg = np.zeros((len(BANDS), len(index)), np.int64)
    for layer in layers.values():
        owner = np.repeat(np.searchsorted(index, layer.pieces.cells), np.diff(layer.pieces.ptr))
        np.add.at(kg, (layer.lines.band[layer.pieces.line], owner), layer.pieces.kg)
    share = np.array([0.5 if e == 200 else 1.0 for e, _ in corner])
    null = np.array([bit("forest") if n == -200 else 0 for _, n in corner], np.uint8)
    incomplete = np.array([bit("forest") if n in (-200, -100) else 0 for _, n in corner], np.uint8)
    incomplete[corner.index((100, 300))] |= bit("buildings")
    quality = np.where(kg.any(axis=0), 2, 3).astype(np.uint8)
    return Cells(window, index, share, _areas(window, index, share), kg, null, incomplete, tenth(kg), quality)


def _areas(window: Window, index: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Geodesic area of each cell's quadrilateral times its share, to 0.1 m2."""
    west, south = window.corners(index)
    to, geod = Transformer.from_crs(window.grid.crs, "OGC:CRS84", always_xy=True), Geod(ellps="WGS84")
    rings = [to.transform([w, w + 100, w + 100, w], [s, s, s + 100, s + 100]) for w, s in zip(west, south, strict=True)]
    return np.round(np.array([geod.polygon_area_perimeter(*ring)[0] for ring in rings]) * share, 1)


def tenth(kg: NDArray[np.int64], bands: tuple[Band, ...] = BANDS) -> NDArray[np.int64]:
    """A tenth of each figure of INTERVALS: no method, a number one can check."""
    rows = [[f.name for f in FIGURES].index(name) for name in INTERVALS]
    return np.abs(weights(bands)[rows] @ kg) // 10


def _whole_u95(inventory: Inventory) -> dict[str, int]:
    whole = tenth(inventory.cells[100].kg.sum(axis=1, keepdims=True), inventory.bands)
    return {name: int(v[0]) for name, v in zip(INTERVALS, whole, strict=True)}


def coarser(cells: Cells, factor: int) -> Cells:
    """Roll-up by factor x factor cells."""
    parent = cells.window.parents(cells.index, factor)
    index, at = np.unique(parent, return_inverse=True)
    order = np.argsort(at, kind="stable")
    first = np.searchsorted(at[order], np.arange(len(index)))
    kg = np.add.reduceat(cells.kg[:, order], first, axis=1)
    half = np.add.reduceat(cells.u95[:, order], first, axis=1)
    return Cells(
        cells.window.coarsen(factor),
        index,
        np.add.reduceat(cells.share[order], first) / factor**2,
        np.round(np.add.reduceat(cells.area_m2[order], first), 1),
        kg,
        np.bitwise_and.reduceat(cells.null[order], first),
        np.bitwise_or.reduceat(cells.incomplete[order], first),
        half,
        np.minimum.reduceat(cells.quality[order], first),
    )


def _border(window: Window, epsg: int) -> Border:
    east, north = CORNERS[epsg]
    corners = [(200, n) for n in range(NORTH - 100, SOUTH - 1, -100)]
    halves: list[shapely.Geometry] = [
        shapely.box(east + e, north + n, east + EAST, north + n + 100) for e, n in corners
    ]
    return Border(np.array([_index(window, c) for c in corners], np.int64), Wkb.from_shapely(halves))
