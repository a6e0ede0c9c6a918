# SPDX-License-Identifier: Apache-2.0
"""Forest stands as the 1:5000 stand map (임상도) holds them: a mosaic without overlaps, non-forest codes among them.

Stands are Voronoi cells whose edges wander. An edge may wander only inside the kite between its two ends and its two
sites; the kites of a Voronoi diagram do not overlap, so neither do the stands.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Voronoi, cKDTree

from carbonstore.sample.layout import I64
from carbonstore.sample.place import F64, Frame, Recipe
from carbonstore.sample.shapefile import Column
from carbonstore.sample.terrain import Terrain

_BENDS = 7
"""Points on an edge, its two ends not counted."""
_SWING = 0.3
_ROOM = 70.0
"""Trees keep this far from buildings, m."""
_MARGIN = 900.0
_DRAWN_ODDS = 0.3
"""Odds that a clearing beside a stand is drawn with a non-forest code; the others are not in the layer."""
SPECIES: Mapping[str, tuple[str, str, str]] = {  # code: (name, forest type code, forest type name)
    "10": ("기타침엽수", "1", "침엽수림"),
    "11": ("소나무", "1", "침엽수림"),
    "12": ("잣나무", "1", "침엽수림"),
    "13": ("낙엽송", "1", "침엽수림"),
    "14": ("리기다소나무", "1", "침엽수림"),
    "30": ("기타활엽수", "2", "활엽수림"),
    "31": ("상수리나무", "2", "활엽수림"),
    "32": ("신갈나무", "2", "활엽수림"),
    "33": ("굴참나무", "2", "활엽수림"),
    "77": ("침활혼효림", "3", "혼효림"),
    "78": ("죽림", "4", "죽림"),
    "81": ("미립목지", "0", "무립목지/비산림"),
    "82": ("제지", "0", "무립목지/비산림"),
    "91": ("주거지", "0", "무립목지/비산림"),
    "92": ("초지", "0", "무립목지/비산림"),
    "93": ("경작지", "0", "무립목지/비산림"),
    "94": ("수체", "0", "무립목지/비산림"),
    "95": ("과수원", "0", "무립목지/비산림"),
    "99": ("기타", "0", "무립목지/비산림"),
}
_STOCKED = {
    "11": 0.24,
    "14": 0.13,
    "12": 0.05,
    "13": 0.06,
    "10": 0.02,
    "30": 0.14,
    "31": 0.1,
    "32": 0.06,
    "33": 0.06,
    "77": 0.135,
    "78": 0.005,
}
_OPEN = {"93": 0.5, "92": 0.12, "95": 0.1, "81": 0.06, "82": 0.12, "99": 0.1}
_AGES = np.array([0.02, 0.05, 0.11, 0.38, 0.27, 0.12, 0.04, 0.01])
"""Odds of age classes I..VIII."""


@dataclass(frozen=True)
class Stands:
    """One row a stand: ``outline`` EPSG:5186, ``species`` code, ``age`` class 1..9 and ``density`` 0..2.

    Age and density are -1 where none is recorded: land without trees, and bamboo.
    """

    outline: NDArray[np.object_]
    species: NDArray[np.str_]
    age: I64
    density: I64


def grow(frame: Frame, terrain: Terrain, houses: F64, recipe: Recipe) -> Stands:
    """Stands above the tree line, away from buildings (``houses``: points), with some of the clearings beside them."""
    rng = recipe.rng("forest")
    diagram, cells, ridges = _mosaic(frame, recipe, rng)
    sites = diagram.points[cells]
    rise = terrain.above_tree_line(sites)
    far = np.asarray(cKDTree(houses).query(sites)[0])
    river = terrain.river_distance(sites)
    wooded = (rise > 0) & (far > _ROOM) & (river > 200)
    edge = _beside(ridges, cells, wooded, len(diagram.points))
    drawn = wooded | (edge & (rng.random(len(cells)) < _DRAWN_ODDS))
    rows = np.nonzero(drawn)[0]
    species = _species(sites, wooded, far, river, rng)[rows]
    stocked = wooded[rows] & ~np.isin(species, ["78"])
    age = np.where(stocked, rng.choice(len(_AGES), len(rows), p=_AGES) + 1, -1)
    density = np.where(stocked, rng.choice(3, len(rows), p=[0.06, 0.24, 0.7]), -1)
    return Stands(_outlines(diagram, cells[rows], ridges, rng), species, age, density)


def columns(stands: Stands) -> list[Column]:
    """The attribute table of the stand map; names cut to ten characters as in the real file."""
    n = len(stands.species)
    known, row = np.unique(stands.species, return_inverse=True)
    name, kind, kind_name = (np.array(part)[row] for part in zip(*(SPECIES[s] for s in known.tolist()), strict=True))
    stocked = stands.age > 0
    diameter = np.select([stands.age <= 1, stands.age <= 3, stands.age <= 5], [0, 1, 2], 3).astype(str)
    density = np.array(["A", "B", "C"])[np.maximum(stands.density, 0)]
    age = stands.age.astype(str)
    height = np.char.zfill((4 + 2 * np.maximum(stands.age, 0)).astype(str), 2)
    planted = np.isin(stands.species, ["12", "13", "14"])
    label = np.where(stocked, np.char.add(np.char.add(stands.species, age), density), stands.species)
    return [
        Column("STORUNST_", np.where(stocked | (stands.species == "78"), "1", "2"), 1),
        Column("FROR_CD", _where(stocked, np.where(planted, "1", "2")), 1),
        Column("FRTP_CD", kind, 1),
        Column("FRTP_NM", kind_name, 20),
        Column("KOFTR_GROU", stands.species, 2),
        Column("KOFTR_NM", name, 20),
        Column("DMCLS_CD", _where(stocked, diameter), 1),
        Column("AGCLS_CD", _where(stocked, age), 1),
        Column("DNST_CD", _where(stocked, density), 1),
        Column("HEIGT_CD", _where(stocked, height), 2),
        Column("MAP_LABEL", label, 10),
        Column("synthetic", np.full(n, "합성"), 10),
    ]


def _where(stocked: NDArray[np.bool_], text: NDArray[np.str_]) -> NDArray[np.str_]:
    return np.where(stocked, text, "")


def _mosaic(frame: Frame, recipe: Recipe, rng: np.random.Generator) -> tuple[Voronoi, I64, I64]:
    """A diagram of sites over the place, the sites in or near it, and its edges: sites p, q and vertices a, b."""
    west, south, east, north = shapely.bounds(frame.boundary) + np.array([-1, -1, 1, 1]) * _MARGIN
    step = np.sqrt(recipe.stand_area_m2)
    x, y = np.meshgrid(np.arange(west, east, step), np.arange(south, north, step))
    sites = np.stack([x.ravel(), y.ravel()], 1) + rng.uniform(-0.46, 0.46, (x.size, 2)) * step
    diagram = Voronoi(sites)
    inside = shapely.contains_xy(shapely.buffer(frame.boundary, 130), sites[:, 0], sites[:, 1])
    ridges = np.hstack([diagram.ridge_points, np.array(diagram.ridge_vertices)]).astype(np.int64)
    return diagram, np.nonzero(inside)[0], ridges


def _beside(ridges: I64, cells: I64, wooded: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Cells without forest that touch one with forest."""
    forest = np.zeros(n, bool)
    forest[cells] = wooded
    touched = np.zeros(n, bool)
    p, q = ridges[:, 0], ridges[:, 1]
    touched[p[forest[q]]] = True
    touched[q[forest[p]]] = True
    return touched[cells] & ~wooded


