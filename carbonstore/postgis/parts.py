# SPDX-License-Identifier: Apache-2.0
"""What of an edition is a table of PostGIS, and how: one partition a year of every collection of cells and of units,
and one of the sources of the newest year.

Cells are told by their corner, from which the database makes the square; units and sources bring their outlines, in
EPSG:4326, and sources their place in natural order too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import shapely
from psycopg import sql

from carbonstore.collections import cells
from carbonstore.collections.batch import Batch
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.fields import Field
from carbonstore.collections.quads import WGS84
from carbonstore.collections.shapes import Shapes
from carbonstore.collections.unit_collection import UnitCollection
from carbonstore.encode import table as arrow
from carbonstore.releases import disk
from carbonstore.releases.catalogue import Published

ROWS = 100_000
"""Records in memory at a time."""
_CORNER = ("east", "north")
_WGS84 = 4326


@dataclass(frozen=True)
class Part:
    """The table of one year of one collection: ``records`` rows of the release in force."""

    collection: Collection
    year: int

    @property
    def parent(self) -> str:
        """Name of the partitioned table."""
        return self.collection.id.replace("-", "_")

    @property
    def view(self) -> str | None:
        """Name of the view of the newest year; None where the table holds no other."""
        newest = self.collection.over(history=False)
        return newest.id.replace("-", "_") if newest != self.collection else None

    @property
    def release(self) -> str:
        """Id of the release that it holds."""
        return self.collection.release(self.year).id

    @property
    def table(self) -> str:
        """Name of the partition: another release is another table, so both can be there for a moment.

        So is the same release under other codes of units, those of another newest year (docs/adr/0009).
        """
        newest, release = self.collection.newest, self.collection.release(self.year)
        tag = disk.digest(f"{release.id} {newest}".encode()) if release.recoded(newest) else release.id
        return f"{self.parent}_{self.year}_{tag[:8]}"

    @cached_property
    def records(self) -> int:
        """How many it has."""
        return cells.count(self.collection, CellQuery(years=(self.year,)))

    @property
    def fields(self) -> tuple[Field, ...]:
        """Properties that are columns, beside ``id``: the same for every inventory."""
        return tuple(f for f in self.collection.every_field if f.name != "id")

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that are loaded and compared, in their order."""
        if isinstance(self.collection, CellCollection):
            place: tuple[str, ...] = _CORNER
        else:
            place = ("geom",) if isinstance(self.collection, UnitCollection) else ("row", "geom")
        return ("id", *(f.name for f in self.fields), *place)

    @property
    def present(self) -> tuple[str, ...]:
        """All columns: the square of a cell is made of its corner."""
        return self.names if "geom" in self.names else (*self.names, "geom")

    @property
    def place(self) -> sql.Composed:
        """Declaration of what tells where a record lies."""
        if not isinstance(self.collection, CellCollection):
            row = "row integer NOT NULL, " if "row" in self.names else ""
            outline = f"{row}geom geometry({self.collection.geometry_type}, {{}})"
            return sql.SQL(outline).format(sql.Literal(_WGS84))
        square = (
            "east integer NOT NULL, north integer NOT NULL, geom geometry(Polygon, {srid}) GENERATED ALWAYS AS "
            "(ST_MakeEnvelope(east, north, east + {size}, north + {size}, {srid})) STORED"
        )
        grid, size = self.collection.published.grid, self.collection.level
        return sql.SQL(square).format(srid=sql.Literal(grid.epsg), size=sql.Literal(size))

    @property
    def order(self) -> sql.SQL:
        """The natural order of records."""
        if isinstance(self.collection, CellCollection):
            return sql.SQL("north DESC, east")
        return sql.SQL("row") if "row" in self.names else sql.SQL('geom IS NULL, unit_code COLLATE "C"')

    def tables(self) -> Iterator[pa.Table]:
        """Its rows, in natural order, in pieces that fit into memory."""
        first = 0
        for batch in cells.pages(self.collection, CellQuery(years=(self.year,)), ROWS):
            found, row = arrow.table(batch), np.arange(first, first + len(batch), dtype=np.int32)
            columns = {"row": pa.array(row), **{f.name: _column(found, f) for f in self.fields}, **self._place(batch)}
            yield pa.table({"id": found["id"], **{name: columns[name] for name in self.names if name != "id"}})
            first += len(batch)

    def _place(self, batch: Batch) -> dict[str, pa.Array]:
        if isinstance(self.collection, CellCollection):
            return dict(zip(_CORNER, map(pa.array, self.collection.window.corners(batch.key)), strict=True))
        assert isinstance(batch.geometry, Shapes)
        outlines = shapely.set_srid(arrow.several(batch.geometry.in_crs(WGS84)), _WGS84)
        return {"geom": pa.array(shapely.to_wkb(outlines, hex=True, include_srid=True, byte_order=1), pa.string())}


def _column(table: pa.Table, field: Field) -> pa.Array:
    """A column, or nulls where the collection has none: the table's columns are the same for every inventory."""
    return table[field.name] if field.name in table.column_names else pa.nulls(len(table), arrow.arrow_type(field))


def parts(published: Published) -> tuple[Part, ...]:
    """All tables of an edition: cells of every published level, units of every level, year by year, then sources."""
    whole = [c for c in published.collections.values() if c == c.over(history=True)]
    return tuple(Part(collection, year) for collection in whole for year in collection.years)
