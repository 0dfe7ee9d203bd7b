"""Provisioned concurrency that follows its load: fields, translation, prices, and what goes wrong in each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

import simulator
from simulator.demand import launch_times
from simulator.endpoints import Endpoint, RunLength
from simulator.engines.scaling import (
    Metric,
    Missing,
    Scaling,
    ScheduledAction,
    StepScaling,
    TargetTracking,
)
from simulator.errors import ScenarioError
from simulator.units import NS_PER_SECOND

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
S = NS_PER_SECOND
HOUR = 3600 * S
KINDS: dict[str, dict[str, Any]] = {
    "serverless": {"kind": "serverless", "memory_size": "2048MB", "max_concurrency": 10},
    "function": {"kind": "function", "memory_size": "1024MB", "max_concurrency": 10},
}
TRACKING = {"kind": "target_tracking", "target": 0.7}
each_kind = pytest.mark.parametrize("kind", sorted(KINDS))


def endpoint(kind: str = "serverless", block: dict[str, Any] | None = None, **fields: Any) -> Any:
    """One with three instances kept ready and this block of autoscaling."""
    given = {"name": "one", "provisioned_concurrency": 3, "autoscaling": {"max_capacity": 6, **(block or {})}}
    return ENDPOINTS.validate_python({**KINDS[kind], **given, **fields})


def policy(**fields: Any) -> TargetTracking | StepScaling:
    """The one policy that the engines are given."""
    scaling = endpoint(block={"policies": [fields]}).pool(RunLength(HOUR)).scaling
    assert scaling is not None
    (found,) = scaling.policies
    return found


@each_kind
def test_only_scaling_differs_from_provisioned_concurrency_that_stays(kind: str) -> None:
    """The pool is otherwise the same; on sagemaker spillover counts too; without the run there is no pool."""
    one = endpoint(kind)
    pool = one.pool(RunLength(HOUR))
    assert Scaling(1, 6, HOUR, counts_spillover=kind == "serverless") == pool.scaling
    fixed = one.model_copy(update={"autoscaling": None})
    assert fixed.pool() == type(pool)(**{**pool.__dict__, "scaling": None})
    with pytest.raises(ValueError, match="one scales: its pool depends on the run"):
        one.pool()


def test_target_tracking_has_the_predefined_metric_and_the_delays_that_were_seen() -> None:
    """Average; 3 points of a minute known after 2 minutes, 15 below; a period without a request is a missing point."""
    assert TargetTracking(
        metric=Metric.PROVISIONED_UTILIZATION_AVERAGE,
        target=0.7,
        period_ns=60 * S,
        delay_ns=120 * S,
        points_out=3,
        points_in=15,
        scale_in_cooldown_ns=300 * S,
        scales_in=True,
        missing=Missing.HOLD,
    ) == policy(**TRACKING)


@pytest.mark.parametrize("rule", ["hold", "zero", "ignore"])
def test_statistic_and_missing_data(rule: str) -> None:
    """Each is told to the engines."""
    found = policy(**TRACKING, statistic="maximum", missing_data=rule)
    assert isinstance(found, TargetTracking)
    assert (Metric.PROVISIONED_UTILIZATION_MAXIMUM, Missing[rule.upper()]) == (found.metric, found.missing)


def test_step_scaling() -> None:
    """Steps of the same metric, of either statistic."""
    steps = {"kind": "step_scaling", "threshold": 0.9, "steps": [{"change": 2}], "statistic": "maximum"}
    found = policy(**steps)
    assert isinstance(found, StepScaling)
    assert (Metric.PROVISIONED_UTILIZATION_MAXIMUM, 0.9, 2) == (found.metric, found.threshold, found.steps[0].change)


def test_a_schedule() -> None:
    """Instants by the clock of the scenario."""
    actions = [{"at": "08:00", "min_capacity": 5}, {"at": "18:00", "min_capacity": 0, "max_capacity": 3}]
    scaling = endpoint(block={"scheduled_actions": actions}).pool(RunLength(24 * HOUR, 7 * 3600.0)).scaling
    assert (ScheduledAction(HOUR, 5, None), ScheduledAction(11 * HOUR, 0, 3)) == scaling.actions


@each_kind
def test_prices_are_those_of_provisioned_concurrency_from_none_on(kind: str) -> None:
    """An endpoint that starts without an instance kept ready may still have some later."""
    none = endpoint(kind, {"min_capacity": 0}, provisioned_concurrency=0)
    assert endpoint(kind).price_items() == none.price_items()
    assert any("provisioned_allocation" in item for item in none.price_items())


def test_allocation_times_are_found_by_number() -> None:
    """2 min by default, or drawn from a stream of their own, the same for endpoints that differ."""
    time = {"kind": "uniform", "low": "1m", "high": "3m"}
    block = {"max_capacity": 6, "allocation_time": time}
    others = [{**KINDS[kind], "name": kind, "provisioned_concurrency": 1, "autoscaling": block} for kind in KINDS]
    scenario = simulator.load_scenario(
        {
            "name": "two",
            "horizon": "1h",
            "traffic": {"kind": "poisson", "mean_rate": "1/s"},
            "model": {"service_time": "1s", "startup_time": "5s"},
            "endpoints": [endpoint().model_dump(mode="json", exclude_none=True), *others],
        }
    )
    given = {one.name: launch_times(scenario, one.name) for one in scenario.endpoints}
    assert [120 * S] * 2 == given["one"](2).tolist()  # type: ignore[misc]
    drawn = given["function"](3).tolist()  # type: ignore[misc]
    assert drawn == given["serverless"](3).tolist()  # type: ignore[misc]
    assert 3 == len(set(drawn))
    assert 60 * S <= min(drawn) <= max(drawn) <= 180 * S


@pytest.mark.parametrize(
    ("block", "fields", "told"),
    [
        ({"max_capacity": 2}, {}, "do not hold provisioned_concurrency, which is 3"),
        ({"min_capacity": 4}, {}, "do not hold provisioned_concurrency, which is 3"),
        ({"max_capacity": 11}, {}, "max_capacity 11 is not allowed, must be at most max_concurrency, which is 10"),
        (
            {"scheduled_actions": [{"at": "08:00", "max_capacity": 12}]},
            {},
            "max_capacity 12 is not allowed, must be at most max_concurrency, which is 10",
        ),
        (
            {},
            {"platform": "generic", "requests_per_instance": 2},
            "is not allowed with requests_per_instance 2, which must be 1",
        ),
        (
            {},
            {"platform": "generic", "at_limit": "queue"},
            "is not allowed with at_limit queue, which must be throttle",
        ),
        (
            {},
            {"platform": "generic", "waiting_requests": "first_free"},
            "is not allowed with waiting_requests first_free, which must be bound",
        ),
        ({"policies": [TRACKING | {"metric": "invocations_per_instance"}]}, {}, "provisioned_concurrency_utilization"),
        ({"policies": [TRACKING | {"statistic": "p99"}]}, {}, "'average' or 'maximum'"),
        ({"policies": [TRACKING | {"missing_data": "breaching"}]}, {}, "'hold', 'zero' or 'ignore'"),
        ({"policies": [{"kind": "wake"}]}, {}, "wake"),
        ({"launch_time": "2m"}, {}, "launch_time"),
    ],
)
def test_what_goes_wrong_is_told(block: dict[str, Any], fields: dict[str, Any], told: str) -> None:
    """Bounds, rules of the endpoint that do not go with it, metrics and fields of other kinds."""
    with pytest.raises(ValidationError) as caught:
        endpoint(block=block, **fields)
    assert told in str(caught.value)


def test_a_schedule_that_leaves_no_capacity_is_told_with_its_place() -> None:
    """As of real-time endpoints."""
    block = {"max_capacity": 6, "scheduled_actions": [{"at": "00:10", "min_capacity": 7}]}
    with pytest.raises(ScenarioError) as caught:
        simulator.load_scenario(
            {
                "name": "one",
                "horizon": "1h",
                "traffic": {"kind": "poisson", "mean_rate": "1/s"},
                "model": {"service_time": "1s", "startup_time": "5s"},
                "endpoints": [
                    {**KINDS["serverless"], "name": "one", "provisioned_concurrency": 1, "autoscaling": block}
                ],
            }
        )
    assert ["endpoints[0].autoscaling.scheduled_actions[0]"] == [one.path for one in caught.value.problems]


def test_assumptions_are_listed() -> None:
    """What is not published, and only where it plays a part."""
    words = "\n".join(endpoint(block={"policies": [TRACKING]}).assumptions())
    for word in ("allocation_time 2m", "while_updating wait", "statistic average", "missing_data hold", "is paid from"):
        assert word in words
    given = {"statistic": "maximum", "missing_data": "zero"}
    others = endpoint(block={"policies": [TRACKING | given], "allocation_time": "1m", "while_updating": "scale_out"})
    words = "\n".join(others.assumptions())
    assert not [word for word in ("allocation_time", "while_updating", "statistic", "missing_data") if word in words]
