"""Distributions of what nobody knows: the value at each quantile, between two ends that are always finite."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Protocol

#: Share that is cut off at each end of a lognormal assumption, so that it has ends that can be checked. Assumption:
#: what is written down as a median and a 90 % point says nothing about one case in a thousand.
CUT: Final = 0.001
#: 90th percentile of the standard normal distribution.
_Z_90: Final = 1.2815515655446004


class Shape(Protocol):
    """A distribution of numbers by its quantiles."""

    def at(self, quantile: float) -> float:
        """The value at a quantile from 0 (the lowest value) to 1 (the highest)."""


@dataclass(frozen=True)
class Uniform:
    """All values between two, alike; on a logarithmic scale, all factors alike."""

    low: float
    high: float
    is_log: bool = False

    def at(self, quantile: float) -> float:
        """The value at a quantile."""
        if self.is_log:
            return float(min(self.low * (self.high / self.low) ** quantile, self.high))
        return min(self.low + quantile * (self.high - self.low), self.high)


@dataclass(frozen=True)
class WholeUniform:
    """All multiples of a step between two, both included, alike."""

    low: float
    high: float
    step: float

    def at(self, quantile: float) -> float:
        """The value at a quantile."""
        count = round((self.high - self.low) / self.step) + 1
        return self.low + min(math.floor(quantile * count), count - 1) * self.step


@dataclass(frozen=True)
class Triangular:
    """A density that rises from the lowest value to the likeliest and falls to the highest, in straight lines [1]_.

    References
    ----------
    .. [1] A. M. Law, "Simulation Modeling and Analysis", 5th ed., 6.11 (no data: triangular distribution).
    """

    low: float
    mode: float
    high: float

    def at(self, quantile: float) -> float:
        """The value at a quantile."""
        width = self.high - self.low
        if quantile * width <= self.mode - self.low:
            return self.low + math.sqrt(quantile * width * (self.mode - self.low))
        return self.high - math.sqrt((1.0 - quantile) * width * (self.high - self.mode))


@dataclass(frozen=True)
class Lognormal:
    """A lognormal distribution without the lowest and the highest `CUT` of it; its median is that of the whole one.

    Cut off, it has a mean a little below that of the whole: 0.1 % with a coefficient of variation of 0.3, 1 % with 1.
    """

    mu: float
    sigma: float

    @classmethod
    def by_median(cls, median: float, p90: float) -> Lognormal:
        """From the median and the 90 % point of the whole distribution, ``0 < median < p90``."""
        return cls(math.log(median), math.log(p90 / median) / _Z_90)

    @classmethod
    def by_mean(cls, mean: float, cv: float) -> Lognormal:
        """From mean and coefficient of variation of the whole distribution, both above 0."""
        variance = math.log1p(cv**2)
        return cls(math.log(mean) - variance / 2.0, math.sqrt(variance))

    def at(self, quantile: float) -> float:
        """The value at a quantile."""
        from scipy.special import ndtri

        return math.exp(self.mu + self.sigma * float(ndtri(CUT + (1.0 - 2.0 * CUT) * quantile)))


@dataclass(frozen=True)
class Choice:
    """The numbers of options, from 0, each with its share.

    Parameters
    ----------
    shares : tuple of float
        Above 0; they add up to 1.
    """

    shares: tuple[float, ...]

    def at(self, quantile: float) -> float:
        """The number of the option at a quantile."""
        edges = list(accumulate(self.shares))
        return float(min(bisect_right(edges, quantile), len(edges) - 1))
