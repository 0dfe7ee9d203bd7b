"""What is known of each random kind of traffic in closed form, and draws recomputed by another way."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from simulator.streams import Streams
from simulator.traffic import Arrivals, Clock

Made = Callable[[Any], Arrivals]
#: Rates 10/s and 1/s, mean stays 30 s and 120 s.
MMPP = {
    "kind": "bursty",
    "burst_rate": "10/s",
    "quiet_rate": "1/s",
    "burst_length": "30s",
    "quiet_length": "120s",
}


def arrivals(traffic: Arrivals, clock: Clock, horizon_s: float, replication: int = 0) -> NDArray[np.int64]:
    return np.concatenate([[], *traffic.blocks(Streams(21, replication), clock, horizon_s)]).astype(np.int64)


def test_poisson_arrivals_are_sums_of_rounded_exponential_gaps(made: Made, clock: Clock) -> None:
    """The arrivals of replication 4 recomputed gap by gap with Python integers."""
    gaps_s = Streams(21, 4).generator("arrivals").standard_exponential(20_000) / 7.0
    expected, now = [], 0
    for gap_s in gaps_s:
        now += round(gap_s * 1e9)
        expected.append(now)
    drawn = arrivals(made({"kind": "poisson", "mean_rate": "7/s"}), clock, 2000.0, 4)
    assert 13_000 < len(drawn)
    # 1/7·E and E/7 may differ in the last digit, so a gap may round the other way.
    assert np.abs(np.array(expected[: len(drawn)]) - drawn).max() <= 2


@pytest.mark.parametrize("peak_to_mean", [1.0, 1.5, 1.95, 2.0])
def test_sinusoid_is_inverted_to_the_nanosecond(peak_to_mean: float, made: Made, clock: Clock) -> None:
    """The expected count up to each arrival is its unit-rate point, to 10⁻⁹ and the rounding of time."""
    traffic = made({"kind": "diurnal", "mean_rate": "2/s", "peak_to_mean": peak_to_mean, "peak_at": "17:20"})
    drawn_s = arrivals(traffic, clock, 2.2 * 86400.0) / 1e9
    unit = np.cumsum(Streams(21, 0).generator("arrivals").standard_exponential(len(drawn_s)))
    for i in range(0, len(drawn_s), 97):
        assert unit[i] == pytest.approx(traffic.expected_count(0.0, drawn_s[i], clock), rel=1e-9, abs=4e-9)


def test_profile_is_inverted_to_the_nanosecond(made: Made, clock: Clock) -> None:
    """The same for a profile with steps of rate 0, in which nothing arrives."""
    traffic = made({"kind": "profile", "period": "day", "mean_rate": "2/s", "shape": [0, 3, 0, 0, 1, 2]})
    drawn_s = arrivals(traffic, clock, 2.2 * 86400.0) / 1e9
    unit = np.cumsum(Streams(21, 0).generator("arrivals").standard_exponential(len(drawn_s)))
    for i in range(0, len(drawn_s), 97):
        assert unit[i] == pytest.approx(traffic.expected_count(0.0, drawn_s[i], clock), rel=1e-9, abs=6e-9)
    hours = (drawn_s / 3600.0 + 6.5) % 24.0
    assert 0 == ((hours < 4) | ((hours >= 8) & (hours < 16))).sum()


def test_diurnal_peak_stands_where_the_clock_says(made: Made) -> None:
    """The highest rate is at 15:00 of the zone of the scenario: 8 h after 07:00 in +02:00."""
    zone = datetime.timezone(datetime.timedelta(hours=2))
    clock = Clock(datetime.datetime(2026, 11, 4, 7, 0, tzinfo=zone))
    traffic = made({"kind": "diurnal", "mean_rate": "2/s", "peak_to_mean": 1.8, "peak_at": "15:00"})
    rates = traffic.rate(np.arange(24) * 3600.0, clock)
    assert 8 == int(rates.argmax())
    assert 3.6 == pytest.approx(rates.max())
    assert 0.4 == pytest.approx(rates.min())
    assert 2 * 86400.0 == pytest.approx(traffic.expected_count(0.0, 86400.0, clock))


def test_weekly_profile_starts_on_the_day_the_clock_says(made: Made, clock: Clock) -> None:
    """Time 0 is Wednesday 06:30: Wednesday's rate now, Thursday's 17.5 h later, and the mean over a week."""
    traffic = made({"kind": "profile", "period": "week", "mean_rate": "4/s", "shape": [1, 2, 3, 4, 5, 6, 7]})
    hours = np.array([0.0, 17.4, 17.6, 168.0])
    np.testing.assert_allclose([3.0, 3.0, 4.0, 3.0], traffic.rate(hours * 3600.0, clock))
    assert 4 * 604800.0 == pytest.approx(traffic.expected_count(1000.0, 605800.0, clock))


@pytest.mark.parametrize(
    ("window_s", "expected"), [(1.0, 5.564950), (60.0, 141.5976), (math.inf, 223.1714), (1e-9, 1.0)]
)
def test_dispersion_of_bursty_traffic_is_the_published_one(window_s: float, expected: float, made: Made) -> None:
    """Rates 10/s and 1/s, stays of 30 s and 120 s; 1 for windows too short to see bursts."""
    assert expected == pytest.approx(made(MMPP).dispersion(window_s), rel=3e-7)


def test_the_two_ways_to_give_bursty_traffic_agree(made: Made, clock: Clock) -> None:
    """2.8/s, factor 1/0.28, share 20 %, 30 s are those rates and lengths, and give the same arrivals within 1 µs."""
    by_mean = made(
        {
            "kind": "bursty",
            "mean_rate": "2.8/s",
            "burst_factor": 10 / 2.8,
            "burst_share": "20%",
            "burst_length": "30s",
        }
    )
    np.testing.assert_allclose((10.0, 1.0, 30.0, 120.0), by_mean.states, rtol=1e-12)  # type: ignore[attr-defined]
    one, other = arrivals(by_mean, clock, 3000.0), arrivals(made(MMPP), clock, 3000.0)
    assert len(one) == len(other)
    assert np.abs(one - other).max() < 1000


def dispersions(
    traffic: Arrivals, clock: Clock, window_s: float, rate: float, replications: int
) -> NDArray[np.float64]:
    """Of each replication: mean of (count − expected)² over expected, in consecutive windows over 40,000 s."""
    found = []
    for replication in range(replications):
        drawn = arrivals(traffic, clock, 40_000.0, replication)
        counts = np.bincount((drawn // round(window_s * 1e9)).astype(int), minlength=int(40_000 // window_s))
        found.append(((counts[: int(40_000 // window_s)] - rate * window_s) ** 2).mean() / (rate * window_s))
    return np.array(found)


@pytest.mark.parametrize(
    ("value", "rate", "window_s", "expected", "precision", "wrong"),
    [
        (MMPP, 2.8, 1.0, 5.564950, 0.02, 1.0),
        (MMPP, 2.8, 60.0, 141.5976, 0.03, 223.1714),
        ({"kind": "poisson", "mean_rate": "2/s"}, 2.0, 10.0, 1.0, 0.005, 1.1),
        # For a renewal process in its stationary state c² + (1 − c⁴)/(6λt), gamma gaps, up to terms that vanish
        # faster (Cox, Renewal Theory, 4.5).
        ({"kind": "renewal", "mean_rate": "5/s", "cv": 2.0}, 5.0, 40.0, 4.0 - 15 / 1200, 0.01, 2.0),
        ({"kind": "renewal", "mean_rate": "5/s", "cv": 0.5}, 5.0, 40.0, 0.25 + 0.9375 / 1200, 0.01, 0.5),
    ],
)
def test_drawn_traffic_has_the_dispersion_of_the_closed_form(
    value: dict[str, Any],
    rate: float,
    window_s: float,
    expected: float,
    precision: float,
    wrong: float,
    made: Made,
    clock: Clock,
) -> None:
    """Student's t over 64 replications (p = 10⁻⁴), with enough precision to refuse a wrong model."""
    found = dispersions(made(value), clock, window_s, rate, 64)
    error = found.std(ddof=1) / 8.0
    assert abs(found.mean() - expected) < stats.t.isf(0.5e-4, 63) * error
    assert error < precision * expected
    assert abs(wrong - expected) > 10 * error


