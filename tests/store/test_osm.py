# SPDX-License-Identifier: Apache-2.0
"""OpenStreetMap: two real cities counted exactly, and small extracts for everything that goes wrong in large ones."""

import gzip
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from carbongrid.crs import CRS84
from carbongrid.errors import InvalidInput
from carbonstore.inventory.inventory_file import read as read_inventory
from carbonstore.places.reproject import reprojected
from carbonstore.sources import ReadContext, SourceTable, osm_tags, read_source
from tests.store.inventories import CRS, context, line, spec, square
from tests.store.pbf import write_pbf

EXAMPLES = Path(__file__).parents[2] / "examples"
Ring = Sequence[tuple[float, float]]


def city(name: str) -> dict[str, SourceTable]:
    """The tables of an example inventory, by kind."""
    file = read_inventory(EXAMPLES / f"{name}.toml")
    tables = read_source(file.sources[0], ReadContext(file.crs, file.boundary.polygon, file.year))
    return {t.kind: t for t in tables}


@pytest.fixture(scope="module")
def songpa(shared_data: Path) -> dict[str, SourceTable]:
    return city("songpa")


@pytest.fixture(scope="module")
def hersfeld(shared_data: Path) -> dict[str, SourceTable]:
    return city("badhersfeld")


# --- two real cities, counted as GDAL reads them -----------------------------------------------------------------


def test_songpa_has_1357_buildings_and_one_relation_that_is_no_multipolygon(songpa: dict[str, SourceTable]) -> None:
    report = songpa["buildings"].report
    assert (report.read, report.used, report.rejected) == (1_357, 1_357, {})
    assert (report.raw, report.unread) == (1_358, {"relation that is no multipolygon": 1})
    assert report.measure_read == pytest.approx(715_613, abs=1)
    assert (report.present["storeys"], report.present["height_m"]) == (862, 645)


def test_songpa_has_85_7_km_of_highway_lines_and_clips_15_of_them(songpa: dict[str, SourceTable]) -> None:
    report = songpa["roads"].report
    assert (report.raw, report.read, report.used) == (356, 356, 356)
    assert report.measure_read / 1e3 == pytest.approx(85.68, abs=0.005)
    assert report.clipped["extent"] == pytest.approx(14_618, abs=1)
    assert report.measure_used + report.clipped_measure == pytest.approx(report.measure_read, rel=1e-12)
    assert set(songpa) == {"buildings", "roads"}, "the file provides no forest"


def test_bad_hersfeld_s_buildings(hersfeld: dict[str, SourceTable]) -> None:
    report = hersfeld["buildings"].report
    assert (report.raw, report.read, report.used) == (11_287, 11_280, 11_280)
    assert report.unread == {"point without an outline": 7}
    assert report.measure_read / 1e6 == pytest.approx(2.326, abs=0.001)


def test_bad_hersfeld_s_roads(hersfeld: dict[str, SourceTable]) -> None:
    report = hersfeld["roads"].report
    assert (report.raw, report.read) == (3_534, 3_518)
    assert report.unread == {"area, not a line": 16}
    assert report.measure_read / 1e3 == pytest.approx(730.2, abs=0.05)
    motor = report.measure_read - report.rejected_measure["class without motor traffic"]
    assert motor / 1e3 == pytest.approx(314, abs=0.5)


def test_bad_hersfeld_s_forests_lose_seven_relations_that_leave_the_extract(hersfeld: dict[str, SourceTable]) -> None:
    report = hersfeld["forests"].report
    assert (report.raw, report.read, report.used) == (102, 95, 94)
    assert report.unread == {"geometry not assembled": 7}
    assert report.measure_read / 1e6 == pytest.approx(21.7, abs=0.05)


@pytest.mark.parametrize("name", ["songpa", "hersfeld"])
def test_no_object_and_no_metre_vanishes(name: str, request: pytest.FixtureRequest) -> None:
    tables: dict[str, SourceTable] = request.getfixturevalue(name)
    for table in tables.values():
        report = table.report
        assert report.raw == report.read + sum(report.unread.values())
        assert report.read == report.used + sum(report.rejected.values())
        assert abs(report.gap) <= 1e-9 * report.measure_read
        assert len(table.table) == report.used
        inside = table.table.measure * table.table.inside
        assert inside.sum() == pytest.approx(report.measure_used, rel=1e-12)


