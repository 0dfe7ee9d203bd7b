"""The compiled engine against a slow calendar of events: whole and in blocks, small and large, and at the last time."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from simulator.engines.compiled import Simulation, releases, simulate
from simulator.engines.pool import IDLE_ROUTINGS, INSTANCE_ROUTINGS, OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import Demand, Run, Settled
from simulator.units import FOREVER
from tests.engines.event_calendar import Calendar


def on_demand(routing: Routing = Routing.MOST_RECENTLY_IDLE, **fields: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": routing, **fields})


def one_worker(**fields: Any) -> Pool:
    return Pool(**{"standing": 1, "launches": False, "routing": Routing.RANDOM, **fields})


def expect_same(expected: Any, actual: Any) -> None:
    for f in fields(expected):
        assert_array_equal(getattr(expected, f.name), getattr(actual, f.name), err_msg=f.name, strict=True)


def settled_in_blocks(pool: Pool, demand: Demand, cuts: Iterable[int], room: int = 1) -> list[Settled]:
    """What the engine gives back block by block and at the end."""
    simulation = Simulation(pool, room=room)
    edges = [0, *cuts, len(demand)]
    return [*(simulation.feed(demand.rows(a, b)) for a, b in itertools.pairwise(edges)), simulation.finish()]


def expect_settled(pool: Pool, expected: Run, parts: Sequence[Settled]) -> None:
    """Joined, the parts are the run; each keeps what it promises of those that are given back later."""
    joined = Run.joined(parts)
    expect_same(expected.requests, joined.requests)
    expect_same(expected.instances, joined.instances)
    rows = launched = 0
    for part in parts[:-1]:
        rows += len(part.demand)
        cold = int(np.count_nonzero(expected.requests.is_cold[:rows]))
        launched += len(part.launched_ns)
        assert pool.standing + (pool.starts_warm and rows > 0) + cold == launched
    assert_array_equal(expected.instances.launch_ns, np.concatenate([part.launched_ns for part in parts]))
    assert_array_equal(np.arange(len(expected.instances)), np.sort(np.concatenate([p.gone_numbers for p in parts])))
    for position, part in enumerate(parts):
        assert (np.diff(part.gone_numbers) > 0).all()
        for f in fields(part.gone):
            assert_array_equal(getattr(expected.instances, f.name)[part.gone_numbers], getattr(part.gone, f.name))
        for later in parts[position + 1 :]:
            assert part.until_ns <= later.until_ns
            for times in (later.launched_ns, later.gone.gone_ns):
                assert part.until_ns <= times.min(initial=FOREVER)
    assert FOREVER == parts[-1].until_ns


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
    forgot = 0
    for _ in range(cases):
        pool, demand = random_pool(rng, routing), random_demand(rng, int(rng.integers(0, 80)))
        expected = Calendar(pool, demand).run()
        cuts = sorted(int(cut) for cut in rng.integers(0, len(demand) + 1, int(rng.integers(0, 6))))
        expect_settled(pool, expected, settled_in_blocks(pool, demand, [], room=1024))
        expect_settled(pool, expected, settled_in_blocks(pool, demand, cuts))
        step = int(rng.integers(1, 4))
        parts = settled_in_blocks(pool, demand, range(step, len(demand), step))
        expect_settled(pool, expected, parts)
        forgot += sum(len(part.gone_numbers) > 0 for part in parts[:-1])
    # Often within a case, or the agreement of small blocks would say little of it.
    assert (forgot > 2 * cases) == pool.launches


@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS | INSTANCE_ROUTINGS), ids=lambda routing: routing.name.lower())
def test_agrees_with_a_calendar_of_events(routing: Routing) -> None:
    """Random pools and demands with many ties: every column, whole, in random and in small blocks from size one."""
    agreeing_cases(routing, seed=1, cases=150)


@pytest.mark.slow
@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS | INSTANCE_ROUTINGS), ids=lambda routing: routing.name.lower())
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


@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS | INSTANCE_ROUTINGS), ids=lambda routing: routing.name.lower())
def test_agrees_with_the_calendar_when_times_saturate(routing: Routing) -> None:
    """Random times of a tenth of the largest int64: many sums reach it."""
    rng = np.random.default_rng([3, int(routing)])
    for _ in range(40):
        pool = random_pool(rng, routing)
        demand = random_demand(rng, 12, scale=FOREVER // 40)
        if demand.arrival_ns[-1] == FOREVER:
            continue
        expected = Calendar(pool, demand).run()
        for cuts in ([5], range(1, 12)):
            expect_settled(pool, expected, settled_in_blocks(pool, demand, cuts))


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
    for cuts, room in (([7, 7, 1500, 1501], 1), ([], 1024), (range(40, 4000, 40), 1)):
        expect_settled(pool, expected, settled_in_blocks(pool, demand, cuts, room))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_large_pools_agree_with_the_calendar_in_many_cases(seed: int) -> None:
    """The same for twenty demands."""
    demand = bursts_and_lulls(seed, n=3000)
    for pool in LARGE_POOLS.values():
        expected = Calendar(pool, demand).run()
        for cuts in ([seed, 50 * seed], range(10 * seed, 3000, 10 * seed)):
            expect_settled(pool, expected, settled_in_blocks(pool, demand, cuts, room=seed))


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
    assert 200 > queue._pool._queues._state.leaves_ns.shape[1]  # type: ignore[union-attr]


def two_at_once(first: int, last: int) -> Demand:
    """Two requests every 10 ns: if an instance stands, the other launches one, but for one time in ten."""
    number = np.arange(first, last)
    return Demand.from_arrays(number // 2 * 10, 3, idle_timeout_ns=np.where(number % 20 < 2, 12, 6))


@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS), ids=lambda routing: routing.name.lower())
@pytest.mark.parametrize("size", [1, 7, 500], ids="blocks-of-{}".format)
def test_memory_does_not_follow_the_launches(routing: Routing, size: int) -> None:
    """Ten times the launches take arrays of the same size, and all but the last few are given back."""
    simulation = Simulation(on_demand(routing, standing=1), room=16)
    launched = gone = 0
    lengths = []
    for start in range(0, 5000, size):
        part = simulation.feed(two_at_once(start, start + size))
        launched += len(part.launched_ns)
        gone += len(part.gone_numbers)
        lengths.append([len(column) for column in simulation._pool._living])  # type: ignore[union-attr]
    assert lengths[len(lengths) // 10] == lengths[-1]
    assert 2200 < launched
    assert 40 > launched - gone


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS), ids=lambda routing: routing.name.lower())
def test_memory_stays_flat_while_instances_come_and_go(routing: Routing) -> None:
    """A million launches, fed in blocks: resident memory after the last block is that after the first tenth."""
    simulation = Simulation(on_demand(routing, standing=1))
    launched, pages = 0, []
    for start in range(0, 2_200_000, 20_000):
        launched += len(simulation.feed(two_at_once(start, start + 20_000)).launched_ns)
        pages.append(int(Path("/proc/self/statm").read_text().split()[1]))
    assert 900_000 < launched
    assert pages[len(pages) // 10] == pytest.approx(pages[-1], rel=0.1)


def test_forgetting_is_put_off_until_it_pays() -> None:
    """Blocks of one request: the living are looked through once in as many requests as there are rows, or room."""
    simulation = Simulation(on_demand(), room=50)
    parts = [simulation.feed(Demand.from_arrays([10 * k], 3, idle_timeout_ns=6)) for k in range(220)]
    assert [50, 100, 150, 200] == [k for k in range(1, 220) if parts[k - 1].until_ns > parts[k - 2].until_ns]
    assert [49, 50, 50, 50] == [len(part.gone_numbers) for part in parts if len(part.gone_numbers)]
    assert [1] * 220 == [len(part.launched_ns) for part in parts]
    # 100 that never go and one that is gone: rewriting all rows for its sake would not pay.
    simulation = Simulation(on_demand(), room=1)
    simulation.feed(Demand.from_arrays([0] * 100, 3))
    simulation.feed(Demand.from_arrays([1], 3, idle_timeout_ns=6))
    late = [simulation.feed(Demand.from_arrays([20] * 100, 3)) for _ in range(3)]
    assert [0, 0, 0] == [len(part.gone_numbers) for part in late]
    assert [10, 10, 10] == [part.until_ns for part in late]
    assert [10] == [time for time in simulation.finish().gone.gone_ns.tolist() if time < FOREVER]


@pytest.mark.parametrize("first_is_empty", [True, False])
def test_those_that_are_there_from_the_start_are_in_the_first_table(first_is_empty: bool) -> None:
    """Standing instances also where nothing was fed; the warm one as soon as there is a request."""
    pools = (on_demand(standing=2, starts_warm=True), one_worker(standing=2))
    none, one = Demand.from_arrays(np.zeros(0), 1), Demand.from_arrays([7], 1, idle_timeout_ns=4)
    for pool, warm in zip(pools, ([0], []), strict=True):
        simulation = Simulation(pool)
        parts = [simulation.feed(block) for block in ([none, one] if first_is_empty else [one, none])]
        expected = [[0, 0], warm] if first_is_empty else [[0, 0, *warm], []]
        assert expected == [part.launched_ns.tolist() for part in parts]
        rest = simulation.finish()
        assert [] == rest.launched_ns.tolist()
        assert [FOREVER, FOREVER] == rest.gone.gone_ns.tolist()[:2]
        only = Simulation(pool).finish()
        assert ([0, 0], [0, 1], FOREVER) == (only.launched_ns.tolist(), only.gone_numbers.tolist(), only.until_ns)


def test_kernels_of_read_only_and_of_constant_columns_are_the_same() -> None:
    """Neither compiles anything anew: one signature per kernel."""
    from simulator.engines.compiled.on_demand import serve_on_demand

    constant = Demand.from_arrays([0, 1, 2], 1)
    columns: dict[str, Any] = {f.name: constant.column(f.name) for f in fields(Demand)}
    columns["arrival_ns"].flags.writeable = False
    expect_same(simulate(on_demand(), constant).requests, simulate(on_demand(), Demand(**columns)).requests)
    assert 1 == len(serve_on_demand.signatures)  # type: ignore[attr-defined]


def test_a_kernel_is_compiled_anew_when_any_rule_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba would look at the kernel's own file only; the stamp of its cache is the digest of all.

    An index of other sources is not even unpickled: it may name a class that is no more.
    """
    from simulator.engines.compiled.kernels import KERNELS
    from simulator.engines.compiled.on_demand import serve_on_demand

    cache_file = serve_on_demand._cache._cache_file  # type: ignore[attr-defined]
    assert KERNELS.stamp == cache_file._source_stamp
    path = tmp_path / "index"
    path.write_bytes(pickle.dumps(numba.__version__) + b"cno.such.module\nClass\n.")
    monkeypatch.setattr(cache_file, "_index_path", str(path))
    assert {} == cache_file._load_index()
    monkeypatch.setattr(cache_file, "_version", numba.__version__)
    with pytest.raises(ModuleNotFoundError):
        cache_file._load_index()
