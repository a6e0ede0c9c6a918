# SPDX-License-Identifier: Apache-2.0
"""Keys that one kind of source has alone, checked: ``carrier``, ``release``, ``classes`` … by kind."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from carbongrid.errors import InvalidInput
from carbonstore.inventory.toml_keys import Keys

CARRIERS = {"electricity": "electricity_kwh", "gas": "gas_kwh_gcv", "heat": "heat_mj"}
"""Carrier of a file of the energy register -> the activity column its quantities are in."""
BLOCK_M = 100
"""Side in metres of the blocks that a raster's classes are gathered in."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DATABASE = "CARBONGRID_DATABASE"
"""Environment variable that holds the connection string unless the source names another."""


def options(keys: Keys, kind: str) -> Mapping[str, Any]:
    """The checked options of a kind; empty for kinds that have none."""
    return _READERS[kind](keys) if kind in _READERS else {}


def _kor_buildings(keys: Keys) -> dict[str, Any]:
    form = ["the day of the release, yyyymmdd, such as 20231231"]
    value = keys.maybe("release", form)
    if value is not None:
        try:
            datetime.strptime(value, "%Y%m%d")
        except ValueError as error:
            raise InvalidInput(f"'{value}' is no day", where=keys.at("release"), allowed=form) from error
    return {"release": value}


def _kor_energy(keys: Keys) -> dict[str, Any]:
    return {"carrier": keys.choice("carrier", tuple(CARRIERS))}


def _raster(keys: Keys) -> dict[str, Any]:
    block = keys.table.get("block_m", BLOCK_M)
    if type(block) is not int or not 10 <= block <= 1000:
        raise InvalidInput("must be whole metres", where=keys.at("block_m"), allowed=["10 .. 1000"])
    return {"block_m": block, **_built_surface(keys), "classes": _classes(keys)}


def _built_surface(keys: Keys) -> dict[str, Any]:
    nodata = keys.table.get("nodata")
    if nodata is not None and type(nodata) is not int:
        raise InvalidInput(
            "must be a whole number", where=keys.at("nodata"), allowed=["the value of pixels without data"]
        )
    return {"nodata": nodata}


def _classes(keys: Keys) -> Mapping[int, str] | None:
    """Pixel value -> land cover name, "" for what is no forest; None where the default legend counts."""
    form = ['{ "10" = "forest", "40" = "" }: pixel value = land cover, "" where it is no forest']
    if "classes" not in keys:
        return None
    value = keys.table["classes"]
    if not isinstance(value, dict) or not value or not all(isinstance(v, str) for v in value.values()):
        raise InvalidInput("must name pixel values", where=keys.at("classes"), allowed=form)
    if bad := [k for k in value if not re.fullmatch(r"\d+", k)]:
        raise InvalidInput(f"'{bad[0]}' is no pixel value", where=keys.at("classes"), allowed=form)
    return {int(k): v for k, v in value.items()}


def _postgis(keys: Keys) -> dict[str, Any]:
    if ("table" in keys) == ("query" in keys):
        raise InvalidInput("one of table and query is needed", where=keys.place, allowed=["table", "query"])
    table = keys.maybe("table", ['"schema.table" or "table"'])
    if table is not None and table.count(".") > 1:
        raise InvalidInput(f"'{table}' is no table", where=keys.at("table"), allowed=['"schema.table"', '"table"'])
    variable = keys.maybe("database", ["the name of an environment variable"]) or DATABASE
    if not _VARIABLE.fullmatch(variable):
        # The text may be a connection string with a password in it: it is not repeated.
        raise InvalidInput(
            "must be the name of an environment variable, never the connection itself",
            where=keys.at("database"),
            allowed=[DATABASE],
        )
    query = keys.maybe("query", ["a SELECT"])
    geometry = keys.maybe("geometry", ["the name of the geometry column"]) or "geom"
    return {"table": table, "query": query, "geometry": geometry, "variable": variable}


_READERS: Mapping[str, Callable[[Keys], dict[str, Any]]] = {
    "kor_buildings": _kor_buildings,
    "kor_energy": _kor_energy,
    "raster": _raster,
    "built_surface": _built_surface,
    "postgis": _postgis,
}
