# SPDX-License-Identifier: Apache-2.0
"""Activity columns by the contract's names, and how their cells are read: keys as text, numbers as people write them.

Missing is not zero. ``-``, the empty text and null are missing everywhere; in quantities that cannot be zero
(storeys, heights, floor areas, lanes, speeds) zero and negatives are missing too, because real files use them so.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from carbongrid.errors import InvalidInput, UnknownName

type Texts = NDArray[np.object_]
type Numbers = NDArray[np.float64]

TEXT, KEY, AMOUNT, POSITIVE, YEAR, FLAG = "text", "key", "amount", "positive", "year", "flag"
"""How a column is read. ``amount`` may be zero, ``positive`` may not; ``flag`` is yes/no as 1.0/0.0."""

ACTIVITY: Mapping[str, Mapping[str, str]] = {
    "buildings": {
        "id": KEY,
        "pnu": KEY,
        "use": TEXT,
        "floor_area_m2": POSITIVE,
        "storeys": POSITIVE,
        "height_m": POSITIVE,
        "year_built": YEAR,
        "hdd": AMOUNT,
        "electricity_kwh": AMOUNT,
        "gas_kwh_gcv": AMOUNT,
        "heat_mj": AMOUNT,
    },
    "roads": {"id": KEY, "class": TEXT, "lanes": POSITIVE, "speed_kmh": POSITIVE, "aadt": AMOUNT, "oneway": FLAG},
    "forests": {
        "id": KEY,
        "species": TEXT,
        "age_class": POSITIVE,
        "diameter_class": AMOUNT,
        "density": TEXT,
        "land_cover": TEXT,
        "base_year": YEAR,
    },
}
"""Columns of each kind (contract, section 7). Roads may also have ``aadt_{vehicle}``, ``volume_hHH``, ``speed_hHH``.

``hdd``: heating degree days of place and year; ``base_year``: the year of the stand map.
"""
ENERGY = ("electricity_kwh", "gas_kwh_gcv", "heat_mj")
"""Columns of metered energy: kWh, kWh on the gross calorific value, MJ."""
PNU_PARTS = ("sigungu_code", "dong_code", "land_type", "main_no", "sub_no")
"""Keys of a lot in the Korean energy and building registers, from which a PNU is composed."""
PLACES = {"delimited": ("wkt", "lon", "lat")}
"""Geometry columns by source kind: delimited text has no other place for it."""

SKIPPED = "_"
"""Stands in a list of names for a column that is not read."""

_OPEN = {
    "roads": re.compile(r"aadt_[a-z0-9_]+|(volume|speed)_h([01]\d|2[0-3])"),
    "traffic volumes": re.compile(r"(aadt|volume)_[a-z0-9_]+"),
}
"""Kinds whose columns may name vehicles or hours."""
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_MISSING = pa.array(["", "-"], pa.large_string())
_YES, _NO = ("yes", "true", "1", "-1", "y", "t", "reverse"), ("no", "false", "0", "n", "f")


@dataclass(frozen=True)
class KnownColumns:
    """The column names a source may use; callable, because vehicles' names are open (``aadt_{vehicle}``)."""

    kind: str
    names: tuple[str, ...]

    def __call__(self, name: str) -> bool:
        """Whether a source may use the name."""
        return name in self.names or (self.kind in _OPEN and _OPEN[self.kind].fullmatch(name) is not None)


ENERGY_COLUMNS = KnownColumns("parcel energy", ("pnu", *PNU_PARTS, "use_ym", "year", *ENERGY))
"""Columns of a file of parcel energy. ``use_ym`` is yyyymm."""

VOLUME_COLUMNS = KnownColumns("traffic volumes", ("link_id", "aadt", "date", "hour", "volume", "speed_kmh"))
"""Columns of traffic counts by link: annual average daily traffic, or vehicles and their speed in an hour of a day."""


def known_columns(kind: str, source_kind: str = "table") -> KnownColumns:
    """Columns that a source of this format may give for buildings, roads or forests."""
    return KnownColumns(kind, (*ACTIVITY[kind], *PLACES.get(source_kind, ())))


def resolve(renames: Mapping[str, str], available: Sequence[str], known: KnownColumns, place: str) -> dict[str, str]:
    """Contract name -> the file's column: what ``columns`` says, else the column that already has the name.

    UnknownName, with the columns there are, where ``columns`` names one that the file does not have.
    """
    for column in renames.values():
        if column not in available:
            raise UnknownName(column, available, kind="column", where=f"{place}.columns")
    own = {c: c for c in available if known(c) and c not in renames}
    return own | dict(renames)


def read_column(
    name: str, kind: str, cells: Any, place: str, *, decimal_comma: bool = False
) -> tuple[NDArray[Any], int]:
    """One activity column from Arrow cells -> (values, how many cells could not be understood)."""
    form = ACTIVITY[kind].get(name, AMOUNT)
    if form in (TEXT, KEY):
        return texts(cells, f"{place}.{name}" if form == KEY else None), 0
    if form == FLAG:
        return flags(texts(cells))
    if form == YEAR:
        return years(texts(cells))
    return numbers(cells, least=0.0, zero=form == AMOUNT, decimal_comma=decimal_comma)


def empty_column(name: str, kind: str, n: int) -> NDArray[Any]:
    """A column of missing values of the type the name has."""
    textual = ACTIVITY[kind].get(name, AMOUNT) in (TEXT, KEY)
    return np.full(n, None, object) if textual else np.full(n, np.nan)


