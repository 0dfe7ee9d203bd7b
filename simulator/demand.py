"""The demand of one replication: every random draw, made beforehand, in blocks, shared by all endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.distributions import Distribution, DurationDistribution, Sampler, SizeDistribution
from simulator.endpoints import Endpoint, Serverless
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand
from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.units import FOREVER, to_ns

#: Requests of a block: small enough for a processor's cache, large enough that a block's fixed cost is lost in it.
BLOCK: Final = 65_536


def replication_blocks(
    scenario: Scenario, replication: int, block: int = BLOCK, endpoints: Sequence[str] = ()
) -> Iterator[dict[str, Demand]]:
    """Demand of every endpoint, block by block in order of arrival; no block at all if there is no request.

    All endpoints of a block have the same arrivals, and the same column wherever their distributions are equal;
    where they differ, the columns come from the same stream (common random numbers). A column that does not vary
    is one value, and what no endpoint needs is not drawn. The values do not depend on `block`.

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed; what is uncertain in it is drawn first.
    replication : int
        Number of the replication, from 0.
    block : int
        Most requests in one block, 1 or more.
    endpoints : sequence of str
        Names of those whose demand is wanted; empty: all. What is left out changes nothing in the others.

    Yields
    ------
    dict of str to Demand
        Endpoint name → its demand.
    """
    if block < 1:
        raise ValueError(f"block is {block}, must be 1 or more")
    scenario = scenario.realised(replication)
    columns = _Columns(Streams(scenario.seed, replication))
    wanted = [endpoint for endpoint in scenario.endpoints if not endpoints or endpoint.name in endpoints]
    arrivals = scenario.traffic.blocks(columns.streams, scenario.clock, scenario.horizon)
    for arrival_ns in _recut(arrivals, block):
        columns.begin(len(arrival_ns))
        yield {endpoint.name: _demand(scenario, endpoint, arrival_ns, columns) for endpoint in wanted}


def draw_demand(scenario: Scenario, endpoint: str, replication: int = 0) -> Demand:
    """The whole demand of one endpoint in one replication: one row per request.

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed.
    endpoint : str
        Name of one of its endpoints.
    replication : int
        Number of the replication, from 0.

    Raises
    ------
    InputError
        If the scenario has no endpoint of that name.
    """
    name = scenario.endpoint(endpoint).name
    blocks = [demands[name] for demands in replication_blocks(scenario, replication)]
    nothing = np.empty(0, np.int64)
    return Demand.joined(blocks) if blocks else Demand.from_arrays(nothing, service_ns=1)


class _Columns:
    """Columns of the current block, each (purpose, distribution) drawn once, however many endpoints ask for it."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self._n = 0
        self._samplers: dict[tuple[str, str], Sampler] = {}
        self._routing: np.random.Generator | None = None
        self._drawn: dict[tuple[str, str], NDArray[Any]] = {}

    def begin(self, n: int) -> None:
        """Begin the next block, of n requests."""
        self._n = n
        self._drawn = {}

    def time_ns(
        self, purpose: str, distribution: DurationDistribution | Literal["none"], least_ns: int
    ) -> NDArray[np.int64]:
        """Column of a duration, `FOREVER` for "none" [ns]."""
        if isinstance(distribution, str):
            return np.array([FOREVER])
        return self._column(
            purpose,
            distribution,
            lambda value: max(to_ns(value), least_ns),
            lambda sampler: sampler.draw_ns(self._n, least_ns),
        )

    def size_bytes(self, purpose: str, distribution: SizeDistribution) -> NDArray[np.int64]:
        """Column of a size, to the nearest byte [B]."""
        return self._column(purpose, distribution, round, lambda sampler: sampler.draw_bytes(self._n))

    def routing(self) -> NDArray[np.float64]:
        """Uniform draws in [0, 1)."""
        key = ("routing", "")
        if key not in self._drawn:
            if self._routing is None:
                self._routing = self.streams.generator("routing")
            self._drawn[key] = self._routing.random(self._n)
        return self._drawn[key]

    def _column(
        self,
        purpose: str,
        distribution: Distribution,
        whole: Callable[[float], int],
        draw: Callable[[Sampler], NDArray[np.int64]],
    ) -> NDArray[np.int64]:
        key = (purpose, distribution.model_dump_json())
        if key not in self._drawn:
            constant = distribution.constant()
            if constant is not None:
                self._drawn[key] = np.array([whole(constant)])
            else:
                if key not in self._samplers:
                    self._samplers[key] = distribution.sampler(self.streams, purpose)
                self._drawn[key] = draw(self._samplers[key])
        return self._drawn[key]


def _demand(scenario: Scenario, endpoint: Endpoint, arrival_ns: NDArray[np.int64], columns: _Columns) -> Demand:
    """The current block's demand of one endpoint; what only a launch needs is left constant where nothing launches."""
    startup, idle_timeout, lifetime = np.array([0]), np.array([FOREVER]), np.array([FOREVER])
    if isinstance(endpoint, Serverless):
        startup_time = scenario.startup_time(endpoint)
        assert startup_time is not None, "checked when the scenario was read"
        startup = columns.time_ns("startup", startup_time, 0)
        idle_timeout = columns.time_ns("idle_timeout", endpoint.idle_timeout, 0)
        lifetime = columns.time_ns("lifetime", endpoint.lifetime, 1)
    return Demand(
        arrival_ns=arrival_ns,
        service_ns=columns.time_ns("service", scenario.service_time(endpoint), 1),
        startup_ns=startup,
        idle_timeout_ns=idle_timeout,
        lifetime_ns=lifetime,
        routing=columns.routing() if _routes_at_random(endpoint.pool()) else np.array([0.0]),
        payload_in_bytes=columns.size_bytes("payload_in", scenario.model.payload_in),
        payload_out_bytes=columns.size_bytes("payload_out", scenario.model.payload_out),
    )


def _routes_at_random(pool: Pool) -> bool:
    """Whether the pool ever has a choice that is left to chance."""
    if pool.launches:
        return pool.routing is Routing.RANDOM_IDLE
    return pool.standing > 1 and pool.routing in {Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS}


def _recut(blocks: Iterable[NDArray[np.int64]], size: int) -> Iterator[NDArray[np.int64]]:
    """The same values in the same order, in blocks of `size` and a last one of what remains."""
    held: list[NDArray[np.int64]] = []
    count = 0
    for arrivals in blocks:
        rest = arrivals
        while count + len(rest) >= size:
            cut = rest[: size - count]
            yield np.concatenate([*held, cut]) if held else cut
            rest = rest[size - count :]
            held, count = [], 0
        if len(rest):
            held.append(rest)
            count += len(rest)
    if count:
        yield np.concatenate(held)
