# SPDX-License-Identifier: Apache-2.0
"""A TOML table whose every access is checked and whose every error names the key and what is allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from carbongrid.errors import InvalidInput, UnknownName


@dataclass(frozen=True)
class Keys:
    """One table of the file. ``place`` names it in messages (``city.toml: source 1``), paths start at ``folder``."""

    table: Mapping[str, Any]
    place: str
    folder: Path

    def __contains__(self, key: str) -> bool:
        return key in self.table

    def at(self, key: str) -> str:
        """The key's full name for a message."""
        return f"{self.place}.{key}"

    def only(self, known: Sequence[str]) -> None:
        """UnknownName (with the nearest known key) where the table holds any other key."""
        for key in self.table:
            if key not in known:
                raise UnknownName(key, known, kind="key", where=self.place)

    def required(self, key: str, allowed: Sequence[object]) -> Any:
        """The value of a key that must be there."""
        if key not in self.table:
            raise InvalidInput("is missing", where=self.at(key), allowed=allowed)
        return self.table[key]

    def text(self, key: str, allowed: Sequence[str]) -> str:
        """Text that must be there and hold something."""
        value = self.required(key, allowed)
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput("must be text", where=self.at(key), allowed=allowed)
        return value

    def maybe(self, key: str, allowed: Sequence[str]) -> str | None:
        """Text, or None where the key is absent."""
        return self.text(key, allowed) if key in self.table else None

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of the allowed values; ``default`` where the key is absent, which is an error without a default."""
        if default is not None and key not in self.table:
            return default
        value = self.text(key, allowed)
        if value not in allowed:
            raise UnknownName(value, allowed, kind="value", where=self.at(key))
        return value

    def choices(self, key: str, allowed: Sequence[str]) -> tuple[str, ...]:
        """A list of some of the allowed values, returned in their order."""
        value = self.required(key, allowed)
        if not isinstance(value, list) or not value:
            raise InvalidInput("must be a list", where=self.at(key), allowed=allowed)
        for item in value:
            if item not in allowed:
                raise UnknownName(str(item), allowed, kind="value", where=self.at(key))
        return tuple(a for a in allowed if a in value)

    def flag(self, key: str) -> bool:
        """True or false; false where absent."""
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            raise InvalidInput("must be true or false", where=self.at(key), allowed=["true", "false"])
        return value

    def year(self, key: str) -> int:
        """A year of an inventory."""
        return checked_year(self.required(key, [years_allowed()]), self.at(key))


FIRST_YEAR = 1990


def checked_year(value: object, place: str) -> int:
    """A whole year from 1990 (the base year of the UNFCCC) to next year; InvalidInput otherwise."""
    if not isinstance(value, int) or isinstance(value, bool) or not FIRST_YEAR <= value <= _next_year():
        raise InvalidInput(f"{value!r} is no year of an inventory", where=place, allowed=[years_allowed()])
    return value


def years_allowed() -> str:
    """The allowed years as text."""
    return f"{FIRST_YEAR} .. {_next_year()}"


def _next_year() -> int:
    return datetime.now(UTC).year + 1
