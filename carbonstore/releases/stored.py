# SPDX-License-Identifier: Apache-2.0
"""A release opened for reading: its manifest, and its columns mapped into memory. :mod:`.release` writes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import orjson
import shapely
import shapely.geometry
from numpy.typing import NDArray

from carbongrid.code_changes import all_as_of, as_of, code_changes, year_end
from carbongrid.disclosure import Pools
from carbongrid.errors import Corrupt, NotFound
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Activity, Border, Cells, FactorRow, Inventory, Layer, Lines, Pieces
from carbongrid.sectors import Band, weights
from carbonstore.collections.figures import FigureColumns
from carbonstore.releases import arrow, disk, pools, verify
from carbonstore.releases.source_features import SourceLevel
from carbonstore.releases.unit_levels import UnitLevel

SCHEMA = 1
"""Version of this layout; a reader refuses any other."""


@dataclass(frozen=True, kw_only=True)
class Level(FigureColumns):
    """The cells of one level, as mapped columns in row-major order (see ``carbongrid.inventory.Cells``).

    ``unit`` int32: row of the cell's unit in the lowest level of units, -1 where it lies in none; None where the
    release has no units.
    """

    window: Window
    index: NDArray[np.int64]
    share: NDArray[np.float64]
    unit: NDArray[np.int32] | None = None

    @classmethod
    def of(cls, table: arrow.Table, window: Window, bands: tuple[Band, ...]) -> "Level":
        """The columns of a ``cells-{level}.arrow``."""
        return cls(
            window=window,
            index=table.column("index"),
            share=table.column("share"),
            unit=table.column("unit") if "unit" in table.names else None,
            **cls.read(table, bands),
        )

    def cells(self) -> Cells:
        """Everything as the model's type, kilograms widened to int64."""
        kg, u95 = _stack(self.kg, len(self.index)), _stack(self.u95, len(self.index))
        return Cells(
            self.window, self.index, self.share, self.area_m2, kg, self.null, self.incomplete, u95, self.quality
        )

    def rows_in(self, block: tuple[int, int, int, int]) -> NDArray[np.int64]:
        """Positions, ascending, of the cells within (row0, row1, col0, col1), half open."""
        row0, row1, col0, col1 = block
        first = np.arange(row0, row1, dtype=np.int64) * self.window.ncol
        start, stop = np.searchsorted(self.index, first + col0), np.searchsorted(self.index, first + col1)
        length = stop - start
        skipped = np.repeat(start - np.cumsum(length) + length, length)
        return skipped + np.arange(len(skipped), dtype=np.int64)


def _stack(columns: tuple[NDArray[Any], ...], n: int) -> NDArray[np.int64]:
    out = np.empty((len(columns), n), np.int64)
    for row, column in zip(out, columns, strict=True):
        row[:] = column
    return out


