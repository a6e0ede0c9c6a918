# SPDX-License-Identifier: Apache-2.0
"""Units at the door: energy in MJ, mass in kg inside; and the unit of an emission factor, read from its text.

A factor's unit says what is emitted per what: ``tCO2eq/MWh``, ``kgCO2/TJ NCV``, ``kgCO2/kWh GCV``, ``kgCH4/TJ NCV``.
The calorific basis (NCV net, GCV gross) is part of the unit: energies on different bases never meet unconverted.
"""

import re
from dataclasses import dataclass
from typing import Self

from carbongrid.errors import InvalidInput, UnknownName

ENERGY_MJ = {"MJ": 1.0, "GJ": 1e3, "TJ": 1e6, "kWh": 3.6, "MWh": 3.6e3, "GWh": 3.6e6, "toe": 41_868.0}
"""Megajoules per unit; 1 toe = 41.868 GJ by definition (International Steam Table calorie)."""
MASS_KG = {"g": 1e-3, "kg": 1.0, "t": 1e3, "kt": 1e6}
CALORIFIC = ("NCV", "GCV")
SUBSTANCES = {"CO2": "co2", "CH4": "ch4", "N2O": "n2o", "CO2eq": "co2e_unsplit"}
"""What a factor's unit weighs -> the gas of the band it feeds."""
CARBON_TO_CO2 = 44 / 12
"""kg CO2 per kg carbon: ratio of the molar masses (IPCC 2006 V4 Ch. 2)."""
DAYS = 365
"""Days of the inventory year: annual average daily traffic is defined over it."""
HECTARE_M2 = 1e4

_FACTOR = re.compile(rf"({'|'.join(MASS_KG)})({'|'.join(SUBSTANCES)})/(.+)")


@dataclass(frozen=True, slots=True)
class EnergyUnit:
    """An amount of energy: its name, and the calorific basis where it is fuel."""

    name: str
    calorific: str | None = None

    @classmethod
    def parse(cls, text: str, *, where: str = "") -> Self:
        """Read ``MWh``, ``TJ NCV``, ``kWh GCV``; UnknownName for anything else."""
        name, _, calorific = text.partition(" ")
        if name not in ENERGY_MJ:
            raise UnknownName(name, ENERGY_MJ, kind="energy unit", where=where)
        if calorific and calorific not in CALORIFIC:
            raise UnknownName(calorific, CALORIFIC, kind="calorific basis", where=where)
        return cls(name, calorific or None)

    @property
    def mj(self) -> float:
        """MJ per unit, on its own calorific basis."""
        return ENERGY_MJ[self.name]

    def to(self, other: "EnergyUnit", ncv_per_gcv: float | None = None) -> float:
        """How many ``other`` one of these is. Crossing NCV and GCV needs the fuel's ratio, else InvalidInput."""
        return self.mj / other.mj * _calorific_ratio(self.calorific, other.calorific, ncv_per_gcv)


def _calorific_ratio(have: str | None, want: str | None, ncv_per_gcv: float | None) -> float:
    if have == want:
        return 1.0
    if have is None or want is None or ncv_per_gcv is None:
        raise InvalidInput(
            f"energy on the basis {have or 'of delivery'} cannot meet a factor per {want or 'delivered'} energy"
        )
    return ncv_per_gcv if have == "GCV" else 1 / ncv_per_gcv


@dataclass(frozen=True, slots=True)
class FactorUnit:
    """Unit of an emission factor: mass of a gas per energy."""

    mass: str
    gas: str
    per: EnergyUnit

    @classmethod
    def parse(cls, text: str, *, where: str = "") -> Self:
        """Read e.g. ``kgCO2/TJ NCV``; InvalidInput for anything else."""
        match = _FACTOR.fullmatch(text)
        if match is None:
            raise InvalidInput(f"'{text}' is no factor unit", where=where, allowed=["kgCO2/TJ NCV", "tCO2eq/MWh", "…"])
        return cls(match[1], SUBSTANCES[match[2]], EnergyUnit.parse(match[3], where=where))

    @property
    def kg(self) -> float:
        """Kilograms of the gas in one mass unit."""
        return MASS_KG[self.mass]

    def kg_per_gj(self, value: float) -> float:
        """The factor's value in kg per GJ: the common measure for bounds."""
        return value * self.kg / self.per.mj * 1e3


def energy(value: float, unit: str, to: str) -> float:
    """Convert energy between units on the same basis, e.g. ``energy(1, "toe", "MWh") == 11.63``."""
    return value * EnergyUnit.parse(unit).to(EnergyUnit.parse(to))
