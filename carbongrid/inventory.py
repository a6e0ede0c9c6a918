# SPDX-License-Identifier: Apache-2.0
"""What an estimate becomes: sources, inventory lines, pieces and cells of one place and year.

Everything is whole kilograms CO2e per year. One chain of exact sums runs through it::

    lines (source x band)  =  pieces (line x finest cell)  =  cells 100 m  =  cells 500 m  =  cells 1 km
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Grid, Window
from carbongrid.sectors import Band


@dataclass(frozen=True)
class ActivityTable:
    """Activity data of one kind (``buildings`` | ``roads`` | ``forests``), as a reader hands it to the model.

    ``geometry``: projected grid CRS, clipped to boundary and extent. ``measure``: area m2 (length m for roads) of the
    whole source before clipping; ``inside``: the share of it that remains. ``columns``: activity columns by the
    contract's names; numbers float64 with NaN = missing, text object arrays with None = missing.
    """

    kind: str
    id: NDArray[np.object_]
    geometry: Wkb
    measure: NDArray[np.float64]
    inside: NDArray[np.float64]
    columns: Mapping[str, NDArray[np.generic]]

    def __len__(self) -> int:
        return len(self.id)


@dataclass(frozen=True)
class Activity:
    """A table row that many sources share (intensity, AADT default, storey rule): the common part of their error."""

    id: str
    u_pct: float
    status: str
    source: str


@dataclass(frozen=True)
class Lines:
    """Inventory lines: activity x factor of one source in one band. Sorted by source, then band.

    ``source`` int32, ``band`` int16, ``factor`` int16 and ``row`` int16 index the tables beside it (row -1: no common
    row), ``u_own`` float32 is the source's own half 95 % interval in per cent, ``kg`` int64 what lies inside.
    """

    source: NDArray[np.int32]
    band: NDArray[np.int16]
    factor: NDArray[np.int16]
    row: NDArray[np.int16]
    u_own: NDArray[np.float32]
    activity: NDArray[np.float64]
    kg: NDArray[np.int64]


@dataclass(frozen=True)
class Pieces:
    """Line x finest cell, whole kilograms, CSR by occupied cell.

    ``cells`` int64 ascending flat indices of ``window``; those of ``cells[i]`` are ``ptr[i]:ptr[i+1]``, sorted by line.
    ``line`` int32, ``kg`` int64. Parts of 0 kg are not kept.
    """

    window: Window
    cells: NDArray[np.int64]
    ptr: NDArray[np.int64]
    line: NDArray[np.int32]
    kg: NDArray[np.int64]


@dataclass(frozen=True)
class Layer:
    """One source kind: geometry, lines, pieces. ``quality`` 1 best .. 5; ``imputed``: its activity was imputed."""

    kind: str
    id: NDArray[np.object_]
    geometry: Wkb
    quality: NDArray[np.uint8]
    imputed: NDArray[np.bool_]
    lines: Lines
    pieces: Pieces


@dataclass(frozen=True)
class Cells:
    """The cells of one level: every cell with inside area > 0, in row-major order from the north-west.

    ``index`` int64 flat in ``window``; ``share`` planar inside share; ``area_m2`` geodesic inside area; ``kg`` int64
    (bands, cells); ``null`` and ``incomplete`` uint8 sector masks (incomplete includes null); ``u95`` int64
    (INTERVALS, cells) absolute half-widths in kg; ``quality`` uint8, 0 where nothing is known.
    """

    window: Window
    index: NDArray[np.int64]
    share: NDArray[np.float64]
    area_m2: NDArray[np.float64]
    kg: NDArray[np.int64]
    null: NDArray[np.uint8]
    incomplete: NDArray[np.uint8]
    u95: NDArray[np.int64]
    quality: NDArray[np.uint8]


@dataclass(frozen=True)
class Border:
    """Cell ∩ boundary of the finest cells that the boundary cuts; ``cells`` ascending, geometry in the grid CRS."""

    cells: NDArray[np.int64]
    geometry: Wkb


@dataclass(frozen=True)
class FactorRow:
    """An emission factor as it was used: see ``carbongrid.factors.EmissionFactor``; ``group`` shares its error."""

    id: str
    group: str
    u_pct: float
    status: str
    source: str


@dataclass(frozen=True)
class Inventory:
    """Kilograms of one place and year with everything needed to explain and re-cut them.

    ``cells`` is keyed by level in metres, finest first, internal levels (5 and 10 km) included. ``boundary`` is WKB in
    CRS84. ``u95`` and ``totals_kg`` follow from the parts; they are stored in the manifest, not here.
    """

    id: str
    year: int
    grid: Grid
    boundary: bytes
    bands: tuple[Band, ...]
    factors: tuple[FactorRow, ...]
    rows: tuple[Activity, ...]
    layers: Mapping[str, Layer]
    cells: Mapping[int, Cells]
    border: Border
