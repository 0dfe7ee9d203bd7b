"""The demand of one replication: every random draw, made beforehand, in blocks, shared by all endpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.distributions import (
    Distribution,
    DurationDistribution,
    Sampler,
    SizeDistribution,
    TokenDistribution,
)
from simulator.distributions.tokens import Pairs
from simulator.endpoints import BatchTransform, Endpoint, ManagedApi, OnDemand, autoscaling_of
from simulator.engines.clients import Patience
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand, LaunchTimes
from simulator.scenario.model import Scenario
from simulator.streams import Streams
from simulator.traffic import Closed
from simulator.units import FOREVER, to_ns

#: Requests of a block: small enough for a processor's cache, large enough that a block's fixed cost is lost in it.
BLOCK: Final = 65_536
#: Rows of the first block of a closed population; each later one has twice as many, up to a block.
_FIRST_ROWS: Final = 1_024


def replication_blocks(
    scenario: Scenario, replication: int, block: int = BLOCK, endpoints: Sequence[str] = ()
) -> Iterator[dict[str, Demand]]:
    """Demand of every endpoint, block by block in order of arrival; no block at all if there is no request.

    All endpoints of a block have the same arrivals, and the same column wherever their distributions are equal;
    where they differ, the columns come from the same stream (common random numbers). A column that does not vary
    is one value, and what no endpoint needs is not drawn. The values do not depend on `block`.

    Of a closed population there is no end of blocks, and arrivals are 0: the engine says how many rows it wants, and
    each endpoint wants its own number of the same rows.

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
    columns = _Columns(Streams(scenario.seed, replication), scenario)
    wanted = [endpoint for endpoint in scenario.endpoints if not endpoints or endpoint.name in endpoints]
    draws = {endpoint.name: _Draws(scenario, endpoint, columns) for endpoint in wanted}
    if isinstance(scenario.traffic, Closed):
        arrivals = _without_times(block)
    else:
        arrivals = _recut(scenario.traffic.blocks(columns.streams, scenario.clock, scenario.horizon), block)
    for number, arrival_ns in enumerate(arrivals):
        yield {name: one.of(number, arrival_ns) for name, one in draws.items()}


def draw_demand(scenario: Scenario, endpoint: str, replication: int = 0) -> Demand:
    """The whole demand of one endpoint in one replication: one row per request.

    Of a closed population the rows that its clients send, which is known once they were simulated.

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
    if isinstance(scenario.traffic, Closed):
        return _sent(scenario, name, replication)
    blocks = [demands[name] for demands in replication_blocks(scenario, replication)]
    nothing = np.empty(0, np.int64)
    return Demand.joined(blocks) if blocks else Demand.from_arrays(nothing, service_ns=1)


def first_sends(scenario: Scenario, replication: int = 0) -> NDArray[np.int64] | None:
    """When each client of a closed population sends its first request, the same to every endpoint; None of others [ns].

    Parameters
    ----------
    scenario : Scenario
        Says what is drawn, and the seed.
    replication : int
        Number of the replication, from 0.
    """
    traffic = scenario.realised(replication).traffic
    return traffic.first_sends_ns(Streams(scenario.seed, replication)) if isinstance(traffic, Closed) else None


def _sent(scenario: Scenario, endpoint: str, replication: int) -> Demand:
    """What the clients of a closed population send to an endpoint; both engines agree on it."""
    from simulator.engines import compiled

    realised = scenario.realised(replication)
    simulation = compiled.Simulation(
        realised.pool(realised.endpoint(endpoint)),
        launch_times(scenario, endpoint, replication),
        first_sends(scenario, replication),
    )
    parts = []
    for demands in replication_blocks(scenario, replication, endpoints=(endpoint,)):
        if not simulation.wants_rows:
            break
        parts.append(simulation.feed(demands[endpoint]))
    parts.append(simulation.finish())
    return Demand.joined([part.demand for part in parts])


def launch_times(scenario: Scenario, endpoint: str, replication: int = 0) -> LaunchTimes | None:
    """Launch times of the instances that scaling or jobs launch at one endpoint in one replication; None if none do.

    They are found by the number of the launch alone: endpoints that differ launch theirs on the same draws.

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
    scenario = scenario.realised(replication)
    chosen = scenario.endpoint(endpoint)
    if isinstance(chosen, BatchTransform):
        return _Launches(chosen.launch_time, Streams(scenario.seed, replication))
    follows = autoscaling_of(chosen)
    if follows is None:
        return None
    return _Launches(follows.time_to_serve, Streams(scenario.seed, replication))


