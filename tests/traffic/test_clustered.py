"""Self-exciting traffic, sessions, batches and wandering rates against closed forms.

Estimates are held against exact values by the recipe of the oracles: 32 replications, Student's t at 10⁻⁴ on two sides,
so a right program fails one of the comparisons here with a chance of at most 0.5 % before the seeds were fixed; and
each comparison would refuse a truth 5 % off, and lies 10 standard errors from every wrong model named.
"""

from __future__ import annotations

import itertools
import math
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from scipy import integrate, stats

from simulator.engines.pool import Pool, Routing, TimeoutFrom
from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic import Arrivals, Clock, Traffic, hawkes
from simulator.units import FOREVER
from tests.oracles.observed import observe
from tests.oracles.recipe import FULL, QUICK, REPLICATIONS, SEED, Exact, Size, check

Made = Callable[[Any], Arrivals]

#: Rows of the published values: ν 1/s, α 0.4/s, β 0.5/s; κ 0.2/s, 10 requests, 20 s; λ 2/s, s 0.6, 300 s.
HAWKES = {"kind": "hawkes", "mean_rate": "5/s", "branching_ratio": 0.8, "decay": "2s"}
TEN = {"kind": "poisson", "mean": 10}
SESSIONS = {"kind": "sessions", "session_rate": "0.2/s", "requests": TEN, "mean_delay": "20s"}
BATCHES = {"kind": "batches", "batch_rate": "0.5/s", "size": {"kind": "geometric", "mean": 4}}
COX = {"kind": "lognormal_cox", "mean_rate": "2/s", "log_sd": 0.6, "correlation_time": "300s"}
SHIFTED = {"kind": "shifted_poisson", "mean": 6}
GIVEN = {"kind": "given", "values": [0, 1, 5, 40], "weights": [1, 4, 2, 0.2]}


