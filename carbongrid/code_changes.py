# SPDX-License-Identifier: Apache-2.0
"""Codes of units change: what a code of any day is called on another. ``code_changes.csv`` of a country pack.

A change replaces the first digits and leaves the rest, so it holds for parcel numbers too, which begin with the code of
their unit. Codes that no change names stay as they are. Splits and mergers are no such changes and are not listed.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "countries"


@dataclass(frozen=True, order=True)
class CodeChange:
    """From ``on`` the digits ``new`` stand for what ``old`` stood for; names: of the unit of just these digits."""

    on: date
    old: str
    new: str
    old_name: str
    new_name: str


@lru_cache(maxsize=8)
def code_changes(country: str) -> tuple[CodeChange, ...]:
    """Changes of a country by date; none where its pack lists none."""
    path = FOLDER / country / "code_changes.csv"
    if not path.exists():
        return ()
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines(), strict=True)
    return tuple(
        sorted(
            CodeChange(date.fromisoformat(r["date"]), r["old"], r["new"], r["old_name"], r["new_name"]) for r in rows
        )
    )


def as_of(code: str, day: date, changes: Sequence[CodeChange]) -> str:
    """A code of any day as it reads on ``day``; longer codes keep the digits behind."""
    for change in reversed(changes):
        if change.on > day and code.startswith(change.new):
            code = change.old + code[len(change.new) :]
    for change in changes:
        if change.on <= day and code.startswith(change.old):
            code = change.new + code[len(change.old) :]
    return code


def all_as_of(codes: NDArray[np.object_], day: date, changes: Sequence[CodeChange]) -> NDArray[np.object_]:
    """:func:`as_of` of every code of an object array, None staying None."""
    digits = max((len(c.old) for c in changes), default=0)
    heads: dict[str, str] = {}

    def read(code: str | None) -> str | None:
        if code is None:
            return None
        head = code[:digits]
        if head not in heads:
            heads[head] = as_of(head, day, changes)
        return heads[head] + code[digits:]

    out = np.empty(len(codes), object)
    out[:] = [read(code) for code in codes.tolist()]
    return out


def names_as_of(day: date, changes: Sequence[CodeChange]) -> dict[str, str]:
    """Names, by code, of the units that a change is about, as they are called on ``day``."""
    return {c.new if c.on <= day else c.old: c.new_name if c.on <= day else c.old_name for c in changes}


def year_end(year: int) -> date:
    """The day whose codes a year's inventory carries."""
    return date(year, 12, 31)
