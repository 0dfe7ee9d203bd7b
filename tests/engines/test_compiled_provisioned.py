"""Provisioned instances that follow their load, against traces worked by hand (model.md 3.2); one unit is 1 ns."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.engines.clients import Patience, Retries
from simulator.engines.compiled import Simulation, simulate
from simulator.engines.pool import IDLE_ROUTINGS, OnTimeout, Pool, Routing
from simulator.engines.scaling import (
    Adjustment,
    Metric,
    Missing,
    Scaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
)
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER
from tests.engines import cases

SEED = 20261125
AVERAGE, MAXIMUM = Metric.PROVISIONED_UTILIZATION_AVERAGE, Metric.PROVISIONED_UTILIZATION_MAXIMUM
LATE, CONCURRENCY = int(Outcome.TIMED_OUT), int(Reason.CONCURRENCY)


def provisioned(standing: int, scaling: Scaling, **given: Any) -> Pool:
    given = {"routing": Routing.MOST_RECENTLY_IDLE, **given}
    return Pool(standing=standing, launches=True, scaling=scaling, **given)


def actions(*given: ScheduledAction, minimum: int = 1, maximum: int = 9, **more: Any) -> Scaling:
    return Scaling(minimum, maximum, 1_000, actions=given, **more)


def tracking(target: float, metric: Metric = AVERAGE, **given: Any) -> TargetTracking:
    """Target tracking on single points of 10 ns, known at once, without a cooldown."""
    plain = {"period_ns": 10, "delay_ns": 0, "points_out": 1, "points_in": 1, "scale_in_cooldown_ns": 0}
    return TargetTracking(metric, target, **{**plain, **given})


def follows(*policies: Any, horizon_ns: int = 15, minimum: int = 0, **given: Any) -> Scaling:
    return Scaling(minimum, 50, horizon_ns, policies, **given)


def run_of(pool: Pool, demand: Demand, launches: tuple[int, ...] = (0,)) -> Run:
    def launch_times(n: int) -> NDArray[np.int64]:
        return np.resize(np.array(launches, np.int64), n)

    return simulate(pool, demand, launch_times)


def column(run: Run, name: str) -> list[int]:
    values: list[int] = getattr(run.requests, name).tolist()
    return values


def changes(run: Run) -> list[tuple[int, int]]:
    return list(zip(run.changes.at_ns.tolist(), run.changes.capacity.tolist(), strict=True))


def instances(run: Run) -> list[tuple[int, int, int]]:
    table = run.instances
    return list(zip(table.launch_ns.tolist(), table.ready_ns.tolist(), table.gone_ns.tolist(), strict=True))


# Instances that scaling adds.


def test_added_instances_are_numbered_on_and_serve_once_they_are_ready() -> None:
    """Three wanted at 10, launched as 1 and 2, ready at 14; at 11 number 3 is launched for a request.

    At 14 the two become ready before the arrivals of that instant: number 2 serves first, then 1, as nobody used them.
    At 15 all three are busy, and number 3 has been idle since 14.
    """
    pool = provisioned(1, actions(ScheduledAction(10, minimum=3)))
    demand = Demand.from_arrays([0, 11, 14, 14, 15], [20, 2, 3, 3, 3], startup_ns=1)
    run = run_of(pool, demand, (4,))
    assert [0, 3, 2, 1, 3] == column(run, "instance")
    assert [0, 12, 14, 14, 15] == column(run, "start_ns")
    assert [0, 1, 0, 0, 0] == column(run, "is_cold")
    assert [1, 2] == run.standing_numbers.tolist()
    assert [(10, 3)] == changes(run)
    assert [(0, 0, FOREVER), (10, 14, FOREVER), (10, 14, FOREVER), (11, 12, FOREVER)] == instances(run)


def test_an_instance_that_is_ready_is_never_used_and_lies_below_those_used() -> None:
    """Number 1 was used from 0 to 1; 3 is ready at 3 and 2 at 7, neither used: at 8 the order is 1, 3, 2, 0."""
    pool = provisioned(2, actions(ScheduledAction(2, minimum=4)))
    run = run_of(pool, Demand.from_arrays([0, 8, 8, 8, 8], [1, 5, 5, 5, 5]), (5, 1))
    assert [1, 1, 3, 2, 0] == column(run, "instance")


def test_a_launch_that_takes_no_time_serves_in_its_instant() -> None:
    """Ready at rank 20 of the instant of the action, which is over, but before its arrivals."""
    run = run_of(provisioned(0, actions(ScheduledAction(5, minimum=1), minimum=0)), Demand.from_arrays([5], 1))
    assert [0] == column(run, "instance")
    assert [0] == run.standing_numbers.tolist()


# Instances that scaling takes away.


def test_the_highest_numbers_go_idle_ones_at_once_others_at_their_release() -> None:
    """Three, of which 2 serves from 0 to 20; from 10 on one is wanted: 1 is gone at 10, 2 at 20, and 0 stays."""
    pool = provisioned(3, actions(ScheduledAction(10, maximum=1)))
    run = run_of(pool, Demand.from_arrays([0, 12, 21], [20, 30, 1], startup_ns=1))
    assert [2, 0, 3] == column(run, "instance")
    assert [(10, 1)] == changes(run)
    assert [(0, 0, FOREVER), (0, 0, 10), (0, 0, 20), (21, 22, FOREVER)] == instances(run)


def test_a_service_that_is_stopped_frees_or_ends_its_instance() -> None:
    """Timeout 5: number 1, which drains from 3 on, is gone at 5; number 0 takes another request at its own timeout."""
    pool = provisioned(2, actions(ScheduledAction(3, maximum=1)), timeout_ns=5, on_timeout=OnTimeout.STOP)
    run = run_of(pool, Demand.from_arrays([0, 1, 6], [9, 9, 2]))
    assert [1, 0, 0] == column(run, "instance")
    assert [5, 6, 8] == column(run, "release_ns")
    assert [(0, 0, FOREVER), (0, 0, 5)] == instances(run)


def test_who_drains_still_occupies_a_place() -> None:
    """Two places at most; number 1 drains until 9 and number 0 serves: at 5 nobody may come, at 9 one may."""
    pool = provisioned(2, Scaling(1, 2, 1_000, actions=(ScheduledAction(3, maximum=1),)), max_concurrency=2)
    run = run_of(pool, Demand.from_arrays([0, 1, 5, 9], [9, 20, 1, 1]))
    assert [0, 0, CONCURRENCY, 0] == column(run, "reason")
    assert [1, 0, NONE, 2] == column(run, "instance")


def test_an_attempt_at_the_limit_is_throttled_though_an_instance_is_idle() -> None:
    """One provisioned instance, ready at 5; the limit of two is taken by two on demand."""
    pool = provisioned(0, Scaling(0, 1, 1_000, actions=(ScheduledAction(0, minimum=1),)), max_concurrency=2)
    run = run_of(pool, Demand.from_arrays([0, 0, 6, 20], [20, 20, 1, 1]), (5,))
    assert [1, 2, NONE, 0] == column(run, "instance")
    assert [0, 0, CONCURRENCY, 0] == column(run, "reason")


# Points.


def test_the_average_is_over_time() -> None:
    """A = 10 + 3 and S = 20 in the first ten: x = 0.65 is above 0.5, y = 1.3, so ceil(2.6) = 3 are wanted."""
    pool = provisioned(2, follows(tracking(0.5)))
    assert [(10, 3)] == changes(run_of(pool, Demand.from_arrays([0, 4], [15, 3])))


@pytest.mark.parametrize(("counts_spillover", "wanted"), [(True, 3), (False, 2)])
def test_spillover_counts_with_its_startup_or_not_at_all(counts_spillover: bool, wanted: int) -> None:
    """One provisioned place all the time, one on demand from 2 on, starting until 5: y = 1.8 or 1, the target 0.6."""
    pool = provisioned(1, follows(tracking(0.6), counts_spillover=counts_spillover))
    run = run_of(pool, Demand.from_arrays([0, 2], 20, startup_ns=3))
    assert [(10, wanted)] == changes(run)


def test_the_average_counts_draining_places_but_not_draining_instances() -> None:
    """Number 1 serves all the time and drains from 5 on; number 0 is idle. A = 10, S = 10 + 5, x = 2/3 > 0.6, y = 1."""
    scaling = Scaling(0, 50, 15, (tracking(0.6),), (ScheduledAction(5, maximum=1), ScheduledAction(6, maximum=50)))
    run = run_of(provisioned(2, scaling), Demand.from_arrays([0], 30))
    assert [(5, 1), (10, 2)] == changes(run)
    scaling = Scaling(0, 50, 15, (tracking(0.67),), (ScheduledAction(5, maximum=1), ScheduledAction(6, maximum=50)))
    assert [(5, 1)] == changes(run_of(provisioned(2, scaling), Demand.from_arrays([0], 30)))


def test_the_maximum_is_looked_at_after_every_event() -> None:
    """At 2 a place is left before it is taken again; two are occupied from 3 on: x = 2/4, y = 2."""
    demand = Demand.from_arrays([1, 2, 3], [1, 30, 30])
    pool = provisioned(4, follows(tracking(0.49, MAXIMUM)))
    assert [(10, 5)] == changes(run_of(pool, demand))
    assert [] == changes(run_of(provisioned(4, follows(tracking(0.5, MAXIMUM, scales_in=False))), demand))


def test_what_is_occupied_at_the_beginning_counts_for_the_maximum() -> None:
    """Two of three places are occupied until 10, the beginning of the second period: M = 2 there too, later none.

    Both points are low, so ceil(2/1.2) = 2 are wanted at 20. Without the second the run would be broken.
    """
    policy = tracking(1.2, MAXIMUM, points_in=2)
    run = run_of(provisioned(3, follows(policy, horizon_ns=100)), Demand.from_arrays([0, 5], [10, 5]))
    assert [(20, 2)] == changes(run)


def test_with_nothing_in_service_the_point_is_missing() -> None:
    """However many requests go on demand, target tracking does not leave 0; nor does it with `zero`."""
    for missing in Missing:
        pool = provisioned(0, follows(tracking(0.1, missing=missing), horizon_ns=50))
        assert [] == changes(run_of(pool, Demand.from_arrays([0, 1], 40)))


@pytest.mark.parametrize(
    ("missing", "expected"), [(Missing.HOLD, (50, 1)), (Missing.ZERO, (30, 1)), (Missing.IGNORE, (40, 1))]
)
def test_a_period_without_a_request(missing: Missing, expected: tuple[int, int]) -> None:
    """Two instances, three low points needed; the second period is empty. It breaks the run, counts, or is no point."""
    policy = tracking(1.0, MAXIMUM, points_in=3, missing=missing)
    run = run_of(provisioned(2, follows(policy, horizon_ns=55, minimum=1)), Demand.from_arrays([1, 21, 31, 41], 1))
    assert [expected] == changes(run)


def test_for_a_point_that_is_ignored_nobody_is_asked() -> None:
    """The point of 10 is above, but an instance is starting until 13; the ignored one of 20 asks for nothing.

    That of 30 is above again.
    """
    policy = tracking(0.4, MAXIMUM, missing=Missing.IGNORE, scales_in=False)
    scaling = Scaling(1, 9, 55, (policy,), (ScheduledAction(5, minimum=2),))
    pool = provisioned(1, scaling)
    assert [(5, 2)] == changes(run_of(pool, Demand.from_arrays([0], 6), (8,)))
    assert [(5, 2), (30, 3)] == changes(run_of(pool, Demand.from_arrays([0, 21], 6), (8,)))


def test_a_step_policy_holds_where_no_request_came() -> None:
    """Two points at or below 0.5 take one away; the empty period between them breaks the run."""
    policy = StepScaling(
        MAXIMUM, 0.5, False, (Step(-9.0, 0.0, -1),), Adjustment.CHANGE, points=2, period_ns=10, delay_ns=0
    )
    pool = provisioned(2, follows(policy, horizon_ns=55))
    assert [] == changes(run_of(pool, Demand.from_arrays([1, 21, 41], 1)))
    assert [(40, 1)] == changes(run_of(pool, Demand.from_arrays([1, 21, 31], 1)))


def test_a_service_that_timed_out_occupies_its_place_to_its_end() -> None:
    """Timeout 2 of a service of 10: A = 10 of S = 10, not 2."""
    pool = provisioned(1, follows(tracking(0.9)), timeout_ns=2)
    run = run_of(pool, Demand.from_arrays([0], 10))
    assert [LATE] == column(run, "outcome")
    assert [(10, 2)] == changes(run)


# Blocks, room, memory.


def mixed_pool(dice: random.Random, routing: Routing) -> tuple[Pool, Demand, tuple[int, ...]]:
    """A busy pool with every part of scaling, times that often meet, and its demand."""
    n = 400
    period: dict[str, Any] = {"period_ns": dice.choice([7, 10]), "delay_ns": dice.choice([0, 5])}
    policies = (
        tracking(0.6, missing=dice.choice(list(Missing)), points_out=2, points_in=2, **period),
        tracking(0.7, MAXIMUM, **period),
        StepScaling(AVERAGE, 0.9, True, (Step(0.0, 9.0, 2),), Adjustment.CHANGE, cooldown_ns=30, **period),
    )
    scaling = Scaling(0, 6, 700, policies, (ScheduledAction(100, 1, 5), ScheduledAction(300, 0, 6)))
    pool = provisioned(
        *(2, scaling),
        routing=routing,
        max_concurrency=7,
        starts_warm=True,
        startup_limit_ns=4,
        timeout_ns=8,
        patience=Patience.RESPONSE,
        retries=Retries(3, 4, 20, after_timeout=True),
    )

    def times(least: int, most: int) -> list[int]:
        return [dice.randint(least, most) for _ in range(n)]

    arrivals = sorted(times(0, 600))
    demand = Demand.from_arrays(
        *(arrivals, times(1, 12), times(0, 5), times(0, 20), times(20, 90), [dice.random() for _ in range(n)]),
        patience_ns=times(3, 30),
    )
    return pool, demand, tuple(times(0, 30))


@pytest.mark.parametrize("routing", sorted(IDLE_ROUTINGS))
def test_neither_blocks_nor_room_matter(routing: Routing) -> None:
    """Every table is the same in blocks of 1 to 50, with arrays that begin with room for 1 and for 1024."""
    dice = random.Random(SEED)
    seen = 0
    for _ in range(6):
        pool, demand, launches = mixed_pool(dice, routing)
        expected = run_of(pool, demand, launches)
        seen += len(expected.changes)
        for room in (1, 1024):
            for most in (1, 50):
                times = np.array(launches, np.int64)
                simulation = Simulation(pool, lambda n, times=times: np.resize(times, n), room=room)  # type: ignore[misc]
                parts, fed = [], 0
                while fed < len(demand):
                    size = dice.randint(1, most)
                    parts.append(simulation.feed(demand.rows(fed, fed + size)))
                    fed += size
                assert cases.difference(expected, Run.joined([*parts, simulation.finish()])) is None
    assert 20 < seen


def test_memory_follows_what_lives() -> None:
    """500 times four instances come and go; the arrays hold a few of them, and those gone are given back."""
    steps = tuple(ScheduledAction(100 * k, minimum=5 - 4 * (k % 2), maximum=5 - 4 * (k % 2)) for k in range(1, 1_000))
    pool = provisioned(1, Scaling(1, 1, 100_000, (tracking(50.0, period_ns=25),), steps))
    simulation = Simulation(pool, lambda n: np.full(n, 7, np.int64), room=1)
    gone = launched = 0
    for start in range(0, 100_000, 1_000):
        part = simulation.feed(Demand.from_arrays(np.arange(start, start + 1_000, 5), 8, idle_timeout_ns=3))
        gone, launched = gone + len(part.gone_numbers), launched + len(part.standing_numbers)
    calendar: Any = simulation._pool
    assert 1_996 == launched
    assert launched - 100 < gone
    assert 800 > max(len(array) for array in calendar._fleet.state)
