"""Pools that follow their load by policies and by schedule: runs worked out on paper.

Unless told otherwise a metric has periods of 10 ns and no delay, points count one by one and cooldowns are 0.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from simulator.engines.clients import Patience
from simulator.engines.pool import Batching, OnGiveUp, OnTimeout, Routing, TimeoutFrom
from simulator.engines.scaling import (
    Adjustment,
    Metric,
    Scaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
)
from simulator.engines.tables import Demand, Outcome, Reason
from simulator.units import FOREVER, NS_PER_SECOND
from tests.engines.traces import check, each_engine, late, left, rows, run_of, standing, there, throttled, warm

INVOCATIONS, CONCURRENT = Metric.INVOCATIONS_PER_INSTANCE, Metric.CONCURRENT_REQUESTS_PER_INSTANCE
NOBODY = Demand.from_arrays(np.empty(0, np.int64), 1)
MINUTE = 60 * NS_PER_SECOND


def tracking(target: float, metric: Metric = INVOCATIONS, **given: Any) -> TargetTracking:
    """Target tracking that looks at single points."""
    plain = {"period_ns": 10, "delay_ns": 0, "points_out": 1, "points_in": 1, "scale_in_cooldown_ns": 0}
    return TargetTracking(metric, target, **{**plain, **given})


def stepping(
    threshold: float, above: bool, *steps: tuple[float, float, int], metric: Metric = INVOCATIONS, **given: Any
) -> StepScaling:
    """Step scaling that looks at single points."""
    plain = {"adjustment": Adjustment.CHANGE, "period_ns": 10, "delay_ns": 0, "cooldown_ns": 0}
    return StepScaling(metric, threshold, above, tuple(Step(*step) for step in steps), **{**plain, **given})


def scaled(minimum: int, maximum: int, horizon: int, *policies: TargetTracking | StepScaling, **given: Any) -> Scaling:
    """Bounds, horizon and policies."""
    return Scaling(minimum, maximum, horizon, policies, **given)


def at(start: int, count: int) -> list[int]:
    """Arrivals of one instant."""
    return [start] * count


@each_engine
def test_out_from_1_to_4_and_in_again(engine: ModuleType) -> None:
    """Defaults: 35 requests a minute for 3 minutes, target 10.

    Points of minutes 0, 1, 2 are published at 3, 4, 5: at the third, ceil(35/10) = 4. Launch times 90, 120 and 60 s,
    the last is in service at 7. The points of minutes 3 to 17 are 0, the last of these 15 is published at 20, more than
    300 s after 7: ceil(0) within the minimum is 1. The highest numbers go.
    """
    arrivals = [minute * MINUTE + second * NS_PER_SECOND for minute in range(3) for second in range(35)]
    scaling = scaled(1, 8, 30 * MINUTE, TargetTracking(INVOCATIONS, 10.0))
    launches = [90 * NS_PER_SECOND, 120 * NS_PER_SECOND, 60 * NS_PER_SECOND]
    run = run_of(engine, standing(scaling=scaling), Demand.from_arrays(arrivals, 1_000), launches)
    check(
        run,
        [warm(arrival, arrival + 1_000, 0) for arrival in arrivals],
        [
            there(),
            (5 * MINUTE, 13 * MINUTE // 2, 20 * MINUTE),
            (5 * MINUTE, 7 * MINUTE, 20 * MINUTE),
            (5 * MINUTE, 6 * MINUTE, 20 * MINUTE),
        ],
        changes=[(5 * MINUTE, 4), (20 * MINUTE, 1)],
    )


@each_engine
def test_sampled_just_before_its_end(engine: ModuleType) -> None:
    """Three released at 10 still count at 10: capacity 3. Three that arrive at 10 count in the next period."""
    pool = standing(places=9, scaling=scaled(1, 5, 25, tracking(1.0, CONCURRENT, scales_in=False)))
    check(run_of(engine, pool, Demand.from_arrays(at(0, 3), 10)), None, [there(), *[there(10, 10)] * 2], (), [(10, 3)])
    pool = standing(places=9, scaling=scaled(1, 5, 25, tracking(1.0, scales_in=False)))
    check(run_of(engine, pool, Demand.from_arrays(at(10, 3), 1)), None, [there(), *[there(20, 20)] * 2], (), [(20, 3)])


@each_engine
@pytest.mark.parametrize(("horizon", "changes"), [(17, []), (18, [(17, 3)])])
def test_published_strictly_before_the_horizon(
    engine: ModuleType, horizon: int, changes: list[tuple[int, int]]
) -> None:
    """Sampled at 10, published 7 later: nothing if that is the horizon."""
    pool = standing(places=9, scaling=scaled(1, 5, horizon, tracking(1.0, delay_ns=7)))
    check(run_of(engine, pool, Demand.from_arrays(at(0, 3), 10)), changes=changes)


@each_engine
@pytest.mark.parametrize(
    ("grows", "changes"), [(False, [(10, 3), (40, 5)]), (True, [(10, 3), (20, 5)])], ids=["waits", "grows"]
)
def test_while_updating(engine: ModuleType, grows: bool, changes: list[tuple[int, int]]) -> None:
    """Target 2: 5 requests held at 10 ask for 3, launched until 35; 10 held from 12 on ask for 5.

    That is asked at 20 and 30 in vain, and done at 40; or done at 20.
    """
    policy = tracking(2.0, CONCURRENT)
    pool = standing(places=99, scaling=scaled(1, 9, 45, policy, grows_while_updating=grows))
    demand = Demand.from_arrays(at(0, 5) + at(12, 5), 1_000)
    check(run_of(engine, pool, demand, [25]), changes=changes)


@each_engine
@pytest.mark.parametrize(("cooldown", "scaled_in_at"), [(35, 50), (36, 60)])
def test_cooldown_of_scaling_in(engine: ModuleType, cooldown: int, scaled_in_at: int) -> None:
    """Out at 10, complete at 15. Two points below at 30; the cooldown of 35 is over at 50 exactly."""
    policy = tracking(1.0, points_in=2, scale_in_cooldown_ns=cooldown)
    pool = standing(places=9, scaling=scaled(1, 5, 65, policy))
    run = run_of(engine, pool, Demand.from_arrays(at(0, 3), 1), [5])
    check(run, changes=[(10, 3), (scaled_in_at, 1)])


@each_engine
def test_in_for_the_largest_of_its_points(engine: ModuleType) -> None:
    """Loads 4, 2 and 0 of four instances, target 2: all below 1.8, the largest asks for 2, not the last for 0."""
    policy = tracking(2.0, CONCURRENT, points_in=3)
    pool = standing(4, places=9, scaling=scaled(0, 5, 35, policy))
    run = run_of(engine, pool, Demand.from_arrays(at(0, 4), [15, 15, 25, 25]))
    check(run, None, [there(), there(), (0, 0, 30), (0, 0, 30)], changes=[(30, 2)])


@each_engine
def test_largest_wins_and_scaling_in_needs_all(engine: ModuleType) -> None:
    """Step scaling wants 1 at 10, but the x of target tracking, 2 of 2, is not below 1.8; at 20 it is, both want 1.

    With six requests from 10 on, target tracking asks for 3 of capacity 2: more than the 1 of the other.
    """
    step = stepping(9.0, False, (-math.inf, 0.0, 1), adjustment=Adjustment.EXACT)
    pool = standing(2, places=9, scaling=scaled(1, 5, 25, step, tracking(2.0)))
    run = run_of(engine, pool, Demand.from_arrays(at(0, 4), 1))
    check(run, changes=[(20, 1)])
    run = run_of(engine, pool, Demand.from_arrays(at(0, 4) + at(10, 6), 1))
    check(run, changes=[(20, 3)])


@each_engine
def test_steps_above_and_the_base_of_their_cooldown(engine: ModuleType) -> None:
    """Threshold 2, +1 from 2 on and +3 from 4 on; cooldown 25; launches take no time.

    10: x = 3, 1 → 2, cooldown until 35 with base 1. 20: x = 8/2, 1 + 3 = 4, cooldown until 45 with base 1.
    30: x = 12/4, 1 + 1 is not above 4. 40: x = 16/4, 1 + 3 is capacity. 50: x = 4, the cooldown is over, 4 + 3 = 7.
    """
    policy = stepping(2.0, True, (0.0, 2.0, 1), (2.0, math.inf, 3), cooldown_ns=25)
    pool = standing(places=99, scaling=scaled(1, 10, 55, policy))
    demand = Demand.from_arrays(at(5, 3) + at(15, 8) + at(25, 12) + at(35, 16) + at(45, 16), 1)
    check(run_of(engine, pool, demand), changes=[(10, 2), (20, 4), (50, 7)])


@each_engine
def test_a_cooldown_that_begins_inside_another_keeps_its_base(engine: ModuleType) -> None:
    """Growing while updating, +2 at every point. 10: 1 → 3, complete at 25. 20: no cooldown runs yet, 3 → 5, at 22.

    The cooldown begins at 22 with base 3, and again at 25 with the same. Actions bring capacity to 4 at 27: at 30 the
    base asks for 5. (A base of 1 would ask for 3, not above 4.)
    """
    policy = stepping(9.0, False, (-math.inf, 0.0, 2), cooldown_ns=20)
    actions = (ScheduledAction(27, maximum=4), ScheduledAction(28, maximum=9))
    pool = standing(scaling=scaled(1, 9, 35, policy, actions=actions, grows_while_updating=True))
    run = run_of(engine, pool, NOBODY, [15, 15, 2, 2])
    check(run, changes=[(10, 3), (20, 5), (27, 4), (30, 5)])


@each_engine
def test_steps_below_hold_their_upper_bound(engine: ModuleType) -> None:
    """Threshold 3. 10: x = 8/4, beyond by −1: the step (−3, −1], −2. 20: x = 5/2, by −1/2: −1."""
    policy = stepping(3.0, False, (-3.0, -1.0, -2), (-1.0, 0.0, -1))
    pool = standing(4, places=99, scaling=scaled(0, 10, 25, policy))
    check(run_of(engine, pool, Demand.from_arrays(at(0, 8) + at(15, 5), 1)), changes=[(10, 2), (20, 1)])


@each_engine
def test_per_cent_towards_zero_but_one_at_least(engine: ModuleType) -> None:
    """Half of 5 less is 3, of 3 is 2, of 2 is 1, of 1 is 0: a scale-in's cooldown of 15 blocks every second point."""
    policy = stepping(1.0, False, (-math.inf, 0.0, -50), adjustment=Adjustment.PERCENT, cooldown_ns=15)
    run = run_of(engine, standing(5, scaling=scaled(0, 9, 95, policy)), NOBODY)
    check(
        run,
        [],
        [(0, 0, 70), (0, 0, 50), (0, 0, 30), (0, 0, 10), (0, 0, 10)],
        changes=[(10, 3), (30, 2), (50, 1), (70, 0)],
    )


