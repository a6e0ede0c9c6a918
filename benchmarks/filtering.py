# SPDX-License-Identifier: Apache-2.0
"""A page of a selective CQL2 filter on a nation of 10 million cells: with the bounds of blocks, and reading every cell.

    python -m benchmarks.filtering

Kilograms are drawn cell by cell, so the wanted ones lie anywhere: the hardest case for bounds. Both give the same page.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from types import MappingProxyType

import numpy as np

from benchmarks.table import Row, best, show
from carbongrid.grid import Grid, Window
from carbongrid.sectors import INTERVALS
from carbonstore.collections import cells, quads
from carbonstore.collections.batch import Batch
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.record_source import RecordSource
from carbonstore.filter import Filter, parse
from carbonstore.releases.catalogue import Published
from carbonstore.releases.edition import Edition
from carbonstore.releases.stored import Level, Release
from tests.toy import GROWTH, HOUSE_1, HOUSE_2, LOSS, METHANE, ROAD, SHOP

WINDOW = Window(Grid(5179, 100), 7_600, 20_000, 2_500, 4_000)
BANDS = (HOUSE_1, HOUSE_2, SHOP, ROAD, METHANE, GROWTH, LOSS)
WANTED = 100
"""Cells that the first filter finds."""


def nation() -> Collection:
    """10 million cells of seeded kilograms in seven bands, held in memory."""
    size = WINDOW.ncol * WINDOW.nrow
    rng = np.random.default_rng(11)
    kg = tuple(rng.lognormal(7, 2, size).astype(np.int32) for _ in BANDS)
    share, none = np.ones(size), np.zeros(size, np.uint8)
    null = np.where(rng.random(size) < 0.01, np.uint8(4), none)
    u95 = tuple(kg[0] for _ in INTERVALS)
    index = np.arange(size, dtype=np.int64)
    level = Level(
        window=WINDOW, index=index, share=share, area_m2=share * 10_000, null=null, incomplete=null,
        quality=none + np.uint8(2), kg=kg, u95=u95,
    )  # fmt: skip
    manifest = {
        "country": "kor",
        "data_years": {},
        "extent": {"100": list(quads.extent(WINDOW, index))},
        "grid": {"epsg": 5179, "cell_size": 100},
        "internal_levels": [],
        "inventory": "nation",
        "levels": [100],
        "synthetic": True,
        "totals": {"bands": [{"sector": b.sector, "use": b.use, "scope": b.scope, "gas": b.gas} for b in BANDS]},
        "window": {"left": WINDOW.left, "top": WINDOW.top, "ncol": WINDOW.ncol, "nrow": WINDOW.nrow},
        "year": 2023,
    }
    release = Release(Path("nation"), manifest, {}, {})
    release._levels[100] = level
    published = Published(Edition.of("nation", {2023: ""}), MappingProxyType({2023: release}))
    return published.collection(100)


def run() -> list[Row]:
    """Three filters; the first use of a property, which learns its bounds, is printed before the table."""
    collection = nation()
    source = RecordSource(collection, 2023)
    start = perf_counter()
    source.bounds("emission_total")
    print(f"bounds of emission_total, once: {perf_counter() - start:.2f} s")
    values = source.column("emission_total", slice(0, len(source))).values
    least = float(np.partition(values, -WANTED)[-WANTED])
    west, south, east, north = collection.bbox
    lon, lat = (west + east) / 2, (south + north) / 2
    near = f"POLYGON(({lon} {lat}, {lon + 0.05} {lat}, {lon + 0.02} {lat + 0.05}, {lon} {lat}))"
    texts = (
        f"emission_total >= {least!r}",
        f"status = 'ok' AND emission_total BETWEEN {least!r} AND {2 * least!r}",
        f"S_INTERSECTS(geometry, {near}) AND net > 0",
    )
    return [_row(collection, text) for text in texts]


def _row(collection: Collection, text: str) -> Row:
    """The first 1,000 records by both ways."""
    asked = Filter.of(parse(text), collection.fields)
    ours, ours_s = best(_page(collection, asked), 5)
    scan, scan_s = best(_page(collection, _Scan(asked.condition)), 2)
    agree = ours.feature_ids == scan.feature_ids and ours.matched == scan.matched and ours.matched > 0
    return Row(f"{text[:44]}: {ours.matched} of 10,000,000", "reading every cell", ours_s, scan_s, agree)


def _page(collection: Collection, asked: Filter) -> Callable[[], Batch]:
    query = CellQuery(filter=asked, limit=1_000)
    return lambda: cells.read(collection, replace(query))


class _Scan(Filter):
    """The same filter, which looks at every cell."""

    def select(self, source: object, rows: object = None, **_: object) -> object:  # type: ignore[override]
        return super().select(source, rows, scan=True)  # type: ignore[arg-type]


def main() -> int:
    """Print the table; 1 where a result differs."""
    return show(run())


if __name__ == "__main__":
    sys.exit(main())
