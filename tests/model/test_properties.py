# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any activity data: scale, units, order, nothing added, net = emission - absorption, modes.

Every law is tried on drawn tables; the seed in the test's name draws the same again.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from carbongrid import buildings, forests, roads
from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable, Lines
from carbongrid.model import Estimates
from carbongrid.sectors import GASES, MODES, SECTORS, USES, Band, figures, weights
from carbongrid.uncertainty import half_widths
from carbongrid.units import ENERGY_MJ, EnergyUnit, energy
from tests.model.activity import by_band, table

KOR, UZB, IPCC = (FactorSet.load(c) for c in ("kor", "uzb", "ipcc"))
PACKS = (KOR, UZB, IPCC)
MODELS = {"buildings": buildings.estimate, "roads": roads.estimate, "forests": forests.estimate}
METERED = ("electricity_kwh", "gas_kwh_gcv", "heat_mj")
DRAWS = pytest.mark.parametrize("seed", range(30))

Draw = Callable[[np.random.Generator], object]


def between(low: float, high: float, missing: float = 0.0) -> Draw:
    """A number, log-uniform; None in a share of the cases."""
    return lambda rng: None if rng.random() < missing else float(np.exp(rng.uniform(np.log(low), np.log(high))))


def one_of(*values: object) -> Draw:
    return lambda rng: values[rng.integers(len(values))]


PLACE = {"measure": between(10, 5e4), "inside": between(0.01, 1)}
COLUMNS: dict[str, dict[str, Draw]] = {
    "buildings": {
        "use": one_of("01000", "02000", "office", "17000", "19000", "yes", None),
        "pnu": one_of("3611010100100040020", "2711010100100040020", None),
        "storeys": between(1, 60, 0.5),
        "height_m": between(2, 200, 0.5),
        "hdd": between(100, 6000, 0.5),
        **{c: between(1, 1e7, 0.6) for c in METERED},
    },
    "roads": {
        "class": one_of("motorway", "primary", "residential", "footway", "hyperloop", None),
        "aadt": between(1, 1e5, 0.5),
        "speed_kmh": between(1, 150, 0.5),
        "oneway": one_of(0.0, 1.0, None),
    },
    "forests": {
        "species": one_of("11", "13", "32", "77", "78", "91", "broadleaved", "?", None),
        "land_cover": one_of("10", "20", "50", None),
        "age_class": one_of(1.0, 3.0, 9.0, None),
        "diameter_class": one_of(0.0, 2.0, None),
        "density": one_of("A", "B", "C", None),
    },
}


def activity(kind: str, rows: list[dict[str, object]]) -> ActivityTable:
    columns = {name: [r[name] for r in rows] for name in rows[0] if name not in ("measure", "inside")}
    return table(kind, [r["measure"] for r in rows], [r["inside"] for r in rows], **columns)


def drawn(seed: int) -> tuple[ActivityTable, FactorSet, np.random.Generator]:
    """A table of 1 .. 12 sources of some kind, and a pack."""
    rng = np.random.default_rng(seed)
    kind = sorted(COLUMNS)[seed % len(COLUMNS)]
    fields = PLACE | COLUMNS[kind]
    rows = [{name: draw(rng) for name, draw in fields.items()} for _ in range(rng.integers(1, 13))]
    return activity(kind, rows), PACKS[rng.integers(len(PACKS))], rng


def estimate(t: ActivityTable, factors: FactorSet) -> Estimates:
    return MODELS[t.kind](t, factors, 2023)


def per_source(e: Estimates) -> np.ndarray:
    return np.bincount(e.lines.source, e.lines.kg, len(e.missing)).astype(np.int64)


def picked(t: ActivityTable, order: np.ndarray) -> ActivityTable:
    columns = {c: v[order] for c, v in t.columns.items()}
    return replace(t, id=t.id[order], measure=t.measure[order], inside=t.inside[order], columns=columns)


def scaled(t: ActivityTable, k: float) -> ActivityTable:
    """Every extensive quantity times ``k``: footprint, length, area, meters; not storeys, volumes, speeds."""
    columns = {c: v * k if c in METERED else v for c, v in t.columns.items()}
    return replace(t, measure=t.measure * k, columns=columns)


def half_width(e: Estimates, lines: Lines) -> float:
    return half_widths(lines.activity, lines, np.ones(len(lines.kg), np.int64), e.factors, e.rows)


@DRAWS
@pytest.mark.parametrize("k", [0.25, 2.0, 1000.0])
def test_k_times_the_activity_is_k_times_the_emission_at_the_same_relative_width(seed, k):
    t, factors, _ = drawn(seed)
    one, many = estimate(t, factors), estimate(scaled(t, k), factors)
    n_bands = max(len(one.bands), len(many.bands), 1)
    assert np.abs(per_source(many) - k * per_source(one)).max() <= (1 + k) / 2 * 2 * n_bands
    assert np.array_equal(one.missing, many.missing)
    assert np.array_equal(one.quality, many.quality)
    common = min(len(one.lines.kg), len(many.lines.kg))
    if common == len(one.lines.kg) == len(many.lines.kg) and common:
        assert np.allclose(many.lines.activity, k * one.lines.activity)
        assert half_width(many, many.lines) == pytest.approx(k * half_width(one, one.lines))


@DRAWS
def test_the_order_of_sources_changes_nothing(seed):
    t, factors, rng = drawn(seed)
    order = rng.permutation(len(t))
    one, other = estimate(t, factors), estimate(picked(t, order), factors)
    assert (one.bands, one.factors, one.rows, one.notes) == (other.bands, other.factors, other.rows, other.notes)
    assert np.array_equal(per_source(one)[order], per_source(other))


