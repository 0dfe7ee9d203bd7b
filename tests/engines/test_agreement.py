"""The two engines, written apart from the same rules, give the same rows: every column, every type, exactly."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.engines import compiled, reference
from simulator.engines.pool import IDLE_ROUTINGS, INSTANCE_ROUTINGS, OnGiveUp, Pool, Routing, TimeoutFrom
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125


def in_blocks(pool: Pool, demand: Demand, dice: random.Random) -> Run:
    """The compiled engine, fed in blocks of random sizes."""
    simulation = compiled.Simulation(pool)
    rows = []
    for block in cases.blocks(dice, demand):
        rows.append(simulation.feed(block))
    return Run.joined([*rows, simulation.finish()])


def assert_agree(pool: Pool, demand: Demand, dice: random.Random) -> Run:
    """Both engines agree, the compiled one also in blocks; their rows come back."""
    expected = reference.simulate(pool, demand)
    for way, found in [
        ("at once", compiled.simulate(pool, demand)),
        ("in blocks", in_blocks(pool, demand, dice)),
    ]:
        problem = cases.difference(expected, found)
        assert problem is None, f"compiled {way}: {problem}\n{cases.described(pool, demand)}"
    return expected


#: Every way in which a request can end: whether the pool launches, outcome, reason, served, cold.
WAYS_TO_END = {
    (True, Outcome.COMPLETED, Reason.NONE, True, False),
    (True, Outcome.COMPLETED, Reason.NONE, True, True),
    (True, Outcome.TIMED_OUT, Reason.NONE, True, False),
    (True, Outcome.TIMED_OUT, Reason.NONE, True, True),
    (True, Outcome.TIMED_OUT, Reason.NONE, False, True),
    (True, Outcome.THROTTLED, Reason.CONCURRENCY, False, False),
    (False, Outcome.COMPLETED, Reason.NONE, True, False),
    (False, Outcome.TIMED_OUT, Reason.NONE, True, False),
    (False, Outcome.TIMED_OUT, Reason.NONE, False, False),
    (False, Outcome.THROTTLED, Reason.QUEUE_FULL, False, False),
    (False, Outcome.THROTTLED, Reason.NO_CAPACITY, False, False),
}


def assert_all_agree(drawn: Iterator[cases.Case]) -> None:
    """Both engines agree on many cases, in which requests end in every way."""
    seen = set()
    dice = random.Random(SEED)
    for pool, demand in drawn:
        rows = assert_agree(pool, demand, dice).requests
        ends = zip(rows.outcome, rows.reason, rows.start_ns != NONE, rows.is_cold, strict=True)
        seen |= {(pool.launches, *end) for end in ends}
    assert WAYS_TO_END == seen


@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_small_cases(has_ties: bool) -> None:
    """2,800 small cases of each kind; ties find wrong orders, continuous times find wrong sums."""
    assert_all_agree(cases.seeded(SEED + has_ties, 2_800, has_ties=has_ties))


@pytest.mark.parametrize("has_ties", [True, False], ids=["ties", "continuous"])
def test_longer_cases(has_ties: bool) -> None:
    """300 cases of up to 600 requests: structures that grow, wrap and are compacted."""
    assert_all_agree(cases.seeded(SEED - 1 - has_ties, 300, has_ties=has_ties, most_requests=600))


@settings(derandomize=True, deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases.shrinking(), dice=st.randoms(use_true_random=False))
def test_cases_that_shrink(case: cases.Case, dice: random.Random) -> None:
    """The same on cases of Hypothesis, which hands back the smallest one on which they differ."""
    assert_agree(*case, dice)


LARGE_POOLS = [
    *(
        Pool(standing, True, routing, max_concurrency=limit, starts_warm=True, startup_limit_ns=9, timeout_ns=150)
        for routing in sorted(IDLE_ROUTINGS)
        for standing, limit in [(0, FOREVER), (40, 90)]
    ),
    *(
        Pool(
            standing,
            False,
            routing,
            places,
            queue_limit=12,
            timeout_ns=140,
            timeout_from=timeout_from,
            on_give_up=on_give_up,
        )
        for routing in sorted(INSTANCE_ROUTINGS)
        for standing, places in [(70, 1), (9, 9)]
        for timeout_from, on_give_up in [(TimeoutFrom.ARRIVAL, give_up) for give_up in OnGiveUp]
    ),
]


def large_demand(seed: int, n: int) -> Demand:
    """Some 80 requests at once on average, in bursts, with many ties and every column drawn."""
    draw = np.random.default_rng(seed)
    gaps = draw.choice([0, 0, 1, 2, 3], n) + (draw.random(n) < 0.002) * draw.integers(50, 400, n)
    return Demand.from_arrays(
        arrival_ns=np.cumsum(gaps),
        service_ns=1 + np.floor(draw.exponential(130.0, n)),
        startup_ns=draw.integers(0, 11, n),
        idle_timeout_ns=np.where(draw.random(n) < 0.001, FOREVER, draw.integers(0, 60, n)),
        lifetime_ns=np.where(draw.random(n) < 0.2, FOREVER, draw.integers(1, 900, n)),
        routing=draw.random(n),
    )


@pytest.mark.parametrize("pool", LARGE_POOLS, ids=lambda pool: f"{pool.routing.name.lower()}-{pool.standing}")
def test_many_instances(pool: Pool) -> None:
    """About 80 busy instances and as many idle ones, 4,000 requests, on every routing."""
    assert_agree(pool, large_demand(SEED, 4_000), random.Random(SEED))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_many_more_cases(seed: int) -> None:
    """10 × 10,000 cases, small and middling, of both kinds."""
    assert_all_agree(cases.seeded(1_000 + seed, 9_000))
    assert_all_agree(cases.seeded(2_000 + seed, 1_000, most_requests=250))


@pytest.mark.slow
@pytest.mark.parametrize("pool", LARGE_POOLS, ids=lambda pool: f"{pool.routing.name.lower()}-{pool.standing}")
def test_many_instances_longer(pool: Pool) -> None:
    """60,000 requests: several blocks' worth of slots reused."""
    assert_agree(pool, large_demand(SEED + 1, 60_000), random.Random(SEED))


