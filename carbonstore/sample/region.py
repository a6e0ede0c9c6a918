# SPDX-License-Identifier: Apache-2.0
"""A sample of a region known by its districts only, such as Jizzakh: real outlines, a real total, the rest invented.

What the method knows of the region is a control total of road transport (scope 1, the inventory's road rows, by
population). Roads and land cover are drawn at random, class defaults estimate them, and the control total scales the
roads. So the region's total is defensible, and nothing below it is: the inventory is published by district.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from zlib import crc32

import numpy as np
import shapely

from carbongrid.errors import InvalidInput
from carbongrid.factors import FactorSet
from carbonstore.sample import land_cover, osm_roads
from carbonstore.sample.districts import Districts, find_districts
from carbonstore.sample.inventory_toml import LICENCE, Value, block

COUNTRY = "uzb"
TITLES: Mapping[str, Mapping[str, str]] = {
    "jizzakh": {
        "ko": "지자흐 (합성 자료)",
        "en": "Jizzakh (synthetic)",
        "uz": "Jizzax (sintetik)",
        "ru": "Джизак (синтетические данные)",
    }
}
REGIONS = tuple(TITLES)
"""Regions whose control totals the country's pack holds."""
YEARS = (2023,)
SEED = 1708
_ATTRIBUTION = "Carbongrid synthetic sample (합성자료: not real data)"
_OUTLINES = "district outlines © OpenStreetMap contributors, ODbL-1.0"
_BLOCK_M = 1000


@dataclass(frozen=True)
class Control:
    """A total that the region's roads are brought to, as the country's pack states it."""

    id: str
    value: float
    unit: str
    u_pct: float
    status: str
    source: str


def write_region(
    name: str, directory: Path, data: Path, years: Sequence[int] = YEARS, *, seed: int = SEED
) -> list[Path]:
    """Write the sample of a region into ``directory``; returns its inventory files, one a year.

    ``data`` is a polygon file of its districts, or a folder in which one is found. The bytes depend on the arguments,
    that file and the installed packages only; the README, which names the recipe, is written last.

    Raises InvalidInput where there are no districts in ``data`` or the years are impossible.
    """
    if not years or any(not 1990 <= year <= 2100 for year in years):
        raise InvalidInput(f"years {tuple(years)} cannot be sampled", where="years", allowed=["1990 .. 2100"])
    path = find_districts(name, data)
    factors = FactorSet.load(COUNTRY)
    districts = Districts.read(path, str(factors.country.crs))
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "README.md").unlink(missing_ok=True)
    (directory / f"{name}_districts.geojson").write_text(_geojson(districts), encoding="utf-8")
    settled = osm_roads.settle(districts, _rng(seed, "settlements"))
    roads = osm_roads.plan(settled, _rng(seed, "roads"))
    osm_roads.write_osm(directory / f"{name}_synthetic.osm.gz", roads, districts)
    ground = land_cover.shape_ground(districts, settled, _rng(seed, "ground"))
    tiles = land_cover.write_tiles(directory, "WorldCover_synthetic", ground)
    control = road_control(factors, name)
    inventories = [directory / f"{name}-{year}.toml" for year in years]
    for year, file in zip(years, inventories, strict=True):
        file.write_text(
            _inventory(name, year, [t.name for t in tiles], list(districts.names), control), encoding="utf-8"
        )
    text = _README.format(name=name, en=_title(name)["en"], ko=_title(name)["ko"], districts=len(districts), seed=seed)
    digest = region_hash(name, path, years, seed=seed)
    (directory / "README.md").write_text(f"{text}{_said(control)}\nRecipe: `{digest}`\n", encoding="utf-8")
    return inventories


def region_hash(name: str, path: Path, years: Sequence[int] = YEARS, *, seed: int = SEED) -> str:
    """16 hex digits that change whenever the files may: arguments, outlines, generator, versions of the packages."""
    packages = [(p, version(p)) for p in ("carbongrid", "numpy", "scipy", "shapely", "pyproj", "rasterio")]
    digest = hashlib.sha256(repr((name, tuple(years), seed, packages)).encode())
    digest.update(path.read_bytes())
    for source in sorted(files("carbonstore.sample").iterdir(), key=lambda f: f.name):
        if source.name.endswith(".py"):
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def road_control(factors: FactorSet, name: str) -> Control | None:
    """The pack's total of road transport for a region (``uzb.jizzakh.road``), None where it has none."""
    table, key = factors.tables["controls"], f"{factors.country.id}.{name}.road"
    if key not in table.id:
        return None
    row = table.at(key)
    value, u_pct = (float(table.number(column)[row]) for column in ("value", "u_pct"))
    unit, status, source = (table.text(column)[row] for column in ("unit", "status", "source"))
    return Control(key, value, unit, u_pct, status, source)


