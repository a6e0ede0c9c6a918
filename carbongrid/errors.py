# SPDX-License-Identifier: Apache-2.0
"""Errors in the domain's words: what is wrong, where, and what is allowed.

Every message is written for the person who made the request; nothing internal goes in.
One table (``carbonstore.errors``) turns the classes into OGC exceptions.
"""

from collections.abc import Iterable
from difflib import get_close_matches

NAME_LENGTH, WHAT_LENGTH = 64, 600
"""Characters of a sender's own text that an error repeats, and of a whole message."""


def brief(text: str, length: int = NAME_LENGTH) -> str:
    """The text, or where it is longer its beginning and end around an ellipsis."""
    return text if len(text) <= length else f"{text[: length - length // 4 - 1]}…{text[-(length // 4) :]}"


class CarbongridError(Exception):
    """Base of every error that a client may read."""

    def __init__(self, what: str, *, where: str = "", allowed: Iterable[object] = ()) -> None:
        self.what, self.where = brief(what, WHAT_LENGTH), brief(where, WHAT_LENGTH)
        self.allowed = tuple(str(a) for a in allowed)
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The whole message on one line: where, what, allowed values."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head} (allowed: {', '.join(self.allowed)})" if self.allowed else head


class InvalidInput(CarbongridError):
    """The request, file or argument is wrong; the sender can mend it."""


class UnknownName(InvalidInput):
    """A key, column or value that does not exist; suggests the nearest one that does."""

    def __init__(self, name: str, known: Iterable[str], *, kind: str = "name", where: str = "") -> None:
        known = sorted(known)
        near = get_close_matches(name, known, 1, 0.5) if len(name) <= NAME_LENGTH else []
        hint = f", did you mean '{near[0]}'?" if near else ""
        super().__init__(f"unknown {kind} '{brief(name)}'{hint}", where=where, allowed=known)


class NotFound(CarbongridError):
    """The named thing does not exist here."""


class Gone(CarbongridError):
    """The named edition was published once and is no longer kept."""


class TooLarge(CarbongridError):
    """The input exceeds a stated limit."""


class Corrupt(CarbongridError):
    """A release or edition on disk is not what its manifest says."""
