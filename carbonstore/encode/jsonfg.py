# SPDX-License-Identifier: Apache-2.0
"""Records as OGC Features and Geometries JSON 1.0 (OGC 21-045r1): GeoJSON with the time and the CRS told apart.

``geometry`` is in CRS84 or null; ``place`` is in another CRS, in the order of its axes, or null; ``time`` is the
interval of days that the values hold for.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from carbonstore.collections.batch import Batch
from carbonstore.collections.quads import CRS84
from carbonstore.encode import geojson

CONFORMS_TO = ["http://www.opengis.net/spec/json-fg-1/1.0/conf/core"]


def features(batch: Batch, head: Mapping[str, Any], *, crs: str = CRS84, geometry: bool = True) -> bytes:
    """A FeatureCollection; ``head``: further members, as in GeoJSON."""
    document = orjson.loads(geojson.features(batch, head, crs=crs, geometry=geometry))
    for feature, year in zip(document["features"], batch.year.tolist(), strict=True):
        _place(feature, year, crs)
    return orjson.dumps(_root(crs) | document)


def feature(batch: Batch, head: Mapping[str, Any], *, crs: str = CRS84) -> bytes:
    """The Feature of a batch of one."""
    document = orjson.loads(geojson.feature(batch, head, crs=crs))
    _place(document, int(batch.year[0]), crs)
    return orjson.dumps(_root(crs) | document)


def _root(crs: str) -> dict[str, Any]:
    return {"conformsTo": CONFORMS_TO} | ({} if crs == CRS84 else {"coordRefSys": crs})


def _place(feature: dict[str, Any], year: int, crs: str) -> None:
    feature["time"] = {"interval": [f"{year}-01-01", f"{year}-12-31"]}
    feature["place"] = None
    if crs != CRS84:
        feature["place"], feature["geometry"] = feature["geometry"], None
