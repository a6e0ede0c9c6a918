# SPDX-License-Identifier: Apache-2.0
"""Checks a syntax tree against the properties that exist and their types, and makes conditions of it.

Nothing is ignored: an unknown property, an operator that is not supported and an operand of the wrong type are
InvalidInput that names it and what is allowed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import numpy as np
from pygeofilter import ast
from pygeofilter.values import Geometry, Interval

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.collections.fields import Field
from carbonstore.filter import conditions as make
from carbonstore.filter.conditions import Condition, Numeric, Text
from carbonstore.filter.geometry import shape_of
from carbonstore.filter.syntax import OFFERED, WHERE, Tree, day
from carbonstore.filter.text import FOLDS, like

GEOMETRY = "geometry"
"""Name by which a filter speaks of a row's geometry."""
FUNCTIONS = (*FOLDS, "%", "div", "^")
_EPOCH = date(1970, 1, 1)

type Kind = Literal["number", "text", "date", "boolean", "geometry", "interval"]


@dataclass(frozen=True)
class Operand:
    """A checked operand: a Numeric (number, date), a Text, a Condition (boolean), a shape or None for the row's own
    (geometry), or two Numerics (interval)."""

    kind: Kind
    value: Any


type Called = Callable[[str, str], str]
"""A property's name and a text that it shall equal -> that text as rows have it (a unit's former code: its own)."""


def verbatim(_name: str, text: str) -> str:
    """Texts mean what they say."""
    return text


def compiled(tree: Tree, fields: Mapping[str, Field], called: Called = verbatim) -> Condition:
    """The condition that a filter states about rows with these properties."""
    return _Compiler(fields, called).condition(tree)


