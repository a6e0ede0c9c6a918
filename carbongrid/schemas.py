# SPDX-License-Identifier: Apache-2.0
"""Which tables a country pack holds, how they are completed from the fall-back pack, and what no table may say.

Bounds catch slips of units and digits (a density in kg/m3, a share in per cent); references and shares catch tables
that contradict each other. Speed curves are checked for their shape in ``carbongrid.curves``.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from carbongrid.curves import curves
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.sectors import USES
from carbongrid.tables import Schema, Table

MIX = ("car", "van", "bus", "truck")
"""Vehicles that a road class's mix is split into."""
CARRIER_SHARES = ("share_electricity", "share_gas", "share_heat")
EUI_KINDS = ("site", "useful")
"""What an intensity counts: energy delivered to the site (the boiler is in it), or heat useful in the rooms."""

SCHEMAS = {
    "factors": Schema(text=("group", "carrier", "unit", "gas"), number=("value", "scope"), optional_number=("until",)),
    "gwp": Schema(text=("set", "gas"), number=("value",)),
    "conversions": Schema(text=("carrier", "quantity", "unit"), number=("value",)),
    "parameters": Schema(text=("name", "unit"), number=("value",)),
    "building_uses": Schema(text=("code", "kind"), optional_text=("gas_meter", "name"), provenance=False),
    "intensities": Schema(
        text=("kinds", "use", "eui_kind"),
        number=("kwh_per_m2", *CARRIER_SHARES, "heating"),
        optional_number=("hdd_ref",),
    ),
    "degree_days": Schema(optional_text=("region",), number=("value",)),
    "storeys": Schema(text=("kinds",), number=("value",)),
    "roads_classes": Schema(text=("class", "mix"), number=("motor", "aadt", "speed_kmh", "oneway")),
    "mix": Schema(number=MIX),
    "fleet": Schema(text=("vehicle", "carrier"), number=("share",), optional_text=("curve",)),
    "curves": Schema(text=("fuel", "unit", "form"), number=("a", "vmin", "vmax"), optional_number=tuple("bcdefgh")),
    "forest_codes": Schema(
        text=("code",), number=("forest",), optional_text=("forest_type", "species", "name"), provenance=False
    ),
    "land_cover": Schema(text=("code", "name"), number=("forest",), optional_text=("forest_type",), provenance=False),
    "species": Schema(
        text=("version", "name", "scientific"), number=("density", "bef", "root_shoot", "carbon_fraction")
    ),
    "increments": Schema(text=("forest_type",), number=("age_class", "value")),
    "volume_increments": Schema(text=("species",), number=("age_class", "value")),
    "diameter_classes": Schema(text=("code",), number=("age_class",)),
    "crown_density": Schema(text=("code",), number=("value",)),
    "controls": Schema(text=("name", "unit"), number=("value",)),
}
"""Every table a country folder may hold. The fall-back pack holds all but those of ``OPTIONAL``."""
OPTIONAL = ("degree_days", "species", "volume_increments", "diameter_classes", "controls")
"""Tables that a pack may do without: nothing is looked up in them then."""
MERGE = {
    "building_uses": "code",
    "forest_codes": "code",
    "land_cover": "code",
    "crown_density": "code",
    "roads_classes": "class",
    "parameters": "name",
    "mix": "id",
    "curves": "id",
    "gwp": "id",
    "conversions": "id",
}
"""Tables completed row by row from the fall-back pack, by this column; the others are taken whole from one pack."""
BOUNDS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "gwp": {"value": (1, 30_000)},
    "intensities": {"kwh_per_m2": (1, 2000), "heating": (0, 1), "hdd_ref": (1, 12_000)}
    | dict.fromkeys(CARRIER_SHARES, (0.0, 1.0)),
    "degree_days": {"value": (0, 12_000)},
    "storeys": {"value": (1, 100)},
    "roads_classes": {"motor": (0, 1), "aadt": (0, 400_000), "speed_kmh": (1, 140), "oneway": (0, 1)},
    "mix": dict.fromkeys(MIX, (0.0, 1.0)),
    "fleet": {"share": (0, 1)},
    "species": {"density": (0.1, 1.3), "bef": (1, 4), "root_shoot": (0, 2), "carbon_fraction": (0.4, 0.6)},
    "increments": {"age_class": (0, 6), "value": (0, 60)},
    "volume_increments": {"age_class": (0, 6), "value": (0, 60)},
    "diameter_classes": {"age_class": (1, 6)},
    "crown_density": {"value": (0, 1.2)},
}
"""Possible values by table and column: age classes 0 = any, increments in t CO2 or m3 per hectare and year."""
CONVERSION_BOUNDS = {
    "ncv": (8.0, 121.0),
    "ncv_per_gcv": (0.8, 1.0),
    "ncv_mj_per_nm3": (10, 60),
    "gcv_mj_per_nm3": (10, 66),
}
"""Possible calorific values: MJ/kg from wet lignite to hydrogen, MJ/m3 of gases, net over gross."""


