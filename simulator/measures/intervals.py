"""Intervals over replications: means, ratios, paired differences, proportions and pooled percentiles.

Replications are the sample. Requests of one replication depend on one another (a burst is slow together), so no
function here takes requests as independent: on bursty traffic an interval made that way held the truth 38 % of the
time instead of 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.measures.histogram import Histogram, least_of

#: Least effective number of requests beyond a pooled percentile for an interval on it.
LEAST_EXCEEDANCES: Final = 100
NO_DATA: Final = "no data"


@dataclass(frozen=True)
class Estimate:
    """A number estimated from replications.

    Parameters
    ----------
    value : float or None
        None: no data.
    low, high : float or None
        Interval; both None where there is none, and `method` says why.
    level : float
        Confidence level of the interval, 0.95 for 95 %.
    n : int
        Replications that had a value.
    method : str
        How value and interval were found, or why there is none.
    """

    value: float | None
    low: float | None
    high: float | None
    level: float
    n: int
    method: str

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return self.low is not None and self.high is not None

    @property
    def is_none_seen(self) -> bool:
        """Whether several replications showed nothing at all: a value of 0 that has no interval (`fraction`)."""
        return self.value == 0 and not self.has_interval and self.n >= 2

    @property
    def half_width(self) -> float | None:
        """Half the length of the interval."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2

    def within(self, least: float | None = None, greatest: float | None = None) -> Estimate:
        """The same with its interval cut to what is possible (a share lies in [0, 1])."""
        low, high = self.low, self.high
        if low is not None and least is not None:
            low = max(low, least)
        if high is not None and greatest is not None:
            high = min(high, greatest)
        return replace(self, low=low, high=high)

    def times(self, factor: float) -> Estimate:
        """The same in another unit, or over another length of time."""
        value, low, high = (None if x is None else x * factor for x in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high)


def student_t(level: float, degrees: int) -> float:
    """Quantile of Student's t that bounds the middle `level` of the distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))


def _values(values: Sequence[float | None] | ArrayLike) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray):
        array = values.astype(np.float64)
    else:
        array = np.array([math.nan if v is None else v for v in values], np.float64)  # type: ignore[union-attr]
    return array[~np.isnan(array)]


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation; exactly 0 where all values are equal (the mean of equal floats may be rounded)."""
    return 0.0 if (values == values[0]).all() else float(values.std(ddof=1))


def mean(values: Sequence[float | None], level: float = 0.95) -> Estimate:
    """Mean over replications with its t-interval, X̄ ± t s/√n.

    Parameters
    ----------
    values : sequence of float or None
        One a replication; None where a replication has no data, which is left out and counted out of n.
    level : float
        Confidence level.

    Returns
    -------
    Estimate
        Without an interval if fewer than two replications have data.

    References
    ----------
    .. [1] Law, "Simulation Modeling and Analysis", 5th ed., 9.4.1 (terminating simulations).
    """
    sample = _values(values)
    n = len(sample)
    if n == 0:
        return Estimate(None, None, None, level, 0, NO_DATA)
    spread = _spread(sample)
    value = float(sample[0]) if spread == 0 else float(sample.mean())
    if n < 2:
        return Estimate(value, None, None, level, n, "one replication: no interval")
    half = 0.0 if spread == 0 else student_t(level, n - 1) * spread / math.sqrt(n)
    return Estimate(value, value - half, value + half, level, n, "mean, t")


def fraction(values: Sequence[float | None], level: float = 0.95) -> Estimate:
    """Mean of fractions of requests over replications, with its t-interval cut to [0, 1].

    Where no replication has any, the fraction is unresolved: no interval, and `method` bounds the share of
    replications that have any, exactly 1 - (1 - level)^(1/n), about 3/n at 95 %.
    """
    estimate = mean(values, level)
    if estimate.value == 0 and estimate.n >= 1:
        bound = none_of(estimate.n, level)
        text = f"none in {estimate.n} replications: at most {100 * bound:.2g} % of them have any"
        return replace(estimate, low=None, high=None, method=text)
    return estimate.within(0.0, 1.0)


def none_of(n: int, level: float = 0.95) -> float:
    """Upper bound on a probability of which n independent trials showed nothing: 1 - (1 - level)^(1/n)."""
    return float(-math.expm1(math.log1p(-level) / n))


def ratio(
    numerators: Sequence[float], denominators: Sequence[float], level: float = 0.95, factor: float = 1.0
) -> Estimate:
    """Ratio of sums over replications, with the delta method's standard error and Student's t.

    A mean of ratios would be biased where replications differ in size.

    Parameters
    ----------
    numerators, denominators : sequences of float
        One of each a replication; a denominator may be 0.
    level : float
        Confidence level.
    factor : float
        Multiplies the ratio: 1,000 for "per 1,000".

    References
    ----------
    .. [1] Cochran, "Sampling Techniques", 3rd ed., 6.4 (ratio of means, linearised).
    """
    over, under = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    n, total = len(under), float(under.sum())
    if n == 0 or total == 0:
        return Estimate(None, None, None, level, 0, NO_DATA)
    value = float(over.sum()) / total
    if n < 2:
        return Estimate(value * factor, None, None, level, n, "one replication: no interval")
    half = student_t(level, n - 1) * _ratio_error(over, under, value)
    return Estimate(value, value - half, value + half, level, n, "ratio of sums, t").times(factor)


