# SPDX-License-Identifier: Apache-2.0
"""compare-years: what changed between two published years, by figure, sector, zone and cell, with significance.

A change is significant where it exceeds its 95 % half-width, in which everything that both years share cancels. Its
causes (activity, factors, recalculation) add up to it. What changed of inputs and tables is that of
``carbongrid compare``: one path for both.
"""

from collections.abc import Iterable, Sequence

from carbongrid.errors import InvalidInput, TooLarge, UnknownName
from carbongrid.sectors import FIGURE, INTERVALS
from carbonstore.audit import compare
from carbonstore.releases.catalogue import Published, Snapshot
from processes.base import MIB, Context, Execution, Input, Output, Placed, Process, Results
from processes.choice import level_of
from processes.inputs import INVENTORY, LEVEL, MODE, SECTORS, YEAR
from processes.processor import Processor
from processes.regions.differences import Figures, Years
from processes.regions.place import choice_of
from processes.regions.region import layer_schema
from processes.regions.totals import fields
from processes.regions.zones import zones_in
from processes.schema import Declared, Json, OneOf, Text

MAX_ROWS = 10_000
"""Cells that are listed, those that changed most."""
MAX_CELLS = 2_000_000
"""Cells that are compared one by one."""
_PAIR = 2


def compare_years(execution: Execution, context: Context) -> Results:
    """The work: the whole, each sector, and where asked for each zone and each cell."""
    snapshot, inputs = context.catalogue.snapshot(), execution.inputs
    published = _published(inputs.get("inventory"), snapshot)
    before, after = (published.release(year) for year in _years(inputs.get("year"), published.years))
    choice = choice_of(inputs)
    context.report(0.0, {"ko": "두 해의 배출원 대조", "en": "matching the sources of both years"})
    found = Years.of(before, after, choice)
    changes: Json = {
        "inventory": published.id,
        "edition": published.edition.id,
        "mode": choice.mode,
        "years": [before.year, after.year],
        "whole": found.whole(),
        "sectors": {sector: _sector(found.whole([sector]), sector) for sector in choice.sectors},
        "told": _told(compare.compare(before, after)),
    }
    if "zones" in inputs:
        context.report(0.3, {"ko": "구역별 변화", "en": "changes by zone"})
        zones = zones_in(inputs["zones"], published, snapshot).zones_of(after)
        rows = zip(zones, found.zones(zones), strict=True)
        changes["zones"] = [{"id": zone.id, "figures": figures} for zone, figures in rows]
    if "level" in inputs:
        context.report(0.6, {"ko": "격자별 변화", "en": "changes by cell"})
        changes["cells"] = _cells(found, level_of(inputs["level"], published.levels))
    return Results({"changes": changes}, published.edition.id)


def _published(name: object, snapshot: Snapshot) -> Published:
    """The inventory named, or the only one there is."""
    known = snapshot.inventories
    if name is None and len(known) != 1:
        raise InvalidInput("name one of the inventories", where="/inputs/inventory", allowed=known)
    if name is not None and name not in known:
        raise UnknownName(str(name), known, kind="inventory", where="/inputs/inventory")
    return known[str(name)] if name is not None else next(iter(known.values()))


def _years(given: object, published: Sequence[int]) -> tuple[int, int]:
    """The two years asked for, earlier first; by default the last two."""
    asked = [p for p in given if isinstance(p, Placed)] if isinstance(given, tuple) else []
    for one in asked:
        if one.value not in published:
            raise InvalidInput(f"{one.value} is not published", where=one.at, allowed=published)
    years = sorted({int(str(p.value)) for p in asked}) or list(published[-_PAIR:])
    if len(years) != _PAIR:
        raise InvalidInput("two different years are compared", where="/inputs/year", allowed=published)
    return years[0], years[1]


def _sector(figures: Figures, sector: str) -> dict[str, object]:
    """A sector's own figure, with its half-width."""
    return figures["absorption_forest" if sector == "forest" else "emission_total"]


def _told(found: compare.Comparison) -> Json:
    """What changed of inputs, factors and tables, in counts where there may be many."""
    plain = found.as_dict()
    return {name: plain[name] for name in ("model_changed", "inputs", "factors", "rows", "sources", "levels")}


