# SPDX-License-Identifier: Apache-2.0
"""Roads: traffic volume x length x fuel use at speed x emission factor, charged where it is driven.

    E = 365 · L · Σ_hour q_hour · Σ_vehicle mix · Σ_fuel share · use(v_hour) · EF[fuel]
    E = 365 · L · AADT · Σ_vehicle mix · Σ_fuel share · use(v) · EF[fuel]     where there are no hourly volumes

(EMEP/EEA 1.A.3.b, hot; GPC v1.1 II.1.) Use per km is convex in speed, so hours with their own speed give more than a
day at its mean speed. AADT counts both directions of a link, unless the link is one-way: then it is that direction's,
and a default volume of its class is halved. Speeds are clamped to the range of a curve. Electric vehicles emit nothing
here: their charging is in the buildings' meters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.curves import Curve
from carbongrid.drafts import Draft, collect, in_chunks
from carbongrid.errors import UnknownName
from carbongrid.factors import FactorSet, newest
from carbongrid.inventory import ActivityTable
from carbongrid.model import (
    F64,
    I64,
    Common,
    Demand,
    Estimates,
    Grades,
    activities,
    emit,
    known_amounts,
    words,
)
from carbongrid.schemas import MIX
from carbongrid.tables import Table
from carbongrid.units import DAYS, EnergyUnit

DEFAULT_CLASS = "other"
FUEL_ENERGY = EnergyUnit("MJ", "NCV")
QUALITY_COUNTED, QUALITY_CLASS = 2, 5
"""A volume of its own (modelled or counted); the default volume of its class, not benchmarked."""
HOURS = tuple(f"{h:02d}" for h in range(24))
"""Hours of the columns ``volume_h00`` .. ``volume_h23`` and ``speed_h00`` .. ``speed_h23``."""
ONEWAY = frozenset({"1", "-1", "yes", "true", "True", "reverse"})


@dataclass(frozen=True)
class Hours:
    """Hourly traffic of the links ``at`` int64: ``share`` of the day's vehicles and ``speed`` km/h, (24, len(at))."""

    at: I64
    share: F64
    speed: F64
    total: F64
    incomplete: int

    @classmethod
    def of(cls, table: ActivityTable, speed: F64) -> "Hours":
        """Links with all 24 volumes; ``speed`` stands for hours without their own. A link with fewer has none."""
        volume = np.stack([known_amounts(table, f"volume_h{h}") for h in HOURS])
        whole = ~np.isnan(volume).any(axis=0)
        at = np.flatnonzero(whole).astype(np.int64)
        total = volume[:, at].sum(axis=0)
        share = np.divide(volume[:, at], total, out=np.zeros((len(HOURS), len(at))), where=total > 0)
        own = np.stack([known_amounts(table, f"speed_h{h}")[at] for h in HOURS])
        some = ~np.isnan(volume).all(axis=0) & ~whole
        return cls(at, share, np.where(own > 0, own, speed[at]), total, int(some.sum()))

    @classmethod
    def none(cls) -> "Hours":
        """No link has any."""
        nothing = np.empty((len(HOURS), 0))
        return cls(np.empty(0, np.int64), nothing, nothing, np.empty(0), 0)


@dataclass(frozen=True)
class Traffic:
    """Volumes of links: ``aadt`` vehicles a day, (vehicles, links); ``speed`` km/h; ``row`` of the class table.

    ``counted``: the link had its own volume; ``split``: by vehicle as well; ``known``: its class is listed.
    """

    vehicles: tuple[str, ...]
    aadt: F64
    speed: F64
    hours: Hours
    row: I64
    counted: NDArray[np.bool_]
    split: NDArray[np.bool_]
    known: NDArray[np.bool_]

    def use(self, factors: FactorSet, curve: Curve) -> F64:
        """Mean MJ per vehicle-km of every link: over its hours where they are known, else at its speed."""
        mean = mj_per_km(factors, curve, self.speed)
        hours = self.hours
        if len(hours.at):
            mean[hours.at] = (hours.share * mj_per_km(factors, curve, hours.speed)).sum(axis=0)
        return mean

    def clamped(self, curve: Curve) -> NDArray[np.bool_]:
        """Links with traffic at a speed outside the curve's range."""
        outside = curve.outside(self.speed)
        outside[self.hours.at] = (curve.outside(self.hours.speed) & (self.hours.share > 0)).any(axis=0)
        return outside


