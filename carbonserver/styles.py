# SPDX-License-Identifier: Apache-2.0
"""Map styles: how a figure of a cell becomes a colour, as Mapbox style documents.

A style colours **density**, t CO2e per hectare and year: a cell's tonnes divided by the nominal hectares of its level,
in classes whose breaks are fixed for all inventories, levels and years, so that one colour always means one thing.
Colours, breaks and their sources lie in ``viewer/palettes.json``; the legend is drawn from the style's ``metadata``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from carbongrid.errors import NotFound
from carbonstore.collections.cell_collection import CellCollection, level_name
from carbonstore.collections.collection import Collection
from carbonstore.encode.raster import of_lines

MEDIA_TYPE = "application/vnd.mapbox.style+json"
SCHEME = "WebMercatorQuad"
"""The tile matrix set that web maps, and so these styles, draw."""
OUTLINE = "#6b7280"
"""Colour of the borders of units, buildings and stands."""
DEFAULT = "total"
"""Id of the style that is drawn where none is asked for."""
PALETTES = Path(__file__).parent / "viewer" / "palettes.json"


@dataclass(frozen=True, slots=True)
class Ramp:
    """Class colours of a density: ``colors[i]`` holds from ``breaks[i - 1]`` up to, not including, ``breaks[i]``.

    Exactly 0 has its own colour, the lightest; ``no_data`` stands for null.
    """

    zero: str
    no_data: str
    breaks: tuple[float, ...]
    colors: tuple[str, ...]

    def color(self, density: float | None) -> str:
        """Colour of a density in t/(ha a), None = no data: what the style's expression computes."""
        if density is None:
            return self.no_data
        return self.zero if density == 0 else self.colors[sum(density >= b for b in self.breaks)]

    def expression(self, value: str, density: list[Any]) -> list[Any]:
        """The same as a style expression over the property ``value`` in tonnes, whose density is an expression too."""
        steps = [x for pair in zip(self.breaks, self.colors[1:], strict=True) for x in pair]
        by_class = ["step", density, self.colors[0], *steps]
        return ["case", ["!", ["has", value]], self.no_data, ["==", ["get", value], 0], self.zero, by_class]


@dataclass(frozen=True, slots=True)
class Style:
    """One way to look at a collection: a figure, its ramp, its title {ko, en} and the unit of its density."""

    id: str
    figure: str
    ramp: Ramp
    title: Mapping[str, str]
    unit: Mapping[str, str]

    @classmethod
    def of(cls, collection: Collection, style_id: str | None = None) -> Self:
        """A style that a collection can be drawn in, by default its own; NotFound lists those."""
        chosen, drawable = style_id or default(collection), ids_of(collection)
        if chosen not in drawable:
            raise NotFound(f"{collection.id} is not drawn in style '{chosen}'", allowed=drawable)
        return cls.named(chosen)

    @classmethod
    def named(cls, style_id: str) -> Self:
        """The style of this id; NotFound lists those that exist."""
        palettes = _palettes()
        if style_id not in palettes["styles"]:
            raise NotFound(f"no style '{style_id}'", allowed=palettes["styles"])
        entry = palettes["styles"][style_id]
        ramp = palettes["ramps"][entry["ramp"]]
        colors = Ramp(ramp["zero"], palettes["no_data"], tuple(ramp["breaks"]), tuple(ramp["colors"]))
        return cls(style_id, entry["property"], colors, entry["title"], palettes["unit"])

    @property
    def legend(self) -> dict[str, Any]:
        """What a legend needs, from the same values as the colours."""
        ramp = self.ramp
        return {
            "property": self.figure,
            "unit": dict(self.unit),
            "zero": ramp.zero,
            "no_data": ramp.no_data,
            "breaks": list(ramp.breaks),
            "colors": list(ramp.colors),
        }


@cache
def _palettes() -> dict[str, Any]:
    palettes: dict[str, Any] = json.loads(PALETTES.read_text(encoding="utf-8"))
    return palettes


def ids() -> tuple[str, ...]:
    """Style ids in the order of the sector switch."""
    return tuple(_palettes()["styles"])


