# SPDX-License-Identifier: Apache-2.0
"""How good is the model where nobody meters? Metered parcels are held out and predicted as if they had no meter.

A share of the metered parcels, drawn by a seed, loses its meters and goes through the same model as any other building
(floor area x intensity, with its common rows). What their meters say is compared with the prediction and its stated
95 % interval: bias, error, and how often the interval covers. Only sums that the disclosure rule lets pass are told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from carbongrid.buildings import METERS, estimate, meters_left_out
from carbongrid.disclosure import Concentration, Rule
from carbongrid.factors import FactorSet
from carbongrid.geometry.wkb import Wkb
from carbongrid.inventory import ActivityTable, FactorRow
from carbongrid.model import Estimates, known_amounts, words
from carbongrid.montecarlo import bounds
from carbongrid.sectors import USES
from carbongrid.uncertainty import piece_half_widths
from carbongrid.units import EnergyUnit

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

SHARE, SEED = 0.2, 20
"""Share of the metered parcels that is held out, and the seed that draws them."""
LEAST_PARCELS = 10
"""A use with fewer held-out parcels is left out: its figures would be chance, and near to single meters."""
STATED_PCT, LEAST_PCT, MOST_PCT = 95, 90, 99
"""What an interval should cover, and the range in which it counts as doing so."""
CHANCE = 0.99
"""Of honest intervals, so many have a coverage within the range that is called chance: ten verdicts of one validation
(five uses, two quantities) are all right by it in nine of ten."""
ENERGY, EMISSION = "energy_kwh", "co2e_kg"
_REPEATED = ("ch4", "n2o")
"""Gases whose lines repeat the fuel of the CO2 line."""


@dataclass(frozen=True)
class Parcels:
    """Buildings of metered parcels: ``rows`` int64 of the table, ``parcel`` int64 dense number of each, ``count``."""

    rows: I64
    parcel: I64
    count: int


@dataclass(frozen=True)
class Comparison:
    """One quantity by held-out parcel, float64 (n,): what meters say, the prediction and its 95 % half-width."""

    observed: F64
    predicted: F64
    half_width: F64

    def take(self, chosen: Mask) -> "Comparison":
        """The same for some parcels."""
        return Comparison(self.observed[chosen], self.predicted[chosen], self.half_width[chosen])

    def fit(self) -> "Fit":
        """How well the prediction did."""
        error = self.predicted - self.observed
        low, high = bounds(self.predicted, self.half_width)
        covered = (low <= self.observed) & (self.observed <= high)
        return Fit(
            bias_pct=_rounded(100 * error.sum() / self.observed.sum()),
            mape_pct=_rounded(100 * np.mean(np.abs(error) / self.observed)),
            rmse=float(f"{np.sqrt(np.mean(error**2)):.3g}"),
            coverage_pct=_rounded(100 * np.mean(covered)),
            chance_pct=by_chance(len(covered)),
        )


@dataclass(frozen=True)
class Fit:
    """``bias_pct`` of the sum (positive: predicted too much), mean absolute error, root mean square error in the
    quantity's unit, how many of 100 intervals hold what was metered, and between what that may lie by chance."""

    bias_pct: float
    mape_pct: float
    rmse: float
    coverage_pct: float
    chance_pct: tuple[float, float]

    @property
    def verdict(self) -> str:
        """Whether the stated uncertainty is honest: ok, under (intervals too narrow) or over (too wide).

        Few parcels stray by luck: what chance explains is no fault of the intervals.
        """
        low, high = self.chance_pct
        if self.coverage_pct < min(LEAST_PCT, low):
            return "under"
        return "over" if self.coverage_pct > max(MOST_PCT, high) else "ok"


