"""The compiled engine against a slow calendar of events: whole and in blocks, small and large, and at the last time."""

from __future__ import annotations

import itertools
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from simulator.engines.compiled import Simulation, releases, simulate
from simulator.engines.pool import IDLE_ROUTINGS, INSTANCE_ROUTINGS, OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import Demand, Run
from simulator.units import FOREVER
from tests.engines.event_calendar import Calendar


def on_demand(routing: Routing = Routing.MOST_RECENTLY_IDLE, **fields: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": routing, **fields})


def one_worker(**fields: Any) -> Pool:
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.RANDOM, **fields})


def expect_same(expected: Any, actual: Any) -> None:
    for f in fields(expected):
        assert_array_equal(getattr(expected, f.name), getattr(actual, f.name), err_msg=f.name, strict=True)


def fed_in_blocks(pool: Pool, demand: Demand, cuts: list[int], room: int = 1) -> Run:
    simulation = Simulation(pool, room=room)
    edges = [0, *cuts, len(demand)]
    tables = [simulation.feed(demand.rows(a, b)) for a, b in itertools.pairwise(edges)]
    return Run.joined([*tables, simulation.finish()])


def random_column(rng: np.random.Generator, n: int, low: int, high: int, scale: int, never: bool = False) -> Any:
    """Whole numbers from low to high times scale: one for all or one each, some of them `FOREVER` if asked."""
    if rng.random() < 0.4:
        return FOREVER if never and rng.random() < 0.5 else int(rng.integers(low, high + 1)) * scale
    values = rng.integers(low, high + 1, n) * scale
    if never:
        values[rng.random(n) < 0.2] = FOREVER
    return values


def random_demand(rng: np.random.Generator, n: int, scale: int = 1) -> Demand:
    """Small whole-number times, so that many events fall on one instant."""
    return Demand.from_arrays(
        arrival_ns=np.cumsum(rng.integers(0, int(rng.integers(1, 5)), n)) * scale,
        service_ns=random_column(rng, n, 1, int(rng.integers(1, 9)), scale),
        startup_ns=random_column(rng, n, 0, int(rng.integers(0, 7)), scale),
        idle_timeout_ns=random_column(rng, n, 0, int(rng.integers(0, 13)), scale, never=True),
        lifetime_ns=random_column(rng, n, 1, int(rng.integers(1, 40)), scale, never=True),
        routing=rng.random(n),
    )


def maybe(rng: np.random.Generator, low: int, high: int, otherwise: int = FOREVER) -> int:
    return int(rng.integers(low, high + 1)) if rng.random() < 0.6 else otherwise


def random_pool(rng: np.random.Generator, routing: Routing) -> Pool:
    if routing in IDLE_ROUTINGS:
        standing = maybe(rng, 0, 4, 0)
        limit = maybe(rng, 1, 8)
        return Pool(
            standing=standing,
            launches=True,
            routing=routing,
            max_concurrency=limit if limit == FOREVER else limit + standing,
            starts_warm=bool(rng.random() < 0.4),
            startup_limit_ns=maybe(rng, 0, 6),
            timeout_ns=maybe(rng, 1, 9),
        )
    return Pool(
        standing=int(rng.integers(0, 9)) if rng.random() < 0.9 else int(rng.integers(30, 80)),
        launches=False,
        routing=routing,
        places=int(rng.integers(1, 6)),
        queue_limit=maybe(rng, 0, 4),
        timeout_ns=maybe(rng, 1, 12),
        timeout_from=TimeoutFrom(int(rng.integers(2))),
        on_give_up=OnGiveUp(int(rng.integers(2))),
    )


def agreeing_cases(routing: Routing, seed: int, cases: int) -> None:
    rng = np.random.default_rng([seed, int(routing)])
    for _ in range(cases):
        pool, demand = random_pool(rng, routing), random_demand(rng, int(rng.integers(0, 80)))
        expected = Calendar(pool, demand).run()
        cuts = sorted(int(cut) for cut in rng.integers(0, len(demand) + 1, int(rng.integers(0, 6))))
        for actual in (simulate(pool, demand), fed_in_blocks(pool, demand, cuts)):
            expect_same(expected.requests, actual.requests)
            expect_same(expected.instances, actual.instances)


