# SPDX-License-Identifier: Apache-2.0
"""A release says what it holds, holds what it says, and is either whole or not there."""

import errno
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
import shapely

from carbongrid.errors import Corrupt, InvalidInput, NotFound
from carbongrid.inventory import Inventory
from carbongrid.montecarlo import Interval
from carbonstore.releases import arrow, disk
from carbonstore.releases.release import Release, built, model_digest, write
from tests.toy import BANDS, KG, toy_inventory, toy_publication


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return written(toy_inventory(), tmp_path)


def written(inventory: Inventory, root: Path) -> Release:
    return write(inventory, toy_publication(inventory), root)


def test_the_manifest_holds_the_totals_of_the_table(release: Release) -> None:
    totals = release.manifest["totals"]
    assert [b["kg"] for b in totals["bands"]] == [KG[b] for b in BANDS]
    assert totals["kg"] == {
        "emission_buildings": 1500 + 999 + 10,
        "emission_buildings_scope1": 500,
        "emission_buildings_scope2": 1000 + 999 + 10,
        "emission_transport": 5000 + 50 + 4000,
        "emission_total": 2509 + 9050,
        "absorption_forest": 4001 - 1000,
        "absorption_forest_gross": 4001,
        "net": 11559 - 3001,
        "emission_total_u95": 1155,
        "absorption_forest_u95": 300,
        "net_u95": 855,
    }
    assert release.manifest["state"] == {"status": "partial", "missing": "buildings,forest"}


def test_every_band_says_in_which_totals_it_counts(release: Release) -> None:
    modes = {(b["sector"], b["scope"]): b["modes"] for b in release.manifest["totals"]["bands"]}
    assert modes[("buildings", 2)] == ["end_user"]
    assert modes[("buildings", 1)] == ["end_user", "territorial"]


def test_the_manifest_carries_what_explains_the_numbers(release: Release) -> None:
    m = release.manifest
    assert (m["inventory"], m["year"], m["grid"]["crs"], m["levels"]) == ("toy", 2023, "EPSG:5179", [100, 500, 1000])
    assert m["internal_levels"] == [5000, 10000]
    assert m["cells"] == {"100": 36, "500": 4, "1000": 4, "5000": 4, "10000": 1}
    assert m["licences"] == [{"licence": "CC0-1.0", "attribution": "Carbongrid toy city"}]
    assert [f["id"] for f in m["factors"]] == ["grid", "fuel", "wood"]
    assert m["model"]["sources_sha256"] == model_digest()
    assert m["report"] == {"buildings": {"read": 4, "used": 4, "rejected": {}}}


def test_an_inventory_comes_back_as_it_went_in(release: Release) -> None:
    before, after = toy_inventory(), release.inventory()
    assert (after.id, after.year, after.grid, after.bands) == (before.id, before.year, before.grid, before.bands)
    assert (after.factors, after.rows, after.boundary) == (before.factors, before.rows, before.boundary)
    for size, cells in before.cells.items():
        for name in ("index", "share", "area_m2", "kg", "null", "incomplete", "u95", "quality"):
            np.testing.assert_array_equal(getattr(after.cells[size], name), getattr(cells, name), f"{size} {name}")
        assert after.cells[size].window == cells.window
    for kind, layer in before.layers.items():
        for name in ("source", "band", "factor", "row", "u_own", "activity", "kg"):
            np.testing.assert_array_equal(getattr(after.layers[kind].lines, name), getattr(layer.lines, name))
        for name in ("cells", "ptr", "line", "kg"):
            np.testing.assert_array_equal(getattr(after.layers[kind].pieces, name), getattr(layer.pieces, name))
        assert list(after.layers[kind].id) == list(layer.id)
        assert list(after.layers[kind].geometry.to_shapely()) == list(layer.geometry.to_shapely())
    assert list(after.border.geometry.to_shapely()) == list(before.border.geometry.to_shapely())


def test_coverage_is_kept_by_sector(release: Release) -> None:
    forest = shapely.from_wkb(release.coverage("forest") or b"")
    city = shapely.from_wkb(release.boundary)
    assert forest.area / city.area == pytest.approx(450 / 600, rel=1e-3)


def test_kilograms_take_four_bytes_where_they_fit_and_eight_where_not(tmp_path: Path) -> None:
    small = written(toy_inventory(), tmp_path).level(100)
    large = written(toy_inventory(scale=3_000_000), tmp_path).level(100)
    growth = [b.use for b in BANDS].index("growth")
    assert small.kg[growth].dtype == np.int32
    assert large.kg[growth].dtype == np.int64
    assert large.kg[growth].sum() == 4001 * 3_000_000