@DRAWS
def test_a_source_of_nothing_changes_nothing(seed):
    t, factors, _ = drawn(seed)
    nothing = replace(
        picked(t, np.array([0])),
        id=np.array(["nothing"], object),
        measure=np.array([0.0]),
        columns={c: np.array([None] if v.dtype == object else [np.nan], v.dtype) for c, v in t.columns.items()},
    )
    both = replace(
        t,
        id=np.concatenate([t.id, nothing.id]),
        measure=np.concatenate([t.measure, nothing.measure]),
        inside=np.concatenate([t.inside, nothing.inside]),
        columns={c: np.concatenate([v, nothing.columns[c]]) for c, v in t.columns.items()},
    )
    one, two = estimate(t, factors), estimate(both, factors)
    assert by_band(one) == by_band(two)
    assert (one.bands, one.factors, one.rows) == (two.bands, two.factors, two.rows)
    assert two.missing[-1], "it is missing, not zero"


@DRAWS
def test_a_source_cut_in_two_sums_to_the_whole_before_rounding(seed):
    t, factors, _ = drawn(seed)
    left = np.linspace(0.1, 0.9, len(t))
    halves = [replace(t, inside=t.inside * share) for share in (left, 1 - left)]
    whole, parts = estimate(t, factors), [estimate(h, factors) for h in halves]
    n_lines = max(len(e.lines.kg) for e in (whole, *parts))
    assert np.abs(sum(per_source(p) for p in parts) - per_source(whole)).max() <= 1.5 * max(n_lines, 1)


@DRAWS
def test_every_line_is_activity_times_a_known_factor_of_its_scope(seed):
    t, factors, _ = drawn(seed)
    e = estimate(t, factors)
    by_id = {f.id: f for f in factors.factors}
    for i, kg in enumerate(e.lines.kg.tolist()):
        band, factor = e.bands[e.lines.band[i]], by_id.get(e.factors[e.lines.factor[i]].id)
        if factor is None:
            assert band.sector == "forest"
            continue
        assert (band.scope, band.gas) == (factor.scope, factor.gas)
        exact = e.lines.activity[i] * factors.kg_co2e(factor) * t.inside[e.lines.source[i]]
        assert kg == pytest.approx(exact, abs=0.5 + 1e-9 * exact)


@DRAWS
def test_the_share_on_placeholders_is_a_share(seed):
    t, factors, _ = drawn(seed)
    e = estimate(t, factors)
    assert 0 <= e.notes["placeholder_kg"] <= e.notes["kg"] == int(e.lines.kg.sum())
    assert ((e.quality >= 1) & (e.quality <= 5)).all()


# --- units ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", ENERGY_MJ)
@pytest.mark.parametrize("other", ENERGY_MJ)
@pytest.mark.parametrize("value", [1e-6, 1.0, 123.456, 1e9])
def test_energy_goes_round_through_every_unit(value, one, other):
    assert energy(energy(value, one, other), other, one) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", ENERGY_MJ)
@pytest.mark.parametrize("ratio", [0.8, 0.9017, 1.0])
def test_net_and_gross_go_round(ratio, name):
    net, gross = EnergyUnit(name, "NCV"), EnergyUnit(name, "GCV")
    assert net.to(gross, ratio) * gross.to(net, ratio) == pytest.approx(1)
    assert gross.to(net, ratio) == pytest.approx(ratio)


def test_one_tonne_of_oil_equivalent_is_41_868_gj_and_11_63_mwh():
    assert energy(1, "toe", "GJ") == pytest.approx(41.868)
    assert energy(1, "toe", "MWh") == pytest.approx(11.63)


# --- figures ----------------------------------------------------------------------------------------------------

BANDS = tuple(Band(s, u, scope, g) for s in SECTORS for u in USES[s] for scope in (1, 2) for g in GASES)


def drawn_bands(seed):
    rng = np.random.default_rng(seed)
    chosen = sorted(rng.choice(len(BANDS), rng.integers(1, 20), replace=False).tolist())
    return [BANDS[i] for i in chosen]


@DRAWS
@pytest.mark.parametrize("mode", MODES)
def test_net_is_emission_less_absorption_in_every_cell_and_every_sum_of_cells(seed, mode):
    bands = drawn_bands(seed)
    kg = np.random.default_rng(seed).integers(0, 10**9, (len(bands), 30))
    cells = figures(bands, kg, mode)
    assert np.array_equal(cells["net"], cells["emission_total"] - cells["absorption_forest"])
    assert np.array_equal(cells["emission_total"], cells["emission_buildings"] + cells["emission_transport"])
    parents = figures(bands, kg.reshape(len(bands), 6, 5).sum(axis=2), mode)
    for name, values in parents.items():
        assert np.array_equal(values, cells[name].reshape(6, 5).sum(axis=1)), name


@DRAWS
def test_territorial_is_end_user_less_grid_energy(seed):
    bands = drawn_bands(seed)
    kg = np.random.default_rng(seed).integers(0, 10**9, (len(bands), 4))
    end_user, territorial = (figures(bands, kg, mode) for mode in MODES)
    grid = sum((kg[i] for i, b in enumerate(bands) if b.scope == 2 and b.sector != "forest"), np.zeros(4, np.int64))
    assert np.array_equal(end_user["emission_total"] - territorial["emission_total"], grid)
    assert not territorial["emission_buildings_scope2"].any()
    assert np.array_equal(end_user["emission_buildings_scope1"], territorial["emission_buildings_scope1"])


def test_every_band_counts_once_in_the_sum_of_uses():
    per_use = sum(weights(BANDS, sectors=(s,)) for s in SECTORS)
    assert np.array_equal(per_use, weights(BANDS)), "sectors do not overlap"
