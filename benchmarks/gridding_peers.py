# SPDX-License-Identifier: Apache-2.0
"""Other programs that split polygons and lines over cells, each set up at its best before the clock starts.

Every one ends with the same three columns: source, cell and the square metres or metres of the one in the other.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import duckdb
import geopandas
import numpy as np
import psycopg
import shapely
from numpy.typing import NDArray

from carbongrid.grid import Window
from tests import postgres


class Split(NamedTuple):
    """Source x cell and its measure, in any order."""

    source: NDArray[np.int64]
    cell: NDArray[np.int64]
    measure: NDArray[np.float64]


class Layer(NamedTuple):
    """Geometries to be split, in the CRS of the window; all polygons or all lines."""

    shapes: NDArray[np.object_]
    place: Window
    crs: str

    @property
    def polygons(self) -> bool:
        return bool(shapely.get_dimensions(self.shapes).max() == 2)

    def squares(self) -> NDArray[np.object_]:
        """The window's cells as polygons, in the order of their flat index."""
        west, south = self.place.corners(np.arange(self.place.size))
        size = self.place.grid.cell_size
        return np.asarray(shapely.box(west, south, west + size, south + size), object)


type Work = Callable[[], Split]


class Absent(Exception):
    """Why a peer is not part of the comparison."""


@contextmanager
def overlay(layer: Layer) -> Iterator[Work]:
    """geopandas.overlay, with its own spatial index."""
    sources = geopandas.GeoDataFrame({"source": np.arange(len(layer.shapes))}, geometry=layer.shapes, crs=layer.crs)
    cells = geopandas.GeoDataFrame({"cell": np.arange(layer.place.size)}, geometry=layer.squares(), crs=layer.crs)

    def work() -> Split:
        found = geopandas.overlay(sources, cells, keep_geom_type=True)
        measure = found.geometry.area if layer.polygons else found.geometry.length
        return Split(found["source"].to_numpy(), found["cell"].to_numpy(), measure.to_numpy())

    yield work


@contextmanager
def exactextract(layer: Layer) -> Iterator[Work]:
    """Coverage fractions of a raster in memory (32-bit floats); polygons only."""
    import exactextract as peer  # noqa: PLC0415 - loads GDAL of its own

    if not layer.polygons:
        raise Absent("it takes polygons only")
    west, south, east, north = layer.place.bounds
    values = np.zeros((layer.place.nrow, layer.place.ncol), np.float32)
    raster = peer.raster.NumPyRasterSource(values, west, south, east, north, srs_wkt=None)
    frame = geopandas.GeoDataFrame({"source": np.arange(len(layer.shapes))}, geometry=layer.shapes, crs=layer.crs)
    area = float(layer.place.grid.cell_size**2)

    def work() -> Split:
        found = peer.exact_extract(raster, frame, ["cell_id", "coverage"], include_cols=["source"], output="pandas")
        count = np.array([len(ids) for ids in found["cell_id"]])
        cell, share = (np.concatenate(found[name].to_numpy()) for name in ("cell_id", "coverage"))
        return Split(np.repeat(found["source"].to_numpy(), count), cell.astype(np.int64), share * area)

    yield work


_SPLIT = """
SELECT source, cell, {measure}(CASE WHEN {within}(s.geom, c.geom) THEN s.geom ELSE ST_Intersection(s.geom, c.geom) END)
FROM sources s JOIN cells c ON ST_Intersects(s.geom, c.geom)
"""


def _query(layer: Layer, within: str) -> str:
    return _SPLIT.format(measure="ST_Area" if layer.polygons else "ST_Length", within=within)


@contextmanager
def postgis(layer: Layer) -> Iterator[Work]:
    """Two tables with spatial indexes, analysed and in its cache; an object within one cell is not cut."""
    if not postgres.available():
        raise Absent("no PostgreSQL 15 with PostGIS on this machine")
    with postgres.cluster() as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        for name, key, shapes in (("sources", "source", layer.shapes), ("cells", "cell", layer.squares())):
            connection.execute(f"CREATE TABLE {name} ({key} int8, geom geometry)")
            with connection.cursor().copy(f"COPY {name} FROM STDIN") as copy:
                for row, blob in enumerate(shapely.to_wkb(shapes, hex=True)):
                    copy.write_row((row, blob))
            connection.execute(f"CREATE INDEX ON {name} USING gist (geom)")
        connection.execute("VACUUM ANALYZE")
        query = _query(layer, "ST_CoveredBy")
        yield lambda: _columns(connection.cursor(binary=True).execute(query).fetchall())


@contextmanager
def duckdb_spatial(layer: Layer) -> Iterator[Work]:
    """Two tables in memory, joined by its spatial join; all threads."""
    connection = duckdb.connect()
    try:
        connection.execute("LOAD spatial")
    except duckdb.Error as error:
        raise Absent("its extension 'spatial' is not installed, and this benchmark fetches nothing") from error
    for name, key, shapes in (("sources", "source", layer.shapes), ("cells", "cell", layer.squares())):
        frame = geopandas.pd.DataFrame({key: np.arange(len(shapes)), "wkb": shapely.to_wkb(shapes)})
        connection.register("given", frame)
        connection.execute(f"CREATE TABLE {name} AS SELECT {key}, ST_GeomFromWKB(wkb) AS geom FROM given")
    query = _query(layer, "ST_Within")
    yield lambda: _columns(connection.execute(query).fetchall())


def _columns(rows: list[Any]) -> Split:
    source, cell, measure = np.array(rows, np.float64).reshape(-1, 3).T
    return Split(source.astype(np.int64), cell.astype(np.int64), measure)


PEERS = {
    "geopandas.overlay": overlay,
    "PostGIS": postgis,
    "DuckDB spatial": duckdb_spatial,
    "exactextract": exactextract,
}
