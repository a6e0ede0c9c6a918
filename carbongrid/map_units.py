# SPDX-License-Identifier: Apache-2.0
"""Units of the map: kilograms of administrative units, exact with what lies in none (architecture, decision 6).

Outlines are disjoint (``carbongrid.unit_shapes``). Every piece is split over all units and the rest, ``unallocated``,
by largest remainder, so that units + unallocated = cells in every band. Higher levels are sums by code, never outlines
of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from types import MappingProxyType
from typing import Self

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.assemble import Account, interval_signs
from carbongrid.crs import project_polygon
from carbongrid.geometry.wkb import polygonal
from carbongrid.inventory import Inventory, Layer
from carbongrid.nearby import nearby
from carbongrid.pieces import apportion, identity
from carbongrid.sectors import INTERVALS, KIND_SECTOR, SECTORS, bit
from carbongrid.uncertainty import mean_quality, piece_half_widths
from carbongrid.unit_shapes import NOISE_M2, UNALLOCATED, Units, column
from carbongrid.zonal import Cut, inside_area, layer_cover

type Area = Polygon | MultiPolygon
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Texts = NDArray[np.object_]

_NOISE = 1e-9
"""Share of a piece, or of an outline, below which a part is rounding."""
_NOWHERE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Split:
    """Parts of pieces by unit, int64 each: ``piece``, ``unit`` (the number of units for unallocated), ``kg``."""

    piece: I64
    unit: I64
    kg: I64


def split(layer: Layer, cuts: Sequence[Cut], codes: Sequence[str]) -> Split:
    """Every piece of a layer over disjoint units and the rest, whole kilograms, exact a piece.

    Equal remainders follow a hash of cell and code, so neither order nor number of units tilts them.
    """
    weight, piece, unit = _weights(layer, cuts)
    start = np.searchsorted(piece, np.arange(len(layer.pieces.kg) + 1, dtype=np.int64)).astype(np.int64)
    cell = np.repeat(identity(layer.pieces.window, layer.pieces.cells), np.diff(layer.pieces.ptr))
    key = cell[piece] ^ np.array([code_hash(code) for code in (*codes, UNALLOCATED)], np.int64)[unit]
    return Split(piece, unit, apportion(start, layer.pieces.kg, weight, key))


def code_hash(code: str) -> int:
    """64 bits of a code, by which equal remainders are ordered."""
    return int.from_bytes(blake2b(code.encode(), digest_size=8).digest(), "little", signed=True)


def _weights(layer: Layer, cuts: Sequence[Cut]) -> tuple[F64, I64, I64]:
    """Share, piece and unit of every part that is not rounding, by piece, then unit; the rest last."""
    found = [layer_cover(cut, layer.pieces, layer.lines.source, layer.geometry) for cut in cuts]
    none = np.zeros(0, np.int64)
    whole = [np.concatenate([none, *(np.arange(*layer.pieces.ptr[run]) for run in c.runs)]) for c in found]
    piece = np.concatenate([none, *(np.r_[w, c.piece] for w, c in zip(whole, found, strict=True))])
    share = np.concatenate([np.zeros(0), *(np.r_[np.ones(len(w)), c.share] for w, c in zip(whole, found, strict=True))])
    unit = np.repeat(np.arange(len(cuts)), [len(w) + len(c.piece) for w, c in zip(whole, found, strict=True)])
    rest = 1.0 - np.bincount(piece, share, len(layer.pieces.kg))
    piece = np.r_[piece, np.arange(len(rest))]
    share, unit = np.r_[share, rest], np.r_[unit, np.full(len(rest), len(cuts))]
    kept = np.flatnonzero(share > _NOISE)
    order = kept[np.lexsort((unit[kept], piece[kept]))]
    return share[order], piece[order].astype(np.int64), unit[order].astype(np.int64)


@dataclass(frozen=True)
class UnitTable:
    """Records of one level, the last of them ``unallocated``; columns as :class:`carbongrid.inventory.Cells` has them.

    ``coverage`` float64: share of the unit's outline inside the inventory, 1 where it is whole; NaN for unallocated.
    """

    code: Texts
    area_m2: F64
    coverage: F64
    kg: I64
    null: U8
    incomplete: U8
    u95: I64
    quality: U8


@dataclass(frozen=True)
class Allocation:
    """All pieces of an inventory by unit of the lowest level, from which every level is summed.

    ``account`` numbers lines and pieces of all kinds through; ``parts`` refer to it. ``outline_m2``, ``inside_m2``
    (planar) and ``area_m2`` (geodesic, inside) are by unit, masks and areas with the rest as their last.
    """

    code: Texts
    account: Account
    parts: Split
    outline_m2: F64
    inside_m2: F64
    area_m2: F64
    null: U8
    incomplete: U8

    @classmethod
    def of(
        cls,
        inventory: Inventory,
        units: Units,
        coverage: Mapping[str, Area],
        missing: Mapping[str, NDArray[np.bool_]],
    ) -> Self:
        """Split an inventory with sources. ``coverage``: per sector the projected area its sources have a say in;
        ``missing``: per kind which sources have no value."""
        layers = list(inventory.layers.values())
        finest = inventory.cells[inventory.grid.cell_size]
        cuts = [Cut.of(outline, finest.window) for outline in units.outline]
        parts = _joined([split(layer, cuts, list(units.code)) for layer in layers], [len(x.pieces.kg) for x in layers])
        areas = [inside_area(cut, finest, inventory.border) for cut in cuts]
        inside = np.array([a.planar_m2 for a in areas])
        geodesic = np.array([a.geodesic_m2 for a in areas])
        null, incomplete = _masks(inventory, units, coverage, missing)
        return cls(
            units.code,
            Account.of(layers),
            parts,
            shapely.area(units.outline),
            inside,
            np.r_[geodesic, max(0.0, finest.area_m2.sum() - geodesic.sum())],
            null,
            incomplete,
        )

    def table(
        self, inventory: Inventory, digits: int | None = None, elsewhere: Mapping[str, float] = _NOWHERE
    ) -> UnitTable:
        """Records by the first ``digits`` of the code (None: the units themselves, 0: all units as one).

        ``elsewhere``: m2 by code of units beyond the inventory, of which higher units consist too.
        """
        own = self.code if digits is None else column([c[:digits] for c in self.code])
        code, group = np.unique(own.astype(str), return_inverse=True)
        group = np.r_[group, len(code)].astype(np.int64)
        n = len(code) + 1
        inside, outline = (np.bincount(group[:-1], v, n)[:-1] for v in (self.inside_m2, self.outline_m2))
        at = {c: i for i, c in enumerate(code.tolist())}
        for other, m2 in elsewhere.items():
            if (i := at.get(other[:digits])) is not None:
                outline[i] += m2
        share = inside / outline
        kg, quality = self._sums(inventory, group, n)
        null, incomplete = np.full(n, 0xFF, np.uint8), np.zeros(n, np.uint8)
        np.bitwise_and.at(null, group, self.null)
        np.bitwise_or.at(incomplete, group, self.incomplete)
        return UnitTable(
            column([*code.tolist(), UNALLOCATED]),
            np.round(np.bincount(group, self.area_m2, n), 1),
            np.r_[np.where(share > 1 - _NOISE, 1.0, share), np.nan],
            kg,
            null,
            incomplete,
            self._half_widths(inventory, group, n),
            quality,
        )

    def _sums(self, inventory: Inventory, group: I64, n: int) -> tuple[I64, U8]:
        """Kilograms (bands, n), and the mean quality weighted by them."""
        line, at = self.account.line[self.parts.piece], group[self.parts.unit]
        kg = np.zeros((len(inventory.bands), n), np.int64)
        np.add.at(kg, (self.account.lines.band[line], at), self.parts.kg)
        return kg, mean_quality(self.parts.kg, self.account.grade[self.parts.piece], at, n)

    def _half_widths(self, inventory: Inventory, group: I64, n: int) -> I64:
        """Absolute half-widths (INTERVALS, n): what of one source lies in one unit errs together."""
        lines, parts = self.account.lines, self.parts
        line, at, tables = self.account.line[parts.piece], group[parts.unit], (inventory.factors, inventory.rows)
        signs = interval_signs(inventory.bands)
        widths = [piece_half_widths(line, parts.kg, at, lines, sign[lines.band], *tables, n) for sign in signs]
        return np.rint(np.stack(widths)).astype(np.int64).reshape(len(INTERVALS), n)


def _joined(splits: Sequence[Split], pieces: Sequence[int]) -> Split:
    """The layers' splits in the numbering of their account."""
    first = np.cumsum([0, *pieces])
    piece = [s.piece + n for s, n in zip(splits, first, strict=False)]
    return Split(
        np.concatenate(piece), np.concatenate([s.unit for s in splits]), np.concatenate([s.kg for s in splits])
    )


