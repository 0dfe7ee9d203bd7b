"""Intervals: hand and published values, and the share of times they hold the truth."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from simulator.measures import intervals
from simulator.measures.histogram import Histogram

SEED = 20261125


def test_mean_by_hand() -> None:
    """1, 2, 3, 4: mean 2.5, s = 1.290994, t(3, 97.5 %) = 3.182446, half-width 2.054260."""
    estimate = intervals.mean([1, 2, 3, 4])
    assert (2.5, 4) == (estimate.value, estimate.n)
    assert 3.182446305 * math.sqrt(5 / 3) / 2 == pytest.approx(estimate.half_width, rel=1e-9)


def test_replications_without_data_are_left_out_and_counted_out() -> None:
    """None is not a zero: n says how many had data."""
    estimate = intervals.mean([None, 2.0, None, 4.0])
    assert (3.0, 2) == (estimate.value, estimate.n)
    assert (None, 0, "no data") == ((e := intervals.mean([None, None])).value, e.n, e.method)
    assert (7.0, None, 1) == ((e := intervals.mean([7.0, None])).value, e.low, e.n)


def test_equal_values_have_an_interval_of_no_length() -> None:
    """0.1 in each of 30 replications is 0.1 ± 0, although the mean of 30 floats 0.1 is rounded."""
    estimate = intervals.mean([0.1] * 30)
    assert (0.1, 0.1, 0.1) == (estimate.value, estimate.low, estimate.high)


def test_ratio_of_sums_by_hand() -> None:
    """1/1 and 3/2: 4/3 and not the mean of ratios 1.25; residuals (1 - 4/3)/1.5 and (3 - 8/3)/1.5."""
    estimate = intervals.ratio([1, 3], [1, 2], factor=1000)
    half = 12.7062047364 * (math.sqrt(2) * (1 / 3) / 1.5) / math.sqrt(2) * 1000
    assert 4000 / 3 == pytest.approx(estimate.value)
    assert half == pytest.approx(estimate.half_width)
    assert intervals.ratio([1.0, 2.0], [0, 0]).value is None


def test_a_constant_ratio_has_an_interval_of_no_length() -> None:
    """Cost in proportion to requests: the cost per 1,000 is known, whatever the traffic does."""
    counts = [7, 11, 13, 1_000_003]
    estimate = intervals.ratio([0.1 * n for n in counts], counts)
    assert 0 == estimate.half_width


def test_clopper_pearson_published_values() -> None:
    """0 of 300: at most 0.00994 one-sided; 10 of 100: 0.0490 to 0.1762, the textbook's two-sided interval."""
    assert 0.00994 == pytest.approx(intervals.none_of(300), abs=5e-6)
    assert 1 - 0.025 ** (1 / 300) == pytest.approx(intervals.proportion(0, 300).high)
    assert "none in 300: at most 0.0099 at 95%, one-sided" in intervals.proportion(0, 300).method
    estimate = intervals.proportion(10, 100)
    assert (0.0490, 0.1762) == pytest.approx((estimate.low, estimate.high), abs=5e-5)
    exact = stats.binomtest(3, 17).proportion_ci(0.9, method="exact")
    ours = intervals.proportion(3, 17, 0.9)
    assert (exact.low, exact.high) == pytest.approx((ours.low, ours.high), rel=1e-12)


def test_clopper_pearson_never_holds_less_often_than_it_says() -> None:
    """Exact coverage at 95 % over a grid of probabilities and n = 20: never below 95 %."""
    n = 20
    bounds = [intervals.proportion(k, n) for k in range(n + 1)]
    for p in np.linspace(0.01, 0.99, 99):
        held = sum(stats.binom.pmf(k, n, p) for k, e in enumerate(bounds) if e.low <= p <= e.high)
        assert held >= 0.95


def test_none_of_all_says_what_is_known() -> None:
    """No event in 40 replications: value 0, no interval, and the bound on replications with any."""
    estimate = intervals.fraction([0.0] * 40)
    assert (0.0, None, None) == (estimate.value, estimate.low, estimate.high)
    assert "none in 40 replications: at most 7.2 % of them have any" == estimate.method
    assert 1 - 0.05 ** (1 / 40) == pytest.approx(intervals.none_of(40))


def test_fractions_stay_between_0_and_1() -> None:
    """The interval of a fraction is cut to [0, 1]."""
    assert 0.0 == intervals.fraction([0.0, 0.0, 0.0, 0.01]).low
    assert 1.0 == intervals.fraction([1.0, 1.0, 1.0, 0.99]).high


def test_paired_differences_use_the_pairs() -> None:
    """Two endpoints that move together differ by a sure 1, however much both spread; gaps are left out."""
    estimate = intervals.difference([11, 101, None, 1001], [10, 100, 5, 1000])
    assert (1.0, 1.0, 1.0, 3) == (estimate.value, estimate.low, estimate.high, estimate.n)


def test_difference_of_ratios_is_the_ratio_of_the_difference_on_equal_denominators() -> None:
    """With the same denominators both ways of writing it give the same interval."""
    rng = np.random.default_rng(SEED)
    counts, first, second = rng.poisson(100, 12), rng.normal(5, 1, 12), rng.normal(4, 1, 12)
    ours = intervals.ratio_difference((first, counts), (second, counts))
    other = intervals.ratio(first - second, counts)
    assert (other.value, other.low, other.high) == pytest.approx((ours.value, ours.low, ours.high))


def _coverage(held: list[bool]) -> float:
    return sum(held) / len(held)


