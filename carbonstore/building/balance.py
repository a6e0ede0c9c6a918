# SPDX-License-Identifier: Apache-2.0
"""The one chain of exact sums, stage by stage: inventory lines = pieces = every cell level = every unit level."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import Corrupt
from carbongrid.inventory import Inventory
from carbonstore.releases.unit_levels import UnitLevel, UnitMap

Ints = NDArray[np.int64]


def balance(inventory: Inventory, units: UnitMap) -> dict[str, Any]:
    """``{"bands": [key …], "kg": [...], "stages": [...]}``: the sums by band, and the stages that have just these.

    Corrupt names the first stage and band that have not.
    """
    n = len(inventory.bands)
    stages: dict[str, Ints] = {"lines": np.zeros(n, np.int64), "pieces": np.zeros(n, np.int64)}
    for layer in inventory.layers.values():
        np.add.at(stages["lines"], layer.lines.band, layer.lines.kg)
        np.add.at(stages["pieces"], layer.lines.band[layer.pieces.line], layer.pieces.kg)
    stages |= {f"cells {size} m": cells.kg.sum(axis=1) for size, cells in inventory.cells.items()}
    stages |= {f"units {level.level}": unit_sums(level) for level in units.levels}
    keys = [band.key for band in inventory.bands]
    for stage, sums in stages.items():
        agree(keys, stage, sums, stages["lines"])
    return {"bands": keys, "kg": stages["lines"].tolist(), "stages": list(stages)}


def unit_sums(level: UnitLevel) -> Ints:
    """Kilograms by band of all units of a level and of what lies in none."""
    return np.array([int(kg.sum(dtype=np.int64)) for kg in level.kg], np.int64)


def agree(keys: list[str], stage: str, found: Ints, wanted: Ints) -> None:
    """Corrupt unless the sums of a stage are the wanted ones, band by band."""
    for key, a, b in zip(keys, found.tolist(), wanted.tolist(), strict=True):
        if a != b:
            raise Corrupt(f"{key} adds up to {a} kg instead of {b} kg", where=stage)
