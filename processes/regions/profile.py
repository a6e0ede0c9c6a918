# SPDX-License-Identifier: Apache-2.0
"""The output ``profile``: what a region's totals are made of, how dense, how they went, and how they compare.

Shares by sector, scope and use; kilograms per km2; the trend over the published years; the unit around the region.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.sectors import FIGURE
from carbonstore.releases.stored import Release
from processes.regions.inside import Choice, Inside
from processes.regions.place import Place
from processes.regions.totals import fields, kilograms
from processes.regions.units import Unit, codes
from processes.schema import Json

HOLDS, LARGER = 0.95, 1.5
"""A unit surrounds a region of which it holds so much, and than which it is so many times larger."""
_KM2 = 1e6


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The unit around a region."""

    level: str
    code: str
    name: str

    @classmethod
    def of(cls, release: Release, place: Place) -> "Surroundings | None":
        """The smallest unit that holds nearly all of a place and is larger; None where there is none."""
        region = place.region(release).polygon
        for level in _nesting(release):
            outlines = _outlines(release, level)
            near = shapely.STRtree(outlines).query(region)
            shared = shapely.area(shapely.intersection(outlines[near], region))
            held = near[(shared >= HOLDS * region.area) & (shapely.area(outlines[near]) >= LARGER * region.area)]
            if len(held):
                units = release.units(level)
                return cls(level, str(units.code[held[0]]), str(units.name[held[0]]))
        return None

    def years(self, releases: Mapping[int, Release], years: Iterable[int], choice: Choice) -> dict[int, Inside]:
        """What is published of it in each of the years that have such a unit."""
        found = {year: codes(releases[year]).get(self.code) for year in years}
        nothing = {year: Inside.nothing(releases[year].bands, choice) for year in found}
        return {year: Unit(*unit).published(nothing[year]) for year, unit in found.items() if unit is not None}


def _nesting(release: Release) -> list[str]:
    """Levels of units from fine to coarse, without zoning."""
    return [level for level in reversed(release.unit_levels) if release.units(level).digits is not None]


@lru_cache(maxsize=32)
def _outlines(release: Release, level: str) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = release.units(level).geometry.to_shapely()[:-1]
    return np.where(shapely.is_valid(shapes), shapes, shapely.make_valid(shapes))


def profile(
    made: Mapping[int, Inside], course: Mapping[int, Inside], around: Surroundings | None, unit: Mapping[int, Inside]
) -> Json:
    """The output, from a region's sums in the years asked for and in those of the trend, and from the unit's around."""
    return {
        "years": [{"year": year, "per_km2_kg": per_km2(one), "shares": shares(one)} for year, one in made.items()],
        "trend": trend(course),
        "surroundings": None if around is None else compared(around, made, unit),
    }


def per_km2(one: Inside) -> dict[str, float | None]:
    """Figures in kg per km2 of the region inside the inventory."""
    known = one.area_m2 > 0
    return {n: round(kg / one.area_m2 * _KM2, 1) if known and kg is not None else None for n, kg in one.figures.items()}


def shares(one: Inside) -> dict[str, dict[str, float]]:
    """Shares (0 to 1) of the emissions by sector, scope and use; empty where nothing is emitted."""
    total = one.figures.get("emission_total") or 0
    groups: dict[str, dict[str, int]] = {"sector": {}, "scope": {}, "use": {}}
    for band, kg in zip(one.bands, one.kg.tolist(), strict=True):
        if band.sector == "forest" or band.sector not in one.choice.sectors or one.choice.mode not in band.modes:
            continue
        for group, key in (("sector", band.sector), ("scope", str(band.scope)), ("use", f"{band.sector}.{band.use}")):
            groups[group][key] = groups[group].get(key, 0) + kg
    return {g: {k: round(kg / total, 6) for k, kg in parts.items() if total} for g, parts in groups.items()}


def trend(made: Mapping[int, Inside]) -> Json:
    """Figures and half-widths by year, oldest first, and what changed from the first to the last."""
    years = sorted(made)
    first, last = made[years[0]].figures, made[years[-1]].figures
    change = {name: _change(first[name], last[name]) for name in first}
    rows = [{"year": year, "kg": made[year].figures | made[year].half_widths} for year in years]
    return {"years": rows, "change": change if len(years) > 1 else None}


def _change(before: int | None, after: int | None) -> Json | None:
    if before is None or after is None:
        return None
    return {"kg": after - before, "share": round((after - before) / abs(before), 6) if before else None}


def compared(around: Surroundings, made: Mapping[int, Inside], unit: Mapping[int, Inside]) -> Json:
    """The unit's figures beside the region's share of them and both densities."""
    rows = []
    for year, whole in unit.items():
        own = made[year].figures
        part = {n: round((own[n] or 0) / kg, 6) if kg else None for n, kg in whole.figures.items()}
        rows.append({"year": year, "kg": whole.figures, "per_km2_kg": per_km2(whole), "share_of_unit": part})
    return {"unit_level": around.level, "unit_code": around.code, "unit_name": around.name, "years": rows}


def profile_schema() -> Json:
    """JSON schema of the output ``profile``."""
    text: Json = {"type": "string"}
    number: Json = {"type": "number", "nullable": True}
    count: Json = {"type": "integer"}
    by_figure = fields(dict.fromkeys(FIGURE, number))
    share: Json = {"type": "object", "additionalProperties": {"type": "number"}}
    own = fields(
        {"year": count, "per_km2_kg": by_figure, "shares": fields(dict.fromkeys(("sector", "scope", "use"), share))}
    )
    changed = fields({"kg": count, "share": number}) | {"nullable": True}
    row = fields({"year": count, "kg": kilograms()})
    rows: Json = {"type": "array", "items": row}
    course = fields({"years": rows, "change": fields(dict.fromkeys(FIGURE, changed)) | {"nullable": True}})
    beside = fields({"year": count, "kg": kilograms(), "per_km2_kg": by_figure, "share_of_unit": by_figure})
    named: Json = dict.fromkeys(("unit_level", "unit_code", "unit_name"), text)
    around = fields(named | {"years": {"type": "array", "items": beside}}) | {"nullable": True}
    return fields({"years": {"type": "array", "items": own}, "trend": course, "surroundings": around})
