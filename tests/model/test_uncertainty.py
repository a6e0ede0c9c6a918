# SPDX-License-Identifier: Apache-2.0
"""Approach 1 with three parts: oracles T22, T23, T33 by name, and the correlations one by one."""

from math import hypot, sqrt

import numpy as np
import pytest

from carbongrid import buildings
from carbongrid.factors import FactorSet
from carbongrid.grid import Grid, Window
from carbongrid.inventory import Activity, FactorRow, Pieces
from carbongrid.uncertainty import (
    cell_half_widths,
    combine,
    half_widths,
    mean_quality,
    piece_half_widths,
    placeholder_share,
)
from tests.model.activity import lines, table

EXACT = FactorRow("exact", "exact", 0.0, "verified", "test")
WINDOW = Window(Grid(5179, 100), 0, 10, 10, 10)


def factor(u_pct, group="g", status="verified"):
    return FactorRow(f"{group}.{u_pct}.{status}", group, u_pct, status, "test")


def row(name, u_pct, status="verified"):
    return Activity(name, u_pct, status, "test")


def plus(made):
    return np.ones(len(made.kg), np.int64)


def pieces(cell, line, kg):
    """CSR by cell from loose pieces in cell order."""
    cells, count = np.unique(cell, return_counts=True)
    return Pieces(
        WINDOW, cells.astype(np.int64), np.r_[0, np.cumsum(count)].astype(np.int64),
        np.array(line, np.int32), np.array(kg, np.int64),
    )  # fmt: skip


# --- totals -----------------------------------------------------------------------------------------------------


def test_t22_5_and_3_per_cent_make_5_831():
    assert combine(5, 3) == pytest.approx(5.831, abs=1e-3)
    made = lines([100_000], u_own=5)
    assert half_widths(made.kg, made, plus(made), [factor(3)], []) == pytest.approx(5_831, abs=0.1)


def test_t23_ten_thousand_cells_with_a_shared_factor_err_by_3_007_per_cent():
    made = lines([1000] * 10_000, u_own=20)
    assert 100 * half_widths(made.kg, made, plus(made), [factor(3)], []) / 1e7 == pytest.approx(3.007, abs=1e-3)
    # were the factor independent too, it would print 0.202
    assert 100 * sqrt(1e4) * 1000 * hypot(0.20, 0.03) / 1e7 == pytest.approx(0.202, abs=1e-3)


def test_t33_fifty_thousand_cells_of_one_intensity_err_as_the_intensity():
    made = lines([1000] * 50_000, row=[0] * 50_000)
    width = half_widths(made.kg, made, plus(made), [EXACT], [row("eui", 40)])
    assert 100 * width / 5e7 == pytest.approx(40, abs=0.01)


def test_a_city_of_one_intensity_row_errs_as_that_row():
    # own 30 % of each of 10,000 buildings averages away: sqrt(35² + 30²/10⁴ + factors) per cent of the energy
    n = 10_000
    factors = FactorSet.load("kor")
    e = buildings.estimate(table("buildings", [100.0] * n, use=["house"] * n, storeys=[2.0] * n), factors, 2023)
    width = half_widths(e.lines.kg, e.lines, plus(e.lines), e.factors, e.rows)
    total = e.lines.kg.sum()
    gas, electricity = (e.lines.kg[np.isin(e.lines.factor, f)].sum() for f in _by_gas(e))
    factor_part = hypot(0.03 * electricity, 0.02 * gas)
    assert 100 * width / total == pytest.approx(100 * hypot(0.35, 0.003, factor_part / total), abs=0.01)
    assert 100 * width / total == pytest.approx(35, abs=0.2)


def _by_gas(e):
    ids = [f.id for f in e.factors]
    return [ids.index("kr_citygas_kwh_gcv")], [ids.index("kr_el_2023")]


def test_sources_of_one_factor_add_up_and_of_two_groups_add_in_quadrature():
    made = lines([300, 400], factor=[0, 1])
    together = half_widths(made.kg, made, plus(made), [factor(10, "gas"), factor(10, "gas", "derived")], [])
    apart = half_widths(made.kg, made, plus(made), [factor(10, "gas"), factor(10, "power")], [])
    assert (together, apart) == (pytest.approx(70), pytest.approx(50))


def test_all_lines_of_a_source_share_its_own_error():
    one_source, two = lines([300, 400], source=[0, 0], u_own=10), lines([300, 400], u_own=10)
    assert half_widths(one_source.kg, one_source, plus(one_source), [EXACT], []) == pytest.approx(70, abs=1e-4)
    assert half_widths(two.kg, two, plus(two), [EXACT], []) == pytest.approx(50, abs=1e-4)


def test_combined_rows_share_what_they_have_in_common():
    # line 0: intensity and storeys; line 1: intensity alone. Intensity 10 % errs together: 70; storeys 20 % of 300
    rows = [row("eui", 10), row("storeys", 20), row("eui+storeys", combine(10, 20))]
    made = lines([300, 400], row=[2, 0])
    assert half_widths(made.kg, made, plus(made), [EXACT], rows) == pytest.approx(hypot(70, 60))


def test_a_removal_cancels_what_it_shares_with_an_emission():
    made = lines([100, 40], source=[0, 0], row=[0, 0], u_own=10)
    sign = np.array([1, -1], np.int64)
    # 50 % of (100 - 40) in common and 10 % of it in own
    assert half_widths(made.kg, made, sign, [EXACT], [row("increment", 50)]) == pytest.approx(hypot(30, 6), abs=1e-4)


