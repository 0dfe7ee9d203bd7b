"""Asynchronous endpoints: defaults, limits of SageMaker, translation into a pool, and what is assumed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from simulator.endpoints import Asynchronous, Endpoint, RunLength
from simulator.engines.pool import OnTimeout, Pool, Routing, TimeoutFrom
from simulator.engines.scaling import Adjustment, Metric, Scaling, Step, StepScaling, TargetTracking
from simulator.units import FOREVER, NS_PER_SECOND

ENDPOINTS: TypeAdapter[Any] = TypeAdapter(Endpoint)
S = NS_PER_SECOND


def asynchronous(**changes: Any) -> Asynchronous:
    """The least endpoint, changed."""
    least = {"kind": "asynchronous", "name": "batch", "instance_type": "ml.g5.xlarge"}
    endpoint: Asynchronous = ENDPOINTS.validate_python({**least, **changes})
    return endpoint


def test_the_defaults_are_those_of_sagemaker() -> None:
    """One queue without a limit, 6 h to live in it, 15 minutes of service; it waits for capacity."""
    assert (
        Pool(
            standing=1,
            launches=False,
            places=1,
            routing=Routing.CENTRAL_QUEUE,
            queue_limit=FOREVER,
            timeout_ns=900 * S,
            timeout_from=TimeoutFrom.START,
            waits_for_capacity=True,
            time_to_live_ns=6 * 3600 * S,
        )
        == asynchronous().pool()
    )


def test_every_given_field_reaches_the_pool() -> None:
    """Counts, limits, cores, and what becomes of long services."""
    pool = asynchronous(
        initial_instance_count=3,
        max_concurrent_invocations_per_instance=8,
        request_ttl="1h",
        invocation_timeout="1m",
        on_timeout="stop",
        cores=4,
    ).pool()
    assert (3, 8, 4) == (pool.standing, pool.places, pool.cores)
    assert (3600 * S, 60 * S, OnTimeout.STOP) == (pool.time_to_live_ns, pool.timeout_ns, pool.on_timeout)


def test_scaling_to_zero_as_in_the_guide() -> None:
    """Target 5 of backlog, and a wake after 2 of 2 points: one instance, cooldown 300 s."""
    block = {
        "min_capacity": 0,
        "max_capacity": 5,
        "policies": [{"kind": "target_tracking", "metric": "backlog_per_instance", "target": 5}, {"kind": "wake"}],
    }
    assert (
        Scaling(
            minimum=0,
            maximum=5,
            horizon_ns=S,
            policies=(
                TargetTracking(Metric.BACKLOG_PER_INSTANCE, 5.0),
                StepScaling(
                    metric=Metric.BACKLOG_WITHOUT_CAPACITY,
                    threshold=1.0,
                    above=True,
                    steps=(Step(0.0, math.inf, 1),),
                    adjustment=Adjustment.CHANGE,
                    points=2,
                    cooldown_ns=300 * S,
                ),
            ),
        )
        == asynchronous(autoscaling=block).pool(RunLength(S)).scaling
    )


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        (
            {"max_concurrent_invocations_per_instance": 1001},
            "max_concurrent_invocations_per_instance",
            "1001 is not allowed on SageMaker, must be at most 1000",
        ),
        ({"max_concurrent_invocations_per_instance": 0}, "max_concurrent_invocations_per_instance", "equal to 1"),
        ({"request_ttl": "7h"}, "request_ttl", '"25200s" is not allowed on SageMaker, must be 60s to 21600s'),
        ({"request_ttl": "none"}, "request_ttl", '"none" is not allowed on SageMaker, must be 60s to 21600s'),
        ({"invocation_timeout": "61m"}, "invocation_timeout", '"3660s" is not allowed on SageMaker, must be 1s to'),
        ({"queue_limit": 3}, "queue_limit", "Extra inputs are not permitted"),
        (
            {
                "autoscaling": {
                    "max_capacity": 2,
                    "policies": [{"kind": "wake", "metric": "no_capacity_failures"}],
                }
            },
            "autoscaling",
            "policies[0] watches no_capacity_failures, which an asynchronous endpoint does not have; it has "
            "backlog_per_instance, backlog_without_capacity",
        ),
        (
            {"initial_instance_count": 3, "autoscaling": {"max_capacity": 2}},
            "autoscaling",
            "min_capacity 1 to max_capacity 2 do not hold initial_instance_count, which is 3",
        ),
    ],
)
def test_one_mistake_gives_one_message_at_its_field(changes: dict[str, Any], field: str, message: str) -> None:
    """The value and what is allowed."""
    with pytest.raises(ValidationError) as caught:
        asynchronous(**changes)
    (error,) = caught.value.errors()
    assert ("asynchronous", field) == error["loc"]
    assert message in error["msg"]


def test_mistakes_in_several_fields_are_told_at_once() -> None:
    """Three wrong fields, three messages."""
    with pytest.raises(ValidationError) as caught:
        asynchronous(request_ttl="1s", invocation_timeout="2h", volume_size="1500MB")
    assert {"request_ttl", "invocation_timeout", "volume_size"} == {
        str(error["loc"][1]) for error in caught.value.errors()
    }


def test_other_platforms_have_no_limits() -> None:
    """Only instance types of SageMaker have its limits."""
    pool = asynchronous(instance_type="m5.xlarge", request_ttl="none", invocation_timeout="none").pool()
    assert (FOREVER, FOREVER) == (pool.time_to_live_ns, pool.timeout_ns)
    assert [] == asynchronous(instance_type="m5.xlarge").check_payload(1e12, 1e12)


def test_payload_above_1_gb_is_told() -> None:
    """Of a request; responses go to a bucket."""
    assert [] == asynchronous().check_payload(1e9, 1e12)
    assert [
        "payload_in reaches 1000000001B, a SageMaker asynchronous endpoint takes at most 1000000000B"
    ] == asynchronous().check_payload(1_000_000_001, 0)


def test_price_items() -> None:
    """The instance, and storage if there is any; payloads are not billed as data processed."""
    assert ("real_time.instance.ml.g5.xlarge",) == asynchronous().price_items()
    assert ("real_time.instance.ml.g5.xlarge", "real_time.storage") == asynchronous(volume_size="20GB").price_items()


def test_what_is_assumed() -> None:
    """How many requests an instance takes, until it is given; that services go on; that it starts at 0 instances."""
    lines = asynchronous().assumptions()
    assert any(line.startswith("max_concurrent_invocations_per_instance 1 (default)") for line in lines)
    assert any(line.startswith("on_timeout serve_on (default)") for line in lines)
    given = asynchronous(max_concurrent_invocations_per_instance=4, on_timeout="stop").assumptions()
    assert not any(line.startswith(("max_concurrent", "on_timeout")) for line in given)
    at_zero = asynchronous(initial_instance_count=0, autoscaling={"min_capacity": 0, "max_capacity": 1})
    assert any(line.startswith("initial_instance_count 0: ") for line in at_zero.assumptions())


def test_what_is_written_out_reads_back() -> None:
    """With every default filled in, the endpoint is the same and assumes the same."""
    endpoint = asynchronous(
        autoscaling={"min_capacity": 0, "max_capacity": 3, "policies": [{"kind": "wake"}]}, cores=2, overhead="5ms"
    )
    again = ENDPOINTS.validate_python(ENDPOINTS.dump_python(endpoint, mode="json", exclude_none=True))
    assert endpoint == again
    assert endpoint.assumptions() == again.assumptions()
