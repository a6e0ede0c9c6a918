# SPDX-License-Identifier: Apache-2.0
"""The two kinds of column that travel from the cells to every encoder: exact numbers and labels."""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from carbonstore import text
from carbonstore.text import Bytes, Ints

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Number:
    """Numbers with a fixed count of decimals: ``scaled`` int64 = value x 10**decimals; 0 where ``null``."""

    scaled: Ints
    null: Mask
    decimals: int = 0

    @cached_property
    def values(self) -> NDArray[np.float64] | Ints:
        """int64 without decimals, else the float64 nearest to the exact decimal: what a JSON reader gets."""
        return self.scaled if self.decimals == 0 else self.scaled / float(10**self.decimals)


@dataclass(frozen=True)
class Labels:
    """Texts by code: text ``k`` is ``pool[offsets[k]:offsets[k + 1]]`` in UTF-8, row ``i`` has ``codes[i]``, -1 = null.

    ``boolean``: the texts are ``true`` or ``false`` and mean it.
    """

    pool: Bytes
    offsets: Ints
    codes: Ints
    boolean: bool = False

    @classmethod
    def of(cls, labels: list[str], codes: Ints, *, boolean: bool = False) -> "Labels":
        """From Python texts."""
        return cls(*text.pool(labels), codes.astype(np.int64), boolean)

    @property
    def null(self) -> Mask:
        """Where there is no text."""
        return self.codes < 0

    @cached_property
    def texts(self) -> list[str]:
        """The distinct texts by code."""
        raw, at = self.pool.tobytes(), self.offsets
        return [raw[a:b].decode() for a, b in pairwise(at)]

    @cached_property
    def values(self) -> NDArray[np.object_]:
        """The texts (or truth values) by row, None where null."""
        table = np.array([*([t == "true" for t in self.texts] if self.boolean else self.texts), None], object)
        return table[self.codes]


Column = Number | Labels
