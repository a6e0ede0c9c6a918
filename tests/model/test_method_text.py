# SPDX-License-Identifier: Apache-2.0
"""docs/method.md says what the code does: tables, ids, parameters, columns, notes and curve forms exist in both."""

import re
from pathlib import Path

import pytest

from carbongrid import forests
from carbongrid.curves import FORMS
from carbongrid.factors import FOLDER, FactorSet, countries
from carbongrid.roads import HOURS
from carbongrid.schemas import SCHEMAS
from carbongrid.uncertainty import JOIN

TEXT = (Path(__file__).parents[2] / "docs" / "method.md").read_text(encoding="utf-8")
PACKS = [FactorSet.load(c) for c in countries()]
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)


def rows():
    tables = [t for f in PACKS for t in f.tables.values()]
    return {f.id for p in PACKS for f in p.factors} | {name for t in tables for name in t.id}


def test_every_table_file_named_exists_and_every_file_is_named():
    named = {name for name in QUOTED if re.fullmatch(r"[a-z_]+\.csv", name)}
    files = {path.name for path in FOLDER.glob("*/*.csv")}
    assert named == {f"{name}.csv" for name in SCHEMAS}
    assert files - named == {"code_changes.csv"}, "codes of places, no factors"


def test_every_row_and_factor_named_exists():
    prefixes = tuple(f"{c}." for c in countries())
    named = {part for word in QUOTED if word.startswith((*prefixes, "kr_", "uz_")) for part in word.split(JOIN)}
    assert {"kor.eui.office", "kor.storeys.office"} <= named
    assert named - rows() == set()
    in_text = set(re.findall(r"\b(?:kr|uz)_[a-z]+_[a-z0-9_]+\b", TEXT))
    assert in_text - rows() == set()


def test_every_curve_form_is_explained():
    assert [form for form in FORMS if f"`{form}`" not in TEXT] == []


def test_functions_named_exist():
    named = re.findall(r"`forests\.(\w+)`", TEXT)
    assert named
    assert [name for name in named if not hasattr(forests, name)] == []


def test_hourly_columns_are_named_as_they_are_read():
    assert all(f"`volume_h{h}`" in TEXT and f"`speed_h{h}`" in TEXT for h in (HOURS[0], HOURS[-1]))


@pytest.mark.parametrize(
    "note",
    [
        "use_unknown",
        "gas_meters_left_out",
        "speed_clamped",
        "hourly_incomplete",
        "fleet_year_substituted",
        "age_from_diameter",
    ],
)
def test_notes_named_are_written(note):
    code = "".join(p.read_text(encoding="utf-8") for p in (FOLDER.parent).glob("*.py"))
    assert f"`{note}`" in TEXT
    assert f'"{note}":' in code


def test_every_equation_has_its_guideline_number():
    # equations are indented blocks; the paragraph before each of section 2 names the guideline
    section = TEXT[TEXT.index("## 2.") : TEXT.index("## 3.")]
    for head in re.findall(r"^\*\*(\w[\w ]*)\*\*([^\n]*)", section, re.M):
        assert re.search(r"IPCC 2006 V\d|EMEP/EEA|GPC", head[1]), head[0]


@pytest.mark.parametrize("pack", PACKS, ids=lambda p: p.country.id)
def test_every_placeholder_says_what_is_to_replace_it_or_why_it_is_wide(pack):
    for name, table in pack.tables.items():
        if SCHEMAS[name].provenance:
            placeholders = [i for i, s in enumerate(table.text("status")) if s == "placeholder"]
            assert [table.id[i] for i in placeholders if len(table.text("source")[i]) < 12] == []
            assert [table.id[i] for i in placeholders if table.number("u_pct")[i] < 5] == []
