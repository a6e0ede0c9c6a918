# SPDX-License-Identifier: Apache-2.0
"""Codes of 강원 (2023-06-11), 군위 (2023-07-01) and 전북 (2024-01-18) on either side of their change."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carbongrid.code_changes import CodeChange, all_as_of, as_of, code_changes, names_as_of, year_end

KOR = code_changes("kor")


@pytest.mark.parametrize(
    ("before", "after", "last_day", "first_day"),
    [
        ("42110", "51110", date(2023, 6, 10), date(2023, 6, 11)),
        ("4277025021", "5177025021", date(2023, 6, 10), date(2023, 6, 11)),
        ("47720", "27720", date(2023, 6, 30), date(2023, 7, 1)),
        ("4772025021100010000", "2772025021100010000", date(2023, 6, 30), date(2023, 7, 1)),
        ("45111", "52111", date(2024, 1, 17), date(2024, 1, 18)),
    ],
)
def test_a_code_of_either_era_reads_as_that_of_the_day(
    before: str, after: str, last_day: date, first_day: date
) -> None:
    assert [as_of(code, last_day, KOR) for code in (before, after)] == [before, before]
    assert [as_of(code, first_day, KOR) for code in (before, after)] == [after, after]


def test_codes_that_no_change_names_stay() -> None:
    for code in ("36110", "47730", "27110", "4", ""):
        assert as_of(code, date(2025, 1, 1), KOR) == as_of(code, date(2020, 1, 1), KOR) == code


def test_a_column_of_parcels_is_read_as_one() -> None:
    mixed = np.array(["4211010100100010000", None, "5211110100100010000", "3611010100100010000"], object)
    assert all_as_of(mixed, year_end(2023), KOR).tolist() == [
        "5111010100100010000",
        None,
        "4511110100100010000",
        "3611010100100010000",
    ]


def test_names_follow_the_day() -> None:
    assert names_as_of(year_end(2022), KOR) == {"42": "강원도", "47720": "군위군", "45": "전라북도"}
    assert names_as_of(year_end(2023), KOR) == {"51": "강원특별자치도", "27720": "군위군", "45": "전라북도"}


def test_a_code_that_changed_twice_goes_both_steps() -> None:
    twice = (CodeChange(date(2000, 1, 1), "1", "2", "a", "b"), CodeChange(date(2010, 1, 1), "2", "3", "b", "c"))
    assert [as_of("19", date(y, 6, 1), twice) for y in (1999, 2005, 2015)] == ["19", "29", "39"]
    assert [as_of("39", date(y, 6, 1), twice) for y in (1999, 2005, 2015)] == ["19", "29", "39"]


def test_countries_without_changes_have_none() -> None:
    assert code_changes("uzb") == ()
    assert as_of("1708201", date(2024, 1, 1), ()) == "1708201"


@given(st.text("0123456789", min_size=5, max_size=19), st.dates(), st.dates())
def test_reading_twice_is_reading_once(code: str, first: date, second: date) -> None:
    assert as_of(as_of(code, first, KOR), second, KOR) == as_of(code, second, KOR)
