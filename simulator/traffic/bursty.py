"""Bursty traffic: a Poisson process that switches between two rates at random (on/off if the lower is 0)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import Clock
from simulator.traffic.points import Inverse, UnitPoints, moved_points
from simulator.units import NS_PER_SECOND, Seconds, Share, duration_text

#: Most stays drawn at a time; even, so that every stretch begins in the same state.
_STAYS: Final = 4096


def _above_zero(value: float) -> float:
    if not value > 0:
        raise ValueError("0 is not allowed, must be more than 0")
    return value


Length = Annotated[Seconds, AfterValidator(_above_zero)]


class States(NamedTuple):
    """The two states of the process: rates [1/s] and mean lengths of stay [s]."""

    burst_rate: float
    quiet_rate: float
    burst_s: float
    quiet_s: float

    @property
    def burst_share(self) -> float:
        """Share of time in bursts."""
        return self.burst_s / (self.burst_s + self.quiet_s)

    @property
    def mean_rate(self) -> float:
        """Over all time [1/s]."""
        return self.burst_share * self.burst_rate + (1.0 - self.burst_share) * self.quiet_rate


def check_bursts(factor: float, share: float) -> None:
    """Refuse bursts that cannot be.

    Parameters
    ----------
    factor, share : float
        Rate in a burst over the mean rate, and share of time in bursts.

    Raises
    ------
    ValueError
        Naming the values and what is allowed.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"burst_share is {100 * share:g}%, must be more than 0% and less than 100%")
    product = factor * share
    if product > 1.0 + 1e-9:
        raise ValueError(
            f"burst_factor × burst_share is {factor:g} × {100 * share:g}% = {product:.6g}, must be at most 1 "
            "(at 1 nothing arrives between bursts)"
        )


def states_by_mean(mean_rate: float, factor: float, share: float, burst_s: float) -> States:
    """The states from mean rate [1/s], factor and share as in `check_bursts`, and mean length of a burst [s]."""
    # A product of 1 up to the last digit is on/off.
    quiet_factor = max(0.0, 1.0 - factor * share) / (1.0 - share)
    return States(
        burst_rate=factor * mean_rate,
        quiet_rate=quiet_factor * mean_rate if quiet_factor > 1e-9 else 0.0,
        burst_s=burst_s,
        quiet_s=burst_s * (1.0 - share) / share,
    )


