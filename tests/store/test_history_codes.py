# SPDX-License-Identifier: Apache-2.0
"""Gangwon's code is 42 to 2022 and 51 from 2023: one line of history, found by either code."""

from pathlib import Path

import pytest

from carbonstore.audit.compare import compare
from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery, Elsewhere
from carbonstore.collections.unit_collection import UnitCollection
from carbonstore.encode import geojson
from carbonstore.filter import Filter, parse
from carbonstore.releases import edition
from carbonstore.releases.catalogue import Catalogue, Published
from tests.toy_units import toy_units_release

OLD, NEW, OTHER = "4211010100", "5111010100", "4311010100"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """In 2022 the first unit comes before the other by code, in 2023 behind it."""
    root: Path = tmp_path_factory.mktemp("recoded")
    toy_units_release(root, 2022, (OLD, OTHER))
    toy_units_release(root, 2023, (NEW, OTHER))
    edition.publish(root, "toy")
    return Catalogue(root).snapshot().inventories["toy"]


def ids(collection: UnitCollection, **query: object) -> list[str]:
    return [str(f["id"]) for f in geojson.feature_dicts(cells.read(collection, CellQuery(**query)))]


def test_a_history_calls_a_unit_by_one_code(toy: Published) -> None:
    dongs = UnitCollection(toy, True, "dong")
    year = [f"{code}.{{}}" for code in (OTHER, NEW, "unallocated")]
    assert ids(dongs) == [i.format(y) for y in (2022, 2023) for i in year]
    assert ids(UnitCollection(toy, True, "sido")) == [
        f"{code}.{y}" for y in (2022, 2023) for code in ("43", "51", "unallocated")
    ]


@pytest.mark.parametrize("code", [OLD, NEW])
def test_either_code_finds_the_whole_line(toy: Published, code: str) -> None:
    history = UnitCollection(toy, True, "dong")
    assert ids(history, where=(("unit_code", code),)) == [f"{NEW}.2022", f"{NEW}.2023"]
    found = cells.read(history, CellQuery(where=(("unit_code", code),))).kg["emission_transport"]
    stored = [toy.release(y).units("dong") for y in (2022, 2023)]
    own = [int(sum(kg[u.code.tolist().index(c)] for kg in u.kg)) for u, c in zip(stored, (OLD, NEW), strict=True)]
    assert own[0] == 2 * own[1] > 0
    assert found.tolist() == [15_072, 7536], "7500 kg of CO2 and 36 of CH4; twice as much in 2022"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (f"unit_code = '{NEW}'", 2),
        (f"unit_code = '{OLD}'", 2),
        (f"'{OLD}' = unit_code", 2),
        (f"unit_code <> '{OLD}'", 4),
        (f"unit_code IN ('{OLD}', '{OTHER}')", 4),
        (f"unit_code NOT IN ('{OLD}')", 4),
        (f"NOT (unit_code = '{OLD}') AND year = 2022", 2),
        # what is no equality of a code looks at the text that is shown
        ("unit_code LIKE '51%'", 2),
        ("unit_code LIKE '42%'", 0),
        (f"CASEI(unit_code) = CASEI('{OLD}')", 0),
        (f"unit_name = '{OLD}'", 0),
        (f"'{OLD}' = '{NEW}'", 0),
    ],
)
def test_either_code_stands_for_the_unit_in_a_filter(toy: Published, text: str, count: int) -> None:
    history = UnitCollection(toy, True, "dong")
    asked = Filter.of(parse(text), history.fields, called=history.called)
    assert len(ids(history, filter=asked)) == count


@pytest.mark.parametrize("code", [OLD, NEW])
def test_cells_are_found_by_either_code_of_their_unit(toy: Published, code: str) -> None:
    found = toy.collection(100, history=True)
    asked = Filter.of(parse(f"unit_code = '{code}' AND year = 2023"), found.fields, called=found.called)
    by_filter = cells.read(found, CellQuery(filter=asked))
    by_name = cells.read(found, CellQuery(where=(("unit_code", code),), years=(2023,)))
    assert by_filter.matched == by_name.matched == 24
    assert int(by_filter.kg["emission_transport"].sum()) == int(by_name.kg["emission_transport"].sum()) > 7000


def test_a_former_code_leads_to_the_record(toy: Published) -> None:
    newest, history = UnitCollection(toy, False, "dong"), UnitCollection(toy, True, "dong")
    assert len(cells.get(history, f"{NEW}.2022")) == 1
    for collection, asked, record in (
        (history, f"{OLD}.2022", f"{NEW}.2022"),
        (newest, f"{OLD}.2023", f"{NEW}.2023"),
        (newest, OLD, f"{NEW}.2023"),
        (newest, NEW, f"{NEW}.2023"),
    ):
        with pytest.raises(Elsewhere) as found:
            cells.get(collection, asked)
        assert (found.value.feature, found.value.redirect) == (record, True)


def test_names_geometry_and_sums_follow_their_unit(toy: Published) -> None:
    before, after = (toy.release(y).units_as_of("dong", 2023) for y in (2022, 2023))
    assert before.code.tolist() == after.code.tolist() == [OTHER, NEW, "unallocated"]
    assert before.name.tolist() == after.name.tolist() == ["둘동", "하나동", None]
    assert before.geometry.data.tobytes() == after.geometry.data.tobytes()
    assert [int(kg.sum()) for kg in before.kg] == [int(kg.sum()) for kg in toy.release(2022).units("dong").kg]
    assert toy.release(2022).units("dong").code.tolist() == [OLD, OTHER, "unallocated"], "the release stays"


def test_cells_name_the_code_of_the_newest_year(toy: Published) -> None:
    found = cells.read(toy.collection(100, history=True), CellQuery(where=(("unit_code", NEW),)))
    assert sorted(set(found.year.tolist())) == [2022, 2023]
    assert found.matched == 48


def test_a_comparison_matches_units_over_the_change(toy: Published) -> None:
    found = {c.level: c for c in compare(toy.release(2022), toy.release(2023)).units}
    dong = found["dong"]
    assert (dong.units, dong.added, dong.removed, dong.changed) == (2, 0, 0, 2)
    assert dict(dong.recoded) == {OLD: NEW}
    assert dict(found["sido"].recoded) == {"42": "51"}
    assert found["nation"].changed == 1
    assert dict(found["nation"].recoded) == {}
