# SPDX-License-Identifier: Apache-2.0
"""Traffic volumes keyed by link: a year's daily average, in all, by vehicle, or counts by hour; joined by LINK_ID.

A row gives ``aadt``, ``aadt_{vehicle}``, the twelve classes of the Korean census (``1종`` … ``12종``), or ``volume``
and ``volume_{vehicle}`` of one ``hour`` (0..23) of one ``date``. Hours become a daily average over complete days
only: a day with a missing hour is left out, never scaled up. Where the hours have a ``speed_kmh``, each link gets its
average day hour by hour (``volume_hHH``, ``speed_hHH``) as well. Volumes are of the link's own direction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput
from carbonstore.activity import VOLUME_COLUMNS, numbers, resolve, texts
from carbonstore.inventory.source_spec import SourceSpec
from carbonstore.report import JoinReport
from carbonstore.sources.definitions import definition
from carbonstore.sources.delimited import Text, read_text
from carbonstore.sources.features import Features

type F64 = NDArray[np.float64]

HOURS = 24
LINK = "LINK_ID"
_DAILY, _HOURLY = "aadt", "volume"


@dataclass(frozen=True)
class Volumes:
    """Vehicles by link: column (``aadt``, ``aadt_{vehicle}``, ``volume_hHH``, ``speed_hHH``) -> float64 (links,)."""

    link: NDArray[np.object_]
    aadt: Mapping[str, F64]
    read: int
    used: int
    rejected: Mapping[str, int]
    unparsed: Mapping[str, int]
    encoding: str


def read(spec: SourceSpec) -> Volumes:
    """Volumes by link; InvalidInput for no link key, no volume, or a link that has two daily averages."""
    text = read_text(spec)
    names = _names(text, spec)
    link = texts(text.table[names["link_id"]], f"{spec.place}.link_id")
    values, unparsed = _values(text, names, spec.separator == ";")
    fate = np.where([key is None for key in link.tolist()], "no link id", "").astype(object)
    if "hour" in names:
        hour, _ = numbers(text.table[names["hour"]])
        date = texts(text.table[names["date"]]) if "date" in names else np.full(len(link), "", object)
        fate = _hourly_fate(fate, link, date, hour)
        days = np.array([f"{k}\n{d}" for k, d in zip(link.tolist(), date.tolist(), strict=True)], object)
        links, sums = _summed(link, values, fate == "", days)
        if "speed_kmh" in names:
            speed, _ = numbers(text.table[names["speed_kmh"]], least=0.0, zero=False)
            n_days = _days(link[fate == ""], days[fate == ""])
            sums |= _profile(
                link[fate == ""], _all_vehicles(values)[fate == ""], speed[fate == ""], hour[fate == ""], n_days
            )
    else:
        _refuse_twins(link, fate == "", spec)
        links, sums = _summed(link, values, fate == "", link)
    reasons, counts = np.unique(fate[fate != ""].astype(str), return_counts=True)
    rejected = dict(zip(reasons.tolist(), counts.tolist(), strict=True))
    if text.ragged:
        rejected["wrong number of fields"] = text.ragged
    read_rows = text.table.num_rows + text.ragged
    return Volumes(links, sums, read_rows, int((fate == "").sum()), rejected, unparsed, text.encoding)


def _names(text: Text, spec: SourceSpec) -> dict[str, str]:
    available = text.table.column_names
    renames = spec.columns if isinstance(spec.columns, Mapping) else {}
    names = resolve(renames, available, VOLUME_COLUMNS, spec.place)
    if "link_id" not in names and LINK in available:
        names["link_id"] = LINK
    if "link_id" not in names:
        raise InvalidInput("there is no link id", where=f"{spec.place}.columns", allowed=[LINK, "link_id"])
    names |= {c["class"]: c["class"] for c in definition("kor_volumes") if c["class"] in available}
    stem = _HOURLY if "hour" in names else _DAILY
    if not any(_column(name, stem) for name in names):
        allowed = [stem, f"{stem}_<vehicle>", *(c["class"] for c in definition("kor_volumes"))]
        raise InvalidInput("there is no volume", where=f"{spec.place}.columns", allowed=allowed)
    return names


def _column(name: str, stem: str) -> str | None:
    """Activity column that a column of the file adds to, None where it holds no volume."""
    for row in definition("kor_volumes"):
        if row["class"] == name:
            return f"{_DAILY}_{row['vehicle']}"
    if name == stem or name.startswith(f"{stem}_"):
        return _DAILY + name.removeprefix(stem)
    return None


def _values(text: Text, names: Mapping[str, str], decimal_comma: bool) -> tuple[dict[str, F64], dict[str, int]]:
    """Rows' volumes by activity column; census classes of one vehicle are added up, missing only where all are."""
    stem = _HOURLY if "hour" in names else _DAILY
    found: dict[str, F64] = {}
    unparsed: dict[str, int] = {}
    for name, own in names.items():
        column = _column(name, stem)
        if column is None:
            continue
        values, bad = numbers(text.table[own], least=0.0, decimal_comma=decimal_comma)
        unparsed |= {own: bad} if bad else {}
        found[column] = _plus(found[column], values) if column in found else values
    return found, unparsed


def _plus(a: F64, b: F64) -> F64:
    return np.where(np.isnan(a), b, np.where(np.isnan(b), a, a + b))


