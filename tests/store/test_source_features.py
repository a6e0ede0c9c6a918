# SPDX-License-Identifier: Apache-2.0
"""The sources of a release as clients see them: every kilogram, outlines on earth, boxes, ids, what is not shown."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pytest
import shapely
from pyproj import Geod

from carbongrid import buildings
from carbongrid.errors import Corrupt, NotFound
from carbongrid.factors import FactorSet
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import ActivityTable, Inventory, Layer
from carbonstore.building.build import build, withheld
from carbonstore.collections.source_fields import ACTIVITY_FIELDS, activity_field, source_fields
from carbonstore.releases import source_features
from carbonstore.releases.release import write
from carbonstore.releases.source_features import BLOCK, Described, SourceLevel
from carbonstore.releases.stored import Release
from tests.store.test_pooling import KWH, PNU, inventory, meters, village
from tests.toy import CORNERS, toy_inventory, toy_publication

FACTORS = FactorSet.load("kor")


def released(root: Path, made: Inventory, described: Mapping[str, Described] | None = None) -> Release:
    return write(made, replace(toy_publication(made), described=described or {}), root)


@pytest.fixture(scope="module")
def toy_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return released(tmp_path_factory.mktemp("toy"), toy_inventory())


def many(n: int, seed: int = 0) -> Inventory:
    """The toy city with houses all over the place: triangles of up to 40 m, without a kilogram."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform([-290, -190], [240, 390], (n, 2)) + CORNERS[5179]
    shapes = shapely.polygons(corner[:, None, :] + rng.uniform(0, 40, (n, 3, 2)))
    base = toy_inventory()
    of = base.layers["buildings"]
    layer = Layer(
        "buildings",
        np.array([f"house/{i}" for i in rng.permutation(n)], object),
        Wkb.from_shapely(shapes),
        np.full(n, 2, np.uint8),
        np.zeros(n, bool),
        of.lines,
        of.pieces,
    )
    return replace(base, layers={**base.layers, "buildings": layer})


def names(level: SourceLevel) -> list[str]:
    return [level.ids.data[a:b].tobytes().decode() for a, b in pairwise(level.ids.offsets)]


def test_sources_hold_every_kilogram(toy_release: Release) -> None:
    totals = toy_release.manifest["totals"]["kg"]
    found = {k: int(v.sum()) for kind in toy_release.source_kinds for k, v in toy_release.sources(kind).kg.items()}
    assert found == {name: totals[name] for name in found}
    assert found["emission_buildings"] == 500 + 1000 + 999 + 10
    assert found["absorption_forest"] == 4001 - 1000
    toy_release.verify()


def test_each_source_has_the_kilograms_of_its_lines(toy_release: Release) -> None:
    houses = toy_release.sources("buildings")
    one = dict(zip(names(houses), houses.kg["emission_buildings_scope1"].tolist(), strict=True))
    two = dict(zip(names(houses), houses.kg["emission_buildings_scope2"].tolist(), strict=True))
    assert one == {"house": 500, "shop": 0, "hall": 0, "shed": 0}
    assert two == {"house": 1000, "shop": 999, "hall": 10, "shed": 0}
    assert dict(zip(names(houses), houses.missing.tolist(), strict=True))["shed"] == 1


def test_outlines_lie_on_earth_where_they_were_in_the_plane(toy_release: Release) -> None:
    for kind in toy_release.source_kinds:
        level, layer = toy_release.sources(kind), toy_release.layer(kind)
        shown = dict(zip(names(level), level.geometry.to_shapely(), strict=True))
        frame = geopandas.GeoSeries([shown[id] for id in layer.id], crs="OGC:CRS84").to_crs(5179)
        gap = shapely.hausdorff_distance(frame.to_numpy(), layer.geometry.to_shapely())
        assert gap.max() < 2e-4, "nine decimals of a degree are a tenth of a millimetre"


def test_sizes_are_those_on_the_ellipsoid(toy_release: Release) -> None:
    geod = Geod(ellps="WGS84")
    for kind in toy_release.source_kinds:
        level = toy_release.sources(kind)
        for shape, size in zip(level.geometry.to_shapely(), level.size.tolist(), strict=True):
            true = geod.geometry_length(shape) if kind == "roads" else abs(geod.geometry_area_perimeter(shape)[0])
            assert size == pytest.approx(true, rel=1e-5, abs=0.06)


