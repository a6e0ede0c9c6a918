# SPDX-License-Identifier: Apache-2.0
"""Buildings: metered energy where there is any, else floor area x energy use intensity; x emission factor.

    E = Σ_carrier energy x EF                       (IPCC 2006 V2 Eq. 2.1; GPC v1.1 I.1, I.2)
    energy = meter, else floor area x intensity[kind] x share[carrier] x climate
    climate = heating x HDD / HDD_ref + (1 - heating)         (heating / efficiency where the intensity is useful heat)
    floor area = given, else footprint x storeys    (storeys: given, else height / 3.0 m, else the default of the kind)

Fuel burnt in the building is scope 1, grid electricity and district heat are scope 2 at the end user.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from carbongrid.drafts import Draft, collect, in_chunks
from carbongrid.factors import FactorSet
from carbongrid.inventory import Activity, ActivityTable
from carbongrid.model import (
    F64,
    I64,
    Common,
    Demand,
    Estimates,
    Flow,
    Grades,
    Words,
    activities,
    emit,
    kinds_index,
    known_amounts,
    words,
)
from carbongrid.sectors import USES
from carbongrid.units import EnergyUnit

Mask = NDArray[np.bool_]

METERS = {
    "electricity": ("electricity_kwh", EnergyUnit("kWh")),
    "gas": ("gas_kwh_gcv", EnergyUnit("kWh", "GCV")),
    "heat": ("heat_mj", EnergyUnit("MJ")),
}
"""Carrier -> its metered activity column and that column's unit (gas bills are on the gross calorific basis)."""
DEFAULT_KIND = "other"
QUALITY_METERED, QUALITY_POOLED, QUALITY_AREA, QUALITY_DEFAULT = 2, 3, 4, 5
"""Metered at the parcel; its part of a pool's meters; floor area known, intensity not benchmarked; floor area or use
itself a default."""
PNU_REGION = 5
"""Leading digits of a 19-digit parcel number (PNU): the sigungu code."""


@dataclass(frozen=True)
class Kinds:
    """Kind of every building: ``at`` int64 positions in ``names``; ``known`` where its use was recognised."""

    names: tuple[str, ...]
    at: I64
    known: Mask

    def row(self, rows: Mapping[str, int]) -> I64:
        """Row of every building in a table by kind; the row of ``other`` for a kind without one."""
        return np.array([rows.get(name, rows[DEFAULT_KIND]) for name in self.names], np.int64)[self.at]

    def take(self, chosen: NDArray[np.intp]) -> "Kinds":
        """Those of some buildings."""
        return Kinds(self.names, self.at[chosen], self.known[chosen])


@dataclass(frozen=True)
class Shape:
    """A building's ``storeys``, ``height_m`` and ``floor_area_m2``, float64, known or imputed; NaN where impossible.

    ``rule`` int64 per building: 0 floor area given, 1 storeys given, 2 storeys from height, 3 default of the kind.
    """

    storeys: F64
    height_m: F64
    floor_area_m2: F64
    rule: I64


@dataclass(frozen=True)
class Climate:
    """Heating degree days of every building, float64, NaN = unknown; ``row`` int64 into ``rows``: -1 its own value."""

    hdd: F64
    row: I64
    rows: tuple[Activity, ...]


def kinds(table: ActivityTable, factors: FactorSet) -> Kinds:
    """Kinds from ``use`` (OSM value, Korean code or name).

    A five-digit Korean code that is not listed counts as its main use (``02001`` as ``02000``).
    """
    codes = factors.codes("building_uses", "kind")
    names = tuple(sorted({*codes.values(), DEFAULT_KIND}))
    at = use_words(table, codes).find({code: names.index(kind) for code, kind in codes.items()})
    known = at >= 0
    return Kinds(names, np.where(known, at, names.index(DEFAULT_KIND)), known)


def use_words(table: ActivityTable, codes: Mapping[str, str]) -> Words:
    """The ``use`` column in the spelling of the code list."""
    return words(table, "use").map(partial(_spelling, codes=codes))


def _spelling(word: str, codes: Mapping[str, str]) -> str:
    if word.isdigit() and 3 <= len(word) <= 5:
        word = word.zfill(5)
        return word if word in codes else f"{word[:2]}000"
    return next((w for w in (word, word.lower(), word.replace(" ", "")) if w in codes), word)


