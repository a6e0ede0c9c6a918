# SPDX-License-Identifier: Apache-2.0
"""Metered energy of parcels as headerless text: one row a lot and month, CP949, ``|`` between the fields.

Consumption = gross floor area x intensity of the use x the parcel's own factor x the year's. Intensities are those of
the Korean factor set; the parcel's own factor is log-normal with the half 95 % interval that the model states for one
parcel: the intensity's, and that of each building against the intensity of its kind (method, section 4). So a model
that knows the intensities meets exactly the spread it claims, and a validation against held-out meters has a known
answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carbongrid.factors import FactorSet
from carbongrid.model import kinds_index
from carbonstore.sample.buildings import Buildings
from carbonstore.sample.layout import I64, Plots, Use
from carbonstore.sample.parcels import Parcels
from carbonstore.sample.place import F64, Recipe

CARRIERS: Mapping[str, str] = {"electricity": "electricity_kwh", "gas": "gas_kwh_gcv", "heat": "heat_mj"}
"""Carrier (in the file's name) -> the activity column its quantity is."""
FIELDS = ("sigungu_code", "dong_code", "land_type", "main_no", "sub_no", "use_ym")
_MJ_PER_KWH = 3.6
_COOKING = 0.12
"""Gas of flats with district heat, as a share of their heat."""
_ELECTRIC = np.array([1.06, 0.98, 0.93, 0.87, 0.86, 0.96, 1.17, 1.24, 1.02, 0.9, 0.94, 1.07]) / 12
_HEAT = np.array([2.35, 1.95, 1.45, 0.85, 0.45, 0.28, 0.22, 0.2, 0.27, 0.6, 1.3, 2.08]) / 12
"""Months' shares of a year, both summing to 1."""
_BASE_YEAR, _ELECTRIC_TREND = 2022, 0.012
_DEGREE_DAYS = {2018: 3050, 2019: 2704, 2020: 2628, 2021: 2663, 2022: 2806, 2023: 2616}
"""Heating + cooling degree days of the nation (MOLIT 2024-06-03); other years count as their mean."""
_ORPHANS, _BLOCK_LOTS, _STRAY_USE = 12, 6, 6_000.0


@dataclass(frozen=True)
class Intensity:
    """Site energy of a use: kWh/m2/yr, its share that is heat (space and water), half 95 % intervals in per cent.

    ``u_pct``: of the intensity itself; ``own_pct``: of one building against it.
    """

    kwh_m2: float
    heat: float
    u_pct: float
    own_pct: float


@dataclass(frozen=True)
class Meters:
    """Masks (parcels,) of each carrier's meters, and the parcels' own factor as a standard normal deviate."""

    carriers: Mapping[str, NDArray[np.bool_]]
    own: F64


@lru_cache(maxsize=1)
def intensities() -> Mapping[str, Intensity]:
    """Intensity by use code of the building register, from the Korean factor set."""
    factors = FactorSet.load("kor")
    table = factors.tables["intensities"]
    row = kinds_index(table)
    columns = zip(
        table.number("kwh_per_m2").tolist(),
        (1 - table.number("share_electricity")).tolist(),
        table.number("u_pct").tolist(),
        strict=True,
    )
    own = factors.parameter("own_intensity")
    found = [Intensity(*numbers, own) for numbers in columns]
    return {code: found[row[kind]] for code, kind in factors.codes("building_uses", "kind").items() if kind in row}


def install(plots: Plots, buildings: Buildings, recipe: Recipe) -> Meters:
    """Meters of parcels with buildings: district heat in the quarters, gas in towns, neither in most hamlets."""
    rng, n = recipe.rng("meters"), len(plots)
    built = np.bincount(buildings.plot, minlength=n) > 0
    metered = built & (rng.random(n) >= recipe.unmetered)
    heat = np.isin(plots.use, [Use.APARTMENTS, Use.OFFICE, Use.SCHOOL]) & (rng.random(n) < 0.9)
    rural = np.isin(plots.use, [Use.FARM_HOUSE, Use.BARN])
    gas = ~heat & (rng.random(n) < np.where(rural, 0.08, 0.82))
    cooking = heat & (plots.use == Use.APARTMENTS)
    carriers = {"electricity": metered, "gas": metered & (gas | cooking), "heat": metered & heat}
    return Meters(carriers, rng.standard_normal(n))


def quantities(carrier: str, year: int, buildings: Buildings, meters: Meters, recipe: Recipe) -> F64:
    """Consumption (parcels,) of a year, 0 without a meter: kWh, gas in kWh on the GCV basis, heat in MJ.

    ``buildings``: those that stand in the year.
    """
    n, plot = len(meters.own), buildings.plot
    known, row = np.unique(buildings.code, return_inverse=True)
    table = [intensities()[code] for code in known.tolist()]
    columns = (np.array([getattr(i, f.name) for i in table])[row] for f in fields(Intensity))
    kwh_m2, heat, u_pct, own_pct = columns
    use = buildings.floor_area_m2 * kwh_m2
    total = np.bincount(plot, use, n)
    half = np.hypot(np.bincount(plot, use * u_pct, n), np.sqrt(np.bincount(plot, (use * own_pct) ** 2, n)))
    sigma = recipe.spread * half / np.maximum(total, 1) / 196
    yearly = recipe.rng(f"{carrier} {year}").normal(_drift(carrier, year), 0.02, n)
    factor = np.exp(sigma * meters.own - sigma**2 / 2 + yearly)
    unit = _MJ_PER_KWH if carrier == "heat" else 1.0
    amount = np.bincount(plot, use * _part(carrier, heat, plot, meters), n) * factor * unit
    return np.where(meters.carriers[carrier], amount, 0.0)


def _part(carrier: str, heat: F64, plot: I64, meters: Meters) -> F64:
    """Share of a building's energy that this carrier brings.

    Where neither gas nor district heat is metered, half of the heat is electric; the rest is oil or LPG: no meter.
    """
    piped, district = meters.carriers["gas"][plot], meters.carriers["heat"][plot]
    if carrier == "electricity":
        return np.where(piped | district, 1 - heat, 1 - heat / 2)
    if carrier == "gas":
        return np.where(district, _COOKING * heat, heat)
    return np.where(piped, (1 - _COOKING) * heat, heat)


def _drift(carrier: str, year: int) -> float:
    """Log of the year's consumption over the base year's: a trend in electricity, degree days in heat."""
    if carrier == "electricity":
        return (year - _BASE_YEAR) * _ELECTRIC_TREND
    mean = sum(_DEGREE_DAYS.values()) / len(_DEGREE_DAYS)
    return float(np.log(_DEGREE_DAYS.get(year, mean) / _DEGREE_DAYS[_BASE_YEAR]))


def monthly(carrier: str, year: int, annual: F64, recipe: Recipe) -> I64:
    """Whole quantities (n, 12) that add up to about the annual ones."""
    rng = recipe.rng(f"months {carrier} {year}")
    shape = (_ELECTRIC if carrier == "electricity" else _HEAT) * np.exp(rng.normal(0, 0.04, (len(annual), 12)))
    return np.rint(annual[:, None] * shape / shape.sum(1, keepdims=True)).astype(np.int64)


def write_meters(path: Path, year: int, parcels: Parcels, quantity: I64) -> None:
    """Write the monthly rows of the parcels that use anything (``quantity``: (parcels, 12)).

    Fields: sigungu code, dong code, land type (0 ordinary, 1 mountain, 2 block), main number, sub number, yyyymm,
    quantity, label. Added are a few lots without a building, and block lots, which have no PNU.
    """
    rows = quantity.any(1)
    stray = _strays(parcels)
    keys = [*_keys(parcels, rows), *stray]
    amounts = [*quantity[rows].tolist(), *[[round(_STRAY_USE / 12)] * 12] * len(stray)]
    months = [f"{year}{month:02d}" for month in range(1, 13)]
    lines = [
        f"{key}|{month}|{amount}|합성\r\n"
        for key, row in zip(keys, amounts, strict=True)
        for month, amount in zip(months, row, strict=True)
    ]
    path.write_bytes("".join(lines).encode("cp949"))


def _keys(parcels: Parcels, rows: NDArray[np.bool_]) -> list[str]:
    """Key fields of parcels, joined."""
    fields = zip(
        *(part[rows].tolist() for part in (parcels.dong, parcels.mountain, parcels.main, parcels.sub)), strict=True
    )
    return [f"{dong[:5]}|{dong[5:]}|{int(hill)}|{main:04d}|{sub:04d}" for dong, hill, main, sub in fields]


def _strays(parcels: Parcels) -> list[str]:
    """Keys of lots that the register does not know and of block lots, in the first legal dong."""
    dong = min(parcels.dong.tolist())
    head = f"{dong[:5]}|{dong[5:]}"
    unknown = [f"{head}|0|{9_000 + i:04d}|0000" for i in range(_ORPHANS)]
    return unknown + [f"{head}|2|{i + 1:04d}|0000" for i in range(_BLOCK_LOTS)]
