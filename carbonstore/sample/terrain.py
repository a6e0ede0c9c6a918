# SPDX-License-Identifier: Apache-2.0
"""Invented hills: smooth noise, pressed down where people live and rivers run. Where it is high, forest grows."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import shapely
from scipy.ndimage import gaussian_filter, map_coordinates
from shapely import MultiLineString

from carbonstore.sample.place import F64, Frame, Recipe, smooth

STEP = 100.0
"""Spacing of the height raster, m."""
_MARGIN = 2_000.0
_OCTAVES = ((6_100.0, 0.5), (2_300.0, 0.75), (1_150.0, 0.6), (600.0, 0.3))


@dataclass(frozen=True)
class Terrain:
    """Relative height on a raster of ``STEP`` metres, row 0 in the south; forest grows above ``tree_line``."""

    west: float
    south: float
    height: F64
    tree_line: float
    rivers: Any

    @classmethod
    def raise_hills(cls, frame: Frame, recipe: Recipe) -> Self:
        """Hills of a place, calm over its quarters and along its rivers (MultiLineString, EPSG:5186)."""
        west, south, east, north = shapely.bounds(frame.boundary) + np.array([-1, -1, 1, 1]) * _MARGIN
        shape = int((north - south) // STEP) + 1, int((east - west) // STEP) + 1
        xy = _nodes(west, south, shape)
        rivers = MultiLineString([smooth(line) for line in recipe.place.rivers])
        height = _noise(shape, recipe.rng("terrain")) - _valleys(xy, shape, frame, recipe, rivers)
        inside = shapely.contains_xy(frame.boundary, xy[:, 0], xy[:, 1]).reshape(shape)
        return cls(west, south, height, float(np.quantile(height[inside], 1 - recipe.forest_share)), rivers)

    def above_tree_line(self, xy: F64) -> F64:
        """Height over the tree line at points (n, 2); positive in the forest."""
        at = (xy - [self.west, self.south]).T[::-1] / STEP
        return map_coordinates(self.height, at, order=1, mode="nearest") - self.tree_line

    def river_distance(self, xy: F64) -> F64:
        """Distance to the nearest river axis, m; infinite where there is none."""
        distance = shapely.distance(shapely.points(xy), self.rivers)
        return np.where(np.isnan(distance), np.inf, distance)


def _nodes(west: float, south: float, shape: tuple[int, int]) -> F64:
    row, col = np.indices(shape)
    return np.stack([west + col.ravel() * STEP, south + row.ravel() * STEP], 1)


def _noise(shape: tuple[int, int], rng: np.random.Generator) -> F64:
    """Sum of smoothed random lattices, each octave turned another way and with unit spread times its weight."""
    total, at = np.zeros(shape), np.indices(shape) * STEP
    for k, (wavelength, weight) in enumerate(_OCTAVES):
        coarse = rng.standard_normal([int(1.5 * max(shape) * STEP / wavelength) + 4] * 2)
        turn = np.array([[np.cos(k + 0.6), -np.sin(k + 0.6)], [np.sin(k + 0.6), np.cos(k + 0.6)]]) / wavelength
        total += weight * map_coordinates(coarse, np.tensordot(turn, at, 1), order=3, mode="grid-wrap")
    return total


def _valleys(xy: F64, shape: tuple[int, int], frame: Frame, recipe: Recipe, rivers: Any) -> F64:
    """How far the ground is pressed down by quarters, centres of townships and rivers."""
    place = recipe.place
    built = shapely.contains_xy(frame.area(place.urban), xy[:, 0], xy[:, 1]).reshape(shape).astype(float)
    depth = 1.5 * gaussian_filter(built, 350 / STEP)
    if len(shapely.get_coordinates(rivers)):
        depth += 2.0 * np.exp(-((shapely.distance(shapely.points(xy), rivers) / 750) ** 2)).reshape(shape)
    for codes, radius in ((place.towns, 1_900.0), (place.seats, 800.0), (place.estates, 700.0)):
        for centre in frame.centres(codes):
            depth += 1.8 * np.exp(-(((xy - centre) ** 2).sum(1) / radius**2)).reshape(shape)
    return depth
