# SPDX-License-Identifier: Apache-2.0
"""CQL2 (OGC 21-065r2) as text or JSON to pygeofilter's syntax tree.

``cql2`` parses both: pygeofilter's own parsers read ``a OR b AND c`` as ``(a OR b) AND c`` and boxes in the wrong
order, without an error. Its parser recurses on the machine's stack, so the nesting of a text is measured before it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any

import cql2
import orjson
from pygeofilter import ast
from pygeofilter.values import Geometry, Interval

from carbongrid.errors import InvalidInput, TooLarge, UnknownName

LANGUAGES = ("cql2-text", "cql2-json", "cql-text")
"""The last is the first by the name of a draft, the only one that GDAL knows (it sends what both have in common)."""
MAX_BYTES = 1 << 20
MAX_DEPTH = 64
"""Nesting of parentheses and operators; AND, OR and the items of a list stand side by side."""
WHERE = "filter"
_TOKEN = re.compile(
    r"""'(?:[^']|'')*' | "[^"]*" | (?P<open>[(\[{]) | (?P<close>[)\]}]) | (?P<beside>,|\b(?:AND|OR)\b)"""
    r"""| (?P<operator>\b(?:NOT|LIKE|IN|IS|DIV)\b | <> | [<>]=? | [=+*/%^-])""",
    re.IGNORECASE | re.VERBOSE,
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_COMPARISONS = {
    "=": ast.Equal,
    "<>": ast.NotEqual,
    "<": ast.LessThan,
    "<=": ast.LessEqual,
    ">": ast.GreaterThan,
    ">=": ast.GreaterEqual,
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mul,
    "/": ast.Div,
    "s_intersects": ast.GeometryIntersects,
    "s_disjoint": ast.GeometryDisjoint,
    "s_contains": ast.GeometryContains,
    "s_within": ast.GeometryWithin,
    "s_touches": ast.GeometryTouches,
    "s_crosses": ast.GeometryCrosses,
    "s_overlaps": ast.GeometryOverlaps,
    "s_equals": ast.GeometryEquals,
    "t_after": ast.TimeAfter,
    "t_before": ast.TimeBefore,
    "t_contains": ast.TimeContains,
    "t_disjoint": ast.TimeDisjoint,
    "t_during": ast.TimeDuring,
    "t_equals": ast.TimeEquals,
    "t_finishedby": ast.TimeEndedBy,
    "t_finishes": ast.TimeEnds,
    "t_meets": ast.TimeMeets,
    "t_metby": ast.TimeMetBy,
    "t_overlappedby": ast.TimeOverlappedBy,
    "t_overlaps": ast.TimeOverlaps,
    "t_startedby": ast.TimeBegunBy,
    "t_starts": ast.TimeBegins,
}
"""Operators of two operands by their name in CQL2 JSON, lower case."""

type Tree = Any
"""A node of pygeofilter, or a literal: bool, float, str, date, datetime, Interval, Geometry."""


def parse(text: str, language: str | None = None) -> Tree:
    """The tree of a filter; ``language`` is one of LANGUAGES, None = JSON where it begins like an object.

    InvalidInput says where the text stops making sense; TooLarge names the limit that it exceeds.
    """
    if language not in (None, *LANGUAGES):
        raise UnknownName(language, LANGUAGES, kind="filter language", where="filter-lang")
    if len(text.encode()) > MAX_BYTES:
        raise TooLarge("the filter is too long", where=WHERE, allowed=[f"up to {MAX_BYTES} bytes"])
    if language is None:
        language = LANGUAGES[text.lstrip().startswith("{")]
    if _depth(text) > MAX_DEPTH:
        raise InvalidInput("it is nested too deeply", where=WHERE, allowed=[f"up to {MAX_DEPTH} levels"])
    return _node(_parsed(text, language))


