# SPDX-License-Identifier: Apache-2.0
"""Units of the toy city: two dongs that overlap and leave a gap (see tests/model/test_map_units.py).

Dong 1 reaches from the west to 60 m east of the corner; dong 2 begins 20 m inside it, ends at 200 m east and 300 m
north, and hangs 200 m out of the city in the south. The gap is the strip east of 200 and what lies north of dong 2.
Beyond the city the sigungu has 1 km2 more, the nation 2 km2.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import shapely

from carbongrid.crs import project_polygon
from carbongrid.factors import FOLDER, read_country
from carbongrid.geometry.wkb import polygonal
from carbongrid.inventory import Inventory
from carbongrid.unit_shapes import Units
from carbonstore.places.unit_maps import Known, unit_map
from carbonstore.places.unit_outlines import Outlines
from carbonstore.releases import edition
from carbonstore.releases.release import Release, write
from carbonstore.releases.unit_levels import UnitMap
from tests.toy import EAST, NORTH, SOUTH, WEST, on_earth, toy_inventory, toy_publication

DONG_1, DONG_2 = shapely.box(WEST, SOUTH, 60, NORTH), shapely.box(40, SOUTH - 200, 200, 300)
CODE_1, CODE_2 = "3611010100", "3611010200"
NAMES = {"KR": "대한민국", "36": "장난감시도", "36110": "장난감시", CODE_1: "하나동", CODE_2: "둘동"}


def toy_outlines(
    codes: Sequence[str] = (CODE_1, CODE_2), shapes: Sequence[shapely.Polygon] = (DONG_1, DONG_2)
) -> Outlines:
    """The two dongs in EPSG:5179, as they come from their source."""
    scheme = read_country(FOLDER / "kor").units
    assert scheme is not None
    outlines = [polygonal(on_earth(shape, 5179)) for shape in shapes]
    units = Units.of(list(codes), [NAMES[CODE_1], NAMES[CODE_2]], outlines, "EPSG:5179", [CODE_1, CODE_2])
    names = {**NAMES, **dict(zip(units.code, units.name, strict=True))}
    return Outlines(scheme, units, names, {"3611010300": 1e6, "1111010100": 1e6})


def toy_known() -> Known:
    """Buildings and roads are known everywhere, forest in the north, one building has no value."""
    city, forest = shapely.box(WEST, SOUTH, EAST, NORTH), shapely.box(WEST, -50, EAST, NORTH)
    covered = {"buildings": city, "transport": city, "forest": forest}
    return Known(
        {sector: project_polygon(polygonal(on_earth(shape, 5179)), "EPSG:5179") for sector, shape in covered.items()},
        {"buildings": np.array([False, False, False, True])},
    )


def toy_map(
    inventory: Inventory,
    codes: Sequence[str] = (CODE_1, CODE_2),
    outlines: Sequence[shapely.Polygon] = (DONG_1, DONG_2),
) -> UnitMap:
    """Nation, sido, sigungu and dong of a toy inventory in EPSG:5179."""
    return unit_map(inventory, toy_outlines(codes, outlines), toy_known())


def toy_units_release(root: Path, year: int = 2023, codes: Sequence[str] = (CODE_1, CODE_2)) -> Release:
    """A release of the toy city with its units."""
    inventory = toy_inventory(year)
    return write(inventory, replace(toy_publication(inventory), units=toy_map(inventory, codes)), root)


def toy_units_store(root: Path, years: Sequence[int] = (2022, 2023)) -> list[Release]:
    """A release with units of each year below ``root``, published as one edition."""
    releases = [toy_units_release(root, year) for year in years]
    edition.publish(root, "toy")
    return releases
