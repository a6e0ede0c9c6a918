# SPDX-License-Identifier: Apache-2.0
"""Where people live and work: street lattices with their blocks, cut into plots, and hamlets between the hills."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.sample.place import F64, Frame, Recipe
from carbonstore.sample.terrain import Terrain

I64 = NDArray[np.int64]


class Use(IntEnum):
    """What a plot is for."""

    APARTMENTS = 0
    DETACHED = 1
    COMMERCIAL = 2
    OFFICE = 3
    SCHOOL = 4
    TOWN_LOT = 5
    VILLAGE_LOT = 6
    FARM_HOUSE = 7
    BARN = 8
    FACTORY = 9
    EMPTY = 10


@dataclass(frozen=True)
class Plots:
    """Parallelograms: ``centre`` and half axes ``u``, ``v``, each (n, 2) in metres, and their ``use``."""

    centre: F64
    u: F64
    v: F64
    use: I64

    def __len__(self) -> int:
        return len(self.use)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """All plots one after another."""
        return cls(
            np.concatenate([p.centre for p in parts]),
            np.concatenate([p.u for p in parts]),
            np.concatenate([p.v for p in parts]),
            np.concatenate([p.use for p in parts]),
        )

    def take(self, keep: NDArray[np.bool_] | I64) -> "Plots":
        """The plots of a mask or of row numbers."""
        return Plots(self.centre[keep], self.u[keep], self.v[keep], self.use[keep])

    def split(self, columns: int, rows: int, gap: float = 0.93) -> "Plots":
        """Each plot cut into ``columns`` x ``rows`` smaller ones, shrunk by ``gap`` for the lanes between them."""
        s, t = (axis.ravel() for axis in np.meshgrid(_middles(columns), _middles(rows)))
        centre = self.centre[:, None] + s[:, None] * self.u[:, None] + t[:, None] * self.v[:, None]
        n = len(s)
        return Plots(
            centre.reshape(-1, 2),
            np.repeat(self.u * gap / columns, n, 0),
            np.repeat(self.v * gap / rows, n, 0),
            np.repeat(self.use, n),
        )


@dataclass(frozen=True)
class Streets:
    """A lattice's streets: ``nodes`` (n, 2); ``edges`` (m, 2) node rows; ``main`` marks the wide ones."""

    nodes: F64
    edges: I64
    main: NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """Plots of a place, the street lattices between them, and the centres of its hamlets (n, 2)."""

    plots: Plots
    streets: tuple[Streets, ...]
    hamlets: F64


