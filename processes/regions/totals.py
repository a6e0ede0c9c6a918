# SPDX-License-Identifier: Apache-2.0
"""Totals as clients read them (contract, section 6), and their JSON schema."""

from collections.abc import Collection, Mapping

from carbongrid.sectors import FIGURES, INTERVALS, missing_text
from carbonstore.releases.catalogue import Published
from processes.regions.inside import Choice, Inside
from processes.schema import Json, clean


def totals(published: Published, choice: Choice, made: Mapping[int, Inside]) -> Json:
    """The output ``totals`` (contract, section 6); ``status`` and ``missing`` hold for all years together."""
    return {
        "inventory": published.id,
        "edition": published.edition.id,
        "mode": choice.mode,
        "method": choice.method,
        **_state(made.values()),
        "years": [year_totals(year, one) for year, one in made.items()],
    }


def zone_totals(id: str | int, made: Mapping[int, Inside]) -> Json:
    """One zone of the output ``totals`` of aggregate: figures by year, without bands."""
    years = [{"year": year, "kg": one.figures | one.half_widths, "quality": one.quality} for year, one in made.items()]
    return {"id": id, **_state(made.values()), "years": years}


def _state(made: Collection[Inside]) -> Json:
    """Area, ``status`` and ``missing`` of all years together."""
    first = next(iter(made))
    null, incomplete = first.choice.mask, 0
    for one in made:
        null, incomplete = null & one.null, incomplete | one.incomplete
    status = "missing" if null == first.choice.mask else "partial" if incomplete else "ok"
    return {"area_m2": first.area_m2, "status": status, "missing": missing_text(incomplete)}


def year_totals(year: int, one: Inside) -> Json:
    """One year of the totals."""
    return {
        "year": year,
        "kg": one.figures | one.half_widths,
        "unrounded_kg": one.unrounded_figures,
        "quality": one.quality,
        "bands": one.band_rows(),
    }


GRADE: Json = {"type": "integer", "minimum": 1, "maximum": 5, "nullable": True}
"""JSON schema of a quality grade."""


def kilograms() -> Json:
    """JSON schema of figures and their half-widths in whole kilograms."""
    names = [*(f.name for f in FIGURES), *(f"{n}_u95" for n in INTERVALS)]
    return fields({n: {"type": "integer", "nullable": True} for n in names})


def totals_schema() -> Json:
    """JSON schema of the output ``totals``."""
    text, number, count = {"type": "string"}, {"type": "number"}, {"type": "integer"}
    exact = {f.name: number | {"nullable": True} for f in FIGURES}
    band = {"sector": text, "use": text, "scope": count, "gas": text, "kg": count | {"nullable": True}}
    year = {
        "year": count,
        "kg": kilograms(),
        "unrounded_kg": fields(exact),
        "quality": GRADE,
        "bands": {"type": "array", "items": fields(band)},
    }
    top: Json = dict.fromkeys(("inventory", "edition", "mode", "method", "status"), text)
    rows = {"type": "array", "items": fields(year)}
    return fields(top | {"area_m2": number, "missing": text | {"nullable": True}, "years": rows})


def fields(properties: Mapping[str, object]) -> Json:
    """JSON schema of an object of these members."""
    return clean(type="object", properties=dict(properties))