class _Compiler:
    def __init__(self, fields: Mapping[str, Field], called: Called) -> None:
        self.fields, self.called = fields, called

    def condition(self, tree: Tree) -> Condition:
        """A part that must be true or false."""
        found = self.operand(tree)
        if found.kind != "boolean":
            raise _wrong(f"a {found.kind} stands where a condition should", "boolean")
        condition: Condition = found.value
        return condition

    def operand(self, tree: Tree) -> Operand:
        """Any part."""
        for kinds, handle in _HANDLERS:
            if isinstance(tree, kinds):
                return handle(self, tree)
        raise InvalidInput(f"{type(tree).__name__} is not supported", where=WHERE)

    def attribute(self, tree: ast.Attribute) -> Operand:
        """A property, by the type that the data dictionary states."""
        name = tree.name
        if name == GEOMETRY:
            return Operand("geometry", None)
        if name not in self.fields:
            raise UnknownName(name, [*self.fields, GEOMETRY], kind="property", where=WHERE)
        field = self.fields[name]
        if field.type in ("number", "integer"):
            return Operand("number", make.NumberOf(name))
        if field.type == "boolean":
            return Operand("boolean", make.Flag(name))
        return Operand("date", make.DayOf(name)) if field.format == "date" else Operand("text", Text(name))

    def literal(self, tree: Tree) -> Operand:
        """A literal by its own type."""
        if isinstance(tree, bool):
            return Operand("boolean", make.Constant(tree))
        if isinstance(tree, int | float):
            return Operand("number", make.Value(float(tree)))
        if isinstance(tree, date):
            return Operand("date", make.Value(_days(tree)))
        return Operand("text", Text(None, tree))

    def geometry(self, tree: Geometry) -> Operand:
        """A geometry literal."""
        return Operand("geometry", shape_of(tree))

    def interval(self, tree: Interval) -> Operand:
        """Two ends; None is open."""
        ends = [self._end(tree.start, -np.inf), self._end(tree.end, np.inf)]
        if all(isinstance(e, make.Value) for e in ends) and ends[0].value > ends[1].value:  # type: ignore[attr-defined]
            raise InvalidInput("an interval ends before it starts", where=WHERE)
        return Operand("interval", tuple(ends))

    def _end(self, tree: Tree, open_end: float) -> Numeric:
        return make.Value(open_end) if tree is None else self._day(self.operand(tree), "INTERVAL")

    def _day(self, operand: Operand, where: str) -> Numeric:
        """A date, also where a text literal says one."""
        if operand.kind == "text" and operand.value.constant is not None:
            return make.Value(_days(day(operand.value.constant)))
        return _numeric(operand, "date", where)

    def negation(self, tree: ast.Not) -> Operand:
        """NOT."""
        return _truth(make.Not(self.condition(tree.sub_node)))

    def combination(self, tree: ast.Combination) -> Operand:
        """AND, OR; equal ones inside each other side by side."""
        kind = type(tree)
        parts: list[Condition] = []
        rest: list[Tree] = [tree]
        while rest:
            part = rest.pop()
            if type(part) is kind:
                rest += [part.rhs, part.lhs]
            else:
                parts.append(self.condition(part))
        return _truth(make.All(parts) if kind is ast.And else make.Any(parts))

    def comparison(self, tree: ast.Comparison) -> Operand:
        """=, <>, <, <=, >, >= of two operands of one type."""
        operator = tree.op.value
        left, right = self._alike(self.operand(tree.lhs), self.operand(tree.rhs), operator)
        if operator in ("=", "<>"):
            found = _equal(self._held(left, right), self._held(right, left))
            return _truth(make.Not(found) if operator == "<>" else found)
        if left.kind not in ("number", "date", "text"):
            raise _wrong(f"'{operator}' cannot compare values of type {left.kind}", "number", "date", "text")
        if operator in (">", "<="):
            left, right = right, left
        found = _less(left, right)
        return _truth(make.Not(found) if operator in ("<=", ">=") else found)

    def _alike(self, left: Operand, right: Operand, operator: str) -> tuple[Operand, Operand]:
        """Both of one type; a text literal beside a date is read as a date."""
        if {left.kind, right.kind} == {"date", "text"}:
            left, right = (Operand("date", self._day(o, operator)) for o in (left, right))
        if left.kind != right.kind:
            raise _wrong(f"'{operator}' cannot compare {left.kind} with {right.kind}", left.kind)
        return left, right

    def _held(self, operand: Operand, other: Operand) -> Operand:
        """A literal as the property that it shall equal has it; anything else as it is."""
        if not isinstance(other.value, Text) or not isinstance(operand.value, Text):
            return operand
        name, literal = other.value.name, operand.value.literal
        if name is None or operand.value.name is not None or other.value.folds or operand.value.folds:
            return operand
        return Operand("text", Text(None, self.called(name, literal)))

    def between(self, tree: ast.Between) -> Operand:
        """BETWEEN: both bounds included."""
        both = ast.And(ast.GreaterEqual(tree.lhs, tree.low), ast.LessEqual(tree.lhs, tree.high))
        found = self.operand(both)
        return _truth(make.Not(found.value)) if tree.not_ else found

    def membership(self, tree: ast.In) -> Operand:
        """IN: equal to one of the list."""
        left = self.operand(tree.lhs)
        pairs = [self._alike(left, self.operand(item), "IN") for item in tree.sub_nodes]
        found = _among([(a, self._held(b, a)) for a, b in pairs])
        return _truth(make.Not(found) if tree.not_ else found)

    def likeness(self, tree: ast.Like) -> Operand:
        """LIKE of a text and a literal pattern."""
        value, pattern = self.operand(tree.lhs), self.operand(tree.pattern)
        if value.kind != "text" or pattern.kind != "text" or pattern.value.constant is None:
            raise _wrong("LIKE compares a text with a pattern", "a text on the left", "a literal on the right")
        found = _tested(value.value, like(pattern.value.constant))
        return _truth(make.Not(found) if tree.not_ else found)

    def nullity(self, tree: ast.IsNull) -> Operand:
        """IS NULL: never unknown."""
        found = _missing(self.operand(tree.lhs))
        return _truth(make.Not(found) if tree.not_ else found)

    def arithmetic(self, tree: ast.Arithmetic) -> Operand:
        """+, -, *, / of numbers."""
        return self._calculated(tree.op.value, [tree.lhs, tree.rhs])

    def function(self, tree: ast.Function) -> Operand:
        """%, div, ^, CASEI, ACCENTI; no other function is known."""
        if tree.name in FOLDS:
            if len(tree.arguments) != 1:
                raise _wrong(f"{tree.name} has {len(tree.arguments)} operands", "1")
            inner = self.operand(tree.arguments[0])
            if inner.kind != "text":
                raise _wrong(f"{tree.name} takes a text, not a {inner.kind}", "text")
            text: Text = inner.value
            return Operand("text", Text(text.name, text.literal, (*text.folds, FOLDS[tree.name])))
        if tree.name not in FUNCTIONS:
            raise UnknownName(tree.name, [*FUNCTIONS, *OFFERED], kind="function or operator", where=WHERE)
        return self._calculated(tree.name, tree.arguments)

    def _calculated(self, operator: str, arguments: Sequence[Tree]) -> Operand:
        if len(arguments) != 2:
            raise _wrong(f"'{operator}' has {len(arguments)} operands", "2")
        left, right = (_numeric(self.operand(a), "number", operator) for a in arguments)
        return Operand("number", make.Arithmetic(operator, left, right))

    def spatial(self, tree: ast.SpatialComparisonPredicate) -> Operand:
        """A relation between the row's geometry and a literal, on either side."""
        relation = tree.op.value
        left, right = self.operand(tree.lhs), self.operand(tree.rhs)
        if left.kind != "geometry" or right.kind != "geometry":
            raise _wrong(f"S_{relation} compares geometries", GEOMETRY, "a geometry literal")
        if left.value is None and right.value is None:
            raise _wrong(f"S_{relation} compares '{GEOMETRY}' with itself", "a geometry literal")
        if left.value is None:
            return _truth(make.Related(relation, right.value))
        if right.value is None:
            return _truth(make.Related(make.MIRRORED.get(relation, relation), left.value))
        return _truth(make.Constant(bool(make.RELATIONS[relation](left.value, right.value))))

    def temporal(self, tree: ast.TemporalPredicate) -> Operand:
        """A relation between two instants or intervals, by their days in UTC."""
        a, b = (self._span(self.operand(side), tree.op.value) for side in (tree.lhs, tree.rhs))
        return _truth(_TEMPORAL[type(tree)](*a, *b))

    def _span(self, operand: Operand, where: str) -> tuple[Numeric, Numeric]:
        if operand.kind == "interval":
            start, end = operand.value
            return start, end
        instant = self._day(operand, where)
        return instant, instant


