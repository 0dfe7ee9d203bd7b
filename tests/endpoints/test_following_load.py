"""What holds of every kind that follows its load: the rest of its pool, its schedules, its updates, its assumptions."""

from __future__ import annotations

import pytest

import simulator
from simulator.endpoints import RunLength
from simulator.engines.scaling import Metric, Missing, ScheduledAction, TargetTracking
from simulator.errors import ScenarioError
from tests.endpoints.scaled import (
    DAY,
    HOUR,
    PROVISIONED,
    S,
    each_kind,
    fields_of,
    policy_of,
    scaled,
    scaling_of,
    scenario_of,
)


def tracking(kind: str) -> dict[str, object]:
    """Target tracking of a metric that the kind has."""
    given = {"kind": "target_tracking", "target": 0.7}
    return given if kind in PROVISIONED else {**given, "metric": "backlog_per_instance"}


@each_kind
def test_the_pool_is_otherwise_that_of_a_fixed_number(kind: str) -> None:
    """Only `scaling` differs; without knowing the run there is no pool."""
    endpoint = scaled(kind, {})
    fixed = endpoint.model_copy(update={"autoscaling": None})
    pool = endpoint.pool(RunLength(HOUR))
    assert fixed.pool() == type(pool)(**{**pool.__dict__, "scaling": None})
    with pytest.raises(ValueError, match="one scales: its pool depends on the run"):
        endpoint.pool()


@each_kind
def test_target_tracking_has_the_delays_that_were_seen(kind: str) -> None:
    """3 points of a minute known after 2 minutes; 15 below; 300 s without taking away; no load is no point."""
    metric = Metric.PROVISIONED_UTILIZATION_AVERAGE if kind in PROVISIONED else Metric.BACKLOG_PER_INSTANCE
    assert TargetTracking(
        metric=metric,
        target=0.7,
        period_ns=60 * S,
        delay_ns=120 * S,
        points_out=3,
        points_in=15,
        scale_in_cooldown_ns=300 * S,
        scales_in=True,
        missing=Missing.HOLD,
    ) == policy_of(scaled(kind, {"policies": [tracking(kind)]}))


@each_kind
def test_schedules_follow_the_clock(kind: str) -> None:
    """A run from Friday 12:00: the action of weekdays is not taken on the weekend; one at the end is too late."""
    actions = [
        {"at": "08:00", "days": "weekdays", "min_capacity": 3},
        {"at": "18:30", "days": "friday", "min_capacity": 0, "max_capacity": 2},
        {"at": "12:00", "max_capacity": 9},
    ]
    friday_noon = 4 * 86_400.0 + 43_200.0
    assert (
        ScheduledAction(0, None, 9),  # Friday 12:00, at time 0
        ScheduledAction(6 * HOUR + HOUR // 2, 0, 2),
        ScheduledAction(DAY, None, 9),
        ScheduledAction(2 * DAY, None, 9),
        ScheduledAction(2 * DAY + 20 * HOUR, 3, None),  # Monday 08:00
        ScheduledAction(3 * DAY, None, 9),
        ScheduledAction(3 * DAY + 20 * HOUR, 3, None),  # Tuesday 08:00; Tuesday 12:00 is the horizon
    ) == scaling_of(scaled(kind, {"scheduled_actions": actions}), 4 * DAY, friday_noon).actions


@each_kind
def test_a_schedule_that_leaves_no_capacity_is_told_where_it_happens(kind: str) -> None:
    """Bounds that each are right can cross once actions have been taken in order."""
    actions = [
        {"at": "08:00", "max_capacity": 9},
        {"at": "09:00", "min_capacity": 5},
        {"at": "20:00", "max_capacity": 4},
    ]
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(scenario_of(fields_of(kind, {"scheduled_actions": actions}), horizon="2d"))
    (problem,) = caught.value.problems
    assert "endpoints[0].autoscaling.scheduled_actions[2]" == problem.path
    assert "makes min_capacity 5 and max_capacity 4, which must not be less" == problem.message


@each_kind
def test_capacity_waits_for_an_update_unless_it_is_told_otherwise(kind: str) -> None:
    """The engines are told, and waiting is assumed only where it is the rule."""
    waits, grows = scaled(kind, {}), scaled(kind, {"while_updating": "scale_out"})
    assert (False, True) == tuple(scaling_of(one).grows_while_updating for one in (waits, grows))
    assert (True, False) == tuple("while_updating wait" in "\n".join(one.assumptions()) for one in (waits, grows))


@each_kind
def test_delays_are_assumed_where_a_policy_has_them(kind: str) -> None:
    """Of publication with any policy, of alarms with target tracking alone."""
    steps = {"kind": "step_scaling", "threshold": 1, "steps": [{"change": 1}]}
    steps |= {} if kind in PROVISIONED else {"metric": "backlog_per_instance"}

    def assumed(*policies: dict[str, object]) -> tuple[bool, bool]:
        words = "\n".join(scaled(kind, {"policies": policies}).assumptions())
        return "publication_delay: points of a minute" in words, "datapoints_out 3, datapoints_in those of 15" in words

    assert (False, False) == assumed()
    assert (True, False) == assumed(steps)
    assert (True, True) == assumed(steps, tracking(kind))
