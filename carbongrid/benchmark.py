# SPDX-License-Identifier: Apache-2.0
"""Bring an estimate to a control total: a fuel balance, fuel sold, a national or regional inventory row.

    scale = (control - what is metered or counted) / what is modelled          (method 2.1)

Only imputed sources are scaled; meters and counts stand. The control total's own uncertainty takes the place of what
cancels in the sum: the common rows (an intensity, a default volume) and, where the control is an emission, the emission
factors. A source's own error stays: below the area of the control the pattern is as uncertain as before.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carbongrid.drafts import pick, placeholder_notes, used_rows
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FactorSet
from carbongrid.inventory import Activity, FactorRow
from carbongrid.model import F64, I64, Estimates
from carbongrid.uncertainty import JOIN
from carbongrid.units import ENERGY_MJ, EnergyUnit

Mask = NDArray[np.bool_]

USUAL = (0.5, 2.0)
"""A scale outside means that activity, factor or control is wrong, or that they are of different areas."""
QUALITY = {"buildings": 3, "transport": 3}
"""Sector -> quality of a modelled source that is benchmarked (method 2.6)."""
TONNES = {"kg": 1e-3, "t": 1.0, "kt": 1e3, "Gg": 1e3, "Mt": 1e6}
PATTERN = "pattern"
SCALE = "benchmark_scale."
"""Beginning of the note that tells a control's scale; its id follows."""


@dataclass(frozen=True)
class Control:
    """A control total of the inventory's area: ``kg`` CO2e; ``u_pct`` half its 95 % interval; a status of the tables.

    ``keeps_factors``: it was an amount of fuel, so that the error of the emission factors does not cancel. ``gas``: the
    total counts this gas alone; the others are scaled along.
    """

    id: str
    kg: int
    u_pct: float
    status: str
    source: str
    keeps_factors: bool = False
    gas: str | None = None

    @property
    def row(self) -> Activity:
        """The common row that benchmarked lines take."""
        return Activity(self.id, self.u_pct, self.status, self.source)


def kilograms(value: float, unit: str, *, where: str = "") -> int:
    """A mass of CO2e in kilograms, e.g. ``kilograms(0.69, "MtCO2e") == 690_000_000``."""
    match = re.fullmatch(rf"({'|'.join(TONNES)})CO2(e|eq)?", unit)
    if match is None:
        raise InvalidInput(f"'{unit}' is no mass of CO2e", where=where, allowed=[f"{m}CO2e" for m in TONNES])
    return round(value * TONNES[match[1]] * 1000)


def fuel_kilograms(factors: FactorSet, carrier: str, value: float, unit: str, year: int) -> int:
    """kg CO2e of fuel sold: ``value`` in ``TJ NCV`` (any energy unit) or ``t``, ``kt`` of a carrier burnt that year.

    Tonnes become energy by the carrier's net calorific value (IPCC 2006 V2 Eq. 2.1).
    """
    if unit in TONNES:
        energy, of = value * TONNES[unit] * 1000 * factors.ncv_mj_per_kg(carrier), "MJ NCV"
    elif unit.partition(" ")[0] in ENERGY_MJ:
        energy, of = value, unit
    else:
        raise InvalidInput(f"'{unit}' is no amount of fuel", allowed=[*TONNES, "TJ NCV"])
    found = factors.gases(carrier, year, "combustion")
    unit_of = EnergyUnit.parse(of)
    return round(sum(float(factors.amount(np.array([energy]), unit_of, f)[0]) * factors.kg_co2e(f) for f, _ in found))


def gas_of(unit: str) -> str | None:
    """The gas that a mass in this unit counts alone, None for all of them: ``MtCO2`` is CO2, ``MtCO2e`` every gas."""
    return "co2" if unit.endswith("CO2") else None


def lines_of(estimates: Estimates, *, sector: str, use: str | None = None, scope: int | None = None) -> Mask:
    """Which lines are of a sector of emissions, and of a use and a scope if given; UnknownName for another sector."""
    if sector not in QUALITY:
        raise UnknownName(sector, QUALITY, kind="sector", where="benchmark")
    chosen = [b.sector == sector and use in (None, b.use) and scope in (None, b.scope) for b in estimates.bands]
    return np.array([*chosen, False])[estimates.lines.band]


def lines_of_carrier(estimates: Estimates, factors: FactorSet, carrier: str) -> Mask:
    """Which lines burn a carrier (``cng_road``): fuel sold is a control of its own fuel alone."""
    ids = {f.id for f in factors.factors if f.carrier == carrier}
    if not ids:
        raise UnknownName(carrier, sorted({f.carrier for f in factors.factors}), kind="carrier", where="benchmark")
    return np.array([*(f.id in ids for f in estimates.factors), False])[estimates.lines.factor]