class _Launches:
    """Launch times, drawn as far as they were asked for.

    Parameters
    ----------
    distribution : duration distribution
    streams : Streams
        Of the replication.
    """

    def __init__(self, distribution: DurationDistribution, streams: Streams) -> None:
        self._sampler = distribution.sampler(streams, "launch")
        self._drawn_ns = np.empty(0, np.int64)

    def __call__(self, n: int) -> NDArray[np.int64]:
        """Those of the first n launches, in order, 1 ns or more [ns]."""
        if n > len(self._drawn_ns):
            more = max(n - len(self._drawn_ns), len(self._drawn_ns), 16)
            self._drawn_ns = np.concatenate([self._drawn_ns, self._sampler.draw_ns(more, 1)])
        return self._drawn_ns[:n]


class _Column:
    """One column of the current block, made once, however many endpoints ask for it.

    Parameters
    ----------
    make : callable
        n → the column's next n values, or its only one.
    """

    def __init__(self, make: Callable[[int], NDArray[Any]]) -> None:
        self._make = make
        self._block = -1
        self._values: NDArray[Any] = np.empty(0)

    def of(self, block: int, n: int) -> NDArray[Any]:
        """The column of a block of n requests; blocks are asked for in order."""
        if block != self._block:
            self._block, self._values = block, self._make(n)
        return self._values


class _Made(_Column):
    """A column that follows row by row from others.

    Parameters
    ----------
    make : callable
        Columns of a block → the column.
    *of : _Column
    """

    def __init__(self, make: Callable[..., NDArray[Any]], *of: _Column) -> None:
        self._from, self._of = make, of

    def of(self, block: int, n: int) -> NDArray[Any]:
        """The column of a block of n requests."""
        return self._from(*(column.of(block, n) for column in self._of))


class _Columns:
    """The columns of a replication, one for each purpose and distribution.

    Parameters
    ----------
    streams : Streams
        Of the replication.
    scenario : Scenario
        Realised.
    """

    def __init__(self, streams: Streams, scenario: Scenario) -> None:
        self.streams, self._scenario = streams, scenario
        self._columns: dict[tuple[str, str], _Column] = {}

    def time_ns(self, purpose: str, distribution: DurationDistribution | Literal["none"], least_ns: int) -> _Column:
        """Column of a duration, `FOREVER` for "none" [ns]."""
        if isinstance(distribution, str):
            return _constant(FOREVER)
        return self._column(
            purpose,
            distribution,
            lambda value: max(to_ns(value), least_ns),
            lambda sampler: lambda n: sampler.draw_ns(n, least_ns),
        )

    def size_bytes(self, purpose: str, distribution: SizeDistribution) -> _Column:
        """Column of a size, to the nearest byte [B]."""
        return self._column(purpose, distribution, round, lambda sampler: sampler.draw_bytes)

    def routing(self) -> _Column:
        """Uniform draws in [0, 1)."""
        return self._only(("routing", ""), lambda: _Column(self.streams.generator("routing").random))

    def tokens(self) -> tuple[_Column, _Column]:
        """Tokens of requests and of their responses, however long these may become."""
        source = self._scenario.token_source()
        if source == "traffic":
            own = self._scenario.traffic.tokens
            assert own is not None
            numbers = self._only(("tokens", ""), lambda: _Column(_Held(self._numbers()).take))
            return _Made(own.tokens_in.__getitem__, numbers), _Made(own.tokens_out.__getitem__, numbers)
        if isinstance(source, Pairs):
            generator, count = self.streams.generator("tokens_in"), len(source)
            rows = self._only(("tokens", ""), lambda: _Column(lambda n: (generator.random(n) * count).astype(np.int64)))
            return _Made(source.tokens_in.__getitem__, rows), _Made(source.tokens_out.__getitem__, rows)
        assert source is not None, "checked when the scenario was read"
        return self._whole("tokens_in", source[0]), self._whole("tokens_out", source[1])

    def _numbers(self) -> Iterator[NDArray[np.int64]]:
        scenario = self._scenario
        return scenario.traffic.numbers(self.streams, scenario.clock, to_ns(scenario.horizon))

    def _whole(self, purpose: str, distribution: TokenDistribution) -> _Column:
        return self._column(purpose, distribution, round, lambda sampler: sampler.draw_bytes)

    def retry_key(self) -> _Column:
        """The key of the draws of jitter, one for all requests of all endpoints."""

        def make() -> _Column:
            key = self.streams.generator("retry").integers(0, 2**64, size=1, dtype=np.uint64)
            return _Column(lambda _: key)

        return self._only(("retry", ""), make)

    def _column(
        self,
        purpose: str,
        distribution: Distribution,
        whole: Callable[[float], int],
        made_by: Callable[[Sampler], Callable[[int], NDArray[np.int64]]],
    ) -> _Column:
        value = distribution.constant()
        if value is not None:
            return _constant(whole(value))
        key = (purpose, distribution.model_dump_json())
        return self._only(key, lambda: _Column(made_by(distribution.sampler(self.streams, purpose))))

    def _only(self, key: tuple[str, str], make: Callable[[], _Column]) -> _Column:
        if key not in self._columns:
            self._columns[key] = make()
        return self._columns[key]


