# SPDX-License-Identifier: Apache-2.0
"""A build in partitions: the same bytes however it is cut and wherever it runs, also after it was killed."""

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from random import Random

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

from carbongrid.errors import InvalidInput
from carbongrid.geometry.boxes import meeting
from carbonstore.building.build import build, silent
from carbonstore.building.partials import Made, save, sound
from carbonstore.building.partition import ONE_PROCESS, Partitioning, partitioned
from carbonstore.releases.stored import Release
from carbonstore.report import exact_sum
from tests.store.inventories import CRS, PLACE, line, square

TERMS = 'licence = "CC0-1.0"\nattribution = "Test"\n'


def write_town(folder: Path) -> Path:
    """60 houses, 40 links, 30 stands: ids and whole rows repeat, stands overlap, objects cross the edge."""
    rng = np.random.default_rng(11)
    east, north = rng.uniform(-20, 3_980, (2, 60))
    houses = geopandas.GeoDataFrame(
        {
            "id": [f"h{i % 50}" for i in range(60)],
            "pnu": [f"11710101001{i // 2:04d}0000" for i in range(60)],
            "use": ["01000", "02000", "17000"] * 20,
            "floor_area_m2": rng.uniform(50, 900, 60),
            "year_built": rng.integers(1970, 2020, 60),
            "electricity_kwh": np.where(rng.random(60) < 0.7, rng.uniform(1e3, 1e5, 60), np.nan),
        },
        geometry=[square(x, y, 8 + i % 9) for i, (x, y) in enumerate(zip(east, north, strict=True))],
        crs=CRS,
    )
    again = houses.iloc[[3, 41]]
    pd.concat([houses, again]).to_parquet(folder / "houses.parquet")
    ends = rng.uniform(0, 4_000, (40, 4))
    lanes = {"class": ["101", "107"] * 20, "lanes": rng.integers(1, 4, 40), "aadt": rng.uniform(100, 9e4, 40)}
    links = geopandas.GeoDataFrame(lanes, geometry=[line((a, b), (c, d)) for a, b, c, d in ends], crs=CRS)
    links.to_parquet(folder / "links.parquet")
    at = rng.uniform(-100, 3_900, (30, 2))
    stands = {"species": ["11", "32", "77"] * 10, "age_class": rng.integers(1, 8, 30)}
    shapes = [square(x, y, 700) for x, y in at]
    geopandas.GeoDataFrame(stands, geometry=shapes, crs=CRS).to_parquet(folder / "stands.parquet")
    geopandas.GeoSeries([PLACE], crs="OGC:CRS84").to_file(folder / "place.geojson")
    sources = [("houses", "buildings", ""), ("links", "roads", ""), ("stands", "forests", "base_year = 2020\n")]
    tables = "".join(
        f'[[source]]\nkind = "table"\npath = "{name}.parquet"\nprovides = ["{kind}"]\n{more}{TERMS}\n'
        for name, kind, more in sources
    )
    file = folder / "town.toml"
    title = '{ ko = "마을", en = "Town" }'
    head = f'id = "town"\ntitle = {title}\ncountry = "kor"\nyear = 2023\nboundary = "place.geojson"\n'
    file.write_text(f"[inventory]\n{head}\n{tables}")
    return file


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_town(tmp_path_factory.mktemp("town"))


def bytes_of(release: Release) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in release.path.iterdir() if p.name not in ("built.json", "run.json")}


