"""Autoscaling: defaults, translation of policies and schedules, and what goes wrong in each field."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

import simulator
from simulator.endpoints import RealTime
from simulator.engines.scaling import (
    Adjustment,
    Metric,
    Scaling,
    ScheduledAction,
    Step,
    StepScaling,
    TargetTracking,
)
from tests.endpoints import scaled as kinds
from tests.endpoints.scaled import DAY, ENDPOINTS, HOUR, S

TRACKING = {"kind": "target_tracking", "metric": "invocations_per_instance", "target": 600}
STEPS = {"kind": "step_scaling", "metric": "backlog_per_instance", "threshold": 10, "steps": [{"change": 1}]}


def scaled(**block: Any) -> RealTime:
    """A real-time endpoint with this autoscaling block."""
    endpoint: RealTime = kinds.scaled("real_time", block)
    return endpoint


def scaling(horizon_ns: int = HOUR, **block: Any) -> Scaling:
    """What the engines are given."""
    return kinds.scaling_of(scaled(**block), horizon_ns)


def policy(**fields: Any) -> TargetTracking | StepScaling:
    """The one policy that the engines are given."""
    return kinds.policy_of(scaled(policies=[fields]))


def test_bounds_alone() -> None:
    """One instance at least, nothing else asked; the horizon is the run's."""
    assert Scaling(minimum=1, maximum=4, horizon_ns=HOUR) == scaling()


def test_high_resolution_is_fast_out_and_as_slow_in() -> None:
    """Points of 10 s known after 10 s; 3 of them out, 90 in, which cover 15 minutes too."""
    found = policy(**TRACKING | {"metric": "concurrent_requests_per_instance", "target": 2.5})
    assert isinstance(found, TargetTracking)
    assert (Metric.CONCURRENT_REQUESTS_PER_INSTANCE, 2.5) == (found.metric, found.target)
    assert (10 * S, 10 * S, 3, 90) == (found.period_ns, found.delay_ns, found.points_out, found.points_in)


def test_what_follows_from_the_period_may_be_given() -> None:
    """A period of 30 s has 30 points in 15 minutes; each can be said otherwise."""
    half = policy(**TRACKING | {"period": "30s"})
    assert isinstance(half, TargetTracking)
    assert (30 * S, 10 * S, 30) == (half.period_ns, half.delay_ns, half.points_in)
    given = TRACKING | {
        "period": "30s",
        "publication_delay": "1m",
        "datapoints_out": 1,
        "datapoints_in": 4,
        "scale_in_cooldown": "0s",
        "disable_scale_in": True,
    }
    assert (TargetTracking(Metric.INVOCATIONS_PER_INSTANCE, 600.0, 30 * S, 60 * S, 1, 4, 0, scales_in=False)) == policy(
        **given
    )


def test_step_scaling() -> None:
    """Bounds that are not given are infinite; names of AWS's adjustments."""
    steps = [{"lower_bound": 0, "upper_bound": 5, "change": 50}, {"lower_bound": 5, "change": 100}]
    found = policy(
        **STEPS
        | {
            "steps": steps,
            "adjustment": "percent_change_in_capacity",
            "min_magnitude": 2,
            "datapoints": 3,
            "cooldown": "1m",
        }
    )
    assert (
        StepScaling(
            metric=Metric.BACKLOG_PER_INSTANCE,
            threshold=10.0,
            above=True,
            steps=(Step(0.0, 5.0, 50), Step(5.0, math.inf, 100)),
            adjustment=Adjustment.PERCENT,
            least_change=2,
            points=3,
            period_ns=60 * S,
            delay_ns=120 * S,
            cooldown_ns=60 * S,
        )
        == found
    )
    below = policy(**STEPS | {"direction": "below", "steps": [{"upper_bound": 0, "change": -1}]})
    assert isinstance(below, StepScaling)
    assert (False, (Step(-math.inf, 0.0, -1),)) == (below.above, below.steps)
    exact = policy(**STEPS | {"adjustment": "exact_capacity"})
    assert isinstance(exact, StepScaling)
    assert Adjustment.EXACT is exact.adjustment


def test_waking_is_the_step_policy_of_the_guide() -> None:
    """Failures: 1 of 1 point at 1 or above, exactly one instance, cooldown 60 s."""
    assert StepScaling(
        metric=Metric.NO_CAPACITY_FAILURES,
        threshold=1.0,
        above=True,
        steps=(Step(0.0, math.inf, 1),),
        adjustment=Adjustment.EXACT,
        points=1,
        period_ns=60 * S,
        delay_ns=120 * S,
        cooldown_ns=60 * S,
    ) == policy(kind="wake", metric="no_capacity_failures")