def test_columns_are_the_file_itself_and_writing_to_them_leaves_the_file_alone(release: Release) -> None:
    level = release.level(100)
    assert not level.area_m2.flags.owndata
    assert level.area_m2.ctypes.data % 8 == 0
    level.area_m2[0] = -1
    assert Release.open(release.path).level(100).area_m2[0] == pytest.approx(10_000, rel=0.01)


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    a, b = (written(toy_inventory(), tmp_path / name) for name in "ab")
    assert a.id == b.id
    for path in sorted(a.path.iterdir()):
        if path.name != "built.json":
            assert path.read_bytes() == (b.path / path.name).read_bytes(), path.name


def test_another_process_gives_the_same_id(tmp_path: Path, release: Release) -> None:
    code = (
        "import sys; from pathlib import Path; from carbonstore.releases.release import write\n"
        "from tests.toy import toy_inventory, toy_publication\n"
        "i = toy_inventory(); print(write(i, toy_publication(i), Path(sys.argv[1])).id)"
    )
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "other"], cwd=root, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert other.stdout.strip() == release.id


def test_neither_time_nor_place_nor_host_is_inside(release: Release, tmp_path: Path) -> None:
    for path in release.path.iterdir():
        content = path.read_bytes()
        assert os.fsencode(tmp_path) not in content
        assert os.uname().nodename.encode() not in content


def test_building_again_reuses_the_release_and_makes_it_the_newest(tmp_path: Path) -> None:
    first = written(toy_inventory(), tmp_path)
    second = written(toy_inventory(scale=2), tmp_path)
    assert [b.id for b in built(tmp_path, "toy")] == [first.id, second.id]
    assert written(toy_inventory(), tmp_path).id == first.id
    assert [b.id for b in built(tmp_path, "toy")] == [second.id, first.id]


def test_building_again_mends_a_release_that_rotted(tmp_path: Path) -> None:
    release = written(toy_inventory(), tmp_path)
    (release.path / "border.arrow").write_bytes(b"rot")
    mended = written(toy_inventory(), tmp_path)
    mended.verify()
    assert mended is not release


def test_verify_finds_a_flipped_byte_in_any_file(release: Release) -> None:
    release.verify()
    names = sorted({"manifest.json", *release.manifest["files"]})
    assert len(names) == 27
    for name in names:
        path = release.path / name
        sound = path.read_bytes()
        at = len(sound) // 2
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 1]) + sound[at + 1 :])
        with pytest.raises(Corrupt, match=name):
            release.verify()
        path.write_bytes(sound)
    release.verify()


def test_verify_finds_a_file_too_many_or_too_few(release: Release) -> None:
    (release.path / "extra").touch()
    with pytest.raises(Corrupt, match="extra"):
        release.verify()
    (release.path / "extra").unlink()
    (release.path / "report.json").unlink()
    with pytest.raises(Corrupt, match=r"report\.json"):
        release.verify()


def broken(size: int, **changes: object) -> Inventory:
    inventory = toy_inventory()
    return replace(inventory, cells={**inventory.cells, size: replace(inventory.cells[size], **changes)})  # type: ignore[arg-type]


def test_verify_finds_what_does_not_add_up(tmp_path: Path) -> None:
    cells = toy_inventory().cells
    more = cells[500].kg + np.eye(*cells[500].kg.shape, dtype=np.int64)
    with pytest.raises(Corrupt, match=r"cells 500 m.*adds up to 1010 kg instead of 1009 kg"):
        written(broken(500, kg=more), tmp_path).verify()
    with pytest.raises(Corrupt, match=r"cells 1000 m.*roll-up"):
        written(broken(1000, kg=cells[1000].kg[:, ::-1]), tmp_path).verify()
    with pytest.raises(Corrupt, match="pieces: they do not add up to the finest cells"):
        written(broken(100, kg=np.roll(cells[100].kg, 1, axis=1)), tmp_path).verify()


def test_verify_finds_a_piece_that_moved_between_lines(tmp_path: Path) -> None:
    inventory = toy_inventory()
    roads = inventory.layers["roads"]
    kg = roads.pieces.kg.copy()
    kg[0], kg[5] = kg[0] - 1, kg[5] + 1
    layers = {**inventory.layers, "roads": replace(roads, pieces=replace(roads.pieces, kg=kg))}
    with pytest.raises(Corrupt, match="pieces of roads"):
        written(replace(inventory, layers=layers), tmp_path).verify()