def _species(sites: F64, wooded: NDArray[np.bool_], far: F64, river: F64, rng: np.random.Generator) -> NDArray[np.str_]:
    """Species of stands, in patches of a few stands; land cover of clearings."""
    x, y = sites.T
    patch = np.floor(x / 620 + 0.8 * np.sin(y / 830)) * 7_919 + np.floor(y / 560 + 0.8 * np.sin(x / 770)) * 104_729
    level = np.modf(np.abs(np.sin(patch) * 43_758.5453))[0]
    level = np.where(rng.random(len(sites)) < 0.35, rng.random(len(sites)), level)
    stocked = np.array(list(_STOCKED))[
        np.searchsorted(np.cumsum(list(_STOCKED.values())), level).clip(max=len(_STOCKED) - 1)
    ]
    cover = rng.choice(list(_OPEN), len(sites), p=list(_OPEN.values()))
    cover = np.where(far < _ROOM, "91", np.where(river <= 200, "94", cover))
    return np.where(wooded, stocked, cover)


def _outlines(diagram: Voronoi, cells: I64, ridges: I64, rng: np.random.Generator) -> NDArray[np.object_]:
    """Outlines of cells, their edges replaced by the wandering ones that both neighbours share."""
    bends = _wander(diagram, ridges, rng)
    wanted = np.zeros(len(diagram.points), bool)
    wanted[cells] = True
    side = np.concatenate([ridges[:, [0, 2, 3]], ridges[:, [1, 2, 3]]])
    edge = np.tile(np.arange(len(ridges)), 2)
    keep = wanted[side[:, 0]]
    side, edge = side[keep], edge[keep]
    corners, site = diagram.vertices, diagram.points[side[:, 0]]
    a, b = corners[side[:, 1]] - site, corners[side[:, 2]] - site
    forward = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0] > 0
    middle = (a + b) / 2
    order = np.lexsort([np.arctan2(middle[:, 1], middle[:, 0]), side[:, 0]])
    points = np.where(forward[:, None, None], bends[edge], bends[edge][:, ::-1])[order][:, :-1]
    owner = np.repeat(np.searchsorted(cells, side[order, 0]), points.shape[1])
    rings = shapely.linearrings(points.reshape(-1, 2), indices=owner)
    return np.asarray(shapely.polygons(rings), object)


def _wander(diagram: Voronoi, ridges: I64, rng: np.random.Generator) -> F64:
    """Points (ridges, _BENDS + 2, 2) from the first to the second end of each edge, inside its kite.

    An edge that would turn back on itself stays straight; one that always goes on cannot cross itself.
    """
    n = len(ridges)
    t = np.linspace(0, 1, _BENDS + 2)
    waves = np.sin(np.pi * t * np.arange(1, 4)[:, None])
    swing = np.clip(rng.normal(0, [0.14, 0.09, 0.05], (n, 3)) @ waves, -_SWING, _SWING)[..., None]
    a, b = diagram.vertices[ridges[:, 2]], diagram.vertices[ridges[:, 3]]
    straight = a[:, None] + t[:, None] * (b - a)[:, None]
    towards = np.where(swing >= 0, diagram.points[ridges[:, 0]][:, None], diagram.points[ridges[:, 1]][:, None])
    bent = straight + np.abs(swing) * (towards - straight)
    onward = (np.diff(bent, axis=1) * (b - a)[:, None]).sum(2)
    return np.where((onward > 0).all(1)[:, None, None], bent, straight)
