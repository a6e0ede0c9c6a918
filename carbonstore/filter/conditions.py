# SPDX-License-Identifier: Apache-2.0
"""A checked filter as conditions that can be evaluated on a view: rows or blocks (see ``truth``)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Protocol

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.filter.source import Blocks, Ints, Rows, Source, View
from carbonstore.filter.truth import Floats, Mask, Range, Truth, calculated


class Condition(Protocol):
    """Something that is true, false or unknown."""

    def outcome(self, view: View) -> Truth:
        """By row or block."""
        ...

    def candidates(self, source: Source) -> Ints | None:
        """Rows among which are all where it is true, ascending; None where that is not known without a search."""
        ...


class Anywhere:
    """A condition that gives no hint where it is true."""

    def candidates(self, _source: Source) -> Ints | None:
        """Any row."""
        return None


class Numeric(Protocol):
    """An expression whose values are numbers; dates count as days since 1970."""

    def range(self, view: View) -> Range:
        """By row or block."""
        ...


@dataclass(frozen=True)
class Value:
    """A number."""

    value: float

    def range(self, _view: View) -> Range:
        """The same everywhere."""
        return Range.literal(self.value)


@dataclass(frozen=True)
class NumberOf:
    """A property that holds numbers."""

    name: str

    def range(self, view: View) -> Range:
        """Its values."""
        return view.numbers(self.name)


@dataclass(frozen=True)
class DayOf:
    """A property that holds dates, as days since 1970-01-01."""

    name: str

    def range(self, view: View) -> Range:
        """Its values."""
        texts = view.texts(self.name)
        if texts is None:
            return Range.anything(view.size)
        days = np.array([*texts.texts], "datetime64[D]").astype(np.float64)
        return texts.numbers(days)


@dataclass(frozen=True)
class Arithmetic:
    """Two numbers and an operator."""

    operator: str
    left: Numeric
    right: Numeric

    def range(self, view: View) -> Range:
        """The results."""
        return calculated(self.operator, self.left.range(view), self.right.range(view))


@dataclass(frozen=True)
class Text:
    """A property that holds texts, or a literal where ``name`` is None, folded (case, accents) from the inside out."""

    name: str | None
    literal: str = ""
    folds: tuple[Callable[[str], str], ...] = ()

    def fold(self, text: str) -> str:
        """A text as it is compared."""
        return reduce(lambda t, f: f(t), self.folds, text)

    @property
    def constant(self) -> str | None:
        """The literal as it is compared; None of a property."""
        return self.fold(self.literal) if self.name is None else None


@dataclass(frozen=True)
class Constant(Anywhere):
    """The same outcome everywhere; None = unknown."""

    value: bool | None

    def outcome(self, view: View) -> Truth:
        """The constant."""
        return Truth.constant(self.value, view.size)


@dataclass(frozen=True)
class Compared(Anywhere):
    """Two numbers compared by ``=`` or ``<``; the other operators are made of them."""

    operator: str
    left: Numeric
    right: Numeric

    def outcome(self, view: View) -> Truth:
        """By their values."""
        left, right = self.left.range(view), self.right.range(view)
        truth = left.equal(right) if self.operator == "=" else left.less(right)
        return _spread(truth, view.size)


@dataclass(frozen=True)
class Among(Anywhere):
    """A number that is one of several, ascending."""

    left: Numeric
    values: Floats

    def outcome(self, view: View) -> Truth:
        """By its value."""
        return _spread(self.left.range(view).among(self.values), view.size)


@dataclass(frozen=True)
class Missing(Anywhere):
    """Is a number null?"""

    of: Numeric

    def outcome(self, view: View) -> Truth:
        """By its value."""
        return _spread(self.of.range(view).nulls(), view.size)


@dataclass(frozen=True)
class Tested:
    """A text that passes a test; ``equals``: the only texts that do, where they are known."""

    name: str
    fold: Callable[[str], str]
    test: Callable[[str], bool]
    equals: tuple[str, ...] | None = None

    def outcome(self, view: View) -> Truth:
        """Of each distinct text once."""
        texts = view.texts(self.name)
        if texts is None:
            return Truth.anything(view.size)
        table = np.fromiter((self.test(self.fold(t)) for t in texts.texts), np.bool_, len(texts.texts))
        return texts.outcome(table)

    def candidates(self, source: Source) -> Ints | None:
        """Codes are found without a search."""
        return None if self.equals is None else source.lookup(self.name, self.equals)


@dataclass(frozen=True)
class MissingText(Anywhere):
    """Is a property that holds texts null?"""

    name: str

    def outcome(self, view: View) -> Truth:
        """Known of rows, and of blocks whose texts are known."""
        texts = view.texts(self.name)
        if texts is None:
            return Truth.anything(view.size)
        value = ~texts.null if isinstance(view, Rows) else texts.outcome(np.ones(len(texts.texts), np.bool_)).true
        return Truth(texts.null, value, np.zeros(view.size, np.bool_))


@dataclass(frozen=True)
class Flag(Anywhere):
    """A property that is true or false."""

    name: str

    def outcome(self, view: View) -> Truth:
        """By its value."""
        texts = view.texts(self.name)
        if texts is None:
            return Truth.anything(view.size)
        return texts.outcome(np.array([t == "true" for t in texts.texts], np.bool_))


@dataclass(frozen=True)
class PairOfTexts(Anywhere):
    """Two properties that hold texts, compared by ``=`` or ``<`` of their code points."""

    operator: str
    left: Text
    right: Text

    def outcome(self, view: View) -> Truth:
        """Row by row; nothing is known of blocks."""
        if isinstance(view, Blocks):
            return Truth.anything(view.size)
        (a, known_a), (b, known_b) = self._side(self.left, view), self._side(self.right, view)
        return Truth.where(np.asarray(a == b if self.operator == "=" else a < b, np.bool_), known_a & known_b)

    @staticmethod
    def _side(text: Text, rows: Rows) -> tuple[NDArray[np.str_], Mask]:
        assert text.name is not None
        found = rows.texts(text.name)
        table = np.array([*map(text.fold, found.texts), ""], np.str_)
        return table[found.labels.codes], ~found.null


RELATIONS: dict[str, Callable[..., Mask]] = {
    "INTERSECTS": shapely.intersects,
    "DISJOINT": shapely.disjoint,
    "CONTAINS": shapely.contains,
    "WITHIN": shapely.within,
    "TOUCHES": shapely.touches,
    "CROSSES": shapely.crosses,
    "OVERLAPS": shapely.overlaps,
    "EQUALS": shapely.equals,
}
MIRRORED = {"CONTAINS": "WITHIN", "WITHIN": "CONTAINS"}
"""The relation of b to a where it is not that of a to b."""


@dataclass(frozen=True, eq=False)
class Related:
    """The geometry of a row stands in a relation to a literal."""

    relation: str
    shape: shapely.Geometry

    def outcome(self, view: View) -> Truth:
        """Exactly, of the rows nearby; all others lie apart."""
        if isinstance(view, Blocks):
            return Truth.anything(view.size)
        places = view.places(self.shape)
        if places is None:
            return self._of(view)
        true = np.full(view.size, self.relation == "DISJOINT")
        unknown = np.zeros(view.size, np.bool_)
        near = self._of(view.pick(places))
        true[places], unknown[places] = near.true, near.unknown
        return Truth.where(true, ~unknown)

    def _of(self, rows: Rows) -> Truth:
        shapes = rows.shapes()
        # a prepared geometry is quick on the left side only
        mirrored = RELATIONS[MIRRORED.get(self.relation, self.relation)](self.shape, shapes)
        return Truth.where(np.asarray(mirrored, np.bool_), ~shapely.is_missing(shapes))

    def candidates(self, source: Source) -> Ints | None:
        """Rows near the literal, unless it asks for those apart."""
        if self.relation == "DISJOINT":
            return None
        west, south, east, north = shapely.bounds(self.shape)
        return source.near((west, south, east, north))


@dataclass(frozen=True)
class NoShape(Anywhere):
    """Has a row no geometry?"""

    def outcome(self, view: View) -> Truth:
        """Row by row."""
        if isinstance(view, Blocks):
            return Truth.anything(view.size)
        return Truth.where(shapely.is_missing(view.shapes()), np.ones(view.size, np.bool_))


@dataclass(frozen=True)
class Not(Anywhere):
    """The opposite."""

    of: Condition

    def outcome(self, view: View) -> Truth:
        """Unknown stays unknown."""
        return ~self.of.outcome(view)


@dataclass(frozen=True)
class Undecided(Anywhere):
    """Is a condition unknown? Never unknown itself."""

    of: Condition

    def outcome(self, view: View) -> Truth:
        """By the condition's outcome."""
        truth = self.of.outcome(view)
        return Truth(truth.unknown, truth.true | truth.false, np.zeros(view.size, np.bool_))