@dataclass(frozen=True)
class Burner:
    """A part of the fleet that burns fuel: ``share`` of the vehicle's km on this carrier, by this curve."""

    vehicle: str
    curve: Curve
    carrier: str
    share: float


def motor_classes(factors: FactorSet) -> frozenset[str]:
    """Road classes with motor traffic (OSM ``highway`` values, in Korea ROAD_RANK codes); readers reject the others."""
    table = factors.tables["roads_classes"]
    return frozenset(c for c, m in zip(table.text("class"), table.number("motor"), strict=True) if m)


def traffic(table: ActivityTable, factors: FactorSet) -> Traffic:
    """Volumes and speeds from ``volume_hHH``, ``aadt_{vehicle}``, ``aadt``, ``class``, ``speed_kmh``, ``oneway``.

    All 24 hourly volumes stand before ``aadt_{vehicle}`` (which then only splits them), these before ``aadt``.
    """
    classes = factors.tables["roads_classes"]
    found = words(table, "class").find({c: i for i, c in enumerate(classes.text("class"))})
    known = found >= 0
    row = np.where(known, found, classes.text("class").index(DEFAULT_CLASS))
    speed = known_amounts(table, "speed_kmh")
    speed = np.where(speed > 0, speed, classes.number("speed_kmh")[row])
    hours = Hours.of(table, speed) if any(c.startswith("volume_h") for c in table.columns) else Hours.none()
    given = known_amounts(table, "aadt")
    given[hours.at] = hours.total
    default = classes.number("aadt")[row] * np.where(_oneway(table, classes, row), 0.5, 1.0)
    total = np.where(np.isnan(given), np.where(known, default, np.nan), given)
    vehicles, own = _by_vehicle(table, factors)
    split = ~np.isnan(own).all(axis=0)
    split[hours.at] &= np.nansum(own[:, hours.at], axis=0) > 0
    aadt = np.where(split, _rescaled(np.nan_to_num(own), hours), _mixed(vehicles, factors, total, row))
    return Traffic(vehicles, aadt, speed, hours, row, split | ~np.isnan(given), split, known)


def _rescaled(own: F64, hours: Hours) -> F64:
    """Volumes by vehicle, brought to the hours' total where there are hours."""
    if len(hours.at):
        days = own[:, hours.at].sum(axis=0)
        own[:, hours.at] *= np.divide(hours.total, days, out=np.zeros(len(days)), where=days > 0)
    return own


def _oneway(table: ActivityTable, classes: Table, row: I64) -> NDArray[np.bool_]:
    """One-way as given; where missing, as the class implies (motorways)."""
    said = words(table, "oneway")
    given = said.find(dict.fromkeys(ONEWAY, 1)) == 1
    unsaid = said.find({"": 0}) == 0
    return np.where(unsaid, classes.number("oneway")[row] > 0, given)


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
    return in_chunks(lambda part: draft(part, factors, year), table, year)


def draft(table: ActivityTable, factors: FactorSet, year: int) -> Draft:
    """The lines of some of the sources, to be joined with those of the others."""
    flow = traffic(table, factors)
    fleet = tuple(_fleet(factors, year))
    missing = np.isnan(flow.aadt).any(axis=0)
    at = np.flatnonzero(~missing)
    flows = [
        f
        for carrier, demand in _demands(table, factors, flow, fleet, at)
        for f in emit(demand, factors, year, carrier, "combustion")
    ]
    quality = np.where(flow.counted, QUALITY_COUNTED, QUALITY_CLASS).astype(np.uint8)
    notes = _notes(factors, flow, fleet, missing) | _fleet_note(factors, year)
    return collect(table, flows, Grades(missing, quality, ~flow.counted), notes)


