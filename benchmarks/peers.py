# SPDX-License-Identifier: Apache-2.0
"""Our full answers beside martin, tipg, stock pygeoapi, ST_AsMVT and ST_AsGeoJSON over the same million cells.

    python -m benchmarks.peers [SIDE [SECONDS]]     cells a side (a multiple of 100), seconds of a round

Everything runs on this machine in this run: two processes of each server, four connections, rounds in turns. What is
compared is decoded first and must be equal: cells, every value, corners within one tile unit or 1e-6 degrees; PostGIS
may draw a cell more that only touches the tile. Peers have what suits them: tables clustered along the index, geometry
stored in the CRS that they answer in, an integer key. martin takes part where its binary is on the PATH
(``cargo install martin --locked --no-default-features --features postgres,mlt``).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mapbox_vector_tile
import orjson
import psycopg
from psycopg import sql
from pyproj import Transformer

from benchmarks import servers
from benchmarks.load import Target, body, race
from benchmarks.table import Row, best, show
from carbonstore.collections import cells, tms
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.quads import Box
from carbonstore.encode import geojson, mvt
from carbonstore.postgis import publish as postgis
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue, Collection, Published
from carbonstore.releases.release import write
from tests import postgres
from tests.square import square_inventory
from tests.toy import toy_publication

WEB = "WebMercatorQuad"
SIDE = 1_000
ZOOMS = {13: 16, 12: 16, 11: 4}
"""Tiles asked for at each zoom."""
TYPES = {"string": "text", "integer": "int4", "number": "float8", "boolean": "bool"}
MVT: Any = mapbox_vector_tile
MARTIN, TIPG = {13: (10, 8), 12: (15, 12), 11: (20, 20)}, (15, 10)
"""Goals and floors of tiles."""

type Cells = dict[str, tuple[dict[str, Any], list[Any]]]
type Ports = tuple[int, ...]


@dataclass(frozen=True)
class World:
    """A million cells as we publish them and as tables of a database."""

    root: Path
    published: Published
    address: str
    seconds: float

    @property
    def cells(self) -> Collection:
        """The cells of 100 m."""
        return self.published.collection(100)

    @cached_property
    def columns(self) -> dict[str, str]:
        """Properties of a tile, and their types in SQL."""
        return {f.name: TYPES[f.type] for f in self.cells.fields.values() if f.tile}

    def tiles(self, z: int) -> list[tuple[int, int, int]]:
        """(z, x, y) of a square block of tiles around the middle, well inside."""
        side, matrix = round(ZOOMS[z] ** 0.5), tms.named(WEB)
        west, south, east, north = self.cells.bbox
        to = Transformer.from_crs("OGC:CRS84", matrix.crs, always_xy=True)
        x, y = to.transform((west + east) / 2, (south + north) / 2)
        size = matrix.side / 2**z
        first = int((x - matrix.west) // size) - side // 2, int((matrix.north - y) // size) - side // 2
        return [(z, first[0] + k % side, first[1] + k // side) for k in range(side * side)]

    def box(self, across: int) -> Box:
        """A box that so many cells a side touch, off their edges."""
        west, south, east, north = self.cells.bbox
        lon, lat = (west + east) / 2, (south + north) / 2
        side = across - 1.6
        return (
            lon,
            lat,
            lon + (east - west) / self.cells.window.ncol * side,
            lat + (north - south) / self.cells.window.ncol * side,
        )


def tables(world: World) -> None:
    """Tables of the peers from those that ``publish`` loads."""
    collection = world.cells
    fields = sql.SQL(", ").join(map(sql.Identifier, ["cell_id", *(f for f in collection.fields if f != "cell_id")]))
    source = sql.Identifier(postgis.SCHEMA, collection.id.replace("-", "_"))
    number = sql.SQL("(({} - north / 100) * {} + east / 100 - {})::int4 AS id").format(
        collection.window.top - 1, collection.window.ncol, collection.window.left
    )
    with psycopg.connect(world.address, autocommit=True) as connection:
        for table, srid in ((servers.TILES, 3857), (servers.ITEMS, 4326)):
            made = sql.SQL(
                "CREATE TABLE {table} AS SELECT {number}, {fields},"
                " ST_Transform(geom, {srid})::geometry(Polygon, {srid}) AS geom FROM {source};"
                "ALTER TABLE {table} ADD PRIMARY KEY (id); CREATE INDEX {index} ON {table} USING gist (geom);"
                "CLUSTER {table} USING {index}; ANALYZE {table}"
            )
            index = sql.Identifier(f"{table}_geom")
            parts = {"table": sql.Identifier(table), "index": index, "srid": sql.Literal(srid)}
            connection.execute(made.format(number=number, fields=fields, source=source, **parts))


def drawn(tile: bytes) -> Cells:
    """Properties and ring of every cell of a tile's only layer."""
    (layer,) = MVT.decode(tile, default_options={"y_coord_down": True}).values()
    return {f["properties"]["cell_id"]: (f["properties"], f["geometry"]["coordinates"][0]) for f in layer["features"]}


