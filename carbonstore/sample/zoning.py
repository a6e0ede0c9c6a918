# SPDX-License-Identifier: Apache-2.0
"""용도지역 as UPIS hands it out: five layers UQ111 … UQ115, CP949 without .cpg, generic zones over the specific ones.

Zones are squares of half a kilometre inside the legal dongs, classed by what is planned there: a layer alone covers a
part of the place only, and the generic zone of the urban area (UQA000) lies over everything in UQ111.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from carbonstore.sample.layout import Plots, Use
from carbonstore.sample.place import F64, Frame, Recipe, from_plane
from carbonstore.sample.shapefile import Column, write_shapefile
from carbonstore.sources.definitions import definition

CRS = "EPSG:5186"
SIDE = 500.0
GENERIC = "UQA000"
UNZONED = 0.02
"""Share of the squares that no plan covers."""
_BY_USE: Mapping[Use, str] = {
    Use.APARTMENTS: "UQA123",
    Use.DETACHED: "UQA121",
    Use.COMMERCIAL: "UQA220",
    Use.OFFICE: "UQA210",
    Use.SCHOOL: "UQA122",
    Use.TOWN_LOT: "UQA122",
    Use.VILLAGE_LOT: "UQA111",
    Use.FACTORY: "UQA320",
}
"""Zone of a square by the use of most of its plots; of the others see ``_OPEN``."""
_OPEN = {"UQB100": 0.2, "UQB200": 0.12, "UQB300": 0.15, "UQC001": 0.43, "UQD001": 0.06, "UQE000": 0.04}
LAYERS: Mapping[str, str] = {"UQA": "UQ111", "UQB": "UQ112", "UQC": "UQ113", "UQD": "UQ114", "UQE": "UQ115"}
"""Layer of a code by its beginning."""


@dataclass(frozen=True)
class Zones:
    """One row a zone: ``outline`` EPSG:5186 and ``code``."""

    outline: NDArray[np.object_]
    code: NDArray[np.str_]


def zone(frame: Frame, plots: Plots, recipe: Recipe) -> Zones:
    """Zones of a place, without the generic one."""
    rng = recipe.rng("zoning")
    west, south, east, north = shapely.bounds(frame.boundary)
    x, y = np.meshgrid(np.arange(west, east, SIDE), np.arange(south, north, SIDE))
    corner = np.stack([x.ravel(), y.ravel()], 1)
    code = _codes(corner, plots, rng)
    square = shapely.box(*corner.T, *(corner + SIDE).T)
    shapely.prepare(frame.boundary)
    kept = shapely.intersects(frame.boundary, square) & (rng.random(len(square)) >= UNZONED)
    merged = {c: shapely.intersection(shapely.union_all(square[kept & (code == c)]), frame.boundary) for c in set(code)}
    parts = [(c, part) for c in sorted(merged) for part in shapely.get_parts(merged[c]) if shapely.area(part) > 1]
    outline = np.empty(len(parts), object)
    outline[:] = [part for _, part in parts]
    return Zones(outline, np.array([c for c, _ in parts]))


def _codes(corner: F64, plots: Plots, rng: np.random.Generator) -> NDArray[np.str_]:
    """Code of every square: by the use of most plots whose centre it holds, else at random in patches."""
    n = len(corner)
    low, side = corner.min(0), SIDE
    columns = int(np.ptp(corner[:, 0]) // side) + 1
    at = np.floor((plots.centre - low) / side).astype(np.int64)
    inside = (at >= 0).all(1) & (at[:, 0] < columns) & (at[:, 1] * columns + at[:, 0] < n)
    uses = list(_BY_USE)
    votes = np.zeros((n, len(uses)), np.int64)
    for k, use in enumerate(uses):
        rows = at[inside & (plots.use == use)]
        np.add.at(votes[:, k], rows[:, 1] * columns + rows[:, 0], 1)
    patch = (corner - low) // (4 * side)
    draw = rng.random(int(patch[:, 0].max() + 1) * int(patch[:, 1].max() + 1))
    number = (patch[:, 1] * (patch[:, 0].max() + 1) + patch[:, 0]).astype(np.int64)
    rest = np.array(list(_OPEN))[
        np.searchsorted(np.cumsum(list(_OPEN.values())), draw[number]).clip(max=len(_OPEN) - 1)
    ]
    return np.where(votes.any(1), np.array(list(_BY_USE.values()))[votes.argmax(1)], rest)


def layers(zones: Zones) -> dict[str, str]:
    """Names of the shapefiles of the layers that have zones, by the beginning of their codes."""
    drawn = {code[:3] for code in zones.code.tolist()}
    return {prefix: f"UPIS_C_{layer}_synthetic.shp" for prefix, layer in LAYERS.items() if prefix in drawn}


def write_zoning(folder: Path, zones: Zones, code: str) -> list[Path]:
    """Write the layers that have zones; the generic zone comes first in UQ111. Returns the shapefiles."""
    paths = []
    for prefix, name in layers(zones).items():
        rows = np.char.startswith(zones.code, prefix)
        outline, codes = zones.outline[rows], zones.code[rows]
        if prefix == "UQA":
            outline = np.concatenate([_one(shapely.union_all(outline)), outline])
            codes = np.concatenate([[GENERIC], codes])
        paths.append(folder / name)
        write_shapefile(paths[-1], from_plane(outline, CRS), _columns(codes, code), CRS)
        paths[-1].with_suffix(".cpg").unlink()
    return paths


def _one(geometry: Any) -> NDArray[np.object_]:
    out = np.empty(1, object)
    out[0] = geometry
    return out


def _columns(codes: NDArray[np.str_], place: str) -> list[Column]:
    names = {row["code"]: row["name_ko"] for row in definition("kor_zoning")}
    n = len(codes)
    return [
        Column("PRESENT_SN", np.char.zfill(np.arange(1, n + 1).astype(str), 20), 20),
        Column("ATRB_SE", codes, 6),
        Column("DGM_NM", np.array([names[c] for c in codes.tolist()]), 60),
        Column("SIGNGU_SE", np.full(n, place[:5]), 5),
        Column("synthetic", np.full(n, "합성"), 10),
    ]
