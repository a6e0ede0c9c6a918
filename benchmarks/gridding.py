# SPDX-License-Identifier: Apache-2.0
"""Buildings and roads into 100 m cells: our kernel beside geopandas.overlay, in one run, totals checked equal.

    python -m benchmarks.gridding [FOLDER_OF_PARQUET]

Both sides start from geometries in memory, already projected, and end with the kilograms of every cell: ours as whole
kilograms by largest remainder, the peer's as floats. Compilation is not counted; reading and projecting are not either.
"""

import sys
from pathlib import Path

import geopandas
import numpy as np
import shapely
from numpy.typing import NDArray

from benchmarks.table import Row, best, show
from carbongrid.coverage import measures, parts
from carbongrid.grid import Grid, Window
from carbongrid.pieces import cell_sums, pieces
from carbongrid.wkb import Wkb

DATA = Path(__file__).parents[1] / "../shared/data/city"
PEER = "geopandas.overlay"
ROUNDS = 9


def run(folder: Path = DATA) -> list[Row]:
    """Grid the buildings and roads of a folder's ``*_buildings.parquet`` and ``*_roads.parquet``."""
    found = {kind: sorted(folder.glob(f"*_{kind}.parquet"))[0] for kind in ("buildings", "roads")}
    return [row for kind, path in found.items() for row in _compare(kind, path)]


def _compare(kind: str, path: Path) -> list[Row]:
    """Two rows: the split alone, and the split down to the kilograms of every cell."""
    table = geopandas.read_parquet(path)
    table = table.to_crs(table.estimate_utm_crs()).reset_index(drop=True)
    place = Window.around(Grid.of(str(table.crs), 100), tuple(table.total_bounds), 1000)
    wkb = Wkb.from_shapely(np.asarray(table.geometry.array, object))
    own = measures(wkb)
    kg = np.rint(own * np.random.default_rng(7).uniform(5, 50, len(own))).astype(np.int64)
    table = table[["geometry"]].assign(kg=kg, own=own)
    _kilograms(wkb, kg, place)

    split, split_s = best(lambda: parts(wkb, place), ROUNDS)
    whole, whole_s = best(lambda: _kilograms(wkb, kg, place), ROUNDS)
    (theirs, size), peer_s = best(lambda: _overlay(table, place), 2)
    measure = [np.bincount(cell, m, place.size) for cell, m in ((split.cell, split.measure), (theirs["cell"], size))]
    weight = np.bincount(theirs["cell"], theirs["kg"] * size / theirs["own"], place.size)
    same_measure = bool(
        np.allclose(*measure, rtol=1e-9, atol=1e-5) and np.isclose(split.total.sum(), size.sum(), rtol=1e-12)
    )
    same_kg = bool(
        whole.sum() == kg.sum() and (np.abs(whole - weight) <= np.bincount(split.cell, minlength=place.size)).all()
    )
    name = f"{len(table):,} {kind} of {path.stem}"
    return [
        Row(f"{name}: area or length by source and cell", PEER, split_s, peer_s, same_measure),
        Row(f"{name}: whole kilograms by cell", PEER, whole_s, peer_s, same_kg),
    ]


def _kilograms(wkb: Wkb, kg: NDArray[np.int64], place: Window) -> NDArray[np.int64]:
    made = pieces(parts(wkb, place), np.arange(len(kg), dtype=np.int32), kg, place)
    out = np.zeros(place.size, np.int64)
    out[made.cells] = cell_sums(made, np.zeros(len(kg), np.int16), 1)[0]
    return out


def _overlay(table: geopandas.GeoDataFrame, place: Window) -> tuple[geopandas.GeoDataFrame, NDArray[np.float64]]:
    """The peer, with its own spatial index; the cells are made beforehand in neither case."""
    west, south = place.corners(np.arange(place.size))
    squares = shapely.box(west, south, west + 100, south + 100)
    cells = geopandas.GeoDataFrame({"cell": np.arange(place.size)}, geometry=squares, crs=table.crs)
    found = geopandas.overlay(table, cells, keep_geom_type=True)
    shapes = found.geometry
    return found, np.asarray(shapes.area if shapes.geom_type.iloc[0].endswith("Polygon") else shapes.length)


def main() -> int:
    """Print the table; 1 where a result differs."""
    return show(run(Path(sys.argv[1]) if len(sys.argv) > 1 else DATA))


if __name__ == "__main__":
    sys.exit(main())