def same_tile(ours: bytes, peer: bytes) -> bool:
    """Every cell of ours as the peer draws it; the peer's further cells only touch the tile."""
    mine, theirs = drawn(ours), drawn(peer)
    beyond = [ring for name, (_, ring) in theirs.items() if name not in mine]
    return bool(mine) and mine.keys() <= theirs.keys() and all(map(_outside, beyond)) and all(
        _values(theirs[name][0], values) and _near(theirs[name][1], ring, 1) for name, (values, ring) in mine.items()
    )  # fmt: skip


def _values(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return {name: theirs.get(name) for name in ours} == ours and not theirs.keys() - ours.keys() - {"id", "tipg_id"}


def _outside(ring: Sequence[Sequence[float]]) -> bool:
    return any(max(axis) <= 1 or min(axis) >= 4095 for axis in zip(*ring, strict=True))


def _near(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]], unit: float) -> bool:
    """The same corners, from whichever the rings begin and whichever way they turn."""
    first, second = (sorted((round(x, 7), round(y, 7)) for x, y in ring[:4]) for ring in (a, b))
    if all(abs(p - q) <= unit for u, v in zip(first, second, strict=True) for p, q in zip(u, v, strict=True)):
        return True
    return all(any(abs(p[0] - q[0]) <= unit and abs(p[1] - q[1]) <= unit for q in second) for p in first)


def same_items(ours: bytes, peer: bytes, names: Sequence[str]) -> bool:
    """The same cells with the same values at the same places."""
    mine, theirs = (
        {f["properties"]["cell_id"]: f for f in orjson.loads(page)["features"]} for page in (ours, peer)
    )  # fmt: skip
    return bool(mine) and mine.keys() == theirs.keys() and all(
        {n: theirs[c]["properties"][n] for n in names} == f["properties"]
        and _near(theirs[c]["geometry"]["coordinates"][0], f["geometry"]["coordinates"][0], 1e-6)
        for c, f in mine.items()
    )  # fmt: skip


def functions(world: World) -> Iterator[Row]:
    """In one process: the tile and the items' body beside the best query for each, from the call to the bytes."""
    with psycopg.connect(world.address, autocommit=True) as connection:
        ask = partial(_one, connection)
        for z in ZOOMS:
            _, x, y = world.tiles(z)[0]
            query = _st_asmvt(world.columns, z, x, y)
            ours, ours_s = best(partial(mvt.tile, world.cells, WEB, z, x, y), 30)
            theirs, peer_s = best(partial(ask, query), 5)
            what = f"tile function z{z}, {len(drawn(ours)):,} cells, {len(ours):,} bytes"
            yield Row(what, "ST_AsMVT", ours_s, peer_s, same_tile(ours, theirs), 40, 25)
        names = list(world.cells.fields)
        for across in (32, 99):
            box = world.box(across)
            page = partial(cells.read, world.cells, CellQuery(bbox=box, limit=10_000))
            ours, ours_s = best(lambda page=page: geojson.features(page()), 20)  # type: ignore[misc]
            theirs, peer_s = best(partial(ask, _st_asgeojson(names, box)), 5)
            number = len(orjson.loads(ours)["features"])
            what = f"items body, {number:,} features, {len(ours):,} bytes"
            yield Row(what, "ST_AsGeoJSON", ours_s, peer_s, same_items(ours, theirs, names), 6, 5)


