# SPDX-License-Identifier: Apache-2.0
"""Roads: traffic volume x length x fuel use at speed x emission factor, charged where it is driven.

    E = 365 · AADT · L · Σ_vehicle mix · Σ_fuel share · use(v) · EF[fuel]    (EMEP/EEA 1.A.3.b, hot; GPC v1.1 II.1)

AADT counts both directions of a link, unless the link is one-way: then it is that direction's, and a default volume of
its class is halved. Speeds are clamped to the range of a curve. Electric vehicles emit nothing here: their charging is
in the buildings' meters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.curves import Curve
from carbongrid.errors import UnknownName
from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable
from carbongrid.model import (
    F64,
    I64,
    Common,
    Demand,
    Estimates,
    Grades,
    activities,
    collect,
    emit,
    known_amounts,
    text,
    translate,
)
from carbongrid.tables import Table
from carbongrid.units import DAYS, EnergyUnit

MIX = ("car", "van", "bus", "truck")
"""Vehicles that a class's mix is split into; ``aadt_{vehicle}`` columns may name any vehicle of the fleet table."""
DEFAULT_CLASS = "other"
FUEL_ENERGY = EnergyUnit("MJ", "NCV")
QUALITY_COUNTED, QUALITY_CLASS = 2, 5
"""A volume of its own (modelled or counted); the default volume of its class, not benchmarked."""
ONEWAY = frozenset({"1", "-1", "yes", "true", "True", "reverse"})


@dataclass(frozen=True)
class Traffic:
    """Volumes of links: ``aadt`` vehicles a day, (vehicles, links); ``speed`` km/h; ``row`` of the class table.

    ``counted``: the link had its own volume; ``split``: by vehicle as well; ``known``: its class is listed.
    """

    vehicles: tuple[str, ...]
    aadt: F64
    speed: F64
    row: I64
    counted: NDArray[np.bool_]
    split: NDArray[np.bool_]
    known: NDArray[np.bool_]


def motor_classes(factors: FactorSet) -> frozenset[str]:
    """Road classes with motor traffic (OSM ``highway`` values, in Korea ROAD_RANK codes); readers reject the others."""
    table = factors.tables["roads_classes"]
    return frozenset(c for c, m in zip(table.text("class"), table.number("motor"), strict=True) if m)


def traffic(table: ActivityTable, factors: FactorSet) -> Traffic:
    """Volumes and speeds from the columns ``aadt_{vehicle}``, ``aadt``, ``class``, ``speed_kmh``, ``oneway``."""
    classes = factors.tables["roads_classes"]
    found = translate(text(table, "class"), {c: i for i, c in enumerate(classes.text("class"))})
    known = found >= 0
    row = np.where(known, found, classes.text("class").index(DEFAULT_CLASS))
    given = known_amounts(table, "aadt")
    default = classes.number("aadt")[row] * np.where(_oneway(table, classes, row), 0.5, 1.0)
    total = np.where(np.isnan(given), np.where(known, default, np.nan), given)
    vehicles, own = _by_vehicle(table, factors)
    split = ~np.isnan(own).all(axis=0)
    aadt = np.where(split, np.nan_to_num(own), _mixed(vehicles, factors, total, row))
    speed = known_amounts(table, "speed_kmh")
    speed = np.where(speed > 0, speed, classes.number("speed_kmh")[row])
    return Traffic(vehicles, aadt, speed, row, split | ~np.isnan(given), split, known)


def _oneway(table: ActivityTable, classes: Table, row: I64) -> NDArray[np.bool_]:
    """One-way as given; where missing, as the class implies (motorways)."""
    words = text(table, "oneway")
    given = translate(words, dict.fromkeys(ONEWAY, 1)) == 1
    return np.where(words == "", classes.number("oneway")[row] > 0, given)


def _by_vehicle(table: ActivityTable, factors: FactorSet) -> tuple[tuple[str, ...], F64]:
    """Vehicles and their own volumes (vehicles, links), NaN where not given; UnknownName for one not in the fleet."""
    fleet = set(factors.tables["fleet"].text("vehicle"))
    named = [c.removeprefix("aadt_") for c in table.columns if c.startswith("aadt_")]
    for name in named:
        if name not in fleet:
            raise UnknownName(f"aadt_{name}", [f"aadt_{v}" for v in fleet], kind="column", where="roads")
    vehicles = tuple(sorted({*MIX, *named}))
    return vehicles, np.stack([known_amounts(table, f"aadt_{v}") for v in vehicles])


