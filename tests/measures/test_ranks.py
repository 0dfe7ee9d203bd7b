"""Rank correlations against SciPy's, their intervals, and the share between options."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from simulator.measures.ranks import rank_correlation, share_between_groups


def test_the_value_is_spearmans() -> None:
    """With ties as well; what is missing on either side is left out."""
    generator = np.random.default_rng(3)
    first, second = generator.integers(0, 9, 40).astype(float), generator.standard_normal(40)
    known = float(stats.spearmanr(first, second).statistic)
    assert pytest.approx(known, abs=1e-12) == rank_correlation(first, second, 0.95).value
    holed = rank_correlation([*first, 1.0, math.nan], [*second, math.nan, 1.0], 0.95)
    assert (pytest.approx(known, abs=1e-12), 40) == (holed.value, holed.n)


def test_what_only_rises_is_one() -> None:
    """And its negative; the interval has a length and holds it."""
    rising = np.arange(30.0)
    for sign in (1.0, -1.0):
        one = rank_correlation(rising, sign * np.exp(rising / 5), 0.95)
        assert pytest.approx(sign) == one.value
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.value <= one.high
        assert one.low < one.high


def test_what_does_not_vary_has_none() -> None:
    """Nor has a handful of pairs."""
    assert rank_correlation([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0], 0.95).value is None
    assert rank_correlation([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.95).value is None
    assert share_between_groups([0, 0, 1, 1], [2.0, 2.0, 2.0, 2.0], 0.95).value is None


@pytest.mark.parametrize("correlation", [0.0, 0.5, -0.9])
def test_intervals_hold_the_truth_as_often_as_they_say(correlation: float) -> None:
    """Normal pairs, 64 in a study, 400 studies at 95 %: missed at most 36 times (20 are due)."""
    generator = np.random.default_rng(20261125)
    truth = 6 / math.pi * math.asin(correlation / 2)  # Spearman's rho of normal pairs, Pearson (1907)
    missed = 0
    for _ in range(400):
        first, noise = generator.standard_normal((2, 64))
        second = correlation * first + math.sqrt(1 - correlation**2) * noise
        one = rank_correlation(first, second, 0.95)
        assert one.low is not None
        assert one.high is not None
        missed += not one.low <= truth <= one.high
    assert missed <= 36


def test_the_share_between_options_is_kruskal_and_wallis() -> None:
    """H over n − 1, ties included; 1 where options do not overlap in rank only with two options of equal size."""
    generator = np.random.default_rng(4)
    groups = generator.integers(0, 3, 50)
    values = np.round(generator.standard_normal(50) + groups, 1)
    known = stats.kruskal(*(values[groups == label] for label in range(3))).statistic / 49
    assert pytest.approx(known, rel=1e-12) == share_between_groups(groups.astype(float), values, 0.95).value
