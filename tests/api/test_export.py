# SPDX-License-Identifier: Apache-2.0
"""``carbongrid export``: the file holds the server's tiles, no more and no fewer, and says whose data they are."""

import gzip
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from click.testing import CliRunner
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import Compression, TileType
from starlette.testclient import TestClient

from carbonserver.archive import Archive
from carbonserver.cli import main
from carbonstore.releases.catalogue import Catalogue
from tests.api.test_maps import items

WEB = "WebMercatorQuad"


def run(data: Path, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["export", *arguments], env={"CARBONGRID_DATA": str(data)})


def tiles(path: Path) -> dict[tuple[int, int, int], bytes]:
    with path.open("rb") as file:
        return {place: gzip.decompress(body) for place, body in all_tiles(MmapSource(file))}


def served(api: TestClient, base: str, first: int, last: int, **params: str) -> dict[tuple[int, int, int], bytes]:
    """Every tile within the limits of some zooms that holds something."""
    found = {}
    for limits in api.get(f"{base}/{WEB}").json()["tileMatrixSetLimits"]:
        z = int(limits["tileMatrix"])
        if not first <= z <= last:
            continue
        for y in range(limits["minTileRow"], limits["maxTileRow"] + 1):
            for x in range(limits["minTileCol"], limits["maxTileCol"] + 1):
                body = api.get(f"{base}/{WEB}/{z}/{y}/{x}", params=params).content
                if body:
                    found[z, x, y] = body
    return found


def test_a_collection_is_the_servers_tile_by_tile(api: TestClient, cities: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.pmtiles"
    done = run(cities, "toy-100m", str(file), "--lang", "en")
    assert done.exit_code == 0, done.output
    wanted = served(api, "/collections/toy-100m/tiles", 12, 16)
    assert tiles(file) == wanted
    assert f"{len(wanted)} tiles" in done.output
    assert "zoom 16" in done.output
    assert [p.name for p in tmp_path.iterdir()] == ["toy.pmtiles"]


def test_the_dataset_has_a_layer_an_inventory(api: TestClient, cities: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.pmtiles"
    assert run(cities, "all", str(file), "--zoom", "0-9").exit_code == 0
    assert tiles(file) == served(api, "/tiles", 0, 9)
    with file.open("rb") as opened:
        metadata = Reader(MmapSource(opened)).metadata()
    assert {layer["id"] for layer in metadata["vector_layers"]} == {"toy", "steppe"}
    assert set(metadata["editions"]) == {"toy", "steppe"}


def test_header_and_metadata(api: TestClient, cities: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.pmtiles"
    run(cities, "toy-100m", str(file), "--zoom", "12-13", "--lang", "en")
    tilejson = api.get(f"/collections/toy-100m/tiles/{WEB}?f=tilejson&lang=en-US").json()
    with file.open("rb") as opened:
        reader = Reader(MmapSource(opened))
        header, metadata = reader.header(), reader.metadata()
    assert (header["tile_type"], header["tile_compression"]) == (TileType.MVT, Compression.GZIP)
    assert (header["min_zoom"], header["max_zoom"], header["clustered"]) == (12, 13, True)
    bounds = [header[f"{k}_e7"] / 1e7 for k in ("min_lon", "min_lat", "max_lon", "max_lat")]
    assert bounds == pytest.approx(tilejson["bounds"], abs=1e-7)
    assert (metadata["name"], metadata["attribution"]) == (tilejson["name"], "Carbongrid toy city")
    assert metadata["synthetic"] is True
    (layer,) = metadata["vector_layers"]
    assert (layer["id"], layer["minzoom"], layer["maxzoom"]) == ("toy-100m", 12, 13)
    assert layer["fields"] == tilejson["vector_layers"][0]["fields"]
    assert metadata["editions"] == {"toy": Catalogue(cities).snapshot().inventories["toy"].edition.id}


def test_a_year_of_the_history(api: TestClient, cities: Path, tmp_path: Path) -> None:
    file = tmp_path / "old.pmtiles"
    assert run(cities, "toy-100m-history", str(file), "--year", "2022", "--zoom", "13").exit_code == 0
    base = "/collections/toy-100m-history/tiles"
    assert tiles(file) == served(api, base, 13, 13, datetime="2022-07-01")


def test_gdal_reads_the_items_from_the_file(api: TestClient, cities: Path, tmp_path: Path) -> None:
    file = tmp_path / "toy.pmtiles"
    run(cities, "toy-100m", str(file), "--zoom", "12")
    table = pyogrio.read_dataframe(file, layer="toy-100m")
    shown = dict(zip(table["cell_id"], table["emission_total"], strict=True))
    assert shown == {cell: record["emission_total"] for cell, record in items(api).items()}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere-100m",), "there is no collection 'nowhere-100m'"),
        (("toy-100m", "--zoom", "11"), "12-16"),
        (("toy-100m", "--year", "1999"), "1999"),
        (("all", "--year", "2023"), "newest year"),
        (("toy-100m", "--zoom", "a-b"), "12-14"),
    ],
)
def test_bad_input_ends_with_2_and_no_file(cities: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    name, *more = arguments
    done = run(cities, name, str(tmp_path / "x.pmtiles"), *more)
    assert (done.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert said in done.output


def test_a_failure_leaves_no_file(cities: Path, tmp_path: Path) -> None:
    whole = Archive.of(Catalogue(cities).snapshot(), "toy-100m")

    def broken(_z: int, _x: int, _y: int) -> bytes:
        raise MemoryError

    with pytest.raises(MemoryError):
        Archive(whole.tileset, broken, {}).write(tmp_path / "x.pmtiles", None, "ko", lambda *_: None)
    assert list(tmp_path.iterdir()) == []
