# SPDX-License-Identifier: Apache-2.0
"""Emission factors and activity tables of a country: a folder of CSV files and one ``country.toml``.

``FactorSet.load("kor")`` reads the folder and completes it from its fall-back pack (``ipcc``): code lists and keyed
tables row by row, other tables whole, factors carrier by carrier. Everything is checked at load; nothing is a constant
in code. Adding a country means adding a folder.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.curves import Curve, curves
from carbongrid.disclosure import Rule
from carbongrid.errors import InvalidInput, NotFound, UnknownName
from carbongrid.inventory import Activity, FactorRow
from carbongrid.schemas import MERGE, SCHEMAS, check
from carbongrid.tables import Table
from carbongrid.unit_scheme import UnitScheme
from carbongrid.units import EnergyUnit, FactorUnit

F64 = NDArray[np.float64]

FOLDER = Path(__file__).parent / "countries"
BASES = {
    "combustion": 1,
    "biogenic": 1,
    "combustion_generation": 2,
    "combustion_consumption": 2,
    "supplier": 2,
    "combined_margin": 2,
    "lifecycle": 3,
}
"""Basis of a factor -> the scope it belongs to. What is charged to an end user of electricity is
``combustion_consumption`` only: a life-cycle figure can be twice as large, a generator's leaves out the grid losses."""
BOUNDS_KG_PER_GJ = {
    ("co2", 1): (30.0, 135.0),
    ("co2", 2): (0.0, 420.0),
    ("co2", 3): (0.0, 420.0),
    ("co2e_unsplit", 2): (0.0, 420.0),
    ("co2e_unsplit", 3): (0.0, 420.0),
    ("ch4", 1): (0.0, 2.0),
    ("ch4", 2): (0.0, 0.1),
    ("n2o", 1): (0.0, 0.3),
    ("n2o", 2): (0.0, 0.1),
}
"""Possible values of (gas, scope): from hydrogen-rich gas to wood; electricity up to 1.5 t/MWh."""


@dataclass(frozen=True, slots=True)
class EmissionFactor:
    """One factor row. ``value`` is in ``unit`` of the gas named; ``u_pct`` is half its 95 % interval.

    Factors of one ``group`` err together. ``until``: the last year for which the row stands without being a substitute
    (guideline defaults stand until replaced; a yearly grid factor only for its own year).
    """

    id: str
    group: str
    country: str
    year: int
    carrier: str
    value: float
    unit: str
    basis: str
    scope: int
    gas: str
    u_pct: float
    status: str
    source: str
    until: int

    @property
    def row(self) -> FactorRow:
        """The factor as inventories carry it."""
        return FactorRow(self.id, self.group, self.u_pct, self.status, self.source)

    @property
    def parsed_unit(self) -> FactorUnit:
        """Its unit, read."""
        return FactorUnit.parse(self.unit, where=self.id)

    def used_year(self, year: int) -> int:
        """The year whose value is used for ``year``: another one means a substitute."""
        return year if self.year <= year <= self.until else self.year


@dataclass(frozen=True, slots=True)
class CarrierUse:
    """Which factor rows stand for a building's electricity, gas or heat, and the unit of its intensities."""

    carrier: str
    basis: str
    unit: EnergyUnit


@dataclass(frozen=True)
class Country:
    """What ``country.toml`` says. ``heat_regions``: administrative code prefix -> district heat supplier.

    ``disclosure``: when a sum of meters may be published; ``units``: the levels of its units; ``extent``: a generous
    box around it in CRS84 (west, south, east, north), None for a pack that holds anywhere; ``cells``: whether cells are
    published where an inventory has units and does not say so.
    """

    id: str
    name: Mapping[str, str]
    crs: str | None
    fallback: str | None
    gwp_set: str
    species_version: str | None
    carriers: Mapping[str, CarrierUse]
    heat_default: str
    heat_regions: Mapping[str, str]
    disclosure: Rule
    units: UnitScheme | None = None
    extent: tuple[float, float, float, float] | None = None
    cells: bool = True

    def heat_supplier(self, region: str) -> str:
        """Supplier of the longest matching code prefix, else the default one."""
        matches = [p for p in self.heat_regions if region.startswith(p)]
        return self.heat_regions[max(matches, key=len)] if matches else self.heat_default


