# SPDX-License-Identifier: Apache-2.0
"""The parameter ``datetime``: dates, date-times and intervals of RFC 3339 against whole calendar years.

A value holds for [Y-01-01, Y-12-31], UTC by convention, and matches by intersection (OGC 17-069r4, 7.15.3).
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime

from carbongrid.errors import InvalidInput

FORMS = ("2023-07-01", "2023-07-01T00:00:00Z", "2022-01-01/2023-12-31", "2023-01-01/..", "../2022-12-31")
_FORM = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?", re.ASCII)
_OPEN = ("", "..")


def matching_years(text: str | None, years: Iterable[int]) -> tuple[int, ...]:
    """The years, in order, that a ``datetime`` meets: all of them for None, none where it lies outside.

    InvalidInput names the accepted forms for anything else, also for a bare year.
    """
    if text is None:
        return tuple(years)
    first, last = _span(text)
    return tuple(y for y in years if first <= y <= last)


def _span(text: str) -> tuple[int, int]:
    """First and last year that an instant or interval touches."""
    start, slash, end = text.partition("/")
    if not slash:
        year = _day(text).year
        return year, year
    first = date.min if start in _OPEN else _day(start)
    last = date.max if end in _OPEN else _day(end)
    if first > last:
        raise InvalidInput(f"the interval '{text}' ends before it starts", where="datetime")
    return first.year, last.year


def _day(text: str) -> date:
    """Calendar day in UTC of a full date or a date-time.

    The year 0000, with which QGIS begins an open interval, is a year of RFC 3339 but none of Python's: the first day of
    the calendar stands for its days, which are those of a leap year.
    """
    upper = text.upper().replace(" ", "+")  # a plus sign that the client did not encode
    if upper.startswith("0000-"):
        return min(_day(f"0004{upper[4:]}"), date.min)
    if _FORM.fullmatch(upper):
        with suppress(ValueError, OverflowError):  # 2023-02-30, or the end of the calendar in another zone
            moment = datetime.fromisoformat(upper)
            return moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()
    raise InvalidInput(f"'{text}' is not a date or date-time of RFC 3339", where="datetime", allowed=FORMS)
