# SPDX-License-Identifier: Apache-2.0
"""Links as 표준노드링크 (``MOCT_LINK``) holds them, one a direction, with the day's mean traffic of that direction.

Volumes come in a file of their own, as in reality: a table by ``LINK_ID`` (vehicles a day, this direction only), with a
few links that the network does not have. Nodes are a layer of their own (``MOCT_NODE``). Links not in use
(ROAD_USE 1), without lanes or without a speed limit exist in the real file and are left out here.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.sample.layout import I64
from carbonstore.sample.network import CITY, COUNTY, EXPRESSWAY, LOCAL, NATIONAL, Network
from carbonstore.sample.place import F64, Frame, Recipe
from carbonstore.sample.shapefile import Column
from carbonstore.sample.terrain import Terrain

_BENDS = 13
"""Points of a road's axis."""
_PROFILE = {  # rank: (two-way vehicles a day, lanes a direction, speed limit, half width between the directions)
    EXPRESSWAY: (46_000, 2, 100, 7.0),
    NATIONAL: (21_000, 2, 80, 4.0),
    CITY: (15_500, 3, 50, 5.0),
    LOCAL: (6_200, 1, 60, 2.0),
    COUNTY: (1_500, 1, 50, 1.5),
}
_STREET_SPEED, _RAMP_SPEED, _RAMP_LANES = 30, 50, 1
_GROWTH, _BASE_YEAR = 0.021, 2022
_STRANGERS = 5
"""Links with a volume that the network does not have."""


@dataclass(frozen=True)
class Roads:
    """Axes (m,) of the network's edges as lines and, per direction, (2 m,): lines, start and end node, edge."""

    axes: NDArray[np.object_]
    lines: NDArray[np.object_]
    ends: I64
    edge: I64


def draw(network: Network, recipe: Recipe) -> Roads:
    """Axes bending between their nodes and one line a direction, on the right-hand side of the axis."""
    axes = _bend(network, recipe.rng("bends"))
    aside = np.array([_PROFILE[r][3] for r in network.rank.tolist()])[:, None, None]
    both = np.concatenate([axes, axes[:, ::-1]])
    lines = np.round(both + _right(both) * np.concatenate([aside, aside]), 2)
    m = len(axes)
    pair = np.arange(2 * m).reshape(2, m).T.ravel()
    ends = np.concatenate([network.edges, network.edges[:, ::-1]])
    return Roads(
        np.asarray(shapely.linestrings(axes), object), _lines(lines, network.street)[pair], ends[pair], pair % m
    )


def traffic(year: int, network: Network, frame: Frame, recipe: Recipe) -> F64:
    """Mean vehicles a day of each directional link: by rank, denser near the quarters, growing by the year."""
    base = np.array([_PROFILE[r][0] for r in network.rank.tolist()], float)
    base = np.where(network.street & (network.rank == COUNTY), 2_300.0, base)
    centres = frame.centres(recipe.place.urban + recipe.place.towns)
    middle = network.nodes[network.edges].mean(1)
    away = np.linalg.norm(middle[:, None] - centres, axis=2).min(1) if len(centres) else np.zeros(len(middle))
    near = np.where(network.rank == EXPRESSWAY, 1.0, 0.45 + 1.05 * np.exp(-away / 4_500))
    rng = recipe.rng("traffic")
    own = np.exp(rng.normal(0, 0.3, len(base)) + recipe.rng(f"traffic {year}").normal(0, 0.02, len(base)))
    two_way = base * near * own * (1 + _GROWTH) ** (year - _BASE_YEAR)
    split = rng.uniform(0.46, 0.54, len(base))
    return np.rint(np.stack([two_way * split, two_way * (1 - split)], 1).ravel())


def node_ids(ends: I64) -> NDArray[np.str_]:
    """Ten digits a node."""
    return np.char.add("361", np.char.zfill(ends.astype(str), 7))


def link_ids(n: int) -> NDArray[np.str_]:
    """Ten digits a link, in the order of the table."""
    return np.char.add("361", np.char.zfill(np.arange(1, n + 1).astype(str), 7))


def node_columns(n: int) -> list[Column]:
    """The attribute table of MOCT_NODE: one row a node, type 101 crossing."""
    dash = np.full(n, "-")
    return [
        Column("NODE_ID", node_ids(np.arange(n)), 10),
        Column("NODE_TYPE", np.full(n, "101"), 3),
        Column("NODE_NAME", dash, 30),
        Column("TURN_P", np.full(n, "0"), 1),
        Column("REMARK", dash, 30),
        Column("synthetic", np.full(n, "합성"), 10),
    ]


