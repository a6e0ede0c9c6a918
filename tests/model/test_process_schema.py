# SPDX-License-Identifier: Apache-2.0
"""Kinds of values: what they take, what they refuse and where they say it; their JSON schema says the same."""

import math
import random
from typing import Any

import jsonschema
import pytest

from carbongrid.errors import InvalidInput
from processes.schema import Array, BBox, Binary, Number, Object, OneOf, Schema, Text, finite, point

YEAR = Number(1990, 2100, "a", integer=True)
KINDS: dict[str, Schema] = {
    "text": Text(),
    "choice": Text(enum=("sources", "cells")),
    "short": Text(max_length=3),
    "number": Number(-1.5, 2),
    "year": YEAR,
    "array": Array(YEAR, 1, 3),
    "object": Object({"a": Number(), "b": Text()}, required=("a",)),
    "open": Object(open=True),
    "bbox": BBox(),
    "mixed": OneOf((Text(), Object(open=True))),
}
VALUES: list[Any] = [
    None, True, 0, 2, 2.0, -1.5, 2.5, 2023, 2023.0, 2023.5, 1989, "", "abc", "abcd", "cells",
    [], [2023], [2023, "x"], [2023] * 4, {}, {"a": 1}, {"a": "1"}, {"a": 1, "c": 1}, {"b": "x"},
    {"bbox": [1, 2, 3, 4]}, {"bbox": [1, 2, 3]}, {"bbox": "1,2,3,4"},
    {"bbox": [1, 2, 3, 4], "crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84"}, {"bbox": [1, 2, 3, 4], "crs": 4326},
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_schema_and_check_agree(kind: str) -> None:
    schema = KINDS[kind]
    for value in VALUES:
        valid = jsonschema.Draft202012Validator(schema.json()).is_valid(value)
        assert accepts(schema, value) == valid, (kind, value)


def test_schema_and_check_agree_on_random_nesting() -> None:
    draw = random.Random(3)
    schema = Array(Object({"year": YEAR, "box": Array(Number(0, 1), 2, 2)}, required=("year",)), 1, 3)
    validator = jsonschema.Draft202012Validator(schema.json())
    outcomes = set()
    for _ in range(400):
        value = [
            {"year": draw.choice([2023, 1989, 2000.0, "2023"]), "box": [draw.choice([0, 0.5, 2]) for _ in range(2)]}
            for _ in range(draw.randint(0, 2))
        ]
        outcomes.add(validator.is_valid(value))
        assert accepts(schema, value) == validator.is_valid(value), value
    assert outcomes == {True, False}


def accepts(schema: Schema, value: object) -> bool:
    try:
        schema.check(value, "")
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize(
    ("schema", "value", "where", "what"),
    [
        (YEAR, "2023", "/inputs/year", "an integer is expected, not the text '2023'"),
        (YEAR, True, "/inputs/year", "an integer is expected, not a boolean"),
        (YEAR, 1989, "/inputs/year", "1989 is out of range"),
        (YEAR, math.nan, "/inputs/year", "the number is not finite"),
        (Array(YEAR, 0, 5), [2023, 2022, None], "/inputs/year/2", "an integer is expected, not null"),
        (Object({"a/b": YEAR}), {"a/b": 1}, "/inputs/year/a~1b", "1 is out of range"),
        (Object({"a": YEAR}), {"b": 1}, "/inputs/year/b", "unknown property 'b'"),
        (Object(open=True), {"x": [1, math.inf]}, "/inputs/year/x/1", "the number is not finite"),
        (Text(("sources", "cells")), "cell", "/inputs/year", "unknown value 'cell', did you mean 'cells'?"),
        (BBox(), {"bbox": [1, 2, 3, 4, 5]}, "/inputs/year/bbox", "a bbox has no 5 numbers"),
        (Binary("image/tiff"), "not base64!", "/inputs/year", "base64 text of image/tiff is expected"),
    ],
)
def test_refusals_name_the_place_and_the_thing(schema: Schema, value: object, where: str, what: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        schema.check(value, "/inputs/year")
    assert (refused.value.where, refused.value.what) == (where, what)


def test_allowed_values_are_told() -> None:
    with pytest.raises(InvalidInput) as refused:
        YEAR.check(3000, "/year")
    assert refused.value.allowed == ("1990 to 2100 a",)
    with pytest.raises(InvalidInput) as refused:
        Text(("sources", "cells")).check("x", "/method")
    assert refused.value.allowed == ("cells", "sources")


@pytest.mark.parametrize("value", [-2.2e24, 2.0**63, 10**30])
def test_no_integer_has_more_than_64_bits(value: float) -> None:
    with pytest.raises(InvalidInput, match="64 bits"):
        Number(integer=True).check(value, "/inputs/count")
    assert Number(integer=True).check(-(2.0**63), "/inputs/count") == -(2**63)


def test_integer_written_as_float_becomes_an_integer() -> None:
    assert repr(YEAR.check(2023.0, "")) == "2023"


def test_pointer_escapes() -> None:
    assert point(point("", "a~b"), "c/d") == "/a~0b/c~1d"
    finite({"fine": [1, 2.5, "x", None]}, "")