def check(tables: Mapping[str, Table], country: str) -> None:
    """InvalidInput naming pack, table and row where tables are out of bounds or contradict each other."""
    _check_bounds(tables, country)
    _check_references(tables, country)
    _check_shares(tables, country)
    if "curves" in tables:
        curves(tables["curves"])


def _check_bounds(tables: Mapping[str, Table], country: str) -> None:
    for name in BOUNDS.keys() & tables.keys():
        for column, (low, high) in BOUNDS[name].items():
            for row, value in zip(tables[name].id, tables[name].number(column).tolist(), strict=True):
                _within(value, low, high, column, f"{country}/{name}.csv ({row})")
    if "conversions" in tables:
        table = tables["conversions"]
        for row, quantity, value in zip(table.id, table.text("quantity"), table.number("value").tolist(), strict=True):
            low, high = CONVERSION_BOUNDS.get(quantity, (0.0, np.inf))
            _within(value, low, high, quantity, f"{country}/conversions.csv ({row})")


def _within(value: float, low: float, high: float, column: str, where: str) -> None:
    if value < low or value > high:  # an empty optional field is NaN and neither
        raise InvalidInput(f"{column} {value:g} is out of bounds", where=where, allowed=[f"{low:g} .. {high:g}"])


def _check_references(tables: Mapping[str, Table], country: str) -> None:
    """Names in one table that must exist in another or in the method."""
    for table, column, allowed in _references(tables):
        for name, value in zip(tables[table].id, tables[table].text(column), strict=True):
            if value and value not in allowed:
                raise UnknownName(value, allowed, kind=column, where=f"{country}/{table}.csv ({name})")


def _references(tables: Mapping[str, Table]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for table, column, target, key in (
        ("roads_classes", "mix", "mix", "id"),
        ("fleet", "curve", "curves", "id"),
        ("forest_codes", "forest_type", "increments", "forest_type"),
        ("land_cover", "forest_type", "increments", "forest_type"),
        ("forest_codes", "species", "species", "name"),
        ("volume_increments", "species", "species", "name"),
    ):
        if table in tables and target in tables:
            yield table, column, tables[target].id if key == "id" else tuple(sorted(set(tables[target].text(key))))
    if "intensities" in tables:
        yield "intensities", "use", USES["buildings"]
        yield "intensities", "eui_kind", EUI_KINDS


def _check_shares(tables: Mapping[str, Table], country: str) -> None:
    for name, row, value in _share_sums(tables):
        if abs(value - 1) > 1e-6:
            raise InvalidInput(f"the shares add up to {value:g}, not 1", where=f"{country}/{name}.csv ({row})")


def _share_sums(tables: Mapping[str, Table]) -> Iterator[tuple[str, str, float]]:
    for name, columns in (("mix", MIX), ("intensities", CARRIER_SHARES)):
        if name in tables:
            total = np.sum([tables[name].number(c) for c in columns], axis=0)
            yield from ((name, i, float(s)) for i, s in zip(tables[name].id, total, strict=True))
    if "fleet" in tables:
        fleet = tables["fleet"]
        keys = list(zip(fleet.text("vehicle"), fleet.number("year").astype(int).tolist(), strict=True))
        for vehicle, year in sorted(set(keys)):
            share = fleet.number("share")[[k == (vehicle, year) for k in keys]].sum()
            yield "fleet", f"{vehicle}, {year}", float(share)
