# SPDX-License-Identifier: Apache-2.0
"""Activity data that a client sends -> an inventory of a region that no server has seen (issue: method (b)).

The way is that of the yearly build: the same readers, the same model, the same grid, in a folder that is gone with the
answer. What comes out is a release like any other, so whatever is asked of the published map is answered from it too.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import orjson
import shapely

from carbongrid.crs import project_polygon
from carbongrid.errors import InvalidInput, TooLarge
from carbongrid.factors import FOLDER, read_country
from carbongrid.grid import projected_epsg
from carbongrid.region import Box, Region
from carbongrid.sectors import KINDS
from carbonstore.building.build import build_file
from carbonstore.inventory.inventory_file import LEVELS, InventoryFile
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.inventory.toml_keys import checked_year
from carbonstore.places.boundary import Boundary
from carbonstore.releases.catalogue import Published
from carbonstore.releases.edition import Edition
from carbonstore.releases.stored import Release
from processes.activity.files import source
from processes.activity.utm import utm_zone
from processes.base import ASYNC, Context, Placed, Report
from processes.choice import level_of
from processes.schema import Json

INVENTORY = "upload"
MAX_KM2, MAX_KM2_AT_ONCE = 50_000, 2_500
"""Largest box around a region: of a job, and of a request that waits for its answer."""
MAX_YEARS = 10
_OWN = ("columns", "country", "factors", "crs", "source_crs")
"""Inputs that mean something only beside activity data."""
_STAGES = {
    "check": {"ko": "확인", "en": "checking"},
    "read": {"ko": "읽기", "en": "reading"},
    "clip": {"ko": "경계로 자르기", "en": "clipping"},
    "estimate": {"ko": "산정", "en": "estimating"},
    "grid": {"ko": "격자화", "en": "gridding"},
    "units": {"ko": "합산", "en": "summing"},
    "write": {"ko": "쓰기", "en": "writing"},
}
_TOLD = ("kinds", "placeholder_share", "notes", "without_value")
"""Parts of a release's report that say what became of the rows."""
_TITLE = {"ko": "올린 자료", "en": "Uploaded data"}
_NOTE = {
    "ko": "이용자가 올린 활동자료로 산정한 값입니다.",
    "en": "Estimated from activity data that a user sent.",
}


def given(inputs: Mapping[str, object]) -> bool:
    """Whether a request brings activity data; InvalidInput for inputs that mean nothing without or beside them."""
    if any(kind in inputs for kind in KINDS):
        if "inventory" in inputs:
            what = "activity data make an inventory of their own"
            raise InvalidInput(what, where="/inputs/inventory", allowed=["nothing"])
        return True
    for name in _OWN:
        if name in inputs:
            raise InvalidInput("this input goes with activity data", where=f"/inputs/{name}", allowed=KINDS)
    return False


def extent(inputs: Mapping[str, object]) -> Box | None:
    """CRS84 box of the country whose factors are asked for; None where they hold anywhere."""
    pack = inputs.get("factors", inputs.get("country"))
    return None if pack is None else read_country(FOLDER / str(pack)).extent


@contextmanager
def inventory(inputs: Mapping[str, object], region: Region, context: Context) -> Iterator[Published]:
    """The inventory of a region made of the activity data of checked inputs; its files are gone afterwards."""
    level_of(inputs.get("level"), LEVELS)
    plan = Plan.of(inputs, region, context)
    years = _years(inputs.get("year"))
    with TemporaryDirectory(prefix="carbongrid-") as folder, _places_of_the_request():
        file = plan.file(inputs, Path(folder), years[0], context)
        releases: dict[int, Release] = {}
        for year in years:
            told = _Told(context.report, len(releases), len(years))
            releases[year] = build_file(replace(file, year=year), Path(folder), told)
        edition = Edition.of(INVENTORY, {year: release.id for year, release in releases.items()})
        yield Published(edition, MappingProxyType(dict(sorted(releases.items()))))


def told(release: Release) -> Json:
    """What became of the rows: used, left out and why, repaired, overlapping, without a value; how much is a guess."""
    report = release.manifest["report"]
    return {"year": release.year} | {name: report[name] for name in _TOLD if name in report}


def told_schema() -> Json:
    """JSON schema of :func:`told` for every year."""
    members: Json = {"year": {"type": "integer"}, "kinds": {"type": "array", "items": {"type": "object"}}}
    members |= {
        "placeholder_share": {"type": "number"},
        "notes": {"type": "object"},
        "without_value": {"type": "object"},
    }
    rows: Json = {"type": "array", "items": {"type": "object", "properties": members}}
    return {"type": "object", "properties": {"years": rows}, "required": ["years"]}


