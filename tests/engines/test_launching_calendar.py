"""The calendar of pools that launch: plain pools, blocks of any size, arrays that grow, what is given back."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.testing import assert_array_equal

from simulator.engines.clients import Patience, Retries
from simulator.engines.compiled import Simulation, simulate
from simulator.engines.compiled.launching_calendar import LaunchingCalendar, rules
from simulator.engines.compiled.launching_calendar.kernels import KERNELS
from simulator.engines.compiled.launching_calendar.line import (
    BEHIND,
    NUMBER,
    empty_line,
    join_line,
    leave_line,
    longer_line,
)
from simulator.engines.compiled.launching_calendar.serving import serve
from simulator.engines.compiled.launching_calendar.state import (
    AT_LIMIT,
    LINE_FREE,
    LINE_HEAD,
    LINE_TAIL,
    state_at_start,
)
from simulator.engines.pool import IDLE_ROUTINGS, AtLimit, Bucket, OnTimeout, Pool, Routing, WaitingRequests
from simulator.engines.scaling import Scaling
from simulator.engines.tables import NONE, Demand, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125
RETRIES = Retries(3, 5, 40, after_timeout=True)
ROUTINGS = pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS), ids=lambda routing: routing.name.lower())


def on_demand(routing: Routing = Routing.MOST_RECENTLY_IDLE, **given: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": routing, **given})


def kinds(routing: Routing) -> list[Pool]:
    """Pools that between them use every rule."""
    return [
        on_demand(routing, max_concurrency=3, at_limit=AtLimit.QUEUE, queue_limit=4, patience=Patience.WAITING),
        on_demand(routing, max_concurrency=3, standing=1, startup_limit_ns=9, retries=RETRIES, starts_warm=True),
        on_demand(
            routing, standing=1, launch_rate=Bucket(2, 9), waiting_requests=WaitingRequests.FIRST_FREE, retries=RETRIES
        ),
        on_demand(
            routing,
            standing=1,
            max_concurrency=6,
            places=3,
            waiting_requests=WaitingRequests.FIRST_FREE,
            at_limit=AtLimit.QUEUE,
            request_rate=Bucket(9, 2),
            patience=Patience.RESPONSE,
            retries=RETRIES,
        ),
        on_demand(
            routing,
            max_concurrency=4,
            timeout_ns=9,
            on_timeout=OnTimeout.STOP,
            waiting_requests=WaitingRequests.FIRST_FREE,
            at_limit=AtLimit.QUEUE,
            queue_limit=9,
            patience=Patience.WAITING,
            retries=RETRIES,
        ),
    ]


def demand_of(n: int, seed: int = SEED) -> Demand:
    """n requests, more than the pools of `kinds` serve at once now and then, with many ties."""
    draw = np.random.default_rng(seed)
    return Demand.from_arrays(
        arrival_ns=np.cumsum(draw.integers(0, 5, n) + 40 * (draw.random(n) < 0.02)),
        service_ns=draw.integers(1, 12, n),
        startup_ns=draw.integers(0, 14, n),
        idle_timeout_ns=draw.integers(0, 30, n),
        lifetime_ns=np.where(draw.random(n) < 0.5, FOREVER, draw.integers(1, 90, n)),
        routing=draw.random(n),
        patience_ns=np.where(draw.random(n) < 0.2, FOREVER, draw.integers(1, 30, n)),
        retry_key=int(draw.integers(0, 2**63)),
    )


def in_blocks(pool: Pool, demand: Demand, cuts: Sequence[int], room: int) -> list[Settled]:
    """What is given back block by block and at the end."""
    simulation = Simulation(pool, room=room)
    edges = [0, *cuts, len(demand)]
    return [*(simulation.feed(demand.rows(a, b)) for a, b in itertools.pairwise(edges)), simulation.finish()]


def expect_promises(parts: Sequence[Settled], demand: Demand, run: Run) -> None:
    """What `Settled` promises of requests, tries, launches and instances."""
    assert len(demand) == sum(len(part.demand) for part in parts)
    for f in fields(Demand):
        if f.name != "retry_key":
            joined = np.concatenate([part.demand.column(f.name) for part in parts])
            assert_array_equal(demand.column(f.name), joined, err_msg=f.name)
    assert_array_equal(run.instances.launch_ns, np.concatenate([part.launched_ns for part in parts]))
    assert_array_equal(np.arange(len(run.instances)), np.sort(np.concatenate([p.gone_numbers for p in parts])))
    given = launched = 0
    for part, later in itertools.pairwise([*parts, parts[-1]]):
        assert len(part.demand) == len(part.requests)
        assert ((given <= part.tries.number) & (part.tries.number < given + len(part.demand))).all()
        assert sorted(part.tries.number.tolist()) == part.tries.number.tolist()
        given += len(part.demand)
        launched += len(part.launched_ns)
        assert part.gone_numbers.max(initial=NONE) < launched
        assert sorted(part.gone_numbers.tolist()) == part.gone_numbers.tolist()
        if later is not part:
            assert part.until_ns <= min([*later.launched_ns.tolist(), *later.gone.gone_ns.tolist(), later.until_ns])
    assert FOREVER == parts[-1].until_ns


@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_plain_pools_have_the_rows_of_the_plain_kernels(has_ties: bool) -> None:
    """1,000 random cases, times near the last included, at once, and every fourth in blocks with arrays of one row."""
    dice = random.Random(SEED)
    launched = 0
    for number, (pool, demand) in enumerate(cases.seeded(SEED + has_ties, 1_000, has_ties=has_ties, launches=True)):
        expected = simulate(pool, demand)
        for room, blocks in [(50, [demand]), (1, list(cases.blocks(dice, demand)))][: 1 + (number % 4 == 0)]:
            calendar = LaunchingCalendar(pool, lambda n: np.zeros(n, np.int64), np.empty(0, np.int64), room)
            parts = [*map(calendar.feed, blocks), calendar.finish()]
            assert cases.difference(expected, Run.joined(parts)) is None, cases.described(pool, demand)
        launched += len(expected.instances)
    assert launched > 5_000


@ROUTINGS
@pytest.mark.parametrize("kind", range(5))
def test_rows_depend_neither_on_blocks_nor_on_room(routing: Routing, kind: int) -> None:
    """At once, request by request, and cut at random, in arrays of one row and of many."""
    pool, demand, dice = kinds(routing)[kind], demand_of(300), random.Random(SEED)
    assert not pool.is_plain
    expected = simulate(pool, demand)
    seen = Counter(expected.requests.outcome.tolist())
    assert seen[0] > 100
    assert sum(seen.values()) > seen[0] + 10
    assert kind == 0 or len(expected.tries) > 15
    at_random = sorted(dice.choices(range(301), k=30))
    for cuts, room in ((range(1, 300), 1), (at_random, 1), (at_random, 5), ([], 1)):
        parts = in_blocks(pool, demand, cuts, room)
        problem = cases.difference(expected, Run.joined(parts))
        assert problem is None, f"room {room}: {problem}"
        expect_promises(parts, demand, expected)


def test_requests_behind_an_undecided_one_are_held_back() -> None:
    """Two places; who waits for the first holds the others back until it has begun, tries go with their request."""
    pool = on_demand(max_concurrency=1, at_limit=AtLimit.QUEUE, queue_limit=1, retries=Retries(2, 3, jitter=False))
    demand = Demand.from_arrays([0, 1, 2, 9, 30], [8, 4, 1, 1, 1])
    # 0 serves to 8; 1 waits, and serves to 12; 2 finds the queue full, again at 5; 3 waits until 12.
    parts = in_blocks(pool, demand, range(1, 5), 8)
    assert [1, 0, 0, 2, 2, 0] == [len(part.demand) for part in parts]
    assert [0, 0, 0, 1, 0, 0] == [len(part.tries) for part in parts]
    assert [(2, 2, 5)] == [(t.number[0], t.at_ns[0], t.next_ns[0]) for t in [parts[3].tries]]
    assert [0, 8, NONE, 12, 30] == Run.joined(parts).requests.start_ns.tolist()


@pytest.mark.parametrize("first_is_empty", [True, False])
def test_those_that_are_there_from_the_start_are_in_the_first_table(first_is_empty: bool) -> None:
    """Standing instances also where nothing was fed; the warm one as soon as there is a request."""
    pool = on_demand(standing=2, starts_warm=True, retries=RETRIES)
    none, one = Demand.from_arrays(np.zeros(0), 1), Demand.from_arrays([7], 1, idle_timeout_ns=4)
    simulation = Simulation(pool)
    parts = [simulation.feed(block) for block in ([none, one] if first_is_empty else [one, none])]
    expected = [[0, 0], [0]] if first_is_empty else [[0, 0, 0], []]
    assert expected == [part.launched_ns.tolist() for part in parts]
    rest = simulation.finish()
    assert ([], [FOREVER, FOREVER, 4]) == (rest.launched_ns.tolist(), rest.gone.gone_ns.tolist())
    only = Simulation(pool).finish()
    assert ([0, 0], [0, 1], FOREVER) == (only.launched_ns.tolist(), only.gone_numbers.tolist(), only.until_ns)


@pytest.mark.parametrize(
    ("second", "message"),
    [([6], "begins at 6 ns, must not be before 7 ns"), ([7, FOREVER], "stands for never")],
    ids=["earlier", "never"],
)
def test_arrivals_that_cannot_be(second: list[int], message: str) -> None:
    """A block that begins before the last arrival, or holds one that never comes, is refused."""
    simulation = Simulation(on_demand(retries=RETRIES))
    simulation.feed(Demand.from_arrays([5, 7], 1))
    with pytest.raises(InputError, match=message):
        simulation.feed(Demand.from_arrays(second, 1))


@pytest.mark.parametrize("is_bound", [True, False])
def test_waiting_for_ever_is_refused_at_the_end(is_bound: bool) -> None:
    """Behind a service that never ends, or for a launch that does not."""
    pool = on_demand(max_concurrency=1, at_limit=AtLimit.QUEUE)
    if not is_bound:
        pool = on_demand(waiting_requests=WaitingRequests.FIRST_FREE)
    simulation = Simulation(pool)
    simulation.feed(Demand.from_arrays([0, 1], FOREVER, FOREVER))
    with pytest.raises(InputError, match="wait for ever"):
        simulation.finish()


def test_a_pool_that_scales_needs_launch_times() -> None:
    """Those of instances that scaling launches cannot be made up."""
    pool = Pool(1, False, Routing.RANDOM, scaling=Scaling(minimum=1, maximum=2, horizon_ns=100))
    with pytest.raises(ValueError, match="a pool that scales needs launch times"):
        Simulation(pool)


@ROUTINGS
@pytest.mark.parametrize("kind", range(5))
def test_memory_follows_what_lives(routing: Routing, kind: int) -> None:
    """Ten times the requests take arrays that are no more than doubled once; all but the last few are given back."""
    simulation = Simulation(kinds(routing)[kind], room=16)
    demand = demand_of(500)
    lengths, launched, gone, held = [], 0, 0, 0
    for number in range(40):
        shifted = {f.name: getattr(demand, f.name) for f in fields(Demand)}
        shifted["arrival_ns"] = demand.arrival_ns + number * (int(demand.arrival_ns[-1]) + 200)
        part = simulation.feed(Demand(**shifted))
        launched, gone = launched + len(part.launched_ns), gone + len(part.gone_numbers)
        held += 500 - len(part.demand)
        calendar: Any = simulation._pool
        lengths.append([len(column) for column in (*calendar._fleet.state, *calendar._tried)])
    assert all(late <= 2 * early for early, late in zip(lengths[4], lengths[-1], strict=True))
    assert 2_000 > max(lengths[-1])
    assert 100 > launched - gone
    assert 50 > held


def test_ends_of_patience_that_are_void_do_not_pile_up() -> None:
    """20,000 requests that wait a little and would wait for ever but for one instant."""
    pool = on_demand(max_concurrency=1, at_limit=AtLimit.QUEUE, patience=Patience.WAITING)
    simulation = Simulation(pool, room=1)
    demand = Demand.from_arrays(np.arange(20_000) // 2 * 10, 5, idle_timeout_ns=50, patience_ns=FOREVER - 10**6)
    assert 20_000 - 1 <= len(simulation.feed(demand).demand)
    calendar: Any = simulation._pool
    assert 40 > len(calendar._fleet.state.moments)
    assert 0 == len(simulation.finish().tries)


def test_kernels_of_read_only_and_of_constant_columns_are_the_same() -> None:
    """Neither compiles anything anew, and the cache's stamp covers all sources."""
    pool = kinds(Routing.MOST_RECENTLY_IDLE)[3]
    constant = Demand.from_arrays([0, 1, 2], 1)
    columns: dict[str, Any] = {f.name: constant.column(f.name) for f in fields(Demand) if f.name != "retry_key"}
    columns["arrival_ns"].flags.writeable = False
    assert cases.difference(simulate(pool, constant), simulate(pool, Demand(**columns))) is None
    kernel: Any = serve
    assert 1 == len(kernel.signatures)
    assert KERNELS.stamp == kernel._cache._cache_file._source_stamp