@each_engine
def test_per_cent_with_a_least_change(engine: ModuleType) -> None:
    """Half of 3 more is 1, but at least 2."""
    policy = stepping(0.0, True, (0.0, math.inf, 50), adjustment=Adjustment.PERCENT, least_change=2)
    check(run_of(engine, standing(3, scaling=scaled(0, 9, 15, policy)), NOBODY), changes=[(10, 5)])


@each_engine
def test_no_step_holds_the_value(engine: ModuleType) -> None:
    """x − threshold = 1 lies between the steps."""
    policy = stepping(2.0, True, (0.0, 1.0, 1), (1.5, math.inf, 3))
    check(run_of(engine, standing(places=9, scaling=scaled(1, 9, 15, policy)), Demand.from_arrays(at(0, 3), 1)))


@each_engine
@pytest.mark.parametrize(("horizon", "last"), [(33, [(32, 1)]), (32, [])])
def test_scheduled_actions(engine: ModuleType, horizon: int, last: list[tuple[int, int]]) -> None:
    """Launch time 10. 5: at least 3, ready at 15. 20: at most 2, instance 2 goes. 22: 4, ready at 32.

    25: at most 1, but two are starting: done at 32, if that is before the horizon.
    """
    actions = (
        ScheduledAction(5, minimum=3),
        ScheduledAction(20, minimum=1, maximum=2),
        ScheduledAction(22, minimum=4, maximum=4),
        ScheduledAction(25, minimum=0, maximum=1),
    )
    run = run_of(engine, standing(scaling=scaled(1, 5, horizon, actions=actions)), NOBODY, [10])
    gone = 32 if last else FOREVER
    check(
        run,
        [],
        [there(), (5, 15, gone), (5, 15, 20), (22, 32, gone), (22, 32, gone)],
        changes=[(5, 3), (20, 2), (22, 4), *last],
    )


