# SPDX-License-Identifier: Apache-2.0
"""Forests: gross uptake of stands by type and age, and the losses that go with it.

    gain C = A · I_v · D · BEF · (1 + R) · CF            (IPCC 2006 V4 Eq. 2.9, 2.10 with national coefficients)
    uptake = A · increment[type, age class] · crown density,   loss = uptake · national loss ratio     (Eq. 2.7)

Both are positive kilograms CO2: band ``growth`` is gross absorption, ``loss`` is what harvest and disturbance release.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable, FactorRow
from carbongrid.model import (
    F64,
    I64,
    Common,
    Estimates,
    Flow,
    Grades,
    activities,
    collect,
    known_amounts,
    numbers,
    text,
    translate,
)
from carbongrid.sectors import Band
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


def tco2_per_m3(factors: FactorSet, species: str) -> float:
    """tCO2 in living biomass per m3 of stem volume of a species of the country's coefficient table."""
    table = factors.tables["species"]
    i = table.text("name").index(species)
    columns = ("density", "bef", "root_shoot", "carbon_fraction")
    d, b, r, c = (float(table.number(name)[i]) for name in columns)
    return gain(1.0, d, b, r, c) * CARBON_TO_CO2


def forest_codes(factors: FactorSet, *, forest: bool = True) -> frozenset[str]:
    """Species, type and land cover codes that are forest; with ``forest=False`` those that are not, to be rejected."""
    table = factors.tables["forest_codes"]
    return frozenset(c for c, f in zip(table.text("code"), table.number("forest"), strict=True) if bool(f) == forest)


def age_classes(age_class: F64, base_year: F64, year: int) -> F64:
    """Age class in ``year`` of stands mapped in ``base_year``: middle of the class (10 n - 5) plus the years since."""
    age = AGE_CLASS_YEARS * age_class - AGE_CLASS_YEARS / 2 + np.nan_to_num(year - base_year)
    return np.clip(np.ceil(age / AGE_CLASS_YEARS), 1, OLDEST_CLASS)  # class III is 21 .. 30 years


@dataclass(frozen=True)
class Stands:
    """What the tables say of every stand: rows of ``increments`` and ``crown_density`` (int64); what was a default."""

    increment: I64
    density: I64
    forest: NDArray[np.bool_]
    type_known: NDArray[np.bool_]
    age_known: NDArray[np.bool_]
    density_known: NDArray[np.bool_]


def stands(table: ActivityTable, factors: FactorSet, year: int) -> Stands:
    """Look up ``species`` (else ``land_cover``), ``age_class`` advanced from ``base_year``, and ``density``."""
    types, forest, known = _types(table, factors)
    ages = age_classes(numbers(table, "age_class"), numbers(table, "base_year"), year)
    increments, codes = factors.tables["increments"], factors.tables["crown_density"].text("code")
    row, aged = _increment_rows(types, ages, increments.text("forest_type"), increments.number("age_class"))
    density = translate(text(table, "density"), {c: i for i, c in enumerate(codes)})
    return Stands(row, np.where(density >= 0, density, codes.index(UNKNOWN_DENSITY)), forest, known, aged, density >= 0)


def _types(
    table: ActivityTable, factors: FactorSet
) -> tuple[NDArray[np.object_], NDArray[np.bool_], NDArray[np.bool_]]:
    """(forest type, is forest, is known) by species code or name, else by land cover, else the default type."""
    codes = factors.tables["forest_codes"]
    index = {c: i for i, c in enumerate(codes.text("code"))}
    species = translate(text(table, "species"), index)
    row = np.where(species >= 0, species, translate(text(table, "land_cover"), index))
    known = row >= 0
    types = np.array([*codes.text("forest_type"), DEFAULT_TYPE], object)[row]
    forest = np.array([*codes.number("forest"), 1.0])[row] > 0
    return np.where(forest, types, DEFAULT_TYPE), forest, known


def _increment_rows(
    types: NDArray[np.object_], ages: F64, table_types: list[str], table_ages: F64
) -> tuple[I64, NDArray[np.bool_]]:
    """Increment row of (type, age class), else the type's row for any age (class 0); and whether the age was used."""
    row_of = {f"{t}/{int(a)}": i for i, (t, a) in enumerate(zip(table_types, table_ages, strict=True))}
    exact = translate(_keys(types, np.nan_to_num(ages)), row_of)
    any_age = translate(_keys(types, np.zeros(len(ages))), row_of)
    aged = (exact >= 0) & ~np.isnan(ages)
    return np.where(aged, exact, any_age), aged


def _keys(types: NDArray[np.object_], ages: F64) -> NDArray[np.object_]:
    names, type_of = np.unique(types.astype(str), return_inverse=True)
    classes, age_of = np.unique(ages.astype(np.int64), return_inverse=True)
    keys = np.array([[f"{name}/{age}" for age in classes] for name in names], object).reshape(len(names), len(classes))
    picked: NDArray[np.object_] = keys[type_of, age_of]
    return picked


def estimate(table: ActivityTable, factors: FactorSet, year: int) -> Estimates:
    """Kilograms CO2 taken up (``growth``) and released (``loss``) by stands; non-forest codes give none."""
    known_amounts(table, "age_class")
    stand = stands(table, factors, year)
    missing = (stand.increment < 0) | ~(table.measure > 0)
    at = np.flatnonzero(~missing & stand.forest)
    tonnes = factors.tables["increments"].number("value")[stand.increment[at]] * table.measure[at] / HECTARE_M2
    uptake = 1000 * tonnes * factors.tables["crown_density"].number("value")[stand.density[at]]
    flows = list(_flows(factors, stand, at, uptake, year))
    mapped = stand.type_known & stand.age_known
    quality = np.where(mapped, QUALITY_MAPPED, QUALITY_COVER).astype(np.uint8)
    return collect(table, year, flows, Grades(missing, quality, ~mapped), _notes(stand))


def _notes(stand: Stands) -> dict[str, float | str]:
    return {
        "not_forest": int((~stand.forest).sum()),
        "type_unknown": int((~stand.type_known).sum()),
        "age_unknown": int((stand.forest & ~stand.age_known).sum()),
        "density_unknown": int((stand.forest & ~stand.density_known).sum()),
    }


def _flows(factors: FactorSet, stand: Stands, at: NDArray[np.intp], uptake_kg: F64, year: int) -> Iterator[Flow]:
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
            common=_common_rows(factors, stand, at, use),
            u_own=own,
            activity=uptake_kg,
            kg=uptake_kg * ratio,
        )


def _common_rows(factors: FactorSet, stand: Stands, at: NDArray[np.intp], use: str) -> Common:
    """The increment and crown density rows; for losses the loss ratio as well."""
    loss = (factors.parameter_row("forest_loss_ratio"),)
    return Common.of(
        [
            (activities(factors.tables["increments"]), stand.increment[at]),
            (activities(factors.tables["crown_density"]), stand.density[at]),
            (loss, np.full(len(at), 0 if use == "loss" else -1)),
        ]
    )