def _cells(found: Years, size: int) -> Json:
    """How many cells changed, and those that changed most."""
    if len(found.after.level(size).index) > MAX_CELLS:
        raise TooLarge(f"cells of {size} m are too many to compare one by one", where="/inputs/level")
    codes, figures = found.cells(size)
    rows = [(code, one) for code, one in zip(codes, figures, strict=True) if _changed(one)]
    rows.sort(key=lambda row: -abs(_change(row[1])))
    return {
        "level": size,
        "compared": len(codes),
        "changed": len(rows),
        "significantly_up": sum(_surely(one) and _change(one) > 0 for _, one in rows),
        "significantly_down": sum(_surely(one) and _change(one) < 0 for _, one in rows),
        "largest": [{"cell_id": code, "figures": one} for code, one in rows[:MAX_ROWS]],
    }


def _main(figures: Figures) -> dict[str, object]:
    """The figure by which cells are put in order: ``net``, or what is left of it."""
    return figures["net"]


def _change(figures: Figures) -> int:
    return int(str(_main(figures)["change"]))


def _surely(figures: Figures) -> bool:
    return bool(_main(figures)["significant"])


def _changed(figures: Figures) -> bool:
    return any(one["change"] for one in figures.values())


def changes_schema() -> Json:
    """JSON schema of the output ``changes``."""
    text: Json = {"type": "string"}
    count: Json = {"type": "integer"}
    by_figure = fields({name: change_schema(name) for name in FIGURE})
    zone = fields({"id": {"oneOf": [text, count]}, "figures": by_figure})
    cell = fields({"cell_id": text, "figures": by_figure})
    counts: Json = dict.fromkeys(("level", "compared", "changed", "significantly_up", "significantly_down"), count)
    cells = fields(counts | {"largest": {"type": "array", "items": cell}})
    top: Json = dict.fromkeys(("inventory", "edition", "mode"), text)
    top |= {"years": {"type": "array", "items": count}, "whole": by_figure, "told": {"type": "object"}}
    sectors: Json = {"type": "object", "additionalProperties": change_schema(INTERVALS[0])}
    return fields(top | {"sectors": sectors, "zones": {"type": "array", "items": zone}, "cells": cells})


def change_schema(figure: str) -> Json:
    """JSON schema of one change in kilograms."""
    names: Iterable[str] = ("before", "after", "change", *(("change_u95",) if figure in INTERVALS else ()))
    made: Json = {name: {"type": "integer"} for name in names}
    made |= {name: {"type": "number"} for name in ("activity", "factors", "recalculation")}
    return fields(made | ({"significant": {"type": "boolean"}} if figure in INTERVALS else {}))


COMPARE_YEARS = Process(
    id="compare-years",
    version="1.0.0",
    title={"ko": "연도 비교", "en": "Compare years"},
    description={
        "ko": (
            "발행된 두 해의 변화를 항목·부문·구역·격자별로 답한다. 두 해가 함께 기대는 계수와 활동량의 오차는 "
            "상쇄되며, 변화가 95 % 반폭을 넘으면 유의하다. 변화는 활동량, 계수, 재산정의 몫으로 나뉜다."
        ),
        "en": (
            "What changed between two published years by figure, sector, zone and cell. Errors that both years share "
            "cancel; a change beyond its 95 % half-width is significant. It is told apart into activity, factors and "
            "recalculation."
        ),
    },
    keywords=("years", "change", "significance", "연도", "변화"),
    inputs={
        "inventory": INVENTORY,
        "year": YEAR,
        "sectors": SECTORS,
        "mode": MODE,
        "zones": Input(
            OneOf((Text(max_length=96), Declared(layer_schema))),
            {"ko": "구역", "en": "Zones"},
            {
                "ko": "변화를 구역별로도 답한다: 행정구역 컬렉션의 이름(예: sejong-dong) 또는 FeatureCollection.",
                "en": "Changes by zone too: a collection of units, e.g. sejong-dong, or a FeatureCollection.",
            },
            min_occurs=0,
            placed=True,
            media_types=("application/geo+json",),
        ),
        "level": LEVEL,
    },
    outputs={
        "changes": Output(
            Declared(changes_schema),
            {"ko": "변화", "en": "Changes"},
            {
                "ko": "kg CO2e/년의 변화와 반폭, 유의성, 원인(활동량·계수·재산정), 바뀐 입력과 계수.",
                "en": "Changes in kg CO2e a year with half-width, significance and causes, and what inputs changed.",
            },
        )
    },
    example={
        "inputs": {"inventory": "sejong", "year": [2022, 2023], "zones": "sejong-dong", "level": "1km"},
        "outputs": {"changes": {}},
        "response": "document",
    },
    run=compare_years,
    max_body=64 * MIB,
    max_values=10_000_000,
)


class CompareYearsProcessor(Processor):
    """``compare-years`` as a pygeoapi processor."""

    process = COMPARE_YEARS
