# SPDX-License-Identifier: Apache-2.0
"""An edition as tables of a PostGIS database, for SQL, QGIS, GeoServer and other servers.

Schema ``carbongrid``: the cells or units of a level are one table partitioned by year, named as its history collection
with ``_`` for ``-``, and a view of the newest year, named as that collection. Sources, which are of the newest year
only, are one table a kind, named as their collection. Every year is loaded and compared with the edition beside what is
read, then all years of all tables change places in one transaction: readers see the edition before or this one.
Whatever a broken load leaves behind, the next one sweeps away.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from carbongrid.errors import Corrupt, InvalidInput
from carbonstore.collections.fields import Field
from carbonstore.collections.queries import queries, refusal
from carbonstore.postgis.parts import Part, parts
from carbonstore.releases.catalogue import Published

SCHEMA = "carbongrid"
READER = "carbongrid_reader"
LOCK_TRIES, LOCK_WAIT = 10, "2s"
"""ATTACH waits for long readers and holds up those that come after: give way, then try again."""
LONGEST_NAME = 63
_TYPES = {"string": "text", "integer": "integer", "number": "double precision", "boolean": "boolean"}

Connection = psycopg.Connection[tuple[Any, ...]]
Progress = Callable[[str, int, int], None]


def publish(published: Published, address: str, progress: Progress = lambda *_: None) -> tuple[Part, ...]:
    """Bring the tables of an inventory to an edition; what is there already stays. Returns the tables in force.

    InvalidInput where the database cannot be reached or refuses, without a word of the address; Corrupt where a table
    does not equal the edition, which is then not put into force.
    """
    parts = _parts(published)
    with _connected(address) as connection:
        _prepare(connection, parts)
        before = _loaded(connection, published.id)
        fresh = [p for p in parts if before.get((p.parent, p.year)) != p.table]
        for done, part in enumerate(fresh):
            progress("load", done, len(fresh))
            _load(connection, part)
        progress("load", len(fresh), len(fresh))
        _check(connection, parts, progress)
        _switch(connection, published, parts, before)
        _grant(connection)
    return parts


def check(published: Published, address: str, progress: Progress = lambda *_: None) -> tuple[Part, ...]:
    """Compare the tables in force with an edition, value by value; Corrupt names the first that differs."""
    parts = _parts(published)
    with _connected(address) as connection:
        there = _loaded(connection, published.id)
        for part in parts:
            if there.pop((part.parent, part.year), None) != part.table:
                raise Corrupt(f"{part.parent} does not hold {part.year} of this edition", where="database")
        if there:
            raise Corrupt(f"{sorted(there)[0]} is of no edition in force", where="database")
        _check(connection, parts, progress)
    return parts


def _parts(published: Published) -> tuple[Part, ...]:
    found = parts(published)
    for part in found:
        if len(part.table) > LONGEST_NAME:
            raise InvalidInput(
                f"'{part.table}' is too long for a table",
                where="inventory.id",
                allowed=[f"names of {LONGEST_NAME} characters"],
            )
    return found


@contextmanager
def _connected(address: str) -> Iterator[Connection]:
    """One publisher at a time."""
    try:
        with psycopg.connect(address, connect_timeout=10, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (SCHEMA,))
            yield connection
    except psycopg.Error as error:
        allowed = ["postgresql://user@host/database with PostGIS"]
        raise InvalidInput(refusal(error, "the database"), where="--to", allowed=allowed) from None


def _statement(name: str, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(queries("publish")[name]).format(**parts)


def _named(name: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, name)


def _prepare(connection: Connection, parts: Sequence[Part]) -> None:
    """Schema, ledgers and partitioned tables, if they are not there; tables of broken loads go."""
    connection.execute(_statement("prepare"))
    for part in {p.parent: p for p in parts}.values():
        _create(connection, part)
    for parent in {p.parent for p in parts}:
        _sweep(connection, parent)


def _create(connection: Connection, part: Part) -> None:
    connection.execute(
        _statement(
            "parent",
            parent=_named(part.parent),
            index=sql.Identifier(f"{part.parent[: LONGEST_NAME - 5]}_geom"),
            columns=sql.SQL(",\n    ").join([sql.SQL("id text"), *map(_declared, part.fields), part.place]),
        )
    )
    found = connection.execute(queries("publish")["present"], {"table": f"{SCHEMA}.{part.parent}"}).fetchall()
    if tuple(name for (name,) in found) != part.present:
        raise InvalidInput(
            f"the table {SCHEMA}.{part.parent} has other columns than this version writes",
            where="--to",
            allowed=[f"DROP TABLE {SCHEMA}.{part.parent} CASCADE first"],
        )
    _describe(connection, part)


def _declared(field: Field) -> sql.Composed:
    kind = "date" if field.format == "date" else _TYPES[field.type]
    needed = " NOT NULL" if field.name in ("cell_id", "year") else ""
    return sql.SQL("{} " + kind + needed).format(sql.Identifier(field.name))


def _describe(connection: Connection, part: Part) -> None:
    """Titles and units as comments, in both languages, where database clients show them."""
    title = part.collection.title
    _comment(connection, sql.SQL("TABLE {}").format(_named(part.parent)), f"{title['en']} / {title['ko']}")
    for field in part.fields:
        unit = f" [{field.unit}]" if field.unit else ""
        what = sql.SQL("COLUMN {}.{}").format(_named(part.parent), sql.Identifier(field.name))
        _comment(connection, what, f"{field.title['en']} / {field.title['ko']}{unit}: {field.description['en']}")


def _comment(connection: Connection, what: sql.Composable, text: str) -> None:
    connection.execute(sql.SQL("COMMENT ON {} IS {}").format(what, sql.Literal(text)))


def _sweep(connection: Connection, parent: str) -> None:
    found = connection.execute(queries("publish")["strays"], {"pattern": f"{parent}%"}).fetchall()
    for (name,) in found:
        if re.fullmatch(rf"{parent}_\d{{4}}_[0-9a-f]{{8}}", name):
            connection.execute(sql.SQL("DROP TABLE {}").format(_named(name)))


def _loaded(connection: Connection, inventory: str) -> dict[tuple[str, int], str]:
    """Table in force of every level and year."""
    rows = connection.execute(queries("publish")["loaded"], {"inventory": inventory}).fetchall()
    return {(parent, year): table for parent, year, _, table, _ in rows}


def _load(connection: Connection, part: Part) -> None:
    table = _named(part.table)
    connection.execute(_statement("load", table=table, parent=_named(part.parent)))
    into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, _columns(part))
    with connection.cursor().copy(into) as copy:
        for rows in part.tables():
            copy.write(_csv(rows))
    connection.execute(_statement("index", table=table, year=sql.Literal(part.year)))


def _columns(part: Part) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, part.names))


def _csv(table: pa.Table) -> bytes:
    out = BytesIO()
    csv.write_csv(table, out, csv.WriteOptions(include_header=False))
    return out.getvalue()


def _check(connection: Connection, parts: Sequence[Part], progress: Progress) -> None:
    for done, part in enumerate(parts):
        progress("check", done, len(parts))
        _compare(connection, part)
    progress("check", len(parts), len(parts))


def _compare(connection: Connection, part: Part) -> None:
    """Read the table back in natural order and hold it against the edition."""
    rows = sql.SQL("COPY (SELECT {} FROM {} ORDER BY {}) TO STDOUT (FORMAT csv)")
    with connection.cursor().copy(rows.format(_columns(part), _named(part.table), part.order)) as copy:
        lines = iter(copy)
        for expected in part.tables():
            found = b"".join(map(bytes, islice(lines, len(expected))))
            if not found or not _parsed(found, expected.schema).equals(expected):
                raise Corrupt(f"{SCHEMA}.{part.table} does not equal the edition", where="database")
        if next(lines, None) is not None:
            raise Corrupt(f"{SCHEMA}.{part.table} has rows that the edition has not", where="database")


def _parsed(lines: bytes, schema: pa.Schema) -> pa.Table:
    """COPY's text as the columns that it was written from."""
    longest = max(map(len, lines.splitlines()))  # a row has to lie in a block
    read = csv.ReadOptions(column_names=schema.names, block_size=max(1 << 20, 2 * longest))
    types = csv.ConvertOptions(
        column_types=schema, null_values=[""], true_values=["t"], false_values=["f"], strings_can_be_null=True
    )
    return csv.read_csv(BytesIO(lines), read, convert_options=types)


