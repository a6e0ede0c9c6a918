# SPDX-License-Identifier: Apache-2.0
"""Units of the map in a release: one ``units-{level}.arrow`` a level, described by ``units`` of the manifest.

Rows ascend by code; the last is what lies in no unit (``unallocated``, in zoning ``unzoned``) and has neither name nor
geometry. Outlines are CRS84 and disjoint, the very ones that were summed over; those of higher levels are unions.
Columns of numbers are those of a cell level (:class:`.stored.Level`), so every reader of cells can read units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from carbongrid.geometry.wkb import Wkb
from carbongrid.map_units import UnitTable
from carbongrid.sectors import Band
from carbongrid.unit_shapes import UNALLOCATED, Closure
from carbonstore.collections.figures import FigureColumns
from carbonstore.collections.shapes import Geometries, Shapes, in_crs
from carbonstore.releases import arrow

Text = Mapping[str, str]
ZONING = "zoning"
"""The level of zoning districts."""
UNZONED = "unzoned"
"""Code of what lies inside the inventory and in no zone."""
_NUMBERS = ("area_m2", "coverage", "null", "incomplete", "quality")


@dataclass(frozen=True, kw_only=True)
class UnitLevel(FigureColumns):
    """The units of one level and what lies in none, by ascending code, ``rest`` last (see the module).

    ``digits`` of a code that make it (0: the nation, whose code has no digits; None: zoning, which does not nest).
    ``geometry`` of the last row is empty bytes, its name None. ``coverage``: share of the outline inside the inventory,
    NaN in the last row.
    """

    level: str
    digits: int | None
    title: Text
    rest: str
    code: NDArray[np.object_]
    name: NDArray[np.object_]
    geometry: Wkb
    coverage: NDArray[np.float64]
    _projected: dict[str, Geometries] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def made(
        cls,
        about: tuple[str, int | None, Text],
        table: UnitTable,
        name: Sequence[str],
        outline: NDArray[np.object_],
        rest: str = UNALLOCATED,
    ) -> "UnitLevel":
        """From a model table; ``about``: (level, digits, title); ``name``, ``outline`` (CRS84): without the rest."""
        code = table.code.copy()
        code[-1] = rest
        wkb = Wkb.from_shapely(outline)
        level, digits, title = about
        return cls(
            level=level,
            digits=digits,
            title=title,
            rest=rest,
            code=code,
            name=np.array([*name, None], object),
            geometry=Wkb(wkb.data, np.r_[wkb.offsets, wkb.offsets[-1:]]),
            kg=tuple(arrow.narrow(kg) for kg in table.kg),
            u95=tuple(arrow.narrow(kg) for kg in table.u95),
            **{column: getattr(table, column) for column in _NUMBERS},
        )

    @classmethod
    def of(cls, entry: Mapping[str, Any], table: arrow.Table, bands: tuple[Band, ...]) -> "UnitLevel":
        """The columns of a ``units-{level}.arrow`` and its entry in the manifest."""
        return cls(
            level=entry["level"],
            digits=entry["digits"],
            title=entry["title"],
            rest=entry["rest"],
            code=table.strings("code"),
            name=table.strings("name"),
            geometry=table.wkb("geometry"),
            coverage=table.column("coverage"),
            **cls.read(table, bands),
        )

    def columns(self, bands: tuple[Band, ...]) -> dict[str, Any]:
        """Inverse of :meth:`of`, for the file."""
        return {
            "code": pa.array(self.code, pa.large_string()),
            "name": pa.array(self.name, pa.large_string()),
            "geometry": _with_null_end(arrow.geometry(self.geometry)),
            "area_m2": self.area_m2,
            "coverage": self.coverage,
            **self.masks(),
            **self.kilograms(bands),
        }

    def coded(self, code: NDArray[np.object_]) -> "UnitLevel":
        """The same units under other codes, by these ascending; itself where they are its own."""
        if (code == self.code).all():
            return self
        rows = np.append(np.argsort(code[:-1].astype(str), kind="stable"), len(self) - 1)
        return replace(
            self,
            code=code[rows],
            name=self.name[rows],
            geometry=self.geometry.take(rows),
            coverage=self.coverage[rows],
            bounds={},
            _projected={},
            **self.taken(rows),
        )

    @cached_property
    def shapes(self) -> Shapes:
        """Published outlines, None in the last row."""
        return Shapes.published(self.geometry.to_shapely())

    def projected(self, crs: str) -> Geometries:
        """All of them in the CRS of a tile matrix set; kept, for every tile is drawn from these."""
        if crs not in self._projected:
            self._projected[crs] = in_crs(self.shapes.geometry, crs)
        return self._projected[crs]

    def entry(self, closure: Closure | None) -> dict[str, Any]:
        """What the manifest says of the level; areas of the closure error to 1 m2."""
        at = self.geometry.offsets[:-1]  # without the rest, which has no outline
        outline = Wkb(self.geometry.data, at).to_shapely()
        return {
            "level": self.level,
            "digits": self.digits,
            "title": dict(self.title),
            "rest": self.rest,
            "count": len(self) - 1,
            "extent": [float(v) for v in shapely.total_bounds(outline)],
            "closure": None if closure is None else closure_json(closure),
        }


def _with_null_end(geometry: pa.Array) -> pa.Array:
    """The column with a true null in its last row, for readers that would stumble over empty WKB."""
    known = np.ones(len(geometry), bool)
    known[-1] = False
    validity = pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.LargeBinaryArray.from_buffers(geometry.type, len(geometry), [validity, *geometry.buffers()[1:]])


@dataclass(frozen=True)
class UnitMap:
    """All unit levels of an inventory, coarse to fine, zoning last.

    ``closure``: by level, what is wrong with the outlines as they came. ``of_cells``: by cell level int32, the row of
    the unit of the lowest administrative level that holds most of each cell; -1 where none holds any.
    ``terms``: licences and attributions of the outlines. ``read``: by level, what its reader has to say of its files.
    """

    levels: tuple[UnitLevel, ...] = ()
    closure: Mapping[str, Closure] = field(default_factory=dict)
    of_cells: Mapping[int, NDArray[np.int32]] = field(default_factory=dict)
    terms: tuple[tuple[str, str], ...] = ()
    read: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def entries(self) -> list[dict[str, Any]]:
        """``units`` of the manifest."""
        return [level.entry(self.closure.get(level.level)) for level in self.levels]

    def report(self) -> dict[str, Any]:
        """What is wrong with the outlines, and what of the kilograms lies in no unit, by level that has outlines."""
        return {
            level.level: {
                "count": len(level) - 1,
                "partly_inside": int((level.coverage[:-1] < 1).sum()),
                "closure": closure_json(self.closure[level.level]),
                f"{level.rest}_kg": int(sum(abs(int(kg[-1])) for kg in level.kg)),
                **({"read": dict(self.read[level.level])} if level.level in self.read else {}),
            }
            for level in self.levels
            if level.level in self.closure
        }


def closure_json(closure: Closure) -> dict[str, int]:
    """Areas to 1 m2."""
    return {key: round(value) for key, value in asdict(closure).items()}
