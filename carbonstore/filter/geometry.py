# SPDX-License-Identifier: Apache-2.0
"""Geometry literals of a filter: from the CRS of ``filter-crs`` to CRS84, and checked.

Edges are straight in the CRS that they are stated in; on the way to CRS84 they are cut into short pieces.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from pygeofilter.values import Geometry, Interval
from pyproj import Transformer

from carbongrid.crs import transformer
from carbongrid.errors import InvalidInput, TooLarge
from carbonstore.collections.quads import CRS84, WGS84, OutputCrs
from carbonstore.filter.syntax import WHERE, Tree

MAX_VERTICES = 200_000
STEP = 1_000.0
"""Metres between the points of a projected edge: straight in CRS84 in between, it is 2 cm off."""
MOST_STEPS = 100_000


def in_crs84(tree: Tree, crs: OutputCrs) -> Tree:
    """A copy of a filter whose geometries, stated in ``crs`` in its authority's axis order, are in CRS84."""
    if crs.uri == CRS84:
        return tree
    tree = deepcopy(tree)
    for literal in literals(tree):
        literal.geometry = orjson.loads(shapely.to_geojson(_transformed(literal.geometry, crs)))
    return tree


def literals(tree: Tree) -> Iterator[Geometry]:
    """Every geometry in a filter."""
    if isinstance(tree, Geometry):
        yield tree
    elif not isinstance(tree, Interval):
        children = tree if isinstance(tree, list) else tree.get_sub_nodes() if hasattr(tree, "get_sub_nodes") else ()
        for child in children:
            yield from literals(child)


def shape_of(literal: Geometry) -> shapely.Geometry:
    """The geometry of a literal in CRS84, two-dimensional; InvalidInput where it is none or not valid."""
    found = _shape(literal.geometry)
    if not shapely.is_valid(found):
        raise InvalidInput(f"a geometry is not valid: {shapely.is_valid_reason(found)}", where=WHERE)
    shapely.prepare(found)
    return found


def _shape(geometry: dict[str, Any]) -> shapely.Geometry:
    try:
        found = shapely.force_2d(shapely.geometry.shape(geometry))
    except Exception as error:  # shapely's errors for malformed GeoJSON are of many kinds
        raise InvalidInput(f"a geometry cannot be read: {str(error)[:120]}", where=WHERE) from None
    number = shapely.get_num_coordinates(found)
    if number > MAX_VERTICES:
        raise TooLarge(f"a geometry has {number} vertices", where=WHERE, allowed=[f"up to {MAX_VERTICES}"])
    if number == 0 or not np.isfinite(shapely.get_coordinates(found)).all():
        raise InvalidInput("a geometry has no vertices, or some that are not finite", where=WHERE)
    return found


def _transformed(geometry: dict[str, Any], crs: OutputCrs) -> shapely.Geometry:
    if "bbox" in geometry:
        raise InvalidInput("a box's lower bound is above its upper bound", where=WHERE)
    found = _shape(geometry)
    to = transformer(crs.name, WGS84.name)
    if crs.name != "EPSG:4326":  # straight there is straight in CRS84
        found = shapely.segmentize(found, max(STEP, shapely.length(found) / MOST_STEPS))
    moved = shapely.transform(found, lambda xy: _moved(xy, crs, to))
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        raise InvalidInput("a geometry lies outside the domain of its CRS", where="filter-crs")
    return moved


def _moved(xy: NDArray[np.float64], crs: OutputCrs, to: Transformer) -> NDArray[np.float64]:
    x, y = (xy[:, 1], xy[:, 0]) if crs.swapped else (xy[:, 0], xy[:, 1])
    return np.column_stack(to.transform(x, y))