@dataclass(frozen=True)
class Plan:
    """Where and by which factors: CRS84 region, grid CRS, factor pack."""

    region: Region
    crs: str
    factors: str

    @classmethod
    def of(cls, inputs: Mapping[str, object], region: Region, context: Context) -> "Plan":
        """Checked: the region lies in the country whose factors are taken, and its box is not too large."""
        country = inputs.get("country")
        factors = inputs.get("factors", country)
        if factors is None:
            raise InvalidInput("activity data need factors", where="/inputs/factors", allowed=["factors", "country"])
        for pack in dict.fromkeys(str(p) for p in (factors, country) if p is not None):
            _check_country(pack, region)
        made = cls(region, _crs(inputs.get("crs"), country, region), str(factors))
        made.check_size(context)
        return made

    def check_size(self, context: Context) -> None:
        """TooLarge where the box around the region is more than may be gridded, InvalidInput where it has no place."""
        at = "/inputs/region"
        try:
            west, south, east, north = project_polygon(self.region.polygon, self.crs).bounds
        except InvalidInput as error:
            raise InvalidInput(error.what, where=at, allowed=["a region of the grid's CRS"]) from None
        km2, most = (east - west) * (north - south) / 1e6, MAX_KM2 if context.job else MAX_KM2_AT_ONCE
        if km2 > most:
            what = f"the box around the region measures {km2:,.0f} km2, at most {most:,} are estimated"
            raise TooLarge(what if context.job else f"{what} at once", where=at, allowed=_patience(context))

    def file(self, inputs: Mapping[str, object], folder: Path, year: int, context: Context) -> InventoryFile:
        """The inventory file that a user of ``carbongrid build`` would have written."""
        kinds = [kind for kind in KINDS if kind in inputs]
        sources: list[SourceSpec] = []
        for kind in kinds:
            context.report(0.0, _STAGES["read"])
            sources.append(source(kind, inputs, folder, context.job))
        named = {name: _plain(inputs[name]) for name in _OWN if name in inputs}
        request = folder / "request.json"
        request.write_bytes(orjson.dumps(named, option=orjson.OPT_SORT_KEYS))
        return InventoryFile(
            id=INVENTORY,
            title=_TITLE,
            country=None,
            year=year,
            boundary=Boundary(self.region.polygon, "", "", _NOTE),
            crs=self.crs,
            factors=self.factors,
            levels=LEVELS,
            cells=LEVELS,
            disclosure="open",
            sources=tuple(sources),
            benchmarks=(),
            path=request,
        )


def _plain(value: object) -> object:
    return value.value if isinstance(value, Placed) else value


def _patience(context: Context) -> list[str]:
    return ["a smaller region"] if context.job else ["a smaller region", ASYNC]


def _check_country(pack: str, region: Region) -> None:
    country = read_country(FOLDER / pack)
    if country.extent is not None and not region.polygon.within(shapely.box(*country.extent)):
        what = f"the region lies outside {country.name['en']}, whose factors are asked for"
        raise InvalidInput(what, where="/inputs/region", allowed=[f"{pack} {list(country.extent)}", "other factors"])


def _crs(asked: object, country: object, region: Region) -> str:
    """CRS of the grid: as asked, else the country's, else the UTM zone of the region's middle."""
    if asked is not None:
        try:
            return f"EPSG:{projected_epsg(str(asked))}"
        except InvalidInput as error:
            raise InvalidInput(error.what, where="/inputs/crs", allowed=error.allowed) from None
    own = None if country is None else read_country(FOLDER / str(country)).crs
    return own or utm_zone(region.polygon)


def _years(asked: object) -> list[int]:
    """Years to estimate, once each, in their order; there is no newest one to take."""
    wanted = [p for p in asked if isinstance(p, Placed)] if isinstance(asked, tuple) else []
    if not 1 <= len(wanted) <= MAX_YEARS:
        what = f"{len(wanted)} years are given with the activity data"
        raise InvalidInput(what, where="/inputs/year", allowed=[f"1 to {MAX_YEARS}"])
    return list(dict.fromkeys(checked_year(p.value, p.at) for p in wanted))


@dataclass(frozen=True)
class _Told:
    """Progress of one of several builds, told on in the words of processes."""

    report: Report
    before: int
    builds: int

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage in _STAGES:
            at = list(_STAGES).index(stage) + done / max(total, 1)
            self.report((self.before + at / (len(_STAGES) + 1)) / self.builds, _STAGES[stage])


@contextmanager
def _places_of_the_request() -> Iterator[None]:
    """Errors of the readers, which name keys of an inventory file, with the JSON pointer of the input at fault."""
    try:
        yield
    except InvalidInput as error:
        if (place := _pointer(error.where)) == error.where:
            raise
        raise InvalidInput(error.what, where=place, allowed=error.allowed) from None


def _pointer(where: str) -> str:
    """``/inputs/buildings.columns`` -> ``/inputs/columns/buildings``; a pointer stays."""
    place, _, key = where.partition(".")
    kind = place.removeprefix("/inputs/")
    if kind not in KINDS:
        return where or "/inputs/region"
    own = {"columns": f"/inputs/columns/{kind}", "crs": f"/inputs/source_crs/{kind}"}
    return own.get(key, f"/inputs/{kind}")
