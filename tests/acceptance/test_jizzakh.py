# SPDX-License-Identifier: Apache-2.0
"""Jizzakh end to end: real districts, invented roads and land cover, the road total of the national inventory."""

import csv
import gzip
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from pyproj import Geod
from rasterio.features import geometry_mask

from carbongrid.errors import InvalidInput, UnknownName
from carbonserver.cli import main
from carbonstore.building.build import build
from carbonstore.inventory import inventory_file
from carbonstore.places.boundary import polygon_of
from carbonstore.releases.catalogue import Catalogue
from carbonstore.releases.edition import publish
from carbonstore.releases.release import Release
from carbonstore.sample.districts import Districts
from carbonstore.sample.region import write_region

ROAD_TONNES = 645_000
"""CO2 of road transport in 2023: 16.0 Mt of gas and liquid fuels in the nation, 4.03 % of its people (method, 2.1)."""


@pytest.fixture(scope="module")
def sample(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jizzakh")
    assert [p.name for p in write_region("jizzakh", folder, shared_data)] == ["jizzakh-2023.toml"]
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def release(sample: Path, data: Path) -> Release:
    return build(sample / "jizzakh-2023.toml", data)


def tonnes(release: Release) -> dict[tuple[str, str], float]:
    """By sector and gas; losses of forests counted as negative uptake."""
    found: Counter[tuple[str, str]] = Counter()
    for band in release.manifest["totals"]["bands"]:
        found[band["sector"], band["gas"]] += band["kg"] * (-1 if band["use"] == "loss" else 1)
    return {key: kg / 1000 for key, kg in found.items()}


def test_the_control_total_is_that_of_the_method() -> None:
    text = (files("carbongrid") / "countries" / "uzb" / "controls.csv").read_text(encoding="utf-8")
    value = {row["id"]: float(row["value"]) for row in csv.DictReader(text.splitlines())}
    assert value["uzb.jizzakh.road"] == round(value["uzb.road"] * value["uzb.jizzakh.population_share"] / 100, 3)
    assert value["uzb.jizzakh.road"] * 1e6 == ROAD_TONNES


def test_roads_meet_the_control_total_to_the_kilogram(release: Release) -> None:
    found = tonnes(release)
    assert found["transport", "co2"] == ROAD_TONNES
    other = found["transport", "ch4"] + found["transport", "n2o"]
    assert 0 < other < 0.06 * ROAD_TONNES, "methane of gas vehicles and nitrous oxide are scaled along"
    kg = release.manifest["totals"]["kg"]
    assert kg["emission_transport"] == kg["emission_total"] == round(1000 * (ROAD_TONNES + other))
    assert {b["scope"] for b in release.manifest["totals"]["bands"] if b["sector"] == "transport"} == {1}
    assert 0.30 < kg["emission_total_u95"] / kg["emission_total"] < 0.34, "30 % of the control, and each road's own"


def test_every_level_holds_the_same_kilograms(release: Release) -> None:
    bands = [b["kg"] for b in release.manifest["totals"]["bands"]]
    for level in release.levels:
        assert [int(kg.sum(dtype=np.int64)) for kg in release.level(level).kg] == bands, level
    release.verify()


def test_districts_and_the_region_hold_the_same_kilograms(release: Release) -> None:
    assert {"tuman", "viloyat"} <= set(release.unit_levels)
    bands = [b["kg"] for b in release.manifest["totals"]["bands"]]
    for level in release.unit_levels:
        assert [int(kg.sum(dtype=np.int64)) for kg in release.units(level).kg] == bands, level
    tuman, viloyat = release.units("tuman"), release.units("viloyat")
    assert tuman.code.tolist()[:2] == ["1708201", "1708204"]
    assert (len(tuman), tuman.code.tolist()[-2:]) == (14, ["1708401", "unallocated"])
    assert dict(zip(tuman.code, tuman.name, strict=True))["1708401"] == "Jizzax shahri"
    assert viloyat.code.tolist() == ["1708", "unallocated"]
    unallocated = sum(int(kg[-1]) for kg in tuman.kg)
    assert unallocated < 1e-4 * sum(bands), "districts leave hardly a gap"


def test_buildings_are_missing_not_zero(release: Release) -> None:
    assert release.manifest["totals"]["kg"]["emission_buildings"] is None


def test_trees_and_shrubs_take_up_their_area_times_the_country_s_increments(sample: Path, release: Release) -> None:
    boundary = polygon_of("jizzakh_districts.geojson", sample, "")
    geod, hectares = Geod(ellps="WGS84"), Counter[int]()
    for path in sample.glob("*_Map.tif"):
        with rasterio.open(path) as raster:
            cover, at = raster.read(1), raster.transform
        inside = geometry_mask([boundary], cover.shape, at, invert=True)
        for row in np.flatnonzero(inside.any(axis=1)).tolist():
            west, north = at @ (0, row)
            south, east = north + at.e, west + at.a
            pixel = abs(geod.polygon_area_perimeter([west, east, east, west], [south, south, north, north])[0]) / 1e4
            for value, n in Counter(cover[row][inside[row]].tolist()).items():
                hectares[value] += n * pixel
    assert sum(hectares.values()) == pytest.approx(2_089_900, rel=2e-3), "20,899 km² within the districts"
    stocked = 0.6 * hectares[10] + 0.05 * hectares[20]
    growth = next(b["kg"] for b in release.manifest["totals"]["bands"] if b["use"] == "growth") / 1000
    assert growth == pytest.approx(stocked, rel=0.01), "pixels on the border are cut, not counted whole"


def test_release_report_and_collection_say_scale_quality_and_width(release: Release, data: Path) -> None:
    scale = release.manifest["report"]["notes"]["roads"]["benchmark_scale.uzb.jizzakh.road"]
    assert 0.5 < scale < 2
    assert publish(data, "jizzakh", (2023,))
    described = next(iter(Catalogue(data).snapshot().collections.values())).description
    for text in described.values():
        assert f"{scale:.4g}" in text
        assert "0.645 MtCO2 ± 30 %" in text
        assert "emission_total ± 3" in text
    assert "Data quality 3 to 5" in described["en"]
    assert "자료 품질 3~5" in described["ko"]


def test_everything_invented_says_synthetic(sample: Path, release: Release) -> None:
    assert release.manifest["synthetic"] is True
    invented = {p.name for p in sample.iterdir()} - {"README.md", "jizzakh-2023.toml", "jizzakh_districts.geojson"}
    assert len(invented) == 3
    assert all("synthetic" in name for name in invented)
    osm = gzip.decompress((sample / "jizzakh_synthetic.osm.gz").read_bytes()).decode()
    assert osm.count("<way ") == osm.count('k="synthetic" v="yes"') > 3_000
    for path in sample.glob("*_Map.tif"):
        with rasterio.open(path) as raster:
            assert "synthetic" in raster.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    assert "합성자료" in (sample / "README.md").read_text(encoding="utf-8")
    file = inventory_file.read(sample / "jizzakh-2023.toml")
    assert all(s.synthetic and "OpenStreetMap" in s.attribution for s in file.sources)


def test_what_mappers_write_is_read_and_what_is_no_road_is_counted(release: Release) -> None:
    roads = next(k for k in release.manifest["report"]["kinds"] if k["kind"] == "roads")
    assert roads["unread"] == {"area, not a line": 1}
    assert roads["rejected"]["class without motor traffic"] == 2
    assert roads["unparsed"] == {"speed_kmh": 1}, "«по знаку» is no speed; RU:urban and 60 mph are"
    assert roads["present"]["lanes"] > 0


def test_the_same_files_on_every_run(sample: Path, shared_data: Path, tmp_path: Path) -> None:
    write_region("jizzakh", tmp_path, shared_data / "uzbekistan" / "jizzakh_districts_osm.gpkg")
    for path in sample.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_districts_have_their_codes_and_the_city_is_a_hole_of_its_district(shared_data: Path) -> None:
    found = Districts.read(shared_data / "uzbekistan" / "jizzakh_districts_osm.gpkg", "EPSG:32642")
    assert found.code[0] == "1708201"
    assert len(found) == 13
    area = dict(zip(found.names["uz"], [round(g.area / 1e6, 1) for g in found.plane], strict=True))
    assert area["Sharof Rashidov tumani"] == 1258.6
    assert round(found.boundary.area / 1e6) == 20_899


def test_outlines_that_cannot_be_districts_are_refused(shared_data: Path, tmp_path: Path) -> None:
    raw = shared_data / "uzbekistan" / "jizzakh_districts_osm_raw.geojson"
    with pytest.raises(UnknownName, match="soato"):
        write_region("jizzakh", tmp_path / "a", raw)
    with pytest.raises(InvalidInput, match="holds no districts of jizzakh"):
        write_region("jizzakh", tmp_path / "b", tmp_path)
    assert not (tmp_path / "a").exists()


def test_the_command_asks_for_outlines_and_writes_the_sample(shared_data: Path, tmp_path: Path) -> None:
    runner = CliRunner(env={"CARBONGRID_DATA": str(tmp_path)})
    refused = runner.invoke(main, ["sample", "jizzakh"])
    assert refused.exit_code == 2
    done = runner.invoke(main, ["sample", "jizzakh", "--data", str(shared_data)])
    assert done.exit_code == 0, done.output
    toml = (tmp_path / "samples" / "jizzakh" / "jizzakh-2023.toml").read_text(encoding="utf-8")
    assert re.search(r'id = "uzb\.jizzakh\.road"\nsector = "transport"\nscope = 1\nvalue = 0\.645\n', toml)


def test_units_are_served_and_cells_only_where_the_file_sets_levels(
    release: Release, sample: Path, data: Path, tmp_path: Path
) -> None:
    """What the districts' items over HTTP add up to is what the release holds, to the kilogram."""
    from starlette.testclient import TestClient

    from carbonserver.app import create_app
    from carbonserver.settings import Settings

    publish(data, "jizzakh")
    listed = Catalogue(data).snapshot().collections
    assert set(listed) >= {f"jizzakh-{level}{h}" for level in ("tuman", "viloyat") for h in ("", "-history")}
    assert not [name for name in listed if name.removesuffix("-history").endswith(("m", "km"))]
    total = release.manifest["totals"]["kg"]["emission_transport"]
    with TestClient(create_app(Settings(data, "http://carbon.example"))) as api:
        for name in ("jizzakh-tuman", "jizzakh-viloyat", "jizzakh-tuman-history"):
            items = api.get(f"/collections/{name}/items", params={"limit": 1000}).json()["features"]
            assert sum(round(1000 * f["properties"]["emission_transport"]) for f in items) == total
        for path in (
            "/",
            "/collections",
            "/map?f=json",
            "/tiles/WebMercatorQuad?f=tilejson",
            "/openapi",
            "/conformance",
        ):
            assert api.get(path).status_code == 200, path
        assert api.get("/collections/jizzakh-100m").status_code == 404
    told = (sample / "jizzakh-2023.toml").read_text()
    (tmp_path / "with.toml").write_text(told.replace("[inventory]", "[inventory]\nlevels = [1000]", 1))
    for source in sample.iterdir():
        if source.suffix != ".toml":
            (tmp_path / source.name).symlink_to(source)
    assert inventory_file.read(tmp_path / "with.toml").cells == (1000,)
    assert inventory_file.read(sample / "jizzakh-2023.toml").cells == ()
