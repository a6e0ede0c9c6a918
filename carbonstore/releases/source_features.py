# SPDX-License-Identifier: Apache-2.0
"""The sources of a release as clients see them: one ``features-{kind}.arrow`` a kind, along a Hilbert curve.

A row is a source with its outline in CRS84, its box, what was read of it (activity columns) and its kilograms. Rows
that follow one another lie close together, so the sources of a box are in few blocks of ``BLOCK`` rows; the boxes of
the blocks are ``feature-blocks-{kind}.arrow``. What the model needs of sources stays in ``sources-{kind}.arrow``.

Nothing here tells more than cells and regions do: kilograms are sums of published lines, and metered energy is what the
model was given, a part of a pool (design, decision 7). Meters that are charged elsewhere are left out altogether.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from carbongrid.crs import CRS84, areal_scale, transformer
from carbongrid.geometry.hilbert import along_curve
from carbongrid.geometry.wkb import Wkb, gathered
from carbongrid.inventory import ActivityTable, Inventory, Layer
from carbongrid.sectors import FIGURES, weights
from carbonstore.collections.source_fields import SIZE, activity_field, source_figures
from carbonstore.releases import arrow

if TYPE_CHECKING:
    from carbonstore.releases.stored import Release

type F64 = NDArray[np.float64]
type I64 = NDArray[np.int64]
type Mask = NDArray[np.bool_]
type Box = tuple[float, float, float, float]

BLOCK = 1024
"""Rows of a block."""
DECIMALS = 9
"""Decimals of a degree that outlines are stored with: 0.1 mm."""
_AT_ONCE = 1 << 16
"""Sources that are drawn together while a release is written."""
_SIDES = ("west", "south", "east", "north")
_CODED = frozenset({"use", "class", "species", "density", "land_cover"})
"""Texts of which there are few: stored once, with a code by row."""


@dataclass(frozen=True)
class Described:
    """What is said of some sources beside their estimate, in source order.

    ``columns``: by activity name float64 (NaN = missing) or Arrow texts ("" = missing). ``missing`` (n,): the source
    has no value; None: those without a line.
    """

    columns: Mapping[str, Any] = field(default_factory=dict)
    missing: Mask | None = None

    @classmethod
    def of(cls, table: ActivityTable, withheld: Mapping[str, Mask]) -> "Described":
        """The columns of a table that are published; ``withheld``: rows of a column that are not."""
        names = [name for name in table.columns if activity_field(table.kind, name) is not None]
        found = {name: _published(table, name, withheld) for name in names}
        return cls({name: c for name, c in found.items() if _any(c)})

    @classmethod
    def joined(cls, parts: Sequence["Described"], sizes: Sequence[int]) -> "Described":
        """Those of all parts, one after another; what a part lacks is missing there."""
        names = sorted({name for part in parts for name in part.columns})
        return cls({name: _joined([p.columns.get(name) for p in parts], sizes) for name in names})


def _published(table: ActivityTable, name: str, withheld: Mapping[str, Mask]) -> Any:
    values = np.asarray(table.columns[name])
    if values.dtype == object:
        return pa.array(["" if v is None else str(v) for v in values.tolist()], pa.large_string())
    return np.where(withheld[name], np.nan, values) if name in withheld else values.astype(np.float64)


def _any(column: Any) -> bool:
    """Whether a column says anything."""
    if isinstance(column, pa.Array):
        return bool(pc.any(pc.not_equal(column, "")).as_py())
    return bool(np.isfinite(column).any())


def _joined(columns: Sequence[Any], sizes: Sequence[int]) -> Any:
    if any(isinstance(c, pa.Array) for c in columns):
        none = (pa.array([""] * n, pa.large_string()) for n in sizes)
        return pa.concat_arrays([c if c is not None else n for c, n in zip(columns, none, strict=True)])
    return np.concatenate([np.full(n, np.nan) if c is None else c for c, n in zip(columns, sizes, strict=True)])


def save(folder: Path, inventory: Inventory, layer: Layer, described: Described) -> dict[str, Any]:
    """Write the sources of a kind into a release's folder; returns what the manifest says of them."""
    drawn, rows = _drawn(layer, inventory.grid.crs)
    columns = {name: _ordered(name, column, rows) for name, column in described.columns.items()}
    ids, by_id = _unique(pa.array(layer.id, pa.large_string()).take(pa.array(rows)))
    missing = described.missing if described.missing is not None else _without_line(layer)
    arrow.save(
        folder / f"features-{layer.kind}.arrow",
        {
            "source_id": ids,
            "by_id": by_id,
            "source": rows.astype(np.int32),
            "geometry": arrow.geometry(drawn.geometry),
            **dict(zip(_SIDES, drawn.box.T.copy(), strict=True)),
            SIZE[layer.kind]: drawn.size,
            **{name: arrow.narrow(kg[rows]) for name, kg in _kilograms(inventory, layer).items()},
            "without_value": missing[rows].astype(np.uint8),
            "quality": layer.quality[rows],
            "imputed": layer.imputed[rows].astype(np.uint8),
            **columns,
        },
    )
    arrow.save(folder / f"feature-blocks-{layer.kind}.arrow", dict(zip(_SIDES, _blocks(drawn.box).T, strict=True)))
    return {
        "kind": layer.kind,
        "count": len(rows),
        "extent": [*drawn.box[:, :2].min(axis=0).tolist(), *drawn.box[:, 2:].max(axis=0).tolist()],
        "columns": sorted(columns),
    }