def _hourly_fate(
    fate: NDArray[np.object_], link: NDArray[np.object_], date: NDArray[np.object_], hour: F64
) -> NDArray[np.object_]:
    """Why rows are left out: no hour of a day, a repeated hour, a day without all its hours."""
    fate = np.where((fate == "") & ~np.isin(hour, np.arange(HOURS)), "no hour of a day", fate).astype(object)
    seen: set[tuple[str, str, float]] = set()
    hours: dict[tuple[str, str], int] = {}
    for i in np.flatnonzero(fate == "").tolist():
        key = (link[i], str(date[i]), float(hour[i]))
        if key in seen:
            fate[i] = "repeated row"
        else:
            seen.add(key)
            hours[key[:2]] = hours.get(key[:2], 0) + 1
    short = [fate[i] == "" and hours[link[i], str(date[i])] < HOURS for i in range(len(fate))]
    return np.where(short, "day with hours missing", fate).astype(object)


def _refuse_twins(link: NDArray[np.object_], rows: NDArray[np.bool_], spec: SourceSpec) -> None:
    names, counts = np.unique(link[rows].astype(str), return_counts=True)
    if (counts > 1).any():
        twin = names[counts > 1][0]
        raise InvalidInput(
            f"link {twin} has {counts.max()} daily averages", where=spec.place, allowed=["one row a link"]
        )


def _summed(
    link: NDArray[np.object_], values: Mapping[str, F64], rows: NDArray[np.bool_], days: NDArray[np.object_]
) -> tuple[NDArray[np.object_], dict[str, F64]]:
    """Sum by link over the rows in use / number of days of the link; a day with an unknown hour makes it unknown."""
    links, at = np.unique(link[rows].astype(str), return_inverse=True)
    n_days = _days(link[rows], days[rows])
    sums = {name: np.bincount(at, v[rows], len(links)) / np.maximum(n_days, 1) for name, v in values.items()}
    return links.astype(object), sums


def _days(link: NDArray[np.object_], days: NDArray[np.object_]) -> NDArray[np.int64]:
    """Number of days of every link, in the order of their keys."""
    links, at = np.unique(link.astype(str), return_inverse=True)
    pairs = np.unique(np.stack([at.astype(str), days.astype(str)]), axis=1) if len(at) else np.empty((2, 0), str)
    return np.bincount(pairs[0].astype(np.int64), minlength=len(links))


def _all_vehicles(values: Mapping[str, F64]) -> F64:
    """A row's vehicles in all: as given, else the sum over vehicles."""
    return values[_DAILY] if _DAILY in values else np.sum(list(values.values()), axis=0)


def _profile(
    link: NDArray[np.object_], volume: F64, speed: F64, hour: F64, n_days: NDArray[np.int64]
) -> dict[str, F64]:
    """The average day of every link: vehicles in each hour and their mean speed, weighted by vehicles; NaN unknown."""
    links, at = np.unique(link.astype(str), return_inverse=True)
    columns: dict[str, F64] = {}
    for h in range(HOURS):
        now = hour == h
        known = now & np.isfinite(speed) & (volume > 0)
        total = np.bincount(at[now], volume[now], len(links))
        weight = np.bincount(at[known], volume[known], len(links))
        driven = np.bincount(at[known], (volume * speed)[known], len(links))
        columns[f"volume_h{h:02d}"] = total / np.maximum(n_days, 1)
        columns[f"speed_h{h:02d}"] = np.divide(driven, weight, out=np.full(len(links), np.nan), where=weight > 0)
    return columns


def assign(volumes: Volumes, roads: Sequence[Features]) -> tuple[list[dict[str, NDArray[np.generic]]], JoinReport]:
    """Each source's columns with the volumes of its links, and what matched; links without a volume keep their own."""
    row_of = {key: i for i, key in enumerate(volumes.link.tolist())}
    rows = [_rows(row_of, f) for f in roads]
    columns = [_with_volumes(volumes, f, at) for f, at in zip(roads, rows, strict=True)]
    used = np.concatenate([at[f.used] for at, f in zip(rows, roads, strict=True)])
    matched = len(np.unique(used[used >= 0]))
    return columns, JoinReport(
        key="link_id",
        read=volumes.read,
        used=volumes.used,
        rejected=volumes.rejected,
        left=len(volumes.link),
        matched=matched,
        left_orphans=len(volumes.link) - matched,
        right=len(used),
        right_orphans=int((used < 0).sum()),
        partial=0,
        left_sums={},
        matched_sums={},
        unparsed=volumes.unparsed,
        filled={
            name: int(np.isfinite(v[used[used >= 0]]).sum())
            for name, v in volumes.aadt.items()
            if name.startswith(_DAILY)
        },
    )


def _rows(row_of: Mapping[str, int], roads: Features) -> NDArray[np.int64]:
    """Row of each link; parts of one link, numbered ``17``, ``17#2``, are that link."""
    return np.array([row_of.get(str(i).split("#", 1)[0], -1) for i in roads.id], np.int64)


def _with_volumes(volumes: Volumes, roads: Features, at: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    columns: dict[str, NDArray[Any]] = dict(roads.columns)
    for name, values in volumes.aadt.items():
        own = np.asarray(columns.get(name, np.full(len(roads), np.nan)), np.float64)
        found = values[at] if len(values) else np.full(len(at), np.nan)
        columns[name] = np.where((at >= 0) & np.isfinite(found), found, own)
    return columns
