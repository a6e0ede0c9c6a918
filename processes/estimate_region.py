# SPDX-License-Identifier: Apache-2.0
"""estimate-region: emissions and absorption of any polygon over the published map.

The region is cut with the inventory's boundary; every year asked for is summed from that year's release of one edition.
A region and its complement add up to the whole, to the kilogram.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from carbongrid.region import Region
from carbongrid.sectors import FIGURES, INTERVALS, MODES, SECTORS, missing_text
from carbonstore.catalogue import Published, Snapshot
from carbonstore.stored import Release
from processes.base import MIB, Context, Execution, Input, Output, Placed, Process, Results
from processes.choice import inventory_of, level_of, years_of
from processes.inside import METHODS, Choice, Inside, Stock, inside
from processes.processor import Processor
from processes.region import resolve, schema
from processes.schema import Declared, Json, Number, Text, clean
from processes.units import Unit, holder, named

MAX_BODY = 10 * MIB
"""Limit of a region (contract, section 6), counted on the bytes of the request."""


@lru_cache(maxsize=32)
def _stock(release: Release) -> Stock:
    return Stock.of(release.inventory())


@lru_cache(maxsize=64)
def _gate(release: Release) -> Lock:
    return Lock()


def stock(release: Release) -> Stock:
    """A release made ready for region sums, once: releases never change, and requests at the same time wait for it."""
    with _gate(release):
        return _stock(release)


def estimate(release: Release, region: Region, choice: Choice) -> Inside:
    """Sum one release inside a region."""
    ready = stock(release)
    return inside(ready, region.on(ready.cells.window), choice)


def estimate_region(execution: Execution, context: Context) -> Results:
    """The work: resolve the region, choose the inventory, sum every year of one edition."""
    snapshot, inputs = context.catalogue.snapshot(), execution.inputs
    place = _place(inputs, snapshot, context.url)
    published = place.published
    level_of(inputs.get("level"), published)
    choice = Choice(_sectors(inputs["sectors"]), str(inputs["mode"]), str(inputs["method"]))
    years = years_of(inputs.get("year"), published.years)
    made: dict[int, Inside] = {}
    for year in years:
        context.report(len(made) / len(years), {"ko": f"{year}년 합산", "en": f"summing {year}"})
        made[year] = place.estimate(published.release(year), choice)
    return Results({"totals": totals(published, choice, made)}, published.edition.id)


@dataclass(frozen=True)
class _Place:
    """What is summed: a region, or a unit by its code, of one inventory."""

    published: Published
    what: Region | Placed

    def estimate(self, release: Release, choice: Choice) -> Inside:
        """One year. The published table rests on sources: by ``cells`` a unit is an outline like any other."""
        if isinstance(self.what, Region):
            return estimate(release, self.what, choice)
        unit = Unit.of(release, self.what)
        cut = estimate(release, unit.region, choice)
        return unit.published(cut) if choice.method == "sources" else cut


def _place(inputs: Mapping[str, object], snapshot: Snapshot, url: str) -> _Place:
    """The region or unit asked for and the inventory that has it."""
    name, code = inputs.get("inventory"), named(inputs["region"])
    if code is not None:
        return _Place(holder(code, name, snapshot.inventories), code)
    region, at = resolve(inputs["region"], snapshot, url)
    return _Place(inventory_of(name, region.polygon, snapshot.inventories, at), region)


def _sectors(given: object) -> tuple[str, ...]:
    return tuple(s for s in SECTORS if isinstance(given, Sequence) and s in given)


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
        "kg": _object(kilograms),
        "unrounded_kg": _object(exact),
        "quality": {"type": "integer", "minimum": 1, "maximum": 5, "nullable": True},
        "bands": {"type": "array", "items": _object(band)},
    }
    top: Json = dict.fromkeys(("inventory", "edition", "mode", "method", "status"), text)
    rows = {"type": "array", "items": _object(year)}
    return _object(top | {"area_m2": number, "missing": text | {"nullable": True}, "years": rows})


def _object(properties: Mapping[str, object]) -> Json:
    return clean(type="object", properties=dict(properties))


ESTIMATE_REGION = Process(
    id="estimate-region",
    version="1.0.0",
    title={"ko": "지역 산정", "en": "Estimate a region"},
    description={
        "ko": "사용자가 준 다각형 안의 온실가스 배출량과 흡수량을 발행된 탄소지도에서 합산한다. 단위는 kg CO2e/년이다.",
        "en": "Emissions and absorption inside a polygon, summed from the published map, in kg CO2e a year.",
    },
    keywords=("emissions", "absorption", "region", "배출량", "흡수량"),
    inputs={
        "region": Input(
            Declared(schema),
            {"ko": "지역", "en": "Region"},
            {
                "ko": (
                    "CRS84 좌표(경도, 위도)의 GeoJSON 다각형, 발행된 행정구역의 코드, "
                    "또는 이 서버의 항목을 가리키는 링크. 10 MiB 이하."
                ),
                "en": (
                    "GeoJSON polygon, longitude first, the code of a published unit, "
                    "or a link to an item of this server; up to 10 MiB."
                ),
            },
            links=True,
            placed=True,
            media_types=("application/geo+json",),
        ),
        "inventory": Input(
            Text(max_length=64),
            {"ko": "인벤토리", "en": "Inventory"},
            {
                "ko": "인벤토리 식별자. 지역을 덮는 인벤토리가 하나뿐이면 생략할 수 있다.",
                "en": "Id of the inventory; may be left out where exactly one covers the region.",
            },
            min_occurs=0,
        ),
        "year": Input(
            Number(1990, 2100, "a", integer=True),
            {"ko": "연도", "en": "Year"},
            {
                "ko": "하나 이상의 발행 연도. 기본값은 최신 연도.",
                "en": "One or several published years; by default the newest.",
            },
            min_occurs=0,
            max_occurs=100,
            placed=True,
        ),
        "sectors": Input(
            Text(SECTORS),
            {"ko": "부문", "en": "Sectors"},
            {"ko": "합산할 부문. 기본값은 전체.", "en": "Sectors that are summed; by default all."},
            min_occurs=0,
            max_occurs=len(SECTORS),
            default=list(SECTORS),
        ),
        "level": Input(
            Text(max_length=16),
            {"ko": "격자 단계", "en": "Level"},
            {
                "ko": "격자 모음의 접미사, 예: 100m. 합계는 단계와 무관하다.",
                "en": "Suffix of a cell collection, e.g. 100m. Totals do not depend on it.",
            },
            min_occurs=0,
        ),
        "mode": Input(
            Text(MODES),
            {"ko": "기준", "en": "Mode"},
            {
                "ko": "최종 사용자 기준(end_user) 또는 영토 기준(territorial, 직접 배출만).",
                "en": "end_user counts electricity and heat where used, territorial only what is burnt inside.",
            },
            min_occurs=0,
            default="end_user",
        ),
        "method": Input(
            Text(METHODS),
            {"ko": "방법", "en": "Method"},
            {
                "ko": "sources: 경계 격자에서 배출원 도형의 몫. cells: 격자 면적의 몫(품질 한 단계 낮음).",
                "en": "In cut cells: sources takes each source's share inside, cells the share of the area.",
            },
            min_occurs=0,
            default="sources",
        ),
    },
    outputs={
        "totals": Output(
            Declared(totals_schema),
            {"ko": "합계", "en": "Totals"},
            {
                "ko": "연도별 kg CO2e: 합계, 95 % 구간의 반폭(_u95), 부문·용도·범위·기체별 값.",
                "en": "kg CO2e by year: figures, 95 % half-widths (_u95), and by sector, use, scope and gas.",
            },
        )
    },
    example={
        "inputs": {
            "region": {
                "type": "Polygon",
                "coordinates": [[[127.26, 36.48], [127.28, 36.48], [127.28, 36.5], [127.26, 36.5], [127.26, 36.48]]],
            },
            "year": [2022, 2023],
        },
        "outputs": {"totals": {}},
        "response": "document",
    },
    run=estimate_region,
    max_body=MAX_BODY,
)


class EstimateRegionProcessor(Processor):
    """``estimate-region`` as a pygeoapi processor."""

    process = ESTIMATE_REGION
