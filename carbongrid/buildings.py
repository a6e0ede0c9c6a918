# SPDX-License-Identifier: Apache-2.0
"""Buildings: metered energy where there is any, else floor area x energy use intensity; x emission factor.

    E = Σ_carrier energy x EF                       (IPCC 2006 V2 Eq. 2.1; GPC v1.1 I.1, I.2)
    energy = meter, else intensity[kind] x floor area x share[carrier]
    floor area = given, else footprint x storeys    (storeys: given, else height / 3.0 m, else the default of the kind)

Fuel burnt in the building is scope 1, grid electricity and district heat are scope 2 at the end user.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable
from carbongrid.model import (
    F64,
    I64,
    Common,
    Demand,
    Estimates,
    Flow,
    Grades,
    activities,
    collect,
    emit,
    kinds_index,
    known_amounts,
    text,
    translate,
)
from carbongrid.sectors import USES
from carbongrid.units import EnergyUnit

METERS = {
    "electricity": ("electricity_kwh", EnergyUnit("kWh")),
    "gas": ("gas_kwh_gcv", EnergyUnit("kWh", "GCV")),
    "heat": ("heat_mj", EnergyUnit("MJ")),
}
"""Carrier -> its metered activity column and that column's unit (gas bills are on the gross calorific basis)."""
DEFAULT_KIND = "other"
QUALITY_METERED, QUALITY_AREA, QUALITY_DEFAULT = 2, 4, 5
"""Metered at the parcel; floor area known, intensity not benchmarked; floor area or use itself a default."""
PNU_REGION = 5
"""Leading digits of a 19-digit parcel number (PNU): the sigungu code."""


@dataclass(frozen=True)
class Shape:
    """A building's ``storeys``, ``height_m`` and ``floor_area_m2``, float64, known or imputed; NaN where impossible.

    ``rule`` int64 per building: 0 floor area given, 1 storeys given, 2 storeys from height, 3 default of the kind.
    """

    storeys: F64
    height_m: F64
    floor_area_m2: F64
    rule: I64


def kinds(table: ActivityTable, factors: FactorSet) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Kind of every building from its ``use`` (OSM value, Korean code or name), and whether the use was recognised.

    A five-digit Korean code that is not listed counts as its main use (``02001`` as ``02000``).
    """
    code_kind = factors.codes("building_uses", "kind")
    words = use_words(table, code_kind)
    names = sorted({*code_kind.values(), DEFAULT_KIND})
    at = translate(words, {code: names.index(kind) for code, kind in code_kind.items()})
    known = at >= 0
    return np.array(names, object)[np.where(known, at, names.index(DEFAULT_KIND))], known


def use_words(table: ActivityTable, codes: dict[str, str]) -> NDArray[np.object_]:
    """The ``use`` column in the spelling of the code list."""
    raw = text(table, "use")
    words, index = np.unique(raw.astype(str), return_inverse=True)
    return np.array([_spelling(w, codes) for w in words], object)[index] if len(raw) else raw


def _spelling(word: str, codes: dict[str, str]) -> str:
    if word.isdigit() and 3 <= len(word) <= 5:
        word = word.zfill(5)
        return word if word in codes else f"{word[:2]}000"
    return next((w for w in (word, word.lower(), word.replace(" ", "")) if w in codes), word)


def shape(table: ActivityTable, factors: FactorSet, kind: NDArray[np.object_]) -> Shape:
    """Storeys from height (3.0 m a storey), height from storeys, both from the kind's default where none is known."""
    per_storey = factors.parameter("height_per_storey")
    storeys, height, area = (_positive(table, c) for c in ("storeys", "height_m", "floor_area_m2"))
    default = factors.tables["storeys"].number("value")[_default_storeys(factors, kind)]
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


def _default_storeys(factors: FactorSet, kind: NDArray[np.object_]) -> I64:
    return _row_of_kind(kind, kinds_index(factors.tables["storeys"]))


def _row_of_kind(kind: NDArray[np.object_], rows: dict[str, int]) -> I64:
    at = translate(kind, rows)
    return np.where(at >= 0, at, rows[DEFAULT_KIND])


def expected_energy(table: ActivityTable, factors: FactorSet) -> F64:
    """Energy in kWh/yr that floor area and intensity let one expect, (n,); NaN without a floor area.

    A parcel's meters are shared over its buildings by this (method 1.2).
    """
    kind, _ = kinds(table, factors)
    return _expected(factors, kind, shape(table, factors, kind).floor_area_m2)


def _expected(factors: FactorSet, kind: NDArray[np.object_], floor_area_m2: F64) -> F64:
    intensities = factors.tables["intensities"]
    return floor_area_m2 * intensities.number("kwh_per_m2")[_row_of_kind(kind, kinds_index(intensities))]


