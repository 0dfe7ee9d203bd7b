"""Several requests on one server: batches of constant service, and workers that share a core."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import Batching, Pool, Routing
from simulator.engines.tables import NONE, Demand, Outcome
from simulator.units import NS_PER_SECOND, to_ns
from tests.engines import cases
from tests.oracles import closed_forms as cf
from tests.oracles import draws, sharing
from tests.oracles.observed import Observed, assert_reference_agrees, observe
from tests.oracles.recipe import REPLICATIONS, Exact, Size, both_sizes, check, generator, replicate

#: No batch waits so long.
AGES = 10**6 * NS_PER_SECOND


def batch_server(most: int, growth: float, is_full: bool) -> Pool:
    """One worker that takes a batch at once, or only when it is full."""
    batching = Batching(most, AGES if is_full else 0, growth)
    return Pool(standing=1, launches=False, routing=Routing.RANDOM, batching=batching)


def batched(rng: np.random.Generator, pool: Pool, rate: float, horizon_s: float) -> Observed:
    """Poisson traffic, 1 s of service; so many requests that none is left for a batch that is never full."""
    assert pool.batching is not None
    arrivals_s = draws.poisson(rng, rate, horizon_s)
    arrivals_s = arrivals_s[: len(arrivals_s) // pool.batching.most * pool.batching.most]
    return observe(pool, arrivals_s, 1.0, horizon_s=horizon_s, initial_s=200.0)


#: (rate, most, growth, whether batches are always full)
BATCHES = [(2.4, 4, 0.0, False), (1.8, 4, 0.2, False), (0.8, 2, 0.5, False), (1.2, 3, 0.0, True)]


@both_sizes
@pytest.mark.parametrize(("rate", "most", "growth", "is_full"), BATCHES)
def test_batches(rate: float, most: int, growth: float, is_full: bool, size: Size) -> None:
    """M/D[a,b]/1: a batch of k takes 1 + growth (k - 1) s; those that wait and the sizes are as the chain says.

    Known wrong: one more in a batch; no growth, or some; batches at once that should be full.
    """
    pool = batch_server(most, growth, is_full)
    horizon_s = 200.0 + 3e6 * size.requests / REPLICATIONS / rate
    least = most if is_full else 1

    def one(rng: np.random.Generator) -> dict[str, float]:
        seen = batched(rng, pool, rate, horizon_s)
        every = seen.run.requests
        is_first = np.diff(every.start_ns, prepend=NONE) > 0  # one worker: batches are in order
        sizes = np.diff(np.append(np.flatnonzero(is_first), len(every)))
        lasts_ns = np.array([to_ns(1.0 + growth * k) for k in range(most)])
        assert np.array_equal(lasts_ns[sizes - 1], (every.release_ns - every.start_ns)[is_first])
        settled = every.start_ns[is_first] >= seen.initial_ns
        return {"waiting": float(seen.waiting_s().mean()), "size": float(sizes[settled].mean())}

    def reached(most: int, growth: float, least: int) -> sharing.Batches:
        return sharing.batches(rate, lambda k: 1.0 + growth * (k - 1), most, least)

    right = reached(most, growth, least)
    wrong = {"one more": reached(most + 1, growth, most + 1 if is_full else 1)}
    if growth:
        wrong["no growth"] = reached(most, 0.0, least)
    else:
        wrong["growth"] = reached(most, 0.1, least)
    if is_full:
        wrong["at once"] = reached(most, growth, 1)
    exact = {"waiting": Exact(right.waiting, 0.004, {model: value.waiting for model, value in wrong.items()})}
    found = replicate(one, 40, BATCHES.index((rate, most, growth, is_full)))
    if is_full:
        assert [float(most)] == np.unique(found["size"]).tolist()
    else:
        exact["size"] = Exact(right.size, 0.002)
    check(found, exact, size)


@pytest.mark.parametrize(("rate", "most", "growth", "is_full"), BATCHES)
def test_batches_on_both_engines(rate: float, most: int, growth: float, is_full: bool) -> None:
    """The reference engine gives the rows of the compiled one."""
    pool = batch_server(most, growth, is_full)
    seen = batched(generator(40, 90, most), pool, rate, 1_000.0)
    assert_reference_agrees(pool, seen.demand, 60 * most)


def two_workers(cores: int) -> Pool:
    """One instance with two workers, nobody waits."""
    return Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, places=2, queue_limit=0, cores=cores)


@both_sizes
def test_two_workers_on_one_core(size: Size) -> None:
    """M/M/2/2 whose second worker is half as fast from its start to its end: a chain of five states.

    33.3 % are lost at 1 erlang, more than the 20 % of two workers with a core each.
    """
    horizon_s = 100.0 + 4e6 * size.requests / REPLICATIONS

    def one(rng: np.random.Generator) -> dict[str, float]:
        arrivals_s = draws.poisson(rng, 1.0, horizon_s)
        service_s = rng.exponential(1.0, len(arrivals_s))
        seen = observe(two_workers(1), arrivals_s, service_s, horizon_s=horizon_s, initial_s=100.0)
        return {"lost": seen.share(Outcome.THROTTLED), "latency": float(seen.latency_s().mean())}

    chain = sharing.TwoWorkersOneCore(1.0, 1.0)
    exact = {
        "lost": Exact(chain.loss(), 0.002, {"a core each": cf.erlang_b(2, 1), "both slow": cf.erlang_b(2, 2)}),
        "latency": Exact(chain.latency(), 0.002, {"a core each": 1.0, "both slow": 2.0}),
    }
    check(replicate(one, 41), exact, size)


@pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])
def test_cores_enough_change_nothing(engine: object) -> None:
    """With as many cores as workers, or more, every row is that of a pool without shared cores: M/M/c."""
    n = 0
    for pool, demand in cases.seeded(20261125, 150, launches=False):
        plain = engine.simulate(pool, demand)  # type: ignore[attr-defined]
        for cores in (pool.places, pool.places + 2):
            found = engine.simulate(replace(pool, cores=cores), demand)  # type: ignore[attr-defined]
            assert cases.difference(plain, found) is None
        n += len(demand)
    assert n > 1_500


@pytest.mark.parametrize("engine", [reference, compiled], ids=["reference", "compiled"])
@pytest.mark.parametrize(("workers", "cores"), [(1, 1), (4, 1), (5, 2), (8, 3)])
def test_the_kth_at_once(engine: object, workers: int, cores: int) -> None:
    """Of `workers` requests of 3 s at one instant the k-th takes max(1, k/c) times 3 s, rounded half to even.

    The next one starts when the first of them is free, and is the last of all workers again.
    """
    pool = Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, places=workers, cores=cores)
    demand = Demand.from_arrays([0] * workers + [1], 3 * NS_PER_SECOND)
    rows = engine.simulate(pool, demand).requests  # type: ignore[attr-defined]
    ends = [round(3e9 * max(1.0, k / cores)) for k in range(1, workers + 1)]
    assert [0] * workers == rows.start_ns[:-1].tolist()
    assert ends == rows.release_ns[:-1].tolist()
    assert ends[0] == rows.start_ns[-1]
    assert round(3e9 * max(1.0, workers / cores)) == rows.release_ns[-1] - rows.start_ns[-1]
