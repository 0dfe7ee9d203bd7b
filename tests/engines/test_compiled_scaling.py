"""Scaling in the compiled engine, worked out on paper: points, policies, cooldowns, schedules, draining, zero."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simulator.engines.pool import Pool, Routing
from simulator.engines.scaling import Adjustment, Metric, Scaling, ScheduledAction, Step, StepScaling, TargetTracking
from simulator.engines.tables import NONE, Demand, Outcome, Reason, Run
from simulator.units import FOREVER
from tests.engines.test_compiled_standing import run

NOBODY = Demand.from_arrays([], 1)
THROTTLED = int(Outcome.THROTTLED)


def scaled(
    *policies: TargetTracking | StepScaling, standing: int = 1, horizon: int = 1_000, most: int = 9, **fields: Any
) -> Pool:
    """A pool with room for all, so that only scaling decides."""
    keys = ("minimum", "actions", "grows_while_updating")
    scaling = {key: fields.pop(key) for key in keys if key in fields}
    return Pool(
        **{
            "standing": standing,
            "launches": False,
            "routing": Routing.RANDOM,
            "places": 200,
            "scaling": Scaling(
                **{"minimum": 0, "maximum": most, "horizon_ns": horizon, "policies": policies, **scaling}
            ),
            **fields,
        }
    )


def tracking(
    metric: Metric = Metric.CONCURRENT_REQUESTS_PER_INSTANCE, target: float = 2.0, **fields: Any
) -> TargetTracking:
    """Points each 10, published 2 later, one point for more and none for less unless said."""
    given = {"period_ns": 10, "delay_ns": 2, "points_out": 1, "points_in": 1, "scale_in_cooldown_ns": 0}
    return TargetTracking(metric, target, **{**given, **fields})


def stepping(metric: Metric, threshold: float, *steps: tuple[float, float, int], **fields: Any) -> StepScaling:
    """Points each 10, published at once, steps of so many instances above a threshold unless said."""
    given = {"above": True, "adjustment": Adjustment.CHANGE, "period_ns": 10, "delay_ns": 0, "cooldown_ns": 0}
    return StepScaling(metric, threshold, steps=tuple(Step(*step) for step in steps), **{**given, **fields})


def changes(found: Run) -> list[tuple[int, int]]:
    """Instants and capacities."""
    return list(zip(found.changes.at_ns.tolist(), found.changes.capacity.tolist(), strict=True))


def held(*counts: int, service: int = 10_000) -> Demand:
    """In each period of 10 so many requests more, that stay."""
    arrivals = [10 * period + 1 for period, count in enumerate(counts) for _ in range(count)]
    return Demand.from_arrays(arrivals, service)


def test_three_points_above_the_target_make_four_of_one() -> None:
    """Eight invocations a period, target 2: the third point, out at 32, asks for 8/2; three launches."""
    demand = Demand.from_arrays([10 * period + 1 for period in range(3) for _ in range(8)], 1)
    policy = tracking(Metric.INVOCATIONS_PER_INSTANCE, points_out=3, points_in=15)
    found = run(scaled(policy, horizon=100), demand, launches=(5, 7, 6))
    assert [(32, 4)] == changes(found)
    assert [0, 32, 32, 32] == found.instances.launch_ns.tolist()
    assert [0, 37, 39, 38] == found.instances.ready_ns.tolist()
    assert [FOREVER] * 4 == found.instances.gone_ns.tolist()


def test_invocations_are_counted_by_the_instances_that_were_there() -> None:
    """One at 1 with one instance, two at 16 with two: 1 and then 1/2 + 1/2; the target of 1 is not exceeded."""
    action = ScheduledAction(12, minimum=2)
    policy = tracking(Metric.INVOCATIONS_PER_INSTANCE, target=1.0, points_in=9)
    assert [(12, 2)] == changes(
        run(scaled(policy, actions=(action,), horizon=40), Demand.from_arrays([1, 16, 16], 1), (3,))
    )
    # Had they come at 14, before the second was ready, the point would be 2, and ask for two, which are there.
    more = tracking(Metric.INVOCATIONS_PER_INSTANCE, target=0.99, points_in=9)
    assert [(12, 2), (22, 3)] == changes(
        run(scaled(more, actions=(action,), horizon=30), Demand.from_arrays([1, 16, 16], 1), (3,))
    )


def test_a_point_is_sampled_before_any_event_of_its_end() -> None:
    """Released at 10, arriving at 10: one request of the three is held just before."""
    demand = Demand.from_arrays([5, 10, 10], [5, 1, 1])
    assert [] == changes(run(scaled(tracking(target=1.0, points_in=9), horizon=20), demand))
    assert [(12, 2)] == changes(run(scaled(tracking(target=0.5, points_in=9), horizon=20), demand))


@pytest.mark.parametrize(("horizon", "expected"), [(12, []), (13, [(12, 4)])])
def test_points_are_published_before_the_horizon(horizon: int, expected: list[tuple[int, int]]) -> None:
    """A point that is out at 12."""
    assert expected == changes(run(scaled(tracking(), horizon=horizon), held(8)))


def test_while_an_instance_starts_capacity_waits_or_grows() -> None:
    """More is held each period: 4, 8, 12. Launched at 12, ready at 42; points go on, the one at 42 is acted on."""
    demand = held(4, 4, 4)
    assert [(12, 2), (42, 6)] == changes(run(scaled(tracking(), horizon=50), demand, (30,)))
    growing = scaled(tracking(), horizon=50, grows_while_updating=True)
    assert [(12, 2), (22, 4), (32, 6)] == changes(run(growing, demand, (30,)))


def test_fifteen_points_below_scale_in_to_the_minimum() -> None:
    """Nobody comes: the fifteenth point is out at 152; the highest numbers go, at once, as they hold none."""
    found = run(scaled(tracking(points_in=15, scale_in_cooldown_ns=300), standing=4, minimum=1), NOBODY)
    assert [(152, 1)] == changes(found)
    assert [FOREVER, 152, 152, 152] == found.instances.gone_ns.tolist()


def test_scale_in_goes_by_the_largest_load_and_drains() -> None:
    """5 held at 10, then 1: of four instances ⌈5/4⌉ = 2 stay. Number 3 serves until 25, and takes nobody at 23."""
    demand = Demand.from_arrays([5, 5, 5, 5, 5, 23], [10, 10, 10, 10, 20, 1], routing=[0.0, 0.0, 0.0, 0.0, 0.99, 0.99])
    found = run(scaled(tracking(target=4.0, points_in=2), standing=4, minimum=1, horizon=30), demand)
    assert [(22, 2)] == changes(found)
    assert [0, 0, 0, 0, 3, 1] == found.requests.instance.tolist()
    assert [FOREVER, FOREVER, 22, 25] == found.instances.gone_ns.tolist()


def test_a_draining_instance_serves_its_own_queue() -> None:
    """One worker each: two wait for instance 1 as it drains at 12; it serves both, and is gone at the last release."""
    demand = Demand.from_arrays([1, 1, 1], 10, routing=0.99)
    found = run(scaled(standing=2, places=1, actions=(ScheduledAction(12, maximum=1),)), demand)
    assert [1, 11, 21] == found.requests.start_ns.tolist()
    assert [FOREVER, 31] == found.instances.gone_ns.tolist()


def test_a_draining_instance_takes_nobody_from_a_central_queue() -> None:
    """Both are busy until 11 and 21; three wait; number 1 drains at 12, so number 0 serves all three."""
    demand = Demand.from_arrays([1, 1, 2, 2, 2], [10, 20, 10, 10, 10])
    pool = scaled(standing=2, places=1, routing=Routing.CENTRAL_QUEUE, actions=(ScheduledAction(12, maximum=1),))
    found = run(pool, demand)
    assert [0, 1, 0, 0, 0] == found.requests.instance.tolist()
    assert [1, 1, 11, 21, 31] == found.requests.start_ns.tolist()
    assert [FOREVER, 21] == found.instances.gone_ns.tolist()


@pytest.mark.parametrize(("cooldown", "at"), [(27, 42), (28, 52)])
def test_scale_in_waits_since_the_last_change_was_complete(cooldown: int, at: int) -> None:
    """A schedule launches at 5, ready at 15; at 42 that is 27 ago."""
    policy = tracking(scale_in_cooldown_ns=cooldown)
    pool = scaled(
        policy,
        standing=3,
        minimum=1,
        horizon=60,
        actions=(ScheduledAction(5, minimum=4), ScheduledAction(6, minimum=1)),
    )
    assert [(5, 4), (at, 1)] == changes(run(pool, NOBODY, (10,)))


@pytest.mark.parametrize(
    ("fields", "steps", "capacity"),
    [
        ({"above": True}, [(0.0, 1.0, 1), (1.0, math.inf, 2)], 6),
        ({"above": True}, [(0.0, 1.5, -1)], 3),
        ({"above": True}, [(1.5, 3.0, 1)], 4),
        ({"above": True, "adjustment": Adjustment.EXACT}, [(0.0, math.inf, 7)], 7),
        ({"above": True, "adjustment": Adjustment.PERCENT}, [(0.0, math.inf, 50)], 6),
        ({"above": True, "adjustment": Adjustment.PERCENT}, [(0.0, math.inf, 10)], 5),
        ({"above": True, "adjustment": Adjustment.PERCENT}, [(0.0, math.inf, -30)], 3),
        ({"above": True, "adjustment": Adjustment.PERCENT, "least_change": 2}, [(0.0, math.inf, -30)], 2),
        ({"above": True}, [(0.0, math.inf, 99)], 9),
        ({"above": False, "threshold": 3.0}, [(-math.inf, -1.0, -2), (-1.0, 0.0, -1)], 2),
        ({"above": False, "threshold": 2.0}, [(-1.0, 0.0, -1)], 3),
        ({"above": False, "threshold": 1.0}, [(-math.inf, math.inf, -1)], 4),
    ],
)
def test_a_step_holds_the_last_point(
    fields: dict[str, Any], steps: list[tuple[float, float, int]], capacity: int
) -> None:
    """Eight held by four instances are 2 each; the threshold is 1 unless said."""
    given = {"threshold": 1.0, **fields}
    policy = stepping(Metric.BACKLOG_PER_INSTANCE, given.pop("threshold"), *steps, **given)
    found = changes(run(scaled(policy, standing=4, horizon=11), held(8)))
    assert ([] if capacity == 4 else [(10, capacity)]) == found


def test_a_step_policy_reckons_from_the_base_of_its_cooldown() -> None:
    """One more at 10, ready at 15: until 40 it is reckoned from 1, at 40 from 2."""
    policy = stepping(Metric.BACKLOG_PER_INSTANCE, 1.0, (0.0, math.inf, 1), cooldown_ns=25)
    assert [(10, 2), (40, 3)] == changes(run(scaled(policy, horizon=50), held(80), (5,)))


def test_a_further_change_in_a_cooldown_keeps_its_base() -> None:
    """From 1: one more at 10; at 20 it has to be three more than 1; ready at 25, so until 50 base 1; then 4 + 3."""
    policy = stepping(Metric.BACKLOG_PER_INSTANCE, 1.0, (0.0, 20.0, 1), (20.0, math.inf, 3), cooldown_ns=25)
    assert [(10, 2), (20, 4), (50, 7)] == changes(run(scaled(policy, horizon=60), held(8, 100), (5,)))


def test_nothing_is_asked_in_a_cooldown_after_scale_in() -> None:
    """Down at 10, at once; what comes then would ask for more at 20 and 30, and does at 40."""
    steps = ((-math.inf, 0.5, -1), (0.5, math.inf, 2))
    policy = stepping(Metric.BACKLOG_PER_INSTANCE, 0.0, *steps, cooldown_ns=30)
    assert [(10, 2), (40, 4)] == changes(run(scaled(policy, standing=3, horizon=50), held(0, 9)))


def test_requests_that_find_nothing_wake_the_pool() -> None:
    """Turned away at 3; the point of that is out at 12, one is launched, ready at 17: 16 is too early, 17 is not."""
    policy = stepping(Metric.NO_CAPACITY_FAILURES, 1.0, (0.0, math.inf, 1), adjustment=Adjustment.EXACT, delay_ns=2)
    found = run(scaled(policy, standing=0, horizon=20), Demand.from_arrays([3, 16, 17], 1), (5,))
    assert [(12, 1)] == changes(found)
    assert [THROTTLED, THROTTLED, 0] == found.requests.outcome.tolist()
    assert [int(Reason.NO_CAPACITY)] * 2 == found.requests.reason.tolist()[:2]
    assert 17 == found.requests.start_ns[2]


def test_a_backlog_without_capacity_wakes_the_pool() -> None:
    """Three wait from 3 on; the second point is out at 22, ready at 27: two workers take two, the third follows."""
    policy = stepping(
        Metric.BACKLOG_WITHOUT_CAPACITY, 1.0, (0.0, math.inf, 1), adjustment=Adjustment.EXACT, delay_ns=2, points=2
    )
    pool = scaled(policy, standing=0, places=2, routing=Routing.CENTRAL_QUEUE, waits_for_capacity=True, horizon=30)
    found = run(pool, Demand.from_arrays([3, 4, 5], 4), (5,))
    assert [(22, 1)] == changes(found)
    assert [27, 27, 31] == found.requests.start_ns.tolist()


def test_a_pool_scales_to_zero_and_back() -> None:
    """Low at 10 and 20, so none from 22 on; turned away at 31, woken at 42, and again none at 62."""
    down = tracking(Metric.INVOCATIONS_PER_INSTANCE, points_in=2)
    up = stepping(Metric.NO_CAPACITY_FAILURES, 1.0, (0.0, math.inf, 1), adjustment=Adjustment.EXACT, delay_ns=2)
    found = run(scaled(down, up, horizon=80), Demand.from_arrays([31], 1), (3,))
    # The points at 30 and 40 are missing, as none is there; those at 50 and 60 are the next two.
    assert [(22, 0), (42, 1), (62, 0)] == changes(found)
    assert [22, 62] == found.instances.gone_ns.tolist()


def test_a_schedule_waits_until_nothing_is_starting() -> None:
    """Three wanted at 10, one at 12: it is done at 19, when the last is ready; launch times go by number."""
    actions = (ScheduledAction(10, minimum=3), ScheduledAction(12, minimum=1, maximum=1), ScheduledAction(30, 2, 2))
    found = run(scaled(actions=actions, minimum=1), NOBODY, (5, 9, 4))
    assert [(10, 3), (19, 1), (30, 2)] == changes(found)
    assert [0, 15, 19, 34] == found.instances.ready_ns.tolist()
    assert [FOREVER, 19, 19, FOREVER] == found.instances.gone_ns.tolist()
    assert [(10, 3)] == changes(run(scaled(actions=actions, minimum=1, horizon=19), NOBODY, (5, 9, 4)))


def test_of_actions_at_one_instant_the_last_counts() -> None:
    """Five, and in the same instant one: nothing changes."""
    actions = (ScheduledAction(10, minimum=5), ScheduledAction(10, minimum=1))
    assert [] == changes(run(scaled(actions=actions, minimum=1), NOBODY))


def test_the_largest_of_several_wins() -> None:
    """Eight held: one policy asks for four, the other for two."""
    policies = (tracking(target=2.0), tracking(target=4.0))
    assert [(12, 4)] == changes(run(scaled(*policies, horizon=15), held(8)))
    assert [(12, 4)] == changes(run(scaled(*policies[::-1], horizon=15), held(8)))


def test_less_needs_every_policy_that_may_scale_in() -> None:
    """The second needs three low points, out at 32; one never evaluated has none; one that never asks has no say."""
    quick, slow = tracking(), tracking(points_in=3)
    assert [(32, 0)] == changes(run(scaled(quick, slow, horizon=40), NOBODY))
    assert [] == changes(run(scaled(quick, tracking(delay_ns=90), horizon=40), NOBODY))
    assert [(12, 0)] == changes(run(scaled(quick, tracking(delay_ns=90, scales_in=False), horizon=40), NOBODY))


def test_a_central_queue_holds_as_many_as_its_instances_in_service_allow() -> None:
    """Room for one each: two wait before two instances; after one has gone, at 12, a third is turned away at 13."""
    pool = scaled(
        standing=2, places=1, queue_limit=1, routing=Routing.CENTRAL_QUEUE, actions=(ScheduledAction(12, maximum=1),)
    )
    found = run(pool, Demand.from_arrays([0, 0, 1, 1, 1, 13], 20))
    assert [0, 0, 0, 0, THROTTLED, THROTTLED] == found.requests.outcome.tolist()
    assert [0, 0, 20, 40, NONE, NONE] == found.requests.start_ns.tolist()
