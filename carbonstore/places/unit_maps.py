# SPDX-License-Identifier: Apache-2.0
"""The units of an inventory as a release holds them: every level from one allocation, cells to their units."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from carbongrid.crs import project_polygon
from carbongrid.geometry.wkb import polygonal
from carbongrid.inventory import Inventory
from carbongrid.map_units import Allocation
from carbongrid.unit_cells import cell_units, merged
from carbongrid.unit_scheme import UnitScale, ZoningScale
from carbonstore.places.unit_outlines import Outlines
from carbonstore.places.zoning import Districts
from carbonstore.releases.unit_levels import UNZONED, ZONING, UnitLevel, UnitMap

type Area = Polygon | MultiPolygon


@dataclass(frozen=True)
class Known:
    """What is known where. ``coverage``: per sector the projected area that its sources have a say in; ``missing``: per
    kind which sources have no value."""

    coverage: Mapping[str, Area]
    missing: Mapping[str, NDArray[np.bool_]]


def unit_map(inventory: Inventory, outlines: Outlines, known: Known) -> UnitMap:
    """All levels of the scheme, coarse to fine, then zoning; none where no unit meets the inventory."""
    units, scheme = outlines.units, outlines.scheme
    if not len(units):
        return UnitMap()
    boundary = project_polygon(polygonal(shapely.from_wkb(inventory.boundary)), inventory.grid.crs)
    allocation = Allocation.of(inventory, units, known.coverage, known.missing)
    nesting = UnitMap(
        levels=tuple(_level(inventory, allocation, outlines, scale) for scale in scheme.levels),
        closure={scheme.lowest.level: units.closure(boundary)},
        of_cells=cell_units(units, boundary, inventory.cells),
        terms=((outlines.licence, outlines.attribution),),
    )
    if outlines.zoning is None or scheme.zoning is None:
        return nesting
    zoned = _zoned(inventory, outlines.zoning, scheme.zoning, known)
    return replace(
        nesting,
        levels=(*nesting.levels, zoned),
        closure={**nesting.closure, ZONING: outlines.zoning.units.closure(boundary)},
        terms=(*nesting.terms, (outlines.zoning.licence, outlines.zoning.attribution)),
        read={ZONING: outlines.zoning.report},
    )


def _zoned(inventory: Inventory, zoning: Districts, scale: ZoningScale, known: Known) -> UnitLevel:
    """Zoning districts, which do not nest with the other levels, from an allocation of their own."""
    table = Allocation.of(inventory, zoning.units, known.coverage, known.missing).table(inventory)
    about = (ZONING, None, scale.title)
    return UnitLevel.made(about, table, zoning.units.name.tolist(), zoning.units.published(), UNZONED)


def _level(inventory: Inventory, allocation: Allocation, outlines: Outlines, scale: UnitScale) -> UnitLevel:
    lowest = scale == outlines.scheme.lowest
    units = outlines.units if lowest else merged(outlines.units, scale.digits)
    table = allocation.table(inventory, None if lowest else scale.digits, outlines.elsewhere)
    if scale.digits == 0:
        table.code[0] = outlines.scheme.nation
    names = [outlines.names.get(code, code) for code in table.code[:-1]]
    return UnitLevel.made((scale.level, scale.digits, scale.title), table, names, units.published())
