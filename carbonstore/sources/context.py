# SPDX-License-Identifier: Apache-2.0
"""What every reader is told: where and when sources are read for, and the tables that give their codes a meaning."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import project_polygon
from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable
from carbongrid.nearby import Nearby, nearby

type Area = Polygon | MultiPolygon
type Weight = Callable[[ActivityTable], NDArray[np.float64]]
type Progress = Callable[[str, int, int], None]


def floor_area(buildings: ActivityTable) -> NDArray[np.float64]:
    """Default weight for sharing parcel energy: floor area in m2, else footprint x storeys, else footprint."""
    known = np.asarray(buildings.columns["floor_area_m2"], np.float64)
    storeys = np.nan_to_num(np.asarray(buildings.columns["storeys"], np.float64), nan=1.0)
    return np.where(np.isfinite(known), known, buildings.measure * storeys)


def silent(stage: str, done: int, total: int) -> None:
    """No progress."""


def _defaults() -> FactorSet:
    return FactorSet.load("ipcc")


@dataclass(frozen=True)
class ReadContext:
    """Where and when sources are read for: grid CRS, boundary in CRS84 and projected (densified), inventory year.

    ``weight``: each building's part in its parcel's energy (default: floor area); ``progress(stage, done, total)``;
    ``factors``: which road classes carry motor traffic, which land cover is forest.
    """

    crs: str
    boundary: Area
    year: int
    projected: Area = field(default_factory=Polygon)
    weight: Weight = floor_area
    progress: Progress = silent
    factors: FactorSet = field(default_factory=_defaults)

    def __post_init__(self) -> None:
        if self.projected.is_empty:
            object.__setattr__(self, "projected", project_polygon(self.boundary, self.crs))

    @cached_property
    def near(self) -> Nearby:
        """The projected boundary, to be asked about many objects."""
        return nearby(self.projected)
