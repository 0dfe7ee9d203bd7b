"""Billing steps, and instances that never retire."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.engines.pool import IDLE_ROUTINGS, Routing
from simulator.measures.tally import Tally
from tests.engines.settled import settled_of
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import observe, on_demand
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, generator, replicate


def peak(begin_ns: np.ndarray, end_ns: np.ndarray) -> int:
    """Most intervals open at once, where one that ends at an instant makes room for one that begins there."""
    instants = np.concatenate([end_ns, begin_ns])
    steps = np.concatenate([np.full(len(end_ns), -1), np.ones(len(begin_ns), np.int64)])
    return int(np.cumsum(steps[np.argsort(instants, kind="stable")]).max(initial=0))


TRAFFIC: dict[str, Callable[[np.random.Generator], draws.Times]] = {
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


@both_sizes
def test_billed_time(size: Size) -> None:
    """Row 34: exponential service of mean 0.2 s, rounded up to 1 ms or 100 ms, is billed as a geometric series says."""
    horizon_s = 8e6 * size.requests / REPLICATIONS / 5
    steps_ns = {"1 ms": 1_000_000, "100 ms": 100_000_000}

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 5.0, horizon_s)
        service_s = rng.exponential(0.2, len(arrivals_s))
        pool = on_demand()
        seen = observe(pool, arrivals_s, service_s, idle_timeout_s=60.0, horizon_s=horizon_s, initial_s=0.0)
        billed = {}
        for step, granularity_ns in steps_ns.items():
            tally = Tally(pool, from_ns=0, until_ns=seen.horizon_ns, granularity_ns=granularity_ns)
            for part in settled_of(seen.demand, seen.run):
                tally.add(part)
            usage = tally.finish().usage
            billed[step] = usage.on_demand_ns / usage.served / 1e9
        # The two are nearly the same number, so the difference that rounding makes is held apart from chance.
        billed["added by 1 ms"] = billed["1 ms"] - float(service_s.mean())
        return billed

    fine, coarse = cf.rounded_up_exponential(0.2, 0.001), cf.rounded_up_exponential(0.2, 0.1)
    exact = {
        "1 ms": Exact(fine, 5e-4, {"billed by 100 ms": coarse}),
        "100 ms": Exact(coarse, 5e-4, {"half a step more": 0.25, "not rounded": 0.2}),
        "added by 1 ms": Exact(fine - 0.2, 5e-4, {"not rounded": 0.0, "rounded to the nearest": 0.0}),
    }
    check(replicate(one, 34), exact, size)