@dataclass(frozen=True)
class _Drawn:
    """Outlines in CRS84, their boxes (n, 4), and areas in m2 or lengths in m on the ellipsoid."""

    geometry: Wkb
    box: F64
    size: F64


def _drawn(layer: Layer, crs: str) -> tuple[_Drawn, I64]:
    """The sources of a layer along the curve, and which of them each row is.

    Some are drawn at once, into one column: an outline takes as many bytes on earth as in the plane.
    """
    n = len(layer.id)
    box = np.empty((n, 4))
    for some in _chunks(n):
        box[some] = shapely.bounds(layer.geometry.take(np.arange(some.start, some.stop)).to_shapely())
    rows = along_curve(box[:, 0] + box[:, 2], box[:, 1] + box[:, 3])
    size, offsets = np.empty(n), np.append(0, np.cumsum(np.diff(layer.geometry.offsets)[rows]))
    data = np.empty(int(offsets[-1]), np.uint8)
    for some in _chunks(n):
        shapes = layer.geometry.take(rows[some]).to_shapely()
        size[some] = _sizes(layer.kind, shapes, crs)
        on_earth = shapely.orient_polygons(shapely.transform(shapes, _to_crs84(crs)))  # as RFC 7946 wants them
        box[some] = shapely.bounds(on_earth)
        data[offsets[some.start] : offsets[some.stop]] = Wkb.from_shapely(on_earth).data
    return _Drawn(Wkb(data, offsets), box, np.round(size, 1)), rows


def _chunks(n: int) -> Iterator[slice]:
    return (slice(i, min(i + _AT_ONCE, n)) for i in range(0, n, _AT_ONCE))


def _to_crs84(crs: str) -> Any:
    to = transformer(crs, CRS84)
    return lambda xy: np.round(np.column_stack(to.transform(xy[:, 0], xy[:, 1])), DECIMALS)


def _sizes(kind: str, shapes: NDArray[Any], crs: str) -> F64:
    """Area or length on the ellipsoid: the planar one by the scale of the (conformal) projection in its middle."""
    west, south, east, north = shapely.bounds(shapes).T
    scale = areal_scale(crs, (west + east) / 2, (south + north) / 2)
    size = shapely.length(shapes) / np.sqrt(scale) if kind == "roads" else shapely.area(shapes) / scale
    return np.asarray(size, np.float64)


def _ordered(name: str, column: Any, rows: I64) -> Any:
    if not isinstance(column, pa.Array):
        return column[rows]
    taken = column.take(pa.array(rows))
    if name not in _CODED:
        return taken
    coded = taken.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    place = np.empty(len(texts), np.int32)
    place[order] = np.arange(len(texts))
    codes = place[coded.indices.to_numpy()]
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array([texts[i] for i in order], pa.large_string()))