def estimate(table: ActivityTable, factors: FactorSet, year: int) -> Estimates:
    """Kilograms CO2e by use, scope and gas. Buildings without floor area, footprint and meters are missing."""
    kind, known = kinds(table, factors)
    size = shape(table, factors, kind)
    meters = {c: known_amounts(table, column) for c, (column, _) in METERS.items()}
    metered = np.any([~np.isnan(v) for v in meters.values()], axis=0)
    modelled = ~metered & ~np.isnan(size.floor_area_m2)
    left_out = _left_out(table, factors) & (meters["gas"] > 0)
    meters["gas"] = np.where(left_out, np.nan, meters["gas"])
    demands = [*_metered(factors, kind, meters), *_modelled(factors, kind, size, np.flatnonzero(modelled))]
    flows = [f for carrier, demand in demands for f in _flows(table, factors, year, carrier, demand)]
    default = (size.rule == 3) | ~known
    quality = np.select([metered, ~default], [QUALITY_METERED, QUALITY_AREA], QUALITY_DEFAULT).astype(np.uint8)
    notes = _notes(size, known, metered, modelled, left_out)
    return collect(table, year, flows, Grades(~metered & ~modelled, quality, ~metered), notes)


def _notes(
    size: Shape,
    known: NDArray[np.bool_],
    metered: NDArray[np.bool_],
    modelled: NDArray[np.bool_],
    left_out: NDArray[np.bool_],
) -> dict[str, float | str]:
    return {
        "metered": int(metered.sum()),
        "intensity_used": int(modelled.sum()),
        "use_unknown": int((~known).sum()),
        "storeys_from_height": int((modelled & (size.rule == 2)).sum()),
        "storeys_default": int((modelled & (size.rule == 3)).sum()),
        "gas_meters_left_out": int(left_out.sum()),
    }


def _left_out(table: ActivityTable, factors: FactorSet) -> NDArray[np.bool_]:
    """Uses whose gas is burnt elsewhere in the inventory (filling stations) or sold on as heat or power."""
    codes = factors.codes("building_uses", "gas_meter")
    at = translate(use_words(table, codes), {c: 0 for c, meter in codes.items() if meter == "left_out"})
    left_out: NDArray[np.bool_] = at == 0
    return left_out


def _metered(factors: FactorSet, kind: NDArray[np.object_], meters: dict[str, F64]) -> Iterator[tuple[str, Demand]]:
    """(carrier, demand) of every meter, zero included."""
    for carrier, (_, unit) in METERS.items():
        at = np.flatnonzero(~np.isnan(meters[carrier]))
        own = np.full(len(at), factors.parameter("own_metered"))
        use = _uses(factors, kind[at])
        yield (
            carrier,
            Demand("buildings", at.astype(np.int64), use, meters[carrier][at], unit, Common.none(len(at)), own),
        )


def _modelled(
    factors: FactorSet, kind: NDArray[np.object_], size: Shape, at: NDArray[np.intp]
) -> Iterator[tuple[str, Demand]]:
    """(carrier, demand) of buildings without meters: floor area x intensity, split by the row's shares."""
    intensities = factors.tables["intensities"]
    row = _row_of_kind(kind[at], kinds_index(intensities))
    kwh = _expected(factors, kind[at], size.floor_area_m2[at])
    common = _common_rows(factors, kind[at], row, size.rule[at])
    own, use = np.full(len(at), factors.parameter("own_intensity")), _uses(factors, kind[at])
    for carrier in METERS:
        energy = kwh * intensities.number(f"share_{carrier}")[row]
        unit = factors.country.carriers[carrier].unit
        yield carrier, Demand("buildings", at.astype(np.int64), use, energy, unit, common, own)


def _common_rows(factors: FactorSet, kind: NDArray[np.object_], row: I64, rule: I64) -> Common:
    """The intensity row, and the storey rule where floor area was made by it."""
    per_storey = np.where(rule == 2, 0, -1).astype(np.int64)
    default = np.where(rule == 3, _default_storeys(factors, kind), -1)
    return Common.of(
        [
            (activities(factors.tables["intensities"]), row),
            ((factors.parameter_row("height_per_storey"),), per_storey),
            (activities(factors.tables["storeys"]), default),
        ]
    )


def _flows(table: ActivityTable, factors: FactorSet, year: int, carrier: str, demand: Demand) -> Iterator[Flow]:
    """One flow a gas, and for district heat a supplier."""
    used = factors.country.carriers[carrier]
    if carrier != "heat":
        yield from emit(demand, factors, year, used.carrier, used.basis)
        return
    supplier = _suppliers(table, factors, demand.source)
    for name in sorted(set(supplier.tolist())):
        yield from emit(
            demand.take(np.flatnonzero(supplier == name)), factors, year, f"{used.carrier}.{name}", used.basis
        )


def _uses(factors: FactorSet, kind: NDArray[np.object_]) -> I64:
    """Position in USES["buildings"] of every building's use."""
    intensities = factors.tables["intensities"]
    use = np.array([USES["buildings"].index(u) for u in intensities.text("use")], np.int64)
    return use[_row_of_kind(kind, kinds_index(intensities))]


def _suppliers(table: ActivityTable, factors: FactorSet, source: I64) -> NDArray[np.object_]:
    """Supplier of district heat: by the sigungu of the parcel, else the set's region, else the country's default."""
    regions = [word[:PNU_REGION] or factors.region for word in text(table, "pnu")[source]]
    supplier = {region: factors.country.heat_supplier(region) for region in set(regions)}
    return np.array([supplier[region] for region in regions], object)
