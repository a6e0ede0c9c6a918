# SPDX-License-Identifier: Apache-2.0
"""Values of OpenStreetMap tags as numbers: what mappers write, not only what the wiki asks for.

Each reader returns float64 with NaN = missing and the number of values that were not understood.
Several values (``2;3``) count as their mean. Zero and negative values are missing.
"""

import re
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

type Read = tuple[NDArray[np.float64], int]

_NUMBER = r"([+-]?\d+(?:[.,]\d+)?)"
_LENGTH = re.compile(rf"~?{_NUMBER}\s*(m|metres?|meters?|м|ft|feet|')?")
_FEET_INCHES = re.compile(r"(\d+)\s*'\s*(\d+)\s*(?:\"|'')")
_SPEED = re.compile(rf"(?:[A-Z]{{2}}:(?:zone:?)?)?{_NUMBER}\s*(km/h|kmh|kph|mph|knots)?")
_FOOT, _INCH = 0.3048, 0.0254
_KMH = {"mph": 1.609344, "knots": 1.852}
_ZONES = {
    "RU:urban": 60.0,
    "RU:rural": 90.0,
    "RU:motorway": 110.0,
    "RU:living_street": 20.0,
    "DE:urban": 50.0,
    "DE:rural": 100.0,
    "DE:living_street": 7.0,
    "walk": 5.0,
}
"""Limits that a tag names instead of stating. Other countries' zones are not understood, and counted."""
_UNLIMITED = ("none", "signals", "variable", "DE:motorway")
_FORWARD, _BOTH = ("yes", "true", "1", "-1", "reverse"), ("no", "false", "0", "reversible", "alternating")


def metres(values: Iterable[str | None]) -> Read:
    """Lengths: ``12``, ``12 m``, ``12,5``, ``40 ft``, ``40'``, ``12'6"``."""
    return _read(values, _metres)


def counts(values: Iterable[str | None]) -> Read:
    """Counts such as lanes and storeys: ``4``, ``2.5``, ``2;3``."""
    return _read(values, _plain)


def kilometres_per_hour(values: Iterable[str | None]) -> Read:
    """Speed limits: ``50``, ``60 mph``, ``RU:urban``, ``DE:zone:30``; ``none`` is missing, not unreadable."""
    return _read(values, _speed, silent=_UNLIMITED)


def years(values: Iterable[str | None]) -> Read:
    """The year of a date: ``1988``, ``1988-08-31``, ``~1930``."""
    return _read(values, _year)


def oneway(
    values: Iterable[str | None], highway: Iterable[str | None], junction: Iterable[str | None]
) -> NDArray[np.float64]:
    """1.0 one-way, 0.0 both ways. Untagged roads are two-way, motorways and roundabouts one-way (as tagged)."""
    rows = zip(values, highway, junction, strict=True)
    return np.array([_direction(*row) for row in rows], np.float64)


def _direction(value: str | None, highway: str | None, junction: str | None) -> float:
    if value in _FORWARD:
        return 1.0
    implied = highway in ("motorway", "motorway_link") or junction in ("roundabout", "circular")
    return 1.0 if implied and value not in _BOTH else 0.0


def _read(values: Iterable[str | None], parse: Callable[[str], float], silent: tuple[str, ...] = ()) -> Read:
    texts = [v.strip() if v else "" for v in values]
    known = {text: _mean(text, parse) for text in set(texts)}
    numbers = np.array([known[text] for text in texts], np.float64)
    bad = sum(1 for text in texts if text and text not in silent and np.isnan(known[text]))
    return np.where(numbers > 0, numbers, np.nan), bad


def _mean(text: str, parse: Callable[[str], float]) -> float:
    return float(np.mean([parse(part.strip()) for part in text.split(";")])) if text else np.nan


def _plain(text: str) -> float:
    return float(text.replace(",", ".")) if re.fullmatch(_NUMBER, text) else np.nan


def _metres(text: str) -> float:
    if match := _FEET_INCHES.fullmatch(text):
        return int(match[1]) * _FOOT + int(match[2]) * _INCH
    if match := _LENGTH.fullmatch(text):
        return _plain(match[1]) * (_FOOT if match[2] in ("ft", "feet", "'") else 1.0)
    return np.nan


def _speed(text: str) -> float:
    if text in _ZONES:
        return _ZONES[text]
    match = _SPEED.fullmatch(text)
    return _plain(match[1]) * _KMH.get(match[2], 1.0) if match else np.nan


def _year(text: str) -> float:
    match = re.fullmatch(r"~?(1[0-9]\d\d|20\d\d)(-\d\d){0,2}", text)
    return float(match[1]) if match else np.nan