def shape(table: ActivityTable, factors: FactorSet, kind: Kinds) -> Shape:
    """Storeys from height (3.0 m a storey), height from storeys, both from the kind's default where none is known."""
    per_storey = factors.parameter("height_per_storey")
    storeys, height, area = (_positive(table, c) for c in ("storeys", "height_m", "floor_area_m2"))
    default = factors.tables["storeys"].number("value")[kind.row(kinds_index(factors.tables["storeys"]))]
    from_height = np.maximum(np.rint(height / per_storey), 1)
    rule = np.select([~np.isnan(area), ~np.isnan(storeys), ~np.isnan(height)], [0, 1, 2], 3).astype(np.int64)
    filled = np.select([~np.isnan(storeys), ~np.isnan(height)], [storeys, from_height], default)
    footprint = np.where(table.measure > 0, table.measure, np.nan)
    return Shape(
        storeys=filled,
        height_m=np.where(np.isnan(height), filled * per_storey, height),
        floor_area_m2=np.where(np.isnan(area), footprint * filled, area),
        rule=rule,
    )


def _positive(table: ActivityTable, column: str) -> F64:
    """A size column; 0, as registers write for unknown, is missing."""
    values = known_amounts(table, column)
    return np.where(values > 0, values, np.nan)


def climate(table: ActivityTable, factors: FactorSet, year: int) -> Climate:
    """``hdd`` as given, else the pack's row for the parcel's region (longest prefix) and year, else unknown."""
    own = known_amounts(table, "hdd")
    if "degree_days" not in factors.tables:
        return Climate(own, np.full(len(own), -1, np.int64), ())
    region = _regions(table, factors)
    found = [factors.degree_days(r, year) for r in region.distinct]
    rows = tuple({r.id: r for r in found if r is not None}.values())
    value = np.array([np.nan, *(factors.degree_days_value(r) for r in rows)])
    at = np.array([-1 if r is None else rows.index(r) for r in found], np.int64)[region.index]
    given = ~np.isnan(own)
    return Climate(np.where(given, own, value[at + 1]), np.where(given, -1, at), rows)


def _regions(table: ActivityTable, factors: FactorSet) -> Words:
    """Sigungu of every parcel, else the region of the factor set."""
    return words(table, "pnu", PNU_REGION).map(lambda region: region or factors.region)


def _climate_factor(factors: FactorSet, row: I64, hdd: F64, carrier: str) -> F64:
    """What multiplies an intensity's share of a carrier: heating by degree days and efficiency, the rest by 1.

    1 where the row has no reference or the place no degree days, and the row counts site energy.
    """
    table = factors.tables["intensities"]
    heating, reference = table.number("heating")[row], table.number("hdd_ref")[row]
    useful = np.array([k == "useful" for k in table.text("eui_kind")])[row]
    scaled = np.where(np.isnan(hdd) | np.isnan(reference), 1.0, hdd / reference)
    return heating * scaled / np.where(useful, factors.parameter(f"efficiency_{carrier}"), 1.0) + 1 - heating


def expected_energy(table: ActivityTable, factors: FactorSet) -> F64:
    """Energy in kWh/yr that floor area and intensity let one expect, (n,); NaN without a floor area.

    A parcel's meters are shared over its buildings by this (method 1.2); the climate is the same for all of them.
    """
    kind = kinds(table, factors)
    intensities = factors.tables["intensities"]
    per_m2 = intensities.number("kwh_per_m2")[kind.row(kinds_index(intensities))]
    return shape(table, factors, kind).floor_area_m2 * per_m2


def estimate(table: ActivityTable, factors: FactorSet, year: int) -> Estimates:
    """Kilograms CO2e by use, scope and gas. Buildings without floor area, footprint and meters are missing."""
    return in_chunks(lambda part: draft(part, factors, year), table, year)


def draft(table: ActivityTable, factors: FactorSet, year: int) -> Draft:
    """The lines of some of the sources, to be joined with those of the others."""
    kind = kinds(table, factors)
    size = shape(table, factors, kind)
    meters = {c: known_amounts(table, column) for c, (column, _) in METERS.items()}
    metered = np.any([~np.isnan(v) for v in meters.values()], axis=0)
    pooled = metered & (known_amounts(table, "pooled") > 0)
    modelled = ~metered & ~np.isnan(size.floor_area_m2)
    left_out = _left_out(table, factors) & (meters["gas"] > 0)
    meters["gas"] = np.where(left_out, np.nan, meters["gas"])
    place = climate(table, factors, year)
    demands = [
        *_metered(factors, kind, meters, pooled),
        *_modelled(factors, kind, size, place, np.flatnonzero(modelled)),
    ]
    flows = [f for carrier, demand in demands for f in _flows(table, factors, year, carrier, demand)]
    default = (size.rule == 3) | ~kind.known
    grades = [QUALITY_POOLED, QUALITY_METERED, QUALITY_AREA]
    quality = np.select([pooled, metered, ~default], grades, QUALITY_DEFAULT).astype(np.uint8)
    notes = _notes(size, kind.known, metered, modelled, left_out)
    return collect(table, flows, Grades(~metered & ~modelled, quality, ~metered), notes)