@dataclass(frozen=True)
class FactorSet:
    """Factors and tables of one country, complete and checked; ``region``: administrative code of the place or ""."""

    country: Country
    factors: tuple[EmissionFactor, ...]
    tables: Mapping[str, Table]
    region: str = ""

    @classmethod
    def load(cls, country: str, region: str = "") -> "FactorSet":
        """The pack of a country by its folder name; UnknownName lists those there are. Cached."""
        return _load(country, region)

    @classmethod
    def read(cls, folder: Path, fallback: "FactorSet | None" = None, region: str = "") -> Self:
        """Read a country folder; what it lacks comes from ``fallback``. InvalidInput names file, row and field."""
        country = read_country(folder)
        own = {n: Table.read(p, s) for n, s in SCHEMAS.items() if (p := folder / f"{n}.csv").exists()}
        base = fallback.tables if fallback else {}
        tables = {n: _merge(n, own.get(n), base.get(n)) for n in SCHEMAS if n in own or n in base}
        factors = _factors(own["factors"], folder) if "factors" in own else ()
        carriers = {f.carrier for f in factors}
        borrowed = [f for f in (fallback.factors if fallback else ()) if f.carrier not in carriers]
        check(tables, folder.name)
        _check_choices(country, tables, folder.name)
        return cls(country, (*factors, *borrowed), tables, region)

    def lookup(self, carrier: str, year: int, *, gas: str, basis: str) -> tuple[EmissionFactor, int]:
        """The factor for a year: the newest row not later, else the oldest; with the year whose value it is.

        NotFound where the carrier has no row of that gas on that basis: bases are never mixed.
        """
        rows = [f for f in self.factors if (f.carrier, f.gas, f.basis) == (carrier, gas, basis)]
        if not rows:
            known = sorted({f"{f.carrier} {f.gas} {f.basis}" for f in self.factors if f.carrier == carrier})
            raise NotFound(f"no factor for {carrier} {gas} on the basis {basis}", allowed=known)
        earlier = [f for f in rows if f.year <= year]
        chosen = max(earlier, key=lambda f: f.year) if earlier else min(rows, key=lambda f: f.year)
        return chosen, chosen.used_year(year)

    def gases(self, carrier: str, year: int, basis: str) -> tuple[tuple[EmissionFactor, int], ...]:
        """One factor for each gas that the set splits this carrier into, in gas order."""
        gases = sorted({f.gas for f in self.factors if (f.carrier, f.basis) == (carrier, basis)})
        if not gases:
            self.lookup(carrier, year, gas="co2", basis=basis)  # says what there is
        return tuple(self.lookup(carrier, year, gas=g, basis=basis) for g in gases)

    def amount(self, energy: F64, unit: EnergyUnit, factor: EmissionFactor) -> F64:
        """Energy in the factor's own activity unit; crosses NCV and GCV by the carrier's ratio, never silently."""
        want = factor.parsed_unit.per
        ratio = self.ncv_per_gcv(factor.carrier) if want.calorific != unit.calorific else None
        return energy * unit.to(want, ratio)

    def kg_co2e(self, factor: EmissionFactor) -> float:
        """kg CO2e per activity unit of the factor, by the named GWP set."""
        return factor.value * factor.parsed_unit.kg * self.gwp.get(factor.gas, 1.0)

    @cached_property
    def gwp(self) -> dict[str, float]:
        """kg CO2e per kg of CH4 and N2O: global warming potential over 100 years."""
        table = self.tables["gwp"]
        rows = zip(table.text("set"), table.text("gas"), table.number("value"), strict=True)
        return {gas: float(value) for name, gas, value in rows if name == self.country.gwp_set}

    def ncv_per_gcv(self, carrier: str) -> float | None:
        """Net over gross calorific value of a fuel, None where the set has none."""
        return self._conversion(carrier, "ncv_per_gcv")

    def ncv_mj_per_kg(self, carrier: str) -> float:
        """Net calorific value of a fuel, MJ/kg (= TJ/Gg)."""
        value = self._conversion(carrier, "ncv")
        if value is None:
            raise NotFound(f"no net calorific value for {carrier}", where="conversions.csv")
        return value

    def _conversion(self, carrier: str, quantity: str) -> float | None:
        """The newest row of a carrier's quantity."""
        table = self.tables["conversions"]
        columns = (table.text("carrier"), table.text("quantity"), table.number("year"), table.number("value"))
        found = [(y, float(v)) for c, q, y, v in zip(*columns, strict=True) if (c, q) == (carrier, quantity)]
        return max(found)[1] if found else None

    def parameter(self, name: str) -> float:
        """A single number of the method by name."""
        table = self.tables["parameters"]
        return float(table.number("value")[table.text("name").index(name)])

    def parameter_row(self, name: str) -> Activity:
        """The same as a common row."""
        table = self.tables["parameters"]
        return table.activity(table.text("name").index(name))

    def degree_days(self, region: str, year: int) -> Activity | None:
        """Row of the longest matching region prefix, of its newest year not later than ``year`` (else its oldest)."""
        if "degree_days" not in self.tables:
            return None
        table = self.tables["degree_days"]
        found = [
            (len(p), *_closeness(y, year), i) for i, (p, y) in enumerate(_region_years(table)) if region.startswith(p)
        ]
        return table.activity(max(found)[-1]) if found else None

    def degree_days_value(self, row: Activity) -> float:
        """Heating degree days, K d, of a row of :meth:`degree_days`."""
        table = self.tables["degree_days"]
        return float(table.number("value")[table.at(row.id)])

    @cached_property
    def curves(self) -> dict[str, Curve]:
        """Speed curves by id."""
        return curves(self.tables["curves"])

    def codes(self, table: str, column: str) -> dict[str, str]:
        """A code list as code -> column."""
        rows = self.tables[table]
        return dict(zip(rows.text("code"), rows.text(column), strict=True))


