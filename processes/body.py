# SPDX-License-Identifier: Apache-2.0
"""Bytes of a request -> JSON, with every limit checked before a parser sees them."""

from collections.abc import AsyncIterator

import numpy as np
import orjson
from numba import njit
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, TooLarge

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


def parse(body: bytes) -> object:
    """The JSON value of a body; InvalidInput for none, too deep, no JSON, NaN or an infinite number."""
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise InvalidInput("the request body is empty", allowed=["a JSON object"])
    depth, values = measure(np.frombuffer(body, np.uint8))
    if depth > MAX_DEPTH:
        raise InvalidInput(f"the JSON is nested {depth} deep", allowed=[f"at most {MAX_DEPTH}"])
    if values > MAX_VALUES:
        raise TooLarge(f"the JSON holds {values:,} values, at most {MAX_VALUES:,} are read")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the request body is not JSON: {error}") from None


@njit(cache=True, nogil=True)
def measure(data: NDArray[np.uint8]) -> tuple[int, int]:
    """Greatest nesting and number of values of JSON text in one pass, strings skipped; any bytes are safe."""
    depth, deepest, values, inside, escaped = 0, 0, 1, False, False
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
    return deepest, values