def _covered(inside: Texts, area: F64, boundary: Area, coverage: Area) -> F64:
    """Area of what lies inside the boundary and what sources cover, m2."""
    if coverage.equals_exact(boundary):
        return area
    return np.asarray(shapely.area(nearby(coverage).intersection(inside)), np.float64)


def _masks(
    inventory: Inventory, units: Units, coverage: Mapping[str, Area], missing: Mapping[str, NDArray[np.bool_]]
) -> tuple[U8, U8]:
    """Sector masks (null, incomplete) of units and the rest, from the areas that sources cover inside the boundary."""
    boundary = project_polygon(polygonal(shapely.from_wkb(inventory.boundary)), inventory.grid.crs)
    rest = polygonal(shapely.difference(boundary, shapely.union_all(units.outline)))
    inside = column([*nearby(boundary).intersection(units.outline), rest])
    area = shapely.area(inside)
    null, incomplete = np.zeros(len(inside), np.uint8), np.zeros(len(inside), np.uint8)
    for sector in SECTORS:
        known = _covered(inside, area, boundary, coverage[sector]) if sector in coverage else 0 * area
        null[(known <= NOISE_M2) & (area > NOISE_M2)] |= bit(sector)
        incomplete[known < area - NOISE_M2] |= bit(sector)
    for kind, layer in inventory.layers.items():
        valueless = layer.geometry.to_shapely(np.flatnonzero(missing[kind])) if kind in missing else column([])
        _, unit = shapely.STRtree(inside).query(valueless, predicate="intersects").reshape(2, -1)
        incomplete[unit] |= bit(KIND_SECTOR[kind])
    return null, incomplete | null
