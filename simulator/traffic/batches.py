"""Traffic of batches: several requests at the same instant, or within a short while."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.clock import Clock
from simulator.traffic.clusters import REQUESTS, checked_scale, count_before, in_order, one_rate, under_way_problem
from simulator.traffic.group_sizes import GroupSize
from simulator.traffic.points import running_sums
from simulator.units import Seconds, array_to_ns, duration_text


class Batches(Arrivals):
    """Compound Poisson process: batches come as a Poisson process, each with some requests [1]_.

    For clients that fan out, or send what they have gathered. Requests of a batch come together, or each at a uniform
    time in ``[0, spread]`` of its own after the beginning of the batch. Stationary from the start: of batches that
    began before time 0 the requests still to come are drawn exactly.

    Parameters
    ----------
    size : int or law
        Requests in a batch: a number, or ``constant``, ``geometric`` (on 1, 2, …), ``shifted_poisson`` (1 and a
        Poisson number more), ``poisson`` or ``given``.
    batch_rate, mean_rate : rate
        One of the two: of batches, or of all requests. [1/s]
    spread : duration
        In which time the requests of a batch come; at once if it is left out. [s]

    References
    ----------
    .. [1] D. R. Cox, V. Isham, "Point Processes" (1980), 3.4.
    """

    RATES: ClassVar[tuple[str, ...]] = ("batch_rate", "mean_rate")

    kind: Literal["batches"] = "batches"
    size: GroupSize
    batch_rate: ArrivalRate | None = None
    mean_rate: ArrivalRate | None = None
    spread: Seconds | None = None

    @model_validator(mode="after")
    def _one_rate(self) -> Batches:
        one_rate("batches", "batch", self.batch_rate, self.mean_rate, self.size)
        return self

    @property
    def steady_rate(self) -> float:
        """Of all requests [1/s]."""
        return self.mean_rate if self.mean_rate is not None else (self.batch_rate or 0.0) * self.size.expected()

    def _scaled(self, factor: float) -> Self:
        """More or fewer batches."""
        return checked_scale(super()._scaled(factor), factor)

    def problems(self, horizon_s: float) -> list[str]:
        """Also if too many requests are under way at once."""
        return super().problems(horizon_s) or under_way_problem(self.steady_rate, self.spread or 0.0, "spread")

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Starts, sizes and delays, each from a stream of its own, put in order."""
        mean_size = self.size.expected()
        batch_rate = self.steady_rate / mean_size
        if batch_rate == 0:
            return iter(())
        starting, sizing, delaying = (streams.generator("arrivals", child) for child in range(3))

        def fill(gaps: NDArray[np.float64]) -> None:
            starting.standard_exponential(out=gaps)
            gaps *= 1.0 / batch_rate

        def delays(n: int) -> NDArray[np.int64]:
            delay_s = delaying.random(n)
            delay_s *= self.spread or 0.0
            return np.minimum(array_to_ns(delay_s), horizon_ns)

        return in_order(
            running_sums(fill, 1.0 / batch_rate, 0, horizon_ns),
            lambda n: self.size.draw(sizing, n),
            delays if self.spread else None,
            mean_size,
            self._begun_before(streams, batch_rate) if self.spread else np.empty(0, np.int64),
            horizon_ns,
        )

    def _begun_before(self, streams: Streams, batch_rate: float) -> NDArray[np.int64]:
        """When requests come of batches that began in the last `spread` before time 0, in no order [ns]."""
        counting, aging, sizing, delaying = (streams.generator("placement", child) for child in range(4))
        spread_s = self.spread or 0.0
        left = count_before(counting, batch_rate * spread_s)
        to_come = [np.empty(0)]
        while left:
            n = min(left, max(1, int(REQUESTS / self.size.expected())))
            ages = np.repeat(aging.random(n), self.size.draw(sizing, n))
            since = delaying.random(len(ages)) - ages
            to_come.append(since[since > 0])
            left -= n
        return array_to_ns(np.concatenate(to_come) * spread_s)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The mean rate at all times [1/s]."""
        return np.full(np.shape(t_s), self.steady_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Mean rate times length."""
        return self.steady_rate * (stop_s - start_s)

    def dispersion(self, window_s: float) -> float:
        """E[M²]/E[M] for every window if all come at once; with a spread 1 + E[M(M − 1)]/E[M]·E[(1 − D/w)⁺] [1]_.

        D is the time between two requests of a batch: of triangular density 2(1 − x/spread)/spread.

        References
        ----------
        .. [1] D. R. Cox, V. Isham, "Point Processes" (1980), 3.4.
        """
        others = self.size.expected_pairs() / self.size.expected()
        spread_s = self.spread or 0.0
        if spread_s == 0 or math.isinf(window_s):
            return 1.0 + others
        x = window_s / spread_s
        return 1.0 + others * (1.0 - 1.0 / (3.0 * x) if x >= 1.0 else x - x * x / 3.0)

    def describe(self) -> str:
        """Kind, rates, size and spread."""
        when = f"within {duration_text(round(self.spread, 3))}" if self.spread else "at once"
        return (
            f"batches, {rate_in_words(self.steady_rate / self.size.expected())}, of {self.size.describe()} requests "
            f"each, {when}: {rate_in_words(self.steady_rate)}"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.steady_rate == 0 else []
