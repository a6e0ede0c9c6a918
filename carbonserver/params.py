# SPDX-License-Identifier: Apache-2.0
"""Query parameters of items and tiles: one small function each, from the client's text to a value."""

from collections.abc import Iterable, Mapping
from math import isfinite

from carbon_provider.temporal import matching_years
from carbongrid.errors import InvalidInput, UnknownName
from carbonserver.compat import transform_bbox
from carbonserver.settings import DEFAULT_ITEMS, MAX_ITEMS
from carbonstore.collections.collection import Collection
from carbonstore.collections.quads import CRS84, Box, OutputCrs, crs_uri
from carbonstore.filter import Filter, parse

type Params = Mapping[str, str]

EPSG4326 = crs_uri(4326)
_TRUE_FALSE = {"true": True, "false": False}
_BBOX = "west,south,east,north"


def whole(params: Params, name: str, default: int, least: int) -> int:
    """An integer of at least ``least``."""
    text = params.get(name)
    if text is None:
        return default
    digits = text.removeprefix("+").strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19 and int(digits) >= least):
        raise InvalidInput(f"'{text}' is not an integer from {least} on", where=name, allowed=[f"{least} ..."])
    return int(digits)


def limit(params: Params) -> int:
    """Features of a page; more than MAX_ITEMS are served as MAX_ITEMS and a ``next`` link."""
    return min(whole(params, "limit", DEFAULT_ITEMS, 1), MAX_ITEMS)


def flag(params: Params, name: str) -> bool:
    """``true`` or ``false``; false where left out."""
    text = params.get(name, "false")
    if text.lower() not in _TRUE_FALSE:
        raise InvalidInput(f"'{text}' is neither", where=name, allowed=_TRUE_FALSE)
    return _TRUE_FALSE[text.lower()]


def hits_only(params: Params) -> bool:
    """``resulttype=hits``: count, do not list."""
    kinds = {"results": False, "hits": True}
    text = params.get("resulttype", "results")
    if text not in kinds:
        raise InvalidInput(f"'{text}' is no result type", where="resulttype", allowed=kinds)
    return kinds[text]


def years(params: Params, collection: Collection) -> tuple[int, ...]:
    """The collection's years that ``datetime`` meets."""
    return matching_years(params.get("datetime"), collection.years)


def crs(params: Params, collection: Collection) -> OutputCrs:
    """The CRS of the answer; UnknownName for one that the collection does not list."""
    return OutputCrs.of(params.get("crs", CRS84), collection.crs)


def bbox(params: Params, collection: Collection) -> Box | None:
    """The box as (west, south, east, north) in CRS84; west > east crosses the antimeridian, heights are dropped."""
    text, source = params.get("bbox"), params.get("bbox-crs", CRS84)
    if source not in collection.crs:
        raise UnknownName(source, collection.crs, kind="CRS", where="bbox-crs")
    if text is None:
        if "bbox-crs" in params:
            raise InvalidInput("it is of no use without bbox", where="bbox-crs")
        return None
    numbers = _numbers(text)
    half = len(numbers) // 2
    return _in_crs84([*numbers[:2], *numbers[half : half + 2]], source)


def cql2(params: Params, collection: Collection) -> Filter | None:
    """``filter`` in ``filter-lang`` with geometries in ``filter-crs``; InvalidInput names what is wrong with it."""
    text, crs = params.get("filter"), params.get("filter-crs", CRS84)
    if crs not in collection.crs:
        raise UnknownName(crs, collection.crs, kind="CRS", where="filter-crs")
    if text is None:
        for name in ("filter-lang", "filter-crs"):
            if name in params:
                raise InvalidInput("it is of no use without filter", where=name)
        return None
    tree = parse(text, params.get("filter-lang"))
    return Filter.of(tree, collection.fields, OutputCrs.of(crs, collection.crs), collection.called)


def _in_crs84(box: list[float], source: str) -> Box:
    if source == EPSG4326:  # latitude first, else the same
        box, source = [box[1], box[0], box[3], box[2]], CRS84
    if box[1] > box[3] or (source != CRS84 and box[0] > box[2]):
        raise InvalidInput("a lower bound is above its upper bound", where="bbox", allowed=[_BBOX])
    west, south, east, north = transform_bbox(box, source, CRS84)
    if not all(isfinite(v) for v in (west, south, east, north)):
        raise InvalidInput("the box lies outside the domain of its CRS", where="bbox")
    return west, south, east, north


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise InvalidInput(f"'{text}' is not a list of numbers", where="bbox", allowed=[_BBOX]) from None
    if len(numbers) not in (4, 6) or not all(isfinite(n) for n in numbers):
        raise InvalidInput("it takes four or six finite numbers", where="bbox", allowed=[_BBOX])
    return numbers


def names(params: Params, name: str) -> tuple[str, ...] | None:
    """A comma-separated list; None where left out."""
    text = params.get(name)
    return None if text is None else tuple(part.strip() for part in text.split(","))


def equalities(params: Params, known: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Parameters that are property names: only records with these values."""
    return tuple((name, params[name]) for name in known if name in params)
