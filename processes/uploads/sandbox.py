# SPDX-License-Identifier: Apache-2.0
"""Reads one uploaded file in a process of its own: ``python -m processes.uploads.sandbox FORM FILE``; Arrow to stdout.

The process has no secrets in its environment, no sockets, little memory and few seconds; :func:`environment` leaves
GDAL the one driver that the file is said to be for, so no file passes for another kind (a VRT that names addresses).
What it refuses it says as JSON, with exit code REFUSED.
"""

import os
import resource
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

import orjson

from carbongrid.errors import CarbongridError, InvalidInput, TooLarge
from processes.jobs.bounds import bound, no_sockets
from processes.uploads.archives import unpacked

if TYPE_CHECKING:
    import pyarrow as pa
    import shapely

CPU_S, MEMORY, FILE = 20, 1 << 30, 256 << 20
"""Limits of the process: seconds of processor time, bytes of memory, bytes of one file it writes."""
REFUSED = 3
_STACK = 512 << 10
_UNSTATED = ("undefined", "unknown")


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of file: the driver that reads it, the suffix it wants, how files of it begin, whether layers are one."""

    name: str
    driver: str
    suffix: str
    begins: tuple[bytes, ...]
    merged: bool = False


FORMS = {
    f.name: f
    for f in (
        Form("GeoPackage", "GPKG", "gpkg", (b"SQLite format 3\0",)),
        Form("zipped Shapefile", "ESRI Shapefile", "zip", (b"PK\x03\x04",)),
        Form("KML", "KML", "kml", (b"<",), merged=True),
        Form("GeoJSON", "GeoJSON", "geojson", (b"{",)),
    )
}
"""By name."""


class _Light(MetaPathFinder):
    """Hides modules that pyogrio and pyarrow take where they find them: they cost a second."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        """Nothing, or ImportError for a module that is hidden."""
        if fullname in ("pandas", "geopandas"):
            raise ImportError(fullname)


def environment(form: Form, drivers: Iterable[str]) -> dict[str, str]:
    """All the environment that the process gets. ``drivers``: every driver that GDAL has."""
    return {
        "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "GDAL_SKIP": ",".join(name for name in drivers if name != form.driver),
        "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": "{none}",
        "PROJ_NETWORK": "OFF",
    }


def main() -> None:
    """Bound this process, read the file, hand its rows out."""
    form, path = FORMS[sys.argv[1]], sys.argv[2]
    sys.meta_path.insert(0, _Light())
    bound(CPU_S, MEMORY)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE, FILE))
    no_sockets()
    try:
        _send(*read(form, path))
    except (CarbongridError, MemoryError) as error:
        told = error if isinstance(error, CarbongridError) else TooLarge("reading the file takes too much memory")
        record = {"kind": type(told).__name__, "what": told.what, "allowed": told.allowed}
        sys.stdout.buffer.write(orjson.dumps(record))
        sys.exit(REFUSED)


def read(form: Form, path: str) -> "tuple[pa.Table, str | None]":
    """Rows with their geometry (WKB, last column ``geometry``) and the CRS that the file states, None for none."""
    path = unpacked(path) if form.suffix == "zip" else path
    from pyogrio import list_layers  # noqa: PLC0415 - only now may GDAL be loaded
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415

    try:
        layers = [str(name) for name, kind in list_layers(path).tolist() if kind is not None]
        return _joined(form, [_layer(path, name) for name in _chosen(form, layers)])
    except (DataLayerError, DataSourceError, UnicodeDecodeError) as error:
        raise InvalidInput(f"the file cannot be read as {form.name}") from error


def _chosen(form: Form, layers: list[str]) -> list[str]:
    if not layers:
        raise InvalidInput(f"the {form.name} holds no layer with geometry")
    if len(layers) > 1 and not form.merged:
        raise InvalidInput(f"the {form.name} holds {len(layers)} layers with geometry", allowed=["a file with one"])
    return layers


def _layer(path: str, name: str) -> "tuple[pa.Table, str | None]":
    from pyogrio.raw import read_arrow  # noqa: PLC0415

    meta, table = read_arrow(path, layer=name)
    column: Any = meta["geometry_name"] or "wkb_geometry"
    shapes = _plain(table[column].to_pylist())
    return table.drop_columns([column]).append_column("geometry", shapes), meta["crs"]


def _plain(blobs: list[bytes | None]) -> "pa.Array":
    """Geometries read once and written anew; None for what is none, for curves and collections in collections.

    Readers of well-known binary follow nested geometries by recursion: 20,000 of them (180 kB) end a process. That must
    be this one, so they are read on a 16th of the stack of the server's threads.
    """
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    threading.stack_size(_STACK)
    with ThreadPoolExecutor(1) as pool:
        shapes = np.array(pool.submit(_read, blobs).result(), object)
    collection = shapely.GeometryType.GEOMETRYCOLLECTION
    for i in np.flatnonzero(shapely.get_type_id(shapes) == collection):
        if (shapely.get_type_id(shapely.get_parts(shapes[i])) == collection).any():
            shapes[i] = None
    return pa.array(shapely.to_wkb(shapes).tolist(), pa.binary())


def _read(blobs: list[bytes | None]) -> "list[shapely.Geometry | None]":
    """A geometry each, None for what is none; a curve among them stops the fast way."""
    import shapely  # noqa: PLC0415

    try:
        return list(shapely.from_wkb(blobs, on_invalid="ignore"))
    except NotImplementedError:
        return [None] if len(blobs) == 1 else [found for blob in blobs for found in _read([blob])]


def _joined(form: Form, layers: "list[tuple[pa.Table, str | None]]") -> "tuple[pa.Table, str | None]":
    import pyarrow as pa  # noqa: PLC0415

    crs = layers[0][1]
    table = layers[0][0] if len(layers) == 1 else pa.concat_tables([t.select(["geometry"]) for t, _ in layers])
    if not table.num_rows:
        raise InvalidInput(f"the {form.name} holds no row")
    stated = crs is not None and not any(word in crs.lower() for word in _UNSTATED)
    return table, crs if stated else None


def _send(table: "pa.Table", crs: str | None) -> None:
    import pyarrow as pa  # noqa: PLC0415

    if table.nbytes > FILE:
        raise TooLarge(f"the file unfolds to {table.nbytes:,} bytes, at most {FILE:,} are read")
    table = table.replace_schema_metadata({"crs": crs or ""})
    with pa.ipc.new_stream(sys.stdout.buffer, table.schema) as stream:
        stream.write_table(table)


if __name__ == "__main__":
    main()