def _residuals(over: NDArray[np.float64], under: NDArray[np.float64], value: float) -> NDArray[np.float64]:
    """What each replication adds to the ratio, linearised."""
    residuals: NDArray[np.float64] = (over - value * under) / under.mean()
    # Replications that are all alike leave rounding behind.
    return np.where(np.abs(residuals) <= 1e-13 * abs(value), 0.0, residuals)


def _ratio_error(over: NDArray[np.float64], under: NDArray[np.float64], value: float) -> float:
    return _spread(_residuals(over, under, value)) / math.sqrt(len(over))


def difference(first: Sequence[float | None], second: Sequence[float | None], level: float = 0.95) -> Estimate:
    """Mean of first less second over the replications that have both: paired, with its t-interval.

    Both endpoints met the same traffic, so the spread of the differences is what counts.
    """
    pairs = [a - b for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    estimate = mean(pairs, level)
    return replace(estimate, method="paired difference, t") if estimate.has_interval else estimate


def ratio_difference(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    level: float = 0.95,
    factor: float = 1.0,
) -> Estimate:
    """Difference of two ratios of sums over the same replications, with the paired delta standard error.

    Parameters
    ----------
    first, second : pairs of sequences of float
        Numerators and denominators, one of each a replication.
    level, factor : float
        As in `ratio`.
    """
    value, residuals = 0.0, np.zeros(len(first[0]))
    for sign, (numerators, denominators) in ((1.0, first), (-1.0, second)):
        over, under = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
        if not under.sum():
            return Estimate(None, None, None, level, 0, NO_DATA)
        one = float(over.sum() / under.sum())
        value += sign * one
        residuals += sign * _residuals(over, under, one)
    n = len(residuals)
    if n < 2:
        return Estimate(value * factor, None, None, level, n, "one replication: no interval")
    half = student_t(level, n - 1) * _spread(residuals) / math.sqrt(n)
    method = "paired difference of ratios, t"
    return Estimate(value, value - half, value + half, level, n, method).times(factor)


def proportion(count: int, n: int, level: float = 0.95) -> Estimate:
    """Share of replications that have a property, with the Clopper-Pearson interval (never too narrow).

    Parameters
    ----------
    count, n : int
        Replications that have it, of all.
    level : float
        Confidence level. Where no replication has it, `method` names the sharper one-sided bound as well.

    References
    ----------
    .. [1] Clopper & Pearson, Biometrika 26 (1934) 404.
    """
    if n == 0:
        return Estimate(None, None, None, level, 0, NO_DATA)
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    method = "share of replications, Clopper-Pearson"
    if count == 0:
        method += f"; none in {n}: at most {none_of(n, level):.2g} at {level:.0%}, one-sided"
    return Estimate(count / n, low, high, level, n, method)


def pooled_percentile(histograms: Sequence[Histogram], share: Fraction, level: float = 0.95) -> Estimate:
    """Percentile of the requests of all replications together, with the interval that inverts exceedances [ns].

    e_r is the fraction of replication r above the pooled percentile, the bin that holds it divided so that the
    pooled fraction above is exactly 1 - share (a bin may hold many equal latencies). With its standard error h/t
    over replications, the interval runs between the pooled percentiles at share ∓ h. Where fewer than
    `LEAST_EXCEEDANCES` requests lie beyond the percentile, after division by the design effect (how much wider the
    fraction spreads than it would if requests were independent), there is no interval.

    Parameters
    ----------
    histograms : sequence of Histogram
        One a replication; empty ones are left out.
    share : Fraction
        99/100 for p99.
    level : float
        Confidence level.

    References
    ----------
    .. [1] Woodruff, JASA 47 (1952) 635: intervals for quantiles by inverting the distribution function.
    .. [2] Kish, "Survey Sampling" (1965): design effect.
    """
    filled = [one for one in histograms if len(one.bins)]
    n = len(filled)
    if n == 0:
        return Estimate(None, None, None, level, 0, NO_DATA)
    pooled = Histogram.merged(filled)
    value, method = float(pooled.quantile_ns(share)), "all requests, exceedances inverted"
    if n < 2:
        return Estimate(value, None, None, level, n, "one replication: no interval")
    at = pooled.bin_at(share)
    beyond_share = float(1 - share)
    above = np.array([one.above(at) for one in filled], np.float64)
    inside = np.array([one.above(at - 1) for one in filled], np.float64) - above
    part = (pooled.total * beyond_share - above.sum()) / inside.sum()
    sizes = np.array([one.total for one in filled], np.float64)
    error = _ratio_error(above + part * inside, sizes, beyond_share)
    independent = share * (1 - share) / pooled.total
    effective = pooled.total * beyond_share / max(1.0, error**2 / float(independent))
    if effective < LEAST_EXCEEDANCES:
        text = f"too few requests beyond it for an interval: {effective:.0f} of {LEAST_EXCEEDANCES} in effect"
        return Estimate(value, None, None, level, n, text)
    half = Fraction(student_t(level, n - 1) * error)
    if not 0 < share - half < share + half < 1 and half > 0:
        return Estimate(value, None, None, level, n, "replications differ too much for an interval")
    # The ends lie somewhere in their bins: the interval takes in the whole of both.
    low, high = least_of(pooled.bin_at(share - half)), least_of(pooled.bin_at(share + half) + 1) - 1
    return Estimate(value, float(low), float(high), level, n, method)
