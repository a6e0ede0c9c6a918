# SPDX-License-Identifier: Apache-2.0
"""Every kind of source and every key is documented, and every example of the documentation is a valid source."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import shapely

from carbonstore.inventory.inventory_file import TABLES
from carbonstore.inventory.source_kinds import FORMS, KEYS
from carbonstore.inventory.source_spec import source_spec
from carbonstore.inventory.toml_keys import Keys
from carbonstore.inventory.units_spec import UNITS_KEYS, ZONING_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "inventory-file.md").read_text()
SOURCES = [
    source
    for block in re.findall(r"```toml\n(.*?)```", PAGE, re.S)
    for source in tomllib.loads(block).get("source", [])
]


def test_every_kind_has_an_example() -> None:
    assert {source["kind"] for source in SOURCES} == set(FORMS)


def test_every_kind_and_key_is_named() -> None:
    assert [name for name in (*FORMS, *KEYS, *UNITS_KEYS, *ZONING_KEYS) if f"`{name}`" not in PAGE] == []
    assert [name for name in TABLES if f"[{name}]" not in PAGE] == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: str(s["kind"]))
def test_every_example_is_valid(source: dict[str, Any], tmp_path: Path) -> None:
    paths = source.get("path", [])
    for name in paths if isinstance(paths, list) else [paths]:
        (tmp_path / name).touch()
    spec = source_spec(Keys(source, "docs", tmp_path), shapely.box(127.0, 37.4, 127.2, 37.6))
    assert spec.provides
    assert len(spec.paths) == (len(paths) if isinstance(paths, list) else 1)
