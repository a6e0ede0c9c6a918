# SPDX-License-Identifier: Apache-2.0
"""Every class that is declared has a test named after it, and only what is configured is declared."""

import ast
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from carbonserver import conformance

ALL = (*conformance.COMMON, *conformance.FEATURES, *conformance.TILES, *conformance.PROCESSES)
"""Declared by every server that publishes something; the list of jobs only where it is public."""


def proof(uri: str) -> str:
    """Name of the test that proves a class: standard with part, then class."""
    standard, _, _, name = uri.partition("/spec/")[2].split("/")
    part = standard.removeprefix("ogcapi-").replace("-", "_") if standard != "tms" else "tms_2"
    return f"test_{part}_{name.replace('-', '_')}"


def proofs() -> set[str]:
    modules = (ast.parse(path.read_text()) for path in Path(__file__).parent.glob("test_*.py"))
    return {n.name for module in modules for n in ast.walk(module) if isinstance(n, ast.FunctionDef)}


@pytest.mark.parametrize("uri", [*ALL, *conformance.JOB_LIST], ids=lambda uri: re.sub(".*/spec/", "", uri))
def test_a_class_that_is_declared_has_a_test_named_after_it(uri: str) -> None:
    assert proof(uri) in proofs()


def test_the_name_of_a_proof() -> None:
    assert proof("http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt") == "test_tiles_1_mvt"
    assert proof("http://www.opengis.net/spec/tms/2.0/conf/tilematrixset") == "test_tms_2_tilematrixset"
    assert proof("http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/create-replace-delete") not in proofs()


def test_what_is_configured_is_declared(api: TestClient) -> None:
    assert api.get("/conformance").json() == {"conformsTo": sorted(set(ALL))}
    assert len(set(ALL)) == len(ALL)


def test_an_empty_server_claims_no_data() -> None:
    claimed = conformance.declared([], ["echo"])["conformsTo"]
    assert set(claimed) == {*conformance.COMMON, *conformance.PROCESSES}
    assert set(conformance.declared([], [])["conformsTo"]) == set(conformance.COMMON)
    assert set(conformance.declared([], ["echo"], public_jobs=True)["conformsTo"]) == {*claimed, *conformance.JOB_LIST}
    assert set(conformance.declared([], [], public_jobs=True)["conformsTo"]) == set(conformance.COMMON)