def by_chance(parcels: int) -> tuple[float, float]:
    """Least and greatest coverage in per cent that honest intervals of so many parcels have in CHANCE of all draws.

    Binomial with STATED_PCT; parcels err apart, so rows that they share can only widen it.
    """
    up_to = bdtr(np.arange(parcels + 1), parcels, STATED_PCT / 100)
    low, high = np.searchsorted(up_to, [(1 - CHANCE) / 2, (1 + CHANCE) / 2])
    return _rounded(100 * low / parcels), _rounded(100 * min(high, parcels) / parcels)


def validate(
    table: ActivityTable, factors: FactorSet, year: int, *, share: float = SHARE, seed: int = SEED
) -> dict[str, Any]:
    """Hold out, predict, compare; plain values for JSON, by use and for all uses together.

    ``table``: buildings with their meters as they are (not pooled). Nothing in the result tells of a single parcel.
    """
    metered = _metered_parcels(table, factors)
    held = _drawn(metered, share, seed)
    part = _take(table, held.rows)
    compared, use, usable = _compare(part, held, factors, year)
    told = _told(compared[EMISSION].observed, use, usable, factors.country.disclosure)
    fuelled = _told(compared[ENERGY].observed, use, usable & _fuelled(part, held), factors.country.disclosure)
    counted = {EMISSION: told, ENERGY: told & fuelled}
    uses = {name: use == i for i, name in enumerate(USES["buildings"])}
    return {
        "year": year,
        "share": share,
        "seed": seed,
        "stated_pct": STATED_PCT,
        "parcels": {
            "metered": metered.count,
            "held_out": held.count,
            "not_comparable": int((~usable).sum()),
            "in_small_uses": int((usable & ~told).sum()),
        },
        "all": _fits(compared, counted, told),
        "uses": {name: _fits(compared, counted, chosen) for name, chosen in uses.items() if (chosen & told).any()},
    }


def _metered_parcels(table: ActivityTable, factors: FactorSet) -> Parcels:
    """Parcels all of whose buildings are metered; none with a meter that is charged elsewhere (filling stations)."""
    pnu = words(table, "pnu")
    keys = [pnu.distinct[i] or f"/{name}" for i, name in zip(pnu.index.tolist(), table.id.tolist(), strict=True)]
    _, parcel = np.unique(np.array(keys, str), return_inverse=True)
    meters = {c: known_amounts(table, c) for c, _ in METERS.values()}
    metered = np.any([~np.isnan(v) for v in meters.values()], axis=0)
    elsewhere = [mask & (meters[c] > 0) for c, mask in meters_left_out(table, factors).items()]
    wrong = ~metered | np.any(elsewhere, axis=0)
    whole = np.bincount(parcel, wrong) == 0
    rows = np.flatnonzero(whole[parcel])
    _, number = np.unique(parcel[rows], return_inverse=True)
    return Parcels(rows, number.astype(np.int64), int(whole.sum()))


def _drawn(metered: Parcels, share: float, seed: int) -> Parcels:
    chosen = np.random.default_rng(seed).permutation(metered.count)[: ceil(share * metered.count)]
    at = np.flatnonzero(np.isin(metered.parcel, chosen))
    _, number = np.unique(metered.parcel[at], return_inverse=True)
    return Parcels(metered.rows[at], number.astype(np.int64), len(chosen))


def _take(table: ActivityTable, rows: I64) -> ActivityTable:
    """Whole buildings, wherever the boundary runs; the model looks at no geometry."""
    return replace(
        table,
        id=table.id[rows],
        geometry=Wkb(np.empty(0, np.uint8), np.zeros(len(rows) + 1, np.int64)),
        measure=table.measure[rows],
        inside=np.ones(len(rows)),
        columns={name: values[rows] for name, values in table.columns.items()},
    )


