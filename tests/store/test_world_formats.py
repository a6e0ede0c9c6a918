# SPDX-License-Identifier: Apache-2.0
"""Formats of the whole world, in a small place near Jizzakh: footprints, Overture, land cover rasters."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FactorSet
from carbonstore.inventory.source_spec import SourceSpec, source_spec
from carbonstore.inventory.toml_keys import Keys
from carbonstore.sources import ReadContext, SourceTable, read_source

WEST, SOUTH = 67.80, 40.10
PLACE = shapely.box(WEST, SOUTH, WEST + 0.02, SOUTH + 0.02)
CONTEXT = ReadContext("EPSG:32642", PLACE, 2024, factors=FactorSet.load("uzb"))
TERMS = {"licence": "CC-BY-4.0", "attribution": "Test"}
GEOD = pyproj.Geod(ellps="WGS84")


def source(folder: Path, **keys: Any) -> SourceSpec:
    return source_spec(Keys(TERMS | keys, "test.toml: source 1", folder), PLACE)


def read(folder: Path, **keys: Any) -> SourceTable:
    (table,) = read_source(source(folder, **keys), CONTEXT)
    return table


def box(x: float, y: float, size: float = 0.0002) -> shapely.Polygon:
    """A square of about 20 m whose corner lies (x, y) degrees from the place's."""
    return shapely.box(WEST + x, SOUTH + y, WEST + x + size, SOUTH + y + size)


def on_ground(*shapes: shapely.Geometry) -> float:
    """m² on the ellipsoid."""
    return sum(abs(GEOD.geometry_area_perimeter(s)[0]) for s in shapes)


# --- footprints -----------------------------------------------------------------------------------------------------

HEAD = "latitude,longitude,area_in_meters,confidence,geometry,full_plus_code"


