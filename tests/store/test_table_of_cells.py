# SPDX-License-Identifier: Apache-2.0
"""Records as an Arrow table hold what GeoJSON holds, typed."""

import pyarrow as pa

from carbonstore.collections import cells
from carbonstore.collections.cells import CellQuery
from carbonstore.encode import geojson
from carbonstore.encode.table import table
from carbonstore.releases.catalogue import Snapshot


def test_a_table_has_the_values_of_the_features(toy: Snapshot, square: Snapshot) -> None:
    for collection in (*toy.collections.values(), *square.collections.values()):
        batch = cells.read(collection, CellQuery())
        for row, feature in zip(table(batch).to_pylist(), geojson.feature_dicts(batch), strict=True):
            dates = {name: row[name].isoformat() for name in ("time_start", "time_end")}
            assert row | dates == {"id": feature["id"], **feature["properties"]}


def test_columns_are_typed_and_chosen(toy: Snapshot) -> None:
    query = CellQuery(properties=("year", "net", "time_start", "missing"))
    schema = table(cells.read(toy.collection("toy-100m"), query)).schema
    expected = {"id": pa.string(), "year": pa.int64(), "time_start": pa.date32(), "net": pa.float64()}
    assert dict(zip(schema.names, schema.types, strict=True)) == expected | {"missing": pa.string()}
