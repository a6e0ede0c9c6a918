# SPDX-License-Identifier: Apache-2.0
"""Data dictionary of the source collections: buildings, roads, forests (contract, sections 2 and 7).

What was read of a source stands under the names of the activity columns, what was estimated under those of the cells.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace

from carbongrid.sectors import FIGURES, KIND_SECTOR
from carbonstore.collections.fields import CELL_FIELDS, Field, Text, named

KIND_TITLE: Mapping[str, Text] = {
    "buildings": {"ko": "건물", "en": "buildings"},
    "roads": {"ko": "도로", "en": "roads"},
    "forests": {"ko": "산림", "en": "forests"},
}
_SHARED = named(CELL_FIELDS)
"""Properties that records of cells have too."""
SIZE = {"buildings": "area_m2", "roads": "length_m", "forests": "area_m2"}
"""The size of a source inside the boundary."""
POOLED = (
    "계량값은 셋 이상의 필지를 묶은 합을 연면적과 원단위로 나눈 값입니다.",
    "Where meters are pooled, the building's part of the sum of three or more parcels, by floor area x intensity.",
)
"""What is said of every column of metered energy."""


def _text(name: str, ko: str, en: str, ko_text: str, en_text: str, *, tile: bool = False) -> Field:
    return Field(name, "string", {"ko": ko, "en": en}, {"ko": ko_text, "en": en_text}, tile=tile)


def _number(
    name: str, ko: str, en: str, ko_text: str, en_text: str, *, unit: str | None = None, decimals: int = 0
) -> Field:
    title, text = {"ko": ko, "en": en}, {"ko": ko_text, "en": en_text}
    return Field(name, "number" if decimals else "integer", title, text, unit=unit, decimals=decimals)


def _energy(name: str, ko: str, en: str, unit: str) -> Field:
    return _number(name, ko, en, *POOLED, unit=unit, decimals=3)


_ID = _text("id", "원자료 식별자", "Id of the source", "원자료의 식별자.", "What the source file calls it.", tile=True)
ACTIVITY_FIELDS: Mapping[str, tuple[Field, ...]] = {
    "buildings": (
        _text("pnu", "필지고유번호", "Parcel number", "19자리 필지 번호.", "Parcel that the building stands on."),
        _text("use", "용도", "Use", "원자료의 용도 이름 또는 코드.", "Name or code of the use, as in the source."),
        _number("floor_area_m2", "연면적", "Floor area", "원자료의 연면적.", "Gross floor area, as in the source.",
                unit="m2", decimals=2),
        _number("storeys", "층수", "Storeys", "지상 층수.", "Storeys above ground.", decimals=1),
        _number("height_m", "높이", "Height", "지면부터의 높이.", "Height above ground.", unit="m", decimals=2),
        _number("year_built", "준공 연도", "Year built", "사용 승인 연도.", "Year of completion."),
        _energy("electricity_kwh", "전기 사용량", "Electricity used", "kW.h"),
        _energy("gas_kwh_gcv", "가스 사용량", "Gas used", "kW.h"),
        _energy("heat_mj", "열 사용량", "Heat used", "MJ"),
    ),
    "roads": (
        _text("class", "도로 등급", "Road class", "원자료의 등급 이름 또는 코드.", "Class, as in the source."),
        _number("lanes", "차로 수", "Lanes", "차로 수.", "Number of lanes.", decimals=1),
        _number("speed_kmh", "제한 속도", "Speed", "제한 속도.", "Speed limit.", unit="km/h", decimals=1),
        _number("aadt", "연평균 일교통량", "AADT", "하루 평균 차량 수.", "Annual average daily traffic.",
                unit="{vehicles}/d", decimals=1),
        replace(_text("oneway", "일방통행", "One-way", "일방통행 여부.", "Whether traffic runs one way."),
                type="boolean"),
    ),
    "forests": (
        _text("species", "수종", "Species", "원자료의 수종 이름 또는 코드.", "Species, as in the source."),
        _number("age_class", "영급", "Age class", "10년 단위 영급.", "Age class of ten years, counted from 1."),
        _number("diameter_class", "경급", "Diameter class", "원자료의 경급.", "Diameter class, as in the source."),
        _text("density", "소밀도", "Density", "원자료의 소밀도.", "Crown density, as in the source."),
        _text("land_cover", "토지피복", "Land cover", "원자료의 토지피복.", "Land cover, as in the source."),
    ),
}  # fmt: skip
"""Activity columns of each kind, in the contract's order."""
_SIZES = {
    "area_m2": replace(
        _SHARED["area_m2"],
        description={"ko": "경계 안에 있는 부분의 측지 면적.", "en": "Geodesic area of what lies inside the boundary."},
    ),
    "length_m": _number(
        "length_m", "경계 안 길이", "Inside length", "경계 안에 있는 부분의 길이.",
        "Length of what lies inside the boundary.", unit="m", decimals=1,
    ),
}  # fmt: skip
_IMPUTED = Field(
    "imputed", "boolean", {"ko": "추정된 활동량", "en": "Activity imputed"},
    {"ko": "활동량을 표의 값으로 추정하였습니다.", "en": "What it uses was estimated from a table, not measured."},
)  # fmt: skip
_AADT = re.compile(r"aadt_[a-z0-9_]+")


def activity_field(kind: str, name: str) -> Field | None:
    """The activity column of a kind by its name; None where the contract does not publish it."""
    found = next((f for f in ACTIVITY_FIELDS[kind] if f.name == name), None)
    if found is not None or kind != "roads" or not _AADT.fullmatch(name):
        return found
    vehicle = name.removeprefix("aadt_")
    like = next(f for f in ACTIVITY_FIELDS["roads"] if f.name == "aadt")
    return replace(like, name=name, title={k: f"{v} ({vehicle})" for k, v in like.title.items()})


def source_figures(kind: str) -> tuple[str, ...]:
    """Figures that are made of this kind alone, in published order."""
    return tuple(f.name for f in FIGURES if f.sectors == (KIND_SECTOR[kind],))


def source_fields(kind: str, columns: Collection[str], *, synthetic: bool) -> tuple[Field, ...]:
    """The properties of a source collection whose sources have these activity columns."""
    vehicles = sorted(c for c in columns if c.startswith("aadt_"))
    known = [c for c in (*(f.name for f in ACTIVITY_FIELDS[kind]), *vehicles) if c in columns]
    activity = [f for f in (activity_field(kind, c) for c in known) if f is not None]
    times = [_SHARED[name] for name in ("year", "time_start", "time_end")]
    figures = [_SHARED[name] for name in source_figures(kind)]
    states = [_SHARED[name] for name in ("quality", "status", "missing")]
    made_up = [_SHARED["synthetic"]] if synthetic else []
    return (_ID, *activity, *times, _SIZES[SIZE[kind]], *figures, *states, _IMPUTED, *made_up)
