# SPDX-License-Identifier: Apache-2.0
"""Traps of real data: every row of docs/data-traps.md has a test; here are those that no reader's own test holds.

Each test shows first what a naive reader makes of the file, then what the report says ours did.
"""

import json
import re
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from carbongrid.errors import InvalidInput
from carbonstore.building.build import build
from carbonstore.sources import SourceTable, read_source, read_sources
from tests.store.inventories import CRS, SOUTH, WEST, context, spec, square
from tests.store.test_osm import Extract

ROOT = Path(__file__).parents[2]


def houses(path: Path, outlines: list[shapely.Geometry], **columns: list[object]) -> Path:
    geopandas.GeoDataFrame(
        columns or {"id": [str(i) for i in range(len(outlines))]}, geometry=outlines, crs=CRS
    ).to_file(path, engine="pyogrio")
    return path


def read(path: Path, **keys: object) -> SourceTable:
    (table,) = read_source(spec(path.parent, kind="table", path=path.name, provides=["buildings"], **keys), context())
    return table


def test_every_row_of_the_table_names_a_test_that_exists() -> None:
    rows = [line for line in (ROOT / "docs" / "data-traps.md").read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 35
    for row in rows:
        named = re.findall(r"`(\w+)::(test_\w+)`", row)
        assert named, row
        for module, test in named:
            found = [path for path in (ROOT / "tests").rglob(f"{module}.py") if f"def {test}(" in path.read_text()]
            assert len(found) == 1, f"{module}::{test}"


def test_a_combined_file_beside_its_parts_counts_nothing_twice(tmp_path: Path) -> None:
    left, right = [square(100, 100, 10), square(200, 100, 20)], [square(2_100, 100, 30)]
    new = square(3_100, 100, 40)
    parts = (("a", left), ("b", right), ("00_combined", [*left, *right, new]))
    files = [houses(tmp_path / f"{name}.gpkg", outlines) for name, outlines in parts]
    assert sum(geopandas.read_file(f).area.sum() for f in files) == pytest.approx(2 * 1_400 + 1_600)
    specs = [spec(tmp_path, kind="table", path=f.name, provides=["buildings"]) for f in files]
    tables = read_sources(specs, context()).tables
    assert sum(t.table.measure.sum() for t in tables) == pytest.approx(1_400 + 1_600)
    assert [t.report.used for t in tables] == [2, 1, 1]
    report = tables[2].report
    assert report.rejected == {"repeated in another source": 3}
    assert report.rejected_measure == {"repeated in another source": pytest.approx(1_400)}
    assert "다른 자료에 이미 있음 3" in report.sentence("ko")
    with pytest.raises(InvalidInput, match=r"source 2: the source is empty.*repeated in another source 2"):
        read_sources([replace(specs[0]), replace(specs[0], place="test.toml: source 2")], context())


def test_a_clipped_pbf_with_a_ring_of_two_points_loses_that_ring_only(tmp_path: Path) -> None:
    extract = Extract()
    extract.area(100, 100, 10, building="yes")
    extract.ways.append((2, [1, 9_001, 9_002, 1], {"building": "yes"}))
    path = extract.write(tmp_path / "clipped.osm.pbf")
    with pytest.raises(shapely.errors.GEOSException, match="Invalid number of points in LinearRing"):
        pyogrio.read_dataframe(path, layer="multipolygons")
    source = spec(tmp_path, kind="osm", path=path.name, provides=["buildings"], extent="boundary")
    (table,) = read_source(source, context())
    assert table.table.id.tolist() == ["way/1"]
    assert table.report.raw == 2
    lost = {**table.report.unread, **table.report.rejected}
    assert sum(lost.values()) == 1
    assert set(lost) <= {"no readable geometry", "geometry not assembled", "no polygon with an area"}


def test_areas_of_web_mercator_are_those_of_the_ground(tmp_path: Path) -> None:
    path = tmp_path / "cadastre.geojson"
    frame = geopandas.GeoDataFrame({"cadastral_number": ["1"]}, geometry=[square(100, 100, 20)], crs=CRS)
    frame.to_crs("EPSG:3857").to_file(tmp_path / "cadastre.gpkg", engine="pyogrio")
    naive = geopandas.read_file(tmp_path / "cadastre.gpkg").area.sum()
    assert naive > 1.5 * 400, "a metre of the Mercator map is no metre at 37.5° N"
    assert read(path.with_suffix(".gpkg")).table.measure == pytest.approx([400], rel=1e-4)


def test_heights_and_measures_in_coordinates_are_left_behind(tmp_path: Path) -> None:
    ring = [(WEST + x, SOUTH + y, 30.0, 5.0) for x, y in [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)]]
    blob = np.array([1], np.uint8).tobytes() + np.array([3003, 1, len(ring)], "<u4").tobytes()
    wkb = np.array([blob + np.array(ring, "<f8").tobytes()], object)
    given = shapely.from_wkb(wkb)
    assert given[0].has_z
    assert given[0].has_m
    geopandas.GeoDataFrame({"id": ["1"]}, geometry=given, crs=CRS).to_parquet(tmp_path / "zm.parquet")
    table = read(tmp_path / "zm.parquet")
    outline = table.table.geometry.to_shapely()[0]
    assert (table.report.used, outline.has_z, outline.has_m, round(outline.area)) == (1, False, False, 100)


