# SPDX-License-Identifier: Apache-2.0
"""Invented roads of a region as an OpenStreetMap extract, with the tags that mappers really write.

Trunk and primary roads join the districts' centres, secondary and tertiary roads the villages of a district, streets
run inside towns and villages. Some ways carry what a naive reader stumbles over: lanes ``2;3``, limits ``RU:urban`` and
``60 mph``, ``oneway=-1``, areas, ways without motor traffic, ways that leave the region.
"""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial import Delaunay

from carbonstore.sample.districts import Districts
from carbonstore.sample.place import F64

I64 = NDArray[np.int64]

FIRST_ID = 9_000_000_000
"""Nodes and ways are numbered from here: no object of the real map has these ids yet."""
_VILLAGES, _PER_KM = 6, 0.9
"""Villages of a district: a fixed number, and one more for each of so many km of the side of a square of its area."""
_BENDS = 6
_STREETS = (3, 3)
_TOWN_STREETS = (9, 9)
_BLOCK_M = 180.0
_LIMITS = {
    "trunk": ("100", "90", "RU:rural"),
    "primary": ("90", "RU:rural", "70"),
    "secondary": ("60", "RU:urban", "70"),
    "tertiary": ("RU:urban", "50", ""),
    "residential": ("", "", "RU:living_street"),
}
_LANES = {"trunk": ("4", "2;3", "4"), "primary": ("2", "", "2;3")}
_ODDITIES: Sequence[dict[str, str]] = (
    {"highway": "footway"},
    {"highway": "track"},
    {"highway": "pedestrian", "area": "yes"},
    {"highway": "secondary", "maxspeed": "60 mph"},
    {"highway": "tertiary", "oneway": "-1"},
    {"highway": "tertiary", "maxspeed": "по знаку"},
)
"""Tags of the first streets of the first town: one way each."""


@dataclass(frozen=True)
class Roads:
    """Ways of a region: nodes (n, 2) in metres; for each way its nodes' rows and its tags."""

    nodes: F64
    ways: tuple[I64, ...]
    tags: tuple[dict[str, str], ...]

    def __len__(self) -> int:
        return len(self.ways)


@dataclass(frozen=True)
class Settled:
    """Where people live: ``place`` (n, 2) in metres, centres of districts first; ``district`` row of each."""

    place: F64
    district: I64
    towns: int


def settle(districts: Districts, rng: np.random.Generator) -> Settled:
    """Centres of the districts, and villages at random inside each."""
    centres = districts.centres
    parts, owner = [centres], [np.arange(len(centres))]
    for row, outline in enumerate(districts.plane):
        wanted = _VILLAGES + int(_PER_KM * np.sqrt(shapely.area(outline)) / 1000)
        west, south, east, north = shapely.bounds(outline)
        points = rng.uniform((west, south), (east, north), (40 * wanted, 2))
        inside = points[shapely.contains_xy(outline, points[:, 0], points[:, 1])][:wanted]
        parts.append(inside)
        owner.append(np.full(len(inside), row))
    return Settled(np.concatenate(parts), np.concatenate(owner), len(centres))


def plan(settled: Settled, rng: np.random.Generator) -> Roads:
    """All roads between and in the settlements, in a fixed order: main roads, roads of districts, streets."""
    edges, classes = _links(settled)
    bent, ways = _bend(settled.place, edges, rng)
    tags = [_tags(kind, number) for number, kind in enumerate(classes)]
    nodes = np.concatenate([settled.place, bent])
    for at, place in enumerate(settled.place):
        grid = _TOWN_STREETS if at < settled.towns else _STREETS
        turn = float(rng.uniform(0, np.pi / 2))
        corners, streets = _streets(place, grid, turn)
        ways += [np.r_[street + len(nodes)] for street in streets]
        tags += [_tags("residential", at + k) for k in range(len(streets))]
        nodes = np.concatenate([nodes, corners])
    first = len(edges)
    for k, odd in enumerate(_ODDITIES):
        tags[first + k] = dict(odd)
        if odd.get("area") == "yes":
            ways[first + k] = np.r_[ways[first + k], ways[first + k][0]]
    return Roads(np.round(nodes, 2), tuple(ways), tuple(tags))