def write_volumes(path: Path, aadt: F64) -> None:
    """Vehicles a day by link as a table of a road office: UTF-8 with BOM, numbers in groups of three, quoted."""
    ids = [*link_ids(len(aadt)).tolist(), *(f"399{i:07d}" for i in range(_STRANGERS))]
    volumes = [*aadt.astype(np.int64).tolist(), *[1_000] * _STRANGERS]
    rows = (f'{link},"{volume:,}",합성\r\n' for link, volume in zip(ids, volumes, strict=True))
    path.write_bytes(("LINK_ID,AADT,비고\r\n" + "".join(rows)).encode("utf-8-sig"))


def columns(network: Network, roads: Roads, terrain: Terrain) -> list[Column]:
    """The attribute table of MOCT_LINK with ``synthetic``."""
    n, rank = len(roads.edge), network.rank[roads.edge]
    ramp, street = network.ramp[roads.edge], network.street[roads.edge]
    lanes = np.where(ramp, _RAMP_LANES, np.array([_PROFILE[r][1] for r in rank.tolist()]))
    speed = np.array([_PROFILE[r][2] for r in rank.tolist()])
    speed = np.where(ramp, _RAMP_SPEED, np.where(street & (rank == COUNTY), _STREET_SPEED, speed))
    wet = shapely.intersects(roads.lines, terrain.rivers)
    node, serial = node_ids(roads.ends), link_ids(n)
    name = np.where(rank <= CITY, np.char.add("합성로", (roads.edge % 90 + 1).astype(str)), "-")
    dash, zero = np.full(n, "-"), np.zeros(n)
    return [
        Column("LINK_ID", serial, 10),
        Column("F_NODE", node[:, 0], 10),
        Column("T_NODE", node[:, 1], 10),
        Column("LANES", lanes, 4, 0),
        Column("ROAD_RANK", rank.astype(str), 3),
        Column("ROAD_TYPE", np.where(wet, "003", "000"), 3),
        Column("ROAD_NO", dash, 5),
        Column("ROAD_NAME", name, 30),
        Column("ROAD_USE", np.full(n, "0"), 1),
        Column("MULTI_LINK", np.full(n, "0"), 1),
        Column("CONNECT", np.where(ramp, "101", "000"), 3),
        Column("MAX_SPD", speed, 4, 0),
        Column("REST_VEH", np.full(n, "0"), 3),
        Column("REST_W", zero, 4, 0),
        Column("REST_H", zero, 4, 0),
        Column("LENGTH", shapely.length(roads.lines), 18, 6),
        Column("REMARK", dash, 30),
        Column("synthetic", np.full(n, "합성"), 10),
    ]


def _bend(network: Network, rng: np.random.Generator) -> F64:
    """Points (m, _BENDS, 2) between the nodes; roads swing by up to a tenth of their length, streets hardly."""
    a, b = network.nodes[network.edges[:, 0]], network.nodes[network.edges[:, 1]]
    along = b - a
    length = np.linalg.norm(along, axis=1, keepdims=True)
    t = np.linspace(0, 1, _BENDS)
    waves = np.sin(np.pi * t * np.arange(1, 4)[:, None])
    weight = rng.normal(0, [0.055, 0.035, 0.016], (len(a), 3)) * np.where(network.street, 0.0, 1.0)[:, None]
    weight[network.rank == EXPRESSWAY] *= 0.5
    swing = np.clip(weight @ waves, -0.1, 0.1)
    across = along[:, ::-1] * [-1, 1]
    return a[:, None] + t[:, None] * along[:, None] + np.minimum(swing, 160 / length)[..., None] * across[:, None]


def _right(axes: F64) -> F64:
    """Unit vectors to the right of the direction of travel at each point."""
    along = np.gradient(axes, axis=1)
    along /= np.linalg.norm(along, axis=2, keepdims=True)
    return along[..., ::-1] * [1, -1]


def _lines(points: F64, street: NDArray[np.bool_]) -> NDArray[np.object_]:
    """Lines through the points; straight streets keep their ends only."""
    lines = np.asarray(shapely.linestrings(points), object)
    straight = np.concatenate([street, street])
    lines[straight] = shapely.linestrings(points[straight][:, [0, -1]])
    return lines