def counted(
    traffic: Arrivals, clock: Clock, horizon_s: float, window_s: float, row: int, replication: int
) -> NDArray[np.int64]:
    """Requests in consecutive whole windows of one replication; every row of tests has a seed of its own."""
    windows = int(horizon_s // window_s)
    counts = np.zeros(windows, np.int64)
    for block in traffic.blocks(Streams(SEED + row, replication), clock, windows * window_s):
        number = block // round(window_s * 1e9)
        found = np.bincount(number - number[0])
        counts[number[0] : number[0] + len(found)] += found
    return counts


@pytest.mark.parametrize(
    ("value", "window_s", "expected", "precision"),
    [
        (HAWKES, 1.0, 2.160980, 1e-6),
        (HAWKES, 60.0, 21.00992, 1e-6),
        (HAWKES, math.inf, 25.0, 1e-12),
        (HAWKES, 1e-9, 1.0, 1e-6),
        ({**HAWKES, "branching_ratio": 0}, 60.0, 1.0, 1e-12),
        (SESSIONS, 30.0, 5.820868, 1e-6),
        (SESSIONS, math.inf, 11.0, 1e-12),
        (SESSIONS, 1e-9, 1.0, 1e-6),
        ({**SESSIONS, "requests": 1}, 30.0, 1.0, 1e-12),
        (BATCHES, 1e-9, 7.0, 1e-12),
        (BATCHES, math.inf, 7.0, 1e-12),
        # (m² + 3m + 1)/(m + 1) for 1 and a Poisson number of mean m = 5.
        ({**BATCHES, "size": SHIFTED}, 3.0, 41 / 6, 1e-12),
        ({**BATCHES, "size": 9}, 3.0, 9.0, 1e-12),
        ({**BATCHES, "size": TEN}, 3.0, 11.0, 1e-12),
        ({**BATCHES, "size": GIVEN}, 3.0, (4 + 50 + 0.2 * 1600) / (4 + 10 + 8), 1e-12),
        ({**BATCHES, "spread": "4s"}, math.inf, 7.0, 1e-12),
        ({**BATCHES, "spread": "4s"}, 1e-9, 1.0, 1e-8),
        ({**BATCHES, "spread": "4s"}, 4.0, 5.0, 1e-12),
        ({**COX, "step": "0.1s"}, 60.0, 49.1351, 1e-6),
        # Steps of a 32nd of the correlation time change the sixth digit.
        (COX, 60.0, 49.1351, 2e-4),
        (COX, 1e-9, 1.0, 1e-6),
    ],
)
def test_dispersion_is_the_published_one(
    value: dict[str, Any], window_s: float, expected: float, precision: float, made: Made
) -> None:
    """Limits of short and of long windows among them; a process that does not cluster has 1."""
    assert expected == pytest.approx(made(value).dispersion(window_s), rel=precision)


@pytest.mark.parametrize("window_s", [0.5, 3.9, 4.1, 50.0])
def test_dispersion_of_spread_batches_is_an_integral(window_s: float, made: Made) -> None:
    """The triangular density of the time between two requests, integrated by quadrature."""
    density = integrate.quad(lambda x: (1 - x / window_s) * (1 - x / 4.0) / 2.0, 0.0, min(4.0, window_s))[0]
    assert 1.0 + 6.0 * density == pytest.approx(made({**BATCHES, "spread": "4s"}).dispersion(window_s), rel=1e-10)


@pytest.mark.parametrize(("step", "precision"), [("30s", 2e-3), ("75s", 1e-2), ("1s", 1e-5)])
@pytest.mark.parametrize("window_s", [7.0, 700.0, 1e5, math.inf])
def test_dispersion_of_a_wandering_rate_is_an_integral(
    window_s: float, step: str, precision: float, made: Made
) -> None:
    """The covariance e^(0.36·e^(−h/300 s)) − 1, integrated by quadrature; coarse steps change it by less than said."""

    def weighted(lag_s: float) -> float:
        return (1 - lag_s / window_s) * math.expm1(0.36 * math.exp(-lag_s / 300.0))

    parts = [0.0, *(min(window_s, lag_s) for lag_s in (300.0, 3000.0, 30000.0))]
    integral = sum(integrate.quad(weighted, a, b)[0] for a, b in itertools.pairwise(parts))
    exact = 1.0 + 4.0 * integral
    assert exact == pytest.approx(made({**COX, "step": step}).dispersion(window_s), rel=precision)


# Wrong models: Poisson, the other limit of windows, sizes taken for constant, and delays that count twice.
DISPERSIONS = {
    "hawkes, 1 s": (HAWKES, 40_000.0, 1.0, 0.005, {"Poisson": 1.0, "long windows": 25.0, "rate 1/s": 1.234}),
    "hawkes, 60 s": (HAWKES, 90_000.0, 60.0, 0.004, {"Poisson": 1.0, "decay 2β": 22.92, "decay β": 24.26}),
    "sessions": (SESSIONS, 120_000.0, 30.0, 0.0035, {"Poisson": 1.0, "long windows": 11.0, "10 s": 7.83}),
    "sessions of geometric sizes": (
        {**SESSIONS, "requests": {"kind": "geometric", "mean": 5}},
        *(120_000.0, 30.0, 0.0035, {"E[M²]/E[M]": 5.339, "constant sizes": 2.928}),
    ),
    "batches": (BATCHES, 60_000.0, 10.0, 0.003, {"Poisson": 1.0, "constant sizes": 4.0, "2m": 8.0}),
    "batches of shifted Poisson sizes": (
        {**BATCHES, "size": SHIFTED},
        *(60_000.0, 10.0, 0.003, {"Poisson sizes": 7.0 * 1.08, "constant sizes": 6.0}),
    ),
    "batches of given sizes": ({**BATCHES, "size": GIVEN}, 120_000.0, 10.0, 0.0035, {"constant sizes": 22 / 7.2}),
    "spread batches, short windows": (
        {**BATCHES, "spread": "4s"},
        *(100_000.0, 2.0, 0.003, {"at once": 7.0, "exponential": 1 + 6 * (1 - (1 - math.exp(-1)) * 1.0)}),
    ),
    "spread batches, long windows": (
        {**BATCHES, "spread": "4s"},
        *(100_000.0, 10.0, 0.003, {"at once": 7.0, "exponential": 1 + 6 * (1 - (1 - math.exp(-2.5)) / 2.5)}),
    ),
    # With fewer requests for the same time, so that it costs less.
    "lognormal_cox": (
        {**COX, "mean_rate": "0.2/s"},
        *(2e6, 60.0, 0.0045, {"Poisson": 1.0, "normal": 5.05, "variance s": 11.0}),
    ),
}


@pytest.mark.parametrize("size", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)], ids=lambda size: str(size.name))
@pytest.mark.parametrize("name", DISPERSIONS)
def test_drawn_traffic_has_the_dispersion_of_the_closed_form(name: str, size: Size, made: Made, clock: Clock) -> None:
    """Mean squared deviation of counts from the exact mean, over that mean, and the mean count."""
    value, horizon_s, window_s, error, wrong = DISPERSIONS[name]
    traffic, row = made(value), list(DISPERSIONS).index(name)
    horizon_s *= size.requests * 4.0
    rate = traffic.steady_rate
    dispersion = traffic.dispersion(window_s)
    assert rate is not None
    assert dispersion is not None
    found: dict[str, list[float]] = {"rate": [], "dispersion": []}
    for replication in range(REPLICATIONS):
        counts = counted(traffic, clock, horizon_s, window_s, row, replication)
        found["rate"].append(float(counts.mean()) / window_s)
        found["dispersion"].append(float(((counts - rate * window_s) ** 2).mean()) / (rate * window_s))
    exact = {"rate": Exact(rate, error), "dispersion": Exact(dispersion, error, wrong)}
    check({key: np.array(values) for key, values in found.items()}, exact, size)


