# SPDX-License-Identifier: Apache-2.0
"""건축물대장 표제부 as its bulk text has it (``mart_djy_03``): 77 fields between ``|``, no header, CP949, CRLF.

One row a building, and one more a lot with several of them: the site's summary (총괄표제부), whose areas repeat the
buildings'. The map of buildings is made from it, so a floor area unknown there is unknown here; of heights and storeys
it knows some that the map lost. Unknown values are 0.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carbonstore.sample.buildings import Buildings
from carbonstore.sample.parcels import Parcels
from carbonstore.sample.place import Recipe
from carbonstore.sample.register import Gaps
from carbonstore.sources.definitions import definition

TITLE, SUMMARY = "2", "1"
"""대장_종류_코드 of a building's row and of a site's summary."""
_SITE = 3
"""Lots with so many buildings have a summary."""
_FORGOTTEN = 0.7
"""Share of the heights and storeys missing on the map of buildings that the register does not know either."""
_NAME = 8
"""Position of 건물_명, where every row says that it is synthetic."""


def write_register(path: Path, buildings: Buildings, parcels: Parcels, gaps: Gaps, recipe: Recipe) -> None:
    """Write the rows of the buildings that stand, lot by lot; ``gaps``: what the map does not know of each."""
    lost = np.stack([gaps.height, gaps.storeys])
    forgotten = np.stack([gaps.floor_area, *(lost & (recipe.rng("title register").random(lost.shape) < _FORGOTTEN))])
    rows = "".join(f"{line}\r\n" for line in _rows(buildings, parcels, forgotten))
    path.write_bytes(rows.encode("cp949"))


def _rows(buildings: Buildings, parcels: Parcels, forgotten: NDArray[np.bool_]) -> Iterator[str]:
    position = {row["column"]: int(row["position"]) - 1 for row in definition("kor_register") if row["column"] != "_"}
    blank = [""] * len(definition("kor_register"))
    blank[_NAME - 1] = "합성"
    order = np.argsort(buildings.plot, kind="stable")
    for lot in np.split(order, np.flatnonzero(np.diff(buildings.plot[order])) + 1):
        where = _key(parcels, int(buildings.plot[lot[0]]))
        entries = [where | _facts(buildings, i, forgotten[:, i].tolist()) for i in lot.tolist()]
        if len(lot) >= _SITE:
            total = f"{buildings.floor_area_m2[lot].sum():.2f}"
            entries.append(where | {"book_type": SUMMARY, "floor_area_m2": total, "use": entries[0]["use"]})
        for number, entry in enumerate(entries):
            fields = blank.copy()
            fields[0] = f"{where['sigungu_code']}-{int(lot[0]) * 100 + number + 1_000_000_000}"
            for column, value in entry.items():
                fields[position[column]] = value
            yield "|".join(fields)


def _key(parcels: Parcels, plot: int) -> dict[str, str]:
    """Keys of a lot; the register counts land types from 0."""
    dong = str(parcels.dong[plot])
    return {
        "sigungu_code": dong[:5],
        "dong_code": dong[5:],
        "land_type": str(int(parcels.mountain[plot])),
        "main_no": f"{parcels.main[plot]:04d}",
        "sub_no": f"{parcels.sub[plot]:04d}",
    }


def _facts(buildings: Buildings, i: int, forgotten: list[bool]) -> dict[str, str]:
    no_area, no_height, no_storeys = forgotten
    return {
        "book_type": TITLE,
        "floor_area_m2": "0" if no_area else f"{buildings.floor_area_m2[i]:.2f}",
        "use": str(buildings.code[i]),
        "height_m": "0" if no_height else f"{buildings.height_m[i]:.2f}",
        "storeys": "0" if no_storeys else str(buildings.storeys[i]),
        "year_built": str(buildings.approved[i]).replace("-", ""),
    }
