"""One list of cases, and what holds for every distribution in it; a new family adds its lines to the list."""

from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter
from scipy import integrate, stats

from simulator.distributions import Distribution, DurationDistribution, SizeDistribution
from simulator.distributions.sampler import PIECE
from simulator.errors import InputError
from simulator.streams import Streams
from simulator.units import array_to_ns

DURATIONS: TypeAdapter[Distribution] = TypeAdapter(DurationDistribution)
SIZES: TypeAdapter[Distribution] = TypeAdapter(SizeDistribution)

LOGNORMAL = {"kind": "lognormal", "mean": "250ms", "cv": 0.42}
GAMMA = {"kind": "gamma", "mean": "4s", "cv": 0.25}
#: name → (as written, excess kurtosis by an independent formula, to size the test of the variance)
CASES: dict[str, tuple[Any, float]] = {
    "constant": ({"kind": "constant", "value": "250ms"}, 0.0),
    "constant, short": ("1.5s", 0.0),
    "uniform": ({"kind": "uniform", "low": "100ms", "high": "300ms"}, -1.2),
    "exponential": ({"kind": "exponential", "mean": "2s"}, 6.0),
    "lognormal, mean and cv": (LOGNORMAL, float(stats.lognorm(0.4031).stats("k"))),
    "lognormal, percentiles": (
        {"kind": "lognormal", "p50": "200ms", "p99": "600ms"},
        float(stats.lognorm(0.472248).stats("k")),
    ),
    "gamma, cv below 1": (GAMMA, 6 * 0.25**2),
    "gamma, cv above 1": ({"kind": "gamma", "mean": "1s", "cv": 2.0}, 24.0),
    "weibull, mean and cv": (
        {"kind": "weibull", "mean": "1s", "cv": 1.4},
        float(stats.weibull_min(0.727).stats("k")),
    ),
    "weibull, percentiles": (
        {"kind": "weibull", "p50": "1s", "p99": "3s"},
        float(stats.weibull_min(1.893703 / math.log(3)).stats("k")),
    ),
    "shifted": ({"kind": "shifted", "offset": "1s", "by": {"kind": "exponential", "mean": "500ms"}}, 6.0),
    "mixture": (
        {
            "kind": "mixture",
            "parts": [
                {"weight": "80%", "of": {"kind": "shifted", "offset": "1s", "by": GAMMA}},
                {"weight": "15%", "of": LOGNORMAL},
                {"weight": "5%", "of": "30s"},
                {"weight": "0%", "of": {"kind": "exponential", "mean": "1000s"}},
            ],
        },
        20.0,
    ),
    "empirical": ({"kind": "empirical", "values": ["10ms", "20ms", "20ms", "90ms"]}, 0.0),
}
EACH = pytest.mark.parametrize("name", CASES)


def distribution(name: str) -> Distribution:
    return DURATIONS.validate_python(CASES[name][0])


@EACH
def test_draws_have_the_mean_and_variance_that_the_distribution_knows(name: str) -> None:
    """Mean and variance of 2·10⁵ draws lie within 4.5 standard errors, and a truth 5 % off is refused."""
    known = distribution(name)
    n = 200_000
    draws = known.sampler(Streams(1, 0), "service").draw(n)
    mean, variance = known.mean(), known.variance()
    if known.constant() is not None:
        assert (known.constant(), 0.0) == (draws.min(), variance)
        assert known.constant() == draws.max()
        return
    error = math.sqrt(variance / n)
    assert abs(draws.mean() - mean) < 4.5 * error
    assert 4.5 * error < 0.05 * mean
    error = variance * math.sqrt((CASES[name][1] + 2) / n)
    assert abs(draws.var() - variance) < 4.5 * error
    assert 4.5 * error < 0.12 * variance


