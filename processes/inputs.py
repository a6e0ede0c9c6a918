# SPDX-License-Identifier: Apache-2.0
"""Inputs that several processes declare alike."""

from carbongrid import sectors as known
from processes.base import LANGUAGES, Input
from processes.regions.inside import METHODS
from processes.schema import Number, Text

INVENTORY = Input(
    Text(max_length=64),
    {"ko": "인벤토리", "en": "Inventory"},
    {
        "ko": "인벤토리 식별자. 지역을 덮는 인벤토리가 하나뿐이면 생략할 수 있다.",
        "en": "Id of the inventory; may be left out where exactly one covers the region.",
    },
    min_occurs=0,
)
YEAR = Input(
    Number(1990, 2100, "a", integer=True),
    {"ko": "연도", "en": "Year"},
    {
        "ko": "하나 이상의 발행 연도. 기본값은 최신 연도.",
        "en": "One or several published years; by default the newest.",
    },
    min_occurs=0,
    max_occurs=100,
    placed=True,
)
SECTORS = Input(
    Text(known.SECTORS),
    {"ko": "부문", "en": "Sectors"},
    {"ko": "합산할 부문. 기본값은 전체.", "en": "Sectors that are summed; by default all."},
    min_occurs=0,
    max_occurs=len(known.SECTORS),
    default=list(known.SECTORS),
)
LEVEL = Input(
    Text(max_length=16),
    {"ko": "격자 단계", "en": "Level"},
    {
        "ko": "격자 컬렉션의 접미사, 예: 100m. 합계는 단계와 무관하다.",
        "en": "Suffix of a cell collection, e.g. 100m. Totals do not depend on it.",
    },
    min_occurs=0,
)
MODE = Input(
    Text(known.MODES),
    {"ko": "기준", "en": "Mode"},
    {
        "ko": "최종 사용자 기준(end_user) 또는 영토 기준(territorial, 직접 배출만).",
        "en": "end_user counts electricity and heat where used, territorial only what is burnt inside.",
    },
    min_occurs=0,
    default="end_user",
)
METHOD = Input(
    Text(METHODS),
    {"ko": "방법", "en": "Method"},
    {
        "ko": "sources: 경계 격자에서 배출원 도형의 몫. cells: 격자 면적의 몫(품질 한 단계 낮음).",
        "en": "In cut cells: sources takes each source's share inside, cells the share of the area.",
    },
    min_occurs=0,
    default="sources",
)
LANGUAGE = Input(
    Text(LANGUAGES),
    {"ko": "언어", "en": "Language"},
    {"ko": "보고서의 언어.", "en": "Language of the report."},
    min_occurs=0,
    default="ko",
)
