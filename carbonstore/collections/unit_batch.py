# SPDX-License-Identifier: Apache-2.0
"""Records of units: code, name, level and outline, share inside the inventory, figures by hectare."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from carbonstore.collections.batch import FigureBatch
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.fields import PER_HA
from carbonstore.collections.shapes import Shapes

if TYPE_CHECKING:
    from carbonstore.collections.unit_collection import UnitCollection

_SHARE = 6
"""Decimals of ``coverage``."""


@dataclass(frozen=True)
class UnitBatch(FigureBatch):
    """Records of units; ``key`` is the place of the code in ``collection.known``."""

    collection: "UnitCollection"

    @cached_property
    def code(self) -> Labels:
        """Codes of units."""
        return Labels.of(list(self.collection.known), self.key)

    @cached_property
    def geometry(self) -> Shapes:
        """Published outlines."""
        out = np.full(len(self), None, object)
        for part in self.parts:
            out[part.at] = self.collection.shapes(part.year, part.rows)
        return Shapes(out)

    def makers(self) -> dict[str, Callable[[], Column]]:
        """Also what describes the unit."""
        return {
            **super().makers(),
            "unit_name": self._unit_name,
            "unit_level": lambda: Labels.of([self.collection.level], np.zeros(len(self), np.int64)),
            "coverage": self._coverage,
            **{name: partial(self._per_ha, figure) for name, figure in PER_HA.items()},
        }

    def _unit_name(self) -> Labels:
        """Names in force in the record's year; null of what lies in no unit."""
        texts: list[str] = []
        codes = np.empty(len(self), np.int64)
        for part in self.parts:
            names = self.collection.stored(part.year).name[part.rows]
            codes[part.at] = np.where([n is None for n in names], -1, np.arange(len(names)) + len(texts))
            texts += [name or "" for name in names]
        return Labels.of(texts, codes)

    def _coverage(self) -> Number:
        """Rounded down, so that 1 means whole; null of what lies in no unit."""
        share = np.empty(len(self), np.float64)
        for part in self.parts:
            share[part.at] = self.collection.stored(part.year).coverage[part.rows]
        null = np.isnan(share)
        return Number(np.floor(np.where(null, 0, share) * 10**_SHARE).astype(np.int64), null, _SHARE)

    def _per_ha(self, figure: str) -> Number:
        """t a hectare of inside area to three decimals, halves upwards; null where there is no area."""
        kg, area, null = self.kg[figure], self.decimetres, self.null_figures[figure] | (self.decimetres == 0)
        # kg / 1000 / (area / 10 / 10_000) * 1000 = 100_000 kg / area
        scaled = (200_000 * kg + area) // np.where(null, 1, 2 * area)
        return Number(np.where(null, 0, scaled), null, 3)
