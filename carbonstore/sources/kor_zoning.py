# SPDX-License-Identifier: Apache-2.0
"""용도지역 (UPIS_C_UQ111 … UQ115, KLIP_C_UQ111 …): zoning districts by code, generic parents ranked as such.

Generic codes (도시지역, 관리지역 …) lie over the specific ones, so whoever measures takes lower ranks first. A code
that the table does not know is refused: zones left out silently are how whole districts were lost. Reading only UQ111
loses what UQ112-115 hold (management, agricultural and conservation areas): the layers that are not there are named.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName
from carbonstore.activity import texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.definitions import definition
from carbonstore.sources.shapefiles import Layer, layer_crs, read_layers

CRS = "EPSG:5186"
CODE, SIGUNGU = "ATRB_SE", "SIGNGU_SE"
LAYERS = ("UQ111", "UQ112", "UQ113", "UQ114", "UQ115")
_LAYER = re.compile(r"UQ11[1-5]")


@dataclass(frozen=True)
class Zones:
    """Zones in ``crs``, rows in the files' order. ``code`` None = blank; ``sigungu``: as stated, None where it is not.

    ``rank``: 0 a specific zone, 1 its parent, 2 and 3 the parents of parents. ``layers`` were read, ``absent`` of
    UQ111 … UQ115 were not.
    """

    code: NDArray[np.object_]
    sigungu: NDArray[np.object_]
    name: NDArray[np.object_]
    rank: NDArray[np.int64]
    geometry: NDArray[np.object_]
    crs: str
    layers: tuple[str, ...]

    @property
    def absent(self) -> tuple[str, ...]:
        """Layers of the series that were not given."""
        return tuple(layer for layer in LAYERS if layer not in self.layers)


def read(paths: Sequence[Path], place: str, *, crs: str | None = None, encoding: str | None = None) -> Zones:
    """All layers as one; UnknownName for a code that the table does not hold, InvalidInput for other layers."""
    first, *more = paths
    spec = SourceSpec(
        "table", first, (), "", "", place, more=tuple(more), crs=crs, encoding=encoding
    )  # a source of shapes alone: it provides no activity

    def wanted(name: str, fields: Sequence[str]) -> list[str]:
        if CODE not in fields:
            raise UnknownName(CODE, fields, kind="column", where=f"{place}: {name}")
        return [name for name in (CODE, SIGUNGU) if name in fields]

    layers = read_layers(spec, wanted)
    found = {layer_crs(spec, layer, CRS)[0] for layer in layers}
    if len(found) > 1:
        raise InvalidInput("the layers are in different CRS", where=place, allowed=sorted(found))
    code = np.concatenate([texts(layer.table[CODE]) for layer in layers])
    table = {row["code"]: row for row in definition("kor_zoning")}
    for layer in layers:
        _refuse_unknown(layer, set(table), place)
    return Zones(
        code=code,
        sigungu=np.concatenate([_stated(layer) for layer in layers]),
        name=np.array([table[c]["name_ko"] if c else None for c in code.tolist()], object),
        rank=np.array([int(table[c]["rank"]) if c else 0 for c in code.tolist()], np.int64),
        geometry=np.concatenate([layer.geometry for layer in layers]),
        crs=found.pop(),
        layers=tuple(sorted({m[0] for layer in layers if (m := _LAYER.search(layer.name))})),
    )


def _stated(layer: Layer) -> NDArray[np.object_]:
    """The sigungu of every zone of a layer, None where the layer has no such column."""
    if SIGUNGU in layer.table.column_names:
        return texts(layer.table[SIGUNGU])
    return np.full(layer.table.num_rows, None, object)


def _refuse_unknown(layer: Layer, known: set[str], place: str) -> None:
    for code in dict.fromkeys(texts(layer.table[CODE]).tolist()):
        if code is not None and code not in known:
            raise UnknownName(code, known, kind="zoning code", where=f"{place}: {layer.name}")