def _mixed(vehicles: tuple[str, ...], factors: FactorSet, total: F64, row: I64) -> F64:
    """Total volume split by the mix of the class, (vehicles, links)."""
    mix = factors.tables["mix"]
    at = np.array([mix.at(m) for m in factors.tables["roads_classes"].text("mix")], np.int64)[row]
    zero = np.zeros(len(mix))
    return np.stack([total * (mix.number(v) if v in MIX else zero)[at] for v in vehicles])


def estimate(table: ActivityTable, factors: FactorSet, year: int) -> Estimates:
    """Kilograms CO2e of links by gas. A link of unknown class without a volume is missing."""
    flow = traffic(table, factors)
    missing = np.isnan(flow.aadt).any(axis=0)
    at = np.flatnonzero(~missing)
    flows = [
        f
        for carrier, demand in _demands(table, factors, flow, at)
        for f in emit(demand, factors, year, carrier, "combustion")
    ]
    quality = np.where(flow.counted, QUALITY_COUNTED, QUALITY_CLASS).astype(np.uint8)
    return collect(table, year, flows, Grades(missing, quality, ~flow.counted), _notes(factors, flow, missing))


def _notes(factors: FactorSet, flow: Traffic, missing: NDArray[np.bool_]) -> dict[str, float | str]:
    clamped = np.zeros(len(missing), bool)
    for vehicle, curve, _, _ in _fleet(factors):
        if vehicle in flow.vehicles:
            driven = flow.aadt[flow.vehicles.index(vehicle)] > 0
            clamped |= driven & curve.outside(flow.speed)
    motor = factors.tables["roads_classes"].number("motor")[flow.row] > 0
    return {
        "counted": int(flow.counted.sum()),
        "aadt_default": int((~flow.counted & ~missing & motor).sum()),
        "no_motor_traffic": int((~flow.counted & ~motor).sum()),
        "class_unknown": int((~flow.known).sum()),
        "speed_clamped": int((clamped & ~missing).sum()),
    }


def _fleet(factors: FactorSet) -> Iterator[tuple[str, Curve, str, float]]:
    """(vehicle, curve, carrier, share) of every burning part of the fleet."""
    fleet = factors.tables["fleet"]
    columns = (fleet.text("vehicle"), fleet.text("curve"), fleet.text("carrier"), fleet.number("share"))
    for vehicle, curve, carrier, share in zip(*columns, strict=True):
        if curve:
            yield vehicle, factors.curves[curve], carrier, float(share)


def _demands(
    table: ActivityTable, factors: FactorSet, flow: Traffic, at: NDArray[np.intp]
) -> Iterator[tuple[str, Demand]]:
    """(carrier, energy burnt on every link in a year) of the links ``at``."""
    common = _common_rows(factors, flow).take(at)
    own = np.where(flow.counted, factors.parameter("own_counted"), factors.parameter("own_class_aadt"))[at]
    use = np.zeros(len(at), np.int64)
    for carrier, daily in _energy(factors, flow, at).items():
        energy = DAYS * daily * table.measure[at] / 1000
        yield carrier, Demand("transport", at.astype(np.int64), use, energy, FUEL_ENERGY, common, own)


def _energy(factors: FactorSet, flow: Traffic, at: NDArray[np.intp]) -> dict[str, F64]:
    """MJ (NCV) of each carrier per kilometre of link and day."""
    energy: dict[str, F64] = {}
    for vehicle, curve, carrier, share in _fleet(factors):
        if vehicle in flow.vehicles:
            daily = flow.aadt[flow.vehicles.index(vehicle), at] * share * mj_per_km(factors, curve, flow.speed[at])
            energy[carrier] = energy.get(carrier, np.zeros(len(at))) + daily
    return energy


def mj_per_km(factors: FactorSet, curve: Curve, speed_kmh: F64) -> F64:
    """Energy use at speed, MJ/km: grams of the curve's own fuel x its net calorific value, or the curve's own MJ."""
    use = curve.at(speed_kmh)
    return use if curve.unit == "MJ/km" else use / 1000 * factors.ncv_mj_per_kg(curve.fuel)


def _common_rows(factors: FactorSet, flow: Traffic) -> Common:
    """The class's volume where it is a default, its mix where vehicles are not split; fuel shares and curves always."""
    classes, mix = factors.tables["roads_classes"], factors.tables["mix"]
    mix_at = np.array([mix.at(m) for m in classes.text("mix")], np.int64)[flow.row]
    always = np.zeros(len(flow.row), np.int64)
    return Common.of(
        [
            (activities(classes), np.where(flow.counted, -1, flow.row)),
            (activities(mix), np.where(flow.split, -1, mix_at)),
            ((factors.parameter_row("fuel_shares"),), always),
            ((factors.parameter_row("curve_fleet"),), always),
        ]
    )
