"""Both engines, fed block by block: the rows of the run at once, and what a `Settled` promises."""

from __future__ import annotations

import functools
import gc
import itertools
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from simulator.engines import compiled, reference
from simulator.engines.ledger import Calendar
from simulator.engines.pool import OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Instances, Run, Settled
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125
Block = Callable[[np.random.Generator, int], Demand]
Engine = Callable[[Pool], Any]
#: With little room the compiled engine looks often for instances that are gone.
both_engines = pytest.mark.parametrize(
    "engine",
    [reference.Simulation, compiled.Simulation, functools.partial(compiled.Simulation, room=1)],
    ids=["reference", "compiled", "compiled-little-room"],
)


def settled(engine: Engine, pool: Pool, blocks: Sequence[Demand]) -> list[Settled]:
    """What an engine gives back after each block, and at the end."""
    simulation = engine(pool)
    return [*map(simulation.feed, blocks), simulation.finish()]


def one_by_one(demand: Demand) -> list[Demand]:
    """Every request in a block of its own."""
    return [demand.rows(i, i + 1) for i in range(len(demand))]


def assert_promises(parts: Sequence[Settled], blocks: Sequence[Demand], run: Run) -> None:
    """The docstring of `Settled`, line by line, for one that was given back after each block and one at the end."""
    # Requests in order of arrival, each once, none before it was fed.
    given, fed = np.cumsum([len(part.demand) for part in parts]), np.cumsum([*map(len, blocks), 0])
    assert [len(part.demand) for part in parts] == [len(part.requests) for part in parts]
    assert (given <= fed).all()
    assert len(run.requests) == given[-1] == fed[-1]
    for f in fields(Demand):
        expected = [value for block in blocks for value in block.column(f.name).tolist()]
        assert expected == [value for part in parts for value in part.demand.column(f.name).tolist()], f.name

    # Every launch, in order of number.
    launched_ns = [part.launched_ns.tolist() for part in parts]
    assert run.instances.launch_ns.tolist() == [time for table in launched_ns for time in table]
    # Every instance once, in order of number, and not before its launch was told.
    assert [part.gone_numbers.tolist() for part in parts] == [sorted(part.gone_numbers.tolist()) for part in parts]
    assert list(range(len(run.instances))) == sorted(n for part in parts for n in part.gone_numbers.tolist())
    for part, n_launched in zip(parts, np.cumsum([len(table) for table in launched_ns]), strict=True):
        assert len(part.gone) == len(part.gone_numbers)
        assert part.gone_numbers.max(initial=NONE) < n_launched

    # Nothing before `until_ns` is given back later.
    until_ns = [part.until_ns for part in parts]
    assert sorted(until_ns) == until_ns
    assert until_ns[-1] == FOREVER
    for before, part in itertools.pairwise(parts):
        assert min([*part.launched_ns.tolist(), *part.gone.gone_ns.tolist(), FOREVER]) >= before.until_ns


def decided(pool: Pool, blocks: Sequence[Demand], run: Run) -> list[int]:
    """How many of the oldest requests have their end decided when the last arrival of each block has begun its life."""
    arrival_ns = [time for block in blocks for time in block.arrival_ns.tolist()]
    counts, fed = [], 0
    for block in blocks:
        fed += len(block)
        count = 0
        while count < fed and (pool.launches or _decided_ns(run, arrival_ns, count) <= arrival_ns[fed - 1]):
            count += 1
        counts.append(count)
    return counts


def _decided_ns(run: Run, arrival_ns: list[int], i: int) -> int:
    """When a worker took the request, or it left the queue, or it was turned away."""
    rows = run.requests
    if rows.start_ns[i] != NONE:
        return int(rows.start_ns[i])
    return int(rows.response_ns[i]) if rows.response_ns[i] != NONE else arrival_ns[i]


def assert_prompt(pool: Pool, parts: Sequence[Settled], blocks: Sequence[Demand], run: Run) -> None:
    """The reference engine gives back whatever is decided, launched and gone by the last arrival fed."""
    assert decided(pool, blocks, run) == np.cumsum([len(part.demand) for part in parts[:-1]]).tolist()
    last_ns = 0
    n_launched = n_fed = 0
    gone: set[int] = set()
    for part, block in zip(parts, blocks, strict=False):
        n_fed += len(block)
        n_launched += len(part.launched_ns)
        gone |= set(part.gone_numbers.tolist())
        last_ns = int(block.arrival_ns[-1]) if len(block) else last_ns
        assert last_ns == part.until_ns
        is_warm_start_there = pool.launches and pool.starts_warm and n_fed > 0
        assert pool.standing + is_warm_start_there + int(run.requests.is_cold[:n_fed].sum()) == n_launched
        # A failed launch is written, and so given back, when it is made.
        is_over = (run.instances.gone_ns <= last_ns) | (
            (run.instances.ready_ns == NONE) & (run.instances.gone_ns < FOREVER)
        )
        assert gone == set(np.flatnonzero(is_over[:n_launched]).tolist())