def test_boxes_find_what_geometry_finds(tmp_path: Path) -> None:
    level = released(tmp_path, many(3 * BLOCK + 7)).sources("buildings")
    shapes = level.geometry.to_shapely()
    west, south, east, north = shapely.total_bounds(shapes)
    rng = np.random.default_rng(5)
    met = 0
    for _ in range(60):
        x, y = np.sort(rng.uniform([west, south], [east, north], (2, 2)), axis=0).T
        box = (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
        expected = np.flatnonzero(shapely.intersects(shapes, shapely.box(*box)))
        np.testing.assert_array_equal(level.touching(box), expected)
        assert set(expected) <= set(level.rows_in(box).tolist())
        met += len(expected)
    assert met > 1000
    corner = shapely.get_coordinates(shapes[100])[0]
    assert 100 in level.touching((*corner, *corner)), "a box that is a single vertex touches what has it"
    assert level.touching((0, 0, 1, 1)).tolist() == []


def test_a_small_box_reads_few_blocks(tmp_path: Path) -> None:
    level = released(tmp_path, many(40 * BLOCK)).sources("buildings")
    x, y = np.median(level.box[0]), np.median(level.box[1])
    touched = source_features._touch(level.blocks.T, (x, y, x + 1e-5, y + 1e-5))
    assert 0 < touched.sum() <= 8


def test_ids_are_found_again(tmp_path: Path) -> None:
    level = released(tmp_path, many(2000)).sources("buildings")
    for row, name in list(enumerate(names(level)))[::37]:
        assert level.row_of(name) == row
    for wrong in ("", "house/", "house/2000", "x", "a"):
        assert level.row_of(wrong) is None


def test_ids_of_several_files_are_told_apart(tmp_path: Path) -> None:
    made = many(6)
    layer = replace(made.layers["buildings"], id=np.array(["1", "2", "1", "1#2", "1", "2"], object))
    release = released(tmp_path, replace(made, layers={**made.layers, "buildings": layer}))
    found = names(release.sources("buildings"))
    assert len(set(found)) == 6
    assert {"1", "2", "1#2", "2#2"} <= set(found)
    assert not [f for f in source_features.check(release) if "ids" in f[1]]


def test_columns_come_back_in_the_rows_of_their_sources(tmp_path: Path) -> None:
    made = toy_inventory()
    ids = made.layers["buildings"].id.tolist()
    columns = {
        "floor_area_m2": np.array([120.5, np.nan, 3.0, 4.0]),
        "use": pa.array(["주택", "", "hall", "주택"], pa.large_string()),
        "pnu": pa.array(["3611010100100010000", "", "", "3611010100100010001"], pa.large_string()),
    }
    level = released(tmp_path, made, {"buildings": Described(columns)}).sources("buildings")
    rows = [ids.index(name) for name in names(level)]
    np.testing.assert_array_equal(level.numbers["floor_area_m2"], columns["floor_area_m2"][rows])
    codes, texts = level.coded["use"]
    assert [texts[c] for c in codes] == columns["use"].take(pa.array(rows)).to_pylist()
    assert texts == ("", "hall", "주택")
    raw, at = level.texts("pnu", np.arange(4))
    told = [raw[a:b].tobytes().decode() for a, b in pairwise(at)]
    assert told == columns["pnu"].take(pa.array(rows)).to_pylist()


def test_slices_become_one(tmp_path: Path) -> None:
    some = Described({"use": pa.array(["a", "b"], pa.large_string()), "storeys": np.array([1.0, 2.0])})
    whole = Described.joined([some, Described({}), Described({"height_m": np.array([9.0])})], [2, 3, 1])
    assert whole.columns["use"].to_pylist() == ["a", "b", "", "", "", ""]
    np.testing.assert_array_equal(whole.columns["height_m"], [np.nan] * 5 + [9.0])
    np.testing.assert_array_equal(whole.columns["storeys"], [1, 2, np.nan, np.nan, np.nan, np.nan])


def test_verify_finds_a_source_that_has_a_kilogram_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = source_features._kilograms

    def one_more(*given: Any) -> Any:
        return {name: kg + (np.arange(len(kg)) == 0) for name, kg in honest(*given).items()}

    monkeypatch.setattr(source_features, "_kilograms", one_more)
    with pytest.raises(Corrupt, match=r"features-buildings.*emission_buildings adds up to 2510 kg instead of 2509 kg"):
        released(tmp_path, toy_inventory()).verify()


def test_verify_finds_kilograms_of_a_source_without_a_value(tmp_path: Path) -> None:
    described = {"roads": Described(missing=np.array([True, False]))}
    with pytest.raises(Corrupt, match=r"features-roads.*a source without a value has kilograms"):
        released(tmp_path, toy_inventory(), described).verify()


def test_a_release_without_such_files_has_no_sources(toy_release: Release) -> None:
    old = Release(toy_release.path, {k: v for k, v in toy_release.manifest.items() if k != "sources"}, {}, {})
    assert old.source_kinds == ()
    with pytest.raises(NotFound):
        old.sources("buildings")


# --- what is not shown --------------------------------------------------------------------------------------------


def table(**columns: Any) -> ActivityTable:
    n = len(next(iter(columns.values())))
    nowhere = Wkb(np.empty(0, np.uint8), np.zeros(n + 1, np.int64))
    return ActivityTable("buildings", np.arange(n).astype(object), nowhere, np.ones(n), np.ones(n), columns)


def test_gas_of_a_filling_station_is_not_shown() -> None:
    """It is in no pool, so its reading stands in the table that the model gets."""
    codes = FACTORS.codes("building_uses", "gas_meter")
    station = next(code for code, meter in codes.items() if meter == "left_out" and code.isdigit())
    given = table(
        use=np.array([station, "02000"], object),
        gas_kwh_gcv=np.array([900_000.0, 10.0]),
        electricity_kwh=np.array([5.0, 6.0]),
        pooled=np.array([1.0, 1.0]),
    )
    shown = Described.of(given, withheld(given, FACTORS)).columns
    np.testing.assert_array_equal(shown["gas_kwh_gcv"], [np.nan, 10.0])
    np.testing.assert_array_equal(shown["electricity_kwh"], [5.0, 6.0])


def test_a_reading_that_is_in_no_pool_is_not_shown() -> None:
    given = table(
        use=np.array(["02000"] * 3, object),
        electricity_kwh=np.array([5.0, 6.0, 7.0]),
        pooled=np.array([1.0, np.nan, 0.0]),
    )
    shown = Described.of(given, withheld(given, FACTORS)).columns
    np.testing.assert_array_equal(shown["electricity_kwh"], [5.0, np.nan, np.nan])


def test_only_columns_of_the_contract_are_shown() -> None:
    given = table(use=np.array(["02000"], object), hdd=np.array([2500.0]), owner=np.array(["Kim"], object))
    assert set(Described.of(given, {}).columns) == {"use"}


def houses(release: Release) -> dict[str, float]:
    level = release.sources("buildings")
    return dict(zip(names(level), level.numbers["electricity_kwh"].tolist(), strict=True))


def test_a_village_shows_parts_of_pools(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    shown = houses(build(inventory(tmp_path), tmp_path / "data"))
    assert [shown[f"row/{i}"] for i in (1, 2, 3)] == pytest.approx(3210 * np.array([100, 196, 324]) / 620, rel=1e-9)
    assert sum(shown.values()) == pytest.approx(sum(KWH), rel=1e-12)
    assert not any(np.isclose(shown[f"row/{i}"], kwh, rtol=0.001) for i, kwh in enumerate(KWH, 1))


def test_an_open_village_shows_its_meters(tmp_path: Path) -> None:
    village(tmp_path)
    meters(tmp_path, dict(zip(PNU, KWH, strict=True)))
    shown = houses(build(inventory(tmp_path, disclosure="open"), tmp_path / "data"))
    assert [shown[f"row/{i}"] for i in range(1, len(KWH) + 1)] == KWH


def test_a_parcel_that_fits_into_no_pool_shows_nothing_of_its_meter(tmp_path: Path) -> None:
    village(tmp_path, PNU[:4])
    meters(tmp_path, {PNU[0]: 1000.0, PNU[1]: 1000.0, PNU[2]: 1000.0, PNU[3]: 1e7})
    release = build(inventory(tmp_path), tmp_path / "data")
    assert np.isnan(houses(release)["row/4"])
    level = release.sources("buildings")
    alone = names(level).index("row/4")
    assert level.quality[alone] > buildings.QUALITY_POOLED
    assert level.imputed[alone] == 1
    release.verify()


# --- the data dictionary ------------------------------------------------------------------------------------------


def test_every_property_has_a_title_in_both_languages() -> None:
    for kind, fields in ACTIVITY_FIELDS.items():
        names = [f.name for f in (*fields, *source_fields(kind, [f.name for f in fields], synthetic=True))]
        assert len(set(names)) == len(names) - len(fields)
        for f in source_fields(kind, [f.name for f in fields], synthetic=True):
            assert all(f.title[k] and f.description[k] for k in ("ko", "en")), f.name


def test_traffic_of_each_vehicle_is_a_property_of_roads_only() -> None:
    named = [f.name for f in source_fields("roads", ["aadt", "aadt_truck", "aadt_bus"], synthetic=False)]
    assert named[:4] == ["id", "aadt", "aadt_bus", "aadt_truck"]
    assert activity_field("buildings", "aadt_truck") is None
    assert activity_field("roads", "volume_h08") is None
