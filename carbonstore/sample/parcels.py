# SPDX-License-Identifier: Apache-2.0
"""Parcels and their 19-digit PNU: legal-dong code (10), land type (1), main number (4), sub number (4)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbonstore.sample.layout import I64, Plots, Use
from carbonstore.sample.place import F64, Frame, Recipe

Text = NDArray[np.str_]


@dataclass(frozen=True)
class Parcels:
    """One row a plot: ``dong`` 10-digit legal-dong code, its ``name``, ``mountain`` lots (산), numbers, area."""

    dong: Text
    name: Text
    mountain: NDArray[np.bool_]
    main: I64
    sub: I64
    area_m2: F64

    @property
    def pnu(self) -> Text:
        """19-digit PNU; land type 1 ordinary, 2 mountain."""
        land = np.where(self.mountain, "2", "1")
        number = [f"{m:04d}{s:04d}" for m, s in zip(self.main.tolist(), self.sub.tolist(), strict=True)]
        return np.asarray(np.char.add(np.char.add(self.dong, land), np.array(number)), np.str_)

    @property
    def lot(self) -> Text:
        """Lot number as the registers print it: ``12-3``, ``산 4``."""
        return np.array(
            [
                f"{'산 ' if h else ''}{m}{f'-{s}' if s else ''}"
                for h, m, s in zip(self.mountain.tolist(), self.main.tolist(), self.sub.tolist(), strict=True)
            ]
        )


def number(plots: Plots, frame: Frame, recipe: Recipe) -> Parcels:
    """Number the plots of each legal dong from north to south; up to four neighbours share a main number."""
    rng = recipe.rng("parcels")
    dong, name = _legal_dong(plots.centre, frame)
    rural = np.isin(plots.use, [Use.FARM_HOUSE, Use.BARN, Use.FACTORY])
    mountain = rural & (rng.random(len(plots)) < 0.02)
    order = np.lexsort([plots.centre[:, 0], -np.round(plots.centre[:, 1], -2), mountain, dong])
    rank = np.empty(len(plots), np.int64)
    group = np.char.add(dong, mountain.astype(int).astype(str))[order]
    first = np.r_[0, np.nonzero(group[1:] != group[:-1])[0] + 1]
    rank[order] = np.arange(len(plots)) - np.repeat(first, np.diff(np.r_[first, len(plots)]))
    return Parcels(dong, name, mountain, rank // 4 + 1, rank % 4, _area(plots))


def _legal_dong(xy: F64, frame: Frame) -> tuple[Text, Text]:
    """Code and full name of the legal dong (the ri, where there is one) of each point."""
    row = frame.dongs.locate(xy)
    code = np.array([c + "00" for c in frame.dongs.codes])[row]
    name = np.array(frame.dongs.names)[row]
    if not frame.ris.codes:
        return code, name
    ri = frame.ris.locate(xy)
    ri_code, ri_name = np.array(frame.ris.codes)[ri], np.array(frame.ris.names)[ri]
    rural = np.isin(code.astype("U8"), np.unique(np.array(frame.ris.codes).astype("U8")))
    dongs = dict(zip(frame.dongs.codes, frame.dongs.names, strict=True))
    full = np.array([f"{dongs.get(c[:8], '')} {n}".strip() for c, n in zip(ri_code, ri_name, strict=True)])
    return np.where(rural, ri_code, code), np.where(rural, full, name)


def _area(plots: Plots) -> F64:
    """Area of the parallelograms, m2."""
    return np.round(4 * np.abs(plots.u[:, 0] * plots.v[:, 1] - plots.u[:, 1] * plots.v[:, 0]), 1)
