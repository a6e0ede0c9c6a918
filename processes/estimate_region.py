# SPDX-License-Identifier: Apache-2.0
"""estimate-region: emissions and absorption of any polygon over the published map.

The region is cut with the inventory's boundary; every year asked for is summed from that year's release of one edition.
A region and its complement add up to the whole, to the kilogram.
"""

from processes.activity import tables as activity
from processes.activity.inputs import ACTIVITY_INPUTS
from processes.base import MIB, Context, Execution, Input, Output, Process, Results
from processes.choice import level_of, years_of
from processes.inputs import INVENTORY, LANGUAGE, LEVEL, METHOD, MODE, SECTORS, YEAR
from processes.processor import Processor
from processes.regions.cells import CELLS, encoded
from processes.regions.place import Place, asked, choice_of
from processes.regions.profile import profile_schema
from processes.regions.region import schema
from processes.regions.sums import Sums
from processes.regions.totals import totals, totals_schema
from processes.reports.page import HTML, report
from processes.schema import Declared, Text
from processes.uploads.files import GEOJSON, MEDIA

MAX_REGION = 10 * MIB
"""Limit of a region (contract, section 6), of a file counted before it is parsed."""
MAX_BODY = 90 * MIB
"""Of a request: tables of activity data, a third longer as base64."""


def estimate_region(execution: Execution, context: Context) -> Results:
    """The work: resolve the region, choose the inventory or make it of the data sent, sum every year of one edition."""
    with asked(execution.inputs, context) as where:
        return _answer(execution, where, context)


def _answer(execution: Execution, where: Place, context: Context) -> Results:
    published, inputs, outputs = where.published, execution.inputs, execution.outputs
    level, choice = level_of(inputs.get("level"), published.levels or published.all_levels), choice_of(inputs)
    years = years_of(inputs.get("year"), published.years)
    sums = Sums(where, choice, years, context.report)
    values: dict[str, object] = {"totals": (made := totals(published, choice, sums.asked))}
    if {"profile", "report"} & outputs.keys():
        values["profile"] = (told := sums.profile())
        values["report"] = report(published, made, told, context.url, str(inputs["language"]))
    if "cells" in outputs:
        cells = where.clipped(years, choice, level).collection(level, history=len(years) > 1)
        values["cells"] = encoded(cells, outputs["cells"])
    if "activity" in outputs and not where.kept:
        values["activity"] = {"years": [activity.told(published.release(year)) for year in years]}
    return Results(values, published.edition.id)


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
                    "지도에 그리거나, 파일(GeoPackage, zip Shapefile, KML, GeoJSON)을 올리거나, GeoJSON 다각형(경도, "
                    "위도)을 붙여 넣는다. 발행된 행정구역의 코드나 이 서버의 항목 링크도 된다. 10 MiB 이하."
                ),
                "en": (
                    "Drawn, uploaded (GeoPackage, zipped Shapefile, KML, GeoJSON) or pasted as a GeoJSON polygon, "
                    "longitude first; also the code of a published unit, or a link to an item; up to 10 MiB."
                ),
            },
            links=True,
            placed=True,
            media_types=(GEOJSON,),
            files=tuple(MEDIA),
            max_bytes=MAX_REGION,
        ),
        "inventory": INVENTORY,
        "year": YEAR,
        "sectors": SECTORS,
        "level": LEVEL,
        "mode": MODE,
        "method": METHOD,
        "language": LANGUAGE,
        **ACTIVITY_INPUTS,
    },
    outputs={
        "totals": Output(
            Declared(totals_schema),
            {"ko": "합계", "en": "Totals"},
            {
                "ko": "연도별 kg CO2e: 합계, 95 % 구간의 반폭(_u95), 부문·용도·범위·기체별 값.",
                "en": "kg CO2e by year: figures, 95 % half-widths (_u95), and by sector, use, scope and gas.",
            },
        ),
        "profile": Output(
            Declared(profile_schema),
            {"ko": "구성과 비교", "en": "Profile"},
            {
                "ko": "부문·범위·용도별 비율, km²당 kg, 발행 연도의 추이, 둘러싼 행정구역과의 비교.",
                "en": "Shares by sector, scope and use, kg per km2, trend by year, and the unit around the region.",
            },
        ),
        "cells": CELLS,
        "report": Output(
            Text(media_type=HTML),
            {"ko": "보고서", "en": "Report"},
            {
                "ko": "인쇄할 수 있는 한 쪽의 HTML: 값과 구간, 구성, 추이, 비교, 방법, 배출계수.",
                "en": "One page of HTML to print: values with intervals, shares, trend, comparison, method, factors.",
            },
        ),
        "activity": Output(
            Declared(activity.told_schema),
            {"ko": "활동자료 처리 결과", "en": "What became of the data"},
            {
                "ko": "올린 행 가운데 쓰인 것, 빠진 것과 그 까닭, 값이 없는 것, 임시 계수의 몫. 활동자료를 올린 때만.",
                "en": "Rows used, left out and why, without a value; share of placeholders. Only with activity data.",
            },
        ),
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
