# SPDX-License-Identifier: Apache-2.0
"""Forests: gross uptake of stands by species, type and age, and the losses that go with it.

    gain C = A · I_v · D · BEF · (1 + R) · CF            (IPCC 2006 V4 Eq. 2.9, 2.10 with national coefficients)
    uptake = A · increment · crown density,   loss = uptake · national loss ratio     (Eq. 2.7)

The increment is the first there is: volume increment of the species and age x its coefficients, uptake of the type and
age, volume increment of the species at any age, uptake of the type at any age. Where no stands are mapped, the land
cover gives the type. Both are positive kilograms CO2: band ``growth`` is gross absorption, ``loss`` is what harvest and
disturbance release.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.drafts import Draft, collect, in_chunks
from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbongrid.inventory import Activity, ActivityTable, FactorRow
from carbongrid.model import (
    F64,
    I64,
    Common,
    Estimates,
    Flow,
    Grades,
    activities,
    known_amounts,
    numbers,
    words,
)
from carbongrid.sectors import Band
from carbongrid.tables import Table
from carbongrid.units import CARBON_TO_CO2, HECTARE_M2

DEFAULT_TYPE = "mixed"
UNKNOWN_DENSITY = "unknown"
AGE_CLASS_YEARS = 10
OLDEST_CLASS = 6
"""The increment table's last class holds every older stand (51 years and more)."""
QUALITY_MAPPED, QUALITY_COVER = 4, 5
"""Type and age mapped, increments not benchmarked; type or age a default."""


def gain[T: (float, F64)](stem_m3: T, density: T, bef: T, root_shoot: T, carbon_fraction: T) -> T:
    """Carbon gain of living biomass, tC, from stem volume increment m3 (IPCC 2006 V4 Eq. 2.9 and 2.10).

    ``density`` D t dry matter per m3, ``bef`` total over stem biomass, ``root_shoot`` R, ``carbon_fraction`` CF tC/t.
    """
    return stem_m3 * density * bef * (1 + root_shoot) * carbon_fraction


def net_removal[T: (float, F64)](gain_kg: T, loss_kg: T) -> T:
    """Net removal = gain - loss (IPCC 2006 V4 Eq. 2.7), in the unit given; negative where a forest is a source."""
    return gain_kg - loss_kg


def stock_change(first: float, second: float, first_year: int, second_year: int) -> float:
    """Mean yearly change of a carbon stock between two maps of one area (IPCC 2006 V4 Eq. 2.5), in the stocks' unit.

    ``stock`` gives either stock from the stem volume. InvalidInput unless the second map is the later one.
    """
    if second_year <= first_year:
        raise InvalidInput(f"the second map is of {second_year}", allowed=[f"later than {first_year}"])
    return (second - first) / (second_year - first_year)


def stock[T: (float, F64)](stem_m3: T, factors: FactorSet, species: str) -> T:
    """tCO2 stored in living biomass, from stem volume m3 and the species' coefficients (IPCC 2006 V4 Eq. 2.8)."""
    return stem_m3 * tco2_per_m3(factors, species)


def tco2_per_m3(factors: FactorSet, species: str) -> float:
    """tCO2 in living biomass per m3 of stem volume, of a species in the chosen version of the coefficient table."""
    table = factors.tables["species"]
    named = zip(table.text("version"), table.text("name"), strict=True)
    i = list(named).index((factors.country.species_version or "", species))
    columns = ("density", "bef", "root_shoot", "carbon_fraction")
    d, b, r, c = (float(table.number(name)[i]) for name in columns)
    return gain(1.0, d, b, r, c) * CARBON_TO_CO2


def forest_codes(factors: FactorSet, *, forest: bool = True) -> frozenset[str]:
    """Species and type codes that are forest; with ``forest=False`` those that are not, to be rejected by readers."""
    return _codes(factors.tables["forest_codes"], forest)


def cover_codes(factors: FactorSet, *, forest: bool = True) -> frozenset[str]:
    """Land-cover classes that take up carbon; with ``forest=False`` those that do not."""
    return _codes(factors.tables["land_cover"], forest)


def _codes(table: Table, forest: bool) -> frozenset[str]:
    return frozenset(c for c, f in zip(table.text("code"), table.number("forest"), strict=True) if bool(f) == forest)


def age_classes(age_class: F64, base_year: F64, year: int) -> F64:
    """Age class in ``year`` of stands mapped in ``base_year``: middle of the class (10 n - 5) plus the years since."""
    age = AGE_CLASS_YEARS * age_class - AGE_CLASS_YEARS / 2 + np.nan_to_num(year - base_year)
    return np.clip(np.ceil(age / AGE_CLASS_YEARS), 1, OLDEST_CLASS)  # class III is 21 .. 30 years