@pytest.mark.parametrize("cv", [0.5, 3.0])
def test_renewal_traffic_starts_stationary(cv: float, made: Made, clock: Clock) -> None:
    """Mean count in the first mean gap is 1 (an ordinary first gap would give 0.62 for cv 0.5, 3.69 for cv 3)."""
    traffic = made({"kind": "renewal", "mean_rate": "1/s", "cv": cv})
    found = np.array([len(arrivals(traffic, clock, 1.0, replication)) for replication in range(6000)])
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean() - 1.0) < 4.0 * error
    assert error < 0.05


def test_bursty_traffic_starts_stationary(made: Made, clock: Clock) -> None:
    """A run of 1 s starts in a burst in 20 % of replications: mean 2.8 requests, and in bursts about 10."""
    found = np.array([len(arrivals(made(MMPP), clock, 1.0, replication)) for replication in range(4000)])
    error = found.std(ddof=1) / math.sqrt(len(found))
    assert abs(found.mean() - 2.8) < 4.0 * error
    assert error < 0.1


def test_renewal_traffic_of_cv_0_ticks(made: Made, clock: Clock) -> None:
    """One request every 0.1 s exactly, from a uniform first instant on: 10⁶ of them in 10⁵ s, none lost."""
    drawn = arrivals(made({"kind": "renewal", "mean_rate": "10/s", "cv": 0}), clock, 100_000.0)
    assert 1_000_000 == len(drawn)
    assert {100_000_000} == set(np.diff(drawn).tolist())
    assert 0 < drawn[0] < 100_000_000


