# SPDX-License-Identifier: Apache-2.0
"""Column definitions of official formats, kept as CSV beside the readers: what stands where, by whose word."""

import csv
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from carbongrid.errors import InvalidInput


@lru_cache(maxsize=16)
def definition(name: str) -> tuple[Mapping[str, str], ...]:
    """Rows of ``<name>.csv`` in file order."""
    text = (files("carbonstore.sources") / f"{name}.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines(), strict=True))


def columns_by_count(name: str, fields: int, place: str) -> tuple[str, ...]:
    """Column names of headerless text in order, by its number of fields; InvalidInput lists the known numbers."""
    rows = [row for row in definition(name) if int(row["fields"]) == fields]
    if not rows:
        known = {int(row["fields"]): row["layout"] for row in definition(name)}
        raise InvalidInput(
            f"its rows have {fields} fields, which is no known layout",
            where=f"{place}.path",
            allowed=[f"{n} fields ({layout})" for n, layout in known.items()],
        )
    ordered: Sequence[Mapping[str, str]] = sorted(rows, key=lambda row: int(row["position"]))
    return tuple(row["column"] for row in ordered)


def choice(name: str, column: str) -> tuple[str, ...]:
    """Names in the file that a contract column goes by, in order of preference (FileGDB, then a DBF's ten letters)."""
    return tuple(row["name"] for row in definition(name) if row["column"] == column)


def present(name: str, available: Sequence[str], place: str, *, required: Sequence[str] = ()) -> dict[str, str]:
    """Contract column -> the first of its names that the file has; InvalidInput where a required one is missing."""
    found: dict[str, str] = {}
    for column in dict.fromkeys(row["column"] for row in definition(name)):
        names = [n for n in choice(name, column) if n in available]
        if names:
            found[column] = names[0]
        elif column in required:
            raise InvalidInput(
                f"the file lacks the column '{choice(name, column)[0]}': is it of this kind?",
                where=f"{place}.path",
                allowed=choice(name, column),
            )
    return found