@dataclass(frozen=True)
class Increments:
    """Uptake in tCO2/ha/yr of every row that can be taken: those of types first, then those of species.

    ``at`` maps ``species/{name}/{age class}`` and ``type/{name}/{age class}`` (0: any age) to the row.
    """

    tonnes: F64
    rows: tuple[Activity, ...]
    at: Mapping[str, int]

    @classmethod
    def of(cls, factors: FactorSet) -> "Increments":
        """Both increment tables of a pack; a species' volume is turned to CO2 by its coefficients."""
        by_type = factors.tables["increments"]
        at = {key: i for i, key in enumerate(_keys("type", by_type, "forest_type"))}
        if "volume_increments" not in factors.tables:
            return cls(by_type.number("value"), activities(by_type), at)
        volume = factors.tables["volume_increments"]
        per_m3 = np.array([tco2_per_m3(factors, name) for name in volume.text("species")])
        at |= {key: len(by_type) + i for i, key in enumerate(_keys("species", volume, "species"))}
        tonnes = np.concatenate([by_type.number("value"), volume.number("value") * per_m3])
        return cls(tonnes, (*activities(by_type), *activities(volume)), at)

    def row(self, species: str, forest_type: str, age: int) -> tuple[int, bool]:
        """(row, whether the age was used) for a species ("" unknown), a type and an age class (0 unknown)."""
        for key in (f"species/{species}/{age}", f"type/{forest_type}/{age}"):
            if age and key in self.at:
                return self.at[key], True
        any_age = (f"species/{species}/0", f"type/{forest_type}/0")
        return next((self.at[key] for key in any_age if key in self.at), -1), False


def _keys(what: str, table: Table, column: str) -> list[str]:
    return [f"{what}/{n}/{int(a)}" for n, a in zip(table.text(column), table.number("age_class"), strict=True)]


@dataclass(frozen=True)
class Stands:
    """What the tables say of every stand: rows of ``Increments``, ``crown_density`` and, where the age is its guess,
    ``diameter_classes`` (int64, -1 none); what was a default."""

    increment: I64
    density: I64
    diameter: I64
    forest: NDArray[np.bool_]
    type_known: NDArray[np.bool_]
    age_known: NDArray[np.bool_]
    density_known: NDArray[np.bool_]


@dataclass(frozen=True)
class Codes:
    """What a stand may be: rows of ``forest_codes``, then of ``land_cover``, last the default for the unknown."""

    species: tuple[str, ...]
    types: tuple[str, ...]
    forest: NDArray[np.bool_]

    @classmethod
    def of(cls, factors: FactorSet) -> "Codes":
        """Those of a pack."""
        codes, covers = factors.tables["forest_codes"], factors.tables["land_cover"]
        return cls(
            species=(*codes.text("species"), *[""] * (len(covers) + 1)),
            types=tuple(t or DEFAULT_TYPE for t in (*codes.text("forest_type"), *covers.text("forest_type"), "")),
            forest=np.array([*codes.number("forest"), *covers.number("forest"), 1.0]) > 0,
        )

    def rows(self, increments: Increments) -> tuple[I64, NDArray[np.bool_]]:
        """Increment row, and whether the age was used, by code and age class 0 (unknown) .. 6: shape (codes, 7)."""
        pairs = zip(self.species, self.types, strict=True)
        found = [[increments.row(name, kind, age) for age in range(OLDEST_CLASS + 1)] for name, kind in pairs]
        table = np.array(found, np.int64)
        return table[..., 0], table[..., 1] > 0


def _code_at(table: ActivityTable, factors: FactorSet) -> tuple[I64, NDArray[np.bool_]]:
    """(position in :class:`Codes`, is known) by species code or name, else by land cover."""
    codes, covers = (factors.tables[t].text("code") for t in ("forest_codes", "land_cover"))
    species = words(table, "species").find({c: i for i, c in enumerate(codes)})
    cover = words(table, "land_cover").find({c: len(codes) + i for i, c in enumerate(covers)})
    at = np.where(species >= 0, species, cover)
    return np.where(at >= 0, at, len(codes) + len(covers)), at >= 0


def stands(table: ActivityTable, factors: FactorSet, increments: Increments, year: int) -> Stands:
    """Look up ``species`` (else ``land_cover``), the age advanced from ``base_year``, and ``density``."""
    at, known = _code_at(table, factors)
    codes = Codes.of(factors)
    row, aged = codes.rows(increments)
    mapped, diameter = _mapped_age(table, factors)
    age = np.nan_to_num(age_classes(mapped, numbers(table, "base_year"), year)).astype(np.int64)
    densities = factors.tables["crown_density"].text("code")
    density = words(table, "density").find({c: i for i, c in enumerate(densities)})
    return Stands(
        increment=row[at, age],
        density=np.where(density >= 0, density, densities.index(UNKNOWN_DENSITY)),
        diameter=np.where(aged[at, age], diameter, -1),
        forest=codes.forest[at],
        type_known=known,
        age_known=aged[at, age] & (diameter < 0),
        density_known=density >= 0,
    )