@each_engine
def test_actions_of_one_instant_and_points_of_it(engine: ModuleType) -> None:
    """Of two actions at 5 the later counts. The one at 10 comes before the point: what is asked, 5, is brought to 2."""
    actions = (ScheduledAction(5, minimum=3), ScheduledAction(5, minimum=1), ScheduledAction(10, maximum=2))
    pool = standing(places=9, scaling=scaled(1, 5, 15, tracking(1.0), actions=actions))
    check(run_of(engine, pool, Demand.from_arrays(at(0, 5), 1)), changes=[(10, 2)])


@each_engine
def test_launched_by_an_action_is_starting_at_its_instant(engine: ModuleType) -> None:
    """An action at 10 launches without launch time; the point of 10 still finds it starting, that of 20 is followed."""
    pool = standing(places=9, scaling=scaled(1, 5, 25, tracking(1.0, CONCURRENT), actions=(ScheduledAction(10, 2),)))
    check(run_of(engine, pool, Demand.from_arrays(at(0, 4), 30)), changes=[(10, 2), (20, 4)])


@each_engine
def test_to_zero_and_woken_by_failures(engine: ModuleType) -> None:
    """Two points below at 20: nothing is left. The request at 25 fails, at 30 one is launched, ready at 42.

    The points of 30 and 40 are missing for the policy beside, that of 50 is 1: it does not undo it.
    """
    wake = stepping(
        1.0, True, (0.0, math.inf, 1), metric=Metric.NO_CAPACITY_FAILURES, adjustment=Adjustment.EXACT, cooldown_ns=99
    )
    pool = standing(scaling=scaled(0, 3, 55, tracking(1.0, points_in=2), wake))
    run = run_of(engine, pool, Demand.from_arrays([25, 41, 42], 1), [12])
    failed = throttled(Reason.NO_CAPACITY)
    check(run, [failed, failed, warm(42, 43, 1)], [(0, 0, 20), there(30, 42)], changes=[(20, 0), (30, 1)])


