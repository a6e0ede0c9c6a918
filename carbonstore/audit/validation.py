# SPDX-License-Identifier: Apache-2.0
"""Validation of a release against its own meters, kept beside its files as ``validation.json`` (docs/adr/0004)."""

from pathlib import Path
from typing import Any

import orjson

from carbongrid.errors import InvalidInput, NotFound
from carbongrid.validation import validate as validate_table
from carbonstore.building.build import Progress, input_hashes, kind_table, read_context, silent
from carbonstore.inventory.inventory_file import InventoryFile, read
from carbonstore.releases import disk
from carbonstore.releases.edition import current
from carbonstore.releases.release import built, model_digest, opened
from carbonstore.releases.stored import Release
from carbonstore.releases.verify import VALIDATION
from carbonstore.sources import Reading, read_sources


def validate(path: Path, root: Path, *, year: int | None = None, progress: Progress = silent) -> dict[str, Any]:
    """Hold out a fifth of an inventory file's metered parcels, predict them, and write the result into the release.

    The release must have been built from the same inputs by the same model. Its name stays: the result is no part of
    what the name is the hash of. NotFound without such a release, InvalidInput where nothing is metered.
    """
    file = read(path) if year is None else read(path).with_year(year)
    factors = file.factor_set
    reading = read_sources(file.sources, read_context(file, factors, progress))
    release = _release(file, reading, root)
    table = kind_table(reading, "buildings")
    result = validate_table(table, factors, file.year) if table is not None else {}
    if not result or not result["parcels"]["metered"]:
        raise InvalidInput("no parcel is metered: there is nothing to validate with", where=file.path.name)
    document = {"inventory": file.id, "release": release.id} | result
    disk.switch(release.path / VALIDATION, orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2))
    return document


def stored(root: Path, inventory: str) -> list[dict[str, Any]]:
    """Results of the releases in force that were validated, by year; NotFound where none was."""
    paths = [root / "releases" / release / VALIDATION for release in current(root, inventory).years.values()]
    found: list[dict[str, Any]] = [orjson.loads(path.read_bytes()) for path in paths if path.exists()]
    if not found:
        raise NotFound(f"no release of '{inventory}' was validated", allowed=["carbongrid validate FILE.toml"])
    return found


def _release(file: InventoryFile, reading: Reading, root: Path) -> Release:
    """The newest release of the file's inventory and year that was built from these inputs by this model."""
    inputs = input_hashes(file, reading.hashes)
    for record in reversed(built(root, file.id)):
        if record.year != file.year:
            continue
        release = opened(root / "releases" / record.id)
        if release.manifest["inputs"] == inputs and release.manifest["model"]["sources_sha256"] == model_digest():
            return release
    raise NotFound(
        f"there is no release of {file.id} {file.year} from these inputs and this model",
        where=file.path.name,
        allowed=["carbongrid build FILE.toml first"],
    )
