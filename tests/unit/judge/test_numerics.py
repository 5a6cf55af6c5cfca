# SPDX-License-Identifier: GPL-3.0-or-later
"""The numerics against others' figures: scipy 1.17's where there is a distribution, whole-number arithmetic where one can count, published tables."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from itertools import combinations

import pytest
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import counts, normal, ranks, spending
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.shift import shift
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("p", "z"),
    [(0.3, 0.5244005127080409), (0.01, 2.3263478740408408), (1e-6, 4.753424308822899), (1e-30, 11.464024688443613), (0.975, -1.959963984540054)],
)
def test_normal_quantiles(p: float, z: float) -> None:
    assert normal.quantile_above(p) == pytest.approx(z, rel=1e-13)
    assert normal.above(z) == pytest.approx(p, rel=1e-12)


def test_no_chance_at_all() -> None:
    assert normal.quantile_above(0.0) == math.inf
    assert normal.quantile_above(1.0) == -math.inf


@pytest.mark.parametrize(
    ("t", "degrees", "p"),
    [(0.5, 1, 0.35241638234956674), (2, 3, 0.06966298427942152), (-1, 7, 0.8246916685898963), (12, 30, 2.7900927075996303e-13), (3.5, 2, 0.036413675027234665)],
)
def test_student(t: float, degrees: int, p: float) -> None:
    assert normal.t_above(t, degrees) == pytest.approx(p, rel=1e-12)


@pytest.mark.parametrize(
    ("table", "p"),
    [
        ((18, 180, 0, 180), 2.439888929615862e-06),
        ((7, 60, 0, 60), 0.0064922289986228615),
        ((1200, 1_000_000, 1000, 1_000_000), 1.0795513966870165e-05),
        ((50, 1000, 20, 900), 0.000854766954968059),
        ((3, 9, 4, 11), 0.7275541795665634),
    ],
)
def test_fisher(table: tuple[int, int, int, int], p: float) -> None:
    assert counts.fisher_above(*table) == pytest.approx(p, rel=1e-8)


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_fisher_is_what_one_counts(of: int, base_of: int, data: st.DataObject) -> None:
    events, base = data.draw(st.integers(0, of)), data.draw(st.integers(0, base_of))
    total = events + base
    ways = sum(math.comb(of, k) * math.comb(base_of, total - k) for k in range(events, min(total, of) + 1) if total - k <= base_of)
    assert counts.fisher_above(events, of, base, base_of) == pytest.approx(float(Fraction(ways, math.comb(of + base_of, total))), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("events", "of", "share", "p"),
    [
        (3, 10, 0.2, 0.32220047360000015),
        (1000, 1_000_000, 0.00095, 0.05496988126680271),
        (7, 60, 0.05, 0.02969410195488331),
        (0, 5, 0.1, 1.0),
        (6, 5, 0.1, 0.0),
    ],
)
def test_binomial(events: int, of: int, share: float, p: float) -> None:
    assert counts.binomial_above(events, of, share) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(
    ("events", "expected", "p"), [(3, 1.5, 0.19115316946194183), (1100, 1000.0, 0.0009626304058665587), (2, 10.0, 0.9995006007726127), (1, 0, 0.0), (0, 0, 1.0)]
)
def test_poisson(events: int, expected: float, p: float) -> None:
    assert counts.poisson_above(events, expected) == pytest.approx(p, rel=1e-9)


@pytest.mark.parametrize(("events", "expected", "p"), [(3001, 1000.0, 0.0), (100_000, 1.0, 0.0), (1000, 3001.0, 1.0), (1, 1e6, 1.0)])
def test_poisson_far_out_ends(events: int, expected: float, p: float) -> None:
    """The first term is too small for a float; nothing in double precision is nearer than the limit."""
    assert counts.poisson_above(events, expected) == p


def test_rates_by_their_share_of_the_exposure() -> None:
    """10 events in 1 hour against 30 in 9 hours: of 40 events a tenth was to be expected."""
    assert counts.rates_above(10, 3600, 30, 9 * 3600) == pytest.approx(counts.binomial_above(10, 40, 0.1))


def test_smallest_count() -> None:
    assert counts.smallest_found(lambda count: count >= 7, 60) == 7
    assert counts.smallest_found(lambda count: count >= 0, 60) == 0
    assert counts.smallest_found(lambda count: count > 60, 60) is None
    share = counts.share_with_power(7, 60, 0.8)
    assert counts.binomial_above(7, 60, share) == pytest.approx(0.8)


# --- Mann and Whitney ---------------------------------------------------------------------------------------------------
PERMEABILITY = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46], [1.15, 0.88, 0.90, 0.74, 1.21]


def test_the_example_of_hollander_and_wolfe() -> None:
    """Nonparametric Statistical Methods, table 4.1, as in the manual of R's wilcox.test: p = 0.1272, and an estimate of 0.305."""
    assert ranks.p_above(*PERMEABILITY) == pytest.approx(0.1272, abs=5e-5)
    assert shift(*PERMEABILITY, 0.05).estimate == pytest.approx(0.305)


small = st.lists(st.integers(0, 4).map(float), min_size=1, max_size=6)


