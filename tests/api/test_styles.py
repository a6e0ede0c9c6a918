# SPDX-License-Identifier: Apache-2.0
"""Colours of densities: by hand, by the ramp, and by the expression that map clients evaluate."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from carbongrid.errors import NotFound
from carbongrid.sectors import FIGURE
from carbonserver import styles
from carbonserver.styles import Ramp, Style

WHITE, GREY = "#ffffff", "#bcbcbc"
LIGHTEST, SECOND, DARKEST = "#fdf3ab", "#f2c75c", "#281f09"
"""Of the emission ramp: below 1, from 1 to 3, from 1000."""


def evaluate(expression: Any, properties: Mapping[str, Any]) -> Any:
    """The few operators of a style expression that our styles use (Mapbox style specification, version 8)."""
    if not isinstance(expression, list):
        return expression
    operator, *rest = expression
    if operator == "match":
        value, *pairs, otherwise = rest
        labels = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return labels.get(evaluate(value, properties), otherwise)
    if operator == "step":
        value, below, *pairs = rest
        number = evaluate(value, properties)
        reached = [out for stop, out in zip(pairs[::2], pairs[1::2], strict=True) if number >= stop]
        return reached[-1] if reached else below
    if operator == "case":
        *branches, otherwise = rest
        hits = (out for test, out in zip(branches[::2], branches[1::2], strict=True) if evaluate(test, properties))
        return evaluate(next(hits, otherwise), properties)
    if operator in ("get", "has"):
        return properties.get(rest[0]) if operator == "get" else rest[0] in properties
    a, *b = (evaluate(x, properties) for x in rest)
    return {"!": lambda: not a, "==": lambda: a == b[0], "/": lambda: a / b[0]}[operator]()


def color(style_id: str, value: float | None, level: str = "100m") -> str:
    style = Style.named(style_id)
    properties: dict[str, Any] = {"level": level} if value is None else {"level": level, style.figure: value}
    area = ["match", ["get", "level"], "100m", 1, "500m", 25, "1km", 100, 1]
    return str(evaluate(style.ramp.expression(style.figure, ["/", ["get", style.figure], area]), properties))


@pytest.mark.parametrize(
    ("style", "tonnes", "level", "expected"),
    [
        ("total", 0, "100m", WHITE),
        ("total", 0.001, "100m", LIGHTEST),
        ("total", 0.999, "100m", LIGHTEST),
        ("total", 1, "100m", SECOND),
        ("total", 2.999, "100m", SECOND),
        ("total", 999.999, "100m", "#502c1d"),
        ("total", 1000, "100m", DARKEST),
        ("total", None, "100m", GREY),
        ("total", 24.999, "500m", LIGHTEST),  # 25 ha: 0.99996 t/ha
        ("total", 25, "500m", SECOND),
        ("total", 100, "1km", SECOND),
        ("buildings", 1, "100m", SECOND),
        ("transport", 1, "100m", SECOND),
        ("forest", 0, "100m", WHITE),
        ("forest", 0.5, "100m", "#edf8e9"),
        ("forest", 30, "100m", "#006d2c"),
        ("forest", -0.001, "100m", "#9970ab"),
        ("forest", None, "100m", GREY),
        ("net", 0, "100m", WHITE),
        ("net", -0.001, "100m", "#bdd6e3"),
        ("net", 0.001, "100m", "#e7c6b2"),
        ("net", -10, "100m", "#4b90b3"),
        ("net", -10.001, "100m", "#176999"),
        ("net", 300, "100m", "#590008"),
        ("net", None, "100m", GREY),
    ],
)
def test_colour_of_a_value(style: str, tonnes: float | None, level: str, expected: str) -> None:
    assert color(style, tonnes, level) == expected


@pytest.mark.parametrize("style_id", styles.ids())
def test_ramp_and_expression_agree_at_and_around_every_break(style_id: str) -> None:
    ramp = Style.named(style_id).ramp
    near = [v for b in ramp.breaks for v in (b, b - 1e-9, b + 1e-9)]
    densities: list[float | None] = [None, 0, -1e9, 1e9, *near]
    assert [color(style_id, d) for d in densities] == [ramp.color(d) for d in densities]


def test_style_ids_are_those_of_the_contract() -> None:
    assert set(styles.ids()) == {"buildings", "transport", "forest", "total", "net"}


def test_unknown_style_is_refused_with_those_that_exist() -> None:
    with pytest.raises(NotFound, match=r"no style 'co2' \(allowed: net, total, buildings, transport, forest\)"):
        Style.named("co2")


@pytest.mark.parametrize("style_id", styles.ids())
def test_ramps_are_well_formed(style_id: str) -> None:
    style = Style.named(style_id)
    ramp = style.ramp
    assert style.figure in FIGURE
    assert list(ramp.breaks) == sorted(set(ramp.breaks))
    every = [ramp.zero, ramp.no_data, *ramp.colors]
    assert len(ramp.colors) == len(ramp.breaks) + 1
    assert len(set(every)) == len(every)
    assert all(re.fullmatch("#[0-9a-f]{6}", c) for c in every)


def luminance(hex_color: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.1)."""
    channels = (int(hex_color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def by_magnitude(ramp: Ramp) -> list[list[str]]:
    """Colours from zero outwards, one list a sign."""
    zero = ramp.breaks.index(0) + 1 if 0 in ramp.breaks else 0
    return [[ramp.zero, *ramp.colors[zero:]], [ramp.zero, *reversed(ramp.colors[:zero])]]


@pytest.mark.parametrize("style_id", styles.ids())
def test_zero_is_lightest_and_more_is_darker(style_id: str) -> None:
    for side in by_magnitude(Style.named(style_id).ramp):
        shades = [luminance(c) for c in side]
        assert shades == sorted(shades, reverse=True)


def test_net_is_equally_strong_on_both_sides_of_zero() -> None:
    ramp = Style.named("net").ramp
    assert [-b for b in ramp.breaks if b < 0] == [b for b in reversed(ramp.breaks) if 0 < b <= 10]


def test_every_palette_names_its_source_and_licence() -> None:
    palettes = json.loads(styles.PALETTES.read_text())
    assert {r["palette"] for r in palettes["ramps"].values()} == set(palettes["palettes"])
    assert all(p["source"] and p["licence"] and p["use"] for p in palettes["palettes"].values())


def test_hectares_of_a_level() -> None:
    assert [styles.hectares(m) for m in (10, 25, 100, 500, 1000)] == [0.01, 0.0625, 1, 25, 100]
