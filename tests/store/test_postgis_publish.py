# SPDX-License-Identifier: Apache-2.0
"""An edition in a real PostGIS: value by value the one served, put into force whole or not at all, repeatable."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import shapely
from click.testing import CliRunner

from carbongrid.errors import Corrupt, InvalidInput
from carbonserver.cli import main
from carbonstore.collections import cells
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.fields import CELL_FIELDS
from carbonstore.collections.queries import queries
from carbonstore.encode import geojson
from carbonstore.filter import Filter, parse
from carbonstore.postgis import publish as postgis
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue, Published
from carbonstore.releases.release import write
from tests import postgres
from tests.conftest import missing
from tests.store.publishing import publish_version
from tests.store.test_source_features import many
from tests.toy import toy_publication
from tests.toy_units import toy_units_release, toy_units_store


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS (postgresql-15-postgis-3)")
    with postgres.cluster() as address:
        yield address


@pytest.fixture
def database(cluster: str) -> str:
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS carbongrid CASCADE")
    return cluster


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    publish_version(tmp_path, 1)
    return tmp_path


def published(root: Path) -> Published:
    return Catalogue(root).snapshot().inventory("toy")


def rows(address: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute(query).fetchall()


def test_tables_hold_the_records_that_are_served(database: str, toy: Path) -> None:
    parts = postgis.publish(published(toy), database)
    assert {p.table.rsplit("_", 1)[0] for p in parts} == {
        *(f"toy_{level}_history_{year}" for level in ("100m", "500m", "1km") for year in (2022, 2023)),
        *(f"toy_{kind}_2023" for kind in ("buildings", "roads", "forests")),
    }
    names = ", ".join(f.name for f in CELL_FIELDS)
    order = "ORDER BY north DESC, east"
    for collection in published(toy).collections.values():
        if collection.history or not isinstance(collection, CellCollection):
            continue
        served = geojson.feature_dicts(cells.read(collection, CellQuery()))
        found = rows(database, f"SELECT id, {names} FROM carbongrid.{collection.id.replace('-', '_')} {order}")
        assert [row[0] for row in found] == [f["id"] for f in served]
        for row, feature in zip(found, served, strict=True):
            values = dict(zip((f.name for f in CELL_FIELDS), row[1:], strict=True))
            dates = {k: values[k].isoformat() for k in ("time_start", "time_end")}
            assert {k: v for k, v in (values | dates).items() if k in feature["properties"]} == feature["properties"]


@pytest.mark.parametrize("kind", ["buildings", "roads", "forests"])
def test_tables_hold_the_sources_of_the_newest_year(database: str, toy: Path, kind: str) -> None:
    postgis.publish(published(toy), database)
    collection = published(toy).collections[f"toy-{kind}"]
    served = geojson.feature_dicts(cells.read(collection, CellQuery()))
    names = [f.name for f in collection.every_field]
    found = rows(database, f"SELECT {', '.join(names)}, ST_AsText(geom) FROM carbongrid.toy_{kind} ORDER BY row")
    for row, feature in zip(found, served, strict=True):
        values = dict(zip(names, row[:-1], strict=True))
        dates = {k: values[k].isoformat() for k in ("time_start", "time_end")}
        told = {k: v for k, v in (values | dates).items() if k in feature["properties"]}
        assert told == feature["properties"]
        assert {v for k, v in values.items() if k not in feature["properties"]} <= {None}
        assert shapely.equals(shapely.from_wkt(row[-1]), shapely.geometry.shape(feature["geometry"]))
    type_of = f"SELECT type, srid FROM geometry_columns WHERE f_table_name = 'toy_{kind}'"
    assert rows(database, type_of) == [(collection.geometry_type.upper(), 4326)]


def test_boxes_and_conditions_find_in_the_tables_what_we_find(database: str, tmp_path: Path) -> None:
    """The database is the judge: the same 3,000 houses, the same question, the same ids."""
    town = replace(many(3_000), id="town")
    write(town, toy_publication(town), tmp_path)
    edition.publish(tmp_path, "town")
    snapshot = Catalogue(tmp_path).snapshot()
    postgis.publish(snapshot.inventory("town"), database)
    houses, rng = snapshot.collection("town-buildings"), np.random.default_rng(11)
    west, south, east, north = houses.bbox
    matched = 0
    for _ in range(25):
        (x0, y0), (x1, y1) = np.sort(rng.uniform([west, south], [east, north], (2, 2)), axis=0).round(7).tolist()
        least = round(float(rng.uniform(0, 300)), 1)
        condition = f"area_m2 > {least} OR (status = 'missing' AND NOT id LIKE 'house/1%')"
        query = CellQuery(bbox=(x0, y0, x1, y1), filter=Filter.of(parse(condition, "cql2-text"), houses.fields))
        ours = {f.removesuffix(".2023") for f in cells.read(houses, query).feature_ids}
        where = f"ST_Intersects(geom, ST_MakeEnvelope({x0}, {y0}, {x1}, {y1}, 4326)) AND ({condition})"
        assert ours == {name for (name,) in rows(database, f"SELECT id FROM carbongrid.town_buildings WHERE {where}")}
        matched += len(ours)
    assert matched > 1_000


def test_a_source_that_moved_is_found(database: str, toy: Path) -> None:
    postgis.publish(published(toy), database)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE carbongrid.toy_roads SET geom = ST_Translate(geom, 1e-9, 0) WHERE id = 'east'")
    with pytest.raises(Corrupt, match="toy_roads_2023"):
        postgis.check(published(toy), database)


def test_geometry_is_the_cell_on_its_grid_with_a_key_an_index_and_words(database: str, toy: Path) -> None:
    postgis.publish(published(toy), database)
    one = (
        "SELECT DISTINCT ST_Area(geom), ST_SRID(geom), cell_id ~ format('N%sE%s', north, east) FROM carbongrid.toy_500m"
    )
    (cell,) = rows(database, one)
    assert cell == (250_000.0, 5179, True)
    index = "SELECT count(*) FROM pg_index WHERE indrelid = 'carbongrid.toy_100m_history'::regclass"
    assert rows(database, index) == [(2,)], "the key and the spatial index"
    described = "SELECT col_description(attrelid, attnum) FROM pg_attribute WHERE attname = 'net' AND attrelid = "
    ((comment,),) = rows(database, described + "'carbongrid.toy_100m_history'::regclass")
    assert "순배출량" in comment
    assert "t{CO2e}/a" in comment


def test_publishing_again_changes_nothing_and_a_new_edition_everything_at_once(database: str, toy: Path) -> None:
    sums = (
        "SELECT year, round(sum(emission_total) * 1000)::bigint FROM carbongrid.toy_100m_history GROUP BY 1 ORDER BY 1"
    )
    first = postgis.publish(published(toy), database)
    before = rows(database, sums)
    stamp = "SELECT relname, oid::int FROM pg_class WHERE relname LIKE 'toy%' ORDER BY 1"
    tables = rows(database, stamp)
    assert postgis.publish(published(toy), database) == first
    assert rows(database, stamp) == tables
    publish_version(toy, 3)
    second = postgis.publish(published(toy), database)
    assert not {p.table for p in first} & {p.table for p in second}
    assert rows(database, sums) == [(year, 3 * kg) for year, kg in before]
    assert rows(database, "SELECT edition FROM carbongrid.editions") == [(published(toy).edition.id,)]
    assert postgis.check(published(toy), database) == second
    edition.rollback(toy, "toy")
    postgis.publish(published(toy), database)
    assert rows(database, sums) == before


def test_a_table_that_differs_is_found_and_named(database: str, toy: Path) -> None:
    part, *_ = postgis.publish(published(toy), database)
    with psycopg.connect(database) as connection:
        connection.execute(f"UPDATE carbongrid.{part.table} SET net = net + 0.001 WHERE net IS NOT NULL AND net > 0")
    with pytest.raises(Corrupt, match=f"{part.table} does not equal the edition"):
        postgis.check(published(toy), database)
    with psycopg.connect(database) as connection:
        connection.execute(f"DELETE FROM carbongrid.{part.table}")
    with pytest.raises(Corrupt, match=part.table):
        postgis.publish(published(toy), database)


def test_a_load_that_breaks_changes_nothing_and_leaves_nothing(
    database: str, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    postgis.publish(published(toy), database)
    before = rows(database, "SELECT * FROM carbongrid.toy_1km_history ORDER BY id")
    publish_version(toy, 2)

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(postgis, "_switch", broken)
        with pytest.raises(KeyboardInterrupt):
            postgis.publish(published(toy), database)
    assert rows(database, "SELECT * FROM carbongrid.toy_1km_history ORDER BY id") == before
    strays = queries("publish")["strays"].replace("%(pattern)s", "'toy%'")
    assert len(rows(database, strays)) == 9, "the nine tables of the edition that never came into force"
    postgis.publish(published(toy), database)
    assert rows(database, strays) == []
    assert rows(database, "SELECT * FROM carbongrid.toy_1km_history ORDER BY id") != before


def test_a_long_reader_makes_it_wait_and_give_way(database: str, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgis, "LOCK_TRIES", 2)
    monkeypatch.setattr(postgis, "LOCK_WAIT", "50ms")
    postgis.publish(published(toy), database)
    publish_version(toy, 2)
    with psycopg.connect(database) as reader:
        seen = reader.execute("SELECT sum(net) FROM carbongrid.toy_100m_history").fetchone()
        with pytest.raises(InvalidInput, match="lock timeout"):
            postgis.publish(published(toy), database)
        assert reader.execute("SELECT sum(net) FROM carbongrid.toy_100m_history").fetchone() == seen
    postgis.publish(published(toy), database)
    assert rows(database, "SELECT sum(net) FROM carbongrid.toy_100m_history") != [seen]


def test_readers_may_read_and_no_more(database: str, toy: Path) -> None:
    postgis.publish(published(toy), database)
    with psycopg.connect(database) as connection:
        connection.execute(f"SET ROLE {postgis.READER}")
        assert connection.execute("SELECT count(*) FROM carbongrid.toy_100m").fetchone() == (36,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM carbongrid.toy_100m")


def test_the_command_publishes_and_verifies(database: str, toy: Path) -> None:
    run = CliRunner(env={"CARBONGRID_DATA": str(toy), "MAPS": database, "COLUMNS": "200"})
    done = run.invoke(main, ["publish", "toy", "--to", "MAPS"], catch_exceptions=False)
    assert done.exit_code == 0
    assert "36 records" in done.output
    assert "9 tables equal it" in run.invoke(main, ["verify", "toy", "--to", database]).output
    refused = run.invoke(main, ["publish", "toy", "--to", "postgresql://spy:hunter2@127.0.0.1:1/x"])
    assert refused.exit_code == 2
    assert "the database cannot be reached" in refused.output
    assert "hunter2" not in refused.output
    assert "no environment variable" in run.invoke(main, ["publish", "toy", "--to", "NOWHERE"]).output


def test_units_are_tables_with_outlines_that_add_up_to_the_cells(database: str, tmp_path: Path) -> None:
    """To the kilogram, by year and level; the record of what lies in no unit has no geometry."""
    toy_units_store(tmp_path)
    units = published(tmp_path)
    parts = postgis.publish(units, database)
    assert {p.parent for p in parts} >= {"toy_dong_history", "toy_nation_history", "toy_100m_history"}
    for year in (2022, 2023):
        total = units.release(year).manifest["totals"]["kg"]["net"]
        for table in ("nation", "sido", "sigungu", "dong", "100m"):
            query = f"SELECT sum(round(net::numeric * 1000)) FROM carbongrid.toy_{table}_history WHERE year = {year}"
            assert rows(database, query) == [(total,)]
    found = rows(database, "SELECT id, ST_AsBinary(geom), ST_SRID(geom) FROM carbongrid.toy_dong ORDER BY id")
    items = geojson.feature_dicts(cells.read(units.units["dong"], CellQuery()))
    assert [i for i, *_ in found] == sorted(f["id"] for f in items)
    for (_, wkb, srid), feature in zip(found, sorted(items, key=lambda f: f["id"]), strict=True):
        if feature["geometry"] is None:
            assert wkb is srid is None
        else:
            assert srid == 4326
            assert shapely.from_wkb(wkb).equals(shapely.geometry.shape(feature["geometry"]))
    assert postgis.check(units, database) == parts
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "UPDATE carbongrid.toy_dong_history SET geom = ST_Translate(geom, 1e-9, 0) WHERE year = 2022"
        )
    with pytest.raises(Corrupt, match="toy_dong_history_2022"):
        postgis.check(units, database)


def test_a_year_under_new_codes_is_loaded_anew(database: str, tmp_path: Path) -> None:
    """The release of 2022 is the same, its units are called otherwise once 2023 is published."""
    first = toy_units_release(tmp_path, 2022, ("4211010100", "4211010200"))
    edition.publish(tmp_path, "toy")
    postgis.publish(published(tmp_path), database)
    query = "SELECT DISTINCT left(unit_code, 2) FROM carbongrid.toy_dong WHERE geom IS NOT NULL"
    assert rows(database, query) == [("42",)]
    toy_units_release(tmp_path, 2023, ("5111010100", "5111010200"))
    edition.publish(tmp_path, "toy")
    parts = postgis.publish(published(tmp_path), database)
    assert {p.release for p in parts if p.year == 2022} == {first.id}
    query = "SELECT DISTINCT left(unit_code, 2) FROM carbongrid.toy_dong_history WHERE geom IS NOT NULL"
    assert rows(database, query) == [("51",)]