def _one(connection: psycopg.Connection[Any], query: sql.Composed) -> bytes:
    row = connection.execute(query, binary=True, prepare=True).fetchone()
    assert row is not None
    return row[0].encode() if isinstance(row[0], str) else bytes(row[0])


def _st_asmvt(columns: Sequence[str] | Mapping[str, str], z: int, x: int, y: int) -> sql.Composed:
    made = sql.SQL(
        "SELECT ST_AsMVT(t, 'cells', 4096, 'geom', 'id') FROM (SELECT id, {columns},"
        " ST_AsMVTGeom(geom, ST_TileEnvelope({z}, {x}, {y}), 4096, 0, false) AS geom"
        " FROM {table} WHERE geom && ST_TileEnvelope({z}, {x}, {y})) t"
    )
    return made.format(columns=_listed(columns), z=z, x=x, y=y, table=sql.Identifier(servers.TILES))


def _st_asgeojson(columns: Sequence[str], box: Box) -> sql.Composed:
    made = sql.SQL(
        'SELECT \'{{"type":"FeatureCollection","features":[\''
        " || string_agg(ST_AsGeoJSON(t, 'geom', 7), ',') || ']}}'"
        " FROM (SELECT {columns}, geom FROM {table} WHERE ST_Intersects(geom, ST_MakeEnvelope({box}, 4326))) t"
    )
    numbers = sql.SQL(", ").join(map(sql.Literal, box))
    return made.format(columns=_listed(columns), table=sql.Identifier(servers.ITEMS), box=numbers)


def _listed(columns: Sequence[str] | Mapping[str, str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))


