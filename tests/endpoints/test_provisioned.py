"""Provisioned concurrency that follows its load: fields, translation, prices, and what goes wrong in each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import simulator
from simulator.demand import launch_times
from simulator.engines.scaling import Metric, Missing, Scaling, StepScaling, TargetTracking
from tests.endpoints.scaled import HOUR, PROVISIONED, S, fields_of, policy_of, scaled, scaling_of, scenario_of

TRACKING = {"kind": "target_tracking", "target": 0.7}
each_kind = pytest.mark.parametrize("kind", PROVISIONED)


def endpoint(kind: str = "serverless", block: dict[str, Any] | None = None, **fields: Any) -> Any:
    """One with three instances kept ready and this block of autoscaling."""
    return scaled(kind, {"max_capacity": 6, **(block or {})}, **{"provisioned_concurrency": 3, **fields})


def policy(**fields: Any) -> TargetTracking | StepScaling:
    """The one policy that the engines are given."""
    return policy_of(endpoint(block={"policies": [fields]}))


@each_kind
def test_spillover_counts_on_sagemaker_alone(kind: str) -> None:
    """Bounds are told as they are; the utilization of a function leaves out what went on demand."""
    assert Scaling(1, 6, HOUR, counts_spillover=kind == "serverless") == scaling_of(endpoint(kind))


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


@each_kind
def test_prices_are_those_of_provisioned_concurrency_from_none_on(kind: str) -> None:
    """An endpoint that starts without an instance kept ready may still have some later."""
    none = endpoint(kind, {"min_capacity": 0}, provisioned_concurrency=0)
    assert endpoint(kind).price_items() == none.price_items()
    assert any("provisioned_allocation" in item for item in none.price_items())


def test_allocation_times_are_found_by_number() -> None:
    """2 min by default, or drawn from a stream of their own, the same for endpoints that differ."""
    time = {"kind": "uniform", "low": "1m", "high": "3m"}
    block = {"allocation_time": time}
    others = [fields_of(kind, block, name=kind) for kind in PROVISIONED]
    scenario = simulator.load_scenario(scenario_of(endpoint().model_dump(mode="json", exclude_none=True), *others))
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


def test_assumptions_are_listed() -> None:
    """What is not published, and only where it plays a part."""
    words = "\n".join(endpoint(block={"policies": [TRACKING]}).assumptions())
    for word in ("allocation_time 2m", "while_updating wait", "statistic average", "missing_data hold", "is paid from"):
        assert word in words
    given = {"statistic": "maximum", "missing_data": "zero"}
    others = endpoint(block={"policies": [TRACKING | given], "allocation_time": "1m", "while_updating": "scale_out"})
    words = "\n".join(others.assumptions())
    assert not [word for word in ("allocation_time", "while_updating", "statistic", "missing_data") if word in words]
