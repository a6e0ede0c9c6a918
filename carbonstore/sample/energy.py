# SPDX-License-Identifier: Apache-2.0
"""Metered energy of parcels as headerless text: one row a lot and month, CP949, ``|`` between the fields.

Consumption = gross floor area x intensity of the use x the parcel's own factor x the year's. The intensities are site energy
(kWh per m2 and year) near the Korean means of 2018-2023 (MOLIT: 117-128 over all uses); the parcel's own factor is log-normal with
the half 95 % interval ``u_pct``, so a model that knows the intensity meets the spread it claims.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carbonstore.sample.buildings import Buildings
from carbonstore.sample.layout import Plots, Use
from carbonstore.sample.parcels import Parcels
from carbonstore.sample.place import F64, Recipe

CARRIERS: Mapping[str, str] = {"electricity": "electricity_kwh", "gas": "gas_kwh_gcv", "heat": "heat_mj"}
"""Carrier (in the file's name) -> the activity column its quantity is."""
FIELDS = ("sigungu_code", "dong_code", "land_type", "main_no", "sub_no", "use_ym")
_MJ_PER_KWH = 3.6


@dataclass(frozen=True)
class Intensity:
    """Site energy of a use: kWh/m2/yr, the share that is heat (space and water), half 95 % interval in per cent."""

    kwh_m2: float
    heat: float
    u_pct: float


_INTENSITIES: Mapping[str, Intensity] = {
    "01000": Intensity(130, 0.65, 35),
    "02000": Intensity(120, 0.6, 25),
    "07000": Intensity(170, 0.25, 40),
    "10000": Intensity(90, 0.4, 30),
    "11000": Intensity(110, 0.5, 30),
    "14000": Intensity(150, 0.3, 30),
    "17000": Intensity(160, 0.2, 60),
    "18000": Intensity(45, 0.1, 60),
    "21000": Intensity(60, 0.1, 60),
}
_OTHER = Intensity(165, 0.3, 40)
_ELECTRIC = np.array([1.06, 0.98, 0.93, 0.87, 0.86, 0.96, 1.17, 1.24, 1.02, 0.9, 0.94, 1.07]) / 12
_HEAT = np.array([2.35, 1.95, 1.45, 0.85, 0.45, 0.28, 0.22, 0.2, 0.27, 0.6, 1.3, 2.08]) / 12
"""Months' shares of a year, both summing to 1."""
_BASE_YEAR, _ELECTRIC_TREND = 2022, 0.012
_DEGREE_DAYS = {2018: 3050, 2019: 2704, 2020: 2628, 2021: 2663, 2022: 2806, 2023: 2616}
"""Heating + cooling degree days of the nation (MOLIT 2024-06-03); other years count as their mean."""
_ORPHANS, _BLOCK_LOTS = 12, 6


@dataclass(frozen=True)
class Meters:
    """What hangs on each parcel: masks (parcels,) of electricity, gas and district heat, own factor, heat share."""

    carriers: Mapping[str, NDArray[np.bool_]]
    own: F64


def install(plots: Plots, buildings: Buildings, recipe: Recipe) -> Meters:
    """Meters of parcels with buildings: district heat in the quarters, gas in towns, neither in most hamlets."""
    rng, n = recipe.rng("meters"), len(plots)
    built = np.bincount(buildings.plot, minlength=n) > 0
    metered = built & (rng.random(n) >= recipe.unmetered)
    planned = np.isin(plots.use, [Use.APARTMENTS, Use.OFFICE, Use.SCHOOL])
    heat = planned & (rng.random(n) < 0.9)
    rural = np.isin(plots.use, [Use.FARM_HOUSE, Use.BARN])
    gas = ~heat & (rng.random(n) < np.where(rural, 0.08, 0.82))
    cooking = heat & (plots.use == Use.APARTMENTS)
    carriers = {"electricity": metered, "gas": metered & (gas | cooking), "heat": metered & heat}
    return Meters(carriers, rng.standard_normal(n))


def quantities(carrier: str, year: int, plots: Plots, buildings: Buildings, meters: Meters, recipe: Recipe) -> F64:
    """Consumption (parcels,) of a year in the carrier's unit: kWh, kWh on the GCV basis, MJ. ``buildings``: those of the year."""
    n, rng = len(plots), recipe.rng(f"{carrier} {year}")
    known, row = np.unique(buildings.code, return_inverse=True)
    table = [_INTENSITIES.get(code, _OTHER) for code in known.tolist()]
    intensity, heat, u = (np.array([getattr(i, k) for i in table])[row] for k in ("kwh_m2", "heat", "u_pct"))
    use = buildings.floor_area_m2 * intensity
    sigma = np.bincount(buildings.plot, use * u, n) / np.maximum(np.bincount(buildings.plot, use, n), 1) / 196
    has_heat = (meters.carriers["heat"] | meters.carriers["gas"])[buildings.plot]
    # Where neither gas nor district heat is metered, half of the heat is electric and the rest is oil or LPG, which nobody meters.
    part = np.where(has_heat, 1 - heat, 1 - heat / 2) if carrier == "electricity" else heat
    if carrier == "gas":
        part = np.where(meters.carriers["heat"][buildings.plot], 0.12 * heat, heat)
    drift = (year - _BASE_YEAR) * _ELECTRIC_TREND if carrier == "electricity" else _winter(year)
    factor = np.exp(sigma * meters.own - sigma**2 / 2 + drift + rng.normal(0, 0.02, n))
    unit = _MJ_PER_KWH if carrier == "heat" else 1.0
    return np.where(meters.carriers[carrier], np.bincount(buildings.plot, use * part, n) * factor * unit, 0.0)


def write_meters(path: Path, carrier: str, year: int, parcels: Parcels, annual: F64, recipe: Recipe) -> int:
    """Write the year's monthly rows of the parcels with a quantity; returns the number of rows.

    Fields: sigungu code, dong code, land type (0 ordinary, 1 mountain, 2 block), main number, sub number, yyyymm, quantity, label.
    A few rows belong to lots without a building, and to block lots, which have no PNU.
    """
    rng = recipe.rng(f"months {carrier} {year}")
    keys, annual = _with_strays(_keys(parcels, annual > 0), annual[annual > 0], parcels)
    shape = _ELECTRIC if carrier == "electricity" else _HEAT
    monthly = annual[:, None] * shape * np.exp(rng.normal(0, 0.04, (len(annual), 12)))
    whole = np.rint(monthly * (annual / monthly.sum(1))[:, None]).astype(np.int64)
    months = [f"{year}{m:02d}" for m in range(1, 13)]
    rows = [
        f"{key}|{month}|{quantity}|합성\r\n"
        for key, row in zip(keys, whole.tolist(), strict=True)
        for month, quantity in zip(months, row, strict=True)
    ]
    path.write_bytes("".join(rows).encode("cp949"))
    return len(rows)


def _keys(parcels: Parcels, rows: NDArray[np.bool_]) -> list[str]:
    """Key fields of parcels, joined."""
    fields = zip(
        parcels.dong[rows].tolist(),
        parcels.mountain[rows].tolist(),
        parcels.main[rows].tolist(),
        parcels.sub[rows].tolist(),
        strict=True,
    )
    return [f"{dong[:5]}|{dong[5:]}|{int(hill)}|{main:04d}|{sub:04d}" for dong, hill, main, sub in fields]


def _with_strays(keys: list[str], annual: F64, parcels: Parcels) -> tuple[list[str], F64]:
    """Add lots that the register does not know and block lots."""
    dong = str(parcels.dong[0])
    head = f"{dong[:5]}|{dong[5:]}"
    strays = [f"{head}|0|{9_000 + i:04d}|0000" for i in range(_ORPHANS)]
    strays += [f"{head}|2|{i + 1:04d}|0000" for i in range(_BLOCK_LOTS)]
    return keys + strays, np.r_[annual, np.full(len(strays), 6_000.0)]


def _winter(year: int) -> float:
    """How much heat the year asked for against the base year: log of a factor."""
    mean = sum(_DEGREE_DAYS.values()) / len(_DEGREE_DAYS)
    return float(np.log(_DEGREE_DAYS.get(year, mean) / _DEGREE_DAYS[_BASE_YEAR]))