def _switch(
    connection: Connection, published: Published, parts: Sequence[Part], before: Mapping[tuple[str, int], str]
) -> None:
    for attempt in range(1, LOCK_TRIES + 1):
        try:
            with connection.transaction():
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_WAIT)))
                return _change_places(connection, published, parts, before)
        except psycopg.errors.LockNotAvailable:
            if attempt == LOCK_TRIES:
                raise


def _change_places(
    connection: Connection, published: Published, parts: Sequence[Part], before: Mapping[tuple[str, int], str]
) -> None:
    wanted = {(p.parent, p.year): p for p in parts}
    for key, table in before.items():
        if key not in wanted or wanted[key].table != table:
            _detach(connection, *key, table)
    for key, part in wanted.items():
        if before.get(key) != part.table:
            _attach(connection, part)
    for part in parts:
        if part.year == published.newest and part.view is not None:
            _show(connection, part, part.view)
    connection.execute(queries("publish")["in_force"], {"inventory": published.id, "edition": published.edition.id})


def _detach(connection: Connection, parent: str, year: int, table: str) -> None:
    connection.execute(_statement("detach", parent=_named(parent), table=_named(table)))
    connection.execute(queries("publish")["forget"], {"parent": parent, "year": year})


def _attach(connection: Connection, part: Part) -> None:
    connection.execute(
        _statement("attach", parent=_named(part.parent), table=_named(part.table), year=sql.Literal(part.year))
    )
    values = {"parent": part.parent, "year": part.year, "release": part.release, "partition": part.table}
    more = {"inventory": part.collection.inventory, "records": part.records}
    connection.execute(queries("publish")["remember"], values | more)


def _show(connection: Connection, part: Part, name: str) -> None:
    """The view of the newest year."""
    view, year = _named(name), sql.Literal(part.year)
    connection.execute(_statement("view", view=view, parent=_named(part.parent), year=year))
    title = part.collection.over(history=False).title
    _comment(connection, sql.SQL("VIEW {}").format(view), f"{title['en']} / {title['ko']}")


def _grant(connection: Connection) -> None:
    """A role that may only read; left to the database's owner where we may make none."""
    try:
        with connection.transaction():
            connection.execute(_statement("reader"))
    except psycopg.errors.InsufficientPrivilege:
        return