class Bursty(Arrivals):
    """Markov-modulated Poisson process with two states [1]_, started in its stationary state.

    Stays in the two states have exponential lengths; they come from a stream of their own, so that bursts stand
    where they are when rates change, and arrivals are unit-rate points moved by the inverse of the cumulative rate.

    Parameters
    ----------
    burst_length : duration
        Mean length of a burst, more than 0. [s]
    mean_rate, burst_factor, burst_share : rate, float and share
        Mean over all time [1/s]; rate in a burst over the mean rate, 1 or more; share of time in bursts, more than
        0 and less than 100 %. ``burst_factor × burst_share`` is at most 1; at 1 nothing arrives between bursts.
    burst_rate, quiet_rate, quiet_length : rate, rate and duration
        Instead of the three: rates in and between bursts, and the mean length between bursts. [1/s, 1/s, s]

    References
    ----------
    .. [1] W. Fischer, K. Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook",
       Performance Evaluation 18 (1993).
    """

    RATES: ClassVar[tuple[str, ...]] = ("mean_rate", "burst_rate", "quiet_rate")

    kind: Literal["bursty"] = "bursty"
    burst_length: Length
    mean_rate: ArrivalRate | None = None
    burst_factor: Annotated[float, Field(strict=True, ge=1.0, allow_inf_nan=False)] | None = None
    burst_share: Share | None = None
    burst_rate: ArrivalRate | None = None
    quiet_rate: ArrivalRate | None = None
    quiet_length: Length | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Bursty:
        by_mean = ("mean_rate", "burst_factor", "burst_share")
        by_state = ("burst_rate", "quiet_rate", "quiet_length")
        given = {name for name in by_mean + by_state if getattr(self, name) is not None}
        if given not in (set(by_mean), set(by_state)):
            named = ", ".join(sorted(given)) or "nothing"
            raise ValueError(
                f"besides burst_length, bursty takes {', '.join(by_mean)}, or {', '.join(by_state)}; given: {named}"
            )
        if self.burst_factor is not None and self.burst_share is not None:
            check_bursts(self.burst_factor, self.burst_share)
        if self.burst_rate is not None and self.quiet_rate is not None and self.burst_rate < self.quiet_rate:
            raise ValueError(
                f"burst_rate is {self.burst_rate:g}/s and quiet_rate is {self.quiet_rate:g}/s; "
                "burst_rate must not be the lower one"
            )
        return self

    @property
    def states(self) -> States:
        """Rates and lengths, whichever way they were given."""
        if self.burst_rate is not None and self.quiet_rate is not None and self.quiet_length is not None:
            return States(self.burst_rate, self.quiet_rate, self.burst_length, self.quiet_length)
        assert self.mean_rate is not None
        assert self.burst_factor is not None
        assert self.burst_share is not None
        return states_by_mean(self.mean_rate, self.burst_factor, self.burst_share, self.burst_length)

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Unit-rate points moved by the inverse of the cumulative rate of a drawn path of states."""
        if self.states.mean_rate == 0:
            return iter(())
        path = self._path(streams, horizon_ns / NS_PER_SECOND)
        return moved_points(UnitPoints(streams.generator("arrivals")), path, horizon_ns)

    def _path(self, streams: Streams, horizon_s: float) -> Iterator[tuple[float, Inverse]]:
        """Stretches of an even number of stays each, up to the first one that ends beyond the horizon."""
        states = self.states
        starts_in_burst = streams.generator("modulation", 0).random() < states.burst_share
        generator = streams.generator("modulation", 1)
        order = slice(None) if starts_in_burst else slice(None, None, -1)
        lengths_s = np.array([states.burst_s, states.quiet_s])[order]
        rates = np.array([states.burst_rate, states.quiet_rate])[order]
        now_s, count = 0.0, 0.0
        while now_s <= horizon_s:
            pairs = int(min(_STAYS / 2, (horizon_s - now_s) / lengths_s.sum() + 4))
            stays_s = generator.standard_exponential((pairs, 2)) * lengths_s
            # Running sums from the first stay on, whatever the number of stays in a stretch.
            edges_s = np.cumsum(np.concatenate([[now_s], stays_s.ravel()]))
            counts = np.cumsum(np.concatenate([[count], (stays_s * rates).ravel()]))
            now_s, count = float(edges_s[-1]), float(counts[-1])
            yield count, _inverse(counts, edges_s)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The mean rate at all times, since the start is stationary [1/s]."""
        return np.full(np.shape(t_s), self.states.mean_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Mean rate times length."""
        return self.states.mean_rate * (stop_s - start_s)

    @property
    def steady_rate(self) -> float:
        """The mean rate [1/s]."""
        return self.states.mean_rate

    def dispersion(self, window_s: float) -> float | None:
        """1 + 2V/(mk)·(1 − (1 − e^(−kw))/(kw)): V variance of the rate, m its mean, k sum of leaving rates [1]_.

        References
        ----------
        .. [1] W. Fischer, K. Meier-Hellstern, "The Markov-modulated Poisson process (MMPP) cookbook",
           Performance Evaluation 18 (1993).
        """
        states = self.states
        if states.mean_rate == 0:
            return None
        share = states.burst_share
        variance = (states.burst_rate - states.quiet_rate) ** 2 * share * (1.0 - share)
        leaving = 1.0 / states.burst_s + 1.0 / states.quiet_s
        x = leaving * window_s
        # The difference loses its digits for short windows, where it is x/2.
        grown = 1.0 if math.isinf(x) else 1.0 + math.expm1(-x) / x if x > 1e-6 else x / 2.0
        return 1.0 + 2.0 * variance / (states.mean_rate * leaving) * grown

    def describe(self) -> str:
        """Kind, rates and lengths."""
        states = self.states
        kind = "on/off" if states.quiet_rate == 0 else "bursty (two-state Markov-modulated Poisson)"
        return (
            f"{kind}, {rate_in_words(states.mean_rate)} on average: {rate_in_words(states.burst_rate)} in bursts of "
            f"{duration_text(round(states.burst_s, 3))}, {rate_in_words(states.quiet_rate)} for "
            f"{duration_text(round(states.quiet_s, 3))} between them, on average"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.states.mean_rate == 0 else []


def _inverse(counts: NDArray[np.float64], edges_s: NDArray[np.float64]) -> Inverse:
    return lambda points: np.interp(points, counts, edges_s)