def _parsed(text: str, language: str) -> Any:
    """What ``cql2`` makes of it, as CQL2 JSON."""
    try:
        return (cql2.parse_json if language == "cql2-json" else cql2.parse_text)(text).to_json()
    except (cql2.ParseError, ValueError) as error:
        raise InvalidInput(f"it is no {language}: {_reason(error)}", where=WHERE) from None
    except Exception as error:  # cql2 raises a bare Exception for WKT that it cannot read
        if type(error) is not Exception:
            raise
        raise InvalidInput(f"a geometry cannot be read: {_reason(error)}", where=WHERE) from None


def _reason(error: Exception) -> str:
    """The parser's message on one line: place, marked text, what it expected."""
    return " ".join(line.strip(" |=-^") for line in str(error).splitlines() if line.strip(" |=-^"))[:300]


def _depth(text: str) -> int:
    """Greatest nesting: open brackets, and operators since the last AND, OR or comma of each open level."""
    levels, deepest = [0], 0
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open":
            levels.append(0)
        elif kind == "close" and len(levels) > 1:
            levels.pop()
        elif kind == "beside":
            levels[-1] = 0
        elif kind == "operator":
            levels[-1] += 1
        deepest = max(deepest, len(levels) - 1 + sum(levels))
    return deepest


def _node(part: Any) -> Tree:
    """A part of CQL2 JSON as a node or literal."""
    if isinstance(part, bool | str | float | int):
        return _number(part) if isinstance(part, float | int) and not isinstance(part, bool) else part
    if isinstance(part, list):
        return [_node(item) for item in part]
    if isinstance(part, Mapping):
        for key, make in _PARTS.items():
            if key in part:
                return make(part)
    raise InvalidInput(f"{_shown(part)} has no place here", where=WHERE, allowed=["IS NULL"] if part is None else [])


def _number(value: float) -> float:
    if not isfinite(value):
        raise InvalidInput("a number is too large", where=WHERE)
    return float(value)


def _operation(part: Mapping[str, Any]) -> Tree:
    name, args = str(part["op"]), part["args"]
    lower = name.lower()
    if lower in ("and", "or"):
        kind = ast.And if lower == "and" else ast.Or
        return _balanced(kind, [_node(a) for a in _some(args, lower)])
    if lower in _COMPARISONS:
        left, right = _some(args, name, 2)
        return _COMPARISONS[lower](_node(left), _node(right))
    return _SPECIAL[lower](args) if lower in _SPECIAL else ast.Function(lower, [_node(a) for a in args])


def _balanced(kind: Callable[[Tree, Tree], Tree], nodes: Sequence[Tree]) -> Tree:
    """A tree of pairs as flat as possible: pygeofilter's nodes have two sides, and 5,000 of them must not nest."""
    if len(nodes) == 1:
        return nodes[0]
    half = len(nodes) // 2
    return kind(_balanced(kind, nodes[:half]), _balanced(kind, nodes[half:]))


def _some(args: Sequence[Any], name: str, count: int | None = None) -> Sequence[Any]:
    """The operands, ``count`` of them (None: at least one)."""
    if len(args) == count or (count is None and args):
        return args
    raise InvalidInput(f"{name} has {len(args)} operands", where=WHERE, allowed=[count or "1 or more"])


def _not(args: Sequence[Any]) -> Tree:
    return ast.Not(_node(_some(args, "NOT", 1)[0]))


def _between(args: Sequence[Any]) -> Tree:
    value, low, high = (_node(a) for a in _some(args, "BETWEEN", 3))
    return ast.Between(value, low, high, not_=False)


def _like(args: Sequence[Any]) -> Tree:
    value, pattern = (_node(a) for a in _some(args, "LIKE", 2))
    return ast.Like(value, pattern, False, "%", "_", "\\", False)


def _in(args: Sequence[Any]) -> Tree:
    value, items = _some(args, "IN", 2)
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        raise InvalidInput("IN takes a list of at least one value", where=WHERE)
    return ast.In(_node(value), [_node(i) for i in items], False)


