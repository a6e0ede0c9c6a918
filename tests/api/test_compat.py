# SPDX-License-Identifier: Apache-2.0
"""The contract of each shim: what pygeoapi 0.24 does by itself, and that the shim mends it. Other versions fail."""

import importlib
import json
import math
import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyproj
import pytest
from babel import Locale
from pygeoapi import crs as stock_crs
from pygeoapi import util
from pygeoapi.api import validate_datetime

from carbonserver import compat

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
KOREA = [124.0, 33.0, 132.0, 39.0]


def test_only_the_version_that_the_shims_were_written_for_is_accepted() -> None:
    compat.check_version()
    for other in ("0.23.9", "0.25.0", "0.240.1", "1.0.0"):
        with pytest.raises(RuntimeError, match="made for"):
            compat.check_version(other)


def test_json_keeps_text_as_it_is() -> None:
    text = {"name": "a < b & c > d", "korean": "탄소"}
    assert "&lt;" in util.to_json(text), "pygeoapi no longer mangles text: drop the shim"
    assert json.loads(compat.to_json(text)) == text
    assert "탄소".encode() in compat.to_json(text)


def test_json_has_no_nan() -> None:
    assert "NaN" in util.to_json({"v": math.nan}), "pygeoapi no longer writes NaN: drop the shim"
    assert compat.to_json({"v": math.nan, "w": math.inf, "x": 1.5}) == b'{"v":null,"w":null,"x":1.5}'


def test_json_takes_what_pygeoapi_hands_over() -> None:
    mixed = {
        "t": datetime(2023, 1, 1, tzinfo=UTC),
        "d": Decimal("1.5"),
        "p": Path("a/b"),
        "l": Locale("ko", "KR"),
        1: "one",
    }
    assert json.loads(compat.to_json(mixed)) == json.loads(util.to_json(mixed))
    assert compat.to_json({"a": 1}, pretty=True) == b'{\n  "a": 1\n}'


def test_a_box_that_stays_in_its_crs_builds_no_transformer(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a transformer was built")

    monkeypatch.setattr(pyproj.Transformer, "from_crs", never)
    assert compat.transform_bbox(KOREA, CRS84, CRS84) == KOREA
    with pytest.raises(AssertionError, match="was built"):
        stock_crs.transform_bbox(KOREA, CRS84, CRS84)


def test_transformers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    box = compat.transform_bbox(KOREA, CRS84, f"{EPSG}3857")
    monkeypatch.setattr(pyproj.Transformer, "from_crs", None)
    assert compat.transform_bbox(KOREA, CRS84, f"{EPSG}3857") == box


def test_a_transformed_box_holds_its_edges_not_only_two_corners() -> None:
    """The southern edge of Korea sags between its corners in EPSG:5179: the stock box cuts it off."""
    stock = stock_crs.transform_bbox(KOREA, CRS84, f"{EPSG}5179")
    ours = compat.transform_bbox(KOREA, CRS84, f"{EPSG}5179")
    to_metres = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:5179")
    northing, easting = to_metres.transform(127.5, 33.0)
    assert stock[0] - northing > 5_000, "pygeoapi's box holds its edges now: drop the shim"
    assert ours[0] - 0.05 <= northing <= ours[2]
    assert ours[1] <= easting <= ours[3]


def test_boxes_are_in_the_axis_order_of_the_authority() -> None:
    assert compat.transform_bbox([36.0, 127.0, 37.0, 128.0], f"{EPSG}4326", CRS84) == pytest.approx(
        [127.0, 36.0, 128.0, 37.0]
    )
    south, west, north, east = compat.transform_bbox([127.0, 36.0, 128.0, 37.0], CRS84, f"{EPSG}5179")
    assert 1_700_000 < south < north < 2_000_000
    assert 900_000 < west < east < 1_100_000


def test_heights_of_a_box_pass_through() -> None:
    box = compat.transform_bbox([127.0, 36.0, -5.0, 128.0, 37.0, 99.0], CRS84, f"{EPSG}4326")
    assert box == pytest.approx([36.0, 127.0, -5.0, 37.0, 128.0, 99.0])


def test_shims_reach_the_functions_that_use_them() -> None:
    compat.starlette_app()
    items = importlib.import_module("pygeoapi.api.itemtypes")
    assert items.to_json is compat.to_json
    assert items.transform_bbox is compat.transform_bbox
    assert importlib.import_module("pygeoapi.api").to_json is compat.to_json
    assert importlib.import_module("pygeoapi.api.tiles").to_json is compat.to_json


def test_a_time_outside_the_extent_is_no_error() -> None:
    extent = {"temporal": {"begin": datetime(2022, 1, 1, tzinfo=UTC), "end": datetime(2023, 12, 31, tzinfo=UTC)}}
    with pytest.raises(ValueError, match="out of range"):
        validate_datetime(extent, "2031-01-01")
    compat.install()
    assert importlib.import_module("pygeoapi.api.itemtypes").validate_datetime(extent, "2031-01-01") == "2031-01-01"


def test_instants_are_written_with_z() -> None:
    """`+00:00` in an address is read as a space; clients paste the extent into `datetime`."""
    begin = {"begin": datetime(2022, 1, 1, tzinfo=UTC)}
    assert util.dategetter("begin", begin).endswith("+00:00"), "pygeoapi writes Z now: drop the shim"
    compat.install()
    assert importlib.import_module("pygeoapi.api.collection").dategetter("begin", begin) == "2022-01-01T00:00:00Z"


def test_importing_leaves_no_trace_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYGEOAPI_CONFIG", "mine.yml")
    monkeypatch.delenv("PYGEOAPI_OPENAPI", raising=False)
    module = compat.starlette_app()
    monkeypatch.setattr(module, "execute_from_starlette", module.execute_from_starlette)
    compat.starlette_app.cache_clear()
    assert compat.starlette_app() is module
    assert os.environ["PYGEOAPI_CONFIG"] == "mine.yml"
    assert "PYGEOAPI_OPENAPI" not in os.environ
