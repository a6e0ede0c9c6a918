# SPDX-License-Identifier: Apache-2.0
"""Metered energy of parcels, shared over the parcel's buildings. Sums are kept: what a parcel used, its buildings use.

The register meters lots, not buildings (data.go.kr BldEngyHubService: one row a lot and month), so a lot's energy goes
to its buildings by weight (floor area x intensity). Lots without building and buildings without meter are counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbonstore.report import JoinReport
from carbonstore.sources.features import Features
from carbonstore.sources.parcels import parcels_of_year

type F64 = NDArray[np.float64]

MONTHS = 12


@dataclass(frozen=True)
class Meters:
    """Energy of one year by parcel. ``energy``: column -> float64 (parcels,), NaN where the parcel has no such meter.

    ``read``, ``used`` and ``rejected`` count the file's rows, ``partial_years`` parcels with some but not all months.
    """

    pnu: NDArray[np.object_]
    energy: Mapping[str, F64]
    read: int
    used: int
    rejected: Mapping[str, int]
    partial_years: int
    unparsed: Mapping[str, int]
    encoding: str | None = None


def meters(
    pnu: NDArray[np.object_],
    months: NDArray[np.object_] | None,
    energy: Mapping[str, F64],
    year: int,
    *,
    ragged: int = 0,
    unparsed: Mapping[str, int] | None = None,
    encoding: str | None = None,
    place: str = "",
) -> Meters:
    """Sum rows (lot x month) of a year by parcel. ``months``: ``yyyymm`` or ``yyyy``, None where rows carry no time.

    Parcel numbers of months before and after a change of codes are the same parcel's.

    InvalidInput where no row is of the year: the years there are, are named.
    """
    pnu = parcels_of_year(pnu, year)
    keyed = np.array([p is not None for p in pnu.tolist()], bool)
    dated = (
        np.ones(len(pnu), bool) if months is None else np.array([str(m or "")[:4] == str(year) for m in months], bool)
    )
    if not dated.any():
        years = sorted({str(m)[:4] for m in (months if months is not None else []) if m})
        raise InvalidInput(
            f"holds no row of {year}",
            where=place,
            allowed=[f"a file of {year}; it holds {', '.join(years) or 'nothing'}"],
        )
    rows = np.flatnonzero(keyed & dated)
    parcels, at = np.unique(pnu[rows].astype(str), return_inverse=True)
    sums = {carrier: _sum_known(values[rows], at, len(parcels)) for carrier, values in energy.items()}
    rejected = {
        "other year": int((~dated).sum()),
        "no parcel number": int((dated & ~keyed).sum()),
        "wrong number of fields": ragged,
    }
    return Meters(
        pnu=parcels.astype(object),
        energy=sums,
        read=len(pnu) + ragged,
        used=len(rows),
        rejected={reason: n for reason, n in rejected.items() if n},
        partial_years=_partial(months, rows, at, len(parcels)),
        unparsed=unparsed or {},
        encoding=encoding,
    )


def _sum_known(values: F64, at: NDArray[np.intp], n: int) -> F64:
    known = np.isfinite(values)
    total = np.bincount(at[known], values[known], n)
    return np.where(np.bincount(at[known], minlength=n) > 0, total, np.nan)


def _partial(months: NDArray[np.object_] | None, rows: NDArray[np.intp], at: NDArray[np.intp], n: int) -> int:
    """Parcels with at least one month but not twelve; yearly rows are whole."""
    if months is None or not len(rows) or any(len(str(m)) < 6 for m in months[rows]):
        return 0
    pairs = {(parcel, str(month)) for parcel, month in zip(at.tolist(), months[rows], strict=True)}
    count = np.bincount([parcel for parcel, _ in pairs], minlength=n)
    return int((count < MONTHS).sum())


def share_energy(
    meter: Meters, buildings: Sequence[Features], weights: Sequence[F64]
) -> tuple[list[dict[str, NDArray[np.generic]]], JoinReport]:
    """Each building's columns with its share of its parcel's energy, one dict a source, and what did not match.

    ``weights``: one array a source, over its rows **in use**; missing or non-positive weights count as none, and a
    parcel all of whose buildings have none is shared equally. Buildings of unmetered parcels keep their own energy.
    """
    used = [f.used for f in buildings]
    pnu = np.concatenate([f.columns["pnu"][u] for f, u in zip(buildings, used, strict=True)])
    weight = np.concatenate([np.asarray(w, np.float64) for w in weights])
    parcel = _index(meter.pnu, pnu)
    share = _shares(parcel, weight, len(meter.pnu))
    energy = {c: _handed_out(values, parcel, share) for c, values in meter.energy.items()}
    ends = np.cumsum([int(u.sum()) for u in used])
    columns = [
        _with_energy(f, u, {c: e[end - int(u.sum()) : end] for c, e in energy.items()})
        for f, u, end in zip(buildings, used, ends, strict=True)
    ]
    return columns, _report(meter, parcel)


def _index(known: NDArray[np.object_], wanted: NDArray[np.object_]) -> NDArray[np.int64]:
    """Row of ``known`` for each wanted key, -1 where there is none."""
    row = {key: i for i, key in enumerate(known.tolist())}
    return np.array([row.get(key, -1) for key in wanted.tolist()], np.int64)


def _shares(parcel: NDArray[np.int64], weight: F64, n: int) -> F64:
    """Share of its parcel of every building; the shares of a parcel sum to 1."""
    hit = parcel >= 0
    positive = np.where(np.isfinite(weight) & (weight > 0), weight, 0.0)
    total = np.bincount(parcel[hit], positive[hit], n)
    # Without any weight, every building counts the same.
    equal = np.where(total[parcel] > 0, positive, 1.0)
    total = np.bincount(parcel[hit], equal[hit], n)
    return np.divide(equal, total[parcel], out=np.zeros(len(parcel)), where=hit)


def _handed_out(values: F64, parcel: NDArray[np.int64], share: F64) -> F64:
    return np.where(parcel >= 0, values[parcel] * share, np.nan) if len(values) else np.full(len(parcel), np.nan)


def _with_energy(
    features: Features, used: NDArray[np.bool_], energy: Mapping[str, F64]
) -> dict[str, NDArray[np.generic]]:
    columns: dict[str, NDArray[np.generic]] = dict(features.columns)
    for carrier, shared in energy.items():
        column = np.array(columns[carrier], np.float64)
        column[used] = np.where(np.isfinite(shared), shared, column[used])
        columns[carrier] = column
    return columns


def _report(meter: Meters, parcel: NDArray[np.int64]) -> JoinReport:
    found = np.zeros(len(meter.pnu), bool)
    found[parcel[parcel >= 0]] = True
    return JoinReport(
        key="pnu",
        read=meter.read,
        used=meter.used,
        rejected=meter.rejected,
        left=len(meter.pnu),
        matched=int(found.sum()),
        left_orphans=int((~found).sum()),
        right=len(parcel),
        right_orphans=int((parcel < 0).sum()),
        partial=meter.partial_years,
        left_sums={c: float(np.nansum(v)) for c, v in meter.energy.items()},
        matched_sums={c: float(np.nansum(v[found])) for c, v in meter.energy.items()},
        unparsed=meter.unparsed,
    )
