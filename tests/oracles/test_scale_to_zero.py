"""A server that goes when it is idle and takes time to come back, before a queue: M/G/1 with an exceptional first."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engines.pool import AtLimit, Pool, Routing, WaitingRequests
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import Observed, assert_reference_agrees, observe
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, generator, replicate


def one_instance(waiting: WaitingRequests) -> Pool:
    """At most one instance at once; requests wait in line for it."""
    return Pool(
        standing=0,
        launches=True,
        routing=Routing.MOST_RECENTLY_IDLE,
        max_concurrency=1,
        at_limit=AtLimit.QUEUE,
        waiting_requests=waiting,
    )


def simulated(rng: np.random.Generator, waiting: WaitingRequests, law: str, horizon_s: float) -> Observed:
    """A request every 10 s, 2 s of service, 5 s of startup, idle timeout 10 s."""
    arrivals_s = draws.poisson(rng, 0.1, horizon_s)
    service_s = rng.exponential(2.0, len(arrivals_s)) if law == "exponential" else 2.0
    return observe(
        one_instance(waiting),
        arrivals_s,
        service_s,
        startup_s=5.0,
        idle_timeout_s=10.0,
        horizon_s=horizon_s,
        initial_s=1_000.0,
    )


@both_sizes
@pytest.mark.parametrize("waiting", WaitingRequests)
@pytest.mark.parametrize("law", ["exponential", "constant"])
def test_scale_to_zero(law: str, waiting: WaitingRequests, size: Size) -> None:
    """Row 30: latency 4.442 s, 24.86 % cold with exponential service; requests that come while it starts wait in line.

    With one instance the request it was launched for is first in line, so bound or first free is the same.
    """
    horizon_s = 1_000.0 + 3e6 * size.requests / REPLICATIONS / 0.1

    def one(rng: np.random.Generator) -> dict[str, float]:
        seen = simulated(rng, waiting, law, horizon_s)
        return {"latency": float(seen.latency_s().mean()), "cold": seen.cold_share()}

    second = 8.0 if law == "exponential" else 4.0
    latency, cold = cf.scale_to_zero(0.1, 2.0, second, 5.0, 10.0)
    always_on = cf.scale_to_zero(0.1, 2.0, second, 0.0, 10.0)[0]
    wrong = {
        "startup for the first alone": always_on + 5.0 * cold,
        "other law of service": cf.scale_to_zero(0.1, 2.0, 12.0 - second, 5.0, 10.0)[0],
    }
    exact = {
        "latency": Exact(latency, 0.001, wrong),
        "cold": Exact(cold, 0.0015, {"idle timeout from the start": cf.scale_to_zero(0.1, 2.0, second, 5.0, 8.0)[1]}),
    }
    check(replicate(one, 30, 2 * int(waiting) + (law == "constant")), exact, size)


@pytest.mark.parametrize("waiting", WaitingRequests)
def test_both_engines(waiting: WaitingRequests) -> None:
    """The reference engine gives the rows of the compiled one."""
    seen = simulated(generator(30, 90, int(waiting)), waiting, "exponential", 12_000.0)
    assert_reference_agrees(one_instance(waiting), seen.demand)
