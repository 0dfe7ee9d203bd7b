"""Periodic traffic: requests at fixed instants, such as the pings that keep an endpoint warm."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic import points
from simulator.traffic.arrivals import MOST_PER_SECOND, Arrivals
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.units import NS_PER_SECOND, Seconds, duration_text, to_ns

#: More at one instant is likelier a mistake.
_MOST: Final = 1e6
_MINUTE_S: Final = 60.0


class Periodic(Arrivals):
    """The same number of requests, all at the same instant, once in every interval; nothing is left to chance.

    Parameters
    ----------
    interval : duration
        From one instant to the next, more than 0. [s]
    offset : duration
        The first instant, default 0. [s]
    requests : float
        How many arrive at each instant, more than 0, at most 10⁶, at most 10⁶ per second; default 1. If it is not
        whole (as after `scaled`), it is a mean: running totals are rounded to whole requests, from a random phase on.
    """

    kind: Literal["periodic"] = "periodic"
    interval: Length
    offset: Seconds = 0.0
    requests: Annotated[float, Field(strict=True, gt=0.0, le=_MOST, allow_inf_nan=False)] = 1.0

    @model_validator(mode="after")
    def _not_too_many(self) -> Periodic:
        if self.requests > MOST_PER_SECOND * self.interval:
            raise ValueError(
                f"{self.requests:g} requests every {duration_text(self.interval)} are too many; at most "
                f"{MOST_PER_SECOND:g} per second"
            )
        return self

    @property
    def _is_whole(self) -> bool:
        return self.requests == math.floor(self.requests)

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """The instant of the i-th request from its number alone."""
        # Instant k brings ⌊(k + 1)·r + phase⌋ − ⌊k·r + phase⌋ requests.
        phase = 0.0 if self._is_whole else float(streams.generator("arrivals").random())
        interval_ns, offset_ns = to_ns(self.interval), to_ns(self.offset)
        beyond = -((offset_ns - horizon_ns) // interval_ns)
        first = 0
        while True:
            numbers = np.arange(first, first + points.BLOCK)
            first += points.BLOCK
            if self._is_whole:
                instants = numbers // int(self.requests)
            else:
                found = np.ceil((numbers + 1 - phase) / self.requests) - 1.0
                instants = np.minimum(found, 2.0**62).astype(np.int64)
            # Later instants are left out before they are multiplied: the product may be too large for int64.
            instants = instants[: np.searchsorted(instants, beyond)]
            yield offset_ns + instants * interval_ns
            if len(instants) < len(numbers):
                return

    def _instants_before(self, t_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many instants come before times, reckoned in whole nanoseconds."""
        since_ns = np.rint(t_s * float(NS_PER_SECOND)).astype(np.int64) - to_ns(self.offset)
        return np.maximum(-(-since_ns // to_ns(self.interval)), 0).astype(np.float64)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """Expected count in the minute of the run that each time is in, over a minute [1/s]."""
        begins_s = np.floor(np.asarray(t_s, dtype=np.float64) / _MINUTE_S) * _MINUTE_S
        instants = self._instants_before(begins_s + _MINUTE_S) - self._instants_before(begins_s)
        return np.asarray(self.requests * instants / _MINUTE_S)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Instants in the window, times requests."""
        before = self._instants_before(np.array([start_s, stop_s]))
        return float(self.requests * (before[1] - before[0]))

    @property
    def steady_rate(self) -> float | None:
        """Requests over interval, if the first interval is like all others [1/s]."""
        return self.requests / self.interval if self.offset < self.interval else None

    def dispersion(self, window_s: float) -> float | None:
        """0 in windows of whole intervals; None for others, whose counts depend on where they stand.

        With a mean that is not whole the count in n intervals is ⌊nr⌋ or one more: f·(1 − f)/(nr), f the fraction
        of nr.
        """
        if math.isinf(window_s):
            return 0.0
        interval_ns, window_ns = to_ns(self.interval), to_ns(window_s)
        if window_ns < interval_ns or window_ns % interval_ns:
            return None
        mean = window_ns // interval_ns * self.requests
        fraction = mean - math.floor(mean)
        return fraction * (1.0 - fraction) / mean

    def _scaled(self, factor: float) -> Self:
        """More or fewer requests at the same instants."""
        requests = self.requests * factor
        if requests > min(_MOST, MOST_PER_SECOND * self.interval):
            most = min(_MOST, MOST_PER_SECOND * self.interval)
            raise InputError(f"traffic scaled by {factor:g}: requests is {requests:g}, at most {most:g}")
        return self.model_copy(update={"requests": requests})

    def describe(self) -> str:
        """How many, how often."""
        plural = "s" if self.requests != 1 else ""
        first = f", the first at {duration_text(self.offset)}" if self.offset > 0 else ""
        rounded = "" if self._is_whole else " on average"
        return f"periodic, {self.requests:g} request{plural}{rounded} every {duration_text(self.interval)}{first}"

    def notes(self) -> list[str]:
        """What intervals do not cover."""
        if self._is_whole:
            return ["Periodic requests come at the same instants in every replication."]
        return []

    def remarks(self, horizon_s: float) -> list[str]:
        """Whether the first instant is within the run."""
        if self.offset >= horizon_s:
            return [f"Periodic requests begin at {duration_text(self.offset)}, after the end of the run."]
        return []
