# SPDX-License-Identifier: Apache-2.0
"""``[[benchmark]]``: the modelled part of a sector meets its control total, to the kilogram."""

import json
from pathlib import Path

import pytest

from carbongrid.errors import InvalidInput
from carbonstore.building.build import build
from carbonstore.inventory.inventory_file import read

FILE = """
[inventory]
id = "place"
title = {{ ko = "곳", en = "Place" }}
country = "uzb"
year = 2023
boundary = [67.80, 40.10, 67.84, 40.13]

[[source]]
kind = "table"
path = "houses.geojson"
provides = ["buildings"]
licence = "CC0-1.0"
attribution = "test"

[[benchmark]]
{benchmark}
"""
CONTROL = 'id = "balance"\nsector = "buildings"\nvalue = 1.25\nunit = "ktCO2e"\nu_pct = 30\nsource = "test"\n'


def inventory(folder: Path, benchmark: str = CONTROL) -> Path:
    square = [[0, 0], [2e-4, 0], [2e-4, 2e-4], [0, 2e-4], [0, 0]]
    features = [
        {
            "type": "Feature",
            "properties": {"use": use},
            "geometry": {"type": "Polygon", "coordinates": [[[67.81 + i * 1e-3 + x, 40.11 + y] for x, y in square]]},
        }
        for i, use in enumerate(("house", "apartments", "office"))
    ]
    (folder / "houses.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    file = folder / "place.toml"
    file.write_text(FILE.format(benchmark=benchmark))
    return file


def test_the_sector_meets_its_control(tmp_path: Path) -> None:
    release = build(inventory(tmp_path), tmp_path / "data")
    assert release.manifest["totals"]["kg"]["emission_buildings"] == 1_250_000
    half = release.manifest["totals"]["kg"]["emission_total_u95"]
    assert 0.30 * 1_250_000 < half < 0.40 * 1_250_000, "the control's 30 % and three houses' own errors"
    release.verify()


def test_the_scale_is_told(tmp_path: Path) -> None:
    notes = build(inventory(tmp_path), tmp_path / "data").manifest["report"]["notes"]["buildings"]
    assert any("balance" in str(key) or "balance" in str(value) for key, value in notes.items()), notes


def test_without_a_control_the_total_is_another(tmp_path: Path) -> None:
    file = inventory(tmp_path)
    file.write_text(file.read_text().partition("[[benchmark]]")[0])
    assert build(file, tmp_path / "data").manifest["totals"]["kg"]["emission_buildings"] not in (0, 1_250_000)


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        ('sector = "buildings"', 'sector = "forest"', "benchmark 1.sector", "transport"),
        ("value = 1.25", "value = -1", "benchmark 1.value", "positive"),
        ("u_pct = 30\n", "", "benchmark 1.u_pct", "positive"),
        ('unit = "ktCO2e"', 'unti = "ktCO2e"', "benchmark 1", "unit"),
        ('source = "test"', 'source = "test"\nscope = 3', "benchmark 1.scope", "1, 2"),
        ('source = "test"', 'source = "test"\nuse = "road"', "benchmark 1.use", "residential"),
    ],
)
def test_a_broken_benchmark_names_its_key(tmp_path: Path, old: str, new: str, where: str, words: str) -> None:
    assert old in CONTROL
    with pytest.raises(InvalidInput) as caught:
        read(inventory(tmp_path, CONTROL.replace(old, new)))
    assert where in caught.value.sentence
    assert words in caught.value.sentence


def test_a_sector_without_a_source(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no source provides transport"):
        build(inventory(tmp_path, CONTROL.replace("buildings", "transport")), tmp_path / "data")


def test_an_id_used_twice(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="used twice"):
        read(inventory(tmp_path, f"{CONTROL}\n[[benchmark]]\n{CONTROL}"))
