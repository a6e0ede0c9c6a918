# SPDX-License-Identifier: Apache-2.0
"""Tiles and items of 90,000 cells: our encoders beside the usual Python ones, in one run, results checked equal.

    python -m benchmarks.encoding

Ours is the whole way from the mapped columns of a release to bytes: find the cells, read, project, write. Peers get
the same records as ready Python dictionaries with finished coordinates and only encode them, the easier task.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mapbox_vector_tile
import orjson
from pyproj import Transformer

from benchmarks.table import Row, best, show
from carbonstore.collections import cells, tms
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.encode import geojson, mvt
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.release import write
from tests.square import square_inventory
from tests.toy import toy_publication

SIDE = 300
WEB = "WebMercatorQuad"
MVT_PEER: Any = mapbox_vector_tile
PEERS: dict[str, Callable[[Any], bytes]] = {"json": lambda given: json.dumps(given).encode(), "orjson": orjson.dumps}


def run() -> list[Row]:
    """Tiles of two zooms and items of two page sizes."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        inventory = square_inventory(SIDE)
        write(inventory, toy_publication(inventory), root)
        edition.publish(root, inventory.id)
        collection = Catalogue(root).snapshot().collections[f"{inventory.id}-100m"]
        tiles = [_tile(collection, z) for z in (13, 12)]
        return tiles + [row for n in (1_000, 10_000) for row in _items(collection, n)]


def _tile(collection: Collection, z: int) -> Row:
    """The tile in the middle of the city."""
    tiles = tms.named(WEB)
    west, south, east, north = collection.bbox
    middle = Transformer.from_crs("OGC:CRS84", tiles.crs, always_xy=True).transform(
        (west + east) / 2, (south + north) / 2
    )
    side = tiles.side / 2**z
    x, y = int((middle[0] - tiles.west) // side), int((tiles.north - middle[1]) // side)
    ours, ours_s = best(lambda: mvt.tile(collection, WEB, z, x, y), 30)
    options = {"y_coord_down": True}
    layer = MVT_PEER.decode(ours, default_options=options)[collection.id]
    given = {"name": collection.id, "features": layer["features"]}
    theirs, peer_s = best(lambda: MVT_PEER.encode(given, default_options=options), 2)
    agree = MVT_PEER.decode(theirs, default_options=options)[collection.id]["features"] == layer["features"]
    n = len(layer["features"])
    return Row(f"tile z{z}, {n:,} cells, {len(ours):,} bytes", "mapbox-vector-tile", ours_s, peer_s, agree)


def _items(collection: Collection, n: int) -> list[Row]:
    """A page of the first n records in the whole city's bbox, every property."""
    query = CellQuery(bbox=collection.bbox, limit=n)
    ours, ours_s = best(lambda: geojson.features(cells.read(collection, query)), 20)
    given = orjson.loads(ours)
    rows = []
    for name, dumps in PEERS.items():
        theirs, peer_s = best(partial(dumps, given), 5)
        what = f"items, {n:,} features, {len(ours):,} bytes"
        rows.append(Row(what, f"{name} from dictionaries", ours_s, peer_s, orjson.loads(theirs) == given))
    return rows


def main() -> int:
    """Print the table; 1 where a result differs."""
    return show(run())


if __name__ == "__main__":
    sys.exit(main())