@each_engine
def test_woken_by_a_backlog(engine: ModuleType) -> None:
    """Two points of 1 at 20; at 27 the instance takes as many as it has workers, the third follows at 32."""
    wake = stepping(
        1.0, True, (0.0, math.inf, 1), metric=Metric.BACKLOG_WITHOUT_CAPACITY, adjustment=Adjustment.EXACT, points=2
    )
    pool = standing(0, places=2, waits_for_capacity=True, scaling=scaled(0, 2, 100, wake))
    run = run_of(engine, pool, Demand.from_arrays([3, 4, 5], 5), [7])
    check(run, [warm(27, 32, 0), warm(27, 32, 0), warm(32, 37, 0)], [there(20, 27)], changes=[(20, 1)])


@each_engine
def test_backlog_per_instance_counts_one_where_there_is_none(engine: ModuleType) -> None:
    """Three wait with nothing in service: x = 3/1, ceil(3/2) = 2. Waiting is over at 10, rank 20 after rank 40."""
    pool = standing(0, waits_for_capacity=True, scaling=scaled(0, 5, 15, tracking(2.0, Metric.BACKLOG_PER_INSTANCE)))
    run = run_of(engine, pool, Demand.from_arrays([1, 2, 3], 5))
    check(run, [warm(10, 15, 0), warm(10, 15, 1), warm(15, 20, 0)], [there(10, 10)] * 2, changes=[(10, 2)])