def _rng(seed: int, stage: str) -> np.random.Generator:
    return np.random.default_rng([seed, crc32(stage.encode())])


def _title(name: str) -> Mapping[str, str]:
    return TITLES.get(name, {"ko": f"{name} (합성 자료)", "en": f"{name} (synthetic)"})


def _geojson(districts: Districts) -> str:
    """The districts as the inventory's boundary: real outlines, with code and names."""
    features = [
        {
            "type": "Feature",
            "properties": {
                "soato": code,
                **{f"name_{language}": names[row] for language, names in districts.names.items()},
            },
            "geometry": json.loads(shapely.to_geojson(districts.outline[row])),
        }
        for row, code in enumerate(districts.code)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False)


def _inventory(name: str, year: int, tiles: Sequence[str], languages: Sequence[str], control: Control | None) -> str:
    head: dict[str, Value] = {
        "id": name,
        "title": _title(name),
        "country": COUNTRY,
        "year": year,
        "boundary": f"{name}_districts.geojson",
    }
    terms: dict[str, Value] = {
        "extent": "boundary",
        "synthetic": True,
        "licence": LICENCE,
        "attribution": f"{_ATTRIBUTION}; {_OUTLINES}",
    }
    units: dict[str, Value] = {
        "path": f"{name}_districts.geojson",
        "code": "soato",
        "name": "name_uz" if "uz" in languages else f"name_{languages[0]}" if languages else "soato",
        "licence": "ODbL-1.0",
        "attribution": "© OpenStreetMap contributors",
    }
    roads: dict[str, Value] = {"kind": "osm", "path": f"{name}_synthetic.osm.gz", "provides": ["roads"]}
    cover: dict[str, Value] = {"kind": "raster", "path": list(tiles), "block_m": _BLOCK_M}
    blocks = [
        block("[inventory]", head),
        block("[units]", units),
        block("[[source]]", roads | terms),
        block("[[source]]", cover | terms),
        *([block("[[benchmark]]", _benchmark(control))] if control else []),
    ]
    return "# Synthetic sample: invented roads and land cover inside real outlines.\n" + "\n".join(blocks)


def _benchmark(control: Control) -> dict[str, Value]:
    return {
        "id": control.id,
        "sector": "transport",
        "scope": 1,
        "value": control.value,
        "unit": control.unit,
        "u_pct": control.u_pct,
        "status": control.status,
        "source": control.source,
    }


def _said(control: Control | None) -> str:
    if control is None:
        return "\nThe country's pack holds no control total of this region: roads stay as the defaults estimate them.\n"
    return (
        f"\nRoad transport is scaled to `{control.id}`: {control.value:g} {control.unit} ± {control.u_pct:g} % "
        f"({control.source}). That total is real; how it lies within the region is not.\n"
    )


_README = """\
# {ko} · {en}

**합성자료입니다. 실제 데이터가 아닙니다. / Synthetic data: nothing here was measured.**

Roads and land cover were drawn at random (seed {seed}) inside the real outlines of {districts} districts. Every
invented file has `synthetic` in its name; every way says `synthetic=yes`, every tile says it in its description.

- `{name}_districts.geojson`: the outlines as given, repaired, with codes and names. © OpenStreetMap contributors,
  ODbL-1.0.
- `{name}_synthetic.osm.gz`: roads as an OpenStreetMap extract, with lanes `2;3`, limits `RU:urban` and `60 mph`,
  `oneway=-1`, areas and ways without motor traffic. Volumes are the country's class defaults, all placeholders.
- `WorldCover_synthetic_*_Map.tif`: layout of ESA WorldCover, EPSG:4326, 3 x 3 degrees a tile, 0 = no data; pixels of 3
  arc seconds instead of 0.3. Trees and shrubs take up carbon by the country's increments, all of them placeholders.
- `{name}-<year>.toml`: the inventory files. Buildings have no source here: that sector is missing, not zero.
"""