@EACH
def test_short_calls_give_the_values_of_one_long_call(name: str) -> None:
    """A draw belongs to a request: it does not depend on how requests are parted into blocks."""
    n = 3 * PIECE + 17
    whole = distribution(name).sampler(Streams(2, 3), "service").draw(n)
    sampler = distribution(name).sampler(Streams(2, 3), "service")
    parts = [sampler.draw(size) for size in (0, 1, 999, PIECE, n - PIECE - 1000)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@EACH
def test_whole_nanoseconds_are_the_rounded_draws(name: str) -> None:
    """draw_ns is draw, rounded by the one function that rounds time, over any number of pieces."""
    n = 2 * PIECE + 5
    expected = array_to_ns(distribution(name).sampler(Streams(2, 3), "startup").draw(n), 1)
    np.testing.assert_array_equal(expected, distribution(name).sampler(Streams(2, 3), "startup").draw_ns(n, 1))


@EACH
def test_streams_are_apart(name: str) -> None:
    """Another purpose, replication or seed gives other draws; the same gives the same."""
    known = distribution(name)
    first = known.sampler(Streams(1, 0), "service").draw(50)
    np.testing.assert_array_equal(first, known.sampler(Streams(1, 0), "service").draw(50))
    if known.constant() is None:
        for streams, purpose in ((Streams(1, 0), "startup"), (Streams(1, 1), "service"), (Streams(2, 0), "service")):
            assert not np.array_equal(first, known.sampler(streams, purpose).draw(50))


@EACH
def test_what_is_written_reads_back(name: str) -> None:
    """Written to JSON and read again it is equal; also after a journey to another process."""
    known = distribution(name)
    written = DURATIONS.dump_json(known)
    assert known == DURATIONS.validate_python(json.loads(written))
    assert known == pickle.loads(pickle.dumps(known))
    assert b"null" not in written


@EACH
def test_the_json_schema_accepts_what_the_model_accepts(name: str) -> None:
    """An editor that knows the schema does not underline a valid distribution."""
    schema = DURATIONS.json_schema()
    assert [] == list(Draft202012Validator(schema).iter_errors(CASES[name][0]))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("exponential", "mean", "6s"),
        ("lognormal, mean and cv", "mean", "750ms"),
        ("gamma, cv above 1", "mean", "3s"),
        ("weibull, mean and cv", "mean", "3s"),
    ],
)
def test_changing_a_mean_scales_every_draw(name: str, field: str, value: str) -> None:
    """Location-scale families use one standard draw: with three times the mean each draw is three times as large."""
    draws = distribution(name).sampler(Streams(5, 0), "service").draw(1000)
    tripled = DURATIONS.validate_python({**CASES[name][0], field: value}).sampler(Streams(5, 0), "service").draw(1000)
    np.testing.assert_allclose(3.0 * draws, tripled, rtol=1e-13)


@EACH
@pytest.mark.parametrize("factor", [1.0, 1.5, 0.25])
def test_scaled_multiplies_every_draw(name: str, factor: float) -> None:
    """A request's draw is the factor times as large, the shape stays; by 1 nothing changes, to the last bit."""
    known = distribution(name)
    scaled = known.scaled(factor)
    draws, more = (one.sampler(Streams(5, 0), "service").draw(1000) for one in (known, scaled))
    if factor == 1.0:
        np.testing.assert_array_equal(draws, more)
    np.testing.assert_allclose(factor * draws, more, rtol=1e-13)
    assert pytest.approx(factor * known.mean(), rel=1e-12) == scaled.mean()
    assert pytest.approx(factor**2 * known.variance(), rel=1e-12) == scaled.variance()
    assert scaled == DURATIONS.validate_json(DURATIONS.dump_json(scaled))


def test_scaled_is_what_a_file_can_hold() -> None:
    """Parameters are rounded to whole microseconds and bytes; scaling twice multiplies the factors."""
    assert 0.333333 == DURATIONS.validate_python("1s").scaled(1 / 3).constant()
    assert 3333.0 == SIZES.validate_python("10kB").scaled(1 / 3).constant()
    tripled = distribution("empirical").scaled(2.0).scaled(1.5)
    assert {0.03, 0.06, 0.27} == set(tripled.sampler(Streams(1, 0), "service").draw(1000).round(12))


@pytest.mark.parametrize("factor", [0.0, -1.0, math.inf, math.nan])
def test_what_nothing_can_be_scaled_by(factor: float) -> None:
    """Factors are more than 0 and finite."""
    with pytest.raises(InputError, match="must be more than 0"):
        distribution("exponential").scaled(factor)


@pytest.mark.parametrize(
    ("ratio", "sigma", "cv", "mean_over_p50"),
    [
        (2, 0.297955, 0.3047, 1.0454),
        (3, 0.472248, 0.4998, 1.1180),
        (5, 0.691830, 0.7835, 1.2704),
        (10, 0.989785, 1.2898, 1.6321),
        (20, 1.287740, 2.0616, 2.2913),
        (50, 1.681616, 3.9886, 4.1120),
    ],
)
def test_lognormal_of_two_percentiles(ratio: int, sigma: float, cv: float, mean_over_p50: float) -> None:
    """The published table of lognormals by p99/p50, to its last digit."""
    known = DURATIONS.validate_python({"kind": "lognormal", "p50": "100ms", "p99": f"{100 * ratio}ms"})
    assert sigma == round(known.sigma, 6)  # type: ignore[attr-defined]
    assert cv == round(math.sqrt(known.variance()) / known.mean(), 4)
    assert mean_over_p50 == round(known.mean() / 0.1, 4)


@pytest.mark.parametrize("kind", ["lognormal", "weibull"])
def test_percentiles_given_are_percentiles_drawn(kind: str) -> None:
    """Half of the draws are below p50 and 1 % above p99 (binomial, p > 10⁻⁶ two-sided)."""
    known = DURATIONS.validate_python({"kind": kind, "p50": "100ms", "p99": "800ms"})
    draws = known.sampler(Streams(3, 0), "service").draw(100_000)
    for level, limit in ((0.5, 0.1), (0.01, 0.8)):
        assert 1e-6 < stats.binomtest(int((draws > limit).sum()), len(draws), level).pvalue


