"""Clients that do not wait for ever: M/M/c with exponential and with constant patience, on both kinds of pool.

A standing instance with four workers and a central queue, and four instances launched on demand with a line at the
limit, are the same queue; so both have to give the same closed form.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from simulator.engines.clients import Patience
from simulator.engines.pool import AtLimit, Pool, Routing, WaitingRequests
from simulator.engines.tables import NONE, Outcome
from simulator.units import NS_PER_SECOND
from tests.oracles import closed_forms as cf
from tests.oracles import draws
from tests.oracles.observed import Observed, assert_reference_agrees, observe
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, generator, replicate


def standing(patience: Patience) -> Pool:
    """An instance with four workers."""
    return Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, places=4, patience=patience)


def launched(patience: Patience) -> Pool:
    """Four instances that are launched without startup time, and stay."""
    return Pool(
        standing=0,
        launches=True,
        routing=Routing.MOST_RECENTLY_IDLE,
        max_concurrency=4,
        at_limit=AtLimit.QUEUE,
        patience=patience,
    )


def shared(patience: Patience) -> Pool:
    """One instance with four places, launched on demand."""
    return Pool(
        standing=0,
        launches=True,
        routing=Routing.MOST_RECENTLY_IDLE,
        places=4,
        max_concurrency=4,
        at_limit=AtLimit.QUEUE,
        waiting_requests=WaitingRequests.FIRST_FREE,
        patience=patience,
    )


POOLS: dict[str, Callable[[Patience], Pool]] = {"standing": standing, "launched": launched, "shared": shared}
each_pool = pytest.mark.parametrize("kind", POOLS)


def simulated(
    rng: np.random.Generator, pool: Pool, patience_s: Callable[[int], draws.Times | float], horizon_s: float
) -> Observed:
    """Five requests a second, 1 s of exponential service each."""
    arrivals_s = draws.poisson(rng, 5, horizon_s)
    return observe(
        pool,
        arrivals_s,
        rng.exponential(1.0, len(arrivals_s)),
        patience_s=patience_s(len(arrivals_s)),
        horizon_s=horizon_s,
        initial_s=100.0,
    )


def until_taken_or_gone_s(seen: Observed) -> draws.Times:
    """Of each request, how long it stood in the queue, whatever became of it."""
    left_ns = np.where(seen.requests.start_ns == NONE, seen.requests.response_ns, seen.requests.start_ns)
    return np.asarray((left_ns - seen.arrival_ns) / NS_PER_SECOND)


@both_sizes
@each_pool
def test_exponential_patience(kind: str, size: Size) -> None:
    """Row 11: at 5 erlangs for 4 servers, patience of mean 2 s, 26 % give up and 82 % wait (Erlang A).

    Without patience the queue would grow for ever; with patience of the same mean for the response more would go.
    """
    horizon_s = 100.0 + 4e6 * size.requests / REPLICATIONS / 5

    def one(rng: np.random.Generator) -> dict[str, float]:
        seen = simulated(rng, POOLS[kind](Patience.WAITING), lambda n: rng.exponential(2.0, n), horizon_s)
        waiting_s = until_taken_or_gone_s(seen)
        return {
            "gives up": seen.share(Outcome.TIMED_OUT),
            "waiting": float(waiting_s.mean()),
            "waits": float(np.mean(waiting_s > 0)),
        }

    gives_up, waiting, waits = cf.erlang_a(5, 1, 4, 0.5)
    constant = cf.mmc_patience(5, 1, 4, 2)
    exact = {
        "gives up": Exact(gives_up, 0.0025, {"constant patience": constant[0]}),
        "waiting": Exact(waiting, 0.0025, {"those who were served only": waiting * (1 - gives_up)}),
        "waits": Exact(waits, 0.001, {"constant patience": constant[1]}),
    }
    check(replicate(one, 11, list(POOLS).index(kind)), exact, size)


@both_sizes
@each_pool
def test_constant_patience(kind: str, size: Size) -> None:
    """Row 12 by patience: 2 s of waiting are over for 21 %, and those they let go are timed out, no others."""
    horizon_s = 100.0 + 4e6 * size.requests / REPLICATIONS / 5

    def one(rng: np.random.Generator) -> dict[str, float]:
        seen = simulated(rng, POOLS[kind](Patience.WAITING), lambda n: 2.0, horizon_s)
        timed_out = seen.requests.outcome == Outcome.TIMED_OUT
        assert np.array_equal(timed_out, seen.requests.start_ns == NONE)
        return {"gives up": float(timed_out.mean()), "waits": float(np.mean(until_taken_or_gone_s(seen) > 0))}

    gives_up, waits = cf.mmc_patience(5, 1, 4, 2)
    response = cf.mmc_patience_for_response(5, 1, 4, 2)
    exact = {
        "gives up": Exact(gives_up, 0.0035, {"patience for the response": response}),
        "waits": Exact(waits, 0.001, {"no patience": 1.0}),
    }
    check(replicate(one, 12, 10 + list(POOLS).index(kind)), exact, size)


@both_sizes
@each_pool
def test_constant_patience_for_the_response(kind: str, size: Size) -> None:
    """Patience of 2 s for the response: the queue is the same, 21 % are never served, but 64 % get no answer in time.

    A place goes on with a request whose client has gone, so the virtual wait is that of M/M/4+D.
    """
    horizon_s = 100.0 + 4e6 * size.requests / REPLICATIONS / 5

    def one(rng: np.random.Generator) -> dict[str, float]:
        seen = simulated(rng, POOLS[kind](Patience.RESPONSE), lambda n: 2.0, horizon_s)
        return {
            "never started": float(np.mean(seen.requests.start_ns == NONE)),
            "timed out": seen.share(Outcome.TIMED_OUT),
        }

    response = cf.mmc_patience_for_response(5, 1, 4, 2)
    exact = {
        "never started": Exact(cf.mmc_patience(5, 1, 4, 2)[0], 0.0035),
        "timed out": Exact(response, 0.002, {"patience for waiting": cf.mmc_patience(5, 1, 4, 2)[0]}),
    }
    check(replicate(one, 12, 20 + list(POOLS).index(kind)), exact, size)


@each_pool
@pytest.mark.parametrize("patience", [Patience.WAITING, Patience.RESPONSE])
def test_both_engines(kind: str, patience: Patience) -> None:
    """The reference engine gives the rows of the compiled one on these queues."""
    rng = generator(11, 90 + int(patience), list(POOLS).index(kind))
    pool = POOLS[kind](patience)
    seen = simulated(rng, pool, lambda n: rng.exponential(2.0, n), 200.0)
    assert_reference_agrees(pool, seen.demand)


def test_all_three_pools_are_one_queue() -> None:
    """On one path all three answer every request at the same instant, patience or not."""
    ends = []
    for pool in (make(Patience.WAITING) for make in POOLS.values()):
        rng = generator(11, 95, 0)
        requests = simulated(rng, pool, lambda n, rng=rng: rng.exponential(2.0, n), 2_000.0).run.requests
        ends.append((requests.outcome.tolist(), requests.response_ns.tolist()))
    assert ends[0] == ends[1] == ends[2]
