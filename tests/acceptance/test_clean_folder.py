# SPDX-License-Identifier: Apache-2.0
"""What a newcomer and the image do, in a clean folder: bootstrap from the lock, sample, build, publish, serve."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import ROOT, await_health, fetch, free_port


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files git knows, in a folder of their own, after the image's own steps."""
    folder = tmp_path_factory.mktemp("clean") / "carbongrid"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    environment = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        ["deploy/image.sh"], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "version" in done.stdout
    return folder


@pytest.fixture(scope="module")
def newcomer(clean: Path) -> Iterator[str]:
    """The sample served by the clean folder's own command line, as `make up` does after bootstrap."""
    port = free_port()
    environment = os.environ | {"CARBONGRID_DATA": str(clean / ".carbongrid"), "CARBONGRID_PORT": str(port)}
    command = [".venv/bin/carbongrid", "sample", "sejong", "--serve"]
    with subprocess.Popen(command, cwd=clean, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            await_health(f"http://localhost:{port}", process, 180)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def test_a_newcomer_gets_the_collections(newcomer: str) -> None:
    ids = [c["id"] for c in fetch(f"{newcomer}/collections?f=json").json()["collections"]]
    levels = ("100m", "500m", "1km")
    assert set(ids) >= {f"sejong-{level}{suffix}" for level in levels for suffix in ("", "-history")}


def test_everything_says_that_it_is_synthetic(newcomer: str, clean: Path) -> None:
    collection = fetch(f"{newcomer}/collections/sejong-1km?f=json&lang=en").json()
    assert "synthetic" in collection["title"]
    items = fetch(f"{newcomer}/collections/sejong-1km/items?limit=10000").json()["features"]
    assert all(item["properties"]["synthetic"] is True for item in items)
    sources = list((clean / ".carbongrid" / "samples" / "sejong").glob("*.shp"))
    assert sources
    assert all("synthetic" in p.name for p in sources)


def test_the_map_has_its_library(newcomer: str) -> None:
    page = fetch(f"{newcomer}/map")
    assert page.status_code == 200
    assert fetch(f"{newcomer}/map/static/vendor/maplibre-gl.mjs").status_code == 200


def test_nothing_third_party_is_tracked() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert [p for p in listed if "node_modules" in p or "/vendor/" in p] == []
    for lock in ("requirements.lock", "requirements-dev.lock", "package-lock.json"):
        assert "://" not in (ROOT / lock).read_text()
