# SPDX-License-Identifier: Apache-2.0
"""aggregate: the kilograms of a collection by the polygons of another layer, all of them in one pass.

Zones are units that are published here or a client's own FeatureCollection, up to 10,000 polygons. Zones that tile a
place sum to it, to the kilogram; intervals are reckoned for every zone anew, because they do not add up.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from carbongrid.errors import UnknownName
from carbongrid.sectors import FIGURE, weights
from carbonstore.collections.cell_collection import CellCollection
from carbonstore.releases.catalogue import Published, Snapshot
from processes.base import MIB, Context, Execution, Input, Output, Process, Results
from processes.choice import years_of
from processes.inputs import METHOD, MODE, SECTORS, YEAR
from processes.processor import Processor
from processes.regions.inside import Choice, Inside
from processes.regions.place import choice_of
from processes.regions.region import layer_schema
from processes.regions.totals import GRADE, fields, kilograms, zone_totals
from processes.regions.zones import zones_in
from processes.schema import Declared, Json, OneOf, Text

MAX_BODY = 64 * MIB
MAX_VALUES = 10_000_000
"""JSON values of two million vertices (contract, section 6)."""
type Sums = Mapping[str | int, Inside]
"""What lies in each zone, by its id."""


def aggregate(execution: Execution, context: Context) -> Results:
    """The work: every zone in every year of one edition."""
    snapshot, inputs = context.catalogue.snapshot(), execution.inputs
    collection = _collection(str(inputs["collection"]), snapshot)
    published, choice = collection.published, choice_of(inputs)
    years = years_of(inputs["year"], published.years) if "year" in inputs else list(collection.years)
    zones = zones_in(inputs["zones"], published, snapshot)
    made: dict[int, Sums] = {}
    for year in years:
        context.report(len(made) / len(years), {"ko": f"{year}년 구역별 합산", "en": f"summing the zones of {year}"})
        made[year] = zones.sums(published.release(year), choice)
    ids = dict.fromkeys(id for sums in made.values() for id in sums)
    rows = [zone_totals(id, {year: sums[id] for year, sums in made.items() if id in sums}) for id in ids]
    summary = _summary(collection, choice, made) | {"zones": len(ids)}
    return Results({"totals": rows, "summary": summary}, published.edition.id)


def _collection(name: str, snapshot: Snapshot) -> CellCollection:
    """The cells to be summed; UnknownName otherwise."""
    cells = {id: found for id, found in snapshot.collections.items() if isinstance(found, CellCollection)}
    if name not in cells:
        raise UnknownName(name, cells, kind="collection of cells", where="/inputs/collection")
    return cells[name]


def _summary(collection: CellCollection, choice: Choice, made: Mapping[int, Sums]) -> Json:
    """All zones together beside the whole inventory: what they leave out, or have twice, shows."""
    published = collection.published
    return {
        "collection": collection.id,
        "inventory": published.id,
        "edition": published.edition.id,
        "mode": choice.mode,
        "method": choice.method,
        "years": [
            {"year": year, "kg": _added(sums.values()), "whole_kg": _whole(published, year, choice)}
            for year, sums in made.items()
        ],
    }


def _added(zones: Iterable[Inside]) -> dict[str, int | None]:
    """Figures of all zones together; None where no zone knows one."""
    added: dict[str, int | None] = {}
    for zone in zones:
        for name, kg in zone.figures.items():
            before = added.get(name)
            added[name] = kg if before is None else before + (kg or 0)
    return added


def _whole(published: Published, year: int, choice: Choice) -> dict[str, int]:
    """Figures of a release, those of the choice."""
    release = published.release(year)
    kg = np.array([band["kg"] for band in release.manifest["totals"]["bands"]], np.int64)
    sums = weights(release.bands, choice.mode, choice.sectors) @ kg
    asked = [bool(set(figure.sectors) & set(choice.sectors)) for figure in FIGURE.values()]
    return {name: int(value) for name, value, shown in zip(FIGURE, sums, asked, strict=True) if shown}


def totals_schema() -> Json:
    """JSON schema of the output ``totals``: a row a zone, in the order of the zones."""
    text: Json = {"type": "string"}
    year = fields({"year": {"type": "integer"}, "kg": kilograms(), "quality": GRADE})
    row: Json = {"id": {"oneOf": [text, {"type": "integer"}]}, "area_m2": {"type": "number"}, "status": text}
    row |= {"missing": text | {"nullable": True}, "years": {"type": "array", "items": year}}
    return {"type": "array", "items": fields(row)}


def summary_schema() -> Json:
    """JSON schema of the output ``summary``."""
    text: Json = {"type": "string"}
    names: Json = dict.fromkeys(("collection", "inventory", "edition", "mode", "method"), text)
    count: Json = {"type": "integer"}
    kg = fields({name: count | {"nullable": True} for name in FIGURE})
    year = fields({"year": count, "kg": kg, "whole_kg": fields(dict.fromkeys(FIGURE, count))})
    return fields(names | {"zones": count, "years": {"type": "array", "items": year}})


def _square(west: float) -> Json:
    east = round(west + 0.02, 2)
    ring = [[west, 36.48], [east, 36.48], [east, 36.5], [west, 36.5], [west, 36.48]]
    return {"type": "Polygon", "coordinates": [ring]}


AGGREGATE = Process(
    id="aggregate",
    version="1.0.0",
    title={"ko": "구역별 합산", "en": "Aggregate by zones"},
    description={
        "ko": (
            "격자 컬렉션의 배출량과 흡수량을 다른 다각형 층(발행된 행정구역 또는 올린 FeatureCollection)의 "
            "구역마다 한 번에 합산한다. 빈틈없이 나눈 구역의 합은 전체와 1 kg까지 같다. 구간은 구역마다 새로 계산한다."
        ),
        "en": (
            "Emissions and absorption of a collection by every polygon of another layer, published units or a "
            "FeatureCollection of your own, in one pass. Zones that tile a place sum to it, to the kilogram; intervals "
            "are reckoned for every zone anew."
        ),
    },
    keywords=("zones", "units", "sums", "구역", "행정구역"),
    inputs={
        "collection": Input(
            Text(max_length=96),
            {"ko": "컬렉션", "en": "Collection"},
            {
                "ko": "합산할 격자 컬렉션, 예: sejong-100m. -history는 모든 연도를 합산한다.",
                "en": "Cells that are summed, e.g. sejong-100m; of -history every year.",
            },
        ),
        "zones": Input(
            OneOf((Text(max_length=96), Declared(layer_schema))),
            {"ko": "구역", "en": "Zones"},
            {
                "ko": (
                    "행정구역 컬렉션의 이름(예: sejong-dong) 또는 CRS84 다각형의 FeatureCollection. "
                    "64 MiB, 10,000개 이하. 구역은 id로 구별한다."
                ),
                "en": (
                    "A collection of units, e.g. sejong-dong, or a FeatureCollection of polygons, longitude first; "
                    "up to 64 MiB and 10,000 features. A zone is named by its id."
                ),
            },
            placed=True,
            media_types=("application/geo+json",),
        ),
        "year": YEAR,
        "sectors": SECTORS,
        "mode": MODE,
        "method": METHOD,
    },
    outputs={
        "totals": Output(
            Declared(totals_schema),
            {"ko": "구역별 합계", "en": "Totals by zone"},
            {
                "ko": "구역마다 연도별 kg CO2e와 95 % 구간의 반폭(_u95), 품질.",
                "en": "kg CO2e of every zone by year, with 95 % half-widths (_u95) and quality.",
            },
        ),
        "summary": Output(
            Declared(summary_schema),
            {"ko": "요약", "en": "Summary"},
            {
                "ko": "모든 구역의 합과 인벤토리 전체의 값.",
                "en": "All zones together, beside the whole inventory.",
            },
        ),
    },
    example={
        "inputs": {
            "collection": "sejong-100m",
            "zones": {
                "type": "FeatureCollection",
                "features": [
                    {"type": "Feature", "id": name, "properties": None, "geometry": _square(west)}
                    for name, west in (("west", 127.24), ("east", 127.26))
                ],
            },
        },
        "outputs": {"totals": {}},
        "response": "document",
    },
    run=aggregate,
    max_body=MAX_BODY,
    max_values=MAX_VALUES,
)


class AggregateProcessor(Processor):
    """``aggregate`` as a pygeoapi processor."""

    process = AGGREGATE
