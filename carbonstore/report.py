# SPDX-License-Identifier: Apache-2.0
"""What happened to every source object between the file and the model, in counts and in metres.

Two sums hold for every kind and are checked when a report is made::

    raw  = read + unread(reason)      objects that carry the tag, and those that could not be turned into geometry
    read = used + rejected(reason)    objects read, and those left out here

Clipping is a quantity beside them: ``measure_read = measure_used + rejected + clipped + overlap taken off``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

type Measure = float | Fraction
"""m2 or m; a fraction where it is an exact sum that others are still added to."""

UNITS = {"buildings": "m2", "roads": "m", "forests": "m2"}
_NAMES = {
    "buildings": {"ko": "건물", "en": "buildings"},
    "roads": {"ko": "도로", "en": "roads"},
    "forests": {"ko": "산림", "en": "forests"},
}
REASONS = {
    "area, not a line": "선이 아닌 면",
    "class without motor traffic": "차량 통행이 없는 등급",
    "coordinates outside the CRS": "좌표계 범위를 벗어난 좌표",
    "covered by others": "다른 객체에 완전히 덮임",
    "day with hours missing": "24시간이 채워지지 않은 날",
    "geometry not assembled": "도형을 구성할 수 없음",
    "line that is no feature": "객체가 아닌 줄",
    "no hour of a day": "시각이 아님",
    "no line with a length": "길이가 있는 선이 없음",
    "no link id": "링크 ID 없음",
    "no parcel number": "필지고유번호 없음",
    "no polygon with an area": "면적이 있는 면이 없음",
    "no readable geometry": "읽을 수 있는 도형 없음",
    "non-forest code": "산림이 아닌 코드",
    "not in use": "미사용 도로",
    "other year": "다른 연도",
    "outside the boundary": "경계 밖",
    "outside the extent": "자료 범위 밖",
    "point without an outline": "윤곽이 없는 점",
    "point without floor area": "연면적이 없는 점",
    "relation that is no multipolygon": "멀티폴리곤이 아닌 관계",
    "repeated in another source": "다른 자료에 이미 있음",
    "repeated row": "중복된 행",
    "site summary (총괄표제부)": "총괄표제부",
    "way that is not closed": "닫히지 않은 선",
    "wrong number of fields": "항목 수가 맞지 않음",
}
"""Every reason for which an object is unread or rejected, with its Korean text."""
LISTED = 20
"""Repairs that a report lists: those that changed most."""
_TOLERANCE = 1e-6
"""Relative difference up to which the measures' sum counts as closed (overlay noise)."""


def exact_sum(measures: NDArray[np.float64]) -> Fraction:
    """The sum itself, not rounded: the same however the measures are ordered and grouped."""
    mantissa, exponent = np.frexp(measures)
    whole, total = (mantissa * 2.0**53).astype(np.int64), Fraction(0)
    for e in np.unique(exponent).tolist():
        same = whole[exponent == e]
        total += (int((same >> 32).sum()) * 2**32 + int((same & 0xFFFF_FFFF).sum())) * Fraction(2) ** (e - 53)
    return total


@dataclass(frozen=True)
class Repair:
    """A geometry that was made valid: its id and its measure before and after."""

    id: str
    before: float
    after: float


