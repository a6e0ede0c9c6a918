# SPDX-License-Identifier: Apache-2.0
"""Which bounding boxes meet, among millions: rows of strips, each swept from west to east."""

import numpy as np
from numpy.typing import NDArray

from carbongrid.jit import kernel

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_STRIP = 2_000.0
"""Height of a strip, m: some times that of the objects, so that few lie in two."""


def meeting(boxes: F64) -> I64:
    """Pairs of rows (k, 2), smaller first, ascending by the larger and then the smaller, whose boxes share a point.

    ``boxes`` (n, 4): west, south, east, north in metres; a row with NaN meets none.
    """
    rows = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    if not len(rows):
        return np.empty((0, 2), np.int64)
    box = np.ascontiguousarray(boxes[rows])
    first = np.floor(box[:, 1] / _STRIP).astype(np.int64)
    times = np.floor(box[:, 3] / _STRIP).astype(np.int64) - first + 1
    owner = np.repeat(np.arange(len(rows)), times)
    strip = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(times) - times, times)
    order = np.lexsort((box[owner, 0], strip))
    owner, strip = owner[order], strip[order]
    found = _sweep(box, owner, strip, first, np.empty((_sweep(box, owner, strip, first, _NONE).shape[0], 2), np.int64))
    pairs = rows[found]
    return np.asarray(pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))], np.int64)


_NONE = np.empty((0, 2), np.int64)


@kernel
def _sweep(box: F64, owner: I64, strip: I64, first: I64, out: I64) -> I64:
    """Fill ``out`` with the pairs; where it is empty, one of the right length is returned instead.

    A pair that shares several strips counts in the first one they share.
    """
    n = 0
    for i in range(len(owner)):
        a = owner[i]
        for j in range(i + 1, len(owner)):
            b = owner[j]
            if strip[j] != strip[i] or box[b, 0] > box[a, 2]:
                break
            if box[b, 1] > box[a, 3] or box[a, 1] > box[b, 3] or max(first[a], first[b]) != strip[i]:
                continue
            if len(out):
                out[n, 0], out[n, 1] = min(a, b), max(a, b)
            n += 1
    return out if len(out) else np.zeros((n, 2), np.int64)
