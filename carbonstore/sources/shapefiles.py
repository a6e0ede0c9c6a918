# SPDX-License-Identifier: Apache-2.0
"""Layers as agencies hand them out: shapefiles alone, zipped, zipped in a zip, in several parts; geodatabases."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from carbongrid.errors import InvalidInput
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.archive import SUFFIXES, opened
from carbonstore.sources.dbf import shapefile_encoding
from carbonstore.sources.features import Features
from carbonstore.sources.table import crs_of


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
        with opened(path, spec.place) as files:
            layers += [_layer(file, name, columns, spec) for file in files for name in _names(file, spec)]
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


def _names(path: Path, spec: SourceSpec) -> list[str | None]:
    """Layers to read of a file: all with geometry of a geodatabase, else its only one."""
    if path.suffix.lower() != ".gdb":
        return [None]
    try:
        found = [str(name) for name, kind in pyogrio.list_layers(path).tolist() if kind is not None]
    except DataSourceError as error:
        raise InvalidInput(f"'{path.name}' cannot be read", where=f"{spec.place}.path", allowed=SUFFIXES) from error
    return list(found)


def _layer(
    path: Path, layer: str | None, columns: Callable[[str, Sequence[str]], Sequence[str]], spec: SourceSpec
) -> Layer:
    is_shapefile = path.suffix.lower() == ".shp"
    encoding = shapefile_encoding(path, spec.encoding, spec.place) if is_shapefile else spec.encoding
    try:
        fields = list(pyogrio.read_info(path, layer=layer, encoding=encoding)["fields"])
        wanted = list(columns(layer or path.stem, fields))
        meta, table = pyogrio.read_arrow(path, layer=layer, columns=wanted, encoding=encoding)
    except (DataSourceError, DataLayerError) as error:
        raise InvalidInput(f"'{path.name}' cannot be read", where=f"{spec.place}.path", allowed=SUFFIXES) from error
    name = meta["geometry_name"] or "wkb_geometry"
    if name not in table.column_names:
        raise InvalidInput(f"'{path.name}' holds no geometry", where=f"{spec.place}.path", allowed=["a layer"])
    geometry = shapely.from_wkb(np.array(table[name].to_pylist(), object), on_invalid="ignore")
    return Layer(layer or path.stem, table.drop_columns([name]), np.asarray(geometry, object), meta["crs"], encoding)