def _mapped_age(table: ActivityTable, factors: FactorSet) -> tuple[F64, I64]:
    """(age class as mapped, else that usual for the diameter class, else NaN; row of ``diameter_classes`` or -1)."""
    age = known_amounts(table, "age_class")
    if "diameter_classes" not in factors.tables:
        return age, np.full(len(age), -1, np.int64)
    classes = factors.tables["diameter_classes"]
    found = words(table, "diameter_class").find({c: i for i, c in enumerate(classes.text("code"))})
    row = np.where(np.isnan(age), found, -1)
    guess = np.append(classes.number("age_class"), np.nan)[row]
    return np.where(np.isnan(age), guess, age), row


def estimate(table: ActivityTable, factors: FactorSet, year: int) -> Estimates:
    """Kilograms CO2 taken up (``growth``) and released (``loss``) by stands; non-forest codes give none."""
    increments = Increments.of(factors)
    return in_chunks(lambda part: _draft(part, factors, increments, year), table, year)


def draft(table: ActivityTable, factors: FactorSet, year: int) -> Draft:
    """The lines of some of the stands, to be joined with those of the others."""
    return _draft(table, factors, Increments.of(factors), year)


def _draft(table: ActivityTable, factors: FactorSet, increments: Increments, year: int) -> Draft:
    stand = stands(table, factors, increments, year)
    missing = (stand.increment < 0) | ~(table.measure > 0)
    at = np.flatnonzero(~missing & stand.forest)
    tonnes = increments.tonnes[stand.increment[at]] * table.measure[at] / HECTARE_M2
    uptake = 1000 * tonnes * factors.tables["crown_density"].number("value")[stand.density[at]]
    flows = list(_flows(factors, increments, stand, at, uptake, year))
    mapped = stand.type_known & stand.age_known
    quality = np.where(mapped, QUALITY_MAPPED, QUALITY_COVER).astype(np.uint8)
    return collect(table, flows, Grades(missing, quality, ~mapped), _notes(increments, stand))


def _notes(increments: Increments, stand: Stands) -> dict[str, float | str]:
    species = np.array([key.startswith("species/") for key in increments.at])
    taken = stand.forest & (stand.increment >= 0)
    return {
        "not_forest": int((~stand.forest).sum()),
        "type_unknown": int((~stand.type_known).sum()),
        "age_unknown": int((stand.forest & ~stand.age_known).sum()),
        "age_from_diameter": int((stand.forest & (stand.diameter >= 0)).sum()),
        "density_unknown": int((stand.forest & ~stand.density_known).sum()),
        "species_increment": int(species[stand.increment[taken]].sum()),
    }


def _flows(
    factors: FactorSet, increments: Increments, stand: Stands, at: NDArray[np.intp], uptake_kg: F64, year: int
) -> Iterator[Flow]:
    """Growth, then loss as its national ratio; ``activity`` is the stand's uptake in kg CO2 before that ratio."""
    conversion = factors.parameter_row("forest_conversion")
    factor = FactorRow(conversion.id, conversion.id, conversion.u_pct, conversion.status, conversion.source)
    own = np.full(len(at), factors.parameter("own_stand"))
    for use, ratio in (("growth", 1.0), ("loss", factors.parameter("forest_loss_ratio"))):
        yield Flow(
            source=at.astype(np.int64),
            bands=(Band("forest", use, 1, "co2"),),
            band=np.zeros(len(at), np.int64),
            factor=factor,
            used_year=year,
            common=_common_rows(factors, increments, stand, at, use),
            u_own=own,
            activity=uptake_kg,
            kg=uptake_kg * ratio,
        )


def _common_rows(factors: FactorSet, increments: Increments, stand: Stands, at: NDArray[np.intp], use: str) -> Common:
    """The increment and crown density rows, the diameter row that gave an age; for losses the loss ratio as well."""
    loss = (factors.parameter_row("forest_loss_ratio"),)
    diameters = activities(factors.tables["diameter_classes"]) if "diameter_classes" in factors.tables else ()
    return Common.of(
        [
            (increments.rows, stand.increment[at]),
            (activities(factors.tables["crown_density"]), stand.density[at]),
            (diameters, stand.diameter[at]),
            (loss, np.full(len(at), 0 if use == "loss" else -1)),
        ]
    )
