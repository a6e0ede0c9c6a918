# SPDX-License-Identifier: Apache-2.0
"""Everything we change inside pygeoapi, in one place, for exactly one minor version of it.

``tests/api/test_compat.py`` holds a contract test for each shim: it shows the stock behaviour that needs mending and
that the shim mends it, so another version of pygeoapi fails loudly instead of drifting.
"""

import importlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import orjson
import pygeoapi
from pygeoapi import crs as pygeoapi_crs
from pygeoapi import util
from pyproj import Transformer

from carbonserver import html

SUPPORTED = "0.24"
SCOPE_KEY = "carbongrid.api"
"""ASGI scope key under which the request's own pygeoapi ``API`` object travels."""

POINTS_PER_EDGE = 501
"""A box of the size of Korea is then held to 2 cm; 21 points, pyproj's default, cut 8 m off it."""

type Bbox = list[float]


def check_version(version: str = pygeoapi.__version__) -> None:
    """RuntimeError unless this pygeoapi is the one the shims were written and tested for."""
    if not version.startswith(f"{SUPPORTED}."):
        raise RuntimeError(f"pygeoapi {version} is installed; the shims in {__name__} are made for {SUPPORTED}.x")


def to_json(document: Any, pretty: bool = False) -> bytes:
    """Serialise as pygeoapi's ``util.to_json`` does, but 12 times faster and without changing the data.

    The stock function turns ``<`` into ``&lt;`` inside every string and writes NaN, which is not JSON; here text stays
    as it is (UTF-8) and NaN and infinities become null.
    """
    option = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY | (orjson.OPT_INDENT_2 if pretty else 0)
    return orjson.dumps(document, default=util.json_serial, option=option)


def transform_bbox(bbox: Bbox, from_crs: Any, to_crs: Any, always_xy: bool = False) -> Bbox:
    """Envelope of a box in another CRS, in the axis orders of both authorities.

    The stock function builds a transformer for every request (about 15 ms, even from CRS84 to CRS84) and transforms two
    corners only, which loses a strip of a large projected box. Here the identity costs nothing, transformers are kept
    and edges are densified. Heights of a box with six numbers pass through.
    """
    if str(from_crs) == str(to_crs):
        return list(bbox)
    half = len(bbox) // 2
    corners = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    transformer = _transformer(str(from_crs), str(to_crs), always_xy)
    x0, y0, x1, y1 = transformer.transform_bounds(*corners, densify_pts=POINTS_PER_EDGE)
    return [x0, y0, *bbox[2:half], x1, y1, *bbox[half + 2 :]]


@lru_cache(maxsize=64)
def _transformer(from_crs: str, to_crs: str, always_xy: bool) -> Transformer:
    source, target = pygeoapi_crs.get_crs(from_crs), pygeoapi_crs.get_crs(to_crs)
    return Transformer.from_crs(source, target, always_xy=always_xy)


def validate_datetime(_extents: dict[str, Any], datetime: str | None = None) -> str | None:
    """Leave ``datetime`` to the provider: outside the extent the answer is empty, no error (OGC 17-069r4, 7.15)."""
    return datetime


def dategetter(name: str, extent: dict[str, Any]) -> str | None:
    """A bound of the temporal extent with ``Z``: the ``+`` of ``+00:00`` turns into a space where clients paste it."""
    text: str | None = util.dategetter(name, extent)
    return text and text.replace("+00:00", "Z")


def install() -> None:
    """Apply the shims that are module attributes of pygeoapi's API functions; safe to call twice."""
    check_version()
    for module in _api_modules():
        if getattr(module, "to_json", None) is util.to_json:
            vars(module)["to_json"] = to_json
        if getattr(module, "render_j2_template", None) is util.render_j2_template:
            vars(module)["render_j2_template"] = html.drawn
    items = importlib.import_module("pygeoapi.api.itemtypes")
    vars(items).update(transform_bbox=transform_bbox, validate_datetime=validate_datetime)
    vars(importlib.import_module("pygeoapi.api.collection"))["dategetter"] = dategetter
    logging.getLogger("pygeoapi").setLevel(logging.CRITICAL)  # it logs every client error


def _api_modules() -> list[ModuleType]:
    names = ("", ".collection", ".itemtypes", ".processes", ".tiles")
    return [importlib.import_module(f"pygeoapi.api{name}") for name in names]


@cache
def starlette_app() -> ModuleType:
    """pygeoapi's Starlette module, imported once with the shims, serving the ``API`` object of each request's scope.

    It reads its configuration from files named in the environment while it is imported and keeps one global ``api_``.
    Here it starts from an empty configuration, and every request brings its own API (``scope["carbongrid.api"]``), so a
    switch of the published edition needs no restart and no request sees two editions.
    """
    install()
    with TemporaryDirectory(prefix="carbongrid-") as folder, _start_files(Path(folder)):
        module = importlib.import_module("pygeoapi.starlette_app")
    vars(module)["execute_from_starlette"] = _execute_for(module.execute_from_starlette)
    return module


def _execute_for(stock: Callable[..., Any]) -> Callable[..., Any]:
    async def execute_from_starlette(function: Any, request: Any, *args: Any, **options: Any) -> Any:
        options.setdefault("alternative_api", request.scope[SCOPE_KEY])
        return await stock(function, request, *args, **options)

    return execute_from_starlette


@contextmanager
def _start_files(folder: Path) -> Iterator[None]:
    """Name an empty configuration and OpenAPI document in the environment, for the import only."""
    server = {"url": "http://localhost", "encoding": "utf-8", "mimetype": "application/json", "languages": ["en-US"]}
    config = {"server": server, "logging": {"level": "ERROR"}, "metadata": {}, "resources": {}}
    files = {"PYGEOAPI_CONFIG": folder / "config.yml", "PYGEOAPI_OPENAPI": folder / "openapi.json"}
    before = {name: os.environ.get(name) for name in files}
    for (name, path), document in zip(files.items(), (config, {}), strict=True):
        path.write_text(json.dumps(document))
        os.environ[name] = str(path)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