def _truth(condition: Condition) -> Operand:
    return Operand("boolean", condition)


def _wrong(what: str, *allowed: str) -> InvalidInput:
    return InvalidInput(what, where=WHERE, allowed=allowed)


def _numeric(operand: Operand, kind: Kind, where: str) -> Numeric:
    if operand.kind != kind:
        raise _wrong(f"{where} takes a {kind}, not a {operand.kind}", kind)
    numeric: Numeric = operand.value
    return numeric


def _days(moment: date) -> float:
    """Days since 1970 of a date, or of the day in UTC that a date-time falls on."""
    if isinstance(moment, datetime):
        try:
            moment = moment.astimezone(UTC).date()
        except OverflowError:
            raise InvalidInput(f"'{moment}' lies outside the calendar", where=WHERE) from None
    return float((moment - _EPOCH).days)


def _equal(left: Operand, right: Operand) -> Condition:
    if left.kind in ("number", "date"):
        return make.Compared("=", left.value, right.value)
    if left.kind == "text":
        return _texts("=", left.value, right.value)
    if left.kind == "boolean":
        return make.Same(left.value, right.value)
    raise _wrong(f"'=' cannot compare values of type {left.kind}", "number", "date", "text", "boolean")


def _less(left: Operand, right: Operand) -> Condition:
    if left.kind == "text":
        return _texts("<", left.value, right.value)
    return make.Compared("<", left.value, right.value)


def _texts(operator: str, left: Text, right: Text) -> Condition:
    """Two texts: two literals are decided now, one by each distinct text of the property, none row by row."""
    a, b = left.constant, right.constant
    if a is None and b is None:
        return make.PairOfTexts(operator, left, right)
    if operator == "=":
        value, other = (b, left) if b is not None else (a, right)
        assert value is not None
        return _tested(other, lambda text: text == value, (value,))
    if b is not None:
        return _tested(left, lambda text: text < b)
    return _tested(right, lambda text: a is not None and a < text)


