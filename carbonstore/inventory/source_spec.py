# SPDX-License-Identifier: Apache-2.0
"""One ``[[source]]`` of an inventory file, checked key by key."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely import MultiPolygon, Polygon

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.activity import ENERGY_COLUMNS, SKIPPED, VOLUME_COLUMNS, KnownColumns, known_columns
from carbonstore.inventory.source_kinds import COMMON_KEYS, FORMS, JOINS, KEYS, Form
from carbonstore.inventory.source_options import options
from carbonstore.inventory.toml_keys import Keys
from carbonstore.places import boundary as boundaries

_TERMS = {
    "licence": 'an SPDX id such as "ODbL-1.0", or the name of the licence',
    "attribution": "the sentence its owner asks for",
}
_LOCK = ".lock"
"""Ends files that are beside a geodatabase while somebody has it open."""
_COLUMN_FORMS = ('{ contract_name = "name in the file" }', '["first", "_", "third"] for headerless text')


@dataclass(frozen=True)
class SourceSpec:
    """What to read and how. ``extent`` is a CRS84 polygon, None where the source covers the whole boundary.

    ``columns`` maps contract names to the file's own, or lists the names of headerless text in order (``_`` skips one).
    ``base_year`` is when forest stands were surveyed. ``place`` names the source in messages. ``path`` is the first of
    ``paths``; a database has none, and its ``path`` is the table's name. ``options`` holds the keys of one kind only.
    """

    kind: str
    path: Path
    provides: tuple[str, ...]
    licence: str
    attribution: str
    place: str
    extent: Polygon | MultiPolygon | None = None
    columns: Mapping[str, str] | tuple[str, ...] = field(default_factory=dict)
    join: str | None = None
    crs: str | None = None
    encoding: str | None = None
    separator: str = ","
    synthetic: bool = False
    base_year: int | None = None
    layer: str | None = None
    more: tuple[Path, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files named by the author; none for a database."""
        return () if self.kind == "postgis" else (self.path, *self.more)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file the source consists of: a shapefile's table, index, CRS and encoding lie beside it."""
        return tuple(file for path in self.paths for file in with_companions(path))

    @property
    def join_key(self) -> str | None:
        """What its rows are joined by to objects of other sources; None where it has objects of its own."""
        return self.join or FORMS[self.kind].joins


def with_companions(path: Path) -> tuple[Path, ...]:
    """A file, and what lies beside a shapefile and belongs to it; of a folder, its files."""
    if path.is_dir():
        return tuple(sorted(f for f in path.iterdir() if f.is_file() and f.suffix != _LOCK))
    if path.suffix.lower() != ".shp":
        return (path,)
    beside = (path.with_suffix(s) for s in (".dbf", ".DBF", ".shx", ".SHX", ".prj", ".cpg"))
    return (path, *(f for f in beside if f.is_file()))


def source_spec(keys: Keys, boundary: Polygon | MultiPolygon) -> SourceSpec:
    """Check one source table; InvalidInput names the key and the allowed values. The file is not opened."""
    keys.only(KEYS)
    kind = keys.choice("kind", tuple(FORMS))
    form = FORMS[kind]
    _own_keys(keys, kind, form)
    join = keys.choice("join", JOINS) if "join" in keys else None
    provides = _provides(keys, kind, form, join)
    path, *more = checked_paths(keys, form.many) if "path" in form.keys else [Path(keys.table.get("table", "query"))]
    return SourceSpec(
        kind=kind,
        path=path,
        more=tuple(more),
        provides=provides,
        licence=_term(keys, "licence", form),
        attribution=_term(keys, "attribution", form),
        place=keys.place,
        extent=_extent(keys, kind, boundary),
        columns=_columns(keys, kind, _known(kind, provides, join)),
        join=join,
        crs=checked_crs(keys),
        encoding=checked_encoding(keys),
        separator=_separator(keys),
        synthetic=keys.flag("synthetic"),
        base_year=keys.year("base_year") if "base_year" in keys else None,
        layer=keys.maybe("layer", ["the name of a layer of the file"]),
        options=options(keys, kind),
    )


def _own_keys(keys: Keys, kind: str, form: Form) -> None:
    """Keys of other kinds mean nothing here: saying so beats ignoring them."""
    own = (*COMMON_KEYS, *form.keys)
    for key in keys.table:
        if key == "join" and key not in own:
            raise InvalidInput("only delimited text is joined", where=keys.at(key), allowed=['kind = "delimited"'])
        if key not in own:
            raise InvalidInput(f"is no key of kind '{kind}'", where=keys.at(key), allowed=own)


def _known(kind: str, provides: tuple[str, ...], join: str | None) -> KnownColumns:
    if kind == "kor_volumes":
        return VOLUME_COLUMNS
    return ENERGY_COLUMNS if join else known_columns(provides[0], kind)


