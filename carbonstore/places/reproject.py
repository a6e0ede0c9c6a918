# SPDX-License-Identifier: Apache-2.0
"""Geometries from one CRS to another, vertex by vertex. (Boundaries and regions are densified: ``carbongrid.crs``.)"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from carbongrid.crs import transformer


def reprojected(
    geometries: NDArray[np.object_] | Sequence[shapely.Geometry], src: str, dst: str
) -> NDArray[np.object_]:
    """2-D geometries in another CRS, (x, y) order on both sides; None stays None, the unprojectable gets infinite."""
    given = np.asarray(geometries, object)
    if src == dst and not shapely.has_z(given).any():
        return given.copy()
    to = transformer(src, dst)

    def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(given, moved), object)