def test_policies_keep_their_order_and_updating_can_grow() -> None:
    """In the order of the scenario."""
    found = scaling(policies=[TRACKING, STEPS], while_updating="scale_out")
    assert [TargetTracking, StepScaling] == [type(one) for one in found.policies]
    assert found.grows_while_updating


def test_actions_of_one_instant_keep_the_order_of_the_scenario() -> None:
    """The later one overrules the earlier."""
    found = scaling(
        horizon_ns=DAY,
        scheduled_actions=[{"at": "9:05", "min_capacity": 3}, {"at": "09:05", "min_capacity": 2}],
    )
    at_ns = 9 * HOUR + 300 * S
    assert (ScheduledAction(at_ns, 3), ScheduledAction(at_ns, 2)) == found.actions


@pytest.mark.parametrize(
    ("block", "place", "message"),
    [
        ({"min_capacity": -1}, ("min_capacity",), "Input should be greater than or equal to 0"),
        ({"max_capacity": 0}, ("max_capacity",), "Input should be greater than or equal to 1"),
        (
            {"min_capacity": 5},
            ("max_capacity",),
            "4 is not allowed, must be at least min_capacity, which is 5",
        ),
        (
            {"min_capacity": 2},
            (),
            "min_capacity 2 to max_capacity 4 do not hold initial_instance_count, which is 1",
        ),
        ({"policies": [TRACKING | {"target": 0}]}, ("policies", 0, "target_tracking", "target"), "greater than 0"),
        (
            {"policies": [TRACKING | {"metric": "no_capacity_failures"}]},
            ("policies", 0, "target_tracking", "metric"),
            "Input should be 'invocations_per_instance', 'concurrent_requests_per_instance' or 'backlog_per_instance'",
        ),
        (
            {"policies": [TRACKING | {"period": "0s"}]},
            ("policies", 0, "target_tracking", "period"),
            '"0s" is not allowed, must be more than 0',
        ),
        (
            {"policies": [TRACKING | {"publication_delay": 5}]},
            ("policies", 0, "target_tracking", "publication_delay"),
            "5 has no unit",
        ),
        (
            {"policies": [TRACKING | {"datapoints_out": 0}]},
            ("policies", 0, "target_tracking", "datapoints_out"),
            "greater than or equal to 1",
        ),
        (
            {"policies": [STEPS | {"steps": []}]},
            ("policies", 0, "step_scaling", "steps"),
            "has 0 entries, must have at least 1",
        ),
        (
            {"policies": [STEPS | {"steps": [{"lower_bound": 2, "upper_bound": 2, "change": 1}]}]},
            ("policies", 0, "step_scaling", "steps", 0, "upper_bound"),
            "2 is not allowed, must be more than lower_bound, which is 2",
        ),
        (
            {"policies": [STEPS | {"steps": [{"lower_bound": 0, "change": 1}, {"lower_bound": 5, "change": 2}]}]},
            ("policies", 0, "step_scaling", "steps"),
            "steps overlap: one ends at inf, another begins at 5",
        ),
        (
            {"policies": [STEPS | {"adjustment": "exact_capacity", "steps": [{"change": -1}]}]},
            ("policies", 0, "step_scaling", "steps"),
            "a change below 0 is not allowed with adjustment exact_capacity",
        ),
        (
            {"policies": [{"kind": "wake"}]},
            (),
            "policies[0] watches backlog_without_capacity, which a real-time endpoint does not have; it has "
            "invocations_per_instance, concurrent_requests_per_instance, backlog_per_instance, no_capacity_failures",
        ),
        (
            {"scheduled_actions": [{"at": "25:00", "min_capacity": 1}]},
            ("scheduled_actions", 0, "at"),
            '\'25:00\' is not a time of day; write it in quotes, "00:00" to "23:59"',
        ),
        (
            {"scheduled_actions": [{"at": "08:00"}]},
            ("scheduled_actions", 0),
            "gives neither min_capacity nor max_capacity; give one of them, or both",
        ),
        (
            {"scheduled_actions": [{"at": "08:00", "days": "workdays", "min_capacity": 1}]},
            ("scheduled_actions", 0, "days"),
            "Input should be 'daily', 'weekdays'",
        ),
        ({"launch_time": "soon"}, ("launch_time", "constant", "value"), "'soon' is not a duration"),
        ({"while_updating": "grow"}, ("while_updating",), "Input should be 'wait' or 'scale_out'"),
        ({"cooldown": "300s"}, ("cooldown",), "Extra inputs are not permitted"),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(
    block: dict[str, Any], place: tuple[str | int, ...], message: str
) -> None:
    """The value and what is allowed, and no error that follows from the first."""
    with pytest.raises(ValidationError) as caught:
        scaled(**block)
    (error,) = caught.value.errors()
    assert ("real_time", "autoscaling", *place) == error["loc"]
    assert message in error["msg"]


def assumed(**block: Any) -> list[str]:
    """What is assumed of an endpoint with this block and not of one without it."""
    endpoint = scaled(**block)
    fixed = endpoint.model_copy(update={"autoscaling": None})
    return [line.split(" ")[0] for line in endpoint.assumptions() if line not in fixed.assumptions()]


def test_what_nobody_publishes_is_assumed_until_it_is_given() -> None:
    """Launch time and waiting while an endpoint updates; the delays where there are policies."""
    assert {"launch_time", "while_updating"} <= set(assumed())
    assert "launch_time" not in assumed(launch_time="4m")
    assert "while_updating" not in assumed(while_updating="scale_out")
    assert "publication_delay:" in assumed(policies=[TRACKING])
    fast = TRACKING | {"metric": "concurrent_requests_per_instance"}
    assert 1 == assumed(policies=[TRACKING]).count("datapoints_out")
    assert 2 == assumed(policies=[fast]).count("datapoints_out")


def test_the_default_launch_takes_five_minutes_in_the_median_and_nine_for_one_in_twenty() -> None:
    """Lognormal: ln(9/5) is 1.645 standard deviations."""
    block = scaled().autoscaling
    assert block is not None
    launch: Any = block.launch_time
    assert 300.0 == launch.p50
    assert 540.0 == pytest.approx(math.exp(launch.mu + 1.6449 * launch.sigma), abs=0.5)


def test_what_is_written_out_reads_back() -> None:
    """With every default filled in, the endpoint is the same and assumes the same."""
    block = {
        "policies": [TRACKING, STEPS, {"kind": "wake", "metric": "no_capacity_failures"}],
        "scheduled_actions": [{"at": "08:00", "days": "weekdays", "min_capacity": 2}],
    }
    endpoint = scaled(**block)
    again = ENDPOINTS.validate_python(ENDPOINTS.dump_python(endpoint, mode="json", exclude_none=True))
    assert endpoint == again
    assert endpoint.assumptions() == again.assumptions()


def scenario(**block: Any) -> dict[str, Any]:
    """A scenario of two days with one endpoint that scales; it begins on Monday at midnight."""
    return kinds.scenario_of(kinds.fields_of("real_time", block, name="m5"), horizon="2d")


def test_a_scenario_gives_horizon_and_clock() -> None:
    """The pool of a scenario that begins on a Tuesday has the actions of Tuesday and Wednesday."""
    given = scenario(scheduled_actions=[{"at": "08:00", "days": "tuesday", "min_capacity": 2}])
    loaded = simulator.load_scenario({**given, "starts_at": "2026-11-24T06:00:00+01:00"})
    found = loaded.pool(loaded.endpoints[0]).scaling
    assert found is not None
    assert (2 * DAY, (ScheduledAction(2 * HOUR, 2),)) == (found.horizon_ns, found.actions)


def test_uncertain_values_inside_the_block() -> None:
    """A range of targets, of launch times and of whole numbers; every replication has its own."""
    given = scenario(
        max_capacity={"between": [3, 6]},
        launch_time={"between": ["2m", "10m"]},
        policies=[TRACKING | {"target": {"between": [300, 900]}}],
    )
    loaded = simulator.load_scenario({**given, "replications": 8})
    assert [
        "endpoints[m5].autoscaling.launch_time",
        "endpoints[m5].autoscaling.max_capacity",
        "endpoints[m5].autoscaling.policies[0].target",
    ] == [one.name for one in loaded.assumed]
    pools = [one.pool(one.endpoints[0]) for one in map(loaded.realised, range(8))]
    assert {3, 4, 5, 6} == {pool.scaling.maximum for pool in pools if pool.scaling}
    targets = [one.target for pool in pools if pool.scaling for one in pool.scaling.policies if hasattr(one, "target")]
    assert 8 == len(set(targets))
    assert 300 <= min(targets) <= max(targets) <= 900
