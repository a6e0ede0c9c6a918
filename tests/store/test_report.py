# SPDX-License-Identifier: Apache-2.0
"""Reports: no object and no metre may vanish, and their JSON is stable."""

import json
from dataclasses import replace
from typing import Any

import pytest

from carbonstore.report import JoinReport, KindReport, Repair, SourceReport

ROADS = KindReport(
    kind="roads",
    raw=12,
    unread={"area, not a line": 2},
    read=10,
    used=7,
    rejected={"outside the boundary": 1, "class without motor traffic": 2},
    measure_read=1_000.0,
    measure_used=700.0,
    rejected_measure={"outside the boundary": 100.0, "class without motor traffic": 150.0},
    clipped={"extent": 20.0, "boundary": 30.0},
)
JOIN = JoinReport(
    key="pnu",
    read=24,
    used=12,
    rejected={"other year": 12},
    left=4,
    matched=3,
    left_orphans=1,
    right=9,
    right_orphans=2,
    partial=0,
    left_sums={"electricity_kwh": 100.0},
    matched_sums={"electricity_kwh": 90.0},
)


def test_the_sums_of_a_report_hold() -> None:
    assert ROADS.unit == "m"
    assert ROADS.clipped_measure == 50.0
    assert ROADS.gap == 0.0
    assert JOIN.matched_share == 0.75


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rejected": {"lost": 3}}, r"no text for the reasons \['lost'\]"),
        ({"raw": 13}, "raw 13 is not read 10"),
        ({"used": 8}, "read 10 is not used 8"),
        ({"measure_used": 690.0}, "10.0 m of 1000.0 vanished"),
        ({"overlap_removed": 5.0}, "-5.0 m of 1000.0 vanished"),
    ],
)
def test_a_report_that_loses_something_cannot_be_made(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ROADS, **change)


@pytest.mark.parametrize("change", [{"used": 11}, {"matched": 2}])
def test_a_join_that_loses_something_cannot_be_made(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="join: "):
        replace(JOIN, **change)


def test_json_is_stable_in_order_and_rounded_to_millimetres() -> None:
    noisy = replace(ROADS, measure_used=700.0000001, clipped={"boundary": 30.0, "extent": 19.9999999})
    assert json.dumps(noisy.as_dict()) == json.dumps(ROADS.as_dict())
    assert list(ROADS.as_dict()["rejected"]) == ["class without motor traffic", "outside the boundary"]


def test_a_source_s_report_is_json_and_names_no_path() -> None:
    forests = replace(ROADS, kind="forests", repairs=(Repair("a", 2.0, 1.0),), notes=("noted",))
    report = SourceReport(
        "town.gpkg", "table", "CC0-1.0", "Test", True, "EPSG:5186", "Inverse of …", "cp949", (forests,), JOIN
    )
    parsed = json.loads(json.dumps(report.as_dict()))
    assert (parsed["name"], parsed["synthetic"], parsed["encoding"]) == ("town.gpkg", True, "cp949")
    assert parsed["kinds"][0]["repairs"] == [{"id": "a", "before": 2.0, "after": 1.0}]
    assert parsed["join"]["matched_share"] == 0.75


def test_a_report_in_one_sentence_in_both_languages() -> None:
    english = "roads: 10 read (1.0 km), 7 used, left out: class without motor traffic 2, outside the boundary 1"
    assert ROADS.sentence("en") == english
    korean = "도로: 읽음 10개 (1.0 km), 사용 7개, 제외: 차량 통행이 없는 등급 2, 경계 밖 1"
    assert ROADS.sentence("ko") == korean
    assert replace(ROADS, kind="buildings", measure_read=1_000.0).sentence() == english.replace(
        "roads", "buildings"
    ).replace("1.0 km", "0.001 km²")