def test_a_line_that_does_not_count_adds_nothing():
    made = lines([100, 10**9], u_own=10)
    assert half_widths(made.kg, made, np.array([1, 0], np.int64), [factor(50)], []) == pytest.approx(
        hypot(50, 10), abs=1e-4
    )


def test_part_of_every_line_errs_in_proportion():
    made = lines([1000, 2000], u_own=10, row=[0, 0])
    whole, quarter = (half_widths(made.kg * k, made, plus(made), [factor(5)], [row("r", 20)]) for k in (1.0, 0.25))
    assert quarter == pytest.approx(whole / 4)


def test_no_lines_have_no_width():
    made = lines([])
    assert half_widths(made.kg, made, plus(made), [], []) == 0.0


def test_closed_form_against_independent_draws():
    """1,000 sources over 3 factors, 4 rows: widths agree with 1.96 sd of simulated totals within sampling error."""
    rng = np.random.default_rng(11)
    n, draws = 1000, 20_000
    made = lines(
        rng.integers(1, 5000, n), factor=rng.integers(0, 3, n), row=rng.integers(-1, 4, n), u_own=np.float32(15)
    )
    factors = [factor(u, f"g{u}") for u in (3, 8, 12)]
    rows = [row("a", 20), row("b", 10), row("a+b", combine(20, 10)), row("c", 5)]
    f, (a, b, c) = rng.normal(0, np.array([3, 8, 12]) / 196, (draws, 3)), rng.normal(0, 1, (3, draws)) / 196
    a, b, c = 20 * a, 10 * b, 5 * c
    kg = made.kg.astype(float)
    shared = f @ np.bincount(made.factor, kg, 3)
    shared += np.stack([a, b, a + b, c], axis=1) @ np.bincount(made.row[made.row >= 0], kg[made.row >= 0], 4)
    own = rng.normal(0, 0.15 / 1.96 * sqrt(kg @ kg), draws)
    simulated = 1.96 * np.std(shared + own)
    assert half_widths(made.kg, made, plus(made), factors, rows) == pytest.approx(simulated, rel=0.02)


# --- cells ------------------------------------------------------------------------------------------------------


def test_each_cell_errs_as_if_it_were_alone():
    made = lines([100, 200], u_own=10)
    split = pieces([3, 7, 7], [0, 0, 1], [60, 40, 200])
    widths = cell_half_widths(split, made, plus(made), [factor(5)], [], np.array([0, 1], np.int64), 2)
    assert widths == pytest.approx([hypot(0.05 * 60, 6), hypot(0.05 * 240, 4, 20)], rel=1e-6)


def test_the_parts_of_one_source_in_a_coarser_cell_are_added_before_squaring():
    made = lines([100], u_own=10)
    split = pieces([3, 7], [0, 0], [60, 40])
    fine = cell_half_widths(split, made, plus(made), [EXACT], [], np.array([0, 1], np.int64), 2)
    coarse = cell_half_widths(split, made, plus(made), [EXACT], [], np.array([0, 0], np.int64), 1)
    assert fine == pytest.approx([6, 4])
    assert coarse == pytest.approx([10]), "not hypot(6, 4) = 7.2: both parts are one meter"


def test_one_group_of_all_cells_errs_as_the_total():
    rng = np.random.default_rng(12)
    n, parts = 200, 900
    line = np.sort(rng.integers(0, n, parts))
    kg = rng.integers(1, 100, parts)
    made = lines(
        np.bincount(line, kg, n).astype(int),
        factor=rng.integers(0, 2, n),
        row=rng.integers(-1, 2, n),
        u_own=np.float32(7),
    )
    sign = rng.choice([-1, 0, 1], n).astype(np.int64)
    factors, rows = [factor(3, "x"), factor(9, "y")], [row("a", 30), row("b", 15)]
    order = rng.permutation(parts)
    one = piece_half_widths(line[order], kg[order], np.zeros(parts, np.int64), made, sign, factors, rows, 1)
    assert one[0] == pytest.approx(half_widths(made.kg, made, sign, factors, rows))


def test_cells_left_out_and_empty_groups():
    made = lines([100, 50], u_own=10)
    split = pieces([1, 2], [0, 1], [100, 50])
    widths = cell_half_widths(split, made, plus(made), [EXACT], [], np.array([2, -1], np.int64), 4)
    assert widths == pytest.approx([0, 0, 10, 0])


# --- quality and placeholders -----------------------------------------------------------------------------------


def test_quality_is_the_emission_weighted_mean():
    kg, grade = np.array([300, 100, 500, 900]), np.array([2, 5, 4, 1], np.uint8)
    # (300 x 2 + 100 x 5) / 400 = 2.75 -> 3; nothing known in group 1; the last piece is left out
    assert mean_quality(kg, grade, np.array([0, 0, 2, -1]), 3).tolist() == [3, 0, 4]


def test_half_a_grade_rounds_to_the_worse():
    assert mean_quality(np.array([100, 100]), np.array([2, 3], np.uint8), np.zeros(2, np.int64), 1).tolist() == [3]


def test_placeholder_share_counts_factors_and_rows_once():
    made = lines([100, 200, 300, 400], factor=[0, 1, 0, 1], row=[0, -1, 1, 1])
    factors = [factor(5, "a"), factor(5, "b", "placeholder")]
    rows = [row("good", 10), row("guess", 10, "placeholder")]
    assert placeholder_share(made.kg, made, factors, rows) == pytest.approx((200 + 300 + 400) / 1000)
    assert placeholder_share(made.kg * 0.5, made, factors, rows) == pytest.approx(0.9)
    assert placeholder_share(lines([]).kg, lines([]), factors, rows) == 0.0
