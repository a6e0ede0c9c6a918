# SPDX-License-Identifier: Apache-2.0
"""Small bar charts as inline SVG: bars of emissions and absorption by year, each with its interval as a whisker."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

WIDTH, HEIGHT, FOOT, HEAD = 640, 220, 24, 16
COLOURS = ("#b5482a", "#2f7d4f", "#3b5b92")
"""Emissions, absorption, net."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A value and its half-width, None where unknown; ``series`` names its colour."""

    group: str
    series: int
    value: float | None
    half: float | None


def bars(given: Sequence[Bar], title: str, unit: str) -> str:
    """An SVG of bars by group, from zero up or down, one scale for all."""
    groups = list(dict.fromkeys(bar.group for bar in given))
    known = [bar for bar in given if bar.value is not None]
    ends = [0.0, *(bar.value + s * (bar.half or 0) for bar in known for s in (-1, 1) if bar.value is not None)]
    low, high = min(ends), max(ends)
    scale = (HEIGHT - FOOT - HEAD) / ((high - low) or 1.0)
    zero = HEAD + high * scale
    body = "".join(_bar(bar, groups, zero, scale, unit) for bar in known)
    names = "".join(_name(group, i, len(groups)) for i, group in enumerate(groups))
    line = f'<line x1="0" x2="{WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}" stroke="#666"/>'
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    head = f'<svg {box} role="img" aria-label={quoteattr(title)}>'
    return f"{head}<title>{escape(title)}</title>{body}{line}{names}</svg>"


def _bar(bar: Bar, groups: Sequence[str], zero: float, scale: float, unit: str) -> str:
    value, half = bar.value or 0.0, bar.half or 0.0
    step = WIDTH / len(groups)
    wide = min(step / 4, 60.0)
    x = (groups.index(bar.group) + 0.5) * step + (bar.series - 1.5) * wide
    top, tall = zero - max(value, 0.0) * scale, abs(value) * scale
    middle, y = x + wide * 0.45, zero - value * scale
    told = escape(f"{bar.group}: {value:,.1f} ± {half:,.1f} {unit}")
    place = f'x="{x:.1f}" y="{top:.1f}" width="{wide * 0.9:.1f}" height="{tall:.1f}"'
    rect = f'<rect {place} fill="{COLOURS[bar.series]}"><title>{told}</title></rect>'
    ends = f'x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - half * scale:.1f}" y2="{y + half * scale:.1f}"'
    return rect + f'<line {ends} stroke="#111" stroke-width="1.5"/>'


def _name(group: str, number: int, count: int) -> str:
    x = (number + 0.5) * WIDTH / count
    return f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle" font-size="13" fill="#333">{escape(group)}</text>'
