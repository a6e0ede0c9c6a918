# SPDX-License-Identifier: Apache-2.0
"""Totals as clients read them (contract, section 6), and their JSON schema."""

from collections.abc import Mapping

from carbongrid.sectors import FIGURES, INTERVALS, missing_text
from carbonstore.catalogue import Published
from processes.inside import Choice, Inside
from processes.schema import Json, clean


def totals(published: Published, choice: Choice, made: Mapping[int, Inside]) -> Json:
    """The output ``totals`` (contract, section 6); ``status`` and ``missing`` hold for all years together."""
    null, incomplete = choice.mask, 0
    for one in made.values():
        null, incomplete = null & one.null, incomplete | one.incomplete
    return {
        "inventory": published.id,
        "edition": published.edition.id,
        "mode": choice.mode,
        "method": choice.method,
        "area_m2": next(iter(made.values())).area_m2,
        "status": "missing" if null == choice.mask else "partial" if incomplete else "ok",
        "missing": missing_text(incomplete),
        "years": [year_totals(year, one) for year, one in made.items()],
    }


def year_totals(year: int, one: Inside) -> Json:
    """One year of the totals."""
    return {
        "year": year,
        "kg": one.figures | one.half_widths,
        "unrounded_kg": one.unrounded_figures,
        "quality": one.quality,
        "bands": one.band_rows(),
    }


def totals_schema() -> Json:
    """JSON schema of the output ``totals``."""
    text, number, count = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    names = [f.name for f in FIGURES]
    kilograms = {n: count | {"nullable": True} for n in [*names, *(f"{n}_u95" for n in INTERVALS)]}
    exact = {n: number | {"nullable": True} for n in names}
    band = {"sector": text, "use": text, "scope": count, "gas": text, "kg": count | {"nullable": True}}
    year = {
        "year": count,
        "kg": fields(kilograms),
        "unrounded_kg": fields(exact),
        "quality": {"type": "integer", "minimum": 1, "maximum": 5, "nullable": True},
        "bands": {"type": "array", "items": fields(band)},
    }
    top: Json = dict.fromkeys(("inventory", "edition", "mode", "method", "status"), text)
    rows = {"type": "array", "items": fields(year)}
    return fields(top | {"area_m2": number, "missing": text | {"nullable": True}, "years": rows})


def fields(properties: Mapping[str, object]) -> Json:
    """JSON schema of an object of these members."""
    return clean(type="object", properties=dict(properties))
