# SPDX-License-Identifier: Apache-2.0
"""Buildings as GIS건물통합정보 (VWorld ``AL_D010``, 29-column release of 2024) holds them: complete ids, gappy facts.

Columns by the definition published for that release; A23-A25 and A28 were not checked against a real file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from carbonstore.sample.buildings import Buildings
from carbonstore.sample.parcels import Parcels, Text
from carbonstore.sample.place import F64, Recipe
from carbonstore.sample.shapefile import Column

USE_NAMES: Mapping[str, str] = {
    "01000": "단독주택",
    "02000": "공동주택",
    "03000": "제1종근린생활시설",
    "04000": "제2종근린생활시설",
    "06000": "종교시설",
    "07000": "판매시설",
    "09000": "의료시설",
    "10000": "교육연구시설",
    "11000": "노유자시설",
    "13000": "운동시설",
    "14000": "업무시설",
    "17000": "공장",
    "18000": "창고시설",
    "21000": "동물및식물관련시설",
}
_STRUCTURES = {"21": "철근콘크리트구조", "31": "일반철골구조", "11": "벽돌구조", "51": "일반목구조"}


@dataclass(frozen=True)
class Gaps:
    """What the register does not know of each building: masks (n,), drawn once so that both years agree."""

    height: NDArray[np.bool_]
    storeys: NDArray[np.bool_]
    floor_area: NDArray[np.bool_]
    parcel: NDArray[np.bool_]
    day: NDArray[np.bool_]
    blank: NDArray[np.bool_]

    @classmethod
    def draw(cls, buildings: Buildings, recipe: Recipe) -> "Gaps":
        """Older and lower buildings miss more: about 35 % of heights, 25 % of storeys, 3 % of floor areas."""
        rng, n = recipe.rng("register"), len(buildings)
        old = np.clip((2015 - 1970 - buildings.approved.astype("datetime64[Y]").astype(int)) / 40, 0, 1)
        odds = np.array([[0.18, 0.45], [0.1, 0.4], [0.005, 0.06], [0.003, 0.0], [0.01, 0.1], [0.5, 0.0]])
        return cls(*(rng.random((len(odds), n)) < odds[:, :1] + odds[:, 1:] * old))

    def take(self, rows: NDArray[np.int64]) -> "Gaps":
        """The gaps of these buildings."""
        return Gaps(*(getattr(self, f.name)[rows] for f in fields(self)))


def columns(buildings: Buildings, parcels: Parcels, gaps: Gaps, row: NDArray[np.int64], day: str) -> list[Column]:
    """The attribute table A0..A28 and ``synthetic``. ``row``: running number of each building, the same every year.

    Unknown numbers are 0, as in the real files, or blank; unknown text is empty.
    """
    n, plot = len(buildings), buildings.plot
    pnu = np.where(gaps.parcel, "", parcels.pnu[plot])
    dong = parcels.dong[plot]
    lot_m2 = parcels.area_m2[plot]
    floors = np.where(gaps.floor_area, 0, buildings.floor_area_m2)
    structure = _structure(buildings)
    id_text = np.char.add("36", np.char.zfill(row.astype(str), 10))
    fixed = np.full(n, day)
    text: dict[str, tuple[Text, int]] = {
        "A0": (np.char.add("S", id_text), 28),
        "A1": (np.char.add(dong, np.char.zfill(row.astype(str), 8)), 28),
        "A2": (pnu, 19),
        "A3": (dong, 10),
        "A4": (parcels.name[plot], 60),
        "A5": (parcels.lot[plot], 20),
        "A6": (np.where(parcels.mountain[plot], "2", "1"), 1),
        "A7": (np.where(parcels.mountain[plot], "산", "일반"), 10),
        "A8": (buildings.code, 5),
        "A9": (_names(buildings.code, USE_NAMES), 60),
        "A10": (structure, 2),
        "A11": (_names(structure, _STRUCTURES), 60),
        "A13": (np.where(gaps.day, "", buildings.approved.astype(str)), 10),
        "A19": (np.char.add("1", id_text), 28),
        "A20": (np.full(n, "N"), 1),
        "A21": (np.char.add("R", id_text), 28),
        "A22": (fixed, 10),
        "A23": (dong.astype("U5"), 5),
        "A24": (np.full(n, ""), 60),
        "A25": (np.full(n, ""), 60),
        "A28": (fixed, 10),
    }
    numbers: dict[str, tuple[F64, int, int]] = {
        "A12": (buildings.footprint_m2, 14, 2),
        "A14": (floors, 14, 2),
        "A15": (lot_m2, 14, 2),
        "A16": (_forgotten(buildings.height_m, gaps.height, gaps.blank), 9, 2),
        "A17": (100 * buildings.footprint_m2 / lot_m2, 9, 2),
        "A18": (100 * floors / lot_m2, 9, 2),
        "A26": (_forgotten(buildings.storeys.astype(float), gaps.storeys, gaps.blank), 5, 0),
        "A27": (np.where(gaps.storeys, 0, buildings.basements).astype(float), 5, 0),
    }
    made = {k: Column(k, v, width) for k, (v, width) in text.items()}
    made |= {k: Column(k, v, width, decimals) for k, (v, width, decimals) in numbers.items()}
    return [made[f"A{i}"] for i in range(29)] + [Column("synthetic", np.full(n, "합성"), 10)]


def _names(codes: Text, names: Mapping[str, str]) -> Text:
    known, row = np.unique(codes, return_inverse=True)
    return np.array([names[code] for code in known.tolist()])[row]


def _structure(buildings: Buildings) -> Text:
    """Structure code by use, height and age."""
    year = buildings.approved.astype("datetime64[Y]").astype(int) + 1970
    steel = np.isin(buildings.code, ["17000", "18000", "21000"])
    low = (buildings.storeys <= 2) & (year < 1992)
    return np.where(steel, "31", np.where(low & (year < 1970), "51", np.where(low, "11", "21")))


def _forgotten(values: F64, gone: NDArray[np.bool_], blank: NDArray[np.bool_]) -> F64:
    """Unknown values as 0, some of them blank (NaN)."""
    return np.where(gone, np.where(blank, np.nan, 0.0), values)
