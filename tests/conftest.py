# SPDX-License-Identifier: Apache-2.0
"""Shared fixtures: real data, external programs, and the rule that nothing skips where everything is required."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

REQUIRE_ALL = os.environ.get("CARBONGRID_REQUIRE_ALL") == "1"
# The same draws on every machine, and no time limit: the first example compiles kernels.
settings.register_profile("carbongrid", derandomize=True, deadline=None, database=None, max_examples=60)
settings.load_profile("carbongrid")
SHARED = Path(__file__).parents[2] / "shared" / "data"


def missing(what: str) -> None:
    """Skip with the reason, or fail where CARBONGRID_REQUIRE_ALL=1."""
    if REQUIRE_ALL:
        pytest.fail(f"{what} is required here (CARBONGRID_REQUIRE_ALL=1)")
    pytest.skip(f"{what} is not available")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout."""
    if not SHARED.is_dir():
        missing("the folder of real data (../shared/data)")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the distribution's Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        missing("chromium")
    return str(path)


@pytest.fixture(scope="session")
def ogr2ogr() -> str:
    """Path of GDAL's ogr2ogr."""
    path = shutil.which("ogr2ogr")
    if path is None:
        missing("ogr2ogr (gdal-bin)")
    return str(path)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """Turn any skip into a failure where everything is required."""
    outcome = yield
    report = outcome.get_result()
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although CARBONGRID_REQUIRE_ALL=1: {report.longrepr}"
