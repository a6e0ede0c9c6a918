# SPDX-License-Identifier: Apache-2.0
"""Data dictionary: every property of a record, once, for schemas, queryables, TileJSON, documents, encoders.

Units are UCUM codes, roles those of OGC API Features Part 5. Order is the published order (contract 2).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carbongrid.sectors import SECTORS

Text = Mapping[str, str]
TONNES = "t{CO2e}/a"
"""Tonnes CO2-equivalent a year; the braces hold an annotation that UCUM ignores."""
DENSITY = "t{CO2e}/(har.a)"
"""Tonnes CO2-equivalent a hectare and year."""
KR_CODE_LEVELS = (10, 100, 500, 1000)


@dataclass(frozen=True)
class Field:
    """A property: JSON type and format, titles and descriptions by language, UCUM unit, role, allowed values.

    ``decimals`` are kept of a number; ``tile``: a tile carries it unless other properties are asked for.
    """

    name: str
    type: str
    title: Text
    description: Text
    format: str | None = None
    unit: str | None = None
    role: str | None = None
    values: tuple[str, ...] = ()
    decimals: int = 0
    tile: bool = False

    def schema(self, language: str = "en") -> dict[str, Any]:
        """JSON Schema of the property with the OGC keywords, in one language."""
        optional = {
            "format": self.format,
            "x-ogc-unit": self.unit,
            "x-ogc-unitLang": self.unit and "UCUM",
            "x-ogc-role": self.role,
            "enum": list(self.values) or None,
        }
        base = {"title": self.title[language], "description": self.description[language], "type": self.type}
        return base | {key: value for key, value in optional.items() if value is not None}


def _tonnes(name: str, ko: str, en: str, ko_text: str, en_text: str, *, tile: bool = True) -> Field:
    title, text = {"ko": ko, "en": en}, {"ko": ko_text, "en": en_text}
    return Field(name, "number", title, text, unit=TONNES, decimals=3, tile=tile)


def _half_width(name: str, ko: str, en: str) -> Field:
    return _tonnes(
        f"{name}_u95",
        f"{ko} 95 % 신뢰구간 반폭",
        f"{en}, 95 % half-width",
        "값 ± 반폭이 95 % 신뢰구간입니다. 레코드끼리 더할 수 없습니다.",
        "The value plus and minus this is the 95 % interval. Half-widths do not add up over records.",
    )


def _data_year(sector: str, ko: str, en: str) -> Field:
    return Field(
        f"data_year_{sector}",
        "integer",
        {"ko": f"{ko} 자료 연도", "en": f"Year of the {en} data"},
        {"ko": "기준 연도와 다를 때만 있습니다.", "en": "Only where it differs from the year of the record."},
    )


CELL_FIELDS = (
    Field(
        "cell_id", "string", {"ko": "격자 코드", "en": "Cell code"},
        {"ko": "INSPIRE/GISCO 형식: 좌표계, 크기, 남서쪽 모서리.", "en": "INSPIRE/GISCO: CRS, size, SW corner."},
        tile=True,
    ),
    Field(
        "kr_code", "string", {"ko": "국가격자 코드", "en": "Korean grid code"},
        {"ko": "국가지점번호 방식의 격자 이름.", "en": "Cell name in the manner of the Korean national point number."},
    ),
    Field(
        "unit_code", "string", {"ko": "행정구역 코드", "en": "Code of the unit"},
        {"ko": "격자에서 가장 넓은 최하위 행정구역.", "en": "The unit of the lowest level with most of the cell."},
    ),
    Field(
        "unit_name", "string", {"ko": "행정구역 이름", "en": "Name of the unit"},
        {"ko": "행정구역 코드가 가리키는 이름.", "en": "Name of the unit that the code stands for."},
    ),
    Field(
        "year", "integer", {"ko": "연도", "en": "Year"},
        {"ko": "값이 나타내는 해.", "en": "The year that the values hold for."}, tile=True,
    ),
    Field(
        "time_start", "string", {"ko": "기간 시작", "en": "Start of the period"},
        {"ko": "1월 1일 (UTC 관례).", "en": "1 January, UTC by convention."},
        format="date", role="primary-interval-start",
    ),
    Field(
        "time_end", "string", {"ko": "기간 끝", "en": "End of the period"},
        {"ko": "12월 31일 (UTC 관례).", "en": "31 December, UTC by convention."},
        format="date", role="primary-interval-end",
    ),
    Field(
        "area_m2", "number", {"ko": "경계 안 면적", "en": "Inside area"},
        {"ko": "격자에서 경계 안에 있는 부분의 측지 면적.", "en": "Geodesic area of the cell inside the boundary."},
        unit="m2", decimals=1,
    ),
    _tonnes(
        "emission_buildings", "건물 배출량", "Emissions of buildings",
        "건물의 연료와 전기·열 사용.", "Fuel burnt and electricity and heat used in buildings.",
    ),
    _tonnes(
        "emission_buildings_scope1", "건물 직접배출량", "Emissions of buildings, scope 1",
        "건물에서 태운 연료.", "Fuel burnt in buildings.",
    ),
    _tonnes(
        "emission_buildings_scope2", "건물 간접배출량", "Emissions of buildings, scope 2",
        "건물에서 쓴 전기와 열.", "Grid electricity and heat used in buildings.",
    ),
    _tonnes(
        "emission_transport", "수송 배출량", "Emissions of transport",
        "도로 구간의 교통.", "Traffic on road segments.",
    ),
    _tonnes(
        "emission_total", "총배출량", "Emissions in total",
        "알려진 부문의 합.", "Sum of the sectors that are known.",
    ),
    _tonnes(
        "absorption_forest", "산림 흡수량", "Absorption of forests",
        "생장에서 손실을 뺀 값, 흡수가 양수.", "Growth minus losses; uptake is positive.",
    ),
    _tonnes(
        "absorption_forest_gross", "산림 총흡수량", "Gross absorption of forests",
        "손실을 빼기 전의 생장.", "Growth before losses.", tile=False,
    ),
    _tonnes(
        "net", "순배출량", "Net emissions",
        "총배출량에서 산림 흡수량을 뺀 값.", "Emissions in total minus absorption of forests.",
    ),
    _half_width("emission_total", "총배출량", "Emissions in total"),
    _half_width("absorption_forest", "산림 흡수량", "Absorption of forests"),
    _half_width("net", "순배출량", "Net emissions"),
    Field(
        "quality", "integer", {"ko": "자료 품질", "en": "Data quality"},
        {"ko": "1이 가장 좋고 5가 가장 낮습니다.", "en": "1 is best, 5 is lowest."}, tile=True,
    ),
    Field(
        "status", "string", {"ko": "상태", "en": "Status"},
        {
            "ko": "ok: 모두 있음, partial: 일부 있음, missing: 모두 없음, masked: 원자료가 값을 감춤.",
            "en": "ok: nothing missing; partial: some known; missing: none known; masked: withheld by the source.",
        },
        values=("ok", "partial", "missing", "masked"), tile=True,
    ),
    Field(
        "missing", "string", {"ko": "빠진 부문", "en": "Missing sectors"},
        {"ko": "값이 없거나 불완전한 부문, 쉼표로 구분.", "en": "Sectors null or incomplete, comma-separated."},
        tile=True,
    ),
    _data_year("buildings", "건물", "buildings"),
    _data_year("transport", "수송", "transport"),
    _data_year("forest", "산림", "forest"),
    Field(
        "synthetic", "boolean", {"ko": "합성 자료", "en": "Synthetic"},
        {"ko": "실제 값이 아닌 합성 자료입니다.", "en": "Made-up data, not a record of a real place."}, tile=True,
    ),
)  # fmt: skip


def cell_fields(
    epsg: int, level: int, *, synthetic: bool, data_years: Collection[str] = (), units: bool = False
) -> tuple[Field, ...]:
    """The properties that the cells of a collection have: some only in Korea, some only where they say anything."""
    absent = {f"data_year_{s}" for s in SECTORS if s not in data_years}
    if epsg != 5179 or level not in KR_CODE_LEVELS:
        absent.add("kr_code")
    if not synthetic:
        absent.add("synthetic")
    if not units:
        absent |= {"unit_code", "unit_name"}
    return tuple(f for f in CELL_FIELDS if f.name not in absent)


PER_HA = {f"{f}_per_ha": f for f in ("emission_buildings", "emission_transport", "emission_total")} | {
    f"{f}_per_ha": f for f in ("absorption_forest", "net")
}
"""Figure by the name of its density."""


def _per_ha(name: str, of: Field) -> Field:
    return replace(
        of,
        name=name,
        title={"ko": f"{of.title['ko']}, 1 ha당", "en": f"{of.title['en']}, by hectare"},
        description={
            "ko": f"{of.description['ko']} 경계 안 면적 1 ha당 값.",
            "en": f"{of.description['en']} By hectare of inside area.",
        },
        unit=DENSITY,
        tile=False,
    )


def _of_units() -> tuple[Field, ...]:
    """The properties of units: those of cells without their codes, and what only units have."""
    own = {f.name: f for f in CELL_FIELDS if f.name not in ("cell_id", "kr_code")}
    code, name, area = own.pop("unit_code"), own.pop("unit_name"), own["area_m2"]
    own["area_m2"] = replace(
        area,
        description={
            "ko": "구역에서 경계 안에 있는 부분의 측지 면적.",
            "en": "Geodesic area of the unit inside the boundary.",
        },
    )
    head = (
        replace(
            code,
            description={
                "ko": "구역의 공식 코드. unallocated: 어느 구역에도 속하지 않는 양.",
                "en": "Official code of the unit; unallocated: what lies in none.",
            },
            tile=True,
        ),
        replace(name, description={"ko": "그 해의 공식 이름.", "en": "Official name in the year of the record."}),
        Field(
            "unit_level",
            "string",
            {"ko": "구역 단계", "en": "Level of the unit"},
            {"ko": "컬렉션 이름에 있는 단계.", "en": "The level that the collection is named after."},
        ),
    )
    coverage = Field(
        "coverage",
        "number",
        {"ko": "경계 안 비율", "en": "Share inside"},
        {
            "ko": "구역 면적 중 경계 안에 있는 비율. 1이면 구역 전체입니다.",
            "en": "Share of the unit's outline inside the boundary; 1: the whole unit.",
        },
        unit="1",
        decimals=6,
    )
    found: list[Field] = [*head]
    for field in own.values():
        found += [coverage, field] if field.name == "area_m2" else [field]
        found += [_per_ha(n, own[of]) for n, of in PER_HA.items()] if field.name == "net_u95" else []
    return tuple(found)


UNIT_FIELDS = _of_units()


def unit_fields(*, synthetic: bool, data_years: Collection[str] = ()) -> tuple[Field, ...]:
    """The properties that the units of a collection have."""
    absent = {f"data_year_{s}" for s in SECTORS if s not in data_years} | (set() if synthetic else {"synthetic"})
    return tuple(f for f in UNIT_FIELDS if f.name not in absent)


def named(fields: Iterable[Field]) -> dict[str, Field]:
    """Fields by name, in their order."""
    return {f.name: f for f in fields}
