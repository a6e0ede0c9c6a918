# SPDX-License-Identifier: Apache-2.0
"""Buildings, land cover and roads into 100 m cells: our kernel beside four programs, in one run, on the same rows.

    python -m benchmarks.gridding [FOLDER_OF_PARQUET]

All sides start from geometries of their own kind, already projected, with cells, indexes and caches ready. The peers
end with the measure of every source in every cell; so do we in the first row, and with whole kilograms by largest
remainder in the second. Measures are compared cell by cell. Compilation is not counted, nor reading and projecting.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas
import numpy as np
from numpy.typing import NDArray

from benchmarks.gridding_peers import PEERS, Absent, Layer, Split
from benchmarks.table import Row, best, show
from carbongrid.coverage import measures, parts
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.pieces import cell_sums, pieces

DATA = Path(__file__).parents[1] / "../shared/data/city"
KINDS = ("buildings", "landuse", "roads")
ROUNDS = 9
FLOAT32 = 2e-6
"""What coverage fractions in 32-bit floats may be off, of a cell."""


def run(folder: Path = DATA) -> list[Row]:
    """Grid a folder's ``*_buildings.parquet``, ``*_landuse.parquet`` and ``*_roads.parquet``, those that are there."""
    found = [(kind, path) for kind in KINDS for path in sorted(folder.glob(f"*_{kind}.parquet"))[:1]]
    return [row for kind, path in found for row in _compare(kind, path)]


def _compare(kind: str, path: Path) -> Iterator[Row]:
    """Two rows a peer: the split alone, and the split down to the kilograms of every cell."""
    table = geopandas.read_parquet(path)
    wanted = ("Polygon", "MultiPolygon") if kind != "roads" else ("LineString", "MultiLineString")
    table = table[table.geometry.geom_type.isin(wanted) & table.geometry.is_valid]
    table = table.to_crs(table.estimate_utm_crs()).reset_index(drop=True)
    crs = str(table.crs)
    place = Window.around(Grid.of(crs, 100), tuple(table.total_bounds), 1000)
    layer = Layer(np.asarray(table.geometry.array, object), place, crs)
    wkb = Wkb.from_shapely(layer.shapes)
    own = measures(wkb)
    kg = np.rint(own * np.random.default_rng(7).uniform(5, 50, len(own))).astype(np.int64)
    split, split_s = best(lambda: parts(wkb, place), ROUNDS)
    whole, whole_s = best(lambda: _kilograms(wkb, kg, place), ROUNDS)
    name = f"{len(table):,} {kind} of {path.stem}"
    for peer, prepared in PEERS.items():
        try:
            with prepared(layer) as work:
                theirs, peer_s = best(work, 1)
        except Absent as reason:
            print(f"{name}: {peer} is left out: {reason}", flush=True)
            continue
        ours = Split(split.source.astype(np.int64), split.cell, split.measure)
        same = _same(ours, theirs, place, FLOAT32 * 1e4 if peer == "exactextract" else 1e-5)
        weight = np.bincount(theirs.cell, kg[theirs.source] * theirs.measure / own[theirs.source], place.size)
        near = np.bincount(split.cell, minlength=place.size) + 1e-6 * weight
        same_kg = bool(whole.sum() == kg.sum() and (np.abs(whole - weight) <= near).all())
        yield Row(f"{name}: area or length by source and cell", peer, split_s, peer_s, same)
        yield Row(f"{name}: whole kilograms by cell", peer, whole_s, peer_s, same_kg)


def _same(ours: Split, theirs: Split, place: Window, off: float) -> bool:
    """Equal measures in every cell (``off`` m2 or m a piece) and in all."""
    by_cell = [np.bincount(s.cell, s.measure, place.size) for s in (ours, theirs)]
    count = np.bincount(ours.cell, minlength=place.size)
    total = np.isclose(ours.measure.sum(), theirs.measure.sum(), rtol=max(1e-12, off * 1e-5))
    return bool((np.abs(by_cell[0] - by_cell[1]) <= off * np.maximum(count, 1) + 1e-9 * by_cell[0]).all() and total)


def _kilograms(wkb: Wkb, kg: NDArray[np.int64], place: Window) -> NDArray[np.int64]:
    made = pieces(parts(wkb, place), np.arange(len(kg), dtype=np.int32), kg, place)
    out = np.zeros(place.size, np.int64)
    out[made.cells] = cell_sums(made, np.zeros(len(kg), np.int16), 1)[0]
    return out


def main() -> int:
    """Print the table; 1 where a result differs."""
    return show(run(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA))


if __name__ == "__main__":
    sys.exit(main())
