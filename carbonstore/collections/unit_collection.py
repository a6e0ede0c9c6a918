# SPDX-License-Identifier: Apache-2.0
"""The units of one level as a collection. The key of a unit is its place among the codes of all years."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor
from types import MappingProxyType
from typing import Any

import numpy as np

from carbonstore.collections import tms
from carbonstore.collections.collection import ALL, FigureCollection, Ints
from carbonstore.collections.fields import UNIT_FIELDS, Field, Text, unit_fields
from carbonstore.collections.figures import Rows
from carbonstore.collections.quads import WGS84, Box
from carbonstore.collections.shapes import Geometries
from carbonstore.collections.unit_batch import UnitBatch
from carbonstore.releases.unit_levels import UnitLevel


@dataclass(frozen=True)
class UnitCollection(FigureCollection):
    """The units of one level, and what lies in none as a record without geometry. History: the years that have it.

    Codes are those of the newest year in every year, so a unit whose code changed is one unit (docs/adr/0009).
    """

    level: str

    code = "unit_code"
    codes = ("unit_code",)
    geometry_type = "MultiPolygon"
    geometry_format = "geometry-polygon-or-multipolygon"
    placed = False
    few = True
    batch_type = UnitBatch

    @property
    def name(self) -> str:
        """The level."""
        return self.level

    @property
    def subject(self) -> Text:
        """The level's title."""
        title: Text = self._entry(self.years[-1])["title"]
        return title

    @property
    def about(self) -> Text:
        """Emissions and absorption by unit."""
        subject = self.subject
        return {
            "ko": f"{subject['ko']}별 온실가스 배출량과 흡수량 (tCO2e/년), 어디에도 속하지 않는 양은 따로",
            "en": f"Greenhouse gas emissions and absorption by unit ({subject['en']}), in tCO2e a year, and of "
            "what lies in none",
        }

    @property
    def first_zoom(self) -> int:
        """The smaller the units, the later."""
        return tms.unit_zoom(self.level)

    @property
    def years(self) -> tuple[int, ...]:
        """Years it holds, ascending: a year may have been built without units."""
        return tuple(y for y in super().years if self.level in self.published.releases[y].unit_levels)

    def stored(self, year: int) -> UnitLevel:
        """Columns of one of its years under the codes of the newest."""
        return self.release(year).units_as_of(self.level, self.newest)

    def extent(self, year: int) -> Box:
        """Of the outlines, which may reach beyond the inventory, rounded outwards."""
        west, south, east, north = (v * WGS84.scale for v in self._entry(year)["extent"])
        s = WGS84.scale
        return floor(west) / s, floor(south) / s, ceil(east) / s, ceil(north) / s

    def _entry(self, year: int) -> Mapping[str, Any]:
        """What the manifest says of the level."""
        return self.release(year).unit_entries[self.level]

    def described(self, *, data_years: Iterable[str]) -> Iterable[Field]:
        """Properties of units."""
        return unit_fields(synthetic=self.synthetic, data_years=set(data_years))

    @property
    def every_field(self) -> Sequence[Field]:
        """Those of every inventory."""
        return UNIT_FIELDS

    @cached_property
    def known(self) -> tuple[str, ...]:
        """Code by key: those of all years ascending, then what lies in none."""
        levels = [self.stored(y) for y in self.years]
        return *sorted({c for level in levels for c in level.code[:-1]}), levels[-1].rest

    @cached_property
    def _keys(self) -> Mapping[int, Ints]:
        place = {code: key for key, code in enumerate(self.known)}
        by_year = {y: np.array([place[c] for c in self.stored(y).code], np.int64) for y in self.years}
        return MappingProxyType(by_year)

    def keys(self, year: int, rows: Rows = ALL) -> Ints:
        """Places among the codes of all years."""
        return self._keys[year][rows]

    def keys_named(self, name: str, text: str) -> Sequence[int]:
        """The unit of a code of any day."""
        code = self.published.release(self.newest).own_code(text)
        return [self.known.index(code)] if code in self.known else []

    def touching(self, year: int, box: Box) -> Ints | None:
        """By their published outlines."""
        return self.stored(year).shapes.touching(box)

    def near(self, year: int, box: Box) -> Ints | None:
        """By the bounds of their outlines."""
        return self.stored(year).shapes.near(box)

    def shapes(self, year: int, rows: Rows) -> Geometries:
        """Published outlines."""
        return self.stored(year).shapes.geometry[rows]

    def projected(self, year: int, rows: Ints, crs: str) -> Geometries:
        """Published outlines in the CRS of a tile matrix set."""
        return self.stored(year).projected(crs)[rows]