def test_the_grid_of_a_wandering_rate_begins_at_a_uniform_place(made: Made, clock: Clock) -> None:
    """Windows as long as the steps tell: dispersion 6.95, and 7.50 if steps begun at time 0 (256 replications)."""
    traffic = made({**COX, "mean_rate": "0.2/s", "step": "75s"})
    counts = [counted(traffic, clock, 225_000.0, 75.0, 220, r) for r in range(256)]
    found = np.array([float(((of_one - 15.0) ** 2).mean()) / 15.0 for of_one in counts])
    error = found.std(ddof=1) / 16.0
    exact = 1 + 15 * (2 / 3 * math.expm1(0.36) + 1 / 3 * math.expm1(0.36 * math.exp(-0.25)))
    assert exact == pytest.approx(traffic.dispersion(75.0), rel=1e-9)
    assert abs(found.mean() - exact) < stats.t.isf(0.5e-4, 255) * error
    assert 1 + 15 * math.expm1(0.36) - exact > 8 * error


#: Traffic, window [s], and the share of the mean that a start without a past would have.
STARTS: list[tuple[dict[str, Any], float, float | None]] = [
    ({**HAWKES, "decay": "10s"}, 10.0, 0.28),
    ({**SESSIONS, "mean_delay": "10m"}, 60.0, 0.05),
    ({**SESSIONS, "requests": {"kind": "geometric", "mean": 10}, "mean_delay": "60s"}, 60.0, 0.37),
    ({**SESSIONS, "requests": SHIFTED, "session_rate": "1/s"}, 20.0, 0.37),
    ({**SESSIONS, "requests": GIVEN, "session_rate": "1/s"}, 20.0, 0.37),
    ({**SESSIONS, "requests": 20}, 20.0, 0.37),
    ({**BATCHES, "spread": "60s"}, 20.0, 0.17),
    ({**COX, "mean_rate": "1/s"}, 20.0, None),
]


