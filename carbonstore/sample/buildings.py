# SPDX-License-Identifier: Apache-2.0
"""Buildings on plots: footprints (rectangles, L-shapes, courtyards), storeys, floor area, year of approval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.sample.layout import I64, Plots, Use
from carbonstore.sample.place import F64, Recipe

Range = tuple[float, float]


class Shape(IntEnum):
    """Outline of a footprint."""

    RECTANGLE = 0
    ANGLE = 1
    COURTYARD = 2


@dataclass(frozen=True)
class Slot:
    """One possible building of a plot: where (-1..1 of the half axes), how large (m), how tall, what for.

    ``odds``: of being built, of an L-shape, of a courtyard; ``codes``: use code of the building register -> odds.
    """

    at: tuple[float, float]
    width: Range
    depth: Range
    storeys: Range
    codes: Mapping[str, float]
    odds: tuple[float, float, float] = (1.0, 0.0, 0.0)
    share: tuple[float, float] = (0.92, 0.92)
    storey_m: float = 3.0


_SHOPS = {"04000": 0.40, "03000": 0.30, "14000": 0.15, "07000": 0.08, "13000": 0.04, "09000": 0.03}
_MIXED = {"01000": 0.50, "04000": 0.22, "03000": 0.20, "02000": 0.06, "06000": 0.02}
_TOWERS = tuple(
    Slot((s, t), (38, 52), (12, 15), (9, 22), {"02000": 1.0}, (0.8, 0.24, 0.0), (0.3, 0.3), 2.9)
    for s in (-0.66, 0.0, 0.66)
    for t in (-0.66, 0.0, 0.66)
    if (s, t) != (0.0, 0.0)
)
SLOTS: Mapping[Use, tuple[Slot, ...]] = {
    Use.APARTMENTS: (
        *_TOWERS,
        Slot((0, 0), (20, 30), (10, 13), (1, 3), {"03000": 0.8, "11000": 0.2}, share=(0.3, 0.3)),
    ),
    Use.DETACHED: (Slot((0, 0.1), (9, 14), (8, 12), (2, 4), {"01000": 0.86, "03000": 0.14}, (0.86, 0.15, 0.0)),),
    Use.COMMERCIAL: (Slot((0, 0), (22, 38), (20, 38), (2, 9), _SHOPS, (0.88, 0.1, 0.0), (0.86, 0.86), 3.8),),
    Use.OFFICE: (Slot((0, 0), (50, 80), (50, 84), (4, 11), {"14000": 1.0}, (0.95, 0.2, 0.6), (0.8, 0.8), 4.0),),
    Use.SCHOOL: (
        Slot((-0.1, 0.35), (62, 88), (38, 52), (4, 6), {"10000": 0.85, "11000": 0.15}, (1, 0.5, 0.4), (0.7, 0.5), 3.6),
        Slot((0.45, -0.45), (24, 34), (20, 26), (2, 3), {"10000": 1.0}, (0.85, 0, 0), (0.4, 0.4), 5.0),
    ),
    Use.TOWN_LOT: (Slot((0, 0), (9, 20), (9, 19), (1, 6), _MIXED, (0.92, 0.14, 0.0), (0.84, 0.84), 3.1),),
    Use.VILLAGE_LOT: (
        Slot((0, 0.1), (9, 16), (8, 14), (1, 3.4), {**_MIXED, "18000": 0.08}, (0.84, 0.12, 0.0), (0.84, 0.8)),
    ),
    Use.FARM_HOUSE: (
        Slot((-0.15, 0.25), (9, 15), (7, 10), (1, 2.3), {"01000": 1.0}, (0.96, 0.15, 0.0), (0.66, 0.5)),
        Slot((0.5, -0.62), (5, 9), (4, 6), (1, 1), {"21000": 0.5, "01000": 0.3, "18000": 0.2}, (0.3, 0, 0), (0.4, 0.3)),
    ),
    Use.BARN: (
        Slot((0, 0), (18, 30), (9, 18), (1, 1), {"21000": 0.64, "18000": 0.36}, share=(0.94, 0.9), storey_m=5.0),
    ),
    Use.FACTORY: (
        Slot((0, 0), (22, 64), (16, 44), (1, 2.6), {"17000": 0.78, "18000": 0.22}, (0.9, 0.2, 0.0), (0.84, 0.8), 5.4),
    ),
}
_YEARS: Mapping[Use, tuple[int, int]] = {
    Use.TOWN_LOT: (1964, 2024),
    Use.VILLAGE_LOT: (1958, 2024),
    Use.FARM_HOUSE: (1948, 2024),
    Use.BARN: (1979, 2024),
    Use.FACTORY: (1987, 2024),
}
"""Years of approval of the older fabric; planned quarters are built from 2011 on, one after another."""
# Corners as (x of width / 2, x of wall, y of depth / 2, y of wall): a corner is (x0 w/2 + x1 t, y0 d/2 + y1 t).
_OUTLINES: Mapping[Shape, F64] = {
    Shape.RECTANGLE: np.array([[-1, 0, -1, 0], [-1, 0, 1, 0], [1, 0, 1, 0], [1, 0, -1, 0]], float),
    Shape.ANGLE: np.array(
        [[-1, 0, -1, 0], [-1, 0, 1, 0], [-1, 1, 1, 0], [-1, 1, -1, 1], [1, 0, -1, 1], [1, 0, -1, 0]], float
    ),
}
_YARD = np.array([[-1, 1, -1, 1], [1, -1, -1, 1], [1, -1, 1, -1], [-1, 1, 1, -1]], float)


@dataclass(frozen=True)
class Buildings:
    """One row a building: true values, before the register forgets some of them.

    ``outline`` EPSG:5186; ``plot`` row of its plot; ``code`` use code; ``height_m``, ``floor_area_m2`` gross above and
    below ground; ``approved`` datetime64[D].
    """

    outline: NDArray[np.object_]
    plot: I64
    code: NDArray[np.str_]
    storeys: I64
    basements: I64
    height_m: F64
    footprint_m2: F64
    floor_area_m2: F64
    approved: NDArray[np.datetime64]

    def __len__(self) -> int:
        return len(self.plot)

    def take(self, rows: NDArray[np.bool_] | I64) -> "Buildings":
        """The buildings of a mask or of row numbers."""
        return Buildings(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class _Bodies:
    """Footprints before their outlines are drawn; all arrays (n,) but ``centre`` and ``along`` (n, 2)."""

    plot: I64
    centre: F64
    along: F64
    width: F64
    depth: F64
    shape: I64
    code: NDArray[np.str_]
    storeys: I64
    storey_m: F64


def build(plots: Plots, streets: NDArray[np.object_], recipe: Recipe) -> Buildings:
    """Buildings of every plot, without those that would overlap another one or a street axis (``streets``: lines)."""
    rng = recipe.rng("buildings")
    bodies = _join([_fill(plots, use, slot, rng) for use, slots in SLOTS.items() for slot in slots])
    outline = _draw(bodies)
    keep = _apart(outline, streets)
    return _measure(_rows(bodies, keep), outline[keep], plots, recipe, rng)


def _fill(plots: Plots, use: Use, slot: Slot, rng: np.random.Generator) -> _Bodies:
    """The buildings of one slot on all plots of one use."""
    plot = np.nonzero(plots.use == use)[0]
    plot = plot[rng.random(len(plot)) < slot.odds[0]]
    n = len(plot)
    shape = np.searchsorted(np.cumsum([1 - slot.odds[1] - slot.odds[2], *slot.odds[1:]]), rng.random(n))
    u, v = plots.u[plot], plots.v[plot]
    width, depth = _size(slot, shape, use, (np.linalg.norm(u, axis=1) * 2, np.linalg.norm(v, axis=1) * 2), rng)
    at = rng.uniform(-0.03, 0.03, (n, 2)) + slot.at
    centre = plots.centre[plot] + at[:, :1] * u + at[:, 1:] * v
    along = u / np.linalg.norm(u, axis=1, keepdims=True)
    low, high = slot.storeys
    storeys = low + (high - low) * _level(plots, plot) + rng.normal(0, 0.06 * high, n)
    code = np.array(list(slot.codes))[rng.choice(len(slot.codes), n, p=_shares(slot.codes))]
    whole = np.maximum(storeys, 1).astype(np.int64)
    return _Bodies(plot, centre, along, width, depth, shape, code, whole, np.full(n, slot.storey_m))


def _size(slot: Slot, shape: I64, use: Use, sides: tuple[F64, F64], rng: np.random.Generator) -> tuple[F64, F64]:
    """Width and depth, not more than the slot's share of the plot's sides; apartment towers with a wing are square."""
    n = len(shape)
    width = np.minimum(rng.uniform(*slot.width, n), slot.share[0] * sides[0])
    depth = np.minimum(rng.uniform(*slot.depth, n), slot.share[1] * sides[1])
    square = (shape == Shape.ANGLE) & (use is Use.APARTMENTS)
    return width, np.where(square, np.minimum(width, slot.share[1] * sides[1]), depth)


def _shares(odds: Mapping[str, float]) -> F64:
    weight = np.array(list(odds.values()))
    return np.asarray(weight / weight.sum(), np.float64)


def _level(plots: Plots, plot: I64) -> F64:
    """How tall a plot builds, 0..1: hashed from where it lies, so that the buildings of one plot agree."""
    x, y = plots.centre[plot].T
    level: F64 = np.modf(np.abs(np.sin(x * 12.9898 + y * 78.233)) * 43_758.5453)[0]
    return level


def _draw(bodies: _Bodies) -> NDArray[np.object_]:
    """Outlines as polygons, corners rounded to centimetres."""
    outline = np.empty(len(bodies.plot), object)
    for shape in Shape:
        rows = np.nonzero(bodies.shape == shape)[0]
        part = _rows(bodies, rows)
        shell = _rings(part, _OUTLINES[Shape.RECTANGLE if shape is Shape.COURTYARD else shape])
        holes = _rings(part, _YARD)[:, None] if shape is Shape.COURTYARD else None
        outline[rows] = shapely.polygons(shell, holes)
    return outline


def _rings(bodies: _Bodies, corners: F64) -> NDArray[np.object_]:
    wall = np.minimum(0.36 * np.minimum(bodies.width, bodies.depth), 16.0)
    x = corners[:, 0] * bodies.width[:, None] / 2 + corners[:, 1] * wall[:, None]
    y = corners[:, 2] * bodies.depth[:, None] / 2 + corners[:, 3] * wall[:, None]
    across = bodies.along[:, ::-1] * [-1, 1]
    xy = bodies.centre[:, None] + x[..., None] * bodies.along[:, None] + y[..., None] * across[:, None]
    return np.asarray(shapely.linearrings(np.round(xy, 2)), object)


def _apart(outline: NDArray[np.object_], streets: NDArray[np.object_]) -> I64:
    """Rows that stand clear of every earlier building (1 m) and of every street axis (6 m)."""
    free = np.ones(len(outline), bool)
    free[np.unique(shapely.STRtree(streets).query(outline, "dwithin", 6.0)[0])] = False
    pairs = shapely.STRtree(outline).query(outline, "dwithin", 1.0)
    for first, second in pairs[:, pairs[0] < pairs[1]].T[np.lexsort(pairs[:, pairs[0] < pairs[1]][::-1])]:
        free[second] &= ~free[first]
    return np.nonzero(free)[0]


def _measure(
    bodies: _Bodies, outline: NDArray[np.object_], plots: Plots, recipe: Recipe, rng: np.random.Generator
) -> Buildings:
    """Areas, heights, basements and years of the buildings that stand."""
    n = len(outline)
    area = shapely.area(outline)
    tall = bodies.storeys >= 4
    basements = np.where(tall, rng.integers(1, 4, n), (rng.random(n) < 0.05).astype(np.int64))
    height = np.round(bodies.storeys * bodies.storey_m * rng.uniform(0.96, 1.08, n) + 0.4, 2)
    floors = area * (bodies.storeys * rng.uniform(0.9, 1.0, n) + np.where(tall, 0.7, 0.9) * basements)
    approved = _approved(plots.centre, plots.use, recipe, rng)[bodies.plot]
    return Buildings(
        outline, bodies.plot, bodies.code, bodies.storeys, basements, height, area, np.round(floors, 2), approved
    )


def _approved(centre: F64, use: I64, recipe: Recipe, rng: np.random.Generator) -> NDArray[np.datetime64]:
    """Day of approval of a plot's buildings, not after the last year of the sample."""
    last = max(recipe.years) + 0.999
    x, y = centre.T
    wave = 0.5 + 0.25 * np.sin(x / 1_750) + 0.25 * np.cos(y / 1_420)
    year = 2011.2 + 12.6 * wave + rng.normal(0, 0.8, len(use))
    for kind, span in _YEARS.items():
        old = span[0] + (span[1] - span[0]) * rng.random(len(use)) ** 0.75
        year = np.where(use == kind, old, year)
    days = (np.where(year > last, last - 2.5 * rng.random(len(use)), year) - 1970) * 365.2425
    return np.asarray(np.datetime64("1970-01-01") + days.astype("timedelta64[D]"), "datetime64[D]")


def _join(parts: Sequence[_Bodies]) -> _Bodies:
    return _Bodies(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Bodies)))


def _rows(bodies: _Bodies, rows: I64) -> _Bodies:
    return _Bodies(*(getattr(bodies, f.name)[rows] for f in fields(bodies)))