#: 2,000 trials of a true 95 %: standard error 0.49 %, so five of them below and above.
TRIALS, SLACK = 2000, 5 * math.sqrt(0.95 * 0.05 / 2000)


def test_coverage_of_the_mean() -> None:
    """t-intervals of 10 normal replications hold the mean 95 % of the time; a mean 5 % off, less."""
    samples = np.random.default_rng(SEED).normal(10, 1, (TRIALS, 10))
    estimates = [intervals.mean(sample) for sample in samples]
    assert 0.95 == pytest.approx(_coverage([e.low <= 10 <= e.high for e in estimates]), abs=SLACK)
    assert _coverage([e.low <= 10.5 <= e.high for e in estimates]) < 0.75


def test_coverage_of_the_ratio() -> None:
    """30 replications with gamma costs and counts that go with them: 95 % within 2.5 % (the method is asymptotic)."""
    rng = np.random.default_rng(SEED + 1)
    counts = rng.gamma(8, 10, (TRIALS, 30))
    costs = 3 * counts + rng.normal(0, 20, (TRIALS, 30))
    held = [e.low <= 3 <= e.high for e in map(intervals.ratio, costs, counts)]
    assert 0.95 == pytest.approx(_coverage(held), abs=0.025)


def test_coverage_of_paired_differences() -> None:
    """Pairs with a shared part nine times as wide as their own: 95 %, an interval ten times as short as unpaired."""
    rng = np.random.default_rng(SEED + 2)
    shared = rng.normal(0, 9, (TRIALS, 12))
    first, second = shared + rng.normal(1, 1, (TRIALS, 12)), shared + rng.normal(0, 1, (TRIALS, 12))
    estimates = [intervals.difference(a, b) for a, b in zip(first, second, strict=True)]
    assert 0.95 == pytest.approx(_coverage([e.low <= 1 <= e.high for e in estimates]), abs=SLACK)
    assert np.mean([e.half_width for e in estimates]) < 0.2 * np.mean([intervals.mean(a).half_width for a in first])


def bursts(rng: np.random.Generator, replications: int) -> tuple[np.ndarray, np.ndarray]:
    """Requests and cold requests of on/off traffic: whole bursts meet a cold endpoint, or do not.

    A replication has Poisson(150) bursts of geometric length (mean 30); in one burst of five half the requests are
    cold. Fraction of cold requests 0.1.
    """
    requests, cold = np.zeros(replications), np.zeros(replications)
    for r in range(replications):
        lengths = rng.geometric(1 / 30, rng.poisson(150))
        hit = rng.random(len(lengths)) < 0.2
        requests[r] = lengths.sum()
        cold[r] = rng.binomial(lengths[hit], 0.5).sum()
    return requests, cold


def test_requests_are_not_independent() -> None:
    """Cold fraction of on/off traffic: the t-interval holds near 95 %, requests taken as independent below 60 %."""
    rng = np.random.default_rng(SEED + 3)
    by_replication, by_request = [], []
    for _ in range(400):
        requests, cold = bursts(rng, 20)
        estimate = intervals.fraction(cold / requests)
        by_replication.append(estimate.low <= 0.1 <= estimate.high)
        wilson = stats.binomtest(int(cold.sum()), int(requests.sum())).proportion_ci(0.95, method="wilson")
        by_request.append(wilson.low <= 0.1 <= wilson.high)
    # 400 trials of 95 %: standard error 1.1 %.
    assert 0.95 == pytest.approx(_coverage(by_replication), abs=0.04)
    assert _coverage(by_request) < 0.6


def test_coverage_of_pooled_percentiles() -> None:
    """p99 where the level moves with the replication: held near 95 %; by independent requests below 60 %."""
    rng = np.random.default_rng(SEED + 4)
    own, shared = 0.5, 0.05
    truth = 1e8 * math.exp(2.3263478740 * math.hypot(own, shared))
    held, naive = [], []
    for _ in range(300):
        latencies = 1e8 * np.exp(rng.normal(0, own, (20, 10_000)) + rng.normal(0, shared, (20, 1)))
        histograms = [Histogram.of(row.astype(np.int64)) for row in latencies]
        estimate = intervals.pooled_percentile(histograms, Fraction(99, 100))
        held.append(estimate.low <= truth <= estimate.high)
        ranks = stats.binom.ppf([0.025, 0.975], latencies.size, 0.99).astype(int)
        low, high = np.partition(latencies.ravel(), ranks)[ranks]
        naive.append(low <= truth <= high)
    assert 0.95 == pytest.approx(_coverage(held), abs=0.05)
    assert _coverage(naive) < 0.6


def test_too_few_exceedances_give_no_interval() -> None:
    """20 replications of 400 requests hold 80 beyond p99: value, but no interval, and the reason."""
    rng = np.random.default_rng(SEED + 5)
    histograms = [Histogram.of(rng.exponential(1e8, 400).astype(np.int64) + 1) for _ in range(20)]
    estimate = intervals.pooled_percentile(histograms, Fraction(99, 100))
    assert estimate.value is not None
    assert (None, None) == (estimate.low, estimate.high)
    assert estimate.method.startswith("too few")


def test_dependence_counts_against_the_gate() -> None:
    """2,000 requests beyond p99, but all in one replication of 20: in effect far fewer than 100."""
    calm, slow = np.full(10_000, 10**8), np.full(10_000, 10**8)
    slow[:4000] = 10**9
    estimate = intervals.pooled_percentile([Histogram.of(calm)] * 19 + [Histogram.of(slow)], Fraction(99, 100))
    assert estimate.low is None
    assert estimate.method.startswith("too few")
