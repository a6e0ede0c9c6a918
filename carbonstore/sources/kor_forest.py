# SPDX-License-Identifier: Apache-2.0
"""임상도 1:5000 (TB_FGDI_FS_IM5000): forest stands by species group, age, diameter and crown density class.

Its polygons cover all land: those whose code is no forest (81 unstocked, 82 cleared, 91-99 …) are left out with their
area, or they would absorb. The country's code list says which; a DBF has cut the columns' names to ten letters.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.factors import FactorSet
from carbongrid.forests import forest_codes
from carbonstore.activity import complete, read_column
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources.definitions import present
from carbonstore.sources.features import Features
from carbonstore.sources.shapefiles import Layer, combined, layer_crs, read_layers
from carbonstore.sources.table import row_ids

CRS = "EPSG:5179"
NON_FOREST = "non-forest code"
_TYPES = {"1": "침엽수림", "2": "활엽수림", "3": "혼효림", "4": "죽림"}
"""FRTP_CD -> the name that the code list knows; 0 is no forest."""
_NO_FOREST_TYPE = "0"


def read(spec: SourceSpec) -> Features:
    """Stands of all parts; those of non-forest codes left out. InvalidInput where there is no species column."""

    def wanted(_: str, fields: Sequence[str]) -> list[str]:
        return list(present("kor_forest", fields, spec.place, required=["species"]).values())

    layers = read_layers(spec, wanted)
    found = [layer_crs(spec, layer, CRS) for layer in layers]
    pairs = zip(layers, found, strict=True)
    parts = [replace(_features(spec, layer, crs), notes=notes) for layer, (crs, notes) in pairs]
    return combined(spec, parts, [crs for crs, _ in found])


def _features(spec: SourceSpec, layer: Layer, crs: str) -> Features:
    columns: dict[str, NDArray[Any]] = {}
    unparsed: dict[str, int] = {}
    for column, name in present("kor_forest", layer.table.column_names, spec.place, required=["species"]).items():
        columns[column], bad = read_column(column, "forests", layer.table[name], spec.place)
        unparsed |= {column: bad} if bad else {}
    n = layer.table.num_rows
    types = columns.get("land_cover", np.full(n, None, object))
    columns["land_cover"] = np.array([_TYPES.get(t or "") for t in types.tolist()], object)
    features = Features.of("forests", row_ids(None, n), layer.geometry, complete(columns, "forests", n), crs)
    features = replace(features, unparsed=unparsed, encoding=layer.encoding)
    return features.reject(_not_forest(columns["species"], types), NON_FOREST)


def _not_forest(species: NDArray[np.object_], types: NDArray[np.object_]) -> NDArray[np.bool_]:
    codes = forest_codes(FactorSet.load("kor"), forest=False)
    pairs = zip(species.tolist(), types.tolist(), strict=True)
    return np.array([s in codes or (s is None and t == _NO_FOREST_TYPE) for s, t in pairs], bool)