def _unique(ids: pa.Array) -> tuple[pa.Array, NDArray[np.int32]]:
    """Ids told apart (``17``, ``17#2`` … in the order of the rows), and the rows in the order of their ids."""
    order = pc.array_sort_indices(ids).to_numpy()
    ranked = ids.take(pa.array(order))
    if not pc.any(pc.equal(ranked.slice(1), ranked.slice(0, max(len(ranked) - 1, 0)))).as_py():
        return ids, order.astype(np.int32)
    given, seen, out = ids.to_pylist(), dict[str, int](), []
    taken = set(given)
    for name in given:
        seen[name] = seen.get(name, 0) + 1
        told = name
        while seen[name] > 1 and told in taken:
            told = f"{name}#{seen[name]}"
            seen[name] += told in taken
        taken.add(told)
        out.append(told)
    return _unique(pa.array(out, pa.large_string()))


def _without_line(layer: Layer) -> Mask:
    without = np.ones(len(layer.id), bool)
    without[layer.lines.source] = False
    return without


def _kilograms(inventory: Inventory, layer: Layer) -> dict[str, I64]:
    """Whole kilograms of every source by figure, in source order: what lies inside the boundary."""
    signs = weights(inventory.bands)[:, layer.lines.band]
    names = source_figures(layer.kind)
    out = {}
    for figure, sign in zip(FIGURES, signs, strict=True):
        if figure.name in names:
            out[figure.name] = np.zeros(len(layer.id), np.int64)
            np.add.at(out[figure.name], layer.lines.source, sign * layer.lines.kg)
    return out


def _blocks(box: F64) -> F64:
    """Boxes around the boxes of every block, (blocks, 4)."""
    start = np.arange(0, len(box), BLOCK)
    return np.hstack([np.minimum.reduceat(box[:, :2], start), np.maximum.reduceat(box[:, 2:], start)])


@dataclass(frozen=True)
class SourceLevel:
    """The sources of one kind, as mapped columns along the curve (see the module).

    ``ids`` and plain texts are bytes and offsets like ``geometry``; ``by_id`` the rows in the order of their ids;
    ``box`` the four sides (west, south, east, north) by row, ``blocks`` (blocks, 4) those of every block. ``kg`` by
    figure; ``numbers`` float64 by name; ``coded`` codes and texts by name, ``plain`` texts by name; "" = missing.
    """

    kind: str
    ids: Wkb
    by_id: NDArray[np.int32]
    geometry: Wkb
    box: tuple[F64, F64, F64, F64]
    blocks: F64
    size: F64
    kg: Mapping[str, NDArray[Any]]
    missing: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    imputed: NDArray[np.uint8]
    numbers: Mapping[str, F64]
    coded: Mapping[str, tuple[NDArray[np.int32], tuple[str, ...]]]
    plain: Mapping[str, Wkb]
    bounds: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """What filters learned of the blocks of a property; it never changes."""

    def __len__(self) -> int:
        return len(self.size)

    @classmethod
    def of(cls, entry: Mapping[str, Any], table: arrow.Table, blocks: arrow.Table) -> "SourceLevel":
        """The columns of a ``features-{kind}.arrow``, its blocks and its entry in the manifest."""
        kind, columns = entry["kind"], entry["columns"]
        texts = {name for name in columns if table.holds_text(name)}
        west, south, east, north = (table.column(side) for side in _SIDES)
        return cls(
            kind=kind,
            ids=table.wkb("source_id"),
            by_id=table.column("by_id"),
            geometry=table.wkb("geometry"),
            box=(west, south, east, north),
            blocks=np.column_stack([blocks.column(side) for side in _SIDES]),
            size=table.column(SIZE[kind]),
            kg={name: table.column(name) for name in source_figures(kind)},
            missing=table.column("without_value"),
            quality=table.column("quality"),
            imputed=table.column("imputed"),
            numbers={name: table.column(name) for name in columns if name not in texts},
            coded={name: table.coded(name) for name in columns if name in texts and name in _CODED},
            plain={name: table.wkb(name) for name in columns if name in texts and name not in _CODED},
        )

    def rows_in(self, box: Box) -> I64:
        """Rows, ascending, whose boxes touch a CRS84 box; only blocks that do are looked at."""
        near = np.flatnonzero(_touch(self.blocks.T, box))
        found = [np.empty(0, np.int64)]
        for first in near.tolist():
            block = slice(first * BLOCK, min((first + 1) * BLOCK, len(self)))
            found.append(np.flatnonzero(_touch([side[block] for side in self.box], box)) + block.start)
        return np.concatenate(found)

    def touching(self, box: Box) -> I64:
        """Rows, ascending, whose outlines touch a CRS84 box, edges included."""
        rows = self.rows_in(box)
        sides = [side[rows] for side in self.box]
        inside = (sides[0] >= box[0]) & (sides[1] >= box[1]) & (sides[2] <= box[2]) & (sides[3] <= box[3])
        unsure = np.flatnonzero(~inside)
        shapes = self.geometry.take(rows[unsure]).to_shapely()
        inside[unsure] = shapely.intersects(shapes, shapely.box(*box))
        return rows[inside]

    def row_of(self, id: str) -> int | None:
        """The row of a source by its id."""
        wanted = id.encode()
        at = bisect_left(range(len(self)), wanted, key=lambda k: self._id(int(self.by_id[k])))
        row = int(self.by_id[at]) if at < len(self) else -1
        return row if row >= 0 and self._id(row) == wanted else None

    def _id(self, row: int) -> bytes:
        return self.ids.data[self.ids.offsets[row] : self.ids.offsets[row + 1]].tobytes()

    def rows_with(self, name: str, texts: Sequence[str]) -> I64:
        """Rows, ascending, whose text (one of ``plain``) is one of these; nothing is decoded."""
        column = self.plain[name]
        found = [_equal(column, text.encode()) for text in set(texts) if text]
        return np.sort(np.concatenate([np.empty(0, np.int64), *found]))

    def texts(self, name: str, rows: I64) -> tuple[NDArray[np.uint8], I64]:
        """Bytes of a plain text (``source_id`` or one of ``plain``) of some rows, and their offsets."""
        column = self.ids if name == "source_id" else self.plain[name]
        return gathered(column.data, column.offsets, rows)


