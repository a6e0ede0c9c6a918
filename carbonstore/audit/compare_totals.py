# SPDX-License-Identifier: Apache-2.0
"""How much the totals of two releases differ, with an interval in which cancels what both have in common."""

from dataclasses import dataclass
from math import hypot

from carbongrid.assemble import all_lines, interval_signs
from carbongrid.change import Side, change_half_width
from carbongrid.montecarlo import Model
from carbongrid.sectors import INTERVALS
from carbonstore.releases.stored import Release


@dataclass(frozen=True)
class TotalChange:
    """How much a total changed, kg, with its 95 % half-width: what both have in common cancels in it.

    ``apart_u95``: what the half-width would be if they had nothing in common.
    """

    kg: int
    u95: int
    apart_u95: int


def total_changes(before: Release, after: Release) -> dict[str, TotalChange]:
    """Of every total that both know and that has a half-width."""
    sides = _sides(before), _sides(after)
    out = {}
    for name in INTERVALS:
        totals = [release.manifest["totals"]["kg"][name] for release in (before, after)]
        if name in sides[0] and name in sides[1] and None not in totals:
            one, two = sides[0][name], sides[1][name]
            apart = hypot(one.half_width, two.half_width)
            out[name] = TotalChange(totals[1] - totals[0], round(change_half_width(one, two)), round(apart))
    return out


def _sides(release: Release) -> dict[str, Side]:
    """Every total by what it depends on; none without sources."""
    if not release.kinds:
        return {}
    lines = all_lines([release.layer(kind) for kind in release.kinds])
    model = Model(release.factors, release.rows)
    signs = zip(INTERVALS, interval_signs(release.bands), strict=True)
    return {name: Side.of(model, lines, sign[lines.band]) for name, sign in signs}
