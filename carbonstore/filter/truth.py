# SPDX-License-Identifier: Apache-2.0
"""Three-valued outcomes and ranges of values, for rows and for blocks of rows alike.

A row has one outcome: true, false or unknown (a null took part; CQL2 section 6). A block of rows may hold several. Both
are written as three masks of *possible* outcomes, and the rules below hold for both, so a filter is evaluated by the
same code on rows (the answer) and on the least and greatest values of blocks (which rows need looking at).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """Which outcomes are possible, by row or block; of a row exactly one is."""

    true: Mask
    false: Mask
    unknown: Mask

    @classmethod
    def constant(cls, value: bool | None, size: int) -> Self:
        """The same outcome everywhere; None = unknown."""
        yes, no = np.ones(size, np.bool_), np.zeros(size, np.bool_)
        return cls(yes if value is True else no, yes if value is False else no, yes if value is None else no)

    @classmethod
    def anything(cls, size: int) -> Self:
        """Nothing is known of these blocks."""
        yes = np.ones(size, np.bool_)
        return cls(yes, yes, yes)

    @classmethod
    def where(cls, true: Mask, known: Mask) -> Self:
        """Of rows: true or false where known."""
        return cls(true & known, ~true & known, ~known)

    @property
    def masks(self) -> tuple[Mask, Mask, Mask]:
        """All three."""
        return self.true, self.false, self.unknown

    def __invert__(self) -> "Truth":
        """NOT: unknown stays unknown."""
        return Truth(self.false, self.true, self.unknown)

    def __and__(self, other: "Truth") -> "Truth":
        """AND: false as soon as one side is, else unknown as soon as one side is."""
        unknown = (self.unknown & (other.unknown | other.true)) | (other.unknown & self.true)
        return Truth(self.true & other.true, self.false | other.false, unknown)

    def __or__(self, other: "Truth") -> "Truth":
        """OR, by De Morgan."""
        return ~(~self & ~other)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers by row or block: least and greatest value, and whether there may be a null or a value at all.

    Of a row ``low is high``. Where there is no value the bounds mean nothing. A literal has arrays of one element.
    """

    low: Floats
    high: Floats
    null: Mask
    value: Mask

    @classmethod
    def exact(cls, values: Floats, null: Mask) -> Self:
        """The numbers of rows."""
        return cls(values, values, null, ~null)

    @classmethod
    def literal(cls, value: float) -> Self:
        """One number for every row or block."""
        return cls.exact(np.array([value]), np.zeros(1, np.bool_))

    @classmethod
    def anything(cls, size: int) -> Self:
        """Nothing is known of these blocks."""
        yes, infinite = np.ones(size, np.bool_), np.full(size, np.inf)
        return cls(-infinite, infinite, yes, yes)

    def less(self, other: "Range", *, or_equal: bool = False) -> Truth:
        """Is it less than the other (or equal)?"""
        if or_equal:
            return ~other.less(self)
        known = self.value & other.value
        true = self.low < other.high
        exact = self.low is self.high and other.low is other.high
        false = ~true if exact else self.high >= other.low
        return Truth(known & true, known & false, self.null | other.null)

    def equal(self, other: "Range") -> Truth:
        """Is it equal to the other?"""
        known = self.value & other.value
        meet = (self.low <= other.high) & (other.low <= self.high)
        only = meet & (self.low == self.high) & (other.low == other.high)
        return Truth(known & meet, known & ~only, self.null | other.null)

    def among(self, values: Floats) -> Truth:
        """Is it one of these, which ascend?"""
        hit = np.searchsorted(values, self.high, "right") > np.searchsorted(values, self.low, "left")
        only = hit & (self.low == self.high)
        return Truth(self.value & hit, self.value & ~only, self.null)

    def nulls(self) -> Truth:
        """Is it null? Never unknown."""
        return Truth(self.null, self.value, np.zeros_like(self.null))


def calculated(operator: str, a: Range, b: Range) -> Range:
    """``a operator b`` in double precision; what is not finite (a division by zero) is null.

    Rounding is monotone, so bounds of + - * bound every rounded result; of other operators nothing is known of a block.
    """
    operation, null, value = _OPERATIONS[operator], a.null | b.null, a.value & b.value
    with np.errstate(all="ignore"):
        if a.low is a.high and b.low is b.high:
            result = operation(a.low, b.low)
            return Range.exact(np.where(np.isfinite(result), result, 0.0), null | ~np.isfinite(result))
        if operator not in ("+", "-", "*"):
            return Range.anything(np.broadcast(a.low, b.low).size)
        pairs = [(a.low, b.low), (a.low, b.high), (a.high, b.low), (a.high, b.high)]
        corners = np.stack([np.broadcast_to(operation(x, y), null.shape) for x, y in pairs])
    wild = ~np.isfinite(corners).all(axis=0)
    low = np.where(wild, -np.inf, corners.min(axis=0))
    return Range(low, np.where(wild, np.inf, corners.max(axis=0)), null | wild, value)


_OPERATIONS: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "div": lambda a, b: np.trunc(a / b),
    "^": np.power,
}
"""Operators on arrays; ``%`` takes the sign of the dividend and ``div`` cuts towards zero, as in SQL."""
