# SPDX-License-Identifier: Apache-2.0
"""The records with geometries of their own that a tile is drawn from, of vectors and of pixels alike."""

import numpy as np
import shapely

from carbonstore.collections import quads
from carbonstore.collections.collection import Collection, Ints
from carbonstore.collections.quads import Box
from carbonstore.collections.shapes import Geometries

MOST = 25_000
"""Records that a tile holds at most, the largest first: about as many as cells."""


def near(collection: Collection, year: int, crs: str, bounds: Box, margin: float) -> tuple[Ints, Geometries]:
    """Rows, ascending, whose geometry may reach into a box in a CRS or a margin around it, and their geometry there."""
    west, south, east, north = bounds
    around = quads.surrounding((west - margin, south - margin, east + margin, north + margin), crs)
    found = collection.near(year, around)
    rows = collection.largest(year, np.arange(len(collection.stored(year))) if found is None else found, MOST)
    geometry = collection.projected(year, rows, crs)
    there = ~shapely.is_missing(geometry)
    return rows[there], geometry[there]
