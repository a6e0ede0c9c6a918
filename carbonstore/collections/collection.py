# SPDX-License-Identifier: Apache-2.0
"""What every collection is: records of an inventory by year, each a feature with properties and maybe a geometry.

A record is known within its year by its **key**: a number that means the same cell or unit in every year. Stored rows
ascend by key. Selection, paging, filters and encoders speak rows and keys only, so a kind of collection (cells, units)
is what its subclass says of them.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import NotFound
from carbonstore.collections import tms
from carbonstore.collections.fields import Field, Text, named
from carbonstore.collections.figures import FigureColumns, Rows, Stored
from carbonstore.collections.quads import CRS84, Box, crs_uri
from carbonstore.collections.shapes import in_crs
from carbonstore.releases.stored import Release

if TYPE_CHECKING:
    from carbonstore.collections.batch import Batch, Part
    from carbonstore.releases.catalogue import Published

Ints = NDArray[np.int64]
HISTORY = "-history"
ALL = slice(None)
RECODED = ("unit_code", "pnu")
"""Properties that begin with the code of a unit, which may have changed (docs/adr/0009)."""


def split_id(feature_id: str) -> tuple[str, int | None]:
    """(code, year) of a feature id ``{code}.{year}``, whose code may hold dots; (the text, None) without a year."""
    code, _, year = feature_id.rpartition(".")
    return (code, int(year)) if code and re.fullmatch(r"[1-9][0-9]{0,3}", year) else (feature_id, None)


@dataclass(frozen=True)
class Collection(ABC):
    """Records of one kind of an inventory: of the newest year, or of every published year.

    ``code`` is the property that, with the year, is the feature id ``{code}.{year}``; ``codes`` are all properties of
    which each value names one record of a year. ``geometry_type``: of columnar files and tables, null beside it.
    """

    published: "Published"
    history: bool

    code: ClassVar[str]
    codes: ClassVar[tuple[str, ...]]
    geometry_type: ClassVar[str]
    geometry_format: ClassVar[str]
    """Of the JSON Schema (OGC 23-058r2, table 3)."""
    placed: ClassVar[bool] = True
    """Whether every record has a geometry."""
    few: ClassVar[bool] = False
    """Whether its records are few and large: tiles keep every one of them, with the bends that can be seen."""
    hectare: ClassVar[tuple[str, float]] = ("area_m2", 10_000.0)
    """The property that densities are reckoned by, and how much of it is a hectare; cells have their nominal ones."""
    batch_type: ClassVar[type["Batch"]]

    @property
    @abstractmethod
    def name(self) -> str:
        """What its id has behind the inventory's: ``100m``, ``dong``."""

    @property
    @abstractmethod
    def subject(self) -> Text:
        """What its records are, for its title, by language."""

    @property
    @abstractmethod
    def about(self) -> Text:
        """What its records say, as the beginning of a sentence that names the years, by language."""

    @property
    @abstractmethod
    def first_zoom(self) -> int:
        """First zoom of WebMercatorQuad that it is drawn at (contract 5)."""

    @abstractmethod
    def stored(self, year: int) -> Stored:
        """Mapped columns of one of its years."""

    @abstractmethod
    def extent(self, year: int) -> Box:
        """(west, south, east, north) in CRS84 degrees of its records of one year."""

    @abstractmethod
    def described(self, *, data_years: Iterable[str]) -> Iterable[Field]:
        """Its properties in published order. ``data_years``: sectors whose data are of another year than the record."""

    @abstractmethod
    def keys(self, year: int, rows: Rows = ALL) -> Ints:
        """Keys of stored rows."""

    @abstractmethod
    def keys_named(self, name: str, text: str) -> Sequence[int]:
        """Keys, at most one, of the record that a property of ``codes`` names; it may be in no year."""

    @abstractmethod
    def touching(self, year: int, box: Box) -> Ints | None:
        """Rows that match a CRS84 box, ascending, None = all: those that touch it and those without geometry.

        (OGC 17-069r4, /req/core/fc-bbox-response C.)
        """

    @abstractmethod
    def near(self, year: int, box: Box) -> Ints | None:
        """Rows among which are all that touch a CRS84 box, and all without geometry, ascending; None = all."""

    @abstractmethod
    def shapes(self, year: int, rows: Rows) -> NDArray[Any]:
        """Geometries in CRS84 with the vertices that clients get, None where a row has none."""

    def largest(self, year: int, rows: Ints, most: int) -> Ints:
        """At most so many of these rows, ascending: the largest where there are more. Units are few enough."""
        return rows

    def projected(self, year: int, rows: Ints, crs: str) -> NDArray[Any]:
        """Geometries of rows in another CRS, x before y, unrounded: what tiles are drawn from."""
        return in_crs(self.shapes(year, rows), crs)

    def find(self, year: int, keys: Sequence[int]) -> Ints:
        """Rows, ascending, of the records with one of these keys; those of no record are left out."""
        wanted, there = np.unique(np.array(keys, np.int64)), self.keys(year)
        at = np.searchsorted(there, wanted)
        return at[there[np.minimum(at, len(there) - 1)] == wanted] if len(there) else at[:0]

    def lookup(self, year: int, name: str, texts: Sequence[str]) -> Ints | None:
        """Rows, ascending, whose property is one of these texts; None where they must be looked for."""
        if name not in self.codes:
            return None
        return self.find(year, [key for text in texts for key in self.keys_named(name, text)])

    def called(self, name: str, text: str) -> str:
        """A text that a property shall equal, as its records have it: a former code of a unit reads as its own."""
        return self.release(self.newest).own_code(text) if name in RECODED else text

    @property
    def scattered(self) -> Sequence[str]:
        """Properties with about as many texts as there are records: nothing is known of a block of them."""
        return self.codes

    def batch(self, parts: Sequence["Part"], n: int, matched: int) -> "Batch":
        """A batch of ``n`` records from parts that tell where their rows stand in it."""
        year, key = np.empty(n, np.int16), np.empty(n, np.int64)
        for part in parts:
            year[part.at] = part.year
            key[part.at] = self.keys(part.year, part.rows)
        return self.batch_type(self, year, key, tuple(parts), tuple(self.fields), matched)

    def over(self, *, history: bool) -> Self:
        """The same records of every year, or of the newest."""
        return replace(self, history=history)

    @property
    def id(self) -> str:
        """Collection id, e.g. ``sejong-100m-history``."""
        return f"{self.published.id}-{self.name}{HISTORY if self.history else ''}"

    @property
    def inventory(self) -> str:
        """Id of its inventory."""
        return self.published.id

    @property
    def edition(self) -> str:
        """Id of the edition it is cut from."""
        return self.published.edition.id

    @property
    def synthetic(self) -> bool:
        """Whether its data are made up."""
        return self.published.synthetic

    @property
    def years(self) -> tuple[int, ...]:
        """Years it holds, ascending."""
        return self.published.years if self.history else (self.published.newest,)

    @property
    def newest(self) -> int:
        """The highest year published."""
        return self.published.newest

    @cached_property
    def title(self) -> Text:
        """Title by language."""
        years = f"{self.years[0]}–{self.years[-1]}" if len(self.years) > 1 else str(self.years[-1])
        title, subject = self.published.title, self.subject
        return {
            "ko": f"{title['ko']} 탄소지도 {subject['ko']}, {years}",
            "en": f"{title['en']}: carbon map, {subject['en']}, {years}",
        }

    @cached_property
    def description(self) -> Text:
        """Description by language."""
        which = ("발행된 모든 연도", "every published year") if self.history else ("최신 연도", "the newest year")
        text = {"ko": f"{self.about['ko']}, {which[0]}.", "en": f"{self.about['en']}; {which[1]}."}
        notes = self.published.manifest["notes"]
        return {k: " ".join([v, *(note[k] for note in notes)]) for k, v in text.items()}

    @cached_property
    def bbox(self) -> Box:
        """(west, south, east, north) in CRS84 degrees of all its records."""
        west, south, east, north = zip(*(self.extent(y) for y in self.years), strict=True)
        return min(west), min(south), max(east), max(north)

    @property
    def interval(self) -> tuple[str, str]:
        """First and last day it holds, as dates."""
        return f"{self.years[0]}-01-01", f"{self.years[-1]}-12-31"

    @property
    def licences(self) -> Sequence[Mapping[str, str]]:
        """Licence and attribution of every source."""
        stated: Sequence[Mapping[str, str]] = self.published.manifest["licences"]
        return stated

    @property
    def attribution(self) -> str:
        """Attributions on one line."""
        return "; ".join(dict.fromkeys(entry["attribution"] for entry in self.licences))

    @cached_property
    def crs(self) -> tuple[str, ...]:
        """URIs of the CRSs that items come in, CRS84 first (contract 4)."""
        korean = (5186,) if self.published.manifest["country"] == "kor" else ()
        codes = dict.fromkeys((4326, 3857, self.published.grid.epsg, *korean))
        return CRS84, *(crs_uri(code) for code in codes)

    @property
    def storage_crs(self) -> str:
        """URI of the CRS that both doors call the storage CRS."""
        return CRS84

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """Its properties by name, in published order."""
        given = {s for y in self.years for s, of in self.release(y).manifest["data_years"].items() if of != y}
        return MappingProxyType(named(self.described(data_years=given)))

    @property
    def every_field(self) -> Sequence[Field]:
        """Properties that collections of this kind may have, whatever this one holds: the columns of a table."""
        return tuple(self.fields.values())

    def zooms(self, tms_id: str) -> tuple[int, int]:
        """First and last zoom of its tiles in a set; UnknownName for an unknown one, NotFound for one not offered."""
        tiles, offered = tms.named(tms_id), self.published.tile_sets
        if tms_id not in offered:
            raise NotFound(f"{self.id} has no tiles in {tms_id}", where="tileMatrixSetId", allowed=offered)
        return tiles.zooms_from(self.first_zoom)

    def release(self, year: int) -> Release:
        """The release of one of its years; NotFound otherwise."""
        if year not in self.years:
            raise NotFound(f"{self.id} holds no year {year}", where="year", allowed=self.years)
        return self.published.releases[year]


class FigureCollection(Collection):
    """Records whose columns are those of ``FigureColumns``."""

    @abstractmethod
    def stored(self, year: int) -> FigureColumns:
        """Mapped columns of one of its years."""
