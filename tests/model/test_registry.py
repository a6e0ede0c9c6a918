# SPDX-License-Identifier: Apache-2.0
"""The registry tells every number a country uses and where it is from."""

import shutil

import pytest

from carbongrid import registry
from carbongrid.errors import InvalidInput, UnknownName
from carbongrid.factors import FOLDER, FactorSet, countries
from carbongrid.tables import STATUS


@pytest.mark.parametrize("country", countries())
def test_every_row_says_where_it_is_from(country):
    found = registry.entries(FactorSet.load(country))
    assert len({(e.table, e.id) for e in found}) == len(found) > 50
    for e in found:
        assert e.source
        assert e.basis
        assert e.status in STATUS
        assert e.u_pct >= 0
        assert e.values


def test_a_factor_shows_its_value_and_unit():
    entry = registry.find(FactorSet.load("kor"), "kr_el_2023")
    assert (entry.table, entry.year, entry.u_pct, entry.status) == ("factors", 2023, 3, "verified")
    assert (entry.values["value"], entry.values["unit"]) == (0.4173, "tCO2eq/MWh")
    assert not entry.placeholder


def test_a_placeholder_row_says_so():
    entry = registry.find(FactorSet.load("kor"), "kor.eui.detached")
    assert (entry.table, entry.values["kwh_per_m2"], entry.placeholder) == ("intensities", 130, True)
    assert entry.as_dict()["placeholder"] is True


def test_an_unknown_row_suggests_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'kr_el_2023'"):
        registry.find(FactorSet.load("kor"), "kr_el_2033")


def test_check_reads_every_pack_anew():
    packs = registry.check()
    assert set(packs) == set(countries())
    assert packs["kor"] == registry.entries(FactorSet.load("kor"))


def test_check_finds_a_broken_row(tmp_path, monkeypatch):
    FactorSet.load("kor")  # what was read before must not hide what is on disk now
    shutil.copytree(FOLDER, tmp_path / "countries")
    path = tmp_path / "countries/kor/factors.csv"
    path.write_text(
        path.read_text("utf-8").replace(
            "kr_el_2023,kor.electricity,electricity,0.4173", "kr_el_2023,kor.electricity,electricity,4173"
        ),
        "utf-8",
    )
    monkeypatch.setattr(registry, "FOLDER", tmp_path / "countries")
    with pytest.raises(InvalidInput, match=r"kr_el_2023.*out of bounds"):
        registry.check()