def google(path: Path, *shapes: shapely.Geometry, encoding: str = "utf-8") -> Path:
    rows = [HEAD]
    for i, shape in enumerate(shapes):
        at = shape.centroid
        rows.append(f'{at.y},{at.x},300,0.8,"{shape.wkt}",8GCW{i}+QX')
    data = "\n".join(rows).encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["3b1_buildings.csv.gz", "3b1_buildings.csv"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_google_open_buildings(name: str, encoding: str, tmp_path: Path) -> None:
    many = shapely.MultiPolygon([box(0.003, 0.003), box(0.004, 0.003)])
    google(tmp_path / name, box(0.001, 0.001), many, box(5, 5), encoding=encoding)
    table = read(tmp_path, kind="footprints", path=name)
    assert table.table.id.tolist() == ["8GCW0+QX", "8GCW1+QX"]
    one = on_ground(box(0.001, 0.001))
    assert table.table.measure == pytest.approx([one, 2 * one], rel=1e-3)
    assert table.report.unread == {"outside the boundary": 1}, "the rest of the shard is counted, not read"
    assert table.report.raw == 3


def microsoft(path: Path, *features: str) -> Path:
    data = "\n".join(features).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def feature(shape: shapely.Geometry, height: float | None = -1.0) -> str:
    properties = {"height": height, "confidence": -1.0}
    geometry = json.loads(shapely.to_geojson(shape))
    return json.dumps({"type": "Feature", "properties": properties, "geometry": geometry})


@pytest.mark.parametrize("name", ["uzbekistan.geojsonl", "quadkey.csv.gz"])
def test_microsoft_footprints(name: str, tmp_path: Path) -> None:
    lines = [feature(box(0.001, 0.001)), feature(box(0.002, 0.001), 9.5), feature(box(0.003, 0.001), None)]
    lines += ["", '{"type": "Feature", "geom', feature(box(5, 5)), feature(shapely.Polygon())]
    table = read(tmp_path, kind="footprints", path=microsoft(tmp_path / name, *lines).name)
    height = table.table.columns["height_m"]
    assert height == pytest.approx([np.nan, 9.5, np.nan], nan_ok=True), "-1 m is unknown, not a height"
    assert table.report.unread == {"outside the boundary": 1, "line that is no feature": 1}
    assert table.report.rejected == {"no polygon with an area": 1}


def test_several_shards_and_a_file_that_is_none(tmp_path: Path) -> None:
    names = [google(tmp_path / f"{i}.csv", box(0.001 * i, 0.001)).name for i in (1, 2)]
    assert read(tmp_path, kind="footprints", path=names).report.used == 2
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidInput, match=r"source 1\.path: 'x\.csv' is no file of footprints"):
        read(tmp_path, kind="footprints", path="x.csv")
    (tmp_path / "x.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path, kind="footprints", path="x.csv.gz")


# --- Overture -------------------------------------------------------------------------------------------------------


def overture(path: Path, shapes: Sequence[shapely.Geometry], **columns: Any) -> Path:
    bounds = [dict(zip(("xmin", "ymin", "xmax", "ymax"), s.bounds, strict=True)) for s in shapes]
    fixed = {"id": [f"08b{i}" for i in range(len(shapes))], "geometry": [s.wkb for s in shapes], "bbox": bounds}
    names = [{"primary": "Toʻqimachi", "common": [("ru", "Ткач")]} for _ in shapes]
    table = pa.table(fixed | columns | {"names": names, "sources": [[{"dataset": "OpenStreetMap"}] for _ in shapes]})
    pq.write_table(table, path, row_group_size=1)
    return path


def test_overture_buildings_without_their_nested_columns(tmp_path: Path) -> None:
    shapes = [box(0.001, 0.001), box(0.002, 0.002), box(3, 3)]
    columns = {"class": ["school", None, None], "subtype": ["education", "residential", None]}
    overture(tmp_path / "b.parquet", shapes, **columns, height=[None, 7.5, 1.0], num_floors=[2, None, 1])
    table = read(tmp_path, kind="overture", path="b.parquet", provides=["buildings"])
    assert table.table.id.tolist() == ["08b0", "08b1"]
    assert table.table.columns["use"].tolist() == ["school", "residential"]
    assert table.table.columns["height_m"] == pytest.approx([np.nan, 7.5], nan_ok=True)
    assert table.table.columns["storeys"] == pytest.approx([2, np.nan], nan_ok=True)
    assert table.report.unread == {"outside the boundary": 1}
    assert table.spec.licence == "CC-BY-4.0"


def test_overture_segments(tmp_path: Path) -> None:
    ways = [shapely.LineString([(WEST, SOUTH + y), (WEST + 0.01, SOUTH + y)]) for y in (0.001, 0.002, 0.003, 0.004)]
    overture(
        tmp_path / "s.parquet",
        ways,
        subtype=["road", "road", "road", "rail"],
        **{"class": ["trunk", "primary", "footway", "standard_gauge"]},
        speed_limits=[[{"max_speed": {"value": 60, "unit": "mph"}}], [{"max_speed": None}], None, None],
        road_flags=[[{"values": ["is_link"]}], None, None, None],
    )
    table = read(tmp_path, kind="overture", path="s.parquet", provides=["roads"])
    assert table.table.columns["class"].tolist() == ["trunk_link", "primary"]
    assert table.table.columns["speed_kmh"] == pytest.approx([96.56, np.nan], abs=0.01, nan_ok=True)
    assert table.report.rejected == {"class without motor traffic": 2}


def test_overture_forest_land(tmp_path: Path) -> None:
    shapes = [box(0.001, 0.001), box(0.002, 0.002), box(0.003, 0.003)]
    overture(tmp_path / "l.parquet", shapes, subtype=["forest", "land", "crop"], **{"class": [None, "wood", None]})
    table = read(tmp_path, kind="overture", path="l.parquet", provides=["forests"])
    assert table.table.columns["land_cover"].tolist() == ["forest", "forest"]
    assert table.report.rejected == {"non-forest code": 1}


def test_a_parquet_file_that_is_no_overture_layer(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"]}), tmp_path / "x.parquet")
    with pytest.raises(InvalidInput, match=r"'x\.parquet' lacks the column 'geometry': it is no Overture layer"):
        read(tmp_path, kind="overture", path="x.parquet", provides=["buildings"])
    (tmp_path / "y.parquet").write_bytes(b"PAR1")
    with pytest.raises(InvalidInput, match="is no GeoParquet file"):
        read(tmp_path, kind="overture", path="y.parquet", provides=["buildings"])


# --- land cover -----------------------------------------------------------------------------------------------------

PIXEL = 1 / 12_000
"""Degrees of a WorldCover pixel."""


def tile(path: Path, values: NDArray[Any], west: float = WEST, north: float = SOUTH + 0.02, **profile: Any) -> Path:
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1, "dtype": values.dtype}
    where = {"crs": "EPSG:4326", "transform": from_origin(west, north, PIXEL, PIXEL)} | profile
    with rasterio.open(path, "w", driver="GTiff", **shape, **where) as raster:
        raster.write(values, 1)
    return path


def cover(folder: Path, values: NDArray[Any], **keys: Any) -> SourceTable:
    tile(folder / "N39E066.tif", values)
    return read(folder, kind="raster", path="N39E066.tif", **keys)


def test_area_is_that_of_pixels_on_the_ground(tmp_path: Path) -> None:
    """A naive reader counts 100 m² a pixel; at 40° N it is 66."""
    values = np.full((240, 240), 40, np.uint8)
    values[30:90, 60:180] = 10
    table = cover(tmp_path, values)
    wood = shapely.box(WEST + 60 * PIXEL, SOUTH + 0.02 - 90 * PIXEL, WEST + 180 * PIXEL, SOUTH + 0.02 - 30 * PIXEL)
    assert table.table.measure.sum() == pytest.approx(on_ground(wood), rel=1e-3)
    assert table.table.measure.sum() / 7_200 == pytest.approx(66, abs=0.5)
    assert set(table.table.columns["land_cover"].tolist()) == {"10"}
    assert table.report.overlap_pairs == 0, "neighbours share every corner"
    assert table.report.notes[0].startswith("class 40 (cropland) is no forest: 3.")


def test_blocks_are_about_a_hundred_metres(tmp_path: Path) -> None:
    table = cover(tmp_path, np.full((240, 240), 10, np.uint8))
    west, south, east, north = shapely.bounds(table.table.geometry.to_shapely()).T
    assert np.median(east - west) == pytest.approx(100, abs=8)
    assert np.median(north - south) == pytest.approx(100, abs=12)
    assert table.table.measure.sum() == pytest.approx(on_ground(PLACE), rel=1e-3)
    assert len(np.unique(table.table.id)) == len(table.table)


def test_no_data_is_neither_forest_nor_land(tmp_path: Path) -> None:
    values = np.full((240, 240), 10, np.uint8)
    values[:, :120] = 0
    report = cover(tmp_path, values).report
    half = on_ground(shapely.box(WEST, SOUTH, WEST + 0.01, SOUTH + 0.02))
    assert report.measure_used == pytest.approx(half, rel=1e-3)
    assert f"no data: {half / 1e6:.2f}" in report.notes[0][:13]
    values[:, :120] = 255
    assert cover(tmp_path, values, nodata=255).report.measure_used == pytest.approx(half, rel=1e-3)


def test_a_place_across_two_tiles(tmp_path: Path) -> None:
    """WorldCover comes in squares of 3 degrees; Jizzakh lies across two."""
    half = np.full((240, 120), 10, np.uint8)
    tile(tmp_path / "N39E066.tif", half)
    tile(tmp_path / "N39E069.tif", half, WEST + 120 * PIXEL)
    table = read(tmp_path, kind="raster", path=["N39E066.tif", "N39E069.tif"])
    assert table.table.measure.sum() == pytest.approx(on_ground(PLACE), rel=1e-3)
    assert {str(i).split("/")[0] for i in table.table.id} == {"N39E066", "N39E069"}


def test_the_country_s_table_says_what_is_forest(tmp_path: Path) -> None:
    """Shrubland takes up carbon in Uzbekistan's table, not in the default one."""
    values = np.full((240, 240), 20, np.uint8)
    values[:12] = 10
    assert set(cover(tmp_path, values).table.columns["land_cover"].tolist()) == {"10", "20"}
    default = ReadContext("EPSG:32642", PLACE, 2024)
    (table,) = read_source(source(tmp_path, kind="raster", path="N39E066.tif"), default)
    assert set(table.table.columns["land_cover"].tolist()) == {"10"}
    assert table.report.notes[0].startswith("class 20 (shrubland) is no forest: 3.")


def test_a_legend_of_one_s_own(tmp_path: Path) -> None:
    values = np.full((240, 240), 1, np.uint8)
    values[:120] = 2
    table = cover(tmp_path, values, classes={"1": "saxaul", "2": ""})
    assert set(table.table.columns["land_cover"].tolist()) == {"saxaul"}
    with pytest.raises(InvalidInput, match=r"source 1\.classes: .* has pixels of 2, which the legend does not name"):
        cover(tmp_path, values, classes={"1": "saxaul"})
    with pytest.raises(UnknownName, match="unknown land cover 'saxual', did you mean 'saxaul'"):
        cover(tmp_path, values, classes={"1": "saxual", "2": ""})
    with pytest.raises(InvalidInput, match="'ten' is no pixel value"):
        cover(tmp_path, values, classes={"ten": "forest"})


def test_rasters_that_are_no_land_cover(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="1 bands of float32"):
        cover(tmp_path, np.zeros((9, 9), np.float32))
    with pytest.raises(InvalidInput, match="no pixel inside the boundary is of a forest class"):
        cover(tmp_path, np.full((240, 240), 50, np.uint8))
    tile(tmp_path / "a.tif", np.full((9, 9), 10, np.uint8), 10.0)
    with pytest.raises(InvalidInput, match="does not meet the boundary"):
        read(tmp_path, kind="raster", path="a.tif")
    tile(tmp_path / "b.tif", np.full((9, 9), 10, np.uint8), crs=None)
    with pytest.raises(InvalidInput, match=r"source 1\.crs: is missing"):
        read(tmp_path, kind="raster", path="b.tif")
    (tmp_path / "c.tif").write_text("no raster")
    with pytest.raises(InvalidInput, match="is no raster"):
        read(tmp_path, kind="raster", path="c.tif")


def test_a_raster_in_another_projection(tmp_path: Path) -> None:
    """Mollweide metres; pixels keep their corners through the projection, so nothing overlaps or is lost."""
    to = pyproj.Transformer.from_crs(4326, "ESRI:54009", always_xy=True)
    x, y = to.transform(WEST + 0.01, SOUTH + 0.01)
    values = np.full((30, 30), 10, np.uint8)
    tile(tmp_path / "m.tif", values, crs="ESRI:54009", transform=from_origin(x - 300, y + 300, 20, 20))
    table = read(tmp_path, kind="raster", path="m.tif")
    assert table.report.measure_read == pytest.approx(600 * 600, rel=2e-3), "Mollweide is equal-area"
    assert table.report.overlap_pairs == 0
