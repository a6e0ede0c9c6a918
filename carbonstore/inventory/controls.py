# SPDX-License-Identifier: Apache-2.0
"""``[[benchmark]]`` of an inventory file: totals that the modelled part of a sector is brought to.

A control is an emission of the inventory's own area (``unit = "ktCO2e"``; ``"ktCO2"`` counts CO2 alone), or the fuel
sold in it with ``carrier`` (``"TJ NCV"``, ``"t"``). Meters and counts stand; only what was modelled is scaled, and the
scale is stored and told.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from carbongrid.benchmark import (
    QUALITY,
    SCALE,
    Control,
    benchmark,
    fuel_kilograms,
    gas_of,
    kilograms,
    lines_of,
    lines_of_carrier,
)
from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbongrid.inventory import Inventory
from carbongrid.model import Estimates
from carbongrid.sectors import KIND_SECTOR, USES, figures
from carbonstore.inventory.toml_keys import Keys

KEYS = ("id", "sector", "use", "scope", "carrier", "value", "unit", "u_pct", "status", "source")
STATUSES = ("verified", "derived", "literature", "placeholder")
SCOPES = (1, 2)


@dataclass(frozen=True)
class Benchmark:
    """One control total as the file states it; ``place`` names it in messages."""

    id: str
    sector: str
    use: str | None
    scope: int | None
    carrier: str | None
    value: float
    unit: str
    u_pct: float
    status: str
    source: str
    place: str

    def control(self, factors: FactorSet, year: int) -> Control:
        """In kilograms CO2e."""
        if self.carrier is None:
            kg = kilograms(self.value, self.unit, where=f"{self.place}.unit")
            return Control(self.id, kg, self.u_pct, self.status, self.source, gas=gas_of(self.unit))
        kg = fuel_kilograms(factors, self.carrier, self.value, self.unit, year)
        return Control(self.id, kg, self.u_pct, self.status, self.source, keeps_factors=True)

    def apply(self, estimates: Estimates, factors: FactorSet, year: int) -> Estimates:
        """Scale the lines it is about; InvalidInput where there is nothing to scale."""
        chosen = lines_of(estimates, sector=self.sector, use=self.use, scope=self.scope)
        if self.carrier is not None:
            chosen &= lines_of_carrier(estimates, factors, self.carrier)
        return benchmark(estimates, self.control(factors, year), chosen)[0]


def benchmarks(tables: Any, place: str, keys: Sequence[Keys]) -> tuple[Benchmark, ...]:
    """Check every ``[[benchmark]]``; InvalidInput names the key and what is allowed, also for an id used twice."""
    if not isinstance(tables, list):
        raise InvalidInput("must be tables", where=place, allowed=["[[benchmark]]"])
    found = tuple(_benchmark(k) for k in keys)
    ids = [b.id for b in found]
    for b in found:
        if ids.count(b.id) > 1:
            raise InvalidInput(f"'{b.id}' is used twice", where=f"{b.place}.id", allowed=["an id of its own"])
    return found


def _benchmark(keys: Keys) -> Benchmark:
    keys.only(KEYS)
    sector = keys.choice("sector", tuple(QUALITY))
    return Benchmark(
        id=keys.text("id", ["a short name"]),
        sector=sector,
        use=keys.choice("use", USES[sector]) if "use" in keys else None,
        scope=_scope(keys),
        carrier=keys.maybe("carrier", ["a carrier of the factor set"]),
        value=_positive(keys, "value"),
        unit=keys.text("unit", ["ktCO2e", "TJ NCV"]),
        u_pct=_positive(keys, "u_pct"),
        status=keys.choice("status", STATUSES, "literature"),
        source=keys.text("source", ["where the total is published"]),
        place=keys.place,
    )


def _scope(keys: Keys) -> int | None:
    if "scope" not in keys:
        return None
    if keys.table["scope"] not in SCOPES:
        raise InvalidInput(f"{keys.table['scope']!r} is no scope", where=keys.at("scope"), allowed=SCOPES)
    return int(keys.table["scope"])


def _positive(keys: Keys, key: str) -> float:
    value = keys.required(key, ["a positive number"])
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value <= 0:
        raise InvalidInput(f"{value!r} is no positive number", where=keys.at(key), allowed=["a positive number"])
    return float(value)


def controlled(
    estimates: Mapping[str, Estimates], controls: Sequence[Benchmark], factors: FactorSet, year: int
) -> dict[str, Estimates]:
    """Estimates by kind, every control applied in the file's order; InvalidInput where its sector has no source."""
    made = dict(estimates)
    for control in controls:
        kinds = [kind for kind in made if KIND_SECTOR[kind] == control.sector]
        if not kinds:
            raise InvalidInput(f"no source provides {control.sector}", where=f"{control.place}.sector")
        made[kinds[0]] = control.apply(made[kinds[0]], factors, year)
    return made


_SECTOR = {"buildings": {"ko": "건물", "en": "buildings"}, "transport": {"ko": "수송", "en": "transport"}}


def told(
    controls: Sequence[Benchmark], inventory: Inventory, estimates: Mapping[str, Estimates], u95: Mapping[str, int]
) -> list[dict[str, str]]:
    """What a release says of its control totals, in Korean and English: the scale of each, then quality and width.

    Nothing where there is no control. ``u95``: absolute half-widths of the inventory's totals in kg, by figure.
    """
    if not controls:
        return []
    scales = {k.removeprefix(SCALE): float(v) for e in estimates.values() for k, v in e.notes.items() if SCALE in k}
    return [*(_scaled(c, scales[c.id]) for c in controls), _graded(inventory, u95)]


def _scaled(control: Benchmark, scale: float) -> dict[str, str]:
    name = _SECTOR[control.sector]
    total = f"{control.value:,g} {control.unit} ± {control.u_pct:g} %"
    return {
        "ko": f"{name['ko']} 부문의 모형 추정값을 통제 총량 {control.id}({total}; {control.source})에 "
        f"맞추어 {scale:.4g}배 하였습니다. 총량 안의 분포는 모형입니다.",
        "en": f"What is modelled of {name['en']} is scaled by {scale:.4g} to the control total {control.id} ({total}; "
        f"{control.source}). How the total lies within the area is modelled.",
    }


def _graded(inventory: Inventory, u95: Mapping[str, int]) -> dict[str, str]:
    """Best and worst quality of the sources that count, and the width of the totals in per cent."""
    grades = [layer.quality[layer.lines.source] for layer in inventory.layers.values() if len(layer.lines.kg)]
    best, worst = min(int(g.min()) for g in grades), max(int(g.max()) for g in grades)
    totals = figures(inventory.bands, inventory.cells[inventory.grid.cell_size].kg.sum(axis=1))
    widths = ", ".join(f"{name} ± {100 * u95[name] / abs(int(totals[name])):.0f} %" for name in u95 if totals[name])
    return {
        "ko": f"자료 품질 {best}~{worst} (1이 가장 좋음); 95 % 불확도 {widths}.",
        "en": f"Data quality {best} to {worst} (1 is best); 95 % intervals {widths}.",
    }
