# SPDX-License-Identifier: Apache-2.0
"""Inputs of activity data, as ``estimate-region`` declares them."""

from carbongrid.factors import countries as packs
from carbonstore.activity import ACTIVITY
from carbonstore.inventory.inventory_file import countries
from processes.base import MIB, Input
from processes.schema import Array, Declared, Json, Object, OneOf, Text
from processes.uploads.files import CSV, GEOJSON, GEOPACKAGE

MAX_TABLE = 50 * MIB
"""Limit of a table of activity data after decoding (contract, section 6)."""
_KINDS = {
    "buildings": {"ko": "건물", "en": "Buildings"},
    "roads": {"ko": "도로", "en": "Roads"},
    "forests": {"ko": "산림", "en": "Forests"},
}


def features() -> Json:
    """JSON schema of a table as GeoJSON."""
    kind: Json = {"type": "string", "enum": ["FeatureCollection"]}
    members: Json = {"type": kind, "features": {"type": "array", "items": {"type": "object"}, "minItems": 1}}
    return {"type": "object", "properties": members, "required": ["type", "features"]}


def _table(kind: str) -> Input:
    names = ", ".join(ACTIVITY[kind])
    return Input(
        Declared(features),
        _KINDS[kind],
        {
            "ko": f"활동자료: GeoJSON, 또는 파일(GeoPackage, GeoJSON, CSV). 50 MiB, 200,000행 이하. 열: {names}.",
            "en": f"Activity data: GeoJSON, or a file (GeoPackage, GeoJSON, CSV); up to 50 MiB, 200,000 rows. "
            f"Columns: {names}.",
        },
        min_occurs=0,
        placed=True,
        media_types=(GEOJSON,),
        files=(GEOPACKAGE, GEOJSON, CSV),
        max_bytes=MAX_TABLE,
    )


_NAMES = OneOf((Array(Text(max_length=64), 1, 100), Object(open=True)))
ACTIVITY_INPUTS = {kind: _table(kind) for kind in _KINDS} | {
    "columns": Input(
        Object(dict.fromkeys(_KINDS, _NAMES)),
        {"ko": "열 이름", "en": "Columns"},
        {
            "ko": '열 이름 대응: {"buildings": {"floor_area_m2": "A14"}}. 머리글 없는 CSV는 이름 목록.',
            "en": 'Which column is which: {"buildings": {"floor_area_m2": "A14"}}; a list for CSV without a header.',
        },
        min_occurs=0,
    ),
    "country": Input(
        Text(tuple(sorted(countries()))),
        {"ko": "나라", "en": "Country"},
        {
            "ko": "배출계수와 격자 좌표계를 정하는 나라. 지역이 그 안에 있어야 한다.",
            "en": "Country that the region lies in; brings factors and the grid's CRS.",
        },
        min_occurs=0,
    ),
    "factors": Input(
        Text(packs()),
        {"ko": "배출계수", "en": "Factors"},
        {
            "ko": "배출계수 묶음. 기본값은 나라의 것. ipcc는 어디서나 쓸 수 있다.",
            "en": "Pack of factors, by default the country's; ipcc holds anywhere.",
        },
        min_occurs=0,
    ),
    "crs": Input(
        Text(max_length=16),
        {"ko": "격자 좌표계", "en": "CRS of the grid"},
        {
            "ko": "미터 단위 투영 좌표계, 예: EPSG:25832. 기본값은 나라의 좌표계, 나라가 없으면 UTM.",
            "en": "Projected, in metres, e.g. EPSG:25832; by default the country's, without one the UTM zone.",
        },
        min_occurs=0,
    ),
    "source_crs": Input(
        Object(dict.fromkeys(_KINDS, Text(max_length=16))),
        {"ko": "자료의 좌표계", "en": "CRS of the data"},
        {
            "ko": '좌표계를 밝히지 않은 자료의 좌표계: {"roads": "EPSG:5186"}.',
            "en": 'CRS of data that do not state their own: {"roads": "EPSG:5186"}.',
        },
        min_occurs=0,
    ),
}
"""By id, in the order they are declared."""