@given(small, small)
def test_exact_with_ties_is_what_one_counts(canary: list[float], baseline: list[float]) -> None:
    both = [*canary, *baseline]
    all_ranks = ranks.midranks(both)
    seen = sum(all_ranks[: len(canary)])
    sums = [sum(chosen) for chosen in combinations(all_ranks, len(canary))]
    assert ranks.p_above(canary, baseline) == pytest.approx(sum(each >= seen for each in sums) / len(sums))


def test_normal_with_ties() -> None:
    """1 to 4, each many times: scipy's asymptotic p with its correction for ties and continuity."""
    canary, baseline = [1.0] * 20 + [2.0] * 30 + [3.0] * 15 + [4.0] * 5, [1.0] * 25 + [2.0] * 25 + [3.0] * 10 + [4.0] * 5
    assert ranks.p_above(canary, baseline) == pytest.approx(0.1341166461492032, rel=1e-12)


def test_exact_and_normal_meet() -> None:
    canary, baseline = [float(number) for number in range(30)], [number - 4.5 for number in range(30)]
    both = ranks.midranks([*canary, *baseline])
    exact = ranks.p_above(canary, baseline)
    assert normal.above(ranks.z_score(both, 30, sum(both[:30]))) == pytest.approx(exact, rel=0.03)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12), st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12))
def test_inflation_only_makes_less_sure(canary: list[float], baseline: list[float]) -> None:
    assert ranks.p_above(canary, baseline, 2.0) >= ranks.p_above(canary, baseline)
    assert 0 <= ranks.p_above(canary, baseline) <= 1


# --- Hodges and Lehmann -------------------------------------------------------------------------------------------------
tenths = st.lists(st.integers(-50, 50).map(lambda number: number / 10), min_size=1, max_size=20)


@settings(max_examples=50, deadline=None)
@given(tenths, tenths)
def test_shift_is_the_median_of_all_differences(canary: list[float], baseline: list[float]) -> None:
    found = shift(canary, baseline, 0.02)
    assert found.estimate == pytest.approx(statistics.median(x - y for x in canary for y in baseline))
    assert found.low <= found.estimate <= found.high
    moved = shift([value + 7 for value in canary], baseline, 0.02)
    assert moved.low == pytest.approx(found.low + 7)
    assert moved.high == pytest.approx(found.high + 7)


def test_counting_differences_finds_what_listing_them_finds(monkeypatch) -> None:
    canary, baseline = [math.sin(number) * 3 + 1 for number in range(50)], [math.cos(number * 1.3) * 2 for number in range(60)]
    listed = shift(canary, baseline, 0.02)
    monkeypatch.setattr("ansible_collections.evenkeel.release.plugins.plugin_utils._judge.shift.SORTED_UP_TO", 0)
    assert shift(canary, baseline, 0.02) == pytest.approx(listed, abs=1e-9)


def test_an_interval_that_the_sample_is_too_small_for() -> None:
    found = shift([1.0, 2.0], [3.0], 0.02)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_the_interval_covers() -> None:
    """The bound is where the one-sided test turns, as near as the normal approximation is."""
    canary, baseline = [number * 1.07 for number in range(40)], [number * 0.93 - 3 for number in range(40)]
    found = shift(canary, baseline, 0.02)
    assert ranks.p_above([value - found.low + 0.5 for value in canary], baseline) < 0.01
    assert ranks.p_above([value - found.low - 1.5 for value in canary], baseline) > 0.01


# --- looking more than once ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("alpha", "fractions", "bounds"),
    [
        # Reboussin, DeMets, Kim and Lan (Controlled Clinical Trials 2000), and gsDesign's sfLDOF
        (0.025, (0.2, 0.4, 0.6, 0.8, 1.0), (4.8769, 3.3569, 2.6803, 2.2898, 2.0310)),
        (0.025, (0.5, 1.0), (2.9626, 1.9686)),
        (0.025, (1.0,), (1.9600,)),
    ],
)
def test_published_bounds(alpha: float, fractions: tuple[float, ...], bounds: tuple[float, ...]) -> None:
    assert spending.bounds(alpha, fractions) == pytest.approx(bounds, abs=2e-4)


def test_all_looks_together_spend_alpha() -> None:
    assert spending.spent(0.01, 1.0) == 0.01
    assert spending.spent(0.01, 0.0) == 0.0
    shares = [spending.spent(0.01, number / 10) for number in range(11)]
    assert shares == sorted(shares)
    assert spending.level(0.01, [1.0]) == pytest.approx(0.01)


def test_many_close_looks_still_add_up() -> None:
    """The bound of 30 looks is above that of one and below that of sharing evenly."""
    last = spending.level(0.01, [(number + 1) / 30 for number in range(30)])
    assert 0.01 / 30 < last < 0.01


@pytest.mark.parametrize("fractions", [(), (0.5, 0.5), (0.6, 0.4), (0.0, 1.0), (0.5, 1.1)])
def test_looks_that_make_no_sense(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="each needs a fraction above the one before"):
        spending.bounds(0.01, fractions)


def test_a_very_early_look_has_a_bound_that_one_can_compute_with() -> None:
    """It may spend less than a float can say."""
    level = spending.level(0.01, [0.0001])
    assert 0 < level < 1e-290
    assert math.isfinite(shift([float(number) for number in range(50)], [float(number) for number in range(50)], level).estimate)
