# SPDX-License-Identifier: Apache-2.0
"""Speed curves of fuel or energy use: EMEP/EEA guidebook forms with their coefficients as data.

A curve is valid from ``vmin`` to ``vmax`` km/h and is never extrapolated: speeds are clamped. Published transcriptions
hold errors, so every curve is checked at load: finite, within bounds, and of a possible shape (falling, then rising).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.inventory import Activity
from carbongrid.tables import Table

F64 = NDArray[np.float64]

BOUNDS = {"g/km": (20.0, 2000.0), "MJ/km": (0.8, 90.0)}
"""Possible use of a vehicle at any valid speed: from a small hybrid car to an articulated truck at walking pace."""
COEFFICIENTS = tuple("abcdefgh")
LARGEST_RISE = 4.0
"""The use at top speed is never more than this many times the best one (drag rises with the square of speed)."""

FORMS: Mapping[str, Callable[[F64, F64], F64]] = {
    # EMEP/EEA 2013 (upd. Sept 2014) 1.A.3.b Table 3-41 equation (25)
    "eq25": lambda v, c: (c[0] + c[2] * v + c[4] * v**2) / (1 + c[1] * v + c[3] * v**2),
    "eq25+f/V": lambda v, c: (c[0] + c[2] * v + c[4] * v**2) / (1 + c[1] * v + c[3] * v**2) + c[5] / v,
    "a+bV+cV2": lambda v, c: c[0] + c[1] * v + c[2] * v**2,
    "1/(cV2+bV+a)": lambda v, c: 1 / (c[2] * v**2 + c[1] * v + c[0]),
    "aV^b+cV^d": lambda v, c: c[0] * v ** c[1] + c[2] * v ** c[3],
    "e+a*exp(-bV)+c*exp(-dV)": lambda v, c: c[4] + c[0] * np.exp(-c[1] * v) + c[2] * np.exp(-c[3] * v),
    # EMEP/EEA 2019 Appendix 4: alpha..zita = a..f, hta = g, reduction factor rf = h
    "eea2019": lambda v, c: (c[0] * v**2 + c[1] * v + c[2] + c[3] / v) / (c[4] * v**2 + c[5] * v + c[6]) * (1 - c[7]),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Use of one vehicle class against speed: ``fuel`` names the carrier whose mass or energy it gives."""

    id: str
    fuel: str
    unit: str
    form: str
    coefficients: tuple[float, ...]
    vmin: float
    vmax: float
    activity: Activity

    def at(self, speed_kmh: F64) -> F64:
        """Use per km at the clamped speed, in ``unit`` (g/km or MJ/km), same shape as the speeds."""
        speed = np.clip(speed_kmh, self.vmin, self.vmax)
        return FORMS[self.form](speed, np.array(self.coefficients))

    def outside(self, speed_kmh: F64) -> NDArray[np.bool_]:
        """Where the speed lies outside the valid range and is clamped."""
        return (speed_kmh < self.vmin) | (speed_kmh > self.vmax)

    def checked(self, *, where: str = "") -> "Curve":
        """Itself, or InvalidInput naming the speed at which it leaves its bounds or the shape it cannot have."""
        speed = np.arange(self.vmin, self.vmax + 0.5, 1.0)
        use = self.at(speed)
        low, high = BOUNDS[self.unit]
        wrong = ~((use >= low) & (use <= high))
        if wrong.any():
            i = int(np.argmax(wrong))
            what = f"the curve gives {use[i]:.4g} {self.unit} at {speed[i]:g} km/h"
            raise InvalidInput(what, where=where, allowed=[f"{low:g} .. {high:g} {self.unit}"])
        _check_shape(use, where)
        return self


def _check_shape(use: F64, where: str) -> None:
    """Use per km falls from walking pace to a best speed and rises after it; stop-and-go is never the best speed."""
    best = int(np.argmin(use))
    flat = np.ptp(use) < 1e-9 * use[0]
    if not flat and best == 0:
        raise InvalidInput("the curve is lowest at its lowest speed", where=where, allowed=["falls, then rises"])
    step = np.diff(use)
    slack = 1e-3 * use[best]
    if (step[:best] > slack).any() or (step[best:] < -slack).any():
        raise InvalidInput("the curve has more than one valley", where=where, allowed=["falls, then rises"])
    if use[-1] > LARGEST_RISE * use[best]:
        raise InvalidInput("the curve rises too steeply", where=where, allowed=[f"up to {LARGEST_RISE:g} x its best"])


def curves(table: Table) -> dict[str, Curve]:
    """All curves of a table, checked; InvalidInput names the row."""
    return {name: _curve(table, i).checked(where=f"{table.file} ({name})") for i, name in enumerate(table.id)}


def _curve(table: Table, i: int) -> Curve:
    where = f"{table.file} ({table.id[i]})"
    form, unit = table.text("form")[i], table.text("unit")[i]
    for value, known, kind in ((form, tuple(FORMS), "form"), (unit, tuple(BOUNDS), "unit")):
        if value not in known:
            raise UnknownName(value, known, kind=kind, where=where)
    values = tuple(float(np.nan_to_num(table.number(c)[i])) for c in COEFFICIENTS)
    low, high = (float(table.number(c)[i]) for c in ("vmin", "vmax"))
    if not 0 < low < high <= 200:
        raise InvalidInput(f"speeds {low:g} .. {high:g} km/h", where=where, allowed=["0 < vmin < vmax <= 200"])
    return Curve(table.id[i], table.text("fuel")[i], unit, form, values, low, high, table.activity(i))
