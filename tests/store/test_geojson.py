# SPDX-License-Identifier: Apache-2.0
"""GeoJSON bytes against what Python's own json makes of the same records."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from carbongrid.errors import UnknownName
from carbonstore.collections import cells
from carbonstore.collections.cell_batch import CellBatch
from carbonstore.collections.cells import CellQuery
from carbonstore.collections.collection import Collection
from carbonstore.collections.columns import Labels, Number
from carbonstore.collections.quads import crs_uri
from carbonstore.encode import geojson
from carbonstore.encode.geojson_kernel import VERTEX, vertices
from carbonstore.releases.catalogue import Snapshot
from carbonstore.text import pool, put_fixed, put_int
from tests.toy import of_cells, toy_cell


@pytest.fixture
def city(toy: Snapshot) -> Collection:
    return toy.collections["toy-100m"]


def slowly(batch: CellBatch) -> list[dict[str, Any]]:
    """The features by one plain loop, without any code of the encoder."""
    window = batch.window
    to = Transformer.from_crs(window.grid.crs, "OGC:CRS84", always_xy=True)
    features = []
    for row, (index, year) in enumerate(zip(batch.key.tolist(), batch.year.tolist(), strict=True)):
        cell = window.cell(index)
        w, s, e, n = cell.west, cell.south, cell.west + cell.size, cell.south + cell.size
        ring = [[round(v, 7) for v in to.transform(*corner)] for corner in ((w, s), (e, s), (e, n), (w, n), (w, s))]
        values = {name: None if c.null[row] else c.values[row] for name, c in batch.columns.items()}
        properties = {k: v.item() if isinstance(v, np.generic) else v for k, v in values.items()}
        features.append(
            {
                "type": "Feature",
                "id": f"{window.grid.code(cell)}.{year}",
                "geometry": {"type": "Polygon", "coordinates": [ring]},
                "properties": properties,
            }
        )
    return features


@pytest.mark.parametrize(
    "query",
    [
        CellQuery(),
        CellQuery(limit=1),
        CellQuery(limit=0),
        CellQuery(sortby=("-net",), limit=10),
        CellQuery(properties=("net", "status")),
        CellQuery(properties=("status",)),
        CellQuery(properties=("quality",)),
        CellQuery(properties=()),
        CellQuery(where=(("missing", "buildings"),)),
    ],
)
def test_the_bytes_say_what_a_plain_loop_says(toy: Snapshot, query: CellQuery) -> None:
    for collection in of_cells(toy):
        batch = cells.read(collection, query)
        parsed = json.loads(geojson.features(batch))
        assert parsed["features"] == slowly(batch), collection.id
        assert json.loads(geojson.features(batch), parse_float=str)["numberReturned"] == len(batch)


def test_many_cells_say_what_a_plain_loop_says(square: Snapshot) -> None:
    batch = cells.read(square.collections["square-100m"], CellQuery(offset=4321, limit=777))
    assert json.loads(geojson.features(batch))["features"] == slowly(batch)


def test_numbers_are_exact_decimals_of_kilograms(square: Snapshot) -> None:
    batch = cells.read(square.collections["square-100m"], CellQuery())
    read = json.loads(geojson.features(batch), parse_float=Decimal)["features"]
    kg = batch.kg["net"].tolist()
    assert [f["properties"]["net"] * 1000 for f in read] == kg


def test_the_head_is_the_callers_and_the_counts_are_the_batchs(city: Collection) -> None:
    batch = cells.read(city, CellQuery(limit=5))
    head = {"timeStamp": "2026-01-01T00:00:00Z", "links": [{"rel": "self", "href": "https://h/?a=1&b=<한글>"}]}
    parsed = json.loads(geojson.features(batch, head))
    assert list(parsed) == ["type", "numberMatched", "numberReturned", "timeStamp", "links", "features"]
    assert (parsed["type"], parsed["numberMatched"], parsed["numberReturned"]) == ("FeatureCollection", 36, 5)
    assert parsed["links"] == head["links"]


def test_rings_are_closed_and_counter_clockwise(square: Snapshot) -> None:
    batch = cells.read(square.collections["square-1km"], CellQuery())
    rings = [f["geometry"]["coordinates"] for f in geojson.feature_dicts(batch)]
    assert all(len(r) == 1 and len(r[0]) == 5 and r[0][0] == r[0][-1] for r in rings)
    assert shapely.is_ccw(shapely.linearrings(np.array([r[0] for r in rings]))).all()


def test_neighbours_share_their_corners_exactly(city: Collection) -> None:
    left, right = (cells.get(city, f"{toy_cell(e, 0)}.2023") for e in (0, 100))
    a, b = (geojson.feature_dicts(x)[0]["geometry"]["coordinates"][0] for x in (left, right))
    assert (a[1], a[2]) == (b[0], b[3])


def test_a_single_feature(city: Collection) -> None:
    batch = cells.get(city, f"{toy_cell(0, 0)}.2023")
    feature = json.loads(geojson.feature(batch, {"links": []}))
    assert feature.pop("links") == []
    assert feature == slowly(batch)[0] == json.loads(geojson.feature(batch))
    with pytest.raises(ValueError, match="batch of one"):
        geojson.feature(cells.read(city, CellQuery()))


def test_dictionaries_are_the_bytes_parsed_and_fresh_each_time(city: Collection) -> None:
    batch = cells.read(city, CellQuery(limit=3))
    first = geojson.feature_dicts(batch)
    first[0].clear()
    assert geojson.feature_dicts(batch) == json.loads(geojson.features(batch))["features"]
    assert [f["geometry"] for f in geojson.feature_dicts(batch, skip_geometry=True)] == [None] * 3
    assert geojson.feature_dicts(cells.read(city, CellQuery(limit=0))) == []


@pytest.mark.parametrize("code", [4326, 3857, 5179, 5186])
def test_other_crs_in_the_order_of_their_authority(city: Collection, code: int) -> None:
    batch = cells.read(city, CellQuery())
    features = geojson.feature_dicts(batch, crs=crs_uri(code))
    rings = np.array([f["geometry"]["coordinates"][0] for f in features])
    to = Transformer.from_crs("EPSG:5179", f"EPSG:{code}")  # authority order on both sides
    east, south = batch.window.corners(batch.key)
    first, second = to.transform(south, east)
    half_a_unit = 0.5000001 * (1e-7 if code == 4326 else 1e-3)
    assert np.abs(rings[:, 0, 0] - first).max() <= half_a_unit
    assert np.abs(rings[:, 0, 1] - second).max() <= half_a_unit
    north_first = CRS(f"EPSG:{code}").axis_info[0].direction == "north"
    assert north_first == (code != 3857)


def test_a_crs_that_is_not_offered_is_refused(city: Collection) -> None:
    with pytest.raises(UnknownName, match="CRS"):
        geojson.features(cells.read(city, CellQuery(limit=1)), crs=crs_uri(32652))


def test_texts_are_escaped(city: Collection) -> None:
    batch = cells.read(city, CellQuery(limit=4, properties=("status", "net")))
    odd = ['<&">', "\\n\n\t\u2028", "한글 🌲", "\x1f"]
    batch.columns["status"] = Labels.of(odd, np.arange(4))  # type: ignore[index]
    assert [f["properties"]["status"] for f in geojson.feature_dicts(batch)] == odd


def test_a_batch_of_a_thousand_digits_never_overruns(city: Collection) -> None:
    batch = cells.read(city, CellQuery(properties=("net", "area_m2")))
    extreme = np.full(36, np.iinfo(np.int64).min + 1)
    batch = replace(batch, matched=10**18)
    batch.columns["net"] = Number(extreme, np.zeros(36, bool), 3)  # type: ignore[index]
    parsed = json.loads(geojson.features(batch), parse_float=Decimal)["features"]
    assert {f["properties"]["net"] for f in parsed} == {Decimal(int(extreme[0])) / 1000}


NUMBERS = [
    0,
    1,
    -1,
    9,
    10,
    99,
    100,
    101,
    999,
    1000,
    1001,
    -1000,
    120,
    123456789,
    -987654321,
    10**15,
    10**18,
    2**63 - 1,
    1 - 2**63,
]


@pytest.mark.parametrize("decimals", [0, 1, 3, 7])
def test_decimals_are_written_exactly(decimals: int) -> None:
    out = np.empty(64, np.uint8)
    for value in NUMBERS:
        text = out[: put_fixed(out, 0, value, decimals)].tobytes().decode()
        assert Decimal(text) == Decimal(value).scaleb(-decimals)
        if decimals:
            assert text.split(".")[1].rstrip("0") or text.endswith(".0")
            assert not text.endswith("00")
        else:
            assert text == str(value) == out[: put_int(out, 0, value)].tobytes().decode()


def test_vertices_fit_their_room() -> None:
    widest = np.array([-(2**63) + 1, 0])
    raw, length = vertices(widest, widest, 7)
    assert length.max() <= VERTEX
    assert json.loads(raw[VERTEX : VERTEX + length[1]].tobytes()) == [0.0, 0.0]


def test_pools_keep_offsets_in_bytes() -> None:
    data, offsets = pool(["가", "", "ab"])
    assert (data.tobytes().decode(), offsets.tolist()) == ("가ab", [0, 3, 3, 5])
