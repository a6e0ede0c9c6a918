# SPDX-License-Identifier: Apache-2.0
"""Random filters over cells with nulls: our rows are PostgreSQL's."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
import shapely

from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.record_source import RecordSource
from carbonstore.filter import Filter, parse
from carbonstore.postgis import publish as postgis
from carbonstore.releases.catalogue import Snapshot
from tests import postgres
from tests.conftest import missing
from tests.cql2_trees import Trees

TREES, AT_ONCE = 5_000, 250
TYPES = {"number": "float8", "integer": "int", "boolean": "boolean"}


@pytest.fixture(scope="module")
def history(toy_root: Any) -> Collection:
    from carbonstore.releases.catalogue import Catalogue

    return Catalogue(toy_root).snapshot().collections["toy-100m-history"]


@pytest.fixture(scope="module")
def database(history: Collection) -> Iterator[psycopg.Connection]:
    """A table ``cells`` with the records of the history as clients see them, in answer order."""
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS")
    with postgres.cluster() as address, psycopg.connect(address, autocommit=True) as connection:
        kinds = {n: "date" if f.format == "date" else TYPES.get(f.type, "text") for n, f in history.fields.items()}
        columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        connection.execute("SET jit = off")
        connection.execute(f"CREATE TABLE cells (n int, geom geometry(Polygon, 4326), {columns})")
        shapes = np.concatenate([RecordSource(history, y).shapes(slice(0, 36)) for y in history.years])
        batch = cells.read(history, CellQuery())
        values = [np.where(c.null, None, c.values.astype(object)) for c in batch.columns.values()]
        with connection.cursor() as cursor, cursor.copy("COPY cells FROM STDIN") as copy:
            for n, row in enumerate(
                zip(shapely.to_wkt(shapely.set_srid(shapes, 0), rounding_precision=-1), *values, strict=True)
            ):
                copy.write_row([n, f"SRID=4326;{row[0]}", *row[1:]])
        yield connection


@pytest.fixture(scope="module")
def tables(history: Collection) -> Iterator[psycopg.Connection]:
    """The same records as ``publish`` loads them, numbered in answer order as ``cells``."""
    if not postgres.available():
        missing("PostgreSQL 15 with PostGIS")
    with postgres.cluster() as address, psycopg.connect(address, autocommit=True) as connection:
        postgis.publish(history.published, address)
        connection.execute("SET jit = off")
        names = ", ".join(history.fields)
        connection.execute(
            f"CREATE TEMP TABLE cells AS SELECT row_number() OVER (ORDER BY year, north DESC, east) - 1 AS n, {names},"
            " ST_Transform(geom, 4326) AS geom FROM carbongrid.toy_100m_history"
        )
        yield connection


def test_random_filters_give_the_rows_that_postgresql_gives(history: Collection, database: psycopg.Connection) -> None:
    assert compared(history, database, TREES, seed=5) > 40  # the draws are no trivial ones


def test_published_tables_give_the_same_rows(history: Collection, tables: psycopg.Connection) -> None:
    assert compared(history, tables, 1_000, seed=17) > 30


def test_published_tables_give_the_same_rows_in_boxes(history: Collection, tables: psycopg.Connection) -> None:
    west, south, east, north = history.bbox
    chance, sizes = np.random.default_rng(3), set()
    for _ in range(200):
        x, y = (
            np.sort(chance.uniform(west - 1e-3, east + 1e-3, 2)),
            np.sort(chance.uniform(south - 1e-3, north + 1e-3, 2)),
        )
        box = tuple(np.round([x[0], y[0], x[1], y[1]], 6).tolist())
        asked = (
            "SELECT id FROM carbongrid.toy_100m_history WHERE ST_Intersects(ST_Transform(geom, 4326), ST_MakeEnvelope"
        )
        expected = tables.execute(f"{asked}{(*box, 4326)}) ORDER BY year, north DESC, east").fetchall()  # type: ignore[arg-type]
        found = cells.read(history, CellQuery(bbox=box)).feature_ids
        assert found == [id for (id,) in expected], box
        sizes.add(len(found))
    assert len(sizes) > 15


def compared(history: Collection, database: psycopg.Connection, number: int, seed: int) -> int:
    """Hold the rows of so many trees against the table's; how many different sizes of answers there were."""
    trees = Trees(seed=seed, box=history.bbox)
    drawn = [trees.tree() for _ in range(number)]
    sizes = set()
    for start in range(0, number, AT_ONCE):
        part = drawn[start : start + AT_ONCE]
        asked = " UNION ALL ".join(
            f"SELECT {k}, array_agg(n ORDER BY n) FROM cells WHERE {tree.sql}" for k, tree in enumerate(part)
        )
        expected = {k: rows or [] for k, rows in database.execute(asked).fetchall()}  # type: ignore[arg-type]
        for k, tree in enumerate(part):
            rows = _rows(history, tree.text)
            assert rows == expected[k], f"{tree.text}\n{tree.sql}"
            sizes.add(len(rows))
    return len(sizes)


def _rows(history: Collection, text: str) -> list[int]:
    """Places of the records, both years end to end."""
    asked, found = Filter.of(parse(text), history.fields), []
    for at, year in enumerate(history.years):
        rows = asked.select(RecordSource(history, year))
        found += [at * 36 + r for r in (range(36) if rows is None else rows.tolist())]
    return found


def test_bounds_of_blocks_change_nothing(square: Snapshot) -> None:
    """The same trees over 10,000 cells, with and without a look at the blocks."""
    collection = square.collections["square-100m"]
    source, trees = RecordSource(collection, 2023), Trees(seed=6, box=collection.bbox)
    for _ in range(100):
        text = trees.tree().text
        asked = Filter.of(parse(text), collection.fields)
        quick, slow = asked.select(source), asked.select(source, scan=True)
        assert (quick is None) == (slow is None), text
        assert quick is None or slow is None or np.array_equal(quick, slow), text
