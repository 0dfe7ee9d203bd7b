"""Lognormal, gamma and Weibull distributions, by mean and coefficient of variation or by two percentiles."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, Final, Generic, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.distributions.distribution import Distribution, Positive, Quantity, Variation
from simulator.distributions.sampler import Sampler
from simulator.streams import Streams

#: 99th percentile of the standard normal distribution.
Z_99: Final = 2.3263478740408408
#: ln(ln 100 / ln 2): how far p99 is from p50 on the logarithmic scale of a Weibull distribution of shape 1.
WEIBULL_P99_OVER_P50: Final = math.log(math.log(100.0) / math.log(2.0))


class _Skewed(Distribution, Generic[Quantity]):
    """Given by `mean` and `cv`, or by `p50` and `p99`."""

    AMOUNTS: ClassVar[tuple[str, ...]] = ("mean_", "p50", "p99")

    mean_: Positive[Quantity] | None = Field(default=None, alias="mean")
    cv: Variation | None = None
    p50: Positive[Quantity] | None = None
    p99: Positive[Quantity] | None = None

    @model_validator(mode="after")
    def _one_pair(self) -> _Skewed[Quantity]:
        given = {
            name
            for name, value in (("mean", self.mean_), ("cv", self.cv), ("p50", self.p50), ("p99", self.p99))
            if value is not None
        }
        if given not in ({"mean", "cv"}, {"p50", "p99"}):
            named = ", ".join(sorted(given)) or "nothing"
            raise ValueError(f"{self.kind} takes mean and cv, or p50 and p99; given: {named}")
        if self.p50 is not None and self.p99 is not None:
            ratio = self.p99 / self.p50
            if not 1.0 < ratio <= 1e4:
                raise ValueError(
                    f"p50 is {self.p50:g} and p99 is {self.p99:g}; p99 must be more than p50, at most 10,000 times it"
                )
        return self

    @abstractmethod
    def squared_cv(self) -> float:
        """Squared coefficient of variation."""

    def variance(self) -> float:
        """mean²·cv² [s² or B²]."""
        return self.mean() ** 2 * self.squared_cv()


class Lognormal(_Skewed[Quantity], Generic[Quantity]):
    """Lognormal distribution: its logarithm is normal with mean `mu` and standard deviation `sigma`.

    Parameters
    ----------
    mean, cv : duration or size, and float
        Mean, more than 0 [s or B], and coefficient of variation, 0.001 to 100; σ² = ln(1 + cv²) [1]_.
    p50, p99 : duration or size
        Median and 99th percentile, ``0 < p50 < p99``; σ = ln(p99/p50)/2.326…, μ = ln p50 [1]_. [s or B]

    References
    ----------
    .. [1] N. L. Johnson, S. Kotz, N. Balakrishnan, "Continuous Univariate Distributions" 1, 2nd ed., ch. 14.
    """

    kind: Literal["lognormal"] = "lognormal"

    @property
    def sigma(self) -> float:
        """Standard deviation of the logarithm."""
        if self.cv is not None:
            return math.sqrt(math.log1p(self.cv**2))
        assert self.p50 is not None
        assert self.p99 is not None
        return math.log(self.p99 / self.p50) / Z_99

    @property
    def mu(self) -> float:
        """Mean of the logarithm (of seconds or of bytes)."""
        if self.mean_ is not None:
            return math.log(self.mean_) - self.sigma**2 / 2.0
        assert self.p50 is not None
        return math.log(self.p50)

    def mean(self) -> float:
        """As given, or p50·exp(σ²/2) [s or B]."""
        return float(self.mean_) if self.mean_ is not None else math.exp(self.mu + self.sigma**2 / 2.0)

    def squared_cv(self) -> float:
        """exp(σ²) − 1."""
        return math.expm1(self.sigma**2)

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws exp(μ + σ·Z) of one standard normal each."""
        generator = streams.generator(purpose, *children)
        mu, sigma = self.mu, self.sigma

        def fill(values: NDArray[np.float64]) -> None:
            generator.standard_normal(out=values)
            values *= sigma
            values += mu
            np.exp(values, out=values)

        return Sampler(fill)


