# SPDX-License-Identifier: Apache-2.0
"""What the kernels share: reading the rings of little-endian WKB in place.

A geometry is walked as a table of rings: byte position of the first point, number of points, role.
"""

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
from numba import extending
from numba.core.cgutils import create_struct_proxy
from numpy.typing import DTypeLike, NDArray

from carbongrid.jit import kernel

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]

LINE, SHELL, HOLE = 0, 1, -1
ZERO = cast(int, np.int64(0))
"""Where counters begin that are handed on: numba would compile the callee anew for a literal 0."""
_INTRINSIC: Any = extending.intrinsic
_PROXY: Any = create_struct_proxy


def frozen(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """A read-only, contiguous, aligned view (a copy only where needed).

    Numba compiles anew for every array type; memory-mapped columns are read-only, so everything is made so.
    """
    view = np.require(array, dtype, ["C", "A"]).view()
    view.flags.writeable = False
    return view


def _reader(stored: Any, given: Any) -> Any:
    """A numba intrinsic ``read(data, at)`` for one number of bytes that need not be aligned.

    (Viewing a slice of bytes as float64 would do the same after five more seconds of compilation.)
    """

    def read(_: Any, data: Any, at: Any) -> tuple[Any, Callable[..., Any]]:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start = _PROXY(signature.args[0])(context, builder, args[0]).data
            pointer = context.get_value_type(stored).as_pointer()
            place = builder.bitcast(builder.gep(start, [args[1]]), pointer)
            return context.cast(builder, builder.load(place, align=1), stored, given)

        return given(data, at), generate

    return _INTRINSIC(read)


_u32 = _reader(numba.uint32, numba.int64)
_f64 = _reader(numba.float64, numba.float64)


@kernel
def u32(data: U8, at: int) -> int:
    """Little-endian unsigned 32-bit integer at a byte position."""
    value: int = _u32(data, at)
    return value


@kernel
def point(data: U8, at: int, j: int) -> tuple[float, float]:
    """The ``j``-th of the points that begin at byte ``at``."""
    return _f64(data, at + 16 * j), _f64(data, at + 16 * j + 8)


@kernel
def _list_rings(data: U8, at: int, table: I64) -> int:
    """Fill as many rows of ``table`` as fit; return the number of rings there are, -1 for a kind that has none."""
    kind = u32(data, at + 1)
    if data[at] != 1 or kind not in (2, 3, 5, 6):
        return -1
    count, parts = 0, 1
    if kind > 3:
        parts = u32(data, at + 5)
        at += 9
    for _ in range(parts):
        line = u32(data, at + 1) == 2
        rings = 1 if line else u32(data, at + 5)
        at += 5 if line else 9
        for ring in range(rings):
            points = u32(data, at)
            if count < table.shape[0]:
                table[count, 0] = at + 4
                table[count, 1] = points
                table[count, 2] = LINE if line else (SHELL if ring == 0 else HOLE)
            at += 4 + 16 * points
            count += 1
    return count


@kernel
def ring_table(data: U8, at: int, table: I64) -> tuple[I64, int]:
    """Rows (byte position, points, role) of the geometry at byte ``at``, and how many; the table may grow.

    -1 instead of the number for all but 2-D little-endian (Multi)Polygons and (Multi)LineStrings.
    """
    count = _list_rings(data, at, table)
    if count > table.shape[0]:
        table = np.empty((2 * count, 3), np.int64)
        _list_rings(data, at, table)
    return table, count


@kernel
def ring_area(data: U8, at: int, points: int) -> float:
    """Signed area of a closed ring, counter-clockwise positive, relative to its first point: exact far out."""
    x, y, ax, ay, twice = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(points):
        bx, by = point(data, at, j)
        if j == 0:
            x, y = bx, by
        bx, by = bx - x, by - y
        twice += ax * by - bx * ay
        ax, ay = bx, by
    return 0.5 * twice


@kernel
def right_of(area: float, role: int) -> float:
    """What an upward edge of a ring adds to the winding on its right: -1 where the polygon lies on its left."""
    return -float(role) if area > 0.0 else float(role)