@both_engines
@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_any_blocks_give_the_rows_of_the_run_at_once(engine: Engine, has_ties: bool) -> None:
    """Random blocks, some empty, and one request at a time, which cuts between requests of one instant."""
    dice = random.Random(SEED)
    n_tied_cuts = n_empty = n_held_back = n_gone_early = 0
    for pool, demand in cases.seeded(SEED + has_ties, 600, has_ties=has_ties):
        run = reference.simulate(pool, demand)
        for blocks in (list(cases.blocks(dice, demand)), one_by_one(demand)):
            parts = settled(engine, pool, blocks)
            problem = cases.difference(run, Run.joined(parts))
            assert problem is None, f"{problem}\nblocks of {[len(b) for b in blocks]}\n{cases.described(pool, demand)}"
            assert_promises(parts, blocks, run)
            if engine is reference.Simulation:
                assert_prompt(pool, parts, blocks, run)
            filled = [block for block in blocks if len(block)]
            n_tied_cuts += sum(a.arrival_ns[-1] == b.arrival_ns[0] for a, b in itertools.pairwise(filled))
            n_empty += len(blocks) - len(filled)
            n_held_back += len(parts[-1].demand)
            n_gone_early += sum(len(part.gone) for part in parts[:-1])
    assert n_empty > 100
    assert (n_tied_cuts > 1_000) == has_ties
    if engine is reference.Simulation:
        assert n_held_back > 100
    if engine is not compiled.Simulation:
        assert n_gone_early > 1_000


@both_engines
@pytest.mark.parametrize("launches", [True, False], ids=["serverless", "real-time"])
def test_longer_runs_in_larger_blocks(engine: Engine, launches: bool) -> None:
    """Runs of up to 600 requests in blocks of up to 200."""
    dice = random.Random(SEED)
    for pool, demand in cases.seeded(SEED - launches, 40, launches=launches, most_requests=600):
        cuts = sorted(dice.randint(0, len(demand)) for _ in range(dice.randint(2, 8)))
        blocks = [demand.rows(a, b) for a, b in itertools.pairwise([0, *cuts, len(demand)])]
        run = reference.simulate(pool, demand)
        parts = settled(engine, pool, blocks)
        assert cases.difference(run, Run.joined(parts)) is None, cases.described(pool, demand)
        assert_promises(parts, blocks, run)
        if engine is reference.Simulation:
            assert_prompt(pool, parts, blocks, run)


def serverless(**given: Any) -> Pool:
    return Pool(**{"standing": 0, "launches": True, "routing": Routing.MOST_RECENTLY_IDLE, **given})


def rows_of(part: Settled) -> tuple[Any, ...]:
    """Requests given back, launches, and (number, launch, ready, gone) of instances."""
    times = (getattr(part.gone, f.name).tolist() for f in fields(Instances))
    return len(part.demand), part.launched_ns.tolist(), list(zip(part.gone_numbers.tolist(), *times, strict=True))


@both_engines
@pytest.mark.parametrize("empty_blocks", [0, 1, 3])
def test_no_request_at_all(engine: Engine, empty_blocks: int) -> None:
    """Standing instances are in the first table, also if that is the last; no warm start without a request."""
    nothing = Demand.from_arrays(np.empty(0, np.int64), 1)
    pool = serverless(standing=2, starts_warm=True)
    parts = settled(engine, pool, [nothing] * empty_blocks)
    assert_promises(parts, [nothing] * empty_blocks, Run.joined(parts))
    assert [0, 0] == Run.joined(parts).instances.launch_ns.tolist()
    assert [0, 0] == parts[0].launched_ns.tolist()


