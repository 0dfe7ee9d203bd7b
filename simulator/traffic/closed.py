"""A closed population: clients with one request at a time each, as most load tests send them (model.md 4.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Final, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from simulator.distributions import DurationDistribution
from simulator.errors import InputError
from simulator.streams import Streams
from simulator.traffic.arrivals import Arrivals
from simulator.traffic.clock import Clock

#: Why most questions cannot be asked of it.
NO_RATE: Final = (
    "closed traffic has no rate of its own: how often its clients send follows from how fast they are answered"
)
#: Clients that a simulation holds in memory without trouble.
_MOST_CLIENTS: Final = 1_000_000


class Closed(Arrivals):
    """Clients that each wait for an answer, think, and send the next request.

    Parameters
    ----------
    clients : int
        1 to 1,000,000.
    think_time : duration distribution
        From an answer, or a refusal, until the next request; at least 1 ns. [s]
    first_requests : {"spread", "together"}
        Each client sends its first request after a think time of its own, or all send it at time 0.
    """

    RATES: ClassVar[tuple[str, ...]] = ()

    kind: Literal["closed"] = "closed"
    clients: Annotated[int, Field(strict=True, ge=1, le=_MOST_CLIENTS)] = Field(
        description="Each has one request at a time."
    )
    think_time: DurationDistribution = Field(description="From an answer, or a refusal, until the next request.")
    first_requests: Literal["spread", "together"] = Field(
        "spread", description="After a think time of each client's own, or all at time 0."
    )

    def first_sends_ns(self, streams: Streams) -> NDArray[np.int64]:
        """When each client sends its first request, client 0 first, shape (clients,) [ns]."""
        if self.first_requests == "together":
            return np.zeros(self.clients, np.int64)
        return self.think_time.sampler(streams, "first_requests").draw_ns(self.clients)

    def about_count(self, horizon_s: float, service_s: float) -> float:
        """About how many requests there are in a run if none waits; for progress and the size of tasks.

        Parameters
        ----------
        horizon_s, service_s : float
            Length of the run and mean service time. [s]
        """
        return self.clients * horizon_s / max(self.think_time.mean() + service_s, 1e-9)

    def pieces(self, streams: Streams, clock: Clock, horizon_ns: int) -> Iterator[NDArray[np.int64]]:
        """Refused: when a request is sent follows from the answers to others."""
        _refuse()

    def rate(self, t_s: NDArray[np.float64], clock: Clock) -> NDArray[np.float64]:
        """Refused, as there is none."""
        _refuse()

    def expected_count(self, start_s: float, stop_s: float, clock: Clock) -> float:
        """Refused, as it is not known."""
        _refuse()

    def _scaled(self, factor: float) -> Any:
        """Refused: more clients are not more of the same traffic."""
        raise InputError(f"{NO_RATE}; vary traffic.clients instead of scaling it")

    def describe(self) -> str:
        """Clients and think time."""
        plural = "s" if self.clients != 1 else ""
        first = "all beginning at once" if self.first_requests == "together" else "each beginning after a think time"
        mean = self.think_time.mean()
        return f"closed population, {self.clients:,} client{plural}, mean think time {mean:.4g} s, {first}"

    def notes(self) -> list[str]:
        """What a closed population does not show, and what its beginning does."""
        notes = [
            "Closed population: clients that wait send nothing, so that a slow endpoint gets fewer requests; open "
            "traffic of the same mean rate has a longer tail. Endpoints are sent different numbers of requests."
        ]
        if self.first_requests == "together":
            notes.append(
                "All clients send their first request at time 0: the first answers are of a burst; leave them out by "
                "initial_transient if they are not what is asked."
            )
        return notes


def _refuse() -> NoReturn:
    raise InputError(NO_RATE)
