"""The histogram: error of its bins, exact addition, quantiles."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.measures.histogram import BINS, Histogram, bins_of, edges_ns, least_of, middle_of
from simulator.measures.percentiles import rank
from simulator.units import FOREVER

VALUES = st.one_of(st.integers(1, 1000), st.integers(1, FOREVER))


@settings(derandomize=True, deadline=None, max_examples=500)
@given(value=VALUES)
def test_the_middle_of_a_bin_is_within_0_4_percent(value: int) -> None:
    """The middle of a value's bin differs from it by at most 0.4 %, over all of int64."""
    index = int(bins_of(np.array([value]))[0])
    assert 0 <= index < BINS
    assert abs(middle_of(index) - value) * 250 <= value


@settings(derandomize=True, deadline=None, max_examples=500)
@given(value=st.integers(1, 2**53))
def test_a_value_lies_in_its_bin(value: int) -> None:
    """Whole numbers that float64 holds lie at or above the least of their bin, and below the next one's."""
    index = int(bins_of(np.array([value]))[0])
    assert least_of(index) <= value < least_of(index + 1)
    assert edges_ns()[index] <= value < edges_ns()[index + 1]


def test_small_values_have_bins_of_their_own() -> None:
    """Up to 256 ns every whole number is its own bin, and so exact."""
    values = np.arange(1, 257)
    assert values.tolist() == [middle_of(index) for index in bins_of(values)]


@settings(derandomize=True, deadline=None)
@given(values=st.lists(VALUES, min_size=1, max_size=200), thousandths=st.integers(1, 999))
def test_quantiles_are_the_right_rank_to_0_4_percent(values: list[int], thousandths: int) -> None:
    """The quantile is within 0.4 % of the value that has the rank."""
    share = Fraction(thousandths, 1000)
    exact = sorted(values)[rank(share, len(values)) - 1]
    assert abs(Histogram.of(np.array(values)).quantile_ns(share) - exact) * 250 <= exact


def test_histograms_add_up_in_any_order() -> None:
    """The histogram of all is the sum of the histograms of parts, whatever the parts and their order."""
    values = np.random.default_rng(11).lognormal(19, 1.5, 5000).astype(np.int64) + 1
    parts = [Histogram.of(part) for part in np.array_split(values, [3, 3, 1700, 4000])]
    assert Histogram.of(values) == Histogram.merged(parts) == Histogram.merged(reversed(parts))
    assert Histogram.of(values) != Histogram.of(values[1:])
    assert 5000 == Histogram.merged(parts).total


def test_case_c37_merged_against_mean_percentiles() -> None:
    """Nine hosts at 10 ms and one at 1,000 ms: mean of p99s 109 ms, p99 of all 1,000 ms, p85 of all 10 ms."""
    hosts = [np.full(1000, 10_000_000)] * 9 + [np.full(1000, 1_000_000_000)]
    p99, p85 = Fraction(99, 100), Fraction(85, 100)
    own = [np.sort(host)[rank(p99, 1000) - 1] / 1e6 for host in hosts]
    merged = Histogram.merged(Histogram.of(host) for host in hosts)
    assert 109 == np.mean(own)
    assert 1000 == pytest.approx(merged.quantile_ns(p99) / 1e6, rel=1 / 256)
    assert 10 == pytest.approx(merged.quantile_ns(p85) / 1e6, rel=1 / 256)


def test_an_empty_histogram_has_no_quantile() -> None:
    """No value, no quantile, and an error that says so."""
    with pytest.raises(ValueError, match="no quantile"):
        Histogram.of(np.empty(0, np.int64)).quantile_ns(Fraction(1, 2))
