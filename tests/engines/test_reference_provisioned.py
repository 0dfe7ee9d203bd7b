"""Provisioned concurrency that follows its load: runs worked out on paper.

Unless told otherwise a metric has periods of 10 ns and no delay, points count one by one, cooldowns are 0 and instances
start at once.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines.clients import Population
from simulator.engines.pool import OnTimeout, Pool
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
from simulator.engines.tables import NONE, Demand, Reason
from simulator.units import NS_PER_SECOND
from tests.engines.traces import check, cold, each_engine, failed, late, launching, run_of, there, throttled, warm

AVERAGE, MAXIMUM = Metric.PROVISIONED_UTILIZATION_AVERAGE, Metric.PROVISIONED_UTILIZATION_MAXIMUM
SECOND = NS_PER_SECOND
MINUTE = 60 * SECOND


def tracking(target: float, metric: Metric = MAXIMUM, **given: Any) -> TargetTracking:
    """Target tracking that looks at single points."""
    plain = {"period_ns": 10, "delay_ns": 0, "points_out": 1, "points_in": 1, "scale_in_cooldown_ns": 0}
    return TargetTracking(metric, target, **{**plain, **given})


def out(target: float, metric: Metric = MAXIMUM, **given: Any) -> TargetTracking:
    """The same, only ever for more."""
    return tracking(target, metric, scales_in=False, **given)


def provisioned(
    instances: int, horizon: int, *policies: TargetTracking | StepScaling, most: int = 9, **given: Any
) -> Pool:
    """A pool of so many provisioned instances, 0 to `most`, and policies; scheduled actions among what is given."""
    of_scaling = {name: given.pop(name) for name in ("actions", "counts_spillover") if name in given}
    return launching(standing=instances, scaling=Scaling(0, most, horizon, policies, **of_scaling), **given)


def exactly(at: int, capacity: int) -> ScheduledAction:
    """From an instant on, so many."""
    return ScheduledAction(at, minimum=capacity, maximum=capacity)


def bounded(at: int, minimum: int | None = None, maximum: int | None = None) -> ScheduledAction:
    """From an instant on, other bounds."""
    return ScheduledAction(at, minimum, maximum)


# What a policy sees of its load.


@each_engine
@pytest.mark.parametrize(("metric", "changes"), [(AVERAGE, []), (MAXIMUM, [(5 * MINUTE, 15)])])
def test_ten_at_once_each_minute(engine: ModuleType, metric: Metric, changes: list[tuple[int, int]]) -> None:
    """Ten requests of 6 s on ten instances, target 70 %: the average is 10 %, the maximum 100 %.

    The third point is of the minute that ends at 3, published at 5: ceil(10/0.7) = 15, ready at 6. From then on the
    maximum is 10/15, neither above 70 % nor below 63 %.
    """
    arrivals = [minute * MINUTE for minute in range(30) for _ in range(10)]
    policy = TargetTracking(metric, 0.7, scales_in=metric is MAXIMUM)
    run = run_of(
        engine, provisioned(10, 30 * MINUTE, policy, most=99), Demand.from_arrays(arrivals, 6 * SECOND), [MINUTE]
    )
    # At first those never used, the highest number first; then the most recently idle, that of the last request.
    numbers = [*range(9, -1, -1), *range(10)]
    expected = [
        warm(minute * MINUTE, minute * MINUTE + 6 * SECOND, numbers[10 * (minute % 2) + i])
        for minute in range(30)
        for i in range(10)
    ]
    launched = [there(5 * MINUTE, 6 * MINUTE)] * 5 if changes else []
    check(run, expected, [there()] * 10 + launched, changes=changes)
    assert (list(range(10, 15)) if changes else []) == run.standing_numbers.tolist()


@each_engine
@pytest.mark.parametrize(
    ("metric", "target", "counts_spillover", "changes"),
    [
        (MAXIMUM, 1.0, True, [(10, 2)]),  # M = 2, n = 1
        (MAXIMUM, 1.0, False, []),  # M = 1
        (AVERAGE, 0.5, True, [(10, 3)]),  # A = 5 + 4 + 5, S = 10: ceil(1.4/0.5)
        (AVERAGE, 0.45, False, [(10, 2)]),  # A = 5: ceil(0.5/0.45)
        (AVERAGE, 0.5, False, []),
    ],
)
def test_spillover(
    engine: ModuleType, metric: Metric, target: float, counts_spillover: bool, changes: list[tuple[int, int]]
) -> None:
    """Two requests of 5 at 0, the second on demand with a startup of 4, which occupies its place too."""
    pool = provisioned(1, 15, out(target, metric), counts_spillover=counts_spillover)
    demand = Demand.from_arrays([0, 0], 5, startup_ns=4, idle_timeout_ns=1)
    run = run_of(engine, pool, demand)
    launched = [there(10, 10)] * (changes[0][1] - 1 if changes else 0)
    check(run, [warm(0, 5, 0), cold(4, 9, 1)], [there(), (0, 4, 10), *launched], changes=changes)


@each_engine
def test_a_failed_launch_occupies_its_place_until_its_limit(engine: ModuleType) -> None:
    """A = 5 + 8 of S = 10, target 0.65: exactly 2. With a startup counted to its end, 15 would ask for 3."""
    pool = provisioned(1, 15, out(0.65, AVERAGE), startup_limit_ns=8)
    run = run_of(engine, pool, Demand.from_arrays([0, 0], 5, startup_ns=20))
    check(run, [warm(0, 5, 0), failed(8, 8, 1)], [there(), (0, NONE, 8), there(10, 10)], changes=[(10, 2)])


@each_engine
@pytest.mark.parametrize(("service", "changes"), [(10, [(20, 2)]), (9, [])])
def test_the_beginning_of_a_period_is_in_it(engine: ModuleType, service: int, changes: list[tuple[int, int]]) -> None:
    """Two points above: a request released at 10 was there as the second period began, one released at 9 was not."""
    run = run_of(engine, provisioned(1, 25, out(0.5, points_out=2)), Demand.from_arrays([0], service))
    check(run, changes=changes)


@each_engine
def test_an_arrival_at_the_end_belongs_to_the_next_period(engine: ModuleType) -> None:
    """At 10 one is there; the second that comes at 10 is seen at 20: M = 2 of 1."""
    run = run_of(engine, provisioned(1, 25, out(1.0)), Demand.from_arrays([0, 10], 15, idle_timeout_ns=0))
    check(run, [warm(0, 15, 0), cold(10, 25, 1)], [there(), (10, 10, 25), there(20, 20)], changes=[(20, 2)])


@each_engine
@pytest.mark.parametrize(("metric", "asked"), [(AVERAGE, 3), (MAXIMUM, 4)])
def test_over_what_is_in_service(engine: ModuleType, metric: Metric, asked: int) -> None:
    """One instance becomes ready at 15, launched at 12; two requests from 10 to 18, one more from 12 to 16.

    A = 2·8 + 4 = 20, S = 10 + 5 = 15, M = 3, n = 2. Target 0.8: ceil(2/0.8) = 3, and ceil(3/0.8) = 4.
    """
    pool = provisioned(1, 25, out(0.8, metric), actions=(bounded(12, minimum=2),))
    demand = Demand.from_arrays([10, 10, 12], [8, 8, 4], idle_timeout_ns=0)
    check(run_of(engine, pool, demand, [3]), changes=[(12, 2), (20, asked)])


@each_engine
def test_draining_ones_count_as_occupied_not_as_in_service(engine: ModuleType) -> None:
    """Two held from 0 to 25. At 10 the second instance drains: from 10 to 20 A = 20, S = 10, and ceil(2/1.5) = 2.

    The place is a provisioned one all the while.
    """
    actions = (bounded(10, maximum=1), bounded(12, maximum=9))
    pool = provisioned(2, 25, out(1.5, AVERAGE), actions=actions, counts_spillover=False)
    run = run_of(engine, pool, Demand.from_arrays([0, 0], 25))
    instances = [there(), (0, 0, 25), there(20, 20)]
    check(run, [warm(0, 25, 1), warm(0, 25, 0)], instances, changes=[(10, 1), (20, 2)])


@each_engine
def test_a_drained_one_occupies_no_provisioned_place_any_more(engine: ModuleType) -> None:
    """Both are released at 15, the second drains from 10 on: nothing is occupied from 20 on, nobody asks for 2."""
    actions = (bounded(10, maximum=1), bounded(22, maximum=9))
    pool = provisioned(2, 35, out(0.9), actions=actions, counts_spillover=False)
    check(run_of(engine, pool, Demand.from_arrays([0, 0], 15)), None, [there(), (0, 0, 15)], changes=[(10, 1)])


@each_engine
def test_in_service_from_when_it_is_ready(engine: ModuleType) -> None:
    """From 10 to 20 A = 10; ready at 12, S = 10 + 8: x = 10/18 is below 0.9, y = 1 asks for 1. Nothing else happens."""
    actions = (bounded(5, minimum=2), bounded(6, minimum=0))
    pool = provisioned(1, 25, tracking(1.0, AVERAGE), actions=actions)
    run = run_of(engine, pool, Demand.from_arrays([0], 100), [7])
    check(run, [warm(0, 100, 0)], [there(), (5, 12, 20)], changes=[(5, 2), (20, 1)])


# Points of periods in which nothing happened, or nothing was in service.


def rare_requests() -> Demand:
    """One of 2 in every second period, the first, the third and so on: A = 2, S = 40, x = 0.05, y = 0.2."""
    return Demand.from_arrays([0, 20, 40, 60], 2)


@each_engine
@pytest.mark.parametrize(
    ("missing", "changes"), [(Missing.HOLD, []), (Missing.ZERO, [(30, 1)]), (Missing.IGNORE, [(50, 1)])]
)
def test_nobody_came(engine: ModuleType, missing: Missing, changes: list[tuple[int, int]]) -> None:
    """Three points in a row below 0.45 bring 4 to ceil(0.2/0.5) = 1: never, at 30, or with the third of 0.05, at 50."""
    pool = provisioned(4, 65, tracking(0.5, AVERAGE, points_in=3, missing=missing))
    check(run_of(engine, pool, rare_requests()), changes=changes)


@each_engine
def test_step_scaling_holds(engine: ModuleType) -> None:
    """A run of two below the threshold is broken in every second period; single points count."""

    def down(points: int) -> StepScaling:
        step = Step(-math.inf, 0.0, -1)
        return StepScaling(AVERAGE, 0.5, False, (step,), Adjustment.CHANGE, 1, points, 10, 0, 0)

    check(run_of(engine, provisioned(4, 65, down(2)), rare_requests()))
    check(run_of(engine, provisioned(4, 35, down(1)), rare_requests()), changes=[(10, 3), (30, 2)])


@each_engine
def test_nobody_is_asked_for_a_point_passed_over(engine: ModuleType) -> None:
    """At 10 more is asked in vain, an instance is starting. At 20 nobody came: asked again only at 30, ceil(1/0.4)."""
    pool = provisioned(1, 35, out(0.4, missing=Missing.IGNORE), actions=(bounded(5, minimum=2),))
    run = run_of(engine, pool, Demand.from_arrays([0, 25], 9), [10, 0])
    check(run, changes=[(5, 2), (30, 3)])


@each_engine
def test_a_point_of_zero_is_taken(engine: ModuleType) -> None:
    """Two points in a row: 1, 0 and 1 are no run above, but are one if the middle one is passed over."""
    demand = Demand.from_arrays([0, 20], 9)
    check(run_of(engine, provisioned(1, 35, out(0.4, points_out=2, missing=Missing.ZERO)), demand))
    pool = provisioned(1, 35, out(0.4, points_out=2, missing=Missing.IGNORE))
    check(run_of(engine, pool, demand), changes=[(30, 3)])


@each_engine
@pytest.mark.parametrize("missing", list(Missing))
def test_nothing_in_service_is_missing_for_every_policy(engine: ModuleType, missing: Missing) -> None:
    """Nothing from 10 to 20, one request all the time: the point of 20 breaks the run of two, 30 and 40 are one."""
    pool = provisioned(1, 45, out(0.5, points_out=2, missing=missing), actions=(exactly(10, 0), bounded(20, 1, 9)))
    run = run_of(engine, pool, Demand.from_arrays([0], 100))
    instances = [(0, 0, 100), there(20, 20), there(40, 40)]
    check(run, [warm(0, 100, 0)], instances, changes=[(10, 0), (20, 1), (40, 2)])


# How instances come and go.


@each_engine
def test_ready_and_never_used_before_an_idle_one_on_demand(engine: ModuleType) -> None:
    """Instance 1 is launched at 5, ready at 15; nobody waits for it. Instance 2 is on demand.

    At 16 the provisioned one is idle, at 17 only the on-demand one.
    """
    pool = provisioned(1, 99, actions=(bounded(5, minimum=2),))
    run = run_of(engine, pool, Demand.from_arrays([0, 6, 16, 17], [30, 5, 9, 9], idle_timeout_ns=20), [10])
    check(
        run,
        [warm(0, 30, 0), cold(6, 11, 2), warm(16, 25, 1), warm(17, 26, 2)],
        [there(), there(5, 15), (6, 6, 46)],
        changes=[(5, 2)],
    )
    assert [1] == run.standing_numbers.tolist()


@each_engine
def test_while_one_is_in_use_another_becomes_ready(engine: ModuleType) -> None:
    """Used ones first, the most recently idle; then those never used, the highest number: 1, 2, 0."""
    pool = provisioned(2, 99, actions=(bounded(0, minimum=3),))
    run = run_of(engine, pool, Demand.from_arrays([0, 12, 12, 12], 5), [10])
    check(
        run,
        [warm(0, 5, 1), warm(12, 17, 1), warm(12, 17, 2), warm(12, 17, 0)],
        [there(), there(), there(0, 10)],
        changes=[(0, 3)],
    )


@each_engine
def test_a_busy_one_drains_and_an_idle_one_goes_at_once(engine: ModuleType) -> None:
    """Three, of which instance 2 is busy until 20; at 10 one is left: 2 drains, 1 is gone. What comes takes 0."""
    pool = provisioned(3, 99, actions=(bounded(10, maximum=1),))
    run = run_of(engine, pool, Demand.from_arrays([0, 12, 13, 30], [20, 9, 1, 1], idle_timeout_ns=3))
    check(
        run,
        [warm(0, 20, 2), warm(12, 21, 0), cold(13, 14, 3), warm(30, 31, 0)],
        [there(), (0, 0, 10), (0, 0, 20), (13, 13, 17)],
        changes=[(10, 1)],
    )
    assert [] == run.standing_numbers.tolist()


@each_engine
def test_a_draining_one_occupies_its_place(engine: ModuleType) -> None:
    """Two places at most: at 12 instance 0 takes the second. At 13 none is left, at 20 one is, on demand."""
    pool = provisioned(2, 99, most=2, actions=(bounded(10, maximum=1),), max_concurrency=2)
    run = run_of(engine, pool, Demand.from_arrays([0, 12, 13, 20], [20, 30, 1, 2], idle_timeout_ns=0))
    expected = [warm(0, 20, 1), warm(12, 42, 0), throttled(Reason.CONCURRENCY), cold(20, 22, 2)]
    check(run, expected, [there(), (0, 0, 20), (20, 20, 22)], changes=[(10, 1)])


@each_engine
def test_throttled_at_the_limit_although_one_is_idle(engine: ModuleType) -> None:
    """Two on demand are the limit of 2 when a provisioned one becomes ready at 5."""
    pool = provisioned(0, 99, most=2, actions=(bounded(1, minimum=1),), max_concurrency=2)
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 6, 10], [10, 10, 1, 1], idle_timeout_ns=0), [4])
    check(
        run,
        [cold(0, 10, 0), cold(0, 10, 1), throttled(Reason.CONCURRENCY), warm(10, 11, 2)],
        [(0, 0, 10), (0, 0, 10), there(1, 5)],
        changes=[(1, 1)],
    )


@each_engine
def test_starting_ones_occupy_no_place(engine: ModuleType) -> None:
    """Two start from 0 to 9; meanwhile two on demand are let through, the limit."""
    pool = provisioned(0, 99, most=2, actions=(bounded(0, minimum=2),), max_concurrency=2)
    run = run_of(engine, pool, Demand.from_arrays([1, 2, 3], [9, 9, 1], idle_timeout_ns=0), [9])
    check(run, [cold(1, 10, 2), cold(2, 11, 3), throttled(Reason.CONCURRENCY)], changes=[(0, 2)])


@each_engine
def test_one_that_was_launched_by_scaling_is_free_when_stopped(engine: ModuleType) -> None:
    """Stopped at 6, it serves the next at 7. Draining at 8, it is stopped at 12 and gone."""
    actions = (bounded(0, minimum=1), exactly(8, 0))
    pool = provisioned(0, 99, actions=actions, timeout_ns=5, on_timeout=OnTimeout.STOP)
    run = run_of(engine, pool, Demand.from_arrays([1, 7], 9))
    check(run, [late(1, 6, 6, 0), late(7, 12, 12, 0)], [(0, 0, 12)], changes=[(0, 1), (8, 0)])


@each_engine
def test_numbered_in_the_one_order_of_all_launches(engine: ModuleType) -> None:
    """The warm start is 1, what scaling launches at 0 is 2, a launch at 3 is 3, what scaling launches at 4 is 4."""
    actions = (bounded(0, minimum=2), bounded(4, minimum=3))
    pool = provisioned(1, 99, actions=actions, starts_warm=True)
    run = run_of(engine, pool, Demand.from_arrays([3, 3, 3, 3], 5, idle_timeout_ns=10))
    check(
        run,
        [warm(3, 8, 2), warm(3, 8, 0), warm(3, 8, 1), cold(3, 8, 3)],
        [there(), (0, 0, 18), there(0, 0), (3, 3, 18), there(4, 4)],
        changes=[(0, 2), (4, 3)],
    )
    assert [2, 4] == run.standing_numbers.tolist()


@each_engine
def test_highest_number_goes_first_whatever_was_launched_between(engine: ModuleType) -> None:
    """Instances 0, 1 and 3 are provisioned, 2 on demand: from three to one 3 goes, then 1."""
    actions = (bounded(0, minimum=2), bounded(4, minimum=3), exactly(6, 1))
    pool = provisioned(1, 99, actions=actions)
    run = run_of(engine, pool, Demand.from_arrays([3, 3, 3], [50, 1, 4], idle_timeout_ns=10))
    check(
        run,
        [warm(3, 53, 1), warm(3, 4, 0), cold(3, 7, 2)],
        [there(), (0, 0, 53), (3, 3, 17), (4, 4, 6)],
        changes=[(0, 2), (4, 3), (6, 1)],
    )


@each_engine
def test_a_closed_population_on_it(engine: ModuleType) -> None:
    """Client 1 is on demand until the second instance is ready at 5: sent at 4 for the last time there, then at 8."""
    pool = provisioned(1, 99, actions=(bounded(0, minimum=2),), population=Population(until_ns=9))
    demand = Demand.from_arrays([0] * 9, 3, think_ns=1, idle_timeout_ns=2)
    run = engine.simulate(pool, demand, lambda n: np.full(n, 5), np.array([0, 0]))
    assert run.sent is not None
    assert [0, 0, 4, 4, 8, 8] == run.sent.arrival_ns.tolist()
    on_0, on_2 = [warm(at, at + 3, 0) for at in (0, 4, 8)], [cold(0, 3, 2), warm(4, 7, 2)]
    check(run, [on_0[0], on_2[0], on_0[1], on_2[1], on_0[2], warm(8, 11, 1)], changes=[(0, 2)])
    assert [1] == run.standing_numbers.tolist()
