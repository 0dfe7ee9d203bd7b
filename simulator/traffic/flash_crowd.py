"""A flash crowd: requests that come on top of other traffic for a while, then no more."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import Clock
from simulator.traffic.points import UnitPoints, moved_points
from simulator.units import NS_PER_SECOND, Seconds, duration_text


class FlashCrowd(Arrivals):
    """Poisson process whose rate rises linearly, stays at its peak, and falls linearly; 0 before and after.

    It is to be added to other traffic by `superposition`. Arrivals are unit-rate points moved by the inverse of the
    cumulative rate, whose pieces are a square root, a line and a square root.

    Parameters
    ----------
    peak_rate : rate
        Rate at the peak, on top of other traffic, 0 to 10⁶ per second. [1/s]
    at : duration
        When the rise begins, from time 0. [s]
    ramp_up, length, decay : duration
        How long the rate rises, stays at its peak, and falls; each 0 or more (0 by default for rise and fall), at
        least one more than 0. ``peak_rate·(ramp_up/2 + length + decay/2)`` requests are expected. [s]
    """

    RATES: ClassVar[tuple[str, ...]] = ("peak_rate",)

    kind: Literal["flash_crowd"] = "flash_crowd"
    peak_rate: ArrivalRate
    at: Seconds
    ramp_up: Seconds = 0.0
    length: Seconds
    decay: Seconds = 0.0

    @model_validator(mode="after")
    def _lasts(self) -> FlashCrowd:
        if not self.lasts_s > 0:
            raise ValueError("ramp_up, length and decay are all 0; at least one must be more than 0")
        return self

    @property
    def lasts_s(self) -> float:
        """From the beginning of the rise to the end of the fall [s]."""
        return self.ramp_up + self.length + self.decay

    def _cumulative(self, since_s: float) -> float:
        """Expected count up to `since_s` after `at`."""
        rising_s = min(max(since_s, 0.0), self.ramp_up)
        at_peak_s = min(max(since_s - self.ramp_up, 0.0), self.length)
        falling_s = min(max(since_s - self.ramp_up - self.length, 0.0), self.decay)
        count = at_peak_s
        if rising_s > 0:
            count += rising_s**2 / (2.0 * self.ramp_up)
        if falling_s > 0:
            count += falling_s * (1.0 - falling_s / (2.0 * self.decay))
        return self.peak_rate * count

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate."""
        total = self._cumulative(self.lasts_s)
        if total == 0:
            return iter(())
        rise, peak_ends = self.peak_rate * self.ramp_up / 2.0, total - self.peak_rate * self.decay / 2.0

        def arrival_s(points: NDArray[np.float64]) -> NDArray[np.float64]:
            times_s = (points - rise) / self.peak_rate + self.ramp_up
            rises = points < rise
            times_s[rises] = np.sqrt(points[rises] * (2.0 * self.ramp_up / self.peak_rate))
            falls = points > peak_ends
            times_s[falls] = self.lasts_s - np.sqrt((total - points[falls]) * (2.0 * self.decay / self.peak_rate))
            times_s += self.at
            return times_s

        # A little beyond the horizon, for the last digits; what falls beyond it is left out one by one.
        expected = self._cumulative(horizon_ns / NS_PER_SECOND - self.at)
        limit = min(total, expected * (1.0 + 1e-9) + 1e-6)
        return moved_points(UnitPoints(streams.generator("arrivals")), [(limit, arrival_s)], horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The trapezoid [1/s]."""
        since_s = np.asarray(t_s, dtype=np.float64) - self.at
        left_s = self.lasts_s - since_s
        heights = np.where((since_s >= 0) & (left_s > 0), 1.0, 0.0)
        if self.ramp_up > 0:
            heights *= np.clip(since_s / self.ramp_up, 0.0, 1.0)
        if self.decay > 0:
            heights *= np.clip(left_s / self.decay, 0.0, 1.0)
        return np.asarray(self.peak_rate * heights)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Integral of the rate."""
        return self._cumulative(stop_s - self.at) - self._cumulative(start_s - self.at)

    def dispersion(self, window_s: float) -> float:
        """1: the count in a window that stands at a fixed time is Poisson, whatever the rate does."""
        return 1.0

    def describe(self) -> str:
        """Peak, when, and how many are expected."""
        parts = [
            f"{verb} for {duration_text(lasts_s)}"
            for verb, lasts_s in (("rises", self.ramp_up), ("stays", self.length), ("falls", self.decay))
            if lasts_s > 0
        ]
        return (
            f"flash crowd of {rate_in_words(self.peak_rate)} from {duration_text(self.at)} on ({', '.join(parts)}), "
            f"{self._cumulative(math.inf):,.0f} requests expected"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.peak_rate == 0 else []

    def remarks(self, horizon_s: float) -> list[str]:
        """Whether it is cut off, or never seen."""
        if self.at >= horizon_s:
            return [f"The flash crowd at {duration_text(self.at)} begins after the end of the run: it is never seen."]
        if self.at + self.lasts_s > horizon_s:
            return [f"The flash crowd at {duration_text(self.at)} is still there at the end of the run."]
        return []
