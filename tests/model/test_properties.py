# SPDX-License-Identifier: Apache-2.0
"""Laws that hold for any activity data: scale, units, order, nothing added, net = emission - absorption, modes.

Hypothesis draws the tables and shrinks what breaks a law to the smallest table that does.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from carbongrid import buildings, forests, roads
from carbongrid.factors import FactorSet
from carbongrid.inventory import ActivityTable, Lines
from carbongrid.model import Estimates
from carbongrid.sectors import GASES, MODES, SECTORS, USES, Band, figures, weights
from carbongrid.uncertainty import half_widths
from carbongrid.units import ENERGY_MJ, EnergyUnit, energy
from tests.model.activity import by_band, table

KOR, UZB, IPCC = (FactorSet.load(c) for c in ("kor", "uzb", "ipcc"))
MODELS = {"buildings": buildings.estimate, "roads": roads.estimate, "forests": forests.estimate}
METERED = ("electricity_kwh", "gas_kwh_gcv", "heat_mj")


def known_or_not(low: float, high: float) -> SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


PLACE = {"measure": st.floats(10, 5e4), "inside": st.floats(0.01, 1)}
COLUMNS: Mapping[str, Mapping[str, SearchStrategy[object]]] = {
    "buildings": {
        "use": st.sampled_from(["01000", "02000", "office", "17000", "19000", "yes", None]),
        "pnu": st.sampled_from(["3611010100100040020", "2711010100100040020", None]),
        "storeys": known_or_not(1, 60),
        "height_m": known_or_not(2, 200),
        "hdd": known_or_not(100, 6000),
        **{c: known_or_not(1, 1e7) for c in METERED},
    },
    "roads": {
        "class": st.sampled_from(["motorway", "primary", "residential", "footway", "hyperloop", None]),
        "aadt": known_or_not(1, 1e5),
        "speed_kmh": known_or_not(1, 150),
        "oneway": st.sampled_from([0.0, 1.0, None]),
    },
    "forests": {
        "species": st.sampled_from(["11", "13", "32", "77", "78", "91", "broadleaved", "?", None]),
        "land_cover": st.sampled_from(["10", "20", "50", None]),
        "age_class": st.sampled_from([1.0, 3.0, 9.0, None]),
        "diameter_class": st.sampled_from([0.0, 2.0, None]),
        "density": st.sampled_from(["A", "B", "C", None]),
    },
}


def activity(kind: str, rows: list[dict[str, object]]) -> ActivityTable:
    columns = {name: [r[name] for r in rows] for name in rows[0] if name not in ("measure", "inside")}
    return table(kind, [r["measure"] for r in rows], [r["inside"] for r in rows], **columns)


def tables(kind: str) -> SearchStrategy[ActivityTable]:
    """1 .. 8 sources of a kind."""
    row = st.fixed_dictionaries(PLACE | dict(COLUMNS[kind]))
    return st.lists(row, min_size=1, max_size=8).map(lambda rows: activity(kind, rows))


TABLES = st.sampled_from(sorted(COLUMNS)).flatmap(tables)
PACKS = st.sampled_from([KOR, UZB, IPCC])


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


@given(t=TABLES, factors=PACKS, k=st.sampled_from([0.25, 2.0, 1000.0]))
def test_k_times_the_activity_is_k_times_the_emission_at_the_same_relative_width(t, factors, k):
    one, many = estimate(t, factors), estimate(scaled(t, k), factors)
    n_bands = max(len(one.bands), len(many.bands), 1)
    assert np.abs(per_source(many) - k * per_source(one)).max() <= (1 + k) / 2 * 2 * n_bands
    assert np.array_equal(one.missing, many.missing)
    assert np.array_equal(one.quality, many.quality)
    common = min(len(one.lines.kg), len(many.lines.kg))
    if common == len(one.lines.kg) == len(many.lines.kg) and common:
        assert np.allclose(many.lines.activity, k * one.lines.activity)
        assert half_width(many, many.lines) == pytest.approx(k * half_width(one, one.lines))


@given(t=TABLES, factors=PACKS, data=st.data())
def test_the_order_of_sources_changes_nothing(t, factors, data):
    order = np.array(data.draw(st.permutations(range(len(t)))))
    one, other = estimate(t, factors), estimate(picked(t, order), factors)
    assert (one.bands, one.factors, one.rows, one.notes) == (other.bands, other.factors, other.rows, other.notes)
    assert np.array_equal(per_source(one)[order], per_source(other))


@given(t=TABLES, factors=PACKS)
def test_a_source_of_nothing_changes_nothing(t, factors):
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


@given(t=TABLES, factors=PACKS, share=st.floats(0.01, 0.99))
def test_a_source_cut_in_two_sums_to_the_whole_before_rounding(t, factors, share):
    halves = [replace(t, inside=t.inside * part) for part in (share, 1 - share)]
    whole, parts = estimate(t, factors), [estimate(h, factors) for h in halves]
    n_lines = max(len(e.lines.kg) for e in (whole, *parts))
    assert np.abs(sum(per_source(p) for p in parts) - per_source(whole)).max() <= 1.5 * max(n_lines, 1)


@given(t=TABLES, factors=PACKS)
def test_every_line_is_activity_times_a_known_factor_of_its_scope(t, factors):
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


@given(t=TABLES, factors=PACKS)
def test_the_share_on_placeholders_is_a_share(t, factors):
    e = estimate(t, factors)
    assert 0 <= e.notes["placeholder_kg"] <= e.notes["kg"] == int(e.lines.kg.sum())
    assert ((e.quality >= 1) & (e.quality <= 5)).all()


# --- units ------------------------------------------------------------------------------------------------------


@given(value=st.floats(1e-6, 1e12), one=st.sampled_from(sorted(ENERGY_MJ)), other=st.sampled_from(sorted(ENERGY_MJ)))
def test_energy_goes_round_through_every_unit(value, one, other):
    assert energy(energy(value, one, other), other, one) == pytest.approx(value, rel=1e-12)


@given(ratio=st.floats(0.5, 1), name=st.sampled_from(sorted(ENERGY_MJ)))
def test_net_and_gross_go_round(ratio, name):
    net, gross = EnergyUnit(name, "NCV"), EnergyUnit(name, "GCV")
    assert net.to(gross, ratio) * gross.to(net, ratio) == pytest.approx(1)
    assert gross.to(net, ratio) == pytest.approx(ratio)


def test_one_tonne_of_oil_equivalent_is_41_868_gj_and_11_63_mwh():
    assert energy(1, "toe", "GJ") == pytest.approx(41.868)
    assert energy(1, "toe", "MWh") == pytest.approx(11.63)


# --- figures ----------------------------------------------------------------------------------------------------

BANDS = tuple(Band(s, u, scope, g) for s in SECTORS for u in USES[s] for scope in (1, 2) for g in GASES)


SOME_BANDS = st.lists(st.sampled_from(BANDS), min_size=1, max_size=19, unique=True)
MODE = st.sampled_from(MODES)


def kilograms(data: st.DataObject, bands: list[Band], cells: int) -> np.ndarray:
    """Kilograms (bands, cells)."""
    n = len(bands) * cells
    return np.array(data.draw(st.lists(st.integers(0, 10**9), min_size=n, max_size=n))).reshape(len(bands), cells)


@given(bands=SOME_BANDS, mode=MODE, data=st.data())
def test_net_is_emission_less_absorption_in_every_cell_and_every_sum_of_cells(bands, mode, data):
    kg = kilograms(data, bands, 6)
    cells = figures(bands, kg, mode)
    assert np.array_equal(cells["net"], cells["emission_total"] - cells["absorption_forest"])
    assert np.array_equal(cells["emission_total"], cells["emission_buildings"] + cells["emission_transport"])
    parents = figures(bands, kg.reshape(len(bands), 2, 3).sum(axis=2), mode)
    for name, values in parents.items():
        assert np.array_equal(values, cells[name].reshape(2, 3).sum(axis=1)), name


@given(bands=SOME_BANDS, data=st.data())
def test_territorial_is_end_user_less_grid_energy(bands, data):
    kg = kilograms(data, bands, 4)
    end_user, territorial = (figures(bands, kg, mode) for mode in MODES)
    grid = sum((kg[i] for i, b in enumerate(bands) if b.scope == 2 and b.sector != "forest"), np.zeros(4, np.int64))
    assert np.array_equal(end_user["emission_total"] - territorial["emission_total"], grid)
    assert not territorial["emission_buildings_scope2"].any()
    assert np.array_equal(end_user["emission_buildings_scope1"], territorial["emission_buildings_scope1"])


def test_every_band_counts_once_in_the_sum_of_uses():
    per_use = sum(weights(BANDS, sectors=(s,)) for s in SECTORS)
    assert np.array_equal(per_use, weights(BANDS)), "sectors do not overlap"
