# SPDX-License-Identifier: Apache-2.0
"""Sources without objects of their own: their rows are joined to the objects of others, by parcel or by link.

Registers first (they tell floor areas), then meters (shared by floor area), before anything is clipped, so that a
parcel or link across the border is treated as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.report import JoinReport
from carbonstore.sources import delimited, kor_energy, kor_register, kor_volumes
from carbonstore.sources.context import ReadContext
from carbonstore.sources.features import Features, whole_table
from carbonstore.sources.kor_register import Register
from carbonstore.sources.kor_volumes import Volumes
from carbonstore.sources.parcel_energy import Meters, share_energy
from carbonstore.sources.parcels import parcels_of_year

type Columns = list[dict[str, NDArray[np.generic]]]


@dataclass(frozen=True)
class Join:
    """One source of rows to be joined."""

    spec: SourceSpec
    rows: Register | Meters | Volumes

    @property
    def stage(self) -> int:
        """Registers, then meters, then volumes."""
        return (Register, Meters, Volumes).index(type(self.rows))

    @property
    def kind(self) -> str:
        """Kind of objects that the rows are joined to."""
        return "roads" if isinstance(self.rows, Volumes) else "buildings"


def read_join(spec: SourceSpec, context: ReadContext) -> Join:
    """Read a source of rows; InvalidInput names what is wrong."""
    if spec.kind == "kor_register":
        return Join(spec, kor_register.read(spec))
    if spec.kind == "kor_volumes":
        return Join(spec, kor_volumes.read(spec))
    reader = kor_energy.read if spec.kind == "kor_energy" else delimited.read_meters
    return Join(spec, reader(spec, context.year))


def apply_joins(
    objects: Sequence[Features], joins: Sequence[Join], context: ReadContext
) -> tuple[list[Features], Mapping[str, JoinReport]]:
    """The objects with what the rows tell of them, and a report by the source's place.

    InvalidInput where there is nothing to join to.
    """
    joined = [of_year(features, context.year) for features in objects] if joins else list(objects)
    reports: dict[str, JoinReport] = {}
    for join in sorted(joins, key=lambda j: j.stage):
        at = [i for i, features in enumerate(joined) if features.kind == join.kind]
        if not at:
            raise InvalidInput(
                f"there are no {join.kind} to join to",
                where=join.spec.place,
                allowed=[f"a source that provides {join.kind}"],
            )
        columns, reports[join.spec.place] = _apply(join, [joined[i] for i in at], context)
        for i, new in zip(at, columns, strict=True):
            joined[i] = replace(joined[i], columns=new)
    return joined, reports


def of_year(features: Features, year: int) -> Features:
    """Buildings under the parcel numbers of the inventory's year, which meters and registers are joined by."""
    if "pnu" not in features.columns:
        return features
    pnu = parcels_of_year(np.asarray(features.columns["pnu"], object), year)
    return replace(features, columns={**features.columns, "pnu": pnu})


def _apply(join: Join, objects: Sequence[Features], context: ReadContext) -> tuple[Columns, JoinReport]:
    if isinstance(join.rows, Register):
        return kor_register.fill(replace(join.rows, pnu=parcels_of_year(join.rows.pnu, context.year)), objects)
    if isinstance(join.rows, Volumes):
        return kor_volumes.assign(join.rows, objects)
    weights = [np.asarray(context.weight(whole_table(f)), np.float64) for f in objects]
    return share_energy(join.rows, objects, weights)
