# SPDX-License-Identifier: Apache-2.0
"""Paths of tiles (OGC 20-057): lists of tilesets, tilesets and tiles, of vectors, maps and coverages.

CITE finds tiles by an operationId that holds ``.getTile``.
"""

from dataclasses import dataclass

from openapi.components import TEXT, Json, answer, formats, get, many, page, params, path, query, ref

MVT = "application/vnd.mapbox-vector-tile"
WEB = "WebMercatorQuad"
"""The one tile matrix set that TileJSON knows."""
BINARY: Json = {"type": "string", "format": "binary"}


@dataclass(frozen=True, slots=True)
class _Family:
    """Tiles of one kind below ``base``: ``select`` are parameters of a tile only, ``more`` of tilesets as well."""

    base: str
    tag: str
    operation: str
    of: str
    schemes: list[str]
    media: str
    format: str
    pages: tuple[str, ...]
    select: list[Json]
    more: list[Json]

    def paths(self) -> dict[str, Json]:
        """Four paths: the tileset in Web Mercator, which alone has TileJSON, apart from those in any set."""
        one = f"{self.base}/tiles/{{tileMatrixSetId}}"
        return {
            f"{self.base}/tiles": self._list(),
            f"{self.base}/tiles/{WEB}": self._web(),
            one: self._set(),
            f"{one}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": self._tile(),
        }

    @property
    def _matrix_set(self) -> Json:
        return path("tileMatrixSetId", {"type": "string", "enum": self.schemes}, "Identifier of the tile matrix set.")

    def _list(self) -> Json:
        offered = [*self.more, formats("json", *self.pages), *params("lang")]
        ok = page("tileSets", "Tilesets.") if self.pages else _json("tileSets", "Tilesets.")
        return get(self.tag, f"{self.operation}.getTileSetsList", f"Tilesets {self.of}", offered, ok, "NotFound")

    def _web(self) -> Json:
        offered = [*self.more, formats("json", "tilejson", *self.pages), *params("lang")]
        either: Json = {"oneOf": [ref("schemas", "tileSet"), ref("schemas", "tileJson")]}
        ok = answer(
            "Metadata, or TileJSON.", {"application/json": either} | ({"text/html": TEXT} if self.pages else {})
        )
        return get(self.tag, f"{self.operation}.getWebTileSet", f"The tileset {WEB} {self.of}", offered, ok, "NotFound")

    def _set(self) -> Json:
        offered = [self._matrix_set, *self.more, formats("json", *self.pages), *params("lang")]
        ok = page("tileSet", "Metadata.") if self.pages else _json("tileSet", "Metadata.")
        return get(self.tag, f"{self.operation}.getTileSet", f"A tileset {self.of}", offered, ok, "NotFound")

    def _tile(self) -> Json:
        place = [self._matrix_set, *params("tileMatrix", "tileRow", "tileCol")]
        offered = [*place, formats(self.format), *self.more, *self.select]
        ok = answer("The tile; empty where nothing lies.", {self.media: BINARY})
        missing = "NotFound", "Gone", "NotModified"
        return get(self.tag, f"{self.operation}.getTile", f"A tile {self.of}", offered, ok, *missing)


def vector_tiles(base: str, tag: str, title: str, schemes: list[str]) -> dict[str, Json]:
    """Vector tiles of a collection, or with an empty ``base`` of the dataset."""
    choose = query("properties", many(TEXT), "Attributes of the tile's features instead of the default ones.")
    return _Family(
        base=base,
        tag=tag,
        operation=f"{tag}.{'collection' if base else 'dataset'}.vector",
        of=f"of {title}",
        schemes=schemes,
        media=MVT,
        format="mvt",
        pages=("html",),
        select=[choose, *params("datetime", *(["edition"] if base else []))],
        more=[],
    ).paths()


def pixel_tiles(base: str, tag: str, title: str, schemes: list[str], figures: list[str]) -> dict[str, Json]:
    """Maps of a collection, in the default or a named style, and coverages of one of its ``figures``, if any."""
    style = path("styleId", TEXT, "Identifier of the style.")
    text = "The property whose density, t CO2e/(ha a), a pixel holds: (65536 R + 256 G + B) / 100 - 1000."
    names: Json = {"type": "string", "enum": figures}
    chosen = query("properties", many(names, minItems=1, maxItems=1, default=["emission_total"]), text)
    kinds: tuple[tuple[str, str, str, list[Json]], ...] = (
        (f"{base}/map", f"{tag}.collection.map", f"of a map of {title}", []),
        (f"{base}/styles/{{styleId}}/map", f"{tag}.collection.styledMap", f"of {title} in a style", [style]),
        *([(f"{base}/coverage", f"{tag}.collection.coverage", f"of values of {title}", [chosen])] if figures else []),
    )
    found: dict[str, Json] = {}
    for place, operation, of, more in kinds:
        select = params("datetime", "edition")
        found |= _Family(place, tag, operation, of, schemes, "image/png", "png", (), select, more).paths()
    return found


def wmts() -> dict[str, Json]:
    """The capabilities of WMTS, whose templates lead to the map tiles; requests by KVP are WMTS's own affair."""
    ok = answer("The capabilities (OGC 07-057r7).", {"application/xml": {"type": "object"}})
    operation = get("server", "getWmtsCapabilities", "WMTS capabilities", params("lang"), ok, "NotModified")
    return {"/wmts/1.0.0/WMTSCapabilities.xml": operation}


def _json(schema: str, description: str) -> Json:
    return answer(description, {"application/json": ref("schemas", schema)})
