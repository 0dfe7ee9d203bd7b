"""Profiled traffic: a rate that is constant in each step of the day or of the week."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import DAY_S, WEEK_S, Clock
from simulator.traffic.points import UnitPoints, moved_points
from simulator.units import NS_PER_SECOND, duration_text

Height = Annotated[float, Field(strict=True, ge=0.0, allow_inf_nan=False)]


class Profile(Arrivals):
    """Poisson process whose rate goes through equal steps, over and over.

    Arrivals are unit-rate points moved by the inverse of the cumulative rate, which is piecewise linear.

    Parameters
    ----------
    period : ``day`` or ``week``
        What the steps part; a day from midnight, a week from Monday, by the clock of the scenario.
    mean_rate, shape : rate and list of float
        Mean over the period, 0 to 10⁶ per second [1/s], and the relative height of each step, 0 or more and not
        all 0: 24 for the hours of a day, 168 for those of a week, or any number of equal steps.
    rates : list of rates
        Instead of the two: the rate in each step. [1/s]
    """

    RATES: ClassVar[tuple[str, ...]] = ("mean_rate", "rates")

    kind: Literal["profile"] = "profile"
    period: Literal["day", "week"]
    mean_rate: ArrivalRate | None = None
    shape: Annotated[tuple[Height, ...], Field(min_length=1)] | None = None
    rates: Annotated[tuple[ArrivalRate, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Profile:
        given = {name for name in ("mean_rate", "shape", "rates") if getattr(self, name) is not None}
        if given not in ({"mean_rate", "shape"}, {"rates"}):
            named = ", ".join(sorted(given)) or "nothing"
            raise ValueError(f"profile takes mean_rate and shape, or rates; given: {named}")
        if self.shape is not None and not sum(self.shape) > 0:
            raise ValueError("shape is 0 in every step; at least one must be more than 0")
        if self.period == "day" and len(self.shape or self.rates or ()) == 168:
            raise ValueError("168 steps for a day; 168 hours make period: week")
        return self

    @property
    def _period_s(self) -> float:
        return DAY_S if self.period == "day" else WEEK_S

    @property
    def rate_of_step(self) -> NDArray[np.float64]:
        """Rate in each step of the period [1/s]."""
        if self.rates is not None:
            return np.array(self.rates)
        assert self.shape is not None
        assert self.mean_rate is not None
        heights = np.array(self.shape)
        return np.asarray(self.mean_rate * heights / heights.mean())

    def _phase_s(self, clock: Clock) -> float:
        return clock.day_s if self.period == "day" else clock.week_s

    def _knots(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Edges of the steps, and the cumulative rate there, from the beginning of a period."""
        rates = self.rate_of_step
        edges_s = np.linspace(0.0, self._period_s, len(rates) + 1)
        return edges_s, np.concatenate([[0.0], np.cumsum(rates * np.diff(edges_s))])

    def _cumulative(self, since_s: float) -> float:
        """Expected count from the beginning of a period to `since_s` later, 0 or more."""
        edges_s, counts = self._knots()
        whole, rest_s = divmod(since_s, self._period_s)
        return float(whole * counts[-1] + np.interp(rest_s, edges_s, counts))

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate."""
        edges_s, counts = self._knots()
        per_period, period_s = float(counts[-1]), self._period_s
        if per_period == 0:
            return iter(())
        phase_s = self._phase_s(clock)
        before = self._cumulative(phase_s)

        def arrival_s(points: NDArray[np.float64]) -> NDArray[np.float64]:
            counted = points + before
            periods = np.floor(counted / per_period)
            counted -= periods * per_period
            times_s = np.interp(counted, counts, edges_s)
            times_s += periods * period_s - phase_s
            return times_s

        # A little beyond the horizon, for the last digits; what falls beyond it is left out one by one.
        limit = self.expected_count(0.0, horizon_ns / NS_PER_SECOND, clock) * (1.0 + 1e-9) + 1e-6
        return moved_points(UnitPoints(streams.generator("arrivals")), [(limit, arrival_s)], horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The rate of the step that each time is in [1/s]."""
        rates = self.rate_of_step
        steps = (np.asarray(t_s, dtype=np.float64) + self._phase_s(clock)) / (self._period_s / len(rates))
        return np.asarray(rates[np.floor(steps).astype(np.int64) % len(rates)])

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Integral of the rate."""
        phase_s = self._phase_s(clock)
        return self._cumulative(phase_s + stop_s) - self._cumulative(phase_s + start_s)

    def dispersion(self, window_s: float) -> float:
        """1: the count in a window that stands at a fixed time is Poisson, whatever the rate does."""
        return 1.0

    def describe(self) -> str:
        """Kind, steps, mean and peak."""
        rates = self.rate_of_step
        step = duration_text(self._period_s / len(rates))
        peak = f", peak {rates.max() / rates.mean():.3g} times that" if rates.any() else ""
        return f"profile of a {self.period} in steps of {step}, {rate_in_words(float(rates.mean()))} on average{peak}"

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [] if self.rate_of_step.any() else [NO_REQUESTS]
