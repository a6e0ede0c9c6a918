# SPDX-License-Identifier: Apache-2.0
"""A client's layer of zones: a GeoJSON FeatureCollection, one zone a feature, or a refusal that names the place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from carbongrid.errors import InvalidInput, TooLarge
from carbongrid.region import Box, Reader, Region, members

MAX_ZONES = 10_000
MAX_VERTICES = 2_000_000
"""Limits of contract.md 6."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of a layer: ``id`` as its sender named it, text or whole number."""

    id: str | int
    region: Region


def zones_of(value: object, *, where: str = "", served: Box | None = None) -> list[Zone]:
    """The zones of a parsed FeatureCollection, in its order; they may overlap and leave gaps.

    A zone is named by the member ``id`` of its feature, else by its property ``id``, else by its number from 0.
    ``where`` is the JSON pointer of ``value``, ``served`` the CRS84 bounds of what is published. InvalidInput naming
    the place, or TooLarge beyond MAX_ZONES and MAX_VERTICES.
    """
    features = value.get("features") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or value.get("type") != "FeatureCollection" or not isinstance(features, list):
        raise InvalidInput("zones are the features of a collection", where=where, allowed=["FeatureCollection"])
    if len(features) > MAX_ZONES:
        raise TooLarge(f"{len(features)} zones, more than the {MAX_ZONES} that are taken", where=f"{where}/features")
    shapes = Reader(served, MAX_VERTICES).shapes(list(members(value, where)))
    names = _names(features, f"{where}/features")
    return [Zone(name, Region(shape)) for name, shape in zip(names, shapes, strict=True)]


def _names(features: Sequence[Mapping[str, object]], where: str) -> list[str | int]:
    """Ids, each once: answers are told apart by them."""
    seen: dict[str, int] = {}
    names = [_name(feature, i, f"{where}/{i}") for i, feature in enumerate(features)]
    for i, name in enumerate(names):
        if (first := seen.setdefault(str(name), i)) != i:
            raise InvalidInput(f"feature {first} has the id '{name}' too", where=f"{where}/{i}/id")
    return names


def _name(feature: Mapping[str, object], number: int, where: str) -> str | int:
    properties = feature.get("properties")
    given = feature.get("id", properties.get("id") if isinstance(properties, Mapping) else None)
    if given is None:
        return number
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise InvalidInput("an id is a text or a whole number", where=f"{where}/id")
    return given
