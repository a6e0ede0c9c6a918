# SPDX-License-Identifier: Apache-2.0
"""GDAL's OGCAPI driver, given a collection and told to use tiles: it finds them by the tilesets alone.

The server is a process of its own, for GDAL holds Python's lock while it waits for tiles.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pyogrio
import pytest

from tests.acceptance.conftest import ROOT, await_health, free_port
from tests.toy import toy_store


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Base address of ``carbongrid serve`` over the toy city."""
    root: Path = tmp_path_factory.mktemp("toy")
    toy_store(root)
    port = free_port()
    environment = os.environ | {"CARBONGRID_DATA": str(root), "CARBONGRID_PORT": str(port)}
    environment.pop("CARBONGRID_URL", None)
    command = [sys.executable, "-m", "carbonserver", "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            await_health(f"http://localhost:{port}", process)
            yield f"http://localhost:{port}"
        finally:
            process.terminate()


def test_ogcapi_reads_vector_tiles(toy: str) -> None:
    """In WorldCRS84Quad: of other sets GDAL takes the extent in degrees for metres."""
    table = pyogrio.read_dataframe(f"OGCAPI:{toy}/collections/toy-100m", layer="Zoom level 11", API="TILES")
    items = httpx.get(f"{toy}/collections/toy-100m/items?f=json", timeout=60).json()["features"]
    wanted = {f["properties"]["cell_id"]: f["properties"]["emission_total"] for f in items}
    assert dict(zip(table["cell_id"], table["emission_total"], strict=True)) == wanted
    assert len(wanted) == 36