def ids_of(collection: Collection) -> tuple[str, ...]:
    """Ids of the styles that a collection can be drawn in: it has their figure."""
    return tuple(style_id for style_id in ids() if Style.named(style_id).figure in collection.fields)


def default(collection: Collection) -> str:
    """Id of the style that a collection is drawn in where none is asked for."""
    drawable = ids_of(collection)
    return DEFAULT if DEFAULT in drawable else drawable[0]


def hectares(level: int) -> float:
    """Nominal hectares of a cell of ``level`` metres."""
    return level * level / 10_000


def document(style: Style, collection: Collection, base_url: str) -> dict[str, Any]:
    """The style of a collection over its own vector tiles (Mapbox style specification, version 8).

    The fill of cells also suits dataset tiles: where a feature carries ``level``, the hectares of that level count.
    """
    west, south, east, north = collection.bbox
    density, paint, shown = _drawn(collection, style)
    kind, color = ("line", "line-color") if of_lines(collection) else ("fill", "fill-color")
    return {
        "version": 8,
        "name": f"{collection.title['en']}: {style.title['en']}",
        "metadata": {"carbongrid:title": dict(style.title), "carbongrid:legend": style.legend},
        "center": [round((west + east) / 2, 5), round((south + north) / 2, 5)],
        "zoom": collection.zooms(SCHEME)[0],
        "sources": {"cells": _source(collection, base_url, shown)},
        "layers": [
            {
                "id": style.id,
                "type": kind,
                "source": "cells",
                "source-layer": collection.id,
                "paint": {color: style.ramp.expression(style.figure, density), **paint},
            }
        ],
    }


def _drawn(collection: Collection, style: Style) -> tuple[list[Any], dict[str, Any], tuple[str, ...]]:
    """Density as an expression, what else is painted, and properties to ask of the tiles (none: theirs).

    Cells lie edge to edge; others have borders, and bring what a density needs only where that is asked for.
    """
    if isinstance(collection, CellCollection):
        return ["/", ["get", style.figure], _hectares(collection)], {"fill-antialias": False}, ()
    size, hectare = collection.hectare
    paint = {"line-width": 2} if of_lines(collection) else {"fill-outline-color": OUTLINE}
    wanted = {"unit_name", style.figure, size, "quality", "status", "missing", "synthetic"}
    shown = tuple(name for name in collection.fields if name in wanted)
    return ["/", ["*", ["get", style.figure], hectare], ["get", size]], paint, shown


def _hectares(collection: CellCollection) -> list[Any]:
    """Hectares of a feature: by ``level``, which only dataset tiles carry, else of the collection."""
    by_level = [x for level in collection.published.all_levels for x in (level_name(level), hectares(level))]
    return ["match", ["get", "level"], *by_level, hectares(collection.level)]


def _source(collection: Collection, base_url: str, chosen: tuple[str, ...]) -> dict[str, Any]:
    first, last = collection.zooms(SCHEME)
    query = f"f=mvt&properties={','.join(chosen)}" if chosen else "f=mvt"
    return {
        "type": "vector",
        "tiles": [f"{base_url}/collections/{collection.id}/tiles/{SCHEME}/{{z}}/{{y}}/{{x}}?{query}"],
        "minzoom": first,
        "maxzoom": last,
        "bounds": list(collection.bbox),
        "attribution": collection.attribution,
    }


def listing(collection: Collection, language: str, base_url: str) -> dict[str, Any]:
    """The styles of a collection (the list of OGC API - Styles, a draft), titled in ``language``."""
    here = f"{base_url}/collections/{collection.id}/styles"
    styles = [Style.named(style_id) for style_id in ids_of(collection)]
    return {
        "title": collection.title[language],
        "default": styles[0].id,
        "styles": [
            {
                "id": style.id,
                "title": style.title[language],
                "links": [{"rel": "stylesheet", "type": MEDIA_TYPE, "href": f"{here}/{style.id}"}],
            }
            for style in styles
        ],
        "links": [
            {"rel": "self", "type": "application/json", "href": here},
            {"rel": "collection", "type": "application/json", "href": f"{base_url}/collections/{collection.id}"},
        ],
    }