def test_intervals_are_said_for_known_totals_and_verified(tmp_path: Path) -> None:
    inventory = toy_inventory()
    intervals = {"net": Interval("approach_2", 5_000, 7_000, 9_000), "emission_total": Interval("approach_1", 1, 2, 3)}
    sound = write(inventory, replace(toy_publication(inventory), intervals=intervals), tmp_path)
    assert sound.manifest["totals"]["interval"]["net"] == {
        "method": "approach_2", "low": 5_000, "median": 7_000, "high": 9_000,
    }  # fmt: skip
    sound.verify()
    wrong = replace(toy_publication(inventory), intervals={"net": Interval("approach_2", 7_000, 5_000, 9_000)})
    with pytest.raises(Corrupt, match="percentiles of net do not ascend"):
        write(inventory, wrong, tmp_path).verify()


def test_verify_finds_masks_and_values_that_cannot_be(tmp_path: Path) -> None:
    cells = toy_inventory().cells[100]
    nan = np.where(np.arange(36) == 7, np.nan, cells.area_m2)
    with pytest.raises(Corrupt, match="area_m2 holds a value that is not finite"):
        written(broken(100, area_m2=nan), tmp_path).verify()
    with pytest.raises(Corrupt, match="without being incomplete"):
        written(broken(100, null=cells.null | np.uint8(1)), tmp_path).verify()
    everything = np.full(36, 7, np.uint8)
    with pytest.raises(Corrupt, match="has kilograms of buildings"):
        written(broken(100, null=everything, incomplete=everything), tmp_path).verify()
    with pytest.raises(Corrupt, match="not ascending"):
        written(broken(100, index=cells.index[::-1].copy()), tmp_path).verify()


def left_over(root: Path) -> list[str]:
    return sorted(p.name for p in (root / "releases").glob("*"))


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The n-th write fails, for every n until one run passes untouched."""
    inventory, publication = toy_inventory(), toy_publication(toy_inventory())
    for n in range(100):
        calls = iter(range(1000))

        def fsync(fd: int, calls: object = calls, n: int = n) -> None:
            if next(calls) == n:  # type: ignore[call-overload]
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", fsync)
        with suppress(OSError):
            write(inventory, publication, tmp_path)
            break
        for name in left_over(tmp_path):  # only the last step comes after the name: what has one is whole
            Release.open(tmp_path / "releases" / name).verify()
    assert 20 < n < 40
    assert len(left_over(tmp_path)) == 1


def test_what_a_dead_writer_left_is_swept_and_a_living_one_is_not(tmp_path: Path) -> None:
    releases = tmp_path / "releases"
    (releases / ".tmp-dead" / "deep").mkdir(parents=True)
    with disk.temp_folder(tmp_path, releases, "living") as living:
        release = written(toy_inventory(), tmp_path)
        assert set(left_over(tmp_path)) == {living.name, release.id}
    assert left_over(tmp_path) == [release.id]


def test_an_open_release_outlives_its_files(release: Release) -> None:
    shutil.rmtree(release.path)
    assert release.inventory().cells[100].kg.sum() == sum(KG.values())
    assert shapely.from_wkb(release.boundary).is_valid
    with pytest.raises(NotFound, match="there is no release"):
        Release.open(release.path)


def test_a_manifest_of_another_name_or_layout_is_refused(release: Release) -> None:
    other = release.path.rename(release.path.with_name("0" * 16))
    with pytest.raises(Corrupt, match="named after"):
        Release.open(other)
    manifest = orjson.dumps({**release.manifest, "schema": 99})
    (other / "manifest.json").write_bytes(manifest)
    with pytest.raises(Corrupt, match="layout version 99"):
        Release.open(other.rename(other.with_name(disk.digest(manifest)[:16])))


def test_levels_and_kinds_that_are_not_there_are_named(release: Release) -> None:
    with pytest.raises(NotFound, match=r"250 m.*100, 500, 1000, 5000, 10000"):
        release.level(250)
    with pytest.raises(NotFound, match=r"no ships.*buildings, roads, forests"):
        release.layer("ships")
    with pytest.raises(InvalidInput, match="no level"):
        write(toy_inventory(), toy_publication(toy_inventory(), levels=(250,)), release.path.parent)


def test_empty_columns_survive(tmp_path: Path) -> None:
    path = tmp_path / "empty.arrow"
    arrow.save(path, {"x": np.empty(0), "pieces": arrow.lists(np.zeros(1, np.int64), {"kg": np.empty(0, np.int32)})})
    table = arrow.Table(path)
    offsets, record = table.records("pieces")
    assert (len(table), table.names, len(table.column("x")), len(record["kg"])) == (0, ["x", "pieces"], 0, 0)
    assert offsets.tolist() == [0]