@dataclass(frozen=True)
class Lattice:
    """Warped street lattice: ``nodes`` (columns, rows, 2)."""

    nodes: F64

    @classmethod
    def draw(cls, centre: F64, half: F64, block: tuple[float, float], angle: float, warp: float) -> Self:
        """Lattice of blocks around a centre reaching ``half`` = (m, m); streets swing by ``warp`` metres."""
        s, t = (np.arange(-int(h // b) - 1, int(h // b) + 2) * b for h, b in zip(half, block, strict=True))
        x, y = np.meshgrid(s, t, indexing="ij")
        swing = np.array([np.sin(y / 640 + 0.7) + np.sin(x / 910), np.sin(x / 720 + 0.4) + np.sin(y / 1_050)])
        x, y = np.array([x, y]) + warp * swing
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return cls(centre + np.stack([x, y], -1) @ turn)

    def blocks(self, gap: float) -> Plots:
        """Every block as a plot, shrunk by ``gap`` (m) for half a street on each side."""
        a, b, c, d = self.nodes[:-1, :-1], self.nodes[1:, :-1], self.nodes[:-1, 1:], self.nodes[1:, 1:]
        u, v = (b - a + d - c) / 4, (c - a + d - b) / 4
        middle = ((a + b + c + d) / 4).reshape(-1, 2)
        return Plots(middle, _shorter(u, gap), _shorter(v, gap), np.zeros(len(middle), np.int64))

    def streets(self, present: NDArray[np.bool_], every: int) -> Streets:
        """Streets around the present blocks; each ``every``-th line is a main street."""
        columns, rows = self.nodes.shape[:2]
        inside = np.zeros((columns + 1, rows + 1), bool)
        inside[1:-1, 1:-1] = present.reshape(columns - 1, rows - 1)
        index = np.arange(columns * rows).reshape(columns, rows)
        along = inside[1:-1, :-1] | inside[1:-1, 1:]
        across = inside[:-1, 1:-1] | inside[1:, 1:-1]
        i, j = np.nonzero(along)
        k, m = np.nonzero(across)
        edges = np.concatenate(
            [np.stack([index[i, j], index[i + 1, j]], 1), np.stack([index[k, m], index[k, m + 1]], 1)]
        )
        used, edges = np.unique(edges, return_inverse=True)
        main = np.concatenate([j % every == 0, k % every == 0])
        return Streets(self.nodes.reshape(-1, 2)[used], edges.reshape(-1, 2), main)


@dataclass(frozen=True)
class _Patch:
    """A town, a township's seat or an estate: size of its blocks, radius (m) and what its lots are for."""

    block: tuple[float, float]
    radius: float
    use: Use


def lay_out(frame: Frame, terrain: Terrain, recipe: Recipe) -> Layout:
    """Plan a place: quarters, towns, seats of townships, industrial estates, hamlets."""
    place, rng = recipe.place, recipe.rng("layout")
    plots, streets = [], []
    if place.urban:
        plan = _quarters(frame, terrain, recipe, rng)
        plots.append(plan[0])
        streets.append(plan[1])
    taken, ground = frame.area(place.urban), shapely.buffer(frame.boundary, 60)
    for codes, patch in (
        (place.towns, _Patch(recipe.town_block, recipe.town_radius, Use.TOWN_LOT)),
        (place.seats, _Patch(recipe.town_block, recipe.seat_radius, Use.VILLAGE_LOT)),
        (place.estates, _Patch(recipe.estate_block, recipe.estate_radius, Use.FACTORY)),
    ):
        for centre in frame.centres(codes):
            plan = _cluster(centre, patch, terrain, shapely.difference(ground, taken), rng)
            plots.append(plan[0])
            streets.append(plan[1])
            taken = shapely.union(taken, shapely.buffer(shapely.points(centre), patch.radius * 1.5))
    hamlets = _hamlet_centres(frame, terrain, recipe, taken, rng)
    plots.append(_hamlet_plots(hamlets, recipe, rng))
    plots.append(_border_plots(frame, rng))
    return Layout(Plots.join(plots), tuple(s for s in streets if len(s.edges)), hamlets)


_QUARTER_USES = (Use.APARTMENTS, Use.DETACHED, Use.COMMERCIAL, Use.OFFICE, Use.SCHOOL, Use.EMPTY)
_QUARTER_ODDS = np.array([[0.38, 0.03, 0.02, 0.01, 0.07, 0.49], [0.22, 0.01, 0.24, 0.10, 0.04, 0.39]])
"""Odds of each use at the edge of a quarter (first row) and in its centre."""
_SPLIT = {Use.DETACHED: (6, 4), Use.COMMERCIAL: (4, 2), Use.OFFICE: (2, 1)}


def _quarters(frame: Frame, terrain: Terrain, recipe: Recipe, rng: np.random.Generator) -> tuple[Plots, Streets]:
    """The planned quarters: one lattice over all of them, uses by distance to the middle of the quarter."""
    area = frame.area(recipe.place.urban)
    west, south, east, north = shapely.bounds(area)
    centre, half = np.array([west + east, south + north]) / 2, np.full(2, np.hypot(east - west, north - south) / 2)
    lattice = Lattice.draw(centre, half, recipe.urban_block, recipe.place.street_bearing, 46.0)
    blocks = lattice.blocks(11.0)
    present = shapely.contains_xy(shapely.buffer(area, -20), blocks.centre[:, 0], blocks.centre[:, 1])
    present &= (terrain.above_tree_line(blocks.centre) < 0) & (terrain.river_distance(blocks.centre) > 330)
    kept = blocks.take(present)
    middles = frame.centres(recipe.place.urban)
    near = np.exp(-((np.linalg.norm(kept.centre[:, None] - middles, axis=2).min(1) / 420) ** 2))[:, None]
    odds = np.cumsum((1 - near) * _QUARTER_ODDS[0] + near * _QUARTER_ODDS[1], 1)
    use = np.array(_QUARTER_USES)[(rng.random((len(kept), 1)) > odds).sum(1).clip(max=len(_QUARTER_USES) - 1)]
    return _subdivide(Plots(kept.centre, kept.u, kept.v, use)), lattice.streets(present, 4)


def _subdivide(blocks: Plots) -> Plots:
    """Blocks of many owners cut into plots; the others stay whole; empty ones vanish."""
    whole = blocks.take(~np.isin(blocks.use, [*_SPLIT, Use.EMPTY]))
    return Plots.join([whole, *(blocks.take(blocks.use == use).split(*cut) for use, cut in _SPLIT.items())])


def _cluster(
    centre: F64, patch: _Patch, terrain: Terrain, ground: Any, rng: np.random.Generator
) -> tuple[Plots, Streets]:
    """A ragged patch of blocks on the free ``ground`` around a centre."""
    half, use = np.full(2, patch.radius * 1.5), patch.use
    lattice = Lattice.draw(centre, half, patch.block, rng.uniform(0, 1.5), 0.1 * patch.block[1])
    blocks = lattice.blocks(5.0)
    x, y = (blocks.centre - centre).T
    bearing = np.arctan2(y, x)
    away = (
        np.hypot(x, y) / patch.radius / (1 + 0.3 * np.sin(2 * bearing + rng.uniform(0, 6)) + 0.2 * np.sin(3 * bearing))
    )
    present = (rng.random(len(blocks)) < 0.97 * np.exp(-(away**6))) & (terrain.above_tree_line(blocks.centre) < 0.1)
    present &= shapely.contains_xy(ground, *blocks.centre.T)
    present &= terrain.river_distance(blocks.centre) > 330
    uses = np.full(len(blocks), use)
    if use is Use.TOWN_LOT:
        draw = rng.random(len(blocks))
        uses[(draw < 0.28) & (away > 0.45)] = Use.APARTMENTS
        uses[draw > 0.965] = Use.SCHOOL
    kept = Plots(blocks.centre, blocks.u, blocks.v, uses).take(present)
    lots = kept.take(kept.use == use)
    lots = lots.split(2, 2) if use is Use.FACTORY else lots.split(4, 3)
    lots = lots.take(rng.random(len(lots)) < 0.72)
    return Plots.join([kept.take(kept.use != use), lots]), lattice.streets(present, 3)


def _hamlet_centres(frame: Frame, terrain: Terrain, recipe: Recipe, taken: Any, rng: np.random.Generator) -> F64:
    """Low ground, at least half a kilometre apart, away from rivers, towns and estates."""
    west, south, east, north = shapely.bounds(frame.boundary)
    n = int(40 * recipe.hamlets_per_km2 * frame.boundary.area / 1e6)
    xy = rng.uniform([west, south], [east, north], (n, 2))
    rise = terrain.above_tree_line(xy)
    shapely.prepare(taken)
    fit = shapely.contains_xy(shapely.buffer(frame.boundary, -150), xy[:, 0], xy[:, 1])
    fit &= ~shapely.intersects_xy(taken, xy[:, 0], xy[:, 1])
    fit &= (terrain.river_distance(xy) > 400) & (rise < -0.05) & (rise > -2.2)
    xy = xy[fit]
    return xy[_spaced(xy, 520.0)][: int(recipe.hamlets_per_km2 * frame.boundary.area / 1e6)]


def _spaced(xy: F64, distance: float) -> I64:
    """Rows kept so that no two are closer than ``distance``; earlier rows win."""
    points = np.asarray(shapely.points(xy), object)
    pairs = np.sort(shapely.STRtree(points).query(points, "dwithin", distance), 0)
    free = np.ones(len(xy), bool)
    for first, second in np.unique(pairs[:, pairs[0] < pairs[1]], axis=1).T:
        free[second] &= ~free[first]
    return np.nonzero(free)[0]


def _hamlet_plots(centres: F64, recipe: Recipe, rng: np.random.Generator) -> Plots:
    """House plots on a small lattice around each centre, thinning outwards; some outer ones are barns or workshops."""
    n = len(centres)
    i, j = (axis.ravel() for axis in np.meshgrid(np.arange(-4, 5), np.arange(-4, 5)))
    angle, reach = rng.uniform(0, np.pi, (n, 1)), rng.uniform(48, 135, (n, 1))
    size = np.array(recipe.house_plot)
    u = np.stack([np.cos(angle), np.sin(angle)], -1) * size[0]
    v = np.stack([-np.sin(angle), np.cos(angle)], -1) * size[1]
    offset = i[:, None] * u + j[:, None] * v
    away = np.linalg.norm(offset, axis=2) / reach
    draw, kind = rng.random(away.shape), rng.random(away.shape)
    keep = draw < 0.8 * np.exp(-(away**2))
    use = np.where((kind < 0.22) & (away > 0.7), Use.BARN, Use.FARM_HOUSE)
    use = np.where((kind > 0.94) & (away > 0.7), Use.FACTORY, use)
    half = [np.broadcast_to(axis * 0.46, offset.shape)[keep] for axis in (u, v)]
    return Plots((centres[:, None] + offset)[keep], half[0], half[1], use[keep])


def _border_plots(frame: Frame, rng: np.random.Generator) -> Plots:
    """A few barns and workshops on the boundary and just outside it, as a generalised outline meets real data."""
    outline = shapely.boundary(frame.boundary)
    at = rng.uniform(0, 1, 48)
    points = shapely.get_coordinates(shapely.line_interpolate_point(outline, at, normalized=True))
    points += rng.normal(0, 1, points.shape) * np.where(np.arange(48) < 24, 4.0, 160.0)[:, None]
    angle = rng.uniform(0, np.pi, (48, 1))
    u, v = np.hstack([np.cos(angle), np.sin(angle)]) * 24, np.hstack([-np.sin(angle), np.cos(angle)]) * 18
    return Plots(points, u, v, np.where(rng.random(48) < 0.5, Use.BARN, Use.FACTORY))


def _shorter(axis: F64, gap: float) -> F64:
    """Half axes (…, 2) shortened by ``gap`` metres, as (n, 2)."""
    return (axis * (1 - gap / np.linalg.norm(axis, axis=-1, keepdims=True))).reshape(-1, 2)


def _middles(n: int) -> F64:
    """Middles of ``n`` equal parts of [-1, 1]."""
    return (np.arange(n) * 2 + 1) / n - 1
