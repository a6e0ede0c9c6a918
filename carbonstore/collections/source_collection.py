# SPDX-License-Identifier: Apache-2.0
"""The buildings, roads or forests of an inventory as a collection, of the newest year; a source is known by its row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from carbonstore.collections import tms
from carbonstore.collections.collection import ALL, Collection, Ints
from carbonstore.collections.fields import Field, Text
from carbonstore.collections.figures import Rows
from carbonstore.collections.quads import Box
from carbonstore.collections.source_batch import SourceBatch
from carbonstore.collections.source_fields import ACTIVITY_FIELDS, KIND_TITLE, source_fields
from carbonstore.releases.source_features import SourceLevel

if TYPE_CHECKING:
    from carbonstore.releases.catalogue import Published

CORRIDOR = 100
"""Width in metres of the strip of ground over which a road's emissions are reckoned: that of a fine cell."""


@dataclass(frozen=True)
class SourceCollection(Collection):
    """The sources of one kind (``buildings`` | ``roads`` | ``forests``) that the newest year was made of."""

    kind: str

    code = "id"
    codes = ("id",)
    batch_type = SourceBatch

    @property
    def name(self) -> str:
        """The kind."""
        return self.kind

    @property
    def subject(self) -> Text:
        """The kind's title."""
        return KIND_TITLE[self.kind]

    @property
    def about(self) -> Text:
        """What a source gives off or takes up, and what that rests on."""
        subject = KIND_TITLE[self.kind]
        return {
            "ko": f"{subject['ko']}별 온실가스 배출량 또는 흡수량 (tCO2e/년)과 그 근거 자료",
            "en": f"Emissions or absorption of single {subject['en']}, in tCO2e a year, with what they rest on",
        }

    @property
    def first_zoom(self) -> int:
        """The more there are of them, the later."""
        return tms.source_zoom(self.kind)

    @property
    def level(self) -> SourceLevel:
        """What is stored of the newest year."""
        return self.stored(self.newest)

    def stored(self, year: int) -> SourceLevel:
        """Mapped columns of one of its years."""
        return self.release(year).sources(self.kind)

    def extent(self, year: int) -> Box:
        """As the manifest has it."""
        west, south, east, north = self.release(year).source_entries[self.kind]["extent"]
        return west, south, east, north

    def described(self, *, data_years: Iterable[str]) -> Iterable[Field]:
        """Properties of sources of this kind, as far as any source has them."""
        entry = self.release(self.newest).source_entries[self.kind]
        return source_fields(self.kind, entry["columns"], synthetic=self.synthetic)

    @property
    def every_field(self) -> Sequence[Field]:
        """With all activity columns of the kind."""
        names = {f.name for f in ACTIVITY_FIELDS[self.kind]} | set(self.fields)
        return source_fields(self.kind, names, synthetic=True)

    def over(self, *, history: bool) -> Self:
        """Sources are of the newest year only."""
        return self

    def keys(self, year: int, rows: Rows = ALL) -> Ints:
        """Rows are their own keys."""
        if isinstance(rows, slice):
            return np.arange(*rows.indices(len(self.stored(year))), dtype=np.int64)
        return rows

    def keys_named(self, name: str, text: str) -> Sequence[int]:
        """The source of an id."""
        row = self.level.row_of(text)
        return [] if row is None else [row]

    def find(self, year: int, keys: Sequence[int]) -> Ints:
        """Rows are their own keys."""
        return np.unique(np.array(keys, np.int64))

    def lookup(self, year: int, name: str, texts: Sequence[str]) -> Ints | None:
        """Also by texts of which there are as many as sources, such as parcel numbers."""
        level = self.stored(year)
        return level.rows_with(name, texts) if name in level.plain else super().lookup(year, name, texts)

    @property
    def scattered(self) -> tuple[str, ...]:
        """Ids, and texts of which there are as many."""
        return (*self.codes, *self.level.plain)

    def touching(self, year: int, box: Box) -> Ints | None:
        """By their outlines; boxes of blocks and sources spare most of them."""
        return None if _holds(box, self.extent(year)) else self.stored(year).touching(box)

    def near(self, year: int, box: Box) -> Ints | None:
        """By their boxes."""
        return None if _holds(box, self.extent(year)) else self.stored(year).rows_in(box)

    def largest(self, year: int, rows: Ints, most: int) -> Ints:
        """By area or length."""
        if len(rows) <= most:
            return rows
        return np.sort(rows[np.argpartition(-self.stored(year).size[rows], most)[:most]])

    def shapes(self, year: int, rows: Rows) -> NDArray[Any]:
        """Published outlines."""
        return self.stored(year).geometry.take(self.keys(year, rows)).to_shapely()


class AreaCollection(SourceCollection):
    """Buildings or forests."""

    geometry_type = "MultiPolygon"
    geometry_format = "geometry-polygon-or-multipolygon"


class LineCollection(SourceCollection):
    """Roads."""

    geometry_type = "MultiLineString"
    geometry_format = "geometry-linestring-or-multilinestring"
    hectare = ("length_m", 10_000 / CORRIDOR)


def source_collection(published: "Published", kind: str) -> SourceCollection:
    """The collection of a kind."""
    return (LineCollection if kind == "roads" else AreaCollection)(published, False, kind)


def _holds(box: Box, extent: Box) -> bool:
    return box[0] <= extent[0] and box[1] <= extent[1] and box[2] >= extent[2] and box[3] >= extent[3]
