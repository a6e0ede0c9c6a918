# SPDX-License-Identifier: Apache-2.0
"""Country tables: CSV files whose every row says where its number is from, read and checked at load.

A table of numbers must give ``year``, ``basis``, ``u_pct`` (half 95 % interval in per cent), ``status`` and ``source``
in each row; a row that lacks one is an error that names file, row and field. Code lists (``provenance=False``) only
map names to names.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.inventory import Activity

STATUS = ("verified", "derived", "literature", "placeholder")
"""verified: read in the named public text. derived: computed from such numbers. literature: cited, not re-read.
placeholder: a guess with a wide interval, to be replaced; every report shows its share."""
PROVENANCE = ("year", "basis", "u_pct", "status", "source")


@dataclass(frozen=True)
class Schema:
    """Columns of one table: text and numbers that must be there, text and numbers that may be empty."""

    text: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    optional_text: tuple[str, ...] = ()
    optional_number: tuple[str, ...] = ()
    provenance: bool = True

    @property
    def numbers(self) -> tuple[str, ...]:
        """All numeric columns."""
        return (*self.number, *self.optional_number, *(("year", "u_pct") if self.provenance else ()))

    @property
    def texts(self) -> tuple[str, ...]:
        """All text columns but ``id``."""
        return (*self.text, *self.optional_text, *(("basis", "status", "source") if self.provenance else ()))

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns whose fields may be empty."""
        return (*self.optional_text, *self.optional_number)


@dataclass(frozen=True)
class Table:
    """A checked table by columns, rows in file order: numbers float64 (NaN = empty), text object ("" = empty)."""

    file: str
    id: tuple[str, ...]
    columns: Mapping[str, NDArray[np.generic]]

    def __len__(self) -> int:
        return len(self.id)

    @classmethod
    def read(cls, path: Path, schema: Schema) -> Self:
        """Read and check a CSV file; InvalidInput names file, row and field."""
        rows = _rows(path, schema)
        ids = tuple(r["id"] for r in rows)
        _no_twins(path, ids)
        numbers = {c: _numbers(path, rows, c, schema) for c in schema.numbers}
        texts = {c: np.array([r[c] for r in rows], object) for c in schema.texts}
        table = cls(path.name, ids, {**numbers, **texts})
        if schema.provenance:
            _check_provenance(path, table)
        return table

    def number(self, column: str) -> NDArray[np.float64]:
        """A numeric column, float64."""
        return self.columns[column].astype(np.float64, copy=False)

    def text(self, column: str) -> list[str]:
        """A text column."""
        return [str(v) for v in self.columns[column]]

    @property
    def position(self) -> dict[str, int]:
        """Row of each id."""
        return {name: i for i, name in enumerate(self.id)}

    def at(self, name: str) -> int:
        """Row of an id; UnknownName with the nearest one otherwise."""
        if name not in self.id:
            raise UnknownName(name, self.id, kind="row", where=self.file)
        return self.id.index(name)

    def over(self, base: "Table", key: str) -> "Table":
        """These rows, then those of ``base`` whose ``key`` is not among these."""
        own = set(self.id if key == "id" else self.text(key))
        kept = [i for i, v in enumerate(base.id if key == "id" else base.text(key)) if v not in own]
        columns = {c: np.concatenate([v, base.columns[c][kept]]) for c, v in self.columns.items()}
        return Table(self.file, (*self.id, *(base.id[i] for i in kept)), columns)

    def activity(self, i: int) -> Activity:
        """Row ``i`` as a common row that sources share."""
        cells = (self.text("status")[i], self.text("source")[i])
        return Activity(self.id[i], float(self.number("u_pct")[i]), *cells)


def _rows(path: Path, schema: Schema) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        _check_header(path, reader.fieldnames or (), schema)
        rows = [{k: (v or "").strip() for k, v in row.items() if isinstance(k, str)} for row in reader]
    required = ("id", *(c for c in (*schema.texts, *schema.numbers) if c not in schema.optional))
    for line, row in enumerate(rows, 2):
        for column in required:
            if not row[column]:
                raise InvalidInput(f"the field '{column}' is empty", where=place(path, line, row["id"]))
    return rows


def _check_header(path: Path, header: Sequence[str], schema: Schema) -> None:
    wanted = ("id", *schema.texts, *schema.numbers)
    for column in wanted:
        if column not in header:
            raise InvalidInput(f"the column '{column}' is missing", where=path.name, allowed=wanted)
    for column in header:
        if column not in wanted:
            raise UnknownName(column, wanted, kind="column", where=path.name)


def _no_twins(path: Path, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for line, name in enumerate(ids, 2):
        if name in seen:
            raise InvalidInput(f"the id '{name}' stands twice", where=place(path, line, name))
        seen.add(name)


def _numbers(path: Path, rows: Sequence[Mapping[str, str]], column: str, schema: Schema) -> NDArray[np.float64]:
    values = np.full(len(rows), np.nan)
    for i, row in enumerate(rows):
        if row[column] or column not in schema.optional:
            values[i] = _number(row[column], column, place(path, i + 2, row["id"]))
    return values


def _number(text: str, column: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InvalidInput(f"the field '{column}' is no number: '{text}'", where=where)
    return value


def _check_provenance(path: Path, table: Table) -> None:
    year, u_pct = table.number("year"), table.number("u_pct")
    for i, status in enumerate(table.text("status")):
        where = place(path, i + 2, table.id[i])
        if status not in STATUS:
            raise UnknownName(status, STATUS, kind="status", where=where)
        if not 0 <= u_pct[i] <= 500:
            raise InvalidInput(f"u_pct {u_pct[i]:g} is out of bounds", where=where, allowed=["0 .. 500"])
        if year[i] % 1 or not 1990 <= year[i] <= 2100:
            raise InvalidInput(f"year {year[i]:g} is out of bounds", where=where, allowed=["1990 .. 2100"])


def place(path: Path, line: int, name: str) -> str:
    """Where a fault lies: folder, file, line and row id."""
    return f"{path.parent.name}/{path.name} line {line} ({name or 'no id'})"