@pytest.mark.parametrize("routing", list(Routing), ids=lambda routing: routing.name.lower())
def test_agrees_with_a_calendar_of_events(routing: Routing) -> None:
    """Random pools and demands with many ties: every column, whole and in random blocks from arrays of size one."""
    agreeing_cases(routing, seed=1, cases=150)


@pytest.mark.slow
@pytest.mark.parametrize("routing", list(Routing), ids=lambda routing: routing.name.lower())
def test_agrees_with_a_calendar_of_events_in_many_cases(routing: Routing) -> None:
    """The same for some thousand cases."""
    agreeing_cases(routing, seed=2, cases=3000)


def test_sums_saturate() -> None:
    """Times near the largest int64 do not overflow: what would end later never ends."""
    late = FOREVER - 3
    run = simulate(on_demand(), Demand.from_arrays([0, late], [1, 9], startup_ns=2, idle_timeout_ns=FOREVER - 1))
    assert [3, FOREVER] == run.requests.release_ns.tolist()
    assert [FOREVER] == run.instances.gone_ns.tolist()
    run = simulate(on_demand(), Demand.from_arrays([0, 5], 1, startup_ns=FOREVER))
    assert [FOREVER, FOREVER] == run.requests.start_ns.tolist()
    run = simulate(one_worker(), Demand.from_arrays([0, late], [FOREVER, 1]))
    assert [0, FOREVER] == run.requests.start_ns.tolist()


