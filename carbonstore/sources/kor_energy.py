# SPDX-License-Identifier: Apache-2.0
"""건물에너지: electricity, gas or district heat by lot and month, headerless, ``|``, CP949 (건축HUB bulk text).

Quantities are kWh for electricity and for gas (gross calorific value), MJ for heat. A lot's energy is shared over its
buildings; block lots have no parcel number and are counted.
"""

from dataclasses import replace
from pathlib import Path

from carbongrid.errors import InvalidInput
from carbonstore.inventory.source_options import CARRIERS
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.sources import delimited
from carbonstore.sources.definitions import columns_by_count
from carbonstore.sources.parcel_energy import Meters

SEPARATOR = "|"


def read(spec: SourceSpec, year: int) -> Meters:
    """Energy of one year by parcel, all parts (often one file a month) together; the layout by its number of fields."""
    counts = {path.name: _fields(path) for path in spec.paths}
    if len(set(counts.values())) > 1:
        allowed = [f"{name}: {n} fields" for name, n in counts.items()]
        raise InvalidInput("the files differ in layout", where=f"{spec.place}.path", allowed=allowed)
    names = columns_by_count("kor_energy", next(iter(counts.values())), spec.place)
    carrier = CARRIERS[spec.options["carrier"]]
    columns = tuple(carrier if name == "quantity" else name for name in names)
    return delimited.read_meters(replace(spec, columns=columns, separator=SEPARATOR), year)


def _fields(path: Path) -> int:
    """Fields of the first row: the separator is ASCII in every encoding that such files come in."""
    with path.open("rb") as file:
        return file.readline().count(SEPARATOR.encode()) + 1