class Race:
    """Servers side by side over HTTP."""

    def __init__(self, world: World) -> None:
        self.world = world

    def run(self) -> Iterator[Row]:
        """Tiles without and with caches, then items."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory()))
            start, world = stack.enter_context, self.world
            path = self._paths(13)[0]
            plain, kept = (start(servers.ours(world.root, path, cache)) for cache in (0, 64))
            bare = start(servers.ours(world.root, path, what="floor"))
            tipg = start(servers.tipg(world.address, list(world.columns)))
            stock = start(servers.pygeoapi(world.address, folder, list(world.cells.fields)))
            if servers.has_martin():
                martin, cached = (
                    start(servers.martin(world.address, folder, world.columns, cache)) for cache in (0, 256)
                )
                yield from self._martin(plain, kept, martin, cached)
            else:
                print("martin is not on the PATH: it takes no part", flush=True)
            yield from self._tipg(plain, tipg)
            yield self._floor(kept, bare)
            yield from self._items(plain, tipg, stock)

    def _martin(self, plain: Ports, kept: Ports, martin: Ports, cached: Ports) -> Iterator[Row]:
        for z, (goal, floor) in MARTIN.items():
            ours, peer = Target("ours", plain, self._paths(z)), Target("martin", martin, self._martin_paths(z))
            yield self._tiles(f"z{z} identity, no caches", ours, peer, goal, floor)
        for z in MARTIN:
            paths, theirs = self._paths(z), self._martin_paths(z)
            peer = Target("martin cached", cached, theirs, "gzip")
            yield self._tiles(f"z{z} gzip, ours made anew", Target("ours", plain, paths, "gzip"), peer, 2, 2)
            yield self._tiles(f"z{z} gzip, both cached", Target("ours", kept, paths, "gzip"), peer, 20, 20)

    def _tipg(self, plain: Ports, tipg: Ports) -> Iterator[Row]:
        for z in ZOOMS:
            theirs = tuple(
                f"/collections/public.{servers.TILES}/tiles/{WEB}/{z}/{x}/{y}" for z, x, y in self.world.tiles(z)
            )
            ours, peer = Target("ours", plain, self._paths(z)), Target("tipg", tipg, theirs)
            yield self._tiles(f"z{z} identity, no caches", ours, peer, *TIPG)

    def _tiles(self, what: str, ours: Target, peer: Target, goal: float, floor: float) -> Row:
        pairs = zip(ours.paths, peer.paths, strict=True)
        agree = all(same_tile(body(ours, mine), body(peer, theirs)) for mine, theirs in pairs)
        return Row(what, peer.name, *race(ours, peer, seconds=self.world.seconds), agree, goal, floor)

    def _floor(self, kept: Ports, bare: Ports) -> Row:
        """The share of a server that has nothing to do but send."""
        paths = self._paths(13)[:1]
        ours, peer = Target("ours", kept, paths, "gzip"), Target("prebuilt bytes", bare, paths, "gzip")
        agree = body(ours, paths[0]) == body(peer, paths[0])
        return Row("z13 gzip, cached", peer.name, *race(ours, peer, seconds=self.world.seconds), agree, 0.7, 0.7)

    def _items(self, plain: Ports, tipg: Ports, stock: Ports) -> Iterator[Row]:
        names, world = list(self.world.cells.fields), self.world
        for across, goal in ((32, 40), (99, 60)):
            asked = f"items?limit=10000&bbox={','.join(map(repr, world.box(across)))}"
            ours = Target("ours", plain, (f"/collections/{world.cells.id}/{asked}&f=json",))
            page = body(ours, ours.paths[0])
            number = orjson.loads(page)["numberMatched"]
            for peer, least in (
                (Target("tipg", tipg, (f"/collections/public.{servers.ITEMS}/{asked}&f=geojson",)), 20),
                (Target("stock pygeoapi", stock, (f"/collections/{servers.ITEMS}/{asked}&f=json",)), 20),
            ):
                agree = same_items(page, body(peer, peer.paths[0]), names)
                times = race(ours, peer, seconds=world.seconds)
                yield Row(f"items, {number:,} features, {len(page):,} bytes", peer.name, *times, agree, goal, least)

    def _paths(self, z: int) -> tuple[str, ...]:
        base = f"/collections/{self.world.cells.id}/tiles/{WEB}"
        return tuple(f"{base}/{z}/{y}/{x}" for z, x, y in self.world.tiles(z))

    def _martin_paths(self, z: int) -> tuple[str, ...]:
        return tuple(f"/{servers.TILES}/{z}/{x}/{y}" for z, x, y in self.world.tiles(z))


def run(side: int = SIDE, seconds: float = 1.5) -> Iterator[Row]:
    """Publish the cells, load the tables, compare."""
    tms._ZOOMS = tuple((size, min(zoom, servers.COMPARED_FROM) if size == 100 else zoom) for size, zoom in tms._ZOOMS)
    with TemporaryDirectory() as folder, postgres.cluster() as address:
        root, inventory = Path(folder), square_inventory(side)
        write(inventory, toy_publication(inventory, levels=(100,)), root)
        edition.publish(root, inventory.id)
        published = Catalogue(root).snapshot().inventory(inventory.id)
        postgis.publish(published, address)
        world = World(root, published, address, seconds)
        tables(world)
        yield from functions(world)
        yield from Race(world).run()


def main() -> int:
    """Print every row as it is measured; 1 where a result differs or a promise does not hold."""
    given = sys.argv[1:3]
    rows = run(*(int(v) for v in given[:1]), *(float(v) for v in given[1:]))
    return max([show([row]) for row in rows])


if __name__ == "__main__":
    sys.exit(main())
