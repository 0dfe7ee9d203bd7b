"""Renewal traffic: independent gaps of a chosen coefficient of variation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import Clock
from simulator.traffic.points import running_sums
from simulator.units import to_ns


class Renewal(Arrivals):
    """Renewal process with gamma gaps: shape 1/cv², mean 1/rate; cv 0 is one request every 1/rate.

    It starts in its stationary state: the first arrival comes after U·X*, with U uniform and X* a gap weighted by
    its length, gamma of shape 1/cv² + 1 [1]_. (A start with an ordinary gap would pretend that a request had
    arrived just before time 0.) Gaps are independent, so traffic of this kind does not cluster beyond its gaps;
    where minutes of much traffic follow each other, `bursty` is the kind to take.

    Parameters
    ----------
    mean_rate : rate
        0 to 10⁶ per second. [1/s]
    cv : float
        Coefficient of variation of the gaps, 0 to 100; 1 is Poisson traffic.

    References
    ----------
    .. [1] D. R. Cox, "Renewal Theory" (1962), ch. 2 and 5.
    """

    kind: Literal["renewal"] = "renewal"
    mean_rate: ArrivalRate
    cv: Annotated[float, Field(strict=True, ge=0.0, le=100.0, allow_inf_nan=False)]

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """The first arrival, then running sums of gaps."""
        if self.mean_rate == 0:
            return
        mean_gap_s = 1.0 / self.mean_rate
        start, generator = streams.generator("arrivals", 0), streams.generator("arrivals", 1)
        first_s = start.random() * mean_gap_s
        if self.cv > 0:
            shape, scale_s = 1.0 / self.cv**2, mean_gap_s * self.cv**2
            first_s *= start.standard_gamma(shape + 1.0) * self.cv**2

        def fill(gaps: NDArray[np.float64]) -> None:
            if self.cv == 0:
                gaps.fill(mean_gap_s)
                return
            generator.standard_gamma(shape, out=gaps)
            gaps *= scale_s

        first_ns = to_ns(first_s)
        if first_ns < horizon_ns:
            yield np.array([first_ns])
            yield from running_sums(fill, mean_gap_s, first_ns, horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The mean rate at all times, since the start is stationary [1/s]."""
        return np.full(np.shape(t_s), self.mean_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Mean rate times length."""
        return self.mean_rate * (stop_s - start_s)

    @property
    def steady_rate(self) -> float:
        """The mean rate [1/s]."""
        return self.mean_rate

    def dispersion(self, window_s: float) -> float | None:
        """cv² for infinitely long windows; 1 for all if cv is 1; else None."""
        return self.cv**2 if math.isinf(window_s) or self.cv == 1.0 else None

    def describe(self) -> str:
        """Kind, rate and coefficient of variation."""
        return f"renewal with gamma gaps of cv {self.cv:g}, {rate_in_words(self.mean_rate)}"

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.mean_rate == 0 else []
