# SPDX-License-Identifier: Apache-2.0
"""Parcel numbers as they read at the end of a year: registers, meters and footprints of different days then join."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from carbongrid.code_changes import all_as_of, as_of, code_changes, year_end

_COUNTRY = "kor"
"""Parcel numbers of nineteen digits are Korea's."""
_HEAD = 5
"""Digits of a sigungu, within which codes change."""


def parcels_of_year(pnu: NDArray[np.object_], year: int) -> NDArray[np.object_]:
    """The same parcels under the codes in force at the end of ``year``; None stays, no copy where none changed."""
    day, changes = year_end(year), code_changes(_COUNTRY)
    heads = pc.unique(pc.utf8_slice_codeunits(pa.array(pnu, pa.large_string()), 0, _HEAD)).drop_null().to_pylist()
    changed = any(as_of(head, day, changes) != head for head in heads)
    return all_as_of(pnu, day, changes) if changed else pnu
