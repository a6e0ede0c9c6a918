# SPDX-License-Identifier: Apache-2.0
"""What only a test may know: the meters of a synthetic place as they were read, beside what was published of them.

Everything published is a sum of pieces, and a metered piece is a part of its pool's total. So every figure is a row
over the meters, made here from the release itself: kilograms of pieces, activity of lines, members of pools.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import scipy.sparse as sp
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import CRS84, project_polygon
from carbongrid.disclosure import Metered, Pools
from carbongrid.factors import FactorSet
from carbongrid.geometry.wkb import Wkb, polygonal
from carbongrid.inventory import ActivityTable, Layer
from carbongrid.map_units import split
from carbongrid.region import Region
from carbongrid.zonal import Cut, layer_cover
from carbonstore.building.build import pooling, read_context
from carbonstore.inventory.inventory_file import read
from carbonstore.places.reproject import reprojected
from carbonstore.releases.stored import Release
from carbonstore.sources import read_sources
from carbonstore.sources.pooling import metered_parcels, parcel_keys

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Meters:
    """A year of the sample: its meters as they were read, and what was published of them."""

    release: Release
    buildings: ActivityTable
    key: I64
    metered: Metered
    pools: Pools
    weight: F64

    @property
    def pool(self) -> I64:
        """Pool of each metered parcel."""
        return self.pools.of(self.metered.key)


def meters(inventory: Path, release: Release) -> Meters:
    """Read an inventory's sources anew and put them beside its release."""
    file = read(inventory)
    factors = FactorSet.load(file.factors)
    how = pooling(file, factors, inventory.parent / "elsewhere")
    context = read_context(file, factors, lambda stage, done, total: None)
    tables = [t.table for t in read_sources(file.sources, context).tables if t.kind == "buildings"]
    assert how is not None
    assert release.pools is not None
    weight = np.concatenate([context.weight(t) for t in tables])
    (table,) = tables
    return Meters(release, table, parcel_keys(tables, how.salt), metered_parcels(tables, how), release.pools, weight)


def published(place: Meters) -> dict[str, F64]:
    """By factor, the energy of every building as the release has it, in the order of the readings; NaN without a line.

    Lines without a common table row: those that rest on meters.
    """
    layer = place.release.layer("buildings")
    row = {name: i for i, name in enumerate(place.buildings.id.tolist())}
    source = np.array([row[name] for name in layer.id.tolist()])[layer.lines.source]
    shown = {}
    for number, factor in enumerate(place.release.factors):
        lines = np.flatnonzero((layer.lines.factor == number) & (layer.lines.row < 0))
        if len(lines):
            shown[factor.id] = np.full(len(place.buildings), np.nan)
            shown[factor.id][source[lines]] = layer.lines.activity[lines]
    return shown


@dataclass(frozen=True)
class Shown:
    """What a release shows of the meters of one factor, piece by piece.

    ``piece``: positions of the pieces that rest on meters; ``parcel``: key of the parcel of each. ``of_pool`` (pieces,
    pools): the part of its pool's total that each piece is.
    """

    place: Meters
    layer: Layer
    piece: I64
    parcel: I64
    of_pool: sp.csr_array

    @classmethod
    def of(cls, place: Meters, factor: str) -> Self:
        layer, number = place.release.layer("buildings"), [f.id for f in place.release.factors].index(factor)
        lines, pieces = layer.lines, layer.pieces
        metered = (lines.factor == number) & (lines.row < 0) & (lines.kg > 0)
        piece = np.flatnonzero(metered[pieces.line]).astype(np.int64)
        line = pieces.line[piece]
        row = {name: i for i, name in enumerate(place.buildings.id.tolist())}
        key = place.key[np.array([row[name] for name in layer.id.tolist()])][lines.source[line]]
        pool = place.pools.of(key)
        assert (pool >= 0).all()
        whole = np.bincount(pool, lines.activity[line] * pieces.kg[piece] / lines.kg[line], len(place.pools))
        part = lines.activity[line] * pieces.kg[piece] / lines.kg[line] / whole[pool]
        at = np.arange(len(piece))
        return cls(place, layer, piece, key, sp.csr_array((part, (at, pool)), (len(piece), len(place.pools))))

    def over_meters(self, figures: sp.csr_array, member: sp.csr_array) -> sp.csr_array:
        """Rows of figures over the meters; ``member`` (pools, meters): who is in which pool."""
        return sp.csr_array(figures @ self.of_pool @ member)

    def whole(self) -> sp.csr_array:
        """The inventory's total."""
        return sp.csr_array(np.ones((1, len(self.piece))))

    def by_cell(self, size: int) -> sp.csr_array:
        """Cells of a level."""
        pieces, finest = self.layer.pieces, self.place.release.grid.cell_size
        cell = np.repeat(pieces.cells, np.diff(pieces.ptr))[self.piece]
        return _grouped(pieces.window.parents(cell, size // finest))

    def by_parcel(self) -> sp.csr_array:
        """All records of the sources of each parcel together."""
        return _grouped(self.parcel)

    def by_source(self) -> sp.csr_array:
        """The record of each building."""
        return _grouped(self.layer.lines.source[self.layer.pieces.line[self.piece]].astype(np.int64))

    def by_unit(self, level: str) -> sp.csr_array:
        """Units of a level by their published outlines, and what lies in none."""
        units, window = self.place.release.units(level), self.layer.pieces.window
        outlines = Wkb(units.geometry.data, units.geometry.offsets[:-1]).to_shapely()
        cuts = [Cut.of(project_polygon(polygonal(g), window.grid.crs), window) for g in outlines]
        found = split(self.layer, cuts, units.code[:-1].tolist())
        at = np.full(len(self.layer.pieces.kg), -1, np.int64)
        at[self.piece] = np.arange(len(self.piece))
        own = np.flatnonzero(at[found.piece] >= 0)
        share = found.kg[own] / self.layer.pieces.kg[found.piece[own]]
        return sp.csr_array((share, (found.unit[own], at[found.piece[own]])), (len(cuts) + 1, len(self.piece)))

    def in_region(self, polygon: Polygon | MultiPolygon) -> sp.csr_array:
        """A client's region in CRS84, as the process cuts it."""
        pieces = self.layer.pieces
        found = layer_cover(
            Region.from_polygon(polygon).on(pieces.window), pieces, self.layer.lines.source, self.layer.geometry
        )
        share = np.zeros(len(pieces.kg))
        for first, last in found.runs.tolist():
            share[pieces.ptr[first] : pieces.ptr[last]] = 1.0
        share[found.piece] = found.share
        return sp.csr_array(share[self.piece][None, :])

    def around_parcels(self, keys: I64) -> Iterator[Polygon | MultiPolygon]:
        """A region around all buildings of each parcel, half a metre wider, in CRS84."""
        source = self.layer.lines.source[self.layer.pieces.line[self.piece]]
        shapes = self.layer.geometry.to_shapely()
        for key in keys:
            hull = shapely.convex_hull(shapely.union_all(shapes[np.unique(source[self.parcel == key])]))
            yield polygonal(reprojected([hull.buffer(0.5)], self.place.release.grid.crs, CRS84)[0])


def _grouped(group: I64) -> sp.csr_array:
    """One figure a group of pieces."""
    _, row = np.unique(group, return_inverse=True)
    return sp.csr_array((np.ones(len(row)), (row, np.arange(len(row)))))
