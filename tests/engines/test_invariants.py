"""Identities that hold for any traffic, along every path, without tolerance; on both engines.

Sliding window, inequality and nested cold sets: with most-recently-idle routing the idle instances form a stack, so one
is there at the next need of its level or not at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.pool import IDLE_ROUTINGS, Pool, Routing
from simulator.engines.tables import NONE, Demand, Outcome, Requests, Run
from simulator.units import FOREVER
from tests.engines import cases, invariants

SEED = 51
COUNT = 500
Simulate = Callable[[Pool, Demand], Run]


@pytest.fixture(params=[reference, compiled], ids=["reference", "compiled"])
def simulate(request: pytest.FixtureRequest) -> Simulate:
    """Each engine in turn."""
    engine: Simulate = request.param.simulate
    return engine


def serverless_cases(seed: int, **demand: int) -> Iterator[cases.Case]:
    """Serverless pools without failed launches, their demand without lifetimes and with a constant idle timeout."""
    dice = random.Random(seed)
    for pool, drawn in cases.seeded(seed, COUNT, launches=True, has_extremes=False, most_requests=60):
        is_small = drawn.column("service_ns").max(initial=1) < 100
        idle_timeout = dice.choice([0, 1, 2, 3, 5, 8, 13]) * (1 if is_small else 10**9)
        columns = {"idle_timeout_ns": idle_timeout, "lifetime_ns": FOREVER, **demand}
        changed: dict[str, Any] = {name: np.array([value], np.int64) for name, value in columns.items()}
        yield replace(pool, startup_limit_ns=FOREVER), replace(drawn, **changed)


def queue_cases(routing: Routing) -> Iterator[cases.Case]:
    """Real-time pools with one routing and at least one instance."""
    for pool, demand in cases.seeded(SEED, COUNT, launches=False, most_requests=60):
        yield replace(pool, routing=routing, standing=max(1, pool.standing)), demand


@pytest.mark.parametrize("launches", [True, False], ids=["serverless", "real-time"])
def test_every_request_ends_once(simulate: Simulate, launches: bool) -> None:
    """Arrivals = completed + throttled + timed out, each row with the columns of its ending."""
    for pool, demand in cases.seeded(SEED, COUNT, launches=launches):
        invariants.assert_every_request_ends_once(pool, demand, simulate(pool, demand))


def test_serverless_arrivals_are_placed_by_the_rules(simulate: Simulate) -> None:
    """Never above max concurrency, throttled only at it, cold only with nothing idle; busy + idle = alive."""
    for pool, demand in cases.seeded(SEED, COUNT, launches=True):
        invariants.assert_arrivals_are_placed(pool, demand, simulate(pool, demand))


def test_instances_live_as_told(simulate: Simulate) -> None:
    """Reused only before the deadline, retired at it; busy time + idle time = time alive."""
    for pool, demand in cases.seeded(SEED, COUNT, launches=True):
        invariants.assert_instances_live_as_told(pool, demand, simulate(pool, demand))


@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS), ids=lambda routing: routing.name.lower())
def test_sliding_window(simulate: Simulate, routing: Routing) -> None:
    """Alive = maximum busy over the idle timeout, and the cold ones with it; alive ≥ it for the other routings."""
    n_cold = n_reused = n_throttled = 0
    for pool, demand in serverless_cases(SEED):
        run = simulate(replace(pool, routing=routing), demand)
        invariants.assert_sliding_window(replace(pool, routing=routing), demand, run)
        n_cold += int(run.requests.is_cold.sum())
        n_reused += int((~run.requests.is_cold & (run.requests.instance >= pool.standing)).sum())
        n_throttled += int((run.requests.outcome == Outcome.THROTTLED).sum())
    assert min(n_cold, n_reused, n_throttled) > 200


def test_cold_sets_are_nested(simulate: Simulate) -> None:
    """With startup 0 whoever is cold under any routing is cold under most recently idle; some only there."""
    n_only = 0
    for pool, demand in serverless_cases(SEED, startup_ns=0):
        cold = simulate(replace(pool, routing=Routing.MOST_RECENTLY_IDLE), demand).requests.is_cold
        for routing in IDLE_ROUTINGS - {Routing.MOST_RECENTLY_IDLE}:
            other = simulate(replace(pool, routing=routing), demand).requests.is_cold
            assert (cold | ~other).all()
            n_only += int((cold & ~other).sum())
    assert n_only > 50


def test_longer_idle_timeout_has_fewer_cold(simulate: Simulate) -> None:
    """Most recently idle, startup 0: the cold requests of a longer idle timeout are among those of a shorter one."""
    n_fewer = 0
    for pool, demand in serverless_cases(SEED, startup_ns=0):
        shorter = demand.column("idle_timeout_ns")[:1]
        longer = replace(demand, idle_timeout_ns=shorter + np.maximum(shorter // 2, 1))
        pool = replace(pool, routing=Routing.MOST_RECENTLY_IDLE)
        cold, still_cold = simulate(pool, demand).requests.is_cold, simulate(pool, longer).requests.is_cold
        assert (cold | ~still_cold).all()
        n_fewer += int((cold & ~still_cold).sum())
    assert n_fewer > 50


def test_without_idle_timeout_cold_starts_are_the_peak(simulate: Simulate) -> None:
    """Instances that are never retired: as many cold starts as were ever busy at once, with any routing."""
    for pool, demand in serverless_cases(SEED, idle_timeout_ns=FOREVER):
        pool = replace(pool, starts_warm=False)
        run = simulate(pool, demand)
        busy = invariants.before_arrivals(pool, demand, run).busy_on_demand
        peak = (busy + (run.requests.instance >= pool.standing)).max(initial=0)
        assert peak == run.requests.is_cold.sum()


def test_raising_max_concurrency_changes_nothing_before_the_first_throttled(simulate: Simulate) -> None:
    """Up to the first throttled request the rows are the same with a higher limit."""
    n_throttled = 0
    for pool, demand in cases.seeded(SEED, COUNT, launches=True):
        if pool.max_concurrency == FOREVER:
            continue
        rows = simulate(pool, demand).requests
        more = simulate(replace(pool, max_concurrency=pool.max_concurrency + 1), demand).requests
        throttled = np.flatnonzero(rows.outcome == Outcome.THROTTLED)
        first = int(throttled[0]) if len(throttled) else len(rows)
        for f in fields(Requests):
            assert getattr(rows, f.name)[:first].tolist() == getattr(more, f.name)[:first].tolist()
        if len(throttled):
            assert more.outcome[first] != Outcome.THROTTLED
            n_throttled += 1
    assert n_throttled > 50


@pytest.mark.parametrize("launches", [True, False], ids=["serverless", "real-time"])
def test_scaling_time_scales_the_rows(simulate: Simulate, launches: bool) -> None:
    """All times times eight give every instant times eight, everything else unchanged."""

    def scaled(times: np.ndarray) -> np.ndarray:
        return np.where((times == NONE) | (times >= FOREVER - 1), times, times * 8)

    for pool, demand in cases.seeded(SEED, COUNT, launches=launches, has_extremes=False):
        times = {name: value for name, value in vars(pool).items() if name.endswith("_ns")}
        slow_pool = replace(pool, **{n: v if v >= FOREVER - 1 else v * 8 for n, v in times.items()})
        columns = {name: scaled(value) for name, value in vars(demand).items() if name.endswith("_ns")}
        slow = simulate(slow_pool, replace(demand, **columns))
        run = simulate(pool, demand)
        for table, slow_table in [(run.requests, slow.requests), (run.instances, slow.instances)]:
            for name, column in vars(table).items():
                expected = scaled(column) if name.endswith("_ns") else column
                assert expected.tolist() == getattr(slow_table, name).tolist(), name


@pytest.mark.parametrize("routing", [Routing.CENTRAL_QUEUE, Routing.RANDOM], ids=["central", "random"])
def test_kiefer_wolfowitz(simulate: Simulate, routing: Routing) -> None:
    """Starts, departures and throttling of first-in-first-out queues, to the bit, with give-up and queue limit."""
    n_waited = n_left = n_throttled = 0
    for pool, demand in queue_cases(routing):
        run = simulate(pool, demand)
        invariants.assert_kiefer_wolfowitz(pool, demand, run)
        rows = run.requests
        n_waited += int((rows.start_ns > demand.arrival_ns).sum())
        n_left += int(((rows.outcome == Outcome.TIMED_OUT) & (rows.start_ns == NONE)).sum())
        n_throttled += int((rows.outcome == Outcome.THROTTLED).sum())
    assert min(n_waited, n_left, n_throttled) > 100


def test_littles_law_along_the_path(simulate: Simulate) -> None:
    """∫N dt = Σ time inside, ∫min(N, workers) dt = Σ service: no worker is idle while a request waits."""
    for pool, demand in queue_cases(Routing.CENTRAL_QUEUE):
        invariants.assert_littles_law(pool, demand, simulate(pool, demand))


def test_one_worker_waits_by_lindley() -> None:
    """The recursion itself, on paper: service 5, arrivals 0, 1, 2 wait 0, 4, 8; with one place the third is out."""
    wait = [invariants.Settled(False, start) for start in (0, 5, 10)]
    assert wait == invariants.kiefer_wolfowitz([0, 1, 2], [5, 5, 5], 1, FOREVER, FOREVER)
    turned_away = [*wait[:2], invariants.Settled(True, NONE)]
    assert turned_away == invariants.kiefer_wolfowitz([0, 1, 2], [5, 5, 5], 1, 1, FOREVER)
    left = [wait[0], invariants.Settled(False, NONE), invariants.Settled(False, 5)]
    assert left == invariants.kiefer_wolfowitz([0, 1, 2], [5, 5, 5], 1, FOREVER, 3)