def test_renewal_dispersion_only_where_it_is_known(made: Made) -> None:
    """cv² in the limit, 1 for cv 1, otherwise no closed form."""
    assert 9.0 == made({"kind": "renewal", "mean_rate": "1/s", "cv": 3.0}).dispersion(math.inf)
    assert made({"kind": "renewal", "mean_rate": "1/s", "cv": 3.0}).dispersion(60.0) is None
    assert 1.0 == made({"kind": "renewal", "mean_rate": "1/s", "cv": 1.0}).dispersion(60.0)


def test_bursts_stand_where_they_are_when_rates_change(made: Made, clock: Clock) -> None:
    """With rates 1,000 times as high the same seconds are busy: bursts come from a stream of their own."""
    on_off = {"kind": "bursty", "burst_factor": 5, "burst_share": "20%", "burst_length": "30s"}
    few, many = (
        np.bincount(arrivals(made({**on_off, "mean_rate": rate}), clock, 3000.0) // 10**9, minlength=3000)
        for rate in ("0.5/s", "500/s")
    )
    assert 0 == (few[many == 0]).sum()
    assert 300 < (many > 0).sum() < 1200


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"kind": "poisson", "mean_rate": "2/min"}, "Poisson, 2/min"),
        (
            {"kind": "diurnal", "mean_rate": "2/s", "peak_to_mean": 1.8, "peak_at": "15:00"},
            "diurnal sinusoid, 2/s on average, peak 1.8 times that at 15:00",
        ),
        (
            {"kind": "profile", "period": "day", "rates": ["1/s", "3/s"]},
            "profile of a day in steps of 43200s, 2/s on average, peak 1.5 times that",
        ),
        (
            MMPP,
            "bursty (two-state Markov-modulated Poisson), 2.8/s on average: 10/s in bursts of 30s, 1/s for 120s "
            "between them, on average",
        ),
        (
            {**{k: v for k, v in MMPP.items() if k != "quiet_rate"}, "quiet_rate": "0/s"},
            "on/off, 2/s on average: 10/s in bursts of 30s, 0/h for 120s between them, on average",
        ),
        ({"kind": "renewal", "mean_rate": "0.01/s", "cv": 2}, "renewal with gamma gaps of cv 2, 36/h"),
    ],
)
def test_one_line_for_reports(value: dict[str, Any], line: str, made: Made) -> None:
    """Kind, rates and shape in words."""
    assert line == made(value).describe()
