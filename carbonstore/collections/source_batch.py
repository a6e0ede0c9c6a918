# SPDX-License-Identifier: Apache-2.0
"""Records of sources: what was read of a building, road or stand, its outline, its kilograms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.sectors import KIND_SECTOR
from carbonstore.collections.batch import Batch
from carbonstore.collections.columns import Column, Labels, Number
from carbonstore.collections.shapes import Shapes
from carbonstore.collections.source_fields import SIZE
from carbonstore.releases.source_features import SourceLevel

if TYPE_CHECKING:
    from carbonstore.collections.source_collection import SourceCollection


@dataclass(frozen=True)
class SourceBatch(Batch):
    """Records of sources of one year; ``key`` is the row in what is stored."""

    collection: "SourceCollection"

    @property
    def level(self) -> SourceLevel:
        """What is stored of them."""
        return self.collection.level

    @cached_property
    def code(self) -> Labels:
        """Ids of sources."""
        return Labels(*self.level.texts("source_id", self.key), np.arange(len(self), dtype=np.int64))

    @cached_property
    def geometry(self) -> Shapes:
        """Published outlines."""
        return Shapes(self.collection.shapes(self.collection.newest, self.key))

    def makers(self) -> dict[str, Callable[[], Column]]:
        """Also what is stored of a source, each column read when it is asked for."""
        level = self.level
        return {
            **super().makers(),
            **{name: partial(self._figure, kg) for name, kg in level.kg.items()},
            **{name: partial(self._number, name, values) for name, values in level.numbers.items()},
            **{name: partial(self._coded, name) for name in level.coded},
            **{name: partial(self._plain, name) for name in level.plain},
            SIZE[level.kind]: lambda: Number(np.rint(level.size[self.key] * 10).astype(np.int64), self._known, 1),
            "quality": self._quality,
            "status": lambda: Labels.of(["ok", "missing"], self._missing.astype(np.int64)),
            "missing": lambda: Labels.of([KIND_SECTOR[level.kind]], np.where(self._missing, 0, -1)),
            "imputed": lambda: _flags(level.imputed[self.key] != 0, self._known),
        }

    @cached_property
    def _missing(self) -> NDArray[np.bool_]:
        """Records without a value."""
        missing: NDArray[np.bool_] = self.level.missing[self.key] != 0
        return missing

    @property
    def _known(self) -> NDArray[np.bool_]:
        """Nulls of a column that has none."""
        return np.zeros(len(self), np.bool_)

    def _figure(self, kg: NDArray[Any]) -> Number:
        return Number(kg[self.key].astype(np.int64), self._missing, 3)

    def _number(self, name: str, stored: NDArray[np.float64]) -> Column:
        values = stored[self.key]
        null, of = np.isnan(values), self.collection.fields[name]
        known = np.where(null, 0.0, values)
        if of.type == "boolean":
            return _flags(known != 0, null)
        return Number(np.rint(known * 10**of.decimals).astype(np.int64), null, of.decimals)

    def _coded(self, name: str) -> Labels:
        codes, texts = self.level.coded[name]
        number = np.cumsum([text != "" for text in texts]) - 1
        place = np.array([-1 if text == "" else k for text, k in zip(texts, number, strict=True)], np.int64)
        return Labels.of([text for text in texts if text], place[codes[self.key]])

    def _plain(self, name: str) -> Labels:
        pool, offsets = self.level.texts(name, self.key)
        return Labels(pool, offsets, np.where(np.diff(offsets) == 0, -1, np.arange(len(self))))

    def _quality(self) -> Number:
        quality = self.level.quality[self.key].astype(np.int64)
        return Number(quality, quality == 0)


def _flags(true: NDArray[np.bool_], null: NDArray[np.bool_]) -> Labels:
    return Labels.of(["false", "true"], np.where(null, -1, true.astype(np.int64)), boolean=True)
