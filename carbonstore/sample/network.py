# SPDX-License-Identifier: Apache-2.0
"""The road network as a graph: street lattices, lanes between hamlets, through routes, expressways; all connected."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import ConvexHull, Delaunay, cKDTree

from carbonstore.sample.layout import I64, Layout, Streets
from carbonstore.sample.place import F64, Frame, LonLat, Recipe, smooth

EXPRESSWAY, NATIONAL, CITY, LOCAL, COUNTY = 101, 103, 104, 106, 107
"""ROAD_RANK of 표준노드링크 as used here: expressway, national, metropolitan city, local, si/gun road."""
_LONGEST_LANE = 4_500.0
_GATES = 9


@dataclass(frozen=True)
class Network:
    """Undirected edges: ``nodes`` (n, 2) EPSG:5186; ``edges`` (m, 2); ``rank`` (m,); ``street`` marks lattice streets,
    ``ramp`` links of an expressway to other roads."""

    nodes: F64
    edges: I64
    rank: I64
    street: NDArray[np.bool_]
    ramp: NDArray[np.bool_]


def plan(layout: Layout, frame: Frame, recipe: Recipe) -> Network:
    """Join lattices, hamlets and the neighbours beyond the boundary into one network and rank its roads."""
    parts = _numbered(layout, frame, recipe)
    street = _stacked([s.edges + rows[0] for s, rows in zip(layout.streets, parts.lattices, strict=True)])
    main = np.concatenate([s.main for s in layout.streets] or [np.empty(0, bool)])
    arrivals = [rows[_hull(s)] for s, rows in zip(layout.streets, parts.lattices, strict=True)]
    lanes = _lanes(parts, np.concatenate([*arrivals, parts.hamlets, parts.gates]))
    ramps = _ramps(parts)
    express = _stacked([np.stack([rows[:-1], rows[1:]], 1) for rows in parts.motorways])
    known = np.concatenate([street, lanes, ramps, express])
    edges = np.concatenate([known, _bridges(parts.nodes, known)])
    ends = np.cumsum([len(street), len(lanes), len(ramps), len(express)])
    kind = np.searchsorted(ends, np.arange(len(edges)), "right")
    rank = np.where(kind == _EXPRESS, EXPRESSWAY, COUNTY)
    rank[: len(main)][main] = CITY if recipe.place.urban else LOCAL
    network = Network(parts.nodes, edges, rank, kind == _STREET, kind == _RAMP)
    stops = [_middle(s, rows) for s, rows in zip(layout.streets, parts.lattices, strict=True)]
    cities = bool(recipe.place.urban) + len(recipe.place.towns)
    return _promoted(network, stops, min(cities, len(stops)), parts.gates) if stops else network


_STREET, _LANE, _RAMP, _EXPRESS = range(4)
"""Kinds of edges in the order in which they are laid."""


@dataclass(frozen=True)
class _Parts:
    """All nodes (n, 2) and the rows of each lattice, of the hamlets, the gates and each motorway."""

    nodes: F64
    lattices: tuple[I64, ...]
    hamlets: I64
    gates: I64
    motorways: tuple[I64, ...]


def _numbered(layout: Layout, frame: Frame, recipe: Recipe) -> _Parts:
    motorways = [_motorway(line) for line in recipe.place.expressways]
    groups = [*(s.nodes for s in layout.streets), layout.hamlets, _gates(frame), *motorways]
    at = np.cumsum([0, *map(len, groups)]).tolist()
    rows = [np.arange(a, b) for a, b in pairwise(at)]
    n = len(layout.streets)
    return _Parts(np.concatenate(groups), tuple(rows[:n]), rows[n], rows[n + 1], tuple(rows[n + 2 :]))


def _stacked(edges: Sequence[I64]) -> I64:
    return np.concatenate(edges) if edges else np.empty((0, 2), np.int64)


def _gates(frame: Frame) -> F64:
    """Where roads leave: points some hundred metres beyond the boundary, evenly around it."""
    ring = shapely.boundary(shapely.convex_hull(shapely.buffer(frame.boundary, 500)))
    at = (np.arange(_GATES) + 0.35) / _GATES
    hull = shapely.line_interpolate_point(ring, at, normalized=True)
    onto = shapely.shortest_line(hull, shapely.boundary(shapely.buffer(frame.boundary, 350)))
    return shapely.get_coordinates(shapely.get_point(onto, 1))


def _motorway(line: LonLat) -> F64:
    """Nodes of an expressway, about 1.6 km apart, on a smooth curve through the drawn points."""
    drawn = shapely.get_coordinates(smooth(line))
    at = np.r_[0, np.cumsum(np.linalg.norm(np.diff(drawn, axis=0), axis=1))]
    where = np.linspace(0, at[-1], max(int(at[-1] / 1_600), 2) + 1)
    return np.stack([np.interp(where, at, drawn[:, k]) for k in (0, 1)], 1)


def _hull(streets: Streets) -> I64:
    """Nodes on the outside of a lattice: where roads from elsewhere arrive."""
    if len(streets.nodes) < 4:
        return np.arange(len(streets.nodes))
    return np.sort(ConvexHull(streets.nodes).vertices).astype(np.int64)


def _middle(streets: Streets, rows: I64) -> int:
    away = np.linalg.norm(streets.nodes - streets.nodes.mean(0), axis=1)
    return int(rows[np.argmin(away)])


def _lanes(parts: _Parts, rows: I64) -> I64:
    """Relative neighbours among the given nodes: no third node is nearer to both ends. None within one lattice."""
    xy = parts.nodes[rows]
    edges = _delaunay(xy)
    a, b = edges.T
    length = np.linalg.norm(xy[a] - xy[b], axis=1)
    distance, near = cKDTree(xy).query(xy, min(9, len(xy)))
    third = near[a][:, 1:]
    nearer = np.maximum(distance[a][:, 1:], np.linalg.norm(xy[third] - xy[b][:, None], axis=2))
    blocked = (nearer < length[:, None] * (1 - 1e-9)).any(1)
    lattice = np.searchsorted([r[0] for r in parts.lattices], rows, "right")
    streets = rows < parts.hamlets[0] if len(parts.hamlets) else rows < parts.gates[0]
    inside = (lattice[a] == lattice[b]) & streets[a] & streets[b]
    return np.asarray(rows[edges[~blocked & ~inside & (length < _LONGEST_LANE)]], np.int64)


def _delaunay(xy: F64) -> I64:
    """Edges (m, 2) of the Delaunay triangulation, lower row first."""
    corners = Delaunay(xy).simplices
    pairs = np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), 1)
    return np.unique(pairs, axis=0).astype(np.int64)


def _ramps(parts: _Parts) -> I64:
    """Two interchanges an expressway: its nodes at a third and two thirds, each to the nearest road node."""
    if not parts.motorways:
        return np.empty((0, 2), np.int64)
    picks = np.array([rows[len(rows) * k // 3] for rows in parts.motorways for k in (1, 2)], np.int64)
    ground = parts.nodes[: parts.motorways[0][0]]
    return np.stack([picks, cKDTree(ground).query(parts.nodes[picks])[1]], 1)


def _bridges(nodes: F64, edges: I64) -> I64:
    """The shortest Delaunay edges that join what is not connected yet."""
    candidates = _delaunay(nodes)
    weight = np.linalg.norm(nodes[candidates[:, 0]] - nodes[candidates[:, 1]], axis=1)
    n = len(nodes)
    graph = csr_array(coo_array((np.r_[weight], (candidates[:, 0], candidates[:, 1])), (n, n)))
    known = csr_array(coo_array((np.full(len(edges), 1.0), tuple(np.sort(edges, 1).T)), (n, n)))
    known.data[:] = 1e-6
    tree = minimum_spanning_tree(graph - graph.multiply(known > 0) + known).tocoo()
    new = tree.data > 1e-3
    pairs = np.stack([tree.row[new], tree.col[new]], 1).astype(np.int64)
    return pairs[np.lexsort(pairs.T[::-1])]


def _promoted(network: Network, stops: Sequence[int], cities: int, gates: I64) -> Network:
    """The network with the shortest routes between the lattices' centres and out of the gates raised in rank.

    The first ``cities`` of the ``stops`` are quarters and towns: national roads join them, local roads the others.
    """
    far, before = _shortest(network, stops)
    row = {tuple(sorted(e)): k for k, e in enumerate(network.edges.tolist())}
    rank = network.rank.copy()
    for k, stop in enumerate(stops):
        for j in {*np.argsort(far[k, stops])[1:4].tolist(), *range(cities if k < cities else 0)}:
            route = _route(row, before[k], stop, stops[j])
            rank[route] = np.minimum(rank[route], NATIONAL if min(j, k) < cities else LOCAL)
    for i, gate in enumerate(gates.tolist()):
        k = 0 if i % 2 else int(np.argmin(far[:, gate]))
        route = _route(row, before[k], stops[k], gate)
        rank[route] = np.minimum(rank[route], NATIONAL if k == 0 else LOCAL)
    return replace(network, rank=rank)


def _shortest(network: Network, stops: Sequence[int]) -> tuple[F64, I64]:
    """Costs (stops, nodes) off the expressways, and the node before each on the way from the stop (negative: none)."""
    a, b = network.edges.T
    length = np.linalg.norm(network.nodes[a] - network.nodes[b], axis=1)
    cost = np.where(network.rank == EXPRESSWAY, 1e7, length) * np.where(network.rank == CITY, 0.7, 1.0)
    n = len(network.nodes)
    graph = csr_array(coo_array((np.r_[cost, cost], (np.r_[a, b], np.r_[b, a])), (n, n)))
    far, before = dijkstra(graph, indices=stops, return_predecessors=True)
    return far, before.astype(np.int64)


def _route(row: dict[tuple[int, ...], int], before: I64, start: int, goal: int) -> list[int]:
    """Edges on the way back from ``goal`` to ``start``."""
    route, at = [], goal
    while at != start and before[at] >= 0:
        route.append(row[tuple(sorted((at, int(before[at]))))])
        at = int(before[at])
    return route