@pytest.mark.parametrize(("value", "window_s", "cold"), STARTS)
def test_traffic_starts_stationary(
    value: dict[str, Any], window_s: float, cold: float | None, made: Made, clock: Clock
) -> None:
    """Mean and dispersion of the count in the first window; begun without a past its mean would be a share of it."""
    traffic = made(value)
    rate = traffic.steady_rate
    dispersion = traffic.dispersion(window_s)
    assert rate is not None
    assert dispersion is not None
    mean, row = rate * window_s, 100 + STARTS.index((value, window_s, cold))
    counts = np.array([counted(traffic, clock, window_s, window_s, row, r)[0] for r in range(2048)], dtype=float)
    for estimates in (counts / mean, (counts - mean) ** 2 / (mean * dispersion)):
        error = estimates.std(ddof=1) / math.sqrt(2048)
        assert abs(estimates.mean() - 1.0) < stats.norm.isf(0.5e-4) * error
        assert error < 0.1
    if cold is not None:
        assert 1.0 - cold > 10.0 * math.sqrt(dispersion / mean / 2048)


@pytest.mark.parametrize("without", ["a past", "a stationary intensity"])
def test_self_exciting_traffic_starts_stationary_by_either_means(
    without: str, made: Made, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun at time 0 with a gamma intensity, or eight relaxation times before it with none.

    Mean and dispersion in the first 10 s are then exact, or e⁻⁸ off; without both the mean would be 28 % off.
    """
    if without == "a past":
        monkeypatch.setattr(hawkes, "_SETTLING", 0.0)
    else:
        monkeypatch.setattr(hawkes.Hawkes, "_stationary_excess", lambda traffic, streams: 0.0)
    traffic = made({**HAWKES, "decay": "10s"})
    dispersion, row = traffic.dispersion(10.0), 210 + len(without)
    assert dispersion is not None
    counts = np.array([counted(traffic, clock, 10.0, 10.0, row, r)[0] for r in range(2048)], dtype=float)
    for estimates in (counts / 50.0, (counts - 50.0) ** 2 / (50.0 * dispersion)):
        error = estimates.std(ddof=1) / math.sqrt(2048)
        assert abs(estimates.mean() - 1.0) < stats.norm.isf(0.5e-4) * error
        assert error < 0.05


def test_self_exciting_gaps_are_those_of_the_intensity(made: Made, clock: Clock) -> None:
    """Time rescaled by the intensity of the requests so far is a Poisson process of rate 1 (p > 10⁻⁶).

    A reckoning with a jump or a decay 10 % off is refused.
    """
    arrival_s = np.concatenate(list(made(HAWKES).blocks(Streams(SEED, 0), clock, 12_000.0))) / 1e9
    gaps = np.diff(arrival_s)

    def rescaled(jump: float, decay: float) -> NDArray[np.float64]:
        # The intensity before the first request is forgotten within the first 1,000.
        excess, found = 4.0, []
        for gap in gaps.tolist():
            kept = math.exp(-decay * gap)
            found.append(gap + excess * (1.0 - kept) / decay)
            excess = excess * kept + jump
        return np.array(found[1000:])

    assert 1e-6 < stats.kstest(rescaled(0.4, 0.5), "expon").pvalue
    for jump, decay in ((0.44, 0.5), (0.36, 0.5), (0.4, 0.55), (0.4, 0.46)):
        assert 1e-6 > stats.kstest(rescaled(jump, decay), "expon").pvalue


def test_batches_come_at_one_instant_and_spread_ones_within_it(made: Made, clock: Clock) -> None:
    """Batches of 7: each instant has 7 requests; spread over 1 s, the last comes at most 1 s after the first."""
    sevens = {"kind": "batches", "batch_rate": "1/min", "size": 7}
    together, spread = (
        np.concatenate(list(made(value).blocks(Streams(SEED, 0), clock, 1e5))) / 1e9
        for value in (sevens, {**sevens, "spread": "1ms"})
    )
    assert {7} == set(np.unique(together, return_counts=True)[1].tolist())
    # The same batches, begun at the same instants; one of them may be cut by the end of the run.
    starts = together[::7]
    behind = spread[: 7 * len(starts)] - np.repeat(starts, 7)
    assert 0.0 <= behind.min()
    assert 0.0005 < behind.max() <= 0.001 + 1e-8


def test_wandering_traffic_of_a_constant_is_that_of_its_rate(made: Made, clock: Clock) -> None:
    """`of` Poisson traffic of 2/s and `mean_rate` 2/s give the same arrivals, to the last digit of running sums."""
    of = {**{name: value for name, value in COX.items() if name != "mean_rate"}, "of": {"kind": "poisson"}}
    of["of"] = {"kind": "poisson", "mean_rate": "2/s"}
    one, other = (np.concatenate(list(made(value).blocks(Streams(SEED, 0), clock, 20_000.0))) for value in (COX, of))
    assert len(one) == len(other) > 10_000
    assert np.abs(one - other).max() < 100
    assert made(of).dispersion(60.0) == made(COX).dispersion(60.0)


def test_mornings_of_a_wandering_profile_differ_as_they_should(made: Made, clock: Clock) -> None:
    """Variance of the count from 06:30 to 11:30: E + ∬λ(t)λ(u)c(t − u), over 256 mornings, to 20 %."""
    of = {"kind": "diurnal", "mean_rate": "2/min", "peak_to_mean": 1.8, "peak_at": "11:00"}
    traffic = made({"kind": "lognormal_cox", "of": of, "cv": 0.4, "correlation_time": "2h", "step": "10m"})
    middles_s = (np.arange(300) + 0.5) * 60.0
    expected = traffic.rate(middles_s, clock) * 60.0
    covariance = np.expm1(math.log1p(0.16) * np.exp(-np.abs(middles_s[:, None] - middles_s) / 7200.0))
    mean, variance = float(expected.sum()), float(expected.sum() + expected @ covariance @ expected)
    counts = np.array([counted(traffic, clock, 18_000.0, 18_000.0, 200, r)[0] for r in range(256)], dtype=float)
    deviations = (counts - mean) ** 2
    error = deviations.std(ddof=1) / 16.0
    assert abs(deviations.mean() - variance) < stats.norm.isf(0.5e-4) * error
    assert error < 0.2 * variance
    # Neither a Poisson process nor a rate with a quarter of the variance would be taken.
    assert 0.75 * (variance - mean) > 5 * error


def test_batches_at_a_queue(made: Made, clock: Clock) -> None:
    """M^X/M/1 from end to end: latency ρ(E[X²] + E[X])/(2E[X](1 − ρ))/λ = 10 s (Chaudhry & Templeton, 1983, ch. 3).

    0.15 batches a second, geometric sizes of mean 4, service of 1 s; single arrivals would take 2.5 s.
    """
    traffic = made({"kind": "batches", "batch_rate": "0.15/s", "size": {"kind": "geometric", "mean": 4}})
    queue = Pool(
        standing=1,
        launches=False,
        routing=Routing.CENTRAL_QUEUE,
        places=1,
        queue_limit=FOREVER,
        timeout_ns=FOREVER,
        timeout_from=TimeoutFrom.ARRIVAL,
    )
    found = []
    for replication in range(REPLICATIONS):
        streams = Streams(SEED + 300, replication)
        arrivals_s = np.concatenate(list(traffic.blocks(streams, clock, 200_000.0))) / 1e9
        service_s = streams.generator("service").standard_exponential(len(arrivals_s))
        seen = observe(queue, arrivals_s, service_s, horizon_s=200_000.0, initial_s=500.0)
        found.append(float(seen.latency_s().mean()))
    exact = Exact(10.0, 0.0035, {"single arrivals": 2.5, "constant sizes": 6.25, "Poisson sizes": 7.5})
    check({"latency": np.array(found)}, {"latency": exact}, QUICK)


@pytest.mark.parametrize(
    "value",
    [
        {**HAWKES, "mean_rate": "2000/s"},
        {**SESSIONS, "session_rate": "200/s"},
        {**BATCHES, "batch_rate": "500/s", "spread": "20s"},
        {"kind": "batches", "mean_rate": "2000/s", "size": {"kind": "geometric", "mean": 20_000}},
        {**COX, "mean_rate": "2000/s"},
    ],
)
def test_memory_does_not_grow_with_the_run(value: dict[str, Any], made: Made, clock: Clock) -> None:
    """2 million requests (16 MB) are drawn in less than 8 MB, however large the batches and long the sessions."""
    traffic = made(value)
    next(traffic.blocks(Streams(SEED, 0), clock, 1000.0))
    tracemalloc.start()
    try:
        total = sum(len(block) for block in traffic.blocks(Streams(SEED, 0), clock, 1000.0))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total > 1_000_000
    assert 8e6 > peak_bytes


@pytest.mark.parametrize(("horizon_s", "told"), [(3001.0, False), (2999.0, True)])
def test_a_run_that_sees_little_of_the_variation_says_so(horizon_s: float, told: bool, made: Made) -> None:
    """Fewer than ten correlation times."""
    remark = (
        f"The rate wanders within 300s: a run of {horizon_s:.0f}s sees little of how it varies. Replications differ by "
        "it, and days drawn one by one do not hang together as those of a month do."
    )
    assert ([remark] if told else []) == made(COX).remarks(horizon_s)


def refusal(value: Any) -> tuple[str, str]:
    """Path and message of the only error."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(Traffic).validate_python(value)
    (error,) = caught.value.errors()
    return ".".join(str(part) for part in error["loc"]), error["msg"].removeprefix("Value error, ")


BURSTY = {"kind": "bursty", "mean_rate": "2/s", "burst_factor": 5, "burst_share": "10%", "burst_length": "30s"}
COX_OF = {"kind": "lognormal_cox", "cv": 0.5, "correlation_time": "1h"}
NEITHER = {"kind": "sessions", "requests": 3, "mean_delay": "20s"}


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({**HAWKES, "branching_ratio": 1}, "hawkes.branching_ratio", "Input should be less than or equal to 0.999"),
        ({**HAWKES, "branching_ratio": "80%"}, "hawkes.branching_ratio", "Input should be a valid number"),
        ({**HAWKES, "decay": "0s"}, "hawkes.decay", "0 is not allowed, must be more than 0"),
        ({**HAWKES, "decay": 2}, "hawkes.decay", "2 has no unit; write 2ms or 2s"),
        (
            NEITHER,
            "sessions",
            "sessions takes session_rate (of all its requests: mean_rate), one of the two; given: neither",
        ),
        (
            {**BATCHES, "mean_rate": "2/s"},
            "batches",
            "batches takes batch_rate (of all its requests: mean_rate), one of the two; given: both",
        ),
        (
            {**SESSIONS, "session_rate": "2e5/s"},
            "sessions",
            "session_rate 200000/s times 10 is 2e+06 requests/s; at most 1e+06/s",
        ),
        ({**SESSIONS, "mean_delay": "0s"}, "sessions.mean_delay", "0 is not allowed, must be more than 0"),
        ({**SESSIONS, "requests": 0}, "sessions.requests.constant.value", "Input should be greater than or equal to 1"),
        (
            {**BATCHES, "size": 2.5},
            "batches.size.constant.value",
            "Input should be a valid integer",
        ),
        (
            {**BATCHES, "size": {"kind": "geometric", "mean": 0.5}},
            "batches.size.geometric.mean",
            "Input should be greater than or equal to 1",
        ),
        (
            {**BATCHES, "size": {"kind": "poisson", "mean": 0}},
            "batches.size.poisson.mean",
            "Input should be greater than 0",
        ),
        (
            {**BATCHES, "size": {"kind": "given", "values": [1, 2], "weights": [1]}},
            "batches.size.given",
            "2 values and 1 weights; must be as many",
        ),
        (
            {**BATCHES, "size": {"kind": "given", "values": [0, 2], "weights": [1, 0]}},
            "batches.size.given",
            "no value more than 0 has a weight more than 0; at least one must",
        ),
        ({**COX, "cv": 0.5}, "lognormal_cox", "lognormal_cox takes cv or log_sd; given: both"),
        (COX_OF, "lognormal_cox", "lognormal_cox takes mean_rate or of; given: neither"),
        (
            {**COX, "step": "100s"},
            "lognormal_cox",
            "step is 100s and correlation_time 300s; a step must be a 10,000th to a quarter of it",
        ),
        (
            {**COX_OF, "of": BURSTY},
            "lognormal_cox",
            "of is of kind bursty; must be a Poisson process by itself: poisson, diurnal, profile, flash_crowd, ramp, "
            "growth, or superpositions of these",
        ),
        (
            {**COX_OF, "of": {"kind": "superposition", "parts": [HAWKES]}},
            "lognormal_cox",
            "of is of kind hawkes; must be a Poisson process by itself: poisson, diurnal, profile, flash_crowd, ramp, "
            "growth, or superpositions of these",
        ),
    ],
)
def test_wrong_fields(value: Any, path: str, message: str) -> None:
    """Each wrong field names itself, its value and what is allowed."""
    assert (path, message) == refusal(value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {**SESSIONS, "session_rate": "10000/s", "mean_delay": "1h"},
            "traffic: mean_delay 3600s at 100000 requests/s makes 3.6e+08 requests that are still to come at any time, "
            "at most 1e+07; write a shorter mean_delay",
        ),
        (
            {"kind": "batches", "mean_rate": "1e5/s", "size": 5, "spread": "1h"},
            "traffic: spread 3600s at 100000 requests/s makes 3.6e+08 requests that are still to come at any time, "
            "at most 1e+07; write a shorter spread",
        ),
        (
            {**COX, "correlation_time": "2ms"},
            "traffic: correlation_time 0.002s makes 1.6e+08 steps of 6.25e-05 s in a horizon of 10000s, at most 1e+08; "
            "write a longer one, or a longer step",
        ),
    ],
)
def test_traffic_that_would_take_too_much(value: Any, message: str, made: Made, clock: Clock) -> None:
    """Refused at the call, with what to change."""
    with pytest.raises(InputError) as caught:
        made(value).blocks(Streams(SEED, 0), clock, 10_000.0)
    assert message == str(caught.value)


def test_groups_cannot_be_scaled_beyond_what_is_allowed(made: Made) -> None:
    """All requests together count, not the groups."""
    with pytest.raises(InputError, match=r"^traffic scaled by 600000: 1\.2e\+06 requests/s, at most 1e\+06/s$"):
        made(SESSIONS).scaled(600_000.0)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (HAWKES, "self-exciting (Hawkes), 5/s on average, each request bringing 0.8 others after 2s on average"),
        (
            SESSIONS,
            "sessions, 12/min, of 10 on average (Poisson) requests each, 20s after its beginning on average: 2/s",
        ),
        (BATCHES, "batches, 30/min, of 4 on average (geometric) requests each, at once: 2/s"),
        ({**BATCHES, "size": 3, "spread": "2s"}, "batches, 30/min, of 3 requests each, within 2s: 1.5/s"),
        (
            {**COX_OF, "of": {"kind": "poisson", "mean_rate": "2/s"}},
            "Poisson, 2/s; times a lognormal intensity of cv 0.5 that forgets itself within 3600s (Cox process)",
        ),
    ],
)
def test_one_line_for_reports(value: dict[str, Any], line: str, made: Made) -> None:
    """Kind, rates and shape in words."""
    assert line == made(value).describe()
