"""Percentiles as ranks, and the names of their levels."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.measures.percentiles import LEVELS, QUANTILE_RULE, level, rank


@pytest.mark.parametrize(
    ("text", "name", "column"),
    [
        ("p50", "p50", "p50"),
        ("p99.9", "p99.9", "p999"),
        ("p(99.9)", "p99.9", "p999"),
        ("p999", "p99.9", "p999"),
        ("p(5)", "p5", "p05"),
        ("p97.5", "p97.5", "p975"),
        ("p9999", "p99.99", "p9999"),
    ],
)
def test_a_level_has_one_name_however_it_is_written(text: str, name: str, column: str) -> None:
    """Each way of writing a level leads to the same name and the same column."""
    assert (name, column) == (level(text).name, level(text).column)


@pytest.mark.parametrize("text", ["p0", "p100", "p101", "p(0.0)", "p(100)", "q99", "p", "p99.", "99"])
def test_what_is_no_level_is_refused(text: str) -> None:
    """Levels lie strictly between 0 and 100."""
    with pytest.raises(ValueError, match="not a percentile"):
        level(text)


@settings(derandomize=True, deadline=None)
@given(values=st.lists(st.integers(1, 30), min_size=1, max_size=300), thousandths=st.integers(1, 999))
def test_the_rank_is_the_smallest_value_not_exceeded_by_the_share(values: list[int], thousandths: int) -> None:
    """At least the share is at or below the value of that rank, and less than the share is below it."""
    share = Fraction(thousandths, 1000)
    value = sorted(values)[rank(share, len(values)) - 1]
    assert share <= Fraction(sum(v <= value for v in values), len(values))
    assert share > Fraction(sum(v < value for v in values), len(values))


@pytest.mark.parametrize("n", [1, 2, 99, 100, 101, 997, 1000, 10_000])
def test_numpy_knows_the_rule_by_name(n: int) -> None:
    """The levels of every report are NumPy's `inverted_cdf`."""
    values = np.random.default_rng(7).permutation(n) + 1
    for one in LEVELS:
        assert np.quantile(values, float(one.share), method=QUANTILE_RULE) == rank(one.share, n)


def test_a_share_in_binary_would_move_the_rank() -> None:
    """55 % of 100 values is rank 55; 0.55 · 100 in floating point is above 55 and would give 56."""
    assert 0.55 * 100 > 55
    assert 55 == rank(Fraction(55, 100), 100)


def test_case_c19_says_which_rank_p99_is() -> None:
    """990 requests at 100 ms and 10 cold ones at 6,000 ms: p99 is rank 990, so 100 ms; p99.9 is 6,000 ms."""
    latencies = sorted([100] * 990 + [6000] * 10)
    assert 990 == rank(level("p99").share, 1000)
    assert 100 == latencies[rank(level("p99").share, 1000) - 1]
    assert 6000 == latencies[rank(level("p99.9").share, 1000) - 1]


def test_p999_needs_ten_thousand_requests() -> None:
    """Levels above p99 need ten requests beyond them; p99 and below are always given."""
    assert (1, 10_000, 100_000) == tuple(level(text).least_n for text in ("p99", "p99.9", "p99.99"))
    assert not level("p99.9").enough(9_999)
    assert level("p99.9").enough(10_000)
