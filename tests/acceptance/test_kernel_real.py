# SPDX-License-Identifier: Apache-2.0
"""The kernel against shapely on every footprint, road and forest of a real town, cell by cell."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
from numpy.typing import NDArray

from carbongrid.coverage import measures, parts
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.pieces import pieces
from tests.shapes import cut_by_cells, local, measure

FILES = {"buildings": "buildings", "roads": "roads", "forests": "landuse"}
COUNTS = {"buildings": 11_280, "roads": 3_518, "forests": 95}


def bad_hersfeld(folder: Path, kind: str) -> NDArray[np.object_]:
    """Geometries in EPSG:25832."""
    table = geopandas.read_parquet(folder / f"city/badhersfeld_{FILES[kind]}.parquet")
    if kind == "forests":
        table = table[(table["landuse"] == "forest") | (table["natural"] == "wood")]
    return np.asarray(table.to_crs("EPSG:25832").geometry.array, object)


@pytest.mark.parametrize("kind", FILES)
def test_every_real_feature_cell_by_cell(shared_data: Path, kind: str) -> None:
    shapes = bad_hersfeld(shared_data, kind)
    assert len(shapes) == COUNTS[kind]
    bounds = np.array([s.bounds for s in shapes])
    place = Window.around(Grid(25832, 100), (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)), 1000)
    wkb = Wkb.from_shapely(shapes)
    found = parts(wkb, place)
    own = measure(local(shapes, place))
    assert not found.outside.any()
    assert measures(wkb) == pytest.approx(own, rel=1e-9)
    assert found.total == pytest.approx(own, rel=1e-9)

    source, cell, split = cut_by_cells(shapes, place)
    where = np.r_[found.source * place.size + found.cell, source * place.size + cell]
    key, at = np.unique(where, return_inverse=True)
    difference = np.abs(np.bincount(at, np.r_[found.measure, -measure(split)]))
    assert (difference / own[key // place.size]).max() <= 1e-9

    kg = np.random.default_rng(1).integers(0, 10**6, len(shapes))
    made = pieces(found, np.arange(len(shapes), dtype=np.int32), kg, place)
    assert np.array_equal(np.bincount(made.line, made.kg, len(kg)), kg)
