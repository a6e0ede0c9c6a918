# SPDX-License-Identifier: Apache-2.0
"""CQL2 inside pygeoapi 0.24: its parsers are replaced by ours when a provider of ours is loaded.

pygeofilter's parsers, which pygeoapi calls by these names, read some filters wrongly without an error (see
``carbonstore.filter.syntax``), and its transformer of geometries moves corners only. The names are looked up at every
request, and a provider is loaded before its filter is parsed, so stock ``pygeoapi serve`` answers rightly too.
"""

from typing import Any

from pygeoapi.api import itemtypes
from pygeoapi.crs import modify_pygeofilter
from pygeofilter import ast

from carbongrid.errors import UnknownName
from carbonstore.collections.collection import Collection
from carbonstore.collections.quads import CRS84, OutputCrs
from carbonstore.filter import Filter, Tree, in_crs84, parse

NAMES = ("parse_cql2_text", "parse_cql2_json", "modify_pygeofilter")
_STATED = "filter_crs"
"""Attribute of a tree's root: the CRS that its geometries were stated in."""


def install() -> None:
    """Replace the names; RuntimeError where this pygeoapi has none of them."""
    absent = [name for name in NAMES if not hasattr(itemtypes, name)]
    if absent:
        raise RuntimeError(f"pygeoapi.api.itemtypes has no {', '.join(absent)}: CQL2 would be answered wrongly")
    vars(itemtypes).update(parse_cql2_text=parse, parse_cql2_json=_json, modify_pygeofilter=_modified)


def _json(text: str) -> Tree:
    return parse(text, "cql2-json")


def _modified(tree: Tree, *, filter_crs_uri: str, **options: Any) -> Tree:
    """What pygeoapi's function of this name does, after edges were cut into pieces and moved to CRS84."""
    moved = in_crs84(tree, OutputCrs.of(filter_crs_uri, (filter_crs_uri,)))
    found = modify_pygeofilter(moved, filter_crs_uri=CRS84, **options)
    if isinstance(found, ast.Node):
        setattr(found, _STATED, filter_crs_uri)
    return found


def checked(tree: Tree | None, collection: Collection) -> Filter | None:
    """The filter of a request; InvalidInput names what is wrong with it, or a CRS that the collection does not list."""
    if tree is None:
        return None
    crs = getattr(tree, _STATED, CRS84)
    if crs not in collection.crs:
        raise UnknownName(crs, collection.crs, kind="CRS", where="filter-crs")
    return Filter.of(tree, collection.fields, called=collection.called)
