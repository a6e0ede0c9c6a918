# SPDX-License-Identifier: Apache-2.0
"""Writing a release: one inventory of one year on disk, immutable, named by the hash of what it says.

``releases/{id}/`` holds ``manifest.json`` (with the sha256 of every other file), Arrow files, ``boundary.geojson``,
``coverage-{sector}.geojson`` and ``report.json``; ``id`` is the first 16 hex digits of the manifest's sha256. Nothing
in it names a time, a host or a path, so equal inputs give equal bytes. ``built.json`` lies beside it, unhashed: it says
when the release was built last, which is how "the newest release of a year" is known.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
import shapely.geometry

from carbongrid.disclosure import Pools
from carbongrid.errors import Corrupt, InvalidInput, NotFound
from carbongrid.inventory import Border, Cells, Inventory, Layer
from carbongrid.montecarlo import Interval
from carbongrid.sectors import INTERVALS, SECTORS, missing_text
from carbonstore.collections import quads
from carbonstore.releases import arrow, disk, pools, source_features
from carbonstore.releases.source_features import Described
from carbonstore.releases.stored import SCHEMA, Level, Release, forget, opened
from carbonstore.releases.unit_levels import UnitMap
from carbonstore.releases.verify import figure_totals

__all__ = ["Built", "Level", "Publication", "Release", "built", "opened", "write"]

Text = Mapping[str, str]


@dataclass(frozen=True)
class Publication:
    """What is said about an inventory beside its numbers; all of it reaches the manifest.

    ``title`` and each of ``notes`` are ``{"ko", "en"}``; ``licences`` are (licence, attribution); ``levels`` are the
    published ones in metres; ``coverage`` is WKB in CRS84 by sector; ``inputs`` is sha256 by name; ``u95`` is the
    half-width in kg by figure of INTERVALS and ``intervals`` its percentiles; ``data_years`` names sectors whose data
    are of another year; ``report`` is any JSON, of which ``summary`` goes into the manifest; ``pools`` are those of
    metered parcels, if any; ``units`` are the units of the map; ``described`` is what sources say of themselves, by
    kind.
    """

    title: Text
    country: str
    licences: tuple[tuple[str, str], ...] = ()
    synthetic: bool = False
    notes: tuple[Text, ...] = ()
    levels: tuple[int, ...] = (100, 500, 1000)
    coverage: Mapping[str, bytes] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    u95: Mapping[str, int] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    data_years: Mapping[str, int] = field(default_factory=dict)
    report: Mapping[str, Any] = field(default_factory=dict)
    gwp_set: str = "IPCC AR5 GWP-100"
    pools: Pools | None = None
    units: UnitMap = field(default_factory=UnitMap)
    described: Mapping[str, Described] = field(default_factory=dict)


def write(inventory: Inventory, publication: Publication, root: Path) -> Release:
    """Write a release below ``root/releases`` and open it; one that is there already is reused.

    It is built in a temporary folder and renamed when whole, so an error (a full disk too) leaves nothing behind.
    """
    releases = root / "releases"
    with disk.temp_folder(root, releases, f"{inventory.id}-{inventory.year}") as temp:
        sources = _write_files(inventory, publication, temp)
        manifest = _encode(_manifest(inventory, publication, temp, sources))
        disk.write(temp / "manifest.json", manifest)
        path = releases / disk.digest(manifest)[:16]
        with disk.locked(root):
            disk.write(temp / "built.json", _built(root, inventory))
            _settle(temp, path)
    return opened(path)


def _settle(temp: Path, path: Path) -> None:
    """Give the finished folder its name; a sound release of that name stays and is only marked as built again."""
    disk.sync_folder(temp)
    if path.exists():
        if _sound(path):
            disk.switch(path / "built.json", (temp / "built.json").read_bytes())
            return
        disk.remove(path)
        forget(path)
    temp.rename(path)
    disk.sync_folder(path.parent)


def _sound(path: Path) -> bool:
    try:
        Release.open(path).verify()
    except (Corrupt, NotFound, OSError):
        return False
    return True


@dataclass(frozen=True, order=True)
class Built:
    """A release on disk, ordered by when it was built."""

    built: int
    inventory: str
    year: int
    id: str


def built(root: Path, inventory: str | None = None) -> list[Built]:
    """Releases below ``root``, oldest first, of one inventory or of all."""
    found = []
    for path in (root / "releases").glob("[0-9a-f]*/built.json"):
        record = orjson.loads(path.read_bytes())
        found.append(Built(record["built"], record["inventory"], record["year"], path.parent.name))
    return sorted(b for b in found if inventory in (None, b.inventory))


def _built(root: Path, inventory: Inventory) -> bytes:
    """A time later than that of every release there, also where the clock was set back."""
    latest = max((b.built for b in built(root)), default=0)
    record = {"built": max(time.time_ns(), latest + 1), "inventory": inventory.id, "year": inventory.year}
    return orjson.dumps(record)


def _write_files(inventory: Inventory, publication: Publication, folder: Path) -> list[dict[str, Any]]:
    """Everything but the manifest; returns what it says of the sources."""
    for size, cells in inventory.cells.items():
        of_cells = publication.units.of_cells
        unit = {"unit": of_cells[size]} if size in of_cells else {}
        arrow.save(folder / f"cells-{size}.arrow", _cell_columns(inventory, cells) | unit)
    for level in publication.units.levels:
        arrow.save(folder / f"units-{level.level}.arrow", level.columns(inventory.bands))
    for kind, layer in inventory.layers.items():
        _write_layer(kind, layer, folder)
    arrow.save(folder / "border.arrow", _border_columns(inventory.border))
    disk.write(folder / "boundary.geojson", _outline(inventory.boundary, {"inventory": inventory.id}))
    for sector, wkb in publication.coverage.items():
        disk.write(folder / f"coverage-{sector}.geojson", _outline(wkb, {"sector": sector}))
    if publication.pools is not None:
        pools.save(folder, publication.pools)
    disk.write(folder / "report.json", _encode(publication.report))
    return [
        source_features.save(folder, inventory, layer, publication.described.get(kind, Described()))
        for kind, layer in inventory.layers.items()
        if len(layer.id)
    ]


def _cell_columns(inventory: Inventory, cells: Cells) -> dict[str, Any]:
    return {
        "index": cells.index.astype(np.int64),
        "share": cells.share,
        "area_m2": cells.area_m2,
        "null": cells.null,
        "incomplete": cells.incomplete,
        "quality": cells.quality,
        **{band.key: arrow.narrow(kg) for band, kg in zip(inventory.bands, cells.kg, strict=True)},
        **{f"{name}_u95": arrow.narrow(kg) for name, kg in zip(INTERVALS, cells.u95, strict=True)},
    }


def _write_layer(kind: str, layer: Layer, folder: Path) -> None:
    lines, pieces = layer.lines, layer.pieces
    arrow.save(
        folder / f"sources-{kind}.arrow",
        {
            "id": pa.array(layer.id, pa.large_string()),
            "geometry": arrow.geometry(layer.geometry),
            "quality": layer.quality,
            "imputed": layer.imputed.astype(np.uint8),
        },
    )
    plain = {name: getattr(lines, name) for name in ("source", "band", "factor", "row", "u_own", "activity")}
    arrow.save(folder / f"lines-{kind}.arrow", {**plain, "kg": arrow.narrow(lines.kg)})
    records = arrow.lists(pieces.ptr, {"line": pieces.line, "kg": arrow.narrow(pieces.kg)})
    arrow.save(folder / f"pieces-{kind}.arrow", {"cell": pieces.cells, "pieces": records})


def _border_columns(border: Border) -> dict[str, Any]:
    return {"cell": border.cells, "geometry": arrow.geometry(border.geometry)}


def _outline(wkb: bytes, properties: Mapping[str, str]) -> bytes:
    geometry = shapely.geometry.mapping(shapely.from_wkb(wkb))
    return orjson.dumps({"type": "Feature", "properties": properties, "geometry": geometry})


def _manifest(
    inventory: Inventory, publication: Publication, folder: Path, sources: list[dict[str, Any]]
) -> dict[str, Any]:
    published = sorted(set(publication.levels) & set(inventory.cells))
    if not published and not publication.units.levels:
        raise InvalidInput("no level of the inventory is published", where="levels", allowed=inventory.cells)
    finest = inventory.cells[inventory.grid.cell_size]
    window = finest.window
    return {
        "schema": SCHEMA,
        "inventory": inventory.id,
        "year": inventory.year,
        "title": publication.title,
        "country": publication.country,
        "synthetic": publication.synthetic,
        "notes": publication.notes,
        "licences": [{"licence": licence, "attribution": by} for licence, by in publication.licences],
        "grid": {"epsg": inventory.grid.epsg, "crs": inventory.grid.crs, "cell_size": inventory.grid.cell_size},
        "window": {"left": window.left, "top": window.top, "ncol": window.ncol, "nrow": window.nrow},
        "levels": published,
        "internal_levels": sorted(set(inventory.cells) - set(published)),
        "extent": {str(size): quads.extent(c.window, c.index) for size, c in inventory.cells.items()},
        "cells": {str(size): len(c.index) for size, c in inventory.cells.items()},
        "units": publication.units.entries(),
        "kinds": list(inventory.layers),
        "sources": sources,
        "coverage": sorted(publication.coverage),
        "data_years": dict(publication.data_years),
        "totals": _totals(inventory, publication, finest),
        "state": _state(finest),
        "gwp_set": publication.gwp_set,
        "factors": [asdict(f) for f in inventory.factors],
        "rows": [asdict(r) for r in inventory.rows],
        "inputs": dict(publication.inputs),
        "report": publication.report.get("summary", {}),
        "model": {"package": version("carbongrid"), "sources_sha256": model_digest()},
        "files": {p.name: disk.file_digest(p) for p in sorted(folder.iterdir())},
    }


def _totals(inventory: Inventory, publication: Publication, finest: Cells) -> dict[str, Any]:
    kg = finest.kg.sum(axis=1)
    bands = [
        {"sector": b.sector, "use": b.use, "scope": b.scope, "gas": b.gas, "modes": list(b.modes), "kg": int(v)}
        for b, v in zip(inventory.bands, kg, strict=True)
    ]
    figures = figure_totals(inventory.bands, kg, int(np.bitwise_and.reduce(finest.null)))
    half = {f"{name}_u95": None if figures[name] is None else int(v) for name, v in sorted(publication.u95.items())}
    intervals = {name: asdict(i) for name, i in sorted(publication.intervals.items()) if figures[name] is not None}
    return {"bands": bands, "kg": {**figures, **half}, "interval": intervals}


def _state(finest: Cells) -> dict[str, Any]:
    """status and missing of the whole, by the rule of a roll-up (contract 2)."""
    null, incomplete = int(np.bitwise_and.reduce(finest.null)), int(np.bitwise_or.reduce(finest.incomplete))
    everything = (1 << len(SECTORS)) - 1
    status = "missing" if null == everything else "partial" if incomplete else "ok"
    return {"status": status, "missing": missing_text(incomplete)}


def _encode(document: Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2) + b"\n"


@cache
def model_digest() -> str:
    """sha256 over the sources and tables of the model: equal digests and inputs mean equal numbers."""
    running = sha256()
    for name, data in sorted(_model_files(files("carbongrid"), "")):
        running.update(f"{name}\0{len(data)}\0".encode() + data)
    return running.hexdigest()


def _model_files(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir():
            found += _model_files(entry, f"{name}/")
        elif name.endswith((".py", ".csv", ".toml")):
            found.append((name, entry.read_bytes()))
    return found
