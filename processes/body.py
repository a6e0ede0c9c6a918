# SPDX-License-Identifier: Apache-2.0
"""Bytes of a request -> JSON, with every limit checked before a parser sees them."""

import json
from collections.abc import AsyncIterator
from functools import partial

import numpy as np
import orjson
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, TooLarge, brief
from carbongrid.jit import kernel

MAX_DEPTH = 32
"""Nested arrays and objects. A FeatureCollection of multipolygons inside an execute request is 11 deep."""
MAX_VALUES = 3_000_000
"""Commas and opening brackets. A region of 200,000 vertices has about 800,000; each costs the parser up to 60 bytes."""
_BOM = b"\xef\xbb\xbf"


async def read(chunks: AsyncIterator[bytes], declared: str | None, limit: int) -> bytes:
    """The whole body; TooLarge as soon as its declared or received size passes ``limit`` bytes, the rest unread."""
    if declared is not None and declared.isdecimal() and int(declared) > limit:
        raise too_large(limit)
    parts, size = [], 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        parts.append(chunk)
    return b"".join(parts)


def too_large(limit: int) -> TooLarge:
    """The error for a body over its limit."""
    return TooLarge(f"the request body is over its limit of {limit:,} bytes")


def parse(body: bytes, where: str = "", most: int = MAX_VALUES) -> object:
    """The JSON value of a body, or of a file at ``where`` in one; InvalidInput for none, too deep, no JSON, NaN, an
    infinite number or a member twice. TooLarge beyond ``most`` values.
    """
    what, body = "the file" if where else "the request body", body.removeprefix(_BOM)
    if not body.strip():
        raise InvalidInput(f"{what} is empty", where=where, allowed=["a JSON object"])
    depth, values, colons = measure(np.frombuffer(body, np.uint8))
    if depth > MAX_DEPTH:
        raise InvalidInput(f"the JSON is nested {depth} deep", where=where, allowed=[f"at most {MAX_DEPTH}"])
    if values > most:
        raise TooLarge(f"the JSON holds {values:,} values, at most {most:,} are read", where=where)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{what} is not JSON: {error}", where=where) from None
    if members(value) != colons:
        json.loads(body, object_pairs_hook=partial(_unique, where))
    return value


def members(value: object) -> int:
    """Members of all objects in a value. JSON text has one colon outside strings for each: fewer means one was lost."""
    if isinstance(value, dict):
        return len(value) + sum(map(members, value.values()))
    return sum(members(v) for v in value if isinstance(v, dict | list)) if isinstance(value, list) else 0


def _unique(where: str, pairs: list[tuple[str, object]]) -> None:
    """Called for every object, the inner ones first. Of equal names one reader keeps the first, another the last."""
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise InvalidInput(f"the member '{brief(name)}' is given twice in one object", where=where)
        seen.add(name)


@kernel
def measure(data: NDArray[np.uint8]) -> tuple[int, int, int]:
    """Greatest nesting, values and colons of JSON text in one pass, strings skipped; any bytes are safe."""
    depth, deepest, values, colons, inside, escaped = 0, 0, 1, 0, False, False
    for c in data:
        if inside:
            if escaped:
                escaped = False
            elif c == 0x5C:
                escaped = True
            elif c == 0x22:
                inside = False
        elif c == 0x22:
            inside = True
        elif c in (0x5B, 0x7B):
            depth += 1
            values += 1
            deepest = max(deepest, depth)
        elif c in (0x5D, 0x7D):
            depth -= 1
        elif c == 0x2C:
            values += 1
        elif c == 0x3A:
            colons += 1
    return deepest, values, colons