@njit(_nrt=False)  # type: ignore[untyped-decorator]
def takes(buckets: Any, burst: int, interval_ns: int, now_ns: int) -> bool:
    """`takes_token` of the first bucket."""
    return rules.takes_token(buckets, rules.REQUEST_RATE, burst, interval_ns, now_ns)


def test_a_bucket_has_the_credit_of_the_rule() -> None:
    """credit = min(burst · interval, credit + elapsed), in Python's whole numbers, also beyond 64 bits."""
    dice = random.Random(SEED)
    seen: Counter[bool] = Counter()
    for _ in range(300):
        burst, interval_ns = dice.choice([1, 2, 5, 2**62]), dice.choice([1, 3, 10, 2**61, 2**62 + 1, FOREVER])
        credit, now_ns = burst * interval_ns, 0
        buckets = np.array([[burst, 0, 0], [0, 0, 0]], np.int64)
        for _ in range(60):
            elapsed = dice.choice([0, 1, 4, dice.randrange(30), interval_ns // 2, interval_ns])
            now_ns, elapsed = min(FOREVER, now_ns + elapsed), min(FOREVER - now_ns, elapsed)
            credit = min(burst * interval_ns, credit + elapsed)
            is_there = credit >= interval_ns
            credit -= interval_ns * is_there
            assert is_there == takes(buckets, burst, interval_ns, now_ns)
            seen[is_there] += 1
    assert min(seen.values()) > 1_000


def test_anyone_may_leave_the_line() -> None:
    """Random joining and leaving beside a list; the order is that of joining, in an array that grows from one row."""
    dice = random.Random(SEED)
    sizes = state_at_start(0, 1, np.zeros((2, 3), np.int64), np.zeros((1, 5), np.int64), empty_line(1)).sizes
    line, expected = empty_line(1), []
    for number in range(1_500):
        if dice.random() < 0.5 and expected:
            row, *_ = expected.pop(dice.choice([0, -1, dice.randrange(len(expected))]))
            leave_line(line, sizes, row)
        else:
            if sizes[LINE_FREE] == NONE:
                line = longer_line(line, sizes)
            expected.append((join_line(line, sizes, number, 1, number, False, number % 2 == 0), number))
        row, found = int(sizes[LINE_HEAD]), []
        while row != NONE:
            found.append((row, int(line[row, NUMBER])))
            row = int(line[row, BEHIND])
        assert expected == found
        assert (expected[-1][0] if expected else NONE) == sizes[LINE_TAIL]
        assert sum(number % 2 == 0 for _, number in expected) == sizes[AT_LIMIT]
    assert len(line) < 400
