"""What one run shows after its initial part: shares of requests, and averages over time."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from simulator.engines import reference
from simulator.engines.compiled import simulate
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import NONE, Demand, Outcome, Requests, Run
from simulator.units import FOREVER, NS_PER_SECOND, array_to_ns, to_ns
from tests.engines.cases import difference
from tests.oracles.draws import Times


@dataclass(frozen=True)
class Observed:
    """A run, from the end of its initial part to the horizon; the requests that arrived in between."""

    run: Run
    demand: Demand
    initial_ns: int
    horizon_ns: int

    @property
    def first(self) -> int:
        """Number of the first request that counts."""
        return int(np.searchsorted(self.demand.arrival_ns, self.initial_ns))

    @property
    def requests(self) -> Requests:
        """Rows of the requests that count."""
        every = self.run.requests
        return Requests(**{f.name: getattr(every, f.name)[self.first :] for f in fields(Requests)})

    @property
    def arrival_ns(self) -> NDArray[np.int64]:
        """Arrivals of the requests that count."""
        return self.demand.arrival_ns[self.first :]

    def waiting_s(self) -> Times:
        """Waiting times of the requests that were served."""
        start_ns = self.requests.start_ns
        served = start_ns != NONE
        return np.asarray((start_ns[served] - self.arrival_ns[served]) / NS_PER_SECOND)

    def latency_s(self) -> Times:
        """Latencies of the requests that were completed."""
        requests = self.requests
        completed = requests.outcome == Outcome.COMPLETED
        return np.asarray((requests.response_ns[completed] - self.arrival_ns[completed]) / NS_PER_SECOND)

    def share(self, outcome: Outcome) -> float:
        """Share of all requests that ended so."""
        return float(np.mean(self.requests.outcome == outcome))

    def cold_share(self) -> float:
        """Share of the completed requests that were cold starts."""
        requests = self.requests
        return float(np.mean(requests.is_cold[requests.outcome == Outcome.COMPLETED]))

    def time_average(self, begin_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> float:
        """Mean number of intervals open at a moment, which is the time in them over the time there was."""
        inside = np.minimum(end_ns, self.horizon_ns) - np.maximum(begin_ns, self.initial_ns)
        return float(np.maximum(inside, 0).sum() / (self.horizon_ns - self.initial_ns))

    def starting(self) -> float:
        """Mean number of instances starting."""
        instances = self.run.instances
        return self.time_average(instances.launch_ns, instances.ready_ns)

    def busy(self) -> float:
        """Mean number of requests in service."""
        served = self.run.requests.start_ns != NONE
        return self.time_average(self.run.requests.start_ns[served], self.run.requests.release_ns[served])

    def idle(self) -> float:
        """Mean number of instances that are neither starting nor busy."""
        instances = self.run.instances
        return self.time_average(instances.launch_ns, instances.gone_ns) - self.starting() - self.busy()


def observe(
    pool: Pool,
    arrivals_s: Times,
    service_s: Times | float,
    *,
    horizon_s: float,
    initial_s: float,
    startup_s: Times | float = 0.0,
    idle_timeout_s: Times | float | None = None,
    lifetime_s: float | None = None,
    patience_s: Times | float | None = None,
    routing: Times | float = 0.0,
) -> Observed:
    """Simulate traffic given in seconds; an idle timeout, lifetime or patience of None is for ever."""

    def ns(seconds: Times | float | None, least_ns: int = 0) -> NDArray[np.int64]:
        if seconds is None:
            return np.array([FOREVER])
        return array_to_ns(np.atleast_1d(np.asarray(seconds, np.float64)), least_ns)

    demand = Demand.from_arrays(
        arrival_ns=ns(arrivals_s),
        service_ns=ns(service_s, 1),
        startup_ns=ns(startup_s),
        idle_timeout_ns=ns(idle_timeout_s),
        lifetime_ns=ns(lifetime_s, 1),
        patience_ns=ns(patience_s, 1),
        routing=routing,
    )
    return Observed(simulate(pool, demand), demand, to_ns(initial_s), to_ns(horizon_s))


def on_demand(
    routing: Routing = Routing.MOST_RECENTLY_IDLE, max_concurrency: int = FOREVER, provisioned: int = 0
) -> Pool:
    """Instances launched by the request that needs one."""
    return Pool(standing=provisioned, launches=True, routing=routing, max_concurrency=max_concurrency)


def assert_reference_agrees(pool: Pool, demand: Demand, requests: int = 1000) -> None:
    """The reference engine gives the rows of the compiled one, for the first so many requests of a demand."""
    demand = demand.rows(0, requests)
    problem = difference(reference.simulate(pool, demand), simulate(pool, demand))
    assert problem is None, problem