def _equal(column: Wkb, wanted: bytes) -> I64:
    """Rows of a column of texts that hold these bytes."""
    size, start = len(wanted), column.offsets[:-1]
    rows = np.flatnonzero(np.diff(column.offsets) == size)
    for k, byte in enumerate(wanted):
        rows = rows[column.data[start[rows] + k] == byte]
    return rows


def _touch(sides: Sequence[F64] | F64, box: Box) -> Mask:
    west, south, east, north = sides
    return (west <= box[2]) & (east >= box[0]) & (south <= box[3]) & (north >= box[1])


def check(release: "Release") -> Iterator[tuple[str, str]]:
    """What is wrong with the sources of a release, as (file, fault): sums, order of ids, boxes."""
    totals = release.weights @ np.array([b["kg"] for b in release.manifest["totals"]["bands"]], np.int64)
    wanted = {f.name: int(kg) for f, kg in zip(FIGURES, totals, strict=True)}
    for kind in release.source_kinds:
        level, where = release.sources(kind), f"features-{kind}.arrow"
        for name, kg in level.kg.items():
            if (found := int(kg.sum(dtype=np.int64))) != wanted[name]:
                yield where, f"{name} adds up to {found} kg instead of {wanted[name]} kg"
        if any(kg[level.missing != 0].any() for kg in level.kg.values()):
            yield where, "a source without a value has kilograms"
        if not _ascending(level.ids.take(level.by_id.astype(np.int64))):
            yield where, "ids are not in order, or one is given twice"
        if not np.array_equal(_blocks(np.column_stack(level.box)), level.blocks):
            yield where, "the boxes of the blocks are not those of their sources"


def _ascending(ids: Wkb) -> bool:
    texts = pa.LargeStringArray.from_buffers(len(ids), pa.py_buffer(ids.offsets), pa.py_buffer(ids.data))
    return pc.all(pc.less(texts.slice(0, max(len(texts) - 1, 0)), texts.slice(1))).as_py() is not False
