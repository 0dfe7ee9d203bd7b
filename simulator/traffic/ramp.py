"""A ramp: a rate that goes from one value to another in a straight line, and stays there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.traffic.points import UnitPoints, moved_points
from simulator.units import NS_PER_SECOND, duration_text


class Ramp(Arrivals):
    """Poisson process whose rate rises or falls linearly from time 0 on, then is constant.

    Arrivals are unit-rate points moved by the inverse of the cumulative rate, a root of a quadratic.

    Parameters
    ----------
    start_rate, end_rate : rate
        At time 0, and from `over` on; 0 to 10⁶ per second. [1/s]
    over : duration
        How long the rate takes, more than 0. It does not follow the horizon: a longer run must begin like a shorter
        one. [s]
    """

    RATES: ClassVar[tuple[str, ...]] = ("start_rate", "end_rate")

    kind: Literal["ramp"] = "ramp"
    start_rate: ArrivalRate
    end_rate: ArrivalRate
    over: Length

    def _cumulative(self, until_s: float) -> float:
        """Expected count up to a time."""
        ramping_s, after_s = min(until_s, self.over), max(until_s - self.over, 0.0)
        slope = (self.end_rate - self.start_rate) / self.over
        return ramping_s * (self.start_rate + slope * ramping_s / 2.0) + self.end_rate * after_s

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate."""
        start, end = self.start_rate, self.end_rate
        on_ramp = self._cumulative(self.over)
        if on_ramp == 0:
            return iter(())

        def arrival_s(points: NDArray[np.float64]) -> NDArray[np.float64]:
            # The form of the root that loses no digits where the slope is small; below 0 only by the last of them.
            roots = np.sqrt(np.maximum(start**2 + 2.0 * (end - start) / self.over * points, 0.0))
            times_s = 2.0 * points / np.maximum(start + roots, 1e-300)
            after = points > on_ramp
            if end > 0:
                times_s[after] = self.over + (points[after] - on_ramp) / end
            return times_s

        # A little beyond the horizon, for the last digits; what falls beyond it is left out one by one.
        limit = self._cumulative(horizon_ns / NS_PER_SECOND) * (1.0 + 1e-9) + 1e-6
        # Of a ramp down to 0 nothing comes after its end.
        limit = min(limit, on_ramp) if end == 0 else limit
        return moved_points(UnitPoints(streams.generator("arrivals")), [(limit, arrival_s)], horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The line, then its end [1/s]."""
        return np.asarray(np.interp(t_s, [0.0, self.over], [self.start_rate, self.end_rate]))

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Integral of the rate."""
        return self._cumulative(stop_s) - self._cumulative(start_s)

    @property
    def steady_rate(self) -> float | None:
        """The rate if it does not change [1/s]."""
        return self.start_rate if self.start_rate == self.end_rate else None

    def dispersion(self, window_s: float) -> float:
        """1: the count in a window that stands at a fixed time is Poisson, whatever the rate does."""
        return 1.0

    def describe(self) -> str:
        """Both rates and how long it takes."""
        return (
            f"ramp from {rate_in_words(self.start_rate)} to {rate_in_words(self.end_rate)} over "
            f"{duration_text(self.over)}, then constant"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if max(self.start_rate, self.end_rate) == 0 else []

    def remarks(self, horizon_s: float) -> list[str]:
        """Whether the end of the ramp is reached."""
        if self.start_rate != self.end_rate and self.over > horizon_s:
            reached = float(np.interp(horizon_s, [0.0, self.over], [self.start_rate, self.end_rate]))
            return [
                f"The run ends before the ramp of {duration_text(self.over)} does, at a rate of "
                f"{rate_in_words(reached)}."
            ]
        return []