def _region_years(table: Table) -> list[tuple[str, int]]:
    return list(zip(table.text("region"), table.number("year").astype(int).tolist(), strict=True))


def _closeness(row_year: int, year: int) -> tuple[bool, int]:
    """Sorts rows by how well they stand for a year: newest not later first, else the oldest."""
    return (True, row_year) if row_year <= year else (False, -row_year)


def newest(years: NDArray[np.float64], year: int) -> int:
    """The year out of ``years`` that stands for ``year``: the newest not later, else the oldest."""
    return max((int(y) for y in years), key=lambda y: _closeness(y, year))


def countries() -> tuple[str, ...]:
    """Packs there are, by folder name."""
    return tuple(sorted(p.parent.name for p in FOLDER.glob("*/country.toml")))


@lru_cache(maxsize=32)
def _load(country: str, region: str) -> FactorSet:
    if country not in countries():
        raise UnknownName(country, countries(), kind="country")
    base = read_country(FOLDER / country).fallback
    return FactorSet.read(FOLDER / country, _load(base, "") if base else None, region)


def read_country(folder: Path) -> Country:
    """Read a folder's ``country.toml``."""
    path = folder / "country.toml"
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    try:
        return _country(raw, f"{folder.name}/{path.name}")
    except KeyError as error:
        raise InvalidInput(f"the key {error} is missing", where=f"{folder.name}/{path.name}") from error


def _country(raw: Mapping[str, Any], where: str) -> Country:
    head, heat = raw["country"], raw["district_heat"]
    carriers = {
        name: CarrierUse(c["carrier"], c["basis"], EnergyUnit.parse(c["unit"], where=where))
        for name, c in raw["carriers"].items()
    }
    return Country(
        id=head["id"],
        name=head["name"],
        crs=head.get("crs"),
        fallback=head.get("fallback"),
        gwp_set=head["gwp_set"],
        species_version=head.get("species_version"),
        carriers=carriers,
        heat_default=heat["default"],
        heat_regions=heat.get("regions", {}),
        disclosure=_disclosure(raw.get("disclosure", {}), f"{where}: disclosure"),
        units=UnitScheme.of(raw["units"], f"{where}: units") if "units" in raw else None,
        extent=_extent(head["extent"]) if "extent" in head else None,
        cells=head.get("cells", True),
    )