def complete(columns: Mapping[str, NDArray[Any]], kind: str, n: int) -> dict[str, NDArray[Any]]:
    """Every column of the kind except ``id``, in the contract's order, missing ones filled; extra ``aadt_*`` last."""
    names = [c for c in ACTIVITY[kind] if c != "id"]
    extra = sorted(c for c in columns if c not in ACTIVITY[kind])
    return {c: columns[c] if c in columns else empty_column(c, kind, n) for c in (*names, *extra)}


def flat(cells: Any) -> pa.Array:
    """One Arrow array of a chunked column; dictionaries decoded."""
    array = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def texts(cells: Any, key_place: str | None = None) -> Texts:
    """Cells as stripped text, object array with None = missing. A key (``key_place``) stored as float is refused.

    A 19-digit parcel number does not survive a float column: its last digits are gone.
    """
    array = flat(cells)
    if pa.types.is_floating(array.type):
        array = _whole(array, key_place)
    trimmed = pc.utf8_trim_whitespace(array.cast(pa.large_string()))
    kept = pc.if_else(pc.is_in(trimmed, _MISSING), pa.scalar(None, pa.large_string()), trimmed)
    return np.array(kept.to_pylist(), object)


def _whole(array: pa.Array, key_place: str | None) -> pa.Array:
    whole = pc.all(pc.equal(pc.floor(array), array)).as_py() in (True, None)
    largest = pc.max(pc.abs(array)).as_py() or 0.0
    if key_place is not None and (not whole or largest >= 2**53):
        raise InvalidInput(
            "the key is stored as a decimal number, digits are lost", where=key_place, allowed=["text", "integer"]
        )
    return array.cast(pa.int64()) if whole and largest < 2**53 else array


def numbers(
    cells: Any, *, least: float = -np.inf, zero: bool = True, decimal_comma: bool = False
) -> tuple[Numbers, int]:
    """Cells as float64 with NaN = missing, and the number of cells that are no number.

    Accepts ``6,633,735``, thin-space thousands and, where it is no thousands mark, a decimal comma (``30354,355``).
    Values below ``least``, and zeros unless ``zero``, are missing.
    """
    array = flat(cells)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        values, bad = _parsed(array, decimal_comma)
    elif pa.types.is_null(array.type):
        values, bad = np.full(len(array), np.nan), 0
    else:
        values, bad = np.array(array.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)), 0
    with np.errstate(invalid="ignore"):
        unusable = ~np.isfinite(values) | (values < least) | ((values == 0) & (not zero))
    return np.where(unusable, np.nan, values), bad


def _parsed(array: pa.Array, decimal_comma: bool) -> tuple[Numbers, int]:
    plain = pc.replace_substring_regex(array.cast(pa.large_string()), r"[\s\x{00A0}\x{2009}\x{202F}]+", "")
    grouped = pc.match_substring_regex(plain, _GROUPED)
    if decimal_comma:
        grouped = pc.and_(grouped, False)
    without = pc.replace_substring(plain, ",", "")
    plain = pc.if_else(grouped, without, pc.replace_substring(plain, ",", "."))
    readable = pc.fill_null(pc.match_substring_regex(plain, _NUMBER), False)
    absent = pc.fill_null(pc.is_in(plain, _MISSING), True)
    absent = pc.or_(absent, pc.is_null(plain))
    values = pc.if_else(readable, plain, pa.scalar(None, pa.large_string())).cast(pa.float64())
    bad = len(array) - pc.sum(pc.or_(readable, absent)).as_py() if len(array) else 0
    return np.array(values.fill_null(np.nan).to_numpy(zero_copy_only=False)), int(bad)


def years(cells: Texts) -> tuple[Numbers, int]:
    """Years from ``1997``, ``19970314`` or ``1997-03-14``; anything else but missing counts as not understood."""
    return _words(cells, _year)


def _year(word: str) -> float:
    found = re.match(r"(1[0-9]|20)\d\d(?!\d)|(1[0-9]|20)\d{6}$", word)
    return float(found[0][:4]) if found else np.nan


def flags(cells: Iterable[str | None]) -> tuple[Numbers, int]:
    """Yes and no in the usual spellings as 1.0 and 0.0, NaN = missing or not understood (counted)."""
    return _words(cells, _flag)


def _flag(word: str) -> float:
    return 1.0 if word.lower() in _YES else 0.0 if word.lower() in _NO else np.nan


def _words(cells: Iterable[str | None], value: Callable[[str], float]) -> tuple[Numbers, int]:
    """The value of every cell, each distinct word read once, and how many cells were not understood."""
    coded = pa.array(list(cells), pa.large_string()).dictionary_encode()
    words = coded.dictionary.to_pylist()
    values = np.array([*(value(w) for w in words), np.nan])
    misread = np.array([*(bool(w) and w not in ("0", "00000000") for w in words), False]) & np.isnan(values)
    index = coded.indices.fill_null(len(words)).to_numpy()
    return values[index], int(misread[index].sum())


def pnu_from_parts(parts: Mapping[str, Texts]) -> Texts:
    """19-digit parcel numbers from the registers' keys: legal-dong code, land type + 1, main and sub number.

    The registers count land types from 0 (ordinary, mountain), the cadastre from 1; block lots (type 2) have no PNU.
    """
    rows = zip(*(parts[p] for p in PNU_PARTS), strict=True)
    return np.array([_pnu(*row) for row in rows], object)


def _pnu(sigungu: str | None, dong: str | None, land: str | None, main: str | None, sub: str | None) -> str | None:
    if not (sigungu and dong and main) or land not in ("0", "1"):
        return None
    pnu = f"{sigungu}{dong:0>5}{int(land) + 1}{main:0>4}{sub or '':0>4}"
    return pnu if len(pnu) == 19 and pnu.isdigit() else None