def test_the_large_demand_is_busy() -> None:
    """What the cases above are meant to show is there: many at once, reuse, retirement, throttling, time-outs."""
    demand = large_demand(SEED, 4_000)
    run = reference.simulate(LARGE_POOLS[1], demand)
    outcomes = np.bincount(run.requests.outcome, minlength=3)
    assert (outcomes[:3] > 100).all()
    assert (run.instances.gone_ns < FOREVER).sum() > 100
    assert (~run.requests.is_cold & (run.requests.instance >= 40)).sum() > 100


def test_blocks_cover_the_demand() -> None:
    """The random blocks are the demand, cut."""
    dice = random.Random(SEED)
    sizes = set()
    for _, demand in cases.seeded(SEED, 50):
        parts = list(cases.blocks(dice, demand))
        assert demand.arrival_ns.tolist() == [t for part in parts for t in part.arrival_ns.tolist()]
        sizes |= set(map(len, parts))
    assert {0, 1, 2, 5, 17} <= sizes


def test_a_difference_is_reported() -> None:
    """A changed value in any column is found and shown with its row."""
    pool, demand = Pool(0, True, Routing.NEWEST_CREATED), Demand.from_arrays([0, 0, 3], [1, 2, 3])
    run = reference.simulate(pool, demand)
    assert cases.difference(run, reference.simulate(pool, demand)) is None
    for table in (run.requests, run.instances):
        for name, column in vars(table).items():
            changed = reference.simulate(pool, demand)
            values = getattr(changed.requests if table is run.requests else changed.instances, name)
            values[1] = ~values[1] if values.dtype == bool else values[1] - 1
            message = cases.difference(run, changed)
            assert message is not None
            assert "row 1" in message
            assert f"{name}: {column[1]} | {values[1]}" in message
