# SPDX-License-Identifier: Apache-2.0
"""Sectors, bands and the published figures that are sums of bands.

A **band** is the finest thing that is stored: one (sector, use, scope, gas), in kg CO2e. Bands are disjoint.
A **figure** is a published sum of bands, e.g. ``emission_total``; which bands count depends on the mode.
Scopes are those of the GHG Protocol for cities (GPC v1.1): 1 in-boundary combustion, 2 grid energy used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput

SECTORS = ("buildings", "transport", "forest")
"""Sector ids in published order; bit ``i`` of a sector mask stands for ``SECTORS[i]``."""
KIND_SECTOR = {"buildings": "buildings", "roads": "transport", "forests": "forest"}
"""Source kind -> the sector it feeds."""
KINDS = tuple(KIND_SECTOR)
GASES = ("co2", "ch4", "n2o", "co2e_unsplit")
MODES = ("end_user", "territorial")
USES = {
    "buildings": ("residential", "commercial", "public", "industrial", "other"),
    "transport": ("road",),
    "forest": ("growth", "loss"),
}
"""Uses of each sector. Forest ``growth`` is gross uptake, ``loss`` what harvest and fire release; both are positive."""


def bit(sector: str) -> int:
    """The sector's bit in a sector mask."""
    return 1 << SECTORS.index(sector)


def missing_text(mask: int) -> str | None:
    """Sector ids of a mask, comma-separated in published order; None for an empty mask."""
    return ",".join(s for i, s in enumerate(SECTORS) if mask >> i & 1) or None


@dataclass(frozen=True, slots=True, order=True)
class Band:
    """One disjoint slice of the inventory: sector, use, GPC scope (1 or 2) and gas, always in kg CO2e."""

    sector: str
    use: str
    scope: int
    gas: str

    @property
    def modes(self) -> tuple[str, ...]:
        """Totals in which the band counts: grid energy (scope 2) only where the end user stands."""
        return MODES if self.scope == 1 else MODES[:1]

    @property
    def key(self) -> str:
        """Text form, e.g. ``buildings.residential.2.co2e_unsplit``."""
        return f"{self.sector}.{self.use}.{self.scope}.{self.gas}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """Inverse of :attr:`key`."""
        sector, use, scope, gas = key.split(".")
        if sector not in SECTORS or use not in USES[sector] or scope not in ("1", "2") or gas not in GASES:
            raise InvalidInput(f"'{key}' is no band", allowed=["sector.use.scope.gas"])
        return cls(sector, use, int(scope), gas)


@dataclass(frozen=True, slots=True)
class Figure:
    """A published sum of bands, in kg CO2e per year; ``sectors`` are those it needs."""

    name: str
    sectors: tuple[str, ...]
    scope: int | None = None
    gross: bool = False

    def weight(self, band: Band) -> int:
        """+1, 0 or -1: how the band counts (absorption is positive; ``net`` = emission - absorption)."""
        if band.sector not in self.sectors or (self.scope is not None and band.scope != self.scope):
            return 0
        if band.sector != "forest":
            return 1
        uptake = 1 if band.use == "growth" else 0 if self.gross else -1
        return -uptake if self.name == "net" else uptake


FIGURES = (
    Figure("emission_buildings", ("buildings",)),
    Figure("emission_buildings_scope1", ("buildings",), scope=1),
    Figure("emission_buildings_scope2", ("buildings",), scope=2),
    Figure("emission_transport", ("transport",)),
    Figure("emission_total", ("buildings", "transport")),
    Figure("absorption_forest", ("forest",)),
    Figure("absorption_forest_gross", ("forest",), gross=True),
    Figure("net", SECTORS),
)
FIGURE = {f.name: f for f in FIGURES}
INTERVALS = ("emission_total", "absorption_forest", "net")
"""Figures published with an absolute 95 % half-width, as ``{figure}_u95``."""


def weights(bands: Sequence[Band], mode: str = "end_user", sectors: Sequence[str] = SECTORS) -> NDArray[np.int64]:
    """Matrix (figures, bands) of -1, 0, +1 such that figures = weights @ kg, for a mode and a choice of sectors."""
    counts = [mode in b.modes and b.sector in sectors for b in bands]
    rows = [[f.weight(b) if c else 0 for b, c in zip(bands, counts, strict=True)] for f in FIGURES]
    return np.array(rows, np.int64).reshape(len(FIGURES), len(bands))


def figures(bands: Sequence[Band], kg: NDArray[np.int64], mode: str = "end_user") -> dict[str, NDArray[np.int64]]:
    """Every figure from kilograms by band, kg of shape (bands, …) -> {name: shape (…)}; nulls are the caller's."""
    sums = np.tensordot(weights(bands, mode), kg, axes=(1, 0))
    return {f.name: sums[i] for i, f in enumerate(FIGURES)}


def sector_mask(figure: Figure) -> int:
    """Mask of the sectors a figure needs: it is null where all of them are null."""
    return sum(bit(s) for s in figure.sectors)
