# SPDX-License-Identifier: Apache-2.0
"""The kinds of source an inventory file may name: what each can provide, its own keys, the terms it brings."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from carbongrid.sectors import KINDS

COMMON_KEYS = ("kind", "provides", "extent", "licence", "attribution", "synthetic")
"""Keys that every source may have."""
FILE_KEYS = ("path", "crs", "encoding")
_TABLE = (*FILE_KEYS, "columns", "layer", "base_year")
_OSM = {"licence": "ODbL-1.0", "attribution": "© OpenStreetMap contributors"}
_OVERTURE = {"licence": "ODbL-1.0", "attribution": "© OpenStreetMap contributors, Overture Maps Foundation"}


@dataclass(frozen=True)
class Form:
    """One kind of source. ``provides``: what it can give; ``keys``: its own beside the common ones.

    ``several``: one source may provide more than one kind. ``joins``: the key by which its rows are joined to the
    objects of other sources, None where it brings objects of its own. ``terms``: licence and attribution that need not
    be stated. ``many``: ``path`` may be a list of files.
    """

    provides: tuple[str, ...]
    keys: tuple[str, ...]
    several: bool = False
    joins: str | None = None
    terms: Mapping[str, str] = field(default_factory=dict)
    many: bool = False


FORMS: Mapping[str, Form] = {
    "osm": Form(KINDS, (*_TABLE, "separator"), several=True, terms=_OSM),
    "table": Form(KINDS, (*_TABLE, "separator")),
    "delimited": Form(KINDS, (*_TABLE, "join", "separator")),
    "kor_buildings": Form(("buildings",), (*FILE_KEYS, "release"), many=True),
    "kor_register": Form(("buildings",), ("path", "encoding"), joins="pnu", many=True),
    "kor_energy": Form(("buildings",), ("path", "encoding", "carrier"), joins="pnu", many=True),
    "kor_roads": Form(("roads",), FILE_KEYS, many=True),
    "kor_volumes": Form(("roads",), ("path", "encoding", "columns", "separator"), joins="link_id", many=True),
    "kor_forest": Form(("forests",), (*FILE_KEYS, "base_year"), many=True),
    "overture": Form(KINDS, ("path",), terms=_OVERTURE, many=True),
    "footprints": Form(("buildings",), ("path", "encoding"), many=True),
    "raster": Form(("forests",), ("path", "crs", "classes", "nodata", "block_m", "base_year"), many=True),
    "built_surface": Form(("buildings",), ("path", "crs", "nodata"), many=True),
    "postgis": Form(KINDS, ("table", "query", "geometry", "columns", "crs", "database", "base_year")),
}
"""Every kind by its name."""
JOINS = ("pnu",)
"""What ``join`` of delimited text may say."""
KEYS = tuple(dict.fromkeys((*COMMON_KEYS, *(key for form in FORMS.values() for key in form.keys))))
"""Every key that some kind of source has."""