class Release:
    """A release opened for reading: files mapped, nothing read yet. Safe to share between threads."""

    def __init__(
        self, path: Path, manifest: Mapping[str, Any], tables: Mapping[str, arrow.Table], outlines: Mapping[str, bytes]
    ) -> None:
        self.path, self.manifest, self._tables, self._outlines = path, manifest, tables, outlines
        self._levels: dict[int, Level] = {}
        self._units: dict[str, UnitLevel] = {}
        self._recoded: dict[tuple[str, int], UnitLevel] = {}
        self._sources: dict[str, SourceLevel] = {}

    @classmethod
    def open(cls, path: Path) -> "Release":
        """Open ``releases/{id}``; NotFound where there is none, Corrupt where its manifest is not the promised one.

        Every file is mapped now, so what is open stays readable when the release is pruned meanwhile.
        """
        try:
            raw = (path / "manifest.json").read_bytes()
            manifest = _parse(raw, path.name)
            tables = {name: arrow.Table(path / name) for name in manifest["files"] if name.endswith(".arrow")}
            outlines = {name: (path / name).read_bytes() for name in manifest["files"] if name.endswith(".geojson")}
        except FileNotFoundError as error:
            raise NotFound(f"there is no release '{path.name}'", where="release") from error
        return cls(path, manifest, tables, outlines)

    @property
    def id(self) -> str:
        """The release's name: 16 hex digits."""
        return self.path.name

    @property
    def inventory_id(self) -> str:
        """Id of the inventory it belongs to."""
        return str(self.manifest["inventory"])

    @property
    def year(self) -> int:
        """The year it holds."""
        return int(self.manifest["year"])

    @property
    def grid(self) -> Grid:
        """Grid of the finest level."""
        return self.window.grid

    @cached_property
    def window(self) -> Window:
        """Window of the finest level."""
        w = self.manifest["window"]
        grid = Grid(self.manifest["grid"]["epsg"], self.manifest["grid"]["cell_size"])
        return Window(grid, w["left"], w["top"], w["ncol"], w["nrow"])

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """Its bands, in stored order."""
        return tuple(Band(b["sector"], b["use"], b["scope"], b["gas"]) for b in self.manifest["totals"]["bands"])

    @property
    def levels(self) -> tuple[int, ...]:
        """Published levels, metres, finest first."""
        return tuple(self.manifest["levels"])

    @property
    def internal_levels(self) -> tuple[int, ...]:
        """Coarser levels that only dataset tiles draw from, metres."""
        return tuple(self.manifest["internal_levels"])

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """Source kinds it holds."""
        return tuple(self.manifest["kinds"])

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """Matrix (figures, bands) of the end-user mode that items and tiles show."""
        return weights(self.bands)

    def level(self, size: int) -> Level:
        """Mapped columns of the cells of one level; NotFound where the release has no such level."""
        if size not in self._levels:
            if f"cells-{size}.arrow" not in self._tables:
                raise NotFound(f"there is no level of {size} m", allowed=[*self.levels, *self.internal_levels])
            window = self.window.coarsen(size // self.grid.cell_size)
            self._levels[size] = Level.of(self._tables[f"cells-{size}.arrow"], window, self.bands)
        return self._levels[size]

    def with_level(self, size: int, level: Level) -> "Release":
        """The release with other cells at one level, e.g. those of a region; all else is shared."""
        made = Release(self.path, self.manifest, self._tables, self._outlines)
        made._levels[size] = level
        return made

    @cached_property
    def unit_levels(self) -> tuple[str, ...]:
        """Levels of units it holds, coarse to fine, zoning last."""
        return tuple(self.unit_entries)

    @cached_property
    def cell_unit_level(self) -> str | None:
        """The lowest level of units that nest, to which ``Level.unit`` refers; None where there is none."""
        nesting = [name for name, entry in self.unit_entries.items() if entry["digits"] is not None]
        return nesting[-1] if nesting else None

    @cached_property
    def unit_entries(self) -> dict[str, Mapping[str, Any]]:
        """What the manifest says of every level of units."""
        return {entry["level"]: entry for entry in self.manifest.get("units", ())}

    def units(self, level: str) -> UnitLevel:
        """Mapped columns of the units of one level; NotFound where the release has no such level."""
        if level not in self._units:
            if level not in self.unit_entries:
                raise NotFound(f"there are no units '{level}'", allowed=self.unit_levels)
            table = self._tables[f"units-{level}.arrow"]
            self._units[level] = UnitLevel.of(self.unit_entries[level], table, self.bands)
        return self._units[level]

    @cached_property
    def source_entries(self) -> dict[str, Mapping[str, Any]]:
        """What the manifest says of the sources that clients may see, by kind."""
        return {entry["kind"]: entry for entry in self.manifest.get("sources", ())}

    @property
    def source_kinds(self) -> tuple[str, ...]:
        """Kinds of sources that clients may see; none in a release that was built before there were such files."""
        return tuple(self.source_entries)

    def sources(self, kind: str) -> SourceLevel:
        """Mapped columns of the sources of one kind; NotFound where the release has none."""
        if kind not in self._sources:
            if kind not in self.source_entries:
                raise NotFound(f"there are no {kind}", allowed=self.source_kinds)
            table, blocks = (self._tables[f"{name}-{kind}.arrow"] for name in ("features", "feature-blocks"))
            self._sources[kind] = SourceLevel.of(self.source_entries[kind], table, blocks)
        return self._sources[kind]

    def units_as_of(self, level: str, year: int) -> UnitLevel:
        """The units under the codes of another year, by these ascending: a unit keeps its line through a history."""
        if (level, year) not in self._recoded:
            units = self.units(level)
            self._recoded[level, year] = units.coded(self.codes_as_of(units.code, year))
        return self._recoded[level, year]

    def codes_as_of(self, codes: NDArray[np.object_], year: int) -> NDArray[np.object_]:
        """Codes of units, of any day, as they read at the end of a year."""
        return all_as_of(codes, year_end(year), code_changes(self.manifest["country"]))

    def recoded(self, year: int) -> bool:
        """Whether any of its units reads otherwise at the end of a year."""
        levels = (self.units(level).code for level in self.unit_levels)
        return any((self.codes_as_of(code, year) != code).any() for code in levels)

    def own_code(self, code: str) -> str:
        """A code of a unit, of any day, as this release has it."""
        return as_of(code, year_end(self.year), code_changes(self.manifest["country"]))

    def cells(self, level: int) -> Cells:
        """The cells of one level (metres) as the model's type."""
        return self.level(level).cells()

    def pieces(self, kind: str) -> Pieces:
        """Line x finest cell of one source kind."""
        table = self._tables[f"pieces-{kind}.arrow"]
        ptr, record = table.records("pieces")
        return Pieces(self.window, table.column("cell"), ptr, record["line"], record["kg"].astype(np.int64))

    def lines(self, kind: str) -> Lines:
        """Inventory lines of one source kind."""
        table = self._tables[f"lines-{kind}.arrow"]
        names = ("source", "band", "factor", "row", "u_own", "activity")
        return Lines(kg=table.column("kg").astype(np.int64), **{name: table.column(name) for name in names})

    def layer(self, kind: str) -> Layer:
        """One source kind with geometry, lines and pieces; NotFound for a kind it does not hold."""
        if kind not in self.kinds:
            raise NotFound(f"the inventory holds no {kind}", allowed=self.kinds)
        table = self._tables[f"sources-{kind}.arrow"]
        quality, imputed = table.column("quality"), table.column("imputed").view(np.bool_)
        geometry = table.wkb("geometry")
        return Layer(kind, table.strings("id"), geometry, quality, imputed, self.lines(kind), self.pieces(kind))

    @property
    def border(self) -> Border:
        """Inside geometry of the finest cells that the boundary cuts."""
        table = self._tables["border.arrow"]
        return Border(table.column("cell"), table.wkb("geometry"))

    @cached_property
    def boundary(self) -> bytes:
        """Boundary of the inventory, WKB in CRS84."""
        return wkb_of_geojson(self._outlines["boundary.geojson"])

    @cached_property
    def factors(self) -> tuple[FactorRow, ...]:
        """Emission factors as they were used."""
        return tuple(FactorRow(**f) for f in self.manifest["factors"])

    @cached_property
    def rows(self) -> tuple[Activity, ...]:
        """Table rows that many sources share."""
        return tuple(Activity(**r) for r in self.manifest["rows"])

    @cached_property
    def pools(self) -> Pools | None:
        """Pools of metered parcels, without what each parcel contributed; None where nothing metered was pooled."""
        if pools.POOLS not in self._tables:
            return None
        return pools.load(self._tables[pools.POOLS], self._tables[pools.MEMBERS])

    def coverage(self, sector: str) -> bytes | None:
        """What the sector's sources cover, WKB in CRS84; None where it has none."""
        if sector not in self.manifest["coverage"]:
            return None
        return wkb_of_geojson(self._outlines[f"coverage-{sector}.geojson"])

    def inventory(self) -> Inventory:
        """The whole inventory; arrays are mapped, only kilograms are widened."""
        return Inventory(
            id=self.inventory_id,
            year=self.year,
            grid=self.grid,
            boundary=self.boundary,
            bands=self.bands,
            factors=self.factors,
            rows=self.rows,
            layers={kind: self.layer(kind) for kind in self.kinds},
            cells={size: self.cells(size) for size in (*self.levels, *self.internal_levels)},
            border=self.border,
        )

    def verify(self) -> None:
        """Raise Corrupt unless files, sums and masks are what the manifest says (``carbonstore.releases.verify``)."""
        verify.verify(self)


def _parse(raw: bytes, name: str) -> dict[str, Any]:
    if disk.digest(raw)[:16] != name:
        raise Corrupt("the manifest is not the one that the release is named after", where=f"release {name}")
    manifest: dict[str, Any] = orjson.loads(raw)
    if manifest["schema"] != SCHEMA:
        raise Corrupt(f"layout version {manifest['schema']} is not known", where=f"release {name}", allowed=[SCHEMA])
    return manifest


_OPEN: WeakValueDictionary[Path, Release] = WeakValueDictionary()
_OPENING = Lock()


def opened(path: Path) -> Release:
    """An open release, shared by all who hold it and unmapped after the last: what it holds never changes."""
    with _OPENING:
        release = _OPEN.get(path)
        if release is None:
            release = _OPEN[path] = Release.open(path)
        return release


def forget(path: Path) -> None:
    """Open a release anew next time: what it was opened from turned out to be damaged."""
    with _OPENING:
        _OPEN.pop(path, None)


def wkb_of_geojson(raw: bytes) -> bytes:
    """WKB of the geometry of a GeoJSON Feature; coordinates are exact doubles."""
    return bytes(
        shapely.to_wkb(shapely.geometry.shape(orjson.loads(raw)["geometry"]), output_dimension=2, byte_order=1)
    )
