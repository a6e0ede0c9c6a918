# SPDX-License-Identifier: Apache-2.0
"""A town of drawn sources with their pieces, to cut by regions."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.coverage import parts
from carbongrid.geometry.wkb import Wkb
from carbongrid.grid import Window
from carbongrid.inventory import Pieces
from carbongrid.pieces import Running, pieces
from carbongrid.zonal import Cut, RegionSums, layer_sums
from tests.shapes import local, squares, window

BANDS = 3
PLACE = window(30, 25)
WEST, SOUTH, EAST, NORTH = PLACE.bounds
BEYOND = shapely.box(WEST - 4_000, SOUTH - 4_000, EAST + 4_000, NORTH + 4_000)


@dataclass(frozen=True)
class Town:
    """Sources of one kind with several lines each, and their pieces."""

    geometry: Wkb
    line_source: NDArray[np.int32]
    line_band: NDArray[np.int16]
    pieces: Pieces
    running: Running

    @classmethod
    def of(cls, shapes: NDArray[np.object_], kg: NDArray[np.int64], on: Window = PLACE) -> "Town":
        """``kg`` (sources, lines a source)."""
        wkb, n = Wkb.from_shapely(shapes), kg.shape[1]
        source = np.repeat(np.arange(len(shapes), dtype=np.int32), n)
        band = np.tile(np.arange(n) % BANDS, len(shapes)).astype(np.int16)
        made = pieces(parts(wkb, on), source, kg.ravel(), on)
        return cls(wkb, source, band, made, Running.from_pieces(made, band, BANDS))

    @property
    def kg(self) -> NDArray[np.int64]:
        """The whole by band."""
        return self.running.sums[-1]

    def sums(self, region: shapely.Geometry) -> RegionSums:
        """A region in the window's CRS."""
        cut = Cut.of(region, self.pieces.window)
        return layer_sums(cut, self.pieces, self.line_source, self.line_band, BANDS, self.geometry, self.running)

    def overlay(self) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """(source and cell) of every piece, in metres from the window's corner, and the band of every piece."""
        cell = np.repeat(self.pieces.cells, np.diff(self.pieces.ptr))
        source = self.line_source[self.pieces.line]
        shapes = local(self.geometry.to_shapely(), self.pieces.window)[source]
        return shapely.intersection(shapes, squares(self.pieces.window, cell)), self.line_band[self.pieces.line]
