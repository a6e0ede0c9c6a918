# SPDX-License-Identifier: Apache-2.0
"""Changes of two years by zones and by cells: what each year has there, matched source by source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carbongrid.inventory import Pieces
from carbongrid.pairs import Changes, Pair, Year
from carbongrid.zoned import Entries
from carbongrid.zones import Zone
from carbonstore.releases.stored import Release
from processes.regions.inside import Choice, Stock
from processes.regions.stocks import stock
from processes.regions.tally import Sums, chunks, summed

I64 = NDArray[np.int64]
type Figures = dict[str, dict[str, object]]
"""What changed, by figure (``carbongrid.pairs.Changes.figures``)."""


@dataclass(frozen=True)
class Years:
    """Two releases and what is asked of them."""

    before: Release
    after: Release
    pair: Pair
    choice: Choice

    @classmethod
    def of(cls, before: Release, after: Release, choice: Choice) -> "Years":
        """Match two releases, source by source."""
        return cls(before, after, Pair.of(_year(before), _year(after)), choice)

    def whole(self, sectors: Sequence[str] | None = None) -> Figures:
        """All of the inventory; ``sectors``: only these of those chosen."""
        mode = self.choice.mode
        return self.pair.whole(mode, sectors or self.choice.sectors).figures(mode, sectors or self.choice.sectors)[0]

    def zones(self, zones: Sequence[Zone]) -> Iterator[Figures]:
        """Every zone, in both years by the same outline."""
        names = [str(zone.id) for zone in zones]
        first, second = (self._summed(release, zones, names) for release in (self.before, self.after))
        kinds = [[layer.kind for layer in stock(release).layers] for release in (self.before, self.after)]
        for start, end in chunks(first.weight + second.weight):
            old, new = (
                dict(zip(names, sums.entries(start, end), strict=True))
                for names, sums in zip(kinds, (first, second), strict=True)
            )
            yield from self._figures(old, new, end - start)

    def cells(self, size: int) -> tuple[list[str], list[Figures]]:
        """Every cell of a level (metres) with kilograms in one of the years: codes in row-major order, figures."""
        sides = [_by_cell(stock(release), size) for release in (self.before, self.after)]
        place = np.unique(np.concatenate([np.zeros(0, np.int64), *(e.zone for side in sides for e in side.values())]))
        numbered = [
            {kind: Entries(e.line, e.kg, np.searchsorted(place, e.zone)) for kind, e in side.items()} for side in sides
        ]
        grid = self.after.grid.coarsen(size // self.after.grid.cell_size)
        codes = [grid.code(grid.cell_at(*_corner(at, size))) for at in place.tolist()]
        return codes, self._figures(numbered[0], numbered[1], len(place))

    def _summed(self, release: Release, zones: Sequence[Zone], names: Sequence[str]) -> Sums:
        ready = stock(release)
        return summed(ready, [zone.region.on(ready.cells.window) for zone in zones], names, self.choice)[1]

    def _figures(self, old: Mapping[str, Entries], new: Mapping[str, Entries], n: int) -> list[Figures]:
        made: Changes = self.pair.changes(old, new, n, self.choice.mode, self.choice.sectors)
        return made.figures(self.choice.mode, self.choice.sectors)


def _year(release: Release) -> Year:
    layers = {layer.kind: layer for layer in stock(release).layers}
    return Year(release.bands, release.factors, release.rows, layers)


def _by_cell(ready: Stock, size: int) -> dict[str, Entries]:
    """All pieces by kind; ``zone`` numbers their cells of a level over any window, from the north-west."""
    return {layer.kind: _pieces(layer.pieces, size) for layer in ready.layers}


def _pieces(pieces: Pieces, size: int) -> Entries:
    east, north = pieces.window.corners(pieces.cells)
    place = (-(north // size) << 32) + east // size
    zone = np.repeat(place, np.diff(pieces.ptr))
    return Entries(pieces.line.astype(np.int64), pieces.kg.astype(np.float64), zone)


def _corner(place: int, size: int) -> tuple[int, int]:
    """Easting and northing in metres of the cell of a number that ``_pieces`` gave."""
    north = (place + (1 << 31)) >> 32
    return (place - (north << 32)) * size, -north * size