def _tested(text: Text, test: Callable[[str], bool], equals: tuple[str, ...] | None = None) -> Condition:
    if text.name is None:
        return make.Constant(test(text.fold(text.literal)))
    return make.Tested(text.name, text.fold, test, None if text.folds else equals)


def _among(pairs: Sequence[tuple[Operand, Operand]]) -> Condition:
    """IN: literals of one type at once, anything else as one equality beside another."""
    left, rights = pairs[0][0], [right.value for _, right in pairs]
    if left.kind in ("number", "date") and all(isinstance(r, make.Value) for r in rights):
        return make.Among(left.value, np.unique([r.value for r in rights]).astype(np.float64))
    if left.kind == "text" and all(r.constant is not None for r in rights):
        values = frozenset(r.constant for r in rights)
        return _tested(left.value, lambda text: text in values, tuple(sorted(values)))
    return make.Any([_equal(a, b) for a, b in pairs])


def _missing(operand: Operand) -> Condition:
    value = operand.value
    match operand.kind:
        case "number" | "date":
            return make.Missing(value)
        case "text":
            return make.Constant(False) if value.name is None else make.MissingText(value.name)
        case "geometry":
            return make.NoShape() if value is None else make.Constant(False)
        case "boolean":
            return make.Undecided(value)
        case _:
            raise _wrong("IS NULL cannot ask for an interval", "a property", "an expression")


def _below(a: Numeric, b: Numeric) -> Condition:
    return make.Compared("<", a, b)


def _meets(a: Numeric, b: Numeric) -> Condition:
    return make.Compared("=", a, b)


def _both(*conditions: Condition) -> Condition:
    return make.All(conditions)


_TEMPORAL: Mapping[type, Callable[[Numeric, Numeric, Numeric, Numeric], Condition]] = {
    ast.TimeAfter: lambda s, e, t, f: _below(f, s),
    ast.TimeBefore: lambda s, e, t, f: _below(e, t),
    ast.TimeDisjoint: lambda s, e, t, f: make.Any((_below(f, s), _below(e, t))),
    ast.TimeEquals: lambda s, e, t, f: _both(_meets(s, t), _meets(e, f)),
    ast.TimeContains: lambda s, e, t, f: _both(_below(s, t), _below(f, e)),
    ast.TimeDuring: lambda s, e, t, f: _both(_below(t, s), _below(e, f)),
    ast.TimeEndedBy: lambda s, e, t, f: _both(_below(s, t), _meets(e, f)),
    ast.TimeEnds: lambda s, e, t, f: _both(_below(t, s), _meets(e, f)),
    ast.TimeMeets: lambda s, e, t, f: _meets(e, t),
    ast.TimeMetBy: lambda s, e, t, f: _meets(s, f),
    ast.TimeOverlappedBy: lambda s, e, t, f: _both(_below(t, s), _below(s, f), _below(f, e)),
    ast.TimeOverlaps: lambda s, e, t, f: _both(_below(s, t), _below(t, e), _below(e, f)),
    ast.TimeBegunBy: lambda s, e, t, f: _both(_meets(s, t), _below(f, e)),
    ast.TimeBegins: lambda s, e, t, f: _both(_meets(s, t), _below(e, f)),
}
"""Relations of the intervals [s, e] and [t, f] (CQL2, table 8): an instant is an interval of one day."""

type _Handler = Callable[[_Compiler, Any], Operand]
_HANDLERS: Sequence[tuple[tuple[type, ...], _Handler]] = (
    ((ast.Attribute,), _Compiler.attribute),
    ((bool, int, float, str, date), _Compiler.literal),
    ((Geometry,), _Compiler.geometry),
    ((Interval,), _Compiler.interval),
    ((ast.Not,), _Compiler.negation),
    ((ast.And, ast.Or), _Compiler.combination),
    ((ast.Comparison,), _Compiler.comparison),
    ((ast.Between,), _Compiler.between),
    ((ast.In,), _Compiler.membership),
    ((ast.Like,), _Compiler.likeness),
    ((ast.IsNull,), _Compiler.nullity),
    ((ast.Arithmetic,), _Compiler.arithmetic),
    ((ast.Function,), _Compiler.function),
    ((ast.SpatialComparisonPredicate,), _Compiler.spatial),
    (tuple(_TEMPORAL), _Compiler.temporal),
)
