# SPDX-License-Identifier: Apache-2.0
"""What one value of an input may be: each kind writes its JSON schema and checks a value, so the two cannot disagree.

``check`` returns the value as the process will see it or raises InvalidInput whose ``where`` is the JSON pointer of the
offending place in the execute request, e.g. ``/inputs/year/0``. No value is coerced: ``"2023"`` is not 2023.
"""

import base64
import binascii
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from carbongrid.errors import InvalidInput, UnknownName, brief

type Json = dict[str, object]
type Words = Mapping[str, str]
"""A text in Korean and English: ``{"ko": …, "en": …}``."""


PLAIN = "text/plain; charset=utf-8"


class Schema(Protocol):
    """A kind of value."""

    @property
    def media_type(self) -> str:
        """Media type of one value of this kind when it is a whole response."""

    def json(self) -> Json:
        """Its JSON schema (OpenAPI 3.0 dialect), a fresh dict each time."""

    def check(self, value: object, at: str) -> object:
        """The value, checked; InvalidInput naming ``at`` otherwise."""


def point(at: str, token: object) -> str:
    """JSON pointer (RFC 6901) of a member or element below ``at``; a very long name is shortened."""
    return f"{at}/{brief(str(token)).replace('~', '~0').replace('/', '~1')}"


def refuse(what: str, at: str, *allowed: object) -> InvalidInput:
    """The error for a wrong value."""
    return InvalidInput(what, where=at, allowed=allowed)


def named(value: object) -> str:
    """A short name of what was given, for messages: its JSON type, and the value where it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return f"the number {value!r}"[:60]
    if isinstance(value, str):
        return f"the text '{value}'" if len(value) <= 40 else "a text"
    return "an array" if isinstance(value, Sequence) else "an object"


def clean(**members: object) -> Json:
    """A dict without the members that are None."""
    return {k: v for k, v in members.items() if v is not None}


@dataclass(frozen=True)
class Text:
    """A string; one of ``enum`` where that is given."""

    enum: tuple[str, ...] = ()
    max_length: int | None = None
    media_type: str = PLAIN

    def json(self) -> Json:
        """JSON schema; the media type where it is more than plain text."""
        media = None if self.media_type == PLAIN else self.media_type
        return clean(type="string", enum=list(self.enum) or None, maxLength=self.max_length, contentMediaType=media)

    def check(self, value: object, at: str) -> str:
        """A string of the enumeration and length."""
        if not isinstance(value, str):
            raise refuse(f"a text is expected, not {named(value)}", at, *self.enum)
        if self.enum and value not in self.enum:
            raise UnknownName(value, self.enum, kind="value", where=at)
        if self.max_length is not None and len(value) > self.max_length:
            raise refuse(f"the text has {len(value)} characters, at most {self.max_length} are allowed", at)
        return value


@dataclass(frozen=True)
class Number:
    """A finite number between ``minimum`` and ``maximum`` inclusive, in ``unit`` (UCUM code)."""

    minimum: float | None = None
    maximum: float | None = None
    unit: str | None = None
    integer: bool = False
    media_type: str = "application/json"

    def json(self) -> Json:
        """JSON schema; the unit as the registered extension ``x-ogc-unit``."""
        kind = "integer" if self.integer else "number"
        return clean(type=kind, minimum=self.minimum, maximum=self.maximum, **{"x-ogc-unit": self.unit})

    def check(self, value: object, at: str) -> int | float:
        """A number in range; ``true`` is no number, 2023.0 is an integer (as in JSON schema)."""
        kind = "an integer" if self.integer else "a number"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse(f"{kind} is expected, not {named(value)}", at, *self._range())
        if not math.isfinite(value):
            raise refuse("the number is not finite", at)
        if self.integer and value != int(value):
            raise refuse(f"{kind} is expected, not {named(value)}", at, *self._range())
        if self.integer and not -(2**63) <= value < 2**63:
            raise refuse("the integer has more than 64 bits", at, *self._range())
        low, high = self.minimum, self.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise refuse(f"{value} is out of range", at, *self._range())
        return int(value) if self.integer else value

    def _range(self) -> tuple[str, ...]:
        if self.minimum is None and self.maximum is None:
            return ()
        low, high = ("…" if limit is None else f"{limit:g}" for limit in (self.minimum, self.maximum))
        return (f"{low} to {high}{' ' + self.unit if self.unit else ''}",)


@dataclass(frozen=True)
class Array:
    """A list of ``minimum`` to ``maximum`` values of one kind."""

    items: Schema
    minimum: int = 0
    maximum: int | None = None
    media_type: str = "application/json"

    def json(self) -> Json:
        """JSON schema."""
        return clean(type="array", items=self.items.json(), minItems=self.minimum or None, maxItems=self.maximum)

    def check(self, value: object, at: str) -> list[object]:
        """A list, each element checked at its own place."""
        if not isinstance(value, list):
            raise refuse(f"an array is expected, not {named(value)}", at)
        most = math.inf if self.maximum is None else self.maximum
        if not self.minimum <= len(value) <= most:
            raise refuse(f"the array has {len(value)} elements", at, f"{self.minimum} to {most}")
        return [self.items.check(v, point(at, i)) for i, v in enumerate(value)]


@dataclass(frozen=True)
class Object:
    """An object with declared ``properties``; others are refused unless it is ``open``."""

    properties: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    open: bool = False
    media_type: str = "application/json"

    def json(self) -> Json:
        """JSON schema."""
        properties = {k: v.json() for k, v in self.properties.items()}
        required = list(self.required) or None
        return clean(
            type="object", properties=properties or None, required=required, additionalProperties=bool(self.open)
        )

    def check(self, value: object, at: str) -> Json:
        """An object with every required property and none undeclared."""
        if not isinstance(value, dict):
            raise refuse(f"an object is expected, not {named(value)}", at)
        for name in self.required:
            if name not in value:
                raise refuse(f"'{name}' is missing", at, *self.properties)
        return {k: self._member(k, v, at) for k, v in value.items()}

    def _member(self, name: str, value: object, at: str) -> object:
        if name in self.properties:
            return self.properties[name].check(value, point(at, name))
        if not self.open:
            raise UnknownName(name, self.properties, kind="property", where=point(at, name))
        finite(value, point(at, name))
        return value


@dataclass(frozen=True)
class BBox:
    """A bounding box of 4 or 6 numbers with an optional ``crs`` (URI): ``bbox.yaml`` of OGC API - Processes."""

    media_type: str = "application/json"
    _inner: Object = Object(
        {"bbox": Array(Number(), 4, 6), "crs": Text(max_length=256)},
        required=("bbox",),
    )

    def json(self) -> Json:
        """JSON schema, tagged ``ogc-bbox`` (18-062r2, requirement 25)."""
        return {"allOf": [{"format": "ogc-bbox"}, self._inner.json()]}

    def check(self, value: object, at: str) -> Json:
        """An object whose bbox has 4 or 6 numbers; their meaning is the process's affair."""
        box = self._inner.check(value, at)
        corners = box["bbox"]
        if isinstance(corners, list) and len(corners) == 5:
            raise refuse("a bbox has no 5 numbers", point(at, "bbox"), "4 numbers", "6 numbers")
        return box


