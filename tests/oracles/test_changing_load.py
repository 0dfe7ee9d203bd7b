"""Traffic that goes up and down before instances on demand: the number busy lags behind, and not by the mean alone."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.engines.pool import Pool, Routing, WaitingRequests
from simulator.units import NS_PER_SECOND
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import assert_reference_agrees, observe, on_demand
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, generator, replicate

#: Mean rate, swing, period and mean service: 5/s by ±80 % in 60 s, 10 s each.
WAVE = (5.0, 0.8, 60.0, 10.0)
PHASES = (0, 15, 30, 45)
POOLS = {
    "one place": on_demand(),
    "eight places": Pool(
        standing=0,
        launches=True,
        routing=Routing.MOST_RECENTLY_IDLE,
        places=8,
        waiting_requests=WaitingRequests.FIRST_FREE,
    ),
}


def service_s(rng: np.random.Generator, law: str, n: int) -> draws.Times:
    """Of mean 10 s."""
    return rng.exponential(10.0, n) if law == "exponential" else np.full(n, 10.0)


@both_sizes
@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("law", ["exponential", "constant"])
def test_number_busy(law: str, kind: str, size: Size) -> None:
    """Row 31: M_t/M/∞ and M_t/D/∞ at four phases of the period; each request finds a place at once.

    Known wrong: the load of the whole period, 50, the load of the rate at the moment, 50, 90, 50 and 10, and where they
    lie far apart the number with the other law of service.
    """
    periods = int(8000 * size.requests / REPLICATIONS)

    def one(rng: np.random.Generator) -> dict[str, float]:
        horizon_s = 60.0 * (periods + 2)
        arrivals_s = draws.sinusoidal(rng, *WAVE[:3], horizon_s)
        service = service_s(rng, law, len(arrivals_s))
        seen = observe(POOLS[kind], arrivals_s, service, idle_timeout_s=20.0, horizon_s=horizon_s, initial_s=120.0)
        rows = seen.run.requests
        assert np.array_equal(seen.demand.arrival_ns, rows.start_ns)
        found = {}
        for phase in PHASES:
            instants = (60 * np.arange(2, periods + 2) + phase) * NS_PER_SECOND
            begun = np.searchsorted(rows.start_ns, instants, "right")
            found[f"busy at {phase} s"] = float((begun - np.searchsorted(np.sort(rows.release_ns), instants)).mean())
        return found

    other = "constant" if law == "exponential" else "exponential"
    exact = {}
    for phase, of_the_moment in zip(PHASES, (50, 90, 50, 10), strict=True):
        wrong = {"the whole period": 50.0, "the moment": float(of_the_moment)}
        if phase in {15, 45}:
            wrong[other] = cf.sinusoidal_infinite(phase, *WAVE, other)
        exact[f"busy at {phase} s"] = Exact(cf.sinusoidal_infinite(phase, *WAVE, law), 0.004, wrong)
    check(replicate(one, 31, 10 * list(POOLS).index(kind) + (law == "constant")), exact, size)


@pytest.mark.parametrize("kind", POOLS)
def test_both_engines(kind: str) -> None:
    """The reference engine gives the rows of the compiled one."""
    rng = generator(31, 90, list(POOLS).index(kind))
    arrivals_s = draws.sinusoidal(rng, *WAVE[:3], 240.0)
    service = service_s(rng, "exponential", len(arrivals_s))
    seen = observe(POOLS[kind], arrivals_s, service, idle_timeout_s=20.0, horizon_s=240.0, initial_s=0.0)
    assert_reference_agrees(POOLS[kind], seen.demand)
