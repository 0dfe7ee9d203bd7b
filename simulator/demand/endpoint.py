"""What one endpoint asks for of each request: its service, its times, its tokens."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulator.demand.columns import Column, Columns, Made, constant
from simulator.demand.tokens import token_columns, with_tokens
from simulator.endpoints import Endpoint, ManagedApi, OnDemand
from simulator.engines.clients import Patience
from simulator.engines.pool import Pool, Routing
from simulator.engines.tables import Demand
from simulator.scenario.model import Scenario
from simulator.traffic import Closed
from simulator.units import FOREVER, to_ns


class Draws:
    """What one endpoint asks for; what only a launch needs is left constant where nothing launches.

    Parameters
    ----------
    scenario : Scenario
        Realised.
    endpoint : Endpoint
        One of its endpoints.
    columns : Columns
        Of the replication, which all its endpoints share.
    """

    def __init__(self, scenario: Scenario, endpoint: Endpoint, columns: Columns) -> None:
        startup, idle_timeout, lifetime = constant(0), constant(FOREVER), constant(FOREVER)
        pool = scenario.pool(endpoint)
        if isinstance(endpoint, OnDemand):
            startup_time = scenario.startup_time(endpoint)
            assert startup_time is not None, "checked when the scenario was read"
            startup = columns.time_ns("startup", startup_time, 0)
            idle_timeout = columns.time_ns("idle_timeout", endpoint.idle_timeout, 0)
            lifetime = columns.time_ns("lifetime", endpoint.lifetime, 1)
        service = columns.time_ns("service", scenario.service_time(endpoint), 1)
        tokens_in, tokens_out = constant(0), constant(0)
        if isinstance(endpoint, ManagedApi):
            tokens_in, whole = token_columns(scenario, columns)
            tokens_out = Made(partial(np.minimum, endpoint.max_tokens), whole)
            service = Made(partial(with_tokens, to_ns(endpoint.time_per_output_token)), service, tokens_out)
        self._columns = {
            "service_ns": service,
            "startup_ns": startup,
            "idle_timeout_ns": idle_timeout,
            "lifetime_ns": lifetime,
            "routing": columns.routing() if _routes_at_random(pool) else constant(0.0),
            "payload_in_bytes": columns.whole("payload_in", scenario.model.payload_in),
            "payload_out_bytes": columns.whole("payload_out", scenario.model.payload_out),
            "patience_ns": _patience(scenario, endpoint, pool, columns),
            "retry_key": columns.retry_key() if pool.retries is not None else Column(lambda _: np.zeros(1, np.uint64)),
            "think_ns": _think(scenario, columns),
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
        }

    def of(self, block: int, arrival_ns: NDArray[np.int64]) -> Demand:
        """Demand of a block."""
        n = len(arrival_ns)
        return Demand(arrival_ns, **{name: column.of(block, n) for name, column in self._columns.items()})


def _think(scenario: Scenario, columns: Columns) -> Column:
    """How long the client of a closed population thinks after each request."""
    if not isinstance(scenario.traffic, Closed):
        return constant(FOREVER)
    return columns.time_ns("think", scenario.traffic.think_time, 1)


def _patience(scenario: Scenario, endpoint: Endpoint, pool: Pool, columns: Columns) -> Column:
    """How long each client waits, or the platform lets it wait, whichever is shorter; both run from the attempt."""
    if pool.patience is Patience.NONE:
        return constant(FOREVER)
    own_ns = endpoint.patience_ns if isinstance(endpoint, OnDemand) else FOREVER
    patience = "none" if scenario.clients is None else scenario.clients.patience
    of_clients = columns.time_ns("patience", patience, 1)
    if own_ns == FOREVER:
        return of_clients
    return Made(partial(np.minimum, own_ns), of_clients)


def _routes_at_random(pool: Pool) -> bool:
    """Whether the pool ever has a choice that is left to chance."""
    if pool.launches:
        return pool.routing is Routing.RANDOM_IDLE
    most = pool.standing
    if pool.scaling is not None:
        most = max(most, pool.scaling.maximum, *(action.maximum or 0 for action in pool.scaling.actions))
    return most > 1 and pool.routing in {Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS}
