"""Pools that scale, settled at arrival: the same as in a calendar of events, and by hand where an instance drains."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from simulator.engines import compiled
from simulator.engines.clients import Patience
from simulator.engines.compiled.scaled_queues import ScaledQueues, settles_at_arrival
from simulator.engines.compiled.standing_calendar import StandingCalendar
from simulator.engines.pool import OnGiveUp, OnTimeout, Pool, Routing, TimeoutFrom
from simulator.engines.scaling import Metric, Scaling, ScheduledAction, TargetTracking
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.errors import InputError
from simulator.units import FOREVER
from tests.engines import cases, later_cases
from tests.engines.later_cases import Later

SEED = 20261126


def fitting(seed: int, count: int, most_requests: int = 40) -> Iterator[Later]:
    """That many random pools that scale, without what would make rows depend on later ones."""
    dice = random.Random(seed)
    while count:
        later = later_cases.case(dice, launches=False, scales=True, most_requests=most_requests)
        pool = replace(
            later.pool,
            retries=None,
            patience=Patience.NONE,
            time_to_live_ns=FOREVER,
            cores=0,
            batching=None,
            on_timeout=OnTimeout.SERVE_ON,
            waits_for_capacity=False,
        )
        if settles_at_arrival(pool):
            count -= 1
            yield replace(later, pool=pool)


def run_of(engine: ScaledQueues | StandingCalendar, blocks: Iterable[Demand]) -> Run:
    """All that an engine gives back."""
    return Run.joined([*(engine.feed(block) for block in blocks), engine.finish()])


@pytest.mark.parametrize(("count", "most_requests"), [(300, 40), (15, 900)])
def test_the_same_as_in_a_calendar(count: int, most_requests: int) -> None:
    """Requests, instances and changes of capacity, at once and in blocks, in arrays that begin with room for one."""
    dice = random.Random(SEED)
    counts: Counter[str] = Counter()
    for later in fitting(SEED + count, count, most_requests):
        told = cases.described(later.pool, later.demand)
        expected = run_of(StandingCalendar(later.pool, later.launch_times, np.empty(0, np.int64), 1024), [later.demand])
        for blocks in ([later.demand], cases.blocks(dice, later.demand)):
            found = run_of(ScaledQueues(later.pool, later.launch_times, dice.choice([1, 2, 64])), blocks)
            problem = cases.difference(expected, found)
            assert problem is None, f"{problem}\n{told}"
        rows = expected.requests
        counts.update(Outcome(outcome).name for outcome in rows.outcome)
        counts.update(Reason(reason).name for reason in rows.reason if reason)
        counts["left a queue"] += int(((rows.outcome == Outcome.TIMED_OUT) & (rows.start_ns == NONE)).sum())
        counts["changes"] += len(expected.changes)
        counts["drained late"] += int(
            np.isin(expected.instances.gone_ns, rows.release_ns[rows.release_ns != NONE]).sum()
        )
    kinds = ("COMPLETED", "QUEUE_FULL", "NO_CAPACITY", "left a queue", "drained late")
    assert min(counts[what] for what in kinds) >= 5, counts
    assert counts["changes"] > 100


def scheduled(*actions: tuple[int, int], standing: int, **fields: object) -> Pool:
    """A pool whose capacity is set at instants, its instances with one worker each."""
    taken = tuple(ScheduledAction(at_ns, minimum=n, maximum=n) for at_ns, n in actions)
    given = {"launches": False, "routing": Routing.RANDOM, **fields}
    return Pool(standing=standing, scaling=Scaling(0, 9, 1_000, actions=taken), **given)  # type: ignore[arg-type]


def by_hand(pool: Pool, demand: Demand, launch_ns: int = 5) -> Run:
    """The run of a pool that has to settle at arrival, each launch taking so long."""
    assert settles_at_arrival(pool)
    return compiled.simulate(pool, demand, lambda n: np.full(n, launch_ns, np.int64))


def test_what_drains_serves_its_queue() -> None:
    """Two wait on instance 1 when it drains at 3: they start at 10 and 20, and it is gone at 30."""
    pool = scheduled((3, 1), standing=2)
    run = by_hand(pool, Demand.from_arrays([0, 1, 2, 4], 10, routing=[0.9, 0.9, 0.9, 0.9]))
    assert [0, 10, 20, 4] == run.requests.start_ns.tolist()
    assert [1, 1, 1, 0] == run.requests.instance.tolist()
    assert [FOREVER, 30] == run.instances.gone_ns.tolist()
    assert ([3], [1]) == (run.changes.at_ns.tolist(), run.changes.capacity.tolist())


def test_what_drains_is_gone_when_those_who_wait_have_given_up() -> None:
    """Whoever waits leaves at 1 + 4, the service that it waited for ends at 10: then the instance is gone."""
    pool = scheduled((3, 0), standing=1, timeout_ns=4, timeout_from=TimeoutFrom.ARRIVAL, on_give_up=OnGiveUp.LEAVE)
    run = by_hand(pool, Demand.from_arrays([0, 1, 4], 10))
    assert [0, NONE, NONE] == run.requests.start_ns.tolist()
    assert [4, 5, NONE] == run.requests.response_ns.tolist()
    assert [Outcome.TIMED_OUT, Outcome.TIMED_OUT, Outcome.THROTTLED] == run.requests.outcome.tolist()
    assert [10] == run.instances.gone_ns.tolist()


def test_released_as_it_drains_is_gone_at_once() -> None:
    """A release at 3 (rank 10) comes before a change of capacity at 3 (rank 40)."""
    run = by_hand(scheduled((3, 0), standing=1), Demand.from_arrays([0], 3))
    assert [3] == run.instances.gone_ns.tolist()


def test_a_new_instance_holds_nothing() -> None:
    """Of instance 0, which holds one, and instance 1, in service from 2 + 5 on, the second has the fewest."""
    pool = scheduled((2, 2), standing=1, routing=Routing.LEAST_OUTSTANDING_REQUESTS)
    run = by_hand(pool, Demand.from_arrays([0, 6, 7, 8], 100, routing=0.0))
    assert [0, 0, 1, 1] == run.requests.instance.tolist()


@pytest.mark.parametrize("routing", [Routing.RANDOM, Routing.LEAST_OUTSTANDING_REQUESTS])
@pytest.mark.parametrize(("service_ns", "expected"), [(9, []), (10, [10])])
def test_a_point_counts_who_departs_at_its_end(routing: Routing, service_ns: int, expected: list[int]) -> None:
    """At 10 a request that is released at 10 is still held, one that was at 9 is not."""
    policy = TargetTracking(
        Metric.CONCURRENT_REQUESTS_PER_INSTANCE, 0.5, period_ns=10, delay_ns=0, points_out=1, points_in=99
    )
    pool = Pool(1, False, routing, scaling=Scaling(1, 9, 20, (policy,)))
    run = by_hand(pool, Demand.from_arrays([0, 15], service_ns))
    assert expected == run.changes.at_ns.tolist()


def test_a_service_that_never_ends() -> None:
    """Whoever waits for it waits for ever, which is said at the end."""
    demand = Demand.from_arrays([0, 1], FOREVER)
    with pytest.raises(InputError, match="wait for ever"):
        by_hand(scheduled(standing=1), demand)


@pytest.mark.parametrize(
    "fields",
    [
        {"cores": 1},
        {"time_to_live_ns": 9},
        {"on_timeout": OnTimeout.STOP},
        {"patience": Patience.WAITING},
        {"routing": Routing.CENTRAL_QUEUE},
        {"scaling": None},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_does_not_settle_at_arrival(fields: dict[str, object]) -> None:
    """Any rule by which a row depends on later ones, and pools that do not scale, have other engines."""
    assert not settles_at_arrival(replace(scheduled(standing=1), **fields))  # type: ignore[arg-type]
