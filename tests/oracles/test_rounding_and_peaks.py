"""Exact relations: billing steps, and instances that never retire."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engines.pool import IDLE_ROUTINGS, Routing
from tests.oracles import draws
from tests.oracles.observed import observe, on_demand
from tests.oracles.recipe import generator


def peak(begin_ns: np.ndarray, end_ns: np.ndarray) -> int:
    """Most intervals open at once, where one that ends at an instant makes room for one that begins there."""
    instants = np.concatenate([end_ns, begin_ns])
    steps = np.concatenate([np.full(len(end_ns), -1), np.ones(len(begin_ns), np.int64)])
    return int(np.cumsum(steps[np.argsort(instants, kind="stable")]).max(initial=0))


TRAFFIC = {
    "poisson": lambda rng: draws.poisson(rng, 5.0, 20_000.0),
    "bursty": lambda rng: draws.mmpp(rng, (40.0, 0.5), (1 / 10, 1 / 90), 20_000.0),
    "tied": lambda rng: np.repeat(np.floor(draws.poisson(rng, 1.0, 20_000.0)), 4),
    "gamma, many tied": lambda rng: draws.gamma_renewal(rng, 5.0, 4.0, 20_000.0),
}


@pytest.mark.parametrize("provisioned", [0, 3])
@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS))
@pytest.mark.parametrize("traffic", TRAFFIC)
def test_cold_starts_are_the_peak(traffic: str, routing: Routing, provisioned: int) -> None:
    """Row 33: if nothing retires, cold starts = peak concurrency, less the provisioned concurrency. On every path."""
    rng = generator(33, int(routing), list(TRAFFIC).index(traffic))
    arrivals_s = TRAFFIC[traffic](rng)
    n = len(arrivals_s)
    seen = observe(
        on_demand(routing, provisioned=provisioned),
        arrivals_s,
        np.ceil(draws.lognormal(rng, 1.0, 2.0, n)) if traffic == "tied" else draws.lognormal(rng, 1.0, 2.0, n),
        startup_s=rng.exponential(2.0, n),
        routing=rng.random(n),
        horizon_s=20_000.0,
        initial_s=0.0,
    )
    most = peak(seen.demand.arrival_ns, seen.run.requests.release_ns)
    assert most > provisioned
    assert most - provisioned == int(seen.requests.is_cold.sum())
    assert most == len(seen.run.instances)