def test_withheld_and_missing_values_are_neither_zero_nor_read_as_numbers(tmp_path: Path) -> None:
    """``-`` and blank are missing, 0 in a storey count too; ``*`` is withheld: missing, counted as not understood."""
    outlines = [square(100 * i, 100, 10) for i in range(5)]
    path = houses(tmp_path / "town.gpkg", outlines, storeys=["3", "-", "", "0", "*"])
    naive = geopandas.read_file(path)["storeys"].str.replace(r"[^0-9]", "0", regex=True).replace("", "0").astype(int)
    assert naive.sum() == 3
    table = read(path)
    assert table.table.columns["storeys"] == pytest.approx([3, np.nan, np.nan, np.nan, np.nan], nan_ok=True)
    assert table.report.unparsed == {"storeys": 1}
    assert table.report.present["storeys"] == 1


FILE = """
[inventory]
id = "traps"
title = {{ ko = "함정", en = "Traps" }}
country = "kor"
year = 2024
boundary = [{west}, {south}, {east}, {north}]
disclosure = "open"

[[source]]
kind = "table"
path = "houses.gpkg"
provides = ["buildings"]
licence = "CC0-1.0"
attribution = "test"
"""


def test_the_release_s_report_names_repaired_dropped_and_imputed_with_counts_and_areas(tmp_path: Path) -> None:
    tie = shapely.Polygon([(WEST + 500 + x, SOUTH + 500 + y) for x, y in [(0, 0), (10, 10), (10, 0), (0, 10)]])
    outlines = [square(1_000, 1_000, 10), tie, square(1_100, 1_000, 20), None, square(9_000, 0, 10)]
    columns = {"use": ["02000", "01000", "", "01000", "01000"], "height_m": [30.0, None, None, 3.0, 3.0]}
    houses(tmp_path / "houses.gpkg", outlines, **columns)
    west, south, east, north = context().boundary.bounds
    file = tmp_path / "traps.toml"
    file.write_text(FILE.format(west=west, south=south, east=east, north=north))
    release = build(file, tmp_path / "data")
    (kind,) = release.manifest["report"]["kinds"]
    assert (kind["read"], kind["used"]) == (5, 3)
    assert kind["rejected"] == {"no readable geometry": 1, "outside the boundary": 1}
    assert kind["rejected_measure"]["outside the boundary"] == pytest.approx(100, abs=0.1)
    assert kind["repaired"] == 1
    assert (kind["area_before_repair"], kind["area_after_repair"]) == pytest.approx((0, 50), abs=0.1)
    notes = release.manifest["report"]["notes"]["buildings"]
    assert (notes["storeys_from_height"], notes["storeys_default"], notes["use_unknown"]) == (1, 2, 1)
    assert json.dumps(release.manifest["report"]).count(str(tmp_path)) == 0
