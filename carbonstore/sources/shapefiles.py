# SPDX-License-Identifier: Apache-2.0
"""Shapefiles as agencies hand them out: alone, zipped, zipped in a zip, a province in several parts."""

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from carbongrid.errors import InvalidInput
from carbonstore.source_spec import SourceSpec
from carbonstore.sources.dbf import shapefile_encoding
from carbonstore.sources.features import Features
from carbonstore.sources.table import crs_of

SUFFIXES = (".shp", ".zip", ".gpkg", ".geojson")
_PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")
_DEPTH = 3
"""How deep zips may lie in one another."""


@dataclass(frozen=True)
class Layer:
    """One layer as it stands: name without suffix, attributes, geometry, the CRS and encoding that were found."""

    name: str
    table: pa.Table
    geometry: NDArray[np.object_]
    crs: str | None
    encoding: str | None


def read_layers(spec: SourceSpec, columns: Callable[[str, Sequence[str]], Sequence[str]]) -> list[Layer]:
    """Every layer of the source's files, in order of their names; ``columns(name, fields)`` says which to read.

    InvalidInput for files that hold no layer, a damaged zip, text that is not in the stated encoding.
    """
    layers: list[Layer] = []
    for path in spec.paths:
        if path.suffix.lower() not in SUFFIXES:
            raise InvalidInput(f"'{path.name}' is no layer", where=f"{spec.place}.path", allowed=SUFFIXES)
        with _opened(path, spec.place) as files:
            layers += [_layer(file, columns, spec) for file in files]
    return layers


def combined(spec: SourceSpec, parts: Sequence[Features], crs: Sequence[str]) -> Features:
    """The parts of one source as one; InvalidInput where they are in different CRS."""
    if len(set(crs)) > 1:
        raise InvalidInput("its parts are in different CRS", where=f"{spec.place}.path", allowed=sorted(set(crs)))
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        id=np.concatenate([p.id for p in parts]),
        geometry=np.concatenate([p.geometry for p in parts]),
        columns={name: np.concatenate([p.columns[name] for p in parts]) for name in first.columns},
        fate=np.concatenate([p.fate for p in parts]),
        unread=_added([p.unread for p in parts]),
        unparsed=_added([p.unparsed for p in parts]),
        notes=tuple(dict.fromkeys(note for p in parts for note in p.notes)),
    )


def layer_crs(spec: SourceSpec, layer: Layer, default: str | None = None) -> tuple[str, tuple[str, ...]]:
    """CRS of a layer: the author's, the file's, else that of its official layout; with a note where it was assumed."""
    if spec.crs is None and layer.crs is None and default is not None:
        return default, (f"'{layer.name}' states no CRS: its release is published in {default}",)
    return crs_of(spec, layer.crs), ()


def _added(counts: Sequence[Any]) -> dict[str, int]:
    names = dict.fromkeys(name for count in counts for name in count)
    return {name: sum(count.get(name, 0) for count in counts) for name in names}


@contextmanager
def _opened(path: Path, place: str) -> Iterator[list[Path]]:
    """The layer's file, or the shapefiles of a zip in a folder that is gone afterwards."""
    if path.suffix.lower() != ".zip":
        yield [path]
        return
    with TemporaryDirectory(prefix="carbongrid-") as folder:
        try:
            with path.open("rb") as file:
                _unpack(file, Path(folder), _DEPTH)
        except zipfile.BadZipFile as error:
            raise InvalidInput(f"'{path.name}' is no zip file", where=f"{place}.path", allowed=SUFFIXES) from error
        found = sorted(Path(folder).rglob("*.shp"), key=lambda p: (p.name, str(p)))
        if not found:
            raise InvalidInput(f"'{path.name}' holds no shapefile", where=f"{place}.path", allowed=["a zip with .shp"])
        yield found


def _unpack(file: IO[bytes], folder: Path, depth: int) -> None:
    """Shapefile parts of a zip, and of zips in it, each zip into a folder of its own; names in it choose no folder."""
    with zipfile.ZipFile(file) as archive:
        for number, member in enumerate(archive.infolist()):
            name = Path(member.filename.replace("\\", "/")).name
            suffix = Path(name).suffix.lower()
            with archive.open(member) as content:
                if suffix == ".zip" and depth > 1:
                    inner = folder / str(number)
                    inner.mkdir()
                    _unpack(BytesIO(content.read()), inner, depth - 1)
                elif suffix in _PARTS:
                    with (folder / f"{Path(name).stem}{suffix}").open("wb") as out:
                        copyfileobj(content, out)


def _layer(path: Path, columns: Callable[[str, Sequence[str]], Sequence[str]], spec: SourceSpec) -> Layer:
    is_shapefile = path.suffix.lower() == ".shp"
    encoding = shapefile_encoding(path, spec.encoding, spec.place) if is_shapefile else spec.encoding
    try:
        fields = list(pyogrio.read_info(path, encoding=encoding)["fields"])
        wanted = list(columns(path.stem, fields))
        meta, table = pyogrio.read_arrow(path, columns=wanted, encoding=encoding)
    except (DataSourceError, DataLayerError) as error:
        raise InvalidInput(f"'{path.name}' cannot be read", where=f"{spec.place}.path", allowed=SUFFIXES) from error
    name = meta["geometry_name"] or "wkb_geometry"
    if name not in table.column_names:
        raise InvalidInput(f"'{path.name}' holds no geometry", where=f"{spec.place}.path", allowed=["a layer"])
    geometry = shapely.from_wkb(np.array(table[name].to_pylist(), object), on_invalid="ignore")
    return Layer(path.stem, table.drop_columns([name]), np.asarray(geometry, object), meta["crs"], encoding)
