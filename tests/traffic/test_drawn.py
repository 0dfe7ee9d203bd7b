"""The summary of traffic that was drawn, and the clock."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from simulator.traffic import Clock, summary_of


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
