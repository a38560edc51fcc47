"""Tests and intervals for the difference of two classifiers on the same rows.

McNemar's test and the bootstrap need only the rows on which exactly one classifier is right, so they take the numbers
of those rows. `welch` compares the mean scores of two independent samples. The functions use NumPy because importing
scipy.stats takes longer than most comparisons; the tests check them against scipy.stats.
"""

import functools
import math

import numpy as np
from numpy.typing import ArrayLike

COVERAGE = 0.95
"""Coverage of all intervals."""


def mcnemar(only_a: int, only_b: int) -> float:
    """Compute the two-sided p-value of McNemar's exact test of two classifiers on the same rows.

    If both are equally good, each of the `only_a + only_b` rows that exactly one of them predicts right is the toss of
    a fair coin, and p is the binomial probability of a split at least as uneven; 1 if there are no such rows.
    McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12; exact, not his chi-squared approximation.
    """
    n, fewer = only_a + only_b, min(only_a, only_b)
    if 2 * fewer >= n - 1:  # both tails together have probability 1
        return 1.0
    k = np.arange(fewer, 0, -1, dtype=np.float64)
    # P(X = k - 1) / P(X = k) = k / (n - k + 1): the tail as a sum of ratios to its largest term
    tail = 1 + np.cumprod(k / (n - k + 1)).sum()
    log_largest = math.lgamma(n + 1) - math.lgamma(fewer + 1) - math.lgamma(n - fewer + 1) - n * math.log(2)
    return min(1.0, 2 * math.exp(log_largest) * float(tail))


def holm(p_values: ArrayLike) -> np.ndarray:
    """Correct p-values for multiple tests by Holm's method, which controls the family-wise error rate.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6: the smallest of m is
    multiplied by m, the next by m - 1, and so on, none less than its predecessor, at most 1.

    Args:
        p_values: (m,). NaN marks a test that could not be computed. It stays NaN, and m does not count it.
    """
    p = np.asarray(p_values, np.float64)
    corrected = np.full(p.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    corrected[order] = np.maximum.accumulate(p[order] * factors).clip(max=1) if len(order) else []
    return corrected


@functools.lru_cache(maxsize=4096)
def bootstrap_interval(only_a: int, only_b: int, n: int) -> tuple[float, float]:
    """Compute the percentile bootstrap interval (95 %) of the difference of two accuracies on the same n rows, a - b.

    Each resampled row adds +1 (only classifier A is right), -1 (only B is right) or 0 to the difference, with the
    observed frequencies. So the difference is a sum of n independent steps. Its distribution, the
    limit of infinitely many resamples ("ideal bootstrap"), follows from the n-th power of the characteristic function
    of one step, without random numbers. Efron and Tibshirani (1993), "An Introduction to the Bootstrap", ch. 6 and 13.

    Returns:
        (low, high); NaN if both classifiers are right on the same rows: every resample then gives 0.
    """
    if only_a + only_b == 0:
        return math.nan, math.nan
    up, down, centre = only_a / n, only_b / n, only_a - only_b
    sd = math.sqrt(n * (up + down - (up - down) ** 2))
    # The window reaches 12 standard deviations from the mean: the probability outside is below float64's rounding.
    size = min(2 * n + 1, 1 << math.ceil(math.log2(24 * sd + 64)))
    unit = np.exp(2j * np.pi * np.arange(size) / size)
    power = (1 - up - down + up * unit + down * unit.conj()) ** n
    sums = np.arange(centre - size // 2, centre - size // 2 + size)
    cumulative = (np.fft.fft(power).real / size)[sums % size].cumsum()
    low, high = np.searchsorted(cumulative, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(sums[low] / n), float(sums[high] / n)


def welch(a: ArrayLike, b: ArrayLike) -> tuple[float, float, float, float]:
    """Compare the means of two independent samples by Welch's t test, which does not assume equal variances.

    Welch (1947), "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34.

    Args:
        a, b: at least two values each.

    Returns:
        The difference of the means, both ends of its 95 % interval, and the two-sided p-value; the last three are NaN
        if both samples are constant.
    """
    from scipy.special import stdtr, stdtrit  # takes 0.3 s, which only comparisons of several seeds need

    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    difference = float(first.mean() - second.mean())
    parts = [float(values.var(ddof=1)) / len(values) for values in (first, second)]
    standard_error = math.sqrt(sum(parts))
    if standard_error < 1e-12:
        return difference, math.nan, math.nan, math.nan
    squares = sum(part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True))
    degrees_of_freedom = standard_error**4 / squares
    half = float(stdtrit(degrees_of_freedom, (1 + COVERAGE) / 2)) * standard_error
    p_value = 2 * stdtr(degrees_of_freedom, -abs(difference) / standard_error)
    return difference, difference - half, difference + half, float(p_value)