@dataclass(frozen=True)
class All:
    """AND."""

    of: Sequence[Condition]

    def outcome(self, view: View) -> Truth:
        """False as soon as one is: the dearer conditions are asked of the rows that the cheaper ones leave."""
        first, *rest = sorted(self.of, key=cost)
        truth = first.outcome(view)
        for k, condition in enumerate(rest):
            alive = np.flatnonzero(~truth.false)
            if isinstance(view, Rows) and len(alive) * 2 < view.size:
                return _widened(truth, alive, All(rest[k:]).outcome(view.pick(alive)))
            truth &= condition.outcome(view)
        return truth

    def candidates(self, source: Source) -> Ints | None:
        """What all hints leave."""
        hints = [h for c in self.of if (h := c.candidates(source)) is not None]
        return reduce(lambda a, b: np.intersect1d(a, b, assume_unique=True), hints) if hints else None


def _widened(truth: Truth, places: Ints, further: Truth) -> Truth:
    """AND of rows with what was found of those of them that are not false already."""
    size = len(truth.true)
    masks = np.ones(size, np.bool_), np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for mask, found in zip(masks, further.masks, strict=True):
        mask[places] = found
    return truth & Truth(*masks)


@dataclass(frozen=True)
class Any:
    """OR."""

    of: Sequence[Condition]

    def outcome(self, view: View) -> Truth:
        """True as soon as one is: not all of them false, by De Morgan."""
        return ~All([c.of if isinstance(c, Not) else Not(c) for c in self.of]).outcome(view)

    def candidates(self, source: Source) -> Ints | None:
        """What all hints hold together, where each gives one."""
        hints = [c.candidates(source) for c in self.of]
        known = [h for h in hints if h is not None]
        return np.unique(np.concatenate(known)) if len(known) == len(hints) else None


def cost(condition: Condition) -> int:
    """How dear a condition is by row: numbers are cheapest, texts are made first, geometries dearest."""
    if isinstance(condition, Not | Undecided):
        return cost(condition.of)
    if isinstance(condition, All | Any):
        return max(cost(c) for c in condition.of)
    if isinstance(condition, Same):
        return max(cost(condition.left), cost(condition.right))
    if isinstance(condition, Related | NoShape | PairOfTexts):
        return 2
    return 0 if isinstance(condition, Compared | Among | Missing | Constant) else 1


@dataclass(frozen=True)
class Same(Anywhere):
    """Two outcomes that are equal; unknown where one is."""

    left: Condition
    right: Condition

    @cached_property
    def _both(self) -> Condition:
        return Any((All((self.left, self.right)), All((Not(self.left), Not(self.right)))))

    def outcome(self, view: View) -> Truth:
        """Both or neither."""
        return self._both.outcome(view)


def _spread(truth: Truth, size: int) -> Truth:
    """An outcome of literals only, for every row or block."""
    if len(truth.true) == size:
        return truth
    return Truth(*(np.broadcast_to(m, size) for m in truth.masks))