@pytest.mark.parametrize("cv", [0.001, 0.05, 0.5, 1.0, 2.0, 20.0, 100.0])
def test_weibull_shape_gives_the_cv_asked_for(cv: float) -> None:
    """The shape found by root finding has the coefficient of variation that SciPy computes for it."""
    known = DURATIONS.validate_python({"kind": "weibull", "mean": "2s", "cv": cv})
    law = stats.weibull_min(known.shape, scale=known.scale)  # type: ignore[attr-defined]
    assert law.mean() == pytest.approx(2.0, rel=1e-9)
    if cv > 0.01:  # below, SciPy's own variance loses its digits to cancellation
        assert law.std() == pytest.approx(2.0 * cv, rel=1e-6)


def test_weibull_of_cv_1_is_exponential() -> None:
    """Shape 1, and the very draws of the exponential distribution."""
    weibull = DURATIONS.validate_python({"kind": "weibull", "mean": "2s", "cv": 1.0})
    assert weibull.shape == pytest.approx(1.0, abs=1e-12)  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        distribution("exponential").sampler(Streams(1, 0), "service").draw(100),
        weibull.sampler(Streams(1, 0), "service").draw(100),
        rtol=1e-10,
    )


def test_mixture_moments_by_integration() -> None:
    """Mean (5.5375 s) and variance of the mixture agree with moments integrated numerically."""
    sigma = math.sqrt(math.log1p(0.42**2))
    gamma, log = stats.gamma(16, scale=0.25), stats.lognorm(sigma, scale=0.25 * math.exp(-(sigma**2) / 2))
    moments = [
        0.8 * integrate.quad(lambda x, k=k: (1 + x) ** k * gamma.pdf(x), 0, 40, epsabs=1e-12)[0]
        + 0.15 * integrate.quad(lambda x, k=k: x**k * log.pdf(x), 0, 20, epsabs=1e-12)[0]
        + 0.05 * 30.0**k
        for k in (1, 2)
    ]
    assert moments[0] == pytest.approx(distribution("mixture").mean(), rel=1e-8)
    assert moments[1] - moments[0] ** 2 == pytest.approx(distribution("mixture").variance(), rel=1e-8)


def test_mixture_keeps_draws_when_weights_change() -> None:
    """A request whose choice stays keeps its value to the bit, and its choice moves one way with the weight."""

    def drawn(weight: int) -> np.ndarray[Any, Any]:
        parts = [{"weight": f"{weight}%", "of": GAMMA}, {"weight": f"{100 - weight}%", "of": "99s"}]
        mixture = DURATIONS.validate_python({"kind": "mixture", "parts": parts})
        return mixture.sampler(Streams(8, 0), "startup").draw(5000)

    few, many = drawn(30), drawn(60)
    np.testing.assert_array_equal(few[few != 99.0], many[few != 99.0])
    assert (many != 99.0).sum() > (few != 99.0).sum() + 1000


def test_constant_inside_others() -> None:
    """A shifted constant and a mixture of one value are constant; a uniform is not."""
    assert 3.0 == DURATIONS.validate_python({"kind": "shifted", "offset": "1s", "by": "2s"}).constant()
    parts = [{"weight": "40%", "of": "2s"}, {"weight": "60%", "of": "2s"}]
    assert 2.0 == DURATIONS.validate_python({"kind": "mixture", "parts": parts}).constant()
    assert distribution("uniform").constant() is None


def test_empirical_draws_only_what_was_measured_in_its_proportions() -> None:
    """Mean 35 ms and population variance of the four values; 20 ms comes twice as often (binomial p > 10⁻⁶)."""
    known = distribution("empirical")
    assert 0.035 == pytest.approx(known.mean())
    assert 0.0010250 == pytest.approx(known.variance())
    draws = known.sampler(Streams(4, 0), "service").draw(40_000)
    assert {0.01, 0.02, 0.09} == set(draws)
    assert 1e-6 < stats.binomtest(int((draws == 0.02).sum()), len(draws), 0.5).pvalue


def test_sizes_are_bytes() -> None:
    """A size has whole bytes as its unit, its draws are rounded to whole bytes, and it reads back."""
    known = SIZES.validate_python({"kind": "lognormal", "mean": "20kB", "cv": 1.0})
    assert 20_000.0 == known.mean()
    drawn = known.sampler(Streams(1, 0), "payload_in").draw_bytes(2 * PIECE + 1)
    values = known.sampler(Streams(1, 0), "payload_in").draw(2 * PIECE + 1)
    assert np.int64 == drawn.dtype
    np.testing.assert_array_equal(np.rint(values), drawn)
    assert known == SIZES.validate_python(SIZES.dump_python(known))
    assert 4000.0 == SIZES.validate_python("4kB").constant()


def test_seeds_do_not_overlap() -> None:
    """No replication of seed 1 equals any replication of seed 2 (seed + replication would make 98 of 100 equal)."""
    known = distribution("exponential")
    drawn = {
        seed: {known.sampler(Streams(seed, replication), "service").draw(4).tobytes() for replication in range(100)}
        for seed in (1, 2)
    }
    assert [100, 100] == [len(drawn[1]), len(drawn[2])]
    assert set() == drawn[1] & drawn[2]
