"""Poisson traffic: requests that know nothing of each other, at a constant rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import Clock
from simulator.traffic.points import running_sums


class Poisson(Arrivals):
    """Poisson process of constant rate.

    Parameters
    ----------
    mean_rate : rate
        0 to 10⁶ per second. [1/s]
    """

    kind: Literal["poisson"] = "poisson"
    mean_rate: ArrivalRate

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Running sums of exponential gaps."""
        if self.mean_rate == 0:
            return iter(())
        generator, mean_gap_s = streams.generator("arrivals"), 1.0 / self.mean_rate

        def fill(gaps: NDArray[np.float64]) -> None:
            generator.standard_exponential(out=gaps)
            gaps *= mean_gap_s

        return running_sums(fill, mean_gap_s, 0, horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The mean rate at all times [1/s]."""
        return np.full(np.shape(t_s), self.mean_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Mean rate times length."""
        return self.mean_rate * (stop_s - start_s)

    @property
    def steady_rate(self) -> float:
        """The mean rate [1/s]."""
        return self.mean_rate

    def dispersion(self, window_s: float) -> float:
        """1 for every window."""
        return 1.0

    def describe(self) -> str:
        """Kind and rate."""
        return f"Poisson, {rate_in_words(self.mean_rate)}"

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.mean_rate == 0 else []