def test_a_small_run_on_paper() -> None:
    """Reference: a warm start, a failed launch and two launches, what is known after each block and at the end."""
    pool = serverless(standing=1, starts_warm=True, startup_limit_ns=4)
    demand = Demand.from_arrays([3, 3, 4, 9], [9, 1, 1, 1], startup_ns=[0, 5, 2, 1], idle_timeout_ns=[2, 9, 2, 6])
    # Provisioned 0 serves request 0 until 12. Warm start 1 was idle from 0 and is gone at 2; request 1 launches 2,
    # which fails at 7; request 2 launches 3, ready at 6, released at 7, gone at 9; request 3 launches 4.
    first, second, third, last = settled(
        reference.Simulation, pool, [demand.rows(a, b) for a, b in [(0, 1), (1, 3), (3, 4)]]
    )
    assert (1, [0, 0], [(1, 0, 0, 2)]) == rows_of(first)
    assert (2, [3, 4], [(2, 3, NONE, 7)]) == rows_of(second)
    assert (1, [9], [(3, 4, 6, 9)]) == rows_of(third)
    assert (0, [], [(0, 0, 0, FOREVER), (4, 9, 10, 17)]) == rows_of(last)
    assert [3, 4, 9, FOREVER] == [part.until_ns for part in (first, second, third, last)]


def test_rows_behind_an_undecided_one_are_held_back() -> None:
    """Reference: of two instances one is busy until 50; who waits for it holds back the others until it starts."""
    pool = Pool(2, False, Routing.RANDOM, queue_limit=1, timeout_from=TimeoutFrom.ARRIVAL, on_give_up=OnGiveUp.SERVE_ON)
    demand = Demand.from_arrays([0, 1, 2, 3, 50, 51], [50, 9, 1, 1, 1, 1], routing=[0.0, 0.0, 0.5, 0.0, 0.5, 0.5])
    # 0 serves; 1 waits for it until 50; 2 is served on the other; 3 finds the queue full.
    parts = settled(reference.Simulation, pool, one_by_one(demand))
    assert [1, 0, 0, 0, 4, 1, 0] == [len(part.demand) for part in parts]
    assert [0, 50, 2, NONE] == Run.joined(parts).requests.start_ns[:4].tolist()


@pytest.mark.parametrize(
    ("second", "message"),
    [([6], "begins at 6 ns, must not be before 7 ns"), ([7, FOREVER], "stands for never")],
    ids=["earlier", "never"],
)
def test_arrivals_that_cannot_be(second: list[int], message: str) -> None:
    """Reference: a block that begins before the last arrival, or holds one that never comes, is refused."""
    simulation = reference.Simulation(serverless())
    simulation.feed(Demand.from_arrays([5, 7], 1))
    with pytest.raises(InputError, match=message):
        simulation.feed(Demand.from_arrays(second, 1))


def test_waiting_for_ever_is_refused_at_the_end() -> None:
    """Reference: behind a service that never ends nothing is decided; finish says so."""
    simulation = reference.Simulation(Pool(1, False, Routing.CENTRAL_QUEUE))
    assert [1, 0] == [len(simulation.feed(Demand.from_arrays([t], FOREVER)).demand) for t in (0, 1)]
    with pytest.raises(InputError, match="requests wait for ever"):
        simulation.finish()


def broken(parts: list[Settled]) -> Iterator[tuple[str, list[Settled]]]:
    """Ways to break a promise, each with the parts so broken."""
    last = parts[-1]
    yield "a request twice", [*parts[:-1], replace(last, demand=parts[0].demand, requests=parts[0].requests)]
    yield (
        "requests in another order",
        [replace(parts[0], demand=parts[1].demand), replace(parts[1], demand=parts[0].demand), *parts[2:]],
    )
    yield "a launch missing", [replace(parts[0], launched_ns=parts[0].launched_ns[:-1]), *parts[1:]]
    yield "an instance twice", [*parts[:-1], replace(last, gone=parts[0].gone, gone_numbers=parts[0].gone_numbers)]
    yield "an end later than told", [replace(parts[0], until_ns=int(parts[1].gone.gone_ns.min()) + 1), *parts[1:]]
    yield (
        "a launch later than told",
        [parts[0], replace(parts[1], until_ns=int(parts[2].launched_ns[0]) + 1), *parts[2:]],
    )
    yield "something may still come", [*parts[:-1], replace(last, until_ns=last.until_ns - 1)]
    yield (
        "gone before it was launched",
        [
            replace(p, launched_ns=q)
            for p, q in zip(parts, [last.launched_ns, *(p.launched_ns for p in parts[:-1])], strict=True)
        ],
    )


def test_broken_promises_are_noticed() -> None:
    """The checks above fail on parts that break one promise each."""
    demand = Demand.from_arrays(np.arange(9) * 10, 1, 1, 5)
    blocks = [demand.rows(i, i + 3) for i in (0, 3, 6)]
    run = reference.simulate(serverless(), demand)
    parts = settled(reference.Simulation, serverless(), blocks)
    assert_promises(parts, blocks, run)
    for words, wrong in broken(parts):
        is_noticed = False
        try:
            assert_promises(wrong, blocks, run)
        except AssertionError:
            is_noticed = True
        assert is_noticed, words


