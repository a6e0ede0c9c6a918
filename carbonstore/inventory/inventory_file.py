# SPDX-License-Identifier: Apache-2.0
"""The author's TOML: which place and year to build, from which sources; one clear message for every mistake in it.

The keys are those of the contract, section 7; whatever is not a known key is an error that suggests the nearest.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from shapely import MultiPolygon, Polygon

from carbongrid.errors import InvalidInput
from carbongrid.factors import FOLDER, FactorSet, read_country
from carbongrid.factors import countries as factor_packs
from carbongrid.grid import projected_epsg
from carbongrid.sectors import KINDS
from carbonstore.inventory.controls import Benchmark, benchmarks
from carbonstore.inventory.source_spec import SourceSpec, source_spec
from carbonstore.inventory.toml_keys import Keys, checked_year
from carbonstore.inventory.units_spec import UnitsSpec, ZoningSpec, units_spec, zoning_spec
from carbonstore.places import boundary as boundaries
from carbonstore.places.boundary import Boundary

__all__ = ["InventoryFile", "SourceSpec", "countries", "factor_packs", "read"]

LEVELS = (100, 500, 1000)
"""Cell sizes in metres where the file names none."""
LANGUAGES = ("ko", "en", "uz", "ru")
UNIT_LEVELS = ("nation", "sido", "sigungu", "dong", "zoning", "viloyat", "tuman")
DISCLOSURES = ("pooled", "open")
FORBIDDEN_ENDINGS = ("history", *UNIT_LEVELS, *KINDS, "concentration-zones")
"""What a collection of an inventory ends with; an inventory id that did would be taken for one."""
TABLES = ("inventory", "units", "zoning", "source", "benchmark")
KEYS = ("id", "title", "country", "year", "boundary", "crs", "factors", "levels", "disclosure")

_ID = re.compile(r"[a-z0-9-]+")
_FORBIDDEN = re.compile(rf"-({'|'.join(FORBIDDEN_ENDINGS)}|\d+k?m)$")


@dataclass(frozen=True)
class InventoryFile:
    """A checked inventory file: nothing in it is left to guess.

    ``levels`` are those of its grid in metres, finest first; ``cells`` those that are published.
    """

    id: str
    title: Mapping[str, str]
    country: str | None
    year: int
    boundary: Boundary
    crs: str
    factors: str
    levels: tuple[int, ...]
    cells: tuple[int, ...]
    disclosure: str
    sources: tuple[SourceSpec, ...]
    benchmarks: tuple[Benchmark, ...]
    path: Path
    units: UnitsSpec | None = None
    zoning: ZoningSpec | None = None

    @property
    def synthetic(self) -> bool:
        """True where any source is synthetic: then everything made from it must say so."""
        zoning = self.zoning is not None and self.zoning.synthetic
        return zoning or any(source.synthetic for source in self.sources)

    @property
    def factor_set(self) -> FactorSet:
        """Factors of the country, regional ones by the code of a Korean boundary where a parcel does not tell."""
        return FactorSet.load(self.factors, self.boundary.code or "")

    def with_year(self, year: int) -> Self:
        """The same inventory for another year (``carbongrid build --year``); InvalidInput for an impossible one."""
        return replace(self, year=checked_year(year, "--year"))


def read(path: Path | str) -> InventoryFile:
    """Read and check an inventory file; InvalidInput (one sentence: key, what is wrong, what is allowed) otherwise.

    Paths inside are relative to the file. Sources are not opened here, only their existence is checked.
    """
    path = Path(path)
    table = _parse(path)
    Keys(table, path.name, path.parent).only(TABLES)
    if not isinstance(table.get("inventory"), dict):
        raise InvalidInput("the table [inventory] is missing", where=path.name, allowed=["[inventory]", "[[source]]"])
    head = Keys(table["inventory"], f"{path.name}: inventory", path.parent)
    head.only(KEYS)
    country = head.choice("country", tuple(countries())) if "country" in head else None
    identifier, title, year, boundary = _id(head), _title(head), head.year("year"), _boundary(head)
    levels, by_units = _levels(head), "units" in table and country is not None
    return InventoryFile(
        id=identifier,
        title=title,
        country=country,
        year=year,
        boundary=boundary,
        crs=_crs(head, countries()[country] if country else None),
        factors=head.choice("factors", factor_packs(), country),
        levels=levels,
        cells=() if by_units and "levels" not in head and not read_country(FOLDER / str(country)).cells else levels,
        disclosure=head.choice("disclosure", DISCLOSURES, DISCLOSURES[0]),
        sources=_sources(table, path, boundary.polygon),
        benchmarks=_benchmarks(table, path),
        path=path,
        units=units_spec(_own(table, "units", path), country) if "units" in table else None,
        zoning=zoning_spec(_own(table, "zoning", path), country) if "zoning" in table else None,
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except OSError as error:
        raise InvalidInput("no such inventory file", where=str(path), allowed=["a TOML file"]) from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"is not UTF-8 text (byte {error.start})", where=path.name, allowed=["UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"is not valid TOML: {error}", where=path.name) from error


@lru_cache(maxsize=1)
def countries() -> Mapping[str, str]:
    """Countries that bring a CRS and factors -> their CRS."""
    packs = {pack: read_country(FOLDER / pack).crs for pack in factor_packs()}
    return {pack: crs for pack, crs in packs.items() if crs is not None}


def _id(head: Keys) -> str:
    value = head.text("id", ["a-z, 0-9 and -"])
    if not _ID.fullmatch(value):
        raise InvalidInput(f"'{value}' is no id", where=head.at("id"), allowed=["a-z, 0-9 and -"])
    if _FORBIDDEN.search(value):
        endings = "not ending in " + " ".join(f"-{e}" for e in (*FORBIDDEN_ENDINGS, "{n}m", "{n}km"))
        raise InvalidInput(f"'{value}' ends like a collection of an inventory", where=head.at("id"), allowed=[endings])
    return value


def _title(head: Keys) -> dict[str, str]:
    form = ['{ ko = "…", en = "…" }']
    value = head.required("title", form)
    if not isinstance(value, dict):
        raise InvalidInput("must be given in Korean and English", where=head.at("title"), allowed=form)
    title = Keys(value, head.at("title"), head.folder)
    title.only(LANGUAGES)
    required = {language: title.text(language, form) for language in ("ko", "en")}
    return required | {language: title.text(language, form) for language in LANGUAGES[2:] if language in title}


def _boundary(head: Keys) -> Boundary:
    return boundaries.load(head.required("boundary", boundaries.FORMS), head.folder, head.at("boundary"))


def _crs(head: Keys, default: str | None) -> str:
    projected = ["a projected CRS in metres such as EPSG:5179"]
    named = [f'country = "{c}"' for c in countries()]
    value = head.table.get("crs", default)
    if value is None:
        raise InvalidInput(
            "is missing: without a country it must be stated", where=head.at("crs"), allowed=projected + named
        )
    if not isinstance(value, str):
        raise InvalidInput("must be text", where=head.at("crs"), allowed=projected)
    try:
        return f"EPSG:{projected_epsg(value)}"
    except InvalidInput as error:
        raise InvalidInput(error.what, where=head.at("crs"), allowed=error.allowed) from error


def _levels(head: Keys) -> tuple[int, ...]:
    value = head.table.get("levels", list(LEVELS))
    whole = isinstance(value, list) and all(type(v) is int and v > 0 for v in value)
    if not whole or not value or any(b <= a or b % a for a, b in pairwise(value)):
        form = "metres, each a multiple of the one before, such as [100, 500, 1000]"
        raise InvalidInput(f"{value!r} are no levels", where=head.at("levels"), allowed=[form])
    return tuple(value)


def _own(table: Mapping[str, Any], name: str, path: Path) -> Keys:
    if not isinstance(table[name], dict):
        raise InvalidInput("must be a table", where=f"{path.name}: {name}", allowed=[f"[{name}]"])
    return Keys(table[name], f"{path.name}: {name}", path.parent)


def _benchmarks(table: Mapping[str, Any], path: Path) -> tuple[Benchmark, ...]:
    tables = table.get("benchmark", [])
    each = tables if isinstance(tables, list) else []
    keys = [Keys(t, f"{path.name}: benchmark {i}", path.parent) for i, t in enumerate(each, 1)]
    return benchmarks(tables, path.name, keys)


def _sources(table: Mapping[str, Any], path: Path, boundary: Polygon | MultiPolygon) -> tuple[SourceSpec, ...]:
    sources = table.get("source")
    if not isinstance(sources, list) or not sources:
        raise InvalidInput("there is no source", where=path.name, allowed=["one [[source]] or more"])
    keys = (Keys(source, f"{path.name}: source {i}", path.parent) for i, source in enumerate(sources, 1))
    return tuple(source_spec(k, boundary) for k in keys)
