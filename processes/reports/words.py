# SPDX-License-Identifier: Apache-2.0
"""Texts of the report, in Korean and English."""

from types import MappingProxyType

from processes.schema import Words

WORDS: MappingProxyType[str, Words] = MappingProxyType(
    {
        "heading": {"ko": "지역 탄소 보고서", "en": "Carbon report of a region"},
        "synthetic": {
            "ko": "합성 자료입니다. 실제 배출량이 아닙니다.",
            "en": "Synthetic data: these are not real emissions.",
        },
        "year": {"ko": "연도", "en": "Year"},
        "area": {"ko": "면적(인벤토리 안)", "en": "Area inside the inventory"},
        "inventory": {"ko": "인벤토리", "en": "Inventory"},
        "edition": {"ko": "판", "en": "Edition"},
        "emission_total": {"ko": "배출량", "en": "Emissions"},
        "emission_buildings": {"ko": "건물", "en": "Buildings"},
        "emission_buildings_scope1": {"ko": "건물, 범위 1", "en": "Buildings, scope 1"},
        "emission_buildings_scope2": {"ko": "건물, 범위 2", "en": "Buildings, scope 2"},
        "emission_transport": {"ko": "수송", "en": "Transport"},
        "absorption_forest": {"ko": "흡수량", "en": "Absorption"},
        "absorption_forest_gross": {"ko": "총흡수량", "en": "Gross absorption"},
        "net": {"ko": "순배출량", "en": "Net"},
        "unit": {"ko": "tCO₂e/년", "en": "tCO₂e a year"},
        "figure": {"ko": "항목", "en": "Figure"},
        "value": {"ko": "값", "en": "Value"},
        "interval": {"ko": "95 % 구간", "en": "95 % interval"},
        "density": {"ko": "tCO₂e/km²", "en": "tCO₂e per km²"},
        "quality": {"ko": "품질 등급(1 최상 – 5)", "en": "Quality (1 best – 5)"},
        "missing": {"ko": "빠지거나 불완전한 부문", "en": "Sectors missing or incomplete"},
        "none": {"ko": "없음", "en": "none"},
        "shares": {"ko": "배출량의 구성", "en": "What the emissions are made of"},
        "sector": {"ko": "부문", "en": "Sector"},
        "scope": {"ko": "범위", "en": "Scope"},
        "use": {"ko": "용도", "en": "Use"},
        "share": {"ko": "비율", "en": "Share"},
        "trend": {"ko": "연도별 추이", "en": "Trend by year"},
        "legend": {"ko": "선: 95 % 구간", "en": "lines: 95 % interval"},
        "use_residential": {"ko": "주거", "en": "residential"},
        "use_commercial": {"ko": "상업", "en": "commercial"},
        "use_public": {"ko": "공공", "en": "public"},
        "use_industrial": {"ko": "산업", "en": "industrial"},
        "use_other": {"ko": "기타", "en": "other"},
        "use_road": {"ko": "도로 교통", "en": "road traffic"},
        "change": {"ko": "첫해부터 마지막 해까지의 변화", "en": "Change from the first to the last year"},
        "around": {"ko": "둘러싼 행정구역과의 비교", "en": "Beside the unit around it"},
        "here": {"ko": "이 지역", "en": "This region"},
        "of_unit": {"ko": "행정구역에서 차지하는 비율", "en": "Share of the unit"},
        "method": {"ko": "방법", "en": "Method"},
        "sources": {
            "ko": "온전한 격자는 그대로, 경계가 자르는 격자는 배출원 도형이 지역 안에 놓인 몫만큼 합산했다.",
            "en": "Whole cells are summed; in cells cut by the border, each source by its geometry inside.",
        },
        "cells": {
            "ko": "경계가 자르는 격자는 면적의 몫만큼 합산했다. 품질은 한 등급 낮고 구간은 더 넓다.",
            "en": "Cells that the border cuts count by their area inside: a grade worse, and a wider interval.",
        },
        "end_user": {
            "ko": "최종 사용자 기준: 전기와 열은 쓰인 건물에 놓인다.",
            "en": "End-user basis: electricity and heat count where they are used.",
        },
        "territorial": {
            "ko": "영토 기준: 지역 안에서 태운 것만 센다.",
            "en": "Territorial basis: only what is burnt inside counts.",
        },
        "intervals": {
            "ko": "구간은 IPCC 2006 제1권 제3장 방법 1을 따른다. 계수 집단, 공통 표의 행, 배출원의 오차를 따로 합한다.",
            "en": (
                "Intervals follow IPCC 2006, volume 1, chapter 3, approach 1: errors of factor groups, shared table "
                "rows and single sources are combined apart."
            ),
        },
        "factors": {"ko": "배출계수", "en": "Emission factors"},
        "data": {"ko": "자료와 이용 조건", "en": "Data and licences"},
        "links": {"ko": "이 보고서의 값", "en": "Where these values are from"},
    }
)
"""By key: figures by their names, and what stands around them."""