@dataclass(frozen=True)
class KindReport:
    """One kind of source object from one source. Measures are planar in the grid CRS, in ``unit`` (m2 or m).

    ``clipped`` is what of the *used* objects lies outside, by reason (``boundary`` | ``extent``). ``overlap_measure``
    is the area where objects lie on one another; for forests it was taken off the later one (``overlap_removed``).
    ``area_before_repair`` and ``area_after_repair`` sum the repaired objects only; ``repairs`` lists large changes.
    ``present`` counts the used objects that have a value, by column, ``unparsed`` values that were not understood.
    """

    kind: str
    raw: int
    unread: Mapping[str, int]
    read: int
    used: int
    rejected: Mapping[str, int]
    measure_read: Measure
    measure_used: Measure
    rejected_measure: Mapping[str, Measure]
    clipped: Mapping[str, Measure]
    repaired: int = 0
    area_before_repair: Measure = 0.0
    area_after_repair: Measure = 0.0
    repairs: tuple[Repair, ...] = ()
    overlap_pairs: int = 0
    overlap_measure: Measure = 0.0
    overlap_removed: Measure = 0.0
    unparsed: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := {*self.unread, *self.rejected} - REASONS.keys():
            raise ValueError(f"{self.kind}: no text for the reasons {sorted(unknown)}")
        if self.raw != self.read + sum(self.unread.values()):
            raise ValueError(f"{self.kind}: raw {self.raw} is not read {self.read} + unread {dict(self.unread)}")
        if self.read != self.used + sum(self.rejected.values()):
            raise ValueError(f"{self.kind}: read {self.read} is not used {self.used} + rejected {dict(self.rejected)}")
        if abs(float(self.gap)) > _TOLERANCE * max(float(self.measure_read), 1.0):
            raise ValueError(f"{self.kind}: {self.gap} {self.unit} of {self.measure_read} vanished")

    @classmethod
    def total(cls, parts: Sequence["KindReport"], notes: Sequence[str]) -> Self:
        """One report of all parts of a source, with these notes."""
        whole = {f.name: _added([getattr(p, f.name) for p in parts]) for f in fields(cls) if f.name not in _OF_PARTS}
        repairs = sorted((r for p in parts for r in p.repairs), key=lambda r: -abs(r.before - r.after))
        return cls(kind=parts[0].kind, repairs=tuple(repairs[:LISTED]), notes=tuple(notes), **whole)

    @property
    def unit(self) -> str:
        """Unit of the measures: m2, for roads m."""
        return UNITS[self.kind]

    @property
    def clipped_measure(self) -> Measure:
        """What of the used objects lies outside, all reasons together."""
        return sum(self.clipped.values())

    @property
    def gap(self) -> Measure:
        """Measure read that is neither used, rejected, clipped nor taken off as overlap: overlay noise only."""
        accounted = (
            self.measure_used + sum(self.rejected_measure.values()) + self.clipped_measure + self.overlap_removed
        )
        return self.measure_read - accounted

    def as_dict(self) -> dict[str, Any]:
        """JSON form in a stable order; measures to the millimetre (squared), reasons in order of their names."""
        return {
            "kind": self.kind,
            "unit": self.unit,
            "raw": self.raw,
            "unread": _sorted(self.unread),
            "read": self.read,
            "used": self.used,
            "rejected": _sorted(self.rejected),
            "measure_read": _round(self.measure_read),
            "measure_used": _round(self.measure_used),
            "rejected_measure": {k: _round(v) for k, v in sorted(self.rejected_measure.items())},
            "clipped_measure": _round(self.clipped_measure),
            "clipped": {k: _round(v) for k, v in sorted(self.clipped.items())},
            "repaired": self.repaired,
            "area_before_repair": _round(self.area_before_repair),
            "area_after_repair": _round(self.area_after_repair),
            "repairs": [{"id": r.id, "before": _round(r.before), "after": _round(r.after)} for r in self.repairs],
            "overlap_pairs": self.overlap_pairs,
            "overlap_measure": _round(self.overlap_measure),
            "overlap_removed": _round(self.overlap_removed),
            "present": _sorted(self.present),
            "unparsed": _sorted(self.unparsed),
            "notes": list(self.notes),
        }

    def sentence(self, language: str = "en") -> str:
        """One line for people, in Korean (``ko``) or English."""
        size = f"{self.measure_read / 1e3:,.1f} km" if self.unit == "m" else f"{self.measure_read / 1e6:,.3f} km²"
        name = _NAMES[self.kind]["ko" if language == "ko" else "en"]
        korean = language == "ko"
        reasons = ", ".join(f"{REASONS[k] if korean else k} {v:,}" for k, v in sorted(self.rejected.items()))
        if korean:
            return f"{name}: 읽음 {self.read:,}개 ({size}), 사용 {self.used:,}개" + (
                f", 제외: {reasons}" if reasons else ""
            )
        return f"{name}: {self.read:,} read ({size}), {self.used:,} used" + (
            f", left out: {reasons}" if reasons else ""
        )


