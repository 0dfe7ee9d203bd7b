"""The summary of traffic that was drawn, and the clock."""

from __future__ import annotations

import datetime
import tracemalloc
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from simulator.traffic import Clock, MinuteTally, summary_of


def test_summary_by_hand() -> None:
    """Minutes with 4, 0 and 2 requests and a cut one with 1: mean 2, peak 2 times that, variance 4, dispersion 2."""
    arrival_s = np.array([0.0, 0.0, 1.0, 59.999999999, 120.0, 179.0, 185.0])
    expected = {"requests": 7, "mean_rate_per_s": 7 / 190, "peak_to_mean": 2.0, "dispersion": 2.0}
    assert expected == summary_of(np.rint(arrival_s * 1e9).astype(np.int64), 190 * 10**9)


@pytest.mark.parametrize(
    ("arrival_ns", "horizon_s", "expected"),
    [
        ([], 600, {"requests": 0, "mean_rate_per_s": 0.0, "peak_to_mean": None, "dispersion": None}),
        ([5], 59, {"requests": 1, "mean_rate_per_s": 1 / 59, "peak_to_mean": None, "dispersion": None}),
        ([5], 60, {"requests": 1, "mean_rate_per_s": 1 / 60, "peak_to_mean": 1.0, "dispersion": None}),
    ],
)
def test_summary_where_it_has_no_meaning(arrival_ns: list[int], horizon_s: int, expected: dict[str, object]) -> None:
    """No request, or no or one whole minute: None, never NaN."""
    assert expected == summary_of(np.array(arrival_ns, dtype=np.int64), horizon_s * 10**9)


@pytest.mark.parametrize("mean_gap_ns", [10**8, 10**11, 10**13])
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_summary_does_not_depend_on_blocks(mean_gap_ns: int, size: int) -> None:
    """Many requests a minute or one in many minutes, cut anywhere: the exact fractions, rounded once."""
    arrival_ns = np.cumsum(np.random.default_rng(5).integers(0, 2 * mean_gap_ns, 3000))
    horizon_ns = int(arrival_ns[-1]) + 1
    tally = MinuteTally(horizon_ns)
    for start in range(0, len(arrival_ns), size):
        tally.add(arrival_ns[start : start + size])
    n = horizon_ns // (60 * 10**9)
    counts = Counter((arrival_ns // (60 * 10**9)).tolist())
    counts.pop(n, None)
    total, squares = sum(counts.values()), sum(count**2 for count in counts.values())
    variance = (Fraction(squares) - Fraction(total**2, n)) / (n - 1)
    expected = {
        "requests": 3000,
        "mean_rate_per_s": 3000 / (horizon_ns / 10**9),
        "peak_to_mean": max(counts.values()) / (total / n),
        "dispersion": float(variance / Fraction(total, n)),
    }
    assert expected == tally.finish()


def test_summary_of_a_century_of_a_few_requests_takes_no_memory() -> None:
    """Two requests 99 years apart: what is kept does not follow the minutes between them."""
    century_ns, year_ns = 3_155_760_000 * 10**9, 31_557_600 * 10**9
    tracemalloc.start()
    try:
        found = summary_of(np.array([0, 99 * year_ns]), century_ns)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 52_596_000 / 2 == found["peak_to_mean"]
    assert 1_000_000 > peak_bytes


def test_clock() -> None:
    """Seconds since Monday and since midnight by the zone's own clock."""
    zone = datetime.timezone(datetime.timedelta(hours=-6))
    clock = Clock(datetime.datetime(2026, 11, 1, 18, 0, 1, 500_000, tzinfo=zone))
    assert (6 * 86400 + 64801.5, 64801.5) == (clock.week_s, clock.day_s)
    assert 0.0 == Clock(datetime.datetime(2026, 11, 2, tzinfo=datetime.UTC)).week_s


def test_a_clock_needs_a_zone() -> None:
    """A time without a zone is refused with what to write."""
    with pytest.raises(ValueError, match=r"^2026-11-02T00:00:00 has no zone; write for example 2026-11-02T00:00:00Z$"):
        Clock(datetime.datetime(2026, 11, 2))
