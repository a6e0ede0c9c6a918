# SPDX-License-Identifier: Apache-2.0
"""Which levels of units a country has: ``[units]`` of its ``country.toml``. The length of a code makes its level."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from carbongrid.errors import InvalidInput

Text = Mapping[str, str]


@dataclass(frozen=True)
class UnitScale:
    """One level: its name in ids of collections, the leading digits of a code that make it, its title by language."""

    level: str
    digits: int
    title: Text


@dataclass(frozen=True)
class ZoningScale:
    """Zoning districts: all land of one class in one unit of the level ``within``; code ``{code of it}-{class}``."""

    within: UnitScale
    title: Text


@dataclass(frozen=True)
class UnitScheme:
    """Levels from coarse to fine. ``nation`` is the code of the level of 0 digits, ``area_m2`` the nation's, if stated.

    ``names``: of units of higher levels by code. ``zoning``: None where the country has none, or none so fine a level.
    """

    nation: str
    levels: tuple[UnitScale, ...]
    names: Text
    area_m2: float | None = None
    zoning: ZoningScale | None = None

    @property
    def lowest(self) -> UnitScale:
        """The level whose outlines are given; all others are sums of it."""
        return self.levels[-1]

    def code(self, code: str, scale: UnitScale) -> str:
        """The code of the unit of a level that a unit of the lowest level lies in."""
        return code[: scale.digits] or self.nation

    @classmethod
    def of(cls, table: Mapping[str, Any], where: str) -> "UnitScheme":
        """From TOML; InvalidInput names ``where`` unless digits ascend."""
        levels = tuple(UnitScale(t["level"], t["digits"], t["title"]) for t in table["levels"])
        if not levels or any(a.digits >= b.digits for a, b in pairwise(levels)):
            raise InvalidInput("digits do not ascend from level to level", where=where, allowed=["coarse to fine"])
        area_km2 = table.get("area_km2")
        if area_km2 and not table.get("area_source"):
            raise InvalidInput("an area without a source", where=where, allowed=["area_source"])
        zoning = None
        if "zoning" in table:
            (within,) = (scale for scale in levels if scale.level == table["zoning"]["within"])
            zoning = ZoningScale(within, table["zoning"]["title"])
        return cls(table["nation"], levels, table.get("names", {}), area_km2 and area_km2 * 1e6, zoning)

    def down_to(self, level: str) -> "UnitScheme":
        """The same without the levels below one."""
        last = [scale.level for scale in self.levels].index(level)
        levels = self.levels[: last + 1]
        zoning = self.zoning if self.zoning and self.zoning.within in levels else None
        return replace(self, levels=levels, zoning=zoning)