@dataclass(frozen=True)
class JoinReport:
    """Rows joined to objects by ``key`` (``pnu`` or ``link_id``): left what rows tell of, right the objects.

    ``left`` counts keys that rows tell of (parcels, links), ``right`` objects (buildings, links of the network);
    ``left_orphans`` keys without an object, ``right_orphans`` objects without a row; ``partial`` keys with fewer than
    twelve months. ``left_sums`` and ``matched_sums`` add up what rows tell, by column (kWh, MJ), of all keys and of
    those with an object. ``filled`` counts objects that got a value from a register or a count, by column.
    """

    key: str
    read: int
    used: int
    rejected: Mapping[str, int]
    left: int
    matched: int
    left_orphans: int
    right: int
    right_orphans: int
    partial: int
    left_sums: Mapping[str, float]
    matched_sums: Mapping[str, float]
    unparsed: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.read != self.used + sum(self.rejected.values()):
            raise ValueError(f"join: read {self.read} is not used {self.used} + rejected {dict(self.rejected)}")
        if self.left != self.matched + self.left_orphans:
            raise ValueError(f"join: {self.left} keys are not {self.matched} + {self.left_orphans}")

    def without_sums(self) -> Self:
        """The same without sums of meters: what has no object, or came later, would follow from them."""
        return replace(self, left_sums={}, matched_sums={})

    @property
    def matched_share(self) -> float:
        """Share of the keys that have an object, 0 .. 1."""
        return self.matched / self.left if self.left else 0.0

    def as_dict(self) -> dict[str, Any]:
        """JSON form in a stable order."""
        return {
            "key": self.key,
            "read": self.read,
            "used": self.used,
            "rejected": _sorted(self.rejected),
            "left": self.left,
            "matched": self.matched,
            "matched_share": round(self.matched_share, 6),
            "left_orphans": self.left_orphans,
            "right": self.right,
            "right_orphans": self.right_orphans,
            "partial": self.partial,
            "left_sums": {k: _round(v) for k, v in sorted(self.left_sums.items())},
            "matched_sums": {k: _round(v) for k, v in sorted(self.matched_sums.items())},
            "unparsed": _sorted(self.unparsed),
            "filled": _sorted(self.filled),
        }


@dataclass(frozen=True)
class SourceReport:
    """One ``[[source]]`` as it was read: file name, format, terms, CRS and the way to the grid's, kinds or join."""

    name: str
    format: str
    licence: str
    attribution: str
    synthetic: bool
    crs: str | None
    operation: str | None
    encoding: str | None
    kinds: tuple[KindReport, ...] = ()
    join: JoinReport | None = None
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON form in a stable order; no path, only the file's name."""
        return {
            "name": self.name,
            "format": self.format,
            "licence": self.licence,
            "attribution": self.attribution,
            "synthetic": self.synthetic,
            "crs": self.crs,
            "operation": self.operation,
            "encoding": self.encoding,
            "kinds": [k.as_dict() for k in self.kinds],
            "join": self.join.as_dict() if self.join else None,
            "notes": list(self.notes),
        }


_OF_PARTS = ("kind", "repairs", "notes")


def _added(values: Sequence[Any]) -> Any:
    """Sum of numbers, or of mappings of numbers by key; rounded once where it is exact."""
    if isinstance(values[0], Mapping):
        return {key: _added([v.get(key, 0) for v in values]) for key in dict.fromkeys(k for v in values for k in v)}
    total = sum(values)
    return float(total) if isinstance(total, Fraction) else total


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return {k: int(v) for k, v in sorted(counts.items())}


def _round(measure: Measure) -> float:
    return round(float(measure), 3) + 0.0
