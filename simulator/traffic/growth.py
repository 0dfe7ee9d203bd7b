"""Growth: a rate that changes by the same per cent in every period."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from simulator.streams import Streams
from simulator.traffic.arrivals import MOST_PER_SECOND, NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.traffic.points import UnitPoints, moved_points
from simulator.units import NS_PER_SECOND, duration_text

#: More in one period is likelier a mistake than growth.
_MOST_GROWTH: Final = 1e4


def _change(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, str):
        hint = f"; write {value:g}%" if isinstance(value, int | float) else ""
        raise ValueError(f"{value!r} has no unit{hint}")
    match = re.fullmatch(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*%", value.strip())
    try:
        change = float(Decimal(match[1]) / 100) if match else math.nan
    except InvalidOperation:
        change = math.nan
    if math.isnan(change):
        raise ValueError(f"{value!r} is not a change; write a per cent, for example 8% or -3%")
    if not -1.0 < change <= _MOST_GROWTH:
        raise ValueError(f"{value!r} is not allowed, must be more than -100% and at most {100 * _MOST_GROWTH:g}%")
    return change


def _change_text(change: float) -> str:
    # In decimals, so that it reads back to the same number.
    return f"{Decimal(repr(change)) * 100}%"


Change = Annotated[
    float,
    BeforeValidator(_change),
    PlainSerializer(_change_text),
    WithJsonSchema({"type": "string", "pattern": r"^[+-]?[0-9.eE+-]+\s*%$", "examples": ["8%", "-3%"]}),
]


class Growth(Arrivals):
    """Poisson process of rate λ(t) = start·(1 + g)^(t/every).

    Arrivals are unit-rate points moved by the inverse of the cumulative rate, a logarithm.

    Parameters
    ----------
    start_rate : rate
        At time 0, 0 to 10⁶ per second. [1/s]
    growth : per cent
        g, what comes on top in each period: ``8%``; less than 0 for traffic that shrinks, more than -100 %.
    every : duration
        Length of a period, more than 0. [s]
    """

    RATES: ClassVar[tuple[str, ...]] = ("start_rate",)

    kind: Literal["growth"] = "growth"
    start_rate: ArrivalRate
    growth: Change
    every: Length

    @property
    def _exponent(self) -> float:
        """k of λ(t) = start·e^(kt) [1/s]."""
        return math.log1p(self.growth) / self.every

    def problems(self, horizon_s: float) -> list[str]:
        """Also if the rate grows beyond what is allowed."""
        problems = super().problems(horizon_s)
        if not problems and self.start_rate > 0:
            # Far below the largest exponent of a float64, should the first rate be next to nothing.
            steps = min(math.log(MOST_PER_SECOND) - math.log(self.start_rate), 600.0)
            if self._exponent * horizon_s > steps:
                when = duration_text(round(steps / self._exponent, 3))
                return [
                    f"the rate grows beyond {MOST_PER_SECOND:g}/s after {when}, within the horizon of "
                    f"{duration_text(horizon_s)}; write a smaller growth or a shorter horizon"
                ]
        return problems

    def _cumulative(self, until_s: float) -> float:
        """Expected count up to a time."""
        k = self._exponent
        return self.start_rate * (math.expm1(k * until_s) / k if k else until_s)

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate."""
        if self.start_rate == 0:
            return iter(())
        k = self._exponent

        def arrival_s(points: NDArray[np.float64]) -> NDArray[np.float64]:
            if k == 0:
                return np.asarray(points / self.start_rate)
            return np.asarray(np.log1p(np.maximum(points * (k / self.start_rate), -1.0 + 1e-16)) / k)

        # A little beyond the horizon, for the last digits; what falls beyond it is left out one by one.
        limit = self._cumulative(horizon_ns / NS_PER_SECOND) * (1.0 + 1e-9) + 1e-6
        if k < 0:
            # The integral of a shrinking rate is finite, however long the run.
            limit = min(limit, self.start_rate / -k)
        return moved_points(UnitPoints(streams.generator("arrivals")), [(limit, arrival_s)], horizon_ns)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The exponential [1/s]."""
        return np.asarray(self.start_rate * np.exp(self._exponent * np.asarray(t_s, dtype=np.float64)))

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Integral of the rate."""
        return self._cumulative(stop_s) - self._cumulative(start_s)

    @property
    def steady_rate(self) -> float | None:
        """The rate if it does not grow [1/s]."""
        return self.start_rate if self.growth == 0 else None

    def dispersion(self, window_s: float) -> float:
        """1: the count in a window that stands at a fixed time is Poisson, whatever the rate does."""
        return 1.0

    def describe(self) -> str:
        """Rate and growth."""
        verb = "shrinking" if self.growth < 0 else "growing"
        return (
            f"{verb} exponentially from {rate_in_words(self.start_rate)} by {100 * abs(self.growth):g}% every "
            f"{duration_text(self.every)}"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.start_rate == 0 else []
