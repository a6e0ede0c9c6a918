# SPDX-License-Identifier: Apache-2.0
"""Tiles of pixels: a figure of any collection as colours, or of cells as the number itself in three bytes of a pixel.

Both show **density**, t CO2e per hectare and year, from the same whole kilograms as items and vector tiles: of cells by
their nominal hectares, of units and sources by their own (``Collection.hectare``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import UnknownName
from carbonstore.collections import tms
from carbonstore.collections.batch import Part
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.collection import Collection
from carbonstore.collections.columns import Number
from carbonstore.collections.fields import TONNES
from carbonstore.collections.shapes import in_units
from carbonstore.encode import pixels, png, raster_shapes
from carbonstore.encode.near import near
from carbonstore.encode.pixels import SIDE
from carbonstore.encode.png import Color
from carbonstore.encode.raster_shapes import Drawing
from carbonstore.encode.stamp import WARNING, stamp

STEP, BASE = 0.01, -1000.0
"""A value tile holds ``STEP * (65536 red + 256 green + blue) + BASE`` t CO2e/(ha a), alpha 0 = nothing (contract 5)."""
_LARGEST = 2**24 - 1
_CLEAR: Color = (0, 0, 0, 0)
_INK: Color = (64, 64, 64, 255)
_RIM: Color = (255, 255, 255, 255)
Ints = NDArray[np.int64]
Image = NDArray[np.uint8]
"""A palette number a pixel, (256, 256)."""
Place = tuple[str, int, int, int]
"""Tile matrix set, z, x, y."""


@dataclass(frozen=True)
class Classes:
    """Colours by class: of null, of exactly 0, and ``colors[i]`` from ``breaks[i - 1]`` up to below ``breaks[i]``.

    ``border`` is that of units.
    """

    null: Color
    zero: Color
    breaks: tuple[float, ...]
    colors: tuple[Color, ...]
    border: Color = _INK

    @property
    def palette(self) -> tuple[Color, ...]:
        """Clear, null, zero, the classes, the border, and the two colours of the stamp."""
        return (_CLEAR, self.null, self.zero, *self.colors, self.border, _INK, _RIM)


@dataclass(frozen=True)
class Found:
    """The cells under a tile: ``cell`` (256, 256) numbers them, -1 = none; ``figure`` by number in the block."""

    cell: NDArray[np.int32]
    at: Ints
    size: int
    figure: Number

    def spread[T: np.generic](self, codes: NDArray[T], nothing: int = 0) -> NDArray[T]:
        """Codes by cell as codes by pixel."""
        dense = np.full((self.size + 1, *codes.shape[1:]), nothing, codes.dtype)
        dense[self.at] = codes  # the last one, which -1 means, stays nothing
        return dense[self.cell]


def of_lines(collection: Collection) -> bool:
    """Whether its records are lines."""
    return collection.geometry_type == "MultiLineString"


def figures(collection: Collection) -> tuple[str, ...]:
    """Properties of a collection that can be drawn: those in tonnes."""
    return tuple(f.name for f in collection.fields.values() if f.unit == TONNES)


def styled(collection: Collection, place: Place, year: int | None, figure: str, classes: Classes) -> bytes:
    """A tile as a palette PNG; all clear where it holds nothing, or ``year`` is None. A synthetic one is stamped."""
    _check(collection, figure)
    image, note = np.zeros((SIDE, SIDE), np.uint8), ""
    if year is not None:
        if isinstance(collection, CellCollection):
            image = _cells(collection, place, year, figure, classes)
        else:
            image = _shapes(collection, place, year, figure, classes)
    if collection.synthetic and image.any():
        stamp(image, len(classes.palette) - 2, len(classes.palette) - 1)
        note = WARNING
    return png.indexed(image, classes.palette, note)


def _cells(collection: CellCollection, place: Place, year: int, figure: str, classes: Classes) -> Image:
    """Palette numbers of the cells under a tile."""
    found = _found(collection, place, year, figure)
    if found is None:
        return np.zeros((SIDE, SIDE), np.uint8)
    hectares = collection.level * collection.level / 10_000
    return found.spread(_classes(found.figure, found.figure.values / hectares, classes.breaks))


def _shapes(collection: Collection, place: Place, year: int, figure: str, classes: Classes) -> Image:
    """Palette numbers of units, with their borders; of roads, by lines; of other sources, with their own edges."""
    tiles, (z, x, y) = tms.named(place[0]), place[1:]
    bounds, pixel = tiles.bounds(z, x, y), tiles.side / (1 << z) / SIDE
    rows, geometry = near(collection, year, tiles.crs, bounds, raster_shapes.WIDTH * pixel)
    drawing = Drawing.of(in_units(geometry, bounds[0], bounds[3], pixel))
    value, (size, hectare) = _column(collection, year, rows, figure), collection.hectare
    with np.errstate(divide="ignore", invalid="ignore"):
        density = value.values * hectare / _column(collection, year, rows, size).values
    codes = _classes(value, density, classes.breaks)
    if not of_lines(collection):
        drawing.fill(codes)
    drawing.trace(np.full_like(codes, 3 + len(classes.colors)) if collection.few else codes)
    return drawing.image


def _column(collection: Collection, year: int, rows: Ints, name: str) -> Number:
    """A property of some rows."""
    batch = collection.batch([Part(year, rows, slice(0, len(rows)))], len(rows), len(rows))
    column = batch.column(name)
    assert isinstance(column, Number)
    return column


def _check(collection: Collection, figure: str) -> None:
    """UnknownName for what is no figure of a collection."""
    if figure not in figures(collection):
        raise UnknownName(figure, figures(collection), kind="figure", where="properties")


def values(collection: CellCollection, place: Place, year: int | None, figure: str) -> bytes:
    """A tile whose pixels are the figure itself, clear where it is null or no cell lies; clamped to what fits."""
    _check(collection, figure)
    found = None if year is None else _found(collection, place, year, figure)
    if found is None:
        return png.indexed(np.zeros((SIDE, SIDE), np.uint8), [_CLEAR])
    image = found.spread(_bytes(found.figure, collection.level))
    return png.rgba(image, WARNING if collection.synthetic else "")


def _found(collection: CellCollection, place: Place, year: int, figure: str) -> Found | None:
    """The cells of a year under a tile with one figure; None without any."""
    stored = collection.stored(year)
    under = pixels.under_tile(stored.window, tms.named(place[0]), *place[1:])
    if under is None:
        return None
    row0, row1, col0, col1 = under.block
    rows = stored.rows_in(under.block)
    row, col = np.divmod(stored.index[rows], stored.window.ncol)
    at = (row - row0) * (col1 - col0) + col - col0
    return Found(under.cell, at, (row1 - row0) * (col1 - col0), _column(collection, year, rows, figure))


def _classes(figure: Number, density: NDArray[np.float64], breaks: Sequence[float]) -> NDArray[np.uint8]:
    """Palette numbers: 1 null, 2 zero, from 3 on the class of the density, in the doubles that map clients divide."""
    number = 3 + np.searchsorted(np.array(breaks, np.float64), density, side="right")
    return np.where(figure.null, 1, np.where(figure.scaled == 0, 2, number)).astype(np.uint8)


def _bytes(figure: Number, level: int) -> NDArray[np.uint8]:
    """Red, green, blue, alpha of every cell, uint8 (n, 4): steps of density counted from BASE, halves upwards."""
    # kilograms / 1000 / (level**2 / 10000) / STEP = 1000 kilograms / level**2
    steps = (2000 * figure.scaled + level * level) // (2 * level * level) - round(BASE / STEP)
    word = np.clip(steps, 0, _LARGEST)
    out = np.stack([word >> 16, word >> 8 & 255, word & 255, np.full_like(word, 255)], axis=1)
    out[figure.null] = 0
    return out.astype(np.uint8)