@dataclass(frozen=True)
class Binary:
    """Base64 text that stands for bytes of a media type, e.g. a GeoTIFF."""

    media_type: str
    max_length: int | None = None

    def json(self) -> Json:
        """JSON schema with contentMediaType and contentEncoding (18-062r2, table 13)."""
        media = {"contentMediaType": self.media_type, "contentEncoding": "binary"}
        return clean(type="string", maxLength=self.max_length, **media)

    def check(self, value: object, at: str) -> str:
        """Base64 text, padding optional."""
        text = Text(max_length=self.max_length).check(value, at)
        try:
            decode(text)
        except binascii.Error:
            raise refuse(f"base64 text of {self.media_type} is expected", at) from None
        return text


def decode(text: str) -> bytes:
    """Bytes of base64 text with or without padding; binascii.Error where it is none."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


@dataclass(frozen=True)
class OneOf:
    """A value of any of several kinds; the first that accepts it wins."""

    kinds: tuple[Schema, ...]
    media_type: str = "application/json"

    def json(self) -> Json:
        """JSON schema."""
        return {"oneOf": [k.json() for k in self.kinds]}

    def check(self, value: object, at: str) -> object:
        """The value by the first kind that takes it; else the message of the last."""
        for kind in self.kinds[:-1]:
            try:
                return kind.check(value, at)
            except InvalidInput:
                continue
        return self.kinds[-1].check(value, at)


@dataclass(frozen=True)
class Declared:
    """A structure whose schema is written out and whose meaning is checked by the process itself (e.g. a region)."""

    schema: Callable[[], Json]
    media_type: str = "application/json"

    def json(self) -> Json:
        """JSON schema."""
        return self.schema()

    def check(self, value: object, at: str) -> object:
        """An object; what is in it is checked where it is understood."""
        if not isinstance(value, dict):
            raise refuse(f"an object is expected, not {named(value)}", at)
        return value


def finite(value: object, at: str) -> None:
    """Refuse NaN and infinity anywhere inside a value (stock pygeoapi's parser lets them in)."""
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse("the number is not finite", at)
    if isinstance(value, dict):
        for k, v in value.items():
            finite(v, point(at, k))
    elif isinstance(value, list):
        for i, v in enumerate(value):
            finite(v, point(at, i))