# Memory.

MANY_LAUNCHES = serverless(standing=5, max_concurrency=400, startup_limit_ns=900, timeout_ns=2_000)
QUEUES = Pool(
    6, False, Routing.LEAST_OUTSTANDING_REQUESTS, 2, queue_limit=50, timeout_ns=10**12, timeout_from=TimeoutFrom.ARRIVAL
)
BLOCK = 20_000


def serverless_block(draw: np.random.Generator, now_ns: int) -> Demand:
    """Some 60 instances, one request in eight cold; every other idle timeout ends long after the run."""
    return Demand.from_arrays(
        arrival_ns=now_ns + np.cumsum(draw.integers(0, 20, BLOCK)),
        service_ns=1 + np.floor(draw.exponential(500.0, BLOCK)),
        startup_ns=draw.integers(0, 1_000, BLOCK),
        idle_timeout_ns=np.where(draw.random(BLOCK) < 0.5, 10**15, draw.integers(0, 200, BLOCK)),
        lifetime_ns=np.where(draw.random(BLOCK) < 0.5, FOREVER, draw.integers(500, 4_000, BLOCK)),
        routing=draw.random(BLOCK),
    )


def queue_block(draw: np.random.Generator, now_ns: int) -> Demand:
    """Nine of ten workers busy; whoever waits would give up long after the run."""
    return Demand.from_arrays(
        arrival_ns=now_ns + np.cumsum(draw.integers(0, 20, BLOCK)),
        service_ns=1 + np.floor(draw.exponential(100.0, BLOCK)),
        routing=draw.random(BLOCK),
    )


def count(seen: Counter[str], part: Settled) -> None:
    """Add up what was given back."""
    seen["requests"] += len(part.requests)
    seen["launched"] += len(part.launched_ns)
    seen["gone"] += len(part.gone)
    seen["waited"] += int((part.requests.start_ns > part.demand.arrival_ns).sum())


def peak_bytes(pool: Pool, block: Block, requests: int) -> int:
    """Greatest sum of Python's own allocations while the reference engine is fed in blocks."""
    draw, now_ns = np.random.default_rng(SEED), 0
    gc.collect()
    tracemalloc.start()
    try:
        simulation = reference.Simulation(pool)
        for _ in range(requests // BLOCK):
            demand = block(draw, now_ns)
            now_ns = int(demand.arrival_ns[-1])
            simulation.feed(demand)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LONG_RUNS = pytest.mark.parametrize(
    ("pool", "block"),
    [(MANY_LAUNCHES, serverless_block), (QUEUES, queue_block)],
    ids=["serverless", "real-time"],
)


@LONG_RUNS
def test_what_is_remembered_is_what_is_there(pool: Pool, block: Block) -> None:
    """Reference: after 60,000 requests no more than some hundred rows, instances and events are held."""
    draw, now_ns, seen = np.random.default_rng(SEED), 0, Counter[str]()
    simulation = reference.Simulation(pool)
    for _ in range(3):
        demand = block(draw, now_ns)
        now_ns = int(demand.arrival_ns[-1])
        count(seen, simulation.feed(demand))
    ledger, calendar = simulation._endpoint.ledger, simulation._endpoint.env
    assert 500 > max(len(ledger._rows), len(ledger._demand), len(ledger._living), len(calendar._queue))
    count(seen, simulation.finish())
    assert 60_000 == seen["requests"]
    assert seen["launched"] == seen["gone"]
    assert seen["waited"] > 5_000
    assert (seen["launched"] > 5_000) == pool.launches


@pytest.mark.slow
@pytest.mark.timeout(900)  # counting allocations takes three quarters of the time
@LONG_RUNS
def test_memory_does_not_grow_with_the_requests(pool: Pool, block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reference: the peak of Python's allocations at 1e6 requests is at most 1.2 times that at 1e5.

    An engine that keeps the events for which nobody waits exceeds that at 1e5 already.
    """
    at_1e5, at_1e6 = peak_bytes(pool, block, 100_000), peak_bytes(pool, block, 1_000_000)
    assert at_1e6 <= 1.2 * at_1e5
    monkeypatch.setattr(Calendar, "forget", lambda calendar: None)
    assert peak_bytes(pool, block, 100_000) > 1.2 * at_1e5