def test_tables_hold_every_column_of_the_contract(hersfeld: dict[str, SourceTable]) -> None:
    buildings = hersfeld["buildings"].table.columns
    assert list(buildings) == [
        *("pnu", "use", "floor_area_m2", "storeys", "height_m", "year_built", "hdd"),
        *("electricity_kwh", "gas_kwh_gcv", "heat_mj"),
    ]
    assert buildings["use"].dtype == object
    assert buildings["storeys"].dtype == np.float64
    assert "yes" not in buildings["use"], "building=yes names no use"
    assert set(hersfeld["roads"].table.columns["class"]) <= {
        *("motorway", "motorway_link", "trunk", "trunk_link", "primary", "primary_link", "secondary"),
        *("secondary_link", "tertiary", "tertiary_link", "unclassified", "residential", "living_street", "service"),
    }


# --- small extracts ----------------------------------------------------------------------------------------------


class Extract:
    """Objects of a small extract, placed in metres from the test place's corner; written as XML or PBF."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, float, float, Mapping[str, str]]] = []
        self.ways: list[tuple[int, list[int], Mapping[str, str]]] = []
        self.relations: list[tuple[int, list[tuple[str, int]], Mapping[str, str]]] = []

    def node(self, x: float, y: float, **tags: str) -> int:
        (at,) = reprojected([line((x, y), (x + 1, y))], CRS, CRS84)
        lon, lat = at.coords[0]
        self.nodes.append((len(self.nodes) + 1, round(lon, 7), round(lat, 7), tags))
        return len(self.nodes)

    def way(self, points: Ring, *, closed: bool = False, **tags: str) -> int:
        refs = [self.node(*p) for p in points]
        self.ways.append((len(self.ways) + 1, [*refs, refs[0]] if closed else refs, _with_colons(tags)))
        return len(self.ways)

    def area(self, x: float, y: float, size: float, **tags: str) -> int:
        return self.way([(x, y), (x + size, y), (x + size, y + size), (x, y + size)], closed=True, **tags)

    def relation(self, members: Iterable[tuple[str, int]], **tags: str) -> None:
        self.relations.append((len(self.relations) + 1, list(members), _with_colons(tags)))

    def xml(self) -> str:
        nodes = (f'<node id="{i}" lon="{x}" lat="{y}">{_xml(tags)}</node>' for i, x, y, tags in self.nodes)
        ways = (f'<way id="{i}">{_refs(refs)}{_xml(tags)}</way>' for i, refs, tags in self.ways)
        relations = (f'<relation id="{i}">{_members(m)}{_xml(tags)}</relation>' for i, m, tags in self.relations)
        return f'<?xml version="1.0"?><osm version="0.6">{"".join((*nodes, *ways, *relations))}</osm>'

    def write(self, path: Path) -> Path:
        if path.name.endswith(".pbf"):
            write_pbf(path, self.nodes, self.ways, self.relations)
        elif path.name.endswith(".gz"):
            path.write_bytes(gzip.compress(self.xml().encode()))
        else:
            path.write_text(self.xml(), "utf-8")
        return path


def _with_colons(tags: Mapping[str, str]) -> dict[str, str]:
    return {k.replace("__", ":"): v for k, v in tags.items()}


def _refs(refs: Iterable[int]) -> str:
    return "".join(f'<nd ref="{ref}"/>' for ref in refs)


def _members(members: Iterable[tuple[str, int]]) -> str:
    return "".join(f'<member type="way" ref="{way}" role="{role}"/>' for role, way in members)


def _xml(tags: Mapping[str, str]) -> str:
    return "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())


def town() -> Extract:
    """Three buildings, three roads, two forests, and one of everything that is none."""
    extract = Extract()
    extract.area(100, 100, 20, building="apartments", building__levels="5", height="15 m")
    extract.area(200, 100, 10, building="yes", height="12,5")
    outer, inner = extract.area(300, 300, 40), extract.area(310, 310, 20)
    extract.relation(
        [("outer", outer), ("inner", inner)], type="multipolygon", building="school", building__levels="2;3"
    )
    extract.area(400, 100, 10, building="no")
    extract.node(500, 100, building="hut")
    extract.way([(520, 100), (530, 100), (530, 110)], building="yes")
    extract.relation([("outline", outer)], type="building", building="commercial")
    extract.way([(0, 500), (1_000, 500)], highway="primary", lanes="4", maxspeed="60", oneway="yes")
    extract.way([(3_500, 600), (4_500, 600)], highway="residential")
    extract.way([(0, 700), (100, 700)], highway="footway")
    extract.area(600, 800, 50, highway="pedestrian", area="yes")
    extract.way([(5_000, 700), (5_100, 700)], highway="residential")
    extract.area(1_000, 1_000, 100, landuse="forest", leaf_type="broadleaved")
    extract.area(1_050, 1_000, 100, natural="wood")
    extract.relation([("outer", 9_999)], type="multipolygon", landuse="forest")
    return extract


def read_town(path: Path, **keys: object) -> dict[str, SourceTable]:
    source = spec(path.parent, kind="osm", path=path.name, extent="boundary", **keys)
    return {t.kind: t for t in read_source(source, context())}


@pytest.fixture(params=["town.osm", "town.osm.gz"])
def tables(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, SourceTable]:
    return read_town(town().write(tmp_path / request.param))


def test_buildings_of_the_town(tables: dict[str, SourceTable]) -> None:
    table, report = tables["buildings"].table, tables["buildings"].report
    assert table.id.tolist() == ["relation/1", "way/1", "way/2"]
    assert table.measure == pytest.approx([40 * 40 - 20 * 20, 20 * 20, 10 * 10], abs=0.5)
    assert table.columns["use"].tolist() == ["school", "apartments", None]
    assert table.columns["storeys"] == pytest.approx([2.5, 5, np.nan], nan_ok=True)
    assert table.columns["height_m"] == pytest.approx([np.nan, 15, 12.5], nan_ok=True)
    assert (report.raw, report.read) == (6, 3)
    assert report.unread == {
        "point without an outline": 1,
        "way that is not closed": 1,
        "relation that is no multipolygon": 1,
    }


def test_roads_of_the_town(tables: dict[str, SourceTable]) -> None:
    table, report = tables["roads"].table, tables["roads"].report
    assert table.columns["class"].tolist() == ["primary", "residential"]
    assert table.measure == pytest.approx([1_000, 1_000], abs=0.1)
    assert table.inside == pytest.approx([1, 0.5], abs=1e-3)
    assert report.rejected == {"class without motor traffic": 1, "outside the boundary": 1}
    assert report.unread == {"area, not a line": 1}
    assert report.clipped["boundary"] == pytest.approx(500, abs=0.1)
    assert table.columns["oneway"].tolist() == [1.0, 0.0]


def test_forests_that_overlap_count_once(tables: dict[str, SourceTable]) -> None:
    table, report = tables["forests"].table, tables["forests"].report
    assert table.measure == pytest.approx([10_000, 5_000], abs=2)
    assert report.overlap_pairs == 1
    assert report.overlap_removed == pytest.approx(5_000, abs=2)
    assert report.measure_read == pytest.approx(20_000, abs=4)
    assert report.unread == {"geometry not assembled": 1}
    assert table.columns["species"].tolist() == ["broadleaved", None]
    assert table.columns["land_cover"].tolist() == ["forest", "wood"]


def test_a_pbf_extract_gives_the_same_tables(tmp_path: Path) -> None:
    xml, pbf = read_town(town().write(tmp_path / "town.osm")), read_town(town().write(tmp_path / "town.osm.pbf"))
    for kind, table in pbf.items():
        assert table.table.id.tolist() == xml[kind].table.id.tolist()
        assert table.table.measure == pytest.approx(xml[kind].table.measure, abs=0.1)
        assert table.report.used == xml[kind].report.used
        assert "GDAL's layers" in table.report.notes[0]
    assert pbf["roads"].report.unread == {"area, not a line": 1}
    assert pbf["buildings"].report.unread == xml["buildings"].report.unread


def test_a_building_in_a_building_is_counted_and_kept(tmp_path: Path) -> None:
    extract = Extract()
    extract.area(100, 100, 50, building="retail")
    extract.area(110, 110, 20, building="office")
    report = read_town(extract.write(tmp_path / "town.osm"), provides=["buildings"])["buildings"].report
    assert (report.used, report.overlap_pairs, report.overlap_removed) == (2, 1, 0.0)
    assert report.overlap_measure == pytest.approx(400, abs=0.5)


def test_an_extent_box_leaves_out_what_the_extract_does_not_cover(tmp_path: Path) -> None:
    town().write(tmp_path / "town.osm")
    west, south, east, north = reprojected([square(0, 0, 250)], CRS, CRS84)[0].bounds
    source = spec(tmp_path, kind="osm", path="town.osm", provides=["buildings"], extent=[west, south, east, north])
    (table,) = read_source(source, context())
    assert table.report.rejected == {"outside the extent": 1}
    assert table.coverage.area < context().boundary.area
    assert table.table.id.tolist() == ["way/1", "way/2"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("town.osm", b"<osm><node", "not readable OpenStreetMap XML"),
        ("town.osm.gz", b"no gzip", "not readable OpenStreetMap XML"),
        ("town.osm.pbf", b"no pbf", "not a readable OpenStreetMap extract"),
        ("town.geojson", b"{}", "is not an OpenStreetMap extract"),
    ],
)
def test_a_file_that_is_no_extract(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=message) as caught:
        read_town(tmp_path / name)
    assert "source 1.path" in caught.value.sentence
    assert str(tmp_path) not in caught.value.sentence


def test_an_extract_without_objects_in_the_boundary_is_empty(tmp_path: Path) -> None:
    extract = Extract()
    extract.way([(0, 700), (100, 700)], highway="footway")
    with pytest.raises(InvalidInput, match=r"the source is empty.*class without motor traffic 1"):
        read_town(extract.write(tmp_path / "town.osm"), provides=["roads"])


def test_a_kind_that_the_extract_does_not_hold_is_an_empty_table_with_a_warning(tmp_path: Path) -> None:
    extract = Extract()
    extract.area(100, 100, 20, building="yes")
    tables = read_town(extract.write(tmp_path / "town.osm"))
    assert [len(tables[kind].table) for kind in ("buildings", "roads", "forests")] == [1, 0, 0]
    assert "leave them out of provides" in tables["forests"].report.notes[0]


def test_progress_tells_stages_to_their_end(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    town().write(tmp_path / "town.osm")
    source = spec(tmp_path, kind="osm", path="town.osm", extent="boundary")
    read_source(source, context(progress=lambda *stage: told.append(stage)))
    assert told == [("read", 0, 1), ("read", 1, 1), *(("clip", i, 3) for i in range(4))]


def test_an_extract_of_another_city_lies_outside(tmp_path: Path) -> None:
    extract = Extract()
    extract.area(40_100, 100, 20, building="yes")
    with pytest.raises(InvalidInput, match=r"buildings lie outside the boundary.*36\.\d km away"):
        read_town(extract.write(tmp_path / "town.osm"), provides=["buildings"])


# --- tag values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        *(("12", 12), ("12 m", 12), ("12m", 12), ("12,5", 12.5), ("12.5 м", 12.5), ("~8", 8), ("2;3", 2.5)),
        *(("40 ft", 12.192), ("40'", 12.192), ("12'6\"", 3.81), ("0", np.nan), ("-1", np.nan), ("tall", np.nan)),
    ],
)
def test_heights_as_mappers_write_them(text: str, metres: float) -> None:
    values, bad = osm_tags.metres([text])
    assert values == pytest.approx([metres], nan_ok=True)
    assert bad == (1 if text == "tall" else 0)


@pytest.mark.parametrize(
    ("text", "kmh", "misread"),
    [
        *(("50", 50, 0), ("60 mph", 96.56064, 0), ("RU:urban", 60, 0), ("DE:zone:30", 30, 0), ("walk", 5, 0)),
        *(("50;30", 40, 0), ("none", np.nan, 0), ("signals", np.nan, 0), ("XX:nowhere", np.nan, 1)),
    ],
)
def test_speed_limits_as_mappers_write_them(text: str, kmh: float, misread: int) -> None:
    values, bad = osm_tags.kilometres_per_hour([text, None])
    assert values == pytest.approx([kmh, np.nan], nan_ok=True)
    assert bad == misread


def test_motorways_and_roundabouts_are_one_way_unless_they_say_no() -> None:
    tags = ["yes", "-1", "no", None, None, None, "no", "reversible"]
    highway = ["primary", "primary", "primary", "primary", "motorway", "primary", "motorway", "motorway"]
    junction = [None, None, None, None, None, "roundabout", None, None]
    assert osm_tags.oneway(tags, highway, junction).tolist() == [1, 1, 0, 0, 1, 1, 0, 0]


def test_start_dates_give_years() -> None:
    values, bad = osm_tags.years(["1988-08-31", "1957", "~1930", "C19", None])
    assert values == pytest.approx([1988, 1957, 1930, np.nan, np.nan], nan_ok=True)
    assert bad == 1
