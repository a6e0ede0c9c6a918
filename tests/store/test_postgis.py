# SPDX-License-Identifier: Apache-2.0
"""Sources in a real PostGIS: keys stay text, nothing can be written, no message tells where the database is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest

from carbongrid.errors import InvalidInput, NotFound, UnknownName
from carbonstore.audit.compare import compare
from carbonstore.audit.validation import validate
from carbonstore.building.build import build
from carbonstore.sources import SourceTable, read_source
from tests import postgres
from tests.conftest import missing
from tests.store.inventories import PLACE, context, line, spec, square

P, Q = "1171010100100010000", "1171010100100020000"


@pytest.fixture(scope="session")
def database() -> Iterator[str]:
    """Houses and roads of the test place in EPSG:5179."""
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS (postgresql-15-postgis-3)")
    with postgres.cluster() as address:
        with psycopg.connect(address) as connection:
            connection.execute("CREATE SCHEMA city")
            columns = "gid int, pnu bigint, storeys numeric, 용도 text, geom geometry(Polygon, 5179)"
            connection.execute(f"CREATE TABLE city.houses ({columns})")
            for gid, pnu, storeys in ((2, Q, None), (1, P, 3)):
                shape = square(100 * gid, 100, 10 * gid).wkb
                values = (gid, pnu, storeys, "공동주택", shape)
                connection.execute(
                    "INSERT INTO city.houses VALUES (%s, %s, %s, %s, ST_SetSRID(ST_GeomFromWKB(%s), 5179))", values
                )
            connection.execute("CREATE TABLE roads (class text, aadt int, shape geometry)")
            connection.execute(
                "INSERT INTO roads VALUES ('103', 1200, ST_GeomFromWKB(%s))", (line((0, 0), (100, 0)).wkb,)
            )
        yield address


@pytest.fixture(autouse=True)
def _connected(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBONGRID_DATABASE", database)


def read(provides: str = "buildings", **keys: Any) -> SourceTable:
    (table,) = read_source(spec(Path(), kind="postgis", provides=[provides], **keys), context())
    return table


def test_a_table_with_its_srid_and_keys_as_text() -> None:
    table = read(table="city.houses", columns={"id": "gid", "use": "용도"})
    assert table.table.id.tolist() == ["1", "2"], "in order of the ids, whatever the database's order"
    assert table.table.columns["pnu"].tolist() == [P, Q], "19 digits survive"
    assert table.table.columns["use"].tolist() == ["공동주택"] * 2
    assert table.table.columns["storeys"] == pytest.approx([3, np.nan], nan_ok=True)
    assert table.table.measure == pytest.approx([100, 400])
    assert table.report.notes[0].startswith("2 rows, sha256 ")


def test_a_query_and_a_crs_for_geometry_without_srid() -> None:
    query = "SELECT class, aadt, shape FROM roads WHERE class LIKE '10%';"
    table = read("roads", query=query, geometry="shape", crs="EPSG:5179")
    assert table.table.measure == pytest.approx([100])
    assert table.table.columns["aadt"].tolist() == [1200]


def test_the_same_rows_have_the_same_hash_and_other_rows_another() -> None:
    notes = [read(table="city.houses", columns={"id": "gid"}).report.notes for _ in range(2)]
    assert notes[0] == notes[1]
    half = read(query="SELECT * FROM city.houses WHERE gid = 1", columns={"id": "gid"}).report.notes
    assert half != notes[0]


def test_nothing_can_be_written(database: str) -> None:
    write = "SELECT * FROM city.houses) AS a, LATERAL (SELECT nextval('city.made')) AS b; DROP TABLE city.houses; --"
    with pytest.raises(InvalidInput, match="the database refused"):
        read(query=write)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE SEQUENCE IF NOT EXISTS city.counter")
    with pytest.raises(InvalidInput, match="read-only transaction"):
        read(query="SELECT *, nextval('city.counter') AS aadt FROM city.houses")
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM city.houses").fetchone()
        assert row == (2,)


def test_messages_name_what_is_wrong() -> None:
    with pytest.raises(InvalidInput, match=r'source 1: the database refused: relation "city\.barns" does not exist'):
        read(table="city.barns")
    with pytest.raises(UnknownName, match=r"source 1\.geometry: unknown column 'shape'"):
        read(table="city.houses", geometry="shape")
    with pytest.raises(InvalidInput, match=r"source 1\.crs: is missing: the geometry states no SRID"):
        read("roads", table="roads", geometry="shape")


@pytest.mark.parametrize(
    "address", ["postgresql://spy:hunter2@127.0.0.1:1/secret", "host=127.0.0.1 port=1 password=hunter2"]
)
def test_no_message_tells_where_the_database_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_DATABASE", address)
    with pytest.raises(InvalidInput, match="the database named by OTHER_DATABASE cannot be reached") as caught:
        read(table="city.houses", database="OTHER_DATABASE")
    assert not [word for word in ("hunter2", "127.0.0.1", "spy", "secret") if word in str(caught.value)]
    assert caught.value.__cause__ is None
    with pytest.raises(InvalidInput, match="never the connection itself") as written:
        read(table="city.houses", database=address)
    assert "hunter2" not in str(written.value)


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CARBONGRID_DATABASE")
    with pytest.raises(InvalidInput, match="CARBONGRID_DATABASE is not set"):
        read(table="city.houses")


def tiny(folder: Path) -> Path:
    box = [round(v, 6) for v in PLACE.buffer(-0.0002).bounds]
    file = folder / "tiny.toml"
    file.write_text(f"""[inventory]
id = "tiny"
title = {{ ko = "작은 곳", en = "Tiny" }}
country = "kor"
year = 2024
boundary = {box}

[[source]]
kind = "postgis"
table = "city.houses"
provides = ["buildings"]
columns = {{ id = "gid", use = "용도" }}
licence = "CC0-1.0"
attribution = "Test"
""")
    return file


def test_a_release_built_from_the_database_does_not_know_where_it_was(database: str, tmp_path: Path) -> None:
    release = build(tiny(tmp_path), tmp_path / "data")
    release.verify()
    assert len(release.inventory().layers["buildings"].id) == 2
    host = str(urlsplit(database).hostname).encode()
    assert [file.name for file in release.path.iterdir() if host in file.read_bytes()] == []


def test_rows_are_inputs_of_the_release_so_that_changed_rows_are_other_inputs(database: str, tmp_path: Path) -> None:
    def storeys(of: str) -> None:
        with psycopg.connect(database) as connection:
            connection.execute(f"UPDATE city.houses SET storeys = {of} WHERE gid = 1")

    file, root, place = tiny(tmp_path), tmp_path / "data", "source 1: city.houses"
    before = build(file, root)
    storeys("7")
    try:
        with pytest.raises(NotFound, match="from these inputs"):
            validate(file, root)
        after = build(file, root)
    finally:
        storeys("3")
    assert before.manifest["inputs"].keys() == after.manifest["inputs"].keys() == {file.name, "boundary", place}
    assert compare(before, after).inputs.changed == (place,)
    assert build(file, root).id == before.id


def test_rows_read_under_other_names_are_other_inputs(database: str, tmp_path: Path) -> None:
    """Two columns that change places are other data though the values are the same."""
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS city.twins AS SELECT gid, geom, '2' a, '5' b FROM city.houses")
    one, other = (
        read(table="city.twins", columns={"id": "gid", "storeys": s, "use": u}).report.notes
        for s, u in (("a", "b"), ("b", "a"))
    )
    assert one != other


def test_one_of_table_and_query() -> None:
    with pytest.raises(InvalidInput, match="one of table and query"):
        read()
