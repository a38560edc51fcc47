"""Tests and intervals of a comparison, against SciPy, other derivations, and simulations."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlplab.inspection.paired_tests import bootstrap_interval, holm, mcnemar, welch


def test_mcnemar_is_the_exact_binomial_test_of_scipy():
    few = itertools.product(range(0, 30, 3), range(1, 40, 4))
    for counts in (*few, (4000, 4200), (129, 119), (60, 2), (30_000, 30_900)):
        assert mcnemar(*counts) == pytest.approx(stats.binomtest(counts[0], sum(counts)).pvalue, rel=1e-9)


@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_twice_the_smaller_tail(a, b):
    # the definition of mcnemar(exact=True) in statsmodels
    assert mcnemar(a, b) == pytest.approx(min(1, 2 * stats.binom.cdf(min(a, b), a + b, 0.5)), rel=1e-9)
    assert mcnemar(a, b) == mcnemar(b, a)


def test_holm_by_hand():
    # 4 · 0.005, 3 · 0.01, 2 · 0.03, and the last no less than the one before it
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.3, np.nan, 0.9]) == pytest.approx([0.6, np.nan, 0.9], nan_ok=True)
    assert len(holm([])) == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_bonferroni_in_every_subset(p):
    # Closed testing: a hypothesis falls if every intersection with it falls, each tested by Bonferroni.
    def adjusted(i):
        others = [j for j in range(len(p)) if j != i]
        subsets = (s for size in range(len(p)) for s in itertools.combinations(others, size))
        return max(min(1, (len(s) + 1) * min(p[j] for j in (i, *s))) for s in subsets)

    assert holm(p) == pytest.approx([adjusted(i) for i in range(len(p))])


@pytest.mark.parametrize(("only_a", "only_b", "n"), [(30, 18, 400), (4, 0, 50), (1, 1, 10)])
def test_the_bootstrap_interval_is_that_of_drawing_rows(only_a, only_b, n):
    a = np.array([1] * only_a + [0] * only_b + [1] * (n - only_a - only_b))
    b = np.array([0] * only_a + [1] * only_b + [1] * (n - only_a - only_b))
    rng, draws = np.random.default_rng(1), 4000
    differences = np.empty(draws)
    for i in range(draws):
        rows = rng.integers(0, n, n)
        differences[i] = a[rows].mean() - b[rows].mean()
    low, high = bootstrap_interval(only_a, only_b, n)
    noise = max(1.01 / n, 0.12 * differences.std())  # of a percentile of 4,000 draws, about 4 standard errors
    assert (low, high) == pytest.approx(np.percentile(differences, [2.5, 97.5], method="inverted_cdf"), abs=noise)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 2000))
def test_the_bootstrap_interval_turns_round_with_the_pair(only_a, only_b, rest):
    n = only_a + only_b + rest
    if only_a + only_b == 0:
        assert np.isnan(bootstrap_interval(0, 0, max(n, 1))).all()
        return
    low, high = bootstrap_interval(only_a, only_b, n)
    assert -1 <= low <= (only_a - only_b) / n <= high <= 1
    # Two sums may share a percentile exactly, and then either is one.
    assert bootstrap_interval(only_b, only_a, n) == pytest.approx((-high, -low), abs=1.01 / n)


def correlated(rng, tests, n, shift=0.0):
    """(tests, 2) counts of rows that only one of two classifiers gets right. Rows differ in difficulty, which both
    share, so that their errors are correlated; `shift` makes the first better."""
    difficulty = rng.beta(0.3, 2.0, (tests, n))
    a = rng.random((tests, n)) > difficulty * (1 - shift)
    b = rng.random((tests, n)) > difficulty
    return np.stack([(a & ~b).sum(1), (b & ~a).sum(1)], 1)


def test_equally_good_classifiers_differ_significantly_in_at_most_5_percent():
    counts = correlated(np.random.default_rng(2), 3000, 1000)
    rate = np.mean([mcnemar(*pair) < 0.05 for pair in counts.tolist()])
    noise = 3 * np.sqrt(0.05 * 0.95 / 3000)
    assert 0.02 < rate < 0.05 + noise  # the exact test keeps below its level


def test_of_ten_true_hypotheses_none_is_rejected_in_95_percent():
    counts = correlated(np.random.default_rng(3), 10_000, 300).reshape(1000, 10, 2)
    rate = np.mean([(holm([mcnemar(*pair) for pair in family]) < 0.05).any() for family in counts.tolist()])
    assert rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_a_difference_is_found_as_often_as_theory_says():
    # one alone gets 6 % of 2,000 rows right, the other alone 4 %
    n, up, down = 2000, 0.06, 0.04
    counts = np.random.default_rng(4).multinomial(n, [up, down, 1 - up - down], 3000)
    power = np.mean([mcnemar(a, b) < 0.05 for a, b, _ in counts.tolist()])
    # Normal approximation, Connor (1987), Biometrics 43; the exact test finds a little less.
    error, null_error = np.sqrt(up + down - (up - down) ** 2), np.sqrt(up + down)
    expected = stats.norm.cdf((np.sqrt(n) * (up - down) - 1.96 * null_error) / error)
    assert expected - 0.06 < power < expected + 0.02


@pytest.mark.parametrize(("n", "up", "down"), [(1000, 0.06, 0.04), (500, 0.1, 0.1)])
def test_95_percent_of_intervals_cover_the_difference(n, up, down):
    counts = np.random.default_rng(5).multinomial(n, [up, down, 1 - up - down], 3000)
    ends = np.array([bootstrap_interval(a, b, n) for a, b, _ in counts.tolist()])
    covered = ((ends[:, 0] <= up - down) & (up - down <= ends[:, 1])).mean()
    assert covered == pytest.approx(0.95, abs=0.015)


def test_welch_is_that_of_scipy():
    a, b = [0.857, 0.852, 0.8610, 0.8495], [0.885, 0.884, 0.8858]
    difference, low, high, p = welch(a, b)
    expected = stats.ttest_ind(a, b, equal_var=False)
    ends = expected.confidence_interval()
    assert difference == pytest.approx(np.mean(a) - np.mean(b))
    assert (low, high, p) == pytest.approx((ends.low, ends.high, expected.pvalue), rel=1e-9)


def test_welch_is_nan_for_values_that_do_not_vary():
    difference, *others = welch([0.5, 0.5], [0.4, 0.4])
    assert difference == pytest.approx(0.1)
    assert np.isnan(others).all()