@pytest.fixture(scope="module")
def whole(town: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The release built in one piece."""
    release = build(town, tmp_path_factory.mktemp("whole"))
    buildings, _, forests = release.manifest["report"]["kinds"]
    assert buildings["rejected"]["repeated row"] == 2
    assert buildings["notes"] == ["10 ids occur more than once and were numbered"]
    assert forests["overlap_pairs"] > 3
    assert forests["overlap_removed"] > 1e5
    return bytes_of(release)


@pytest.mark.parametrize("rows", [7, 31])
def test_any_partition_gives_the_same_bytes(town: Path, whole: dict[str, bytes], rows: int, tmp_path: Path) -> None:
    assert bytes_of(build(town, tmp_path, how=Partitioning(rows=rows))) == whole
    assert not (tmp_path / "work").exists()


def test_two_workers_give_the_same_bytes(town: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    assert bytes_of(build(town, tmp_path, how=Partitioning(workers=2, rows=13))) == whole


KILLED = """
import os, signal, sys
from pathlib import Path
from carbonstore.building.build import build, silent
from carbonstore.building.partition import Partitioning
left = int(sys.argv[3])
def told(stage, done, total):
    global left
    left -= stage in ("read", "pool", "clip", "estimate") and done > 0
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
build(Path(sys.argv[1]), Path(sys.argv[2]), progress=told, how=Partitioning(rows=7))
"""


def killed(town: Path, root: Path, after: int) -> None:
    """A build that dies by SIGKILL after so many tasks."""
    run = subprocess.run([sys.executable, "-c", KILLED, town, root, str(after)], env=os.environ, check=False)
    assert run.returncode == -signal.SIGKILL
    assert not (root / "releases").exists() or not list((root / "releases").iterdir())


def resumed(town: Path, root: Path) -> tuple[dict[str, bytes], int]:
    """What a build makes where another left off, and how many tasks it ran."""
    told: list[tuple[str, int]] = []
    release = build(town, root, progress=lambda *now: told.append(now[:2]), how=Partitioning(rows=7))
    return bytes_of(release), sum(done > 0 for stage, done in told if stage in ("read", "pool", "clip", "estimate"))


def test_a_killed_build_goes_on_where_it_was(town: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    tasks = 20 + 9 + 20 + 20
    after = Random(os.getpid()).randrange(2, tasks)
    killed(town, tmp_path, after)
    made, ran = resumed(town, tmp_path)
    assert made == whole, f"killed after {after} tasks"
    assert ran <= tasks - after + 4, "stages that were whole report once"


def test_a_corrupt_partial_is_made_again(town: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    killed(town, tmp_path, 40)
    partials = sorted((tmp_path / "work").glob("*/*-*"))
    assert len(partials) >= 39
    for path in partials[::2]:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    partials[1].write_bytes(partials[1].read_bytes()[:-40])
    assert resumed(town, tmp_path)[0] == whole


def test_a_changed_row_leaves_nothing_of_the_killed_build(town: Path, tmp_path: Path) -> None:
    file = write_town(tmp_path)
    killed(file, tmp_path / "data", 30)
    table = geopandas.read_parquet(tmp_path / "houses.parquet")
    table.loc[table.index[5], "floor_area_m2"] = 7_000.0
    table.to_parquet(tmp_path / "houses.parquet")
    made, _ = resumed(file, tmp_path / "data")
    assert made == bytes_of(build(file, tmp_path / "again"))
    assert not (tmp_path / "data" / "work").exists()


def test_another_build_that_still_runs_keeps_its_files(tmp_path: Path) -> None:
    with partitioned(tmp_path, "town-2023", "a" * 64, ONE_PROCESS, silent) as first:
        for base in "bc":
            with partitioned(tmp_path, "town-2023", base * 64, ONE_PROCESS, silent):
                pass
        assert [p.name for p in (tmp_path / "work").iterdir()] == [first.folder.name]
    assert not (tmp_path / "work").exists()


def test_a_partial_that_was_changed_is_not_sound(tmp_path: Path) -> None:
    path = tmp_path / "part"
    filed = save(path, Made({"n": 3}, np.arange(1_000)))
    assert sound(path) == filed
    assert (filed.brief, filed.body.sum()) == ({"n": 3}, 499_500)
    data = path.read_bytes()
    for broken in (data[:-1], data + b"x", data[:200] + b"\xff" + data[201:], b""):
        path.write_bytes(broken)
        assert sound(path) is None
    assert sound(tmp_path / "none") is None


def test_settings_are_checked() -> None:
    assert Partitioning.from_env({"CARBONGRID_WORKERS": "3", "CARBONGRID_ROWS": "10"}) == Partitioning(3, 10)
    for name, text in (("WORKERS", "0"), ("ROWS", "many"), ("SCHEDULER", "localhost")):
        with pytest.raises(InvalidInput, match=f"CARBONGRID_{name}"):
            Partitioning.from_env({f"CARBONGRID_{name}": text})


def test_a_scheduler_that_does_not_answer_is_named(town: Path, tmp_path: Path) -> None:
    how = Partitioning(rows=7, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(InvalidInput, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"):
        build(town, tmp_path, how=how)


def test_exact_sums_do_not_depend_on_order() -> None:
    values = np.random.default_rng(3).lognormal(3, 6, 1_000)
    total = exact_sum(values)
    assert total == sum((Fraction(v) for v in values.tolist()), Fraction(0))
    assert total == exact_sum(values[::-1][:300]) + exact_sum(values[:700])


def test_meeting_boxes_are_those_that_an_index_finds() -> None:
    rng = np.random.default_rng(5)
    west, south = rng.uniform(0, 9_000, (2, 300))
    width, height = rng.uniform(1, 900, (2, 300))
    height[:3] = 7_000  # across several strips
    boxes = np.column_stack([west, south, west + width, south + height])
    boxes[17] = np.nan
    shapes = np.where(np.isnan(boxes[:, 0]), None, shapely.box(*boxes.T))
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    wanted = sorted((int(j), int(i)) for i, j in zip(a, b, strict=True) if i < j)
    assert [(j, i) for i, j in meeting(boxes).tolist()] == wanted
    assert meeting(np.empty((0, 4))).shape == (0, 2)