def _is_null(args: Sequence[Any]) -> Tree:
    return ast.IsNull(_node(_some(args, "IS NULL", 1)[0]), False)


def _t_intersects(args: Sequence[Any]) -> Tree:
    """pygeofilter knows no such operator; its ``TimeOverlaps`` is another relation."""
    left, right = (_node(a) for a in _some(args, "T_INTERSECTS", 2))
    return ast.Not(ast.TimeDisjoint(left, right))


_SPECIAL: Mapping[str, Callable[[Sequence[Any]], Tree]] = {
    "not": _not,
    "between": _between,
    "like": _like,
    "in": _in,
    "isnull": _is_null,
    "t_intersects": _t_intersects,
}
OFFERED = tuple(sorted(name for name in (*_COMPARISONS, *_SPECIAL) if name[:2] in ("s_", "t_")))
"""Names of the spatial and temporal operators; what is no operator becomes a ``Function``."""


def _date(part: Mapping[str, Any]) -> date:
    return day(part["date"])


def _timestamp(part: Mapping[str, Any]) -> datetime:
    text = str(part["timestamp"])
    found = _moment(text)
    if not isinstance(found, datetime):
        raise InvalidInput(f"'{text}' is no timestamp", where=WHERE, allowed=["2023-07-01T00:00:00Z"])
    return found


def _interval(part: Mapping[str, Any]) -> Interval:
    ends = [_end(e) for e in _some(part["interval"], "INTERVAL", 2)]
    return Interval(*ends)


def _end(end: Any) -> Tree:
    """One end of an interval: None = open."""
    if isinstance(end, str):
        return None if end in ("..", "") else _moment(end)
    return _node(end)


def day(value: object) -> date:
    """The date that a text says; InvalidInput otherwise."""
    found = _moment(str(value))
    if isinstance(found, datetime):
        raise InvalidInput(f"'{value}' is no date", where=WHERE, allowed=["2023-07-01"])
    return found


def _moment(text: str) -> date | datetime:
    """A date, or a date-time with its zone (RFC 3339)."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    raise InvalidInput(f"'{text}' is no date or timestamp", where=WHERE, allowed=["2023-07-01", "2023-07-01T00:00:00Z"])


def _box(part: Mapping[str, Any]) -> Geometry:
    """A box as polygons; west > east crosses the antimeridian, heights are dropped."""
    box = part["bbox"]
    if len(box) not in (4, 6) or not all(isinstance(v, float | int) for v in box):
        raise InvalidInput("a box takes four or six numbers", where=WHERE, allowed=["west, south, east, north"])
    half = len(box) // 2
    west, south, east, north = (_number(v) for v in (*box[:2], *box[half : half + 2]))
    if south > north:
        raise InvalidInput("a box's south lies above its north", where=WHERE, allowed=["west, south, east, north"])
    if west <= east:
        return Geometry({"type": "Polygon", "coordinates": [_ring(west, south, east, north)]})
    parts = [[_ring(west, south, 180.0, north)], [_ring(-180.0, south, east, north)]]
    return Geometry({"type": "MultiPolygon", "coordinates": parts, "bbox": [west, south, east, north]})


def _attribute(part: Mapping[str, Any]) -> ast.Attribute:
    return ast.Attribute(str(part["property"]))  # type: ignore[no-untyped-call]  # pygeofilter annotates nothing here


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


_PARTS: Mapping[str, Callable[[Mapping[str, Any]], Tree]] = {
    "op": _operation,
    "property": _attribute,
    "date": _date,
    "timestamp": _timestamp,
    "interval": _interval,
    "bbox": _box,
    "type": lambda part: Geometry(dict(part)),
}
"""What a JSON object is by the key that it has."""


def _shown(part: Any) -> str:
    return orjson.dumps(part).decode()[:80]