def _links(settled: Settled) -> tuple[I64, list[str]]:
    """Edges (m, 2) between settlements and their classes; the longest main roads are trunk roads."""
    main = _joined(settled.place[: settled.towns], extra=3)
    edges, classes = [main], []
    length = np.linalg.norm(np.subtract(*(settled.place[main[:, k]] for k in (0, 1))), axis=1)
    classes += ["trunk" if long else "primary" for long in length >= np.median(length)]
    for district in range(settled.towns):
        rows = np.flatnonzero(settled.district == district)
        local = rows[_joined(settled.place[rows], extra=len(rows) // 5)]
        edges.append(local)
        classes += ["secondary" if k % 3 == 0 else "tertiary" for k in range(len(local))]
    return np.concatenate(edges), classes


def _joined(xy: F64, *, extra: int) -> I64:
    """The shortest tree over the points, and the ``extra`` next shortest of their Delaunay edges."""
    if len(xy) < 4:
        return np.stack([np.zeros(len(xy) - 1, np.int64), np.arange(1, len(xy))], 1)
    corners = Delaunay(xy).simplices
    pairs = np.unique(np.sort(np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]), 1), axis=0)
    length = np.linalg.norm(xy[pairs[:, 0]] - xy[pairs[:, 1]], axis=1)
    graph = csr_array(coo_array((length, (pairs[:, 0], pairs[:, 1])), (len(xy), len(xy))))
    tree = minimum_spanning_tree(graph).tocoo()
    in_tree = {(int(a), int(b)) for a, b in zip(tree.row, tree.col, strict=True)}
    more = [tuple(p) for p in pairs[np.argsort(length, kind="stable")].tolist() if tuple(p) not in in_tree][:extra]
    return np.array(sorted(in_tree) + more, np.int64)


def _bend(place: F64, edges: I64, rng: np.random.Generator) -> tuple[F64, list[I64]]:
    """Bends between the ends of each edge, and the rows of each way when they are put after the settlements."""
    a, b = place[edges[:, 0]], place[edges[:, 1]]
    t = np.linspace(0, 1, _BENDS + 2)[1:-1]
    across = (b - a)[:, ::-1] * [-1, 1]
    swing = rng.normal(0, 0.06, (len(edges), 2)) @ np.sin(np.pi * t * np.array([[1.0], [2.0]]))
    bends = a[:, None] + t[:, None] * (b - a)[:, None] + swing[..., None] * across[:, None]
    rows = len(place) + np.arange(len(edges) * _BENDS).reshape(len(edges), _BENDS)
    return bends.reshape(-1, 2), [np.r_[e[0], r, e[1]] for e, r in zip(edges, rows, strict=True)]


def _streets(place: F64, grid: tuple[int, int], turn: float) -> tuple[F64, list[I64]]:
    """Corners of a turned lattice around a place, and its streets as rows of them."""
    columns, rows = grid
    x, y = np.meshgrid(np.arange(columns) - columns // 2, np.arange(rows) - rows // 2, indexing="ij")
    c, s = np.cos(turn), np.sin(turn)
    xy = np.stack([c * x - s * y, s * x + c * y], -1).reshape(-1, 2) * _BLOCK_M
    index = np.arange(columns * rows).reshape(columns, rows)
    return place + xy, [*index, *index.T]


def _tags(kind: str, number: int) -> dict[str, str]:
    tags = {"highway": kind, "name": f"синтетика {number % 97 + 1}"}
    more = {"maxspeed": _LIMITS[kind][number % 3], "lanes": _LANES.get(kind, ("", "", ""))[number % 3]}
    return tags | {key: value for key, value in more.items() if value}


def write_osm(path: Path, roads: Roads, districts: Districts) -> None:
    """Write the ways as gzipped OSM XML, the same bytes on every run; every way is tagged ``synthetic=yes``."""
    degrees = np.round(districts.to_degrees(roads.nodes), 7)
    with path.open("wb") as file, gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
        for line in _xml(roads, degrees):
            packed.write(line.encode("utf-8"))


def _xml(roads: Roads, degrees: F64) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="carbongrid sample (synthetic)">\n'
    for number, (lon, lat) in enumerate(degrees.tolist()):
        yield f' <node id="{FIRST_ID + number}" lat="{lat:.7f}" lon="{lon:.7f}"/>\n'
    for number, (way, tags) in enumerate(zip(roads.ways, roads.tags, strict=True)):
        yield f' <way id="{FIRST_ID + number}">\n'
        yield from (f'  <nd ref="{FIRST_ID + row}"/>\n' for row in way.tolist())
        yield from (f"  <tag k={quoteattr(k)} v={quoteattr(v)}/>\n" for k, v in {**tags, "synthetic": "yes"}.items())
        yield " </way>\n"
    yield "</osm>\n"
