# SPDX-License-Identifier: Apache-2.0
"""건축물대장 표제부 (bulk text ``mart_djy_03``): floor area, use, storeys of the buildings on a parcel.

Headerless, ``|``, CP949, 77 fields (``kor_register.csv``). Parcel and building are N:M: a parcel's floor area, less
what its buildings already state, goes to those that state none, by footprint; other facts come from the parcel's
largest entry. Only what is missing is filled. Site summaries (총괄표제부) repeat the buildings' areas and are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbonstore.activity import PNU_PARTS, pnu_from_parts, read_column, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.report import JoinReport
from carbonstore.sources.definitions import definition
from carbonstore.sources.delimited import Text, read_text
from carbonstore.sources.features import Features

FACTS = ("use", "storeys", "height_m", "year_built")
"""Filled from the parcel's largest entry; floor area is shared instead."""
SITE_SUMMARY = "1"
"""대장_종류_코드 of 총괄표제부."""
_AREA = "floor_area_m2"


@dataclass(frozen=True)
class Register:
    """By parcel (sorted): the floor area of all its entries, and the facts of the largest; missing where unknown."""

    pnu: NDArray[np.object_]
    columns: Mapping[str, NDArray[Any]]
    read: int
    used: int
    rejected: Mapping[str, int]
    unparsed: Mapping[str, int]
    encoding: str


def read(spec: SourceSpec) -> Register:
    """Entries summed up by parcel; InvalidInput where the text is not a title register."""
    names = tuple(row["column"] for row in definition("kor_register"))
    text = read_text(replace(spec, columns=names, separator="|"))
    pnu = pnu_from_parts({part: texts(text.table[part]) for part in PNU_PARTS})
    summary = texts(text.table["book_type"]) == SITE_SUMMARY
    keyed = np.array([p is not None for p in pnu.tolist()], bool)
    _check(keyed, summary, spec)
    rejected = {
        "site summary (총괄표제부)": int(summary.sum()),
        "no parcel number": int((~summary & ~keyed).sum()),
        "wrong number of fields": text.ragged,
    }
    return _by_parcel(text, pnu, np.flatnonzero(keyed & ~summary), spec, rejected)


def _check(keyed: NDArray[np.bool_], summary: NDArray[np.bool_], spec: SourceSpec) -> None:
    allowed = ["표제부, mart_djy_03"]
    if summary.all():
        what = "holds site summaries (총괄표제부) only: their areas repeat those of the buildings"
        raise InvalidInput(what, where=spec.place, allowed=allowed)
    if not (keyed & ~summary).any():
        raise InvalidInput("no row gives a parcel number in fields 9 to 13", where=spec.place, allowed=allowed)


def _by_parcel(
    text: Text, pnu: NDArray[np.object_], rows: NDArray[np.intp], spec: SourceSpec, rejected: Mapping[str, int]
) -> Register:
    values: dict[str, NDArray[Any]] = {}
    unparsed: dict[str, int] = {}
    for name in (_AREA, *FACTS):
        values[name], bad = read_column(name, "buildings", text.table[name], spec.place)
        unparsed |= {name: bad} if bad else {}
    parcels, at = np.unique(pnu[rows].astype(str), return_inverse=True)
    area = values[_AREA][rows]
    total = np.bincount(at, np.nan_to_num(area), len(parcels))
    order = np.lexsort((-np.nan_to_num(area), at))
    first = order[np.searchsorted(at[order], np.arange(len(parcels)))]
    columns: dict[str, NDArray[Any]] = {name: values[name][rows][first] for name in FACTS}
    columns[_AREA] = np.where(total > 0, total, np.nan)
    return Register(
        pnu=parcels.astype(object),
        columns=columns,
        read=text.table.num_rows + text.ragged,
        used=len(rows),
        rejected={reason: n for reason, n in rejected.items() if n},
        unparsed=unparsed,
        encoding=text.encoding,
    )


def fill(register: Register, buildings: Sequence[Features]) -> tuple[list[dict[str, NDArray[np.generic]]], JoinReport]:
    """Each source's columns with missing facts filled from the register, and what matched and was filled."""
    row_of = {key: i for i, key in enumerate(register.pnu.tolist())}
    parcel = [_rows(row_of, f) for f in buildings]
    rest, footprint = _unstated(register, buildings, parcel)
    filled: dict[str, int] = {}
    columns = []
    for features, at in zip(buildings, parcel, strict=True):
        new: dict[str, NDArray[Any]] = dict(features.columns)
        share = np.divide(features.measures(), footprint[at], out=np.zeros(len(at)), where=footprint[at] > 0)
        offered = {name: register.columns[name][at] for name in FACTS} | {_AREA: _positive(rest[at] * share)}
        for name, values in offered.items():
            empty = (at >= 0) & features.used & _missing(new[name]) & ~_missing(values)
            new[name] = np.where(empty, values, new[name])
            filled[name] = filled.get(name, 0) + int(empty.sum())
        columns.append(new)
    return columns, _report(register, buildings, parcel, filled)


def _rows(row_of: Mapping[str, int], features: Features) -> NDArray[np.int64]:
    keys = zip(features.columns["pnu"].tolist(), features.used.tolist(), strict=True)
    return np.array([row_of.get(key, -1) if used else -1 for key, used in keys], np.int64)


def _unstated(
    register: Register, buildings: Sequence[Features], parcel: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """By parcel: registered floor area that no building states, and the footprint of the buildings that state none."""
    rest = np.nan_to_num(register.columns[_AREA])
    footprint = np.zeros(len(register.pnu))
    for features, at in zip(buildings, parcel, strict=True):
        stated = np.asarray(features.columns[_AREA], np.float64)
        known = (at >= 0) & np.isfinite(stated)
        rest = rest - np.bincount(at[known], stated[known], len(rest))
        lacking = (at >= 0) & ~np.isfinite(stated)
        footprint += np.bincount(at[lacking], features.measures()[lacking], len(rest))
    return rest, footprint


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values > 0, values, np.nan)


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype == object:
        return np.array([v is None for v in values.tolist()], bool)
    return np.isnan(values)


def _report(
    register: Register, buildings: Sequence[Features], parcel: Sequence[NDArray[np.int64]], filled: Mapping[str, int]
) -> JoinReport:
    at = np.concatenate([p[f.used] for p, f in zip(parcel, buildings, strict=True)])
    matched = len(np.unique(at[at >= 0]))
    return JoinReport(
        key="pnu",
        read=register.read,
        used=register.used,
        rejected=register.rejected,
        left=len(register.pnu),
        matched=matched,
        left_orphans=len(register.pnu) - matched,
        right=len(at),
        right_orphans=int((at < 0).sum()),
        partial=0,
        left_sums={},
        matched_sums={},
        unparsed=register.unparsed,
        filled={name: n for name, n in filled.items() if n},
    )
