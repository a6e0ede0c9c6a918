# SPDX-License-Identifier: Apache-2.0
"""What of an inventory lies in each of many zones, in one pass: kilograms, half-widths, gaps. Pure, as ``inside``.

The same two methods and figures; only the whole kilograms of a piece that several zones cut are shared out over all of
them at once (:mod:`carbongrid.zoned`), so that zones that tile a place sum to it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from carbongrid.inventory import Layer, Lines
from carbongrid.sectors import FIGURES, INTERVALS, weights
from carbongrid.uncertainty import grouped_half_widths, mean_quality
from carbongrid.zonal import Cut, cells_cover, layer_cover
from carbongrid.zoned import Entries, Shares, Zoned, cell_identities, piece_identities
from processes.regions.inside import WORST, Z95, Choice, Inside, Stock, spans

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
_AT_A_TIME = 2_000_000
"""Pieces whose lines are held at a time."""


@dataclass(frozen=True, slots=True)
class Sums:
    """Kilograms by band and zone, whole and unrounded, and how to list the pieces of some zones, layer by layer."""

    kg: I64
    unrounded: F64
    weight: I64
    entries: Callable[[int, int], list[Entries]]


def tally(stock: Stock, cuts: Sequence[Cut], codes: Sequence[str], choice: Choice) -> list[Inside]:
    """Sum an inventory inside every zone, cut on its window; ``codes`` name the zones."""
    taken, sums = summed(stock, cuts, codes, choice)
    area = _summed(taken, stock.cells.area_m2[None, :])[0]
    null, incomplete = (mask & choice.mask for mask in taken.masks(stock.cells))
    u95, quality = _assessed(stock, sums, taken, choice)
    return [
        Inside(
            stock.bands,
            choice,
            kg=sums.kg[:, z],
            unrounded=sums.unrounded[:, z],
            area_m2=round(float(area[z]), 1),
            null=int(null[z]),
            incomplete=int(incomplete[z] | null[z]),
            u95=dict(zip(INTERVALS, u95[:, z].tolist(), strict=True)),
            quality=int(quality[z]) or None,
        )
        for z in range(taken.n)
    ]


def summed(stock: Stock, cuts: Sequence[Cut], codes: Sequence[str], choice: Choice) -> tuple[Zoned, Sums]:
    """What every zone takes of the finest cells, and the sums of all."""
    taken = Zoned.of([cells_cover(cut, stock.cells, stock.border, stock.squares) for cut in cuts])
    if choice.method == "cells":
        return taken, _by_cells(stock, taken, codes)
    return taken, _by_sources(stock, cuts, codes)


def _summed(zoned: Zoned, values: F64 | I64) -> F64:
    """Sums (rows, zones) of values by piece, (rows, pieces), every piece by its share."""
    cut = [np.bincount(zoned.zone, value[zoned.piece] * zoned.share, zoned.n) for value in values]
    made: F64 = zoned.whole(values) + np.stack(cut)
    return made


def _by_cells(stock: Stock, taken: Zoned, codes: Sequence[str]) -> Sums:
    kg = stock.cells.kg
    shares = Shares.of(taken, cell_identities(stock.cells.window, stock.cells.index, taken), codes)
    whole, unrounded = taken.whole(kg), _summed(taken, kg)
    for band, values in enumerate(kg):
        np.add.at(whole[band], taken.zone, shares.kilograms(values))

    def entries(first: int, last: int) -> list[Entries]:
        part = taken.between(first, last)
        at = np.r_[spans(part.runs[:, 0], part.runs[:, 1]), part.piece]
        zone = np.r_[np.repeat(part.run_zone, np.diff(part.runs)[:, 0]), part.zone]
        share = np.r_[np.ones(len(at) - len(part.share)), part.share]
        return [weighed(layer, stock.cells.index[at], share, zone) for layer in stock.layers]

    return Sums(whole, unrounded, _sizes([(None, taken)]), entries)


def weighed(layer: Layer, cell: I64, share: F64, zone: I64) -> Entries:
    """Pieces of a layer by the share of their cells, given as flat indices."""
    pieces = layer.pieces
    at = np.minimum(np.searchsorted(pieces.cells, cell), len(pieces.cells) - 1)
    held = pieces.cells[at] == cell if len(pieces.cells) else np.zeros(len(cell), bool)
    first, last = pieces.ptr[at[held]], pieces.ptr[at[held] + 1]
    piece = spans(first, last)
    count = last - first
    kg = pieces.kg[piece] * np.repeat(share[held], count)
    return Entries(pieces.line[piece].astype(np.int64), kg, np.repeat(zone[held], count))


def _by_sources(stock: Stock, cuts: Sequence[Cut], codes: Sequence[str]) -> Sums:
    bands = len(stock.bands)
    kg, unrounded = np.zeros((bands, len(cuts)), np.int64), np.zeros((bands, len(cuts)))
    found: list[tuple[Layer, Zoned, I64]] = []
    for layer, running in zip(stock.layers, stock.running, strict=True):
        pieces = layer.pieces
        zoned = Zoned.of([layer_cover(cut, pieces, layer.lines.source, layer.geometry) for cut in cuts])
        inside = Shares.of(zoned, piece_identities(pieces, zoned), codes).kilograms(pieces.kg)
        band, whole = layer.lines.band[pieces.line[zoned.piece]], zoned.over(running)
        kg += whole
        np.add.at(kg, (band, zoned.zone), inside)
        unrounded += whole
        np.add.at(unrounded, (band, zoned.zone), pieces.kg[zoned.piece] * zoned.share)
        found.append((layer, zoned, inside))

    def entries(first: int, last: int) -> list[Entries]:
        return [_listed(layer, zoned, inside, first, last) for layer, zoned, inside in found]

    return Sums(kg, unrounded, _sizes([(layer.pieces.ptr, zoned) for layer, zoned, _ in found]), entries)


def _listed(layer: Layer, zoned: Zoned, inside: I64, first: int, last: int) -> Entries:
    """Pieces of some zones: all of whole cells, and of cut ones what was shared out."""
    part, pieces = zoned.between(first, last), layer.pieces
    start, end = pieces.ptr[part.runs[:, 0]], pieces.ptr[part.runs[:, 1]]
    whole = spans(start, end)
    cut = inside[slice(*np.searchsorted(zoned.zone, [first, last]))]
    line = np.r_[pieces.line[whole], pieces.line[part.piece]].astype(np.int64)
    kg = np.r_[pieces.kg[whole], cut].astype(np.float64)
    return Entries(line, kg, np.r_[np.repeat(part.run_zone, end - start), part.zone])


def _sizes(found: Sequence[tuple[I64 | None, Zoned]]) -> I64:
    """About how many pieces each zone has; ``ptr`` None: as many as cells."""
    size = np.zeros(found[0][1].n if found else 0, np.int64)
    for ptr, zoned in found:
        ends = zoned.runs if ptr is None else ptr[zoned.runs]
        np.add.at(size, zoned.run_zone, ends[:, 1] - ends[:, 0])
        np.add.at(size, zoned.zone, 1)
    return size


def interval_signs(stock: Stock, choice: Choice) -> I64:
    """Sign of each band in each of INTERVALS, (INTERVALS, bands), in the mode and sectors chosen."""
    names = [f.name for f in FIGURES]
    return weights(stock.bands, choice.mode, choice.sectors)[[names.index(n) for n in INTERVALS]]


def _assessed(stock: Stock, sums: Sums, taken: Zoned, choice: Choice) -> tuple[F64, NDArray[np.uint8]]:
    """95 % half-widths in kg (INTERVALS, zones), and quality; some zones at a time."""
    u95, quality = np.zeros((len(INTERVALS), taken.n)), np.zeros(taken.n, np.uint8)
    for first, last in chunks(sums.weight):
        part = assessed(stock, sums.entries(first, last), choice, last - first)
        u95[:, first:last], quality[first:last] = part
    return (u95, quality) if choice.method == "sources" else coarser(stock, choice, taken, u95, quality)


def assessed(stock: Stock, found: Sequence[Entries], choice: Choice, n: int) -> tuple[F64, NDArray[np.uint8]]:
    """Half-widths (INTERVALS, n) and quality of groups of pieces, those of each layer in ``found``."""
    lines, grade = _lines(stock.layers, found)
    every, kg = np.arange(len(grade), dtype=np.int64), np.concatenate([np.zeros(0), *(e.kg for e in found)])
    zone = np.concatenate([np.zeros(0, np.int64), *(e.zone for e in found)])
    signs, tables = interval_signs(stock, choice), (stock.factors, stock.rows)
    return grouped_half_widths(every, kg, zone, lines, lines.band, signs, *tables, n), mean_quality(kg, grade, zone, n)


def chunks(weight: I64) -> Iterator[tuple[int, int]]:
    """Ranges of zones that have not too many pieces together."""
    first, held = 0, 0
    for zone, size in enumerate(weight.tolist()):
        if held and held + size > _AT_A_TIME:
            yield first, zone
            first, held = zone, 0
        held += size
    if first < len(weight):
        yield first, len(weight)


def _lines(layers: Sequence[Layer], found: Sequence[Entries]) -> tuple[Lines, NDArray[np.uint8]]:
    """A copy of the line of every piece, sources numbered from 0 through all layers, and its source's grade."""
    columns: dict[str, list[NDArray[np.generic]]] = {f.name: [] for f in fields(Lines)}
    grade, sources = [np.zeros(0, np.uint8)], 0
    for layer, entries in zip(layers, found, strict=True):
        for name, column in columns.items():
            column.append(getattr(layer.lines, name)[entries.line])
        known, source = np.unique(columns["source"][-1], return_inverse=True)
        grade.append(layer.quality[columns["source"][-1]])
        columns["source"][-1] = (source + sources).astype(np.int32)
        sources += len(known)
    joined = {name: np.concatenate(column) for name, column in columns.items()}
    return Lines(**joined), np.concatenate(grade)


def coarser(
    stock: Stock, choice: Choice, taken: Zoned, u95: F64, quality: NDArray[np.uint8]
) -> tuple[F64, NDArray[np.uint8]]:
    """Half-widths and quality by ``cells``: where in a cut cell its kilograms stand is not known (``sub_cell``)."""
    cut = (taken.share > 0) & (taken.share < 1)
    share, zone = taken.share[cut], taken.zone[cut]
    held = interval_signs(stock, choice) @ stock.cells.kg[:, taken.piece[cut]]
    hidden = [Z95 * np.sqrt(np.bincount(zone, share * (1 - share) * one**2.0, taken.n)) for one in held]
    return np.hypot(u95, np.stack(hidden)), np.where(quality, np.minimum(quality + 1, WORST), 0).astype(np.uint8)
