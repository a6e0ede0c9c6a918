# SPDX-License-Identifier: Apache-2.0
"""The allowed direction of imports, and names that must be ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("carbongrid", "carbonstore", "carbon_provider", "processes", "carbonserver")
ALLOWED = {
    "carbongrid": {"carbongrid"},
    "carbonstore": {"carbongrid", "carbonstore"},
    "carbon_provider": {"carbongrid", "carbonstore", "carbon_provider"},
    "processes": {"carbongrid", "carbonstore", "processes"},
    "carbonserver": set(OURS) | {"openapi"},
}
FORBIDDEN = {
    "carbongrid": {
        "pygeoapi",
        "starlette",
        "pyarrow",
        "pyogrio",
        "geopandas",
        "pandas",
        "rasterio",
        "psycopg",
        "click",
        "rich",
    },
    "carbonstore": {"pygeoapi", "starlette", "uvicorn", "click", "rich"},
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]


@pytest.mark.parametrize("package", OURS)
def test_imports_flow_one_way(package: str) -> None:
    allowed, forbidden = ALLOWED[package], FORBIDDEN.get(package, set())
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, name in imports(path)
        if (name in OURS and name not in allowed) or name in forbidden
    ]
    assert not wrong


def test_a_wrong_import_would_be_seen(tmp_path: Path) -> None:
    probe = tmp_path / "probe.py"
    probe.write_text("import os\nfrom pygeoapi.util import to_json\nimport carbonstore.releases.release\n")
    assert [name for _, name in imports(probe)] == ["os", "pygeoapi", "carbonstore"]


def test_generic_top_level_names_are_ours() -> None:
    import openapi
    import processes

    assert {Path(m.__file__ or "").parents[1] for m in (openapi, processes)} == {ROOT}


def test_every_package_is_listed_for_the_wheel() -> None:
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        str(init.parent.relative_to(ROOT)).replace("/", ".")
        for package in (*OURS, "openapi")
        for init in (ROOT / package).rglob("__init__.py")
    }
    assert found == listed