def _provides(keys: Keys, kind: str, form: Form, join: str | None) -> tuple[str, ...]:
    possible = ("buildings",) if join else form.provides
    if "provides" not in keys and (form.several or len(possible) == 1):
        return possible
    provides = keys.choices("provides", possible)
    if not form.several and len(provides) > 1:
        raise InvalidInput("a table holds one kind of source", where=keys.at("provides"), allowed=possible)
    return provides


def _term(keys: Keys, key: str, form: Form) -> str:
    if key in form.terms and key not in keys:
        return form.terms[key]
    return keys.text(key, [_TERMS[key]])


def checked_paths(keys: Keys, many: bool) -> list[Path]:
    """The files of ``path``: one, or a list of them where ``many`` may be named; each must exist."""
    what = "a file, relative to the inventory file or absolute"
    value = keys.required("path", [what])
    names = value if many and isinstance(value, list) else [keys.text("path", [what])]
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidInput("must name files", where=keys.at("path"), allowed=[what, "a list of files"])
    for name in names:
        if not _exists(keys.folder / name):
            raise InvalidInput(f"no file '{name}'", where=keys.at("path"), allowed=["a file that exists"])
        if names.count(name) > 1:
            raise InvalidInput(f"'{name}' is named twice", where=keys.at("path"), allowed=["each file once"])
    return [keys.folder / name for name in names]


def _exists(path: Path) -> bool:
    """A file, or a geodatabase: that is a folder."""
    return path.is_file() or (path.suffix.lower() == ".gdb" and path.is_dir())


def _extent(keys: Keys, kind: str, boundary: Polygon | MultiPolygon) -> Polygon | MultiPolygon | None:
    allowed = ('"boundary"', "<polygon file>", "[west, south, east, north] in degrees")
    value = keys.required("extent", allowed) if kind == "osm" else keys.table.get("extent", "boundary")
    if value == "boundary":
        return None
    extent = boundaries.polygon_of(value, keys.folder, keys.at("extent"))
    if not extent.intersects(boundary):
        raise InvalidInput("does not meet the boundary", where=keys.at("extent"), allowed=allowed)
    return None if extent.equals(boundary) else extent


def _columns(keys: Keys, kind: str, known: KnownColumns) -> Mapping[str, str] | tuple[str, ...]:
    value: Any = keys.table.get("columns", {})
    place = keys.at("columns")
    if kind == "osm" and value:
        raise InvalidInput(
            "OpenStreetMap's tags are known: there is nothing to name", where=place, allowed=["no columns"]
        )
    if isinstance(value, list) and kind == "delimited":
        return _listed(value, known, place)
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise InvalidInput("must name columns", where=place, allowed=_COLUMN_FORMS[: 2 if kind == "delimited" else 1])
    for name in value:
        if not known(name):
            raise UnknownName(name, known.names, kind="column", where=place)
    return dict(value)


def _listed(names: list[Any], known: KnownColumns, place: str) -> tuple[str, ...]:
    if not names or not all(isinstance(n, str) for n in names):
        raise InvalidInput("must list names", where=place, allowed=_COLUMN_FORMS)
    named = [n for n in names if n != SKIPPED]
    for name in named:
        if not known(name):
            raise UnknownName(name, (*known.names, SKIPPED), kind="column", where=place)
        if named.count(name) > 1:
            raise InvalidInput(
                f"'{name}' occurs twice", where=place, allowed=["each name once", f"{SKIPPED} for columns to skip"]
            )
    return tuple(names)


def checked_crs(keys: Keys) -> str | None:
    """A CRS by authority code only: PROJ would also take a name, and guess."""
    form = ["EPSG:<code>, such as EPSG:5186"]
    value = keys.maybe("crs", form)
    if value is None:
        return None
    try:
        CRS.from_authority(*value.split(":", 1))
    except (CRSError, TypeError) as error:
        raise InvalidInput(f"'{value}' is not a known CRS", where=keys.at("crs"), allowed=form) from error
    return value


def checked_encoding(keys: Keys) -> str | None:
    """A codec that Python knows; None where the key is absent."""
    value = keys.maybe("encoding", ["utf-8", "cp949", "cp1251"])
    if value is None:
        return None
    try:
        return codecs.lookup(value).name
    except LookupError as error:
        allowed = ["utf-8", "cp949", "cp1251", "…"]
        raise InvalidInput(f"'{value}' is no encoding", where=keys.at("encoding"), allowed=allowed) from error


def _separator(keys: Keys) -> str:
    value = keys.table.get("separator", ",")
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise InvalidInput("must be one character", where=keys.at("separator"), allowed=['","', '";"', '"|"', '"\\t"'])
    return value
