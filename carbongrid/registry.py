# SPDX-License-Identifier: Apache-2.0
"""The factor registry to look at: every number that the model may use in a country, with where it is from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from carbongrid.errors import UnknownName
from carbongrid.factors import FOLDER, FactorSet, countries, read_country
from carbongrid.schemas import SCHEMAS
from carbongrid.tables import PROVENANCE, Table

FACTORS = "factors"
PLACEHOLDER = "placeholder"


@dataclass(frozen=True)
class Entry:
    """One row: its ``table``, ``id``, provenance, and ``values``, its other columns that are not empty."""

    table: str
    id: str
    year: int
    basis: str
    u_pct: float
    status: str
    source: str
    values: Mapping[str, str | float]

    @property
    def placeholder(self) -> bool:
        """Whether it is a guess, to be replaced."""
        return self.status == PLACEHOLDER

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self) | {"placeholder": self.placeholder, "values": dict(self.values)}


def entries(factors: FactorSet) -> tuple[Entry, ...]:
    """Emission factors first, then the rows of every table of numbers, as the country uses them, borrowed ones too."""
    tables = [name for name, schema in SCHEMAS.items() if schema.provenance and name != FACTORS]
    rows = [e for name in tables if name in factors.tables for e in _rows(name, factors.tables[name])]
    return (*_factors(factors), *rows)


def find(factors: FactorSet, name: str) -> Entry:
    """The row of an id; UnknownName suggests the nearest."""
    found = {e.id: e for e in entries(factors)}
    if name not in found:
        raise UnknownName(name, found, kind="factor or row", where=factors.country.id)
    return found[name]


def check() -> dict[str, tuple[Entry, ...]]:
    """Read every pack anew with all checks of the loader; its entries by country. InvalidInput names file and row."""
    return {country: entries(_fresh(country)) for country in countries()}


def _fresh(country: str) -> FactorSet:
    fallback = read_country(FOLDER / country).fallback
    return FactorSet.read(FOLDER / country, _fresh(fallback) if fallback else None)


def _factors(factors: FactorSet) -> list[Entry]:
    given = [asdict(f) for f in factors.factors]
    return [Entry(FACTORS, **{n: f.pop(n) for n in ("id", *PROVENANCE)}, values=f) for f in given]


def _rows(name: str, table: Table) -> list[Entry]:
    schema = SCHEMAS[name]
    texts = {c: table.text(c) for c in schema.texts}
    numbers = {c: table.number(c).tolist() for c in schema.numbers}
    return [_entry(name, table.id[i], {c: v[i] for c, v in (texts | numbers).items()}) for i in range(len(table))]


def _entry(table: str, name: str, cells: dict[str, str | float]) -> Entry:
    year, basis, u_pct, status, source = (cells.pop(c) for c in PROVENANCE)
    values = {c: v for c, v in cells.items() if str(v) not in ("", "nan")}
    return Entry(table, name, int(year), str(basis), float(u_pct), str(status), str(source), values)