def benchmark(estimates: Estimates, control: Control, chosen: Mask) -> tuple[Estimates, float]:
    """Scale the modelled lines among ``chosen`` so that all of the chosen sum to the control, exactly; and the scale.

    InvalidInput where nothing is modelled or what is known exceeds the control. Notes say the scale, and whether it is
    unusual.
    """
    lines = estimates.lines
    modelled = chosen & estimates.imputed[lines.source]
    counted = chosen & _of_gas(estimates, control.gas)
    known, before = (int(lines.kg[m].sum()) for m in (counted & ~modelled, counted & modelled))
    if before == 0:
        raise InvalidInput("nothing modelled to scale", where=control.id)
    if known > control.kg:
        raise InvalidInput(
            f"{known} kg are metered or counted, more than the control of {control.kg}", where=control.id
        )
    scale = (control.kg - known) / before
    kg, activity = lines.kg.copy(), lines.activity.copy()
    for part, total in ((modelled & counted, control.kg - known), (modelled & ~counted, None)):
        exact = lines.kg[part].astype(np.float64) * scale
        kg[part] = _shared(exact, round(float(exact.sum())) if total is None else total)
    activity[modelled] *= scale
    factors, factor = _factors(estimates, control, modelled & counted)
    rows, row = _rows(estimates, control, modelled)
    scaled = pick(replace(lines, kg=kg, activity=activity, factor=factor, row=row), np.flatnonzero(kg))
    scaled, rows = used_rows(scaled, rows)
    quality = _quality(estimates, modelled)
    notes = {**estimates.notes, **_notes(control, scale), **placeholder_notes(scaled, factors, rows)}
    return replace(estimates, factors=factors, rows=rows, lines=scaled, quality=quality, notes=notes), scale


def _of_gas(estimates: Estimates, gas: str | None) -> Mask:
    """Which lines are of a gas; all of them where the control counts every gas."""
    return np.array([*(gas in (None, b.gas) for b in estimates.bands), False])[estimates.lines.band]


def _shared(exact: F64, total: int) -> I64:
    """Whole kilograms that sum to ``total``, by largest remainder; equal remainders in the order of lines."""
    kg = np.floor(exact).astype(np.int64)
    rest = total - int(kg.sum())
    kg[np.argsort(kg - exact, kind="stable")[: max(rest, 0)]] += 1
    return kg


def _factors(estimates: Estimates, control: Control, met: Mask) -> tuple[tuple[FactorRow, ...], NDArray[np.int16]]:
    """Factor rows of the lines ``met`` by the control: without an error of their own where it cancels."""
    if control.keeps_factors:
        return estimates.factors, estimates.lines.factor
    used = np.unique(estimates.lines.factor[met]).tolist()
    new = tuple(
        replace(estimates.factors[i], id=f"{estimates.factors[i].id}@{control.id}", group=control.id, u_pct=0.0)
        for i in used
    )
    number = np.arange(len(estimates.factors), dtype=np.int16)
    number[used] = len(estimates.factors) + np.arange(len(used))
    return (*estimates.factors, *new), np.where(met, number[estimates.lines.factor], estimates.lines.factor)


def _rows(estimates: Estimates, control: Control, modelled: Mask) -> tuple[tuple[Activity, ...], NDArray[np.int16]]:
    """The control's row; joined with one of no width where the pattern below the control rests on a placeholder."""
    guess = Activity(
        f"{control.id}.{PATTERN}", 0.0, "placeholder", f"pattern by placeholder rows, total by {control.id}"
    )
    both = Activity(f"{control.id}{JOIN}{guess.id}", control.u_pct, "placeholder", f"{control.source}; {guess.source}")
    n = len(estimates.rows)
    placeholder = _rests_on_placeholder(estimates, modelled)
    row = np.where(modelled, np.where(placeholder, n + 2, n), estimates.lines.row).astype(np.int16)
    return (*estimates.rows, control.row, guess, both), row


def _rests_on_placeholder(estimates: Estimates, modelled: Mask) -> Mask:
    row = np.array([r.status == "placeholder" for r in estimates.rows] + [False])
    factor = np.array([f.status == "placeholder" for f in estimates.factors] + [False])
    rests: Mask = modelled & (row[estimates.lines.row] | factor[estimates.lines.factor])
    return rests


def _quality(estimates: Estimates, modelled: Mask) -> NDArray[np.uint8]:
    quality = estimates.quality.copy()
    at = np.unique(estimates.lines.source[modelled])
    quality[at] = np.minimum(quality[at], QUALITY[estimates.bands[0].sector])
    return quality


def _notes(control: Control, scale: float) -> dict[str, float | str]:
    low, high = USUAL
    notes: dict[str, float | str] = {f"{SCALE}{control.id}": scale}
    if not low <= scale <= high:
        notes[f"benchmark_unusual.{control.id}"] = f"scale {scale:.3g} is outside {low:g} .. {high:g}"
    return notes
