# SPDX-License-Identifier: Apache-2.0
"""What a changed row changes, and nothing else; equal inputs give equal bytes wherever they lie."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from click.testing import CliRunner

from carbongrid.assemble import all_lines
from carbongrid.crs import CRS84
from carbongrid.errors import InvalidInput, NotFound
from carbongrid.uncertainty import half_widths
from carbonserver.cli import main
from carbonstore.audit.compare import Names, compare, find
from carbonstore.building.build import build, input_hashes
from carbonstore.inventory.inventory_file import read
from carbonstore.places.reproject import reprojected
from carbonstore.releases.edition import current, publish
from carbonstore.releases.release import write
from carbonstore.releases.stored import Release
from tests.store.inventories import CRS, PLACE, square
from tests.toy import toy_cell, toy_inventory, toy_publication, toy_store

SIDES = {f"h{i}": square(150.0 + 400 * (i % 5), 150.0 + 400 * (i // 5), 20) for i in range(10)}
"""Ten houses in ten cells of 100 m; the tenth stands across two."""
SIDES["h9"] = square(1790, 560, 20)

INVENTORY = """
[inventory]
id = "place"
title = { ko = "곳", en = "Place" }
country = "kor"
year = 2023
boundary = "boundary.geojson"
[[source]]
kind = "table"
path = "houses.geojson"
provides = ["buildings"]
licence = "CC0-1.0"
attribution = "test"
"""


def folder(path: Path, floor: dict[str, float] | None = None, drop: str | None = None) -> Path:
    """An inventory file with its sources; ``floor`` overrides the floor area of 100 m2."""
    path.mkdir(parents=True)
    names = [name for name in SIDES if name != drop]
    shapes = reprojected([SIDES[name] for name in names], CRS, CRS84)
    features = [
        {
            "type": "Feature",
            "properties": {"id": name, "use": "house", "floor_area_m2": (floor or {}).get(name, 100.0)},
            "geometry": shapely.geometry.mapping(shape),
        }
        for name, shape in zip(names, shapes, strict=True)
    ]
    (path / "houses.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    outline = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(PLACE)}
    (path / "boundary.geojson").write_text(json.dumps(outline))
    (path / "place.toml").write_text(INVENTORY)
    return path / "place.toml"


def bytes_of(release: Release) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(release.path.iterdir()) if p.name not in ("built.json", "run.json")}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Release:
    base = tmp_path_factory.mktemp("first")
    return build(folder(base / "sources"), base / "data")


def test_equal_inputs_elsewhere_give_equal_bytes(first: Release, tmp_path: Path) -> None:
    file = folder(tmp_path / "quite" / "another place")
    for path in file.parent.iterdir():  # neither times nor modes of files matter
        shutil.copyfile(path, tmp_path / path.name)
        path.touch()
    again = build(file, tmp_path / "data")
    assert bytes_of(again) == bytes_of(first)
    assert again.id == first.id
    assert compare(first, again).same
    assert bytes_of(build(tmp_path / "place.toml", tmp_path / "third")) == bytes_of(first)


def test_one_changed_row_changes_only_what_it_must(first: Release, tmp_path: Path) -> None:
    found = compare(first, build(folder(tmp_path / "s", {"h3": 200.0}), tmp_path / "data"))
    assert found.inputs.changed == ("houses.geojson",)
    assert (found.inputs.added, found.inputs.removed) == ((), ())
    assert not any((found.factors, found.rows, found.settings))
    assert not found.model_changed
    assert found.sources["buildings"].changed == ("h3",)
    assert found.sources["buildings"].counts() == {"added": 0, "removed": 0, "changed": 1}
    assert found.levels is not None
    assert [(c.level, c.changed, c.added, c.removed) for c in found.levels] == [
        (100, 1, 0, 0),
        (500, 1, 0, 0),
        (1000, 1, 0, 0),
    ]
    assert found.largest is not None
    (cell,) = found.largest
    assert cell.cell == f"CRS5179RES100mN{1_944_000 + 100}E{958_000 + 1300}"
    assert cell.before is not None
    assert cell.after == pytest.approx(2 * cell.before, abs=3)  # a whole kilogram a band
    for before, after in found.bands.values():  # 10 houses of 100 m2 -> 11
        assert after / before == pytest.approx(1.1, rel=0.02)
    # every other cell is the same in every band, state and half-width
    a, b = first.level(100), find(tmp_path / "data", found.after).level(100)
    other = a.index != a.window.index(a.window.grid.parse(cell.cell))
    for x, y in zip(
        (*a.kg, *a.u95, a.null, a.incomplete, a.quality), (*b.kg, *b.u95, b.null, b.incomplete, b.quality), strict=True
    ):
        assert np.array_equal(x[other], y[other])


def test_a_row_across_two_cells_changes_two(first: Release, tmp_path: Path) -> None:
    found = compare(first, build(folder(tmp_path / "s", {"h9": 500.0}), tmp_path / "data"))
    assert found.levels is not None
    assert found.levels[0].changed == 2


def test_a_row_that_is_gone(first: Release, tmp_path: Path) -> None:
    found = compare(first, build(folder(tmp_path / "s", drop="h0"), tmp_path / "data"))
    assert found.sources["buildings"].removed == ("h0",)
    assert found.levels is not None
    assert found.levels[0].changed == 1
    assert found.largest is not None
    assert found.largest[0].after == 0  # covered, and nothing is there


def test_a_kind_that_only_one_has(tmp_path: Path) -> None:
    whole = toy_inventory()
    bare = replace(whole, layers={k: v for k, v in whole.layers.items() if k != "roads"})
    a, b = (write(i, toy_publication(i), tmp_path) for i in (whole, bare))
    assert compare(a, b).sources == {"roads": Names((), ("east", "north"), ())}
    assert compare(b, a).sources == {"roads": Names(("east", "north"), (), ())}


def test_another_boundary_is_another_input(first: Release, tmp_path: Path) -> None:
    file = folder(tmp_path / "s")
    outline = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(PLACE.buffer(-0.001))}
    (file.parent / "boundary.geojson").write_text(json.dumps(outline))
    found = compare(first, build(file, tmp_path / "data"))
    assert found.inputs.changed == ("boundary",)
    assert found.levels is not None
    assert found.levels[0].removed > 0


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    file = folder(tmp_path / "s")
    (file.parent / "more").mkdir()
    shutil.copyfile(file.parent / "houses.geojson", file.parent / "more" / "houses.geojson")
    more = INVENTORY[INVENTORY.index("[[source]]") :].replace("houses.geojson", "more/houses.geojson")
    file.write_text(INVENTORY + more)
    assert set(input_hashes(read(file), {})) == {"place.toml", "boundary", "houses.geojson"}  # the same bytes
    (file.parent / "more" / "houses.geojson").write_text("{}")
    assert set(input_hashes(read(file), {})) == {"place.toml", "boundary", "houses.geojson", "source 2: houses.geojson"}


def test_two_years_of_the_toy_city(tmp_path: Path) -> None:
    toy_store(tmp_path)
    found = compare(find(tmp_path, "toy.2022"), find(tmp_path, "toy"))
    assert found.settings == {"year": (2022, 2023)}
    assert found.figures["emission_total"] == (2 * 11_559, 11_559)
    assert found.bands["transport.road.1.ch4"] == (100, 50)
    assert found.largest is not None
    house = next(c for c in found.largest if c.cell == toy_cell(-300, -200))
    assert (house.before, house.after) == (4820, 2410)


def test_what_both_years_have_in_common_cancels_in_the_change(tmp_path: Path) -> None:
    """2022 is twice 2023 by the same tables: rows and factors err on the difference, own errors in both years."""
    _, after = toy_store(tmp_path)
    change = compare(find(tmp_path, "toy.2022"), find(tmp_path, "toy")).changes["emission_total"]
    layers = [after.layer(kind) for kind in ("buildings", "roads")]
    own = [np.bincount(x.lines.source, x.lines.kg * x.lines.u_own / 100) for x in layers]
    own_squared = float((np.concatenate(own) ** 2).sum())
    emitted = all_lines(layers)
    squared = half_widths(emitted.kg, emitted, np.ones(len(emitted.kg), np.int64), after.factors, after.rows) ** 2
    assert change.kg == -11_559
    assert change.u95 == round(np.sqrt(squared + 4 * own_squared))
    assert change.apart_u95 == pytest.approx(np.sqrt(5 * squared), abs=1)
    assert compare(after, after).changes["net"].kg == 0


def test_a_release_by_every_name(tmp_path: Path) -> None:
    old, new = toy_store(tmp_path)
    first = current(tmp_path, "toy").id
    changed = toy_inventory(2023, scale=3)
    newest = write(changed, toy_publication(changed), tmp_path)
    publish(tmp_path, "toy")
    assert find(tmp_path, "toy").id == find(tmp_path, "toy.2023").id == newest.id
    assert find(tmp_path, f"toy@{first}").id == find(tmp_path, f"toy.2023@{first}").id == new.id
    assert find(tmp_path, f"toy.2022@{first}").id == find(tmp_path, old.id).id == old.id
    with pytest.raises(NotFound, match="no year 1999"):
        find(tmp_path, "toy.1999")
    with pytest.raises(NotFound, match="nothing is published"):
        find(tmp_path, "nowhere")
    with pytest.raises(InvalidInput, match="names no release"):
        find(tmp_path, "../toy")


def test_other_grids_are_not_compared_cell_by_cell(tmp_path: Path) -> None:
    (korean,) = toy_store(tmp_path, (2023,))
    (uzbek,) = toy_store(tmp_path, (2023,), id="toy-uzb", epsg=32642)
    found = compare(korean, uzbek)
    assert (found.levels, found.largest) == (None, None)
    assert found.figures == {}
    assert set(found.settings) == {"inventory", "grid", "country"}


def test_the_command(tmp_path: Path) -> None:
    toy_store(tmp_path)
    runner = CliRunner(env={"CARBONGRID_DATA": str(tmp_path), "COLUMNS": "200"}, catch_exceptions=False)
    text = runner.invoke(main, ["compare", "toy.2022", "toy.2023"]).stdout
    assert "year: 2022 -> 2023" in text
    assert "-11,559" in text
    assert "cells of 100 m:" in text
    assert "emission_total changed by -11,559 ± " in text
    said = json.loads(runner.invoke(main, ["compare", "toy.2022", "toy.2023", "--json"]).stdout)
    assert said["figures"]["emission_total"] == [23_118, 11_559]
    assert "the same release" in runner.invoke(main, ["compare", "toy", "toy"]).stdout
    refused = runner.invoke(main, ["compare", "toy", "nowhere"])
    assert refused.exit_code == 2
    assert len(refused.stderr.strip().splitlines()) == 1
