# SPDX-License-Identifier: Apache-2.0
"""The Sejong sample's collections without the sample: what its manifests say, in ``sejong.json``.

So the committed OpenAPI document and ``pygeoapi-config.yml`` can be made and checked where nothing is built.
"""

from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from carbonstore.collections.collection import Collection
from carbonstore.releases.catalogue import Catalogue, Published
from carbonstore.releases.edition import Edition
from carbonstore.releases.stored import Release

FILE = Path(__file__).with_name("sejong.json")
INVENTORY = "sejong"
KEYS = (
    *("country", "data_years", "extent", "grid", "internal_levels", "inventory", "levels", "licences"),
    *("notes", "sources", "synthetic", "title", "units", "window", "year"),
)
"""What of a manifest the metadata of collections is made of."""


def described(data: Path) -> bytes:
    """The file's bytes from a published sample."""
    releases = Catalogue(data).snapshot().inventory(INVENTORY).releases
    excerpt = [{key: release.manifest[key] for key in KEYS} for release in releases.values()]
    return orjson.dumps(excerpt, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def collections(raw: bytes | None = None) -> list[Collection]:
    """The sample's collections, good for metadata only: no record can be read from them."""
    manifests: list[dict[str, Any]] = orjson.loads(FILE.read_bytes() if raw is None else raw)
    releases = {m["year"]: Release(Path(INVENTORY), m, {}, {}) for m in manifests}
    edition = Edition.of(INVENTORY, dict.fromkeys(releases, ""))
    return list(Published(edition, MappingProxyType(releases)).collections.values())