class Gamma(Distribution, Generic[Quantity]):
    """Gamma distribution: shape 1/cv², scale mean·cv².

    Changing the mean keeps every draw's place (they are scaled); changing cv does not, since NumPy draws gamma
    variates by rejection [1]_.

    Parameters
    ----------
    mean : duration or size
        More than 0. [s or B]
    cv : float
        Coefficient of variation, 0.001 to 100.

    References
    ----------
    .. [1] G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000).
    """

    AMOUNTS: ClassVar[tuple[str, ...]] = ("mean_",)

    kind: Literal["gamma"] = "gamma"
    mean_: Positive[Quantity] = Field(alias="mean")
    cv: Variation

    def mean(self) -> float:
        """As given [s or B]."""
        return float(self.mean_)

    def variance(self) -> float:
        """mean²·cv² [s² or B²]."""
        return float(self.mean_) ** 2 * self.cv**2

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws of a standard gamma variate each, scaled."""
        generator = streams.generator(purpose, *children)
        shape, scale = 1.0 / self.cv**2, float(self.mean_) * self.cv**2

        def fill(values: NDArray[np.float64]) -> None:
            generator.standard_gamma(shape, out=values)
            values *= scale

        return Sampler(fill)


class Weibull(_Skewed[Quantity], Generic[Quantity]):
    """Weibull distribution of shape k: scale·E^(1/k) with E standard exponential.

    Parameters
    ----------
    mean, cv : duration or size, and float
        Mean, more than 0 [s or B], and coefficient of variation, 0.001 to 100; k solves
        Γ(1 + 2/k)/Γ(1 + 1/k)² = 1 + cv² [1]_.
    p50, p99 : duration or size
        Median and 99th percentile, ``0 < p50 < p99``; k = ln(ln 100/ln 2)/ln(p99/p50) [1]_. [s or B]

    References
    ----------
    .. [1] N. L. Johnson, S. Kotz, N. Balakrishnan, "Continuous Univariate Distributions" 1, 2nd ed., ch. 21.
    """

    kind: Literal["weibull"] = "weibull"

    @property
    def shape(self) -> float:
        """k; below 1 the tail is heavier than exponential."""
        if self.cv is not None:
            return _weibull_shape(self.cv)
        assert self.p50 is not None
        assert self.p99 is not None
        return WEIBULL_P99_OVER_P50 / math.log(self.p99 / self.p50)

    @property
    def scale(self) -> float:
        """The 63rd percentile [s or B]."""
        if self.mean_ is not None:
            return self.mean_ / math.gamma(1.0 + 1.0 / self.shape)
        assert self.p50 is not None
        return float(self.p50 / math.log(2.0) ** (1.0 / self.shape))

    def mean(self) -> float:
        """As given, or scale·Γ(1 + 1/k) [s or B]."""
        return float(self.mean_) if self.mean_ is not None else self.scale * math.gamma(1.0 + 1.0 / self.shape)

    def squared_cv(self) -> float:
        """Γ(1 + 2/k)/Γ(1 + 1/k)² − 1."""
        return self.cv**2 if self.cv is not None else math.expm1(_log_weibull_moment_ratio(self.shape))

    def sampler(self, streams: Streams, purpose: str, *children: int) -> Sampler:
        """Draws scale·E^(1/k) of one standard exponential each."""
        generator = streams.generator(purpose, *children)
        power, scale = 1.0 / self.shape, self.scale

        def fill(values: NDArray[np.float64]) -> None:
            generator.standard_exponential(out=values)
            np.power(values, power, out=values)
            values *= scale

        return Sampler(fill)


def _log_weibull_moment_ratio(shape: float) -> float:
    """ln of E[X²]/E[X]² = ln(1 + cv²)."""
    return math.lgamma(1.0 + 2.0 / shape) - 2.0 * math.lgamma(1.0 + 1.0 / shape)


def _weibull_shape(cv: float) -> float:
    """The shape that gives a coefficient of variation, 0.001 to 100."""
    from scipy.optimize import brentq

    target = math.log1p(cv**2)
    # cv 100 has shape 0.13, cv 0.001 has shape 1282.
    return float(brentq(lambda k: _log_weibull_moment_ratio(k) - target, 0.1, 2000.0, xtol=1e-14, rtol=1e-14))
