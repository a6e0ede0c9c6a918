# SPDX-License-Identifier: Apache-2.0
"""Shapefiles with the field types and widths of the real ones, the same bytes on every run.

GDAL writes geometry and projection; the attribute table (dBASE III, CP949) is written here, column by column, because
the real files' field types and widths are part of the format and because it takes a tenth of the time.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio.raw
import shapely
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput

ENCODING = "cp949"
_EPOCH = "1970-01-01"
"""Date of the table's last update: a day of the calendar would make two runs differ."""


@dataclass(frozen=True)
class Column:
    """A dBASE column: text of ``width`` bytes, or a number with ``decimals`` where they are given.

    ``values``: text (object or str), or float64 with NaN = blank.
    """

    name: str
    values: NDArray[np.generic]
    width: int
    decimals: int | None = None

    def encoded(self) -> NDArray[np.bytes_]:
        """Values as fixed-width bytes, shape (n,)."""
        if self.decimals is None:
            known, row = np.unique(self.values.astype(str), return_inverse=True)
            return self._fitted([text.encode(ENCODING) for text in known.tolist()])[row]
        form = f"%{self.width}.{self.decimals}f"
        return self._fitted([b"" if isnan(x) else (form % x).encode() for x in self.values.astype(float).tolist()])

    def _fitted(self, cells: list[bytes]) -> NDArray[np.bytes_]:
        """Cells padded to the column's width; a wider one would be cut within a character or a number."""
        if len(widest := max(cells, key=len)) > self.width:
            raise InvalidInput(f"{widest!r} is wider than {self.width} bytes", where=self.name)
        return np.array([cell.ljust(self.width) for cell in cells], f"S{self.width}")

    @property
    def descriptor(self) -> bytes:
        """The column's 32 bytes in the table's header."""
        kind = b"C" if self.decimals is None else b"N"
        return struct.pack("<11sc4xBB14x", self.name.encode(), kind, self.width, self.decimals or 0)


def write_shapefile(path: Path, outlines: NDArray[np.object_], columns: Sequence[Column], crs: str) -> None:
    """Write ``path`` (.shp) with its .shx, .dbf, .prj and .cpg; ``outlines``: points, lines or polygons."""
    kind = {0: "Point", 1: "LineString"}.get(int(shapely.get_type_id(outlines[0])), "Polygon")
    options = {"DBF_DATE_LAST_UPDATE": _EPOCH}
    wkb = shapely.to_wkb(outlines)
    write: Any = pyogrio.raw.write  # untyped
    write(path, wkb, [], fields=[], driver="ESRI Shapefile", geometry_type=kind, crs=crs, layer_options=options)
    path.with_suffix(".dbf").write_bytes(table(columns))
    path.with_suffix(".cpg").write_bytes(b"949")


def table(columns: Sequence[Column]) -> bytes:
    """A dBASE III table in CP949."""
    cells = [column.encoded() for column in columns]
    n, size = len(cells[0]), 1 + sum(c.width for c in columns)
    head = struct.pack("<4BIHH20x", 3, 70, 1, 1, n, 33 + 32 * len(columns), size)
    records = np.full((n, size), ord(" "), np.uint8)
    at = 1
    for column, cell in zip(columns, cells, strict=True):
        text = np.ascontiguousarray(cell).view(np.uint8).reshape(n, column.width)
        records[:, at : at + column.width] = np.where(text == 0, ord(" "), text)
        at += column.width
    return head + b"".join(c.descriptor for c in columns) + b"\r" + records.tobytes() + b"\x1a"
