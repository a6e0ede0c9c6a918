# SPDX-License-Identifier: Apache-2.0
"""Documentation fails when it is stale: commands, settings, properties, processes are named; links lead somewhere."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from carbongrid.sectors import FIGURE, INTERVALS
from carbonserver.cli import main
from carbonstore.collections.source_fields import ACTIVITY_FIELDS, source_fields
from openapi import sejong
from processes.registry import PROCESSES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
PACKAGES = ("carbongrid", "carbonstore", "carbon_provider", "processes", "carbonserver")
CODE = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]


def test_every_command_is_documented() -> None:
    assert isinstance(main, click.Group)
    assert len(main.commands) >= 9
    assert [name for name in main.commands if f"carbongrid {name}" not in TEXT] == []


def test_every_documented_command_exists() -> None:
    assert isinstance(main, click.Group)
    named = set(re.findall(r"`(?:\.venv/bin/)?carbongrid ([a-z]+)", TEXT))
    assert named - set(main.commands) == set()


def test_every_setting_is_documented_and_exists() -> None:
    used = {name for path in CODE for name in re.findall(r"\bCARBONGRID_[A-Z]+\b", path.read_text())}
    used |= set(re.findall(r"\bCARBONGRID_[A-Z]+\b", (ROOT / "bootstrap.sh").read_text()))
    documented = set(re.findall(r"\bCARBONGRID_[A-Z_]+\b", TEXT))
    assert used - documented == set()
    assert documented - used - {"CARBONGRID_REQUIRE_ALL"} == set()


def test_every_process_is_documented() -> None:
    assert [name for name in PROCESSES if f"`{name}`" not in TEXT] == []


def test_every_published_figure_is_documented() -> None:
    names = [*FIGURE, *(f"{name}_u95" for name in INTERVALS)]
    assert [name for name in names if f"`{name}`" not in TEXT] == []


def test_every_property_of_sources_is_documented() -> None:
    text = (ROOT / "docs" / "sources.md").read_text()
    for kind, fields in ACTIVITY_FIELDS.items():
        known = [f.name for f in source_fields(kind, [f.name for f in fields], synthetic=True)]
        assert [name for name in known if f"`{name}`" not in text] == [], kind


def test_every_collection_that_is_named_exists() -> None:
    known = {c.id for c in sejong.collections()}
    named = set(re.findall(r"\bsejong-[a-z0-9]+(?:-history)?\b(?!\.[a-z])", TEXT)) - {
        f"sejong-{y}" for y in (2022, 2023)
    }
    assert "sejong-buildings" in named
    assert named - known == set()


def test_make_targets_of_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert set(re.findall(r"`?make ([a-z]+)", TEXT)) - targets - {"its"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


def test_inventory_files_of_the_documentation_parse() -> None:
    blocks = [b for page in PAGES for b in re.findall(r"```toml\n(.*?)```", page.read_text(), re.S)]
    for block in blocks:
        tomllib.loads(block)


def test_nothing_names_this_machine() -> None:
    home = str(Path.home())
    places = {str(ROOT.parent), home} - {"/"}
    for path in [*PAGES, *CODE]:
        text = path.read_text()
        assert not [place for place in places if re.search(rf"(?<![\w/]){re.escape(place)}/", text)], path
