# SPDX-License-Identifier: Apache-2.0
"""The gridding benchmark on small layers: every peer that is there gives our measures; a wrong one would be seen."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from benchmarks import gridding
from benchmarks.gridding_peers import PEERS, Absent, Layer
from carbongrid.grid import Grid, Window
from tests import postgres


def write(folder: Path) -> None:
    rng = np.random.default_rng(4)
    at = rng.uniform(0, 900, (30, 2)) + np.array([550_000, 5_630_000])
    boxes = shapely.box(*at.T, *(at + rng.uniform(5, 300, (30, 2))).T)
    lines = shapely.linestrings(np.stack([at, at[::-1]], axis=1))
    for kind, shapes in (("buildings", boxes), ("roads", lines)):
        geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32632").to_parquet(folder / f"small_{kind}.parquet")


def test_all_peers_agree_with_the_kernel(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path)
    rows = gridding.run(tmp_path)
    assert [str(row) for row in rows if not row.agree] == []
    left_out = capsys.readouterr().out
    for peer in PEERS:
        assert any(row.peer == peer for row in rows) or f"{peer} is left out: " in left_out
    assert "exactextract is left out: it takes polygons only" in left_out
    if postgres.available():
        assert {row.what.split()[1] for row in rows if row.peer == "PostGIS"} == {"buildings", "roads"}


def test_one_wrong_measure_is_seen() -> None:
    place = Window(Grid(32632, 100), 5_500, 56_310, 10, 10)
    west, south = place.corners(np.array([23]))
    layer = Layer(shapely.box(west + 10, south + 10, west + 130, south + 20), place, "EPSG:32632")
    with PEERS["geopandas.overlay"](layer) as work:
        split = work()
    assert split.measure.tolist() == pytest.approx([900, 300])
    assert gridding._same(split, split, place, 1e-5)
    for wrong in (split._replace(cell=split.cell[::-1]), split._replace(measure=split.measure * [1, 1.001])):
        assert not gridding._same(split, wrong, place, 1e-5)


def test_lines_are_nothing_for_exactextract() -> None:
    layer = Layer(
        np.array([shapely.LineString([(0, 0), (50, 50)])]), Window(Grid(32632, 100), 0, 1, 1, 1), "EPSG:32632"
    )
    with pytest.raises(Absent, match="polygons only"), PEERS["exactextract"](layer):
        pass
