# SPDX-License-Identifier: Apache-2.0
"""Schema-true little files of the official Korean formats, with the quirks the real ones have."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas
import shapely

from carbonstore.sources.definitions import definition
from tests.store.inventories import CRS

P, Q, R = "1171010100100010000", "1171010100100020000", "1171010100200030000"
"""Parcel numbers: two ordinary lots, one on a mountain."""


def shapefile(
    path: Path,
    geometry: Sequence[shapely.Geometry],
    columns: Mapping[str, Sequence[Any]],
    crs: str,
    *,
    prj: bool = True,
    cpg: bool = False,
) -> Path:
    """CP949, usually without .cpg, as agencies write them; geometries are given on EPSG:5179."""
    frame = geopandas.GeoDataFrame(dict(columns), geometry=list(geometry), crs=CRS).to_crs(crs)
    frame.to_file(path, engine="pyogrio", encoding="cp949")
    if not cpg:
        path.with_suffix(".cpg").unlink(missing_ok=True)
    if not prj:
        path.with_suffix(".prj").unlink()
    return path


def register(n: int, fields: int, **given: Sequence[Any]) -> dict[str, Sequence[Any]]:
    """A0, A1, … of GIS건물통합정보: blank text unless given."""
    return {f"A{i}": given.get(f"A{i}", ["" for _ in range(n)]) for i in range(fields)}


def zipped(path: Path, files: Sequence[Path]) -> Path:
    """A zip of files; shapefiles bring their companions."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            members = file.parent.glob(f"{file.stem}.*") if file.suffix == ".shp" else [file]
            for member in sorted(m for m in members if m.suffix != ".zip" or m == file):
                archive.write(member, member.name)
    return path


def title_rows(*entries: Mapping[str, Any]) -> str:
    """Rows of 표제부: 77 fields by the names of the reader's definition."""
    names = [row["column"] for row in definition("kor_register")]
    lines = []
    for entry in entries:
        given = {"book_type": "2", "sigungu_code": "11710", "dong_code": "10100", "land_type": "0", "sub_no": "0000"}
        lines.append("|".join(str((given | dict(entry)).get(name, "가" if name == "_" else "")) for name in names))
    return "\r\n".join(lines) + "\r\n"


def text(path: Path, content: str, encoding: str = "cp949") -> Path:
    path.write_bytes(content.encode(encoding))
    return path