@pytest.mark.parametrize("routing", list(Routing), ids=lambda routing: routing.name.lower())
def test_agrees_with_the_calendar_when_times_saturate(routing: Routing) -> None:
    """Random times of a tenth of the largest int64: many sums reach it."""
    rng = np.random.default_rng([3, int(routing)])
    for _ in range(40):
        pool = random_pool(rng, routing)
        demand = random_demand(rng, 12, scale=FOREVER // 40)
        if demand.arrival_ns[-1] == FOREVER:
            continue
        expected, actual = Calendar(pool, demand).run(), fed_in_blocks(pool, demand, [5])
        expect_same(expected.requests, actual.requests)
        expect_same(expected.instances, actual.instances)


LARGE_POOLS = {
    **{
        routing.name.lower(): on_demand(routing, standing=40, max_concurrency=400, timeout_ns=900, starts_warm=True)
        for routing in sorted(IDLE_ROUTINGS)
    },
    **{
        f"{routing.name.lower()}-{give_up.name.lower()}": Pool(
            standing=90,
            launches=False,
            routing=routing,
            places=3,
            queue_limit=40,
            timeout_ns=900,
            timeout_from=TimeoutFrom.ARRIVAL,
            on_give_up=give_up,
        )
        for routing in sorted(INSTANCE_ROUTINGS)
        for give_up in OnGiveUp
    },
    "one-instance-with-many-workers": Pool(standing=1, launches=False, routing=Routing.CENTRAL_QUEUE, places=250),
}


def bursts_and_lulls(seed: int, n: int = 4000) -> Demand:
    """Demand that keeps some hundred places occupied, with pauses in which all is released and much retires."""
    rng = np.random.default_rng([4, seed])
    gaps = rng.integers(0, 3, n) + (rng.random(n) < 0.003) * rng.integers(0, 4000, n)
    return Demand.from_arrays(
        arrival_ns=np.cumsum(gaps),
        service_ns=1 + rng.exponential(300, n).astype(np.int64),
        startup_ns=rng.integers(0, 200, n),
        idle_timeout_ns=rng.integers(0, 2000, n),
        lifetime_ns=rng.integers(1, 5000, n),
        routing=rng.random(n),
    )


@pytest.mark.parametrize("pool", LARGE_POOLS.values(), ids=list(LARGE_POOLS))
def test_large_pools_agree_with_the_calendar(pool: Pool) -> None:
    """Hundreds of requests at once, bursts and lulls: heaps, trees and growing arrays at work, from size one."""
    demand = bursts_and_lulls(seed=0)
    expected = Calendar(pool, demand).run()
    for actual in (fed_in_blocks(pool, demand, [7, 7, 1500, 1501]), fed_in_blocks(pool, demand, [], room=1024)):
        expect_same(expected.requests, actual.requests)
        expect_same(expected.instances, actual.instances)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_large_pools_agree_with_the_calendar_in_many_cases(seed: int) -> None:
    """The same for twenty demands."""
    demand = bursts_and_lulls(seed, n=3000)
    for pool in LARGE_POOLS.values():
        expected, actual = Calendar(pool, demand).run(), fed_in_blocks(pool, demand, [seed, 50 * seed], room=seed)
        expect_same(expected.requests, actual.requests)
        expect_same(expected.instances, actual.instances)


def test_releases_come_in_order_of_time_and_request() -> None:
    """Against a sorted list, rising to some hundred and falling to none, with ties: near and far change often."""
    rng = np.random.default_rng(5)
    capacity, waves = 400, 30
    due_ns = np.zeros(releases.room_for_releases(capacity), np.int64)
    places, serving = np.zeros_like(due_ns), np.zeros(capacity, np.int64)
    expected: list[tuple[int, int, int]] = []
    near = far = number = now = 0
    for wave in range(waves):
        height, free = int(rng.integers(1, capacity)), sorted(set(range(capacity)) - {place for *_, place in expected})
        for place in free[: max(0, height - len(expected))]:
            time = now + int(rng.integers(0, 20 * (1 + wave)))
            serving[place] = number
            near, far = releases.add_release(due_ns, places, near, far, time, place, serving)
            expected.append((time, number, place))
            number += 1
        expected.sort()
        assert len(expected) == near + far
        for _ in range(int(rng.integers(0, len(expected) + 1))):
            if near == 0:
                near, far = releases.bring_near(due_ns, places, far, serving)
            near -= 1
            now, _, place = expected.pop(0)
            assert (now, place) == (due_ns[near], places[near])


def test_memory_follows_the_living() -> None:
    """Ten million units of one request at a time: idle instances that are long gone do not pile up."""
    n = 20_000
    demand = Demand.from_arrays(np.arange(n) * 500, 1, idle_timeout_ns=np.arange(n) % 2 * 400 + 300)
    for routing in sorted(IDLE_ROUTINGS):
        simulation = Simulation(on_demand(routing), room=1)
        simulation.feed(demand)
        living = simulation._pool._living  # type: ignore[union-attr]
        assert 1000 > max(len(living.idle), len(living.instance_in), len(living.due_ns))
    queue = Simulation(one_worker(queue_limit=50), room=1)
    queue.feed(Demand.from_arrays(np.arange(n), 1 + np.arange(n) % 2))
    assert 200 > queue._pool._state.leaves_ns.shape[1]  # type: ignore[union-attr]


def test_kernels_of_read_only_and_of_constant_columns_are_the_same() -> None:
    """Neither compiles anything anew: one signature per kernel."""
    from simulator.engines.compiled.on_demand import serve_on_demand

    constant = Demand.from_arrays([0, 1, 2], 1)
    columns: dict[str, Any] = {f.name: constant.column(f.name) for f in fields(Demand)}
    columns["arrival_ns"].flags.writeable = False
    expect_same(simulate(on_demand(), constant).requests, simulate(on_demand(), Demand(**columns)).requests)
    assert 1 == len(serve_on_demand.signatures)  # type: ignore[attr-defined]


def test_a_kernel_is_compiled_anew_when_any_rule_changes() -> None:
    """Numba would look at the kernel's own file only; the stamp of its cache is the digest of all."""
    from simulator.engines.compiled.kernels import _digest_of_sources
    from simulator.engines.compiled.on_demand import serve_on_demand

    stamp = serve_on_demand._cache._cache_file._source_stamp  # type: ignore[attr-defined]
    assert _digest_of_sources() == stamp