def _notes(
    factors: FactorSet, flow: Traffic, fleet: Sequence[Burner], missing: NDArray[np.bool_]
) -> dict[str, float | str]:
    clamped = np.zeros(len(missing), bool)
    for part in fleet:
        if part.vehicle in flow.vehicles:
            clamped |= (flow.aadt[flow.vehicles.index(part.vehicle)] > 0) & flow.clamped(part.curve)
    motor = factors.tables["roads_classes"].number("motor")[flow.row] > 0
    return {
        "counted": int(flow.counted.sum()),
        "hourly": len(flow.hours.at),
        "hourly_incomplete": flow.hours.incomplete,
        "aadt_default": int((~flow.counted & ~missing & motor).sum()),
        "no_motor_traffic": int((~flow.counted & ~motor).sum()),
        "class_unknown": int((~flow.known).sum()),
        "speed_clamped": int((clamped & ~missing).sum()),
    }


def _fleet(factors: FactorSet, year: int) -> Iterator[Burner]:
    """The burning parts of the fleet of a year: each vehicle's newest rows not later, else its oldest."""
    fleet, used = factors.tables["fleet"], _fleet_years(factors, year)
    columns = (fleet.text(c) for c in ("vehicle", "curve", "carrier"))
    numbers = (fleet.number(c).tolist() for c in ("year", "share"))
    for vehicle, curve, carrier, row_year, share in zip(*columns, *numbers, strict=True):
        if curve and row_year == used[vehicle]:
            yield Burner(vehicle, factors.curves[curve], carrier, share)


def _fleet_years(factors: FactorSet, year: int) -> dict[str, int]:
    """Year of the fleet rows that stand for ``year``, by vehicle."""
    fleet = factors.tables["fleet"]
    vehicles, years = np.array(fleet.text("vehicle"), object), fleet.number("year")
    return {v: newest(years[vehicles == v], year) for v in sorted(set(vehicles.tolist()))}


def _fleet_note(factors: FactorSet, year: int) -> dict[str, float | str]:
    """The years of the fleet's fuel shares where they are not the inventory's."""
    used = {v: y for v, y in _fleet_years(factors, year).items() if v in MIX and y != year}
    return {"fleet_year_substituted": ", ".join(f"{v} {y} for {year}" for v, y in used.items())} if used else {}


def _demands(
    table: ActivityTable, factors: FactorSet, flow: Traffic, fleet: Sequence[Burner], at: NDArray[np.intp]
) -> Iterator[tuple[str, Demand]]:
    """(carrier, energy burnt on every link in a year) of the links ``at``."""
    common = _common_rows(factors, flow).take(at)
    own = np.where(flow.counted, factors.parameter("own_counted"), factors.parameter("own_class_aadt"))[at]
    use = np.zeros(len(at), np.int64)
    for carrier, daily in _energy(factors, flow, fleet).items():
        energy = DAYS * daily[at] * table.measure[at] / 1000
        yield carrier, Demand("transport", at.astype(np.int64), use, energy, FUEL_ENERGY, common, own)


def _energy(factors: FactorSet, flow: Traffic, fleet: Sequence[Burner]) -> dict[str, F64]:
    """MJ (NCV) of each carrier per kilometre of link and day."""
    energy: dict[str, F64] = {}
    for part in fleet:
        if part.vehicle in flow.vehicles:
            daily = flow.aadt[flow.vehicles.index(part.vehicle)] * part.share * flow.use(factors, part.curve)
            energy[part.carrier] = energy.get(part.carrier, 0.0) + daily
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
