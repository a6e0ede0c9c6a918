# SPDX-License-Identifier: Apache-2.0
"""The Hilbert curve: an order of places in which neighbours stay together, so that a box is a few runs of rows."""

import numpy as np
from numpy.typing import NDArray

from carbongrid.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
_SIDE = 1 << 16
"""Places along each axis of the curve."""


def along_curve(x: F64, y: F64) -> I64:
    """Rows of points (n,), any CRS, in the order in which a Hilbert curve over their box meets them; ties keep theirs.

    Hilbert, D. (1891): Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck. Math. Ann. 38.
    """
    return np.argsort(_places(_steps(x), _steps(y)), kind="stable").astype(np.int64)


def _steps(values: F64) -> I64:
    """Whole steps from the least value on, 0 .. side - 1."""
    if not len(values):
        return np.zeros(0, np.int64)
    low = values.min()
    size = values.max() - low
    return np.minimum((values - low) * (_SIDE / size if size > 0 else 0.0), _SIDE - 1).astype(np.int64)


@kernel
def _places(x: I64, y: I64) -> I64:
    out = np.empty(len(x), np.int64)
    for i in range(len(x)):
        out[i] = _place(x[i], y[i])
    return out


@kernel
def _place(x: int, y: int) -> int:
    """Number of a place along the curve: quadrant by quadrant, each turned so that the curve goes on."""
    number, size = 0, _SIDE // 2
    while size > 0:
        right, upper = int((x & size) > 0), int((y & size) > 0)
        number += size * size * ((3 * right) ^ upper)
        if upper == 0:
            if right == 1:
                x, y = _SIDE - 1 - x, _SIDE - 1 - y
            x, y = y, x
        size //= 2
    return number