class _Held:
    """A sequence in pieces of any size, taken in pieces of other sizes.

    Parameters
    ----------
    pieces : iterator of ndarray of int64
    """

    def __init__(self, pieces: Iterator[NDArray[np.int64]]) -> None:
        self._pieces, self._rest = pieces, np.empty(0, np.int64)

    def take(self, n: int) -> NDArray[np.int64]:
        """The next n."""
        held, count = [self._rest], len(self._rest)
        while count < n:
            held.append(next(self._pieces))
            count += len(held[-1])
        together = np.concatenate(held)
        self._rest = together[n:]
        return together[:n]


def _constant(value: float) -> _Column:
    """A column that is one value."""
    values = np.array([value])
    return _Column(lambda _: values)


class _Draws:
    """What one endpoint asks for; what only a launch needs is left constant where nothing launches."""

    def __init__(self, scenario: Scenario, endpoint: Endpoint, columns: _Columns) -> None:
        startup, idle_timeout, lifetime = _constant(0), _constant(FOREVER), _constant(FOREVER)
        pool = scenario.pool(endpoint)
        if isinstance(endpoint, OnDemand):
            startup_time = scenario.startup_time(endpoint)
            assert startup_time is not None, "checked when the scenario was read"
            startup = columns.time_ns("startup", startup_time, 0)
            idle_timeout = columns.time_ns("idle_timeout", endpoint.idle_timeout, 0)
            lifetime = columns.time_ns("lifetime", endpoint.lifetime, 1)
        service = columns.time_ns("service", scenario.service_time(endpoint), 1)
        tokens_in, tokens_out = _constant(0), _constant(0)
        if isinstance(endpoint, ManagedApi):
            tokens_in, whole = columns.tokens()
            tokens_out = _Made(partial(np.minimum, endpoint.max_tokens), whole)
            service = _Made(partial(_with_tokens, to_ns(endpoint.time_per_output_token)), service, tokens_out)
        self._columns = {
            "service_ns": service,
            "startup_ns": startup,
            "idle_timeout_ns": idle_timeout,
            "lifetime_ns": lifetime,
            "routing": columns.routing() if _routes_at_random(pool) else _constant(0.0),
            "payload_in_bytes": columns.size_bytes("payload_in", scenario.model.payload_in),
            "payload_out_bytes": columns.size_bytes("payload_out", scenario.model.payload_out),
            "patience_ns": _patience(scenario, endpoint, pool, columns),
            "retry_key": columns.retry_key() if pool.retries is not None else _Column(lambda _: np.zeros(1, np.uint64)),
            "think_ns": _think(scenario, columns),
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
        }

    def of(self, block: int, arrival_ns: NDArray[np.int64]) -> Demand:
        """Demand of a block."""
        n = len(arrival_ns)
        return Demand(arrival_ns, **{name: column.of(block, n) for name, column in self._columns.items()})


def _with_tokens(each_ns: int, first_ns: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """Time to the first token and of all tokens; tokens times their time is less than `FOREVER` [ns]."""
    rest_ns = tokens * each_ns
    return np.where(first_ns > FOREVER - rest_ns, FOREVER, first_ns + rest_ns)


def _think(scenario: Scenario, columns: _Columns) -> _Column:
    """How long the client of a closed population thinks after each request."""
    if not isinstance(scenario.traffic, Closed):
        return _constant(FOREVER)
    return columns.time_ns("think", scenario.traffic.think_time, 1)


def _patience(scenario: Scenario, endpoint: Endpoint, pool: Pool, columns: _Columns) -> _Column:
    """How long each client waits, or the platform lets it wait, whichever is shorter; both run from the attempt."""
    if pool.patience is Patience.NONE:
        return _constant(FOREVER)
    own_ns = endpoint.patience_ns if isinstance(endpoint, OnDemand) else FOREVER
    patience = "none" if scenario.clients is None else scenario.clients.patience
    of_clients = columns.time_ns("patience", patience, 1)
    if own_ns == FOREVER:
        return of_clients
    return _Made(partial(np.minimum, own_ns), of_clients)


def _routes_at_random(pool: Pool) -> bool:
    """Whether the pool ever has a choice that is left to chance."""
    if pool.launches:
        return pool.routing is Routing.RANDOM_IDLE
    most = pool.standing
    if pool.scaling is not None:
        most = max(most, pool.scaling.maximum, *(action.maximum or 0 for action in pool.scaling.actions))
    return most > 1 and pool.routing in {Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS}


def _without_times(most: int) -> Iterator[NDArray[np.int64]]:
    """Rows that have no arrival yet, without end; small blocks at first, as nobody knows how many are wanted."""
    size = min(_FIRST_ROWS, most)
    while True:
        yield np.zeros(size, np.int64)
        size = min(2 * size, most)


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
