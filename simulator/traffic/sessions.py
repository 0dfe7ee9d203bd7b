"""Traffic of sessions: users come at random, and each sends several requests within a while."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from simulator.streams import Streams
from simulator.traffic.arrivals import NO_REQUESTS, ArrivalRate, Arrivals, rate_in_words
from simulator.traffic.bursty import Length
from simulator.traffic.clock import Clock
from simulator.traffic.clusters import (
    checked_scale,
    count_before,
    in_order,
    one_rate,
    share_together,
    under_way_problem,
)
from simulator.traffic.group_sizes import GroupSize
from simulator.traffic.points import running_sums
from simulator.units import array_to_ns, duration_text


class Sessions(Arrivals):
    """Neyman-Scott process [1]_: sessions begin at random, and each sends some requests within a while.

    Sessions begin as a Poisson process; every request comes after an exponential time of its own, from the beginning
    of its session on.

    Stationary from the start: of sessions that began before time 0 the requests still to come are drawn exactly. Such
    a request has, whenever its session began, an exponential time to go, so what has to be drawn is how many there
    are: every one of a Poisson number of requests (of mean rate·delay) is given a session weighted by its size, a
    uniform chance y that a request of this session is still to come, and 1 + binomial(size − 1, y) of them, and is
    accepted with the inverse of that number, since a session is found once for each of them.

    Parameters
    ----------
    requests : int or law
        In a session: a number, or ``constant``, ``poisson``, ``shifted_poisson`` (1 and a Poisson number more),
        ``geometric`` (on 1, 2, …) or ``given``.
    mean_delay : duration
        From the beginning of the session to a request, on average, more than 0. [s]
    session_rate, mean_rate : rate
        One of the two: of sessions, or of all requests. [1/s]

    References
    ----------
    .. [1] J. Neyman, E. L. Scott, "Statistical approach to problems of cosmology", J. Royal Statistical Society B 20
       (1958); D. R. Cox, V. Isham, "Point Processes" (1980), 3.4.
    """

    RATES: ClassVar[tuple[str, ...]] = ("session_rate", "mean_rate")

    kind: Literal["sessions"] = "sessions"
    requests: GroupSize
    mean_delay: Length
    session_rate: ArrivalRate | None = None
    mean_rate: ArrivalRate | None = None

    @model_validator(mode="after")
    def _one_rate(self) -> Sessions:
        one_rate("sessions", "session", self.session_rate, self.mean_rate, self.requests)
        return self

    @property
    def steady_rate(self) -> float:
        """Of all requests [1/s]."""
        return self.mean_rate if self.mean_rate is not None else (self.session_rate or 0.0) * self.requests.expected()

    def _scaled(self, factor: float) -> Self:
        """More or fewer sessions."""
        return checked_scale(super()._scaled(factor), factor)

    def problems(self, horizon_s: float) -> list[str]:
        """Also if too many requests are under way at once."""
        return super().problems(horizon_s) or under_way_problem(self.steady_rate, self.mean_delay, "mean_delay")

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Starts, sizes and delays, each from a stream of its own, put in order."""
        mean_size = self.requests.expected()
        session_rate = self.steady_rate / mean_size
        if session_rate == 0:
            return iter(())
        starting, sizing, delaying = (streams.generator("arrivals", child) for child in range(3))

        def fill(gaps: NDArray[np.float64]) -> None:
            starting.standard_exponential(out=gaps)
            gaps *= 1.0 / session_rate

        def delays(n: int) -> NDArray[np.int64]:
            delay_s = delaying.standard_exponential(n)
            delay_s *= self.mean_delay
            return np.minimum(array_to_ns(delay_s), horizon_ns)

        return in_order(
            running_sums(fill, 1.0 / session_rate, 0, horizon_ns),
            lambda n: self.requests.draw(sizing, n),
            delays,
            mean_size,
            self._begun_before(streams),
            horizon_ns,
        )

    def _begun_before(self, streams: Streams) -> NDArray[np.int64]:
        """When requests come of sessions that began before time 0, in no order [ns]."""
        counting, sizing, other, aging, surviving, accepting, delaying = (
            streams.generator("placement", child) for child in range(7)
        )
        found = count_before(counting, self.steady_rate * self.mean_delay)
        sizes = self.requests.draw_by_request(sizing, other, found)
        to_come = 1 + surviving.binomial(sizes - 1, aging.random(found))
        to_come = to_come[accepting.random(found) * to_come < 1.0]
        return array_to_ns(delaying.standard_exponential(int(to_come.sum())) * self.mean_delay)

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """The mean rate at all times, since the start is stationary [1/s]."""
        return np.full(np.shape(t_s), self.steady_rate)

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Mean rate times length."""
        return self.steady_rate * (stop_s - start_s)

    def dispersion(self, window_s: float) -> float:
        """1 + E[M(M − 1)]/E[M]·(1 − (1 − e^(−w/d))/(w/d)), M requests in a session, d the mean delay [1]_.

        References
        ----------
        .. [1] D. R. Cox, V. Isham, "Point Processes" (1980), 3.4.
        """
        others = self.requests.expected_pairs() / self.requests.expected()
        return 1.0 + others * share_together(window_s / self.mean_delay)

    def describe(self) -> str:
        """Kind, rates, size and delay."""
        return (
            f"sessions, {rate_in_words(self.steady_rate / self.requests.expected())}, of {self.requests.describe()} "
            f"requests each, {duration_text(round(self.mean_delay, 3))} after its beginning on average: "
            f"{rate_in_words(self.steady_rate)}"
        )

    def notes(self) -> list[str]:
        """Only if the rate is 0."""
        return [NO_REQUESTS] if self.steady_rate == 0 else []
