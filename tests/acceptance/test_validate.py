# SPDX-License-Identifier: Apache-2.0
"""``carbongrid validate`` on the sample: honest where the sample follows the registry, and it says so where not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from carbonserver.cli import main
from carbonstore.building.build import build
from carbonstore.releases.edition import publish
from carbonstore.releases.stored import Release
from carbonstore.sample import write_sample

YEAR = 2023


def run(*arguments: str, data: Path) -> Result:
    return CliRunner(env={"CARBONGRID_DATA": str(data), "COLUMNS": "200"}, catch_exceptions=False).invoke(
        main, arguments
    )


@pytest.fixture(scope="module", params=[1.0, 2.0])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[float, Path, Path]:
    root = tmp_path_factory.mktemp(f"spread{request.param:g}")
    (file,) = write_sample("sejong", root / "sample", (YEAR,), spread=request.param)
    build(file, root)
    publish(root, "sejong")
    return request.param, file, root


def test_coverage_follows_the_spread(place: tuple[float, Path, Path]) -> None:
    spread, file, root = place
    got = run("validate", str(file), "--json", data=root)
    (result,) = json.loads(got.stdout)
    assert result["year"] == YEAR
    assert result["parcels"]["held_out"] > 1000
    for fit in result["all"].values():
        low, high = fit["chance_pct"]
        assert 90 < low < 95 < high < 99
        if spread == 1:
            assert 90 <= fit["coverage_pct"] <= 99
            assert fit["verdict"] == "ok"
            assert abs(fit["bias_pct"]) < 10
        else:
            assert fit["coverage_pct"] < 85
            assert fit["verdict"] == "under"


def test_it_is_written_beside_the_release_which_stays_sound(place: tuple[float, Path, Path]) -> None:
    spread, file, root = place
    shown = run("validate", str(file), data=root).stdout
    (whole,) = (line for line in shown.splitlines() if re.search(r"\ball\b.*co2e_kg", line))
    assert ("intervals too narrow" in whole) == (spread == 2)
    (kept,) = (root / "releases").glob("*/validation.json")
    result: dict[str, Any] = json.loads(kept.read_text())
    assert kept.parent.name == result["release"]
    assert set(result["uses"]) == {"residential", "commercial", "public", "industrial", "other"}
    Release.open(kept.parent).verify()
    assert "residential" in run("validate", "sejong", data=root).stdout


def test_other_inputs_have_no_release(place: tuple[float, Path, Path], tmp_path: Path) -> None:
    _, file, root = place
    other = file.with_name("other.toml")
    other.write_text(file.read_text() + "\n# changed\n")
    got = run("validate", str(other), data=root)
    assert got.exit_code == 2
    assert "carbongrid build" in got.stderr
    assert run("validate", "sejong", data=tmp_path).exit_code == 2