def _extent(box: Sequence[float]) -> tuple[float, float, float, float]:
    west, south, east, north = map(float, box)
    return west, south, east, north


def _disclosure(table: Mapping[str, Any], where: str) -> Rule:
    """``[disclosure]``: the rule for sums of meters; what is not given stands as in its defaults."""
    known = [f.name for f in fields(Rule)]
    for key in table:
        if key not in known:
            raise UnknownName(key, known, kind="key", where=where)
    try:
        return Rule(**table)
    except InvalidInput as error:
        raise InvalidInput(error.what, where=f"{where}.{error.where}", allowed=error.allowed) from error


def _merge(name: str, own: Table | None, base: Table | None) -> Table:
    if own is None or base is None or name not in MERGE:
        table = own if own is not None else base
        assert table is not None  # one of them holds the name
        return table
    return own.over(base, MERGE[name])


def _factors(table: Table, folder: Path) -> tuple[EmissionFactor, ...]:
    until = np.where(np.isnan(table.number("until")), table.number("year"), table.number("until"))
    texts = {c: table.text(c) for c in ("group", "carrier", "unit", "basis", "gas", "status", "source")}
    numbers = {c: table.number(c) for c in ("year", "value", "scope", "u_pct")}
    factors = tuple(
        EmissionFactor(
            id=name,
            country=folder.name,
            year=int(numbers["year"][i]),
            until=int(until[i]),
            scope=int(numbers["scope"][i]),
            value=float(numbers["value"][i]),
            u_pct=float(numbers["u_pct"][i]),
            **{c: v[i] for c, v in texts.items()},
        )
        for i, name in enumerate(table.id)
    )
    _check_factors(factors, f"{folder.name}/{table.file}")
    return factors


def _check_factors(factors: Sequence[EmissionFactor], file: str) -> None:
    seen: dict[tuple[str, str, str, int], str] = {}
    for f in factors:
        where = f"{file} ({f.id})"
        if f.basis not in BASES:
            raise UnknownName(f.basis, BASES, kind="basis", where=where)
        if f.scope != BASES[f.basis]:
            raise InvalidInput(
                f"scope {f.scope} does not go with the basis {f.basis}", where=where, allowed=[BASES[f.basis]]
            )
        _check_value(f, where)
        twin = seen.setdefault((f.carrier, f.gas, f.basis, f.year), f.id)
        if twin != f.id:
            raise InvalidInput(f"'{twin}' is the same carrier, gas, basis and year", where=where)


def _check_value(factor: EmissionFactor, where: str) -> None:
    unit = FactorUnit.parse(factor.unit, where=where)
    if unit.gas != factor.gas:
        raise InvalidInput(f"the unit {factor.unit} weighs no {factor.gas}", where=where, allowed=[unit.gas])
    low, high = BOUNDS_KG_PER_GJ.get((factor.gas, factor.scope), (0.0, 420.0))
    value = unit.kg_per_gj(factor.value)
    if not low <= value <= high:
        raise InvalidInput(f"{value:.4g} kg/GJ is out of bounds", where=where, allowed=[f"{low:g} .. {high:g} kg/GJ"])


def _check_choices(country: Country, tables: Mapping[str, Table], folder: str) -> None:
    """What ``country.toml`` chooses must be in the tables."""
    for chosen, table, column in ((country.gwp_set, "gwp", "set"), (country.species_version, "species", "version")):
        if chosen and table in tables and chosen not in tables[table].text(column):
            raise UnknownName(
                chosen, sorted(set(tables[table].text(column))), kind=column, where=f"{folder}/country.toml"
            )