@each_engine
def test_stopped_as_it_starts_if_its_timeout_is_over(engine: ModuleType) -> None:
    """Its client goes at 8; the first worker there, at 20, takes it and is free of it at once."""
    pool = standing(
        0,
        waits_for_capacity=True,
        timeout_ns=5,
        timeout_from=TimeoutFrom.ARRIVAL,
        on_timeout=OnTimeout.STOP,
        on_give_up=OnGiveUp.SERVE_ON,
        scaling=scaled(0, 1, 99, actions=(ScheduledAction(20, minimum=1),)),
    )
    run = run_of(engine, pool, Demand.from_arrays([3], 9))
    check(run, [late(20, 8, 20, 0)], [there(20, 20)], changes=[(20, 1)])


#: At 10 the second of two instances drains.
DRAINING = {"scaling": scaled(1, 2, 99, actions=(ScheduledAction(10, maximum=1),))}


@each_engine
def test_draining_serves_its_own_queue(engine: ModuleType) -> None:
    """Instance 1 takes nobody from 10 on, serves until 20 and then the one in its queue: gone at 40."""
    pool = standing(2, routing=Routing.RANDOM, **DRAINING)
    run = run_of(engine, pool, Demand.from_arrays([0, 5, 12], 20, routing=0.9))
    check(run, [warm(0, 20, 1), warm(20, 40, 1), warm(12, 32, 0)], [there(), (0, 0, 40)], changes=[(10, 1)])


@each_engine
def test_draining_takes_nobody_from_a_central_queue(engine: ModuleType) -> None:
    """Instance 1 is free and gone at 20; those that wait are served by instance 0, from 40 on.

    Two wait at 10; at 11 no more than one may.
    """
    pool = standing(2, queue_limit=1, **DRAINING)
    run = run_of(engine, pool, Demand.from_arrays([0, 0, 5, 6, 11], [40, 20, 4, 4, 4]))
    served = [warm(0, 40, 0), warm(0, 20, 1), warm(40, 44, 0), warm(44, 48, 0)]
    check(run, [*served, throttled(Reason.QUEUE_FULL)], [there(), (0, 0, 20)], changes=[(10, 1)])


@each_engine
def test_draining_is_over_when_the_last_one_leaves_the_queue(engine: ModuleType) -> None:
    """It waits for a batch with free workers until its patience is over at 20; the instance holds nobody then."""
    pool = standing(2, routing=Routing.RANDOM, batching=Batching(3, 50, 0.0), patience=Patience.WAITING, **DRAINING)
    run = run_of(engine, pool, Demand.from_arrays([0], 1, routing=0.9, patience_ns=20))
    check(run, [left(20)], [there(), (0, 0, 20)], changes=[(10, 1)])


@each_engine
def test_held_by_draining_instances_is_not_counted(engine: ModuleType) -> None:
    """At 20 instance 1 still serves two, instance 0 none: x = 0, below the target, and 0 is asked for."""
    policy = tracking(1.0, CONCURRENT, period_ns=20)
    scaling = scaled(0, 2, 35, policy, actions=(ScheduledAction(10, maximum=1),))
    pool = standing(2, places=2, routing=Routing.RANDOM, scaling=scaling)
    run = run_of(engine, pool, Demand.from_arrays([0, 0], 30, routing=0.9))
    check(run, [warm(0, 30, 1)] * 2, [(0, 0, 20), (0, 0, 30)], changes=[(10, 1), (20, 0)])


@each_engine
def test_points_are_taken_after_the_last_arrival(engine: ModuleType) -> None:
    """All requests are over at 4; capacity is brought down at 10 all the same."""
    pool = standing(2, scaling=scaled(1, 2, 15, tracking(1.0)))
    run = run_of(engine, pool, Demand.from_arrays([3], 1))
    assert [Outcome.COMPLETED] == [row[0] for row in rows(run.requests)]
    check(run, None, [there(), (0, 0, 10)], changes=[(10, 1)])