def _notes(
    size: Shape,
    known: Mask,
    metered: Mask,
    modelled: Mask,
    left_out: Mask,
) -> dict[str, float | str]:
    return {
        "metered": int(metered.sum()),
        "intensity_used": int(modelled.sum()),
        "use_unknown": int((~known).sum()),
        "storeys_from_height": int((modelled & (size.rule == 2)).sum()),
        "storeys_default": int((modelled & (size.rule == 3)).sum()),
        "gas_meters_left_out": int(left_out.sum()),
    }


def meters_left_out(table: ActivityTable, factors: FactorSet) -> dict[str, Mask]:
    """Metered column -> buildings (n,) whose meter is charged elsewhere, so that it must not be shared out either."""
    return {METERS["gas"][0]: _left_out(table, factors)}


def _left_out(table: ActivityTable, factors: FactorSet) -> Mask:
    """Uses whose gas is burnt elsewhere in the inventory (filling stations) or sold on as heat or power."""
    codes = factors.codes("building_uses", "gas_meter")
    left_out: Mask = use_words(table, codes).find({c: 0 for c, meter in codes.items() if meter == "left_out"}) == 0
    return left_out


def _metered(factors: FactorSet, kind: Kinds, meters: dict[str, F64], pooled: Mask) -> Iterator[tuple[str, Demand]]:
    """(carrier, demand) of every meter, zero included. A part of a pool is no surer than the intensity it goes by."""
    of_one = np.where(pooled, factors.parameter("own_intensity"), factors.parameter("own_metered"))
    for carrier, (_, unit) in METERS.items():
        at = np.flatnonzero(~np.isnan(meters[carrier]))
        use, none = _uses(factors, kind.take(at)), Common.none(len(at))
        yield carrier, Demand("buildings", at.astype(np.int64), use, meters[carrier][at], unit, none, of_one[at])


def _modelled(
    factors: FactorSet, kind: Kinds, size: Shape, place: Climate, at: NDArray[np.intp]
) -> Iterator[tuple[str, Demand]]:
    """(carrier, demand) of buildings without meters: floor area x intensity, split by the row's shares."""
    intensities = factors.tables["intensities"]
    some = kind.take(at)
    row = some.row(kinds_index(intensities))
    kwh = size.floor_area_m2[at] * intensities.number("kwh_per_m2")[row]
    common = _common_rows(factors, some, row, size.rule[at], _climate_rows(factors, row, place, at))
    own, use = np.full(len(at), factors.parameter("own_intensity")), _uses(factors, some)
    for carrier in METERS:
        share = intensities.number(f"share_{carrier}")[row]
        if share.any():
            energy = kwh * share * _climate_factor(factors, row, place.hdd[at], carrier)
            unit = factors.country.carriers[carrier].unit
            yield carrier, Demand("buildings", at.astype(np.int64), use, energy, unit, common, own)


def _climate_rows(
    factors: FactorSet, row: I64, place: Climate, at: NDArray[np.intp]
) -> tuple[tuple[Activity, ...], I64]:
    """The degree-day rows in use: only where the intensity has a reference and heats at all."""
    intensities = factors.tables["intensities"]
    scaled = ~np.isnan(intensities.number("hdd_ref")[row]) & (intensities.number("heating")[row] > 0)
    return place.rows, np.where(scaled, place.row[at], -1)


def _common_rows(
    factors: FactorSet, kind: Kinds, row: I64, rule: I64, degree_days: tuple[tuple[Activity, ...], I64]
) -> Common:
    """The intensity row, the storey rule where floor area was made by it, and the region's degree days."""
    storeys = factors.tables["storeys"]
    per_storey = np.where(rule == 2, 0, -1).astype(np.int64)
    default = np.where(rule == 3, kind.row(kinds_index(storeys)), -1)
    return Common.of(
        [
            (activities(factors.tables["intensities"]), row),
            ((factors.parameter_row("height_per_storey"),), per_storey),
            (activities(storeys), default),
            degree_days,
        ]
    )


def _flows(table: ActivityTable, factors: FactorSet, year: int, carrier: str, demand: Demand) -> Iterator[Flow]:
    """One flow a gas, and for district heat a supplier."""
    used = factors.country.carriers[carrier]
    if carrier != "heat":
        yield from emit(demand, factors, year, used.carrier, used.basis)
        return
    supplier = _regions(table, factors).map(factors.country.heat_supplier)
    for i, name in enumerate(supplier.distinct):
        served = np.flatnonzero(supplier.index[demand.source] == i)
        if len(served):
            yield from emit(demand.take(served), factors, year, f"{used.carrier}.{name}", used.basis)


def _uses(factors: FactorSet, kind: Kinds) -> I64:
    """Position in USES["buildings"] of every building's use."""
    intensities = factors.tables["intensities"]
    use = np.array([USES["buildings"].index(u) for u in intensities.text("use")], np.int64)
    return use[kind.row(kinds_index(intensities))]
