# SPDX-License-Identifier: Apache-2.0
"""Compiled kernels are kept in a folder named by everything they may be made of."""

from pathlib import Path

import numba
import pytest

from carbongrid import jit
from carbongrid.pieces import _mixed


def test_the_digest_follows_every_kernel_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "probe_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plain.py").write_text("x = 1\n")
    (package / "fast.py").write_text("@kernel\ndef f(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    fresh = jit.digest.__wrapped__
    before = fresh("probe_package")
    (package / "plain.py").write_text("x = 2\n")
    assert fresh("probe_package") == before
    (package / "fast.py").write_text("@kernel\ndef f(): return 1\n")
    assert fresh("probe_package") != before


def test_a_kernel_keeps_its_folder_and_leaves_the_setting_alone() -> None:
    assert f"kernels-{jit.digest('carbongrid')}" in str(_mixed.stats.cache_path)  # type: ignore[attr-defined]
    assert "kernels-" not in str(numba.config.CACHE_DIR)