def _compare(
    part: ActivityTable, held: Parcels, factors: FactorSet, year: int
) -> tuple[Mapping[str, Comparison], I64, Mask]:
    """By quantity; the parcels' main use by predicted energy; and which can be compared: both above zero."""
    none = np.full(len(part), np.nan)
    without = replace(part, columns={**part.columns, **{c: none for c, _ in METERS.values()}})
    seen, made = estimate(part, factors, year), estimate(without, factors, year)
    exact = [replace(f, u_pct=0.0) for f in made.factors]
    kwh = _kwh(made, factors)
    compared = {
        EMISSION: _comparison(seen, seen.lines.kg, made, made.lines.kg, made.factors, held),
        ENERGY: _comparison(seen, _kwh(seen, factors), made, kwh, exact, held),
    }
    unknown = np.bincount(held.parcel[made.missing], minlength=held.count) > 0
    usable = ~unknown & (compared[ENERGY].observed > 0) & (compared[EMISSION].observed > 0)
    return compared, _main_use(made, kwh, held), usable & (compared[ENERGY].predicted > 0)


def _comparison(
    seen: Estimates,
    observed: F64 | I64,
    made: Estimates,
    predicted: F64 | I64,
    errors: Sequence[FactorRow],
    held: Parcels,
) -> Comparison:
    group, lines = held.parcel[made.lines.source], made.lines
    every = np.arange(len(lines.kg), dtype=np.int64)
    half = piece_half_widths(every, predicted, group, lines, np.ones_like(every), errors, made.rows, held.count)
    return Comparison(
        observed=np.bincount(held.parcel[seen.lines.source], observed, held.count),
        predicted=np.bincount(group, predicted, held.count),
        half_width=half,
    )


def _kwh(made: Estimates, factors: FactorSet) -> F64:
    """Energy of every line in kWh as billed (fuel on the gross calorific value), each fuel once."""
    known = {f.id: f for f in factors.factors}
    per_unit = np.zeros(len(made.factors))
    for i, row in enumerate(made.factors):
        unit, carrier = known[row.id].parsed_unit.per, known[row.id].carrier
        billed = EnergyUnit("kWh", "GCV" if unit.calorific else None)
        if known[row.id].gas not in _REPEATED:
            per_unit[i] = unit.to(billed, factors.ncv_per_gcv(carrier))
    return made.lines.activity * per_unit[made.lines.factor]


def _main_use(made: Estimates, kwh: F64, held: Parcels) -> I64:
    uses = USES["buildings"]
    use = np.array([uses.index(b.use) for b in made.bands], np.int64)[made.lines.band]
    by_use = np.bincount(held.parcel[made.lines.source] * len(uses) + use, kwh, held.count * len(uses))
    main: I64 = by_use.reshape(held.count, len(uses)).argmax(axis=1)
    return main


def _fuelled(part: ActivityTable, held: Parcels) -> Mask:
    """Parcels that meter gas or heat; where only electricity is metered, oil may heat: that energy is not known."""
    fuel = np.any([known_amounts(part, METERS[c][0]) > 0 for c in ("gas", "heat")], axis=0)
    fuelled: Mask = np.bincount(held.parcel, fuel, held.count) > 0
    return fuelled


def _told(observed: F64, use: I64, usable: Mask, rule: Rule) -> Mask:
    """Parcels of uses that may be told of: enough of them, none that makes up most of the sum."""
    rule = replace(rule, contributors=max(rule.contributors, LEAST_PARCELS))
    sums = Concentration.of(observed[usable][:, None], use[usable], len(USES["buildings"]))
    told: Mask = usable & rule.passes(sums)[use]
    return told


def _fits(compared: Mapping[str, Comparison], counted: Mapping[str, Mask], chosen: Mask) -> dict[str, Any]:
    """By quantity the fit of those chosen parcels that count in it."""
    return {name: _fit(c, counted[name] & chosen) for name, c in compared.items() if (counted[name] & chosen).any()}


def _fit(comparison: Comparison, chosen: Mask) -> dict[str, Any]:
    fit = comparison.take(chosen).fit()
    return {"parcels": int(chosen.sum()), **asdict(fit), "verdict": fit.verdict}


def _rounded(value: np.floating[Any]) -> float:
    return round(float(value), 1)
